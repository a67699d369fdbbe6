"""URLs: places that fsspec opens."""

from __future__ import annotations

from typing import Any

from dcmturbo.redaction import without_secrets

__all__ = ["check_protocols", "file_system", "import_fsspec", "is_url"]


def is_url(path: str) -> bool:
    """Whether fsspec opens it. A chained URL (``zip://a::b``) has ``://`` too, but a file's name may contain ``::``."""
    return "://" in path


def import_fsspec() -> Any:
    """Import fsspec, which opens URLs; if it is missing, the error says what to install."""
    try:
        import fsspec
    except ImportError:
        raise ImportError("URLs need fsspec: pip install 'dcmturbo[cloud]'") from None
    return fsspec


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path on it."""
    system, path = import_fsspec().core.url_to_fs(url)
    return system, str(path)


def check_protocols(path: str) -> None:
    """Raise an error for a URL that fsspec cannot open, or for any part of a chained URL.

    Raises
    ------
    ValueError
        If fsspec does not know the protocol.
    ImportError
        If a package for the protocol is missing.
    """
    if not is_url(path):
        return
    fsspec = import_fsspec()
    for part in path.split("::"):
        protocol, separator, _ = part.partition("://")
        if not separator:
            continue
        try:
            fsspec.get_filesystem_class(protocol)
        except ValueError as error:
            raise ValueError(
                f"{without_secrets(path)}: fsspec knows no file system for {protocol}:// ({error})"
            ) from None
