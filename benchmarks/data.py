"""The files that the benchmarks decode: the corpus' WG-04 images, and objects made from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pydicom
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames

REPOSITORY = Path(__file__).parent.parent


def corpus() -> Path:
    """Return the folder of the corpus, or exit and say how to name it."""
    folder = Path(os.environ.get("DCMTURBO_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not (folder / "wg04").is_dir():
        raise SystemExit(f"the corpus is not at {folder}: set DCMTURBO_CORPUS")
    return folder


def wg04(suffix: str) -> list[Path]:
    """Return the WG-04 files of one encoding: ``"RLE"``, ``"JPLL"``, ..."""
    return sorted((corpus() / "wg04").glob(f"*_{suffix}"))


def frame_of(ds: pydicom.Dataset) -> bytes:
    """Return the codestream of a single-frame dataset."""
    return next(iter(generate_frames(ds.PixelData, number_of_frames=1)))


def multi_frame(source: Path, frames: int, target: Path, *, table: str = "basic") -> Path:
    """Write an object that holds the frame of `source` many times; `table` is none, basic or extended."""
    ds = pydicom.dcmread(source)
    frame = frame_of(ds)
    ds.NumberOfFrames = frames
    if table == "extended":
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended([frame] * frames)
    else:
        ds.PixelData = encapsulate([frame] * frames, has_bot=table == "basic")
    ds["PixelData"].is_undefined_length = True
    ds.save_as(target)
    return target


def attributes(ds: pydicom.Dataset) -> dict[str, Any]:
    """Return the arguments that decode_frame needs."""
    return {
        "rows": ds.Rows,
        "columns": ds.Columns,
        "samples_per_pixel": ds.SamplesPerPixel,
        "bits_allocated": ds.BitsAllocated,
        "bits_stored": ds.BitsStored,
        "pixel_representation": ds.PixelRepresentation,
        "photometric_interpretation": ds.PhotometricInterpretation,
    }
