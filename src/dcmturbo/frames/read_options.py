"""What a caller of `dcmturbo.decode` wants of the frames besides their numbers, as one value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcmturbo.frames.region import RegionLike
from dcmturbo.frames.status import OnError

__all__ = ["ReadOptions"]


@dataclass(slots=True)
class ReadOptions:
    """The arguments of `dcmturbo.decode` with these names, not yet checked."""

    out: np.ndarray | None = None
    threads: int | None = None
    on_error: OnError = "raise"
    fill_value: float = 0
    status: np.ndarray | None = None
    region: RegionLike = None
    reduce: int = 0
