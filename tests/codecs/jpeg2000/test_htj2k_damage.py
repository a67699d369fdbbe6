"""HTJ2K streams that are cut or changed: an error, or salvage with a warning, and never wrong pixels in silence."""

import warnings

import imagecodecs
import numpy as np
import pytest
from helpers.jpeg2000 import component
from oracle.jpeg2000_block import CAUSAL
from oracle.jpeg2000_stream import Image, finished, write
from oracle.jpeg2000_tile import HIGH_THROUGHPUT, MIXED, Coding

import dcmturbo as dt

AREA = (0, 0, 21, 18)


def by_oracle(style: int, **more) -> tuple[bytes, np.ndarray]:
    image = Image([component(AREA)], AREA, coding=Coding(style=style, block=(4, 4)), **more)
    data, out = write(image)
    return data, finished(image, out)[0]


def by_openjph(bits: int) -> tuple[bytes, np.ndarray]:
    array = np.random.default_rng(bits).normal(1 << bits - 1, 1 << bits - 3, (23, 19))
    array = np.clip(array, 0, (1 << bits) - 1).astype(np.uint8 if bits == 8 else np.uint16)
    return imagecodecs.htj2k_encode(array, reversible=True), array


STREAMS = {
    "OpenJPH 8 bits": by_openjph(8),
    "OpenJPH 16 bits": by_openjph(16),
    "refined": by_oracle(HIGH_THROUGHPUT | CAUSAL, layers=3),
    "mixed": by_oracle(HIGH_THROUGHPUT | MIXED, layers=2),
    "tile-parts": by_oracle(HIGH_THROUGHPUT, layers=2, tile=(13, 11, 0, 0), parts=2),
}
every_stream = pytest.mark.parametrize("name", STREAMS)


def outcome(data: bytes, **options) -> tuple[np.ndarray | None, bool]:
    """The samples, and whether a warning came with them; None with an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return dt.decode_components(data, **options)[0], bool(caught)
        except dt.DecodeError as raised:
            error = raised
    assert error.message
    assert error.offset is None or 0 <= error.offset <= len(data)
    return None, False


@every_stream
def test_cut_at_every_byte(name):
    data, right = STREAMS[name]
    np.testing.assert_array_equal(dt.decode_components(data)[0], right)
    for size in range(len(data)):
        found, is_told = outcome(data[:size])
        if found is not None:
            np.testing.assert_array_equal(found, right, err_msg=f"cut at {size}")
            assert is_told, f"cut at {size}"  # only the end marker may be missing
        salvaged, is_told = outcome(data[:size], on_error="salvage")
        assert salvaged is None or is_told or np.array_equal(salvaged, right), f"cut at {size}"


@every_stream
@pytest.mark.parametrize("fill", [0, 0xFF])
def test_cut_and_filled_up(name, fill):
    """As by a copy that broke off: the file has its length."""
    data, right = STREAMS[name]
    for size in range(0, len(data) - 2, 3):
        found, is_told = outcome(data[:size] + bytes([fill]) * (len(data) - size))
        assert found is None or is_told or np.array_equal(found, right), f"cut at {size}"


@pytest.mark.parametrize("name", ["OpenJPH 8 bits", "OpenJPH 16 bits"])
@pytest.mark.parametrize("last", [b"\x00\x00", b"\x01\x00", b"\x00\xff", b"\x0f\xff", b"\x0f\xfe"])
def test_a_suffix_length_out_of_its_range(name, last):
    """Scup (15444-15, 7.1) is in the last two bytes of the last block, which stand before EOC."""
    data, right = STREAMS[name]
    assert data.endswith(b"\xff\xd9")
    changed = data[:-4] + last + data[-2:]
    with pytest.raises(dt.DecodeError, match="code-block") as caught:
        dt.decode_components(changed)
    assert caught.value.code == "malformed"
    with pytest.warns(dt.DecodeWarning, match="code-block"):
        found = dt.decode_components(changed, on_error="salvage")[0]
    assert found.shape == right.shape
    assert not np.array_equal(found, right)


@every_stream
@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_end_in_an_array_or_an_error_alike_everywhere(name, seed):
    data, right = STREAMS[name]
    generator = np.random.default_rng((seed, len(name)))
    for _ in range(60):
        changed = bytearray(data)
        for at in generator.integers(60, len(data), int(generator.integers(1, 5))):
            changed[at] = generator.integers(0, 256)
        found = []
        for isa in dt.config.available_isas:
            with dt.config.override(isa=isa):
                found += [outcome(bytes(changed), threads=threads)[0] for threads in (1, 2)]
        for other in found[1:]:
            assert (other is None) == (found[0] is None)
            if other is not None:
                assert other.shape == right.shape
                np.testing.assert_array_equal(other, found[0])
