"""Boxes of reversible JPEG 2000 and HTJ2K are blanked in the code-blocks that they reach; all others stay."""

import random

import imagecodecs
import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.deidentification.blanking import blank_boxes
from dcmturbo.deidentification.boxes import Box

FLAGS = ("packet_lengths", "tile_part_lengths", "packet_markers")
STYLES = (
    *("selective_bypass", "reset_contexts", "terminate_passes", "vertically_causal_contexts"),
    "segmentation_symbols",
)


def picture(draw: random.Random, rows: int, columns: int, samples: int, bits: int) -> np.ndarray:
    values = np.random.default_rng(draw.randrange(1 << 30))
    whole = np.kron(values.integers(0, 1 << bits, (rows // 7 + 1, columns // 7 + 1, samples)), np.ones((7, 7, 1), int))
    whole = whole[:rows, :columns] + values.integers(-9, 9, (rows, columns, samples))
    if draw.random() < 0.2:  # most code-blocks have no data
        whole[:, : columns // 2] = 0
        whole[: rows // 2] = 0
    cells = np.clip(whole, 0, (1 << bits) - 1).astype("u1" if bits <= 8 else "u2")
    return cells if samples == 3 else cells[..., 0]


def options_of(draw: random.Random, syntax: str) -> dict:
    options = {name: True for name in FLAGS if draw.random() < 0.2}
    options["decomposition_levels"] = draw.randrange(1, 6)
    options["progression_order"] = draw.choice(["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])
    options["code_block_width"] = options["code_block_height"] = draw.choice([16, 32, 64])
    if draw.random() < 0.4:
        options["tile_width"], options["tile_height"] = draw.randrange(20, 90), draw.randrange(20, 90)
    if draw.random() < 0.3:
        options["precinct_size"] = draw.choice([64, 128])
    if syntax == "JPEG2000Lossless":
        options |= {name: True for name in STYLES if draw.random() < 0.2}
        options["layers"] = draw.choice([1, 1, 2, 5])
    return options


def boxes_in(draw: random.Random, rows: int, columns: int) -> list[tuple[int, int, int, int]]:
    found = []
    for _ in range(draw.randrange(1, 3)):
        top, left = draw.randrange(rows), draw.randrange(columns)
        height, width = draw.randrange(1, min(40, rows - top) + 1), draw.randrange(1, min(40, columns - left) + 1)
        found.append((top, left, height, width))
    return found


def blank_and_compare(frame: bytes, boxes: list, samples: int, value: int) -> None:
    """The same box in another decoder, and no other change."""
    blanked, changed = _core.blank_frame(frame, boxes, [value] * samples)
    assert changed == boxes
    wanted = imagecodecs.jpeg2k_decode(frame)
    for top, left, height, width in boxes:
        wanted[top : top + height, left : left + width] = value
    assert np.array_equal(imagecodecs.jpeg2k_decode(blanked), wanted)


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "HTJ2KLossless", "HTJ2KLosslessRPCL"])
@pytest.mark.parametrize("seed", range(12))
def test_random_boxes_are_blank_and_all_else_is_equal(syntax, seed):
    draw = random.Random(f"{syntax} {seed}")
    for _ in range(12):
        rows, columns, samples = draw.randrange(16, 150), draw.randrange(16, 150), draw.choice([1, 3])
        bits = 8 if samples == 3 else draw.choice([8, 12, 16])
        options = options_of(draw, syntax)
        if syntax.endswith("RPCL"):
            options = {"decomposition_levels": 3}
        cells = picture(draw, rows, columns, samples, bits)
        options |= {} if bits == 8 else {"bits_stored": bits}
        frame = dt.encode_frame(cells, syntax, **options)
        value = 0 if samples == 3 else draw.choice([0, (1 << bits) - 1])
        blank_and_compare(frame, boxes_in(draw, rows, columns), samples, value)


@pytest.mark.parametrize("seed", range(6))
def test_codestreams_that_were_cut_stay_as_other_decoders_see_them(seed):
    draw = random.Random(seed)
    for _ in range(10):
        rows, columns, samples = draw.randrange(64, 150), draw.randrange(64, 150), draw.choice([1, 3])
        frame = imagecodecs.jpeg2k_encode(
            picture(draw, rows, columns, samples, 8), level=draw.choice([20, 30, 40]), codecformat="j2k",
            reversible=True, resolutions=draw.randrange(2, 6), mct=draw.random() < 0.5,
        )  # fmt: skip
        blank_and_compare(frame, boxes_in(draw, rows, columns), samples, 0)


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "HTJ2KLossless"])
def test_code_blocks_that_a_box_does_not_reach_keep_their_bytes(syntax):
    cells = picture(random.Random(1), 512, 512, 1, 12)
    frame = dt.encode_frame(
        cells, syntax, bits_stored=12, decomposition_levels=1, code_block_width=16, code_block_height=16,
        tile_width=512, tile_height=512,
    )  # fmt: skip
    blanked, _ = _core.blank_frame(frame, [(100, 100, 30, 30)], [0])
    # All bytes of the code-blocks of the last quarter are still there, at the same distance from the end.
    assert frame[-len(frame) // 8 :] == blanked[-len(frame) // 8 :]
    # Other tiles keep all of theirs.
    tiled = dt.encode_frame(cells, syntax, bits_stored=12, tile_width=128, tile_height=128)
    blanked, _ = _core.blank_frame(tiled, [(0, 0, 30, 30)], [0])
    tail = tiled[tiled.index(b"\xff\x90\x00\x0a\x00\x01") :]
    assert blanked.endswith(tail)


@pytest.mark.parametrize(
    ("syntax", "uid"),
    [
        ("JPEG2000Lossless", "1.2.840.10008.1.2.4.90"),
        ("JPEG2000", "1.2.840.10008.1.2.4.91"),
        ("HTJ2KLossless", "1.2.840.10008.1.2.4.201"),
        ("HTJ2K", "1.2.840.10008.1.2.4.203"),
    ],
)
@pytest.mark.parametrize("signed", [0, 1])
def test_objects(syntax, uid, signed):
    cells = smooth((60, 75), "i2" if signed else "u2", bits=12)
    lossy = {"ratio": 8} if not syntax.endswith("Lossless") else {}
    frames = [dt.encode_frame(one, syntax, bits_stored=12, **lossy) for one in (cells, cells[::-1].copy())]
    data = encapsulated_file(frames, uid, rows=60, columns=75, bits_allocated=16, bits_stored=12, signed=signed)
    result = blank_boxes(data, [Box(5, 7, 11, 13)])
    assert result.boxes == (Box(5, 7, 11, 13),)
    before, after = dt.decode(data), dt.decode(result.data)
    assert (after[:, 5:16, 7:20] == (-2048 if signed else 0)).all()
    after[:, 5:16, 7:20] = before[:, 5:16, 7:20]
    assert np.array_equal(before, after)


def test_comments_are_not_kept():
    frame = dt.encode_frame(smooth((32, 32), "u1", bits=8), "JPEG2000Lossless")
    at = frame.index(b"\xff\x90")
    comment = b"\xff\x64\x00\x0c\x00\x01JaneDoe."
    blanked, _ = _core.blank_frame(frame[:at] + comment + frame[at:], [(0, 0, 4, 4)], [0])
    assert b"Doe" not in blanked
    assert np.array_equal(imagecodecs.jpeg2k_decode(frame)[4:], imagecodecs.jpeg2k_decode(blanked)[4:])


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "HTJ2KLossless"])
def test_damaged_frames_are_errors_and_no_crash(syntax):
    draw = random.Random(syntax)
    frame = dt.encode_frame(picture(draw, 40, 40, 3, 8), syntax)
    for size in range(2, len(frame) - 2, 97):
        with pytest.raises(dt.DecodeError):
            _core.blank_frame(frame[:size], [(0, 0, 9, 9)], [0, 0, 0])
    for _ in range(150):
        broken = bytearray(frame)
        for _ in range(draw.randrange(1, 4)):
            broken[draw.randrange(2, len(frame))] = draw.randrange(256)
        try:
            _core.blank_frame(bytes(broken), [(0, 0, 9, 9)], [0, 0, 0])
        except dt.DecodeError:
            continue
