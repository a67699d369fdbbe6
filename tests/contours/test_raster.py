"""Filling polygons against the rule in exact arithmetic, and outlines of masks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dcmturbo as dt


def oracle(polygons, shape, rule, scale=1, offset=Fraction(0)):
    """The rule of `fill_polygons` with fractions: winding numbers of the sample positions."""
    winding = np.zeros(shape, int)
    for polygon in polygons:
        points = [
            tuple(Fraction(value if abs(value) > 2.0**-300 else 0) * scale for value in map(float, p)) for p in polygon
        ]
        for (ax, ay), (bx, by) in zip([points[-1], *points[:-1]], points, strict=True):
            if ay == by:
                continue
            sign = 1 if ay < by else -1
            (lx, ly), (hx, hy) = ((ax, ay), (bx, by)) if sign > 0 else ((bx, by), (ax, ay))
            for i in range(shape[0]):
                y = i + offset
                if ly <= y < hy:
                    crossing = lx + (y - ly) * (hx - lx) / (hy - ly)
                    for j in range(shape[1]):
                        winding[i, j] += sign * (crossing <= j + offset)
    return winding % 2 if rule == "even-odd" else (winding != 0).astype(int)


COORDINATES = st.one_of(
    st.integers(-3, 12).map(float),
    st.integers(-12, 48).map(lambda value: value / 4),
    st.floats(-4, 13),
    st.integers(0, 9).map(lambda value: np.nextafter(value, 20)),
    st.integers(0, 9).map(lambda value: np.nextafter(value, -20)),
)
POLYGONS = st.lists(st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=8), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None)
@given(POLYGONS, st.sampled_from(["even-odd", "non-zero"]))
def test_pixels_follow_the_rule_exactly(polygons, rule):
    polygons = [np.array(polygon) for polygon in polygons]
    assert np.array_equal(dt.fill_polygons(polygons, (9, 10), rule=rule), oracle(polygons, (9, 10), rule))


@settings(max_examples=40, deadline=None)
@given(POLYGONS, st.sampled_from(["even-odd", "non-zero"]), st.sampled_from([1, 2, 4]))
def test_coverage_counts_sub_pixels_exactly(polygons, rule, n):
    polygons = [np.array(polygon) for polygon in polygons]
    offset = Fraction(1 - n, 2)
    samples = oracle(polygons, (5 * n, 6 * n), rule, n, offset)
    expected = samples.reshape(5, n, 6, n).sum((1, 3)) / n**2
    found = dt.fill_polygons(polygons, (5, 6), rule=rule, coverage=n)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)


def test_neighbours_share_no_pixel_and_leave_none_out():
    # Triangles around a point that lies on a pixel's centre: each pixel is in exactly one.
    corners = np.array([(-5, -5), (15, -5), (15, 15), (-5, 15)], float)
    total = sum(
        dt.fill_polygons([np.array([corners[k - 1], corners[k], (4, 5)])], (10, 10)).astype(int) for k in range(4)
    )
    assert (total == 1).all()


def test_a_pixel_on_the_left_and_upper_edge_is_inside():
    square = np.array([(2, 3), (5, 3), (5, 6), (2, 6)], float)
    expected = np.zeros((8, 8), int)
    expected[3:6, 2:5] = 1
    assert np.array_equal(dt.fill_polygons([square], (8, 8)), expected)


def test_rules_differ_where_a_polygon_crosses_itself():
    angles = np.arange(5) * 4 * np.pi / 5
    star = np.stack([10 + 9 * np.sin(angles), 10 - 9 * np.cos(angles)], 1)
    assert dt.fill_polygons([star], (20, 20), rule="non-zero")[10, 10] == 1
    assert dt.fill_polygons([star], (20, 20), rule="even-odd")[10, 10] == 0


def test_keyholes_and_inner_contours_are_the_same_hole():
    outer = [(1, 1), (12, 1), (12, 12), (1, 12)]
    inner = [(4, 4), (8, 4), (8, 8), (4, 8)]
    keyhole = np.array([*outer, outer[0], *inner[:1], *inner[:0:-1], inner[0]], float)
    two = [np.array(outer, float), np.array(inner, float)]
    expected = dt.fill_polygons(two, (14, 14))
    assert expected[6, 6] == 0
    assert expected[2, 2] == 1
    assert np.array_equal(dt.fill_polygons([keyhole], (14, 14)), expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_slices_are_filled_each_with_its_own_polygons(threads):
    square = np.array([(1, 1), (4, 1), (4, 4), (1, 4)], float)
    stack = dt.fill_polygons([square, square + 1, square, square], (4, 6, 6), slices=[2, 0, 7, -1], threads=threads)
    assert [int(plane.sum()) for plane in stack] == [9, 0, 9, 0]
    assert stack[0, 4, 4] == 1
    assert stack[2, 4, 4] == 0


def test_large_images_are_filled_in_bands():
    radius, n = 1400.0, 64
    angles = np.arange(n) * 2 * np.pi / n
    polygon = np.stack([1500.3 + radius * np.cos(angles), 1450.7 + radius * np.sin(angles)], 1)
    mask = dt.fill_polygons([polygon], (2900, 3001))
    area = 0.5 * n * radius**2 * np.sin(2 * np.pi / n)
    assert abs(int(mask.sum()) - area) < 4 * radius
    whole = dt.fill_polygons([polygon], (2900, 3001), coverage=2)
    assert np.array_equal(whole[mask == 0] < 1, np.ones(int((mask == 0).sum()), bool))


def test_a_result_can_be_drawn_into():
    square = np.array([(0, 0), (2, 0), (2, 2), (0, 2)], float)
    out = np.full((3, 3), 9, np.uint8)
    assert dt.fill_polygons([square], (3, 3), out=out) is out
    assert out.tolist() == [[1, 1, 9], [1, 1, 9], [9, 9, 9]]
    with pytest.raises(ValueError, match="C-contiguous"):
        dt.fill_polygons([square], (3, 3), out=np.zeros((3, 3), np.uint8).T)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, 2.0**31])
def test_points_beyond_every_image_are_refused(bad):
    with pytest.raises(dt.DecodeError, match=r"finite|expected at most"):
        dt.fill_polygons([np.array([(0, 0), (bad, 1), (2, 2)])], (4, 4))


def test_arguments_are_checked():
    square = [np.array([(0, 0), (2, 0), (2, 2)], float)]
    for wrong in ({"rule": "odd"}, {"coverage": 3}, {"slices": [0]}, {"out": np.zeros((4, 4), np.int32)}):
        with pytest.raises(ValueError, match=r"rule|coverage|slices|dtype"):
            dt.fill_polygons(square, (4, 4), **wrong)
    with pytest.raises(ValueError, match="2 polygons, but 1 slices"):
        dt.fill_polygons(square * 2, (2, 4, 4), slices=[0])
    with pytest.raises(ValueError, match=r"expected \(points, 2\)"):
        dt.fill_polygons([np.zeros((3, 3))], (4, 4))
    with pytest.raises(dt.LimitExceeded):
        dt.fill_polygons(square, (1 << 30, 1 << 30))
    assert dt.fill_polygons([], (2, 2)).sum() == 0


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.floats(0.05, 0.95), st.booleans())
def test_outlines_give_the_mask_again(seed, rows, columns, share, diagonal):
    mask = np.random.default_rng(seed).random((2, rows, columns)) < share
    found = dt.contours_of_mask(mask, diagonal=diagonal)
    polygons = [points for _, _, points in found]
    slices = [k for k, _, _ in found]
    for rule in ("even-odd", "non-zero"):
        assert np.array_equal(dt.fill_polygons(polygons, mask.shape, slices=slices, rule=rule), mask)
    for _, is_hole, points in found:
        x, y = points.T
        area = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2
        assert (area < 0) == is_hole


def test_diagonal_pixels_are_one_area_if_asked():
    mask = np.eye(3, dtype=bool)
    assert len(dt.contours_of_mask(mask)) == 3
    assert len(dt.contours_of_mask(mask, diagonal=True)) == 1
