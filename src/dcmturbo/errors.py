"""The exceptions of dcmturbo, and its warning.

All derive from `Error`, and each also from the built-in exception that a caller of numpy or pydicom
already catches. All survive pickling, so that they pass from worker processes unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "DecodeError",
    "DecodeWarning",
    "EncodeError",
    "Error",
    "LimitExceeded",
    "NoPixelData",
    "NotDicom",
    "UnsupportedTransferSyntax",
    "make_error",
]

# ErrorCode of csrc/base/error.h, by value.
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
)


class Error(Exception):
    """Base of all exceptions that dcmturbo raises itself.

    Parameters
    ----------
    message : str
        What was expected, and what was found.
    code : str, optional
        One of `CODES`, by default the one that fits the class.
    frame : int, optional
        The frame, counted from 0.
    offset : int, optional
        The byte: within the encoded frame where `frame` is given, else within the source.

    Attributes
    ----------
    message : str
        The message alone; ``str()`` puts frame and offset before it.
    code : str
    frame, offset : int or None
    """

    default_code: ClassVar[str] = "internal"

    message: str
    code: str
    frame: int | None
    offset: int | None

    def __init__(
        self, message: str = "", *, code: str | None = None, frame: int | None = None, offset: int | None = None
    ) -> None:
        # BaseException pickles `args` and `__dict__`: nothing else is needed to survive it.
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.frame = frame
        self.offset = offset

    def __str__(self) -> str:
        where = []
        if self.frame is not None:
            where.append(f"frame {self.frame}")
        if self.offset is not None:
            where.append(f"byte {self.offset}")
        return f"{', '.join(where)}: {self.message}" if where else self.message


class DecodeError(Error, ValueError):
    """Data cannot be decoded: cut short, damaged, contradictory, or of a kind that nothing here reads."""

    default_code = "malformed"


class LimitExceeded(DecodeError):  # noqa: N818
    """Decoding would take more than `dcmturbo.config` allows: nothing has been allocated."""

    default_code = "limit"


class EncodeError(Error, ValueError):
    """An array cannot be encoded as asked: the syntax, or the library behind it, does not hold it."""

    default_code = "argument"


class UnsupportedTransferSyntax(Error, NotImplementedError):  # noqa: N818
    """No codec for a transfer syntax, which the message names."""

    default_code = "unknown_transfer_syntax"


class NotDicom(Error):  # noqa: N818
    """A source is not a DICOM file."""

    default_code = "not_dicom"


class NoPixelData(Error, AttributeError):  # noqa: N818
    """A DICOM object holds no pixel data."""

    default_code = "no_pixel_data"


_CLASSES: dict[str, type[Error]] = {
    "limit": LimitExceeded,
    "not_dicom": NotDicom,
    "no_pixel_data": NoPixelData,
    "unknown_transfer_syntax": UnsupportedTransferSyntax,
}


def make_error(code: int | str, message: str, *, frame: int | None = None, offset: int | None = None) -> Error:
    """Return the exception for an error code of the core.

    Parameters
    ----------
    code : int or str
        A value or a name of ``ErrorCode`` (csrc/base/error.h).
    message : str
        What was expected, and what was found.
    frame, offset : int, optional
        As `Error` takes them.

    Returns
    -------
    Error
        `DecodeError` or the subclass of `Error` that the code has of its own.
    """
    name = CODES[code] if isinstance(code, int) else code
    return _CLASSES.get(name, DecodeError)(message, code=name, frame=frame, offset=offset)


def describe_failure(failure: BaseException) -> tuple[int, str, int]:
    """Return code, message and offset of an exception as the core passes them on (2**64 - 1: no offset)."""
    if isinstance(failure, Error):
        code = failure.code if failure.code in CODES else "internal"
        return CODES.index(code), failure.message, 2**64 - 1 if failure.offset is None else failure.offset
    if isinstance(failure, MemoryError):
        return CODES.index("out_of_memory"), "out of memory", 2**64 - 1
    return CODES.index("internal"), f"{type(failure).__name__}: {failure}", 2**64 - 1


class DecodeWarning(UserWarning):
    """Salvage left something out (``on_error="salvage"``), or an object contradicts itself harmlessly.

    Parameters
    ----------
    message : str
        A sentence for people.
    status : numpy.ndarray of uint8, optional
        Of salvage, one a frame: 0 OK, 1 PARTIAL, 2 MISSING, 3 FAILED.
    errors : mapping of int to Error, optional
        Of salvage: what went wrong, by frame; else empty.
    """

    status: Any
    errors: dict[int, Error]

    def __init__(self, message: str = "", *, status: Any = None, errors: Mapping[int, Error] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.errors = dict(errors or {})
