"""Walk through a multi-frame object without holding all of it, and find its brightest frame."""

from pydicom.data import get_testdata_file

import dcmturbo as dt

path = get_testdata_file("emri_small_RLE.dcm")
with dt.open(path) as image:
    print(f"{len(image)} frames of {image.frame_shape}, {image.dtype}")
    means = [frame.mean() for frame in image.frames(prefetch=4)]
print(f"brightest: frame {means.index(max(means))}")
