"""The changes that transcoding makes in a dataset, and how they differ from mistakes (docs/transcoding.md).

A change counts as expected only if the new value is the right one. It is not enough that the element may change. For
instance, a Photometric Interpretation that the codestreams do not have is not expected, and neither is a lossy history
that became shorter.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from dcmturbo.archives.dataset_comparison import Finding, name_of
from dcmturbo.archives.pixel_comparison import PixelComparison
from dcmturbo.archives.stored_object import Place, StoredObject
from dcmturbo.dataset.file_meta import IMPLEMENTATION_CLASS_UID
from dcmturbo.dataset.vr import vr_of
from dcmturbo.errors import UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax
from dcmturbo.formats.table import FORMATS, Format

__all__ = ["ExpectedChanges"]

_LENGTH_TO_END = 0x00080001
_SOP_INSTANCE = 0x00080018
_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_BITS_STORED, _HIGH_BIT = 0x00280101, 0x00280102
_LOSSY, _RATIO, _METHOD = 0x00282110, 0x00282112, 0x00282114
_TABLES, _TOTAL_LENGTH = (0x7FE00001, 0x7FE00002), 0x7FE00003
_GROUP_LENGTH, _VERSION, _SOP_CLASS_META, _SOP_INSTANCE_META = 0x00020000, 0x00020001, 0x00020002, 0x00020003
_TRANSFER_SYNTAX, _IMPLEMENTATION_CLASS, _IMPLEMENTATION_NAME = 0x00020010, 0x00020012, 0x00020013

# PS3.3, C.7.6.1.1.5.1.
_METHODS = {form.lossy_method for form in FORMATS.values() if form.lossy_method} | {"ISO_13818_2"}
_UID = re.compile(rb"[0-9.]{1,64}\0?")  # PS3.5, 9.1
_TRANSFORMS = {"reversible": "YBR_RCT", "irreversible": "YBR_ICT"}


@dataclass(frozen=True)
class _Values:
    """The top-level values of one object."""

    stored: StoredObject

    def bytes(self, tag: int) -> bytes:
        found = [element for element in self.stored.elements if element.tag == tag]
        return bytes(self.stored.read(found[-1].value, min(found[-1].end, found[-1].value + 4096))) if found else b""

    def texts(self, tag: int) -> list[str]:
        text = self.bytes(tag).decode("latin-1").strip(" \0")
        return [part.strip(" \0") for part in text.split("\\")] if text else []

    def number(self, tag: int) -> int | None:
        value = self.bytes(tag)
        order = "big" if self.stored.encoding.big_endian else "little"
        return int.from_bytes(value[:2], order) if len(value) >= 2 else None  # type: ignore[arg-type]

    def has(self, tag: int) -> bool:
        return any(element.tag == tag for element in self.stored.elements)


class ExpectedChanges:
    """Tells the changes that transcoding makes from all others.

    Parameters
    ----------
    one, other : StoredObject
    pixels : PixelComparison or None
        None for objects without pixel data.
    """

    def __init__(self, one: StoredObject, other: StoredObject, pixels: PixelComparison | None) -> None:
        self.one, self.other, self.pixels = one, other, pixels
        self._before, self._after = _Values(one), _Values(other)
        self._rules: dict[int, Callable[[Finding], bool]] = {
            _LENGTH_TO_END: lambda found: found.other is None,
            _SOP_INSTANCE: self._is_new_instance,
            _PHOTOMETRIC: self._is_photometric,
            _PLANAR: self._is_planar,
            _BITS_STORED: self._are_bits_raised,
            _HIGH_BIT: self._are_bits_raised,
            _LOSSY: self._has_grown,
            _RATIO: self._has_grown,
            _METHOD: self._has_grown,
            _TABLES[0]: self._is_table,
            _TABLES[1]: self._is_table,
            _TOTAL_LENGTH: lambda found: found.other is None,
        }

    def takes(self, found: Finding) -> bool:
        """Whether transcoding makes this difference."""
        if found.expected:
            return True
        if not found.top or found.how.startswith(("VR ", "the reserved", "its header")):
            return False
        if found.tag and found.tag & 0xFFFF == 0:
            return found.other is None or self._is_group_length(found.other)
        if found.other is not None and found.other.vr not in ("", vr_of(found.tag)):
            return False
        rule = self._rules.get(found.tag)
        if rule is None or self.pixels is None:
            return rule is not None and found.tag == _LENGTH_TO_END and rule(found)
        return rule(found)

    # ---- the image --------------------------------------------------------------------------------

    def _is_group_length(self, place: Place) -> bool:
        """Whether a changed retired group length is right (PS3.5, 7.2)."""
        end = place.end
        for element in self.other.elements:
            if element.begin >= place.end and element.begin == end and element.tag >> 16 == place.tag >> 16:
                end = element.end
        value = bytes(self.other.read(place.value, place.end))
        order = "big" if place.encoding.big_endian else "little"
        return len(value) == 4 and int.from_bytes(value, order) == end - place.end  # type: ignore[arg-type]

    @property
    def _format(self) -> Format:
        assert self.pixels is not None
        return self.pixels.formats[1]

    def _is_photometric(self, _: Finding) -> bool:
        assert self.pixels is not None
        if self.pixels.difference and "samples" not in self.pixels.difference:
            return False
        label = "".join(self._after.texts(_PHOTOMETRIC))
        if (self._after.number(0x00280002) or 1) != 3:
            return False
        # PS3.5, 8.2: what an encoder makes of RGB or YBR. A transform is labelled where there is one, and not else.
        transform = _TRANSFORMS.get(self.pixels.colours[1])
        if transform:
            return label == transform
        return label in set(self._format.colours) - set(_TRANSFORMS.values())

    def _is_planar(self, found: Finding) -> bool:
        if found.other is None or (self._after.number(0x00280002) or 1) < 2:
            return False
        assert self.pixels is not None
        value = self._after.number(_PLANAR)
        codestreams = any(form.has_header for form in self.pixels.formats)
        # For native cells, equal pixels show that it is right.
        return value == 0 if codestreams or not self._format.holds_native_frames else value in (0, 1)

    def _are_bits_raised(self, _: Finding) -> bool:
        """Whether BitsStored was raised because the samples have more bits (PS3.3, C.7.6.3.1, and PS3.5, 8.1.1)."""
        assert self.pixels is not None
        before, after = self._before.number(_BITS_STORED), self._after.number(_BITS_STORED)
        if before is None or after is None or self.pixels.difference:
            return False
        allocated = self._after.number(0x00280100) or 0
        needed = self.pixels.bits
        return before < needed <= after <= allocated and self._after.number(_HIGH_BIT) == after - 1

    def _is_table(self, found: Finding) -> bool:
        assert self.pixels is not None
        return found.other is None or self.pixels.table == "extended"

    # ---- loss: PS3.3, C.7.6.1.1.5 -----------------------------------------------------------------

    def _histories(self) -> tuple[list[list[str]], list[list[str]]]:
        tags = (_LOSSY, _RATIO, _METHOD)
        before = [self._before.texts(tag) for tag in tags]
        return before, [self._after.texts(tag) for tag in tags]

    def _has_grown(self, _: Finding) -> bool:
        """Whether the second object states the loss of the first, and at most one step more."""
        assert self.pixels is not None
        (was, ratios, methods), (now, more_ratios, more_methods) = self._histories()
        if now != ["01"] or not more_ratios or not more_methods:
            return False
        grown = [len(after) - len(before) for before, after in ((ratios, more_ratios), (methods, more_methods))]
        if more_ratios[: len(ratios)] != ratios or more_methods[: len(methods)] != methods or max(grown) > 1:
            return False
        if grown[0] != grown[1] and ratios and methods:
            return False
        if not set(more_methods[len(methods) :]) <= _METHODS or not all(map(_is_ratio, more_ratios[len(ratios) :])):
            return False
        # If "00" becomes "01", something must have been lost, or the codestream was lossy all along.
        return was == ["01"] or max(grown) == 1 or not all(self.pixels.lossless)

    def _is_new_instance(self, found: Finding) -> bool:
        """Whether a lossy result may have its own SOP Instance UID."""
        lossy = self._after.texts(_LOSSY) == ["01"] and self._before.texts(_LOSSY) != ["01"]
        same = self._after.texts(_SOP_INSTANCE) == [_text(self.other.meta.get(_SOP_INSTANCE_META, b""))]
        return lossy and same and found.other is not None

    # ---- file meta information: PS3.10, 7.1 -------------------------------------------------------

    def meta(self) -> tuple[list[str], list[str]]:
        """Return differences in the preamble and File Meta Information, and which of them transcoding makes."""
        different: list[str] = []
        expected: list[str] = []
        if self.one.preamble != self.other.preamble:
            added = not self.one.preamble and not any(self.other.preamble)
            (expected if added else different).append(
                "the preamble: added" if added else "the preamble has other bytes"
            )
        for tag in sorted(self.one.meta.keys() | self.other.meta.keys()):
            before, after = self.one.meta.get(tag), self.other.meta.get(tag)
            headers = self.one.meta_headers.get(tag), self.other.meta_headers.get(tag)
            if before == after:
                if headers[0] and headers[0] != headers[1]:
                    different.append(f"{name_of(tag)}: the VR differs")
                continue
            how = "only in the first" if after is None else "only in the second" if before is None else "another value"
            if before is not None and after is not None and tag not in (_GROUP_LENGTH, _VERSION):
                how = f"{_text(before)[:64]} against {_text(after)[:64]}"
            right = after is not None and self._is_meta_expected(tag, after)
            (expected if right else different).append(f"{name_of(tag)}: {how}")
        if self._is_count_wrong(self.other) and not self._is_count_wrong(self.one):
            different.append(f"{name_of(_GROUP_LENGTH)}: it does not have the number of the bytes that follow")
        different += self._contradiction()
        return different, expected

    @staticmethod
    def _is_count_wrong(stored: StoredObject) -> bool:
        value = stored.meta.get(_GROUP_LENGTH)
        return value is not None and (len(value) != 4 or struct.unpack("<I", value)[0] != stored.meta_length)

    def _is_meta_expected(self, tag: int, after: bytes) -> bool:
        if self.other.meta_headers.get(tag, b"")[:2] not in (b"", vr_of(tag).encode()):
            return False
        if tag == _GROUP_LENGTH:
            return True  # it is counted below
        if tag == _TRANSFER_SYNTAX:
            return _UID.fullmatch(after) is not None  # the way in which the object is read shows which one
        if tag in (_IMPLEMENTATION_CLASS, _IMPLEMENTATION_NAME):
            return self._is_implementation()
        if tag == _SOP_INSTANCE_META and self._before.texts(_SOP_INSTANCE) != self._after.texts(_SOP_INSTANCE):
            return [_text(after)] == self._after.texts(_SOP_INSTANCE)
        if self.one.stated.has_meta:
            return False
        made = {
            _VERSION: b"\0\1",
            _SOP_CLASS_META: self.other.dataset.sop_class_uid.encode("latin-1"),
            _SOP_INSTANCE_META: self.other.dataset.sop_instance_uid.encode("latin-1"),
        }
        return tag in made and after.strip(b" \0") == made[tag].strip(b" \0")

    def _is_implementation(self) -> bool:
        """Whether the second names its writer: dcmturbo with both of its names, or another program by a UID."""
        uid = _text(self.other.meta.get(_IMPLEMENTATION_CLASS, b""))
        name = _text(self.other.meta.get(_IMPLEMENTATION_NAME, b""))
        ours = uid == IMPLEMENTATION_CLASS_UID, re.fullmatch(r"DCMTURBO_\d+_\d+", name) is not None
        return ours[0] == ours[1] and _UID.fullmatch(uid.encode()) is not None and name.isascii()

    def _contradiction(self) -> list[str]:
        """Return what is wrong with the second's Transfer Syntax UID, unless the first has the same fault."""
        wrong = [_encoding_contradicted(stored) for stored in (self.one, self.other)]
        return [f"{name_of(_TRANSFER_SYNTAX)}: {wrong[1]}"] if wrong[1] and not wrong[0] else []


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")


def _is_ratio(text: str) -> bool:
    try:
        return 0 < float(text) < 1e9
    except ValueError:
        return False


def _encoding_contradicted(stored: StoredObject) -> str:
    syntax: TransferSyntax
    try:
        syntax = find_transfer_syntax(stored.stated.transfer_syntax)
    except UnsupportedTransferSyntax:
        return ""
    if (syntax.explicit_vr, syntax.big_endian) == tuple(stored.encoding) or not stored.elements:
        return ""
    is_explicit, is_big = stored.encoding
    return f"it is {syntax.name}, but the elements are {'explicit' if is_explicit else 'implicit'} VR " + (
        "big endian" if is_big else "little endian"
    )
