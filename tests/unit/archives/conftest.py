"""An archive to transcode."""

import pytest
from helpers.archives import make_archive


@pytest.fixture
def archive(tmp_path):
    source = tmp_path / "source"
    content = make_archive(source)
    return source, tmp_path / "out", content
