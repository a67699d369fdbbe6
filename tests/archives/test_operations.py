"""Operations: what is done with each file of an archive is not the archive's business."""

import json
import pickle

import pytest
from helpers.archives import image

import dcmturbo as dt
from dcmturbo.archives.coordinator import Coordinator
from dcmturbo.archives.manifest import Manifest, Row
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.outcome import FIGURES, Outcome
from dcmturbo.archives.transcoding import Transcoding
from dcmturbo.archives.verification import Verification
from dcmturbo.archives.walk import Filters
from dcmturbo.archives.workers import make_workers
from dcmturbo.transcoding.result import TranscodeResult

RLE = "1.2.840.10008.1.2.5"


@pytest.fixture
def folders(tmp_path):
    """Return a source, and what it has become."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.dcm").write_bytes(image(number))
    dt.transcode_archive(source, target, RLE)
    return source, target


def verify(source, target, manifest):
    with make_workers(None, 1, 1) as workers, Manifest(str(manifest)) as opened:
        return Coordinator(
            [str(source)],
            str(target),
            Settings(Verification()),
            Filters(),
            opened,
            workers,
            None,
            resume=True,
            fail_fast=False,
        ).run()


def test_an_archive_is_verified_by_the_same_coordinator_and_resumes(folders, tmp_path):
    source, target = folders
    before = {path: path.read_bytes() for path in target.iterdir()}
    first = verify(source, target, tmp_path / "verified.sqlite")
    assert (first.counts["verified"], first.counts["failed"]) == (3, 0)
    with Manifest(str(tmp_path / "verified.sqlite"), write=False) as opened:
        assert {row.status for row in opened.rows()} == {"verified"}
        assert {json.loads(row.options)["operation"] for row in opened.rows()} == {"verify"}
    again = verify(source, target, tmp_path / "verified.sqlite")
    assert (again.counts.get("verified", 0), again.counts["skipped"]) == (0, 3)
    assert {path: path.read_bytes() for path in target.iterdir()} == before


def test_what_differs_fails_and_is_done_again(folders, tmp_path):
    source, target = folders
    (target / "1.dcm").write_bytes((target / "0.dcm").read_bytes())
    found = verify(source, target, tmp_path / "verified.sqlite")
    assert (found.counts["verified"], found.counts["failed"]) == (2, 1)
    assert found.failures[0].path == str(source / "1.dcm")
    dt.transcode(source / "1.dcm", target / "1.dcm", RLE, overwrite=True)
    found = verify(source, target, tmp_path / "verified.sqlite")
    assert (found.counts["verified"], found.counts["skipped"], found.counts["failed"]) == (1, 2, 0)


def test_operations_travel_to_other_processes():
    for operation in (Transcoding(RLE, options={"quality": 90}), Verification()):
        again = pickle.loads(pickle.dumps(Settings(operation))).operation
        assert (again.noted, again.target, again.done) == (operation.noted, operation.target, operation.done)


def test_what_is_noted_of_transcoding_is_as_in_earlier_manifests():
    assert Transcoding(RLE).noted == '{"mask_unused_bits": false, "new_uid": false, "offset_table": "auto"}'


def test_figures_have_the_same_names_and_order_from_the_core_to_the_report():
    for fields in (tuple(TranscodeResult.__dataclass_fields__), Outcome._fields, Row._fields):
        assert tuple(name for name in fields if name in FIGURES) == FIGURES
