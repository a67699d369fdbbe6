"""``dcmturbo slide``."""

import numpy as np
import pytest
from helpers.command_line import read_png
from helpers.slides import instance, tissue

MATRIX = tissue(131, 203)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "slide"
    place.mkdir()
    (place / "a.dcm").write_bytes(instance(MATRIX, (32, 24)))
    (place / "b.dcm").write_bytes(instance(MATRIX[::2, ::2], (32, 24), mpp=1.0))
    (place / "c.dcm").write_bytes(instance(tissue(20, 30), (20, 30), kind="OVERVIEW"))
    return place


def test_levels(call, call_json, folder):
    code, out, err = call("slide", folder)
    assert (code, err) == (0, "")
    assert "131 x 203 x 3" in out
    assert "66 x 102 x 3" in out
    assert "overview" in out
    code, document = call_json("slide", folder)
    assert code == 0
    assert [level["shape"] for level in document["levels"]] == [[131, 203, 3], [66, 102, 3]]
    assert document["levels"][1]["mpp"] == [1.0, 1.0]
    assert document["associated"] == {"overview": [20, 30, 3]}


def test_windows(call, folder, tmp_path):
    assert call("slide", folder, "-o", tmp_path / "a.png", "--region", 10, 20, 50, 60)[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), MATRIX[10:60, 20:80])
    assert call("slide", folder, "-o", tmp_path / "b.npy", "--level", 1, "--optical-path", "A")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), MATRIX[::2, ::2])
    assert call("slide", folder, "-o", tmp_path / "c.jpg", "--thumbnail", 40)[0] == 0
    assert read_png(tmp_path / "c.jpg").shape == (26, 40, 3)
    code, _, err = call("slide", folder, "-o", tmp_path / "a.png")
    assert code == 1
    assert "--force" in err
    assert call("slide", folder, "-o", tmp_path / "a.png", "--force")[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), MATRIX)


def test_deep_zoom(call, folder, tmp_path):
    target = tmp_path / "view" / "x.dzi"
    assert call("slide", folder, "-o", target, "--tile-size", 64, "--tile-format", "png", "--overlap", 0)[0] == 0
    assert 'Height="131" Width="203"' in target.read_text()
    tiles = tmp_path / "view" / "x_files"
    assert sorted(int(level.name) for level in tiles.iterdir()) == list(range(9))
    np.testing.assert_array_equal(read_png(tiles / "8" / "3_2.png"), MATRIX[128:, 192:])
    np.testing.assert_array_equal(read_png(tiles / "7" / "1_0.png"), MATRIX[:128:2, 128::2])
    assert call("slide", folder, "-o", target)[0] == 1


def test_the_optical_path_of_thumbnails_and_deep_zoom(call, tmp_path):
    first, second = tissue(60, 70, 1, seed=1), tissue(60, 70, 1, seed=2)
    path = tmp_path / "slide.dcm"
    path.write_bytes(instance({(0, 0): first, (0, 1): second}, (32, 24)))
    assert call("slide", path, "-o", tmp_path / "a.png", "--thumbnail", 100, "--optical-path", "B")[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), second)
    options = ["--tile-size", 100, "--tile-format", "png", "--optical-path", 1]
    assert call("slide", path, "-o", tmp_path / "x.dzi", *options)[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "x_files" / "7" / "0_0.png"), second)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-o", "x.bmp"], 2, "known format"),
        (["-o", "x.dzi", "--thumbnail", "3"], 2, "whole slide"),
        (["-o", "x.dzi", "--level", "1"], 2, "without --level"),
        (["-o", "x.png", "--thumbnail", "9", "--level", "0"], 2, "without --level"),
        (["-o", "x.png", "--region", "0", "0", "500", "5"], 1, "does not lie within"),
        (["-o", "x.png", "--level", "7"], 1, "no level 7"),
        (["-o", "x.png", "--optical-path", "Q"], 1, "'Q'"),
        (["--overlap", "-1"], 2, "--overlap"),
        (["-o", "x.png", "--clip"], 2, "--clip needs --region"),
        (["-o", "x.png", "--region", "0", "0", "500", "5"], 1, "--clip of dcmturbo slide"),
        (["-o", "x.png", "--window", "40,400"], 1, "the slide has colours"),
        (["-o", "x.npy", "--window", "40,400"], 2, "--window is for pictures"),
    ],
)
def test_what_is_refused(call, folder, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    found, out, err = call("slide", folder, *arguments)
    assert found == code
    assert words in out + err


def test_a_folder_without_slides(call, tmp_path):
    code, _, err = call("slide", tmp_path)
    assert code == 1
    assert "no tiled images" in err


@pytest.fixture
def deep(tmp_path):
    """A slide of two fluorescence channels of 16 bits."""
    matrices = {(0, path): (tissue(60, 70, 1, seed=path).astype(np.uint16) * 40 + 500) for path in (0, 1)}
    path = tmp_path / "deep.dcm"
    path.write_bytes(instance(matrices, (32, 24)))
    return path, matrices


def levels(values, low, high):
    return np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255)


def test_pictures_of_16_bits(call, deep, tmp_path):
    path, matrices = deep
    for number, name in enumerate("AB"):
        matrix = matrices[0, number]
        expected = levels(matrix, matrix.min(), matrix.max())
        options = ["--optical-path", name, "--force"]
        assert call("slide", path, "-o", tmp_path / "a.png", *options)[0] == 0
        np.testing.assert_array_equal(read_png(tmp_path / "a.png"), expected)
        # A window of the slide has the grey levels of the whole.
        assert call("slide", path, "-o", tmp_path / "b.png", "--region", 9, 8, 20, 30, *options)[0] == 0
        np.testing.assert_array_equal(read_png(tmp_path / "b.png"), expected[9:29, 8:38])
        tiles = ["--tile-size", 64, "--tile-format", "png", "--overlap", 0]
        assert call("slide", path, "-o", tmp_path / "x.dzi", *tiles, *options)[0] == 0
        np.testing.assert_array_equal(read_png(tmp_path / "x_files" / "7" / "1_0.png"), expected[:, 64:])
    for given in (["--window", "3000,2001"], ["--window", "3000", "2001"]):
        assert call("slide", path, "-o", tmp_path / "a.png", "--force", *given)[0] == 0
        expected = np.rint(np.clip((matrices[0, 0] - 2999.5) / 2000 + 0.5, 0, 1) * 255)
        np.testing.assert_array_equal(read_png(tmp_path / "a.png"), expected)
    assert call("slide", path, "-o", tmp_path / "a.jpg", "--thumbnail", 20)[0] == 0
    assert call("slide", path, "-o", tmp_path / "a.npy")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), matrices[0, 0])


def test_colours_of_16_bits(call, tmp_path):
    matrix = tissue(40, 50).astype(np.uint16) * 257
    (tmp_path / "x.dcm").write_bytes(instance(matrix, (32, 24)))
    assert call("slide", tmp_path / "x.dcm", "-o", tmp_path / "a.png")[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), tissue(40, 50))


def test_a_region_is_clipped(call, folder, tmp_path):
    region = ["--region", 120, -10, 50, 60]
    assert call("slide", folder, "-o", tmp_path / "a.png", *region)[0] == 1
    code, out, _ = call("slide", folder, "-o", tmp_path / "a.png", *region, "--clip")
    assert code == 0
    assert "11 x 50 x 3" in out
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), MATRIX[120:, :50])
    assert call("slide", folder, "-o", tmp_path / "b.png", "--region", 500, 0, 9, 9, "--clip")[0] == 1
