"""`slide` and `Slide`: windows of a whole slide image, put together from its tiles in parallel."""

from __future__ import annotations

import operator
import os
import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dcmturbo.configuration import resolve_threads
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.dataset.sources import name_of, name_source
from dcmturbo.errors import DecodeWarning, Error, NoPixelData, NotDicom, add_note_once
from dcmturbo.frames.arguments import check_fill_value, check_out, decoded_array, new_array
from dcmturbo.frames.batch import decode_batch
from dcmturbo.frames.frame_set import FrameSet
from dcmturbo.frames.region import RegionLike, Window, check_reduce, read_index, reduced_size, window_of
from dcmturbo.frames.status import Failure, OnError, check_on_error, conclude
from dcmturbo.notes import stack_level
from dcmturbo.slides.instance import Instance, NotTiledError, open_instance
from dcmturbo.slides.sources import INDEX_SUFFIX, kept_offsets, sources_of
from dcmturbo.slides.thumbnails import averaged
from dcmturbo.slides.tiles import Tiles, may_overlap, parts_of
from dcmturbo.urls import is_url

__all__ = ["Level", "Slide", "slide"]


FillValue = float | Sequence[float] | None


def slide(source: Any, *, raw: bool = False, index: str | os.PathLike[str] | None = None) -> Slide:
    """Open a whole slide image: one object, or all objects of a pyramid (PS3.3, A.32.8).

    Parameters
    ----------
    source : folder, or anything that `dcmturbo.open` takes, or a sequence of those
        With a folder, all its files that are tiled images are taken; other files are passed over. It may be a URL, such
        as ``s3://bucket/slide/``. Objects of the same size are one level: parts of a concatenation, optical paths and
        focal planes in objects of their own.
    raw : bool
        As in `dcmturbo.decode`.
    index : path or URL, optional
        A folder in which `Slide.save_index` has saved where the frames are. They are then not searched.

    Returns
    -------
    Slide
        A context manager.

    Raises
    ------
    ValueError
        If there are no tiled images, or if they are of more than one series.
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, OSError
        As `dcmturbo.open`.

    Examples
    --------
    >>> with dt.slide("slide/") as slide:                               # doctest: +SKIP
    ...     patch = slide.read(0, (20_000, 30_000), (512, 512))
    ...     overview = slide.thumbnail(1024)
    """
    instances: list[Instance] = []
    kept = {} if index is None else kept_offsets(os.fsdecode(index))
    try:
        for one, is_chosen in sources_of(source):
            try:
                instances.append(open_instance(one, raw=raw, kept=kept))
            except (NotTiledError, NotDicom, NoPixelData) as error:
                if is_chosen:
                    if isinstance(error, Error):
                        name_source(error, one)
                    else:
                        add_note_once(error, f"in {name_of(one) or f'a {type(one).__name__}'}")
                    raise
        if not instances:
            raise ValueError("there are no tiled images")
        return Slide(_without_copies(instances))
    except BaseException:
        for instance in instances:
            instance.image.close()
        raise


def _without_copies(instances: list[Instance]) -> list[Instance]:
    """Return the objects without those that another has the SOPInstanceUID of, and close these."""
    kept: dict[Any, Instance] = {}
    for number, one in enumerate(instances):
        if kept.setdefault(one.uid or number, one) is not one:
            one.image.close()
    if len(kept) < len(instances):
        warnings.warn(
            f"{len(instances) - len(kept)} of {len(instances)} objects have the SOPInstanceUID of another: "
            "the first of each is taken",
            DecodeWarning,
            stacklevel=stack_level(),
        )
    return list(kept.values())


class Level:
    """One resolution of a slide: a matrix of pixels that its tiles make up.

    ``level[rows, columns]`` reads a window, as numpy takes integers, slices and ``...``. Pixels between the steps of a
    slice are read too. ``numpy.asarray(level)`` reads all of it.

    Attributes
    ----------
    shape : tuple of int
        (rows, columns) or (rows, columns, samples) of the total pixel matrix.
    tile_shape : tuple of int
        Rows and columns of a tile of its first object.
    mpp : tuple of float, or None
        Micrometres from row to row and from column to column, if the object says so.
    downsample : float
        How many rows of level 0 a row stands for.
    ndim : int
        Length of `shape`.
    dtype : numpy.dtype
        Type of a sample.
    planes : list of (str, float)
        Which optical paths it has at which focal planes.
    photometric_interpretation : str
        Of the pixels that `read` returns.
    """

    def __init__(self, instances: list[Instance], full: tuple[int, int]) -> None:
        first = instances[0]
        self._instances = instances
        self._first = first
        self.shape: tuple[int, ...] = (*first.matrix, *first.image.frame_shape[2:])
        self.ndim = len(self.shape)
        self.tile_shape = first.tile
        self.mpp = first.mpp
        self.downsample = full[0] / first.matrix[0]
        self.dtype: np.dtype[Any] = first.image.dtype
        for other in instances[1:]:
            if other.image.dtype != self.dtype or other.image.frame_shape[2:] != self.shape[2:]:
                raise ValueError(
                    f"objects of a level differ: one has {_samples_of(first)}, another has {_samples_of(other)}"
                )
        keys = [key for instance in instances for key in instance.layout.tiles]
        self.planes = list(dict.fromkeys(keys))
        order = list(dict.fromkeys(path for instance in instances for path in instance.paths))
        found = dict.fromkeys(path for path, _ in keys)
        self.optical_paths = [path for path in order if path in found]
        self.optical_paths += [path for path in found if path not in self.optical_paths]
        self.focal_planes = sorted({height for _, height in keys})

    @property
    def photometric_interpretation(self) -> str:  # noqa: D102
        return self._first.image.photometric_interpretation

    def __repr__(self) -> str:
        return f"<dcmturbo.Level shape={self.shape} dtype={self.dtype} tiles={self.tile_shape}>"

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read a window: ``level[rows, columns]``, as numpy takes integers, slices and ``...``."""
        return read_index(lambda region: self.read(region=region), key, self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of it."""
        return decoded_array(self.read, dtype, copy)

    def read(
        self,
        *,
        region: RegionLike = None,
        optical_path: int | str = 0,
        focal_plane: int | float = 0,
        fill_value: FillValue = None,
        out: np.ndarray | None = None,
        threads: int | None = None,
        on_error: OnError = "raise",
        reduce: int = 0,
    ) -> np.ndarray:
        """Read a window of the level; all of it by default. See `Slide.read`."""
        salvage = check_on_error(on_error)
        reduce = check_reduce(reduce)
        rows, columns = (reduced_size(size, reduce) for size in self.shape[:2])
        fill = self._fill(fill_value)
        damaged = _fill_of_damage(fill, salvage=salvage)
        window = window_of(region, rows, columns, "level") or (0, 0, rows, columns)
        shape = (*window[2:], *self.shape[2:])
        if out is not None:
            check_out(out, shape, self.dtype)
        target = new_array(shape, self.dtype) if out is None else out
        if target.size == 0:
            return target
        jobs = []
        for one, placed in self._tiles(optical_path, focal_plane):
            tile = reduced_size(one.tile[0], reduce), reduced_size(one.tile[1], reduce)
            tiles = placed.reduced(one.tile, reduce).touching(*window, tile)
            jobs.append(_Job(one, tile, tiles, list(parts_of(tiles, window, tile))))
        overlaps = _may_overlap(jobs)
        if overlaps or _covered(jobs) < window[2] * window[3]:
            target[...] = fill
        # Tiles that overlap are decoded in their order, so that the last counts.
        workers = 1 if overlaps else resolve_threads(threads)
        failures = _decode(jobs, window, target, workers, reduce, salvage=salvage, fill_value=damaged)
        conclude(failures, salvage=salvage, count=sum(len(job.tiles.frames) for job in jobs), of="tiles")
        return target

    def _tiles(self, optical_path: int | str, focal_plane: int | float) -> list[tuple[Instance, Any]]:
        """Return the objects that have an optical path and focal plane, with their tiles."""
        key = self.choose(optical_path, focal_plane)
        return [(one, one.layout.tiles[key]) for one in self._instances if key in one.layout.tiles]

    def example(self, optical_path: int | str = 0, focal_plane: int | float = 0) -> tuple[OpenedSource, int]:
        """Return an object that has an optical path and focal plane, and the number of one of its frames of them."""
        one, tiles = self._tiles(optical_path, focal_plane)[0]
        return one.image.frame_set.opened, int(tiles.frames[0]) if len(tiles.frames) else 0

    def choose(self, optical_path: int | str, focal_plane: int | float) -> tuple[str, float]:
        """Return the identifier of an optical path and the offset of a focal plane, which `read` takes.

        Raises
        ------
        IndexError
            If the level does not have them.
        """
        path = (
            optical_path if isinstance(optical_path, str) else _chosen(self.optical_paths, optical_path, "optical path")
        )
        if path not in self.optical_paths:
            raise IndexError(f"there is no optical path {path!r}: the level has {self.optical_paths}")
        if isinstance(focal_plane, (float, np.floating)):
            plane = min(self.focal_planes, key=lambda height: abs(height - focal_plane))
        else:
            plane = _chosen(self.focal_planes, focal_plane, "focal plane")
        return path, plane

    def same_plane(self, full: Level, key: tuple[str, float]) -> tuple[str, float] | None:
        """Return the optical path and focal plane that are those of another level; None if there are none.

        If both levels have only one, they are the same, whatever they are called.
        """
        if key in self.planes:
            return key
        return self.planes[0] if len(self.planes) == len(full.planes) == 1 else None

    def _fill(self, fill_value: FillValue) -> Any:
        if fill_value is not None:
            return _values_of(fill_value, self.dtype, self.shape[2:])
        is_light = len(self.shape) == 3 and self.dtype.kind == "u"  # the glass beside the tissue
        return self.dtype.type(np.iinfo(self.dtype).max if is_light else 0)


class _Job(NamedTuple):
    """The tiles of an object that are in a window: their size, their places, and groups of the same part of a tile."""

    instance: Instance
    tile: tuple[int, int]
    tiles: Tiles
    groups: list[tuple[Window, np.ndarray]]


def _decode(
    jobs: list[_Job],
    window: Window,
    target: np.ndarray,
    threads: int,
    reduce: int,
    *,
    salvage: bool,
    fill_value: float,
) -> list[Failure]:
    sets: list[FrameSet] = []
    windows: list[Window | None] = []
    set_of, frames, places = [], [], []
    top, left = window[:2]
    for one, tile, tiles, groups in jobs:
        numbers = np.empty(len(tiles.frames), np.uint32)
        corners = np.empty((len(tiles.frames), 2), np.int64)
        for part, members in groups:
            numbers[members] = len(sets)
            sets.append(one.image.frame_set)
            windows.append(None if part == (0, 0, *tile) else part)
            corners[members, 0] = tiles.rows[members] + part[0] - top
            corners[members, 1] = tiles.columns[members] + part[1] - left
        set_of.append(numbers)
        frames.append(tiles.frames)
        places.append(corners)
    if not sets:
        return []
    return decode_batch(
        sets,
        np.concatenate(set_of),
        np.concatenate(frames).astype(np.uint64),
        target,
        threads=threads,
        salvage=salvage,
        fill_value=fill_value,
        status=None,
        reduce=reduce,
        windows=windows,
        places=np.concatenate(places),
    )


def _values_of(fill_value: Any, dtype: np.dtype[Any], samples: tuple[int, ...]) -> np.ndarray:
    """Return a fill value in the type of the samples, as one value or one for each."""
    given = np.asarray(fill_value)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"fill_value is {fill_value!r}; expected a number, or one for each sample")
    if given.size != 1 and given.shape != samples:
        raise ValueError(
            f"fill_value has {given.size} numbers; expected one, or one for each of {samples or 1} samples"
        )
    with np.errstate(invalid="ignore"):
        values = given.reshape(() if given.size == 1 else samples).astype(dtype)
    if dtype.kind in "iu" and (values != given.reshape(values.shape)).any():
        raise ValueError(f"fill_value is {fill_value!r}, which {dtype} does not have")
    return values


def _may_overlap(jobs: list[_Job]) -> bool:
    """Whether tiles of a window may share pixels, of an object or of several."""
    jobs = [job for job in jobs if len(job.tiles.frames)]
    if len(jobs) < 2:
        return any(job.instance.layout.overlaps for job in jobs)
    return len({job.tile for job in jobs}) > 1 or may_overlap([job.tiles for job in jobs], jobs[0].tile)


def _fill_of_damage(fill: Any, *, salvage: bool) -> float:
    """Return the fill value as a number, which damaged tiles need."""
    values = np.unique(fill)
    if salvage and values.size > 1:
        raise ValueError(f"fill_value is {fill!r}; with on_error='salvage', all samples must have the same")
    return check_fill_value(values[0].item())


def _samples_of(one: Instance) -> str:
    samples = one.image.frame_shape[2] if len(one.image.frame_shape) == 3 else 1
    return f"{samples} {one.image.dtype} {'sample' if samples == 1 else 'samples'} a pixel"


def _covered(jobs: list[_Job]) -> int:
    """Return how many pixels of a window tiles cover, if they do not overlap."""
    return sum(part[2] * part[3] * len(members) for job in jobs for part, members in job.groups)


def _chosen(values: Sequence[Any], number: int, what: str) -> Any:
    position = operator.index(number)
    if not -len(values) <= position < len(values):
        raise IndexError(f"there is no {what} {position}: there are {len(values)}")
    return values[position]


def _pair(numbers: Any, what: str) -> tuple[int, int]:
    try:
        first, second = (operator.index(number) for number in numbers)
    except (TypeError, ValueError):
        raise TypeError(f"{what} is {numbers!r}; expected two integers, for rows and columns") from None
    return first, second


class Slide:
    """A whole slide image. Use `slide` to make one.

    ``slide[rows, columns]`` reads a window of level 0, as `Level` does. A slide may be used by several threads at once,
    and can be pickled if its sources can be opened again.
    """

    def __init__(self, instances: list[Instance]) -> None:
        self._opened: list[Instance] | None = instances
        volumes = [one for one in instances if one.flavour not in ("LABEL", "OVERVIEW", "THUMBNAIL")] or instances
        series = sorted({one.series for one in volumes})
        if len(series) > 1:
            raise ValueError(f"the objects are of {len(series)} series: open one of them ({', '.join(series)})")
        sizes = sorted({one.matrix for one in volumes}, reverse=True)
        #: The resolutions, from the largest.
        self.levels: tuple[Level, ...] = tuple(
            Level([one for one in volumes if one.matrix == size], sizes[0]) for size in sizes
        )
        others = {one.flavour.lower(): one for one in instances if one not in volumes}
        #: Images beside the pyramid, by name: "label", "overview", "thumbnail". Each is a `Level`.
        self.associated: dict[str, Level] = {name: Level([one], one.matrix) for name, one in others.items()}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of level 0."""
        return self.levels[0].shape

    @property
    def ndim(self) -> int:
        """Length of `shape`."""
        return self.levels[0].ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a sample of level 0."""
        return self.levels[0].dtype

    @property
    def mpp(self) -> tuple[float, float] | None:
        """Micrometres from row to row and from column to column of level 0, if the objects say so."""
        return self.levels[0].mpp

    @property
    def optical_paths(self) -> list[str]:
        """Identifiers of the optical paths of level 0, in their order."""
        return self.levels[0].optical_paths

    @property
    def focal_planes(self) -> list[float]:
        """Offsets of the focal planes of level 0 in micrometres, ascending."""
        return self.levels[0].focal_planes

    def level(self, number: int) -> Level:
        """Return one of `levels`; raise an IndexError that says how many there are."""
        return _chosen(self.levels, number, "level")  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<dcmturbo.Slide shape={self.shape} dtype={self.dtype} levels={len(self.levels)}>"

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read a window of level 0: ``slide[rows, columns]``, as numpy takes integers, slices and ``...``."""
        return self.levels[0][key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of level 0."""
        return self.levels[0].__array__(dtype, copy)

    def read(
        self,
        level: int,
        location: tuple[int, int],
        size: tuple[int, int],
        *,
        optical_path: int | str = 0,
        focal_plane: int | float = 0,
        fill_value: FillValue = None,
        out: np.ndarray | None = None,
        threads: int | None = None,
        on_error: OnError = "raise",
        reduce: int = 0,
    ) -> np.ndarray:
        """Read a window of a level.

        The tiles are decoded in parallel into their place in the result.

        Parameters
        ----------
        level : int
            0 is the largest; negative counts from the end.
        location : tuple of int
            Row and column of the first pixel, counted in pixels of that level.
        size : tuple of int
            Rows and columns of the window, which lies within the level.
        optical_path : int or str
            Position among `optical_paths`, or the identifier.
        focal_plane : int or float
            Position among `focal_planes`; a float is an offset in micrometres, of which the nearest plane is taken.
        fill_value : number or sequence of numbers, optional
            Where there is no tile, for each sample. By default white for unsigned colours, and 0 for others.
        out : numpy.ndarray, optional
            Read into this array and return it. It must have the shape and dtype of the result.
        threads : int, optional
            Number of workers; by default as `dcmturbo.config` says.
        on_error : {"raise", "salvage"}
            "salvage" decodes what it can of damaged tiles, and gives their other pixels the `fill_value`, which then is
            one number. A `DecodeWarning` has the errors, which name the frames.
        reduce : int
            How often to halve the rows and columns of the level, as in `dcmturbo.decode`; `location` and `size` are
            counted in pixels of the result. The tiles must be divisible as often.

        Returns
        -------
        numpy.ndarray
            Shape (rows, columns) or (rows, columns, samples).

        Raises
        ------
        DecodeError
            If a tile cannot be decoded, or if its format does not have `reduce`.
        ValueError
            If the window does not lie within the level, or if reduced tiles do not fit together.
        IndexError
            If there is no such level, optical path or focal plane.
        """
        return self.level(level).read(
            region=(*_pair(location, "location"), *_pair(size, "size")),
            optical_path=optical_path,
            focal_plane=focal_plane,
            fill_value=fill_value,
            out=out,
            threads=threads,
            on_error=on_error,
            reduce=reduce,
        )

    def thumbnail(
        self,
        size: int | tuple[int, int],
        *,
        optical_path: int | str = 0,
        focal_plane: int | float = 0,
        threads: int | None = None,
    ) -> np.ndarray:
        """Return the whole slide in at most so many pixels.

        Parameters
        ----------
        size : int or tuple of int
            The most rows and columns; the ratio of both stays.
        optical_path, focal_plane, threads
            As in `read`.

        Returns
        -------
        numpy.ndarray
            The smallest level that is not smaller, averaged over equal areas to the size.
        """
        most = _pair((size, size) if hasattr(size, "__index__") else size, "size")
        if min(most) < 1:
            raise ValueError(f"the thumbnail has at most {most} pixels; expected at least 1")
        rows, columns = self.shape[:2]
        factor = min(1, most[0] / rows, most[1] / columns)
        wanted = max(1, round(rows * factor)), max(1, round(columns * factor))
        level, options = self.level_for(wanted, optical_path=optical_path, focal_plane=focal_plane)
        return averaged(level, wanted, threads=threads, **options)

    def level_for(
        self, size: tuple[int, int], *, optical_path: int | str = 0, focal_plane: int | float = 0
    ) -> tuple[Level, dict[str, Any]]:
        """Return the smallest level that is not smaller and has an optical path and focal plane of level 0.

        With it, the options of `Level.read` for this path and plane: their numbers may be others than in level 0.

        Raises
        ------
        IndexError
            If level 0 does not have them.
        """
        full = self.levels[0]
        key = full.choose(optical_path, focal_plane)
        for level in reversed(self.levels):
            same = level.same_plane(full, key)
            if same is not None and level.shape[0] >= size[0] and level.shape[1] >= size[1]:
                return level, {"optical_path": same[0], "focal_plane": same[1]}
        return full, {"optical_path": key[0], "focal_plane": key[1]}

    def save_index(self, folder: str | os.PathLike[str]) -> list[str]:
        """Save where the frames of each object are. With ``index=folder``, `slide` does not search them.

        This finds all frames, which takes a while for far objects without an offset table.

        Parameters
        ----------
        folder : path or URL
            It is made if it is not there. Each object gets a file that is named after its SOP Instance UID.

        Returns
        -------
        list of str
            The files. Objects whose frames are not encapsulated, or are several fragments each, get none.
        """
        if self._opened is None:
            raise ValueError("the slide is closed")
        place = os.fsdecode(folder)
        if not is_url(place):
            os.makedirs(place, exist_ok=True)
        saved = []
        for one in self._opened:
            if not re.fullmatch(r"[0-9.]{1,64}", one.uid):
                continue
            try:
                found = one.image.index()
            except ValueError:
                continue
            name = f"{one.uid}{INDEX_SUFFIX}"
            saved.append(f"{place.rstrip('/')}/{name}" if is_url(place) else os.path.join(place, name))
            found.save(saved[-1])
        return saved

    def close(self) -> None:
        """Close all objects. Arrays that were read remain valid."""
        instances, self._opened = self._opened, None
        for instance in instances or []:
            instance.image.close()

    def __enter__(self) -> Slide:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the objects, as `Image` does, and where their tiles are."""
        if self._opened is None:
            raise ValueError("the slide is closed")
        return Slide, (self._opened,)
