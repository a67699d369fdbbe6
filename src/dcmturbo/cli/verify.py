"""``dcmturbo verify``: whether two trees have the same pixels and metadata."""

from __future__ import annotations

import argparse
import os
import warnings
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dcmturbo.archives.comparison import Comparison, compare_objects, pairs_of
from dcmturbo.archives.runs import leave_out
from dcmturbo.archives.walk import Filters, absolute, find_files, is_url
from dcmturbo.cli.inputs import thread_count
from dcmturbo.cli.output import Output
from dcmturbo.configuration import resolve_threads

__all__ = ["add_parser", "run"]

_EPILOG = """\
Pixels are compared as they are stored, frame by frame: without colour conversion, with all bits. Elements are compared
by their bytes, or by their values where the encodings of the datasets differ; sequences item by item. What is not
DICOM, or cannot be decoded, is compared byte by byte.

What transcoding may change is listed apart, as expected: Transfer Syntax UID, Implementation Class UID and Version
Name, group lengths, Photometric Interpretation, Planar Configuration, Lossy Image Compression with Ratio and Method,
Extended Offset Table, and SOP Instance UID where the second object is a lossy one and the first is not.

examples:
  dcmturbo verify archive/ smaller/
  dcmturbo verify ct.dcm ct-htj2k.dcm --json

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
    parser.add_argument("--threads", type=thread_count, metavar="N", help="workers (default: as many as CPUs)")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout, and nothing else")
    parser.add_argument("--quiet", action="store_true", help="say nothing but what differs")
    parser.set_defaults(run=run)


def _is_folder(path: str) -> bool | None:
    """Whether a path is a folder; None if nothing is there."""
    if not is_url(path):
        return os.path.isdir(path) if os.path.exists(path) else None
    from dcmturbo.archives.places import file_system

    system, inner = file_system(path)
    return bool(system.isdir(inner)) if system.exists(inner) else None


def _files(root: str, filters: Filters, output: Output) -> dict[str, str]:
    def tell(kind: str, path: str, message: str) -> None:
        if kind == "failed":
            output.fail(path, message)
        else:
            output.warn(path, message)

    found = find_files([root], filters, tell, leave_out=leave_out(None))
    return {file.relative: file.path for file in found}


def _compared(pairs: list[tuple[str, str, str]], workers: int) -> Iterator[tuple[tuple[str, str, str], Comparison]]:
    """Yield the comparisons in order, some of them ahead."""
    with ThreadPoolExecutor(workers, thread_name_prefix="dcmturbo-verify") as pool:
        ahead: deque[tuple[tuple[str, str, str], Future[Comparison]]] = deque()
        try:
            for pair in pairs:
                ahead.append((pair, pool.submit(compare_objects, pair[1], pair[2])))
                if len(ahead) >= 4 * workers:
                    done, future = ahead.popleft()
                    yield done, future.result()
            while ahead:
                done, future = ahead.popleft()
                yield done, future.result()
        finally:
            for _pair, future in ahead:
                future.cancel()


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo verify``."""
    roots = [absolute(arguments.first), absolute(arguments.second)]
    folders = [_is_folder(root) for root in roots]
    if None in folders:
        missing = (arguments.first, arguments.second)[folders.index(None)]
        return output.usage("verify", f"{missing}: there is no such file or folder")
    if folders[0] != folders[1]:
        return output.usage("verify", "a folder is compared with a folder, a file with a file")
    differing: list[dict[str, Any]] = []
    missing_names: list[tuple[str, str]] = []
    pairs: list[tuple[str, str, str]] = []
    if folders[0]:
        filters = Filters(tuple(arguments.include or ()), tuple(arguments.exclude or ()))
        for name, first, second in pairs_of(*(_files(root, filters, output) for root in roots)):
            if first is None or second is None:
                missing_names.append((name, "first" if second is None else "second"))
            else:
                pairs.append((name, first, second))
    else:
        pairs.append((os.path.basename(roots[0]), roots[0], roots[1]))
    expected: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with warnings.catch_warnings(), output.progress("comparing", len(pairs)) as advance:
        warnings.simplefilter("ignore")  # both files are compared, whatever is odd about them
        for (name, _first, _second), comparison in _compared(pairs, resolve_threads(arguments.threads)):
            advance()
            kinds[comparison.kind] += 1
            expected.update({text.split(":")[0] for text in comparison.expected})
            if comparison.is_equal:
                continue
            reasons = [part for part in (comparison.problem, comparison.pixels) if part] + comparison.elements
            output.fail(name, "; ".join(reasons), "Different")
            differing.append(
                {
                    "path": name,
                    "pixels": comparison.pixels or None,
                    "maximum_error": comparison.maximum_error,
                    "elements": comparison.elements,
                    "expected": comparison.expected,
                    "not_compared": comparison.problem or None,
                }
            )
    for name, place in missing_names:
        output.fail(name, f"only in the {place}", "Missing")
    if not arguments.quiet:
        _say(len(pairs), kinds, differing, missing_names, expected, output)
    output.result(
        {
            "command": "verify",
            "equal": not output.failures,
            "files": len(pairs),
            "compared": dict(sorted(kinds.items())),
            "expected": dict(sorted(expected.items())),
            "different": differing,
            "missing": [{"path": name, "only_in": place} for name, place in missing_names],
        }
    )
    return output.exit_code


def _say(
    files: int,
    kinds: Counter[str],
    differing: list[dict[str, Any]],
    missing: list[tuple[str, str]],
    expected: Counter[str],
    output: Output,
) -> None:
    what = {"image": "images", "dataset": "datasets without pixels", "bytes": "other files, by their bytes"}
    parts = [f"{kinds[kind]} {name}" for kind, name in what.items() if kinds[kind]]
    output.say(f"{files} pairs compared: {', '.join(parts) or 'none'}")
    if expected:
        output.say("changed as transcoding does it:")
        output.facts([(name, f"in {count}") for name, count in sorted(expected.items())])
    if output.failures:
        output.say(f"{len(differing)} differ, {len(missing)} are in one place only")
    else:
        output.say("all equal")
