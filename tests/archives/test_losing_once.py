"""Loss happens once: whichever ways lead to a file, and however often a run in place is begun."""

import os
import sqlite3

import pytest
from helpers.archives import image, rows_of, tree

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME, InHand, Manifest
from dcmturbo.archives.ownership import identity_of
from dcmturbo.cli import main

LOSSY = {
    "JPEG2000": {"ratio": 8},
    "HTJ2K": {"ratio": 8},
    "JPEGLSNearLossless": {"near_lossless": 3},
    "JPEGXL": {"distance": 1.0},
    "JPEGExtended12Bit": {"quality": 80},
}


@pytest.fixture
def folder(tmp_path):
    below = tmp_path / "m" / "2019"
    below.mkdir(parents=True)
    for i in range(3):
        (below / f"{i}.dcm").write_bytes(image(i, rows=64, columns=64))
    (tmp_path / "m/top.dcm").write_bytes(image(9, rows=64, columns=64))
    return tmp_path / "m"


def cells(files):
    return {name: dt.decode(data, raw=True).tobytes() for name, data in files.items()}


def once(folder, target, options):
    """What each file holds after it was compressed once."""
    other = folder.with_name("once")
    assert dt.transcode_archive(folder, other, target, manifest=False, **options).is_complete
    return cells(tree(other))


@pytest.mark.parametrize("twice", ["m m/2019", "m m", "m/2019 m", "m/2019/0.dcm m", "link m", "m/*.dcm m"])
@pytest.mark.parametrize("again", [None, True])
def test_in_place_overlapping_sources_lose_once(folder, twice, again, in_this_process):
    wanted = once(folder, "JPEG2000", {"ratio": 8})
    (folder.parent / "link").symlink_to(folder)
    sources = [folder.parent / name for name in twice.split()]
    result = dt.transcode_archive(
        sources, None, "JPEG2000", in_place=True, manifest=False, include_lossy=again, jobs=1, ratio=8
    )
    assert (result.is_complete, result.counts["transcoded"], result.counts["unchanged"]) == (True, 4, 0)
    assert cells(tree(folder)) == wanted
    assert any("found more than once" in warning for warning in result.warnings)


@pytest.mark.parametrize("jobs", [1, None])
def test_in_place_each_name_of_a_file_is_replaced_once(folder, jobs):
    for i in range(8):
        os.link(folder / f"2019/{i % 3}.dcm", folder / f"link{i}.dcm")
    wanted = once(folder, "JPEG2000", {"ratio": 8})
    result = dt.transcode_archive(folder, None, "JPEG2000", in_place=True, jobs=jobs, ratio=8)
    assert (result.failures, result.counts["transcoded"]) == ((), 12)
    assert cells(tree(folder)) == wanted


def test_in_place_what_a_killed_run_has_replaced_is_not_compressed_again(folder):
    """Even if lossy files are wanted: the note that a file was begun says whether it is the one that was begun with."""
    lossy = {"in_place": True, "include_lossy": True, "ratio": 8}
    assert dt.transcode_archive(folder, None, "JPEG2000", **lossy).counts["transcoded"] == 4
    first = tree(folder)
    with Manifest(str(folder / NAME)) as manifest:
        manifest.query("DELETE FROM file")
        begun = [InHand(str(folder / "2019/0.dcm"), None, "1:2:3:4")]
        standing = identity_of(str(folder / "2019/1.dcm"))
        manifest.hand_out([*begun, InHand(str(folder / "2019/1.dcm"), None, standing)])
    result = dt.transcode_archive(folder, None, "JPEG2000", **lossy)
    assert (result.counts["unchanged"], result.counts["transcoded"]) == (1, 3)
    second = tree(folder)
    assert [name for name in first if first[name] == second[name]] == ["2019/0.dcm"]
    assert "killed" in rows_of(folder / NAME)["0.dcm"].error
    with Manifest(str(folder / NAME), write=False) as manifest:
        assert manifest.query("SELECT count(*) FROM hand") == [(0,)]


def test_a_manifest_whose_notes_have_no_original(folder):
    assert dt.transcode_archive(folder, None, "JPEG2000", in_place=True, ratio=8).is_complete
    connection = sqlite3.connect(folder / NAME)
    connection.executescript("ALTER TABLE hand DROP COLUMN original;")
    connection.close()
    options = {"in_place": True, "include_lossy": True, "ratio": 9}
    assert dt.transcode_archive(folder, None, "JPEG2000", **options).counts["transcoded"] == 4


@pytest.mark.parametrize("target", LOSSY)
@pytest.mark.parametrize("lost", ["manifest", "no resume", "touch"])
def test_in_place_a_run_that_knows_nothing_of_the_last_one_loses_nothing(folder, target, lost):
    wanted = once(folder, target, LOSSY[target])
    first = dt.transcode_archive(folder, None, target, in_place=True, **LOSSY[target])
    assert first.counts["transcoded"] == 4
    after = tree(folder)
    if lost == "manifest":
        (folder / NAME).unlink()
    elif lost == "touch":
        for name in after:
            os.utime(folder / name, (1, 1))
    again = dt.transcode_archive(folder, None, target, in_place=True, resume=lost != "no resume", **LOSSY[target])
    assert (again.counts["unchanged"], again.counts["transcoded"]) == (4, 0)
    assert tree(folder) == after
    assert cells(after) == wanted


def test_what_has_lost_something_in_the_target_syntax_is_copied_unless_asked_for(folder, capsys):
    once(folder, "JPEG2000", {"ratio": 8})
    source = folder.with_name("once")
    target = folder.with_name("out")
    result = dt.transcode_archive(source, target / "a", "JPEG2000", ratio=20)
    assert (result.counts["copied"], result.counts["transcoded"]) == (4, 0)
    assert tree(target / "a") == tree(source)
    skipped = dt.transcode_archive(source, target / "b", "JPEG2000", ratio=20, include_lossy=False)
    assert skipped.counts["copied"] == 4
    again = dt.transcode_archive(source, target / "c", "JPEG2000", ratio=20, include_lossy=True)
    assert again.counts["transcoded"] == 4
    # In another lossy syntax, they are encoded unless they are not wanted.
    assert dt.transcode_archive(source, target / "d", "HTJ2K", ratio=20).counts["transcoded"] == 4
    command = ["transcode", str(source), str(target / "e"), "--to", "JPEG2000", "--lossy-ratio", "20", "--skip-lossy"]
    assert main(command) == 0
    assert "4 copied" in capsys.readouterr().out


def test_what_has_lost_nothing_in_the_target_syntax_is_encoded(folder):
    assert dt.transcode_archive(folder, folder.with_name("reversible"), "JPEG2000").is_complete
    result = dt.transcode_archive(folder.with_name("reversible"), folder.with_name("lossy"), "JPEG2000", ratio=8)
    assert result.counts["transcoded"] == 4
