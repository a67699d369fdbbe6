"""Files of volumes get their name when they are complete."""

import os

import pytest
from helpers.full_disk import full_disk
from helpers.series import stack_of_slices, write_series

import dcmturbo as dt


def test_a_file_that_cannot_be_completed_leaves_the_old_one(tmp_path):
    write_series(tmp_path / "series", stack_of_slices())
    volume = dt.read_volume(tmp_path / "series")
    (tmp_path / "out").mkdir()
    place = tmp_path / "out" / "x.nrrd"
    volume.write_nrrd(place)
    whole = place.read_bytes()
    assert whole.endswith(volume.array.tobytes())
    with full_disk(500), pytest.raises(OSError, match=r"large|space"):
        volume.write_nrrd(place)
    assert place.read_bytes() == whole
    assert os.listdir(tmp_path / "out") == ["x.nrrd"]
