"""The C interface of the core, as ctypes and Numba see it: its functions, its structs, and arrays that hold these.

`dcmturbo.nogil` is for users; this module may change without notice.
"""

from __future__ import annotations

import ctypes
from typing import Any

from dcmturbo import _core

__all__ = [
    "ARGUMENT",
    "ATTRIBUTES",
    "Attributes",
    "BYTES",
    "CALL_WORDS",
    "COLUMNS",
    "ERROR",
    "ERROR_BYTES",
    "Error",
    "FORMAT",
    "Format",
    "IMAGE",
    "ITEM_SIZE",
    "OWN_FORMAT",
    "POSITIONS",
    "REQUEST",
    "ROWS",
    "Request",
    "SAMPLES",
    "STATUS",
    "SYNTAX",
    "WORDS",
    "WRITTEN",
    "core_function",
]

# csrc/dcmturbo_capsule.h: where functions stand in the table, counted from 0 after its size and version.
POSITIONS = {
    "photometric_from_name": 12,
    "frame_format": 17,
    "decode_frame": 19,
    "encode_bound": 23,
    "encode_frame": 24,
}
_ABI_VERSION = 2

# A description is an array of 64-bit words, which compiled code can keep: the transfer syntax as a C string, then the
# structs of csrc/dcmturbo.h, then what `decode_frame` compares an array with.
SYNTAX, ATTRIBUTES, FORMAT, REQUEST = 0, 8, 11, 14
ROWS, COLUMNS, SAMPLES, ITEM_SIZE, WORDS = 17, 18, 19, 20, 21

# What a call needs, as an array of 64-bit words: dcmturbo_bytes, dcmturbo_image, dcmturbo_format, status, written,
# dcmturbo_error.
BYTES, IMAGE, OWN_FORMAT, STATUS, WRITTEN, ERROR, CALL_WORDS = 0, 2, 6, 9, 10, 11, 75
ERROR_BYTES = 512
ARGUMENT = 9  # csrc/base/error.h, ErrorCode: what an array that does not fit gets


class Attributes(ctypes.Structure):
    """dcmturbo_attributes."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("size", "rows", "columns")),
        *((name, ctypes.c_uint16) for name in ("samples_per_pixel", "bits_allocated", "bits_stored")),
        *(
            (name, ctypes.c_uint8)
            for name in ("pixel_representation", "planar_configuration", "photometric", "keyword")
        ),
        *((name, ctypes.c_uint8) for name in ("big_endian", "words_swapped")),
    )


class Format(ctypes.Structure):
    """dcmturbo_format."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("size", "rows", "columns")),
        ("samples_per_pixel", ctypes.c_uint16),
        *((name, ctypes.c_uint8) for name in ("type", "significant_bits", "sign_extend", "colour", "photometric")),
        ("reduce", ctypes.c_uint8),
        ("notes", ctypes.c_uint32),
    )


class Request(ctypes.Structure):
    """dcmturbo_request."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        *((name, ctypes.c_uint8) for name in ("raw", "keep_unused_bits", "reduce")),
        *((name, ctypes.c_uint32) for name in ("top", "left", "height", "width")),
    )


class Error(ctypes.Structure):
    """dcmturbo_error."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("code", ctypes.c_int32),
        ("offset", ctypes.c_uint64),
        ("frame", ctypes.c_int64),
        ("message", ctypes.c_char * 480),
        ("states_whole", ctypes.c_uint8),
        ("whole_resolutions", ctypes.c_uint16),
        ("whole_layers", ctypes.c_uint16),
    )


def core_function(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of the core's C interface."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = get(_core._C_API, b"dcmturbo._core._C_API")
    _, version = (ctypes.c_uint32 * 2).from_address(table)
    if version != _ABI_VERSION:
        raise ImportError(f"the core has version {version} of its C interface; expected {_ABI_VERSION}")
    address = ctypes.c_uint64.from_address(table + 8 + 8 * POSITIONS[name]).value
    return ctypes.CFUNCTYPE(result, *arguments)(address)
