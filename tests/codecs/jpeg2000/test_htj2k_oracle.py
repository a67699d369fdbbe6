"""The slow HT block coder against itself and against the standard's tables: what tests of the core rest upon."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracle import htj2k_block as oracle

SCRIPT = Path(__file__).parents[3] / "scripts/make_ht_tables.py"


def coefficients(seed: int, shape: tuple[int, int], planes: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    magnitude = generator.exponential(2.0 ** generator.uniform(-2, planes - 1), shape)
    magnitude = np.minimum(magnitude, (1 << planes) - 1).astype(np.int64)
    return magnitude * generator.choice((-1, 1), shape)


def test_the_header_is_what_the_script_writes():
    assert subprocess.run([sys.executable, SCRIPT, "--check"], check=False).returncode == 0


@pytest.mark.parametrize("table", [0, 1])
def test_the_codes_of_each_context_are_complete(table):
    codes = oracle.CODES[table]
    assert len(codes) == (444, 358)[table]
    for context in range(8):
        own = [code for code in codes if code.context == context]
        words = {code.bits for code in own}
        assert len(words) == len(own)
        assert sum(2.0 ** -len(word) for word in words) == 1
        assert not any(a != b and b.startswith(a) for a in words for b in words)
        # Every pattern, with its bound told or not, but for the empty one: that has no bound, and MEL tells it.
        patterns = {(code.rho, code.u_off) for code in own}
        expected = {(rho, u_off) for rho in range(1, 16) for u_off in (0, 1)}
        assert patterns - {(0, 0)} == expected
        assert ((0, 0) in patterns) == (context != 0)


@pytest.mark.parametrize("seed", range(60))
def test_a_cleanup_pass_comes_back(seed):
    generator = np.random.default_rng((seed, 1))
    shape = tuple(int(n) for n in generator.integers(1, 20, 2))
    planes = int(generator.integers(1, 37))
    block = coefficients(seed, shape, planes)
    cleanup, _ = oracle.encode_block(block, fuses=seed % 2 == 0)
    decoded = oracle.decode_block(cleanup, b"", shape, planes=planes)
    np.testing.assert_array_equal(decoded, np.sign(block) * (2 * np.abs(block) + 1))
    assert all(second <= 0x8F for first, second in itertools.pairwise(cleanup) if first == 0xFF)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("passes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_each_value_is_the_middle_of_what_is_left(seed, passes, causal):
    generator = np.random.default_rng((seed, 2))
    shape = tuple(int(n) for n in generator.integers(1, 20, 2))
    planes = int(generator.integers(3, 16))
    plane = int(generator.integers(1, 3))
    block = coefficients(seed, shape, planes)
    segments = oracle.encode_block(block, plane=plane, passes=passes, causal=causal)
    decoded = oracle.decode_block(*segments, shape, planes=planes, plane=plane, passes=passes, causal=causal)
    for value, original in zip(decoded.ravel().tolist(), block.ravel().tolist(), strict=True):
        if value == 0:
            assert abs(original) < 1 << plane
            continue
        half = value & -value
        assert value * original > 0
        assert abs(value) - half <= 2 * abs(original) < abs(value) + half
        assert half == 1 << plane or passes > 1
    if passes == 3:
        assert all(value & -value == 1 << plane - 1 for value in decoded.ravel().tolist() if value)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_segment_that_cannot_be_is_found(cut):
    cleanup, _ = oracle.encode_block(coefficients(5, (16, 16), 4))
    with pytest.raises(oracle.DamagedError):
        oracle.split_cleanup(cleanup[:1] if cut == 1 else cleanup[-cut:-1] + b"\xff")
