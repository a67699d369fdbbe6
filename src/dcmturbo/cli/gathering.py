"""Several inputs of ``dcmturbo decode`` in one file: a series as one array or animation, or a contact sheet."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli.decoded import Decoded, Options
from dcmturbo.cli.inputs import Input, for_each, skipped_document, source_of
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import refuse_existing, write, write_bytes
from dcmturbo.pictures.files import encode_picture, milliseconds_of
from dcmturbo.pictures.header import Header, number_of, numbers_of, text_of
from dcmturbo.pictures.sheet import Thumbnail, contact_sheet

__all__ = ["into_one_file"]

_MOST_THUMBNAILS = 400
_THUMBNAIL = 140
_SAME_DIRECTION = 1e-3
_ORDERS = {"position": "by position", "instance": "by InstanceNumber", "name": "by name"}


@dataclass(frozen=True)
class _Piece:
    """One input, and what places it among the others."""

    item: Input
    shape: tuple[int, ...]  # of a frame
    dtype: np.dtype[Any]
    frames: int
    series: str
    orientation: tuple[float, ...]
    position: tuple[float, ...]
    instance: float | None


def into_one_file(
    paths: Sequence[str], target: Path, options: Options, output: Output, *, sheet: bool
) -> dict[str, Any]:
    """Decode all inputs into one file; return what the JSON document says about it."""
    begin = time.perf_counter()
    if not options.force and target.exists():
        output.fail(str(target), f"the output {target} exists: --force overwrites it")
        return {"files": [], "skipped": None}
    make = _write_sheet if sheet else _write_series
    document, skipped = make(paths, target, options, output)
    if skipped.describe():
        output.say(skipped.describe())
    if document is not None:
        document |= {"seconds": round(time.perf_counter() - begin, 6)}
    return {"files": [] if document is None else [document], "skipped": skipped_document(skipped)}


# ---- a series -----------------------------------------------------------------------------------


def _piece_of(item: Input) -> _Piece:
    with dt.open(source_of(item.path)) as image:
        header = Header(image.frame_set.opened)
        dataset = header.dataset
        return _Piece(
            item,
            image.frame_shape,
            image.dtype,
            len(image),
            text_of(dataset, "SeriesInstanceUID"),
            tuple(numbers_of(dataset, "ImageOrientationPatient")),
            tuple(numbers_of(dataset, "ImagePositionPatient")),
            number_of(dataset, "InstanceNumber"),
        )


def _natural(path: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts ``IM2`` before ``IM10``."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", path) if part]


def _sorted(pieces: list[_Piece]) -> tuple[list[_Piece], str]:
    """Return the pieces in their order in space, or else of their numbers, or else of their names."""
    first = np.array(pieces[0].orientation)
    if first.size == 6 and all(
        len(piece.position) == 3
        and len(piece.orientation) == 6
        and np.allclose(piece.orientation, first, atol=_SAME_DIRECTION)
        for piece in pieces
    ):
        normal = np.cross(first[:3], first[3:])  # PS3.3, C.7.6.2.1.1
        along = {piece: float(np.dot(piece.position, normal)) for piece in pieces}
        if len(set(along.values())) == len(pieces):
            return sorted(pieces, key=along.__getitem__), "position"
    numbers = [piece.instance for piece in pieces]
    if None not in numbers and len(set(numbers)) == len(pieces):
        return sorted(pieces, key=lambda piece: piece.instance or 0.0), "instance"
    return sorted(pieces, key=lambda piece: _natural(piece.item.path)), "name"


def _problem(pieces: Sequence[_Piece], *, same_shape: bool) -> str:
    """Return why the pieces cannot be one array; empty if they can."""
    otherwise = "end OUT with / for a file for each, or name the files of one series"
    series = {piece.series for piece in pieces if piece.series}
    if len(series) > 1:
        return f"the files are of {len(series)} series, so they are not written to one file: {otherwise}"
    first = pieces[0]
    for piece in pieces:
        if same_shape and (piece.shape, piece.dtype) != (first.shape, first.dtype):
            return (
                f"{piece.item.path} has frames of {_extent(piece.shape)} {piece.dtype.name}, and {first.item.path} of "
                f"{_extent(first.shape)} {first.dtype.name}, so they do not fit into one array: {otherwise}"
            )
    return ""


def _extent(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _write_series(
    paths: Sequence[str], target: Path, options: Options, output: Output
) -> tuple[dict[str, Any] | None, Any]:
    pieces, skipped = for_each(paths, output, "reading", _piece_of)
    if output.failures:
        output.fail(str(target), "nothing was written, because not all files can be read: leave those files out")
        return None, skipped
    problem = _problem(pieces, same_shape=not options.is_picture or options.form in ("gif", "mp4"))
    if problem:
        output.fail(str(target), problem)
        return None, skipped
    pieces, order = _sorted(pieces)
    for piece in pieces:
        refuse_existing([target], piece.item, {}, force=options.force)
    writer = _series_of_pictures if options.is_picture else _series_of_values
    document = writer(pieces, target, options, output)
    document |= {"sources": [piece.item.path for piece in pieces], "order": order, "format": options.form}
    output.say(
        f"{len(pieces)} files, {_ORDERS[order]} -> {target}  {_extent(document['shape'])} {document['dtype']} "
        f"{document['photometric_interpretation']}"
    )
    return document, skipped


def _series_of_values(pieces: Sequence[_Piece], target: Path, options: Options, output: Output) -> dict[str, Any]:
    arrays, colour, note, status = [], "", "", []
    whole: np.ndarray | None = None
    plain = options.frames is None and options.unused_bits == "correct" and not options.fill_value
    if plain and options.choice is None and not options.palette:
        states = np.zeros(sum(piece.frames for piece in pieces), np.uint8)
        with output.warnings_of(str(target)):
            whole = dt.decode_series(
                [source_of(piece.item.path) for piece in pieces],
                threads=options.threads,
                raw=options.raw_colour,
                on_error="salvage" if options.salvage else "raise",
                status=states,
            )
        status = states.tolist()
        with dt.open(source_of(pieces[0].item.path), raw=options.raw_colour) as image:
            colour = image.photometric_interpretation
    else:
        for piece in pieces:
            with output.warnings_of(piece.item.path), Decoded(piece.item.path, options) as decoded:
                array, colour, note = decoded.values(decoded.read())
                arrays.append(array if decoded.has_axis else array[np.newaxis])
                status += decoded.status
        whole = np.concatenate(arrays)
    document = {
        "path": str(target),
        "shape": list(whole.shape),
        "dtype": whole.dtype.name,
        "photometric_interpretation": colour,
        "frames": list(range(len(whole))),
        "note": note,
        "status": status if options.salvage else None,
    }
    outputs = write(whole, [target], options.form, True, document, pieces[0].item.path)
    return document | {"outputs": [str(place) for place in outputs]}


def _series_of_pictures(pieces: Sequence[_Piece], target: Path, options: Options, output: Output) -> dict[str, Any]:
    shapes: list[tuple[int, ...]] = []
    colour, profile, milliseconds = "MONOCHROME2", None, 100.0
    with Decoded(pieces[0].item.path, options) as decoded:
        renderer = options.renderer(decoded.image)
        profile, milliseconds = renderer.icc_profile, milliseconds_of(renderer.header)
        colour = "RGB" if renderer.is_colour else colour

    limits = _shared_limits(pieces, options)

    def pages() -> Iterator[np.ndarray]:
        for piece in pieces:
            with output.warnings_of(piece.item.path), Decoded(piece.item.path, options) as decoded:
                renderer = options.renderer(decoded.image)
                renderer.limits = limits
                for picture in decoded.pictures(renderer):
                    shapes.append(picture.shape)
                    yield picture

    encoded = encode_picture(pages(), options.form, icc=profile, milliseconds=milliseconds)
    write_bytes(target, encoded, pieces[0].item.path)
    return {
        "path": str(target),
        "shape": [len(shapes), *shapes[0]],
        "dtype": "uint8",
        "photometric_interpretation": colour,
        "frames": list(range(len(shapes))),
        "note": "",
        "outputs": [str(target)],
    }


def _shared_limits(pieces: Sequence[_Piece], options: Options) -> tuple[float, float] | None:
    """Return the extremes of all pieces that have no window: without it, each would have a brightness of its own."""
    limits: tuple[float, float] | None = None
    for piece in pieces:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are said when the pictures are made
            with Decoded(piece.item.path, options) as decoded:
                renderer = options.renderer(decoded.image)
                if renderer.needs_extremes:
                    renderer.limits = limits
                    decoded.extend(renderer)
                    limits = renderer.limits
    return limits


# ---- a contact sheet ----------------------------------------------------------------------------


def _write_sheet(
    paths: Sequence[str], target: Path, options: Options, output: Output
) -> tuple[dict[str, Any] | None, Any]:
    size = min(options.size or _THUMBNAIL, 2048)
    small = replace(options, size=size)
    only_one = len(paths) == 1 and "://" not in paths[0] and Path(paths[0]).is_file()
    many = 0

    def work(item: Input) -> list[Thumbnail]:
        nonlocal many
        if item.explicit:
            refuse_existing([target], item, {}, force=options.force)
        with output.warnings_of(item.path), Decoded(item.path, small) as decoded:
            name = item.relative.removesuffix(".dcm")
            if not only_one:
                facts = f"{_extent(decoded.image.frame_shape)}" + (f" x{decoded.count}" if decoded.count > 1 else "")
                if decoded.has_axis:
                    decoded.keep(decoded.numbers[len(decoded.numbers) // 2 : len(decoded.numbers) // 2 + 1])
                lines = [(name, facts)]
            else:
                many = max(0, len(decoded.numbers) - _MOST_THUMBNAILS)
                if many:
                    count = len(decoded.numbers)
                    decoded.keep([decoded.numbers[k * count // _MOST_THUMBNAILS] for k in range(_MOST_THUMBNAILS)])
                lines = [(f"frame {number}",) for number in decoded.numbers]  # type: ignore[misc]
            pictures = decoded.pictures(small.renderer(decoded.image))
            return [Thumbnail(picture, line, marked=False) for picture, line in zip(pictures, lines, strict=True)]

    found, skipped = for_each(paths, output, "decoding", work, most=_MOST_THUMBNAILS)
    thumbnails = [thumbnail for part in found for thumbnail in part]
    if not thumbnails:
        return None, skipped
    named = (Path(paths[0]).name if "://" in paths[0] else Path(paths[0]).resolve().name) or paths[0]
    title = named if len(paths) == 1 else f"{len(found)} files"
    subtitle = f"{len(thumbnails)} {'frames' if only_one else 'files'}" + (f", {many} not shown" if many else "")
    picture = contact_sheet(title, subtitle, thumbnails, size=size)
    encoded = encode_picture([picture], options.form, quality=options.quality)
    write_bytes(target, encoded, paths[0] if only_one else None)
    output.say(f"{title} -> {target}  contact sheet of {subtitle}")
    return {
        "path": paths[0],
        "shape": list(picture.shape),
        "dtype": "uint8",
        "photometric_interpretation": "RGB",
        "note": "contact sheet",
        "thumbnails": len(thumbnails),
        "outputs": [str(target)],
        "format": options.form,
    }, skipped
