"""Small archives: trees of images of several encodings, and of what is no image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

import dcmturbo as dt
from dcmturbo.archives.manifest import Manifest
from helpers.dicom_writer import EXPLICIT, dicom_file, encapsulated_file, native_file
from helpers.samples import smooth

TARGET = "HTJ2KLossless"
TARGET_UID = "1.2.840.10008.1.2.4.201"
RLE_UID = "1.2.840.10008.1.2.5"


def image(seed: int = 0, *, rows: int = 24, columns: int = 32, frames: int = 1, syntax: str = "explicit") -> bytes:
    """An object of 12 bits in 16; `syntax` is explicit or rle."""
    arrays = [smooth((rows, columns), "u2", bits=12, seed=seed + i) for i in range(frames)]
    module = {"rows": rows, "columns": columns, "bits_allocated": 16, "bits_stored": 12, "frames": frames}
    if syntax == "rle":
        encoded = [dt.encode_frame(array, "RLELossless", bits_stored=12) for array in arrays]
        return encapsulated_file(encoded, "rle", **module)
    return native_file(np.stack(arrays).tobytes(), syntax, **module)


def without_pixels() -> bytes:
    return dicom_file(EXPLICIT.element(0x00100010, "PN", "Nobody^Here"))


def make_archive(folder: Path, files: int = 6, **more: object) -> dict[str, bytes]:
    """Write images (every other one RLE) in two folders, a dataset without pixels and a text; return all by name."""
    content: dict[str, bytes] = {}
    for i in range(files):
        content[f"{'a' if i % 3 else 'b c/d'}/image{i}.dcm"] = image(i, syntax="rle" if i % 2 else "explicit", **more)
    content["a/report.dcm"] = without_pixels()
    content["notes.txt"] = b"nothing to see here\n"
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return content


def numbered(folder: Path, contents: Iterable[bytes]) -> Path:
    """Make a folder of the files 000.dcm, 001.dcm and so on."""
    folder.mkdir()
    for i, data in enumerate(contents):
        (folder / f"{i:03}.dcm").write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a folder, the manifest apart."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".dcmturbo-transcode.sqlite")
    }


def same_pixels(first: object, second: object) -> bool:
    ours, theirs = (dt.decode(one, raw=True, unused_bits="keep") for one in (first, second))
    return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


def rows_of(manifest):
    with Manifest(str(manifest), write=False) as opened:
        return {Path(row.destination).name: row for row in opened.rows()}


def is_transcoded(path, source):
    with dt.open(path) as opened:
        return opened.transfer_syntax == TARGET_UID and same_pixels(path, source)
