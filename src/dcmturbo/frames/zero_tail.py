"""Detect native frames that end like an interrupted copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["breaks_off"]


def _has_zero_tail(data: np.ndarray) -> bool | None:
    """Return the core's answer for the bytes of a frame; None if the frame looks blank."""
    if data.size < 512 or data[-8:].any():
        return False
    half = (data.size - 1) // 2
    step = max(1, half // 64)
    if data[half::step].any():
        return False
    return None if not data[:half:step].any() else not data[half:].any()


def breaks_off(frame: Callable[[int], Any], count: int) -> bool:
    """Return whether native frames end like an interrupted copy.

    This is so if the last frame that is not blank is zero in more than its second half, and the frame before it is not.
    Two such frames would be images with a black part. Only a few bytes of a frame are read unless it is zero, and at
    most 64 frames.
    """
    for position in reversed(range(max(0, count - 64), count)):
        tail = _has_zero_tail(_bytes_of(frame(position)))
        if tail is not None:
            return tail and not (position > 0 and _has_zero_tail(_bytes_of(frame(position - 1))))
    return False


def _bytes_of(frame: Any) -> np.ndarray:
    return np.asarray(frame).reshape(-1).view(np.uint8)
