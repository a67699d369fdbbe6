"""Values of chosen attributes, also in nested sequences, found by the core without making objects of the others."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.native_pixel_data import patched
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.dataset.scanned import open_deflated
from dcmturbo.errors import DecodeError, Error

__all__ = ["Attributes", "Elements", "elements_of", "elements_of_opened", "read_attributes"]

_PIXEL_DATA = 0x7FE00008
_DTYPES = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "FL": "f4", "FD": "f8", "OW": "u2", "OF": "f4", "OD": "f8"}
_DTYPES |= {"OL": "u4", "UV": "u8", "SV": "i8", "OV": "u8", "AT": "u2", "US or SS": "u2"}


class Elements(NamedTuple):
    """An object whose elements can be read.

    Attributes
    ----------
    source : _core.Source
        Its bytes, inflated if the file is deflated.
    dataset : _core.Dataset
        What the scan found.
    """

    source: _core.Source
    dataset: _core.Dataset


class Attributes:
    """The values that were found.

    Parameters
    ----------
    paths : sequence of str
        Keywords that points join: ``PixelMeasuresSequence.PixelSpacing``.
    table : numpy.ndarray
        One row for each value: path, outer item, inner item, start and length in `values`.
    values : bytes
    big_endian : bool
    """

    def __init__(self, paths: Sequence[str], table: np.ndarray, values: bytes, *, big_endian: bool) -> None:
        order = np.argsort(table[:, 0], kind="stable")
        table = table[order]
        bounds = np.searchsorted(table[:, 0], np.arange(len(paths) + 1))
        self._rows = {path: table[bounds[i] : bounds[i + 1], 1:] for i, path in enumerate(paths)}
        self._values = values
        self._order = ">" if big_endian else "<"
        self._parsed: dict[tuple[str, bytes], tuple[float, ...]] = {}

    def has(self, path: str) -> bool:
        """Whether there is a value; also False if nobody has asked for the path."""
        return len(self._rows.get(path, ())) > 0

    def raw(self, path: str) -> Iterator[tuple[int, int, bytes]]:
        """Iterate over outer item, inner item and bytes of the values of a path."""
        for outer, inner, start, length in self._rows[path].tolist():
            yield outer, inner, self._values[start : start + length]

    def texts(self, path: str) -> Iterator[tuple[int, int, str]]:
        """Iterate over outer item, inner item and text. Texts that are not ASCII are read as UTF-8 or Latin-1."""
        for outer, inner, value in self.raw(path):
            yield outer, inner, text_of_bytes(value)

    def numbers(self, path: str) -> Iterator[tuple[int, int, tuple[float, ...]]]:
        """Iterate over outer item, inner item and numbers; none where a value is no list of finite numbers."""
        vr = _vr_of(path)
        for outer, inner, value in self.raw(path):
            key = vr, value
            found = self._parsed.get(key)
            if found is None:
                found = self._parsed[key] = tuple(self._numbers_of(vr, value).tolist())
            yield outer, inner, found

    def array(self, path: str, value: bytes) -> np.ndarray:
        """Return the numbers of one value; none if it is no list of finite numbers."""
        return self._numbers_of(_vr_of(path), value)

    def before(self, path: str, other: str) -> Iterator[tuple[int, int, str]]:
        """Iterate over outer and inner item of values of `other`, and the text of `path` that stands before them.

        It serves attributes of a sequence in an item, whose own item number tells nothing of that item.
        """
        starts = self._rows[other][:, 2]
        for outer, _, start, length in self._rows[path].tolist():
            after = int(np.searchsorted(starts, start))
            if after < len(starts) and self._rows[other][after, 0] == outer:
                text = text_of_bytes(self._values[start : start + length])
                yield outer, int(self._rows[other][after, 1]), text

    def text(self, path: str) -> str:
        """Return the first text; empty if there is none."""
        return next((text for _, _, text in self.texts(path)), "")

    def first(self, path: str) -> tuple[float, ...]:
        """Return the numbers of the first value; none if there is no value."""
        return next((numbers for _, _, numbers in self.numbers(path)), ())

    def number(self, path: str) -> float | None:
        """Return the first number; None if there is none."""
        numbers = self.first(path)
        return numbers[0] if numbers else None

    def by_item(self, path: str, count: int) -> list[tuple[float, ...]]:
        """Return the numbers of each outer item: its first value, or none."""
        found: list[tuple[float, ...]] = [()] * count
        for outer, _, numbers in self.numbers(path):
            if outer < count and not found[outer]:
                found[outer] = numbers
        return found

    def outer(self, path: str) -> np.ndarray:
        """Return the outer items that have a value of a path."""
        return self._rows[path][:, 0]

    def column(self, path: str, count: int) -> np.ndarray:
        """Return the first number of each outer item; NaN if it has none. Binary numbers are read all at once."""
        column = np.full(count, np.nan)
        kind, rows = _DTYPES.get(_vr_of(path)), self._rows[path]
        if kind is None or (rows[:, 3] != int(kind[1])).any():
            for outer, numbers in enumerate(self.by_item(path, count)):
                column[outer] = numbers[0] if numbers else np.nan
            return column
        rows = rows[rows[:, 0] < count]
        size = int(kind[1])
        cells = np.frombuffer(self._values, np.uint8)[rows[:, 2, None] + np.arange(size, dtype=rows.dtype)]
        # The first value of an item counts, as in `by_item`.
        column[rows[::-1, 0]] = np.ascontiguousarray(cells).view(self._order + kind)[::-1, 0]
        return column

    def texts_by_item(self, path: str, count: int) -> list[str]:
        """Return the text of each outer item: its first value, or an empty text."""
        found = [""] * count
        for outer, _, text in self.texts(path):
            if outer < count and not found[outer]:
                found[outer] = text
        return found

    def _numbers_of(self, vr: str, value: bytes) -> np.ndarray:
        if vr in ("DS", "IS"):
            return decimals_of(value)
        kind = _DTYPES.get(vr)
        if kind is None:
            return np.empty(0)
        size = int(kind[1])
        found = np.frombuffer(value, self._order + kind, len(value) // size).astype(np.float64)
        return found if np.isfinite(found).all() else np.empty(0)


def decimals_of(value: bytes) -> np.ndarray:
    """Return the numbers of a decimal string (VR DS or IS); none if one of them is no finite number."""
    plain = _core.parse_decimals(value)
    if plain is not None:
        return plain
    try:
        numbers = [float(part) for part in value.decode("ascii").strip(" \0").split("\\")]
    except ValueError:  # also of bytes that are not ASCII
        return np.empty(0)
    return np.array(numbers) if all(map(math.isfinite, numbers)) else np.empty(0)


def text_of_bytes(value: bytes) -> str:
    """Return a text without its padding."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return text.strip(" \0")


# Looking keywords up would take more time than finding the values: many objects are asked for the same paths.
@cache
def _vr_of(path: str) -> str:
    from pydicom.datadict import dictionary_VR

    return str(dictionary_VR(path.rpartition(".")[2]))


@cache
def _tags_of(path: str) -> list[int]:
    from pydicom.datadict import tag_for_keyword

    tags = [tag_for_keyword(keyword) for keyword in path.split(".")]
    if None in tags:
        raise KeyError(f"{path} is no path of keywords")
    return [int(tag) for tag in tags if tag is not None]


def read_attributes(elements: Elements, paths: Sequence[str], *, stop: int = _PIXEL_DATA) -> Attributes:
    """Find the values of attributes before the pixel data.

    Parameters
    ----------
    elements : Elements
        The object.
    paths : sequence of str
        Keywords of nested sequences and of an attribute, joined by points.
    stop : int
        The tag at which to stop.

    Raises
    ------
    DecodeError
        If reading fails.
    """
    dataset = elements.dataset
    table, values = _core.find_attributes(
        elements.source,
        dataset.dataset_offset,
        explicit_vr=dataset.explicit_vr,
        big_endian=dataset.big_endian,
        stop_tag=stop,
        paths=[_tags_of(path) for path in paths],
    )
    return Attributes(paths, table, values, big_endian=dataset.big_endian)


def elements_of_opened(opened: OpenedSource) -> Elements:
    """Return the elements of an open image."""
    if opened.pydicom_dataset is not None:
        return _elements_of_dataset(opened.pydicom_dataset)
    assert opened.dataset is not None
    return Elements(opened.source, opened.dataset)


@contextmanager
def elements_of(source: Any) -> Iterator[Elements]:
    """Open an object, which need not have pixel data.

    Parameters
    ----------
    source : path, bytes-like, binary file object or pydicom Dataset

    Raises
    ------
    NotDicom
        If it is no DICOM object.
    OSError
        If it cannot be opened or read.
    """
    if hasattr(source, "group_dataset") and hasattr(source, "get_item"):
        yield _elements_of_dataset(source)
        return
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        try:
            file = _core.Source.file(os.fsencode(path))
        except Error:
            if not os.path.isfile(path):
                with open(path, "rb"):  # raises Python's own exception
                    pass
            raise
        with closing(file):
            yield _scanned(file)
        return
    if hasattr(source, "read") and hasattr(source, "seek"):
        source.seek(0)
        source = source.read()
    view = memoryview(source)
    yield _scanned(_core.Source.buffer(view), view)


def _scanned(source: _core.Source, buffer: memoryview | None = None) -> Elements:
    dataset = _core.scan(source)
    if dataset.deflated:
        source, buffer, dataset = open_deflated(source, buffer, dataset, [])
    patches = dataset.patches
    if patches:
        source, _ = patched(source, buffer, patches)
    return Elements(source, dataset)


def _elements_of_dataset(ds: Any) -> Elements:
    """Write the attributes of a Dataset in memory, without its pixels, and scan them."""
    import pydicom
    from pydicom.filewriter import write_dataset

    file = io.BytesIO()
    try:
        from pydicom.filebase import DicomBytesIO

        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        kept = pydicom.Dataset()
        for element in ds:
            if element.tag < _PIXEL_DATA:
                kept[element.tag] = element
        write_dataset(buffer, kept)
        file = io.BytesIO(buffer.getvalue())
    except Exception as error:  # pydicom raises errors of any type for values that it cannot write
        raise DecodeError(f"the attributes of the Dataset cannot be written: {error}", code="malformed") from error
    source = _core.Source.buffer(memoryview(file.getvalue()))
    return Elements(source, _core.scan(source, bare_dataset=True))
