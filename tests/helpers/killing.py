"""Runs of the command line that are killed while they work."""

from __future__ import annotations

import os
import random
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


class Killer:
    """Kills runs of a command at random parts of the time that a whole run takes. `killed` counts them."""

    def __init__(self, command: list[str], seed: object) -> None:
        """Run the command once, and measure it."""
        self.killed = 0
        self._draw = random.Random(str(seed))
        begin = time.perf_counter()
        subprocess.run(command, check=True)
        self._whole = time.perf_counter() - begin

    def kill(
        self, command: list[str], least: float, most: float, *, group: bool = False, **options: object
    ) -> subprocess.Popen:
        """Run a command, kill it at a part between `least` and `most` of the time, and wait for its end.

        Without `group` the coordinator alone is killed: its processes have to see for themselves that it is gone.
        """
        run = start_and_kill(command, self._draw.uniform(least, most) * self._whole, group=group, **options)
        if run.returncode == -signal.SIGKILL:
            self.killed += 1
        else:  # it was at its end before: the machine has less other work than when the whole run was measured
            self._whole *= 0.8
        return run


def start_and_kill(command: list[str], after: float, *, group: bool = False, **options: object) -> subprocess.Popen:
    """Run a command, kill it after some seconds unless it has ended, and wait for its end."""
    run = subprocess.Popen(command, start_new_session=True, **options)
    try:
        run.wait(after)
    except subprocess.TimeoutExpired:
        if group:
            os.killpg(run.pid, signal.SIGKILL)
        else:
            os.kill(run.pid, signal.SIGKILL)
        run.wait()
    return run
