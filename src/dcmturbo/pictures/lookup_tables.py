"""Lookup tables of the Modality LUT and VOI LUT modules (PS3.3, C.11.1 and C.11.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo.pictures.header import numbers_of

__all__ = ["LookupTable"]


class LookupTable:
    """A table that maps values to others.

    Attributes
    ----------
    first : int
        The value that the first entry stands for. Lower values have the first entry, higher ones the last.
    entries : numpy.ndarray
        The results.
    top : int
        The largest result that the table could have (PS3.3, C.11.1.1.1).
    """

    def __init__(self, first: int, entries: np.ndarray, bits: int) -> None:
        self.first, self.entries = first, entries
        # Some descriptors state fewer bits than the entries have.
        self.top = (1 << max(bits, int(entries.max()).bit_length(), 1)) - 1

    @classmethod
    def read(cls, item: Any, *, signed_input: bool) -> LookupTable | None:
        """Return the table of an item of a Modality LUT Sequence or VOI LUT Sequence; None if it has none.

        Parameters
        ----------
        item : pydicom.Dataset
            The item.
        signed_input : bool
            Whether the values that are looked up can be negative: the second number of the descriptor is then signed,
            whatever its VR says.
        """
        descriptor = [int(value) for value in numbers_of(item, "LUTDescriptor")]
        if len(descriptor) != 3:
            return None
        count, first, bits = descriptor
        count = (count & 0xFFFF) or 1 << 16
        if signed_input:
            first = ((first & 0xFFFF) ^ 0x8000) - 0x8000
        elif first < 0:
            first &= 0xFFFF
        entries = _entries_of(item, count)
        if entries is None or not entries.size:
            return None
        return cls(first, entries[:count], bits if 1 <= bits <= 16 else 16)

    def look_up(self, values: np.ndarray) -> np.ndarray:
        """Return the results for values of any type, as float64."""
        last = len(self.entries) - 1
        # Not rint: of values in steps of a half, it would look up every even entry twice, and no odd one.
        positions = np.clip(np.floor(values + 0.5) - self.first, 0, last)
        return np.asarray(self.entries[np.nan_to_num(positions, nan=0.0).astype(np.int64)], np.float64)

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Return levels from 0 to 1, as float64."""
        return self.look_up(values) / self.top


def _entries_of(item: Any, count: int) -> np.ndarray | None:
    try:
        data = item.get("LUTData")
        if data is None:
            return None
        if isinstance(data, (bytes, bytearray, memoryview)):
            little = getattr(item, "original_encoding", (None, True))[1] is not False
            words = np.frombuffer(data[: len(data) & ~1], "<u2" if little else ">u2").astype("<u2")
            # Entries of 8 bits may be one byte each, the first in the lower half of a word (PS3.3, C.11.1.1.1).
            return words.view(np.uint8) if len(data) <= count + (count & 1) else words
        numbers = [int(value) & 0xFFFF for value in (data if hasattr(data, "__iter__") else [data])]
    except Exception:  # a value that pydicom cannot convert
        return None
    return np.array(numbers, np.uint16)
