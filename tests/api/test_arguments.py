"""Arguments of the public functions: what they mean, and what is refused with words for people."""

import dis
import io

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import encapsulated_file, native_file

import dcmturbo as dt

SHAPE = (12, 16)
ARRAYS = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
MODULE = {"rows": SHAPE[0], "columns": SHAPE[1]}
FILES = {
    "native": native_file(ARRAYS.tobytes(), frames=3, **MODULE),
    "rle": encapsulated_file([dt.encode_frame(a, "RLELossless") for a in ARRAYS], "rle", **MODULE),
}


@pytest.fixture(params=list(FILES))
def path(request, tmp_path):
    path = tmp_path / "object.dcm"
    path.write_bytes(FILES[request.param])
    return path


# --- frames= --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frames", [0, -1, np.int64(1), np.array(2), [], [2, 0], (1,), range(3), np.array([0, -1], np.int16), slice(None, 0)]
)
def test_frames_that_are_asked_for(path, frames):
    several = isinstance(frames, (list, tuple, range))
    np.testing.assert_array_equal(dt.decode(path, frames), ARRAYS[np.array(frames, int) if several else frames])


@pytest.mark.parametrize(
    "frames",
    # A mask is not a list of numbers, though its elements count as 0 and 1.
    [True, np.True_, [True, False, True], [np.False_], np.ones(3, bool), 1.0, [1.5], "1", b"1", ..., [[1]]],
    ids=repr,
)
def test_what_names_no_frame(path, frames):
    with (
        dt.open(path) as image,
        pytest.raises(TypeError, match="frames must be None, an int, a slice or a sequence of ints"),
    ):
        image.read(frames)


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(FILES))
def test_an_output_in_the_memory_of_the_source_is_refused(kind):
    memory = bytearray(FILES[kind]) + bytearray(ARRAYS.size)
    out = np.frombuffer(memory, np.uint8)[len(FILES[kind]) - 64 :][: ARRAYS.size].reshape(ARRAYS.shape)
    before = bytes(memory)
    with pytest.raises(ValueError, match="out shares memory with the source"):
        dt.decode(memory, out=out)
    with pytest.raises(ValueError, match="out shares memory with the source"):
        dt.decode_series([memory], out=out)
    assert memory == before
    apart = np.frombuffer(memory, np.uint8)[len(FILES[kind]) :][: ARRAYS.size].reshape(ARRAYS.shape)
    np.testing.assert_array_equal(dt.decode(memoryview(memory)[: len(FILES[kind])], out=apart), ARRAYS)


@pytest.mark.parametrize("keyword", ["RLELossless", "JPEGLSLossless", "ExplicitVRLittleEndian"])
def test_an_output_in_the_memory_of_the_frame_is_refused(keyword):
    frame = dt.encode_frame(ARRAYS[0], keyword)
    memory = bytearray(frame) + bytearray(ARRAYS[0].size)
    out = np.frombuffer(memory, np.uint8)[len(frame) - 16 :][: ARRAYS[0].size].reshape(SHAPE)
    with pytest.raises(ValueError, match="out shares memory with the source"):
        dt.decode_frame(memoryview(memory)[: len(frame)], keyword, **MODULE, bits_allocated=8, out=out)
    assert memory[: len(frame)] == frame


# --- fill_value= ----------------------------------------------------------------------------------


@pytest.mark.parametrize("prefer", ["own", "library"])
def test_fill_values_are_numbers(prefer):
    cut = FILES["rle"][:-150]
    with dt.config.override(prefer=prefer):
        for value, expected in ((300, 255), (10**400, 255), (-(10**400), 0), (float("nan"), 0), (2.9, 2), (True, 1)):
            with pytest.warns(dt.DecodeWarning):
                assert dt.decode(cut, on_error="salvage", fill_value=value)[-1, -1, -1] == expected
        for value in (None, "0", 1j, [0]):
            with pytest.raises(TypeError, match=r"fill_value is .*; expected a number"):
                dt.decode(cut, on_error="salvage", fill_value=value)


# --- one frame ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [None, 3, "frame", ["frame"], [1, 2], 1j], ids=repr)
def test_data_that_are_none(data):
    for keyword in ("RLELossless", "JPEGLSLossless"):
        with pytest.raises(TypeError, match="data must be a bytes-like object, or a sequence of bytes-like objects"):
            dt.decode_frame(data, keyword, **MODULE, bits_allocated=8)
    for function in (dt.probe, dt.decode_components):
        with pytest.raises(TypeError, match="data must be a bytes-like object, or a sequence of bytes-like objects"):
            function(data)


@pytest.mark.parametrize("keyword", ["RLELossless", "JPEGLSLossless"])
def test_attributes_of_the_wrong_kind(keyword):
    frame = dt.encode_frame(ARRAYS[0], keyword)
    good = {**MODULE, "bits_allocated": 8}
    for name in ("rows", "columns"):
        with pytest.raises(ValueError, match=f"{name} is"):
            dt.decode_frame(frame, keyword, **{**good, name: 2**40})
    for wrong in ({"rows": 12.0}, {"bits_allocated": "8"}, {"photometric_interpretation": 5}, {"reduce": 1.0}):
        with pytest.raises(TypeError, match=r"cannot be interpreted as an integer|photometric_interpretation is"):
            dt.decode_frame(frame, keyword, **{**good, **wrong})
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        dt.decode_components(dt.encode_frame(ARRAYS[0], "JPEG2000Lossless"), reduce=1.0)


# --- series ---------------------------------------------------------------------------------------


def test_a_series_is_not_one_path(path):
    for one in (str(path), path, path.read_bytes(), io.BytesIO(path.read_bytes()), pydicom.dcmread(path)):
        with pytest.raises(TypeError, match="decode_series needs several sources"):
            dt.decode_series(one)


# --- encoding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("keyword", ["RLELossless", "JPEGLSLossless", "DeflatedImageFrameCompression"])
def test_attributes_that_nothing_can_be_encoded_with(keyword):
    colour = np.zeros((*SHAPE, 3), np.uint8)
    for wrong in ({"bits_stored": v} for v in (-1, 0, 9, 2**40)):
        with pytest.raises(dt.EncodeError, match=r"(?i)bits_?\s?stored"):
            dt.encode_frame(ARRAYS[0], keyword, **wrong)
    for value in (-1, 2, 300):
        with pytest.raises(dt.EncodeError, match="planar_configuration is"):
            dt.encode_frame(colour, keyword, planar_configuration=value)
    for wrong in ({"bits_stored": 8.0}, {"photometric_interpretation": 5}):
        with pytest.raises(TypeError, match=r"cannot be interpreted as an integer|photometric_interpretation is"):
            dt.encode_frame(ARRAYS[0], keyword, **wrong)


def test_a_frame_reaches_the_core_without_a_dict():
    """CPython collects the arguments of a call in a dict if there are too many: a fifth of a small frame's time."""
    names = {one.opname for one in dis.get_instructions(dt.decode_frame)}
    assert not names & {"CALL_FUNCTION_EX", "BUILD_CONST_KEY_MAP", "BUILD_MAP", "DICT_MERGE"}
