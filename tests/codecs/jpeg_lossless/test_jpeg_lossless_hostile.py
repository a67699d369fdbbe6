"""JPEG Lossless that is damaged, odd or mislabelled: an error, a warning, or what can be salvaged."""

import itertools
import warnings

import numpy as np
import pytest
from helpers.jpeg_lossless import decoded, image, samples
from helpers.samples import noise
from oracle import jpeg_lossless as oracle
from oracle.jpeg_lossless import Component

import dcmturbo as dt


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
    refused(data[:where] + b"\0\x07" + data[where + 2 :], "is not a multiple of", "malformed")


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
        (lambda d: d.replace(b"\xff\xc4\x00\x24\x00", b"\xff\xc4\x00\x24\x01"), "table 0, which is not defined"),
        (lambda d: d.replace(b"\xff\xc4\x00\x24\x00", b"\xff\xc4\x00\x24\x09"), "destination 9"),
        (lambda d: d.replace(b"\xff\xc4\x00\x24\x00\x00", b"\xff\xc4\x00\x24\x00\x03"), "more codes than are possible"),
        (lambda d: d.replace(b"\x01\x01\x00\x01\x00\x00", b"\x01\x01\x00\x08\x00\x00"), "selection value is 8"),
        (lambda d: d.replace(b"\x01\x01\x00\x01\x00\x00", b"\x01\x01\x00\x01\x00\x0c"), "point transform removes 12"),
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
    refused(data[:cut] + b"\xff\xd9", "after scans of only 2 of 3", "truncated")
    refused(data[:cut], "after scans of only 2 of 3", "truncated")


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


@pytest.mark.threads
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
