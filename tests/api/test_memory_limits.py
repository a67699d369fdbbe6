"""Memory: what a file claims is looked at before there is memory for it."""

import os
import struct
import subprocess
import sys
import sysconfig
import zlib

import numpy as np
import pytest
from helpers.dicom_writer import EXPLICIT, dicom_file, encapsulated_file, native_file, pixel_module

import dcmturbo as dt

# Sanitizers need memory of their own, and keep what is freed.
of_plain_builds = pytest.mark.skipif("DCMTURBO_SANITIZED" in os.environ, reason="memory is measured without sanitizers")

TOO_LARGE = {"rows": 40000, "columns": 40000, "bits_allocated": 16}
LARGE = {"rows": 30000, "columns": 30000, "bits_allocated": 16}  # below max_pixels, 1.8 GB

PEAK = """
import re, resource, sys, warnings
import numpy as np
import dcmturbo as dt
warnings.simplefilter("ignore")
data = sys.stdin.buffer.read()
for mode in ("raise", "salvage"):
    try:
        CALL
        print("decoded", mode)
    except dt.DecodeError as error:
        print(type(error).__name__)
# Of this program alone: ru_maxrss begins with the peak of the parent, which may have been large.
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


def outcome(data: bytes, call: str) -> tuple[list[str], int]:
    """What a call does in a process of its own, under raise and under salvage, and its peak memory in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK.replace("CALL", call)], input=data, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    *told, peak = done.stdout.decode().split("\n")[:-1]
    return told, int(peak)


CALLS = {
    "frames": "dt.decode(data, [0], on_error=mode)",
    "series": "dt.decode_series([data], on_error=mode)",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["native", "rle"])
def test_an_image_that_is_far_larger_than_its_data(call, kind):
    for module, error in ((TOO_LARGE, "LimitExceeded"), (LARGE, "DecodeError")):
        if kind == "native":
            data = native_file(bytes(200), **module)
        else:
            data = encapsulated_file([struct.pack("<16I", 2, 64, 70, *[0] * 13) + bytes(40)], "rle", **module)
        told, peak = outcome(data, CALLS[call])
        assert told == [error, error]
        assert peak < 400


def test_many_frames_of_which_hardly_one_is_there():
    data = native_file(bytes(512 * 512), rows=512, columns=512, frames=40000)
    told, peak = outcome(data, CALLS["frames"].replace("[0]", "None"))
    assert told == ["DecodeError", "DecodeError"]
    assert peak < 400


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEGBaseline8Bit"])
def test_one_frame(syntax):
    call = f"dt.decode_frame(data, {syntax!r}, rows=40000, columns=40000, bits_allocated=8, on_error=mode)"
    told, peak = outcome(bytes(200), call)
    assert told == ["LimitExceeded"] * 2
    assert peak < 400


@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "JPEGLosslessSV1", "DeflatedImageFrameCompression"])
def test_one_frame_below_the_limit(syntax):
    call = f"dt.decode_frame(data, {syntax!r}, rows=30000, columns=30000, bits_allocated=16, on_error=mode)"
    told, peak = outcome(bytes(200), call)
    assert told == ["DecodeError"] * 2
    assert peak < 400


@of_plain_builds
def test_into_pydicom():
    data = encapsulated_file([struct.pack("<16I", 2, 64, 70, *[0] * 13) + bytes(40)], "rle", **TOO_LARGE)
    call = (
        "import io, pydicom; dt.register(); ds = pydicom.dcmread(io.BytesIO(data)); "
        "ds.pixel_array_options(decoding_plugin='dcmturbo')\n"
        "        try: ds.pixel_array\n"
        "        except dt.DecodeError: raise\n"
        "        except Exception as error: raise dt.LimitExceeded(str(error))"
    )
    told, peak = outcome(data, call)
    assert told == ["LimitExceeded"] * 2
    assert peak < 500


def test_salvage_of_what_may_be_there_still_keeps_the_shape():
    cells = np.arange(512 * 512, dtype=np.uint8).reshape(512, 512)
    data = native_file(cells.tobytes(), rows=512, columns=512, frames=100)
    with pytest.warns(dt.DecodeWarning):
        found = dt.decode(data, on_error="salvage", fill_value=7)
    assert found.shape == (100, 512, 512)
    np.testing.assert_array_equal(found[0], cells)
    assert (found[1:] == 7).all()


def test_the_same_frame_many_times_is_no_claim_of_the_file():
    cells = np.arange(512 * 512, dtype=np.uint8).reshape(512, 512)
    data = encapsulated_file([dt.encode_frame(cells, "RLELossless")], "rle", rows=512, columns=512)
    assert dt.decode(data, [0] * 1200).shape == (1200, 512, 512)


# --- defaults -------------------------------------------------------------------------------------


def test_defaults_follow_the_memory_of_the_machine_and_its_control_group():
    import os

    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = dt._core.memory_limit()
    assert 0 < memory <= machine
    code = (
        "import dcmturbo as dt; l = dt.config.limits; m = dt._core.memory_limit(); "
        "print(l.max_output == m, l.max_scratch == min(8 << 30, m // 2), l.max_inflated == min(4 << 30, m // 4))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3


# --- deflated datasets ----------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    body = pixel_module(EXPLICIT, rows=1000, columns=1000) + EXPLICIT.header(0x7FE00010, "OB", size)
    deflater = zlib.compressobj(9, wbits=-15)
    stream = deflater.compress(body)
    for _ in range(size >> 20):
        stream += deflater.compress(bytes(1 << 20))
    return dicom_file(b"", "1.2.840.10008.1.2.1.99") + stream + deflater.flush()


@of_plain_builds
def test_a_bomb_takes_about_its_cap_and_no_more():
    call = "dt.config.limits.max_inflated = 100 << 20; dt.decode(data, on_error=mode)"
    _, without = outcome(bomb(1 << 20), call)
    told, peak = outcome(bomb(300 << 20), call)
    assert told == ["LimitExceeded"] * 2
    # Without a GIL, Python's allocator keeps for a while the blocks that a growing bytearray has left.
    assert peak - without < (340 if sysconfig.get_config_var("Py_GIL_DISABLED") else 140)


@of_plain_builds
def test_no_memory_for_a_bomb_is_a_limit():
    call = (
        "pages = int(open('/proc/self/statm').read().split()[0]) + 50000; "
        "hard = resource.getrlimit(resource.RLIMIT_AS)[1]; "  # the second call may set a higher limit
        "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), hard)); "
        "dt.config.limits.max_inflated = 1 << 40; dt.decode(data, on_error=mode)"
    )
    told, _ = outcome(bomb(600 << 20), call)
    assert told == ["LimitExceeded"] * 2
