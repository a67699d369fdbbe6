"""The command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pydicom
import pytest

import dcmturbo as dt
from dcmturbo.cli import demo, demo_encode, main, peers, sheet
from dcmturbo.cli.decode import parse_frames
from dcmturbo.cli.output import human_bytes, printable
from dcmturbo.cli.picture import Rendering

DATA = Path(str(files("pydicom"))) / "data" / "test_files"
CT = DATA / "CT_small.dcm"  # 128 x 128, signed, RescaleIntercept -1024
MULTI = DATA / "examples_ybr_color.dcm"  # 30 frames, JPEG, YBR_FULL_422
RLE = DATA / "SC_rgb_rle_2frame.dcm"
PALETTE = DATA / "examples_palette.dcm"
TRUNCATED = DATA / "MR_truncated.dcm"
REPORT = DATA / "reportsi.dcm"
INVERTED = DATA / "dicomdirtests/77654033/CR1/6154"  # MONOCHROME1
DOSE = DATA / "rtdose.dcm"  # 15 frames of uint32


@pytest.fixture
def call(capsys):
    """Run a command; return exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def call_json(call):
    """Run a command with --json; return exit code and document, stdout being nothing else."""

    def call_json(*arguments: object) -> tuple[int, dict]:
        code, out, _ = call(*arguments, "--json")
        return code, json.loads(out)

    return call_json


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dcmturbo.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


# ---- the whole --------------------------------------------------------------------------------------


def test_version(call):
    assert call("--version") == (0, f"dcmturbo {dt.__version__}\n", "")


@pytest.mark.parametrize("command", [(), ("info",), ("decode",), ("demo",), ("bench",)])
def test_help(call, command):
    code, out, err = call(*command, "--help")
    assert code == 0
    assert "usage: dcmturbo" in out
    assert "example" in out or command == ("demo",)
    assert err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-command",),
        ("info",),
        ("info", CT, "--frames", "0"),
        ("decode", CT),
        ("decode", CT, "-o", "x.npy", "--frames", "1;2"),
        ("decode", CT, "-o", "x.npy", "--frames", ""),
        ("decode", CT, "-o", "x.npy", "--frames", "1::0"),
        ("decode", CT, "-o", "x.npy", "--threads", "0"),
        ("decode", CT, "-o", "x.jpg"),
        ("decode", CT, "-o", "x"),
        ("decode", CT, "-o", "x.npy", "--window", "1", "2", "--range", "1", "2"),
        ("decode", CT, "-o", "x.npy", "--window", "40", "0"),
        ("decode", CT, "-o", "x.npy", "--range", "2", "1"),
        ("decode", CT, "-o", "x.npy", "--fill-value", "2"),
        ("decode", CT, "-o", "x.npy", "--palette", "--auto-range"),
        ("bench", CT, "--rounds", "x"),
        ("bench", CT, "--seconds", "0"),
        ("bench", CT, "--html", "."),
        ("bench", CT, "--html", "x", "--csv", "x"),
        ("bench", CT, "--record", "x.json"),
        ("bench",),
    ],
)
def test_wrong_usage_is_2_and_writes_nothing(call, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    assert "error:" in err or not arguments
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["info", "decode", "bench"])
def test_what_is_not_there_is_one_line_and_1(call, tmp_path, command):
    output = ("-o", tmp_path / "x.npy") if command == "decode" else ()
    code, out, err = call(command, tmp_path / "absent.dcm", *output)
    assert (code, out) == (1, "")
    assert err == f"dcmturbo: error: {tmp_path / 'absent.dcm'}: there is no such file or folder\n"


@pytest.mark.parametrize("command", ["info", "decode", "bench"])
def test_text_file(call, tmp_path, command):
    text = tmp_path / "notes.txt"
    text.write_text("no DICOM here\n" * 100)
    output = ("-o", tmp_path / "x.npy") if command == "decode" else ()
    code, out, err = call(command, text, *output)
    assert (code, out) == (1, "")
    assert err.startswith(f"dcmturbo: error: {text}: ")
    assert err.count("\n") == 1
    assert "not DICOM" in err


@pytest.mark.parametrize("command", ["info", "decode", "bench"])
def test_folder_without_dicom(call, tmp_path, command):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("no DICOM here\n" * 100)
    output = ("-o", tmp_path / "out/") if command == "decode" else ()
    code, _, err = call(command, folder, *output)
    assert code == 1
    assert err == (
        f"dcmturbo: error: {folder}: there is nothing to do in this folder (skipped in folders: 1 that is not DICOM)\n"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(call, tmp_path):
    secret = tmp_path / "secret.dcm"
    secret.write_bytes(CT.read_bytes())
    secret.chmod(0)
    assert call("info", secret)[::2] == (1, f"dcmturbo: error: {secret}: Permission denied\n")


def test_special_file_is_not_waited_for(call, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert call("info", tmp_path / "pipe")[::2] == (1, f"dcmturbo: error: {tmp_path / 'pipe'}: it is no regular file\n")
    assert call("info", tmp_path)[0] == 1


def test_names_that_are_no_text_and_no_terminal_acts_on(call, call_json, tmp_path):
    name = tmp_path / os.fsdecode(b"\x1b[31mred\xff[bold]:smile:.dcm")
    name.write_bytes(CT.read_bytes())
    code, out, err = call("info", name)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "\\x1b[31mred\\udcff[bold]:smile:.dcm" in out
    assert call_json("info", name)[1]["files"][0]["path"] == str(name)


def test_redirected_output_has_no_escapes_and_whole_names():
    done = run("info", DATA, env={**os.environ, "COLUMNS": "40", "TERM": "xterm-256color"})
    assert done.returncode == 1  # three of pydicom's files are damaged
    assert "\x1b" not in done.stdout + done.stderr
    assert f"{DATA / 'JPEG2000-embedded-sequence-delimiter.dcm'} " in done.stdout
    assert "Traceback" not in done.stderr


def test_ascii_output():
    done = run("info", CT, MULTI, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


@pytest.mark.parametrize("form", ["--json", "--full"])
def test_broken_pipe_is_quiet(form):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "dcmturbo.cli", "info", str(CT), str(RLE), form]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_interrupt_is_130_and_quiet(tmp_path):
    command = [sys.executable, "-m", "dcmturbo.cli", "bench", str(MULTI), "--rounds", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(2.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (out, err) == (b"", b"")


def test_entry_point():
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="console_scripts", name="dcmturbo")
    assert entry.load() is main


# ---- small things -----------------------------------------------------------------------------------


def test_parse_frames():
    assert parse_frames("3") == 3
    assert parse_frames("-1") == -1
    assert parse_frames("0, 3,10:20,-1,::2") == [0, 3, slice(10, 20), -1, slice(None, None, 2)]
    assert parse_frames("5:") == [slice(5, None)]


def test_human_bytes():
    sizes = [999, 1000, 12345, 999499, 999500, 1234567890, 5e15]
    assert [human_bytes(size) for size in sizes] == [
        "999 bytes",
        "1 kB",
        "12.3 kB",
        "999 kB",
        "1 MB",
        "1.23 GB",
        "5e+03 TB",
    ]


def test_printable():
    assert printable("a\n\x1b[0m\u202eb\udc80é") == "a\\n\\x1b[0m\\u202eb\\udc80é"


# ---- info -------------------------------------------------------------------------------------------


def test_info_for_people(call):
    code, out, err = call("info", DATA / "693_J2KI.dcm")
    assert (code, err) == (0, "")
    for text in (
        "JPEG 2000 Image Compression (1.2.840.10008.1.2.4.91)",
        "CT Image Storage",
        "512 rows x 512 columns",
        "14 stored of 16 allocated",
        "512 x 512 int16 MONOCHROME2",
        "jpeg2000, 512 x 512",
        "16 bits signed",
        "1548",
        "a scan of the items",
    ):
        assert text in out


def test_info_json(call_json):
    code, document = call_json("info", MULTI)
    assert code == 0
    assert document["command"] == "info"
    assert document["failed"] == []
    (found,) = document["files"]
    assert found["transfer_syntax"]["uid"] == "1.2.840.10008.1.2.4.50"
    assert found["decoded"] == {"shape": [30, 240, 320, 3], "dtype": "uint8", "photometric_interpretation": "RGB"}
    assert found["image"]["photometric_interpretation"] == "YBR_FULL_422"
    assert found["image"]["number_of_frames"] == 30
    assert found["frames"]["index"] == "basic"
    assert found["frames"]["found"] == 30
    assert found["codestream"]["format"] == "jpeg"
    assert [c["horizontal_step"] for c in found["codestream"]["components"]] == [1, 2, 2]
    assert len(found["frames"]["table"]) == 8
    with dt.open(MULTI) as image, open(MULTI, "rb") as file:
        for row in found["frames"]["table"]:
            file.seek(row["offset"])
            assert file.read(row["bytes"]) == bytes(image.encoded_frame(row["frame"]))


def test_info_frame_table_lengths(call, call_json):
    assert len(call_json("info", MULTI, "--frames", "3")[1]["files"][0]["frames"]["table"]) == 3
    assert len(call_json("info", MULTI, "--all")[1]["files"][0]["frames"]["table"]) == 30
    assert "the first 3 of 30 frames" in call("info", MULTI, "--frames", "3")[1]


def test_info_without_pixel_data(call, call_json):
    code, out, err = call("info", REPORT)
    assert (code, err) == (0, "")
    assert "no Pixel Data" in out
    (found,) = call_json("info", REPORT)[1]["files"]
    assert found["sop_class"]["name"] == "Basic Text SR Storage"
    assert found["pixel_data"] is None
    assert found["frames"] is None


def test_info_of_unsupported_transfer_syntax(call_json, tmp_path):
    dataset = pydicom.dcmread(DATA / "MR_small_RLE.dcm")
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.save_as(tmp_path / "video.dcm")
    code, document = call_json("info", tmp_path / "video.dcm")
    (found,) = document["files"]
    assert code == 0
    assert found["transfer_syntax"]["decoded_here"] is False
    assert "1.2.840.10008.1.2.4.102" in found["remark"]
    assert found["image"]["rows"] == 64


def test_info_of_deflated_dataset(call_json):
    (found,) = call_json("info", DATA / "image_dfl.dcm")[1]["files"]
    assert found["file"]["deflated"]
    assert found["file"]["preamble"]
    assert found["sop_class"]["name"] == "Secondary Capture Image Storage"
    assert found["decoded"]["shape"] == [512, 512]


def test_info_of_damaged_file_shows_what_there_is(call, call_json):
    code, out, err = call("info", TRUNCATED)
    assert code == 0  # the header is whole
    assert "cut short" in out
    assert "dcmturbo: warning: " in err
    code, document = call_json("info", DATA / "JPEG2000-embedded-sequence-delimiter.dcm")
    assert code == 1
    assert document["files"][0]["image"]["rows"] == 1024
    assert document["failed"][0]["type"] == "DecodeError"


def test_info_of_a_folder(call, call_json):
    code, out, _ = call("info", DATA / "dicomdirtests")
    assert code == 0
    assert "77654033" in out
    assert "skipped in folders: 2 that are not DICOM" in out
    document = call_json("info", DATA / "dicomdirtests")[1]
    assert document["skipped"]["not_dicom"] == 2
    assert sum(found["decoded"] is not None for found in document["files"]) == 31


def test_info_full(call):
    out = call("info", CT, RLE, "--full")[1]
    assert out.count("SOP class") == 2


def test_info_of_url(call_json):
    (found,) = call_json("info", f"file://{CT}")[1]["files"]
    assert found["decoded"]["shape"] == [128, 128]
    assert found["sop_class"]["name"] == "CT Image Storage"


# ---- decode -----------------------------------------------------------------------------------------


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
    assert call("decode", DATA / name, "-o", tmp_path / "x.tiff")[0] == 0
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
    assert call("decode", tmp_path / "narrow.dcm", "-o", tmp_path / "x.tif")[0] == 0
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        assert len(file.pages) == 2
        np.testing.assert_array_equal(file.asarray(), np.arange(1500).reshape(2, 250, 3))


def read_png(path: Path) -> np.ndarray:
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as opened:
        return np.asarray(opened)


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_overlay.dcm", "liver_1frame.dcm"])
def test_decode_png_holds_the_cells(call, tmp_path, name):
    assert call("decode", DATA / name, "-o", tmp_path / "x.png")[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "x.png"), dt.decode(DATA / name))


def test_decode_png_of_16_bit_colour(call, tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")  # Pillow has no 16-bit colour
    name = DATA / "SC_rgb_rle_16bit.dcm"
    assert call("decode", name, "-o", tmp_path / "x.png")[0] == 0
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "x.png").read_bytes()), dt.decode(name))


def test_decode_png_of_signed_values_is_offset(call, tmp_path):
    _, out, _ = call("decode", CT, "-o", tmp_path / "x.png")
    assert "32768 added" in out
    np.testing.assert_array_equal(read_png(tmp_path / "x.png").astype(int) - 32768, dt.decode(CT))


def test_decode_several_frames_to_png(call_json, tmp_path):
    code, document = call_json("decode", MULTI, "-o", tmp_path / "new/e.png", "--frames", "-1,3,5:7,3")
    assert code == 0
    (found,) = document["files"]
    names = ["e_0029.png", "e_0003.png", "e_0005.png", "e_0006.png"]
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
    assert "--palette" in err


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


def test_rendering_of_floats_and_flat_images():
    values = np.array([[np.nan, -np.inf], [0.5, np.inf]], np.float32)
    levels = Rendering("", limits=(0.0, 1.0)).apply(values, [0], False)
    np.testing.assert_array_equal(levels, [[0, 0], [128, 255]])
    flat = Rendering("").apply(np.full((4, 4), 7, np.uint16), [0], False)
    np.testing.assert_array_equal(flat, 0)


def test_decode_png_of_wide_values_says_what_to_do(call, tmp_path):
    code, _, err = call("decode", DOSE, "-o", tmp_path / "x.png", "--frames", "0")
    assert code == 1
    assert "--auto-range" in err
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


def test_decode_several_inputs_into_a_file_is_wrong_usage(call, tmp_path):
    (tmp_path / "x.npy").write_bytes(b"")
    assert call("decode", CT, RLE, "-o", tmp_path / "x.npy")[0] == 2


def test_decode_into_existing_folder(call, tmp_path):
    assert call("decode", CT, "-o", tmp_path, "--format", "png", "--auto-range")[0] == 0
    assert os.listdir(tmp_path) == ["CT_small.png"]


def test_decode_in_a_process(tmp_path):
    done = run("decode", CT, "-o", tmp_path / "x.npy", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["files"][0]["outputs"] == [str(tmp_path / "x.npy")]


# ---- demo -------------------------------------------------------------------------------------------


def test_demo_digests_are_of_pydicoms_files():
    committed = json.loads((files("dcmturbo.cli") / "demo.json").read_text())
    assert len(committed["files"]) >= 80
    for name, entry in committed["files"].items():
        assert "dcmturbo" not in entry["decoders"]
        assert entry["decoders"]
        if (DATA / name).is_file() and pydicom.__version__ == committed["versions"]["pydicom"]:
            assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == entry["file_sha256"]


@pytest.fixture(scope="module")
def quick_demo(tmp_path_factory):
    """The demo's table and document, timed once a file."""
    place = tmp_path_factory.mktemp("demo")
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_ROUNDS", 1)
        patch.setattr(sys, "stdout", out)
        code = main(["demo", "--output", str(place), "--json"])
    return code, json.loads(out.getvalue()), place


def test_demo_json(quick_demo):
    code, document, place = quick_demo
    assert code == 0, document["failed"]
    summary = document["summary"]
    assert summary["files_match"] == summary["files_checked"] >= 80
    assert summary["encodings_good"] == summary["encodings_checked"] == len(document["encodings"])
    assert {file["digest"] for file in document["files"] if file["file"] != "badVR.dcm"} == {"match"}
    assert document["contact_sheet"] == str(place / "contact-sheet.png")


def test_demo_encodes_all_that_is_encoded(quick_demo):
    """Every transfer syntax that a library or the core encodes, uncompressed ones apart."""
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    encodable = set()
    for syntax in dt.syntaxes.TRANSFER_SYNTAXES:
        try:
            dt.encode_frame(image, syntax.uid)
        except dt.Error:
            continue
        encodable.add(syntax.keyword)
    shown = {trip["transfer_syntax"] for trip in quick_demo[1]["encodings"]}
    plain = {"ImplicitVRLittleEndian", "ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"}
    assert encodable - plain - shown == set()
    assert "JPEGXLJPEGRecompression" in shown


def test_demo_contact_sheet(quick_demo):
    picture = read_png(quick_demo[2] / "contact-sheet.png")
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (1532, 3)
    assert picture.std() > 30


def test_demo_names_a_mismatch(call, tmp_path, monkeypatch):
    """A wrong pixel is told, framed, and makes the exit code 1."""
    few = tmp_path / "pydicom/data/test_files"
    few.mkdir(parents=True)
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (few / name).write_bytes((DATA / name).read_bytes())
    genuine = demo.resources.files
    monkeypatch.setattr(demo.resources, "files", lambda name: tmp_path / name if name == "pydicom" else genuine(name))
    monkeypatch.setattr(demo, "_ROUNDS", 1)
    decode = dt.decode

    def wrong(source, frames=None, **options):
        array = decode(source, frames, **options)
        if "CT_small" in str(source):
            array[5, 5] ^= 1
        return array

    monkeypatch.setattr(dt, "decode", wrong)
    code, out, err = call("demo", "--output", tmp_path / "sheet")
    assert code == 1
    assert "1 of 2 files match" in out
    assert "CT_small.dcm" in err
    assert "differs from dcmturbo" in out
    picture = read_png(tmp_path / "sheet/contact-sheet.png")
    assert (picture == sheet._BAD).all(-1).any()


def test_demo_round_trip_judges():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for options, error, good in (({}, 1, False), ({"near_lossless": 2}, 2, True), ({"near_lossless": 2}, 3, False)):
        trip = demo_encode.RoundTrip("grey", "x", options=options)
        demo_encode._judge(trip, image, image + np.uint8(error))
        assert (trip.good, trip.largest_error) == (good, error)
    trip = demo_encode.RoundTrip("grey", "x", options={"quality": 90})
    demo_encode._judge(trip, image, image[::-1])
    assert not trip.good


def test_demo_sheet_that_cannot_be_written(call, tmp_path, monkeypatch):
    (tmp_path / "pydicom/data/test_files").mkdir(parents=True)
    (tmp_path / "pydicom/data/test_files/CT_small.dcm").write_bytes(CT.read_bytes())
    genuine = demo.resources.files
    monkeypatch.setattr(demo.resources, "files", lambda name: tmp_path / name if name == "pydicom" else genuine(name))
    code, out, err = call("demo", "--output", CT)
    assert code == 1
    assert "1 of 1 files match" in out
    assert "contact-sheet.png" in err


_BASE_ONLY = """
import sys
for name in ("PIL", "gdcm", "pylibjpeg", "openjpeg", "libjpeg", "rle", "jpeg_ls", "tifffile", "SimpleITK", "dicomsdl",
             "pydcm", "fsspec"):
    sys.modules[name] = None
from dcmturbo.cli import demo, main
demo._ROUNDS = 1
sys.exit(main(sys.argv[1:]))
"""


def test_demo_and_bench_with_only_the_base_install(tmp_path):
    def base(*arguments):
        command = [sys.executable, "-c", _BASE_ONLY, *map(str, arguments), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    document = base("demo", "--output", tmp_path)
    assert document["summary"]["files_match"] == document["summary"]["files_checked"] >= 80
    assert {file["fastest_peer"] for file in document["files"]} == {None, "pydicom"}
    document = base("bench", MULTI, RLE, "--rounds", "1")
    assert {engine["name"] for engine in document["engines"] if engine["missing"]} >= {"GDCM", "SimpleITK", "dicomsdl"}
    assert [set(file["decoders"]) - {"dcmturbo, 2 threads"} for file in document["files"]] == [
        {"dcmturbo", "imagecodecs"},
        {"dcmturbo", "imagecodecs", "pydicom"},
    ]


# ---- comparing and timing --------------------------------------------------------------------------


def test_compare():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert peers.compare(image, image.copy(), lossless=True) == ""
    assert peers.compare(image, image + np.uint8(1), lossless=False) == ""
    assert peers.compare(image, image + np.uint8(1), lossless=True) == "12 of 12 samples differ, by up to 1"
    assert "by up to 2" in peers.compare(image, image + np.uint8(2), lossless=False)
    assert "shape" in peers.compare(image, image[:2], lossless=False)
    assert "dtype" in peers.compare(image, image.astype(np.uint16), lossless=False)
    assert peers.compare(image.astype("<u2"), image.astype(">u2"), lossless=True) == ""
    largest = np.full((2, 2), 2**64 - 1, np.uint64)
    assert "differ" in peers.compare(largest, np.zeros_like(largest), lossless=False)


def test_time_in_turn():
    calls = []

    def function(name):
        def call():
            calls.append(name)
            return np.zeros(3)

        return call

    medians, rounds = peers.time_in_turn({"a": function("a"), "b": function("b")}, rounds=3)
    assert rounds == 3
    assert medians.keys() == {"a", "b"}
    assert "".join(calls) == "abbaab"
    calls.clear()
    assert peers.time_in_turn({"a": function("a")}, rounds=100, seconds=0.0)[1] == 3


# ---- generated --------------------------------------------------------------------------------------


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("gdcm", "openjpeg", "PIL", "jpeg_ls", "rle")),
    reason="not all decoders of the digests are installed",
)
def test_demo_digests_are_current():
    script = Path(__file__).parents[2] / "scripts/make_demo_digests.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
