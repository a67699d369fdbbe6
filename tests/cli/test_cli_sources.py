"""What users name as an input: stdin, patterns, archives, and files that are not DICOM."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from helpers.command_line import CT, DATA
from PIL import Image

import dcmturbo as dt

PIXELS = dt.decode(CT)


def program(folder, *arguments, **options):
    command = [sys.executable, "-m", "dcmturbo", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False, **options)


def test_stdin(tmp_path):
    content = CT.read_bytes()
    done = program(tmp_path, "info", "-", input=content)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"CT Image Storage" in done.stdout
    assert b"39.2 kB" in done.stdout
    assert program(tmp_path, "decode", "-", "-o", "x.npy", input=content).returncode == 0
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), PIXELS)
    done = program(tmp_path, "decode", "-", "-o", "-", input=content)
    np.testing.assert_array_equal(np.load(io.BytesIO(done.stdout)), PIXELS)
    assert program(tmp_path, "decode", "-", "-o", "folder/", input=content).returncode == 0
    assert os.listdir(tmp_path / "folder") == ["stdin.npy"]
    assert program(tmp_path, "decode", "-", CT, "-o", "both.npy", input=content).returncode == 0
    np.testing.assert_array_equal(np.load(tmp_path / "both.npy"), np.stack([PIXELS, PIXELS]))
    done = program(tmp_path, "info", "-", input=b"")
    assert done.returncode == 1
    assert b"error: -: it is empty" in done.stderr


def test_patterns_that_the_shell_has_left(call, call_json, tmp_path, monkeypatch):
    for name in ("b1.dcm", "b2.dcm", "c[1].dcm"):
        shutil.copy(CT, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for pattern, count in (("b*.dcm", 2), ("c[1].dcm", 1), ("?[12].dcm", 2), ("~/b1.dcm", 1), ("~/*.dcm", 3)):
        code, document = call_json("info", pattern)
        assert code == 0
        assert len(document["files"]) == count
    assert call("decode", "b*.dcm", "-o", "out/")[0] == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["b1.npy", "b2.npy"]
    code, _, err = call("info", "d*.dcm")
    assert code == 1
    assert "d*.dcm: there is no such file" in err


def test_python_says_that_patterns_are_not_expanded():
    with pytest.raises(FileNotFoundError, match="expanduser"):
        dt.decode("~/of-nobody.dcm")
    with pytest.raises(FileNotFoundError, match=r"glob\.glob"):
        dt.open("of-nobody-*.dcm")
    with pytest.raises(FileNotFoundError) as raised:
        dt.open("of-nobody.dcm")
    assert raised.value.strerror == os.strerror(raised.value.errno)


def archives() -> dict[str, tuple[bytes, str]]:
    content = CT.read_bytes()
    zipped, tarred, tiff, png = (io.BytesIO() for _ in range(4))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(CT, "ct.dcm")
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        archive.add(CT, "ct.dcm")
    Image.new("L", (20, 20)).save(tiff, "TIFF")
    Image.new("L", (20, 20)).save(png, "PNG")
    array = io.BytesIO()
    np.save(array, PIXELS)
    return {
        "zip": (zipped.getvalue(), "a ZIP archive: unpack it"),
        "tar": (tarred.getvalue(), "a tar archive: unpack it"),
        "gz": (gzip.compress(content), "gzip has compressed"),
        "bz2": (bz2.compress(content), "bzip2 has compressed"),
        "xz": (lzma.compress(content), "xz has compressed"),
        "png": (png.getvalue(), "a PNG picture: dcmturbo encode"),
        "tiff": (tiff.getvalue(), "a TIFF picture: dcmturbo encode"),
        "npy": (array.getvalue(), "a NumPy array: dcmturbo encode"),
        "pdf": (b"%PDF-1.7" + bytes(900), "a PDF document"),
        "html": (b"<!DOCTYPE html>" + b" " * 900, "a web page"),
        "nii": (bytes(344) + b"n+1\0" + bytes(900), "a NIfTI file"),
    }


@pytest.mark.parametrize("kind", list(archives()))
def test_what_a_file_is_that_is_not_dicom(call, tmp_path, kind):
    content, words = archives()[kind]
    path = tmp_path / "x.dcm"
    path.write_bytes(content)
    for source in (content, path, io.BytesIO(content)):
        with pytest.raises(dt.NotDicom, match="this is not a DICOM file but") as raised:
            dt.decode(source)
        assert words in str(raised.value)
    for command in (("info", path), ("decode", path, "-o", tmp_path / "x.npy")):
        code, _, err = call(*command)
        assert code == 1
        assert words in err


def test_a_file_in_an_archive(call, tmp_path):
    pytest.importorskip("fsspec")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(CT, "a/ct.dcm")
    url = f"zip://a/ct.dcm::{tmp_path / 'x.zip'}"
    np.testing.assert_array_equal(dt.decode(url), PIXELS)
    assert call("info", url)[0] == 0
    with gzip.open(tmp_path / "x.gz", "wb") as file:
        file.write(CT.read_bytes())
    with gzip.open(tmp_path / "x.gz") as file:
        np.testing.assert_array_equal(dt.decode(file), PIXELS)


def test_a_dicomdir(call, tmp_path):
    directory = DATA / "dicomdirtests" / "DICOMDIR"
    with pytest.raises(dt.NoPixelData, match="a DICOMDIR, which only lists files"):
        dt.decode(directory)
    code, _, err = call("decode", directory, "-o", tmp_path / "x.npy")
    assert code == 1
    assert "name these files, or their folder" in err
    assert call("info", directory)[0] == 0


def test_a_url_of_nothing(call, tmp_path):
    """fsspec raises FileNotFoundError with the URL alone, also if no server answers."""
    pytest.importorskip("fsspec")
    code, _, err = call("info", "memory://of-nobody/x.dcm")
    assert code == 1
    assert "memory://of-nobody/x.dcm: there is no such file, or its server does not answer" in err
