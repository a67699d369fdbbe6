"""What ``dcmturbo transcode`` tells of its files: why they were copied, and how much they have lost."""

import json

import pytest
from helpers.archives import make_archive
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth

import dcmturbo as dt
from dcmturbo.cli.transcode import _about
from dcmturbo.formats.syntaxes import find_transfer_syntax

CELLS = smooth((64, 48), "u1", bits=8, seed=3)


def coded(keyword, **options):
    """An object of one grey frame."""
    frame = dt.encode_frame(CELLS, keyword, bits_stored=8, **options)
    module = {"rows": 64, "columns": 48, "bits_allocated": 8, "bits_stored": 8}
    return encapsulated_file([frame], find_transfer_syntax(keyword).uid, **module)


def test_what_was_copied_is_told_with_its_reasons(tmp_path, call):
    source, target = tmp_path / "in", tmp_path / "out"
    make_archive(source)
    (source / "lossy.dcm").write_bytes(coded("JPEGBaseline8Bit", quality=90))
    (source / "done.dcm").write_bytes(coded("HTJ2KLossless"))
    (source / "broken.dcm").write_bytes(coded("JPEGLSLossless")[:-200])
    (source / "old.zip").write_bytes(b"PK\3\4")
    code, out, err = call("transcode", source, target, "--to", "HTJ2KLossless", "--on-failure", "copy")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("copied unchanged: ")]
    for part in (
        "1 compressed with loss already",
        "1 in HTJ2KLossless already",
        "1 that could not be transcoded",
        "2 not DICOM",
        "1 without pixel data",
    ):
        assert part in line
    assert "old.zip: copied unchanged: images in packed files are not converted; unpack it if it has any" in err
    code, out, _ = call("transcode", source, target, "--to", "HTJ2KLossless", "--on-failure", "copy", "--json")
    assert json.loads(out)["kept"] == {}  # of this run, which had nothing to do
    code, out, _ = call("transcode", source, "--in-place", "--to", "HTJ2KLossless", "--from", "JPEGLSLossless")
    assert "left unchanged: 8 in other transfer syntaxes" in out


def test_a_lossy_run_says_how_much_was_lost(tmp_path, call):
    source = tmp_path / "in"
    make_archive(source)
    code, out, _ = call("transcode", source, tmp_path / "a", "--to", "JPEGLSNearLossless", "--lossy-maximum-error", 2)
    assert code == 0
    assert "compressed with loss: 6 files; largest error of a sample: 2; lowest PSNR: " in out
    assert "nothing was lost" not in out
    code, out, _ = call("transcode", source, tmp_path / "b", "--to", "JPEG2000", "--lossy-ratio", 8, "--json")
    document = json.loads(out)
    assert document["lossy"] == 6
    assert document["maximum_error"] > 0
    assert document["lowest_psnr"] > 20


@pytest.mark.parametrize(("target", "twin"), [("HTJ2K", "HTJ2KLossless"), ("JPEGLSNearLossless", "JPEGLSLossless")])
def test_a_target_that_may_be_lossy_is_told_to_be_lossless(tmp_path, call, target, twin):
    source = tmp_path / "in"
    make_archive(source)
    told = f"lost, because no option asks for it; {twin} stores the same"
    assert f"nothing would be {told}" in call("transcode", source, "--to", target, "--dry-run")[1]
    assert f"nothing was {told}" in call("transcode", source, tmp_path / "out", "--to", target)[1]
    assert "nothing was" not in call("transcode", source, tmp_path / "other", "--to", twin)[1]


def test_a_dry_run_says_what_can_be_done_about_files_that_fail(tmp_path, call):
    source = tmp_path / "in"
    make_archive(source)
    (source / "broken.dcm").write_bytes(coded("JPEGLSLossless")[:-200])
    hint = "files that fail get no output: --on-failure copy copies them"
    assert hint in call("transcode", source, "--to", "HTJ2KLossless", "--dry-run")[1]
    assert hint not in call("transcode", source, "--to", "HTJ2KLossless", "--dry-run", "--on-failure", "skip")[1]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0057, "about a second or less"), (2.56, "about 2.6 s"), (59.9, "about 1 min 0 s"), (754, "about 12 min 30 s")],
)
def test_an_estimated_time_is_no_more_exact_than_it_can_be(seconds, told):
    assert _about(seconds) == told
