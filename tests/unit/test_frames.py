"""Where the frames are: offset tables and their lies, fragments, missing ends, odd datasets, files cut short."""

import io
import struct
import warnings
import zlib
from itertools import pairwise

import numpy as np
import pytest
from helpers.dicom_writer import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    basic_table,
    dicom_file,
    encapsulate,
    encapsulated_file,
    extended_tables,
    file_meta,
    native_file,
    pixel_module,
)

import dcmturbo as dt

SHAPE = (6, 8)
ARRAYS = [np.random.default_rng(k).integers(0, 256, SHAPE, np.uint8) // (k + 1) for k in range(4)]
RLE = [dt.encode_frame(array, "RLELossless") for array in ARRAYS]
JPEG_LS = [dt.encode_frame(array, "JPEGLSLossless") for array in ARRAYS]
JPEG_2000 = [dt.encode_frame(array, "JPEG2000Lossless") for array in ARRAYS]
MODULE = {"rows": SHAPE[0], "columns": SHAPE[1]}


def quietly(source: object, *args: object, **kwargs: object) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        if isinstance(source, list):
            return dt.decode_series(source, *args, **kwargs)
        return dt.decode(source, *args, **kwargs)


def split(frame: bytes, parts: int) -> list[bytes]:
    """Fragments of even length."""
    size = max(len(frame) // parts // 2 * 2, 2)
    edges = [*(k * size for k in range(parts)), len(frame)]
    return [frame[a:b] for a, b in pairwise(edges)]


def table_of(source: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        with dt.open(source) as image:
            image.read()
            return image._open.index.table


# ---- offset tables -----------------------------------------------------------------------------

KINDS = {"rle": RLE, "jpegls": JPEG_LS, "jpeg2000": JPEG_2000}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("table", [True, False, None], ids=["basic", "empty", "none"])
def test_frames_of_one_fragment(kind, table):
    source = encapsulated_file(KINDS[kind], kind, table=table, **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)
    assert table_of(source) == ("basic" if table else "scanned")


@every_kind
def test_the_extended_table_is_used(kind):
    extended = extended_tables([frame + b"\0" * (len(frame) % 2) for frame in KINDS[kind]])
    source = encapsulated_file(KINDS[kind], kind, table=False, extended=extended, **MODULE)
    np.testing.assert_array_equal(dt.decode(source), ARRAYS)
    assert table_of(source) == "extended"


def test_the_extended_lengths_leave_out_padding():
    frames = [frame + b"\0" for frame in JPEG_LS]
    odd = [frame if len(frame) % 2 else frame[:-1] for frame in frames]
    source = encapsulated_file(odd, "jpegls", table=False, extended=extended_tables(odd), **MODULE)
    with dt.open(source) as image:
        assert [bytes(image.encoded_frame(k)) for k in range(4)] == odd
    np.testing.assert_array_equal(dt.decode(source), ARRAYS)


@pytest.mark.parametrize("kind", ["jpegls", "jpeg2000"])
@pytest.mark.parametrize("table", [True, False], ids=["basic", "empty"])
@pytest.mark.parametrize("parts", [(2, 2, 2, 2), (1, 3, 2, 5), (4, 1, 1, 1)])
def test_frames_of_several_fragments(kind, table, parts):
    frames = [split(frame, n) for frame, n in zip(KINDS[kind], parts, strict=True)]
    source = encapsulated_file(frames, kind, table=table, **MODULE)
    np.testing.assert_array_equal(dt.decode(source), ARRAYS)
    for k in (3, 0, 2):
        np.testing.assert_array_equal(dt.decode(source, k), ARRAYS[k])


@pytest.mark.parametrize("table", [True, False, None])
def test_one_frame_of_many_fragments(table):
    source = encapsulated_file([split(RLE[0], 10)], "rle", table=table, **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS[0])


RIGHT = basic_table([[frame] for frame in RLE])
LIES = {
    "not from zero": [8, *RIGHT[1:]],
    "all zero": [0, 0, 0, 0],
    "descending": [0, *RIGHT[:0:-1]],
    "off by two": [0, *[offset + 2 for offset in RIGHT[1:]]],
    "off by eight, past the header": [0, *[offset + 8 for offset in RIGHT[1:]]],
    "into a frame": [0, RIGHT[1] - 4, *RIGHT[2:]],
    "too few": RIGHT[:2],
    "one": [0],
    "too many": [*RIGHT, RIGHT[-1] + 8, RIGHT[-1] + 16],
    "past the end": [0, RIGHT[1], RIGHT[2], 0x7FFFFFF0],
    "huge": [0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF],
    "a frame left out": [0, RIGHT[2], RIGHT[3]],
    "big endian": struct.pack(">4I", *RIGHT),
    "cut": struct.pack("<4I", *RIGHT)[:-2],
    "relative to the table": [offset + 8 for offset in RIGHT],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_basic_table_that_lies_is_not_believed(lie):
    source = encapsulated_file(RLE, "rle", table=LIES[lie], **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)
    for k in (2, 1, 3, 0):
        np.testing.assert_array_equal(quietly(source, k), ARRAYS[k])


@pytest.mark.parametrize("lie", [name for name, table in LIES.items() if isinstance(table, list)])
@pytest.mark.parametrize("which", ["offsets", "lengths"])
def test_an_extended_table_that_lies_is_not_believed(lie, which):
    if which == "offsets":
        extended = extended_tables(RLE, offsets=LIES[lie], lengths=[len(frame) for frame in RLE][: len(LIES[lie])])
    else:
        extended = extended_tables(RLE, lengths=LIES[lie])
    source = encapsulated_file(RLE, "rle", table=False, extended=extended, **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)
    for k in (2, 1, 3, 0):
        np.testing.assert_array_equal(quietly(source, k), ARRAYS[k])


def test_a_right_basic_table_stands_in_for_a_wrong_extended_one():
    extended = extended_tables(RLE, offsets=[0, 4, 8, 12])
    source = encapsulated_file(RLE, "rle", table=True, extended=extended, **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)
    assert table_of(source) == "basic"


def test_an_item_tag_within_a_frame_is_data():
    marker = struct.pack("<HHI", 0xFFFE, 0xE000, 16) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    array = np.frombuffer(marker * 3, np.uint8).reshape(SHAPE)
    frame = dt.encode_frame(array, "EncapsulatedUncompressedExplicitVRLittleEndian")
    assert marker in frame
    for table in (True, False, None):
        source = encapsulated_file([frame] * 3, "encapsulated_uncompressed", table=table, **MODULE)
        if table is None:
            with pytest.warns(dt.DecodeWarning):
                quietly_found = dt.decode(source, on_error="salvage")
            assert quietly_found.shape[0] in (2, 3)  # the first native frame may be taken for a table
            continue
        np.testing.assert_array_equal(dt.decode(source), [array] * 3)


# ---- ends --------------------------------------------------------------------------------------


@every_kind
def test_a_missing_delimiter_is_told_and_loses_nothing(kind):
    source = encapsulated_file(KINDS[kind], kind, delimiter=False, **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)
    source = encapsulated_file(KINDS[kind], kind, delimiter=False, table=False, **MODULE)
    with pytest.warns(dt.DecodeWarning, match="without a sequence delimiter"):
        np.testing.assert_array_equal(dt.decode(source), ARRAYS)


@every_kind
@pytest.mark.parametrize("length", [4, UNDEFINED])
def test_a_delimiter_with_a_length_ends_all_the_same(kind, length):
    source = encapsulated_file(KINDS[kind], kind, delimiter_length=length, table=False, **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)


def test_elements_behind_the_pixel_data_do_not_matter():
    after = EXPLICIT.element(0xFFFAFFFA, "SQ", b"") + EXPLICIT.element(0xFFFCFFFC, "OB", b"\0" * 64)
    np.testing.assert_array_equal(dt.decode(encapsulated_file(RLE, "rle", after=after, **MODULE)), ARRAYS)


@every_kind
@pytest.mark.parametrize("table", [True, False])
def test_pixel_data_of_explicit_length_may_hold_items(kind, table):
    value = encapsulate(KINDS[kind], table=table, delimiter=False)
    source = encapsulated_file(KINDS[kind], kind, value=value, length=len(value), **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)
    value = encapsulate(KINDS[kind], table=table)
    source = encapsulated_file(KINDS[kind], kind, value=value, length=len(value), **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)


def test_a_bare_codestream_of_explicit_length_is_one_frame():
    frame = JPEG_LS[0] + b"\0" * (len(JPEG_LS[0]) % 2)
    source = encapsulated_file([frame], "jpegls", value=frame, length=len(frame), **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS[0])


def test_zero_length_fragments_are_no_frames_of_their_own():
    frames = [[b"", *split(JPEG_LS[0], 2)], [*split(JPEG_LS[1], 2), b""]]
    source = encapsulated_file(frames, "jpegls", **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS[:2])


def test_fragments_of_odd_length():
    odd = [frame if len(frame) % 2 else frame + b"\0" for frame in JPEG_LS]
    source = encapsulated_file(odd, "jpegls", pad=False, table=False, **MODULE)
    np.testing.assert_array_equal(quietly(source), ARRAYS)


# ---- how many frames ---------------------------------------------------------------------------


@every_kind
def test_fewer_frames_than_promised_name_the_first_that_is_missing(kind):
    for table in (True, False):
        source = encapsulated_file(KINDS[kind], kind, table=table, **{**MODULE, "frames": 7})
        for frames, missing in ((None, 4), ([0, 6, 5], 6), (slice(None, None, -1), 6), (slice(1, None, 2), 5)):
            with pytest.raises(dt.DecodeError, match="NumberOfFrames is 7") as caught:
                quietly(source, frames)
            assert caught.value.frame == missing
            assert caught.value.code == "missing_frame"
        np.testing.assert_array_equal(quietly(source, slice(0, 4)), ARRAYS)
        with pytest.raises(IndexError):
            quietly(source, 7)


@every_kind
def test_more_frames_than_promised_all_come_with_a_warning(kind):
    for table in (True, False):
        source = encapsulated_file(KINDS[kind], kind, table=table, **{**MODULE, "frames": 2})
        with pytest.warns(dt.DecodeWarning, match="NumberOfFrames is 2"):
            np.testing.assert_array_equal(dt.decode(source), ARRAYS)


@pytest.mark.parametrize("frames", [None, "", "0", "-3", "many"])
def test_a_number_of_frames_that_says_nothing(frames):
    for source in (
        encapsulated_file(JPEG_LS, "jpegls", **{**MODULE, "frames": frames}),
        encapsulated_file(JPEG_LS[:1], "jpegls", table=False, **{**MODULE, "frames": frames}),
        native_file(ARRAYS[0].tobytes(), frames=frames, **MODULE),
    ):
        found = quietly(source)
        np.testing.assert_array_equal(found, ARRAYS if found.ndim == 3 else ARRAYS[0])


HUGE = ["2147483647", "9999999999999", "9223372036854775807"]


@pytest.mark.parametrize("frames", HUGE)
def test_a_huge_number_of_frames_takes_no_memory(frames, tmp_path):
    native = native_file(ARRAYS[0].tobytes(), frames=frames, **MODULE)
    path = tmp_path / "native.dcm"
    path.write_bytes(native)
    for source in (native, path, encapsulated_file(RLE[:1], "rle", **{**MODULE, "frames": frames})):
        for attempt in (
            lambda source=source: quietly(source),
            lambda source=source: quietly(source, slice(None, None, 1)),
            lambda source=source: quietly([source]),
        ):
            with pytest.raises(dt.DecodeError) as caught:
                attempt()
            assert caught.value.code == "missing_frame"
            assert caught.value.frame == 1
        with pytest.raises(dt.LimitExceeded):
            quietly(source, on_error="salvage")
        with pytest.raises(dt.LimitExceeded):
            quietly([source, source], on_error="salvage")
        np.testing.assert_array_equal(quietly(source, 0), ARRAYS[0])
        np.testing.assert_array_equal(quietly(source, slice(0, 1)), ARRAYS[:1])
        np.testing.assert_array_equal(quietly(source, [0]), ARRAYS[:1])
        with pytest.raises(dt.DecodeError):
            quietly(source, -1)


def test_native_frames_fewer_and_more_than_promised():
    pixels = b"".join(array.tobytes() for array in ARRAYS)
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode(native_file(pixels, frames=6, **MODULE))
    assert caught.value.frame == 4
    with pytest.warns(dt.DecodeWarning, match="NumberOfFrames is 3"):
        np.testing.assert_array_equal(dt.decode(native_file(pixels, frames=3, **MODULE)), ARRAYS)


def test_a_native_frame_cut_short_never_takes_what_follows_for_pixels(tmp_path):
    pixels = b"".join(array.tobytes() for array in ARRAYS)[:-10]
    after = EXPLICIT.element(0xFFFCFFFC, "OB", b"\xaa" * 200)
    source = native_file(pixels, frames=4, after=after, **MODULE)
    path = tmp_path / "short.dcm"
    path.write_bytes(source)
    for kind in (path, source, io.BytesIO(source)):
        for frames in (None, 3, [3], slice(2, 4)):
            with pytest.raises(dt.DecodeError) as caught:
                dt.decode(kind, frames)
            assert caught.value.frame == 3
            assert caught.value.code == "truncated"
        np.testing.assert_array_equal(dt.decode(kind, slice(0, 3)), ARRAYS[:3])
        status = np.zeros(4, np.uint8)
        with pytest.warns(dt.DecodeWarning):
            found = dt.decode(kind, on_error="salvage", fill_value=3, status=status)
        assert status.tolist() == [0, 0, 0, dt.FrameStatus.PARTIAL]
        np.testing.assert_array_equal(found.ravel()[:-10], np.ravel(ARRAYS)[:-10])
        assert (found.ravel()[-10:] == 3).all()


# ---- frames= -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["native", "rle", "jpegls"])
def test_the_meaning_of_frames(kind, tmp_path):
    if kind == "native":
        source = tmp_path / "native.dcm"
        source.write_bytes(native_file(b"".join(a.tobytes() for a in ARRAYS), frames=4, **MODULE))
    else:
        source = encapsulated_file(KINDS[kind], kind, **MODULE)
    whole = np.stack(ARRAYS)
    for frames in (0, 3, -1, -4, np.int64(2), np.uint8(1), np.array(2)):
        np.testing.assert_array_equal(dt.decode(source, frames), whole[int(frames)])
    for frames in (
        slice(None),
        slice(1, 3),
        slice(2, 3),
        slice(None, None, -1),
        slice(-2, None),
        slice(3, 0, -2),
        slice(9, 20),
        slice(2, 2),
    ):
        found = dt.decode(source, frames)
        assert found.shape == whole[frames].shape
        np.testing.assert_array_equal(found, whole[frames])
    for frames in ([], [2], [0, 1, 2], [3, 0, 3], [-1, 0], (1, -2), np.array([2, 0]), range(1, 3), np.array([], int)):
        found = dt.decode(source, frames)
        expected = whole[np.asarray(frames, int)]
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)
    for frames in (4, -5, [0, 4], [-5], 2**63, -(2**70)):
        with pytest.raises(IndexError):
            dt.decode(source, frames)
    for frames in (1.0, "1", b"\1", [0.5], ["a"], np.ones(4, bool), [[0]], {"a": 1}):
        with pytest.raises(TypeError):
            dt.decode(source, frames)


def test_one_frame_has_a_frame_axis_only_where_it_is_asked_for():
    source = encapsulated_file(RLE[:1], "rle", **MODULE)
    assert dt.decode(source).shape == SHAPE
    assert dt.decode(source, 0).shape == SHAPE
    assert dt.decode(source, slice(None)).shape == (1, *SHAPE)
    assert dt.decode(source, [0]).shape == (1, *SHAPE)
    assert dt.decode(source, []).shape == (0, *SHAPE)


def test_out_has_the_shape_of_the_result():
    source = encapsulated_file(RLE, "rle", **MODULE)
    for frames, shape in ((None, (4, *SHAPE)), (2, SHAPE), ([1], (1, *SHAPE)), ([], (0, *SHAPE))):
        out = np.zeros(shape, np.uint8)
        assert dt.decode(source, frames, out=out) is out
        np.testing.assert_array_equal(out, dt.decode(source, frames))
        with pytest.raises(ValueError, match="shape"):
            dt.decode(source, frames, out=np.zeros((9, *SHAPE), np.uint8))
    backwards = np.zeros((8, *SHAPE), np.uint8)
    assert dt.decode(source, out=backwards[::-2]).base is backwards
    np.testing.assert_array_equal(backwards[::-2], ARRAYS)
    assert not backwards[::2].any()


def test_an_image_is_a_sequence_of_frames():
    source = encapsulated_file(RLE, "rle", **MODULE)
    with dt.open(source) as image:
        assert len(image) == 4
        assert image.shape == (4, *SHAPE)
        assert image.frame_shape == SHAPE
        np.testing.assert_array_equal(image[1], ARRAYS[1])
        np.testing.assert_array_equal(image[1:3], ARRAYS[1:3])
        np.testing.assert_array_equal(image[[3, 1]], [ARRAYS[3], ARRAYS[1]])
        np.testing.assert_array_equal(list(image), ARRAYS)
        for prefetch in (0, 1, 3, 100):
            np.testing.assert_array_equal(list(image.frames(prefetch)), ARRAYS)
        iterator = image.frames(2)
        next(iterator)
        iterator.close()
        assert bytes(image.encoded_frame(-1)) == RLE[3]
        with pytest.raises(IndexError):
            image.encoded_frame(4)
        with pytest.raises(ValueError, match="prefetch"):
            image.frames(-1)
    assert "closed" in repr(image)
    with pytest.raises(ValueError, match="closed"):
        image.read()
    image.close()


def test_what_was_read_outlives_the_image():
    with dt.open(encapsulated_file(RLE, "rle", **MODULE)) as image:
        frame, encoded = image[0], image.encoded_frame(0)
    np.testing.assert_array_equal(frame, ARRAYS[0])
    assert bytes(encoded) == RLE[0]


# ---- datasets ----------------------------------------------------------------------------------


def decoded(source: bytes) -> np.ndarray:
    return quietly(source)


FILES = {
    "preamble and meta": {},
    "no preamble": {"preamble": False},
    "no group length": {"group_length": False},
    "no preamble, no group length": {"preamble": False, "group_length": False},
    "no meta": {"meta": False},
    "nothing": {"meta": False, "preamble": False},
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big_endian"])
def test_files_without_what_they_should_have(file, syntax):
    if syntax == "big_endian" and "meta" in FILES[file]:
        before = BIG.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")
    elif syntax == "implicit":
        before = IMPLICIT.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")
    else:
        before = (BIG if syntax == "big_endian" else EXPLICIT).element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")
    source = native_file(ARRAYS[0].tobytes(), syntax, before=before, file=FILES[file], **MODULE)
    np.testing.assert_array_equal(decoded(source), ARRAYS[0])


def test_no_transfer_syntax_in_the_meta():
    for encoding in (IMPLICIT, EXPLICIT):
        body = pixel_module(encoding, **MODULE) + encoding.element(0x7FE00010, "OB", ARRAYS[0].tobytes())
        np.testing.assert_array_equal(decoded(dicom_file(body, None)), ARRAYS[0])


@pytest.mark.parametrize("stated", ["implicit", "explicit", "big_endian"])
@pytest.mark.parametrize("actual", [IMPLICIT, EXPLICIT, BIG], ids=["implicit", "explicit", "big"])
def test_a_dataset_in_another_encoding_than_stated(stated, actual):
    before = actual.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")
    values = np.arange(48, dtype=np.uint16).reshape(SHAPE) * 301
    pixels = values.astype(f"{actual.order}u2").tobytes()
    source = native_file(pixels, stated, encoding=actual, before=before, bits_allocated=16, **MODULE)
    np.testing.assert_array_equal(decoded(source), values)


def test_group_lengths_everywhere():
    before = b"".join(EXPLICIT.element(group << 16, "UL", 12345) for group in (0x0008, 0x0010, 0x0020, 0x0028))
    np.testing.assert_array_equal(decoded(native_file(ARRAYS[0].tobytes(), before=before, **MODULE)), ARRAYS[0])


def icon(encoding) -> bytes:
    inner = {"rows": 2, "columns": 2, "bits_allocated": 8, "frames": 99, "photometric": "PALETTE COLOR"}
    return pixel_module(encoding, **inner) + encoding.element(0x7FE00010, "OW", b"\1\2\3\4")


def compressed_icon() -> bytes:
    inner = {"rows": 2, "columns": 2, "bits_allocated": 8, "photometric": "RGB", "samples": 3}
    return pixel_module(EXPLICIT, **inner) + EXPLICIT.element(
        0x7FE00010, "OB", encapsulate([JPEG_LS[1]], table=False), length=UNDEFINED
    )


NESTED = {
    "icon": lambda e: e.sequence(0x00880200, [e.item(icon(e))]),
    "icon of undefined length": lambda e: e.sequence(0x00880200, [e.item(icon(e), undefined=True)], undefined=True),
    "icon without delimiters": lambda e: e.sequence(0x00880200, [e.item(icon(e))], undefined=True),
    "private": lambda e: e.sequence(0x00091001, [e.item(icon(e)), e.item(icon(e))], undefined=True),
    "private UN": lambda e: e.sequence(0x00091001, [IMPLICIT.item(icon(IMPLICIT))], undefined=True, vr="UN"),
    "private UN of defined length": lambda e: e.element(0x00091001, "UN", IMPLICIT.item(icon(IMPLICIT))),
    "three deep": lambda e: e.sequence(
        0x00081140,
        [e.item(e.sequence(0x00081199, [e.item(e.sequence(0x00880200, [e.item(icon(e))]))], undefined=True))],
        undefined=True,
    ),
    "empty": lambda e: e.sequence(0x00081140, []) + e.sequence(0x00081199, [e.item(b"")], undefined=True),
}


# UN is a matter of explicit VR little endian.
NESTINGS = [(n, s) for n in NESTED for s in ("implicit", "explicit", "big_endian") if s == "explicit" or "UN" not in n]


@pytest.mark.parametrize(("name", "syntax"), NESTINGS)
def test_pixel_data_in_a_sequence_are_not_the_image(name, syntax):
    encoding = {"implicit": IMPLICIT, "explicit": EXPLICIT, "big_endian": BIG}[syntax]
    nested = NESTED[name](encoding)
    first = encoding.element(0x00080005, "CS", "ISO_IR 100")
    tag = struct.unpack(f"{encoding.order}HH", nested[:4])
    before = first + nested if tag[0] < 0x28 else first
    middle = b"" if tag[0] < 0x28 else nested
    body = before + pixel_module(encoding, **MODULE) + middle + encoding.element(0x7FE00010, "OB", ARRAYS[0].tobytes())
    np.testing.assert_array_equal(decoded(dicom_file(body, syntax)), ARRAYS[0])


def test_a_compressed_icon_before_compressed_pixel_data():
    nested = EXPLICIT.sequence(0x00880200, [EXPLICIT.item(compressed_icon(), undefined=True)], undefined=True)
    body = pixel_module(EXPLICIT, frames=4, **MODULE) + nested
    body += EXPLICIT.element(0x7FE00010, "OB", encapsulate(JPEG_LS), length=UNDEFINED)
    np.testing.assert_array_equal(dt.decode(dicom_file(body, "jpegls")), ARRAYS)


def test_sequences_nested_without_end_are_refused_or_skipped():
    for depth in (100, 5000, 100_000):
        deep = EXPLICIT.header(0x00081140, "SQ", UNDEFINED) + EXPLICIT.header(0xFFFEE000, "", UNDEFINED)
        body = EXPLICIT.element(0x00080005, "CS", "ISO_IR 100") + deep * depth
        with pytest.raises(dt.Error):
            quietly(dicom_file(body, "explicit"))


def test_what_is_no_dicom():
    for data in (b"", b"x", b"DICN", b"\0" * 200, b"hello world " * 100, b"\x89PNG\r\n" + b"\0" * 300, JPEG_LS[0]):
        with pytest.raises(dt.NotDicom):
            dt.decode(data)


def test_no_pixel_data():
    for body in (pixel_module(EXPLICIT, **MODULE), b"", EXPLICIT.element(0x00080005, "CS", "ISO_IR 100")):
        with pytest.raises(dt.NoPixelData):
            quietly(dicom_file(body, "explicit"))


@pytest.mark.parametrize("missing", ["rows", "columns", "bits_allocated"])
def test_attributes_without_which_nothing_can_be_decoded(missing):
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode(native_file(ARRAYS[0].tobytes(), **{**MODULE, missing: None}))
    assert caught.value.code == "argument"


def test_attributes_that_may_be_missing():
    found = dt.decode(native_file(ARRAYS[0].tobytes(), **MODULE, samples=None, signed=None))
    np.testing.assert_array_equal(found, ARRAYS[0])


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.7.1", "1.2.3.4.5"])
def test_an_unknown_transfer_syntax_is_named(uid):
    real_time = uid.startswith("1.2.840.10008.1.2.7")
    source = native_file(b"\0" * 48, uid, **MODULE) if real_time else encapsulated_file(RLE, uid, **MODULE)
    with pytest.raises(dt.UnsupportedTransferSyntax, match=uid.replace(".", r"\.")):
        dt.decode(source)
    with pytest.raises(dt.UnsupportedTransferSyntax, match=uid.replace(".", r"\.")):
        dt.decode_frame(RLE[0], uid, rows=6, columns=8, bits_allocated=8)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.205"])
def test_pixel_data_elsewhere_name_the_url(uid):
    body = pixel_module(EXPLICIT, **MODULE) + EXPLICIT.element(0x00287FE0, "UR", "https://example.org/a ")
    if uid.endswith("205"):
        deflater = zlib.compressobj(wbits=-15)
        body = deflater.compress(body) + deflater.flush()
    with pytest.raises(dt.UnsupportedTransferSyntax, match=r"https://example.org/a"):
        quietly(dicom_file(body, uid))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stated", ["explicit", "implicit", None])
def test_encapsulated_pixel_data_under_a_native_label(kind, stated):
    encoding = IMPLICIT if stated == "implicit" else EXPLICIT
    before = encoding.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7")
    body = before + pixel_module(encoding, frames=4, **MODULE)
    body += encoding.element(0x7FE00010, "OB", encapsulate(KINDS[kind]), length=UNDEFINED)
    with pytest.warns(dt.DecodeWarning):
        found = dt.decode(dicom_file(body, stated))
    np.testing.assert_array_equal(found, ARRAYS)


def test_another_codestream_than_the_label_says():
    source = encapsulated_file(JPEG_LS, "jpeg2000", **MODULE)
    with pytest.warns(dt.DecodeWarning, match="another format"):
        np.testing.assert_array_equal(dt.decode(source), ARRAYS)


# ---- deflated ----------------------------------------------------------------------------------


def test_a_deflated_dataset():
    pixels = b"".join(array.tobytes() for array in ARRAYS)
    for more in ({}, {"file": {"preamble": False}}):
        source = native_file(pixels, "deflated", frames=4, **MODULE, **more)
        np.testing.assert_array_equal(dt.decode(source), ARRAYS)


def test_a_deflated_dataset_cut_short_is_refused_or_salvaged():
    pixels = np.random.default_rng(1).bytes(4 * 48)
    source = native_file(pixels, "deflated", frames=4, **MODULE)
    for size in range(len(source)):
        try:
            found = quietly(source[:size])
        except dt.Error:
            continue
        assert found.tobytes() == pixels


def test_a_bomb_is_not_inflated(tmp_path):
    body = pixel_module(EXPLICIT, rows=10000, columns=10000) + EXPLICIT.header(0x7FE00010, "OB", 100_000_000)
    deflater = zlib.compressobj(9, wbits=-15)
    stream = deflater.compress(body + b"\0" * 100_000_000) + deflater.flush()
    source = dicom_file(b"", "1.2.840.10008.1.2.1.99") + stream
    assert len(source) < 200_000
    with dt.config.override(max_inflated=1_000_000):
        with pytest.raises(dt.LimitExceeded, match="1000000"):
            dt.decode(source)
        path = tmp_path / "bomb.dcm"
        path.write_bytes(source)
        with pytest.raises(dt.LimitExceeded):
            dt.decode(path)
    assert dt.decode(source, 0).shape == (10000, 10000)


def test_a_deflated_frame_that_inflates_to_more_is_refused():
    deflater = zlib.compressobj(9, wbits=-15)
    bomb = deflater.compress(b"\0" * 50_000_000) + deflater.flush()
    with pytest.raises(dt.DecodeError):
        dt.decode_frame(bomb, "DeflatedImageFrameCompression", rows=6, columns=8, bits_allocated=8)


def test_damage_in_a_deflated_dataset_is_an_error():
    source = bytearray(native_file(ARRAYS[0].tobytes(), "deflated", **MODULE))
    start = len(source) - 100
    for at in range(start, len(source)):
        damaged = bytearray(source)
        damaged[at] ^= 0xFF
        try:
            quietly(bytes(damaged))
        except dt.Error:
            continue


# ---- kinds of cells ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (5, 7), (8, 8), (1, 13), (17, 5)])
@pytest.mark.parametrize("frames", [1, 2, 3, 9])
def test_single_bits_are_packed_across_frames(shape, frames):
    bits = np.random.default_rng(shape[0] * 10 + frames).integers(0, 2, (frames, *shape), np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    module = {"rows": shape[0], "columns": shape[1], "bits_allocated": 1, "frames": frames}
    for syntax in ("implicit", "explicit", "deflated"):
        source = native_file(packed, syntax, **module)
        found = dt.decode(source)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, bits if frames > 1 else bits[0])
        for k in range(frames):
            np.testing.assert_array_equal(dt.decode(source, k), bits[k])
            out = np.zeros(shape, np.uint8, order="F")
            np.testing.assert_array_equal(dt.decode(source, k, out=out), bits[k])
    words = np.frombuffer(packed + b"\0" * (len(packed) % 2), "<u2").astype(">u2").tobytes()
    found = dt.decode(native_file(words, "big_endian", vr="OW", **module))
    np.testing.assert_array_equal(found, bits if frames > 1 else bits[0])


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big_endian", "deflated"])
def test_float_pixel_data(keyword, syntax):
    single = keyword == "FloatPixelData"
    values = np.random.default_rng(1).normal(size=(2, *SHAPE)).astype("f4" if single else "f8")
    values[0, 0, :3] = np.nan, np.inf, -0.0
    order = ">" if syntax == "big_endian" else "<"
    source = native_file(
        values.astype(values.dtype.newbyteorder(order)).tobytes(),
        syntax,
        tag=0x7FE00008 if single else 0x7FE00009,
        vr="OF" if single else "OD",
        bits_allocated=32 if single else 64,
        bits_stored=None,
        signed=None,
        frames=2,
        **MODULE,
    )
    found = dt.decode(source)
    assert found.dtype == values.dtype
    assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("columns", [1, 3, 4])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_8_bit_cells_in_big_endian_words(rows, columns, frames):
    values = np.random.default_rng(7).integers(0, 256, (frames, rows, columns), np.uint8)
    content = values.tobytes() + b"\0" * (values.size % 2)
    words = np.frombuffer(content, "<u2").astype(">u2").tobytes()
    module = {"rows": rows, "columns": columns, "frames": frames}
    expected = values if frames > 1 else values[0]
    np.testing.assert_array_equal(dt.decode(native_file(words, "big_endian", vr="OW", **module)), expected)
    np.testing.assert_array_equal(dt.decode(native_file(content, "big_endian", vr="OB", **module)), expected)
    source = native_file(words, "big_endian", vr="OW", **module)
    for k in range(frames):
        np.testing.assert_array_equal(dt.decode(source, k), values[k])


@pytest.mark.parametrize("bits", [1, 8])
def test_big_endian_words_of_which_one_is_not_whole(bits):
    """Half a word is not read: which pixels it holds cannot be known."""
    columns = 3 if bits == 8 else 24
    module = {"rows": 1, "columns": columns, "bits_allocated": bits}
    source = native_file(b"\2\1\3", "big_endian", vr="OW", length=3, **module)
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode(source)
    assert caught.value.code == "truncated"
    found = quietly(source, on_error="salvage", fill_value=9).ravel()
    assert found.tolist() == ([1, 2, 9] if bits == 8 else [1, *[0] * 8, 1, *[0] * 6, *[9] * 8])


@pytest.mark.parametrize("vr", ["OB", "OW", "UN"])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_vr_of_little_endian_pixel_data_does_not_matter(vr, bits):
    values = np.arange(48, dtype=f"u{bits // 8}").reshape(SHAPE)
    source = native_file(values.tobytes(), vr=vr, bits_allocated=bits, **MODULE)
    np.testing.assert_array_equal(dt.decode(source), values)


# ---- cut anywhere ------------------------------------------------------------------------------

SMALL = {
    "native": native_file(b"".join(a.tobytes() for a in ARRAYS[:2]), frames=2, **MODULE),
    "implicit": native_file(ARRAYS[0].tobytes(), "implicit", **MODULE),
    "big": native_file(ARRAYS[0].tobytes(), "big_endian", **MODULE),
    "rle, basic": encapsulated_file(RLE[:2], "rle", **MODULE),
    "rle, none": encapsulated_file(RLE[:2], "rle", table=False, **MODULE),
    "rle, extended": encapsulated_file(RLE[:2], "rle", table=False, extended=extended_tables(RLE[:2]), **MODULE),
    "jpegls": encapsulated_file([split(f, 2) for f in JPEG_LS[:2]], "jpegls", table=False, **MODULE),
    "nested": native_file(
        ARRAYS[0].tobytes(),
        before=EXPLICIT.sequence(0x00081140, [EXPLICIT.item(icon(EXPLICIT), undefined=True)], undefined=True),
        **MODULE,
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_file_cut_at_any_byte_gives_its_frames_or_an_error(name, tmp_path):
    source = SMALL[name]
    right = np.stack(ARRAYS[:2]) if name not in ("implicit", "big", "nested") else ARRAYS[0]
    path = tmp_path / "cut.dcm"
    for size in range(len(source)):
        cut = source[:size]
        path.write_bytes(cut)
        for kind in (cut, path):
            try:
                found = quietly(kind)
            except (dt.DecodeError, dt.NotDicom, dt.NoPixelData):
                pass
            else:
                np.testing.assert_array_equal(found, right)
            try:
                first = quietly(kind, 0)
            except (dt.DecodeError, dt.NotDicom, dt.NoPixelData):
                continue
            np.testing.assert_array_equal(first, right.reshape(-1, *SHAPE)[0])


@pytest.mark.parametrize("name", SMALL)
def test_a_file_cut_at_any_byte_is_salvaged_without_a_wrong_pixel(name):
    source = SMALL[name]
    right = np.stack(ARRAYS[: 1 if name in ("implicit", "big", "nested") else 2])
    for size in range(0, len(source), 3):
        status = np.full(len(right), 99, np.uint8)
        try:
            found = quietly(source[:size], on_error="salvage", status=status)
        except (dt.NotDicom, dt.NoPixelData, dt.DecodeError, ValueError):
            continue
        for frame, expected, state in zip(found.reshape(right.shape), right, status, strict=True):
            # What a library makes of a cut frame is its own (docs/security.md): only the status is ours.
            assert name == "jpegls" or ((frame == expected) | (frame == 0)).all()
            assert state != 0 or (frame == expected).all()


def test_pixel_data_of_a_vr_that_is_no_text():
    source = bytearray(SMALL["native"])
    at = source.index(struct.pack("<HH", 0x7FE0, 0x0010)) + 4
    source[at] = 0xFF
    np.testing.assert_array_equal(quietly(bytes(source)), ARRAYS[:2])


@pytest.mark.parametrize("name", SMALL)
def test_a_byte_changed_anywhere_never_crashes(name):
    source = bytearray(SMALL[name])
    random = np.random.default_rng(3)
    with dt.config.override(max_output=1 << 26, max_pixels=1 << 24):
        for at in range(128, len(source)):
            damaged = bytearray(source)
            damaged[at] = int(random.choice([0, 0xFF, damaged[at] ^ 0x80, damaged[at] ^ 1]))
            for salvage in ("raise", "salvage"):
                try:
                    quietly(bytes(damaged), on_error=salvage)
                except dt.Error:
                    continue


def test_file_meta_alone():
    for size in range(300):
        with pytest.raises((dt.NotDicom, dt.NoPixelData)):
            quietly((b"\0" * 128 + b"DICM" + file_meta("1.2.840.10008.1.2.1"))[:size])
