"""Offsets of frames that are kept beside an object; and how much of an object is read to find frames without them."""

import errno
import io
import tracemalloc

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from pydicom import Dataset, dcmread

import dcmturbo as dt

SYNTAX = "1.2.840.10008.1.2.4.80"


class Counting(io.RawIOBase):
    """A file object that counts what is read of it."""

    def __init__(self, data):
        self._data, self._at, self.reads, self.bytes = data, 0, 0, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self._at = (0, self._at, len(self._data))[whence] + offset
        return self._at

    def tell(self):
        return self._at

    def read(self, size=-1):
        part = self._data[self._at :] if size < 0 else self._data[self._at : self._at + size]
        self._at += len(part)
        self.reads += 1
        self.bytes += len(part)
        return part

    def take(self):
        found = self.reads, self.bytes
        self.reads = self.bytes = 0
        return found


def many(count):
    """Frames of different values and lengths, without an offset table."""
    kinds = [dt.encode_frame(np.full((8, 8), k, np.uint8) * (np.arange(8) < k), "JPEGLSLossless") for k in range(7)]
    frames = [kinds[k % 7] for k in range(count)]
    return encapsulated_file(frames, SYNTAX, table=False, rows=8, columns=8, bits_allocated=8)


def test_a_hundred_thousand_frames_without_a_table():
    data = many(100_000)
    source = Counting(data)
    with dt.open(source) as image:
        first = image[0]
        reads, size = source.take()
        assert size <= 0.01 * len(data)
        assert reads <= 8
        last = image.read(99_999)
        reads, size = source.take()
        assert size <= 1.02 * len(data)
        assert reads <= 20
        np.testing.assert_array_equal(
            last, dt.decode_frame(image.encoded_frame(99_999), "JPEGLSLossless", rows=8, columns=8, bits_allocated=8)
        )
        assert not np.array_equal(first, last)
        assert len(image) == 100_000


@pytest.mark.parametrize("group", ["PixelMeasuresSequence", "FrameVOILUTSequence"])
def test_functional_groups_before_the_pixel_data_need_no_search(group):
    """As in slides of which the frames are in full order. Spacing was taken for an icon whose pixels are missing."""
    item = Dataset()
    item.PixelSpacing = [0.5, 0.5]
    item.WindowCenter = 3
    shared = Dataset()
    setattr(shared, group, [item])
    ds = dcmread(io.BytesIO(many(20_000)))
    ds.SharedFunctionalGroupsSequence = [shared]
    file = io.BytesIO()
    ds.save_as(file)
    source = Counting(file.getvalue())
    with dt.open(source) as image:
        assert image[0].shape == (8, 8)
    reads, size = source.take()
    assert reads <= 10
    assert size < 50_000


def test_a_saved_index_finds_every_frame_at_once(tmp_path):
    data = many(5000)
    path = tmp_path / "frames.idx"
    with dt.open(data) as image:
        index = image.index()
        assert len(index) == 5000
        expected = image[4990:]
    index.save(path)
    source = Counting(data)
    with dt.open(source, index=path) as image:
        source.take()
        np.testing.assert_array_equal(image[4999], expected[-1])
        reads, size = source.take()
        assert reads <= 2
        assert size < 10_000
        np.testing.assert_array_equal(image[4990:], expected)
    again = dt.FrameOffsets.load(path)
    np.testing.assert_array_equal(again.offsets, index.offsets)
    with dt.open(data, index=again) as image:
        np.testing.assert_array_equal(image.read([17, 4995]), dt.decode(data, [17, 4995]))


def test_a_save_that_fails_leaves_the_file_there_was(tmp_path, monkeypatch):
    path = tmp_path / "frames.idx"
    index = dt.open(many(5)).index()
    index.save(path)
    before = path.read_bytes()

    def full(file, **_):
        file.write(b"PK")
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="no space left"):
        index.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_index_is_kept_in_a_store():
    pytest.importorskip("fsspec")
    data = many(5)
    with dt.open(data) as image:
        image.index().save("memory://bucket/frames.idx")
        expected = image[:]
    with dt.open(data, index="memory://bucket/frames.idx") as image:
        np.testing.assert_array_equal(image[:], expected)


def test_an_index_of_another_object_is_refused(tmp_path):
    index = dt.open(many(50)).index()
    for data in (
        many(51),
        many(50) + bytes(2),
        native_file(bytes(64), "explicit", rows=8, columns=8, bits_allocated=8),
    ):
        with pytest.raises(dt.DecodeError, match="not of this object"):
            dt.open(data, index=index)
    for content in (b"", b"nothing", b"PK\x03\x04" + bytes(40)):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(ValueError, match="saved offsets"):
            dt.open(many(50), index=tmp_path / "x")
    with pytest.raises(OSError, match="missing"):
        dt.open(many(50), index=tmp_path / "missing")


def test_a_damaged_file_of_offsets_is_said(tmp_path):
    """Of such a file, zipfile, zlib and numpy raise errors of many types."""
    data, path = many(50), tmp_path / "x"
    with dt.open(data) as image:
        expected = image[:]
        image.index().save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(16)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(damaged)) if rng.random() < 0.2 else None])
        try:
            with dt.open(data, index=path) as image:
                np.testing.assert_array_equal(image[:], expected)
        except (ValueError, dt.DecodeError) as error:
            assert "offsets of frames" in str(error)  # noqa: PT017
            refused += 1
    assert refused > 500


@pytest.mark.parametrize("of_this_object", [False, True])
def test_offsets_that_inflate_to_more_than_the_object_holds_are_not_inflated(tmp_path, of_this_object):
    data, path = many(50), tmp_path / "x"
    index = dt.open(data).index()
    zeros = np.zeros(4 << 20, np.uint64)
    dt.FrameOffsets(zeros, zeros, index.source_bytes + (not of_this_object), index.pixel_data).save(path)
    assert path.stat().st_size < 1 << 20
    expected = (ValueError, "has no saved offsets") if of_this_object else (dt.DecodeError, "not of this object")
    tracemalloc.start()
    try:
        with pytest.raises(expected[0], match=expected[1]):
            dt.open(data, index=path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    with pytest.raises(ValueError, match="has no saved offsets"):
        dt.FrameOffsets.load(path)


def test_what_is_no_index():
    index = dt.open(many(5)).index()
    for wrong in (index.offsets.tolist(), index.offsets.astype(">u8"), index.offsets.astype(float), index.offsets[:3]):
        with pytest.raises(ValueError, match="arrays of uint64"):
            dt.FrameOffsets(index.offsets, wrong, index.source_bytes, index.pixel_data)
    for wrong in (5, {}, b"x"):
        with pytest.raises(TypeError, match="index must be FrameOffsets"):
            dt.open(many(5), index=wrong)


def test_wrong_offsets_give_no_wrong_frame():
    data = many(50)
    with dt.open(data) as image:
        index, expected = image.index(), image[:]
    wrong = dt.FrameOffsets(
        index.offsets + np.uint64(2) * (index.offsets > 0), index.lengths, index.source_bytes, index.pixel_data
    )
    try:
        with dt.open(data, index=wrong) as image:
            found = image[:]
    except dt.DecodeError:
        return
    np.testing.assert_array_equal(found, expected)


def test_what_has_no_index():
    with (
        dt.open(native_file(bytes(64), "explicit", rows=8, columns=8, bits_allocated=8)) as image,
        pytest.raises(ValueError, match="uncompressed"),
    ):
        image.index()
    frame = dt.encode_frame(np.zeros((8, 8), np.uint8), "JPEGLSLossless")
    data = encapsulated_file([[frame[:9], frame[9:]], [frame]], SYNTAX, rows=8, columns=8, bits_allocated=8)
    with dt.open(data) as image, pytest.raises(ValueError, match="2 fragments"):
        image.index()
