"""`transcode`: what becomes of samples: loss, bits that are copied, bits above BitsStored."""

import hashlib
import io

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import EXPLICIT, encapsulated_file, native_file
from helpers.samples import noise, smooth
from helpers.transcoding import grey, pixels, same_cells, transcoded, value

import dcmturbo as dt
from dcmturbo.transcoding import pixels as frames_module

LOSSLESS = ("RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless", "JPEGXLLossless")
AFTER = EXPLICIT.element(0xFFFCFFFC, "OB", b"\0" * 6)


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
    data, result = transcoded(source, syntax, **options)
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
    again, second = transcoded(data, "JPEGLSNearLossless" if syntax != "JPEGLSNearLossless" else "JPEG2000Lossless")
    if not second.lossy:
        assert value(again, 0x00282110) == b"01"
        assert value(again, 0x00282114).strip().decode() == method


def test_loss_upon_loss_is_appended():
    once, _ = transcoded(grey((64, 48), "uint8", 8), "JPEGBaseline8Bit", quality=90)
    twice, _ = transcoded(once, "JPEG2000", psnr=35)
    ds = pydicom.dcmread(io.BytesIO(twice))
    assert list(ds.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1"]
    assert len(ds.LossyImageCompressionRatio) == 2
    assert all(float(ratio) > 1 for ratio in ds.LossyImageCompressionRatio)


def test_loss_that_the_source_does_not_admit_is_written_down():
    frame = dt.encode_frame(smooth((32, 32), "uint8"), "JPEGBaseline8Bit", quality=50)
    source = encapsulated_file([frame], "jpeg", rows=32, columns=32)
    data, result = transcoded(source, "ExplicitVRLittleEndian")
    assert not result.lossy
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.LossyImageCompression == "01"
    assert ds.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(ds.LossyImageCompressionRatio) == pytest.approx(32 * 32 / len(frame), abs=0.001)


def test_a_new_uid_only_with_loss():
    source = grey((32, 32), "uint8", 8, before=EXPLICIT.element(0x00080018, "UI", "1.2.3.4"))
    data, _ = transcoded(source, "JPEG2000", psnr=40, new_uid=True)
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID != "1.2.3.4"
    assert ds.SOPInstanceUID.startswith("2.25.")
    data, _ = transcoded(source, "JPEG2000", psnr=40)
    assert pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID == "1.2.3.4"
    with pytest.raises(dt.EncodeError, match="new_uid is for lossy"):
        transcoded(source, "JPEG2000", new_uid=True)


def test_without_an_option_nothing_is_lost():
    source = grey((32, 32), "uint8", 8)
    for syntax in ("JPEG2000", "HTJ2K", "JPEGXL", "JPEGLSNearLossless"):
        data, result = transcoded(source, syntax)
        assert not result.lossy
        assert same_cells(source, data)
        assert value(data, 0x00282110) is None
    with pytest.raises(dt.EncodeError, match="choose the loss with quality="):
        transcoded(source, "JPEGBaseline8Bit")


def test_a_maximum_error_is_kept_to(monkeypatch):
    source = grey((32, 32), "uint8", 8)
    _, result = transcoded(source, "JPEGLSNearLossless", near_lossless=3)
    assert 0 < result.maximum_error <= 3
    # A library's encoder can be replaced by one that keeps to nothing.
    monkeypatch.setattr(dt.config, "prefer", "library")
    encoder = frames_module.frame_encoder
    monkeypatch.setattr(frames_module, "frame_encoder", lambda *a: encoder(*a[:-1], {"near_lossless": 9}))
    with pytest.raises(dt.EncodeError, match="near_lossless is 3"):
        transcoded(source, "JPEGLSNearLossless", near_lossless=3)


def test_indices_are_not_coded_with_loss():
    source = grey((16, 16), "uint8", 8, photometric="PALETTE COLOR")
    for syntax, options in (("JPEG2000", {"psnr": 40}), ("JPEGLSNearLossless", {"near_lossless": 1})):
        with pytest.raises(dt.EncodeError, match="palette"):
            transcoded(source, syntax, **options)


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
    source, _ = transcoded(grey(frames=2, bits=16), first)
    monkeypatch.setattr(frames_module, "frame_encoder", None)
    for syntax in (second, first):
        data, result = transcoded(source, syntax, offset_table="empty")
        with dt.open(source) as a, dt.open(data) as b:
            assert [a.encoded_frame(k) for k in range(2)] == [b.encoded_frame(k) for k in range(2)]
            assert b.transfer_syntax == result.transfer_syntax
        assert same_cells(source, data)
        source = data
    assert result.digest == hashlib.sha256(pixels(source).tobytes()).hexdigest()
    assert transcoded(source, second, verify=False)[1].digest is None


def test_what_lost_something_is_not_called_lossless():
    lossy, _ = transcoded(grey((32, 32), "uint8", 8), "JPEG2000", psnr=30)
    data, _ = transcoded(lossy, "JPEG2000Lossless")
    assert same_cells(lossy, data)
    assert dt.open(data).probe().lossless
    assert value(data, 0x00282110) == b"01"


def test_jpeg_and_jpeg_xl_hold_the_same_bits():
    source, _ = transcoded(grey((48, 40, 3), "uint8", 8, frames=2), "JPEGBaseline8Bit", quality=90)
    data, _ = transcoded(source, "JPEGXLJPEGRecompression")
    assert same_cells(source, data)
    assert value(data, 0x00280004) == b"YBR_FULL_422"
    back, _ = transcoded(data, "JPEGBaseline8Bit")
    with dt.open(source) as a, dt.open(back) as b:
        for k in range(2):
            assert bytes(a.encoded_frame(k)).rstrip(b"\0") == bytes(b.encoded_frame(k)).rstrip(b"\0")
    with pytest.raises(dt.EncodeError, match="8-bit JPEG streams only"):
        transcoded(grey(), "JPEGXLJPEGRecompression")


def test_an_object_in_the_target_form_is_copied():
    source, first = transcoded(grey(frames=2, after=AFTER), "RLELossless")
    data, result = transcoded(source, "RLELossless")
    assert data == source
    assert result.status == "copied"
    assert result.digest == first.digest
    assert result.verified
    broken = source[: source.rindex(b"\xfe\xff\xdd\xe0") - 40]
    data, result = transcoded(broken, "RLELossless")
    assert data == broken
    assert result.digest is None
    assert not result.verified
    assert any("cannot be decoded" in text for text in result.warnings)


# ---- bits above BitsStored --------------------------------------------------------------------------


def test_unused_bits_are_kept_or_named():
    array = noise((8, 8), "uint16")
    source = native_file(array.tobytes(), rows=8, columns=8, bits_allocated=16, bits_stored=12)
    for syntax in ("RLELossless", "DeflatedImageFrameCompression", "EncapsulatedUncompressedExplicitVRLittleEndian"):
        assert same_cells(source, transcoded(source, syntax, mask_unused_bits=True)[0])
    for syntax in LOSSLESS[1:]:
        with pytest.raises(dt.EncodeError, match=r"frame 0: the bits above BitsStored \(12\).*mask_unused_bits=True"):
            transcoded(source, syntax)
        data, result = transcoded(source, syntax, mask_unused_bits=True)
        assert np.array_equal(pixels(data), array & 0xFFF)
        assert result.digest == hashlib.sha256((array & 0xFFF).tobytes()).hexdigest()


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_signed_cells(syntax):
    source = grey(dtype="int16", bits=12)
    assert pixels(source).min() < 0
    assert same_cells(source, transcoded(source, syntax)[0])
    unextended = native_file(
        (pixels(source) & 0xFFF).tobytes(), rows=12, columns=10, bits_allocated=16, bits_stored=12, signed=1
    )
    if syntax != "RLELossless":
        assert same_cells(source, transcoded(unextended, syntax, mask_unused_bits=True)[0])


def test_bits_that_are_not_the_lowest_are_not_masked():
    body = bytearray(native_file((smooth((8, 8), "uint16", bits=12) << 4).tobytes(), rows=8, columns=8,
                                 bits_allocated=16, bits_stored=12))  # fmt: skip
    at = body.index(EXPLICIT.element(0x00280102, "US", 11))
    body[at + 8] = 15
    assert same_cells(bytes(body), transcoded(bytes(body), "RLELossless")[0])
    with pytest.raises(dt.EncodeError, match="HighBit is 15"):
        transcoded(bytes(body), "JPEG2000Lossless", mask_unused_bits=True)


# ---- single bits ------------------------------------------------------------------------------------


def single_bits() -> bytes:
    bits = smooth((16, 24), "uint8") & 1
    packed = np.packbits(bits, bitorder="little").tobytes()
    return native_file(packed, rows=16, columns=24, bits_allocated=1, bits_stored=1)


@pytest.mark.parametrize("syntax", ["JPEGLossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEGLSNearLossless"])
def test_single_bits_are_sent_where_others_read_them(syntax):
    with pytest.raises(dt.EncodeError, match=r"native transfer syntax.*JPEG2000Lossless") as caught:
        transcoded(single_bits(), syntax)
    assert "RLE" not in str(caught.value)


def test_single_bits_in_rle_are_warned_of():
    data, result = transcoded(single_bits(), "RLELossless")
    assert same_cells(single_bits(), data)
    assert any("but pydicom, pylibjpeg and GDCM cannot" in message for message in result.warnings)


@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "JPEG2000Lossless"])
def test_what_is_recommended_for_single_bits_is_read_by_pydicom(syntax):
    data, result = transcoded(single_bits(), syntax)
    assert not result.warnings
    ds = pydicom.dcmread(io.BytesIO(data))
    np.testing.assert_array_equal(ds.pixel_array, dt.decode(single_bits()))
