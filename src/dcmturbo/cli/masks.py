"""``dcmturbo masks``: list segments and structures, and write them as label images or masks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_common, add_output, add_region, add_threads
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import refuse_existing_target, write_npy, write_whole
from dcmturbo.segmentation.frames import NotASegmentationError

__all__ = ["add_parser", "run"]

_EPILOG = """\
Without -o, the segments or structures are listed. The output is a label image, whose values are the numbers of segments
or structures; with --name, a mask of 0 and 1. Structures (RTSTRUCT) need --reference: the series whose grid they are
drawn on.

examples:
  dcmturbo masks seg.dcm
  dcmturbo masks seg.dcm -o labels.npy
  dcmturbo masks seg.dcm -o liver.nrrd --name Liver --reference series/
  dcmturbo masks structures.dcm -o labels.nrrd --reference series/
  dcmturbo masks slide-seg.dcm -o part.npy --region 20000 30000 1024 1024
"""


def add_parser(commands: Any) -> None:
    """Add ``masks`` to the commands."""
    parser = commands.add_parser(
        "masks",
        help="list segments and structures, and write them as label images or masks",
        description="Read a segmentation (SEG) or a structure set (RTSTRUCT).",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    add_common(parser, run)
    add_output(parser, "the output file: .npy or .nrrd")
    parser.add_argument("--name", metavar="NAME", help="the number or name of one segment or structure")
    parser.add_argument("--reference", metavar="PATH", help="the series whose grid is used")
    parser.add_argument("--resample", action="store_true", help="take the nearest voxel if the grids do not agree")
    parser.add_argument(
        "--rule",
        choices=("even-odd", "non-zero"),
        default="even-odd",
        help="how the contours of a slice make an area (default: even-odd, which is XOR)",
    )
    parser.add_argument(
        "--overlap",
        choices=("raise", "first", "last"),
        default="raise",
        help="if segments overlap in a label image (default: raise)",
    )
    add_region(parser, "of a segmentation, write only this part of each plane; of a slide, of the total pixel matrix")
    add_threads(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo masks``."""
    target = Path(arguments.output) if arguments.output else None
    if target is not None and target.suffix.lower() not in (".npy", ".nrrd"):
        return output.usage("masks", f"{target} has no suffix of a known format: use .npy or .nrrd")
    if len(arguments.paths) != 1:
        return output.usage("masks", "one object at a time")
    named = arguments.paths[0]
    document: dict[str, Any] = {"command": "masks", "paths": arguments.paths}
    hint = ""  # what helps if the limits do not allow the result
    try:
        with output.warnings_of(named) as warnings:
            refuse_existing_target(target, force=arguments.force)
            try:
                found: dt.Segmentation | dt.ContourSet = dt.read_segmentation(named)
            except (dt.NoPixelData, NotASegmentationError):
                found = _contours_of(named)
            if isinstance(found, dt.Segmentation) and found.tiles is not None:
                hint = "--region writes a part of it"
            document |= _show(found, named, output, quiet=target is not None)
            if target is not None:
                document |= _write(found, target, named, arguments, output)
        document["warnings"] = warnings
    except KeyError as error:  # of the segment or structure that --name asks for
        output.fail(named, ValueError(error.args[0]))
    except dt.LimitExceeded as error:
        output.fail(named, error, hint=hint)
    except (dt.Error, OSError, ValueError) as error:
        output.fail_in(named, error)
    output.result(document)
    return output.exit_code


def _contours_of(name: str) -> dt.ContourSet:
    try:
        return dt.read_contours(name)
    except dt.DecodeError as error:
        if error.code != "argument":
            raise
        raise ValueError("the object is no segmentation, and it has no contours either") from None


def _reference_of(path: str, threads: int | None) -> dt.Volume:
    try:
        return dt.read_volume(path, threads=threads)
    except (dt.Error, OSError, ValueError) as error:
        error.add_note(f"in {path}")
        raise


def _show(found: dt.Segmentation | dt.ContourSet, name: str, output: Output, *, quiet: bool) -> dict[str, Any]:
    rows: list[tuple[Any, ...]]
    if isinstance(found, dt.Segmentation):
        headings = [">number", "label", "category", "type", ">frames"]
        rows = [
            (one.number, one.label, one.category, one.kind, int((found.segment_of == one.number).sum()) or None)
            for one in found.segments
        ]
        about: dict[str, Any] = {"kind": found.kind, "shape": list(found.shape)}
    else:
        headings = [">number", "label", "category", "type", ">contours"]
        rows = [(one.number, one.name, "", one.kind, len(one.contours)) for one in found.structures]
        about = {"kind": "CONTOURS"}
    if not quiet:
        output.table(name, headings, rows)
    names = ("number", "label", "category", "type", "frames" if isinstance(found, dt.Segmentation) else "contours")
    return {**about, "structures": [dict(zip(names, row, strict=True)) for row in rows]}


def _write(
    found: dt.Segmentation | dt.ContourSet, target: Path, named: str, arguments: argparse.Namespace, output: Output
) -> dict[str, Any]:
    name = int(arguments.name) if arguments.name and arguments.name.isdigit() else arguments.name
    threads = arguments.threads
    reference = _reference_of(arguments.reference, threads) if arguments.reference else None
    affine = None if reference is None else reference.affine_lps
    region = dt.Region(*arguments.region) if arguments.region else None
    if region is not None and (reference is not None or isinstance(found, dt.ContourSet)):
        raise ValueError("--region is for segmentations on their own grid, without --reference")
    if isinstance(found, dt.ContourSet):
        if reference is None:
            raise ValueError("contours need --reference: the series whose grid they are drawn on")
        if name is None:
            array = found.labels(reference, rule=arguments.rule, threads=threads)
        else:
            array = found.mask(name, reference, rule=arguments.rule, threads=threads)
    else:
        if reference is not None:
            array = found.on(reference, name, overlap=arguments.overlap, threads=threads, resample=arguments.resample)
        else:
            array = found.labels(name, overlap=arguments.overlap, threads=threads, region=region)
            affine = found.affine_lps
            if affine is not None and region is not None:
                affine = affine @ np.array([[1, 0, 0, region.left], [0, 1, 0, region.top], [0, 0, 1, 0], [0, 0, 0, 1]])
        if name is not None:
            array = (array != 0).astype(np.uint8)
    if target.suffix.lower() == ".npy":
        write_npy(target, array, named)
    else:
        if affine is None:
            raise ValueError("the segmentation does not say where its planes are: write .npy, or give --reference")
        volume = dt.Volume(array, affine, [])
        write_whole(target, lambda file: volume.write_nrrd(file), named)
    size = " x ".join(map(str, array.shape))
    output.say(f"{named} -> {target}  {size} {array.dtype.name}")
    return {"output": str(target), "shape": list(array.shape), "dtype": array.dtype.name}
