"""`transcode` of samples that need more bits than BitsStored: what users read stays what it was, or it is refused."""

import io
import warnings

import imagecodecs
import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import EXPLICIT, encapsulated_file, native_file
from helpers.transcoding import LOSSLESS_TARGETS, transcoded, value

import dcmturbo as dt
from dcmturbo.dataset.sources import open_source
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.transcoding import pixels as frames_module
from dcmturbo.transcoding.attributes import lossy_method

TARGETS = tuple(target for target in LOSSLESS_TARGETS if target != "JPEGXLJPEGRecompression")
FITTING = (np.arange(32 * 32).reshape(32, 32) * 7 % 4096).astype("u2")
BEYOND = FITTING.copy()
BEYOND[3, 4:9] = 4170
UIDS = {
    "JPEG 2000": "1.2.840.10008.1.2.4.91",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG XL": "1.2.840.10008.1.2.4.110",
}


def frame_of_16_bits(form: str, cells: np.ndarray) -> bytes:
    """A codestream of precision 16, whatever BitsStored says."""
    if form == "JPEG 2000":
        return imagecodecs.jpeg2k_encode(cells, level=0, reversible=True, codecformat="j2k")
    if form == "JPEG-LS":
        return imagecodecs.jpegls_encode(cells.view("u2"))
    return imagecodecs.jpegxl_encode(cells, lossless=True)


def made(form: str, *frames: np.ndarray, **module) -> bytes:
    signed = int(frames[0].dtype.kind == "i")
    return encapsulated_file(
        [frame_of_16_bits(form, cells) for cells in frames],
        UIDS[form],
        **{"rows": 32, "columns": 32, "bits_allocated": 16, "bits_stored": 12, "signed": signed} | module,
    )


def quiet(work):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work()


def same_everywhere(before: bytes, after: bytes) -> None:
    for options in ({}, {"raw": True}, {"raw": True, "unused_bits": "keep"}):
        one, other = (quiet(lambda d=d, o=options: dt.decode(d, **o)) for d in (before, after))
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def stored(data: bytes) -> tuple[int, int]:
    ds = pydicom.dcmread(io.BytesIO(data))
    return ds.BitsStored, ds.HighBit


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("form", UIDS)
def test_samples_beyond_bits_stored_keep_their_values(form, target):
    source = made(form, BEYOND)
    data, result = quiet(lambda: transcoded(source, target))
    same_everywhere(source, data)
    if dt.open(data).transfer_syntax != UIDS[form] and not copied(source, data):
        assert stored(data) == (13, 12)
        assert any("BitsStored" in message for message in result.warnings)
    assert result.verified


def copied(source: bytes, data: bytes) -> bool:
    with dt.open(source) as one, dt.open(data) as other:
        return bytes(one.encoded_frame(0)) == bytes(other.encoded_frame(0))


@pytest.mark.parametrize("target", ["ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian", "RLELossless"])
@pytest.mark.parametrize("form", UIDS)
def test_samples_that_fit_change_nothing(form, target):
    data, result = transcoded(made(form, FITTING), target)
    assert stored(data) == (12, 11)
    assert not result.warnings
    same_everywhere(made(form, FITTING), data)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    "target", ["ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian", "JPEGLosslessSV1", "HTJ2KLossless"]
)
def test_only_one_late_frame_is_beyond(target, verify, threads):
    source = made("JPEG 2000", *[FITTING] * 9, BEYOND, FITTING, frames=11)
    data, result = quiet(lambda: transcoded(source, target, verify=verify, threads=threads))
    same_everywhere(source, data)
    assert stored(data) == (13, 12)
    assert result.frames == 11
    if target == "JPEGLosslessSV1":
        with dt.open(data) as image:
            assert {image.probe(k).components[0].precision for k in range(11)} == {13}


@pytest.mark.parametrize(
    ("lowest", "highest", "bits"),
    [(-2048, 2047, 12), (-2049, 0, 13), (0, 2048, 13), (-5000, 5000, 14), (-32768, 0, 16)],
)
@pytest.mark.parametrize("target", ["ExplicitVRLittleEndian", "RLELossless", "JPEGLosslessSV1", "JPEG2000Lossless"])
@pytest.mark.parametrize("form", ["JPEG 2000", "JPEG-LS"])
def test_signed_samples(form, target, lowest, highest, bits):
    cells = np.zeros((32, 32), "i2")
    cells[0, :2] = lowest, highest
    source = made(form, cells)
    np.testing.assert_array_equal(quiet(lambda: dt.decode(source)), cells)
    data, _ = quiet(lambda: transcoded(source, target, offset_table="empty"))
    same_everywhere(source, data)
    if not copied(source, data):
        assert stored(data) == (bits, bits - 1)


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("target", TARGETS)
def test_a_sign_that_the_codestream_has_otherwise(target, signed):
    """A signed codestream under PixelRepresentation 0, and the other way round."""
    cells = (np.arange(1024).reshape(32, 32) * 5 - 2048 * (not signed)).astype("u2" if signed else "i2")
    source = encapsulated_file(
        [frame_of_16_bits("JPEG 2000", cells)],
        UIDS["JPEG 2000"],
        rows=32,
        columns=32,
        bits_allocated=16,
        bits_stored=12,
        signed=signed,
    )
    data, _ = quiet(lambda: transcoded(source, target))
    same_everywhere(source, data)


def test_related_values_stay():
    more = EXPLICIT.element(0x00280106, "US", 0) + EXPLICIT.element(0x00280107, "US", 4095)
    window = EXPLICIT.element(0x00281050, "DS", "2048") + EXPLICIT.element(0x00281051, "DS", "4096")
    body = made("JPEG 2000", BEYOND, more=b"")
    at = body.index(b"\xe0\x7f\x10\x00OB")
    data, _ = quiet(lambda: transcoded(body[:at] + more + window + body[at:], "ExplicitVRLittleEndian"))
    assert value(data, 0x00280106) == b"\0\0"
    assert value(data, 0x00280107) == b"\xff\x0f"
    assert value(data, 0x00281050) == b"2048"
    assert value(data, 0x00281051) == b"4096"


def test_who_asks_for_masked_bits_gets_them():
    source = made("JPEG 2000", BEYOND)
    data, _ = quiet(lambda: transcoded(source, "HTJ2KLossless", mask_unused_bits=True))
    assert stored(data) == (12, 11)
    np.testing.assert_array_equal(quiet(lambda: dt.decode(data)), BEYOND & 0xFFF)


def test_with_loss_the_samples_are_not_cut_off():
    data, result = quiet(lambda: transcoded(made("JPEG 2000", BEYOND), "JPEG2000", psnr=70))
    assert stored(data) == (13, 12)
    assert np.abs(quiet(lambda: dt.decode(data)).astype(int) - BEYOND).max() == result.maximum_error < 100


def test_verification_compares_what_users_read(monkeypatch):
    """Cells may be equal and be read otherwise: if BitsStored were not raised, for instance."""
    begin = frames_module.transcoding
    monkeypatch.setattr(frames_module, "transcoding", lambda *a, **plan: begin(*a, **plan | {"most_bits": 0}))
    for target in ("ExplicitVRLittleEndian", "RLELossless"):
        with pytest.raises(dt.EncodeError, match="decode to other pixels") as caught:
            quiet(lambda target=target: transcoded(made("JPEG 2000", BEYOND), target))
        assert caught.value.code == "internal"


def bits_of(cells: np.ndarray) -> int:
    size = cells.itemsize * 8
    source = native_file(
        cells.tobytes(),
        rows=cells.shape[0],
        columns=cells.shape[1],
        bits_allocated=size,
        signed=int(cells.dtype.kind == "i"),
    )
    image = QuietFrameSet(open_source(source), raw=True, unused_bits="keep")
    (frame,) = frames_module.transcoding(image, 1, action="decode", measure_bits=True)
    return frame.bits


def test_bits_of_samples():
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4"):
        info = np.iinfo(dtype)
        for number in {
            0,
            1,
            2,
            3,
            4,
            100,
            127,
            info.max,
            info.min,
            info.max // 2 + 1,
            info.min // 2,
            info.min // 2 - 1,
        }:
            if not info.min <= number <= info.max:
                continue
            signed = info.min < 0
            wanted = next(
                bits
                for bits in range(1, info.bits + 1)
                if (-(1 << bits - 1) if signed else 0) <= number <= (1 << bits - signed) - 1
            )
            assert bits_of(np.array([[0, number]], dtype)) == wanted, (dtype, number)


def test_readings_of_other_settings_are_compared_by_their_pixels():
    """RLE is masked from BitsStored, JPEG 2000 is not: that makes no difference where no sample is beyond."""
    data, _ = quiet(lambda: transcoded(made("JPEG 2000", FITTING), "RLELossless"))
    np.testing.assert_array_equal(quiet(lambda: dt.decode(data)), FITTING)


@pytest.mark.parametrize("bits_stored", [8, 11, 12, 14, 16])
@pytest.mark.parametrize("target", ["ExplicitVRLittleEndian", "RLELossless", "JPEG2000Lossless", "JPEGXLLossless"])
def test_signed_jpeg_lossless_of_another_precision(target, bits_stored):
    """Its sign is that of its precision, also where BitsStored is larger; what is larger than BitsStored is cut off."""
    cells = (
        np.arange(1024).reshape(32, 32) % 256 - 128 if bits_stored < 11 else FITTING.astype("i2") // 4 - 512
    ).astype("i2")
    frame = bytes(dt.encode_frame(cells, "JPEGLosslessSV1", bits_stored=11))
    module = {"rows": 32, "columns": 32, "bits_allocated": 16, "bits_stored": bits_stored, "signed": 1}
    source = encapsulated_file([frame], "1.2.840.10008.1.2.4.70", **module)
    np.testing.assert_array_equal(quiet(lambda: dt.decode(source)), cells)
    np.testing.assert_array_equal(quiet(lambda: dt.decode(source, unused_bits="keep")), cells)
    same_everywhere(source, quiet(lambda: transcoded(source, target))[0])


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(("signed", "bits_stored"), [(1, 8), (1, 16), (0, 6)])
def test_a_jpeg_is_not_copied_to_where_it_is_read_otherwise(signed, bits_stored, verify):
    frame = imagecodecs.jpeg8_encode((FITTING & 255).astype("u1"), level=90)
    module = {"rows": 32, "columns": 32, "bits_allocated": 16, "bits_stored": bits_stored, "signed": signed}
    source = encapsulated_file([frame], "jpeg", **module)
    with pytest.raises(dt.EncodeError) as caught:
        quiet(lambda: transcoded(source, "JPEGXLJPEGRecompression", verify=verify))
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize("verify", [True, False])
def test_frames_of_two_colour_spaces_are_refused(verify):
    """One with a component transform, which is RGB, and one without, under YBR_FULL."""
    colour = np.stack([FITTING & 255, FITTING >> 4, FITTING & 15], -1).astype("u1")
    frames = [
        bytes(dt.encode_frame(colour, "JPEG2000Lossless", photometric_interpretation=each))
        for each in ("YBR_RCT", "RGB")
    ]
    module = {"rows": 32, "columns": 32, "samples": 3, "planar": 0, "photometric": "YBR_FULL"}
    source = encapsulated_file(frames, "jpeg2000", **module)
    for target in ("ExplicitVRLittleEndian", "JPEGLosslessSV1"):
        with pytest.raises(dt.EncodeError, match=r"frame 1: .*cannot describe both") as caught:
            quiet(lambda target=target: transcoded(source, target, verify=verify))
        assert caught.value.code == "unsupported"
    same_everywhere(source, quiet(lambda: transcoded(source, "JPEG2000", verify=verify))[0])


@pytest.mark.parametrize("photometric", ["RGB", "YBR_RCT", "SOMETHING", "YBR_PARTIAL_420", "HSV"])
def test_frames_of_one_colour_space_whatever_its_name(photometric):
    colour = np.stack([FITTING & 255, FITTING >> 4, FITTING & 15], -1).astype("u1")
    frame = bytes(dt.encode_frame(colour, "JPEGLosslessSV1"))
    module = {"rows": 32, "columns": 32, "samples": 3, "planar": 0, "photometric": photometric}
    source = encapsulated_file([frame] * 3, "1.2.840.10008.1.2.4.70", **module)
    same_everywhere(source, quiet(lambda: transcoded(source, "RLELossless"))[0])


def test_signed_colours_in_jpeg_xl():
    colour = np.stack([FITTING & 127, FITTING >> 5, FITTING & 15], -1).astype("i1") - 64
    frame = bytes(dt.encode_frame(colour, "JPEGLSLossless", bits_stored=8))
    module = {"rows": 32, "columns": 32, "samples": 3, "planar": 0, "signed": 1}
    source = encapsulated_file([frame], "jpegls", **module)
    np.testing.assert_array_equal(dt.decode(source), colour)
    small = encapsulated_file([bytes(dt.encode_frame(colour // 4, "JPEGLSLossless", bits_stored=6))], "jpegls",
                              **module, bits_stored=6)  # fmt: skip
    for one in (source, small):
        same_everywhere(one, quiet(lambda one=one: transcoded(one, "JPEGXLLossless"))[0])


# ---- JPEG Lossless with a point transform -----------------------------------------------------------


def point_transformed(keyword: str = "JPEGLossless", transform: int = 2, **options) -> bytes:
    """Differences of 10 bits that are samples of 12 by their point transform, as mammography has them."""
    low = FITTING >> transform
    frame = bytearray(dt.encode_frame(low, keyword, bits_stored=12 - transform, **options))
    frame[frame.index(b"\xff\xc3") + 4] = 12
    frame[frame.index(b"\xff\xda") + 9] = transform
    uid = {"JPEGLossless": "1.2.840.10008.1.2.4.57", "JPEGLosslessSV1": "1.2.840.10008.1.2.4.70"}[keyword]
    return encapsulated_file([bytes(frame)], uid, rows=32, columns=32, bits_allocated=16, bits_stored=12)


@pytest.mark.parametrize("keyword", ["JPEGLossless", "JPEGLosslessSV1"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_point_transform_to_everything_else(target, keyword):
    source = point_transformed(keyword)
    np.testing.assert_array_equal(quiet(lambda: dt.decode(source)), FITTING >> 2 << 2)
    data, result = quiet(lambda: transcoded(source, target))
    same_everywhere(source, data)
    if result.status == "transcoded" and not copied(source, data):
        ds = pydicom.dcmread(io.BytesIO(data))
        # PS3.3, C.7.6.1.1.5: the two lowest bits are gone.
        assert (ds.LossyImageCompression, ds.LossyImageCompressionMethod) == ("01", "ISO_10918_1")


@pytest.mark.parametrize("form", ["jpeg", "jpeg_lossless", "jpegls", "jpeg2000", "htj2k", "jpegxl"])
def test_every_format_with_loss_has_a_method(form):
    assert lossy_method(form).startswith("ISO_")
