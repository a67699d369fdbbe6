"""Blank boxes within compressed frames, of which all else stays as it is."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from dcmturbo import _core
from dcmturbo.configuration import config
from dcmturbo.dataset.elements import ITEM, SEQUENCE_DELIMITER, UNDEFINED_LENGTH, Element, header_bytes
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.dataset.sources import open_source
from dcmturbo.deidentification.boxes import Box
from dcmturbo.errors import DecodeError
from dcmturbo.frames.frame_set import QuietFrameSet

__all__ = ["Blanked", "blank_codestreams", "blank_values"]

_PIXEL_DATA, _OFFSET_TABLES = 0x7FE00010, (0x7FE00001, 0x7FE00002)
_LARGEST_OFFSET = 0xFFFFFFFF
_NOT_POSSIBLE = ("unsupported", "other_codec")


class Blanked(NamedTuple):
    """An object with blank boxes.

    Attributes
    ----------
    data : bytes
        The whole object.
    boxes : tuple of Box
        Outside of them no sample has changed: the wanted boxes within the image, for JPEG enlarged to the blocks that
        had to change.
    """

    data: bytes
    boxes: tuple[Box, ...]


def blank_codestreams(data: bytes, boxes: Sequence[Box], header: Any, threads: int | None) -> Blanked | None:
    """Blank boxes in all frames without decoding them; None if the format does not allow it.

    Parameters
    ----------
    data : bytes
        A DICOM object.
    boxes : sequence of Box
        What to blank, within the image.
    header : Dataset
        The dataset of the object.
    threads : int, optional
        Workers.

    Raises
    ------
    DecodeError
        If a frame is damaged.
    """
    opened = open_source(data)
    try:
        if not opened.encapsulated or opened.index.frame_count == 0:
            return None
        image = QuietFrameSet(opened, raw=True, unused_bits="keep")
        values = blank_values(header, image.photometric_interpretation, image.format.samples_per_pixel)
        frames = [
            b"".join(data[offset : offset + size] for offset, size in opened.index.ranges(number))
            for number in range(opened.index.frame_count)
        ]
        done = _blank_frames(frames, [tuple(box) for box in boxes], values, threads)
        if done is None:
            return None
        changed = tuple(dict.fromkeys(Box(*box) for _, found in done for box in found))
        return Blanked(_with_frames(data, opened, [frame for frame, _ in done]), changed)
    finally:
        opened.close()


def _blank_frames(
    frames: list[bytes], boxes: list[Any], values: list[int], threads: int | None
) -> list[tuple[bytes, list[tuple[int, int, int, int]]]] | None:
    def blank(number: int) -> tuple[bytes, list[tuple[int, int, int, int]]]:
        try:
            return _core.blank_frame(frames[number], boxes, values)
        except DecodeError as error:
            error.frame = number
            raise

    try:
        # If the first shows that it cannot be done, no other is tried.
        done = [blank(0)]
        workers = min(threads or config.threads or _core.default_threads(), len(frames) - 1)
        if workers > 0:
            with ThreadPoolExecutor(workers, thread_name_prefix="dcmturbo-blanking") as pool:
                done += pool.map(blank, range(1, len(frames)))
        return done
    except DecodeError as error:
        if error.code in _NOT_POSSIBLE:
            return None
        raise


def _with_frames(data: bytes, opened: OpenedSource, frames: list[bytes]) -> bytes:
    """Return the object with other frames, each of one fragment."""
    dataset = opened.dataset
    assert dataset is not None
    found, _ = _core.list_elements(
        opened.source, dataset.dataset_offset, explicit_vr=dataset.explicit_vr, big_endian=dataset.big_endian
    )
    elements = [Element(*one) for one in found]
    pixels = next(element for element in elements if element.tag == _PIXEL_DATA)
    kept = [data[: dataset.dataset_offset]]
    kept += [
        data[element.begin : element.end]
        for element in elements
        if element.tag not in (_PIXEL_DATA, *_OFFSET_TABLES) and element.begin < pixels.begin
    ]
    return b"".join([*kept, _pixel_data(frames), data[pixels.end :]])


def _pixel_data(frames: list[bytes]) -> bytes:
    """Return the pixel data element of encapsulated frames (PS3.5, A.4)."""
    offsets, position = [], 0
    items = []
    for frame in frames:
        offsets.append(position)
        padding = len(frame) & 1
        items += [header_bytes(ITEM, "", len(frame) + padding), frame, bytes(padding)]
        position += 8 + len(frame) + padding
    table = struct.pack(f"<{len(offsets)}I", *offsets) if offsets[-1] <= _LARGEST_OFFSET else b""
    return b"".join(
        [
            header_bytes(_PIXEL_DATA, "OB", UNDEFINED_LENGTH),
            header_bytes(ITEM, "", len(table)),
            table,
            *items,
            header_bytes(SEQUENCE_DELIMITER, "", 0),
        ]
    )


def blank_values(header: Any, photometric: str, samples: int) -> list[int]:
    """Return the samples of a blank pixel, as they are in cells: black, or the first colour of a palette."""
    allocated, stored = int(header.BitsAllocated), int(header.get("BitsStored") or header.BitsAllocated)
    signed = header.get("PixelRepresentation", 0) == 1
    if photometric == "MONOCHROME1":
        return [(1 << (stored - 1)) - 1 if signed else (1 << stored) - 1]
    if photometric.startswith("YBR") and samples == 3 and photometric not in ("YBR_ICT", "YBR_RCT"):
        return [0, 1 << (stored - 1), 1 << (stored - 1)]
    if photometric == "MONOCHROME2" and signed:
        return [(1 << allocated) - (1 << (stored - 1))]  # two's complement of the least value
    return [0] * samples
