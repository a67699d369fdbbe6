"""The tables of formats and transfer syntaxes, against pydicom's dictionary, the libraries and encoded frames."""

import ast
import re
from pathlib import Path

import pytest
from helpers.samples import CASES
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from dcmturbo import _core
from dcmturbo.formats.library import decoding, encoding
from dcmturbo.formats.syntaxes import (
    TRANSFER_SYNTAXES,
    find_transfer_syntax,
    lossless_syntax,
    syntax_of_frame,
)
from dcmturbo.formats.table import FORMATS

PACKAGE = Path(__file__).parents[2] / "src" / "dcmturbo"
PREFIX = "1.2.840.10008.1.2"
standard = [syntax for syntax in TRANSFER_SYNTAXES if syntax.uid in UID_dictionary]
each_format = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
each_syntax = pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES, ids=lambda s: s.keyword)


# ---- formats ------------------------------------------------------------------------------------------


@each_format
def test_a_format_with_loss_has_a_method_and_no_other(form):
    """PS3.3, C.7.6.1.1.5.1. JPEG Lossless is among them: it loses something by a point transform."""
    assert bool(form.lossy_method) == (form.loss != "never")


@each_format
def test_a_row_does_not_contradict_itself(form):
    assert form.has_header <= form.is_recognised
    assert form.own_encodes <= form.own
    assert {form.of_rgb, form.of_rgb_with_loss} <= set(form.colours)
    assert 1 <= form.least_precision <= form.most_precision <= 64
    assert (form.single_bits == "none") >= (form.least_precision > 1)
    assert form.has_components <= form.has_header
    assert (form.most_reduce > 0) <= form.has_header
    assert (form.sign == "in_cells") == (not form.has_header)


def test_the_libraries_decode_what_the_table_says():
    assert set(decoding._DECODERS) == {form.name for form in FORMATS.values() if form.library and form.has_header}


def test_the_libraries_encode_what_the_table_says():
    encoders = {PREFIX + suffix for suffix in encoding._ENCODERS}
    deflated = {syntax.uid for syntax in TRANSFER_SYNTAXES if syntax.format.is_deflated}
    assert encoders | deflated == {syntax.uid for syntax in TRANSFER_SYNTAXES if syntax.library_encodes}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_frame_is_recognised(case):
    frame = case.encode(case.array())
    form = case.syntax.format
    found = syntax_of_frame(frame)
    if not form.is_recognised:
        assert found is None
        return
    assert _core.recognise(frame) == found.format.name
    assert found.general
    assert found.format is form
    assert syntax_of_frame(frame[:2]) is None


@pytest.mark.parametrize("case", [c for c in CASES if c.syntax.format.has_header], ids=str)
def test_an_encoded_frame_keeps_what_its_label_promises(case):
    """Also under the label of its format that promises least, and under none of another format."""
    header = _core.probe(case.encode(case.array()))
    label = case.syntax.uid
    assert _core.keeps_promises(label, header)
    for syntax in TRANSFER_SYNTAXES:
        if syntax.format is not case.syntax.format:
            assert not _core.keeps_promises(syntax.uid, header)


def test_promises_that_are_not_kept():
    def header_of(keyword, kind="u1"):
        case = next(c for c in CASES if c.syntax.keyword == keyword and c.dtype == kind)
        return _core.probe(case.encode(case.array()))

    assert not _core.keeps_promises("JPEGBaseline8Bit", header_of("JPEGExtended12Bit", "u2"))
    assert _core.keeps_promises("JPEGExtended12Bit", header_of("JPEGBaseline8Bit"))
    assert not _core.keeps_promises("JPEGXLLossless", header_of("JPEGXLJPEGRecompression"))
    assert not _core.keeps_promises("JPEGXLJPEGRecompression", header_of("JPEGXLLossless"))
    assert not _core.keeps_promises("1.2.3", header_of("JPEGXLLossless"))


# ---- transfer syntaxes --------------------------------------------------------------------------------


def test_names_are_unique():
    for names in ([s.uid for s in TRANSFER_SYNTAXES], [s.keyword for s in TRANSFER_SYNTAXES]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("syntax", standard, ids=lambda s: s.keyword)
def test_what_pydicom_says(syntax):
    uid = UID(syntax.uid)
    assert uid.keyword == syntax.keyword
    assert (UID_dictionary[syntax.uid][3] == "Retired") == syntax.retired
    assert uid.is_implicit_VR != syntax.explicit_vr
    assert uid.is_little_endian != syntax.big_endian
    if not syntax.keyword.startswith("JPIP"):
        assert uid.is_deflated == syntax.deflated
        assert uid.is_encapsulated == (syntax.encapsulated or syntax.keyword.startswith("SMPTE"))


@each_syntax
def test_nothing_retired_is_written(syntax):
    assert not (syntax.retired and syntax.encodable)


def test_each_recognised_format_has_one_general_syntax():
    for form in FORMATS.values():
        general = [syntax for syntax in TRANSFER_SYNTAXES if syntax.general and syntax.format is form]
        assert len(general) <= 1
        if form.is_recognised:
            assert len(general) == 1


def test_the_lossless_syntax_of_a_format():
    assert lossless_syntax(FORMATS["jpegxl"]).keyword == "JPEGXLLossless"


def test_who_encodes_follows_the_settings():
    import dcmturbo as dt

    assert find_transfer_syntax("JPEGLosslessSV1").encoder == "own"
    assert find_transfer_syntax("JPEGXL").encoder == "library"
    assert find_transfer_syntax("ExplicitVRBigEndian").encoder == "nobody"
    with dt.config.override(prefer="library"):
        assert find_transfer_syntax("JPEGLosslessSV1").encoder == "library"
        assert find_transfer_syntax("RLELossless").encoder == "own"  # no library encodes it


@each_syntax
def test_the_scan_reads_a_dataset_as_its_transfer_syntax_says(syntax):
    """The scan knows the encodings of datasets by their UIDs; this holds it to the table."""
    uid = syntax.uid.encode() + b"\0" * (len(syntax.uid) % 2)
    meta = b"\x02\x00\x10\x00UI" + len(uid).to_bytes(2, "little") + uid
    found = _core.scan(_core.Source.buffer(b"\0" * 128 + b"DICM" + meta))
    assert found.deflated == syntax.deflated
    if not syntax.deflated:
        assert (found.explicit_vr, found.big_endian) == (syntax.explicit_vr, syntax.big_endian)


# ---- nothing else knows formats by name ---------------------------------------------------------------

# Libraries and hosts have names of their own for what they do with a format, and JPEG is also a format of pictures.
KNOW_NAMES = ("formats/", "bench/engines.py", "bench/dcmtk.py", "integrations/pydicom/", "pictures/")
KNOW_NAMES += ("cli/decode", "cli/jpeg_files.py", "cli/read_pixels.py")
NAMES = {form.name for form in FORMATS.values()} | {form.family for form in FORMATS.values()}
NAMES |= {syntax.keyword for syntax in TRANSFER_SYNTAXES}


def _compared(source: str) -> list[str]:
    """Return the names of formats and syntaxes that a module compares something with."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            constants = [n for part in parts for n in ast.walk(part) if isinstance(n, ast.Constant)]
            found += [f"{n.value} in line {n.lineno}" for n in constants if n.value in NAMES]
    return found


@pytest.mark.skipif(not PACKAGE.is_dir(), reason="the sources are not here")
def test_nothing_compares_names_of_formats():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if not name.startswith(KNOW_NAMES) and (compared := _compared(path.read_text())):
            found[name] = compared
    assert not found


def test_the_check_finds_a_comparison():
    assert _compared("if syntax.family == 'jpegls': pass") == ["jpegls in line 1"]
    assert _compared("x = syntax.keyword in ('a', 'RLELossless')") == ["RLELossless in line 1"]
    assert not _compared("jpegls = 'jpegls'")


def test_the_core_compares_formats_only_in_their_rooms():
    """A room of a codec may ask whether a codestream is its own; everything else reads the rows."""
    root = PACKAGE.parents[1] / "csrc"
    if not root.is_dir():
        pytest.skip("the sources are not here")
    found = {}
    for path in sorted(root.rglob("*.cpp")) + sorted(root.rglob("*.h")) + sorted(root.rglob("*.inl")):
        name = str(path.relative_to(root))
        rooms = ("codecs/formats.", "codecs/transfer_syntaxes.cpp", "codecs/library.")
        if name.startswith(rooms) or re.match(r"codecs/\w+/", name):
            continue
        known = "unknown|native|deflated_frame"
        matches = re.findall(rf"[!=]= Format::(?!unknown)\w+|case Format::(?!{known})\w+", path.read_text())
        if matches:
            found[name] = matches
    assert not found
