"""Warnings of objects that were opened by their path say which object they are about."""

from __future__ import annotations

import pickle
import warnings

import pytest
from helpers.command_line import DATA, run

import dcmturbo as dt

CONTRADICTS = DATA / "SC_rgb_jpeg.dcm"  # implicit VR, in spite of its transfer syntax


def warnings_of(work):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [one.message for one in caught if isinstance(one.message, dt.DecodeWarning)]


@pytest.mark.parametrize("read", [dt.decode, dt.render, lambda path: dt.open(path).close()])
def test_a_warning_ends_with_the_path(read):
    told = warnings_of(lambda: read(CONTRADICTS))
    assert told
    for one in told:
        assert one.source == str(CONTRADICTS)
        assert str(one) == f"{one.reason} (in {CONTRADICTS})"
        assert str(pickle.loads(pickle.dumps(one))) == str(one)


def test_bytes_have_no_name():
    for one in warnings_of(lambda: dt.decode(CONTRADICTS.read_bytes())):
        assert one.source is None
        assert str(one) == one.reason


def test_salvage_names_the_object_once():
    cut = DATA / "MR_truncated.dcm"
    told = [str(one) for one in warnings_of(lambda: dt.decode(cut, on_error="salvage"))]
    assert any("not complete" in text for text in told)
    assert all(text.count(str(cut)) == 1 for text in told)


def test_the_command_names_it_once(tmp_path):
    done = run("decode", CONTRADICTS, "-o", tmp_path / "x.npy")
    lines = [line for line in done.stderr.splitlines() if "warning" in line]
    assert lines
    assert all(line.count(CONTRADICTS.name) == 1 for line in lines)
