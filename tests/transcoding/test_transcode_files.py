"""`transcode`: sources, destinations, and what is left behind when something goes wrong."""

import io
import os
import re
import struct
import sys
from random import Random

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import EXPLICIT, encapsulated_file, native_file
from helpers.samples import smooth
from helpers.shipped import shipped
from helpers.systems import posix
from helpers.transcoding import grey, pixels, same_cells, transcoded

import dcmturbo as dt
from dcmturbo.destinations import output
from dcmturbo.destinations.destination import Destination
from dcmturbo.transcoding import object as object_module
from dcmturbo.transcoding import pixels as frames_module

# ---- threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEGLSLossless", "ExplicitVRLittleEndian"])
def test_the_result_does_not_depend_on_threads(syntax):
    source, _ = transcoded(grey((40, 30), frames=23), "JPEGLosslessSV1")
    assert transcoded(source, syntax, threads=1) == transcoded(source, syntax, threads=3)


def test_the_lowest_failing_frame_is_named():
    frames = [dt.encode_frame(smooth((8, 8), "uint8", seed=k), "RLELossless") for k in range(9)]
    frames[4] = frames[7] = frames[4][:66]
    source = encapsulated_file(frames, "rle", rows=8, columns=8)
    for threads in (1, 4):
        with pytest.raises(dt.DecodeError) as error:
            transcoded(source, "ExplicitVRLittleEndian", threads=threads)
        assert error.value.frame == 4


# ---- sources, destinations, and what is left behind -------------------------------------------------


def test_every_kind_of_source_and_destination(tmp_path):
    data = grey(frames=2)
    path = tmp_path / "in.dcm"
    path.write_bytes(data)
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://in.dcm", "wb") as file:
        file.write(data)
    expected, _ = transcoded(data, "RLELossless")
    with path.open("rb") as file:
        for source in (path, str(path), bytearray(data), io.BytesIO(data), file, "memory://in.dcm", f"file://{path}"):
            assert transcoded(source, "RLELossless")[0] == expected
    assert same_cells(transcoded(pydicom.dcmread(path), "RLELossless")[0], expected)
    dt.transcode(path, tmp_path / "out.dcm", "RLELossless")
    assert (tmp_path / "out.dcm").read_bytes() == expected
    dt.transcode(path, f"file://{tmp_path}/out2.dcm", "RLELossless")
    assert (tmp_path / "out2.dcm").read_bytes() == expected
    dt.transcode(path, "memory://folder/out.dcm", "RLELossless")
    dt.transcode(path, fsspec.open("memory://folder/out2.dcm", "wb"), "RLELossless")
    for name in ("out", "out2"):
        with fsspec.open(f"memory://folder/{name}.dcm", "rb") as file:
            assert file.read() == expected
    with pytest.raises(FileExistsError):
        dt.transcode(path, "memory://folder/out.dcm", "RLELossless", overwrite=False)
    for wrong in (3, io.StringIO):
        with pytest.raises(TypeError):
            dt.transcode(path, wrong, "RLELossless")
    assert sorted(os.listdir(tmp_path)) == ["in.dcm", "out.dcm", "out2.dcm"]


def test_a_dataset_that_was_never_a_file():
    ds = pydicom.Dataset()
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 4, 4, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = bytes(range(16))
    ds["PixelData"].VR = "OB"
    data, _ = transcoded(ds, "RLELossless")
    assert np.array_equal(pixels(data).ravel(), np.arange(16))


def test_in_place(tmp_path):
    path = tmp_path / "a.dcm"
    data = grey()
    path.write_bytes(data)
    path.chmod(0o640)
    result = dt.transcode(path, path, "RLELossless")
    assert result.bytes_before == len(data)
    assert path.stat().st_size == result.bytes_after
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o640
    assert same_cells(data, path)
    assert os.listdir(tmp_path) == ["a.dcm"]


@posix
def test_in_place_through_a_link(tmp_path):
    path, link = tmp_path / "a.dcm", tmp_path / "link.dcm"
    data = grey()
    path.write_bytes(data)
    link.symlink_to(path)
    dt.transcode(link, link, "JPEGLSLossless")
    assert link.is_symlink()
    assert same_cells(data, path)
    assert sorted(os.listdir(tmp_path)) == ["a.dcm", "link.dcm"]


@pytest.mark.parametrize("size", [1, 20 << 20])
def test_a_source_that_changes_meanwhile_is_refused(tmp_path, monkeypatch, size):
    path, other = tmp_path / "x.dcm", tmp_path / "y.dcm"
    path.write_bytes(grey() + bytes(size))
    other.write_bytes(b"there before")
    write = object_module.ObjectWriter.write

    def change(*arguments):
        result = write(*arguments)
        with open(path, "ab") as file:
            file.write(b"more")
        return result

    monkeypatch.setattr(object_module.ObjectWriter, "write", change)
    for destination in (other, path):
        before = destination.read_bytes()
        with pytest.raises(OSError, match="another program changed") as caught:
            dt.transcode(path, destination, "RLELossless")
        assert caught.value.filename == str(path)
        assert destination.read_bytes().startswith(before)
    assert sorted(os.listdir(tmp_path)) == ["x.dcm", "y.dcm"]


def test_overwriting_is_a_choice(tmp_path):
    path = tmp_path / "a.dcm"
    dt.transcode(grey(), path, "RLELossless", overwrite=False)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        dt.transcode(grey(bits=10), path, "RLELossless", overwrite=False)
    assert path.read_bytes() == before
    with pytest.raises(IsADirectoryError):
        dt.transcode(grey(), tmp_path, "RLELossless")
    with pytest.raises(FileNotFoundError):
        dt.transcode(grey(), tmp_path / "no" / "a.dcm", "RLELossless")
    assert os.listdir(tmp_path) == ["a.dcm"]


@posix
def test_a_device_is_not_replaced():
    dt.transcode(grey(), os.devnull, "RLELossless")
    assert not os.path.isfile(os.devnull)


def test_a_rival_that_was_faster_keeps_its_file(tmp_path, monkeypatch):
    path = tmp_path / "a.dcm"
    commit = Destination.commit

    def late(self, **options):
        path.write_bytes(b"theirs")
        commit(self, **options)

    monkeypatch.setattr(Destination, "commit", late)
    with pytest.raises(FileExistsError):
        dt.transcode(grey(), path, "RLELossless", overwrite=False)
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["a.dcm"]


def encoder(function):
    """Return what stands for `frame_encoder`, so that a function encodes in RLE Lossless."""
    return lambda *_: function


def wrong_frame(array):
    return dt.encode_frame(array ^ array.dtype.type(1), "RLELossless")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failed_verification_leaves_nothing(tmp_path, monkeypatch, threads):
    path = tmp_path / "a.dcm"
    data = grey(frames=5)
    path.write_bytes(data)
    monkeypatch.setattr(frames_module, "frame_encoder", encoder(wrong_frame))
    with pytest.raises(dt.EncodeError, match=r"a\.dcm: .*verification failed") as error:
        dt.transcode(path, path, "RLELossless", threads=threads)
    assert error.value.frame == 0
    assert error.value.code == "internal"
    assert path.read_bytes() == data
    to = io.BytesIO()
    with pytest.raises(dt.EncodeError):
        dt.transcode(path, to, "RLELossless")
    assert to.getvalue() == b""
    assert os.listdir(tmp_path) == ["a.dcm"]
    dt.transcode(path, tmp_path / "b.dcm", "RLELossless", verify=False)  # what verification is for
    assert not same_cells(path, tmp_path / "b.dcm")


@posix
@pytest.mark.parametrize("syntax", ["RLELossless", "ExplicitVRLittleEndian", "ImplicitVRLittleEndian"])
def test_a_write_that_goes_wrong_is_seen(tmp_path, monkeypatch, syntax):
    source, _ = transcoded(grey(), "JPEGLSLossless")
    write = os.pwritev

    def bad(descriptor, buffers, offset):
        damaged = bytearray(b"".join(buffers))
        damaged[-20] ^= 1
        return write(descriptor, [damaged], offset)

    monkeypatch.setattr(output.os, "pwritev", bad)
    with pytest.raises(dt.EncodeError, match="not what was written there"):
        dt.transcode(source, tmp_path / "a.dcm", syntax)
    assert os.listdir(tmp_path) == []


@posix
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "pwritev", full)
    with pytest.raises(OSError, match="No space left"):
        dt.transcode(grey(), tmp_path / "a.dcm", "RLELossless")
    assert os.listdir(tmp_path) == []


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(frames_module, "frame_encoder", encoder(interrupt))
    for threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            dt.transcode(grey(frames=4), tmp_path / "a.dcm", "RLELossless", threads=threads)
    assert os.listdir(tmp_path) == []


@posix
def test_short_writes_are_gone_on_with(monkeypatch):
    expected, _ = transcoded(grey(frames=3), "RLELossless")
    write = os.pwritev
    monkeypatch.setattr(
        output.os, "pwritev", lambda d, buffers, offset: write(d, [memoryview(buffers[0]).cast("B")[:7]], offset)
    )
    assert transcoded(grey(frames=3), "RLELossless")[0] == expected


# ---- what is no image -------------------------------------------------------------------------------


def test_what_is_no_image_is_copied_on_request(tmp_path):
    report = native_file(b"", tag=0x7FE00011)
    for content, error in ((b"not DICOM at all, " * 20, dt.NotDicom), (report, dt.NoPixelData)):
        path = tmp_path / "a"
        path.write_bytes(content)
        with pytest.raises(error, match=re.escape(str(path))):
            dt.transcode(path, tmp_path / "b", "RLELossless")
        assert not (tmp_path / "b").exists()
        for source in (path, content, io.BytesIO(content)):
            result = dt.transcode(source, tmp_path / "b", "RLELossless", on_error="copy")
            assert result.status == "copied"
            assert result.warnings
            assert (tmp_path / "b").read_bytes() == content
            (tmp_path / "b").unlink()
    with pytest.raises(FileNotFoundError):
        dt.transcode(tmp_path / "none", tmp_path / "b", "RLELossless", on_error="copy")


def test_signatures_are_kept_with_a_warning():
    signature = EXPLICIT.sequence(0xFFFAFFFA, [EXPLICIT.item(EXPLICIT.element(0x04000105, "DT", "2020"))])
    data, result = transcoded(grey(after=signature), "RLELossless")
    assert data.endswith(signature)
    assert any("digital signatures" in text for text in result.warnings)


def test_an_overlay_that_is_masked_is_named():
    overlay = EXPLICIT.element(0x60020100, "US", struct.pack("<H", 16)) + EXPLICIT.element(
        0x60020102, "US", struct.pack("<H", 15)
    )
    cells = np.full((8, 8), 0x8001, np.uint16)
    source = native_file(cells.tobytes(), rows=8, columns=8, bits_allocated=16, bits_stored=12, before=overlay)
    _, result = transcoded(source, "RLELossless", mask_unused_bits=True)
    assert result.warnings == ()
    data, result = transcoded(source, "JPEGLosslessSV1", mask_unused_bits=True)
    assert any("overlay of group 6002" in text for text in result.warnings)
    assert overlay in data


# ---- arguments --------------------------------------------------------------------------------------


def test_arguments_are_checked():
    source = grey()
    with pytest.raises(TypeError, match="no option 'quality'"):
        transcoded(source, "RLELossless", quality=3)
    with pytest.raises(TypeError, match="no option 'selection_value'"):
        transcoded(source, "ImplicitVRLittleEndian", selection_value=3)
    with pytest.raises(ValueError, match="on_error"):
        transcoded(source, "RLELossless", on_error="ignore")
    with pytest.raises(ValueError, match="offset_table"):
        transcoded(source, "RLELossless", offset_table="none")
    for syntax in ("MPEG2MPML", "JPIPReferenced", "JPEG2000MC", "JPEGExtended35", "not.a.syntax"):
        with pytest.raises(dt.UnsupportedTransferSyntax):
            transcoded(source, syntax)


def test_a_selection_value():
    data, _ = transcoded(grey(), "JPEGLossless", selection_value=5)
    assert dt.open(data).probe().parameters["selection_value"] == 5


# ---- damage -----------------------------------------------------------------------------------------

DAMAGED = ("CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "SC_rgb_rle_2frame.dcm", "image_dfl.dcm")


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_refused_or_carried_over(name):
    """No exception but ours, nothing written with it, and never other pixels than the damaged file shows."""
    original = shipped(name).read_bytes()
    random = Random(name)
    done = 0
    for k in range(150):
        data = bytearray(original)
        for _ in range(random.choice((1, 1, 3))):
            at = random.randrange(128, min(4000, len(data)))
            match random.randrange(5):
                case 0 | 1:
                    data[at] = random.randrange(256)
                case 2:
                    data[at : at + 4] = b"\xff\xff\xff\xff"
                case 3:
                    del data[at : at + random.randrange(1, 40)]
                case 4:
                    data[at : at + 2] = random.choice((b"SQ", b"UN", b"OB", b"US", b"\xfe\xff"))
        syntax = ("RLELossless", "ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "JPEG2000Lossless")[k % 4]
        to = io.BytesIO()
        try:
            result = dt.transcode(bytes(data), to, syntax, threads=1)
        except dt.Error:
            assert to.getvalue() == b""
            continue
        if result.status == "transcoded":
            assert same_cells(bytes(data), to.getvalue())
            done += 1
    assert done > 10
