"""``dcmturbo verify``: compare the pixels and metadata of two folders or files."""

from __future__ import annotations

import argparse
import contextlib
import os
import warnings
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from dcmturbo.archives.comparison import Comparison, compare_objects, pairs_of
from dcmturbo.archives.runs import leave_out
from dcmturbo.archives.walk import Filters, absolute, find_files
from dcmturbo.bench import witness
from dcmturbo.bench.witness import Testimony, Witness
from dcmturbo.bench.worker import Workers
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_filters, add_threads, filters_of
from dcmturbo.cli.output import Output
from dcmturbo.cli.verify_report import (
    DIFFERENT,
    MISSING,
    NOT_COMPARED,
    SAME_BYTES,
    SUFFIXES,
    suffix_of,
    words_of_kinds,
    write_report,
)
from dcmturbo.configuration import resolve_threads
from dcmturbo.redaction import without_secrets
from dcmturbo.urls import is_url
from dcmturbo.wording import counted

__all__ = ["add_parser", "run"]

_NOTHING = "nothing was compared, so nothing was proved"
_MOST_SHOWN = 4  # number of differences per file in the terminal

_EPILOG = """\
Files with the same bytes are equal. For other files, all pixels are compared, frame by frame: as dcmturbo decodes them
by default, and as they are stored, with all bits. All elements are compared too, by their values and their headers,
whatever the encoding of the datasets. Sequences are compared item by item. Files that are not DICOM are compared byte
by byte.

Changes that transcoding makes (docs/transcoding.md) are listed as expected, if the new value is right: the Transfer
Syntax UID and the name of the writer, an added preamble and file meta information, group lengths, Photometric
Interpretation, Planar Configuration, a longer lossy history, offset tables, icons that became native, added
delimiters, VRs of another dataset encoding, Bits Stored raised to what the samples need, and the SOP Instance UID if
only the second object is lossy. Every other difference is listed with its place. Codestreams are compared by the
pixels that they decode to. Comments in codestreams are not compared.

--with makes another decoder read the second file, in its own process, and compares its pixels with the first file. Such
a decoder shares no code with dcmturbo. pylibjpeg, gdcm, pillow and pyjpegls are plugins of pydicom, and "pydicom" means
any of them. GDCM is python-gdcm without pydicom. DCMTK means its command line tools in PATH. Files that this decoder
cannot decode, or that cannot be compared with it, are listed. With --with-required, they count as failures.

examples:
  dcmturbo verify archive/ smaller/
  dcmturbo verify ct.dcm ct-htj2k.dcm --json
  dcmturbo verify archive/ smaller/ --with pydicom --with DCMTK --report proof.html --report proof.csv

exit codes: 0 everything is equal, 1 something differs or could not be compared, or nothing was compared (a place with
itself, or no file in both places), 2 wrong usage
"""


def add_parser(commands: Any) -> None:
    """Add ``verify`` to the commands."""
    parser = commands.add_parser(
        "verify",
        help="compare the pixels and metadata of two files or archives",
        description="Compare the pixels and metadata of two DICOM files, or of all files of two folders.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("first", metavar="A", help="a file, a folder or an fsspec URL")
    parser.add_argument("second", metavar="B", help="the file, folder or URL to compare it with")
    add_filters(parser)
    parser.add_argument(
        "--with",
        action="append",
        dest="engines",
        metavar="ENGINE",
        help=f"also decode with this other decoder (repeatable): {', '.join(witness.engine_names())}",
    )
    parser.add_argument("--with-required", action="store_true", help="fail if such a decoder cannot decode a file")
    parser.add_argument(
        "--report",
        action="append",
        metavar="FILE",
        help=f"write a report, in the format of its suffix (repeatable): {', '.join(SUFFIXES)}",
    )
    add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    parser.add_argument("-q", "--quiet", action="store_true", help="print differences only")
    parser.set_defaults(run=run)


class _UnknownStoreError(Exception):
    """fsspec knows no file system for a URL."""


def _is_folder(path: str) -> bool | None:
    """Whether a path is a folder; None if it does not exist.

    Raises
    ------
    _UnknownStoreError
        If fsspec knows no file system for a URL.
    Exception
        Any exception of the store.
    """
    if not is_url(path):
        return os.path.isdir(path) if os.path.exists(path) else None
    from dcmturbo.urls import file_system

    try:
        system, inner = file_system(path)
    except ValueError as error:
        raise _UnknownStoreError(f"{without_secrets(path)} cannot be opened: {error}") from error
    if system.isdir(inner):
        return True
    # Not `exists`, which hides that a store refuses to answer.
    try:
        return str(system.info(inner).get("type")) == "directory"
    except FileNotFoundError as error:
        # HTTP raises this for everything; the actual reason is its cause.
        cause = error.__cause__
        refused = isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)
        if cause is not None and (refused or getattr(cause, "status", 404) not in (404, 410)):
            raise cause from None
        return None


@dataclass
class _Tree:
    """The files of a place by their names, and the names that could not be read."""

    files: dict[str, str]
    unread: dict[str, str]  # with the reason

    def why_unread(self, name: str) -> str:
        """Return why it is unknown whether a file exists; empty if it is known."""
        while name:
            if name in self.unread:
                return self.unread[name]
            name = name.rpartition("/")[0]
        return self.unread.get("", "")


def _files(root: str, filters: Filters, output: Output) -> _Tree:
    unread: dict[str, str] = {}

    def tell(kind: str, path: str, message: str) -> None:
        if kind == "failed":
            output.fail(without_secrets(path), message)
            unread[path.removeprefix(root).replace(os.sep, "/").strip("/") if path.startswith(root) else ""] = message
        else:
            output.warn(without_secrets(path), message)

    found = find_files([root], filters, tell, leave_out=leave_out(None))
    return _Tree({file.relative: file.path for file in found}, unread)


def _compared(pairs: list[tuple[str, str, str]], workers: int) -> Iterator[tuple[tuple[str, str, str], Comparison]]:
    """Yield pairs with their differences, in order; a few are compared in advance."""
    # If there are fewer files than workers, several threads work on each file.
    within = max(1, workers // max(1, len(pairs)))
    with ThreadPoolExecutor(workers, thread_name_prefix="dcmturbo-verify") as pool:
        ahead: deque[tuple[tuple[str, str, str], Future[Comparison]]] = deque()
        try:
            for pair in pairs:
                ahead.append((pair, pool.submit(compare_objects, pair[1], pair[2], threads=within)))
                if len(ahead) >= 4 * workers:
                    done, future = ahead.popleft()
                    yield done, future.result()
            while ahead:
                done, future = ahead.popleft()
                yield done, future.result()
        finally:
            for _pair, future in ahead:
                future.cancel()


def _same_place(roots: list[str]) -> bool:
    if any(is_url(root) for root in roots):
        return roots[0].rstrip("/") == roots[1].rstrip("/")
    return os.path.samefile(*roots)


def _wrong_usage(arguments: argparse.Namespace, roots: list[str], folders: list[bool | None]) -> str:
    """Return what is wrong with the arguments; empty if they are right."""
    for place, is_folder in zip(roots, folders, strict=True):
        if not is_folder and not is_url(place) and not os.path.isfile(place):
            return f"{place} is not a regular file"
    if folders[0] != folders[1]:
        return "one is a folder and the other is a file: compare two folders or two files"
    if arguments.with_required and not arguments.engines:
        return "--with-required needs --with ENGINE"
    for place in arguments.report or ():
        if not suffix_of(place):
            return f"--report {place}: the name must end with {' or '.join(SUFFIXES)}"
        if os.path.isdir(place):
            return f"--report {place} is a folder: give the name of a file"
        if os.path.exists(place) and any(not is_url(root) and os.path.samefile(place, root) for root in roots):
            return f"--report {place} is also an input: choose another name"
    return ""


def _few(reasons: list[str]) -> str:
    """Return the first of many reasons in one line."""
    more = len(reasons) - _MOST_SHOWN
    shown = "; ".join(reasons[:_MOST_SHOWN])
    return f"{shown}; and {more} more (--json lists all)" if more > 0 else shown


def _not_seen(one: Testimony) -> str:
    """Return why an engine could not compare a file."""
    what = "could not decode it" if one.state == witness.NOT_DECODED else "could not compare it"
    return f"{one.engine} {what}: {one.why}"


@dataclass
class _Found:
    """The results so far."""

    output: Output
    is_required: bool
    rows: list[dict[str, Any]] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    not_compared: list[dict[str, Any]] = field(default_factory=list)
    expected: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    undecoded_copies: int = 0  # images with the same bytes
    states: dict[str, Counter[str]] = field(default_factory=dict)
    # The files for each engine and each of its statements.
    otherwise: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    undecoded: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    unasked: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def pair(self, name: str, comparison: Comparison, testimonies: list[Testimony]) -> None:
        """Record the differences of two files, and the results of the other decoders."""
        self.expected.update({text.split(":")[0] for text in comparison.expected})
        differences = [without_secrets(text) for text in (comparison.pixels, *comparison.elements) if text]
        unknown = [without_secrets(comparison.problem)] if comparison.problem else []
        if differences or not unknown:
            self.kinds[comparison.kind] += 1
        for one in testimonies:
            self.states[one.engine][one.state] += 1
            if one.state == witness.DIFFERED:
                differences.append(f"{one.engine} reads other pixels: {one.why}")
            elif one.state == witness.AGREED:
                if one.why:
                    self.otherwise.setdefault((one.engine, one.why), []).append(name)
            elif self.is_required:
                unknown.append(_not_seen(one))
            else:
                places = self.undecoded if one.state == witness.NOT_DECODED else self.unasked
                places.setdefault((one.engine, one.why), []).append(name)
        state = DIFFERENT if differences else NOT_COMPARED if unknown else "equal"
        row: dict[str, Any] = {"path": name, "state": state, "kind": comparison.kind}
        if comparison.same_bytes and comparison.kind == "image" and state == "equal" and not testimonies:
            self.undecoded_copies += 1
            row["what"] = [SAME_BYTES]
        if testimonies:
            row["with"] = [{"engine": one.engine, "state": one.state, "why": one.why} for one in testimonies]
        if comparison.doubt:
            row["doubt"] = comparison.doubt
            self.output.warn(name, comparison.doubt)
        self.rows.append(row)
        reasons = unknown + differences
        if not reasons:
            return
        self.output.fail(name, _few(reasons), "Different" if differences else "NotCompared")
        row |= {"what": reasons, "maximum_error": comparison.maximum_error, "expected": comparison.expected}
        if not differences:
            self.not_compared.append({"path": name, "why": unknown, "with": row.get("with", [])})
            return
        self.different.append(
            {
                "path": name,
                "pixels": comparison.pixels or None,
                "maximum_error": comparison.maximum_error,
                "elements": comparison.elements,
                "expected": comparison.expected,
                "not_compared": without_secrets(comparison.problem) or None,
                "with": row.get("with", []),
            }
        )

    def unread(self, name: str, why: str, *, reported: bool) -> None:
        """Record a file or folder that could not be read."""
        if not reported:
            self.output.fail(name, why, "NotCompared")
        self.not_compared.append({"path": name, "why": [why], "with": []})
        self.rows.append({"path": name, "state": NOT_COMPARED, "what": [why]})

    def lonely(self, name: str, place: str) -> None:
        self.output.fail(name, f"only in the {place}", "Missing")
        self.missing.append((name, place))
        self.rows.append({"path": name, "state": MISSING, "what": [f"only in the {place}"]})


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo verify``."""
    roots = [absolute(arguments.first), absolute(arguments.second)]
    folders: list[bool | None] = []
    for given, root in zip((arguments.first, arguments.second), roots, strict=True):
        try:
            folders.append(_is_folder(root))
        except _UnknownStoreError as error:
            return output.usage("verify", str(error))
        except Exception as error:  # stores have exceptions of their own
            output.fail(given, f"the store cannot be read: {_sentence(error)}", type(error).__name__)
            found = _Found(output, arguments.with_required)
            output.result(_document(arguments, 0, found, same=False, not_proved=_NOTHING))
            return output.exit_code
    if None in folders:
        missing = without_secrets((arguments.first, arguments.second)[folders.index(None)])
        return output.usage("verify", f"{missing}: there is no such file or folder", brief=True)
    wrong = _wrong_usage(arguments, roots, folders)
    if wrong:
        return output.usage("verify", wrong)
    try:
        engines = list(dict.fromkeys(witness.engine_named(text) for text in arguments.engines or ()))
    except ValueError as error:
        return output.usage("verify", f"--with: {error}")
    return _run(arguments, output, roots, bool(folders[0]), engines)


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _pairs(roots: list[str], filters: Filters, found: _Found) -> list[tuple[str, str, str]]:
    """Return the files that are in both places; record the others and those that cannot be read."""
    trees = [_files(root, filters, found.output) for root in roots]
    pairs: list[tuple[str, str, str]] = []
    accounted: set[str] = set()  # names that could not be read, as rows of the report
    for name, first, second in pairs_of(trees[0].files, trees[1].files):
        if first is not None and second is not None:
            pairs.append((name, first, second))
            continue
        there, absent = ("first", 1) if second is None else ("second", 0)
        why = trees[absent].why_unread(name)
        if not why:
            found.lonely(name, there)
            continue
        where = ("first", "second")[absent]
        found.unread(name, f"not compared with the {where}: {why}", reported=name in trees[absent].unread)
        accounted.add(name)
    for name in sorted(trees[0].unread.keys() | trees[1].unread.keys()):
        below = f"{name}/" if name else ""
        if not any(one == name or one.startswith(below) for one in accounted):
            why = trees[0].unread.get(name) or trees[1].unread[name]
            found.unread(name or ".", why, reported=True)
    return pairs


def _run(arguments: argparse.Namespace, output: Output, roots: list[str], is_tree: bool, engines: list[str]) -> int:
    found = _Found(output, arguments.with_required, states={name: Counter() for name in engines})
    same = _same_place(roots)
    pairs: list[tuple[str, str, str]] = []
    if is_tree:
        pairs = _pairs(roots, filters_of(arguments), found)
    else:
        pairs.append((os.path.basename(roots[0]), roots[0], roots[1]))
    not_proved = ""
    if same:
        not_proved = (
            "both are the same place, so nothing was proved. (In-place transcoding verifies each file "
            "before it replaces the original.)"
        )
    elif not pairs:
        filtered = ", with these --include and --exclude patterns" if arguments.include or arguments.exclude else ""
        not_proved = f"{_NOTHING}: no file is in both places{filtered}"
    if not_proved:
        output.fail(arguments.first, not_proved, "NothingProved")
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        advance = stack.enter_context(output.progress("comparing", len(pairs)))
        workers = stack.enter_context(Workers()) if engines else None
        warnings.simplefilter("ignore")  # both files are compared even if the reader warns about them
        witnesses = [Witness(name, workers) for name in engines] if workers is not None else []
        for (name, first, second), comparison in _compared(pairs, resolve_threads(arguments.threads)):
            is_image = comparison.kind == "image" and not comparison.problem
            found.pair(name, comparison, [one.look(first, second) for one in witnesses] if is_image else [])
            advance()
    if not arguments.quiet:
        _say(found, output, not_proved)
    document = _document(arguments, len(pairs), found, same=same, not_proved=not_proved)
    for place in arguments.report or ():
        try:
            write_report(place, document, found.rows)
        except OSError as error:
            output.fail(place, error)
        else:
            if not arguments.quiet:
                output.say(f"wrote {place}")
    output.result(document)
    return output.exit_code


def _document(
    arguments: argparse.Namespace, files: int, found: _Found, *, same: bool, not_proved: str
) -> dict[str, Any]:
    return {
        "command": "verify",
        "first": without_secrets(arguments.first),
        "second": without_secrets(arguments.second),
        "same_place": same,
        "equal": not found.output.failures,
        "nothing_proved": not_proved or None,
        "files": files,
        "compared": dict(sorted(found.kinds.items())),
        "same_bytes": found.undecoded_copies,
        "expected": dict(sorted(found.expected.items())),
        "different": found.different,
        "doubtful": [{"path": row["path"], "why": row["doubt"]} for row in found.rows if "doubt" in row],
        "missing": [{"path": name, "only_in": place} for name, place in found.missing],
        "not_compared": found.not_compared,
        "with": {name: {state: counts[state] for state in witness.STATES} for name, counts in found.states.items()},
        "not_decoded": [
            {"engine": engine, "why": why, "paths": paths} for (engine, why), paths in found.undecoded.items()
        ],
        "not_compared_with": [
            {"engine": engine, "why": why, "paths": paths} for (engine, why), paths in found.unasked.items()
        ],
    }


def _say(found: _Found, output: Output, not_proved: str) -> None:
    output.say(words_of_kinds(found.kinds))
    if found.undecoded_copies:
        output.say(f"{counted(found.undecoded_copies, 'image')} with {SAME_BYTES}")
    if found.expected:
        output.say("expected changes of transcoding:")
        output.facts([(name, f"in {counted(count, 'file')}") for name, count in sorted(found.expected.items())])
    for name, counts in found.states.items():
        output.say(
            f"{name}: {counts[witness.AGREED]} agreed, {counts[witness.DIFFERED]} differed, "
            f"{counts[witness.NOT_DECODED]} could not be decoded, {counts[witness.NOT_COMPARED]} could not be compared"
        )
    for (engine, why), paths in found.undecoded.items():
        output.say(f"{engine} could not decode {_first_of(paths)}: {why}")
    for (engine, why), paths in found.unasked.items():
        output.say(f"{engine} could not compare {_first_of(paths)}: {why}")
    for (engine, why), paths in found.otherwise.items():
        output.say(f"{_first_of(paths)}: {engine} {why.removeprefix('it ')}")
    if found.different or found.missing or found.not_compared:
        output.say(
            f"{counted(len(found.different), 'differs', 'differ')}, "
            f"{counted(len(found.missing), 'is', 'are')} in one place only, "
            f"{len(found.not_compared)} could not be compared"
        )
    if not_proved:
        output.say("nothing was proved")
    elif not output.failures:
        output.say("all equal")


def _first_of(paths: list[str]) -> str:
    return f"{paths[0]} and {len(paths) - 1} more" if len(paths) > 1 else paths[0]
