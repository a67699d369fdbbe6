"""Objects of a remote file system, read by ranges of bytes: a cache of blocks, and no more than is asked for."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Any

from dcmturbo.configuration import config

__all__ = ["RemoteReader", "reads_ranges"]


def reads_ranges(source: Any) -> bool:
    """Whether an ``OpenFile`` is a whole object of a file system that answers requests for ranges, at any time."""
    from fsspec.asyn import AsyncFileSystem

    return source.compression is None and isinstance(source.fs, AsyncFileSystem)


class RemoteReader:
    """``read_at`` for an object of an fsspec file system.

    Small reads take whole blocks, which are kept: up to ``dcmturbo.config.remote.cache_bytes``. A read that follows the
    one before it takes more blocks at a time, so that walking over items needs few requests. Large reads take just the
    bytes that are missing. Several threads may read at once; their requests run in parallel.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        Where the object is.
    path : str
        Its path there.

    Attributes
    ----------
    size : int
        Bytes of the object.
    """

    def __init__(self, fs: Any, path: str) -> None:
        self._fs, self._path, self._process = fs, path, os.getpid()
        size = fs.info(path).get("size")
        if size is None:
            raise ValueError(f"{path} does not say how large it is")
        self.size = int(size)
        self._block = config.remote.block_bytes
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()
        self._next = 0  # the block behind the last that was fetched
        self._ahead = 1  # blocks to fetch with the next one

    def __call__(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`; fewer only at the end."""
        if self._process != os.getpid():
            self._take_over()
        end = min(offset + size, self.size)
        if end <= offset:
            return b""
        first, last = offset // self._block, (end - 1) // self._block
        if last - first < 2:
            blocks = b"".join(self._blocks_of(first, last))
            return blocks[offset - first * self._block : end - first * self._block]
        return self._large(offset, end)

    def _large(self, offset: int, end: int) -> bytes:
        """Return a long range: what blocks have at its beginning, and one request for the rest."""
        parts, at = [], offset
        while at < end:
            with self._lock:
                block = self._blocks.get(at // self._block)
            if block is None:
                break
            begin = at % self._block
            parts.append(block[begin : begin + end - at])
            at += len(parts[-1])
        if at < end:
            parts.append(self._fetch(at, end))
        return b"".join(parts)

    def _blocks_of(self, first: int, last: int) -> list[bytes]:
        with self._lock:
            found = {number: self._blocks.get(number) for number in range(first, last + 1)}
            missing = [number for number, block in found.items() if block is None]
            if missing:
                # Reads in order: twice as much each time, up to what one request may take.
                most = max(1, config.remote.read_ahead_bytes // self._block)
                self._ahead = min(2 * self._ahead, most) if missing[0] == self._next and self._next else 1
                begin, end = missing[0], max(missing[-1] + 1, missing[0] + self._ahead)
                self._next = end
        if missing:
            data = self._fetch(begin * self._block, min(end * self._block, self.size))
            with self._lock:
                for number in range(begin, end):
                    start = (number - begin) * self._block
                    block = data[start : start + self._block]
                    if block:
                        self._keep(number, block)
                    if number in found:
                        found[number] = block
        return [block or b"" for block in found.values()]

    def _keep(self, number: int, block: bytes) -> None:
        before = self._blocks.pop(number, b"")
        self._blocks[number] = block
        self._held += len(block) - len(before)
        while self._held > config.remote.cache_bytes and len(self._blocks) > 1:
            self._held -= len(self._blocks.popitem(last=False)[1])

    def _fetch(self, begin: int, end: int) -> bytes:
        data = bytes(self._fs.cat_file(self._path, start=begin, end=end))
        if len(data) == self.size != end - begin:  # a server that does not know ranges sends all of it
            data = data[begin:end]
        if len(data) != end - begin:
            raise OSError(
                f"{self._path}: the server answered a request for the {end - begin} bytes from {begin} on with "
                f"{len(data)} bytes: the object has changed, or the server does not serve ranges"
            )
        return data

    def _take_over(self) -> None:
        """Make the file system usable in this forked process: its connections belong to the parent."""
        fs = self._fs
        self._fs = type(fs)(*fs.storage_args, **fs.storage_options, skip_instance_cache=True)
        self._lock, self._process = threading.Lock(), os.getpid()
