"""Decode frames in compiled code that does not hold the GIL, into an array that it owns; needs Numba."""

import sys

try:
    from numba import njit
except ImportError:
    sys.exit(0)  # pip install 'dcmturbo[jit]'

import numpy as np

import dcmturbo as dt
from dcmturbo import nogil

frames = np.arange(20 * 64 * 64, dtype=np.uint16).reshape(20, 64, 64)
encoded = [dt.encode_frame(frame, "RLELossless") for frame in frames]
offsets = np.cumsum([0, *map(len, encoded)])
data = np.frombuffer(b"".join(encoded), np.uint8)


@njit(nogil=True)
def means(description, data, offsets):
    frame = np.empty((64, 64), np.uint16)
    found = np.zeros(len(offsets) - 1)
    for k in range(len(found)):
        if nogil.decode_frame(description, data[offsets[k] : offsets[k + 1]], frame) == 0:
            found[k] = frame.mean()
    return found


description = nogil.describe_frame("RLELossless", rows=64, columns=64, bits_allocated=16)
assert np.allclose(means(description, data, offsets), frames.mean(axis=(1, 2)))
