"""Views of uncompressed files: writeable, never written through, valid as long as they are held."""

import gc
import hashlib
import mmap
import os
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.dicom_writer import EXPLICIT, encapsulated_file, native_file

import dcmturbo as dt

SHAPE = (64, 80)
VALUES = np.random.default_rng(1).integers(0, 2**16, (5, *SHAPE), np.uint16)
MODULE = {"rows": SHAPE[0], "columns": SHAPE[1], "bits_allocated": 16, "frames": 5}


def root_of(array: np.ndarray) -> object:
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def is_view(array: np.ndarray) -> bool:
    return isinstance(root_of(array), mmap.mmap)


@pytest.fixture(autouse=True)
def with_memory_maps():
    """On Windows too, where they are off unless somebody wants them."""
    dt.config.memory_map = True


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "native.dcm"
    path.write_bytes(native_file(VALUES.tobytes(), **MODULE))
    return path


def test_uncompressed_data_from_a_path_are_a_view(path):
    found = dt.decode(path)
    assert is_view(found)
    assert found.dtype == np.uint16
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, VALUES)
    for frames in (0, -1, [2], slice(1, 4), [1, 2, 3], np.array([0, 1])):
        found = dt.decode(path, frames)
        assert is_view(found)
        np.testing.assert_array_equal(found, VALUES[frames])
    with dt.open(path) as image:
        assert is_view(image[3])
        assert all(is_view(frame) for frame in image)


def test_frames_that_do_not_follow_one_another_are_copied(path):
    for frames in ([0, 2], [1, 0], slice(None, None, 2), slice(None, None, -1), [3, 3]):
        found = dt.decode(path, frames)
        assert not is_view(found)
        np.testing.assert_array_equal(found, VALUES[frames])
    assert dt.decode(path, []).shape == (0, *SHAPE)


def test_writing_to_the_view_does_not_reach_the_file_nor_other_views(path):
    before = hashlib.sha256(path.read_bytes()).digest()
    modified = path.stat().st_mtime_ns
    first, second = dt.decode(path), dt.decode(path)
    assert first.flags.writeable
    first[...] = 7
    first.sort(axis=0)
    np.testing.assert_array_equal(second, VALUES)
    np.testing.assert_array_equal(dt.decode(path), VALUES)
    del first
    gc.collect()
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert path.stat().st_mtime_ns == modified


def test_a_read_only_file_gives_a_writeable_array(path):
    path.chmod(0o444)
    found = dt.decode(path)
    found += 1
    np.testing.assert_array_equal(found, VALUES + np.uint16(1))


def test_the_view_outlives_the_image_and_the_file(path):
    with dt.open(path) as image:
        found = image.read()
    del image
    gc.collect()
    path.unlink()
    np.testing.assert_array_equal(found, VALUES)


def test_no_descriptor_is_left_open(path):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    kept = [dt.decode(path, k) for k in range(5)]
    images = [dt.open(path) for _ in range(5)]
    for image in images:
        image.close()
    del images, image
    gc.collect()
    after = len(os.listdir("/proc/self/fd")) if before else 0
    # mmap keeps a descriptor of its own for each map (it does, on Linux and CPython).
    assert after - before <= len(kept)


@pytest.mark.parametrize("shift", range(0, 16, 2))
@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_any_alignment(tmp_path, shift, bits):
    values = np.random.default_rng(2).integers(0, 256, (3, 5, 7, bits // 8), np.uint8).view(f"u{bits // 8}")[..., 0]
    before = EXPLICIT.element(0x00090010, "OB", b"\0" * shift)
    source = native_file(values.tobytes(), before=before, rows=5, columns=7, bits_allocated=bits, frames=3)
    path = tmp_path / "a.dcm"
    path.write_bytes(source)
    for k in range(3):
        found = dt.decode(path, k)
        assert is_view(found)
        np.testing.assert_array_equal(found, values[k])
        assert int(found.sum(dtype=object)) == int(values[k].sum(dtype=object))
        found[...] = 0
    np.testing.assert_array_equal(dt.decode(path), values)


NO_VIEWS = {
    "bits to correct": native_file(VALUES.tobytes(), **{**MODULE, "bits_stored": 12}),
    "big endian": native_file(VALUES.astype(">u2").tobytes(), "big_endian", **MODULE),
    "deflated": native_file(VALUES.tobytes(), "deflated", **MODULE),
    "planes": native_file(bytes(64 * 80 * 3), rows=64, columns=80, samples=3, planar=1),
    "single bits": native_file(bytes(640), rows=64, columns=80, bits_allocated=1),
    "colour": native_file(bytes(64 * 80 * 3), rows=64, columns=80, samples=3, planar=0, photometric="YBR_FULL"),
    "4:2:2": native_file(bytes(64 * 80 * 2), rows=64, columns=80, samples=3, planar=0, photometric="YBR_FULL_422"),
    "encapsulated": encapsulated_file([VALUES[0].tobytes()], "encapsulated_uncompressed", **{**MODULE, "frames": 1}),
}


@pytest.mark.parametrize("name", NO_VIEWS)
def test_what_needs_a_change_is_no_view(tmp_path, name):
    path = tmp_path / "a.dcm"
    path.write_bytes(NO_VIEWS[name])
    found = dt.decode(path)
    assert not is_view(found)
    np.testing.assert_array_equal(found, dt.decode(NO_VIEWS[name]))


def test_bits_that_are_kept_need_no_change(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(NO_VIEWS["bits to correct"])
    found = dt.decode(path, unused_bits="keep")
    assert is_view(found)
    np.testing.assert_array_equal(found, VALUES)
    path.write_bytes(NO_VIEWS["colour"])
    assert is_view(dt.decode(path, raw=True))


def test_out_and_other_sources_are_no_views(path):
    out = np.zeros((5, *SHAPE), np.uint16)
    assert dt.decode(path, out=out) is out
    np.testing.assert_array_equal(out, VALUES)
    assert not is_view(dt.decode(path.read_bytes()))
    with path.open("rb") as file:
        assert not is_view(dt.decode(file))


def test_the_map_can_be_switched_off(path):
    with dt.config.override(memory_map=False):
        found = dt.decode(path)
    assert not is_view(found)
    np.testing.assert_array_equal(found, VALUES)


def test_a_status_is_written_for_a_view(path):
    status = np.full(5, 9, np.uint8)
    assert is_view(dt.decode(path, status=status))
    assert status.tolist() == [0] * 5


def test_a_file_that_has_become_shorter_is_an_error_and_no_crash(path):
    with dt.open(path) as image:
        os.truncate(path, path.stat().st_size - 3 * VALUES[0].nbytes)
        np.testing.assert_array_equal(image[0], VALUES[0])
        with pytest.raises(dt.DecodeError) as caught:
            image.read()
        assert caught.value.frame == 2
        assert caught.value.code == "truncated"


def test_a_file_that_takes_the_place_of_another_is_not_read(path, tmp_path):
    other = tmp_path / "other.dcm"
    other.write_bytes(native_file(bytes(VALUES.nbytes), **MODULE))
    with dt.open(path) as image:
        os.replace(other, path)
        np.testing.assert_array_equal(image.read(), VALUES)
        path.unlink()
        np.testing.assert_array_equal(image.read(), VALUES)


def test_a_relative_path_means_what_it_meant(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / path.name).write_bytes(native_file(bytes(VALUES.nbytes), **MODULE))
    with dt.open(path.name) as image:
        os.chdir(elsewhere)
        np.testing.assert_array_equal(image.read(), VALUES)


def read_so_far() -> int:
    """The bytes that this process has read with system calls: proc(5); 0 where the system does not count them."""
    counts = Path("/proc/self/io")
    return int(re.search(r"rchar: (\d+)", counts.read_text())[1]) if counts.exists() else 0


def test_a_large_file_is_opened_without_being_read(tmp_path):
    path = tmp_path / "large.dcm"
    rows = columns = 16384
    head = native_file(b"", rows=rows, columns=columns, bits_allocated=16, frames=2, length=2 * rows * columns * 2)
    path.write_bytes(head)
    os.truncate(path, len(head) + 2 * rows * columns * 2)  # a hole: it takes no space
    import resource

    before = read_so_far(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    found = dt.decode(path)
    assert read_so_far() - before[0] < 1 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before[1] < 1000  # its pages are 262144
    assert found.shape == (2, rows, columns)
    assert found[1, -1, -1] == 0
