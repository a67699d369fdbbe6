"""The command line with people who mistype, know other programs, or read in a narrow window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest
from helpers.command_line import CT, DATA, MULTI, REPORT, RLE, run

import dcmturbo as dt
from dcmturbo.cli.arguments import rewrapped
from dcmturbo.formats.names import ALIASES, name_transfer_syntax, similar_syntaxes
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES

COMMANDS = (
    "info",
    "decode",
    "encode",
    "slide",
    "volume",
    "masks",
    "transcode",
    "verify",
    "demo",
    "bench",
    "completion",
)


# ---- names of transfer syntaxes -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("jls", "JPEGLSLossless"),
        ("JPEG-LS", "JPEGLSLossless"),
        ("j2k", "JPEG2000Lossless"),
        ("htj2k", "HTJ2KLossless"),
        ("HTJ2K", "HTJ2K"),  # a keyword as it is stays what it is
        ("jxl", "JPEGXLLossless"),
        ("rle", "RLELossless"),
        ("htj2klossless", "HTJ2KLossless"),
        ("LittleEndianExplicit", "ExplicitVRLittleEndian"),  # DCMTK
        ("JPEGProcess14SV1", "JPEGLosslessSV1"),
        ("JPEG2000LosslessOnly", "JPEG2000Lossless"),
        ("JPEGLossless:Non-hierarchical-1stOrderPrediction", "JPEGLosslessSV1"),
        ("JPEGLosslessProcess14_1", "JPEGLosslessSV1"),  # GDCM
        ("JPEGExtendedProcess2_4", "JPEGExtended12Bit"),
        (".4.80", "JPEGLSLossless"),
        ("1.2.840.10008.1.2.5", "RLELossless"),
        (" RLELossless ", "RLELossless"),
    ],
)
def test_names_of_transfer_syntaxes(name, keyword):
    assert name_transfer_syntax(name).keyword == keyword


def test_aliases_are_plain_and_lead_to_keywords():
    keywords = {syntax.keyword for syntax in TRANSFER_SYNTAXES}
    assert set(ALIASES.values()) <= keywords
    assert all(alias.isalnum() and alias == alias.lower() for alias in ALIASES)
    # A keyword in lower case is another one's short name in one case only, and that one loses nothing.
    clashes = {name for name in ALIASES if name in {keyword.lower() for keyword in keywords}}
    assert {name for name in clashes if ALIASES[name].lower() != name} == {"htj2k"}


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_names_of_the_standard(syntax):
    assert name_transfer_syntax(syntax.name) == syntax
    assert name_transfer_syntax(syntax.name.upper()) == syntax


def test_names_of_dcmtk():
    for name, keyword in (
        ("EXS_LittleEndianImplicit", "ImplicitVRLittleEndian"),
        ("EXS_JPEGProcess14SV1", "JPEGLosslessSV1"),
        ("EXS_JPEGLSLossy", "JPEGLSNearLossless"),
        ("EXS_JPEG2000LosslessOnly", "JPEG2000Lossless"),
        ("EXS_HighThroughputJPEG2000LosslessOnly", "HTJ2KLossless"),
        ("EXS_HighThroughputJPEG2000", "HTJ2K"),
    ):
        assert name_transfer_syntax(name).keyword == keyword


@pytest.mark.parametrize(
    ("flag", "keyword"),
    [
        ("+e1", "JPEGLosslessSV1"),
        ("+te", "ExplicitVRLittleEndian"),
        ("+ti", "ImplicitVRLittleEndian"),
        ("--j2k", "JPEG2000Lossless"),
        ("-K", "JPEG2000Lossless"),
        ("--jpegls", "JPEGLSLossless"),
        ("-J", "JPEGLosslessSV1"),
        ("--rle", "RLELossless"),
        ("--raw", "ExplicitVRLittleEndian"),
        ("--encode-lossless-sv1", "JPEGLosslessSV1"),
    ],
)
def test_options_of_other_programs_are_names(call, tmp_path, flag, keyword):
    assert name_transfer_syntax(flag).keyword == keyword
    assert call("transcode", CT, tmp_path / "x.dcm", "--to", flag)[0] == 0
    with dt.open(tmp_path / "x.dcm") as image:
        assert image.transfer_syntax == name_transfer_syntax(keyword).uid
    code, _, err = call("transcode", CT, tmp_path / "y.dcm", flag)
    assert code == 2
    assert f"{flag} is an option of another program: did you mean --to {keyword}?" in " ".join(err.split())
    assert not (tmp_path / "y.dcm").exists()


def test_an_option_of_two_meanings_is_not_guessed(call, tmp_path):
    for arguments in (("--to", "+el"), ("+el",), ("--to", "--encode-lossless")):
        code, _, err = call("transcode", CT, tmp_path / "x.dcm", *arguments)
        assert code == 2
        assert "JPEGLossless or JPEGLSLossless?" in " ".join(err.split())


def test_short_names_lose_nothing():
    for alias in ("jls", "j2k", "jp2", "htj2k", "jxl", "jpll", "rle"):
        assert name_transfer_syntax(alias).lossless_only, alias


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTJ2KLosless", "HTJ2KLossless"),
        ("JPEGLSLosless", "JPEGLSLossless"),
        ("ExplicitLittleEndain", "ExplicitVRLittleEndian"),
        ("jpeg", "JPEGBaseline8Bit"),
        ("RLELosless", "RLELossless"),
    ],
)
def test_suggestions(call, tmp_path, text, expected):
    assert expected in similar_syntaxes(text)
    code, _, err = call("transcode", CT, tmp_path / "x.dcm", "--to", text)
    assert code == 2
    assert "did you mean" in err
    assert expected in err
    assert not list(tmp_path.iterdir())


def test_what_is_like_nothing_gets_no_suggestion(call, tmp_path):
    assert similar_syntaxes("1.2.3.4") == []
    code, _, err = call("transcode", CT, tmp_path / "x.dcm", "--to", "qqqq")
    assert code == 2
    assert "did you mean" not in err


def test_python_suggests_too(tmp_path):
    with pytest.raises(dt.UnsupportedTransferSyntax, match="did you mean HTJ2KLossless"):
        dt.transcode(CT, tmp_path / "x.dcm", "HTJ2KLosless")


def test_transcode_takes_short_names(call, tmp_path):
    assert call("transcode", CT, tmp_path / "x.dcm", "--to", "jls")[0] == 0
    with dt.open(tmp_path / "x.dcm") as image:
        assert image.transfer_syntax == "1.2.840.10008.1.2.4.80"
    (tmp_path / "in").mkdir()
    shutil.copy(tmp_path / "x.dcm", tmp_path / "in")
    shutil.copy(RLE, tmp_path / "in")
    arguments = ("transcode", tmp_path / "in", tmp_path / "out", "--to", "explicit", "--from", "rle")
    assert call(*arguments)[0] == 0
    with dt.open(tmp_path / "out/x.dcm") as one, dt.open(tmp_path / "out" / RLE.name) as other:
        assert one.transfer_syntax.endswith(".80")
        assert other.transfer_syntax == "1.2.840.10008.1.2.1"


# ---- options and commands -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("decod", CT), "did you mean decode?"),
        (("decode", CT, "-o", "x.npy", "--widnow", "auto"), "did you mean --window?"),
        (("decode", CT, "-o", "x.npy", "+Wi", "1"), "did you mean --window?"),
        (("decode", CT, "-o", "x.npy", "--overwrite"), "did you mean --force?"),
        (("decode", CT, "-o", "x.npy", "--format", "pgn"), "did you mean png?"),
        (("transcode", CT, "x.dcm", "--target", "jls"), "did you mean --to?"),
        (("info", CT, "--ful1"), "did you mean --full?"),
    ],
)
def test_mistyped_words_get_a_suggestion(call, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["info", "decode", "transcode", "verify", "encode"])
def test_errors_of_usage_show_the_usage_of_the_command(call, command):
    code, _, err = call(command, CT, "--no-such-option")
    assert code == 2
    assert err.startswith(f"usage: dcmturbo {command}")


def test_errors_of_values_show_the_usage_too(call):
    code, _, err = call("decode", CT, "-o", "x.npy", "--size", "5")
    assert code == 2
    assert err.startswith("usage: dcmturbo decode")
    assert "--size is for pictures" in err


@pytest.mark.parametrize("arguments", [("-V",), ("--version",)])
def test_version(call, arguments):
    assert call(*arguments) == (0, f"dcmturbo {dt.__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_a_command(call, command):
    assert call("help", command) == call(command, "--help")
    assert f"  {command} " in call("help")[1]


def test_quiet(call, tmp_path):
    assert call("decode", CT, "-o", tmp_path / "x.npy", "-q") == (0, "", "")
    assert call("info", CT, "--quiet") == (0, "", "")
    assert call("info", tmp_path / "absent", "-q")[0] == 1


@pytest.mark.parametrize("module", ["dcmturbo", "dcmturbo.cli"])
def test_as_a_module(module):
    done = subprocess.run([sys.executable, "-m", module, "-V"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, f"dcmturbo {dt.__version__}\n")


# ---- what is not what a command expects ---------------------------------------------------------


def test_a_file_without_pixels_says_how_to_look_at_it(call, tmp_path):
    code, _, err = call("decode", REPORT, "-o", tmp_path / "x.png")
    assert code == 1
    assert f"dcmturbo info {REPORT}" in err


def test_a_folder_is_no_file():
    with pytest.raises(IsADirectoryError, match="it is a folder: name a file in it"):
        dt.decode(DATA)


def test_missing_folders_of_the_output_are_made(call, tmp_path):
    assert call("decode", CT, "-o", tmp_path / "new/deep/x.png")[0] == 0
    assert call("transcode", CT, tmp_path / "other/deep/x.dcm", "--to", "rle")[0] == 0
    assert call("encode", tmp_path / "new/deep/x.png", "-o", tmp_path / "third/x.dcm")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"new", "other", "third"}


def test_an_output_that_looks_like_a_file_is_no_folder(call, tmp_path):
    code, _, err = call("decode", DATA / "dicomdirtests", "-o", tmp_path / "x.nii")
    assert code == 2
    assert "no suffix of a known format" in err
    assert not list(tmp_path.iterdir())
    code, _, err = call("encode", CT, "-o", tmp_path)
    assert code == 1
    assert "is a folder: OUT must name a file" in err


# ---- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_breaks_no_words_at_60_columns(call, monkeypatch, command):
    wide = set()
    monkeypatch.setenv("COLUMNS", "1000")
    wide |= set(call(*command, "--help")[1].split())
    monkeypatch.setenv("COLUMNS", "60")
    narrow = call(*command, "--help")[1]
    assert set(narrow.split()) <= wide
    long = [line for line in narrow.splitlines() if len(line) > 60]
    # Only what has no space in it is longer, besides the usage of an option with its choices.
    assert all(" " not in line.strip() or "{" in line or "[" in line for line in long), long


def test_wrapping_keeps_columns():
    text = """A paragraph of several words
in two lines.

  npy    the array in one file
         of numpy
  png    a picture
"""
    assert rewrapped(text, 22).splitlines() == [
        "A paragraph of several",
        "words in two lines.",
        "",
        "  npy    the array in",
        "         one file of",
        "         numpy",
        "  png    a picture",
    ]


# ---- census -------------------------------------------------------------------------------------


def test_a_tree_gets_a_census(call, call_json, tmp_path):
    for k in range(3):
        shutil.copy(CT, tmp_path / f"ct{k}.dcm")
    for source in (RLE, MULTI, REPORT):
        shutil.copy(source, tmp_path)
    (tmp_path / "notes.txt").write_text("none\n" * 100)
    code, document = call_json("info", tmp_path)
    assert code == 0
    census = document["census"]
    native = census["by_transfer_syntax"]["Explicit VR Little Endian"]
    assert (native["files"], native["frames"], native["bytes"]) == (3, 3, 3 * CT.stat().st_size)
    assert native["ratio"] == 1
    assert census["by_transfer_syntax"]["RLE Lossless"]["frames"] == 2
    assert census["by_transfer_syntax"]["without pixel data"]["files"] == 1
    assert census["by_image"]["128 x 128, 16 of 16 bits"]["files"] == 3
    assert census["by_modality"]["CT"]["files"] == 3
    assert (census["all"]["files"], census["all"]["frames"]) == (6, 35)
    out = call("info", tmp_path)[1]
    assert "by transfer syntax" in out
    assert "ct1.dcm" in out


# ---- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--json", "info", CT), "the command comes before its options: dcmturbo COMMAND --json"),
        (("-q",), "the command comes before its options"),
        (("helpp",), "did you mean help?"),
        (("decode", CT, "-o", "x", "--to", "RLELossless"), "--to is an option of encode, transcode, deidentify"),
    ],
)
def test_what_stands_in_the_wrong_place_is_said(call, arguments, expected):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert expected in err


def test_a_suggestion_is_like_the_word_and_not_like_its_dashes(call):
    for command, words in (("decode", ["-o", "x", "--version"]), ("info", ["--version"]), ("info", ["--jsn"])):
        err = call(command, CT, *words)[2]
        assert ("did you mean --json?" in err) == (words == ["--jsn"])


@pytest.mark.parametrize("command", ["decode", "transcode", "deidentify", "bench"])
def test_errors_of_usage_are_short(call, command):
    """A page of options hid what was wrong."""
    err = call(command, CT, "--no-such-option")[2]
    assert len(err.splitlines()) <= 4
    assert f"dcmturbo {command} --help" in err
    assert err.splitlines()[-1].startswith(f"dcmturbo {command}: error: ")


def test_without_a_command_the_help_is_shown(call):
    code, out, err = call()
    assert (code, out) == (2, "")
    assert "transcode" in err
    assert err.endswith("dcmturbo: error: expected a COMMAND\n")
    code, out, err = call("help", "help")
    assert (code, err) == (0, "")
    assert "transcode" in out


@pytest.mark.skipif(sys.platform == "win32", reason="a program of Windows always has its streams")
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
@pytest.mark.parametrize("arguments", [("info", CT), ("info", CT, "--json"), ("completion", "bash"), ("info", "no")])
def test_a_closed_stream_is_no_traceback(closed, arguments):
    number = {"stdout": 1, "stderr": 2}[closed]
    words = " ".join(f"'{word}'" for word in (sys.executable, "-m", "dcmturbo", *arguments))
    done = subprocess.run(
        ["sh", "-c", f"exec {words} {number}>&-"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == (1 if "no" in arguments else 0), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")
@pytest.mark.parametrize("command", ["volume", "info"])
def test_a_reader_that_ends_is_no_failure_of_a_file(command):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken:
        done = subprocess.run(
            [sys.executable, "-m", "dcmturbo", command, str(CT)], stdout=broken, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_descriptions_of_options_are_paragraphs(width):
    """They were wrapped twice: a line of one word followed a full one."""
    done = run("help", "transcode", env={**os.environ, "COLUMNS": str(width)})
    lines = done.stdout.splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("  code_block_width ("))
    start = next(k for k in range(first, len(lines)) if lines[k].startswith("      The width of a code-block"))
    end = next(k for k in range(start, len(lines)) if lines[k].startswith("  code_block_height ("))
    paragraph = lines[start:end]
    assert all(line.startswith("      ") and line[6] != " " for line in paragraph)
    for line, following in pairwise(paragraph):
        assert len(line) + 1 + len(following.split()[0]) > width - 2
