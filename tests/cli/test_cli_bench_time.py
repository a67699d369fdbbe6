"""``dcmturbo bench`` and time: how it is divided, what is shown meanwhile, and what remains of a stopped run."""

from __future__ import annotations

import copy
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from helpers.command_line import CT, DATA, J2K, RLE

from dcmturbo.bench import measurement
from dcmturbo.bench.engines import OURS, subject_of
from dcmturbo.bench.page import page
from dcmturbo.bench.table import has_cold, headline, meaning_of_control
from dcmturbo.cli import bench, bench_progress
from dcmturbo.cli.bench_progress import Stage, following
from dcmturbo.cli.inputs import Input


@pytest.fixture
def folder(tmp_path):
    """Three transfer syntaxes, and two files of each."""
    place = tmp_path / "files"
    place.mkdir()
    for source in (CT, J2K, RLE):
        for k in range(2):
            (place / f"{source.stem}_{k}.dcm").write_bytes(source.read_bytes())
    return place


# ---- how the time is divided ------------------------------------------------------------------------


def test_every_file_has_a_round_before_any_has_two(call_json, folder, monkeypatch):
    seen: list[tuple[str, int]] = []
    genuine = measurement._time_warm

    def watched(works, rounds, *rest):
        seen.append((works[0].path, rounds))
        return genuine(works, rounds, *rest)

    monkeypatch.setattr(measurement, "_time_warm", watched)
    code, found = call_json("bench", folder, "--rounds", "2", "--no-cold", "--threads", "1")
    assert code == 0
    assert [rounds for _, rounds in seen] == [1] * 6 + [2] * 6
    first, again = [path for path, _ in seen[:6]], [path for path, _ in seen[6:]]
    assert first == again
    assert len(set(first)) == 6
    assert len({subject_of(path).syntax.uid for path in first[:3]}) == 3
    assert {d["rounds"] for file in found["files"] for d in file["decoders"].values()} == {2}


def test_each_transfer_syntax_is_measured_if_the_time_is_over_at_once(call_json, folder, monkeypatch):
    monkeypatch.setattr(bench, "_EXTRA_FOR_FIRST_FILES", 1e9)
    code, found = call_json("bench", folder, "--seconds", "0.001", "--threads", "1")
    assert code == 0
    assert len(found["files"]) == len(found["by_transfer_syntax"]) == 3
    assert {file["rounds"] for file in found["files"]} == {1}
    assert sum(found["late"].values()) == 3
    assert {file["not_cold"] for file in found["files"]} == {measurement.OUT_OF_TIME}


def test_named_files_do_not_keep_other_transfer_syntaxes_waiting():
    found = [(Input(str(p), p.name, explicit), subject_of(str(p))) for p, explicit in (
        (CT, True), (DATA / "MR_small.dcm", True), (J2K, False), (RLE, True),
    )]  # fmt: skip
    order = [subject.path for subject in bench._order(found)]
    assert order == [str(CT), str(RLE), str(J2K), str(DATA / "MR_small.dcm")]


# ---- the claim --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> dict:
    place = tmp_path_factory.mktemp("bench") / "out.json"
    command = [sys.executable, "-m", "dcmturbo.cli", "bench", str(CT), str(J2K), "--rounds", "3", "--threads", "1"]
    with open(place, "w") as stream:
        subprocess.run([*command, "--no-cold", "--json"], stdout=stream, check=True, timeout=120)
    return json.loads(place.read_text())


def test_the_claim_says_how_many_files_and_rounds_it_has(document):
    found = copy.deepcopy(document)
    assert "geometric mean of 2 of 2 files, 3 rounds, too few to show small differences; " in headline(found)
    assert "not measured" not in headline(found)
    found["summary"] |= {"files_compared": 1, "files_found": 7, "least_rounds": 31, "most_rounds": 31}
    found["late"] = {"RLELossless": 2, "JPEGLSLossless": 4}
    assert headline(found).endswith(
        "as fast as the fastest other engine (1 of 7 files, 31 rounds); not measured: 6 files "
        "(2 RLELossless, 4 JPEGLSLossless)"
    )
    found["summary"]["least_rounds"] = 1
    assert "(1 of 7 files, 1 to 31 rounds, too few" in headline(found)


def test_the_claim_of_a_stopped_run_says_so(document):
    found = document | {"stopped": True}
    assert headline(found).endswith("incomplete, because the run was stopped")
    assert "incomplete, because the run was stopped" in page(found)
    found["unexplained"] = [{"engine": "x", "why": "y", "paths": ["z"]}]
    assert headline(found).endswith("incomplete, because the run was stopped")


# ---- the columns ------------------------------------------------------------------------------------


def test_a_column_without_figures_is_left_out_and_its_reason_is_told(call, document, tmp_path):
    assert not has_cold(document)
    record = tmp_path / "record.json"
    record.write_text(json.dumps(document))
    code, out, _ = call("bench", "--record", record)
    assert code == 0
    heading = next(line for line in out.splitlines() if "Msamples/s" in line)
    assert "cold" not in heading
    assert "threads" not in heading
    assert "cold ms: no column: not measured, because of --no-cold" in out


def test_a_file_that_the_system_keeps_in_its_cache_is_not_said_to_be_measured_cold(call_json, monkeypatch):
    monkeypatch.setattr(measurement, "drop_from_cache", lambda path: "the system keeps the file in its cache")
    _, found = call_json("bench", CT, "--rounds", "1", "--threads", "1")
    assert found["method"]["cold"] == "not measured, because the system keeps the file in its cache"
    assert "cold ms of 1 of 1 file, because the system keeps the file in its cache" in found["method"]["not_measured"]


def test_engines_with_one_thread_have_no_figure_for_several(call):
    _, out, _ = call("bench", RLE, "--rounds", "1", "--no-cold", "--threads", "2")
    heading = next(line for line in out.splitlines() if "Msamples/s" in line)
    assert "ms, 2 threads" in heading
    place = heading.index("ms, 2 threads") + len("ms, 2 threads")
    lines = out[: out.index("method:")].splitlines()
    rows = {name: line for line in lines for name in (OURS, "pydicom ") if name in line[:place]}
    assert rows["pydicom "][:place].endswith(" -")
    assert rows[OURS][place - 1].isdigit()


@pytest.mark.parametrize(
    ("ours", "control", "says"),
    [
        (1.95, 1.39, "not reliable: dcmturbo's figure is above the hash's"),
        (1.38, 1.39, "a lower limit"),
        (1.9, 1.95, "reliable"),
        (1.2, 1.95, "reliable"),
    ],
)
def test_the_control_is_explained(document, call, tmp_path, ours, control, says):
    point = {"threads": 2, "times_as_fast": ours, "control": control}
    assert meaning_of_control(point).startswith(says)
    one = {"threads": 1, "times_as_fast": 1.0, "control": 1.0}
    curve = {"transfer_syntax": "RLELossless", "path": "x", "frames": 1, "points": [one, point]}
    found = document | {"scaling": [curve]}
    assert says.split(":")[0] in page(found)
    record = tmp_path / "record.json"
    record.write_text(json.dumps(found))
    _, out, _ = call("bench", "--record", record)
    assert f"2 threads are {ours:.2f} times as fast as one, the hash {control:.2f} times: {says}" in out


# ---- progress ---------------------------------------------------------------------------------------


def test_a_stage_is_described_with_the_engine_and_an_estimate():
    stage = Stage("first round: 1 of 7 files done")
    assert stage.describe() == "first round: 1 of 7 files done"
    stage.engine = lambda: "pydicom"
    stage.expect(30)
    assert stage.describe() == "first round: 1 of 7 files done; now pydicom; about 30 s to go"
    stage.expect(600)
    assert stage.describe().endswith("about 10 min to go")
    stage.expect(None)
    assert stage.describe().endswith("now pydicom")


def test_long_work_is_told_on_stderr_even_if_an_engine_does_not_answer(monkeypatch, capfd):
    monkeypatch.setattr(bench_progress, "_PLAIN_EVERY", 0.01)
    before = threading.active_count()
    text = ""
    with following(quiet=False) as stage:
        stage.text = "waiting"
        end = time.monotonic() + 30
        while "dcmturbo: waiting\n" not in text and time.monotonic() < end:
            time.sleep(0.01)
            text += capfd.readouterr().err
    assert "dcmturbo: waiting\n" in text
    assert threading.active_count() == before
    capfd.readouterr()  # lines after the last look
    with following(quiet=True) as stage:
        stage.text = "waiting"
        assert threading.active_count() == before
    assert "waiting" not in capfd.readouterr().err


def test_a_terminal_has_one_line_that_changes(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(bench_progress, "_AFTER", 0.0)
    monkeypatch.setattr(bench_progress, "_LIVE_EVERY", 0.01)
    screen, ended = Terminal(), threading.Event()
    shower = threading.Thread(target=bench_progress._show, args=(Stage("x" * 500), screen, ended))
    shower.start()
    while screen.getvalue().count("x") < 200:
        time.sleep(0.01)
    ended.set()
    shower.join()
    assert "\n" not in screen.getvalue()
    assert screen.getvalue().startswith("\r\x1b[2K" + "x" * 79 + "\r")
    assert screen.getvalue().endswith("\r\x1b[2K")


# ---- a run that is stopped --------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_writes_what_it_has(tmp_path, number):
    html, table = tmp_path / "a.html", tmp_path / "a.csv"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    # It shows its progress ten times a second here, so that the test knows when the second stage has begun.
    program = (
        "import sys; from dcmturbo.cli import bench_progress, main; bench_progress._PLAIN_EVERY = 0.1; sys.exit(main())"
    )
    arguments = ["bench", CT, J2K, "--rounds", "1000000", "--json", "--html", html, "--csv", table]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    with process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "more rounds: 0 of 2 files done; now " in line:
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, (lines, err)
    assert "stopped: the results of 2 of 2 files are shown and written" in err
    found = json.loads(out)
    assert found["stopped"] is True
    assert len(found["files"]) == 2
    assert "incomplete, because the run was stopped" in html.read_text()
    assert table.read_text().count("timed") >= 2
    assert any("s to go" in line or "min to go" in line for line in lines)
    assert not any(temporary.iterdir())
