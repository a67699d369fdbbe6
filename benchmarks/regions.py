"""The rows of regions, lower resolutions and slides: a part of the work against all of it, or against other readers."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from measure import interleaved, median
from phantoms import PHANTOMS
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, generate_uid

import dcmturbo as dt

Row = dict[str, Any]
TILE, TILES = 240, 100  # rows and columns of a tile, and tiles in a row and in a column


def _times_less(file: str, works: dict[str, Callable[[], Any]], rounds: int) -> Row:
    times, facts = interleaved(works, rounds)
    return {"file": file, "times less": median(times["whole"]) / median(times["part"]), **facts}


def _large(side: int) -> np.ndarray:
    array = PHANTOMS["slide"].array()
    return np.ascontiguousarray(np.tile(array[..., 0] if array.ndim == 3 else array, (side // 512,) * 2))


def window(rounds: int) -> list[Row]:
    """One thread, 256 x 256 of a lossless frame of 4096 x 4096 in one tile, against the whole frame."""
    rows = []
    for syntax in ("JPEG2000Lossless", "HTJ2KLossless"):
        array = _large(4096)
        frame = dt.encode_frame(array, syntax, threads=2)
        kw = {"rows": 4096, "columns": 4096, "bits_allocated": 8}
        part = (1500, 1700, 256, 256)
        assert np.array_equal(dt.decode_frame(frame, syntax, region=part, **kw), array[1500:1756, 1700:1956])
        works = {
            "whole": lambda f=frame, s=syntax: dt.decode_frame(f, s, **kw),
            "part": lambda f=frame, s=syntax: dt.decode_frame(f, s, region=part, **kw),
        }
        rows.append(_times_less(syntax, works, rounds))
    return rows


def jpeg_reduce(rounds: int) -> list[Row]:
    """One thread, a JPEG frame of 2048 x 2048: the time that reduce=3 takes of that of reduce=0."""
    frame = dt.encode_frame(_large(2048), "JPEGBaseline8Bit", quality=90)
    kw = {"rows": 2048, "columns": 2048, "bits_allocated": 8}
    works = {
        "whole": lambda: dt.decode_frame(frame, JPEGBaseline8Bit, **kw),
        "part": lambda: dt.decode_frame(frame, JPEGBaseline8Bit, reduce=3, **kw),
    }
    return [_times_less("slide phantom", works, rounds)]


def _write_slide(path: Path) -> None:
    """Write a slide of 10,000 JPEG tiles."""
    array = _large(2560)[: 10 * TILE, : 10 * TILE]
    encoded = []
    for number in range(100):
        row, column = (TILE * part for part in divmod(number, 10))
        tile = np.ascontiguousarray(array[row : row + TILE, column : column + TILE])
        encoded.append(dt.encode_frame(tile, "JPEGBaseline8Bit", quality=80))
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", generate_uid()
    ds.ImageType, ds.DimensionOrganizationType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "TILED_FULL"
    ds.Rows = ds.Columns = TILE
    ds.TotalPixelMatrixRows = ds.TotalPixelMatrixColumns = TILE * TILES
    ds.NumberOfFrames, ds.SamplesPerPixel, ds.PhotometricInterpretation = TILES**2, 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([encoded[k // TILES % 10 * 10 + k % 10] for k in range(TILES**2)])
    ds["PixelData"].VR = "OB"
    ds.save_as(path, enforce_file_format=True)


def slide_window(rounds: int) -> list[Row]:
    """2048 x 2048 of a slide of 10,000 JPEG tiles of 240 x 240, two threads, against pydicom's decoder tile by tile."""
    from pydicom.pixels import get_decoder

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.dcm"
        _write_slide(path)
        ds = pydicom.dcmread(io.BytesIO(path.read_bytes()))
        decoder = get_decoder(JPEGBaseline8Bit)
        top = left = 10 * TILE

        def tile_by_tile() -> np.ndarray:
            found = np.empty((9 * TILE, 9 * TILE), np.uint8)
            for row in range(9):
                for column in range(9):
                    pixels, _ = decoder.as_array(ds, index=(10 + row) * TILES + 10 + column)
                    found[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = pixels
            return found[:2048, :2048]

        with dt.slide(path) as slide:
            ours = slide.read(0, (top, left), (2048, 2048), threads=2)
            assert np.abs(ours.astype(int) - tile_by_tile()).max() <= 1
            works = {
                "whole": tile_by_tile,
                "part": lambda: slide.read(0, (top, left), (2048, 2048), threads=2),
            }
            return [_times_less("10,000 tiles", works, rounds)]
