"""dcmturbo: the package of this repository."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import dcmturbo as dt
from engines import Work

NAME = PACKAGE = MODULE = "dcmturbo"


def decode(work: Work) -> Callable[[], np.ndarray]:
    return lambda: dt.decode_frame(work.codestream, work.keyword, raw=True, **work.attributes)


def encode(work: Work) -> Callable[[], bytes]:
    names = ("bits_stored", "photometric_interpretation")
    options = {name: work.attributes[name] for name in names}
    if work.array.ndim == 3 and "2K" in work.keyword.upper().replace("JPEG2000", "J2K"):
        options["photometric_interpretation"] = "YBR_RCT"  # the colour transform that the other encoders apply, too
    return lambda: dt.encode_frame(work.array, work.keyword, **options)


def path(work: Work) -> Callable[[], np.ndarray]:
    return lambda: dt.decode(work.path, threads=work.threads)


def series(work: Work) -> Callable[[], np.ndarray]:
    return lambda: dt.decode_series(work.paths, threads=work.threads)


def access(work: Work) -> Callable[[], np.ndarray]:
    return lambda: dt.decode(work.path, work.frame, threads=1)


def transcode(work: Work) -> Callable[[], object]:
    if not hasattr(dt, "transcode"):
        raise NotImplementedError("this version has no transcode")
    target = work.path.with_suffix(".transcoded")
    return lambda: dt.transcode(work.path, target, "RLELossless", overwrite=True, threads=work.threads)
