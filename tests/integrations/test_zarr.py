"""Images and slides as zarr stores."""

import pickle

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth
from helpers.slides import instance, tissue

import dcmturbo as dt

zarr = pytest.importorskip("zarr", reason="zarr is not installed", minversion="3")


def file_of(shape, dtype="u1", bits=8, frames=1):
    array = np.stack([smooth(shape, dtype, bits=bits, seed=i) for i in range(frames)])
    encoded = [dt.encode_frame(frame, "HTJ2KLossless", bits_stored=bits) for frame in array]
    module = {
        "rows": shape[0],
        "columns": shape[1],
        "bits_allocated": 8 * array.itemsize,
        "bits_stored": bits,
        "signed": int(array.dtype.kind == "i"),
        "frames": frames,
    }
    if len(shape) == 3:
        module |= {"samples": 3, "photometric": "RGB", "planar": 0}
    return array, encapsulated_file(encoded, "1.2.840.10008.1.2.4.201", **module)


@pytest.mark.parametrize(
    ("shape", "dtype", "bits", "frames"),
    [((30, 41), "u1", 8, 4), ((30, 41), "i2", 12, 3), ((20, 21, 3), "u1", 8, 2), ((30, 41), "u2", 16, 1)],
)
def test_image(shape, dtype, bits, frames):
    array, data = file_of(shape, dtype, bits, frames)
    array = array if frames > 1 else array[0]
    with dt.open(data) as image:
        store = dt.zarr_store(image)
        found = zarr.open_array(store, mode="r")
        assert found.shape == array.shape
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found[:], array)
        np.testing.assert_array_equal(found[..., 5:9], array[..., 5:9])
        np.testing.assert_array_equal(zarr.open_array(pickle.loads(pickle.dumps(store)), mode="r")[:], array)


def test_slide():
    matrix = tissue(150, 190)
    with dt.slide([instance(matrix, (32, 24)), instance(matrix[::2, ::2], (32, 24))]) as slide:
        group = zarr.open_group(dt.zarr_store(slide), mode="r")
        assert sorted(group.array_keys()) == ["0", "1"]
        assert group["0"].chunks == (32, 24, 3)
        np.testing.assert_array_equal(group["0"][:], matrix)
        np.testing.assert_array_equal(group["0"][30:70, 100:, 1], matrix[30:70, 100:, 1])
        np.testing.assert_array_equal(group["1"][:], matrix[::2, ::2])
        np.testing.assert_array_equal(zarr.open_array(dt.zarr_store(slide.levels[1]), mode="r")[:], matrix[::2, ::2])


def test_the_store_is_read_only():
    _, data = file_of((8, 8))
    with dt.open(data) as image:
        store = dt.zarr_store(image)
        assert store.read_only
        with pytest.raises((ValueError, PermissionError)):
            zarr.open_array(store, mode="r+")[:] = 1
        with pytest.raises((ValueError, PermissionError, NotImplementedError)):
            zarr.create_array(store, shape=(3,), dtype="u1", overwrite=True)


def test_damage_is_an_error():
    _, data = file_of((64, 64), frames=2)
    with dt.open(data[:-900]) as image, pytest.raises(dt.DecodeError):
        zarr.open_array(dt.zarr_store(image), mode="r")[1]
