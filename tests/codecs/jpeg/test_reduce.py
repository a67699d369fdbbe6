"""`reduce=` of JPEG: the library scales the blocks of the inverse DCT."""

import io
import warnings

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth
from PIL import Image

import dcmturbo as dt
from dcmturbo.formats.library.scaling import _check_size

BASELINE, EXTENDED = "JPEGBaseline8Bit", "1.2.840.10008.1.2.4.51"


def grey(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[:rows, :columns]
    return (120 + 60 * np.sin(y / 40 + seed) + 50 * np.cos(x / 53)).astype(np.uint8)


def colours(rows: int, columns: int) -> np.ndarray:
    return np.stack([grey(rows, columns, seed) for seed in range(3)], -1)


def written(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def decoded(data: bytes, array: np.ndarray, **options) -> np.ndarray:
    attributes = {"rows": array.shape[0], "columns": array.shape[1], "bits_allocated": 8}
    if array.ndim == 3:
        attributes |= {"samples_per_pixel": 3, "photometric_interpretation": "YBR_FULL_422"}
    return dt.decode_frame(data, BASELINE, **attributes | options)


def means(array: np.ndarray, reduce: int) -> np.ndarray:
    """Averages of the squares of a frame, whose edges are repeated, as the encoder repeats them."""
    size = 1 << reduce
    pads = [(0, -array.shape[0] % size), (0, -array.shape[1] % size), (0, 0)][: array.ndim]
    padded = np.pad(array.astype(float), pads, mode="edge")
    shape = (padded.shape[0] // size, size, padded.shape[1] // size, size, *array.shape[2:])
    return padded.reshape(shape).mean((1, 3))


@pytest.mark.parametrize("shape", [(64, 48), (61, 47), (1, 1), (8, 3), (17, 200)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}], ids=str)
@pytest.mark.parametrize("reduce", [1, 2, 3])
def test_grey_levels_are_averages_of_squares(shape, options, reduce):
    array = grey(*shape)
    found = decoded(written(array, **options), array, reduce=reduce)
    expected = means(array, reduce)
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 5


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("reduce", [1, 2, 3])
def test_colours(subsampling, reduce):
    array = colours(97, 130)
    data = written(array, subsampling=subsampling)
    found = decoded(data, array, reduce=reduce)
    assert found.shape == means(array, reduce).shape
    assert np.abs(found - means(array, reduce))[:-2, :-2].max() <= 8
    raw = decoded(data, array, reduce=reduce, raw=True)
    whole = decoded(data, array, raw=True)
    assert np.abs(raw - means(whole, reduce))[:-2, :-2].max() <= 6
    if subsampling == 0:
        planes = dt.decode_components(data, reduce=reduce)
        np.testing.assert_array_equal(np.stack(planes, -1), raw)


def test_rgb_components_are_not_converted():
    array = colours(40, 56)
    data = written(array, keep_rgb=True, subsampling=0)
    assert np.abs(decoded(data, array, reduce=1, photometric_interpretation="RGB") - means(array, 1)).max() <= 5


@pytest.mark.parametrize("reduce", [1, 3])
def test_regions_are_cut_out_of_the_smaller_frame(reduce):
    array = colours(97, 130)
    data = written(array)
    whole = decoded(data, array, reduce=reduce)
    rng = np.random.default_rng(reduce)
    for _ in range(60):
        top, left = (int(rng.integers(size)) for size in whole.shape[:2])
        height, width = int(rng.integers(1, whole.shape[0] - top + 1)), int(rng.integers(1, whole.shape[1] - left + 1))
        found = decoded(data, array, reduce=reduce, region=(top, left, height, width))
        np.testing.assert_array_equal(found, whole[top : top + height, left : left + width])


@pytest.mark.parametrize("threads", [1, 3])
def test_frames_of_a_file(threads):
    arrays = [grey(61, 47, seed) for seed in range(9)]
    data = encapsulated_file([written(a) for a in arrays], "1.2.840.10008.1.2.4.50", rows=61, columns=47)
    whole = dt.decode(data, reduce=2, threads=threads)
    assert whole.shape == (9, 16, 12)
    for array, found in zip(arrays, whole, strict=True):
        np.testing.assert_array_equal(found, decoded(written(array), array, reduce=2))
    out = np.zeros((9, 16, 24), np.uint8)[:, :, ::2]
    assert dt.decode(data, reduce=2, out=out, threads=threads) is out
    np.testing.assert_array_equal(out, whole)
    with dt.open(data) as image:
        np.testing.assert_array_equal(image.read([3, 1], reduce=2, region=(2, 3, 4, 5)), whole[[3, 1], 2:6, 3:8])


def test_cells_of_16_bits():
    array = grey(64, 48)
    found = decoded(written(array), array, reduce=1, bits_allocated=16, bits_stored=8)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, decoded(written(array), array, reduce=1))


def test_what_cannot_be_reduced():
    array = grey(64, 48)
    with pytest.raises(dt.DecodeError, match=r"reduce is 4, but the frame is JPEG\. .*JPEG \(at most 3\), JPEG 2000"):
        decoded(written(array), array, reduce=4)
    twelve = dt.encode_frame(smooth((40, 40), "u2", bits=12), EXTENDED, bits_stored=12, quality=90)
    with pytest.raises(dt.DecodeError, match="8 bits") as caught:
        dt.decode_frame(twelve, EXTENDED, rows=40, columns=40, bits_allocated=16, bits_stored=12, reduce=1)
    assert caught.value.code == "unsupported"
    lossless = dt.encode_frame(array, "JPEGLossless")
    with pytest.raises(dt.DecodeError, match="JPEG Lossless"):
        dt.decode_frame(lossless, "JPEGLossless", rows=64, columns=48, bits_allocated=8, reduce=1)
    for label, other, name in (
        (BASELINE, lossless, "JPEG Lossless"),
        ("JPEG2000Lossless", dt.encode_frame(array, "JPEGLSLossless"), "JPEG-LS"),
    ):  # a frame of another format than its transfer syntax says
        with pytest.raises(dt.DecodeError, match=f"the frame is {name}"):
            dt.decode_frame(other, label, rows=64, columns=48, bits_allocated=8, reduce=1)


def test_a_cut_frame():
    array = grey(512, 384)
    data = written(array)
    cut = data[: len(data) * 2 // 3]
    with pytest.raises(dt.DecodeError, match=r"JPEG|no EOI") as caught:
        decoded(cut, array, reduce=1)
    assert caught.value.code == "truncated"
    status = np.zeros(1, np.uint8)
    with pytest.warns(dt.DecodeWarning):
        found = decoded(cut, array, reduce=1, on_error="salvage", status=status)
    assert status[0] == dt.FrameStatus.PARTIAL
    whole = decoded(data, array, reduce=1)
    np.testing.assert_array_equal(found[:60], whole[:60])


def test_the_size_is_read_as_the_library_reads_it():
    """The library writes lines of the size in the frame header, so the header that it finds must be the checked one."""
    array = grey(64, 48)
    data = written(array)
    at = data.index(b"\xff\xc0")
    length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    larger = bytearray(data[at : at + length])
    larger[7:9] = (40_000).to_bytes(2, "big")
    header = dt._core.probe(data)
    _check_size(memoryview(data), header)
    for wrong in (
        data[:at] + b"\0" + data[at:],  # the library passes over it
        data[:at] + b"\xff\x01" + data[at:],
        data[:at] + bytes(larger) + data[at:],
        data[:at] + bytes(larger) + data[at + length :],
        data[:at] + b"\xff\xd9" + data[at:],
        data[:at] + b"\xff\xfe\0\0" + data[at:],
        data[:at],
        b"",
    ):
        with pytest.raises(dt.DecodeError):
            _check_size(memoryview(wrong), header)
    filled = data[:at] + b"\xff\xff\xff" + data[at:]
    _check_size(memoryview(filled), header)
    np.testing.assert_array_equal(decoded(filled, array, reduce=2), decoded(data, array, reduce=2))


def test_damage_never_gives_more_than_an_error():
    array = colours(40, 56)
    data = written(array, subsampling=2)
    rng = np.random.default_rng(5)
    failed = 0
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            damaged[int(rng.integers(len(data) if rng.random() < 0.3 else 620))] = int(rng.integers(256))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dt.DecodeWarning)
                found = decoded(bytes(damaged), array, reduce=int(rng.integers(1, 4)))
            assert found.ndim == 3
        except dt.DecodeError:
            failed += 1
    assert failed > 20
