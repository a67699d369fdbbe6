"""The pool, the batches that run on it, and what they promise processes and threads."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import types

import numpy as np
import pytest

import dcmturbo as dt
from dcmturbo import _core
from helpers.dicom_writer import encapsulated_file

ROWS, COLUMNS, FRAMES = 40, 50, 24


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4000, (FRAMES, ROWS, COLUMNS)).astype(np.uint16)


def rle_object(frames: np.ndarray, *, damaged: tuple[int, ...] = ()) -> bytes:
    encoded = [dt.encode_frame(frame, "RLELossless") for frame in frames]
    for k in damaged:
        encoded[k] = encoded[k][:200]
    return encapsulated_file(
        [[frame] for frame in encoded],
        "rle",
        rows=ROWS,
        columns=COLUMNS,
        bits_allocated=16,
        frames=len(frames),
    )


@pytest.fixture(scope="module")
def multi_frame(frames) -> bytes:
    return rle_object(frames)


@pytest.mark.parametrize("threads", [1, 2, 3, 8, 64])
def test_every_index_runs_once(threads):
    seen = np.zeros(1000, int)

    def body(i: int) -> None:
        seen[i] += 1

    _core.parallel_for(1000, threads, body)
    assert (seen == 1).all()


def test_a_body_that_calls_the_pool_again_runs_serially():
    seen = np.zeros((8, 8), int)

    def outer(i: int) -> None:
        def inner(j: int) -> None:
            seen[i, j] += 1

        _core.parallel_for(8, 4, inner)

    _core.parallel_for(8, 4, outer)
    assert (seen == 1).all()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_any_number_of_threads_gives_the_same(multi_frame, frames, threads):
    assert np.array_equal(dt.decode(multi_frame, threads=threads), frames)


def test_callers_on_several_threads(multi_frame, frames):
    wrong = []

    def work() -> None:
        for threads in (1, 2, 4):
            if not np.array_equal(dt.decode(multi_frame, threads=threads), frames):
                wrong.append(threads)

    callers = [threading.Thread(target=work) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_lowest_failing_frame_is_reported(frames, threads):
    data = rle_object(frames, damaged=(5, 6, 20))
    for _ in range(20):
        with pytest.raises(dt.DecodeError) as caught:
            dt.decode(data, threads=threads)
        assert caught.value.frame == 5


@pytest.mark.parametrize("threads", [1, 4])
def test_salvage_says_what_became_of_each_frame(frames, threads):
    data = rle_object(frames, damaged=(5, 20))
    status = np.full(FRAMES, 77, np.uint8)
    with pytest.warns(dt.DecodeWarning) as caught:
        array = dt.decode(data, threads=threads, on_error="salvage", fill_value=9, status=status)
    good = np.ones(FRAMES, bool)
    good[[5, 20]] = False
    assert (status[good] == dt.FrameStatus.OK).all()
    assert (status[~good] != dt.FrameStatus.OK).all()
    assert np.array_equal(array[good], frames[good])
    warning = caught[0].message
    assert sorted(warning.errors) == [5, 20]
    assert np.array_equal(warning.status, status)


def test_one_thread_makes_no_thread(multi_frame):
    program = """
        import os, sys, dcmturbo as dt
        before = len(os.listdir("/proc/self/task"))
        dt.decode(sys.stdin.buffer.read(), threads=1)
        assert len(os.listdir("/proc/self/task")) == before, "a thread was made"
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], input=multi_frame, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_importing_makes_no_thread_prints_nothing_and_leaves_the_environment():
    program = """
        import os, numpy
        before, threads = dict(os.environ), len(os.listdir("/proc/self/task"))
        import dcmturbo
        assert dict(os.environ) == before
        assert len(os.listdir("/proc/self/task")) == threads
        import sys
        assert "imagecodecs" not in sys.modules, "imagecodecs is slow to import"
        assert "pydicom" not in sys.modules
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_decodes(multi_frame, frames):
    dt.decode(multi_frame, threads=4)  # the parent's pool exists
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = bool(np.array_equal(dt.decode(multi_frame, threads=4), frames))
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(dt.decode(multi_frame, threads=4), frames)


def test_a_spawned_child_decodes(multi_frame, frames):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.apply(dt.decode, (multi_frame,)), frames)


def test_errors_come_back_from_another_process(frames):
    data = rle_object(frames, damaged=(3,))
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(dt.DecodeError) as caught:
        pool.apply(dt.decode, (data,))
    assert caught.value.frame == 3


def test_a_data_loader_worker_uses_one_thread(monkeypatch):
    from dcmturbo.configuration import resolve_threads

    monkeypatch.delenv("DCMTURBO_NUM_THREADS", raising=False)
    loader = types.ModuleType("torch.utils.data")
    loader.get_worker_info = lambda: object()
    monkeypatch.setitem(sys.modules, "torch.utils.data", loader)
    assert resolve_threads(None) == 1
    assert resolve_threads(3) == 3
    loader.get_worker_info = lambda: None
    assert resolve_threads(None) == dt.config.threads


def test_arrays_outlive_what_made_them_and_large_ones_come_again(frames):
    big = np.random.default_rng(0).integers(0, 255, (1500, 1500)).astype(np.uint8)
    encoded = dt.encode_frame(big, "RLELossless")
    arrays = [dt.decode_frame(encoded, "RLELossless", rows=1500, columns=1500, bits_allocated=8) for _ in range(3)]
    assert len({array.ctypes.data for array in arrays}) == 3
    assert all(array.ctypes.data % 64 == 0 for array in arrays)
    for array in arrays:
        assert np.array_equal(array, big)
    del arrays[1]
    again = dt.decode_frame(encoded, "RLELossless", rows=1500, columns=1500, bits_allocated=8)
    assert np.array_equal(again, big)
    assert np.array_equal(arrays[0], big)
    assert np.array_equal(arrays[1], big)


def test_the_cache_of_large_results_can_be_turned_off():
    big = np.zeros((1500, 1500), np.uint8)
    encoded = dt.encode_frame(big, "RLELossless")
    with dt.config.override(max_cached=0):
        for _ in range(3):
            array = dt.decode_frame(encoded, "RLELossless", rows=1500, columns=1500, bits_allocated=8)
            assert not array.any()
    assert dt.config.limits.max_cached > 0


def test_the_capsule_has_every_function_of_the_header():
    import ctypes

    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype = ctypes.c_void_p
    get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = get_pointer(_core._C_API, b"dcmturbo._core._C_API")
    size, version = (ctypes.c_uint32 * 2).from_address(address)
    assert version == 1
    pointers = (ctypes.c_void_p * ((size - 8) // 8)).from_address(address + 8)
    assert len(pointers) >= 30
    assert all(pointers)
    abi_version = ctypes.CFUNCTYPE(ctypes.c_uint32)(pointers[0])
    assert abi_version() == version
