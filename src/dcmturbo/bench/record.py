"""The result of ``dcmturbo bench`` as one document, from which tables, CSV and the page are made."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from dcmturbo.bench import peers
from dcmturbo.bench.engines import ENGINES, OURS
from dcmturbo.bench.measurement import Measured
from dcmturbo.wording import significant

__all__ = [
    "FORM",
    "NEVER_MEASURED",
    "Group",
    "disagreements",
    "engines",
    "groups",
    "printed",
    "reasons",
    "summary",
    "unexplained",
]

FORM = 5  # of the document

# Things that no option of the command measures.
NEVER_MEASURED = (
    "memory",
    "processes that decode several files at the same time",
    "the caches of disks and of network file systems",
)

_OTHERS = ("pydicom", "pydicom+gdcm", "pydicom+pillow", "pydicom+pyjpegls", "pydicom+pylibjpeg")


@dataclass(frozen=True)
class Group:
    """The files of a transfer syntax."""

    keyword: str
    files: list[Measured]

    def labels(self) -> list[str]:
        """Return the engines, with their threads, that decoded any of the files; dcmturbo first."""
        names = dict.fromkeys(label for file in self.files for label in file.seconds)
        return sorted(names, key=lambda label: not label.startswith(OURS))

    def common(self) -> tuple[list[Measured], dict[str, str]]:
        """Return the files that all figures are about, and the engines that decoded too few files for a figure.

        Bars for five files and for one of them cannot be compared. An engine is left out if it decoded fewer than half
        of the files that the others share. Several threads have no say, because files of one small frame are decoded on
        one thread only: a figure of several threads is left out if it is not about all of these files.
        """
        files = [file for file in self.files if not file.alone] or self.files
        left_out: dict[str, str] = {}
        several = {timing.label for file in self.files for timing in file.timings.values() if timing.threads > 1}
        labels = [label for label in self.labels() if label not in several]
        while True:
            common = [file for file in files if all(label in file.seconds for label in labels)]
            others = [label for label in labels if label != OURS]
            if not others:
                break
            fewest = min(others, key=lambda label: sum(label in file.seconds for file in files))
            without = [name for name in labels if name != fewest]
            more = sum(all(name in file.seconds for name in without) for file in files)
            if common and 2 * len(common) >= more:
                break
            left_out[fewest] = self._too_few(fewest)
            labels = without
        for label in self.labels():
            if label in several and not all(label in file.seconds for file in common):
                left_out[label] = self._too_few(label)
        return common, left_out

    def _too_few(self, label: str) -> str:
        count = sum(label in file.seconds for file in self.files)
        return f"timed with only {count} of {len(self.files)} files"

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        files, left_out = self.common()
        labels = [label for label in self.labels() if label not in left_out]
        return {
            "transfer_syntax": self.keyword,
            "files": len(self.files),
            "files_in_common": len(files),
            "samples": sum(file.subject.samples for file in files),
            "decoders": {label: self._entry(label, files) for label in labels},
            "left_out": left_out,
        }

    def _entry(self, label: str, files: list[Measured]) -> dict[str, Any]:
        timing = files[0].timings[label]
        seconds = sum(file.seconds[label] for file in files)
        cold = [statistics.median(file.timings[label].cold) for file in files if file.timings[label].cold]
        first = next((file.timings[label].first for file in files if file.timings[label].first is not None), None)
        ratios = [file.seconds[label] / file.seconds[OURS] for file in files if not file.alone]
        return {
            "engine": timing.engine,
            "threads": timing.threads,
            "files": len(files),
            "milliseconds": significant(seconds * 1000),
            "cold_milliseconds": significant(sum(cold) * 1000) if len(cold) == len(files) else None,
            "first_milliseconds": None if first is None else significant(first * 1000),
            "msamples_per_second": significant(sum(file.subject.samples for file in files) / seconds / 1e6),
            "dcmturbo_times_as_fast": None if label == OURS else significant(peers.geometric_mean(ratios)),
        }


def groups(files: list[Measured]) -> list[Group]:
    """Return the files by transfer syntax, in order of appearance."""
    keywords = dict.fromkeys(file.keyword for file in files)
    return [Group(keyword, [file for file in files if file.keyword == keyword]) for keyword in keywords]


def summary(files: list[Measured]) -> dict[str, Any]:
    """Return the speed of dcmturbo on one thread relative to the fastest engine of each file."""
    compared = [file for file in files if file.ratio is not None]
    ratios = [file.ratio for file in compared if file.ratio is not None]
    rounds = [
        len(file.timings[label].warm) for file in compared for label in (OURS, file.fastest_peer) if label is not None
    ]
    peers_seconds = [file.seconds[file.fastest_peer] for file in compared if file.fastest_peer]
    return {
        "files": len(files),
        "files_compared": len(ratios),
        "least_rounds": min(rounds, default=0),
        "most_rounds": max(rounds, default=0),
        "dcmturbo_times_as_fast": significant(peers.geometric_mean(ratios)),
        "lowest": significant(min(ratios)) if ratios else None,
        "highest": significant(max(ratios)) if ratios else None,
        "milliseconds": significant(sum(file.seconds[OURS] for file in compared) * 1000),
        "fastest_peers_milliseconds": significant(sum(peers_seconds) * 1000),
        "slower_than_a_peer": sum(ratio < 1 for ratio in ratios),
    }


def unexplained(files: list[Measured]) -> list[dict[str, Any]]:
    """Return the engines whose answers are unknown, with the reasons and the files."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in files:
        for name, why in file.unexplained.items():
            found.setdefault((name, why), []).append(file.subject.path)
    return [{"engine": name, "why": why, "paths": paths} for (name, why), paths in found.items()]


def printed(files: list[Measured]) -> list[dict[str, Any]]:
    """Return what engines printed, with the files about which they printed it."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in files:
        for name, words in file.printed.items():
            found.setdefault((name, words), []).append(file.subject.path)
    return [{"engine": name, "words": words, "paths": paths} for (name, words), paths in found.items()]


def disagreements(files: list[Measured]) -> list[dict[str, Any]]:
    """Return the files for which engines returned other pixels than dcmturbo."""
    return [
        {
            "path": file.subject.path,
            "transfer_syntax": file.keyword,
            "agreement": file.groups,
            "differing": file.differing,
            "dcmturbo_alone_against": file.alone,
        }
        for file in files
        if file.differing
    ]


def reasons(files: list[Measured]) -> dict[str, dict[str, list[str]]]:
    """Return, by engine and reason, the files for which it was not timed."""
    found: dict[str, dict[str, list[str]]] = {}
    for file in files:
        whys = {
            **file.absent,
            **{name: f"other pixels: {why}" for name, why in file.differing.items()},
            **file.failing,
        }
        for name, why in whys.items():
            found.setdefault(name, {}).setdefault(why, []).append(file.subject.path)
    return found


def engines(files: list[Measured]) -> list[dict[str, Any]]:
    """Return every engine of the command: its version, the files it was timed with, and the reasons for the others."""
    whys = reasons(files)
    versions = peers.versions()
    packages = {engine.name: engine.package for engine in ENGINES} | {
        OURS: OURS,
        "pydicom": "pydicom",
        "pydicom+gdcm": "python-gdcm",
        "pydicom+pillow": "pillow",
        "pydicom+pyjpegls": "pyjpegls",
        "pydicom+pylibjpeg": "pylibjpeg",
    }
    timed = {timing.engine for file in files for timing in file.timings.values() if timing.warm}
    names = dict.fromkeys([OURS, *_OTHERS, *(engine.name for engine in ENGINES), *sorted(timed | set(whys))])
    documents = []
    for name in names:
        package = packages.get(name, "")
        missing = next((engine.missing() for engine in ENGINES if engine.name == name), "")
        if not missing and package and package not in versions:
            missing = f"it is not installed (pip install {package})"
        documents.append(
            {
                "name": name,
                "package": package or None,
                "version": versions.get(package),
                "missing": missing or None,
                "files": sum(name in file.seconds for file in files),
                "not_timed": {why: len(paths) for why, paths in sorted(whys.get(name, {}).items())},
            }
        )
    return documents
