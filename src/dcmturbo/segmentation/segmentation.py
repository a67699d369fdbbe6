"""`read_segmentation`: an object's segments as label images, masks, fractions or runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from dcmturbo.dataset.attributes import elements_of_opened
from dcmturbo.dataset.sources import name_source, open_source
from dcmturbo.errors import DecodeError, DecodeWarning, Error, LimitExceeded, add_note_once
from dcmturbo.frames.arguments import check_out, new_array
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.frames.read_options import ReadOptions
from dcmturbo.frames.region import RegionLike, Window, window_of
from dcmturbo.notes import stack_level
from dcmturbo.segmentation.drawing import chunks, draw_planes, draw_tiles, keep_labels, merge_label_tiles, merge_largest
from dcmturbo.segmentation.frames import FrameTable, Segment, read_frame_table
from dcmturbo.segmentation.placing import place
from dcmturbo.segmentation.tiled import Places, places_in

__all__ = ["Runs", "Segment", "Segmentation", "read_segmentation"]

Overlap = Literal["raise", "first", "last"]


class Runs(NamedTuple):
    """Pixels of a segment as runs along the rows: the sparse form.

    Attributes
    ----------
    planes, rows, starts, lengths : numpy.ndarray of int
        One value for each run.
    """

    planes: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


def read_segmentation(source: Any) -> Segmentation:
    """Open a segmentation object, and read what its frames are. Pixels are decoded when they are asked for.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL, or pydicom Dataset
        An object whose SegmentationType is BINARY, FRACTIONAL or LABELMAP (PS3.3, C.8.20.2), in any transfer syntax.
        Of a slide, the frames are tiles (TILED_FULL or TILED_SPARSE), and are put into the total pixel matrix.

    Returns
    -------
    Segmentation
        It keeps the source open: use it in a ``with`` statement, or call ``close()``.

    Raises
    ------
    DecodeError
        If the object is no segmentation, or does not say which segment a frame is of.
    NotDicom, NoPixelData, UnsupportedTransferSyntax, OSError
        As `dcmturbo.decode`.

    Examples
    --------
    >>> with dt.read_segmentation("seg.dcm") as segmentation:            # doctest: +SKIP
    ...     labels = segmentation.labels()
    ...     liver = segmentation.mask(3)
    """
    opened = open_source(source)
    try:
        frames = FrameSet(opened)
        if len(frames.frame_shape) != 2:
            raise DecodeError(f"a segmentation has one sample for each pixel, not {frames.frame_shape[2]}")
        frames.check_span(range(frames.promised), salvage=False)
        rows, columns = frames.frame_shape
        table = read_frame_table(elements_of_opened(opened), frames.promised, frames.found, (rows, columns))
    except BaseException as error:
        opened.close()
        if isinstance(error, Error):
            name_source(error, source)
        raise
    return Segmentation(frames, table)


class Segmentation:
    """The segments of an object.

    Attributes
    ----------
    segments : list of Segment
        In the order of the object.
    kind : str
        BINARY, FRACTIONAL or LABELMAP.
    shape : tuple of int
        (planes, rows, columns) of the label image and the masks. Planes are sorted along their normal; those without
        frames are empty. Of a slide, rows and columns are those of the total pixel matrix, and planes are focal planes.
    affine_lps : numpy.ndarray or None
        The 4 x 4 matrix from (column, row, plane) to mm (LPS); None if the object does not say it, or the distances
        differ. None for a slide.
    affine_slide : numpy.ndarray or None
        Of a slide: the 4 x 4 matrix from (column, row, plane) to mm in the slide coordinate system.
    positions : numpy.ndarray or None
        ImagePositionPatient of each plane.
    segment_of, plane_of : numpy.ndarray of int
        Number of the segment, and plane, of each frame.
    dimension_index : numpy.ndarray or None
        DimensionIndexValues of each frame.
    references : list of (int, str, int)
        Frame, SOPInstanceUID of an image from which it was derived, and the frame in it, counted from 1.
    tiles : numpy.ndarray or None
        Of a slide: row and column of each frame in the total pixel matrix, counted from 0.
    attributes : dict of str
        SOPInstanceUID, SeriesInstanceUID, FrameOfReferenceUID.
    """

    def __init__(self, frames: FrameSet, table: FrameTable) -> None:
        self._frames = frames
        self._maximum = table.maximum
        self.segments = table.segments
        self.kind = table.kind
        rows, columns = frames.frame_shape if table.matrix is None else table.matrix
        self.shape = (table.planes, rows, columns)
        self.affine_lps, self.affine_slide = table.affine_lps, table.affine_slide
        self.positions = table.positions
        self.segment_of, self.plane_of = table.segment_of, table.plane_of
        self.dimension_index = table.dimension_index
        self.references = table.references
        self.tiles = table.tiles
        self.attributes = table.about

    def __enter__(self) -> Segmentation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the source."""
        self._frames.opened.close()

    def numbers(self, segments: Any = None) -> list[int]:
        """Return the numbers of segments that are given by number or label; all of them by default."""
        if segments is None:
            return [segment.number for segment in self.segments]
        one = isinstance(segments, (int, np.integer, str))
        return [self._number(name) for name in ([segments] if one else segments)]

    def _number(self, name: Any) -> int:
        found = [segment.number for segment in self.segments if name in (segment.number, segment.label)]
        if len(found) != 1:
            known = ", ".join(f"{segment.number} ({segment.label})" for segment in self.segments[:20])
            what = "is no segment" if not found else "are several segments"
            raise KeyError(f"there {what} {name!r}; the object has {known}")
        return found[0]

    # ---- label images -----------------------------------------------------------------------------

    def labels(
        self,
        segments: Any = None,
        *,
        overlap: Overlap = "raise",
        threshold: float = 0.5,
        dtype: Any = None,
        out: np.ndarray | None = None,
        threads: int | None = None,
        region: RegionLike = None,
    ) -> np.ndarray:
        """Return the label image: the number of the segment of each pixel, 0 where there is none.

        Parameters
        ----------
        segments : int, str, or sequence of these, optional
            Numbers or labels of the segments; all by default.
        overlap : {"raise", "first", "last"}
            What to do where segments overlap: raise an error, or let the first or last in the order of frames win.
        threshold : float
            For fractions: the smallest one that counts as inside.
        dtype : dtype-like, optional
            Of the result: by default the smallest of uint8 and uint16 that holds the numbers.
        out : numpy.ndarray, optional
            Write into this array.
        threads : int, optional
            As in `dcmturbo.decode`.
        region : tuple of four int or pair of slices, optional
            (top, left, height, width) of the pixels to return, of each plane. Of a slide, only the tiles in it are
            decoded.

        Raises
        ------
        LimitExceeded
            If the result needs more memory than the limits allow: `region` returns a part.
        DecodeError
            If segments overlap, if the label of a label map has no segment, or a frame cannot be decoded.
        KeyError
            If there is no such segment.
        """
        if overlap not in ("raise", "first", "last"):
            raise ValueError(f"overlap is {overlap!r}; expected 'raise', 'first' or 'last'")
        numbers = self.numbers(segments)
        window = self._window(region)
        if self.kind == "LABELMAP":
            known = numbers if segments is not None else None
            if window is not None:
                return self._label_tiles(known, dtype, out, threads, window, overlap)
            return self._label_map(known, dtype, out, threads)
        wanted = np.dtype(dtype or (np.uint8 if max(numbers, default=0) < 256 else np.uint16))
        if wanted.kind != "u" or wanted.itemsize > 4 or max(numbers, default=0) > np.iinfo(wanted).max:
            raise ValueError(f"dtype is {wanted}, which cannot hold the numbers of segments up to {max(numbers)}")
        result = self._empty(wanted, out, window)
        chosen = np.flatnonzero(np.isin(self.segment_of, numbers))
        overlaps = self._draw(
            chosen,
            self.segment_of[chosen],
            result,
            threshold,
            threads,
            last_wins=overlap == "last",
            window=window,
        )
        if overlaps and overlap == "raise":
            raise DecodeError(
                f"segments overlap in {overlaps} pixels, so that one label image cannot hold them: use "
                "mask() for single segments, or overlap='first' or 'last'",
                code="mismatch",
            )
        return result

    def _window(self, region: RegionLike) -> Window | None:
        """Return the part to draw tile by tile; None if whole frames are the planes."""
        _, rows, columns = self.shape
        window = window_of(region, rows, columns)
        return (0, 0, rows, columns) if window is None and self.tiles is not None else window

    def _empty(self, dtype: np.dtype[Any], out: np.ndarray | None, window: Window | None = None) -> np.ndarray:
        shape = self.shape if window is None else (self.shape[0], *window[2:])
        if out is None:
            try:
                return new_array(shape, dtype)
            except LimitExceeded as error:
                if self.tiles is not None:
                    add_note_once(error, "region= returns a part of the total pixel matrix")
                raise
        check_out(out, shape, dtype)
        if not out.flags.c_contiguous:
            raise ValueError("out must be C-contiguous")
        return out

    def _zeros(self, dtype: np.dtype[Any], out: np.ndarray | None, window: Window | None = None) -> np.ndarray:
        result = self._empty(dtype, out, window)
        result[...] = 0
        return result

    def _draw(
        self,
        chosen: np.ndarray,
        labels: np.ndarray,
        result: np.ndarray,
        threshold: float,
        threads: int | None,
        *,
        last_wins: bool,
        window: Window | None,
    ) -> int:
        """Draw frames into a label image whose cells may hold anything; return in how many pixels they overlap."""
        self._frames.check_bytes()
        self._frames.warn_of_excess()
        limit = self._limit(threshold)
        if window is None:
            planes = self.plane_of[chosen]
            return draw_planes(
                self._frames,
                chosen,
                labels,
                planes,
                result,
                threshold=limit,
                last_wins=last_wins,
                threads=threads,
            )
        places = self._places(chosen, window)
        return draw_tiles(
            self._frames, chosen, labels, places, result, threshold=limit, last_wins=last_wins, threads=threads
        )

    def _limit(self, threshold: float) -> int:
        """Return the smallest sample that is inside."""
        return 1 if self.kind == "BINARY" else min(255, max(1, int(np.ceil(threshold * self._maximum))))

    def _places(self, chosen: np.ndarray, window: Window) -> Places:
        corners = np.zeros((len(chosen), 2), np.int64) if self.tiles is None else self.tiles[chosen]
        rows, columns = self._frames.frame_shape
        return places_in(self.plane_of[chosen], corners, (rows, columns), window)

    def _label_map(
        self, numbers: list[int] | None, dtype: Any, out: np.ndarray | None, threads: int | None
    ) -> np.ndarray:
        frames = self._frames
        wanted = np.dtype(frames.dtype if dtype is None else dtype)
        planes, count = self.plane_of, self.shape[0]
        if len(np.unique(planes)) != len(planes):
            raise DecodeError("several frames of the label map have one plane", code="mismatch")
        if len(planes) == count and wanted == frames.dtype:
            order = np.empty(count, np.int64)
            order[planes] = np.arange(count)
            result = frames.read(order.tolist(), ReadOptions(out=out, threads=threads))
            if numbers is not None and not result.flags.owndata:
                result = np.array(result)
        else:
            result = self._zeros(wanted, out)
            for frame, plane in enumerate(planes.tolist()):
                result[plane] = frames.read(frame, ReadOptions(threads=threads))
        if numbers is not None:
            known = self._known(numbers)
            for plane in result:
                keep_labels(plane, known)
        return result

    def _known(self, numbers: list[int]) -> np.ndarray:
        known = np.zeros(int(np.iinfo(self._frames.dtype).max) + 1, bool)
        known[[number for number in numbers if number < len(known)]] = True
        return known

    def _label_tiles(
        self,
        numbers: list[int] | None,
        dtype: Any,
        out: np.ndarray | None,
        threads: int | None,
        window: Window,
        overlap: Overlap,
    ) -> np.ndarray:
        wanted = np.dtype(self._frames.dtype if dtype is None else dtype)
        result = self._zeros(wanted, out, window)
        places = self._places(np.arange(len(self.plane_of)), window)
        if places.apart and len(np.unique(places.place)) != len(places.place):
            raise DecodeError("several frames of the label map have one place", code="mismatch")
        known = None if numbers is None else self._known(numbers)
        overlaps = merge_label_tiles(self._frames, places, known, result, last_wins=overlap == "last", threads=threads)
        if overlaps and overlap == "raise":
            raise DecodeError(
                f"tiles overlap and differ in {overlaps} pixels: use overlap='first' or 'last'", code="mismatch"
            )
        return result

    # ---- masks ------------------------------------------------------------------------------------

    def mask(
        self,
        segment: int | str,
        *,
        threshold: float = 0.5,
        out: np.ndarray | None = None,
        threads: int | None = None,
        region: RegionLike = None,
    ) -> np.ndarray:
        """Return the mask of one segment: uint8, 1 inside, (planes, rows, columns); `region` as in `labels`."""
        number, window = self._number(segment), self._window(region)
        if self.kind == "LABELMAP":
            if window is None:
                labels = self._label_map(None, None, None, threads)
            else:
                labels = self._label_tiles([number], None, None, threads, window, "last")
            result = self._empty(np.dtype(np.uint8), out, window)
            np.equal(labels, number, out=result, casting="unsafe")
            return result
        result = self._empty(np.dtype(np.uint8), out, window)
        chosen = np.flatnonzero(self.segment_of == number)
        ones = np.ones(len(chosen), np.int64)
        self._draw(chosen, ones, result, threshold, threads, last_wins=True, window=window)
        return result

    def masks(
        self, segments: Any = None, *, threshold: float = 0.5, threads: int | None = None, region: RegionLike = None
    ) -> np.ndarray:
        """Return the masks of several segments: uint8, (segments, planes, rows, columns); `region` as in `labels`."""
        numbers, window = self.numbers(segments), self._window(region)
        shape = self.shape if window is None else (self.shape[0], *window[2:])
        result = new_array((len(numbers), *shape), np.dtype(np.uint8))
        for i, number in enumerate(numbers):
            self.mask(number, threshold=threshold, out=result[i], threads=threads, region=region)
        return result

    def fractions(
        self, segment: int | str, *, dtype: Any = np.float32, threads: int | None = None, region: RegionLike = None
    ) -> np.ndarray:
        """Return the fraction or probability of a segment in each pixel, from 0 to 1; of other kinds, 0 or 1.

        Where tiles of a slide overlap, the largest one counts. `region` is as in `labels`.
        """
        if self.kind != "FRACTIONAL":
            return self.mask(segment, threads=threads, region=region).astype(dtype)
        number, window = self._number(segment), self._window(region)
        result = self._zeros(np.dtype(dtype), None, window)
        scale = result.dtype.type(1.0 / self._maximum)
        frames = np.flatnonzero(self.segment_of == number)
        if window is not None:
            merge_largest(self._frames, frames, self._places(frames, window), scale, result, threads)
            return result
        for part, pixels in chunks(self._frames, frames, threads):
            for plane, frame in zip(self.plane_of[part].tolist(), pixels, strict=True):
                np.multiply(frame, scale, out=result[plane], casting="unsafe", dtype=result.dtype)
        return result

    def runs(self, segment: int | str, *, threshold: float = 0.5, threads: int | None = None) -> Runs:
        """Return a segment as runs along the rows, without making a mask of all planes."""
        number = self._number(segment)
        if self.tiles is not None:
            return _join(self._bands_of_runs(number, threshold, threads))
        if self.kind == "LABELMAP":
            mask = self.mask(number, threads=threads)
            return _join([_runs_of(mask, np.arange(len(mask)))])
        limit = self._limit(threshold)
        frames = np.flatnonzero(self.segment_of == number)
        parts = [
            _runs_of(pixels >= limit, self.plane_of[part]) for part, pixels in chunks(self._frames, frames, threads)
        ]
        return _join(parts)

    def _bands_of_runs(self, number: int, threshold: float, threads: int | None) -> Iterator[Runs]:
        """Yield the runs of a slide in bands as high as a tile, so that runs go on from tile to tile."""
        assert self.tiles is not None
        _, rows, columns = self.shape
        high = self._frames.frame_shape[0]
        mine = self.kind == "LABELMAP" or self.segment_of == number
        tops = self.tiles[:, 0][np.broadcast_to(mine, len(self.tiles))]
        for band in np.unique(np.concatenate([tops // high, (tops + high - 1) // high])).tolist():
            begin, end = max(0, band * high), min(rows, (band + 1) * high)
            if begin < end:
                mask = self.mask(number, threshold=threshold, threads=threads, region=(begin, 0, end - begin, columns))
                runs = _runs_of(mask, np.arange(len(mask)))
                yield runs._replace(rows=runs.rows + begin)

    # ---- on another grid --------------------------------------------------------------------------

    def on(
        self,
        reference: Any,
        segments: Any = None,
        *,
        overlap: Overlap = "raise",
        dtype: Any = None,
        threads: int | None = None,
        resample: bool = False,
    ) -> np.ndarray:
        """Return the label image on the grid of a reference volume.

        Parameters
        ----------
        reference : Volume
            Anything with ``array`` or ``shape``, and ``affine_lps``.
        segments, overlap, dtype, threads
            As in `labels`.
        resample : bool
            If the grids do not agree: take the nearest voxel instead of raising an error.

        Raises
        ------
        DecodeError
            If the segmentation has no geometry, another frame of reference, or (without `resample`) voxels that do not
            lie on those of the reference.
        """
        if self.tiles is not None:
            raise DecodeError(
                "the segmentation is of a slide, whose place in the patient is not known: labels() has the rows and "
                "columns of the total pixel matrix",
                code="argument",
            )
        if self.affine_lps is None:
            raise DecodeError("the segmentation does not say where its planes are, or they are uneven", code="argument")
        mine = self.attributes["FrameOfReferenceUID"]
        other = getattr(reference, "attributes", {}).get("FrameOfReferenceUID", "")
        if mine and other and mine != other:
            raise DecodeError(f"the frames of reference differ: {mine} and {other}", code="mismatch")
        labels = self.labels(segments, overlap=overlap, dtype=dtype, threads=threads)
        shape = tuple(reference.shape[:3])
        result, outside = place(
            labels, self.affine_lps, shape, np.asarray(reference.affine_lps), resample=resample, threads=threads
        )
        if outside:
            warnings.warn(
                f"{outside} labelled voxels lie outside of the reference", DecodeWarning, stacklevel=stack_level()
            )
        return result


def _runs_of(mask: np.ndarray, planes: Sequence[int] | np.ndarray) -> Runs:
    columns = mask.shape[2]
    padded = np.zeros((*mask.shape[:2], columns + 2), np.int8)
    padded[:, :, 1:-1] = mask != 0
    edges = np.diff(padded, axis=2)
    frames, rows, starts = np.nonzero(edges == 1)
    _, _, ends = np.nonzero(edges == -1)
    return Runs(np.asarray(planes)[frames], rows, starts, ends - starts)


def _join(parts: Iterable[Runs]) -> Runs:
    parts = list(parts) or [Runs(*(np.empty(0, np.int64) for _ in range(4)))]
    joined = Runs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    order = np.lexsort((joined.starts, joined.rows, joined.planes))
    return Runs(*(column[order] for column in joined))
