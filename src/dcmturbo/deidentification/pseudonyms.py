"""Pseudonyms, UIDs and dates that are the same for the same key: HMAC-SHA-256 of what they replace (RFC 2104)."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import os
import re
import uuid
from typing import Any

__all__ = ["Pseudonyms", "read_key"]

_LEAST_KEY = 16  # bytes
_MOST_DAYS = 3650  # dates move into the past by 1 to this many days
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_OLD_DATE = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})")  # ACR-NEMA
_DATE_TIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?")


def read_key(key: Any) -> bytes:
    """Return the secret: bytes, or the content of a file.

    Raises
    ------
    ValueError
        If it is too short to be a secret.
    OSError
        If there is no such file.
    """
    if isinstance(key, (str, os.PathLike)):
        try:
            with open(key, "rb") as file:
                key = file.read().strip()
        except FileNotFoundError as error:
            why = f"{error.strerror} (key= is the path of a file; a secret itself must be bytes)"
            raise FileNotFoundError(error.errno, why, error.filename) from None
    elif not isinstance(key, (bytes, bytearray)):
        raise TypeError(f"key must be bytes or the path of a file, not {type(key).__name__}")
    if len(key) < _LEAST_KEY:
        raise ValueError(
            f"the key has {len(key)} bytes, but needs at least {_LEAST_KEY}: who guesses it can undo all pseudonyms. "
            "Write os.urandom(32) to a file that only you can read"
        )
    return bytes(key)


class Pseudonyms:
    """Makes pseudonyms. Without the key, nobody can compute them or undo them.

    Parameters
    ----------
    key : bytes
        The secret.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}\0{text}".encode("utf-8", "surrogateescape"), "sha256")

    def subkey(self, purpose: str) -> bytes:
        """Return a key for another purpose, from which this key cannot be computed."""
        return self._digest("subkey", purpose)

    @property
    def fingerprint(self) -> str:
        """What distinguishes keys from each other, and does not betray them."""
        return self._digest("fingerprint", "").hex()[:16]

    def name(self, purpose: str, text: str, length: int = 12) -> str:
        """Return a pseudonym of capital letters and digits."""
        return base64.b32encode(self._digest(purpose, text)).decode()[:length]

    def uid(self, uid: str) -> str:
        """Return the UID that replaces another one (PS3.5, B.2: UIDs from UUIDs)."""
        # Version 8 of RFC 9562: the content is the writer's own business.
        value = bytearray(self._digest("uid", uid)[:16])
        value[6] = 0x80 | (value[6] & 0x0F)
        value[8] = 0x80 | (value[8] & 0x3F)
        return f"2.25.{uuid.UUID(bytes=bytes(value)).int}"

    def days(self, patient: str) -> int:
        """Return by how many days the dates of a patient move into the past."""
        return 1 + int.from_bytes(self._digest("days", patient)[:8], "big") % _MOST_DAYS

    def name_of_file(self, name: str) -> str:
        """Return the name of an output, or of a folder."""
        return self.name("file", name, 20)


def moved_date(text: str, days: int) -> str:
    """Return a date (VR DA) some days earlier; empty if it is none."""
    found = _DATE.fullmatch(text) or _OLD_DATE.fullmatch(text)
    if found is None:
        return ""
    try:
        moved = datetime.date(*map(int, found.groups())) - datetime.timedelta(days)
    except (ValueError, OverflowError):
        return ""
    return f"{moved.year:04}{moved.month:02}{moved.day:02}"


def moved_date_time(text: str, days: int) -> str:
    """Return a date and time (VR DT) some days earlier, as exact as it was; empty if it is none."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return ""
    year, month, day, time, zone = found.groups()
    # Of a date without day or month, the middle is moved.
    moved = moved_date(f"{year}{month or '07'}{day or ('15' if month else '01')}", days)
    if not moved:
        return ""
    exact = 8 if day else 6 if month else 4
    return moved[:exact] + (time or "") + (zone or "")


def digest_of(data: Any) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()
