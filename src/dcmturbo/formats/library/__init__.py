"""The codecs that a library does: JPEG, JPEG Lossless, JPEG-LS, JPEG 2000, HTJ2K, JPEG XL, deflate.

Plain functions on one frame, behind the same contract as the core's own codecs. Decoding takes the
header that ``_core.probe`` made and expects that ``_core.check`` has walked the markers: most of these
libraries return wrong pixels for a frame that is cut short, without an error. Damage inside a scan stays
unseen even so.

Samples are returned as they are coded: no colour conversion except the inverse RCT or ICT of JPEG 2000,
which is part of that format; no sign extension. `imagecodecs` is imported at first use, because that
takes longer than decoding most files.
"""

from dcmturbo import _core
from dcmturbo.formats.library.decoding import (
    decode,
    decode_into,
    decode_rle,
    header_of_colours,
    inflate,
    jpeg_inside,
    reconstruct_jpeg,
)
from dcmturbo.formats.library.encoding import deflate, encode, encodes, option_names
from dcmturbo.formats.library.pool import map_frames

__all__ = [
    "decode",
    "decode_into",
    "decode_rle",
    "deflate",
    "encode",
    "encodes",
    "header_of_colours",
    "inflate",
    "jpeg_inside",
    "map_frames",
    "option_names",
    "reconstruct_jpeg",
]

# From here on the core asks for the formats that it has no codec for.
_core.set_library(decode_into, reconstruct_jpeg)
