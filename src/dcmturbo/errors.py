"""The exceptions of dcmturbo, and its warning.

All derive from `Error`. Each also derives from the built-in exception that callers of numpy or pydicom already catch.
All can be pickled, so they pass unchanged from worker processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "DecodeError",
    "DecodeWarning",
    "DeidentificationError",
    "EncodeError",
    "Error",
    "LimitExceeded",
    "NoPixelData",
    "NotDicom",
    "UnsupportedTransferSyntax",
    "add_note_once",
    "make_error",
    "reason_of",
]

# The values of ErrorCode in csrc/base/error.h.
CODES: tuple[str, ...] = (
    "ok",
    "truncated",
    "malformed",
    "mismatch",
    "unsupported",
    "limit",
    "missing_frame",
    "out_of_memory",
    "source",
    "argument",
    "not_dicom",
    "no_pixel_data",
    "unknown_transfer_syntax",
    "internal",
    "other_codec",
    "interrupted",
    "option",
)


class Error(Exception):
    """Base class of all exceptions of dcmturbo.

    Parameters
    ----------
    message : str
        What was expected, and what was found.
    code : str, optional
        One of `CODES`; by default the one of the class.
    frame : int, optional
        The frame, counted from 0.
    offset : int, optional
        The byte: within the encoded frame if `frame` is given, otherwise within the source.
    source : str, optional
        The path or URL of the object, if it was opened by one; without passwords and other secrets.

    Attributes
    ----------
    message : str
        The message without source, frame and offset, which ``str()`` puts before it.
    code : str
    frame, offset : int or None
    source : str or None
    whole : tuple of int or None
        Of a JPEG 2000 or HTJ2K codestream that ends early, what it has in full: how many resolutions, counted from the
        lowest, and how many layers of the resolutions that were decoded.
    """

    default_code: ClassVar[str] = "internal"

    message: str
    code: str
    frame: int | None
    offset: int | None
    source: str | None
    whole: tuple[int, int] | None = None

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        frame: int | None = None,
        offset: int | None = None,
        source: str | None = None,
    ) -> None:
        # BaseException pickles `args` and `__dict__`, which is enough here.
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.frame = frame
        self.offset = offset
        self.source = source

    def __str__(self) -> str:
        return self.reason if self.source is None else f"{self.source}: {self.reason}"

    @property
    def reason(self) -> str:
        """What ``str()`` returns, without the source."""
        where = []
        if self.frame is not None:
            where.append(f"frame {self.frame}")
        if self.offset is not None:
            where.append(f"byte {self.offset}")
        return f"{', '.join(where)}: {self.message}" if where else self.message


class DecodeError(Error, ValueError):
    """The data cannot be decoded: they are damaged, cut short or contradictory, or of an unsupported kind."""

    default_code = "malformed"


class LimitExceeded(DecodeError):  # noqa: N818
    """Decoding would exceed a limit of `dcmturbo.config`. Nothing has been allocated for it."""

    default_code = "limit"


class EncodeError(Error, ValueError):
    """The format, or the library behind it, cannot encode the array as requested."""

    default_code = "argument"


class DeidentificationError(Error, ValueError):
    """An object cannot be de-identified for certain, so it is not written; the message says why."""

    default_code = "unsupported"


class UnsupportedTransferSyntax(Error, NotImplementedError):  # noqa: N818
    """There is no codec for a transfer syntax; the message names it."""

    default_code = "unknown_transfer_syntax"


class NotDicom(Error):  # noqa: N818
    """A source is not a DICOM file."""

    default_code = "not_dicom"


class NoPixelData(Error, AttributeError):  # noqa: N818
    """A DICOM object has no pixel data.

    Attributes
    ----------
    describes_image : bool
        Whether its Rows, Columns and BitsAllocated describe an image all the same: it may have been cut.
    """

    default_code = "no_pixel_data"

    describes_image: bool = False


_CLASSES: dict[str, type[Error]] = {
    "limit": LimitExceeded,
    "not_dicom": NotDicom,
    "no_pixel_data": NoPixelData,
    "unknown_transfer_syntax": UnsupportedTransferSyntax,
}


def make_error(
    code: int | str,
    message: str,
    *,
    frame: int | None = None,
    offset: int | None = None,
    whole: tuple[int, int] | None = None,
    source: str | None = None,
) -> Error:
    """Return the exception for an error code of the core.

    Parameters
    ----------
    code : int or str
        A value or name of ``ErrorCode`` (csrc/base/error.h).
    message : str
        What was expected, and what was found.
    frame, offset, source : optional
        As `Error` takes them.
    whole : tuple of int, optional
        As `Error` has it.

    Returns
    -------
    Error
        `DecodeError`, or another subclass of `Error` if the code has one.
    """
    name = CODES[code] if isinstance(code, int) else code
    error = _CLASSES.get(name, DecodeError)(message, code=name, frame=frame, offset=offset, source=source)
    if whole is not None:
        error.whole = whole
        error.message += f" (complete: {whole[0]} resolutions from the lowest, {whole[1]} layers of what was decoded)"
    return error


def describe_failure(failure: BaseException) -> tuple[int, str, int]:
    """Return code, message and offset of an exception in the core's form (2**64 - 1 means no offset)."""
    if isinstance(failure, Error):
        code = failure.code if failure.code in CODES else "internal"
        return CODES.index(code), failure.message, 2**64 - 1 if failure.offset is None else failure.offset
    if isinstance(failure, MemoryError):
        return CODES.index("out_of_memory"), "out of memory", 2**64 - 1
    return CODES.index("internal"), f"{type(failure).__name__}: {failure}", 2**64 - 1


class DecodeWarning(UserWarning):
    """Salvage left something out (``on_error="salvage"``), or an object contradicts itself in a harmless way.

    Parameters
    ----------
    message : str
        A sentence for people.
    status : numpy.ndarray of uint8, optional
        With salvage, one value per frame: 0 OK, 1 PARTIAL, 2 MISSING, 3 FAILED.
    errors : mapping of int to Error, optional
        With salvage, the errors by frame; otherwise empty.
    source : str, optional
        The path or URL of the object, if it was opened by one; without passwords and other secrets.

    Attributes
    ----------
    status, errors, source
        As given.
    reason : str
        The message without the source, which ``str()`` puts behind it: filters of warnings look at the beginning.
    """

    status: Any
    errors: dict[int, Error]
    source: str | None

    def __init__(
        self,
        message: str = "",
        *,
        status: Any = None,
        errors: Mapping[int, Error] | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = message
        self.status = status
        self.errors = dict(errors or {})
        self.source = source

    def __str__(self) -> str:
        return self.reason if self.source is None else f"{self.reason} (in {self.source})"


def reason_of(error: BaseException) -> str:
    """Return the text of an exception, where its source is named already."""
    return error.reason if isinstance(error, Error) else str(error)


def add_note_once(error: BaseException, note: str) -> None:
    """Add a note to an exception, unless it has the same note already."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
