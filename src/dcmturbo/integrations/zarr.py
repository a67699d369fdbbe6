"""Images and slides as read-only zarr stores (version 3), whose chunks are decoded when they are read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np

from dcmturbo.image import Image
from dcmturbo.integrations.lazy import refuse_planes
from dcmturbo.slides import Level, Slide

__all__ = ["DicomStore"]

try:
    from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
except ImportError:
    raise ImportError("zarr stores need zarr 3: pip install zarr") from None

# zarr v3, "Data types"
_TYPES = {
    f"{kind}{bits}": f"{name}{bits}"
    for kind, name in (("u", "uint"), ("i", "int"), ("f", "float"))
    for bits in (8, 16, 32, 64)
}


class _Array:
    """One array of a store: its metadata, and its chunks."""

    def __init__(self, source: Image | Level, plane: dict[str, Any] | None = None) -> None:
        self._source, self._plane = source, plane or {}
        self.shape = source.shape
        self.dtype = source.dtype
        if isinstance(source, Image):
            has_axis = len(self.shape) > len(source.frame_shape)
            self.chunk = (1, *source.frame_shape) if has_axis else source.frame_shape
        else:
            self.chunk = (*source.tile_shape, *self.shape[2:])
        self.counts = tuple(-(-size // part) for size, part in zip(self.shape, self.chunk, strict=True))

    def metadata(self) -> dict[str, Any]:
        """Return the content of ``zarr.json``."""
        names = ["y", "x", "c"]
        extra = len(self.shape) - (2 if isinstance(self._source, Level) else len(self._source.frame_shape))
        frames = isinstance(self._source, Image) and extra == 1
        names = (["frame"] if frames else []) + names[: len(self.shape) - frames]
        codecs: list[dict[str, Any]] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": _TYPES[f"{self.dtype.kind}{8 * self.dtype.itemsize}"],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(self.chunk)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": codecs,
            "dimension_names": names,
            "attributes": {},
        }

    def has_chunk(self, place: tuple[int, ...]) -> bool:
        """Whether the array has such a chunk."""
        return len(place) == len(self.counts) and all(
            0 <= number < count for number, count in zip(place, self.counts, strict=True)
        )

    def read_chunk(self, place: tuple[int, ...]) -> bytes:
        """Return a chunk; what is outside of the array is zeros."""
        if isinstance(self._source, Image):
            pixels = self._source.read(place[0] if len(self.chunk) > len(self._source.frame_shape) else 0, threads=1)
            return np.ascontiguousarray(pixels, self.dtype.newbyteorder("<")).tobytes()
        whole = np.zeros(self.chunk, self.dtype.newbyteorder("<"))
        top, left = (number * size for number, size in zip(place[:2], self.chunk[:2], strict=True))
        height, width = min(self.chunk[0], self.shape[0] - top), min(self.chunk[1], self.shape[1] - left)
        whole[:height, :width] = self._source.read(region=(top, left, height, width), threads=1, **self._plane)
        return whole.tobytes()


class DicomStore(Store):  # type: ignore[misc, unused-ignore]
    """A read-only zarr store of an image, a level or a slide.

    An image or a level is one array. A slide is a group with an array for each level, named "0" for the largest and so
    on. Chunks are frames or tiles. They are not compressed in the store: each is decoded when it is read.

    Parameters
    ----------
    source : Image, Level or Slide
        Keep it open as long as the store is used.
    optical_path, focal_plane : int, str or float
        As in `Level.read`.

    Examples
    --------
    >>> array = zarr.open_array(DicomStore(image), mode="r")            # doctest: +SKIP
    """

    supports_writes = False
    supports_deletes = False
    supports_partial_writes = False
    supports_listing = True

    def __init__(
        self, source: Image | Level | Slide, optical_path: int | str = 0, focal_plane: int | float = 0
    ) -> None:
        super().__init__(read_only=True)
        self.source = source
        self.options = optical_path, focal_plane
        if isinstance(source, Image):
            refuse_planes(optical_path, focal_plane)
            self._arrays = {"": _Array(source)}
            return
        levels = source.levels if isinstance(source, Slide) else (source,)
        key = levels[0].choose(optical_path, focal_plane)
        self._arrays = {}
        for number, level in enumerate(levels):
            same = key if number == 0 else level.same_plane(levels[0], key)
            if same is not None:
                plane = {"optical_path": same[0], "focal_plane": same[1]}
                self._arrays[f"{number}/" if isinstance(source, Slide) else ""] = _Array(level, plane)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DicomStore) and other.source is self.source and other.options == self.options

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return DicomStore, (self.source, *self.options)

    # ---- what is there ------------------------------------------------------------------------------

    def _metadata(self, key: str) -> bytes | None:
        if key == "zarr.json" and isinstance(self.source, Slide):
            group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
            return json.dumps(group).encode()
        array = self._arrays.get(key.removesuffix("zarr.json")) if key.endswith("zarr.json") else None
        return None if array is None else json.dumps(array.metadata()).encode()

    def _chunk(self, key: str) -> tuple[_Array, tuple[int, ...]] | None:
        prefix, found, rest = key.rpartition("c/")
        array = self._arrays.get(prefix)
        if not found or array is None or not all(part.isdecimal() for part in rest.split("/")):
            return None
        place = tuple(int(part) for part in rest.split("/"))
        return (array, place) if array.has_chunk(place) else None

    # ---- zarr.abc.store.Store -----------------------------------------------------------------------

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return a value, or None if there is none."""
        content = self._metadata(key)
        if content is None:
            chunk = self._chunk(key)
            if chunk is None:
                return None
            content = await asyncio.to_thread(chunk[0].read_chunk, chunk[1])
        if isinstance(byte_range, RangeByteRequest):
            content = content[byte_range.start : byte_range.end]
        elif isinstance(byte_range, OffsetByteRequest):
            content = content[byte_range.offset :]
        elif isinstance(byte_range, SuffixByteRequest):
            content = content[-byte_range.suffix :]
        return prototype.buffer.from_bytes(content)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """Return several values."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is a value."""
        return self._metadata(key) is not None or self._chunk(key) is not None

    async def list(self) -> AsyncIterator[str]:
        """Iterate over all keys."""
        if isinstance(self.source, Slide):
            yield "zarr.json"
        for prefix, array in self._arrays.items():
            yield f"{prefix}zarr.json"
            for place in np.ndindex(*array.counts):
                yield f"{prefix}c/{'/'.join(map(str, place))}"

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Iterate over the keys that begin with a prefix."""
        async for key in self.list():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Iterate over the names in a folder."""
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        seen = set()
        async for key in self.list_prefix(folder):
            name = key[len(folder) :].partition("/")[0]
            if name not in seen:
                seen.add(name)
                yield name

    async def set(self, key: str, value: Any) -> None:
        """Refuse: the store is read-only."""
        raise PermissionError("a DicomStore is read-only")

    async def delete(self, key: str) -> None:
        """Refuse: the store is read-only."""
        raise PermissionError("a DicomStore is read-only")
