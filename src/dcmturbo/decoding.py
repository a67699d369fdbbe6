"""Decode in one call: `decode`, `decode_series`, `decode_frame`, `decode_components`, `probe`."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import config, resolve_threads
from dcmturbo.dataset.sources import name_of, name_source, open_source
from dcmturbo.errors import Error, LimitExceeded, UnsupportedTransferSyntax, add_note_once, make_error
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES
from dcmturbo.frames.arguments import check_apart, check_out, new_array, sample_dtype
from dcmturbo.frames.batch import decode_batch
from dcmturbo.frames.frame_set import Frames, FrameSet, UnusedBits, check_unused_bits
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.frames.region import RegionLike, check_reduce, reduced_size, window_of
from dcmturbo.frames.status import FrameStatus, OnError, check_on_error, check_status, conclude, note_sources
from dcmturbo.notes import warn_of_notes
from dcmturbo.steps import Apply, decode_and_apply

__all__ = ["decode", "decode_components", "decode_frame", "decode_series", "probe"]

Data = Any  # one buffer, or a sequence of fragments

# The UIDs of the transfer syntaxes that can be decoded, by UID and by keyword.
_DECODED = {name: sys.intern(one.uid) for one in TRANSFER_SYNTAXES if one.decodable for name in (one.uid, one.keyword)}
# What decode_frame uses for each frame, and would otherwise count references to.
_core.share(_DECODED)
_core.share(_core.decode_frame)


def _decoded_uid(transfer_syntax: str) -> str:
    syntax = name_transfer_syntax(transfer_syntax)
    if not syntax.decodable:
        raise UnsupportedTransferSyntax(f"dcmturbo cannot decode {syntax.name} ({syntax.uid})")
    return syntax.uid


def decode(
    source: Any,
    frames: Frames = None,
    *,
    out: np.ndarray | None = None,
    threads: int | None = None,
    raw: bool = False,
    unused_bits: UnusedBits = "correct",
    on_error: OnError = "raise",
    fill_value: float = 0,
    status: np.ndarray | None = None,
    region: RegionLike = None,
    reduce: int = 0,
    apply: Apply | None = None,
    dtype: Any = None,
) -> np.ndarray:
    """Decode the frames of a DICOM object into one array.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or OpenFile, pydicom Dataset
        The object. dcmturbo never writes to files that it decodes.
    frames : int, slice or sequence of int, optional
        All frames by default; if the object has one frame, the result has no frame axis. An int selects one frame,
        without a frame axis. A slice or a sequence selects several frames in that order, always with a frame axis.
        Negative numbers count from the end.
    out : numpy.ndarray, optional
        Decode into this array and return it. It must have exactly the shape and dtype of the result, may have any
        strides, and must not share memory with `source`.
    threads : int, optional
        Number of workers; by default as `dcmturbo.config` says, and 1 in a worker of torch's DataLoader. With 1, no
        thread is created.
    raw : bool
        False (the default) converts YBR_FULL and YBR_FULL_422 to RGB (PS3.3, C.7.6.3.1.2) and nothing else; PALETTE
        COLOR stays indices. True keeps the colour space.
    unused_bits : {"correct", "keep"}
        What to do with the bits of a cell above BitsStored: overwrite them with zeros or the sign, or keep them.
    on_error : {"raise", "salvage"}
        Raise an error for the first frame that cannot be decoded, or decode as much as possible and warn.
    fill_value : float
        With salvage, the value of pixels that could not be decoded, clamped to the dtype.
    status : numpy.ndarray of uint8, optional
        One element per frame of the result; receives `FrameStatus`: 0 OK, 1 PARTIAL, 2 MISSING, 3 FAILED.
    region : (top, left, height, width), Region, or pair of slices (rows, columns), optional
        Decode only this part of each frame. It is counted in pixels of the result without `region`, so after `reduce`.
        The pixels are the same as those of the whole frame. Four numbers must lie within the frame, or it is a
        `ValueError`; ``dt.Region(..., clip=True)`` and slices are cut off at the frame. Work is skipped where the
        format allows it, so damage outside of the region may not be noticed.
    reduce : int
        How often to halve the size: each frame then has ceil(rows / 2**reduce) rows and ceil(columns / 2**reduce)
        columns. JPEG 2000 and HTJ2K leave out their highest resolution levels, JPEG of 8 bits scales its blocks (1 to
        3). For other formats, it is a `DecodeError`.
    apply : {"rescale", "window", "normalise"} or callable, optional
        Work on each frame right after it is decoded, on the same worker: the Modality LUT or rescale (PS3.3, C.11.1),
        or Dose Grid Scaling; that and the first VOI window or VOI LUT, with results from 0 (black) to 1 (white), where
        MONOCHROME1 is inverted; the mean of each frame made 0 and its standard deviation 1. Or a function of a decoded
        frame and of the array for its result, such as one that Numba compiles with ``nogil=True``. A compiled function,
        such as a ``cfunc`` of Numba, is called without the GIL: see `dcmturbo.nogil.FrameFunction`. It cannot be
        combined with `region` and `reduce`.
    dtype : dtype-like, optional
        The type of the result. With `apply`, it is float32 by default, or what a compiled function gives; named steps
        need float32 or float64. Without `apply`, the values are converted on the workers: to a type that has all of
        them, or to float32 or float64, which round integers of more than 24 and 53 bits.

    Returns
    -------
    numpy.ndarray
        Shape ([frames,] rows, columns[, samples]), with the rows and columns of `region` if it is given. The dtype
        follows BitsAllocated and PixelRepresentation (PS3.5, 8.1.1): uint8 to uint64, int8 to int64, float32 and
        float64 for the float keywords, uint8 for single bits; in native byte order. Uncompressed little endian data
        from a path whose bits need no change are returned as a writeable copy-on-write view of the file. All other
        results are a new array, or `out`.

    Raises
    ------
    NotDicom
        If the source is no DICOM object.
    NoPixelData
        If it has no pixel data.
    UnsupportedTransferSyntax
        If no codec is there for its transfer syntax.
    DecodeError
        If a frame is damaged, missing, or contradicts the dataset; with ``.frame``, ``.offset`` (bytes within the
        encoded frame) and ``.code``. If several frames fail, the error is about the lowest.
    LimitExceeded
        If the result would be larger than ``dcmturbo.config.limits`` allows. Nothing has been allocated for it.
    IndexError
        If `frames` names a frame that does not exist.
    OSError
        If the file cannot be opened or read.
    TypeError, ValueError
        If an argument is invalid, or `out` or `status` has another shape or dtype than described here.

    Warns
    -----
    DecodeWarning
        With salvage, if a frame is not complete (``.status``, ``.errors``); if the data have more frames than
        NumberOfFrames; if codestream and dataset contradict each other in a harmless way.

    Examples
    --------
    >>> array = dt.decode("ct.dcm")                                     # doctest: +SKIP
    >>> middle = dt.decode("cine.dcm", 30)                              # doctest: +SKIP
    >>> corner = dt.decode("mammo.dcm", region=(0, 0, 512, 512))        # doctest: +SKIP
    >>> small = dt.decode("mammo.dcm", reduce=3)                        # doctest: +SKIP
    """
    check_unused_bits(unused_bits)
    _check_apply(apply, dtype, region, reduce)
    options = ReadOptions(out, threads, on_error, fill_value, status, region, reduce)
    opened = open_source(source)
    try:
        frame_set = FrameSet(opened, raw=raw, unused_bits=unused_bits)
        if apply is not None or dtype is not None:
            numbers, has_axis = frame_set.select(frames, salvage=check_on_error(on_error))
            jobs = [(0, int(number)) for number in numbers]
            return decode_and_apply([frame_set], jobs, options, has_axis=has_axis, apply=apply, dtype=dtype)
        return frame_set.read(frames, options)
    except Error as error:
        name_source(error, source)
        raise
    finally:
        opened.close()


def _check_apply(apply: Apply | None, dtype: Any, region: RegionLike, reduce: int) -> None:
    if (apply is not None or dtype is not None) and (region is not None or reduce):
        raise TypeError("apply and dtype cannot be combined with region or reduce")


def decode_series(
    paths: Iterable[Any],
    *,
    out: np.ndarray | None = None,
    threads: int | None = None,
    raw: bool = False,
    on_error: OnError = "raise",
    status: np.ndarray | None = None,
    region: RegionLike = None,
    reduce: int = 0,
    apply: Apply | None = None,
    dtype: Any = None,
) -> np.ndarray:
    """Decode a series of objects into one array, in parallel over all frames of all objects.

    Parameters
    ----------
    paths : iterable of paths, or of anything that `decode` takes
        The objects, in the order of the result; they are not sorted.
    out, threads, raw, on_error, status, region, reduce, apply, dtype
        As in `decode`. `status` has one element for each frame of the result.

    Returns
    -------
    numpy.ndarray
        Shape (frames, rows, columns[, samples]): the frames of each object follow those of the previous one. All
        objects must have frames of one shape and dtype (as in `decode`; PS3.5, 8.1.1).

    Raises
    ------
    ValueError
        If there are no objects, or if their frames differ in shape or dtype.
    DecodeError, and the other errors of `decode`
        The exception names the object: ``.source``, or a note if it is none that has a path.
    """
    # These can be iterated over, but give the elements of a Dataset or the lines of a file.
    is_one = isinstance(paths, (str, bytes, bytearray, memoryview, os.PathLike))
    if is_one or hasattr(paths, "group_dataset") or hasattr(paths, "read"):
        is_folder = isinstance(paths, (str, os.PathLike)) and os.path.isdir(paths)
        instead = (
            "read_volume reads the slices of a folder in order, and find_series lists its series"
            if is_folder
            else "for one source, use decode"
        )
        raise TypeError(f"decode_series needs several sources, not {_describe(paths)}: {instead}")
    sources = list(paths)
    if not sources:
        raise ValueError("the list of sources is empty")
    salvage = check_on_error(on_error)
    reduce = check_reduce(reduce)
    _check_apply(apply, dtype, region, reduce)
    with ExitStack() as stack:
        series = _open_series(sources, raw, stack)
        counts = [len(one) for one in series]
        for which, (one, count) in enumerate(zip(series, counts, strict=True)):
            with _in(sources, which):
                one.check_span(range(count), salvage=salvage)
            one.warn_of_excess()
        if apply is not None or dtype is not None:
            jobs = [(which, number) for which, count in enumerate(counts) for number in range(count)]
            options = ReadOptions(out, threads, on_error, status=status)
            notes = [_note_of(sources, which) for which in range(len(sources))]
            return decode_and_apply(series, jobs, options, has_axis=True, apply=apply, dtype=dtype, notes=notes)
        set_of = np.repeat(np.arange(len(series), dtype=np.uint32), counts)
        frames = np.concatenate([np.arange(count, dtype=np.uint64) for count in counts])
        form = series[0].format_at(reduce)
        window = window_of(region, form.rows, form.columns)
        if window is not None:
            form = form.with_size(*window[2:])
        _core.check_limits(form, len(frames))
        for which, (one, count) in enumerate(zip(series, counts, strict=True)):
            with _in(sources, which):
                one.check_room(count, form)
        shape, dtype = (len(frames), form.rows, form.columns, *series[0].frame_shape[2:]), series[0].dtype
        check_status(status, len(frames))
        if out is not None:
            check_out(out, shape, dtype)
            for one in series:
                check_apart(out, one.opened.buffer)
        target = new_array(shape, dtype) if out is None else out
        if not math.prod(shape):  # an empty region
            if status is not None:
                status[...] = FrameStatus.OK
            return target
        failures = decode_batch(
            series,
            set_of,
            frames,
            target,
            threads=resolve_threads(threads),
            salvage=salvage,
            fill_value=0,
            status=status,
            reduce=reduce,
            windows=None if window is None else [window] * len(series),
        )
        note_sources(failures, lambda k: _note_of(sources, int(set_of[k])))
        conclude(failures, salvage=salvage, count=len(frames))
        return target


def _open_series(sources: list[Any], raw: bool, stack: ExitStack) -> list[FrameSet]:
    """Open objects whose frames have the same shape and type; `stack` closes them."""
    series: list[FrameSet] = []
    for which, source in enumerate(sources):
        with _in(sources, which):
            opened = open_source(source)
            stack.callback(opened.close)
            series.append(FrameSet(opened, raw=raw))
        one, first = series[-1], series[0]
        if one.frame_shape != first.frame_shape or one.dtype != first.dtype:
            raise ValueError(
                f"{_describe(source)} has frames of shape {one.frame_shape} and dtype {one.dtype}, "
                f"{_describe(sources[0])} of {first.frame_shape} and {first.dtype}: leave it out, or decode each file"
            )
    return series


@contextmanager
def _in(sources: list[Any], which: int) -> Iterator[None]:
    """Let an error say which object it is about."""
    try:
        yield
    except Error as error:
        name_source(error, sources[which])
        if error.source is None:
            add_note_once(error, _note_of(sources, which))
        raise
    except OSError as error:
        if error.filename is None:
            add_note_once(error, _note_of(sources, which))
        raise


def _note_of(sources: list[Any], which: int) -> str:
    source = sources[which]
    return f"in {name_of(source) or f'object {which} of {len(sources)}, a {type(source).__name__}'}"


def _describe(source: Any) -> str:
    return str(source) if isinstance(source, (str, os.PathLike)) else f"a {type(source).__name__}"


def decode_frame(
    data: Data,
    transfer_syntax: str,
    *,
    rows: int,
    columns: int,
    samples_per_pixel: int = 1,
    bits_allocated: int,
    bits_stored: int | None = None,
    pixel_representation: int = 0,
    photometric_interpretation: str | None = None,
    planar_configuration: int = 0,
    raw: bool = False,
    unused_bits: UnusedBits = "correct",
    reduce: int = 0,
    out: np.ndarray | None = None,
    threads: int | None = 1,
    on_error: OnError = "raise",
    status: np.ndarray | None = None,
    region: RegionLike = None,
) -> np.ndarray:
    """Decode one encoded frame that is in memory.

    Parameters
    ----------
    data : bytes-like, or sequence of bytes-like
        The frame, or its fragments in order.
    transfer_syntax : str
        UID, keyword as in ``pydicom.uid``, or a short name of the command line such as "htj2k", which is lossless.
    rows, columns, samples_per_pixel, bits_allocated, bits_stored, pixel_representation, photometric_interpretation, \
planar_configuration
        The attributes of the Image Pixel module (PS3.3, C.7.6.3). By default, `bits_stored` is `bits_allocated`, and
        `photometric_interpretation` is MONOCHROME2 or RGB.
    raw, unused_bits, out, on_error, status
        As in `decode`, for this frame; `status` has one element.
    reduce : int
        As in `decode`. For formats that do not have it, and for codestreams with fewer levels, it is a `DecodeError`.
    region
        As in `decode`.
    threads : int, optional
        Number of workers. With 1 (the default), no thread is created.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns) or (rows, columns, samples), after `reduce` and `region`.

    Raises
    ------
    DecodeError, LimitExceeded, UnsupportedTransferSyntax
        As in `decode`.

    Warns
    -----
    DecodeWarning
        If the codestream contradicts the arguments, or something was salvaged.
    """
    # Python takes a tenth of a microsecond for each call of a function: a large part of the time of a small frame.
    try:
        uid = _DECODED[transfer_syntax]
    except KeyError:
        uid = _decoded_uid(transfer_syntax)
    if reduce:
        reduce = check_reduce(reduce)
    window = None if region is None else window_of(region, reduced_size(rows, reduce), reduced_size(columns, reduce))
    if photometric_interpretation is None:
        photometric_interpretation = "MONOCHROME2" if samples_per_pixel == 1 else "RGB"
    elif not isinstance(photometric_interpretation, str):
        raise TypeError(f"photometric_interpretation is {photometric_interpretation!r}; expected a str")
    if out is not None:
        size = (reduced_size(rows, reduce), reduced_size(columns, reduce)) if window is None else window[2:]
        shape = size if samples_per_pixel == 1 else (*size, samples_per_pixel)
        check_out(out, shape, sample_dtype(bits_allocated, pixel_representation))
    if status is not None:
        check_status(status, 1)
    if window is not None and not (window[2] and window[3]):
        if status is not None:
            status[0] = FrameStatus.OK
        if out is not None:
            return out
        samples = (samples_per_pixel,) if samples_per_pixel > 1 else ()
        return np.empty((*window[2:], *samples), sample_dtype(bits_allocated, pixel_representation))
    # The core takes the names in this order. An object that describes a small frame would cost as much time as
    # decoding it.
    result: Any = _core.decode_frame(
        uid,
        data,
        out,
        reduce,
        window,
        rows=rows,
        columns=columns,
        samples_per_pixel=samples_per_pixel,
        bits_allocated=bits_allocated,
        bits_stored=bits_allocated if bits_stored is None else bits_stored,
        pixel_representation=pixel_representation,
        planar_configuration=planar_configuration,
        photometric_interpretation=photometric_interpretation,
        raw=raw,
        keep_unused_bits=False if unused_bits == "correct" else check_unused_bits(unused_bits),
        threads=threads if threads == 1 else resolve_threads(threads),
        salvage=False if on_error == "raise" else check_on_error(on_error),
    )
    if type(result) is tuple:
        array, frame_status, failure, notes = result
        _conclude_frame(frame_status, failure, notes, status)
    else:
        array = result
        if status is not None:
            status[0] = FrameStatus.OK
    return array if out is None else out


def _conclude_frame(
    frame_status: int,
    failure: tuple[int, int | None, str, tuple[int, int] | None] | None,
    notes: list[str],
    status: np.ndarray | None,
) -> None:
    """Report a frame that was salvaged, or that contradicts the arguments."""
    if status is not None:
        status[0] = frame_status
    warn_of_notes(notes)
    if failure is not None:
        code, offset, message, whole = failure
        _conclude_one(make_error(code, message, offset=offset, whole=whole), frame_status)


def _conclude_one(error: Error, frame_status: int, of: str = "frames") -> None:
    conclude([(0, frame_status, error)], salvage=True, count=1, of=of)


def _joined(data: Data) -> memoryview:
    try:
        view = memoryview(data)
    except TypeError:
        try:
            return memoryview(b"".join(data))
        except TypeError:
            raise TypeError("data must be a bytes-like object, or a sequence of bytes-like objects") from None
    return view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())


def decode_components(
    data: Data,
    *,
    reduce: int = 0,
    threads: int | None = 1,
    on_error: OnError = "raise",
    region: RegionLike = None,
) -> list[np.ndarray]:
    """Decode a bare codestream into its components, each as it is coded.

    Parameters
    ----------
    data : bytes-like, or sequence of bytes-like
        JPEG 2000 or HTJ2K (bare, or in a JP2 or JPH file), JPEG-LS, JPEG Lossless or JPEG.
    reduce : int
        As in `decode`. A component that begins at the origin then has ceil(height / 2**reduce) rows (ISO/IEC 15444-1,
        B-15).
    threads : int, optional
        Number of workers. With 1 (the default), no thread is created.
    on_error : {"raise", "salvage"}
        With salvage, a damaged codestream is decoded as far as possible, and a `DecodeWarning` says what is wrong.
    region
        As in `decode`, counted in samples of the largest component. Of a component with fewer samples, the result has
        all that lie in the region in part: with a sample for each s rows, those from top // s up to
        ceil((top + height) / s).

    Returns
    -------
    list of numpy.ndarray
        One array per component, of shape (height, width) of the component, and of the smallest integer dtype for its
        precision and sign. The inverse RCT or ICT is applied. Nothing is upsampled, no palette is applied, and no
        colour is converted.

    Raises
    ------
    DecodeError
        If the codestream is damaged, or if its library cannot return the components unchanged (``.code ==
        "unsupported"``), which concerns subsampled ones and `reduce`.
    """
    salvage = check_on_error(on_error)
    reduce = check_reduce(reduce)
    workers = threads if threads == 1 else resolve_threads(threads)
    joined = _joined(data)
    header = _core.probe(joined)
    _check_component_limits(header)
    components = range(len(header.components))
    described = [_core.component(header, i, reduce, None) for i in components]
    window = None
    if region is not None:
        rows, columns = (max(shape[axis] for shape, _ in described) for axis in (0, 1))
        window = window_of(region, rows, columns)
    if window is not None:
        if not (window[2] and window[3]):
            return [np.empty(np.minimum(shape, window[2:]), dtype) for shape, dtype in described]
        described = [_core.component(header, i, reduce, window) for i in components]
    arrays = [new_array(shape, np.dtype(dtype)) for shape, dtype in described]
    damage, notes = _core.decode_components(joined, header, arrays, reduce, window, workers, salvage)
    warn_of_notes(notes)
    if damage is not None:
        frame_status, code, offset, message, whole = damage
        _conclude_one(make_error(code, message, offset=offset, whole=whole), frame_status, "codestreams")
    return arrays


def _check_component_limits(header: _core.Header) -> None:
    pixels = header.width * header.height
    if pixels > config.limits.max_pixels:
        raise LimitExceeded(
            f"the codestream has {header.height} x {header.width} pixels, but dt.config.limits.max_pixels "
            f"(DCMTURBO_MAX_PIXELS) allows {config.limits.max_pixels}"
        )
    size = sum(
        component.width * component.height * (1 << max(0, (component.precision - 1).bit_length() - 3))
        for component in header.components
    )
    if size > config.limits.max_output:
        raise LimitExceeded(
            f"the components need {size} bytes, but dt.config.limits.max_output allows {config.limits.max_output}"
        )


def probe(data: Data) -> _core.Header:
    """Read the header of a codestream without decoding it.

    Parameters
    ----------
    data : bytes-like, or sequence of bytes-like
        A JPEG or JPEG Lossless (ISO/IEC 10918-1, B.2), JPEG-LS (14495-1, C.2), JPEG 2000 or HTJ2K (15444-1, A.4 and
        A.5) or JPEG XL (18181-1) codestream, bare or in its file format.

    Returns
    -------
    Header
        With ``format``, ``width``, ``height``, ``components`` (each with ``width``, ``height``, ``precision``,
        ``is_signed``, ``horizontal_step``, ``vertical_step``, ``identifier``), ``lossless``, ``subsampled``,
        ``interleaved``, ``in_container``, ``colour``, ``codestream_offset``, ``codestream_size`` and ``parameters``, a
        dict of the format's own parameters with the names of the standard.
        ``precision`` and ``is_signed`` are those of the first component.

    Raises
    ------
    DecodeError
        If the data have none of these formats, or end within the header.
    """
    return _core.probe(_joined(data))
