"""The strings of an object that identify somebody, and the search for them in bytes, as an attacker would do it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dcmturbo import _core
from dcmturbo.deidentification.vocabulary import is_harmless

__all__ = ["Identities"]

# A string may have been stored in any of these: PS3.3, C.12.1.1.2 and PS3.5, 6.1, and what Windows and Java write.
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1", "cp1252")
_MORE_ENCODINGS = (
    *("iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9"),
    *("iso8859-15", "tis-620", "gb18030", "shift_jis", "euc_jp", "iso2022_jp", "iso2022_jp_2", "euc_kr", "iso2022_kr"),
    *("cp1250", "cp1251", "koi8-r"),
)
_LEAST_LETTERS, _LEAST_DIGITS, _LEAST_ANYWHERE = 3, 6, 6
_LEAST_DISTINCT = 4  # characters: others are found in smooth pixels too
_DATE = re.compile(r"(19|20)\d{6}")
_WIDE = ("utf-16-le", "utf-16-be")


class _Pattern:
    """A string in one encoding."""

    __slots__ = ("bounded", "data", "digits", "label", "text")

    def __init__(self, text: str, data: bytes, label: str, *, wide: bool) -> None:
        self.text, self.data, self.label = text, data.lower(), label
        self.digits = text.isascii() and text.replace(".", "").isdigit()
        self.bounded = not wide and (self.digits or (text.isascii() and len(text) < _LEAST_ANYWHERE))

    def is_in(self, lowered: bytes) -> bool:
        """Whether lower-case bytes contain the string, as a word of its own if it is short or a number."""
        begin = lowered.find(self.data)
        while begin >= 0:
            if not self.bounded or self._stands_alone(lowered, begin):
                return True
            begin = lowered.find(self.data, begin + 1)
        return False

    def _stands_alone(self, lowered: bytes, begin: int) -> bool:
        around = lowered[max(begin - 1, 0) : begin] + lowered[begin + len(self.data) : begin + len(self.data) + 1]
        if self.digits:  # a part of a longer number or of a UID is another number
            return not any(48 <= byte <= 57 or byte == 46 for byte in around)
        return not any(48 <= byte <= 57 or 97 <= byte <= 122 for byte in around)

    @property
    def is_long(self) -> bool:
        """Whether chance does not make it: it can be looked for in binary data."""
        return len(self.text) >= _LEAST_ANYWHERE and len(set(self.text.lower())) >= _LEAST_DISTINCT


class Identities:
    """The identifying strings of an object, each with the attribute that it is from."""

    def __init__(self, patterns: list[_Pattern] | None = None) -> None:
        self._strings: dict[str, str] = {}
        self._raw: dict[bytes, str] = {}
        self._allowed: set[str] = set()
        self._patterns = patterns
        self.too_short = 0  # strings that cannot be looked for, because they would be found by chance

    # ---- what to look for -----------------------------------------------------------------------

    def add(self, text: str, label: str) -> None:
        """Add a value that must not be in the output."""
        text = text.strip(" \0\t\r\n")
        if not text or text in self._strings:
            return
        self._patterns = None
        if text.isascii() and text.replace(".", "").isdigit():
            wanted = len(text) >= _LEAST_DIGITS and len(set(text)) > 1
        else:
            wanted = len(text) >= (_LEAST_LETTERS if text.isascii() else 2) and not is_harmless(text)
        if not wanted:
            self.too_short += 1
            return
        self._strings[text] = label
        if _DATE.fullmatch(text):
            year, month, day = text[:4], text[4:6], text[6:]
            for form in (f"{year}-{month}-{day}", f"{day}.{month}.{year}", f"{month}/{day}/{year}"):
                self._strings[form] = label

    def add_name(self, name: str, label: str) -> None:
        """Add a person's name (VR PN): as it is, as people write it, and each of its parts."""
        for group in name.split("="):
            parts = [part.strip() for part in group.split("^")]
            filled = [part for part in parts if part]
            self.add(group.rstrip("^ "), label)
            if len(filled) > 1:
                self.add(" ".join(filled[:2]), label)
                self.add(" ".join(filled[1::-1]), label)
                self.add(", ".join(filled[:2]), label)
            for part in filled:
                self.add(part, label)
                for word in re.split(r"[\s,]+", part):
                    if len(word) > _LEAST_LETTERS:
                        self.add(word, label)

    def add_raw(self, data: bytes, label: str) -> None:
        """Add the bytes of a value as they are in the file, in whatever encoding."""
        data = data.strip(b" \0")
        if len(data) >= _LEAST_ANYWHERE and not data.isascii():
            self._raw[data] = label
            self._patterns = None

    def allow(self, texts: Iterable[str]) -> None:
        """Name values that the output has on purpose, such as a moved date that another date of the input equals."""
        self._allowed.update(texts)
        self._patterns = None

    def __len__(self) -> int:
        return len(self._strings)

    # ---- looking --------------------------------------------------------------------------------

    def _all(self) -> list[_Pattern]:
        if self._patterns is None:
            found: dict[bytes, _Pattern] = {}
            for text, label in self._strings.items():
                if text in self._allowed:
                    continue
                names = _ENCODINGS if text.isascii() else (*_ENCODINGS, *_MORE_ENCODINGS)
                forms = {text} if text.isascii() else {text, text.lower(), text.upper()}
                for form in forms:
                    for name in names:
                        wide = name in _WIDE
                        if wide and len(form) < 4:
                            continue
                        try:
                            data = form.encode(name)
                        except UnicodeError:
                            continue
                        found.setdefault(data.lower(), _Pattern(text, data, label, wide=wide))
            for data, label in self._raw.items():
                found.setdefault(data.lower(), _Pattern(data.decode("latin-1"), data, label, wide=False))
            self._patterns = list(found.values())
        return self._patterns

    def present_in(self, values: Iterable[bytes]) -> Identities:
        """Return the identities that are in some of the values, so that not all are looked for in each of them."""
        joined = b"\\".join(values).lower()
        return Identities([pattern for pattern in self._all() if pattern.is_in(joined)])

    def find_in_value(self, data: bytes) -> str | None:
        """Return the attribute whose value is in the bytes of a text, or None."""
        lowered = data.lower()
        return next((pattern.label for pattern in self._all() if pattern.is_in(lowered)), None)

    def find_anywhere(self, data: bytes, *, numbers: bool = True) -> str | None:
        """Return the attribute whose value is somewhere in binary data, or None.

        Parameters
        ----------
        data : bytes
            Any bytes. Short strings are not looked for, because chance makes them.
        numbers : bool
            Whether to look for numbers; samples of uncompressed pixels that are all alike look like numbers.
        """
        patterns = [one for one in self._all() if one.is_long and (numbers or not one.digits)]
        found = [patterns[k] for k in _core.find_patterns(data, [one.data for one in patterns])]
        if not found:
            return None
        lowered = data.lower()
        return next((one.label for one in found if one.is_in(lowered)), None)
