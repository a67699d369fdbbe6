"""Temporary files: nobody else's, locked while they are written, and put into place with or without replacing."""

import errno
import os
import stat

import pytest
from helpers.systems import posix

from dcmturbo.destinations import temporary
from dcmturbo.destinations.temporary import TEMPORARY_NAME, Temporary
from dcmturbo.system import lock, open_file


def refuse(code):
    def call(*_, **__):
        raise OSError(code, os.strerror(code))

    return call


@pytest.fixture(params=["renameat2", "link", "claim"])
def way(request, monkeypatch):
    """Each way in which a file system may let a name be taken without replacing."""
    if request.param == "renameat2" and temporary._renameat2 is None:
        pytest.skip("the C library has no renameat2")
    if request.param != "renameat2":
        monkeypatch.setattr(temporary, "_renameat2", None)
    if request.param == "claim":
        monkeypatch.setattr(temporary.os, "link", refuse(errno.EPERM))
    return request.param


def write(path, content=b"new", *, replace):
    with Temporary(str(path)) as file:
        os.write(file.descriptor, content)
        file.publish(replace=replace)


def test_a_name_that_is_free_is_taken(tmp_path, way):
    write(tmp_path / "a", replace=False)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]
    assert os.stat(tmp_path / "a").st_nlink == 1


@pytest.mark.parametrize(
    "kind", ["file", "folder", *(pytest.param(kind, marks=posix) for kind in ("link", "dangling", "fifo"))]
)
def test_a_name_that_is_taken_is_left(tmp_path, way, kind):
    path, other = tmp_path / "a", tmp_path / "other"
    other.write_bytes(b"old")
    if kind == "file":
        path.write_bytes(b"old")
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(other if kind == "link" else tmp_path / "nothing")
    before = os.lstat(path)
    with pytest.raises(FileExistsError) as found:
        write(path, replace=False)
    assert found.value.filename == str(path)
    assert os.lstat(path).st_ino == before.st_ino
    assert other.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a", "other"]


def test_replacing_takes_the_place_of_a_file_and_of_a_link(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"old")
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").symlink_to(other)
    write(tmp_path / "a", replace=True)
    write(tmp_path / "b", replace=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"new"
    assert other.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "other"]


def test_names_of_any_length_get_files_of_their_own(tmp_path):
    paths = [str(tmp_path / f"{'L' * 251}{i:04}") for i in range(3)]
    paths += [str(tmp_path / ("\u6f22" * 84 + str(i))) for i in range(3)]
    files = [Temporary(path) for path in paths]
    names = {file.name for file in files}
    assert len(names) == len(paths)
    assert all(TEMPORARY_NAME.fullmatch(os.path.basename(name)) for name in names)
    for file in files:
        os.write(file.descriptor, file.path.encode())
    for file in files:
        file.publish(replace=False)
        file.close()
    for path in paths:
        with open(path, "rb") as file:
            assert file.read() == path.encode()


@posix
def test_a_number_drawn_twice_is_drawn_again(tmp_path, monkeypatch):
    drawn = iter(["0" * 16, "0" * 16, "1" * 16])
    monkeypatch.setattr(temporary.secrets, "token_hex", lambda _: next(drawn))
    token = "a" * 32
    (tmp_path / f".dcmturbo-{token}-{'0' * 16}.part").symlink_to(tmp_path / "elsewhere")
    with Temporary(str(tmp_path / "a"), token=token) as file:
        assert file.name == str(tmp_path / f".dcmturbo-{token}-{'1' * 16}.part")
    assert not (tmp_path / "elsewhere").exists()


def test_it_is_locked_while_it_is_written(tmp_path):
    with Temporary(str(tmp_path / "a")) as file:
        other = open_file(file.name, os.O_RDWR)
        assert lock(other) is False
    assert lock(other) is True
    os.close(other)
    assert not os.listdir(tmp_path)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_nobody_may_more_than_was_said(tmp_path, mode):
    before = os.umask(0o022)
    try:
        with Temporary(str(tmp_path / "a"), mode=mode | stat.S_ISUID) as file:
            assert stat.S_IMODE(os.stat(file.name).st_mode) == mode & ~0o022
    finally:
        os.umask(before)


def test_it_is_gone_when_it_was_not_published(tmp_path):
    with pytest.raises(RuntimeError), Temporary(str(tmp_path / "a")):
        raise RuntimeError
    assert not os.listdir(tmp_path)
