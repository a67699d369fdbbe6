"""Objects that are cut before their pixel data: failures of an archive, never copies."""

import numpy as np
import pytest
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


@pytest.fixture
def doubtful(tmp_path):
    source = tmp_path / "in"
    make_archive(source)
    (source / "lost.dcm").touch()
    (source / "a" / "LOST2.DCM").touch()
    (source / "IM0001").touch()
    (source / "page.dcm").write_bytes(b"<html>not found</html>")
    return source


def test_an_empty_file_that_is_named_as_dicom_is_a_failure(doubtful, tmp_path):
    result = dt.transcode_archive(doubtful, tmp_path / "out", TARGET)
    failed = {one.path.replace("\\", "/").rsplit("/", 1)[1]: one for one in result.failures}
    assert sorted(failed) == ["LOST2.DCM", "lost.dcm"]
    assert all("it is empty (0 bytes)" in one.error for one in failed.values())
    assert not (tmp_path / "out" / "lost.dcm").exists()
    assert result.counts["copied"] == 4  # also the two that only get a warning
    warned = dict(result.warned)
    assert "it is empty (0 bytes)" in warned[str(doubtful / "IM0001")]
    assert "it is not DICOM, although its name says so" in warned[str(doubtful / "page.dcm")]
    assert len(warned) == 2
    assert (tmp_path / "out" / "page.dcm").read_bytes() == b"<html>not found</html>"


@pytest.mark.parametrize("on_failure", ["copy", "skip"])
def test_empty_files_are_copied_or_left_out_on_demand(doubtful, tmp_path, on_failure):
    result = dt.transcode_archive(doubtful, tmp_path / "out", TARGET, on_failure=on_failure)
    assert result.is_complete
    assert "it is empty (0 bytes)" in dict(result.warned)[str(doubtful / "lost.dcm")]
    assert (tmp_path / "out" / "lost.dcm").exists() == (on_failure == "copy")


def test_empty_files_in_place(doubtful):
    result = dt.transcode_archive(doubtful, None, TARGET, in_place=True)
    assert len(result.failures) == 2
    assert len(result.warned) == 2
    assert (doubtful / "lost.dcm").read_bytes() == b""


def test_a_dry_run_names_empty_files(doubtful, tmp_path):
    result = dt.transcode_archive(doubtful, tmp_path / "out", TARGET, dry_run=True)
    assert len(result.failures) == 2


def test_what_an_empty_file_is_called(tmp_path):
    (tmp_path / "lost.dcm").touch()
    for source in (tmp_path / "lost.dcm", b""):
        with pytest.raises(dt.NotDicom, match=r"it is empty \(0 bytes\)"):
            dt.open(source)
