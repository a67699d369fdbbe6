"""What a DICOM object may be read from."""

import gzip
import io
import mmap
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import encapsulated_file, native_file

import dcmturbo as dt
from dcmturbo import _core

SHAPE = (12, 16)
ARRAYS = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
MODULE = {"rows": SHAPE[0], "columns": SHAPE[1]}


def rle_file(**layout: object) -> bytes:
    return encapsulated_file([dt.encode_frame(a, "RLELossless") for a in ARRAYS], "rle", **MODULE, **layout)


FILES = {"native": native_file(ARRAYS.tobytes(), frames=3, **MODULE), "rle": rle_file()}


@pytest.fixture(params=list(FILES))
def path(request, tmp_path):
    path = tmp_path / "object.dcm"
    path.write_bytes(FILES[request.param])
    return path


def archived(path: Path) -> Path:
    archive = path.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(path, "object.dcm")
    return archive


def test_a_memory_map(path):
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        np.testing.assert_array_equal(dt.decode(mapped), ARRAYS)
        with dt.open(mapped) as image:
            frame = image.encoded_frame(1)
            assert np.shares_memory(np.frombuffer(frame, np.uint8), np.frombuffer(mapped, np.uint8))
            frame.release()


def test_files_of_all_kinds(path):
    with path.open("rb", buffering=0) as file:
        np.testing.assert_array_equal(dt.decode(file), ARRAYS)
    zipped = path.with_suffix(".gz")
    with gzip.open(zipped, "wb") as file:
        file.write(path.read_bytes())
    with gzip.open(zipped) as file:
        np.testing.assert_array_equal(dt.decode(file), ARRAYS)
    with zipfile.ZipFile(archived(path)) as archive, archive.open("object.dcm") as file:
        np.testing.assert_array_equal(dt.decode(file), ARRAYS)


def test_a_file_whose_seek_says_nothing(path):
    # As mmap.seek before Python 3.13, and many a file object of others.
    class Quiet(io.BytesIO):
        def seek(self, *arguments):
            super().seek(*arguments)

    np.testing.assert_array_equal(dt.decode(Quiet(path.read_bytes())), ARRAYS)


def test_urls(path):
    pytest.importorskip("fsspec")
    np.testing.assert_array_equal(dt.decode(f"file://{path}"), ARRAYS)
    # The file in the archive lives no longer than the file that the archive is read from.
    np.testing.assert_array_equal(dt.decode(f"zip://object.dcm::file://{archived(path)}"), ARRAYS)


def test_a_data_set_without_an_offset_table_is_no_reason_to_warn():
    # pydicom drops the sequence delimiter when it reads pixel data.
    for table in (True, False):
        ds = pydicom.dcmread(io.BytesIO(rle_file(table=table)))
        np.testing.assert_array_equal(dt.decode(ds), ARRAYS)


def test_a_data_set_whose_pixel_data_are_empty():
    ds = pydicom.dcmread(io.BytesIO(FILES["native"]))
    ds.PixelData = b""
    del ds.NumberOfFrames
    with pytest.raises(dt.DecodeError, match="frame 0: the pixel data have no frame"):
        dt.decode(ds)


@pytest.mark.parametrize("keyword", ["PixelData", "BitsAllocated", "PhotometricInterpretation"])
def test_a_data_set_that_pydicom_cannot_read(keyword):
    file = bytearray(FILES["native"])
    tag = pydicom.datadict.tag_for_keyword(keyword)
    place = file.index(tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2])
    file[place + 4 : place + 6] = b"QZ"  # a VR that does not exist
    ds = pydicom.dcmread(io.BytesIO(file))
    with pytest.raises(dt.DecodeError, match=f"pydicom cannot read {keyword}"):
        dt.decode(ds)


def test_a_data_set_with_text_for_pixel_data():
    file = bytearray(native_file(b"A" * ARRAYS.size, frames=3, **MODULE))
    place = file.index(b"\xe0\x7f\x10\0") + 4
    file[place : place + 2] = b"UT"
    with pytest.raises(dt.DecodeError, match="PixelData is a str, not bytes"):
        dt.decode(pydicom.dcmread(io.BytesIO(file)))


def test_a_data_set_with_an_extended_offset_table_without_a_value():
    ds = pydicom.dcmread(io.BytesIO(FILES["rle"]))
    ds.ExtendedOffsetTable = ds.ExtendedOffsetTableLengths = None
    np.testing.assert_array_equal(dt.decode(ds), ARRAYS)


@pytest.mark.parametrize(
    "wrong", [lambda found: found[: len(found) // 2], lambda found: found + b"x", lambda found: b""]
)
def test_a_server_that_answers_ranges_wrongly(wrong):
    from dcmturbo.dataset.remote import RemoteReader

    class Server:
        def info(self, path):
            return {"size": 1 << 20}

        def cat_file(self, path, start, end):
            return wrong(bytes(end - start))

    reader = RemoteReader(Server(), "object")
    for offset, size in ((0, 100), (100, 300_000), (1_000_000, 40_000)):
        with pytest.raises(OSError, match="answered a request"):
            reader(offset, size)


def test_a_closed_source_is_not_read(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(b"0123456789")
    source = _core.Source.file(str(path))
    shown = _core.Source.patched(source, [(2, b"abcd")])
    shown = _core.Source.patched(shown, [(4, b"ABCD")])
    shown.close()
    shown.close()
    for one in (source, shown):
        with pytest.raises(dt.Error, match=r"a\.dcm: it has been closed"):
            one.read_into(0, bytearray(4))
    buffer = _core.Source.buffer(b"0123")
    buffer.close()  # there is nothing to close
    assert buffer.read_into(0, bytearray(4)) == 4
