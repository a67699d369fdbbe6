"""dcmturbo transcode, dcmturbo verify and pydicom transcode."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.archives import TARGET_UID, image, make_archive, numbered, same_pixels, tree
from helpers.command_line import DATA
from helpers.dicom_writer import EXPLICIT, native_file

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME
from dcmturbo.archives.result import Progress
from dcmturbo.cli import main
from dcmturbo.cli.transcode_progress import describe, remaining_seconds

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def archive(tmp_path):
    make_archive(tmp_path / "in")
    return tmp_path / "in", tmp_path / "out"


def run(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# ---- transcode --------------------------------------------------------------------------------------


def test_a_tree(archive, capsys):
    source, target = archive
    code, out, err = run(capsys, "transcode", source, target, "--to", "HTJ2KLossless")
    assert (code, err) == (0, "")
    assert "8 files: 6 transcoded, 2 copied" in out
    assert f"manifest: {target / NAME}" in out
    assert len(tree(target)) == 8
    code, out, _ = run(capsys, "transcode", source, target, "--to", TARGET_UID)
    assert code == 0
    assert "8 already done" in out
    code, out, _ = run(capsys, "transcode", source, target, "--to", TARGET_UID, "--no-resume")
    assert "6 transcoded" in out


def test_paths_may_stand_around_options(archive, capsys):
    source, target = archive
    code, out, _ = run(capsys, "transcode", source, "--to", "RLELossless", "--threads", 1, target)
    assert code == 0
    assert "8 files" in out
    code, _, err = run(capsys, "transcode", source, "--to", "RLELossless", target, "--unheard-of")
    assert code == 2
    assert "unrecognized arguments" in err


def test_a_failure_names_its_file_once(archive, capsys):
    source, target = archive
    broken = source / "broken.dcm"
    broken.write_bytes(native_file(bytes(100), rows=64, columns=64))
    for destination in (target, target / "one.dcm"):
        code, _, err = run(capsys, "transcode", broken, destination, "--to", "RLELossless")
        assert code == 1
        assert err.count("broken.dcm") == 1


def test_a_report_that_nobody_reads_is_quiet(archive, capsys):
    source, target = archive
    run(capsys, "transcode", source, target, "--to", "RLELossless")
    command = [sys.executable, "-m", "dcmturbo.cli", "transcode", "--report", "json", target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_json_and_quiet(archive, capsys):
    source, target = archive
    code, out, err = run(capsys, "transcode", source, target, "--to", "HTJ2KLossless", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["files"] == {"transcoded": 6, "copied": 2, "unchanged": 0, "failed": 0, "skipped": 0}
    assert document["transfer_syntax"]["keyword"] == "HTJ2KLossless"
    assert document["failed"] == []
    assert document["stopped"] is None
    assert run(capsys, "transcode", source, target, "--to", "RLELossless", "--quiet") == (0, "", "")


def test_failures_are_listed(archive, capsys):
    source, target = archive
    path = source / "a" / "image1.dcm"
    path.write_bytes(path.read_bytes()[:-200])
    code, out, err = run(capsys, "transcode", source, target, "--to", "HTJ2KLossless")
    assert code == 1
    assert "1 failed" in out
    assert re.search(rf"^dcmturbo: error: {re.escape(str(path))}: .*", err, re.MULTILINE)
    code, out, err = run(capsys, "transcode", source, target, "--to", "HTJ2KLossless", "--json", "--fail-fast")
    assert code == 1
    document = json.loads(out)
    assert "fail_fast" in document["stopped"]
    assert document["failed"][0]["path"] == str(path)
    assert "to continue, run the same command" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{in}", "{out}"], "--to SYNTAX"),
        (["{in}", "{out}", "--to", "Nonsense"], "does not know the transfer syntax"),
        (["{in}", "{out}", "--to", "MPEG2MPML"], "not"),
        (["{in}", "{out}", "--to", "ExplicitVRBigEndian"], "decoded, not encoded"),
        (["{in}", "--to", "RLELossless"], "SRC and DST are needed"),
        (["--to", "RLELossless"], "SRC and DST are needed"),
        (["--in-place", "--to", "RLELossless"], "needs SRC"),
        (["{in}", "{in}", "--to", "RLELossless"], "--in-place"),
        (["{in}", "{in}/new", "--to", "RLELossless"], "contains the other"),
        (["{in}", "{file}", "--to", "RLELossless"], "not a folder"),
        (["{file}", "{file}", "--to", "RLELossless"], "same file"),
        (["{in}", "{out}", "--to", "RLELossless", "--lossy-ratio", "10"], "accepts none of the --lossy options"),
        (["{in}", "{out}", "--to", "JPEG2000", "--lossy-quality", "10"], "accepts --lossy-ratio or --lossy-psnr"),
        (["{in}", "{out}", "--to", "JPEG2000", "--lossy-psnr", "40", "--lossy-ratio", "10"], "only one --lossy option"),
        (
            ["{in}", "{out}", "--to", "JPEGBaseline8Bit"],
            "always lossy: choose the loss with --lossy-quality or",
        ),
        (["{in}", "{out}", "--to", "RLELossless", "--new-uid"], "new_uid"),
        (["{in}", "{out}", "--to", "RLELossless", "--option", "level=3"], "no option 'level'"),
        (["{in}", "--in-place", "--no-verify", "--to", "RLELossless"], "needs verify"),
        (["{in}", "{out}", "--to", "RLELossless", "--jobs", "0"], "at least 1"),
        (["{in}", "{out}", "--to", "JPEG2000", "--lossy-ratio", "-3"], "expected a number of at least 1"),
        (["{in}", "{out}", "--to", "RLELossless", "--option", "level"], "NAME=VALUE"),
        (["--report", "html"], "needs a DST"),
        (["--report", "table", "{in}", "{out}"], "needs a DST"),
    ],
)
def test_wrong_usage_is_2_and_says_so(archive, capsys, arguments, message):
    source, target = archive
    places = {"in": source, "out": target, "file": source / "a/image1.dcm"}
    before = tree(source)
    code, out, err = run(capsys, "transcode", *(argument.format(**places) for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert not target.exists()
    assert tree(source) == before


def test_options_reach_the_encoder(archive, capsys):
    source, target = archive
    code, _, _ = run(
        capsys, "transcode", source, target, "--to", "JPEGLSNearLossless", "--lossy-maximum-error", "3", "--new-uid"
    )  # fmt: skip
    assert code == 0
    before, after = (dt.decode(folder / "a/image1.dcm").astype(int) for folder in (source, target))
    assert 0 < np.abs(before - after).max() <= 3
    ds = pydicom.dcmread(target / "a/image1.dcm")
    assert ds.LossyImageCompression == "01"
    assert ds.file_meta.MediaStorageSOPInstanceUID != "1.2.3.4"
    code, _, _ = run(
        capsys, "transcode", source, target, "--to", "JPEGLossless", "--option", "selection_value=4", "--offset-table",
        "empty",
    )  # fmt: skip
    assert code == 0
    assert dt.open(target / "a/image1.dcm").probe().format == "jpeg_lossless"


def test_include_exclude_jobs_and_manifest(archive, capsys, tmp_path):
    source, target = archive
    place = tmp_path / "elsewhere.sqlite"
    code, _, _ = run(
        capsys, "transcode", source, target, "--to", "RLELossless", "--include", "*.dcm", "--exclude", "report.dcm",
        "--exclude", "b c", "--jobs", "2", "--threads", "1", "--manifest", place, "--fsync", "--no-verify",
    )  # fmt: skip
    assert code == 0
    assert set(tree(target)) == {f"a/image{i}.dcm" for i in (1, 2, 4, 5)}
    assert place.exists()
    assert not (target / NAME).exists()


def test_file_to_file_and_file_to_folder(archive, capsys):
    source, target = archive
    one = source / "a/image1.dcm"
    target.mkdir()
    code, out, _ = run(capsys, "transcode", one, target / "new.dcm", "--to", "HTJ2KLossless")
    assert code == 0
    assert "verified" in out
    assert os.listdir(target) == ["new.dcm"]
    assert same_pixels(one, target / "new.dcm")
    code, out, err = run(capsys, "transcode", one, target / "new.dcm", "--to", "HTJ2KLossless")
    assert (code, "--overwrite" in err) == (1, True)
    code, out, err = run(capsys, "transcode", one, target / "new.dcm", "--to", "HTJ2KLossless", "--dry-run")
    assert (code, "--overwrite" in err) == (1, True)
    command = ["transcode", one, target / "new.dcm", "--to", "HTJ2KLossless", "--json", "--overwrite"]
    code, out, _ = run(capsys, *command)
    assert json.loads(out)["file"]["verified"]
    code, _, err = run(capsys, "transcode", source / "notes.txt", target / "x", "--to", "HTJ2KLossless")
    assert code == 1
    assert "notes.txt" in err
    code, _, _ = run(capsys, "transcode", one, target, "--to", "HTJ2KLossless")
    assert (target / "image1.dcm").exists()


def test_a_single_file_makes_its_folder_and_needs_no_pixels(archive, tmp_path, capsys):
    source, _ = archive
    code, _, _ = run(capsys, "transcode", source / "a/image1.dcm", tmp_path / "new/deep/x.dcm", "--to", "RLELossless")
    assert code == 0
    assert same_pixels(source / "a/image1.dcm", tmp_path / "new/deep/x.dcm")
    report = source / "a/report.dcm"
    code, out, err = run(capsys, "transcode", report, tmp_path / "report.dcm", "--to", "RLELossless")
    assert (code, err) == (0, "")
    assert "copied (it has no pixel data)" in out
    assert (tmp_path / "report.dcm").read_bytes() == report.read_bytes()


def test_a_single_file_into_a_pipe(archive, tmp_path, capsys):
    source, _ = archive
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "result.dcm", "wb") as result:
        reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=result)
        code, _, err = run(capsys, "transcode", source / "a/image1.dcm", tmp_path / "pipe", "--to", "HTJ2KLossless")
        assert (code, err, reader.wait(timeout=60)) == (0, "", 0)
    assert same_pixels(source / "a/image1.dcm", tmp_path / "result.dcm")
    assert run(capsys, "transcode", source / "a/image1.dcm", os.devnull, "--to", "HTJ2KLossless")[0] == 0


def test_several_sources(archive, capsys):
    source, target = archive
    code, _, _ = run(capsys, "transcode", source / "a", source / "notes.txt", target, "--to", "RLELossless")
    assert code == 0
    assert {"a/image1.dcm", "notes.txt"} <= set(tree(target))


def test_in_place(archive, capsys):
    source, _ = archive
    before = tree(source)
    code, out, _ = run(capsys, "transcode", source, "--in-place", "--to", "HTJ2KLossless")
    assert code == 0
    assert "6 transcoded, 2 unchanged" in out
    assert same_pixels(source / "a/image1.dcm", before["a/image1.dcm"])


def test_a_dry_run_says_how_it_estimated(archive, capsys):
    source, target = archive
    code, out, _ = run(capsys, "transcode", source, target, "--to", "HTJ2KLossless", "--dry-run")
    assert code == 0
    assert "about" in out
    assert "every file was transcoded" in out
    assert not target.exists()
    code, out, _ = run(capsys, "transcode", source, "--to", "HTJ2KLossless", "--dry-run", "--json")
    document = json.loads(out)["estimate"]
    assert document["files"] == 8
    assert document["bytes_after"] > 0
    assert sorted(os.listdir(source.parent)) == ["in"]


def test_ctrl_c_says_how_to_go_on(tmp_path):
    source, target = numbered(tmp_path / "in", [image(1, rows=512, columns=512, frames=8)] * 300), tmp_path / "out"
    command = [sys.executable, "-m", "dcmturbo.cli", "transcode", source, target, "--to", "HTJ2KLossless"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and (not target.exists() or len(os.listdir(target)) < 8):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "to continue, run the same command" in err
    assert "Traceback" not in err
    assert "transcoded" in out
    assert not [name for name in os.listdir(target) if name.endswith(".part")]


def test_a_second_ctrl_c_leaves_what_is_in_hand(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(2):
        (source / f"{i}.dcm").write_bytes(image(i, rows=1024, columns=1024, frames=4))  # which takes seconds
    command = [sys.executable, "-m", "dcmturbo.cli", "transcode", source, target, "--to", "JPEGXLLossless"]
    command += ["--threads", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(target.glob(".*.part")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert (
        "interrupted: finishing the files in work (0 done); press Ctrl-C again to leave them"
        in process.stderr.readline()
    )
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "dcmturbo: interrupted, and left the files in work; to continue, run the same command\n"
    assert not list(target.glob("*.dcm"))
    again = subprocess.run([*command, "--quiet"], check=False)
    assert again.returncode == 0
    assert len(tree(target)) == 2
    assert not [name for name in os.listdir(target) if name.endswith(".part")]


def test_a_terminal_gets_a_bar_and_a_file_does_not(tmp_path):
    source = numbered(tmp_path / "in", [image(1, rows=1024, columns=1024, frames=12)] * 16)
    import pty

    main_end, other_end = pty.openpty()
    command = [sys.executable, "-m", "dcmturbo.cli", "transcode", source, tmp_path / "out", "--to", "HTJ2KLossless"]
    process = subprocess.Popen([*command, "--threads", "1"], stdout=subprocess.PIPE, stderr=other_end)
    os.close(other_end)
    seen = b""
    while process.poll() is None or select.select([main_end], [], [], 0)[0]:
        if select.select([main_end], [], [], 0.1)[0]:
            try:
                seen += os.read(main_end, 65536)
            except OSError:
                break
    process.communicate()
    os.close(main_end)
    assert process.returncode == 0
    for part in (rb"of 16 files", rb"frames", rb"MB/s", rb"ratio", rb"to go", rb"0 failed"):
        assert re.search(part, seen), seen[-500:]
    quiet = subprocess.run([*command, "--no-resume"], capture_output=True, check=True)
    assert b"\x1b" not in quiet.stderr  # plain lines, if it takes long
    assert all(line.startswith(b"dcmturbo: ") for line in quiet.stderr.splitlines())


def progress(**more):
    values = {
        "files": 10, "files_total": 40, "skipped": 0, "failed": 1, "frames": 20, "bytes_before": 3000,
        "bytes_after": 1000, "pixel_bytes": 9000, "bytes_done": 2_000_000, "bytes_total": 8_000_000, "seconds": 2.0,
    }  # fmt: skip
    return Progress(**{**values, **more})


def test_a_line_of_progress():
    assert describe(progress()) == "10 of 40 files, 20 frames, 1.00 MB/s, ratio 3.00, 0:00:06 to go, 1 failed"
    assert describe(progress(files_total=None, bytes_total=None)).startswith("10 files, 20 frames")
    assert "3 already done" in describe(progress(skipped=3))
    assert remaining_seconds(progress(bytes_total=None)) is None
    assert remaining_seconds(progress(bytes_done=0)) is None


# ---- reports ----------------------------------------------------------------------------------------


def test_reports(archive, capsys, tmp_path):
    source, target = archive
    path = source / "a" / "image1.dcm"
    path.write_bytes(path.read_bytes()[:-200])
    run(capsys, "transcode", source, target, "--to", "HTJ2KLossless")
    code, out, _ = run(capsys, "transcode", "--report", target)
    assert code == 0
    assert "RLELossless" in out
    assert "1 failed" in out
    assert str(path) in out
    code, out, _ = run(capsys, "transcode", target, "--report", "json")
    assert len(json.loads(out)["files"]) == 8
    assert run(capsys, "transcode", target, "--report", "--json")[1] == out
    code, out, _ = run(capsys, "transcode", "--report", "csv", "--manifest", target / NAME)
    assert out.count("\n") == 9
    page = tmp_path / "report.html"
    code, out, _ = run(capsys, "transcode", "--report", "html", target, "--output", page)
    assert (code, out) == (0, "")
    assert page.read_text().startswith("<!DOCTYPE html>")
    table = tmp_path / "report.txt"
    run(capsys, "transcode", "--report", "table", target, "--output", table)
    assert "RLELossless" in table.read_text()
    code, _, err = run(capsys, "transcode", "--report", tmp_path)
    assert code == 1
    assert "no manifest" in err


# ---- pydicom ----------------------------------------------------------------------------------------


def test_pydicom_transcode(archive, tmp_path):
    source, target = archive
    points = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"][
        "pydicom_subcommands"
    ]
    # As the installed package would say it, whatever is installed.
    said = tmp_path / "site" / "said-1.dist-info"
    said.mkdir(parents=True)
    (said / "METADATA").write_text("Metadata-Version: 2.1\nName: said\nVersion: 1\n")
    (said / "entry_points.txt").write_text(f"[pydicom_subcommands]\ntranscode = {points['transcode']}\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(said.parent), *sys.path])}
    code = "from pydicom.cli.main import main; main()"
    command = [sys.executable, "-c", code, "transcode", source, target, "--to", "RLELossless"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "8 files" in done.stdout
    done = subprocess.run([*command[:-1], "Nonsense"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2


def test_the_parser_fits_pydicoms(archive, capsys):
    import argparse

    from dcmturbo.cli.transcode import add_pydicom_parser

    source, target = archive
    parser = argparse.ArgumentParser(prog="pydicom")
    add_pydicom_parser(parser.add_subparsers())
    arguments = parser.parse_args(["transcode", str(source), str(target), "--to", "RLELossless"])
    with pytest.raises(SystemExit) as end:
        arguments.func(arguments)
    assert end.value.code == 0
    assert len(tree(target)) == 8


# ---- verify -----------------------------------------------------------------------------------------


def test_verify_of_equal_trees(archive, capsys):
    source, target = archive
    run(capsys, "transcode", source, target, "--to", "JPEG2000Lossless")
    code, out, err = run(capsys, "verify", source, target)
    assert (code, err) == (0, "")
    assert "8 pairs compared: 6 images, 1 dataset without pixels, 1 file that is not DICOM" in out
    assert "TransferSyntaxUID (0002,0010)" in out
    assert "all equal" in out
    code, out, _ = run(capsys, "verify", source, target, "--json")
    document = json.loads(out)
    assert (code, document["equal"], document["files"]) == (0, True, 8)
    assert document["expected"]["TransferSyntaxUID (0002,0010)"] == 6
    assert run(capsys, "verify", source, target, "--quiet") == (0, "", "")


def test_verify_finds_a_pixel(archive, capsys):
    source, target = archive
    run(capsys, "transcode", source, target, "--to", "ExplicitVRLittleEndian")
    path = target / "a/image1.dcm"
    data = bytearray(path.read_bytes())
    data[-2] ^= 4
    path.write_bytes(data)
    code, out, err = run(capsys, "verify", source, target, "--json")
    document = json.loads(out)
    assert code == 1
    assert [entry["path"] for entry in document["different"]] == ["a/image1.dcm"]
    assert document["different"][0]["maximum_error"] == 4
    assert "1 sample differs, by up to 4, first in frame 0" in err


def test_verify_finds_missing_files(archive, capsys):
    source, target = archive
    run(capsys, "transcode", source, target, "--to", "ExplicitVRLittleEndian")
    (target / "a/image1.dcm").unlink()
    (target / "extra.txt").write_text("x")
    code, _, err = run(capsys, "verify", source, target)
    assert code == 1
    assert "a/image1.dcm: only in the first" in err
    assert "extra.txt: only in the second" in err


def changed(tmp_path, change):
    """Two files: one with a few elements, and a copy that `change` has been at."""
    more = EXPLICIT.element(0x00100010, "PN", "Nobody^Here") + EXPLICIT.element(0x00110010, "LO", "private")
    more += EXPLICIT.element(0x00111001, "OB", b"\1\2\3\4")
    item = EXPLICIT.item(EXPLICIT.element(0x00081150, "UI", "1.2.3"))
    more += EXPLICIT.sequence(0x00081140, [item, item])
    after = EXPLICIT.element(0xFFFCFFFC, "OB", b"\0\0")
    data = native_file(bytes(16), before=more, after=after)
    one, other = tmp_path / "one.dcm", tmp_path / "other.dcm"
    one.write_bytes(data)
    other.write_bytes(change(data))
    return one, other


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda d: d.replace(b"Nobody^Here", b"Nobody^There"[:11]), "PatientName (0010,0010)"),
        (lambda d: d.replace(b"\1\2\3\4", b"\1\2\3\5"), "private (0011,1001)"),
        (
            lambda d: d.replace(b"1.2.3\0", b"1.2.4\0", 1),
            "ReferencedImageSequence (0008,1140)[0].ReferencedSOPClassUID",
        ),
        (lambda d: d[:-2] + b"\0\1", "DataSetTrailingPadding (FFFC,FFFC)"),
        (lambda d: d[:-14], "DataSetTrailingPadding (FFFC,FFFC): only in the first"),
        (lambda d: b"\1" + d[1:], "the preamble"),
        (lambda d: d.replace(b"1.2.3.4\0", b"1.2.3.5\0"), "MediaStorageSOPInstanceUID (0002,0003)"),
    ],
)
def test_verify_names_the_element(tmp_path, capsys, change, name):
    one, other = changed(tmp_path, change)
    code, _, err = run(capsys, "verify", one, other)
    assert code == 1
    assert name in err
    other.write_bytes(one.read_bytes())
    assert run(capsys, "verify", one, other)[0] == 0


def test_a_destination_that_cannot_be_written_is_named(archive, tmp_path, capsys):
    source, _ = archive
    nowhere = source / "notes.txt" / "x.dcm"
    code, _, err = run(capsys, "transcode", source / "a/image1.dcm", nowhere, "--to", "RLELossless")
    assert code == 1
    assert "image1.dcm: " in err
    assert f"{source / 'notes.txt'}" in err
    manifest = tmp_path / "image" / "m.sqlite"
    manifest.parent.write_text("a file, where a folder is wanted")
    code, _, err = run(capsys, "transcode", source, tmp_path / "o", "--to", "RLELossless", "--manifest", manifest)
    assert code == 1
    assert str(manifest.parent) in err


@pytest.mark.parametrize(
    ("ours", "theirs", "what"),
    [
        ("MONOCHROME1 ", "MONOCHROME2 ", "MONOCHROME1 against MONOCHROME2"),
        ("PALETTE COLOR ", "MONOCHROME2 ", "PALETTE COLOR against MONOCHROME2"),
        ("RGB ", "YBR_FULL", "samples differ"),
    ],
)
def test_verify_sees_that_the_same_numbers_are_other_colours(tmp_path, capsys, ours, theirs, what):
    samples = 3 if ours == "RGB " else 1
    files = [tmp_path / "one.dcm", tmp_path / "other.dcm"]
    for file, photometric in zip(files, (ours, theirs), strict=True):
        cells = bytes(range(48)) if samples == 3 else bytes(16)
        file.write_bytes(native_file(cells, samples=samples, photometric=photometric))
    code, _, err = run(capsys, "verify", *files)
    assert code == 1
    assert what in err


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (("01", "10 ", "ISO_10918_1 "), ("00", "10 ", "ISO_10918_1 "), "LossyImageCompression "),
        (("01", "10 ", "ISO_10918_1 "), ("01", "5 ", "ISO_10918_1 "), "LossyImageCompressionRatio"),
        (("01", "10 ", "ISO_10918_1 "), ("01", "10 ", None), "LossyImageCompressionMethod"),
        (("01", "10 ", "ISO_10918_1 "), ("01", "10\\4.5 ", "ISO_10918_1\\ISO_14495_1"), None),
        ((None, None, None), ("01", "4.5 ", "ISO_14495_1 "), None),
    ],
)
def test_verify_lets_a_lossy_history_grow_only(tmp_path, capsys, before, after, name):
    files = [tmp_path / "one.dcm", tmp_path / "other.dcm"]
    tags = ((0x00282110, "CS"), (0x00282112, "DS"), (0x00282114, "CS"))
    for file, values in zip(files, (before, after), strict=True):
        history = [EXPLICIT.element(*tag, value) for tag, value in zip(tags, values, strict=True) if value]
        file.write_bytes(native_file(bytes(16), before=b"".join(history)))
    code, _, err = run(capsys, "verify", *files)
    assert code == (0 if name is None else 1)
    assert (name or "") in err


def test_verify_across_dataset_encodings(tmp_path, capsys):
    for keyword in ("ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian", "RLELossless"):
        dt.transcode(pydicom.data.get_testdata_file("CT_small.dcm"), tmp_path / f"{keyword}.dcm", keyword)
        code, _, err = run(
            capsys, "verify", pydicom.data.get_testdata_file("CT_small.dcm"), tmp_path / f"{keyword}.dcm"
        )
        assert (code, err) == (0, ""), keyword
    # This pair has the same elements in either byte order, but for the padding at the end.
    big = pydicom.data.get_testdata_file("MR_small_bigendian.dcm")
    code, out, _ = run(capsys, "verify", pydicom.data.get_testdata_file("MR_small.dcm"), big, "--json")
    different = json.loads(out)["different"][0]
    assert different["pixels"] is None
    assert different["elements"] == ["DataSetTrailingPadding (FFFC,FFFC): only in the first"]


def test_verify_of_what_cannot_be_compared(archive, capsys):
    source, target = archive
    for arguments in ([source, source / "a/image1.dcm"], [source, target]):
        code, out, err = run(capsys, "verify", *arguments)
        assert (code, out) == (2, "")
        assert "verify: error" in err
    cut = source / "cut.dcm"
    cut.write_bytes((source / "a/image1.dcm").read_bytes()[:-200])
    assert run(capsys, "verify", cut, source / "a/image1.dcm")[0] == 1
    copy = source / "copy.dcm"
    copy.write_bytes(cut.read_bytes())
    assert run(capsys, "verify", cut, copy)[0] == 0  # the same bytes


def test_verify_of_lossy_files_gives_the_error(archive, capsys):
    source, target = archive
    run(capsys, "transcode", source, target, "--to", "JPEGLSNearLossless", "--lossy-maximum-error", "2")
    code, out, _ = run(capsys, "verify", source, target, "--json")
    document = json.loads(out)
    assert code == 1
    assert 0 < max(entry["maximum_error"] for entry in document["different"]) <= 2
    assert not any(entry["elements"] for entry in document["different"])


def test_a_failure_says_what_can_become_of_the_file(call, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "cut.dcm").write_bytes((DATA / "MR_truncated.dcm").read_bytes())
    command = ("transcode", source, tmp_path / "out", "--to", "RLELossless")
    code, out, _ = call(*command)
    assert code == 1
    assert "--on-failure copy" in out
    code, out, _ = call(*command, "--on-failure", "copy")
    assert code == 0
    assert "--on-failure" not in out
