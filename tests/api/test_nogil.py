"""`dcmturbo.nogil`: frames decoded and encoded from Numba and Cython, without the GIL."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import CT
from helpers.pages import blocks

import dcmturbo as dt
from dcmturbo import c_interface, nogil

ROOT = Path(__file__).parents[2]
FRAMES = np.cumsum(np.random.default_rng(1).integers(-2, 3, (40, 64, 48)), axis=2).astype(np.int16)
DESCRIPTION = {"rows": 64, "columns": 48, "bits_allocated": 16, "pixel_representation": 1}


# ---- the layout ---------------------------------------------------------------------------------


def table_of_functions() -> list[str]:
    text = (ROOT / "csrc" / "dcmturbo_capsule.h").read_text(encoding="utf-8")
    struct = re.search(r"typedef struct dcmturbo_api \{(.*?)\} dcmturbo_api;", text, re.S)[1]
    return re.findall(r"\(\*(\w+)\)\((?!\*)", re.sub(r"\(\*(?:body|take|report)\)\([^)]*\)", "", struct))


@pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="the sources are not here")
def test_positions_are_those_of_the_header():
    names = table_of_functions()
    assert {name: names.index(name) for name in c_interface.POSITIONS} == c_interface.POSITIONS


@pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="the sources are not here")
def test_the_pxd_is_a_prefix_of_the_header():
    text = Path(nogil.__file__).with_suffix(".pxd").read_text(encoding="utf-8")
    struct = text[text.index("ctypedef struct dcmturbo_api") : text.index("cdef inline")]
    names = [found[0] or found[1] for found in re.findall(r"^    (?:void\* (\w+)$|.*?\(\*(\w+)\)\()", struct, re.M)]
    assert names == table_of_functions()[: len(names)]
    assert "encode_frame" in names
    header = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "csrc" / "interface").glob("*.h"))
    for name in ("error", "bytes", "attributes", "format", "region", "request", "image"):
        ours = re.search(rf"ctypedef struct dcmturbo_{name}:\n((?:    .*\n)+)", text)[1]
        theirs = re.search(rf"typedef struct dcmturbo_{name} \{{(.*?)\}} dcmturbo_{name};", header, re.S)[1]
        theirs = re.sub(r"/\*.*?\*/", "", theirs, flags=re.S)
        fields = [part.strip(" *") for line in re.findall(r"[^;]+;", theirs) for part in
                  re.sub(r"^\s*(?:const )?\w+[ *]+", "", line.strip(" \n;")).split(",")]  # fmt: skip
        assert [re.sub(r"\[\d+\]", "", field) for field in fields] == re.findall(r"(\w+)$", ours, re.M)


def test_sizes_are_those_of_the_core():
    error = c_interface.Error(size=ctypes.sizeof(c_interface.Error))
    assert ctypes.sizeof(error) == c_interface.ERROR_BYTES
    assert [ctypes.sizeof(kind) for kind in (c_interface.Attributes, c_interface.Format, c_interface.Request)] == [
        24,
        24,
        24,
    ]
    described = nogil.describe_frame("RLELossless", **DESCRIPTION)
    form = c_interface.Format.from_buffer(described, 8 * c_interface.FORMAT)
    assert (form.rows, form.columns, form.samples_per_pixel, form.notes) == (64, 48, 1, 0)


@pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="the sources are not here")
def test_an_error_struct_of_the_first_version_is_not_written_beyond_its_end(monkeypatch):
    monkeypatch.setitem(c_interface.POSITIONS, "set_settings", table_of_functions().index("set_settings"))
    set_settings = c_interface.core_function("set_settings", ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
    settings = (ctypes.c_uint8 * 64)(*[0xFF] * 64)  # of an instruction set that does not exist
    ctypes.c_uint32.from_buffer(settings).value = 64
    first = c_interface.Error.states_whole.offset
    memory = (ctypes.c_uint8 * 1024)(*[0xAA] * 1024)
    error = c_interface.Error.from_buffer(memory)
    error.size = first
    assert set_settings(ctypes.byref(settings), ctypes.byref(error)) != 0
    assert error.message
    assert bytes(memory[first:]) == b"\xaa" * (1024 - first)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": -1}, "rows is -1"),
        ({"bits_allocated": 12}, "12"),
        ({"rows": 0}, "0"),
        ({"pixel_representation": 2}, "pixel_representation is 2"),
        ({"unused_bits": "drop"}, "unused_bits"),
    ],
)
def test_descriptions_of_no_frame(change, words):
    with pytest.raises(ValueError, match=words):
        nogil.describe_frame("RLELossless", **DESCRIPTION | change)


def test_attributes_are_whole_numbers():
    with pytest.raises(TypeError, match="rows is '64'; expected a whole number"):
        nogil.describe_frame("RLELossless", **DESCRIPTION | {"rows": "64"})


def test_transfer_syntaxes_that_are_not_decoded():
    with pytest.raises(dt.UnsupportedTransferSyntax):
        nogil.describe_frame("MPEG2MPML", **DESCRIPTION)
    with pytest.raises(AttributeError, match="no attribute"):
        _ = nogil.decode_series


@pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="the sources are not here")
def test_meanings_are_of_codes_of_the_core():
    from dcmturbo.errors import CODES

    assert CODES[c_interface.ARGUMENT] == "argument"
    assert CODES[1] == "truncated"
    assert set(nogil._MEANINGS) <= set(range(len(CODES)))
    assert nogil.error_of(0) == "no error"
    assert nogil.error_of(-1) == nogil.error_of(1) == "the data end too early"


def test_without_numba_the_error_says_what_to_install():
    program = "import sys; sys.modules['numba'] = None\nfrom dcmturbo import nogil\nnogil.decode_frame"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "pip install 'dcmturbo[jit]'" in done.stderr


# ---- Numba --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jit():
    """Functions that Numba compiles, of one frame and of many."""
    numba = pytest.importorskip("numba")

    @numba.njit(nogil=True)
    def decode_all(description, data, offsets, out, first, end):
        failures = 0
        for k in range(first, end):
            if nogil.decode_frame(description, data[offsets[k] : offsets[k + 1]], out[k]) != 0:
                failures += 1
        return failures

    @numba.njit(nogil=True)
    def decode(description, data, out):
        return nogil.decode_frame(description, data, out)

    @numba.njit(nogil=True)
    def encode(description, array, to):
        return nogil.encode_frame(description, array, to)

    return decode_all, decode, encode


def joined(encoded: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, encoded)])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


@pytest.mark.parametrize(
    "syntax", ["RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless"]
)
def test_numba_decodes_what_was_encoded(jit, syntax):
    decode_all, _, _ = jit
    data, offsets = joined([dt.encode_frame(frame, syntax) for frame in FRAMES])
    out = np.zeros_like(FRAMES)
    description = nogil.describe_frame(syntax, **DESCRIPTION)
    assert decode_all(description, data, offsets, out, 0, len(FRAMES)) == 0
    np.testing.assert_array_equal(out, FRAMES)


def test_numba_threads_share_a_description(jit):
    decode_all, _, _ = jit
    data, offsets = joined([dt.encode_frame(frame, "RLELossless") for frame in FRAMES])
    out = np.zeros_like(FRAMES)
    description = nogil.describe_frame("RLELossless", **DESCRIPTION)
    half = len(FRAMES) // 2
    threads = [
        threading.Thread(target=decode_all, args=(description, data, offsets, out, first, first + half))
        for first in (0, half)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(out, FRAMES)


@pytest.mark.parametrize("form", ["contiguous", "rows apart", "columns apart", "backwards", "Fortran"])
def test_numba_takes_any_strides(jit, form):
    _, decode, encode = jit
    description = nogil.describe_frame("RLELossless", **DESCRIPTION)
    place = {
        "contiguous": lambda: np.zeros((64, 48), np.int16),
        "rows apart": lambda: np.zeros((64, 100), np.int16)[:, :48],
        "columns apart": lambda: np.zeros((64, 96), np.int16)[:, ::2],
        "backwards": lambda: np.zeros((64, 48), np.int16)[::-1],
        "Fortran": lambda: np.zeros((64, 48), np.int16, order="F"),
    }[form]
    out = place()
    assert decode(description, np.frombuffer(dt.encode_frame(FRAMES[3], "RLELossless"), np.uint8), out) == 0
    np.testing.assert_array_equal(out, FRAMES[3])
    to = np.empty(2 * FRAMES[3].nbytes + 4096, np.uint8)
    size = encode(description, out, to)
    assert to[:size].tobytes() == dt.encode_frame(FRAMES[3], "RLELossless")


def test_numba_decodes_colours(jit):
    _, decode, encode = jit
    rgb = np.random.default_rng(2).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    description = nogil.describe_frame(
        "RLELossless", rows=30, columns=20, samples_per_pixel=3, bits_allocated=8, photometric_interpretation="RGB"
    )
    out = np.zeros_like(rgb)
    assert decode(description, np.frombuffer(dt.encode_frame(rgb, "RLELossless"), np.uint8), out) == 0
    np.testing.assert_array_equal(out, rgb)
    to = np.empty(2 * rgb.nbytes + 4096, np.uint8)
    assert to[: encode(description, rgb, to)].tobytes() == dt.encode_frame(rgb, "RLELossless")


def test_numba_gets_codes_for_what_fails(jit):
    _, decode, encode = jit
    description = nogil.describe_frame("RLELossless", **DESCRIPTION)
    data = np.frombuffer(dt.encode_frame(FRAMES[0], "RLELossless"), np.uint8)
    out = np.zeros_like(FRAMES[0])
    assert decode(description, data[: len(data) // 2].copy(), out) > 0
    assert decode(description, data[:0].copy(), out) > 0
    for wrong in (out[:63], out[:, :47], out.astype(np.uint8), out.astype(np.int32), np.zeros((64, 48, 3), np.int16)):
        before = wrong.copy()
        assert decode(description, data, wrong) == c_interface.ARGUMENT
        np.testing.assert_array_equal(wrong, before)
    assert decode(description[:20].copy(), data, out) == c_interface.ARGUMENT
    to = np.full(5000, 7, np.uint8)
    assert encode(description, FRAMES[0], to[:100]) < 0
    np.testing.assert_array_equal(to[100:], 7)
    assert encode(description, FRAMES[0][:5], to) == -c_interface.ARGUMENT


SYNTAXES = ("RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless")


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_encoded_frame_that_fits_is_written(jit, syntax, dtype):
    """A buffer with less room than the worst pixels need is filled if these pixels fit, and never beyond its end."""
    _, _, encode = jit
    noise = np.random.default_rng(3).integers(0, np.iinfo(dtype).max + 1, (64, 48)).astype(dtype)
    description = nogil.describe_frame(syntax, rows=64, columns=48, bits_allocated=8 * noise.itemsize)
    expected = dt.encode_frame(noise, syntax).rstrip(b"\0")
    for size in (nogil.encode_bound(description), 2 * noise.nbytes + 4096, len(expected) + 2):
        memory = np.full(size + 64, 7, np.uint8)
        written = encode(description, noise, memory[:size])
        assert memory[:written].tobytes().rstrip(b"\0") == expected
        np.testing.assert_array_equal(memory[size:], 7)
    memory = np.full(len(expected) + 64, 7, np.uint8)
    assert encode(description, noise, memory[: len(expected) - 2]) == -c_interface.ARGUMENT
    np.testing.assert_array_equal(memory[len(expected) - 2 :], 7)


def test_bounds_of_what_is_not_encoded():
    with pytest.raises(dt.UnsupportedTransferSyntax, match="no encoder of its own"):
        nogil.encode_bound(nogil.describe_frame("JPEGXLLossless", **DESCRIPTION))
    with pytest.raises(ValueError, match="describe_frame"):
        nogil.encode_bound(np.zeros(3, np.uint64))


def test_bytes_with_gaps_get_a_code_and_nothing_is_read_or_written_outside(jit):
    _, decode, encode = jit
    description = nogil.describe_frame("RLELossless", **DESCRIPTION)
    data = np.frombuffer(dt.encode_frame(FRAMES[0], "RLELossless"), np.uint8)
    out = np.zeros_like(FRAMES[0])
    assert decode(description, np.repeat(data, 2)[::2], out) == c_interface.ARGUMENT
    assert decode(description, data[::-1].copy()[::-1], out) == c_interface.ARGUMENT
    assert decode(np.repeat(description, 2)[::2], data, out) == c_interface.ARGUMENT
    assert not out.any()
    memory = np.full(60000, 7, np.uint8)
    for to in (memory[20000:60000:2], memory[40000:20000:-1]):
        assert encode(description, FRAMES[0], to) == -c_interface.ARGUMENT
    np.testing.assert_array_equal(memory, 7)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("decode(description, data, read_only)", "decode_frame: out is written to"),
        ("decode(description, data.view(np.uint16), out)", "decode_frame: data is a contiguous array of uint8"),
        ("decode(description, data.tobytes(), out)", "decode_frame: data is a contiguous array of uint8"),
        ("decode(description, data, out.ravel())", "decode_frame: out is an array of the shape"),
        ("decode('RLELossless', data, out)", "decode_frame: the description is the array that describe_frame"),
        ("encode(description, out, data)", "encode_frame: to is written to"),
        ("encode(description, out, bytearray(9))", "encode_frame: to is a contiguous array of uint8"),
    ],
)
def test_numba_says_what_is_expected_when_types_cannot_work(jit, call, words):
    from numba.core.errors import TypingError

    _, decode, encode = jit
    out = np.zeros_like(FRAMES[0])
    read_only = np.frombuffer(bytes(out.nbytes), np.int16).reshape(out.shape)
    data = np.frombuffer(bytes(128), np.uint8)
    names = {"decode": decode, "encode": encode, "np": np, "out": out, "read_only": read_only, "data": data}
    names["description"] = nogil.describe_frame("RLELossless", **DESCRIPTION)
    with pytest.raises(TypingError, match=re.escape(f"dcmturbo.nogil.{words}")):
        eval(call, names)
    assert not read_only.any()


def test_the_example_runs():
    pytest.importorskip("numba")
    subprocess.run([sys.executable, str(ROOT / "examples" / "numba_frames.py")], check=True, timeout=300)


def test_the_page_runs(tmp_path, monkeypatch):
    pytest.importorskip("numba")
    shutil.copy(CT, tmp_path / "ct.dcm")
    monkeypatch.chdir(tmp_path)
    made: dict[str, object] = {}
    for block in blocks(ROOT / "docs" / "compiled-code.md"):
        if block.kind == "python" and not block.reason:
            exec(block.text, made)
    expected = np.sqrt(np.maximum(dt.decode(CT), 0).astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(made["roots"], expected)


# ---- Cython -------------------------------------------------------------------------------------


def test_cython_decodes_without_the_gil(tmp_path, monkeypatch):
    """The example is compiled with the .pxd of the package and the setup.py of the page, and nothing is linked."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    source = tmp_path / "frames.pyx"
    source.write_text((ROOT / "examples" / "cython_frames.pyx").read_text(encoding="utf-8"), encoding="utf-8")
    page = blocks(ROOT / "docs" / "compiled-code.md")
    (setup,) = [block.text for block in page if block.kind == "python" and block.reason]
    (tmp_path / "setup.py").write_text(setup.replace("cython_frames.pyx", "frames.pyx"), encoding="utf-8")
    paths = os.pathsep.join([str(Path(dt.__file__).parents[1]), *filter(None, sys.path)])
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=tmp_path, check=True, timeout=300,
        env=os.environ | {"PYTHONPATH": paths, "CFLAGS": "-O1 -w"},
    )  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    frames = importlib.import_module("frames")
    data, offsets = joined([dt.encode_frame(frame, "JPEGLSLossless") for frame in FRAMES])
    out = np.zeros_like(FRAMES)
    frames.decode_all(b"1.2.840.10008.1.2.4.80", data, offsets.astype(np.int64), out)
    np.testing.assert_array_equal(out, FRAMES)
    with pytest.raises(ValueError, match="frame 0"):
        frames.decode_all(b"1.2.840.10008.1.2.4.80", data[:60].copy(), np.array([0, 60]), out[:1])
    squares = nogil.FrameFunction(frames.__pyx_capi__["squares"], np.int16, np.float32)
    np.testing.assert_array_equal(dt.decode(CT, apply=squares), dt.decode(CT).astype(np.float32) ** 2)
