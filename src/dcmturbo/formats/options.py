"""Options of the encoders and decoders, as the core's tables have them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

from dcmturbo import _core
from dcmturbo.errors import EncodeError, Error
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES, TransferSyntax

__all__ = [
    "Option",
    "all_encoder_options",
    "asks_for_loss",
    "check_library_options",
    "decoder_options",
    "encoder_options",
    "error_bound",
    "options_by_format",
    "undecided_loss",
]

_TYPES: dict[str, Callable[[Any], Any]] = {"flag": bool, "integer": int, "number": float, "choice": str}


class Option(NamedTuple):
    """What a codec can be asked for.

    Attributes
    ----------
    name : str
    type : {"flag", "integer", "number", "choice"}
        A choice is one of `words`.
    lowest, highest : float
        The bounds of an integer or a number.
    words : tuple of str
        Of a choice; of an integer or a number, what may be given instead of it.
    default : bool, int, float, str or None
        What holds where the option is not given; None where nothing does.
    loses_from : float
        Values from this one on lose information: infinity where none does, minus infinity where any does.
    bounds_error : bool
        Whether no sample of the decoded frame differs from the original by more than the value.
    allowed : str
        Which values are allowed, in words.
    meaning : str
        One sentence.
    """

    name: str
    type: Literal["flag", "integer", "number", "choice"]
    lowest: float
    highest: float
    words: tuple[str, ...]
    default: bool | int | float | str | None
    loses_from: float
    bounds_error: bool
    allowed: str
    meaning: str

    @property
    def can_lose(self) -> bool:
        """Whether some value loses information."""
        return self.loses_from != math.inf

    def describe(self) -> str:
        """Return what it means, its values and its default, as sentences."""
        default = f" Default: {self.default_text}." if self.default_text else ""
        return f"{self.meaning} Value: {self.allowed}.{default}"

    @property
    def default_text(self) -> str:
        """The default for people; empty if there is none."""
        if self.default is None:
            return ""
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)


def _options_of(uid: str, prefer_library: bool | None) -> tuple[Option, ...]:
    return tuple(Option(*row) for row in _core.encode_options(uid, prefer_library))


def encoder_options(syntax: TransferSyntax, *, prefer_library: bool | None = None) -> tuple[Option, ...]:
    """Return the options of the encoder of a transfer syntax; by default, of the one that is configured."""
    return _options_of(syntax.uid, prefer_library)


def decoder_options() -> tuple[Option, ...]:
    """Return the options of all decoders. Their values are attributes of `dcmturbo.config`."""
    return tuple(Option(*row) for row in _core.decode_options())


def options_by_format() -> str:
    """Return the options of the encoders as one text: ``"``quality``, ``ratio`` (JPEG); ..."``."""
    names: dict[str, dict[str, None]] = {}
    for syntax in TRANSFER_SYNTAXES:
        for option in encoder_options(syntax, prefer_library=False):
            names.setdefault(syntax.format.title, {})[f"``{option.name}``"] = None
    return "; ".join(f"{', '.join(found)} ({title})" for title, found in names.items())


@cache
def all_encoder_options() -> dict[str, Option]:
    """Return the options of all encoders by name. Where several have an option, one of them stands for all."""
    return {
        option.name: option
        for prefer_library in (True, False)
        for syntax in TRANSFER_SYNTAXES
        for option in _options_of(syntax.uid, prefer_library)
    }


def check_library_options(uid: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Check options of a library's encoder, and return them with the defaults of those that are not given.

    Raises
    ------
    TypeError
        For an option that the transfer syntax does not have, and for a value of the wrong type.
    EncodeError
        For a value that is not allowed.
    """
    _check(uid, options, prefer_library=True)
    checked: dict[str, Any] = {}
    for option in _options_of(uid, True):
        value = options.get(option.name)
        if value is None:
            value = option.default
        elif not isinstance(value, str):
            value = _TYPES[option.type](value)
        if value is not None:
            checked[option.name] = value
    return checked


def asks_for_loss(syntax: TransferSyntax, options: Mapping[str, Any]) -> bool:
    """Whether options of `transcode` ask for loss. Raises what `check_library_options` raises."""
    options = {name: value for name, value in options.items() if name != "photometric_interpretation"}
    return bool(options) and _check(syntax.uid, options)


def undecided_loss(syntax: TransferSyntax, *, lossy: bool, names: Iterable[str] | None = None) -> str:
    """Return why nothing can be encoded before somebody says how much may be lost; empty if it can.

    Parameters
    ----------
    syntax : TransferSyntax
        Of the result.
    lossy : bool
        Whether options say how much may be lost.
    names : iterable of str, optional
        What the caller calls these options, if not by their keywords.
    """
    if lossy or syntax.format.loss != "always":
        return ""
    if names is None:
        names = (f"{option.name}=" for option in encoder_options(syntax) if option.can_lose)
    return f"{syntax.name} is always lossy: choose the loss with {' or '.join(names)}"


def error_bound(options: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the option that says by how much a sample may differ from the original, and its value."""
    known = all_encoder_options()
    for name, value in options.items():
        if value is not None and name in known and known[name].bounds_error:
            return name, float(value)
    return None


def _check(uid: str, options: Mapping[str, Any], *, prefer_library: bool | None = None) -> bool:
    try:
        return _core.check_encode_options(uid, prefer_library, dict(options))
    except Error as error:
        raise EncodeError(error.message, code=error.code) from None
