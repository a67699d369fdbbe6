"""Dry runs: what an archive would become, from a sample of its files."""

from __future__ import annotations

import contextlib
import math
import os
import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace

from dcmturbo.archives.walk import Found
from dcmturbo.archives.work import Outcome, Settings, Task, do_one

__all__ = ["Estimate", "estimate_archive"]

_SAMPLE_FILES = 32
_SAMPLE_BYTES = 512 << 20
_SEED = 5  # the same files each time


@dataclass(frozen=True)
class Estimate:
    """What an archive would become.

    Attributes
    ----------
    files, bytes_before : int
        All that was found.
    bytes_after : int
        Estimated.
    standard_error : float
        Of `bytes_after`, as a part of it.
    seconds : float
        Estimated, with all workers.
    sampled_files, sampled_bytes : int
        What was transcoded for it.
    """

    files: int
    bytes_before: int
    bytes_after: int
    standard_error: float
    seconds: float
    sampled_files: int
    sampled_bytes: int

    def describe(self) -> str:
        """Return how it was done, as a sentence."""
        if not self.sampled_files:
            return "nothing could be sampled"
        if self.sampled_files == self.files:
            return "every file was transcoded into a temporary folder"
        return (
            f"{self.sampled_files} of {self.files} files, drawn at random, were transcoded into a temporary folder, "
            f"and their ratio applied to all; one standard error is {100 * self.standard_error:.1f} %"
        )


def estimate_archive(
    found: Iterable[Found], settings: Settings, workers: int
) -> tuple[Estimate, list[tuple[Task, Outcome]]]:
    """Estimate size and time.

    Parameters
    ----------
    found : iterable of Found
        The files; all are counted, some are transcoded.
    settings : Settings
        What holds for all.
    workers : int
        How many would do the work.

    Returns
    -------
    (Estimate, list of (Task, Outcome))
        The estimate; what failed in the sample.
    """
    # A reservoir: each file has the same chance, however many there are, and few are kept.
    draw = random.Random(_SEED)
    sample: list[Found] = []
    files = total = 0
    for file in found:
        files += 1
        total += file.size
        if len(sample) < _SAMPLE_FILES:
            sample.append(file)
        elif (place := draw.randrange(files)) < _SAMPLE_FILES:
            sample[place] = file
    settings = replace(settings, in_place=False, fsync=False, copies=False)
    pairs: list[tuple[int, int]] = []
    failed = []
    seconds = 0.0
    with tempfile.TemporaryDirectory(prefix="dcmturbo-") as folder:
        place_of_output = os.path.join(folder, "output")
        for file in sample:
            if sum(before for before, _ in pairs) + file.size > _SAMPLE_BYTES:
                continue
            task = Task(0, file.path, place_of_output)
            outcome = do_one(task, settings, 1)
            seconds += outcome.seconds
            if outcome.status == "failed":
                failed.append((task, outcome))
                continue
            pairs.append((file.size, outcome.bytes_after))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place_of_output)
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
        ),
        failed,
    )


def _relative_error(pairs: list[tuple[int, int]], ratio: float, files: int) -> float:
    """Return the standard error of a ratio estimate, as a part of it (Cochran, Sampling Techniques, 6.4)."""
    count = len(pairs)
    if count < 2 or not ratio:
        return 0.0
    mean = sum(before for before, _ in pairs) / count
    variance = sum((after - ratio * before) ** 2 for before, after in pairs) / (count - 1)
    return math.sqrt(max(0.0, 1 - count / files) * variance / count) / (mean * ratio)
