"""The plugin that pydicom calls for each frame. It always works, even if nothing else here does.

For pydicom, a plugin is a function of the encoded frame and the *runner* that has all options. pydicom does the rest
itself: sign and bit correction, colour, shape. The plugin therefore returns a frame as it is coded, and tells the
runner what it is. From the second frame of a sequence on, the following frames are decoded in advance.
"""

from __future__ import annotations

import math
import os
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from pydicom.uid import UID

from dcmturbo import _core
from dcmturbo.configuration import config, resolve_threads
from dcmturbo.dataset.file_objects import file_source
from dcmturbo.encoding import can_encode
from dcmturbo.encoding import encode_frame as encode_one_frame
from dcmturbo.errors import DecodeError, DecodeWarning, EncodeError
from dcmturbo.formats.library import jpeg_inside
from dcmturbo.formats.options import all_encoder_options
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES, TransferSyntax, find_transfer_syntax
from dcmturbo.formats.table import FORMATS
from dcmturbo.notes import NOTES, stack_level

__all__ = ["DECODER_DEPENDENCIES", "ENCODER_DEPENDENCIES", "decode_frame", "encode_frame", "is_available"]

# .4.111 can only be made from JPEG files.
_ENCODABLE = frozenset(
    syntax.uid
    for syntax in TRANSFER_SYNTAXES
    if syntax.encapsulated and can_encode(syntax) and syntax.made_from is None
)


def _uid_of(syntax: TransferSyntax) -> UID:
    """Return a UID as pydicom wants it: a private one is a transfer syntax only if its encoding has been set."""
    uid = UID(syntax.uid)
    if uid.is_private:
        uid.set_private_encoding(not syntax.explicit_vr, not syntax.big_endian)
    return uid


# pydicom.pixels requires these three names. No dependency can be missing, because dcmturbo was installed with them.
DECODER_DEPENDENCIES = {
    _uid_of(syntax): ("dcmturbo",) for syntax in TRANSFER_SYNTAXES if syntax.decodable and syntax.encapsulated
}
ENCODER_DEPENDENCIES = {_uid_of(syntax): ("dcmturbo",) for syntax in TRANSFER_SYNTAXES if syntax.uid in _ENCODABLE}


def is_available(uid: str) -> bool:
    """Return whether dcmturbo decodes or encodes a transfer syntax.

    Parameters
    ----------
    uid : str
        UID of an encapsulated transfer syntax: pydicom asks no plugin for native ones.

    Returns
    -------
    bool
    """
    return uid in DECODER_DEPENDENCIES


# --- what a runner says -----------------------------------------------------------------------


class Description(NamedTuple):
    """The Image Pixel attributes of a runner, with the names of ``_core.Attributes``."""

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    planar_configuration: int
    photometric_interpretation: str
    keyword: str

    def attributes(self) -> _core.Attributes:
        """Return them in the core's form."""
        return _core.Attributes(**self._asdict())


class RunnerState:
    """State that belongs to one runner and lives as long.

    A runner is used for many frames, and an option that the plugin sets for one frame is still set for the next. The
    state records which options were set here, and their original values.
    """

    def __init__(self) -> None:
        self.options_set: dict[str, tuple[Any, Any]] = {}
        self.notes: set[str] = set()
        self.calls = 0
        self.ahead: Ahead[Any] | None = None
        self.cache: dict[Any, Any] = {}


def state_of(runner: Any) -> RunnerState:
    """Return the state of a runner."""
    state: RunnerState | None = runner.__dict__.get("_dcmturbo")
    if state is None:
        state = runner.__dict__["_dcmturbo"] = RunnerState()
    return state


def source_option(runner: Any, name: str) -> Any:
    """Return an option as the source gave it, even if it was changed since."""
    value = runner.get_option(name)
    before, ours = state_of(runner).options_set.get(name, (None, None))
    return before if ours is not None and value == ours else value


def tell(runner: Any, name: str, value: Any) -> None:
    """Tell the runner what a decoded frame is."""
    if hasattr(runner, "set_frame_option"):  # pydicom 3.1: options of one frame
        runner.set_frame_option(runner.index, name, value)
    elif runner.get_option(name) != value:
        state_of(runner).options_set[name] = (source_option(runner, name), value)
        runner.set_option(name, value)


def describe(runner: Any) -> Description:
    """Return what the source of a runner says about its frames.

    Raises
    ------
    DecodeError
        If an option is missing.
    """

    def number(name: str, default: int | None = None) -> int:
        value = source_option(runner, name)
        if value is None:
            value = default
        if value is None:
            raise DecodeError(f"the option {name!r} is required", code="argument")
        return int(value)

    keyword = str(runner.get_option("pixel_keyword", "PixelData"))
    allocated = number("bits_allocated")
    is_integer = keyword == "PixelData"
    return Description(
        rows=number("rows"),
        columns=number("columns"),
        samples_per_pixel=number("samples_per_pixel", 1),
        bits_allocated=allocated,
        bits_stored=number("bits_stored", allocated) if is_integer else allocated,
        pixel_representation=number("pixel_representation", 0) if is_integer else 0,
        planar_configuration=number("planar_configuration", 0),
        photometric_interpretation=str(source_option(runner, "photometric_interpretation") or ""),
        keyword=keyword,
    )


def frame_source(runner: Any) -> tuple[_core.Source, int, int, memoryview | None]:
    """Return a runner's pixel data: the source, the first byte, the length, and the bytes if they are in memory."""
    if runner.is_binary:
        source = file_source(runner.src)
        offset = runner.src.tell()
        return source, offset, source.size - offset, None
    buffer = memoryview(runner.src).cast("B")
    return _core.Source.buffer(buffer), 0, len(buffer), buffer


def encapsulated_index(
    runner: Any, syntax: TransferSyntax, source: _core.Source, offset: int, size: int
) -> _core.Index:
    """Return the position of each encapsulated frame."""
    extended = runner.extended_offsets
    if extended:
        extended = tuple(part if isinstance(part, bytes) else np.asarray(part, "<u8").tobytes() for part in extended)
    unit_bytes = 0
    if not syntax.has_codestream_header:
        what = describe(runner)
        unit_bytes = syntax.unit_bytes(
            what.rows, what.columns, what.bits_allocated, what.attributes().native_frame_bits
        )
    return _core.Index(
        source,
        encapsulated=True,
        offset=offset,
        length=size,
        undefined_length=True,
        number_of_frames=runner.number_of_frames,
        grouping=syntax.grouping,
        unit_bytes=unit_bytes,
        extended_bytes=extended or None,
    )


def warn_of_notes(runner: Any, notes: list[str]) -> None:
    """Warn, once per runner, about contradictions between codestream and dataset."""
    state = state_of(runner)
    for note in notes:
        if note in NOTES and note not in state.notes:
            state.notes.add(note)
            warnings.warn(NOTES[note], DecodeWarning, stacklevel=stack_level())


# --- ahead of the caller ----------------------------------------------------------------------

Result = TypeVar("Result")

# Limit on the bytes of finished frames that wait to be used.
_MOST_AHEAD = 256 << 20
# The threads, and the process they belong to: a forked child has none of them.
_pool: tuple[int, ThreadPoolExecutor] | None = None


def _submit(function: Callable[[int], Any], number: int) -> Future[Any]:
    global _pool
    pool = _pool
    if pool is None or pool[0] != os.getpid():
        workers = ThreadPoolExecutor(max(config.threads, 2), thread_name_prefix="dcmturbo-ahead")
        pool = _pool = (os.getpid(), workers)
    return pool[1].submit(function, number)


class Ahead(Generic[Result]):
    """Frames that are decoded or encoded before they are asked for.

    Parameters
    ----------
    code : callable
        Takes the number of a frame; returns the input that the plugin will get for it, and the result.
    first, end : int
        The frames.
    frame_bytes : int
        Size of one result; limits how many are made in advance.
    """

    def __init__(self, code: Callable[[int], tuple[Any, Result]], first: int, end: int, frame_bytes: int) -> None:
        self._code: Callable[[int], tuple[Any, Result]] | None = code
        self._next, self._end = first, end
        self._depth = max(1, min(2 * resolve_threads(None), _MOST_AHEAD // max(frame_bytes, 1)))
        self._pending: deque[Future[tuple[Any, Result]]] = deque()
        self._process = os.getpid()
        self._fill()

    def _fill(self) -> None:
        while self._code is not None and self._next < self._end and len(self._pending) < self._depth:
            self._pending.append(_submit(self._code, self._next))
            self._next += 1
        if self._next >= self._end:
            self._code = None  # it may refer to the runner, which refers to this object

    def take(self, src: Any) -> Result | None:
        """Return the next frame's result if it was made from `src`; otherwise stop predicting and return None."""
        if self._process != os.getpid():
            # The process was forked while frames were in work, and the child does not have these threads.
            self._pending.clear()
        if not self._pending:
            self.stop()
            return None
        predicted, result = self._pending.popleft().result()
        if predicted != src:
            self.stop()
            return None
        self._fill()
        return result

    def stop(self) -> None:
        """Predict nothing any more."""
        self._code = None
        for future in self._pending:
            future.cancel()
        self._pending.clear()


# --- decoding ---------------------------------------------------------------------------------


class _Coded(NamedTuple):
    """A decoded frame, before any correction."""

    samples: bytearray
    bits_allocated: int
    photometric_interpretation: str
    notes: list[str]


def decode_frame(src: bytes, runner: Any) -> bytearray:
    """Decode one frame, as pydicom asks its plugins to.

    Parameters
    ----------
    src : bytes
        The encoded frame.
    runner : pydicom.pixels.decoders.base.DecodeRunner
        Its options describe the frame. ``photometric_interpretation``, ``planar_configuration`` and ``bits_allocated``
        are set to those of the result.

    Returns
    -------
    bytearray
        The samples as they are coded: no colour conversion except the inverse RCT and ICT, no correction of the sign or
        of unused bits. The layout is that of pydicom's own plugins: planes for RLE, interleaved for all others. The
        cells are those of BitsAllocated (8 for single bits). For JPEG 2000 and JPEG-LS, they are the smallest for the
        codestream's precision.

    Raises
    ------
    DecodeError
        If the frame is damaged or contradicts the options.
    """
    syntax = find_transfer_syntax(str(runner.transfer_syntax))
    description = describe(runner)
    state = state_of(runner)
    number, state.calls = state.calls, state.calls + 1
    if number == 1:
        state.ahead = _decode_ahead(runner, syntax, description)
    coded = state.ahead.take((description, src)) if state.ahead is not None else None
    if coded is None:
        coded = _decode_coded(src, syntax, description)
    elif isinstance(coded, Exception):
        raise coded
    if _returns_planes(syntax) and "<" in (runner.get_option("rle_segment_order"), runner.get_option("byteorder")):
        # Segments in the reversed order, which pydicom's and pylibjpeg's plugins accept as an option.
        np.frombuffer(coded.samples, f"u{coded.bits_allocated // 8}").byteswap(inplace=True)
    if coded.photometric_interpretation:
        tell(runner, "photometric_interpretation", coded.photometric_interpretation)
    if description.samples_per_pixel > 1:
        tell(runner, "planar_configuration", int(_returns_planes(syntax)))
    tell(runner, "bits_allocated", coded.bits_allocated)
    warn_of_notes(runner, coded.notes)
    return coded.samples


# What pydicom's options call the formats whose sign and precision it corrects itself.
_PYDICOM_NAMES = {"jpeg2000": "j2k", "htj2k": "j2k", "jpegls": "jls"}


def pydicom_name(syntax: TransferSyntax) -> str:
    """Return the prefix of pydicom's options for a transfer syntax; empty if it has none."""
    return _PYDICOM_NAMES.get(syntax.format.name, "")


def _returns_planes(syntax: TransferSyntax) -> bool:
    return syntax.format.stored_in_planes


def _decode_coded(src: Any, syntax: TransferSyntax, description: Description) -> _Coded:
    attributes = description.attributes()
    header = _core.probe(src) if syntax.has_codestream_header else None
    form = _core.frame_format(syntax.uid, attributes, header, raw=True, keep_unused_bits=True)
    _core.check_held(syntax.uid, form, 1, memoryview(src).nbytes)
    notes = form.notes
    shape = (form.rows, form.columns, form.samples_per_pixel)[: 2 if form.samples_per_pixel == 1 else 3]
    samples = bytearray(math.prod(shape) * form.dtype.itemsize)
    out = np.frombuffer(samples, form.dtype)
    if len(shape) == 3 and _returns_planes(syntax):
        out = out.reshape(shape[2], *shape[:2]).transpose(1, 2, 0)
    else:
        out = out.reshape(shape)
    given = description._asdict()
    inside = None
    if header is not None and header.parameters.get("jpeg_reconstruction"):
        _core.check(src, header)
        inside = jpeg_inside(src, header)
    if inside is not None:
        # The JPEG states its colours; the JPEG XL stream around it does not.
        src, header = inside
        form = _core.frame_format(syntax.uid, attributes, header, raw=True, keep_unused_bits=True)
        notes += [note for note in form.notes if note not in notes and note != "format_differs"]
    if header is not None and FORMATS[header.format].keeps_all_bits and out.dtype.kind in "iu":
        # pydicom corrects the sign itself. It expects the samples as the codestream has them: signed where it states
        # so, unsigned where it has no sign.
        sign = FORMATS[header.format].sign
        if sign in ("stated", "none"):
            given["pixel_representation"] = int(sign == "stated" and header.components[0].is_signed)
            out = out.view(f"{'i' if given['pixel_representation'] else 'u'}{out.itemsize}")
    # Not decode_frame: warnings are given once per runner, not once per frame.
    found: Any = _core.decode_frame(
        syntax.uid,
        src,
        out,
        0,
        None,
        rows=given["rows"],
        columns=given["columns"],
        samples_per_pixel=given["samples_per_pixel"],
        bits_allocated=given["bits_allocated"],
        bits_stored=given["bits_stored"],
        pixel_representation=given["pixel_representation"],
        planar_configuration=given["planar_configuration"],
        photometric_interpretation=given["photometric_interpretation"],
        raw=True,
        keep_unused_bits=True,
        threads=1,
        salvage=False,
    )
    if isinstance(found, tuple):
        notes += [note for note in found[3] if note not in notes and (inside is None or note != "format_differs")]
    cell = out.itemsize
    if header is not None and pydicom_name(syntax):
        precision = max(component.precision for component in header.components)
        cell = min(cell, 1 if precision <= 8 else 2 if precision <= 16 else 4)
    if cell != out.itemsize:
        samples = bytearray(out.size * cell)
        np.copyto(np.frombuffer(samples, f"{out.dtype.kind}{cell}").reshape(shape), out, casting="unsafe")
    return _Coded(samples, 8 * cell, form.photometric_interpretation, notes)


def _decode_ahead(runner: Any, syntax: TransferSyntax, description: Description) -> Ahead[Any] | None:
    """Begin to decode the frames after the second one, including the current one."""
    count = runner.get_option("number_of_frames") or 1
    # A file object cannot be read at several places at once, and pydicom is reading it.
    if runner.is_binary or count < 3 or resolve_threads(None) == 1:
        return None
    try:
        source, offset, size, _ = frame_source(runner)
        index = encapsulated_index(runner, syntax, source, offset, size)
    except Exception:
        return None  # pydicom has found the frames and passes them on

    def code(number: int) -> tuple[Any, _Coded | Exception]:
        src = None
        try:
            src = index.read_frame(number)
            return (description, src), _decode_coded(src, syntax, description)
        except Exception as error:
            return (description, src), error

    samples = description.rows * description.columns * description.samples_per_pixel
    frame_bytes = samples * max(description.bits_allocated // 8, 1)
    return Ahead(code, 1, min(count, index.frame_count), frame_bytes)


# --- encoding ---------------------------------------------------------------------------------

# Our own option names, which `Dataset.compress` passes on; see `dcmturbo.encode_frame`.
_OPTIONS = tuple(all_encoder_options())


def encode_frame(src: bytes, runner: Any) -> bytes:
    """Encode one frame, as pydicom asks its plugins to.

    Parameters
    ----------
    src : bytes
        The samples, little endian, in the smallest cells that hold BitsStored.
    runner : pydicom.pixels.encoders.base.EncodeRunner
        Its options describe the frame. ``jls_error``, ``j2k_cr`` and ``j2k_psnr`` (of one quality layer) are those of
        pydicom. The options of `dcmturbo.encode_frame` can be used too.

    Returns
    -------
    bytes
        The codestream without padding; pydicom pads it.

    Raises
    ------
    EncodeError
        If the format, or the library behind it, cannot store the frame.
    """
    state = state_of(runner)
    number, state.calls = state.calls, state.calls + 1
    count = runner.number_of_frames
    if number == 1 and count > 2 and resolve_threads(None) > 1:

        def code(index: int) -> tuple[bytes, bytes | Exception]:
            frame = runner.get_frame(index)
            try:
                return frame, _encode(frame, runner)
            except Exception as error:
                return frame, error

        state.ahead = Ahead(code, 1, count, len(src))
    encoded = state.ahead.take(src) if state.ahead is not None else None
    if isinstance(encoded, Exception):
        raise encoded
    return encoded if encoded is not None else _encode(src, runner)


def _encode(src: bytes, runner: Any) -> bytes:
    syntax = find_transfer_syntax(str(runner.transfer_syntax))
    if runner.get_option("byteorder", "<") == ">":
        raise EncodeError("big endian samples (byteorder='>') cannot be encoded")
    rows, columns, samples = int(runner.rows), int(runner.columns), int(runner.samples_per_pixel)
    planar = int(runner.planar_configuration) if samples > 1 else 0
    allocated, signed = int(runner.bits_allocated), runner.pixel_representation == 1
    size, rest = divmod(len(src), rows * columns * samples)
    if rest or size not in (1, 2, 4, 8):
        raise EncodeError(f"a frame of {rows} x {columns} x {samples} samples cannot have {len(src)} bytes")
    frame: np.ndarray[Any, Any] = np.frombuffer(src, f"<{'i' if signed else 'u'}{size}")
    # pydicom keeps arrays interleaved whatever PlanarConfiguration says, except for JPEG-LS.
    if samples == 1:
        frame = frame.reshape(rows, columns)
    elif planar == 1 and (not runner.is_array or pydicom_name(syntax) == "jls"):
        frame = frame.reshape(samples, rows, columns).transpose(1, 2, 0)
    else:
        frame = frame.reshape(rows, columns, samples)
    if not syntax.has_codestream_header and allocated > 8 * size:
        # Such a frame does not have the size of its cells, and the dataset will have BitsAllocated.
        frame = frame.astype(f"{frame.dtype.kind}{allocated // 8}")
    return encode_one_frame(
        frame,
        syntax.uid,
        bits_allocated=1 if allocated == 1 and not syntax.has_codestream_header else None,
        bits_stored=int(runner.bits_stored),
        photometric_interpretation=str(runner.photometric_interpretation),
        planar_configuration=planar,
        **_encoding_options(runner, syntax),
    )


def _encoding_options(runner: Any, syntax: TransferSyntax) -> dict[str, Any]:
    """Return the options of `dcmturbo.encode_frame` for what pydicom's users pass."""
    options = {name: value for name in _OPTIONS if (value := runner.get_option(name)) is not None}
    if pydicom_name(syntax) == "jls" and (near := runner.get_option("jls_error")):
        options["near_lossless"] = near
    if pydicom_name(syntax) != "j2k":
        return options
    for name, aliases in (("ratio", ("j2k_cr", "compression_ratios")), ("psnr", ("j2k_psnr", "signal_noise_ratios"))):
        layers = next((value for alias in aliases if (value := runner.get_option(alias))), None)
        if layers is None:
            continue
        layers = list(np.atleast_1d(layers))
        if len(layers) > 1:
            raise EncodeError(
                f"{len(layers)} quality layers were requested, but dcmturbo writes one", code="unsupported"
            )
        options[name] = float(layers[0])
    return options
