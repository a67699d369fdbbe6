"""The rows of encoding JPEG 2000: against OpenJPEG, as imagecodecs wraps it; and from coefficients."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from data import attributes, frame_of, wg04
from measure import interleaved, median, scaling_over_control, with_again

import dcmturbo as dt

Row = dict[str, Any]


def _pixels(path: Path) -> tuple[np.ndarray, int]:
    """Return the pixels of a single-frame object, and BitsStored."""
    ds = pydicom.dcmread(path)
    uid = str(ds.file_meta.TransferSyntaxUID)
    return np.ascontiguousarray(dt.decode_frame(frame_of(ds), uid, raw=True, **attributes(ds))), ds.BitsStored


def _row(path: Path, works: dict[str, Any], rounds: int, **found: Any) -> Row:
    times, facts = interleaved(with_again(works, "ours"), rounds)
    m = {name: median(taken) for name, taken in times.items()}
    return {"file": path.name, "ratio": m["theirs"] / m["ours"], "A/A": m["ours again"] / m["ours"], **found, **facts}


def lossless(rounds: int) -> list[Row]:
    """One thread, pixels in memory to a codestream without loss, against imagecodecs.jpeg2k_encode."""
    rows = []
    for path in wg04("J2KR"):
        pixels, bits = _pixels(path)
        colour = pixels.ndim == 3
        ours = {"bits_stored": bits, "photometric_interpretation": "YBR_RCT" if colour else "MONOCHROME2"}
        theirs = {"codecformat": "j2k", "reversible": True, "mct": colour, "bitspersample": bits, "numthreads": 1}
        works = {
            "ours": lambda p=pixels, kw=ours: dt.encode_frame(p, "JPEG2000Lossless", **kw),
            "theirs": lambda p=pixels, kw=theirs: imagecodecs.jpeg2k_encode(p, level=0, **kw),
        }
        made = works["ours"]()
        back = np.asarray(imagecodecs.jpeg2k_decode(made)).reshape(pixels.shape)
        assert np.array_equal(back.astype(np.int64), pixels.astype(np.int64)), path
        rows.append(_row(path, works, rounds, size=len(made) / len(works["theirs"]())))
    return rows


def to_ratio(rounds: int) -> list[Row]:
    """One thread, 10:1 with loss, against the one call of imagecodecs.jpeg2k_encode that gives this size; what
    finds it is not counted."""
    rows = []
    for path in wg04("J2KR"):
        pixels, bits = _pixels(path)
        colour = pixels.ndim == 3
        ours = {"bits_stored": bits, "photometric_interpretation": "YBR_ICT" if colour else "MONOCHROME2", "ratio": 10}
        theirs = {"codecformat": "j2k", "reversible": False, "mct": colour, "bitspersample": bits, "numthreads": 1}
        made = dt.encode_frame(pixels, "JPEG2000", **ours)
        low, high = 20.0, 110.0
        for _ in range(12):
            middle = (low + high) / 2
            larger = len(imagecodecs.jpeg2k_encode(pixels, level=middle, **theirs)) > len(made)
            low, high = (low, middle) if larger else (middle, high)
        works = {
            "ours": lambda p=pixels, kw=ours: dt.encode_frame(p, "JPEG2000", **kw),
            "theirs": lambda p=pixels, level=low, kw=theirs: imagecodecs.jpeg2k_encode(p, level=level, **kw),
        }
        other = works["theirs"]()
        gain = _psnr(made, pixels, bits) - _psnr(other, pixels, bits)
        rows.append(_row(path, works, rounds, size=len(made) / len(other), **{"dB more": gain}))
    return rows


def _psnr(codestream: bytes, pixels: np.ndarray, bits: int) -> float:
    back = np.asarray(imagecodecs.jpeg2k_decode(codestream)).reshape(pixels.shape)
    error = np.mean((back.astype(float) - pixels) ** 2)
    return math.inf if error == 0 else 10 * math.log10((2.0**bits - 1) ** 2 / error)


def large_frame(rounds: int, control: float) -> list[Row]:
    """One frame of 2048 x 2487 without loss: two threads against one, over the control's."""
    pixels, bits = _pixels(next(path for path in wg04("J2KR") if path.name.startswith("SC1")))

    def encode(threads: int) -> bytes:
        return dt.encode_frame(pixels, "JPEG2000Lossless", bits_stored=bits, threads=threads)

    assert encode(1) == encode(2)
    found = scaling_over_control(
        lambda: encode(1), lambda: encode(2), rounds, repeat=1, most_rounds=4 * rounds, control_floor=control
    )
    return [{"file": "SC1", **found}]


def recode(rounds: int) -> list[Row]:
    """One thread, an object from JPEG 2000 to HTJ2K without loss, not verified: the time with one level fewer, which
    takes decoding and encoding ("theirs"), over the time from coefficients."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "result.dcm"

        def transcode(path: Path, levels: int) -> dt.TranscodeResult:
            return dt.transcode(
                path, target, "HTJ2KLossless", overwrite=True, threads=1, verify=False, decomposition_levels=levels
            )

        for path in wg04("J2KR"):
            levels = dt.probe(frame_of(pydicom.dcmread(path))).parameters["decomposition_levels"]
            assert transcode(path, levels).recoded_frames == 1, path
            assert transcode(path, levels - 1).recoded_frames == 0, path
            works = {
                "ours": lambda p=path, n=levels: transcode(p, n),
                "theirs": lambda p=path, n=levels: transcode(p, n - 1),
            }
            rows.append(_row(path, works, rounds))
    return rows
