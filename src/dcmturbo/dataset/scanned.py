"""Objects as bytes: what a scan of the elements finds, and what has to be put right before it can be decoded."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.inflation import inflate_dataset
from dcmturbo.dataset.native_pixel_data import (
    is_native_after_all,
    patched,
    read_into,
    settle_native_length,
    starts_with_item,
)
from dcmturbo.dataset.opened import (
    Element,
    FileContent,
    ImageValues,
    OpenedSource,
    describes_image,
    open_pixel_data,
    refuse_without_pixel_data,
    words_of,
)
from dcmturbo.errors import DecodeError, LimitExceeded, UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax, known_transfer_syntax, syntax_of_frame

__all__ = ["open_deflated", "open_scanned"]


def open_scanned(source: _core.Source, buffer: memoryview | None = None) -> OpenedSource:
    """Find the image in the bytes of an object; `buffer` is all of them, where they are in memory.

    If there is none, the source is closed.
    """
    try:
        return _open(source, buffer)
    except BaseException:
        source.close()
        raise


_META_BYTES = 1024  # File Meta Information is shorter
_DIRECTORY = b"1.2.840.10008.1.3.10"  # Media Storage Directory Storage


def _is_directory(source: _core.Source) -> bool:
    """Whether the File Meta Information says that the file is a DICOMDIR (PS3.10, 8)."""
    start = np.zeros(min(source.size, _META_BYTES), np.uint8)
    source.read_into(0, start)
    return _DIRECTORY in start.tobytes()


def _open(source: _core.Source, buffer: memoryview | None) -> OpenedSource:
    dataset = _core.scan(source)
    file = FileContent(source, dataset, buffer)
    warnings = list(dataset.warnings)
    transfer_syntax = dataset.transfer_syntax
    if dataset.deflated:
        # PS3.5, A.5: the dataset is one raw deflate stream, so it must be inflated before it can be scanned.
        source, buffer, dataset = open_deflated(source, buffer, dataset, warnings)
    patches = dataset.patches
    if patches:
        source, buffer = patched(source, buffer, patches)
        if not file.dataset.deflated:
            file = FileContent(source, dataset, buffer)
    element = dataset.pixel_data
    if element is None:
        refuse_without_pixel_data(
            transfer_syntax,
            dataset.pixel_data_provider_url,
            file.dataset.cut or dataset.cut,
            warnings,
            describes_image=describes_image(dataset),
            directory=_is_directory(source),
        )
    values = ImageValues(*dataset.image_values)
    encapsulated = bool(element["undefined_length"])
    if transfer_syntax and not encapsulated:
        encapsulated = _explicit_length_is_encapsulated(transfer_syntax, source, buffer, element)
    if not encapsulated and is_native_after_all(transfer_syntax, values, source, buffer, element):
        warnings.append(f"the transfer syntax is {words_of(transfer_syntax)}, but the pixel data are not encapsulated")
        transfer_syntax = ""
    end = None
    if not element["undefined_length"] and not encapsulated:
        source, buffer, end = settle_native_length(source, buffer, dataset, values, element, warnings)
    syntax = _resolve_syntax(transfer_syntax, dataset, encapsulated, source, buffer, element, warnings)
    if syntax.encapsulated and not encapsulated and syntax.grouping != "size":
        encapsulated = True
    extended = {
        "extended_offset_table": dataset.extended_offset_table,
        "extended_offset_table_lengths": dataset.extended_offset_table_lengths,
    }
    place = Element(
        element["keyword"],
        element["vr"],
        element["offset"],
        element["length"],
        element["undefined_length"],
        encapsulated,
        dataset.big_endian,
    )
    opened = open_pixel_data(source, buffer, syntax, values, place, extended=extended, warnings=warnings)
    opened.dataset = dataset
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
        inflated, complete, note = inflate_dataset(read, dataset.dataset_offset, source.size)
    except DecodeError as error:
        syntax = known_transfer_syntax(dataset.transfer_syntax)
        if isinstance(error, LimitExceeded) or syntax is None or syntax.decodable:
            raise
        # nothing of it can be decoded, so the error must name its transfer syntax
        inflated, complete, note = bytearray(), False, ""
    if not complete:
        warnings.append("the deflated dataset is cut short")
    if note:
        warnings.append(note)
    view = memoryview(inflated)
    source = _core.Source.buffer(view)
    dataset = _core.scan(source, bare_dataset=True)
    warnings += dataset.warnings
    return source, view, dataset


def _explicit_length_is_encapsulated(
    transfer_syntax: str, source: _core.Source, buffer: memoryview | None, element: dict[str, Any]
) -> bool:
    """Whether pixel data of explicit length contain items (as in some Konica files)."""
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
    # Encapsulated, with no label or a native one: the first frame shows the format.
    index = _core.Index(
        source, encapsulated=True, offset=element["offset"], length=element["length"], undefined_length=True
    )
    frame = index.read_frame(0) if index.frame_count else b""
    syntax = syntax_of_frame(frame)
    label = f"the transfer syntax is {words_of(transfer_syntax)}"
    if syntax is None:
        raise UnsupportedTransferSyntax(f"{label}, but the pixel data are encapsulated, and of no format that is known")
    warnings.append(f"{label}, but the pixel data are encapsulated: decoded as {syntax.name}")
    return syntax
