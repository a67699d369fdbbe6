"""The reader for MONAI, against MONAI's own."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.series import slice_dataset, stack_of_slices, write_series
from pydicom.data import get_testdata_file

import dcmturbo as dt

pytest.importorskip("monai")

from monai.data import DataLoader, Dataset
from monai.transforms import LoadImage, LoadImaged

# MONAI warns of packages for GPUs that are not installed.
pytestmark = pytest.mark.filterwarnings("default::UserWarning", "default::DeprecationWarning", "default::FutureWarning")

OURS = "dcmturbo.integrations.monai.DicomReader"


def both(source):
    """What both readers make of it."""
    return tuple(LoadImage(reader=reader, ensure_channel_first=True)(source) for reader in (OURS, "PydicomReader"))


@pytest.fixture
def series(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    return write_series(folder, stack_of_slices(), RescaleSlope=2, RescaleIntercept=-100)


def test_a_series_is_the_volume_that_monai_reads(series):
    ours, theirs = both(series[0].parent)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)
    assert np.allclose(ours.affine, theirs.affine)


def test_a_slice_is_an_image(series):
    ours, theirs = both(series[2])
    assert ours.shape == theirs.shape
    assert np.array_equal(ours, theirs)
    # MONAI takes 1 mm for the thickness of a single slice.
    assert np.allclose(ours.affine[:, [0, 1, 3]], theirs.affine[:, [0, 1, 3]])


def test_stored_values(series):
    image = LoadImage(reader=OURS, apply=None, dtype=np.float32)(series[0])
    assert np.array_equal(image.numpy().T, dt.decode(series[0]))


def test_several_files_are_channels(series):
    # The slices of a series are not at one place.
    with pytest.raises(ValueError, match="one place"):
        LoadImage(reader=OURS)([series[0], series[1]])
    image = LoadImage(reader=OURS)([series[0], series[0]])
    assert image.shape[0] == 2
    assert np.array_equal(image[0], image[1])


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_ybr_color.dcm"])
def test_colours_are_channels(name):
    path = get_testdata_file(name)
    image = LoadImage(reader=OURS, ensure_channel_first=True)(path)
    array = dt.decode(path)
    frames = array if array.ndim == 4 else array[None]
    expected = frames.transpose(3, 2, 1, 0)
    assert np.array_equal(image, expected if array.ndim == 4 else expected[..., 0])


def test_frames_without_a_position_are_an_axis(tmp_path):
    voxels = stack_of_slices()
    dataset = slice_dataset(voxels[0], 1, (0, 0, 0), ImagePositionPatient=None, ImageOrientationPatient=None)
    dataset.NumberOfFrames, dataset.PixelData = len(voxels), voxels.tobytes()
    dataset.save_as(tmp_path / "frames.dcm", enforce_file_format=True)
    image = LoadImage(reader=OURS, apply=None)(tmp_path / "frames.dcm")
    assert np.array_equal(image, voxels.transpose(2, 1, 0))
    assert np.allclose(image.affine, np.diag([0.8, 0.7, 1, 1]))


def test_segmentations_and_texts_are_refused(tmp_path):
    reader = pytest.importorskip("dcmturbo.integrations.monai").DicomReader()
    dataset = slice_dataset(stack_of_slices()[0], 1, (0, 0, 0), Modality="SEG")
    dataset.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    with pytest.raises(ValueError, match="read_segmentation"):
        reader.read(tmp_path / "seg.dcm")
    (tmp_path / "a.txt").write_text("no image")
    assert not reader.verify_suffix(tmp_path / "seg.dcm")
    assert not reader.verify_suffix(tmp_path / "a.txt")
    assert reader.verify_suffix(tmp_path)
    with pytest.raises(dt.NotDicom):
        reader.read(tmp_path / "a.txt")


def test_in_spawned_workers(series):
    data = Dataset([{"ct": str(path)} for path in series], LoadImaged("ct", reader=OURS, ensure_channel_first=True))
    loader = DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context="spawn")
    images = np.concatenate([batch["ct"].numpy() for batch in loader])
    expected = np.stack([dt.decode(path, apply="rescale").T for path in series])
    assert np.array_equal(images[:, 0], expected)


def test_a_gap_does_not_go_to_another_reader(series):
    series[2].unlink()
    with pytest.raises(dt.DecodeError, match="are slices missing"):
        LoadImage(reader=OURS)(series[0].parent)


def test_damage_does_not_go_to_another_reader(series):
    series[0].write_bytes(series[0].read_bytes()[:300])
    with pytest.raises(dt.DecodeError, match="before any pixel data"):
        LoadImage(reader=OURS)(series[0].parent)


@pytest.fixture(params=["named", "registered"])
def load(request):
    """`LoadImage` with our reader alone, and beside all of its own, of which it chooses one."""
    if request.param == "named":
        return LoadImage(reader=OURS)
    loader = LoadImage()
    loader.register(pytest.importorskip("dcmturbo.integrations.monai").DicomReader())
    return loader


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda whole: whole[:300], dt.DecodeError, "before any pixel data"),
        (lambda whole: whole[:-50], dt.DecodeError, "only 148 are there"),
        (lambda _whole: b"", dt.NotDicom, "it is empty"),
        (lambda _whole: b"<html>", dt.NotDicom, "DICOM"),
    ],
    ids=["header", "pixels", "empty", "junk"],
)
def test_a_damaged_file_is_an_error_that_names_it(series, load, change, error, words):
    series[0].write_bytes(change(series[0].read_bytes()))
    with pytest.raises(error, match=words) as caught:
        load(series[0])
    assert series[0].name in str(caught.value)


def test_other_files_go_to_other_readers(series, load, tmp_path):
    np.save(tmp_path / "a.npy", np.eye(3, dtype=np.float32))
    assert np.array_equal(load(tmp_path / "a.npy"), np.eye(3))
    assert np.array_equal(load(series[0]), dt.decode(series[0], apply="rescale").T)


def test_a_file_that_is_missing_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        LoadImage(reader=OURS)(tmp_path / "none.dcm")
