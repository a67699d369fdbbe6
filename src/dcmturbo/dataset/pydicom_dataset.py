"""Pixel data of a pydicom Dataset, which is used without importing pydicom."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from dcmturbo import _core
from dcmturbo.dataset.file_objects import file_source
from dcmturbo.dataset.native_pixel_data import KEYWORDS, is_native_after_all, starts_with_item
from dcmturbo.dataset.opened import (
    Element,
    ImageValues,
    OpenedSource,
    open_pixel_data,
    refuse_without_pixel_data,
    words_of,
)
from dcmturbo.errors import DecodeError, NoPixelData, UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import find_transfer_syntax

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["open_pydicom"]


def open_pydicom(ds: Dataset) -> OpenedSource:
    """Take attributes and pixel data from a pydicom Dataset, without copying the pixel data."""
    present = [keyword for keyword in KEYWORDS if keyword in ds]
    meta = getattr(ds, "file_meta", None)
    transfer_syntax = str(meta.TransferSyntaxUID) if meta is not None and "TransferSyntaxUID" in meta else ""
    if not present:
        refuse_without_pixel_data(transfer_syntax, str(ds.get("PixelDataProviderURL", "") or ""))
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
    values = _values_of(ds)
    warnings: list[str] = []
    found = {"keyword": keyword, "offset": 0, "length": length}
    if not starts_with_item(source, buffer) and is_native_after_all(syntax.uid, values, source, buffer, found):
        warnings.append(f"the transfer syntax is {words_of(syntax.uid)}, but the pixel data are not encapsulated")
        syntax = find_transfer_syntax("ExplicitVRLittleEndian")
    tables = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
    extended: dict[str, Any] = {}
    if all(name in ds for name in tables):
        extended["extended_bytes"] = tuple(_bytes_of(name, _from_pydicom(ds, name).value) for name in tables)
    # The value ends where its bytes do, whatever its length field says: pydicom leaves the sequence delimiter out.
    place = Element(keyword, str(element.VR), 0, length, False, syntax.encapsulated, syntax.big_endian)
    opened = open_pixel_data(source, buffer, syntax, values, place, extended=extended, warnings=warnings)
    opened.pydicom_dataset = ds
    return opened


def _from_pydicom(ds: Dataset, keyword: str) -> Any:
    """Return an element of a Dataset. pydicom parses it only now, which can raise any exception."""
    try:
        return ds[keyword]
    except (OSError, Warning):  # an error of the deferred file, or a warning that the caller turned into an error
        raise
    except Exception as error:
        raise DecodeError(f"pydicom cannot read {keyword}: {error}", code="malformed") from error


def _bytes_of(keyword: str, value: Any) -> memoryview:
    try:
        view = memoryview(b"" if value is None else value)
    except TypeError:
        raise DecodeError(f"{keyword} is a {type(value).__name__}, not bytes", code="argument") from None
    return view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())


def _values_of(ds: Dataset) -> ImageValues:
    def integer(keyword: str) -> int | None:
        value: Any = _from_pydicom(ds, keyword).value if keyword in ds else None
        with contextlib.suppress(TypeError, ValueError):
            return int(value)
        return None

    photometric = "PhotometricInterpretation"
    return ImageValues(
        integer("Rows"),
        integer("Columns"),
        integer("SamplesPerPixel"),
        integer("BitsAllocated"),
        integer("BitsStored"),
        integer("PixelRepresentation"),
        integer("PlanarConfiguration"),
        str(_from_pydicom(ds, photometric).value or "") if photometric in ds else "",
        integer("NumberOfFrames"),
    )
