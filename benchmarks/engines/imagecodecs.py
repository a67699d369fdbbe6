"""imagecodecs: libjpeg-turbo, CharLS, OpenJPEG, OpenJPH and its own PackBits, one codestream a call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines import Work

NAME = PACKAGE = MODULE = "imagecodecs"


def decode(work: Work) -> Callable[[], np.ndarray]:
    import imagecodecs as ic

    data = work.codestream
    space = "RGB" if work.array.ndim == 3 else None
    found = {
        "RLELossless": lambda: _rle(data, work),
        "JPEGLosslessSV1": lambda: ic.jpeg8_decode(data, colorspace=space, outcolorspace=space),
        "JPEGLSLossless": lambda: ic.jpegls_decode(data),
        "JPEG2000Lossless": lambda: ic.jpeg2k_decode(data, numthreads=1),
        "HTJ2KLossless": lambda: ic.htj2k_decode(data, planar=False),
    }
    if work.keyword not in found:
        raise NotImplementedError("it has no decoder of this transfer syntax")
    return found[work.keyword]


def _rle(data: bytes, work: Work) -> np.ndarray:
    import imagecodecs as ic

    planes = np.frombuffer(ic.dicomrle_decode(data, work.cells), work.cells)
    if work.array.ndim == 2:
        return planes.reshape(work.array.shape)
    return np.moveaxis(planes.reshape(3, *work.array.shape[:2]), 0, -1)


def encode(work: Work) -> Callable[[], bytes]:
    import imagecodecs as ic

    if work.array.dtype.kind == "i":
        raise NotImplementedError("it encodes unsigned samples")
    bits = work.attributes["bits_stored"]
    space = "RGB" if work.array.ndim == 3 else None
    found = {
        "JPEGLosslessSV1": lambda: ic.jpeg8_encode(
            work.array, lossless=True, predictor=1, bitspersample=bits, colorspace=space, outcolorspace=space
        ),
        "JPEGLSLossless": lambda: ic.jpegls_encode(work.array),
        "JPEG2000Lossless": lambda: ic.jpeg2k_encode(
            work.array, codecformat="j2k", reversible=True, level=0, bitspersample=bits, numthreads=1
        ),
        "HTJ2KLossless": lambda: ic.htj2k_encode(work.array),
    }
    if work.keyword not in found:
        raise NotImplementedError("it has no encoder of this transfer syntax")
    return found[work.keyword]
