"""Code-blocks of JPEG 2000, slowly: ISO/IEC 15444-1, Annexes C and D, clause by clause, both directions.

`encode_block` makes the codeword segments of a block in any code-block style; `decode_block` reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

BYPASS, RESET, TERMINATE, CAUSAL, PREDICTABLE, SYMBOLS = 1, 2, 4, 8, 16, 32  # Table A.19
LL, HL, LH, HH = range(4)
RUN_LENGTH, UNIFORM = 17, 18
SIGNIFICANCE, REFINEMENT, CLEANUP = range(3)

# --- arithmetic coding: Annex C --------------------------------------------------------------------

# Table C.2: Qe, the index after a more and after a less probable symbol, and whether the latter switches MPS.
ESTIMATES = (
    (0x5601, 1, 1, 1), (0x3401, 2, 6, 0), (0x1801, 3, 9, 0), (0x0AC1, 4, 12, 0), (0x0521, 5, 29, 0),
    (0x0221, 38, 33, 0), (0x5601, 7, 6, 1), (0x5401, 8, 14, 0), (0x4801, 9, 14, 0), (0x3801, 10, 14, 0),
    (0x3001, 11, 17, 0), (0x2401, 12, 18, 0), (0x1C01, 13, 20, 0), (0x1601, 29, 21, 0), (0x5601, 15, 14, 1),
    (0x5401, 16, 14, 0), (0x5101, 17, 15, 0), (0x4801, 18, 16, 0), (0x3801, 19, 17, 0), (0x3401, 20, 18, 0),
    (0x3001, 21, 19, 0), (0x2801, 22, 19, 0), (0x2401, 23, 20, 0), (0x2201, 24, 21, 0), (0x1C01, 25, 22, 0),
    (0x1801, 26, 23, 0), (0x1601, 27, 24, 0), (0x1401, 28, 25, 0), (0x1201, 29, 26, 0), (0x1101, 30, 27, 0),
    (0x0AC1, 31, 28, 0), (0x09C1, 32, 29, 0), (0x08A1, 33, 30, 0), (0x0521, 34, 31, 0), (0x0441, 35, 32, 0),
    (0x02A1, 36, 33, 0), (0x0221, 37, 34, 0), (0x0141, 38, 35, 0), (0x0111, 39, 36, 0), (0x0085, 40, 37, 0),
    (0x0049, 41, 38, 0), (0x0025, 42, 39, 0), (0x0015, 43, 40, 0), (0x0009, 44, 41, 0), (0x0005, 45, 42, 0),
    (0x0001, 45, 43, 0), (0x5601, 46, 46, 0),
)  # fmt: skip


@dataclass
class Contexts:
    index: list[int] = field(default_factory=list)
    mps: list[int] = field(default_factory=list)

    def reset(self) -> None:  # Table D.7
        self.index = [0] * 19
        self.mps = [0] * 19
        self.index[0], self.index[RUN_LENGTH], self.index[UNIFORM] = 4, 3, 46

    def after_mps(self, context: int) -> None:
        self.index[context] = ESTIMATES[self.index[context]][1]

    def after_lps(self, context: int) -> None:
        _, _, after, switches = ESTIMATES[self.index[context]]
        self.mps[context] ^= switches
        self.index[context] = after


class Decoder:
    """C.3, and the raw bits of D.6. Past the end stand FF bytes."""

    def start(self, data: bytes, *, raw: bool) -> None:
        self.data, self.position = data, 0
        self.c, self.count = 0, 0
        if raw:
            self.last = 0
            return
        self.c = self.byte(0) << 16  # Figure C.20
        self.byte_in()
        self.c <<= 7
        self.count -= 7
        self.a = 0x8000

    def byte(self, position: int) -> int:
        return self.data[position] if position < len(self.data) else 0xFF

    def byte_in(self) -> None:  # Figure C.19
        following = self.byte(self.position + 1)
        if self.byte(self.position) == 0xFF:
            if following > 0x8F:
                self.c += 0xFF00
                self.count = 8
            else:
                self.position += 1
                self.c += following << 9
                self.count = 7
        else:
            self.position += 1
            self.c += following << 8
            self.count = 8

    def renormalise(self) -> None:  # Figure C.18
        while True:
            if self.count == 0:
                self.byte_in()
            self.a <<= 1
            self.c = self.c << 1 & 0xFFFFFFFF
            self.count -= 1
            if self.a & 0x8000:
                return

    def code(self, contexts: Contexts, context: int, _: int) -> int:  # Figures C.15 to C.17
        qe = ESTIMATES[contexts.index[context]][0]
        bit = contexts.mps[context]
        self.a -= qe
        if self.c >> 16 < qe:
            if self.a < qe:
                contexts.after_mps(context)
            else:
                bit ^= 1
                contexts.after_lps(context)
            self.a = qe
        else:
            self.c -= qe << 16
            if self.a & 0x8000:
                return bit
            if self.a < qe:
                bit ^= 1
                contexts.after_lps(context)
            else:
                contexts.after_mps(context)
        self.renormalise()
        return bit

    def code_raw(self, _: int) -> int:
        if self.count == 0:
            following = self.byte(self.position)
            if self.last == 0xFF and following > 0x8F:
                following = 0xFF
                self.count = 8
            else:
                self.position += 1
                self.count = 7 if self.last == 0xFF else 8
                self.last = following
            self.c = following
        self.count -= 1
        return self.c >> self.count & 1


class Encoder:
    """C.2, and D.6."""

    def start(self, *, raw: bool) -> None:
        self.raw = raw
        self.bytes = bytearray(1)  # the byte before the first
        self.a, self.c = 0x8000, 0
        self.count = 8 if raw else 12

    def code(self, contexts: Contexts, context: int, bit: int) -> int:  # Figures C.3 to C.7
        qe = ESTIMATES[contexts.index[context]][0]
        self.a -= qe
        if bit == contexts.mps[context]:
            if self.a & 0x8000:
                self.c += qe
                return bit
            if self.a < qe:
                self.a = qe
            else:
                self.c += qe
            contexts.after_mps(context)
        else:
            if self.a < qe:
                self.c += qe
            else:
                self.a = qe
            contexts.after_lps(context)
        while True:
            self.a <<= 1
            self.c <<= 1
            self.count -= 1
            if self.count == 0:
                self.byte_out()
            if self.a & 0x8000:
                return bit

    def byte_out(self) -> None:  # Figure C.8
        if self.bytes[-1] != 0xFF and self.c >= 0x8000000:
            self.bytes[-1] += 1
            self.c &= 0x7FFFFFF
        if self.bytes[-1] == 0xFF:
            self.bytes.append(self.c >> 20)
            self.c &= 0xFFFFF
            self.count = 7
        else:
            self.bytes.append(self.c >> 19)
            self.c &= 0x7FFFF
            self.count = 8

    def code_raw(self, bit: int) -> int:
        self.count -= 1
        self.c |= bit << self.count
        if self.count == 0:
            self.bytes.append(self.c)
            self.count = 7 if self.c == 0xFF else 8
            self.c = 0
        return bit

    def finish(self, *, predictable: bool) -> bytes:
        if self.raw:
            # D.6: the rest of the last byte is 0 and 1 in turn where termination is predictable; it never ends in FF.
            fill = 0
            while self.count != (7 if self.bytes[-1] == 0xFF else 8):
                self.code_raw(fill)
                fill = 1 - fill
        elif predictable:  # D.4.2
            bits = 12 - self.count
            while bits > 0:
                self.c <<= self.count
                self.byte_out()
                bits -= self.count
        else:  # Figure C.11
            most = self.c + self.a
            self.c |= 0xFFFF
            if self.c >= most:
                self.c -= 0x8000
            for _ in range(2):
                self.c <<= self.count
                self.byte_out()
        if self.bytes[-1] == 0xFF:
            self.bytes.pop()
        return bytes(self.bytes[1:])


# --- coefficient bit modelling: Annex D --------------------------------------------------------------


def zero_coding_context(horizontal: int, vertical: int, diagonal: int, orientation: int) -> int:
    """Table D.1."""
    if orientation == HH:
        straight = horizontal + vertical
        if diagonal >= 3:
            return 8
        if diagonal == 2:
            return 7 if straight else 6
        return (3 if diagonal else 0) + min(straight, 2)
    if orientation == HL:
        horizontal, vertical = vertical, horizontal
    if horizontal == 2:
        return 8
    if horizontal == 1:
        return 7 if vertical else 6 if diagonal else 5
    return 2 + vertical if vertical else min(diagonal, 2)


# Table D.3: contributions, horizontal and vertical, to context and XOR bit.
SIGN_CODING = {
    (1, 1): (13, 0), (1, 0): (12, 0), (1, -1): (11, 0), (0, 1): (10, 0), (0, 0): (9, 0),
    (0, -1): (10, 1), (-1, 1): (11, 1), (-1, 0): (12, 1), (-1, -1): (13, 1),
}  # fmt: skip


def kind_of(index: int) -> int:
    """The first bit-plane has a cleanup pass only (D.3)."""
    return (index + 2) % 3


def is_raw(style: int, index: int) -> bool:
    """Table D.9: from the fifth bit-plane on, all but cleanup passes."""
    return bool(style & BYPASS) and index >= 10 and kind_of(index) != CLEANUP


def segment_lengths(style: int, passes: int) -> list[int]:
    """How many passes each codeword segment has (Tables D.8 and D.9)."""
    lengths: list[int] = []
    for index in range(passes):
        if index == 0 or style & TERMINATE or is_raw(style, index) != is_raw(style, index - 1):
            lengths.append(0)
        lengths[-1] += 1
    return lengths


class Block:
    """Passes over `magnitude` x 2 and `negative`, which an encoder reads and a decoder writes."""

    def __init__(self, shape: tuple[int, int], orientation: int, style: int, planes: int, coder: Decoder | Encoder):
        self.height, self.width = shape
        self.orientation, self.style, self.planes, self.coder = orientation, style, planes, coder
        self.encodes = isinstance(coder, Encoder)
        self.magnitude = [[0] * self.width for _ in range(self.height)]
        self.negative = [[0] * self.width for _ in range(self.height)]
        self.significant = [[0] * (self.width + 2) for _ in range(self.height + 2)]  # one more on each side
        self.visited: set[tuple[int, int]] = set()
        self.refined: set[tuple[int, int]] = set()
        self.is_damaged = False
        self.contexts = Contexts()
        self.contexts.reset()

    def seen(self, y: int, x: int, dy: int, dx: int) -> int:
        if self.style & CAUSAL and dy == 1 and y % 4 == 3:  # D.7
            return 0
        return self.significant[y + dy + 1][x + dx + 1]

    def zero_context(self, y: int, x: int) -> int:
        horizontal = self.seen(y, x, 0, -1) + self.seen(y, x, 0, 1)
        vertical = self.seen(y, x, -1, 0) + self.seen(y, x, 1, 0)
        diagonal = sum(self.seen(y, x, dy, dx) for dy in (-1, 1) for dx in (-1, 1))
        return zero_coding_context(horizontal, vertical, diagonal, self.orientation)

    def contribution(self, y: int, x: int, neighbours: Sequence[tuple[int, int]]) -> int:  # Table D.2
        total = sum(1 - 2 * self.negative[y + dy][x + dx] for dy, dx in neighbours if self.seen(y, x, dy, dx))
        return max(-1, min(1, total))

    def code(self, context: int, bit: int) -> int:
        return self.coder.code(self.contexts, context, bit)

    def own_bit(self, y: int, x: int) -> int:
        return self.magnitude[y][x] >> (self.plane + 1) & 1

    def code_zero(self, y: int, x: int) -> None:  # D.3.1
        bit = self.own_bit(y, x)
        if self.coder.code_raw(bit) if self.raw else self.code(self.zero_context(y, x), bit):
            self.code_sign(y, x)

    def code_sign(self, y: int, x: int) -> None:  # D.3.2
        negative = self.negative[y][x]
        if self.raw:
            negative = self.coder.code_raw(negative)
        else:
            context, flip = SIGN_CODING[
                self.contribution(y, x, ((0, -1), (0, 1))), self.contribution(y, x, ((-1, 0), (1, 0)))
            ]
            negative = self.code(context, negative ^ flip) ^ flip
        self.negative[y][x] = negative
        self.significant[y + 1][x + 1] = 1
        if not self.encodes:
            self.magnitude[y][x] = 3 << self.plane

    def refine(self, y: int, x: int) -> None:  # D.3.3, Table D.4
        context = 16 if (y, x) in self.refined else 15 if self.zero_context(y, x) else 14
        bit = self.own_bit(y, x)
        bit = self.coder.code_raw(bit) if self.raw else self.code(context, bit)
        self.refined.add((y, x))
        if not self.encodes:
            self.magnitude[y][x] += (bit << (self.plane + 1)) - (1 << self.plane)

    def clean_column(self, x: int, rows: range) -> None:  # D.3.4
        y = rows.start
        if len(rows) == 4 and not any(
            self.significant[k + 1][x + 1] or (k, x) in self.visited or self.zero_context(k, x) for k in rows
        ):
            first = next((k for k in range(4) if self.own_bit(y + k, x)), 4)
            if not self.code(RUN_LENGTH, int(first < 4)):
                return
            first = self.code(UNIFORM, first >> 1 & 1) << 1 | self.code(UNIFORM, first & 1)
            y += first
            self.code_sign(y, x)
            y += 1
        for k in range(y, rows.stop):
            if not self.significant[k + 1][x + 1] and (k, x) not in self.visited:
                self.code_zero(k, x)

    def run(self, index: int) -> None:
        kind = kind_of(index)
        self.plane = self.planes - 1 - (index + 2) // 3
        self.raw = is_raw(self.style, index)
        for top in range(0, self.height, 4):  # D.1
            rows = range(top, min(top + 4, self.height))
            for x in range(self.width):
                if kind == CLEANUP:
                    self.clean_column(x, rows)
                    continue
                for y in rows:
                    significant = self.significant[y + 1][x + 1]
                    if kind == SIGNIFICANCE and not significant and self.zero_context(y, x):
                        self.code_zero(y, x)
                        self.visited.add((y, x))
                    elif kind == REFINEMENT and significant and (y, x) not in self.visited:
                        self.refine(y, x)
        if kind == CLEANUP:
            self.visited.clear()
            if self.style & SYMBOLS:  # D.5
                self.is_damaged |= [self.code(UNIFORM, bit) for bit in (1, 0, 1, 0)] != [1, 0, 1, 0]
        if self.style & RESET:
            self.contexts.reset()


@dataclass
class Segment:
    data: bytes
    passes: int


def encode_block(coefficients: np.ndarray, *, orientation: int, style: int, planes: int, passes: int) -> list[Segment]:
    """The first `passes` passes of a block; `planes` is at least what the largest magnitude needs."""
    coder = Encoder()
    block = Block(coefficients.shape, orientation, style, planes, coder)
    block.magnitude = [[2 * abs(int(value)) for value in row] for row in coefficients]
    block.negative = [[int(value < 0) for value in row] for row in coefficients]
    segments = []
    index = 0
    for length in segment_lengths(style, passes):
        coder.start(raw=is_raw(style, index))
        for _ in range(length):
            block.run(index)
            index += 1
        segments.append(Segment(coder.finish(predictable=bool(style & PREDICTABLE)), length))
    return segments


def decode_block(
    segments: Sequence[Segment], shape: tuple[int, int], *, orientation: int, style: int, planes: int
) -> tuple[np.ndarray, bool]:
    """Coefficients with one fractional bit, the half of the last plane in it; and whether damage was noticed."""
    coder = Decoder()
    block = Block(shape, orientation, style, planes, coder)
    index = 0
    for segment in segments:
        coder.start(segment.data, raw=is_raw(style, index))
        for _ in range(segment.passes):
            block.run(index)
            index += 1
    signs = 1 - 2 * np.array(block.negative, np.int64)
    return np.array(block.magnitude, np.int64) * signs, block.is_damaged
