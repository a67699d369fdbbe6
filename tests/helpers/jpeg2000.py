"""Streams that the oracle writes, decoded every way by the core."""

from __future__ import annotations

import numpy as np
from oracle.jpeg2000_stream import Image, finished, write
from oracle.jpeg2000_tile import Area, Component, Quantisation, divide

import dcmturbo as dt
from dcmturbo import _core
from helpers import openjpeg


def component(area: Area, precision: int = 8, is_signed: bool = False, dx: int = 1, dy: int = 1, **more) -> Component:
    """A component of waves and noise over an area of the reference grid; `seed` is in `more`."""
    x0, y0, x1, y1 = divide(area, dx, dy)
    rng = np.random.default_rng((more.pop("seed", 0), precision))
    y, x = np.mgrid[y0:y1, x0:x1]
    whole = 1 << precision
    values = (np.sin(x / 5) + np.cos(y / 4)) * 0.24 * whole + whole / 2
    values = values.astype(np.int64) + rng.integers(0, max(2, whole >> 4), x.shape)
    values = np.clip(values, 0, whole - 1)
    if precision == 38:  # M_b is 37 at most (E-2)
        values = values // 2 + whole // 4
    return Component(values - (whole // 2 if is_signed else 0), precision, is_signed, dx, dy, **more)


def of_full_range(area: Area, precision: int, is_signed: bool) -> tuple[Component, Quantisation]:
    """A component that has the smallest and the largest value, and a quantisation that holds them."""
    made = component(area, precision, is_signed)
    low = -(1 << precision - 1) if is_signed else 0
    if precision < 38:
        made.samples[:2, :2] = [[low, low + (1 << precision) - 1]] * 2
    return made, Quantisation(guard=2 if precision < 30 else 7)


def decoded(data: bytes, **options) -> list[np.ndarray]:
    """The components, the same on every instruction set and with any number of threads."""
    found = dt.decode_components(data, **options)
    for isa in _core.available_isas():
        with dt.config.override(isa=isa):
            for threads in (1, 3):
                for a, b in zip(found, dt.decode_components(data, threads=threads, **options), strict=True):
                    np.testing.assert_array_equal(a, b)
    return found


def difference(a: list[np.ndarray], b: list[np.ndarray]) -> int:
    """The largest between samples of the same shape."""
    assert [x.shape for x in a] == [x.shape for x in b]
    return max(
        (int(np.abs(x.astype(np.int64) - y.astype(np.int64)).max()) for x, y in zip(a, b, strict=True) if x.size),
        default=0,
    )


def check(image: Image, *, by_openjpeg: bool = True) -> bytes:
    """Write an image and decode it: the core is exact where the image is reversible, and rounds to the nearest
    integer or, this near the middle, to the one beside it where it is not.

    `by_openjpeg`: it decodes the stream too, which is the check of what was written.
    """
    data, out = write(image)
    expected = finished(image, out)
    is_exact = all(plane.dtype == np.int64 for plane in out)
    found = decoded(data)
    assert difference(found, expected) <= (0 if is_exact else 1)
    for component_, plane, exact in zip(image.components, found, out, strict=True):
        assert plane.dtype == dtype_of(component_)
        low = -(1 << component_.precision - 1) if component_.is_signed else 0
        clamped = np.clip(exact, low, low + (1 << component_.precision) - 1)
        # Floats to 16 bits, then double precision.
        limit = 0.53 if component_.precision <= 16 else 0.5001
        assert np.abs(plane - clamped).max(initial=0) <= limit
    widest = max(c.precision for c in image.components)
    # It has 31 bit-planes at most, and computes 9/7 in single precision: it is off by 3 in 18 bits, by 200 in 24.
    if by_openjpeg and openjpeg.AVAILABLE and widest <= (26 if is_exact else 16):
        # OpenJPEG 2.5.0 is off by up to 1.5 in 16 bits of 9/7, where the core is off by 0.53.
        assert difference(openjpeg.decode(data), expected) <= (0 if is_exact else 1 if widest < 15 else 2)
    return data


def dtype_of(component_: Component) -> np.dtype:
    if component_.precision > 32:
        return np.dtype(np.int64)
    size = 1 if component_.precision <= 8 else 2 if component_.precision <= 16 else 4
    return np.dtype(f"{'i' if component_.is_signed else 'u'}{size}")
