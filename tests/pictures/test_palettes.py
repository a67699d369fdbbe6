"""Palettes by PS3.3, C.7.6.3.1.5 and C.7.9.2, against a reading of them in plain Python."""

from __future__ import annotations

import time

import numpy as np
import pytest
from helpers.pictures import made, saved
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

import dcmturbo as dt

NAMES = ("Red", "Green", "Blue")


def coloured(
    indices: np.ndarray, tables: list[bytes], count: int, bits: int, *, first: int = 0, segmented: bool = False
) -> Dataset:
    ds = made(indices)
    ds.PhotometricInterpretation = "PALETTE COLOR"
    for name, table in zip(NAMES, tables, strict=True):
        keyword = f"{name}PaletteColorLookupTable"
        setattr(ds, f"{keyword}Descriptor", [count & 0xFFFF, first, bits])
        ds[f"{keyword}Descriptor"].VR = "SS" if first < 0 else "US"
        setattr(ds, f"{'Segmented' * segmented}{keyword}Data", table + b"\0" * (len(table) % 2))
    return ds


@pytest.mark.parametrize("cells", ["u1", "u2", "i2"])
@pytest.mark.parametrize(("bits", "cell"), [(8, 1), (8, 2), (16, 2)])
@pytest.mark.parametrize(("count", "first"), [(256, 0), (37, 20), (101, 7)])
def test_entries_and_indices_of_every_size(tmp_path, cells, bits, cell, count, first):
    """Indices below the first have its colour, and those above the last have that of the last."""
    first -= 30 * (cells == "i2")
    limits = np.iinfo(cells)
    indices = np.arange(first - 3, first + count + 300).clip(limits.min, limits.max).astype(cells).reshape(1, -1)
    tables = np.random.default_rng(5).integers(0, 1 << bits, (3, count))
    ds = coloured(indices, [table.astype(f"<u{cell}").tobytes() for table in tables], count, bits, first=first)
    positions = (indices.astype(int) - first).clip(0, count - 1)
    expected = np.stack([table[positions] >> (bits - 8) for table in tables], axis=-1)
    np.testing.assert_array_equal(dt.render(ds), expected)
    np.testing.assert_array_equal(dt.render(saved(ds, tmp_path)), expected)


def test_65536_entries():
    indices = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    ds = coloured(indices, [np.roll(indices, k).tobytes() for k in range(3)], 65536, 16)
    np.testing.assert_array_equal(dt.render(ds), np.stack([np.roll(indices, k) >> 8 for k in range(3)], axis=-1))


def _words(values: list[int], bits: int, order: str) -> bytes:
    if bits == 16:
        return np.array(values, f"{order}u2").tobytes()
    data = bytes(values) + b"\0" * (len(values) % 2)
    return data if order == "<" else np.frombuffer(data, "<u2").astype(">u2").tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("counts_words", [False, True])
def test_segments(tmp_path, bits, order, counts_words):
    """Entries, a line to a value, and the same two again: they begin after the first segment, at its eighth number."""
    unit = 1 << (bits - 8)
    discrete, line = [0, 3, 10 * unit, 30 * unit, 20 * unit], [1, 8, 100 * unit]
    offset = 5 * (1 if counts_words else bits // 8)
    # Segments 1 and 2 are at offset 5, behind the first.
    offsets = [offset, 0] if bits == 16 else [offset, 0, 0, 0]
    words = [*discrete, *discrete, *line, 2, 2, *offsets]
    entries = [10, 30, 20, 10, 30, 20, *range(30, 101, 10), 10, 30, 20, *range(30, 101, 10)]
    indices = np.arange(30, dtype=np.uint16).reshape(5, 6)
    ds = coloured(indices, [_words(words, bits, order)] * 3, len(entries), bits, segmented=True)
    if order == ">":
        ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        ds.PixelData = indices.byteswap().tobytes()
    expected = np.array(entries)[indices.clip(None, len(entries) - 1)]
    path = tmp_path / "segments.dcm"
    ds.save_as(path, enforce_file_format=True)
    for source in [path] + [ds] * (order == "<"):
        np.testing.assert_array_equal(dt.render(source), np.stack([expected] * 3, axis=-1))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([1, 4, 100], "first segment is linear"),
        ([7, 4, 100], "no type 7"),
        ([0, 2, 1, 2, 1, 9], "cut off"),
        ([0, 2, 1, 2, 2, 1, 4, 0], "no segment begins"),
        ([2, 1, 0, 0], "no segment begins"),
        ([0], "empty"),
        ([], "no Red"),
    ],
)
def test_segments_that_are_wrong(words, why):
    indices = np.zeros((4, 4), np.uint8)
    ds = coloured(indices, [np.array(words, "<u2").tobytes()] * 3, 256, 16, segmented=True)
    with pytest.raises(dt.DecodeError, match=f"the palette of the object cannot be used: .*{why}"):
        dt.render(ds)


def test_copies_of_empty_segments_cost_nothing():
    words = [0, 1, 5, *[0, 0] * 40000, *[2, 30000, 3, 0] * 4000]
    ds = coloured(np.zeros((2, 2), np.uint16), [np.array(words, "<u2").tobytes()] * 3, 1 << 16, 16, segmented=True)
    begin = time.process_time()
    with pytest.raises(dt.DecodeError, match="no segment begins"):
        dt.render(ds)
    assert time.process_time() - begin < 20
