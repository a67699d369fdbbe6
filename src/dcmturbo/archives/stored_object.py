"""A DICOM object as it is in its file: file meta information, elements, and their bytes in any order."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from dcmturbo import _core
from dcmturbo.archives.places import open_binary
from dcmturbo.configuration import config
from dcmturbo.dataset.elements import UNDEFINED_LENGTH, Element, Encoding
from dcmturbo.dataset.inflation import trailer_of
from dcmturbo.errors import DecodeError, LimitExceeded
from dcmturbo.urls import is_url

__all__ = ["Bytes", "Place", "StoredObject", "open_object"]

_WINDOW = 64 << 10
_INFLATED_AT_ONCE = 4 << 20
_LONGEST_META = 1 << 20  # no File Meta Information is longer; anything may follow it


class Bytes:
    """The bytes of a source, read through a window, so that consecutive headers cost one read."""

    def __init__(self, source: _core.Source, window: int = _WINDOW) -> None:
        self._source = source
        self._most = window
        self.size = int(source.size)
        self._begin = 0
        self._window = memoryview(b"")

    def __call__(self, begin: int, end: int) -> memoryview:
        """Return bytes; fewer if the source ends before."""
        end = min(end, self.size)
        if begin >= end:
            return memoryview(b"")
        if begin < self._begin or end > self._begin + len(self._window):
            data = bytearray(max(end - begin, min(self._most, self.size - begin)))
            self._source.read_into(begin, data)
            if len(data) > self._most:
                return memoryview(data)[: end - begin]
            self._begin, self._window = begin, memoryview(data)
        return self._window[begin - self._begin : end - self._begin]


class Place(NamedTuple):
    """An element and the fields of its header.

    Attributes
    ----------
    tag : int
    vr : str
        Empty if the dataset does not have it.
    begin, value, end : int
        Positions of the header, of the value, and of the end. The end of a value of undefined length may be unknown:
        -1.
    length : int
        The length in the header.
    reserved : int
        The two bytes between a VR and a length of four bytes, which should be zero (PS3.5, 7.1.2).
    encoding : Encoding
    """

    tag: int
    vr: str
    begin: int
    value: int
    end: int
    length: int
    reserved: int
    encoding: Encoding

    @property
    def is_undefined(self) -> bool:
        """Whether the length is undefined."""
        return self.length == UNDEFINED_LENGTH


class StoredObject:
    """One object: its headers, and the positions of its elements.

    Attributes
    ----------
    dataset : _core.Dataset
        The result of the scan; for a deflated object, of the inflated dataset.
    stated : _core.Dataset
        The result of the scan of the file.
    read : Bytes
        The bytes that contain the elements.
    elements : list of Element
        The top-level elements, in order.
    end : int
        Where the elements end.
    meta : dict of int to bytes
        The values of File Meta Information.
    meta_headers : dict of int to bytes
        Their VRs, with the reserved bytes of those that have them.
    meta_length : int or None
        The number of bytes after the group length; None if there is none.
    preamble : bytes
        128 bytes, or none.
    behind_stream : bytes
        The bytes that follow a deflated dataset in the file, without the right checksum of gzip or zlib.
    """

    def __init__(self, source: _core.Source) -> None:
        self.stated = self.dataset = _core.scan(source)
        self.behind_stream = b""
        self._read_meta(Bytes(source))
        if self.stated.deflated:
            inflated, self.behind_stream = _inflated(Bytes(source), self.stated.dataset_offset)
            source = _core.Source.buffer(inflated)
            self.dataset = _core.scan(source, bare_dataset=True)
        self._source = source
        self.encoding = Encoding(self.dataset.explicit_vr, self.dataset.big_endian)
        self.read = Bytes(source)
        listed, self.end = _core.list_elements(
            source,
            self.dataset.dataset_offset,
            explicit_vr=self.encoding.explicit_vr,
            big_endian=self.dataset.big_endian,
        )
        self.elements = [Element(*one) for one in listed]

    def reader(self, window: int = _WINDOW) -> Bytes:
        """Return the same bytes with another window; a small one if only a little is read here and there."""
        return Bytes(self._source, window)

    def place(self, element: Element) -> Place:
        """Return an element with the fields of its header."""
        header = self.read(element.begin, element.value)
        order = ">" if self.encoding.big_endian else "<"
        short = bool(element.vr) and len(header) == 8
        length = struct.unpack_from(order + ("H" if short else "I"), header, len(header) - (2 if short else 4))[0]
        reserved = struct.unpack_from(order + "H", header, 6)[0] if len(header) == 12 else 0
        return Place(
            element.tag, element.vr, element.begin, element.value, element.end, length, reserved, self.encoding
        )

    def _read_meta(self, read: Bytes) -> None:
        start = bytes(read(0, min(self.stated.dataset_offset, _LONGEST_META)))
        begin = 132 if self.stated.has_preamble else 4 if start[:4] == b"DICM" else 0
        self.preamble = start[:128] if self.stated.has_preamble else b""
        self.meta: dict[int, bytes] = {}
        self.meta_headers: dict[int, bytes] = {}
        self.meta_length: int | None = None
        if not self.stated.has_meta:
            return
        explicit = start[begin + 4 : begin + 6].isalpha()
        listed, _ = _core.list_elements(_core.Source.buffer(start), begin, explicit_vr=explicit, big_endian=False)
        last, length_end = 0, None
        for tag, vr, first, value, end, _ in listed:
            if tag >> 16 == 2:
                # Only VR and reserved bytes are kept: the length is that of the value, otherwise the next element would
                # not be found.
                self.meta_headers[tag] = vr.encode() + start[first + 6 : first + 8] * (value - first == 12)
                self.meta[tag] = start[value:end]
                last = end
                length_end = end if tag == 0x00020000 else length_end
        if length_end is not None:
            self.meta_length = last - length_end


def _inflated(read: Bytes, begin: int) -> tuple[bytearray, bytes]:
    """Return a deflated dataset (PS3.5, A.5), and what follows its stream."""
    limit = config.limits.max_inflated
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    inflated = bytearray()
    position = begin
    try:
        while position < read.size and not inflater.eof:
            data: Any = read(position, position + _INFLATED_AT_ONCE)
            position += len(data)
            while len(data) and not inflater.eof:
                inflated += inflater.decompress(data, max(1, limit + 1 - len(inflated)))
                if len(inflated) > limit:
                    raise LimitExceeded(
                        f"the inflated dataset would be larger than {limit} bytes (dt.config.limits.max_inflated)"
                    )
                data = inflater.unconsumed_tail
    except zlib.error as error:
        raise DecodeError(f"the deflated dataset is damaged: {error}", code="malformed") from None
    behind = inflater.unused_data + bytes(read(position, position + _WINDOW))
    trailer, is_right = trailer_of(behind, inflated)
    return inflated, behind[trailer:] if is_right else behind


def _reader_of(file: Any) -> Callable[[int, int], bytes]:
    lock = threading.Lock()

    def read(offset: int, size: int) -> bytes:
        with lock:
            file.seek(offset)
            parts = []
            while size > 0 and (part := file.read(size)):
                parts.append(part)
                size -= len(part)
        return b"".join(parts)

    return read


@contextmanager
def open_object(path: str) -> Iterator[StoredObject]:
    """Open a file or URL.

    Raises
    ------
    NotDicom
        If the file is no DICOM object.
    DecodeError
        If it is damaged.
    LimitExceeded
        If an element is larger than the limits allow.
    OSError
        If the file cannot be opened or read.
    """
    if not is_url(path):
        with open(path, "rb"):
            pass  # raises Python's own exception for a file that cannot be opened
        with closing(_core.Source.file(path.encode("utf-8", "surrogateescape"))) as source:
            yield StoredObject(source)
        return
    with open_binary(path) as file:
        size = file.seek(0, 2)
        yield StoredObject(_core.Source.reader(_reader_of(file), size if size is not None else file.tell()))
