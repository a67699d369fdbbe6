"""``dcmturbo verify``: what was not compared is no proof, and no difference; what differs is said in a few words."""

from __future__ import annotations

import csv
import io
import os
import shutil

import pytest
from helpers.archives import image, make_archive
from helpers.command_line import CT, DATA, J2K, TRUNCATED
from helpers.dicom_writer import EXPLICIT, dicom_file, encapsulated_file

import dcmturbo as dt
from dcmturbo.bench.engines import RefusedError, subject_of, task_of
from dcmturbo.bench.witness import AGREED, NOT_COMPARED, NOT_DECODED, Witness
from dcmturbo.bench.worker import Workers
from dcmturbo.cli import main


@pytest.fixture
def trees(tmp_path):
    """An archive twice."""
    for name in ("in", "out"):
        make_archive(tmp_path / name, 4)
    return tmp_path / "in", tmp_path / "out"


def pair(folder, one: bytes, other: bytes):
    """Two files of these bytes."""
    places = folder / "one.dcm", folder / "other.dcm"
    places[0].write_bytes(one)
    places[1].write_bytes(other)
    return places


# ---- stores -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("swap", [False, True])
def test_a_store_that_nothing_opens_is_wrong_usage(call, tmp_path, swap):
    places = [tmp_path, "foo://x"] if swap else ["foo://x", tmp_path]
    code, out, err = call("verify", *places)
    assert (code, out) == (2, "")
    assert err.count("error:") == 1
    assert "foo" in err.splitlines()[-1]


def test_why_a_store_refuses_is_told(call, call_json, tmp_path):
    fsspec = pytest.importorskip("fsspec")

    class RefusalError(Exception):
        """As stores have them: of no class that we know."""

    class Store(fsspec.AbstractFileSystem):
        protocol = "refusing"

        def info(self, path, **options):
            raise RefusalError("who are you?")

        def isdir(self, path):
            return False

        def exists(self, path, **options):
            return False

    fsspec.register_implementation("refusing", Store, clobber=True)
    code, out, err = call("verify", "refusing://x", tmp_path)
    assert (code, out) == (1, "")
    assert "who are you?" in err
    assert "no such file" not in err
    code, document = call_json("verify", "refusing://x", tmp_path)
    assert (code, document["equal"]) == (1, False)


def test_a_store_that_fails_within_a_file_is_not_a_crash(call, tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe("/verify-failing/a.dcm", image(1))

    class RefusalError(Exception):
        """Of a store."""

    def refuse(*arguments, **options):
        raise RefusalError("gone away")

    monkeypatch.setattr(type(system), "_open", refuse)
    (tmp_path / "a.dcm").write_bytes(image(2))
    code, out, err = call("verify", tmp_path, "memory://verify-failing")
    assert code == 1
    assert "gone away" in err
    assert "1 could not be compared" in out


def test_a_host_that_refuses_is_no_missing_file(call, tmp_path):
    """fsspec says FileNotFoundError of everything that goes wrong with HTTP."""
    pytest.importorskip("aiohttp")
    code, out, err = call("verify", "http://127.0.0.1:9/x.dcm", tmp_path)
    assert (code, out) == (1, "")
    assert "127.0.0.1" in err
    assert "no such file" not in err


# ---- nothing is proved ------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [("--include", "*.zip"), ("--exclude", "*"), ()])
def test_nothing_compared_is_nothing_proved(trees, tmp_path, call, call_json, options):
    places = trees
    if not options:
        places = tmp_path / "empty", tmp_path / "also empty"
        for place in places:
            place.mkdir()
    code, out, err = call("verify", *places, *options)
    assert code == 1
    assert "nothing was compared, so nothing was proved" in err
    assert "all equal" not in out
    report = tmp_path / "r.html"
    code, found = call_json("verify", *places, *options, "--report", report)
    assert (code, found["equal"], found["files"]) == (1, False, 0)
    assert "nothing was compared" in found["nothing_proved"]
    assert "<h1>Nothing was proved</h1>" in report.read_text()


def test_a_file_compared_with_itself_is_nothing_proved(call, tmp_path):
    link = tmp_path / "link.dcm"
    link.symlink_to(CT)
    for other in (CT, link):
        code, out, err = call("verify", CT, other)
        assert code == 1
        assert "nothing was proved" in err
        assert "all equal" not in out


# ---- what could not be compared -----------------------------------------------------------------------


def test_what_could_not_be_read_is_counted_as_that(trees, tmp_path, call, call_json):
    source, target = trees
    damaged = target / "a/image1.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    (target / "notes.txt").unlink()
    (target / "notes.txt").symlink_to(tmp_path / "nowhere")
    (source / "only.dcm").symlink_to(tmp_path / "nowhere")
    table, page = tmp_path / "r.csv", tmp_path / "r.html"
    code, out, err = call("verify", source, target, "--report", table, "--report", page)
    assert code == 1
    assert "0 differ, 0 are in one place only, 3 could not be compared" in out
    assert "<h1>Not everything could be compared</h1>" in page.read_text()
    assert "<h2>Could not be compared</h2>" in page.read_text()
    assert err.count("error:") == 3
    code, found = call_json("verify", source, target)
    assert (found["different"], found["missing"]) == ([], [])
    assert {one["path"] for one in found["not_compared"]} == {"a/image1.dcm", "notes.txt", "only.dcm"}
    states = {row["path"]: row["state"] for row in csv.DictReader(io.StringIO(table.read_text()))}
    assert {path for path, state in states.items() if state == "not compared"} == {
        "a/image1.dcm",
        "notes.txt",
        "only.dcm",
    }


def test_video_could_not_be_compared(call, tmp_path):
    """It is not decoded here: whether the pixels are the same is not known."""
    files = [
        encapsulated_file([bytes(4) + bytes([end] * 4)], "1.2.840.10008.1.2.4.102", rows=8, columns=8) for end in (1, 2)
    ]
    code, out, err = call("verify", *pair(tmp_path, *files))
    assert code == 1
    assert "0 pairs compared: none" in out
    assert "0 differ, 0 are in one place only, 1 could not be compared" in out
    assert err.count("error:") == 1


def test_a_folder_that_cannot_be_read_hides_no_file(trees, call_json, monkeypatch):
    source, target = trees
    genuine = os.scandir

    def scandir(path):
        if os.fspath(path) == str(target / "a"):
            raise PermissionError(13, "Permission denied")
        return genuine(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, found = call_json("verify", source, target)
    assert code == 1
    assert found["missing"] == []  # nobody knows
    assert {one["path"] for one in found["not_compared"]} == {"a/image1.dcm", "a/image2.dcm", "a/report.dcm"}
    assert all("Permission denied" in one["why"][0] for one in found["not_compared"])


def test_a_witness_is_not_blamed_for_what_dcmturbo_cannot_decode(call, call_json, tmp_path):
    places = pair(tmp_path, TRUNCATED.read_bytes(), TRUNCATED.read_bytes())
    code, out, _ = call("verify", *places, "--with", "pydicom")
    assert code == 0
    assert "pydicom could not compare one.dcm: it was not asked, because dcmturbo cannot decode the file:" in out
    code, found = call_json("verify", *places, "--with", "pydicom", "--with-required")
    assert (code, found["different"]) == (1, [])
    (one,) = found["not_compared"]
    assert one["with"][0]["state"] == NOT_COMPARED
    assert found["with"]["pydicom"][NOT_DECODED] == 0


# ---- witnesses that do other work ----------------------------------------------------------------------


def test_an_engine_that_leaves_colours_is_no_difference(call, tmp_path):
    pytest.importorskip("imagecodecs")
    source, target = DATA / "SC_ybr_full_422_uncompressed.dcm", tmp_path / "out.dcm"
    dt.transcode(source, target, "HTJ2KLossless")
    with Workers() as workers:
        said = Witness("imagecodecs", workers).look(str(source), str(target))
        assert said.state == AGREED
        assert "samples that are stored in the first" in said.why
    code, out, _ = call("verify", source, target, "--with", "imagecodecs", "--with-required")
    assert code == 0
    assert "imagecodecs: 1 agreed, 0 differed" in out


def test_an_engine_that_leaves_colours_agrees_only_with_the_same_samples(tmp_path):
    """That the samples differ is for dcmturbo to find."""
    pytest.importorskip("imagecodecs")
    source, target = DATA / "SC_ybr_full_422_uncompressed.dcm", tmp_path / "out.dcm"
    dt.transcode(source, target, "HTJ2KLossless")
    spoilt = bytearray(source.read_bytes())
    spoilt[-40] ^= 64
    first = tmp_path / "first.dcm"
    first.write_bytes(spoilt)
    with Workers() as workers:
        assert Witness("imagecodecs", workers).look(str(first), str(target)).state == NOT_COMPARED


def test_gdcm_without_pixels_is_a_sentence(monkeypatch):
    gdcm = pytest.importorskip("gdcm")
    monkeypatch.setattr(gdcm.Image, "GetBuffer", lambda self: None)
    with pytest.raises(RefusedError, match="cannot decode the pixel data"):
        task_of(subject_of(str(J2K)), "GDCM").decode(1)


# ---- words ------------------------------------------------------------------------------------------


def test_one_of_a_kind_is_singular(call, tmp_path):
    places = pair(tmp_path, image(1), image(1))
    assert "1 pair compared: 1 image\n" in call("verify", *places)[1]
    places[1].write_bytes(image(2))
    assert "1 differs, 0 are in one place only, 0 could not be compared" in call("verify", *places)[1]


def test_many_differences_are_a_line_that_can_be_read(call, call_json, tmp_path):
    elements = [
        b"".join(EXPLICIT.element(0x00110010 + i, "LO", f"{text}{i:03}") for i in range(40)) for text in ("one", "two")
    ]
    places = pair(tmp_path, *(dicom_file(one) for one in elements))
    code, _, err = call("verify", *places)
    assert code == 1
    assert "; and 36 more (--json lists all)" in err
    assert len(err) < 500
    assert len(call_json("verify", *places)[1]["different"][0]["elements"]) == 40


def test_copies_and_files_without_pixels_are_counted_apart(tmp_path, capsys):
    from pydicom.data import get_testdata_file

    for place in ("a", "b"):
        folder = tmp_path / place
        folder.mkdir()
        for name in ("CT_small.dcm", "rtplan.dcm"):
            shutil.copy(get_testdata_file(name), folder)
        (folder / "notes.txt").write_text("no DICOM")
    table, sheet = tmp_path / "proof.csv", tmp_path / "proof.html"
    arguments = ["verify", str(tmp_path / "a"), str(tmp_path / "b"), "--report", str(table), "--report", str(sheet)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "1 image, 1 dataset without pixels, 1 file that is not DICOM, by its bytes" in out
    assert "1 image with the same bytes, so not decoded" in out
    lines = {line.split(",")[0]: line for line in table.read_text().splitlines()}
    assert "the same bytes, so not decoded" in lines["CT_small.dcm"]
    assert "not decoded" not in lines["rtplan.dcm"]
    assert ",dataset," in lines["rtplan.dcm"]
    page = sheet.read_text()
    assert "equal, not decoded" in page
    assert " UTC: " in page
    assert "3 pairs compared: 1 image, 1 dataset without pixels, 1 file that is not DICOM, by its bytes." in page
