"""Apply a profile to a dataset: remove, empty, replace and clean its elements at all levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableSequence
from typing import Any, NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dcmturbo.dataset.elements import tag_name
from dcmturbo.deidentification.identities import Identities
from dcmturbo.deidentification.profile import Profile
from dcmturbo.deidentification.pseudonyms import Pseudonyms, moved_date, moved_date_time
from dcmturbo.deidentification.safe_private import NUMBERS, SAFE, WORDS, SafeAttribute
from dcmturbo.deidentification.vocabulary import STANDARD_SCHEMES, clean_text, is_harmless
from dcmturbo.errors import DeidentificationError

__all__ = ["BINARY", "PIXEL_DATA", "Cleaner", "raw_bytes", "vr_in"]

PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_OFFSET_TABLES = (0x7FE00001, 0x7FE00002, 0x7FE00003)
BINARY = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV", "AT"))
_TEXTS = frozenset(("AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"))
_BYTES = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_FREE_TEXTS = frozenset(("LT", "ST", "UT"))
_BY_TABLE = frozenset(("PN", "DA", "DT", "TM", "UI"))  # VRs that are not cleaned as texts are
_MOST_DEPTH = 64
_STANDARD_UIDS = "1.2.840.10008."

# Values of the dummies of action D, by VR.
_DUMMIES: dict[str, Any] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"), "REMOVED"),
    **dict.fromkeys(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), 0),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), b"\0" * 8),
    "AS": "000D",
    "AT": 0,
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "PN": "REMOVED",
    "TM": "000000",
    "UR": "urn:removed",
}
# Attributes of the patient and study that get pseudonyms, where the profile removes their values: (purpose, length).
_PSEUDONYMS = {
    0x00100010: ("patient", 12),
    0x00100020: ("patient", 12),
    0x00080050: ("accession", 16),
    0x00200010: ("study", 16),
}
_CODE_VALUES = (0x00080100, 0x00080104, 0x00080119, 0x00080120)
_CODE_ATTRIBUTES = range(0x00080100, 0x00080124)
_SCHEME = 0x00080102


class _Level(NamedTuple):
    """A dataset that is to be cleaned."""

    dataset: Dataset
    mode: str  # "": the table; "clean": texts are cleaned whatever the table says; "dummy": all values are dummies


def vr_in(dataset: Dataset, tag: BaseTag) -> str:
    """Return the VR of an element: of unknown ones, as the data dictionary says."""
    vr = dataset.get_item(tag).VR
    if vr in (None, "UN") and not tag.is_private:
        try:
            vr = dictionary_VR(tag).split(" ")[0]
        except KeyError:
            vr = "UN"
    return vr or "UN"


def raw_bytes(dataset: Dataset, tag: BaseTag) -> bytes:
    """Return the value of an element that is no sequence, as bytes as they are or will be in the file."""
    element = dataset.get_item(tag)
    value = element.value
    if isinstance(element, RawDataElement) or isinstance(value, (bytes, bytearray)):
        return bytes(value or b"")
    if value is None:
        return b""
    values = value if isinstance(value, MutableSequence) else [value]
    return "\\".join(map(str, values)).encode("utf-8", "surrogateescape")


class Cleaner:
    """Cleans one object.

    Parameters
    ----------
    profile : Profile
        What is removed and kept.
    pseudonyms : Pseudonyms
        Makes what replaces identities.
    safe : frozenset of SafeAttribute
        Private attributes that are safe besides `SAFE`.
    words : frozenset of str
        Words that are kept in texts besides those of the vocabulary, in lower case.

    Attributes
    ----------
    identities : Identities
        What was found in the object and must not be in the output.
    counts : Counter
        Number of elements by what was done with them.
    """

    def __init__(
        self,
        profile: Profile,
        pseudonyms: Pseudonyms,
        safe: frozenset[SafeAttribute] = frozenset(),
        words: frozenset[str] = frozenset(),
    ) -> None:
        self._profile, self._pseudonyms = profile, pseudonyms
        self._safe, self._words = SAFE | safe, words
        self.identities = Identities()
        self.counts: Counter[str] = Counter()
        self._patient = ""
        self._days = 0
        self._kept: list[bytes] = []  # values that the table lets stay
        self._present = self.identities  # what is in any of them

    def clean(self, dataset: Dataset) -> str:
        """Clean a dataset in place, and return the pseudonym of its patient."""
        self._patient = self._patient_of(dataset)
        self._days = self._pseudonyms.days(self._patient)
        for level in self._levels(dataset, apply=False):
            self._collect(level)
        self._present = self.identities.present_in(self._kept)
        self._kept.clear()
        self._levels(dataset, apply=True)
        return self._pseudonyms.name("patient", self._patient)

    def _patient_of(self, dataset: Dataset) -> str:
        """Return what is the same for all objects of a patient, and for no other patient."""

        def text(keyword: str) -> str:
            return str(dataset.get(keyword) or "").strip()

        if text("PatientID"):
            return f"id\0{text('PatientID')}\0{text('IssuerOfPatientID')}"
        if text("PatientName"):
            return f"name\0{text('PatientName')}\0{text('PatientBirthDate')}"
        return f"study\0{text('StudyInstanceUID') or text('SOPInstanceUID')}"

    def _levels(self, dataset: Dataset, *, apply: bool) -> list[_Level]:
        """Visit the datasets of all sequences, without recursion; outer ones come first."""
        waiting = [(_Level(dataset, ""), 0)]
        visited = []
        while waiting:
            level, depth = waiting.pop()
            visited.append(level)
            if depth > _MOST_DEPTH:
                raise DeidentificationError(f"sequences are nested more than {_MOST_DEPTH} deep")
            for tag in list(level.dataset.keys()):
                inner = self._apply(level, tag, depth) if apply else level.mode
                if inner is None or tag not in level.dataset or vr_in(level.dataset, tag) != "SQ":
                    continue
                items = level.dataset[tag].value
                if not isinstance(items, Sequence):
                    raise DeidentificationError(f"the sequence {tag_name(tag)} cannot be read")
                waiting += [(_Level(item, inner), depth + 1) for item in items]
        return visited

    # ---- what identifies somebody ---------------------------------------------------------------

    def _collect(self, level: _Level) -> None:
        dataset = level.dataset
        standard = str(dataset.get(_SCHEME).value if _SCHEME in dataset else "").strip() in STANDARD_SCHEMES
        for tag in list(dataset.keys()):
            vr = vr_in(dataset, tag)
            if (
                vr != "SQ"
                and not tag.is_private
                and tag not in PIXEL_DATA
                and self._profile.action(tag, vr) in ("C", "K")
            ):
                self._kept.append(raw_bytes(dataset, tag))
            if vr == "SQ" or (tag.is_private and vr != "PN") or vr in BINARY:
                continue
            if tag in _CODE_ATTRIBUTES and (tag not in _CODE_VALUES or standard):
                continue
            action = self._profile.action(tag, vr)
            texts = self._texts(dataset, tag)
            label = keyword_for_tag(tag) or tag_name(tag)
            if action == "K":
                if vr == "PN" and not self._profile.states(tag):
                    for text in texts:
                        self.identities.add_name(text, label)
                elif vr in ("DA", "DT", "UI") and self._profile.states(tag):
                    self.identities.allow(text[:8] if vr == "DT" else text for text in texts)
                continue
            for text in texts:
                self._collect_text(text, vr, action, label)
            if vr in _TEXTS or vr == "PN":
                item = dataset.get_item(tag)
                if isinstance(item, RawDataElement) and isinstance(item.value, bytes) and not item.value.isascii():
                    for part in item.value.split(b"\\"):
                        self.identities.add_raw(part, label)

    def _collect_text(self, text: str, vr: str, action: str, label: str) -> None:
        if vr == "PN":
            self.identities.add_name(text, label)
        elif vr in ("DA", "DT"):
            self.identities.add(text[:8], label)
            if action == "C":
                self.identities.allow([moved_date(text[:8], self._days)])
        elif vr == "UI":
            if not text.startswith(_STANDARD_UIDS):
                self.identities.add(text, label)
        elif vr in _TEXTS and not is_harmless(text, self._words):
            self.identities.add(text, label)

    def _texts(self, dataset: Dataset, tag: BaseTag) -> list[str]:
        item = dataset.get_item(tag)
        try:
            element = dataset[tag]
        except Exception as error:
            raise DeidentificationError(f"the value of element {tag_name(tag)} cannot be read: {error}") from None
        dataset[tag] = item  # with the bytes that it has in the file
        value = element.value
        if value is None:
            return []
        values = value if isinstance(value, MutableSequence) else [value]
        return [text for one in values if (text := str(one).strip())]

    # ---- actions ----------------------------------------------------------------------------------

    def _apply(self, level: _Level, tag: BaseTag, depth: int) -> str | None:
        """Do what the profile says with an element; return the mode of its items, or None."""
        dataset = level.dataset
        vr = vr_in(dataset, tag)
        if tag in PIXEL_DATA or tag in _OFFSET_TABLES:
            return self._remove(dataset, tag, "nested pixels") if depth else None
        if tag.is_private:
            return self._private(dataset, tag)
        if tag.group < 8 or tag.element == 0 or not dictionary_has_tag(tag) or tag.group >> 8 in (0x50, 0x60):
            return self._remove(dataset, tag, "removed")
        if level.mode == "dummy":
            return self._dummy(dataset, tag, vr)
        action = self._profile.action(tag, vr)
        if level.mode == "clean" and action != "U" and vr not in _BY_TABLE and (action != "K" or vr in _TEXTS):
            action = "C"
        if action == "K":
            return self._keep(level, tag, vr)
        if action == "X":
            return self._remove(dataset, tag, "removed")
        if action == "C":
            return self._clean(level, tag, vr)
        if tag in _PSEUDONYMS and self._texts(dataset, tag):
            purpose, length = _PSEUDONYMS[tag]
            source = self._patient if purpose == "patient" else "\\".join(self._texts(dataset, tag))
            return self._put(dataset, tag, vr, self._pseudonyms.name(purpose, source, length), "replaced")
        if action == "Z":
            return self._put(dataset, tag, vr, None, "emptied")
        if action == "U":
            if vr == "SQ":
                self.counts["replaced"] += 1
                return level.mode
            return self._put(dataset, tag, vr, self._uids(dataset, tag), "replaced")
        return self._dummy(dataset, tag, vr)

    def _remove(self, dataset: Dataset, tag: BaseTag, what: str) -> str | None:
        del dataset[tag]
        self.counts[what] += 1
        return None

    def _put(self, dataset: Dataset, tag: BaseTag, vr: str, value: Any, what: str) -> str | None:
        if value is None:
            value = [] if vr == "SQ" else b"" if vr in BINARY else ""
            if vr in ("US", "SS", "UL", "SL", "FL", "FD", "SV", "UV", "AT"):
                value = None
        dataset[tag] = DataElement(tag, vr, value)
        self.counts[what] += 1
        return None

    def _uids(self, dataset: Dataset, tag: BaseTag) -> list[str] | str:
        found = [
            uid if uid.startswith(_STANDARD_UIDS) else self._pseudonyms.uid(uid) for uid in self._texts(dataset, tag)
        ]
        return found if len(found) > 1 else "".join(found)

    def _dummy(self, dataset: Dataset, tag: BaseTag, vr: str) -> str | None:
        if vr == "SQ":
            self.counts["replaced"] += 1
            return "dummy"
        if vr == "UI":
            return self._put(dataset, tag, vr, self._uids(dataset, tag), "replaced")
        return self._put(dataset, tag, vr, _DUMMIES.get(vr, ""), "replaced")

    def _clean(self, level: _Level, tag: BaseTag, vr: str) -> str | None:
        dataset = level.dataset
        if vr == "SQ":
            self.counts["cleaned"] += 1
            return "clean"
        if vr in ("DA", "DT"):
            move = moved_date if vr == "DA" else moved_date_time
            dates = [move(text, self._days) for text in self._texts(dataset, tag)]
            return self._put(dataset, tag, vr, dates if len(dates) > 1 else "".join(dates), "moved")
        if vr in _TEXTS:
            texts = self._texts(dataset, tag)
            if tag in _CODE_ATTRIBUTES and str(dataset.get(_SCHEME, "")).strip() in STANDARD_SCHEMES:
                return self._keep(level, tag, vr)
            cleaned = [clean_text(text, self._words) for text in texts]
            if cleaned == texts:
                return self._keep(level, tag, vr)
            return self._put(dataset, tag, vr, cleaned if len(cleaned) > 1 else "".join(cleaned), "cleaned")
        if vr in _BYTES:  # nothing says what they mean
            return self._put(dataset, tag, vr, None, "emptied")
        return self._keep(level, tag, vr)

    def _keep(self, level: _Level, tag: BaseTag, vr: str) -> str | None:
        """Keep an element, unless something in it is not known to be harmless."""
        dataset = level.dataset
        if vr == "SQ":
            return level.mode
        listed = self._profile.states(tag)
        if vr == "PN" and not listed:
            return self._put(dataset, tag, vr, None, "emptied")
        if vr in _FREE_TEXTS and not listed:
            texts = self._texts(dataset, tag)
            if not all(is_harmless(text, self._words) for text in texts):
                return self._put(
                    dataset, tag, vr, "\\".join(clean_text(text, self._words) for text in texts), "cleaned"
                )
        data = raw_bytes(dataset, tag)
        where = self._present.find_anywhere(data) if vr in BINARY else self._present.find_in_value(data)
        if where is not None:
            return self._put(dataset, tag, vr, None, "emptied, because they repeat an identity")
        self.counts["kept"] += 1
        return None

    def _private(self, dataset: Dataset, tag: BaseTag) -> str | None:
        if not self._profile.retain_safe_private:
            return self._remove(dataset, tag, "private")
        if tag.is_private_creator:
            # A creator is kept if something of its block is.
            name = self._creator(dataset, tag.group, tag.element)
            kept = [
                other
                for other in dataset.keys()  # noqa: SIM118 (iterating over a Dataset converts its elements)
                if other.group == tag.group
                and other.element >> 8 == tag.element
                and self._is_safe(dataset, other, name)
            ]
            if not kept:
                return self._remove(dataset, tag, "private")
            self.counts["kept"] += 1
            return None
        name = self._creator(dataset, tag.group, tag.element >> 8)
        if not self._is_safe(dataset, tag, name):
            return self._remove(dataset, tag, "private")
        self.counts["kept"] += 1
        return None

    def _creator(self, dataset: Dataset, group: int, block: int) -> str:
        place = BaseTag(group << 16 | block)
        return "".join(self._texts(dataset, place)[:1]) if place in dataset else ""

    def _is_safe(self, dataset: Dataset, tag: BaseTag, creator: str) -> bool:
        if SafeAttribute(creator, tag.group, tag.element & 0xFF) not in self._safe:
            return False
        vr = dataset.get_item(tag).VR
        if vr in (None, "UN"):
            from pydicom.datadict import private_dictionary_VR

            try:
                vr = private_dictionary_VR(tag, creator)
            except KeyError:
                return False
        if vr in WORDS:
            return all(is_harmless(text, self._words) for text in self._texts(dataset, tag))
        return vr in NUMBERS and self.identities.find_in_value(raw_bytes(dataset, tag)) is None
