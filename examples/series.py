"""Decode many files into one array, in parallel, into memory of your own."""

import numpy as np
from pydicom.data import get_testdata_file

import dcmturbo as dt

paths = [get_testdata_file("CT_small.dcm")] * 8
volume = np.empty((len(paths), 128, 128), np.int16)
status = np.empty(len(paths), np.uint8)
dt.decode_series(paths, out=volume, on_error="salvage", status=status)
print(f"{volume.shape}, {np.count_nonzero(status == dt.FrameStatus.OK)} frames complete")
