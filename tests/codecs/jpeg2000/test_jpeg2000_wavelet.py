"""The slow wavelets against themselves, and the core's against them."""

import numpy as np
import pytest
from helpers import jpeg2000
from oracle import jpeg2000_wavelet as oracle
from oracle.jpeg2000_stream import Image, write
from oracle.jpeg2000_tile import Coding

import dcmturbo as dt

SHAPES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2), (3, 5), (8, 7), (17, 20)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [0, 1, 2, 5])
def test_the_slow_wavelets_invert_themselves(shape, levels):
    a = np.random.default_rng(levels).integers(-500, 500, shape)
    for u0 in range(4):
        for v0 in range(4):
            area = (u0, v0, u0 + shape[1], v0 + shape[0])
            bands = oracle.forward(a, u0, v0, levels, reversible=True)
            np.testing.assert_array_equal(oracle.inverse(bands, area, reversible=True), a)
            bands = oracle.forward(a.astype(float), u0, v0, levels, reversible=False)
            np.testing.assert_allclose(oracle.inverse(bands, area, reversible=False), a, atol=1e-9)


def test_the_filters_of_table_f_1():
    """The gain of a constant is 1, and 0 of what is high-pass (F.1)."""
    flat = np.full((12, 3), 64)
    for reversible in (True, False):
        found = oracle.decompose_1d(flat if reversible else flat * 1.0, 0, reversible=reversible)
        np.testing.assert_allclose(found[::2], 64, atol=1e-9)
        np.testing.assert_allclose(found[1::2], 0, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reversible", [True, False], ids=["5/3", "9/7"])
def test_the_core_inverts_like_them(shape, reversible):
    for corner in ((0, 0), (1, 0), (0, 1), (1, 1), (6, 3)):
        area = (*corner, corner[0] + shape[1], corner[1] + shape[0])
        for levels in (1, 2, 4):
            coding = Coding(levels=levels, reversible=reversible)
            for precision in (8, 30) if reversible else (8, 16, 30):
                jpeg2000.check(Image([jpeg2000.component(area, precision)], area, coding=coding))


@pytest.mark.parametrize("reduce", range(4))
@pytest.mark.parametrize("corner", [(0, 0), (5, 2)])
def test_fewer_resolutions(reduce, corner):
    area = (*corner, corner[0] + 45, corner[1] + 31)
    image = Image([jpeg2000.component(area, 12, dx=dx) for dx in (1, 2)], area, coding=Coding(levels=3))
    data, _ = write(image)
    found = jpeg2000.decoded(data, reduce=reduce)
    for plane, component in zip(found, image.components, strict=True):
        x0, y0, x1, y1 = -(-area[0] // component.dx), area[1], -(-area[2] // component.dx), area[3]
        bands = oracle.forward(component.samples - (1 << 11), x0, y0, 3, reversible=True)
        expected = oracle.inverse(bands, (x0, y0, x1, y1), reversible=True, reduce=reduce) + (1 << 11)
        np.testing.assert_array_equal(plane, np.clip(expected, 0, 4095))


@pytest.mark.threads
@pytest.mark.parametrize("reversible", [True, False], ids=["5/3", "9/7"])
def test_a_team_begins_in_the_middle(reversible):
    """Rows are shared out: each part takes in what the lifting steps reach for above and below."""
    area = (1, 1, 14, 302)
    coding = Coding(levels=2, reversible=reversible, block=(4, 6))
    data, _ = write(Image([jpeg2000.component(area, 12)], area, coding=coding))
    right = dt.decode_components(data)[0]
    for threads in (2, 4):
        np.testing.assert_array_equal(dt.decode_components(data, threads=threads)[0], right)
