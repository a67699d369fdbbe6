"""``dcmturbo bench``: engines in processes of their own, compared, timed, and told as tables, CSV and a page."""

from __future__ import annotations

import copy
import csv
import dataclasses
import io
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT, DATA, J2K, REPORT, RLE

import dcmturbo as dt
from dcmturbo.bench import measurement, worker
from dcmturbo.bench.engines import ENGINES, OURS, Task, subject_of, task_of, tasks_of
from dcmturbo.bench.measurement import Clock, Measured, Timing, drop_from_cache
from dcmturbo.bench.page import page
from dcmturbo.bench.scaling import thread_counts
from dcmturbo.bench.table import csv_text
from dcmturbo.bench.worker import EngineError, Workers
from dcmturbo.cli import bench, bench_progress, main
from dcmturbo.cli.output import Output
from dcmturbo.errors import DecodeWarning

MISSING = {engine.name for engine in ENGINES if engine.missing()}


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    """Show no progress: on a slow machine it would be in the stderr that the tests compare."""
    monkeypatch.setattr(bench_progress, "_PLAIN_EVERY", 1e6)


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> dict:
    """What the command prints of three files."""
    place = tmp_path_factory.mktemp("bench")
    with open(place / "out.json", "w") as stream:
        import contextlib

        with contextlib.redirect_stdout(stream):
            code = main(["bench", *map(str, (RLE, CT, J2K)), "--rounds", "3", "--threads", "2", "--json"])
    assert code == 0
    return json.loads((place / "out.json").read_text())


# ---- what is measured -------------------------------------------------------------------------------


def test_json(document):
    rle, ct, j2k = document["files"]
    assert rle["rounds"] == 3
    assert {"dcmturbo", "dcmturbo, 2 threads", "pydicom", "imagecodecs"} <= rle["decoders"].keys()
    assert {"dcmturbo", "pydicom"} <= ct["decoders"].keys()
    assert "imagecodecs" in j2k["decoders"]
    for file in document["files"]:
        for decoder in file["decoders"].values():
            assert 0 < decoder["lowest_milliseconds"] <= decoder["milliseconds"] <= decoder["highest_milliseconds"]
            # Both are rounded to four digits.
            speed = file["samples"] / decoder["milliseconds"] / 1000
            assert decoder["msamples_per_second"] == pytest.approx(speed, rel=2e-3)
            assert decoder["rounds"] == 3
            if file["not_cold"] is None:
                assert decoder["cold_milliseconds"] > 0
        assert file["agreement"][0][0] == OURS
        assert file["decoders"][file["fastest_peer"]]["milliseconds"] == min(
            d["milliseconds"] for d in file["decoders"].values() if d["engine"] != OURS and d["threads"] == 1
        )
    assert document["method"]["rounds"] == {"asked": 3, "least": 3, "most": 3}
    assert document["method"]["not_measured"]
    assert document["versions"]["pydicom"] == pydicom.__version__
    assert [group["transfer_syntax"] for group in document["by_transfer_syntax"]] == [
        "RLELossless",
        "ExplicitVRLittleEndian",
        "JPEG2000Lossless",
    ]


def test_every_engine_ran_or_has_a_reason(document):
    names = {engine["name"] for engine in document["engines"]}
    assert {OURS, "pydicom", "imagecodecs", "GDCM", "SimpleITK", "dicomsdl", "pydcm"} <= names
    assert {"pydicom+pylibjpeg", "pydicom+gdcm", "pydicom+pillow", "pydicom+pyjpegls"} <= names
    for engine in document["engines"]:
        assert engine["files"] or engine["missing"] or engine["not_timed"] or engine["name"].startswith("pydicom+")
        assert (engine["name"] in MISSING) <= bool(engine["missing"])
        if engine["files"]:
            assert engine["version"]
            assert document["imports"][engine["name"]] > 0


def test_sigterm_leaves_nothing(tmp_path):
    """A scheduler's way to end a job: no process and no temporary file is left."""
    command = [sys.executable, "-m", "dcmturbo.cli", "bench", str(J2K), "--rounds", "1000000", "--json"]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE) as process:
        while process.poll() is None and not any(tmp_path.iterdir()):
            time.sleep(0.02)
        process.terminate()
        assert process.stdout.read() == b""
    assert process.returncode == 128 + signal.SIGTERM
    assert not any(tmp_path.iterdir())


def test_an_engine_for_another_python_says_so(monkeypatch):
    engine = next(engine for engine in ENGINES if engine.name == "pydcm")
    absent = dataclasses.replace(engine, module="no_such_module")
    monkeypatch.setattr(sys, "version_info", (3, 11, 7, "final", 0))
    assert absent.missing() == "it needs Python 3.12, and this is 3.11"  # pip has none to install
    monkeypatch.setattr(sys, "version_info", (3, 12, 0, "final", 0))
    assert absent.missing() == "it is not installed (pip install pydcm)"


def test_a_figure_of_some_files_says_of_how_many(call, document, tmp_path):
    other = copy.deepcopy(document)
    (group,) = [group for group in other["by_transfer_syntax"] if group["transfer_syntax"] == "RLELossless"]
    group["files"] = group["decoders"][OURS]["files"] = 5
    record = tmp_path / "record.json"
    record.write_text(json.dumps(other))
    _, out, _ = call("bench", "--record", record, "--by", "syntax")
    (line,) = [line for line in out.splitlines() if "RLELossless" in line and OURS in line]
    assert re.search(r"\d \(1 of 5\)", line)  # with all threads


@pytest.mark.parametrize("by", ["file", "syntax"])
def test_for_people(call, by):
    code, out, err = call("bench", RLE, CT, "--rounds", "3", "--by", by)
    assert (code, err) == (0, "")
    for text in (
        "RLELossless",
        "pydicom",
        "Msamples/s",
        "the engines take turns",
        "medians of 3 rounds",
        "not measured",
        "geometric mean",
        "cold",
    ):
        assert text in out


def test_a_wrong_answer_of_ours_is_told_and_not_ranked(call, call_json, monkeypatch):
    genuine = dt.decode

    def wrong(*arguments, **options):
        array = genuine(*arguments, **options).copy()
        array[0, 0] += 1
        return array

    monkeypatch.setattr(measurement.dt, "decode", wrong)
    code, _, err = call("bench", CT, "--rounds", "1")
    assert code == 1  # the engines are processes: there, ours gave other pixels
    assert "other pixels in a second process" in err


def test_engines_that_differ_are_named_and_not_ranked(call_json, call):
    if "dicomsdl" in MISSING:
        pytest.skip("dicomsdl is not installed")
    # dicomsdl takes 32 allocated bits for 16 here.
    code, found = call_json("bench", DATA / "rtdose.dcm", "--rounds", "1")
    assert code == 0
    (file,) = found["files"]
    assert "samples differ" in file["differing"]["dicomsdl"]
    assert "dicomsdl" not in file["decoders"]
    assert [one["path"] for one in found["disagreements"]] == [str(DATA / "rtdose.dcm")]
    assert "samples differ" in page(found)
    assert "other pixels" in call("bench", DATA / "rtdose.dcm", "--rounds", "1")[1]


def _measured(groups: list[list[str]]) -> Measured:
    measured = Measured(subject_of(str(CT)), groups=groups)
    measured.timings = {name: Timing(name, 1, warm=[k + 1.0]) for k, name in enumerate([OURS, *groups[0][1:]])}
    return measured


def test_ours_alone_against_several_is_not_ranked():
    assert _measured([[OURS], ["a", "b"], ["c"]]).alone == ["a", "b"]
    assert _measured([[OURS], ["a"], ["b"]]).alone == []
    together = _measured([[OURS, "c"], ["a", "b"]])
    assert together.alone == []
    assert together.ratio == 2.0
    together.groups = [[OURS], ["a", "b"]]
    assert together.ratio is None


def test_colour_that_an_engine_leaves_as_it_is_counts_as_other_work():
    path = DATA / "SC_rgb_dcmtk_+eb+cy+n2.dcm"
    subject = subject_of(str(path))
    answers = measurement._Answers(subject, dt.decode(path))
    task = Task("x", lambda threads: None)
    assert answers.difference(task, dt.decode(path)) == ""
    assert "leaves YBR" in answers.difference(task, dt.decode(path, raw=True))


def test_rescaled_and_wider_answers_are_compared_for_what_they_are():
    subject = subject_of(str(CT))  # RescaleIntercept -1024
    ours = dt.decode(CT)
    answers = measurement._Answers(subject, ours)
    plain, rescaling = Task("x", lambda threads: None), Task("x", lambda threads: None, rescales=True)
    wider = ours.astype(np.int32)
    assert answers.difference(rescaling, (wider - 1024)[np.newaxis]) == ""
    assert "differ" in answers.difference(rescaling, wider)
    assert answers.difference(plain, wider) == ""
    assert "differ" in answers.difference(plain, wider - 1024)
    assert "shape" in answers.difference(plain, ours[:5])


def test_cold_means_that_the_system_has_forgotten_the_file(tmp_path):
    place = tmp_path / "a.bin"
    place.write_bytes(bytes(1 << 20))
    os.sync()
    with open(place, "rb") as held:
        assert measurement._pages_in_cache(held.fileno(), 1 << 20) == (1 << 20) // mmap.PAGESIZE
        why = drop_from_cache(str(place))
        kept = measurement._pages_in_cache(held.fileno(), 1 << 20)
        # tmpfs and some containers keep it: then that is what is said.
        assert (why == "") == (kept == 0)
        mapped = np.memmap(place, mode="r")
        assert mapped.max() == 0
        assert drop_from_cache(str(place)) == "the system keeps the file in its cache"  # a map holds the pages
        del mapped
    assert drop_from_cache(str(tmp_path / "absent")) == "No such file or directory"


# ---- the processes ----------------------------------------------------------------------------------


def test_an_engine_that_ends_its_process_is_named_and_another_process_made(monkeypatch):
    program = worker._PROGRAM.replace("serve(sys.argv[1], taken, answers)", "") + (
        "from dcmturbo.bench import engines, worker\n"
        "import os, signal\n"
        "genuine = worker._Engine.run\n"
        "def run(self, request):\n"
        "    if 'rle' in request['path']:\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    if 'MR' in request['path']:\n"
        "        time.sleep(30)\n"
        "    return genuine(self, request)\n"
        "worker._Engine.run = run\n"
        "serve(sys.argv[1], taken, answers)\n"
    )
    monkeypatch.setattr(worker, "_PROGRAM", program)
    with Workers() as workers:
        array, seconds = workers.decode(OURS, ["dcmturbo"], str(CT), 30.0)
        assert np.array_equal(array, dt.decode(CT))
        assert seconds > 0
        with pytest.raises(EngineError, match=r"process ended with this file \(SIGSEGV\)"):
            workers.time(OURS, ["dcmturbo"], str(RLE), 1, 30.0)
        assert workers.time(OURS, ["dcmturbo"], str(CT), 1, 30.0) > 0
        with pytest.raises(EngineError, match=r"did not finish within 0\.2 s"):
            workers.time(OURS, ["dcmturbo"], str(J2K), 1, 0.2)
        assert workers.time(OURS, ["dcmturbo"], str(CT), 1, 30.0) > 0
        with pytest.raises(EngineError, match="No such file"):
            workers.time(OURS, ["dcmturbo"], str(DATA / "absent"), 1, 30.0)
        (one,) = workers._workers.values()
        assert workers.import_seconds[OURS] > 0
    assert one.process.poll() is not None


def test_every_installed_engine_gives_the_pixels_of_a_ct():
    tasks, reasons = tasks_of(subject_of(str(CT)))
    names = {task.engine for task in tasks}
    assert names | set(reasons) >= {OURS, "pydicom", *(engine.name for engine in ENGINES)}
    assert not names & set(reasons)
    assert reasons["imagecodecs"] == "it decodes codestreams, but cannot read files of this transfer syntax"
    answers = measurement._Answers(subject_of(str(CT)), dt.decode(CT))
    for task in tasks:
        assert answers.difference(task, task.decode(1)) == "", task.engine
        assert task_of(subject_of(str(CT)), task.engine).engine == task.engine
    with pytest.raises(LookupError):
        task_of(subject_of(str(CT)), "pydicom+nothing")


# ---- which files, and how long ----------------------------------------------------------------------


def test_the_order_takes_one_of_each_transfer_syntax_in_turn(tmp_path):
    names = [CT, *[DATA / "JPEG2000.dcm"] * 2]
    for k, source in enumerate([*[CT] * 5, *names[1:]]):
        (tmp_path / f"{k}.dcm").write_bytes(source.read_bytes())
    from dcmturbo.cli.inputs import Input

    found = [(Input(str(p), p.name, p.name == "6.dcm"), subject_of(str(p))) for p in sorted(tmp_path.iterdir())]
    order = [Path(subject.path).name for subject in bench._order(found)]
    assert order == ["6.dcm", "0.dcm", "5.dcm", "4.dcm", "2.dcm", "1.dcm", "3.dcm"]
    assert sorted(bench._spread(11)) == list(range(11))


def test_the_time_is_kept_and_what_it_left_out_is_told(call_json, tmp_path):
    for k in range(40):
        (tmp_path / f"{k}.dcm").write_bytes(CT.read_bytes())
    code, found = call_json("bench", tmp_path, "--seconds", "0.5")
    assert code == 0
    assert 1 <= len(found["files"]) < 40
    left = 40 - len(found["files"])
    (told,) = [text for text in found["method"]["not_measured"] if "more file" in text and "the time ran out" in text]
    assert told.startswith(f"{left} more files")
    assert f"{left} ExplicitVRLittleEndian" in told


def test_a_clock_expects_what_it_saw():
    clock, subject = Clock(None), subject_of(str(CT))
    assert clock.left == float("inf")
    clock.saw("a", subject, 2.0)
    assert clock.expected("a", subject) == pytest.approx(2.0)
    assert clock.expected("b", subject) == subject.samples / 20e6
    clock.saw("a", subject, 0.5)
    clock.saw("a", subject, 1.0)
    assert clock.expected("a", subject) == pytest.approx(0.5)  # the first decode may have loaded a library
    assert thread_counts(1) == [1]
    assert thread_counts(6) == [1, 2, 4, 6]
    assert thread_counts(8) == [1, 2, 4, 8]


def test_what_a_call_costs_is_not_multiplied_by_the_size_of_a_larger_file():
    """A decode of 27 samples that loaded a library made the clock expect an hour for a large file."""
    clock, small = Clock(None), subject_of(str(CT))
    large = dataclasses.replace(small, shape=(100, 1000, 1000))
    tiny = dataclasses.replace(small, shape=(3, 3))
    clock.saw("a", tiny, 0.1)
    assert clock.expected("a", large) == pytest.approx(0.1 + 1e8 / 20e6, rel=1e-3)
    clock.saw("a", dataclasses.replace(small, shape=(1000, 1000)), 0.2)
    assert clock.expected("a", large) == pytest.approx(20.0)  # that does tell the speed
    clock.saw("a", tiny, 0.1)
    assert clock.expected("a", large) == pytest.approx(20.0)


def test_of_many_files_every_so_many_are_looked_at(call_json, tmp_path, monkeypatch):
    for k in range(9):
        (tmp_path / f"{k}.dcm").write_bytes(CT.read_bytes())
    monkeypatch.setattr(bench, "_MOST_HEADERS", 3)
    code, found = call_json("bench", tmp_path, "--rounds", "1", "--no-cold")
    assert code == 0
    assert [Path(file["path"]).name for file in found["files"]] == ["0.dcm", "6.dcm", "3.dcm"]
    assert found["skipped"]["not_looked_at"] == 6
    assert "6 files of folders that were not in the sample" in found["method"]["not_measured"]
    assert "files that are not in the system's cache (--no-cold)" in found["method"]["not_measured"]
    assert found["files"][0]["decoders"][OURS]["cold_milliseconds"] is None


def test_a_warning_of_a_file_is_told_once(capsys):
    """Its headers are read once to choose the files, and again to decode."""
    output = Output(json=False)
    for path in ("a.dcm", "a.dcm", "b.dcm"):
        with output.warnings_of(path):
            warnings.warn("x", DecodeWarning, stacklevel=1)
    assert capsys.readouterr().err == "dcmturbo: warning: a.dcm: x\ndcmturbo: warning: b.dcm: x\n"


def test_of_a_folder(call, tmp_path):
    (tmp_path / "a.dcm").write_bytes(CT.read_bytes())
    (tmp_path / "b.dcm").write_bytes(REPORT.read_bytes())
    code, out, err = call("bench", tmp_path, "--rounds", "1")
    assert (code, err) == (0, "")
    assert "1 without pixel data" in out


def test_a_damaged_file_is_an_error_and_the_others_are_measured(call, call_json, tmp_path):
    damaged = tmp_path / "damaged.dcm"
    data = bytearray(J2K.read_bytes())
    place = data.index(b"\xff\x4f\xff\x51")
    data[place + 40 : place + 400] = bytes(360)
    damaged.write_bytes(data)
    code, found = call_json("bench", damaged, CT, "--rounds", "1")
    assert code == 1
    assert [file["path"] for file in found["files"]] == [str(CT)]
    assert [failure["path"] for failure in found["failed"]] == [str(damaged)]
    code, out, err = call("bench", damaged, "--rounds", "1")
    assert (code, out) == (1, "")
    assert err.startswith(f"dcmturbo: error: {damaged}: ")
    assert err.count("\n") == 1


# ---- files written ----------------------------------------------------------------------------------


def test_csv(document):
    rows = list(csv.DictReader(io.StringIO(csv_text(document))))
    timed = [row for row in rows if row["state"] == "timed"]
    assert len(timed) == sum(len(file["decoders"]) for file in document["files"])
    assert {row["engine"] for row in rows} >= {OURS, "pydicom", "imagecodecs", *MISSING}
    for row in rows:
        assert (row["state"] == "timed") == bool(row["milliseconds"]) == (not row["reason"])
    assert rows[0]["shape"] == "2x100x100x3"


def test_the_page_needs_nothing_else_and_is_the_same_each_time(document):
    text = page(document)
    assert text == page(copy.deepcopy(document))
    assert text == page(json.loads(json.dumps(document)))
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?:|<script""", text)
    for heading in (
        "Speed by transfer syntax",
        "Several threads",
        "Disagreements",
        "Not measured",
        "prefers-color-scheme",
    ):
        assert heading in text
    assert text.count("<svg") >= len(document["by_transfer_syntax"])
    import xml.etree.ElementTree as ElementTree

    for chart in re.findall(r"<svg.*?</svg>", text, flags=re.S):
        ElementTree.fromstring(chart)


def test_the_page_escapes_what_files_are_named(document):
    other = copy.deepcopy(document)
    other["disagreements"] = [
        {
            "path": "<script>alert(1)</script>\x1b[31m",
            "transfer_syntax": "x",
            "agreement": [[OURS], ["a", "b"]],
            "differing": {"a": "<b>"},
            "dcmturbo_alone_against": ["a", "b"],
        }
    ]
    text = page(other)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "Look into" in text


def test_what_is_long_has_the_width_of_the_page(document):
    """In a column beside others, paths and reasons were towers of three letters a line on 400 pixels."""
    path, why = "/a/long/way/to/a/file.dcm", "the engine says a long sentence of this file"
    other = copy.deepcopy(document)
    one = {"path": path, "transfer_syntax": "x", "agreement": [[OURS]], "differing": {"a": "b"}}
    other["disagreements"] = [one | {"dcmturbo_alone_against": []}]
    other["engines"][1]["not_timed"] = {why: 2}
    cells = re.findall(r'<td class="all" colspan="\d">(.*?)</td>', page(other))
    for text in (path, why, document["by_transfer_syntax"][0]["transfer_syntax"]):
        assert any(text in cell for cell in cells), text


def test_the_headline_of_one_file_has_no_mean(document):
    from dcmturbo.bench.table import headline

    found = copy.deepcopy(document)
    found["summary"] |= {"files_compared": 1, "dcmturbo_times_as_fast": 2.5}
    assert headline(found).startswith("dcmturbo with one thread is 2.5 times as fast as the fastest other engine (")


def test_the_page_draws_curves(document):
    other = copy.deepcopy(document)
    points = [{"threads": n, "times_as_fast": 0.9 * n, "control": 1.0 * n} for n in (1, 2, 4)]
    other["scaling"] = [{"transfer_syntax": f"S{k}", "path": "x", "frames": 1, "points": points} for k in range(10)]
    text = page(other)
    assert text.count("<circle") == 3 * 8  # seven curves, and the control's
    assert "S9" in text  # in the table all the same


def test_files_are_written_and_read_again(call, document, tmp_path):
    record = tmp_path / "record.json"
    record.write_text(json.dumps(document))
    html, table = tmp_path / "new" / "a.html", tmp_path / "a.csv"
    code, out, err = call("bench", "--record", record, "--html", html, "--csv", table)
    assert (code, err) == (0, "")
    assert "wrote " in out
    assert html.read_text() == page(document)
    assert table.read_text() == csv_text(document)
    code, again, _ = call("bench", "--record", record, "--json")
    assert code == 0
    assert json.loads(again)["files"] == document["files"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"command": "bench"}', "null", '{"command": "bench", "form": 2}', "\xff"]
)
def test_a_record_that_is_none(call, tmp_path, text):
    place = tmp_path / "x.json"
    place.write_text(text, encoding="latin-1")
    code, out, err = call("bench", "--record", place)
    assert (code, out) == (1, "")
    assert "this is not the output of dcmturbo bench" in err
    assert call("bench", "--record", tmp_path / "absent.json")[0] == 1


def test_a_record_of_which_something_is_missing(call, document, tmp_path):
    place, html = tmp_path / "x.json", tmp_path / "x.html"
    for name in document.keys() - {"dcmturbo", "seconds", "failed"}:
        place.write_text(json.dumps({key: value for key, value in document.items() if key != name}))
        code, out, err = call("bench", "--record", place, "--html", html)
        assert (code, out) == (1, ""), name
        assert "this is not the output" in err
    place.write_text(json.dumps(document | {"files": []}))
    code, out, err = call("bench", "--record", place, "--html", html)
    assert (code, out) == (1, "")
    assert "it has no measured file" in err
    assert not html.exists()


def test_a_record_is_not_written_over(call, document, tmp_path):
    record = tmp_path / "record.json"
    record.write_text(json.dumps(document))
    for option in ("--html", "--csv"):
        code, _, err = call("bench", "--record", record, option, record)
        assert code == 2
        assert "is also an input" in err
    assert json.loads(record.read_text()) == document


def test_an_input_is_not_written_over(call, tmp_path):
    place = tmp_path / "a.dcm"
    place.write_bytes(CT.read_bytes())
    code, _, err = call("bench", place, "--html", place)
    assert code == 2
    assert "is also an input" in err
    assert place.read_bytes() == CT.read_bytes()


def test_a_place_that_cannot_be_written_is_1(call, document, tmp_path):
    record = tmp_path / "record.json"
    record.write_text(json.dumps(document))
    code, _, err = call("bench", "--record", record, "--html", record / "a.html")
    assert code == 1
    assert "cannot write" in err
