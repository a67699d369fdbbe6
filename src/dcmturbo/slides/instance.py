"""One object of a slide: its attributes, and where its tiles are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dcmturbo.dataset.attributes import Attributes, elements_of_opened, read_attributes
from dcmturbo.dataset.frame_offsets import load_offsets, use_offsets
from dcmturbo.dataset.sources import naming, open_source
from dcmturbo.image import Image
from dcmturbo.slides.tiles import PLACE_PATHS, Counts, Layout, layout_of, matrix_size, optical_paths

__all__ = ["Instance", "NotTiledError", "open_instance"]

_SPACING = "SharedFunctionalGroupsSequence.PixelMeasuresSequence.PixelSpacing"
_PATHS = (
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "ImageType",
    "ImagedVolumeWidth",
    "ImagedVolumeHeight",
    _SPACING,
    *PLACE_PATHS,
)


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
    uid, series, study : str
        UIDs of the object, its series and its study.
    """

    image: Image
    matrix: tuple[int, int]
    tile: tuple[int, int]
    layout: Layout
    paths: list[str]
    mpp: tuple[float, float] | None
    flavour: str
    uid: str
    series: str
    study: str


def open_instance(source: Any, *, raw: bool = False, kept: Mapping[str, str] = MappingProxyType({})) -> Instance:
    """Open an object, and find its tiles.

    Parameters
    ----------
    source : Any
        As `dcmturbo.open`.
    raw : bool
        As in `dcmturbo.decode`.
    kept : mapping of str to str
        Files with saved offsets of frames, by SOP Instance UID.

    Raises
    ------
    NotTiledError
        If it has no total pixel matrix.
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, OSError
        As `dcmturbo.open`.
    """
    opened = open_source(source)
    try:
        with naming(source):
            found = read_attributes(elements_of_opened(opened), _PATHS)
            index = kept.get(found.text("SOPInstanceUID"))
            offsets = None if index is None else load_offsets(index, opened)
            if offsets is not None:
                use_offsets(opened, offsets)
            image = Image(opened, raw=raw, unused_bits="correct", kept=offsets)
        matrix = matrix_size(found)
        if min(matrix) < 1:
            raise NotTiledError("the object is not tiled: it has no TotalPixelMatrixRows and TotalPixelMatrixColumns")
        tile = image.frame_shape[0], image.frame_shape[1]
        frames = Counts(
            promised=image.frame_set.promised,
            # An item of a fragment has 8 bytes, a frame of single bits less than one byte.
            most=opened.source.size // 8 if opened.encapsulated else 8 * opened.source.size,
            in_data=lambda: image.frame_set.found,
        )
        kind = found.text("ImageType").split("\\")
        return Instance(
            image=image,
            matrix=matrix,
            tile=tile,
            layout=layout_of(found, frames, tile),
            paths=optical_paths(found),
            mpp=_spacing_of(found, matrix),
            flavour=kind[2].strip() if len(kind) > 2 else "VOLUME",
            uid=found.text("SOPInstanceUID"),
            series=found.text("SeriesInstanceUID"),
            study=found.text("StudyInstanceUID"),
        )
    except BaseException:
        opened.close()
        raise


def _spacing_of(found: Attributes, matrix: tuple[int, int]) -> tuple[float, float] | None:
    """Return micrometres a pixel: PixelSpacing, or the size of the imaged volume."""
    spacing = found.first(_SPACING)
    if len(spacing) == 2 and min(spacing) > 0:
        return spacing[0] * 1000, spacing[1] * 1000
    height, width = found.number("ImagedVolumeHeight"), found.number("ImagedVolumeWidth")
    if height and width and min(height, width) > 0:
        return 1000 * height / matrix[0], 1000 * width / matrix[1]
    return None
