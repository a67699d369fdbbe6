"""kill -9 at a random moment, then the same command again."""

import os
import shutil
import subprocess
import time

import pytest
from helpers.archives import image, numbered, same_pixels
from helpers.killing import Killer, both_ways, rounds_of_kills, transcode_command

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME, Manifest, ManifestError

pytestmark = pytest.mark.kills

ROUNDS = rounds_of_kills(2)  # of each way
FILES = 240
CHUNK = 8  # files that a process may have at once: dcmturbo.archives.coordinator

COMMAND = transcode_command("HTJ2KLossless")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    contents = [image(seed, rows=96, columns=128, frames=2, syntax="rle") for seed in range(6)]
    return numbered(tmp_path_factory.mktemp("kill") / "source", (contents[i % 6] for i in range(FILES)))


def identities(target):
    return {
        name: (os.stat(target / name).st_ino, os.stat(target / name).st_mtime_ns)
        for name in os.listdir(target)
        if not name.startswith(".")
    }


@both_ways
def test_a_killed_run_goes_on_where_it_was(source, tmp_path, how):
    target = tmp_path / "out"
    command = [*COMMAND, *how, str(source), str(target)]
    killer = Killer(command, how)
    done_again = []
    unfinished = 0
    for _ in range(ROUNDS):
        shutil.rmtree(target)
        run = killer.kill(command, 0.2, 1.0)
        deadline = time.monotonic() + 10
        while _processes_of(run.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not _processes_of(run.pid)
        before = identities(target) if target.exists() else {}
        for name in before:  # nothing half-written has a name
            assert dt.decode(target / name).shape == (2, 96, 128)
        if (target / NAME).exists():
            try:
                with Manifest(str(target / NAME), write=False) as manifest:
                    recorded = len(list(manifest.rows()))
            except ManifestError:
                recorded = 0  # killed between making the file and writing to it: the next run begins it
            assert recorded <= len(before)
        unfinished += len(before) < FILES
        again = subprocess.run(command, check=False)
        assert again.returncode == 0
        after = identities(target)
        assert len(after) == FILES
        done_again.append(sum(after[name] != identity for name, identity in before.items()))
        assert not [name for name in os.listdir(target) if name.endswith(".part")]
        with Manifest(str(target / NAME), write=False) as manifest:
            rows = list(manifest.rows())
        assert len(rows) == FILES
        assert all(row.status == "transcoded" and row.verified for row in rows)
        for row in rows[:: FILES // 12]:
            assert same_pixels(row.path, row.destination)
            assert row.bytes_after == os.stat(row.destination).st_size
    # In flight: of threads the file that each has; of processes the group that each has, and the one before it, if the
    # news of it did not arrive.
    most = 2 * 2 * CHUNK if "--jobs" in how else 4
    assert max(done_again) <= most, done_again
    assert unfinished


def _processes_of(session: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(name))
    return found
