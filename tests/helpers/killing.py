"""Runs of the command line that are killed while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

# A run on threads of one process, and one on processes.
both_ways = pytest.mark.parametrize("how", [["--threads", "2"], ["--jobs", "2"]], ids=["threads", "processes"])


def rounds_of_kills(usual: int) -> int:
    """How many runs are killed: `usual`, or more in .ci/run."""
    return int(os.environ.get("DCMTURBO_KILL_ROUNDS", usual))


def transcode_command(target: str) -> list[str]:
    """The beginning of a command that transcodes to a transfer syntax."""
    return [sys.executable, "-m", "dcmturbo.cli", "transcode", "--to", target, "--quiet"]


def seconds_of(command: list[str]) -> float:
    """How long a command takes that is left alone."""
    begin = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - begin


def killed(command: list[str], after: float, *, group: bool = False, **options: object) -> subprocess.Popen:
    """Run a command, kill it after some seconds, and wait for its end.

    Without `group` the coordinator alone is killed: its processes have to see for themselves that it is gone.
    """
    run = subprocess.Popen(command, start_new_session=True, **options)
    time.sleep(after)
    if group:
        os.killpg(run.pid, signal.SIGKILL)
    else:
        os.kill(run.pid, signal.SIGKILL)
    run.wait()
    return run
