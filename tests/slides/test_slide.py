"""`dt.slide`: windows of a matrix of pixels, put together from tiles."""

import io
import os
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.dicom_writer import native_file
from helpers.far import Far
from helpers.slides import instance, tissue
from pydicom import dcmread, encaps

import dcmturbo as dt

ROWS, COLUMNS, TILE = 201, 143, (32, 24)


@pytest.fixture(scope="module")
def matrix():
    return tissue(ROWS, COLUMNS)


def windows(count=30, rows=ROWS, columns=COLUMNS, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        height, width = int(rng.integers(1, rows + 1)), int(rng.integers(1, columns + 1))
        yield int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1)), height, width


def check(slide, matrix, level=0, count=30, **options):
    for top, left, height, width in windows(count, *matrix.shape[:2]):
        found = slide.read(level, (top, left), (height, width), **options)
        np.testing.assert_array_equal(found, matrix[top : top + height, left : left + width])


@pytest.mark.threads
@pytest.mark.parametrize("syntax", ["JPEGLSLossless", "HTJ2KLossless", "JPEG2000Lossless", "RLELossless"])
@pytest.mark.parametrize("sparse", [False, True])
def test_windows(matrix, syntax, sparse):
    with dt.slide(instance(matrix, TILE, syntax, sparse=sparse, shuffle=3 if sparse else None)) as slide:
        assert slide.shape == matrix.shape
        assert slide.dtype == matrix.dtype
        assert slide.mpp == (0.5, 0.5)
        assert slide.levels[0].tile_shape == TILE
        check(slide, matrix)
        check(slide, matrix, threads=1, count=5)
        np.testing.assert_array_equal(slide[10:90, 5:], matrix[10:90, 5:])
        np.testing.assert_array_equal(slide.levels[0][-70:], matrix[-70:])
        np.testing.assert_array_equal(slide.levels[0].read(), matrix)


@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "JPEGLosslessSV1"])
def test_other_syntaxes(matrix, syntax):
    with dt.slide(instance(matrix, TILE, syntax)) as slide:
        check(slide, matrix, count=10)


def test_jpeg_tiles(matrix):
    """Lossy tiles: the windows are those of the tiles decoded one by one."""
    data = instance(matrix, (40, 40), "JPEGBaseline8Bit")
    tiles = dt.decode(data)
    wide = -(-COLUMNS // 40)
    whole = np.concatenate([np.concatenate(list(tiles[row : row + wide]), 1) for row in range(0, len(tiles), wide)])
    with dt.slide(data) as slide:
        check(slide, whole[:ROWS, :COLUMNS])


def test_grey_16_bits():
    matrix = (np.arange(90 * 77, dtype=np.uint16) * 9).reshape(90, 77)
    with dt.slide(instance(matrix, (16, 20), "RLELossless")) as slide:
        assert slide.dtype == np.uint16
        check(slide, matrix)


@pytest.mark.parametrize("fill", [None, 7, (1, 2, 3)])
def test_missing_tiles(matrix, fill):
    def keep(row, column):
        return (row // TILE[0] + column // TILE[1]) % 3 != 1

    expected = matrix.copy()
    for row in range(0, ROWS, TILE[0]):
        for column in range(0, COLUMNS, TILE[1]):
            if not keep(row, column):
                expected[row : row + TILE[0], column : column + TILE[1]] = 255 if fill is None else fill
    with dt.slide(instance(matrix, TILE, sparse=True, keep=keep)) as slide:
        check(slide, expected, fill_value=fill)
        out = np.full(matrix.shape, 77, np.uint8)
        assert slide.read(0, (0, 0), (ROWS, COLUMNS), fill_value=fill, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_a_grid_that_does_not_begin_at_the_corner(matrix):
    data = instance(matrix, TILE, sparse=True, shift=(5, -7), keep=lambda row, column: row + TILE[0] <= ROWS - 32)
    expected = np.full_like(matrix, 255)
    tiles = -(-COLUMNS // TILE[1]) * TILE[1]
    padded = np.full((ROWS, tiles, 3), 9, np.uint8)
    padded[:, :COLUMNS] = matrix
    high = (ROWS - 32) // TILE[0] * TILE[0]
    right = min(COLUMNS, tiles - 7)
    expected[5 : 5 + high, :right] = padded[:high, 7 : 7 + right]
    with dt.slide(data) as slide:
        check(slide, expected)


@pytest.mark.threads
def test_of_overlapping_tiles_the_last_counts():
    first, second = tissue(64, 48, seed=1), tissue(64, 48, seed=2)
    # Both in one object: the second set lies 10 rows lower.
    made = [instance(first, TILE, sparse=True), instance(second, TILE, sparse=True, shift=(10, 4))]
    one, other = (dcmread(io.BytesIO(data)) for data in made)
    frames = [frame for ds in (one, other) for frame in encaps.generate_frames(ds.PixelData, number_of_frames=4)]
    one.PixelData = encaps.encapsulate(frames)
    one.NumberOfFrames = 8
    one.PerFrameFunctionalGroupsSequence = [item for ds in (one, other) for item in ds.PerFrameFunctionalGroupsSequence]
    file = io.BytesIO()
    one.save_as(file, enforce_file_format=True)
    expected = first.copy()
    expected[10:, 4:] = second[:-10, :-4]
    with dt.slide(file.getvalue()) as slide:
        for _ in range(5):
            check(slide, expected, count=5, threads=4)


def chequered(row, column):
    return (row // TILE[0] + column // TILE[1]) % 2 == 0


def test_a_copy_of_an_object_changes_nothing(matrix):
    """Both copies together seemed to cover the window: memory that no tile had filled was returned."""
    data = instance(matrix, TILE, sparse=True, keep=chequered)
    with dt.slide(data) as slide:
        expected = slide[:]
    with pytest.warns(dt.DecodeWarning, match="1 of 2 objects have the SOPInstanceUID"):
        slide = dt.slide([data, data])
    with slide:
        for _ in range(5):
            np.testing.assert_array_equal(slide[:], expected)


def test_tiles_of_objects_that_overlap(matrix):
    """As within an object, the last counts, and what no tile covers is filled."""
    first, second = (
        instance(made, tile, sparse=True, keep=lambda row, column: column < 50)
        for made, tile in ((matrix, TILE), (255 - matrix, (24, 48)))
    )
    for _ in range(5):
        with dt.slide([first, second]) as slide:
            found = slide[:]
        np.testing.assert_array_equal(found[:, :72], 255 - matrix[:, :72])
        assert (found[:, 96:] == 255).all()


def test_focal_planes_and_optical_paths():
    matrices = {(plane, path): tissue(70, 50, 1, seed=3 * plane + path) for plane in range(3) for path in range(2)}
    for sparse in (False, True):
        with dt.slide(instance(matrices, TILE, sparse=sparse, shuffle=1 if sparse else None)) as slide:
            assert slide.optical_paths == ["A", "B"]
            assert slide.focal_planes == [0.0, 2.0, 4.0]
            for (plane, path), matrix in matrices.items():
                check(slide, matrix, count=4, focal_plane=plane, optical_path=path)
                check(slide, matrix, count=2, focal_plane=2.0 * plane + 0.4, optical_path="AB"[path])
            with pytest.raises(IndexError, match="optical path 2"):
                slide.read(0, (0, 0), (1, 1), optical_path=2)
            with pytest.raises(IndexError, match="'X'"):
                slide.read(0, (0, 0), (1, 1), optical_path="X")
            with pytest.raises(IndexError, match="focal plane 3"):
                slide.read(0, (0, 0), (1, 1), focal_plane=3)


def test_a_concatenation_is_one_level(matrix):
    count = -(-ROWS // TILE[0]) * -(-COLUMNS // TILE[1])
    parts = [instance(matrix, TILE, frames=slice(a, b)) for a, b in ((0, 9), (9, 30), (30, count))]
    for order in (parts, parts[::-1]):
        with dt.slide(order) as slide:
            assert len(slide.levels) == 1
            check(slide, matrix)
    with dt.slide(parts[:2]) as slide:  # one part is missing
        found = slide.read(0, (0, 0), matrix.shape[:2])
        assert (found[-40:] == 255).all()
        np.testing.assert_array_equal(found[:128], matrix[:128])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("number", [None, 0, 1, 20])
@pytest.mark.filterwarnings("ignore:NumberOfFrames is")
def test_a_wrong_number_of_frames_loses_no_tiles(matrix, number, sparse):
    """The tiles and the pixel data agree, so NumberOfFrames does not count."""
    ds = dcmread(io.BytesIO(instance(matrix, TILE, sparse=sparse)))
    ds.NumberOfFrames = number
    if number is None:
        del ds.NumberOfFrames
    file = io.BytesIO()
    ds.save_as(file)
    with dt.slide(file.getvalue()) as slide:
        check(slide, matrix, count=5)


@pytest.mark.filterwarnings("ignore:NumberOfFrames is")
def test_tiles_that_are_missing_are_told(matrix):
    whole = -(-ROWS // TILE[0]) * -(-COLUMNS // TILE[1])
    ds = dcmread(io.BytesIO(instance(matrix, TILE, "RLELossless")))
    ds.PixelData = encaps.encapsulate(
        [bytes(one) for one in encaps.generate_frames(ds.PixelData, number_of_frames=whole)][:30]
    )
    ds.NumberOfFrames = 30
    file = io.BytesIO()
    ds.save_as(file)
    with pytest.warns(dt.DecodeWarning, match=f"describes {whole} frames, but the pixel data have 30"):
        slide = dt.slide(file.getvalue())
    with slide:
        found = slide.read(0, (0, 0), matrix.shape[:2])
        np.testing.assert_array_equal(found[:128], matrix[:128])
        assert (found[-30:] == 255).all()


def test_optical_paths_in_objects_of_their_own():
    first, second = tissue(70, 50, 1, seed=1), tissue(70, 50, 1, seed=2)
    with dt.slide([instance(first, TILE), instance(second, TILE, path_names=("Z",))]) as slide:
        assert slide.optical_paths == ["A", "Z"]
        check(slide, first, optical_path="A", count=5)
        check(slide, second, optical_path=1, count=5)


@pytest.fixture
def folder(matrix, tmp_path):
    (tmp_path / "slide" / "more").mkdir(parents=True)
    place = tmp_path / "slide"
    (place / "b.dcm").write_bytes(instance(matrix, TILE))
    (place / "a.dcm").write_bytes(instance(matrix[::2, ::2], TILE, mpp=1.0))
    (place / "more" / "c").write_bytes(instance(matrix[::4, ::4], TILE, mpp=2.0))
    (place / "label.dcm").write_bytes(instance(tissue(30, 40), (30, 40), kind="LABEL"))
    (place / "notes.txt").write_text("no DICOM")
    return place


def test_a_folder_is_a_pyramid(folder, matrix):
    with dt.slide(folder) as slide:
        assert [level.shape[:2] for level in slide.levels] == [(201, 143), (101, 72), (51, 36)]
        assert [level.downsample for level in slide.levels] == pytest.approx([1, 201 / 101, 201 / 51])
        assert [level.mpp for level in slide.levels] == [(0.5, 0.5), (1.0, 1.0), (2.0, 2.0)]
        check(slide, matrix, 0, 5)
        check(slide, matrix[::2, ::2], 1, 5)
        check(slide, matrix[::4, ::4], -1, 5)
        np.testing.assert_array_equal(slide.associated["label"].read(), tissue(30, 40))
        with pytest.raises(IndexError, match="level 3"):
            slide.read(3, (0, 0), (1, 1))
        assert "levels=3" in repr(slide)


def test_thumbnail(folder, matrix):
    with dt.slide(folder) as slide:
        assert slide.thumbnail(2000).shape == matrix.shape
        for size in (150, 101, 40, 7, 1):
            found = slide.thumbnail(size)
            assert max(found.shape[:2]) == size
            # The mean of each area of the level that was taken.
            assert abs(found.astype(float).mean() - matrix.mean()) < 6
        assert slide.thumbnail((10, 100)).shape == (10, 7, 3)
        with pytest.raises(ValueError, match="at least 1"):
            slide.thumbnail(0)
    exact = np.arange(24, dtype=np.uint8).reshape(4, 6)
    with dt.slide(instance(exact, (2, 3), "RLELossless")) as slide:
        np.testing.assert_array_equal(slide.thumbnail((2, 3)), np.rint([[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]))


@pytest.mark.parametrize("samples", [1, 3])
def test_indices_are_those_of_numpy(samples):
    matrix = tissue(61, 47, samples)
    rng = np.random.default_rng(samples)

    def part(size):
        kind = rng.integers(6)
        if kind == 0:
            return int(rng.integers(-size, size))
        if kind == 1:
            return np.int16(rng.integers(-size, size))
        begin, end = (None if rng.random() < 0.3 else int(rng.integers(-size - 3, size + 4)) for _ in range(2))
        return slice(begin, end, None if kind < 4 else int(rng.choice([-7, -2, -1, 1, 2, 3, 90])))

    with dt.slide(instance(matrix, TILE)) as slide:
        for _ in range(300):
            key = [part(size) for size in matrix.shape[: rng.integers(1, matrix.ndim + 1)]]
            if rng.random() < 0.3:
                key.insert(int(rng.integers(len(key) + 1)), Ellipsis)
                count = len(key) - 1
                at = key.index(Ellipsis)
                axes = list(range(at)) + list(range(matrix.ndim - count + at, matrix.ndim))
                key = [Ellipsis if one is Ellipsis else None for one in key]
                sizes = iter(matrix.shape[axis] for axis in axes)
                key = [one if one is Ellipsis else part(next(sizes)) for one in key]
            key = key[0] if len(key) == 1 and rng.random() < 0.5 else tuple(key)
            expected = matrix[key]
            found = slide[key]
            assert found.shape == expected.shape, key
            np.testing.assert_array_equal(found, expected, str(key))
        for wrong in (61, -62, (0, 47), (0, 0, 0, 0), (..., ...), None, 1.5, "a", True, [1, 2]):
            with pytest.raises(IndexError):
                slide[wrong]
        np.testing.assert_array_equal(np.asarray(slide), matrix)
        np.testing.assert_array_equal(np.asarray(slide.levels[0], np.float32), matrix.astype(np.float32))
        with pytest.raises(ValueError, match="without a copy"):
            slide.__array__(copy=False)


def test_what_is_no_window(matrix):
    with dt.slide(instance(matrix, TILE)) as slide:
        for location, size in (((0, 0, 0), (1, 1)), ((0, 0), 5), ((0.5, 0), (1, 1)), ("ab", (1, 1)), ((0,), (1, 1, 1))):
            with pytest.raises(TypeError, match="expected two integers"):
                slide.read(0, location, size)
        with pytest.raises(ValueError, match="within a level of 201 x 143"):
            slide.read(0, (200, 0), (2, 1))
        for fill, error in (("0", TypeError), (300, ValueError), (-1, ValueError), ([1, 2], ValueError)):
            with pytest.raises(error, match="fill_value"):
                slide.read(0, (0, 0), (1, 1), fill_value=fill)
        np.testing.assert_array_equal(slide.read(0, (0, 0), (9, 9), focal_plane=np.float32(0.3)), matrix[:9, :9])
        np.testing.assert_array_equal(slide.thumbnail(np.int64(9)), slide.thumbnail((9, np.uint8(9))))


def test_thumbnails_of_an_optical_path():
    first, second = tissue(70, 50, 1, seed=1), tissue(70, 50, 1, seed=2)
    with dt.slide(instance({(0, 0): first, (0, 1): second}, TILE)) as slide, dt.slide(instance(second, TILE)) as alone:
        np.testing.assert_array_equal(slide.thumbnail(20, optical_path="B"), alone.thumbnail(20))
        assert not np.array_equal(slide.thumbnail(20), alone.thumbnail(20))


def test_thumbnails_of_a_path_that_smaller_levels_lack():
    """The first path of a smaller level may be another than that of level 0."""
    first, second = tissue(80, 60, 1, seed=1), tissue(80, 60, 1, seed=2)
    both = instance({(0, 0): first, (0, 1): second}, TILE)
    smaller = instance(second[::2, ::2], TILE, path_names=["B"])
    with dt.slide([both, smaller]) as slide, dt.slide(instance(first, TILE)) as alone:
        np.testing.assert_array_equal(slide.thumbnail(40), alone.thumbnail(40))
        np.testing.assert_array_equal(slide.thumbnail(40, optical_path="B"), second[::2, ::2])
        with pytest.raises(IndexError, match="'C'"):
            slide.thumbnail(40, optical_path="C")
    # Paths of levels with one only are the same, whatever they are called.
    with dt.slide([instance(first, TILE), smaller]) as slide:
        np.testing.assert_array_equal(slide.thumbnail(40), second[::2, ::2])


def changed(data, change):
    ds = dcmread(io.BytesIO(data))
    change(ds)
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


def sets(**values):
    def change(ds):
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return change


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        {"NumberOfFrames": 2**31 - 1, "TotalPixelMatrixRows": 2**32 - 1, "TotalPixelMatrixColumns": 2**32 - 1},
        {"TotalPixelMatrixRows": 2**32 - 1, "TotalPixelMatrixColumns": 2**32 - 1},
        {"TotalPixelMatrixFocalPlanes": 2**32 - 1},
        {"NumberOfOpticalPaths": 2**32 - 1},
        {"TotalPixelMatrixRows": [100, 3]},
        {"ConcatenationFrameOffsetNumber": 2**32 - 1},
    ],
)
def test_large_numbers_take_no_time(sparse, values):
    """Lists of all frames, planes or paths that an object claims to have took gigabytes and minutes."""
    matrix = tissue(100, 90)
    data = changed(instance(matrix, TILE, sparse=sparse), sets(**values))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        try:
            slide = dt.slide(data)
        except dt.DecodeError:
            return
        with slide:
            if values.keys().isdisjoint({"TotalPixelMatrixRows", "TotalPixelMatrixColumns"}):
                np.testing.assert_array_equal(slide.read(0, (3, 4), (60, 50)), matrix[3:63, 4:54])
            assert slide.read(0, (0, 0), (5, 5)).shape == (5, 5, 3)


@pytest.mark.parametrize("value", [None, []])
def test_a_tile_without_a_place_is_said(value):
    def change(ds):
        item = ds.PerFrameFunctionalGroupsSequence[3].PlanePositionSlideSequence[0]
        item.RowPositionInTotalImagePixelMatrix = value

    with pytest.raises(dt.DecodeError, match="where frame 3 is"):
        dt.slide(changed(instance(tissue(100, 90), TILE, sparse=True), change))


def test_identifiers_of_optical_paths():
    planes = [tissue(40, 30, 1, seed=i) for i in range(12)]
    names = [f"{i}" for i in range(1, 13)]
    matrices = {(0, i): plane for i, plane in enumerate(planes)}
    data = instance(matrices, TILE, path_names=names)
    with dt.slide(data) as slide:
        assert slide.optical_paths == names
    # Without names, or with the same one twice, paths are counted.
    for change in (lambda ds: delattr(ds, "OpticalPathSequence"), None):
        other = instance(matrices, TILE, path_names=["A"] * 12) if change is None else changed(data, change)
        with dt.slide(other) as slide:
            assert slide.optical_paths == names
            for i, plane in enumerate(planes):
                np.testing.assert_array_equal(slide.read(0, (0, 0), (40, 30), optical_path=i), plane)


def test_places_are_found_in_one_pass(monkeypatch):
    """Datasets of a hundred thousand items took pydicom a quarter of a minute."""
    matrix = tissue(128, 96)
    data = instance(matrix, TILE, sparse=True, shuffle=1)
    monkeypatch.setattr("pydicom.dcmread", None)
    with dt.slide(data) as slide:
        check(slide, matrix, count=5)


def test_threads_share_a_slide(matrix):
    with dt.slide(instance(matrix, TILE, "HTJ2KLossless")) as slide, ThreadPoolExecutor(4) as pool:

        def one(window):
            top, left, height, width = window
            return window, slide.read(0, (top, left), (height, width))

        for (top, left, height, width), found in pool.map(one, windows(60)):
            np.testing.assert_array_equal(found, matrix[top : top + height, left : left + width])


def test_pickle(folder, matrix):
    with dt.slide(folder) as slide:
        again = pickle.loads(pickle.dumps(slide))
    check(again, matrix, 0, 5)
    again.close()
    with pytest.raises(ValueError, match="closed"):
        pickle.dumps(again)
    with pytest.raises(ValueError, match="closed"):
        again.read(0, (0, 0), (1, 1))


def test_what_is_no_slide(matrix, tmp_path):
    (tmp_path / "x.txt").write_text("nothing")
    with pytest.raises(ValueError, match="no tiled images"):
        dt.slide(tmp_path)
    with pytest.raises(ValueError, match="series"):
        dt.slide([instance(matrix, TILE), instance(matrix, TILE, series="1.9")])
    plain = native_file(bytes(64), "explicit", rows=8, columns=8, bits_allocated=8)
    with pytest.raises(ValueError, match="TotalPixelMatrixRows"):
        dt.slide(plain)
    with pytest.raises(dt.NotDicom):
        dt.slide(b"nothing" * 100)
    with dt.slide(instance(matrix, TILE)) as slide:
        for window in (((0, 0), (202, 1)), ((-1, 0), (5, 5)), ((0, 143), (1, 1))):
            with pytest.raises(ValueError, match="does not lie within"):
                slide.read(0, *window)
        assert slide.read(0, (3, 3), (0, 9)).shape == (0, 9, 3)
        with pytest.raises(ValueError, match="shape"):
            slide.read(0, (0, 0), (5, 5), out=np.zeros((5, 6, 3), np.uint8))


def test_damaged_tiles(matrix):
    data = bytearray(instance(matrix, TILE, "RLELossless"))
    place = data.rindex(b"\xfe\xff\x00\xe0")  # the item of the last frame
    data[place + 8 : place + 12] = b"\xff" * 4
    with dt.slide(bytes(data)) as slide:
        np.testing.assert_array_equal(slide.read(0, (0, 0), (64, 96)), matrix[:64, :96])
        with pytest.raises(dt.DecodeError) as caught:
            slide.read(0, (100, 50), (101, 93))
        assert caught.value.frame == 41


def damaged(matrix, syntax="RLELossless", frame=7):
    """A slide of which a tile cannot be decoded, and where that is."""
    data = bytearray(instance(matrix, TILE, syntax))
    wide = -(-COLUMNS // TILE[1])
    count = -(-ROWS // TILE[0]) * wide
    place = [at for at in range(len(data)) if data.startswith(b"\xfe\xff\x00\xe0", at)][frame - count]
    data[place + 8 : place + 12] = b"\xff" * 4
    return bytes(data), frame // wide * TILE[0], frame % wide * TILE[1]


@pytest.mark.parametrize(("fill", "value"), [(None, 255), (7, 7), ((3, 3, 3), 3)])
def test_salvage_fills_damaged_tiles(matrix, fill, value):
    data, row, column = damaged(matrix)
    expected = matrix.copy()
    expected[row : row + TILE[0], column : column + TILE[1]] = value
    with dt.slide(data) as slide:
        for top, left, height, width in [(0, 0, ROWS, COLUMNS), (row + 3, column + 2, 9, 11), (row + 20, 0, 60, 140)]:
            with pytest.warns(dt.DecodeWarning, match="1 of .* tiles are not complete") as caught:
                found = slide.read(0, (top, left), (height, width), on_error="salvage", fill_value=fill)
            np.testing.assert_array_equal(found, expected[top : top + height, left : left + width])
            (error,) = caught[0].message.errors.values()
            assert error.frame == 7
        with pytest.raises(dt.DecodeError):
            slide.read(0, (0, 0), (ROWS, COLUMNS))
        with pytest.raises(ValueError, match="must have the same"):
            slide.read(0, (0, 0), (9, 9), on_error="salvage", fill_value=(1, 2, 3))
        with pytest.raises(ValueError, match="on_error"):
            slide.read(0, (0, 0), (9, 9), on_error="ignore")


@pytest.mark.threads
@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "HTJ2KLossless", "JPEGBaseline8Bit"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("reduce", [1, 2, 3])
def test_reduced_windows(matrix, syntax, sparse, reduce):
    """The pixels are those of the tiles, reduced one by one."""
    data = instance(matrix, TILE, syntax, sparse=sparse)
    tiles = dt.decode(data, reduce=reduce)
    wide = -(-COLUMNS // TILE[1])
    whole = np.concatenate([np.concatenate(list(tiles[row : row + wide]), 1) for row in range(0, len(tiles), wide)])
    whole = whole[: -(-ROWS >> reduce), : -(-COLUMNS >> reduce)]
    with dt.slide(data) as slide:
        check(slide, whole, reduce=reduce, count=10)
        np.testing.assert_array_equal(slide.levels[0].read(reduce=reduce), whole)
        with pytest.raises(ValueError, match="region"):
            slide.read(0, (0, 0), (whole.shape[0] + 1, 1), reduce=reduce)


def test_what_cannot_be_reduced(matrix):
    plain = instance(matrix, TILE, "HTJ2KLossless")
    with dt.slide(plain) as slide, pytest.raises(ValueError, match="do not fit together"):
        slide.read(0, (0, 0), (1, 1), reduce=4)
    shifted = instance(matrix, TILE, "HTJ2KLossless", sparse=True, shift=(2, 1))
    with dt.slide(shifted) as slide, pytest.raises(ValueError, match="do not fit together"):
        slide.read(0, (0, 0), (1, 1), reduce=1)
    with dt.slide(instance(matrix, TILE, "RLELossless")) as slide, pytest.raises(dt.DecodeError, match="reduce"):
        slide.read(0, (0, 0), (1, 1), reduce=1)


def test_a_folder_of_a_store(matrix):
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe("/slides/one/a/0.dcm", instance(matrix, TILE))
    system.pipe("/slides/one/b/1.dcm", instance(matrix[::2, ::2], TILE))
    system.pipe("/slides/one/notes.txt", b"no slide")
    system.pipe("/slides/one/empty", b"")
    try:
        for url in ("memory://slides/one/", "memory://slides/one"):
            with dt.slide(url) as slide:
                assert len(slide.levels) == 2
                check(slide, matrix, count=3)
                pickle.loads(pickle.dumps(slide)).close()
        with dt.slide("memory://slides/one/a/0.dcm") as slide:
            assert len(slide.levels) == 1
        with pytest.raises(ValueError, match="no tiled images"):
            dt.slide("memory://slides/none/")
        with pytest.raises(FileNotFoundError):
            dt.slide("memory://slides/none")
    finally:
        system.rm("/slides", recursive=True)


def test_offsets_are_kept_beside_a_slide(tmp_path):
    """Without an offset table, the last tile is found by reading the headers of all items."""
    matrix = tissue(640, 480)
    objects = []
    for array in (matrix, matrix[::2, ::2]):
        ds = dcmread(io.BytesIO(instance(array, TILE)))
        frames = list(encaps.generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
        ds.PixelData = encaps.encapsulate(frames, has_bot=False)
        file = io.BytesIO()
        ds.save_as(file)
        objects.append(file.getvalue())
    with dt.slide(objects) as slide:
        saved = slide.save_index(tmp_path / "index")
        assert sorted(os.path.basename(name) for name in saved) == sorted(os.listdir(tmp_path / "index"))
        assert len(saved) == 2
    reads = {}
    for index in (None, tmp_path / "index"):
        far = [Far(data) for data in objects]
        with dt.slide(far, index=index) as slide:
            np.testing.assert_array_equal(slide[-32:, -24:], matrix[-32:, -24:])
            np.testing.assert_array_equal(slide.levels[1][-32:, -24:], matrix[::2, ::2][-32:, -24:])
            with pickle.loads(pickle.dumps(dt.slide(objects, index=index))) as again:
                np.testing.assert_array_equal(again[:40], matrix[:40])
        reads[index] = sum(one.bytes for one in far)
    assert reads[tmp_path / "index"] < reads[None] / 2


def test_offsets_of_another_object_are_refused(matrix, tmp_path):
    data = instance(matrix, TILE)
    with dt.slide(data) as slide:
        (name,) = slide.save_index(tmp_path)
    with pytest.raises(dt.DecodeError, match="not of this object"):
        dt.slide(data + bytes(2), index=tmp_path)
    with dt.slide(instance(matrix, TILE), index=tmp_path) as slide:  # of another UID: searched
        check(slide, matrix, count=2)
    with dt.slide(native := instance(matrix, TILE, "ExplicitVRLittleEndian")) as slide:
        assert slide.save_index(tmp_path) == []
    with dt.slide(native, index=tmp_path) as slide:
        check(slide, matrix, count=2)
    pytest.importorskip("fsspec")
    with dt.slide(data) as slide:
        assert slide.save_index("memory://kept/") == ["memory://kept/" + os.path.basename(name)]
    with dt.slide(data, index="memory://kept") as slide:
        check(slide, matrix, count=2)
