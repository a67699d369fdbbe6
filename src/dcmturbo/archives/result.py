"""What a run over an archive says: how far it is, and what it did."""

from __future__ import annotations

from dataclasses import dataclass

from dcmturbo.archives.estimate import Estimate

__all__ = ["ArchiveResult", "Failure", "Progress"]


@dataclass(frozen=True)
class Failure:
    """A file that could not be done.

    Attributes
    ----------
    path, destination : str
        Where it is, and where it should have gone (empty for a folder that could not be read).
    error : str
        A sentence.
    type : str
        The exception's name.
    """

    path: str
    destination: str
    error: str
    type: str


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    files, skipped, failed : int
        Files done in this run (with those that failed), done before it, failed.
    files_total, bytes_total : int or None
        With those to come, without those done before; None until the end of the archive has been seen.
    frames : int
        Frames transcoded.
    bytes_before, bytes_after, pixel_bytes : int
        Sizes of the files that did not fail, and of their pixels decoded.
    bytes_done : int
        Sizes of all files done, of `bytes_total`.
    seconds : float
        Since the beginning.
    stopped : str or None
        Why no file is begun any more; those in hand are finished.
    """

    files: int
    files_total: int | None
    skipped: int
    failed: int
    frames: int
    bytes_before: int
    bytes_after: int
    pixel_bytes: int
    bytes_done: int
    bytes_total: int | None
    seconds: float
    stopped: str | None = None


@dataclass(frozen=True)
class ArchiveResult:
    """What a run did.

    Attributes
    ----------
    counts : dict of str to int
        Files by status: ``"transcoded"``, ``"copied"`` (as they were), ``"unchanged"`` (in place only), ``"failed"``,
        and ``"skipped"`` (done by an earlier run).
    frames : int
        Frames of the files transcoded or copied in this run.
    bytes_before, bytes_after : int
        Sizes of the files that did not fail, before and after.
    pixel_bytes : int
        Size of their pixels decoded.
    seconds : float
        How long it took.
    failures : tuple of Failure
        What could not be done.
    warnings : tuple of str
        What a reader should know: ``"path: sentence"``.
    manifest : str or None
        Where the manifest is.
    stopped : str or None
        Why the run ended early, None if it came to its end. The same call goes on from there.
    estimate : Estimate or None
        Of a dry run.
    """

    counts: dict[str, int]
    frames: int
    bytes_before: int
    bytes_after: int
    pixel_bytes: int
    seconds: float
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    manifest: str | None
    stopped: str | None
    estimate: Estimate | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every file is done."""
        return self.stopped is None and not self.failures
