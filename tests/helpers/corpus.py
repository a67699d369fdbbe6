"""Where the conformance corpus is, and what is in it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def corpus_folder() -> Path:
    return Path(os.environ.get("DCMTURBO_CORPUS") or REPOSITORY.parent / "shared" / "corpus")


# What the libraries behind the package cannot decode is listed apart; of that, these formats are the core's own now.
OWN_FORMATS = ("htj2k/", "jpegls/")


def corpus_entries() -> list[dict]:
    manifest, more = corpus_folder() / "manifest.json", corpus_folder() / "own_htj2k_and_jpegls.json"
    entries = json.loads(manifest.read_text())["entries"] if manifest.is_file() else []
    if more.is_file():
        entries += [e for e in json.loads(more.read_text())["entries"] if e["file"].startswith(OWN_FORMATS)]
    return entries


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
