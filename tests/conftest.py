"""Fixtures of all tests: where the conformance corpus is, and settings that no test leaves behind."""

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import dcmturbo as dt
from dcmturbo import _core

REPOSITORY = Path(__file__).resolve().parent.parent


def corpus_folder() -> Path:
    return Path(os.environ.get("DCMTURBO_CORPUS") or REPOSITORY.parent / "shared" / "corpus")


def corpus_entries() -> list[dict]:
    manifest = corpus_folder() / "manifest.json"
    return json.loads(manifest.read_text())["entries"] if manifest.is_file() else []


class Corpus:
    """The files of the manifest: one that is missing or altered fails the test that asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests = {entry["file"]: entry["sha256"] for entry in corpus_entries()}

    def read(self, name: str) -> bytes:
        path = self.folder / name
        assert path.is_file(), f"{path} is in the manifest, but not in the corpus"
        data = path.read_bytes()
        if name in self.digests:
            assert hashlib.sha256(data).hexdigest() == self.digests[name], f"{path} has been altered"
        return data

    def path(self, name: str) -> Path:
        self.read(name)
        return self.folder / name


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    folder = corpus_folder()
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no conformance corpus at {folder} (set DCMTURBO_CORPUS)")
    return Corpus(folder)


@pytest.fixture(autouse=True)
def same_settings_after_each_test():
    places = [(dt.config.limits, n) for n in ("max_pixels", "max_output", "max_scratch", "max_inflated", "max_cached")]
    places += [(dt.config, n) for n in ("isa", "prefer", "memory_map", "category_16_has_bits")]
    before = [getattr(*place) for place in places]
    threads = _core.get_settings()["threads"]
    yield
    for place, value in zip(places, before, strict=True):
        setattr(*place, value)
    dt.config.threads = threads or None
