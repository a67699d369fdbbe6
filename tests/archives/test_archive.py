"""transcode_archive: what comes out of which sources, and what fails."""

import errno
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest
from helpers.archives import RLE_UID, TARGET, TARGET_UID, image, is_transcoded, numbered, rows_of, tree

import dcmturbo as dt
from dcmturbo.archives import transcoding
from dcmturbo.archives.manifest import NAME
from dcmturbo.archives.workers import available_cores

# ---- what comes out ---------------------------------------------------------------------------------


def test_a_tree_comes_out_as_a_tree(archive):
    source, target, content = archive
    result = dt.transcode_archive(source, target, TARGET)
    assert result.is_complete
    assert result.counts == {"transcoded": 6, "copied": 2, "unchanged": 0, "failed": 0, "skipped": 0}
    assert result.frames == 6
    assert tree(target).keys() == content.keys()
    for name in content:
        if "image" in name:
            assert is_transcoded(target / name, source / name), name
        else:
            assert (target / name).read_bytes() == content[name]
    assert tree(source) == content
    assert result.bytes_before == sum(map(len, content.values()))
    assert result.bytes_after == sum(map(len, tree(target).values()))
    assert result.pixel_bytes == 6 * 24 * 32 * 2


@pytest.mark.parametrize("how", ["threads", "one thread", "processes", "thread pool", "process pool"])
def test_whoever_does_the_work_does_the_same(archive, how):
    source, target, _ = archive
    reference = target.with_name("reference")
    dt.transcode_archive(source, reference, TARGET)
    if how == "thread pool":
        with ThreadPoolExecutor(2) as pool:
            result = dt.transcode_archive(source, target, TARGET, executor=pool)
    elif how == "process pool":
        import multiprocessing

        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            result = dt.transcode_archive(source, target, TARGET, executor=pool)
    else:
        chosen = {"threads": {}, "one thread": {"threads": 1}, "processes": {"jobs": 2}}[how]
        result = dt.transcode_archive(source, target, TARGET, **chosen)
    assert result.is_complete
    assert tree(target) == tree(reference)


def test_the_manifest_says_of_each_file_what_became_of_it(archive):
    source, target, content = archive
    result = dt.transcode_archive(source, target, TARGET)
    assert result.manifest == str(target / NAME)
    rows = rows_of(target / NAME)
    assert len(rows) == len(content)
    row = rows["image1.dcm"]
    assert (row.status, row.source_syntax, row.target) == ("transcoded", RLE_UID, TARGET_UID)
    assert row.path == str(source / "a/image1.dcm")
    assert row.size == row.bytes_before == len(content["a/image1.dcm"])
    assert row.mtime == (source / "a/image1.dcm").stat().st_mtime_ns
    assert row.bytes_after == (target / "a/image1.dcm").stat().st_size
    assert row.verified
    assert row.seconds > 0
    import hashlib

    assert row.digest == hashlib.sha256(dt.decode(source / "a/image1.dcm").tobytes()).hexdigest()
    assert rows["notes.txt"].status == "copied"
    assert rows["notes.txt"].error == "it is not DICOM"
    assert rows["report.dcm"].error == "it has no pixel data"
    assert not [name for name in os.listdir(target) if name.startswith(f"{NAME}-")]


def test_a_lossy_run_reports_errors(archive):
    source, target, _ = archive
    result = dt.transcode_archive(source, target, "JPEGBaseline8Bit", quality=90)
    assert result.counts["failed"] == 6  # 12 bits do not go into it
    target2 = target.with_name("other")
    dt.transcode_archive(source, target2, "HTJ2K", quantisation_step=0.01)
    rows = rows_of(target2 / NAME)
    assert rows["image0.dcm"].lossy
    assert rows["image0.dcm"].maximum_error > 0
    assert rows["image0.dcm"].psnr > 20


# ---- sources ----------------------------------------------------------------------------------------


def test_several_sources_keep_their_folders_names(archive):
    source, target, _ = archive
    result = dt.transcode_archive([source / "a", source / "b c", source / "notes.txt"], target, TARGET)
    assert result.is_complete
    assert {"a/image1.dcm", "b c/d/image0.dcm", "notes.txt"} <= tree(target).keys()


def test_a_pattern_finds_files_below_its_fixed_part(archive):
    source, target, _ = archive
    result = dt.transcode_archive(f"{source}/**/image*.dcm", target, TARGET)
    assert result.counts["transcoded"] == 6
    assert "b c/d/image0.dcm" in tree(target)
    result = dt.transcode_archive(f"{source}/nothing*.dcm", target, TARGET)
    assert "no file matches" in result.failures[0].error


def test_a_pattern_also_finds_folders(archive):
    source, target, _ = archive
    result = dt.transcode_archive(f"{source}/[ab]*", target, TARGET)
    assert result.counts["transcoded"] == 6
    assert {"a/image1.dcm", "b c/d/image0.dcm"} <= tree(target).keys()


def test_colliding_outputs_are_refused_by_name(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.dcm").write_bytes(image(len(folder)))
    result = dt.transcode_archive([tmp_path / "one/x.dcm", tmp_path / "two/x.dcm"], tmp_path / "out", TARGET)
    assert result.counts["transcoded"] == 1
    assert [failure.path for failure in result.failures] == [str(tmp_path / "two/x.dcm")]
    assert "has the same output" in result.failures[0].error
    assert is_transcoded(tmp_path / "out/x.dcm", tmp_path / "one/x.dcm")


def test_an_output_that_is_a_source_is_refused(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.dcm").write_bytes(image(len(folder)))
    before = (tmp_path / "two/x.dcm").read_bytes()
    result = dt.transcode_archive([tmp_path / "one/x.dcm", tmp_path / "two/x.dcm"], tmp_path / "two", TARGET)
    assert len(result.failures) == 2
    assert (tmp_path / "two/x.dcm").read_bytes() == before


def test_a_file_set_is_what_its_dicomdir_refers_to(tmp_path):
    from pydicom.data import get_testdata_file

    original = Path(get_testdata_file("DICOMDIR")).parent
    shutil.copytree(original, tmp_path / "set")
    (tmp_path / "set" / "stray.dcm").write_bytes(image())
    result = dt.transcode_archive(tmp_path / "set" / "DICOMDIR", tmp_path / "out", "RLELossless")
    assert "stray.dcm" not in tree(tmp_path / "out")
    assert result.counts["transcoded"] > 20
    assert result.counts["failed"] == 0
    assert (tmp_path / "out" / "DICOMDIR").read_bytes() == (original / "DICOMDIR").read_bytes()
    assert [w for w in result.warnings if "(0004,1512)" in w and "DICOMDIR" in w]


def test_a_file_set_does_not_lead_out_of_its_folder(tmp_path):
    from pydicom.data import get_testdata_file

    (tmp_path / "OUTSIDE").write_bytes(image())
    ds = pydicom.dcmread(get_testdata_file("DICOMDIR"))
    records = [record for record in ds.DirectoryRecordSequence if "ReferencedFileID" in record][:2]
    records[0].ReferencedFileID = ["XX", "OUTSIDE"]
    records[1].ReferencedFileID = ["GONE"]
    ds.DirectoryRecordSequence = records
    (tmp_path / "set").mkdir()
    ds.save_as(tmp_path / "set" / "DICOMDIR")
    # pydicom would not write two full stops.
    data = (tmp_path / "set" / "DICOMDIR").read_bytes()
    (tmp_path / "set" / "DICOMDIR").write_bytes(data.replace(b"XX\\OUTSIDE", b"..\\OUTSIDE"))
    result = dt.transcode_archive(tmp_path / "set" / "DICOMDIR", tmp_path / "out", TARGET)
    errors = [failure.error for failure in result.failures]
    assert any("outside of its own folder" in error for error in errors)
    assert any("does not exist" in error for error in errors)
    assert set(tree(tmp_path / "out")) == {"DICOMDIR"}


def test_a_file_set_is_found_in_small_letters(tmp_path):
    from pydicom.data import get_testdata_file

    ds = pydicom.dcmread(get_testdata_file("DICOMDIR"))
    record = next(record for record in ds.DirectoryRecordSequence if "ReferencedFileID" in record)
    record.ReferencedFileID = ["IMAGES", "ONE"]
    ds.DirectoryRecordSequence = [record]
    (tmp_path / "set" / "images").mkdir(parents=True)
    ds.save_as(tmp_path / "set" / "DICOMDIR")
    (tmp_path / "set" / "images" / "one").write_bytes(image())
    result = dt.transcode_archive(tmp_path / "set" / "DICOMDIR", tmp_path / "out", TARGET)
    assert result.is_complete
    assert is_transcoded(tmp_path / "out/images/one", tmp_path / "set/images/one")


def test_include_and_exclude(archive):
    source, target, _ = archive
    dt.transcode_archive(source, target, TARGET, include="*.dcm", exclude=["report*", "b c"])
    assert {Path(name).name for name in tree(target)} == {"image1.dcm", "image2.dcm", "image4.dcm", "image5.dcm"}
    other = target.with_name("other")
    dt.transcode_archive(source, other, TARGET, include=["b c/*"])
    assert set(tree(other)) == {"b c/d/image0.dcm", "b c/d/image3.dcm"}


NAMES = [
    "with space.dcm",
    "new\nline.dcm",
    "ünïcode.dcm",
    "quote'\".dcm",
    ".hidden",
    "-dash",
    "x" * 250,
    "a%20[b]*?.dcm",
    "a::b.dcm",
]


def test_any_name_goes(tmp_path):
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    names = [os.fsencode(name) for name in NAMES] + [b"\xff\xfe not text.dcm"]
    for i, name in enumerate(names):
        with open(os.path.join(os.fsencode(source), name), "wb") as file:
            file.write(image(i))
    for how in ({}, {"jobs": 2}):
        result = dt.transcode_archive(source, target, TARGET, **how)
        assert result.failures == ()
        assert result.counts["transcoded"] == len(names)
        assert sorted(os.listdir(os.fsencode(target))) == sorted([*names, NAME.encode()])
        shutil.rmtree(target)
    dt.transcode_archive(source, target, TARGET)
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == len(names)


def test_links_are_followed_and_circles_are_not(archive, tmp_path):
    source, target, _ = archive
    (source / "to file.dcm").symlink_to(source / "a" / "image1.dcm")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.dcm").write_bytes(image())
    (source / "to folder").symlink_to(elsewhere)
    (source / "a" / "circle").symlink_to(source)
    (source / "to the output").symlink_to(target)
    (source / "dangling").symlink_to(tmp_path / "nowhere")
    result = dt.transcode_archive(source, target, TARGET)
    assert is_transcoded(target / "to file.dcm", source / "a/image1.dcm")
    assert not (target / "to file.dcm").is_symlink()
    assert is_transcoded(target / "to folder/x.dcm", elsewhere / "x.dcm")
    assert any("leads back" in warning for warning in result.warnings)
    assert [failure.error for failure in result.failures] == ["the target of the symbolic link does not exist"]
    assert not (target / "to the output").exists()
    assert result.counts["transcoded"] == 8
    again = dt.transcode_archive(source, target, TARGET)
    assert again.counts["skipped"] == 10


def test_what_is_no_regular_file_is_left_out(archive):
    source, target, _ = archive
    os.mkfifo(source / "pipe")
    result = dt.transcode_archive(source, target, TARGET)
    assert any("not a regular file" in warning for warning in result.warnings)
    assert result.is_complete


def test_nothing_is_no_error(tmp_path):
    (tmp_path / "empty").mkdir()
    result = dt.transcode_archive(tmp_path / "empty", tmp_path / "out", TARGET)
    assert result.is_complete
    assert sum(result.counts.values()) == 0
    result = dt.transcode_archive(tmp_path / "missing", tmp_path / "out", TARGET)
    assert "no such file" in result.failures[0].error


# ---- places that contradict each other --------------------------------------------------------------


def test_places_within_each_other_are_refused(archive, tmp_path):
    source, _, content = archive
    for destination in (source, source / "a", source / "new", tmp_path, f"{source}/../source"):
        with pytest.raises(ValueError, match=r"contains the other|is the source"):
            dt.transcode_archive(source, destination, TARGET)
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(ValueError, match="is the source"):
        dt.transcode_archive(source, tmp_path / "link", TARGET)
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        dt.transcode_archive(source, tmp_path / "file", TARGET)
    assert tree(source) == content


def test_a_pattern_or_a_file_set_does_not_go_into_its_own_folder(tmp_path):
    from pydicom.data import get_testdata_file

    shutil.copytree(Path(get_testdata_file("DICOMDIR")).parent, tmp_path / "set")
    (tmp_path / "set" / "x.dcm").write_bytes(image())
    before = tree(tmp_path / "set")
    for pattern, destination in (("*.dcm", "."), ("**/*", "out"), ("DICOMDIR", ".")):
        with pytest.raises(ValueError, match=r"contains the other|is the source"):
            dt.transcode_archive(tmp_path / "set" / pattern, tmp_path / "set" / destination, TARGET)
    assert tree(tmp_path / "set") == before
    result = dt.transcode_archive(tmp_path / "set" / "*.dcm", tmp_path / "set" / "out", TARGET)
    assert result.counts["transcoded"] == 1


def test_one_place_by_two_urls_is_one_place(archive):
    fsspec = pytest.importorskip("fsspec")
    source, _, content = archive
    store = fsspec.filesystem("memory")
    store.put(str(source), "/one-place/source", recursive=True)
    for destination in ("memory:///one-place/source", "memory://one-place", "memory:///one-place/source/a"):
        with pytest.raises(ValueError, match="contains the other"):
            dt.transcode_archive("memory://one-place/source", destination, TARGET, manifest=False)
    for name, data in content.items():
        assert store.cat_file(f"/one-place/source/{name}") == data
    store.rm("/one-place", recursive=True)
    for scheme in ("file", "local"):
        with pytest.raises(ValueError, match="is the source"):
            dt.transcode_archive(source, f"{scheme}://{source}", TARGET)
    assert tree(source) == content


def test_links_in_the_destination_do_not_lead_to_an_original(archive, tmp_path):
    source, target, content = archive
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.dcm").write_bytes(image())
    (source / "linked").symlink_to(elsewhere)
    (target / "a").mkdir(parents=True)
    for name in ("image1.dcm", "report.dcm"):
        (target / "a" / name).symlink_to(source / "a" / name)
    (target / "b c").symlink_to(source / "b c")
    (target / "linked").symlink_to(elsewhere)
    result = dt.transcode_archive(source, target, TARGET)
    assert {failure.path.removeprefix(f"{source}/") for failure in result.failures} == {
        "a/image1.dcm",
        "a/report.dcm",
        "b c/d/image0.dcm",
        "b c/d/image3.dcm",
        "linked/x.dcm",
    }
    assert (elsewhere / "x.dcm").read_bytes() == image()
    shutil.rmtree(elsewhere)
    (source / "linked").unlink()
    assert tree(source) == content


def test_arguments_that_are_wrong_for_every_file_are_refused_at_once(archive):
    source, target, _ = archive
    with pytest.raises(dt.UnsupportedTransferSyntax):
        dt.transcode_archive(source, target, "ExplicitVRBigEndian")
    with pytest.raises(dt.UnsupportedTransferSyntax):
        dt.transcode_archive(source, target, "MPEG2MPML")
    with pytest.raises(TypeError, match="no option"):
        dt.transcode_archive(source, target, "RLELossless", quality=5)
    with pytest.raises(ValueError, match="is always lossy"):
        dt.transcode_archive(source, target, "JPEGBaseline8Bit")
    for keyword, option, value in (
        ("JPEGXL", "distance", 99.0),
        ("JPEGBaseline8Bit", "quality", 0),
        ("JPEGExtended12Bit", "quality", 101),
        ("JPEGLSNearLossless", "near_lossless", 300),
        ("JPEGLossless", "selection_value", 9),
    ):
        with pytest.raises(ValueError, match=f"{option} is "):
            dt.transcode_archive(source, target, keyword, **{option: value})
    with pytest.raises(ValueError, match="offset_table is 'none'"):
        dt.transcode_archive(source, target, TARGET, offset_table="none")
    with pytest.raises(ValueError, match="new_uid"):
        dt.transcode_archive(source, target, TARGET, new_uid=True)
    with pytest.raises(ValueError, match="jobs is 0"):
        dt.transcode_archive(source, target, TARGET, jobs=0)
    with pytest.raises(ValueError, match="at least one source"):
        dt.transcode_archive([], target, TARGET)
    assert not target.exists() or tree(target) == {}


def test_arguments_that_are_wrong_for_some_files_are_not_refused_at_once(archive):
    source, target, _ = archive
    for keyword, options in (
        ("JPEGLSNearLossless", {"near_lossless": 200}),  # 127 at most with 8 bits
        ("JPEG2000", {"ratio": 60.0}),  # more than a small frame can be compressed
        ("JPEG2000Lossless", {"photometric_interpretation": "YBR_RCT"}),  # of colour
    ):
        dt.transcode_archive(source / "a", target / keyword, keyword, **options)


# ---- failures ---------------------------------------------------------------------------------------


def test_a_file_that_fails_leaves_no_output_and_ends_nothing(archive):
    source, target, content = archive
    broken = content["a/image1.dcm"]
    (source / "a" / "image1.dcm").write_bytes(broken[:-200])
    result = dt.transcode_archive(source, target, TARGET)
    assert result.counts["transcoded"] == 5
    assert [failure.path for failure in result.failures] == [str(source / "a/image1.dcm")]
    assert result.failures[0].type == "DecodeError"
    assert not (target / "a/image1.dcm").exists()
    assert not [name for name in tree(target) if name.endswith(".part")]
    assert rows_of(target / NAME)["image1.dcm"].error == result.failures[0].error
    # Mended, it is the only one that is done.
    (source / "a" / "image1.dcm").write_bytes(broken)
    result = dt.transcode_archive(source, target, TARGET)
    assert (result.counts["transcoded"], result.counts["skipped"]) == (1, 7)
    assert rows_of(target / NAME)["image1.dcm"].error is None


def test_fail_fast_stops_and_the_next_run_goes_on(tmp_path):
    source = numbered(tmp_path / "source", (image(i, rows=8, columns=8) for i in range(200)))
    target = tmp_path / "out"
    (source / "000.dcm").write_bytes(image(0)[:-100])
    result = dt.transcode_archive(source, target, TARGET, threads=1, fail_fast=True)
    assert "fail_fast" in result.stopped
    assert result.counts["failed"] == 1
    assert result.counts["transcoded"] < 150
    result = dt.transcode_archive(source, target, TARGET)
    assert result.counts["failed"] == 1
    assert result.counts["transcoded"] + result.counts["skipped"] == 199
    assert result.counts["skipped"] < 150


def test_a_full_disk_ends_the_run_at_once(archive, monkeypatch, in_this_process):
    source, target, _ = archive
    calls = []

    def full(*arguments, **_):
        calls.append(arguments)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[1]))

    monkeypatch.setattr(transcoding, "transcode", full)
    result = dt.transcode_archive(source, target, TARGET, threads=1)
    assert result.stopped == "the destination has no space left"
    assert len(calls) == 1
    monkeypatch.undo()
    result = dt.transcode_archive(source, target, TARGET)
    assert result.is_complete
    assert len(tree(target)) == 8


def may_mount():
    return (
        shutil.which("unshare")
        and not subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
        ).returncode
    )


SMALL_DISK = """
import os, subprocess, sys
import dcmturbo as dt
source, target, size = sys.argv[1:4]
os.makedirs(target)
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", target], check=True)
try:
    result = dt.transcode_archive(source, target, "ExplicitVRLittleEndian")
    print("stopped", result.stopped, "failed", result.counts["failed"])
except OSError as error:
    print("OSError", error)
print("left", [name for name in os.listdir(target) if name.endswith(".part")])
subprocess.run(["mount", "-o", "remount,size=100M", target], check=True)
result = dt.transcode_archive(source, target, "ExplicitVRLittleEndian")
print("then", result.is_complete, result.counts)
subprocess.run(["mount", "-o", "remount,ro", target], check=True)
try:
    print(dt.transcode_archive(source, target, "RLELossless"))
except OSError as error:
    print("read-only:", error)
"""


@pytest.mark.parametrize("size", ["1M", "16k"])
def test_a_disk_that_is_full_and_one_that_is_read_only(tmp_path, size):
    if not may_mount():
        pytest.skip("no small disk can be mounted here (unshare -m)")
    source = numbered(tmp_path / "source", (image(i, rows=128, columns=128) for i in range(60)))
    run = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", SMALL_DISK, str(source), str(tmp_path / "disk"), size],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    first, left, then, read_only = run.stdout.splitlines()
    if size == "1M":
        # Whoever comes first: a file, or the manifest beside the files.
        full = r"stopped (the destination has no space left|cannot write the manifest .* is full) failed \d+"
        assert re.fullmatch(full, first)
        # About 30 files find no place. Those that were handed out before the first of them was known fail, too; on a
        # busy machine these are several a core.
        assert int(first.split()[-1]) <= 6 * available_cores()
    else:
        assert "manifest" in first or "no space" in first
    assert left == "left []"
    assert then.startswith("then True")
    assert read_only.startswith("read-only: ")
    assert "read" in read_only


def test_an_unreadable_folder_is_a_failure(archive):
    source, target, _ = archive
    script = (
        "import os, sys, dcmturbo as dt\n"
        "os.chmod(sys.argv[1] + '/a', 0)\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "r = dt.transcode_archive(sys.argv[1], sys.argv[2], 'JPEGLosslessSV1', manifest=False)\n"
        "print(r.counts, r.failures)\n"
    )
    if os.getuid() != 0:
        pytest.skip("needs root, to become somebody who may not read")
    for folder in [source, *source.parents]:
        if folder == Path("/tmp"):
            break
        if folder.owner() == "root" and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    target.mkdir()
    target.chmod(0o777)
    run = subprocess.run(
        [sys.executable, "-c", script, str(source), str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    source.joinpath("a").chmod(0o755)
    assert run.returncode == 0, run.stderr
    assert "'failed': 1" in run.stdout
    assert "the folder cannot be read: Permission denied" in run.stdout
    assert "'transcoded': 2" in run.stdout
