"""The changes in a dataset when the encoding of its pixel data changes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from dcmturbo.formats.table import FORMATS

if TYPE_CHECKING:
    from dcmturbo.dataset.elements import Element
    from dcmturbo.dataset.opened import OpenedSource
    from dcmturbo.transcoding.pixels import FrameCoder

__all__ = ["RATIO_PLACE", "RATIO_TAG", "attribute_changes", "lossy_method", "warn_of"]

_SOP_INSTANCE_UID = 0x00080018
_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_BITS_STORED, _HIGH_BIT = 0x00280101, 0x00280102
_LOSSY, _RATIO, _METHOD = 0x00282110, 0x00282112, 0x00282114
# (7FE0,0001) to (7FE0,0003): the tables are written again; Encapsulated Pixel Data Value Total Length is optional.
_ENCAPSULATION = (0x7FE00001, 0x7FE00002, 0x7FE00003)
_LENGTH_TO_END = 0x00080001
# A place for the compression ratio, which is known only at the end; it is as long as any value for it.
RATIO_PLACE = b"########"
RATIO_TAG = struct.pack("<HH", 0x0028, 0x2112)


def lossy_method(form: str) -> str:
    """Return the value of Lossy Image Compression Method for a format of codestreams."""
    return FORMATS[form].lossy_method


def ratio_text(ratio: float) -> bytes:
    """Return a ratio as a DS of exactly the length of `RATIO_PLACE`."""
    text = f"{ratio:.3f}" if ratio < 1000 else f"{ratio:.5g}"
    return text[: len(RATIO_PLACE)].ljust(len(RATIO_PLACE)).encode()


def _appended(existing: str, value: bytes) -> bytes:
    return existing.encode("latin-1") + b"\\" + value if existing else value


def attribute_changes(
    opened: OpenedSource, coder: FrameCoder, elements: list[Element], sop_instance_uid: str | None
) -> dict[int, tuple[str, bytes] | None]:
    """Return the elements that change, by tag, except those of the pixel data.

    Parameters
    ----------
    opened : OpenedSource
        The source.
    coder : FrameCoder
        What the frames become.
    elements : list of Element
        All top-level elements of the source.
    sop_instance_uid : str, optional
        The new one, if there is one.
    """
    values = opened.dataset
    assert values is not None
    present = {element.tag for element in elements}
    changes: dict[int, tuple[str, bytes] | None] = {tag: None for tag in _ENCAPSULATION if tag in present}
    if coder.photometric_interpretation != opened.photometric_interpretation:
        changes[_PHOTOMETRIC] = ("CS", coder.photometric_interpretation.encode())
    if coder.samples_per_pixel > 1 and values.planar_configuration != coder.planar_configuration:
        # PS3.3, C.7.6.3.1.3: required if there is more than one sample per pixel.
        changes[_PLANAR] = ("US", struct.pack("<H", coder.planar_configuration))
    if coder.bits_stored != opened.bits_stored:
        changes[_BITS_STORED] = ("US", struct.pack("<H", coder.bits_stored))
        changes[_HIGH_BIT] = ("US", struct.pack("<H", coder.bits_stored - 1))
    if sop_instance_uid is not None:
        changes[_SOP_INSTANCE_UID] = ("UI", sop_instance_uid.encode())
    ratio = values.lossy_image_compression_ratio
    method = values.lossy_image_compression_method
    if coder.lossy:
        changes[_LOSSY] = ("CS", b"01")
        changes[_RATIO] = ("DS", _appended(ratio, RATIO_PLACE))
        changes[_METHOD] = ("CS", _appended(method, lossy_method(coder.format).encode()))
    elif coder.lossy_source is not None and values.lossy_image_compression != "01":
        # A past loss must be recorded (PS3.3, C.7.6.1.1.5), because the new encoding no longer shows it.
        source_format, source_ratio = coder.lossy_source
        changes[_LOSSY] = ("CS", b"01")
        if not ratio:
            changes[_RATIO] = ("DS", ratio_text(source_ratio).rstrip())
        if not method:
            changes[_METHOD] = ("CS", lossy_method(source_format).encode())
    # PS3.5, 7.2: retired group lengths become wrong if anything in their group changes; so does Length to End.
    groups = {tag >> 16 for tag in changes} | {0x7FE0}
    changes.update({group << 16: None for group in groups if group << 16 in present})
    if _LENGTH_TO_END in present:
        changes[_LENGTH_TO_END] = None
    return changes


def warn_of(elements: list[Element], *, masked: bool) -> list[str]:
    """Return warnings about elements that are kept but may not be true of the result."""
    tags = {element.tag for element in elements}
    messages = []
    if tags & {0xFFFAFFFA, 0x4FFE0001}:
        messages.append("the object has digital signatures (FFFA,FFFA); they are kept, but no longer match the data")
    if 0x00041220 in tags:
        messages.append("the object is a DICOMDIR; the transfer syntaxes in its (0004,1512) may no longer be true")
    # PS3.3, C.9.2 of 2004: without Overlay Data, an overlay is in a bit of the pixel cells, Overlay Bit Position.
    for group in range(0x6000, 0x6020, 2) if masked else ():
        if group << 16 | 0x0102 in tags and group << 16 | 0x3000 not in tags:
            messages.append(f"the overlay of group {group:04X} was in bits above BitsStored, which were overwritten")
    return messages
