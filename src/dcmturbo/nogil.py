"""Decode and encode frames in compiled code that does not hold the GIL: Numba functions, and ``nogil.pxd`` for Cython.

Both call the C interface of the core (csrc/dcmturbo.h) through its capsule. `decode_frame` and `encode_frame` need
Numba (``pip install 'dcmturbo[jit]'``); the rest of this module does not.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from dcmturbo.c_interface import (
    ARGUMENT,
    ATTRIBUTES,
    BYTES,
    CALL_WORDS,
    COLUMNS,
    ERROR,
    ERROR_BYTES,
    FORMAT,
    IMAGE,
    ITEM_SIZE,
    OWN_FORMAT,
    REQUEST,
    ROWS,
    SAMPLES,
    STATUS,
    WORDS,
    WRITTEN,
    Attributes,
    Error,
    Format,
    Request,
    core_function,
)
from dcmturbo.errors import UnsupportedTransferSyntax
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.frames.arguments import sample_dtype
from dcmturbo.frames.compiled_function import FrameFunction
from dcmturbo.frames.frame_set import UnusedBits, check_unused_bits

__all__ = ["FrameFunction", "decode_frame", "describe_frame", "encode_bound", "encode_frame", "error_of"]

# Compiled when they are first used: see `_compile`, which also documents them.
decode_frame: Any
encode_frame: Any

# csrc/base/error.h, ErrorCode.
_MEANINGS = {
    0: "no error",
    1: "the data end too early",
    2: "the data contradict their own format",
    3: "codestream and description contradict each other",
    4: "the data are valid, but dcmturbo cannot decode or encode them",
    5: "the frame is larger than dt.config.limits allows",
    7: "there is not enough memory",
    9: (
        "an array does not fit: it has another shape or item size than the description, its bytes are not contiguous, "
        "or it is too small for the encoded frame"
    ),
    12: "the core does not know the transfer syntax, or has no encoder of its own for it",
    13: "a bug in dcmturbo",
    15: "the call was interrupted",
    16: "the codec has no such option",
}


def describe_frame(
    transfer_syntax: str,
    *,
    rows: int,
    columns: int,
    samples_per_pixel: int = 1,
    bits_allocated: int,
    bits_stored: int | None = None,
    pixel_representation: int = 0,
    photometric_interpretation: str | None = None,
    planar_configuration: int = 0,
    raw: bool = False,
    unused_bits: UnusedBits = "correct",
) -> np.ndarray:
    """Describe frames for `decode_frame` and `encode_frame`.

    Parameters
    ----------
    transfer_syntax : str
        UID, keyword as in ``pydicom.uid``, or a short name of the command line such as "htj2k", which is lossless.
    rows, columns, samples_per_pixel, bits_allocated, bits_stored, pixel_representation, photometric_interpretation, \
planar_configuration
        The attributes of the Image Pixel module, as `dcmturbo.decode_frame` takes them.
    raw, unused_bits
        As in `dcmturbo.decode`.

    Returns
    -------
    numpy.ndarray of uint64
        Opaque. One description serves any number of calls and threads. Do not change it.

    Raises
    ------
    UnsupportedTransferSyntax, DecodeError, TypeError, ValueError
        If there are no such frames.
    """
    syntax = name_transfer_syntax(transfer_syntax)
    if not syntax.decodable:
        raise UnsupportedTransferSyntax(f"dcmturbo cannot decode {syntax.name} ({syntax.uid})")
    if photometric_interpretation is None:
        photometric_interpretation = "MONOCHROME2" if samples_per_pixel == 1 else "RGB"
    stored = bits_allocated if bits_stored is None else bits_stored
    for name, value, most in (
        *(("rows", rows, 0xFFFF), ("columns", columns, 0xFFFF), ("samples_per_pixel", samples_per_pixel, 0xFFFF)),
        *(("bits_allocated", bits_allocated, 64), ("bits_stored", stored, 64)),
        *(("pixel_representation", pixel_representation, 1), ("planar_configuration", planar_configuration, 1)),
    ):
        if not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} is {value!r}; expected a whole number")
        if not 0 <= value <= most:
            raise ValueError(f"{name} is {value}; expected 0 to {most}")
    described = np.zeros(WORDS, np.uint64)
    cells = described.view(np.uint8)
    uid = syntax.uid.encode()
    cells[: len(uid)] = np.frombuffer(uid, np.uint8)
    attributes = Attributes.from_buffer(described.data.cast("B"), 8 * ATTRIBUTES)
    attributes.size, attributes.rows, attributes.columns = ctypes.sizeof(attributes), rows, columns
    attributes.samples_per_pixel, attributes.bits_allocated, attributes.bits_stored = (
        samples_per_pixel,
        bits_allocated,
        stored,
    )
    attributes.pixel_representation, attributes.planar_configuration = pixel_representation, planar_configuration
    name_of = core_function("photometric_from_name", ctypes.c_uint8, ctypes.c_char_p)
    attributes.photometric = name_of(photometric_interpretation.encode())
    request = Request.from_buffer(described.data.cast("B"), 8 * REQUEST)
    request.size, request.raw = ctypes.sizeof(request), int(raw)
    request.keep_unused_bits = int(check_unused_bits(unused_bits))
    form = Format.from_buffer(described.data.cast("B"), 8 * FORMAT)
    form.size = ctypes.sizeof(form)
    error = Error(size=ctypes.sizeof(Error))
    settle = core_function("frame_format", ctypes.c_int32, *[ctypes.c_void_p] * 6)
    at = described.ctypes.data
    code = settle(
        at, at + 8 * ATTRIBUTES, None, at + 8 * REQUEST, at + 8 * FORMAT, ctypes.addressof(error)
    )  # fmt: skip
    if code:
        raise ValueError(error.message.decode())
    dtype = sample_dtype(bits_allocated, pixel_representation)
    described[ROWS:WORDS] = (form.rows, form.columns, form.samples_per_pixel, dtype.itemsize)
    return described


def encode_bound(description: np.ndarray) -> int:
    """Return the number of bytes that are enough for each encoded frame, whatever its pixels are.

    Parameters
    ----------
    description : numpy.ndarray
        From `describe_frame`.

    Raises
    ------
    UnsupportedTransferSyntax
        If the core has no encoder of its own for the transfer syntax.
    ValueError
        If it is no description.
    """
    words = np.ascontiguousarray(description)
    if words.dtype != np.uint64 or words.shape != (WORDS,):
        raise ValueError("the description is not an array from describe_frame")
    at = words.ctypes.data
    bound = int(
        core_function("encode_bound", ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)(at, at + 8 * ATTRIBUTES)
    )
    if not bound:
        uid = words[:ATTRIBUTES].tobytes().rstrip(b"\0").decode("ascii", "replace")
        raise UnsupportedTransferSyntax(f"the core has no encoder of its own for the transfer syntax {uid}")
    return bound


def error_of(code: int) -> str:
    """Return what a code means, in a few words. `dcmturbo.decode_frame` with the same bytes raises the whole message.

    Parameters
    ----------
    code : int
        What `decode_frame` returned, or what `encode_frame` returned if it is negative.
    """
    return _MEANINGS.get(abs(code), f"code {code}")


def _argument_checks() -> tuple[Any, Any]:
    """Return what checks the types of the arguments of `decode_frame` and `encode_frame` while Numba compiles."""
    from numba.core import types
    from numba.core.errors import TypingError
    from numba.extending import overload

    def check(frame: Any, pixels: Any, content: Any, function: str, name: str, bytes_name: str) -> None:
        def refuse(argument: str, expected: str, found: Any) -> None:
            raise TypingError(f"dcmturbo.nogil.{function}: {argument} is {expected}, not {found}")

        if not (isinstance(frame, types.Array) and frame.ndim == 1 and frame.dtype == types.uint64):
            refuse("the description", "the array that describe_frame returns", frame)
        if not (isinstance(content, types.Array) and content.ndim == 1 and content.dtype == types.uint8):
            refuse(bytes_name, "a contiguous array of uint8 with one axis (for bytes: np.frombuffer)", content)
        if not (isinstance(pixels, types.Array) and pixels.ndim in (2, 3)):
            refuse(name, "an array of the shape (rows, columns) or (rows, columns, samples)", pixels)
        written, argument = (pixels, name) if name == "out" else (content, bytes_name)
        if not written.mutable:
            refuse(argument, "written to, so it is a writable array", written)

    def check_decode(frame: Any, data: Any, out: Any) -> None:
        """Raise an error of Numba."""

    def check_encode(frame: Any, array: Any, to: Any) -> None:
        """Raise an error of Numba."""

    @overload(check_decode, inline="always")
    def _of_decode(frame, data, out):  # type: ignore[no-untyped-def]
        check(frame, out, data, "decode_frame", "out", "data")
        return lambda frame, data, out: None

    @overload(check_encode, inline="always")
    def _of_encode(frame, array, to):  # type: ignore[no-untyped-def]
        check(frame, array, to, "encode_frame", "array", "to")
        return lambda frame, array, to: None

    return check_decode, check_encode


def _compile() -> dict[str, Any]:
    """Return the functions that Numba compiles."""
    try:
        from numba import njit
    except ImportError:
        raise ImportError("dcmturbo.nogil needs Numba: pip install 'dcmturbo[jit]'") from None

    # On all platforms of this package, pointers are as wide as size_t.
    pointer = ctypes.c_size_t
    decode = core_function(
        "decode_frame", ctypes.c_int32, pointer, pointer, pointer, pointer, pointer, pointer, pointer, ctypes.c_uint32,
        ctypes.c_int32, ctypes.c_double, pointer, pointer,
    )  # fmt: skip
    encode = core_function("encode_frame", ctypes.c_int32, *[pointer] * 9)
    check_decode, check_encode = _argument_checks()

    @njit(nogil=True)
    def _prepare(frame, array, call):  # type: ignore[no-untyped-def]  # pragma: no cover
        """Describe an array as a dcmturbo_image; return whether it fits."""
        if frame.size != WORDS or frame.strides[0] != 8:
            return False
        samples = frame[SAMPLES]
        if array.ndim != (2 if samples == 1 else 3):
            return False
        if array.shape[0] != frame[ROWS] or array.shape[1] != frame[COLUMNS] or array.itemsize != frame[ITEM_SIZE]:
            return False
        if array.ndim == 3 and array.shape[array.ndim - 1] != samples:
            return False
        call[IMAGE] = array.ctypes.data
        call[IMAGE + 1] = np.uint64(array.strides[0])
        call[IMAGE + 2] = np.uint64(array.strides[1])
        call[IMAGE + 3] = np.uint64(array.strides[array.ndim - 1]) if array.ndim == 3 else np.uint64(array.itemsize)
        call[ERROR] = ERROR_BYTES
        return True

    @njit(nogil=True)
    def decode_frame(frame, data, out):  # type: ignore[no-untyped-def]  # pragma: no cover
        """Decode one frame into an array, without the GIL.

        Parameters
        ----------
        frame : numpy.ndarray
            From `describe_frame`.
        data : contiguous numpy.ndarray of uint8
            The encoded frame.
        out : numpy.ndarray
            Shape (rows, columns) or (rows, columns, samples), with the item size of the frame; any strides.

        Returns
        -------
        int
            0, or a code: see `error_of`. After an error, the content of `out` is undefined.
        """
        check_decode(frame, data, out)
        call = np.empty(CALL_WORDS, np.uint64)
        if not _prepare(frame, out, call) or data.strides[0] != 1:
            return ARGUMENT
        call[BYTES] = data.ctypes.data
        call[BYTES + 1] = data.size
        call[OWN_FORMAT] = frame[FORMAT]
        call[OWN_FORMAT + 1] = frame[FORMAT + 1]
        call[OWN_FORMAT + 2] = frame[FORMAT + 2]
        call[STATUS] = 0
        at, described = call.ctypes.data, frame.ctypes.data
        code = decode(
            described, at + 8 * BYTES, 1, described + 8 * ATTRIBUTES, at + 8 * OWN_FORMAT, described + 8 * REQUEST,
            at + 8 * IMAGE, 1, 0, 0.0, at + 8 * STATUS, at + 8 * ERROR,
        )  # fmt: skip
        if code == 0 and call[STATUS] & np.uint64(0xFF) != 0:
            return np.int64(call[ERROR] >> np.uint64(32))
        return np.int64(code)

    @njit(nogil=True)
    def encode_frame(frame, array, to):  # type: ignore[no-untyped-def]  # pragma: no cover
        """Encode an array with the core's own encoder and its default options, without the GIL.

        Parameters
        ----------
        frame : numpy.ndarray
            From `describe_frame`.
        array : numpy.ndarray
            Shape (rows, columns) or (rows, columns, samples), with the item size of the frame; any strides.
        to : contiguous numpy.ndarray of uint8
            Receives the encoded frame. Noise grows: `encode_bound` says how many bytes are always enough.

        Returns
        -------
        int
            The number of bytes, or the negative of a code: see `error_of`.
        """
        check_encode(frame, array, to)
        call = np.empty(CALL_WORDS, np.uint64)
        if not _prepare(frame, array, call) or to.strides[0] != 1:
            return -ARGUMENT
        call[WRITTEN] = 0
        at, described = call.ctypes.data, frame.ctypes.data
        code = encode(
            described, at + 8 * IMAGE, described + 8 * ATTRIBUTES, 0, 0, to.ctypes.data, to.size, at + 8 * WRITTEN,
            at + 8 * ERROR,
        )  # fmt: skip
        if code != 0:
            return -np.int64(code)
        return np.int64(call[WRITTEN])

    return {"decode_frame": decode_frame, "encode_frame": encode_frame}


def __getattr__(name: str) -> Any:
    """Compile `decode_frame` and `encode_frame` when they are first used."""
    if name in ("decode_frame", "encode_frame"):
        globals().update(_compile())
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
