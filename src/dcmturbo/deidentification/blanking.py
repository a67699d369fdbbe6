"""Blank boxes in every frame of an object, which keeps its transfer syntax; nothing else changes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom

from dcmturbo.dataset.sources import open_source
from dcmturbo.decoding import decode
from dcmturbo.deidentification.boxes import Box, pixels_in, require_within
from dcmturbo.deidentification.codestreams import Blanked, blank_codestreams, blank_values
from dcmturbo.errors import DeidentificationError, EncodeError
from dcmturbo.transcoding.object import transcode_object

__all__ = ["Blanked", "blank_boxes"]

_EXPLICIT = "1.2.840.10008.1.2.1"
_IN_PAIRS = "YBR_FULL_422"
_SUBSAMPLED = (_IN_PAIRS, "YBR_PARTIAL_422", "YBR_PARTIAL_420")


def blank_boxes(data: bytes, boxes: Sequence[Box], threads: int | None = None) -> Blanked:
    """Blank boxes in all frames, and verify that all other samples stay as they are.

    Parameters
    ----------
    data : bytes
        A DICOM object.
    boxes : sequence of Box
        What to blank.
    threads : int, optional
        Workers.

    Raises
    ------
    DeidentificationError
        If a box is not wholly within the image, the format does not allow it without a change elsewhere, or the
        verification failed.
    DecodeError
        If the object cannot be decoded.
    """
    header = _header(data)
    require_within(boxes, header.Rows, header.Columns)
    if (done := blank_codestreams(data, boxes, header, threads)) is not None:
        return done
    # Native pixels of this kind share their chroma in pairs.
    is_in_pairs = str(header.get("PhotometricInterpretation", "")).strip() == _IN_PAIRS
    changed = tuple(map(_of_pairs, boxes)) if is_in_pairs else tuple(boxes)
    done = Blanked(_through_native(data, changed, threads), changed)
    _verify(data, done.data, boxes, done.boxes, threads)
    return done


def _header(data: Any) -> Any:
    """Return the dataset without its pixels."""
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)


def transcoded(data: bytes, syntax: str, threads: int | None) -> bytes:
    """Return an object in another transfer syntax, verified; nothing else changes."""
    output = io.BytesIO()
    transcode_object(
        data, output, syntax, verify=True, threads=threads, offset_table="auto", new_uid=False,
        mask_unused_bits=False, fsync=False, overwrite=True,
    )  # fmt: skip
    return output.getvalue()


def _through_native(data: bytes, boxes: Sequence[Box], threads: int | None) -> bytes:
    """Decode all frames, blank them, and encode them again without loss."""
    opened = open_source(data)
    try:
        syntax = opened.syntax
        is_plain = syntax.is_native and not syntax.deflated and not opened.encapsulated and not opened.big_endian
    finally:
        opened.close()
    native = data if is_plain else transcoded(data, _EXPLICIT, threads)
    blank = bytearray(native)
    _blank_native(blank, boxes)
    if native is data:
        return bytes(blank)
    try:
        return transcoded(bytes(blank), syntax.uid, threads)
    except (EncodeError, NotImplementedError, ValueError, TypeError) as error:
        raise DeidentificationError(
            f"boxes cannot be blanked in {syntax.name} without changing other samples: {error}. Name a lossless "
            "transfer syntax for the output, such as HTJ2KLossless"
        ) from error


def _of_pairs(box: Box) -> Box:
    """Return a box that begins and ends between two pairs of columns."""
    left, right = box.left // 2 * 2, -(-(box.left + box.width) // 2) * 2
    return Box(box.top, left, box.height, right - left)


def _blank_native(data: bytearray, boxes: Sequence[Box]) -> None:
    """Blank boxes in the pixels of an uncompressed object, in place."""
    header = _header(data)
    bits, samples = int(header.BitsAllocated), int(header.get("SamplesPerPixel", 1))
    photometric = str(header.get("PhotometricInterpretation", "")).strip()
    in_pairs = photometric == _IN_PAIRS and bits == 8 and samples == 3 and header.Columns % 2 == 0
    if bits not in (8, 16, 32) or (photometric in _SUBSAMPLED and not in_pairs):
        raise DeidentificationError(
            f"boxes cannot be blanked in native pixels with {bits} bits allocated and the photometric "
            f"interpretation {photometric}"
        )
    planar = samples > 1 and header.get("PlanarConfiguration", 0) == 1 and not in_pairs
    shape = (samples, header.Rows, header.Columns) if planar else (header.Rows, header.Columns, samples)
    values = blank_values(header, photometric, samples)
    if in_pairs:  # two samples of Y, then one of each chroma (PS3.3, C.7.6.3.1.2)
        shape, values = (header.Rows, header.Columns // 2, 4), [values[0], *values]
        boxes = [Box(box.top, box.left // 2, box.height, box.width // 2) for box in map(_of_pairs, boxes)]
    dtype, count = np.dtype(f"<u{bits // 8}"), int(np.prod(shape))
    opened = open_source(bytes(data))
    try:
        places = [opened.index.ranges(number) for number in range(opened.index.frame_count)]
    finally:
        opened.close()
    for number, parts in enumerate(places):
        size = dtype.itemsize * count
        # Pairs that are half as long again were not subsampled, whatever their label says.
        if len(parts) != 1 or parts[0][1] < size or (in_pairs and parts[0][1] >= size + size // 2):
            raise DeidentificationError(f"frame {number} is incomplete")
        cells = np.frombuffer(data, dtype, count, parts[0][0]).reshape(shape)
        cells = np.moveaxis(cells, 0, 2) if planar else cells
        for box in boxes:
            cells[box.top : box.top + box.height, box.left : box.left + box.width] = values


def _verify(before: bytes, after: bytes, boxes: Sequence[Box], changed: Sequence[Box], threads: int | None) -> None:
    """Decode both objects and compare: blank inside of the boxes, equal outside of those that may have changed."""
    first, second = (
        _with_frames(decode(data, raw=True, unused_bits="keep", threads=threads), data) for data in (before, after)
    )
    if first.shape != second.shape:
        raise DeidentificationError(
            f"the blanked image has the shape {second.shape} instead of {first.shape}", code="internal"
        )
    inside, outside = pixels_in(boxes, first.shape[1:3]), ~pixels_in(changed, first.shape[1:3])
    for old, new in zip(first, second, strict=True):
        if not np.array_equal(old[outside], new[outside]):
            raise DeidentificationError("samples outside of the boxes have changed", code="internal")
        if not (new[inside] == new[inside][0]).all():
            raise DeidentificationError("a box is not blank", code="internal")


def _with_frames(array: np.ndarray, data: bytes) -> np.ndarray:
    """Return decoded pixels with a frame axis."""
    several = array.ndim == 3 + (int(_header(data).get("SamplesPerPixel", 1)) > 1)
    return array if several else array[np.newaxis]
