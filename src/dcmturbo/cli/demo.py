"""``dcmturbo demo``: decode the files that pydicom ships, check every pixel, and show it."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.bench import peers
from dcmturbo.cli import demo_encode
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_common
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import encode_png, write_whole
from dcmturbo.errors import Error, NoPixelData, NotDicom
from dcmturbo.formats.syntaxes import find_transfer_syntax
from dcmturbo.pictures.sheet import Thumbnail, contact_sheet
from dcmturbo.wording import short, significant

__all__ = ["add_parser", "run"]

_SECONDS_A_FILE = 0.25  # for timing: the whole demo takes seconds, not minutes
_ROUNDS = 15

_EPILOG = """\
The files are part of the pydicom package, so nothing is downloaded. Their pixels are compared with digests that other
decoders made (pydicom's plugins and GDCM; see scripts/make_demo_digests.py). If a plugin of pydicom can decode a file,
the pixels are also compared with its result, and the speed of both is measured: path to array, median of a few rounds.
To measure your own files, use dcmturbo bench.

The first table has a row for each transfer syntax, the compressed ones first. With --all, it has a row for each file.
The second table shows an image that was encoded in every transfer syntax that dcmturbo can encode, and decoded again.

All pictures are written to DIR/contact-sheet.png. The exit code is 1 if any pixel is wrong.
"""


def add_parser(commands: Any) -> None:
    """Add ``demo`` to the commands."""
    parser = commands.add_parser(
        "demo",
        help="decode and check the files that pydicom ships",
        description=(
            "Decode the files that pydicom ships, check every pixel, measure the speed, and make a contact sheet."
        ),
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "-o",
        "--output",
        default="dcmturbo-demo",
        metavar="DIR",
        help="folder for the contact sheet (default: dcmturbo-demo)",
    )
    parser.add_argument("--all", action="store_true", help="show a row for each file, not for each transfer syntax")
    add_common(parser, run, paths=False)


@dataclass
class Decoded:
    """A file of the demo and its results."""

    name: str
    keyword: str
    array: np.ndarray
    photometric: str
    digest: str  # "match", "mismatch", or why there was no comparison
    samples: int
    milliseconds: float | None = None
    peer: str | None = None
    ratio: float | None = None
    difference: str = ""  # how a plugin of pydicom differs

    @property
    def checked(self) -> bool:
        """Whether there was a digest to compare with."""
        return self.digest in ("match", "mismatch")

    @property
    def good(self) -> bool:
        """Whether no comparison has failed."""
        return self.digest != "mismatch"

    @property
    def speed(self) -> float | None:
        """Million samples a second."""
        return None if not self.milliseconds else self.samples / self.milliseconds / 1000

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "file": self.name,
            "transfer_syntax": self.keyword,
            "shape": list(self.array.shape),
            "dtype": self.array.dtype.name,
            "digest": self.digest,
            "milliseconds": significant(self.milliseconds),
            "msamples_per_second": significant(self.speed),
            "fastest_peer": self.peer,
            "times_as_fast": significant(self.ratio),
            "peers_that_differ": self.difference or None,
        }


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo demo``."""
    begin = time.perf_counter()
    folder = Path(str(resources.files("pydicom"))) / "data" / "test_files"
    committed = json.loads((resources.files("dcmturbo.cli") / "demo.json").read_text(encoding="utf-8"))
    found = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    paths = sorted(found, key=lambda path: (path.parent != folder, path))  # small files in subfolders last
    decoded: list[Decoded] = []
    refused: list[tuple[str, str]] = []
    without = 0
    with output.progress("decoding", len(paths)) as advance, peers.quiet():
        for path in paths:
            name = path.relative_to(folder).as_posix()
            try:
                decoded.append(_decode(path, name, committed))
            except (NoPixelData, NotDicom):
                without += 1
            except Error as error:
                refused.append((name, error.reason))
            advance()
        encodings = demo_encode.round_trips(folder)
    # These are damaged on purpose, and no decoder has pixels of them. A file that others can decode counts as a
    # failure.
    wrongly_refused = [(name, why) for name, why in refused if name in committed["files"]]
    for name, why in wrongly_refused:
        output.fail(name, why, kind="DecodeError")
    for file in decoded:
        if not file.good:
            output.fail(file.name, "the pixels differ from those of other decoders", kind="Mismatch")
    for trip in encodings:
        if not trip.good:
            output.fail(
                trip.keyword, f"encoding and decoding again gave another result: {trip.result}", kind="Mismatch"
            )
    if not decoded:
        output.fail(str(folder), "pydicom's sample files are missing from this folder: reinstall pydicom")
    sheet = Path(arguments.output) / "contact-sheet.png"
    summary = _summary(decoded, encodings, wrongly_refused)
    try:
        _write_sheet(sheet, folder, decoded, summary)
    except OSError as error:
        output.fail(str(sheet), error)
    seconds = time.perf_counter() - begin
    _show(output, decoded, encodings, refused, without, summary, sheet, seconds, every_file=arguments.all)
    output.result(
        {
            "command": "demo",
            "files": [file.document() for file in decoded],
            "encodings": [trip.document() for trip in encodings],
            "refused": [{"file": name, "error": why} for name, why in refused],
            "without_pixel_data": without,
            "summary": summary,
            "contact_sheet": str(sheet),
            "versions": peers.versions(),
            "machine": peers.machine(),
            "seconds": significant(seconds),
        }
    )
    return output.exit_code


# ---- decoding -------------------------------------------------------------------------------------


def _decode(path: Path, name: str, committed: dict[str, Any]) -> Decoded:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored = dt.decode(path, raw=True)
        with dt.open(path) as image:
            syntax = find_transfer_syntax(image.transfer_syntax)
            photometric = image.source_photometric_interpretation
            may_round = not syntax.format.exact and not image.probe().lossless
        array = dt.decode(path)
        entry, unsettled = committed["files"].get(name), committed["unsettled"].get(name)
        digest = _compare_digest(path, stored, entry, unsettled)
        if digest == "mismatch" and may_round:
            # Right decoders of the irreversible wavelet may differ by 1: compare ours with the library's, which has the
            # digest.
            with dt.config.override(prefer="library"):
                reference = dt.decode(path, raw=True)
            if np.abs(stored.astype(np.int64) - reference).max() <= 1:
                digest = _compare_digest(path, reference, entry, unsettled)
    file = Decoded(name, syntax.keyword, array, photometric, digest, array.size)
    _against_pydicom(path, syntax.uid, peers.is_lossless(syntax), file)
    return file


def _compare_digest(path: Path, stored: np.ndarray, entry: dict[str, Any] | None, unsettled: str | None) -> str:
    if entry is None:
        return unsettled or "this file has no digest"
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry["file_sha256"]:
        return "this version of pydicom ships another file with this name"
    little = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<"))
    same = list(little.shape) == entry["shape"] and little.dtype.str == entry["dtype"]
    digest = hashlib.sha256(little.tobytes()).hexdigest()
    return "match" if same and digest in (entry["sha256"], *entry.get("also", ())) else "mismatch"


def _against_pydicom(path: Path, transfer_syntax: str, lossless: bool, file: Decoded) -> None:
    """Compare with each plugin of pydicom, and time those that agree."""
    available, _ = peers.pydicom_peers(str(path), transfer_syntax)
    agreeing: dict[str, peers.Decode] = {"dcmturbo": partial(dt.decode, path)}
    differences = []
    for peer in available:
        try:
            difference = peers.compare(file.array, peer.first(), lossless=lossless)
        except Exception:
            continue  # a plugin that claims to decode the file but cannot
        if difference:
            differences.append(f"{peer.name}: {difference}")
        else:
            agreeing[peer.name] = peer.decode
    file.difference = "; ".join(differences)
    medians, _ = peers.time_in_turn(agreeing, rounds=_ROUNDS, seconds=_SECONDS_A_FILE)
    ours = medians.pop("dcmturbo")
    file.milliseconds = ours * 1000
    if medians:
        file.peer = min(medians, key=lambda name: medians[name])
        file.ratio = medians[file.peer] / ours


# ---- showing it -------------------------------------------------------------------------------------


def _summary(
    decoded: list[Decoded], encodings: list[demo_encode.RoundTrip], refused: list[tuple[str, str]]
) -> dict[str, Any]:
    checked = [file for file in decoded if file.checked]
    ratios = [file.ratio for file in decoded if file.ratio]
    return {
        "files_checked": len(checked) + len(refused),
        "files_match": sum(file.good for file in checked),
        "encodings_checked": len(encodings),
        "encodings_good": sum(trip.good for trip in encodings),
        "files_timed_against_pydicom": len(ratios),
        "times_as_fast_as_pydicom": significant(peers.geometric_mean(ratios)),
        "threads": dt.config.threads,
    }


def _rows(decoded: list[Decoded]) -> list[tuple[Any, ...]]:
    """Return a row per file, compressed ones first; the many small ones of a DICOMDIR share a row."""
    groups: dict[str, list[Decoded]] = {}
    for file in sorted(decoded, key=lambda file: not find_transfer_syntax(file.keyword).encapsulated):
        name, slash, _ = file.name.partition("/")
        groups.setdefault(name + slash, []).append(file)
    return [_row(name, files) for name, files in groups.items()]


def _short_rows(decoded: list[Decoded]) -> list[tuple[Any, ...]]:
    """Return a row per transfer syntax, compressed ones first; without the shapes and types of files."""
    groups: dict[str, list[Decoded]] = {}
    for file in decoded:
        groups.setdefault(file.keyword, []).append(file)
    order = sorted(groups, key=lambda keyword: (not find_transfer_syntax(keyword).encapsulated, keyword))
    rows = []
    for keyword in order:
        _, _, _, _, result, *speeds = _row(keyword, groups[keyword])
        rows.append((keyword, str(len(groups[keyword])), result, *speeds))
    return rows


def _row(name: str, files: list[Decoded]) -> tuple[Any, ...]:
    results = {file.digest if file.checked else "not checked" for file in files}
    milliseconds = sum(file.milliseconds or 0 for file in files)
    ratio = peers.geometric_mean([file.ratio for file in files if file.ratio])
    return (
        f"{name} ({len(files)} files)" if name.endswith("/") else name,
        _each(file.keyword for file in files),
        _each(" x ".join(map(str, file.array.shape)) for file in files),
        _each(file.array.dtype.name for file in files),
        min(results, key=("mismatch", "not checked", "match").index),
        short(milliseconds),
        short(sum(file.samples for file in files) / milliseconds / 1000),
        f"{short(ratio)} x" if ratio else "",
        _each(file.peer for file in files if file.peer),
    )


def _each(texts: Iterable[str]) -> str:
    return ", ".join(sorted(set(texts)))


def _show(
    output: Output,
    decoded: list[Decoded],
    encodings: list[demo_encode.RoundTrip],
    refused: list[tuple[str, str]],
    without: int,
    summary: dict[str, Any],
    sheet: Path,
    seconds: float,
    *,
    every_file: bool,
) -> None:
    styles = {"match": "green", "equal": "green", "mismatch": "bold red", "not checked": "yellow"}
    speeds = (">ms", ">Msamples/s", ">speed", "against")
    if every_file:
        columns: tuple[str, ...] = ("file", "transfer syntax", ">shape", "dtype", "pixels", *speeds)
        drop: tuple[str, ...] = ("dtype", "against", ">Msamples/s", ">shape")
        output.table("Decoded", columns, _rows(decoded), drop=drop, styles=styles.get)
    else:
        columns, drop = ("transfer syntax", ">files", "pixels", *speeds), ("against", ">Msamples/s")
        output.table("Decoded", columns, _short_rows(decoded), drop=drop, styles=styles.get)
    output.say()
    headings = ("image", "transfer syntax", ">bytes", ">ratio", "decoded again", ">encode ms", ">decode ms")
    output.table(
        "Encoded, and decoded again",
        headings,
        [trip.row() for trip in encodings],
        drop=(">bytes", ">ratio"),
        styles=styles.get,
    )
    output.say()
    for name, why in refused:
        output.say(f"refused, because it is damaged: {name}: {why}", style="dim")
    for file in decoded:
        if not file.checked:
            output.say(f"not checked: {file.name}: {file.digest}", style="dim")
        if file.difference:
            output.say(f"differs from dcmturbo, so it is not ranked: {file.name}: {file.difference}", style="dim")
    output.say(f"{without} other files have no pixels", style="dim")
    output.say("pixels: compared with the digests of other decoders; ms: path to array with colour conversion, median")
    threads = f"{summary['threads']} thread{'' if summary['threads'] == 1 else 's'}"
    output.say(
        f"speed: times as fast as the fastest installed plugin of pydicom with the same pixels; dcmturbo: {threads}"
    )
    output.say()
    mean = summary["times_as_fast_as_pydicom"]
    output.say(
        f"{summary['files_match']} of {summary['files_checked']} files match the digests, "
        f"{summary['encodings_good']} of {summary['encodings_checked']} encodings decode to the right "
        "pixels"
        + (
            f", {mean:.1f} times as fast as pydicom (geometric mean of {summary['files_timed_against_pydicom']} files)"
            if mean
            else ""
        ),
        style="bold",
    )
    output.say(f"contact sheet: {sheet} ({seconds:.1f} s in all)")


def _picture(folder: Path, file: Decoded) -> np.ndarray:
    """Return the frame to show: the middle one of several."""
    with dt.open(folder / file.name) as image:
        return image.render(len(image) // 2, size=140)


def _write_sheet(sheet: Path, folder: Path, decoded: list[Decoded], summary: dict[str, Any]) -> None:
    thumbnails = []
    for file in decoded:
        shape = "x".join(map(str, file.array.shape))
        name = file.name.rsplit("/", 1)[-1].removesuffix(".dcm")
        lines = (name, file.keyword, f"{shape} {file.array.dtype.name}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thumbnails.append(Thumbnail(_picture(folder, file), lines, file.good if file.checked else None))
    subtitle = (
        f"{summary['files_match']} of {summary['files_checked']} files have the same pixels as with other decoders"
    )
    picture = contact_sheet(f"dcmturbo {dt.__version__}", subtitle, thumbnails)
    write_whole(sheet, lambda opened: opened.write(encode_png(picture)))
