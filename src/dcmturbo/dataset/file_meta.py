"""File Meta Information of a transcoded object (PS3.10, 7.1): the source's, with another transfer syntax."""

from __future__ import annotations

import struct
import uuid

from dcmturbo import _core
from dcmturbo.dataset.elements import element_bytes
from dcmturbo.dataset.opened import FileContent
from dcmturbo.dataset.vr import vr_of

__all__ = ["IMPLEMENTATION_CLASS_UID", "IMPLEMENTATION_VERSION_NAME", "file_meta"]

# PS3.5, B.2: a UID that was derived from a UUID once.
IMPLEMENTATION_CLASS_UID = f"2.25.{uuid.UUID('6d0f3f5e-2b0c-4c0b-9a53-64636d747572').int}"
IMPLEMENTATION_VERSION_NAME = "DCMTURBO_0_1"
_PREFIX = b"\0" * 128 + b"DICM"
_GROUP_LENGTH = 0x00020000
_LONGEST = 1 << 20  # no File Meta Information is longer; anything may follow it


def file_meta(content: FileContent, transfer_syntax_uid: str, sop_instance_uid: str | None) -> bytes:
    """Return preamble, prefix and File Meta Information.

    Parameters
    ----------
    content : FileContent
        The source. Its preamble and all its elements of group 2 stay the same, except those named here.
    transfer_syntax_uid : str
        (0002,0010).
    sop_instance_uid : str, optional
        (0002,0003); by default that of the source.

    Returns
    -------
    bytes
        (0002,0000) has the right length, and (0002,0012) and (0002,0013) name dcmturbo. If the source has no File Meta
        Information, the elements that PS3.10 requires are created.
    """
    dataset = content.dataset
    start = bytearray(min(dataset.dataset_offset, _LONGEST))
    if start:
        content.source.read_into(0, start)
    begin = 132 if dataset.has_preamble else 4 if start[:4] == b"DICM" else 0
    elements: dict[int, bytes] = {}
    if dataset.has_meta:
        view = memoryview(start)
        # A few writers use implicit VR here too.
        explicit = bytes(start[begin + 4 : begin + 6]).isalpha()
        # Use the reader that found the dataset after them, so that everything that it understands is kept.
        listed, _ = _core.list_elements(_core.Source.buffer(start), begin, explicit_vr=explicit, big_endian=False)
        for tag, vr, first, value, end, _ in listed:
            if tag >> 16 == 2:
                whole = bytes(view[first:end])
                elements[tag] = whole if vr else element_bytes(tag, vr_of(tag), bytes(view[value:end]))
    else:
        elements[0x00020001] = element_bytes(0x00020001, "OB", b"\0\1")
        elements[0x00020002] = element_bytes(0x00020002, "UI", dataset.sop_class_uid.encode("latin-1"))
        elements[0x00020003] = element_bytes(0x00020003, "UI", dataset.sop_instance_uid.encode("latin-1"))
    elements.pop(_GROUP_LENGTH, None)
    elements[0x00020010] = element_bytes(0x00020010, "UI", transfer_syntax_uid.encode())
    elements[0x00020012] = element_bytes(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode())
    elements[0x00020013] = element_bytes(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode())
    if sop_instance_uid is not None:
        elements[0x00020003] = element_bytes(0x00020003, "UI", sop_instance_uid.encode())
    body = b"".join(elements[tag] for tag in sorted(elements))
    head = bytes(start[:132]) if dataset.has_preamble else _PREFIX
    return head + element_bytes(_GROUP_LENGTH, "UL", struct.pack("<I", len(body))) + body
