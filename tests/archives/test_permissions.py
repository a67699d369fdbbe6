"""Who may read outputs, temporary files, manifests and reports: nobody who may not read their sources."""

import os
import stat

import pytest
from helpers.archives import TARGET, image, is_transcoded

import dcmturbo as dt
from dcmturbo.archives.manifest import NAME
from dcmturbo.cli import main
from dcmturbo.destinations import destination as destination_module
from dcmturbo.destinations.output import Output


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def private(tmp_path):
    source = tmp_path / "source"
    for folder, permissions in [("", 0o750), ("deep", 0o700), ("deep/open", 0o777), ("locked", 0o500)]:
        (source / folder).mkdir()
        (source / folder).chmod(permissions | 0o700)
        for name, allowed in [("s", 0o600), ("g", 0o640), ("w", 0o666), ("r", 0o400), ("x", 0o6755)]:
            for suffix, content in [("dcm", image(1)), ("txt", b"nothing")]:
                (source / folder / f"{name}.{suffix}").write_bytes(content)
                (source / folder / f"{name}.{suffix}").chmod(allowed)
    (source / "locked").chmod(0o500)
    yield source
    (source / "locked").chmod(0o700)


WANTED = {"s": 0o600, "g": 0o640, "w": 0o644, "r": 0o600, "x": 0o644}


def check(private, target):
    for folder, permissions in [("", 0o750), ("deep", 0o700), ("deep/open", 0o755), ("locked", 0o700)]:
        assert mode(target / folder) == permissions
        for name, allowed in WANTED.items():
            for suffix in ("dcm", "txt"):
                assert mode(target / folder / f"{name}.{suffix}") == allowed, f"{folder}/{name}.{suffix}"


@pytest.mark.parametrize("how", [{"threads": 2}, {"jobs": 2}])
def test_outputs_follow_their_sources(private, tmp_path, how):
    target = tmp_path / "new" / "out"
    assert dt.transcode_archive(private, target, TARGET, **how).is_complete
    check(private, target)
    assert mode(target / NAME) == 0o600
    dt.transcode_archive(private, target, TARGET, resume=False, **how)
    check(private, target)


def test_of_several_sources_and_of_patterns(private, tmp_path):
    other = tmp_path / "other"
    other.mkdir(mode=0o711)
    (other / "1.dcm").write_bytes(image(1))
    dt.transcode_archive([private, other], tmp_path / "both", TARGET)
    check(private, tmp_path / "both/source")
    assert mode(tmp_path / "both") == 0o710
    assert mode(tmp_path / "both/other") == 0o711
    dt.transcode_archive(str(private / "deep" / "*.dcm"), tmp_path / "pattern", TARGET)
    assert mode(tmp_path / "pattern") == 0o700
    dt.transcode_archive(private / "deep/s.dcm", tmp_path / "single", TARGET)
    assert mode(tmp_path / "single") == 0o700


@pytest.mark.parametrize("in_place", [False, True])
def test_also_while_they_are_written(tmp_path, monkeypatch, in_place):
    source = tmp_path / "source"
    source.mkdir()
    (source / "s.dcm").write_bytes(image(1))
    (source / "s.dcm").chmod(0o600)
    (source / "g.dcm").write_bytes(image(2))
    (source / "g.dcm").chmod(0o640)
    seen = []
    real = Output.flush

    def flush(self):
        seen.append(stat.S_IMODE(os.fstat(self.descriptor).st_mode))
        real(self)

    monkeypatch.setattr(Output, "flush", flush)
    monkeypatch.setattr("dcmturbo.archives.archive.is_shared", lambda paths: False)
    assert dt.transcode_archive(source, None if in_place else tmp_path / "out", TARGET, in_place=in_place).is_complete
    assert seen
    assert set(seen) <= {0o600, 0o640}


def test_a_single_object(tmp_path):
    (tmp_path / "s.dcm").write_bytes(image(1))
    (tmp_path / "s.dcm").chmod(0o600)
    dt.transcode(tmp_path / "s.dcm", tmp_path / "new.dcm", TARGET)
    assert mode(tmp_path / "new.dcm") == 0o600
    (tmp_path / "old.dcm").write_bytes(b"old")
    (tmp_path / "old.dcm").chmod(0o644)
    dt.transcode(tmp_path / "s.dcm", tmp_path / "old.dcm", TARGET)
    assert mode(tmp_path / "old.dcm") == 0o600


def test_reports_and_decoded_files(private, tmp_path, capsys):
    dt.transcode_archive(private, tmp_path / "out", TARGET)
    for form in ("json", "csv", "html", "table"):
        assert main(["transcode", "--report", form, str(tmp_path / "out"), "--output", str(tmp_path / form)]) == 0
        assert mode(tmp_path / form) == 0o600
    assert main(["decode", str(private / "s.dcm"), "-o", str(tmp_path / "s.npy")]) == 0
    assert mode(tmp_path / "s.npy") == 0o600
    capsys.readouterr()


def test_another_group_may_no_more_than_others(tmp_path, monkeypatch):
    """As if the output got another group than its source has."""
    path = tmp_path / "s.dcm"
    path.write_bytes(image(1))
    path.chmod(0o640)
    real = destination_module.stat_of

    def other_group(source):
        found = real(source)
        return found and os.stat_result((*found[:5], found.st_gid + 1, *found[6:10]))

    monkeypatch.setattr(destination_module, "stat_of", other_group)
    dt.transcode(path, tmp_path / "new.dcm", TARGET)
    assert mode(tmp_path / "new.dcm") == 0o600


# ---- in place ---------------------------------------------------------------------------------------


def test_in_place_permissions_are_kept_and_setuid_is_dropped(tmp_path):
    for allowed in (0o600, 0o640, 0o664, 0o4755):
        path = tmp_path / f"{allowed:o}.dcm"
        path.write_bytes(image(1))
        path.chmod(allowed)
    assert dt.transcode_archive(tmp_path, None, TARGET, in_place=True).is_complete
    assert [mode(tmp_path / f"{allowed:o}.dcm") for allowed in (0o600, 0o640, 0o664, 0o4755)] == [
        0o600, 0o640, 0o664, 0o755,
    ]  # fmt: skip


def test_in_place_extended_attributes_are_kept_or_told(tmp_path, monkeypatch):
    path = tmp_path / "a.dcm"
    path.write_bytes(image(1))
    try:
        os.setxattr(path, "user.study", b"42")
    except OSError:
        pytest.skip("no extended attributes here")
    assert dt.transcode_archive(path, None, TARGET, in_place=True).warnings == ()
    assert os.getxattr(path, "user.study") == b"42"

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    result = dt.transcode(path, path, "RLELossless")
    assert any("user.study could not be kept" in warning for warning in result.warnings)


def test_in_place_owner_and_group_are_kept_or_told(tmp_path, monkeypatch):
    path = tmp_path / "a.dcm"
    path.write_bytes(image(1))
    if os.geteuid() == 0:
        os.chown(path, 12345, 23456)
        assert dt.transcode(path, path, TARGET).warnings == ()
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)
    else:
        pytest.skip("only root gives files away")
    path.chmod(0o640)

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    warnings = dt.transcode(path, path, "RLELossless").warnings
    assert any("its owner could not be kept: it was user 12345" in warning for warning in warnings)
    assert any("its group could not be kept: it was group 23456" in warning for warning in warnings)
    assert mode(path) == 0o600


def test_in_place_hard_links_are_told(tmp_path):
    path, other = tmp_path / "source/a.dcm", tmp_path / "other.dcm"
    path.parent.mkdir()
    path.write_bytes(image(1))
    os.link(path, other)
    result = dt.transcode_archive(path.parent, None, TARGET, in_place=True)
    assert result.is_complete
    assert any("1 more name (hard links)" in warning for warning in result.warnings)
    assert other.read_bytes() == image(1)
    assert is_transcoded(path, other)
