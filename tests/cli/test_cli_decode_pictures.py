"""``dcmturbo decode``: pictures, several inputs in one file, contact sheets, stdout."""

from __future__ import annotations

import io
import os
import sys

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT, DATA, DOSE, INVERTED, MULTI, PALETTE, REPORT, RLE, TRUNCATED, read_png, run
from helpers.pictures import made, saved
from PIL import Image

import dcmturbo as dt

MR = DATA / "MR_small.dcm"
SERIES = DATA / "dicomdirtests" / "77654033" / "CT2"


@pytest.mark.parametrize("source", [MR, CT, INVERTED, PALETTE, RLE, DOSE], ids=lambda path: path.name)
def test_a_png_is_what_render_returns(call, tmp_path, source):
    assert call("decode", source, "-o", tmp_path / "x.png")[0] == 0
    assert os.listdir(tmp_path) == ["x.png"]
    np.testing.assert_array_equal(read_png(tmp_path / "x.png"), dt.render(source))


def test_options_of_pictures(call, tmp_path):
    place = tmp_path / "x.png"
    for options, expected in [
        (("--window", "-600,1500"), {"window": (-600, 1500)}),
        (("--window=40,400"), {"window": (40, 400)}),
        (("--window", "40", "400"), {"window": (40, 400)}),
        (("--window", "none", "--size", "50"), {"window": "none", "size": 50}),
        (("--window", "auto", "--no-aspect", "--overlays"), {"window": "auto", "aspect": False, "overlays": True}),
    ]:
        options = (options,) if isinstance(options, str) else options
        assert call("decode", *options, CT, "-o", place, "--force")[0] == 0
        np.testing.assert_array_equal(read_png(place), dt.render(CT, **expected))


@pytest.mark.parametrize("source", [CT, DATA / "JPEG2000.dcm", MULTI], ids=lambda path: path.name)
def test_a_picture_of_a_region_or_a_lower_resolution_has_its_size(call, tmp_path, source):
    """It was enlarged to the size of the frame, and with --size, it showed the whole frame."""
    place = tmp_path / "x.png"
    window = () if source == MULTI else ("--window", "40", "400")
    whole = dt.render(source, **({} if source == MULTI else {"window": (40, 400)}), aspect=False)

    def picture(*options):
        assert call("decode", source, "-o", place, "--frames", "0", "--force", "--no-aspect", *window, *options)[0] == 0
        return read_png(place)

    region = ("--region", "20", "30", "40", "50")
    np.testing.assert_array_equal(picture(*region), whole[20:60, 30:80])
    np.testing.assert_array_equal(picture(*region, "--size", "100"), whole[20:60, 30:80])
    small = picture(*region, "--size", "10")
    assert small.shape[:2] == (8, 10)
    assert abs(float(small.mean()) - whole[20:60, 30:80].mean()) < 12
    if source.name == "JPEG2000.dcm":
        rows, columns = whole.shape[:2]
        assert picture("--reduce", "2").shape == (-(-rows // 4), -(-columns // 4))
        assert max(picture("--reduce", "2", "--size", "20").shape) == 20
        assert picture("--reduce", "2", "--region", "1", "2", "3", "4").shape == (3, 4)


def test_there_is_no_picture_of_an_empty_region(call, tmp_path):
    for options in ((), ("--size", "10"), ("--window", "40", "400")):
        code, _, err = call("decode", CT, "-o", tmp_path / "x.png", "--region", "0", "0", "0", "5", *options)
        assert code == 1
        assert "the region is empty" in err
    assert not os.listdir(tmp_path)


def test_range_and_window_are_negative_and_still_values(call, tmp_path):
    place = tmp_path / "x.png"
    assert call("decode", CT, "-o", place, "--window", "-600", "1500")[0] == 0
    np.testing.assert_array_equal(read_png(place), dt.render(CT, window=(-600, 1500)))
    assert call("decode", CT, "-o", place, "--range", "-100", "100", "--force")[0] == 0
    expected = np.rint(np.clip((dt.decode(CT).astype(float) + 100) / 200, 0, 1) * 255)
    np.testing.assert_array_equal(read_png(place), expected)


def test_one_file_of_several_frames_is_the_first(call, tmp_path):
    code, out, _ = call("decode", MULTI, "-o", tmp_path / "x.png")
    assert code == 0
    assert "the first of 30 frames" in out
    assert os.listdir(tmp_path) == ["x.png"]
    np.testing.assert_array_equal(read_png(tmp_path / "x.png"), dt.decode(MULTI, 0))
    code, _, err = call("decode", MULTI, "-o", tmp_path / "y.png", "--frames", "1-3")
    assert code == 1
    assert "--sheet" in err
    assert call("decode", MULTI, "-o", tmp_path / "y.png", "--frames", "2-2")[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "y.png"), dt.decode(MULTI, 2))


def test_frames_share_their_extremes(call, tmp_path):
    """Frames of one object that are shown together are not stretched one by one."""
    assert call("decode", DOSE, "-o", f"{tmp_path}/", "--format", "png", "--frames", "2-5")[0] == 0
    dose = dt.decode(DOSE, slice(2, 6)).astype(float)
    expected = np.rint((dose - dose.min()) / np.ptp(dose) * 255)
    for k, name in enumerate(sorted(os.listdir(tmp_path))):
        np.testing.assert_array_equal(read_png(tmp_path / name), expected[k])


@pytest.mark.parametrize("suffix", ["tiff", "gif"])
def test_pages(call, tmp_path, suffix):
    image = pytest.importorskip("PIL.Image")
    assert call("decode", MULTI, "-o", tmp_path / f"x.{suffix}", "--frames", "0-4")[0] == 0
    with image.open(tmp_path / f"x.{suffix}") as opened:
        assert opened.n_frames == 5
        for k in range(5):
            opened.seek(k)
            page = np.asarray(opened.convert("RGB")).astype(int)
            error = np.abs(page - dt.decode(MULTI, k))
            assert error.max() == 0 if suffix == "tiff" else error.mean() < 4  # a GIF has 256 colours
        if suffix == "gif":
            assert opened.info["duration"] == round(float(pydicom.dcmread(MULTI).FrameTime) / 10) * 10


def frames_of_video(place):
    av = pytest.importorskip("av")
    with av.open(str(place)) as opened:
        stream = opened.streams.video[0]
        return [frame.to_ndarray(format="rgb24") for frame in opened.decode(stream)], float(stream.average_rate)


def test_a_video_of_a_cine(call, tmp_path):
    pytest.importorskip("av")
    assert call("decode", MULTI, "-o", tmp_path / "x.mp4")[0] == 0
    frames, rate = frames_of_video(tmp_path / "x.mp4")
    expected = dt.decode(MULTI)
    assert len(frames) == len(expected) == 30
    assert rate == pytest.approx(1000 / float(pydicom.dcmread(MULTI).FrameTime), rel=0.01)
    for frame, picture in zip(frames, expected, strict=True):
        assert np.abs(frame.astype(int) - picture).mean() < 4


def test_a_video_of_a_series_with_odd_sides(call, tmp_path):
    pytest.importorskip("av")
    from dcmturbo.pictures.files import encode_picture

    y, x = np.mgrid[:33, :47]
    pages = [(60 + 2 * x + y + 20 * k).clip(0, 255).astype(np.uint8) for k in range(4)]
    (tmp_path / "x.mp4").write_bytes(encode_picture(pages, "mp4", milliseconds=40))
    frames, rate = frames_of_video(tmp_path / "x.mp4")
    assert rate == 25
    assert [frame.shape for frame in frames] == [(34, 48, 3)] * 4
    for frame, page in zip(frames, pages, strict=True):
        assert np.abs(frame[:33, :47].mean(axis=2) - page).mean() < 3
    with pytest.raises(dt.EncodeError, match="same shape"):
        encode_picture([pages[0], pages[0][:-2]], "mp4")


def test_a_video_without_pyav_says_what_to_install(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    code, _, err = call("decode", MULTI, "-o", tmp_path / "x.mp4")
    assert code == 1
    assert "pip install 'dcmturbo[video]'" in " ".join(err.split())
    assert not (tmp_path / "x.mp4").exists()


def test_jpeg(call, tmp_path):
    for quality, tolerance in ((100, 4), (20, 90)):
        place = tmp_path / f"{quality}.jpg"
        assert call("decode", MR, "-o", place, "--quality", quality)[0] == 0
        assert np.abs(read_png(place).astype(int) - dt.render(MR)).max() <= tolerance
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "100.jpg").stat().st_size / 2


def test_the_icc_profile_is_kept(call, tmp_path):
    image = pytest.importorskip("PIL.Image")
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ds = pydicom.dcmread(DATA / "SC_rgb_rle.dcm")
    ds.ICCProfile = profile + b"\0" * (len(profile) % 2)
    ds.save_as(tmp_path / "x.dcm")
    assert call("decode", tmp_path / "x.dcm", "-o", tmp_path / "x.png")[0] == 0
    with image.open(tmp_path / "x.png") as opened:
        assert opened.info["icc_profile"].startswith(profile)


# ---- several inputs in one file -----------------------------------------------------------------


def series(folder, names=("IM10", "IM2", "IM1"), **attributes):
    """Slices whose names, numbers and positions are in three different orders."""
    folder.mkdir()
    for k, name in enumerate(names):
        ds = pydicom.dcmread(CT)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        ds.InstanceNumber = (k + 1) % 3 + 1
        ds.ImagePositionPatient = [0, 0, -k]
        for keyword, value in attributes.items():
            setattr(ds, keyword, value[k] if isinstance(value, list) else value)
        ds.PixelData = np.full((128, 128), k, np.int16).tobytes()
        ds.save_as(folder / name)
    return folder


@pytest.mark.parametrize(
    ("attributes", "order", "expected"),
    [
        ({}, "position", [2, 1, 0]),
        ({"ImagePositionPatient": None}, "instance", [2, 0, 1]),
        ({"ImagePositionPatient": None, "InstanceNumber": None}, "name", [2, 1, 0]),
        ({"ImageOrientationPatient": [[1, 0, 0, 0, 1, 0], [0, 1, 0, 1, 0, 0], None]}, "instance", [2, 0, 1]),
    ],
)
def test_a_series_is_one_array(call_json, tmp_path, attributes, order, expected):
    folder = series(tmp_path / "in", **attributes)
    code, document = call_json("decode", folder, "-o", tmp_path / "vol.npy")
    assert code == 0
    (found,) = document["files"]
    assert found["order"] == order
    volume = np.load(tmp_path / "vol.npy")
    assert (volume.shape, volume.dtype) == ((3, 128, 128), np.int16)
    assert volume[:, 0, 0].tolist() == expected
    np.testing.assert_array_equal(volume, dt.decode_series(found["sources"]))
    levels = call_json("decode", folder, "-o", tmp_path / "levels.npy", "--window", "-1024,10")
    assert levels[0] == 0
    assert np.load(tmp_path / "levels.npy").shape == (3, 128, 128)
    pages = call_json("decode", folder, "-o", tmp_path / "x.tiff")[1]
    assert pages["files"][0]["shape"] == [3, 128, 128]


def test_what_is_not_one_series_is_not_one_array(call, tmp_path):
    mixed = series(tmp_path / "mixed", SeriesInstanceUID=["1.2", "1.3", "1.3"])
    code, _, err = call("decode", mixed, "-o", tmp_path / "x.npy")
    assert code == 1
    assert "2 series" in err
    assert "end OUT with /" in err
    code, _, err = call("decode", CT, INVERTED, "-o", tmp_path / "x.npy")
    assert code == 1
    assert "series" in err
    sizes = series(tmp_path / "sizes", Rows=[128, 64, 128])
    code, _, err = call("decode", sizes, "-o", tmp_path / "x.npy")
    assert code == 1
    assert "do not fit into one array" in err
    assert not (tmp_path / "x.npy").exists()


def test_a_series_with_a_damaged_file_is_not_written(call, tmp_path):
    folder = series(tmp_path / "in")
    (folder / "IM3").write_bytes((folder / "IM1").read_bytes()[:-1000])
    code, _, err = call("decode", folder, "-o", tmp_path / "x.npy")
    assert code == 1
    assert "nothing was written" in err
    assert not (tmp_path / "x.npy").exists()


def test_one_file_is_not_replaced(call, tmp_path):
    folder = series(tmp_path / "in")
    for name in ("x.npy", "x.png"):
        (tmp_path / name).write_bytes(b"precious")
        code, _, err = call("decode", folder, "-o", tmp_path / name)
        assert code == 1
        assert "--force" in err
        assert (tmp_path / name).read_bytes() == b"precious"
        assert call("decode", folder, "-o", tmp_path / name, "--force")[0] == 0
    code, _, err = call("decode", folder, folder / "IM1", "-o", folder / "IM1", "--force", "--format", "npy")
    assert code == 1
    assert "the input itself" in err


def test_a_folder_as_a_contact_sheet(call, call_json, tmp_path):
    code, document = call_json("decode", SERIES.parent, "-o", tmp_path / "sheet.png")
    assert code == 0
    assert document["files"][0]["thumbnails"] == 7
    assert os.listdir(tmp_path) == ["sheet.png"]
    sheet = read_png(tmp_path / "sheet.png")
    assert sheet.ndim == 3
    code, document = call_json("decode", CT, TRUNCATED, REPORT, MULTI, "-o", tmp_path / "two.jpg", "--size", "64")
    assert code == 1  # two of them cannot be shown, but the others are
    assert document["files"][0]["thumbnails"] == 2
    assert len(document["failed"]) == 2
    assert call_json("decode", MULTI, "-o", tmp_path / "cine.png", "--sheet")[1]["files"][0]["thumbnails"] == 30


@pytest.mark.parametrize("option", [(), ("--window", "auto"), ("--auto-range",)])
def test_a_series_without_windows_has_one_brightness(call, tmp_path, option):
    """Otherwise, its slices would flicker."""
    folder = tmp_path / "series"
    folder.mkdir()
    peaks = (1000, 4000)
    for number, peak in enumerate(peaks):
        ds = made(np.linspace(0, peak, 400).astype(np.uint16).reshape(20, 20), 12)
        ds.SeriesInstanceUID, ds.InstanceNumber = "1.2.3", number
        ds.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    assert call("decode", folder, "-o", tmp_path / "x.tiff", *option)[0] == 0
    with Image.open(tmp_path / "x.tiff") as pages:
        for number, peak in enumerate(peaks):
            pages.seek(number)
            assert np.asarray(pages).max() == round(peak / 4000 * 255)


def test_the_title_of_a_sheet_of_the_current_folder(call, tmp_path, monkeypatch):
    (tmp_path / "study").mkdir()
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / "study" / name).write_bytes(CT.read_bytes())
    monkeypatch.chdir(tmp_path / "study")
    code, out, _ = call("decode", ".", "-o", tmp_path / "sheet.png")
    assert code == 0
    assert out.startswith("study -> ")


@pytest.mark.parametrize(("form", "most"), [("jpg", 65_500), ("gif", 65_535)])
def test_pictures_that_are_too_wide_for_a_format(call, tmp_path, form, most):
    """An object has at most 65,535 columns, but pixels that are not square become more of them."""
    for columns, spacing, code in ((most, 1, 0), (most // 2 + 1, 2, 1)):
        path = saved(made(np.zeros((1, columns), np.uint16), PixelSpacing=[1, spacing]), tmp_path)
        found, _, err = call("decode", path, "-o", tmp_path / f"x.{form}", "--force")
        assert found == code
        assert (f"at most {most} rows and columns: use PNG or TIFF, or --size" in err) == bool(code)


# ---- stdout -------------------------------------------------------------------------------------


def test_stdout():
    import subprocess
    import sys

    def output(*arguments):
        command = [sys.executable, "-m", "dcmturbo.cli", "decode", *map(str, arguments), "-o", "-"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    np.testing.assert_array_equal(np.load(io.BytesIO(output(CT))), dt.decode(CT))
    assert output(CT, "--format", "raw") == dt.decode(CT).astype("<i2").tobytes()
    assert output(MR, "--format", "png").startswith(b"\x89PNG")


def test_stdout_and_json_exclude_each_other():
    done = run("decode", CT, "-o", "-", "--json")
    assert done.returncode == 2
    assert "both need stdout" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("x.npy", "--size", "10"),
        ("x.png", "--raw", "--window", "auto"),
        ("x.png", "--raw", "--overlays"),
        ("x.jpg", "--raw"),
        ("x.png", "--quality", "50"),
        ("x.jpg", "--quality", "0"),
        ("x.tiff", "--sheet"),
        ("x.png", "--window", "wide"),
        ("x.png", "--frames", "3-1"),
        ("x.bmp",),
    ],
)
def test_contradictions(call, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("decode", CT, "-o", *arguments)
    assert code == 2
    assert "usage:" in err or "dcmturbo decode: error:" in err
    assert not list(tmp_path.iterdir())
