"""Files that the process dies of which works on them: only they fail, and the run goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.archives import TARGET, image, is_transcoded, numbered, rows_of, tree
from helpers.poison import MARKS, make_poisoned, marked, write_site

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME, Manifest
from dcmturbo.archives.nursery import Nursery, receive
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.transcoding import Transcoding
from dcmturbo.archives.workers import Ended, Processes, do_files_apart

RUN = """
import json, sys, dcmturbo as dt
result = dt.transcode_archive(sys.argv[1], sys.argv[2], sys.argv[3], **eval(sys.argv[4]))
print(json.dumps({"counts": result.counts, "failures": [[f.path, f.type, f.error] for f in result.failures],
                  "stopped": result.stopped, "warnings": result.warnings}))
"""


@pytest.fixture
def site(tmp_path):
    return {**os.environ, "PYTHONPATH": os.pathsep.join([write_site(tmp_path / "site"), *sys.path])}


def transcoded(source, target, site, **options):
    command = [sys.executable, "-c", RUN, str(source), str(target), "RLELossless", repr(options)]
    run = subprocess.run(command, env=site, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, (run.returncode, run.stderr)
    return json.loads(run.stdout)


@pytest.mark.parametrize("how", [{}, {"threads": 1}, {"jobs": 2}], ids=str)
def test_half_of_the_files_are_poisoned(tmp_path, site, how):
    poisoned = set(range(1, 42, 2))
    make_poisoned(tmp_path / "in", 42, poisoned)
    said = transcoded(tmp_path / "in", tmp_path / "out", site, **how)
    assert said["counts"] == {"transcoded": 21, "copied": 0, "unchanged": 0, "failed": 21, "skipped": 0}
    assert {int(Path(path).stem) for path, *_ in said["failures"]} == poisoned
    assert {(kind, error) for _, kind, error in said["failures"]} == {
        ("WorkerDied", "the process that decoded it died (signal 11, SIGSEGV)")
    }
    assert len(tree(tmp_path / "out")) == 21
    assert all(is_transcoded_to_rle(tmp_path / f"out/{i:03}.dcm") for i in range(0, 42, 2))
    # The next run begins with what has never been tried, and ends with what it knows to be dangerous.
    (tmp_path / "in/zzz.dcm").write_bytes(marked())
    again = transcoded(tmp_path / "in", tmp_path / "out", site, **how)
    assert again["counts"] == {"transcoded": 1, "copied": 0, "unchanged": 0, "failed": 21, "skipped": 21}
    assert not [name for name in os.listdir(tmp_path / "out") if name.endswith(".part")]


def is_transcoded_to_rle(path):
    with dt.open(path) as opened:
        return opened.transfer_syntax == "1.2.840.10008.1.2.5"


@pytest.mark.parametrize("how", MARKS)
def test_whatever_way_it_dies_is_told(tmp_path, site, how):
    make_poisoned(tmp_path / "in", 9, {4}, MARKS[how])
    said = transcoded(tmp_path / "in", tmp_path / "out", site)
    assert said["counts"]["transcoded"] == 8
    assert [Path(path).name for path, *_ in said["failures"]] == ["004.dcm"]
    assert how in said["failures"][0][2]


def test_what_kills_its_process_can_be_copied_or_left_out(tmp_path, site):
    make_poisoned(tmp_path / "in", 6, {2, 3})
    left = transcoded(tmp_path / "in", tmp_path / "out", site, on_failure="skip")
    assert left["failures"] == []
    assert left["counts"]["left_out"] == 2
    copied = transcoded(tmp_path / "in", tmp_path / "out", site, on_failure="copy")
    assert copied["failures"] == []
    assert copied["counts"]["copied"] == 2
    assert any("copied unchanged" in warning and "died" in warning for warning in copied["warnings"])
    for name in ("002.dcm", "003.dcm"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    assert transcoded(tmp_path / "in", tmp_path / "out", site, on_failure="copy")["counts"]["skipped"] == 6


EXECUTOR = """
import json, multiprocessing, sys, dcmturbo as dt
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
if __name__ == "__main__":
    kind = {"processes": lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")),
            "threads": lambda: ThreadPoolExecutor(2)}[sys.argv[3]]
    with kind() as pool:
        result = dt.transcode_archive(sys.argv[1], sys.argv[2], "RLELossless", executor=pool)
        assert pool.submit(len, "alive").result() == 5
    print(json.dumps([result.counts, [f.path for f in result.failures], result.stopped]))
"""


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_an_executor_of_the_caller_lives_on(tmp_path, site, kind):
    poisoned = {1, 2, 7, 16, 17, 18}
    make_poisoned(tmp_path / "in", 20, poisoned)
    (tmp_path / "run.py").write_text(EXECUTOR)
    command = [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "in"), str(tmp_path / "out"), kind]
    run = subprocess.run(command, env=site, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    counts, failures, stopped = json.loads(run.stdout)
    assert (counts["transcoded"], counts["failed"], stopped) == (14, 6, None)
    assert {int(Path(path).stem) for path in failures} == poisoned


def test_a_dry_run_survives_them_too(tmp_path, site):
    make_poisoned(tmp_path / "in", 6, {1})
    said = transcoded(tmp_path / "in", tmp_path / "out", site, dry_run=True)
    assert [Path(path).name for path, *_ in said["failures"]] == ["001.dcm"]


def test_one_file_alone(tmp_path, site):
    make_poisoned(tmp_path / "in", 1, {0})
    command = [sys.executable, "-m", "dcmturbo.cli", "transcode", "--to", "RLELossless"]
    run = subprocess.run(
        [*command, str(tmp_path / "in/000.dcm"), str(tmp_path / "out.dcm")], env=site, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "000.dcm: the process that decoded it died (signal 11, SIGSEGV)" in run.stderr
    assert not (tmp_path / "out.dcm").exists()


def test_what_a_process_died_of_is_noted_before_it_is_tried_again(tmp_path):
    """A run that is killed in between leaves a warning to the next one."""
    (tmp_path / "in").mkdir()
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / "in" / name).write_bytes(image(1))
    seen = []

    class Dying(ThreadPoolExecutor):
        def submit(self, function, tasks, *arguments):
            dying = [task for task in tasks if task.source.endswith("a.dcm")]
            if dying and not seen:
                seen.append("died")
                return super().submit(
                    lambda: [Outcome(dying[0].number, "died", 0.0, error="x", error_type="WorkerDied")]
                )
            if dying:
                seen.append(rows_of(tmp_path / "out" / NAME)["a.dcm"])
                with Manifest(str(tmp_path / "out" / NAME), write=False) as manifest:
                    seen.append([Path(row[0]).name for row in manifest.query("SELECT destination FROM hand")])
            return super().submit(function, tasks, *arguments)

    with Dying(1) as pool:
        result = dt.transcode_archive(tmp_path / "in", tmp_path / "out", TARGET, executor=pool, jobs=1)
    assert (seen[1].status, seen[1].error_type) == ("failed", "WorkerDied")
    assert "a.dcm" in seen[2]
    assert result.is_complete, result.failures
    assert rows_of(tmp_path / "out" / NAME)["a.dcm"].status == "transcoded"


# ---- processes that die of something else -----------------------------------------------------------


def workers_of(process):
    """The processes that do the work: the children of the nursery."""
    found = []
    for task in os.listdir(f"/proc/{process}/task"):
        for nursery in Path(f"/proc/{process}/task/{task}/children").read_text().split():
            try:
                found += Path(f"/proc/{nursery}/task/{nursery}/children").read_text().split()
            except OSError:
                continue
    return [int(pid) for pid in found]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_a_process_that_is_killed_costs_nothing(tmp_path):
    data, target = image(1, rows=256, columns=256, frames=4), tmp_path / "out"
    source = numbered(tmp_path / "source", [data] * 60)
    killed = []

    def progress(state):
        if state.files >= 5 and not killed and (workers := workers_of(os.getpid())):
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    result = dt.transcode_archive(source, target, TARGET, jobs=2, progress=progress)
    assert killed
    assert result.is_complete, result.failures
    assert result.counts["transcoded"] == 60
    assert all(row.status == "transcoded" for row in rows_of(target / NAME).values())
    assert is_transcoded(target / "007.dcm", data)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_the_process_that_makes_the_others_may_die(tmp_path):
    source, target = numbered(tmp_path / "source", [image(1, rows=256, columns=256, frames=4)] * 40), tmp_path / "out"
    killed = []

    def progress(state):
        if state.files >= 5 and not killed and (workers := workers_of(os.getpid())):
            with open(f"/proc/{workers[0]}/stat") as file:
                nursery = int(file.read().rpartition(")")[2].split()[1])
            killed.append(nursery)
            os.kill(nursery, signal.SIGKILL)
            os.kill(workers[0], signal.SIGKILL)

    result = dt.transcode_archive(source, target, TARGET, progress=progress)
    assert killed
    assert result.is_complete, result.failures
    assert result.counts["transcoded"] == 40


def test_nothing_is_left_when_a_run_is_over(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.dcm").write_bytes(image(1))
    before = threading.active_count()
    dt.transcode_archive(source, tmp_path / "out", TARGET)
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert workers_of(os.getpid()) == []


def test_a_worker_that_has_nothing_to_do_leaves(tmp_path):
    nursery = Nursery(idle=0.05)
    try:
        process, connection = nursery.fork()
        with connection, pytest.raises(EOFError):
            receive(connection.makefile("rb"))
        assert nursery.wait(process) == (False, "exit status 0")
    finally:
        nursery.close()


def test_where_processes_cannot_fork_there_is_no_nursery(monkeypatch):
    monkeypatch.setattr("dcmturbo.system.CAN_FORK", False)
    with pytest.raises(OSError, match="does not fork"):
        Nursery()


def test_settings_of_this_process_hold_in_the_others(tmp_path):
    (tmp_path / "a.dcm").write_bytes(image(1, rows=64, columns=64))
    task = Task(0, str(tmp_path / "a.dcm"), str(tmp_path / "out.dcm"))
    with dt.config.override(max_pixels=100):
        (outcome,) = do_files_apart([task], Settings(Transcoding("1.2.840.10008.1.2.5")), 3)
    assert outcome.status == "failed"
    assert "max_pixels" in outcome.error or "pixels" in outcome.error


def test_where_no_process_can_be_started_this_one_does_the_work(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(1))

    def start(descriptor):
        raise PermissionError(13, "no interpreter for you")

    monkeypatch.setattr("dcmturbo.archives.nursery._start", start)
    result = dt.transcode_archive(tmp_path / "in", tmp_path / "out", TARGET)
    assert result.counts["transcoded"] == 1
    assert "no interpreter for you" in result.warnings[0]


def test_groups_that_were_not_begun_are_lost_and_not_charged():
    said = []
    workers = Processes(1, 1)
    try:
        settings = Settings(Transcoding("1.2.840.10008.1.2.5"))
        tasks = [Task(i, "/dev/zero", f"/nowhere/{i}") for i in range(3)]
        with workers._lock:
            worker = workers._worker()
        os.kill(worker.process, signal.SIGSTOP)
        for task in tasks:
            workers.hand_out(100 + task.number, [task], settings, 1, said.append)
        os.kill(worker.process, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while sum(isinstance(one, Ended) for one in said) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        workers.close(wait=False)
    died = [one for one in said if isinstance(one, Outcome)]
    assert [(one.number, one.status) for one in died] == [(0, "died")]
    assert [one.lost for one in said if isinstance(one, Ended)] == [True] * 3
