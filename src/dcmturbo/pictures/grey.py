"""From stored values to grey levels: Modality LUT, VOI window or VOI LUT, MONOCHROME1 (PS3.3, C.11.1 and C.11.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from dcmturbo.dataset.attributes import elements_of_opened, read_attributes
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import Error
from dcmturbo.pictures.header import Header, items_of, number_of, numbers_of, text_of
from dcmturbo.pictures.lookup_tables import LookupTable
from dcmturbo.pictures.windows import Choice, Range, Window

__all__ = ["Grey", "Modality", "extremes", "plain_modality"]

# From so many pixels on, a table of all values costs less than computing each pixel.
_TABLE_PIXELS = 1 << 14

_EXACT = 1 << 53  # up to here, float64 has all integers

# X-Ray Angiographic, biplane, and Radiofluoroscopic: their Modality LUT is for measuring, not for showing (PS3.3,
# C.8.7.1.1.2, C.11.1.1.2).
_INTENSITY_CLASSES = ("1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2", "1.2.840.10008.5.1.4.1.1.12.3")
_DOSE_CLASS = "1.2.840.10008.5.1.4.1.1.481.2"


@dataclass(frozen=True)
class Modality:
    """The modality transform of a frame (PS3.3, C.11.1)."""

    slope: float = 1.0
    intercept: float = 0.0
    table: LookupTable | None = None

    @cached_property
    def _whole(self) -> tuple[int, int, int]:
        """Slope and intercept as the decimal fractions that the object states, over their common denominator."""
        slope, intercept = Fraction(repr(float(self.slope))), Fraction(repr(float(self.intercept)))
        over = math.lcm(slope.denominator, intercept.denominator)
        return int(slope * over), int(intercept * over), over

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return values of the modality, as float64.

        Those of integers are the nearest to the exact ones, unless these have too many digits. In floating point,
        3 * 0.1 is more than 0.3, and that can be the difference between black and white at the end of a window.
        """
        if self.table is not None:
            return self.table.look_up(values)
        slope, intercept, over = self._whole
        if over > 1 and values.dtype.kind in "iu" and values.size:
            largest = max(int(values.max()), -int(values.min()), 1)
            if max(over, largest * abs(slope) + abs(intercept)) <= _EXACT:
                return (values.astype(np.float64) * slope + intercept) / over  # only the division rounds
        return values.astype(np.float64) * self.slope + self.intercept


_RESCALE = ("RescaleSlope", "RescaleIntercept")
# If one of these is there, a rescale of the object itself is not all there is to know.
_UNUSUAL = (
    "ModalityLUTSequence.LUTDescriptor",
    *(
        f"{place}.PixelValueTransformationSequence.{path}"
        for place in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        for path in (*_RESCALE, "ModalityLUTSequence.LUTDescriptor")
    ),
)


def plain_modality(opened: OpenedSource) -> Modality | None:
    """Return the modality transform if it is a rescale that the object states once for all frames.

    This takes a fraction of the time of a header, which counts for each file of a series. In all other cases, and where
    anything is unusual, the result is None, and `Grey.modality` knows it.
    """
    if opened.pydicom_dataset is not None:
        return None
    try:
        found = read_attributes(elements_of_opened(opened), ("SOPClassUID", *_RESCALE, *_UNUSUAL))
    except Error:
        return None
    if any(map(found.has, _UNUSUAL)) or found.text("SOPClassUID") in (*_INTENSITY_CLASSES, _DOSE_CLASS):
        return None
    values = []
    for keyword in _RESCALE:
        numbers = [numbers for _, _, numbers in found.numbers(keyword)]
        if len(numbers) != 1 or not numbers[0]:
            return None
        values.append(numbers[0][0])
    return Modality(values[0] or 1.0, values[1])


class Grey:
    """Turns stored values of an object's frames into grey levels.

    Parameters
    ----------
    header : Header
        The object's attributes.
    bits_stored : int
        Of the object.
    dtype : numpy.dtype
        Of decoded values.
    choice : Choice
        What is black and what is white.

    Attributes
    ----------
    limits : (float, float) or None
        The extreme values of all frames that are shown together, without padding; None if each frame stands for itself.
    note : str
        What the last call did, for people.
    """

    def __init__(self, header: Header, bits_stored: int, dtype: np.dtype[Any], choice: Choice) -> None:
        self._header, self._bits, self._dtype, self._choice = header, bits_stored, dtype, choice
        self._tables: dict[Any, np.ndarray] = {}
        self._read_tables: dict[tuple[int, bool], tuple[Any, LookupTable | None]] = {}
        self.limits: tuple[float, float] | None = None
        self.note = ""

    # ---- what the object says ---------------------------------------------------------------------

    @cached_property
    def inverted(self) -> bool:
        """Whether low values are white. Presentation LUT Shape says it last (PS3.3, C.11.6); few objects have it."""
        shape = self._header.text("PresentationLUTShape")
        if shape in ("IDENTITY", "INVERSE"):
            return shape == "INVERSE"
        return self._header.text("PhotometricInterpretation") == "MONOCHROME1"

    def modality(self, frame: int) -> Modality:
        """Return the modality transform of a frame."""
        signed = self._dtype.kind == "i"
        header = self._header
        if header.text("SOPClassUID") == _DOSE_CLASS:  # PS3.3, C.8.8.3.1: in place of the Modality LUT
            return Modality(number_of(header.dataset, "DoseGridScaling") or 1.0, 0.0)
        is_intensity = header.text("SOPClassUID") in _INTENSITY_CLASSES and header.text(
            "PixelIntensityRelationship"
        ) in ("LOG", "DISP")
        if is_intensity:
            return Modality()
        for place in header.groups("PixelValueTransformationSequence", frame):
            for item in items_of(place, "ModalityLUTSequence")[:1]:
                table = self._table_of(item, signed=signed)
                if table is not None:
                    return Modality(table=table)
            slope, intercept = number_of(place, "RescaleSlope"), number_of(place, "RescaleIntercept")
            if slope is not None or intercept is not None:
                # A slope of 0 would make every pixel the same, so it counts as absent.
                return Modality(slope or 1.0, intercept or 0.0)
        return Modality()

    def _windows(self, frame: int) -> list[Window]:
        for place in self._header.groups("FrameVOILUTSequence", frame):
            centers, widths = numbers_of(place, "WindowCenter"), numbers_of(place, "WindowWidth")
            function = text_of(place, "VOILUTFunction") or "LINEAR"
            if function not in ("LINEAR_EXACT", "SIGMOID"):
                function = "LINEAR"
            found = [Window(*pair, function) for pair in zip(centers, widths, strict=False)]
            found = [window for window in found if window.is_valid]
            if found:
                return found
        return []

    def _lookup_tables(self, frame: int, *, signed: bool) -> list[LookupTable]:
        for place in self._header.groups("FrameVOILUTSequence", frame):
            found = [self._table_of(item, signed=signed) for item in items_of(place, "VOILUTSequence")]
            tables = [table for table in found if table is not None]
            if tables:
                return tables
        return []

    def _table_of(self, item: Any, *, signed: bool) -> LookupTable | None:
        """Return the table of an item. It is read once, as most frames of an object have the same one."""
        key = id(item), signed
        if key not in self._read_tables:
            self._read_tables[key] = item, LookupTable.read(item, signed_input=signed)  # with the item, the id stays
        return self._read_tables[key][1]

    def _full_range(self, modality: Modality) -> Range:
        """Return the range of the bits that are stored, after the modality transform."""
        if modality.table is not None:
            return Range(0, modality.table.top)
        bits = self._bits
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if self._dtype.kind == "i" else (0, (1 << bits) - 1)
        if self._header.text("SegmentationType") == "FRACTIONAL":  # PS3.3, C.8.20.2.3
            high = int(number_of(self._header.dataset, "MaximumFractionalValue") or high)
        ends = modality.apply(np.array([low, high]))
        return Range(float(ends.min()), float(ends.max()))

    # ---- the transform ----------------------------------------------------------------------------

    def voi(self, frame: int, modality: Modality) -> tuple[Window | Range | LookupTable | None, str]:
        """Return what the choice and the object say is black and white, and its description; None: the extremes."""
        choice = self._choice
        if choice.kind == "window":
            return choice.window, f"window {choice.window}"
        if choice.kind == "none" and self._dtype.kind in "iu":
            return self._full_range(modality), "full range"
        if choice.kind in ("auto", "none"):  # the range of all floats would show nothing
            return None, ""
        windows = self._windows(frame) if choice.kind == "file" else []
        signed = self._dtype.kind == "i" or modality.intercept < 0 or modality.slope < 0
        tables = [] if windows else self._lookup_tables(frame, signed=signed)
        found: list[Window] | list[LookupTable] = windows or tables
        if choice.number <= len(found):
            chosen = found[choice.number - 1]
            return chosen, f"the file's window {chosen}" if windows else "the file's VOI LUT"
        if choice.kind == "lut" or choice.number > 1:
            kind = "VOI LUT" if choice.kind == "lut" else "VOI window"
            raise Error(f"the object has no {kind} number {choice.number} (it has {len(found)}): use --window auto")
        if self._dtype.kind in "iu" and self._bits <= 8:
            return self._full_range(modality), "full range"
        return None, ""

    @property
    def needs_extremes(self) -> bool:
        """Whether the extreme values decide what is black and white."""
        if self._choice.kind == "range":
            return self._choice.limits is None
        return self.voi(0, self.modality(0))[0] is None

    def extend(self, values: np.ndarray, frame: int) -> None:
        """Take stored values of a frame into `limits`."""
        low, high = self._extremes(values, self._modality_shown(frame))
        self.limits = (low, high) if self.limits is None else (min(low, self.limits[0]), max(high, self.limits[1]))

    def _modality_shown(self, frame: int) -> Modality:
        return Modality() if self._choice.kind == "range" else self.modality(frame)

    def _extremes(self, values: np.ndarray, modality: Modality) -> tuple[float, float]:
        """Return the extreme values of a frame after the modality transform."""
        padding = None if self._choice.kind == "range" else self._padding()
        if modality.table is not None:  # it need not be monotonic
            return extremes(modality.apply(_different(without_padding(values, padding))))
        low, high = extremes(values, padding)
        ends = modality.apply(np.array([low, high], values.dtype if values.dtype.itemsize <= 4 else np.float64))
        return float(ends.min()), float(ends.max())

    def stages(self, frame: int, values: np.ndarray) -> tuple[Modality, Window | Range | LookupTable, str]:
        """Return the modality transform and the VOI transform of a frame, and their description."""
        modality = self._modality_shown(frame)
        voi, note = (self._choice.limits, "") if self._choice.kind == "range" else self.voi(frame, modality)
        if voi is None:
            voi = Range(*(self.limits or self._extremes(values, modality)))
        if isinstance(voi, Range) and not note:
            note = f"values from {voi.low:g} to {voi.high:g}"
        return modality, voi, note

    def _padding(self) -> tuple[float, float] | None:
        value = number_of(self._header.dataset, "PixelPaddingValue")
        if value is None:
            return None
        limit = number_of(self._header.dataset, "PixelPaddingRangeLimit")
        ends = [value, value if limit is None else limit]
        if self._dtype.kind == "i":  # pydicom may have read them as unsigned
            half = 1 << 8 * self._dtype.itemsize - 1
            ends = [end - 2 * half if end >= half else end for end in ends]
        return min(ends), max(ends)

    def apply(self, values: np.ndarray, frame: int) -> np.ndarray:
        """Return 8-bit levels.

        Parameters
        ----------
        values : numpy.ndarray
            Stored values of one frame.
        frame : int
            Its number in the object.
        """
        modality, voi, note = self.stages(frame, values)
        self.note = note + (", inverted" if self.inverted else "")
        if self._dtype.kind not in "iu" or self._dtype.itemsize > 2:
            return self._levels(values, modality, voi)
        table = self._tables.get((modality, voi))
        if table is None:
            if values.size < _TABLE_PIXELS and self._dtype.itemsize == 2:
                return self._levels(values, modality, voi)
            numbers = np.arange(1 << 8 * self._dtype.itemsize, dtype=np.uint32)
            every = numbers.astype(f"u{self._dtype.itemsize}").view(self._dtype)
            self._tables.clear()
            table = self._tables[modality, voi] = self._levels(every, modality, voi)
        cells = np.ascontiguousarray(values).view(f"u{self._dtype.itemsize}")
        return np.asarray(np.take(table, cells))

    def _levels(self, values: np.ndarray, modality: Modality, voi: Window | Range | LookupTable) -> np.ndarray:
        if values.size > 1 << 20:  # not all of a large image as float64 at once
            flat = values.reshape(-1)
            parts = [self._levels(flat[k : k + (1 << 20)], modality, voi) for k in range(0, flat.size, 1 << 20)]
            return np.concatenate(parts).reshape(values.shape)
        levels = np.rint(np.nan_to_num(voi.levels(modality.apply(values)), nan=0.0) * 255.0).astype(np.uint8)
        return np.asarray(255 - levels if self.inverted else levels)


def extremes(values: np.ndarray, padding: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return the smallest and the largest finite value that is not padding; zeros without any."""
    kept = without_padding(values[np.isfinite(values)] if values.dtype.kind == "f" else values, padding)
    return (float(kept.min()), float(kept.max())) if kept.size else (0.0, 0.0)


def without_padding(values: np.ndarray, padding: tuple[float, float] | None) -> np.ndarray:
    """Return the values that are not padding (PS3.3, C.7.5.1.1.2), or all values if there are no others."""
    if padding is None:
        return values
    inside = values[(values < padding[0]) | (values > padding[1])]
    return inside if inside.size else values


def _different(values: np.ndarray) -> np.ndarray:
    """Return each value once."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        return np.unique(values)
    is_there = np.zeros(1 << 8 * values.dtype.itemsize, bool)
    is_there[np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")] = True  # quicker than sorting
    return np.flatnonzero(is_there).astype(f"u{values.dtype.itemsize}").view(values.dtype)
