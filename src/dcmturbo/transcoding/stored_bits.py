"""BitsStored and the samples: the decoded pixels must stay the same if a codestream has more bits than BitsStored."""

from __future__ import annotations

__all__ = ["SamplesBeyondBitsStored"]


class SamplesBeyondBitsStored(Exception):  # noqa: N818
    """A frame has samples of more bits than BitsStored, and a reader of the source gets them."""
