"""Threads: who makes them, who does not, and that they agree. Children of fork and of spawn."""

import concurrent.futures
import contextlib
import gc
import io
import multiprocessing
import os
import subprocess
import sys
import threading
import types
import weakref

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.configuration import resolve_threads

SHAPE = (64, 64)
ARRAYS = [np.random.default_rng(k).integers(0, 50, SHAPE, np.uint16) for k in range(16)]
MODULE = {"rows": 64, "columns": 64, "bits_allocated": 16}
SOURCES = {
    "rle": encapsulated_file([dt.encode_frame(a, "RLELossless") for a in ARRAYS], "rle", **MODULE),
    "jpegls": encapsulated_file([dt.encode_frame(a, "JPEGLSLossless") for a in ARRAYS], "jpegls", **MODULE),
}
every_source = pytest.mark.parametrize("kind", SOURCES)


def run(code: str, **environment: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DCMTURBO_")}
    folder = os.path.dirname(os.path.dirname(__file__))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**inherited, "PYTHONPATH": folder, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


COUNT = "import os\ncount = lambda: len(os.listdir('/proc/self/task'))\n"
SET_UP = """
import numpy as np, dcmturbo as dt
from helpers.dicom_writer import encapsulated_file
arrays = [np.random.default_rng(k).integers(0, 50, (64, 64), np.uint16) for k in range(8)]
def file(syntax, name):
    frames = [dt.encode_frame(a, syntax) for a in arrays]
    return encapsulated_file(frames, name, rows=64, columns=64, bits_allocated=16)
"""
needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")


@needs_proc
def test_importing_makes_no_thread_says_nothing_and_leaves_the_environment_alone():
    code = COUNT + "import numpy\n"  # which makes threads of its own
    code += "before = dict(os.environ), count()\nimport dcmturbo\nprint(before == (dict(os.environ), count()))"
    assert run(code) == "True"


@needs_proc
def test_importing_does_not_import_what_is_not_used():
    code = "import sys, dcmturbo\nprint([m for m in ('imagecodecs', 'fsspec', 'torch', 'rich') if m in sys.modules])"
    assert run(code) == "[]"


@needs_proc
@pytest.mark.parametrize(("syntax", "name"), [("RLELossless", "rle"), ("JPEGLSLossless", "jpegls")])
def test_one_thread_makes_no_thread(syntax, name):
    code = COUNT + SET_UP + f"source = file({syntax!r}, {name!r})\nbefore = count()\n"
    code += "dt.decode(source, threads=1)\ndt.decode_series([source, source], threads=1)\n"
    code += "with dt.open(source) as image: list(image.frames(0, threads=1))\nprint(count() - before)"
    assert run(code) == "0"


@needs_proc
def test_more_threads_make_threads_once():
    code = COUNT + SET_UP + "source = file('RLELossless', 'rle')\nbefore = count()\n"
    code += "dt.decode(source, threads=3)\nfirst = count() - before\n"
    code += "for _ in range(20): dt.decode(source, threads=3)\nprint(first, count() - before - first)"
    assert run(code) == "2 0"


@every_source
@pytest.mark.parametrize("threads", [1, 2, 3, 8, 64])
def test_every_number_of_threads(kind, threads):
    np.testing.assert_array_equal(dt.decode(SOURCES[kind], threads=threads), ARRAYS)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(threads):
    with pytest.raises(ValueError, match="threads"):
        dt.decode(SOURCES["rle"], threads=threads)
    with pytest.raises(TypeError):
        dt.decode(SOURCES["rle"], threads=1.5)


@every_source
def test_callers_of_many_threads_at_once(kind):
    def decode(k: int) -> bool:
        found = dt.decode(SOURCES[kind], threads=1 + k % 4)
        return np.array_equal(found, ARRAYS)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(decode, range(60)))


@every_source
def test_one_image_read_by_many_threads_at_once(kind):
    with dt.open(SOURCES[kind]) as image, concurrent.futures.ThreadPoolExecutor(8) as pool:
        for k, found in enumerate(pool.map(lambda k: image.read(k % 16, threads=1 + k % 3), range(100))):
            np.testing.assert_array_equal(found, ARRAYS[k % 16])


def test_the_pool_does_each_once_with_any_number_of_threads():
    for threads in (1, 2, 5, 40):
        for count in (0, 1, 2, 1000):
            done = []
            _core.parallel_for(count, threads, done.append)
            assert sorted(done) == list(range(count))


def test_a_nested_call_stays_on_its_thread():
    seen = {}

    def body(i: int) -> None:
        here = threading.get_ident()
        _core.parallel_for(20, 8, lambda j: seen.setdefault((i, j), threading.get_ident() == here))

    _core.parallel_for(10, 4, body)
    assert len(seen) == 200
    assert all(seen.values())


def test_a_nested_decode_from_a_reader_in_python():
    class Reader:
        """A file object that decodes another file whenever it is read."""

        def __init__(self, data: bytes) -> None:
            import io

            self.inner = io.BytesIO(data)

        def tell(self):
            return self.inner.tell()

        def seek(self, *where):
            return self.inner.seek(*where)

        def read(self, size=-1):
            np.testing.assert_array_equal(dt.decode(SOURCES["rle"], [0, 1, 2], threads=4), ARRAYS[:3])
            return self.inner.read(size)

    np.testing.assert_array_equal(dt.decode(Reader(SOURCES["rle"]), threads=4), ARRAYS)


def test_a_nested_decode_in_work_of_python():
    from dcmturbo.frames.workers import map_on_workers

    def job(k: int) -> bool:
        return np.array_equal(dt.decode(SOURCES["jpegls"], threads=4), ARRAYS)

    assert all(map_on_workers(job, range(12), 4))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_lowest_job_of_python_that_fails_is_raised(threads):
    from dcmturbo.frames.workers import map_on_workers

    done = []

    def job(k: int) -> int:
        done.append(k)
        if k in (3, 4, 9):
            raise LookupError(k)
        return 2 * k

    assert map_on_workers(job, range(3), threads) == [0, 2, 4]
    for _ in range(20):
        done.clear()
        with pytest.raises(LookupError, match="3"):
            map_on_workers(job, range(4000), threads)
        assert {0, 1, 2, 3} <= set(done)
        assert len(done) < 4000


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_error_of_a_job_of_python_keeps_nothing_alive(threads):
    from dcmturbo.frames.workers import map_on_workers

    arrays = []

    def job(k: int) -> None:
        large = np.zeros(9)
        arrays.append(weakref.ref(large))
        raise LookupError(k)

    gc.disable()
    try:
        with contextlib.suppress(LookupError):
            map_on_workers(job, range(8), threads)
        assert all(one() is None for one in arrays)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "call",
    [
        lambda source: dt.decode(source, threads=2),
        lambda source: dt.decode_series([source, source]),
        lambda source: dt.decode(source, apply=lambda frame, out: None, dtype=np.float32),
        lambda source: dt.transcode(source, io.BytesIO(), "HTJ2KLossless"),
    ],
    ids=["decode", "decode_series", "apply", "transcode"],
)
def test_the_error_of_a_frame_is_freed_when_it_is_handled(call):
    frames = [dt.encode_frame(a, "RLELossless") for a in ARRAYS[:4]]
    frames[2] = frames[2][:100]
    source = encapsulated_file(frames, "rle", **MODULE)
    gc.disable()
    try:
        try:
            call(source)
        except dt.DecodeError as error:
            caught = weakref.ref(error)
        assert caught() is None
    finally:
        gc.enable()


@every_source
def test_the_lowest_failing_frame_is_named_every_time(kind):
    frames = [dt.encode_frame(a, {"rle": "RLELossless", "jpegls": "JPEGLSLossless"}[kind]) for a in ARRAYS]
    for k in (5, 6, 11, 15):
        frames[k] = frames[k][: len(frames[k]) // 2 * 2 - 40]
    source = encapsulated_file(frames, kind, **MODULE)
    messages = set()
    for _ in range(25):
        for threads in (1, 2, 8):
            with pytest.raises(dt.DecodeError) as caught:
                dt.decode(source, threads=threads)
            assert caught.value.frame == 5
            messages.add(str(caught.value))
    assert len(messages) == 1


# ---- processes ---------------------------------------------------------------------------------


def decode_in_child(kind: str) -> bool:
    return all(np.array_equal(dt.decode(SOURCES[kind], threads=n), ARRAYS) for n in (1, 2, 4))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@every_source
def test_a_child_of_fork(kind):
    assert decode_in_child(kind)  # the parent's pools exist
    for _ in range(5):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if decode_in_child(kind) else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    assert decode_in_child(kind)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@every_source
def test_a_child_of_fork_while_other_threads_decode(kind):
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            dt.decode(SOURCES[kind], threads=3)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                import signal

                signal.alarm(30)
                code = 1
                try:
                    code = 0 if decode_in_child("rle") else 2
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_children_of_spawn():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert all(pool.map(decode_in_child, SOURCES))


def raise_in_child() -> None:
    dt.decode_frame(b"\0" * 10, "RLELossless", rows=2, columns=2, bits_allocated=8)


def test_an_error_comes_back_from_a_child():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        caught = pool.submit(raise_in_child).exception()
    assert isinstance(caught, dt.DecodeError)
    assert caught.code == "truncated"


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_that_decode_while_the_interpreter_ends(threads):
    code = SET_UP + "source = file('RLELossless', 'rle')\nimport threading\n"
    code += f"def busy():\n    while True: dt.decode(source, threads={threads})\n"
    code += "for _ in range(4): threading.Thread(target=busy, daemon=True).start()\n"
    code += "import time\ntime.sleep(0.1)\nprint('end')"
    for _ in range(3):
        assert run(code) == "end"


# ---- torch -------------------------------------------------------------------------------------


@pytest.fixture
def fake_torch(monkeypatch):
    data = types.ModuleType("torch.utils.data")
    data.get_worker_info = lambda: None
    monkeypatch.setitem(sys.modules, "torch.utils.data", data)
    monkeypatch.delenv("DCMTURBO_NUM_THREADS", raising=False)
    return data


def test_one_thread_within_a_worker_of_a_data_loader(fake_torch, monkeypatch):
    dt.config.threads = 5
    try:
        assert resolve_threads(None) == 5
        fake_torch.get_worker_info = lambda: object()
        assert resolve_threads(None) == 1
        assert resolve_threads(3) == 3
        monkeypatch.setenv("DCMTURBO_NUM_THREADS", "5")
        assert resolve_threads(None) == 5
    finally:
        dt.config.threads = None


# ---- what threads share ------------------------------------------------------------------------


@pytest.mark.parametrize("prefer", ["own", "library"])
@pytest.mark.parametrize("side", [8, 64, 300])  # the smaller ones are decoded without releasing the GIL
def test_threads_that_each_decode_frames(side, prefer):
    if prefer == "library":
        pytest.importorskip("imagecodecs")
    arrays = [np.random.default_rng(k).integers(0, 300, (side, side), np.uint16) for k in range(8)]
    frames = [dt.encode_frame(a, "RLELossless") for a in arrays]

    def decodes_right(k: int) -> bool:
        known = {"rows": side, "columns": side, "bits_allocated": 16}
        return all(np.array_equal(dt.decode_frame(frames[k], "RLELossless", **known), arrays[k]) for _ in range(50))

    with dt.config.override(prefer=prefer), concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(decodes_right, range(8)))


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python has no GIL")
def test_a_small_frame_in_rle_is_decoded_without_releasing_the_gil():
    array = np.random.default_rng(1).integers(0, 300, (64, 64), np.uint16)
    frame = dt.encode_frame(array, "RLELossless")
    may_run, has_run = threading.Lock(), []
    may_run.acquire()
    other = threading.Thread(target=lambda: (may_run.acquire(), has_run.append(True)))
    other.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # from here on, the other thread runs only if this one releases the GIL
    try:
        may_run.release()
        for _ in range(200):
            dt.decode_frame(frame, "RLELossless", rows=64, columns=64, bits_allocated=16)
        assert not has_run
    finally:
        sys.setswitchinterval(interval)
        other.join()


def test_results_never_share_memory():
    """Blocks of memory are used again: not while anything still refers to them."""
    large = [np.full((1200, 1200), k, np.uint8) for k in range(4)]
    sources = [encapsulated_file([dt.encode_frame(a, "RLELossless")], "rle", rows=1200, columns=1200) for a in large]
    kept = [dt.decode(source) for source in sources]
    views = [dt.decode(source)[100:200, ::3] for source in sources]
    for _ in range(10):
        for source in sources:
            dt.decode(source)[...] = 99
    for k in range(4):
        assert (kept[k] == k).all()
        assert (views[k] == k).all()
    for a in range(4):
        for b in range(a):
            assert not np.shares_memory(kept[a], kept[b])


def test_settings_may_change_while_others_decode():
    stop = threading.Event()
    failures = []

    def busy() -> None:
        while not stop.is_set():
            if not np.array_equal(dt.decode(SOURCES["rle"], threads=2), ARRAYS):
                failures.append(1)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(200):
            for isa in dt.config.available_isas:
                dt.config.isa = isa
    finally:
        stop.set()
        thread.join()
    assert not failures
