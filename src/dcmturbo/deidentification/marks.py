"""The attributes that say that an object was de-identified, and how (PS3.15, E.1.1; PS3.3, C.12.1.1.1 and C.7.6.1)."""

from __future__ import annotations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dcmturbo.deidentification.profile import EDITION, OPTIONS, Profile
from dcmturbo.version import __version__

__all__ = ["mark"]

_BASIC = ("113100", "Basic Application Confidentiality Profile")
_PIXELS = ("113101", "Clean Pixel Data Option")
_PATIENT_IDENTITY_REMOVED = 0x00120062
_METHOD, _METHOD_CODES = 0x00120063, 0x00120064
_BURNED_IN_ANNOTATION = 0x00280301
_TEMPORAL_INFORMATION_MODIFIED = 0x00280303


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.add(DataElement(0x00080100, "SH", value))
    item.add(DataElement(0x00080102, "SH", "DCM"))
    item.add(DataElement(0x00080104, "LO", meaning[:64]))
    return item


def mark(dataset: Dataset, profile: Profile, *, cleaned_pixels: bool) -> None:
    """Mark a dataset as de-identified; what earlier programs have noted of their methods stays.

    Parameters
    ----------
    dataset : Dataset
        The object.
    profile : Profile
        What was applied.
    cleaned_pixels : bool
        Whether all that was burned into the pixels has been blanked.
    """
    codes = [_BASIC, *([_PIXELS] if cleaned_pixels else [])]
    codes += [(code, meaning) for name in profile.names for _, code, meaning in [OPTIONS[name]]]
    dataset.add(DataElement(_PATIENT_IDENTITY_REMOVED, "CS", "YES"))
    method = f"dcmturbo {__version__}: PS3.15 {EDITION}, table E.1-1"
    dataset.add(DataElement(_METHOD, "LO", method[:64]))
    dataset.add(DataElement(_METHOD_CODES, "SQ", Sequence([_code(*code) for code in codes])))
    dates = "UNMODIFIED" if profile.retain_full_dates else "MODIFIED" if profile.modify_dates else "REMOVED"
    dataset.add(DataElement(_TEMPORAL_INFORMATION_MODIFIED, "CS", dates))
    if cleaned_pixels:
        dataset.add(DataElement(_BURNED_IN_ANNOTATION, "CS", "NO"))
