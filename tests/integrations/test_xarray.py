"""Images and slides through xarray's engine: the pixels of `dcmturbo.decode`, decoded when they are used."""

import pickle
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth
from helpers.slides import instance, tissue

import dcmturbo as dt

xarray = pytest.importorskip("xarray", reason="xarray is not installed (extra hosts)")

from dcmturbo.integrations.xarray import DicomBackend  # noqa: E402


def write_image(path, frames, samples):
    shape = (30, 41, samples) if samples > 1 else (30, 41)
    array = np.stack([smooth(shape, "u1", seed=i) for i in range(frames)])
    module = {"rows": 30, "columns": 41, "bits_allocated": 8, "frames": frames, "samples": samples}
    if samples > 1:
        module |= {"photometric": "RGB", "planar": 0}
    encoded = [dt.encode_frame(frame, "JPEGLSLossless") for frame in array]
    path.write_bytes(encapsulated_file(encoded, "1.2.840.10008.1.2.4.80", **module))
    return array if frames > 1 else array[0]


KEYS = [
    {},
    {"row": 4},
    {"row": slice(3, 20, 4), "column": slice(None, None, -3)},
    {"row": slice(25, 2, -7), "column": [5, 1, 1, 40]},
    {"row": slice(4, 4)},
    {"column": -1, "row": slice(-9, None)},
]


@pytest.mark.parametrize(("frames", "samples"), [(1, 1), (1, 3), (5, 1), (5, 3)])
def test_every_kind_of_index(tmp_path, frames, samples):
    path = tmp_path / "image.dcm"
    array = write_image(path, frames, samples)
    with xarray.open_dataset(path, engine=DicomBackend) as found:
        dims = (*(("frame",) if frames > 1 else ()), "row", "column", *(("sample",) if samples > 1 else ()))
        assert found["pixels"].dims == dims
        assert found["pixels"].dtype == np.uint8
        expected = xarray.DataArray(array, dims=dims)
        for key in [*KEYS, *([{"frame": 2, "row": 7}, {"frame": [4, 0]}] if frames > 1 else [])]:
            np.testing.assert_array_equal(found["pixels"].isel(key).values, expected.isel(key).values)


def test_only_what_is_used_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "image.dcm"
    array = write_image(path, 5, 1)
    read = []
    inner = dt.Image.read

    def counted(self, frames=None, **options):
        read.append((frames, options["region"]))
        return inner(self, frames, **options)

    monkeypatch.setattr(dt.Image, "read", counted)
    with xarray.open_dataset(path, engine=DicomBackend) as found:
        assert read == []
        np.testing.assert_array_equal(found["pixels"][3, 2:5, 7].values, array[3, 2:5, 7])
    assert read == [(slice(3, 4), (slice(2, 5), slice(7, 8)))]


def test_chunks_are_frames(tmp_path):
    pytest.importorskip("dask.array", reason="dask is not installed (extra hosts)")
    path = tmp_path / "image.dcm"
    array = write_image(path, 5, 1)
    with xarray.open_dataset(path, engine=DicomBackend, chunks={}) as found:
        assert found["pixels"].chunks == ((1,) * 5, (30,), (41,))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(found["pixels"])).max("frame").values, array.max(0))


def test_a_level_and_a_tree_of_levels(tmp_path):
    large, small = tissue(120, 100), tissue(60, 50, seed=1)
    for number, (matrix, mpp) in enumerate(((large, 0.5), (small, 1.0))):
        (tmp_path / f"{number}.dcm").write_bytes(instance(matrix, (32, 24), mpp=mpp))
    with xarray.open_dataset(tmp_path, engine=DicomBackend, level=1) as found:
        np.testing.assert_array_equal(found["pixels"][11:40:3, 5:].values, small[11:40:3, 5:])
        assert found["pixels"].attrs["mpp"] == [1.0, 1.0]
    with xarray.open_datatree(tmp_path, engine=DicomBackend) as tree:
        np.testing.assert_array_equal(tree["0"]["pixels"][11:90, 5:].values, large[11:90, 5:])
        np.testing.assert_array_equal(tree["1"]["pixels"].values, small)


def test_a_level_that_is_not_there(tmp_path):
    (tmp_path / "0.dcm").write_bytes(instance(tissue(40, 40), (32, 24)))
    with pytest.raises(IndexError):
        xarray.open_dataset(tmp_path, engine=DicomBackend, level=3)


def test_what_it_opens_by_itself():
    engine = DicomBackend()
    assert engine.guess_can_open("a/b.DCM")
    assert not engine.guess_can_open("a/b.nc")
    assert not engine.guess_can_open(b"")


def test_it_is_declared():
    project = Path(__file__).parents[2] / "pyproject.toml"
    if not project.is_file():
        pytest.skip("the tests are not in the repository")
    declared = tomllib.loads(project.read_text())["project"]["entry-points"]["xarray.backends"]
    assert EntryPoint("dcmturbo", declared["dcmturbo"], "xarray.backends").load() is DicomBackend


def test_an_optical_path_and_focal_plane(tmp_path):
    matrices = {(plane, path): tissue(70, 90, 1, seed=10 * plane + path) for plane in (0, 1) for path in (0, 1)}
    (tmp_path / "slide.dcm").write_bytes(instance(matrices, (32, 24)))
    options = {"engine": DicomBackend, "optical_path": "B", "focal_plane": 1}
    with xarray.open_dataset(tmp_path / "slide.dcm", level=0, **options) as found:
        np.testing.assert_array_equal(found["pixels"].values, matrices[1, 1])
    with pytest.raises(TypeError, match="are for slides"):
        xarray.open_dataset(tmp_path / "slide.dcm", **options)
