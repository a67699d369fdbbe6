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


# The physics of acquisitions, by creator, as "group:elements". Only values that are numbers are kept of them. The list
# has not yet been compared with the text of E.3.10.
_KNOWN = {
    "Philips PET Private Group": "7053:00,09",
    "Philips Imaging DD 001": "2001:03,04",
    "SIEMENS MR HEADER": "0019:0C,0D,0E,27,28,29",
    "GEMS_PARM_01": "0043:27,6F",
    "GEMS_ACQU_01": "0019:23,24,27",
    "GEMS_SERS_01": "0025:07",
    "ELSCINT1": "01E1:50 01F1:07,26,27",
}

SAFE = frozenset(
    SafeAttribute(creator, int(group, 16), int(element, 16))
    for creator, places in _KNOWN.items()
    for place in places.split(" ")
    for group, elements in [place.split(":")]
    for element in elements.split(",")
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
