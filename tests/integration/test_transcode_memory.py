"""Memory is bounded by workers times frames, not by the object. With DCMTURBO_LONG=1: of 2 GB."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.dicom_writer import EXPLICIT, dicom_file, pixel_module
from helpers.samples import smooth

LONG = os.environ.get("DCMTURBO_LONG") == "1"
SIDE = 2048  # 8 MB a frame

# The child's own peak is what counts (ru_maxrss begins with that of its parent): it has done a little of everything
# before it is measured.
CHILD = """
import re, sys
import numpy as np
import dcmturbo as dt
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
dt.encode_frame(np.zeros((8, 8), np.uint16), "RLELossless")
before = peak()
result = dt.transcode(sys.argv[1], sys.argv[2], sys.argv[3], threads=2)
print((peak() - before) // 1024, result.frames, result.verified)
"""


def write(path, frames: int, rows: int) -> None:
    """An object of `frames` frames of `rows` rows, in pieces."""
    module = pixel_module(rows=rows, columns=SIDE, bits_allocated=16, frames=frames)
    frame = smooth((256, SIDE), "uint16", bits=12)
    size = frames * rows * SIDE * 2
    with path.open("wb") as file:
        file.write(dicom_file(module + EXPLICIT.header(0x7FE00010, "OW", size), "explicit"))
        for k in range(frames * rows // 256):
            file.write((frame + np.uint16(k)).tobytes())


@pytest.mark.parametrize(
    ("frames", "rows", "syntax", "most"),
    [(256 if LONG else 48, SIDE, "RLELossless", 300), (1, 65280 if LONG else 32768, "ImplicitVRLittleEndian", 60)],
)
def test_peak_memory(tmp_path, frames, rows, syntax, most):
    source = tmp_path / "source.dcm"
    write(source, frames, rows)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(source), str(tmp_path / "out.dcm"), syntax],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    above, found, verified = done.stdout.split()
    assert (int(found), verified) == (frames, "True")
    print(f"{above} MiB above the interpreter")
    assert int(above) < most
    source.unlink()
