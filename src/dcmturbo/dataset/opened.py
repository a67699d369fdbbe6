"""An open DICOM object: attributes and a frame index of its pixel data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from dcmturbo import _core
from dcmturbo.dataset.inflation import is_whole_frame
from dcmturbo.dataset.native_pixel_data import KEYWORDS, read_into
from dcmturbo.errors import DecodeError, NoPixelData, UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import TransferSyntax, known_transfer_syntax
from dcmturbo.notes import NOTES

__all__ = [
    "NO_PIXELS_OF_IMAGE",
    "Element",
    "FileContent",
    "ImageValues",
    "OpenedSource",
    "Origin",
    "describes_image",
    "open_pixel_data",
    "refuse_cut",
    "refuse_without_pixel_data",
    "words_of",
]


NO_PIXELS_OF_IMAGE = "although it describes an image: it may have been cut before its pixel data"


class FileContent(NamedTuple):
    """An object as it is in its file; if it is deflated, before inflation."""

    source: _core.Source
    dataset: _core.Dataset
    buffer: memoryview | None


class Origin(NamedTuple):
    """How another process can open the same object.

    Attributes
    ----------
    source : str, bytes or OpenFile
        What `open_source` takes.
    identity : tuple of int
        For a path: device, inode, size and time of the last change. For any other source: the size.
    """

    source: Any
    identity: tuple[int, ...]


@dataclass(slots=True)
class OpenedSource:
    """What decoding needs of a DICOM object."""

    source: _core.Source
    syntax: TransferSyntax
    attributes: _core.Attributes
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    index: _core.Index
    promised_frames: int | None
    encapsulated: bool
    big_endian: bool
    planar_configuration: int
    pixel_data_offset: int
    name: str | None = None  # what messages call it: a path or a URL
    path: str | None = None  # of a regular file, for a memory map
    file_identity: tuple[int, int] = (0, 0)  # its device and inode: later, the path may name another file
    dataset: _core.Dataset | None = None  # the result of the scan; None for a pydicom Dataset
    buffer: memoryview | None = None  # all bytes of the source, if they are in memory
    file: FileContent | None = None  # the whole object; None for a pydicom Dataset
    pydicom_dataset: Any = None  # the Dataset that was opened; None for any other source
    mended: bool = False  # length fields were wrong, so some bytes of the source differ from the file
    pixel_data_end: int | None = None  # if the length field cannot hold it
    origin: Origin | None = None  # how another process can open the same object
    warnings: list[str] = field(default_factory=list)
    keeps: object = None  # objects that must stay alive for the source
    closing: Callable[[], None] | None = None  # closes what the source reads from, if that is a Python object

    def close(self) -> None:
        """Close the file: an exception that somebody keeps would keep it open."""
        (self.source if self.file is None else self.file.source).close()
        if self.closing is not None:
            self.closing()


class ImageValues(NamedTuple):
    """Values of the Image Pixel module (PS3.3, C.7.6.3), as far as the object has them."""

    rows: int | None
    columns: int | None
    samples_per_pixel: int | None
    bits_allocated: int | None
    bits_stored: int | None
    pixel_representation: int | None
    planar_configuration: int | None
    photometric_interpretation: str
    number_of_frames: int | None


class Element(NamedTuple):
    """The element that holds the pixel data."""

    keyword: str
    vr: str
    offset: int
    length: int
    undefined_length: bool
    encapsulated: bool
    big_endian: bool


class _ImagePixel(NamedTuple):
    """The arguments of ``_core.Attributes``, in its order."""

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    planar_configuration: int
    photometric_interpretation: str
    keyword: str
    big_endian: bool
    words_swapped: bool


def _image_pixel(values: ImageValues, element: Element) -> _ImagePixel:
    """Complete what an object says of its pixels; refuse what no value can be."""
    rows, columns, samples, bits_allocated, bits_stored, sign, planar, photometric, _ = values
    if rows is None or columns is None:
        raise DecodeError(f"the object has pixel data but no {'Rows' if rows is None else 'Columns'}", code="argument")
    photometric = photometric.strip(" \0")
    keyword = element.keyword
    bits_allocated = bits_allocated or KEYWORDS[keyword]
    if bits_allocated is None:
        raise DecodeError("the object has pixel data but no BitsAllocated", code="argument")
    if keyword != "PixelData":
        bits_stored = bits_allocated
    if samples is None:
        samples = 1 if photometric in ("", "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR") else 3
    pixel = _ImagePixel(
        rows,
        columns,
        samples,
        bits_allocated,
        bits_stored or bits_allocated,
        sign or 0,
        planar or 0,
        photometric,
        keyword,
        element.big_endian,
        # PS3.5, 8.1.2 and annex D: cells smaller than the big endian words that they are in.
        element.big_endian and bits_allocated <= 8 and element.vr == "OW" and keyword == "PixelData",
    )
    if (rows | columns | samples | bits_allocated | pixel.bits_stored) >> 16 or (pixel[5] | pixel[6]) >> 1:
        _refuse_value(pixel)
    return pixel if keyword == "PixelData" else pixel._replace(pixel_representation=0)


# VR US: only a Dataset in memory can hold anything else. What the core makes of these is its business.
_LARGEST = (
    ("Rows", 0xFFFF),
    ("Columns", 0xFFFF),
    ("SamplesPerPixel", 0xFFFF),
    ("BitsAllocated", 0xFFFF),
    ("BitsStored", 0xFFFF),
    ("PixelRepresentation", 1),
    ("PlanarConfiguration", 1),
)


def _refuse_value(pixel: _ImagePixel) -> None:
    for value, (name, most) in zip(pixel, _LARGEST, strict=False):
        if not 0 <= value <= most:  # type: ignore[operator]
            raise DecodeError(f"{name} is {value}", code="argument")


def _settle_by_length(
    pixel: _ImagePixel, attributes: _core.Attributes, size: int, frames: int, warnings: list[str]
) -> _core.Attributes:
    """Return the attributes with the colour space that native pixel data of this length have."""
    reading, notes = _core.native_reading(attributes, size, frames)
    warnings.extend(NOTES[note] for note in notes)
    return _core.Attributes(*pixel._replace(photometric_interpretation=reading)) if notes else attributes


def _index_frames(
    source: _core.Source,
    buffer: memoryview | None,
    syntax: TransferSyntax,
    pixel: _ImagePixel,
    element: Element,
    frame_bits: int,
    promised: int,
    extended: dict[str, Any],
    warnings: list[str],
) -> _core.Index:
    """Find where each frame lies."""
    if not element.encapsulated:
        return _core.Index(
            source,
            encapsulated=False,
            offset=element.offset,
            length=element.length,
            undefined_length=element.undefined_length,
            number_of_frames=promised,
            frame_bits=frame_bits,
            word_bytes=2 if pixel.words_swapped else 1,
        )
    grouping, unit_bytes = "codestream", 0
    if not syntax.has_codestream_header:
        grouping = syntax.grouping
        unit_bytes = syntax.unit_bytes(pixel.rows, pixel.columns, pixel.bits_allocated, frame_bits)

    def index_of(frames: int) -> _core.Index:
        return _core.Index(
            source,
            True,
            element.offset,
            element.length,
            element.undefined_length,
            frames,
            grouping,
            unit_bytes,
            frame_bits,
            2 if pixel.words_swapped else 1,
            **extended,
        )

    index = index_of(promised)
    if syntax.grouping == "one_fragment" and promised <= 1 and index.frame_count == 1:
        # Only inflating shows whether fragments are one frame or several.
        fragments = index.ranges(0)
        if len(fragments) > 1:
            start = bytearray(fragments[0][1])
            read_into(source, buffer, fragments[0][0], start)
            if is_whole_frame(start, unit_bytes):
                warnings.append(f"NumberOfFrames is 1, but the pixel data have {len(fragments)} frames")
                index = index_of(len(fragments))
    return index


def open_pixel_data(
    source: _core.Source,
    buffer: memoryview | None,
    syntax: TransferSyntax,
    values: ImageValues,
    element: Element,
    *,
    extended: dict[str, Any],
    warnings: list[str],
) -> OpenedSource:
    """Describe the pixel data of an object, and find its frames.

    Parameters
    ----------
    source, buffer
        The object; `buffer` is all of it, where it is in memory.
    syntax : TransferSyntax
        Of the pixel data.
    values : ImageValues
        What the object says of its pixels.
    element : Element
        Where the pixel data are.
    extended : dict
        The Extended Offset Table, as ``_core.Index`` takes it.
    warnings : list of str
        What there is to warn of; what is found here is added.

    Raises
    ------
    DecodeError
        If the object does not say what its pixels are.
    """
    pixel = _image_pixel(values, element)
    attributes = _core.Attributes(*pixel)
    promised = values.number_of_frames
    if promised is not None and promised < 1:
        warnings.append(f"NumberOfFrames is {promised}")
        promised = None
    encapsulated, samples = element.encapsulated, pixel.samples_per_pixel
    if not encapsulated and samples == 3:
        attributes = _settle_by_length(pixel, attributes, element.length, promised or 1, warnings)
    index = _index_frames(
        source, buffer, syntax, pixel, element, attributes.native_frame_bits, promised or 0, extended, warnings
    )
    if encapsulated and syntax.grouping == "size" and samples == 3 and index.frame_count:
        size = sum(size for _, size in index.ranges(0))
        attributes = _settle_by_length(pixel, attributes, size, 1, warnings)
    return OpenedSource(
        source=source,
        syntax=syntax,
        attributes=attributes,
        photometric_interpretation=pixel.photometric_interpretation,
        bits_allocated=pixel.bits_allocated,
        bits_stored=pixel.bits_stored,
        index=index,
        promised_frames=promised,
        encapsulated=encapsulated,
        big_endian=pixel.big_endian,
        planar_configuration=pixel.planar_configuration,
        pixel_data_offset=element.offset,
        buffer=buffer,
        warnings=warnings,
    )


def refuse_without_pixel_data(
    transfer_syntax: str,
    url: str,
    cut: str = "",
    warnings: Iterable[str] = (),
    *,
    describes_image: bool = False,
    directory: bool = False,
) -> NoReturn:
    """Say why there is nothing to decode."""
    if url:
        raise UnsupportedTransferSyntax(
            f"the object has no pixel data itself: PixelDataProviderURL (0028,7FE0) is {url!r} "
            f"({words_of(transfer_syntax)})"
        )
    syntax = known_transfer_syntax(transfer_syntax)
    if syntax is not None and not syntax.decodable:
        elsewhere = ": its pixel data are not in the object" if not syntax.encapsulated else ""
        raise UnsupportedTransferSyntax(f"dcmturbo cannot decode {syntax.name} ({syntax.uid}){elsewhere}")
    refuse_cut(cut)
    if directory:
        raise NoPixelData("it is a DICOMDIR, which only lists files: name these files, or their folder")
    notes = "".join(f"; {text}" for text in warnings)
    doubt = f", {NO_PIXELS_OF_IMAGE}" if describes_image else ""
    error = NoPixelData(f"the object has no Pixel Data, Float Pixel Data or Double Float Pixel Data{doubt}{notes}")
    error.describes_image = describes_image
    raise error


def describes_image(dataset: _core.Dataset) -> bool:
    """Whether an object states how large the pixels of an image are; where these are missing, it may have been cut.

    Objects that never have pixel data do not state BitsAllocated, not even spectra, which have Rows and Columns.
    """
    return bool(dataset.rows and dataset.columns and dataset.bits_allocated)


def refuse_cut(cut: str) -> None:
    """Raise a `DecodeError` if an object without pixel data ends early: `cut` says how, and is empty otherwise."""
    if cut:
        raise DecodeError(f"{cut}, before any pixel data", code="truncated")


def words_of(uid: str) -> str:
    """Return name and UID of a transfer syntax, or what stands in place of a UID."""
    syntax = known_transfer_syntax(uid)
    return (uid or "no transfer syntax") if syntax is None else f"{syntax.name}, {uid}"
