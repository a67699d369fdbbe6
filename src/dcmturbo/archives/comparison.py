"""Compare two DICOM objects: their pixels, and every element of their datasets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dcmturbo.archives.dataset_comparison import compare_elements, limited
from dcmturbo.archives.encapsulation import encapsulation_faults
from dcmturbo.archives.expected_changes import ExpectedChanges
from dcmturbo.archives.pixel_comparison import PixelComparison, compare_pixels
from dcmturbo.archives.places import open_binary, size_of
from dcmturbo.archives.stored_object import Place, StoredObject, open_object
from dcmturbo.archives.value_comparison import same_range
from dcmturbo.dataset.elements import PIXEL_DATA_TAGS
from dcmturbo.dataset.opened import NO_PIXELS_OF_IMAGE, describes_image
from dcmturbo.errors import Error, NoPixelData, NotDicom
from dcmturbo.urls import is_url
from dcmturbo.wording import counted

__all__ = ["Comparison", "compare_bytes", "compare_objects", "pairs_of"]

_MOST_FINDINGS = 1000  # differences that are listed per pair of files, which may have millions of elements
_READ = 1 << 20
_ITEM_WINDOW = 128  # bytes to read at a time when only an item's header is needed


@dataclass
class Comparison:
    """How two files differ.

    Attributes
    ----------
    pixels : str
        Empty if the pixels are equal or neither file has any; otherwise a sentence.
    elements : list of str
        The elements that differ, each with its difference.
    expected : list of str
        The elements that differ in a way that transcoding causes.
    maximum_error : float or None
        The largest difference of two samples, or None.
    problem : str
        Why the files could not be compared; empty if they could.
    kind : str
        ``"image"``, ``"dataset"`` (without pixels), ``"bytes"``, or ``"empty"`` if both have no bytes.
    same_bytes : bool
        Whether the files have the same bytes. Their pixels are then not decoded.
    doubt : str
        Why the files may be damaged although they are equal; empty if nothing speaks for it.
    """

    pixels: str = ""
    elements: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    maximum_error: float | None = None
    problem: str = ""
    kind: str = "image"
    same_bytes: bool = False
    doubt: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether there are no differences other than expected ones."""
        return not (self.pixels or self.elements or self.problem)

    @property
    def reasons(self) -> list[str]:
        """The differences that are not expected."""
        return [part for part in (self.problem, self.pixels) if part] + self.elements


def compare_bytes(first: str, second: str) -> bool:
    """Whether two files have the same bytes."""
    with open_binary(first) as one, open_binary(second) as other:
        while True:
            ours, theirs = one.read(_READ), other.read(_READ)
            if ours != theirs:
                return False
            if not ours:
                return True


def compare_objects(first: str, second: str, *, threads: int = 1) -> Comparison:
    """Compare two files, by path or URL; `threads` decode the frames of each.

    Pixels are compared as `decode` returns them, and as they are stored. Elements are compared by their values and
    their headers, whatever the encoding of the datasets. The elements are read by `_core.list_elements` and by our own
    reader of sequences. pydicom contributes its data dictionary only.
    """
    result = Comparison()
    try:
        if size_of(first) == size_of(second) and compare_bytes(first, second):
            result.same_bytes = True
            _describe_copy(first, result)
            return result
        _compare(first, second, result, threads)
    except (Error, OSError, MemoryError) as error:
        result.problem = str(error) or type(error).__name__
    except Exception as error:  # stores raise exceptions of their own types
        if not (is_url(first) or is_url(second)):
            raise
        result.problem = " ".join(str(error).split()) or type(error).__name__
    return result


def _describe_copy(path: str, result: Comparison) -> None:
    """Note what a file is that has the same bytes as another."""
    if size_of(path) == 0:
        result.kind = "empty"
        return
    try:
        with open_object(path) as stored:
            if stored.dataset.pixel_data is None:
                result.kind, result.doubt = "dataset", _doubt_of(stored)
    except (Error, OSError):
        result.kind = "bytes"


def _doubt_of(stored: StoredObject) -> str:
    """Return why an object without pixel data may be damaged."""
    return f"it has no pixel data, {NO_PIXELS_OF_IMAGE}" if describes_image(stored.dataset) else ""


def _compare(first: str, second: str, result: Comparison, threads: int) -> None:
    try:
        with open_object(first) as one, open_object(second) as other:
            pixels = _compare_pixels(first, second, result, (one, other), threads)
            _compare_datasets(one, other, pixels, result)
    except NotDicom:
        result.kind, result.pixels = "bytes", "the bytes differ"


def _compare_pixels(
    first: str, second: str, result: Comparison, pair: tuple[StoredObject, StoredObject], threads: int
) -> PixelComparison | None:
    present = [stored.dataset.pixel_data is not None for stored in pair]
    if present == [False, False]:
        result.kind, result.doubt = "dataset", _doubt_of(pair[0])
        return None
    if present != [True, True]:
        result.pixels = f"only the {'first' if present[0] else 'second'} file has pixel data"
        return None
    try:
        found = compare_pixels(first, second, threads=threads)
    except NoPixelData as error:
        result.problem = str(error)
        return None
    except (Error, OSError) as error:
        result.problem = str(error)
        return None
    result.pixels, result.maximum_error = found.difference, found.maximum_error
    if found.masked:
        _judge_masked(pair[0], result)
    return found


def _judge_masked(one: StoredObject, result: Comparison) -> None:
    """Only unused bits differ, and the second file has none in use: this is what ``mask_unused_bits`` does."""
    tags = {element.tag for element in one.elements}
    for group in range(0x6000, 0x6020, 2):
        # PS3.3, C.9.2 of 2004: without Overlay Data, an overlay is in a bit of the pixel cells.
        if group << 16 | 0x0102 in tags and group << 16 | 0x3000 not in tags:
            result.pixels = f"the overlay of group {group:04X}, which was in bits above BitsStored, was overwritten"
            return
    result.expected.append("bits above BitsStored: overwritten (mask_unused_bits)")


def _compare_datasets(
    one: StoredObject, other: StoredObject, pixels: PixelComparison | None, result: Comparison
) -> None:
    changes = ExpectedChanges(one, other, pixels)
    different, expected = changes.meta()
    result.elements += different
    result.expected += expected
    syntaxes = pixels.syntaxes if pixels else (one.stated.transfer_syntax, other.stated.transfer_syntax)
    findings = compare_elements(one, other, syntaxes=syntaxes, pixels=(_offset(one), _offset(other)))
    named: list[str] = []
    kept, more = limited((found for found in findings if not _take(changes, found, named)), _MOST_FINDINGS)
    result.expected += named
    result.elements += [f"{found.name}: {found.how}" for found in kept]
    if more:
        result.elements.append(f"and {more} more")
    if pixels is not None:
        result.elements += _pixel_data_element(one, other, pixels)


def _take(changes: ExpectedChanges, found: object, named: list[str]) -> bool:
    from dcmturbo.archives.dataset_comparison import Finding

    assert isinstance(found, Finding)
    if not changes.takes(found):
        return False
    if len(named) < _MOST_FINDINGS:
        named.append(f"{found.name}: {found.how}")
    return True


def _offset(stored: StoredObject) -> int:
    place = stored.dataset.pixel_data
    return -1 if place is None else int(place["offset"])


def _pixel_data_element(one: StoredObject, other: StoredObject, pixels: PixelComparison) -> list[str]:
    """Return what is wrong with the second file's pixel data element, unless the first has the same fault."""
    elements = []
    for stored in (one, other):
        offset = _offset(stored)
        found = next((e for e in stored.elements if e.value == offset and e.tag in PIXEL_DATA_TAGS), None)
        if found is None:
            return [] if stored is one else ["the pixel data were not compared: the elements before them are broken"]
        elements.append(stored.place(found))
    ours, theirs = elements
    name = "the pixel data"
    wrong = []
    if theirs.reserved and theirs.reserved != ours.reserved:
        wrong.append(f"{name}: the reserved bytes of the header are {theirs.reserved:04X}")
    if theirs.vr and theirs.vr != ours.vr:
        allowed = {"OB"} if theirs.is_undefined else {"OB", "OW", "OF", "OD"}  # PS3.5, A.2 and A.4
        if theirs.vr not in allowed:
            wrong.append(f"{name}: VR {theirs.vr}, expected {' or '.join(sorted(allowed))}")
    if theirs.is_undefined:
        faults = _encapsulation_faults(other, theirs, pixels, 1)
        known = _encapsulation_faults(one, ours, pixels, 0) if faults and ours.is_undefined else []
        wrong += [f"{name}: {fault}" for fault in faults if fault not in known]
    elif not ours.is_undefined and all(form.holds_native_frames for form in pixels.formats):
        wrong += _behind_last_frame(one, ours, other, theirs, pixels)
    return wrong + [f"{name}: reading it gives a warning: {text}" for text in pixels.warnings]


def _encapsulation_faults(stored: StoredObject, place: Place, pixels: PixelComparison, side: int) -> list[str]:
    rle = pixels.formats[side].has_rle_header and not pixels.formats[0].has_rle_header
    return encapsulation_faults(stored.reader(_ITEM_WINDOW), place, pixels.frames, rle=rle)


def _behind_last_frame(
    one: StoredObject, ours: Place, other: StoredObject, theirs: Place, pixels: PixelComparison
) -> list[str]:
    """Return how native pixel data differ after their frames; a padding byte is ignored."""
    sizes = [ours.end - ours.value, theirs.end - theirs.value]
    behind = [max(0, size - frames) for size, frames in zip(sizes, pixels.frame_bytes, strict=True)]
    if pixels.difference or ours.encoding.big_endian != theirs.encoding.big_endian or max(behind) <= 1:
        return []
    first, second = (place.value + frames for place, frames in zip((ours, theirs), pixels.frame_bytes, strict=True))
    padding = (pixels.frame_bytes[1] + behind[0]) & 1
    if same_range(one.read, (first, ours.end), other.read, (second, theirs.end)):
        return []
    if behind[1] == behind[0] + padding and same_range(
        one.read, (first, ours.end), other.read, (second, theirs.end - padding)
    ):
        return []
    if behind[0] == behind[1]:
        return [f"the pixel data: {behind[0]} bytes after the last frame differ"]
    return [
        f"the pixel data: {counted(behind[0], 'byte')} after the last frame in the first file, "
        f"{behind[1]} in the second"
    ]


def pairs_of(first: dict[str, str], second: dict[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield names with their paths in both trees, in order."""
    for name in sorted(first.keys() | second.keys()):
        yield name, first.get(name), second.get(name)
