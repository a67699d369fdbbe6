"""The VR of an element for datasets without VRs: from PS3.6, and from PS3.5, annex A, if there is a choice."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

__all__ = ["settle_vr", "vr_of"]


@lru_cache(maxsize=8192)
def vr_of(tag: int) -> str:
    """Return the VR of a tag in the data dictionary, which may be "US or SS" and the like; UN if it is unknown."""
    from pydicom.datadict import dictionary_VR

    if tag & 0xFFFF == 0:
        return "UL"  # group lengths
    if tag >> 16 & 1:
        # PS3.5, 7.8.1: private creators. Nothing is known of private elements.
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def settle_vr(tag: int, value_length: int, number: Callable[[int], int | None]) -> str:
    """Return one VR for an element of a dataset in implicit VR.

    Parameters
    ----------
    tag : int
        The element's.
    value_length : int
        Length of its value, in bytes.
    number : callable
        Returns the first number in the element with another tag in the same dataset (or in one around it), or None.

    Returns
    -------
    str
    """
    vr = vr_of(tag)
    if " or " not in vr:
        return vr
    if vr == "US or SS":
        # The first and third value of the descriptors are unsigned. The second has the sign of the pixels, which are
        # signed here.
        return "SS" if number(0x00280103) == 1 else "US"
    if vr == "OB or OW":
        if tag >> 16 == 0x5400:  # PS3.3, C.10.9: Waveform Bits Allocated
            return "OB" if number(0x54001004) == 8 else "OW"
        return "OW"  # PS3.5, A.1 and A.2
    if "OW" in vr:  # "US or OW", "US or SS or OW": LUT Data
        return "US" if value_length <= 2 else "OW"
    return vr.split(" or ")[0]
