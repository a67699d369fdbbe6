"""The files that the tests of the command line read, and the command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

DATA = Path(str(files("pydicom"))) / "data" / "test_files"
CT = DATA / "CT_small.dcm"  # 128 x 128, signed, RescaleIntercept -1024
MULTI = DATA / "examples_ybr_color.dcm"  # 30 frames, JPEG, YBR_FULL_422
RLE = DATA / "SC_rgb_rle_2frame.dcm"
PALETTE = DATA / "examples_palette.dcm"
TRUNCATED = DATA / "MR_truncated.dcm"
REPORT = DATA / "reportsi.dcm"
INVERTED = DATA / "dicomdirtests/77654033/CR1/6154"  # MONOCHROME1
DOSE = DATA / "rtdose.dcm"  # 15 frames of uint32
J2K = DATA / "MR_small_jp2klossless.dcm"


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dcmturbo.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def read_png(path: Path) -> np.ndarray:
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as opened:
        return np.asarray(opened)
