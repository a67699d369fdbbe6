"""A reader of MONAI, for ``LoadImage(reader="dcmturbo.integrations.monai.DicomReader")``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dcmturbo.dataset.sources import naming
from dcmturbo.decoding import decode
from dcmturbo.errors import Error, NoPixelData, NotDicom
from dcmturbo.image import open
from dcmturbo.volumes import Volume, read_volume
from dcmturbo.volumes.geometry import LPS_TO_RAS
from dcmturbo.volumes.planes import may_be_damaged, planes_of

__all__ = ["DicomReader"]

try:
    from monai.data.image_reader import ImageReader
    from monai.utils.enums import MetaKeys, SpaceKeys
except ImportError:
    raise ImportError("the reader for MONAI needs MONAI: pip install monai") from None


class _RefusedError(ValueError):
    """Another reader may read it."""


class _Failure(NamedTuple):
    """What `DicomReader.read` returns in place of a damaged image."""

    error: Exception


class DicomReader(ImageReader):  # type: ignore[misc]
    """Reads DICOM files, and folders with one series, for the transforms of MONAI.

    Arrays have the axes (column, row[, slice][, sample]), as those of MONAI's own readers; the matrix is to the system
    of NIfTI. The slices of a folder are sorted by their position (`dcmturbo.read_volume`). A single slice has no axis
    for slices. The frames of an object that states no position are the third axis, and its matrix has the spacing of
    pixels alone.

    Parameters
    ----------
    apply : {"rescale"}, callable or None
        What is done with the pixels, as in `dcmturbo.decode`: by default the Modality LUT, which gives float32. For
        files in colour, the default is None. Folders of slices in colour need ``apply=None``.
    dtype : dtype, optional
        Of the result of `apply`.
    threads : int, optional
        As in `dcmturbo.decode`: one in a worker of a DataLoader, otherwise as `dcmturbo.config` says.
    **options
        Of `dcmturbo.read_volume`: ``series``, ``phase``, ``gaps``, ``tilt``, ``duplicates``, ``tolerance``,
        ``on_error``, ``fill_value``.

    Notes
    -----
    The metadata hold what MONAI needs (``affine``, ``original_affine``, ``spatial_shape``, ``space``,
    ``original_channel_dim``), ``spacing`` and the attributes of the series. Segmentations are refused: read them with
    `dcmturbo.read_segmentation`.

    Examples
    --------
    >>> from monai.transforms import LoadImaged                               # doctest: +SKIP
    >>> load = LoadImaged("image", reader="dcmturbo.integrations.monai.DicomReader")  # doctest: +SKIP
    """

    def __init__(
        self, *, apply: Any = "rescale", dtype: Any = None, threads: int | None = None, **options: Any
    ) -> None:
        super().__init__()
        self._decoding = {"apply": apply, "dtype": dtype, "threads": threads}
        self._options = options

    def verify_suffix(self, filename: Any) -> bool:
        """Whether these are folders and DICOM files: they are opened, because names need not end with ``.dcm``.

        Damaged images and files that cannot be opened count too: `get_data` then raises what is wrong with them.
        Otherwise MONAI would go on with readers that do not notice, or say that there is no reader.
        """
        return all(os.path.isdir(name) or _is_ours(name) for name in _as_sequence(filename))

    def read(self, data: Any, **kwargs: Any) -> list[Volume] | _Failure:
        """Read a file or a folder, or several, of which each becomes a channel.

        Parameters
        ----------
        data : path, or sequence of paths
        **kwargs
            Options of `dcmturbo.read_volume` for this call alone.

        Returns
        -------
        list of Volume, or an object
            For `get_data`. Where an image is damaged or contradicts itself, `get_data` raises the error: if this
            function did, `LoadImage` would go on with readers that do not notice.

        Raises
        ------
        NotDicom, NoPixelData, ValueError
            For what other readers may read: no images of DICOM, and segmentations.
        """
        try:
            return [self._read(name, {**self._options, **kwargs}) for name in _as_sequence(data)]
        except NotDicom as error:
            if error.source is None or not may_be_damaged(error.source):
                raise
            return _Failure(error)
        except (NoPixelData, _RefusedError):
            raise
        except (Error, ValueError, OSError) as error:
            return _Failure(error)

    def get_data(self, img: Sequence[Volume] | _Failure) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the array and the metadata of what `read` has returned.

        Raises
        ------
        ValueError, DecodeError, OSError
            As `dcmturbo.read_volume`.
        """
        if isinstance(img, _Failure):
            raise img.error
        first = img[0]
        for other in img[1:]:
            if other.shape != first.shape or not np.allclose(other.affine_lps, first.affine_lps):
                raise ValueError(
                    f"the channels of an image have one size and one place in the patient, but {first.shape} is "
                    f"followed by {other.shape}, or by another place: to read a series, give its folder"
                )
        arrays = [_for_monai(one.array) for one in img]
        is_colour = first.array.ndim == 4
        affine = first.affine_ras
        size = arrays[0].shape[:-1] if is_colour else arrays[0].shape
        meta: dict[str, Any] = {
            **first.attributes,
            "spacing": np.asarray(first.spacing[::-1][: len(size)]),
            MetaKeys.AFFINE: affine,
            MetaKeys.ORIGINAL_AFFINE: affine.copy(),
            MetaKeys.SPATIAL_SHAPE: np.asarray(size),
            MetaKeys.SPACE: SpaceKeys.RAS,
            MetaKeys.ORIGINAL_CHANNEL_DIM: -1 if is_colour else float("nan"),
        }
        if len(arrays) == 1:
            return arrays[0], meta
        if is_colour:
            return np.concatenate(arrays, -1), meta
        meta[MetaKeys.ORIGINAL_CHANNEL_DIM] = 0
        return np.stack(arrays), meta

    def _read(self, name: Any, options: dict[str, Any]) -> Volume:
        if os.path.isdir(name):
            return read_volume(name, **self._decoding, **options)
        with naming(name):
            planes = planes_of(os.fspath(name))
        about = planes[0].about
        if about["Modality"] == "SEG":
            raise _RefusedError(f"{name} is a segmentation: read it with dcmturbo.read_segmentation")
        decoding = self._decoding
        if decoding["apply"] == "rescale" and len(open(name).frame_shape) == 3:
            decoding = {**decoding, "apply": None}  # the Modality LUT is for grey levels
        if all(plane.position and plane.orientation and plane.pixel_spacing for plane in planes):
            return read_volume(name, **decoding, **options)
        salvage = {key: options[key] for key in ("on_error", "fill_value") if key in options}
        array = decode(name, **decoding, **salvage)
        if planes[0].frames_in_object == 1:
            array = array[None]
        of_rows, of_columns = planes[0].pixel_spacing or (1.0, 1.0)
        return Volume(array, LPS_TO_RAS @ np.diag((of_columns, of_rows, 1.0, 1.0)), [], about)


def _as_sequence(names: Any) -> Sequence[Any]:
    return [names] if isinstance(names, (str, os.PathLike)) else list(names)


def _is_ours(name: Any) -> bool:
    try:
        with naming(name):
            about = planes_of(os.fspath(name))[0].about
    except NotDicom:
        return may_be_damaged(os.fspath(name))
    except NoPixelData:
        return False
    except (Error, OSError):
        return True
    return about["Modality"] != "SEG"


def _for_monai(array: np.ndarray) -> np.ndarray:
    """(slices, rows, columns[, samples]) as (columns, rows[, slices][, samples])."""
    swapped = array.transpose(2, 1, 0, *range(3, array.ndim))
    return np.ascontiguousarray(swapped[:, :, 0] if array.shape[0] == 1 else swapped)
