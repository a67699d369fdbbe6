"""A region of a frame has the pixels that the whole frame has there, whatever work is skipped."""

import os
import warnings

import numpy as np
import pytest
from helpers import openjpeg
from helpers.jpeg2000_draws import draw, ends_openjpeg
from helpers.samples import CASES, Case, smooth
from oracle import jpeg_lossless, jpegls

import dcmturbo as dt

TIMES = int(os.environ.get("DCMTURBO_LONG", "1"))
Window = tuple[int, int, int, int]


def window(rng: np.random.Generator, rows: int, columns: int) -> Window:
    """A region of at least one pixel; small ones, single rows and columns, and all of it are among them."""
    height, width = (
        int(rng.integers(1, 1 + (size if rng.random() < 0.5 else min(size, 9)))) for size in (rows, columns)
    )
    return int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1)), height, width


def part(array: np.ndarray, region: Window) -> np.ndarray:
    top, left, height, width = region
    return array[..., top : top + height, left : left + width]


def part_of_component(array: np.ndarray, region: Window, most: tuple[int, int], steps: tuple[int, int]) -> np.ndarray:
    """What decode_components documents for a component with a sample for each `steps` rows and columns."""
    ranges = []
    for begin, size, whole, step, samples in zip(region[:2], region[2:], most, steps, array.shape, strict=True):
        assert begin + size <= whole
        first = min(begin // step, samples - 1)
        ranges.append(slice(first, max(min(-(-(begin + size) // step), samples), first + 1)))
    return array[tuple(ranges)]


def check_components(data: bytes, rng: np.random.Generator, times: int, levels: int = 0) -> None:
    header = dt.probe(data)
    finest = [min(getattr(c, f"{axis}_step") for c in header.components) for axis in ("vertical", "horizontal")]
    for reduce in range(levels + 1):
        whole = dt.decode_components(data, reduce=reduce)
        most = tuple(max(array.shape[axis] for array in whole) for axis in (0, 1))
        if not all(array.size for array in whole):
            continue
        for _ in range(times):
            region = window(rng, *most)
            threads = int(rng.integers(1, 3))
            found = dt.decode_components(data, reduce=reduce, region=region, threads=threads)
            for component, array, of in zip(header.components, whole, found, strict=True):
                steps = component.vertical_step // finest[0], component.horizontal_step // finest[1]
                np.testing.assert_array_equal(of, part_of_component(array, region, most, steps), f"{region} {reduce}")


def check_frame(data: bytes, syntax: str, rng: np.random.Generator, times: int, levels: int = 0, **module) -> None:
    for reduce in range(levels + 1):
        options = module | ({"reduce": reduce} if reduce else {})
        whole = dt.decode_frame(data, syntax, **options)
        for _ in range(times):
            region = window(rng, *whole.shape[:2])
            top, left, height, width = region
            found = dt.decode_frame(data, syntax, region=region, threads=int(rng.integers(1, 3)), **options)
            np.testing.assert_array_equal(found, whole[top : top + height, left : left + width], f"{region} {reduce}")


@pytest.mark.skipif(not openjpeg.AVAILABLE, reason="libopenjp2 is not installed")
@pytest.mark.threads
@pytest.mark.parametrize("seed", range(12 * TIMES))
def test_jpeg2000(seed):
    rng = np.random.default_rng((16, seed))
    done = 0
    while done < 15:
        planes, size, options = draw(rng)
        if ends_openjpeg(planes, size, options):
            continue
        try:
            data = openjpeg.encode(planes, size, options)
            dt.decode_components(data)
        except (openjpeg.RefusedError, dt.DecodeError):  # or OpenJPEG ends a block before its last symbol
            continue
        done += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            check_components(data, rng, 6, options.resolutions - 1)
            one = planes[0]
            alike = all((p.precision, p.is_signed) == (one.precision, one.is_signed) for p in planes)
            if not alike or len(planes) == 2:
                continue
            module = {
                "rows": size[1],
                "columns": size[0],
                "samples_per_pixel": len(planes),
                "bits_allocated": 16,
                "pixel_representation": int(one.is_signed),
                "raw": True,
            }
            try:
                dt.decode_frame(data, "JPEG2000", **module)
            except dt.DecodeError:  # a frame that DICOM cannot have
                continue
            at_origin = options.origin == (0, 0)
            check_frame(data, "JPEG2000", rng, 6, options.resolutions - 1 if at_origin else 0, **module)


@pytest.mark.threads
@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "JPEG2000", "HTJ2KLossless", "HTJ2K"])
@pytest.mark.parametrize("kind", [("u1", 8, None), ("i2", 12, None), ("u2", 16, 3)])
def test_many_code_blocks(syntax, kind):
    dtype, bits, samples = kind
    rng = np.random.default_rng(bits)
    array = smooth((611, 503) if samples is None else (301, 290, samples), dtype, bits=bits)
    module = {
        "rows": array.shape[0],
        "columns": array.shape[1],
        "samples_per_pixel": samples or 1,
        "bits_allocated": 8 * array.itemsize,
        "bits_stored": bits,
        "pixel_representation": int(array.dtype.kind == "i"),
    }
    # Large images stream their code-blocks, small ones do not; precincts and tiles have edges of their own.
    for options in ({}, {"precinct_size": 64}, {"tile_width": 150, "tile_height": 97}, {"code_block_width": 16}):
        loss = {} if syntax.endswith("Lossless") else {"quantisation_step": 0.01}
        photometric = None if samples is None else "YBR_ICT" if loss else "YBR_RCT"
        data = dt.encode_frame(
            array, syntax, bits_stored=bits, photometric_interpretation=photometric, **options, **loss
        )
        check_frame(data, syntax, rng, 6 * TIMES, 3, photometric_interpretation=photometric, **module)


def test_a_mostly_empty_image():
    array = np.zeros((3000, 2500), np.uint8)
    array[1200:1300, 700:900] = 200
    for syntax in ("JPEG2000Lossless", "HTJ2KLossless"):
        data = dt.encode_frame(array, syntax)
        rng = np.random.default_rng(1)
        check_frame(data, syntax, rng, 6, 2, rows=3000, columns=2500, bits_allocated=8)
        for region in ((1190, 690, 500, 700), (0, 0, 1250, 2500), (1250, 800, 1, 1)):
            found = dt.decode_frame(data, syntax, rows=3000, columns=2500, bits_allocated=8, region=region)
            np.testing.assert_array_equal(found, part(array, region))


@pytest.mark.threads
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prefer", ["own", "library"])
def test_every_format(case: Case, prefer):
    data = case.encode(case.array())
    rng = np.random.default_rng(case.bits)
    if prefer == "library" and case.bits > 24 and case.syntax.format.most_reduce:
        pytest.skip("the library decodes fewer bits")
    with dt.config.override(prefer=prefer):
        whole = case.decode(data)
        for _ in range(12 * TIMES):
            top, left, height, width = region = window(rng, *whole.shape[:2])
            expected = whole[top : top + height, left : left + width]
            np.testing.assert_array_equal(case.decode(data, region=region), expected)
            slices = (slice(top, top + height), slice(left, left + width))
            into = np.empty((*expected.shape[::-1], 2), expected.dtype)[..., 0].T
            assert case.decode(data, region=slices, out=into) is into
            np.testing.assert_array_equal(into, expected)
    if prefer == "own" and case.syntax.format.has_components and case.syntax.keyword != "JPEGExtended12Bit":
        check_components(data, rng, 6)


@pytest.mark.threads
@pytest.mark.parametrize("restart", [0, 1, 3, 8])
@pytest.mark.parametrize("interleave", [jpegls.NONE, jpegls.LINE, jpegls.SAMPLE])
def test_restart_intervals_of_jpegls(restart, interleave):
    rng = np.random.default_rng(restart)
    planes = [rng.integers(0, 200, (41, 29)) // 9 for _ in range(1 if interleave == jpegls.NONE else 3)]
    data = jpegls.encode(planes, 8, interleave=interleave, restart=restart)
    check_components(data, rng, 20)
    module = {"rows": 41, "columns": 29, "samples_per_pixel": len(planes), "bits_allocated": 8}
    check_frame(data, "JPEGLSLossless", rng, 20, **module)


@pytest.mark.threads
@pytest.mark.parametrize("restart", [0, 1, 3, 8])
@pytest.mark.parametrize("factors", [[(1, 1)], [(1, 1)] * 3, [(2, 2), (1, 1), (1, 1)], [(1, 2), (1, 1), (1, 1)]])
@pytest.mark.parametrize("scans", ["together", "apart"])
def test_restart_intervals_of_jpeg_lossless(restart, factors, scans):
    rng = np.random.default_rng(restart)
    most = max(h for h, _ in factors), max(v for _, v in factors)
    components = [
        jpeg_lossless.Component(rng.integers(0, 99, (-(-42 * v // most[1]), -(-30 * h // most[0]))), h, v)
        for h, v in factors
    ]
    apart = [[i] for i in range(len(components))] if scans == "apart" else None
    data = jpeg_lossless.encode(components, precision=8, rows_per_interval=restart, scans=apart, size=(42, 30))
    check_components(data, rng, 20)
    module = {"rows": 42, "columns": 30, "samples_per_pixel": len(factors), "bits_allocated": 8, "raw": True}
    check_frame(data, "JPEGLosslessSV1", rng, 20, **module)
