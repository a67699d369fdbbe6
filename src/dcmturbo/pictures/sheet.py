"""Make a contact sheet of thumbnails with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from dcmturbo.pictures.proportions import resized

__all__ = ["Thumbnail", "contact_sheet"]

Colour = tuple[int, int, int]

_GAP = 12
_LINE = 11  # of text
_HEADER = 64
_COLUMNS = 10

_GROUND: Colour = (24, 27, 33)
_TILE: Colour = (36, 40, 48)
_BRIGHT: Colour = (232, 236, 242)
_DIM: Colour = (140, 150, 165)
_GOOD: Colour = (104, 196, 140)
_BAD: Colour = (238, 88, 88)

# The mark before the name of a picture that is right, wrong, or unknown.
_MARKS: dict[bool | None, tuple[str, Colour]] = {True: ("+", _GOOD), False: ("X", _BAD), None: ("?", _DIM)}

# Drawn for this sheet, five pixels wide and seven high. A glyph is its character and seven digits in base 32, one per
# row from the top. The leftmost pixel has the value 16.
_GLYPHS = (
    "AEHHVHHH BUHHUHHU CFGGGGGF DUHHHHHU EVGGUGGV FVGGUGGG GFGGJHHF HHHHVHHH IE44444E J72222IC KHIKOKIH LGGGGGGV "
    "MHRLLHHH NHPPLJJH OEHHHHHE PUHHUGGG QEHHHLID RUHHUKIH SFGGE11U TV444444 UHHHHHHE VHHHHAA4 WHHHLLRH XHHA4AHH "
    "YHHA4444 ZV1248GV 0EHJLPHE 14CK444V 2EH168GV 3U11E11U 4IIIV222 5VGU11HE 6EGGUHHE 7V122444 8EHHEHHE 9EHHF11E "
    "_000000V -000E000 +044V440 .00000CC /11248GG :0CC0CC0 ,0000C48 (2488842 )8422248 ?EH16404 =00V0V00 "
)


@cache
def _glyphs() -> dict[str, np.ndarray]:
    bits = 1 << np.arange(4, -1, -1)
    return {
        glyph[0]: np.array([[int(row, 32) & bit > 0 for bit in bits] for row in glyph[1:]]) for glyph in _GLYPHS.split()
    }


def _write(canvas: np.ndarray, text: str, top: int, left: int, colour: Colour, size: int = 1) -> None:
    """Write a line of text in capitals; what does not fit is left out."""
    for character in text.upper():
        if left + 5 * size > canvas.shape[1]:
            return
        if character != " ":
            glyph = _glyphs().get(character, _glyphs()["?"])
            shape = np.kron(glyph, np.ones((size, size), bool))
            canvas[top : top + 7 * size, left : left + 5 * size][shape] = colour
        left += 6 * size


@dataclass(frozen=True)
class Thumbnail:
    """A picture of the sheet.

    Attributes
    ----------
    picture : numpy.ndarray of uint8
        Shape (rows, columns) or (rows, columns, 3).
    lines : sequence of str
        What stands below it.
    good : bool or None
        Whether its pixels are right; None if unknown. A wrong picture has a red frame.
    marked : bool
        Whether a mark before the first line says so.
    """

    picture: np.ndarray
    lines: Sequence[str]
    good: bool | None = True
    marked: bool = True


def _short(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    tail = (width - 2) // 2
    return text[: width - 2 - tail] + ".." + text[-tail:]


def contact_sheet(title: str, subtitle: str, thumbnails: Sequence[Thumbnail], *, size: int = 140) -> np.ndarray:
    """Return a sheet of thumbnails.

    Parameters
    ----------
    title, subtitle : str
        What stands above.
    thumbnails : sequence of Thumbnail
        From left to right, from top to bottom.
    size : int
        Rows and columns of a thumbnail.

    Returns
    -------
    numpy.ndarray of uint8
        Shape (rows, columns, 3).
    """
    lines = max((len(thumbnail.lines) for thumbnail in thumbnails), default=0)
    columns = min(_COLUMNS, max(len(thumbnails), 4))
    cell_rows, cell_columns = size + 8 + lines * _LINE + _GAP, size + _GAP
    rows = -(-len(thumbnails) // columns)
    canvas = np.empty((_HEADER + rows * cell_rows + _GAP, _GAP + columns * cell_columns, 3), np.uint8)
    canvas[:] = _GROUND
    _write(canvas, title, 14, _GAP, _BRIGHT, 3)
    _write(canvas, subtitle, 44, _GAP, _DIM)
    for position, thumbnail in enumerate(thumbnails):
        top = _HEADER + position // columns * cell_rows
        left = _GAP + position % columns * cell_columns
        tile = canvas[top : top + size, left : left + size]
        tile[:] = _TILE
        picture = thumbnail.picture
        factor = min(size / picture.shape[0], size / picture.shape[1])
        height, width = (max(1, round(extent * factor)) for extent in picture.shape[:2])
        small = resized(picture, height, width)
        y, x = (size - height) // 2, (size - width) // 2
        tile[y : y + height, x : x + width] = small if small.ndim == 3 else small[..., np.newaxis]
        if thumbnail.good is False:
            for edge in (tile[:3], tile[-3:], tile[:, :3], tile[:, -3:]):
                edge[:] = _BAD
        if thumbnail.marked:
            mark, colour = _MARKS[thumbnail.good]
            _write(canvas, mark, top + size + 6, left, colour)
        for line, text in enumerate(thumbnail.lines):
            indent = 8 if line == 0 and thumbnail.marked else 0
            place = top + size + 6 + line * _LINE
            _write(canvas, _short(text, (size - indent) // 6), place, left + indent, _DIM if line else _BRIGHT)
    return canvas
