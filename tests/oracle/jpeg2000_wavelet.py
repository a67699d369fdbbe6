"""The wavelets of JPEG 2000, slowly: ISO/IEC 15444-1, Annex F, clause by clause, both directions.

5/3 in integers, 9/7 in double precision. Coordinates are absolute: an area begins at any (u0, v0), and samples of
even coordinates are low-pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# Table F.4
ALPHA, BETA, GAMMA, DELTA = -1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971
K = 1.230174104914001

Bands = dict[str, np.ndarray]


def extended(i: int, i0: int, i1: int) -> int:
    """F.3.7, (F-4): where the symmetric extension of [i0, i1) takes position i from."""
    period = 2 * (i1 - i0 - 1)
    at = (i - i0) % period
    return i0 + min(at, period - at)


class Signal:
    """Rows of an array as a signal of vectors, with its periodic symmetric extension."""

    def __init__(self, rows: np.ndarray, i0: int) -> None:
        self.i0, self.i1 = i0, i0 + len(rows)
        margin = range(self.i0 - 6, self.i1 + 6)
        self.values = {i: rows[extended(i, self.i0, self.i1) - i0].copy() for i in margin}

    def __getitem__(self, i: int) -> np.ndarray:
        return self.values[i]

    def __setitem__(self, i: int, value: np.ndarray) -> None:
        self.values[i] = value

    def lift(self, parity: int, reach: int, step: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        """Change the samples of a parity, up to `reach` outside of the signal, by their neighbours' sum."""
        for i in range(self.i0 - reach, self.i1 + reach):
            if i % 2 == parity:
                self[i] = step(self[i], self[i - 1] + self[i + 1])

    def rows(self) -> np.ndarray:
        return np.array([self[i] for i in range(self.i0, self.i1)])


def reconstruct_1d(rows: np.ndarray, i0: int, *, reversible: bool) -> np.ndarray:
    """1D_SR (F.3.6): the interleaved signal to samples."""
    if len(rows) == 1:
        # An encoder writes even integers here. Of odd ones, which are left where passes are left out, no rounding is
        # said: towards 0, as everyone does.
        return rows.copy() if i0 % 2 == 0 else np.sign(rows) * (np.abs(rows) // 2) if reversible else rows / 2
    if len(rows) == 0:
        return rows.copy()
    x = Signal(rows, i0)
    if reversible:  # F.3.8.1, (F-5) and (F-6)
        x.lift(0, 1, lambda own, sum_: own - ((sum_ + 2) >> 2))
        x.lift(1, 0, lambda own, sum_: own + (sum_ >> 1))
        return x.rows()
    for i in x.values:  # F.3.8.2, (F-7), steps 1 and 2
        x[i] = x[i] * K if i % 2 == 0 else x[i] / K
    for parity, reach, factor in ((0, 3, DELTA), (1, 2, GAMMA), (0, 1, BETA), (1, 0, ALPHA)):
        x.lift(parity, reach, lambda own, sum_, factor=factor: own - factor * sum_)
    return x.rows()


def decompose_1d(rows: np.ndarray, i0: int, *, reversible: bool) -> np.ndarray:
    """1D_SD (F.4.6): samples to the interleaved signal."""
    if len(rows) == 1:
        return rows.copy() if i0 % 2 == 0 else rows * 2
    if len(rows) == 0:
        return rows.copy()
    y = Signal(rows, i0)
    if reversible:  # F.4.8.1, (F-9) and (F-10)
        y.lift(1, 1, lambda own, sum_: own - (sum_ >> 1))
        y.lift(0, 0, lambda own, sum_: own + ((sum_ + 2) >> 2))
        return y.rows()
    for parity, reach, factor in ((1, 3, ALPHA), (0, 2, BETA), (1, 1, GAMMA), (0, 0, DELTA)):  # F.4.8.2, (F-11)
        y.lift(parity, reach, lambda own, sum_, factor=factor: own + factor * sum_)
    for i in y.values:
        y[i] = y[i] / K if i % 2 == 0 else y[i] * K
    return y.rows()


def slices(u0: int, v0: int) -> dict[str, tuple[slice, slice]]:
    """2D_INTERLEAVE (F.3.3): where the samples of each sub-band are among those of a level."""
    rows = {"L": slice(v0 % 2, None, 2), "H": slice(1 - v0 % 2, None, 2)}
    columns = {"L": slice(u0 % 2, None, 2), "H": slice(1 - u0 % 2, None, 2)}
    return {name: (rows[name[1]], columns[name[0]]) for name in ("LL", "HL", "LH", "HH")}


def reconstruct_2d(bands: Bands, u0: int, v0: int, shape: tuple[int, int], *, reversible: bool) -> np.ndarray:
    """2D_SR (F.3.2): a level out of its four sub-bands."""
    a = np.zeros(shape, bands["LL"].dtype)
    for name, where in slices(u0, v0).items():
        a[where] = bands[name]
    a = reconstruct_1d(a.T, u0, reversible=reversible).T.reshape(shape)  # HOR_SR
    return reconstruct_1d(a, v0, reversible=reversible).reshape(shape)  # VER_SR


def decompose_2d(a: np.ndarray, u0: int, v0: int, *, reversible: bool) -> Bands:
    """2D_SD (F.4.2): a level into four sub-bands."""
    shape = a.shape
    a = decompose_1d(a, v0, reversible=reversible).reshape(shape)
    a = decompose_1d(a.T, u0, reversible=reversible).T.reshape(shape)
    return {name: a[where] for name, where in slices(u0, v0).items()}


def corner(value: int, level: int) -> int:
    """(B-14)"""
    return -(-value >> level)


def forward(a: np.ndarray, u0: int, v0: int, levels: int, *, reversible: bool) -> list[Bands]:
    """FDWT (F.4.1): the LL band alone, then HL, LH and HH from the lowest resolution to the highest."""
    found: list[Bands] = []
    for level in range(levels):
        bands = decompose_2d(a, corner(u0, level), corner(v0, level), reversible=reversible)
        a = bands.pop("LL")
        found.append(bands)
    return [{"LL": a}, *reversed(found)]


def inverse(
    resolutions: Sequence[Bands], area: tuple[int, int, int, int], *, reversible: bool, reduce: int = 0
) -> np.ndarray:
    """IDWT (F.3.1) of an area (u0, v0, u1, v1), without the `reduce` highest resolutions."""
    u0, v0, u1, v1 = area
    a = resolutions[0]["LL"]
    levels = len(resolutions) - 1
    for r in range(1, levels - reduce + 1):
        u, v, right, bottom = (corner(value, levels - r) for value in (u0, v0, u1, v1))
        bands = {"LL": a, **resolutions[r]}
        a = reconstruct_2d(bands, u, v, (bottom - v, right - u), reversible=reversible)
    return a
