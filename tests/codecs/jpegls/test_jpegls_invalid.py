"""JPEG-LS streams that break a rule of ISO/IEC 14495-1, and those that only look as if they did."""

import warnings

import numpy as np
import pytest
from oracle import jpegls as oracle

import dcmturbo as dt

RNG = np.random.default_rng(0)
PLANES = [(np.cumsum(RNG.integers(-2, 3, (6, 9)), 1) + 128).clip(0, 255) for _ in range(3)]
GREY = oracle.encode(PLANES[:1], 8)
LINES = oracle.encode(PLANES, 8, interleave=oracle.LINE)
SCANS = oracle.encode(PLANES, 8)
RESTARTS = oracle.encode(PLANES, 8, interleave=oracle.LINE, restart=2)
EOI = b"\xff\xd9"
SOS = GREY.index(b"\xff\xda")


def changed(data: bytes, marker: int, at: int, *values: int) -> bytes:
    """The stream with bytes of the first segment of a marker in another form, counted from the marker's FF."""
    begin = data.index(bytes([0xFF, marker])) + at
    return data[:begin] + bytes(values) + data[begin + len(values) :]


def before_frame(data: bytes, segments: bytes) -> bytes:
    return data[:2] + segments + data[2:]


def before_end(data: bytes, what: bytes) -> bytes:
    assert data.endswith(EOI)
    return data[:-2] + what + EOI


def sizes(width: int, rows: int, columns: int) -> bytes:
    """LSE of type 4 (C.2.4.1.4)."""
    parameters = bytes([4, width]) + rows.to_bytes(width, "big") + columns.to_bytes(width, "big")
    return b"\xff\xf8" + (len(parameters) + 2).to_bytes(2, "big") + parameters


def presets(maxval: int, t1: int, t2: int, t3: int, reset: int) -> bytes:
    return b"\xff\xf8\x00\x0d\x01" + b"".join(v.to_bytes(2, "big") for v in (maxval, t1, t2, t3, reset))


NO_SIZES = changed(GREY, 0xF7, 5, 0, 0, 0, 0)
NO_LINES = changed(GREY, 0xF7, 5, 0, 0)
JFIF = bytes.fromhex("ffe00010 4a464946 00 0101 00 0001 0001 0000")

WRONG = {
    "no EOI": (GREY[:-2], "no EOI"),
    "half an EOI": (GREY[:-1], "no EOI"),
    "data after the last row": (before_end(GREY, b"\x55"), "goes on after its last row"),
    "too few data": (GREY[:-8] + EOI, "scan ends in row"),
    "a marker within the data": (GREY[:-8] + b"\xff\x85" + GREY[-6:], "scan ends in row"),
    "a scan too many": (GREY[:-2] + GREY[SOS:], "after all scans"),
    "fewer components than scans": (changed(SCANS, 0xF7, 9, 1), "after all scans"),
    "more restart intervals than rows": (changed(RESTARTS, 0xF7, 5, 0, 2), "goes on after"),
    "a restart marker out of order": (RESTARTS.replace(b"\xff\xd0", b"\xff\xd1"), "expected restart marker"),
    "a restart marker without DRI": (before_end(GREY, b"\xff\xd0\x00"), "without a restart interval"),
    "no SOI": (GREY[2:], "expected the start of"),
    "two frame headers": (GREY[:15] + GREY[2:], "second frame header"),
    "a scan before the frame header": (before_frame(GREY, GREY[SOS : SOS + 10]), "SOS before a frame header"),
    "no components": (changed(GREY, 0xF7, 9, 0), "no components"),
    "a precision of 1 bit": (changed(GREY, 0xF7, 4, 1), "precision is 1"),
    "a precision of 17 bits": (changed(GREY, 0xF7, 4, 17), "precision is 17"),
    "a width of 0": (changed(GREY, 0xF7, 7, 0, 0), "width of 0"),
    "the same identifier twice": (changed(LINES, 0xF7, 13, 1), "does not have"),
    "a component twice in a scan": (changed(LINES, 0xDA, 7, 1), "does not have"),
    "an unknown component": (changed(LINES, 0xDA, 5, 77), "component 77"),
    "interleave mode 3": (changed(LINES, 0xDA, 12, 3), "interleave mode 3"),
    "three components without interleaving": (changed(LINES, 0xDA, 12, 0), "interleave mode 0"),
    "a point transform": (changed(GREY, 0xDA, 9, 1), "point transform"),
    "NEAR above half of MAXVAL": (changed(GREY, 0xDA, 7, 128), "NEAR"),
    "sizes of one byte": (before_frame(NO_SIZES, sizes(1, 6, 9)), "2 to 4 bytes"),
    "sizes of five bytes": (before_frame(NO_SIZES, sizes(5, 6, 9)), "2 to 4 bytes"),
    "two heights": (before_frame(GREY, sizes(2, 7, 9)), "height of 6 and of 7"),
    "two widths": (before_frame(GREY, sizes(4, 6, 10)), "width of 9 and of 10"),
    "no height": (NO_LINES, "expected DNL"),
    "thresholds that fall": (before_frame(GREY, presets(255, 7, 3, 21, 64)), "thresholds"),
    "a threshold above MAXVAL": (before_frame(GREY, presets(255, 3, 7, 256, 64)), "thresholds"),
    "MAXVAL above the precision": (before_frame(GREY, presets(256, 3, 7, 21, 64)), "MAXVAL"),
    "RESET of 2": (before_frame(GREY, presets(255, 3, 7, 21, 2)), "RESET"),
    "a short LSE": (before_frame(GREY, b"\xff\xf8\x00\x04\x01\x00"), "needs"),
    "a long LSE": (before_frame(GREY, b"\xff\xf8\x00\x0e" + presets(255, 3, 7, 21, 64)[4:] + b"\0"), "needs 11"),
    "sizes and a byte more": (before_frame(GREY, b"\xff\xf8\x00\x09" + sizes(2, 6, 9)[4:] + b"\0"), "needs 6"),
    "an LSE of 14495-2": (before_frame(GREY, b"\xff\xf8\x00\x05\x0d\x00\x00"), "LSE of type 13"),
    "a mapping table that is not there": (changed(GREY, 0xDA, 6, 9), "mapping table 9"),
    "an unknown colour transform": (before_frame(LINES, b"\xff\xe8\x00\x07mrfx\x04"), "number 4"),
}

RIGHT = {
    "a byte of zeros before EOI": (before_end(GREY, b"\0"), 1),
    "fill bytes before EOI": (before_end(GREY, b"\xff\xff\xff"), 1),
    "fill bytes before a segment": (GREY[:2] + b"\xff\xff" + GREY[2:], 1),
    "bytes after EOI": (GREY + b"\0\0", 1),
    "a comment before EOI": (before_end(GREY, b"\xff\xfe\x00\x04hi"), 1),
    "a restart marker behind the last interval": (before_end(RESTARTS, b"\xff\xd2"), 3),
    "a restart interval of three bytes": (RESTARTS.replace(b"\xff\xdd\0\4\0\2", b"\xff\xdd\0\5\0\0\2"), 3),
    "a restart interval of four bytes": (RESTARTS.replace(b"\xff\xdd\0\4\0\2", b"\xff\xdd\0\6\0\0\0\2"), 3),
    "a restart interval of 0": (before_frame(GREY, b"\xff\xdd\0\4\0\0"), 1),
    "JFIF": (before_frame(GREY, JFIF), 1),
    "presets that are all defaults": (before_frame(GREY, presets(0, 0, 0, 0, 0)), 1),
    "presets behind the frame header": (GREY[:15] + presets(255, 3, 7, 21, 64) + GREY[15:], 1),
    "sizes in LSE alone": (before_frame(NO_SIZES, sizes(3, 6, 9)), 1),
    "the height in LSE, the width in the frame header": (before_frame(NO_LINES, sizes(2, 6, 0)), 1),
    "the same sizes twice": (before_frame(GREY, sizes(4, 6, 9)), 1),
    "the height in DNL": (before_end(NO_LINES, b"\xff\xdc\0\4\0\6"), 1),
    "the height in a DNL of four bytes": (before_end(NO_LINES, b"\xff\xdc\0\6\0\0\0\6"), 1),
    "a colour transform of a grey image": (before_frame(GREY, b"\xff\xe8\x00\x07mrfx\x01"), 1),
    "a colour transform of scans of one component": (before_frame(SCANS, b"\xff\xe8\x00\x07mrfx\x01"), 3),
    "APP8 that only begins like a colour transform": (before_frame(LINES, b"\xff\xe8\x00\x06mrfx"), 3),
    "a longer APP8": (before_frame(LINES, b"\xff\xe8\x00\x08mrfx\x01\x01"), 3),
    "a mapping table that is not used": (
        before_frame(GREY, b"\xff\xf8\x01\x05\x02\x01\x01" + bytes(range(256))),
        1,
    ),
}


def frame(data: bytes, count: int, **options: object) -> np.ndarray:
    return dt.decode_frame(
        data,
        "JPEGLSLossless",
        rows=6,
        columns=9,
        samples_per_pixel=count,
        bits_allocated=8,
        photometric_interpretation="MONOCHROME2" if count == 1 else "RGB",
        **options,
    )


@pytest.mark.parametrize("name", WRONG)
def test_what_breaks_a_rule_is_refused(name):
    data, match = WRONG[name]
    with pytest.raises(dt.DecodeError, match=match):
        dt.decode_components(data)


@pytest.mark.parametrize("name", RIGHT)
def test_what_breaks_none_is_decoded_without_a_warning(name):
    data, count = RIGHT[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = frame(data, count)
        components = dt.decode_components(data)
    np.testing.assert_array_equal(np.stack(components, -1), np.stack(PLANES[:count], -1))
    np.testing.assert_array_equal(found.reshape(6, 9, count), np.stack(PLANES[:count], -1))


def test_more_than_a_byte_of_zeros_is_warned_of():
    with pytest.warns(dt.DecodeWarning, match="more data than its pixels need"):
        np.testing.assert_array_equal(frame(before_end(GREY, b"\0\0"), 1), PLANES[0])


@pytest.mark.parametrize("name", ["no EOI", "data after the last row", "a scan too many"])
def test_salvage_keeps_all_rows_before_such_damage(name):
    with pytest.warns(dt.DecodeWarning):
        np.testing.assert_array_equal(frame(WRONG[name][0], 1, on_error="salvage"), PLANES[0])


@pytest.mark.parametrize("data", [GREY, SCANS, LINES, RESTARTS], ids=["grey", "scans", "lines", "restarts"])
def test_a_stream_cut_anywhere_is_refused(data):
    count = 1 if data is GREY else 3
    expected = np.stack(PLANES[:count], -1)
    for size in range(len(data)):
        with pytest.raises(dt.DecodeError):
            frame(data[:size], count)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            try:
                rows = frame(data[:size], count, on_error="salvage").reshape(6, 9, count)
            except dt.DecodeError:
                continue
        # From the top, each row is right or empty.
        same = (rows == expected).all((1, 2))
        assert same[: int(same.argmin()) if not same.all() else 6].all()
        assert not rows[~same].any()


def test_a_bit_of_damage_is_told_or_changes_nothing_before_it():
    """Not every damage can be found: a stream of other samples may be as good."""
    told = 0
    for at in range(SOS + 10, len(GREY) - 2):
        for bit in range(8):
            data = bytearray(GREY)
            data[at] ^= 1 << bit
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", dt.DecodeWarning)
                    frame(bytes(data), 1)
            except (dt.DecodeError, dt.DecodeWarning):
                told += 1
    assert told > 8 * (len(GREY) - SOS - 12) // 2


@pytest.mark.parametrize("threads", [1, 2])
def test_a_region_of_restart_intervals_that_are_missing(threads):
    array = np.random.default_rng(4).integers(0, 65536, (300, 300)).astype(np.uint16)
    stream = dt.encode_frame(array, "JPEGLSLossless", restart_rows=20)

    def bottom(on_error):
        return dt.decode_frame(
            stream[: len(stream) * 2 // 5],
            "JPEGLSLossless",
            rows=300,
            columns=300,
            bits_allocated=16,
            region=(280, 0, 10, 300),
            threads=threads,
            on_error=on_error,
        )

    with pytest.raises(dt.DecodeError):
        bottom("raise")
    with pytest.warns(dt.DecodeWarning):
        assert not bottom("salvage").any()
