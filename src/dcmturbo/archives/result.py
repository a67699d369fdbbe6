"""The progress and the result of a run over an archive."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcmturbo.redaction import without_secrets

__all__ = ["ArchiveResult", "Estimate", "Failure", "Progress"]


@dataclass(frozen=True)
class Estimate:
    """An estimate of what an archive would become.

    Attributes
    ----------
    files, bytes_before : int
        All that was found.
    bytes_after : int
        Estimated.
    standard_error : float
        Relative standard error of `bytes_after`.
    seconds : float
        Estimated, with all workers.
    sampled_files, sampled_bytes : int
        Size of the sample.
    taken : int
        Files whose destination is taken by a file that dcmturbo did not write.
    """

    files: int
    bytes_before: int
    bytes_after: int
    standard_error: float
    seconds: float
    sampled_files: int
    sampled_bytes: int
    taken: int = 0

    def describe(self) -> str:
        """Return how the estimate was made, as a sentence."""
        if not self.sampled_files:
            return "no file could be transcoded as a sample"
        if self.sampled_files == self.files:
            return "every file was transcoded into a temporary folder"
        return (
            f"{self.sampled_files} of {self.files} files, chosen at random, were transcoded into a "
            "temporary folder. Their compression ratio was applied to all files (standard error "
            f"{100 * self.standard_error:.1f} %)"
        )


@dataclass(frozen=True)
class Failure:
    """A file that could not be done.

    Attributes
    ----------
    path, destination : str
        Its path, and its destination (empty for a folder that could not be read).
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
    """The progress of a run.

    Attributes
    ----------
    files, skipped, failed : int
        Files done in this run (including failed ones), done before it, and failed.
    files_total, bytes_total : int or None
        All files of this run, without those done before; None until the whole archive has been listed.
    frames : int
        Frames transcoded.
    bytes_before, bytes_after, pixel_bytes : int
        Sizes of the files that did not fail, and of their decoded pixels.
    bytes_done : int
        Sizes of all files that are done, and of all files.
    seconds : float
        Since the beginning.
    stopped : str or None
        Why no more files are begun; those in work are finished.
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
        Number of files by status: ``"transcoded"``, ``"copied"`` (unchanged), ``"unchanged"`` (in place only),
        ``"failed"``, ``"skipped"`` (done by an earlier run), and, with ``on_failure="skip"``, ``"left_out"``.
    frames : int
        Frames of the files that were transcoded or copied in this run.
    bytes_before, bytes_after : int
        Sizes of the files that did not fail, before and after.
    pixel_bytes : int
        Size of their decoded pixels.
    seconds : float
        How long it took.
    failures : tuple of Failure
        The files that could not be processed.
    warnings : tuple of str
        Warnings, as ``"path: sentence"``.
    manifest : str or None
        Where the manifest is.
    stopped : str or None
        Why the run ended early; None if it came to its end. The same call continues it.
    estimate : Estimate or None
        Of a dry run.
    warned : tuple of (str, str)
        `warnings` in two parts: the path, which may be empty, and the sentence.
    left : int or None
        Files that the run did not reach; None if it ended before it had listed the whole archive.
    blanked : tuple of float
        The share of the pixels that this run blanked, from 0 to 1, of each file in which it blanked any.
    kept : dict of str to int
        Number of files that this run copied unchanged or left as they are, by the reason.
    lossy : int
        Number of files that lost something in this run.
    maximum_error, lowest_psnr : float or None
        The largest error of a sample in these files, and the lowest peak signal-to-noise ratio of one of them.
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
    warned: tuple[tuple[str, str], ...] = ()
    left: int | None = None
    blanked: tuple[float, ...] = ()
    kept: dict[str, int] = field(default_factory=dict)
    lossy: int = 0
    maximum_error: float | None = None
    lowest_psnr: float | None = None

    def __post_init__(self) -> None:
        """Leave out the secrets of URLs."""
        hide = without_secrets
        failures = tuple(
            Failure(hide(one.path), hide(one.destination), hide(one.error), one.type) for one in self.failures
        )
        for name, value in (
            ("failures", failures),
            ("warnings", tuple(map(hide, self.warnings))),
            ("warned", tuple((hide(path), hide(message)) for path, message in self.warned)),
        ):
            object.__setattr__(self, name, value)

    @property
    def is_complete(self) -> bool:
        """Whether every file is done."""
        return self.stopped is None and not self.failures
