"""`transcode`: what changes in an object, and what stays."""

import hashlib
import io
import struct
import uuid

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import BIG, EXPLICIT, IMPLICIT, encapsulated_file, native_file
from helpers.samples import smooth
from helpers.transcoding import elements, grey, kept, pixels, same_cells, split, transcoded, value

import dcmturbo as dt
from dcmturbo.destinations import output
from dcmturbo.transcoding import offset_tables

LOSSLESS = ("RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless", "JPEGXLLossless")
PRIVATE = EXPLICIT.element(0x00090010, "LO", "odd ") + EXPLICIT.element(0x00091011, "UN", b"\1\2\3")
SEQUENCE = EXPLICIT.sequence(
    0x00081140, [EXPLICIT.item(EXPLICIT.element(0x00081155, "UI", "1.2.3"), undefined=True)], undefined=True
)
AFTER = EXPLICIT.element(0xFFFCFFFC, "OB", b"\0" * 6)


# ---- what stays -------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_everything_that_is_not_about_pixels_keeps_its_bytes(syntax):
    source = grey(before=SEQUENCE + PRIVATE, after=AFTER + EXPLICIT.element(0xFFFEE00D, "", b""))
    data, result = transcoded(source, syntax)
    assert result.status == "transcoded"
    assert result.verified
    assert same_cells(source, data)
    assert kept(split(source)[2]) == kept(split(data)[2])
    back, _ = transcoded(data, "ExplicitVRLittleEndian")
    assert same_cells(source, back)
    assert split(back)[2] == split(source)[2]  # nothing but File Meta has changed on the way


def test_file_meta_keeps_its_other_elements_and_the_preamble():
    source = bytearray(grey())
    source[:8] = b"II*\0abcd"
    data, _ = transcoded(bytes(source), "RLELossless")
    start, meta, _ = split(data)
    assert start[:8] == b"II*\0abcd"
    before = split(bytes(source))[1]
    assert {t: m for t, m in meta.items() if t in before and t not in (0x00020000, 0x00020010)} == {
        t: m for t, m in before.items() if t not in (0x00020000, 0x00020010)
    }
    assert struct.unpack("<I", meta[0x00020000][8:])[0] == sum(map(len, meta.values())) - 12
    assert meta[0x00020010][8:] == b"1.2.840.10008.1.2.5\0"
    assert uuid.UUID(int=int(meta[0x00020012][8:].rstrip(b"\0").removeprefix(b"2.25.")))


@pytest.mark.parametrize("file", [{"preamble": False}, {"meta": False, "preamble": False}, {"meta": False}])
def test_missing_preamble_and_meta_are_made(file):
    before = EXPLICIT.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7") + EXPLICIT.element(
        0x00080018, "UI", "1.2.9"
    )
    source = grey(before=before, file=file)
    data, _ = transcoded(source, "RLELossless")
    assert same_cells(source, data)
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    if not file.get("meta", True):
        assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.9"


def test_strays_between_elements_stay():
    stray = EXPLICIT.header(0xFFFEE0DD, "", 0) + EXPLICIT.element(0x00204000, "LT", "text")
    source = grey(before=SEQUENCE + stray)
    data, _ = transcoded(source, "RLELossless")
    assert same_cells(source, data)
    assert split(transcoded(data, "ExplicitVRLittleEndian")[0])[2] == split(source)[2]


def test_trailing_zeros_stay():
    source = grey(after=bytes(32))
    data, _ = transcoded(source, "RLELossless")
    assert data.endswith(EXPLICIT.header(0xFFFEE0DD, "", 0) + bytes(32))


def test_group_lengths_that_would_be_wrong_go():
    source = grey(before=EXPLICIT.element(0x00080000, "UL", 0) + EXPLICIT.element(0x00280000, "UL", 90), planar=None)
    data, _ = transcoded(source, "RLELossless")
    assert value(data, 0x00080000) is not None  # nothing in its group has changed
    coloured = grey((8, 8, 3), "uint8", 8, before=EXPLICIT.element(0x00280000, "UL", 90))
    data, _ = transcoded(coloured, "JPEG2000Lossless")
    assert value(data, 0x00280004) == b"YBR_RCT "
    assert value(data, 0x00280000) is None


# ---- what changes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("syntax", "photometric"),
    [("RLELossless", b"RGB "), ("JPEG2000Lossless", b"YBR_RCT "), ("HTJ2KLossless", b"YBR_RCT ")],
)
@pytest.mark.parametrize("planar", [0, 1])
def test_colour(syntax, photometric, planar):
    array = smooth((10, 12, 3), "uint8")
    stored = array if planar == 0 else np.ascontiguousarray(array.transpose(2, 0, 1))
    source = native_file(stored.tobytes(), rows=10, columns=12, samples=3, planar=planar)
    data, result = transcoded(source, syntax)
    assert value(data, 0x00280004) == photometric
    kept_planar = planar if syntax == "RLELossless" else 0  # by plane only where it was so, and can be
    assert value(data, 0x00280006) == bytes([kept_planar, 0])
    assert np.array_equal(pixels(data), array)
    assert result.digest == hashlib.sha256(array.tobytes()).hexdigest()
    back, _ = transcoded(data, "ExplicitVRLittleEndian")
    assert value(back, 0x00280004) == b"RGB "
    assert value(back, 0x7FE00010) == (stored if kept_planar else array).tobytes()


def test_photometric_interpretation_can_be_asked_for():
    source = grey((10, 12, 3), "uint8", 8)
    data, _ = transcoded(source, "JPEG2000Lossless", photometric_interpretation="RGB")
    assert value(data, 0x00280004) == b"RGB "
    assert same_cells(source, data)


def test_encapsulated_pixel_data_are_ob_with_a_basic_table():
    data, _ = transcoded(grey(frames=3), "RLELossless")
    whole = dict(elements(split(data)[2]))[0x7FE00010]
    assert whole[4:12] == b"OB\0\0\xff\xff\xff\xff"
    assert whole[12:20] == EXPLICIT.header(0xFFFEE000, "", 12)
    offsets = struct.unpack_from("<3I", whole, 20)
    assert [whole[32 + o : 36 + o] for o in offsets] == [b"\xfe\xff\x00\xe0"] * 3
    assert data.endswith(EXPLICIT.header(0xFFFEE0DD, "", 0))


def test_offset_tables():
    source = grey(frames=3)
    plain, _ = transcoded(source, "RLELossless")
    extended, _ = transcoded(source, "RLELossless", offset_table="extended")
    empty, _ = transcoded(source, "RLELossless", offset_table="empty")
    assert same_cells(source, extended)
    assert same_cells(source, empty)
    offsets = struct.unpack("<3Q", value(extended, 0x7FE00001))
    lengths = struct.unpack("<3Q", value(extended, 0x7FE00002))
    with dt.open(extended) as image:
        assert [len(image.encoded_frame(k)) for k in range(3)] == list(lengths)
    assert offsets == struct.unpack_from("<3I", value(plain, 0x7FE00010), 8)
    assert value(extended, 0x7FE00010)[:8] == value(empty, 0x7FE00010)[:8] == EXPLICIT.header(0xFFFEE000, "", 0)
    # And away again.
    data, _ = transcoded(extended, "JPEGLSLossless")
    assert value(data, 0x7FE00001) is None
    assert kept(split(data)[2]) == kept(split(source)[2])


def test_a_table_past_its_bits_becomes_extended(monkeypatch):
    source = grey(frames=5, after=AFTER)
    expected, _ = transcoded(source, "RLELossless", offset_table="extended")
    monkeypatch.setattr(offset_tables, "_LARGEST_OFFSET", 100)
    monkeypatch.setattr(output, "_COPIED_AT_ONCE", 64)
    data, _ = transcoded(source, "RLELossless")
    assert data == expected
    with pytest.raises(dt.EncodeError, match="offset_table='extended'"):
        transcoded(source, "RLELossless", offset_table="basic")


# ---- icons ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("undefined", [False, True])
def test_an_encapsulated_icon_becomes_native(undefined):
    icon = smooth((8, 6), "uint8")
    frame = dt.encode_frame(icon, "JPEGLSLossless")
    content = EXPLICIT.element(0x00280002, "US", 1) + EXPLICIT.element(0x00280004, "CS", "MONOCHROME2")
    content += EXPLICIT.element(0x00280010, "US", 8) + EXPLICIT.element(0x00280011, "US", 6)
    content += EXPLICIT.element(0x00280100, "US", 8) + EXPLICIT.element(0x00280101, "US", 8)
    fragments = EXPLICIT.item(b"") + EXPLICIT.item(frame) + EXPLICIT.header(0xFFFEE0DD, "", 0)
    content += EXPLICIT.element(0x7FE00010, "OB", fragments, length=0xFFFFFFFF)
    content += EXPLICIT.element(0x7FE10010, "LO", "behind")
    sequence = EXPLICIT.sequence(0x00880200, [EXPLICIT.item(content, undefined=undefined)], undefined=undefined)
    array = smooth((16, 16), "uint8")
    source = encapsulated_file(
        [dt.encode_frame(array, "JPEGLSLossless")], "jpegls", rows=16, columns=16, more=b"", extended=sequence
    )
    assert same_cells(source, transcoded(source, "JPEGLSNearLossless")[0])
    assert value(transcoded(source, "JPEGLSNearLossless")[0], 0x00880200) == value(source, 0x00880200)
    for syntax in ("ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "RLELossless"):
        data, _ = transcoded(source, syntax)
        ds = pydicom.dcmread(io.BytesIO(data))
        item = ds.IconImageSequence[0]
        assert item.PixelData == icon.tobytes()
        assert item[0x7FE10010].value in ("behind", b"behind")
        assert np.array_equal(pixels(data), array)
    broken = source.replace(frame, frame[:-20] + bytes(20))
    with pytest.raises(dt.EncodeError, match=r"icon in \(0088,0200\)"):
        transcoded(broken, "ExplicitVRLittleEndian")


@pytest.mark.parametrize("tag", [0x00081140, 0x00291001])
def test_encapsulated_pixels_within_other_sequences_are_named(tag):
    cells = smooth((8, 6), "uint8")
    frame = dt.encode_frame(cells, "JPEGLSLossless")
    fragments = EXPLICIT.item(b"") + EXPLICIT.item(frame) + EXPLICIT.header(0xFFFEE0DD, "", 0)
    content = EXPLICIT.element(0x7FE00010, "OB", fragments, length=0xFFFFFFFF)
    sequence = EXPLICIT.sequence(tag, [EXPLICIT.item(content)])
    source = encapsulated_file([frame], "jpegls", rows=8, columns=6, before=sequence)
    for syntax in ("ExplicitVRLittleEndian", "RLELossless"):
        data, result = transcoded(source, syntax)
        assert sequence in data
        (warning,) = result.warnings
        assert f"({tag >> 16:04X},{tag & 0xFFFF:04X})" in warning
        assert "JPEG-LS Lossless" in warning
    assert transcoded(source, "JPEGLSNearLossless")[1].warnings == ()


# ---- encodings of datasets --------------------------------------------------------------------------


def dataset_of(encoding, **more) -> bytes:
    inner = encoding.element(0x00081150, "UI", "1.2.3") + encoding.element(0x00280106, "SS", -5)
    nested = encoding.sequence(0x00081140, [encoding.item(inner, undefined=True)], undefined=True)
    items = [encoding.item(nested + encoding.element(0x00101010, "AS", "030Y")), encoding.item(b"")]
    return (
        encoding.element(0x00080005, "CS", "ISO_IR 100")
        + encoding.sequence(0x00081115, items)
        + encoding.element(0x00090010, "LO", "creator ")
        + encoding.element(0x00091011, "UN", b"\1\2\3\4")
        + encoding.element(0x00100010, "PN", "Ä".encode("latin-1") + b"^B ")
        + encoding.element(0x00181041 + 0x100, "UN", b"\1\2")
        + more.pop("more", b"")
    )


def test_implicit_becomes_explicit_and_back():
    cells = smooth((6, 4), "int16", bits=16)
    module = {"rows": 6, "columns": 4, "bits_allocated": 16, "signed": 1}
    lut = IMPLICIT.element(0x00281101, "US", [3, 0, 16]) + IMPLICIT.element(0x00281201, "OW", b"\1\0\2\0\3\0")
    long_text = IMPLICIT.element(0x00204000, "LT", b"x" * 70000)
    source = native_file(
        cells.tobytes(), "implicit", before=dataset_of(IMPLICIT, more=long_text), **module,
        after=IMPLICIT.element(0xFFFCFFFC, "OB", b"\0\0"),
    )  # fmt: skip
    source = source.replace(IMPLICIT.element(0x00280103, "US", 1), IMPLICIT.element(0x00280103, "US", 1) + lut)
    data, _ = transcoded(source, "ExplicitVRLittleEndian")
    found = dict(elements(split(data)[2]))
    assert found[0x00091011][4:6] == b"UN"
    assert found[0x00090010][4:6] == b"LO"
    assert found[0x00204000][4:6] == b"UN"  # PS3.5, 6.2.2: too long for its VR
    assert found[0x00281101][4:6] == b"SS"
    assert found[0x7FE00010][4:6] == b"OW"
    assert EXPLICIT.element(0x00280106, "SS", -5) in found[0x00081115]
    assert same_cells(source, data)
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.ReferencedSeriesSequence[0].PatientAge == "030Y"
    back, _ = transcoded(data, "ImplicitVRLittleEndian")
    assert split(back)[2] == split(source)[2]
    for syntax in ("RLELossless", "DeflatedExplicitVRLittleEndian"):
        again, _ = transcoded(transcoded(source, syntax)[0], "ImplicitVRLittleEndian")
        assert split(again)[2] == split(source)[2]


def test_big_endian_numbers_are_turned_round():
    cells = smooth((6, 4), "int16", bits=16)
    numbers = BIG.element(0x00189087, "FD", struct.pack(">d", 2.5)) + BIG.element(0x00281201, "OW", b"\0\1\0\2")
    source = native_file(
        cells.astype(">i2").tobytes(), "big_endian", before=dataset_of(BIG, more=numbers), rows=6, columns=4,
        bits_allocated=16, signed=1,
    )  # fmt: skip
    for syntax in ("ExplicitVRLittleEndian", "RLELossless", "ImplicitVRLittleEndian"):
        data, _ = transcoded(source, syntax)
        assert np.array_equal(pixels(data), cells)
        ds = pydicom.dcmread(io.BytesIO(data))
        assert ds[0x00189087].value == 2.5
        assert ds[0x00281201].value == b"\1\0\2\0"
        smallest = ds.ReferencedSeriesSequence[0].ReferencedImageSequence[0][0x00280106].value
        assert smallest == (65531 if syntax.startswith("Implicit") else -5)  # where pydicom has to guess the VR
        assert ds.Rows == 6
    with pytest.raises(dt.UnsupportedTransferSyntax, match="retired"):
        transcoded(source, "ExplicitVRBigEndian")


def test_unknown_sequences_stay_in_implicit_vr():
    private = IMPLICIT.sequence(
        0x00091020, [IMPLICIT.item(IMPLICIT.element(0x00091021, "UN", b"ab"), undefined=True)], undefined=True
    )
    source = native_file(bytes(16), "implicit", before=private)
    data, _ = transcoded(source, "RLELossless")
    whole = dict(elements(split(data)[2]))[0x00091020]
    assert whole[4:6] == b"UN"
    assert whole[12:] == private[8:]
    assert split(transcoded(data, "ImplicitVRLittleEndian")[0])[2] == split(source)[2]


@pytest.mark.parametrize("syntax", ["deflated", "explicit", "implicit"])
def test_native_to_native_keeps_even_what_is_odd(syntax):
    encoding = IMPLICIT if syntax == "implicit" else EXPLICIT
    array = smooth((5, 3, 3), "uint8")
    planes = np.ascontiguousarray(array.transpose(2, 0, 1)).tobytes() + bytes(3)  # longer than its frame
    source = native_file(
        planes, syntax, rows=5, columns=3, samples=3, planar=1, after=encoding.element(0xFFFCFFFC, "OB", b"\0\0")
    )
    for target in ("ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian", "ImplicitVRLittleEndian"):
        data, result = transcoded(source, target)
        assert np.array_equal(pixels(data), array)
        assert result.digest == hashlib.sha256(array.tobytes()).hexdigest()
        if target == "ExplicitVRLittleEndian":
            assert value(data, 0x7FE00010) == planes


def test_deflate_is_verified(monkeypatch):
    from dcmturbo.transcoding import writing

    source = grey(frames=2)
    write = writing._Deflater.write
    monkeypatch.setattr(
        writing._Deflater,
        "write",
        lambda self, data: write(self, bytes(data)[:-1] + b"\7" if len(data) > 300 else data),
    )
    with pytest.raises(dt.EncodeError, match="decodes to other pixels"):
        transcoded(source, "DeflatedExplicitVRLittleEndian")


# ---- kinds of pixel data ----------------------------------------------------------------------------


def test_single_bits_pack_across_frames():
    bits = np.random.default_rng(1).integers(0, 2, (5, 3, 7), np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    source = native_file(packed, rows=3, columns=7, bits_allocated=1, frames=5)
    data, _ = transcoded(source, "RLELossless")
    assert np.array_equal(pixels(data), bits)
    back, _ = transcoded(data, "ExplicitVRLittleEndian")
    assert value(back, 0x7FE00010)[: len(packed)] == packed
    assert split(back)[2] == split(source)[2]
    with pytest.raises(dt.EncodeError):
        transcoded(source, "JPEGLSLossless")


@pytest.mark.parametrize(("tag", "vr", "dtype"), [(0x7FE00008, "OF", "<f4"), (0x7FE00009, "OD", "<f8")])
def test_floating_point_stays_native(tag, vr, dtype):
    cells = np.linspace(-1, 1, 20).astype(dtype)
    source = native_file(
        cells.tobytes(), rows=4, columns=5, bits_allocated=cells.itemsize * 8, tag=tag, vr=vr, bits_stored=None
    )
    for syntax in ("ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"):
        assert same_cells(source, transcoded(source, syntax)[0])
        assert same_cells(source, transcoded(transcoded(source, syntax)[0], "ExplicitVRLittleEndian")[0])
    for syntax in ("RLELossless", "EncapsulatedUncompressedExplicitVRLittleEndian", "JPEG2000Lossless"):
        with pytest.raises(dt.EncodeError, match="FloatPixelData cannot be encapsulated"):
            transcoded(source, syntax)


def test_too_few_frames_are_refused_and_too_many_kept():
    few = native_file(bytes(16 * 2), frames=3)
    with pytest.raises(dt.DecodeError, match="NumberOfFrames is 3") as error:
        transcoded(few, "RLELossless")
    assert error.value.frame == 2
    short = native_file(bytes(40), frames=3, length=48)
    for syntax in ("RLELossless", "ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"):
        with pytest.raises(dt.DecodeError) as error:
            transcoded(short, syntax)
        assert error.value.frame == 2
    many = native_file(bytes(range(48)), frames=2)
    data, result = transcoded(many, "RLELossless")
    assert result.frames == 3
    assert any("have 3 frames" in text for text in result.warnings)
    assert same_cells(many, data)


def test_native_pixel_data_have_a_largest_size(monkeypatch):
    from dcmturbo.transcoding import writing

    source, _ = transcoded(grey(), "RLELossless")
    monkeypatch.setattr(writing, "_LARGEST_VALUE", 100)
    with pytest.raises(dt.EncodeError, match="choose an encapsulated transfer syntax"):
        transcoded(source, "ExplicitVRLittleEndian")
