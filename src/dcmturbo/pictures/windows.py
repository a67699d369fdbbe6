"""VOI windows (PS3.3, C.11.2), and the choice between what the file has and what the user wants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

__all__ = ["Choice", "Range", "Window", "choose"]


@dataclass(frozen=True)
class Window:
    """A window on values after the modality transform.

    Attributes
    ----------
    center, width : float
        In units of the modality, for instance Hounsfield units.
    function : str
        VOILUTFunction: LINEAR, LINEAR_EXACT or SIGMOID (PS3.3, C.11.2.1.3).
    """

    center: float
    width: float
    function: str = "LINEAR"

    @property
    def is_valid(self) -> bool:
        """Whether the standard allows this width (PS3.3, C.11.2.1.2 and C.11.2.1.3)."""
        return self.width >= 1 if self.function == "LINEAR" else self.width > 0

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Return levels from 0 to 1, as float64."""
        offset = values - self.center
        with np.errstate(over="ignore"):
            if self.function == "SIGMOID":
                return 1.0 / (1.0 + np.exp(-4.0 * offset / self.width))
            if self.function == "LINEAR_EXACT":
                return np.clip(offset / self.width + 0.5, 0.0, 1.0)
        if self.width <= 1:  # a step: the border is the exact one, as that of the values is
            return (values > float(Fraction(repr(float(self.center))) - Fraction(1, 2))).astype(np.float64)
        return np.clip((offset + 0.5) / (self.width - 1.0) + 0.5, 0.0, 1.0)

    def __str__(self) -> str:
        """Describe the window in the words of the command line."""
        function = "" if self.function == "LINEAR" else f" {self.function}"
        return f"{self.center:g},{self.width:g}{function}"


@dataclass(frozen=True)
class Range:
    """Values that become black and white.

    Attributes
    ----------
    low, high : float
        The value that becomes black, and the one that becomes white.
    """

    low: float
    high: float

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Return levels from 0 to 1, as float64; 0 for NaN."""
        with np.errstate(invalid="ignore", over="ignore"):
            if not self.high > self.low:
                return np.zeros(np.shape(values))
            part = 1.0 if self.high - self.low < np.inf else 0.5  # the span of all floats is infinite
            scaled = (values.astype(np.float64) * part - self.low * part) / (self.high * part - self.low * part)
            return np.clip(np.nan_to_num(scaled, nan=0.0), 0.0, 1.0)


@dataclass(frozen=True)
class Choice:
    """How grey levels are chosen.

    Attributes
    ----------
    kind : {"file", "lut", "auto", "none", "window", "range"}
        The file's window, or its VOI LUT if it has no window; its VOI LUT; the smallest to the largest value; the
        range that the stored bits allow; a given window; a given range of stored values.
    number : int
        Which of the file's windows or VOI LUTs, counted from 1.
    window : Window, optional
        With "window".
    limits : Range, optional
        With "range".
    """

    kind: Literal["file", "lut", "auto", "none", "window", "range"] = "file"
    number: int = 1
    window: Window | None = None
    limits: Range | None = None


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def choose(window: Any) -> Choice:
    """Return the choice that a user means.

    Parameters
    ----------
    window : str, (float, float), (float, float, str) or Choice
        ``"file"``, ``"file:2"``, ``"lut"``, ``"lut:2"``, ``"auto"``, ``"none"``, or center and width, as numbers or as
        ``"40,400"``, with the function as a third part.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if isinstance(window, Choice):
        return window
    if window is None:
        return Choice("none")
    if isinstance(window, str):
        text = window.strip()
        kept = re.fullmatch(r"(file|lut)(?::([1-9]\d{0,3}))?|auto|none", text.lower())
        if kept:
            kind: Any = kept[1] or text.lower()
            return Choice(kind, int(kept[2] or 1))
        parts: Sequence[Any] = [part for part in re.split(r"[,;/\s]+", text) if part]
        if not 2 <= len(parts) <= 3 or not all(re.fullmatch(_NUMBER, part) for part in parts[:2]):
            raise ValueError(f"the window is {window!r}; expected 'file', 'lut', 'auto', 'none' or 'CENTER,WIDTH'")
    else:
        try:
            parts = list(window)
        except TypeError:
            raise TypeError(f"the window is {window!r}; expected a str or (center, width)") from None
        if not 2 <= len(parts) <= 3:
            raise ValueError(f"the window is {window!r}; expected (center, width)")
    function = str(parts[2]).upper() if len(parts) == 3 else "LINEAR"
    if function not in _FUNCTIONS:
        raise ValueError(f"the function of the window is {parts[2]!r}; expected {', '.join(_FUNCTIONS)}")
    try:
        chosen = Window(float(parts[0]), float(parts[1]), function)
    except (TypeError, ValueError):
        raise ValueError(f"the window is {window!r}; expected two numbers: center and width") from None
    if not np.isfinite((chosen.center, chosen.width)).all():
        raise ValueError(f"the window is {window!r}; expected a center and a width that are finite numbers")
    if not chosen.is_valid:
        least = (
            "at least 1 (PS3.3, C.11.2.1.2), or the function LINEAR_EXACT" if function == "LINEAR" else "more than 0"
        )
        raise ValueError(f"the width of the window is {chosen.width:g}; expected {least}")
    return Choice("window", window=chosen)
