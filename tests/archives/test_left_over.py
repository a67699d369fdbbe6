"""What killed runs left goes, what living runs write stays, and users' files are never taken for ours."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from helpers.archives import TARGET, image, is_transcoded, tree

import dcmturbo as dt
from dcmturbo import system
from dcmturbo.archives import runs
from dcmturbo.archives.manifest import NAME
from dcmturbo.archives.runs import RunRecord
from dcmturbo.destinations.temporary import Temporary

WRITER = """
import os, signal, sys
from dcmturbo.archives.runs import RunRecord
from dcmturbo.destinations.temporary import Temporary
record = RunRecord([sys.argv[1]])
files = [Temporary(path, token=record.token) for path in sys.argv[2:]]
for file in files:
    os.write(file.descriptor, b"half of it")
print(*(file.name for file in files), sep="\\n", flush=True)
{}
"""
KILLED = WRITER.format("os.kill(os.getpid(), signal.SIGKILL)")
WRITING = WRITER.format("sys.stdin.readline()")


def left_by_a_killed_run(folder, *paths):
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), *map(str, paths)], stdout=subprocess.PIPE, text=True
    )
    assert run.returncode == -signal.SIGKILL
    names = run.stdout.split("\n")[:-1]
    assert all(map(os.path.exists, names))
    return names


def records(folder):
    return [name for name in os.listdir(folder) if name.startswith(f"{NAME}-run-")]


@pytest.mark.parametrize("manifest", [None, False, "elsewhere"])
@pytest.mark.parametrize("in_place", [False, True])
def test_what_a_killed_run_left_is_removed(archive, tmp_path, in_place, manifest):
    source, target, content = archive
    root = source if in_place else target
    (root / "a").mkdir(parents=True, exist_ok=True)
    left = left_by_a_killed_run(root, root / "a/image1.dcm", root / "notes.txt")
    assert records(root)
    if manifest == "elsewhere":
        manifest = tmp_path / "manifest"
    result = dt.transcode_archive(source, None if in_place else target, TARGET, in_place=in_place, manifest=manifest)
    assert result.is_complete
    assert sum(result.counts.values()) == 8
    assert not any(map(os.path.exists, left))
    assert not records(root)
    assert set(tree(root)) == set(content)


def test_in_place_of_several_sources_each_is_tidied(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.dcm").write_bytes(image(1))
    left = [*left_by_a_killed_run(tmp_path / "b", tmp_path / "b/1.dcm")]
    (tmp_path / "c.dcm").write_bytes(image(3))
    left += left_by_a_killed_run(tmp_path, tmp_path / "c.dcm")
    sources = [tmp_path / "a", tmp_path / "b", tmp_path / "c.dcm"]
    result = dt.transcode_archive(sources, None, TARGET, in_place=True)
    assert result.counts["transcoded"] == sum(result.counts.values()) == 3
    assert not any(map(os.path.exists, left))


@pytest.mark.parametrize("in_place", [False, True])
def test_what_a_living_run_writes_stays_and_is_not_taken(archive, in_place):
    source, target, _ = archive
    root = source if in_place else target
    root.mkdir(exist_ok=True)
    with Temporary(str(root / "other.dcm"), token=(record := RunRecord([str(root)])).token) as file:
        os.write(file.descriptor, image(1))
        result = dt.transcode_archive(source, None if in_place else target, TARGET, in_place=in_place)
        assert sum(result.counts.values()) == 8
        assert os.path.exists(file.name)
        assert records(root) == [f"{NAME}-run-{record.token}"]
        file.publish(replace=False)
    record.close()
    assert not records(root)


def test_a_run_in_another_pid_namespace_keeps_its_files(archive):
    source, target, _ = archive
    target.mkdir()
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no PID namespaces can be made here")
    command = [*unshare, sys.executable, "-c", WRITING, str(target), str(target / "x.dcm")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        name = writer.stdout.readline().rstrip("\n")
        assert dt.transcode_archive(source, target, TARGET).is_complete
        assert os.path.exists(name)
        assert records(target)
        writer.kill()
        writer.stdout.read()  # until the child has ended too
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == 8
    assert not os.path.exists(name)
    assert not records(target)


def test_users_files_that_look_like_ours_are_the_users(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    names = [
        "1.dcm", ".IMG.0001.part", ".backup.2019.part", f"{NAME}.bak", NAME, f"{NAME}-wal",
        f".1.dcm.{os.getpid()}-1.part", f".dcmturbo-{'a' * 32}-{'b' * 16}.part", f"{NAME}-run-{'a' * 32}",
    ]  # fmt: skip
    for i, name in enumerate(names):
        (source / name).write_bytes(image(i))
    manifest = tmp_path / "manifest"
    result = dt.transcode_archive(source, target, TARGET, manifest=manifest)
    assert result.counts["transcoded"] == len(names)
    for i, name in enumerate(names):
        assert is_transcoded(target / name, image(i))
    result = dt.transcode_archive(source, None, TARGET, in_place=True, manifest=manifest)
    assert result.counts["transcoded"] == len(names)
    for i, name in enumerate(names):
        assert is_transcoded(source / name, image(i))


def test_files_of_ours_in_a_source_are_left_out(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/1.dcm").write_bytes(image(1))
    assert dt.transcode_archive(source / "deep", None, "RLELossless", in_place=True).is_complete
    left = left_by_a_killed_run(source / "deep", source / "deep/er/1.dcm")
    result = dt.transcode_archive(source, target, TARGET)
    assert result.counts["transcoded"] == sum(result.counts.values()) == 1
    assert all(map(os.path.exists, left))
    assert set(tree(target)) == {"deep/er/1.dcm"}


def test_the_record_stays_while_files_are_in_hand(tmp_path):
    record = RunRecord([str(tmp_path)])
    with Temporary(str(tmp_path / "x"), token=record.token) as file:
        os.write(file.descriptor, b"half")
        record.close(keep=True)
        assert records(tmp_path)
        record = RunRecord([str(tmp_path)])
        assert not runs.remove_left_over([str(tmp_path)], but=record.token)
        assert os.path.exists(file.name)
    assert runs.remove_left_over([str(tmp_path)], but=record.token)
    record.close()
    assert not os.listdir(tmp_path)


def test_what_workers_that_died_left_goes_with_the_run(tmp_path):
    record = RunRecord([str(tmp_path)])
    left = Temporary(str(tmp_path / "x"), token=record.token)
    os.close(left.descriptor)
    record.close(tidy=True)
    assert not os.listdir(tmp_path)


def test_without_locks_only_what_is_old_is_removed(archive, monkeypatch):
    source, target, _ = archive
    (target / "a").mkdir(parents=True)
    young, old = left_by_a_killed_run(target, target / "a/1.dcm", target / "2.dcm")
    os.utime(old, (1, 1))
    monkeypatch.setattr(system, "lock", lambda _: None)
    assert dt.transcode_archive(source, target, TARGET).is_complete
    assert os.path.exists(young)
    assert not os.path.exists(old)


def test_a_folder_that_takes_no_record_is_told(archive, monkeypatch):
    source, target, _ = archive

    def refuse(self, path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(RunRecord, "_make", refuse)
    result = dt.transcode_archive(source, target, TARGET)
    assert result.is_complete
    assert any("the run cannot write a record there" in warning for warning in result.warnings)
