"""``dcmturbo info``: describe a file without decoding it."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from typing import Any

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.census import census, show_census
from dcmturbo.cli.inputs import Input, add_common, for_each, skipped_document, source_of, thread_count
from dcmturbo.cli.output import Output
from dcmturbo.dataset import scanned
from dcmturbo.dataset.opened import describes_image
from dcmturbo.errors import Error, NoPixelData, NotDicom, UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import find_transfer_syntax
from dcmturbo.image import Image
from dcmturbo.wording import human_bytes

__all__ = ["add_parser", "describe", "run"]

_EPILOG = """\
PATH may be - for stdin. One file is described in full. Several files get one line each, and a census by transfer syntax
and by size; use --full or --json to describe them in full.

The frame table has a row for each encoded frame: its offset in the file (or in the inflated dataset, if the dataset is
deflated), its size in bytes, its number of fragments, and its compression ratio.

examples:
  dcmturbo info ct.dcm
  dcmturbo info cine.dcm --all              the whole frame table
  dcmturbo info study/                      one line per file, and a census
  dcmturbo info study/ --json | jq '.files[].transfer_syntax.name'
"""

_SHAPE_FIELDS = (
    "rows",
    "columns",
    "number_of_frames",
    "samples_per_pixel",
    "bits_allocated",
    "bits_stored",
    "high_bit",
    "pixel_representation",
    "photometric_interpretation",
    "planar_configuration",
)
_TABLES = {
    "native": "the size of uncompressed frames",
    "extended": "the Extended Offset Table",
    "basic": "the Basic Offset Table",
    "scanned": "a scan of the items",
}


def add_parser(commands: Any) -> None:
    """Add ``info`` to the commands."""
    parser = commands.add_parser(
        "info",
        help="show transfer syntax, shape, frame table and codestream header",
        description="Describe DICOM files and their pixel data without decoding them.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    many = parser.add_mutually_exclusive_group()
    many.add_argument(
        "--frames", type=thread_count, default=8, metavar="N", help="number of rows of the frame table (default: 8)"
    )
    many.add_argument("--all", action="store_true", help="show the whole frame table")
    parser.add_argument("--full", action="store_true", help="describe every file in full, if there are several")
    add_common(parser, run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo info``."""
    limit = None if arguments.all else arguments.frames

    def work(item: Input) -> dict[str, Any]:
        with output.warnings_of(item.path) as warnings:
            found = describe(item.path, limit)
        found["warnings"] = list(dict.fromkeys(found["warnings"] + warnings))
        if found["problem"]:
            output.fail(item.path, found["problem"], kind="DecodeError")
        return found

    files, skipped = for_each(arguments.paths, output, "reading", work, skip_without_pixels=False)
    if arguments.full or (len(files) == 1 and not skipped.not_dicom and len(arguments.paths) == 1):
        for found in files:
            _show(found, output)
    elif files:
        _show_lines(files, output)
        if len(files) > 1:
            show_census(files, output)
    if skipped.describe():
        output.say(skipped.describe())
    document = {"files": files, "census": census(files), "skipped": skipped_document(skipped)}
    output.result({"command": "info", **document})
    return output.exit_code


# ---- finding out ------------------------------------------------------------------------------------


def describe(path: str, frame_limit: int | None = 8) -> dict[str, Any]:
    """Describe a DICOM file.

    Parameters
    ----------
    path : str
        A path, or an fsspec URL.
    frame_limit : int or None
        Number of rows of the frame table; None for all.

    Returns
    -------
    dict
        The data of ``dcmturbo info --json`` for a file: str, int, float, bool, None, list and dict.

    Raises
    ------
    NotDicom, OSError
        If there is nothing to describe.
    """
    outer, inner, warnings = _scan(path)
    problem: str | None = None
    remark: str | None = None
    lacks_pixels = False  # although it describes an image: it may have been cut
    image: Image | None = None
    try:
        image = dt.open(source_of(path))
    except NotDicom:
        raise
    except NoPixelData as error:
        remark, lacks_pixels = error.reason, error.describes_image
    except UnsupportedTransferSyntax as error:
        remark = error.reason
    except Error as error:
        problem = error.reason
    if inner is None and image is not None:
        outer = inner = image.frame_set.opened.dataset
    found: dict[str, Any] = {
        "path": path,
        "size": _size_of(path),
        "file": None,
        "transfer_syntax": _syntax(
            image.transfer_syntax if image is not None else getattr(outer, "transfer_syntax", "")
        ),
        "pixel_data": None,
        "lacks_pixels": lacks_pixels,
        "image": None,
        "decoded": None,
        "frames": None,
        "codestream": None,
        "remark": remark,
        "problem": problem,
        "warnings": warnings,
    }
    if inner is not None:
        found |= _of_dataset(outer, inner)
    if image is not None:
        with image:
            _of_image(image, found, frame_limit)
    return found


def _size_of(path: str) -> int | None:
    content = source_of(path)
    if not isinstance(content, str):
        return len(content)
    return None if "://" in path else os.path.getsize(path)


def _scan(path: str) -> tuple[Any, Any, list[str]]:
    """Return the scan of the file, that of the dataset inside (the same unless deflated), and warnings."""
    if "://" in path:
        return None, None, []
    content = source_of(path)
    if isinstance(content, str):
        with open(content, "rb"):  # raises Python's own exception if the file cannot be read
            pass
        source = _core.Source.file(os.fsencode(content))
    else:
        source = _core.Source.buffer(memoryview(content))
    with closing(source):
        outer = inner = _core.scan(source)
        warnings = list(outer.warnings)
        if outer.deflated:
            _, _, inner = scanned.open_deflated(source, None, outer, warnings)
    return outer, inner, warnings


def _syntax(uid: str) -> dict[str, Any]:
    try:
        syntax = find_transfer_syntax(uid)
    except UnsupportedTransferSyntax:
        return {"uid": uid, "name": None, "decoded_here": False}
    return {"uid": syntax.uid, "name": syntax.name, "decoded_here": syntax.decodable}


def _text(value: str) -> str | None:
    return value.strip(" \0") or None


def _of_dataset(outer: Any, inner: Any) -> dict[str, Any]:
    from pydicom.uid import UID

    sop_class = _text(inner.sop_class_uid)
    element = inner.pixel_data
    found: dict[str, Any] = {
        "file": {
            "preamble": outer.has_preamble,
            "file_meta": outer.has_meta,
            "stated_transfer_syntax": _text(outer.transfer_syntax),
            "value_representations": "explicit" if inner.explicit_vr else "implicit",
            "byte_order": "big endian" if inner.big_endian else "little endian",
            "deflated": outer.deflated,
        },
        "sop_class": {"uid": sop_class, "name": UID(sop_class).name} if sop_class else None,
        "modality": _text(inner.modality),
        "manufacturer": _text(inner.manufacturer),
        "model": _text(inner.manufacturer_model_name),
        "lossy": {
            "lossy_image_compression": _text(inner.lossy_image_compression),
            "ratio": _text(inner.lossy_image_compression_ratio),
            "method": _text(inner.lossy_image_compression_method),
        },
        "icon": inner.has_icon,
        "pixel_data": dict(element) if element is not None else None,
        "lacks_pixels": element is None and describes_image(inner),
    }
    if element is not None or inner.rows is not None:
        image = {name: getattr(inner, name) for name in _SHAPE_FIELDS}
        found["image"] = {name: _text(value) if isinstance(value, str) else value for name, value in image.items()}
    return found


def _of_image(image: Image, found: dict[str, Any], frame_limit: int | None) -> None:
    opened = image.frame_set.opened
    try:
        photometric: str | None = image.photometric_interpretation
    except Error:
        photometric = None
    found["decoded"] = {
        "shape": list(image.shape),
        "dtype": image.dtype.name,
        "photometric_interpretation": photometric,
    }
    there = int(opened.index.frame_count)
    shown = there if frame_limit is None else min(frame_limit, there)
    uncompressed = opened.attributes.native_frame_bits / 8
    rows = []
    for frame in range(shown):
        ranges = opened.index.ranges(frame)
        size = sum(length for _, length in ranges)
        rows.append(
            {
                "frame": frame,
                "offset": ranges[0][0] if ranges else None,
                "bytes": size,
                "fragments": len(ranges),
                "ratio": round(uncompressed / size, 3) if size else None,
            }
        )
    found["frames"] = {"stated": opened.promised_frames, "found": there, "index": opened.index.table, "table": rows}
    found["warnings"] += [text for text in opened.index.warnings if text not in found["warnings"]]
    if opened.syntax.has_codestream_header and there:
        try:
            found["codestream"] = _header(dt.probe(image.encoded_frame(0)))
        except Error as error:
            found["problem"] = error.reason


def _header(header: Any) -> dict[str, Any]:
    return {
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "lossless": header.lossless,
        "subsampled": header.subsampled,
        "interleaved": header.interleaved,
        "in_container": header.in_container,
        "colour": header.colour,
        "components": [
            {
                "width": component.width,
                "height": component.height,
                "precision": component.precision,
                "is_signed": component.is_signed,
                "horizontal_step": component.horizontal_step,
                "vertical_step": component.vertical_step,
            }
            for component in header.components
        ],
        "parameters": {str(name): int(value) for name, value in header.parameters.items()},
    }


# ---- showing it -------------------------------------------------------------------------------------


def _shape(found: dict[str, Any]) -> str:
    """Return the shape for people: ``"30 x 240 x 320 x 3"``."""
    if found["decoded"]:
        return " x ".join(str(extent) for extent in found["decoded"]["shape"])
    image = found["image"]
    return f"{image['rows']} x {image['columns']}" if image and image["rows"] else ""


def _name_of_syntax(found: dict[str, Any]) -> str:
    syntax = found["transfer_syntax"]
    return str(syntax["name"] or syntax["uid"] or "none stated")


def _pixel_data(found: dict[str, Any]) -> str:
    if found["pixel_data"]:
        return human_bytes(found["pixel_data"]["length"])
    return "cut off?" if found["lacks_pixels"] else "no pixel data"


def _show_lines(files: list[dict[str, Any]], output: Output) -> None:
    rows = []
    for found in files:
        image = found["image"] or {}
        bits = f"{image['bits_stored'] or '?'} of {image['bits_allocated'] or '?'}" if image else ""
        rows.append(
            (
                found["path"],
                found.get("modality") or "",
                _name_of_syntax(found),
                _shape(found),
                found["decoded"]["dtype"] if found["decoded"] else "",
                bits,
                image.get("photometric_interpretation") or "",
                _pixel_data(found),
            )
        )
    columns = ("file", "modality", "transfer syntax", ">shape", "dtype", ">bits", "photometric", ">pixel data")
    output.table(f"{len(files)} DICOM files", columns, rows, drop=("modality", "photometric", ">bits", ">pixel data"))


def _show(found: dict[str, Any], output: Output) -> None:
    output.say(f"{found['path']}", style="bold")
    facts: list[tuple[str, Any]] = []
    if found["size"] is not None:
        facts.append(("size", human_bytes(found["size"])))
    syntax = found["transfer_syntax"]
    facts.append(("transfer syntax", f"{_name_of_syntax(found)} ({syntax['uid']})" if syntax["uid"] else "none stated"))
    form = found["file"]
    if form:
        if (form["stated_transfer_syntax"] or "") != syntax["uid"]:
            facts.append(("  as stated", form["stated_transfer_syntax"] or "not at all"))
        sop_class = found["sop_class"]
        if sop_class:
            facts.append(("SOP class", f"{sop_class['name']} ({sop_class['uid']})"))
        machine = ", ".join(part for part in (found["modality"], found["manufacturer"], found["model"]) if part)
        facts.append(("modality", machine or "not stated"))
        with_or_without = (
            f"{'with' if form['preamble'] else 'without'} preamble",
            f"{'with' if form['file_meta'] else 'without'} file meta information",
            f"{form['value_representations']} VR",
            form["byte_order"],
            *(["deflated"] if form["deflated"] else []),
        )
        facts.append(("encoding", ", ".join(with_or_without)))
    facts += _image_facts(found)
    facts += _codestream_facts(found["codestream"])
    if found["remark"]:
        facts.append(("remark", found["remark"]))
    output.facts(facts)
    _show_frames(found, output)
    output.say()


def _image_facts(found: dict[str, Any]) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = []
    image, decoded, lossy, element = found["image"], found["decoded"], found.get("lossy"), found["pixel_data"]
    if image:
        frames = "" if image["number_of_frames"] is None else f", {image['number_of_frames']} frames"
        facts.append(("image", f"{image['rows']} rows x {image['columns']} columns{frames}"))
        samples = image["samples_per_pixel"]
        planar = (
            "" if image["planar_configuration"] is None else f", planar configuration {image['planar_configuration']}"
        )
        sign = {0: ", unsigned", 1: ", signed"}.get(image["pixel_representation"], "")
        colour = image["photometric_interpretation"] or "not stated"
        facts.append(("colour", f"{colour}, {samples or '?'} sample{'' if samples == 1 else 's'} per pixel{planar}"))
        high_bit = "" if image["high_bit"] is None else f", high bit {image['high_bit']}"
        facts.append(("bits", f"{image['bits_stored']} stored of {image['bits_allocated']} allocated{high_bit}{sign}"))
    if decoded:
        facts.append(
            ("decodes to", f"{_shape(found)} {decoded['dtype']} {decoded['photometric_interpretation'] or ''}")
        )
    if lossy and any(lossy.values()):
        facts.append(("lossy before", ", ".join(f"{name} {value}" for name, value in lossy.items() if value)))
    if found.get("icon"):
        facts.append(("icon", "the object also has an icon image"))
    if element:
        length = human_bytes(element["length"])
        if element["undefined_length"]:
            length += " in items, of undefined length"
        elif element["cut_short"]:
            length += f" of {human_bytes(element['declared_length'])}: cut short"
        facts.append(
            ("pixel data", f"{element['keyword']} ({element['vr'] or 'no VR'}) at byte {element['offset']}, {length}")
        )
    return facts


def _codestream_facts(header: dict[str, Any] | None) -> list[tuple[str, Any]]:
    if header is None:
        return []
    components = {
        f"{c['precision']} bits {'signed' if c['is_signed'] else 'unsigned'}"
        + (f" at 1/{c['horizontal_step']} x 1/{c['vertical_step']}" if header["subsampled"] else "")
        for c in header["components"]
    }
    loss = "unknown whether lossless" if header["lossless"] is None else "lossless" if header["lossless"] else "lossy"
    container = ", in a container file" if header["in_container"] else ""
    return [
        ("codestream", f"{header['format']}, {header['height']} x {header['width']}, {loss}{container}"),
        (
            "components",
            f"{len(header['components'])}: {', '.join(sorted(components))}; colour transform: {header['colour']}",
        ),
        ("parameters", ", ".join(f"{name} {value}" for name, value in header["parameters"].items()) or "none"),
    ]


def _show_frames(found: dict[str, Any], output: Output) -> None:
    frames = found["frames"]
    if frames is None:
        return
    rows = [(row["frame"], row["offset"], row["bytes"], row["fragments"], row["ratio"]) for row in frames["table"]]
    there, shown = frames["found"], len(rows)
    which = (
        f"{there} frame{'' if there == 1 else 's'}"
        if shown == there
        else f"the first {shown} of {there} frames (--all shows all)"
    )
    output.say()
    output.table(
        f"  {which}, found by {_TABLES[frames['index']]}", (">frame", ">offset", ">bytes", ">fragments", ">ratio"), rows
    )
