"""Blank boxes within compressed frames, of which all else stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dcmturbo import _core
from dcmturbo.configuration import resolve_threads
from dcmturbo.dataset.elements import Element
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.dataset.sources import open_source
from dcmturbo.deidentification.boxes import Box
from dcmturbo.errors import DecodeError, DeidentificationError
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.transcoding.offset_tables import encapsulated

__all__ = ["Blanked", "blank_codestreams", "blank_values", "check_frames", "with_frames"]

_PIXEL_DATA, _OFFSET_TABLES = 0x7FE00010, (0x7FE00001, 0x7FE00002)
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
    """Blank boxes in all frames without encoding them again, and verify it; None if the format does not allow it.

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
    DeidentificationError
        If the verification failed.
    """
    opened = open_source(data)
    try:
        if not opened.encapsulated or opened.index.frame_count == 0:
            return None
        image = FrameSet(opened, raw=True, unused_bits="keep")
        image.check_span(range(image.promised), salvage=False)
        values = blank_values(header, image.photometric_interpretation, image.format.samples_per_pixel)
        done = _blank_frames(image, boxes, values, resolve_threads(threads))
        if done is None:
            return None
        changed = tuple(dict.fromkeys(Box(*box) for _, found in done for box in found))
        frames = [frame for frame, _ in done]
        result = with_frames(data, opened, frames)
    finally:
        opened.close()
    check_frames(result, frames)
    return Blanked(result, changed)


def _blank_frames(
    image: FrameSet, boxes: Sequence[Box], values: list[int], threads: int
) -> list[tuple[bytes, list[tuple[int, int, int, int]]]] | None:
    image.check_room(1)
    stream = image.stream()
    try:
        done = _core.blank_frames(stream, len(image), boxes, values, threads=threads)
    except DecodeError as error:
        if error.code in _NOT_POSSIBLE:
            return None
        if error.code == "internal":
            raise DeidentificationError(error.message, code="internal") from error
        raise
    image.warn_of_notes(stream.notes)
    return done


def with_frames(data: bytes, opened: OpenedSource, frames: list[bytes]) -> bytes:
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
    return b"".join([*kept, encapsulated(frames, len(frames)), data[pixels.end :]])


def check_frames(data: bytes, frames: list[bytes]) -> None:
    """Open an object as a reader would, and compare its frames with those that were written into it."""
    opened = open_source(data)
    try:
        if opened.index.frame_count != len(frames):
            raise DeidentificationError("the new object has another number of frames", code="internal")
        for number, frame in enumerate(frames):
            ranges = opened.index.ranges(number)
            found = b"".join(data[offset : offset + size] for offset, size in ranges)
            if found not in (frame, frame + b"\0"):
                raise DeidentificationError("a reader finds other frames in the new object", code="internal")
    finally:
        opened.close()


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
