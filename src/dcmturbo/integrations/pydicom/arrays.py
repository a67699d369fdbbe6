"""Whole arrays for pydicom: decode all frames in parallel, directly into the array that the user gets.

A plugin gets one frame at a time. pydicom then copies it, corrects its bits in two passes over the whole array, and
converts its colours with floating point. Here, the workers do all of that in one pass per frame, and the runner is told
that it is done. Whatever this module cannot handle or decode goes through pydicom's own code, which reports errors and
tries other plugins.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.misc import warn_and_log
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders import base

from dcmturbo import _core
from dcmturbo.configuration import resolve_threads
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.formats.library import header_of_colours
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax
from dcmturbo.frames.arguments import new_array
from dcmturbo.frames.batch import decode_batch
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.frames.workers import map_on_workers
from dcmturbo.integrations.pydicom import plugin
from dcmturbo.notes import NOTES

__all__ = ["Plan", "convert_colour", "hooked_as_array", "hooked_whole_array", "prepare"]

Array = np.ndarray[Any, Any]

# Passes `raw` to the hook below: it is an argument of `as_array` that pydicom does not pass on.
_RAW = "dcmturbo_raw"
_YBR = ("YBR_FULL", "YBR_FULL_422")


@dataclass
class Plan:
    """Frames to decode, and the array for them; made by `prepare`."""

    image: FrameSet
    description: plugin.Description
    frames: Array
    target: Array
    photometric_interpretation: str
    notes: list[str]
    corrects_bits: bool
    excess: int

    def decode(self, first: int, end: int, threads: int) -> None:
        """Decode the frames at these places of the target.

        Raises
        ------
        DecodeError
            If a frame cannot be decoded; raised for the lowest.
        """
        failures = decode_batch(
            [self.image],
            None,
            self.frames[first:end],
            self.target[first:end],
            threads=threads,
            salvage=False,
            fill_value=0,
            status=None,
        )
        if failures:
            raise failures[0][2]

    def finish(self, runner: Any) -> Array:
        """Tell the runner what the decoded array is, and return it flat, as pydicom expects it."""
        syntax = self.image.opened.syntax
        if self.corrects_bits:
            plugin.tell(runner, "correct_unused_bits", False)
        # These tell pydicom that there is nothing to correct.
        name = plugin.pydicom_name(syntax)
        if name == "j2k":
            runner.set_option("j2k_is_signed", self.description.pixel_representation)
        elif name == "jls":
            runner.set_option("jls_precision", 8 * self.target.itemsize)
        if self.photometric_interpretation:
            plugin.tell(runner, "photometric_interpretation", self.photometric_interpretation)
        if self.description.samples_per_pixel > 1:
            plugin.tell(runner, "planar_configuration", 0)
        if self.excess:
            promised = runner.number_of_frames
            runner.set_option("number_of_frames", promised + self.excess)
            # The text is pydicom's, for code that filters or expects it.
            warn_and_log(
                f"{promised + self.excess} frames have been found in the encapsulated pixel data, which is larger than "
                f"the given (0028,0008) 'Number of Frames' value of {promised}. The returned data will include these "
                "extra frames and if it's correct then you should update 'Number of Frames' accordingly, otherwise "
                f"pass 'allow_excess_frames=False' to return only the first {promised} frames."
            )
        plugin.warn_of_notes(runner, self.notes)
        return self.target.reshape(-1)


def prepare(runner: Any, index: int | None, *, raw: bool | None) -> Plan | None:
    """Prepare the decoding of one frame or all frames of a runner's source.

    Parameters
    ----------
    runner : pydicom.pixels.decoders.base.DecodeRunner
        Complete and validated.
    index : int or None
        The frame, or all.
    raw : bool or None
        pydicom's ``raw``; None if unknown, which leaves the colours unchanged.

    Returns
    -------
    Plan or None
        None if pydicom must do it.

    Raises
    ------
    DecodeError
        If the source contradicts its description.
    """
    syntax = find_transfer_syntax(str(runner.transfer_syntax))
    if not syntax.decodable or not (_takes_encoded(runner, syntax) if syntax.encapsulated else _takes_native(runner)):
        return None
    cache = plugin.state_of(runner).cache
    if "source" not in cache:
        cache["source"] = plugin.frame_source(runner)
    source, offset, size, buffer = cache["source"]
    promised = int(runner.number_of_frames)
    header = None
    if syntax.encapsulated:
        if "index" not in cache:
            cache["index"] = plugin.encapsulated_index(runner, syntax, source, offset, size)
        places = cache["index"]
        first = 0 if index is None else index
        if first >= places.frame_count:
            return None
        if syntax.has_codestream_header:
            codestream = places.read_frame(first)
            # pydicom's own reading of the header, including its warnings about the colour space.
            runner._get_frame_info(codestream)
            header = header_of_colours(codestream)
    description = plugin.describe(runner)
    attributes = description.attributes()
    if not syntax.encapsulated:
        places = _core.Index(
            source,
            encapsulated=False,
            offset=offset,
            length=size,
            number_of_frames=promised,
            frame_bits=attributes.native_frame_bits,
        )
    found = int(places.frame_count)
    if (index is None and found < promised) or (index is not None and index >= found):
        return None
    excess = 0
    if index is None and syntax.encapsulated and runner.get_option("allow_excess_frames", False):
        excess = found - promised

    corrects = bool(plugin.source_option(runner, "correct_unused_bits"))
    key = (description, _converts(runner, description, raw), corrects)
    image = cache.get(key)
    if image is None:
        opened = OpenedSource(
            source=source,
            syntax=syntax,
            attributes=attributes,
            photometric_interpretation=description.photometric_interpretation,
            bits_allocated=description.bits_allocated,
            bits_stored=description.bits_stored,
            index=places,
            promised_frames=promised,
            encapsulated=syntax.encapsulated,
            big_endian=False,
            planar_configuration=description.planar_configuration,
            pixel_data_offset=offset,
            buffer=buffer,
        )
        image = FrameSet(opened, raw=not key[1], unused_bits="correct" if corrects else "keep")
        # `finish` gives the warnings, at a place where a warning that is an error does no harm
        image.warned.update(NOTES.values())
        cache[key] = image
    form = image.settle(header)
    image.check_room(promised + excess if index is None else 1)
    frames = np.arange(promised + excess, dtype=np.uint64) if index is None else np.array([index], np.uint64)
    return Plan(
        image=image,
        description=description,
        frames=frames,
        target=new_array((len(frames), *image.frame_shape), image.dtype),
        photometric_interpretation=form.photometric_interpretation,
        notes=[note for note in form.notes if note != "format_differs" or syntax.family != "jpegxl"],
        # pydicom handles JPEG XL: precision and BitsStored may differ, and reconciling them costs more than masking.
        corrects_bits=corrects and description.keyword == "PixelData" and not syntax.format.keeps_all_bits,
        excess=excess,
    )


def _takes_encoded(runner: Any, syntax: TransferSyntax) -> bool:
    # The plugin handles requests for samples as they are coded.
    name = plugin.pydicom_name(syntax)
    if name == "j2k":
        return bool(runner.get_option("apply_j2k_sign_correction", False))
    if name == "jls":
        return bool(runner.get_option("apply_jls_sign_correction", False)) or runner.pixel_representation == 0
    return "<" not in (runner.get_option("rle_segment_order"), runner.get_option("byteorder"))


def _takes_native(runner: Any) -> bool:
    # pydicom handles views; big endian, which it returns as big endian; and arrays on a writeable buffer, which it
    # returns without a copy.
    if runner.get_option("view_only", False) or runner.get_option("be_swap_ow"):
        return False
    if not runner.transfer_syntax.is_little_endian:
        return False
    return bool(runner.is_binary or memoryview(runner.src).readonly)


def _converts(runner: Any, description: plugin.Description, raw: bool | None) -> bool:
    """Whether the workers convert YBR to RGB, as pydicom's processor would do afterwards."""
    return (
        raw is False
        and description.samples_per_pixel == 3
        and (description.bits_allocated, description.pixel_representation) == (8, 0)
        and bool(runner.get_option("as_rgb", False))
        and not runner.get_option("force_rgb", False)
        and not runner.get_option("force_ybr", False)
        # A user's own processor before it must see the same data as without dcmturbo.
        and base.PROCESSORS[:1] in ([convert_colour], [base._process_color_space])
    )


# --- hooks ------------------------------------------------------------------------------------


def hooked_whole_array(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the replacement for an instance's ``Decoder._as_array_encapsulated`` or ``_as_array_native``.

    Parameters
    ----------
    original : callable
        The method that it replaces.

    Returns
    -------
    callable
    """

    @functools.wraps(original)
    def whole_array(runner: Any, index: int | None) -> Any:
        raw = runner.get_option(_RAW)
        runner.del_option(_RAW)
        plan = None
        if not runner.transfer_syntax.is_encapsulated or _is_first(runner):
            try:
                plan = prepare(runner, index, raw=raw)
                if plan is not None:
                    plan.decode(0, len(plan.frames), resolve_threads(None))
            except Exception:
                plan = None  # pydicom's own code finds the same error, reports it, and tries other plugins
        return original(runner, index) if plan is None else plan.finish(runner)

    return whole_array


def _is_first(runner: Any) -> bool:
    """Whether pydicom would ask this plugin first."""
    function = next(iter(runner._decoders.values()), None)
    if hasattr(runner, "_previous"):
        function = runner._previous[1]
    return function is plugin.decode_frame


def hooked_as_array(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the replacement for an instance's ``Decoder.as_array``, so that the hook below knows `raw`.

    Parameters
    ----------
    original : callable
        The bound method.

    Returns
    -------
    callable
    """

    @functools.wraps(original)
    def as_array(src: Any, *, raw: bool = False, **options: Any) -> Any:
        return original(src, raw=raw, **options, **{_RAW: bool(raw)})

    return as_array


# --- colour -----------------------------------------------------------------------------------

_BLOCK_BYTES = 1 << 18  # what a worker converts at a time, so that it stays in the cache


def convert_colour(arr: Array, runner: Any, changes: dict[str, str | int]) -> Any:
    """Replace pydicom's colour processor for 8-bit YBR_FULL to RGB: exactly, and in parallel.

    Parameters
    ----------
    arr : numpy.ndarray
        Shape ([frames,] rows, columns, 3).
    runner : pydicom.pixels.decoders.base.DecodeRunner
        Its options say whether to convert, and to which colour space.
    changes : dict
        Receives the new photometric interpretation.

    Returns
    -------
    numpy.ndarray
        `arr` itself, converted in place, if it belongs to the decoder.
    """
    wanted = runner.get_option("force_rgb", False) or (
        runner.photometric_interpretation in _YBR and runner.get_option("as_rgb", False)
    )
    is_view = runner.get_option("view_only", False) and not arr.flags.writeable  # pydicom gives a message in this case
    if (
        not wanted
        or runner.get_option("force_ybr", False)
        or arr.dtype != np.uint8
        or arr.ndim not in (3, 4)
        or arr.shape[-1] != 3
        or is_view
    ):
        return base._process_color_space(arr, runner, changes)
    # Native arrays may use the memory of the user's buffer, even if they are writeable.
    in_place = arr.flags.writeable and runner.transfer_syntax.is_encapsulated and base.PROCESSORS[0] is convert_colour
    out = arr if in_place else np.empty(arr.shape, np.uint8)
    _ybr_to_rgb(arr.reshape(-1, *arr.shape[-3:]), out.reshape(-1, *arr.shape[-3:]))
    changes["photometric_interpretation"] = PhotometricInterpretation.RGB
    return out


def _ybr_to_rgb(frames: Array, out: Array) -> None:
    count, rows, columns = frames.shape[:3]
    step = max(1, min(rows, _BLOCK_BYTES // (3 * columns)))
    formats = {height: _ybr_format(height, columns) for height in {step, rows % step} - {0}}

    def convert(block: tuple[int, int]) -> None:
        frame, top = block
        form = formats[min(step, rows - top)]
        _core.finish_frame(frames[frame, top : top + step], form, out[frame, top : top + step])

    blocks = [(frame, top) for frame in range(count) for top in range(0, rows, step)]
    map_on_workers(convert, blocks, resolve_threads(None))


def _ybr_format(rows: int, columns: int) -> _core.Format:
    attributes = _core.Attributes(
        rows=rows,
        columns=columns,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        pixel_representation=0,
        planar_configuration=0,
        photometric_interpretation="YBR_FULL",
    )
    return _core.frame_format("1.2.840.10008.1.2.1", attributes, None, raw=False, keep_unused_bits=False)
