"""Format values for messages, tables and pages."""

from __future__ import annotations

from typing import Any

from dcmturbo.errors import Error, reason_of
from dcmturbo.redaction import without_secrets

__all__ = ["describe_error", "human_bytes", "plural", "printable", "short", "significant"]


def printable(value: Any) -> str:
    """Return text in one line, without control characters and secrets: names can contain anything."""
    text = without_secrets(str(value))
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``"1 byte"``, ``"2 bytes"``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def human_bytes(size: float) -> str:
    """Return a size for people: ``"12.5 MB"``."""
    if size < 1000:
        return f"{size:g} bytes"
    power = 1
    while size >= 999.5 * 1000**power and power < 4:
        power += 1
    return f"{size / 1000**power:.3g} {'_kMGT'[power]}B"


def plural(count: int, what: str) -> str:
    """Return a number of things: ``"1 file"``, ``"2 files"``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def short(value: float | None) -> str:
    """Return a number of about three digits for people; nothing for None."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def significant(value: float | None) -> float | None:
    """Return a number of four digits, for JSON."""
    return None if value is None else float(f"{value:.4g}")


def describe_error(error: BaseException) -> str:
    """Return an exception as one sentence, without its source."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, FileNotFoundError) and " " not in (str(error).strip() or " "):  # fsspec gives the URL alone
        return "there is no such file, or its server does not answer"
    if isinstance(error, (Error, OSError, ValueError, IndexError, ImportError)):
        return reason_of(error) or type(error).__name__
    if isinstance(error, MemoryError):
        return "out of memory"
    return f"unexpected {type(error).__name__}: {error}"
