"""The codecs that a library does: JPEG, JPEG Lossless, JPEG-LS, JPEG 2000, HTJ2K, JPEG XL, deflate.

Plain functions on one frame, behind the same contract as the core's own codecs. Decoding takes the
header that ``_core.probe`` made and expects that ``_core.check`` has walked the markers: most of these
libraries return wrong pixels for a frame that is cut short, without an error. Damage inside a scan stays
unseen even so.

Samples are returned as they are coded: no colour conversion except the inverse RCT or ICT of JPEG 2000,
which is part of that format; no sign extension. `imagecodecs` is imported at first use, because that
takes longer than decoding most files.
"""

from __future__ import annotations

import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import DecodeError, EncodeError, Error

__all__ = ["decode", "encode", "inflate", "map_frames", "reconstruct_jpeg"]

Buffer: TypeAlias = bytes | bytearray | memoryview
Array: TypeAlias = npt.NDArray[Any]
Job = TypeVar("Job")
Result = TypeVar("Result")


class ComponentHeader(Protocol):
    """``ComponentHeader`` of csrc/base/component.h, as far as it is used here."""

    @property
    def precision(self) -> int: ...
    @property
    def is_signed(self) -> bool: ...


class Header(Protocol):
    """``Header`` of csrc/base/component.h, as far as it is used here."""

    @property
    def format(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def components(self) -> Sequence[ComponentHeader]: ...
    @property
    def subsampled(self) -> bool: ...
    @property
    def interleaved(self) -> bool: ...
    @property
    def codestream_offset(self) -> int: ...
    @property
    def codestream_size(self) -> int: ...
    @property
    def parameters(self) -> Mapping[str, int]: ...


def _imagecodecs() -> ModuleType:
    return import_module("imagecodecs")


@contextmanager
def _translated(what: str, error: type[DecodeError] | type[EncodeError]) -> Iterator[None]:
    """Turn what a library raises into our own exception, named by what was being done."""
    try:
        yield
    except Error:
        raise
    except MemoryError as cause:
        raise error(f"{what}: out of memory", code="out_of_memory") from cause
    except NotImplementedError as cause:
        raise error(f"{what}: {cause}", code="unsupported") from cause
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError, zlib.error) as cause:
        # libjpeg says so of DNL, for one.
        code = "unsupported" if "not supported" in str(cause) else None
        raise error(f"{what}: {cause}", code=code) from cause


# --- decoding ---------------------------------------------------------------------------------


def decode(data: Buffer, header: Header, *, out: Array | None = None) -> Array:
    """Return the samples of one frame as its codestream holds them.

    Parameters
    ----------
    data : bytes-like
        The whole frame, with its container boxes if it has any.
    header : Header
        What ``_core.probe(data)`` returned; ``_core.check(data, header)`` should have passed. For
        deflated frames (PS3.5 A.4.13), which have no header of their own, the caller makes one, with
        ``parameters["bits_allocated"]``.
    out : numpy.ndarray, optional
        Memory for the result, used where it is C-contiguous and of the shape and item size that the
        codestream asks for; its sign does not matter (the bits are the same). Otherwise ignored.

    Returns
    -------
    numpy.ndarray
        `out` itself where it was used, else a new array: shape ``(rows, columns)``, or ``(rows, columns,
        components)`` where there are several; C-contiguous; the smallest integer type for the precision,
        signed as the codestream says.

    Raises
    ------
    DecodeError
        With ``code`` "unsupported" for what the library cannot return: subsampled components of JPEG 2000,
        JPEG-LS and JPEG Lossless, components of different precision, more than 26 bits. Otherwise for
        damage that the library finds.
    """
    decoder = _DECODERS.get(header.format)
    if decoder is None:
        raise DecodeError(f"no library decodes format {header.format!r}", code="unsupported")
    dtype = _sample_type(header)
    count = len(header.components)
    shape = (header.height, header.width) if count == 1 else (header.height, header.width, count)
    target = _target(out, shape, dtype)
    samples = decoder(data, header, target)
    if samples.shape != shape or samples.dtype != dtype:
        raise DecodeError(
            f"the header promises {shape} samples of {dtype}, the library returned {samples.shape} of {samples.dtype}",
            code="mismatch",
        )
    if out is None or target is None:
        return np.ascontiguousarray(samples)
    if not np.may_share_memory(samples, target):
        target[...] = samples
    return out


def reconstruct_jpeg(data: Buffer) -> bytes:
    """Return the JPEG file that a JPEG XL stream was made from, bit for bit (ISO/IEC 18181-2, box ``jbrd``).

    Parameters
    ----------
    data : bytes-like
        A JPEG XL container whose header has the parameter ``jpeg_reconstruction``.

    Returns
    -------
    bytes
    """
    with _translated("JPEG XL (libjxl)", DecodeError):
        return bytes(_imagecodecs().jpegxl_decode_jpeg(data, numthreads=1))


def inflate(data: Buffer, size: int) -> bytes:
    """Return the content of a raw deflate stream (RFC 1951) of known size.

    Parameters
    ----------
    data : bytes-like
        The stream; what follows its end (padding) is ignored.
    size : int
        Bytes expected. Inflating stops behind them: a bomb costs no more.

    Returns
    -------
    bytes
        Exactly `size` bytes.

    Raises
    ------
    DecodeError
        Fewer bytes come out ("truncated"), or more than `size` and a padding byte ("mismatch").
    """
    stream = zlib.decompressobj(wbits=-15)
    with _translated("deflate (zlib)", DecodeError):
        # One more than even padding may add: enough to see that there is too much, and to reach the
        # end of a stream that is right.
        content = stream.decompress(data, size + 2)
    if len(content) < size or (not stream.eof and len(content) <= size + 1):
        raise DecodeError(
            f"the deflate stream ends after {len(content)} of {size} bytes", code="truncated", offset=len(data)
        )
    if len(content) > size + (size & 1):
        raise DecodeError(f"the deflate stream holds more than the {size} bytes expected", code="mismatch")
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
                "components of different precision or sign are not supported by the library codecs", code="unsupported"
            )
    return _integer(precision, is_signed)


def _integer(precision: int, is_signed: bool) -> np.dtype[Any]:
    size = 1 if precision <= 8 else 2 if precision <= 16 else 4 if precision <= 32 else 8
    return np.dtype(f"{'i' if is_signed else 'u'}{size}")


def _target(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    if out is None or not out.flags.c_contiguous or not out.flags.writeable or not out.dtype.isnative:
        return None
    if out.dtype.itemsize != dtype.itemsize or out.shape != shape:
        return None
    return out.view(dtype)


def _codestream(data: Buffer, header: Header) -> Buffer:
    """Return the bare codestream: libraries act on the boxes around it, DICOM does not (PS3.5 A.4.4)."""
    start, end = header.codestream_offset, header.codestream_offset + header.codestream_size
    if start == 0 and end == len(data):
        return data
    return memoryview(data)[start:end]


def _refuse_subsampled(header: Header, name: str) -> None:
    if header.subsampled:
        raise DecodeError(f"subsampled components of {name} are not supported by the library codec", code="unsupported")


# libjpeg's colour spaces, by number of components. Naming the same one on both sides turns its
# conversion off; with none named it guesses and converts.
_JPEG_SPACES = {1: "GRAYSCALE", 3: "YCBCR", 4: "CMYK"}


def _decode_jpeg(data: Buffer, header: Header, out: Array | None) -> Array:
    if header.format == "jpeg_lossless":
        _refuse_subsampled(header, "JPEG Lossless")
    space = _JPEG_SPACES.get(len(header.components), "UNKNOWN")
    with _translated("JPEG (libjpeg-turbo)", DecodeError):
        samples: Array = _imagecodecs().jpeg8_decode(data, colorspace=space, outcolorspace=space, out=out)
    return samples


def _decode_jpegls(data: Buffer, header: Header, out: Array | None) -> Array:
    _refuse_subsampled(header, "JPEG-LS")
    if header.parameters.get("mapping_table", 0):
        # CharLS returns the indices without a word.
        raise DecodeError(
            "mapping tables (ISO/IEC 14495-1 C.2.4.1.2) are not supported by the library codec", code="unsupported"
        )
    # Without interleaving CharLS writes plane after plane, which is not how `out` lies.
    planar = len(header.components) > 1 and header.parameters.get("interleave_mode", 0) == 0
    with _translated("JPEG-LS (CharLS)", DecodeError):
        samples: Array = _imagecodecs().jpegls_decode(data, out=None if planar else out)
    return samples


def _decode_jpeg2000(data: Buffer, header: Header, out: Array | None) -> Array:
    _refuse_subsampled(header, "JPEG 2000")
    if header.components[0].precision > 26:
        # imagecodecs caps the precision at 26 bits in silence.
        raise DecodeError(
            f"the library codec decodes JPEG 2000 of up to 26 bits, these are {header.components[0].precision}",
            code="unsupported",
        )
    with _translated("JPEG 2000 (OpenJPEG)", DecodeError):
        samples: Array = _imagecodecs().jpeg2k_decode(
            _codestream(data, header), planar=False, verbose=0, numthreads=1, out=out
        )
    return samples


def _decode_htj2k(data: Buffer, header: Header, out: Array | None) -> Array:
    _refuse_subsampled(header, "HTJ2K")
    with _translated("HTJ2K (OpenJPH)", DecodeError), _FORGOTTEN_ERRORS.raised():
        samples: Array = _imagecodecs().htj2k_decode(_codestream(data, header), planar=False, out=out)
    return samples


def _decode_jpegxl(data: Buffer, header: Header, out: Array | None) -> Array:
    parameters = header.parameters
    if parameters.get("jpeg_reconstruction", 0):
        # The pixels are those of the original JPEG, not of libjxl's more exact inverse DCT.
        return _decode_jpeg(reconstruct_jpeg(data), header, out)
    if parameters.get("floating_point", 0):
        raise DecodeError("floating-point samples of JPEG XL are not supported", code="unsupported")
    if parameters.get("animation", 0):
        raise DecodeError("animations of JPEG XL are not supported: a DICOM frame is one image", code="unsupported")
    with _translated("JPEG XL (libjxl)", DecodeError):
        samples: Array = _imagecodecs().jpegxl_decode(data, keeporientation=True, numthreads=1, out=out)
    return samples


def _decode_deflated(data: Buffer, header: Header, out: Array | None) -> Array:
    dtype = _sample_type(header)
    count = len(header.components)
    shape = (header.height, header.width) if count == 1 else (header.height, header.width, count)
    samples = header.height * header.width * count
    if header.parameters.get("bits_allocated", dtype.itemsize * 8) == 1:
        packed = np.frombuffer(inflate(data, (samples + 7) // 8), np.uint8)
        return np.unpackbits(packed, count=samples, bitorder="little").reshape(shape)
    content = np.frombuffer(inflate(data, samples * dtype.itemsize), dtype.newbyteorder("<"))
    # A copy: bytes are read-only, and decoded arrays never are.
    return content.astype(dtype).reshape(shape)


_DECODERS: dict[str, Callable[[Buffer, Header, Array | None], Array]] = {
    "jpeg": _decode_jpeg,
    "jpeg_lossless": _decode_jpeg,
    "jpegls": _decode_jpegls,
    "jpeg2000": _decode_jpeg2000,
    "htj2k": _decode_htj2k,
    "jpegxl": _decode_jpegxl,
    "deflated": _decode_deflated,
}


class _ForgottenErrors:
    """Makes an error that imagecodecs prints and forgets into one that is raised.

    Measured on 2026.3.6: what OpenJPH throws while it decodes passes through a Cython function that
    cannot raise, so that Python prints it twice (`sys.excepthook`, then `sys.unraisablehook`) and the
    caller gets an array whose lower part was never written. Both hooks are told in the thread that
    failed. They are replaced only while such calls run, and everything else goes to those that were there.
    """

    _SOURCE = "imagecodecs._htj2k."

    def __init__(self) -> None:
        self._begin()
        self._unraisable: Callable[[Any], Any] = sys.__unraisablehook__
        self._uncaught: Callable[..., Any] = sys.__excepthook__
        self._here = threading.local()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._running = 0

    def _unraisable_hook(self, unraisable: Any) -> None:
        if isinstance(unraisable.object, str) and unraisable.object.startswith(self._SOURCE):
            self._here.message = str(unraisable.exc_value or unraisable.exc_type.__name__)
        else:
            self._unraisable(unraisable)

    def _uncaught_hook(self, kind: type[BaseException], value: BaseException, traceback: Any) -> None:
        # Within the region nothing but the library's call runs in this thread.
        if getattr(self._here, "inside", False):
            self._here.message = str(value)
        else:
            self._uncaught(kind, value, traceback)

    @contextmanager
    def raised(self) -> Iterator[None]:
        if self._process != os.getpid():
            # Forked while another thread was here: it is not in the child to leave again.
            self._begin()
        # A bound method is a new object each time, hence == and not `is`.
        with self._lock:
            if self._running == 0:
                if sys.unraisablehook != self._unraisable_hook:
                    self._unraisable, sys.unraisablehook = sys.unraisablehook, self._unraisable_hook
                if sys.excepthook != self._uncaught_hook:
                    self._uncaught, sys.excepthook = sys.excepthook, self._uncaught_hook
            self._running += 1
        self._here.message = None
        self._here.inside = True
        try:
            yield
        finally:
            self._here.inside = False
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    if sys.unraisablehook == self._unraisable_hook:
                        sys.unraisablehook = self._unraisable
                    if sys.excepthook == self._uncaught_hook:
                        sys.excepthook = self._uncaught
        if self._here.message is not None:
            raise DecodeError(f"HTJ2K (OpenJPH): {self._here.message}")


_FORGOTTEN_ERRORS = _ForgottenErrors()


# --- encoding ---------------------------------------------------------------------------------


def encode(
    array: Array | Buffer,
    transfer_syntax_uid: str,
    *,
    bits_stored: int = 0,
    pixel_representation: int = 0,
    photometric_interpretation: str = "MONOCHROME2",
    **options: Any,
) -> bytes:
    """Return one frame encoded in a transfer syntax that a library encodes.

    Parameters
    ----------
    array : numpy.ndarray of integers, shape (rows, columns) or (rows, columns, 3)
        Signed where `pixel_representation` is 1, else unsigned. For 1.2.840.10008.1.2.4.111, the bytes
        of a JPEG file instead.
    transfer_syntax_uid : str
        In full.
    bits_stored : int
        Bits a sample: the precision that the codestream will state. All values must fit.
    pixel_representation : int
        0 unsigned, 1 signed.
    photometric_interpretation : str
        What will stand in the dataset. YBR_RCT and YBR_ICT transform RGB input; the samples of all
        others are encoded as they are (but see `from_rgb`).
    **options
        Those of the transfer syntax (suffixes of 1.2.840.10008.1.2):

        - .4.50, .4.51: ``quality`` (1 to 100, default 90) or ``ratio``; ``from_rgb=True`` takes RGB
          samples and stores YBR_FULL or YBR_FULL_422.
        - .4.57: ``selection_value`` (1 to 7, default 1).
        - .4.81: ``near_lossless`` (0 to 255, default 0: lossless).
        - .4.91: ``psnr`` (decibel) or ``ratio``; without either, lossless.
        - .4.203: ``quantisation_step`` (relative to the range of values) or ``ratio``; without, lossless.
        - .4.110: ``effort`` (1 to 10). .4.112: ``effort``; ``distance`` (Butteraugli, above 0) or
          ``ratio``; without, lossless.
        - .8.1: ``level`` (of zlib, 0 to 9, default 6); ``bits_allocated`` (1 packs, default that of the array).

        ``ratio`` is the wanted size of the array over the encoded size; it takes about seven encodings.

    Returns
    -------
    bytes
        The codestream, bare, without padding; a deflated frame is padded to an even length (A.4.13).

    Raises
    ------
    EncodeError
        The syntax, or the library, does not hold such an image.
    TypeError
        An option that the transfer syntax does not have.
    """
    suffix = transfer_syntax_uid.removeprefix("1.2.840.10008.1.2")
    entry = _ENCODERS.get(suffix)
    if entry is None:
        raise EncodeError(f"no library encodes transfer syntax {transfer_syntax_uid}", code="unsupported")
    encoder, names = entry
    for name in options:
        if name not in names:
            known = f"it takes {', '.join(names)}" if names else "it takes none"
            raise TypeError(f"encode() has no option {name!r} for transfer syntax {transfer_syntax_uid}: {known}")
    for name in names[1:]:
        if name == "ratio" and "ratio" in options and names[0] in options:
            raise TypeError(f"encode() takes {names[0]!r} or 'ratio', not both")
    if suffix == ".4.111":
        return _recompress_jpeg(array)
    frame = _Frame(np.asarray(array), suffix, bits_stored, pixel_representation, photometric_interpretation)
    with _translated(f"encoding {transfer_syntax_uid}", EncodeError):
        return encoder(frame, options)


class _Frame:
    """What is to be encoded: checked, contiguous, in the smallest type."""

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
            raise EncodeError(f"PixelRepresentation {pixel_representation} contradicts an array of {array.dtype}")
        if not 1 <= bits_stored <= array.dtype.itemsize * 8:
            raise EncodeError(f"BitsStored {bits_stored} is not 1 to the {array.dtype.itemsize * 8} bits of the array")
        self.raw_size = array.nbytes
        self.allocated = array.dtype.itemsize * 8
        self.suffix = suffix
        self.bits = bits_stored
        self.photometric = photometric
        self.colour = array.ndim == 3
        if photometric.startswith(("YBR", "RGB", "XYB")) != self.colour:
            raise EncodeError(f"{photometric} contradicts an array of shape {array.shape}")
        lowest = -(1 << (bits_stored - 1)) if self.signed else 0
        highest = lowest + (1 << bits_stored) - 1
        self.minimum, self.maximum = int(array.min()), int(array.max())
        if self.minimum < lowest or self.maximum > highest:
            raise EncodeError(
                f"values from {self.minimum} to {self.maximum} do not fit BitsStored {bits_stored}, "
                f"which holds {lowest} to {highest}"
            )
        self.samples = np.ascontiguousarray(array, _integer(bits_stored, self.signed))

    def require_bits(self, lowest: int, highest: int) -> None:
        if not lowest <= self.bits <= highest:
            raise EncodeError(f"{lowest} to {highest} bits are encoded, BitsStored is {self.bits}", code="unsupported")

    def require_photometric(self, *allowed: str) -> None:
        if self.photometric not in allowed:
            raise EncodeError(f"expected PhotometricInterpretation {' or '.join(allowed)}, found {self.photometric}")

    def as_unsigned(self) -> Array:
        """Two's complement, cut to BitsStored: the formats without a sign hold signed data so (PS3.5 8.2.1)."""
        cells: Array = self.samples.view(_integer(self.bits, False))
        if not self.signed or self.bits == cells.dtype.itemsize * 8:
            return cells
        masked: Array = cells & cells.dtype.type((1 << self.bits) - 1)
        return masked


Options: TypeAlias = Mapping[str, Any]
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


def _number(options: Options, name: str, default: float | None, lowest: float, highest: float) -> float | None:
    """Return an option that is a number within bounds."""
    value = options.get(name)
    if value is None:
        return default
    if not lowest <= value <= highest:
        raise EncodeError(f"{name} is {lowest:g} to {highest:g}, not {value!r}")
    return float(value)


def _integer_option(options: Options, name: str, default: int, lowest: int, highest: int) -> int:
    value = _number(options, name, default, lowest, highest)
    if value is None or value != int(value):
        raise EncodeError(f"{name} is a whole number, not {options.get(name)!r}")
    return int(value)


def _encode_to_ratio(
    frame: _Frame, ratio: float, settings: Sequence[float], encode_at: Callable[[float], bytes]
) -> bytes:
    """Encode with the best of `settings`, from worst to best, that still reaches `ratio`."""
    if not ratio >= 1:
        raise EncodeError(f"ratio is at least 1, not {ratio!r}")
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
        raise EncodeError(f"a ratio of {ratio:g} cannot be reached, even at the lowest quality")
    return best


def _encode_jpeg(frame: _Frame, options: Options) -> bytes:
    if frame.suffix == ".4.50" and frame.bits != 8:
        raise EncodeError(f"JPEG Baseline holds 8 bits, BitsStored is {frame.bits}", code="unsupported")
    if frame.bits not in (8, 12):
        # PS3.5 8.2.1: the DCT processes know 8 and 12; a decoder may overshoot any other BitsStored.
        raise EncodeError(f"JPEG Extended holds 8 or 12 bits, BitsStored is {frame.bits}", code="unsupported")
    if frame.signed:
        raise EncodeError("lossy JPEG holds unsigned values only (PS3.5 8.2.1)", code="unsupported")
    frame.require_photometric(*_MONOCHROME, "YBR_FULL", "YBR_FULL_422", "RGB")
    space = "GRAYSCALE" if not frame.colour else "RGB" if frame.photometric == "RGB" else "YCBCR"
    source = space
    if options.get("from_rgb"):
        frame.require_photometric("YBR_FULL", "YBR_FULL_422")
        source = "RGB"
    subsampling = "422" if frame.photometric == "YBR_FULL_422" else "444"

    def encode_at(quality: float) -> bytes:
        return bytes(
            _imagecodecs().jpeg8_encode(
                frame.samples,
                int(quality),
                colorspace=source,
                outcolorspace=space,
                subsampling=subsampling if frame.colour else None,
                bitspersample=frame.bits,
            )
        )

    if options.get("ratio") is not None:
        return _encode_to_ratio(frame, options["ratio"], range(1, 101), encode_at)
    return encode_at(_integer_option(options, "quality", 90, 1, 100))


def _encode_jpeg_lossless(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(2, 16)
    # Measured on libjpeg-turbo 3.1.3: named YCBCR, lossless streams hold wrong samples, with no error.
    space = "GRAYSCALE" if not frame.colour else "RGB" if frame.photometric == "RGB" else "UNKNOWN"
    return bytes(
        _imagecodecs().jpeg8_encode(
            frame.as_unsigned(),
            lossless=True,
            predictor=_integer_option(options, "selection_value", 1, 1, 7),
            bitspersample=frame.bits,
            colorspace=space,
            outcolorspace=space,
        )
    )


def _encode_jpegls(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(2, 16)
    near = _integer_option(options, "near_lossless", 0, 0, min(255, ((1 << frame.bits) - 1) // 2))
    half = 1 << (frame.bits - 1)
    if frame.signed and near and (frame.minimum < near - half or frame.maximum > half - 1 - near):
        # Two's complement: an error across the middle of the range turns the largest value into the smallest.
        raise EncodeError(
            f"near-lossless JPEG-LS of signed values needs a distance of {near} from the ends of BitsStored "
            f"{frame.bits}; found {frame.minimum} to {frame.maximum}",
            code="unsupported",
        )
    samples = frame.as_unsigned()
    if frame.bits in (8, 16):
        return bytes(_imagecodecs().jpegls_encode(samples, near))
    # imagecodecs would state a precision of 8 or 16, which has to be BitsStored (PS3.5 8.2.3).
    try:
        jpeg_ls = import_module("jpeg_ls")
    except ImportError:
        raise EncodeError(
            f"JPEG-LS of {frame.bits} bits needs the package pyjpegls: imagecodecs states the precision as 8 or 16",
            code="unsupported",
        ) from None
    rows, columns = samples.shape[:2]
    little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
    interleave_mode = 2 if frame.colour else 0
    return bytes(
        jpeg_ls.encode_buffer(
            little.tobytes(), rows, columns, 3 if frame.colour else 1, frame.bits, near, interleave_mode
        )
    )


def _transform_of(frame: _Frame, lossy: bool) -> bool:
    """Return whether the multiple component transform is to be applied; check that it fits."""
    if frame.photometric == "YBR_ICT" and not lossy:
        raise EncodeError("YBR_ICT is the transform of lossy coding: expected YBR_RCT or RGB for lossless")
    if lossy and frame.photometric.startswith("PALETTE"):
        raise EncodeError("indices into a palette cannot be coded with loss")
    return frame.photometric in ("YBR_RCT", "YBR_ICT")


def _encode_jpeg2000(frame: _Frame, options: Options) -> bytes:
    # Measured on OpenJPEG 2.5.4: from 24 bits on, its lossless coding is not.
    frame.require_bits(1, 20)
    lossy = options.get("psnr") is not None or options.get("ratio") is not None
    transform = _transform_of(frame, lossy)
    # With loss, RCT means 5/3 cut short; everything else 9/7.
    reversible = not lossy or frame.photometric == "YBR_RCT"

    def encode_at(psnr: float) -> bytes:
        return bytes(
            _imagecodecs().jpeg2k_encode(
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

    if options.get("ratio") is not None:
        return _encode_to_ratio(frame, options["ratio"], range(10, 110), encode_at)
    return encode_at(_number(options, "psnr", 0.0, 1, 200) or 0.0)


def _encode_htj2k(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(1, 16)
    lossy = options.get("quantisation_step") is not None or options.get("ratio") is not None
    transform = _transform_of(frame, lossy)
    if lossy and frame.photometric == "YBR_RCT":
        # JPEG 2000 can cut reversible coding short, a HT block cannot be.
        raise EncodeError("YBR_RCT is the transform of lossless coding: expected YBR_ICT or RGB for lossy HTJ2K")
    samples, width = frame.samples, frame.samples.dtype.itemsize * 8
    if frame.bits < width:
        # imagecodecs states the precision as that of the array; SIZ is corrected afterwards.
        if lossy:
            # The quantisation is relative to the range (ISO/IEC 15444-1 E.1.1): a decoder scales what
            # fills the array's range back to that of the precision which SIZ states.
            samples = samples << (width - frame.bits)
        elif not frame.signed:
            # What the level shift (G.1.2) would subtract depends on the precision, so subtract it here and
            # encode as signed: that has no level shift.
            signed = _integer(frame.bits, True)
            samples = samples.view(signed) - signed.type(1 << (frame.bits - 1))

    def encode_at(step: float) -> bytes:
        encoded = bytearray(
            _imagecodecs().htj2k_encode(
                samples,
                step if lossy else None,
                rgb=transform,
                planar=False,
                reversible=not lossy,
                tlm=True,
            )
        )
        return _state_precision(encoded, frame)

    if options.get("ratio") is not None:
        return _encode_to_ratio(frame, options["ratio"], [2.0 ** (-i / 6) for i in range(6, 106)], encode_at)
    return encode_at(_number(options, "quantisation_step", None, 1e-6, 0.5) or 0.0)


def _state_precision(codestream: bytearray, frame: _Frame) -> bytes:
    """Write precision and sign into SIZ, which follows SOC (ISO/IEC 15444-1 A.5.1)."""
    if codestream[2:4] != b"\xff\x51":
        raise EncodeError("expected SIZ behind SOC", code="internal")
    for component in range(3 if frame.colour else 1):
        codestream[42 + 3 * component] = (frame.bits - 1) | (0x80 if frame.signed else 0)
    return bytes(codestream)


def _encode_jpegxl(frame: _Frame, options: Options) -> bytes:
    frame.require_bits(1, 16)
    lossy = options.get("distance") is not None or options.get("ratio") is not None
    if lossy and frame.signed:
        raise EncodeError("JPEG XL has no signed values: with loss, they would wrap around", code="unsupported")
    if lossy:
        frame.require_photometric(*_MONOCHROME, "RGB", "XYB")
    effort = _integer_option(options, "effort", 7, 1, 10)

    def encode_at(distance: float) -> bytes:
        return bytes(
            _imagecodecs().jpegxl_encode(
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

    if options.get("ratio") is not None:
        return _encode_to_ratio(frame, options["ratio"], [25 * 2.0 ** (-i / 10) for i in range(100)], encode_at)
    return encode_at(_number(options, "distance", None, 0.01, 25) or 0.0)


def _recompress_jpeg(data: Any) -> bytes:
    if isinstance(data, np.ndarray):
        raise EncodeError("JPEG XL recompression (.4.111) takes the bytes of a JPEG file, not an array")
    with _translated("JPEG XL recompression (libjxl)", EncodeError):
        encoded = bytes(_imagecodecs().jpegxl_encode_jpeg(data, numthreads=1))
    if reconstruct_jpeg(encoded) != bytes(data):
        raise EncodeError("JPEG XL recompression does not give the original JPEG back", code="unsupported")
    return encoded


def _encode_deflated(frame: _Frame, options: Options) -> bytes:
    allocated = options.get("bits_allocated") or frame.allocated
    if allocated == 1 and frame.bits == 1:
        content = np.packbits(frame.samples.reshape(-1), bitorder="little").tobytes()
    elif allocated in (8, 16, 32, 64) and allocated >= frame.bits:
        cells = np.dtype(f"<{'i' if frame.signed else 'u'}{allocated // 8}")
        content = frame.samples.astype(cells).tobytes()
    else:
        raise EncodeError(f"BitsAllocated {allocated!r} does not hold BitsStored {frame.bits}")
    stream = zlib.compressobj(_integer_option(options, "level", 6, 0, 9), wbits=-15)
    encoded = stream.compress(content) + stream.flush()
    return encoded + b"\0" * (len(encoded) & 1)


# By suffix of the UID: encoder, and the options it takes, the alternative to `ratio` first.
_ENCODERS: dict[str, tuple[Callable[[_Frame, Options], bytes], tuple[str, ...]]] = {
    ".4.50": (_encode_jpeg, ("quality", "ratio", "from_rgb")),
    ".4.51": (_encode_jpeg, ("quality", "ratio", "from_rgb")),
    ".4.57": (_encode_jpeg_lossless, ("selection_value",)),
    ".4.70": (_encode_jpeg_lossless, ()),
    ".4.80": (_encode_jpegls, ()),
    ".4.81": (_encode_jpegls, ("near_lossless",)),
    ".4.90": (_encode_jpeg2000, ()),
    ".4.91": (_encode_jpeg2000, ("psnr", "ratio")),
    ".4.201": (_encode_htj2k, ()),
    ".4.202": (_encode_htj2k, ()),
    ".4.203": (_encode_htj2k, ("quantisation_step", "ratio")),
    ".4.110": (_encode_jpegxl, ("effort",)),
    ".4.111": (_encode_jpegxl, ()),
    ".4.112": (_encode_jpegxl, ("distance", "ratio", "effort")),
    ".8.1": (_encode_deflated, ("level", "bits_allocated")),
}


# --- threads ----------------------------------------------------------------------------------


# Threads start only when work waits for them: this bounds them, `map_frames` says how many.
_MOST_THREADS = 256
# The pool, and the process it belongs to: after a fork, the child has none of its threads. Two threads
# that make it at once make two, which does no harm; a lock might be held by a third at the fork.
_pool: tuple[int, ThreadPoolExecutor] | None = None


def _submit(function: Callable[[], None]) -> Future[None]:
    global _pool
    pool = _pool
    if pool is None or pool[0] != os.getpid():
        pool = _pool = (os.getpid(), ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="dcmturbo-library"))
    return pool[1].submit(function)


def map_frames(function: Callable[[Job], Result], jobs: Sequence[Job], threads: int = 1) -> list[Result]:
    """Return ``[function(job) for job in jobs]``, computed by several threads.

    Parameters
    ----------
    function : callable
        Does one frame; gains by threads where it leaves the GIL.
    jobs : sequence
        Taken in order.
    threads : int
        Workers; the caller is the first of them, and with 1 the only one: then no thread is made.

    Returns
    -------
    list
        The results, in the order of `jobs`.

    Raises
    ------
    BaseException
        That of the lowest failing job, with any number of threads: jobs are handed out in order, and no
        new one after a failure, so every job below it has been done.
    """
    results: list[Any] = [None] * len(jobs)
    failures: dict[int, BaseException] = {}
    lock = threading.Lock()
    taken = 0

    def take() -> int | None:
        nonlocal taken
        with lock:
            if taken >= len(jobs) or failures:
                return None
            taken += 1
            return taken - 1

    def work() -> None:
        while (index := take()) is not None:
            try:
                results[index] = function(jobs[index])
            except BaseException as failure:
                with lock:
                    failures[index] = failure

    helpers = [_submit(work) for _ in range(min(threads, len(jobs)) - 1)]
    try:
        work()
    finally:
        # A helper that has not begun finds nothing to do: without it, a nested call cannot wait for
        # itself. One that has is waited for, because it writes into the caller's memory.
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    if failures:
        raise failures[min(failures)]
    return results
