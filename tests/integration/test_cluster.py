"""A dask.distributed scheduler with two worker processes, one of which is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.archives import image, numbered, same_pixels, tree
from helpers.poison import make_poisoned, write_site

import dcmturbo as dt
from dcmturbo.archives.manifest import Manifest

pytest.importorskip("distributed", reason="dask.distributed is not installed (extra cluster)")

CHUNK = 16  # files of a task: dcmturbo.archives.coordinator


@pytest.fixture
def cluster(tmp_path):
    """The scheduler's address, and the processes of two workers without a nurse: who dies stays dead."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([write_site(tmp_path / "site"), *sys.path]),
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "30s",
    }
    place = tmp_path / "scheduler.json"
    common = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    dask = [sys.executable, "-m", "dask"]
    processes = [
        subprocess.Popen(
            [
                *dask,
                "scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--no-dashboard",
                "--scheduler-file",
                str(place),
            ],
            **common,
        )
    ]
    deadline = time.monotonic() + 60
    while not place.exists() or not place.read_text().strip():
        assert time.monotonic() < deadline, "the scheduler does not begin"
        time.sleep(0.05)
    import json

    address = json.loads(place.read_text())["address"]
    for number in range(2):
        processes.append(
            subprocess.Popen(
                [
                    *dask,
                    "worker",
                    address,
                    "--nthreads",
                    "1",
                    "--no-nanny",
                    "--no-dashboard",
                    "--name",
                    f"worker{number}",
                ],
                **common,
            )
        )
    from distributed import Client

    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    yield address, processes[1:]
    for process in processes[::-1]:
        process.kill()
        process.wait()


@pytest.fixture
def source(tmp_path):
    return numbered(tmp_path / "source", [image(1, rows=256, columns=256, frames=4, syntax="rle")] * 200)


pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore"),  # those of the scheduler's client, when a worker is killed
]


def test_a_cluster_does_what_threads_do(cluster, source, tmp_path):
    address, _ = cluster
    dt.transcode_archive(source, tmp_path / "local", "HTJ2KLossless")
    result = dt.transcode_archive(source, tmp_path / "out", "HTJ2KLossless", executor=address)
    assert result.is_complete
    assert result.counts["transcoded"] == 200
    assert tree(tmp_path / "out") == tree(tmp_path / "local")
    with Manifest(result.manifest, write=False) as manifest:
        assert manifest.runs()[0].executor == "dask.distributed"
        assert manifest.runs()[0].jobs == 2
    assert dt.transcode_archive(source, tmp_path / "out", "HTJ2KLossless", executor=address).counts["skipped"] == 200


def test_a_killed_worker_costs_its_files_in_flight(cluster, source, tmp_path):
    address, workers = cluster
    target = tmp_path / "out"
    recorded: dict[str, int] = {}
    killed = []

    def progress(state):
        if state.files >= 40 and not killed:
            workers[0].send_signal(signal.SIGKILL)
            workers[0].wait()
            killed.append(state.files)
            with Manifest(str(target / ".dcmturbo-transcode.sqlite"), write=False) as manifest:
                for row in manifest.rows():
                    recorded[row.destination] = os.stat(row.destination).st_ino
            recorded.update({str(path): path.stat().st_ino for path in target.glob("*.dcm")})

    result = dt.transcode_archive(source, target, "HTJ2KLossless", executor=address, progress=progress)
    assert killed
    assert killed[0] < 200
    assert result.is_complete, result.failures[:3]
    assert result.counts["transcoded"] == 200
    # Outputs that were there when the worker died, and have been written again.
    again = [path for path, inode in recorded.items() if os.stat(path).st_ino != inode]
    assert len(again) <= 2 * CHUNK, again
    for path in sorted(target.glob("*.dcm"))[::25]:
        assert same_pixels(path, source / path.name)
    # What the worker had begun to write is removed by the next run, which has nothing else to do.
    assert dt.transcode_archive(source, target, "HTJ2KLossless", resume=True).counts["skipped"] == 200


def test_the_command_line_takes_a_scheduler(cluster, source, tmp_path):
    address, _ = cluster
    command = [sys.executable, "-m", "dcmturbo.cli", "transcode", source, tmp_path / "out", "--to", "RLELossless"]
    done = subprocess.run([*command, "--scheduler", address], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "200 files" in done.stdout


def test_nobody_at_the_address(tmp_path, source):
    from dcmturbo.archives import cluster as module

    before = module._SECONDS_TO_CONNECT
    module._SECONDS_TO_CONNECT = 1
    try:
        with pytest.raises(OSError, match="9"):
            dt.transcode_archive(source, tmp_path / "out", "RLELossless", executor="tcp://127.0.0.1:9")
    finally:
        module._SECONDS_TO_CONNECT = before
    assert not list(Path(tmp_path / "out").glob("*.dcm"))


def test_files_that_their_process_dies_of_do_not_cost_a_worker(cluster, tmp_path):
    address, workers = cluster
    poisoned = {0, 1, 9, 30, 31, 32, 59}
    make_poisoned(tmp_path / "poisoned", 60, poisoned)
    result = dt.transcode_archive(tmp_path / "poisoned", tmp_path / "out", "RLELossless", executor=address)
    assert {int(Path(failure.path).stem) for failure in result.failures} == poisoned
    assert {failure.error for failure in result.failures} == {"the process that decoded it died (signal 11, SIGSEGV)"}
    assert (result.counts["transcoded"], result.stopped) == (53, None)
    assert [worker.poll() for worker in workers] == [None, None]
