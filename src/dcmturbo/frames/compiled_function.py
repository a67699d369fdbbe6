"""Compiled functions that work on frames without the GIL: those of Numba, ctypes and Cython."""

from __future__ import annotations

import ctypes
from _ctypes import CFuncPtr
from typing import Any

import numpy as np

__all__ = ["FrameFunction", "frame_function"]

_SHAPE = (ctypes.c_ssize_t,) * 3  # rows, columns, samples per pixel
_SIGNATURE = "void (samples *, results *, intptr rows, intptr columns, intptr samples_per_pixel)"
_POINTER = type(ctypes.POINTER(ctypes.c_int))
_TARGET = "_type_"  # of a pointer type: ctypes documents it


class FrameFunction:
    """A compiled function for ``apply=`` of `dcmturbo.decode`, which the core calls without the GIL.

    Its C signature is ``void (const Sample *samples, Result *results, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t
    samples_per_pixel)``. It gets one decoded frame and the memory for its result, each contiguous and of the shape
    (rows, columns, samples_per_pixel), on any thread. It must not raise.

    Parameters
    ----------
    function : int, PyCapsule, or object with ``address``
        The address of the function. A capsule is one of Cython's ``__pyx_capi__``. A ``cfunc`` of Numba and a function
        of ctypes with ``argtypes`` can be given to `apply` as they are.
    samples, result : dtype-like
        Types of the decoded samples and of the result.

    Raises
    ------
    TypeError
        If `function` has no address.
    """

    def __init__(self, function: Any, samples: Any, result: Any) -> None:
        self.samples: np.dtype[Any] = np.dtype(samples)
        self.result: np.dtype[Any] = np.dtype(result)
        self.address = _address_of(function)
        self._keeps = function
        self._call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, *_SHAPE)(self.address)

    def __call__(self, frame: np.ndarray, out: np.ndarray) -> None:
        """Work on one decoded frame; both arrays are C-contiguous."""
        samples = frame.shape[2] if frame.ndim == 3 else 1
        self._call(frame.ctypes.data, out.ctypes.data, *frame.shape[:2], samples)


def frame_function(function: Any) -> FrameFunction | None:
    """Return what `apply` was given as a compiled function; None if it is none.

    Raises
    ------
    TypeError
        If it is compiled, but has another signature.
    """
    if isinstance(function, FrameFunction):
        return function
    plain = getattr(function, "ctypes", None) if hasattr(function, "address") else function
    if not isinstance(plain, CFuncPtr):
        return None
    given: tuple[Any, ...] = tuple(plain.argtypes or ())
    if plain.restype is not None or len(given) != 5 or given[2:] != _SHAPE:
        raise TypeError(f"a compiled function for apply has the signature {_SIGNATURE}")
    if not all(isinstance(pointer, _POINTER) for pointer in given[:2]):
        raise TypeError(f"samples and results are pointers to numbers: {_SIGNATURE}")
    return FrameFunction(function, *(getattr(pointer, _TARGET) for pointer in given[:2]))


def _address_of(function: Any) -> int:
    if isinstance(function, (int, np.integer)):
        address: int | None = int(function)
    elif hasattr(function, "address"):
        address = int(function.address)
    elif isinstance(function, CFuncPtr):
        address = ctypes.cast(function, ctypes.c_void_p).value
    elif type(function).__name__ == "PyCapsule":
        name, get = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
        name.restype, name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
        get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        address = get(function, name(function))
    else:
        raise TypeError(
            f"{type(function).__name__} has no address: expected an int, a PyCapsule or a compiled function"
        )
    if not address:
        raise TypeError("the address of the function is 0")
    return address
