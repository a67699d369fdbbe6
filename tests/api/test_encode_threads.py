"""Encoding on several threads: the bytes are those of one thread, and a failure is the same."""

from __future__ import annotations

import numpy as np
import pytest

import dcmturbo as dt
from dcmturbo import _core

SHAPES = [(700, 701), (1, 600_000), (600_000, 1), (65535, 5), (611, 433, 3)]


def noisy(shape: tuple[int, ...], bits: int, seed: int = 3) -> np.ndarray:
    """Return an image of two kinds of rows, so that the parts of a scan differ in how they are coded."""
    generator = np.random.default_rng(seed)
    dtype = np.uint8 if bits <= 8 else np.uint16
    smooth = np.cumsum(generator.integers(-1, 2, shape), axis=0) + (1 << (bits - 1))
    array = np.clip(smooth, 0, (1 << bits) - 1).astype(dtype)
    half = shape[0] // 2
    array[half:] = generator.integers(0, 1 << bits, (shape[0] - half, *shape[1:]))
    return array


ENCODINGS = [
    ("RLELossless", {}),
    ("JPEGLosslessSV1", {}),
    ("JPEGLosslessSV1", {"restart_rows": 1}),
    ("JPEGLosslessSV1", {"restart_rows": 13}),
    ("JPEGLossless", {"selection_value": 7}),
    ("JPEGLossless", {"selection_value": "best"}),
]


def fits(shape: tuple[int, ...], keyword: str, options: dict[str, object]) -> bool:
    """Whether the size and the restart interval can be stated."""
    if keyword == "RLELossless":
        return True
    return max(shape[:2]) <= 65535 and int(str(options.get("restart_rows", 0))) * shape[1] <= 65535


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(
    ("shape", "keyword", "options"),
    [(shape, *encoding) for shape in SHAPES for encoding in ENCODINGS if fits(shape, *encoding)],
    ids=str,
)
def test_the_same_bytes_with_any_number_of_threads(shape, keyword, options, bits):
    array = noisy(shape, bits)
    one = dt.encode_frame(array, keyword, bits_stored=bits, **options)
    for threads in (2, 5):
        assert dt.encode_frame(array, keyword, bits_stored=bits, threads=threads, **options) == one
    decoded = dt.decode_frame(
        one,
        keyword,
        rows=shape[0],
        columns=shape[1],
        samples_per_pixel=3 if array.ndim == 3 else 1,
        bits_allocated=array.itemsize * 8,
        bits_stored=bits,
    )
    assert np.array_equal(decoded, array)


@pytest.mark.parametrize("view", ["rows", "columns", "planes", "flipped"])
def test_any_strides_on_a_team(view):
    array = noisy((1400, 1402), 16)
    frame = {
        "rows": array[::2],
        "columns": array[:, ::2],
        "planes": np.stack([array[:701], array[699:]], axis=0).transpose(1, 2, 0),
        "flipped": array[::-1, ::-1],
    }[view]
    for keyword in ("RLELossless", "JPEGLosslessSV1"):
        options = {"photometric_interpretation": "RGB"} if frame.ndim == 3 and keyword != "RLELossless" else {}
        if frame.ndim == 3:
            frame = np.concatenate([frame, frame[..., :1]], axis=2)
        copied = np.ascontiguousarray(frame)
        assert dt.encode_frame(frame, keyword, threads=3, **options) == dt.encode_frame(copied, keyword, **options)


@pytest.mark.parametrize("cell", [np.uint32, np.uint64])
def test_large_cells_in_rle_on_a_team(cell):
    array = np.random.default_rng(1).integers(0, 1 << 31, (400, 401)).astype(cell)
    assert dt.encode_frame(array, "RLELossless", threads=4) == dt.encode_frame(array, "RLELossless")


def test_a_value_that_does_not_fit_is_told_alike():
    array = noisy((900, 900), 12)
    array[850, 3] = 4096
    array[20, 3] = 5000
    messages = set()
    for threads in (1, 2, 4):
        with pytest.raises(dt.EncodeError, match="5000") as caught:
            dt.encode_frame(array, "JPEGLosslessSV1", bits_stored=12, threads=threads)
        messages.add(str(caught.value))
        assert caught.value.frame is None
    assert len(messages) == 1


def attributes(shape: tuple[int, ...], bits: int) -> _core.Attributes:
    return _core.Attributes(
        rows=shape[0],
        columns=shape[1],
        samples_per_pixel=1,
        bits_allocated=16,
        bits_stored=bits,
        pixel_representation=0,
        planar_configuration=0,
        photometric_interpretation="MONOCHROME2",
    )


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_many_frames_at_once(threads):
    frames = [noisy((60, 70), 12, seed) for seed in range(17)]
    encoded = _core.encode_frames("JPEGLosslessSV1", frames, attributes((60, 70), 12), threads=threads)
    assert encoded == [dt.encode_frame(frame, "JPEGLosslessSV1", bits_stored=12) for frame in frames]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_lowest_frame_that_fails_is_told(threads):
    frames = [noisy((60, 70), 12, seed) for seed in range(17)]
    for frame in (5, 6, 16):
        frames[frame][0, 0] = 4096 + frame
    with pytest.raises(dt.Error, match="4101") as caught:
        _core.encode_frames("JPEGLosslessSV1", frames, attributes((60, 70), 12), threads=threads)
    assert caught.value.frame == 5


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_library_encodes_many_frames(threads):
    frames = [noisy((60, 70), 12, seed) for seed in range(9)]
    encoded = _core.encode_frames(
        "JPEGLSLossless", frames, attributes((60, 70), 12), library=lambda frame: frame.tobytes(), threads=threads
    )
    assert encoded == [frame.tobytes() for frame in frames]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_what_a_library_raises_is_raised(threads):
    frames = [noisy((60, 70), 12, seed) for seed in range(9)]
    failure = LookupError("no such table")

    def encode(frame: np.ndarray) -> bytes:
        if np.array_equal(frame, frames[3]):
            raise failure
        return frame.tobytes()

    with pytest.raises(LookupError) as caught:
        _core.encode_frames("JPEGLSLossless", frames, attributes((60, 70), 12), library=encode, threads=threads)
    assert caught.value is failure


def test_a_library_that_returns_no_bytes():
    with pytest.raises(TypeError, match="bytes-like"):
        _core.encode_frames("JPEGLSLossless", [noisy((6, 7), 12)], attributes((6, 7), 12), library=lambda frame: None)
