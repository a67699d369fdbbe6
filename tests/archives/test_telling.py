"""How it is told what became of an archive: reasons, reports and the last line."""

import json
import re
from dataclasses import replace

import pytest
from helpers.archives import TARGET, image, without_pixels

import dcmturbo as dt
from dcmturbo.archives.reasons import group_by_reason
from dcmturbo.cli import main


@pytest.mark.parametrize(
    ("path", "error", "wanted"),
    [
        ("/a/DICOMDIR", "a DICOMDIR is copied as it is: its UIDs go stale", None),
        ("/a/frame", "frame 3, byte 7: it ends early", None),
        ("/a/of", "3 of 5 frames", None),
        ("/a/b", "its output /a/b.dcm is that of /a/b already", "its output /a/b.dcm is that of ... already"),
        ("/a/b", "the folder /a/bc is not /x/a/b", None),
        ("/a/b.dcm", "Permission denied: /a/b.dcm", "Permission denied"),
        ("/a/b.dcm", "/a/b.dcm: it ends early", "...: it ends early"),
        ("/a/b.dcm", "there is no 'b.dcm' in the set", "there is no ... in the set"),
        ("/a/b.dcm", "it is there, /a/b.dcm; go on.", "it is there, ...; go on."),
        ("s3://x/y", "cannot read s3://x/y.", "cannot read ...."),
    ],
)
def test_names_are_left_out_of_reasons_and_nothing_else(path, error, wanted):
    (reason,) = group_by_reason([(path, path, error, "E")] * 2)
    assert reason.error == (error if wanted is None else wanted)


def test_files_called_as_words_are(tmp_path, capsys):
    folder = tmp_path / "in"
    for name in ("frame", "x/frame"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image(1)[:-300])
    assert main(["transcode", str(folder), str(tmp_path / "out"), "--to", TARGET]) == 1
    err = capsys.readouterr().err
    assert "error: 2 files" in err
    assert "..." not in err.partition("): ")[2]


@pytest.fixture
def told(tmp_path, capsys):
    def report(target, form="table"):
        capsys.readouterr()
        assert main(["transcode", "--report", form, str(target)]) == 0
        return capsys.readouterr().out

    return report


@pytest.fixture
def lossy(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(1, rows=64, columns=64))
    assert dt.transcode_archive(tmp_path / "in", tmp_path / "lossy", "JPEG2000", ratio=8).is_complete
    return tmp_path / "lossy"


def test_a_copied_image_is_an_image_in_the_report(lossy, tmp_path, told):
    (lossy / "report.dcm").write_bytes(without_pixels())
    assert dt.transcode_archive(lossy, tmp_path / "out", TARGET).counts["copied"] == 2
    table = told(tmp_path / "out")
    assert re.search(r"^JPEG2000 +\(copied\) +1 ", table, re.MULTILINE)
    assert re.search(r"^\(not an image\) +\(copied\) +1 ", table, re.MULTILINE)
    assert "JPEG2000" in told(tmp_path / "out", "html")
    groups = json.loads(told(tmp_path / "out", "json"))["by_source_syntax"]
    assert sorted(group["kind"] for group in groups) == ["kept", "other"]


def test_what_could_not_be_transcoded_is_not_called_no_image(tmp_path, told):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(1)[:-300])
    assert dt.transcode_archive(tmp_path / "in", tmp_path / "out", TARGET, on_failure="copy").is_complete
    table = told(tmp_path / "out")
    assert "not an image" not in table
    assert "(not transcoded)" in table


def test_one_file_and_the_digits_of_a_psnr(lossy, told):
    table = told(lossy)
    assert "1 file: 1 transcoded" in table
    assert re.search(r"lossy: 1 file, largest error \d+, lowest PSNR \d+\.\d dB$", table, re.MULTILINE)
    assert "1 file was compressed with loss" in told(lossy, "html")


def test_what_is_left_out_is_no_failure_in_the_report(tmp_path, told):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(1)[:-300])
    assert dt.transcode_archive(tmp_path / "in", tmp_path / "out", TARGET, on_failure="skip").is_complete
    table = told(tmp_path / "out")
    assert "1 file: 1 left out" in table
    assert "1 left out, for 1 reason" in table
    assert "failed" not in table
    page = told(tmp_path / "out", "html")
    assert "<h2>Failures</h2><p>None.</p>" in page
    assert page.count("a.dcm") == 1
    assert json.loads(told(tmp_path / "out", "json"))["failures"] == []


# ---- the last line ----------------------------------------------------------------------------------


def test_a_run_that_stops_says_how_much_is_left(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for i in range(60):
        (tmp_path / f"in/{i:02}.dcm").write_bytes(image(i) if i else image(i)[:-300])
    command = ["transcode", str(tmp_path / "in"), str(tmp_path / "out"), "--to", TARGET, "--fail-fast", "--json"]
    assert main([*command, "--jobs", "1"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    done = sum(document["files"].values())
    assert 0 < document["left"] == 60 - done
    assert f"; {document['left']} files not done yet; to continue" in captured.err


@pytest.mark.parametrize(
    ("left", "said"),
    [(5, "interrupted; 5 files not done yet; the manifest"), (1, "; 1 file not"), (None, "interrupted; the manifest")],
)
def test_ctrl_c_says_how_much_is_left(left, said, tmp_path, capsys, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(1))
    result = dt.transcode_archive(tmp_path / "in", tmp_path / "out", TARGET)
    assert result.left == 0

    def interrupt(*_args, **_more):
        error = KeyboardInterrupt()
        error.result = replace(result, left=left, stopped="interrupted")
        raise error

    monkeypatch.setattr("dcmturbo.cli.transcode.transcode_archive", interrupt)
    assert main(["transcode", str(tmp_path / "in"), str(tmp_path / "out"), "--to", TARGET]) == 130
    assert said in capsys.readouterr().err


def test_a_dry_run_that_is_interrupted_has_nothing_to_go_on_with(tmp_path, capsys, monkeypatch):
    def interrupt(*_args, **_more):
        raise KeyboardInterrupt

    def leave(code):
        raise SystemExit(code)

    (tmp_path / "in").mkdir()
    monkeypatch.setattr("dcmturbo.cli.transcode.transcode_archive", interrupt)
    monkeypatch.setattr("dcmturbo.cli.transcode.os._exit", leave)
    with pytest.raises(SystemExit):
        main(["transcode", str(tmp_path / "in"), str(tmp_path / "out"), "--to", TARGET, "--dry-run"])
    assert capsys.readouterr().err == "dcmturbo: interrupted; nothing was written\n"
