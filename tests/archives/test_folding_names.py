"""Destinations that take several names for one (SMB, NTFS, exFAT, macOS): nothing is lost, and collisions are named."""

import os
import shutil
import subprocess
import threading
import unicodedata

import pytest
from helpers.archives import TARGET, image, is_transcoded, tree

import dcmturbo as dt
from dcmturbo.destinations import temporary

NFC, NFD = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))


@pytest.fixture(params=["ntfs", "ext4"])
def folding(request, tmp_path):
    """A folder of a mounted file system that does not tell IM1 from im1."""
    picture, mount = tmp_path / "picture", tmp_path / "mount"
    mount.mkdir()
    picture.write_bytes(b"")
    os.truncate(picture, 64 << 20)
    if request.param == "ntfs":
        make = [["mkntfs", "-F", "-Q", picture], ["lowntfs-3g", "-o", "ignore_case", picture, mount]]
    else:
        make = [["mkfs.ext4", "-q", "-O", "casefold", picture], ["mount", "-o", "loop", picture, mount]]
        make += [["mkdir", mount / "folder"], ["chattr", "+F", mount / "folder"]]
    mounted = False
    try:
        for command in make:
            if shutil.which(command[0]) is None:
                pytest.skip(f"{command[0]} is not installed")
            if subprocess.run(command, capture_output=True, check=False).returncode:
                pytest.skip(f"no {request.param} that folds names can be mounted here")
            mounted = mounted or os.path.ismount(mount)
        folder = mount / "folder"
        folder.mkdir(exist_ok=True)
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", mount], check=False)


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "source"
    for i, name in enumerate(["IM1.dcm", "im1.dcm", "A/x.dcm", "a/x.dcm", "a/y.dcm", "T.txt", "t.txt"]):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(image(i) if name.endswith("dcm") else name.encode())
    return source


def check(source, target, result):
    """Of each pair one is there, whole, and the other one is named."""
    assert result.counts["failed"] == 3
    assert sum(result.counts.values()) == 7
    failed = {os.path.relpath(failure.path, source) for failure in result.failures}
    for pair in [("IM1.dcm", "im1.dcm"), ("A/x.dcm", "a/x.dcm"), ("T.txt", "t.txt")]:
        (lost,) = failed & set(pair)
        (kept,) = set(pair) - failed
        if kept.endswith("dcm"):
            assert is_transcoded(target / kept, source / kept)
        else:
            assert (target / kept).read_bytes() == (source / kept).read_bytes()
        (failure,) = (one for one in result.failures if one.path == str(source / lost))
        assert os.path.basename(kept) in failure.error or os.path.dirname(kept) in failure.error
    assert is_transcoded(target / "a/y.dcm", source / "a/y.dcm")
    assert len(tree(target)) == 4


@pytest.mark.parametrize("threads", [1, 2])
def test_names_that_a_file_system_folds(folding, source, threads):
    target = folding / "out"
    result = dt.transcode_archive(source, target, TARGET, threads=threads)
    check(source, target, result)
    # Again, and with every file changed: none takes the place of another's output.
    again = dt.transcode_archive(source, target, TARGET, threads=threads)
    assert again.counts["skipped"] == 4
    assert {one.path for one in again.failures} == {one.path for one in result.failures}
    for again in ({"resume": False}, {"resume": False, "overwrite": True}, {"overwrite": True}):
        repeated = dt.transcode_archive(source, target, TARGET, threads=threads, **again)
        assert {one.path for one in repeated.failures} == {one.path for one in result.failures}
    check(source, target, dt.transcode_archive(source, target, TARGET, threads=threads, resume=False))


def test_processes(folding, source):
    check(source, folding / "out", dt.transcode_archive(source, folding / "out", TARGET, jobs=2))


@pytest.mark.parametrize("fold", [str.lower, lambda path: unicodedata.normalize("NFC", path)], ids=["case", "unicode"])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_faked_file_system_that_folds(tmp_path, monkeypatch, fold, overwrite, threads):
    """Each name that is asked for leads to the one that is there, but folders list that one alone."""
    real = {name: getattr(os, name) for name in ("lstat", "open", "replace")}

    def folded(path):
        path = os.fspath(path)
        folder, name = os.path.split(path)
        if folder == str(tmp_path / "out"):
            return next((os.path.join(folder, one) for one in os.listdir(folder) if fold(one) == fold(name)), path)
        return path

    one_at_a_time = threading.Lock()  # as it is within a file system

    def rename(name, path):
        with one_at_a_time:
            os.link(name, folded(path))
        os.unlink(name)
        return True

    def replace(name, path):
        with one_at_a_time:
            real["replace"](name, folded(path))

    monkeypatch.setattr(os, "lstat", lambda path, **options: real["lstat"](folded(path), **options))
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(
        os,
        "open",
        lambda path, flags, *more, **options: real["open"](
            path if flags & os.O_CREAT or "dir_fd" in options else folded(path), flags, *more, **options
        ),
    )
    monkeypatch.setattr(temporary, "_rename_without_replacing", rename)
    monkeypatch.setattr("dcmturbo.archives.archive.is_shared", lambda paths: False)
    source = tmp_path / "source"
    source.mkdir()
    names = [f"{NFC}.dcm", f"{NFD}.dcm"] if fold is not str.lower else ["IM1.dcm", "im1.dcm"]
    for i, name in enumerate(names):
        (source / name).write_bytes(image(i))
    for turn in range(2):
        result = dt.transcode_archive(
            source, tmp_path / "out", TARGET, threads=threads, overwrite=overwrite, resume=False
        )
        assert (result.counts["transcoded"], result.counts["failed"]) == (1, 1), (turn, tree(tmp_path / "out"))
        (kept,) = {str(source / name) for name in names} - {result.failures[0].path}
        (output,) = tree(tmp_path / "out")
        assert is_transcoded(tmp_path / "out" / output, kept)
        if threads == 1:  # else the other name may still be on its way when the failure is worded
            assert os.path.basename(kept) in result.failures[0].error
