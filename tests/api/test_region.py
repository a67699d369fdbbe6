"""`region=` and `reduce=` of every function that takes them."""

import pickle
import warnings

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from helpers.samples import smooth

import dcmturbo as dt

ROWS, COLUMNS = 60, 47
WHOLE = np.stack([smooth((ROWS, COLUMNS), "u2", bits=12, seed=seed) for seed in range(3)])


def file_of(syntax: str = "JPEG2000Lossless") -> bytes:
    module = {"rows": ROWS, "columns": COLUMNS, "bits_allocated": 16, "bits_stored": 12, "frames": len(WHOLE)}
    if syntax == "explicit":
        return native_file(WHOLE.tobytes(), "explicit", **module)
    frames = [dt.encode_frame(frame, syntax, bits_stored=12) for frame in WHOLE]
    return encapsulated_file(frames, dt.formats.syntaxes.find_transfer_syntax(syntax).uid, **module)


def test_decode():
    data = file_of()
    np.testing.assert_array_equal(dt.decode(data, region=(5, 6, 7, 8)), WHOLE[:, 5:12, 6:14])
    np.testing.assert_array_equal(dt.decode(data, 1, region=(slice(-9, None), slice(3, 900))), WHOLE[1, -9:, 3:])
    np.testing.assert_array_equal(dt.decode(data, [2, 0], region=dt.Region(0, 0, 1, 1)), WHOLE[[2, 0], :1, :1])
    small = dt.decode(data, reduce=2)
    assert small.shape == (3, 15, 12)
    np.testing.assert_array_equal(dt.decode(data, reduce=2, region=(3, 4, 12, 8)), small[:, 3:, 4:])


def test_a_path_of_native_data_gives_a_view(tmp_path):
    path = tmp_path / "native.dcm"
    path.write_bytes(file_of("explicit"))
    with dt.config.override(memory_map=True):
        found = dt.decode(path, region=(5, 6, 7, 8), unused_bits="keep")
    np.testing.assert_array_equal(found, WHOLE[:, 5:12, 6:14])
    assert found.base is not None
    assert found.strides == (ROWS * COLUMNS * 2, COLUMNS * 2, 2)
    np.testing.assert_array_equal(dt.decode(path, 2, region=(5, 6, 7, 8)), WHOLE[2, 5:12, 6:14])
    with dt.config.override(memory_map=False):
        np.testing.assert_array_equal(dt.decode(path, region=(5, 6, 7, 8)), WHOLE[:, 5:12, 6:14])


def test_image():
    with dt.open(file_of()) as image:
        np.testing.assert_array_equal(image[1, 5:12, 6:14], WHOLE[1, 5:12, 6:14])
        np.testing.assert_array_equal(image[:2, 5:12], WHOLE[:2, 5:12])
        np.testing.assert_array_equal(image[-1, -5:, :-40], WHOLE[-1, -5:, :-40])
        np.testing.assert_array_equal(image[[0, 2], :, 1:3], WHOLE[[0, 2], :, 1:3])
        np.testing.assert_array_equal(image[0, 2], WHOLE[[0, 2]])  # numbers alone are frames
        np.testing.assert_array_equal(image.read(2, region=(1, 2, 3, 4), reduce=1), image.read(2, reduce=1)[1:4, 2:6])
        with pytest.raises(IndexError, match="the array has 2 axes"):
            image[0, 1:2, 1:2, 1:2]
        again = pickle.loads(pickle.dumps(image))
        np.testing.assert_array_equal(again[1, 5:12, 6:14], WHOLE[1, 5:12, 6:14])
        again.close()


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("frames", [1, 3])
def test_indices_of_images_are_those_of_numpy(samples, frames):
    rng = np.random.default_rng(samples + frames)
    shape = (frames, 9, 13, 3)[: 3 + (samples > 1)]
    whole = rng.integers(0, 256, shape, np.uint8)
    planar = 0 if samples > 1 else None
    source = native_file(whole.tobytes(), frames=frames, rows=9, columns=13, samples=samples, planar=planar)

    def part(size, is_first):
        if rng.random() < 0.3:
            return int(rng.integers(-size, size))
        begin, end = (None if rng.random() < 0.3 else int(rng.integers(-size - 2, size + 3)) for _ in range(2))
        return slice(begin, end, None if is_first else int(rng.choice([-2, -1, 1, 2, 3])))

    with dt.open(source) as image:
        np.testing.assert_array_equal(image[...], whole)
        for _ in range(300):
            key = [part(size, axis == 0) for axis, size in enumerate(shape)]
            begin, end = sorted(rng.integers(0, len(shape) + 1, 2).tolist())
            key = key[: max(1, end)] if rng.random() < 0.5 else [*key[:begin], ..., *key[end:]]
            if not any(one is ... or isinstance(one, slice) for one in key[1:]) and key[0] is not ...:
                continue  # numbers alone are frames
            np.testing.assert_array_equal(image[tuple(key)], whole[tuple(key)], str(key))
        for wrong in ((..., ...), (0, slice(None), 0, 0, 0), (0, ..., 99), (0, ..., 1.5)):
            with pytest.raises(IndexError):
                image[wrong]


def test_an_image_is_an_array():
    with dt.open(file_of()) as image:
        np.testing.assert_array_equal(np.asarray(image), WHOLE)
        assert np.asarray(image, np.float32).dtype == np.float32
    one = native_file(WHOLE[0].tobytes(), rows=ROWS, columns=COLUMNS, bits_allocated=16, bits_stored=12)
    with dt.open(one) as image:
        assert np.asarray(image).shape == image.shape == (ROWS, COLUMNS)


def test_series():
    data = [file_of(), file_of("RLELossless"), file_of("explicit")]
    expected = np.concatenate([WHOLE] * 3)
    np.testing.assert_array_equal(dt.decode_series(data, region=(50, 40, 10, 7)), expected[:, 50:, 40:])
    out = np.empty((9, 10, 7), np.uint16)
    assert dt.decode_series(data, region=(50, 40, 10, 7), out=out) is out
    np.testing.assert_array_equal(out, expected[:, 50:, 40:])
    assert dt.decode_series(data[:1] * 2, reduce=1).shape == (6, 30, 24)
    with pytest.raises(dt.DecodeError, match=r"RLE\. These formats have reduce: JPEG \(at most 3\), JPEG 2000"):
        dt.decode_series(data, reduce=1)
    assert dt.decode_series(data, region=(0, 0, 0, 5)).shape == (9, 0, 5)


def test_out_and_status():
    data = file_of("JPEGLSLossless")
    out = np.zeros((3, 9, 80), np.uint16)[:, ::-1, ::2]
    status = np.full(3, 9, np.uint8)
    assert dt.decode(data, region=(1, 2, 9, 40), out=out, status=status) is out
    np.testing.assert_array_equal(out, WHOLE[:, 1:10, 2:42])
    assert not status.any()
    with pytest.raises(ValueError, match="shape"):
        dt.decode(data, region=(1, 2, 9, 40), out=np.zeros((3, 9, 41), np.uint16))


@pytest.mark.parametrize(
    ("region", "error", "words"),
    [
        ((0, 0, 61, 1), ValueError, "does not lie within a frame of 60 x 47"),
        ((-1, 0, 2, 1), ValueError, "does not lie within"),
        ((0, 40, 2, 8), ValueError, "clip=True"),
        ((0, 0, -1, 1), ValueError, "expected at least 0"),
        ((slice(0, 4, 2), slice(None)), ValueError, "step of 1"),
        ((0, 0, 1), TypeError, "region must be"),
        ((0, 0, 1.5, 1), TypeError, "region must be"),
        ("all", TypeError, "region must be"),
        ((5, slice(None)), TypeError, "two slices"),
        (np.zeros((2, 2)), TypeError, "region must be"),
    ],
)
def test_what_is_no_region(region, error, words):
    data = file_of()
    with pytest.raises(error, match=words):
        dt.decode(data, region=region)
    with pytest.raises(error, match=words):
        dt.decode_components(dt.encode_frame(WHOLE[0], "JPEG2000Lossless", bits_stored=12), region=region)


@pytest.mark.parametrize(
    ("region", "part"),
    [
        (dt.Region(-3, 40, 10, 10, clip=True), WHOLE[:, :7, 40:]),
        (dt.Region(50, 2, 100, 3, clip=True), WHOLE[:, 50:, 2:5]),
        (dt.Region(70, 2, 10, 3, clip=True), WHOLE[:, 60:, 2:5]),
        (dt.Region(-9, -9, 3, 3, clip=True), WHOLE[:, :0, :0]),
        ((slice(50, 10), slice(None)), WHOLE[:, 50:10]),
        ((10, 10, 0, 5), WHOLE[:, 10:10, 10:15]),
    ],
)
def test_clipped_and_empty(region, part):
    for syntax in ("JPEG2000Lossless", "RLELossless", "explicit"):
        found = dt.decode(file_of(syntax), region=region)
        assert found.shape == part.shape
        assert found.dtype == part.dtype
        np.testing.assert_array_equal(found, part)


def test_an_empty_region_of_a_frame():
    data = dt.encode_frame(WHOLE[0], "RLELossless", bits_stored=12)
    arguments = {"rows": ROWS, "columns": COLUMNS, "bits_allocated": 16}
    status = np.full(1, 9, np.uint8)
    found = dt.decode_frame(data, "RLELossless", region=(3, 3, 0, 4), status=status, **arguments)
    assert found.shape == (0, 4)
    assert found.dtype == np.uint16
    assert status[0] == dt.FrameStatus.OK
    out = np.empty((0, 4), np.uint16)
    assert dt.decode_frame(data, "RLELossless", region=(3, 3, 0, 4), out=out, **arguments) is out
    assert [
        a.shape for a in dt.decode_components(dt.encode_frame(WHOLE[0], "JPEGLSLossless"), region=(0, 0, 0, 3))
    ] == [(0, 3)]


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEGLosslessSV1", "JPEGLSLossless"])
def test_a_cut_frame_has_the_regions_before_the_cut(syntax):
    """Decoding stops behind the last row, so what is wrong after it does not matter."""
    array = smooth((200, 150), "u1")
    data = dt.encode_frame(array, syntax)
    cut = data[: len(data) * 2 // 3]
    arguments = {"rows": 200, "columns": 150, "bits_allocated": 8}
    np.testing.assert_array_equal(
        dt.decode_frame(cut, syntax, region=(40, 50, 60, 70), **arguments), array[40:100, 50:120]
    )
    with pytest.raises(dt.DecodeError):
        dt.decode_frame(cut, syntax, region=(150, 0, 50, 50), **arguments)
    status = np.zeros(1, np.uint8)
    with pytest.warns(dt.DecodeWarning):
        found = dt.decode_frame(cut, syntax, region=(40, 3, 160, 11), on_error="salvage", status=status, **arguments)
    assert status[0] == dt.FrameStatus.PARTIAL
    np.testing.assert_array_equal(found[:60], array[40:100, 3:14])
    assert not found[-20:].any()


def test_damage_in_a_tile_that_is_not_needed():
    array = smooth((128, 128), "u1")
    data = bytearray(dt.encode_frame(array, "JPEG2000Lossless", tile_width=64, tile_height=64))
    # The last tile-part loses its packets.
    last = bytes(data).rindex(b"\xff\x93") + 2
    data[last:-2] = b"\xff" * (len(data) - 2 - last)
    arguments = {"rows": 128, "columns": 128, "bits_allocated": 8}
    with pytest.raises(dt.DecodeError):
        dt.decode_frame(data, "JPEG2000Lossless", **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = dt.decode_frame(data, "JPEG2000Lossless", region=(0, 0, 128, 64), **arguments)
    np.testing.assert_array_equal(found, array[:, :64])


def test_limits_are_of_the_result():
    data = file_of()
    with dt.config.override(max_output=1000):
        assert dt.decode(data, 0, region=(0, 0, 10, 10)).shape == (10, 10)
        with pytest.raises(dt.LimitExceeded):
            dt.decode(data, 0, region=(0, 0, 60, 47))
