"""Errors say what happened, where, and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.examples import get_path

import dcmturbo as dt

CT = get_path("ct")


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    folder = tmp_path / "new" / "a"
    with pytest.raises(FileNotFoundError, match="folder of the destination does not exist") as caught:
        dt.transcode(CT, folder / "x.dcm", "HTJ2KLossless")
    assert caught.value.filename == str(folder)
    assert not folder.exists()


@pytest.mark.parametrize("read", [dt.decode, dt.open, dt.render, lambda path: dt.decode_series([path])])
def test_the_error_of_a_path_names_it_once(tmp_path, read):
    path = tmp_path / "t.txt"
    path.write_text("no DICOM" * 100)
    with pytest.raises(dt.NotDicom) as caught:
        read(path)
    assert caught.value.__notes__ == [f"in {path}"]


def test_the_error_of_a_damaged_frame_names_its_file(tmp_path):
    path = tmp_path / "cut.dcm"
    dt.transcode(CT, path, "RLELossless")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode(str(path))
    assert caught.value.__notes__ == [f"in {path}"]


def test_the_error_of_bytes_has_no_note():
    with pytest.raises(dt.NotDicom) as caught:
        dt.decode(b"no DICOM" * 100)
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("value", [None, 5, b"1.2.840.10008.1.2.5"])
def test_a_transfer_syntax_that_is_no_text_is_a_type_error(tmp_path, value):
    with pytest.raises(TypeError, match="a transfer syntax must be a str"):
        dt.transcode(CT, tmp_path / "x.dcm", value)


def test_one_frame_is_counted_in_the_singular():
    with pytest.raises(IndexError, match=r"the object has 1 frame$"):
        dt.decode(CT, [5])


@pytest.mark.parametrize("name", ["htj2k", "HTJ2KLOSSLESS", ".4.201", "htj2k-lossless"])
def test_python_takes_the_names_of_the_command_line(tmp_path, name):
    result = dt.transcode(CT, tmp_path / "x.dcm", name)
    assert result.verified
    with dt.open(tmp_path / "x.dcm") as image:
        assert image.transfer_syntax == "1.2.840.10008.1.2.4.201"
    assert np.array_equal(dt.decode(tmp_path / "x.dcm"), dt.decode(CT))
    frame = dt.encode_frame(dt.decode(CT), name)
    again = dt.decode_frame(
        frame, name, rows=128, columns=128, bits_allocated=16, bits_stored=16, pixel_representation=1
    )
    assert np.array_equal(again, dt.decode(CT))
