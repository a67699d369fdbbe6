"""What stands at a destination already: replaced where it is ours or where that is asked for, left alone otherwise."""

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest
from helpers.archives import TARGET, image, is_transcoded, make_archive, rows_of, tree, without_pixels
from pydicom.data import get_testdata_file

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME, InHand, Manifest
from dcmturbo.archives.ownership import identity_of, is_still
from dcmturbo.cli import main

FOREIGN = b"somebody's own file"


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FOREIGN)


# ---- somebody's -------------------------------------------------------------------------------------


@pytest.mark.parametrize("manifest", [None, False])
def test_a_file_of_others_stays_and_the_one_that_would_go_there_fails(archive, manifest):
    source, target, _ = archive
    names = ["a/image1.dcm", "a/report.dcm", "notes.txt"]  # transcoded, copied without pixels, copied as no DICOM
    put(target, *names)
    before = {name: identity_of(str(target / name)) for name in names}
    for _ in range(2):
        result = dt.transcode_archive(source, target, TARGET, manifest=manifest, resume=False)
        if manifest is False:
            put_names = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
            for name in put_names - set(names):
                (target / name).unlink()  # without a manifest, these would be somebody's now
        assert (result.counts["failed"], result.counts["transcoded"], result.is_complete) == (3, 5, False)
        assert sorted(failure.destination for failure in result.failures) == sorted(str(target / n) for n in names)
        assert all("--overwrite" in failure.error for failure in result.failures)
        assert {name: identity_of(str(target / name)) for name in names} == before
    assert not [name for name in tree(target) if name.endswith(".part")]


def test_overwrite_replaces_them_in_one_step(archive, monkeypatch, in_this_process):
    source, target, _ = archive
    put(target, "a/image1.dcm", "notes.txt")
    seen = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda one, other: (seen.append(os.path.exists(other)), real(one, other))[1])
    result = dt.transcode_archive(source, target, TARGET, overwrite=True)
    assert result.is_complete
    assert seen.count(True) == 2  # each was there until its successor took its name
    assert is_transcoded(target / "a/image1.dcm", source / "a/image1.dcm")
    assert (target / "notes.txt").read_bytes() == (source / "notes.txt").read_bytes()
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == 8


def test_without_a_manifest_everything_that_is_there_is_somebodys(archive):
    source, target, _ = archive
    assert dt.transcode_archive(source, target, TARGET, manifest=False).is_complete
    assert dt.transcode_archive(source, target, TARGET, manifest=False).counts["failed"] == 8
    assert dt.transcode_archive(source, target, TARGET, manifest=False, overwrite=True).is_complete


def test_nothing_is_a_file_too(archive):
    source, target, _ = archive
    (target / "a/image1.dcm").mkdir(parents=True)
    (target / "notes.txt").symlink_to(target / "nowhere")
    for overwrite in (False, True):
        result = dt.transcode_archive(source, target, TARGET, overwrite=overwrite)
        assert result.counts["failed"] == 2
    assert (target / "a/image1.dcm").is_dir()
    assert (target / "notes.txt").is_symlink()


def test_a_file_that_comes_while_its_place_is_written_stays(archive, monkeypatch, in_this_process):

    source, target, _ = archive
    from dcmturbo.archives import transcoding

    real = transcoding.transcode

    def transcode(*arguments, **options):
        result = real(*arguments, **options)
        put(target, "a/image1.dcm")
        return result

    monkeypatch.setattr(transcoding, "transcode", transcode)
    result = dt.transcode_archive(source / "a/image1.dcm", target / "a", TARGET)
    assert result.counts["failed"] == 1
    assert (target / "a/image1.dcm").read_bytes() == FOREIGN


def test_several_files_and_a_file_set(tmp_path):
    shutil.copytree(Path(get_testdata_file("DICOMDIR")).parent, tmp_path / "disc")
    names = sorted(os.path.relpath(path, tmp_path / "disc") for path in (tmp_path / "disc").glob("77654033/*/*"))
    target = tmp_path / "out"
    put(target, names[-1], "DICOMDIR")
    result = dt.transcode_archive(tmp_path / "disc/DICOMDIR", target, TARGET)
    failed = {os.path.relpath(failure.destination, target) for failure in result.failures if failure.destination}
    assert failed == {"DICOMDIR", names[-1]}
    assert (target / "DICOMDIR").read_bytes() == (target / names[-1]).read_bytes() == FOREIGN
    assert (target / names[0]).exists()
    other = tmp_path / "other"
    put(other, "one.dcm")
    (tmp_path / "one.dcm").write_bytes(image(1))
    (tmp_path / "two.dcm").write_bytes(image(2))
    result = dt.transcode_archive([tmp_path / "one.dcm", tmp_path / "two.dcm"], other, TARGET)
    assert (result.counts["failed"], result.counts["transcoded"]) == (1, 1)
    assert (other / "one.dcm").read_bytes() == FOREIGN


def test_an_object_store(tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    source = tmp_path / "in"
    make_archive(source)
    system = fsspec.filesystem("memory")
    bucket = f"/taken-{os.getpid()}"
    system.pipe_file(f"{bucket}/a/image1.dcm", FOREIGN)
    system.pipe_file(f"{bucket}/notes.txt", FOREIGN)
    dry = dt.transcode_archive(source, f"memory:/{bucket}", TARGET, dry_run=True)
    assert dry.estimate.taken == 2
    result = dt.transcode_archive(source, f"memory:/{bucket}", TARGET)
    assert (result.counts["failed"], result.counts["transcoded"], result.counts["copied"]) == (2, 5, 1)
    assert system.cat_file(f"{bucket}/a/image1.dcm") == system.cat_file(f"{bucket}/notes.txt") == FOREIGN
    result = dt.transcode_archive(source, f"memory:/{bucket}", "RLELossless")  # the others are ours
    assert (result.counts["failed"], result.counts["skipped"]) == (2, 0)
    system.pipe_file(f"{bucket}/a/image2.dcm", FOREIGN)
    assert dt.transcode_archive(source, f"memory:/{bucket}", TARGET).counts["failed"] == 3
    assert dt.transcode_archive(source, f"memory:/{bucket}", TARGET, overwrite=True).is_complete
    system.rm(bucket, recursive=True)


# ---- ours -------------------------------------------------------------------------------------------


def test_what_we_wrote_may_be_replaced_until_somebody_changes_it(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET)
    assert dt.transcode_archive(source, target, "JPEGLosslessSV1").is_complete
    path = target / "a/image1.dcm"
    before = path.read_bytes()
    times = path.stat()
    path.write_bytes(before)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # size and time are those that were
    result = dt.transcode_archive(source, target, TARGET)
    assert [failure.destination for failure in result.failures] == [str(path)]
    assert path.read_bytes() == before
    # A failure does not make it ours again.
    assert dt.transcode_archive(source, target, TARGET).counts["failed"] == 1
    assert dt.transcode_archive(source, target, TARGET, overwrite=True).is_complete
    assert dt.transcode_archive(source, target, "RLELossless").is_complete


def test_an_output_that_was_cut_is_not_ours_any_more(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET)
    path = target / "a/image1.dcm"
    path.write_bytes(path.read_bytes()[:-2])
    result = dt.transcode_archive(source, target, TARGET)
    assert (result.counts["failed"], result.counts["skipped"]) == (1, 7)


def test_the_output_of_another_archive_is_not_replaced(tmp_path):
    for name, seed in (("one", 1), ("other", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.dcm").write_bytes(image(seed))
    dt.transcode_archive(tmp_path / "one", tmp_path / "out", TARGET)
    result = dt.transcode_archive(tmp_path / "other", tmp_path / "out", TARGET)
    assert result.counts["failed"] == 1
    assert is_transcoded(tmp_path / "out/a.dcm", image(1))
    # The same archive in another place is known by size and time.
    (tmp_path / "one").rename(tmp_path / "moved")
    assert dt.transcode_archive(tmp_path / "moved", tmp_path / "out", "RLELossless").is_complete


def test_a_file_that_failed_before_is_done_when_it_is_mended(archive):
    source, target, content = archive
    path = source / "a/image1.dcm"
    path.write_bytes(content["a/image1.dcm"][:-200])
    assert dt.transcode_archive(source, target, TARGET).counts["failed"] == 1
    path.write_bytes(content["a/image1.dcm"])
    assert dt.transcode_archive(source, target, TARGET).is_complete
    # Ours, then a failure, then ours again: it is remembered through the failure.
    path.write_bytes(content["a/image1.dcm"][:-200])
    assert dt.transcode_archive(source, target, TARGET).counts["failed"] == 1
    path.write_bytes(content["a/image1.dcm"])
    assert dt.transcode_archive(source, target, TARGET).is_complete


# ---- of a run that was killed -----------------------------------------------------------------------


def _as_if_killed(target, *names):
    """Make a manifest say what it does when the run ends between writing a file and noting it."""
    with Manifest(str(target / NAME)) as manifest:
        manifest.hand_out([InHand(str(target / name), None) for name in names])
        manifest._connection.executemany(
            "DELETE FROM file WHERE destination = ?", [(str(target / name),) for name in names]
        )


def test_what_was_written_and_not_noted_is_ours(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET)
    names = ["a/image1.dcm", "notes.txt", "a/report.dcm"]
    before = {name: identity_of(str(target / name)) for name in names}
    _as_if_killed(target, *names)
    result = dt.transcode_archive(source, target, TARGET)
    assert result.is_complete, result.failures
    assert (result.counts["transcoded"], result.counts["copied"], result.counts["skipped"]) == (1, 2, 5)
    assert {name: identity_of(str(target / name)) for name in names} == before  # nothing was written again
    assert dt.transcode_archive(source, target, "RLELossless").is_complete


def test_what_others_put_there_in_the_meantime_is_theirs(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET)
    names = ["a/image1.dcm", "notes.txt", "a/report.dcm"]
    put(target, *names)
    _as_if_killed(target, *names)
    assert dt.transcode_archive(source, target, TARGET).counts["failed"] == 3
    assert all((target / name).read_bytes() == FOREIGN for name in names)


def test_a_uid_of_its_own_is_the_same_the_second_time(archive):
    source, target, _ = archive
    options = {"new_uid": True, "ratio": 4}
    dt.transcode_archive(source, target, "JPEG2000", **options)
    path = target / "a/image1.dcm"
    uid = str(pydicom.dcmread(path).SOPInstanceUID)
    with Manifest(str(target / NAME)) as manifest:
        manifest.hand_out([InHand(str(path), uid)])
        manifest._connection.execute("DELETE FROM file WHERE destination = ?", (str(path),))
    assert dt.transcode_archive(source, target, "JPEG2000", **options).is_complete
    assert str(pydicom.dcmread(path).SOPInstanceUID) == uid


def test_an_executor_that_does_a_file_twice_does_it_once(archive):
    """A cluster repeats what a worker that is gone has done."""
    source, target, _ = archive

    class Twice(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            super().submit(function, *arguments).result()
            return super().submit(function, *arguments)

    with Twice(2) as pool:
        result = dt.transcode_archive(source, target, TARGET, executor=pool)
    assert result.is_complete, result.failures


# ---- manifests of the version before ----------------------------------------------------------------


def _as_version_1(path):
    connection = sqlite3.connect(path)
    connection.executescript(
        "ALTER TABLE file DROP COLUMN output; ALTER TABLE file DROP COLUMN original; DROP TABLE hand; "
        "PRAGMA user_version=1;"
    )
    connection.close()


def test_a_manifest_of_the_first_version_goes_on(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET)
    _as_version_1(target / NAME)
    assert {row.output for row in rows_of(target / NAME).values()} == {None}  # read, and not changed
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == 8
    result = dt.transcode_archive(source, target, "RLELossless")
    assert result.is_complete, result.failures
    assert all(row.output for row in rows_of(target / NAME).values())


def test_identities():
    assert is_still("5:1:2:3", "5:1:2:3")
    assert is_still("5:1:2:3", "5")
    assert not is_still("5:1:2:3", "5:1:2:4")
    assert not is_still("5:1:2:3", "6")
    assert not is_still("5:1:2:3", None)
    # A file system with times of 100 ns sets them when the file is closed.
    assert is_still("5:1700000001000000100:1700000001000000100:3", "5:1700000000000000200:1700000000000000200:3")
    # A file system that keeps whole seconds; a change within the same second.
    assert is_still("5:1700000001000000000:1700000002000000000:3", "5:1700000001234567891:1700000001987654321:3")
    assert not is_still("5:1700000001234567891:1700000001345678912:3", "5:1700000001234567891:1700000001234567891:3")
    assert not is_still("5:1700000001000000000:1700000002000000000:4", "5:1700000001234567891:1700000001987654321:3")


# ---- saying it --------------------------------------------------------------------------------------


def test_a_dry_run_counts_what_is_taken(archive, capsys):
    source, target, _ = archive
    put(target, "a/image1.dcm", "a/report.dcm", "notes.txt")
    result = dt.transcode_archive(source, target, TARGET, dry_run=True)
    assert (result.estimate.taken, len(result.failures)) == (3, 3)
    assert dt.transcode_archive(source, target, TARGET, dry_run=True, overwrite=True).failures == ()
    assert sorted(tree(target)) == ["a/image1.dcm", "a/report.dcm", "notes.txt"]
    command = ["transcode", str(source), str(target), "--to", TARGET, "--dry-run"]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "3 files at the destination" in out
    assert "3 files" in err
    assert main([*command, "--overwrite"]) == 0
    assert "would be replaced" in capsys.readouterr().out
    dt.transcode_archive(source, target, TARGET)
    assert dt.transcode_archive(source, target, "RLELossless", dry_run=True).estimate.taken == 3


def test_many_that_are_taken_are_one_line(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for i in range(60):
        (tmp_path / f"in/{i:03}.dcm").write_bytes(without_pixels())
        put(tmp_path / "out", f"{i:03}.dcm")
    assert main(["transcode", str(tmp_path / "in"), str(tmp_path / "out"), "--to", TARGET]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "60 files" in err
    assert "000.dcm" in err
    assert "57 more" in err
    assert "--overwrite" in err
