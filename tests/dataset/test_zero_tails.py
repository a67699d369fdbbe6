"""Native and RLE frames that end in zeroes over more than half of their bytes: told, because copies that broke off end
so, and decoded, because black parts of images look the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from oracle import rle as oracle

import dcmturbo as dt

ROWS, COLUMNS = 60, 70
rng = np.random.default_rng(2)
NOISE = {
    "u1": rng.integers(1, 256, (ROWS, COLUMNS)).astype("u1"),
    "u2": rng.integers(1, 4096, (ROWS, COLUMNS)).astype("<u2"),
    "rgb": rng.integers(1, 256, (ROWS, COLUMNS, 3)).astype("u1"),
}


def cut(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(len(data) - at)


def said(function) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function()
    assert {w.category for w in found} <= {dt.DecodeWarning}
    return [str(w.message) for w in found]


def attributes(array: np.ndarray) -> dict:
    return {
        "rows": array.shape[0],
        "columns": array.shape[1],
        "samples_per_pixel": 3 if array.ndim == 3 else 1,
        "bits_allocated": 8 * array.itemsize,
    }


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.49])
def test_a_native_frame_that_broke_off(kind, share):
    array = NOISE[kind]
    data = cut(array.tobytes(), int(array.nbytes * share) + 1)
    (text,) = said(lambda: dt.decode_frame(data, "ExplicitVRLittleEndian", **attributes(array)))
    assert "zeros" in text


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("share", [0, 0.51, 0.9, 1])
def test_native_frames_of_which_nothing_is_said(kind, share):
    """Blank ones, and those of which less than half is zero."""
    array = NOISE[kind]
    data = cut(array.tobytes(), int(array.nbytes * share))
    assert not said(lambda: dt.decode_frame(data, "ExplicitVRLittleEndian", **attributes(array)))


@pytest.mark.parametrize("memory_map", [True, False])
def test_a_file_that_broke_off(tmp_path, memory_map):
    """Of several frames, the last that is not blank; from a memory map as from what is read."""
    frames = np.stack([NOISE["u2"]] * 4)
    path = tmp_path / "a.dcm"

    def write(data: bytes) -> None:
        path.write_bytes(native_file(data, rows=ROWS, columns=COLUMNS, bits_allocated=16, frames=4))

    with dt.config.override(memory_map=memory_map):
        for at, expected in ((0.3, 1), (1.3, 1), (3.4, 1), (3.6, 0), (2, 0), (4, 0), (0, 0)):
            write(cut(frames.tobytes(), int(frames[0].nbytes * at)))
            assert len(said(lambda: dt.decode(path))) == expected, at
        write(cut(frames.tobytes(), int(frames[0].nbytes * 1.3)))
        assert not said(lambda: dt.open(path)[0])
        with dt.open(path) as image:
            assert len(said(lambda: image[1])) == 1
            assert not said(lambda: image[1])  # once an object


@pytest.mark.parametrize("memory_map", [True, False])
def test_frames_with_a_black_half_each(tmp_path, memory_map):
    """As of ultrasound: a copy breaks off only once."""
    frames = np.stack([NOISE["u2"]] * 5)
    frames[:, ROWS // 3 :] = 0
    frames[4] = 0
    path = tmp_path / "a.dcm"
    path.write_bytes(native_file(frames.tobytes(), rows=ROWS, columns=COLUMNS, bits_allocated=16, frames=5))
    with dt.config.override(memory_map=memory_map):
        assert not said(lambda: dt.decode(path))
        assert not said(lambda: dt.open(path)[2])
    frames[3] = NOISE["u2"]
    path.write_bytes(native_file(frames.tobytes(), rows=ROWS, columns=COLUMNS, bits_allocated=16, frames=5))
    with dt.config.override(memory_map=memory_map):
        assert not said(lambda: dt.decode(path))


def test_single_bits_may_be_zeroes():
    """Segmentations are, mostly."""
    data = cut(rng.integers(1, 256, 2000).astype("u1").tobytes(), 300)
    assert not said(
        lambda: dt.decode_frame(data, "ExplicitVRLittleEndian", rows=100, columns=160, bits_allocated=1, bits_stored=1)
    )


def test_small_frames_are_not_looked_at():
    data = cut(bytes([7] * 500), 100)
    assert not said(lambda: dt.decode_frame(data, "ExplicitVRLittleEndian", rows=10, columns=50, bits_allocated=8))


@pytest.mark.parametrize("kind", NOISE)
def test_an_rle_frame_that_broke_off(kind):
    """An error where the zeroes decode to too few bytes, else told."""
    array = NOISE[kind]
    more = {"photometric_interpretation": "RGB"} if kind == "rgb" else {}
    data = bytes(dt.encode_frame(array, "RLELossless", **more))
    for at in range(64, len(data) // 2, 997):
        try:
            texts = said(lambda at=at: dt.decode_frame(cut(data, at), "RLELossless", **attributes(array), **more))
        except dt.DecodeError:
            continue
        assert texts, at
    (text,) = said(lambda: dt.decode_frame(data + bytes(len(data) + 1), "RLELossless", **attributes(array), **more))
    assert "zeros" in text


@pytest.mark.parametrize("kind", NOISE)
def test_black_rle_frames(kind):
    """Runs of zero are not zeroes when they are encoded; a row of zeroes as it is has 128 of them at most."""
    array = np.zeros_like(NOISE[kind])
    half = NOISE[kind].copy()
    half[: ROWS // 4] = 0
    more = {"photometric_interpretation": "RGB"} if kind == "rgb" else {}
    for image in (array, half, half[::-1]):
        data = bytes(dt.encode_frame(np.ascontiguousarray(image), "RLELossless", **more))
        assert not said(lambda data=data: dt.decode_frame(data, "RLELossless", **attributes(array), **more))


def test_black_rle_frames_written_as_they_are():
    segment = (b"\x7f" + bytes(128)) * 8
    data = oracle.frame_of([segment])
    assert not said(lambda: dt.decode_frame(data, "RLELossless", rows=32, columns=32, bits_allocated=8))
    assert not said(
        lambda: dt.decode(encapsulated_file([data], "rle", rows=32, columns=32, bits_allocated=8, bits_stored=8))
    )
