"""``dcmturbo bench`` and engines that misbehave: what lies about, what crashes, and what only looks different."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.command_line import CT, DATA, J2K, RLE

import dcmturbo as dt
from dcmturbo.bench import engines, peers, record, worker
from dcmturbo.bench.engines import OURS, Task, subject_of
from dcmturbo.bench.isolation import isolated, safe_path
from dcmturbo.bench.measurement import Measured, Timing, _without_path, difference_of
from dcmturbo.bench.page import page
from dcmturbo.bench.table import headline, slower_with
from dcmturbo.bench.worker import AdapterError, EngineCrashError, EngineError, Workers

NAMES = ("numpy", "pydicom", "gdcm", "imagecodecs", "SimpleITK", "json", "pylibjpeg")
TRAP = "import pathlib, sys\npathlib.Path({!r}).write_text(__name__)\nsys.exit('the wrong ' + __name__)\n"


@pytest.fixture
def dirty_folder(tmp_path):
    """A folder in which every module that an engine wants lies as a trap, which leaves a mark when it is imported."""
    folder = tmp_path / "dirty"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(TRAP.format(str(tmp_path / "mark")))
    (folder / "ct.dcm").write_bytes(CT.read_bytes())
    return folder


def test_nothing_is_imported_from_the_current_folder(dirty_folder, tmp_path):
    program = "import sys; from dcmturbo.cli import main; sys.path.insert(0, ''); sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "bench", "ct.dcm", "--rounds", "1", "--no-cold"],
        cwd=dirty_folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "mark").exists()
    assert "the wrong" not in done.stdout + done.stderr
    assert "pydicom" in done.stdout
    assert sorted(path.name for path in dirty_folder.iterdir()) == sorted(["ct.dcm", *(f"{n}.py" for n in NAMES)])


def test_a_worker_takes_the_installed_packages_and_a_relative_path(dirty_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(dirty_folder)
    for entry in ("", str(dirty_folder), "."):
        monkeypatch.setattr(sys, "path", [entry, *(path for path in sys.path if path)])
        assert not {"", ".", str(dirty_folder)} & set(safe_path())
        with Workers() as workers:
            array, _ = workers.decode("pydicom", ["numpy", "pydicom.pixels"], "ct.dcm", 60.0)
        assert np.array_equal(array, dt.decode(CT))
        assert not (tmp_path / "mark").exists()


def test_the_path_is_what_it_was_behind_the_block(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    before = list(sys.path)
    with isolated():
        assert "" not in sys.path
    assert sys.path == before


# ---- last words -------------------------------------------------------------------------------------


def _engine_that(monkeypatch, body: str) -> None:
    program = worker._PROGRAM.replace("serve(sys.argv[1], taken, answers)", "") + (
        "from dcmturbo.bench import worker\nimport os, signal\n"
        "genuine = worker._Engine.run\n"
        f"def run(self, request):\n    {body}\n    return genuine(self, request)\n"
        "worker._Engine.run = run\nserve(sys.argv[1], taken, answers)\n"
    )
    monkeypatch.setattr(worker, "_PROGRAM", program)


def test_the_last_words_of_an_engine_that_crashes_are_shown(monkeypatch):
    _engine_that(monkeypatch, "os.write(2, b'Assert\\x1b[31m failed: gdcm \\n'); os.kill(os.getpid(), signal.SIGABRT)")
    with Workers() as workers, pytest.raises(EngineCrashError) as caught:
        workers.decode("pydicom", ["pydicom"], str(CT), 30.0)
    assert 'process ended with this file (SIGABRT); its last output: "Assert\x1b[31m failed: gdcm"' in str(caught.value)


def test_words_of_an_earlier_file_are_not_the_last(monkeypatch):
    body = "os.write(2, b'chatter') if 'CT' in request['path'] else os._exit(3)"
    _engine_that(monkeypatch, body)
    with Workers() as workers:
        workers.decode("pydicom", ["pydicom"], str(CT), 30.0)
        with pytest.raises(EngineCrashError, match=r"\(exit code 3\)$"):
            workers.decode("pydicom", ["pydicom"], str(RLE), 30.0)


def test_a_package_that_cannot_be_imported_says_why():
    with Workers() as workers, pytest.raises(EngineCrashError) as caught:
        workers.decode("pydicom", ["no_such_package_at_all"], str(CT), 30.0)
    assert "while importing its packages" in str(caught.value)
    assert "No module named 'no_such_package_at_all'" in str(caught.value)


def test_an_exception_of_our_own_use_of_an_engine_is_told_from_one_of_the_engine(monkeypatch):
    program = worker._PROGRAM.replace("serve(sys.argv[1], taken, answers)", "") + (
        "import numpy as np\nfrom dcmturbo.bench import engines\n"
        "source = 'def task_of(subject, name):\\n    return Task(name, lambda _: np.zeros(5).reshape(subject.shape))'\n"
        "exec(source, engines.__dict__)\nserve(sys.argv[1], taken, answers)\n"
    )
    monkeypatch.setattr(worker, "_PROGRAM", program)
    with Workers() as workers, pytest.raises(AdapterError, match="cannot reshape"):
        workers.decode("pydicom", ["pydicom"], str(CT), 30.0)
    monkeypatch.undo()
    with Workers() as workers, pytest.raises(EngineError) as caught:
        workers.decode("pydicom", ["pydicom"], str(DATA / "rtplan.dcm"), 30.0)
    assert not isinstance(caught.value, AdapterError)


# ---- the headline -----------------------------------------------------------------------------------


def test_there_is_no_headline_while_an_engine_crashes(call_json, call, monkeypatch):
    body = "os._exit(7) if self.name == 'pydicom' and request['path'].endswith('CT_small.dcm') else None"
    _engine_that(monkeypatch, body)
    code, found = call_json("bench", CT, J2K, "--rounds", "1", "--no-cold", "--threads", "1")
    assert code == 0
    (one,) = [one for one in found["unexplained"] if one["engine"] == "pydicom"]
    assert one["paths"] == [str(CT)]
    assert "exit code 7" in one["why"]
    text = headline(found)
    assert text.startswith("no overall figure")
    assert "times as fast" not in text
    assert "pydicom with 1 of 2 files" in text
    assert "times as fast as the fastest other engine" not in page(found)
    found["unexplained"] = []
    assert "times as fast" in headline(found)


def test_an_engine_that_fails_while_it_is_timed_is_disqualified_and_the_file_kept(call_json, monkeypatch):
    body = "os._exit(9) if self.name == 'pydicom' and 'into' not in request else None"
    _engine_that(monkeypatch, body)
    code, found = call_json("bench", CT, "--rounds", "2", "--no-cold", "--threads", "1")
    assert code == 0
    (file,) = found["files"]
    assert "pydicom" not in file["decoders"]
    assert "it decoded the file once and failed later" in file["failing"]["pydicom"]
    assert "exit code 9" in file["failing"]["pydicom"]
    assert all("pydicom" not in group for group in file["agreement"])
    assert {decoder["rounds"] for decoder in file["decoders"].values()} == {2}
    assert [one["engine"] for one in found["unexplained"]] == ["pydicom"]
    assert headline(found).startswith("no overall figure")


def test_an_engine_with_other_pixels_while_it_is_timed_is_disqualified(call_json, monkeypatch):
    program = worker._PROGRAM.replace("serve(sys.argv[1], taken, answers)", "") + (
        "from dcmturbo.bench import engines, worker\n"
        "if sys.argv[1] == 'pydicom':\n"
        "    source = engines.task_of\n"
        "    def task_of(subject, name):\n"
        "        task, calls = source(subject, name), []\n"
        "        def decode(threads):\n"
        "            calls.append(1)\n"
        "            array = task.decode(threads).copy()\n"
        "            array[-1, -1] += len(calls) == 2\n"
        "            return array\n"
        "        return engines.Task(name, decode)\n"
        "    engines.task_of = task_of\n"
        "serve(sys.argv[1], taken, answers)\n"
    )
    monkeypatch.setattr(worker, "_PROGRAM", program)
    code, found = call_json("bench", CT, "--rounds", "2", "--no-cold", "--threads", "1")
    assert code == 0
    (file,) = found["files"]
    assert "pydicom" not in file["decoders"]
    assert "its pixels are not those of its first decode" in file["failing"]["pydicom"]
    assert headline(found).startswith("no overall figure")


def test_dcmturbo_that_fails_while_it_is_timed_fails_the_file(call, monkeypatch):
    _engine_that(monkeypatch, "os._exit(9) if self.name == 'dcmturbo' and 'into' not in request else None")
    code, _, err = call("bench", CT, "--rounds", "1", "--no-cold", "--threads", "1")
    assert code == 1
    assert "exit code 9" in err


# ---- what engines print -----------------------------------------------------------------------------


def test_what_an_engine_prints_is_kept_and_shown(call, call_json, monkeypatch, tmp_path):
    _engine_that(monkeypatch, "self.name == 'pydicom' and os.write(2, b'a <loud>\\nlibrary ')")
    _, found = call_json("bench", CT, J2K, "--rounds", "1", "--no-cold", "--threads", "1")
    (printed,) = [one for one in found["printed"] if one["engine"] == "pydicom"]
    assert printed == {
        "engine": "pydicom",
        "words": "a <loud> library",
        "paths": [str(CT)],
    }  # pydicom alone reads no J2K
    assert all(file["printed"].get("dcmturbo") is None for file in found["files"])
    assert "a &lt;loud&gt; library" in page(found)
    _, out, _ = call("bench", CT, "--rounds", "1", "--no-cold", "--threads", "1")
    assert 'printed by pydicom: "a <loud> library": ' in out.replace("\n", " ")


def test_what_an_engine_prints_before_it_raises_is_kept(monkeypatch):
    _engine_that(monkeypatch, "os.write(2, b'why'); raise ValueError('no')")
    with Workers() as workers:
        with pytest.raises(EngineError, match="no"):
            workers.decode("pydicom", ["pydicom"], str(CT), 30.0)
        assert workers.printed == "why"


def test_few_of_many_texts_are_shown(call, call_json, monkeypatch, tmp_path):
    _engine_that(monkeypatch, "self.name == 'pydicom' and os.write(2, request['path'][-5:].encode())")
    for k in range(5):
        (tmp_path / f"{k}.dcm").write_bytes(CT.read_bytes())
    _, out, _ = call("bench", tmp_path, "--rounds", "1", "--no-cold", "--threads", "1")
    assert out.count("printed by pydicom") == 4
    assert "printed by pydicom: 2 more texts (--json has them all)" in out


# ---- what only looks different ----------------------------------------------------------------------


def test_signs_are_extended_for_an_engine_before_it_is_called_wrong():
    subject = dataclasses.replace(subject_of(str(CT)), bits_stored=12)
    ours = np.full(subject.shape, -5, np.int16)
    task = Task("x", lambda threads: None)
    assert difference_of(subject, ours, task, ours.view(np.uint16)) == ""
    assert difference_of(subject, ours, task, (ours & 0x0FFF).view(np.uint16)) == ""  # 12 bits, no sign
    assert difference_of(subject, ours, task, ours & 0x0FFF | 0x3000) == ""  # rubbish above BitsStored
    assert "differ" in difference_of(subject, ours, task, (ours & 0x0FFF) - 1)
    unsigned = np.full(subject.shape, 4000, np.uint16)
    assert difference_of(subject, unsigned, task, unsigned | 0xF000) == ""
    assert "differ" in difference_of(subject, unsigned, task, unsigned + 1)


def test_nothing_is_corrected_where_all_bits_are_in_use():
    array = np.array([[1, 40000]], np.uint16)
    assert np.array_equal(peers.corrected(array, array.dtype, 0), array)
    assert peers.corrected(array, np.dtype("f4"), 12) is array
    assert peers.corrected(array.astype(np.uint8), array.dtype, 12).dtype == np.uint8


# ---- the same files under every bar -----------------------------------------------------------------


def _measured(path, times: dict[str, float]) -> Measured:
    found = Measured(subject_of(str(path)), groups=[list(times)])
    found.timings = {name: Timing(name, 1, warm=[seconds]) for name, seconds in times.items()}
    return found


def test_all_figures_of_a_transfer_syntax_are_of_the_same_files():
    full, short = {OURS: 1.0, "a": 2.0, "b": 3.0}, {OURS: 1.0, "a": 2.0}
    group = record.Group("x", [_measured(CT, full), _measured(CT, full), _measured(CT, short)])
    found = group.document()
    assert found["files_in_common"] == 2
    assert {decoder["files"] for decoder in found["decoders"].values()} == {2}
    assert found["decoders"][OURS]["milliseconds"] == 2000
    assert found["left_out"] == {}


def test_an_engine_of_few_files_does_not_take_the_others_with_it():
    full, short = {OURS: 1.0, "a": 2.0, "b": 3.0}, {OURS: 1.0, "a": 2.0}
    group = record.Group("x", [_measured(CT, full), *(_measured(CT, short) for _ in range(4))])
    found = group.document()
    assert found["files_in_common"] == 5
    assert set(found["decoders"]) == {OURS, "a"}
    assert found["left_out"] == {"b": "timed with only 1 of 5 files"}


def test_engines_without_a_file_in_common_are_left_out_one_by_one():
    one, other = {OURS: 1.0, "a": 2.0}, {OURS: 1.0, "b": 2.0}
    found = record.Group("x", [_measured(CT, one), _measured(CT, one), _measured(CT, other)]).document()
    assert set(found["decoders"]) == {OURS, "a"}
    assert found["files_in_common"] == 2
    assert "b" in found["left_out"]


def _on_two_threads(found: Measured, engine: str, seconds: float) -> Measured:
    timing = Timing(engine, 2, warm=[seconds])
    found.timings[timing.label] = timing
    return found


def test_several_threads_take_no_file_away_from_the_figures_of_one_thread():
    times = {OURS: 1.0, "a": 2.0}
    files = [_measured(CT, times) for _ in range(6)]
    _on_two_threads(files[1], OURS, 0.5)  # the only one with several frames
    found = record.Group("x", files).document()
    assert found["files_in_common"] == 6
    assert {name: decoder["files"] for name, decoder in found["decoders"].items()} == {OURS: 6, "a": 6}
    assert found["left_out"] == {f"{OURS}, 2 threads": "timed with only 1 of 6 files"}
    every = record.Group("x", [_on_two_threads(_measured(CT, times), OURS, 0.5) for _ in range(2)]).document()
    assert every["decoders"][f"{OURS}, 2 threads"]["milliseconds"] == 1000
    assert every["left_out"] == {}


def test_the_reason_of_an_engine_is_the_same_text_for_all_files(tmp_path):
    path = str(tmp_path / "ct.dcm")
    assert _without_path(f'no ImageIO reader for "{path}"', path) == "no ImageIO reader for the file"
    assert _without_path(f"{path}: no", path) == "the file: no"
    assert _without_path("no", path) == "no"


def test_files_with_which_another_engine_is_faster_are_named():
    def file(path, ratio, alone=()):
        decoders = {"a": {"dcmturbo_times_as_fast": ratio}}
        return {"path": path, "fastest_peer": "a", "decoders": decoders, "dcmturbo_alone_against": list(alone)}

    files = [file("1", 2.0), file("2", 0.9), file("3", 0.5), file("4", 0.4, alone=["a", "b"])]
    files.append({"path": "5", "fastest_peer": None, "decoders": {}, "dcmturbo_alone_against": []})
    assert slower_with({"files": files}) == ["3 (a: 0.50 x dcmturbo's time)", "2 (a: 0.90 x dcmturbo's time)"]


def test_the_subject_knows_how_many_bits_are_stored():
    assert engines.subject_of(str(DATA / "MR_small.dcm")).bits_stored == 0


def test_an_engine_that_applies_palettes_is_explained():
    subject = dataclasses.replace(subject_of(str(DATA / "MR_small.dcm")), photometric="PALETTE COLOR")
    ours = np.zeros(subject.shape, np.uint16)
    colours = np.zeros((*subject.shape, 3), np.uint8)
    for theirs in (colours, colours[None]):
        assert difference_of(subject, ours, Task("x", lambda threads: None), theirs).startswith("it converts indices")
    assert difference_of(subject, ours, Task("x", lambda threads: None), colours[:-1]).startswith("shape ")
    grey = dataclasses.replace(subject, photometric="MONOCHROME2")
    assert difference_of(grey, ours, Task("x", lambda threads: None), colours).startswith("shape ")


# ---- imports ------------------------------------------------------------------------------------


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """A module that an engine imports, with the given text."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    return write


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os; os.abort()", "its import crashed (SIGABRT)"),
        ("raise OSError('no\\n library')", "cannot be imported: library"),
        ("import sys; sys.exit(3)", "cannot be imported: exit code 3"),
        ("import time; time.sleep(60)", "did not end within 2 s"),
        ("print('a greeting')", ""),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals have other names")
def test_an_import_that_crashes_or_hangs_does_so_elsewhere(imported, monkeypatch, text, why):
    monkeypatch.setattr(engines, "_MOST_IMPORT", 2.0)
    found = engines._import_failure(imported(f"engine_{abs(hash(text))}", text), "anything")
    assert why in found
    assert bool(found) == bool(why)


def test_what_an_engine_prints_while_it_is_imported_is_no_answer(imported):
    module = imported("greeting", "import os; print('welcome {', flush=True); os.write(1, b'\\xff\\n')")
    with Workers() as workers:
        array, _ = workers.decode("pydicom", [module, "pydicom.pixels"], str(CT), 60.0)
    assert np.array_equal(array, dt.decode(CT))
