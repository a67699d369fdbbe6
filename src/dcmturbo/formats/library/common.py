"""Shared parts of the library codecs: their types, and the conversion of their exceptions."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dcmturbo import _core
from dcmturbo.errors import DecodeError, EncodeError, Error

Buffer: TypeAlias = bytes | bytearray | memoryview
Array: TypeAlias = npt.NDArray[Any]
Header: TypeAlias = _core.Header


def load_imagecodecs() -> ModuleType:
    """Import `imagecodecs` at its first use, because the import takes longer than decoding most files."""
    return import_module("imagecodecs")


@contextmanager
def translated(what: str, error: type[DecodeError] | type[EncodeError]) -> Iterator[None]:
    """Convert an exception of a library to our own, with the name of the operation."""
    try:
        yield
    except Error:
        raise
    except MemoryError as cause:
        raise error(f"{what}: out of memory", code="out_of_memory") from cause
    except NotImplementedError as cause:
        raise error(f"{what}: {cause}", code="unsupported") from cause
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError, zlib.error) as cause:
        # libjpeg says this for DNL, for instance.
        code = "unsupported" if "not supported" in str(cause) else None
        raise error(f"{what}: {cause}", code=code) from cause


def integer_type(precision: int, is_signed: bool) -> np.dtype[Any]:
    """Return the smallest integer type for samples of this precision and sign."""
    size = 1 if precision <= 8 else 2 if precision <= 16 else 4 if precision <= 32 else 8
    return np.dtype(f"{'i' if is_signed else 'u'}{size}")
