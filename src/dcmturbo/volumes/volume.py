"""A volume: the array, its place in the patient, and where each slice came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from dcmturbo.destinations.destination import new_file
from dcmturbo.volumes import hosts
from dcmturbo.volumes.geometry import LPS_TO_RAS

__all__ = ["Slice", "Volume"]


class Slice(NamedTuple):
    """Where a slice came from.

    Attributes
    ----------
    source : Any
        The object: a path, or what the caller gave. None for a slice that was filled in.
    frame : int
        The frame in it, counted from 0.
    position : tuple of float
        ImagePositionPatient, in mm (LPS).
    sop_instance_uid : str
    """

    source: Any
    frame: int
    position: tuple[float, ...]
    sop_instance_uid: str


@dataclass(repr=False)
class Volume:
    """Slices in one array, sorted along their normal.

    Attributes
    ----------
    array : numpy.ndarray
        (slices, rows, columns[, samples]).
    affine_lps : numpy.ndarray
        The 4 x 4 matrix from (column, row, slice) to mm in the patient's system of DICOM and ITK: to the left, the back
        and the head (PS3.3, C.7.6.2.1.1).
    slices : list of Slice
        Where each slice came from.
    attributes : dict of str
        SeriesInstanceUID, FrameOfReferenceUID, Modality and SeriesDescription, among others.
    phase : dict
        What distinguishes this volume from others of its series, such as ``{"DiffusionBValue": (1000.0,)}``.
    warnings : list of str
        What was tolerated, in sentences.
    """

    array: np.ndarray
    affine_lps: np.ndarray
    slices: list[Slice]
    attributes: dict[str, str] = field(default_factory=dict)
    phase: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        what = ", ".join(filter(None, map(self.attributes.get, ("Modality", "SeriesDescription"))))
        spacing = " x ".join(f"{value:.4g}" for value in self.spacing)
        return f"<dcmturbo.Volume shape={self.shape} dtype={self.array.dtype} {spacing} mm{', ' * bool(what)}{what}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.array.shape

    @property
    def affine_ras(self) -> np.ndarray:
        """The matrix to the system of NIfTI: to the right, the front and the head."""
        return np.asarray(LPS_TO_RAS @ self.affine_lps)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distances of slices, rows and columns in mm, in the order of the array's axes."""
        lengths = np.linalg.norm(self.affine_lps[:3, :3], axis=0)
        return float(lengths[2]), float(lengths[1]), float(lengths[0])

    def to_lps(self, indices: np.ndarray) -> np.ndarray:
        """Return the places in mm (LPS) of indices (slice, row, column), which may be fractions."""
        points = np.asarray(indices, np.float64)[..., ::-1]
        return np.asarray(points @ self.affine_lps[:3, :3].T + self.affine_lps[:3, 3])

    def to_indices(self, points: np.ndarray) -> np.ndarray:
        """Return the indices (slice, row, column), with fractions, of places in mm (LPS)."""
        inverse = np.linalg.inv(self.affine_lps)
        return np.asarray((np.asarray(points, np.float64) @ inverse[:3, :3].T + inverse[:3, 3])[..., ::-1])

    def to_nifti(self) -> Any:
        """Return a ``nibabel.Nifti1Image`` over the same memory: axes (column, row, slice), matrix `affine_ras`."""
        return hosts.to_nifti(self.array, self.affine_ras)

    def to_sitk(self) -> Any:
        """Return a ``SimpleITK.Image``, which is a copy: SimpleITK always copies."""
        return hosts.to_sitk(self.array, self.affine_lps)

    def to_monai(self) -> Any:
        """Return a ``monai.data.MetaTensor`` over the same memory: (column, row, slice), matrix `affine_ras`."""
        return hosts.to_monai(self.array, self.affine_ras)

    def write_nrrd(self, destination: Any) -> None:
        """Write a NRRD file (raw, with the space left-posterior-superior) to a path or a binary file object.

        A file gets its name when it is complete, and replaces an existing one in one step.
        """
        if hasattr(destination, "write"):
            destination.write(hosts.nrrd_header(self.array, self.affine_lps))
            hosts.write_array(destination, self.array)
            return
        with new_file(destination) as file:
            self.write_nrrd(file)
