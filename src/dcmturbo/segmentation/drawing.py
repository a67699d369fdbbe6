"""Put the frames of a segmentation into label images: as whole planes, or as tiles of a window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dcmturbo.configuration import resolve_threads
from dcmturbo.frames.batch import draw_labels
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.segmentation.tiled import Places, merge

__all__ = ["chunks", "draw_planes", "draw_tiles", "keep_labels", "merge_label_tiles", "merge_largest"]

_CHUNK_BYTES = 4 << 20  # frames at a time, which stay in the cache


def draw_planes(
    frames: FrameSet,
    chosen: np.ndarray,
    labels: np.ndarray,
    planes: np.ndarray,
    result: np.ndarray,
    *,
    threshold: int,
    last_wins: bool,
    threads: int | None,
) -> int:
    """Draw frames, each of which is a plane, into a label image whose cells may hold anything.

    Parameters
    ----------
    frames, chosen, labels, planes
        The frames of the object, which are drawn, and the label and plane of each of these.
    result : numpy.ndarray
        (planes, rows, columns), C-contiguous.
    threshold : int
        Samples from here on are inside.
    last_wins : bool
        Which label counts where frames overlap.

    Returns
    -------
    int
        In how many pixels another label was already.
    """
    order = np.argsort(planes, kind="stable")
    empty = np.ones(len(result), bool)
    empty[planes] = False
    result[empty] = 0
    return draw_labels(
        frames,
        chosen[order],
        labels[order],
        planes[order],
        result,
        threshold=threshold,
        replaces=last_wins,
        threads=resolve_threads(threads),
    )


def draw_tiles(
    frames: FrameSet,
    chosen: np.ndarray,
    labels: np.ndarray,
    places: Places,
    result: np.ndarray,
    *,
    threshold: int,
    last_wins: bool,
    threads: int | None,
) -> int:
    """Draw frames at their places in a window; the other arguments and the result are those of `draw_planes`."""
    result[...] = 0
    rows, columns = frames.frame_shape
    at_once = max(resolve_threads(threads), _CHUNK_BYTES // max(1, rows * columns * result.itemsize))
    drawn = np.empty((min(at_once, len(places.corners)), rows, columns), result.dtype)
    overlaps = 0
    for first in range(0, len(places.corners), at_once):
        corners = places.corners[first : first + at_once]
        begin, end = np.searchsorted(places.place, [first, first + len(corners)])
        part = places.order[begin:end]
        overlaps += draw_labels(
            frames,
            chosen[part],
            labels[part],
            places.place[begin:end] - first,
            drawn[: len(corners)],
            threshold=threshold,
            replaces=last_wins,
            threads=resolve_threads(threads),
        )
        for tile, corner in zip(drawn, corners, strict=False):
            overlaps += merge(result, tile, corner, replace=places.apart, last_wins=last_wins)
    return overlaps


def merge_label_tiles(
    frames: FrameSet,
    places: Places,
    known: np.ndarray | None,
    result: np.ndarray,
    *,
    last_wins: bool,
    threads: int | None,
) -> int:
    """Put the tiles of a label map into an empty window, and return in how many pixels they differ.

    `known` says of each label whether it is wanted; None means all.
    """
    overlaps = begin = 0
    for part, pixels in chunks(frames, places.order, threads, of_bytes=False):
        for k, tile in zip(places.place[begin : begin + len(part)].tolist(), pixels, strict=True):
            if known is not None:
                keep_labels(tile, known)
            overlaps += merge(result, tile, places.corners[k], replace=places.apart, last_wins=last_wins)
        begin += len(part)
    return overlaps


def merge_largest(
    frames: FrameSet, chosen: np.ndarray, places: Places, scale: Any, result: np.ndarray, threads: int | None
) -> None:
    """Put tiles, times a scale, into an empty window. Where they overlap, the largest value counts."""
    begin = 0
    for part, pixels in chunks(frames, chosen[places.order], threads):
        for k, tile in zip(places.place[begin : begin + len(part)].tolist(), pixels, strict=True):
            drawn = np.multiply(tile, scale, casting="unsafe", dtype=result.dtype)
            merge(result, drawn, places.corners[k], largest=True)
        begin += len(part)


def keep_labels(labels: np.ndarray, known: np.ndarray) -> None:
    """Set the labels to 0 that are not known."""
    labels[~known[labels]] = 0


def chunks(
    frames: FrameSet, chosen: np.ndarray, threads: int | None, *, of_bytes: bool = True
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Decode frames, a few at a time, into the same memory."""
    if of_bytes:
        frames.check_bytes()
    rows, columns = frames.frame_shape
    frames.check_room(len(chosen))
    size = max(resolve_threads(threads), min(len(chosen), _CHUNK_BYTES // max(1, rows * columns)), 1)
    scratch = np.empty((size, rows, columns), frames.dtype)
    for begin in range(0, len(chosen), size):
        part = chosen[begin : begin + size]
        pixels = scratch[: len(part)]
        frames.read(part, ReadOptions(out=pixels, threads=threads))
        yield part, pixels
