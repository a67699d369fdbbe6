"""The examples of docs/hosts.md run against the real packages."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT

import dcmturbo as dt

PAGE = Path(__file__).parents[2] / "docs" / "hosts.md"
SLICES = 6

# By heading: the packages that it needs, and a check of what the example has made.
CHECKS = {
    "highdicom": (["highdicom"], "assert np.array_equal(values, volume[3] * slope + intercept)"),
    "SimpleITK": (
        ["SimpleITK"],
        "assert np.array_equal(sitk.GetArrayFromImage(image), volume); "
        "assert np.allclose(image.GetSpacing(), (0.5, 0.75, 2.5)); "
        "assert np.allclose(image.TransformIndexToPhysicalPoint((2, 1, 4)), (-99, -49.25, 10))",
    ),
    "dask": (["dask"], "assert np.allclose(mean, given.mean(axis=0))"),
    "zarr": (["zarr"], "assert np.array_equal(zarr.open_array('volume.zarr', mode='r')[:], given)"),
    "nibabel": (
        ["nibabel"],
        "made = nibabel.load('series.nii.gz'); "
        "assert np.array_equal(np.asarray(made.dataobj), expected.T); "
        "assert np.allclose(made.affine @ (2, 1, 4, 1), (99, 49.25, 10, 1))",
    ),
    "dicom2nifti": (
        ["dicom2nifti", "nibabel"],
        "import nibabel; made = nibabel.load('converted.nii.gz').get_fdata(); "
        "assert sorted(np.unique(made)) == sorted(np.unique(expected)); assert made.shape == expected.T.shape",
    ),
    "Pillow": (["PIL"], "assert np.array_equal(np.asarray(Image.open('slice.png')), np.asarray(picture))"),
    "concurrent.futures and multiprocessing": ([], "assert means == [float(one.mean()) for one in given]"),
}
PREPARE = """
import numpy as np, pathlib
import dcmturbo
volume, slope, intercept = np.load('expected.npy'), 2, -100
expected = volume * slope + intercept
given = np.stack([dcmturbo.decode(path) for path in sorted(pathlib.Path('series').iterdir())])
"""


def examples() -> dict[str, str]:
    parts = re.split(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return {
        name: "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S))
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A compressed axial series; expected.npy has its stored values from the feet to the head."""
    place = tmp_path_factory.mktemp("hosts")
    (place / "series").mkdir()
    noise = np.random.default_rng(5)
    volume = np.cumsum(noise.integers(-3, 4, (SLICES, 40, 32)), axis=2).astype(np.int16)
    series = pydicom.uid.generate_uid()
    for k, plane in enumerate(volume):
        ds = pydicom.dcmread(CT)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        ds.SeriesInstanceUID, ds.InstanceNumber = series, k + 1
        ds.Rows, ds.Columns = plane.shape
        ds.PixelSpacing, ds.SliceThickness = [0.75, 0.5], 2.5
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-100, -50, 2.5 * k]
        ds.RescaleSlope, ds.RescaleIntercept = 2, -100
        ds.PixelData = plane.tobytes()
        dt.transcode(ds, place / f"series/slice-{k}.dcm", "JPEGLSLossless")
    np.save(place / "expected.npy", volume)
    return place


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here")
def test_every_example_is_run():
    assert set(examples()) == set(CHECKS)
    assert all(examples().values())


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here")
@pytest.mark.parametrize("host", CHECKS)
def test_the_example_of(host, folder):
    packages, check = CHECKS[host]
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    code = examples()[host]
    guard = "\nif __name__ == '__main__':\n"
    program = f"{code}{guard}" + "".join(f"    {line}\n" for line in [*PREPARE.split("\n"), *check.split("; ")])
    (folder / "example.py").write_text(program)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
