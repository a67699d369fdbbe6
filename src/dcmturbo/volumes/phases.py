"""Planes that share their positions: phases, echoes, directions of diffusion, and duplicates."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcmturbo.volumes.planes import PHASES, Plane

__all__ = ["Phase", "split_phases"]

Phase = dict[str, Any]

# What differs from slice to slice within one phase: planes of one position are ranked by it.
_RANKED = ("TemporalPositionIdentifier", "TriggerTime", "AcquisitionNumber", "AcquisitionTime", "ContentTime")
# Some attributes only tell phases apart together.
_TOGETHER = (("DiffusionBValue", "DiffusionGradientOrientation"), ("TemporalPositionIdentifier", "EchoNumbers"))


def places_of(along: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the number of each plane's place; planes within the tolerance of each other share one."""
    order = np.argsort(along, kind="stable")
    places = np.empty(len(along), np.int64)
    places[order] = np.concatenate([[0], np.cumsum(np.diff(along[order]) > tolerance)]) if len(along) else []
    return places


def _key(plane: Plane, keywords: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(plane.phase.get(keyword, ()) for keyword in keywords)


def split_phases(planes: list[Plane], places: np.ndarray) -> list[tuple[Phase, list[int]]] | None:
    """Divide planes into phases in each of which no place occurs twice.

    Returns
    -------
    list of (dict, list of int), or None
        For each phase, what is special about it, and its planes. None if no attribute tells them apart.
    """
    counts = np.bincount(places)
    if counts.max(initial=0) <= 1:
        return [({}, list(range(len(planes))))]
    by_value = [(keyword,) for keyword in PHASES if keyword not in ("TriggerTime", "AcquisitionTime", "ContentTime")]
    complete: list[list[tuple[Phase, list[int]]]] = []
    others: list[list[tuple[Phase, list[int]]]] = []
    for keywords in [*by_value, *_TOGETHER]:
        groups: dict[tuple[Any, ...], list[int]] = {}
        for i, plane in enumerate(planes):
            groups.setdefault(_key(plane, keywords), []).append(i)
        if len(groups) < 2 or any(len(set(places[group].tolist())) < len(group) for group in groups.values()):
            continue
        split = [(dict(zip(keywords, key, strict=True)), group) for key, group in sorted(groups.items(), key=_sortable)]
        whole = all(len(group) == len(counts) for _, group in split)
        (complete if whole else others).append(split)
    if complete:
        return complete[0]
    ranked = _ranked(planes, places, counts)
    if ranked is not None:
        return ranked
    # Phases of some of the places only, such as b-values of which one was measured on fewer slices. An attribute that
    # makes a phase of nearly every plane tells nothing.
    others = [split for split in others if len(split) * 2 <= len(planes)]
    return others[0] if others else None


def _sortable(item: tuple[tuple[Any, ...], list[int]]) -> tuple[Any, ...]:
    return tuple((isinstance(value, str), value) for value in item[0])


def _ranked(planes: list[Plane], places: np.ndarray, counts: np.ndarray) -> list[tuple[Phase, list[int]]] | None:
    if counts.min() != counts.max():
        return None
    for keyword in _RANKED:
        phases: list[list[int]] = [[] for _ in range(int(counts[0]))]
        for place in range(len(counts)):
            members = [int(i) for i in np.flatnonzero(places == place)]
            keys = [_sortable((_key(planes[i], (keyword,)), [])) for i in members]
            if len(set(keys)) < len(keys):
                break
            for rank, (_, i) in enumerate(sorted(zip(keys, members, strict=True))):
                phases[rank].append(i)
        else:
            return [
                ({keyword: planes[group[0]].phase.get(keyword), "rank": rank}, group)
                for rank, group in enumerate(phases)
            ]
    return None
