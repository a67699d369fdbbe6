"""A batch of frames: checked arguments in, the core's pool or the library's in the middle, errors out."""

from __future__ import annotations

import enum
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dcmturbo import _core, library
from dcmturbo.configuration import config
from dcmturbo.errors import CODES, DecodeError, DecodeWarning, Error, LimitExceeded, make_error

if TYPE_CHECKING:
    from dcmturbo.image import Image
    from dcmturbo.sources import OpenedSource
    from dcmturbo.syntaxes import TransferSyntax

__all__ = ["FrameStatus", "decode_batch", "decode_library_frame"]

OnError = Literal["raise", "salvage"]
_NATIVE = "1.2.840.10008.1.2.1"  # Explicit VR Little Endian


class FrameStatus(enum.IntEnum):
    """What became of a frame: the values of a ``status`` array."""

    OK = 0
    PARTIAL = 1
    MISSING = 2
    FAILED = 3


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
}


def _has_zero_tail(data: np.ndarray) -> bool | None:
    """Return the core's answer for the bytes of a frame, or None for one that looks blank."""
    if data.size < 512 or data[-8:].any():
        return False
    half = (data.size - 1) // 2
    step = max(1, half // 64)
    if data[half::step].any():
        return False
    return None if not data[:half:step].any() else not data[half:].any()


def breaks_off(frame: Callable[[int], Any], count: int) -> bool:
    """Return whether native frames end as a copy that broke off ends.

    The last frame that is not blank is zeroes in more than its last half, and the one before it is not: two such
    frames are images with a black part. Nearly nothing of a frame is read unless it is zeroes; at most 64 are.
    """
    for position in reversed(range(max(0, count - 64), count)):
        tail = _has_zero_tail(_bytes_of(frame(position)))
        if tail is not None:
            return tail and not (position > 0 and _has_zero_tail(_bytes_of(frame(position - 1))))
    return False


def _bytes_of(frame: Any) -> np.ndarray:
    return np.asarray(frame).reshape(-1).view(np.uint8)


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


def check_on_error(on_error: str) -> bool:
    """Return whether to salvage; refuse anything but the two words."""
    if on_error not in ("raise", "salvage"):
        raise ValueError(f"on_error is {on_error!r}; it is 'raise' or 'salvage'")
    return on_error == "salvage"


def check_status(status: np.ndarray | None, count: int) -> None:
    """Refuse a status array that cannot take a byte for each of `count` frames."""
    if status is None:
        return
    if not isinstance(status, np.ndarray) or status.dtype != np.uint8 or status.shape != (count,):
        raise ValueError(f"status must be an array of {count} uint8, one a frame")
    if not status.flags.writeable:
        raise ValueError("status is read-only")


def check_out(out: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an output that is not exactly of this shape and type, or cannot be written."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy array, not {type(out).__name__}")
    if out.dtype != dtype or not out.dtype.isnative:
        raise ValueError(f"out has dtype {out.dtype}, the frames have {dtype}")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, the frames have {shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def check_apart(out: np.ndarray, memory: memoryview | None) -> None:
    """Refuse an output in the memory that is decoded from: it would overwrite what has not been read."""
    if memory is not None and np.may_share_memory(out, np.asarray(memory)):
        raise ValueError("out shares memory with the source")


def check_fill_value(fill_value: float) -> float:
    """Return a fill value as a float, an infinite one where it is larger; refuse what is no number."""
    try:
        if not isinstance(fill_value, (str, bytes, bytearray)):  # float() reads text, too
            return float(fill_value)
    except OverflowError:
        return math.inf if fill_value > 0 else -math.inf
    except TypeError:
        pass
    raise TypeError(f"fill_value is {fill_value!r}; it is a number")


# PS3.5, 8.1.1: by Bits Allocated and Pixel Representation; single bits come out as bytes.
_SAMPLE_DTYPES = {(8 * size, sign): np.dtype(f"{'ui'[sign]}{size}") for size in (1, 2, 4, 8) for sign in (0, 1)} | {
    (1, sign): np.dtype(np.uint8) for sign in (0, 1)
}


def sample_dtype(bits_allocated: int, pixel_representation: int) -> np.dtype[Any]:
    """Return the type of a decoded sample of Pixel Data."""
    try:
        return _SAMPLE_DTYPES[bits_allocated, pixel_representation]
    except KeyError:
        raise DecodeError(
            f"Bits Allocated {bits_allocated} with Pixel Representation {pixel_representation}: "
            "the one is 1, 8, 16, 32 or 64, the other 0 or 1",
            code="argument",
        ) from None


def new_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return an empty array aligned to 64 bytes, unless it would be larger than the limits allow."""
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    limit = config.limits.max_output
    if size > limit:
        raise LimitExceeded(f"an array of shape {shape} needs {size} bytes; dt.config.limits.max_output allows {limit}")
    try:
        return _core.aligned_empty(dtype, list(shape))
    except MemoryError:
        raise LimitExceeded(
            f"there is no memory for an array of shape {shape} ({size} bytes)", code="out_of_memory"
        ) from None


def encoded_frame(opened: OpenedSource, position: int) -> memoryview:
    """Return the bytes of a frame, without a copy where they are in memory in one piece."""
    if opened.buffer is not None:
        ranges = opened.index.ranges(position)
        if len(ranges) == 1:
            offset, size = ranges[0]
            return opened.buffer[offset : offset + size]
    return memoryview(opened.index.read_frame(position))


Failure = tuple[int, int, Error]


def decode_batch(
    images: Sequence[Image],
    image_of: np.ndarray | None,
    frames: np.ndarray,
    out: np.ndarray,
    *,
    threads: int,
    salvage: bool,
    fill_value: float,
    status: np.ndarray | None,
) -> list[Failure]:
    """Decode ``frames[k]`` of ``images[image_of[k]]`` into ``out[k]``.

    The core's pool does it where the core has the codec, the library's where it has not: one pool a call.

    Returns
    -------
    list of (k, status, error)
        What is not OK, in the order of k. Without salvage at most the first.
    """
    if len(frames) == 0:
        return []
    batch = _Batch(images, image_of, frames, out, threads, salvage, fill_value, status)
    if not any(uses_library(image._open.syntax) for image in images):
        failures = _decode_with_core(batch)
        if failures is not None:
            return failures
    return _decode_with_library(batch)


@dataclass(frozen=True)
class _Batch:
    """The arguments of `decode_batch`."""

    images: Sequence[Image]
    image_of: np.ndarray | None
    frames: np.ndarray
    out: np.ndarray
    threads: int
    salvage: bool
    fill_value: float
    status: np.ndarray | None

    def number_of_image(self, k: int) -> int:
        return 0 if self.image_of is None else int(self.image_of[k])

    def only(self, k: int) -> _Batch:
        """Return the batch of one frame, for one thread."""
        image = self.images[self.number_of_image(k)]
        frames, out = self.frames[k : k + 1], self.out[k : k + 1]
        return _Batch([image], None, frames, out, 1, self.salvage, self.fill_value, None)


def _decode_with_core(batch: _Batch) -> list[Failure] | None:
    """Decode as `decode_batch` does; None if a frame is of another process than its label says, not the core's."""
    status = batch.status
    streams = [
        _core.Stream(
            i._open.index,
            i._open.syntax.uid,
            i._open.attributes,
            i._format,
            raw=i._raw,
            keep_unused_bits=i._keep,
        )
        for i in batch.images
    ]
    told = _core.decode_frames(
        streams,
        np.empty(0, np.uint32) if batch.image_of is None else batch.image_of,
        batch.frames,
        batch.out,
        threads=batch.threads,
        salvage=batch.salvage,
        fill_value=batch.fill_value,
        status=status if status is not None and status.flags.c_contiguous else None,
    )
    failures = []
    for k, frame_status, code, offset, message in told:
        if CODES[code] == "other_codec":
            return None
        error = make_error(code, message, frame=int(batch.frames[k]), offset=offset)
        failure = batch.images[batch.number_of_image(k)]._open.source.take_failure()
        if failure is not None:
            error.__cause__ = failure
        failures.append((k, frame_status, error))
    if status is not None and not status.flags.c_contiguous:
        _write_status(status, failures)
    for image, stream in zip(batch.images, streams, strict=True):
        image._warn_of_notes(stream.notes)
    return failures


def _write_status(status: np.ndarray, failures: list[Failure]) -> None:
    status[...] = FrameStatus.OK
    for k, frame_status, _ in failures:
        status[k] = frame_status


def uses_library(syntax: TransferSyntax) -> bool:
    """Whether a library codec decodes a syntax, as things are configured."""
    return syntax.library and (not syntax.own or config.prefer == "library")


def _decode_with_library(batch: _Batch) -> list[Failure]:
    notes: set[tuple[int, str]] = set()
    out, salvage = batch.out, batch.salvage

    def decode_one(k: int) -> Failure | None:
        which = batch.number_of_image(k)
        image = batch.images[which]
        opened = image._open
        frame = int(batch.frames[k])
        try:
            if not uses_library(opened.syntax):
                own = _decode_with_core(batch.only(k))
                if own == []:
                    return None
                if own is not None:
                    if not salvage:
                        raise own[0][2]
                    return k, own[0][1], own[0][2]
            complaint, found = decode_library_frame(
                encoded_frame(opened, frame),
                opened.syntax,
                opened.attributes,
                out[k],
                raw=image._raw,
                keep_unused_bits=image._keep,
                salvage=salvage,
            )
            notes.update((which, note) for note in found)
            if complaint is None:
                return None
            complaint.frame = frame
            return k, FrameStatus.PARTIAL, complaint
        except Error as error:
            error.frame = frame
            if not salvage:
                raise
            out[k] = clamp_fill(batch.fill_value, out.dtype)
            return k, FrameStatus.MISSING if error.code == "missing_frame" else FrameStatus.FAILED, error

    results = library.map_frames(decode_one, range(len(batch.frames)), batch.threads)
    failures = [result for result in results if result is not None]
    if batch.status is not None:
        _write_status(batch.status, failures)
    for which, note in sorted(notes):
        batch.images[which]._warn_of_notes([note])
    return failures


def clamp_fill(fill_value: float, dtype: np.dtype[Any]) -> Any:
    """Return a fill value as the type holds it: clamped, never wrapped."""
    if dtype.kind not in "iu":
        return fill_value
    if fill_value != fill_value:
        return 0
    info = np.iinfo(dtype)
    return int(min(max(fill_value, info.min), info.max))


def close_codestream(data: memoryview, header: _core.Header) -> memoryview:
    """Return a damaged codestream in the form in which its library fails fast.

    Measured on CharLS 2.4: the decoder takes four to seven seconds over a 6 x 8 image that is cut short, and
    microseconds over the same with an EOI behind it.
    """
    return memoryview(bytes(data) + b"\xff\xd9") if header.format == "jpegls" else data


def decode_library_frame(
    data: memoryview,
    syntax: TransferSyntax,
    attributes: _core.Attributes,
    out: np.ndarray,
    *,
    raw: bool,
    keep_unused_bits: bool,
    salvage: bool,
) -> tuple[Error | None, list[str]]:
    """Decode one frame through a library into `out`, in its final form.

    Returns
    -------
    (Error or None, list of str)
        What is wrong with a frame that was salvaged; and the notes of `frame_format`.
    """
    complaint: Error | None = None
    header = _core.probe(data) if syntax.has_codestream_header else None
    form = _core.frame_format(syntax.uid, attributes, header, raw=raw, keep_unused_bits=keep_unused_bits)
    _core.check_limits(form, 1)
    if syntax.family == "deflated_frame":
        # Native frames inside (PS3.5, A.4.13).
        native = library.inflate(data, (attributes.native_frame_bits + 7) // 8)
        _core.decode_frame_into(
            _NATIVE, native, attributes, form, out, raw=raw, keep_unused_bits=keep_unused_bits, salvage=False
        )
        return None, []
    if header is None:
        _core.finish_frame(library.decode_rle(data, out.shape, out.dtype), form, out)
        return None, []
    if header.has_codec and config.prefer == "own":
        # Labelled as another process of its family.
        told = _core.decode_frame_into(
            syntax.uid, data, attributes, form, out, raw=raw, keep_unused_bits=keep_unused_bits, salvage=salvage
        )
        if told is not None:
            complaint = make_error(told[1], told[3], offset=told[2])
            if told[0] == FrameStatus.FAILED:
                raise complaint
        return complaint, form.notes
    try:
        _core.check(data, header)
    except DecodeError as error:
        if not salvage or error.code == "unsupported":
            raise
        complaint = error
        data = close_codestream(data, header)
    finished = form.significant_bits == 0 and not form.converts_colour
    samples = library.decode(data, header, out=out if finished else None)
    if np.may_share_memory(samples, out):
        return complaint, form.notes
    if samples.shape != out.shape:
        raise DecodeError(
            f"the library decoded shape {samples.shape}, the codestream's header says {out.shape}", code="internal"
        )
    if samples.dtype.itemsize != out.dtype.itemsize:
        samples = samples.astype(f"{samples.dtype.kind}{out.dtype.itemsize}")
    _core.finish_frame(samples.view(out.dtype), form, out)
    return complaint, form.notes


def conclude(failures: list[Failure], *, salvage: bool, count: int, of: str = "frames") -> None:
    """Raise the first failure, or warn of all that salvage left out of `count` frames, or what else they are."""
    if not failures:
        return
    if not salvage:
        raise failures[0][2]
    summary = np.zeros(count, np.uint8)
    for k, frame_status, _ in failures:
        summary[k] = frame_status
    errors = {k: error for k, _, error in failures}
    first = failures[0][2]
    warnings.warn(
        DecodeWarning(
            f"{len(failures)} of {count} {of} are not complete; the first: {first}", status=summary, errors=errors
        ),
        stacklevel=stack_level(),
    )
