"""Where the frames are: offset tables and their lies, fragments, missing ends, numbers of frames, `frames=`."""

import io
import struct

import numpy as np
import pytest
from helpers.dicom_writer import (
    EXPLICIT,
    UNDEFINED,
    basic_table,
    encapsulate,
    encapsulated_file,
    extended_tables,
    native_file,
)
from helpers.small_frames import ARRAYS, JPEG_LS, KINDS, MODULE, RLE, SHAPE, quietly, split, table_of

import dcmturbo as dt

# --- offset tables --------------------------------------------------------------------------------

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


# --- ends -----------------------------------------------------------------------------------------


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


# --- how many frames ------------------------------------------------------------------------------


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


# --- frames= --------------------------------------------------------------------------------------


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
