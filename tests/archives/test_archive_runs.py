"""transcode_archive: what is done again, in place, by whom, and where it stops."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.archives import TARGET, image, is_transcoded, numbered, rows_of, same_pixels, tree

import dcmturbo as dt
from dcmturbo.archives import transcoding, work
from dcmturbo.archives.manifest import NAME, Manifest
from dcmturbo.archives.workers import available_cores, share_cores

# ---- resuming ---------------------------------------------------------------------------------------


def test_what_is_done_is_not_done_again(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET)
    before = {path: path.stat() for path in target.rglob("*") if path.is_file() and NAME not in path.name}
    result = dt.transcode_archive(source, target, TARGET)
    assert result.counts == {"transcoded": 0, "copied": 0, "unchanged": 0, "failed": 0, "skipped": 8}
    for path, stat in before.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    assert dt.transcode_archive(source, target, TARGET, resume=False).counts["transcoded"] == 6


def _touch(source, target):
    path = source / "a/image1.dcm"
    os.utime(path, ns=(1, 1))


def _replace(source, target):
    (source / "a/image1.dcm").write_bytes(image(99))


def _remove(source, target):
    (target / "a/image1.dcm").unlink()


def _replace_in_disguise(source, target):
    """Another file of the same name, size and time."""
    path = source / "a/image1.dcm"
    before = path.stat()
    content = path.read_bytes()
    other = source.parent / "other"
    other.write_bytes(content)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize("change", [_touch, _replace, _remove, _replace_in_disguise])
def test_what_has_changed_is_done_again(archive, change):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET)
    change(source, target)
    result = dt.transcode_archive(source, target, TARGET)
    assert (result.counts["transcoded"], result.counts["skipped"]) == (1, 7)
    assert is_transcoded(target / "a/image1.dcm", source / "a/image1.dcm")


def test_another_target_or_option_does_all_again(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, "JPEGLossless", selection_value=1)
    assert dt.transcode_archive(source, target, "JPEGLossless", selection_value=1).counts["skipped"] == 8
    assert dt.transcode_archive(source, target, "JPEGLossless", selection_value=4).counts["transcoded"] == 6
    assert dt.transcode_archive(source, target, "RLELossless").counts["skipped"] == 0


def test_what_was_not_verified_is_done_again_when_it_is_to_be(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET, verify=False)
    assert dt.transcode_archive(source, target, TARGET, verify=False).counts["skipped"] == 8
    assert dt.transcode_archive(source, target, TARGET).counts["transcoded"] == 6
    assert dt.transcode_archive(source, target, TARGET, verify=False).counts["skipped"] == 8


# ---- in place ---------------------------------------------------------------------------------------


def test_in_place_replaces_images_and_nothing_else(archive):
    source, _, content = archive
    (source / "a/image1.dcm").chmod(0o640)
    (source / "link.dcm").symlink_to(source / "a/image2.dcm")
    result = dt.transcode_archive(source, None, TARGET, in_place=True)
    assert result.is_complete
    assert result.counts == {"transcoded": 6, "copied": 0, "unchanged": 2, "failed": 0, "skipped": 0}
    assert (source / "link.dcm").is_symlink()
    assert any("symbolic link" in warning for warning in result.warnings)
    for name, data in content.items():
        if "image" in name:
            assert is_transcoded(source / name, data)
        else:
            assert (source / name).read_bytes() == data
    assert (source / "a/image1.dcm").stat().st_mode & 0o777 == 0o640
    result = dt.transcode_archive(source, None, TARGET, in_place=True)
    assert result.counts["skipped"] == 8
    back = dt.transcode_archive(source, source, "ExplicitVRLittleEndian", in_place=True)
    assert back.counts["transcoded"] == 6
    assert same_pixels(source / "a/image1.dcm", content["a/image1.dcm"])


def test_in_place_keeps_what_fails(archive):
    source, _, content = archive
    path = source / "a/image1.dcm"
    path.write_bytes(content["a/image1.dcm"][:-200])
    before = path.read_bytes()
    result = dt.transcode_archive(source, None, TARGET, in_place=True)
    assert [failure.path for failure in result.failures] == [str(path)]
    assert path.read_bytes() == before
    assert not [name for name in os.listdir(source / "a") if name.endswith(".part")]


def test_in_place_keeps_the_original_until_the_new_one_is_on_disk(archive, monkeypatch, in_this_process):
    source, _, content = archive
    events = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), real_sync(fd))[1])

    def replace(one, other):
        if str(other).endswith("image1.dcm"):
            assert Path(other).read_bytes() == content["a/image1.dcm"]
            assert "fsync" in events
            assert same_pixels(one, other)
            events.append("replaced")
        real_replace(one, other)

    monkeypatch.setattr(os, "replace", replace)
    dt.transcode_archive(source / "a" / "image1.dcm", None, TARGET, in_place=True, threads=1)
    assert events[-2:] == ["replaced", "fsync"]


def test_in_place_leaves_a_file_that_somebody_else_writes(archive, monkeypatch, in_this_process):
    source, _, _ = archive
    path = source / "a/image1.dcm"
    real = transcoding.transcode

    def transcode(*arguments, **options):
        result = real(*arguments, **options)
        path.write_bytes(b"written meanwhile")
        return result

    monkeypatch.setattr(transcoding, "transcode", transcode)
    result = dt.transcode_archive(path, None, TARGET, in_place=True)
    assert "another program changed" in result.failures[0].error
    assert path.read_bytes() == b"written meanwhile"


def test_a_file_that_changes_while_it_is_copied_has_no_output(archive, monkeypatch, in_this_process):
    source, target, _ = archive
    path = source / "a/report.dcm"
    copy_file = work.copy_file

    def changes(*arguments, **options):
        size = copy_file(*arguments, **options)
        assert not (target / path.name).exists()
        with open(path, "ab") as file:
            file.write(b"more")
        return size

    monkeypatch.setattr(work, "copy_file", changes)
    result = dt.transcode_archive(path, target, TARGET)
    assert [failure.error for failure in result.failures] == [
        f"another program changed the file while it was copied: {path}"
    ]
    assert tree(target) == {}
    monkeypatch.undo()
    assert dt.transcode_archive(path, target, TARGET).is_complete


def test_in_place_needs_what_makes_it_safe(archive):
    source, target, _ = archive
    with pytest.raises(ValueError, match="needs verify"):
        dt.transcode_archive(source, None, TARGET, in_place=True, verify=False)
    with pytest.raises(ValueError, match="cannot be used with a destination"):
        dt.transcode_archive(source, target, TARGET, in_place=True)
    with pytest.raises(ValueError, match="local files"):
        dt.transcode_archive("memory://x", None, TARGET, in_place=True)
    with pytest.raises(ValueError, match="give a destination"):
        dt.transcode_archive(source, None, TARGET)


# ---- dry runs, progress, interruption ---------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_estimates(archive):
    source, target, content = archive
    result = dt.transcode_archive(source, target, TARGET, dry_run=True)
    estimate = result.estimate
    assert not target.exists()
    assert (estimate.files, estimate.bytes_before) == (8, sum(map(len, content.values())))
    real = dt.transcode_archive(source, target, TARGET)
    assert estimate.bytes_after == real.bytes_after  # every file was in the sample
    assert estimate.standard_error == 0
    assert estimate.seconds > 0
    assert "every file" in estimate.describe()


def test_a_dry_run_of_many_files_takes_a_sample(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for i in range(120):
        (source / f"{i}.dcm").write_bytes(image(i, rows=16 + i % 7))
    estimate = dt.transcode_archive(source, tmp_path / "out", TARGET, dry_run=True).estimate
    assert (estimate.files, estimate.sampled_files) == (120, 32)
    real = dt.transcode_archive(source, tmp_path / "out", TARGET)
    assert abs(estimate.bytes_after - real.bytes_after) < 5 * estimate.standard_error * real.bytes_after
    assert 0 < estimate.standard_error < 0.1
    assert "32 of 120 files" in estimate.describe()


def test_progress_counts_up_to_the_result(archive):
    source, target, _ = archive
    seen = []
    result = dt.transcode_archive(source, target, TARGET, progress=seen.append)
    last = seen[-1]
    assert (last.files, last.files_total, last.failed, last.skipped) == (8, 8, 0, 0)
    assert (last.frames, last.bytes_before, last.bytes_after) == (
        result.frames,
        result.bytes_before,
        result.bytes_after,
    )
    assert last.bytes_done == last.bytes_total == result.bytes_before


INTERRUPTED = """
import sys, dcmturbo as dt
def progress(p):
    print(p.files, flush=True)
try:
    dt.transcode_archive(sys.argv[1], sys.argv[2], "HTJ2KLossless", progress=progress, **eval(sys.argv[3]))
except KeyboardInterrupt as interrupt:
    print("interrupted", interrupt.result.counts["transcoded"], interrupt.result.stopped)
    raise SystemExit(130)
"""


@pytest.mark.parametrize("how", [{"threads": 2}, {"jobs": 2, "threads": 1}])
def test_ctrl_c_finishes_what_is_in_flight(tmp_path, how):
    data, target = image(1, rows=512, columns=512, frames=8), tmp_path / "out"
    source = numbered(tmp_path / "source", [data] * 300)
    run = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(source), str(target), repr(how)], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while int(run.stdout.readline()) < 3:
        pass
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does it: to all processes
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 130, out
    said = out.splitlines()[-1].split()
    assert (said[0], said[2]) == ("interrupted", "interrupted")
    outputs = [name for name in os.listdir(target) if not name.startswith(".")]
    assert len(outputs) == int(said[1]) < 300
    assert not [name for name in os.listdir(target) if name.endswith(".part")]
    rows = rows_of(target / NAME)
    assert len(rows) == len(outputs)
    for name in list(outputs)[:3]:
        assert is_transcoded(target / name, data)


# ---- workers ----------------------------------------------------------------------------------------


def test_workers_are_never_more_than_the_cores():
    cores = available_cores()
    for jobs in (None, 1, 2, 3, 64):
        for threads in (None, 1, 2, 64):
            processes, each, told = share_cores(jobs, threads)
            assert 1 <= processes * each <= cores
            if jobs and threads and jobs * threads > cores:
                assert told


@pytest.mark.parametrize("options", [{}, {"jobs": 2}, {"jobs": "auto", "threads": 1}], ids=str)
def test_a_script_needs_no_guard_of_its_main_module(archive, tmp_path, options):
    source, target, _ = archive
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, dcmturbo as dt\n"
        f"result = dt.transcode_archive(sys.argv[1], sys.argv[2], {TARGET!r}, **{options!r})\n"
        "print('begun', result.counts['transcoded'])\n"
    )
    run = subprocess.run(
        [sys.executable, str(script), str(source), str(target)], capture_output=True, text=True, check=False,
        timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "begun 6\n", "")


def test_frames_of_the_only_file_get_all_threads(tmp_path, monkeypatch, in_this_process):
    seen = []
    real = transcoding.transcode
    monkeypatch.setattr(transcoding, "transcode", lambda *a, **k: (seen.append(k["threads"]), real(*a, **k))[1])
    (tmp_path / "source").mkdir()
    (tmp_path / "source/one.dcm").write_bytes(image(frames=4))
    dt.transcode_archive(tmp_path / "source", tmp_path / "out", TARGET)
    assert seen == [available_cores()]
    seen.clear()
    for i in range(40):
        (tmp_path / f"source/{i}.dcm").write_bytes(image(i))
    dt.transcode_archive(tmp_path / "source", tmp_path / "out2", TARGET)
    assert seen[:20] == [1] * 20


def test_the_window_is_bounded(tmp_path, monkeypatch):
    from dcmturbo.archives import coordinator

    (tmp_path / "source").mkdir()
    for i in range(300):
        (tmp_path / f"source/{i}.txt").write_text("x")
    monkeypatch.setattr(coordinator, "_CHUNK_FILES", 2)
    most = 0

    class Counting(ThreadPoolExecutor):
        waiting = 0
        lock = threading.Lock()

        def submit(self, function, *arguments):
            nonlocal most
            with self.lock:
                self.waiting += 1
                most = max(most, self.waiting)

            def call():
                time.sleep(0.001)
                try:
                    return function(*arguments)
                finally:
                    with self.lock:
                        self.waiting -= 1

            return super().submit(call)

    with Counting(2) as pool:
        result = dt.transcode_archive(tmp_path / "source", tmp_path / "out", TARGET, executor=pool)
    assert result.counts["copied"] == 300
    assert most <= 4 * 2 + 1


def test_two_runs_do_not_write_one_manifest(archive):
    source, target, _ = archive
    target.mkdir()
    with Manifest(str(target / NAME)), pytest.raises(ValueError, match="another run"):
        dt.transcode_archive(source, target, TARGET)
    assert dt.transcode_archive(source, target, TARGET).is_complete


def test_without_a_manifest_nothing_but_the_outputs_is_written(archive):
    source, target, content = archive
    result = dt.transcode_archive(source, target, TARGET, manifest=False)
    assert result.manifest is None
    assert {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()} == set(content)


def test_a_manifest_elsewhere(archive, tmp_path):
    source, target, _ = archive
    place = tmp_path / "deep" / "m.sqlite"
    assert dt.transcode_archive(source, target, TARGET, manifest=place).manifest == str(place)
    assert not (target / NAME).exists()
    assert dt.transcode_archive(source, target, TARGET, manifest=place).counts["skipped"] == 8


def test_what_has_been_transcoded_is_what_dcmturbo_decodes(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, "JPEGLSLossless")
    ds = pydicom.dcmread(target / "a/image1.dcm")
    ds.pixel_array_options(decoding_plugin="pyjpegls")
    assert np.array_equal(ds.pixel_array, dt.decode(source / "a/image1.dcm"))
