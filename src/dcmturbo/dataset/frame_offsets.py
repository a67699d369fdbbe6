"""Where the frames of an object lie, kept beside it: so that they need not be searched again."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.destinations.destination import new_file
from dcmturbo.errors import DecodeError
from dcmturbo.urls import import_fsspec, is_url

__all__ = ["FrameOffsets", "offsets_of", "use_offsets"]

_VERSION = 1


@dataclass(frozen=True, eq=False)
class FrameOffsets:
    """The places of the frames of one object. `Image.index` makes it, and `dcmturbo.open` takes it.

    Attributes
    ----------
    offsets : numpy.ndarray of uint64
        Of the item of each frame, counted from the item of the first (as in the Extended Offset Table, PS3.3,
        C.7.6.3.1.8).
    lengths : numpy.ndarray of uint64
        Bytes of each frame.
    source_bytes, pixel_data : int
        Bytes of the object, and where its pixel data begin: what the offsets belong to.
    """

    offsets: np.ndarray
    lengths: np.ndarray
    source_bytes: int
    pixel_data: int

    def __post_init__(self) -> None:
        for array in (self.offsets, self.lengths):
            if not isinstance(array, np.ndarray) or array.dtype != np.uint64 or array.shape != (len(self.offsets),):
                raise ValueError("offsets and lengths must be arrays of uint64 of the same length")

    def __len__(self) -> int:
        return len(self.offsets)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file that `load` reads (numpy's .npz, whatever the suffix), to a path or a URL.

        A file gets its name when it is complete, and replaces an existing one in one step.
        """
        with new_file(path) as file:
            np.savez_compressed(
                file,
                version=np.uint64(_VERSION),
                offsets=self.offsets,
                lengths=self.lengths,
                source_bytes=np.uint64(self.source_bytes),
                pixel_data=np.uint64(self.pixel_data),
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FrameOffsets:
        """Read a file that `save` has written, from a path or a URL.

        Raises
        ------
        ValueError
            If it is another file.
        OSError
            If it cannot be read.
        """
        with _open(path) as file:
            content = file.read()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as found:
                version = int(found["version"])
                arrays = found["offsets"], found["lengths"]
                numbers = int(found["source_bytes"]), int(found["pixel_data"])
        except Exception as error:  # of a file that is damaged, zipfile and numpy raise errors of any type
            raise ValueError(f"{os.fspath(path)} has no saved offsets of frames, or is damaged") from error
        if version != _VERSION:
            raise ValueError(f"{os.fspath(path)} has saved offsets of frames in a form that this version does not know")
        try:
            return cls(*arrays, *numbers)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)} has no saved offsets of frames: {error}") from None


def _open(path: str | os.PathLike[str]) -> Any:
    place = os.fsdecode(path)
    return import_fsspec().open(place, mode="rb") if is_url(place) else open(place, "rb")


def offsets_of(opened: OpenedSource, count: int) -> FrameOffsets:
    """Find all frames of an object.

    Raises
    ------
    ValueError
        If its pixel data are not encapsulated, so that nothing has to be searched, or if frames have several fragments.
    """
    if not opened.encapsulated:
        raise ValueError("only encapsulated pixel data have an index: frames of uncompressed data are all of one size")
    places = np.empty((count, 2), np.uint64)
    for frame in range(count):
        ranges = opened.index.ranges(frame)
        if len(ranges) != 1:
            raise ValueError(f"frame {frame} has {len(ranges)} fragments: an offset can be kept for frames of one only")
        places[frame] = ranges[0]
    offsets = places[:, 0] - places[:1, 0]
    return FrameOffsets(offsets, places[:, 1].copy(), opened.source.size, opened.pixel_data_offset)


def use_offsets(opened: OpenedSource, kept: FrameOffsets) -> None:
    """Let an object find its frames by offsets that were kept. Each is checked against an item when it is used.

    Raises
    ------
    DecodeError
        If they are not of this object.
    """
    if not isinstance(kept, FrameOffsets):
        raise TypeError(f"index must be FrameOffsets, or the path of a file with them; found {type(kept).__name__}")
    element = None if opened.dataset is None else opened.dataset.pixel_data
    fits = kept.source_bytes == opened.source.size and kept.pixel_data == opened.pixel_data_offset
    if element is None or not opened.encapsulated or not fits or len(kept) != (opened.promised_frames or len(kept)):
        raise DecodeError("the saved offsets of frames are not of this object: make them again", code="mismatch")
    index = _core.Index(
        opened.source,
        True,
        opened.pixel_data_offset,
        element["length"],
        bool(element["undefined_length"]),
        len(kept),
        extended_bytes=(kept.offsets.tobytes(), kept.lengths.tobytes()),
    )
    if index.table != "extended":
        raise DecodeError("the saved offsets of frames are not of this object: make them again", code="mismatch")
    opened.index = index
