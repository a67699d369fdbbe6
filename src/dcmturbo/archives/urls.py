"""Places that fsspec opens."""

from __future__ import annotations

from typing import Any

from dcmturbo.sources import import_fsspec

__all__ = ["file_system", "is_url"]


def is_url(path: str) -> bool:
    """Whether fsspec opens it; a chained URL (``zip://a::b``) has ``://`` too, a file's name may have ``::``."""
    return "://" in path


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path on it."""
    system, path = import_fsspec().core.url_to_fs(url)
    return system, str(path)
