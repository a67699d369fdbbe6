"""Systems whose ``os`` lacks what POSIX has, as Windows' does: the package is imported without, and works."""

import os
import subprocess
import sys
import textwrap

import pytest

from dcmturbo import system

# What a Python on Windows does not have. The standard library itself needs some of it here, so it is imported before.
WITHOUT = """
import asyncio, concurrent.futures, ctypes, io, multiprocessing.spawn, os, random, signal, socket, sqlite3
import subprocess, sys, tempfile, logging, urllib.request
import numpy, pydicom, pydicom.data, imagecodecs
for name in ("fork", "register_at_fork", "pread", "preadv", "pwrite", "pwritev", "O_NONBLOCK", "O_NOFOLLOW",
             "O_CLOEXEC", "O_DIRECTORY", "sched_getaffinity", "getuid", "geteuid", "getgid", "fchmod", "listxattr",
             "setxattr", "statvfs", "uname", "mkfifo", "getpgid", "killpg", "WNOHANG"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios", "posix"):
    sys.modules[name] = None
del socket.send_fds, socket.AF_UNIX
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT + textwrap.dedent(program)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_decoding_works():
    run(
        """
        import numpy as np
        import dcmturbo as dt
        from pydicom.data import get_testdata_file
        path = get_testdata_file("CT_small.dcm")
        whole = dt.decode(path)
        with open(path, "rb") as file:
            assert np.array_equal(dt.decode(file), whole)
        coded = dt.encode_frame(whole, "RLELossless")
        attributes = dict(rows=128, columns=128, bits_allocated=16, pixel_representation=1)
        assert np.array_equal(dt.decode_frame(coded, "RLELossless", **attributes), whole)
        """
    )


def test_transcoding_works(tmp_path):
    run(
        f"""
        import numpy as np
        import dcmturbo as dt
        from pydicom.data import get_testdata_file
        path, out = get_testdata_file("CT_small.dcm"), r"{tmp_path / "out.dcm"}"
        dt.transcode(path, out, "JPEG2000Lossless")
        assert np.array_equal(dt.decode(out), dt.decode(path))
        """
    )


@pytest.mark.archives
def test_an_archive_is_transcoded_in_one_process(tmp_path):
    out = run(
        f"""
        import os, shutil
        from pydicom.data import get_testdata_file
        from dcmturbo.cli import main
        os.mkdir(r"{tmp_path / "in"}")
        shutil.copy(get_testdata_file("CT_small.dcm"), r"{tmp_path / "in"}")
        try:
            main(["transcode", r"{tmp_path / "in"}", r"{tmp_path / "out"}", "--to", "RLELossless", "--jobs", "2"])
        except SystemExit as end:
            assert not end.code, end.code
        """
    )
    assert (tmp_path / "out" / "CT_small.dcm").is_file(), out


@pytest.mark.parametrize("missing", [(), ("pread", "preadv", "pwritev")])
def test_reads_and_writes_at_positions(tmp_path, monkeypatch, missing):
    for name in missing:
        monkeypatch.delattr(os, name, raising=False)
    descriptor = system.open_file(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        views = [memoryview(b""), memoryview(b"abc"), memoryview(b"defg")]
        position = 10
        while any(view.nbytes for view in views):
            done = system.write_at(descriptor, views, position)
            assert done > 0
            position += done
            for i, view in enumerate(views):
                views[i], done = view[min(done, view.nbytes) :], max(done - view.nbytes, 0)
        assert system.read_at(descriptor, 100, 9) == b"\0abcdefg"
        memory = bytearray(4)
        assert system.read_into(descriptor, memoryview(memory), 14) == 3
        assert memory == b"efg\0"
        assert system.read_at(descriptor, 1, 17) == b""
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0  # it may be the descriptor of a caller's file object
    finally:
        os.close(descriptor)
