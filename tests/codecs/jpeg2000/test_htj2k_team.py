"""One large HTJ2K frame on a team: each thread restores a part of the image and decodes the code-blocks of that part.
The samples must be those of one thread, however the parts and the code-blocks lie to each other."""

import numpy as np
import pytest

import dcmturbo as dt

pytestmark = pytest.mark.threads

THREADS = (2, 3, 5, 16)
rng = np.random.default_rng(28)


def image(rows: int, columns: int, samples: int = 1) -> np.ndarray:
    """12 bits: a slope, noise in its lower third only, so that parts of one cost have other heights; and a void."""
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    array = np.broadcast_to(np.arange(columns).reshape((1, -1) + (1,) * (samples > 1)), shape) % 4096
    array = array.astype(np.uint16)
    noisy = slice(2 * rows // 3, rows)
    array[noisy] = rng.integers(0, 4096, array[noisy].shape)
    array[rows // 4 : rows // 2] = 0
    return array


def encode(array: np.ndarray, syntax: str = "HTJ2KLossless", **options: object) -> bytes:
    photometric = "MONOCHROME2" if array.ndim == 2 else "YBR_RCT" if syntax == "HTJ2KLossless" else "YBR_ICT"
    return dt.encode_frame(array, syntax, bits_stored=12, photometric_interpretation=photometric, **options)


def decode(codestream: bytes, array: np.ndarray, threads: int, **options: object) -> np.ndarray:
    return dt.decode_frame(
        codestream,
        "HTJ2K",
        rows=array.shape[0],
        columns=array.shape[1],
        bits_allocated=16,
        bits_stored=12,
        samples_per_pixel=1 if array.ndim == 2 else array.shape[2],
        photometric_interpretation="MONOCHROME2" if array.ndim == 2 else "RGB",
        threads=threads,
        **options,
    )


def check(array: np.ndarray, *, is_lossless: bool = True, options: dict | None = None, **coding: object) -> None:
    codestream = encode(array, **coding)
    expected = decode(codestream, array, 1, **(options or {}))
    if is_lossless and not options:
        np.testing.assert_array_equal(expected, array)
    for threads in THREADS:
        found = decode(codestream, array, threads, **(options or {}))
        np.testing.assert_array_equal(found, expected, err_msg=f"{threads} threads")


@pytest.mark.parametrize("block", [(64, 64), (4, 256), (256, 4), (32, 16), (4, 1024), (1024, 4)], ids=str)
def test_blocks_of_every_height(block):
    check(image(700, 390), code_block_width=block[0], code_block_height=block[1])


@pytest.mark.parametrize("rows", [128, 129, 255, 257, 383, 640, 1021])
def test_heights_around_rows_of_blocks(rows):
    check(image(rows, 600))
    check(image(rows, 600), code_block_height=16)


@pytest.mark.parametrize("precinct", [64, 128, 512])
def test_precincts(precinct):
    check(image(900, 300), precinct_size=precinct)


def test_tiles_with_odd_corners():
    check(image(1500, 700), tile_width=333, tile_height=501, code_block_height=16)


def test_colours_share_parts():
    check(image(640, 320, 3))
    check(image(640, 320, 3), code_block_height=8)


@pytest.mark.parametrize("levels", [0, 1, 2, 5])
def test_decomposition_levels(levels):
    check(image(800, 300), decomposition_levels=levels)


@pytest.mark.parametrize("samples", [1, 3])
def test_the_irreversible_wavelet_reaches_further(samples):
    check(image(900, 400, samples), is_lossless=False, syntax="HTJ2K", ratio=8, code_block_height=32)


@pytest.mark.parametrize("region", [(3, 5, 700, 390), (131, 1, 555, 391), (257, 100, 259, 300)], ids=str)
@pytest.mark.parametrize("reduce", [0, 1])
def test_regions_and_lower_resolutions(region, reduce):
    array = image(1600, 800)
    part = tuple(x >> reduce for x in region)
    check(array, options={"region": part, "reduce": reduce}, code_block_height=16)


def test_nothing_but_zeroes_beside_one_noisy_corner():
    array = np.full((1200, 600), 2048, dtype=np.uint16)
    array[:200, :100] = rng.integers(0, 4096, (200, 100))
    check(array, code_block_height=16)
    check(array[::-1].copy())


def test_cut_streams_fail_or_are_salvaged_as_on_one_thread():
    array = image(900, 300)
    codestream = encode(array)
    for size in (len(codestream) // 3, len(codestream) // 2, len(codestream) - 20):
        cut = codestream[:size]
        with pytest.warns(dt.DecodeWarning):
            expected = decode(cut, array, 1, on_error="salvage")
        for threads in THREADS:
            with pytest.raises(dt.DecodeError):
                decode(cut, array, threads)
            with pytest.warns(dt.DecodeWarning):
                np.testing.assert_array_equal(decode(cut, array, threads, on_error="salvage"), expected)


def test_damaged_blocks_are_reported_from_every_part():
    array = image(900, 300)
    codestream = encode(array)
    for place in range(len(codestream) // 4, len(codestream), len(codestream) // 9):
        damaged = bytearray(codestream)
        damaged[place : place + 40] = rng.bytes(40)
        outcomes = []
        for threads in (1, *THREADS):
            try:
                outcomes.append(decode(bytes(damaged), array, threads).tobytes())
            except dt.DecodeError as error:
                outcomes.append(str(error))
        assert len(set(outcomes)) == 1
