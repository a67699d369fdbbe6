"""The attributes that say how pixels are shown, read with pydicom up to where they stand."""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from dcmturbo.dataset.elements import LONG_VRS, SHORT_VRS, UNDEFINED_LENGTH, Encoding, end_of_undefined
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import DecodeError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["Header", "bytes_of", "items_of", "number_of", "numbers_of", "text_of"]

_PER_FRAME = 0x52009230
_PIXEL_DATA = 0x7FE00008
_ITEMS = 0xFFFE  # the group of items and delimiters

# Everything here that is below the Per-Frame Functional Groups, which can be very long.
_TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "FrameTime",
    "RecommendedDisplayFrameRate",
    "CineRate",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PixelSpacing",
    "PixelAspectRatio",
    "PixelRepresentation",
    "BitsAllocated",
    "BitsStored",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "PixelIntensityRelationship",
    "WindowCenter",
    "WindowWidth",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTFunction",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ICCProfile",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "OpticalPathSequence",
    "SegmentationType",
    "SegmentSequence",
    "MaximumFractionalValue",
    "PresentationLUTShape",
    "DoseGridScaling",
    "SharedFunctionalGroupsSequence",
)


_QUICK_BYTES = 1 << 14  # of a dataset that are read at once for its plain attributes
_EXPLICIT, _LENGTH = struct.Struct("<HH2sH"), struct.Struct("<I")
_SHORT, _LONG = (frozenset(vr.encode() for vr in vrs) for vrs in (SHORT_VRS, LONG_VRS))


class _SourceFile(io.RawIOBase):
    """A source of the core as a file object."""

    def __init__(self, opened: OpenedSource) -> None:
        self._source, self._position = opened.source, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        self._position = max(0, begin + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        size = max(0, min(len(view), self._source.size - self._position))
        done = self._source.read_into(self._position, view[:size]) if size else 0
        self._position += done
        return done


class Header:
    """The attributes of an object around its pixels. Values that are not what they should be count as absent.

    Parameters
    ----------
    opened : OpenedSource
        The object. It must stay open.
    """

    def __init__(self, opened: OpenedSource) -> None:
        self._opened = opened

    @cached_property
    def dataset(self) -> Dataset:
        """A Dataset with the attributes that matter here, without those of single frames."""
        if self._opened.pydicom_dataset is not None:
            return self._opened.pydicom_dataset
        found = self._read_plain()
        return self._read(_TAGS, lambda tag, _vr, _length: int(tag) >= _PER_FRAME) if found is None else found

    @cached_property
    def _frames(self) -> Any:
        if self._opened.pydicom_dataset is not None:
            dataset = self._opened.pydicom_dataset
        elif (self._opened.promised_frames or 1) == 1 and not self._shared:
            return ()
        else:
            dataset = self._read(("PerFrameFunctionalGroupsSequence",), lambda tag, _vr, _length: int(tag) > _PER_FRAME)
        return _sequence(dataset, "PerFrameFunctionalGroupsSequence")

    @cached_property
    def _shared(self) -> Any:
        return _sequence(self.dataset, "SharedFunctionalGroupsSequence")

    def whole(self) -> Dataset:
        """Return a Dataset with every element before the pixel data, for overlays."""
        if self._opened.pydicom_dataset is not None:
            return self._opened.pydicom_dataset
        return self._read(None, lambda tag, _vr, _length: int(tag) >= _PIXEL_DATA)

    def _read_plain(self) -> Dataset | None:
        """Return the attributes if all of them are plain values near the beginning, as in most objects of one frame.

        This takes a sixth of pydicom's time, which counts for each file of a series. In all other cases, and where
        anything is unusual, the result is None, and pydicom reads the dataset.
        """
        from pydicom.dataelem import RawDataElement
        from pydicom.dataset import Dataset
        from pydicom.tag import BaseTag

        scanned = self._opened.dataset
        if scanned is None or scanned.big_endian:
            return None
        begin, explicit = scanned.dataset_offset, bool(scanned.explicit_vr)
        source, encoding = self._opened.source, Encoding(explicit)
        data = bytearray(min(_QUICK_BYTES, max(0, source.size - begin)))
        size = source.read_into(begin, memoryview(data)) if data else 0
        plain, sequences = _wanted()
        found: dict[BaseTag, Any] = {}
        position = 0
        try:
            while True:
                # As elements.read_header does, but in a third of its time: an object may have hundreds of elements.
                group, number, code, length = _EXPLICIT.unpack_from(data, position)
                tag, value = group << 16 | number, position + 8
                if tag >= _PER_FRAME:
                    return Dataset(found)
                if tag in sequences or group == _ITEMS:
                    return None
                if not explicit:
                    (length,) = _LENGTH.unpack_from(data, position + 4)
                elif code in _LONG:
                    value += 4
                    (length,) = _LENGTH.unpack_from(data, position + 8)
                elif code not in _SHORT:
                    return None
                wanted = tag in plain
                if wanted and (code == b"UN" or length == UNDEFINED_LENGTH):
                    return None
                if length == UNDEFINED_LENGTH:
                    if code == b"UN":
                        return None
                    position = end_of_undefined(memoryview(data), value, size, encoding)
                    continue
                position = value + length
                if position > size:
                    return None
                if wanted:
                    key = BaseTag(tag)
                    vr = code.decode() if explicit else None
                    content = bytes(data[value:position])
                    found[key] = RawDataElement(key, vr, length, content, begin + value, not explicit, True, True)
        except (DecodeError, struct.error):
            return None  # pydicom may know what to do with it

    def _read(self, tags: tuple[str, ...] | None, stop_when: Callable[[Any, Any, Any], bool]) -> Dataset:
        from pydicom.filereader import read_dataset

        scanned = self._opened.dataset
        if scanned is None:  # the object is in memory as a Dataset
            raise TypeError("the header of a Dataset is the Dataset")
        file = io.BufferedReader(_SourceFile(self._opened), 1 << 16)
        file.seek(scanned.dataset_offset)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of pydicom about other elements do not matter here
            try:
                return read_dataset(
                    file,
                    is_implicit_VR=not scanned.explicit_vr,
                    is_little_endian=not scanned.big_endian,
                    stop_when=stop_when,
                    specific_tags=None if tags is None else _tags_of(tags),
                )
            except OSError:
                raise
            except Exception as error:  # pydicom raises errors of any type where an element is malformed
                raise DecodeError(
                    f"the attributes before the pixel data cannot be read: {type(error).__name__}: {error}",
                    code="malformed",
                ) from error

    @property
    def big_endian(self) -> bool:
        """Whether words of the object have their most significant byte first."""
        if self._opened.dataset is not None:
            return self._opened.dataset.big_endian
        return getattr(self._opened.pydicom_dataset, "original_encoding", (None, True))[1] is False

    def groups(self, keyword: str, frame: int) -> Iterator[Dataset]:
        """Iterate over the places of an attribute: its macro for this frame, the shared macro, the object itself.

        Parameters
        ----------
        keyword : str
            The sequence of the functional group (PS3.3, C.7.6.16.2), such as ``FrameVOILUTSequence``.
        frame : int
            Number of the frame.
        """
        shared = [item for group in self._shared for item in _sequence(group, keyword)]
        if not shared:
            frames = self._frames
            if 0 <= frame < len(frames):
                yield from _sequence(frames[frame], keyword)
        yield from shared
        yield self.dataset

    def text(self, keyword: str) -> str:
        """Return a text of the object; empty if it has none."""
        return text_of(self.dataset, keyword)


@cache
def _tags_of(keywords: tuple[str, ...]) -> list[Any]:
    """Return pydicom's tags; it takes a tenth of the time of reading a header to look them up."""
    from pydicom.tag import Tag

    return [Tag(keyword) for keyword in keywords]


@cache
def _wanted() -> tuple[frozenset[int], frozenset[int]]:
    """Return the tags of the attributes that are plain values, and of those that are sequences."""
    from pydicom.datadict import dictionary_VR

    tags = [int(tag) for tag in _tags_of(_TAGS)]
    sequences = frozenset(tag for tag in tags if dictionary_VR(tag) == "SQ")
    return frozenset(tags) - sequences, sequences


def _value(item: Any, keyword: str) -> Any:
    try:
        raw = item.get_item(_tags_of((keyword,))[0])
    except Exception:  # a value that pydicom reads only now
        raw = item
    if raw is None:
        return None
    # pydicom takes ten times as long, which counts for each file of a series.
    content = getattr(raw, "value", None)
    if isinstance(content, bytes) and content.isascii():
        text = content.decode("ascii").rstrip(" \0")
        if raw.VR == "DS":
            return text.split("\\")
        if raw.VR in ("CS", "UI") and "\\" not in text:
            return text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return item.get(keyword)
        except Exception:  # pydicom converts values at this point, and fails with any type of error
            return None


def _sequence(item: Any, keyword: str) -> Any:
    value = _value(item, keyword)
    return value if value is not None and hasattr(value, "__len__") and not isinstance(value, (str, bytes)) else ()


def text_of(item: Any, keyword: str) -> str:
    """Return a text of a Dataset or an item; empty if it has none."""
    value = _value(item, keyword)
    return "" if value is None else str(value).strip(" \0").upper()


def numbers_of(item: Any, keyword: str) -> list[float]:
    """Return the numbers of an attribute; empty if it has none, or one of them is not a finite number."""
    value = _value(item, keyword)
    if value is None or isinstance(value, (bytes, bytearray)):
        return []
    values = [value] if isinstance(value, (str, int, float)) or not hasattr(value, "__iter__") else list(value)
    try:
        numbers = [float(part) for part in values]
    except (TypeError, ValueError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def number_of(item: Any, keyword: str) -> float | None:
    """Return the first number of an attribute; None if it has none."""
    numbers = numbers_of(item, keyword)
    return numbers[0] if numbers else None


def bytes_of(header: Header, keyword: str) -> bytes:
    """Return the bytes of an attribute whose VR is OB or OW, in little endian; empty if the object has none."""
    value = _value(header.dataset, keyword)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        if header.big_endian and header.dataset[keyword].VR != "OB":
            words = len(data) & ~1
            return np.frombuffer(data[:words], "<u2").byteswap().tobytes() + data[words:]
        return data
    numbers = [] if value is None else numbers_of(header.dataset, keyword)  # some writers have US
    return np.array([int(number) & 0xFFFF for number in numbers], "<u2").tobytes()


def items_of(item: Any, keyword: str) -> Any:
    """Return the items of a sequence; empty if there is none."""
    return _sequence(item, keyword)
