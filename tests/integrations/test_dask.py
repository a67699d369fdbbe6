"""Images and slides as dask arrays."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth
from helpers.slides import instance, tissue

import dcmturbo as dt


def file_of(frames, samples=1):
    array = np.stack([smooth((30, 41, samples) if samples > 1 else (30, 41), "u1", seed=i) for i in range(frames)])
    encoded = [dt.encode_frame(frame, "JPEGLSLossless") for frame in array]
    module = {"rows": 30, "columns": 41, "bits_allocated": 8, "frames": frames, "samples": samples}
    if samples > 1:
        module |= {"photometric": "RGB", "planar": 0}
    return array, encapsulated_file(encoded, "1.2.840.10008.1.2.4.80", **module)


class TestDask:
    """With dask's own scheduler."""

    @pytest.fixture(autouse=True)
    def _dask(self):
        pytest.importorskip("dask.array", reason="dask is not installed (extra cluster)")

    @pytest.mark.parametrize("samples", [1, 3])
    def test_image(self, samples):
        array, data = file_of(5, samples)
        with dt.open(data) as image:
            lazy = dt.to_dask(image, chunks=2)
            assert lazy.shape == array.shape
            assert lazy.dtype == array.dtype
            assert lazy.chunks[0] == (2, 2, 1)
            np.testing.assert_array_equal(lazy.compute(), array)
            np.testing.assert_array_equal(lazy[3, 5:20, ::2].compute(), array[3, 5:20, ::2])
            np.testing.assert_array_equal(lazy[:, :, 7].max(axis=0).compute(), array[:, :, 7].max(axis=0))

    def test_an_image_of_one_frame(self):
        array, data = file_of(1)
        with dt.open(data) as image:
            np.testing.assert_array_equal(dt.to_dask(image).compute(), array[0])

    def test_slide(self):
        matrix = tissue(150, 190)
        with dt.slide(instance(matrix, (32, 24))) as slide:
            lazy = dt.to_dask(slide, chunks=(64, 48))
            assert lazy.shape == matrix.shape
            assert lazy.chunks[0] == (64, 64, 22)
            np.testing.assert_array_equal(lazy.compute(), matrix)
            np.testing.assert_array_equal(lazy[40:90, 100:, 1].compute(), matrix[40:90, 100:, 1])
            assert dt.to_dask(slide.levels[0]).chunks[0] == (150,)
            assert dt.to_dask(slide, chunks=np.int64(64)).chunks[0] == (64, 64, 22)
            for wrong in (0, (3,), (1, 2, 3), "ab", 1.5):
                with pytest.raises(ValueError, match="at least 1"):
                    dt.to_dask(slide, chunks=wrong)

    def test_an_optical_path_and_focal_plane(self):
        matrices = {(plane, path): tissue(70, 90, 1, seed=10 * plane + path) for plane in (0, 1) for path in (0, 1)}
        with dt.slide(instance(matrices, (32, 24))) as slide:
            lazy = dt.to_dask(slide, optical_path="B", focal_plane=1)
            np.testing.assert_array_equal(lazy.compute(), matrices[1, 1])
            np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy)).compute(), matrices[1, 1])
            np.testing.assert_array_equal(dt.to_dask(slide.levels[0], focal_plane=2.0).compute(), matrices[1, 0])
            with pytest.raises(IndexError, match="no focal plane 2"):
                dt.to_dask(slide, focal_plane=2)
        with dt.open(file_of(1)[1]) as image, pytest.raises(TypeError, match="are for slides"):
            dt.to_dask(image, optical_path=1)

    def test_arrays_of_dask_itself(self):
        import dask.array

        matrix = tissue(70, 50)
        with dt.slide(instance(matrix, (32, 24))) as slide:
            for source in (slide, slide.levels[0]):
                lazy = dask.array.from_array(source, chunks=(40, 30, 3))
                np.testing.assert_array_equal(lazy[::-2, 3, 1:].compute(), matrix[::-2, 3, 1:])

    def test_other_processes(self, tmp_path):
        matrix = tissue(150, 190)
        path = tmp_path / "slide.dcm"
        path.write_bytes(instance(matrix, (32, 24)))
        with dt.slide(path) as slide:
            lazy = dt.to_dask(slide, chunks=(64, 96))
            with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
                found = lazy.compute(scheduler="processes", pool=pool)
        np.testing.assert_array_equal(found, matrix)


class Patches:
    """A map-style dataset, as torch's DataLoader takes it."""

    def __init__(self, slide, places):
        self.slide, self.places = slide, places

    def __len__(self):
        return len(self.places)

    def __getitem__(self, i):
        return self.slide.read(0, self.places[i], (40, 50))


def _load(pickled, numbers):
    patches = pickle.loads(pickled)
    return [patches[i] for i in numbers]


@pytest.fixture
def patches(tmp_path):
    matrix = tissue(300, 280)
    path = tmp_path / "slide.dcm"
    path.write_bytes(instance(matrix, (32, 24), "HTJ2KLossless"))
    rng = np.random.default_rng(0)
    places = [(int(rng.integers(260)), int(rng.integers(230))) for _ in range(40)]
    with dt.slide(path) as slide:
        yield Patches(slide, places), [matrix[y : y + 40, x : x + 50] for y, x in places]


def test_spawned_workers(patches):
    dataset, expected = patches
    pickled = pickle.dumps(dataset)
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(_load, pickled, range(k, 40, 4)) for k in range(4)]
        for k, job in enumerate(jobs):
            for found, right in zip(job.result(), expected[k::4], strict=True):
                np.testing.assert_array_equal(found, right)


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # more workers than CPUs
def test_data_loader(patches):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    dataset, expected = patches
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=5, num_workers=4, multiprocessing_context="spawn", collate_fn=list
    )
    found = [patch for batch in loader for patch in batch]
    for one, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, right)
