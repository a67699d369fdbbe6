"""Icons: pixel data in (0088,0200), encapsulated in the transfer syntax of their object (PS3.5, A.4)."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from dcmturbo import _core
from dcmturbo.dataset.elements import (
    ITEM,
    ITEM_DELIMITER,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    Changes,
    Element,
    Encoding,
    header_bytes,
    padded,
    read_header,
    splice,
    tag_name,
    walk,
)
from dcmturbo.decoding import decode_frame
from dcmturbo.errors import DecodeError, EncodeError, Error
from dcmturbo.formats.syntaxes import TransferSyntax, syntax_of_frame

__all__ = ["ICON_IMAGE_SEQUENCE", "native_icons"]

ICON_IMAGE_SEQUENCE = 0x00880200
_PIXEL_DATA = 0x7FE00010
_EXPLICIT = Encoding()
_PHOTOMETRIC = 0x00280004
_ROWS, _COLUMNS, _SAMPLES, _PLANAR = 0x00280010, 0x00280011, 0x00280002, 0x00280006
_ALLOCATED, _STORED, _REPRESENTATION = 0x00280100, 0x00280101, 0x00280103


def native_icons(data: memoryview, element: Element, syntax: TransferSyntax) -> bytes | None:
    """Return the items of the icon sequence with native pixel data, in explicit VR little endian.

    Parameters
    ----------
    data : memoryview
        The element, including its header.
    element : Element
        Its place within `data`.
    syntax : TransferSyntax
        The transfer syntax of encapsulated icons, unless their frames show another one.

    Returns
    -------
    bytes or None
        The value of a sequence of defined length; None if no icon is encapsulated, so that nothing changes.

    Raises
    ------
    EncodeError
        If an icon cannot be decoded.
    """
    try:
        return _rewritten(data, element, syntax)
    except Error as error:
        raise EncodeError(
            f"the icon in {tag_name(ICON_IMAGE_SEQUENCE)} is encapsulated and cannot be converted to "
            f"native: {error.message}",
            code=error.code,
        ) from error


def _rewritten(data: memoryview, element: Element, syntax: TransferSyntax) -> bytes | None:
    parts: list[bytes] = []
    changed = False
    position = element.value
    while position < element.end:
        tag, _, value, length = read_header(data, position, _EXPLICIT)
        if tag == SEQUENCE_DELIMITER:
            break
        if tag != ITEM:
            raise DecodeError(f"expected an item, found {tag_name(tag)}", code="malformed", offset=position)
        undefined = length == UNDEFINED_LENGTH
        elements = list(walk(data, value, element.end if undefined else value + length, _EXPLICIT))
        end = (elements[-1].end if elements else value) if undefined else value + length
        changes = _changes(data, elements, syntax)
        changed = changed or bool(changes)
        pieces = splice(elements, value, end, changes, explicit_vr=True)
        content = b"".join(piece if isinstance(piece, bytes) else bytes(data[piece[0] : piece[1]]) for piece in pieces)
        parts.append(header_bytes(ITEM, "", UNDEFINED_LENGTH if undefined else len(content)) + content)
        position = end
        if undefined:
            parts.append(header_bytes(ITEM_DELIMITER, "", 0))
            _, _, position, _ = read_header(data, end, _EXPLICIT)
    return b"".join(parts) if changed else None


def _changes(data: memoryview, elements: list[Element], syntax: TransferSyntax) -> Changes:
    """Return the changes that make the pixel data of one icon native; nothing if they are native."""
    places = {element.tag: element for element in elements}
    pixels = places.get(_PIXEL_DATA)
    if pixels is None or not pixels.undefined_length:
        return {}

    def number(tag: int, default: int) -> int:
        found = places.get(tag)
        if found is None or found.end - found.value < 2:
            return default
        return int(struct.unpack_from("<H", data, found.value)[0])

    stated = ""
    if _PHOTOMETRIC in places:
        place = places[_PHOTOMETRIC]
        stated = bytes(data[place.value : place.end]).decode("latin-1").strip(" \0")
    samples = number(_SAMPLES, 1)
    allocated = number(_ALLOCATED, 8)
    attributes: dict[str, int | str] = {
        "rows": number(_ROWS, 0),
        "columns": number(_COLUMNS, 0),
        "samples_per_pixel": samples,
        "bits_allocated": allocated,
        "bits_stored": number(_STORED, allocated),
        "pixel_representation": number(_REPRESENTATION, 0),
        "photometric_interpretation": stated or ("MONOCHROME2" if samples == 1 else "RGB"),
    }
    frame = _only_frame(data, pixels, syntax)
    syntax = _own_syntax(frame, syntax)
    cells = decode_frame(frame, syntax.uid, **attributes, raw=True, unused_bits="keep", threads=1)  # type: ignore[arg-type]
    if allocated == 1:
        value = np.packbits(cells.ravel(), bitorder="little").tobytes()
    else:
        value = np.ascontiguousarray(cells).tobytes()
    vr = "OB" if allocated <= 8 else "OW"
    changes: dict[int, tuple[str, bytes] | None] = {_PIXEL_DATA: (vr, padded(value, "OB"))}
    decoded = _decoded_photometric(frame, syntax, attributes)
    if decoded != stated and samples == 3:
        changes[_PHOTOMETRIC] = ("CS", decoded.encode())
    if samples > 1 and number(_PLANAR, 0) != 0:
        changes[_PLANAR] = ("US", b"\0\0")
    return changes


def _only_frame(data: memoryview, pixels: Element, syntax: TransferSyntax) -> bytes:
    source = _core.Source.buffer(data)
    index = _core.Index(
        source,
        encapsulated=True,
        offset=pixels.value,
        length=pixels.end - pixels.value,
        undefined_length=True,
        number_of_frames=1,
        grouping=syntax.grouping,
    )
    return index.read_frame(0)


def _own_syntax(frame: bytes, stated: TransferSyntax) -> TransferSyntax:
    """Return the transfer syntax of an icon, which can differ from that of its object."""
    found = syntax_of_frame(frame) if stated.format.is_recognised else None
    if found is None:
        return stated
    fits = found.family == stated.family and (stated.lossless_only or not found.lossless_only)
    return stated if fits else found


def _decoded_photometric(frame: bytes, syntax: TransferSyntax, attributes: dict[str, int | str]) -> str:
    plain: Callable[..., _core.Attributes] = _core.Attributes
    header = _core.probe(frame) if syntax.has_codestream_header else None
    form = _core.frame_format(
        syntax.uid, plain(**attributes, planar_configuration=0), header, raw=True, keep_unused_bits=True
    )
    decoded = form.photometric_interpretation
    return "YBR_FULL" if decoded == "YBR_FULL_422" else decoded
