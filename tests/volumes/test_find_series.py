"""Which files are of which series, and what is said of several volumes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.series import SERIES, slice_dataset, stack_of_slices, write_series

import dcmturbo as dt

VOXELS = stack_of_slices()
HEAD, CHEST = f"{SERIES}.5", f"{SERIES}.6"


@pytest.fixture
def archive(tmp_path):
    """Two patients: one with two series, whose files are in one folder, and one in a folder of its own."""
    root = tmp_path / "archive"
    write_series(root / "a", VOXELS, SeriesDescription="Plain")
    for k, array in enumerate(VOXELS[:4]):
        made = slice_dataset(array, 50 + k, (0, 0, 3.0 * k), SeriesInstanceUID=HEAD, SeriesDescription="Head")
        made.save_as(root / f"a/head{k}.dcm", enforce_file_format=True)
    write_series(root / "b", VOXELS[:3], SeriesInstanceUID=CHEST, PatientID="P-2")
    (root / "notes.txt").write_text("no DICOM")
    plan = slice_dataset(VOXELS[0], 99, (0, 0, 0), SeriesInstanceUID="1.2.9", Modality="RTPLAN")
    for keyword in ("Rows", "Columns", "BitsAllocated", "PixelData"):  # it describes no image
        delattr(plan, keyword)
    plan.save_as(root / "plan.dcm", enforce_file_format=True)
    return root


def test_the_files_of_each_series(archive):
    found = dt.find_series(archive)
    assert [(one.uid, one.patient_id, one.description, len(one.files)) for one in found] == [
        (SERIES, "1", "Plain", 6), (HEAD, "1", "Head", 4), (CHEST, "P-2", "", 3),
    ]  # fmt: skip
    assert {one.modality for one in found} == {"CT"}
    assert {one.study_uid for one in found} == {"1.2.826.0.1.3680043.8.498.4"}
    for one, count in zip(found, (6, 4, 3), strict=True):
        volume = dt.read_volume(one.files)
        assert np.array_equal(volume.array, VOXELS[:count])
        assert volume.attributes["SeriesInstanceUID"] == one.uid
    assert dt.find_series([archive / "b", archive / "a"])[0].uid == CHEST
    assert dt.find_series([]) == []


def test_a_damaged_image_is_an_error_of_its_own_series(archive):
    path = archive / "a/head1.dcm"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\x28\0\x00\x01") + 5])
    found = dt.find_series(archive)
    assert [len(one.files) for one in found] == [6, 4, 3]
    assert dt.read_volume(found[0].files).shape[0] == 6
    with pytest.raises(dt.DecodeError, match=r"head1\.dcm: .*before any pixel data"):
        dt.read_volume(found[1].files)


def test_files_of_which_nothing_is_known_are_named(archive):
    (archive / "lost.dcm").touch()
    whole = (archive / "a/head2.dcm").read_bytes()
    (archive / "cut.dcm").write_bytes(whole[:180])
    with pytest.warns(dt.DecodeWarning, match=r"of no series.*cut\.dcm, .*lost\.dcm$"):
        found = dt.find_series(archive)
    assert [len(one.files) for one in found] == [6, 4, 3]
    with pytest.raises(dt.NotDicom, match=r"lost\.dcm"):
        dt.find_series([archive / "lost.dcm"])
    with pytest.raises(FileNotFoundError):
        dt.find_series(archive / "missing")


def test_several_volumes_are_listed_so_that_one_can_be_chosen(archive):
    with pytest.raises(ValueError, match="there are 3 volumes") as caught:
        dt.read_volume(archive)
    _, *lines = str(caught.value).splitlines()
    assert lines == [
        f"  0: Plain 6 x 9 x 11, 6 files in {archive / 'a'}, series {SERIES}",
        f"  1: Head 4 x 9 x 11, 4 files in {archive / 'a'}, series {HEAD}",
        f"  2: CT 3 x 9 x 11, 3 files in {archive / 'b'}, series {CHEST}",
    ]
    number = int(re.match(r"  (\d):", lines[2])[1])
    assert dt.read_volume(archive, phase=number).shape[0] == 3


def test_volumes_of_objects_without_a_path_are_listed_too():
    made = [slice_dataset(VOXELS[k], k, (0, 0, k), SeriesInstanceUID=f"1.2.{k % 2}") for k in range(4)]
    with pytest.raises(ValueError, match=r"0: CT 2 x 9 x 11, 2 objects, series 1\.2\.0"):
        dt.read_volume(made)


def test_many_volumes_are_not_all_listed(tmp_path):
    made = [slice_dataset(VOXELS[0], k, (0, 0, 0), SeriesInstanceUID=f"1.2.{k}") for k in range(12)]
    with pytest.raises(ValueError, match="there are 12 volumes") as caught:
        dt.read_volume(made)
    assert str(caught.value).endswith("\n  and 4 more")
