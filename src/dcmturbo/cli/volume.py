"""``dcmturbo volume``: list the volumes of series, and write them as NIfTI, NRRD or numpy files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Literal

import dcmturbo as dt
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_common, add_output, add_threads
from dcmturbo.cli.output import Output
from dcmturbo.cli.writing import refuse_existing_target, write_npy, write_whole
from dcmturbo.volumes.reading import Options, SeveralVolumesError, each_volume

__all__ = ["add_parser", "run"]

_FORMS = (".nii.gz", ".nii", ".nrrd", ".npy")

_HEADINGS = [">phase", "modality", "shape", "dtype", "mm", "what is special", "description", "series"]

_EPILOG = """\
Without -o, the volumes are listed. Their slices are decoded too, so damage is found. If there are several volumes,
--series or --phase chooses one to write. NIfTI files need the package nibabel.

examples:
  dcmturbo volume series/
  dcmturbo volume series/ -o series.nii.gz --rescale
  dcmturbo volume study/ -o dwi.nrrd --series 1.2.840.113619.2 --phase 2
  dcmturbo volume series/ -o series.npy --gaps fill --tilt keep
"""


def add_parser(commands: Any) -> None:
    """Add ``volume`` to the commands."""
    parser = commands.add_parser(
        "volume",
        help="list the volumes of series, and write them as NIfTI, NRRD or numpy files",
        description="Read the slices of series, or the frames of enhanced objects, as volumes.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    add_common(parser, run)
    add_output(parser, f"the output file: {', '.join(_FORMS)}")
    parser.add_argument("--series", metavar="UID", help="the SeriesInstanceUID of the images to read")
    parser.add_argument("--phase", type=int, metavar="N", help="the number of the volume, from 0")
    parser.add_argument("--rescale", action="store_true", help="apply the Modality LUT (float32)")
    parser.add_argument(
        "--gaps", choices=("raise", "warn", "fill"), default="raise", help="if slices are missing (default: raise)"
    )
    parser.add_argument(
        "--tilt", choices=("raise", "keep"), default="raise", help="if the gantry is tilted (default: raise)"
    )
    parser.add_argument(
        "--duplicates",
        choices=("raise", "first", "last"),
        default="raise",
        help="if slices have one position (default: raise)",
    )
    parser.add_argument(
        "--salvage", action="store_true", help="fill what cannot be decoded of damaged slices with 0, with a warning"
    )
    add_threads(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo volume``."""
    target = Path(arguments.output) if arguments.output else None
    if target is not None and not target.name.lower().endswith(_FORMS):
        return output.usage("volume", f"{target} has no suffix of a known format: use one of {', '.join(_FORMS)}")
    if arguments.phase is not None and arguments.phase < 0:
        return output.usage("volume", "--phase counts from 0")
    named = arguments.paths[0]
    source = named if len(arguments.paths) == 1 else arguments.paths
    options: dict[str, Any] = {
        "series": arguments.series,
        "gaps": arguments.gaps,
        "tilt": arguments.tilt,
        "duplicates": arguments.duplicates,
        "threads": arguments.threads,
        "apply": "rescale" if arguments.rescale else None,
        "on_error": _on_error(arguments),
    }
    document: dict[str, Any] = {"command": "volume", "paths": arguments.paths}
    try:
        with output.warnings_of(named) as warnings:
            refuse_existing_target(target, force=arguments.force)
            if target is None:
                rows, document["volumes"] = _list_each(source, arguments, named, output)
                if rows:
                    output.table(named, _HEADINGS, rows, drop=("series", "description"))
            else:
                volume = dt.read_volume(source, phase=arguments.phase, **options)
                _write(volume, target, named)
                size = " x ".join(map(str, volume.shape))
                output.say(f"{named} -> {target}  {size} {volume.array.dtype.name}")
                document |= {"output": str(target), **_described(volume)}
        document["warnings"] = warnings
    except SeveralVolumesError as error:
        which = "; ".join(error.names)
        output.fail(
            named, f"there are {error.count} volumes: choose one with --series or --phase ({which})", "ValueError"
        )
    except (dt.Error, OSError, ValueError, ImportError) as error:
        _fail(error, arguments, named, output)
    output.result(document)
    return output.exit_code


def _on_error(arguments: argparse.Namespace) -> Literal["raise", "salvage"]:
    return "salvage" if arguments.salvage else "raise"


def _fail(error: Exception, arguments: argparse.Namespace, named: str, output: Output) -> None:
    output.fail_in(named, error)
    if isinstance(error, dt.DecodeError) and error.frame is not None and not arguments.salvage:
        output.say("a slice is damaged: --salvage reads what is left of it, or leave the file out")


def _list_each(
    source: Any, arguments: argparse.Namespace, named: str, output: Output
) -> tuple[list[tuple[Any, ...]], list[dict[str, Any]]]:
    """Return a row and a description of each volume, without keeping their pixels.

    A volume that cannot be read is a failure, and the others are listed.
    """
    options = Options(arguments.gaps, arguments.tilt, arguments.duplicates)
    apply: Any = "rescale" if arguments.rescale else None
    rows, described = [], []
    found = each_volume(source, arguments.series, options, arguments.threads, apply, on_error=_on_error(arguments))
    for number, read in enumerate(found):
        if arguments.phase not in (None, number):
            continue
        try:
            volume = read()
        except (dt.Error, ValueError) as error:
            _fail(error, arguments, named, output)
            continue
        rows.append(_row(number, volume))
        described.append(_described(volume))
    return rows, described


def _described(volume: dt.Volume) -> dict[str, Any]:
    return {
        "shape": list(volume.shape),
        "dtype": volume.array.dtype.name,
        "spacing": list(volume.spacing),
        "affine_lps": volume.affine_lps.tolist(),
        "phase": {name: list(value) if isinstance(value, tuple) else value for name, value in volume.phase.items()},
        "attributes": volume.attributes,
        "slices": [
            {
                "source": str(one.source) if isinstance(one.source, (str, os.PathLike)) else None,
                "frame": one.frame,
                "position": list(one.position),
            }
            for one in volume.slices
        ],
    }


def _row(number: int, volume: dt.Volume) -> tuple[Any, ...]:
    return (
        number,
        volume.attributes.get("Modality", ""),
        " x ".join(map(str, volume.shape)),
        volume.array.dtype.name,
        " x ".join(f"{value:.4g}" for value in volume.spacing),
        ", ".join(f"{key} {value}" for key, value in volume.phase.items()),
        volume.attributes.get("SeriesDescription", ""),
        volume.attributes.get("SeriesInstanceUID", ""),
    )


def _write(volume: dt.Volume, target: Path, source: str) -> None:
    name = target.name.lower()
    if name.endswith(".npy"):
        write_npy(target, volume.array, source)
    elif name.endswith(".nrrd"):
        write_whole(target, lambda file: volume.write_nrrd(file), source)
    else:
        image = volume.to_nifti()

        def write(file: Any) -> None:
            if name.endswith(".gz"):
                import gzip

                with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed:
                    image.to_stream(packed)
            else:
                image.to_stream(file)

        write_whole(target, write, source)
