"""The codecs of libraries: JPEG, JPEG Lossless, JPEG-LS, JPEG 2000, HTJ2K, JPEG XL, deflate.

These are plain functions on one frame. Decoding takes the header from ``_core.probe`` and expects that ``_core.check``
has checked the markers, because most of these libraries return wrong pixels for a frame that is cut short, without an
error. Damage inside a scan is still not noticed.

Samples are returned as they are coded. There is no colour conversion except the inverse RCT or ICT of JPEG 2000, which
is part of that format, and no sign extension. `imagecodecs` is imported at its first use, because the import takes
longer than decoding most files.
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
from dcmturbo.formats.library.encoding import deflate, encode, encodes

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
    "reconstruct_jpeg",
]

# From now on, the core asks this package for formats without their own codec.
_core.set_library(decode_into, reconstruct_jpeg)
