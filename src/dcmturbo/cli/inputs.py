"""The files that a command works on: from paths and folders, in order."""

from __future__ import annotations

import argparse
import functools
import glob
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dcmturbo import system
from dcmturbo.archives.walk import Filters, absolute, find_missing
from dcmturbo.cli.output import Output
from dcmturbo.dataset.opened import NO_PIXELS_OF_IMAGE
from dcmturbo.errors import NoPixelData, NotDicom
from dcmturbo.pictures.windows import Choice, choose
from dcmturbo.redaction import without_secrets

__all__ = [
    "STDIN",
    "Input",
    "Skipped",
    "add_common",
    "add_filters",
    "add_output",
    "add_region",
    "add_threads",
    "filters_of",
    "expanded",
    "for_each",
    "missing_sources",
    "skipped_document",
    "source_of",
    "thread_count",
    "window_choice",
]

Result = TypeVar("Result")

STDIN = "-"


@dataclass(frozen=True)
class Input:
    """A file to work on."""

    path: str
    relative: str  # path below the named folder, or the file's own name
    explicit: bool  # whether the user named it

    @property
    def is_url(self) -> bool:
        """Whether fsspec opens it."""
        return "://" in self.path


@dataclass
class Skipped:
    """Numbers of files in folders that a command skipped."""

    not_dicom: int = 0
    empty: int = 0  # of those that are not DICOM
    no_pixel_data: int = 0
    beyond_the_most: int = 0  # not read, because only a sample of the files is wanted

    def describe(self) -> str:
        """Return a sentence for people; empty if nothing was skipped."""
        parts = []
        if self.not_dicom:
            empty = f" ({self.empty} empty)" if self.empty else ""
            parts.append(f"{self.not_dicom} that {'is' if self.not_dicom == 1 else 'are'} not DICOM{empty}")
        if self.no_pixel_data:
            parts.append(f"{self.no_pixel_data} without pixel data")
        if self.beyond_the_most:
            parts.append(f"{self.beyond_the_most} that are not in the sample")
        return f"skipped in folders: {', '.join(parts)}" if parts else ""


def thread_count(text: str) -> int:
    """Return the value of ``--threads`` or ``--rounds``, which must be at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return number


def window_choice(text: str) -> Choice:
    """Return the value of ``--window``."""
    try:
        return choose(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_common(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace, Output], int], *, paths: bool = True
) -> None:
    """Add the arguments that all commands have: paths, ``--json`` and ``--quiet``."""
    if paths:
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PATH",
            help="a DICOM file, an fsspec URL, or a folder (including all its subfolders)",
        )
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    parser.add_argument("-q", "--quiet", dest="silent", action="store_true", help="print errors and warnings only")
    parser.set_defaults(run=run)


def add_output(parser: argparse.ArgumentParser, meaning: str, *, required: bool = False, several: bool = False) -> None:
    """Add ``--output``, which means this, and ``--force``."""
    parser.add_argument("-o", "--output", required=required, metavar="OUT", help=meaning)
    overwritten = "existing files" if several else "an existing file"
    parser.add_argument("--force", action="store_true", help=f"overwrite {overwritten}")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``, the number of threads of this process."""
    parser.add_argument(
        "--threads", type=thread_count, metavar="N", help="number of threads (default: the number of CPUs)"
    )


def add_region(parser: argparse._ActionsContainer, meaning: str) -> None:
    """Add ``--region``, which means this."""
    parser.add_argument("--region", nargs=4, type=int, metavar=("TOP", "LEFT", "HEIGHT", "WIDTH"), help=meaning)


def add_filters(parser: argparse._ActionsContainer) -> None:
    """Add ``--include`` and ``--exclude``: which files of folders are taken."""
    parser.add_argument(
        "--include", action="append", metavar="PATTERN", help="take only files with these names (repeatable)"
    )
    parser.add_argument(
        "--exclude", action="append", metavar="PATTERN", help="leave out files or folders with these names (repeatable)"
    )


def filters_of(arguments: argparse.Namespace) -> Filters:
    """Return the patterns of ``--include`` and ``--exclude``."""
    return Filters(tuple(arguments.include or ()), tuple(arguments.exclude or ()))


def _expand(paths: Sequence[str], output: Output) -> list[Input]:
    """Return the files of the paths of a command line, in order; a path that does not exist is a failure."""
    found: list[Input] = []
    seen: set[str] = set()

    def add(path: str, relative: str, explicit: bool) -> None:
        key = path if "://" in path else os.path.realpath(path)
        if key not in seen:
            seen.add(key)
            found.append(Input(path, relative, explicit))

    for path in paths:
        if path == STDIN:
            add(path, "stdin", True)
        elif "://" in path:
            add(path, path.rstrip("/").rsplit("/", 1)[-1], True)
        elif os.path.isdir(path):
            for folder, folders, names in os.walk(path, onerror=lambda error: output.fail(str(error.filename), error)):
                folders.sort()
                for name in sorted(names):
                    inside = os.path.join(folder, name)
                    if os.path.isfile(inside):
                        add(inside, system.relative_to(path, inside), False)
        elif os.path.isfile(path):
            add(path, os.path.basename(path), True)
        else:
            output.fail(path, "it is not a regular file" if os.path.exists(path) else "there is no such file or folder")
    return found


def expanded(paths: Sequence[str]) -> list[str]:
    """Return paths with ``~`` and patterns replaced by what they stand for, as far as they are no files themselves.

    Shells of Windows leave that to the program, and others do within quotes.
    """
    _stdin.cache_clear()
    found: list[str] = []
    for path in paths:
        if path == STDIN or "://" in path or os.path.lexists(path):
            found.append(path)
            continue
        place = os.path.expanduser(path)
        found += sorted(glob.glob(place, recursive=True)) or [place if os.path.lexists(place) else path]
    return found


@functools.cache
def _stdin() -> bytes:
    if sys.stdin.isatty():
        raise OSError("- is stdin, and this is a terminal: redirect a file or a pipe to it")
    return sys.stdin.buffer.read()


def source_of(path: str) -> str | bytes:
    """Return what `dcmturbo.open` takes for a path of the command line: what is in stdin, for ``-``."""
    return _stdin() if path == STDIN else path


def missing_sources(sources: Sequence[str], *, every: bool) -> str:
    """Return which sources of an archive do not exist; empty if all exist, or with `every` if at least one does."""
    missing = [(source, why) for source in sources for _, why in find_missing([absolute(source)])]
    if every and len(missing) < len(sources):
        return ""
    return without_secrets("; ".join(f"{source}: {why}" for source, why in missing))


def for_each(
    paths: Sequence[str],
    output: Output,
    what: str,
    work: Callable[[Input], Result],
    *,
    skip_without_pixels: bool = True,
    most: int | None = None,
) -> tuple[list[Result], Skipped]:
    """Do the work on each file. Failures are printed and counted, and the other files are still processed.

    At most `most` of the files in folders are processed, spread evenly.

    Returns
    -------
    (list, Skipped)
        The results of the files that did not fail, and how many files of folders were skipped.
    """
    inputs = _expand(paths, output)
    results: list[Result] = []
    skipped = Skipped()
    found = [item for item in inputs if not item.explicit]
    if most is not None and len(found) > most:
        skipped.beyond_the_most = len(found) - most
        kept = {found[k * len(found) // most].path for k in range(most)}
        inputs = [item for item in inputs if item.explicit or item.path in kept]
    with output.progress(what, len(inputs)) as advance:
        for item in inputs:
            try:
                results.append(work(item))
            except NotDicom as error:
                if item.explicit:
                    output.fail(item.path, error)
                else:
                    skipped.not_dicom += 1
                    skipped.empty += os.path.getsize(item.path) == 0
            except NoPixelData as error:
                if item.explicit or not skip_without_pixels:
                    output.fail(item.path, error, hint=f"to see what the object is: dcmturbo info {item.path}")
                else:
                    skipped.no_pixel_data += 1
                    if error.describes_image:
                        output.warn(item.path, f"skipped: it has no pixel data, {NO_PIXELS_OF_IMAGE}")
            except (KeyboardInterrupt, BrokenPipeError):
                raise
            except Exception as error:
                # One damaged file, or one that reveals a bug of dcmturbo, must not stop the others.
                output.fail(item.path, error)
            advance()
    if not results and not output.failures:
        named = next((path for path in paths if os.path.isdir(path)), paths[0])
        output.fail(named, f"this folder has no files to process ({skipped.describe() or 'it is empty'})")
    return results, skipped


def skipped_document(skipped: Skipped) -> dict[str, Any]:
    """Return what was skipped, for JSON."""
    document = {"not_dicom": skipped.not_dicom, "no_pixel_data": skipped.no_pixel_data}
    document |= {"empty": skipped.empty} if skipped.empty else {}
    return document | ({"not_looked_at": skipped.beyond_the_most} if skipped.beyond_the_most else {})
