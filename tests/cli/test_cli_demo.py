"""``dcmturbo demo``: its digests, its sheet, and how it compares and times."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT, DATA, MULTI, RLE, read_png

import dcmturbo as dt
from dcmturbo.bench import peers
from dcmturbo.cli import demo, demo_encode, main
from dcmturbo.pictures import sheet

# ---- demo -------------------------------------------------------------------------------------------


def test_demo_digests_are_of_pydicoms_files():
    committed = json.loads((files("dcmturbo.cli") / "demo.json").read_text())
    assert len(committed["files"]) >= 80
    for name, entry in committed["files"].items():
        assert "dcmturbo" not in entry["decoders"]
        assert entry["decoders"]
        if (DATA / name).is_file() and pydicom.__version__ == committed["versions"]["pydicom"]:
            assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == entry["file_sha256"]


@pytest.fixture(scope="module")
def quick_demo(tmp_path_factory):
    """The demo's table and document, timed once a file."""
    place = tmp_path_factory.mktemp("demo")
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_ROUNDS", 1)
        patch.setattr(sys, "stdout", out)
        code = main(["demo", "--output", str(place), "--json"])
    return code, json.loads(out.getvalue()), place


def test_demo_json(quick_demo):
    code, document, place = quick_demo
    assert code == 0, document["failed"]
    summary = document["summary"]
    assert summary["files_match"] == summary["files_checked"] >= 80
    assert summary["encodings_good"] == summary["encodings_checked"] == len(document["encodings"])
    assert {file["digest"] for file in document["files"] if file["file"] != "badVR.dcm"} == {"match"}
    assert document["contact_sheet"] == str(place / "contact-sheet.png")


def test_demo_encodes_all_that_is_encoded(quick_demo):
    """Every transfer syntax that a library or the core encodes, uncompressed ones apart."""
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    encodable = set()
    for syntax in dt.formats.syntaxes.TRANSFER_SYNTAXES:
        try:
            dt.encode_frame(image, syntax.uid)
        except dt.Error:
            continue
        encodable.add(syntax.keyword)
    shown = {trip["transfer_syntax"] for trip in quick_demo[1]["encodings"]}
    plain = {"ImplicitVRLittleEndian", "ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"}
    assert encodable - plain - shown == set()
    assert "JPEGXLJPEGRecompression" in shown


def test_demo_shows_compressed_transfer_syntaxes_first(quick_demo, capsys):
    decoded = [
        demo.Decoded(
            one["file"], one["transfer_syntax"], np.zeros(one["shape"], one["dtype"]), "", one["digest"], 1, 1.0
        )
        for one in quick_demo[1]["files"]
    ]
    rows = demo._short_rows(decoded)
    keywords = [row[0] for row in rows]
    assert len(keywords) == len(set(keywords)) < 25
    assert sum(int(row[1]) for row in rows) == len(decoded)
    compressed = [dt.formats.syntaxes.find_transfer_syntax(keyword).encapsulated for keyword in keywords]
    assert compressed == sorted(compressed, reverse=True)
    assert {True, False} == set(compressed)
    files = [row[1].split(", ")[0] for row in demo._rows(decoded)]
    compressed = [dt.formats.syntaxes.find_transfer_syntax(keyword).encapsulated for keyword in files]
    assert compressed == sorted(compressed, reverse=True)


def test_a_mismatch_shows_in_the_short_table(quick_demo):
    one = quick_demo[1]["files"][0]
    array = np.zeros(one["shape"], one["dtype"])
    decoded = [demo.Decoded(f"{k}", one["transfer_syntax"], array, "", "match", 1, 1.0) for k in range(3)]
    decoded[1].digest = "mismatch"
    assert demo._short_rows(decoded)[0][2] == "mismatch"


def test_demo_contact_sheet(quick_demo):
    picture = read_png(quick_demo[2] / "contact-sheet.png")
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (1532, 3)
    assert picture.std() > 30


def test_demo_names_a_mismatch(call, tmp_path, monkeypatch):
    """A wrong pixel is told, framed, and makes the exit code 1."""
    few = tmp_path / "pydicom/data/test_files"
    few.mkdir(parents=True)
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (few / name).write_bytes((DATA / name).read_bytes())
    genuine = demo.resources.files
    monkeypatch.setattr(demo.resources, "files", lambda name: tmp_path / name if name == "pydicom" else genuine(name))
    monkeypatch.setattr(demo, "_ROUNDS", 1)
    decode = dt.decode

    def wrong(source, frames=None, **options):
        array = decode(source, frames, **options)
        if "CT_small" in str(source):
            array[5, 5] ^= 1
        return array

    monkeypatch.setattr(dt, "decode", wrong)
    code, out, err = call("demo", "-o", tmp_path / "sheet")
    assert code == 1
    assert "1 of 2 files match the digests" in out
    assert "CT_small.dcm" in err
    assert "differs from dcmturbo" in out
    picture = read_png(tmp_path / "sheet/contact-sheet.png")
    assert (picture == sheet._BAD).all(-1).any()


def test_demo_round_trip_judges():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for options, error, good in (({}, 1, False), ({"near_lossless": 2}, 2, True), ({"near_lossless": 2}, 3, False)):
        trip = demo_encode.RoundTrip("grey", "x", options=options)
        demo_encode._judge(trip, image, image + np.uint8(error))
        assert (trip.good, trip.largest_error) == (good, error)
    trip = demo_encode.RoundTrip("grey", "x", options={"quality": 90})
    demo_encode._judge(trip, image, image[::-1])
    assert not trip.good


def test_demo_sheet_that_cannot_be_written(call, tmp_path, monkeypatch):
    (tmp_path / "pydicom/data/test_files").mkdir(parents=True)
    (tmp_path / "pydicom/data/test_files/CT_small.dcm").write_bytes(CT.read_bytes())
    genuine = demo.resources.files
    monkeypatch.setattr(demo.resources, "files", lambda name: tmp_path / name if name == "pydicom" else genuine(name))
    code, out, err = call("demo", "--output", CT)
    assert code == 1
    assert "1 of 1 files match the digests" in out
    assert "contact-sheet.png" in err


_BASE_ONLY = """
import sys
for name in ("gdcm", "pylibjpeg", "openjpeg", "libjpeg", "rle", "jpeg_ls", "tifffile", "SimpleITK", "dicomsdl",
             "pydcm", "fsspec"):
    sys.modules[name] = None
from dcmturbo.cli import demo, main
demo._ROUNDS = 1
sys.exit(main(sys.argv[1:]))
"""


def test_demo_and_bench_with_only_the_base_install(tmp_path):
    def base(*arguments):
        command = [sys.executable, "-c", _BASE_ONLY, *map(str, arguments), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    document = base("demo", "--output", tmp_path)
    assert document["summary"]["files_match"] == document["summary"]["files_checked"] >= 80
    assert {file["fastest_peer"] for file in document["files"]} == {None, "pydicom", "pydicom+pillow"}
    document = base("bench", MULTI, RLE, "--rounds", "1")
    assert {engine["name"] for engine in document["engines"] if engine["missing"]} >= {"GDCM", "SimpleITK", "dicomsdl"}
    assert [set(file["decoders"]) - {"dcmturbo, 2 threads"} for file in document["files"]] == [
        {"dcmturbo", "imagecodecs", "pydicom+pillow"},
        {"dcmturbo", "imagecodecs", "pydicom"},
    ]


# ---- comparing and timing --------------------------------------------------------------------------


def test_compare():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert peers.compare(image, image.copy(), lossless=True) == ""
    assert peers.compare(image, image + np.uint8(1), lossless=False) == ""
    assert peers.compare(image, image + np.uint8(1), lossless=True) == "12 of 12 samples differ, by up to 1"
    assert "by up to 2" in peers.compare(image, image + np.uint8(2), lossless=False)
    assert "shape" in peers.compare(image, image[:2], lossless=False)
    assert "dtype" in peers.compare(image, image.astype(np.uint16), lossless=False)
    assert peers.compare(image.astype("<u2"), image.astype(">u2"), lossless=True) == ""
    largest = np.full((2, 2), 2**64 - 1, np.uint64)
    assert "differ" in peers.compare(largest, np.zeros_like(largest), lossless=False)


def test_time_in_turn():
    calls = []

    def function(name):
        def call():
            calls.append(name)
            return np.zeros(3)

        return call

    medians, rounds = peers.time_in_turn({"a": function("a"), "b": function("b")}, rounds=3)
    assert rounds == 3
    assert medians.keys() == {"a", "b"}
    assert "".join(calls) == "abbaab"
    calls.clear()
    assert peers.time_in_turn({"a": function("a")}, rounds=100, seconds=0.0)[1] == 3


# ---- generated --------------------------------------------------------------------------------------


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("gdcm", "openjpeg", "PIL", "jpeg_ls", "rle")),
    reason="not all decoders of the digests are installed",
)
def test_demo_digests_are_current():
    script = Path(__file__).parents[2] / "scripts/make_demo_digests.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
