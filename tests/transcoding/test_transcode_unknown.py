"""`transcode` of what lies within sequences: elements of VR UN, deep nesting, icons of their own syntax."""

import io
import warnings

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    dicom_file,
    encapsulate,
    encapsulated_file,
    native_file,
    pixel_module,
)
from helpers.samples import smooth
from helpers.transcoding import transcoded

import dcmturbo as dt
from dcmturbo.dataset.elements import ITEM, Encoding, end_of_undefined, is_sequence, walk
from dcmturbo.errors import DecodeError
from dcmturbo.formats.syntaxes import find_transfer_syntax

PIXELS = np.arange(16, dtype=np.uint16).reshape(4, 4)
MODULE = {"rows": 4, "columns": 4, "bits_allocated": 16}
# ReferencedImageSequence: pydicom knows that it is a sequence, whatever VR is stated.
KNOWN, PRIVATE = 0x00081140, 0x00091001
CREATOR = 0x00090010


def content(encoding, **more) -> bytes:
    return (
        encoding.element(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.7")
        + encoding.element(0x00081155, "UI", "1.2.3.4.5")
        + encoding.element(0x00280010, "US", 512)
        + more.get("inner", b"")
    )


def unknown(tag: int, items: bytes, *, undefined: bool, outer=EXPLICIT) -> bytes:
    """An element of VR UN, whose own length is that of the dataset around it and its delimiter little endian."""
    if undefined:
        return outer.header(tag, "UN", 0xFFFFFFFF) + items + EXPLICIT.header(0xFFFEE0DD, "", 0)
    return outer.header(tag, "UN", len(items)) + items


def sorted_file(one: bytes, tag: int, syntax: str = "explicit") -> bytes:
    outer = BIG if syntax == "big_endian" else EXPLICIT
    creator = outer.element(CREATOR, "LO", "SOMEBODY")
    pixels = PIXELS.astype(">u2" if outer is BIG else "<u2").tobytes()
    before = one + creator if tag < CREATOR else creator + one
    return native_file(pixels, syntax, before=before, **MODULE)


def items_of(data: bytes, tag: int) -> list[dict[str, object]]:
    """As pydicom reads them, which takes items in an implicit VR dataset as implicit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(io.BytesIO(data))
        element = ds[tag]
        assert element.VR == "SQ", element.VR
        return [{str(e.tag): e.value for e in item if e.VR != "SQ"} for item in element.value]


WANTED = {"(0008,1150)": "1.2.840.10008.5.1.4.1.1.7", "(0008,1155)": "1.2.3.4.5", "(0028,0010)": 512}


@pytest.mark.parametrize("undefined_item", [False, True])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("inner", [EXPLICIT, IMPLICIT], ids=["explicit", "implicit"])
@pytest.mark.parametrize("syntax", ["explicit", "big_endian"])
def test_items_of_unknown_elements_can_be_read_in_implicit_vr(syntax, inner, undefined, undefined_item):
    outer = BIG if syntax == "big_endian" else EXPLICIT
    items = inner.item(content(inner), undefined=undefined_item) + inner.item(b"", undefined=undefined_item)
    items += inner.item(content(inner), undefined=undefined_item)
    source = sorted_file(unknown(KNOWN, items, undefined=undefined, outer=outer), KNOWN, syntax)
    data, result = transcoded(source, "ImplicitVRLittleEndian")
    assert items_of(data, KNOWN) == [WANTED, {}, WANTED]
    np.testing.assert_array_equal(dt.decode(data), PIXELS)
    assert any("(0008,1140), of VR UN" in message for message in result.warnings) == (inner is EXPLICIT)


def test_big_endian_items_of_unknown_elements():
    items = BIG.item(content(BIG))
    source = sorted_file(BIG.header(KNOWN, "UN", len(items)) + items, KNOWN, "big_endian")
    for target in ("ImplicitVRLittleEndian", "ExplicitVRLittleEndian"):
        data, result = transcoded(source, target)
        at = data.index(b"\x08\0\x40\x11")
        assert IMPLICIT.item(content(IMPLICIT)) in data[at:]
        assert any("of VR UN" in message for message in result.warnings)


@pytest.mark.parametrize("undefined", [False, True])
def test_private_unknown_elements_within_others(undefined):
    deepest = EXPLICIT.item(content(EXPLICIT))
    known = EXPLICIT.sequence(KNOWN, [EXPLICIT.item(content(EXPLICIT), undefined=undefined)], undefined=undefined)
    one = unknown(PRIVATE, EXPLICIT.item(known + unknown(PRIVATE, deepest, undefined=False)), undefined=undefined)
    data, _ = transcoded(sorted_file(one, PRIVATE), "ImplicitVRLittleEndian")
    wanted = IMPLICIT.item(
        IMPLICIT.sequence(KNOWN, [IMPLICIT.item(content(IMPLICIT), undefined=undefined)], undefined=undefined)
        + IMPLICIT.element(PRIVATE, "UN", IMPLICIT.item(content(IMPLICIT)))
    )
    assert wanted in data


@pytest.mark.parametrize("inner", [EXPLICIT, IMPLICIT], ids=["explicit", "implicit"])
@pytest.mark.parametrize("around", ["known", "unknown"])
def test_unknown_elements_of_undefined_length_within_others(around, inner):
    deepest = unknown(PRIVATE, inner.item(content(inner)), undefined=True)
    if around == "known":
        source = sorted_file(EXPLICIT.sequence(KNOWN, [EXPLICIT.item(deepest)], undefined=True), KNOWN)
    else:
        source = sorted_file(unknown(KNOWN, EXPLICIT.item(deepest), undefined=True), KNOWN)
    data, _ = transcoded(source, "ImplicitVRLittleEndian")
    wanted = IMPLICIT.sequence(PRIVATE, [IMPLICIT.item(content(IMPLICIT))], undefined=True)
    assert IMPLICIT.sequence(KNOWN, [IMPLICIT.item(wanted)], undefined=True) in data


def test_within_a_sequence_that_has_its_vr():
    one = unknown(PRIVATE, EXPLICIT.item(content(EXPLICIT)), undefined=False)
    source = sorted_file(EXPLICIT.sequence(KNOWN, [EXPLICIT.item(one)]), KNOWN)
    data, result = transcoded(source, "ImplicitVRLittleEndian")
    assert IMPLICIT.element(PRIVATE, "UN", IMPLICIT.item(content(IMPLICIT))) in data
    assert any("the items in (0008,1140)" in message for message in result.warnings)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xfe\xff\x00\xe0",
        b"\xfe\xff\x00\xe0\x10\0\0\0rubbish.rubbish.",
        b"\xfe\xff\x00\xe0\xff\xff\xff\xffrubbish.",
        EXPLICIT.item(content(EXPLICIT))[:-2],
        EXPLICIT.item(content(EXPLICIT)) + b"\0\0",
        b"anything else.",
    ],
)
def test_what_is_no_sequence_keeps_its_bytes(value):
    source = sorted_file(EXPLICIT.element(PRIVATE, "UN", value), PRIVATE)
    data, result = transcoded(source, "ImplicitVRLittleEndian")
    assert IMPLICIT.element(PRIVATE, "UN", value) in data
    assert not result.warnings


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big_endian"])
@pytest.mark.parametrize("undefined", [False, True])
def test_deep_sequences(syntax, undefined):
    """Two levels less than the core's scan takes, and nothing here recurses."""
    encoding = {"explicit": EXPLICIT, "implicit": IMPLICIT, "big_endian": BIG}[syntax]
    inner, wanted = b"", b""
    target = "ExplicitVRLittleEndian" if syntax == "implicit" else "ImplicitVRLittleEndian"
    result_encoding = EXPLICIT if syntax == "implicit" else IMPLICIT
    for _ in range(60):
        inner = encoding.sequence(KNOWN, [encoding.item(inner, undefined=undefined)], undefined=undefined)
        wanted = result_encoding.sequence(
            KNOWN, [result_encoding.item(wanted, undefined=undefined)], undefined=undefined
        )
    pixels = PIXELS.astype(">u2" if syntax == "big_endian" else "<u2").tobytes()
    data, _ = transcoded(native_file(pixels, syntax, before=inner, **MODULE), target)
    assert wanted in data
    np.testing.assert_array_equal(dt.decode(data), PIXELS)


def test_very_deep_values_need_no_recursion():
    depth = 100_000
    begin = EXPLICIT.header(KNOWN, "SQ", 0xFFFFFFFF) + EXPLICIT.header(ITEM, "", 0xFFFFFFFF)
    end = EXPLICIT.header(0xFFFEE00D, "", 0) + EXPLICIT.header(0xFFFEE0DD, "", 0)
    data = memoryview(begin * depth + end * depth)
    assert end_of_undefined(data, 12, len(data), Encoding()) == len(data)
    assert [element.end for element in walk(data, 0, len(data), Encoding())] == [len(data)]
    assert is_sequence(data, 12, len(data), undefined_length=True, encoding=Encoding())
    assert not is_sequence(data, 12, len(data), undefined_length=True, encoding=Encoding(explicit_vr=False))
    with pytest.raises(DecodeError):
        end_of_undefined(data[:-8], 12, len(data) - 8, Encoding())


@pytest.mark.parametrize("stated", [0, 1])
def test_what_settles_a_vr_may_stand_behind_it_or_around_it(stated):
    """SmallestImagePixelValue is US or SS, by a PixelRepresentation of its own dataset, or the next around it."""
    smallest = IMPLICIT.element(0x00280106, "US", 7)
    own = IMPLICIT.element(0x00280103, "US", 1 - stated)
    # Out of order, as it should not be.
    item = IMPLICIT.item(smallest + IMPLICIT.sequence(KNOWN, [IMPLICIT.item(smallest)]) + own)
    before = IMPLICIT.sequence(KNOWN, [item, IMPLICIT.item(smallest)])
    body = before + pixel_module(IMPLICIT, signed=stated, **MODULE)
    body += IMPLICIT.element(0x7FE00010, "OW", PIXELS.tobytes())
    data, _ = transcoded(dicom_file(body, "implicit"), "ExplicitVRLittleEndian")
    inner, outer = (EXPLICIT.element(0x00280106, vr, 7) for vr in (("SS", "US") if stated == 0 else ("US", "SS")))
    wanted = EXPLICIT.item(
        inner + EXPLICIT.sequence(KNOWN, [EXPLICIT.item(inner)]) + EXPLICIT.element(0x00280103, "US", 1 - stated)
    ) + EXPLICIT.item(outer)
    assert wanted in data


# ---- icons ------------------------------------------------------------------------------------------

ICON_SYNTAXES = (
    "RLELossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "HTJ2KLossless",
    "JPEGXLLossless",
)


def test_an_icon_behind_an_unknown_element_of_explicit_vr():
    icon = smooth((8, 6), "uint8")
    content_ = unknown(PRIVATE - 0x10000, EXPLICIT.item(content(EXPLICIT)), undefined=True) + pixel_module(
        rows=8, columns=6
    )
    frame = bytes(dt.encode_frame(icon, "RLELossless"))
    content_ += EXPLICIT.element(0x7FE00010, "OB", encapsulate([frame]), length=0xFFFFFFFF)
    sequence = EXPLICIT.sequence(0x00880200, [EXPLICIT.item(content_)])
    source = encapsulated_file([bytes(dt.encode_frame(PIXELS, "RLELossless"))], "rle", extended=sequence, **MODULE)
    data, _ = transcoded(source, "ExplicitVRLittleEndian")
    assert icon.tobytes() in data[: data.index(PIXELS.tobytes())]


@pytest.mark.parametrize("inner", ICON_SYNTAXES)
@pytest.mark.parametrize("outer", ICON_SYNTAXES)
def test_an_icon_of_another_syntax_than_its_object(outer, inner):
    icon = smooth((8, 6), "uint8")
    content = pixel_module(rows=8, columns=6)
    frame = bytes(dt.encode_frame(icon, inner))
    content += EXPLICIT.element(0x7FE00010, "OB", encapsulate([frame]), length=0xFFFFFFFF)
    sequence = EXPLICIT.sequence(0x00880200, [EXPLICIT.item(content)])
    uid = find_transfer_syntax(outer).uid
    source = encapsulated_file([bytes(dt.encode_frame(PIXELS, outer))], uid, extended=sequence, **MODULE)
    data, _ = transcoded(source, "ExplicitVRLittleEndian")
    ds = pydicom.dcmread(io.BytesIO(data))
    assert ds.IconImageSequence[0].PixelData == icon.tobytes()
