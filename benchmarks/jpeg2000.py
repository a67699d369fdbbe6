"""The rows of JPEG 2000: one codestream against OpenJPEG, as imagecodecs and pylibjpeg-openjpeg wrap it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import openjpeg
import pydicom
from data import attributes, frame_of, wg04
from measure import interleaved, median, scaling_over_control, with_again

import dcmturbo as dt

Row = dict[str, Any]


def decode(rounds: int) -> list[Row]:
    """One thread, a codestream in memory to pixels, against the fastest of imagecodecs.jpeg2k_decode and
    pylibjpeg-openjpeg; lossless, then irreversible."""
    rows = []
    for path in [*wg04("J2KR"), *wg04("J2KI")]:
        ds = pydicom.dcmread(path)
        frame, kw = frame_of(ds), attributes(ds) | {"raw": True}
        uid = str(ds.file_meta.TransferSyntaxUID)
        allowed = 0 if path.name.endswith("J2KR") else 1
        works: dict[str, Callable[[], Any]] = {
            "ours": lambda f=frame, u=uid, k=kw: dt.decode_frame(f, u, **k),
            "imagecodecs": lambda f=frame: imagecodecs.jpeg2k_decode(f, numthreads=1),
            "pylibjpeg-openjpeg": lambda f=frame: openjpeg.decode(f),
        }
        ours = works["ours"]()
        cells = np.dtype(f"{'i' if dt.probe(frame).components[0].is_signed else 'u'}{ours.itemsize}")
        for name in ("imagecodecs", "pylibjpeg-openjpeg"):
            difference = ours.view(cells).astype(np.int64) - np.asarray(works[name]()).view(cells)
            assert np.abs(difference).max() <= allowed, (path, name)
        times, facts = interleaved(with_again(works, "ours"), rounds)
        m = {name: median(taken) for name, taken in times.items()}
        best = min(("imagecodecs", "pylibjpeg-openjpeg"), key=lambda name: m[name])
        rows.append(
            {
                "file": path.name,
                "ratio": m[best] / m["ours"],
                "best peer": best,
                "A/A": m["ours again"] / m["ours"],
                **facts,
            }
        )
    return rows


def _largest() -> tuple[bytes, str, dict[str, Any]]:
    ds = pydicom.dcmread(next(path for path in wg04("J2KR") if path.name.startswith("SC1")))
    return frame_of(ds), str(ds.file_meta.TransferSyntaxUID), attributes(ds)


def large_frame(rounds: int, control: float) -> list[Row]:
    """One frame of 2048 x 2487 into a warm out=: two threads against one, over the control's."""
    frame, uid, kw = _largest()
    out = dt.decode_frame(frame, uid, **kw)
    expected = out.copy()
    assert np.array_equal(dt.decode_frame(frame, uid, threads=2, **kw), expected)
    found = scaling_over_control(
        lambda: dt.decode_frame(frame, uid, threads=1, out=out, **kw),
        lambda: dt.decode_frame(frame, uid, threads=2, out=out, **kw),
        rounds,
        repeat=1,
        most_rounds=4 * rounds,
        control_floor=control,
    )
    return [{"file": "SC1", **found}]


def reduce(rounds: int) -> list[Row]:
    """One thread, a frame of 2048 x 2487: the time that reduce=2 takes of that of reduce=0."""
    frame, uid, kw = _largest()
    whole, smaller = dt.decode_frame(frame, uid, **kw), dt.decode_frame(frame, uid, reduce=2, **kw)
    assert smaller.shape == tuple(-(-size // 4) for size in whole.shape)
    times, facts = interleaved(
        {
            "whole": lambda: dt.decode_frame(frame, uid, **kw),
            "reduced": lambda: dt.decode_frame(frame, uid, reduce=2, **kw),
        },
        rounds,
    )
    return [{"file": "SC1", "times less": median(times["whole"]) / median(times["reduced"]), **facts}]
