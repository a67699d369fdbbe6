"""Datasets in every encoding: what is missing, nested, deflated, in odd cells, or cut short."""

import struct
import zlib

import numpy as np
import pytest
from helpers.dicom_writer import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    dicom_file,
    encapsulate,
    encapsulated_file,
    extended_tables,
    file_meta,
    native_file,
    pixel_module,
)
from helpers.small_frames import ARRAYS, JPEG_LS, KINDS, MODULE, RLE, SHAPE, quietly, split

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.archives.comparison import compare_objects

# --- datasets -------------------------------------------------------------------------------------


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


REFERENCED = {"94": "JPIP Referenced", "95": "JPIP", "204": "JPIP", "205": "JPIP"}


@pytest.mark.parametrize("number", REFERENCED)
@pytest.mark.parametrize("body", ["plain", "deflated", "damaged", "empty"])
@pytest.mark.parametrize("url", [False, True])
def test_objects_whose_pixel_data_are_elsewhere(number, body, url):
    uid = f"1.2.840.10008.1.2.4.{number}"
    content = pixel_module(EXPLICIT, **MODULE)
    if url:
        content += EXPLICIT.element(0x00287FE0, "UR", "https://example.org/a ")
    if body == "deflated":
        deflater = zlib.compressobj(wbits=-15)
        content = deflater.compress(content) + deflater.flush()
    elif body == "damaged":
        content = b"\xff\xff\xff" + content
    elif body == "empty":
        content = b""
    named = "https" if url and body in ("plain", "deflated") and (body == "plain" or number in ("95", "205")) else uid
    with pytest.raises(dt.UnsupportedTransferSyntax, match=named.replace(".", r"\.")):
        quietly(dicom_file(content, uid))


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.7.1", "1.2.840.10008.1.2.7.3", "1.2.840.10008.1.2.4.102"])
def test_objects_of_video_without_pixel_data_name_their_syntax(uid):
    with pytest.raises(dt.UnsupportedTransferSyntax, match=uid.replace(".", r"\.")):
        quietly(dicom_file(pixel_module(EXPLICIT, **MODULE), uid))


# --- lengths of pixel data ------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big_endian"])
@pytest.mark.parametrize("length", [0, 2, 40, 94])
@pytest.mark.parametrize("followed", [False, True])
def test_pixel_data_that_are_longer_than_their_length_says(syntax, length, followed, tmp_path):
    encoding = {"implicit": IMPLICIT, "big_endian": BIG}.get(syntax, EXPLICIT)
    values = np.arange(48, dtype=np.uint16).reshape(SHAPE) * 301
    after = encoding.element(0xFFFCFFFC, "OB", bytes(10)) if followed else b""
    pixels = values.astype(f"{encoding.order}u2").tobytes()
    source = native_file(pixels, syntax, length=length, bits_allocated=16, after=after, **MODULE)
    path = tmp_path / "short.dcm"
    path.write_bytes(source)
    for one in (source, path):
        with pytest.warns(dt.DecodeWarning, match="length field"):
            np.testing.assert_array_equal(dt.decode(one), values)
    for target in ("RLELossless", "ExplicitVRLittleEndian", "ImplicitVRLittleEndian"):
        result = tmp_path / "result.dcm"
        dt.transcode(path, result, target)
        np.testing.assert_array_equal(quietly(result), values)
        assert (b"\xfc\xff\xfc\xff" in result.read_bytes()) == followed


@pytest.mark.parametrize("more", [2, 100, 5000])
def test_pixel_data_that_are_shorter_than_their_length_says(more):
    pixels = ARRAYS[0].tobytes()
    source = native_file(pixels, length=len(pixels) + more, **MODULE)
    with pytest.warns(dt.DecodeWarning, match="file ends inside the pixel data"):
        np.testing.assert_array_equal(dt.decode(source), ARRAYS[0])


def test_a_length_of_which_2_to_the_32nd_is_missing(tmp_path):
    # 70000 x 65000 bytes in a sparse file: the length field holds what is left of them.
    rows, columns, frames = 35000, 65000, 2
    size = rows * columns * frames
    start = native_file(b"", length=size % (1 << 32), rows=rows, columns=columns, frames=frames)
    path = tmp_path / "large.dcm"
    after = EXPLICIT.element(0xFFFCFFFC, "OB", bytes(10))
    with path.open("wb") as file:
        file.write(start)
        file.seek(size - 4, 1)
        file.write(b"\1\2\3\4" + after)
    with dt.config.override(max_pixels=1 << 32, max_output=1 << 40):
        with pytest.warns(dt.DecodeWarning, match="length field"):
            image = dt.open(path)
        assert len(image) == 2
        assert image[1][-1, -4:].tolist() == [1, 2, 3, 4]


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


# --- deflated -------------------------------------------------------------------------------------


def test_a_deflated_dataset():
    pixels = b"".join(array.tobytes() for array in ARRAYS)
    for more in ({}, {"file": {"preamble": False}}):
        source = native_file(pixels, "deflated", frames=4, **MODULE, **more)
        np.testing.assert_array_equal(dt.decode(source), ARRAYS)


@pytest.mark.parametrize("padding", [b"\0", bytes(1000), bytes(3 << 20)], ids=len)
def test_zeros_after_a_deflated_dataset_are_padding(padding):
    source = native_file(ARRAYS[0].tobytes(), "deflated", **MODULE) + padding
    np.testing.assert_array_equal(dt.decode(source), ARRAYS[0])
    with dt.open(source) as image:
        np.testing.assert_array_equal(image[0], ARRAYS[0])


@pytest.mark.parametrize("behind", [b"?", b"\0\0more", bytes(2 << 20) + b"?"], ids=len)
def test_other_bytes_after_a_deflated_dataset_are_told(tmp_path, behind):
    source = native_file(ARRAYS[0].tobytes(), "deflated", **MODULE)
    before = len(behind) + (source[-1:] == b"\0")
    path = tmp_path / "a.dcm"
    path.write_bytes(source + behind)
    for one in (source + behind, path):
        with pytest.warns(dt.DecodeWarning, match=rf"({len(behind)}|{before}) bytes after the deflated dataset"):
            np.testing.assert_array_equal(dt.decode(one), ARRAYS[0])
    result = dt.transcode(path, tmp_path / "b.dcm", "RLELossless")
    np.testing.assert_array_equal(dt.decode(tmp_path / "b.dcm"), ARRAYS[0])
    assert any("bytes after the deflated dataset" in warning for warning in result.warnings)
    reasons = compare_objects(str(path), str(tmp_path / "b.dcm")).reasons
    assert len(reasons) == 1
    assert reasons[0].startswith("after the deflated dataset: ")
    assert reasons[0].endswith("in the first file only")
    assert dt.transcode(path, tmp_path / "c.dcm", "DeflatedExplicitVRLittleEndian").status == "copied"
    assert (tmp_path / "c.dcm").read_bytes() == path.read_bytes()


def test_the_checksum_of_gzip_or_zlib_after_a_deflated_dataset(tmp_path):
    source = native_file(ARRAYS[0].tobytes(), "deflated", **MODULE)
    begin = _core.scan(_core.Source.buffer(source)).dataset_offset
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    content = inflater.decompress(source[begin:])
    source = source[: len(source) - len(inflater.unused_data)]
    size = len(content).to_bytes(4, "little")
    gzip_trailer = zlib.crc32(content).to_bytes(4, "little") + size
    for trailer in (gzip_trailer, gzip_trailer + b"\0", zlib.adler32(content).to_bytes(4, "big")):
        np.testing.assert_array_equal(dt.decode(source + trailer), ARRAYS[0])
        (tmp_path / "a.dcm").write_bytes(source + trailer)
        assert dt.transcode(tmp_path / "a.dcm", tmp_path / "b.dcm", "RLELossless", overwrite=True).warnings == ()
        assert compare_objects(str(tmp_path / "a.dcm"), str(tmp_path / "b.dcm")).is_equal
    with pytest.warns(dt.DecodeWarning, match="does not have the checksum that follows it"):
        dt.decode(source + b"\1\2\3\4" + size)
    with pytest.warns(dt.DecodeWarning, match="3 bytes after the deflated dataset"):
        dt.decode(source + gzip_trailer + b"abc")


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


# --- kinds of cells -------------------------------------------------------------------------------


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


# --- cut anywhere ---------------------------------------------------------------------------------

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
    whole = b"\0" * 128 + b"DICM" + file_meta("1.2.840.10008.1.2.1")
    for size in range(len(whole)):
        with pytest.raises((dt.NotDicom, dt.NoPixelData, dt.DecodeError)):
            quietly(whole[:size])
    with pytest.raises(dt.NoPixelData):
        quietly(whole)
