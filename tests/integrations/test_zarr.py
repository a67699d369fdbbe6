"""Images and slides as zarr stores."""

import json
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


def test_an_optical_path_and_focal_plane_of_a_slide():
    matrices = {(plane, path): tissue(70, 90, 1, seed=10 * plane + path) for plane in (0, 1) for path in (0, 1)}
    half = {(0, 0): matrices[0, 1][::2, ::2], (1, 0): matrices[1, 1][::2, ::2]}
    with dt.slide([instance(matrices, (32, 24)), instance(half, (32, 24), path_names=("B",))]) as slide:
        store = dt.zarr_store(slide, optical_path="B", focal_plane=1)
        group = zarr.open_group(pickle.loads(pickle.dumps(store)), mode="r")
        np.testing.assert_array_equal(group["0"][:], matrices[1, 1])
        np.testing.assert_array_equal(group["1"][:], half[1, 0])
        first = zarr.open_group(dt.zarr_store(slide, optical_path=0), mode="r")
        assert list(first.array_keys()) == ["0"]  # the second level does not have it
        assert store != dt.zarr_store(slide)
        level = zarr.open_array(dt.zarr_store(slide.levels[1], focal_plane=1), mode="r")
        np.testing.assert_array_equal(level[:], half[1, 0])
        with pytest.raises(IndexError, match="no optical path 'C'"):
            dt.zarr_store(slide, optical_path="C")
    with dt.open(file_of((30, 41))[1]) as image, pytest.raises(TypeError, match="are for slides"):
        dt.zarr_store(image, focal_plane=1)


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


def references_of(image, array, url):
    """An array of zarr v3 whose chunks are the frames in a file, as kerchunk describes it."""
    configuration = {
        "transfer_syntax": image.transfer_syntax,
        "rows": array.shape[1],
        "columns": array.shape[2],
        "bits_allocated": 8 * array.itemsize,
        "bits_stored": 12,
    }
    metadata = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(array.shape),
        "data_type": array.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, *array.shape[1:]]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "dcmturbo.frame", "configuration": configuration}],
        "attributes": {},
    }
    chunks = {f"c/{k}/0/0": [url, *image.byte_range(k)] for k in range(len(image))}
    return {"zarr.json": json.dumps(metadata), **chunks}, configuration


@pytest.fixture
def codec():
    """The codec, where the package is not installed with its entry points."""
    from zarr.registry import register_codec

    from dcmturbo.integrations import frame_codecs

    register_codec(frame_codecs.CODEC_NAME, frame_codecs.FrameCodec)
    return frame_codecs


def test_references_to_frames_of_a_file(tmp_path, codec):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    array, data = file_of((30, 41), "u2", 12, 5)
    path = tmp_path / "frames.dcm"
    path.write_bytes(data)
    with dt.open(path) as image:
        references, configuration = references_of(image, array, str(path))
    system = fsspec.filesystem("reference", fo=references, remote_protocol="file", asynchronous=True)
    found = zarr.open_array(zarr.storage.FsspecStore(system, read_only=True, path=""), mode="r")
    np.testing.assert_array_equal(found[:], array)
    np.testing.assert_array_equal(found[3, 5:9], array[3, 5:9])
    with pytest.raises(NotImplementedError):
        codec.NumcodecsFrame(**configuration).encode(array[0])


def test_the_codec_of_numcodecs(codec):
    array, data = file_of((30, 41), "u2", 12, 2)
    with dt.open(data) as image:
        _, configuration = references_of(image, array, "")
        begin, size = image.byte_range(1)
    one = codec.NumcodecsFrame(**configuration)
    np.testing.assert_array_equal(one.decode(data[begin : begin + size]), array[1])
    out = np.empty((30, 41), "u2")
    assert one.decode(data[begin : begin + size], out=out) is out
    np.testing.assert_array_equal(out, array[1])
    assert one.get_config() == {"id": "dcmturbo.frame"} | configuration
    with pytest.raises(dt.DecodeError):
        one.decode(data[begin : begin + size - 30])


def test_the_entry_points_are_there():
    from importlib.metadata import PackageNotFoundError, entry_points, version

    try:
        version("dcmturbo")
    except PackageNotFoundError:
        pytest.skip("the package is not installed")
    found = {point.group: point.value for point in entry_points(name="dcmturbo.frame")}
    assert found["zarr.codecs"].endswith("frame_codecs:FrameCodec")
    assert found["numcodecs.codecs"].endswith("frame_codecs:NumcodecsFrame")
