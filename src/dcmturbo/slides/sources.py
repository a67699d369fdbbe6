"""What a slide is read from: the objects of a folder or a store, and saved offsets of their frames."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from dcmturbo.urls import file_system, is_url

__all__ = ["INDEX_SUFFIX", "kept_offsets", "sources_of"]

INDEX_SUFFIX = ".idx"  # of files with saved offsets, behind the SOP Instance UID


def sources_of(source: Any) -> Iterable[tuple[Any, bool]]:
    """Return the sources, and whether each was named by the caller."""
    if isinstance(source, (str, os.PathLike)) and os.path.isdir(source):
        folder = os.fsdecode(source)
        names = sorted(os.path.join(root, name) for root, _, files in os.walk(folder) for name in files)
        return [(name, False) for name in names if os.path.isfile(name)]
    if isinstance(source, str) and is_url(source) and "::" not in source:
        system, folder = file_system(source)
        # Of a web server, only a URL that ends with a slash may be a folder: to ask for others costs a request.
        if source.endswith("/") or (not source.startswith(("http://", "https://")) and system.isdir(folder)):
            found = system.find(folder, detail=True)
            # Some stores list an empty object in place of the folder itself.
            names = sorted(name for name, facts in found.items() if facts.get("size") != 0)
            return [(system.unstrip_protocol(name), False) for name in names]
    is_one = isinstance(source, (str, bytes, bytearray, memoryview, os.PathLike))
    if is_one or hasattr(source, "group_dataset") or hasattr(source, "read") or hasattr(source, "fs"):
        return [(source, True)]
    return [(one, True) for one in source]


def kept_offsets(folder: str) -> dict[str, str]:
    """Return the files of a folder that hold offsets of frames, by the SOP Instance UIDs that they are named after."""
    if is_url(folder):
        system, path = file_system(folder)
        names = [system.unstrip_protocol(name) for name in system.ls(path, detail=False)]
    else:
        names = [os.path.join(folder, name) for name in os.listdir(folder)]
    return {os.path.basename(name).removesuffix(INDEX_SUFFIX): name for name in names if name.endswith(INDEX_SUFFIX)}
