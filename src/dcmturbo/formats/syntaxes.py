"""The core's table of transfer syntaxes (PS3.6, annex A)."""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

from dcmturbo import _core
from dcmturbo.errors import UnsupportedTransferSyntax
from dcmturbo.formats.table import FORMATS, Format

__all__ = [
    "INNER_FORMATS",
    "TRANSFER_SYNTAXES",
    "TransferSyntax",
    "find_transfer_syntax",
    "known_transfer_syntax",
    "lossless_syntax",
    "syntax_of_frame",
]


class TransferSyntax(NamedTuple):
    """A transfer syntax (PS3.6, annex A).

    Attributes
    ----------
    uid, keyword, name : str
        The keyword is that of ``pydicom.uid``.
    format : Format
        What its frames are, by its label.
    made_from : Format or None
        Frames are codestreams of this format made smaller, and give them back.
    dataset : str
        How the dataset is encoded: ``"explicit_little"``, ``"implicit_little"``, ``"explicit_big"`` or ``"deflated"``.
    encapsulated : bool
        Whether frames are in items.
    lossless_only : bool
        Whether the label promises that nothing was lost.
    own, library : bool
        Whether the core decodes it, and a library.
    encodes, library_encodes : bool
        Whether the core encodes it, and a library.
    retired : bool
        Whether PS3.6 says so: nothing new is written in it.
    general : bool
        Whether it is the one of its format whose label promises least.
    """

    uid: str
    keyword: str
    name: str
    format: Format
    made_from: Format | None
    dataset: str
    encapsulated: bool
    lossless_only: bool
    own: bool
    library: bool
    encodes: bool
    library_encodes: bool
    retired: bool
    general: bool

    @property
    def family(self) -> str:
        """The family of its format."""
        return self.format.family

    @property
    def decodable(self) -> bool:
        """Whether dcmturbo can decode it."""
        return self.own or self.library

    @property
    def encodable(self) -> bool:
        """Whether anything here encodes it."""
        return self.encodes or self.library_encodes

    @property
    def encoder(self) -> str:
        """Who encodes it, as things are configured: ``"own"`` (the core), ``"library"`` or ``"nobody"``."""
        return _core.encoder_of(self.uid)

    @property
    def is_native(self) -> bool:
        """Whether pixel data are uncompressed and not in items."""
        return not self.encapsulated and self.decodable

    @property
    def explicit_vr(self) -> bool:
        """Whether elements state their VR."""
        return self.dataset != "implicit_little"

    @property
    def big_endian(self) -> bool:
        """Whether the dataset is big endian."""
        return self.dataset == "explicit_big"

    @property
    def deflated(self) -> bool:
        """Whether the whole dataset is deflated (PS3.5, A.5)."""
        return self.dataset == "deflated"

    @property
    def has_codestream_header(self) -> bool:
        """True if frames carry a header; each is then probed before decoding."""
        return self.format.has_header

    @property
    def grouping(self) -> str:
        """How the core's index groups fragments into frames if there is no offset table."""
        return self.format.frame_start

    def unit_bytes(self, rows: int, columns: int, bits_allocated: int, frame_bits: int) -> int:
        """Return the size that separates frames: of a decoded RLE segment, or of an uncompressed frame."""
        if not self.encapsulated:
            return 0
        if self.grouping == "rle":
            return rows * columns if bits_allocated > 1 else (rows * columns + 7) // 8
        return (frame_bits + 7) // 8


def _row(row: dict[str, Any]) -> TransferSyntax:
    return TransferSyntax(**{**row, "format": FORMATS[row["format"]], "made_from": FORMATS.get(row["made_from"])})


TRANSFER_SYNTAXES: tuple[TransferSyntax, ...] = tuple(map(_row, _core.transfer_syntaxes()))

_BY_NAME = {syntax.uid: syntax for syntax in TRANSFER_SYNTAXES} | {
    syntax.keyword: syntax for syntax in TRANSFER_SYNTAXES
}
# Formats whose codestreams another format holds inside its own.
INNER_FORMATS = frozenset(syntax.made_from for syntax in TRANSFER_SYNTAXES if syntax.made_from is not None)
_GENERAL = {syntax.format.name: syntax for syntax in TRANSFER_SYNTAXES if syntax.general}


def known_transfer_syntax(uid: str) -> TransferSyntax | None:
    """Return a transfer syntax by its UID; None if it is not in the table."""
    return _BY_NAME.get(uid)


def lossless_syntax(form: Format) -> TransferSyntax:
    """Return the first transfer syntax of a format whose label promises that nothing is lost."""
    return next(one for one in TRANSFER_SYNTAXES if one.format is form and one.lossless_only)


def syntax_of_frame(frame: Any) -> TransferSyntax | None:
    """Return the transfer syntax that a frame shows to be in, whatever its object says.

    Parameters
    ----------
    frame : bytes-like
        An encoded frame.

    Returns
    -------
    TransferSyntax or None
        The one of its format whose label promises least. None for frames without a header, unless they begin with one
        of RLE, and for damaged ones.
    """
    return _GENERAL.get(_core.recognise(frame))


def find_transfer_syntax(uid_or_keyword: str) -> TransferSyntax:
    """Return a transfer syntax by its UID or its keyword in ``pydicom.uid``.

    Parameters
    ----------
    uid_or_keyword : str
        ``"1.2.840.10008.1.2.5"`` or ``"RLELossless"``.

    Returns
    -------
    TransferSyntax

    Raises
    ------
    UnsupportedTransferSyntax
        For one that is not in the table.
    TypeError
        If it is not a str.
    """
    try:
        return _BY_NAME[uid_or_keyword]
    except KeyError:
        if not isinstance(uid_or_keyword, str):
            raise TypeError(
                f"a transfer syntax must be a str, a UID or a keyword such as 'HTJ2KLossless', not {uid_or_keyword!r}"
            ) from None
    text = str(uid_or_keyword).rstrip(" \0")
    if text in _BY_NAME:
        return _BY_NAME[text]
    raise UnsupportedTransferSyntax(f"dcmturbo does not know the transfer syntax {text!r}{_hint(text)}")


def _hint(text: str) -> str:
    """Return a suggestion for a mistyped keyword; nothing for a UID."""
    known = {syntax.keyword.lower(): syntax.keyword for syntax in TRANSFER_SYNTAXES}
    close = difflib.get_close_matches(text.lower(), known, 1, 0.8)
    return f": did you mean {known[close[0]]!r}?" if close else ""
