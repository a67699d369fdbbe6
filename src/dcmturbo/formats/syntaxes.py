"""The transfer syntaxes that dcmturbo knows: one table, the core's."""

from __future__ import annotations

from typing import NamedTuple

from dcmturbo import _core
from dcmturbo.errors import UnsupportedTransferSyntax

__all__ = ["SYNTAX_OF_FORMAT", "TRANSFER_SYNTAXES", "TransferSyntax", "find_transfer_syntax", "known_transfer_syntax"]


_GROUPINGS = {"rle": "rle", "native": "size", "deflated_frame": "one_fragment"}


class TransferSyntax(NamedTuple):
    """A transfer syntax (PS3.6, annex A)."""

    uid: str
    keyword: str
    name: str
    family: str
    encapsulated: bool
    lossless_only: bool
    own: bool
    library: bool
    encodes: bool

    @property
    def decodable(self) -> bool:
        """Whether anything here decodes it."""
        return self.own or self.library

    @property
    def has_codestream_header(self) -> bool:
        """Whether a frame says of itself what it is: size, precision, colour."""
        return self.family in ("jpeg", "jpegls", "jpeg2000", "jpegxl")

    @property
    def grouping(self) -> str:
        """What shows where a frame begins, where no offset table says so: a grouping of the core's index."""
        return _GROUPINGS.get(self.family, "codestream")

    def unit_bytes(self, rows: int, columns: int, bits_allocated: int, frame_bits: int) -> int:
        """Return the size that tells frames apart: of a decoded RLE segment, or of an uncompressed frame."""
        if not self.encapsulated:
            return 0
        if self.family == "rle":
            return rows * columns if bits_allocated > 1 else (rows * columns + 7) // 8
        return (frame_bits + 7) // 8


TRANSFER_SYNTAXES: tuple[TransferSyntax, ...] = tuple(TransferSyntax(*row) for row in _core.transfer_syntaxes())

_BY_NAME = {syntax.uid: syntax for syntax in TRANSFER_SYNTAXES} | {
    syntax.keyword: syntax for syntax in TRANSFER_SYNTAXES
}


def known_transfer_syntax(uid: str) -> TransferSyntax | None:
    """Return a transfer syntax by its UID, None for one that is not in the table."""
    return _BY_NAME.get(uid)


# One of each format that has a header, for frames whose own label is missing or contradicts them.
SYNTAX_OF_FORMAT = {
    "jpeg": "JPEGExtended12Bit",
    "jpeg_lossless": "JPEGLossless",
    "jpegls": "JPEGLSNearLossless",
    "jpeg2000": "JPEG2000",
    "htj2k": "HTJ2K",
    "jpegxl": "JPEGXL",
}


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
    """
    try:
        return _BY_NAME[uid_or_keyword]
    except KeyError:
        pass
    text = str(uid_or_keyword).rstrip(" \0")
    if text in _BY_NAME:
        return _BY_NAME[text]
    raise UnsupportedTransferSyntax(f"{text!r} is not a transfer syntax that dcmturbo knows")
