"""Contradictions between a codestream and its dataset, as warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable

from dcmturbo.errors import DecodeWarning

__all__ = ["COLOUR_NOTES", "NOTES", "stack_level", "warn_of_notes"]

# The text of each contradiction. Differences of sign and precision are common and resolved without loss, so they give
# no warning.
NOTES = {
    "photometric_overridden": "the codestream has another colour space than PhotometricInterpretation",
    "container": "the frames are JP2 files, which PS3.5, A.4.4 forbids; the codestream inside each was decoded",
    "format_differs": (
        "a codestream has another format than the transfer syntax says; it was decoded according to its own header"
    ),
    "excess_data": (
        "a frame has more data than its pixels need; it may be damaged in a way that its format cannot show"
    ),
    "missing_end": (
        "a codestream has no end marker (EOC), perhaps because a copy was interrupted; all its packets are there"
    ),
    "transform_ignored": (
        "a codestream has a component transform that is not possible with its components; the transform was ignored"
    ),
    "hp_transform": (
        "a JPEG-LS frame has a colour transform of Hewlett-Packard (APP8 'mrfx'), which no standard defines; it was "
        "undone"
    ),
    "capabilities": (
        "the CAP marker of an HTJ2K codestream contradicts its coding styles (COD, COC), which were followed"
    ),
    "zero_tail": (
        "more than half of a frame, up to its end, is zeros: this is a black part of the image, or a "
        "copy was interrupted"
    ),
    "lossy_under_lossless": "the codestream is lossy, but the transfer syntax allows lossless codestreams only",
    "options_missing": "the transfer syntax names a codestream with progression order RPCL and TLM markers, and this "
    "one does not have both; it was decoded as it is",
    "subsampled_colour": "the codestream has subsampled chroma, so its pixels are YCbCr, but "
    "PhotometricInterpretation says otherwise; they were decoded as YBR_FULL",
    "transform_missing": "PhotometricInterpretation is YBR_RCT or YBR_ICT, but the codestream has no such transform: "
    "nothing shows whether the samples are RGB or YBR; they are returned unchanged, as RGB",
    "not_subsampled": "PhotometricInterpretation is YBR_FULL_422, but the pixel data have three samples per pixel: "
    "they were read as YBR_FULL (they might be RGB)",
    "subsampled_native": "the pixel data have the length of YBR_FULL_422, but PhotometricInterpretation says "
    "otherwise; they were read as YBR_FULL_422",
}


# Those about colours.
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
    """Warn if a codestream contradicts its description."""
    for note in notes:
        if note in NOTES:
            warnings.warn(NOTES[note], DecodeWarning, stacklevel=stack_level())
