"""Codeword segments of HTJ2K as the core writes them: no two bytes above FF8F, also where MEL meets VLC."""

import re

import numpy as np
import pytest

import dcmturbo as dt


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 11, 13])
@pytest.mark.parametrize("size", [8, 16, 32, 61])
def test_ramps_hold_no_marker_and_come_back(step, size):
    """Long runs make MEL end with FF, behind which the last byte of VLC may be anything."""
    cells = (np.arange(size * size).reshape(size, size) * step).astype(np.uint16)
    encoded = dt.encode_frame(cells, "HTJ2KLossless")
    blocks = encoded[encoded.index(b"\xff\x93") + 2 : -2]
    assert re.search(rb"\xff[\x90-\xff]", blocks) is None
    decoded = dt.decode_frame(encoded, "HTJ2KLossless", rows=size, columns=size, bits_allocated=16)
    np.testing.assert_array_equal(decoded, cells)
