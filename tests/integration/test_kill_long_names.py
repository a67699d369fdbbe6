"""kill -9 while files are written whose names are as long as names can be, and begin alike: no patient is exchanged."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from helpers.dicom_writer import EXPLICIT, dicom_file, pixel_module
from helpers.killing import Killer, both_ways, rounds_of_kills, transcode_command
from helpers.samples import smooth

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME
from dcmturbo.destinations.temporary import TEMPORARY_NAME

pytestmark = pytest.mark.kills

ROUNDS = rounds_of_kills(1)  # of each way
FILES = 200
NAMES = [f"{'L' * 247}{i:04}.dcm" for i in range(FILES // 2)]
NAMES += [f"{'漢' * 81}{i:08}.dcm" for i in range(FILES // 2)]  # 81 times three bytes
COMMAND = transcode_command("RLELossless")


def cells(number):
    return smooth((64, 64), "u2", bits=12, seed=number)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long") / "originals"
    folder.mkdir()
    module = pixel_module(rows=64, columns=64, bits_allocated=16, bits_stored=12)
    for i, name in enumerate(NAMES):
        assert len(os.fsencode(name)) == 255
        patient = EXPLICIT.element(0x00100020, "LO", f"PATIENT{i:04}")
        pixels = EXPLICIT.element(0x7FE00010, "OW", cells(i).tobytes())
        (folder / name).write_bytes(dicom_file(patient + module + pixels))
    return folder


def check(folder, *, every):
    """Each file that is there is the one of its name."""
    names = {name for name in os.listdir(folder) if not name.startswith(".")}
    assert names <= set(NAMES)
    if every:
        assert names == set(NAMES)
        assert not [name for name in os.listdir(folder) if TEMPORARY_NAME.fullmatch(name)]
        assert not [name for name in os.listdir(folder) if name.startswith(f"{NAME}-")]
    for i, name in enumerate(NAMES):
        if name in names:
            content = (folder / name).read_bytes()
            assert b"LO\x0c\x00" + b"PATIENT%04d" % i in content, f"{i} is of another patient"
            assert np.array_equal(dt.decode(content), cells(i)), f"{i} has other pixels"


@both_ways
@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in_place"])
def test_long_names_that_begin_alike(originals, tmp_path, in_place, how):
    source = tmp_path / "source"
    target = source if in_place else tmp_path / "out"
    command = [*COMMAND, *how, str(source), *(["--in-place"] if in_place else [str(target)])]

    def begin_anew():
        shutil.rmtree(source, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(originals, source)

    begin_anew()
    killer = Killer(command, (how, in_place))
    check(target, every=True)
    for _ in range(ROUNDS):
        begin_anew()
        for _ in range(2):  # the second one finds what the first one left
            killer.kill(command, 0.3, 1.0, group=True)
            if target.exists():
                check(target, every=False)
        subprocess.run(command, check=True)
        check(target, every=True)
