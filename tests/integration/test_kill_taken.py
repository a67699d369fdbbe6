"""A destination that holds files of others, of the same names: kill -9 twice, and they are untouched and listed."""

import os
import shutil
import subprocess
import time

import pytest
from helpers.archives import image, numbered, same_pixels
from helpers.killing import Killer, both_ways, rounds_of_kills, transcode_command

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME, Manifest
from dcmturbo.archives.ownership import identity_of

pytestmark = pytest.mark.kills

ROUNDS = rounds_of_kills(1)
FILES, TAKEN = (500, 100) if ROUNDS >= 10 else (200, 40)
COMMAND = transcode_command("HTJ2KLossless")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    contents = [image(seed, rows=96, columns=128, frames=2, syntax="rle") for seed in range(5)]
    return numbered(
        tmp_path_factory.mktemp("taken") / "source",
        (contents[i % 5] if i % 10 != 7 else f"text {i}\n".encode() for i in range(FILES)),
    )


def taken(target):
    return [target / f"{i:03}.dcm" for i in range(0, FILES, FILES // TAKEN)]


def outputs(target):
    return sorted(name for name in os.listdir(target) if not name.startswith(".dcmturbo-transcode.sqlite"))


@both_ways
def test_files_of_others_stay_whatever_happens(source, tmp_path, how):
    killer = Killer([*COMMAND, *how, str(source), str(tmp_path / "whole")], how)
    target = tmp_path / "out"
    command = [*COMMAND, *how, str(source), str(target)]
    for _ in range(ROUNDS):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for path in taken(target):
            path.write_bytes(b"somebody's own " + path.name.encode())
        before = {path: (path.read_bytes(), identity_of(str(path))) for path in taken(target)}
        for _ in range(2):
            killer.kill(command, 0.3, 0.8, stderr=subprocess.DEVNULL)
            time.sleep(0.3)  # its workers see that it is gone
            assert {path: (path.read_bytes(), identity_of(str(path))) for path in taken(target)} == before
        last = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        assert last.returncode == 1
        assert f"{TAKEN} files (" in last.stderr
        assert "--overwrite" in last.stderr
        errors = [line for line in last.stderr.splitlines() if "it is not DICOM, although its name says so" not in line]
        assert len(errors) == 1, last.stderr
        assert {path: (path.read_bytes(), identity_of(str(path))) for path in taken(target)} == before
        assert outputs(target) == outputs(source)
        with Manifest(str(target / NAME), write=False) as manifest:
            rows = {row.destination: row for row in manifest.rows()}
        assert len(rows) == FILES
        assert {destination for destination, row in rows.items() if row.status == "failed"} == {
            str(path) for path in taken(target)
        }
        last = subprocess.run([*COMMAND, *how, "--overwrite", str(source), str(target)], check=False)
        assert last.returncode == 0
        for path in taken(target):
            original = source / path.name
            if original.read_bytes().startswith(b"text"):
                assert path.read_bytes() == original.read_bytes()
            else:
                assert same_pixels(path, original)
        assert outputs(target) == outputs(source)
    assert killer.killed


def test_a_reader_never_finds_half_of_a_file_that_is_replaced(source, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    path = target / "000.dcm"
    shutil.copyfile(source / "000.dcm", path)
    for i in range(1, 40):
        shutil.copyfile(source / f"{i:03}.dcm", target / f"{i:03}.dcm")
    run = subprocess.Popen([*COMMAND, "--overwrite", str(source), str(target)])
    seen = set()
    while run.poll() is None:
        with dt.open(path) as opened:
            seen.add(opened.transfer_syntax)
        assert same_pixels(path, source / "000.dcm")
    assert run.returncode == 0
    with dt.open(path) as opened:
        assert opened.transfer_syntax == "1.2.840.10008.1.2.4.201"
    assert seen <= {"1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.201"}
