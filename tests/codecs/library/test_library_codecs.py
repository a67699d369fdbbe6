"""Library codecs as the core calls them: a frame at a time, only where they are needed, and whatever they raise."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.formats import library

JPEG_BASELINE, JPEG_XL = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.110"
COUNT = 12
FRAMES = np.random.default_rng(3).integers(0, 200, (COUNT, 40, 56)).astype(np.uint8)


@pytest.fixture
def library_calls():
    """The formats that the library was asked for."""
    calls = []

    def counted(data, header, out):
        calls.append(header.format)
        library.decode_into(data, header, out)

    _core.set_library(counted, library.reconstruct_jpeg)
    yield calls
    _core.set_library(library.decode_into, library.reconstruct_jpeg)


@pytest.fixture
def use_library():
    yield lambda decode: _core.set_library(decode, library.reconstruct_jpeg)
    _core.set_library(library.decode_into, library.reconstruct_jpeg)


def multi_frame(encoded, syntax="1.2.840.10008.1.2.4.57"):
    return encapsulated_file(encoded, syntax, rows=40, columns=56)


@pytest.mark.parametrize("threads", [1, 2])
def test_one_frame_of_another_process_is_the_only_one_that_changes_its_codec(library_calls, threads):
    encoded = [dt.encode_frame(frame, "JPEGLossless") for frame in FRAMES]
    encoded[7] = dt.encode_frame(FRAMES[7], "JPEGXLLossless")
    with pytest.warns(dt.DecodeWarning, match="another format"):
        decoded = dt.decode(multi_frame(encoded), threads=threads)
    assert np.array_equal(decoded, FRAMES)
    assert library_calls == ["jpegxl"]


def test_own_frames_under_the_label_of_a_library_are_our_own(library_calls):
    encoded = [dt.encode_frame(frame, "JPEGLossless") for frame in FRAMES[:3]]
    data = multi_frame(encoded, JPEG_BASELINE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        assert np.array_equal(dt.decode(data), FRAMES[:3])
    assert library_calls == []


def test_prefer_library_takes_frames_from_our_own_codecs(library_calls):
    encoded = [dt.encode_frame(frame, "JPEGLossless") for frame in FRAMES[:3]]
    with dt.config.override(prefer="library"):
        assert np.array_equal(dt.decode(multi_frame(encoded)), FRAMES[:3])
    assert library_calls == ["jpeg_lossless"] * 3


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (ValueError("wrong"), "internal"),
        (MemoryError(), "out_of_memory"),
        (dt.DecodeError("short", code="truncated", offset=5), "truncated"),
        (dt.LimitExceeded("large"), "limit"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_library_raises_is_our_error_with_the_frame(use_library, raised, code, threads):
    encoded = [dt.encode_frame(frame, "JPEGXLLossless") for frame in FRAMES]
    data = multi_frame(encoded, JPEG_XL)
    marked = bytes(encoded[5])

    def fails(data, header, out):
        if bytes(data)[: len(marked)] == marked:
            raise raised
        library.decode_into(data, header, out)

    use_library(fails)
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode(data, threads=threads)
    assert caught.value.frame == 5
    assert caught.value.code == code
    status = np.empty(COUNT, np.uint8)
    with pytest.warns(dt.DecodeWarning):
        salvaged = dt.decode(data, threads=threads, on_error="salvage", status=status)
    assert status.tolist() == [3 if k == 5 else 0 for k in range(COUNT)]
    assert not salvaged[5].any()
    assert np.array_equal(np.delete(salvaged, 5, 0), np.delete(FRAMES, 5, 0))


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_in_a_library_interrupts_the_call(use_library, threads):
    encoded = [dt.encode_frame(frame, "JPEGXLLossless") for frame in FRAMES]
    data = multi_frame(encoded, JPEG_XL)

    def interrupted(data, header, out):
        raise KeyboardInterrupt

    use_library(interrupted)
    with pytest.raises(KeyboardInterrupt):
        dt.decode(data, threads=threads)


def test_what_a_library_returns_in_another_shape_is_refused(monkeypatch):
    from dcmturbo.formats.library import decoding

    monkeypatch.setitem(decoding._DECODERS, "jpegxl", lambda data, header, out: np.zeros((3, 3), np.uint8))
    with pytest.raises(dt.DecodeError, match="returned"):
        dt.decode_frame(
            dt.encode_frame(FRAMES[0], "JPEGXLLossless"), "JPEGLSLossless", rows=40, columns=56, bits_allocated=8
        )


def test_strided_output_of_samples_that_are_narrower_than_the_cells():
    frame = FRAMES[0]
    encoded = dt.encode_frame(frame, "JPEGXLLossless")
    out = np.zeros((40, 112), np.uint16)[:, ::2]
    dt.decode_frame(encoded, "JPEGXLLossless", rows=40, columns=56, bits_allocated=16, bits_stored=8, out=out)
    assert np.array_equal(out, frame)
    assert not out.base[:, 1::2].any()


FINISH = """
import io, sys, threading, time
import dcmturbo as dt
data = open(sys.argv[1], "rb").read()

class Reader(io.RawIOBase):
    def __init__(self): self.inner = io.BytesIO(data)
    def readinto(self, memory): return self.inner.readinto(memory)
    def seek(self, *where): return self.inner.seek(*where)
    def tell(self): return self.inner.tell()
    def seekable(self): return True
    def readable(self): return True

image = dt.open(Reader() if sys.argv[2] == "reader" else data)
def decode(threads):
    while True:
        image.read(threads=threads)
for threads in (1, 2):
    threading.Thread(target=decode, args=(threads,), daemon=True).start()
time.sleep(0.3)
"""


@pytest.mark.parametrize("kind", ["bytes", "reader"])
@pytest.mark.parametrize("keyword", ["JPEGXLLossless", "JPEGLSLossless", "HTJ2KLossless", "RLELossless"])
def test_the_interpreter_ends_while_daemon_threads_decode(keyword, kind, tmp_path):
    frame = np.random.default_rng(5).integers(0, 4000, (200, 300)).astype(np.uint16)
    encoded = dt.encode_frame(frame, keyword)
    path = tmp_path / "a.dcm"
    uid = dt.formats.syntaxes.find_transfer_syntax(keyword).uid
    path.write_bytes(encapsulated_file([encoded] * 40, uid, rows=200, columns=300, bits_allocated=16))
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", FINISH, path, kind], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
