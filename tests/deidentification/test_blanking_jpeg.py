"""Boxes of JPEG are blanked among the coefficients: other decoders see blank boxes, and no other change."""

import io
import random
import struct

import imagecodecs
import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.identified import KEY
from helpers.samples import smooth
from PIL import Image

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.deidentification.blanking import blank_boxes
from dcmturbo.deidentification.boxes import Box

BASELINE, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
BLACK = [0, 128, 128]


def picture(draw: random.Random, rows: int, columns: int, samples: int) -> np.ndarray:
    """Patches of colour, and noise in half of the pictures."""
    values = np.random.default_rng(draw.randrange(1 << 30))
    patches = values.integers(0, 256, (rows // 5 + 1, columns // 5 + 1, samples))
    whole = np.kron(patches, np.ones((5, 5, 1), int))[:rows, :columns]
    if draw.random() < 0.5:
        whole = whole + values.integers(-20, 20, whole.shape)
    whole = np.clip(whole, 0, 255).astype("u1")
    return whole if samples == 3 else whole[..., 0]


def jpeg(draw: random.Random, cells: np.ndarray) -> bytes:
    """A frame with tables, subsampling, scans and restart intervals by chance."""
    if cells.ndim == 3 and draw.random() < 0.3:
        return imagecodecs.jpeg8_encode(
            cells, level=draw.choice([30, 90]), subsampling=draw.choice(["440", "411", "422", "420"]),
            optimize=draw.random() < 0.5,
        )  # fmt: skip
    options = {"quality": draw.choice([10, 50, 80, 95, 100]), "optimize": draw.random() < 0.5}
    options["progressive"] = draw.random() < 0.4
    if cells.ndim == 3:
        options["subsampling"] = draw.choice([0, 1, 2])
    if draw.random() < 0.4:
        options["restart_marker_blocks"] = draw.randrange(1, 9)
    to = io.BytesIO()
    Image.fromarray(cells).save(to, "JPEG", **options)
    return to.getvalue()


def with_pillow(frame: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(frame)))


def boxes_in(draw: random.Random, rows: int, columns: int) -> list[tuple[int, int, int, int]]:
    found = []
    for _ in range(draw.randrange(1, 4)):
        top, left = draw.randrange(rows), draw.randrange(columns)
        found.append(
            (top, left, draw.randrange(1, min(30, rows - top) + 1), draw.randrange(1, min(30, columns - left) + 1))
        )
    return found


def pixels_in(boxes, shape) -> np.ndarray:
    inside = np.zeros(shape[:2], bool)
    for top, left, height, width in boxes:
        inside[top : top + height, left : left + width] = True
    return inside


@pytest.mark.parametrize("seed", range(20))
def test_random_boxes_are_blank_and_all_else_is_equal(seed):
    draw = random.Random(seed)
    for _ in range(25):
        rows, columns, samples = draw.randrange(1, 70), draw.randrange(1, 90), draw.choice([1, 3])
        frame = jpeg(draw, picture(draw, rows, columns, samples))
        boxes = boxes_in(draw, rows, columns)
        values = BLACK if samples == 3 else [draw.choice([0, 255])]
        blanked, changed = _core.blank_frame(frame, boxes, values)
        before, after = with_pillow(frame), with_pillow(blanked)
        inside, outside = pixels_in(boxes, before.shape), ~pixels_in(changed, before.shape)
        assert (after[inside] == values[0]).all()
        assert np.array_equal(before[outside], after[outside])
        assert not (inside & outside).any()


@pytest.mark.parametrize(
    ("subsampling", "box", "changed"),
    [
        (0, (8, 16, 8, 8), (8, 16, 8, 8)),
        (0, (9, 17, 1, 1), (8, 16, 8, 8)),
        # Chroma of the pixels at the edge is interpolated from the samples beyond it.
        (2, (17, 33, 14, 14), (15, 31, 18, 18)),
        (1, (16, 33, 8, 14), (16, 31, 8, 18)),
        (2, (0, 0, 64, 8), (0, 0, 64, 17)),
        # What fills the last blocks repeats the last samples.
        (0, (60, 95, 4, 1), (56, 88, 8, 8)),
    ],
)
def test_boxes_grow_to_the_blocks_that_they_need(subsampling, box, changed):
    cells = picture(random.Random(1), 64, 96, 3)
    to = io.BytesIO()
    Image.fromarray(cells).save(to, "JPEG", quality=90, subsampling=subsampling)
    _, found = _core.blank_frame(to.getvalue(), [box], BLACK)
    assert found == [changed]


def test_only_the_bits_of_the_blocks_change():
    to = io.BytesIO()
    Image.fromarray(picture(random.Random(2), 64, 64, 1)).save(to, "JPEG", restart_marker_rows=1)
    frame = to.getvalue()
    blanked, _ = _core.blank_frame(frame, [(24, 16, 8, 8)], [0])
    first, second = (one[one.index(b"\xff\xda") :].split(b"\xff\xd2") for one in (frame, blanked))
    before, after = (parts[0].rsplit(b"\xff\xd1", 1) for parts in (first, second))
    assert before[0] == after[0]
    assert first[1].split(b"\xff\xd3", 1)[1] == second[1].split(b"\xff\xd3", 1)[1]


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_objects_stay_in_their_transfer_syntax(tmp_path, bits, photometric):
    dtype, name, options = (
        ("u1", "JPEGBaseline8Bit", {}) if bits == 8 else ("u2", "JPEGExtended12Bit", {"bits_stored": 12})
    )
    frames = [
        dt.encode_frame(smooth((37, 45), dtype, bits=bits, seed=i), name, quality=90, **options) for i in range(3)
    ]
    data = encapsulated_file(
        frames, BASELINE if bits == 8 else EXTENDED, rows=37, columns=45, bits_allocated=8 * np.dtype(dtype).itemsize,
        bits_stored=bits, photometric=photometric,
    )  # fmt: skip
    result = dt.deidentify(data, tmp_path / "out.dcm", key=KEY, boxes=[(3, 4, 9, 9)])
    assert result.boxes == (Box(0, 0, 16, 16),)
    assert result.transfer_syntax == result.source_transfer_syntax
    before, after = dt.decode(data), dt.decode(tmp_path / "out.dcm")
    assert (after[:, :16, :16] == (0 if photometric == "MONOCHROME2" else (1 << bits) - 1)).all()
    assert np.array_equal(before[:, 16:], after[:, 16:])
    assert np.array_equal(before[:, :, 16:], after[:, :, 16:])


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "RGB"])
def test_colour_becomes_black(photometric):
    cells = picture(random.Random(3), 40, 56, 3)
    to = io.BytesIO()
    Image.fromarray(cells).save(to, "JPEG", quality=95, keep_rgb=photometric == "RGB", subsampling=0)
    data = encapsulated_file(
        [to.getvalue()], BASELINE, rows=40, columns=56, samples=3, bits_allocated=8, bits_stored=8,
        photometric=photometric, planar=0,
    )  # fmt: skip
    result = blank_boxes(data, [Box(8, 8, 8, 16)])
    before, after = dt.decode(data), dt.decode(result.data)
    assert not after[8:16, 8:24].any()
    after[8:16, 8:24] = before[8:16, 8:24]
    assert np.array_equal(before, after)


def test_comments_thumbnails_and_data_behind_are_not_kept():
    to = io.BytesIO()
    Image.fromarray(picture(random.Random(4), 16, 16, 1)).save(to, "JPEG")
    frame = to.getvalue()
    assert frame[2:4] == b"\xff\xe0"
    # With a thumbnail of one pixel in JFIF, an Exif segment, and a comment.
    jfif = b"\xff\xe0" + struct.pack(">H", 2 + 14 + 3) + frame[6:18] + b"\1\1" + b"Doe"
    extra = b"".join(b"\xff" + code + struct.pack(">H", 2 + 8) + b"JaneDoe." for code in (b"\xe1", b"\xfe"))
    blanked, _ = _core.blank_frame(frame[:2] + jfif + extra + frame[20:] + b"JaneDoe.", [(0, 0, 4, 4)], [0])
    assert b"Doe" not in blanked
    assert blanked[:4] == b"\xff\xd8\xff\xe0"
    assert np.array_equal(with_pillow(frame)[8:], with_pillow(blanked)[8:])


@pytest.mark.parametrize("progressive", [False, True])
def test_damaged_frames_are_errors_and_no_crash(progressive):
    draw = random.Random(progressive)
    to = io.BytesIO()
    Image.fromarray(picture(draw, 40, 40, 3)).save(to, "JPEG", quality=70, progressive=progressive)
    frame = to.getvalue()
    for size in range(2, len(frame), 19):
        with pytest.raises(dt.DecodeError):
            _core.blank_frame(frame[:size], [(0, 0, 9, 9)], BLACK)
    for _ in range(100):
        broken = bytearray(frame)
        for _ in range(draw.randrange(1, 4)):
            broken[draw.randrange(2, len(frame))] = draw.randrange(256)
        try:
            _core.blank_frame(bytes(broken), [(0, 0, 9, 9)], BLACK)
        except dt.DecodeError:
            continue


def test_boxes_outside_of_the_frame_are_refused():
    to = io.BytesIO()
    Image.fromarray(picture(random.Random(5), 16, 16, 1)).save(to, "JPEG")
    for box in ((0, 0, 17, 1), (0, 0, 0, 0), (15, 15, 1, 2), (2**32 - 1, 0, 2**32 - 1, 1)):
        with pytest.raises((dt.DecodeError, ValueError), match="box"):
            _core.blank_frame(to.getvalue(), [box], [0])
    with pytest.raises(dt.DecodeError, match="components"):
        _core.blank_frame(to.getvalue(), [(0, 0, 1, 1)], BLACK)
