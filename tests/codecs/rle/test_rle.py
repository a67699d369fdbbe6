"""RLE against the oracle: streams of our encoder, of the oracle's, and of writers that did not read annex G."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import rle as oracle

import dcmturbo as dt

DTYPES = {8: "u1", 16: "u2", 32: "u4", 64: "u8"}
ISAS = dt.config.available_isas
BLOCK = 4096  # pixels that the decoder does in one go
# Random segments go on behind their plane. That this is reported has tests of its own, at the end.
pytestmark = pytest.mark.filterwarnings("ignore:a frame has more data than its pixels need")
relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)


def decode(frame: bytes, shape: tuple[int, ...], bits: int, **more: object) -> np.ndarray:
    samples = shape[2] if len(shape) == 3 else 1
    return dt.decode_frame(
        frame, "RLELossless", rows=shape[0], columns=shape[1], samples_per_pixel=samples, bits_allocated=bits, **more
    )


def assert_as_the_oracle(frame: bytes, shape: tuple[int, ...], bits: int) -> None:
    """The same pixels from every ISA, in any layout; or refused where the oracle refuses."""
    samples = shape[2] if len(shape) == 3 else 1
    try:
        right = oracle.decode(frame, rows=shape[0], columns=shape[1], samples=samples, bits_allocated=bits)
    except oracle.RefusedError:
        for isa in ISAS:
            with dt.config.override(isa=isa), pytest.raises(dt.DecodeError):
                decode(frame, shape, bits)
        return
    right = right.reshape(shape)
    for isa in ISAS:
        with dt.config.override(isa=isa):
            np.testing.assert_array_equal(decode(frame, shape, bits), right, err_msg=isa)
            out = np.zeros(shape[::-1], right.dtype).T[::-1]
            decode(frame, shape, bits, out=out)
            np.testing.assert_array_equal(out, right, err_msg=isa)


def random_operations(random: np.random.Generator, wanted: int, *, longest: int = 128) -> bytes:
    """A valid segment of random operations: runs across rows, literals, and no-ops."""
    out = bytearray()
    size = 0
    while size < wanted:
        kind = random.integers(0, 8)
        length = int(random.integers(1, longest + 1))
        if kind == 0:
            out += b"\x80" * int(random.integers(1, 4))
        elif kind < 4:
            out.append(length - 1)
            out += random.bytes(length)
            size += length
        else:
            length = max(length, 2)
            out += bytes([257 - length]) + random.bytes(1)
            size += length
    return bytes(out)


SIZES = [(1, 1), (1, 2), (2, 1), (3, 3), (1, 127), (1, 128), (1, 129), (13, 17), (64, 64), (257, 1), (1, 300)]
AROUND_A_BLOCK = [(1, BLOCK + d) for d in (-257, -129, -128, -127, -1, 0, 1, 126, 127, 128, 129, 255, 256, 257, BLOCK)]
AROUND_THE_MARGIN = [(1, n) for n in (382, 383, 384, 385, 400, 511, 512, 513)]


@pytest.mark.parametrize("shape", SIZES + AROUND_A_BLOCK + AROUND_THE_MARGIN, ids=str)
@pytest.mark.parametrize(("bits", "samples"), [(8, 1), (8, 3), (16, 1), (16, 3), (32, 1), (32, 3), (64, 1)])
@pytest.mark.parametrize("longest", [3, 128])
def test_random_operations(shape, bits, samples, longest):
    random = np.random.default_rng([shape[0], shape[1], bits, samples, longest])
    wanted = shape[0] * shape[1]
    segments = [random_operations(random, wanted, longest=longest) for _ in range(samples * bits // 8)]
    assert_as_the_oracle(oracle.frame_of(segments), shape if samples == 1 else (*shape, samples), bits)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (1, 8), (1, 9), (5, 7), (31, 33), (3, BLOCK), (8, BLOCK + 5)], ids=str
)
def test_single_bits(shape):
    random = np.random.default_rng(shape)
    for longest in (2, 128):
        segment = random_operations(random, (shape[0] * shape[1] + 7) // 8, longest=longest)
        if len(oracle.decode_packbits(segment, 10**6)) != shape[0] * shape[1]:
            assert_as_the_oracle(oracle.frame_of([segment]), shape, 1)
    bits = random.integers(0, 2, shape, np.uint8)
    for array in (bits, bits.astype(bool), np.asfortranarray(bits)):
        frame = dt.encode_frame(array, "RLELossless", bits_allocated=1)
        np.testing.assert_array_equal(decode(frame, shape, 1), bits)


@given(data=st.data())
@relaxed
def test_any_stream_at_all(data):
    samples, bits = data.draw(st.sampled_from([(1, 8), (3, 8), (1, 16), (1, 32), (2, 16)]))
    rows, columns = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 40))
    segments = [data.draw(st.binary(max_size=80)) for _ in range(samples * bits // 8)]
    order = data.draw(st.permutations(range(len(segments))))
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    assert_as_the_oracle(oracle.frame_of(segments, order=order), shape, bits)


@given(data=st.data())
@relaxed
def test_a_round_trip_of_any_array(data):
    samples, bits = data.draw(st.sampled_from([(1, 8), (3, 8), (1, 16), (3, 16), (1, 32), (3, 32), (1, 64)]))
    rows, columns = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 400))
    seed, levels = data.draw(st.integers(0, 2**32)), data.draw(st.sampled_from([1, 2, 3, 256]))
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    values = np.random.default_rng(seed).integers(0, levels, (*shape, bits // 8), np.uint8)
    array = values.view(DTYPES[bits])[..., 0]
    frame = dt.encode_frame(array, "RLELossless")
    assert len(frame) % 2 == 0
    np.testing.assert_array_equal(
        oracle.decode(frame, rows=rows, columns=columns, samples=samples, bits_allocated=bits).reshape(shape), array
    )
    for isa in ISAS:
        with dt.config.override(isa=isa):
            assert dt.encode_frame(array, "RLELossless") == frame
            np.testing.assert_array_equal(decode(frame, shape, bits), array)


def test_single_bits_that_have_a_byte_each():
    """What some writers make of segmentations, and what no packed frame looks like."""
    for shape in ((5, 7), (64, 65)):
        bits = np.random.default_rng(shape).integers(0, 2, shape, np.uint8)
        np.testing.assert_array_equal(decode(oracle.encode(bits), shape, 1), bits)


def test_operations_do_not_cross_rows():
    """PS3.5, G.3.1: each row is encoded by itself, so that a decoder may stop at its end."""
    array = np.zeros((7, 100), np.uint8)
    array[3] = np.arange(100)
    frame = dt.encode_frame(array, "RLELossless")
    at = 64
    for row in array:
        size = 0
        begin = at
        while size < 100:
            n = int.from_bytes(frame[at : at + 1], "little", signed=True)
            size += n + 1 if n >= 0 else 1 - n
            at += n + 2 if n >= 0 else 2
        assert size == 100
        assert oracle.decode_packbits(frame[begin:at], 100) == row.tobytes()


@pytest.mark.parametrize("width", [1, 2, 3, 63, 64, 65, 127, 128, 129, 130, 255, 256, 257, 1000])
def test_the_encoder_is_no_larger_than_the_oracle(width):
    random = np.random.default_rng(width)
    for levels in (1, 2, 3, 5, 256):
        rows = [
            random.integers(0, levels, width, np.uint8),
            np.repeat(random.integers(0, levels, width, np.uint8), 3)[:width],
        ]
        array = np.stack([*rows, np.zeros(width, np.uint8), np.arange(width).astype(np.uint8)])
        frame = dt.encode_frame(array, "RLELossless")
        assert len(frame) <= len(oracle.encode(array))
        np.testing.assert_array_equal(
            oracle.decode(frame, rows=4, columns=width, samples=1, bits_allocated=8)[..., 0], array
        )


@pytest.mark.parametrize("name", ["fortran", "backwards", "unaligned", "every_third", "broadcast", "big_endian"])
@pytest.mark.parametrize(("dtype", "samples"), [("u1", 1), ("u2", 1), ("i2", 3), ("u1", 3), ("u4", 1), ("i8", 1)])
def test_an_array_of_any_strides_is_encoded(name, dtype, samples):
    shape = (11, 13) if samples == 1 else (11, 13, samples)
    random = np.random.default_rng(2)
    array = random.integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8).view(dtype)[..., 0]
    strange = {
        "fortran": lambda: np.asfortranarray(array),
        "backwards": lambda: array[::-1, ::-1].copy()[::-1, ::-1],
        "unaligned": lambda: np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(dtype).reshape(shape),
        "every_third": lambda: np.repeat(array, 3, 1)[:, ::3],
        "broadcast": lambda: np.broadcast_to(array[:1], shape),
        "big_endian": lambda: array.astype(array.dtype.newbyteorder(">")),
    }[name]()
    frame = dt.encode_frame(strange, "RLELossless")
    assert frame == dt.encode_frame(np.ascontiguousarray(strange, dtype), "RLELossless")
    found = decode(frame, shape, np.dtype(dtype).itemsize * 8, pixel_representation=int(dtype[0] == "i"))
    np.testing.assert_array_equal(found, strange)


# ---- frames of writers that did not read the annex ---------------------------------------------

SHAPE = (9, 21)
ARRAY = np.random.default_rng(4).integers(0, 3, SHAPE, np.uint8).astype("u2") * 0x5A5
SEGMENTS = [b"".join(oracle.encode_packbits(row.tobytes()) for row in plane) for plane in oracle.planes_of(ARRAY)]


def test_segments_in_another_order():
    frame = oracle.frame_of(SEGMENTS, order=[1, 0])
    np.testing.assert_array_equal(decode(frame, SHAPE, 16), ARRAY)


def test_segments_of_odd_length():
    for odd in ([SEGMENTS[0] + b"\x80"], [SEGMENTS[0]], [SEGMENTS[0][:]]):
        frame = oracle.frame_of([odd[0], SEGMENTS[1]])
        np.testing.assert_array_equal(decode(frame, SHAPE, 16), ARRAY)


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 100, b"\x80" * 7, b"\xff" * 333, bytes(range(256))])
def test_over_long_segments_do_not_write_past_their_plane(padding):
    frame = oracle.frame_of([segment + padding for segment in SEGMENTS])
    around = np.full((SHAPE[0] + 40, SHAPE[1]), 0x1234, "u2")
    decode(frame, SHAPE, 16, out=around[20:-20])
    np.testing.assert_array_equal(around[20:-20], ARRAY)
    assert (around[:20] == 0x1234).all()
    assert (around[-20:] == 0x1234).all()
    single = oracle.frame_of([SEGMENTS[1] + padding])
    bytes_around = np.full(SHAPE[0] * SHAPE[1] + 1000, 0x77, np.uint8)
    decode(single, SHAPE, 8, out=bytes_around[500:-500].reshape(SHAPE))
    assert (bytes_around[:500] == 0x77).all()
    assert (bytes_around[-500:] == 0x77).all()


def test_a_last_operation_that_goes_past_the_plane():
    for last in (b"\x81\x05", b"\x7f" + bytes(128)):
        frame = oracle.frame_of([b"\x00\x07" + last])
        for columns in range(1, 129):
            assert_as_the_oracle(frame, (1, columns), 8)


@pytest.mark.parametrize("lost", [1, 2, 5, 60])
def test_a_short_segment_is_refused_and_salvaged(lost):
    frame = oracle.frame_of([SEGMENTS[0], SEGMENTS[1][:-lost]])
    with pytest.raises(dt.DecodeError, match="segment 1 decodes to") as caught:
        decode(frame, SHAPE, 16)
    assert caught.value.code == "truncated"
    assert caught.value.offset == len(frame)
    status = np.zeros(1, np.uint8)
    with pytest.warns(dt.DecodeWarning):
        found = decode(frame, SHAPE, 16, on_error="salvage", status=status)
    assert status[0] == dt.FrameStatus.PARTIAL
    there = len(oracle.decode_packbits(SEGMENTS[1][:-lost], ARRAY.size))
    np.testing.assert_array_equal(found.ravel()[:there], ARRAY.ravel()[:there])
    assert not found.ravel()[there:].any()


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_up_to_fifteen_segments(samples, bits):
    shape = (5, 6) if samples == 1 else (5, 6, samples)
    array = np.random.default_rng(bits).integers(0, 256, (*shape, bits // 8), np.uint8).view(DTYPES[bits])[..., 0]
    if samples * bits // 8 > 15:
        with pytest.raises(dt.EncodeError, match="15 segments"):
            dt.encode_frame(array, "RLELossless", photometric_interpretation="RGB")
        with pytest.raises(dt.DecodeError):
            decode(oracle.frame_of([b"\0\0"] * 15), shape, bits)
        return
    frame = dt.encode_frame(array, "RLELossless", photometric_interpretation="RGB" if samples > 1 else None)
    np.testing.assert_array_equal(decode(frame, shape, bits), array)


@pytest.mark.parametrize("count", [0, 1, 3, 15, 16, 255, 2**31, 2**32 - 1])
def test_another_number_of_segments_than_the_image_needs(count):
    with pytest.raises(dt.DecodeError, match="segments"):
        decode(oracle.frame_of(SEGMENTS, count=count), SHAPE, 16)


@pytest.mark.parametrize("offset", [0, 1, 63, 2**31, 2**32 - 1, "end", "past the end"])
def test_segments_that_are_elsewhere(offset):
    frame = bytearray(oracle.frame_of(SEGMENTS))
    where = {"end": len(frame), "past the end": len(frame) + 1}.get(offset, offset)
    for i in range(2):
        wrong = bytearray(frame)
        wrong[4 + 4 * i : 8 + 4 * i] = int(where).to_bytes(4, "little")
        with pytest.raises(dt.DecodeError):
            decode(bytes(wrong), SHAPE, 16)


def test_two_segments_at_one_place_are_the_same_bytes():
    frame = bytearray(oracle.frame_of(SEGMENTS))
    frame[8:12] = frame[4:8]
    assert_as_the_oracle(bytes(frame), SHAPE, 16)


@pytest.mark.parametrize("representation", [0, 1])
@pytest.mark.parametrize(("bits", "stored"), [(8, 5), (8, 1), (16, 12), (16, 9), (16, 15), (16, 1), (32, 20), (64, 40)])
@pytest.mark.parametrize("samples", [1, 3])
def test_bits_above_bits_stored(representation, bits, stored, samples):
    if samples * bits // 8 > 15:
        return
    shape = (7, 700) if samples == 1 else (7, 700, samples)
    cells = np.random.default_rng(bits).integers(0, 256, (*shape, bits // 8), np.uint8).view(DTYPES[bits])[..., 0]
    frame = oracle.encode(cells)
    signed = np.dtype(f"{'ui'[representation]}{bits // 8}")
    spare = bits - stored
    right = ((cells << cells.dtype.type(spare)).view(signed) >> spare).astype(signed)
    arguments = {"bits_stored": stored, "pixel_representation": representation, "photometric_interpretation": "RGB"}
    if samples == 1:
        arguments["photometric_interpretation"] = "MONOCHROME2"
    for isa in ISAS:
        with dt.config.override(isa=isa):
            np.testing.assert_array_equal(decode(frame, shape, bits, **arguments), right)
            kept = decode(frame, shape, bits, unused_bits="keep", **arguments)
            np.testing.assert_array_equal(kept, cells.view(signed))


def test_colour_is_converted_on_the_way():
    ybr = np.random.default_rng(8).integers(0, 256, (40, 211, 3), np.uint8)
    frame = dt.encode_frame(ybr, "RLELossless", photometric_interpretation="YBR_FULL")
    right = dt.decode_frame(
        ybr.tobytes(),
        "ExplicitVRLittleEndian",
        rows=40,
        columns=211,
        samples_per_pixel=3,
        bits_allocated=8,
        photometric_interpretation="YBR_FULL",
    )
    assert not (right == ybr).all()
    np.testing.assert_array_equal(decode(frame, ybr.shape, 8, photometric_interpretation="YBR_FULL"), right)
    raw = decode(frame, ybr.shape, 8, photometric_interpretation="YBR_FULL", raw=True)
    np.testing.assert_array_equal(raw, ybr)


def test_planar_configuration_says_nothing_about_rle():
    array = np.random.default_rng(8).integers(0, 256, (5, 9, 3), np.uint8)
    frame = dt.encode_frame(array, "RLELossless")
    for planar in (0, 1):
        np.testing.assert_array_equal(decode(frame, array.shape, 8, planar_configuration=planar), array)


def test_a_decoder_never_reads_past_the_frame():
    """The last bytes of a page: what lies behind cannot be read."""
    import ctypes
    import mmap

    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 4 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(address + 3 * page), page, 0) == 0
    try:
        for shape in ((1, 1), (3, 50), (9, 500)):
            for array in (np.zeros(shape, "u1"), np.random.default_rng(1).integers(0, 256, shape, np.uint8)):
                frame = oracle.encode(array)
                memory[3 * page - len(frame) : 3 * page] = frame
                view = memoryview(memory)[3 * page - len(frame) : 3 * page]
                for isa in ISAS:
                    with dt.config.override(isa=isa):
                        np.testing.assert_array_equal(decode(view, shape, 8), array)
                        with warnings.catch_warnings():
                            warnings.simplefilter("ignore")
                            decode(view[: len(frame) - 3], shape, 8, on_error="salvage")
                        encoded = np.frombuffer(view, np.uint8)[: len(frame) // 2 * 2].reshape(2, -1)
                        dt.encode_frame(encoded, "RLELossless")
                        del encoded
                view.release()
    finally:
        libc.mprotect(ctypes.c_void_p(address + 3 * page), page, 3)


def excess_of(frame: bytes, shape: tuple[int, ...], bits: int) -> bool:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        decode(frame, shape, bits)
    return any("more data than its pixels need" in str(warning.message) for warning in said)


@pytest.mark.parametrize("shape", [(9, 7), (40, 36), (70, 90), (13, 21, 3)], ids=str)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_frame_of_a_larger_image_is_reported(shape, bits):
    random = np.random.default_rng(shape)
    frame = dt.encode_frame(random.integers(0, 200, shape).astype(DTYPES[bits]), "RLELossless")
    assert not excess_of(frame, shape, bits)
    narrower = (shape[0], shape[1] - 1, *shape[2:])
    assert excess_of(frame, narrower, bits)


def test_padding_is_no_excess():
    plane = bytes(range(1, 16))
    for segment in (
        bytes([14]) + plane,
        bytes([14]) + plane + b"\0",
        bytes([14]) + plane + bytes(40),
        bytes([15]) + plane + b"\0",  # the odd plane itself is padded
    ):
        assert not excess_of(oracle.frame_of([segment]), (3, 5), 8), segment
    assert excess_of(oracle.frame_of([bytes([14]) + plane + b"\xff" * 20]), (3, 5), 8)
