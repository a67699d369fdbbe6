"""Private attributes that are known to be safe (PS3.15, E.3.10), and lists of further ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["SAFE", "SafeAttribute", "parse_safe_list"]


class SafeAttribute(NamedTuple):
    """A private attribute: its creator, its group, and the last byte of its element number."""

    creator: str
    group: int
    element: int


# Table E.3.10-1 of PS3.15, edition 2026a, by creator, as "group:elements". Only values that are numbers, or words of
# the vocabulary, are kept of them: the table also has sequences, texts and bytes.
_KNOWN = {
    "ELSCINT1": "00E1:21,50 01E1:26 01F1:01,07,26,27",
    "GEIIS PACS": "0903:10-12",
    "GEMS_ACQU_01": "0019:23,24,27,9E",
    "GEMS_HELIOS_01": "0045:01,02",
    "GEMS_PARM_01": "0043:27,39,6F",
    "GEMS_SERS_01": "0025:07",
    "HOLOGIC, Inc.": "7E01:01,02,10-12",
    "NQHeader": "0099:01,02,04,05,10,20,21",
    "NQLeft": "0199:01-16",
    "NQRight": "0299:01-16",
    "Philips Imaging DD 001": (
        "2001:01-0C,0E-1F,21-51,53-5A,5D-6B,6D-6F,71-77,79-8C,90-94,9A,9B,9D,9F,A1-A5,C0-C3,C5-C7,CA,CB,D0-DF,E9,F1-F7,"
        "F9,FB-FD,FF"
    ),
    "Philips Imaging DD 002": "2001:01-40,50,52,53,57,58,5A,5C-5F,63-68,6B,71-75",
    "Philips Imaging DD 097": "2001:01-08,0A,0B,0D-0F,12,17-1F,21-28,2A-32,36-3E,40-42,44-47,49-4C,A1-A6,A8-AB",
    "Philips Imaging DD 129": "2001:00-09",
    "Philips MR Imaging DD 001": "2005:0D,0E",
    "Philips PET Private Group": "7053:00,09",
    "Philips ST80i": "0025:01",
    "SIEMENS MR HEADER": "0019:0C-0E,27",
    "SIEMENS SYNGO ULTRA-SOUND TOYON DATA STREAMING": "7FD1:01,09,10,11",
    "SIEMENS Ultrasound SC2000": (
        "0119:00-09,10-13,21 0129:00,02-09,10-12,20-22,29,30 0139:01 0149:01-03 7FD1:01,09,10,11"
    ),
}


def _elements(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


SAFE = frozenset(
    SafeAttribute(creator, int(group, 16), element)
    for creator, places in _KNOWN.items()
    for place in places.split(" ")
    for group, elements in [place.split(":")]
    for element in _elements(elements)
)
# Values of these VRs are numbers, or words that are checked against the vocabulary.
NUMBERS = frozenset(("DS", "FD", "FL", "IS", "SL", "SS", "UL", "US", "SV", "UV"))
WORDS = frozenset(("CS",))

_LINE = re.compile(r"\(?([0-9A-Fa-f]{4}),\s*[xX]{2}([0-9A-Fa-f]{2})\)?\s+(\S.*)")


def parse_safe_list(lines: Iterable[str]) -> frozenset[SafeAttribute]:
    """Read a list of safe attributes: lines such as ``(0019,xx0C) SIEMENS MR HEADER``; # begins a comment.

    Raises
    ------
    ValueError
        If a line is none of these.
    """
    found = set()
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None or not int(match[1], 16) & 1:
            raise ValueError(f"line {number} of the list of private attributes is not '(gggg,xxee) CREATOR': {text!r}")
        found.add(SafeAttribute(match[3].strip(), int(match[1], 16), int(match[2], 16)))
    return frozenset(found)
