"""`find_series`: which files of folders belong to which series."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

from dcmturbo.dataset.attributes import elements_of, read_attributes
from dcmturbo.dataset.opened import describes_image
from dcmturbo.errors import DecodeWarning, Error, NotDicom
from dcmturbo.notes import stack_level
from dcmturbo.volumes.planes import find_sources, may_be_damaged

__all__ = ["Series", "find_series"]

_ATTRIBUTES = ("SeriesInstanceUID", "StudyInstanceUID", "PatientID", "Modality", "SeriesDescription")


class Series(NamedTuple):
    """The files of a series, and what the first of them says of it.

    Attributes
    ----------
    uid, study_uid, patient_id, modality, description : str
        SeriesInstanceUID, StudyInstanceUID, PatientID, Modality and SeriesDescription; empty if there is none.
    files : list
        The paths of its images, in the order of folders and names: `read_volume` sorts them by their positions.
    """

    uid: str
    study_uid: str
    patient_id: str
    modality: str
    description: str
    files: list[Any]


def find_series(source: Any) -> list[Series]:
    """Find the images of folders, and group them by their series. Only headers are read.

    Parameters
    ----------
    source : path, or iterable of paths
        Folders (with all their subfolders) and files. Files of folders that are not DICOM or have no pixel data are
        passed over.

    Returns
    -------
    list of Series
        In the order in which their first files were found. An image that ends early is among the files of its series,
        so that reading the series raises its error.

    Raises
    ------
    NotDicom, OSError
        For a file that was named itself, or cannot be read.

    Warns
    -----
    DecodeWarning
        For a file of a folder that may be a damaged image of which nothing is known: it is empty, it is not DICOM
        though its name ends with ``.dcm``, or it is damaged before its SeriesInstanceUID.

    Examples
    --------
    >>> for series in dt.find_series("study/"):                         # doctest: +SKIP
    ...     print(series.patient_id, series.description, len(series.files))
    ...     volume = dt.read_volume(series.files, apply="rescale")
    """
    found: dict[str, Series] = {}
    doubtful: list[str] = []
    series: Series
    for one, is_of_folder in find_sources(source):
        try:
            with elements_of(one) as elements:
                dataset = elements.dataset
                is_image = dataset.pixel_data is not None
                values = read_attributes(elements, _ATTRIBUTES)
                uid, study, patient, modality, description = (values.text(keyword) for keyword in _ATTRIBUTES)
                series = Series(uid, study, patient, modality, description, [])
                is_cut, may_be_cut = bool(dataset.cut), describes_image(dataset)
        except Error as error:
            if not is_of_folder:
                error.source = error.source or str(one)
                raise
            if not isinstance(error, NotDicom) or may_be_damaged(one):
                doubtful.append(one)
            continue
        if is_image or (is_cut and series.uid):
            found.setdefault(series.uid, series).files.append(one)
        elif is_cut or may_be_cut:
            doubtful.append(one)
    if doubtful:
        more = f" and {len(doubtful) - 3} more" if len(doubtful) > 3 else ""
        text = f"of no series, because they are damaged or no DICOM files: {', '.join(doubtful[:3])}{more}"
        warnings.warn(text, DecodeWarning, stacklevel=stack_level())
    return list(found.values())
