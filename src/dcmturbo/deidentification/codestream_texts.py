"""Remove what may name somebody from pixel data: comments, application data, what comes after the end of frames."""

from __future__ import annotations

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import resolve_threads
from dcmturbo.dataset.elements import ITEM, SEQUENCE_DELIMITER, Encoding, read_header
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.dataset.sources import open_source
from dcmturbo.decoding import decode
from dcmturbo.deidentification.blanking import transcoded
from dcmturbo.deidentification.codestreams import check_frames, with_frames
from dcmturbo.errors import DecodeError, DeidentificationError, EncodeError, NoPixelData
from dcmturbo.frames.frame_set import QuietFrameSet

__all__ = ["clean_codestreams"]

_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def clean_codestreams(data: bytes, threads: int | None = None) -> bytes:
    """Return an object without texts in its codestreams. Its pixels are the same, which is verified.

    Parameters
    ----------
    data : bytes
        A DICOM object. If there is nothing to remove, it is returned.
    threads : int, optional
        Workers.

    Raises
    ------
    DecodeError
        If a frame is damaged, so that nobody knows what is in it.
    DeidentificationError
        If the format does not allow it, or the verification failed.
    """
    try:
        opened = open_source(data)
    except (NoPixelData, NotImplementedError):  # not pixels, or a video
        return data
    try:
        if opened.index.frame_count == 0:
            return data
        if not opened.encapsulated:
            return _without_excess(data, opened, threads)
        syntax = opened.syntax
        try:
            return _cleaned(data, opened, resolve_threads(threads))
        except DecodeError as error:
            if error.code == "internal":
                raise DeidentificationError(error.message, code="internal") from error
            if error.code != "unsupported":
                raise
            if syntax.made_from is None:
                raise DeidentificationError(f"texts cannot be removed from the codestreams: {error.message}") from error
    finally:
        opened.close()
    # The frames can be restored to JPEG, cleaned, and recompressed.
    try:
        return transcoded(clean_codestreams(transcoded(data, _JPEG_BASELINE, threads), threads), syntax.uid, threads)
    except (EncodeError, NotImplementedError) as error:
        raise DeidentificationError(f"texts cannot be removed from {syntax.name}: {error}") from error


def _cleaned(data: bytes, opened: OpenedSource, threads: int) -> bytes:
    image = QuietFrameSet(opened, raw=True, unused_bits="keep")
    image.check_span(range(image.promised), salvage=False)
    image.check_room(1)
    frames = [frame for frame, _ in _core.blank_frames(image.stream(), len(image), [], [], threads=threads)]
    is_same = all(frame == image.encoded_frame(number) for number, frame in enumerate(frames))
    if is_same and not _has_more(data, opened, sum(map(len, frames))):
        return data
    result = with_frames(data, opened, frames)
    check_frames(result, frames)
    return result


def _without_excess(data: bytes, opened: OpenedSource, threads: int | None) -> bytes:
    """Return an object with native pixels and zeros behind the last frame, where a value may be longer."""
    place = opened.dataset.pixel_data if opened.dataset else None
    if place is None or opened.syntax.deflated or opened.pixel_data_end is not None:
        return data
    begin = max(sum(part) for part in opened.index.ranges(opened.index.frame_count - 1))
    end = place["offset"] + place["length"]
    if not data[begin:end].strip(b"\0"):
        return data
    result = data[:begin] + bytes(end - begin) + data[end:]
    # If the dataset misstates the length of frames, these bytes may be pixels.
    first, second = (decode(one, raw=True, unused_bits="keep", threads=threads) for one in (data, result))
    if not np.array_equal(first, second):
        raise DeidentificationError(f"nobody knows what the last {end - begin} bytes of the pixel data are")
    return result


def _has_more(data: bytes, opened: OpenedSource, size: int) -> bool:
    """Whether the items of encapsulated pixel data have more bytes than their frames and a Basic Offset Table."""
    view, at = memoryview(data), opened.pixel_data_offset
    lengths, tag = [], ITEM
    while at + 8 <= len(data) and tag == ITEM:
        tag, _, value, length = read_header(view, at, Encoding(explicit_vr=False))
        lengths.append(length)
        at = value + length
    *items, _ = lengths
    return tag != SEQUENCE_DELIMITER or items[0] not in (0, 4 * opened.index.frame_count) or sum(items[1:]) != size
