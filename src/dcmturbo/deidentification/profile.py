"""The basic profile of PS3.15, annex E, and its options: which action an attribute gets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

from dcmturbo.deidentification.profile_table import DERIVED, EDITION, STATED

__all__ = ["EDITION", "OPTIONS", "Profile", "rows"]

# Names of the options, as users give them: the column of table E.1-1, and the code of CID 7050 with its meaning.
OPTIONS: dict[str, tuple[str, str, str]] = {
    "retain_uids": ("uids", "113110", "Retain UIDs Option"),
    "retain_device": ("device", "113109", "Retain Device Identity Option"),
    "retain_institution": ("institution", "113112", "Retain Institution Identity Option"),
    "retain_patient_characteristics": ("patient", "113108", "Retain Patient Characteristics Option"),
    "retain_full_dates": (
        "full-dates",
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
    ),
    "modify_dates": (
        "modified-dates",
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    "clean_descriptors": ("descriptors", "113105", "Clean Descriptors Option"),
    "clean_structured_content": ("structured-content", "113104", "Clean Structured Content Option"),
    "clean_graphics": ("graphics", "113103", "Clean Graphics Option"),
    "retain_safe_private": ("", "113111", "Retain Safe Private Option"),
}

# The action where it depends on the type of the attribute in its IOD. What is right for the strictest of the types is
# right for all: an attribute that may be absent may also be empty, and one that may be empty may have a dummy value.
_STRICTEST = {"X/Z": "Z", "X/D": "D", "Z/D": "D", "X/Z/D": "D", "X/Z/U*": "U"}

_DATES = ("DA", "DT")


@dataclass(frozen=True)
class Profile:
    """The options that are applied together with the basic profile; each is a column of table E.1-1.

    Attributes
    ----------
    retain_uids, retain_device, retain_institution, retain_patient_characteristics : bool
        Keep these identities and properties.
    retain_full_dates, modify_dates : bool
        Keep dates and times, or move all dates of a patient by the same number of days.
    clean_descriptors, clean_structured_content, clean_graphics : bool
        Keep descriptions, content trees of reports, and graphics, but only those words that are in a vocabulary.
    retain_safe_private : bool
        Keep those private attributes that are known to be safe.
    """

    retain_uids: bool = False
    retain_device: bool = False
    retain_institution: bool = False
    retain_patient_characteristics: bool = False
    retain_full_dates: bool = False
    modify_dates: bool = False
    clean_descriptors: bool = False
    clean_structured_content: bool = False
    clean_graphics: bool = False
    retain_safe_private: bool = False

    def __post_init__(self) -> None:
        if self.retain_full_dates and self.modify_dates:
            raise ValueError("retain_full_dates=True and modify_dates=True exclude each other: dates are kept or moved")

    @property
    def names(self) -> tuple[str, ...]:
        """The options that are chosen."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))

    def action(self, tag: int, vr: str) -> str:
        """Return the action on a standard attribute: X, Z, D, U, C or K; K if the table does not have it.

        Dates that the table does not have are treated like those that it has, and so are UIDs.
        """
        return _action(self, tag, vr)

    def states(self, tag: int) -> bool:
        """Whether the table has the attribute, so that its value is one that may identify somebody."""
        return tag in rows()


@cache
def rows() -> dict[int, tuple[str, dict[str, str]]]:
    """Return the table: for each tag the action of the basic profile, and those of the options."""
    found = {}
    for key, tags in (*STATED.items(), *DERIVED.items()):
        basic, *columns = key.split(" ")
        options = dict(column.split(":") for column in columns)
        for tag in tags.split(" "):
            found[int(tag, 16)] = (basic, options)
    return found


@cache
def _action(profile: Profile, tag: int, vr: str) -> str:
    row = rows().get(tag)
    if row is None:
        if vr in _DATES:
            row = ("X/Z", {"full-dates": "K", "modified-dates": "C"})
        elif vr == "UI":
            row = ("U", {"uids": "K"})
        else:
            return "K"
    basic, options = row
    chosen = [options[column] for name in profile.names if (column := OPTIONS[name][0]) in options]
    # Several options may concern an attribute: what keeps the most has been asked for.
    for action in ("K", "C"):
        if action in chosen:
            return action
    return _STRICTEST.get(basic, basic)
