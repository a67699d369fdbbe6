"""Native pixel data, cell by cell: PS3.5, 8.1.1 and 8.2, and PS3.3, C.7.6.3."""

from fractions import Fraction

import numpy as np


def cells(
    data: bytes,
    *,
    rows: int,
    columns: int,
    samples: int = 1,
    bits_allocated: int = 8,
    big_endian: bool = False,
    planar: int = 0,
    frame: int = 0,
    photometric: str = "",
) -> list[int]:
    """The cells of a frame as they are stored, in the order row, column, sample."""
    order = "big" if big_endian else "little"
    count = rows * columns * samples
    if photometric == "YBR_FULL_422" and samples == 3:
        return _cells_422(data, rows * columns, frame)
    if bits_allocated == 1:
        first = frame * count
        return [data[bit // 8] >> (bit % 8) & 1 for bit in range(first, first + count)]
    size = bits_allocated // 8
    found = []
    for row in range(rows):
        for column in range(columns):
            for sample in range(samples):
                pixel = row * columns + column
                position = sample * rows * columns + pixel if planar else pixel * samples + sample
                at = (frame * count + position) * size
                found.append(int.from_bytes(data[at : at + size], order))
    return found


def _cells_422(data: bytes, pixels: int, frame: int) -> list[int]:
    """Y1 Y2 CB CR for every two pixels."""
    found = []
    for pixel in range(pixels):
        pair = frame * pixels * 2 + pixel // 2 * 4
        found += [data[pair + pixel % 2], data[pair + 2], data[pair + 3]]
    return found


def corrected(cell: int, *, bits_allocated: int, bits_stored: int, signed: bool, keep: bool = False) -> int:
    """The value of a cell: without the bits above BitsStored, as two's complement where it is signed."""
    bits = bits_allocated if keep else bits_stored
    cell &= (1 << bits) - 1
    return cell - (1 << bits) if signed and cell >> (bits - 1) & 1 else cell


def rgb(y: int, cb: int, cr: int) -> tuple[int, int, int]:
    """C.7.6.3.1.2, inverted in rational numbers, rounded half up and clamped."""
    red = y + Fraction(1402, 1000) * (cr - 128)
    blue = y + Fraction(1772, 1000) * (cb - 128)
    # Y = 0.299 R + 0.587 G + 0.114 B
    green = (y - Fraction(299, 1000) * red - Fraction(114, 1000) * blue) / Fraction(587, 1000)
    return tuple(min(max(int((value + Fraction(1, 2)) // 1), 0), 255) for value in (red, green, blue))


def decode(
    data: bytes, *, signed: bool = False, bits_stored: int | None = None, keep: bool = False, **layout
) -> np.ndarray:
    """A frame of shape (rows, columns, samples)."""
    allocated = layout.get("bits_allocated", 8)
    stored = bits_stored or allocated
    values = [
        corrected(cell, bits_allocated=allocated, bits_stored=stored, signed=signed, keep=keep)
        for cell in cells(data, **layout)
    ]
    dtype = np.dtype(f"{'i' if signed else 'u'}{max(allocated // 8, 1)}")
    return np.array(values, dtype).reshape(layout["rows"], layout["columns"], layout.get("samples", 1))
