"""fsspec prefixes: memory, and an S3-speaking server on loopback (moto)."""

import re
import uuid

import pytest
from helpers.archives import TARGET_UID, image, make_archive, same_pixels, tree
from helpers.stores import s3_server

import dcmturbo as dt
from dcmturbo.cli import main

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra cloud)")


def put(system, root, folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            system.pipe_file(f"{root}/{path.relative_to(folder)}", path.read_bytes())


def listed(system, root):
    """All objects below a prefix, by name."""
    root = root.strip("/")
    return {name.strip("/").removeprefix(root).strip("/"): system.cat_file(name) for name in system.find(root)}


@pytest.fixture(scope="module", params=["memory", "s3"])
def store(request):
    """A file system and the URL of a bucket in it."""
    if request.param == "memory":
        yield fsspec.filesystem("memory"), "memory://archive"
        return
    pytest.importorskip("s3fs", reason="s3fs is not installed (extra cloud)")
    pytest.importorskip("moto", reason="moto[server] is not installed")
    with s3_server():
        system = fsspec.filesystem("s3")
        system.mkdir("bucket")
        yield system, "s3://bucket"


pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture
def places(store, tmp_path, monkeypatch):
    system, root = store
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    name = uuid.uuid4().hex
    content = make_archive(tmp_path / "local")
    put(system, f"{root}/{name}/in".partition("://")[2], tmp_path / "local")
    return system, f"{root}/{name}/in", f"{root}/{name}/out", content


def inner(url):
    return url.partition("://")[2]


def test_from_a_store_to_a_store(places, tmp_path):
    system, source, target, content = places
    result = dt.transcode_archive(source, target, "HTJ2KLossless")
    assert result.is_complete, result.failures
    assert result.counts["transcoded"] == 6
    assert result.counts["copied"] == 2
    out = listed(system, inner(target))
    assert out.keys() == content.keys()
    for name, data in out.items():
        if "image" in name:
            with dt.open(data) as opened:
                assert opened.transfer_syntax == TARGET_UID
            assert same_pixels(data, content[name])
        else:
            assert data == content[name]
    assert listed(system, inner(source)) == content
    assert result.manifest.startswith(str(tmp_path / "state"))
    again = dt.transcode_archive(source, target, "HTJ2KLossless")
    assert again.counts["skipped"] == 8
    system.rm_file(inner(target) + "/a/image1.dcm")
    assert dt.transcode_archive(source, target, "HTJ2KLossless").counts["transcoded"] == 1


def test_between_a_store_and_a_folder(places, tmp_path):
    system, source, target, content = places
    result = dt.transcode_archive(source, tmp_path / "down", "RLELossless")
    assert result.is_complete, result.failures
    assert tree(tmp_path / "down").keys() == content.keys()
    result = dt.transcode_archive(tmp_path / "down", target, "ExplicitVRLittleEndian", manifest=tmp_path / "m.sqlite")
    assert result.is_complete, result.failures
    up = listed(system, inner(target))
    assert up.keys() == content.keys()
    assert all(same_pixels(up[name], content[name]) for name in content if "image" in name)


def test_a_pattern_and_one_object(places):
    system, source, target, _ = places
    result = dt.transcode_archive(f"{source}/a/image*.dcm", target, "RLELossless", manifest=False)
    assert (result.counts["transcoded"], result.counts["copied"]) == (2, 2)  # two are RLE already
    assert set(listed(system, inner(target))) == {f"image{i}.dcm" for i in (1, 2, 4, 5)}
    result = dt.transcode_archive(f"{source}/a/image1.dcm", f"{target}/one", "RLELossless", manifest=False)
    assert result.is_complete
    assert set(listed(system, inner(target) + "/one")) == {"image1.dcm"}


def test_what_fails_leaves_no_object(places):
    system, source, target, content = places
    system.pipe_file(inner(source) + "/a/image1.dcm", content["a/image1.dcm"][:-200])
    result = dt.transcode_archive(source, target, "HTJ2KLossless")
    assert [failure.path for failure in result.failures] == [f"{source}/a/image1.dcm"]
    assert "a/image1.dcm" not in listed(system, inner(target))


def test_what_is_not_there_is_said(places):
    _, source, target, _ = places
    result = dt.transcode_archive(f"{source}-missing", target, "HTJ2KLossless", manifest=False)
    assert re.search("no such file|cannot be read", result.failures[0].error)
    with pytest.raises(ValueError, match="contains the other"):
        dt.transcode_archive(source, f"{source}/out", "HTJ2KLossless")


def test_verify_compares_stores(places, capsys):
    system, source, target, _ = places
    dt.transcode_archive(source, target, "HTJ2KLossless", manifest=False)
    assert main(["verify", source, target]) == 0
    system.pipe_file(inner(target) + "/a/image1.dcm", image(77))
    assert main(["verify", source, target]) == 1
    assert "a/image1.dcm" in capsys.readouterr().err
