"""JPEG with the DCT, slowly: ISO/IEC 10918-1 clause by clause.

`encode` writes the coefficients that it is given, in scans as it is told, so it makes streams that no encoder makes.
`planes` computes their samples in floating point.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

# Natural positions (row, column) in the zigzag order: A.3.6.
ZIGZAG = sorted(
    ((v, u) for v in range(8) for u in range(8)),
    key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
)


def code_lengths(symbols: int, *, skewed: bool) -> list[int]:
    """The length of each symbol's code: all equal, or eight short ones and the others as long as codes can be."""
    if skewed:
        return [min(i + 1, 16) if i < 8 else 16 for i in range(symbols)]
    return [symbols.bit_length()] * symbols


@dataclass(frozen=True)
class Huffman:
    """A table, and the bits of each symbol."""

    symbols: Sequence[int]
    skewed: bool = False

    def body(self) -> bytes:
        lengths = code_lengths(len(self.symbols), skewed=self.skewed)
        return bytes(lengths.count(n) for n in range(1, 17)) + bytes(self.symbols)

    def codes(self) -> dict[int, str]:
        codes, code, before = {}, 0, 0
        for symbol, length in zip(self.symbols, code_lengths(len(self.symbols), skewed=self.skewed), strict=True):
            code <<= length - before
            codes[symbol] = format(code, f"0{length}b")
            code, before = code + 1, length
        return codes


@dataclass
class Component:
    """Quantised coefficients, shape (rows of blocks, columns of blocks, 64) in zigzag order; all that MCUs need."""

    blocks: np.ndarray
    horizontal: int = 1
    vertical: int = 1
    steps: np.ndarray = field(default_factory=lambda: np.ones(64, int))


@dataclass
class Stream:
    rows: int
    columns: int
    components: list[Component]
    precision: int = 8
    interval: int = 0
    skewed: bool = False
    scans: list[list[int]] | None = None  # indices of components
    process: int = 1  # of the frame header
    height_in_dnl: bool = False
    wide_steps: bool = False
    identifiers: Sequence[int] = (1, 2, 3, 4)
    bands: Sequence[tuple[int, int]] | None = None  # positions of the AC scans of a progressive stream, process 2

    @property
    def maxima(self) -> tuple[int, int]:
        return max(c.horizontal for c in self.components), max(c.vertical for c in self.components)

    def size_of(self, component: Component) -> tuple[int, int]:
        """Rows and columns of samples: A.1.1."""
        h, v = self.maxima
        return -(-self.rows * component.vertical // v), -(-self.columns * component.horizontal // h)


def grid(rows: int, columns: int, h: int, v: int, maxima: tuple[int, int]) -> tuple[int, int]:
    """How many blocks a component has in an interleaved scan: rows and columns."""
    return -(-rows // (8 * maxima[1])) * v, -(-columns // (8 * maxima[0])) * h


def segment(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def magnitude(value: int) -> tuple[int, str]:
    """Size and bits of a coefficient: F.1.2.1."""
    size = abs(value).bit_length()
    bits = value if value >= 0 else value + (1 << size) - 1
    return size, format(bits, f"0{size}b") if size else ""


def dc_bits(value: int, prediction: int, dc: dict[int, str]) -> str:
    size, bits = magnitude(value - prediction)
    return dc[size] + bits


def ac_bits(values: np.ndarray, ac: dict[int, str]) -> str:
    out, run = "", 0
    for value in values:
        if value == 0:
            run += 1
            continue
        while run > 15:
            out, run = out + ac[0xF0], run - 16
        size, bits = magnitude(int(value))
        out, run = out + ac[run << 4 | size] + bits, 0
    return out + (ac[0] if run else "")


def units(stream: Stream, scan: list[int]) -> Iterator[list[tuple[int, int, int]]]:
    """The MCUs of a scan: component, row and column of each data unit (A.2)."""
    if len(scan) == 1:
        rows, columns = stream.size_of(stream.components[scan[0]])
        for y in range(-(-rows // 8)):
            for x in range(-(-columns // 8)):
                yield [(scan[0], y, x)]
        return
    h, v = stream.maxima
    for y in range(-(-stream.rows // (8 * v))):
        for x in range(-(-stream.columns // (8 * h))):
            yield [
                (i, y * c.vertical + j, x * c.horizontal + k)
                for i in scan
                for c in [stream.components[i]]
                for j in range(c.vertical)
                for k in range(c.horizontal)
            ]


def packed(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\0")


def encode(stream: Stream) -> bytes:
    dc = Huffman(range(16), stream.skewed)
    first = [0, 0xF0, 0x01, 0x11, 0x02]
    # Runs without a coefficient are those of sixteen zeros and of the rest of the block: F.1.2.2.
    others = [symbol for symbol in range(256) if symbol & 15 and symbol not in first]
    ac = Huffman([*first, *others], stream.skewed)
    out = b"\xff\xd8"
    for i, component in enumerate(stream.components):
        kind = ">64H" if stream.wide_steps else ">64B"
        out += segment(0xDB, bytes([16 * stream.wide_steps + i]) + struct.pack(kind, *component.steps))
    lines = 0 if stream.height_in_dnl else stream.rows
    header = struct.pack(">BHHB", stream.precision, lines, stream.columns, len(stream.components))
    for i, component in enumerate(stream.components):
        header += bytes([stream.identifiers[i], component.horizontal << 4 | component.vertical, i])
    out += segment(0xC0 + stream.process, header)
    out += segment(0xC4, b"\0" + dc.body() + b"\x10" + ac.body())
    if stream.interval:
        out += segment(0xDD, struct.pack(">H", stream.interval))
    everything = stream.scans or [list(range(len(stream.components)))]
    scans = [(scan, 0, 63) for scan in everything]
    if stream.bands is not None:
        scans = [(scan, 0, 0) for scan in everything]
        scans += [([i], *band) for band in stream.bands for i in range(len(stream.components))]
    for number, (scan, first, last) in enumerate(scans):
        names = bytes(b for i in scan for b in (stream.identifiers[i], 0))
        out += segment(0xDA, bytes([len(scan)]) + names + bytes([first, last, 0]))
        out += scan_data(stream, scan, range(first, last + 1), dc.codes(), ac.codes())
        if stream.height_in_dnl and number == 0:
            out += segment(0xDC, struct.pack(">H", stream.rows))
    return out + b"\xff\xd9"


def scan_data(stream: Stream, scan: list[int], band: range, dc: dict[int, str], ac: dict[int, str]) -> bytes:
    out, bits, restarts = b"", "", 0
    prediction = dict.fromkeys(scan, 0)
    for number, mcu in enumerate(units(stream, scan)):
        if stream.interval and number and number % stream.interval == 0:
            out += packed(bits) + bytes([0xFF, 0xD0 + restarts % 8])
            bits, restarts = "", restarts + 1
            prediction = dict.fromkeys(scan, 0)
        for i, y, x in mcu:
            block = stream.components[i].blocks[y, x]
            if band[0] == 0:
                bits += dc_bits(int(block[0]), prediction[i], dc)
                prediction[i] = int(block[0])
            if band[-1] > 0:
                bits += ac_bits(block[max(band[0], 1) : band[-1] + 1], ac)
    return out + packed(bits)


def cosines() -> np.ndarray:
    """[x, u] of A.3.3, with C_u / 2."""
    x, u = np.mgrid[0:8, 0:8]
    return np.cos((2 * x + 1) * u * np.pi / 16) * np.where(u == 0, np.sqrt(0.5), 1) / 2


def planes(stream: Stream) -> list[np.ndarray]:
    """The samples of each component, not rounded, at its own size."""
    result = []
    for component in stream.components:
        matrix = np.zeros((*component.blocks.shape[:2], 8, 8))
        for k, (v, u) in enumerate(ZIGZAG):
            matrix[:, :, v, u] = component.blocks[:, :, k] * component.steps[k]
        samples = np.einsum("yv,abvu,xu->abyx", cosines(), matrix, cosines())
        rows, columns = component.blocks.shape[:2]
        plane = samples.transpose(0, 2, 1, 3).reshape(8 * rows, 8 * columns) + (1 << (stream.precision - 1))
        height, width = stream.size_of(component)
        result.append(np.clip(plane[:height, :width], 0, (1 << stream.precision) - 1))
    return result


def random_stream(
    rows: int, columns: int, factors: Sequence[tuple[int, int]], *, seed: int = 0, precision: int = 8, **more: object
) -> Stream:
    """A stream whose coefficients are random, but give samples that mostly lie within the range."""
    random = np.random.default_rng(seed)
    maxima = max(h for h, _ in factors), max(v for _, v in factors)
    components = []
    for h, v in factors:
        shape = grid(rows, columns, h, v, maxima)
        steps = random.integers(1, 20, 64)
        size = (1 << precision) / 256
        spread = np.concatenate([[400.0], 120.0 / np.arange(1, 64)]) * size
        blocks = random.normal(0, 1, (*shape, 64)) * spread / steps
        blocks[random.random(blocks.shape) < 0.6] = 0
        # Blocks that end early, and blocks of one coefficient.
        last = random.integers(0, 70, shape)[..., None]
        blocks[np.arange(64) > np.where(last > 64, 0, last)] = 0
        components.append(Component(np.rint(blocks).astype(int), h, v, steps))
    return Stream(rows, columns, components, precision, **more)  # type: ignore[arg-type]
