"""Names in codestreams, wherever they can be: none is in the output, and every pixel is as before."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from helpers.identified import KEY
from helpers.samples import smooth
from PIL import Image

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.deidentification.codestream_texts import clean_codestreams

# Nothing in the dataset names them, so no search for the dataset's values finds them.
NAME = b"Prefect^Ford"
CELLS = smooth((48, 56), "u1", bits=8)
COLOUR = np.dstack([CELLS, CELLS[::-1], CELLS[:, ::-1]])
JPEG_UIDS = {
    "baseline": "1.2.840.10008.1.2.4.50",
    "optimized restarts": "1.2.840.10008.1.2.4.50",
    "progressive": "1.2.840.10008.1.2.4.55",
    "lossless": "1.2.840.10008.1.2.4.70",
    "jpegls": "1.2.840.10008.1.2.4.80",
    "jpegls by component": "1.2.840.10008.1.2.4.80",
}


def jpeg(kind: str) -> tuple[bytes, np.ndarray]:
    if kind == "lossless":
        return bytes(dt.encode_frame(CELLS, "JPEGLosslessSV1")), CELLS
    if kind == "jpegls":
        return bytes(dt.encode_frame(CELLS, "JPEGLSLossless")), CELLS
    if kind == "jpegls by component":
        return bytes(dt.encode_frame(COLOUR, "JPEGLSLossless", interleave="none")), COLOUR
    options = {"baseline": {}, "progressive": {"progressive": True}}.get(
        kind, {"optimize": True, "restart_marker_blocks": 3}
    )
    to = io.BytesIO()
    Image.fromarray(COLOUR).save(to, "JPEG", quality=90, **options)
    return to.getvalue(), COLOUR


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", 2 + len(content)) + content


def segments_of(frame: bytes, jpegls: bool) -> list[int]:
    """Where the marker segments begin, EOI included."""
    found, at = [], 2
    while True:
        found.append(at)
        code = frame[at + 1]
        if code == 0xD9:
            return found
        at += 2 + struct.unpack(">H", frame[at + 2 : at + 4])[0]
        while code == 0xDA:  # entropy-coded data
            if frame[at] == 0xFF and (frame[at + 1] >= 0x80 if jpegls else frame[at + 1] != 0):
                if not 0xD0 <= frame[at + 1] <= 0xD7:
                    break
                at += 1
            at += 1


def with_names(frame: bytes, jpegls: bool) -> list[bytes]:
    """The frame with a name in each of the places of JPEG."""
    kinds = [segment(0xFE, NAME), segment(0xE1, b"Exif\0\0" + NAME), segment(0xED, NAME), segment(0xE8, NAME),
             segment(0xEE, NAME), segment(0xF3, NAME), b"\xff\xff\xff" + segment(0xFE, NAME)]  # fmt: skip
    found = [frame[:at] + extra + frame[at:] for at in segments_of(frame, jpegls) for extra in kinds]
    found.append(frame + NAME)
    found.append(frame + b"\0" + segment(0xFE, NAME) + b"\xff\xd9")
    if frame[2:4] == b"\xff\xe0":  # JFIF: a thumbnail of four pixels, and the extension with another
        found.append(frame[:2] + segment(0xE0, frame[6:18] + b"\1\4" + NAME) + frame[20:])
        found.append(frame[:20] + segment(0xE0, b"JFXX\0\x10" + NAME) + frame[20:])
    return found


def clean(frame: bytes) -> bytes:
    return _core.blank_frame(frame, [], [])[0]


def decoded(frame: bytes, uid: str, cells: np.ndarray) -> np.ndarray:
    return dt.decode(as_object([frame], uid, cells), raw=True)


def as_object(frames: list[bytes], uid: str, cells: np.ndarray) -> bytes:
    colour = cells.ndim == 3
    photometric = ("YBR_FULL" if uid <= "1.2.840.10008.1.2.4.55" else "RGB") if colour else "MONOCHROME2"
    return encapsulated_file(
        frames, uid, rows=48, columns=56, samples=3 if colour else 1, bits_allocated=8, bits_stored=8,
        photometric=photometric, planar=0,
    )  # fmt: skip


@pytest.mark.parametrize("kind", JPEG_UIDS)
def test_jpeg_has_no_names_in_any_place_and_keeps_the_rest(kind):
    frame, _ = jpeg(kind)
    assert clean(frame) == frame
    found = with_names(frame, kind.startswith("jpegls"))
    assert len(found) >= 7 * 3
    for dirty in found:
        assert NAME in dirty
        assert clean(dirty) == frame


def test_what_says_how_to_read_the_samples_is_kept():
    frame, _ = jpeg("baseline")
    adobe, hp = segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"), segment(0xE8, b"mrfx\1")
    assert clean(frame[:2] + adobe + hp + frame[2:]) == frame[:2] + adobe + hp + frame[2:]
    assert (
        clean(frame[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + NAME) + frame[2:]) == frame[:2] + adobe + frame[2:]
    )


# ---- JPEG 2000 --------------------------------------------------------------------------------------

JPEG2000 = {
    "one tile": ("JPEG2000Lossless", "1.2.840.10008.1.2.4.90", {}),
    "tiles": ("JPEG2000Lossless", "1.2.840.10008.1.2.4.90", {"tile_width": 20, "tile_height": 30, "layers": 2}),
    "lengths": (
        "JPEG2000Lossless", "1.2.840.10008.1.2.4.90",
        {"tile_width": 20, "tile_height": 30, "tile_part_lengths": True, "packet_lengths": True},
    ),
    "markers": ("JPEG2000", "1.2.840.10008.1.2.4.91", {"ratio": 5, "packet_markers": True, "tile_width": 30}),
    "htj2k": ("HTJ2KLosslessRPCL", "1.2.840.10008.1.2.4.202", {"tile_width": 20, "tile_height": 30}),
}  # fmt: skip
COMMENT = segment(0x64, b"\0\1" + NAME)


def tile_parts(frame: bytes) -> list[int]:
    """Where the tile-parts begin, and EOC."""
    found = [frame.index(b"\xff\x90\0\x0a")]
    while frame[found[-1] : found[-1] + 2] == b"\xff\x90":
        found.append(found[-1] + struct.unpack_from(">I", frame, found[-1] + 6)[0])
    return found


def with_segment(frame: bytes, part: int, extra: bytes) -> bytes:
    """The frame with another segment in the header of a tile-part, of which TLM knows."""
    at = tile_parts(frame)[part]
    length = struct.unpack_from(">I", frame, at + 6)[0]
    longer = struct.pack(">I", length + len(extra))
    head = frame[:at]
    tlm = head.find(b"\xff\x55")
    if tlm >= 0:
        entry = tlm + 6 + 6 * part + 2
        head = head[:entry] + longer + head[entry + 4 :]
    return head + frame[at : at + 6] + longer + frame[at + 10 : at + 12] + extra + frame[at + 12 :]


def encoded(kind: str) -> tuple[bytes, str]:
    syntax, uid, options = JPEG2000[kind]
    return bytes(dt.encode_frame(COLOUR, syntax, **options)), uid


def jp2(frame: bytes) -> bytes:
    with Image.new("RGB", (1, 1)) as one:
        to = io.BytesIO()
        one.save(to, "JPEG2000")
    whole = to.getvalue()
    start = whole.index(b"jp2c") - 4
    uuid = struct.pack(">I", 8 + 16 + len(NAME)) + b"uuid" + bytes(16) + NAME
    return whole[:start] + uuid + struct.pack(">I", 8 + len(frame)) + b"jp2c" + frame + uuid


@pytest.mark.parametrize("kind", JPEG2000)
def test_jpeg2000_has_no_names_in_any_place_and_keeps_the_rest(kind):
    frame, _ = encoded(kind)
    assert clean(frame) == frame
    parts = tile_parts(frame)
    assert len(parts) > 1
    for extra in (COMMENT, segment(0x6F, NAME), segment(0x65, NAME)):
        siz = 4 + struct.unpack_from(">H", frame, 4)[0]
        assert clean(frame[:siz] + extra + frame[siz:]) == frame
        assert clean(frame[: parts[0]] + extra + frame[parts[0] :]) == frame
        for part in range(len(parts) - 1):
            assert clean(with_segment(frame, part, extra)) == frame
    assert clean(frame + NAME) == frame
    assert clean(frame + b"\0\0" + COMMENT + b"\xff\xd9") == frame
    assert clean(jp2(frame)) == frame
    # The last tile-part reaches to the end, wherever that is.
    at = parts[-2] + 6
    endless = frame[:at] + bytes(4) + frame[at + 4 :]
    for tail in (b"", NAME, b"\0" + NAME + b"\xff\xd9"):
        assert clean(endless + tail) == frame


# Boxes of an irreversible codestream are blanked among the samples.
@pytest.mark.parametrize("kind", [kind for kind in JPEG2000 if kind != "markers"])
def test_jpeg2000_with_a_box_has_no_names_either(kind):
    frame, uid = encoded(kind)
    blanked, _ = _core.blank_frame(frame, [(2, 3, 4, 5)], [0, 0, 0])
    dirty = frame
    for part in range(len(tile_parts(frame)) - 1):
        dirty = with_segment(dirty, part, COMMENT)
    assert NAME in dirty
    assert _core.blank_frame(dirty + NAME, [(2, 3, 4, 5)], [0, 0, 0])[0] == blanked
    before, after = decoded(frame, uid, COLOUR), decoded(blanked, uid, COLOUR)
    before[2:6, 3:8] = 0
    assert np.array_equal(before, after)
    # What the transfer syntax promises of TLM is still true.
    assert (b"\xff\x55" in frame[: tile_parts(frame)[0]]) == (b"\xff\x55" in blanked[: tile_parts(blanked)[0]])
    assert _core.keeps_promises(uid, _core.probe(blanked))


def test_bytes_between_tile_parts_cannot_be_told_from_names():
    frame, _ = encoded("tiles")
    at = tile_parts(frame)[2]
    with pytest.raises(dt.DecodeError):
        clean(frame[:at] + NAME + frame[at:])


# ---- JPEG XL, RLE -----------------------------------------------------------------------------------


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_jpegxl_keeps_its_codestream_only():
    bare = imagecodecs.jpegxl_encode(CELLS, lossless=True, usecontainer=False)
    assert bare[:2] == b"\xff\x0a"
    start = box(b"JXL ", b"\x0d\x0a\x87\x0a") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    codestream = box(b"jxlc", bare)
    exif, xml = box(b"Exif", bytes(4) + NAME), box(b"xml ", NAME)
    assert clean(start + exif + codestream + xml) == start + codestream
    assert clean(bare) == bare
    split = box(b"jxlp", bytes(4) + bare[:20]) + box(b"jxlp", b"\x80\0\0\1" + bare[20:])
    assert clean(start + xml + split + exif) == start + split
    uid = "1.2.840.10008.1.2.4.110"
    data = as_object([start + exif + codestream + xml], uid, CELLS)
    result = clean_codestreams(data)
    assert NAME not in result
    assert np.array_equal(dt.decode(result), CELLS)


def test_a_jpeg_in_jpegxl_loses_its_comment():
    frame, cells = jpeg("baseline")
    dirty = frame[:2] + segment(0xFE, NAME) + frame[2:]
    output = io.BytesIO()
    dt.transcode(as_object([dirty], JPEG_UIDS["baseline"], cells), output, "JPEGXLJPEGRecompression")
    data = output.getvalue()
    back = io.BytesIO()
    dt.transcode(clean_codestreams(data), back, "JPEGBaseline8Bit")
    assert NAME not in back.getvalue()
    assert frame in back.getvalue()
    kept = io.BytesIO()
    dt.transcode(data, kept, "JPEGBaseline8Bit")
    assert NAME in kept.getvalue()  # it was there


def test_rle_has_no_names_in_its_header():
    frame = bytes(dt.encode_frame(COLOUR, "RLELossless"))
    assert clean(frame) == frame
    assert clean(frame[:20] + NAME + frame[20 + len(NAME) :]) == frame


# ---- objects ----------------------------------------------------------------------------------------


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 4])
def test_all_frames_of_an_object(tmp_path, threads):
    frame, cells = jpeg("lossless")
    places = with_names(frame, False)[:9]
    frames = [frame, *places, frame]
    data = as_object(frames, JPEG_UIDS["lossless"], cells)
    result = clean_codestreams(data, threads)
    assert NAME not in result
    assert np.array_equal(dt.decode(result), np.stack([cells] * len(frames)))
    # Without boxes, and with one.
    for number, boxes in enumerate(((), [(0, 0, 5, 5)])):
        path = tmp_path / f"{number}.dcm"
        dt.deidentify(data, path, key=KEY, boxes=boxes)
        assert NAME not in path.read_bytes()
        after = dt.decode(path)
        assert np.array_equal(after[:, 5:], np.stack([cells[5:]] * len(frames)))


def test_a_rule_without_boxes_does_not_keep_names(tmp_path):
    frame, cells = jpeg("lossless")
    data = as_object([frame[:2] + segment(0xFE, NAME) + frame[2:]], JPEG_UIDS["lossless"], cells)
    rules = [{"match": {"Rows": str(cells.shape[0])}, "boxes": []}]
    dt.deidentify(data, tmp_path / "out.dcm", key=KEY, device_rules=rules)
    assert NAME not in (tmp_path / "out.dcm").read_bytes()


def test_an_object_without_names_is_not_written_again():
    for kind in JPEG_UIDS:
        frame, cells = jpeg(kind)
        data = as_object([frame, frame], JPEG_UIDS[kind], cells)
        assert clean_codestreams(data) is data


def test_items_that_belong_to_no_frame_are_removed():
    frame, cells = jpeg("lossless")
    data = as_object([frame, frame], JPEG_UIDS["lossless"], cells)
    start = data.index(b"\xfe\xff\x00\xe0")
    size = struct.unpack_from("<I", data, start + 4)[0]
    table = b"".join(struct.pack("<I", offset) for offset in (0, 8 + len(frame) + len(frame) % 2))
    behind = start + 8 + size
    # A Basic Offset Table with more than offsets.
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(table) + len(NAME)) + table + NAME
    with pytest.warns(dt.DecodeWarning, match="Offset Table is not used"):
        before = dt.decode(data[:start] + item + data[behind:])
    result = clean_codestreams(data[:start] + item + data[behind:])
    assert NAME not in result
    assert np.array_equal(dt.decode(result), before)


@pytest.mark.parametrize(("syntax", "stored"), [("explicit", 8), ("implicit", 8), ("big_endian", 16), ("explicit", 1)])
def test_native_pixels_have_nothing_behind_them(tmp_path, syntax, stored):
    size = 2 * 48 * 56 * stored // 8
    pixels = np.random.default_rng(1).integers(0, 256, size, "u1").tobytes()
    shape = {"rows": 48, "columns": 56, "bits_allocated": stored, "bits_stored": stored, "frames": 2}
    clean_data, dirty = (native_file(pixels + tail, syntax, **shape) for tail in (bytes(len(NAME)), NAME))
    assert clean_codestreams(clean_data) is clean_data
    assert clean_codestreams(dirty) == clean_data
    dt.deidentify(dirty, tmp_path / "out.dcm", key=KEY)
    assert NAME not in (tmp_path / "out.dcm").read_bytes()
    assert np.array_equal(dt.decode(tmp_path / "out.dcm"), dt.decode(dirty))


def test_pixels_that_the_dataset_misstates_are_not_taken_for_names():
    # YBR_FULL_422 of two samples a pixel by its label, of three by its length.
    pixels = np.random.default_rng(1).integers(0, 256, 3 * 48 * 56, "u1").tobytes()
    data = native_file(
        pixels, "explicit", rows=48, columns=56, samples=3, bits_allocated=8, bits_stored=8,
        photometric="YBR_FULL_422", planar=0,
    )  # fmt: skip
    assert clean_codestreams(data) is data


def test_damaged_frames_are_not_cleaned():
    frame, cells = jpeg("baseline")
    at = segments_of(frame, False)[2]
    for broken in (frame[:at] + NAME + frame[at:], frame[: at + 3]):
        with pytest.raises(dt.DecodeError):
            clean_codestreams(as_object([broken], JPEG_UIDS["baseline"], cells))
