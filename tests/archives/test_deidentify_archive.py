"""`dt.deidentify_archive` and `dcmturbo deidentify`: complete, consistent and recorded, whatever interrupts them."""

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.command_line import run
from helpers.identified import KEY, as_file, image_with, patient
from helpers.killing import rounds_of_kills, start_and_kill

import dcmturbo as dt
from dcmturbo.archives.deidentification import audit_place, manifest_place

FILES = 60


def write_archive(folder: Path, files: int, rows: int = 24) -> None:
    """Write objects of several patients, in folders with their names."""
    draw = np.random.default_rng(5)
    for i in range(files):
        dataset = patient(f"Waldmeister{i % 7}^Eva", f"ID-77{i % 7}", f"1.2.826.77.{i % 7}")
        dataset.SOPInstanceUID = f"1.2.826.77.{i % 7}.5.{i}"
        path = folder / f"Waldmeister{i % 7}" / f"{i:04}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image_with(dataset, draw.integers(0, 4096, (rows, 32), "u2")))


def outputs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def check(source: Path, target: Path, files: int) -> None:
    """The archive is complete, its pseudonyms are consistent, and the audit log has each output."""
    found = outputs(target)
    assert len(found) == files
    assert not any("aldmeister" in str(path.relative_to(target)) for path in target.rglob("*"))
    records = dt.check_audit(audit_place(str(target)), key=KEY)
    recorded = {r["output_sha256"]: r for r in records if r["action"] == "deidentified"}
    studies: dict[str, set[str]] = {}
    for path in found:
        data = path.read_bytes()
        assert b"aldmeister" not in data
        assert b"ID-77" not in data
        assert hashlib.sha256(data).hexdigest() in recorded
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        studies.setdefault(str(dataset.PatientID), set()).add(str(dataset.StudyInstanceUID))
    assert len(studies) == 7
    assert all(len(uids) == 1 for uids in studies.values())
    assert len(recorded) == files
    sources = {hashlib.sha256(path.read_bytes()).hexdigest() for path in outputs(source)}
    assert {record["source_sha256"] for record in recorded.values()} == sources


def test_an_archive_becomes_one_without_identities(tmp_path):
    write_archive(tmp_path / "in", 14)
    (tmp_path / "in" / "notes.txt").write_text("Waldmeister3 was here")
    result = dt.deidentify_archive(tmp_path / "in", tmp_path / "out", key=KEY, jobs=1)
    assert (result.counts["deidentified"], result.counts["failed"]) == (14, 1)
    assert result.failures[0].type == "DeidentificationError"
    assert result.manifest == manifest_place(str(tmp_path / "out"))
    (tmp_path / "in" / "notes.txt").unlink()
    check(tmp_path / "in", tmp_path / "out", 14)
    again = dt.deidentify_archive(tmp_path / "in", tmp_path / "out", key=KEY, jobs=1)
    assert again.counts["skipped"] == 14


def test_another_key_or_option_does_all_again(tmp_path):
    write_archive(tmp_path / "in", 2)
    dt.deidentify_archive(tmp_path / "in", tmp_path / "out", key=KEY, jobs=1, keep_names=True)
    before = [path.read_bytes() for path in outputs(tmp_path / "out")]
    result = dt.deidentify_archive(
        tmp_path / "in", tmp_path / "out", key=KEY, jobs=1, keep_names=True, retain_patient_characteristics=True
    )
    assert result.counts["deidentified"] == 2
    assert [path.read_bytes() for path in outputs(tmp_path / "out")] != before
    with pytest.raises(dt.DeidentificationError, match="this key"):
        dt.deidentify_archive(tmp_path / "in", tmp_path / "out", key=KEY + b"!", jobs=1)


@pytest.mark.parametrize("place", ["audit", "manifest"])
def test_what_names_sources_is_never_in_the_destination(tmp_path, place):
    write_archive(tmp_path / "in", 1)
    with pytest.raises(ValueError, match="inside of the destination"):
        dt.deidentify_archive(tmp_path / "in", tmp_path / "out", key=KEY, **{place: tmp_path / "out" / "x"})


def test_the_key_is_nowhere(tmp_path):
    write_archive(tmp_path / "in", 2)
    dt.deidentify_archive(tmp_path / "in", tmp_path / "out", key=KEY, jobs=1)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY not in path.read_bytes()


# ---- the audit log ------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path):
    write_archive(tmp_path / "in", 3)
    dt.deidentify_archive(tmp_path / "in", tmp_path / "out", key=KEY, jobs=1)
    return Path(audit_place(str(tmp_path / "out")))


def test_changes_of_the_audit_log_are_noticed(log):
    lines = log.read_bytes().splitlines(keepends=True)
    assert len(dt.check_audit(log, key=KEY)) == 4
    changed = json.loads(lines[1]) | {"patient": "SOMEBODYELSE"}
    for content in (
        [lines[0], json.dumps(changed).encode() + b"\n", *lines[2:]],
        [lines[0], *lines[2:]],
        [lines[1], lines[0], *lines[2:]],
        [*lines[:2], lines[1], *lines[2:]],
        lines[1:],
    ):
        log.write_bytes(b"".join(content))
        with pytest.raises(dt.DeidentificationError):
            dt.check_audit(log, key=KEY)
    log.write_bytes(b"".join(lines))
    with pytest.raises(dt.DeidentificationError):
        dt.check_audit(log, key=KEY + b"!")


def test_a_torn_record_stays_and_the_next_one_covers_it(log, tmp_path):
    whole = log.read_bytes()
    for torn in range(1, 60, 7):
        log.write_bytes(whole + whole.splitlines()[-1][:torn])
        dt.deidentify(patient_file(), tmp_path / "one.dcm", key=KEY, audit=log)
        assert log.read_bytes().startswith(whole)
        records = dt.check_audit(log, key=KEY)
        assert len(records) == 5
        assert records[-1]["torn"] == torn


def patient_file() -> bytes:
    return image_with(patient())


# ---- killed -------------------------------------------------------------------------------------------


@pytest.mark.kills
@pytest.mark.parametrize("how", [["--jobs", "2"], ["--jobs", "1"]], ids=["processes", "one"])
def test_a_killed_run_is_completed_by_the_next(tmp_path, how):
    source, target = tmp_path / "in", tmp_path / "out"
    write_archive(source, FILES)
    (tmp_path / "key").write_bytes(KEY)
    command = [sys.executable, "-m", "dcmturbo.cli", "deidentify", str(source), str(target), *how]
    command += ["--key", str(tmp_path / "key"), "--quiet"]
    draw = random.Random(7)
    for _ in range(rounds_of_kills(3)):
        before = len(outputs(target)) if target.exists() else 0
        deadline = draw.uniform(0.8, 3.0)
        start_and_kill(command, deadline, group=True)
        for path in outputs(target) if target.exists() else []:
            assert pydicom.dcmread(path).PatientIdentityRemoved == "YES"
        assert (len(outputs(target)) if target.exists() else 0) >= before
    time.sleep(0.2)
    assert subprocess.run(command, check=False).returncode == 0
    check(source, target, FILES)


# ---- the command line -----------------------------------------------------------------------------------


def test_the_command_line(tmp_path):
    write_archive(tmp_path / "in", 2)
    key = tmp_path / "secret.key"
    common = ["deidentify", tmp_path / "in", tmp_path / "out", "--key", key]
    dry = run(*common, "--new-key", "--dry-run", "--json", "--box", "0", "0", "4", "9", "--preview", tmp_path / "see")
    document = json.loads(dry.stdout)
    assert not key.exists()
    assert [one["blanked"] for one in document["files"]] == [36 / 768] * 2
    assert [one["boxes"] for one in document["files"]] == [[[0, 0, 4, 9]]] * 2
    assert len(list((tmp_path / "see").glob("*.png"))) == 2
    assert not (tmp_path / "out").exists()
    done = run(*common, "--new-key", "--modify-dates", "--json")
    assert key.stat().st_mode & 0o77 == 0
    assert json.loads(done.stdout)["files"]["deidentified"] == 2
    log = audit_place(str(tmp_path / "out"))
    checked = run("deidentify", "--check-audit", log, "--key", key)
    assert "whole, 3 records: 1 run, and 2 results of 2 source files" in checked.stdout
    assert json.loads(done.stdout)["blanked"] == {"files": 0, "least_share": 0, "largest_share": 0}
    assert run("deidentify", "--check-audit", log, "--key", tmp_path / "in").returncode != 0


def test_wrong_usage(tmp_path):
    assert run("deidentify", tmp_path, tmp_path / "out").returncode == 2
    assert run("deidentify", tmp_path, "--key", "k").returncode == 2


def test_files_that_are_not_written_are_listed(tmp_path):
    (tmp_path / "in").mkdir()
    dataset = patient()
    dataset.BurnedInAnnotation = "YES"
    image_with(dataset)
    (tmp_path / "in" / "one.dcm").write_bytes(as_file(dataset))
    (tmp_path / "key").write_bytes(KEY)
    result = run("deidentify", tmp_path / "in", tmp_path / "out", "--key", tmp_path / "key")
    assert result.returncode == 1
    assert "BurnedInAnnotation" in result.stderr
    assert outputs(tmp_path / "out") == []
