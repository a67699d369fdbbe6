"""The examples of the pages about other packages run against the real packages."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT
from helpers.ports import free_ports
from helpers.slides import instance, tissue
from PIL import Image
from pydicom.data import get_testdata_file

import dcmturbo as dt

PAGES = [Path(__file__).parents[2] / "docs" / f"{name}.md" for name in ("hosts", "deep-learning", "viewers")]
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
        "made = [nibabel.load(name) for name in ('series.nii.gz', 'smaller.nii.gz')]; "
        "assert all(np.array_equal(np.asarray(one.dataobj), expected.T) for one in made); "
        "assert [one.get_data_dtype() for one in made] == [np.float32, np.int16]; "
        "assert all(np.allclose(one.affine @ (2, 1, 4, 1), (99, 49.25, 10, 1)) for one in made)",
    ),
    "dicom2nifti": (
        ["dicom2nifti", "nibabel"],
        "import nibabel; made = nibabel.load('converted.nii.gz').get_fdata(); "
        "assert sorted(np.unique(made)) == sorted(np.unique(expected)); assert made.shape == expected.T.shape",
    ),
    "Pillow": (["PIL"], "assert np.array_equal(np.asarray(Image.open('slice.png')), np.asarray(picture))"),
    "PyTorch": (
        ["torch"],
        "import torch; "
        "assert all(torch.equal(torch.cat(batches[name]), torch.from_numpy(expected).float()) "
        "for name in ('fork', 'spawn', 'forkserver')); "
        "assert all(torch.equal(torch.cat(batches[f'pydicom, {name}']), torch.from_numpy(given)) "
        "for name in ('fork', 'spawn', 'forkserver'))",
    ),
    "Damaged files": (
        ["torch"],
        "import torch; "
        "assert np.array_equal(torch.cat([batch['image'] for batch in whole]), expected[:3]); "
        "assert [path for batch in whole for path in batch['path']] == "
        "[f'with-damage/slice-{k}.dcm' for k in range(3)]; "
        "assert sorted(path.name for path in problems) == ['empty.dcm', 'slice-3.dcm']; "
        "assert len(problems_of(Path('with-damage').glob('*.dcm'), (40, 32))) == 2; "
        "assert len(problems_of(Path('with-damage').glob('*.dcm'), (40, 40))) == 5; "
        "assert all(why.startswith(str(path)) for path, why in problems.items())",
    ),
    "Other sizes, and padding": (
        [],
        "ds = pydicom.dcmread('series/slice-0.dcm'); lowest = int(given[0].min()); ds.PixelPaddingValue = lowest; "
        "assert not outside_of('series/slice-0.dcm').any(); ds.save_as('padded.dcm'); "
        "assert np.array_equal(outside_of('padded.dcm'), given[0] == lowest); "
        "ds.add_new('PixelPaddingRangeLimit', 'SS', lowest + 2); ds.save_as('padded.dcm'); "
        "assert np.array_equal(outside_of('padded.dcm'), given[0] <= lowest + 2)",
    ),
    "MONAI": (
        ["monai", "torch"],
        "scaled = np.clip((expected + 1000) / 2000, 0, 1); "
        "assert all(np.allclose(image[0], plane.T, atol=1e-6) "
        "for loaded in (images, same) for image, plane in zip(loaded, scaled, strict=True))",
    ),
    "TorchIO": (
        ["torchio", "torch"],
        "assert np.array_equal(clamped[0], np.clip(expected, -1000, 1000).T); "
        "theirs = tio.ScalarImage('series'); "
        "assert np.allclose(subject.ct.affine, theirs.affine); "
        "assert torch.equal(subject.ct.data, theirs.data.float()); "
        "assert np.allclose(subjects[2].ct.affine[:, [0, 1, 3]], tio.ScalarImage(paths[2]).affine[:, [0, 1, 3]]); "
        "assert np.array_equal(torch.cat(batches)[:, 0, :, :, 0], expected.transpose(0, 2, 1))",
    ),
    "napari": (
        ["napari"],
        "from napari.components import ViewerModel; viewer = ViewerModel(); viewer.add_layer(layer); "
        "assert np.array_equal(layer.data, expected); assert tuple(layer.scale) == (2.5, 0.75, 0.5); "
        "assert layer.extent.world[1].tolist() == [12.5, 29.25, 15.5]",
    ),
    "wsidicom": (
        ["wsidicom"],
        "assert (size.height, size.width) == slide.levels[0].shape[:2]; "
        "assert np.array_equal(np.asarray(theirs.convert('RGB')), patch)",
    ),
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
    found = {}
    for page in PAGES:
        parts = re.split(r"^## (.*)$", page.read_text(encoding="utf-8"), flags=re.M)
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if code := re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
                found[name] = "\n".join(code)
    return found


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
    (place / "with-damage").mkdir()
    for k in range(4):
        data = (place / f"series/slice-{k}.dcm").read_bytes()
        (place / f"with-damage/slice-{k}.dcm").write_bytes(data[:-200] if k == 3 else data)
    (place / "with-damage/empty.dcm").touch()
    (place / "slide").mkdir()
    slide = instance(tissue(128, 192), (32, 32), "JPEG2000Lossless")
    ds = pydicom.dcmread(io.BytesIO(slide))
    ds.FrameOfReferenceUID, ds.ContainerIdentifier, ds.Modality = pydicom.uid.generate_uid(), "1", "SM"
    ds.ImagedVolumeWidth, ds.ImagedVolumeHeight, ds.ImagedVolumeDepth = 0.096, 0.064, 0.001
    ds.FocusMethod, ds.ExtendedDepthOfField, ds.SpecimenLabelInImage = "AUTO", "NO", "NO"
    ds.LossyImageCompression, ds.BurnedInAnnotation = "00", "NO"
    ds.save_as(place / "slide/level.dcm", enforce_file_format=True)
    return place


@pytest.mark.skipif(not PAGES[0].is_file(), reason="the documentation is not here")
def test_every_example_is_run():
    assert set(examples()) == {*CHECKS, "Jupyter", "Orthanc"}
    assert all(examples().values())


@pytest.mark.skipif(not PAGES[0].is_file(), reason="the documentation is not here")
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
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "QT_QPA_PLATFORM": "offscreen",
    }
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


@pytest.mark.skipif(not PAGES[0].is_file(), reason="the documentation is not here")
def test_the_example_in_a_notebook(folder, monkeypatch):
    for name in ("nbclient", "ipykernel", "nbformat"):
        pytest.importorskip(name)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    import nbformat
    from nbclient import NotebookClient

    cell = nbformat.v4.new_code_cell(examples()["Jupyter"])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    shown, result = cell.outputs
    assert shown["output_type"] == "display_data"
    picture = Image.open(io.BytesIO(base64.b64decode(shown["data"]["image/png"])))
    assert np.array_equal(np.asarray(picture), dt.render(folder / "series/slice-3.dcm", window=(40, 400)))
    assert result["output_type"] == "execute_result"
    assert "JPEG-LS Lossless" in result["data"]["text/html"]
    assert "data:image/png;base64," in result["data"]["text/html"]


# ---- Orthanc ----------------------------------------------------------------------------------------

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancPython.so")


@pytest.fixture
def orthanc_with_our_script(folder, tmp_path):
    """An Orthanc with the script of the page; yields its address."""
    server = shutil.which("Orthanc")
    if server is None or not _PLUGIN.exists():
        pytest.skip("Orthanc and its Python plugin are not installed (apt-get install orthanc orthanc-python)")
    if sys.version_info[:2] != (3, 11):
        pytest.skip("Debian's plugin is for Python 3.11")
    code, _, environment = examples()["Orthanc"].rpartition("import sys\n")
    placeholder = "/path/to/.venv/lib/python3.11/site-packages"
    assert placeholder in environment
    # More than one place if dcmturbo is an editable installation.
    packages = {str(Path(package.__file__).parents[1]) for package in (dt, np, pydicom)}
    script = tmp_path / "render.py"
    script.write_text(
        "import sys\n" + "".join(environment.replace(placeholder, path) for path in sorted(packages)) + code
    )
    ports = free_ports(2)
    settings = {
        "StorageDirectory": str(tmp_path / "storage"), "IndexDirectory": str(tmp_path / "index"),
        "HttpPort": ports[0], "DicomPort": ports[1], "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "Plugins": [str(_PLUGIN)], "PythonScript": str(script),
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    log = tmp_path / "log"
    with open(log, "wb") as file:
        process = subprocess.Popen([server, str(tmp_path / "orthanc.json")], stdout=file, stderr=file)
    try:
        root = f"http://127.0.0.1:{ports[0]}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{root}/system", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text(errors="replace")
                time.sleep(0.1)
        yield root
    finally:
        process.terminate()
        process.wait(30)
        print(log.read_text(errors="replace"))  # pytest shows it of a test that fails


@pytest.mark.servers
@pytest.mark.skipif(not PAGES[0].is_file(), reason="the documentation is not here")
def test_the_script_in_orthanc(orthanc_with_our_script, folder, tmp_path):
    root = orthanc_with_our_script

    def store(path):
        request = urllib.request.Request(f"{root}/instances", data=Path(path).read_bytes(), method="POST")
        return json.loads(urllib.request.urlopen(request, timeout=60).read())["ID"]

    dt.transcode(folder / "series/slice-2.dcm", tmp_path / "htj2k.dcm", "HTJ2KLossless")  # Orthanc does not decode it
    answer = urllib.request.urlopen(f"{root}/instances/{store(tmp_path / 'htj2k.dcm')}/render.png", timeout=60)
    assert answer.headers["Content-Type"] == "image/png"
    picture = np.asarray(Image.open(io.BytesIO(answer.read())))
    assert np.array_equal(picture, dt.render(folder / "series/slice-2.dcm", size=512))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{root}/instances/{store(get_testdata_file('rtplan.dcm'))}/render.png", timeout=60)
    with caught.value as answer:
        assert answer.code == 415
