"""Where the frames of an object lie, kept beside it: so that they need not be searched again."""

from __future__ import annotations

import contextlib
import io
import math
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.destinations.destination import new_file
from dcmturbo.errors import DecodeError
from dcmturbo.urls import import_fsspec, is_url

__all__ = ["FrameOffsets", "load_offsets", "offsets_of", "use_offsets"]

_VERSION = 1
_ITEM_HEADER = 8  # bytes, of each fragment (PS3.5, A.4); each frame has one fragment here


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
        return load_offsets(path)


def load_offsets(path: str | os.PathLike[str], opened: OpenedSource | None = None) -> FrameOffsets:
    """Read a file that `FrameOffsets.save` has written, for an object that is open, if one is given.

    No more offsets are inflated than there is room for items in the object.

    Raises
    ------
    DecodeError
        If they are not of the object.
    ValueError, OSError
        As by `FrameOffsets.load`.
    """
    with _open(path) as file:
        content = file.read()
    with _refusing_damage(path), zipfile.ZipFile(io.BytesIO(content)) as members:
        version, source_bytes, pixel_data = (
            int(_read_array(members, name, 1)[0]) for name in ("version", "source_bytes", "pixel_data")
        )
    if version != _VERSION:
        raise ValueError(f"{os.fspath(path)} has saved offsets of frames in a form that this version does not know")
    if opened is not None:
        _require_same_object(opened, source_bytes, pixel_data)
    with _refusing_damage(path), zipfile.ZipFile(io.BytesIO(content)) as members:
        most = (source_bytes - pixel_data) // _ITEM_HEADER
        offsets, lengths = (_read_array(members, name, most) for name in ("offsets", "lengths"))
        return FrameOffsets(offsets, lengths, source_bytes, pixel_data)


def _open(path: str | os.PathLike[str]) -> Any:
    place = os.fsdecode(path)
    return import_fsspec().open(place, mode="rb") if is_url(place) else open(place, "rb")


@contextlib.contextmanager
def _refusing_damage(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of a file that is damaged, zipfile and numpy raise errors of any type
        raise ValueError(f"{os.fspath(path)} has no saved offsets of frames, or is damaged") from error


def _read_array(members: zipfile.ZipFile, name: str, most: int) -> np.ndarray:
    """Return an array of a .npz file, of no more than `most` numbers, and in one dimension."""
    with members.open(f"{name}.npy") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        count = math.prod(shape)
        if dtype != np.uint64 or len(shape) > 1 or count > most:
            raise ValueError(f"{name} is an array of {count} numbers; expected {most} at most, of the type uint64")
        return np.frombuffer(file.read(8 * count), dtype, count).copy()


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
    _require_same_object(opened, kept.source_bytes, kept.pixel_data)
    element = None if opened.dataset is None else opened.dataset.pixel_data
    if element is None or not opened.encapsulated or len(kept) != (opened.promised_frames or len(kept)):
        raise _of_another()
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
        raise _of_another()
    opened.index = index


def _require_same_object(opened: OpenedSource, source_bytes: int, pixel_data: int) -> None:
    if (source_bytes, pixel_data) != (opened.source.size, opened.pixel_data_offset):
        raise _of_another()


def _of_another() -> DecodeError:
    return DecodeError("the saved offsets of frames are not of this object: make them again", code="mismatch")
