"""The manifest: an SQLite file that one process writes, and reports on it."""

import csv
import io
import json
import math
import os
import re
import sqlite3
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from dcmturbo.archives.manifest import NAME, Manifest, ManifestError, Row, default_manifest
from dcmturbo.archives.report import summarise, write_csv, write_json
from dcmturbo.archives.report_page import render

RLE, HTJ2K = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.201"


def row(i=0, **more):
    values = {
        "destination": f"/out/{i}.dcm", "path": f"/in/{i}.dcm", "size": 1000 + i, "mtime": 10**18 + i,
        "source_syntax": RLE, "target": HTJ2K, "options": "{}", "status": "transcoded", "frames": 2,
        "bytes_before": 1000 + i, "bytes_after": 400, "pixel_bytes": 4000, "digest": "d" * 64, "verified": True,
        "seconds": 0.01 * (i + 1),
    }  # fmt: skip
    return Row(**{**values, **more})


def begun(manifest):
    manifest.begin(target=HTJ2K, options='{"level": 3}', version="0.1.0", jobs=1, threads=2, executor="threads")
    return manifest


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "m.sqlite")


def test_rows_come_back_as_they_went_in(path):
    rows = [row(0), row(1, status="failed", error="no", error_type="DecodeError", digest=None, source_syntax=None)]
    rows.append(row(2, lossy=True, maximum_error=3.0, mean_error=0.5, psnr=math.inf, warnings="one\ntwo"))
    with Manifest(path) as manifest:
        begun(manifest)
        manifest.write(rows)
        assert list(manifest.rows()) == [one._replace(run=1) for one in rows]
    with Manifest(path, write=False) as manifest:
        assert list(manifest.rows()) == [one._replace(run=1) for one in rows]
        assert list(manifest.rows("status = 'failed'")) == [rows[1]._replace(run=1)]


def test_names_that_are_no_text_come_back(path):
    name = os.fsdecode(b"/in/\xff\xfe.dcm")
    with Manifest(path) as manifest:
        begun(manifest)
        manifest.write([row(0, path=name, destination=name)])
        assert manifest.find(name).path == name
        assert next(iter(manifest.rows())).path == name


def test_a_row_replaces_the_one_before(path):
    with Manifest(path) as manifest:
        begun(manifest)
        manifest.write([row(0, status="failed")])
        manifest.write([row(0)])
        assert [one.status for one in manifest.rows()] == ["transcoded"]


def test_it_can_be_read_while_it_is_written(path):
    with Manifest(path) as manifest:
        begun(manifest)
        manifest.write([row(0)])
        code = (
            "import sys; from dcmturbo.archives.manifest import Manifest\n"
            "print(len(list(Manifest(sys.argv[1], write=False).rows())))"
        )
        run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "1"
        manifest.write([row(1)])
    assert os.listdir(os.path.dirname(path)) == ["m.sqlite"]


def test_what_a_killed_process_wrote_is_there(path):
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); import test_manifest as t; from dcmturbo.archives import "
        "manifest\n"
        "m = t.begun(manifest.Manifest(sys.argv[1])); m.write([t.row(0)]); m.write([t.row(1)]); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, path, os.path.dirname(__file__)], check=False, env=environment)
    with Manifest(path, write=False) as manifest:
        assert len(list(manifest.rows())) == 2
    with Manifest(path) as manifest:  # its lock died with it
        assert not manifest.begin(target="", options="{}", version="", jobs=1, threads=1, executor="")
        manifest.end(seconds=1.0, skipped=0, stopped=None)
        assert manifest.begin(target="", options="{}", version="", jobs=1, threads=1, executor="")


def test_one_process_writes(path):
    with Manifest(path):
        with pytest.raises(ManifestError, match=f"another run is using .*process {os.getpid()} on"):
            Manifest(path)
        Manifest(path, write=False).close()
    Manifest(path).close()


def test_other_files_are_refused(tmp_path):
    text = tmp_path / "text"
    text.write_text("this is no database, and long enough that SQLite sees it" * 20)
    with pytest.raises(ManifestError, match="not a manifest"):
        Manifest(str(text))
    with pytest.raises(ManifestError, match="not a manifest"):
        Manifest(str(text), write=False)
    assert text.read_text().startswith("this is no database")
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE file (x)")
    connection.commit()
    connection.close()
    with pytest.raises(ManifestError, match="not a manifest"):
        Manifest(str(other))
    with pytest.raises(FileNotFoundError):
        Manifest(str(tmp_path / "missing"), write=False)
    newer = tmp_path / "newer.sqlite"
    Manifest(str(newer)).close()
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ManifestError, match="version 99"):
        Manifest(str(newer))


def test_a_damaged_manifest_is_named_wherever_the_damage_is(path):
    with Manifest(path) as manifest:
        begun(manifest).write([row(i) for i in range(2000)])
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with Manifest(path) as manifest:
        uses = (
            lambda: begun(manifest),
            lambda: manifest.find(row(7).destination),
            lambda: list(manifest.rows()),
            manifest.runs,
            lambda: manifest.query("SELECT count(*) FROM file WHERE status = 'failed'"),
        )
        for use in uses:
            with pytest.raises(ManifestError, match=f"{path} is damaged"):
                use()


def test_where_it_is_by_default(tmp_path, monkeypatch):
    assert default_manifest("/out") == f"/out/{NAME}"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    remote = default_manifest("s3://bucket/prefix")
    assert remote.startswith(str(tmp_path / "dcmturbo"))
    assert remote == default_manifest("s3://bucket/prefix/")
    assert remote != default_manifest("s3://bucket/other")


# ---- reports ----------------------------------------------------------------------------------------


@pytest.fixture
def filled(path):
    rows = [row(i, source_syntax=RLE if i % 2 else None, status="transcoded" if i % 2 else "copied") for i in range(20)]
    rows += [row(100 + i, status="failed", error=f"<b>no {i}</b> & 'x'", error_type="DecodeError") for i in range(3)]
    rows.append(row(200, path=os.fsdecode(b"/in/\xff<script>alert(1)</script>"), warnings="mind <this>", psnr=math.inf))
    manifest = begun(Manifest(path))
    manifest.write(rows)
    manifest.end(seconds=2.0, skipped=1, stopped=None)
    yield manifest
    manifest.close()


def test_totals(filled):
    summary = summarise(filled)
    assert summary.counts == {"transcoded": 11, "copied": 10, "unchanged": 0, "failed": 3}
    assert summary.bytes_after == 21 * 400
    assert {(group.source_syntax, group.files) for group in summary.groups} == {(RLE, 11), (None, 10)}
    assert [(reason.type, reason.files) for reason in summary.reasons] == [("DecodeError", 3)]
    assert sum(summary.ratios.counts) == sum(summary.speeds.counts) == 11
    edges = summary.ratios.edges
    place = next(i for i in range(len(edges) - 1) if edges[i] <= 1001 / 400 < edges[i + 1])
    assert summary.ratios.counts[place] > 0


def test_csv_and_json_have_every_file(filled):
    stream = io.StringIO()
    write_csv(filled, stream)
    lines = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert len(lines) == 24
    assert lines[0].keys() == set(Row._fields)
    stream = io.StringIO()
    write_json(filled, stream)
    document = json.loads(stream.getvalue())
    assert len(document["files"]) == 24
    assert document["files_by_status"]["failed"] == 3
    assert document["runs"][0]["options"] == {"level": 3}
    assert "Infinity" not in stream.getvalue()


def page(manifest):
    return render(summarise(manifest), manifest.rows("warnings IS NOT NULL"))


class _Tags(HTMLParser):
    VOID = ("meta", "rect", "path", "br")

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes = [], set(), []

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_by_itself(filled):
    text = page(filled)
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert {"svg", "table", "style"} <= tags.seen
    assert not {"script", "link", "img", "iframe", "object"} & tags.seen
    assert not re.search(r"https?://|url\(|@import|src=|href=", text)
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;no 0&lt;/b&gt;" in text
    assert "prefers-color-scheme: dark" in text


def test_the_page_is_the_same_bytes_each_time(filled, path):
    first = page(filled)
    filled.close()
    with Manifest(path, write=False) as manifest:
        assert page(manifest) == first
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import test_manifest as t\n"
        "sys.stdout.write(t.page(t.Manifest(sys.argv[1], write=False)))"
    )
    environment = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code, path, os.path.dirname(__file__)], capture_output=True, check=True, env=environment
    )
    assert run.stdout.decode() == first
    begun(Manifest(path)).close()  # for the fixture's end


def test_the_page_of_an_empty_manifest(path):
    with Manifest(path) as manifest:
        begun(manifest)
        tags = _Tags()
        tags.feed(page(manifest))
        assert tags.open == []


def test_a_run_that_cannot_be_ended_says_so(tmp_path):
    manifest = Manifest(str(tmp_path / "m.sqlite"))
    manifest.begin(target="RLELossless", options="", version="1", jobs=1, threads=1, executor="threads")
    manifest._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(OSError, match="cannot write the manifest"):
        manifest.end(seconds=1.0, skipped=0, stopped="x" * 100)
    manifest.close()
