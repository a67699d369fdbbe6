"""Dry runs: estimate the result of a run from a sample of its files."""

from __future__ import annotations

import contextlib
import math
import os
import random
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace

from dcmturbo.archives.manifest import Manifest
from dcmturbo.archives.operation import Settings
from dcmturbo.archives.outcome import Task
from dcmturbo.archives.ownership import DestinationExistsError, identity_of, is_still
from dcmturbo.archives.result import Estimate, Failure
from dcmturbo.archives.walk import Found, join_destination
from dcmturbo.archives.workers import close_spare_workers, do_files_apart
from dcmturbo.urls import file_system, is_url

__all__ = ["TakenPlaces", "estimate_archive"]

_SAMPLE_FILES = 32
_SAMPLE_BYTES = 512 << 20
_SEED = 5  # seed: the same files each time


class TakenPlaces:
    """The places of a destination that are taken.

    Parameters
    ----------
    target : str
        The destination.
    manifest : Manifest or None
        The manifest of the destination, if there is one.
    """

    def __init__(self, target: str, manifest: Manifest | None) -> None:
        self._target, self._manifest = target, manifest
        self._objects: set[str] | None = None
        if is_url(target):
            system, self._root = file_system(target)
            # List each folder once instead of asking for each file.
            names = system.find(self._root) if system.exists(self._root) else ()
            self._objects = {str(name).strip("/") for name in names}

    def place_of(self, relative: str) -> str:
        """Return the path or URL of a file."""
        return join_destination(self._target, relative)

    def is_taken(self, relative: str) -> bool:
        """Whether a file is there that dcmturbo did not write."""
        if self._objects is not None and f"{self._root.strip('/')}/{relative}" not in self._objects:
            return False
        destination = self.place_of(relative)
        standing = identity_of(destination)
        if standing is None:
            return False
        done = None if self._manifest is None else self._manifest.find(destination)
        return done is None or not is_still(standing, done.output)


def estimate_archive(
    found: Iterable[Found], settings: Settings, workers: int, taken: TakenPlaces | None = None
) -> tuple[Estimate, list[Failure]]:
    """Estimate size and time.

    Parameters
    ----------
    found : iterable of Found
        The files. All are counted, some are transcoded.
    settings : Settings
        What holds for all.
    workers : int
        The number of workers of the real run.
    taken : TakenPlaces, optional
        Of the destination.

    Returns
    -------
    (Estimate, list of Failure)
        The estimate, the failures of the sample, and the places that are taken (unless they may be replaced).
    """
    # Reservoir sampling: each file has the same probability, whatever the number of files, and few are kept.
    draw = random.Random(_SEED)
    sample: list[Found] = []
    failures: list[Failure] = []
    files = total = not_ours = 0
    for file in found:
        files += 1
        total += file.size
        if taken is not None and taken.is_taken(file.relative):
            not_ours += 1
            if not settings.overwrite:
                error = DestinationExistsError(taken.place_of(file.relative))
                failures.append(Failure(file.path, error.destination, str(error), type(error).__name__))
                continue
        if len(sample) < _SAMPLE_FILES:
            sample.append(file)
        elif (place := draw.randrange(files)) < _SAMPLE_FILES:
            sample[place] = file
    settings = replace(settings, in_place=False, fsync=False, overwrite=False, only_estimates=True)
    pairs: list[tuple[int, int]] = []
    seconds = 0.0
    with tempfile.TemporaryDirectory(prefix="dcmturbo-") as folder:
        place_of_output = os.path.join(folder, "output")
        for file in sample:
            used = sum(before for before, _ in pairs)
            if used + file.size > _SAMPLE_BYTES and (pairs or shutil.disk_usage(folder).free < 2 * file.size):
                continue
            task = Task(0, file.path, place_of_output)
            (outcome,) = do_files_apart([task], settings)
            seconds += outcome.seconds
            if outcome.status in ("failed", "died"):
                failures.append(Failure(file.path, "", outcome.error or "", outcome.error_type or ""))
                continue
            if outcome.status != "left_out":
                pairs.append((file.size, outcome.bytes_after))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place_of_output)
    close_spare_workers()
    before, after = (sum(column) for column in zip(*pairs, strict=True)) if pairs else (0, 0)
    ratio = after / before if before else 1.0
    return (
        Estimate(
            files=files,
            bytes_before=total,
            bytes_after=total if not before else round(total * ratio),
            standard_error=0.0 if len(pairs) == files else _relative_error(pairs, ratio, files),
            seconds=seconds * (total / before if before else 1.0) / max(workers, 1),
            sampled_files=len(pairs),
            sampled_bytes=before,
            taken=not_ours,
        ),
        failures,
    )


def _relative_error(pairs: list[tuple[int, int]], ratio: float, files: int) -> float:
    """Return the relative standard error of a ratio estimate (Cochran, Sampling Techniques, 6.4)."""
    count = len(pairs)
    if count < 2 or not ratio:
        return 0.0
    mean = sum(before for before, _ in pairs) / count
    variance = sum((after - ratio * before) ** 2 for before, after in pairs) / (count - 1)
    return math.sqrt(max(0.0, 1 - count / files) * variance / count) / (mean * ratio)
