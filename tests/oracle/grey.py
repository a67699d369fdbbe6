"""Grey levels from the formulas of PS3.3, C.11.1 and C.11.2, in fractions: slow, and exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Rescale:
    """C.11.1.1.2: RescaleSlope and RescaleIntercept, as the decimal numbers that the object states."""

    slope: str = "1"
    intercept: str = "0"

    def value(self, stored: int) -> Fraction:
        return Fraction(self.slope) * stored + Fraction(self.intercept)


@dataclass(frozen=True)
class Table:
    """C.11.1.1.1 and C.11.2.1.1: the entries of a Modality LUT or VOI LUT, and the value that the first stands for."""

    first: int
    entries: Sequence[int]
    bits: int

    def entry(self, value: Fraction) -> int:
        nearest = math.floor(value + HALF)
        return self.entries[min(max(nearest - self.first, 0), len(self.entries) - 1)]

    def value(self, stored: int) -> Fraction:
        return Fraction(self.entry(Fraction(stored)))

    def level(self, value: Fraction) -> Fraction:
        return Fraction(self.entry(value), (1 << self.bits) - 1)


@dataclass(frozen=True)
class Window:
    """C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2: the functions LINEAR, SIGMOID and LINEAR_EXACT."""

    center: str
    width: str
    function: str = "LINEAR"

    def level(self, value: Fraction) -> Fraction:
        center, width = Fraction(self.center), Fraction(self.width)
        if self.function == "SIGMOID":
            power = float(-4 * (value - center) / width)
            return Fraction(0) if power > 700 else Fraction(1 / (1 + math.exp(power)))
        if self.function == "LINEAR":
            center, width = center - HALF, width - 1
        if value <= center - width / 2:
            return Fraction(0)
        if value > center + width / 2:
            return Fraction(1)
        return (value - center) / width + HALF


@dataclass(frozen=True)
class Extremes:
    """From the smallest to the largest value."""

    low: Fraction
    high: Fraction

    def level(self, value: Fraction) -> Fraction:
        span = self.high - self.low
        return min(max((value - self.low) / span, Fraction(0)), Fraction(1)) if span else Fraction(0)


def grey_levels(
    stored: Sequence[int], modality: Rescale | Table, voi: Window | Table | Extremes | None, *, inverted: bool
) -> list[float]:
    """Return levels from 0 to 255 that are not rounded; None as the VOI: from the smallest to the largest value."""
    values = [modality.value(number) for number in stored]
    shown = Extremes(min(values), max(values)) if voi is None else voi
    levels = [float(255 * shown.level(value)) for value in values]
    return [255 - level for level in levels] if inverted else levels
