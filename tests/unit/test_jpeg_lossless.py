"""JPEG Lossless of the core against the slow oracle, on streams that no public file shows."""

import itertools
import warnings

import numpy as np
import pytest
from helpers.samples import noise, smooth
from oracle import jpeg_lossless as oracle
from oracle.jpeg_lossless import Component

import dcmturbo as dt

ISAS = dt.config.available_isas


def decoded(data: bytes, **more: object) -> list[np.ndarray]:
    return dt.decode_components(data, **more)


def image(data: bytes, **more: object) -> np.ndarray:
    """The frame as a DICOM image of 16 bits."""
    header = dt.probe(data)
    count = len(header.components)
    arguments = {
        "rows": header.height,
        "columns": header.width,
        "samples_per_pixel": count,
        "bits_allocated": 16,
        "photometric_interpretation": "RGB" if count > 1 else "MONOCHROME2",
        "raw": True,
    }
    return dt.decode_frame(data, "JPEGLossless", **{**arguments, **more})


def samples(shape: tuple[int, int], bits: int, seed: int = 0, kind: str = "smooth") -> np.ndarray:
    make = smooth if kind == "smooth" else noise
    return make(shape, np.uint16, bits=bits, seed=seed).astype(np.int64) & ((1 << bits) - 1)


def check(data: bytes, components: list[Component], transform: int = 0) -> None:
    """The oracle reads what it wrote; so does the core, on every ISA and with any number of threads."""
    expected = oracle.decode(data)
    for component, plane in zip(components, expected, strict=True):
        np.testing.assert_array_equal(plane, (component.samples << transform) & 0xFFFF)
    for isa in ISAS:
        with dt.config.override(isa=isa):
            found = decoded(data)
        for plane, array in zip(expected, found, strict=True):
            np.testing.assert_array_equal(array, plane & (0xFF if array.dtype == np.uint8 else 0xFFFF))
    if len(components) in (1, 3):
        height, width = max(c.samples.shape[0] for c in components), max(c.samples.shape[1] for c in components)
        header = dt.probe(data)
        assert (header.height, header.width) == (height, width)
        steps = [(height * c.vertical, width * c.horizontal) for c in components]
        tallest, widest = max(s[0] for s in steps) // height, max(s[1] for s in steps) // width
        y, x = np.arange(height), np.arange(width)
        planes = [
            plane[np.ix_(y * c.vertical // tallest, x * c.horizontal // widest)]
            for plane, c in zip(expected, components, strict=True)
        ]
        whole = np.stack(planes, -1) if len(planes) > 1 else planes[0]
        for threads in (1, 2):
            np.testing.assert_array_equal(image(data, threads=threads), whole)


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
    with pytest.warns(dt.DecodeWarning, match="lossy under a transfer syntax that is lossless only"):
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
        (np.full((2, 2), 256, np.uint16), {"bits_stored": 8}, "values up to 256 do not fit BitsStored 8"),
        (np.full((2, 2), -9, np.int16), {"bits_stored": 4}, "values from -9 to -9 do not fit BitsStored 4"),
        (np.zeros((2, 2), np.uint32), {}, "BitsStored 32"),
        (np.zeros((2, 2), bool), {}, "BitsAllocated is 1"),
        (np.zeros((2, 2), np.uint8), {"selection_value": 8}, "selection_value is 8"),
        (np.zeros((2, 2), np.uint8), {"selection_value": 0}, "selection_value is 0"),
        (np.zeros((2, 2), np.uint8), {"restart_rows": -1}, "restart_rows is -1"),
        (np.zeros((4, 40000), np.uint8), {"restart_rows": 2}, "80000 samples; 65535"),
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


# --- bad input ------------------------------------------------------------------------------------


def refused(data: bytes, match: str, code: str, **more: object) -> dt.DecodeError:
    with pytest.raises(dt.DecodeError, match=match) as caught:
        image(data, **more)
    assert caught.value.code == code
    return caught.value


def stream(**more: object) -> bytes:
    component = Component(samples((16, 20), 12))
    return oracle.encode([component], **{"precision": 12, **more})


def test_the_end_may_be_missing_if_every_sample_is_there():
    data = stream()
    np.testing.assert_array_equal(image(data[:-2]), image(data))


def test_a_scan_that_ends_early():
    data = stream()
    whole = image(data)
    for cut in (3, 10, 50, len(data) // 3):
        error = refused(data[:-cut], "the scan ends in row", "truncated")
        assert len(data) - cut - 8 <= error.offset <= len(data) - cut  # where the difference that was cut begins
        status = np.zeros(1, np.uint8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            part = image(data[:-cut], on_error="salvage", status=status)
        assert status[0] == dt.FrameStatus.PARTIAL
        equal = (part == whole).reshape(-1)
        first = int(np.argmin(equal))
        assert first > 0
        assert not part.reshape(-1)[first:].any()


def test_a_marker_in_the_data():
    data = stream(rows_per_interval=4)
    where = data.index(b"\xff\xd1")
    error = refused(data[:where] + b"\xff\xd5" + data[where + 2 :], "expected restart marker FFD1", "malformed")
    assert error.offset == where
    data = stream()
    middle = len(data) - 60
    refused(data[:middle] + b"\xff\xd0" + data[middle:], "without a restart interval", "malformed")
    error = refused(data[:middle] + b"\xff\xd9" + data[middle:], "the scan ends in row", "truncated")
    assert middle - 8 <= error.offset <= middle


def test_restart_intervals_that_are_not_whole_rows():
    data = stream(rows_per_interval=4)
    where = data.index(b"\xff\xdd") + 4
    refused(data[:where] + b"\0\x07" + data[where + 2 :], "not whole rows", "malformed")


def test_bits_without_a_code():
    component = Component(samples((16, 20), 12, kind="noise"))
    complete = oracle.flat_table(range(13), 4)
    data = oracle.encode([component], precision=12, tables={0: complete})
    # The same stream with fewer codes than it uses.
    fewer = data.replace(oracle.define_tables({0: complete}), oracle.define_tables({0: oracle.flat_table(range(9), 4)}))
    error = refused(fewer, "no code of the Huffman table", "malformed")
    assert error.offset is not None
    for threads in (1, 2):
        refused(fewer, "no code of the Huffman table", "malformed", threads=threads)


def test_a_category_above_16():
    component = Component(samples((4, 4), 8))
    data = oracle.encode([component], precision=8, tables={0: oracle.flat_table()})
    where = data.index(b"\xff\xc4") + 4 + 17
    for size in (17, 100, 255):
        wrong = bytes([size]) * 17
        refused(data[:where] + wrong + data[where + 17 :], "no code of the Huffman table", "malformed")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.replace(b"\xff\xc4\x00\x24\x00", b"\xff\xc4\x00\x24\x01"), "table 0, which has not been defined"),
        (lambda d: d.replace(b"\xff\xc4\x00\x24\x00", b"\xff\xc4\x00\x24\x09"), "destination 9"),
        (lambda d: d.replace(b"\xff\xc4\x00\x24\x00\x00", b"\xff\xc4\x00\x24\x00\x03"), "more codes than there are"),
        (lambda d: d.replace(b"\x01\x01\x00\x01\x00\x00", b"\x01\x01\x00\x08\x00\x00"), "selection value of 8"),
        (lambda d: d.replace(b"\x01\x01\x00\x01\x00\x00", b"\x01\x01\x00\x01\x00\x0c"), "point transform of 12"),
    ],
)
def test_impossible_parameters(change, match):
    data = stream(tables={0: oracle.flat_table()})
    changed = change(data)
    assert changed != data
    refused(changed, match, "malformed")


@pytest.mark.parametrize("columns", [300, 0])
def test_a_segment_of_jpegls_says_nothing_of_the_size(columns):
    # LSE before the frame header: oversize image dimensions (ISO/IEC 14495-1, C.2.4.1.4) of 16 rows and 20 columns.
    lse = oracle.segment(0xF8, b"\x04\x02" + (16).to_bytes(2, "big") + (20).to_bytes(2, "big"))
    plain = oracle.encode([Component(samples((16, 300), 8))], precision=8, rows_per_interval=4)
    where = plain.index(b"\xff\xc3") + 7
    data = plain[:2] + lse + plain[2:where] + columns.to_bytes(2, "big") + plain[where + 2 :]
    memory = np.zeros((40, 20), np.uint8)
    arguments = {"rows": 16, "columns": 20, "bits_allocated": 8, "out": memory[:16]}
    with pytest.raises(dt.DecodeError, match=r"300|width of 0"):
        dt.decode_frame(data, "JPEGLossless", **arguments)
    assert not memory.any()
    if columns:
        assert (dt.probe(data).height, dt.probe(data).width) == (16, 300)


def test_dnl_states_two_bytes():
    data = oracle.encode([Component(samples((16, 1), 8))], precision=8, number_of_lines_last=True)
    where = data.index(b"\xff\xdc")
    longer = data[:where] + oracle.segment(0xDC, b"\x00\x10\xff\xff") + data[where + 6 :]
    assert dt.probe(longer).height == 16


def test_a_scan_that_is_missing():
    components = [Component(samples((6, 6), 8, seed=k)) for k in range(3)]
    data = oracle.encode(components, precision=8, scans=[[0], [1], [2]])
    cut = data.rindex(b"\xff\xc4")
    refused(data[:cut] + b"\xff\xd9", "after the scans of 2 of 3", "truncated")
    refused(data[:cut], "after the scans of 2 of 3", "truncated")


def salvaged(decode):
    """What is decoded, and the one warning."""
    with pytest.warns(dt.DecodeWarning, match="not complete") as caught:
        result = decode()
    assert len(caught) == 1
    return result


@pytest.mark.parametrize("factors", [(1, 1), (2, 2)])
def test_salvage_of_scans_apart(factors):
    h, v = factors
    shapes = [(12 * v, 10 * h), (12, 10), (12, 10)]
    components = [Component(samples(s, 8, seed=k), *(factors if k == 0 else (1, 1))) for k, s in enumerate(shapes)]
    data = oracle.encode(components, precision=8, scans=[[0], [1], [2]], size=shapes[0])
    whole = image(data)
    cut = data[: data.rindex(b"\xff\xda") + 10 + 60]
    refused(cut, "the scan ends in row", "truncated")
    status = np.zeros(1, np.uint8)
    part = salvaged(lambda: image(cut, on_error="salvage", status=status))
    assert status[0] == dt.FrameStatus.PARTIAL
    rows = int(np.argmin((part == whole).all((1, 2))))
    assert 0 < rows < shapes[0][0]
    assert not part[rows:].any()
    # Each component by itself: the first two are whole, of the third some rows are.
    planes = salvaged(lambda: decoded(cut, on_error="salvage"))
    for component, plane in zip(components[:2], planes, strict=False):
        np.testing.assert_array_equal(plane, component.samples)
    last = components[2].samples
    rows = int(np.argmin((planes[2] == last).all(1)))
    np.testing.assert_array_equal(planes[2][:rows], last[:rows])
    assert 0 < rows < 12
    assert not planes[2][rows:].any()
    # A scan that is not there at all leaves no pixel, and two whole components.
    missing = data[: data.rindex(b"\xff\xda")] + b"\xff\xd9"
    status[0] = 0
    assert not salvaged(lambda: image(missing, on_error="salvage", status=status)).any()
    assert status[0] == dt.FrameStatus.FAILED
    planes = salvaged(lambda: decoded(missing, on_error="salvage"))
    np.testing.assert_array_equal(planes[1], components[1].samples)
    assert not planes[2].any()
    with pytest.raises(dt.DecodeError, match="table 0"):
        decoded(data.replace(b"\xff\xc4", b"\xff\xfe"), on_error="salvage")


def test_a_restart_marker_behind_the_last_sample():
    # Without a restart interval: nothing is missing, so the image is whole, and a note says that there is more.
    component = Component(samples((16, 20), 12))
    data = oracle.encode([component], precision=12)
    with pytest.warns(dt.DecodeWarning, match="more data than its pixels need"):
        found = image(data[:-2] + b"\xff\xd0\xff\xd9")
    np.testing.assert_array_equal(found, component.samples)


def test_the_label_lies_about_the_process(tmp_path):
    from helpers.dicom_writer import encapsulated_file

    array = samples((16, 20), 8).astype(np.uint8)
    module = {"rows": 16, "columns": 20, "bits_allocated": 8, "bits_stored": 8, "frames": 2}
    lossless = dt.encode_frame(array, "JPEGLosslessSV1")
    baseline = dt.encode_frame(array, "JPEGBaseline8Bit")
    for threads in (1, 2):
        for uid, frames in (("1.2.840.10008.1.2.4.50", [lossless] * 2), ("1.2.840.10008.1.2.4.70", [baseline] * 2)):
            with pytest.warns(dt.DecodeWarning, match="another format") as caught:
                found = dt.decode(encapsulated_file(frames, uid, **module), threads=threads)
            assert len(caught) == 1
            if frames[0] is lossless:
                np.testing.assert_array_equal(found[1], array)
            else:
                assert np.abs(found[1].astype(int) - array).mean() < 4
        with pytest.warns(dt.DecodeWarning, match="another format"):
            mixed = dt.decode(encapsulated_file([lossless, baseline], "1.2.840.10008.1.2.4.70", **module))
        np.testing.assert_array_equal(mixed[0], array)
    for on_error in ("raise", "salvage"):
        kw = {"rows": 16, "columns": 20, "bits_allocated": 8, "on_error": on_error}
        with pytest.warns(dt.DecodeWarning, match="another format") as caught:
            np.testing.assert_array_equal(dt.decode_frame(lossless, "JPEGBaseline8Bit", **kw), array)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        with pytest.warns(dt.DecodeWarning, match="another format") as caught:
            near = dt.decode_frame(baseline, "JPEGLosslessSV1", **kw)
        assert [str(w.message)[:20] for w in caught] == [str(caught[0].message)[:20]] * len(caught)
    assert np.abs(near.astype(int) - array).mean() < 4


def test_fragments_need_not_be_joined():
    data = stream()
    whole = image(data)
    for cuts in ([1], [100, 101], list(range(50, len(data), 7)), [len(data) - 1]):
        edges = [0, *cuts, len(data)]
        pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
        np.testing.assert_array_equal(image([*pieces, b""]), whole)


def test_bits_after_category_16_are_an_option():
    # One row: 0 (-32768), then 0 differences. The old writers put 16 bits behind the code of category 16.
    table = oracle.flat_table()
    component = Component(np.zeros((1, 3), np.int64))
    right = oracle.encode([component], precision=16, tables={0: table})
    head = right[: right.index(b"\xff\xda") + 10]
    old = head + bytes([0b10000_000, 0b00000000, 0b00000_000, 0b00_00000_1]) + b"\xff\xd9"
    np.testing.assert_array_equal(image(right), component.samples)
    assert not dt.config.category_16_has_bits
    with dt.config.override(category_16_has_bits=True):
        np.testing.assert_array_equal(image(old), component.samples)
        np.testing.assert_array_equal(decoded(old)[0], component.samples)
    assert not dt.config.category_16_has_bits


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [0, 8])
def test_data_that_are_left_over_are_told(threads, rows):
    from helpers.dicom_writer import encapsulated_file

    array = noise((400, 300), np.uint16, bits=12)
    data = dt.encode_frame(array, "JPEGLosslessSV1", bits_stored=12, restart_rows=rows)
    module = {"rows": 400, "columns": 300, "bits_allocated": 16, "bits_stored": 12}
    uid = "1.2.840.10008.1.2.4.70"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(dt.decode(encapsulated_file([data], uid, **module), threads=threads), array)
    end = data.rindex(b"\xff\xd9")
    middle = data.index(b"\xff\xd0") if rows else end
    for at in {middle, end}:
        longer = data[:at] + b"\x55\x55" + data[at:]
        with pytest.warns(dt.DecodeWarning, match="more data than its pixels need"):
            found = dt.decode(encapsulated_file([longer], uid, **module), threads=threads)
        np.testing.assert_array_equal(found, array)
