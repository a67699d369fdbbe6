"""Images that end exactly before their pixel data: told apart from objects that never have any."""

from __future__ import annotations

import pytest
from helpers.archives import TARGET, image, make_archive, without_pixels
from helpers.series import stack_of_slices, write_series

import dcmturbo as dt

DOUBT = "it may have been cut before its pixel data"


def cut_before_pixels(data: bytes) -> bytes:
    return data[: data.rindex(b"\xe0\x7f\x10\0")]


@pytest.fixture
def with_cut(tmp_path):
    source = tmp_path / "in"
    make_archive(source)
    (source / "cut.dcm").write_bytes(cut_before_pixels(image(9)))
    return source


def test_the_error_says_whether_an_image_was_there():
    with pytest.raises(dt.NoPixelData, match=DOUBT) as told:
        dt.decode(cut_before_pixels(image()))
    assert told.value.describes_image
    with pytest.raises(dt.NoPixelData) as told:
        dt.decode(without_pixels())
    assert not told.value.describes_image
    assert DOUBT not in str(told.value)


@pytest.mark.parametrize("in_place", [False, True])
def test_an_archive_warns_of_images_without_pixels_only(with_cut, tmp_path, in_place):
    whole = (with_cut / "cut.dcm").read_bytes()
    target = None if in_place else tmp_path / "out"
    result = dt.transcode_archive(with_cut, target, TARGET, in_place=in_place)
    assert result.is_complete
    ((path, text),) = result.warned
    assert path == str(with_cut / "cut.dcm")
    assert DOUBT in text
    assert ((target or with_cut) / "cut.dcm").read_bytes() == whole


def test_one_object_is_copied_with_the_doubt(tmp_path):
    (tmp_path / "cut.dcm").write_bytes(cut_before_pixels(image()))
    with pytest.raises(dt.NoPixelData, match=DOUBT):
        dt.transcode(tmp_path / "cut.dcm", tmp_path / "x.dcm", TARGET)
    result = dt.transcode(tmp_path / "cut.dcm", tmp_path / "x.dcm", TARGET, on_error="copy")
    assert DOUBT in result.warnings[0]


def test_volumes_and_series_name_slices_without_pixels(tmp_path):
    paths = write_series(tmp_path, stack_of_slices())
    paths[-1].write_bytes(cut_before_pixels(paths[-1].read_bytes()))
    with pytest.warns(dt.DecodeWarning, match=f"slices that are cut.*{paths[-1].name}"):
        volume = dt.read_volume(tmp_path)
    assert volume.array.shape[0] == len(paths) - 1
    with pytest.warns(dt.DecodeWarning, match=paths[-1].name):
        (series,) = dt.find_series(tmp_path)
    assert len(series.files) == len(paths) - 1
