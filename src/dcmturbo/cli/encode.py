"""``dcmturbo encode``: make DICOM files from pictures and arrays."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_common, add_output
from dcmturbo.cli.jpeg_files import keeps_jpeg, with_jpeg_frames
from dcmturbo.cli.made_dataset import kept_mappings, keyword_of, make_dataset, value_of
from dcmturbo.cli.output import Output
from dcmturbo.cli.read_pixels import Colour, Pixels, colour_of, read_pixels
from dcmturbo.cli.writing import STDOUT
from dcmturbo.destinations.destination import make_folders
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.wording import human_bytes

__all__ = ["add_parser", "run"]

_EPILOG = """\
IN is a PNG, JPEG, TIFF, BMP or GIF picture, or an array in a .npy file: (rows, columns), (frames, rows, columns), or
both with three samples behind. Several pages or several inputs become frames of one object. All bits of grey levels
and colours are kept. A picture is turned as its EXIF orientation says, and its ICC profile is taken over.

--to JPEGBaseline8Bit (or JPEGXLJPEGRecompression) keeps the bits of baseline JPEG files, without their metadata.
Other transfer syntaxes hold the decoded pixels, without further loss.

--template names a DICOM file whose patient, study and equipment the new object takes over. Its pixels, and what
describes them, are replaced. Windows stay if the new pixels have the template's type. So do attributes that give stored
values a meaning (rescale, real world values, the scaling of a dose, units), and a warning names them. If the type is
another one, they are left out, and an RT Dose needs --set DoseGridScaling=VALUE. The object gets a new SOP Instance UID
and stays in the template's series, unless you use --new-series. Without a template, it is a Secondary Capture object.

--set writes attributes by their keywords or tags; \\ separates several values. What follows from the pixels, such as
Rows, cannot be set.

examples:
  dcmturbo encode scan.png -o scan.dcm --template ct.dcm
  dcmturbo encode photo.jpg -o photo.dcm --to JPEGBaseline8Bit
  dcmturbo encode logo.png -o logo.dcm --background white
  dcmturbo encode mask.npy -o mask.dcm --template ct.dcm --to RLELossless --new-series
  dcmturbo encode page1.png page2.png -o document.dcm --set PatientID=42 --set PatientName=Doe^Jane
"""


# Suffixes of what this command reads: an OUT with one of them is a mistake.
_SUFFIXES_OF_INPUTS = {".bmp", ".gif", ".jpeg", ".jpg", ".npy", ".png", ".tif", ".tiff", ".webp"}


def _attribute(text: str) -> tuple[str, Any]:
    keyword, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEYWORD=VALUE, found {text!r}")
    try:
        keyword = keyword_of(keyword)
        return keyword, value_of(keyword, value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _colour(text: str) -> Colour:
    try:
        return colour_of(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a colour such as white or #ffffff, found {text!r}") from None


def add_parser(commands: Any) -> None:
    """Add ``encode`` to the commands."""
    parser = commands.add_parser(
        "encode",
        help="make a DICOM file from pictures or an array",
        description="Make a DICOM file from PNG, JPEG, TIFF or NumPy files, compressed and verified.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="IN", help="pictures, or arrays in .npy files")
    add_output(parser, "the DICOM file; - is stdout", required=True)
    parser.add_argument(
        "--to",
        default="ExplicitVRLittleEndian",
        metavar="SYNTAX",
        help="the transfer syntax: a UID or a keyword, such as HTJ2KLossless (default: uncompressed)",
    )
    parser.add_argument("--template", metavar="FILE", help="a DICOM file for all attributes but those of the pixels")
    parser.add_argument(
        "--set",
        action="append",
        type=_attribute,
        default=[],
        metavar="KEYWORD=VALUE",
        help="an attribute of the new object (repeatable)",
    )
    parser.add_argument(
        "--background",
        type=_colour,
        metavar="COLOUR",
        help="the colour behind transparent pixels: a name, or #RRGGBB",
    )
    parser.add_argument("--new-series", action="store_true", help="give the object a new Series Instance UID")
    add_common(parser, run, paths=False)
    parser.set_defaults(rest="paths")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo encode``."""
    try:
        syntax = name_transfer_syntax(arguments.to)
    except dt.UnsupportedTransferSyntax as error:
        return output.usage("encode", str(error))
    if not syntax.encodable:
        return output.usage("encode", f"dcmturbo does not encode {syntax.keyword}")
    keep_jpeg = keeps_jpeg(syntax)
    if syntax.format.loss == "always" and not keep_jpeg:
        return output.usage("encode", f"{syntax.keyword} is always lossy: encode to another one, then use transcode")
    target = Path(arguments.output)
    to_stdout = target == STDOUT
    if target.suffix.lower() in _SUFFIXES_OF_INPUTS:
        return output.usage("encode", f"OUT is the DICOM file to write, but {target} is named as a picture or an array")
    if to_stdout and (output.json or sys.stdout.isatty()):
        why = "--json needs stdout too" if output.json else "a terminal cannot show it: redirect stdout"
        return output.usage("encode", f"-o - writes the DICOM file to stdout, but {why}")
    output.silent = output.silent or to_stdout
    document: dict[str, Any] | None = None
    path = arguments.paths[0]
    try:
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder: OUT must name a file, such as {target / 'new.dcm'}")
        if target.exists() and not (arguments.force or to_stdout):
            raise FileExistsError(f"the output {target} exists: --force overwrites it")
        parts = []
        for path in arguments.paths:
            part = read_pixels(Path(path), arguments.background)
            for note in part.notes:
                output.warn(path, note)
            parts.append(part)
        pixels = _joined(parts, arguments.paths)
        path = arguments.template or path
        dataset, doubts = make_dataset(
            pixels, template=arguments.template, attributes=dict(arguments.set), new_series=arguments.new_series
        )
        make_folders(target.parent)
        if arguments.template and (kept := kept_mappings(dataset, dict(arguments.set))):
            what = f"kept from the template: {', '.join(kept)}; if the new pixels have other values, use --set"
            output.warn(str(target), what)
        for doubt in doubts:
            output.warn(str(target), doubt)
        made: Any = with_jpeg_frames(dataset, parts, arguments.paths) if keep_jpeg else dataset
        with output.warnings_of(str(target)):
            place = sys.stdout.buffer if to_stdout else target
            result = dt.transcode(made, place, syntax.uid, overwrite=arguments.force)
            sys.stdout.flush()
    except (dt.Error, OSError, ValueError, TypeError) as error:
        output.fail(path, error)
    else:
        extent = " x ".join(map(str, pixels.array.shape))
        document = {
            "path": str(target),
            "sources": arguments.paths,
            "transfer_syntax": syntax.uid,
            "sop_class": str(dataset.SOPClassUID),
            "sop_instance": str(dataset.SOPInstanceUID),
            "shape": list(pixels.array.shape),
            "dtype": pixels.array.dtype.name,
            "bytes": result.bytes_after,
            "verified": result.verified,
        }
        output.say(
            f"{', '.join(arguments.paths)} -> {target}  {extent} {pixels.array.dtype.name} {syntax.keyword}, "
            f"{human_bytes(result.bytes_after)}{', verified' if result.verified else ''}"
        )
    output.result({"command": "encode", "file": document})
    return output.exit_code


def _joined(parts: list[Pixels], paths: list[str]) -> Pixels:
    """Return the frames of all inputs, one after the other."""
    first = parts[0]
    for part, path in zip(parts, paths, strict=True):
        if (part.frame_shape, part.array.dtype) != (first.frame_shape, first.array.dtype):
            raise ValueError(
                f"{path} has frames of {part.frame_shape} {part.array.dtype}, and {paths[0]} of {first.frame_shape} "
                f"{first.array.dtype}: frames of one object have one shape and type"
            )
    if len(parts) == 1:
        return first
    frames = [part.array if part.has_axis else part.array[np.newaxis] for part in parts]
    return Pixels(
        np.concatenate(frames),
        has_axis=True,
        samples=first.samples,
        lossy_method=next((part.lossy_method for part in parts if part.lossy_method), ""),
        compressed=sum(part.compressed for part in parts),
        icc_profile=first.icc_profile if all(part.icc_profile == first.icc_profile for part in parts) else b"",
    )
