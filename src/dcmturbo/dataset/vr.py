"""The VR that an element has, where the dataset does not say: PS3.6, and PS3.5, annex A, for those with a choice."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

__all__ = ["settle_vr", "vr_of"]


@lru_cache(maxsize=8192)
def vr_of(tag: int) -> str:
    """Return the VR that the data dictionary has for a tag: perhaps "US or SS" and the like; UN if it has none."""
    from pydicom.datadict import dictionary_VR

    if tag & 0xFFFF == 0:
        return "UL"  # group lengths
    if tag >> 16 & 1:
        # PS3.5, 7.8.1: private creators; of private elements nothing is known.
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
        Of its value, in bytes.
    number : callable
        Returns the first number in the element of another tag of the same dataset (or of one around it), if there is
        one.

    Returns
    -------
    str
    """
    vr = vr_of(tag)
    if " or " not in vr:
        return vr
    if vr == "US or SS":
        # The descriptors' first and third value are unsigned; only the second takes the sign of the pixels, and it
        # is the pixels that are signed.
        return "SS" if number(0x00280103) == 1 else "US"
    if vr == "OB or OW":
        if tag >> 16 == 0x5400:  # PS3.3, C.10.9: Waveform Bits Allocated
            return "OB" if number(0x54001004) == 8 else "OW"
        return "OW"  # PS3.5, A.1 and A.2
    if "OW" in vr:  # "US or OW", "US or SS or OW": LUT Data
        return "US" if value_length <= 2 else "OW"
    return vr.split(" or ")[0]
