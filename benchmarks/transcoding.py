"""Transcoding archives: what it costs besides the codecs, its rate, and what a cluster adds."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
from data import wg04
from measure import interleaved, median

import dcmturbo as dt
from dcmturbo.archives import work

Row = dict[str, Any]


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    # In memory where there is room: the disk of a shared machine is slower one second than the next.
    shared = Path("/dev/shm")
    place = shared if shared.is_dir() and shutil.disk_usage(shared).free > 8 << 30 else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _archive(source: Path, target: Path, syntax: str, files: int, **options: Any) -> None:
    result = dt.transcode_archive(source, _fresh(target), syntax, **options)
    assert result.counts["transcoded"] == files, result.failures[:3]


def _two_processes(command: list[str], source: Path, target: Path) -> None:
    """Run a program for each file, two at a time."""
    _fresh(target).mkdir()
    names = sorted(os.listdir(source))

    def one(name: str) -> None:
        subprocess.run([*command, str(source / name), str(target / name)], check=True, capture_output=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, names))


def _compare(source: Path, ours: Path, theirs: Path) -> None:
    for name in sorted(os.listdir(source))[::40]:
        expected = dt.decode(source / name, raw=True, unused_bits="keep")
        assert (dt.decode(ours / name, raw=True, unused_bits="keep") == expected).all(), name
        assert (dt.decode(theirs / name, raw=True, unused_bits="keep") == expected).all(), name


def _around(source: Path, target: Path, files: int) -> float:
    """Return the seconds a file that walk, manifest and threads take: of a run that transcodes nothing."""
    done = dt.TranscodeResult("transcoded", "", "", 1, 1, 1, 1, None, True, False)
    real, work.transcode = work.transcode, lambda *_, **__: done
    try:
        begin = time.perf_counter()
        for _ in range(5):
            _archive(source, target, "ExplicitVRLittleEndian", files)
        return (time.perf_counter() - begin) / files / 5
    finally:
        work.transcode = real


def overhead(rounds: int, control: float) -> list[Row]:
    """500 CT slices, RLE to uncompressed, verified, in a warm process, against dcmdrle on two processes; files/s."""
    if shutil.which("dcmdrle") is None:
        raise SystemExit("dcmdrle is not installed (apt-get install dcmtk)")
    files = 500
    with _folder() as folder:
        source = folder / "source"
        source.mkdir()
        data = wg04("RLE")[0].read_bytes()
        for i in range(files):
            (source / f"{i:03}.dcm").write_bytes(data)
        works: dict[str, Callable[[], None]] = {
            "ours": lambda: _archive(source, folder / "ours", "ExplicitVRLittleEndian", files),
            "one thread": lambda: _archive(source, folder / "one", "ExplicitVRLittleEndian", files, threads=1),
            "dcmdrle": lambda: _two_processes(["dcmdrle"], source, folder / "theirs"),
        }
        times, facts = interleaved(works, rounds, two_threads=True, most_rounds=4 * rounds, control_floor=control)
        _compare(source, folder / "ours", folder / "theirs")

        around = _around(source, folder / "one", files)
        return [
            {
                "file": f"{files} CT slices",
                "ratio": median(times["dcmdrle"]) / median(times["ours"]),
                "ours, files/s": files / median(times["ours"]),
                "dcmdrle, files/s": files / median(times["dcmdrle"]),
                "one thread, files/s": files / median(times["one thread"]),
                "archive around a file, ms": 1000 * around,
                **facts,
            }
        ]


def throughput(rounds: int, control: float) -> list[Row]:
    """200 files of WG-04 kinds, JPEG Lossless to HTJ2K, verified, against gdcmconv --j2k on two processes."""
    return _throughput("HTJ2KLossless", rounds, control)


def throughput_jpeg2000(rounds: int, control: float) -> list[Row]:
    """200 files of WG-04 kinds, JPEG Lossless to JPEG 2000, verified, against gdcmconv --j2k on two processes."""
    return _throughput("JPEG2000Lossless", rounds, control)


def _throughput(syntax: str, rounds: int, control: float, files: int = 200) -> list[Row]:
    program = "/usr/bin/gdcmconv" if Path("/usr/bin/gdcmconv").exists() else shutil.which("gdcmconv")
    if program is None:
        raise SystemExit("gdcmconv is not installed (apt-get install libgdcm-tools)")
    with _folder() as folder:
        source = folder / "source"
        kinds = _jpeg_lossless(source, files)
        works: dict[str, Callable[[], None]] = {
            "ours": partial(_archive, source, folder / "ours", syntax, files),
            "not verified": partial(_archive, source, folder / "not-verified", syntax, files, verify=False),
            "gdcmconv": partial(_two_processes, [program, "--j2k"], source, folder / "theirs"),
        }
        times, facts = interleaved(works, rounds, two_threads=True, most_rounds=4 * rounds, control_floor=control)
        _compare(source, folder / "ours", folder / "theirs")
        pixels = sum(_pixel_bytes(path) for path in kinds) * files / len(kinds)
        return [
            {
                "file": f"{files} files",
                "ratio": median(times["gdcmconv"]) / median(times["ours"]),
                "ratio without verification": median(times["gdcmconv"]) / median(times["not verified"]),
                "ours, MB of pixels/s": pixels / 1e6 / median(times["ours"]),
                "gdcmconv, MB of pixels/s": pixels / 1e6 / median(times["gdcmconv"]),
                "size against theirs": _size(folder / "ours") / _size(folder / "theirs"),
                **facts,
            }
        ]


def _jpeg_lossless(folder: Path, files: int) -> list[Path]:
    """Fill a folder with WG-04's images in JPEG Lossless, in turn; return the images."""
    folder.mkdir()
    kinds = wg04("JPLL")
    for i in range(files):
        shutil.copy(kinds[i % len(kinds)], folder / f"{i:03}.dcm")
    return kinds


def _pixel_bytes(path: Path) -> int:
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    return int(ds.Rows * ds.Columns * ds.SamplesPerPixel * ds.BitsAllocated // 8)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if not path.name.startswith("."))


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    from distributed import Client

    place = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [*dask, "worker", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    processes = [subprocess.Popen([*scheduler, "--scheduler-file", str(place)], **quiet)]
    try:
        while not place.exists():
            time.sleep(0.05)
        for _ in range(2):
            processes.append(subprocess.Popen([*worker, "--scheduler-file", str(place)], **quiet))
        with Client(scheduler_file=str(place), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            yield client.scheduler.address
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.wait()


def cluster(rounds: int, control: float) -> list[Row]:
    """200 files, JPEG Lossless to HTJ2K, verified: dask with two workers, against two threads of one process."""
    files = 200
    with _folder() as folder:
        source = folder / "source"
        _jpeg_lossless(source, files)
        with _cluster(folder) as address:
            works: dict[str, Callable[[], None]] = {
                "local": lambda: _archive(source, folder / "local", "HTJ2KLossless", files),
                "dask": lambda: _archive(source, folder / "dask", "HTJ2KLossless", files, executor=address),
            }
            times, facts = interleaved(works, rounds, two_threads=True, most_rounds=4 * rounds, control_floor=control)
        _compare(source, folder / "local", folder / "dask")
        return [{"file": f"{files} files", "ratio": median(times["local"]) / median(times["dask"]), **facts}]
