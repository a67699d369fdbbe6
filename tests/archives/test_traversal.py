"""Names that lead out of the destination, or to no file in it, are refused by name; no object is passed over."""

import io
import os
import tarfile
import zipfile

import pytest
from helpers.archives import TARGET, image, is_transcoded, tree

import dcmturbo as dt
from dcmturbo.archives.walk import Filters, find_files

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra cloud)")

CLIMBING = [
    "../esc.txt", "../../esc.txt", "x/../../esc.txt", "x/../../../../esc.txt", "./esc.txt", "a/./esc.txt", "a/..",
    "..\\..\\esc.txt", "x\\..\\..\\esc.txt", "C:/esc.txt", "C:\\esc.txt", "\\esc.txt", "n\0ul.txt",
]  # fmt: skip


def memory(objects):
    from fsspec.implementations.memory import MemoryFile

    system = fsspec.filesystem("memory")
    system.store.clear()
    for name, content in objects.items():  # as a server might list them: not by a call that would tidy up the name
        file = MemoryFile(system, name, content)
        system.store[name] = file
        file.commit()
    return system


@pytest.fixture
def deep(tmp_path):
    """A destination with room around it, where nothing may come."""
    folder = tmp_path / "around/a/b/c/out"
    folder.parent.mkdir(parents=True)
    yield folder
    outside = [path for path in (tmp_path / "around").rglob("*") if path.is_file() and folder not in path.parents]
    assert not outside


def check(source, deep, bad):
    result = dt.transcode_archive(source, deep, TARGET, manifest=False)
    assert result.counts["failed"] == len(bad) == len(result.failures)
    for name in bad:
        assert any(name in failure.path for failure in result.failures), name
    assert all("no place below the destination" in failure.error for failure in result.failures)
    return result


def test_keys_of_an_object_store_that_climb(deep):
    memory({f"/bucket/p/{name}": b"out" for name in CLIMBING} | {"/bucket/p/good.dcm": image(1)})
    check("memory://bucket/p", deep, CLIMBING)
    assert set(tree(deep)) == {"good.dcm"}


def test_a_pattern_of_keys_that_climb(deep):
    memory({"/bucket/p/../esc.txt": b"out", "/bucket/p/good.txt": b"in"})
    dt.transcode_archive("memory://bucket/p/**", deep, TARGET, manifest=False)
    assert set(tree(deep)) == {"good.txt"}


def test_members_of_a_zip_archive_that_climb(deep, tmp_path):
    names = [name for name in CLIMBING if "\0" not in name] + ["/abs.txt"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in names:
            file.writestr(name, b"out")
        file.writestr("good.dcm", image(1))
        file.writestr("folder/good.txt", b"in")
    check(f"zip://::{tmp_path}/a.zip", deep, names)
    assert set(tree(deep)) == {"good.dcm", "folder/good.txt"}
    assert is_transcoded(deep / "good.dcm", image(1))


def test_members_of_a_tar_archive_that_climb(deep, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name, content in [("../../esc.txt", b"out"), ("x/../../esc.txt", b"out"), ("good.dcm", image(1))]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        file.addfile(link)
    result = check(f"tar://::{tmp_path}/a.tar", deep, ["../../esc.txt", "x/../../esc.txt"])
    assert set(tree(deep)) == {"good.dcm"}
    assert any("link inside an archive" in warning for warning in result.warnings)


def test_part_of_an_archive_and_several(deep, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("s/1.dcm", image(1))
        file.writestr("s/t/2.dcm", image(2))
        file.writestr("other/3.dcm", image(3))
    inside = f"zip://s::{tmp_path}/a.zip"
    assert dt.transcode_archive(inside, deep, TARGET, manifest=False).counts["transcoded"] == 2
    assert set(tree(deep)) == {"1.dcm", "t/2.dcm"}
    memory({"/bucket/p/4.dcm": image(4)})
    dt.transcode_archive([inside, "memory://bucket/p"], deep / "both", TARGET, manifest=False)
    assert set(tree(deep / "both")) == {"s/1.dcm", "s/t/2.dcm", "p/4.dcm"}


def test_no_key_is_passed_over(deep, monkeypatch):
    """A key with an empty part, one that is the folder of others, folder markers with and without content."""
    open_object = lambda system, path, mode="rb", **_: io.BytesIO(system.store[path].getvalue())  # noqa: E731
    # An object store opens a key below another one; this file system in memory refuses to.
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "_open", open_object)
    memory(
        {
            "/bucket/p/a": b"an object",
            "/bucket/p/a/b.txt": b"below it",
            "/bucket/p/c//d.txt": b"empty part",
            "/bucket/p//e.txt": b"begins with one",
            "/bucket/p/folder/": b"",
            "/bucket/p/strange/": b"content",
            "/bucket/p/good.txt": b"in",
        }
    )
    result = dt.transcode_archive("memory://bucket/p", deep, TARGET, manifest=False)
    told = {failure.path.removeprefix("memory://bucket/p/") for failure in result.failures}
    assert told - {"a", "a/b.txt"} == {"c//d.txt", "/e.txt", "strange/"}
    assert len(told & {"a", "a/b.txt"}) == 1  # one name, for a file and for a folder
    of_folder = [failure.error for failure in result.failures if failure.path.endswith("/p/a")]
    assert all(error.endswith("exists and was not replaced, because it is a folder") for error in of_folder)
    assert tree(deep) in ({"a": b"an object", "good.txt": b"in"}, {"a/b.txt": b"below it", "good.txt": b"in"})
    one = dt.transcode_archive("memory://bucket/p/a", deep / "one", TARGET, manifest=False)
    assert one.counts["copied"] == 1
    assert tree(deep / "one") == {"a": b"an object"}
    assert "the folder of other objects, which are left out" in one.failures[0].error


@pytest.mark.filterwarnings("ignore:.*VR CS:UserWarning")
@pytest.mark.parametrize("name", ["..\\ESC", "A\\..\\..\\ESC", "/ESC", "A/../../ESC", "\\ESC", "NUL\0L"])
def test_a_file_set_that_refers_to_files_outside(deep, tmp_path, name):
    from pydicom.dataset import Dataset, FileMetaDataset

    discs = tmp_path / "around/disc"
    discs.mkdir()
    record = Dataset()
    record.DirectoryRecordType = "IMAGE"
    record.ReferencedFileID = name.split("\\")
    whole = Dataset()
    whole.DirectoryRecordSequence = [record]
    whole.file_meta = FileMetaDataset()
    whole.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    whole.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    whole.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    whole.save_as(discs / "DICOMDIR", enforce_file_format=True)
    (tmp_path / "around/ESC").write_bytes(b"not of the set")
    told = []
    found = list(find_files([str(discs / "DICOMDIR")], Filters(), lambda *what: told.append(what)))
    os.unlink(tmp_path / "around/ESC")
    assert [file.relative for file in found] == ["DICOMDIR"]
    assert [kind for kind, _, _ in told] == ["failed"]
    (discs / "DICOMDIR").unlink()


def test_what_a_source_raises_is_not_reported_of_its_destination(deep):
    """The file system in memory opens no key below another one, and raises FileExistsError."""
    memory({"/bucket/p/a": b"an object", "/bucket/p/a/b.txt": b"below it"})
    result = dt.transcode_archive("memory://bucket/p/a/b.txt", deep, TARGET, manifest=False)
    (failure,) = result.failures
    assert "destination" not in failure.error
    assert failure.type == "FileExistsError"
