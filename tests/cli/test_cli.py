"""The command line as a whole: help, wrong usage, how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.command_line import CT, DATA, MULTI, RLE, run

import dcmturbo as dt
from dcmturbo.cli import main
from dcmturbo.cli.decode import parse_frames
from dcmturbo.wording import human_bytes, printable

# ---- the whole --------------------------------------------------------------------------------------


def test_version(call):
    assert call("--version") == (0, f"dcmturbo {dt.__version__}\n", "")


@pytest.mark.parametrize("command", [(), ("info",), ("decode",), ("demo",), ("bench",)])
def test_help(call, command):
    code, out, err = call(*command, "--help")
    assert code == 0
    assert "usage: dcmturbo" in out
    assert "example" in out or command == ("demo",)
    assert err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-command",),
        ("info",),
        ("info", CT, "--frames", "0"),
        ("decode", CT),
        ("decode", CT, "-o", "x.npy", "--frames", "1;2"),
        ("decode", CT, "-o", "x.npy", "--frames", ""),
        ("decode", CT, "-o", "x.npy", "--frames", "1::0"),
        ("decode", CT, "-o", "x.npy", "--threads", "0"),
        ("decode", CT, "-o", "x.jpg", "--raw"),
        ("decode", CT, "-o", "x"),
        ("decode", CT, "-o", "x.npy", "--window", "1", "2", "--range", "1", "2"),
        ("decode", CT, "-o", "x.npy", "--window", "40", "0"),
        ("decode", CT, "-o", "x.npy", "--range", "2", "1"),
        ("decode", CT, "-o", "x.npy", "--fill-value", "2"),
        ("decode", CT, "-o", "x.npy", "--palette", "--auto-range"),
        ("bench", CT, "--rounds", "x"),
        ("bench", CT, "--seconds", "0"),
        ("bench", CT, "--html", "."),
        ("bench", CT, "--html", "x", "--csv", "x"),
        ("bench", CT, "--record", "x.json"),
        ("bench",),
    ],
)
def test_wrong_usage_is_2_and_writes_nothing(call, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    assert "error:" in err or not arguments
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["info", "decode", "bench"])
def test_what_is_not_there_is_one_line_and_1(call, tmp_path, command):
    output = ("-o", tmp_path / "x.npy") if command == "decode" else ()
    code, out, err = call(command, tmp_path / "absent.dcm", *output)
    assert (code, out) == (1, "")
    assert err == f"dcmturbo: error: {tmp_path / 'absent.dcm'}: there is no such file or folder\n"


@pytest.mark.parametrize("command", ["info", "decode", "bench"])
def test_text_file(call, tmp_path, command):
    text = tmp_path / "notes.txt"
    text.write_text("no DICOM here\n" * 100)
    output = ("-o", tmp_path / "x.npy") if command == "decode" else ()
    code, out, err = call(command, text, *output)
    assert (code, out) == (1, "")
    assert err.startswith(f"dcmturbo: error: {text}: ")
    assert err.count("\n") == 1
    assert "not a DICOM file" in err


@pytest.mark.parametrize("command", ["info", "decode", "bench"])
def test_folder_without_dicom(call, tmp_path, command):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("no DICOM here\n" * 100)
    output = ("-o", tmp_path / "out/") if command == "decode" else ()
    code, _, err = call(command, folder, *output)
    assert code == 1
    assert err == (
        f"dcmturbo: error: {folder}: this folder has no files to process (skipped in folders: 1 that is not DICOM)\n"
    )


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root, and everybody on Windows, reads everything")
def test_unreadable_file(call, tmp_path):
    secret = tmp_path / "secret.dcm"
    secret.write_bytes(CT.read_bytes())
    secret.chmod(0)
    assert call("info", secret)[::2] == (1, f"dcmturbo: error: {secret}: Permission denied\n")


def test_special_file_is_not_waited_for(call, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert call("info", tmp_path / "pipe")[::2] == (
        1,
        f"dcmturbo: error: {tmp_path / 'pipe'}: it is not a regular file\n",
    )
    assert call("info", tmp_path)[0] == 1


def test_names_that_are_no_text_and_no_terminal_acts_on(call, call_json, tmp_path):
    name = tmp_path / os.fsdecode(b"\x1b[31mred\xff[bold]:smile:.dcm")
    name.write_bytes(CT.read_bytes())
    code, out, err = call("info", name)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "\\x1b[31mred\\udcff[bold]:smile:.dcm" in out
    assert call_json("info", name)[1]["files"][0]["path"] == str(name)


def test_redirected_output_has_no_escapes_and_whole_names():
    done = run("info", DATA, env={**os.environ, "COLUMNS": "40", "TERM": "xterm-256color"})
    assert done.returncode == 1  # three of pydicom's files are damaged
    assert "\x1b" not in done.stdout + done.stderr
    assert f"{DATA / 'JPEG2000-embedded-sequence-delimiter.dcm'} " in done.stdout
    assert "Traceback" not in done.stderr


def test_ascii_output():
    done = run("info", CT, MULTI, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


@pytest.mark.parametrize("form", ["--json", "--full"])
def test_broken_pipe_is_quiet(form):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "dcmturbo.cli", "info", str(CT), str(RLE), form]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def has_child(process: int) -> bool:
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # one that has ended meanwhile
            if int(place.read_text().rpartition(")")[2].split()[1]) == process:
                return True
    return False


def test_interrupt_is_130_and_quiet():
    command = [sys.executable, "-m", "dcmturbo.cli", "bench", str(MULTI), "--rounds", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # It is at work once there is the process of an engine.
        while process.poll() is None and not has_child(process.pid):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (out, err) == (b"", b"")


def test_entry_point():
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="console_scripts", name="dcmturbo")
    assert entry.load() is main


def test_a_command_does_not_wait_for_what_others_import(tmp_path):
    # pydicom takes longer to import than a small file takes to be transcoded. Only some commands need it.
    code = (
        "import sys; from dcmturbo.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or sum(name in sys.modules for name in ('pydicom', 'PIL', 'imagecodecs')))"
    )
    for arguments in (
        ("transcode", CT, tmp_path / "x.dcm", "--to", "RLELossless", "--quiet"),
        ("decode", RLE, "-o", tmp_path / "x.npy"),
        ("--version",),
    ):
        done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)


# ---- small things -----------------------------------------------------------------------------------


def test_parse_frames():
    assert parse_frames("3") == 3
    assert parse_frames("-1") == -1
    assert parse_frames("0, 3,10:20,-1,::2") == [0, 3, slice(10, 20), -1, slice(None, None, 2)]
    assert parse_frames("5:") == [slice(5, None)]


def test_human_bytes():
    sizes = [999, 1000, 12345, 999499, 999500, 1234567890, 5e15]
    assert [human_bytes(size) for size in sizes] == [
        "999 bytes",
        "1 kB",
        "12.3 kB",
        "999 kB",
        "1 MB",
        "1.23 GB",
        "5e+03 TB",
    ]


def test_printable():
    assert printable("a\n\x1b[0m\u202eb\udc80é") == "a\\n\\x1b[0m\\u202eb\\udc80é"
