"""An archive to transcode."""

import pytest
from helpers.archives import make_archive


@pytest.fixture
def archive(tmp_path):
    source = tmp_path / "source"
    content = make_archive(source)
    return source, tmp_path / "out", content


@pytest.fixture
def in_this_process(monkeypatch):
    """The work is done by threads of this process, where a test can look into it."""
    monkeypatch.setattr("dcmturbo.archives.archive.is_shared", lambda paths: False)
