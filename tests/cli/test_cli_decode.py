"""``dcmturbo decode``: arrays, pictures, what it refuses to write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT, DATA, DOSE, INVERTED, MULTI, PALETTE, REPORT, RLE, TRUNCATED, read_png, run

import dcmturbo as dt
from dcmturbo.pictures.windows import Range


def test_decode_npy(call, tmp_path):
    code, out, err = call("decode", CT, "-o", tmp_path / "ct.npy")
    assert (code, err) == (0, "")
    assert str(tmp_path / "ct.npy") in out
    array = np.load(tmp_path / "ct.npy")
    assert array.dtype == np.int16
    np.testing.assert_array_equal(array, dt.decode(CT))
    assert os.listdir(tmp_path) == ["ct.npy"]


@pytest.mark.parametrize("suffix", [".raw", ".bin"])
def test_decode_raw(call, tmp_path, suffix):
    assert call("decode", DOSE, "-o", tmp_path / f"dose{suffix}")[0] == 0
    described = json.loads((tmp_path / f"dose{suffix}.json").read_text())
    content = np.frombuffer((tmp_path / f"dose{suffix}").read_bytes(), described["dtype"]).reshape(described["shape"])
    np.testing.assert_array_equal(content, dt.decode(DOSE))
    assert described["dtype"] == "<u4"
    assert described["frames"] == list(range(15))


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_RLE.dcm",
        "examples_rgb_color.dcm",
        "rtdose.dcm",
        "SC_rgb_rle_16bit_2frame.dcm",
        MULTI.name,
    ],
)
def test_decode_tiff(call, tmp_path, name):
    tifffile = pytest.importorskip("tifffile")
    expected = dt.decode(DATA / name)
    assert call("decode", DATA / name, "-o", tmp_path / "x.tiff", "--raw")[0] == 0
    with tifffile.TiffFile(tmp_path / "x.tiff") as file:
        np.testing.assert_array_equal(file.asarray(), expected)
        assert file.asarray().dtype == expected.dtype
        with dt.open(DATA / name) as image:
            assert len(file.pages) == len(image)
            assert file.pages[0].photometric.name == ("RGB" if len(image.frame_shape) == 3 else "MINISBLACK")


def test_decode_tiff_of_three_columns_is_no_colour(call, tmp_path):
    """The library takes a last axis of 3 for samples unless it is told."""
    tifffile = pytest.importorskip("tifffile")
    dataset = pydicom.dcmread(DOSE)
    dataset.Columns, dataset.NumberOfFrames, dataset.Rows = 3, 2, 250
    dataset.PixelData = np.arange(1500, dtype="<u4").tobytes()
    dataset.save_as(tmp_path / "narrow.dcm")
    assert call("decode", tmp_path / "narrow.dcm", "-o", tmp_path / "x.tif", "--raw")[0] == 0
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        assert len(file.pages) == 2
        np.testing.assert_array_equal(file.asarray(), np.arange(1500).reshape(2, 250, 3))


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_overlay.dcm", "liver_1frame.dcm"])
def test_decode_png_holds_the_cells(call, tmp_path, name):
    assert call("decode", DATA / name, "-o", tmp_path / "x.png", "--raw")[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "x.png"), dt.decode(DATA / name))


def test_decode_png_of_16_bit_colour(call, tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")  # Pillow has no 16-bit colour
    name = DATA / "SC_rgb_rle_16bit.dcm"
    assert call("decode", name, "-o", tmp_path / "x.png", "--raw")[0] == 0
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "x.png").read_bytes()), dt.decode(name))


def test_decode_png_of_signed_values_is_offset(call, tmp_path):
    _, out, _ = call("decode", CT, "-o", tmp_path / "x.png", "--raw")
    assert "32768 added" in out
    np.testing.assert_array_equal(read_png(tmp_path / "x.png").astype(int) - 32768, dt.decode(CT))


def test_decode_several_frames_to_png(call_json, tmp_path):
    place = tmp_path / "new"
    arguments = ("decode", MULTI, "-o", f"{place}/", "--format", "png", "--frames", "-1,3,5-6,3")
    code, document = call_json(*arguments)
    assert code == 0
    (found,) = document["files"]
    names = [f"examples_ybr_color_{number:04}.png" for number in (29, 3, 5, 6)]
    assert [Path(path).name for path in found["outputs"]] == names
    assert found["frames"] == [29, 3, 5, 6, 3]
    for frame, name in zip([29, 3, 5, 6], names, strict=True):
        np.testing.assert_array_equal(read_png(tmp_path / "new" / name), dt.decode(MULTI, frame))


@pytest.mark.parametrize("text", ["-1", "-3:", "-2,0"])
def test_decode_frames_from_the_end(call, tmp_path, text):
    assert call("decode", MULTI, "-o", tmp_path / "x.npy", "--frames", text)[0] == 0
    expected = {"-1": dt.decode(MULTI, -1), "-3:": dt.decode(MULTI, [27, 28, 29]), "-2,0": dt.decode(MULTI, [28, 0])}
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), expected[text])


@pytest.mark.parametrize("text", ["30", "-31", "0,99", "7:3"])
def test_decode_frames_that_are_not_there(call, tmp_path, text):
    code, _, err = call("decode", MULTI, "-o", tmp_path / "x.npy", "--frames", text)
    assert code == 1
    assert err.startswith(f"dcmturbo: error: {MULTI}: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_decode_options_reach_the_decoder(call, tmp_path):
    assert call("decode", MULTI, "-o", tmp_path / "x.npy", "--raw-colour", "--frames", "0", "--threads", "1")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), dt.decode(MULTI, 0, raw=True))
    dataset = pydicom.dcmread(DATA / "MR_small.dcm")
    dataset.BitsStored, dataset.HighBit = 8, 7
    dataset.save_as(tmp_path / "rubbish.dcm")
    for bits in ("keep", "correct"):
        arguments = ("decode", tmp_path / "rubbish.dcm", "-o", tmp_path / "y.npy", "--unused-bits", bits, "--force")
        assert call(*arguments)[0] == 0
        np.testing.assert_array_equal(
            np.load(tmp_path / "y.npy"), dt.decode(tmp_path / "rubbish.dcm", unused_bits=bits)
        )


def test_decode_palette(call, tmp_path):
    from pydicom.pixels import apply_color_lut

    assert call("decode", PALETTE, "-o", tmp_path / "i.npy")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "i.npy"), dt.decode(PALETTE))
    assert call("decode", PALETTE, "-o", tmp_path / "c.npy", "--palette")[0] == 0
    expected = apply_color_lut(dt.decode(PALETTE), pydicom.dcmread(PALETTE))
    np.testing.assert_array_equal(np.load(tmp_path / "c.npy"), expected)
    code, _, err = call("decode", PALETTE, "-o", tmp_path / "r.png", "--auto-range")
    assert code == 1
    assert "leave out --range and --auto-range" in err


def test_decode_window_is_in_rescaled_units(call, tmp_path):
    from pydicom.pixels import apply_rescale, apply_voi_lut

    dataset = pydicom.dcmread(CT)
    assert (dataset.RescaleSlope, dataset.RescaleIntercept) == (1, -1024)
    assert call("decode", CT, "-o", tmp_path / "w.png", "--window", "-40", "400")[0] == 0
    found = read_png(tmp_path / "w.png")
    assert found.dtype == np.uint8
    # pydicom's window, in the units of its own output range.
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = -40, 400, "LINEAR"
    expected = apply_voi_lut(apply_rescale(dt.decode(CT), dataset), dataset)
    expected = (expected - expected.min()) * 255 / (expected.max() - expected.min())
    assert np.abs(found - expected).max() <= 0.51


def test_decode_range(call, tmp_path):
    array = dt.decode(CT).astype(float)
    assert call("decode", CT, "-o", tmp_path / "r.npy", "--range", "-100", "1500")[0] == 0
    expected = np.rint(np.clip((array + 100) * 255 / 1600, 0, 255))
    np.testing.assert_array_equal(np.load(tmp_path / "r.npy"), expected)
    assert call("decode", DOSE, "-o", tmp_path / "d.npy", "--auto-range")[0] == 0
    dose = np.load(tmp_path / "d.npy")
    assert (dose.shape, dose.dtype, dose.min(), dose.max()) == ((15, 10, 10), np.uint8, 0, 255)


def test_decode_range_of_large_images_is_the_same_by_table(call, tmp_path):
    """Above 65536 samples the levels come from a table."""
    array = dt.decode(DATA / "J2K_pixelrep_mismatch.dcm").astype(float)
    arguments = ("decode", DATA / "J2K_pixelrep_mismatch.dcm", "-o", tmp_path / "r.npy", "--range", "-500", "700.5")
    assert call(*arguments)[0] == 0
    expected = np.rint(np.clip((array + 500) * 255 / 1200.5, 0, 255))
    np.testing.assert_array_equal(np.load(tmp_path / "r.npy"), expected)


def test_decode_monochrome1_is_inverted_to_look_at(call, tmp_path):
    assert call("decode", INVERTED, "-o", tmp_path / "x.npy", "--auto-range")[0] == 0
    levels, array = np.load(tmp_path / "x.npy"), dt.decode(INVERTED)
    assert levels.flat[array.argmin()] == 255
    assert levels.flat[array.argmax()] == 0


def test_levels_of_floats_and_flat_images():
    values = np.array([[np.nan, -np.inf], [0.5, np.inf]], np.float32)
    np.testing.assert_array_equal(Range(0.0, 1.0).levels(values), [[0, 0], [0.5, 1]])
    np.testing.assert_array_equal(Range(7, 7).levels(np.full((4, 4), 7, np.uint16)), 0)


def test_decode_png_of_wide_values_says_what_to_do(call, tmp_path):
    code, _, err = call("decode", DOSE, "-o", tmp_path / "x.png", "--frames", "0", "--raw")
    assert code == 1
    assert "leave out --raw" in err
    assert not list(tmp_path.iterdir())


def test_decode_damaged_file_and_salvage(call, call_json, tmp_path):
    code, out, err = call("decode", TRUNCATED, "-o", tmp_path / "x.npy")
    assert (code, out) == (1, "")
    assert "dcmturbo: error:" in err
    assert not list(tmp_path.iterdir())
    code, out, err = call("decode", TRUNCATED, "-o", tmp_path / "x.npy", "--salvage", "--fill-value", "7")
    assert code == 0
    assert err.count("dcmturbo: warning:") == err.count("\n")
    whole, salvaged = dt.decode(DATA / "MR_small.dcm"), np.load(tmp_path / "x.npy")
    np.testing.assert_array_equal(salvaged.flat[:4000], whole.flat[:4000])
    assert salvaged.flat[-1] == 7
    document = call_json("decode", TRUNCATED, "-o", tmp_path / "y.npy", "--salvage")[1]
    assert document["files"][0]["status"] == [dt.FrameStatus.PARTIAL]
    assert document["files"][0]["warnings"]


def test_decode_does_not_overwrite(call, tmp_path):
    place = tmp_path / "x.npy"
    place.write_bytes(b"precious")
    code, _, err = call("decode", CT, "-o", place)
    assert code == 1
    assert "--force" in err
    assert "Traceback" not in err
    assert place.read_bytes() == b"precious"
    assert call("decode", CT, "-o", place, "--force")[0] == 0
    np.testing.assert_array_equal(np.load(place), dt.decode(CT))


def test_decode_never_overwrites_its_input(call, tmp_path):
    source = tmp_path / "ct.raw"
    source.write_bytes(CT.read_bytes())
    code, _, err = call("decode", source, "-o", source, "--force")
    assert code == 1
    assert "the input itself" in err
    assert source.read_bytes() == CT.read_bytes()


@pytest.mark.parametrize("place", ["/proc/x.npy", "/dev/null/x.npy"])
def test_decode_unwritable_output(call, place):
    code, _, err = call("decode", CT, "-o", place)
    assert code == 1
    assert err.startswith(f"dcmturbo: error: {CT}: ")
    assert err.count("\n") == 1
    assert place in err


def test_decode_folder(call, call_json, tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name, source in (("a.dcm", CT), ("deep/1.2.840.7", RLE), ("deep/report.dcm", REPORT)):
        (folder / name).write_bytes(source.read_bytes())
    (folder / "notes.txt").write_text("no DICOM here\n" * 100)
    code, out, err = call("decode", folder, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "skipped in folders: 1 that is not DICOM, 1 without pixel data" in out
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert found == ["a.npy", "deep/1.2.840.7.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "out/deep/1.2.840.7.npy"), dt.decode(RLE))
    document = call_json("decode", folder, "-o", tmp_path / "out", "--format", "png", "--auto-range")[1]
    assert document["skipped"] == {"not_dicom": 1, "no_pixel_data": 1}
    assert len(document["files"][1]["outputs"]) == 2


def test_decode_several_files_one_of_them_bad(call, tmp_path):
    code, out, err = call("decode", CT, TRUNCATED, REPORT, RLE, "-o", tmp_path / "out")
    assert code == 1
    assert sorted(os.listdir(tmp_path / "out")) == ["CT_small.npy", "SC_rgb_rle_2frame.npy"]
    assert err.count("dcmturbo: error:") == 2
    assert out.count("->") == 2


def test_decode_two_inputs_to_one_output(call, tmp_path):
    for name in ("a.dcm", "a.ima"):
        (tmp_path / name).write_bytes(CT.read_bytes())
    code, _, err = call("decode", tmp_path / "a.dcm", tmp_path / "a.ima", "-o", tmp_path / "out", "--force")
    assert code == 1
    assert f"has been written for {tmp_path / 'a.dcm'} already" in err


def test_decode_several_inputs_into_a_file_without_a_format_is_wrong_usage(call, tmp_path):
    (tmp_path / "x").write_bytes(b"")
    code, _, err = call("decode", CT, RLE, "-o", tmp_path / "x")
    assert code == 2
    assert "end it with /" in err


def test_decode_into_existing_folder(call, tmp_path):
    assert call("decode", CT, "-o", tmp_path, "--format", "png", "--auto-range")[0] == 0
    assert os.listdir(tmp_path) == ["CT_small.png"]


def test_decode_in_a_process(tmp_path):
    done = run("decode", CT, "-o", tmp_path / "x.npy", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["files"][0]["outputs"] == [str(tmp_path / "x.npy")]


def test_decode_a_region(call, tmp_path):
    whole = dt.decode(CT)
    assert call("decode", CT, "-o", tmp_path / "a.npy", "--region", "20", "30", "40", "50")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), whole[20:60, 30:80])
    code, out, err = call("decode", CT, "-o", tmp_path / "b.npy", "--region", "100", "30", "40", "50")
    assert code != 0
    assert "does not lie within" in out + err
    assert call("decode", CT, "-o", tmp_path / "b.npy", "--region", "100", "30", "40", "50", "--clip")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), whole[100:, 30:80])


def test_decode_a_lower_resolution(call, tmp_path):
    source = DATA / "JPEG2000.dcm"
    assert call("decode", source, "-o", tmp_path / "a.npy", "--reduce", "2")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), dt.decode(source, reduce=2))
    code, out, err = call("decode", CT, "-o", tmp_path / "b.npy", "--reduce", "2")
    assert code != 0
    assert "These formats have reduce: JPEG" in out + err
