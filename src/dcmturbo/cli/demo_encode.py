"""The second half of the demo: encode an image in every transfer syntax that dcmturbo can encode, and decode it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.errors import Error
from dcmturbo.formats.options import all_encoder_options, error_bound

__all__ = ["RoundTrip", "round_trips"]

# A 16-bit scan of a photographic kind, and an 8-bit colour image; both files are uncompressed.
_IMAGES = {"grey": "examples_overlay.dcm", "colour": "examples_rgb_color.dcm"}

# Families whose loss is measured by its power; near-lossless coding guarantees a largest error instead.
_LEAST_PSNR = 30.0  # decibel, of the range of the values

# Transfer syntax, image, options. Lossy encodings have an option that says so.
_JOBS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("EncapsulatedUncompressedExplicitVRLittleEndian", "grey", {}),
    ("DeflatedImageFrameCompression", "grey", {}),
    ("DeflatedImageFrameCompression", "colour", {}),
    ("RLELossless", "grey", {}),
    ("RLELossless", "colour", {}),
    ("JPEGLossless", "grey", {"selection_value": 6}),
    ("JPEGLosslessSV1", "grey", {}),
    ("JPEGLosslessSV1", "colour", {}),
    ("JPEGLSLossless", "grey", {}),
    ("JPEGLSLossless", "colour", {}),
    ("JPEGLSNearLossless", "grey", {"near_lossless": 2}),
    ("JPEG2000Lossless", "grey", {}),
    ("JPEG2000Lossless", "colour", {"photometric_interpretation": "YBR_RCT"}),
    ("JPEG2000", "grey", {"ratio": 20}),
    ("HTJ2KLossless", "grey", {}),
    ("HTJ2KLossless", "colour", {"photometric_interpretation": "YBR_RCT"}),
    ("HTJ2KLosslessRPCL", "grey", {}),
    ("HTJ2K", "grey", {"ratio": 12}),
    ("JPEGXLLossless", "grey", {}),
    ("JPEGXLLossless", "colour", {}),
    ("JPEGXL", "colour", {"distance": 1.0}),
    ("JPEGBaseline8Bit", "colour", {"quality": 90}),
    ("JPEGExtended12Bit", "grey", {"quality": 90, "bits_stored": 12}),
)


@dataclass
class RoundTrip:
    """An image that was encoded and decoded again."""

    image: str
    keyword: str
    size: int = 0
    ratio: float = 0.0
    result: str = ""
    good: bool = False
    encode_ms: float = 0.0
    decode_ms: float = 0.0
    largest_error: int | None = None
    psnr: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def row(self) -> tuple[Any, ...]:
        """Return its row of the table."""
        options = ", ".join(f"{name} {value}" for name, value in self.options.items())
        return (
            self.image,
            f"{self.keyword}{f' ({options})' if options else ''}",
            self.size,
            f"{self.ratio:.1f}",
            self.result if self.good else f"WRONG: {self.result}",
            f"{self.encode_ms:.2f}",
            f"{self.decode_ms:.2f}",
        )

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "image": self.image,
            "transfer_syntax": self.keyword,
            "options": self.options,
            "bytes": self.size,
            "ratio": round(self.ratio, 3),
            "result": self.result,
            "good": self.good,
            "largest_error": self.largest_error,
            "psnr": None if self.psnr is None else round(self.psnr, 2),
            "encode_milliseconds": round(self.encode_ms, 4),
            "decode_milliseconds": round(self.decode_ms, 4),
        }


def _timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result and the milliseconds of the second of two calls, because the first one loads libraries."""
    function()
    begin = time.perf_counter()
    result = function()
    return result, (time.perf_counter() - begin) * 1000


def _decode(encoded: bytes, keyword: str, original: np.ndarray, **attributes: Any) -> np.ndarray:
    return dt.decode_frame(
        encoded,
        keyword,
        rows=original.shape[0],
        columns=original.shape[1],
        samples_per_pixel=1 if original.ndim == 2 else original.shape[2],
        bits_allocated=original.dtype.itemsize * 8,
        pixel_representation=int(original.dtype.kind == "i"),
        raw=True,
        **attributes,
    )


def round_trips(folder: Path) -> list[RoundTrip]:
    """Encode pydicom's images in all transfer syntaxes that dcmturbo can encode, and decode them.

    Parameters
    ----------
    folder : Path
        pydicom's files.

    Returns
    -------
    list of RoundTrip
        For the images that exist.
    """
    images = {name: dt.decode(folder / file) for name, file in _IMAGES.items() if (folder / file).is_file()}
    trips = [
        _round_trip(image, images[image], keyword, options) for keyword, image, options in _JOBS if image in images
    ]
    if "colour" in images:
        trips.append(_recompressed(images["colour"]))
    return trips


def _round_trip(name: str, original: np.ndarray, keyword: str, options: dict[str, Any]) -> RoundTrip:
    attributes = {k: v for k, v in options.items() if k in ("bits_stored", "photometric_interpretation")}
    trip = RoundTrip(name, keyword, options=options)
    try:
        encoded, trip.encode_ms = _timed(lambda: dt.encode_frame(original, keyword, **options))
        again, trip.decode_ms = _timed(lambda: _decode(encoded, keyword, original, **attributes))
    except Error as error:
        trip.result = str(error)
        return trip
    trip.size, trip.ratio = len(encoded), original.nbytes / len(encoded)
    _judge(trip, original, again)
    return trip


def _judge(trip: RoundTrip, expected: np.ndarray, found: np.ndarray) -> None:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        trip.result = f"{found.shape} {found.dtype} instead of {expected.shape} {expected.dtype}"
        return
    error = found.astype(np.int64) - expected
    trip.largest_error = int(np.abs(error).max())
    if trip.largest_error == 0:
        trip.good, trip.result = True, "equal"
        return
    power = float(np.mean(np.square(error, dtype=np.float64)))
    trip.psnr = 10 * math.log10(int(np.ptp(expected)) ** 2 / power)
    trip.result = f"largest error {trip.largest_error}, PSNR {trip.psnr:.1f} dB"
    bound = error_bound(trip.options)
    known = all_encoder_options()
    if bound is None and any(name in known and known[name].can_lose for name in trip.options):
        trip.good = trip.psnr >= _LEAST_PSNR
    else:
        trip.good = trip.largest_error <= (bound[1] if bound is not None else 0)


def _recompressed(original: np.ndarray) -> RoundTrip:
    """Convert a JPEG to JPEG XL (PS3.5, A.4.18): decoding gives the pixels of the JPEG, and its bytes."""
    keyword = "JPEGXLJPEGRecompression"
    trip = RoundTrip("colour", keyword, options={"of": "JPEGBaseline8Bit"})
    try:
        jpeg = dt.encode_frame(original, "JPEGBaseline8Bit", quality=90)
        expected = _decode(jpeg, "JPEGBaseline8Bit", original)
        encoded, trip.encode_ms = _timed(lambda: dt.encode_frame(jpeg, keyword))
        again, trip.decode_ms = _timed(lambda: _decode(encoded, keyword, original))
    except Error as error:
        trip.result = str(error)
        return trip
    trip.size, trip.ratio = len(encoded), original.nbytes / len(encoded)
    _judge(trip, expected, again)
    return trip
