"""`read_volume` and `read_volumes`: find the slices, sort them, and decode them into one array."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NoReturn

import numpy as np

from dcmturbo.dataset.attributes import elements_of
from dcmturbo.dataset.opened import describes_image
from dcmturbo.dataset.sources import open_source
from dcmturbo.decoding import decode, decode_series
from dcmturbo.errors import DecodeError, DecodeWarning
from dcmturbo.frames.arguments import check_out, new_array
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.frames.status import OnError
from dcmturbo.notes import stack_level
from dcmturbo.steps import Apply
from dcmturbo.volumes.geometry import Stack, affine_of, axes_of, stack_of
from dcmturbo.volumes.phases import places_of, split_phases
from dcmturbo.volumes.planes import NOT_DICOM, Plane, all_planes, find_sources, may_be_damaged, positions_of
from dcmturbo.volumes.volume import Slice, Volume
from dcmturbo.wording import plural

__all__ = ["Options", "SeveralVolumesError", "each_volume", "read_volume", "read_volumes"]

Gaps = Literal["raise", "warn", "fill"]
Tilt = Literal["raise", "keep"]
Duplicates = Literal["raise", "first", "last"]

_SAME_PLACE = 1e-2  # mm: positions have few digits in some files
_MOST_FILLED = 1 << 16
_MOST_NAMED = 8  # volumes in a message


class SeveralVolumesError(ValueError):
    """There is no saying which volume is meant; `names` describes them."""

    def __init__(self, count: int, names: list[str]) -> None:
        super().__init__(
            f"there are {count} volumes: choose one by series= or by its number in this list (phase=), read all "
            "with read_volumes, or go through the series with find_series\n  " + "\n  ".join(names)
        )
        self.count, self.names = count, names

    def __reduce__(self) -> tuple[type, tuple[int, list[str]]]:  # for worker processes
        return type(self), (self.count, self.names)


@dataclass
class Options:
    """What `read_volume` does where the slices contradict a volume; it has the same parameters."""

    gaps: str
    tilt: str
    duplicates: str
    tolerance: float = 0.02
    fill_value: float = 0

    def __post_init__(self) -> None:
        for name, allowed in (
            ("gaps", ("raise", "warn", "fill")),
            ("tilt", ("raise", "keep")),
            ("duplicates", ("raise", "first", "last")),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; expected {', '.join(map(repr, allowed))}")
        if not 0 <= self.tolerance < 0.5:
            raise ValueError(f"tolerance is {self.tolerance}; expected at least 0 and less than 0.5")


@dataclass
class _Group:
    """Planes of one volume."""

    planes: list[Plane]
    phase: dict[str, Any]

    @property
    def words(self) -> str:
        first = self.planes[0]
        what = first.about["SeriesDescription"] or first.about["Modality"] or "images"
        size = " x ".join(map(str, (len(self.planes), *first.shape)))
        phase = ", ".join(f"{key} {value}" for key, value in self.phase.items())
        series = first.about["SeriesInstanceUID"]
        return f"{what} {size}" + (f" ({phase})" if phase else "") + f"{self._place}, series {series}"

    @property
    def _place(self) -> str:
        """Where its objects are, for people who choose among volumes; without patients, because messages are logged."""
        sources = list({id(plane.source): plane.source for plane in self.planes}.values())
        folders = {os.path.dirname(os.fsdecode(one)) for one in sources if isinstance(one, (str, os.PathLike))}
        place = f", {plural(len(sources), 'file' if folders else 'object')}"
        if folders:
            above = min(folders) if len(folders) == 1 else os.path.commonpath(map(os.path.abspath, folders))
            place += f" in {above or '.'}"
        return place


def read_volumes(
    source: Any,
    *,
    series: str | None = None,
    gaps: Gaps = "raise",
    tilt: Tilt = "raise",
    duplicates: Duplicates = "raise",
    tolerance: float = 0.02,
    threads: int | None = None,
    apply: Apply | None = None,
    dtype: Any = None,
    on_error: OnError = "raise",
    fill_value: float = 0,
) -> list[Volume]:
    """Read all volumes of a folder: one for each series, orientation, size and phase.

    The parameters and errors are those of `read_volume`. Objects without a position in the patient are left out, with
    a warning.

    Returns
    -------
    list of Volume
        In the order in which their first objects were found; phases in the order of what distinguishes them.
    """
    options = Options(gaps, tilt, duplicates, tolerance, fill_value)
    return [read() for read in each_volume(source, series, options, threads, apply, dtype, on_error)]


def each_volume(
    source: Any,
    series: str | None,
    options: Options,
    threads: int | None,
    apply: Apply | None = None,
    dtype: Any = None,
    on_error: OnError = "raise",
) -> list[Callable[[], Volume]]:
    """Find the volumes of `read_volumes`, and return what reads each: damage of one does not concern the others."""
    groups, without, notes = _groups_of(source, series, options)
    if without:
        were, they = ("was", "it says") if len(without) == 1 else ("were", "they say")
        _warn(f"{plural(len(without), 'image')} {were} left out, because {they} no position: {without[0].name}")
    return [partial(_read, group, options, None, threads, apply, dtype, on_error, notes) for group in groups]


def read_volume(
    source: Any,
    *,
    series: str | None = None,
    phase: int | None = None,
    gaps: Gaps = "raise",
    tilt: Tilt = "raise",
    duplicates: Duplicates = "raise",
    tolerance: float = 0.02,
    out: np.ndarray | None = None,
    threads: int | None = None,
    apply: Apply | None = None,
    dtype: Any = None,
    on_error: OnError = "raise",
    fill_value: float = 0,
) -> Volume:
    """Read the slices of a series, or the frames of an enhanced object, as one volume.

    The slices are sorted by their position along the normal (PS3.3, C.7.6.2.1.1), and decoded in parallel into one
    array.

    Parameters
    ----------
    source : path, bytes-like, binary file object or pydicom Dataset, or iterable of these
        A folder (with all its subfolders; files that are no images are passed over), the objects, or one object of
        several frames.
    series : str, optional
        SeriesInstanceUID of the images to read; needed if there are several series.
    phase : int, optional
        Which volume of the series to read, counted from 0, if it has several phases, echoes, b-values or orientations.
        `read_volumes` returns all of them.
    gaps : {"raise", "warn", "fill"}
        If distances of neighbouring slices differ: raise an error; warn, and give the mean distance in the matrix; or
        put slices of `fill_value` where slices are missing, if the gaps are multiples of the smallest distance.
    tilt : {"raise", "keep"}
        If slices do not lie along their normal (a tilted gantry): raise an error, or return the oblique matrix, which
        is right for every voxel, but which not all programs can use.
    duplicates : {"raise", "first", "last"}
        If several slices have one position and no attribute tells them apart: raise an error, or use the first or last
        by InstanceNumber.
    tolerance : float
        By how much distances may differ, as a share of the distance.
    out : numpy.ndarray, optional
        Decode into this array, of exactly the shape and dtype of the result.
    threads, apply, dtype, on_error
        As in `dcmturbo.decode`: ``apply="rescale"`` applies the Modality LUT on the workers (float32 by default).
    fill_value : float
        Of slices that are filled in, after `apply`.

    Returns
    -------
    Volume

    Raises
    ------
    ValueError
        If there is no volume, or if there are several; the message names them.
    DecodeError
        If gaps, tilt, duplicates, missing positions or several frames of reference contradict a volume; and as
        `dcmturbo.decode`.
    NotDicom, NoPixelData, UnsupportedTransferSyntax, LimitExceeded, OSError
        As `dcmturbo.decode`.

    Warns
    -----
    DecodeWarning
        For each contradiction that is tolerated.

    Examples
    --------
    >>> volume = dt.read_volume("series/", apply="rescale")              # doctest: +SKIP
    >>> volume.array.shape, volume.spacing                              # doctest: +SKIP
    >>> volume.to_nifti().to_filename("series.nii.gz")                  # doctest: +SKIP
    """
    options = Options(gaps, tilt, duplicates, tolerance, fill_value)
    groups, without, notes = _groups_of(source, series, options)
    if without:
        raise DecodeError(
            f"{plural(len(without), 'image')} without a position, orientation or spacing (ImagePositionPatient, "
            f"ImageOrientationPatient, PixelSpacing), such as {without[0].name}: leave out what is no slice, or use "
            "read_volumes",
            code="argument",
        )
    if phase is not None:
        if not 0 <= phase < len(groups):
            raise ValueError(f"there is no volume {phase}: there are {len(groups)}")
        groups = [groups[phase]]
    if len(groups) > 1:
        names = [f"{i}: {group.words}" for i, group in enumerate(groups[:_MOST_NAMED])]
        if len(groups) > _MOST_NAMED:
            names.append(f"and {len(groups) - _MOST_NAMED} more")
        raise SeveralVolumesError(len(groups), names)
    return _read(groups[0], options, out, threads, apply, dtype, on_error, notes)


def _warn(text: str) -> None:
    warnings.warn(text, DecodeWarning, stacklevel=stack_level())


def _groups_of(source: Any, series: str | None, options: Options) -> tuple[list[_Group], list[Plane], list[str]]:
    """Return the planes of each volume, the planes that have no place, and what was warned of."""
    sources = find_sources(source)
    planes, left_out = all_planes(sources)
    if series is not None:
        planes = [plane for plane in planes if plane.about["SeriesInstanceUID"] == series]
    if not planes:
        if not sources:
            raise ValueError("there are no files")
        why = ", ".join(f"{len(names)} {reason}" for reason, names in left_out.items())
        what = "no images" if series is None else f"no images of the series {series}"
        raise ValueError(f"there are {what} among {len(sources)} objects" + (f" ({why})" if why else ""))
    notes = _notes_of_damage(left_out)
    groups: dict[tuple[Any, ...], list[Plane]] = {}
    without: list[Plane] = []
    for plane in planes:
        if len(plane.position) != 3 or len(plane.orientation) != 6 or len(plane.pixel_spacing) != 2:
            without.append(plane)
            continue
        key = (
            plane.about["SeriesInstanceUID"],
            plane.about["FrameOfReferenceUID"],
            plane.shape,
            tuple(round(value, 3) + 0.0 for value in plane.orientation),
            tuple(round(value, 4) for value in plane.pixel_spacing),
        )
        groups.setdefault(key, []).append(plane)
    found: list[_Group] = []
    for members in groups.values():
        found += _phases_of(members, options)
    if not found:
        raise DecodeError(
            f"no image has a position, orientation and spacing (ImagePositionPatient, ImageOrientationPatient, "
            f"PixelSpacing), such as {without[0].name}: use decode or decode_series for its pixels alone",
            code="argument",
        )
    return found, without, notes


def _notes_of_damage(left_out: dict[str, list[str]]) -> list[str]:
    """Warn of files that may have been slices of a volume."""
    notes = []
    for reason, names in left_out.items():
        if reason == NOT_DICOM:
            why, is_doubtful = "they are no DICOM files (slices that are damaged?)", may_be_damaged
        else:
            why, is_doubtful = "they describe images, but have no pixel data (slices that are cut?)", _describes_image
        damaged = list(filter(is_doubtful, names))
        if damaged:
            more = f" and {len(damaged) - 3} more" if len(damaged) > 3 else ""
            notes.append(f"left out, because {why}: {', '.join(damaged[:3])}{more}")
            _warn(notes[-1])
    return notes


def _describes_image(path: str) -> bool:
    with elements_of(path) as elements:
        return describes_image(elements.dataset)


def _phases_of(planes: list[Plane], options: Options) -> list[_Group]:
    normal = axes_of(planes[0].orientation)[2]
    if min(planes[0].pixel_spacing) <= 0:
        raise DecodeError(f"PixelSpacing of {planes[0].name} is {list(planes[0].pixel_spacing)}", code="argument")
    along = positions_of(planes) @ normal
    places = places_of(along, _SAME_PLACE)
    phases = split_phases(planes, places)
    if phases is not None:
        return [_Group(_sorted([planes[i] for i in members], normal), phase) for phase, members in phases]
    if options.duplicates == "raise":
        place = int(np.argmax(np.bincount(places)))
        first, second = (planes[i].name for i in np.flatnonzero(places == place)[:2])
        raise DecodeError(
            f"{first} and {second} have the same position, and no attribute tells them apart: "
            "use duplicates='first' or 'last' (--duplicates of the command), or leave one of them out",
            code="mismatch",
        )
    chosen: dict[int, Plane] = {}
    order = sorted(range(len(planes)), key=lambda i: planes[i].number)
    for i in order if options.duplicates == "last" else reversed(order):
        chosen[int(places[i])] = planes[i]
    _warn(f"{len(planes) - len(chosen)} of {len(planes)} slices were left out, because others have their positions")
    return [_Group(_sorted(list(chosen.values()), normal), {})]


def _sorted(planes: list[Plane], normal: np.ndarray) -> list[Plane]:
    along = positions_of(planes) @ normal
    return [planes[i] for i in np.argsort(along, kind="stable")]


def _read(
    group: _Group,
    options: Options,
    out: np.ndarray | None,
    threads: int | None,
    apply: Apply | None,
    dtype: Any,
    on_error: OnError,
    warned: list[str],
) -> Volume:
    planes = group.planes
    first = planes[0]
    axes = axes_of(first.orientation)
    positions = positions_of(planes)
    stack = stack_of(positions, axes[2], first.thickness or 1.0)
    notes: list[str] = []
    where = _settle_gaps(planes, stack, options, notes)
    _check_tilt(stack, first, options, notes)
    count = len(planes) if where is None else int(where[-1]) + 1
    step = stack.step if count < 2 else (positions[-1] - positions[0]) / (count - 1)
    for text in notes:
        _warn(text)
    array = _decode(planes, where, count, out, options, threads, apply, dtype, on_error)
    places = np.arange(count) if where is None else where
    slices = [Slice(None, 0, tuple((positions[0] + step * k).tolist()), "") for k in range(count)]
    for place, plane in zip(places.tolist(), planes, strict=True):
        slices[place] = Slice(plane.source, plane.frame, plane.position, plane.about["SOPInstanceUID"])
    affine = affine_of(axes, (first.pixel_spacing[0], first.pixel_spacing[1]), step, positions[0])
    about = {keyword: value for keyword, value in first.about.items() if keyword not in ("SOPInstanceUID",)}
    return Volume(array, affine, slices, about, group.phase, [*warned, *notes])


def _settle_gaps(planes: list[Plane], stack: Stack, options: Options, notes: list[str]) -> np.ndarray | None:
    """Return the place of each plane if there are slices to fill in; raise an error or add a note for gaps."""
    if len(stack.gaps) == 0:
        return None
    distance = stack.distance
    if float(np.abs(stack.gaps - distance).max()) <= options.tolerance * distance:
        return None
    k = stack.worst_gap
    text = (
        f"slices are {distance:g} mm apart, but {planes[k].name} and {planes[k + 1].name} are "
        f"{stack.gaps[k]:g} mm apart"
    )
    if options.gaps == "warn":
        notes.append(f"{text}: the matrix has the mean distance")
        return None
    steps = np.rint(stack.gaps / distance)
    exact = np.abs(stack.gaps - steps * distance).max() <= options.tolerance * distance and steps.min() >= 1
    if options.gaps == "fill" and exact:
        where = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        missing = int(where[-1]) + 1 - len(planes)
        if missing > max(_MOST_FILLED, len(planes)):
            raise DecodeError(f"{text}: {missing} slices would have to be filled in", code="limit")
        notes.append(f"{text}: {missing} slices were filled with {options.fill_value:g}")
        return where
    hint = "are slices missing? gaps='fill' fills them in" if exact else "the distances are not multiples of one"
    raise DecodeError(f"{text} ({hint}; gaps='warn' reads them as they are)", code="mismatch")


def _check_tilt(stack: Stack, first: Plane, options: Options, notes: list[str]) -> None:
    spacing = min(first.pixel_spacing)
    if stack.unevenness > 0.1 * spacing + _SAME_PLACE:
        raise DecodeError(
            f"the positions of the slices do not lie on a line: one is {stack.unevenness:g} mm away from it",
            code="mismatch",
        )
    if stack.drift <= 0.05 * spacing + _SAME_PLACE:
        return
    text = f"the slices lie oblique to their normal: the last one is shifted by {stack.drift:g} mm (a tilted gantry?)"
    if options.tilt == "raise":
        raise DecodeError(f"{text}: tilt='keep' returns an oblique matrix", code="mismatch")
    notes.append(f"{text}: the matrix is oblique")


def _decode(
    planes: list[Plane],
    where: np.ndarray | None,
    count: int,
    out: np.ndarray | None,
    options: Options,
    threads: int | None,
    apply: Apply | None,
    dtype: Any,
    on_error: OnError,
) -> np.ndarray:
    if where is None:
        return _decode_planes(planes, out, threads, apply, dtype, on_error)
    part = _decode_planes(planes, None, threads, apply, dtype, on_error)
    shape = (count, *part.shape[1:])
    if out is not None:
        check_out(out, shape, part.dtype)
    whole = new_array(shape, part.dtype) if out is None else out
    filled = np.ones(count, bool)
    filled[where] = False
    whole[filled] = options.fill_value
    whole[where] = part
    return whole


def _refuse_excess(planes: list[Plane], more: int) -> NoReturn:
    """Name the first object that has more frames than places."""
    for plane in planes:
        opened = open_source(plane.source)
        try:
            frames = len(QuietFrameSet(opened))
        finally:
            opened.close()
        if frames != 1:
            raise DecodeError(f"{plane.name} has one place, but its pixel data have {frames} frames", code="mismatch")
    raise DecodeError(f"the objects have {more} frames more than places", code="mismatch")


def _decode_planes(
    planes: list[Plane],
    out: np.ndarray | None,
    threads: int | None,
    apply: Apply | None,
    dtype: Any,
    on_error: OnError,
) -> np.ndarray:
    common: dict[str, Any] = {"threads": threads, "apply": apply, "dtype": dtype, "on_error": on_error}
    if all(plane.frames_in_object == 1 for plane in planes):
        found = decode_series([plane.source for plane in planes], out=out, **common)
        # The decoder counts frames where NumberOfFrames is no number; a plane was made for one of them.
        if len(found) != len(planes):
            _refuse_excess(planes, len(found) - len(planes))
        return found
    runs: list[tuple[Any, list[int]]] = []
    for plane in planes:
        if not runs or runs[-1][0] is not plane.source:
            runs.append((plane.source, []))
        runs[-1][1].append(plane.frame)
    if len(runs) == 1:
        return decode(runs[0][0], runs[0][1], out=out, **common)
    # Frames of several objects, each of several frames: object by object.
    by_source: dict[int, list[int]] = {}
    for i, plane in enumerate(planes):
        by_source.setdefault(id(plane.source), []).append(i)
    whole = out
    for members in by_source.values():
        part = decode(planes[members[0]].source, [planes[i].frame for i in members], **common)
        if whole is None:
            whole = new_array((len(planes), *part.shape[1:]), part.dtype)
        elif whole.shape != (len(planes), *part.shape[1:]) or whole.dtype != part.dtype:
            raise DecodeError(
                f"{planes[members[0]].name} has frames of shape {part.shape[1:]} and dtype {part.dtype}, others of "
                f"{whole.shape[1:]} and {whole.dtype}",
                code="mismatch",
            )
        whole[members] = part
    assert whole is not None
    return whole
