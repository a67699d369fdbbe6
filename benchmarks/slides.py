"""The rows of slides: windows of 10,000 tiles of 240 x 240, read on two threads by dcmturbo and by others.

Each call reads another window, the same ones by everybody, so that no cache of pixels helps. wsidicom's caches are off.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pydicom
from measure import interleaved, median
from phantoms import PHANTOMS
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

import dcmturbo as dt
from dcmturbo.formats.syntaxes import find_transfer_syntax

Row = dict[str, Any]
Corner = tuple[int, int]
Reader = Callable[[Corner], np.ndarray]

TILE, TILES = 240, 100  # rows and columns of a tile, and tiles in a row and in a column
SIDE = 2048  # rows and columns of a window


@dataclass(frozen=True)
class Kind:
    """How the tiles of a slide are encoded, and how far decoders may differ in a sample of it."""

    name: str
    syntax: str
    photometric_interpretation: str
    options: dict[str, Any]
    tolerance: int


KINDS = (
    Kind("JPEG, YBR_FULL_422", "JPEGBaseline8Bit", "YBR_FULL_422", {"quality": 80}, 2),
    Kind("JPEG, grey", "JPEGBaseline8Bit", "MONOCHROME2", {"quality": 80}, 1),
    Kind("HTJ2K, YBR_RCT", "HTJ2KLossless", "YBR_RCT", {}, 0),
)


def _write(folder: Path, kind: Kind) -> Path:
    """Write a slide of 10,000 tiles, of which 100 differ."""
    is_grey = kind.photometric_interpretation == "MONOCHROME2"
    pixels = np.tile(PHANTOMS["slide"].array(), (5, 5, 1))
    encoded = []
    for number in range(100):
        row, column = (TILE * part for part in divmod(number, 10))
        tile = pixels[row : row + TILE, column : column + TILE]
        tile = np.ascontiguousarray(tile[..., 0] if is_grey else tile)
        colours = {} if is_grey else {"photometric_interpretation": kind.photometric_interpretation}
        encoded.append(dt.encode_frame(tile, kind.syntax, **kind.options, **colours))
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = find_transfer_syntax(kind.syntax).uid
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    ds.Modality, ds.ContainerIdentifier = "SM", "1"
    ds.ImageType, ds.DimensionOrganizationType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "TILED_FULL"
    ds.Rows = ds.Columns = TILE
    ds.TotalPixelMatrixRows = ds.TotalPixelMatrixColumns = TILE * TILES
    ds.TotalPixelMatrixFocalPlanes = ds.NumberOfOpticalPaths = 1
    ds.NumberOfFrames, ds.SamplesPerPixel = TILES**2, 1 if is_grey else 3
    ds.PhotometricInterpretation = kind.photometric_interpretation
    if not is_grey:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.ImagedVolumeWidth = ds.ImagedVolumeHeight = 12.0
    ds.ImagedVolumeDepth = 0.001
    ds.FocusMethod, ds.ExtendedDepthOfField, ds.SpecimenLabelInImage = "AUTO", "NO", "NO"
    ds.LossyImageCompression, ds.BurnedInAnnotation = "00", "NO"
    ds.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin, path, measures, shared = Dataset(), Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0.0
    path.OpticalPathIdentifier = "0"
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [0.0005, 0.0005], 0.001, 0.002
    shared.PixelMeasuresSequence = [measures]
    ds.TotalPixelMatrixOriginSequence, ds.OpticalPathSequence = [origin], [path]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PixelData = encapsulate([encoded[k // TILES % 10 * 10 + k % 10] for k in range(TILES**2)])
    ds["PixelData"].VR = "OB"
    file = folder / "slide.dcm"
    ds.save_as(file, enforce_file_format=True)
    return file


def _tile_by_tile(file: Path) -> Reader:
    """Return a reader of windows that decodes the tiles with pydicom, one after another."""
    from pydicom.pixels import get_decoder

    ds = pydicom.dcmread(file)
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)

    def read(corner: Corner) -> np.ndarray:
        (top, top_skip), (left, left_skip) = (divmod(one, TILE) for one in corner)
        rows, columns = (-(-(skip + SIDE) // TILE) for skip in (top_skip, left_skip))
        found: np.ndarray | None = None
        for row in range(rows):
            for column in range(columns):
                pixels, _ = decoder.as_array(ds, index=(top + row) * TILES + left + column)
                if found is None:
                    found = np.empty((rows * TILE, columns * TILE, *pixels.shape[2:]), pixels.dtype)
                found[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = pixels
        assert found is not None
        return found[top_skip : top_skip + SIDE, left_skip : left_skip + SIDE]

    return read


def _wsidicom(file: Path) -> dict[str, Reader]:
    """Return readers of wsidicom, which caches nothing: with the decoder that it prefers, and with Pillow."""
    from wsidicom import WsiDicom
    from wsidicom.config import Settings
    from wsidicom.options import DecoderOption

    readers = {}
    for name, decoder in (("wsidicom", None), ("wsidicom with Pillow", DecoderOption.PILLOW)):
        settings = Settings(decoded_frame_cache_size=0, encoded_frame_cache_size=0, preferred_decoder=decoder)
        opened = WsiDicom.open([file], settings=settings)

        def read(corner: Corner, opened: Any = opened) -> np.ndarray:
            return np.asarray(opened.read_region(corner[::-1], 0, (SIDE, SIDE), threads=2, as_array=True))

        readers[name] = read
    return readers


def _corners() -> Iterator[Corner]:
    random = Random(0)
    while True:
        yield random.randrange(TILE * TILES - SIDE), random.randrange(TILE * TILES - SIDE)


class _Reading:
    """Reads the next window at each call, and adds up the processor time of the process."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.corners, self.processor = reader, _corners(), [0.0]
        self.processor.clear()

    def __call__(self) -> np.ndarray:
        begin = time.process_time()
        found = self.reader(next(self.corners))
        self.processor.append(time.process_time() - begin)
        return found


def _measure(others_of: Callable[[Path], dict[str, Reader]], rounds: int, control: float) -> list[Row]:
    rows = []
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            file = _write(Path(folder), kind)
            with dt.slide(file) as slide:
                readers = {"dcmturbo": lambda at, slide=slide: slide.read(0, at, (SIDE, SIDE), threads=2)}
                readers |= others_of(file)
                for corner, _ in zip(_corners(), range(3), strict=False):
                    ours = readers["dcmturbo"](corner).astype(np.int16)
                    for name, reader in readers.items():
                        worst = int(np.abs(ours - reader(corner)).max())
                        assert worst <= kind.tolerance, f"{kind.name}: {name} differs by {worst}"
                works = {name: _Reading(reader) for name, reader in readers.items()}
                times, facts = interleaved(works, rounds, two_threads=True, control_floor=control)
            wall = {name: median(one) for name, one in times.items()}
            processor = {name: median(work.processor) for name, work in works.items()}
            fastest = min((name for name in works if name != "dcmturbo"), key=wall.__getitem__)
            rows.append(
                {
                    "file": kind.name,
                    "ratio": wall[fastest] / wall["dcmturbo"],
                    "processor ratio": processor[fastest] / processor["dcmturbo"],
                    "fastest other": fastest,
                    "ms": 1e3 * wall["dcmturbo"],
                    **facts,
                }
            )
    return rows


def tile_by_tile(rounds: int, control: float) -> list[Row]:
    """2048 x 2048 of a slide of 10,000 tiles of 240 x 240, two threads, against pydicom's decoder tile by tile."""
    return _measure(lambda file: {"pydicom": _tile_by_tile(file)}, rounds, control)


def wsidicom(rounds: int, control: float) -> list[Row]:
    """2048 x 2048 of a slide of 10,000 tiles of 240 x 240, two threads, against wsidicom without its caches."""
    return _measure(_wsidicom, rounds, control)
