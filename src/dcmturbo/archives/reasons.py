"""Reasons: group failures by their reason, with a count and the first few files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["Reason", "group_by_reason"]

_MOST_NAMES = 3
_MOST_REASONS = 1000  # number of different reasons; later ones count as the last
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|\d+(?:\.\d+)*")


@dataclass
class Reason:
    """Why files failed.

    Attributes
    ----------
    type : str
        An exception's name.
    error : str
        The first file's message, without the file's own names if other files have the same reason.
    files : int
        How many.
    paths : list of str
        The first few files.
    """

    type: str
    error: str
    files: int = 0
    paths: list[str] = field(default_factory=list)


def _without_names(error: str, names: Iterable[str]) -> str:
    """Return a message without the names of its file.

    A path is replaced wherever it occurs as a whole. A name without folders is replaced only in quotation marks,
    because a file can have the name of any word, such as ``frame``.
    """
    for name in sorted({name for name in names if name}, key=len, reverse=True):
        if name not in error:
            continue
        if "/" not in name and os.sep not in name:
            error = re.sub(rf"(['\"]){re.escape(name)}\1", "...", error)
            continue
        whole = rf"(?<![\w/.~-]){re.escape(name)}(?![\w/~-]|\.\w)"
        error = re.sub(whole, "...", re.sub(rf": {whole}$", "", error))
    return error


def group_by_reason(failures: Iterable[tuple[str, str, str, str]]) -> list[Reason]:
    """Group failures with the same reason: messages that differ only in names and numbers.

    Parameters
    ----------
    failures : iterable of (str, str, str, str)
        Path, destination, message and type of each.

    Returns
    -------
    list of Reason
        The most frequent reason first.
    """
    groups: dict[tuple[str, str], Reason] = {}
    shared: dict[tuple[str, str], str] = {}
    for path, destination, error, kind in failures:
        plain = _without_names(error, _names(path, destination))
        key = (kind, _NUMBER.sub("#", plain))
        if key not in groups and len(groups) >= _MOST_REASONS:
            key = ("", "")
            plain = error = "other reasons"
        reason = groups.get(key)
        if reason is None:
            reason = groups[key] = Reason(key[0], error)
            shared[key] = plain
        reason.files += 1
        if len(reason.paths) < _MOST_NAMES:
            reason.paths.append(path)
    for key, reason in groups.items():
        if reason.files > 1:
            reason.error = shared[key]
    return sorted(groups.values(), key=lambda reason: -reason.files)


def _names(path: str, destination: str) -> Iterator[str]:
    for name in (path, destination):
        yield name
        yield os.path.basename(name)
