"""Check the arguments that describe a result before anything is decoded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import config
from dcmturbo.errors import DecodeError, LimitExceeded

__all__ = ["check_apart", "check_fill_value", "check_out", "decoded_array", "new_array", "sample_dtype"]


def check_out(out: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise an error if an output does not have exactly this shape and type, or cannot be written."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy array, not {type(out).__name__}")
    if out.dtype != dtype or not out.dtype.isnative:
        raise ValueError(f"out has dtype {out.dtype}, but the frames have {dtype}")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, but the frames have {shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def check_apart(out: np.ndarray, memory: memoryview | None) -> None:
    """Raise an error if an output shares memory with the source, which it would overwrite before it is read."""
    if memory is not None and np.may_share_memory(out, np.asarray(memory)):
        raise ValueError("out shares memory with the source")


def check_fill_value(fill_value: float) -> float:
    """Return a fill value as a float, infinite if it is larger; raise an error if it is not a number."""
    try:
        if not isinstance(fill_value, (str, bytes, bytearray)):  # float() reads text, too
            return float(fill_value)
    except OverflowError:
        return math.inf if fill_value > 0 else -math.inf
    except TypeError:
        pass
    raise TypeError(f"fill_value is {fill_value!r}; expected a number")


# PS3.5, 8.1.1: by Bits Allocated and Pixel Representation; single bits become bytes.
_SAMPLE_DTYPES = {(8 * size, sign): np.dtype(f"{'ui'[sign]}{size}") for size in (1, 2, 4, 8) for sign in (0, 1)} | {
    (1, sign): np.dtype(np.uint8) for sign in (0, 1)
}


def sample_dtype(bits_allocated: int, pixel_representation: int) -> np.dtype[Any]:
    """Return the type of a decoded sample of Pixel Data."""
    try:
        return _SAMPLE_DTYPES[bits_allocated, pixel_representation]
    except KeyError:
        raise DecodeError(
            f"BitsAllocated {bits_allocated} with PixelRepresentation {pixel_representation} is not "
            "possible: expected BitsAllocated 1, 8, 16, 32 or 64, and PixelRepresentation 0 or 1",
            code="argument",
        ) from None


def new_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return an empty array aligned to 64 bytes; raise an error if it exceeds the limits."""
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    limit = config.limits.max_output
    if size > limit:
        raise LimitExceeded(
            f"an array of shape {shape} needs {size} bytes, but dt.config.limits.max_output allows {limit}"
        )
    try:
        return _core.aligned_empty(dtype, list(shape))
    except MemoryError:
        raise LimitExceeded(
            f"there is not enough memory for an array of shape {shape} ({size} bytes)", code="out_of_memory"
        ) from None


def decoded_array(read: Callable[[], np.ndarray], dtype: Any, copy: bool | None) -> np.ndarray:
    """Return what ``__array__`` of an object returns that can be decoded; the arguments are those of numpy."""
    if copy is False:
        raise ValueError("an array without a copy is asked for, but decoding makes a new one")
    found = read()
    return found if dtype is None else found.astype(dtype, copy=False)
