"""Objects that are cut before their pixel data: failures of an archive, never copies."""

import numpy as np
from helpers.archives import TARGET, image, make_archive, without_pixels
from helpers.dicom_writer import EXPLICIT, UNDEFINED, dicom_file, native_file

import dcmturbo as dt


def test_a_cut_object_is_a_failure_and_never_copied(tmp_path):
    source = tmp_path / "in"
    make_archive(source)
    whole = image(50)
    pixels = whole.rindex(b"\xe0\x7f\x10\0")
    cuts = {
        "header.dcm": whole[: pixels + 5],
        "value.dcm": native_file(b"", before=EXPLICIT.element(0x00100010, "PN", "Doe^Jane"), rows=1, columns=1)[:-40],
        "sequence.dcm": dicom_file(
            EXPLICIT.element(0x00080005, "CS", "ISO_IR 100")
            + EXPLICIT.header(0x0040A730, "SQ", UNDEFINED)
            + EXPLICIT.header(0xFFFEE000, "", UNDEFINED) * 1
        ),
        "deep.dcm": dicom_file(
            EXPLICIT.element(0x00080005, "CS", "ISO_IR 100")
            + (EXPLICIT.header(0x0040A730, "SQ", UNDEFINED) + EXPLICIT.header(0xFFFEE000, "", UNDEFINED)) * 500
        ),
        "meta.dcm": whole[:200],
    }
    for name, data in cuts.items():
        (source / name).write_bytes(data)
    result = dt.transcode_archive(source, tmp_path / "out", TARGET)
    assert result.counts["failed"] == len(cuts)
    assert result.counts["copied"] == 2  # the object without pixels, and the text
    for name in cuts:
        assert not (tmp_path / "out" / name).exists()
    assert (tmp_path / "out" / "a" / "report.dcm").read_bytes() == without_pixels()
    again = dt.transcode_archive(source, None, TARGET, in_place=True)
    assert again.counts["failed"] == len(cuts)
    for name, data in cuts.items():
        assert (source / name).read_bytes() == data


def test_an_object_whose_icon_has_wrong_lengths_is_done(tmp_path):
    icon = native_file(bytes(16), rows=4, columns=4)
    inner = icon[icon.index(b"\x28\0\2\0") :]
    item = EXPLICIT.header(0xFFFEE000, "", len(inner) - 24) + inner
    nested = EXPLICIT.header(0x00880200, "SQ", len(item) - 24) + item
    whole = image(3)
    at = whole.rindex(b"\xe0\x7f\x10\0")
    source = tmp_path / "in"
    source.mkdir()
    (source / "icon.dcm").write_bytes(whole[:at] + nested + whole[at:])
    result = dt.transcode_archive(source, tmp_path / "out", TARGET)
    assert result.counts["transcoded"] == 1
    np.testing.assert_array_equal(dt.decode(tmp_path / "out" / "icon.dcm"), dt.decode(whole))
