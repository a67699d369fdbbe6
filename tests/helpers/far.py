"""Sources that are far away: they count what is read of them."""

from __future__ import annotations

import io


class Far(io.RawIOBase):
    """A file object that counts what is read of it; it may say less than there is."""

    def __init__(self, data: bytes, cut: int | None = None) -> None:
        self.data, self.at, self.bytes, self.reads = data, 0, 0, 0
        self.cut = len(data) if cut is None else cut

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, len(self.data))[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        size = len(self.data) if size < 0 else size
        found = self.data[self.at : min(self.at + size, max(self.at, self.cut))]
        self.at += len(found)
        self.bytes += len(found)
        self.reads += 1
        return found

    def readinto(self, buffer) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)
