"""Volumes for other packages, which are imported only here; and as NRRD."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["nrrd_header", "to_monai", "to_nifti", "to_sitk", "write_array"]


def to_nifti(array: np.ndarray, affine_ras: np.ndarray) -> Any:
    """Return an image of nibabel; the data are a view."""
    try:
        import nibabel
    except ImportError:
        raise ImportError("NIfTI images need the package nibabel: pip install nibabel") from None
    if array.ndim == 4:  # colours are one axis less there: a sample of three or four bytes
        if array.dtype != np.uint8 or array.shape[3] not in (3, 4):
            raise ValueError(f"NIfTI has no colours of {array.shape[3]} samples of {array.dtype}")
        fields = [(name, "u1") for name in "RGBA"[: array.shape[3]]]
        array = np.ascontiguousarray(array).view(fields)[..., 0]
    data = array.transpose(2, 1, 0)
    image = nibabel.Nifti1Image(data, affine_ras, dtype=data.dtype)
    image.header.set_xyzt_units("mm")
    return image


def to_sitk(array: np.ndarray, affine_lps: np.ndarray) -> Any:
    """Return an image of SimpleITK."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(array, isVector=array.ndim == 4)
    lengths = np.linalg.norm(affine_lps[:3, :3], axis=0)
    image.SetSpacing(lengths.tolist())
    image.SetOrigin(affine_lps[:3, 3].tolist())
    image.SetDirection((affine_lps[:3, :3] / lengths).ravel().tolist())
    return image


def to_monai(array: np.ndarray, affine_ras: np.ndarray) -> Any:
    """Return a tensor of MONAI; its memory is that of the array, if torch has its type."""
    import torch
    from monai.data import MetaTensor

    # Older releases of torch have no unsigned types but uint8.
    tensor = torch.from_numpy(array.astype(np.int32) if array.dtype == np.uint16 else array)
    order = (2, 1, 0) if array.ndim == 3 else (2, 1, 0, 3)
    return MetaTensor(tensor.permute(order), affine=torch.from_numpy(affine_ras.copy()))


_NRRD_TYPES = {"u1": "uint8", "i1": "int8", "u2": "uint16", "i2": "int16", "u4": "uint32", "i4": "int32"}
_NRRD_TYPES |= {"u8": "uint64", "i8": "int64", "f4": "float", "f8": "double"}


def nrrd_header(array: np.ndarray, affine_lps: np.ndarray) -> bytes:
    """Return the header of a NRRD file whose data follow in the order of the array."""

    def vector(values: np.ndarray) -> str:
        return "(" + ",".join(repr(float(value)) for value in values) + ")"

    colour = array.shape[3:]
    sizes = [*colour, *array.shape[2::-1]]
    directions = ["none"] * len(colour) + [vector(affine_lps[:3, i]) for i in range(3)]
    lines = [
        "NRRD0004",
        f"type: {_NRRD_TYPES[array.dtype.str[1:]]}",
        f"dimension: {len(sizes)}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, sizes))}",
        f"space directions: {' '.join(directions)}",
        f"kinds: {' '.join(['vector'] * len(colour) + ['domain'] * 3)}",
        "endian: little",
        "encoding: raw",
        f"space origin: {vector(affine_lps[:3, 3])}",
    ]
    return ("\n".join(lines) + "\n\n").encode("ascii")


def write_array(file: Any, array: np.ndarray) -> None:
    """Write the cells of an array in little endian, one slice at a time."""
    for part in array:
        little = np.ascontiguousarray(part, array.dtype.newbyteorder("<"))
        file.write(little.data.cast("B"))
