"""Frames to encode, and the arguments that decode them again."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np

import dcmturbo as dt
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES, TransferSyntax


def smooth(shape: tuple[int, ...], dtype: object, *, bits: int | None = None, seed: int = 0) -> np.ndarray:
    """An image that compresses: gradients, a disc and a little noise, over the whole range of `bits`."""
    dtype = np.dtype(dtype)
    bits = bits or dtype.itemsize * 8
    random = np.random.default_rng(seed)
    rows, columns = shape[:2]
    y, x = np.mgrid[0:rows, 0:columns]
    plane = (y / max(rows - 1, 1) + x / max(columns - 1, 1)) / 2
    plane = np.where((y - rows / 2) ** 2 + (x - columns / 2) ** 2 < (min(rows, columns) / 4) ** 2, 1 - plane, plane)
    planes = np.stack([np.roll(plane, 3 * k, 1) for k in range(shape[2])], -1) if len(shape) == 3 else plane
    noisy = np.clip(planes + random.normal(0, 0.01, shape), 0, 1)
    exact = min(bits, 50)  # of a double
    values = (noisy * (2**exact - 1)).astype(np.int64) - (2 ** (exact - 1) if dtype.kind == "i" else 0)
    return values.astype(dtype) << dtype.type(bits - exact)


def noise(shape: tuple[int, ...], dtype: object, *, bits: int | None = None, seed: int = 0) -> np.ndarray:
    dtype = np.dtype(dtype)
    random = np.random.default_rng(seed)
    cells = random.integers(0, 256, (*shape, dtype.itemsize), np.uint8).view(dtype)[..., 0]
    spare = dtype.itemsize * 8 - (bits or dtype.itemsize * 8)
    return ((cells << spare) >> spare).astype(dtype) if spare else cells


@dataclass(frozen=True)
class Case:
    """One frame in one transfer syntax."""

    syntax: TransferSyntax
    shape: tuple[int, ...]
    dtype: str
    bits: int
    photometric: str | None = None
    lossy: bool = False
    options: dict = field(default_factory=dict, hash=False, compare=False)

    def __str__(self) -> str:
        return f"{self.syntax.keyword}-{self.dtype}-{self.bits}-{'x'.join(map(str, self.shape))}"

    def array(self, seed: int = 0, shape: tuple[int, ...] | None = None) -> np.ndarray:
        return smooth(shape or self.shape, self.dtype, bits=self.bits, seed=seed)

    def encode(self, array: np.ndarray) -> bytes:
        if self.syntax.keyword == "ExplicitVRBigEndian":
            return array.astype(array.dtype.newbyteorder(">")).tobytes()
        if self.syntax.keyword == "JPEGXLJPEGRecompression":
            options = {"bits_stored": self.bits, "photometric_interpretation": self.photometric or "MONOCHROME2"}
            jpeg = dt.encode_frame(array, "JPEGBaseline8Bit", **options)
            return dt.encode_frame(jpeg, self.syntax.keyword)
        keyword = _ENCODED_AS.get(self.syntax.keyword, self.syntax.keyword)
        return dt.encode_frame(
            array, keyword, bits_stored=self.bits, photometric_interpretation=self.photometric, **self.options
        )

    def arguments(self) -> dict:
        dtype = np.dtype(self.dtype)
        return {
            "rows": self.shape[0],
            "columns": self.shape[1],
            "samples_per_pixel": self.shape[2] if len(self.shape) == 3 else 1,
            "bits_allocated": dtype.itemsize * 8,
            "bits_stored": self.bits,
            "pixel_representation": int(dtype.kind == "i"),
            "photometric_interpretation": self.photometric,
        }

    def decode(self, data: object, **more: object) -> np.ndarray:
        return dt.decode_frame(data, self.syntax.uid, **{**self.arguments(), **more})

    @property
    def own(self) -> bool:
        return self.syntax.own


# Syntaxes that are decoded, never encoded: their frames are those of another.
_ENCODED_AS = {
    "JPEG2000MCLossless": "JPEG2000Lossless",
    "JPEG2000MC": "JPEG2000",
    "DeflatedExplicitVRLittleEndian": "ExplicitVRLittleEndian",
}
# Retired processes of JPEG: the marker says what they are, and nothing here encodes them.
_RETIRED = tuple(f"1.2.840.10008.1.2.4.{n}" for n in range(52, 67) if n not in (57,))


# The most bits of a sample that the core encodes.
_WIDEST = {"jpeg_lossless": 16, "jpegls": 16, "jpeg2000": 31, "htj2k": 25}


_ENCODED_BY_A_LIBRARY = ("JPEGBaseline", "JPEGExtended", "JPEGXL")


def _cases() -> list[Case]:
    cases = []
    for syntax in TRANSFER_SYNTAXES:
        if not syntax.decodable or syntax.uid in _RETIRED:
            continue
        if syntax.keyword.startswith(_ENCODED_BY_A_LIBRARY) and find_spec("imagecodecs") is None:
            continue  # it has no wheels for musl and for some Pythons
        lossy = syntax.keyword in ("JPEGBaseline8Bit", "JPEGExtended12Bit", "JPEGXLJPEGRecompression")
        if syntax.keyword == "JPEGBaseline8Bit" or syntax.keyword == "JPEGXLJPEGRecompression":
            kinds = [((19, 27), "u1", 8, None), ((19, 27, 3), "u1", 8, "RGB")]
        elif syntax.keyword == "JPEGExtended12Bit":
            kinds = [((19, 27), "u2", 12, None), ((19, 27), "u1", 8, None)]
        else:
            kinds = [((19, 27), "u1", 8, None), ((17, 23), "u2", 12, None), ((15, 21), "i2", 16, None)]
            kinds += [((19, 27, 3), "u1", 8, "RGB")]
        if syntax.encodes:
            wide = _WIDEST.get(syntax.format.name, 64)
            kinds += [((9, 11), "u4", min(wide, 32), None), ((7, 5), "i8", wide, None), ((6, 9, 3), "u2", 16, "RGB")]
        cases += [Case(syntax, *kind, lossy=lossy) for kind in kinds]
    return cases


CASES = _cases()
