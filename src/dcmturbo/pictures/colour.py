"""Colours as 8-bit RGB: deep RGB, colours of segments (PS3.3, C.7.6.3, C.8.20.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo.errors import Error
from dcmturbo.pictures.header import Header, items_of, number_of, numbers_of, text_of

__all__ = ["eight_bits", "icc_profile", "segment_table"]

# For segments that have no colour of their own: ten hues that are easily told apart.
_HUES = (
    *((228, 88, 80), (96, 176, 232), (120, 196, 96), (240, 176, 64), (176, 120, 216)),
    *((64, 192, 176), (232, 128, 184), (160, 144, 96), (128, 136, 232), (200, 208, 72)),
)


def eight_bits(samples: np.ndarray, bits: int, photometric: str) -> np.ndarray:
    """Return samples of a colour image as 8 bits.

    Parameters
    ----------
    samples : numpy.ndarray
        Shape (rows, columns, 3).
    bits : int
        Bits of a sample that are used.
    photometric : str
        PhotometricInterpretation of the samples.

    Raises
    ------
    Error
        If these samples are no RGB and cannot be converted to it.
    """
    if samples.shape[2] == 3 and photometric.startswith("YBR_PARTIAL"):
        samples = _from_partial_range(samples, bits)
    elif samples.shape[2] != 3 or photometric not in ("RGB", "YBR_RCT", "YBR_ICT"):
        raise Error(f"pixels of {photometric or 'an unknown colour space'} cannot be shown: use --raw for their values")
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype.kind not in "u":
        raise Error(f"colours of type {samples.dtype.name} cannot be shown: use --raw for their values")
    shift = max(min(bits, 8 * samples.dtype.itemsize) - 8, 0)
    return np.asarray(np.minimum(samples >> shift, 255), np.uint8)


def _from_partial_range(samples: np.ndarray, bits: int) -> np.ndarray:
    """Convert YBR_PARTIAL_422 and YBR_PARTIAL_420 (PS3.3, C.7.6.3.1.2; black is 16, and white is 235)."""
    unit = float(1 << (bits - 8))
    y, cb, cr = (samples[..., k].astype(np.float32) / unit for k in range(3))
    y, cb, cr = (y - 16) * np.float32(255 / 219), cb - 128, cr - 128
    rgb = np.stack([y + 1.5960 * cr, y - 0.3917 * cb - 0.8129 * cr, y + 2.0173 * cb], axis=-1)
    top = float((1 << bits) - 1)
    converted: np.ndarray = np.clip(np.rint(rgb * (top / 255.0)), 0, top).astype(samples.dtype)
    return converted


def _rgb_of_lab(numbers: list[float]) -> tuple[int, int, int] | None:
    """Return the sRGB colour of a CIELab value as DICOM encodes it (PS3.3, C.10.7.1.1; white point D50)."""
    if len(numbers) != 3 or not all(0 <= number <= 0xFFFF for number in numbers):
        return None
    lightness, a, b = numbers[0] * 100 / 0xFFFF, numbers[1] * 255 / 0xFFFF - 128, numbers[2] * 255 / 0xFFFF - 128
    fy = (lightness + 16) / 116
    ratios = [f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29) for f in (fy + a / 500, fy, fy - b / 200)]
    xyz = np.array(ratios) * (0.96422, 1.0, 0.82521)
    # XYZ at D50 to linear sRGB: the matrix of IEC 61966-2-1 after Bradford's adaptation from D50 to D65.
    matrix = np.array(
        [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
    )
    linear = np.clip(matrix @ xyz, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (int(value) for value in np.rint(encoded * 255))
    return red, green, blue


def segment_table(header: Header, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the colour of every value of a label map (PS3.3, C.8.20.2): shape (values, 3), uint8; 0 is black."""
    table = np.empty((1 << 8 * dtype.itemsize, 3), np.uint8)
    table[:] = np.array(_HUES, np.uint8)[(np.arange(len(table)) - 1) % len(_HUES)]
    table[0] = 0
    for item in items_of(header.dataset, "SegmentSequence"):
        number = int(number_of(item, "SegmentNumber") or 0)
        colour = _rgb_of_lab(numbers_of(item, "RecommendedDisplayCIELabValue"))
        if 0 < number < len(table) and colour is not None:
            table[number] = colour
        elif number == 0 and text_of(item, "SegmentLabel"):
            table[0] = 0
    return table


def icc_profile(header: Header) -> bytes | None:
    """Return the ICC profile of a colour object (PS3.3, C.11.15); None if it has none that fits RGB."""
    places = [header.dataset, *items_of(header.dataset, "OpticalPathSequence")[:1]]
    for place in places:
        try:
            profile = place.get("ICCProfile")
        except Exception:  # a value that pydicom cannot convert
            continue
        # ICC.1, 7.2: the colour space and the signature have fixed places in the header of 128 bytes.
        if isinstance(profile, bytes) and profile[36:40] == b"acsp" and profile[16:20] == b"RGB ":
            return profile
    return None
