"""Small files of known frames, and their decoding without warnings."""

import warnings
from itertools import pairwise

import numpy as np

import dcmturbo as dt

SHAPE = (6, 8)
ARRAYS = [np.random.default_rng(k).integers(0, 256, SHAPE, np.uint8) // (k + 1) for k in range(4)]
RLE = [dt.encode_frame(array, "RLELossless") for array in ARRAYS]
JPEG_LS = [dt.encode_frame(array, "JPEGLSLossless") for array in ARRAYS]
JPEG_2000 = [dt.encode_frame(array, "JPEG2000Lossless") for array in ARRAYS]
MODULE = {"rows": SHAPE[0], "columns": SHAPE[1]}


KINDS = {"rle": RLE, "jpegls": JPEG_LS, "jpeg2000": JPEG_2000}


def quietly(source: object, *args: object, **kwargs: object) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        if isinstance(source, list):
            return dt.decode_series(source, *args, **kwargs)
        return dt.decode(source, *args, **kwargs)


def split(frame: bytes, parts: int) -> list[bytes]:
    """Fragments of even length."""
    size = max(len(frame) // parts // 2 * 2, 2)
    edges = [*(k * size for k in range(parts)), len(frame)]
    return [frame[a:b] for a, b in pairwise(edges)]


def table_of(source: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        with dt.open(source) as image:
            image.read()
            return image.frame_set.opened.index.table
