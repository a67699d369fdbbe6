"""The arrays that decode_frame makes: their memory lives as long as they and their views do."""

import gc

import numpy as np
import pytest

import dcmturbo as dt

# Small arrays and those of a mebibyte have different owners.
SIDES = (1, 7, 64, 1024)


def frame(side: int) -> np.ndarray:
    data = (np.arange(side * side, dtype=np.uint16) * 7).tobytes()
    return dt.decode_frame(data, "ExplicitVRLittleEndian", rows=side, columns=side, bits_allocated=16)


@pytest.mark.parametrize("side", SIDES)
def test_the_array_is_an_ordinary_one(side):
    array = frame(side)
    assert type(array) is np.ndarray
    assert array.shape == (side, side)
    assert array.dtype == np.uint16
    assert array.flags.c_contiguous
    assert array.flags.aligned
    assert array.flags.writeable
    assert array.ctypes.data % 64 == 0
    array[...] = 5
    assert array.sum(dtype=np.int64) == 5 * side * side


@pytest.mark.parametrize("side", [1, 7, 64])
def test_writing_can_be_forbidden_and_allowed_again(side):
    array = frame(side)
    array.flags.writeable = False
    array.flags.writeable = True
    array += 1
    assert array[0, 0] == 1


@pytest.mark.parametrize("side", SIDES)
def test_views_keep_the_memory(side):
    expected = np.arange(side * side, dtype=np.uint16).reshape(side, side) * 7
    views = [frame(side)[::-1] for _ in range(10)]
    gc.collect()
    others = [frame(side) + 1 for _ in range(10)]
    for view in views:
        np.testing.assert_array_equal(view[::-1], expected)
    del others


def test_the_owner_of_a_small_array_shows_its_memory_and_cannot_be_made():
    array = frame(7)
    assert array.base is not None
    array[0, 0] = 0x1234
    view = memoryview(array.base)
    assert view.nbytes == array.nbytes
    assert not view.readonly
    assert np.frombuffer(view, np.uint16)[0] == 0x1234
    with pytest.raises(TypeError):
        type(array.base)()


def test_an_array_of_more_bytes_than_addresses_is_refused():
    with pytest.raises((MemoryError, ValueError)):
        dt._core.aligned_empty("u8", [1 << 31, 1 << 31])


def test_memory_that_serves_again_belongs_to_one_array():
    # The memory of a small array that is freed is kept for the next one of its size, or of half of it.
    random = np.random.default_rng(5)
    held: list[np.ndarray] = []
    for number in range(1500):
        array = frame(int(random.choice([1, 2, 40, 41, 60, 64, 181, 182, 256])))
        assert memoryview(array.base).nbytes == array.nbytes
        assert array.ctypes.data % 64 == 0
        array[...] = number
        held.append(array)
        del array
        while len(held) > 6 or (held and random.integers(2)):
            held.pop(int(random.integers(len(held))))
        for each in held:
            assert np.all(each == each[0, 0])
        assert len({int(each[0, 0]) for each in held}) == len(held)
