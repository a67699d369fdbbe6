"""What the commands say of input that they cannot use: where it is wrong, and what to do."""

import json

import numpy as np
import pytest
from helpers.command_line import CT, REPORT
from helpers.segmentations import masks, segmentation
from helpers.series import stack_of_slices, write_series
from helpers.structure_sets import SQUARE, in_patient, structure_set

import dcmturbo as dt


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a series, a segmentation, structures, and what is none of them."""
    monkeypatch.chdir(tmp_path)
    write_series(tmp_path / "series", stack_of_slices(5))
    volume = dt.read_volume("series")
    segmentation(list(masks()[0]), [1] * 5, range(5), numbers=(1,)).save_as("seg.dcm", enforce_file_format=True)
    contours = [(1, "CLOSED_PLANAR", in_patient(SQUARE, 2, volume))]
    structure_set(contours, names=("Heart",)).save_as("structures.dcm", enforce_file_format=True)
    (tmp_path / "text.txt").write_text("no DICOM\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "key").write_bytes(b"0123456789abcdef")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["masks", CT], "the object is no segmentation, and it has no contours either"),
        (["masks", "empty"], "empty: it is a folder: name a file in it"),
        (["masks", "seg.dcm", "-o", "x.npy", "--name", "7"], "there is no segment 7; the object has 1 (part 1)"),
        (
            ["masks", "structures.dcm", "-o", "x.npy", "--reference", "series", "--name", "Lung"],
            "there is no structure 'Lung'; the object has 1 (Heart)",
        ),
        (["masks", "structures.dcm", "-o", "x.npy", "--reference", "text.txt"], "error: text.txt: byte 0: expected"),
        (["masks", "structures.dcm", "-o", "x.npy", "--reference", "gone"], "error: gone: No such file"),
        (["masks", "seg.dcm", "-o", "x.npy", "--reference", "series"], "--resample, takes"),
        (["volume", "empty"], "empty: there are no files"),
        (["volume", "series", "text.txt"], "error: text.txt: byte 0: expected"),
        (["volume", "series", "gone"], "error: gone: No such file"),
        (["volume", "series", CT, "-o", "x.npy"], "choose one with --series or --phase"),
        (["slide", "empty"], "empty: there are no tiled images"),
        (["slide", CT], "the object is not tiled"),
        (["masks", "seg.dcm", "-o", "text.txt/x.npy"], "text.txt is a file, not a folder"),
        (["decode", CT, "-o", "text.txt/x.png"], "text.txt is a file, not a folder"),
        (["volume", "series", "-o", "folder.npy", "--force"], "folder.npy is a folder: name a file"),
        (["decode", CT, "-o", "x.npy", "--frames", "5"], "there is no frame 5: the object has 1 frame,"),
        (["decode", CT, "-o", "x.npy", "--region", "0", "0", "500", "500"], "--clip of dcmturbo decode"),
    ],
)
def test_an_error_says_where_and_what(call, folder, arguments, expected):
    code, out, err = call(*arguments)
    assert code == 1
    assert expected in err
    assert "unexpected" not in err
    assert out == ""
    assert not (folder / "x.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["volume", "series", "--phase", "-1"], "--phase counts from 0"),
        (["bench", CT, "--report", "out.html"], "did you mean --html?"),
        (["deidentify", CT, "out.dcm", "--key", "key"], "DST is a folder, but out.dcm looks like a file"),
        (["deidentify", CT, "text.txt/out", "--key", "key"], "text.txt is a file, not a folder"),
        (["deidentify", "series", "series", "--key", "key"], "is the source: choose another destination"),
        (["deidentify", CT, "out", "--key", "gone"], "there is no file gone: --new-key makes a key"),
        (["deidentify", CT, "out", "--key", "key", "--device-rules", "text.txt"], "text.txt is no JSON file of device"),
    ],
)
def test_wrong_usage_says_what_to_write(call, folder, arguments, expected):
    code, out, err = call(*arguments)
    assert code == 2
    assert expected in err
    assert out == ""
    assert not list(folder.glob("out*"))


def test_a_folder_may_be_named_like_a_file(call, folder):
    assert call("deidentify", CT, "out.dcm/", "--key", "key", "--quiet")[0] == 0
    assert len(list((folder / "out.dcm").iterdir())) == 1
    assert call("deidentify", REPORT, "out.dcm", "--key", "key", "--quiet")[0] == 0


def test_the_document_names_the_input_that_failed(call, folder):
    code, out, _ = call("volume", "series", "text.txt", "--json")
    assert code == 1
    assert [failure["path"] for failure in json.loads(out)["failed"]] == ["text.txt"]


def test_files_of_folders_may_be_no_images(call, folder):
    (folder / "series/notes.txt").write_text("no DICOM")
    (folder / "more").mkdir()
    (folder / "more/notes.txt").write_text("no DICOM")
    assert call("volume", "series", "more", "-o", "x.npy")[0] == 0
    assert np.array_equal(np.load("x.npy"), dt.read_volume(["series", "more"]).array)


def test_images_without_their_pixel_data_are_told_apart(call, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    whole = CT.read_bytes()
    (folder / "cut.dcm").write_bytes(whole[: whole.rindex(b"\xe0\x7f\x10\0")])
    (folder / "whole.dcm").write_bytes(whole)
    (folder / "report.dcm").write_bytes(REPORT.read_bytes())
    code, out, err = call("decode", folder, "-o", f"{tmp_path}/out/", "--format", "png")
    assert code == 0
    assert "2 without pixel data" in out
    (line,) = err.splitlines()
    assert "cut.dcm" in line
    assert "it may have been cut before its pixel data" in line
    code, out, err = call("info", folder)
    assert code == 0
    assert "cut off?" in out
    assert "images without their pixel data (cut?)" in out
    code, out, _ = call("info", folder / "cut.dcm")
    assert "it may have been cut before its pixel data" in " ".join(out.split())


def test_an_image_without_its_pixel_data_is_told_apart_in_a_store(call_json):
    fsspec = pytest.importorskip("fsspec")
    whole = CT.read_bytes()
    for name, data in (("cut", whole[: whole.rindex(b"\xe0\x7f\x10\0")]), ("report", REPORT.read_bytes())):
        with fsspec.open(f"memory://info/{name}.dcm", "wb") as file:
            file.write(data)
    _, document = call_json("info", "memory://info/cut.dcm", "memory://info/report.dcm")
    assert [found["lacks_pixels"] for found in document["files"]] == [True, False]
    assert "images without their pixel data (cut?)" in document["census"]["by_transfer_syntax"]
