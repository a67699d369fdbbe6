"""Boxes of pixels to blank: given ones, those of a file of device rules, and what lies around ultrasound regions."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from pydicom.dataset import Dataset

from dcmturbo.errors import DeidentificationError

__all__ = [
    *("Box", "DeviceRule", "pixels_in", "read_boxes", "read_rules", "require_within", "rule_boxes"),
    *("ultrasound_gaps",),
]

_SEQUENCE_OF_REGIONS = 0x00186011
_MOST_REGIONS = 256
_RULE_KEYS = frozenset(("match", "boxes"))


class Box(NamedTuple):
    """A rectangle of pixels, counted from 0.

    Attributes
    ----------
    top, left : int
        Its first row and column.
    height, width : int
        Its size.
    """

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, values: Iterable[Any]) -> Box:
        """Return a box of four numbers.

        Raises
        ------
        ValueError
            If they are no box.
        """
        numbers = list(values)
        if len(numbers) != 4 or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
            raise ValueError(f"a box is four whole numbers (top, left, height, width), not {numbers}")
        box = cls(*numbers)
        if box.top < 0 or box.left < 0 or box.height < 1 or box.width < 1:
            raise ValueError(f"the box {tuple(box)} has no pixels: expected top and left >= 0, height and width >= 1")
        return box

    def is_within(self, rows: int, columns: int) -> bool:
        """Whether all of the box is in an image."""
        return self.top + self.height <= rows and self.left + self.width <= columns


class DeviceRule(NamedTuple):
    """Boxes for the images of a device.

    Attributes
    ----------
    match : dict
        Keywords of attributes, and the values that they must have, without regard to case.
    boxes : tuple of Box or None
        What is blanked; None blanks everything outside of the ultrasound regions.
    """

    match: dict[str, str]
    boxes: tuple[Box, ...] | None

    def applies_to(self, dataset: Dataset) -> bool:
        """Whether an object is of this device."""
        return all(
            str(dataset.get(keyword, "")).strip().casefold() == value.strip().casefold()
            for keyword, value in self.match.items()
        )


def read_rules(rules: Any) -> tuple[DeviceRule, ...]:
    """Read device rules: a JSON file, or what it holds.

    A rule is an object ``{"match": {"Manufacturer": "ACME", "Rows": "600"}, "boxes": [[0, 0, 40, 800]]}``. The value
    ``"outside-regions"`` in place of the boxes blanks all that is outside of the ultrasound regions.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(rules, (str, os.PathLike)):
        with open(rules, encoding="utf-8") as file:
            try:
                rules = json.load(file)
            except ValueError as error:
                raise ValueError(f"{os.fspath(rules)} is no JSON file of device rules: {error}") from None
    if not isinstance(rules, list):
        raise ValueError("a file of device rules holds a list of objects with 'match' and 'boxes'")
    found = []
    for number, rule in enumerate(rules, 1):
        if isinstance(rule, DeviceRule):
            found.append(rule)
            continue
        if not isinstance(rule, Mapping) or set(rule) != _RULE_KEYS or not isinstance(rule["match"], Mapping):
            raise ValueError(f"device rule {number} must have the keys 'match' and 'boxes', and no others")
        if not rule["match"]:
            raise ValueError(f"device rule {number} matches all objects: name at least one attribute")
        boxes = rule["boxes"]
        if isinstance(boxes, str) and boxes != "outside-regions":
            raise ValueError(f"device rule {number}: boxes are a list, or 'outside-regions', not {boxes!r}")
        found.append(
            DeviceRule(
                {str(keyword): str(value) for keyword, value in rule["match"].items()},
                None if isinstance(boxes, str) else _boxes_of_rule(number, boxes),
            )
        )
    return tuple(found)


def _boxes_of_rule(number: int, boxes: Any) -> tuple[Box, ...]:
    try:
        return read_boxes(boxes, "its value of 'boxes'")
    except (TypeError, ValueError) as error:
        raise ValueError(f"device rule {number}: {error}") from None


def rule_boxes(dataset: Dataset, rules: Iterable[DeviceRule]) -> tuple[Box, ...] | None:
    """Return the boxes of the first rule that fits an object; None if none does."""
    for rule in rules:
        if rule.applies_to(dataset):
            return ultrasound_gaps(dataset) if rule.boxes is None else rule.boxes
    return None


def read_boxes(boxes: Any, name: str = "boxes=") -> tuple[Box, ...]:
    """Return boxes that somebody gave; `name` is how messages call the place.

    Raises
    ------
    ValueError, TypeError
        If it has something else.
    """
    wrong = f"{name} is a sequence of boxes, such as [(0, 0, 40, 800)] (top, left, height, width), not {boxes!r}"
    if isinstance(boxes, (str, bytes)) or not isinstance(boxes, Iterable):
        raise TypeError(wrong)
    found = list(boxes)
    if not all(isinstance(box, Iterable) for box in found):
        raise TypeError(wrong)
    return tuple(map(Box.of, found))


def require_within(boxes: Iterable[Box], rows: int, columns: int) -> None:
    """Refuse boxes that are not wholly in an image: a part that is cut off may be a typing error, and leave a name.

    Raises
    ------
    DeidentificationError
        If a box reaches beyond the image.
    """
    for box in boxes:
        if not box.is_within(rows, columns):
            raise DeidentificationError(
                f"the box {tuple(box)} (top, left, height, width) is not wholly within the image, which has {rows} "
                f"rows and {columns} columns. Correct it; where images differ in size, give device_rules= with the "
                "boxes of each size"
            )


def pixels_in(boxes: Iterable[Box], shape: tuple[int, ...]) -> np.ndarray:
    """Return an image that is true in the boxes."""
    inside = np.zeros(shape, bool)
    for box in boxes:
        inside[box.top : box.top + box.height, box.left : box.left + box.width] = True
    return inside


def ultrasound_gaps(dataset: Dataset) -> tuple[Box, ...]:
    """Return boxes that cover all that lies outside of the ultrasound regions (PS3.3, C.8.5.5).

    Raises
    ------
    DeidentificationError
        If the object has no regions, or they do not say where they are.
    """
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    items = dataset[_SEQUENCE_OF_REGIONS].value if _SEQUENCE_OF_REGIONS in dataset else []
    if not items or not rows or not columns:
        raise DeidentificationError("the object has no ultrasound regions, so nothing says where its image is")
    if len(items) > _MOST_REGIONS:
        raise DeidentificationError(f"the object has {len(items)} ultrasound regions; expected at most {_MOST_REGIONS}")
    regions = []
    for item in items:
        corners = [item.get(f"RegionLocation{name}") for name in ("MinY0", "MinX0", "MaxY1", "MaxX1")]
        if any(corner is None for corner in corners):
            raise DeidentificationError("an ultrasound region does not say where it is")
        top, left, bottom, right = map(int, corners)
        if not (0 <= top <= bottom and 0 <= left <= right):
            raise DeidentificationError(f"an ultrasound region has the corners {(left, top)} and {(right, bottom)}")
        # Both corners are inside of the region.
        regions.append((top, left, min(bottom + 1, rows), min(right + 1, columns)))
    # Rows between two edges have the same gaps.
    edges = sorted({0, rows, *(min(edge, rows) for region in regions for edge in (region[0], region[2]))})
    boxes: list[Box] = []
    for top, bottom in itertools.pairwise(edges):
        column = 0
        covered = sorted((left, right) for first, left, last, right in regions if first <= top and bottom <= last)
        for left, right in [*covered, (columns, columns)]:
            begin = min(left, columns)
            if begin > column:
                boxes.append(Box(top, column, bottom - top, begin - column))
            column = max(column, right)
    return tuple(boxes)
