"""A tile of JPEG 2000, slowly: ISO/IEC 15444-1, Annexes B, E, G and H: its sub-bands, precincts, code-blocks and
packets, as an encoder makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from oracle import htj2k_block as high_throughput
from oracle import jpeg2000_block as tier1
from oracle import jpeg2000_wavelet as wavelet

Area = tuple[int, int, int, int]  # x0, y0, x1, y1
ORIENTATIONS = {"LL": 0, "HL": 1, "LH": 2, "HH": 3}
LRCP, RLCP, RPCL, PCRL, CPRL = range(5)
HIGH_THROUGHPUT, MIXED = 64, 128  # code-block styles of 15444-15; mixed is both


@dataclass(frozen=True)
class Coding:
    """COD or COC (Table A.13): of a tile-component. Exponents of two for sizes."""

    levels: int = 2
    block: tuple[int, int] = (4, 4)
    style: int = 0
    reversible: bool = True
    precincts: tuple[tuple[int, int], ...] = ()  # from the lowest resolution; () for 15 everywhere


@dataclass(frozen=True)
class Quantisation:
    """QCD or QCC (Table A.28): `exponent` and `mantissa` of the LL band, from which those of the others follow."""

    guard: int = 2
    exponent: int | None = None  # None: what the precision asks for
    mantissa: int = 0
    derived: bool = False


@dataclass
class Component:
    samples: np.ndarray
    precision: int
    is_signed: bool = False
    dx: int = 1
    dy: int = 1
    coding: Coding | None = None  # COC
    quantisation: Quantisation | None = None  # QCC
    roi: int = 0  # maximal shift; the region is a third of the coefficients, and those that are large


@dataclass(frozen=True)
class Change:
    """POC (Table A.32)."""

    order: int
    resolutions: tuple[int, int] = (0, 33)
    components: tuple[int, int] = (0, 16384)
    layers: int = 65535


def divide(area: Area, dx: int, dy: int) -> Area:
    return -(-area[0] // dx), -(-area[1] // dy), -(-area[2] // dx), -(-area[3] // dy)


class HeaderBits:
    """B.10.1: after an FF byte, the top bit of the next is a stuffed 0."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.current, self.left = 0, 8

    def put(self, value: int, count: int = 1) -> None:
        for i in reversed(range(count)):
            self.left -= 1
            self.current |= (value >> i & 1) << self.left
            if self.left == 0:
                self.flush()

    def flush(self) -> None:
        self.bytes.append(self.current)
        self.left = 7 if self.current == 0xFF else 8
        self.current = 0

    def finish(self) -> bytes:
        if self.left != (7 if self.bytes[-1:] == b"\xff" else 8) or self.bytes[-1:] == b"\xff":
            self.flush()
        if self.bytes[-1] == 0xFF:
            self.flush()
        return bytes(self.bytes)


class TagTree:
    """B.10.2"""

    def __init__(self, width: int, height: int, leaves: Sequence[int]) -> None:
        self.levels = [(width, height, list(leaves))]
        while (width, height) != (1, 1):
            below, values = (width, height), self.levels[-1][2]
            width, height = (width + 1) // 2, (height + 1) // 2
            least = [
                min(
                    values[v * below[0] + u]
                    for v in range(2 * y, min(2 * y + 2, below[1]))
                    for u in range(2 * x, min(2 * x + 2, below[0]))
                )
                for y in range(height)
                for x in range(width)
            ]
            self.levels.append((width, height, least))
        self.state = [[[0, False] for _ in values] for _, _, values in self.levels]

    def code(self, bits: HeaderBits, x: int, y: int, threshold: int) -> None:
        low = 0
        for level in reversed(range(len(self.levels))):
            width, _, values = self.levels[level]
            i = (y >> level) * width + (x >> level)
            node = self.state[level][i]
            node[0] = max(node[0], low)
            while node[0] < threshold and not node[1]:
                node[1] = values[i] == node[0]
                bits.put(int(node[1]))
                node[0] += not node[1]
            low = node[0]


@dataclass
class Share:
    """What one layer adds to a block: the passes and bytes of codeword segments."""

    parts: list[tuple[bytes, int]] = field(default_factory=list)
    tells_coder: bool = False  # the first length has a bit more: of an HT block where others are not


@dataclass
class Block:
    shares: list[Share]  # one a layer
    missing: int
    length_bits: int = 3

    @property
    def first_layer(self) -> int:
        return next((i for i, share in enumerate(self.shares) if share.parts), len(self.shares))


@dataclass
class PrecinctBand:
    width: int
    height: int
    blocks: list[Block]

    def __post_init__(self) -> None:
        if self.blocks:
            self.inclusion = TagTree(self.width, self.height, [b.first_layer for b in self.blocks])
            self.missing = TagTree(self.width, self.height, [b.missing for b in self.blocks])


def put_passes(bits: HeaderBits, passes: int) -> None:  # Table B.4
    for least, prefix, prefix_bits, width in (
        (37, 0x1FF, 9, 7),
        (6, 0xF, 4, 5),
        (3, 3, 2, 2),
        (2, 2, 2, 0),
        (1, 0, 1, 0),
    ):
        if passes >= least:
            bits.put(prefix, prefix_bits)
            bits.put(passes - least, width)
            return


def packet(bands: Sequence[PrecinctBand], layer: int) -> tuple[bytes, bytes]:
    """Header and body (B.10)."""
    bits = HeaderBits()
    body = b""
    if not any(block.shares[layer].parts for band in bands for block in band.blocks):
        bits.put(0)
        return bits.finish(), b""
    bits.put(1)
    for band in bands:
        for i, block in enumerate(band.blocks):
            x, y = i % band.width, i // band.width
            parts = block.shares[layer].parts
            if block.first_layer >= layer:
                band.inclusion.code(bits, x, y, layer + 1)
            else:
                bits.put(int(bool(parts)))
            if not parts:
                continue
            if block.first_layer == layer:
                for threshold in range(1, block.missing + 2):
                    band.missing.code(bits, x, y, threshold)
            put_passes(bits, sum(passes for _, passes in parts))
            widths = [len(data).bit_length() - (passes.bit_length() - 1) for data, passes in parts]
            if block.shares[layer].tells_coder:
                widths = [max(4, widths[0] + 1), *widths[1:]]
            grow = max(0, *(width - block.length_bits for width in widths))
            bits.put((1 << grow + 1) - 2, grow + 1)
            block.length_bits += grow
            for data, passes in parts:
                bits.put(len(data), block.length_bits + passes.bit_length() - 1)
                body += data
    return bits.finish(), body


def shows_its_coder(block: Block) -> bool:
    """Whether the first length of a block that is not of HTJ2K begins with a 1, or Lblock is 3 (15444-15, B.3): so it
    cannot be taken for an HT block's. Where passes are terminated, longer segments behind it may prevent that."""
    parts = next((share.parts for share in block.shares if share.parts), [])
    if not parts:
        return True
    widths = [len(data).bit_length() - (passes.bit_length() - 1) for data, passes in parts]
    return widths[0] == max(3, *widths) or (max(3, *widths) == 3 and len(parts[0][0]) > 0)


class TileComponent:
    """The sub-bands of a tile-component, quantised and coded; `rebuilt` is what a decoder makes of it."""

    def __init__(
        self,
        samples: np.ndarray,
        area: Area,
        component: Component,
        coding: Coding,
        quantisation: Quantisation,
        layers: int,
        rng: np.random.Generator,
        keep: float,
    ) -> None:
        self.area, self.coding, self.quantisation, self.layers = area, coding, quantisation, layers
        self.precision, self.roi, self.rng, self.keep = component.precision, component.roi, rng, keep
        bands = wavelet.forward(samples, area[0], area[1], coding.levels, reversible=coding.reversible)
        self.resolutions = []  # precincts of each
        self.rebuilt = []
        for r, of_resolution in enumerate(bands):
            rebuilt = {name: np.zeros(band.shape, band.dtype) for name, band in of_resolution.items()}
            self.rebuilt.append(rebuilt)
            self.resolutions.append([self.precinct(r, k, of_resolution, rebuilt) for k in range(self.precincts(r))])

    def resolution_area(self, r: int) -> Area:
        return divide(self.area, 1 << self.coding.levels - r, 1 << self.coding.levels - r)

    def exponents(self, r: int) -> tuple[int, int]:
        return self.coding.precincts[r] if self.coding.precincts else (15, 15)

    def wide(self, r: int) -> int:  # (B-16)
        x0, _, x1, _ = self.resolution_area(r)
        exponent = self.exponents(r)[0]
        return -(-x1 >> exponent) - (x0 >> exponent) if x1 > x0 else 0

    def precincts(self, r: int) -> int:
        _, y0, _, y1 = self.resolution_area(r)
        exponent = self.exponents(r)[1]
        return self.wide(r) * (-(-y1 >> exponent) - (y0 >> exponent) if y1 > y0 else 0)

    def band_area(self, r: int, name: str) -> Area:  # (B-15)
        level = self.coding.levels - max(r, 1) + 1 if self.coding.levels else 0
        half = 1 << level >> 1
        x, y = (half if name[0] == "H" else 0), (half if name[1] == "H" else 0)
        x0, y0, x1, y1 = self.area
        return divide((x0 - x, y0 - y, x1 - x, y1 - y), 1 << level, 1 << level)

    def step(self, r: int, name: str) -> tuple[int, int, float]:
        """Exponent and mantissa of a band, and Delta_b (E-3)."""
        q, levels = self.quantisation, self.coding.levels
        gain = {"LL": 0, "HL": 1, "LH": 1, "HH": 2}[name]
        exponent = self.precision + 1 if q.exponent is None else q.exponent
        if self.coding.reversible:
            return min(31, exponent + (gain if q.exponent is None else 0)), 0, 1.0
        if q.derived:  # (E-5)
            exponent += (levels - max(r, 1) + 1 if levels else 0) - levels
        return exponent, q.mantissa, 2.0 ** (self.precision + gain - exponent) * (1 + q.mantissa / 2048)

    def precinct(
        self, r: int, k: int, bands: dict[str, np.ndarray], rebuilt: dict[str, np.ndarray]
    ) -> list[PrecinctBand]:
        x0, y0, _, _ = self.resolution_area(r)
        width_exponent, height_exponent = self.exponents(r)
        column, row = k % self.wide(r) + (x0 >> width_exponent), k // self.wide(r) + (y0 >> height_exponent)
        if r > 0:
            width_exponent, height_exponent = width_exponent - 1, height_exponent - 1
        xcb, ycb = min(self.coding.block[0], width_exponent), min(self.coding.block[1], height_exponent)  # (B-17)
        found = []
        for name, band in bands.items():
            bx0, by0, bx1, by1 = self.band_area(r, name)
            assert band.shape == (by1 - by0, bx1 - bx0)
            left, right = max(bx0, column << width_exponent), min(bx1, column + 1 << width_exponent)
            top, bottom = max(by0, row << height_exponent), min(by1, row + 1 << height_exponent)
            if left >= right or top >= bottom:
                found.append(PrecinctBand(0, 0, []))
                continue
            columns = range(left >> xcb, (right - 1 >> xcb) + 1)
            rows = range(top >> ycb, (bottom - 1 >> ycb) + 1)
            blocks = []
            for y in rows:
                for x in columns:
                    where = (
                        slice(max(top, y << ycb) - by0, min(bottom, y + 1 << ycb) - by0),
                        slice(max(left, x << xcb) - bx0, min(right, x + 1 << xcb) - bx0),
                    )
                    block, values = self.code_block(r, name, band[where])
                    rebuilt[name][where] = values
                    blocks.append(block)
            found.append(PrecinctBand(len(columns), len(rows), blocks))
        return found

    def code_block(self, r: int, name: str, band: np.ndarray) -> tuple[Block, np.ndarray]:
        exponent, _, delta = self.step(r, name)
        most_planes = self.quantisation.guard + exponent - 1  # (E-2)
        coefficients = band if self.coding.reversible else np.trunc(band / delta).astype(np.int64)
        assert int(np.abs(coefficients).max()).bit_length() <= most_planes, (name, most_planes)
        region = self.rng.random(band.shape) < 1 / 3
        if self.roi:  # H.2: 2^s is above all of the background
            region |= np.abs(coefficients) >> self.roi != 0
            coefficients = np.where(region, coefficients << self.roi, coefficients)
        planes = int(np.abs(coefficients).max()).bit_length()
        missing = most_planes + self.roi - planes
        if planes == 0:
            return Block([Share() for _ in range(self.layers)], most_planes + self.roi), np.zeros_like(band)
        is_mixed = bool(self.coding.style & MIXED)
        if self.coding.style & HIGH_THROUGHPUT and not (is_mixed and self.rng.random() < 1 / 2):
            block, doubled = self.high_throughput_block(coefficients, most_planes + self.roi)
            return block, self.dequantised(doubled, delta)
        all_passes = 3 * planes - 2
        passes = all_passes if self.keep >= 1 else int(self.rng.integers(0, all_passes + 1))
        options = {"orientation": ORIENTATIONS[name], "style": self.coding.style, "planes": planes}
        segments = tier1.encode_block(coefficients, passes=passes, **options)
        if passes == all_passes:
            doubled = np.sign(coefficients) * (2 * np.abs(coefficients) + 1)
        else:
            doubled, _ = tier1.decode_block(segments, band.shape, **options)
        block = Block(self.share(segments), missing)
        if is_mixed and self.coding.style & (tier1.BYPASS | tier1.TERMINATE) and not shows_its_coder(block):
            block, doubled = self.high_throughput_block(coefficients, most_planes + self.roi)
        return block, self.dequantised(doubled, delta)

    def dequantised(self, doubled: np.ndarray, delta: float) -> np.ndarray:
        magnitude = np.abs(doubled)
        if self.roi:  # H.1
            magnitude = np.where(magnitude >> 1 >> self.roi != 0, magnitude >> self.roi, magnitude)
        whole = magnitude >> 1 if self.coding.reversible else magnitude * 0.5 * delta
        return np.sign(doubled) * whole

    def high_throughput_block(self, coefficients: np.ndarray, planes: int) -> tuple[Block, np.ndarray]:
        """HT sets, one bit-plane after the other, the last one whole; some are empty (15444-15, B.3)."""
        sets = int(self.rng.integers(1, min(3, planes) + 1))
        total = 3 * sets - 2
        if self.keep < 1:
            total = int(self.rng.integers(1, total + 1))
        causal = bool(self.coding.style & tier1.CAUSAL)
        ends = [*sorted(int(end) for end in self.rng.integers(0, total + 1, self.layers - 1)), total]
        has_data = self.sets_with_data(total, ends)
        passes = [b""] * total
        doubled = np.zeros_like(coefficients)
        for first in (first for first in range(0, total, 3) if has_data[first // 3]):
            options = {"plane": sets - 1 - first // 3, "passes": min(3, total - first), "causal": causal}
            fuses = bool(self.rng.integers(2))
            cleanup, refinement = high_throughput.encode_block(coefficients, fuses=fuses, **options)
            doubled = high_throughput.decode_block(cleanup, refinement, coefficients.shape, planes=planes, **options)
            at = int(self.rng.integers(0, len(refinement) + 1)) if options["passes"] == 3 else len(refinement)
            passes[first : first + 3] = (cleanup, refinement[:at], refinement[at:])[: options["passes"]]
        return Block(self.share_sets(passes, ends), planes - sets), doubled

    def sets_with_data(self, total: int, ends: Sequence[int]) -> list[bool]:
        """The last one has; of the packet that brings the first data, no set but the last can have."""
        sets = range(0, total, 3)
        has_data = [first + 3 >= total or bool(self.rng.integers(2)) for first in sets]
        packet_of = [next(i for i, end in enumerate(ends) if first < end) for first in sets]
        for i in range(len(sets) - 1):
            if not any(has_data[:i]) and packet_of[i] == packet_of[i + 1]:
                has_data[i] = False
        return has_data

    def share_sets(self, passes: Sequence[bytes], ends: Sequence[int]) -> list[Share]:
        """What each layer adds. What comes before the first data is of one length with it."""
        shares = [Share() for _ in range(self.layers)]
        first_data = next(i for i, data in enumerate(passes) if data)
        for share, begin, end in zip(shares, [0, *ends], ends, strict=False):
            for i in range(begin, end):
                if i <= first_data:
                    share.parts = [(passes[i], i + 1 - begin)]
                    share.tells_coder = i == first_data and bool(self.coding.style & MIXED)
                elif i % 3 == 2 and i > begin:
                    share.parts[-1] = (share.parts[-1][0] + passes[i], 2)
                else:
                    share.parts.append((passes[i], 1))
        return shares

    def share(self, segments: Sequence[tier1.Segment]) -> list[Share]:
        """Divide passes among layers anyhow; the bytes of a segment that is divided, as anyhow."""
        shares = [Share() for _ in range(self.layers)]
        total = sum(segment.passes for segment in segments)
        ends = sorted(int(end) for end in self.rng.integers(0, total + 1, self.layers - 1))
        ends.append(total)
        layer, done = 0, 0
        for segment in segments:
            data, left = segment.data, segment.passes
            while left:
                while done >= ends[layer]:
                    layer += 1
                now = min(left, ends[layer] - done)
                size = len(data) if now == left else int(self.rng.integers(0, len(data) + 1))
                shares[layer].parts.append((data[:size], now))
                data, left, done = data[size:], left - now, done + now
        return shares


def packets(
    area: Area, components: Sequence[Component], parts: Sequence[TileComponent], changes: Sequence[Change], layers: int
) -> Iterator[tuple[int, int, int, int]]:
    """(layer, resolution, component, precinct) in the order of B.12, each once."""
    seen = set()
    for change in changes:
        for place in volume(area, components, parts, change, layers):
            if place not in seen:
                seen.add(place)
                yield place


def volume(
    area: Area, components: Sequence[Component], parts: Sequence[TileComponent], change: Change, layers: int
) -> Iterator[tuple[int, int, int, int]]:
    most = max(part.coding.levels for part in parts) + 1
    all_layers = range(min(layers, change.layers))
    all_resolutions = range(change.resolutions[0], min(most, change.resolutions[1]))
    all_components = range(change.components[0], min(len(parts), change.components[1]))

    def exists(r: int, c: int) -> bool:
        return r <= parts[c].coding.levels

    if change.order in (LRCP, RLCP):
        outer = ((x, y) for x in all_layers for y in all_resolutions)
        if change.order == RLCP:
            outer = ((x, y) for y in all_resolutions for x in all_layers)
        for layer, r in outer:
            for i in (i for i in all_components if exists(r, i)):
                yield from ((layer, r, i, k) for k in range(parts[i].precincts(r)))
        return

    def at(x: int, y: int, r: int, i: int) -> Iterator[tuple[int, int, int, int]]:
        if not exists(r, i) or not parts[i].precincts(r):
            return
        part, component = parts[i], components[i]
        level = part.coding.levels - r
        rx0, ry0, _, _ = part.resolution_area(r)
        px, py = part.exponents(r)
        starts_y = y % (component.dy << py + level) == 0 or (y == area[1] and (ry0 << level) % (1 << py + level) != 0)
        starts_x = x % (component.dx << px + level) == 0 or (x == area[0] and (rx0 << level) % (1 << px + level) != 0)
        if not (starts_x and starts_y):
            return
        across = (-(-x // (component.dx << level)) >> px) - (rx0 >> px)  # (B-20)
        down = (-(-y // (component.dy << level)) >> py) - (ry0 >> py)
        k = across + part.wide(r) * down
        yield from ((layer, r, i, k) for layer in all_layers)

    ys, xs = range(area[1], area[3]), range(area[0], area[2])
    if change.order == RPCL:
        for r, y, x, i in ((r, y, x, i) for r in all_resolutions for y in ys for x in xs for i in all_components):
            yield from at(x, y, r, i)
    elif change.order == PCRL:
        for y, x, i, r in ((y, x, i, r) for y in ys for x in xs for i in all_components for r in all_resolutions):
            yield from at(x, y, r, i)
    else:
        for i, y, x, r in ((i, y, x, r) for i in all_components for y in ys for x in xs for r in all_resolutions):
            yield from at(x, y, r, i)
