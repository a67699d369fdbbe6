"""Regions and lower resolutions of frames that are far away: the same pixels, from fewer bytes."""

import warnings

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.far import Far
from helpers.samples import smooth

import dcmturbo as dt

ROWS, COLUMNS = 700, 650


def noise(shape: tuple[int, ...], bits: int = 12) -> np.ndarray:
    """Pixels that do not compress, so that a frame has many bytes."""
    rng = np.random.default_rng(len(shape))
    base = smooth(shape, "u1" if bits == 8 else "u2", bits=bits).astype(np.int64)
    return np.clip(base + rng.integers(-30, 31, shape), 0, 2**bits - 1).astype("u1" if bits == 8 else "u2")


GREY, COLOURS = noise((ROWS, COLUMNS)), noise((ROWS, COLUMNS, 3), 8)
UIDS = {"JPEG2000Lossless": "1.2.840.10008.1.2.4.90", "HTJ2KLossless": "1.2.840.10008.1.2.4.201"}


LARGE = noise((1800, 1700))


def file_of(syntax: str, array: np.ndarray = GREY, frames: int = 1, **options) -> bytes:
    bits = 8 * array.itemsize if array.itemsize == 1 else 12
    encoded = dt.encode_frame(array, syntax, bits_stored=bits, **options)
    module = {
        "rows": array.shape[0],
        "columns": array.shape[1],
        "bits_allocated": 8 * array.itemsize,
        "bits_stored": bits,
    }
    if array.ndim == 3:
        module |= {"samples": 3, "photometric": "YBR_RCT", "planar": 0}
        encoded = dt.encode_frame(array, syntax, bits_stored=bits, photometric_interpretation="YBR_RCT", **options)
    return encapsulated_file([encoded] * frames, UIDS[syntax], frames=frames, **module)


TILES = {"tile_width": 128, "tile_height": 96}
CASES = [
    ("JPEG2000Lossless", GREY, TILES | {"tile_part_lengths": True}),
    ("JPEG2000Lossless", GREY, TILES),
    ("JPEG2000Lossless", GREY, {"tile_width": 256, "tile_height": 256, "packet_lengths": True}),
    ("JPEG2000Lossless", GREY, TILES | {"tile_part_lengths": True, "packet_lengths": True, "precinct_size": 64}),
    ("JPEG2000Lossless", GREY, {"packet_lengths": True, "precinct_size": 128, "progression_order": "PCRL"}),
    ("JPEG2000Lossless", GREY, {"packet_lengths": True, "precinct_size": 64, "progression_order": "LRCP", "layers": 3}),
    ("JPEG2000Lossless", COLOURS, {"packet_lengths": True, "precinct_size": 128, "progression_order": "CPRL"}),
    ("HTJ2KLossless", GREY, {"packet_lengths": True, "precinct_size": 128, "progression_order": "RPCL"}),
    ("HTJ2KLossless", COLOURS, TILES | {"tile_part_lengths": True}),
    ("HTJ2KLossless", GREY, {}),
]


def windows(seed: int, shape: tuple[int, ...], count: int):
    rng = np.random.default_rng(seed)
    yield 0, 0, *shape[:2]
    yield shape[0] - 1, shape[1] - 1, 1, 1
    for _ in range(count):
        top, left = (int(rng.integers(size)) for size in shape[:2])
        most = int(rng.choice([3, 40, 1000]))
        yield (
            top,
            left,
            int(rng.integers(1, min(most, shape[0] - top) + 1)),
            int(rng.integers(1, min(most, shape[1] - left) + 1)),
        )


@pytest.mark.parametrize("case", range(len(CASES)))
def test_windows_are_the_same_as_those_of_the_whole_frame(case):
    syntax, array, options = CASES[case]
    data = file_of(syntax, array, **options)
    for reduce in (0, 1, 3):
        whole = dt.decode(data, reduce=reduce)
        with dt.open(Far(data)) as image, warnings.catch_warnings():
            warnings.simplefilter("error")
            for top, left, height, width in windows(case, whole.shape, 12):
                found = image.read(0, region=(top, left, height, width), reduce=reduce, threads=1 + case % 2)
                np.testing.assert_array_equal(found, whole[top : top + height, left : left + width])


QUARTERS = {"tile_width": 850, "tile_height": 900}
FEW_BYTES = [  # the share that a window, and the lower resolution, may need
    ("JPEG2000Lossless", TILES | {"tile_part_lengths": True}, 0.1, 1.1),
    ("JPEG2000Lossless", QUARTERS, 0.35, 1.1),
    ("JPEG2000Lossless", QUARTERS | {"packet_lengths": True, "precinct_size": 128}, 0.2, 0.25),
    ("JPEG2000Lossless", QUARTERS | {"packet_lengths": True, "tile_part_lengths": True}, 0.35, 0.25),
    ("JPEG2000Lossless", CASES[4][2], 0.35, 0.5),
    ("JPEG2000Lossless", CASES[5][2], 0.5, 0.5),
    ("HTJ2KLossless", CASES[7][2], 0.1, 0.1),
]


@pytest.mark.parametrize(("syntax", "options", "window", "lower"), FEW_BYTES)
def test_what_is_read(syntax, options, window, lower):
    data = file_of(syntax, LARGE, **options)
    for request, most in (({"region": (300, 310, 40, 50)}, window), ({"reduce": 2}, lower)):
        far = Far(data)
        with dt.open(far) as image:
            found = image.read(0, **request)
        np.testing.assert_array_equal(found, dt.decode(data, **request))
        assert far.bytes < most * len(data), request


@pytest.mark.parametrize("case", [1, 9])
def test_nothing_is_read_twice_where_nothing_states_the_places(case):
    syntax, array, options = CASES[case]
    data = file_of(syntax, array, **options)
    far = Far(data)
    with dt.open(far) as image:
        np.testing.assert_array_equal(image.read(0, region=(300, 310, 40, 50)), array[300:340, 310:360])
    assert far.bytes < 1.1 * len(data)


def test_many_frames_and_threads():
    data = file_of("JPEG2000Lossless", frames=5, **TILES, tile_part_lengths=True)
    with dt.open(Far(data)) as image:
        for threads in (1, 4):
            found = image.read([4, 0, 2], region=(100, 600, 300, 50), threads=threads)
            np.testing.assert_array_equal(found, np.stack([GREY[100:400, 600:]] * 3))


def outcome(call):
    """The pixels, or the code of the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            return call()
    except dt.DecodeError as error:
        return error.code


@pytest.mark.parametrize("case", [0, 3, 4, 5, 7])
def test_wrong_lengths_are_never_wrong_pixels(case):
    """TLM and PLT may lie. What is returned is then that of the whole frame."""
    syntax, array, options = CASES[case]
    data = file_of(syntax, array, **options)
    marker = b"\xff\x55" if "tile_part_lengths" in options else b"\xff\x58"
    rng = np.random.default_rng(case)
    start = data.index(b"\xff\x4f\xff\x51")
    for _ in range(60):
        at = data.index(marker, start)
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        damaged = bytearray(data)
        kind = int(rng.integers(3))
        place = at + 4 + int(rng.integers(length - 2))
        if kind == 0:
            damaged[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:  # the sum stays
            other = at + 6 + int(rng.integers(length - 4))
            damaged[place], damaged[other] = damaged[other], damaged[place]
        else:
            damaged[place] = int(rng.integers(256))
        damaged = bytes(damaged)
        top, left = int(rng.integers(ROWS - 60)), int(rng.integers(COLUMNS - 60))
        region = (top, left, 60, 60)
        expected = outcome(lambda d=damaged, r=region: dt.decode(d, 0, region=r))
        with dt.open(Far(damaged)) as image:
            found = outcome(lambda i=image, r=region: i.read(0, region=r))
        assert isinstance(found, str) == isinstance(expected, str)
        if not isinstance(found, str):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", [0, 1, 3, 4, 7])
def test_damage_anywhere(case):
    syntax, array, options = CASES[case]
    data = file_of(syntax, array, **options)
    start = data.index(b"\xff\x4f\xff\x51")
    rng = np.random.default_rng(case)
    for _ in range(40):
        damaged = bytearray(data)
        for _ in range(3):
            damaged[start + int(rng.integers(600 if rng.random() < 0.5 else len(data) - start))] = int(
                rng.integers(256)
            )
        region = (int(rng.integers(ROWS - 60)), int(rng.integers(COLUMNS - 60)), 60, 60)
        reduce = int(rng.integers(2)) if rng.random() < 0.5 else 0
        region = tuple(part >> reduce for part in region)
        try:
            image = dt.open(Far(bytes(damaged)))
        except dt.Error:
            continue
        with image:
            expected = outcome(lambda d=damaged, r=region, n=reduce: dt.decode(bytes(d), 0, region=r, reduce=n))
            found = outcome(lambda i=image, r=region, n=reduce: i.read(0, region=r, reduce=n))
        if not isinstance(expected, str) and not isinstance(found, str):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", [0, 4, 7])
def test_a_source_that_ends_early(case):
    """The size is right, but reads beyond a place return nothing: an object that was cut while it was open."""
    syntax, array, options = CASES[case]
    data = file_of(syntax, array, **options)
    for share in (0.3, 0.6, 0.9):
        with dt.open(Far(data)) as whole:
            source = Far(data, cut=int(share * len(data)))
            with dt.open(source) as image:
                for region in ((20, 20, 30, 30), (ROWS - 40, COLUMNS - 40, 30, 30)):
                    found = outcome(lambda i=image, r=region: i.read(0, region=r))
                    if isinstance(found, str):
                        assert found == "truncated"
                    else:
                        np.testing.assert_array_equal(found, whole.read(0, region=region))
