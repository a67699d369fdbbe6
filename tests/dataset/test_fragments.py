"""Which fragments are a frame: one frame in any number of them, several frames without a usable table."""

import struct

import numpy as np
import pytest
from helpers.dicom_writer import EXPLICIT, dicom_file, encapsulate, encapsulated_file, extended_tables, pixel_module
from helpers.small_frames import quietly

import dcmturbo as dt

ROWS, COLUMNS = 24, 32
MODULE = {"rows": ROWS, "columns": COLUMNS}
RNG = np.random.default_rng(11)
FRAMES = [RNG.integers(0, 256, (ROWS, COLUMNS), np.uint8) for _ in range(4)]
SYNTAXES = [
    "RLELossless",
    "JPEGLosslessSV1",
    "JPEGLossless",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "HTJ2KLossless",
    "HTJ2KLosslessRPCL",
    "JPEGXLLossless",
    "EncapsulatedUncompressedExplicitVRLittleEndian",
    "DeflatedImageFrameCompression",
    "JPEGBaseline8Bit",
]
UNMARKED = ("EncapsulatedUncompressedExplicitVRLittleEndian", "DeflatedImageFrameCompression")
every_syntax = pytest.mark.parametrize("keyword", SYNTAXES)


def encoded(keyword: str, frame: np.ndarray, **options: object) -> bytes:
    if keyword == "JPEGBaseline8Bit":
        options["quality"] = 95
    data = bytes(dt.encode_frame(frame, keyword, **options))
    return data + b"\0" * (len(data) % 2)


def uid_of(keyword: str) -> str:
    return dt.formats.syntaxes.find_transfer_syntax(keyword).uid


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def every_fragment(frames: list[list[bytes]]) -> list[int]:
    """A table that has an entry for each fragment instead of each frame."""
    offsets, at = [], 0
    for fragments in frames:
        for fragment in fragments:
            offsets.append(at)
            at += 8 + len(fragment)
    return offsets


@every_syntax
@pytest.mark.parametrize("number", [None, "", "0", 1])
@pytest.mark.parametrize("size", [10, 100, 1 << 20])
@pytest.mark.parametrize("table", ["none", "empty", "one entry", "each fragment", "extended", "extended, each"])
def test_one_frame_in_fragments(keyword, number, size, table):
    if table == "none" and keyword in UNMARKED:
        pytest.skip("what is no table cannot be told from a table")
    data = encoded(keyword, FRAMES[0])
    fragments = pieces(data, size)
    layout: dict = {"table": {"none": None, "empty": False, "one entry": [0]}.get(table, False)}
    if table == "each fragment":
        layout["table"] = every_fragment([fragments])
    if table == "extended":
        layout["extended"] = extended_tables([fragments])
    if table == "extended, each":
        layout["extended"] = extended_tables(fragments)
    source = encapsulated_file([fragments], uid_of(keyword), **{**MODULE, "frames": number}, **layout)
    np.testing.assert_array_equal(quietly(source), dt.decode_frame(data, keyword, **MODULE, bits_allocated=8))


@every_syntax
@pytest.mark.parametrize("size", [70, 200])
@pytest.mark.parametrize("table", ["empty", "one entry", "each fragment", "right", "extended, each"])
def test_frames_in_fragments(keyword, size, table):
    if keyword == "DeflatedImageFrameCompression" and table != "right":
        pytest.skip("nothing in a fragment says where a frame begins")
    data = [encoded(keyword, frame) for frame in FRAMES]
    frames = [pieces(one, size + 30 * k) for k, one in enumerate(data)]
    layout: dict = {"table": {"empty": False, "one entry": [0], "right": True}.get(table, False)}
    if table == "each fragment":
        layout["table"] = every_fragment(frames)
    if table == "extended, each":
        layout["extended"] = extended_tables([one for frame in frames for one in frame])
    source = encapsulated_file(frames, uid_of(keyword), **MODULE, **layout)
    expected = [dt.decode_frame(one, keyword, **MODULE, bits_allocated=8) for one in data]
    np.testing.assert_array_equal(quietly(source), expected)
    for k in (2, 0, 3):
        np.testing.assert_array_equal(quietly(source, k), expected[k])


@pytest.mark.parametrize("cells", ["u1", "u2", "u4", "rgb", "bits"])
@pytest.mark.parametrize("size", [30, 64, 66, 130, 1000])
@pytest.mark.parametrize("number", [None, 3])
def test_rle_frames_in_fragments_without_a_table(cells, size, number):
    options: dict = {}
    module = {**MODULE, "bits_allocated": 8}
    if cells == "rgb":
        frames = RNG.integers(0, 256, (3, ROWS, COLUMNS, 3)).astype(np.uint8)
        options, module["samples"] = {"photometric_interpretation": "RGB"}, 3
    elif cells == "bits":
        frames = RNG.integers(0, 2, (3, ROWS, COLUMNS)).astype(np.uint8)
        options, module["bits_allocated"] = {"bits_allocated": 1}, 1
    else:
        frames = RNG.integers(0, 1 << 8 * int(cells[1]), (3, ROWS, COLUMNS)).astype(cells)
        module["bits_allocated"] = 8 * int(cells[1])
    fragments = [pieces(encoded("RLELossless", frame, **options), size) for frame in frames]
    source = encapsulated_file(fragments, "rle", table=False, **{**module, "frames": number})
    np.testing.assert_array_equal(quietly(source), frames)


def misleading_frame() -> tuple[np.ndarray, bytes]:
    """A frame of literal runs, of which the pixels look like an RLE header where a fragment of 64 bytes begins."""
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    cells = FRAMES[0].copy()
    flat = cells.ravel()
    body = b""
    for k in range(0, flat.size, 128):
        if k == 128:
            # The literal's control byte is the last of a fragment, and the header fills the next one.
            lead = 64 - (64 + len(body) + 1) % 64
            flat[k + lead : k + lead + 64] = np.frombuffer(header, np.uint8)
        body += bytes([127]) + flat[k : k + 128].tobytes()
    data = struct.pack("<16I", 1, 64, *[0] * 14) + body
    return cells, data + b"\0" * (len(data) % 2)


def test_pixels_that_look_like_an_rle_header():
    cells, data = misleading_frame()
    fragments = pieces(data, 64)
    assert sum(fragment.startswith(struct.pack("<II", 1, 64)) for fragment in fragments) == 2
    other = encoded("RLELossless", FRAMES[1])
    for number in (None, 1):
        source = encapsulated_file([fragments], "rle", table=False, **{**MODULE, "frames": number})
        np.testing.assert_array_equal(quietly(source), cells)
        source = encapsulated_file(
            [fragments], "rle", table=every_fragment([fragments]), **{**MODULE, "frames": number}
        )
        np.testing.assert_array_equal(quietly(source), cells)
    source = encapsulated_file([fragments, pieces(other, 100), fragments], "rle", table=False, **MODULE)
    np.testing.assert_array_equal(quietly(source), [cells, FRAMES[1], cells])


def test_rle_fragments_that_cannot_be_grouped_are_named():
    data = [bytearray(encoded("RLELossless", frame)) for frame in FRAMES[:3]]
    data[1][:4] = b"\xff\xff\xff\xff"
    source = encapsulated_file([pieces(bytes(one), 100) for one in data], "rle", table=False, **MODULE)
    with pytest.raises(dt.DecodeError):
        quietly(source)
    data[0][:4] = b"\xff\xff\xff\xff"
    source = encapsulated_file([pieces(bytes(one), 100) for one in data], "rle", table=False, **MODULE)
    with pytest.raises(dt.DecodeError, match="begin with an RLE header"):
        quietly(source)


@pytest.mark.parametrize(
    "keyword", ["RLELossless", "JPEG2000Lossless", "EncapsulatedUncompressedExplicitVRLittleEndian"]
)
@pytest.mark.parametrize("number", [1, 2])
def test_more_frames_in_fragments_than_promised_come_with_a_warning(keyword, number):
    frames = [pieces(encoded(keyword, frame), 300) for frame in FRAMES]
    source = encapsulated_file(frames, uid_of(keyword), table=False, **{**MODULE, "frames": number})
    with pytest.warns(dt.DecodeWarning, match=f"NumberOfFrames is {number}"):
        np.testing.assert_array_equal(dt.decode(source), FRAMES)


@every_syntax
@pytest.mark.parametrize("table", ["empty", "right", "extended"])
def test_several_frames_without_a_number_of_frames(keyword, table):
    if keyword == "JPEGXLLossless" and table == "empty":
        pytest.skip("a start marker of two bytes and no end marker is no evidence")
    data = [encoded(keyword, frame) for frame in FRAMES]
    layout: dict = {"table": table == "right"}
    if table == "extended":
        layout["extended"] = extended_tables(data)
    source = encapsulated_file(data, uid_of(keyword), **{**MODULE, "frames": None}, **layout)
    expected = [dt.decode_frame(one, keyword, **MODULE, bits_allocated=8) for one in data]
    np.testing.assert_array_equal(quietly(source), expected)


@pytest.mark.parametrize("keyword", ["RLELossless", "JPEGLSLossless"])
def test_fewer_frames_in_fragments_than_promised(keyword):
    frames = [pieces(encoded(keyword, frame), 100) for frame in FRAMES]
    source = encapsulated_file(frames, uid_of(keyword), table=False, **{**MODULE, "frames": 6})
    with pytest.raises(dt.DecodeError, match="NumberOfFrames is 6") as caught:
        quietly(source)
    assert caught.value.frame == 4
    np.testing.assert_array_equal(quietly(source, slice(0, 4)), FRAMES)


def test_empty_fragments_between_frames():
    data = [encoded("JPEGLSLossless", frame) for frame in FRAMES]
    frames = [[one[:100], b"", one[100:], b""] for one in data]
    source = encapsulated_file(frames, "jpegls", table=False, **MODULE)
    np.testing.assert_array_equal(quietly(source), FRAMES)


@pytest.mark.parametrize("cells", [8, 16])
@pytest.mark.parametrize(
    "keyword", ["JPEGLSLossless", "RLELossless", "JPEG2000Lossless", "JPEGLosslessSV1", "DeflatedImageFrameCompression"]
)
def test_native_pixel_data_under_an_encapsulated_syntax(cells, keyword, tmp_path):
    values = RNG.integers(0, 1 << cells, (3, 5, 7)).astype(f"u{cells // 8}")
    module = {"rows": 5, "columns": 7, "bits_allocated": cells, "frames": 3}
    pixels = values.tobytes() + b"\0" * (values.nbytes % 2)
    body = pixel_module(EXPLICIT, **module) + EXPLICIT.element(0x7FE00010, "OW", pixels)
    source = dicom_file(body, uid_of(keyword))
    path = tmp_path / "native.dcm"
    path.write_bytes(source)
    for one in (source, path):
        with pytest.warns(dt.DecodeWarning, match="not encapsulated"):
            np.testing.assert_array_equal(dt.decode(one), values)
    pydicom = pytest.importorskip("pydicom")
    ds = pydicom.dcmread(path)
    with pytest.warns(dt.DecodeWarning, match="not encapsulated"):
        np.testing.assert_array_equal(dt.decode(ds), values)
    for target in ("ExplicitVRLittleEndian", "RLELossless"):
        result = tmp_path / f"{target}.dcm"
        assert any("not encapsulated" in text for text in dt.transcode(path, result, target).warnings)
        np.testing.assert_array_equal(dt.decode(result), values)


def test_a_codestream_without_items_is_no_native_image():
    data = encoded("JPEGLSLossless", FRAMES[0])
    body = pixel_module(EXPLICIT, **MODULE) + EXPLICIT.element(0x7FE00010, "OB", data)
    np.testing.assert_array_equal(quietly(dicom_file(body, "jpegls")), FRAMES[0])
    assert encapsulate([data])[:4] == b"\xfe\xff\x00\xe0"


FIVE = [*FRAMES, FRAMES[0][::-1]]


def with_a_wrong_item(item: int) -> bytes:
    """Five frames with a right offset table; the length of one item is 2."""
    frames = [encoded("RLELossless", frame) for frame in FIVE]
    data = encapsulated_file(frames, "rle", **MODULE)
    at = data.index(frames[item]) - 4
    return data[:at] + struct.pack("<I", 2) + data[at + 4 :]


@pytest.mark.parametrize("item", range(5))
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_one_wrong_item_costs_one_frame_whatever_the_threads(item, threads):
    data = with_a_wrong_item(item)
    for _ in range(10):
        status = np.zeros(5, np.uint8)
        decoded = quietly(data, on_error="salvage", status=status, threads=threads)
        assert [bool(value) for value in status] == [k == item for k in range(5)]
        for k, frame in enumerate(FIVE):
            assert k == item or np.array_equal(decoded[k], frame)


def test_one_wrong_item_costs_one_frame_whatever_was_asked_for_before():
    with dt.open(with_a_wrong_item(2)) as image:
        assert np.array_equal(image[4], FIVE[4])
        with pytest.raises(dt.DecodeError, match="frame 2"):
            image[2]
        assert np.array_equal(image[4], FIVE[4])
        assert np.array_equal(image[3], FRAMES[3])
        assert len(image) == 5
