"""``dcmturbo decode``: write frames as pictures, .npy or raw files."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dcmturbo as dt
from dcmturbo import system
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.decoded import PICTURES, Decoded, Options, Selection
from dcmturbo.cli.gathering import into_one_file
from dcmturbo.cli.inputs import (
    Input,
    add_common,
    add_output,
    add_region,
    add_threads,
    for_each,
    skipped_document,
    thread_count,
    window_choice,
)
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import SUFFIXES, refuse_existing
from dcmturbo.pictures.windows import Choice, Range

__all__ = ["add_parser", "parse_frames", "run"]

# Suffixes of files that this command does not write: such an OUT is not meant to be a folder.
_OTHER_SUFFIXES = {
    *(".avi", ".bmp", ".csv", ".dcm", ".dicom", ".gz", ".h5", ".hdf5", ".jp2", ".mat", ".mha", ".mhd", ".mp4", ".nii"),
    *(".npz", ".nrrd", ".pdf", ".pgm", ".pkl", ".ppm", ".pt", ".tar", ".webp", ".zarr", ".zip"),
}

_EPILOG = """\
PATH may be - for stdin. OUT is a file, a folder, or - for stdout. The suffix of OUT determines the format, or else
--format; without either, OUT is a folder and the format is npy. Folders are created. Files of an input folder keep
their relative paths.

  npy    the array, as numpy.load reads it: ([frames,] rows, columns[, samples])
  raw    the bytes of the array, little endian, in C order; OUT.json has the shape and the dtype
  png    a picture, as a viewer shows it. Of an object with several frames, a file gets the first one, and a folder
         gets all of them: OUT_0000.png and so on, with the numbers of the frames
  jpeg   the same, with loss
  tiff   pictures, one page per frame
  gif    pictures, as an animation
  mp4    the same as a video, with loss (pip install 'dcmturbo[video]')

Pictures have 8 bits. Grey levels go through the Modality LUT and the file's first VOI window or, if it has none, its
first VOI LUT. If it has neither, the full range of up to 8 stored bits is shown, and the smallest to the largest value
of more bits. MONOCHROME1 is inverted, palettes become colours, and pixels become square. --raw writes the stored values
instead: PNG with 8 or 16 bits (128 or 32768 is added to signed values), TIFF with any dtype.

One file from several inputs, or from a folder: png and jpeg become a contact sheet. npy, raw, tiff, gif and mp4 get all
frames one after the other; these must be of one series, and are sorted by position along the slice normal, or else by
InstanceNumber, or else by name.

--window, --range and --auto-range give 8-bit grey levels in npy and raw files too.

examples:
  dcmturbo decode ct.dcm -o ct.npy
  dcmturbo decode ct.dcm -o ct.png
  dcmturbo decode ct.dcm -o lung.png --window -600,1500 --size 256
  dcmturbo decode cine.dcm -o frames.tiff --frames 0,3,10-19,-1
  dcmturbo decode series/ -o volume.npy
  dcmturbo decode study/ -o sheet.png
  dcmturbo decode study/ -o png/ --format png
  dcmturbo decode ct.dcm -o - --format png | display
  dcmturbo decode mammo.dcm -o corner.png --region 0 0 512 512
  dcmturbo decode mammo.dcm -o small.png --reduce 3
  dcmturbo decode broken.dcm -o what-is-left.npy --salvage
"""


def parse_frames(text: str) -> Selection:
    """Return the value of ``--frames``: one number, or a list of numbers, ranges (with their end) and slices (without).

    >>> parse_frames("3"), parse_frames("0,10:20,1-3,-1")
    (3, [0, slice(10, 20, None), slice(1, 4, None), -1])
    """
    if text.strip().lower() == "all":
        return None
    parts: list[int | slice] = []
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", part)
        if ends:
            first, last = int(ends[1]), int(ends[2])
            if first > last:
                raise argparse.ArgumentTypeError(f"expected a range from a lower to a higher number, found {text!r}")
            parts.append(slice(first, last + 1))
            continue
        if not re.fullmatch(r"\s*(-?\d+|(-?\d+)?:(-?\d+)?(:(-?\d+)?)?)\s*", part):
            raise argparse.ArgumentTypeError(f"expected numbers and ranges like 0,3,10-19,-1, found {text!r}")
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
        help="write frames as pictures, .npy or raw files",
        description="Decode the frames of DICOM files into files that other programs can read.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    add_common(parser, run)
    add_output(parser, "the output file or folder; - is stdout", required=True, several=True)
    parser.add_argument(
        "--format",
        type=str.lower,
        choices=sorted(SUFFIXES),
        help="format of the output (default: as the suffix of OUT says, or else npy)",
    )
    parser.add_argument(
        "--frames",
        type=parse_frames,
        metavar="LIST",
        help="the frames to decode, counted from 0, such as 0,3,10-19,-1, or slices as in Python (default: all)",
    )
    add_threads(parser)
    add_region(parser, "decode only this part of each frame, in pixels after --reduce")
    parser.add_argument("--clip", action="store_true", help="cut off what of --region is outside of the frame")
    parser.add_argument(
        "--reduce",
        type=int,
        default=0,
        metavar="N",
        help="halve rows and columns N times: JPEG 2000, HTJ2K, and JPEG up to 3",
    )
    pictures = parser.add_argument_group("pictures")
    grey = pictures.add_mutually_exclusive_group()
    grey.add_argument(
        "--window",
        type=window_choice,
        metavar="WINDOW",
        help=(
            "what is black and white: file (default), lut (the file's VOI LUT), file:2 or lut:2 (its second), auto "
            "(the smallest to the largest value), none (the full range), or CENTER,WIDTH in units of the modality"
        ),
    )
    grey.add_argument(
        "--range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="in stored values: LOW becomes black, HIGH becomes white",
    )
    grey.add_argument(
        "--auto-range",
        action="store_true",
        help="the same, from the smallest to the largest value of the file, padding included",
    )
    pictures.add_argument("--size", type=thread_count, metavar="N", help="at most N rows and columns: thumbnails")
    pictures.add_argument("--overlays", action="store_true", help="draw the file's overlays")
    pictures.add_argument("--no-aspect", action="store_true", help="do not make pixels square")
    pictures.add_argument("--sheet", action="store_true", help="write all frames as one contact sheet")
    pictures.add_argument("--quality", type=_quality, metavar="Q", help="quality of JPEG, 1 to 100 (default: 92)")
    pixels = parser.add_argument_group("values")
    pixels.add_argument("--raw", action="store_true", help="write stored values, in any format")
    pixels.add_argument("--raw-colour", action="store_true", help="do not convert YBR_FULL and YBR_FULL_422 to RGB")
    pixels.add_argument("--palette", action="store_true", help="convert PALETTE COLOR indices to RGB")
    pixels.add_argument(
        "--unused-bits",
        choices=("correct", "keep"),
        default="correct",
        help="mask or keep the bits above BitsStored (default: correct)",
    )
    damage = parser.add_argument_group("damaged files")
    damage.add_argument("--salvage", action="store_true", help="decode as much as possible, and warn")
    damage.add_argument(
        "--fill-value", type=float, metavar="VALUE", help="value for pixels that cannot be decoded (default: 0)"
    )


def _quality(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 100, found {text!r}")
    return int(text)


def _contradiction(arguments: argparse.Namespace, form: str) -> str:
    """Return what is wrong with the options; empty if they are right."""
    if arguments.range and not arguments.range[0] < arguments.range[1]:
        return "LOW must be less than HIGH"
    if arguments.clip and not arguments.region:
        return "--clip needs --region"
    if not 0 <= arguments.reduce <= 32:
        return "--reduce must be 0 to 32"
    if arguments.overlays and (arguments.region or arguments.reduce):
        return "--overlays needs whole frames, so it cannot be combined with --region or --reduce"
    if arguments.fill_value is not None and not arguments.salvage:
        return "--fill-value needs --salvage"
    chosen = next((name for name in ("window", "range", "auto_range") if getattr(arguments, name)), None)
    flag = f"--{(chosen or '').replace('_', '-')}"
    if arguments.palette and chosen:
        return f"--palette cannot be combined with {flag}, because it makes colours"
    if arguments.raw and chosen:
        return f"--raw writes stored values, so it cannot be combined with {flag}"
    if arguments.raw and form in ("jpeg", "gif", "mp4"):
        return f"--raw needs npy, raw, tiff or png: {form} cannot store all values"
    is_picture = form in PICTURES and not arguments.raw
    for name in ("size", "overlays", "no_aspect", "sheet", "quality"):
        if getattr(arguments, name) and not is_picture:
            return f"--{name.replace('_', '-')} is for pictures: use png, jpeg, tiff, gif or mp4, without --raw"
    if arguments.quality and form != "jpeg":
        return "--quality is for jpeg"
    if arguments.sheet and form not in ("png", "jpeg"):
        return "--sheet needs png or jpeg"
    return ""


def _options_of(arguments: argparse.Namespace, form: str) -> Options:
    """Return what the options ask for."""
    choice: Choice | None = arguments.window
    if arguments.range:
        choice = Choice("range", limits=Range(*arguments.range))
    elif arguments.auto_range:
        choice = Choice("range")
    return Options(
        form=form,
        frames=arguments.frames,
        is_picture=form in PICTURES and not arguments.raw,
        choice=choice,
        size=arguments.size,
        overlays=arguments.overlays,
        aspect=not arguments.no_aspect,
        quality=arguments.quality,
        palette=arguments.palette,
        raw_colour=arguments.raw_colour,
        unused_bits=arguments.unused_bits,
        salvage=arguments.salvage,
        fill_value=arguments.fill_value or 0,
        threads=arguments.threads,
        force=arguments.force,
        region=dt.Region(*arguments.region)._replace(clip=arguments.clip) if arguments.region else None,
        reduce=arguments.reduce,
    )


def _form_of(arguments: argparse.Namespace) -> str | None:
    suffix = Path(arguments.output).suffix.lower()
    return next((name for name, known in SUFFIXES.items() if suffix in known), None)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo decode``."""
    target, by_suffix = Path(arguments.output), _form_of(arguments)
    to_stdout = arguments.output == "-"
    is_folder = not to_stdout and (target.is_dir() or arguments.output.endswith(tuple(system.SEPARATORS)))
    several = len(arguments.paths) > 1 or any("://" not in path and os.path.isdir(path) for path in arguments.paths)
    looks_like_a_file = target.suffix.lower() in _OTHER_SUFFIXES and not arguments.format
    if several and not to_stdout and by_suffix is None and not target.is_file() and not looks_like_a_file:
        is_folder = True
    form = arguments.format or (None if is_folder else by_suffix) or ("npy" if is_folder or to_stdout else None)
    if form is None:
        known = ", ".join(names[0] for names in SUFFIXES.values())
        hint = f"use one of {known}, or --format; for a folder, end it with /"
        return output.usage("decode", f"{arguments.output} has no suffix of a known format: {hint}")
    problem = _contradiction(arguments, form)
    if to_stdout and output.json:
        problem = problem or "-o - and --json both need stdout"
    if to_stdout and sys.stdout.isatty():
        problem = problem or "-o - writes bytes that a terminal cannot show: redirect stdout to a file or a pipe"
    if problem:
        return output.usage("decode", problem)
    output.silent = output.silent or to_stdout
    options = _options_of(arguments, form)
    if not is_folder and (several or arguments.sheet):
        document = into_one_file(arguments.paths, target, options, output, sheet=form in ("png", "jpeg"))
        output.result({"command": "decode", **document})
        return output.exit_code
    written: dict[Path, str] = {}

    def work(item: Input) -> dict[str, Any]:
        place = target / _in_folder(item, SUFFIXES[form][0]) if is_folder else target
        return _decode(item, place, options, output, written, is_folder=is_folder)

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


def _decode(
    item: Input, place: Path, options: Options, output: Output, written: dict[Path, str], *, is_folder: bool
) -> dict[str, Any]:
    begin = time.perf_counter()
    one_a_file = options.form in ("png", "jpeg")
    hint = ""
    with output.warnings_of(item.path) as warnings, Decoded(item.path, options) as decoded:
        if one_a_file and not is_folder and len(decoded.numbers) > 1:
            if options.frames is not None:
                raise ValueError(
                    f"{len(decoded.numbers)} frames do not fit into one {options.form} file: end OUT with / for a file "
                    "for each, or use --sheet for a contact sheet, or write a tiff, gif or mp4 file"
                )
            hint = f"; the first of {len(decoded.numbers)} frames (OUT/ or --sheet for all)"
            decoded.keep_first()
        places = [place]
        if one_a_file and decoded.has_axis:
            places = _names(place, decoded.numbers, decoded.count) if is_folder else [place]
        refuse_existing(places, item, written, force=options.force)
        outputs, document = decoded.write(places)
    written.update(dict.fromkeys(outputs, item.path))
    seconds = time.perf_counter() - begin
    names = str(outputs[0]) if not one_a_file or len(outputs) == 1 else f"{outputs[0]} to {outputs[-1].name}"
    extent = " x ".join(map(str, document["shape"]))
    note = f" ({document['note']})" if document["note"] else ""
    colour = document["photometric_interpretation"]
    output.say(f"{item.path} -> {names}  {extent} {document['dtype']} {colour}{note}{hint}")
    return document | {
        "outputs": [str(name) for name in outputs],
        "format": options.form,
        "seconds": round(seconds, 6),
        "warnings": warnings,
    }


def _names(place: Path, numbers: Sequence[int], count: int) -> list[Path]:
    digits = max(4, len(str(count - 1)))
    return [place.with_name(f"{place.stem}_{number:0{digits}}{place.suffix}") for number in dict.fromkeys(numbers)]
