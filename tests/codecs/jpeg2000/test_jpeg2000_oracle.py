"""The slow code-block coder against itself: what tests of the core rest upon."""

import numpy as np
import pytest
from oracle import jpeg2000_block as oracle

PLANES = 6
PASSES = 3 * PLANES - 2


def coefficients(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Peaked at 0, with empty columns, and one coefficient in the first bit-plane."""
    generator = np.random.default_rng(seed)
    magnitude = np.minimum(generator.exponential(6, shape), (1 << PLANES) - 1).astype(np.int64)
    magnitude[:, shape[1] // 2 :: 3] = 0
    magnitude[0, 0] = 1 << (PLANES - 1)
    return magnitude * generator.choice((-1, 1), shape)


def decoded_fully(block: np.ndarray) -> np.ndarray:
    return np.sign(block) * (2 * np.abs(block) + 1)


@pytest.mark.parametrize("style", range(64))
def test_every_style_comes_back(style):
    shape = ((4, 9), (7, 6), (9, 5), (1, 11))[style % 4]
    orientation = (style + style // 4) % 4
    block = coefficients(style, shape)
    segments = oracle.encode_block(block, orientation=orientation, style=style, planes=PLANES, passes=PASSES)
    decoded, is_damaged = oracle.decode_block(segments, shape, orientation=orientation, style=style, planes=PLANES)
    assert not is_damaged
    np.testing.assert_array_equal(decoded, decoded_fully(block))


@pytest.mark.parametrize("passes", range(PASSES + 1))
def test_after_some_passes_each_value_is_the_middle_of_what_is_left(passes):
    block = coefficients(7, (6, 7))
    segments = oracle.encode_block(block, orientation=oracle.HL, style=0, planes=PLANES, passes=passes)
    decoded, _ = oracle.decode_block(segments, block.shape, orientation=oracle.HL, style=0, planes=PLANES)
    for value, original in zip(decoded.ravel().tolist(), block.ravel().tolist(), strict=True):
        if value != 0:
            half = value & -value
            assert value * original > 0
            assert abs(value) - half <= 2 * abs(original) < abs(value) + half


@pytest.mark.parametrize("style", [0, oracle.TERMINATE | oracle.PREDICTABLE, oracle.BYPASS])
def test_no_segment_ends_in_ff_or_looks_like_a_marker(style):
    generator = np.random.default_rng(style)
    block = generator.integers(-63, 64, (16, 16))
    for segment in oracle.encode_block(block, orientation=oracle.LL, style=style, planes=PLANES, passes=PASSES):
        assert not segment.data.endswith(b"\xff")
        pairs = zip(segment.data, segment.data[1:], strict=False)
        assert all(second <= 0x8F for first, second in pairs if first == 0xFF)


def test_a_wrong_segmentation_symbol_is_damage():
    block = coefficients(3, (8, 8))
    segments = oracle.encode_block(
        block, orientation=oracle.LL, style=oracle.SYMBOLS | oracle.TERMINATE, planes=PLANES, passes=PASSES
    )
    segments[3].data = b""
    _, is_damaged = oracle.decode_block(
        segments, block.shape, orientation=oracle.LL, style=oracle.SYMBOLS | oracle.TERMINATE, planes=PLANES
    )
    assert is_damaged
