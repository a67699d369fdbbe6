"""The rows of regions and lower resolutions: a part of the work against all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from measure import interleaved, median
from phantoms import PHANTOMS
from pydicom.uid import JPEGBaseline8Bit

import dcmturbo as dt

Row = dict[str, Any]


def _times_less(file: str, works: dict[str, Callable[[], Any]], rounds: int) -> Row:
    times, facts = interleaved(works, rounds)
    return {"file": file, "times less": median(times["whole"]) / median(times["part"]), **facts}


def _large(side: int) -> np.ndarray:
    array = PHANTOMS["slide"].array()
    return np.ascontiguousarray(np.tile(array[..., 0] if array.ndim == 3 else array, (side // 512,) * 2))


def window(rounds: int) -> list[Row]:
    """One thread, 256 x 256 of a lossless frame of 4096 x 4096 in one tile, against the whole frame."""
    rows = []
    for syntax in ("JPEG2000Lossless", "HTJ2KLossless"):
        array = _large(4096)
        frame = dt.encode_frame(array, syntax, threads=2)
        kw = {"rows": 4096, "columns": 4096, "bits_allocated": 8}
        part = (1500, 1700, 256, 256)
        assert np.array_equal(dt.decode_frame(frame, syntax, region=part, **kw), array[1500:1756, 1700:1956])
        works = {
            "whole": lambda f=frame, s=syntax: dt.decode_frame(f, s, **kw),
            "part": lambda f=frame, s=syntax: dt.decode_frame(f, s, region=part, **kw),
        }
        rows.append(_times_less(syntax, works, rounds))
    return rows


def jpeg_reduce(rounds: int) -> list[Row]:
    """One thread, a JPEG frame of 2048 x 2048: the time that reduce=3 takes of that of reduce=0."""
    frame = dt.encode_frame(_large(2048), "JPEGBaseline8Bit", quality=90)
    kw = {"rows": 2048, "columns": 2048, "bits_allocated": 8}
    works = {
        "whole": lambda: dt.decode_frame(frame, JPEGBaseline8Bit, **kw),
        "part": lambda: dt.decode_frame(frame, JPEGBaseline8Bit, reduce=3, **kw),
    }
    return [_times_less("slide phantom", works, rounds)]
