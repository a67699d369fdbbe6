"""A file to be done, and its result."""

from __future__ import annotations

from typing import Any, NamedTuple

from dcmturbo.transcoding.result import TranscodeResult

__all__ = ["FIGURES", "Outcome", "Task"]

# What is known of an object that was done: from `TranscodeResult` to `Outcome`, the manifest and the reports, which
# have these fields under these names and in this order.
FIGURES = (
    *("frames", "bytes_before", "bytes_after", "pixel_bytes", "digest", "verified", "lossy"),
    *("maximum_error", "mean_error", "psnr"),
)


class Task(NamedTuple):
    """A file to be done."""

    number: int
    source: str
    destination: str
    owned: str | None = None  # the identity of the output that an earlier run left there; it may be replaced
    was_begun: bool = False  # a killed run was working on it, so an existing file may be its output
    uid: str | None = None  # the SOP Instance UID of the output, if it gets its own
    failed: tuple[str, str] | None = None  # the error and its type: the file is only copied
    original: str | None = None  # in place: the identity of the source when it was first begun


class Outcome(NamedTuple):
    """The result of a file. All values are plain, because they come from other processes and machines."""

    number: int
    status: str
    seconds: float
    source_syntax: str | None = None
    frames: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    pixel_bytes: int = 0
    digest: str | None = None
    verified: bool = False
    lossy: bool = False
    maximum_error: float | None = None
    mean_error: float | None = None
    psnr: float | None = None
    error: str | None = None
    error_type: str | None = None
    hopeless: str | None = None  # why the next file need not be tried
    warnings: tuple[str, ...] = ()
    identity: tuple[int, int] | None = None  # size and mtime of the file that is now at the place of the source
    output: str | None = None  # the identity of what was written
    original: str | None = None  # that of the source
    blanked: float = 0.0  # the share of the pixels that were blanked
    kept: str | None = None  # why it was copied or stays as it is, in a few words

    @classmethod
    def of(cls, number: int, result: TranscodeResult) -> Outcome:
        """Return the outcome of a file that was transcoded, or copied in the course of it."""
        figures = {name: getattr(result, name) for name in FIGURES}
        return cls(
            number, result.status, 0.0, result.source_transfer_syntax, warnings=tuple(result.warnings), **figures
        )

    @property
    def figures(self) -> dict[str, Any]:
        """The fields of `FIGURES`, by their names."""
        return {name: getattr(self, name) for name in FIGURES}
