"""Whole slide images made in memory: tiled objects of a matrix of pixels."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

import dcmturbo as dt
from dcmturbo.formats.syntaxes import find_transfer_syntax

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
Matrices = dict[tuple[int, int], np.ndarray]  # by focal plane and optical path


def tissue(rows: int, columns: int, samples: int = 3, seed: int = 0) -> np.ndarray:
    """A matrix whose pixels are different everywhere, but compress."""
    y, x = np.mgrid[:rows, :columns]
    planes = [
        128 + 90 * np.sin(y / (19 + 3 * s) + seed) * np.cos(x / (23 - s)) + (x * 7 + y * 3) % 11 for s in range(samples)
    ]
    array = np.stack(planes, -1).astype(np.uint8)
    return array[..., 0] if samples == 1 else array


def tiles_of(matrix: np.ndarray, tile: tuple[int, int]) -> list[tuple[int, int, np.ndarray]]:
    """Row, column and pixels of each tile; those at the edges are filled up with 9."""
    found = []
    for row in range(0, matrix.shape[0], tile[0]):
        for column in range(0, matrix.shape[1], tile[1]):
            pixels = np.full((*tile, *matrix.shape[2:]), 9, matrix.dtype)
            part = matrix[row : row + tile[0], column : column + tile[1]]
            pixels[: part.shape[0], : part.shape[1]] = part
            found.append((row, column, pixels))
    return found


def instance(
    matrices: np.ndarray | Matrices,
    tile: tuple[int, int] = (32, 24),
    syntax: str = "JPEGLSLossless",
    *,
    sparse: bool = False,
    keep: Callable[[int, int], bool] = lambda row, column: True,
    shuffle: int | None = None,
    shift: tuple[int, int] = (0, 0),
    frames: slice = slice(None),
    kind: str = "VOLUME",
    series: str = "1.2.3",
    mpp: float = 0.5,
    path_names: Sequence[str] = ("A", "B", "C"),
) -> bytes:
    """Return a tiled object as a file.

    `keep` and `shift` choose and move the tiles of a TILED_SPARSE object, `shuffle` mixes their order; `frames` takes
    part of those of a TILED_FULL object, which then is part of a concatenation.
    """
    by_key = matrices if isinstance(matrices, dict) else {(0, 0): matrices}
    first = next(iter(by_key.values()))
    planes, paths = 1 + max(key[0] for key in by_key), 1 + max(key[1] for key in by_key)
    placed = []
    for path in range(paths):
        for plane in range(planes):
            placed += [(path, plane, *one) for one in tiles_of(by_key[plane, path], tile)]
    ds = Dataset()
    begin, _, _ = frames.indices(len(placed))
    if frames != slice(None):
        ds.ConcatenationUID = "1.2.3.4"
        ds.ConcatenationFrameOffsetNumber = begin
        ds.InConcatenationNumber = 1
        placed = placed[frames]
    if sparse:
        placed = [one for one in placed if keep(one[2], one[3])]
    if shuffle is not None:
        order = np.random.default_rng(shuffle).permutation(len(placed))
        placed = [placed[i] for i in order]
    samples = first.shape[2] if first.ndim == 3 else 1
    ds.SOPClassUID, ds.SOPInstanceUID = WHOLE_SLIDE, generate_uid()
    ds.SeriesInstanceUID, ds.StudyInstanceUID = series, "1.2"
    ds.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
    ds.Rows, ds.Columns = tile
    ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns = first.shape[:2]
    ds.TotalPixelMatrixFocalPlanes, ds.NumberOfOpticalPaths = planes, paths
    ds.NumberOfFrames = len(placed)
    ds.SamplesPerPixel = samples
    ds.PhotometricInterpretation = "MONOCHROME2" if samples == 1 else "RGB"
    if samples > 1:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8 * first.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = 0
    ds.OpticalPathSequence = [_item(OpticalPathIdentifier=path_names[i]) for i in range(paths)]
    measures = _item(PixelSpacing=[mpp / 1000, mpp / 1000], SpacingBetweenSlices=0.002)
    ds.SharedFunctionalGroupsSequence = [_item(PixelMeasuresSequence=[measures])]
    ds.DimensionOrganizationType = "TILED_SPARSE" if sparse else "TILED_FULL"
    if sparse:
        ds.PerFrameFunctionalGroupsSequence = [
            _item(
                PlanePositionSlideSequence=[
                    _item(
                        RowPositionInTotalImagePixelMatrix=row + shift[0] + 1,
                        ColumnPositionInTotalImagePixelMatrix=column + shift[1] + 1,
                        ZOffsetInSlideCoordinateSystem=2.0 * plane,
                    )
                ],
                OpticalPathIdentificationSequence=[_item(OpticalPathIdentifier=path_names[path])],
            )
            for path, plane, row, column, _ in placed
        ]
    found = find_transfer_syntax(syntax)
    encoded = [_encoded(pixels, syntax) for *_, pixels in placed]
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = found.uid
    if found.encapsulated:
        ds.PixelData = encapsulate(encoded)
    else:
        ds.PixelData = b"".join(encoded)
    ds["PixelData"].VR = "OB"
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _encoded(pixels: np.ndarray, syntax: str) -> bytes:
    if syntax == "ExplicitVRLittleEndian":
        return pixels.tobytes()
    return dt.encode_frame(pixels, syntax)


def _item(**values: object) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item
