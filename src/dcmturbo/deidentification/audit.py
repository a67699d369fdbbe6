"""The audit trail: a log to which records are only appended, each signed together with the one before it.

A line is a JSON object. Its ``mac`` is the HMAC-SHA-256 of the line without it, which includes the ``mac`` of the line
before. Whoever does not know the key can neither change a record, nor remove or insert one, without being noticed.
Removing the last records is noticed by the number of records, which each run returns.
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import os
from collections.abc import Iterator
from typing import Any

from dcmturbo import system
from dcmturbo.errors import DeidentificationError

__all__ = ["AuditLog", "read_audit"]

_FIRST = "0" * 64
_READ_AT_ONCE = 1 << 16
_LONGEST_RECORD = 1 << 20


def _encode(record: dict[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _mac(key: bytes, record: dict[str, Any]) -> str:
    return hmac.digest(key, _encode({name: value for name, value in record.items() if name != "mac"}), "sha256").hex()


def _parsed(line: bytes, key: bytes) -> dict[str, Any] | None:
    """Return a record that is whole and signed, or None."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or not isinstance(record.get("mac"), str):
        return None
    return record if hmac.compare_digest(record["mac"].encode(), _mac(key, record).encode()) else None


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


class AuditLog:
    """A log that several processes may append to.

    Parameters
    ----------
    path : str
        The file; it is created if it does not exist, readable by its owner only.
    key : bytes
        Signs the records.
    """

    def __init__(self, path: str, key: bytes) -> None:
        self.path, self._key = path, key

    def append(self, **content: Any) -> int:
        """Append a record, and return its number when it is on the disk.

        Raises
        ------
        DeidentificationError
            If the last record is not signed with the key.
        OSError
            If the log cannot be written.
        """
        descriptor = system.open_file(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with _locked(descriptor):
                end = os.fstat(descriptor).st_size
                last, torn = self._last(descriptor, end)
                number = 1 if last is None else int(last["number"]) + 1
                record = {"number": number, "before": _FIRST if last is None else last["mac"], **content}
                if torn:
                    # A writer was killed. Its bytes stay, and the signature covers how many they are.
                    record["torn"] = torn
                record["mac"] = _mac(self._key, record)
                line = (b"\n" if torn else b"") + _encode(record) + b"\n"
                while line:
                    line = line[os.write(descriptor, line) :]
                os.fsync(descriptor)
                return number
        finally:
            os.close(descriptor)

    def _last(self, descriptor: int, end: int) -> tuple[dict[str, Any] | None, int]:
        """Return the last whole record, and the number of bytes behind it."""
        tail = b""
        begin = end
        while begin > 0 and len(tail) < _LONGEST_RECORD:
            size = min(_READ_AT_ONCE, begin)
            begin -= size
            tail = system.read_at(descriptor, size, begin) + tail
            lines = tail.split(b"\n")
            torn = len(lines.pop())
            while len(lines) > (1 if begin else 0):
                record = _parsed(lines[-1], self._key)
                if record is not None:
                    return record, torn
                if _is_json(lines[-1]):  # a part of a record never is
                    raise DeidentificationError(
                        f"the last record of the audit log {self.path} is not signed with this key"
                    )
                torn += len(lines.pop()) + 1
        if end and (begin or tail.count(b"\n")):
            raise DeidentificationError(
                f"the audit log {self.path} has no record that is signed with this key: it belongs to another key, or "
                "somebody has changed it. Name another log"
            )
        return None, end


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Wait until no other process appends."""
    if not system.lock(descriptor, wait=True):
        raise OSError(errno.ENOLCK, "the file system of the audit log has no locks, so two programs could damage it")
    try:
        yield
    finally:
        system.unlock(descriptor)


def read_audit(path: str | os.PathLike[str], key: bytes) -> list[dict[str, Any]]:
    """Return all records of an audit log, if it is whole.

    Parameters
    ----------
    path : path
        The log.
    key : bytes
        What its records are signed with.

    Raises
    ------
    DeidentificationError
        If a record was changed, removed or inserted, or the key is another one.
    """
    records: list[dict[str, Any]] = []
    before, torn = _FIRST, 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            record = _parsed(line.rstrip(b"\n"), key)
            if record is None:
                torn += len(line)
                continue
            # The line break after torn bytes is that of the record behind them.
            stated = int(record.get("torn", 0))
            if (torn and torn - 1 != stated) or (not torn and stated):
                raise DeidentificationError(f"line {number} of the audit log does not follow what is before it")
            if record["before"] != before or record["number"] != len(records) + 1:
                raise DeidentificationError(f"records are missing before line {number} of the audit log")
            records.append(record)
            before, torn = record["mac"], 0
    if torn and not records:
        raise DeidentificationError("the audit log has no record that is signed with this key")
    return records
