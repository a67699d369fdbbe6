"""Encode one frame with a library, and correct what the library would write wrongly."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from dcmturbo.errors import EncodeError
from dcmturbo.formats.library.common import Array, Buffer, integer_type, load_imagecodecs, translated
from dcmturbo.formats.library.decoding import reconstruct_jpeg
from dcmturbo.formats.library.openjph import load_openjph

__all__ = ["deflate", "encode", "encodes"]

Options: TypeAlias = Mapping[str, Any]


def encode(
    array: Array | Buffer,
    transfer_syntax_uid: str,
    *,
    bits_stored: int = 0,
    pixel_representation: int = 0,
    photometric_interpretation: str = "MONOCHROME2",
    options: Options,
) -> bytes:
    """Return one frame encoded in a transfer syntax, by a library.

    Parameters
    ----------
    array : numpy.ndarray of integers, shape (rows, columns) or (rows, columns, 3)
        Signed if `pixel_representation` is 1, otherwise unsigned. For 1.2.840.10008.1.2.4.111, the bytes of a JPEG
        file.
    transfer_syntax_uid : str
        In full.
    bits_stored : int
        Bits per sample: the precision in the codestream. All values must fit.
    pixel_representation : int
        0 unsigned, 1 signed.
    photometric_interpretation : str
        The value for the dataset. YBR_RCT and YBR_ICT transform RGB input. For all other values, the samples are
        encoded unchanged (but see `from_rgb`).
    options : mapping
        The options of the transfer syntax (csrc/codecs/library_options.h), as `check_library_options` returns them.

    Returns
    -------
    bytes
        The bare codestream without padding.

    Raises
    ------
    EncodeError
        If the format or the library cannot store the image.
    """
    suffix = transfer_syntax_uid.removeprefix("1.2.840.10008.1.2")
    encoder = _ENCODERS.get(suffix)
    if encoder is None:
        raise EncodeError(f"no library can encode the transfer syntax {transfer_syntax_uid}", code="unsupported")
    if suffix == ".4.111":
        return _recompress_jpeg(array)
    frame = _Frame(np.asarray(array), suffix, bits_stored, pixel_representation, photometric_interpretation)
    with translated(f"encoding {transfer_syntax_uid}", EncodeError):
        return encoder(frame, options)


class _Frame:
    """The frame to encode: checked, contiguous, in the smallest type."""

    def __init__(
        self, array: Array, suffix: str, bits_stored: int, pixel_representation: int, photometric: str
    ) -> None:
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[..., 0]
        if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or array.size == 0:
            raise EncodeError(f"expected an array of shape (rows, columns) or (rows, columns, 3), found {array.shape}")
        if array.dtype.kind == "b":
            array = array.view(np.uint8)
        if array.dtype.kind not in "iu":
            raise EncodeError(f"expected an array of integers, found {array.dtype}")
        self.signed = bool(pixel_representation)
        if (array.dtype.kind == "i") != self.signed:
            raise EncodeError(f"PixelRepresentation {pixel_representation} contradicts an array of dtype {array.dtype}")
        if not 1 <= bits_stored <= array.dtype.itemsize * 8:
            raise EncodeError(
                f"BitsStored is {bits_stored}; expected 1 to {array.dtype.itemsize * 8}, the bits of the array"
            )
        self.raw_size = array.nbytes
        self.allocated = array.dtype.itemsize * 8
        self.suffix = suffix
        self.bits = bits_stored
        self.photometric = photometric
        self.colour = array.ndim == 3
        if photometric.startswith(("YBR", "RGB", "XYB")) != self.colour:
            raise EncodeError(f"PhotometricInterpretation {photometric} contradicts an array of shape {array.shape}")
        lowest = -(1 << (bits_stored - 1)) if self.signed else 0
        highest = lowest + (1 << bits_stored) - 1
        self.minimum, self.maximum = int(array.min()), int(array.max())
        if self.minimum < lowest or self.maximum > highest:
            raise EncodeError(
                f"values from {self.minimum} to {self.maximum} do not fit in BitsStored {bits_stored}, which "
                f"can store {lowest} to {highest}"
            )
        self.samples = np.ascontiguousarray(array, integer_type(bits_stored, self.signed))

    def require_bits(self, lowest: int, highest: int) -> None:
        if not lowest <= self.bits <= highest:
            raise EncodeError(
                f"this format can encode {lowest} to {highest} bits, but BitsStored is {self.bits}: native transfer "
                "syntaxes hold such samples",
                code="unsupported",
            )

    def require_photometric(self, *allowed: str) -> None:
        if self.photometric not in allowed:
            raise EncodeError(f"expected PhotometricInterpretation {' or '.join(allowed)}, found {self.photometric}")

    def as_unsigned(self) -> Array:
        """Two's complement, cut to BitsStored: formats without a sign store signed data this way (PS3.5 8.2.1)."""
        cells: Array = self.samples.view(integer_type(self.bits, False))
        if not self.signed or self.bits == cells.dtype.itemsize * 8:
            return cells
        masked: Array = cells & cells.dtype.type((1 << self.bits) - 1)
        return masked


_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


def _encode_to_ratio(
    frame: _Frame, ratio: float, settings: Sequence[float], encode_at: Callable[[float], bytes]
) -> bytes:
    """Encode with the best of `settings` (from worst to best) that still reaches `ratio`."""
    best: bytes | None = None
    low, high = 0, len(settings)
    while low < high:
        middle = (low + high) // 2
        encoded = encode_at(settings[middle])
        if len(encoded) * ratio <= frame.raw_size:
            best, low = encoded, middle + 1
        else:
            high = middle
    if best is None:
        raise EncodeError(f"a ratio of {ratio:g} cannot be reached, not even with the lowest quality")
    return best


def _encode_jpeg(frame: _Frame, options: Options) -> bytes:
    if frame.suffix == ".4.50" and frame.bits != 8:
        raise EncodeError(f"JPEG Baseline can store 8 bits only, but BitsStored is {frame.bits}", code="unsupported")
    if frame.bits not in (8, 12):
        # PS3.5 8.2.1: the DCT processes have 8 and 12 bits; with any other BitsStored, a decoder may exceed it.
        raise EncodeError(
            f"JPEG Extended can store 8 or 12 bits only, but BitsStored is {frame.bits}", code="unsupported"
        )
    if frame.signed:
        raise EncodeError("lossy JPEG can store unsigned values only (PS3.5 8.2.1)", code="unsupported")
    frame.require_photometric(*_MONOCHROME, "YBR_FULL", "YBR_FULL_422", "RGB")
    space = "GRAYSCALE" if not frame.colour else "RGB" if frame.photometric == "RGB" else "YCBCR"
    source = space
    if options["from_rgb"]:
        frame.require_photometric("YBR_FULL", "YBR_FULL_422")
        source = "RGB"
    subsampling = "422" if frame.photometric == "YBR_FULL_422" else "444"

    def encode_at(quality: float) -> bytes:
        return bytes(
            load_imagecodecs().jpeg8_encode(
                frame.samples,
                int(quality),
                colorspace=source,
                outcolorspace=space,
                subsampling=subsampling if frame.colour else None,
                bitspersample=frame.bits,
            )
        )

    if "ratio" in options:
        return _encode_to_ratio(frame, options["ratio"], range(1, 101), encode_at)
    return encode_at(options["quality"])


def _encode_jpeg_lossless(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(2, 16)
    # Measured with libjpeg-turbo 3.1.3: if the colour space is named YCBCR, lossless streams have wrong samples,
    # without an error.
    space = "GRAYSCALE" if not frame.colour else "RGB" if frame.photometric == "RGB" else "UNKNOWN"
    return bytes(
        load_imagecodecs().jpeg8_encode(
            frame.as_unsigned(),
            lossless=True,
            predictor=options.get("selection_value", 1),
            bitspersample=frame.bits,
            colorspace=space,
            outcolorspace=space,
        )
    )


def _encode_jpegls(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(2, 16)
    near = options.get("near_lossless", 0)
    most = ((1 << frame.bits) - 1) // 2  # ISO/IEC 14495-1, C.2.3
    if near > most:
        raise EncodeError(f"near_lossless is {near}; with BitsStored {frame.bits} it is at most {most}")
    half = 1 << (frame.bits - 1)
    if frame.signed and near and (frame.minimum < near - half or frame.maximum > half - 1 - near):
        # Two's complement: an error across the middle of the range turns the largest value into the smallest.
        raise EncodeError(
            f"near-lossless JPEG-LS of signed values needs values at least {near} away from the limits of "
            f"BitsStored {frame.bits}; found {frame.minimum} to {frame.maximum}",
            code="unsupported",
        )
    if frame.bits not in (8, 16):
        # PS3.5 8.2.3: the precision is BitsStored.
        raise EncodeError(
            f"imagecodecs writes JPEG-LS of 8 or 16 bits, and BitsStored is {frame.bits}: let the core encode it "
            "(dt.config.prefer = 'own')",
            code="unsupported",
        )
    return bytes(load_imagecodecs().jpegls_encode(frame.as_unsigned(), near))


def _transform_of(frame: _Frame, lossy: bool) -> bool:
    """Return whether to apply the multiple component transform; check that it is possible."""
    if frame.photometric == "YBR_ICT" and not lossy:
        raise EncodeError("YBR_ICT is the colour transform of lossy JPEG 2000: expected YBR_RCT or RGB for lossless")
    if lossy and frame.photometric.startswith("PALETTE"):
        raise EncodeError("indices of a palette cannot be compressed with loss")
    return frame.photometric in ("YBR_RCT", "YBR_ICT")


def _encode_jpeg2000(frame: _Frame, options: Options) -> bytes:
    # Measured with OpenJPEG 2.5.4: from 24 bits on, its lossless coding is not lossless.
    frame.require_bits(1, 20)
    lossy = "psnr" in options or "ratio" in options
    transform = _transform_of(frame, lossy)
    # With loss, RCT means truncated 5/3 coding, and everything else 9/7.
    reversible = not lossy or frame.photometric == "YBR_RCT"
    # Samples are integers, so even a perfect approximation has errors of up to half a unit, and a mean square error of
    # 1/12. A request for a higher PSNR means everything that the quantisation leaves. With a target, OpenJPEG drops the
    # last coding passes even then; without one, it keeps them all.
    highest = 20 * math.log10((1 << frame.bits) - 1) + 10 * math.log10(12)

    def encode_at(psnr: float) -> bytes:
        psnr = psnr if psnr < highest else 0.0
        return bytes(
            load_imagecodecs().jpeg2k_encode(
                frame.samples,
                psnr,
                codecformat="j2k",
                planar=False,
                bitspersample=frame.bits,
                reversible=reversible,
                mct=transform,
                verbose=0,
                numthreads=1,
            )
        )

    if "ratio" in options:
        return _encode_to_ratio(frame, options["ratio"], range(10, 110), encode_at)
    return encode_at(options.get("psnr", 0.0))


def _encode_htj2k(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(1, 16)
    lossy = "quantisation_step" in options or "ratio" in options
    transform = _transform_of(frame, lossy)
    if lossy and frame.photometric == "YBR_RCT":
        # JPEG 2000 can truncate reversible coding, but an HT block cannot be truncated.
        raise EncodeError("YBR_RCT is the colour transform of lossless HTJ2K: expected YBR_ICT or RGB for lossy")
    samples, width = frame.samples, frame.samples.dtype.itemsize * 8
    if frame.bits < width:
        # imagecodecs writes the precision of the array's type; SIZ is corrected afterwards.
        if lossy:
            # The quantisation is relative to the range (ISO/IEC 15444-1 E.1.1): a decoder scales values of the array's
            # range to the range of the precision in SIZ.
            samples = samples << (width - frame.bits)
        elif not frame.signed:
            # The level shift (G.1.2) depends on the precision. Therefore subtract it here and encode signed samples,
            # which have no level shift.
            signed = integer_type(frame.bits, True)
            samples = samples.view(signed) - signed.type(1 << (frame.bits - 1))

    def encode_at(step: float) -> bytes:
        encoded = bytearray(
            load_openjph().htj2k_encode(
                samples,
                step if lossy else None,
                rgb=transform,
                planar=False,
                reversible=not lossy,
                tlm=True,
            )
        )
        return _state_precision(encoded, frame)

    if "ratio" in options:
        return _encode_to_ratio(frame, options["ratio"], [2.0 ** (-i / 6) for i in range(6, 106)], encode_at)
    return encode_at(options.get("quantisation_step", 0.0))


def _state_precision(codestream: bytearray, frame: _Frame) -> bytes:
    """Write precision and sign into SIZ, which follows SOC (ISO/IEC 15444-1 A.5.1)."""
    if codestream[2:4] != b"\xff\x51":
        raise EncodeError("the codestream has no SIZ marker after SOC", code="internal")
    for component in range(3 if frame.colour else 1):
        codestream[42 + 3 * component] = (frame.bits - 1) | (0x80 if frame.signed else 0)
    return bytes(codestream)


def _encode_jpegxl(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(1, 16)
    lossy = "distance" in options or "ratio" in options
    if lossy and frame.signed:
        raise EncodeError(
            "lossy JPEG XL cannot store signed values, because they would wrap around", code="unsupported"
        )
    if lossy:
        frame.require_photometric(*_MONOCHROME, "RGB", "XYB")
    effort = options["effort"]

    def encode_at(distance: float) -> bytes:
        return bytes(
            load_imagecodecs().jpegxl_encode(
                frame.as_unsigned(),
                effort=effort,
                distance=distance if lossy else None,
                lossless=not lossy,
                photometric="RGB" if frame.colour else "GRAY",
                bitspersample=frame.bits,
                usecontainer=False,
                numthreads=1,
            )
        )

    if "ratio" in options:
        return _encode_to_ratio(frame, options["ratio"], [25 * 2.0 ** (-i / 10) for i in range(100)], encode_at)
    return encode_at(options.get("distance", 0.0))


def _recompress_jpeg(data: Any) -> bytes:
    if isinstance(data, np.ndarray):
        raise EncodeError("JPEG XL recompression (.4.111) needs the bytes of a JPEG file, not an array")
    with translated("JPEG XL recompression (libjxl)", EncodeError):
        encoded = bytes(load_imagecodecs().jpegxl_encode_jpeg(data, numthreads=1))
    if reconstruct_jpeg(encoded) != bytes(data):
        raise EncodeError("JPEG XL recompression did not restore the original JPEG", code="unsupported")
    return encoded


def encodes(transfer_syntax_uid: str) -> bool:
    """Whether a library encodes a transfer syntax."""
    return transfer_syntax_uid.removeprefix("1.2.840.10008.1.2") in _ENCODERS


def deflate(content: Buffer, options: Options) -> bytes:
    """Return bytes as a raw deflate stream (RFC 1951), without padding.

    Parameters
    ----------
    content : bytes-like
        A frame in native form.
    options : mapping
        The options of Deflated Image Frame Compression, as `check_library_options` returns them.

    Returns
    -------
    bytes
    """
    stream = zlib.compressobj(options["level"], wbits=-zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


# By suffix of the UID.
_ENCODERS: dict[str, Callable[[_Frame, Options], bytes]] = {
    ".4.50": _encode_jpeg,
    ".4.51": _encode_jpeg,
    ".4.57": _encode_jpeg_lossless,
    ".4.70": _encode_jpeg_lossless,
    ".4.80": _encode_jpegls,
    ".4.81": _encode_jpegls,
    ".4.90": _encode_jpeg2000,
    ".4.91": _encode_jpeg2000,
    ".4.201": _encode_htj2k,
    ".4.202": _encode_htj2k,
    ".4.203": _encode_htj2k,
    ".4.110": _encode_jpegxl,
    ".4.111": _encode_jpegxl,
    ".4.112": _encode_jpegxl,
}
