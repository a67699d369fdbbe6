"""``dcmturbo verify``: whether two trees have the same pixels and metadata."""

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
from dcmturbo.archives.urls import is_url
from dcmturbo.archives.walk import Filters, absolute, find_files
from dcmturbo.cli import witness
from dcmturbo.cli.inputs import thread_count
from dcmturbo.cli.output import Output
from dcmturbo.cli.verify_report import SUFFIXES, suffix_of, write_report
from dcmturbo.cli.witness import Testimony, Witness
from dcmturbo.cli.worker import Workers
from dcmturbo.configuration import resolve_threads
from dcmturbo.redaction import without_secrets

__all__ = ["add_parser", "run"]

_EPILOG = """\
Files with the same bytes are equal. Else all pixels are compared, frame by frame: as dcmturbo decodes them by default,
and as they are stored, with all bits. All elements are compared by their values, whatever the encoding of the datasets,
sequences item by item, and by what their headers say. What is not DICOM is compared byte by byte.

What transcoding changes (docs/transcoding.md) is listed apart, as expected, if its value is the one that is due: the
Transfer Syntax UID and who wrote the file, a preamble and file meta information that were missing, group lengths,
Photometric Interpretation, Planar Configuration, a lossy history that has grown, offset tables, icons made native,
delimiters that were missing, VRs of another dataset encoding, Bits Stored raised to what the samples need, and SOP
Instance UID where the second object is a lossy one and the first is not. Everything else is named, by its place. A
codestream is judged by the pixels that it decodes to: comments in it are not compared.

--with lets another decoder read the second file, in a process of its own, and compares what it reads with the first: a
second witness, that shares no code with dcmturbo. pylibjpeg, gdcm, pillow and pyjpegls are plugins of pydicom, and
"pydicom" any of them; GDCM is python-gdcm by itself; DCMTK its command line tools in PATH. Files that it cannot decode
are listed, and are a failure with --with-required only.

examples:
  dcmturbo verify archive/ smaller/
  dcmturbo verify ct.dcm ct-htj2k.dcm --json
  dcmturbo verify archive/ smaller/ --with pydicom --with DCMTK --report proof.html --report proof.csv

exit codes: 0 equal, 1 different, or something could not be compared, 2 wrong usage
"""


def add_parser(commands: Any) -> None:
    """Add ``verify`` to the commands."""
    parser = commands.add_parser(
        "verify",
        help="compare the pixels and metadata of two files or trees",
        description="Compare two DICOM files, or two trees file by file: their pixels and their metadata.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("first", metavar="A", help="a file, a folder or an fsspec URL")
    parser.add_argument("second", metavar="B", help="what to compare it with")
    parser.add_argument("--include", action="append", metavar="PATTERN", help="compare only these names (repeatable)")
    parser.add_argument(
        "--exclude", action="append", metavar="PATTERN", help="leave these names or folders (repeatable)"
    )
    parser.add_argument(
        "--with",
        action="append",
        dest="engines",
        metavar="ENGINE",
        help=f"decode with another decoder, too (repeatable): {', '.join(witness.engine_names())}",
    )
    parser.add_argument("--with-required", action="store_true", help="fail where such a decoder cannot decode a file")
    parser.add_argument(
        "--report", action="append", metavar="FILE", help=f"write a report (repeatable): {', '.join(SUFFIXES)}"
    )
    parser.add_argument("--threads", type=thread_count, metavar="N", help="workers (default: as many as CPUs)")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout, and nothing else")
    parser.add_argument("--quiet", action="store_true", help="say nothing but what differs")
    parser.set_defaults(run=run)


def _is_folder(path: str) -> bool | None:
    """Whether a path is a folder; None if nothing is there."""
    if not is_url(path):
        return os.path.isdir(path) if os.path.exists(path) else None
    from dcmturbo.archives.urls import file_system

    system, inner = file_system(path)
    return bool(system.isdir(inner)) if system.exists(inner) else None


def _files(root: str, filters: Filters, output: Output) -> dict[str, str]:
    def tell(kind: str, path: str, message: str) -> None:
        if kind == "failed":
            output.fail(without_secrets(path), message)
        else:
            output.warn(without_secrets(path), message)

    found = find_files([root], filters, tell, leave_out=leave_out(None))
    return {file.relative: file.path for file in found}


def _compared(pairs: list[tuple[str, str, str]], workers: int) -> Iterator[tuple[tuple[str, str, str], Comparison]]:
    """Yield pairs with how they differ, in order, a few of them compared ahead."""
    # Fewer files than workers: the workers go on within files.
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
    """Return what is wrong with the arguments, empty if nothing is."""
    if None in folders:
        missing = (arguments.first, arguments.second)[folders.index(None)]
        return f"{without_secrets(missing)}: there is no such file or folder"
    for place, is_folder in zip(roots, folders, strict=True):
        if not is_folder and not is_url(place) and not os.path.isfile(place):
            return f"{place} is no regular file"
    if folders[0] != folders[1]:
        return "a folder is compared with a folder, a file with a file"
    if arguments.with_required and not arguments.engines:
        return "--with-required needs --with ENGINE"
    for place in arguments.report or ():
        if not suffix_of(place):
            return f"--report {place}: expected a name that ends with {' or '.join(SUFFIXES)}"
        if os.path.isdir(place):
            return f"--report {place} is a folder, expected the name of a file"
        if os.path.exists(place) and any(not is_url(root) and os.path.samefile(place, root) for root in roots):
            return f"--report {place} is an input itself"
    return ""


@dataclass
class _Found:
    """What was found so far."""

    output: Output
    is_required: bool
    rows: list[dict[str, Any]] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    expected: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    states: dict[str, Counter[str]] = field(default_factory=dict)
    otherwise: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    undecoded: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # by engine and reason

    def pair(self, name: str, comparison: Comparison, testimonies: list[Testimony]) -> None:
        self.kinds[comparison.kind] += 1
        self.expected.update({text.split(":")[0] for text in comparison.expected})
        reasons = [without_secrets(text) for text in comparison.reasons]
        for one in testimonies:
            self.states[one.engine][one.state] += 1
            if one.state == witness.DIFFERED:
                reasons.append(f"{one.engine} reads other pixels: {one.why}")
            elif one.state == witness.NOT_DECODED and self.is_required:
                reasons.append(f"{one.engine} could not decode it: {one.why}")
            elif one.why and one.state == witness.AGREED:
                self.otherwise.setdefault((one.engine, one.why), []).append(name)
            elif one.state == witness.NOT_DECODED:
                self.undecoded.setdefault((one.engine, one.why), []).append(name)
        row: dict[str, Any] = {"path": name, "state": "different" if reasons else "equal", "kind": comparison.kind}
        if testimonies:
            row["with"] = [{"engine": one.engine, "state": one.state, "why": one.why} for one in testimonies]
        self.rows.append(row)
        if not reasons:
            return
        self.output.fail(name, "; ".join(reasons), "Different")
        row |= {"what": reasons, "maximum_error": comparison.maximum_error, "expected": comparison.expected}
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

    def lonely(self, name: str, place: str) -> None:
        self.output.fail(name, f"only in the {place}", "Missing")
        self.missing.append((name, place))
        self.rows.append({"path": name, "state": "missing", "what": [f"only in the {place}"]})


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo verify``."""
    roots = [absolute(arguments.first), absolute(arguments.second)]
    folders = [_is_folder(root) for root in roots]
    wrong = _wrong_usage(arguments, roots, folders)
    if wrong:
        return output.usage("verify", wrong)
    try:
        engines = list(dict.fromkeys(witness.engine_named(text) for text in arguments.engines or ()))
    except ValueError as error:
        return output.usage("verify", f"--with: {error}")
    return _run(arguments, output, roots, bool(folders[0]), engines)


def _run(arguments: argparse.Namespace, output: Output, roots: list[str], is_tree: bool, engines: list[str]) -> int:
    found = _Found(output, arguments.with_required, states={name: Counter() for name in engines})
    same = _same_place(roots)
    if same:
        output.warn(
            without_secrets(arguments.first),
            "both are the same place: there is nothing to compare it with (what is transcoded in place is verified "
            "before it takes the place of its original)",
        )
    pairs: list[tuple[str, str, str]] = []
    if is_tree:
        filters = Filters(tuple(arguments.include or ()), tuple(arguments.exclude or ()))
        for name, first, second in pairs_of(*(_files(root, filters, output) for root in roots)):
            if first is None or second is None:
                found.lonely(name, "first" if second is None else "second")
            else:
                pairs.append((name, first, second))
    else:
        pairs.append((os.path.basename(roots[0]), roots[0], roots[1]))
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        advance = stack.enter_context(output.progress("comparing", len(pairs)))
        workers = stack.enter_context(Workers()) if engines else None
        warnings.simplefilter("ignore")  # both files are compared, whatever is odd about them
        witnesses = [Witness(name, workers) for name in engines] if workers is not None else []
        for (name, first, second), comparison in _compared(pairs, resolve_threads(arguments.threads)):
            is_image = comparison.kind == "image" and not comparison.problem
            found.pair(name, comparison, [one.look(first, second) for one in witnesses] if is_image else [])
            advance()
    if not arguments.quiet:
        _say(len(pairs), found, output)
    document = _document(arguments, len(pairs), found, same=same)
    for place in arguments.report or ():
        try:
            write_report(place, document, found.rows)
        except OSError as error:
            output.fail(place, error)
        else:
            if not arguments.quiet:
                output.say(f"written: {place}")
    output.result(document)
    return output.exit_code


def _document(arguments: argparse.Namespace, files: int, found: _Found, *, same: bool) -> dict[str, Any]:
    states = (witness.AGREED, witness.DIFFERED, witness.NOT_DECODED)
    return {
        "command": "verify",
        "first": without_secrets(arguments.first),
        "second": without_secrets(arguments.second),
        "same_place": same,
        "equal": not found.output.failures,
        "files": files,
        "compared": dict(sorted(found.kinds.items())),
        "expected": dict(sorted(found.expected.items())),
        "different": found.different,
        "missing": [{"path": name, "only_in": place} for name, place in found.missing],
        "with": {name: {state: counts[state] for state in states} for name, counts in found.states.items()},
        "not_decoded": [
            {"engine": engine, "why": why, "paths": paths} for (engine, why), paths in found.undecoded.items()
        ],
    }


def _say(files: int, found: _Found, output: Output) -> None:
    what = {"image": "images", "dataset": "datasets without pixels", "bytes": "other files, by their bytes"}
    parts = [f"{found.kinds[kind]} {name}" for kind, name in what.items() if found.kinds[kind]]
    output.say(f"{files} pairs compared: {', '.join(parts) or 'none'}")
    if found.expected:
        output.say("changed as transcoding does it:")
        output.facts([(name, f"in {count}") for name, count in sorted(found.expected.items())])
    for name, counts in found.states.items():
        output.say(
            f"{name}: {counts[witness.AGREED]} agreed, {counts[witness.DIFFERED]} differed, "
            f"{counts[witness.NOT_DECODED]} could not be decoded"
        )
    for said, places in (("could not decode", found.undecoded), ("agreed with itself on", found.otherwise)):
        for (engine, why), paths in places.items():
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            output.say(f"{engine} {said} {paths[0]}{more}: {why}")
    if output.failures:
        output.say(f"{len(found.different)} differ, {len(found.missing)} are in one place only")
    else:
        output.say("all equal")
