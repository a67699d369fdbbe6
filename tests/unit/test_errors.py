"""The exceptions: what they derive from, what they carry, and that they survive pickling."""

import copy
import pickle

import numpy as np
import pytest

import dcmturbo as dt
from dcmturbo.errors import CODES, make_error

CLASSES = [
    (dt.Error, Exception),
    (dt.DecodeError, ValueError),
    (dt.LimitExceeded, dt.DecodeError),
    (dt.EncodeError, ValueError),
    (dt.UnsupportedTransferSyntax, NotImplementedError),
    (dt.NotDicom, dt.Error),
    (dt.NoPixelData, AttributeError),
]


@pytest.mark.parametrize(("kind", "base"), CLASSES)
def test_each_derives_from_what_callers_catch(kind, base):
    assert issubclass(kind, dt.Error)
    assert issubclass(kind, base)


@pytest.mark.parametrize("kind", [kind for kind, _ in CLASSES])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_everything(kind, protocol):
    error = kind("it is cut", code="truncated", frame=3, offset=77, source="a.dcm")
    error.add_note("a note")
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert (again.message, again.code, again.frame, again.offset) == ("it is cut", "truncated", 3, 77)
        assert (str(again), again.source) == ("a.dcm: frame 3, byte 77: it is cut", "a.dcm")
        assert again.__notes__ == ["a note"]


def test_where_it_happened_is_said_first():
    assert str(dt.DecodeError("x")) == "x"
    assert str(dt.DecodeError("x", frame=0)) == "frame 0: x"
    assert str(dt.DecodeError("x", offset=0)) == "byte 0: x"
    assert str(dt.Error()) == ""


def test_the_warning_of_salvage_survives_pickling():
    status = np.array([0, 3], np.uint8)
    warning = dt.DecodeWarning("one", status=status, errors={1: dt.DecodeError("x", frame=1)})
    again = pickle.loads(pickle.dumps(warning))
    assert str(again) == "one"
    np.testing.assert_array_equal(again.status, status)
    assert again.errors[1].frame == 1
    assert issubclass(dt.DecodeWarning, UserWarning)


def test_each_code_of_the_core_has_a_class():
    for value, name in enumerate(CODES):
        error = make_error(value, "message", frame=1, offset=2)
        assert error.code == name
        assert isinstance(error, dt.Error)
        assert make_error(name, "message").code == name
    assert isinstance(make_error("limit", ""), dt.LimitExceeded)
    assert isinstance(make_error("not_dicom", ""), dt.NotDicom)
    assert isinstance(make_error("no_pixel_data", ""), dt.NoPixelData)


def test_the_codes_are_those_of_the_core():
    import re
    from pathlib import Path

    header = Path(__file__).parents[2] / "csrc" / "base" / "error.h"
    if not header.is_file():
        pytest.skip("the sources are not here")
    body = re.search(r"enum class ErrorCode[^{]*\{(.*?)\}", header.read_text(), re.S).group(1)
    body = re.sub(r"//.*", "", body)
    assert tuple(re.findall(r"([a-z_0-9]+)\s*(?:=\s*\d+)?\s*(?:,|$)", body.strip())) == CODES


def test_a_real_error_crosses_processes():
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode_frame(b"", "RLELossless", rows=2, columns=2, bits_allocated=8)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.code == "truncated"
