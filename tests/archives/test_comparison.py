"""`compare_objects`: nothing that transcoding documents is an alarm, and all else is named."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
from helpers.dicom_writer import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    dicom_file,
    encapsulate,
    encapsulated_file,
    native_file,
    pixel_module,
)
from helpers.samples import smooth
from helpers.shipped import shipped_files
from helpers.transcoding import LOSSLESS_TARGETS

import dcmturbo as dt
from dcmturbo.archives.comparison import compare_objects

GREY = smooth((12, 10), "u2", bits=12)
MODULE = {"rows": 12, "columns": 10, "bits_allocated": 16, "bits_stored": 12}


@pytest.fixture
def compare(tmp_path):
    """Compare bytes with bytes."""

    def compare(one: bytes, other: bytes):
        paths = tmp_path / "one.dcm", tmp_path / "other.dcm"
        for path, data in zip(paths, (one, other), strict=True):
            path.write_bytes(data)
        return compare_objects(*map(str, paths))

    return compare


def transcoded(data: bytes, target: str, **options) -> bytes:
    to = io.BytesIO()
    dt.transcode(data, to, target, threads=1, **options)
    return to.getvalue()


def native(before: bytes = b"", after: bytes = b"", syntax: str = "explicit", **more) -> bytes:
    pixels = GREY.astype(">u2" if syntax == "big_endian" else "<u2").tobytes()
    return native_file(pixels, syntax, before=before, after=after, **{**MODULE, **more})


def lossless(before: bytes = b"", **more) -> bytes:
    return encapsulated_file(
        [dt.encode_frame(GREY, "JPEGLosslessSV1", bits_stored=12)],
        "1.2.840.10008.1.2.4.70",
        before=before,
        **{**MODULE, "frames": None, **more},
    )


def icon(cells: np.ndarray | None = None, **more) -> bytes:
    """An item with a picture of 4 x 4, encapsulated unless `cells` are given."""
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4)
    module = pixel_module(EXPLICIT, rows=4, columns=4, bits_allocated=8)
    if cells is not None:
        return module + EXPLICIT.element(0x7FE00010, "OB", cells.tobytes(), **more)
    value = encapsulate([dt.encode_frame(picture, "JPEGLosslessSV1")])
    return module + EXPLICIT.element(0x7FE00010, "OB", value, length=UNDEFINED)


def icons(item: bytes, tag: int = 0x00880200, **more) -> bytes:
    return EXPLICIT.sequence(tag, [EXPLICIT.item(item)], **more)


# ---- what transcoding documents ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "RLELossless", "JPEG2000Lossless"]
)
@pytest.mark.parametrize("undefined", [False, True])
def test_icons_made_native(compare, target, undefined):
    more = EXPLICIT.element(0x00080000, "UL", 4)
    source = lossless(more + icons(icon(), undefined=undefined))
    result = transcoded(source, target)
    found = compare(source, result)
    assert found.reasons == []
    assert any("made native" in text for text in found.expected)
    place = result.index(bytes(range(16)))
    changed = bytearray(result)
    changed[place + 5] ^= 1
    found = compare(source, bytes(changed))
    (what,) = found.elements
    assert what.startswith("IconImageSequence (0088,0200)[0].PixelData (7FE0,0010): 1 sample of the icon differs")


def test_an_icon_left_in_the_syntax_of_the_other_object_is_named(compare):
    source = lossless(icons(icon()))
    wrong = native(icons(icon()))  # as JPEG in an object of native ones: nobody can read it
    (what,) = compare(source, wrong).elements
    assert "the icon of the second cannot be decoded" in what
    assert "still" in what


@pytest.mark.parametrize("target", ["RLELossless", "JPEG2000Lossless"])
def test_an_icon_in_another_syntax_than_its_object(compare, target):
    """What was wrong before is nobody's fault after; what was right has to stay so."""
    frame = dt.encode_frame(GREY, target, bits_stored=12)
    uid = dt.formats.syntaxes.find_transfer_syntax(target).uid
    wrong = encapsulated_file([frame], uid, before=icons(icon()), **{**MODULE, "frames": None})  # JPEG Lossless in it
    (what,) = compare(lossless(icons(icon())), wrong).elements
    assert "the icon of the second cannot be decoded: it is JPEG Lossless" in what
    assert compare(wrong, native(icons(icon()))).reasons == []  # as unreadable as it was
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert compare(wrong, native(icons(icon(picture)))).reasons == []  # made native by its own syntax
    assert compare(wrong, native(icons(icon(picture + 1)))).reasons != []


def test_icons_are_decoded_by_the_syntax_of_their_own_object(compare):
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4)
    module = pixel_module(EXPLICIT, rows=4, columns=4, bits_allocated=8)
    items = [
        module + EXPLICIT.element(0x7FE00010, "OB", encapsulate([dt.encode_frame(picture, syntax)]), length=UNDEFINED)
        for syntax in ("JPEGLosslessSV1", "RLELossless")
    ]
    one = lossless(icons(items[0]))
    other = encapsulated_file(
        [dt.encode_frame(GREY, "RLELossless", bits_stored=12)],
        "rle",
        before=icons(items[1]),
        **{**MODULE, "frames": None},
    )
    assert compare(one, other).reasons == []


def test_pixel_data_in_other_sequences_keep_their_bytes(compare):
    source = lossless(icons(icon(), 0x00082112))
    result = transcoded(source, "ExplicitVRLittleEndian")
    assert compare(source, result).reasons == []
    place = result.index(b"\xff\xd8\xff")
    changed = bytearray(result)
    changed[place + 20] ^= 1
    assert "SourceImageSequence (0008,2112)[0]" in " ".join(compare(source, bytes(changed)).elements)


@pytest.mark.parametrize("file", [{"preamble": False, "meta": False}, {"preamble": False}, {"meta": False}])
def test_preamble_and_file_meta_that_were_missing(compare, file):
    identity = EXPLICIT.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7") + EXPLICIT.element(
        0x00080018, "UI", "1.2.3"
    )
    source = native(identity, file=file)
    result = transcoded(source, "RLELossless")
    assert compare(source, result).reasons == []
    if not file.get("meta", True):
        changed = result.replace(b"1.2.3\0", b"1.2.4\0", 1)  # (0002,0003)
        assert any("MediaStorageSOPInstanceUID" in text for text in compare(source, changed).elements)
    assert "the preamble has other bytes" in compare(source, b"\1" + result[1:]).elements


NUMBERS = ("US", "SS", "UL", "SL", "FL", "FD", "OW", "OL", "OF", "OD", "AT", "OV", "UV", "SV")


def test_big_endian_numbers_are_turned_and_unknown_values_are_not(compare):
    elements = b"".join(
        BIG.element(0x00190010 + k if k == 0 else 0x00191000 + k, vr, bytes(range(16)))
        for k, vr in enumerate(["LO", *NUMBERS, "UN", "OB"])
    )
    inner = IMPLICIT.item(IMPLICIT.element(0x00080060, "CS", "CT"))
    elements += BIG.header(0x00191050, "UN", UNDEFINED) + inner + IMPLICIT.header(0xFFFEE0DD, "", 0)
    item = BIG.item(BIG.element(0x0040A30A, "DS", "1") + BIG.element(0x00280010, "US", 7))
    elements += BIG.sequence(0x00400555, [item])
    source = native(elements, syntax="big_endian")
    for target in ("ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "RLELossless"):
        result = transcoded(source, target)
        assert compare(source, result).reasons == [], target
    # Numbers that have not been turned, and unknown ones that have, are named.
    little = b"".join(
        EXPLICIT.element(0x00190010 + k if k == 0 else 0x00191000 + k, vr, bytes(range(16)))
        for k, vr in enumerate(["LO", *NUMBERS, "UN", "OB"])
    )
    big = native(elements[: len(little)], syntax="big_endian")
    named = compare(big, native(little)).elements
    assert len(named) == len(NUMBERS)
    assert not any("(0019,100F)" in text or "(0019,1010)" in text for text in named)


def test_private_elements_that_became_unknown(compare):
    elements = EXPLICIT.element(0x00110010, "LO", "MAKER") + EXPLICIT.element(0x00111001, "DS", "1.5 ")
    elements += EXPLICIT.sequence(0x00111002, [EXPLICIT.item(EXPLICIT.element(0x00111003, "LO", "in it "))])
    source = native(elements)
    implicit = transcoded(source, "ImplicitVRLittleEndian")
    assert compare(source, implicit).reasons == []
    back = transcoded(implicit, "ExplicitVRLittleEndian")
    assert compare(implicit, back).reasons == []
    assert compare(source, back).reasons == []  # what they hold is the same
    assert compare(source, back.replace(b"1.5 ", b"1.6 ")).reasons != []
    changed = back.replace(b"in it ", b"in at ")
    assert "[0].private (0011,1003)" in compare(source, changed).elements[0]


def test_a_known_element_that_became_unknown_is_named(compare):
    one, other = (native(EXPLICIT.element(0x00100020, vr, "4711")) for vr in ("LO", "UN"))
    assert compare(one, other).elements == ["PatientID (0010,0020): VR LO against UN"]


@pytest.mark.parametrize(
    ("signed", "vr", "right"), [(0, "US", True), (0, "SS", False), (1, "SS", True), (1, "US", False)]
)
def test_what_has_a_choice_of_vr_gets_the_right_one(compare, signed, vr, right):
    def smallest(encoding):
        return encoding.element(0x00280106, vr, b"\1\2")

    one, other = native(syntax="implicit", signed=signed), native(signed=signed)
    tail = [file.index(struct.pack("<HH", 0x7FE0, 0x10)) for file in (one, other)]
    one = one[: tail[0]] + smallest(IMPLICIT) + one[tail[0] :]
    other = other[: tail[1]] + smallest(EXPLICIT) + other[tail[1] :]
    assert (compare(one, other).elements == []) == right


def test_broken_elements_that_pydicom_cannot_read(compare):
    elements = EXPLICIT.element(0x00080060, "CS", "CT")
    elements += struct.pack("<HH2sH", 0x0010, 0x0030, b"ZZ", 4) + b"what"  # no VR of the standard
    elements += EXPLICIT.element(0x00101010, "AS", b"\xff\xfe\0\1")
    elements += EXPLICIT.element(0x00101030, "DS", "not a number")
    elements += EXPLICIT.element(0x00200013, "IS", b"99999999999999999999")
    source = native(elements)
    for target in ("RLELossless", "ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"):
        result = transcoded(source, target)
        assert compare(source, result).reasons == [], target
    mended = transcoded(source, "RLELossless").replace(b"ZZ", b"DA")
    assert compare(source, mended).elements == ["PatientBirthDate (0010,0030): VR ZZ against DA"]
    named = compare(source, transcoded(source, "RLELossless").replace(b"what", b"whet")).elements
    assert named[0].startswith("PatientBirthDate (0010,0030): what against whet")


def test_retired_group_lengths(compare):
    group = EXPLICIT.element(0x00080000, "UL", 10) + EXPLICIT.element(0x00080060, "CS", "CT")
    source = native(group)
    implicit = transcoded(source, "ImplicitVRLittleEndian")
    assert compare(source, implicit).reasons == []
    for length, reasons in ((10, 0), (12, 1)):
        one = native(EXPLICIT.element(0x00080000, "UL", 99) + EXPLICIT.element(0x00080060, "CS", "CT"))
        other = native(EXPLICIT.element(0x00080000, "UL", length) + EXPLICIT.element(0x00080060, "CS", "CT"))
        assert len(compare(one, other).reasons) == reasons  # a length that counts right may be new


def test_delimiters_that_were_missing(compare):
    def sequence(delimiter):
        item = EXPLICIT.item(EXPLICIT.element(0x00081150, "UI", "1.2.3"), undefined=True, delimiter=delimiter)
        return EXPLICIT.sequence(0x00081140, [item, item], undefined=True)

    found = compare(native(sequence(False)), native(sequence(True)))
    assert found.reasons == []
    assert found.expected == ["ReferencedImageSequence (0008,1140): 2 delimiters added"]
    assert compare(native(sequence(True)), native(sequence(False))).reasons != []
    source = encapsulated_file([dt.encode_frame(GREY, "RLELossless", bits_stored=12)], delimiter=False, **MODULE)
    for target in ("ExplicitVRLittleEndian", "JPEG2000Lossless"):
        assert compare(source, transcoded(source, target)).reasons == []


def test_items_of_unknown_elements_in_another_encoding(compare):
    explicit, implicit = (
        encoding.item(encoding.element(0x00080060, "CS", "CT") + encoding.element(0x00200013, "IS", "12"))
        for encoding in (EXPLICIT, IMPLICIT)
    )
    creator = EXPLICIT.element(0x00110010, "LO", "MAKER")
    one = native(creator + EXPLICIT.element(0x00111001, "UN", explicit))
    other = native(creator + EXPLICIT.element(0x00111001, "UN", implicit))
    assert compare(one, other).reasons == []
    named = compare(one, native(creator + EXPLICIT.element(0x00111001, "UN", implicit.replace(b"12", b"13")))).elements
    assert named == ["private (0011,1001)[0].InstanceNumber (0020,0013): 12 against 13"]


def test_bits_stored_is_raised_where_the_samples_need_it_and_only_there(compare):
    cells = (4090 + np.arange(120) % 12).astype(np.uint16).reshape(12, 10)  # up to 4101 under 12 bits
    data = dt.encode_frame(cells, "JPEG2000Lossless", bits_stored=16)
    one = encapsulated_file([data], "jpeg2000", **MODULE)

    def raised(bits, high=None):
        file = native_file(cells.tobytes(), **{**MODULE, "bits_stored": bits, "frames": 1})
        module = EXPLICIT.element(0x00280102, "US", bits - 1)
        return file.replace(module, EXPLICIT.element(0x00280102, "US", bits - 1 if high is None else high))

    if np.array_equal(dt.decode(one), cells):  # what users read, and what is raised for
        found = compare(one, raised(13))
        assert found.reasons == []
        assert {"BitsStored (0028,0101): 12 against 13", "HighBit (0028,0102): 11 against 12"} <= set(found.expected)
        assert compare(one, raised(13, high=11)).reasons != []
    plain = native()
    assert "BitsStored (0028,0101): 12 against 13" in compare(plain, native(bits_stored=13)).elements


def test_unused_bits_that_have_been_masked(compare):
    cells = GREY | 0x3000
    overlay = EXPLICIT.element(0x60000102, "US", 12)
    for before, reasons in ((b"", 0), (overlay, 1)):
        module = pixel_module(EXPLICIT, **MODULE) + before
        source = dicom_file(module + EXPLICIT.element(0x7FE00010, "OW", cells.tobytes()))
        result = transcoded(source, "JPEGLSLossless", mask_unused_bits=True)
        found = compare(source, result)
        assert len(found.reasons) == reasons
        assert reasons or "bits above BitsStored: overwritten (mask_unused_bits)" in found.expected
    source = native_file(cells.tobytes(), **MODULE)
    changed = bytearray(source)
    changed[-1] ^= 0x10  # one of the bits above: they are in use still
    assert "1 stored cell differs" in compare(source, bytes(changed)).pixels


# ---- what it does not ---------------------------------------------------------------------------------


def test_a_label_that_the_codestream_contradicts_is_named(compare):
    colours = smooth((12, 10, 3), "u1", bits=8)
    module = {"rows": 12, "columns": 10, "samples": 3, "planar": 0}
    source = native_file(colours.tobytes(), **module)
    result = transcoded(source, "JPEG2000Lossless")
    assert compare(source, result).reasons == []
    assert b"YBR_RCT " in result
    assert any(
        "PhotometricInterpretation" in text
        for text in compare(source, result.replace(b"YBR_RCT ", b"YBR_ICT ")).elements
    )


def test_a_loss_that_there_was_not_is_named(compare):
    source = native(EXPLICIT.element(0x00282110, "CS", "00"))
    result = transcoded(source, "RLELossless")
    changed = result.replace(EXPLICIT.element(0x00282110, "CS", "00"), EXPLICIT.element(0x00282110, "CS", "01"))
    assert compare(source, changed).elements == ["LossyImageCompression (0028,2110): 00 against 01"]


def test_another_order_of_elements_is_named(compare):
    elements = [EXPLICIT.element(0x00100010, "PN", "A "), EXPLICIT.element(0x00100020, "LO", "B ")]
    assert compare(native(b"".join(elements)), native(b"".join(elements[::-1]))).elements == [
        "the order of the elements: another one"
    ]


def test_duplicates_and_what_follows_the_elements_are_compared(compare):
    twice = EXPLICIT.element(0x00100020, "LO", "A ") + EXPLICIT.element(0x00100020, "LO", "B ")
    source = native(twice, after=bytes(20))
    for target in ("ExplicitVRLittleEndian", "RLELossless"):
        result = transcoded(source, target)
        assert compare(source, result).reasons == []
        assert compare(source, result.replace(b"A ", b"C ", 1)).reasons != []
        assert "after the elements" in compare(source, result[:-2]).elements[0]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda d: d.replace(struct.pack("<HHII", 0xFFFE, 0xE000, 8, 0), struct.pack("<HHII", 0xFFFE, 0xE000, 8, 2)),
            "Basic Offset",
        ),
        (lambda d: d[:-4] + struct.pack("<I", 2), "delimiter has the length 2"),
        (lambda d: d[:-8], "delimiter"),
        (lambda d: d.replace(b"OB\0\0\xff\xff\xff\xff", b"OB\1\0\xff\xff\xff\xff"), "reserved"),
    ],
)
def test_items_of_pixel_data_are_checked(compare, change, what):
    source = native_file(np.stack([GREY, GREY]).tobytes(), **MODULE, frames=2)
    result = transcoded(source, "RLELossless")
    assert compare(source, result).reasons == []
    changed = change(result)
    assert changed != result
    assert what in " ".join(compare(source, changed).reasons)


def test_sequences_are_compared_by_their_items(compare):
    item = EXPLICIT.item(EXPLICIT.element(0x00081150, "UI", "1.2.3"))
    one, other = (native(EXPLICIT.sequence(0x00081140, [item] * n)) for n in (2, 3))
    assert compare(one, other).elements == ["ReferencedImageSequence (0008,1140)[2]: an item only in the second"]
    assert compare(other, one).elements == ["ReferencedImageSequence (0008,1140)[2]: an item only in the first"]


# ---- hostile ----------------------------------------------------------------------------------------


def nested(depth: int, value: str, *, undefined: bool) -> bytes:
    if undefined:
        begin = EXPLICIT.header(0x0040A730, "SQ", UNDEFINED) + EXPLICIT.header(0xFFFEE000, "", UNDEFINED)
        end = EXPLICIT.header(0xFFFEE00D, "", 0) + EXPLICIT.header(0xFFFEE0DD, "", 0)
        return begin * depth + EXPLICIT.element(0x0040A160, "UT", value) + end * depth
    content = EXPLICIT.element(0x0040A160, "UT", value)
    for _ in range(depth):
        content = EXPLICIT.sequence(0x0040A730, [EXPLICIT.item(content)])
    return content


@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_nest_as_deep_as_they_do(compare, undefined):
    depth = 60 if undefined else 3 * sys.getrecursionlimit()
    one, other = (native(nested(depth, value, undefined=undefined)) for value in ("here", "there!"))
    (what,) = compare(one, other).elements
    assert what.endswith("TextValue (0040,A160): here against there!")
    assert what.count("[0].") == 16  # a name does not grow with what a file says
    assert f"({depth - 16} deeper)" in what


def test_what_differs_a_thousand_times_is_counted(compare):
    values = ["".join(chr(65 + (k + shift) % 26) for k in range(26)) for shift in (0, 1)]
    one, other = (
        native(b"".join(EXPLICIT.element(0x00110000 + 2 * k, "LO", value[k % 26] * 2) for k in range(1, 1500)))
        for value in values
    )
    found = compare(one, other).elements
    assert len(found) == 1001
    assert found[-1] == "and 499 more"


@pytest.mark.parametrize("seed", range(3))
def test_rubbish_within_sequences_is_never_an_exception(compare, seed):
    rng = np.random.default_rng(seed)
    source = bytearray(native(nested(3, "here", undefined=True) + nested(3, "here", undefined=False)))
    for _ in range(150):
        changed = bytearray(source)
        for place in rng.integers(340, 700, 3):
            changed[place] = rng.integers(256)
        if changed != source:
            assert not compare(bytes(source), bytes(changed)).is_equal


# ---- one byte, anywhere -----------------------------------------------------------------------------


def everything() -> bytes:
    """An object with something of each kind of element."""
    before = EXPLICIT.element(0x00080000, "UL", 32 + 8) + EXPLICIT.element(
        0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"
    )
    before += EXPLICIT.element(0x00080018, "UI", "1.2.3.4")
    before += EXPLICIT.sequence(0x00081140, [EXPLICIT.item(EXPLICIT.element(0x00081150, "UI", "1.2.3"))])
    before += EXPLICIT.element(0x00110010, "LO", "MAKER ") + EXPLICIT.element(0x00111001, "UN", b"\1\2\3\4")
    inner = EXPLICIT.item(EXPLICIT.element(0x00400275, "UT", "text"), undefined=True)
    before += EXPLICIT.sequence(0x00189004, [inner], undefined=True)
    after = EXPLICIT.element(0xFFFCFFFC, "OB", b"\0\0\0\0")
    cells = (np.arange(24) * 2657 % 4096).astype(np.uint16).reshape(4, 6)
    return native_file(
        cells.tobytes(), before=before, after=after, rows=4, columns=6, bits_allocated=16, bits_stored=12
    )


@pytest.mark.parametrize(
    "target", ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "RLELossless", "DeflatedExplicitVRLittleEndian"]
)
@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_a_byte_that_is_changed_anywhere_is_found(compare, target, flip):
    source = everything()
    result = transcoded(source, target)
    assert compare(source, result).reasons == []
    names = result.find(b"2.25."), result.find(b"DCMTURBO_")  # not where the object was copied whole
    documented = {place for name in names if name >= 0 for place in range(name, name + 45)}  # who wrote the file
    missed = []
    for place in range(len(result)):
        changed = bytearray(result)
        changed[place] ^= flip
        if place not in documented and compare(source, bytes(changed)).is_equal:
            missed.append(place)
    # The bit stream of a deflated dataset is judged by what it inflates to.
    assert missed == [] or (target.startswith("Deflated") and min(missed) > len(result) - 8)


# ---- files of others --------------------------------------------------------------------------------

SMALL = [path for path in shipped_files() if path.stat().st_size < 40_000]


@pytest.mark.parametrize("target", [*LOSSLESS_TARGETS[:5], "JPEG2000Lossless", "HTJ2KLossless", "JPEGLSLossless"])
def test_what_transcode_reports_as_done_is_no_alarm(tmp_path, target):
    done = 0
    alarms = []
    for path in SMALL:
        result = tmp_path / "result.dcm"
        try:
            dt.transcode(path, result, target, threads=1)
        except (dt.Error, OSError):
            continue
        done += 1
        found = compare_objects(str(path), str(result))
        if not found.is_equal:
            alarms.append((path.name, found.reasons))
    assert done > 10
    assert alarms == []


def test_what_is_added_has_the_vr_of_the_dictionary(compare):
    history = [(0x00282110, "CS", "01"), (0x00282112, "DS", "4.5 "), (0x00282114, "CS", "ISO_14495_1 ")]
    added = [EXPLICIT.element(*one) for one in history]
    assert compare(native(), native(b"".join(added))).reasons == []
    named = compare(native(), native(added[0].replace(b"CS", b"LO") + added[1] + added[2])).elements
    assert named == ["LossyImageCompression (0028,2110): only in the second"]


def test_the_transfer_syntax_is_a_uid(compare):
    result = transcoded(native(), "RLELossless")
    assert compare(native(), result.replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.5 ")).reasons != []
