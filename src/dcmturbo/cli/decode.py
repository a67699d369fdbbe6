"""``dcmturbo decode``: write frames as .npy, .png, .tiff or raw files."""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli.inputs import Input, add_common, for_each, skipped_document, thread_count
from dcmturbo.cli.output import Output
from dcmturbo.cli.picture import Rendering, apply_palette
from dcmturbo.cli.writing import SUFFIXES, refuse_existing, write
from dcmturbo.image import Image

__all__ = ["add_parser", "parse_frames", "run"]

Selection = int | list[int | slice] | None

_EPILOG = """\
OUT is a file or a folder. If you give several inputs or a folder, OUT must be a folder. It is created if it does not
exist. Files of an input folder keep their relative paths. --format determines the format; without it, the suffix of OUT
does; otherwise the format is npy.

  npy    the array, as numpy.load reads it: ([frames,] rows, columns[, samples])
  raw    the bytes of the array, little endian, in C order; OUT.json has the shape and the dtype
  tiff   one page per frame, uncompressed, any dtype
  png    8 or 16 bits, like the cells. 128 or 32768 is added to signed values. Each of several frames becomes a
         file, such as OUT_0000.png, with the number of the frame. Values of more than 16 bits need --window,
         --range or --auto-range

--window, --range and --auto-range convert to 8-bit grey levels, in any format. For MONOCHROME1, low values become
white. --window is in the units of the dataset (for instance Hounsfield units): RescaleSlope and RescaleIntercept are
applied first (PS3.3, C.11.1.1.2 and C.11.2.1.2.1). --range is in stored values.

YBR_FULL and YBR_FULL_422 become RGB, unless you use --raw-colour. PALETTE COLOR stays indices, unless you use
--palette.

examples:
  dcmturbo decode ct.dcm -o ct.npy
  dcmturbo decode ct.dcm -o ct.png --window 40 400
  dcmturbo decode cine.dcm -o frames.tiff --frames 0,3,10:20,-1
  dcmturbo decode study/ -o png/ --format png --auto-range
  dcmturbo decode broken.dcm -o what-is-left.npy --salvage
"""


def parse_frames(text: str) -> Selection:
    """Return the value of ``--frames``: one number, or a list of numbers and slices.

    >>> parse_frames("3"), parse_frames("0,10:20,-1")
    (3, [0, slice(10, 20, None), -1])
    """
    parts: list[int | slice] = []
    for part in text.split(","):
        if not re.fullmatch(r"\s*(-?\d+|(-?\d+)?:(-?\d+)?(:(-?\d+)?)?)\s*", part):
            raise argparse.ArgumentTypeError(f"expected numbers and slices like 0,3,10:20,-1, found {text!r}")
        bounds = [int(bound) if bound.strip() else None for bound in part.split(":")]
        if len(bounds) == 1:
            parts.append(int(part))
        elif len(bounds) == 3 and bounds[2] == 0:
            raise argparse.ArgumentTypeError(f"expected a slice with a step other than 0, found {text!r}")
        else:
            parts.append(slice(*bounds))
    if len(parts) == 1 and isinstance(parts[0], int):
        return parts[0]
    return parts


def add_parser(commands: Any) -> None:
    """Add ``decode`` to the commands."""
    parser = commands.add_parser(
        "decode",
        help="write frames as .npy, .png, .tiff or raw files",
        description="Decode the frames of DICOM files into files that other programs can read.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser, run)
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the output file or folder")
    parser.add_argument(
        "--format",
        choices=sorted(SUFFIXES),
        help="format of the output (default: as the suffix of OUT says, or else npy)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument(
        "--frames",
        type=parse_frames,
        metavar="LIST",
        help="the frames to decode, counted from 0, such as 0,3,10:20,-1 (default: all)",
    )
    parser.add_argument(
        "--threads", type=thread_count, metavar="N", help="number of threads (default: the number of CPUs)"
    )
    pixels = parser.add_argument_group("pixels")
    pixels.add_argument("--raw-colour", action="store_true", help="do not convert YBR_FULL and YBR_FULL_422 to RGB")
    pixels.add_argument("--palette", action="store_true", help="convert PALETTE COLOR indices to RGB")
    pixels.add_argument(
        "--unused-bits",
        choices=("correct", "keep"),
        default="correct",
        help="mask or keep the bits above BitsStored (default: correct)",
    )
    grey = pixels.add_mutually_exclusive_group()
    grey.add_argument(
        "--window",
        nargs=2,
        type=float,
        metavar=("CENTER", "WIDTH"),
        help="convert to 8-bit grey levels with this window",
    )
    grey.add_argument(
        "--range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="convert to 8-bit grey levels: LOW becomes black, HIGH becomes white",
    )
    grey.add_argument(
        "--auto-range", action="store_true", help="the same, from the smallest to the largest value of the file"
    )
    damage = parser.add_argument_group("damaged files")
    damage.add_argument("--salvage", action="store_true", help="decode as much as possible, and warn")
    damage.add_argument(
        "--fill-value", type=float, metavar="VALUE", help="value for pixels that cannot be decoded (default: 0)"
    )


def _contradiction(arguments: argparse.Namespace) -> str:
    """Return what is wrong with the options; empty if they are right."""
    if arguments.window and not arguments.window[1] >= 1:
        return "the WIDTH of a window must be at least 1 (PS3.3, C.11.2.1.2)"
    if arguments.range and not arguments.range[0] < arguments.range[1]:
        return "LOW must be less than HIGH"
    if arguments.fill_value is not None and not arguments.salvage:
        return "--fill-value needs --salvage"
    if arguments.palette and (arguments.window or arguments.range or arguments.auto_range):
        return "--palette cannot be combined with --window, --range or --auto-range, because it makes colours"
    return ""


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo decode``."""
    problem = _contradiction(arguments)
    target = Path(arguments.output)
    suffix = target.suffix.lower()
    into_folder = (
        target.is_dir()
        or arguments.output.endswith(("/", os.sep))
        or len(arguments.paths) > 1
        or any("://" not in path and os.path.isdir(path) for path in arguments.paths)
    )
    form = arguments.format or next((name for name, known in SUFFIXES.items() if suffix in known), None)
    if into_folder:
        form = arguments.format or "npy"
    elif form is None:
        hint = "end it with / for a folder, or use --format"
        problem = problem or f"{arguments.output} has no suffix of a known format: {hint}"
    if into_folder and target.exists() and not target.is_dir():
        problem = problem or f"{arguments.output} is a file, but several inputs need a folder as output"
    if problem or form is None:
        return output.usage("decode", problem)
    written: dict[Path, str] = {}

    def work(item: Input) -> dict[str, Any]:
        place = target / _in_folder(item, SUFFIXES[form][0]) if into_folder else target
        return _decode(item, place, form, arguments, output, written)

    files, skipped = for_each(arguments.paths, output, "decoding", work)
    if skipped.describe():
        output.say(skipped.describe())
    output.result({"command": "decode", "files": files, "skipped": skipped_document(skipped)})
    return output.exit_code


def _in_folder(item: Input, suffix: str) -> Path:
    """Return the place of an input's output in a folder; only suffixes that mean DICOM are replaced."""
    place = Path(item.relative)
    stem = place.stem if place.suffix.lower() in (".dcm", ".dicom", ".ima", ".img") else place.name
    return place.with_name(stem + suffix)


def _resolve(frames: Selection, count: int) -> tuple[Any, list[int], bool]:
    """Return the argument for `Image.read`, the numbers of the frames, and whether the result has a frame axis."""
    if frames is None:
        return None, list(range(count)), count != 1
    everything = range(count)
    numbers: list[int] = []
    for part in [frames] if isinstance(frames, int) else frames:
        if isinstance(part, slice):
            numbers += everything[part]
        elif -count <= part < count:
            numbers.append(everything[part])
        else:
            raise IndexError(f"there is no frame {part}: the object has {count} frames, counted from 0")
    if not numbers:
        raise IndexError(f"--frames selects none of the {count} frames")
    return (numbers[0], numbers, False) if isinstance(frames, int) else (numbers, numbers, True)


def _decode(
    item: Input, place: Path, form: str, arguments: argparse.Namespace, output: Output, written: dict[Path, str]
) -> dict[str, Any]:
    begin = time.perf_counter()
    with (
        output.warnings_of(item.path) as warnings,
        dt.open(item.path, raw=arguments.raw_colour, unused_bits=arguments.unused_bits) as image,
    ):
        selection, numbers, has_axis = _resolve(arguments.frames, len(image))
        places = _names(place, numbers, len(image)) if form == "png" and has_axis else [place]
        refuse_existing(places, item, written, force=arguments.force)
        status = np.zeros(len(numbers), np.uint8)
        array = image.read(
            selection,
            threads=arguments.threads,
            on_error="salvage" if arguments.salvage else "raise",
            fill_value=arguments.fill_value or 0,
            status=status,
        )
        shape, decoded_type = array.shape, array.dtype
        array, colour, note = _finish(array, numbers, has_axis, image, item, form, arguments)
    document = {
        "path": item.path,
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "decoded": {"shape": list(shape), "dtype": decoded_type.name},
        "photometric_interpretation": colour,
        "frames": numbers,
    }
    outputs = write(array, places, form, has_axis, document, item.path)
    written.update(dict.fromkeys(outputs, item.path))
    seconds = time.perf_counter() - begin
    names = str(outputs[0]) if form != "png" or len(outputs) == 1 else f"{outputs[0]} to {outputs[-1].name}"
    extent = " x ".join(map(str, array.shape))
    output.say(f"{item.path} -> {names}  {extent} {array.dtype.name} {colour}{f' ({note})' if note else ''}")
    return document | {
        "outputs": [str(name) for name in outputs],
        "format": form,
        "note": note,
        "status": status.tolist() if arguments.salvage else None,
        "seconds": round(seconds, 6),
        "warnings": warnings,
    }


def _names(place: Path, numbers: Sequence[int], count: int) -> list[Path]:
    digits = max(4, len(str(count - 1)))
    return [place.with_name(f"{place.stem}_{number:0{digits}}{place.suffix}") for number in dict.fromkeys(numbers)]


def _finish(
    array: np.ndarray,
    numbers: Sequence[int],
    has_axis: bool,
    image: Image,
    item: Input,
    form: str,
    arguments: argparse.Namespace,
) -> tuple[np.ndarray, str, str]:
    """Apply palette, window or range: return the array to write, its colour space and a note about it."""
    source_colour = image.source_photometric_interpretation
    samples = 1 if len(image.frame_shape) == 2 else image.frame_shape[2]
    colour = source_colour if arguments.raw_colour else image.photometric_interpretation
    if arguments.palette and source_colour == "PALETTE COLOR":
        return apply_palette(array, item.path), "RGB", "palette applied"
    rendering = Rendering.chosen(arguments, item.path, inverted=source_colour == "MONOCHROME1")
    if rendering is None:
        if form != "png":
            return array, colour, ""
        if array.dtype.kind == "f" or array.dtype.itemsize > 2:
            raise ValueError(
                f"PNG can store up to 16 bits, not {array.dtype.name}: use --auto-range, --range or another format"
            )
        if array.dtype.kind == "i":
            # Two's complement with an inverted sign bit is the value plus half the range.
            half = 1 << (8 * array.dtype.itemsize - 1)
            unsigned = array.view(f"u{array.dtype.itemsize}") ^ np.array(half, f"u{array.dtype.itemsize}")
            return unsigned, colour, f"{half} added to signed values"
        return array, colour, ""
    if samples > 1 and arguments.window:
        raise ValueError(f"--window needs one sample per pixel, but these are {colour} pixels: use --range")
    if source_colour == "PALETTE COLOR":
        raise ValueError("indices of a palette are not grey levels: use --palette")
    return rendering.apply(array, numbers, has_axis), "MONOCHROME2" if samples == 1 else colour, rendering.note
