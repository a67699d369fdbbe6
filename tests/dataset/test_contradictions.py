"""Datasets that contradict their pixel data: the right reading where there is one, and a warning."""

import io
import struct
import warnings
import zlib

import imagecodecs
import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from helpers.jpeg2000 import component
from helpers.samples import smooth
from helpers.transcoding import transcoded, value
from oracle.jpeg2000_stream import Image, write

import dcmturbo as dt

RED = np.full((32, 32, 3), (200, 40, 60), np.uint8)
JPEG_UID, J2K_UID = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.91"
MODULE = {"rows": 32, "columns": 32, "samples": 3, "planar": 0}


def told(work):
    """The result, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return work(), [str(w.message) for w in caught]


def without_application_markers(data: bytes) -> bytes:
    out, at = data[:2], 2
    while data[at + 1] != 0xDA:
        size = struct.unpack_from(">H", data, at + 2)[0]
        out += b"" if data[at + 1] in (0xE0, 0xEE) else data[at : at + 2 + size]
        at += 2 + size
    return out + data[at:]


def bare_jpeg(subsampling: str = "420") -> bytes:
    """YCbCr of `RED`, and no marker that says so."""
    data = imagecodecs.jpeg8_encode(RED, level=95, colorspace="RGB", outcolorspace="YCBCR", subsampling=subsampling)
    return without_application_markers(data)


def close_to_red(array: np.ndarray) -> bool:
    return bool(np.abs(array.astype(int) - RED).max() <= 4)


# ---- subsampled chroma ------------------------------------------------------------------------------


@pytest.mark.parametrize("subsampling", ["420", "422", "440", "411"])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_RCT", "YBR_ICT", "MONOCHROME2"])
def test_subsampled_chroma_is_ycbcr_whatever_the_label(subsampling, photometric):
    data = encapsulated_file([bare_jpeg(subsampling)], JPEG_UID, photometric=photometric, **MODULE)
    found, messages = told(lambda: dt.decode(data))
    assert close_to_red(found)
    assert len(messages) == 1
    assert "subsampled chroma" in messages[0]
    raw, messages = told(lambda: dt.decode(data, raw=True))
    assert len(messages) == 1
    np.testing.assert_array_equal(
        raw, imagecodecs.jpeg8_decode(bare_jpeg(subsampling), colorspace="YCBCR", outcolorspace="YCBCR")
    )
    with dt.open(data, raw=True) as image:
        assert image.photometric_interpretation == "YBR_FULL"
        assert image.source_photometric_interpretation == photometric
    with dt.open(data) as image:
        assert image.photometric_interpretation == "RGB"


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
def test_subsampled_chroma_under_a_true_label_is_no_contradiction(photometric):
    found, messages = told(
        lambda: dt.decode(encapsulated_file([bare_jpeg()], JPEG_UID, photometric=photometric, **MODULE))
    )
    assert close_to_red(found)
    assert not messages


@pytest.mark.parametrize("photometric", ["RGB", "YBR_RCT", "YBR_ICT"])
@pytest.mark.parametrize("steps", [{"dx": 2}, {"dx": 2, "dy": 2}], ids=["4:2:2", "4:2:0"])
def test_subsampled_chroma_of_jpeg_2000(steps, photometric):
    area = (0, 0, 32, 32)
    parts = [component(area), component(area, seed=1, **steps), component(area, seed=2, **steps)]
    data, _ = write(Image(parts, area))
    source, ybr = (
        encapsulated_file([data], J2K_UID, photometric=stated, **MODULE) for stated in (photometric, "YBR_FULL")
    )
    for raw in (False, True):
        found, messages = told(lambda raw=raw: dt.decode(source, raw=raw))
        assert ["subsampled chroma" in message for message in messages] == [True]
        wanted, messages = told(lambda raw=raw: dt.decode(ybr, raw=raw))
        assert not messages
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("code", "body"), [(0xEE, b"Adobe\0\x64\0\0\0\0\0"), (None, b"RGB")], ids=["APP14, transform 0", "identifiers"]
)
def test_what_the_codestream_states_comes_before_its_sampling(code, body):
    data = bare_jpeg()
    if code is not None:
        data = data[:2] + struct.pack(">BBH", 0xFF, code, 2 + len(body)) + body + data[2:]
    else:
        at = data.index(b"\xff\xc0") + 10
        scan = data.index(b"\xff\xda") + 5
        changed = bytearray(data)
        changed[at : at + 9 : 3] = body
        changed[scan : scan + 6 : 2] = body
        data = bytes(changed)
    stored = imagecodecs.jpeg8_decode(bare_jpeg(), colorspace="YCBCR", outcolorspace="YCBCR")
    found, messages = told(lambda: dt.decode(encapsulated_file([data], JPEG_UID, photometric="RGB", **MODULE)))
    assert not messages
    np.testing.assert_array_equal(found, stored)


def test_chroma_that_is_not_subsampled_stays_what_the_label_says():
    found, messages = told(
        lambda: dt.decode(encapsulated_file([bare_jpeg("444")], JPEG_UID, photometric="RGB", **MODULE))
    )
    assert not messages
    assert not close_to_red(found)


@pytest.mark.parametrize("registered", [True, False])
def test_subsampled_chroma_through_pydicom(registered):
    frames = [bare_jpeg(), bare_jpeg("422"), bare_jpeg("420")]
    data = encapsulated_file(frames, JPEG_UID, photometric="RGB", **MODULE)
    ds = pydicom.dcmread(io.BytesIO(data))
    if not registered:
        found, messages = told(lambda: dt.decode(ds))
    else:
        dt.register()
        try:
            found, messages = told(lambda: pydicom.pixels.pixel_array(ds, decoding_plugin="dcmturbo"))
            single, _ = told(lambda: pydicom.pixels.pixel_array(ds, decoding_plugin="dcmturbo", index=1))
            assert close_to_red(single)
        finally:
            dt.unregister()
    assert all(close_to_red(frame) for frame in found)
    assert any("subsampled chroma" in message for message in messages)


@pytest.mark.parametrize(
    ("target", "photometric"),
    [("ExplicitVRLittleEndian", b"YBR_FULL"), ("RLELossless", b"YBR_FULL"), ("JPEG2000Lossless", b"YBR_FULL")],
)
def test_subsampled_chroma_transcoded(target, photometric):
    data = encapsulated_file([bare_jpeg()], JPEG_UID, photometric="RGB", **MODULE)
    (result, told_of), _ = told(lambda: transcoded(data, target))
    assert value(result, 0x00280004).rstrip() == photometric
    assert any("subsampled chroma" in message for message in told_of.warnings)
    for raw in (False, True):
        before, _ = told(lambda raw=raw: dt.decode(data, raw=raw))
        after, messages = told(lambda raw=raw: dt.decode(result, raw=raw))
        np.testing.assert_array_equal(before, after)
        assert not messages


@pytest.mark.parametrize("kind", ["subsampled", "JFIF", "neither"])
@pytest.mark.parametrize("registered", [None, True, False])
def test_a_jpeg_inside_jpeg_xl_says_what_its_colours_are(kind, registered):
    jpeg = bare_jpeg("444") if kind == "neither" else bare_jpeg()
    if kind == "JFIF":
        jpeg = jpeg[:2] + b"\xff\xe0\x00\x10JFIF\0\1\2\0\0\1\0\1\0\0" + jpeg[2:]
    data = encapsulated_file(
        [bytes(dt.encode_frame(jpeg, "JPEGXLJPEGRecompression"))] * 3,
        "1.2.840.10008.1.2.4.111",
        photometric="RGB",
        **MODULE,
    )
    if registered is None:
        found, messages = told(lambda: dt.decode(data))
        with dt.open(data, raw=True) as image:
            assert image.photometric_interpretation == ("RGB" if kind == "neither" else "YBR_FULL")
    else:
        dt.register()
        try:
            ds = pydicom.dcmread(io.BytesIO(data))
            index = None if registered else 1
            found, messages = told(lambda: pydicom.pixels.pixel_array(ds, decoding_plugin="dcmturbo", index=index))
        finally:
            dt.unregister()
    assert np.abs(found.astype(int) - RED).max() <= 4 if kind != "neither" else not close_to_red(found)
    assert len([m for m in messages if "colour space" in m or "subsampled" in m]) == (kind != "neither")
    assert not any("another format" in message for message in messages)


@pytest.mark.parametrize("target", ["JPEGXLJPEGRecompression", "ExplicitVRLittleEndian"])
def test_a_jpeg_that_contradicts_its_label_stays_the_same_to_users(target):
    data = encapsulated_file([bare_jpeg()], JPEG_UID, photometric="RGB", **MODULE)
    (result, told_of), _ = told(lambda: transcoded(data, target))
    assert any("subsampled chroma" in message for message in told_of.warnings)
    np.testing.assert_array_equal(told(lambda: dt.decode(data))[0], told(lambda: dt.decode(result))[0])


@pytest.mark.parametrize("verify", [True, False])
def test_copied_frames_keep_their_label_and_it_is_told(verify):
    data = encapsulated_file([bare_jpeg()], JPEG_UID, photometric="RGB", **MODULE)
    (result, told_of), _ = told(lambda: transcoded(data, "JPEGExtended12Bit", verify=verify))
    assert value(result, 0x00280004).rstrip() == b"RGB"
    assert any("subsampled chroma" in message for message in told_of.warnings)
    assert close_to_red(told(lambda: dt.decode(result))[0])


# ---- native data of another length ------------------------------------------------------------------

FULL = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3) * 9
HALF = np.arange(2 * 4 * 2, dtype=np.uint8) * 15
SMALL = {"rows": 2, "columns": 4, "samples": 3, "planar": 0}


def expanded(half: np.ndarray) -> np.ndarray:
    """Y1 Y2 Cb Cr to two pixels (PS3.3, C.7.6.3.1.2)."""
    out = np.empty((*half.shape[:-1], half.shape[-1] // 4, 2, 3), np.uint8)
    groups = half.reshape(*half.shape[:-1], -1, 4)
    out[..., 0], out[..., 1:] = groups[..., :2], groups[..., None, 2:]
    return out.reshape(*half.shape[:-1], 2, 4, 3)


def to_rgb(ybr: np.ndarray) -> np.ndarray:
    return dt.decode(
        native_file(ybr.tobytes(), photometric="YBR_FULL", frames=1 if ybr.ndim == 3 else len(ybr), **SMALL)
    )


@pytest.mark.parametrize("frames", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big_endian", "deflated", "pydicom"])
def test_422_that_is_not_subsampled(frames, syntax):
    cells = FULL if frames in (None, 1) else np.stack([FULL + k for k in range(frames)])
    form = "explicit" if syntax == "pydicom" else syntax
    data = native_file(cells.tobytes(), form, photometric="YBR_FULL_422", frames=frames, **SMALL)
    source = pydicom.dcmread(io.BytesIO(data)) if syntax == "pydicom" else data
    raw, messages = told(lambda: dt.decode(source, raw=True))
    np.testing.assert_array_equal(raw, cells)
    assert len(messages) == 1
    assert "three samples per pixel" in messages[0]
    np.testing.assert_array_equal(told(lambda: dt.decode(source))[0], to_rgb(cells))


@pytest.mark.parametrize(("photometric", "cells"), [("YBR_FULL_422", FULL), ("RGB", HALF), ("YBR_FULL", HALF)])
def test_lengths_of_a_file_that_could_be_mapped(tmp_path, photometric, cells):
    path = tmp_path / "a.dcm"
    path.write_bytes(native_file(cells.tobytes(), photometric=photometric, **SMALL))
    raw, messages = told(lambda: dt.decode(path, raw=True))
    np.testing.assert_array_equal(raw, FULL if cells is FULL else expanded(HALF))
    assert len(messages) == 1


def test_422_that_is_not_subsampled_with_a_padding_byte():
    cells = FULL[:1, :3]
    data = native_file(cells.tobytes(), photometric="YBR_FULL_422", rows=1, columns=3, samples=3, planar=0)
    raw, messages = told(lambda: dt.decode(data, raw=True))
    np.testing.assert_array_equal(raw, cells)
    assert len(messages) == 1


@pytest.mark.parametrize("planar", [0, 1])
def test_422_that_is_not_subsampled_by_plane(planar):
    cells = FULL.transpose(2, 0, 1) if planar else FULL
    data = native_file(cells.tobytes(), photometric="YBR_FULL_422", **SMALL | {"planar": planar})
    np.testing.assert_array_equal(told(lambda: dt.decode(data, raw=True))[0], FULL)


@pytest.mark.parametrize("frames", [None, 1, 2, 4])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_422_under_another_name(frames, photometric):
    cells = HALF if frames in (None, 1) else np.stack([HALF + k for k in range(frames)])
    data = native_file(cells.tobytes(), photometric=photometric, frames=frames, **SMALL)
    raw, messages = told(lambda: dt.decode(data, raw=True))
    np.testing.assert_array_equal(raw, expanded(cells))
    assert len(messages) == 1
    assert "the length of YBR_FULL_422" in messages[0]
    np.testing.assert_array_equal(told(lambda: dt.decode(data))[0], to_rgb(expanded(cells)))


def test_two_frames_of_three_are_missing_a_frame_and_nothing_else():
    """They are as long as three of YBR_FULL_422."""
    data = native_file(np.stack([FULL, FULL]).tobytes(), photometric="RGB", frames=3, **SMALL)
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode(data)
    assert caught.value.frame == 2


def test_right_422_is_told_nothing_of():
    data = native_file(HALF.tobytes(), photometric="YBR_FULL_422", **SMALL)
    raw, messages = told(lambda: dt.decode(data, raw=True))
    np.testing.assert_array_equal(raw, expanded(HALF))
    assert not messages


@pytest.mark.parametrize("syntax", ["encapsulated_uncompressed", "1.2.840.10008.1.2.8.1"])
@pytest.mark.parametrize(("photometric", "cells"), [("YBR_FULL_422", FULL), ("RGB", HALF), ("YBR_FULL", HALF)])
def test_lengths_of_encapsulated_native_frames(syntax, photometric, cells):
    frame = cells.tobytes()
    if syntax.endswith(".8.1"):
        deflater = zlib.compressobj(wbits=-15)
        frame = deflater.compress(frame) + deflater.flush()
    data = encapsulated_file([frame, frame], syntax, photometric=photometric, **SMALL)
    raw, messages = told(lambda: dt.decode(data, raw=True))
    wanted = FULL if cells is FULL else expanded(HALF)
    np.testing.assert_array_equal(raw, np.stack([wanted, wanted]))
    assert len(messages) == 1


@pytest.mark.parametrize(("photometric", "cells"), [("YBR_FULL_422", FULL), ("RGB", HALF), ("YBR_FULL", HALF)])
def test_lengths_in_decode_frame(photometric, cells):
    arguments = {"rows": 2, "columns": 4, "samples_per_pixel": 3, "bits_allocated": 8, "raw": True}
    found, messages = told(
        lambda: dt.decode_frame(
            cells.tobytes(), "ExplicitVRLittleEndian", photometric_interpretation=photometric, **arguments
        )
    )
    np.testing.assert_array_equal(found, FULL if cells is FULL else expanded(HALF))
    assert len(messages) == 1


@pytest.mark.parametrize("target", ["ImplicitVRLittleEndian", "RLELossless", "JPEG2000Lossless"])
@pytest.mark.parametrize("syntax", ["explicit", "big_endian"])
@pytest.mark.parametrize(("photometric", "cells"), [("YBR_FULL_422", FULL), ("RGB", HALF)])
def test_lengths_transcoded(target, syntax, photometric, cells):
    data = native_file(cells.tobytes(), syntax, photometric=photometric, **SMALL)
    (result, told_of), _ = told(lambda: transcoded(data, target))
    assert any("subsampled" in message or "YBR_FULL_422" in message for message in told_of.warnings)
    for raw in (False, True):
        np.testing.assert_array_equal(
            told(lambda raw=raw: dt.decode(data, raw=raw))[0], told(lambda raw=raw: dt.decode(result, raw=raw))[0]
        )


# ---- component transforms of JPEG 2000 --------------------------------------------------------------

COLOUR = np.ascontiguousarray(smooth((32, 32, 3), np.uint8))
HTJ2K_UID = "1.2.840.10008.1.2.4.203"


def jpeg2000(photometric: str, keyword: str = "JPEG2000Lossless") -> bytes:
    return bytes(dt.encode_frame(COLOUR, keyword, photometric_interpretation=photometric))


@pytest.mark.parametrize("stated", ["YBR_RCT", "YBR_ICT"])
@pytest.mark.parametrize(
    ("uid", "frame"),
    [
        (J2K_UID, lambda: jpeg2000("RGB")),
        (HTJ2K_UID, lambda: jpeg2000("RGB", "HTJ2KLossless")),
        (JPEG_UID, lambda: bare_jpeg("444")),
        ("1.2.840.10008.1.2.5", lambda: bytes(dt.encode_frame(COLOUR, "RLELossless"))),
        (None, lambda: COLOUR.tobytes()),
    ],
    ids=["JPEG 2000", "HTJ2K", "JPEG", "RLE", "native"],
)
def test_a_transform_that_is_missing_is_told(stated, uid, frame):
    if uid is None:
        data = native_file(frame(), photometric=stated, **MODULE)
    else:
        data = encapsulated_file([frame()], uid, photometric=stated, **MODULE)
    found, messages = told(lambda: dt.decode(data))
    assert len(messages) == 1
    assert "nothing shows whether the samples are RGB or YBR" in messages[0]
    if uid != JPEG_UID:
        np.testing.assert_array_equal(found, COLOUR)


@pytest.mark.parametrize("stated", ["RGB", "YBR_RCT", "YBR_ICT"])
@pytest.mark.parametrize("keyword", ["JPEG2000Lossless", "HTJ2KLossless"])
def test_a_transform_under_a_usual_label_is_no_contradiction(stated, keyword):
    uid = J2K_UID if keyword.startswith("JPEG") else HTJ2K_UID
    data = encapsulated_file([jpeg2000("YBR_RCT", keyword)], uid, photometric=stated, **MODULE)
    found, messages = told(lambda: dt.decode(data))
    assert not messages
    np.testing.assert_array_equal(found, COLOUR)


@pytest.mark.parametrize("stated", ["YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422"])
def test_a_transform_under_another_label_is_rgb_and_told(stated):
    data = encapsulated_file([jpeg2000("YBR_RCT")], J2K_UID, photometric=stated, **MODULE)
    found, messages = told(lambda: dt.decode(data))
    assert len(messages) == 1
    assert "another colour space" in messages[0]
    np.testing.assert_array_equal(found, COLOUR)


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("way", ["one", "all", "iterated", "buffer"])
def test_pydicom_is_told_what_the_pixels_are(way, raw):
    data = encapsulated_file([bare_jpeg()] * 3, JPEG_UID, photometric="RGB", **MODULE)
    ds = pydicom.dcmread(io.BytesIO(data))
    dt.register()
    try:
        decoder = pydicom.pixels.get_decoder(JPEG_UID)
        options = {"decoding_plugin": "dcmturbo"} | ({} if way == "buffer" else {"raw": raw})

        def work():
            if way == "iterated":
                return list(decoder.iter_array(ds, **options))[-1]
            if way == "buffer":
                return decoder.as_buffer(ds, index=1, **options)
            return decoder.as_array(ds, index=1 if way == "one" else None, **options)

        (_, described), messages = told(work)
    finally:
        dt.unregister()
    assert described["photometric_interpretation"] == ("YBR_FULL" if raw or way == "buffer" else "RGB")
    assert any("subsampled chroma" in message for message in messages)
