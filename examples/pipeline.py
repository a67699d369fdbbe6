"""An existing pydicom pipeline: one line is new."""

import pydicom
from pydicom.data import get_testdata_file

import dcmturbo as dt

dt.register()  # the line

ds = pydicom.dcmread(get_testdata_file("color3d_jpeg_baseline.dcm"))
print(ds.pixel_array.shape)
