"""``dcmturbo slide``: describe whole slide images, and write windows, thumbnails and DeepZoom tiles of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_common, add_output, add_region, add_threads, thread_count, window_choice
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import refuse_existing_target, write_bytes, write_npy
from dcmturbo.destinations.destination import make_folders
from dcmturbo.pictures.colour import eight_bits
from dcmturbo.pictures.files import encode_picture
from dcmturbo.pictures.grey import Grey
from dcmturbo.pictures.header import Header
from dcmturbo.pictures.windows import Choice
from dcmturbo.slides.deep_zoom import DeepZoom

__all__ = ["add_parser", "run"]

_OVERVIEW = 1024  # rows and columns at most, which the extreme values are taken of
_FORMS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".npy": "npy"}

_EPILOG = """\
Without -o, the levels are listed. OUT is one file (.png, .jpg or .npy), or, if it ends with .dzi, a DeepZoom image: its
tiles go to the folder OUT_files beside it.

Pictures have 8 bits. Grey levels are windowed as dcmturbo decode does it: by the file's window, or else from the
smallest to the largest value of an overview of the whole slide, so that all pictures and tiles of a slide fit together.

examples:
  dcmturbo slide slide/
  dcmturbo slide slide/ -o patch.png --region 20000 30000 512 512
  dcmturbo slide slide/ -o patch.npy --level 2 --region 0 0 512 512 --focal-plane 3
  dcmturbo slide slide/ -o dapi.png --region 0 0 512 512 --optical-path dapi --window 800,1600
  dcmturbo slide slide/ -o overview.jpg --thumbnail 1024
  dcmturbo slide slide/ -o viewer/slide.dzi
"""


def add_parser(commands: Any) -> None:
    """Add ``slide`` to the commands."""
    parser = commands.add_parser(
        "slide",
        help="describe whole slide images, and write windows, thumbnails and DeepZoom tiles",
        description="Read windows of a whole slide image. A folder is the pyramid of its tiled objects.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    add_common(parser, run)
    add_output(parser, "the output file")
    parser.add_argument("--level", type=int, metavar="N", help="the level (default: 0, the largest)")
    what = parser.add_mutually_exclusive_group()
    add_region(what, "the window, in pixels of the level (default: all of it)")
    parser.add_argument("--clip", action="store_true", help="cut off what of --region is outside of the level")
    what.add_argument("--thumbnail", type=thread_count, metavar="N", help="the slide in at most N rows and columns")
    parser.add_argument("--optical-path", default="0", metavar="NAME", help="its identifier, or its number from 0")
    parser.add_argument("--focal-plane", type=int, default=0, metavar="N", help="its number, from 0")
    parser.add_argument(
        "--window",
        type=window_choice,
        metavar="WINDOW",
        help="what is black and white in pictures of grey levels: file (default), auto, none, or CENTER,WIDTH",
    )
    parser.add_argument("--tile-size", type=thread_count, default=254, metavar="N", help="of DeepZoom (default: 254)")
    parser.add_argument("--overlap", type=int, default=1, metavar="N", help="of DeepZoom tiles (default: 1)")
    parser.add_argument(
        "--tile-format", choices=("jpeg", "png"), default="jpeg", help="of DeepZoom tiles (default: jpeg)"
    )
    add_threads(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo slide``."""
    target = Path(arguments.output) if arguments.output else None
    form = None if target is None else "dzi" if target.suffix == ".dzi" else _FORMS.get(target.suffix.lower())
    if target is not None and form is None:
        known = ", ".join([*_FORMS, ".dzi"])
        return output.usage("slide", f"{target} has no suffix of a known format: use one of {known}")
    if form == "dzi" and (arguments.region or arguments.thumbnail):
        return output.usage("slide", "a DeepZoom image is of the whole slide, without --region or --thumbnail")
    if arguments.level is not None and (form == "dzi" or arguments.thumbnail):
        return output.usage("slide", "a DeepZoom image or a thumbnail is of the whole slide, without --level")
    if arguments.clip and not arguments.region:
        return output.usage("slide", "--clip needs --region")
    if arguments.window and form in (None, "npy"):
        return output.usage("slide", "--window is for pictures: name a .png, .jpg or .dzi with -o")
    if arguments.overlap < 0:
        return output.usage("slide", "--overlap must be at least 0")
    named = arguments.paths[0]
    document: dict[str, Any] = {"command": "slide", "paths": arguments.paths}
    try:
        with output.warnings_of(named) as warnings:
            refuse_existing_target(target, force=arguments.force)
            source = named if len(arguments.paths) == 1 else arguments.paths
            with dt.slide(source) as slide:
                document |= _described(slide)
                if target is None:
                    _show(slide, named, output)
                elif form == "dzi":
                    document["tiles"] = _write_deep_zoom(slide, target, arguments, output)
                else:
                    document |= _write(slide, target, str(form), named, arguments, output)
        document["warnings"] = warnings
    except (dt.Error, OSError, ValueError, IndexError) as error:
        output.fail_in(named, error)
    output.result(document)
    return output.exit_code


def _described(slide: dt.Slide) -> dict[str, Any]:
    return {
        "levels": [
            {
                "shape": list(level.shape),
                "dtype": level.dtype.name,
                "tile_shape": list(level.tile_shape),
                "downsample": level.downsample,
                "mpp": list(level.mpp) if level.mpp else None,
            }
            for level in slide.levels
        ],
        "optical_paths": slide.optical_paths,
        "focal_planes": slide.focal_planes,
        "associated": {name: list(level.shape) for name, level in slide.associated.items()},
    }


def _show(slide: dt.Slide, name: str, output: Output) -> None:
    rows = [
        (
            number,
            " x ".join(map(str, level.shape)),
            level.dtype.name,
            " x ".join(map(str, level.tile_shape)),
            f"{level.downsample:.4g}",
            f"{level.mpp[0]:.4g} x {level.mpp[1]:.4g}" if level.mpp else "",
        )
        for number, level in enumerate(slide.levels)
    ]
    output.table(name, [">level", "shape", "dtype", "tile", ">downsample", "um a pixel"], rows)
    facts = [("optical paths", ", ".join(slide.optical_paths)), ("focal planes", slide.focal_planes)]
    facts += [(name, " x ".join(map(str, level.shape))) for name, level in slide.associated.items()]
    output.facts(facts)


class _Pictures:
    """Makes pictures of windows of a slide: all with the same grey levels."""

    def __init__(self, slide: dt.Slide, which: dict[str, Any], window: Choice | None) -> None:
        opened, frame = slide.levels[0].example(**which)
        self._bits, self._photometric = opened.bits_stored, slide.levels[0].photometric_interpretation
        self._frame, self._grey = frame, None
        if slide.ndim == 2:
            self._grey = Grey(Header(opened), opened.bits_stored, slide.dtype, window or Choice())
            if self._grey.needs_extremes:
                self._grey.extend(slide.thumbnail(_OVERVIEW, **which), frame)
        elif window is not None:
            raise ValueError("the slide has colours, and --window is for grey levels")

    def encoded(self, array: np.ndarray, form: str) -> bytes:
        """Return the file of a picture."""
        if array.size == 0:
            raise ValueError("the window is empty")
        if self._grey is not None:
            array = self._grey.apply(array, self._frame)
        elif array.dtype != np.uint8:
            array = eight_bits(array, self._bits, self._photometric)
        return encode_picture([array], form)


def _which(slide: dt.Slide, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return which optical path and focal plane are asked for."""
    path = arguments.optical_path
    is_number = path.isascii() and path.isdigit() and path not in slide.optical_paths
    return {"optical_path": int(path) if is_number else path, "focal_plane": arguments.focal_plane}


def _write(
    slide: dt.Slide, target: Path, form: str, source: str, arguments: argparse.Namespace, output: Output
) -> dict[str, Any]:
    which = _which(slide, arguments)
    if arguments.thumbnail:
        array = slide.thumbnail(arguments.thumbnail, threads=arguments.threads, **which)
    else:
        level = slide.level(arguments.level or 0)
        region = dt.Region(*arguments.region)._replace(clip=arguments.clip) if arguments.region else None
        array = level.read(region=region, threads=arguments.threads, **which)
    if form == "npy":
        write_npy(target, array, source)
    else:
        pictures = _Pictures(slide, which, arguments.window)
        write_bytes(target, pictures.encoded(array, form), source)
    output.say(f"{source} -> {target}  {' x '.join(map(str, array.shape))} {array.dtype.name}")
    return {"output": str(target), "shape": list(array.shape), "dtype": array.dtype.name}


def _write_deep_zoom(slide: dt.Slide, target: Path, arguments: argparse.Namespace, output: Output) -> int:
    which = _which(slide, arguments)
    tiles = DeepZoom(slide, tile_size=arguments.tile_size, overlap=arguments.overlap, **which)
    folder = target.with_name(f"{target.stem}_files")
    if folder.exists() and not arguments.force:
        raise FileExistsError(f"the folder {folder} exists: --force writes into it")
    pictures = _Pictures(slide, which, arguments.window)
    with output.progress("writing tiles", tiles.count) as advance:
        for place in tiles.places():
            to = folder / str(place.level) / f"{place.column}_{place.row}.{arguments.tile_format}"
            make_folders(to.parent)
            picture = pictures.encoded(tiles.tile(place, threads=arguments.threads), arguments.tile_format)
            write_bytes(to, picture, None)
            advance()
    write_bytes(target, tiles.descriptor(arguments.tile_format).encode(), None)
    output.say(f"{arguments.paths[0]} -> {target}  {tiles.count} tiles, {len(tiles.sizes)} levels")
    return tiles.count
