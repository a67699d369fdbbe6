"""pyjpegls: CharLS, one codestream a call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines import Work

NAME = PACKAGE = "pyjpegls"
MODULE = "jpeg_ls"


def decode(work: Work) -> Callable[[], np.ndarray]:
    if work.keyword != "JPEGLSLossless":
        raise NotImplementedError("it decodes JPEG-LS")
    import jpeg_ls

    data = np.frombuffer(work.codestream, np.uint8)
    return lambda: jpeg_ls.decode(data)


def encode(work: Work) -> Callable[[], bytes]:
    if work.keyword != "JPEGLSLossless":
        raise NotImplementedError("it encodes JPEG-LS")
    if work.array.dtype.kind == "i":
        raise NotImplementedError("it encodes unsigned samples")
    import jpeg_ls

    return lambda: bytes(jpeg_ls.encode_array(work.array))
