"""A codestream of JPEG 2000, slowly: ISO/IEC 15444-1, Annex A. Writes what no public encoder does: packed packet
headers, tile-parts interleaved, components that are not alike, any precision.

`write` returns the bytes, and what each component is once they are decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from oracle import jpeg2000_wavelet as wavelet
from oracle.jpeg2000_tile import (
    Area,
    Change,
    Coding,
    Component,
    Quantisation,
    TileComponent,
    divide,
    packet,
    packets,
)

Header = tuple[bytes, bytes]  # of a packet, and its body


@dataclass
class Image:
    components: list[Component]
    area: Area
    tile: Area | None = None  # width, height, x and y of the first
    coding: Coding = field(default_factory=Coding)
    quantisation: Quantisation = field(default_factory=Quantisation)
    order: int = 0
    layers: int = 1
    transform: bool = False  # of the first three components
    changes: Sequence[Change] = ()  # POC of the main header
    tile_changes: dict[int, Sequence[Change]] = field(default_factory=dict)  # and of tiles
    tile_coding: dict[int, Coding] = field(default_factory=dict)  # COD of tiles, which is for every component
    tile_quantisation: dict[int, Quantisation] = field(default_factory=dict)
    sop: bool = False
    eph: bool = False
    packed: str = ""  # "main" or "tile": PPM or PPT
    packed_size: int = 40  # bytes in a segment of those
    packed_restarts: bool = False  # Zppt counts from 0 in each tile-part
    parts: int = 1  # tile-parts of a tile
    arrange: Callable[[list[tuple[int, int]]], list[tuple[int, int]]] = list  # (tile, part), in order
    count_last: bool = True  # TNsot; 0 otherwise
    lengths: bool = True  # Psot; 0 in the last tile-part otherwise
    extras: bool = False  # TLM, PLT, CRG and COM
    keep: float = 1  # below 1, blocks lose passes at their ends
    ends: bool = True  # EOC
    seed: int = 0


def segment(code: int, content: bytes) -> bytes:
    return struct.pack(">HH", code, len(content) + 2) + content


def coding_parameters(coding: Coding) -> bytes:  # Table A.15
    precincts = bytes(x | y << 4 for x, y in coding.precincts)
    head = (coding.levels, coding.block[0] - 2, coding.block[1] - 2, coding.style, int(coding.reversible))
    return bytes(head) + precincts


def quantisation_parameters(part: TileComponent) -> bytes:  # Table A.28
    q = part.quantisation
    names = [(r, name) for r, bands in enumerate(part.rebuilt) for name in bands]
    if part.coding.reversible:
        return bytes([q.guard << 5, *(part.step(r, name)[0] << 3 for r, name in names)])
    if q.derived:
        names = names[:1]
    steps = (part.step(r, name)[:2] for r, name in names)
    return bytes([q.guard << 5 | (1 if q.derived else 2)]) + b"".join(
        struct.pack(">H", exponent << 11 | mantissa) for exponent, mantissa in steps
    )


def default_coding(image: Image, coding: Coding) -> bytes:  # Table A.12
    style = (1 if coding.precincts else 0) | (2 if image.sop else 0) | (4 if image.eph else 0)
    head = struct.pack(">BBHB", style, image.order, image.layers, int(image.transform))
    return segment(0xFF52, head + coding_parameters(coding))


def number(image: Image, component: int) -> bytes:
    return struct.pack(">B" if len(image.components) < 257 else ">H", component)


def progression_changes(image: Image, changes: Sequence[Change]) -> bytes:
    content = b""
    for change in changes:
        content += struct.pack(">B", change.resolutions[0]) + number(image, change.components[0])
        content += struct.pack(">HB", min(change.layers, image.layers), change.resolutions[1])
        end = min(change.components[1], len(image.components))
        content += number(image, 0 if end == 256 else end)  # Table A.32
        content += struct.pack(">B", change.order)
    return segment(0xFF5F, content)


def tile_areas(image: Image) -> list[Area]:  # B.3
    if image.tile is None:
        return [image.area]
    x0, y0, x1, y1 = image.area
    width, height, x, y = image.tile
    across, down = -(-(x1 - x) // width), -(-(y1 - y) // height)
    return [
        (
            max(x + p * width, x0),
            max(y + q * height, y0),
            min(x + (p + 1) * width, x1),
            min(y + (q + 1) * height, y1),
        )
        for q in range(down)
        for p in range(across)
    ]


class Tile:
    def __init__(self, image: Image, index: int, area: Area, out: list[np.ndarray]) -> None:
        self.image, self.index, self.area = image, index, area
        rng = np.random.default_rng((image.seed, index))
        areas = [divide(area, c.dx, c.dy) for c in image.components]
        corners = [divide(image.area, c.dx, c.dy)[:2] for c in image.components]
        wheres = [
            (slice(y0 - v, y1 - v), slice(x0 - u, x1 - u))
            for (x0, y0, x1, y1), (u, v) in zip(areas, corners, strict=True)
        ]
        codings = [image.tile_coding.get(index) or c.coding or image.coding for c in image.components]
        planes = [
            c.samples[where].astype(np.int64) - (0 if c.is_signed else 1 << (c.precision - 1))  # G.1
            for c, where in zip(image.components, wheres, strict=True)
        ]
        if image.transform:
            planes[:3] = forward_transform(planes[:3], reversible=codings[0].reversible)
        self.parts = []
        for c, coding, plane, tile_area in zip(image.components, codings, planes, areas, strict=True):
            q = image.tile_quantisation.get(index) or c.quantisation or image.quantisation
            samples = plane if coding.reversible else plane.astype(np.float64)
            self.parts.append(TileComponent(samples, tile_area, c, coding, q, image.layers, rng, image.keep))
        rebuilt = [
            wavelet.inverse(part.rebuilt, tile_area, reversible=part.coding.reversible)
            for part, tile_area in zip(self.parts, areas, strict=True)
        ]
        if image.transform:
            rebuilt[:3] = inverse_transform(rebuilt[:3], reversible=codings[0].reversible)
        for c, plane, where, target in zip(image.components, rebuilt, wheres, out, strict=True):
            target[where] = plane + (0 if c.is_signed else 1 << (c.precision - 1))
        self.packets = self.write_packets()

    def write_packets(self) -> list[Header]:
        image = self.image
        changes = self.image.tile_changes.get(self.index) or image.changes or (Change(image.order),)
        found = []
        for layer, r, c, k in packets(self.area, image.components, self.parts, changes, image.layers):
            header, body = packet(self.parts[c].resolutions[r][k], layer)
            if image.eph:
                header += b"\xff\x92"
            if image.sop:
                header = b"\xff\x91\0\4" + struct.pack(">H", len(found) & 0xFFFF) + header
            found.append((header, body))
        expected = image.layers * sum(len(k) for part in self.parts for k in part.resolutions)
        assert len(found) == expected, f"{len(found)} packets of {expected}"
        return found

    def shares(self) -> list[list[Header]]:
        """The packets of each tile-part."""
        count = self.image.parts
        ends = [len(self.packets) * (i + 1) // count for i in range(count)]
        return [self.packets[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def forward_transform(planes: Sequence[np.ndarray], *, reversible: bool) -> list[np.ndarray]:
    red, green, blue = planes
    if reversible:  # G.2.1
        return [(red + 2 * green + blue) >> 2, blue - green, red - green]
    return [  # G.3.1
        0.299 * red + 0.587 * green + 0.114 * blue,
        -0.16875 * red - 0.33126 * green + 0.5 * blue,
        0.5 * red - 0.41869 * green - 0.08131 * blue,
    ]


def inverse_transform(planes: Sequence[np.ndarray], *, reversible: bool) -> list[np.ndarray]:
    y, cb, cr = planes
    if reversible:  # G.2.2
        green = y - ((cb + cr) >> 2)
        return [cr + green, green, cb + green]
    return [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb]  # G.3.2


def split(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def variable(length: int) -> bytes:  # Table A.36
    found = [length & 0x7F]
    while length := length >> 7:
        found.insert(0, length & 0x7F | 0x80)
    return bytes(found)


def apart(shares: Sequence[Header]) -> tuple[bytes, bytes]:
    """Packed packet headers, and what is left in the tile-part: SOP stays there (A.8.1)."""
    headers, body = b"", b""
    for header, content in shares:
        if header.startswith(b"\xff\x91"):
            body += header[:6]
            header = header[6:]
        headers += header
        body += content
    return headers, body


def main_header(image: Image, tile: Tile) -> bytes:
    x0, y0, x1, y1 = image.area
    width, height, x, y = image.tile or (x1, y1, 0, 0)
    content = struct.pack(">HIIIIIIIIH", 0, x1, y1, x0, y0, width, height, x, y, len(image.components))
    for c in image.components:
        content += bytes([c.precision - 1 | (0x80 if c.is_signed else 0), c.dx, c.dy])
    data = b"\xff\x4f" + segment(0xFF51, content) + default_coding(image, image.coding)
    data += segment(0xFF5C, quantisation_parameters(described(image, image.components[0], image.coding, tile)))
    for i, c in enumerate(image.components):
        coding = c.coding or image.coding
        if c.coding:
            style = bytes([int(bool(coding.precincts))])
            data += segment(0xFF53, number(image, i) + style + coding_parameters(coding))
        # Exponents follow the precision, so each component states its own.
        if i > 0:
            data += segment(0xFF5D, number(image, i) + quantisation_parameters(described(image, c, coding, tile)))
        if c.roi:
            data += segment(0xFF5E, number(image, i) + bytes([0, c.roi]))
    if image.changes:
        data += progression_changes(image, image.changes)
    return data


def described(image: Image, component: Component, coding: Coding, tile: Tile) -> TileComponent:
    """A tile-component without samples, for what the main header says of every tile."""
    q = component.quantisation or image.quantisation
    empty = np.zeros((0, 0), np.int64 if coding.reversible else np.float64)
    return TileComponent(empty, (0, 0, 0, 0), component, coding, q, image.layers, np.random.default_rng(), 1)


def tile_header(image: Image, tile: Tile) -> bytes:
    data = b""
    if coding := image.tile_coding.get(tile.index):
        data += default_coding(image, coding)
    if tile.index in image.tile_coding or tile.index in image.tile_quantisation:
        data += segment(0xFF5C, quantisation_parameters(tile.parts[0]))
        for i in range(1, len(image.components)):
            data += segment(0xFF5D, number(image, i) + quantisation_parameters(tile.parts[i]))
    if changes := image.tile_changes.get(tile.index):
        data += progression_changes(image, changes)
    return data


def write(image: Image) -> tuple[bytes, list[np.ndarray]]:
    """Return the codestream, and the samples of each component before rounding and clamping."""
    sizes = [divide(image.area, c.dx, c.dy) for c in image.components]
    out = []
    for c, (x0, y0, x1, y1) in zip(image.components, sizes, strict=True):
        assert c.samples.shape == (y1 - y0, x1 - x0), (c.samples.shape, (y1 - y0, x1 - x0))
        codings = (c.coding or image.coding, *image.tile_coding.values())
        is_exact = all(coding.reversible for coding in codings)
        out.append(np.zeros(c.samples.shape, np.int64 if is_exact else np.float64))
    tiles = [Tile(image, i, area, out) for i, area in enumerate(tile_areas(image))]
    data = main_header(image, tiles[0])
    order = image.arrange([(t.index, p) for t in tiles for p in range(image.parts)])
    contents = {(t.index, p): share for t in tiles for p, share in enumerate(t.shares())}
    if image.packed == "main":  # A.7.4
        runs = []
        for place in order:
            headers = apart(contents[place])[0]
            runs += split(struct.pack(">I", len(headers)) + headers, image.packed_size)
        # Written last first: Zppm says their order.
        for i, run in reversed(list(enumerate(runs))):
            data += segment(0xFF60, bytes([i]) + run)
    written = []
    counts = dict.fromkeys(range(len(tiles)), 0)
    for place in order:
        header = tile_header(image, tiles[place[0]]) if place[1] == 0 else b""
        headers, body = apart(contents[place])
        if image.packed == "tile":  # A.7.5
            first = 0 if image.packed_restarts else counts[place[0]]
            runs = list(enumerate(split(headers, image.packed_size), first))
            counts[place[0]] += len(runs)
            header += b"".join(segment(0xFF61, bytes([i]) + run) for i, run in reversed(runs))
        elif not image.packed:
            body = b"".join(h + b for h, b in contents[place])
        if image.extras:
            lengths = b"".join(variable(len(h) + len(b)) for h, b in contents[place])
            header += segment(0xFF58, b"\0" + lengths) + segment(0xFF64, b"\0\1a tile-part")
        written.append((place, header, body))
    if image.extras:
        entries = b"".join(struct.pack(">HI", t, 14 + len(h) + len(b)) for (t, _), h, b in written)
        data += segment(0xFF55, b"\0\x60" + entries)
        data += segment(0xFF63, b"".join(b"\0\1\0\2" for _ in image.components))
        data += segment(0xFF64, b"\0\1written by a test")
    for i, ((tile, part), header, body) in enumerate(written):
        is_last = i + 1 == len(written)
        length = 14 + len(header) + len(body) if image.lengths or not is_last else 0
        count = image.parts if image.count_last else 0
        data += segment(0xFF90, struct.pack(">HIBB", tile, length, part, count)) + header + b"\xff\x93" + body
    return data + (b"\xff\xd9" if image.ends else b""), out


def finished(image: Image, out: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Rounded and clamped (G.1.2)."""
    found = []
    for c, plane in zip(image.components, out, strict=True):
        low = -(1 << (c.precision - 1)) if c.is_signed else 0
        whole = plane if plane.dtype == np.int64 else np.rint(plane)
        found.append(np.clip(whole, low, low + (1 << c.precision) - 1).astype(np.int64))
    return found


def jp2(codestream: bytes, image: Image, *boxes: bytes) -> bytes:
    """Annex I: the file that holds a codestream; `boxes` go into its header box."""

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(content), kind) + content

    x0, y0, x1, y1 = image.area
    header = box(b"ihdr", struct.pack(">IIHBBBB", y1 - y0, x1 - x0, len(image.components), 255, 7, 0, 0))
    header += box(b"colr", struct.pack(">BBBI", 1, 0, 0, 16))
    return (
        box(b"jP  ", b"\r\n\x87\n")
        + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
        + box(b"jp2h", header + b"".join(boxes))
        + box(b"jp2c", codestream)
    )
