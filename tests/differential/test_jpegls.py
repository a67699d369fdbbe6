"""JPEG-LS against ISO/IEC 14495-1 written plainly (`oracle.jpegls`), and against other decoders."""

import itertools

import numpy as np
import pytest
from oracle import jpegls as oracle

import dcmturbo as dt

ISAS = dt.config.available_isas


def smooth(rng: np.random.Generator, rows: int, columns: int, bits: int) -> np.ndarray:
    """Gradients, noise, flat parts that make runs, and edges."""
    most = (1 << bits) - 1
    image = np.cumsum(rng.integers(-2, 3, (rows, columns)), 1) * max(1, most // 256) + most // 2
    image[rows // 4 : rows // 2, columns // 5 : columns // 2] = most // 3
    image[rows // 2 :, columns // 2 :] = rng.integers(0, most + 1, image[rows // 2 :, columns // 2 :].shape)
    image[:, : columns // 7] = most
    return np.clip(image, 0, most).astype(np.uint8 if bits <= 8 else np.uint16)


def components_with_every_isa(data: bytes) -> list[np.ndarray]:
    results = []
    for isa in ISAS:
        with dt.config.override(isa=isa):
            results.append(dt.decode_components(data))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    return results[0]


def check(data: bytes) -> None:
    expected = oracle.decode(data)
    found = components_with_every_isa(data)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("near", [0, 1, 3, 40])
def test_every_precision(bits, near):
    if near > ((1 << bits) - 1) // 2:
        pytest.skip("NEAR is at most half of MAXVAL")
    rng = np.random.default_rng(bits * 64 + near)
    for rows, columns in ((19, 33), (1, 1), (1, 40), (40, 1), (3, 2)):
        check(oracle.encode([smooth(rng, rows, columns, bits)], bits, near=near))
    check(oracle.encode([rng.integers(0, 1 << bits, (20, 31))], bits, near=near))


@pytest.mark.parametrize("interleave", [oracle.NONE, oracle.LINE, oracle.SAMPLE])
@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("bits", [5, 8, 12, 16])
@pytest.mark.parametrize("near", [0, 2])
def test_components(interleave, count, bits, near):
    rng = np.random.default_rng(count * bits)
    planes = [smooth(rng, 17, 29, bits) for _ in range(count)]
    for restart in (0, 1, 5, 17):
        check(oracle.encode(planes, bits, near=near, interleave=interleave, restart=restart))


def test_more_components_than_a_scan_holds():
    rng = np.random.default_rng(0)
    check(oracle.encode([smooth(rng, 9, 11, 8) for _ in range(7)], 8))


@pytest.mark.parametrize("near", [0, 1, 5])
@pytest.mark.parametrize(
    "presets",
    [
        oracle.Presets(maxval=100),
        oracle.Presets(maxval=199),
        oracle.Presets(t1=9, t2=9, t3=9),
        oracle.Presets(t1=20, t2=60, t3=255),
        oracle.Presets(reset=3),
        oracle.Presets(reset=255),
        oracle.Presets(maxval=64, t1=7, t2=9, t3=30, reset=31),
    ],
    ids=str,
)
def test_presets(presets, near):
    rng = np.random.default_rng(near)
    image = np.minimum(smooth(rng, 25, 40, 8), presets.maxval or 255)
    check(oracle.encode([image], 8, near=near, presets=presets))
    check(oracle.encode([image, image[::-1], image[:, ::-1]], 8, near=near, presets=presets, interleave=oracle.SAMPLE))


@pytest.mark.parametrize(
    "presets",
    [oracle.Presets(maxval=1000), oracle.Presets(maxval=65534), oracle.Presets(t1=1, t2=2, t3=65535, reset=65535)],
    ids=str,
)
def test_presets_of_16_bits(presets):
    rng = np.random.default_rng(3)
    image = np.minimum(smooth(rng, 25, 40, 16), presets.maxval or 65535)
    check(oracle.encode([image], 16, presets=presets))


@pytest.mark.parametrize(
    "factors", [[(1, 1), (1, 1), (1, 1)], [(4, 4), (4, 1), (2, 2)], [(2, 2), (1, 1), (1, 2)], [(1, 2), (1, 1), (1, 1)]]
)
@pytest.mark.parametrize("interleave", [oracle.NONE, oracle.LINE])
def test_subsampled_components(factors, interleave):
    rng = np.random.default_rng(5)
    h, v = max(f[0] for f in factors), max(f[1] for f in factors)
    for (rows, columns), restart in itertools.product(((32, 48), (31, 45), (5, 7)), (0, 2)):
        planes = [smooth(rng, -(-rows * f[1] // v), -(-columns * f[0] // h), 8) for f in factors]
        check(oracle.encode(planes, 8, interleave=interleave, factors=factors, size=(rows, columns), restart=restart))


def test_lines_stated_behind_the_first_scan():
    rng = np.random.default_rng(6)
    check(oracle.encode([smooth(rng, 21, 30, 8)], 8, dnl=True))


def test_oversize_dimensions():
    rng = np.random.default_rng(7)
    check(oracle.encode([smooth(rng, 21, 30, 8)], 8, oversize=True))
    check(oracle.encode([smooth(rng, 1, 70000, 8)], 8, oversize=True))


@pytest.mark.parametrize("width", [1, 2])
def test_mapping_tables(width):
    rng = np.random.default_rng(8)
    bits = 8 * width
    image = rng.integers(0, 64, (20, 20)) // 7
    table = rng.integers(0, 1 << bits, 64).tolist()
    data = oracle.encode([image], bits, presets=oracle.Presets(maxval=63), tables={3: (width, table)}, table_ids=[3])
    check(data)
    np.testing.assert_array_equal(oracle.decode(data)[0], np.array(table)[image])


def test_spiff_and_other_segments_are_passed_over():
    rng = np.random.default_rng(9)
    spiff = bytes.fromhex("ffe8 0020 53504946 4600 0200 0003 00000008 00000008 0a08 0601 0000012c 0000012c")
    end = bytes.fromhex("ffe8 0008 00000001 ffd8")
    check(oracle.encode([smooth(rng, 8, 8, 8)], 8, before=spiff + end + b"\xff\xfe\x00\x04hi"))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_other_decoders_agree(bits):
    imagecodecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(bits)
    for near in (0, 2):
        planes = [smooth(rng, 40, 50, bits) for _ in range(3)]
        for interleave in (oracle.LINE, oracle.SAMPLE):
            data = oracle.encode(planes, bits, near=near, interleave=interleave)
            np.testing.assert_array_equal(np.stack(dt.decode_components(data), -1), imagecodecs.jpegls_decode(data))


@pytest.mark.parametrize("transform", [1, 2, 3])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_colour_transforms_of_hewlett_packard(transform, bits):
    imagecodecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(transform)
    planes = [smooth(rng, 20, 30, bits) for _ in range(3)]
    mrfx = b"\xff\xe8\x00\x07mrfx" + bytes([transform])
    for interleave in (oracle.LINE, oracle.SAMPLE):
        data = oracle.encode(planes, bits, interleave=interleave, before=mrfx)
        with pytest.warns(dt.DecodeWarning, match="Hewlett-Packard"):
            found = np.stack(dt.decode_components(data), -1)
        np.testing.assert_array_equal(found, imagecodecs.jpegls_decode(data))
        with pytest.warns(dt.DecodeWarning, match="Hewlett-Packard"):
            frame = dt.decode_frame(
                data, "JPEGLSLossless", rows=20, columns=30, samples_per_pixel=3, bits_allocated=bits
            )
        np.testing.assert_array_equal(frame, found)


def test_a_colour_transform_without_interleaving_is_none():
    """CharLS states the transform then, but does not make it."""
    imagecodecs = pytest.importorskip("imagecodecs")
    rng = np.random.default_rng(12)
    planes = [smooth(rng, 20, 30, 8) for _ in range(3)]
    data = oracle.encode(planes, 8, interleave=oracle.NONE, before=b"\xff\xe8\x00\x07mrfx\x01")
    found = np.stack(dt.decode_components(data), -1)
    np.testing.assert_array_equal(found, imagecodecs.jpegls_decode(data))
    np.testing.assert_array_equal(found, np.stack(planes, -1))


def flat(rng: np.random.Generator, rows: int, columns: int, bits: int) -> np.ndarray:
    """Flat parts with a few changes: runs, their interruptions, and a few regular samples behind each."""
    image = np.full((rows, columns), int(rng.integers(0, 1 << bits)))
    for _ in range(int(rng.integers(0, 9))):
        top, left = int(rng.integers(0, rows)), int(rng.integers(0, columns))
        size = int(rng.integers(1, 12))
        image[top : top + size, left : left + size] = rng.integers(0, 1 << bits)
    for _ in range(int(rng.integers(0, 9))):
        image[rng.integers(0, rows), rng.integers(0, columns)] = rng.integers(0, 1 << bits)
    return image


@pytest.mark.parametrize("bits", [2, 8, 12, 16])
@pytest.mark.parametrize("near", [0, 1])
@pytest.mark.parametrize("width", [1, 15, 16, 17, 64, 65, 200])
def test_flat_images(bits, near, width):
    rng = np.random.default_rng(bits * 1000 + width)
    for _ in range(6):
        image = flat(rng, 12, width, bits)
        check(oracle.encode([image], bits, near=near))
        check(
            oracle.encode([image, image[::-1], flat(rng, 12, width, bits)], bits, near=near, interleave=oracle.SAMPLE)
        )


@pytest.mark.parametrize("width", [1, 2, 16, 33, 64, 100, 300])
@pytest.mark.parametrize("restart", [0, 7])
def test_many_lines_of_one_value(width, restart):
    rng = np.random.default_rng(width)
    for rows in (1, 2, 9, 60, 150):
        image = np.full((rows, width), 7)
        check(oracle.encode([image], 8, restart=restart))
        image[rows // 2] = 9
        image[rng.integers(0, rows), rng.integers(0, width)] = 200
        data = oracle.encode([image], 8, restart=restart)
        check(data)
        part = dt.decode_frame(
            data,
            "JPEGLSLossless",
            rows=rows,
            columns=width,
            bits_allocated=8,
            region=(rows // 3, 0, rows // 2 + 1, width),
        )
        np.testing.assert_array_equal(part, image[rows // 3 : rows // 3 + rows // 2 + 1])


@pytest.mark.parametrize("threads", [1, 2])
def test_intervals_and_scans_on_a_team(threads):
    rng = np.random.default_rng(11)
    planes = [smooth(rng, 120, 300, 8) for _ in range(3)]
    for interleave, restart in itertools.product((oracle.NONE, oracle.LINE, oracle.SAMPLE), (0, 7, 50)):
        data = oracle.encode(planes, 8, interleave=interleave, restart=restart)
        found = dt.decode_frame(
            data,
            "JPEGLSLossless",
            rows=120,
            columns=300,
            samples_per_pixel=3,
            bits_allocated=8,
            threads=threads,
        )
        np.testing.assert_array_equal(found, np.stack(planes, -1))
