"""Write arrays to files: .npy, .png, .tiff, raw. A file gets its name when it is complete."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from dcmturbo.cli.inputs import STDIN, Input
from dcmturbo.destinations.destination import make_folders, new_file

__all__ = [
    "STDOUT",
    "SUFFIXES",
    "encode_png",
    "refuse_existing",
    "refuse_existing_target",
    "write",
    "write_bytes",
    "write_npy",
    "write_whole",
]

# By format, the preferred suffix of outputs.
SUFFIXES = {
    "npy": (".npy",),
    "png": (".png",),
    "jpeg": (".jpg", ".jpeg"),
    "tiff": (".tiff", ".tif"),
    "gif": (".gif",),
    "mp4": (".mp4",),
    "raw": (".raw", ".bin"),
}

# The place that means stdout.
STDOUT = Path("-")

_CLASSIC_TIFF = (1 << 32) - (1 << 20)  # offsets have 32 bits; a little is left for the headers


def refuse_existing(places: Sequence[Path], item: Input, written: dict[Path, str], *, force: bool) -> None:
    """Raise FileExistsError if an output exists, was written for another input, or is the input itself."""
    for place in places:
        if place == STDOUT:
            continue
        if place in written:
            raise FileExistsError(f"its output {place} has been written for {written[place]} already")
        if not place.exists():
            continue
        if not item.is_url and item.path != STDIN and place.samefile(item.path):
            raise FileExistsError(f"the output {place} is the input itself")
        if not force:
            raise FileExistsError(f"the output {place} exists: --force overwrites it")


def refuse_existing_target(target: Path | None, *, force: bool) -> None:
    """Raise FileExistsError if the one output of a command exists; a command that only lists has none."""
    if target is not None and target.is_dir():
        raise IsADirectoryError(f"the output {target} is a folder: name a file")
    if target is not None and not force and target.exists():
        raise FileExistsError(f"the output {target} exists: --force overwrites it")


class _Stdout:
    """Only writes: numpy asks a file object for its position, which a pipe does not have."""

    def write(self, data: bytes | memoryview) -> None:
        sys.stdout.buffer.write(data)


def write_whole(place: Path, fill: Callable[[IO[bytes]], object], source: str | None = None) -> None:
    """Write a file under a temporary name, and rename it when it is complete.

    Only users who can read its source can read it.
    """
    if place == STDOUT:
        fill(_Stdout())  # type: ignore[arg-type]
        sys.stdout.flush()
        return
    try:
        make_folders(place.parent)
        with new_file(place, source=source) as file:
            fill(file)
    except OSError as error:
        # Named after its output, which is what cannot be written.
        raise OSError(f"cannot write {place}: {error.strerror or error}") from error


def write_bytes(place: Path, content: bytes | memoryview, source: str | None) -> None:
    """Write a file of these bytes, as `write_whole` does."""
    write_whole(place, lambda file: file.write(content), source)


def write_npy(place: Path, array: np.ndarray, source: str | None) -> None:
    """Write an array as a .npy file, as `write_whole` does."""
    write_whole(place, lambda file: np.lib.format.write_array(file, array, allow_pickle=False), source)


def write(
    array: np.ndarray, places: Sequence[Path], form: str, has_axis: bool, document: dict[str, Any], source: str
) -> list[Path]:
    """Write an array in a format; `document` describes raw bytes, `source` is the input.

    Returns
    -------
    list of Path
        The files written.
    """
    if form == "png":
        if not has_axis:
            write_bytes(places[0], encode_png(array), source)
            return [places[0]]
        # A frame that is selected twice is written once.
        first = {number: position for position, number in reversed(list(enumerate(document["frames"])))}
        for place, position in zip(
            places, (first[number] for number in dict.fromkeys(document["frames"])), strict=True
        ):
            write_bytes(place, encode_png(array[position]), source)
        return list(places)
    place = places[0]
    if form == "npy":
        write_npy(place, array, source)
    elif form == "tiff":
        write_bytes(place, _encode_tiff(array, is_colour=array.ndim - has_axis == 3), source)
    else:
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        write_bytes(place, little.reshape(-1).data.cast("B"), source)
        if place == STDOUT:
            return [place]
        beside = place.with_name(place.name + ".json")
        described = document | {"dtype": little.dtype.str, "order": "C"}
        write_bytes(beside, json.dumps(described, indent=2).encode() + b"\n", source)
        return [place, beside]
    return [place]


def encode_png(array: np.ndarray) -> bytes:
    """Return a PNG of 8 or 16 bits, grey or RGB."""
    import imagecodecs

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(array)))


def _encode_tiff(array: np.ndarray, *, is_colour: bool) -> bytes:
    import imagecodecs

    # Without the photometric interpretation, the library would take a last axis of 3 for samples.
    encoded = imagecodecs.tiff_encode(
        np.ascontiguousarray(array),
        photometric="rgb" if is_colour else "minisblack",
        planarconfig="contig",
        bigtiff=array.nbytes > _CLASSIC_TIFF,
    )
    return bytes(encoded)
