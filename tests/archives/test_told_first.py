"""What is wrong with a run as a whole is told before its first file, and nothing is made or changed."""

import os
import subprocess
import sys

import pytest
from helpers.archives import TARGET, TARGET_UID, image, make_archive, tree

import dcmturbo as dt
from dcmturbo.cli import main


@pytest.fixture
def source(tmp_path, monkeypatch):
    make_archive(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "in"


@pytest.mark.parametrize("setting", ["DCMTURBO_ISA=foo", "DCMTURBO_NUM_THREADS=x", "DCMTURBO_MAX_PIXELS=abc"])
@pytest.mark.parametrize("command", ["transcode", "one file", "decode", "verify"])
def test_settings_of_the_environment(source, setting, command):
    arguments = {
        "transcode": ["transcode", "in", "out", "--to", TARGET, "--on-failure", "copy"],
        "one file": ["transcode", "in/a/image1.dcm", "out", "--to", TARGET, "--on-failure", "skip"],
        "decode": ["decode", "in/a/image1.dcm", "-o", "out"],
        "verify": ["verify", "in", "in"],
    }[command]
    name, _, value = setting.partition("=")
    done = subprocess.run(
        [sys.executable, "-m", "dcmturbo.cli", *arguments], env={**os.environ, name: value},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{name} is '{value}'" in done.stderr
    assert not os.path.exists("out")


@pytest.mark.parametrize("paths", [["", "out"], ["in", ""], ["", "--in-place"], ["in/a/image1.dcm", ""]])
def test_an_empty_name(source, paths, capsys):
    before = tree(source)
    assert main(["transcode", *paths, "--to", TARGET]) == 2
    assert "empty" in capsys.readouterr().err
    assert tree(source) == before
    assert sorted(os.listdir()) == ["in"]


def test_an_empty_name_in_python(source):
    for sources, target in (("", "out"), ("in", ""), (["in", ""], "out")):
        with pytest.raises(ValueError, match="empty"):
            dt.transcode_archive(sources, target, TARGET)


@pytest.mark.parametrize("missing", ["typo", "in/*.nothing", "typo/**/*.dcm"])
def test_in_place_with_a_source_that_is_missing(source, missing, capsys):
    before = tree(source)
    assert main(["transcode", "in", missing, "--in-place", "--to", TARGET]) == 2
    assert missing.split("/")[-1] in capsys.readouterr().err
    assert tree(source) == before
    assert not list(source.glob(".dcmturbo*"))


@pytest.mark.parametrize("missing", ["typo", "in/*.nothing", "typo/**/*.dcm"])
def test_a_source_that_is_missing_makes_nothing(source, missing, capsys):
    why = "no file matches the pattern" if "*" in missing else "there is no such file or folder"
    for more in ([], ["--dry-run"]):
        assert main(["transcode", missing, "out", "--to", TARGET, *more]) == 2
        captured = capsys.readouterr()
        assert captured.err.endswith(f"dcmturbo transcode: error: {missing}: {why}\n")
        assert captured.out == ""
    assert not os.path.exists("out")


def test_one_of_two_sources_is_missing(source, capsys):
    assert main(["transcode", "in", "typo", "out", "--to", TARGET]) == 1
    captured = capsys.readouterr()
    assert "there is no such file or folder" in captured.err
    assert "--on-failure" not in captured.out  # it would not help
    assert len(tree(source.with_name("out"))) == 8


def test_what_helps_with_failures_is_said_only_if_it_helps(source, capsys):
    (source / "bad.dcm").write_bytes(image(3)[:-300])
    assert main(["transcode", "in", "typo", "out", "--to", TARGET]) == 1
    assert "--on-failure copy" in capsys.readouterr().out


@pytest.mark.parametrize("paths", [["in", "foo://x"], ["foo://x", "out"], ["in", "zip://a.zip::foo://x/b.zip"]])
def test_a_protocol_that_nobody_knows(source, paths, capsys):
    assert main(["transcode", *paths, "--to", TARGET]) in (1, 2)
    captured = capsys.readouterr()
    assert "foo://" in captured.err.splitlines()[-1]
    assert "Traceback" not in captured.err
    assert captured.err.count("error:") == 1
    assert not os.path.exists("out")


@pytest.mark.parametrize("on_failure", ["copy", "skip"])
@pytest.mark.parametrize("in_place", [False, True])
def test_limits_are_no_property_of_a_file(tmp_path, on_failure, in_place):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(1, rows=64, columns=64))
    before = tree(tmp_path / "in")
    with dt.config.override(max_pixels=100):
        result = dt.transcode_archive(
            tmp_path / "in", None if in_place else tmp_path / "out", TARGET, on_failure=on_failure, in_place=in_place
        )
    assert [one.type for one in result.failures] == ["LimitExceeded"]
    assert tree(tmp_path / "in") == before
    assert not (tmp_path / "out/a.dcm").exists()


@pytest.mark.parametrize("error", [MemoryError(), dt.DecodeError("not enough memory", code="out_of_memory")])
def test_a_lack_of_memory_is_no_property_of_a_file(tmp_path, error, monkeypatch, in_this_process):
    from dcmturbo.archives import transcoding, work
    from dcmturbo.archives.operation import Settings
    from dcmturbo.archives.outcome import Task

    def fail(*_args, **_more):
        raise error

    (tmp_path / "a.dcm").write_bytes(image(1))
    monkeypatch.setattr(transcoding, "transcode", fail)
    task = Task(0, str(tmp_path / "a.dcm"), str(tmp_path / "b.dcm"))
    for on_failure in ("copy", "skip"):
        settings = Settings(transcoding.Transcoding(TARGET_UID), on_failure=on_failure)
        assert work.do_one(task, settings, 1).status == "failed"
    assert not (tmp_path / "b.dcm").exists()


@pytest.mark.parametrize("on_failure", ["fail", "skip"])
def test_an_output_of_an_earlier_version_is_told(tmp_path, on_failure):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.dcm").write_bytes(image(1))
    (source / "b.dcm").write_bytes(image(2))
    assert dt.transcode_archive(source, target, TARGET).is_complete
    (source / "a.dcm").write_bytes(image(3)[:-300])
    result = dt.transcode_archive(source, target, TARGET, on_failure=on_failure)
    assert result.is_complete == (on_failure == "skip")
    told = [warning for warning in result.warnings if "still exists" in warning]
    assert len(told) == 1
    assert str(target / "a.dcm") in told[0]
    # Whose file was somebody else's meanwhile is told by the failure to write there.
    (source / "a.dcm").write_bytes(image(3))
    assert dt.transcode_archive(source, target, TARGET, on_failure=on_failure).counts["transcoded"] == 1
