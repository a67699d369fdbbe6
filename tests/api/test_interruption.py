"""Ctrl-C while the core works: what the signal's handler raises is raised soon, and the core can go on afterwards."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import noise

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.formats import library


class Interrupted(BaseException):
    """What the handler raises, as that of Ctrl-C raises KeyboardInterrupt."""


@pytest.fixture
def interrupted() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Give a function that calls another, during which a signal's handler raises, and expects that."""

    def handler(number: int, frame: object) -> None:
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, handler)

    def call(work: Callable[[], object]) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        work()

    def call_and_expect(work: Callable[[], object]) -> None:
        with pytest.raises(Interrupted):
            call(work)

    yield call_and_expect
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


def works_still() -> None:
    """Encode and decode on a team and on many workers."""
    image = noise((300, 500), np.uint8)
    data = dt.encode_frame(image, "RLELossless", threads=3)
    file = encapsulated_file([data] * 5, "RLELossless", rows=300, columns=500)
    assert np.array_equal(dt.decode(file, threads=3), np.stack([image] * 5))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("on_error", ["raise", "salvage"])
def test_many_frames(interrupted, threads, on_error):
    image = noise((96, 96), np.uint8)
    data = dt.encode_frame(image, "JPEG2000Lossless")
    count = 4000  # ten seconds and more
    out = np.zeros((count, 96, 96), np.uint8)
    source = encapsulated_file([data], "JPEG2000Lossless", rows=96, columns=96)
    with dt.open(source) as opened:
        interrupted(lambda: opened.read([0] * count, out=out, threads=threads, on_error=on_error))
    assert not out[-1].any()
    works_still()


LARGE = {"JPEG2000Lossless": 2500, "JPEGLosslessSV1": 10000, "RLELossless": 20000}


@pytest.fixture(scope="module")
def large() -> dict[str, bytes]:
    """Encoded frames that take a good part of a second each."""
    tile = noise((500, 500), np.uint8)
    encoded = {}
    for keyword, size in LARGE.items():
        image = np.tile(tile, (size // 500, size // 500))
        encoded[keyword] = dt.encode_frame(image, keyword, threads=2)
    return encoded


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("on_error", ["raise", "salvage"])
@pytest.mark.parametrize("keyword", LARGE)
def test_one_large_frame(interrupted, large, keyword, on_error, threads):
    size = LARGE[keyword]
    out = np.zeros((size, size), np.uint8)
    shape = {"rows": size, "columns": size, "bits_allocated": 8}
    data = large[keyword]
    interrupted(lambda: dt.decode_frame(data, keyword, **shape, out=out, threads=threads, on_error=on_error))
    assert not out[-1].any()
    works_still()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("keyword", ["JPEGLosslessSV1", "RLELossless"])
def test_encoding(interrupted, keyword, threads):
    image = np.tile(noise((500, 500), np.uint16), (20, 20))
    interrupted(lambda: dt.encode_frame(image, keyword, threads=threads))
    works_still()


@pytest.mark.parametrize("threads", [1, 2])
def test_within_a_library(threads):
    """A library's function that is interrupted ends the batch: the frames behind are not begun."""
    begun = []

    def end(data: object, header: object, out: object) -> None:
        begun.append(data)
        signal.raise_signal(signal.SIGINT)
        for _ in range(100):  # the handler is called in here, if this is the main thread
            len(begun)
        raise KeyboardInterrupt

    data = dt.encode_frame(noise((64, 64), np.uint8), "JPEGXLLossless")
    source = encapsulated_file([data] * 50, "1.2.840.10008.1.2.4.110", rows=64, columns=64)
    _core.set_library(end, library.reconstruct_jpeg)
    try:
        with pytest.raises(KeyboardInterrupt):
            dt.decode(source, threads=threads, on_error="salvage")
    finally:
        _core.set_library(library.decode_into, library.reconstruct_jpeg)
    assert len(begun) <= threads
    works_still()


def test_a_handler_that_raises_nothing_ends_nothing():
    called = []
    previous = signal.signal(signal.SIGALRM, lambda number, frame: called.append(number))
    image = np.tile(noise((500, 500), np.uint8), (5, 5))
    data = dt.encode_frame(image, "JPEG2000Lossless")
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        decoded = dt.decode_frame(data, "JPEG2000Lossless", rows=2500, columns=2500, bits_allocated=8)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert called
    assert np.array_equal(decoded, image)


def test_other_threads_do_not_end(interrupted):
    """Signals are handled on the main thread: the call of another goes on."""
    image = np.tile(noise((500, 500), np.uint8), (5, 5))
    data = dt.encode_frame(image, "JPEG2000Lossless")
    results = []
    done = threading.Event()

    def decode() -> None:
        results.append(dt.decode_frame(data, "JPEG2000Lossless", rows=2500, columns=2500, bits_allocated=8))
        done.set()

    thread = threading.Thread(target=decode)

    def wait() -> None:
        thread.start()
        done.wait()

    interrupted(wait)
    assert done.wait(60)
    assert np.array_equal(results[0], image)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_transcoding(interrupted, tmp_path, threads):
    data = dt.encode_frame(noise((96, 96), np.uint8), "JPEG2000Lossless")
    source = encapsulated_file([data] * 3000, "JPEG2000Lossless", rows=96, columns=96)
    interrupted(lambda: dt.transcode(source, tmp_path / "a.dcm", "JPEGLosslessSV1", threads=threads))
    assert not list(tmp_path.iterdir())
    works_still()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_another_thread_forked():
    """In it, that thread is the main one, which handles signals."""
    image = noise((2048, 2048), np.uint8)
    data = dt.encode_frame(image, "JPEG2000Lossless")
    statuses = []

    def handler(number: int, frame: object) -> None:
        raise Interrupted

    def fork() -> None:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            out = np.zeros((2048, 2048), np.uint8)
            try:
                dt.decode_frame(data, "JPEG2000Lossless", rows=2048, columns=2048, bits_allocated=8, threads=1, out=out)
                os._exit(1)
            except Interrupted:
                os._exit(2 if out[-1].any() else 0)  # 2: the signal was handled after the call
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    assert statuses == [0]
