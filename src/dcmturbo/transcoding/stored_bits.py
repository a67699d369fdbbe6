"""BitsStored and the samples: the decoded pixels must stay the same if a codestream has more bits than BitsStored."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo import _core

__all__ = ["SamplesBeyondBitsStored", "bits_of", "same_reading"]


class SamplesBeyondBitsStored(Exception):  # noqa: N818
    """A frame has samples of more bits than BitsStored, and a reader of the source gets them."""


def bits_of(cells: np.ndarray) -> int:
    """Return how many bits the samples of a frame need; for a signed type, in two's complement."""
    lowest, highest = int(cells.min()), int(cells.max())
    if cells.dtype.kind == "u":
        return max(1, highest.bit_length())
    return 1 + max(highest.bit_length() if highest >= 0 else 0, (~lowest).bit_length() if lowest < 0 else 0)


def same_reading(
    before: np.ndarray, before_format: _core.Format, after: np.ndarray, after_format: _core.Format
) -> bool:
    """Whether two stored frames decode to the same pixels by default.

    Parameters
    ----------
    before, after : numpy.ndarray
        The stored cells of both (``raw=True, unused_bits="keep"``).
    before_format, after_format : Format
        The result of `_core.frame_format` for each, by default.
    """
    alike = _settings(before_format) == _settings(after_format)
    if alike and before.dtype == after.dtype and before.shape == after.shape and _core.same_bytes(before, after):
        return True
    return bool(np.array_equal(_finished(before, before_format), _finished(after, after_format)))


def _settings(form: _core.Format) -> tuple[Any, ...]:
    return form.significant_bits, form.converts_colour, form.dtype


def _finished(cells: np.ndarray, form: _core.Format) -> np.ndarray:
    out = np.empty(cells.shape, form.dtype)
    _core.finish_frame(np.ascontiguousarray(cells).view(form.dtype), form, out)
    return out
