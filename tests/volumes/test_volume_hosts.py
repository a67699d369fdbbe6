"""Volumes against the readers of other packages, if these are installed."""

from importlib.resources import files

import numpy as np
import pytest
from helpers.series import stack_of_slices, write_series

import dcmturbo as dt


def test_voxels_and_geometry_are_those_of_simpleitk(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    write_series(tmp_path, stack_of_slices())
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    expected = reader.Execute()
    volume = dt.read_volume(tmp_path, apply="rescale")
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(expected))
    image = volume.to_sitk()
    for name in ("GetOrigin", "GetSpacing", "GetDirection", "GetSize"):
        assert np.allclose(getattr(image, name)(), getattr(expected, name)()), name
    volume.write_nrrd(tmp_path / "volume.nrrd")
    again = sitk.ReadImage(str(tmp_path / "volume.nrrd"))
    assert np.array_equal(sitk.GetArrayFromImage(again), volume.array)
    assert np.allclose(again.GetOrigin(), expected.GetOrigin())
    assert np.allclose(again.GetSpacing(), expected.GetSpacing())


def test_nifti_is_a_view_with_the_matrix_of_dicom2nifti(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    dicom2nifti = pytest.importorskip("dicom2nifti")
    write_series(tmp_path / "series", stack_of_slices())
    volume = dt.read_volume(tmp_path / "series")
    image = volume.to_nifti()
    assert np.shares_memory(np.asanyarray(image.dataobj), volume.array)
    assert np.allclose(image.affine, volume.affine_ras)
    rescaled = dt.read_volume(tmp_path / "series", apply="rescale").to_nifti()
    dicom2nifti.settings.disable_validate_slicecount()
    dicom2nifti.dicom_series_to_nifti(tmp_path / "series", tmp_path / "out.nii", reorient_nifti=False)
    expected = nibabel.as_closest_canonical(nibabel.load(tmp_path / "out.nii"))
    ours = nibabel.as_closest_canonical(rescaled)
    assert np.allclose(ours.affine, expected.affine)
    assert np.array_equal(ours.get_fdata(), expected.get_fdata())


def test_a_public_series_is_that_of_simpleitk():
    sitk = pytest.importorskip("SimpleITK")
    folder = str(files("pydicom") / "data" / "test_files" / "dicomdirtests" / "98892001" / "CT5N")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    expected = reader.Execute()
    volume = dt.read_volume(folder, apply="rescale")
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(expected))
    assert np.allclose(volume.spacing[::-1], expected.GetSpacing())
    assert np.allclose(volume.affine_lps[:3, 3], expected.GetOrigin())


def test_a_public_dose_is_that_of_simpleitk():
    sitk = pytest.importorskip("SimpleITK")
    path = str(files("pydicom") / "data" / "test_files" / "rtdose.dcm")
    expected = sitk.ReadImage(path)
    volume = dt.read_volume(path)
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(expected))
    assert np.allclose(volume.spacing[::-1], expected.GetSpacing())
    assert np.allclose(volume.affine_lps[:3, 3], expected.GetOrigin())
