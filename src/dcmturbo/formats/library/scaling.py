"""Decode a JPEG frame at a half, a quarter or an eighth of its size, by Pillow's libjpeg-turbo.

The library scales the inverse DCT: it makes 4 x 4, 2 x 2 or 1 x 1 samples of a block of 8 x 8. imagecodecs does not
pass this on, and Pillow does.
"""

from __future__ import annotations

from dcmturbo.errors import DecodeError
from dcmturbo.formats.library.common import Array, Buffer, Header, translated

__all__ = ["decode_scaled"]

# Pillow's modes, by number of components. With the same one for the file and the result, no colour is converted.
_MODES = {1: "L", 3: "YCbCr", 4: "CMYK"}
_STANDALONE = {0x00, 0x01, *range(0xD0, 0xDA)}  # codes of markers without a length, and what is no marker
_FRAME_HEADERS = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive, Huffman coding


def decode_scaled(data: Buffer, header: Header, out: Array, reduce: int) -> None:
    """Decode a JPEG frame into `out`, whose rows and columns are halved `reduce` times.

    Parameters
    ----------
    data : bytes-like
        The frame. ``_core.check`` has passed, or the caller wants what is left of a damaged frame.
    header : Header
        The result of ``_core.probe(data)``.
    out : numpy.ndarray
        Receives the samples as they are coded: shape (rows, columns[, components]), integers of 8 bits or more.
    reduce : int
        1, 2 or 3.

    Raises
    ------
    DecodeError
        With ``code`` "unsupported" for 12 bits and for 2 components. Otherwise if the library finds damage.
    """
    mode = _MODES.get(len(header.components))
    if mode is None or any(component.precision != 8 for component in header.components):
        raise DecodeError(
            f"reduce works with JPEG of 8 bits and 1, 3 or 4 components; this frame has {len(header.components)} "
            f"of {header.components[0].precision} bits",
            code="unsupported",
        )
    rows, columns = (-(-size >> reduce) for size in (header.height, header.width))
    if out.shape[:2] != (rows, columns):
        raise DecodeError(
            f"the result has shape {out.shape}, but a JPEG frame of {header.height} x {header.width} with "
            f"reduce={reduce} has {rows} rows and {columns} columns",
            code="mismatch",
        )
    view = memoryview(data)
    _check_size(view, header)
    import numpy as np
    from PIL import Image

    # The library waits for more data if the end marker is missing, and returns nothing.
    closed = bytes(view) if bytes(view[-2:]) == b"\xff\xd9" else bytes(view) + b"\xff\xd9"
    with translated("JPEG (Pillow)", DecodeError):
        picture = Image.frombytes(mode, (columns, rows), closed, "jpeg", mode, mode, 1 << reduce, 0)
    samples = np.asarray(picture).reshape(out.shape)
    out[...] = samples.view(out.dtype) if out.itemsize == 1 else samples


def _check_size(data: memoryview, header: Header) -> None:
    """Raise an error unless the library surely finds the frame header that `header` was made of.

    Pillow's decoder writes lines of the size in the codestream to memory of the size that it is given. So both must be
    the same for any input. Segments that follow each other without other bytes between them leave no choice: the
    library reads the length of a segment as it is read here, and refuses a segment whose content has another length,
    and a second frame header.
    """
    at = 2
    if bytes(data[:2]) != b"\xff\xd8":
        raise DecodeError("the JPEG frame does not begin with SOI", code="malformed", offset=0)
    found = None
    while True:
        if at + 4 > len(data):
            raise DecodeError("the JPEG frame ends before its scan", code="truncated", offset=len(data))
        code = data[at + 1]
        if data[at] == 0xFF and code == 0xFF:  # fill bytes: ISO/IEC 10918-1, B.1.1.2
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at] != 0xFF or code in _STANDALONE or length < 2:
            raise DecodeError(
                "reduce needs a JPEG frame whose segments follow each other without other bytes between them",
                code="unsupported",
                offset=at,
            )
        if code in _FRAME_HEADERS and found is None:
            # B.2.2: precision, lines, samples per line, number of components
            found = tuple(data[at + 4 : at + 10])
        elif code == 0xDA:
            break
        at += 2 + length
    size = (*header.height.to_bytes(2, "big"), *header.width.to_bytes(2, "big"))
    if found != (8, *size, len(header.components)):
        raise DecodeError(
            "the frame header of the JPEG frame is not the one that its size was read from",
            code="unsupported",
            offset=at,
        )
