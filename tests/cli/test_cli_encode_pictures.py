"""``dcmturbo encode``: what pictures have beside grey levels and colours of 8 bits."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import pydicom
import pytest
import tifffile
from helpers.command_line import CT, DATA
from PIL import Image, ImageCms, ImageOps

import dcmturbo as dt

NOISE = np.random.default_rng(8)
DEEP = NOISE.integers(0, 1 << 16, (31, 17, 4), dtype=np.uint16)
FLAT = NOISE.integers(0, 256, (31, 17, 4), dtype=np.uint8)
SIGNED = NOISE.integers(-500, 500, (31, 17), dtype=np.int16)


@pytest.fixture
def encoded(call, tmp_path):
    """Encode a file, and return the pixels and what was printed as a warning."""

    def encode(name, *options):
        code, _, err = call("encode", tmp_path / name, "-o", tmp_path / "x.dcm", "--force", *options)
        assert code == 0, err
        return dt.decode(tmp_path / "x.dcm"), err

    return encode


def deep_png(array: np.ndarray) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows, columns, samples = array.shape
    header = struct.pack(">IIBBBBB", columns, rows, 16, {2: 4, 3: 2, 4: 6}[samples], 0, 0, 0)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def jpeg2000(array: np.ndarray) -> bytes:
    return imagecodecs.jpeg2k_encode(np.ascontiguousarray(array), level=0, reversible=True, codecformat="jp2")


GRID = "GridFrameOffsetVector=0"
COLOURS = DEEP[..., :3]


@pytest.mark.parametrize(
    ("name", "write", "array"),
    [
        ("x.png", lambda path: path.write_bytes(deep_png(COLOURS)), COLOURS),
        ("x.jp2", lambda path: path.write_bytes(jpeg2000(COLOURS)), COLOURS),
        ("x.tiff", lambda path: tifffile.imwrite(path, COLOURS, photometric="rgb"), COLOURS),
        ("x.tiff", lambda path: tifffile.imwrite(path, COLOURS, photometric="rgb", compression="zlib"), COLOURS),
        ("x.tiff", lambda path: tifffile.imwrite(path, COLOURS, photometric="rgb", byteorder=">"), COLOURS),
        (
            "x.tiff",
            lambda path: tifffile.imwrite(
                path, np.moveaxis(COLOURS, -1, 0), photometric="rgb", planarconfig="separate"
            ),
            COLOURS,
        ),
        ("x.tiff", lambda path: tifffile.imwrite(path, DEEP[..., 0], photometric="miniswhite"), ~DEEP[..., 0]),
        ("x.tiff", lambda path: tifffile.imwrite(path, SIGNED), SIGNED),
        ("x.tiff", lambda path: tifffile.imwrite(path, SIGNED.astype(np.int8)), SIGNED.astype(np.int8)),
        ("x.tiff", lambda path: tifffile.imwrite(path, SIGNED.astype(np.uint32)), SIGNED.astype(np.uint32)),
        ("x.tiff", lambda path: tifffile.imwrite(path, SIGNED.astype(np.int32)), SIGNED.astype(np.int32)),
        ("x.npy", lambda path: np.save(path, FLAT[..., :1]), FLAT[..., 0]),
        ("x.npy", lambda path: np.save(path, np.asfortranarray(COLOURS)), COLOURS),
    ],
    ids=[
        *(
            "png",
            "jp2",
            "tiff",
            "tiff-zlib",
            "tiff-big-endian",
            "tiff-planes",
            "white-is-zero",
            "int16",
            "int8",
            "uint32",
        ),
        *("int32", "one-sample", "fortran"),
    ],
)
def test_all_bits_and_signs_are_kept(encoded, tmp_path, name, write, array):
    write(tmp_path / name)
    pixels, err = encoded(name)
    assert err == ""
    assert pixels.dtype == array.dtype
    np.testing.assert_array_equal(pixels, array)


def test_pages_of_16_bits(encoded, tmp_path):
    tifffile.imwrite(tmp_path / "x.tiff", np.stack([COLOURS, COLOURS[::-1]]), photometric="rgb")
    pixels, err = encoded("x.tiff")
    np.testing.assert_array_equal(pixels, np.stack([COLOURS, COLOURS[::-1]]))
    assert "have unsigned pixels of 8 bits, and these are uint16" in err


def test_colours_that_would_be_cut_to_8_bits_are_refused(call, tmp_path):
    (tmp_path / "x.ppm").write_bytes(b"P6 17 31 65535\n" + COLOURS.astype(">u2").tobytes())
    code, _, err = call("encode", tmp_path / "x.ppm", "-o", tmp_path / "x.dcm")
    assert code == 1
    assert "its colours have 16 bits" in err


@pytest.mark.parametrize("name", ["x.png", "x.tiff", "x.webp"])
def test_transparency(encoded, tmp_path, name):
    Image.fromarray(FLAT).save(tmp_path / name, **({"lossless": True, "exact": True} if name == "x.webp" else {}))
    pixels, err = encoded(name)
    np.testing.assert_array_equal(pixels, FLAT[..., :3])
    assert "of the pixels are transparent" in err
    assert "--background white" in err
    pixels, err = encoded(name, "--background", "#102030")
    assert err == ""
    share = FLAT[..., 3:] / 255
    np.testing.assert_array_equal(pixels, np.rint(FLAT[..., :3] * share + np.array([16, 32, 48]) * (1 - share)))


def test_opaque_pictures_give_no_warning(encoded, tmp_path):
    Image.fromarray(np.where([False, False, False, True], 255, FLAT).astype(np.uint8)).save(tmp_path / "x.png")
    assert encoded("x.png")[1] == ""


def test_transparency_of_grey_levels_and_of_palettes(encoded, tmp_path):
    Image.fromarray(np.ascontiguousarray(FLAT[..., :2]), "LA").save(tmp_path / "grey.png")
    pixels, err = encoded("grey.png", "--background", "white")
    share = FLAT[..., 1] / 255
    np.testing.assert_array_equal(pixels, np.rint(FLAT[..., 0] * share + 255 * (1 - share)))
    assert encoded("grey.png", "--background", "red")[0].shape == (31, 17, 3)
    (tmp_path / "deep.png").write_bytes(deep_png(DEEP[..., :2]))
    pixels, err = encoded("deep.png")
    np.testing.assert_array_equal(pixels, DEEP[..., 0])
    assert "transparent" in err
    (tmp_path / "deeper.png").write_bytes(deep_png(DEEP))
    share = DEEP[..., 3:] / 65535
    np.testing.assert_array_equal(
        encoded("deeper.png", "--background", "white")[0], np.rint(COLOURS * share + 65535 * (1 - share))
    )
    palette = Image.fromarray(FLAT[..., :3].copy()).quantize(8)
    for name in ("p.png", "p.gif"):
        palette.save(tmp_path / name, transparency=3)
        assert "transparent" in encoded(name)[1]
        pixels, err = encoded(name, "--background", "lime")
        assert err == ""
        assert (pixels[np.asarray(palette) == 3] == [0, 255, 0]).all()
    Image.fromarray(FLAT[..., 0].copy()).save(tmp_path / "key.png", transparency=int(FLAT[0, 0, 0]))
    assert encoded("key.png", "--background", "white")[0][0, 0] == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["x.png", "x.tiff", "x.jpg"])
def test_pictures_are_turned(encoded, tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(FLAT[..., :3].copy()).save(tmp_path / name, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name)))
    np.testing.assert_array_equal(encoded(name)[0], expected)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tiff"])
def test_icc_profiles_are_taken_over(encoded, tmp_path, name):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(FLAT[..., :3].copy()).save(tmp_path / name, icc_profile=profile)
    encoded(name)
    assert pydicom.dcmread(tmp_path / "x.dcm").ICCProfile[: len(profile)] == profile


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_colours_of_other_spaces_are_refused(call, tmp_path, mode):
    Image.frombytes(mode, (17, 31), FLAT.tobytes()[: 31 * 17 * len(mode)]).save(tmp_path / "x.tiff")
    code, _, err = call("encode", tmp_path / "x.tiff", "-o", tmp_path / "x.dcm")
    assert code == 1
    assert f"its colours are {mode}" in err


def test_pages_of_different_sizes_are_named(call, tmp_path):
    first, second = (Image.fromarray(FLAT[:rows, :, 0].copy()) for rows in (31, 20))
    first.save(tmp_path / "x.tiff", save_all=True, append_images=[second])
    code, _, err = call("encode", tmp_path / "x.tiff", "-o", tmp_path / "x.dcm")
    assert code == 1
    assert "page 2 is 20 x 17 uint8 and page 1 is 31 x 17 uint8" in err


def test_what_is_lossy_is_said(encoded, tmp_path):
    picture = Image.fromarray(FLAT[..., :3].copy())
    lossy = {
        "x.jpg": ({}, "ISO_10918_1"),
        "x.webp": ({"quality": 50}, "WEBP"),
        "x.jp2": ({"irreversible": True, "quality_layers": [30]}, "ISO_15444_1"),
        "x.tiff": ({"compression": "jpeg"}, "ISO_10918_1"),
    }
    for name, (options, method) in lossy.items():
        picture.save(tmp_path / name, **options)
        encoded(name)
        ds = pydicom.dcmread(tmp_path / "x.dcm")
        assert (ds.LossyImageCompression, ds.LossyImageCompressionMethod) == ("01", method)
        ratio = 31 * 17 * 3 / (tmp_path / name).stat().st_size
        assert abs(float(ds.LossyImageCompressionRatio) / ratio - 1) < 1e-4
    for name, options in {"x.webp": {"lossless": True}, "x.jp2": {}, "x.png": {}, "x.tiff": {}}.items():
        picture.save(tmp_path / name, **options)
        encoded(name)
        assert "LossyImageCompression" not in pydicom.dcmread(tmp_path / "x.dcm")


def test_large_pictures(encoded, tmp_path):
    """Pillow refuses what has more than 178956970 pixels; a slide has."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = 1000
    try:
        Image.new("L", (60, 60)).save(tmp_path / "x.png")
        assert encoded("x.png")[0].shape == (60, 60)
        assert Image.MAX_IMAGE_PIXELS == 1000
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def test_too_large_pictures(call, tmp_path):
    Image.new("L", (60, 60)).save(tmp_path / "x.png")
    before, dt.config.limits.max_pixels = dt.config.limits.max_pixels, 100
    try:
        code, _, err = call("encode", tmp_path / "x.png", "-o", tmp_path / "x.dcm")
    finally:
        dt.config.limits.max_pixels = before
    assert code == 1
    assert "max_pixels (100)" in err


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_files_keep_their_bits(call, encoded, tmp_path, mode, subsampling):
    frames = []
    for number in range(2):
        picture = Image.fromarray(FLAT[..., number : number + 3].copy()).convert(mode)
        picture.save(tmp_path / f"{number}.jpg", subsampling=subsampling, comment="Doe^Jane")
        frames.append(np.asarray(Image.open(tmp_path / f"{number}.jpg")))
    pixels, err = encoded("0.jpg", "--to", "JPEGBaseline8Bit")
    assert err == ""
    np.testing.assert_array_equal(pixels, frames[0])
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    colour = "YBR_FULL_422" if subsampling else "YBR_FULL"
    assert ds.PhotometricInterpretation == ("MONOCHROME2" if mode == "L" else colour)
    assert ds.LossyImageCompressionMethod == "ISO_10918_1"
    assert b"Doe^Jane" not in (tmp_path / "x.dcm").read_bytes()
    scan = (tmp_path / "0.jpg").read_bytes()
    assert scan[scan.index(b"\xff\xda") :] in (tmp_path / "x.dcm").read_bytes()
    pixels, _ = encoded("0.jpg", tmp_path / "1.jpg", "--to", "jpegbaseline")
    np.testing.assert_array_equal(pixels, np.stack(frames))
    pixels, _ = encoded("0.jpg", "--to", "JPEGXLJPEGRecompression")
    np.testing.assert_array_equal(pixels, frames[0])
    assert dt.open(tmp_path / "x.dcm").transfer_syntax == "1.2.840.10008.1.2.4.111"


def test_jpeg_files_whose_bits_cannot_be_kept(call, tmp_path):
    picture = Image.fromarray(FLAT[..., :3].copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options, words in (
        ("progressive.jpg", {"progressive": True}, "not a baseline one"),
        ("turned.jpg", {"exif": exif}, "is to be turned"),
        ("x.png", {}, "is not a JPEG file"),
    ):
        picture.save(tmp_path / name, **options)
        code, _, err = call("encode", tmp_path / name, "-o", tmp_path / "x.dcm", "--to", "JPEGBaseline8Bit")
        assert code == 1
        assert words in err
        assert "use another transfer syntax" in err


def test_pages_have_numbers(encoded, tmp_path):
    """PS3.3, C.8.6.3: what a Multi-frame Secondary Capture object must have."""
    np.save(tmp_path / "x.npy", DEEP[..., 0][np.newaxis].repeat(3, 0))
    assert encoded("x.npy")[1] == ""
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert ds.FrameIncrementPointer == 0x00182001
    assert list(ds.PageNumberVector) == [1, 2, 3]
    assert (ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType, ds.PresentationLUTShape) == (0, 1, "US", "IDENTITY")
    assert ds.BurnedInAnnotation == "YES"
    np.save(tmp_path / "x.npy", SIGNED[np.newaxis].repeat(3, 0))
    assert "unsigned pixels of 16 bits, and these are int16" in encoded("x.npy")[1]


def test_what_each_frame_has_stays_if_there_are_as_many(encoded, tmp_path):
    before, template = pydicom.dcmread(CT), tmp_path / "enhanced.dcm"
    pixels = np.stack([dt.decode(CT)] * 3)
    before.SOPClassUID, before.NumberOfFrames, before.PixelData = "1.2.840.10008.5.1.4.1.1.2.1", 3, pixels.tobytes()
    before.SharedFunctionalGroupsSequence = [pydicom.Dataset()]
    before.PerFrameFunctionalGroupsSequence = [pydicom.Dataset() for _ in range(3)]
    for group in (*before.SharedFunctionalGroupsSequence, *before.PerFrameFunctionalGroupsSequence):
        group.PixelMeasuresSequence = [pydicom.Dataset()]
        group.PixelMeasuresSequence[0].PixelSpacing = [0.5, 0.5]
    before.save_as(template)
    np.save(tmp_path / "same.npy", pixels)
    np.save(tmp_path / "fewer.npy", pixels[:1])
    np.save(tmp_path / "small.npy", pixels[:, :64, :64])
    encoded("same.npy", "--template", template)
    made = pydicom.dcmread(tmp_path / "x.dcm")
    assert made.PerFrameFunctionalGroupsSequence == before.PerFrameFunctionalGroupsSequence
    assert (
        "what it says about each frame, such as its place, is left out"
        in encoded("fewer.npy", "--template", template)[1]
    )
    assert "PerFrameFunctionalGroupsSequence" not in pydicom.dcmread(tmp_path / "x.dcm")
    encoded("small.npy", "--template", template)
    groups = pydicom.dcmread(tmp_path / "x.dcm")
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        assert not any("PixelMeasuresSequence" in group for group in groups[name])


def test_a_template_of_one_frame(encoded, tmp_path):
    np.save(tmp_path / "x.npy", dt.decode(CT)[np.newaxis].repeat(2, 0))
    assert "CT Image Storage objects have one frame, and this one has 2" in encoded("x.npy", "--template", CT)[1]


def test_overlays_stay_if_they_still_fit(encoded, tmp_path):
    template = pydicom.dcmread(CT)
    for group in (0x6000, 0x6002, 0x6004):
        template.add_new((group, 0x0010), "US", template.Rows)
        template.add_new((group, 0x0011), "US", template.Columns)
        if group != 0x6004:  # it is in bit 15 of the pixels
            template.add_new((group, 0x3000), "OW", bytes(template.Rows * template.Columns // 8))
    template.save_as(tmp_path / "t.dcm")
    np.save(tmp_path / "same.npy", dt.decode(CT))
    np.save(tmp_path / "small.npy", dt.decode(CT)[:9, :9])
    encoded("same.npy", "--template", tmp_path / "t.dcm")
    made = pydicom.dcmread(tmp_path / "x.dcm")
    assert [bool(made.group_dataset(group)) for group in (0x6000, 0x6002, 0x6004)] == [True, True, False]
    encoded("small.npy", "--template", tmp_path / "t.dcm")
    made = pydicom.dcmread(tmp_path / "x.dcm")
    assert not any(made.group_dataset(group) for group in (0x6000, 0x6002, 0x6004))


def test_templates_in_other_encodings(encoded, tmp_path):
    np.save(tmp_path / "x.npy", FLAT[..., 0])
    bare = tmp_path / "bare.dcm"
    bare.write_bytes(CT.read_bytes()[132:])  # neither preamble nor prefix
    names = ("ExplVR_BigEnd.dcm", "rtdose.dcm", "image_dfl.dcm", "JPEG2000.dcm")
    for template in (bare, *(DATA / name for name in names)):
        before = pydicom.dcmread(template, force=True)
        pixels, _ = encoded("x.npy", "--template", template, "--set", "DoseGridScaling=1", "--set", GRID)
        np.testing.assert_array_equal(pixels, FLAT[..., 0])
        ds = pydicom.dcmread(tmp_path / "x.dcm")
        assert ds.StudyInstanceUID == before.StudyInstanceUID
        assert not ds.file_meta.TransferSyntaxUID.is_compressed


@pytest.mark.parametrize("name", ["reportsi.dcm", "rtplan.dcm", "waveform_ecg.dcm"])
def test_a_template_that_is_no_image(call, tmp_path, name):
    np.save(tmp_path / "x.npy", FLAT[..., 0])
    code, _, err = call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--template", DATA / name)
    assert code == 1
    assert "which has no pixels: name an image of the study" in err
    assert not (tmp_path / "x.dcm").exists()
