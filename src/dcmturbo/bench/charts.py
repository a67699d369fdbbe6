"""Charts as inline SVG, without scripts or network. The same numbers give the same bytes.

Widths are percentages and letters have a fixed size, so a chart is as readable on 400 pixels as on 1280. Colours are
the classes of `STYLE`, which a page must contain once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["STYLE", "Bar", "Curve", "bars", "curves"]

STYLE = """\
:root { --ground: #ffffff; --text: #1c2430; --faint: #5b6675; --line: #d5dbe3; --ours: #0b6e99; --peer: #9aa6b5;
  --c0: #0b6e99; --c1: #b3541e; --c2: #3c7d3c; --c3: #7a4fa3; --c4: #a8324a; --c5: #80690f; --c6: #2f6f6f;
  --c7: #666e78; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12161c; --text: #e6eaf0; --faint: #9aa6b5; --line: #2f3947; --ours: #4db3dd; --peer: #5d6a7a;
    --c0: #4db3dd; --c1: #e08a52; --c2: #74b874; --c3: #b08bd6; --c4: #e06c84; --c5: #c9ad3c; --c6: #5fb3b3;
    --c7: #a5adb8; } }
svg { display: block; width: 100%; overflow: visible; }
svg text { font: 13px system-ui, sans-serif; fill: var(--text); }
svg .faint { fill: var(--faint); }
svg .ours { fill: var(--ours); } svg .peer { fill: var(--peer); } svg .strong { font-weight: 600; }
svg .line { stroke: var(--line); stroke-width: 1; } svg .ideal { stroke: var(--faint); stroke-dasharray: 4 4; }
"""

_BAR, _PITCH = 12, 38  # height of a bar, and distance between bars
COLOURS = 8


@dataclass(frozen=True)
class Bar:
    """A bar: its name, its length, and the text at its right."""

    name: str
    value: float
    text: str
    ours: bool = False


def _number(value: float) -> str:
    """Return a number with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def bars(rows: Sequence[Bar], title: str) -> str:
    """Return horizontal bars, each below its name. The longest one has the full width."""
    longest = max((row.value for row in rows), default=0.0) or 1.0
    parts = [f'<svg role="img" aria-label="{escape(title)}" height="{_PITCH * len(rows)}">']
    for k, row in enumerate(rows):
        top = _PITCH * k
        strong = ' class="strong"' if row.ours else ""
        kind = "ours" if row.ours else "peer"
        width = max(100 * row.value / longest, 0.3)
        parts.append(f'<text x="0" y="{top + 13}"{strong}>{escape(row.name)}</text>')
        parts.append(f'<text x="100%" y="{top + 13}" text-anchor="end"{strong}>{escape(row.text)}</text>')
        parts.append(f'<rect class="{kind}" x="0" y="{top + 18}" width="{_number(width)}%" height="{_BAR}" rx="2"/>')
    return "\n".join([*parts, "</svg>"])


@dataclass(frozen=True)
class Curve:
    """A curve over numbers of threads."""

    name: str
    points: tuple[tuple[int, float], ...]
    dashed: bool = False


def curves(lines: Sequence[Curve], title: str, *, height: int = 260) -> str:
    """Return curves of the speed-up over the number of threads (both axes start at 1). The dotted line is the ideal."""
    most = max((threads for line in lines for threads, _ in line.points), default=1)
    top = max([float(most), *(value for line in lines for _, value in line.points)])
    left, right, upper, lower = 9.0, 97.0, 10, height - 34

    def x(threads: int) -> str:
        share = math.log2(threads) / math.log2(most) if most > 1 else 0.5
        return f"{_number(left + (right - left) * share)}%"

    def y(value: float) -> str:
        return _number(lower - (lower - upper) * value / top)

    parts = [f'<svg role="img" aria-label="{escape(title)}" height="{height}">']
    ticks = sorted({threads for line in lines for threads, _ in line.points})
    for mark in range(0, math.ceil(top) + 1, max(1, math.ceil(top / 5))):
        parts.append(f'<line class="line" x1="{left}%" x2="{right}%" y1="{y(mark)}" y2="{y(mark)}"/>')
        parts.append(f'<text class="faint" x="{left - 1}%" y="{y(mark)}" dy="4" text-anchor="end">{mark}</text>')
    for threads in ticks:
        parts.append(f'<text class="faint" x="{x(threads)}" y="{lower + 18}" text-anchor="middle">{threads}</text>')
    parts.append(f'<text class="faint" x="{right}%" y="{height - 1}" text-anchor="end">threads</text>')
    for a, b in itertools.pairwise(ticks):
        parts.append(f'<line class="ideal" x1="{x(a)}" y1="{y(a)}" x2="{x(b)}" y2="{y(b)}"/>')
    for k, line in enumerate(lines):
        colour = f"var(--c{k % COLOURS})"
        dash = ' stroke-dasharray="2 3"' if line.dashed else ""
        for (a, at_a), (b, at_b) in itertools.pairwise(line.points):
            ends = f'x1="{x(a)}" y1="{y(at_a)}" x2="{x(b)}" y2="{y(at_b)}"'
            parts.append(f'<line stroke="{colour}" stroke-width="2"{dash} {ends}/>')
        for threads, value in line.points:
            parts.append(f'<circle fill="{colour}" cx="{x(threads)}" cy="{y(value)}" r="4"/>')
    return "\n".join([*parts, "</svg>"])
