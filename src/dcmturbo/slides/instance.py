"""One object of a slide: its attributes, and where its tiles are."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcmturbo.dataset.native_pixel_data import read_into
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import NotDicom
from dcmturbo.image import Image, open
from dcmturbo.slides.tiles import Layout, layout_of, optical_paths

__all__ = ["Instance", "NotTiledError", "open_instance"]

# What is read of the dataset; sequences are read whole.
_ATTRIBUTES = [
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "ImageType",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "TotalPixelMatrixRows",
    "TotalPixelMatrixColumns",
    "TotalPixelMatrixFocalPlanes",
    "NumberOfOpticalPaths",
    "OpticalPathSequence",
    "ImagedVolumeWidth",
    "ImagedVolumeHeight",
    "DimensionOrganizationType",
    "ConcatenationFrameOffsetNumber",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]


class NotTiledError(ValueError):
    """An object has no total pixel matrix, so it is not part of a slide."""


@dataclass
class Instance:
    """One object of a slide.

    Attributes
    ----------
    image : Image
        Its frames.
    matrix : tuple of int
        Rows and columns of its total pixel matrix.
    tile : tuple of int
        Rows and columns of a frame.
    layout : Layout
        The place of each frame.
    paths : list of str
        Identifiers of its optical paths, in their order.
    mpp : tuple of float, or None
        Micrometres from row to row and from column to column.
    flavour : str
        The third value of ImageType: VOLUME, THUMBNAIL, LABEL or OVERVIEW.
    series, study : str
        UIDs.
    """

    image: Image
    matrix: tuple[int, int]
    tile: tuple[int, int]
    layout: Layout
    paths: list[str]
    mpp: tuple[float, float] | None
    flavour: str
    series: str
    study: str


def open_instance(source: Any, *, raw: bool = False) -> Instance:
    """Open an object, and find its tiles.

    Raises
    ------
    NotTiledError
        If it has no total pixel matrix.
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, OSError
        As `dcmturbo.open`.
    """
    image = open(source, raw=raw)
    try:
        ds = _dataset_of(source, image.frame_set.opened)
        if not ds.get("TotalPixelMatrixRows") or not ds.get("TotalPixelMatrixColumns"):
            raise NotTiledError("the object is not tiled: it has no TotalPixelMatrixRows and TotalPixelMatrixColumns")
        matrix = int(ds.TotalPixelMatrixRows), int(ds.TotalPixelMatrixColumns)
        tile = image.frame_shape[0], image.frame_shape[1]
        kind = [str(value) for value in ds.get("ImageType") or []]
        return Instance(
            image=image,
            matrix=matrix,
            tile=tile,
            layout=layout_of(ds, image.frame_set.promised, tile, lambda: image.frame_set.found),
            paths=optical_paths(ds),
            mpp=_spacing_of(ds, matrix),
            flavour=kind[2] if len(kind) > 2 else "VOLUME",
            series=str(ds.get("SeriesInstanceUID", "")),
            study=str(ds.get("StudyInstanceUID", "")),
        )
    except BaseException:
        image.close()
        raise


def _dataset_of(source: Any, opened: OpenedSource) -> Any:
    """Return the attributes as a pydicom Dataset, without pixel data."""
    if hasattr(source, "group_dataset") and hasattr(source, "get_item"):
        return source
    import pydicom

    assert opened.file is not None
    file = opened.file
    # Deflated datasets are inflated from the whole file; of others, what is before the pixel data is enough.
    end = file.source.size if file.dataset.deflated else opened.pixel_data_offset
    head = bytearray(end)
    read_into(file.source, file.buffer, 0, head)
    try:
        return pydicom.dcmread(io.BytesIO(head), stop_before_pixels=True, specific_tags=_ATTRIBUTES, force=True)
    except (ValueError, TypeError, KeyError, EOFError, AttributeError) as error:
        raise NotDicom(f"the attributes cannot be read: {error}") from error


def _spacing_of(ds: Any, matrix: tuple[int, int]) -> tuple[float, float] | None:
    """Return micrometres a pixel: PixelSpacing, or the size of the imaged volume."""
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    measures = (shared.get("PixelMeasuresSequence") or [None])[0] if shared is not None else None
    spacing = measures.get("PixelSpacing") if measures is not None else None
    if spacing is not None and len(spacing) == 2 and min(float(value) for value in spacing) > 0:
        return float(spacing[0]) * 1000, float(spacing[1]) * 1000
    sizes = ds.get("ImagedVolumeHeight"), ds.get("ImagedVolumeWidth")
    if all(sizes):
        return tuple(np.multiply(1000, [float(sizes[0]) / matrix[0], float(sizes[1]) / matrix[1]]).tolist())
    return None
