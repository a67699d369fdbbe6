"""Volumes: the slices of a series, or the frames of an enhanced object, as one array with its place in the patient."""

from dcmturbo.volumes.reading import read_volume, read_volumes
from dcmturbo.volumes.series import Series, find_series
from dcmturbo.volumes.volume import Slice, Volume

__all__ = ["Series", "Slice", "Volume", "find_series", "read_volume", "read_volumes"]
