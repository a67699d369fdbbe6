"""Code-blocks of HTJ2K, slowly: ISO/IEC 15444-15, clause 7 and Annex C, both directions.

A block is an array of coefficients. `encode_block` writes an HT set: a cleanup pass that codes every bit-plane down to
`plane`, and a refinement segment (significance propagation, magnitude refinement) for the plane below. `decode_block`
reads them.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np


def _load_tables() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts/make_ht_tables.py"
    spec = importlib.util.spec_from_file_location("make_ht_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TABLES = _load_tables()
CODES = (_TABLES.codes(_TABLES.FIRST_ROW), _TABLES.codes(_TABLES.OTHER_ROWS))
WORDS = tuple({(code.context, code.bits): code for code in table} for table in CODES)
MEL_EXPONENTS = (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5)  # Table 2


class DamagedError(ValueError):
    """What a block holds cannot be right."""


# --- the three bit-streams of a cleanup segment, and the two of a refinement segment ------------------


class ForwardBits:
    """MagSgn (past the end: ones) and SigProp (zeroes): the least significant bit first, 7 after an FF byte."""

    def __init__(self, data: bytes, past_end: int) -> None:
        self.data, self.past_end = data, past_end
        self.position = self.left = self.current = self.last = 0
        self.read = 0

    def bit(self) -> int:
        if self.left == 0:
            self.left = 7 if self.last == 0xFF else 8
            inside = self.position < len(self.data)
            self.current = self.last = self.data[self.position] if inside else self.past_end
            self.position += 1
        value = self.current & 1
        self.current >>= 1
        self.left -= 1
        self.read += 1
        return value

    def bits(self, count: int) -> int:
        return sum(self.bit() << i for i in range(count))


class BackwardBits:
    """VLC and MagRef: from the end, the least significant bit first; zeroes past the beginning."""

    def __init__(self, data: bytes, *, is_vlc: bool) -> None:
        self.data = data
        self.position = len(data) - 1
        self.current = self.left = 0
        self.last = 0xFF
        if is_vlc:
            self.last = data[-2] | 0x0F
            self.current = self.last >> 4
            self.left = 3 if self.current & 7 == 7 else 4
            self.position = len(data) - 3

    def bit(self) -> int:
        if self.left == 0:
            self.current = self.data[self.position] if self.position >= 0 else 0
            self.left = 7 if self.last > 0x8F and self.current & 0x7F == 0x7F else 8
            self.last = self.current
            self.position -= 1
        value = self.current & 1
        self.current >>= 1
        self.left -= 1
        return value

    def bits(self, count: int) -> int:
        return sum(self.bit() << i for i in range(count))


class MelDecoder:
    """7.3.3: runs of 0, adaptively."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = self.left = self.current = 0
        self.state = self.run = 0
        self.ends_with_one = False

    def bit(self) -> int:
        if self.left == 0:
            self.left = 7 if self.current == 0xFF else 8
            self.current = self.data[self.position] if self.position < len(self.data) else 0xFF
            self.position += 1
        self.left -= 1
        return self.current >> self.left & 1

    def symbol(self) -> int:
        if self.run == 0 and not self.ends_with_one:
            exponent = MEL_EXPONENTS[self.state]
            if self.bit():
                self.run = 1 << exponent
                self.state = min(12, self.state + 1)
            else:
                for _ in range(exponent):
                    self.run = 2 * self.run + self.bit()
                self.state = max(0, self.state - 1)
                self.ends_with_one = True
        if self.run > 0:
            self.run -= 1
            return 0
        self.ends_with_one = False
        return 1


# --- cleanup ------------------------------------------------------------------------------------------


def neighbours_above(values: np.ndarray, row: int, quad: int) -> list[int]:
    """Return the values of the row of samples above a quad: above left to above right."""
    if row == 0:
        return [0, 0, 0, 0]
    line = values[2 * row - 1]
    return [int(line[x]) if 0 <= x < len(line) else 0 for x in range(2 * quad - 1, 2 * quad + 3)]


def context_of(significant: np.ndarray, row: int, quad: int) -> int:
    """7.3.5; `significant` covers whole quads."""
    before = significant[2 * row : 2 * row + 2, 2 * quad - 2 : 2 * quad] if quad > 0 else np.zeros((2, 2), np.int64)
    if row == 0:
        return int(before[0, 0] | before[1, 0]) + 2 * int(before[0, 1]) + 4 * int(before[1, 1])
    above = neighbours_above(significant, row, quad)
    return (above[0] | above[1]) + 2 * int(before[0, 1] | before[1, 1]) + 4 * (above[2] | above[3])


def predicted_exponent(exponents: np.ndarray, row: int, quad: int, rho: int) -> int:
    """7.3.7: kappa."""
    if row == 0 or rho in (0, 1, 2, 4, 8):
        return 1
    return max(1, max(neighbours_above(exponents, row, quad)) - 1)


def decode_prefix(vlc: BackwardBits) -> int:
    """Table 3"""
    for prefix in (1, 2, 3):
        if vlc.bit():
            return prefix
    return 5


def decode_suffix(vlc: BackwardBits, prefix: int) -> int:
    return vlc.bits({3: 1, 5: 5}.get(prefix, 0))


def decode_residuals(vlc: BackwardBits, mel: MelDecoder, row: int, has: list[int]) -> list[int]:
    """7.3.6: u of a pair of quads; `has` is u_off of each."""
    both_far = row == 0 and all(has) and mel.symbol() == 1
    prefixes = [0, 0]
    for i in (0, 1):
        if not has[i]:
            continue
        if i == 1 and row == 0 and has[0] and not both_far and prefixes[0] > 2:
            prefixes[1] = vlc.bit() + 1
        else:
            prefixes[i] = decode_prefix(vlc)
    suffixes = [decode_suffix(vlc, prefix) for prefix in prefixes]
    extensions = [vlc.bits(4) if suffix >= 28 else 0 for suffix in suffixes]
    offset = 2 if both_far else 0
    return [
        prefix + suffix + 4 * extension + offset if is_coded else 0
        for prefix, suffix, extension, is_coded in zip(prefixes, suffixes, extensions, has, strict=True)
    ]


def decode_quad(vlc: BackwardBits, mel: MelDecoder, row: int, context: int):  # type: ignore[no-untyped-def]
    if context == 0 and mel.symbol() == 0:
        return _TABLES.Code(0, "", 0, 0, 0, 0)
    word = ""
    table = WORDS[0 if row == 0 else 1]
    while (context, word) not in table:
        word += str(vlc.bit())
    return table[context, word]


@dataclass
class Cleanup:
    magnitude: np.ndarray
    negative: np.ndarray
    read: int  # bits of MagSgn


def split_cleanup(segment: bytes) -> tuple[bytes, bytes]:
    """7.1: the MagSgn bytes, and those that MEL and VLC share."""
    if len(segment) < 2:
        raise DamagedError("a cleanup segment of fewer than 2 bytes")
    length = 16 * segment[-1] + (segment[-2] & 0x0F)
    if not 2 <= length <= min(len(segment), 4079):
        raise DamagedError("Scup is out of its range")
    suffix = segment[-length:-2] + bytes([segment[-2] | 0x0F, 0xFF])
    return segment[:-length], suffix


def decode_cleanup(segment: bytes, shape: tuple[int, int], most: int) -> Cleanup:
    """`most`: what no exponent may be above."""
    first, suffix = split_cleanup(segment)
    magsgn, mel, vlc = ForwardBits(first, 0xFF), MelDecoder(suffix), BackwardBits(suffix, is_vlc=True)
    quads = (-(-shape[0] // 2), -(-shape[1] // 2))
    whole = (2 * quads[0], 2 * quads[1])
    significant, exponents = np.zeros(whole, np.int64), np.zeros(whole, np.int64)
    magnitude, negative = np.zeros(whole, np.int64), np.zeros(whole, np.int64)
    for row in range(quads[0]):
        for pair in range(0, quads[1], 2):
            codes = []
            for quad in range(pair, min(pair + 2, quads[1])):
                code = decode_quad(vlc, mel, row, context_of(significant, row, quad))
                codes.append(code)
                for n in range(4):
                    significant[2 * row + n % 2, 2 * quad + n // 2] = code.rho >> n & 1
            has = [code.u_off for code in codes]
            residuals = decode_residuals(vlc, mel, row, has + [0] * (2 - len(has)))
            for quad, code in enumerate(codes, pair):
                bound = residuals[quad - pair] + predicted_exponent(exponents, row, quad, code.rho)
                if bound > most:
                    raise DamagedError("an exponent is out of its range")
                for n in range(4):
                    if not code.rho >> n & 1:
                        continue
                    count = bound - (code.e_k >> n & 1)
                    value = magsgn.bits(count) | (code.e_1 >> n & 1) << count
                    at = 2 * row + n % 2, 2 * quad + n // 2
                    magnitude[at] = (value >> 1) + 1
                    negative[at] = value & 1
                    exponents[at] = (value | 1).bit_length()
    inside = slice(shape[0]), slice(shape[1])
    return Cleanup(magnitude[inside], negative[inside], magsgn.read)


# --- refinement ---------------------------------------------------------------------------------------


def groups(shape: tuple[int, int]):  # type: ignore[no-untyped-def]
    """7.4: four columns of a stripe of four rows at a time, column by column."""
    for top in range(0, shape[0], 4):
        for left in range(0, shape[1], 4):
            yield [(y, x) for x in range(left, min(left + 4, shape[1])) for y in range(top, min(top + 4, shape[0]))]


def has_neighbour(significant: np.ndarray, y: int, x: int, *, causal: bool) -> bool:
    bottom = y + 2 if not (causal and y % 4 == 3) else y + 1
    return bool(significant[max(0, y - 1) : bottom, max(0, x - 1) : x + 2].any())


def decode_block(
    cleanup: bytes,
    refinement: bytes,
    shape: tuple[int, int],
    *,
    planes: int,
    plane: int = 0,
    passes: int = 1,
    causal: bool = False,
) -> np.ndarray:
    """Coefficients x 2, with the half of the last bit-plane that was decoded where they are not 0.

    `planes` is M_b of the sub-band, `plane` the one of the cleanup pass, `passes` those of the HT set that are there.
    """
    if passes > 1 and plane == 0:
        raise DamagedError("there is no bit-plane to refine")
    decoded = decode_cleanup(cleanup, shape, planes - plane + 1)
    value = [[int(m) << plane + 1 | (1 << plane if m else 0) for m in line] for line in decoded.magnitude]
    sign = decoded.negative.copy()
    first = decoded.magnitude != 0
    if passes > 1:
        significant = first.copy()
        forward = ForwardBits(refinement, 0)
        for group in groups(shape):
            found = []
            for y, x in group:
                if not significant[y, x] and has_neighbour(significant, y, x, causal=causal) and forward.bit():
                    significant[y, x] = True
                    value[y][x] = 3 << (plane - 1)
                    found.append((y, x))
            for at in found:
                sign[at] = forward.bit()
    if passes > 2:
        backward = BackwardBits(refinement, is_vlc=False)
        for group in groups(shape):
            for y, x in group:
                if first[y, x]:  # the half gives way to the bit, and to its half
                    value[y][x] += (1 << plane - 1) if backward.bit() else -(1 << plane - 1)
    return np.where(sign == 1, -1, 1) * np.array(value, dtype=np.int64)


# --- encoding -----------------------------------------------------------------------------------------


class ForwardWriter:
    def __init__(self) -> None:
        self.data = bytearray()
        self.current = self.used = 0

    def bit(self, value: int) -> None:
        self.current |= value << self.used
        self.used += 1
        if self.used == (7 if self.data[-1:] == b"\xff" else 8):
            self.data.append(self.current)
            self.current = self.used = 0

    def bits(self, value: int, count: int) -> None:
        for i in range(count):
            self.bit(value >> i & 1)

    def finish(self, fill: int) -> bytes:
        """MagSgn is filled with ones, and ends before those that a decoder adds; SigProp with zeroes."""
        while self.used:
            self.bit(fill)
        if fill == 1 and self.data[-1:] == b"\xff":
            del self.data[-1:]
        if fill == 0 and self.data[-1:] == b"\xff":
            self.data.append(0)
        return bytes(self.data)


class BackwardWriter:
    def __init__(self, *, is_vlc: bool) -> None:
        self.data = bytearray()  # the last byte first
        self.current, self.used = (0x0F, 4) if is_vlc else (0, 0)
        self.last = 0xFF

    def bit(self, value: int) -> None:
        self.current |= value << self.used
        self.used += 1
        if self.used == 7 and self.last > 0x8F and self.current == 0x7F:
            self.used = 8
        if self.used == 8:
            self.flush()

    def flush(self) -> None:
        self.data.append(self.current)
        self.last = self.current
        self.current = self.used = 0

    def bits(self, value: int, count: int) -> None:
        for i in range(count):
            self.bit(value >> i & 1)

    def finish(self) -> bytes:
        if self.used:
            self.flush()
        return bytes(self.data[::-1])


class MelEncoder:
    def __init__(self) -> None:
        self.data = bytearray()
        self.current, self.left = 0, 8
        self.state = self.run = 0

    def bit(self, value: int) -> None:
        self.left -= 1
        self.current |= value << self.left
        if self.left == 0:
            self.data.append(self.current)
            self.left = 7 if self.current == 0xFF else 8
            self.current = 0

    def symbol(self, value: int) -> None:
        exponent = MEL_EXPONENTS[self.state]
        if value == 0:
            self.run += 1
            if self.run == 1 << exponent:
                self.bit(1)
                self.run = 0
                self.state = min(12, self.state + 1)
            return
        self.bit(0)
        for i in reversed(range(exponent)):
            self.bit(self.run >> i & 1)
        self.run = 0
        self.state = max(0, self.state - 1)

    def finish(self) -> None:
        if self.run:
            self.bit(1)


def prefix_of(u: int) -> tuple[str, int]:
    """Table 3: the prefix's bits, and what it stands for."""
    return ("1", 1) if u == 1 else ("01", 2) if u == 2 else ("001", 3) if u <= 4 else ("000", 5)


def encode_residuals(vlc: BackwardWriter, mel: MelEncoder, row: int, u: list[int]) -> None:
    far = False
    if row == 0 and all(u):
        far = min(u) > 2
        mel.symbol(int(far))
    rest = [value - 2 if far else value for value in u]
    short = row == 0 and all(u) and not far and rest[0] > 2
    for i, value in enumerate(rest):
        if value == 0:
            continue
        if i == 1 and short:
            vlc.bit(value - 1)
        else:
            for bit in prefix_of(value)[0]:
                vlc.bit(int(bit))
    suffixes = [0, 0]
    for i, value in enumerate(rest):
        if value == 0 or (i == 1 and short):
            continue
        prefix = prefix_of(value)[1]
        suffixes[i] = value - prefix if value - prefix < 32 and value < 33 else 28 + (value - 33) % 4
        vlc.bits(suffixes[i], {3: 1, 5: 5}.get(prefix, 0))
    for value, suffix in zip(rest, suffixes, strict=True):
        if suffix >= 28:
            vlc.bits((value - 5 - suffix) // 4, 4)


def encode_cleanup(magnitude: np.ndarray, negative: np.ndarray, *, fuses: bool = True) -> bytes:
    height, width = magnitude.shape
    quads = (-(-height // 2), -(-width // 2))
    padded = np.zeros((2 * quads[0], 2 * quads[1]), np.int64)
    padded[:height, :width] = magnitude
    sign = np.zeros_like(padded)
    sign[:height, :width] = negative
    significant = (padded != 0).astype(np.int64)
    exponents = np.vectorize(lambda m: (2 * int(m) - 1).bit_length() if m else 0, otypes=[np.int64])(padded)
    magsgn, mel, vlc = ForwardWriter(), MelEncoder(), BackwardWriter(is_vlc=True)
    for row in range(quads[0]):
        for pair in range(0, quads[1], 2):
            u = [0, 0]
            for quad in range(pair, min(pair + 2, quads[1])):
                at = [(2 * row + n % 2, 2 * quad + n // 2) for n in range(4)]
                rho = sum(int(significant[p]) << n for n, p in enumerate(at))
                context = context_of(significant, row, quad)
                if context == 0:
                    mel.symbol(int(rho != 0))
                    if rho == 0:
                        continue
                kappa = predicted_exponent(exponents, row, quad, rho)
                bound = max(kappa, *(int(exponents[p]) for p in at))
                u[quad - pair] = bound - kappa
                reach = sum(int(exponents[p] == bound) << n for n, p in enumerate(at)) if bound > kappa else 0
                code = next(
                    code
                    for code in sorted(CODES[min(row, 1)], key=lambda code: (-code.e_k.bit_count(), len(code.bits)))
                    if (code.context, code.rho, code.u_off) == (context, rho, int(bound > kappa))
                    and reach & code.e_k == code.e_1
                )
                for bit in code.bits:
                    vlc.bit(int(bit))
                for n, p in enumerate(at):
                    if rho >> n & 1:
                        magsgn.bits(2 * (int(padded[p]) - 1) + int(sign[p]), bound - (code.e_k >> n & 1))
            encode_residuals(vlc, mel, row, u)
    return join_cleanup(magsgn.finish(1), mel, vlc, fuses=fuses)


def join_cleanup(magsgn: bytes, mel: MelEncoder, vlc: BackwardWriter, *, fuses: bool) -> bytes:
    """MEL and VLC may share the byte where they meet."""
    mel.finish()
    mel_mask = 0xFF << mel.left & 0xFF
    vlc_mask = (1 << vlc.used) - 1
    both = mel.current | vlc.current
    same = (both ^ mel.current) & mel_mask == 0 and (both ^ vlc.current) & vlc_mask == 0
    if fuses and same and both != 0xFF and vlc.data:
        middle = bytes([both])
    else:
        ends = bytearray()
        if mel.left < 8 and not (mel.left == 7 and mel.data[-1:] == b"\xff"):
            ends.append(mel.current)
        elif mel.data[-1:] == b"\xff":
            ends.append(0)
        if vlc.used:
            vlc.flush()
        middle = bytes(ends)
    suffix = bytearray(bytes(mel.data) + middle + bytes(vlc.data[::-1]) + b"\0")
    suffix[-2] = suffix[-2] & 0xF0 | len(suffix) & 0x0F
    suffix[-1] = len(suffix) >> 4
    return magsgn + bytes(suffix)


def encode_block(
    block: np.ndarray, *, plane: int = 0, passes: int = 1, causal: bool = False, fuses: bool = True
) -> tuple[bytes, bytes]:
    """Return the cleanup segment and the refinement segment of an HT set."""
    magnitude = np.abs(block)
    negative = (block < 0).astype(np.int64)
    first = magnitude >> plane
    cleanup = encode_cleanup(first, negative, fuses=fuses)
    forward, backward = ForwardWriter(), BackwardWriter(is_vlc=False)
    significant = first != 0
    if passes > 1:
        for group in groups(block.shape):
            found = []
            for y, x in group:
                if significant[y, x] or not has_neighbour(significant, y, x, causal=causal):
                    continue
                bit = int(magnitude[y, x] >> (plane - 1) & 1)
                forward.bit(bit)
                if bit:
                    significant[y, x] = True
                    found.append((y, x))
            for at in found:
                forward.bit(int(negative[at]))
    if passes > 2:
        for group in groups(block.shape):
            for y, x in group:
                if first[y, x]:
                    backward.bit(int(magnitude[y, x] >> (plane - 1) & 1))
    return cleanup, forward.finish(0) + backward.finish()
