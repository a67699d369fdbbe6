"""What real files of JPEG hold, lossy and lossless: processes, colour spaces, sampling that labels are silent about."""

import struct
import warnings

import imagecodecs
import numpy as np
import pytest
from helpers.samples import smooth
from oracle import jpeg_lossless as oracle
from oracle.jpeg_lossless import Component

import dcmturbo as dt

COLOUR = smooth((23, 37, 3), np.uint8)
ADOBE = b"Adobe\0\x64\0\0\0\0"
JFIF = b"JFIF\0\1\2\0\0\1\0\1\0\0"


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """The marker segments up to the first scan: code, and parameters."""
    found, at = [], 2
    while not found or found[-1][0] != 0xDA:
        length = struct.unpack_from(">H", data, at + 2)[0]
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return [*found, (0, data[at:])]


def stream(parts: list[tuple[int, bytes]]) -> bytes:
    return b"\xff\xd8" + b"".join(oracle.segment(code, body) if code else body for code, body in parts)


def plain(data: bytes) -> list[tuple[int, bytes]]:
    """Without what an application has said of it."""
    return [part for part in segments(data) if not 0xE0 <= part[0] <= 0xEF]


def with_identifiers(data: bytes, identifiers: bytes) -> bytes:
    """The same, with other names of its three components."""
    parts = []
    for code, body in segments(data):
        changed = bytearray(body)
        if code in (0xC0, 0xC1, 0xC3):
            changed[6::3] = identifiers
        elif code == 0xDA:
            changed[1:7:2] = identifiers
        parts.append((code, bytes(changed)))
    return stream(parts)


def with_application(data: bytes, code: int, body: bytes) -> bytes:
    return stream([(code, body), *plain(data)])


def baseline(**more: object) -> bytes:
    """Three components that are stored as they are given, and nobody says what they mean."""
    data = imagecodecs.jpeg8_encode(COLOUR, colorspace="YCBCR", outcolorspace="YCBCR", **{"subsampling": "444", **more})
    return stream(plain(data))


def lossless() -> bytes:
    return oracle.encode([Component(COLOUR[..., k].astype(np.int64)) for k in range(3)], precision=8)


def frame(data: bytes, syntax: str = "JPEGBaseline8Bit", **more: object) -> np.ndarray:
    arguments = {"rows": 23, "columns": 37, "samples_per_pixel": 3, "bits_allocated": 8}
    return dt.decode_frame(data, syntax, **{**arguments, **more})


def to_rgb(ybr: np.ndarray) -> np.ndarray:
    module = {"rows": 23, "columns": 37, "samples_per_pixel": 3, "bits_allocated": 8}
    return dt.decode_frame(ybr.tobytes(), "ExplicitVRLittleEndian", photometric_interpretation="YBR_FULL", **module)


# What the stream says, and whether that makes it YCbCr; None: what the dataset says.
SAYINGS = {
    "nothing": (lambda d: d, None, None),
    "identifiers RGB": (lambda d: with_identifiers(d, b"RGB"), False, False),
    "identifiers rgb": (lambda d: with_identifiers(d, b"rgb"), False, False),
    "identifiers 0, 1, 2": (lambda d: with_identifiers(d, b"\0\1\2"), None, None),
    "APP14, transform 0": (lambda d: with_application(d, 0xEE, ADOBE + b"\0"), False, False),
    "APP14, transform 1": (lambda d: with_application(d, 0xEE, ADOBE + b"\1"), True, True),
    "APP14 cut short": (lambda d: with_application(d, 0xEE, ADOBE), None, None),
    "APP14 of somebody else": (lambda d: with_application(d, 0xEE, b"Abode\0\x64\0\0\0\0\0"), None, None),
    # A wrapper says nothing of what a lossless stream holds.
    "JFIF": (lambda d: with_application(d, 0xE0, JFIF), True, None),
    "APP14, transform 0, in JFIF": (
        lambda d: stream([(0xE0, JFIF), (0xEE, ADOBE + b"\0"), *plain(d)]),
        False,
        False,
    ),
    "identifiers RGB, and APP14, transform 1": (
        lambda d: with_identifiers(with_application(d, 0xEE, ADOBE + b"\1"), b"RGB"),
        False,
        False,
    ),
}


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize("process", ["baseline", "lossless"])
def test_who_says_what_the_components_are(process, saying, photometric):
    """docs/architecture.md: identifiers, APP14, JFIF, then PhotometricInterpretation; never their number."""
    change, *ycbcr = SAYINGS[saying]
    syntax, plain_stream = {
        "baseline": ("JPEGBaseline8Bit", baseline()),
        "lossless": ("JPEGLosslessSV1", lossless()),
    }[process]
    says_ycbcr = ycbcr[process == "lossless"]
    is_ycbcr = photometric != "RGB" if says_ycbcr is None else says_ycbcr
    stored = (
        COLOUR
        if process == "lossless"
        else imagecodecs.jpeg8_decode(plain_stream, colorspace="YCBCR", outcolorspace="YCBCR")
    )
    data = change(plain_stream)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = frame(data, syntax, photometric_interpretation=photometric)
    contradicts = says_ycbcr is not None and says_ycbcr != (photometric != "RGB")
    assert [str(w.message) for w in caught] == contradicts * [
        "the codestream has another colour space than PhotometricInterpretation"
    ]
    np.testing.assert_array_equal(found, to_rgb(stored) if is_ycbcr else stored)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        raw = frame(data, syntax, photometric_interpretation=photometric, raw=True)
    np.testing.assert_array_equal(raw, stored)


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "411", "440"])
@pytest.mark.parametrize("size", [(16, 16), (23, 37), (1, 1), (2, 33), (17, 1)])
def test_sampling_and_odd_sizes(subsampling, size):
    array = np.ascontiguousarray(smooth((*size, 3), np.uint8))
    data = imagecodecs.jpeg8_encode(array, colorspace="RGB", outcolorspace="YCBCR", subsampling=subsampling)
    stored = imagecodecs.jpeg8_decode(data, colorspace="YCBCR", outcolorspace="YCBCR")
    found = frame(data, rows=size[0], columns=size[1], photometric_interpretation="YBR_FULL_422", raw=True)
    np.testing.assert_array_equal(found, stored)
    header = dt.probe(data)
    assert header.subsampled == (subsampling != "444")
    assert (header.height, header.width) == size


def test_12_bits_in_16_allocated():
    array = smooth((23, 37), np.uint16, bits=12)
    data = imagecodecs.jpeg8_encode(array, bitspersample=12)
    found = frame(data, "JPEGExtended12Bit", samples_per_pixel=1, bits_allocated=16, bits_stored=12)
    np.testing.assert_array_equal(found, imagecodecs.jpeg8_decode(data))
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - array).mean() < 40


@pytest.mark.parametrize("allocated", [8, 16])
def test_8_bits_under_the_label_of_12(allocated):
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(COLOUR[..., 0]))
    found = frame(data, "JPEGExtended12Bit", samples_per_pixel=1, bits_allocated=allocated)
    np.testing.assert_array_equal(found, imagecodecs.jpeg8_decode(data))


def test_tables_may_stand_before_and_after_the_frame_header():
    for data in (baseline(), lossless()):
        syntax = "JPEGLosslessSV1" if dt.probe(data).lossless else "JPEGBaseline8Bit"
        *tables, scan, entropy = plain(data)
        headers = [part for part in tables if part[0] in (0xC0, 0xC3)]
        others = [part for part in tables if part not in headers]
        for order in (headers + others, others + headers, others[:1] + headers + others[1:]):
            found = frame(stream([*order, scan, entropy]), syntax, photometric_interpretation="RGB", raw=True)
            np.testing.assert_array_equal(found, frame(data, syntax, photometric_interpretation="RGB", raw=True))


@pytest.mark.parametrize(
    ("code", "match"),
    [
        (0xC9, "arithmetic coding"),
        (0xCA, "arithmetic coding"),
        (0xCB, "lossless sequential with arithmetic coding"),
        (0xC5, "hierarchical"),
        (0xC7, "hierarchical"),
        (0xDE, "hierarchical"),
    ],
)
@pytest.mark.parametrize("syntax", ["JPEGBaseline8Bit", "JPEGExtended12Bit", "JPEGLossless", "JPEGLosslessSV1"])
@pytest.mark.parametrize("on_error", ["raise", "salvage"])
def test_processes_that_nothing_here_decodes_are_named(code, match, syntax, on_error):
    for data in (baseline(), lossless()):
        first = next(part for part in plain(data) if part[0] in (0xC0, 0xC3))
        parts = [(code, body) if (was, body) == first and code != 0xDE else (was, body) for was, body in plain(data)]
        if code == 0xDE:
            parts.insert(0, (0xDE, first[1]))
        if on_error == "raise":
            with pytest.raises(dt.DecodeError, match=match) as caught:
                frame(stream(parts), syntax, photometric_interpretation="RGB")
            assert caught.value.code == "unsupported"
        else:
            status = np.zeros(1, np.uint8)
            with pytest.warns(dt.DecodeWarning, match=match):
                assert not frame(stream(parts), syntax, on_error="salvage", status=status).any()
            assert status[0] == dt.FrameStatus.FAILED


@pytest.mark.parametrize("make", [baseline, lossless])
def test_three_components_are_no_monochrome_image(make):
    syntax = "JPEGBaseline8Bit" if make is baseline else "JPEGLosslessSV1"
    with pytest.raises(dt.DecodeError, match=r"1 samples per pixel, but the codestream has 3 components"):
        frame(make(), syntax, samples_per_pixel=1, photometric_interpretation="MONOCHROME2")
