"""What a tree of files holds: counts and sizes by transfer syntax and by shape of the image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dcmturbo.cli.output import Output
from dcmturbo.wording import human_bytes

__all__ = ["census", "show_census"]

_MOST_SHAPES = 12


@dataclass
class _Row:
    """Sums over files that have something in common."""

    files: int = 0
    frames: int = 0
    bytes: int = 0
    pixel_bytes: int = 0
    decoded_bytes: int = 0

    def add(self, found: dict[str, Any]) -> None:
        self.files += 1
        self.bytes += found["size"] or 0
        element, frames, image = found["pixel_data"], found["frames"], found["image"]
        if element is None or frames is None or not image:
            return
        self.frames += frames["found"]
        self.pixel_bytes += element["length"]
        bits = (image["rows"] or 0) * (image["columns"] or 0) * (image["samples_per_pixel"] or 1)
        self.decoded_bytes += frames["found"] * ((bits * (image["bits_allocated"] or 8) + 7) // 8)

    @property
    def ratio(self) -> float | None:
        return round(self.decoded_bytes / self.pixel_bytes, 2) if self.pixel_bytes else None

    def document(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "frames": self.frames,
            "bytes": self.bytes,
            "pixel_data_bytes": self.pixel_bytes,
            "decoded_bytes": self.decoded_bytes,
            "ratio": self.ratio,
        }


def _syntax(found: dict[str, Any]) -> str:
    if found["lacks_pixels"]:
        return "images without their pixel data (cut?)"
    if found["pixel_data"] is None:
        return "without pixel data"
    syntax = found["transfer_syntax"]
    return str(syntax["name"] or syntax["uid"] or "none stated")


def _image(found: dict[str, Any]) -> str:
    image = found["image"]
    if found["pixel_data"] is None or not image or not image["rows"]:
        return ""
    samples = image["samples_per_pixel"] or 1
    colours = f" x {samples}" if samples > 1 else ""
    return f"{image['rows']} x {image['columns']}{colours}, {image['bits_stored']} of {image['bits_allocated']} bits"


def _grouped(files: Sequence[dict[str, Any]], key: Callable[[dict[str, Any]], str]) -> dict[str, _Row]:
    rows: dict[str, _Row] = defaultdict(_Row)
    for found in files:
        rows[key(found)].add(found)
    rows.pop("", None)
    return dict(sorted(rows.items(), key=lambda row: (-row[1].bytes, -row[1].files, row[0])))


def census(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return counts and sizes of described files, for JSON."""
    whole = _Row()
    for found in files:
        whole.add(found)
    return {
        "by_transfer_syntax": {name: row.document() for name, row in _grouped(files, _syntax).items()},
        "by_modality": {
            name: row.document() for name, row in _grouped(files, lambda found: found.get("modality") or "none").items()
        },
        "by_image": {name: row.document() for name, row in _grouped(files, _image).items()},
        "all": whole.document(),
    }


def show_census(files: Sequence[dict[str, Any]], output: Output) -> None:
    """Print the census as tables."""
    columns = (">files", ">frames", ">size", ">pixel data", ">ratio")

    def cells(row: _Row) -> tuple[Any, ...]:
        pixels = human_bytes(row.pixel_bytes) if row.pixel_bytes else ""
        return row.files, row.frames or "", human_bytes(row.bytes), pixels, row.ratio

    output.say()
    syntaxes = _grouped(files, _syntax)
    rows = [(name, *cells(row)) for name, row in syntaxes.items()]
    if len(syntaxes) > 1:
        whole = _Row()
        for found in files:
            whole.add(found)
        rows.append(("all", *cells(whole)))
    output.table("by transfer syntax", ("transfer syntax", *columns), rows, drop=(">pixel data", ">frames"))
    shapes = _grouped(files, _image)
    if shapes:
        shown = list(shapes.items())[:_MOST_SHAPES]
        left = f" (the {_MOST_SHAPES} largest of {len(shapes)})" if len(shapes) > _MOST_SHAPES else ""
        output.say()
        output.table(
            f"by size of the image{left}",
            ("rows x columns", *columns),
            [(name, *cells(row)) for name, row in shown],
            drop=(">pixel data", ">frames"),
        )
