"""dcmturbo against pydicom, on every file that pydicom and pydicom-data ship."""

import hashlib
import io
import mmap
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.shipped import shipped, shipped_files
from pydicom.pixels import pixel_array

import dcmturbo as dt
from differential.exceptions import EXCEPTIONS, PLUGINS, page

FILES = shipped_files()
DOCUMENT = Path(__file__).parents[2] / "docs" / "equality.md"

ORDINARY = [path for path in FILES if path.name not in EXCEPTIONS]  # the others have tests of their own, below

every_file = pytest.mark.parametrize("path", ORDINARY, ids=lambda path: "/".join(path.parts[-2:]))


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def read(path: Path) -> pydicom.Dataset:
    return quietly(pydicom.dcmread, path, force=True)


def by_pydicom(ds: pydicom.Dataset, raw: bool) -> np.ndarray:
    uid = str(ds.file_meta.TransferSyntaxUID)
    plugin = {"decoding_plugin": PLUGINS[uid]} if ds.file_meta.TransferSyntaxUID.is_encapsulated else {}
    return quietly(pixel_array, ds, raw=raw, **plugin)


def has_pixels(ds: pydicom.Dataset) -> bool:
    return any(keyword in ds for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def assert_equal(ours: np.ndarray, theirs: np.ndarray, limit: int = 0) -> None:
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype.newbyteorder("=")
    assert ours.dtype.isnative
    if limit == 0:
        np.testing.assert_array_equal(ours, theirs)
    else:
        assert np.abs(ours.astype(np.int64) - theirs.astype(np.int64)).max() <= limit


def limit_of(ds: pydicom.Dataset) -> int:
    """What right decoders may differ by: 1 for irreversible JPEG 2000 (docs/equality.md)."""
    if ds.file_meta.TransferSyntaxUID not in (pydicom.uid.JPEG2000, pydicom.uid.JPEG2000Lossless):
        return 0
    frames = pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames") or 1))
    return 0 if dt.probe(next(frames)).lossless else 1


def test_there_are_files_of_both_packages():
    assert len(FILES) > 200
    assert all(shipped(name) for name in ("CT_small.dcm", "emri_small.dcm"))


@every_file
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "rgb"])
def test_equal_to_pydicom(path, raw):
    ds = read(path)
    if not has_pixels(ds):
        with pytest.raises(dt.NoPixelData):
            quietly(dt.decode, path, raw=raw)
        return
    ours = quietly(dt.decode, path, raw=raw)
    theirs = by_pydicom(ds, raw)
    assert_equal(ours, theirs, limit_of(ds))
    with quietly(dt.open, path, raw=raw) as image:
        assert image.shape == theirs.shape
        assert image.dtype == ours.dtype


@every_file
def test_equal_to_pydicom_by_way_of_a_dataset(path):
    ds = read(path)
    if not has_pixels(ds):
        with pytest.raises((dt.NoPixelData, dt.UnsupportedTransferSyntax)):
            quietly(dt.decode, ds)
        return
    assert_equal(quietly(dt.decode, ds, raw=True), by_pydicom(ds, True), limit_of(ds))


def by_gdcm(path: Path) -> np.ndarray:
    """What GDCM itself decodes, from the memory of its image."""
    gdcm = pytest.importorskip("gdcm")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    image = reader.GetImage()
    content = image.GetBuffer().encode("utf-8", errors="surrogateescape")
    return np.frombuffer(content, "<u2").reshape(image.GetDimension(1), image.GetDimension(0))


@pytest.mark.parametrize("name", sorted(n for n, d in EXCEPTIONS.items() if d.outcome != "decodes"))
def test_a_listed_file_is_refused_as_the_table_says(name):
    for source in (shipped(name), shipped(name).read_bytes()):
        with pytest.raises(dt.Error) as caught:
            quietly(dt.decode, source)
        assert caught.value.code == EXCEPTIONS[name].outcome


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_12_bit_jpeg_equals_gdcm(name):
    ours = dt.decode(shipped(name), raw=True)
    theirs = by_gdcm(shipped(name))
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_a_number_of_frames_that_is_no_number():
    ds = read(shipped("badVR.dcm"))
    del ds[0x00280008]
    assert_equal(quietly(dt.decode, shipped("badVR.dcm"), raw=True), by_pydicom(ds, True))


def test_a_file_without_a_transfer_syntax():
    ds = read(shipped("OT-PAL-8-face.dcm"))
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    assert_equal(quietly(dt.decode, shipped("OT-PAL-8-face.dcm"), raw=True), by_pydicom(ds, True))


def test_a_missing_sequence_delimiter_loses_no_frame():
    with pytest.warns(dt.DecodeWarning, match="without a sequence delimiter"):
        found = dt.decode(shipped("emri_small_jpeg_2k_lossless_too_short.dcm"))
    assert_equal(found, dt.decode(shipped("emri_small_jpeg_2k_lossless.dcm")))


def test_every_exception_is_tested_and_is_one():
    tested = {"JPEG-lossy.dcm", "JPGExtended.dcm", "badVR.dcm", "OT-PAL-8-face.dcm"}
    tested.add("emri_small_jpeg_2k_lossless_too_short.dcm")
    assert {name for name, d in EXCEPTIONS.items() if d.outcome == "decodes"} == tested
    for name in EXCEPTIONS:
        try:
            theirs = by_pydicom(read(shipped(name)), True)
        except Exception:
            continue
        pytest.fail(f"pydicom decodes {name} ({theirs.shape}): compare with that, and drop it from the table")


def test_the_page_is_current():
    assert DOCUMENT.read_text() == page(), "python tests/differential/exceptions.py > docs/equality.md"


# ---- one file, every kind of source ------------------------------------------------------------

OF_EVERY_KIND = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "emri_small.dcm",
    "emri_small_RLE.dcm",
    "JPGLosslessP14SV1_1s_1f_8b.dcm",
    "rtdose.dcm",
    "color-pl.dcm",
]


@pytest.mark.parametrize("name", OF_EVERY_KIND)
def test_every_kind_of_source_gives_the_same(name, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    path = shipped(name)
    data = path.read_bytes()
    right = quietly(dt.decode, path)
    fsspec.filesystem("memory").pipe_file("/dcmturbo/" + name, data)
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(data)
    with (
        path.open("rb") as file,
        path.open("rb", buffering=0) as unbuffered,
        copy.open("rb") as mapped_file,
        mmap.mmap(mapped_file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        file.seek(77)
        read_part_way = io.BytesIO(data)
        read_part_way.seek(500)
        sources = {
            "str": str(path),
            "Path": path,
            "bytes": data,
            "bytearray": bytearray(data),
            "memoryview": memoryview(data),
            "array": np.frombuffer(data, np.uint8),
            "BytesIO": io.BytesIO(data),
            "BytesIO, part way": read_part_way,
            "file": file,
            "unbuffered file": unbuffered,
            "mmap": memoryview(mapped),
            "URL": f"memory://dcmturbo/{name}",
            "file URL": copy.as_uri(),
            "OpenFile": fsspec.open(f"memory://dcmturbo/{name}"),
            "Dataset": read(path),
            "Dataset, deferred": quietly(pydicom.dcmread, path, defer_size=256),
        }
        for kind, source in sources.items():
            found = quietly(dt.decode, source)
            assert found.dtype == right.dtype, kind
            np.testing.assert_array_equal(found, right, err_msg=kind)
        assert file.tell() == 77
        sources.clear()
        del source, found


@pytest.mark.parametrize("name", OF_EVERY_KIND)
def test_what_is_returned_may_be_written_and_the_source_stays(name, tmp_path):
    copy = tmp_path / "copy.dcm"
    data = shipped(name).read_bytes()
    copy.write_bytes(data)
    ds = read(copy)
    element = bytes(ds[next(k for k in ("PixelData", "FloatPixelData") if k in ds)].value)
    buffer = bytearray(data)
    for source in (copy, buffer, io.BytesIO(data), ds):
        for memory_map in (True, False):
            with dt.config.override(memory_map=memory_map):
                found = quietly(dt.decode, source, raw=True)
            assert found.flags.writeable
            found[...] = 1
            again = quietly(dt.decode, source, raw=True)
            assert not (again == 1).all()
    assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert buffer == data
    assert ds.PixelData == element


@pytest.mark.parametrize("source", [3, None, object(), ["a.dcm"], {"a": 1}])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(TypeError, match="source must be"):
        dt.decode(source)


def test_a_file_in_text_mode_is_refused(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(shipped("CT_small.dcm").read_bytes())
    with path.open(encoding="latin-1") as file, pytest.raises(TypeError, match="binary"):
        dt.decode(file)


def test_paths_that_cannot_be_read_raise_what_python_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        dt.decode(tmp_path / "missing.dcm")
    with pytest.raises(IsADirectoryError):
        dt.decode(tmp_path)
    with pytest.raises(FileNotFoundError):
        dt.decode("memory://dcmturbo/there-is-no-such-file")
    with pytest.raises(NotADirectoryError):
        dt.decode(shipped("CT_small.dcm") / "below")
    with pytest.raises(ValueError, match="null"):
        dt.decode(str(shipped("CT_small.dcm")) + "\0.dcm")


def test_a_pipe_is_refused_and_does_not_hang(tmp_path):
    import os

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="regular file"):
        dt.decode(pipe)


def test_a_path_that_is_not_text(tmp_path):
    name = bytes(tmp_path) + b"/\xff\xfe.dcm"
    with open(name, "wb") as file:
        file.write(shipped("CT_small.dcm").read_bytes())
    import os

    right = dt.decode(shipped("CT_small.dcm"))
    np.testing.assert_array_equal(dt.decode(Path(os.fsdecode(name))), right)
    np.testing.assert_array_equal(dt.decode(os.fsdecode(name)), right)


class Failing(io.RawIOBase):
    """A file whose pixel data cannot be read."""

    def __init__(self, data: bytes, good: int) -> None:
        self.inner, self.good = io.BytesIO(data), good

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.inner.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.inner.seek(offset, whence)

    def readinto(self, to) -> int:
        if self.inner.tell() >= self.good:
            raise ConnectionResetError("the server has gone")
        return self.inner.readinto(to)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"])
def test_what_a_file_object_raises_is_what_the_caller_learns(name):
    data = shipped(name).read_bytes()
    with pytest.raises((ConnectionResetError, dt.DecodeError)) as caught:
        dt.decode(Failing(data, 4000))
    chain = []
    error = caught.value
    while error is not None:
        chain.append(error)
        error = error.__cause__
    assert any(isinstance(error, ConnectionResetError) for error in chain)
    with pytest.raises(ConnectionResetError):
        dt.decode(Failing(data, 0))
