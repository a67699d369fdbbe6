"""`_core.find_patterns`: which byte strings are in data, against ``in``."""

import random

import pytest

from dcmturbo import _core


def slowly(data: bytes, patterns: list[bytes]) -> list[int]:
    lowered = data.lower()
    return [k for k, pattern in enumerate(patterns) if pattern in lowered]


@pytest.mark.parametrize("seed", range(40))
def test_random_data(seed):
    rng = random.Random(seed)
    alphabet = bytes(rng.sample(range(256), rng.choice([2, 3, 20, 256])))
    data = bytes(rng.choice(alphabet) for _ in range(rng.choice([0, 1, 5, 100, 3000])))
    shortest = rng.choice([2, 2, 3, 6, 12])
    patterns = []
    for _ in range(rng.choice([1, 3, 60])):
        size = shortest + rng.randrange(8)
        if rng.random() < 0.5 and len(data) > size:
            begin = rng.randrange(len(data) - size + 1)
            pattern = data[begin : begin + size]
        else:
            pattern = bytes(rng.choice(alphabet) for _ in range(size))
        patterns.append(pattern.lower())
    assert _core.find_patterns(data, patterns) == slowly(data, patterns)


def test_borders():
    assert _core.find_patterns(b"ABcd", [b"ab", b"bc", b"cd", b"abcd", b"abcde", b"xx"]) == [0, 1, 2, 3]
    assert _core.find_patterns(b"", [b"ab"]) == []
    assert _core.find_patterns(b"ab", []) == []
    assert _core.find_patterns(memoryview(bytearray(b"..N\0A\0M\0E\0..")), [b"n\0a\0m\0e\0", b"name"]) == [0]
    long = b"x" * 400
    assert _core.find_patterns(b"y" + long, [long, long + b"x", b"\xc4" * 300]) == [0]
    assert _core.find_patterns(bytes(10_000), [bytes(20), bytes(19) + b"a"]) == [0]


def test_a_pattern_of_one_byte_is_refused():
    with pytest.raises(ValueError, match="less than two bytes"):
        _core.find_patterns(b"abc", [b"ab", b"c"])
