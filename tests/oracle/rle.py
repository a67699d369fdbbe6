"""RLE Lossless, clause by clause of PS3.5, annex G, one byte at a time: slow, and meant to be read."""

import numpy as np

HEADER_SIZE = 64
MOST_SEGMENTS = 15


class RefusedError(ValueError):
    """The frame is not what annex G describes, or not what its attributes say."""


def decode_packbits(data: bytes, wanted: int) -> bytes:
    """G.3.2, until `wanted` bytes are there or the segment ends. What would go past `wanted` is dropped."""
    out = bytearray()
    at = 0
    while at < len(data) and len(out) < wanted:
        n = data[at] - 256 if data[at] > 127 else data[at]
        at += 1
        if 0 <= n <= 127:  # output the next n+1 bytes literally
            out += data[at : at + n + 1]
            at += n + 1
        elif n != -128 and at < len(data):  # output the next byte -n+1 times
            out += data[at : at + 1] * (-n + 1)
            at += 1
    return bytes(out[:wanted])


def encode_packbits(row: bytes) -> bytes:
    """G.3.1, for one row: a run of two or more bytes is replicated, everything else is literal."""
    out = bytearray()
    at = 0
    literal = bytearray()

    def flush() -> None:
        for begin in range(0, len(literal), 128):
            part = literal[begin : begin + 128]
            out.append(len(part) - 1)
            out.extend(part)
        literal.clear()

    while at < len(row):
        end = at
        while end < len(row) and row[end] == row[at] and end - at < 128:
            end += 1
        if end - at >= 2:
            flush()
            out.append(257 - (end - at))
            out.append(row[at])
        else:
            literal.append(row[at])
        at = end
    flush()
    return bytes(out)


def frame_of(segments: list[bytes], *, order: list[int] | None = None, count: int | None = None) -> bytes:
    """G.4 and G.5: the header, and the segments in the order in which `order` puts them into the frame."""
    offsets = [0] * len(segments)
    body = b""
    for i in order or range(len(segments)):
        offsets[i] = HEADER_SIZE + len(body)
        body += segments[i]
    header = [len(segments) if count is None else count, *offsets]
    return np.array(header + [0] * (16 - len(header)), "<u4").tobytes() + body


def decode(frame: bytes, *, rows: int, columns: int, samples: int, bits_allocated: int) -> np.ndarray:
    """A frame as unsigned cells of shape (rows, columns, samples)."""
    pixels = rows * columns
    if len(frame) < HEADER_SIZE:
        raise RefusedError("no header")
    header = np.frombuffer(frame[:HEADER_SIZE], "<u4").tolist()
    expected = 1 if bits_allocated == 1 else samples * bits_allocated // 8
    if header[0] != expected or expected > MOST_SEGMENTS:
        raise RefusedError(f"{header[0]} segments instead of {expected}")
    offsets = header[1 : expected + 1]
    planes = []
    for offset in offsets:
        if not HEADER_SIZE <= offset <= len(frame):
            raise RefusedError(f"segment at {offset}")
        # A segment ends where another one begins.
        end = min([other for other in offsets if other > offset], default=len(frame))
        wanted = (pixels + 7) // 8 if bits_allocated == 1 else pixels
        plane = decode_packbits(frame[offset:end], wanted)
        if len(plane) < wanted:
            raise RefusedError(f"segment of {len(plane)} bytes instead of {wanted}")
        planes.append(np.frombuffer(plane, np.uint8))
    if bits_allocated == 1:
        return np.unpackbits(planes[0], count=pixels, bitorder="little").reshape(rows, columns, 1)
    # G.2: the most significant byte of the first sample is the first segment.
    size = bits_allocated // 8
    cells = np.zeros((pixels, samples), f"u{size}")
    for sample in range(samples):
        for significance in range(size):
            plane = planes[sample * size + significance].astype(np.uint64)
            cells[:, sample] |= (plane << (8 * (size - 1 - significance))).astype(cells.dtype)
    return cells.reshape(rows, columns, samples)


def planes_of(array: np.ndarray) -> list[np.ndarray]:
    """The byte planes of an array (rows, columns[, samples]), most significant first."""
    cells = array if array.ndim == 3 else array[..., None]
    size = cells.dtype.itemsize
    unsigned = cells.view(f"u{size}").astype(np.uint64)
    return [
        (unsigned[..., sample] >> (8 * (size - 1 - significance))).astype(np.uint8)
        for sample in range(cells.shape[2])
        for significance in range(size)
    ]


def encode(array: np.ndarray) -> bytes:
    """G.3.1: each row by itself, each segment of even length."""
    segments = []
    for plane in planes_of(array):
        segment = b"".join(encode_packbits(row.tobytes()) for row in plane)
        segments.append(segment + b"\0" * (len(segment) % 2))
    return frame_of(segments)
