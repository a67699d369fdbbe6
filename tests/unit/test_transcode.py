"""`transcode`: what changes, what stays, what is refused, and what is left behind when something goes wrong."""

import hashlib
import io
import os
import struct
import uuid
from random import Random

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import BIG, EXPLICIT, IMPLICIT, encapsulated_file, native_file
from helpers.samples import noise, smooth
from helpers.shipped import shipped
from helpers.transcoding import elements, kept, pixels, split

import dcmturbo as dt
from dcmturbo.transcoding import offset_tables, output
from dcmturbo.transcoding import pixels as frames_module

LOSSLESS = ("RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless", "JPEGXLLossless")
PRIVATE = EXPLICIT.element(0x00090010, "LO", "odd ") + EXPLICIT.element(0x00091011, "UN", b"\1\2\3")
SEQUENCE = EXPLICIT.sequence(
    0x00081140, [EXPLICIT.item(EXPLICIT.element(0x00081155, "UI", "1.2.3"), undefined=True)], undefined=True
)
AFTER = EXPLICIT.element(0xFFFCFFFC, "OB", b"\0" * 6)


def grey(shape=(12, 10), dtype="uint16", bits=12, frames=None, **module) -> bytes:
    """A native object of smooth frames."""
    array = np.stack([smooth(shape, dtype, bits=bits, seed=k) for k in range(frames or 1)])
    size = np.dtype(dtype).itemsize * 8
    module = {
        "rows": shape[0],
        "columns": shape[1],
        "bits_allocated": size,
        "bits_stored": bits,
        "frames": frames,
    } | module
    module.setdefault("signed", int(np.dtype(dtype).kind == "i"))
    if len(shape) == 3:
        module |= {"samples": 3, "planar": module.get("planar", 0)}
    return native_file(array.tobytes(), **module)


def run(source, syntax, **options) -> tuple[bytes, dt.TranscodeResult]:
    to = io.BytesIO()
    options.setdefault("threads", 1)
    result = dt.transcode(source, to, syntax, **options)
    return to.getvalue(), result


def same(a, b) -> bool:
    one, other = pixels(a), pixels(b)
    return not isinstance(one, str) and one.dtype == other.dtype and np.array_equal(one, other)


def value(data: bytes, tag: int) -> bytes | None:
    """The value of an element of the top level, explicit VR."""
    for found, whole in elements(split(data)[2]):
        if found == tag:
            return whole[12:] if whole[4:6] in (b"OB", b"OW", b"OV", b"SQ", b"UN") else whole[8:]
    return None


# ---- what stays -------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_everything_that_is_not_about_pixels_keeps_its_bytes(syntax):
    source = grey(before=SEQUENCE + PRIVATE, after=AFTER + EXPLICIT.element(0xFFFEE00D, "", b""))
    data, result = run(source, syntax)
    assert result.status == "transcoded"
    assert result.verified
    assert same(source, data)
    assert kept(split(source)[2]) == kept(split(data)[2])
    back, _ = run(data, "ExplicitVRLittleEndian")
    assert same(source, back)
    assert split(back)[2] == split(source)[2]  # nothing but File Meta has changed on the way


def test_file_meta_keeps_its_other_elements_and_the_preamble():
    source = bytearray(grey())
    source[:8] = b"II*\0abcd"
    data, _ = run(bytes(source), "RLELossless")
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
    data, _ = run(source, "RLELossless")
    assert same(source, data)
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    if not file.get("meta", True):
        assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.9"


def test_strays_between_elements_stay():
    stray = EXPLICIT.header(0xFFFEE0DD, "", 0) + EXPLICIT.element(0x00204000, "LT", "text")
    source = grey(before=SEQUENCE + stray)
    data, _ = run(source, "RLELossless")
    assert same(source, data)
    assert split(run(data, "ExplicitVRLittleEndian")[0])[2] == split(source)[2]


def test_trailing_zeros_stay():
    source = grey(after=bytes(32))
    data, _ = run(source, "RLELossless")
    assert data.endswith(EXPLICIT.header(0xFFFEE0DD, "", 0) + bytes(32))


def test_group_lengths_that_would_be_wrong_go():
    source = grey(before=EXPLICIT.element(0x00080000, "UL", 0) + EXPLICIT.element(0x00280000, "UL", 90), planar=None)
    data, _ = run(source, "RLELossless")
    assert value(data, 0x00080000) is not None  # nothing in its group has changed
    coloured = grey((8, 8, 3), "uint8", 8, before=EXPLICIT.element(0x00280000, "UL", 90))
    data, _ = run(coloured, "JPEG2000Lossless")
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
    data, result = run(source, syntax)
    assert value(data, 0x00280004) == photometric
    kept_planar = planar if syntax == "RLELossless" else 0  # by plane only where it was so, and can be
    assert value(data, 0x00280006) == bytes([kept_planar, 0])
    assert np.array_equal(pixels(data), array)
    assert result.digest == hashlib.sha256(array.tobytes()).hexdigest()
    back, _ = run(data, "ExplicitVRLittleEndian")
    assert value(back, 0x00280004) == b"RGB "
    assert value(back, 0x7FE00010) == (stored if kept_planar else array).tobytes()


def test_photometric_interpretation_can_be_asked_for():
    source = grey((10, 12, 3), "uint8", 8)
    data, _ = run(source, "JPEG2000Lossless", photometric_interpretation="RGB")
    assert value(data, 0x00280004) == b"RGB "
    assert same(source, data)


def test_encapsulated_pixel_data_are_ob_with_a_basic_table():
    data, _ = run(grey(frames=3), "RLELossless")
    whole = dict(elements(split(data)[2]))[0x7FE00010]
    assert whole[4:12] == b"OB\0\0\xff\xff\xff\xff"
    assert whole[12:20] == EXPLICIT.header(0xFFFEE000, "", 12)
    offsets = struct.unpack_from("<3I", whole, 20)
    assert [whole[32 + o : 36 + o] for o in offsets] == [b"\xfe\xff\x00\xe0"] * 3
    assert data.endswith(EXPLICIT.header(0xFFFEE0DD, "", 0))


def test_offset_tables():
    source = grey(frames=3)
    plain, _ = run(source, "RLELossless")
    extended, _ = run(source, "RLELossless", offset_table="extended")
    empty, _ = run(source, "RLELossless", offset_table="empty")
    assert same(source, extended)
    assert same(source, empty)
    offsets = struct.unpack("<3Q", value(extended, 0x7FE00001))
    lengths = struct.unpack("<3Q", value(extended, 0x7FE00002))
    with dt.open(extended) as image:
        assert [len(image.encoded_frame(k)) for k in range(3)] == list(lengths)
    assert offsets == struct.unpack_from("<3I", value(plain, 0x7FE00010), 8)
    assert value(extended, 0x7FE00010)[:8] == value(empty, 0x7FE00010)[:8] == EXPLICIT.header(0xFFFEE000, "", 0)
    # And away again.
    data, _ = run(extended, "JPEGLSLossless")
    assert value(data, 0x7FE00001) is None
    assert kept(split(data)[2]) == kept(split(source)[2])


def test_a_table_past_its_bits_becomes_extended(monkeypatch):
    source = grey(frames=5, after=AFTER)
    expected, _ = run(source, "RLELossless", offset_table="extended")
    monkeypatch.setattr(offset_tables, "_LARGEST_OFFSET", 100)
    monkeypatch.setattr(output, "_COPIED_AT_ONCE", 64)
    data, _ = run(source, "RLELossless")
    assert data == expected
    with pytest.raises(dt.EncodeError, match="offset_table='extended'"):
        run(source, "RLELossless", offset_table="basic")


# ---- loss -------------------------------------------------------------------------------------------

LOSSY = [
    ("JPEGBaseline8Bit", {"quality": 80}, "ISO_10918_1", "YBR_FULL_422"),
    ("JPEGLSNearLossless", {"near_lossless": 2}, "ISO_14495_1", None),
    ("JPEG2000", {"psnr": 40}, "ISO_15444_1", "YBR_ICT"),
    ("HTJ2K", {"quantisation_step": 0.01}, "ISO_15444_15", "YBR_ICT"),
    ("JPEGXL", {"distance": 1.0}, "ISO_18181_1", "XYB"),
]


@pytest.mark.parametrize(("syntax", "options", "method", "photometric"), LOSSY, ids=[x[0] for x in LOSSY])
def test_loss_is_recorded_and_measured(syntax, options, method, photometric):
    shape = (64, 48) if photometric is None else (64, 48, 3)
    source = grey(shape, "uint8", 8, frames=2)
    data, result = run(source, syntax, **options)
    assert result.lossy
    assert result.verified
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.LossyImageCompression == "01"
    assert ds.LossyImageCompressionMethod == method
    with dt.open(data) as image:
        encoded = sum(len(image.encoded_frame(k)) for k in range(2))
    assert float(ds.LossyImageCompressionRatio) == pytest.approx(result.pixel_bytes / encoded, rel=0.001)
    if photometric:
        assert ds.PhotometricInterpretation == photometric
    before, after = dt.decode(source).astype(int), dt.decode(data).astype(int)
    assert result.maximum_error == np.abs(before - after).max() > 0
    assert result.mean_error == pytest.approx(np.abs(before - after).mean())
    assert result.psnr == pytest.approx(10 * np.log10(255**2 / np.square(before - after).mean()))
    again, second = run(data, "JPEGLSNearLossless" if syntax != "JPEGLSNearLossless" else "JPEG2000Lossless")
    if not second.lossy:
        assert value(again, 0x00282110) == b"01"
        assert value(again, 0x00282114).strip().decode() == method


def test_loss_upon_loss_is_appended():
    once, _ = run(grey((64, 48), "uint8", 8), "JPEGBaseline8Bit", quality=90)
    twice, _ = run(once, "JPEG2000", psnr=35)
    ds = pydicom.dcmread(io.BytesIO(twice))
    assert list(ds.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1"]
    assert len(ds.LossyImageCompressionRatio) == 2
    assert all(float(ratio) > 1 for ratio in ds.LossyImageCompressionRatio)


def test_loss_that_the_source_does_not_admit_is_written_down():
    frame = dt.encode_frame(smooth((32, 32), "uint8"), "JPEGBaseline8Bit", quality=50)
    source = encapsulated_file([frame], "jpeg", rows=32, columns=32)
    data, result = run(source, "ExplicitVRLittleEndian")
    assert not result.lossy
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.LossyImageCompression == "01"
    assert ds.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(ds.LossyImageCompressionRatio) == pytest.approx(32 * 32 / len(frame), abs=0.001)


def test_a_new_uid_only_with_loss():
    source = grey((32, 32), "uint8", 8, before=EXPLICIT.element(0x00080018, "UI", "1.2.3.4"))
    data, _ = run(source, "JPEG2000", psnr=40, new_uid=True)
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID != "1.2.3.4"
    assert ds.SOPInstanceUID.startswith("2.25.")
    data, _ = run(source, "JPEG2000", psnr=40)
    assert pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID == "1.2.3.4"
    with pytest.raises(dt.EncodeError, match="new_uid is for lossy"):
        run(source, "JPEG2000", new_uid=True)


def test_without_an_option_nothing_is_lost():
    source = grey((32, 32), "uint8", 8)
    for syntax in ("JPEG2000", "HTJ2K", "JPEGXL", "JPEGLSNearLossless"):
        data, result = run(source, syntax)
        assert not result.lossy
        assert same(source, data)
        assert value(data, 0x00282110) is None
    with pytest.raises(dt.EncodeError, match="say how much with quality="):
        run(source, "JPEGBaseline8Bit")


def test_a_maximum_error_is_kept_to(monkeypatch):
    source = grey((32, 32), "uint8", 8)
    _, result = run(source, "JPEGLSNearLossless", near_lossless=3)
    assert 0 < result.maximum_error <= 3
    encode = frames_module.encode_frame
    monkeypatch.setattr(frames_module, "encode_frame", lambda a, s, **o: encode(a, s, **o | {"near_lossless": 9}))
    with pytest.raises(dt.EncodeError, match="near_lossless 3"):
        run(source, "JPEGLSNearLossless", near_lossless=3)


def test_indices_are_not_coded_with_loss():
    source = grey((16, 16), "uint8", 8, photometric="PALETTE COLOR")
    for syntax, options in (("JPEG2000", {"psnr": 40}), ("JPEGLSNearLossless", {"near_lossless": 1})):
        with pytest.raises(dt.EncodeError, match="palette"):
            run(source, syntax, **options)


# ---- bits that are copied ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("JPEGLosslessSV1", "JPEGLossless"),
        ("JPEGLSLossless", "JPEGLSNearLossless"),
        ("JPEG2000Lossless", "JPEG2000"),
        ("HTJ2KLossless", "HTJ2K"),
        ("HTJ2KLosslessRPCL", "HTJ2KLossless"),
        ("JPEGXLLossless", "JPEGXL"),
    ],
)
def test_what_fits_is_copied_bit_for_bit(first, second, monkeypatch):
    source, _ = run(grey(frames=2, bits=16), first)
    monkeypatch.setattr(frames_module, "encode_frame", None)
    for syntax in (second, first):
        data, result = run(source, syntax, offset_table="empty")
        with dt.open(source) as a, dt.open(data) as b:
            assert [a.encoded_frame(k) for k in range(2)] == [b.encoded_frame(k) for k in range(2)]
            assert b.transfer_syntax == result.transfer_syntax
        assert same(source, data)
        source = data
    assert result.digest == hashlib.sha256(pixels(source).tobytes()).hexdigest()
    assert run(source, second, verify=False)[1].digest is None


def test_what_lost_something_is_not_called_lossless():
    lossy, _ = run(grey((32, 32), "uint8", 8), "JPEG2000", psnr=30)
    data, _ = run(lossy, "JPEG2000Lossless")
    assert same(lossy, data)
    assert dt.open(data).probe().lossless
    assert value(data, 0x00282110) == b"01"


def test_jpeg_and_jpeg_xl_hold_the_same_bits():
    source, _ = run(grey((48, 40, 3), "uint8", 8, frames=2), "JPEGBaseline8Bit", quality=90)
    data, _ = run(source, "JPEGXLJPEGRecompression")
    assert same(source, data)
    assert value(data, 0x00280004) == b"YBR_FULL_422"
    back, _ = run(data, "JPEGBaseline8Bit")
    with dt.open(source) as a, dt.open(back) as b:
        for k in range(2):
            assert bytes(a.encoded_frame(k)).rstrip(b"\0") == bytes(b.encoded_frame(k)).rstrip(b"\0")
    with pytest.raises(dt.EncodeError, match="8-bit JPEG streams and nothing else"):
        run(grey(), "JPEGXLJPEGRecompression")


def test_an_object_in_the_target_form_is_copied():
    source, first = run(grey(frames=2, after=AFTER), "RLELossless")
    data, result = run(source, "RLELossless")
    assert data == source
    assert result.status == "copied"
    assert result.digest == first.digest
    broken = source[: source.rindex(b"\xfe\xff\xdd\xe0") - 40]
    data, result = run(broken, "RLELossless")
    assert data == broken
    assert result.digest is None
    assert any("cannot be decoded" in text for text in result.warnings)


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
    assert same(source, run(source, "JPEGLSNearLossless")[0])
    assert value(run(source, "JPEGLSNearLossless")[0], 0x00880200) == value(source, 0x00880200)
    for syntax in ("ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "RLELossless"):
        data, _ = run(source, syntax)
        ds = pydicom.dcmread(io.BytesIO(data))
        item = ds.IconImageSequence[0]
        assert item.PixelData == icon.tobytes()
        assert item[0x7FE10010].value in ("behind", b"behind")
        assert np.array_equal(pixels(data), array)
    broken = source.replace(frame, frame[:-20] + bytes(20))
    with pytest.raises(dt.EncodeError, match=r"icon in \(0088,0200\)"):
        run(broken, "ExplicitVRLittleEndian")


# ---- bits above BitsStored --------------------------------------------------------------------------


def test_unused_bits_are_kept_or_named():
    array = noise((8, 8), "uint16")
    source = native_file(array.tobytes(), rows=8, columns=8, bits_allocated=16, bits_stored=12)
    for syntax in ("RLELossless", "DeflatedImageFrameCompression", "EncapsulatedUncompressedExplicitVRLittleEndian"):
        assert same(source, run(source, syntax, mask_unused_bits=True)[0])
    for syntax in LOSSLESS[1:]:
        with pytest.raises(dt.EncodeError, match=r"frame 0: bits above BitsStored \(12\).*mask_unused_bits=True"):
            run(source, syntax)
        data, result = run(source, syntax, mask_unused_bits=True)
        assert np.array_equal(pixels(data), array & 0xFFF)
        assert result.digest == hashlib.sha256((array & 0xFFF).tobytes()).hexdigest()


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_signed_cells(syntax):
    source = grey(dtype="int16", bits=12)
    assert pixels(source).min() < 0
    assert same(source, run(source, syntax)[0])
    unextended = native_file(
        (pixels(source) & 0xFFF).tobytes(), rows=12, columns=10, bits_allocated=16, bits_stored=12, signed=1
    )
    if syntax != "RLELossless":
        assert same(source, run(unextended, syntax, mask_unused_bits=True)[0])


def test_bits_that_are_not_the_lowest_are_not_masked():
    body = bytearray(native_file((smooth((8, 8), "uint16", bits=12) << 4).tobytes(), rows=8, columns=8,
                                 bits_allocated=16, bits_stored=12))  # fmt: skip
    at = body.index(EXPLICIT.element(0x00280102, "US", 11))
    body[at + 8] = 15
    assert same(bytes(body), run(bytes(body), "RLELossless")[0])
    with pytest.raises(dt.EncodeError, match="HighBit is 15"):
        run(bytes(body), "JPEG2000Lossless", mask_unused_bits=True)


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
    data, _ = run(source, "ExplicitVRLittleEndian")
    found = dict(elements(split(data)[2]))
    assert found[0x00091011][4:6] == b"UN"
    assert found[0x00090010][4:6] == b"LO"
    assert found[0x00204000][4:6] == b"UN"  # PS3.5, 6.2.2: too long for its VR
    assert found[0x00281101][4:6] == b"SS"
    assert found[0x7FE00010][4:6] == b"OW"
    assert EXPLICIT.element(0x00280106, "SS", -5) in found[0x00081115]
    assert same(source, data)
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.ReferencedSeriesSequence[0].PatientAge == "030Y"
    back, _ = run(data, "ImplicitVRLittleEndian")
    assert split(back)[2] == split(source)[2]
    for syntax in ("RLELossless", "DeflatedExplicitVRLittleEndian"):
        again, _ = run(run(source, syntax)[0], "ImplicitVRLittleEndian")
        assert split(again)[2] == split(source)[2]


def test_big_endian_numbers_are_turned_round():
    cells = smooth((6, 4), "int16", bits=16)
    numbers = BIG.element(0x00189087, "FD", struct.pack(">d", 2.5)) + BIG.element(0x00281201, "OW", b"\0\1\0\2")
    source = native_file(
        cells.astype(">i2").tobytes(), "big_endian", before=dataset_of(BIG, more=numbers), rows=6, columns=4,
        bits_allocated=16, signed=1,
    )  # fmt: skip
    for syntax in ("ExplicitVRLittleEndian", "RLELossless", "ImplicitVRLittleEndian"):
        data, _ = run(source, syntax)
        assert np.array_equal(pixels(data), cells)
        ds = pydicom.dcmread(io.BytesIO(data))
        assert ds[0x00189087].value == 2.5
        assert ds[0x00281201].value == b"\1\0\2\0"
        smallest = ds.ReferencedSeriesSequence[0].ReferencedImageSequence[0][0x00280106].value
        assert smallest == (65531 if syntax.startswith("Implicit") else -5)  # where pydicom has to guess the VR
        assert ds.Rows == 6
    with pytest.raises(dt.UnsupportedTransferSyntax, match="retired"):
        run(source, "ExplicitVRBigEndian")


def test_unknown_sequences_stay_in_implicit_vr():
    private = IMPLICIT.sequence(
        0x00091020, [IMPLICIT.item(IMPLICIT.element(0x00091021, "UN", b"ab"), undefined=True)], undefined=True
    )
    source = native_file(bytes(16), "implicit", before=private)
    data, _ = run(source, "RLELossless")
    whole = dict(elements(split(data)[2]))[0x00091020]
    assert whole[4:6] == b"UN"
    assert whole[12:] == private[8:]
    assert split(run(data, "ImplicitVRLittleEndian")[0])[2] == split(source)[2]


@pytest.mark.parametrize("syntax", ["deflated", "explicit", "implicit"])
def test_native_to_native_keeps_even_what_is_odd(syntax):
    encoding = IMPLICIT if syntax == "implicit" else EXPLICIT
    array = smooth((5, 3, 3), "uint8")
    planes = np.ascontiguousarray(array.transpose(2, 0, 1)).tobytes() + bytes(3)  # longer than its frame
    source = native_file(
        planes, syntax, rows=5, columns=3, samples=3, planar=1, after=encoding.element(0xFFFCFFFC, "OB", b"\0\0")
    )
    for target in ("ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian", "ImplicitVRLittleEndian"):
        data, result = run(source, target)
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
        run(source, "DeflatedExplicitVRLittleEndian")


# ---- kinds of pixel data ----------------------------------------------------------------------------


def test_single_bits_pack_across_frames():
    bits = np.random.default_rng(1).integers(0, 2, (5, 3, 7), np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    source = native_file(packed, rows=3, columns=7, bits_allocated=1, frames=5)
    data, _ = run(source, "RLELossless")
    assert np.array_equal(pixels(data), bits)
    back, _ = run(data, "ExplicitVRLittleEndian")
    assert value(back, 0x7FE00010)[: len(packed)] == packed
    assert split(back)[2] == split(source)[2]
    with pytest.raises(dt.EncodeError):
        run(source, "JPEGLSLossless")


@pytest.mark.parametrize(("tag", "vr", "dtype"), [(0x7FE00008, "OF", "<f4"), (0x7FE00009, "OD", "<f8")])
def test_floating_point_stays_native(tag, vr, dtype):
    cells = np.linspace(-1, 1, 20).astype(dtype)
    source = native_file(
        cells.tobytes(), rows=4, columns=5, bits_allocated=cells.itemsize * 8, tag=tag, vr=vr, bits_stored=None
    )
    for syntax in ("ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"):
        assert same(source, run(source, syntax)[0])
        assert same(source, run(run(source, syntax)[0], "ExplicitVRLittleEndian")[0])
    for syntax in ("RLELossless", "EncapsulatedUncompressedExplicitVRLittleEndian", "JPEG2000Lossless"):
        with pytest.raises(dt.EncodeError, match="FloatPixelData cannot be encapsulated"):
            run(source, syntax)


def test_too_few_frames_are_refused_and_too_many_kept():
    few = native_file(bytes(16 * 2), frames=3)
    with pytest.raises(dt.DecodeError, match="NumberOfFrames is 3") as error:
        run(few, "RLELossless")
    assert error.value.frame == 2
    short = native_file(bytes(40), frames=3, length=48)
    for syntax in ("RLELossless", "ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"):
        with pytest.raises(dt.DecodeError) as error:
            run(short, syntax)
        assert error.value.frame == 2
    many = native_file(bytes(range(48)), frames=2)
    data, result = run(many, "RLELossless")
    assert result.frames == 3
    assert any("hold 3 frames" in text for text in result.warnings)
    assert same(many, data)


def test_native_pixel_data_have_a_largest_size(monkeypatch):
    from dcmturbo.transcoding import writing

    source, _ = run(grey(), "RLELossless")
    monkeypatch.setattr(writing, "_LARGEST_VALUE", 100)
    with pytest.raises(dt.EncodeError, match="choose an encapsulated transfer syntax"):
        run(source, "ExplicitVRLittleEndian")


# ---- threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEGLSLossless", "ExplicitVRLittleEndian"])
def test_the_result_does_not_depend_on_threads(syntax):
    source, _ = run(grey((40, 30), frames=23), "JPEGLosslessSV1")
    assert run(source, syntax, threads=1) == run(source, syntax, threads=3)


def test_the_lowest_failing_frame_is_named():
    frames = [dt.encode_frame(smooth((8, 8), "uint8", seed=k), "RLELossless") for k in range(9)]
    frames[4] = frames[7] = frames[4][:66]
    source = encapsulated_file(frames, "rle", rows=8, columns=8)
    for threads in (1, 4):
        with pytest.raises(dt.DecodeError) as error:
            run(source, "ExplicitVRLittleEndian", threads=threads)
        assert error.value.frame == 4


# ---- sources, destinations, and what is left behind -------------------------------------------------


def test_every_kind_of_source_and_destination(tmp_path):
    data = grey(frames=2)
    path = tmp_path / "in.dcm"
    path.write_bytes(data)
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://in.dcm", "wb") as file:
        file.write(data)
    expected, _ = run(data, "RLELossless")
    with path.open("rb") as file:
        for source in (path, str(path), bytearray(data), io.BytesIO(data), file, "memory://in.dcm", f"file://{path}"):
            assert run(source, "RLELossless")[0] == expected
    assert same(run(pydicom.dcmread(path), "RLELossless")[0], expected)
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
    data, _ = run(ds, "RLELossless")
    assert np.array_equal(pixels(data).ravel(), np.arange(16))


def test_in_place(tmp_path):
    path = tmp_path / "a.dcm"
    data = grey()
    path.write_bytes(data)
    path.chmod(0o640)
    result = dt.transcode(path, path, "RLELossless")
    assert result.bytes_before == len(data)
    assert path.stat().st_size == result.bytes_after
    assert path.stat().st_mode & 0o777 == 0o640
    assert same(data, path)
    link = tmp_path / "link.dcm"
    link.symlink_to(path)
    dt.transcode(link, link, "JPEGLSLossless")
    assert link.is_symlink()
    assert same(data, path)
    assert sorted(os.listdir(tmp_path)) == ["a.dcm", "link.dcm"]


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


def test_a_device_is_not_replaced():
    dt.transcode(grey(), os.devnull, "RLELossless")
    assert not os.path.isfile(os.devnull)


def test_a_rival_that_was_faster_keeps_its_file(tmp_path, monkeypatch):
    path = tmp_path / "a.dcm"
    commit = output.Destination.commit

    def late(self, **options):
        path.write_bytes(b"theirs")
        commit(self, **options)

    monkeypatch.setattr(output.Destination, "commit", late)
    with pytest.raises(FileExistsError):
        dt.transcode(grey(), path, "RLELossless", overwrite=False)
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["a.dcm"]


def wrong_frame(array, *arguments, **options):
    return dt.encode_frame(array ^ array.dtype.type(1), *arguments, **options)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failed_verification_leaves_nothing(tmp_path, monkeypatch, threads):
    path = tmp_path / "a.dcm"
    data = grey(frames=5)
    path.write_bytes(data)
    monkeypatch.setattr(frames_module, "encode_frame", wrong_frame)
    with pytest.raises(dt.EncodeError, match=r"(?s)verification failed.*a\.dcm") as error:
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
    assert not same(path, tmp_path / "b.dcm")


@pytest.mark.parametrize("syntax", ["RLELossless", "ExplicitVRLittleEndian", "ImplicitVRLittleEndian"])
def test_a_write_that_goes_wrong_is_seen(tmp_path, monkeypatch, syntax):
    source, _ = run(grey(), "JPEGLSLossless")
    write = os.pwritev

    def bad(descriptor, buffers, offset):
        damaged = bytearray(b"".join(buffers))
        damaged[-20] ^= 1
        return write(descriptor, [damaged], offset)

    monkeypatch.setattr(output.os, "pwritev", bad)
    with pytest.raises(dt.EncodeError, match="not what is read back"):
        dt.transcode(source, tmp_path / "a.dcm", syntax)
    assert os.listdir(tmp_path) == []


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

    monkeypatch.setattr(frames_module, "encode_frame", interrupt)
    for threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            dt.transcode(grey(frames=4), tmp_path / "a.dcm", "RLELossless", threads=threads)
    assert os.listdir(tmp_path) == []


def test_short_writes_are_gone_on_with(monkeypatch):
    expected, _ = run(grey(frames=3), "RLELossless")
    write = os.pwritev
    monkeypatch.setattr(
        output.os, "pwritev", lambda d, buffers, offset: write(d, [memoryview(buffers[0]).cast("B")[:7]], offset)
    )
    assert run(grey(frames=3), "RLELossless")[0] == expected


# ---- what is no image -------------------------------------------------------------------------------


def test_what_is_no_image_is_copied_on_request(tmp_path):
    report = native_file(b"", tag=0x7FE00011)
    for content, error in ((b"not DICOM at all, " * 20, dt.NotDicom), (report, dt.NoPixelData)):
        path = tmp_path / "a"
        path.write_bytes(content)
        with pytest.raises(error, match=str(path)):
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
    data, result = run(grey(after=signature), "RLELossless")
    assert data.endswith(signature)
    assert any("digital signatures" in text for text in result.warnings)


# ---- arguments --------------------------------------------------------------------------------------


def test_arguments_are_checked():
    source = grey()
    with pytest.raises(TypeError, match="no option 'quality'"):
        run(source, "RLELossless", quality=3)
    with pytest.raises(TypeError, match="no option 'selection_value'"):
        run(source, "ImplicitVRLittleEndian", selection_value=3)
    with pytest.raises(ValueError, match="on_error"):
        run(source, "RLELossless", on_error="ignore")
    with pytest.raises(ValueError, match="offset_table"):
        run(source, "RLELossless", offset_table="none")
    for syntax in ("MPEG2MPML", "JPIPReferenced", "JPEG2000MC", "JPEGExtended35", "not.a.syntax"):
        with pytest.raises(dt.UnsupportedTransferSyntax):
            run(source, syntax)


def test_a_selection_value():
    data, _ = run(grey(), "JPEGLossless", selection_value=5)
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
            assert same(bytes(data), to.getvalue())
            done += 1
    assert done > 10
