"""``dcmturbo volume`` and ``dcmturbo masks``."""

import numpy as np
import pytest
from helpers.segmentations import binary, masks, tiled
from helpers.series import stack_of_slices, write_series
from helpers.structure_sets import SQUARE, in_patient, structure_set

import dcmturbo as dt

VOXELS = stack_of_slices(5)


@pytest.fixture
def series(tmp_path):
    write_series(tmp_path / "series", VOXELS, SeriesDescription="Abdomen")
    return tmp_path / "series"


def test_volumes_are_listed(call, call_json, series):
    code, out, err = call("volume", series)
    assert (code, err) == (0, "")
    assert "5 x 9 x 11" in out
    assert "Abdomen" in out
    code, document = call_json("volume", series)
    assert code == 0
    (volume,) = document["volumes"]
    assert volume["shape"] == [5, 9, 11]
    assert volume["spacing"] == pytest.approx([2.5, 0.7, 0.8])
    assert [one["position"][2] for one in volume["slices"]] == [-30 + 2.5 * k for k in range(5)]


def test_volumes_are_written(call, call_json, series, tmp_path):
    code, document = call_json("volume", series, "-o", tmp_path / "v.npy")
    assert code == 0
    assert document["shape"] == [5, 9, 11]
    assert np.array_equal(np.load(tmp_path / "v.npy"), VOXELS)
    assert call("volume", series, "-o", tmp_path / "v.nrrd", "--rescale")[0] == 0
    data = (tmp_path / "v.nrrd").read_bytes().partition(b"\n\n")[2]
    assert np.array_equal(np.frombuffer(data, "<f4").reshape(VOXELS.shape), VOXELS * 2.0 - 1024)
    code, _, err = call("volume", series, "-o", tmp_path / "v.npy")
    assert code == 1
    assert "--force" in err
    assert call("volume", series, "-o", tmp_path / "v.npy", "--force")[0] == 0


def test_what_is_no_volume_is_an_error(call, call_json, series, tmp_path):
    assert call("volume", series, "-o", tmp_path / "v.xyz")[0] == 2
    sorted(series.iterdir())[2].unlink()
    code, _, err = call("volume", series)
    assert code == 1
    assert "apart" in err
    code, document = call_json("volume", series, "--gaps", "fill")
    assert code == 0
    assert document["warnings"]
    (tmp_path / "empty").mkdir()
    assert call("volume", tmp_path / "empty")[0] == 1


@pytest.fixture
def study(series, tmp_path):
    """Two series, of which the second has a slice that ends early."""
    paths = write_series(tmp_path / "study/b", VOXELS[:3], SeriesInstanceUID="1.2.3", SeriesDescription="Damaged")
    paths[1].write_bytes(paths[1].read_bytes()[:-50])
    series.rename(tmp_path / "study/a")
    return tmp_path / "study"


@pytest.mark.filterwarnings("ignore:the file ends inside")
def test_a_damaged_series_does_not_hide_the_others(call, call_json, study):
    code, out, err = call("volume", study)
    assert code == 1
    assert "Abdomen" in out
    assert "error: " in err
    assert ".dcm: frame 0" in err
    document = call_json("volume", study)[1]
    assert [one["shape"] for one in document["volumes"]] == [[5, 9, 11]]
    assert len(document["failed"]) == 1
    assert call("volume", study, "--phase", 0)[0] == 0
    code, out, _ = call("volume", study, "--phase", 1)
    assert code == 1
    assert "a slice is damaged: --salvage reads what is left of it" in out


@pytest.mark.filterwarnings("ignore:the file ends inside")
def test_what_is_left_of_damaged_slices_is_read(call, call_json, study, tmp_path):
    code, document = call_json("volume", study, "--salvage")
    assert code == 0
    assert [one["shape"] for one in document["volumes"]] == [[5, 9, 11], [3, 9, 11]]
    assert any("1 of 3 frames" in text for text in document["warnings"])
    code, out, _ = call("volume", study, "--salvage", "--phase", 1, "-o", tmp_path / "v.npy")
    assert code == 0
    assert "a slice is damaged" not in out
    whole = np.load(tmp_path / "v.npy")
    assert np.array_equal(whole[[0, 2]], VOXELS[[0, 2]])
    assert np.array_equal(whole[1, 0], VOXELS[1, 0])
    assert not whole[1, -1, -1]


@pytest.mark.filterwarnings("ignore:the file ends inside")
def test_one_of_several_volumes_is_chosen(call, study, tmp_path):
    code, _, err = call("volume", study, "-o", tmp_path / "v.npy")
    assert code == 1
    assert f"{study}: there are 2 volumes: choose one with --series or --phase (0: Abdomen 5 x 9 x 11, 5 files" in err
    assert f"3 files in {study / 'b'}, series" in err
    assert call("volume", study, "-o", tmp_path / "v.npy", "--phase", 0)[0] == 0
    assert np.array_equal(np.load(tmp_path / "v.npy"), VOXELS)


def test_segments_are_listed_and_written(call, call_json, tmp_path):
    made = masks()
    binary(made).save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    code, out, err = call("masks", tmp_path / "seg.dcm")
    assert (code, err) == (0, "")
    assert "part 2" in out
    code, document = call_json("masks", tmp_path / "seg.dcm", "-o", tmp_path / "labels.npy")
    assert code == 0
    assert [one["frames"] for one in document["structures"]] == [5, 5]
    assert np.array_equal(np.load(tmp_path / "labels.npy"), made[0] + 2 * made[1])
    assert call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "m.npy", "--name", "part 2")[0] == 0
    assert np.array_equal(np.load(tmp_path / "m.npy"), made[1])
    assert call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "m.nrrd")[0] == 0
    assert call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "x.npy", "--name", "other")[0] == 1
    assert call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "x.png")[0] == 2


def test_a_part_of_a_segmentation_is_written(call, call_json, tmp_path):
    made = masks()
    labels = made[0] + 2 * made[1]
    binary(made).save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    region = ("--region", 2, 3, 5, 6)
    code, document = call_json("masks", tmp_path / "seg.dcm", "-o", tmp_path / "part.npy", *region)
    assert (code, document["shape"]) == (0, [5, 5, 6])
    assert np.array_equal(np.load(tmp_path / "part.npy"), labels[:, 2:7, 3:9])
    assert call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "one.npy", "--name", 2, *region)[0] == 0
    assert np.array_equal(np.load(tmp_path / "one.npy"), made[1][:, 2:7, 3:9])
    assert call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "part.nrrd", *region)[0] == 0
    header, _, data = (tmp_path / "part.nrrd").read_bytes().partition(b"\n\n")
    assert np.array_equal(np.frombuffer(data, np.uint8).reshape(5, 5, 6), labels[:, 2:7, 3:9])
    (origin,) = (line for line in header.decode().splitlines() if line.startswith("space origin: "))
    place = [float(value) for value in origin.partition("(")[2].rstrip(")").split(",")]
    assert place == pytest.approx([-3 + 3 * 0.8, 4 + 2 * 0.7, 10])


def test_a_part_of_a_slide_is_written_and_the_whole_may_be_too_large(call, tmp_path):
    made = (np.arange(29 * 37).reshape(1, 29, 37) % 3).astype(np.uint8)
    source = tiled(made, (8, 11), sparse=True)
    source.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    assert call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "whole.npy")[0] == 0
    assert np.array_equal(np.load(tmp_path / "whole.npy"), made)
    source.TotalPixelMatrixRows = source.TotalPixelMatrixColumns = 2**31
    source.save_as(tmp_path / "large.dcm", enforce_file_format=True)
    code, _, err = call("masks", tmp_path / "large.dcm", "-o", tmp_path / "x.npy")
    assert code == 1
    assert "--region" in err
    region = ("--region", 7, 9, 15, 20)
    assert call("masks", tmp_path / "large.dcm", "-o", tmp_path / "x.npy", *region)[0] == 0
    assert np.array_equal(np.load(tmp_path / "x.npy"), made[:, 7:22, 9:29])
    code, _, err = call("masks", tmp_path / "seg.dcm", "-o", tmp_path / "y.npy", "--region", 20, 0, 10, 5)
    assert code == 1
    assert "does not lie within" in err
    assert not (tmp_path / "y.npy").exists()


def test_regions_are_not_for_the_grid_of_a_series(call, series, tmp_path):
    contours = [(1, "CLOSED_PLANAR", in_patient(SQUARE, 1, dt.read_volume(series)))]
    structure_set(contours).save_as(tmp_path / "rt.dcm", enforce_file_format=True)
    more = ("-o", tmp_path / "m.npy", "--reference", series, "--region", 0, 0, 2, 2)
    code, _, err = call("masks", tmp_path / "rt.dcm", *more)
    assert code == 1
    assert "--region is for segmentations" in err


def test_structures_are_drawn_on_the_grid_of_a_series(call, call_json, series, tmp_path):
    volume = dt.read_volume(series)
    contours = [(1, "CLOSED_PLANAR", in_patient(SQUARE, k, volume)) for k in (1, 3)]
    structure_set(contours).save_as(tmp_path / "rt.dcm", enforce_file_format=True)
    code, document = call_json("masks", tmp_path / "rt.dcm")
    assert code == 0
    assert document["structures"] == [{"number": 1, "label": "Liver", "category": "", "type": "ORGAN", "contours": 2}]
    code, _, err = call("masks", tmp_path / "rt.dcm", "-o", tmp_path / "m.npy")
    assert code == 1
    assert "--reference" in err
    assert call("masks", tmp_path / "rt.dcm", "-o", tmp_path / "m.npy", "--reference", series)[0] == 0
    assert np.load(tmp_path / "m.npy").sum((1, 2)).tolist() == [0, 16, 0, 16, 0]


def test_other_objects_are_no_masks(call, series):
    code, _, err = call("masks", next(series.iterdir()))
    assert code == 1
    assert "no contours" in err
