"""Pipes, devices, links, folders in two places, a manifest that goes away: told, and never waited for."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from helpers.archives import TARGET, image, make_archive, tree

import dcmturbo as dt
from dcmturbo.archives import walk
from dcmturbo.archives.manifest import NAME, Manifest, Row
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.outcome import Task
from dcmturbo.archives.transcoding import Transcoding
from dcmturbo.archives.walk import Filters, find_files
from dcmturbo.archives.work import do_one
from dcmturbo.cli import main


@pytest.fixture
def special(tmp_path):
    """A function that puts something that is no regular file at a path."""
    sockets = []

    def make(kind, path):
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            sockets.append(socket.socket(socket.AF_UNIX))
            before = os.getcwd()
            os.chdir(path.parent)  # names of sockets are short
            sockets[-1].bind(path.name)
            os.chdir(before)
        else:
            path.symlink_to("/dev/zero")

    yield make
    for one in sockets:
        one.close()


KINDS = ["pipe", "socket", "device"]


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_source(tmp_path, special, kind):
    source = tmp_path / "source"
    make_archive(source)
    special(kind, source / "special.dcm")
    result = dt.transcode_archive(source, tmp_path / "out", TARGET)
    assert (result.counts["transcoded"], result.counts["failed"]) == (6, 0)
    assert any(f"special.dcm: left out: it is not a regular file but a {kind}" in text for text in result.warnings)
    named = dt.transcode_archive(source / "special.dcm", tmp_path / "two", TARGET)
    assert [failure.error for failure in named.failures] == [f"it is not a regular file but a {kind}"]
    if kind != "device":
        assert not dt.transcode_archive(source / "special.dcm", None, TARGET, in_place=True).is_complete


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_at_the_place_of_an_output(tmp_path, special, kind, overwrite):
    (tmp_path / "source").mkdir()
    (tmp_path / "out").mkdir()
    for name in ("1.dcm", "2.txt", "3.dcm"):
        (tmp_path / "source" / name).write_bytes(image(3) if name != "2.txt" else b"text")
    for name in ("1.dcm", "2.txt"):
        special(kind, tmp_path / "out" / name)
    before = [os.lstat(tmp_path / "out" / name) for name in ("1.dcm", "2.txt")]
    result = dt.transcode_archive(tmp_path / "source", tmp_path / "out", TARGET, overwrite=overwrite)
    assert (result.counts["transcoded"], result.counts["failed"]) == (1, 2)
    after = [os.lstat(tmp_path / "out" / name) for name in ("1.dcm", "2.txt")]
    assert [(one.st_ino, one.st_mode) for one in after] == [(one.st_ino, one.st_mode) for one in before]


def test_a_pipe_that_nobody_reads_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        dt.transcode(image(1), tmp_path / "pipe", TARGET)
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    while True:  # until the reader has opened it
        try:
            dt.transcode(image(1), tmp_path / "pipe", TARGET)
            break
        except OSError:
            pass
    reader.join()
    assert is_transcoded_bytes(got[0])


def is_transcoded_bytes(content):
    return bool((dt.decode(content) == dt.decode(image(1))).all())


def test_a_report_onto_a_device_does_not_replace_it(tmp_path):
    make_archive(tmp_path / "source")
    dt.transcode_archive(tmp_path / "source", tmp_path / "out", TARGET)
    (tmp_path / "null").symlink_to(os.devnull)
    assert main(["transcode", "--report", "csv", str(tmp_path / "out"), "--output", str(tmp_path / "null")]) == 0
    assert (tmp_path / "null").is_symlink()
    assert not os.path.isfile(os.devnull)


# ---- links and mounts -------------------------------------------------------------------------------


def test_a_pattern_of_all_folders_in_place(tmp_path):
    outside, source = tmp_path / "outside", tmp_path / "source"
    make_archive(source)
    outside.mkdir()
    (outside / "x.dcm").write_bytes(image(9))
    (source / "link").symlink_to(outside)
    (source / "circle").symlink_to(source)
    before = tree(outside)
    for pattern, count in [("**/*.dcm", 7), ("**", 8), ("a/**/image*", 4), ("*/image1.dcm", 1)]:
        result = dt.transcode_archive(str(source / pattern), None, TARGET, in_place=True, resume=False)
        assert result.is_complete
        assert sum(result.counts.values()) == count, pattern
        assert tree(outside) == before
    assert not os.path.lexists(source / "**")
    again = dt.transcode_archive(str(source / "**"), None, TARGET, in_place=True)
    assert again.counts["failed"] == 0
    assert sum(again.counts.values()) == 8  # neither the manifest nor a temporary file is one


@pytest.mark.parametrize(
    "pattern",
    ["**", "**/*", "**/*.dcm", "a/**", "a/**/*.dcm", "**/d/*", "*/**/image?.dcm", "**/**/image[0-3].dcm", "x/**"],
)
def test_patterns_find_what_glob_finds(tmp_path, pattern):
    import glob

    make_archive(tmp_path)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/image7.dcm").write_bytes(b"")
    (tmp_path / "image2.dcm").write_bytes(b"")
    wanted = {
        path for path in glob.glob(str(tmp_path / pattern), recursive=True, include_hidden=True) if os.path.isfile(path)
    }
    told = []
    found = {file.path for file in find_files([str(tmp_path / pattern)], Filters(), lambda *what: told.append(what))}
    assert found == wanted
    assert bool(told) == (not wanted)


def mount_again(folder, place):
    place.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "--bind", folder, place], capture_output=True).returncode
    ):
        pytest.skip("nothing can be mounted here")


def test_a_folder_that_is_mounted_in_two_places(tmp_path):
    source, other = tmp_path / "source", tmp_path / "other"
    make_archive(source)
    before = tree(source)
    mount_again(source, other)
    try:
        with pytest.raises(ValueError, match="is the source: to replace its files"):
            dt.transcode_archive(source, other, TARGET)
        for target in (other / "a", other / "new"):
            with pytest.raises(ValueError, match="contains the other"):
                dt.transcode_archive(source, target, TARGET)
        with pytest.raises(ValueError, match="contains the other"):
            dt.transcode_archive(other / "a", source, TARGET)
        assert tree(source) == before
    finally:
        subprocess.run(["umount", other], check=True)


# ---- the manifest, and dry runs ---------------------------------------------------------------------


def row(name):
    return Row(name, name, 1, 1, None, "1.2", "{}", "copied")


def begun(path):
    manifest = Manifest(str(path))
    manifest.begin(target="1.2", options="{}", version="1", jobs=1, threads=1, executor="threads")
    manifest.write([row("first")])
    return manifest


@pytest.mark.parametrize("endings", [("",), ("", "-wal", "-shm"), ("", "-wal", "-shm", "-lock")])
def test_a_manifest_that_is_removed_is_written_anew(tmp_path, endings):
    with begun(tmp_path / "manifest") as manifest:
        for ending in endings:
            os.unlink(f"{tmp_path}/manifest{ending}")
        manifest.write([row("second")])
        manifest.write([row("third")])
        manifest.end(seconds=1.0, skipped=0, stopped=None)
        assert any("somebody removed the manifest" in warning for warning in manifest.warnings)
    with Manifest(str(tmp_path / "manifest"), write=False) as manifest:
        assert [one.path for one in manifest.rows()] == ["first", "second", "third"]
    assert os.stat(tmp_path / "manifest").st_mode & 0o777 == 0o600


def test_a_manifest_that_another_file_has_replaced_is_left(tmp_path):
    with begun(tmp_path / "manifest") as manifest:
        (tmp_path / "other").write_bytes(b"somebody's")
        os.replace(tmp_path / "other", tmp_path / "manifest")
        with pytest.raises(OSError, match="another file replaced the manifest"):
            manifest.write([row("second")])
    assert (tmp_path / "manifest").read_bytes() == b"somebody's"


def test_a_run_whose_manifest_is_removed(tmp_path):
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for i in range(40):
        (source / f"{i}.dcm").write_bytes(image(i))
    removed = []

    def progress(state):
        if state.files >= 3 and not removed:
            removed.append(os.unlink(target / NAME))

    result = dt.transcode_archive(source, target, TARGET, progress=progress, threads=1)
    assert removed
    assert result.is_complete
    assert any("somebody removed the manifest" in warning for warning in result.warnings)
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == 40


def test_a_dry_run_copies_nothing(tmp_path, monkeypatch):
    with open(tmp_path / "film.mp4", "wb") as file:
        file.truncate(4 << 30)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(shutil, "copyfileobj", lambda *_: pytest.fail("it is copied"))
    settings = Settings(Transcoding("1.2.840.10008.1.2.5"), only_estimates=True)
    outcome = do_one(Task(1, str(tmp_path / "film.mp4"), str(tmp_path / "out/film.mp4")), settings, 1)
    assert (outcome.status, outcome.bytes_after) == ("copied", 4 << 30)
    assert not os.listdir(tmp_path / "out")
    result = dt.transcode_archive(tmp_path / "film.mp4", tmp_path / "new", TARGET, dry_run=True)
    assert result.estimate.bytes_after == 4 << 30
    assert not (tmp_path / "new").exists()


# ---- the command line -------------------------------------------------------------------------------


def test_names_that_a_terminal_would_act_on(tmp_path, capfd):
    source = tmp_path / "source"
    source.mkdir()
    name = "a\x1b[31mred\nline\x07.dcm"
    (source / name).write_bytes(image(1)[:-10])
    assert main(["transcode", str(source), str(tmp_path / "out"), "--to", TARGET]) == 1
    for form in ("table", "csv", "json", "html"):
        assert main(["transcode", "--report", form, str(tmp_path / "out")]) == 0
    said = capfd.readouterr()
    assert not [c for c in said.out + said.err if not c.isprintable() and c != "\n"]
    assert "a\\x1b[31mred\\nline\\x07.dcm" in said.out


def test_no_threads_left_is_a_sentence(tmp_path, monkeypatch, capfd):
    def refuse(*_, **__):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("dcmturbo.cli.transcode.transcode_archive", refuse)
    (tmp_path / "in").mkdir()
    assert main(["transcode", str(tmp_path / "in"), str(tmp_path / "out"), "--to", TARGET]) == 1
    assert "out of threads" in capfd.readouterr().err


def test_ctrl_c_while_it_is_imported(tmp_path):
    (tmp_path / "numpy.py").write_text("raise KeyboardInterrupt\n")
    command = [sys.executable, "-m", "dcmturbo.cli", "--version"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (130, "dcmturbo: interrupted\n")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *(("image.dcm", True), ("console.dcm", True), (".hidden", True), ("..", True), (".", True), ("a.b.c", True)),
        *(("a:b", False), ("a\\b", False), ("what?", False), ("end.", False), ("end ", False), ("tab\t", False)),
        *(("con", False), ("AUX.dcm", False), ("com1", False), ("LPT9.x", False), ("nul .dcm", False)),
    ],
)
def test_names_that_windows_can_give(name, is_one):
    assert (walk._NO_NAME_ON_WINDOWS.search(name) is None) == is_one


def test_files_whose_names_windows_cannot_give_are_told_and_left_out(tmp_path, monkeypatch):
    names = ["good.dcm", "aux.dcm", "a:b", "com1/good.dcm", "end./good.dcm", "console/good.dcm"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    def walked():
        told = []
        found = find_files([str(tmp_path)], Filters(), lambda kind, path, text: told.append((kind, path, text)))
        return {one.relative for one in found}, told

    assert walked() == (set(names), [])
    monkeypatch.setattr(walk, "sys", SimpleNamespace(platform="win32"))
    found, told = walked()
    assert found == {"good.dcm", "console/good.dcm"}
    refused = set(names) - found
    assert {path for _, path, _ in told} == {str(tmp_path / name) for name in refused}
    why = "its output would have no place below the destination: Windows cannot give a file the name"
    assert sorted(what for _, _, what in told) == sorted(f"{why} {name!r}" for name in refused)
    assert {kind for kind, _, _ in told} == {"failed"}
