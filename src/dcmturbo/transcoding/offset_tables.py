"""Write items of encapsulated pixel data and their offset tables (PS3.5, A.4)."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from typing import Protocol

from dcmturbo.dataset.elements import (
    ITEM,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    element_bytes,
    header_bytes,
)
from dcmturbo.destinations.output import Buffer
from dcmturbo.errors import EncodeError

__all__ = ["OFFSET_TABLES", "EncapsulatedWriter", "encapsulated"]

OFFSET_TABLES = ("auto", "basic", "extended", "empty")
_OFFSETS_TAG, _LENGTHS_TAG = 0x7FE00001, 0x7FE00002
_PIXEL_DATA_TAG = 0x7FE00010
_LARGEST_OFFSET = 0xFFFFFFFF


def _extended(offsets: bytes, lengths: bytes) -> bytes:
    return element_bytes(_OFFSETS_TAG, "OV", offsets) + element_bytes(_LENGTHS_TAG, "OV", lengths)


def _table(values: list[int], code: str) -> bytes:
    return struct.pack(f"<{len(values)}{code}", *values)


class _Sink(Protocol):
    """What the writer needs of an `Output`."""

    @property
    def position(self) -> int: ...
    def write(self, data: Buffer) -> None: ...
    def patch(self, position: int, data: Buffer) -> None: ...
    def insert(self, position: int, data: Buffer) -> None: ...


class _Memory:
    """An output in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def position(self) -> int:
        return len(self.data)

    def write(self, data: Buffer) -> None:
        self.data += data

    def patch(self, position: int, data: Buffer) -> None:
        self.data[position : position + memoryview(data).nbytes] = data

    def insert(self, position: int, data: Buffer) -> None:
        self.data[position:position] = data


def encapsulated(frames: Iterable[Buffer], count: int, table: str = "auto") -> bytearray:
    """Return the pixel data element of `count` encoded frames, and the elements of its extended offset table if any."""
    memory = _Memory()
    writer = EncapsulatedWriter(memory, count, table)
    for frame in frames:
        writer.add(frame)
    writer.finish()
    return memory.data


class EncapsulatedWriter:
    """Writes the pixel data element frame by frame, with one fragment each, and its offset table at the end.

    Parameters
    ----------
    output : Output, or one in memory
        At the position of the element.
    frames : int
        The number of frames: space for their table is reserved.
    table : {"auto", "basic", "extended", "empty"}
        "auto" is basic, and becomes extended (everything after it is moved) if an offset needs more than 32 bits.
    """

    def __init__(self, output: _Sink, frames: int, table: str) -> None:
        self._output = output
        self._table = table
        self._begin = output.position
        self._offsets = array("Q")
        self._lengths = array("Q")
        if table == "extended":
            output.write(_extended(bytes(8 * frames), bytes(8 * frames)))
        output.write(header_bytes(_PIXEL_DATA_TAG, "OB", UNDEFINED_LENGTH))
        self._basic_at = output.position
        room = 4 * frames if table in ("auto", "basic") else 0
        output.write(header_bytes(ITEM, "", room) + bytes(room))
        self._items_at = output.position

    def add(self, frame: Buffer) -> None:
        """Write one frame as one item, padded to an even length."""
        size = memoryview(frame).nbytes
        if size > 0xFFFFFFFE:
            raise EncodeError("a frame of more than 4 GiB does not fit into an item", code="unsupported")
        self._offsets.append(self._output.position - self._items_at)
        self._lengths.append(size)
        self._output.write(header_bytes(ITEM, "", size + (size & 1)))
        self._output.write(frame)
        if size & 1:
            self._output.write(b"\0")

    def finish(self) -> None:
        """Write the delimiter and the table."""
        self._output.write(header_bytes(SEQUENCE_DELIMITER, "", 0))
        if self._table == "empty" or not self._offsets:
            return
        if self._table == "extended":
            self._output.patch(self._begin, self._extended_elements())
        elif self._offsets[-1] <= _LARGEST_OFFSET:
            self._output.patch(self._basic_at + 8, _table(list(self._offsets), "I"))
        elif self._table == "basic":
            raise EncodeError(
                f"frame {len(self._offsets) - 1} begins {self._offsets[-1]} bytes after the first one, which "
                "does not fit into a Basic Offset Table: use offset_table='extended' or 'auto'",
                code="unsupported",
            )
        else:
            self._become_extended()

    def _extended_elements(self) -> bytes:
        return _extended(_table(list(self._offsets), "Q"), _table(list(self._lengths), "Q"))

    def _become_extended(self) -> None:
        """Replace the Basic Offset Table by the two extended elements. These are longer, so the items move."""
        head = self._extended_elements() + header_bytes(_PIXEL_DATA_TAG, "OB", UNDEFINED_LENGTH)
        head += header_bytes(ITEM, "", 0)
        room = self._items_at - self._begin
        self._output.insert(self._items_at, bytes(len(head) - room))
        self._output.patch(self._begin, head)
        self._items_at += len(head) - room

    def places(self) -> list[tuple[int, int]]:
        """Return position and size of each frame in the output."""
        return [
            (self._items_at + offset + 8, length + (length & 1))
            for offset, length in zip(self._offsets, self._lengths, strict=True)
        ]
