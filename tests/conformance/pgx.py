"""Reads PGX, the component format of ISO/IEC 15444-4's reference images."""

import re

import numpy as np


def read_pgx(data: bytes) -> np.ndarray:
    match = re.match(rb"PG\s+(ML|LM)\s+([+-]?)\s*(\d+)\s+(\d+)\s+(\d+)\s?\n", data)
    assert match, "not a PGX file"
    order, sign, depth, width, height = match.groups()
    size = 1 if int(depth) <= 8 else 2 if int(depth) <= 16 else 4
    dtype = np.dtype(f"{'>' if order == b'ML' else '<'}{'i' if sign == b'-' else 'u'}{size}")
    cells = np.frombuffer(data, dtype, count=int(width) * int(height), offset=match.end())
    return cells.reshape(int(height), int(width)).astype(np.int64)
