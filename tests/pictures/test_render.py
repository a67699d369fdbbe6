"""`dt.render`: grey levels, colours and proportions by the formulas of PS3.3, and against DCMTK."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT, DATA, INVERTED, MULTI, PALETTE, read_png
from helpers.pictures import lut, made, saved
from helpers.shipped import shipped_files
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRBigEndian, ExplicitVRLittleEndian

import dcmturbo as dt
from dcmturbo.pictures.files import milliseconds_of
from dcmturbo.pictures.rendering import Renderer

DCMTK = shutil.which("dcmj2pnm")


RAMP = np.arange(-1024, 3072, dtype=np.int16).reshape(64, 64)
POSITIVE = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)


# ---- windows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["file", "dataset", "bytes"])
def test_the_first_window_after_the_rescale(tmp_path, source):
    ds = made(RAMP, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=[40, 500], WindowWidth=[400, 2000])
    path = saved(ds, tmp_path)
    given = {"file": path, "dataset": ds, "bytes": path.read_bytes()}[source]
    values = RAMP * 2.0 - 100
    # PS3.3, C.11.2.1.2.1, case by case.
    expected = ((values - 39.5) / 399 + 0.5) * 255
    expected = np.where(values <= 39.5 - 199.5, 0, np.where(values > 39.5 + 199.5, 255, expected))
    np.testing.assert_array_equal(dt.render(given), np.rint(expected))
    second = np.clip(((values - 499.5) / 1999 + 0.5) * 255, 0, 255)
    np.testing.assert_array_equal(dt.render(given, window="file:2"), np.rint(second))
    np.testing.assert_array_equal(dt.render(given, window=(500, 2000)), np.rint(second))
    np.testing.assert_array_equal(dt.render(given, window="500,2000"), np.rint(second))


def test_exact_and_sigmoid_functions(tmp_path):
    ds = made(RAMP, WindowCenter=40, WindowWidth=400, VOILUTFunction="LINEAR_EXACT")
    values = RAMP.astype(float)
    expected = np.rint(np.clip((values - 40) / 400 + 0.5, 0, 1) * 255)
    np.testing.assert_array_equal(dt.render(saved(ds, tmp_path)), expected)
    ds.VOILUTFunction = "SIGMOID"
    expected = np.rint(255 / (1 + np.exp(-4 * (values - 40) / 400)))
    np.testing.assert_array_equal(dt.render(ds), expected)
    np.testing.assert_array_equal(dt.render(CT, window=(40, 400, "sigmoid")), dt.render(CT, window="40,400,SIGMOID"))


def test_a_window_of_width_one_is_a_step(tmp_path):
    ds = made(POSITIVE, 12, WindowCenter=100, WindowWidth=1)
    np.testing.assert_array_equal(dt.render(ds), np.where(POSITIVE <= 99.5, 0, 255))


@pytest.mark.parametrize(("slope", "intercept"), [("0.1", "0"), ("0.1", "-0.3"), ("-0.7", "0.2"), ("1.1", "-1024.1")])
def test_a_step_between_two_values_of_the_modality_is_exact(slope, intercept):
    """3 * 0.1 is 0.3, although not in floating point: at the border of a step, that is black or white."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    exact = [Fraction(slope) * value + Fraction(intercept) for value in range(256)]
    for value in (3, 6, 7, 12, 14, 23, 41, 200):
        center = float(exact[value] + Fraction(1, 2))
        ds = made(pixels, RescaleSlope=slope, RescaleIntercept=intercept, WindowCenter=str(center), WindowWidth=1)
        expected = [255 * (other > exact[value]) for other in exact]
        np.testing.assert_array_equal(dt.render(ds), np.array(expected).reshape(16, 16))


def test_rescales_beyond_any_display():
    """They neither fail nor warn: the constant picture of the last one is black."""
    for slope, intercept, values in (
        ("1e30", "-1e35", POSITIVE),
        ("1e-30", "1e30", POSITIVE),
        ("1e300", "0", POSITIVE),
    ):
        assert dt.render(made(values, 12, RescaleSlope=slope, RescaleIntercept=intercept)).shape == (64, 64)
    assert dt.render(made(POSITIVE * 0, 12, RescaleSlope="1e30", RescaleIntercept="1")).max() == 0


def test_a_windows_own_functional_group_is_that_of_its_frame(tmp_path):
    frames = np.stack([POSITIVE, POSITIVE])
    ds = made(POSITIVE, 12)
    ds.NumberOfFrames = 2
    ds.PixelData = frames.tobytes()
    groups = []
    for center in (100, 3000):
        voi, value = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 200
        value.RescaleSlope, value.RescaleIntercept, value.RescaleType = 1, center, "US"
        group = Dataset()
        group.FrameVOILUTSequence, group.PixelValueTransformationSequence = Sequence([voi]), Sequence([value])
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    path = saved(ds, tmp_path)
    for given in (ds, path):
        for frame, center in enumerate((100, 3000)):
            expected = np.clip(((POSITIVE + center - (center - 0.5)) / 199 + 0.5) * 255, 0, 255)
            np.testing.assert_array_equal(dt.render(given, frame), np.rint(expected))
        np.testing.assert_array_equal(dt.render(given, -1), dt.render(given, 1))


@pytest.mark.parametrize(
    ("center", "width"), [("", ""), ("40", ""), ("40", "0"), ("40", "-5"), ("none", "many"), ("40", "1e400")]
)
def test_windows_that_are_none_count_as_absent(tmp_path, center, width):
    ds = made(POSITIVE, 12, WindowCenter="40", WindowWidth="400")
    content = bytearray(saved(ds, tmp_path).read_bytes())
    for tag, text in (((0x28, 0x1050), center), ((0x28, 0x1051), width)):
        head = tag[0].to_bytes(2, "little") + tag[1].to_bytes(2, "little") + b"DS"
        at = content.index(head)
        size = int.from_bytes(content[at + 6 : at + 8], "little")
        value = text.encode() + b" " * (len(text) % 2)
        content[at + 6 : at + 8 + size] = len(value).to_bytes(2, "little") + value
    expected = np.rint(POSITIVE / 4095 * 255)
    np.testing.assert_array_equal(dt.render(bytes(content)), expected)


@pytest.mark.parametrize("window", ["fil", "40", "40,0", "40,400,CUBIC", (1,), "lut:0", ""])
def test_windows_that_do_not_exist(window):
    with pytest.raises(ValueError, match="window"):
        dt.render(CT, window=window)
    with pytest.raises(TypeError, match="window"):
        dt.render(CT, window=40)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (("low", "high"), "expected two numbers: center and width"),
        ((None, 400), "expected two numbers: center and width"),
        ((float("nan"), 400), "finite numbers"),
        ("40,1e400", "finite numbers"),
        ("1e400,40", "finite numbers"),
        ("40,0.5", "expected at least 1 .*, or the function LINEAR_EXACT"),
        ("40,0,SIGMOID", "expected more than 0"),
    ],
)
def test_windows_that_are_wrong_are_told_why(window, message):
    with pytest.raises(ValueError, match=message):
        dt.render(CT, window=window)


def test_a_window_or_lut_that_the_object_lacks():
    with pytest.raises(dt.Error, match="no VOI LUT number 1"):
        dt.render(CT, window="lut")
    with pytest.raises(dt.Error, match="no VOI window number 2"):
        dt.render(DATA / "MR_small.dcm", window="file:2")


# ---- without a window -------------------------------------------------------------------------------


def test_without_a_window_the_extremes_are_black_and_white():
    ds = made(POSITIVE[:, ::-1] // 4 + 7, 12)
    array = ds.pixel_array.astype(float)
    expected = np.rint((array - 7) / (array.max() - 7) * 255)
    np.testing.assert_array_equal(dt.render(ds), expected)
    full = np.rint(array / 4095 * 255)
    np.testing.assert_array_equal(dt.render(ds, window="none"), full)


def test_padding_does_not_count():
    pixels = RAMP.copy()
    pixels[:10] = -2000
    ds = made(pixels, PixelPaddingValue=-2000)
    levels = dt.render(ds)
    inside = pixels[10:].astype(float)
    np.testing.assert_array_equal(levels[10:], np.rint((inside - inside.min()) / np.ptp(inside) * 255))
    np.testing.assert_array_equal(levels[:10], 0)
    ds.PixelPaddingRangeLimit = int(inside.min()) + 99  # a range of values is padding
    np.testing.assert_array_equal(dt.render(ds)[pixels <= inside.min() + 99], 0)
    assert dt.render(ds)[pixels == inside.min() + 100] == 0
    assert dt.render(ds).max() == 255


def test_a_modality_lut_need_not_rise():
    entries = np.abs(np.arange(4096) - 2000).astype(np.uint16)
    ds = made(POSITIVE // 4 * 4 + 3, 12, ModalityLUTSequence=lut(0, entries, 16))
    values = entries[ds.pixel_array].astype(float)
    assert values.min() == 1  # the entry 0 is of a value that no pixel has
    np.testing.assert_array_equal(dt.render(ds), np.rint((values - 1) / np.ptp(values) * 255))


def test_frames_share_extremes_of_the_modality(tmp_path):
    """Of PET, where each frame has a slope of its own, the same activity has the same grey level in all frames."""
    slopes = (1, 4)
    ds = made(POSITIVE, 12)
    ds.NumberOfFrames = 2
    ds.PixelData = np.stack([POSITIVE, POSITIVE]).tobytes()
    groups = []
    for slope in slopes:
        value, group = Dataset(), Dataset()
        value.RescaleSlope, value.RescaleIntercept, value.RescaleType = slope, 0, "BQML"
        group.PixelValueTransformationSequence = Sequence([value])
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    with dt.open(saved(ds, tmp_path)) as image:
        renderer = Renderer(image.frame_set)
        frames = image.read()
        for number, frame in enumerate(frames):
            renderer.extend(frame, number)
        for number, frame in enumerate(frames):
            expected = np.rint(frame * slopes[number] / (4 * 4095) * 255)
            np.testing.assert_array_equal(renderer.picture(frame, number), expected)


def test_eight_bits_are_shown_as_they_are():
    pixels = np.arange(50, 150, dtype=np.uint8).reshape(10, 10)
    np.testing.assert_array_equal(dt.render(made(pixels)), pixels)
    np.testing.assert_array_equal(dt.render(made(pixels), window="auto"), np.rint((pixels - 50.0) / 99 * 255))
    assert set(np.unique(dt.render(DATA / "liver_1frame.dcm"))) == {0, 255}  # 1 bit


def test_floats_and_wide_integers():
    dose = dt.decode(DATA / "rtdose.dcm", 3).astype(float)
    levels = dt.render(DATA / "rtdose.dcm", 3)
    np.testing.assert_array_equal(levels, np.rint((dose - dose.min()) / np.ptp(dose) * 255))
    ds = made(POSITIVE)
    del ds.PixelData, ds.PixelRepresentation, ds.BitsStored, ds.HighBit
    ds.BitsAllocated = 32
    values = POSITIVE.astype(np.float32)
    values[0, :2] = np.nan, np.inf
    ds.FloatPixelData = values.tobytes()
    levels = dt.render(ds)
    assert levels.dtype == np.uint8
    assert (levels[0, 0], levels[0, 1], levels[-1, -1]) == (0, 255, 255)


@pytest.mark.parametrize("cell", [np.float32, np.float64])
def test_floats_of_every_size(cell):
    """The range of all floats would show nothing, and the span from the smallest to the largest one is infinite."""
    ds = made(POSITIVE)
    del ds.PixelData, ds.PixelRepresentation, ds.BitsStored, ds.HighBit
    ds.BitsAllocated = 8 * cell().itemsize
    values = np.linspace(-1, 1, 4096, dtype=cell).reshape(64, 64)
    expected = np.rint((values.astype(np.float64) + 1) / 2 * 255)
    for scale in (1, np.finfo(cell).max, np.finfo(cell).tiny * 1000):
        setattr(ds, "FloatPixelData" if cell is np.float32 else "DoubleFloatPixelData", (values * scale).tobytes())
        for window in ("file", "auto", "none"):
            assert np.abs(dt.render(ds, window=window) - expected).max() <= 1


# ---- lookup tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_voi_lut(tmp_path, bits, as_bytes):
    entries = (np.linspace(0, 1, 1000) ** 2 * ((1 << bits) - 1)).astype(np.uint16)
    ds = made(POSITIVE, 12, VOILUTSequence=lut(1000, entries, bits, as_bytes=as_bytes))
    ds.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    found = entries[np.clip(POSITIVE.astype(int) - 1000, 0, 999)]
    expected = np.rint(found / ((1 << bits) - 1) * 255)
    path = saved(ds, tmp_path)
    np.testing.assert_array_equal(dt.render(path), expected)
    np.testing.assert_array_equal(dt.render(ds), expected)
    ds.WindowCenter, ds.WindowWidth = 2000, 500
    np.testing.assert_array_equal(dt.render(ds), dt.render(ds, window=(2000, 500)))
    np.testing.assert_array_equal(dt.render(ds, window="lut"), expected)


def test_a_voi_lut_of_values_in_steps_of_a_half():
    """Each value has the entry of the nearest integer, of two the higher one: all entries are shown equally often."""
    entries = np.arange(256, dtype=np.uint16)[::-1].copy()
    pixels = np.arange(512, dtype=np.uint16).reshape(16, 32)
    ds = made(pixels, 12, RescaleSlope="0.5", RescaleIntercept="0", VOILUTSequence=lut(0, entries, 8))
    np.testing.assert_array_equal(dt.render(ds), entries[np.clip((pixels + 1) // 2, 0, 255)])


def test_a_voi_lut_of_signed_values(tmp_path):
    entries = np.arange(256, dtype=np.uint16)
    ds = made(RAMP, VOILUTSequence=lut(-128, entries, 8))
    expected = np.clip(RAMP.astype(int) + 128, 0, 255)
    np.testing.assert_array_equal(dt.render(saved(ds, tmp_path)), expected)


@pytest.mark.parametrize("count", [255, 256, 1000])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_entries_of_one_byte_are_packed_into_words(tmp_path, count, syntax):
    """In big endian too, the first of two entries is in the lower half of the word, which is its second byte."""
    entries = np.random.default_rng(3).integers(0, 256, count + count % 2).astype(np.uint8)
    is_big = syntax == ExplicitVRBigEndian
    ds = made(POSITIVE.byteswap() if is_big else POSITIVE, 12, VOILUTSequence=lut(0, entries[:count], 8))
    del ds.VOILUTSequence[0].LUTData
    ds.VOILUTSequence[0].add_new("LUTData", "OW", (entries.view("<u2").astype(">u2") if is_big else entries).tobytes())
    ds.file_meta.TransferSyntaxUID = syntax
    np.testing.assert_array_equal(dt.render(saved(ds, tmp_path)), entries[POSITIVE.clip(None, count - 1)])


def test_a_table_of_65536_entries(tmp_path):
    entries = np.arange(65536, dtype=np.uint16)[::-1].copy()
    ds = made(POSITIVE, VOILUTSequence=lut(0, entries, 16, as_bytes=True))
    np.testing.assert_array_equal(dt.render(saved(ds, tmp_path)), np.rint((65535.0 - POSITIVE) / 65535 * 255))


def test_a_modality_lut(tmp_path):
    entries = (np.sqrt(np.arange(4096)) * 60).astype(np.uint16)
    sequence = lut(0, entries, 12)
    sequence[0].ModalityLUTType = "OD"
    ds = made(POSITIVE, 12, ModalityLUTSequence=sequence, WindowCenter=2000, WindowWidth=1000)
    expected = np.clip(((entries[POSITIVE] - 1999.5) / 999 + 0.5) * 255, 0, 255)
    np.testing.assert_array_equal(dt.render(saved(ds, tmp_path)), np.rint(expected))


def test_a_table_without_entries_counts_as_absent(tmp_path):
    sequence = lut(0, np.arange(16, dtype=np.uint16), 8)
    del sequence[0].LUTData
    ds = made(POSITIVE, 12, VOILUTSequence=sequence)
    np.testing.assert_array_equal(dt.render(saved(ds, tmp_path)), np.rint(POSITIVE / 4095 * 255))


# ---- colours ----------------------------------------------------------------------------------------


def test_monochrome1_is_inverted():
    ds = made(POSITIVE, 12, WindowCenter=2048, WindowWidth=4096)
    normal = dt.render(ds)
    ds.PhotometricInterpretation = "MONOCHROME1"
    np.testing.assert_array_equal(dt.render(ds), 255 - normal)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE"])
def test_the_presentation_lut_shape_is_the_last_word(tmp_path, photometric, shape):
    """PS3.3, C.11.6. If it contradicts the Photometric Interpretation, it counts, as in other viewers."""
    ds = made(POSITIVE, 12, PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    path = saved(ds, tmp_path)
    found = dt.render(path)
    assert (found[0, 0], found[-1, -1]) == ((255, 0) if shape == "INVERSE" else (0, 255))
    if DCMTK is not None:
        assert np.abs(found.astype(int) - dcmtk(path, tmp_path, "+Wi", "1")).max() <= 1


def test_palettes_become_colours():
    from pydicom.pixels import apply_color_lut

    expected = apply_color_lut(dt.decode(PALETTE), pydicom.dcmread(PALETTE)) >> 8
    np.testing.assert_array_equal(dt.render(PALETTE), expected)
    np.testing.assert_array_equal(dt.render(pydicom.dcmread(PALETTE)), expected)
    with pytest.raises(dt.Error, match="a window needs grey levels, but the pixels are PALETTE COLOR"):
        dt.render(PALETTE, window=(40, 400))


def test_a_palette_that_is_missing():
    ds = pydicom.dcmread(PALETTE)
    del ds.RedPaletteColorLookupTableDescriptor
    with pytest.raises(dt.DecodeError, match="palette"):
        dt.render(ds)


def test_ybr_becomes_rgb():
    np.testing.assert_array_equal(dt.render(MULTI, 3), dt.decode(MULTI, 3))
    with dt.open(MULTI, raw=True) as image:
        np.testing.assert_array_equal(image.render(3), dt.decode(MULTI, 3))


def test_deep_colours_are_shifted():
    array = dt.decode(DATA / "SC_rgb_rle_16bit.dcm")
    np.testing.assert_array_equal(dt.render(DATA / "SC_rgb_rle_16bit.dcm"), array >> 8)


def test_colours_that_cannot_be_shown():
    ds = made(np.zeros((4, 4, 3), np.uint8))
    ds.PhotometricInterpretation = "HSV"
    with pytest.raises(dt.Error, match="HSV"):
        dt.render(ds)


def test_label_maps_have_colours():
    pixels = np.zeros((4, 4), np.uint8)
    pixels[1:3], pixels[3] = 1, 2
    ds = made(pixels, SegmentationType="LABELMAP")
    red = Dataset()
    red.SegmentNumber = 1
    # L* 54.29, a* 80.81, b* 69.89 at D50 is sRGB's red.
    red.RecommendedDisplayCIELabValue = [
        round(54.29 / 100 * 65535),
        round((80.81 + 128) / 255 * 65535),
        round((69.89 + 128) / 255 * 65535),
    ]
    other = Dataset()
    other.SegmentNumber = 2
    ds.SegmentSequence = Sequence([red, other])
    picture = dt.render(ds)
    np.testing.assert_allclose(picture[1, 0].astype(int), [255, 0, 0], atol=3)
    assert picture[0].max() == 0
    assert len({tuple(picture[row, 0]) for row in (0, 1, 3)}) == 3


# ---- proportions and overlays -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ({"PixelSpacing": [2, 1]}, (128, 64)),
        ({"PixelSpacing": [0.5, 1]}, (64, 128)),
        ({"ImagerPixelSpacing": [1.5, 1]}, (96, 64)),
        ({"PixelAspectRatio": [3, 2]}, (96, 64)),
        ({"PixelSpacing": [1, 1], "PixelAspectRatio": [3, 2]}, (64, 64)),
        ({"PixelSpacing": [0.4882812, 0.488281]}, (64, 64)),
        ({"PixelSpacing": [0, 1]}, (64, 64)),
        ({"PixelSpacing": [1000, 1]}, (64, 64)),
    ],
)
def test_pixels_become_square(attributes, shape):
    ds = made(POSITIVE, 12, **attributes)
    assert dt.render(ds).shape == shape
    assert dt.render(ds, aspect=False).shape == (64, 64)
    small = dt.render(ds, size=32).shape
    assert max(small) == 32
    assert small[0] * shape[1] == small[1] * shape[0] or abs(small[0] / small[1] - shape[0] / shape[1]) < 0.05


def test_thumbnails_are_averages():
    pixels = (np.indices((64, 64)).sum(0) % 2 * 200).astype(np.uint8)
    small = dt.render(made(pixels), size=16)
    assert small.shape == (16, 16)
    assert np.abs(small[2:-2, 2:-2].astype(int) - 100).max() <= 3
    assert dt.render(made(pixels), size=1000).shape == (64, 64)
    with pytest.raises(ValueError, match="size"):
        dt.render(made(pixels), size=0)


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "HTJ2KLossless"])
@pytest.mark.parametrize("colours", [False, True])
def test_thumbnails_of_wavelets_decode_few_levels(tmp_path, monkeypatch, syntax, colours):
    rows, columns = np.mgrid[0:500, 0:400]
    pixels = (2000 + 900 * np.sin(rows / 60) + 900 * np.cos(columns / 45)).astype(np.uint16)
    if colours:
        pixels = np.stack([pixels >> 4] * 3, axis=-1).astype(np.uint8)
        ds = made(pixels)
    else:
        ds = made(pixels, 12, WindowCenter=2000, WindowWidth=4000)
    dt.transcode(ds, tmp_path / "x.dcm", syntax)
    asked = []
    read = dt.frames.frame_set.FrameSet.read

    def spy(self, number, options):
        asked.append(options.reduce)
        return read(self, number, options)

    monkeypatch.setattr(dt.frames.frame_set.FrameSet, "read", spy)
    small, whole = dt.render(tmp_path / "x.dcm", size=100), dt.render(ds, size=100)
    assert small.shape == whole.shape
    assert np.abs(small.astype(int) - whole).max() <= 6
    assert asked == [2, 0]
    dt.render(tmp_path / "x.dcm", size=100, overlays=True)
    dt.render(tmp_path / "x.dcm", size=400)
    assert asked[2:] == [0, 0]


def test_overlays_are_drawn_on_request(tmp_path):
    plane = np.zeros((8, 8), np.uint8)
    plane[2:6, 3] = 1
    ds = made(np.zeros((16, 16), np.uint8))
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60000011, "US", 8)
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [5, 3])  # counted from 1
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    ds.add_new(0x60003000, "OW", np.packbits(plane, bitorder="little").tobytes())
    expected = np.zeros((16, 16), np.uint8)
    expected[6:10, 5] = 255
    for given in (ds, saved(ds, tmp_path)):
        assert dt.render(given).max() == 0
        np.testing.assert_array_equal(dt.render(given, overlays=True), expected)


def test_overlays_in_unused_bits(tmp_path):
    mask = np.zeros((64, 64), bool)
    mask[10:20, 30] = True
    ds = made(POSITIVE | (mask.astype(np.uint16) << 14), 12)
    for element, vr, value in (
        (0x0010, "US", 64),
        (0x0011, "US", 64),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 16),
        (0x0102, "US", 14),
    ):
        ds.add_new(0x60020000 + element, vr, value)
    path = saved(ds, tmp_path)
    plain = dt.render(path)
    np.testing.assert_array_equal(plain, np.rint(POSITIVE / 4095 * 255))
    np.testing.assert_array_equal(dt.render(path, overlays=True), np.where(mask, 255, plain))


# ---- images -----------------------------------------------------------------------------------------


def test_images_render_and_show_themselves(monkeypatch):
    with dt.open(MULTI) as image:
        np.testing.assert_array_equal(image.render(2, size=100), dt.render(MULTI, 2, size=100))
        page = image._repr_html_()
        assert "frame 15 of 30" in page
        assert "data:image/png;base64," in page
        assert "JPEG Baseline" in page
        shown = []
        monkeypatch.setattr("PIL.ImageShow.show", lambda picture: shown.append(np.asarray(picture)) or True)
        image.show(4)
        np.testing.assert_array_equal(shown[0], dt.decode(MULTI, 4))
        monkeypatch.setattr("PIL.ImageShow.show", lambda _: False)
        with pytest.raises(dt.Error, match="no viewer of pictures"):
            image.show(4)
    assert "closed" in image._repr_html_()


@pytest.mark.parametrize("shell", ["ZMQInteractiveShell", "TerminalInteractiveShell"])
def test_only_notebooks_have_pictures_as_outputs(monkeypatch, shell):
    """In a terminal, IPython prints a picture as a text, so it is shown on the desktop."""
    places = []
    display = SimpleNamespace(display=lambda _: places.append("output"))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr("builtins.get_ipython", type(shell, (), {}), raising=False)
    monkeypatch.setattr("PIL.ImageShow.show", lambda _: places.append("desktop") or True)
    with dt.open(CT) as image:
        image.show()
    assert places == ["output" if shell.startswith("ZMQ") else "desktop"]


def test_a_preview_of_a_file_that_cannot_be_read_any_more(monkeypatch):
    def gone(*_, **__):
        raise OSError(5, "the store does not answer")

    with dt.open(CT) as image:
        monkeypatch.setattr(dt.Image, "render", gone)
        assert "frame 0 cannot be shown: [Errno 5] the store does not answer" in image._repr_html_()


def test_a_preview_that_fails_says_why():
    with pytest.warns(dt.DecodeWarning), dt.open(DATA / "MR_truncated.dcm") as image:
        page = image._repr_html_()
    assert "cannot be shown" in page
    assert "<img" not in page


def test_a_file_object_that_is_no_file():
    np.testing.assert_array_equal(dt.render(io.BytesIO(CT.read_bytes())), dt.render(CT))


def test_headers_of_every_encoding(tmp_path):
    """Implicit, big endian and deflated datasets have windows too."""
    expected = dt.render(DATA / "MR_small.dcm")
    assert len(np.unique(expected)) > 100
    for name in ("MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm"):
        np.testing.assert_array_equal(dt.render(DATA / name), expected)
    deflated = tmp_path / "deflated.dcm"
    dt.transcode(DATA / "MR_small.dcm", deflated, "DeflatedExplicitVRLittleEndian")
    np.testing.assert_array_equal(dt.render(deflated), expected)


def test_every_shipped_file_can_be_shown_or_says_why():
    shown = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in shipped_files():
            try:
                picture = dt.render(path, size=64)
            except dt.Error:
                continue
            assert picture.dtype == np.uint8
            assert max(picture.shape[:2]) <= 64
            shown += 1
    assert shown > 80


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"FrameTime": 40}, 40),
        ({"FrameTime": 0, "CineRate": 25}, 40),
        ({"FrameTime": "0.04", "RecommendedDisplayFrameRate": 50}, 20),  # these are seconds
        ({"FrameTime": "1e9"}, 100),
        ({"CineRate": 0}, 100),
        ({}, 100),
    ],
)
def test_how_long_a_frame_is_shown(attributes, expected):
    ds = made(POSITIVE, 12, **attributes)
    with dt.open(ds) as image:
        assert milliseconds_of(Renderer(image.frame_set).header) == expected


# ---- DCMTK ------------------------------------------------------------------------------------------


def dcmtk(path: Path, folder: Path, *options: str) -> np.ndarray:
    place = folder / "dcmtk.png"
    subprocess.run([DCMTK, "-q", "+on", "-O", *options, str(path), str(place)], check=True, timeout=60)
    return read_png(place)


@pytest.mark.skipif(DCMTK is None, reason="DCMTK is not installed")
def test_dcmtk_shows_shipped_files_with_a_window_alike(tmp_path):
    """`dcmj2pnm` has no decoder for JPEG 2000 and JPEG-LS, so those files are left out."""
    place, compared = tmp_path / "dcmtk.png", 0
    for path in shipped_files():
        command = [DCMTK, "-q", "+on", "-O", "+Wi", "1", str(path), str(place)]
        if b"\x28\x00\x51\x10" not in path.read_bytes()[:100_000]:  # Window Width
            continue
        if subprocess.run(command, check=False, timeout=60, capture_output=True).returncode:
            continue
        assert np.abs(dt.render(path, aspect=False).astype(int) - read_png(place)).max() <= 1, path.name
        compared += 1
    assert compared >= 15


@pytest.mark.skipif(DCMTK is None, reason="DCMTK is not installed")
def test_dcmtk_draws_the_same_overlays(tmp_path):
    """It draws them by default."""
    path = DATA / "examples_overlay.dcm"
    place = tmp_path / "dcmtk.png"
    subprocess.run([DCMTK, "-q", "+on", "+Wi", "1", str(path), str(place)], check=True, timeout=60)
    theirs = read_png(place).astype(int)
    assert np.abs(dt.render(path, overlays=True, aspect=False) - theirs).max() <= 1
    assert np.abs(dt.render(path, aspect=False) - theirs).max() > 200


@pytest.mark.skipif(DCMTK is None, reason="DCMTK is not installed")
@pytest.mark.parametrize(
    "case",
    ["CT", "MR", "CR MONOCHROME1", "palette US", "RGB tile", "SEG", "MG with VOI LUT", "sigmoid", "modality LUT"],
)
def test_dcmtk_shows_the_same_picture(tmp_path, case):
    noise = np.random.default_rng(7)
    options: tuple[str, ...] = ("+Wi", "1")
    smooth = np.cumsum(noise.integers(-40, 41, (96, 80)), axis=1)
    if case == "CT":
        ds = pydicom.dcmread(CT)
        ds.WindowCenter, ds.WindowWidth = [40, -600], [400, 1500]
    elif case == "MR":
        ds = pydicom.dcmread(DATA / "MR_small.dcm")
    elif case == "CR MONOCHROME1":
        ds = pydicom.dcmread(INVERTED)
        assert ds.PhotometricInterpretation == "MONOCHROME1"
    elif case == "palette US":
        ds, options = pydicom.dcmread(PALETTE), ()
    elif case == "RGB tile":
        ds, options = made(noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)), ()
    elif case == "SEG":
        ds, options = pydicom.dcmread(DATA / "liver_1frame.dcm"), ("+Wm",)
    elif case == "MG with VOI LUT":
        entries = (4095 / (1 + np.exp(-(np.arange(4096) - 2000) / 400))).astype(np.uint16)
        ds = made(np.clip(smooth + 2000, 0, 4095).astype(np.uint16), 12, VOILUTSequence=lut(0, entries, 12))
        options = ("+Wl", "1")
    elif case == "sigmoid":
        ds = made(smooth.astype(np.int16), WindowCenter=0, WindowWidth=300, VOILUTFunction="SIGMOID")
    else:
        sequence = lut(0, (np.sqrt(np.arange(4096)) * 60).astype(np.uint16), 12)
        sequence[0].ModalityLUTType = "OD"
        ds = made(np.clip(smooth + 2000, 0, 4095).astype(np.uint16), 12, ModalityLUTSequence=sequence)
        ds.WindowCenter, ds.WindowWidth = 2500, 900
    path = saved(ds, tmp_path)
    found, expected = dt.render(path, aspect=False), dcmtk(path, tmp_path, *options)
    assert found.shape == expected.shape
    assert np.ptp(found) > 25
    assert np.abs(found.astype(int) - expected).max() <= 1
