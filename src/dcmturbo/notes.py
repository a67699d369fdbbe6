"""What a codestream says against its dataset, as warnings for people."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable

from dcmturbo.errors import DecodeWarning

__all__ = ["COLOUR_NOTES", "NOTES", "stack_level", "warn_of_notes"]

# What the codestream says against the dataset, in words for people. Differences of sign and precision are
# settled without loss and common, so nothing is said of them.
NOTES = {
    "photometric_overridden": "the codestream states another colour space than PhotometricInterpretation",
    "container": "the frames are JP2 files, which PS3.5, A.4.4 forbids; the codestream inside is decoded",
    "format_differs": "the codestream is of another format than the transfer syntax says; it is decoded as what it is",
    "excess_data": "a frame holds more data than its pixels need, as after damage that its format cannot notice",
    "missing_end": "a codestream lacks its end marker (EOC), as after a copy that broke off; its packets are all there",
    "transform_ignored": "a codestream states a component transform that its components cannot have; it is ignored",
    "zero_tail": (
        "more than half of a frame, up to its end, is zeroes: a black part of the image, or a copy that broke off"
    ),
    "lossy_under_lossless": "the codestream is lossy under a transfer syntax that is lossless only",
    "subsampled_colour": "the codestream has subsampled chroma, so its pixels are YCbCr, although "
    "PhotometricInterpretation says otherwise; they are decoded as YBR_FULL",
    "transform_missing": "PhotometricInterpretation is YBR_RCT or YBR_ICT, but no such transform has been applied: "
    "whether the samples are RGB or YBR cannot be known; they are returned as they are, as RGB",
    "not_subsampled": "PhotometricInterpretation is YBR_FULL_422, but the pixel data are as long as three samples a "
    "pixel: they are not subsampled, and read as YBR_FULL (they might be RGB)",
    "subsampled_native": "the pixel data are as long as YBR_FULL_422, which PhotometricInterpretation does not say; "
    "they are read as that",
}


# Those that are of colours.
COLOUR_NOTES = ("photometric_overridden", "subsampled_colour", "transform_missing")


def stack_level() -> int:
    """Return the stack level of the first frame outside this package, for warnings."""
    frame = sys._getframe(1)
    level = 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] == "dcmturbo":
        frame = frame.f_back
        level += 1
    return level


def warn_of_notes(notes: Iterable[str]) -> None:
    """Say where a codestream contradicts what it was said to be."""
    for note in notes:
        if note in NOTES:
            warnings.warn(NOTES[note], DecodeWarning, stacklevel=stack_level())
