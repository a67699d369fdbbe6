"""Originals: an output must never replace one, whatever links the destination contains."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dcmturbo.archives.walk import source_folder, takes_subfolders
from dcmturbo.urls import is_url

__all__ = ["Originals"]


class Originals:
    """Tells whether an output would overwrite an original.

    For example, a destination that was made by ``cp -rs`` consists of links that lead into the source.

    Parameters
    ----------
    sources : sequence of str
        Folders, files, patterns, DICOMDIR files, URLs; empty if files are replaced in place.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self._watches = bool(sources)
        self._roots = [
            os.path.realpath(folder)
            for source in sources
            if (folder := source_folder(source)) is not None and takes_subfolders(source)
        ]
        # The files of a folder come one after the other, so the answer for the last pair of folders is kept.
        self._folders = ("", "")
        self._why: str | None = None

    def why_not(self, source: str, destination: str) -> str | None:
        """Return why the output of a file must not be written to a path, or None."""
        if not self._watches or is_url(destination):
            return None
        folders = ("" if is_url(source) else os.path.dirname(source), os.path.dirname(destination))
        if folders != self._folders:
            self._folders, self._why = folders, self._why_not_into(*folders)
        if self._why is None and os.path.islink(destination):
            return f"its output {destination} is a symbolic link, which may lead to an original: remove the link"
        return self._why

    def _why_not_into(self, source: str, folder: str) -> str | None:
        real = os.path.realpath(folder)
        if source and os.path.realpath(source) == real:
            return f"its output would be written into its own folder, because {folder} leads there"
        for root in self._roots:
            if os.path.commonpath([root, real]) == root:
                return f"its output would be written into the source {root}, because {folder} leads there"
        return None
