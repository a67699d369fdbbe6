"""``dcmturbo verify``: reports, second witnesses, and what cannot be compared."""

from __future__ import annotations

import csv
import io
import json
import os
import re

import pytest
from helpers.archives import image, make_archive, without_pixels
from helpers.command_line import CT, DATA, J2K, RLE

import dcmturbo as dt
from dcmturbo.bench import dcmtk, witness, worker
from dcmturbo.bench.witness import AGREED, DIFFERED, NOT_COMPARED, NOT_DECODED, Witness, engine_named
from dcmturbo.bench.worker import Workers
from dcmturbo.cli.verify_report import csv_text, page
from dcmturbo.redaction import without_secrets


@pytest.fixture
def trees(tmp_path):
    """An archive, and what transcoding has made of it."""
    source, target = tmp_path / "in", tmp_path / "out"
    make_archive(source, 4)
    dt.transcode_archive(source, target, "JPEG2000Lossless", jobs=1, threads=1)
    return source, target


def cut_before_pixels(data: bytes) -> bytes:
    return data[: data.rindex(b"\xe0\x7f\x10\0")]


def spoil(path) -> None:
    """Change one sample of an image."""
    array = dt.decode(path, raw=True, unused_bits="keep").copy()
    array[3, 5] ^= 4
    data = path.read_bytes()
    with dt.open(path) as opened:
        frame = bytes(opened.encoded_frame(0))
    encoded = bytes(dt.encode_frame(array, "JPEG2000Lossless", bits_stored=12))
    encoded += b"\0" * (len(encoded) & 1)
    changed = data.replace(frame, encoded)
    length = data.index(frame) - 4
    path.write_bytes(changed[:length] + len(encoded).to_bytes(4, "little") + changed[length + 4 :])


def copy_of(path, folder):
    """Return another file with the same bytes."""
    copy = folder / "copy.dcm"
    copy.write_bytes(path.read_bytes())
    return copy


# ---- images that were cut ---------------------------------------------------------------------------


@pytest.mark.parametrize("same_bytes", [True, False])
def test_images_that_end_before_their_pixel_data_in_both_places_are_named(tmp_path, call, call_json, same_bytes):
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "report.dcm").write_bytes(without_pixels())
        (tmp_path / folder / "cut.dcm").write_bytes(cut_before_pixels(image()))
    if not same_bytes:
        (tmp_path / "out" / "cut.dcm").write_bytes(cut_before_pixels(image(syntax="rle")))
    report = tmp_path / "r.html"
    code, out, err = call("verify", tmp_path / "in", tmp_path / "out", "--report", report)
    assert code == 0
    assert "2 datasets without pixels" in out
    (line,) = err.splitlines()
    assert "cut.dcm: it has no pixel data" in line
    assert "it may have been cut before its pixel data" in line
    assert "May be damaged in both places" in report.read_text()
    _, document = call_json("verify", tmp_path / "in", tmp_path / "out")
    assert [one["path"] for one in document["doubtful"]] == ["cut.dcm"]


# ---- reports ----------------------------------------------------------------------------------------


def test_reports_by_their_suffix(trees, call, tmp_path):
    source, target = trees
    spoil(target / "a/image1.dcm")
    (target / "extra.txt").write_text("x")
    places = [tmp_path / "new" / f"r{suffix}" for suffix in (".html", ".csv", ".json")]
    options = [text for place in places for text in ("--report", place)]
    code, out, err = call("verify", source, target, *options)
    assert code == 1
    assert out.count("wrote ") == 3
    text, table, document = (place.read_text() for place in places)
    assert "a/image1.dcm" in text
    assert "1 sample differs, by up to 4, first in frame 0" in text
    assert "only in the second" in text
    assert "TransferSyntaxUID (0002,0010)" in text
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?:|<script""", text)
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(table))}
    assert {row["state"] for row in rows.values()} == {"equal", "different", "missing"}
    assert rows["a/image1.dcm"]["maximum_error"] == "4.0"
    assert rows["a/image2.dcm"]["state"] == "equal"
    found = json.loads(document)
    assert found["equal"] is False
    assert {pair["path"] for pair in found["pairs"]} == set(rows)
    assert err.count("error:") == 2


def test_a_report_does_not_act_on_who_reads_it(tmp_path, call):
    source, target = tmp_path / "in", tmp_path / "out"
    names = ["=1+1.dcm", "\x1b[31mred.dcm", "<script>alert(1)<script>.dcm"]
    for folder, seed in ((source, 1), (target, 2)):
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(image(seed))
    places = tmp_path / "r.html", tmp_path / "r.csv"
    assert call("verify", source, target, "--report", places[0], "--report", places[1])[0] == 1
    text, table = (place.read_text() for place in places)
    for content in (text, table):
        assert "\x1b" not in content
    assert "<script>" not in text
    assert {row["path"] for row in csv.DictReader(io.StringIO(table))} >= {"'=1+1.dcm"}


def test_credentials_of_urls_are_in_no_report():
    url = "https://user:secret@host/archive"
    assert without_secrets(f"{url}: no such object") == "https://***@host/archive: no such object"
    assert without_secrets("mail a@b.c about s3://bucket/x@y") == "mail a@b.c about s3://bucket/x@y"
    document = {"first": without_secrets(url), "second": "b", "equal": True, "expected": {}, "with": {}}
    assert "secret" not in page(document, []) + csv_text(document, [])


def test_a_store_that_does_not_answer_is_a_sentence_without_credentials(call, tmp_path):
    code, out, err = call("verify", "ftp://user:secret@127.0.0.1:9/x", tmp_path)
    assert code == 1
    assert "refused" in err
    assert "secret" not in out + err


@pytest.mark.parametrize("name", ["report", "report.txt", "report.pdf", "."])
def test_a_report_of_no_known_form(trees, call, tmp_path, name):
    code, out, err = call("verify", *trees, "--report", tmp_path / name)
    assert (code, out) == (2, "")
    assert "--report" in err


def test_an_input_is_not_written_over(call, tmp_path):
    place = tmp_path / "a.csv"
    place.write_bytes(CT.read_bytes())
    assert call("verify", place, CT, "--report", place)[0] == 2
    assert place.read_bytes() == CT.read_bytes()


def test_a_report_that_cannot_be_written(call, tmp_path):
    (tmp_path / "file").write_text("x")
    code, _, err = call("verify", CT, copy_of(CT, tmp_path), "--report", tmp_path / "file" / "r.html")
    assert code == 1
    assert "cannot write" in err


# ---- second witnesses -------------------------------------------------------------------------------


def test_another_decoder_agrees(trees, call_json):
    code, found = call_json("verify", *trees, "--with", "pydicom", "--with", "imagecodecs")
    assert code == 0
    counts = {AGREED: 4, DIFFERED: 0, NOT_DECODED: 0, NOT_COMPARED: 0}
    assert found["with"] == dict.fromkeys(("pydicom", "imagecodecs"), counts)
    assert found["not_decoded"] == []


def test_another_decoder_that_reads_other_pixels_is_a_failure(trees, call, monkeypatch):
    _engine_that(monkeypatch, "if request['path'].endswith('out/a/image1.dcm'):", "    changed(request)")
    code, out, err = call("verify", *trees, "--with", "imagecodecs")
    assert code == 1
    assert "imagecodecs: 3 agreed, 1 differed, 0 could not be decoded" in out
    assert "a/image1.dcm: imagecodecs reads other pixels: 1 of 768 samples differ" in err


def test_a_decoder_that_crashes_takes_nothing_with_it(trees, call, call_json, monkeypatch):
    _engine_that(monkeypatch, "if request['path'].endswith('image1.dcm'):", "    os.write(2, b'oh no'); os.abort()")
    code, out, _ = call("verify", *trees, "--with", "imagecodecs")
    assert code == 0
    assert "imagecodecs: 3 agreed, 0 differed, 1 could not be decoded" in out
    assert "imagecodecs could not decode a/image1.dcm: its process ended with this file (SIGABRT)" in out
    assert 'its last output: "oh no"' in out
    code, found = call_json("verify", *trees, "--with", "imagecodecs", "--with-required")
    assert code == 1
    assert found["different"] == []
    (one,) = found["not_compared"]
    assert one["path"] == "a/image1.dcm"
    assert one["with"][0]["state"] == NOT_DECODED


def _engine_that(monkeypatch, *body: str) -> None:
    program = worker._PROGRAM.replace("serve(sys.argv[1], taken, answers)", "") + (
        "from dcmturbo.bench import worker\nimport numpy as np, os\n"
        "genuine = worker._Engine.run\n"
        "def changed(request):\n"
        "    request['place'] = request.get('into')\n"
        "def run(self, request):\n"
        + "".join(f"    {line}\n" for line in body)
        + "    answer = genuine(self, request)\n"
        "    if request.get('place'):\n"
        "        array = np.load(request['place']); array[0, 0] += 1; np.save(request['place'], array)\n"
        "    return answer\n"
        "worker._Engine.run = run\nserve(sys.argv[1], taken, answers)\n"
    )
    monkeypatch.setattr(worker, "_PROGRAM", program)


def test_what_a_witness_reads_alike_and_otherwise_than_dcmturbo_is_agreement(tmp_path, monkeypatch):
    """An engine that leaves colours as they are says of both files the same."""
    source, target = DATA / "SC_rgb_dcmtk_+eb+cy+np.dcm", tmp_path / "out.dcm"
    dt.transcode(source, target, "RLELossless")
    monkeypatch.setattr(witness, "difference_of", lambda *arguments: "other pixels")
    with Workers() as workers:
        said = Witness("pydicom", workers).look(str(source), str(target))
    assert said.state == AGREED
    assert "it reads both files alike" in said.why


def test_a_witness_that_reads_otherwise_than_dcmturbo_is_told(trees, call, monkeypatch):
    _engine_that(monkeypatch, "if request['path'].endswith('a/image1.dcm'):", "    changed(request)")
    code, out, _ = call("verify", *trees, "--with", "imagecodecs")
    assert code == 0
    assert "imagecodecs: 4 agreed" in out
    assert "a/image1.dcm: imagecodecs reads both files alike, but not as dcmturbo does: 1 of 768 samples" in out


def test_objects_of_stores_have_a_second_witness():
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe("/verify/a.dcm", RLE.read_bytes())
    with Workers() as workers:
        assert Witness("pydicom", workers).look("memory://verify/a.dcm", "memory://verify/a.dcm").state == AGREED
        assert Witness("pydicom", workers).look(str(CT), "memory://verify/a.dcm").state == DIFFERED


def test_files_that_dcmturbo_cannot_decode_have_no_second_witness(tmp_path):
    with Workers() as workers:
        one = Witness("pydicom", workers)
        assert one.look(str(CT), str(tmp_path / "absent")).state == NOT_COMPARED
        said = Witness("imagecodecs", workers).look(str(CT), str(CT))
        assert (said.state, said.why) == (
            NOT_DECODED,
            "it decodes codestreams, but cannot read files of this transfer syntax",
        )


@pytest.mark.parametrize("target", ["JPEGLosslessSV1", "JPEGLSLossless", "RLELossless", "ExplicitVRLittleEndian"])
def test_dcmtk_is_a_witness(tmp_path, target, call_json):
    result = tmp_path / "out.dcm"
    dt.transcode(J2K, result, target)
    try:
        dcmtk.tool_of(dt.formats.syntaxes.find_transfer_syntax(target))
    except NotImplementedError:
        pytest.skip("DCMTK is not installed")
    code, found = call_json("verify", J2K, result, "--with", "dcmtk")
    assert (code, found["with"]["DCMTK"][AGREED]) == (0, 1)
    with pytest.raises(ValueError, match=r"exit code \d+"):
        dcmtk.decode(str(tmp_path / "absent.dcm"), dt.formats.syntaxes.find_transfer_syntax(target))


def test_without_dcmtk_that_is_what_is_said(monkeypatch, call, tmp_path):
    monkeypatch.setenv("PATH", os.devnull)
    code, out, _ = call("verify", RLE, copy_of(RLE, tmp_path), "--with", "DCMTK")
    assert code == 0
    assert "dcmdrle is not in PATH" in out


def test_names_of_decoders():
    assert engine_named("gdcm") == "pydicom+gdcm"
    assert engine_named("pydicom+pillow") == "pydicom+pillow"
    assert engine_named("Pydicom") == "pydicom"
    assert engine_named("dcmtk") == "DCMTK"
    for text, what in (("dcmturbo", "first decoder"), ("nobody", "choose one of pydicom, pylibjpeg")):
        with pytest.raises(ValueError, match=what):
            engine_named(text)


@pytest.mark.parametrize("options", [("--with", "nobody"), ("--with", "dcmturbo"), ("--with-required",)])
def test_wrong_use_of_witnesses(trees, call, options):
    code, out, err = call("verify", *trees, *options)
    assert (code, out) == (2, "")
    assert "--with" in err


# ---- what there is to compare -----------------------------------------------------------------------


def test_a_place_compared_with_itself_says_that_nothing_is_proved(trees, call, call_json):
    source, _ = trees
    for second in (source, f"{source}/", source.parent / "in" / "." / "a" / ".."):
        code, _, err = call("verify", source, second)
        assert code == 1
        assert "both are the same place, so nothing was proved" in err
    assert call_json("verify", source, source)[1]["same_place"] is True
    assert call_json("verify", *trees)[1]["same_place"] is False


def test_files_that_only_look_like_the_manifest_are_compared(trees, call):
    source, target = trees
    (source / ".dcmturbo-transcode.sqlite.bak").write_text("mine")
    code, _, err = call("verify", source, target)
    assert code == 1
    assert ".dcmturbo-transcode.sqlite.bak: only in the first" in err


def test_a_pipe_is_no_file(call, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    code, _, err = call("verify", CT, tmp_path / "pipe")  # and nobody waits for who writes to it
    assert code == 2
    assert "is not a regular file" in err


def test_a_damaged_file_is_named_and_the_others_compared(trees, call):
    source, target = trees
    path = target / "a/image1.dcm"
    path.write_bytes(path.read_bytes()[:-300])
    code, out, err = call("verify", source, target)
    assert code == 1
    assert err.count("error:") == 1
    assert "a/image1.dcm" in err
    assert "0 differ, 0 are in one place only, 1 could not be compared" in out


def test_the_same_bytes_are_equal_whatever_they_are(tmp_path, call_json):
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(J2K.read_bytes()[:-2000])
    other = tmp_path / "other.dcm"
    other.write_bytes(cut.read_bytes())
    code, found = call_json("verify", cut, other)
    assert (code, found["compared"]) == (0, {"image": 1})


def test_empty_files_are_counted_apart(trees, call, call_json):
    for tree in trees:
        (tree / "lost.dcm").touch()
    code, out, _ = call("verify", *trees)
    assert code == 0
    assert "1 file that is not DICOM, by its bytes, 1 empty file (0 bytes)" in out
    assert call_json("verify", *trees)[1]["compared"]["empty"] == 1
    assert "in 4 files" in out  # of the transfer syntax, which is an expected change
