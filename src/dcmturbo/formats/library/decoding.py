"""Decode one frame with a library and return the samples as they are coded."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.errors import DecodeError
from dcmturbo.formats.library.common import Array, Buffer, Header, integer_type, load_imagecodecs, translated
from dcmturbo.formats.library.forgotten_errors import FORGOTTEN_ERRORS
from dcmturbo.formats.library.openjph import load_openjph
from dcmturbo.formats.library.scaling import decode_scaled

__all__ = ["decode", "decode_into", "decode_rle", "header_of_colours", "inflate", "jpeg_inside", "reconstruct_jpeg"]


def decode(data: Buffer, header: Header, *, out: Array | None = None) -> Array:
    """Return the samples of one frame as its codestream has them.

    Parameters
    ----------
    data : bytes-like
        The whole frame, including container boxes.
    header : Header
        The result of ``_core.probe(data)``; ``_core.check(data, header)`` should have passed.
    out : numpy.ndarray, optional
        Memory for the result. It is used if it is C-contiguous and has the shape and item size of the codestream; its
        sign does not matter. Otherwise it is ignored.

    Returns
    -------
    numpy.ndarray
        `out` if it was used, otherwise a new array: shape ``(rows, columns)``, or ``(rows, columns, components)`` if
        there are several; C-contiguous; the smallest integer type for the precision, with the sign of the codestream.

    Raises
    ------
    DecodeError
        With ``code`` "unsupported" if the library cannot return the frame: subsampled components of JPEG 2000, JPEG-LS
        and JPEG Lossless, components of different precision, more than 26 bits. Otherwise, if the library finds damage.
    """
    decoder = _DECODERS.get(header.format)
    if decoder is None:
        raise DecodeError(f"no library can decode the format {header.format!r}", code="unsupported")
    dtype = _sample_type(header)
    count = len(header.components)
    shape = (header.height, header.width) if count == 1 else (header.height, header.width, count)
    target = _target(out, shape, dtype)
    samples = decoder(data, header, target)
    if samples.shape != shape or samples.dtype != dtype:
        raise DecodeError(
            f"the header describes {shape} samples of {dtype}, but the library returned {samples.shape} "
            f"of {samples.dtype}",
            code="mismatch",
        )
    if out is None or target is None:
        return np.ascontiguousarray(samples)
    if not np.may_share_memory(samples, target):
        target[...] = samples
    return out


def decode_into(data: Buffer, header: Header, out: Array, reduce: int = 0) -> None:
    """Decode one frame into `out`, for the core (csrc/codecs/library.h).

    Parameters
    ----------
    data : bytes-like
        The whole frame.
    header : Header
        The format; for an RLE or deflated frame, the data of its dataset.
    out : numpy.ndarray
        Shape (rows, columns[, samples]), any strides, native byte order; cells at least as large as the samples. For a
        deflated frame, one row of bytes. Receives the samples as they are coded, extended by the codestream's sign if
        the cells are larger.
    reduce : int
        How often rows and columns are halved; JPEG only.

    Raises
    ------
    DecodeError
        The errors of `decode`, `decode_rle` and `inflate`.
    """
    if header.format == "deflated_frame":
        out[0] = np.frombuffer(inflate(data, out.size), np.uint8)
        return
    if header.format == "rle":
        out[...] = decode_rle(data, out.shape, out.dtype)
        return
    if reduce:
        decode_scaled(data, header, out, reduce)
        return
    samples = decode(data, header, out=out)
    if samples is out:
        return
    if samples.shape != out.shape:
        raise DecodeError(
            f"the library decoded an array of shape {samples.shape}, but the codestream's header says {out.shape}",
            code="internal",
        )
    if samples.dtype.itemsize != out.dtype.itemsize:
        samples = samples.astype(f"{samples.dtype.kind}{out.dtype.itemsize}")
    out[...] = samples.view(out.dtype)


def decode_rle(data: Buffer, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return the cells of an RLE frame, for comparison with the core's own codec (``config.prefer = "library"``).

    Parameters
    ----------
    data : bytes-like
        The frame.
    shape : tuple of int
        (rows, columns) or (rows, columns, samples).
    dtype : numpy.dtype
        Bits of a cell; 8 or more.

    Returns
    -------
    numpy.ndarray
        Of that shape and dtype; a view whose samples are planes.

    Raises
    ------
    DecodeError
        If the segments do not have exactly the size of the image.
    """
    with translated("RLE (imagecodecs)", DecodeError):
        cells = np.frombuffer(load_imagecodecs().dicomrle_decode(data, dtype), dtype)
    if cells.size != int(np.prod(shape)):
        raise DecodeError(
            f"the RLE segments have {cells.size} samples, but the image has shape {shape}", code="mismatch"
        )
    return cells.reshape(shape) if len(shape) == 2 else cells.reshape(shape[2], *shape[:2]).transpose(1, 2, 0)


def reconstruct_jpeg(data: Buffer) -> bytes:
    """Return the JPEG file from which a JPEG XL stream was made, bit for bit (ISO/IEC 18181-2, box ``jbrd``).

    Parameters
    ----------
    data : bytes-like
        A JPEG XL container whose header has the parameter ``jpeg_reconstruction``.

    Returns
    -------
    bytes
    """
    with translated("JPEG XL (libjxl)", DecodeError):
        return bytes(load_imagecodecs().jpegxl_decode_jpeg(data, numthreads=1))


def jpeg_inside(data: Any, header: Header) -> tuple[memoryview, Header] | None:
    """Return the JPEG from which a JPEG XL stream was made, and its header; None for other frames.

    The JPEG names its colour space; the JPEG XL stream does not.
    """
    if not header.parameters.get("jpeg_reconstruction"):
        return None
    jpeg = memoryview(reconstruct_jpeg(data))
    return jpeg, _core.probe(jpeg)


def header_of_colours(data: Any) -> Header:
    """Return the header with the most information about colours: the frame's own, or that of the JPEG inside."""
    header = _core.probe(data)
    inside = jpeg_inside(data, header)
    return header if inside is None else inside[1]


def inflate(data: Buffer, size: int) -> bytes:
    """Return the content of a raw deflate stream (RFC 1951) of known size.

    Parameters
    ----------
    data : bytes-like
        The stream; padding after its end is ignored.
    size : int
        Expected bytes. Inflating stops after them, so a decompression bomb costs no more.

    Returns
    -------
    bytes
        Exactly `size` bytes.

    Raises
    ------
    DecodeError
        If there are fewer bytes ("truncated"), or more than `size` and a padding byte ("mismatch").
    """
    stream = zlib.decompressobj(wbits=-15)
    with translated("deflate (zlib)", DecodeError):
        # One more byte than padding can add. This is enough to see that there are too many bytes, and to reach the end
        # of a right stream.
        content = stream.decompress(data, size + 2)
    if len(content) < size or (not stream.eof and len(content) <= size + 1):
        raise DecodeError(
            f"the deflate stream ends after {len(content)} of {size} bytes", code="truncated", offset=len(data)
        )
    if len(content) > size + (size & 1):
        raise DecodeError(f"the deflate stream has more than the expected {size} bytes", code="mismatch")
    return content[:size]


def _sample_type(header: Header) -> np.dtype[Any]:
    components = header.components
    if not components:
        raise DecodeError("the header names no components")
    first = components[0]
    precision, is_signed = first.precision, first.is_signed
    for component in components:
        if component.precision != precision or component.is_signed != is_signed:
            raise DecodeError(
                "library codecs cannot decode components of different precision or sign", code="unsupported"
            )
    return integer_type(precision, is_signed)


def _target(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    if out is None or not out.flags.c_contiguous or not out.flags.writeable or not out.dtype.isnative:
        return None
    if out.dtype.itemsize != dtype.itemsize or out.shape != shape:
        return None
    return out.view(dtype)


def _codestream(data: Buffer, header: Header) -> Buffer:
    """Return the bare codestream: libraries use the boxes around it, but DICOM does not (PS3.5 A.4.4)."""
    start, end = header.codestream_offset, header.codestream_offset + header.codestream_size
    if start == 0 and end == len(data):
        return data
    return memoryview(data)[start:end]


def _refuse_subsampled(header: Header, name: str) -> None:
    if header.subsampled:
        raise DecodeError(f"the library codec cannot decode subsampled components of {name}", code="unsupported")


# libjpeg's colour spaces, by number of components. Naming the same one for input and output turns its conversion off.
# If none is named, it guesses and converts.
_JPEG_SPACES = {1: "GRAYSCALE", 3: "YCBCR", 4: "CMYK"}


def _decode_jpeg(data: Buffer, header: Header, out: Array | None) -> Array:
    if header.format == "jpeg_lossless":
        _refuse_subsampled(header, "JPEG Lossless")
    space = _JPEG_SPACES.get(len(header.components), "UNKNOWN")
    with translated("JPEG (libjpeg-turbo)", DecodeError):
        samples: Array = load_imagecodecs().jpeg8_decode(data, colorspace=space, outcolorspace=space, out=out)
    return samples


def _decode_jpegls(data: Buffer, header: Header, out: Array | None) -> Array:
    _refuse_subsampled(header, "JPEG-LS")
    if header.parameters.get("mapping_table", 0):
        # CharLS returns the indices without an error.
        raise DecodeError(
            "the library codec cannot decode mapping tables (ISO/IEC 14495-1 C.2.4.1.2)", code="unsupported"
        )
    # Without interleaving, CharLS writes one plane after the other, which is not the layout of `out`.
    planar = len(header.components) > 1 and header.parameters.get("interleave_mode", 0) == 0
    with translated("JPEG-LS (CharLS)", DecodeError):
        samples: Array = load_imagecodecs().jpegls_decode(data, out=None if planar else out)
    return samples


def _decode_jpeg2000(data: Buffer, header: Header, out: Array | None) -> Array:
    _refuse_subsampled(header, "JPEG 2000")
    if header.components[0].precision > 26:
        # imagecodecs limits the precision to 26 bits without an error.
        raise DecodeError(
            "the library codec decodes JPEG 2000 of up to 26 bits, but this codestream has "
            f"{header.components[0].precision}",
            code="unsupported",
        )
    with translated("JPEG 2000 (OpenJPEG)", DecodeError):
        samples: Array = load_imagecodecs().jpeg2k_decode(
            _codestream(data, header), planar=False, verbose=0, numthreads=1, out=out
        )
    return samples


def _decode_htj2k(data: Buffer, header: Header, out: Array | None) -> Array:
    _refuse_subsampled(header, "HTJ2K")
    with translated("HTJ2K (OpenJPH)", DecodeError), FORGOTTEN_ERRORS.raised():
        samples: Array = load_openjph().htj2k_decode(_codestream(data, header), planar=False, out=out)
    return samples


def _decode_jpegxl(data: Buffer, header: Header, out: Array | None) -> Array:
    parameters = header.parameters
    if parameters.get("jpeg_reconstruction", 0):
        # Decode the original JPEG, because libjxl's inverse DCT is more exact and gives other pixels.
        return _decode_jpeg(reconstruct_jpeg(data), header, out)
    if parameters.get("floating_point", 0):
        raise DecodeError("dcmturbo cannot decode floating-point samples of JPEG XL", code="unsupported")
    if parameters.get("animation", 0):
        raise DecodeError(
            "dcmturbo cannot decode animations of JPEG XL: a DICOM frame is one image", code="unsupported"
        )
    with translated("JPEG XL (libjxl)", DecodeError):
        samples: Array = load_imagecodecs().jpegxl_decode(data, keeporientation=True, numthreads=1, out=out)
    return samples


_DECODERS: dict[str, Callable[[Buffer, Header, Array | None], Array]] = {
    "jpeg": _decode_jpeg,
    "jpeg_lossless": _decode_jpeg,
    "jpegls": _decode_jpegls,
    "jpeg2000": _decode_jpeg2000,
    "htj2k": _decode_htj2k,
    "jpegxl": _decode_jpegxl,
}
