"""Random objects of every kind of grey levels, against the formulas of PS3.3 in fractions, and against DCMTK."""

from __future__ import annotations

import random
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.pictures import lut, made, saved
from oracle.grey import Extremes, Rescale, Table, Window, grey_levels
from pydicom.dataset import Dataset

import dcmturbo as dt

DCMTK = shutil.which("dcmj2pnm")
SHAPE = (16, 16)

SLOPES = {
    "whole": (["1", "2", "3", "10"], ["0", "-1024", "100"]),
    "fractional": (["0.5", "0.25", "1.7", "0.03125", "2.71828182846"], ["0", "-0.5", "-1024.3", "0.1"]),
    "negative": (["-1", "-0.5", "-3.3"], ["0", "100", "-7.25"]),
    "tiny": (["0.00012207", "1e-7", "3.0517578125e-5"], ["0", "0.3", "-0.95"]),
    "huge": (["123456.789", "1e9", "4.5e7"], ["0", "-1e12", "98765.4321"]),
}


def decimal(number: float) -> str:
    """Return a number in at most 16 characters, as in a DS."""
    return next(text for digits in range(15, 0, -1) if len(text := f"{number:.{digits}g}") <= 16)


class Drawn:
    """An object, and what its levels are made of. The draw depends on the seed alone."""

    def __init__(self, seed: int, *, whole: bool) -> None:
        self._draw = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        choose = self._draw.choice
        bits, signed = choose([8, 10, 12, 16]), choose([False, True])
        low = -(1 << bits - 1) if signed else 0
        ends = choose([(low, low + (1 << bits)), (low + 20, low + 120), (low + 5, low + 6)])
        cell = np.dtype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}")
        self.pixels = self._noise.integers(*ends, SHAPE).astype(cell)
        self.inverted = choose([False, True])
        attributes: dict[str, Any] = {"PhotometricInterpretation": "MONOCHROME1" if self.inverted else "MONOCHROME2"}
        self.modality: Rescale | Table = Rescale()
        kind = choose(["rescale", "rescale", "rescale", "table"])
        if kind == "table":
            self.modality = self._table(int(self.pixels.min()) - 3, [256, 1000], [8, 12, 16])
            attributes["ModalityLUTSequence"] = _sequence(self.modality)
            attributes["ModalityLUTSequence"][0].ModalityLUTType = "US"
        else:
            slopes, intercepts = SLOPES["whole" if whole else choose(list(SLOPES))]
            self.modality = Rescale(choose(slopes), choose(intercepts))
            attributes |= {"RescaleSlope": self.modality.slope, "RescaleIntercept": self.modality.intercept}
        values = [self.modality.value(int(number)) for number in np.unique(self.pixels)]
        self.voi = self._voi(min(values), max(values), whole=whole)
        if isinstance(self.voi, Window):
            attributes |= {"WindowCenter": self.voi.center, "WindowWidth": self.voi.width}
            attributes["VOILUTFunction"] = self.voi.function
        elif isinstance(self.voi, Table):
            attributes["VOILUTSequence"] = _sequence(self.voi)
        elif bits == 8:  # all of the range that the bits have
            stored = (low, low + 255)
            ends_of = [self.modality.value(number) for number in stored]
            if isinstance(self.modality, Table):
                ends_of = [Fraction(0), Fraction((1 << self.modality.bits) - 1)]
            self.voi = Extremes(min(ends_of), max(ends_of))
        self.object: Dataset = made(self.pixels, bits, **attributes)

    def _table(self, first: int, counts: list[int], bits: list[int]) -> Table:
        count, depth = self._draw.choice(counts), self._draw.choice(bits)
        return Table(first, np.sort(self._noise.integers(0, 1 << depth, count)).tolist(), depth)

    def _voi(self, low: Fraction, high: Fraction, *, whole: bool) -> Window | Table | Extremes | None:
        choose, span = self._draw.choice, float(high - low) or 10.0
        kind = choose(["window", "window", "window", "table", "table", "nothing"])
        if whole and kind == "nothing":
            kind = "window"
        least = -32768 if low < 0 else 0
        if kind == "table" and least <= low and high < 32768:
            first = max(int(low) + choose([-5, 0, 7]), least)
            return self._table(first, [60, 256, 1000], [8, 10, 12, 16])
        if kind == "nothing":
            return None
        function = choose(["LINEAR", "SIGMOID"] if whole else ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
        width = choose([1, 1.5, 3, span / 3, span / 1.7, span * 50, span / 500])
        if function == "LINEAR" or whole:
            width = max(width, 1)
        center = float(low) + span * choose([-2, 0.1, 0.5, 0.77, 3])
        if choose([False, True]):
            center, width = round(center), max(1, round(width))
        return Window(decimal(center), decimal(width), function)

    def expected(self) -> np.ndarray:
        levels = grey_levels(self.pixels.ravel().tolist(), self.modality, self.voi, inverted=self.inverted)
        return np.array(levels).reshape(SHAPE)


def _sequence(table: Table) -> Any:
    return lut(table.first, np.array(table.entries, np.uint16), table.bits)


@pytest.mark.parametrize("seed", range(150))
def test_levels_are_those_of_the_formulas(seed):
    drawn = Drawn(seed, whole=False)
    assert np.abs(dt.render(drawn.object) - drawn.expected()).max() <= 0.5 + 1e-6


def dcmtk(path: Path, *options: str) -> np.ndarray:
    """Return the picture of DCMTK, from a PGM file."""
    run = subprocess.run([DCMTK, "-q", "+op", *options, path], check=True, timeout=60, capture_output=True)
    size = SHAPE[0] * SHAPE[1]
    return np.frombuffer(run.stdout[-size:], np.uint8).reshape(SHAPE)


@pytest.mark.skipif(DCMTK is None, reason="DCMTK is not installed")
@pytest.mark.parametrize("seed", range(1000, 1060))
def test_dcmtk_shows_the_same_levels_of_whole_numbers(tmp_path, seed):
    """After a rescale with fractions, DCMTK cuts values to integers, and it has no LINEAR_EXACT."""
    drawn = Drawn(seed, whole=True)
    path = saved(drawn.object, tmp_path)
    found = dcmtk(path, "+Wi" if isinstance(drawn.voi, Window) else "+Wl", "1")
    assert np.abs(dt.render(path).astype(int) - found).max() <= 1


@pytest.mark.skipif(DCMTK is None, reason="DCMTK is not installed")
def test_dcmtk_cuts_rescaled_values_to_integers(tmp_path):
    """The reason of most differences, as the documentation says it."""
    pixels = np.arange(256, dtype=np.uint8).reshape(SHAPE)
    ds = made(pixels, RescaleSlope="0.1", RescaleIntercept="0", WindowCenter=10, WindowWidth=11)
    found, theirs = dt.render(ds).astype(int), dcmtk(saved(ds, tmp_path), "+Wi", "1").astype(int)
    assert np.abs(found - theirs).max() > 10
    cut = made(pixels // 10, WindowCenter=10, WindowWidth=11)
    assert np.abs(dt.render(cut).astype(int) - theirs).max() <= 1
