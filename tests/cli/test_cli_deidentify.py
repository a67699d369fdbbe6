"""Boxes for archives of images of several sizes, and what the commands say of them."""

import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.identified import KEY, as_file, image_with, patient
from PIL import Image

import dcmturbo as dt
from dcmturbo.deidentification.boxes import Box
from dcmturbo.deidentification.preview import preview_of


def save(path: Path, shape: tuple[int, int], state: str, number: int) -> None:
    dataset = patient()
    dataset.SOPInstanceUID = f"1.2.826.99.{number}"
    image_with(dataset, np.full(shape, 100 + number, "u2"))
    dataset.BurnedInAnnotation = state
    path.write_bytes(as_file(dataset))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with two images that have texts, and a small one without."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    save(tmp_path / "in/wide.dcm", (48, 80), "YES", 1)
    save(tmp_path / "in/narrow.dcm", (48, 64), "YES", 2)
    save(tmp_path / "in/ct.dcm", (32, 32), "NO", 3)
    (tmp_path / "key").write_bytes(KEY)
    return tmp_path


def written(folder: Path) -> dict[tuple[int, int], pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in folder.rglob("*.dcm")]
    return {(one.Rows, one.Columns): one for one in found}


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_image_that_ends_before_its_pixel_data_is_named(call, study, more):
    whole = (study / "in/ct.dcm").read_bytes()
    (study / "in/cut.dcm").write_bytes(whole[: whole.rindex(b"\xe0\x7f\x10\0")])
    (study / "in/report.dcm").write_bytes(as_file(patient()))
    code, _, err = call(*COMMON, "--burned-in", "keep", *more)
    assert code == 0
    (line,) = err.splitlines()
    assert "in/cut.dcm: it has no pixel data" in line
    assert "it may have been cut before its pixel data" in line
    result = dt.deidentify(study / "in/cut.dcm", study / "one.dcm", key=KEY)
    assert "it may have been cut" in result.warnings[0]
    assert dt.deidentify(study / "in/report.dcm", study / "one.dcm", key=KEY).warnings == ()


COMMON = ("deidentify", "in", "out", "--key", "key", "--jobs", "1")


def test_a_box_that_fits_nowhere_publishes_nothing(call, study):
    code, out, err = call(*COMMON, "--box", "5000", "5000", "10", "10")
    assert code == 1
    assert "3 failed" in out
    assert "blanked" not in out
    assert "the box (5000, 5000, 10, 10)" in err
    assert all(size in err for size in ("48 rows and 80 columns", "48 rows and 64 columns", "32 rows and 32 columns"))
    assert "give --device-rules with" in err
    assert written(study / "out") == {}


def test_a_box_is_blanked_where_it_fits_and_refused_elsewhere(call, study):
    code, out, err = call(*COMMON, "--box", "0", "0", "12", "80")
    assert code == 1
    assert "boxes blanked in 1 file: 25.0 % of the pixels" in out
    assert err.count("is not wholly within") == 2
    found = written(study / "out")
    assert list(found) == [(48, 80)]
    assert not found[48, 80].pixel_array[:12].any()
    assert found[48, 80].BurnedInAnnotation == "NO"


def test_a_report_says_how_much_was_blanked(call, study):
    code, out, _ = call(*COMMON, "--box", "0", "0", "8", "32", "--json")
    assert code == 0
    assert json.loads(out)["blanked"] == {
        "files": 3, "least_share": pytest.approx(1 / 15, rel=0.01), "largest_share": 0.25
    }  # fmt: skip
    result = dt.deidentify_archive("in", "again", key=KEY, boxes=[(0, 0, 8, 32)])
    assert sorted(result.blanked) == [8 * 32 / (48 * 80), 8 * 32 / (48 * 64), 0.25]


def test_boxes_may_be_for_one_size(call, study):
    code, out, err = call(*COMMON, "--box", "0", "0", "12", "80", "--box-for", "48x80")
    assert code == 1
    assert "boxes blanked in 1 file" in out
    assert "narrow.dcm: BurnedInAnnotation is YES, and nothing says where" in err
    assert "error" not in err.replace("dcmturbo: error: ", "", 1)
    found = written(study / "out")
    assert set(found) == {(48, 80), (32, 32)}
    assert (found[32, 32].pixel_array == 103).all()
    assert not found[48, 80].pixel_array[:12].any()
    assert (found[48, 80].pixel_array[12:] == 101).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--box-for", "48x80"], "--box-for needs --box"),
        (["--box", "0", "0", "1", "1", "--box-for", "48"], "expected ROWSxCOLUMNS, such as 480x640"),
        (["--box", "0", "0", "1", "1", "--box-for", "4x4", "--device-rules", "r"], "match Rows and Columns in a rule"),
        (["--box", "0", "0", "0", "1"], "has no pixels"),
        (["--modify-dates", "--retain-full-dates"], "--retain-full-dates and --modify-dates exclude each other"),
    ],
)
def test_wrong_options_for_boxes(call, study, options, expected):
    code, _, err = call(*COMMON, *options)
    assert code == 2
    assert expected in err
    assert not (study / "out").exists()


def test_errors_name_options_of_the_command(call, study):
    _, _, err = call(*COMMON, "--dry-run")
    assert "give --box, --device-rules or --outside-regions to blank them, or --burned-in keep if" in err
    assert "boxes=" not in err
    assert call(*COMMON)[2].count("--burned-in keep") == 2
    document = json.loads(call(*COMMON, "--json")[1])
    assert all("--burned-in keep" in failure["error"] for failure in document["failed"])


def test_pictures_show_refused_images_too(call, study):
    see = ("--dry-run", "--preview", "see")
    code, out, err = call(*COMMON, *see, "--box", "40", "0", "8", "70", "--json")
    assert code == 1
    document = json.loads(out)
    of = {Path(one["path"]).name: Path(one["picture"]) for one in document["pictures"]}
    assert set(of) == {"wide.dcm", "narrow.dcm", "ct.dcm"}
    assert {name: path.name.startswith("refused-") for name, path in of.items()} == {
        "wide.dcm": False, "narrow.dcm": True, "ct.dcm": True
    }  # fmt: skip
    assert all(path.is_file() for path in of.values())
    assert f"(picture: {of['narrow.dcm']})" in err
    assert sorted((study / "see").iterdir()) == sorted(study / path for path in of.values())
    code, out, _ = call(*COMMON, *see, "--box", "0", "0", "12", "80", "--box-for", "48x80")
    assert "blank: 12x80 at 0,0 (25.0 % of the pixels); picture: see" in out


def test_a_refused_picture_shows_the_image_and_the_box(study):
    data = (study / "in/narrow.dcm").read_bytes()
    plain, marked = (
        np.asarray(Image.open(io.BytesIO(preview_of(data, boxes))).convert("RGB"))
        for boxes in ((), (Box(40, 0, 8, 70), Box(500, 500, 5, 5)))
    )
    assert plain.shape == marked.shape == (48, 64, 3)
    assert np.array_equal(plain[:40], marked[:40])
    assert not np.array_equal(plain[40:], marked[40:])
    assert (marked[40:, :, 0] > marked[40:, :, 1]).all()  # red


def test_a_source_that_does_not_exist_is_said_to_be_missing(call, study):
    for more in ((), ("--dry-run",), ("--new-key",)):
        code, out, err = call(
            "deidentify", "nope", "out", "--key", "other.key" if "--new-key" in more else "key", *more
        )
        assert code == 2
        assert err.endswith("dcmturbo deidentify: error: nope: there is no such file or folder\n")
        assert out == ""
    assert not list(study.glob("out*"))
    assert not (study / "other.key").exists()


def test_the_audit_log_counts_runs_results_and_sources(call, study):
    for _ in range(3):
        assert call(*COMMON, "--burned-in", "keep", "--no-resume", "--overwrite")[0] == 0
    _, out, _ = call("deidentify", "--check-audit", "out.audit.jsonl", "--key", "key")
    assert "out.audit.jsonl: whole, 12 records: 3 runs, and 9 results of 3 source files" in out
