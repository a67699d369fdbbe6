"""JPEG-LS, as slowly and plainly as ISO/IEC 14495-1 (ITU-T T.87) writes it: one sample, one bit at a time.

Both directions share one model of the line (`_Line`), so that a mistake of understanding would show in neither alone:
the streams of other encoders and the ISO images are what it is held against.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

# A.2.1, step 5: J[0..31]
J = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15]

NONE, LINE, SAMPLE = 0, 1, 2


def default_thresholds(maxval: int, near: int) -> tuple[int, int, int]:
    """C.2.4.1.1.1"""

    def clamp(value: int, low: int) -> int:
        return low if value > maxval or value < low else value

    if maxval >= 128:
        factor = (min(maxval, 4095) + 128) // 256
        t1 = clamp(factor * (3 - 2) + 2 + 3 * near, near + 1)
        t2 = clamp(factor * (7 - 3) + 3 + 5 * near, t1)
        t3 = clamp(factor * (21 - 4) + 4 + 7 * near, t2)
    else:
        factor = 256 // (maxval + 1)
        t1 = clamp(max(2, 3 // factor + 3 * near), near + 1)
        t2 = clamp(max(3, 7 // factor + 5 * near), t1)
        t3 = clamp(max(4, 21 // factor + 7 * near), t2)
    return t1, t2, t3


@dataclass
class Presets:
    """C.2.4.1.1; 0 stands for the default."""

    maxval: int = 0
    t1: int = 0
    t2: int = 0
    t3: int = 0
    reset: int = 0

    def resolved(self, precision: int, near: int) -> Presets:
        maxval = self.maxval or (1 << precision) - 1
        d1, d2, d3 = default_thresholds(maxval, near)
        return Presets(maxval, self.t1 or d1, self.t2 or d2, self.t3 or d3, self.reset or 64)


class BitReader:
    """A.1: the bit that follows a byte FF is stuffed."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.mask, self.after_ff = data, 0, 0, False

    def bit(self) -> int:
        if self.mask == 0:
            self.byte = self.data[self.at]
            self.mask = 0x40 if self.after_ff else 0x80
            self.after_ff = self.byte == 0xFF
            self.at += 1
        value = int(bool(self.byte & self.mask))
        self.mask >>= 1
        return value

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def golomb(self, k: int, limit: int, qbpp: int) -> int:
        """A.5.3"""
        zeros = 0
        while self.bit() == 0:
            zeros += 1
        if zeros < limit - qbpp - 1:
            return zeros << k | self.bits(k)
        return self.bits(qbpp) + 1


class BitWriter:
    def __init__(self) -> None:
        self.data, self.current, self.left = bytearray(), 0, 8

    def bit(self, value: int) -> None:
        self.left -= 1
        self.current |= value << self.left
        if self.left == 0:
            self.data.append(self.current)
            self.left = 7 if self.current == 0xFF else 8
            self.current = 0

    def bits(self, value: int, count: int) -> None:
        for i in reversed(range(count)):
            self.bit(value >> i & 1)

    def golomb(self, value: int, k: int, limit: int, qbpp: int) -> None:
        """A.5.3"""
        if value >> k < limit - qbpp - 1:
            self.bits(1, (value >> k) + 1)
            self.bits(value & ((1 << k) - 1), k)
        else:
            self.bits(1, limit - qbpp)
            self.bits(value - 1, qbpp)

    def finish(self) -> bytes:
        if self.left < (7 if self.data and self.data[-1] == 0xFF else 8) or (self.data and self.data[-1] == 0xFF):
            self.data.append(self.current)
        return bytes(self.data)


@dataclass
class State:
    """A.2.1 and A.8: what is initialised at the start of a scan and of each restart interval."""

    presets: Presets
    near: int
    components: int
    range: int = 0
    qbpp: int = 0
    limit: int = 0
    a: list[int] = field(default_factory=list)
    b: list[int] = field(default_factory=list)
    c: list[int] = field(default_factory=list)
    n: list[int] = field(default_factory=list)
    nn: list[int] = field(default_factory=lambda: [0, 0])
    run_index: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        p = self.presets
        self.range = (p.maxval + 2 * self.near) // (2 * self.near + 1) + 1
        self.qbpp = (self.range - 1).bit_length()
        bpp = max(2, p.maxval.bit_length())
        self.limit = 2 * (bpp + max(8, bpp))
        start = max(2, (self.range + 32) // 64)
        self.a, self.b, self.c, self.n = [start] * 367, [0] * 365, [0] * 365, [1] * 367
        self.run_index = [0] * self.components

    def quantise(self, d: int) -> int:
        """A.3.3"""
        p, m = self.presets, abs(d)
        level = 0 if m <= self.near else 1 if m < p.t1 else 2 if m < p.t2 else 3 if m < p.t3 else 4
        return -level if d < 0 else level

    def clamp(self, value: int) -> int:
        return min(max(value, 0), self.presets.maxval)

    def reconstruct(self, predicted: int, error: int) -> int:
        """A.4.4 and A.4.5, backwards."""
        step = 2 * self.near + 1
        value = predicted + error * step
        if value < -self.near:
            value += self.range * step
        elif value > self.presets.maxval + self.near:
            value -= self.range * step
        return self.clamp(value)

    def quantise_error(self, error: int) -> int:
        """A.4.4 and A.4.5"""
        step = 2 * self.near + 1
        error = (error + self.near) // step if error > 0 else -((self.near - error) // step)
        if error < 0:
            error += self.range
        return error - self.range if error >= (self.range + 1) // 2 else error

    def k(self, a: int, n: int) -> int:
        """A.5.1"""
        k = 0
        while n << k < a:
            k += 1
        return k


class Coder:
    """One scan's samples. `io` reads or writes; what is written comes from `given`."""

    def __init__(self, state: State, io: BitReader | BitWriter) -> None:
        self.s, self.io = state, io
        self.reads = isinstance(io, BitReader)

    def code(self, k: int, limit: int, value: int | None) -> int:
        if self.reads:
            return self.io.golomb(k, limit, self.s.qbpp)
        self.io.golomb(value, k, limit, self.s.qbpp)
        return value

    def regular(self, q: int, a: int, b: int, c: int, given: int | None) -> int:
        """A.4 to A.6; returns the reconstructed sample."""
        s = self.s
        sign = -1 if q < 0 else 1
        q = abs(q)
        if c >= max(a, b):
            predicted = min(a, b)
        elif c <= min(a, b):
            predicted = max(a, b)
        else:
            predicted = a + b - c
        predicted = s.clamp(predicted + sign * s.c[q])
        k = s.k(s.a[q], s.n[q])
        special = s.near == 0 and k == 0 and 2 * s.b[q] <= -s.n[q]
        if self.reads:
            m = self.code(k, s.limit, None)
            if special:
                error = -(m // 2) - 1 if m % 2 == 0 else (m - 1) // 2
            else:
                error = m // 2 if m % 2 == 0 else -(m + 1) // 2
        else:
            error = s.quantise_error(sign * (given - predicted))
            if special:
                m = 2 * error + 1 if error >= 0 else -2 * (error + 1)
            else:
                m = 2 * error if error >= 0 else -2 * error - 1
            self.code(k, s.limit, m)
        s.b[q] += error * (2 * s.near + 1)
        s.a[q] += abs(error)
        if s.n[q] == s.presets.reset:
            s.a[q] >>= 1
            s.b[q] = s.b[q] >> 1 if s.b[q] >= 0 else -((1 - s.b[q]) >> 1)
            s.n[q] >>= 1
        s.n[q] += 1
        if s.b[q] <= -s.n[q]:
            s.b[q] += s.n[q]
            s.c[q] = max(s.c[q] - 1, -128)
            if s.b[q] <= -s.n[q]:
                s.b[q] = -s.n[q] + 1
        elif s.b[q] > 0:
            s.b[q] -= s.n[q]
            s.c[q] = min(s.c[q] + 1, 127)
            if s.b[q] > 0:
                s.b[q] = 0
        return s.reconstruct(predicted, sign * error)

    def interruption(self, ri_type: int, a: int, b: int, run_index: int, given: int | None) -> int:
        """A.7.2"""
        s = self.s
        predicted = a if ri_type == 1 else b
        sign = -1 if ri_type == 0 and a > b else 1
        q = 365 + ri_type
        temp = s.a[366] + (s.n[366] >> 1) if ri_type == 1 else s.a[365]
        k = s.k(temp, s.n[q])
        limit = s.limit - J[run_index] - 1
        nn, n = s.nn[ri_type], s.n[q]
        if self.reads:
            m = self.code(k, limit, None)
            mapped = (m + ri_type) & 1
            magnitude = (m + ri_type + mapped) // 2
            error = -magnitude if (k != 0 or 2 * nn >= n) == bool(mapped) else magnitude
        else:
            error = s.quantise_error(sign * (given - predicted))
            if (k == 0 and error > 0 and 2 * nn < n) or (error < 0 and 2 * nn >= n):
                mapped = 1
            else:
                mapped = int(error < 0 and k != 0)
            m = 2 * abs(error) - ri_type - mapped
            self.code(k, limit, m)
        if error < 0:
            s.nn[ri_type] += 1
        s.a[q] += (m + 1 - ri_type) >> 1
        if s.n[q] == s.presets.reset:
            s.a[q] >>= 1
            s.n[q] >>= 1
            s.nn[ri_type] >>= 1
        s.n[q] += 1
        return s.reconstruct(predicted, sign * error)

    def run(self, component: int, left: int, length: int | None) -> tuple[int, bool]:
        """A.7.1: the length of the run, and whether something other follows it on this line."""
        s = self.s
        if not self.reads:
            ends = length == left
            rest = length
            while rest >= 1 << J[s.run_index[component]]:
                self.io.bit(1)
                rest -= 1 << J[s.run_index[component]]
                s.run_index[component] = min(s.run_index[component] + 1, 31)
            if ends:
                if rest > 0:
                    self.io.bit(1)
            else:
                self.io.bit(0)
                self.io.bits(rest, J[s.run_index[component]])
            return length, not ends
        length = 0
        while length < left:
            if self.io.bit() == 0:
                length += self.io.bits(J[s.run_index[component]])
                return length, True
            whole = 1 << J[s.run_index[component]]
            if length + whole <= left:
                s.run_index[component] = min(s.run_index[component] + 1, 31)
            length = min(length + whole, left)
        return length, False

    def line(self, components: list[int], above: list[list[int]], lines: list[list[int]], given: list | None) -> None:
        """A line of one component, or of all in step. Lists have a sample before and one behind (A.2.1)."""
        s = self.s
        width = len(lines[0]) - 2
        count = len(components)
        for line, up in zip(lines, above, strict=True):
            up[width + 1] = up[width]
            line[0] = up[1]
        x = 1
        while x <= width:
            qs = []
            for line, up in zip(lines, above, strict=True):
                a, b, c, d = line[x - 1], up[x], up[x - 1], up[x + 1]
                qs.append(81 * s.quantise(d - b) + 9 * s.quantise(b - c) + s.quantise(c - a))
            if any(qs):
                for i in range(count):
                    sample = None if given is None else given[i][x - 1]
                    lines[i][x] = self.regular(qs[i], lines[i][x - 1], above[i][x], above[i][x - 1], sample)
                x += 1
                continue
            length = None
            if given is not None:
                length = 0
                while x + length <= width and all(
                    abs(given[i][x - 1 + length] - lines[i][x - 1]) <= s.near for i in range(count)
                ):
                    length += 1
            owner = components[0] if count == 1 else 0
            length, interrupted = self.run(owner, width - x + 1, length)
            if length > width - x + 1 - int(interrupted):
                raise ValueError("a run is longer than its line")
            for i in range(count):
                for j in range(length):
                    lines[i][x + j] = lines[i][x - 1]
            x += length
            if not interrupted:
                continue
            for i in range(count):
                a, b = lines[i][x - 1], above[i][x]
                ri_type = int(count == 1 and abs(a - b) <= s.near)
                sample = None if given is None else given[i][x - 1]
                lines[i][x] = self.interruption(ri_type, a, b, s.run_index[owner], sample)
            s.run_index[owner] = max(s.run_index[owner] - 1, 0)
            x += 1


def _code_interval(
    coder: Coder, interleave: int, factors: list[int], widths: list[int], heights: list[int], planes: list[list[list]]
) -> None:
    """Annex B: the lines of one interval; `planes` are read by an encoder, appended to by a decoder."""
    count = len(widths)
    above = [[0] * (w + 2) for w in widths]
    done = [0] * count
    while any(d < h for d, h in zip(done, heights, strict=True)):
        if interleave == SAMPLE:
            lines = [[0] * (w + 2) for w in widths]
            given = None if coder.reads else [planes[i][done[i]] for i in range(count)]
            coder.line(list(range(count)), above, lines, given)
            for i in range(count):
                if coder.reads:
                    planes[i].append(lines[i][1:-1])
                above[i] = lines[i]
                done[i] += 1
            continue
        for i in range(count):
            for _ in range(factors[i]):
                if done[i] >= heights[i]:
                    continue
                line = [0] * (widths[i] + 2)
                given = None if coder.reads else [planes[i][done[i]]]
                coder.line([i], [above[i]], [line], given)
                if coder.reads:
                    planes[i].append(line[1:-1])
                above[i] = line
                done[i] += 1


def _segment(code: int, body: bytes) -> bytes:
    return bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body


def encode(
    planes: list[np.ndarray],
    precision: int,
    *,
    near: int = 0,
    interleave: int = NONE,
    presets: Presets | None = None,
    restart: int = 0,
    factors: list[tuple[int, int]] | None = None,
    size: tuple[int, int] | None = None,
    oversize: bool = False,
    dnl: bool = False,
    tables: dict[int, tuple[int, list[int]]] | None = None,
    table_ids: list[int] | None = None,
    before: bytes = b"",
    point_transform: int = 0,
) -> bytes:
    """Return a stream. `restart` counts lines; `factors` are (horizontal, vertical); `before` is put behind SOI."""
    count = len(planes)
    factors = factors or [(1, 1)] * count
    rows, columns = size or planes[0].shape
    table_ids = table_ids or [0] * count
    out = bytearray(b"\xff\xd8" + before)
    if oversize:
        out += _segment(0xF8, bytes((4, 4)) + struct.pack(">II", rows, columns))
    stated = (0, 0) if oversize else (0 if dnl else rows, columns)
    body = struct.pack(">BHHB", precision, *stated, count)
    for i, (h, v) in enumerate(factors):
        body += bytes((i + 1, h << 4 | v, 0))
    out += _segment(0xF7, body)
    if presets is not None:
        p = presets
        out += _segment(0xF8, struct.pack(">BHHHHH", 1, p.maxval, p.t1, p.t2, p.t3, p.reset))
    for identifier, (width, entries) in (tables or {}).items():
        out += _segment(0xF8, bytes((2, identifier, width)) + b"".join(e.to_bytes(width, "big") for e in entries))
    if restart:
        out += _segment(0xDD, struct.pack(">H", restart))
    scans = [[i] for i in range(count)] if interleave == NONE else [list(range(count))]
    for number, scan in enumerate(scans):
        body = bytes((len(scan),))
        for i in scan:
            body += bytes((i + 1, table_ids[i]))
        out += _segment(0xDA, body + bytes((near, interleave, point_transform)))
        resolved = (presets or Presets()).resolved(precision, near)
        vertical = [factors[i][1] if interleave == LINE else 1 for i in scan]
        heights = [planes[i].shape[0] for i in scan]
        step = restart or max(heights)
        for index in range(-(-max(-(-h // v) for h, v in zip(heights, vertical, strict=True)) // step)):
            if index:
                out += bytes((0xFF, 0xD0 + (index - 1) % 8))
            parts = [
                planes[i][index * step * v : (index + 1) * step * v].tolist()
                for i, v in zip(scan, vertical, strict=True)
            ]
            writer = BitWriter()
            coder = Coder(State(resolved, near, len(scan)), writer)
            widths = [planes[i].shape[1] for i in scan]
            _code_interval(coder, interleave, vertical, widths, [len(part) for part in parts], parts)
            out += writer.finish()
        if dnl and number == 0:
            out += _segment(0xDC, struct.pack(">H", rows))
    return bytes(out + b"\xff\xd9")


def decode(data: bytes) -> list[np.ndarray]:
    """Return the components of a stream, one by one, mapping tables applied. For right streams only."""
    at = 2
    presets, tables, restart = Presets(), {}, 0
    rows = columns = precision = 0
    factors: list[tuple[int, int]] = []
    identifiers: list[int] = []
    planes: dict[int, np.ndarray] = {}
    while len(planes) < max(1, len(identifiers)):
        code = data[at + 1]
        length = struct.unpack_from(">H", data, at + 2)[0]
        body = data[at + 4 : at + 2 + length]
        at += 2 + length
        if code == 0xF7:
            precision, lines, samples, count = struct.unpack_from(">BHHB", body)
            rows, columns = rows or lines, columns or samples
            identifiers = [body[6 + 3 * i] for i in range(count)]
            factors = [(body[7 + 3 * i] >> 4, body[7 + 3 * i] & 15) for i in range(count)]
        elif code == 0xF8 and body[0] == 1:
            presets = Presets(*struct.unpack(">HHHHH", body[1:11]))
        elif code == 0xF8 and body[0] in (2, 3):
            entries = [int.from_bytes(body[i : i + body[2]], "big") for i in range(3, len(body), body[2])]
            tables[body[1]] = (tables[body[1]] if body[0] == 3 else []) + entries
        elif code == 0xF8 and body[0] == 4:
            width = body[1]
            rows = int.from_bytes(body[2 : 2 + width], "big")
            columns = int.from_bytes(body[2 + width : 2 + 2 * width], "big")
        elif code == 0xDD:
            restart = int.from_bytes(body, "big")
        elif code == 0xDA:
            count = body[0]
            scan = [identifiers.index(body[1 + 2 * k]) for k in range(count)]
            ids = [body[2 + 2 * k] for k in range(count)]
            near, interleave = body[1 + 2 * count], body[2 + 2 * count]
            ends = [at]
            while not (data[ends[-1]] == 0xFF and data[ends[-1] + 1] >= 0x80 and not 0xD0 <= data[ends[-1] + 1] < 0xD8):
                ends.append(ends[-1] + 1)
            end = ends[-1]
            pieces, begin = [], at
            for i in range(at, end):
                if data[i] == 0xFF and 0xD0 <= data[i + 1] < 0xD8:
                    pieces.append(data[begin:i])
                    begin = i + 2
            pieces.append(data[begin:end])
            if rows == 0 and data[end + 1] == 0xDC:
                rows = int.from_bytes(data[end + 4 : end + 6], "big")
            h_max, v_max = max(h for h, _ in factors), max(v for _, v in factors)
            widths = [-(-columns * factors[i][0] // h_max) for i in scan]
            heights = [-(-rows * factors[i][1] // v_max) for i in scan]
            vertical = [factors[i][1] if interleave == LINE else 1 for i in scan]
            step = restart or max(heights)
            found: list[list] = [[] for _ in scan]
            for index, piece in enumerate(pieces):
                lines = [max(0, min(h - index * step * v, step * v)) for h, v in zip(heights, vertical, strict=True)]
                coder = Coder(State(presets.resolved(precision, near), near, count), BitReader(piece + bytes(8)))
                parts: list[list] = [[] for _ in scan]
                _code_interval(coder, interleave, vertical, widths, lines, parts)
                for whole, part in zip(found, parts, strict=True):
                    whole.extend(part)
            for i, plane, table in zip(scan, found, ids, strict=True):
                values = np.array(plane, np.int64)
                planes[i] = np.array(tables[table], np.int64)[values] if table else values
            at = end
    return [planes[i] for i in range(len(identifiers))]
