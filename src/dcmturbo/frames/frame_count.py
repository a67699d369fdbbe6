"""How many frames an object has, where it describes more of them than NumberOfFrames says."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from dcmturbo.errors import DecodeError, DecodeWarning
from dcmturbo.notes import stack_level

__all__ = ["settle_count"]


def settle_count(
    stated: int | None,
    described: int,
    count_frames: Callable[[], int],
    describer: str,
    *,
    if_fewer: str | None,
    confirmed: bool = False,
) -> int:
    """Return how many frames there are; the pixel data decide where more are described than NumberOfFrames says.

    Fewer descriptions are not judged here: whoever reads them finds out which frames have none.

    Parameters
    ----------
    stated : int, optional
        NumberOfFrames.
    described : int
        How many frames are described.
    count_frames : callable
        Returns how many frames the pixel data have. It is called only if the other numbers do not agree.
    describer : str
        What describes the frames, for messages.
    if_fewer : str, optional
        The end of the warning if the pixel data have fewer frames than are described; None refuses the object then.
    confirmed : bool
        Whether the pixel data must confirm one of the two numbers.

    Raises
    ------
    DecodeError
        If the numbers contradict each other, so that frames may be missing.
    """
    count = max(1, stated or 1)
    if described <= count:
        return count
    found = count_frames()
    refuses = confirmed and found not in (described, stated)
    if found >= described and not refuses:
        return described  # decoding warns of NumberOfFrames
    text = (
        f"{describer} describes {described} frames, but the pixel data have {found}, and NumberOfFrames is "
        f"{stated or 'missing'}"
    )
    if refuses or if_fewer is None:
        raise DecodeError(text, code="mismatch")
    warnings.warn(f"{text}: {if_fewer}", DecodeWarning, stacklevel=stack_level())
    return count
