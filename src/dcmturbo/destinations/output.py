"""What writes into a file: few calls, and a comparison of what was written with what can be read."""

from __future__ import annotations

import os

from dcmturbo import _core, system
from dcmturbo.errors import EncodeError

__all__ = ["Buffer", "Output"]

_MOST_PENDING = 4 << 20
_MOST_BUFFERS = 512  # maximum of one call: POSIX guarantees 16, Linux allows 1024
_COPIED_AT_ONCE = 4 << 20

Buffer = bytes | bytearray | memoryview


class Output:
    """A buffered writer to a file that can be read and sought.

    Bytes are collected and written with few calls. With `verify`, each write is read back and compared.
    """

    def __init__(self, descriptor: int, *, verify: bool) -> None:
        self.descriptor = descriptor
        self._verify = verify
        self._pending: list[memoryview] = []
        self._pending_bytes = 0
        self._written = 0
        self._scratch = bytearray()

    @property
    def position(self) -> int:
        """The position of the next byte."""
        return self._written + self._pending_bytes

    def write(self, data: Buffer) -> None:
        """Append bytes, which must not change before the next `flush`."""
        view = memoryview(data)
        if view.nbytes == 0:
            return
        self._pending.append(view if view.format == "B" and view.ndim == 1 else view.cast("B"))
        self._pending_bytes += view.nbytes
        if self._pending_bytes >= _MOST_PENDING or len(self._pending) >= _MOST_BUFFERS:
            self.flush()

    def flush(self) -> None:
        """Write the collected bytes to the operating system."""
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        self._put(pending, self._written)
        self._written += sum(view.nbytes for view in pending)

    def patch(self, position: int, data: Buffer) -> None:
        """Overwrite bytes that were written."""
        self.flush()
        self._put([memoryview(data)], position)

    def restart(self) -> None:
        """Discard everything that was written."""
        self._pending, self._pending_bytes, self._written = [], 0, 0
        os.ftruncate(self.descriptor, 0)

    def insert(self, position: int, data: Buffer) -> None:
        """Move everything after a position towards the end, and write into the gap."""
        self.flush()
        gap = memoryview(data).nbytes
        end = self._written
        while end > position:
            begin = max(position, end - _COPIED_AT_ONCE)
            self._put([memoryview(self.read(begin, end - begin))], begin + gap)
            end = begin
        self._written += gap
        self._put([memoryview(data)], position)

    def read(self, position: int, size: int) -> bytes:
        """Return bytes that have been written."""
        parts = []
        while size > 0 and (part := system.read_at(self.descriptor, size, position)):
            parts.append(part)
            position += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _put(self, views: list[memoryview], position: int) -> None:
        begin = position
        left = list(views)
        while left:
            done = system.write_at(self.descriptor, left, position)
            position += done
            while left and done >= left[0].nbytes:
                done -= left[0].nbytes
                del left[0]
            if done:
                left[0] = left[0][done:]
        if self._verify and views:
            self._compare(views, begin, position - begin)

    def _compare(self, views: list[memoryview], position: int, size: int) -> None:
        """Read back what was written."""
        if len(self._scratch) < size:
            self._scratch = bytearray(size)
        view = memoryview(self._scratch)[:size]
        filled = 0
        while filled < size and (done := system.read_into(self.descriptor, view[filled:], position + filled)):
            filled += done
        at = 0
        for wanted in views:
            if filled < size or not _core.same_bytes(view[at : at + wanted.nbytes], wanted):
                raise EncodeError(
                    f"byte {position + at} of the output is not what was written there: the disk or network may "
                    "be faulty",
                    code="internal",
                )
            at += wanted.nbytes
