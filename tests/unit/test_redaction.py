"""Users, passwords and signatures of URLs are told and kept nowhere."""

import os

import pytest
from helpers.archives import TARGET, image

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME, Manifest
from dcmturbo.cli import main
from dcmturbo.redaction import without_secrets

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"ftp://me:{SECRET}@host/a.dcm", "ftp://***@host/a.dcm"),
        (f"cannot read 'https://{SECRET}@host:8/a@b.dcm'", "cannot read 'https://***@host:8/a@b.dcm'"),
        (f"zip://a@b.dcm::https://me:{SECRET}@host/a.zip", "zip://a@b.dcm::https://***@host/a.zip"),
        (f"https://host/a?size=1&X-Amz-Signature={SECRET}&b=2", "https://host/a?size=1&X-Amz-Signature=***&b=2"),
        (f"two: sftp://me:{SECRET}@one/x and smb://me:{SECRET}@two/y", "two: sftp://***@one/x and smb://***@two/y"),
    ],
)
def test_secrets_are_left_out(text, wanted):
    assert without_secrets(text) == wanted
    assert without_secrets(wanted) == wanted


@pytest.mark.parametrize(
    "text",
    ["/folder/me:pw@host", "s3://bucket/a@b:c.dcm", "zip://x:y@z.dcm::/a.zip", "memory://a@b", "sftp://me@host/x",
     "abfs://container@account.dfs.core.windows.net/x", "https://host/wado?objectUID=1.2.3", ""],
)  # fmt: skip
def test_what_is_no_secret_stays(text):
    assert without_secrets(text) == text


@pytest.fixture
def server():
    """A file system whose URLs have a user and a password."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra cloud)")
    from fsspec.implementations.memory import MemoryFileSystem

    class Guarded(MemoryFileSystem):
        protocol = ("guarded",)
        store = {}  # noqa: RUF012
        pseudo_dirs = [""]  # noqa: RUF012

        @classmethod
        def _strip_protocol(cls, path):
            path = path.removeprefix("guarded://").rpartition("@")[2]
            return "/" + path.strip("/") if path.strip("/") else ""

    fsspec.register_implementation("guarded", Guarded, clobber=True)
    system = fsspec.filesystem("guarded")
    system.pipe("/host/in/1.dcm", image(1))
    system.pipe("/host/in/bad.dcm", image(2)[:-100])
    system.pipe("/host/in/n.txt", b"nothing")
    return f"guarded://me:{SECRET}@host/in", f"guarded://me:{SECRET}@host/out"


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("dcmturbo.archives.archive.is_shared", lambda paths: False)
    return tmp_path


def files_below(folder):
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_an_archive_on_a_server(server, state):
    source, _ = server
    target = state / "out"
    result = dt.transcode_archive(source, target, TARGET)
    assert (result.counts["transcoded"], result.counts["copied"], result.counts["failed"]) == (1, 1, 1)
    assert SECRET not in repr(result)
    assert not any(SECRET.encode() in content for content in files_below(state))
    with Manifest(str(target / NAME), write=False) as manifest:
        assert {row.path for row in manifest.rows()} == {
            f"guarded://***@host/in/{name}" for name in ("1.dcm", "bad.dcm", "n.txt")
        }
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == 2
    other = source.replace(SECRET, "another%20one")
    assert dt.transcode_archive(other, target, TARGET).counts["skipped"] == 2


def test_a_server_as_the_destination(server, state):
    source, target = server
    result = dt.transcode_archive(source, target, TARGET)
    assert result.counts["transcoded"] == 1
    assert SECRET not in repr(result)
    assert not any(SECRET.encode() in content for content in files_below(state / "state"))
    assert dt.transcode_archive(source, target, TARGET).counts["skipped"] == 2
    with pytest.raises(ValueError, match="contains the other") as error:
        dt.transcode_archive(source, f"{source}/below", TARGET)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("options", [[], ["--json"], ["--dry-run"], ["--dry-run", "--json"]])
def test_the_command_line(server, state, capfd, options):
    source, target = server
    assert main(["transcode", source, str(state / "out"), "--to", TARGET, *options]) == 1
    assert main(["transcode", source, f"{source}/below", "--to", TARGET, *options]) == 2
    assert main(["transcode", f"{source}/missing", target, "--to", TARGET, *options]) == 1
    assert main(["info", f"{source}/bad.dcm", f"{source}/missing"]) == 1
    for form in ("table", "json", "csv", "html"):
        if os.path.exists(state / "out" / NAME):
            assert main(["transcode", "--report", form, str(state / "out")]) == 0
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err
    assert "host/in" in said.out + said.err
