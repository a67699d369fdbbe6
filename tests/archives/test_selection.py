"""Which sources are transcoded, what becomes of those that cannot be, and how it is told."""

import json
import re

import numpy as np
import pytest
from helpers.archives import TARGET, image, is_transcoded, rows_of, same_pixels, tree, without_pixels
from helpers.dicom_writer import EXPLICIT, encapsulated_file, native_file
from helpers.samples import smooth

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME
from dcmturbo.archives.reasons import group_by_reason
from dcmturbo.archives.selection import is_lossy_source
from dcmturbo.cli import main
from dcmturbo.dataset.sources import open_source

CELLS = smooth((64, 48), "u2", bits=12, seed=3)
UIDS = {
    "JPEGBaseline8Bit": "1.2.840.10008.1.2.4.50",
    "JPEGExtended12Bit": "1.2.840.10008.1.2.4.51",
    "JPEGLosslessSV1": "1.2.840.10008.1.2.4.70",
    "JPEGLSLossless": "1.2.840.10008.1.2.4.80",
    "JPEGLSNearLossless": "1.2.840.10008.1.2.4.81",
    "JPEG2000Lossless": "1.2.840.10008.1.2.4.90",
    "JPEG2000": "1.2.840.10008.1.2.4.91",
    "HTJ2KLossless": "1.2.840.10008.1.2.4.201",
    "HTJ2K": "1.2.840.10008.1.2.4.203",
    "JPEGXLLossless": "1.2.840.10008.1.2.4.110",
    "JPEGXL": "1.2.840.10008.1.2.4.112",
    "RLELossless": "1.2.840.10008.1.2.5",
}


def coded(keyword, *, frames=1, bits=12, syntax=None, **options):
    """An object of grey frames in a transfer syntax; `options` are those of the first frame, the others have none."""
    cells = CELLS if bits > 8 else (CELLS >> 4).astype("u1")
    encoded = [dt.encode_frame(cells, keyword, bits_stored=bits, **options)]
    encoded = [*(dt.encode_frame(cells, keyword, bits_stored=bits) for _ in range(frames - 1)), *encoded]
    module = {"rows": 64, "columns": 48, "bits_allocated": cells.itemsize * 8, "bits_stored": bits}
    return encapsulated_file(encoded, UIDS[syntax or keyword], **module)


LOSSY = {
    "baseline": ("JPEGBaseline8Bit", {"bits": 8, "quality": 90}),
    "extended": ("JPEGExtended12Bit", {"quality": 90}),
    "near-lossless": ("JPEGLSNearLossless", {"near_lossless": 2}),
    "irreversible": ("JPEG2000", {"ratio": 8}),
    "irreversible, called lossless": ("JPEG2000", {"ratio": 8, "syntax": "JPEG2000Lossless"}),
    "irreversible HT": ("HTJ2K", {"ratio": 8}),
    "JPEG XL": ("JPEGXL", {"distance": 1.0}),
    "the last frame alone": ("JPEGLSNearLossless", {"near_lossless": 2, "frames": 3}),
}
LOSSLESS = {
    "near-lossless without": ("JPEGLSNearLossless", {}),
    "reversible": ("JPEG2000", {}),
    "reversible HT": ("HTJ2K", {}),
    "RLE": ("RLELossless", {}),
    "JPEG Lossless": ("JPEGLosslessSV1", {}),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_what_is_lossy(kind):
    keyword, options = LOSSY[kind]
    assert is_lossy_source(open_source(coded(keyword, **options)))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_what_is_not(kind):
    keyword, options = LOSSLESS[kind]
    assert not is_lossy_source(open_source(coded(keyword, **options)))


def test_native_pixels_with_a_lossy_past_are_not_lossy(tmp_path):
    past = EXPLICIT.element(0x00282110, "CS", "01")
    module = {"rows": 64, "columns": 48, "bits_allocated": 16, "bits_stored": 12}
    data = native_file(CELLS.tobytes(), before=past, **module)
    assert not is_lossy_source(open_source(data))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(data)
    assert dt.transcode_archive(tmp_path / "in", tmp_path / "out", TARGET).counts["transcoded"] == 1


@pytest.fixture
def mixed(tmp_path):
    """A source of a lossy JPEG, a near-lossless JPEG-LS, an RLE and a native image, and a text."""
    folder = tmp_path / "in"
    folder.mkdir()
    content = {
        "jpeg.dcm": coded("JPEGBaseline8Bit", bits=8, quality=90),
        "near.dcm": coded("JPEGLSNearLossless", near_lossless=2),
        "rle.dcm": image(1, syntax="rle"),
        "native.dcm": image(2),
        "notes.txt": b"text",
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder, tmp_path / "out", content


def test_lossy_sources_are_copied_to_lossless_targets(mixed):
    source, target, content = mixed
    result = dt.transcode_archive(source, target, TARGET)
    assert (result.counts["transcoded"], result.counts["copied"], result.counts["failed"]) == (2, 3, 0)
    for name in ("jpeg.dcm", "near.dcm"):
        assert (target / name).read_bytes() == content[name]
        assert "lossy" in rows_of(target / NAME)[name].error
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == 5
    again = dt.transcode_archive(source, target, TARGET, include_lossy=True)
    assert (again.counts["transcoded"], again.counts["copied"]) == (4, 1)
    assert all(is_transcoded(target / name, content[name]) for name in ("jpeg.dcm", "near.dcm"))


@pytest.mark.parametrize(
    ("target_syntax", "options", "copied"),
    [
        ("ExplicitVRLittleEndian", {}, 2),  # uncompressed is asked for where nothing may be left compressed
        ("JPEG2000", {"ratio": 5}, 1),
        ("JPEGXLJPEGRecompression", {}, 1),  # which keeps the very bits of a JPEG
        ("RLELossless", {}, 4),
    ],
)
def test_where_they_are_not_skipped(mixed, target_syntax, options, copied):
    source, target, _ = mixed
    result = dt.transcode_archive(source, target, target_syntax, **options)
    assert result.counts["copied"] == copied
    if target_syntax == "JPEGXLJPEGRecompression":
        assert (result.counts["transcoded"], result.counts["failed"]) == (1, 3)
    else:
        assert result.is_complete
    if options:
        skipped = dt.transcode_archive(source, target.with_name("b"), target_syntax, include_lossy=False, **options)
        assert skipped.counts["copied"] == 3


def test_sources_in_other_syntaxes_are_copied(mixed):
    source, target, content = mixed
    (source / "video.dcm").write_bytes(encapsulated_file([b"\0" * 100], "1.2.840.10008.1.2.4.100"))
    content["video.dcm"] = (source / "video.dcm").read_bytes()
    result = dt.transcode_archive(source, target, TARGET, from_syntaxes=["RLELossless", UIDS["JPEGBaseline8Bit"]])
    assert (result.counts["transcoded"], result.counts["copied"], result.counts["failed"]) == (1, 5, 0)
    assert is_transcoded(target / "rle.dcm", content["rle.dcm"])
    for name in ("native.dcm", "near.dcm", "video.dcm", "notes.txt"):
        assert (target / name).read_bytes() == content[name]
    assert dt.transcode_archive(source, target, TARGET, from_syntaxes="RLELossless").counts["transcoded"] == 1
    assert dt.transcode_archive(source, target, TARGET).counts["transcoded"] == 2
    with pytest.raises(dt.UnsupportedTransferSyntax, match="Nonsense"):
        dt.transcode_archive(source, target, TARGET, from_syntaxes="Nonsense")


def test_what_would_become_larger_is_copied(tmp_path):
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(1).integers(0, 1 << 16, (64, 64)).astype("u2")
    content = {"smooth.dcm": image(1, rows=64, columns=64), "noise.dcm": native_file(
        noise.tobytes(), rows=64, columns=64, bits_allocated=16, bits_stored=16)}  # fmt: skip
    for name, data in content.items():
        (tmp_path / "in" / name).write_bytes(data)
    grown = dt.transcode_archive(tmp_path / "in", tmp_path / "a", "RLELossless")
    assert grown.counts["transcoded"] == 2
    assert (tmp_path / "a/noise.dcm").stat().st_size > len(content["noise.dcm"])
    result = dt.transcode_archive(tmp_path / "in", tmp_path / "b", "RLELossless", keep_if_larger=True)
    assert (result.counts["transcoded"], result.counts["copied"]) == (1, 1)
    assert (tmp_path / "b/noise.dcm").read_bytes() == content["noise.dcm"]
    assert "larger" in rows_of(tmp_path / "b" / NAME)["noise.dcm"].error
    assert not [name for name in tree(tmp_path / "b") if ".part" in name]
    in_place = dt.transcode_archive(tmp_path / "in", None, "RLELossless", in_place=True, keep_if_larger=True)
    assert (in_place.counts["transcoded"], in_place.counts["unchanged"]) == (1, 1)
    assert (tmp_path / "in/noise.dcm").read_bytes() == content["noise.dcm"]
    with pytest.raises(ValueError, match="lossless targets"):
        dt.transcode_archive(tmp_path / "b", tmp_path / "c", "JPEG2000", ratio=4, keep_if_larger=True)


# ---- what cannot be transcoded ----------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(5):
        data = image(i)
        (folder / f"{i}.dcm").write_bytes(data[:-200] if i in (1, 3) else data)
    return folder, tmp_path / "out"


def test_a_failure_is_a_failure_or_a_copy_or_left_out(damaged):
    source, target = damaged
    assert dt.transcode_archive(source, target, TARGET).counts["failed"] == 2
    assert not (target / "1.dcm").exists()
    left = dt.transcode_archive(source, target, TARGET, on_failure="skip")
    assert (left.is_complete, left.counts["left_out"], left.counts["skipped"]) == (True, 2, 3)
    assert sum("left out" in warning for warning in left.warnings) == 2
    assert not (target / "1.dcm").exists()
    copied = dt.transcode_archive(source, target, TARGET, on_failure="copy")
    assert (copied.is_complete, copied.counts["copied"], copied.counts["skipped"]) == (True, 2, 3)
    assert (target / "3.dcm").read_bytes() == (source / "3.dcm").read_bytes()
    assert all(f"{name}.dcm: copied unchanged" in "\n".join(copied.warnings) for name in (1, 3))
    row = rows_of(target / NAME)["3.dcm"]
    assert (row.status, bool(row.error), row.error_type) == ("copied", True, "DecodeError")
    assert dt.transcode_archive(source, target, TARGET, on_failure="copy").counts["skipped"] == 5
    # Asked for as before, they are failures again, and the copies are ours still.
    assert dt.transcode_archive(source, target, TARGET).counts["failed"] == 2
    assert dt.transcode_archive(source, target, TARGET, on_failure="copy").is_complete
    with pytest.raises(ValueError, match="on_failure"):
        dt.transcode_archive(source, target, TARGET, on_failure="ignore")


def test_in_place_a_copy_is_the_file_as_it_is(damaged):
    source, _ = damaged
    before = tree(source)
    result = dt.transcode_archive(source, None, TARGET, in_place=True, on_failure="copy")
    assert (result.is_complete, result.counts["transcoded"], result.counts["unchanged"]) == (True, 3, 2)
    assert tree(source)["1.dcm"] == before["1.dcm"]
    left = dt.transcode_archive(source, None, "RLELossless", in_place=True, on_failure="skip")
    assert left.counts["left_out"] == 2


def test_what_cannot_be_read_or_placed_fails_all_the_same(damaged):
    source, target = damaged
    target.mkdir()
    (target / "0.dcm").write_bytes(b"somebody's")
    for on_failure in ("copy", "skip"):
        result = dt.transcode_archive(source, target, TARGET, on_failure=on_failure)
        assert [failure.type for failure in result.failures] == ["DestinationExistsError"]
    assert (target / "0.dcm").read_bytes() == b"somebody's"


# ---- told before the first file ---------------------------------------------------------------------


def test_an_option_that_the_target_does_not_take(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(TypeError, match="no option 'quality'"):
        dt.transcode_archive(tmp_path / "in", tmp_path / "out", TARGET, quality=3)
    assert not (tmp_path / "out").exists()


def test_a_destination_that_cannot_be_written(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(1))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file|directory"):
        dt.transcode_archive(tmp_path / "in", tmp_path / "file" / "out", TARGET, manifest=False)


# ---- told once --------------------------------------------------------------------------------------


def test_reasons_are_put_together():
    failures = [
        (f"/in/{i}.dcm", f"/out/{i}.dcm", f"frame {i} of /in/{i}.dcm ends at byte {i * 77}", "E") for i in range(9)
    ]
    failures.append(("/in/x.dcm", "/out/x.dcm", "something else", "E"))
    failures.append(("/in/y.dcm", "/out/y.dcm", "something else", "F"))
    reasons = group_by_reason(failures)
    assert [(reason.files, reason.type) for reason in reasons] == [(9, "E"), (1, "E"), (1, "F")]
    assert reasons[0].error == "frame 0 of ... ends at byte 0"
    assert reasons[0].paths == ["/in/0.dcm", "/in/1.dcm", "/in/2.dcm"]
    assert reasons[1].error == "something else"


def test_equal_failures_are_one_line_with_a_count(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for i in range(40):
        (tmp_path / f"in/{i:02}.dcm").write_bytes(image(i)[: -200 - 2 * i])
    (tmp_path / "in/good.dcm").write_bytes(image(1))
    command = ["transcode", str(tmp_path / "in"), str(tmp_path / "out"), "--to", TARGET]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "40 failed" in out
    assert err.count("\n") == 1
    assert re.search(r"error: 40 files \(.*00\.dcm, .*01\.dcm, .*02\.dcm and 37 more\): ", err)
    assert main([*command, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert len({one["path"] for one in document["failed"]}) == 40
    assert main(["transcode", "--report", "table", str(tmp_path / "out")]) == 0
    table = capsys.readouterr().out
    assert "40 failed, for 1 reason" in table
    assert "37 more" in table
    assert main(["transcode", "--report", "html", str(tmp_path / "out")]) == 0
    page = capsys.readouterr().out
    assert page.count("37 more") == 1
    assert main(["transcode", "--report", "csv", str(tmp_path / "out")]) == 0
    assert sum(",failed," in line for line in capsys.readouterr().out.splitlines()) == 40
    assert main([*command, "--on-failure", "copy"]) == 0
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert "warning: 40 files" in err
    assert "40 copied" in out


def test_the_options_of_the_command_line(mixed, capsys):
    source, target, _ = mixed
    command = ["transcode", "--to", TARGET, "--from", "RLELossless", "JPEGBaseline8Bit", str(source), str(target)]
    assert main(command) == 0
    assert "1 transcoded, 4 copied" in capsys.readouterr().out
    assert main([*command, "--include-lossy", "--keep-if-larger"]) == 0
    assert "2 copied" not in capsys.readouterr().err
    assert main(["transcode", str(source), str(target), "--to", TARGET, "--from", "Nonsense"]) == 2
    assert "does not know this transfer syntax" in capsys.readouterr().err
    assert main(["transcode", str(source), str(target), "--to", TARGET, "--skip-lossy", "--include-lossy"]) == 2
    capsys.readouterr()
    assert main(["transcode", str(source), str(target.with_name("c")), "--to", "HTJ2K", "--skip-lossy"]) == 0
    assert "2 transcoded, 3 copied" in capsys.readouterr().out


@pytest.mark.parametrize("keyword", ["JPEGLSNearLossless", "JPEG2000", "HTJ2K", "JPEGXL"])
def test_syntaxes_that_may_lose_do_not_unless_they_are_asked_to(tmp_path, keyword):
    """As ``dcmturbo transcode --help`` says."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.dcm").write_bytes(image(5))
    assert dt.transcode_archive(tmp_path / "in", tmp_path / "out", keyword).is_complete
    assert same_pixels(tmp_path / "in/a.dcm", tmp_path / "out/a.dcm")
    assert main(["transcode", "--help"]) == 0


def test_a_single_file_obeys_too(tmp_path, capsys):
    (tmp_path / "broken.dcm").write_bytes(image(1)[:-200])
    (tmp_path / "jpeg.dcm").write_bytes(coded("JPEGBaseline8Bit", bits=8, quality=90))
    (tmp_path / "report.dcm").write_bytes(without_pixels())
    assert main(["transcode", str(tmp_path / "broken.dcm"), str(tmp_path / "a.dcm"), "--to", TARGET]) == 1
    assert not (tmp_path / "a.dcm").exists()
    command = ["transcode", str(tmp_path / "broken.dcm"), str(tmp_path / "a.dcm"), "--to", TARGET, "--on-failure"]
    assert main([*command, "skip"]) == 0
    assert not (tmp_path / "a.dcm").exists()
    assert "left out" in capsys.readouterr().err
    assert main([*command, "copy"]) == 0
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "broken.dcm").read_bytes()
    assert "copied unchanged" in capsys.readouterr().err
    assert main(["transcode", str(tmp_path / "jpeg.dcm"), str(tmp_path / "j.dcm"), "--to", TARGET]) == 0
    assert (tmp_path / "j.dcm").read_bytes() == (tmp_path / "jpeg.dcm").read_bytes()
    assert "lossy" in capsys.readouterr().out
