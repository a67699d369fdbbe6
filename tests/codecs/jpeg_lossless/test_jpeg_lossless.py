"""JPEG Lossless of the core against the slow oracle, on streams that no public file shows."""

import itertools
import warnings

import numpy as np
import pytest
from helpers.jpeg_lossless import ISAS, check, decoded, image, samples
from oracle import jpeg_lossless as oracle
from oracle.jpeg_lossless import Component

import dcmturbo as dt


@pytest.mark.parametrize("selection_value", range(8))
@pytest.mark.parametrize("precision", range(2, 17))
def test_selection_values_and_precisions(selection_value, precision):
    for kind in ("smooth", "noise"):
        component = Component(samples((13, 21), precision, kind=kind))
        check(oracle.encode([component], precision=precision, selection_value=selection_value), [component])


@pytest.mark.parametrize("selection_value", [1, 4, 7])
@pytest.mark.parametrize("transform", [1, 3, 7])
def test_point_transform(selection_value, transform):
    component = Component(samples((11, 9), 12 - transform))
    data = oracle.encode([component], precision=12, selection_value=selection_value, point_transform=transform)
    with pytest.warns(
        dt.DecodeWarning, match="the codestream is lossy, but the transfer syntax allows lossless codestreams only"
    ):
        check(data, [component], transform)
    assert not dt.probe(data).lossless


@pytest.mark.parametrize("selection_value", range(1, 8))
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_restart_intervals(selection_value, rows):
    component = Component(samples((23, 14), 12))
    check(
        oracle.encode([component], precision=12, selection_value=selection_value, rows_per_interval=rows), [component]
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("selection_value", [1, 2, 5, 6])
@pytest.mark.parametrize("tables", ["one", "each"])
@pytest.mark.parametrize("layout", ["together", "apart"])
def test_components(count, selection_value, tables, layout):
    components = [Component(samples((12, 17), 8, seed=k), table=k if tables == "each" else 0) for k in range(count)]
    scans = [[k] for k in range(count)] if layout == "apart" else None
    check(
        oracle.encode(components, precision=8, selection_value=selection_value, scans=scans, rows_per_interval=5),
        components,
    )


def test_two_components_and_one_apart():
    components = [Component(samples((9, 8), 10, seed=k), table=k % 2) for k in range(3)]
    data = oracle.encode(components, precision=10, selection_value=[4, 7], scans=[[0, 2], [1]])
    check(data, components)


@pytest.mark.parametrize(
    "factors",
    [
        [(2, 1), (1, 1), (1, 1)],
        [(2, 2), (1, 1), (1, 1)],
        [(1, 2), (1, 1), (1, 1)],
        [(4, 1), (1, 1), (2, 1)],
        [(2, 2), (2, 1), (1, 2)],
        [(2, 2), (2, 2), (2, 2)],
        [(3, 1), (1, 1), (1, 1)],
    ],
)
@pytest.mark.parametrize("size", [(12, 16), (13, 17), (1, 1), (3, 2)])
@pytest.mark.parametrize("layout", ["together", "apart"])
def test_sampling_factors(factors, size, layout):
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    components = [
        Component(samples((-(-size[0] * v // down), -(-size[1] * h // across)), 8, seed=k), h, v)
        for k, (h, v) in enumerate(factors)
    ]
    scans = [[0], [1], [2]] if layout == "apart" else None
    for value, rows in ((1, 0), (6, 2)):
        if layout == "apart" and rows:
            continue  # one interval cannot be whole rows of components of different width
        data = oracle.encode(
            components, precision=8, selection_value=value, rows_per_interval=rows, scans=scans, size=size
        )
        expected = oracle.decode(data)
        for component, plane, found in zip(components, expected, decoded(data), strict=True):
            np.testing.assert_array_equal(plane, component.samples)
            np.testing.assert_array_equal(found, plane)
        y, x = np.arange(size[0]), np.arange(size[1])
        whole = np.stack(
            [p[np.ix_(y * v // down, x * h // across)] for p, (h, v) in zip(expected, factors, strict=True)], -1
        )
        np.testing.assert_array_equal(image(data, bits_allocated=8), whole)


def test_category_16_has_no_bits():
    # A first pixel of 0 at 16 bits is -32768; then differences of exactly that everywhere.
    plane = np.zeros((6, 40), np.int64)
    plane[:, 1::2] = 32768
    for value in (1, 2, 4, 7):
        component = Component(plane)
        data = oracle.encode([component], precision=16, selection_value=value)
        check(data, [component])
    assert oracle.decode(oracle.encode([Component(plane)], precision=16))[0][0, 0] == 0


def test_sums_wrap_at_16_bits_below_that_precision():
    # Differences that leave the range and come back: the standard's arithmetic is modulo 2^16, and no decoder clamps.
    component = Component(np.array([[0, 65535, 0, 4095, 61440, 5]], np.int64))
    check(oracle.encode([component], precision=12), [component])


def test_tables_before_the_frame_header_and_symbols_that_are_never_used():
    component = Component(samples((7, 9), 8))
    tables = {0: oracle.flat_table([*range(17), 30, 200, 255]), 3: oracle.flat_table()}
    check(oracle.encode([component], precision=8, tables=tables, tables_first=True), [component])


def test_codes_of_every_length():
    # 1 to 16 bits, the longest for what is common.
    lengths = {symbol: 16 - symbol for symbol in range(15)} | {15: 16, 16: 1}
    component = Component(samples((19, 23), 14))
    check(oracle.encode([component], precision=14, tables={0: oracle.table_of_lengths(lengths)}), [component])


def test_the_number_of_lines_may_come_last():
    component = Component(samples((17, 12), 9))
    check(oracle.encode([component], precision=9, number_of_lines_last=True), [component])


def test_fill_bytes_before_markers_and_rubbish_after_the_end():
    component = Component(samples((17, 12), 9))
    data = oracle.encode([component], precision=9, rows_per_interval=4)
    for code in (b"\xff\xd0", b"\xff\xd1", b"\xff\xda", b"\xff\xd9", b"\xff\xc3"):
        data = data.replace(code, b"\xff\xff\xff" + code)
    check(data, [component])
    np.testing.assert_array_equal(image(data + b"rubbish \xff\xd8\xff"), component.samples)


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 2])
def test_streams_that_never_fall_into_step(threads):
    # Codes and bits of exactly 4 + 12 = 16 bits each: a start at an odd byte reads other differences to the end.
    random = np.random.default_rng(5)
    count = 300_000
    tables = {0: oracle.flat_table(range(15), 4)}
    differences = random.integers(2048, 4096, count) * random.choice([-1, 1], count)
    plane = ((32768 + np.cumsum(differences)) & 0xFFFF).reshape(1, count)[:, : count // 5 * 5]
    rows = plane.reshape(5, -1)
    # Rows predict from above at their beginning; give them differences of the same size there.
    rows = rows - (rows[:, :1] - 32768 - 2500 * np.arange(1, 6)[:, None])
    component = Component(rows & 0xFFFF)
    data = oracle.encode([component], precision=16, tables=tables)
    np.testing.assert_array_equal(image(data, threads=threads), component.samples)


@pytest.mark.threads
@pytest.mark.parametrize("selection_value", range(1, 8))
@pytest.mark.parametrize("bits", [1, 3, 8, 13])
@pytest.mark.parametrize("threads", [1, 2])
def test_large_frames_in_segments(selection_value, bits, threads):
    """Enough data for many segments, and for a team, at all densities of the stream."""
    random = np.random.default_rng(bits)
    rows, columns = 700, 600
    base = (np.add.outer(np.arange(rows), np.arange(columns)) * 7) % 20000
    plane = (base + random.integers(0, 1 << bits, (rows, columns))).astype(np.uint16)
    plane[100:300, 50:500] = 17  # a background: one bit a sample
    data = dt.encode_frame(plane, "JPEGLossless", selection_value=selection_value, bits_stored=16)
    for isa in ISAS:
        with dt.config.override(isa=isa):
            np.testing.assert_array_equal(image(data, threads=threads), plane)
    restarted = dt.encode_frame(plane, "JPEGLossless", selection_value=selection_value, restart_rows=9)
    np.testing.assert_array_equal(image(restarted, threads=threads), plane)


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 2])
def test_large_colour_frames(threads):
    random = np.random.default_rng(0)
    frame = (random.normal(0, 3, (500, 400, 3)).cumsum(1) + 128).clip(0, 255).astype(np.uint8)
    for value in (1, 7):
        data = dt.encode_frame(frame, "JPEGLossless", selection_value=value)
        np.testing.assert_array_equal(image(data, threads=threads, bits_allocated=8), frame)


def outcome(data: bytes | list[bytes], shape: tuple[int, int], **more: object) -> tuple[object, ...]:
    """What decoding gives or raises, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            array = dt.decode_frame(data, "JPEGLossless", rows=shape[0], columns=shape[1], bits_allocated=16, **more)
            result = (array.tobytes(),)
        except dt.Error as error:
            result = (type(error), error.code, error.offset, str(error))
    return *result, *sorted(str(warning.message) for warning in caught)


@pytest.mark.threads
@pytest.mark.parametrize("selection_value", [1, 5])
def test_a_team_ends_as_one_thread_does(selection_value):
    """Streams that are not as they should be, large enough for a team."""
    plane = samples((300, 500), 12, kind="noise").astype(np.uint16)
    data = dt.encode_frame(plane, "JPEGLossless", selection_value=selection_value, bits_stored=12)
    random = np.random.default_rng(selection_value)
    begin, end = len(data) // 50, data.rindex(b"\xff\xd9")
    streams = [data[:end], data[:end] + b"\x00" * 9 + data[end:], data + b"\xff\xd8 rubbish" * 20_000]
    streams += [data[:end] + marker + data[end:] for marker in (b"\xff\xd0", b"\xff\xff\xff\xd9", b"\xff", b"\x55")]
    for at in random.integers(begin, end, 12):
        streams.append(data[:at])
        streams.append(data[:at] + b"\xff\xd9" + data[at:])
        streams.append(data[:at] + b"\xff\xd3" + data[at:])
        streams.append(data[:at] + bytes(random.integers(0, 255, 3, np.uint8)) + data[at + 3 :])
    for stream in streams:
        for on_error in ("raise", "salvage"):
            one, several = (outcome(stream, plane.shape, threads=threads, on_error=on_error) for threads in (1, 5))
            assert one == several


@pytest.mark.parametrize("every", [150_000, 30_000, 4000, 900, 100])
@pytest.mark.parametrize("restart_rows", [0, 100])
def test_noise_that_changes_its_phase(every, restart_rows):
    """Differences of 16 bits with their codes, but for one now and then: starts after it are out of phase."""
    random = np.random.default_rng(every)
    plane = random.integers(0, 1 << 16, (600, 500), np.uint16)
    flat = plane.reshape(-1)
    flat[every::every] = flat[every - 1 :: every][: len(flat[every::every])] + random.integers(0, 3)
    data = dt.encode_frame(plane, "JPEGLossless", selection_value=1, restart_rows=restart_rows)
    for threads in (1, 3):
        assert outcome(data, plane.shape, threads=threads) == (plane.tobytes(),)


@pytest.mark.threads
def test_a_team_reads_fragments_cut_anywhere():
    plane = samples((300, 500), 12, kind="noise").astype(np.uint16)
    data = dt.encode_frame(plane, "JPEGLossless", selection_value=1, bits_stored=12)
    random = np.random.default_rng(3)
    after_ff = [at + 1 for at in range(600, len(data) - 1) if data[at] == 0xFF]
    for cuts in (sorted(random.integers(1, len(data), 40)), after_ff, range(1, len(data), 997)):
        places = [0, *cuts, len(data)]
        fragments = [data[a:b] for a, b in itertools.pairwise(places)]
        for threads in (1, 4):
            assert outcome(fragments, plane.shape, threads=threads)[0] == plane.tobytes()


@pytest.mark.threads
@pytest.mark.parametrize("selection_value", [1, 4])
@pytest.mark.parametrize(("shape", "step"), [((3, 65535), 60000), ((5, 65535), 3), ((60000, 4), 900)])
def test_a_team_on_very_wide_and_very_tall_frames(selection_value, shape, step):
    random = np.random.default_rng(1)
    plane = random.integers(0, step, (*shape, 3), np.uint16)
    plane[:, : shape[1] // 2] //= 7
    data = dt.encode_frame(plane, "JPEGLossless", selection_value=selection_value)
    np.testing.assert_array_equal(image(data, threads=4), plane)


# --- encoding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection_value", [1, 2, 3, 4, 5, 6, 7, "best"])
@pytest.mark.parametrize("bits", [2, 5, 8, 9, 12, 16])
@pytest.mark.parametrize("kind", ["smooth", "noise"])
def test_the_oracle_reads_what_is_encoded(selection_value, bits, kind):
    array = samples((17, 19), bits, kind=kind).astype(np.uint16)
    for isa in ISAS:
        with dt.config.override(isa=isa):
            data = dt.encode_frame(array, "JPEGLossless", bits_stored=bits, selection_value=selection_value)
        np.testing.assert_array_equal(oracle.decode(data)[0], array)
        assert dt.probe(data).components[0].precision == bits
        if selection_value != "best":
            assert dt.probe(data).parameters["selection_value"] == selection_value


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_restart_markers_on_request(rows):
    array = samples((40, 30), 12).astype(np.uint16)
    data = dt.encode_frame(array, "JPEGLosslessSV1", bits_stored=12, restart_rows=rows)
    np.testing.assert_array_equal(oracle.decode(data)[0], array)
    assert dt.probe(data).parameters["restart_interval"] == rows * 30
    assert sum(data.count(bytes([0xFF, 0xD0 + k])) for k in range(8)) == -(-40 // rows) - 1


def test_signed_values_are_twos_complement():
    array = np.array([[-2048, 2047, 0, -1]], np.int16)
    data = dt.encode_frame(array, "JPEGLosslessSV1", bits_stored=12)
    np.testing.assert_array_equal(oracle.decode(data)[0], array & 0xFFF)


def test_tables_are_no_longer_than_those_of_the_standard_procedure():
    for seed, bits in itertools.product(range(4), (6, 11, 16)):
        array = samples((31, 33), bits, seed=seed, kind=("smooth", "noise")[seed % 2]).astype(np.uint16)
        ours = dt.encode_frame(array, "JPEGLossless", bits_stored=bits)
        theirs = oracle.encode([Component(array.astype(np.int64))], precision=bits)
        # Codes of one length may be dealt out differently, which changes how many FF there are to stuff.
        assert len(ours) <= len(theirs) * 1.005 + 1


def test_very_uneven_frequencies_stay_within_16_bits():
    # Fibonacci's numbers make the longest codes.
    counts = [1, 1]
    while len(counts) < 17:
        counts.append(counts[-1] + counts[-2])
    sizes = np.repeat(np.arange(17), counts)
    differences = np.where(sizes == 0, 0, 1 << np.maximum(sizes - 1, 0))
    plane = ((32768 + np.cumsum(differences)) & 0xFFFF).astype(np.uint16).reshape(1, -1)
    data = dt.encode_frame(plane, "JPEGLosslessSV1")
    np.testing.assert_array_equal(oracle.decode(data)[0], plane)
    np.testing.assert_array_equal(decoded(data)[0], plane)


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.full((2, 2), 256, np.uint16), {"bits_stored": 8}, "values up to 256 do not fit in BitsStored 8"),
        (np.full((2, 2), -9, np.int16), {"bits_stored": 4}, "values from -9 to -9 do not fit in BitsStored 4"),
        (np.zeros((2, 2), np.uint32), {}, "BitsStored is 32"),
        (np.zeros((2, 2), bool), {}, "BitsAllocated is 1"),
        (np.zeros((2, 2), np.uint8), {"selection_value": 8}, "selection_value is 8"),
        (np.zeros((2, 2), np.uint8), {"selection_value": 0}, "selection_value is 0"),
        (np.zeros((2, 2), np.uint8), {"restart_rows": -1}, "restart_rows is -1"),
        (np.zeros((4, 40000), np.uint8), {"restart_rows": 2}, "80000 samples; at most 65535"),
        (np.zeros((1, 65536), np.uint8), {}, "at most 65535"),
        (np.zeros((2, 2, 3), np.uint8), {"photometric_interpretation": "MONOCHROME2"}, "contradicts 3 samples"),
    ],
)
def test_what_cannot_be_encoded(array, options, message):
    with pytest.raises(dt.EncodeError, match=message):
        dt.encode_frame(array, "JPEGLossless", **options)


def test_selection_values_of_the_first_order_syntax():
    with pytest.raises(TypeError, match="selection_value"):
        dt.encode_frame(np.zeros((2, 2), np.uint8), "JPEGLosslessSV1", selection_value=2)
