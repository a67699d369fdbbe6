"""JPEG Lossless, slowly: ISO/IEC 10918-1 clause by clause, with every freedom the standard leaves to a writer.

`encode` makes streams that no public file shows; `decode` reads any stream of the process SOF3.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# --- prediction: H.1.2.1, Table H.1 ------------------------------------------------------------


def predict(selection_value: int, left: int, above: int, above_left: int) -> int:
    return (
        0,
        left,
        above,
        above_left,
        left + above - above_left,
        left + ((above - above_left) >> 1),
        above + ((left - above_left) >> 1),
        (left + above) >> 1,
    )[selection_value]


def prediction(samples: np.ndarray, y: int, x: int, selection_value: int, first: int, *, starts: bool) -> int:
    """Of sample (y, x) of a component; `starts` says that its line is the first of the scan or an interval."""
    if starts:
        return first if x == 0 else int(samples[y, x - 1])
    if x == 0:
        return int(samples[y - 1, 0])
    return predict(selection_value, int(samples[y, x - 1]), int(samples[y - 1, x]), int(samples[y - 1, x - 1]))


# --- Huffman tables: C.1, C.2, Annex K.2 ---------------------------------------------------------

Table = tuple[list[int], list[int]]  # codes of each length, 1 to 16; symbols


def codes_of(table: Table) -> dict[int, tuple[int, int]]:
    """Symbol to (code, length)."""
    counts, symbols = table
    result = {}
    code, k = 0, 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            result[symbols[k]] = (code, length)
            code += 1
            k += 1
        code <<= 1
    return result


def table_of_lengths(lengths: dict[int, int]) -> Table:
    counts = [0] * 16
    for length in lengths.values():
        counts[length - 1] += 1
    return counts, sorted(lengths, key=lambda symbol: (lengths[symbol], symbol))


def optimal_table(frequencies: Counter[int]) -> Table:
    """K.2: merge the two rarest, then shorten what is longer than 16."""
    groups = {frozenset([symbol]): count for symbol, count in frequencies.items() if count}
    groups[frozenset([-1])] = 0  # the code of ones only
    lengths = {symbol: 0 for group in groups for symbol in group}
    while len(groups) > 1:
        a, b = sorted(groups, key=lambda g: (groups[g], -min(g)))[:2]
        for symbol in a | b:
            lengths[symbol] += 1
        groups[a | b] = groups.pop(a) + groups.pop(b)
    counts = Counter(lengths.values())
    for i in range(max(counts), 16, -1):
        while counts[i] > 0:
            j = i - 2
            while counts[j] == 0:
                j -= 1
            counts[i] -= 2
            counts[i - 1] += 1
            counts[j + 1] += 2
            counts[j] -= 1
    counts[max(i for i in counts if counts[i])] -= 1
    symbols = sorted((s for s in lengths if s >= 0), key=lambda s: (lengths[s], s))
    return [counts[i] for i in range(1, 17)], symbols


def flat_table(symbols: Sequence[int] = range(17), length: int = 5) -> Table:
    return table_of_lengths(dict.fromkeys(symbols, length))


def category(difference: int) -> int:
    """H.1.2.2: of a difference from -32767 to 32768."""
    return abs(difference).bit_length()


# --- frames -------------------------------------------------------------------------------------


@dataclass
class Component:
    samples: np.ndarray  # (height, width), after the point transform
    horizontal: int = 1
    vertical: int = 1
    table: int = 0


def segment(code: int, parameters: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(parameters) + 2) + parameters


def define_tables(tables: dict[int, Table]) -> bytes:
    return segment(0xC4, b"".join(bytes([i, *counts, *symbols]) for i, (counts, symbols) in tables.items()))


def mcus(components: Sequence[Component], width: int, height: int) -> Iterator[list[tuple[int, int, int]]]:
    """The rows of MCUs of a scan, each a list of (component, y, x): A.2."""
    if len(components) == 1:
        rows, columns = components[0].samples.shape
        for y in range(rows):
            yield [(0, y, x) for x in range(columns)]
        return
    across = max(c.horizontal for c in components)
    down = max(c.vertical for c in components)
    for row in range(-(-height // down)):
        yield [
            (i, row * c.vertical + v, column * c.horizontal + h)
            for column in range(-(-width // across))
            for i, c in enumerate(components)
            for v in range(c.vertical)
            for h in range(c.horizontal)
        ]


def differences_of(
    components: Sequence[Component],
    width: int,
    height: int,
    *,
    bits: int,
    selection_value: int,
    rows_per_interval: int,
) -> list[list[tuple[int, int]]]:
    """For each restart interval, (component, difference modulo 2^16 as -32767 to 32768) in the order of the stream."""
    padded = []
    for c in components:
        h, w = c.samples.shape
        if len(components) > 1:
            across, down = max(c.horizontal for c in components), max(c.vertical for c in components)
            w, h = -(-width // across) * c.horizontal, -(-height // down) * c.vertical
        padded.append(np.pad(c.samples, ((0, h - c.samples.shape[0]), (0, w - c.samples.shape[1])), mode="edge"))
    intervals: list[list[tuple[int, int]]] = []
    for row, entries in enumerate(mcus(components, width, height)):
        starts_interval = row % rows_per_interval == 0
        if starts_interval:
            intervals.append([])
        for i, y, x in entries:
            lines = components[i].vertical if len(components) > 1 else 1
            first_line = starts_interval and y % lines == 0
            p = prediction(padded[i], y, x, selection_value, 1 << (bits - 1), starts=first_line)
            difference = (int(padded[i][y, x]) - p) & 0xFFFF
            intervals[-1].append((i, difference - 65536 if difference > 32768 else difference))
    return intervals


def entropy_coded(pairs: list[tuple[int, int]], codes: Sequence[dict[int, tuple[int, int]]]) -> bytes:
    """F.1.2.3 and H.1.2.2: codes and the bits after them, stuffed."""
    bits = []
    for i, difference in pairs:
        size = category(difference)
        code, length = codes[i][size]
        bits.append(f"{code:0{length}b}")
        if 0 < size < 16:
            bits.append(f"{(difference if difference > 0 else difference - 1) & ((1 << size) - 1):0{size}b}")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
    return data.replace(b"\xff", b"\xff\0")


def encode(
    components: Sequence[Component],
    *,
    precision: int,
    selection_value: int | Sequence[int] = 1,
    point_transform: int = 0,
    tables: dict[int, Table] | None = None,
    rows_per_interval: int = 0,
    scans: Sequence[Sequence[int]] | None = None,
    size: tuple[int, int] | None = None,
    number_of_lines_last: bool = False,
    tables_first: bool = False,
) -> bytes:
    """Return a stream. `size` is (rows, columns); `scans` lists the components of each scan, all in one by default."""
    height, width = size or components[0].samples.shape
    scans = scans or [range(len(components))]
    values = [selection_value] * len(scans) if isinstance(selection_value, int) else list(selection_value)
    frame = struct.pack(">BHHB", precision, 0 if number_of_lines_last else height, width, len(components))
    for i, c in enumerate(components):
        frame += bytes([i + 1, c.horizontal << 4 | c.vertical, 0])
    header = segment(0xC3, frame)
    out = b"\xff\xd8"
    if not tables_first:
        out += header
    described = []
    for scan, value in zip(scans, values, strict=True):
        members = [components[i] for i in scan]
        row_mcus = members[0].samples.shape[1] if len(members) == 1 else -(-width // max(c.horizontal for c in members))
        intervals = differences_of(
            members,
            width,
            height,
            bits=precision - point_transform,
            selection_value=value,
            rows_per_interval=rows_per_interval or 1 << 30,
        )
        described.append((scan, value, members, row_mcus, intervals))
    for n, (scan, value, members, row_mcus, intervals) in enumerate(described):
        used = dict(tables or {})
        if not tables:
            for destination in {c.table for c in members}:
                counted: Counter[int] = Counter()
                for interval in intervals:
                    counted.update(category(d) for i, d in interval if members[i].table == destination)
                used[destination] = optimal_table(counted)
        out += define_tables(used)
        if n == 0 and tables_first:
            out += header
        if rows_per_interval:
            out += segment(0xDD, struct.pack(">H", rows_per_interval * row_mcus))
        out += segment(
            0xDA,
            bytes([len(members)])
            + b"".join(bytes([i + 1, c.table << 4]) for i, c in zip(scan, members, strict=True))
            + bytes([value, 0, point_transform]),
        )
        codes = [codes_of(used[c.table]) for c in members]
        for k, interval in enumerate(intervals):
            if k:
                out += bytes([0xFF, 0xD0 + (k - 1) % 8])
            out += entropy_coded(interval, codes)
        if n == 0 and number_of_lines_last:
            out += segment(0xDC, struct.pack(">H", height))
    return out + b"\xff\xd9"


def decode(data: bytes) -> list[np.ndarray]:
    """Return the components of a stream, each at its own size, after the point transform has been undone."""
    position = 2
    tables: dict[int, Table] = {}
    interval = 0
    planes: dict[int, np.ndarray] = {}
    frame: list[tuple[int, int, int]] = []
    precision = height = width = 0
    while True:
        while data[position] == 0xFF and data[position + 1] == 0xFF:
            position += 1
        assert data[position] == 0xFF, position
        code = data[position + 1]
        if code == 0xD9:
            return [planes[identifier] for identifier, _, _ in frame]
        length = struct.unpack_from(">H", data, position + 2)[0]
        body = data[position + 4 : position + 2 + length]
        position += 2 + length
        if code == 0xC3:
            precision, height, width, count = struct.unpack_from(">BHHB", body)
            frame = [(body[6 + 3 * i], body[7 + 3 * i] >> 4, body[7 + 3 * i] & 15) for i in range(count)]
        elif code == 0xC4:
            while body:
                total = sum(body[1:17])
                tables[body[0]] = (list(body[1:17]), list(body[17 : 17 + total]))
                body = body[17 + total :]
        elif code == 0xDD:
            interval = struct.unpack(">H", body)[0]
        elif code == 0xDA:
            if height == 0:
                at = data.index(b"\xff\xdc", position)
                height = struct.unpack_from(">H", data, at + 4)[0]
            position = _decode_scan(data, position, body, frame, planes, tables, (precision, height, width), interval)


def _decode_scan(data, position, body, frame, planes, tables, size, interval):
    precision, height, width = size
    count = body[0]
    wanted = [(body[1 + 2 * i], body[2 + 2 * i] >> 4) for i in range(count)]
    selection_value, transform = body[1 + 2 * count], body[3 + 2 * count] & 15
    across, down = max(h for _, h, _ in frame), max(v for _, _, v in frame)
    members, decoders = [], []
    for identifier, table in wanted:
        h, v = next((h, v) for name, h, v in frame if name == identifier)
        shape = (-(-height * v // down), -(-width * h // across))
        planes[identifier] = np.zeros(shape, np.int64)
        members.append(Component(planes[identifier], h, v))
        decoders.append({(length, code): symbol for symbol, (code, length) in codes_of(tables[table]).items()})
    grids = []
    for c in members:
        rows, columns = c.samples.shape
        if count > 1:
            columns, rows = -(-width // across) * c.horizontal, -(-height // down) * c.vertical
        grids.append(np.zeros((rows, columns), np.int64))
    bits: Iterator[int] = iter(())

    def run() -> Iterator[int]:
        nonlocal position
        while data[position] != 0xFF or data[position + 1] == 0:
            byte = data[position]
            position += 2 if byte == 0xFF else 1
            for k in range(7, -1, -1):
                yield byte >> k & 1

    def finish() -> None:
        for _ in bits:
            pass

    first = 1 << (precision - transform - 1)
    done = 0
    starts = True
    row_length = sum(1 for _ in next(mcus(members, width, height)))
    per_mcu = 1 if count == 1 else sum(c.horizontal * c.vertical for c in members)
    bits = run()
    for row, entries in enumerate(mcus(members, width, height)):
        starts = row == 0
        if row and interval and done % interval == 0:
            finish()
            while data[position + 1] == 0xFF:
                position += 1
            assert 0xD0 <= data[position + 1] <= 0xD7
            position += 2
            bits = run()
            starts = True
        for i, y, x in entries:
            length = code = 0
            while (length, code) not in decoders[i]:
                code = code << 1 | next(bits)
                length += 1
            size_of = decoders[i][length, code]
            difference = 0
            if size_of == 16:
                difference = 32768
            elif size_of:
                value = 0
                for _ in range(size_of):
                    value = value << 1 | next(bits)
                difference = value if value >> (size_of - 1) else value - (1 << size_of) + 1
            lines = members[i].vertical if count > 1 else 1
            p = prediction(grids[i], y, x, selection_value, first, starts=starts and y % lines == 0)
            grids[i][y, x] = (p + difference) & 0xFFFF
        done += row_length // per_mcu
    finish()
    for c, grid in zip(members, grids, strict=True):
        rows, columns = c.samples.shape
        c.samples[...] = (grid[:rows, :columns] << transform) & 0xFFFF
    return position
