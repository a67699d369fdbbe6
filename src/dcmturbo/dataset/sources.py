"""From whatever the caller has (path, bytes, file object, URL, Dataset) to attributes and a frame index."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from dcmturbo import _core
from dcmturbo.dataset.file_objects import file_source, plain_file
from dcmturbo.dataset.inflation import inflate_dataset, is_whole_frame
from dcmturbo.dataset.native_pixel_data import (
    KEYWORDS,
    is_native_after_all,
    patched,
    read_into,
    settle_native_length,
    starts_with_item,
)
from dcmturbo.errors import DecodeError, Error, LimitExceeded, NoPixelData, UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax, known_transfer_syntax, syntax_of_frame
from dcmturbo.notes import NOTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom.dataset import Dataset

__all__ = ["FileContent", "OpenedSource", "Origin", "import_fsspec", "open_deflated", "open_source"]


@dataclass(frozen=True)
class FileContent:
    """An object as it lies in its file: of a deflated one, what has not been inflated."""

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
        Of a path: device, inode, size and time of the last change. Of anything else: the size.
    """

    source: Any
    identity: tuple[int, ...]

    def reopen(self) -> OpenedSource:
        """Open the object again.

        Raises
        ------
        DecodeError
            If something else is there now.
        """
        opened = open_source(self.source)
        if opened.origin is None or opened.origin.identity != self.identity:
            opened.close()
            raise DecodeError(f"{self.source} has changed since the image was opened: open it again", code="source")
        return opened


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@dataclass
class OpenedSource:
    """A DICOM object as far as decoding needs it."""

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
    path: str | None = None  # of a regular file, for a memory map
    file_identity: tuple[int, int] = (0, 0)  # its device and inode: the path may come to name another file
    dataset: _core.Dataset | None = None  # what the scan found; None for a pydicom Dataset
    buffer: memoryview | None = None  # all bytes of the source, where they are in memory
    file: FileContent | None = None  # the whole object; None for a pydicom Dataset
    mended: bool = False  # length fields were wrong: the source is not what the file holds, byte for byte
    pixel_data_end: int | None = None  # where the length field cannot say so
    origin: Origin | None = None  # how another process can open the same object
    warnings: list[str] = field(default_factory=list)
    keeps: object = None  # what the source needs to stay alive
    close: Callable[[], None] = lambda: None


def open_source(source: Any) -> OpenedSource:
    """Find the image in a source.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or OpenFile, pydicom Dataset
        Where the DICOM object is. A file object is read from its beginning, whatever its position.

    Returns
    -------
    OpenedSource

    Raises
    ------
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError
        As their names say.
    OSError
        If the file cannot be opened or read.
    TypeError
        For a source of another kind.
    """
    if isinstance(source, str) and "://" in source:
        opened = _open_fsspec(import_fsspec().open(source, mode="rb"))
        opened.origin = Origin(source, (opened.source.size,))
        return opened
    if isinstance(source, (str, os.PathLike)):
        return _open_path(os.fsdecode(source))
    if hasattr(source, "open") and hasattr(source, "fs"):  # fsspec.core.OpenFile
        return _open_fsspec(source)
    if hasattr(source, "group_dataset") and hasattr(source, "get_item"):  # pydicom.Dataset, without importing it
        return _open_pydicom(source)
    if type(source) is io.BytesIO:
        return _open_buffer(source.getvalue())
    try:
        view = memoryview(source)
    except TypeError:
        if hasattr(source, "read") and hasattr(source, "seek"):
            return _open_file(source)
        raise TypeError(
            "source must be a path, a bytes-like object, a binary file object, an fsspec URL or OpenFile, "
            f"or a pydicom Dataset, not {type(source).__name__}"
        ) from None
    return _open_buffer(view)


def import_fsspec() -> Any:
    """Import fsspec, which opens URLs; without it, say what to install."""
    try:
        import fsspec
    except ImportError:
        raise ImportError("URLs need fsspec: pip install 'dcmturbo[cloud]'") from None
    return fsspec


def _open_path(path: str) -> OpenedSource:
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("the path contains a null byte")
    try:
        source = _core.Source.file(name)
    except Error as error:
        # Python's own exception for a missing file, a folder or a missing permission. Not for a pipe:
        # opening one waits for somebody to write to it.
        if os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path):
            with open(path, "rb"):
                pass
        raise OSError(error.message) from None
    opened = _open_scanned(source)
    found = os.stat(path)
    opened.origin = Origin(path if path[:1] == "/" else os.path.abspath(path), _identity(found))
    if opened.buffer is None:  # not inflated
        opened.path, opened.file_identity = path, (found.st_dev, found.st_ino)
    return opened


def _open_fsspec(source: Any) -> OpenedSource:
    file = source.open()
    try:
        opened = _open_file(file, source.open)
    except BaseException:
        file.close()
        raise
    # In an archive the file lives no longer than the file system, which only the OpenFile holds.
    opened.keeps = source
    opened.close = file.close
    opened.origin = Origin(source, (opened.source.size,))
    return opened


def _open_file(file: Any, reopen: Callable[[], Any] | None = None) -> OpenedSource:
    if isinstance(file, io.TextIOBase):
        raise TypeError("the file object must be opened in binary mode")
    source = file_source(file, reopen)
    try:
        opened = _open_scanned(source)
    except Error as error:
        failure = source.take_failure()
        if failure is not None:
            raise failure from error
        raise
    plain = plain_file(file)
    if plain is not None and isinstance(plain.name, (str, bytes)):
        with contextlib.suppress(OSError):
            name = os.path.abspath(os.fsdecode(plain.name))
            identity = _identity(os.stat(name))
            if identity == _identity(os.fstat(plain.fileno())):
                opened.origin = Origin(name, identity)
    return opened


def _open_buffer(buffer: Any) -> OpenedSource:
    view = memoryview(buffer)
    if not view.c_contiguous or not view.nbytes:
        view = memoryview(view.tobytes())
    view = view.cast("B")
    opened = _open_scanned(_core.Source.buffer(view), view)
    opened.origin = Origin(view, (view.nbytes,))
    return opened


def _open_scanned(source: _core.Source, buffer: memoryview | None = None) -> OpenedSource:
    dataset = _core.scan(source)
    file = FileContent(source, dataset, buffer)
    warnings = list(dataset.warnings)
    transfer_syntax = dataset.transfer_syntax
    if dataset.deflated:
        # PS3.5, A.5: the dataset is one raw deflate stream. Only after inflating is there anything to scan.
        source, buffer, dataset = open_deflated(source, buffer, dataset, warnings)
    patches = dataset.patches
    if patches:
        source, buffer = patched(source, buffer, patches)
        if not file.dataset.deflated:
            file = FileContent(source, dataset, buffer)
    element = dataset.pixel_data
    if element is None:
        _refuse_without_pixel_data(
            transfer_syntax, dataset.pixel_data_provider_url, file.dataset.cut or dataset.cut, warnings
        )
    encapsulated = bool(element["undefined_length"])
    if transfer_syntax and not encapsulated:
        encapsulated = _explicit_length_is_encapsulated(transfer_syntax, source, buffer, element)
    if not encapsulated and is_native_after_all(transfer_syntax, dataset, source, buffer, element):
        warnings.append(f"the transfer syntax is {_name(transfer_syntax)}, but the pixel data are not encapsulated")
        transfer_syntax = ""
    end = None
    if not element["undefined_length"] and not encapsulated:
        source, buffer, end = settle_native_length(source, buffer, dataset, element, warnings)
    syntax = _resolve_syntax(transfer_syntax, dataset, encapsulated, source, buffer, element, warnings)
    if syntax.encapsulated and not encapsulated and syntax.family != "native":
        encapsulated = True
    extended = {
        "extended_offset_table": dataset.extended_offset_table,
        "extended_offset_table_lengths": dataset.extended_offset_table_lengths,
    }
    opened = _make(
        source,
        syntax,
        values=dataset,
        keyword=element["keyword"],
        vr=element["vr"],
        encapsulated=encapsulated,
        offset=element["offset"],
        length=element["length"],
        undefined_length=bool(element["undefined_length"]),
        extended=extended,
        big_endian=dataset.big_endian,
        warnings=warnings,
        dataset=dataset,
        buffer=buffer,
    )
    longer = not encapsulated and element["length"] > element["declared_length"]
    opened.file, opened.mended, opened.pixel_data_end = file, longer or bool(patches), end
    return opened


def open_deflated(
    source: _core.Source, buffer: memoryview | None, dataset: _core.Dataset, warnings: list[str]
) -> tuple[_core.Source, memoryview, _core.Dataset]:
    """Inflate a dataset, and scan it."""

    def read(begin: int, end: int) -> memoryview:
        part = bytearray(end - begin)
        read_into(source, buffer, begin, part)
        return memoryview(part)

    try:
        inflated, complete = inflate_dataset(read, dataset.dataset_offset, source.size)
    except DecodeError as error:
        syntax = known_transfer_syntax(dataset.transfer_syntax)
        if isinstance(error, LimitExceeded) or syntax is None or syntax.decodable:
            raise
        inflated, complete = bytearray(), False  # nothing of it would be decoded: its syntax is what to tell
    if not complete:
        warnings.append("the deflated dataset is cut short")
    view = memoryview(inflated)
    source = _core.Source.buffer(view)
    dataset = _core.scan(source, bare_dataset=True)
    warnings += dataset.warnings
    return source, view, dataset


def _refuse_without_pixel_data(transfer_syntax: str, url: str, cut: str = "", told: Iterable[str] = ()) -> NoReturn:
    if url:
        raise UnsupportedTransferSyntax(
            f"the object has no pixel data itself: PixelDataProviderURL (0028,7FE0) is {url!r} "
            f"({_name(transfer_syntax)})"
        )
    syntax = known_transfer_syntax(transfer_syntax)
    if syntax is not None and not syntax.decodable:
        elsewhere = ": its pixel data are not in the object" if not syntax.encapsulated else ""
        raise UnsupportedTransferSyntax(f"dcmturbo cannot decode {syntax.name} ({syntax.uid}){elsewhere}")
    if cut:
        raise DecodeError(f"{cut}, before any pixel data", code="truncated")
    notes = "".join(f"; {text}" for text in told)
    raise NoPixelData(f"the object has no Pixel Data, Float Pixel Data or Double Float Pixel Data{notes}")


def _name(uid: str) -> str:
    syntax = known_transfer_syntax(uid)
    return (uid or "no transfer syntax") if syntax is None else f"{syntax.name}, {uid}"


def _explicit_length_is_encapsulated(
    transfer_syntax: str, source: _core.Source, buffer: memoryview | None, element: dict[str, Any]
) -> bool:
    """Whether pixel data of explicit length hold items all the same (some Konica files)."""
    syntax = known_transfer_syntax(transfer_syntax)
    if syntax is None or not syntax.encapsulated:
        return False
    return bool(element["length"] >= 4) and starts_with_item(source, buffer, element["offset"])


def _resolve_syntax(
    transfer_syntax: str,
    dataset: _core.Dataset,
    encapsulated: bool,
    source: _core.Source,
    buffer: memoryview | None,
    element: dict[str, Any],
    warnings: list[str],
) -> TransferSyntax:
    """Return the transfer syntax of the pixel data: the stated one, unless it is missing or impossible."""
    stated = find_transfer_syntax(transfer_syntax) if transfer_syntax else None
    if stated is not None and (stated.encapsulated or not encapsulated):
        if not stated.decodable:
            raise UnsupportedTransferSyntax(f"{stated.name} ({stated.uid}) is not decoded here")
        return stated
    if not encapsulated:
        if dataset.big_endian:
            return find_transfer_syntax("ExplicitVRBigEndian")
        return find_transfer_syntax("ExplicitVRLittleEndian" if dataset.explicit_vr else "ImplicitVRLittleEndian")
    # Encapsulated without a label, or under a native one: the first frame says what it is.
    index = _core.Index(
        source, encapsulated=True, offset=element["offset"], length=element["length"], undefined_length=True
    )
    frame = index.read_frame(0) if index.frame_count else b""
    syntax = syntax_of_frame(frame)
    label = f"the transfer syntax is {_name(transfer_syntax)}"
    if syntax is None:
        raise UnsupportedTransferSyntax(f"{label}, but the pixel data are encapsulated, and of no format that is known")
    warnings.append(f"{label}, but the pixel data are encapsulated: decoded as {syntax.name}")
    return syntax


def _open_pydicom(ds: Dataset) -> OpenedSource:
    """Take attributes and pixel data from a pydicom Dataset, without copying the pixel data."""
    present = [keyword for keyword in KEYWORDS if keyword in ds]
    meta = getattr(ds, "file_meta", None)
    transfer_syntax = str(meta.TransferSyntaxUID) if meta is not None and "TransferSyntaxUID" in meta else ""
    if not present:
        _refuse_without_pixel_data(transfer_syntax, str(ds.get("PixelDataProviderURL", "") or ""))
    keyword = present[0]
    element = _from_pydicom(ds, keyword)
    value = element.value
    if value is None:
        raise NoPixelData(f"{keyword} has no value")
    if transfer_syntax:
        syntax = find_transfer_syntax(transfer_syntax)
    else:
        implicit, little = ds.original_encoding
        if element.is_undefined_length or little is None:
            raise UnsupportedTransferSyntax("the Dataset has no TransferSyntaxUID in its file_meta")
        names = {(True, True): "ImplicitVRLittleEndian", (False, True): "ExplicitVRLittleEndian"}
        syntax = find_transfer_syntax(names.get((bool(implicit), bool(little)), "ExplicitVRBigEndian"))
    if not syntax.decodable:
        raise UnsupportedTransferSyntax(f"dcmturbo cannot decode {syntax.name} ({syntax.uid})")
    buffer: memoryview | None = None
    if hasattr(value, "read"):
        source = file_source(value)
        length = source.size
    else:
        buffer = _bytes_of(keyword, value)
        source, length = _core.Source.buffer(buffer), len(buffer)
    values = _PydicomValues(ds)
    warnings: list[str] = []
    found = {"keyword": keyword, "offset": 0, "length": length}
    if not starts_with_item(source, buffer) and is_native_after_all(syntax.uid, values, source, buffer, found):
        warnings.append(f"the transfer syntax is {_name(syntax.uid)}, but the pixel data are not encapsulated")
        syntax = find_transfer_syntax("ExplicitVRLittleEndian")
    tables = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
    extended: dict[str, Any] = {}
    if all(name in ds for name in tables):
        extended["extended_bytes"] = tuple(_bytes_of(name, _from_pydicom(ds, name).value) for name in tables)
    return _make(
        source,
        syntax,
        values=values,
        keyword=keyword,
        vr=str(element.VR),
        encapsulated=syntax.encapsulated,
        offset=0,
        length=length,
        # The value ends where its bytes do: pydicom leaves the sequence delimiter out.
        undefined_length=False,
        extended=extended,
        big_endian=syntax.keyword == "ExplicitVRBigEndian",
        warnings=warnings,
        dataset=None,
        buffer=buffer,
    )


def _from_pydicom(ds: Dataset, keyword: str) -> Any:
    """Return an element of a Dataset, which pydicom reads now: until then it is bytes of any kind."""
    try:
        return ds[keyword]
    except (OSError, Warning):  # of the file that reading was deferred to; a warning that the caller made an error
        raise
    except Exception as error:
        raise DecodeError(f"pydicom cannot read {keyword}: {error}", code="malformed") from error


def _bytes_of(keyword: str, value: Any) -> memoryview:
    try:
        view = memoryview(b"" if value is None else value)
    except TypeError:
        raise DecodeError(f"{keyword} is a {type(value).__name__}, not bytes", code="argument") from None
    return view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())


class _PydicomValues:
    """The Image Pixel attributes of a Dataset under the names that the scanner uses."""

    def __init__(self, ds: Dataset) -> None:
        def integer(keyword: str) -> int | None:
            value: Any = _from_pydicom(ds, keyword).value if keyword in ds else None
            with contextlib.suppress(TypeError, ValueError):
                return int(value)
            return None

        self.rows = integer("Rows")
        self.columns = integer("Columns")
        self.samples_per_pixel = integer("SamplesPerPixel")
        self.bits_allocated = integer("BitsAllocated")
        self.bits_stored = integer("BitsStored")
        self.pixel_representation = integer("PixelRepresentation")
        self.planar_configuration = integer("PlanarConfiguration")
        self.number_of_frames = integer("NumberOfFrames")
        photometric = "PhotometricInterpretation"
        self.photometric_interpretation = str(_from_pydicom(ds, photometric).value or "") if photometric in ds else ""


def _make(
    source: _core.Source,
    syntax: TransferSyntax,
    *,
    values: Any,
    keyword: str,
    vr: str,
    encapsulated: bool,
    offset: int,
    length: int,
    undefined_length: bool,
    extended: dict[str, Any],
    big_endian: bool,
    warnings: list[str],
    dataset: _core.Dataset | None,
    buffer: memoryview | None,
) -> OpenedSource:
    rows, columns = values.rows, values.columns
    if rows is None or columns is None:
        raise DecodeError(f"the object has pixel data but no {'Rows' if rows is None else 'Columns'}", code="argument")
    photometric = values.photometric_interpretation.strip(" \0")
    bits_allocated = values.bits_allocated or KEYWORDS[keyword]
    if bits_allocated is None:
        raise DecodeError("the object has pixel data but no BitsAllocated", code="argument")
    bits_stored = bits_allocated if keyword != "PixelData" else values.bits_stored or bits_allocated
    samples = values.samples_per_pixel
    if samples is None:
        samples = 1 if photometric in ("", "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR") else 3
    planar_configuration = values.planar_configuration or 0
    pixel_representation = values.pixel_representation or 0
    # VR US: only a Dataset in memory can hold anything else. What the core makes of these is its business.
    for name, value, most in (
        ("Rows", rows, 0xFFFF),
        ("Columns", columns, 0xFFFF),
        ("SamplesPerPixel", samples, 0xFFFF),
        ("BitsAllocated", bits_allocated, 0xFFFF),
        ("BitsStored", bits_stored, 0xFFFF),
        ("PixelRepresentation", pixel_representation, 1),
        ("PlanarConfiguration", planar_configuration, 1),
    ):
        if not 0 <= value <= most:
            raise DecodeError(f"{name} is {value}", code="argument")
    # PS3.5, 8.1.2 and annex D: cells smaller than the big endian words that they are in.
    words_swapped = big_endian and bits_allocated <= 8 and vr == "OW" and keyword == "PixelData"
    described = {
        "rows": rows,
        "columns": columns,
        "samples_per_pixel": samples,
        "bits_allocated": bits_allocated,
        "bits_stored": bits_stored,
        "pixel_representation": pixel_representation if keyword == "PixelData" else 0,
        "planar_configuration": planar_configuration,
        "photometric_interpretation": photometric,
        "keyword": keyword,
        "big_endian": big_endian,
        "words_swapped": words_swapped,
    }
    attributes = _core.Attributes(**described)
    promised = values.number_of_frames
    if promised is not None and promised < 1:
        warnings.append(f"NumberOfFrames is {promised}")
        promised = None

    def settled_by_length(size: int, frames: int) -> _core.Attributes:
        reading, notes = _core.native_reading(attributes, size, frames)
        warnings.extend(NOTES[note] for note in notes)
        return _core.Attributes(**{**described, "photometric_interpretation": reading}) if notes else attributes

    if not encapsulated and samples == 3:
        attributes = settled_by_length(length, promised or 1)
    frame_bits = attributes.native_frame_bits
    marked = not encapsulated or syntax.has_codestream_header
    unit_bytes = 0 if marked else syntax.unit_bytes(rows, columns, bits_allocated, frame_bits)
    layout: dict[str, Any] = {
        "encapsulated": encapsulated,
        "offset": offset,
        "length": length,
        "undefined_length": undefined_length,
        "frame_bits": frame_bits,
        "word_bytes": 2 if words_swapped else 1,
    }
    if encapsulated:
        layout |= extended
    if not marked:
        layout |= {"grouping": syntax.grouping, "unit_bytes": unit_bytes}
    index = _core.Index(source, number_of_frames=promised or 0, **layout)
    if syntax.family == "deflated_frame" and (promised or 1) == 1 and index.frame_count == 1:
        # Nothing but inflating tells fragments of one frame from several frames.
        fragments = index.ranges(0)
        if len(fragments) > 1:
            start = bytearray(fragments[0][1])
            read_into(source, buffer, fragments[0][0], start)
            if is_whole_frame(start, unit_bytes):
                warnings.append(f"NumberOfFrames is 1, but the pixel data have {len(fragments)} frames")
                index = _core.Index(source, number_of_frames=len(fragments), **layout)
    if encapsulated and syntax.family == "native" and samples == 3 and index.frame_count:
        attributes = settled_by_length(sum(size for _, size in index.ranges(0)), 1)
    return OpenedSource(
        source=source,
        syntax=syntax,
        attributes=attributes,
        photometric_interpretation=photometric,
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        index=index,
        promised_frames=promised,
        encapsulated=encapsulated,
        big_endian=big_endian,
        planar_configuration=planar_configuration,
        pixel_data_offset=offset,
        dataset=dataset,
        buffer=buffer,
        warnings=warnings,
    )
