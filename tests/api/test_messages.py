"""Errors say what happened, where, and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.examples import get_path

import dcmturbo as dt
from dcmturbo.dataset.sources import name_of

CT = get_path("ct")


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    folder = tmp_path / "new" / "a"
    with pytest.raises(FileNotFoundError, match="folder of the destination does not exist") as caught:
        dt.transcode(CT, folder / "x.dcm", "HTJ2KLossless")
    assert caught.value.filename == str(folder)
    assert not folder.exists()


READERS = {
    "decode": dt.decode,
    "open": dt.open,
    "render": dt.render,
    "decode_series": lambda path: dt.decode_series([CT, path]),
    "read_segmentation": dt.read_segmentation,
    "read_contours": dt.read_contours,
    "read_overlays": dt.read_overlays,
    "read_volume": lambda path: dt.read_volume([path]),
    "slide": dt.slide,
    "transcode": lambda path: dt.transcode(path, path.with_suffix(".out"), "HTJ2KLossless"),
}


@pytest.mark.parametrize("name", READERS)
def test_the_error_of_a_path_names_it_once(tmp_path, name):
    """A program that logs str(error) must see of which of its files it is."""
    path = tmp_path / "t.txt"
    path.write_text("no DICOM" * 100)
    with pytest.raises(dt.NotDicom) as caught:
        READERS[name](path)
    error = caught.value
    assert error.source == str(path)
    assert str(error) == f"{path}: {error.reason}"
    assert str(path) not in error.reason
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("name", ["read_segmentation", "read_contours"])
def test_an_object_of_another_kind_is_named(name):
    with pytest.raises(dt.DecodeError) as caught:
        READERS[name](CT)
    assert str(caught.value).startswith(f"{CT}: ")


def test_the_error_of_a_damaged_frame_names_its_file(tmp_path):
    path = tmp_path / "cut.dcm"
    dt.transcode(CT, path, "RLELossless")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    for read in (
        lambda: dt.decode(str(path)),
        lambda: dt.decode(path, apply="rescale"),
        lambda: dt.decode(path, apply=np.copyto, dtype="i2"),
        lambda: dt.decode_series([CT, path]),
        lambda: dt.open(path)[0],
        lambda: next(dt.open(path).frames()),
        lambda: dt.render(path),
        lambda: dt.transcode(path, tmp_path / "new.dcm", "HTJ2KLossless"),
    ):
        with pytest.raises(dt.DecodeError) as caught:
            read()
        assert str(caught.value).startswith(f"{path}: frame 0, byte ")
        assert not hasattr(caught.value, "__notes__")
    with pytest.warns(dt.DecodeWarning, match=rf"the first error is: frame 0.* \(in {path}\)$") as warned:
        dt.decode(path, on_error="salvage")
    assert warned[0].message.errors[0].source == str(path)


def test_the_error_of_bytes_has_no_source():
    with pytest.raises(dt.NotDicom) as caught:
        dt.decode(b"no DICOM" * 100)
    assert caught.value.source is None
    assert str(caught.value) == caught.value.reason
    assert not hasattr(caught.value, "__notes__")
    with pytest.raises(dt.NotDicom) as caught:
        dt.decode_series([CT, b"no DICOM" * 100])
    assert caught.value.__notes__ == ["in object 1 of 2, a bytes"]


def test_secrets_of_a_url_are_not_in_its_error():
    import fsspec

    with fsspec.open("memory://bucket/text.dcm", "wb") as file:
        file.write(b"no DICOM" * 100)
    with pytest.raises(dt.NotDicom) as caught:
        dt.decode("memory://bucket/text.dcm")
    assert caught.value.source == "memory://bucket/text.dcm"
    assert name_of("https://user:hidden@host/text.dcm") is not None
    assert "hidden" not in name_of("https://user:hidden@host/text.dcm")


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


def test_what_is_for_folders_and_lists_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"read_volume reads the slices of a folder.*find_series"):
        dt.decode_series(tmp_path)
    with pytest.raises(TypeError, match=r"not list; several objects are read by decode_series and read_volume"):
        dt.decode([CT])
    with pytest.raises(TypeError, match=r"not generator; several objects are read by decode_series"):
        dt.decode(path for path in [CT])
    with pytest.raises(TypeError, match=r"not int$"):
        dt.decode(5)
    with pytest.raises(IsADirectoryError, match="transcode_archive converts folders"):
        dt.transcode(tmp_path, tmp_path / "x.dcm", "HTJ2KLossless")
