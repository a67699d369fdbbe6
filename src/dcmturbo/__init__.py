"""dcmturbo reads and writes DICOM pixel data, fast and checked.

>>> import dcmturbo as dt
>>> array = dt.decode("ct.dcm")                                         # doctest: +SKIP

A compiled core finds, decodes and encodes the frames of DICOM objects on many threads, directly into numpy arrays.
`register` makes pydicom use it. The names below are the whole public interface.
"""

import importlib
from typing import TYPE_CHECKING, Any

import dcmturbo._program  # noqa: F401 (before all others)
from dcmturbo.archives.archive import transcode_archive
from dcmturbo.archives.result import ArchiveResult
from dcmturbo.configuration import config
from dcmturbo.contours import (
    Contour,
    ContourSet,
    Structure,
    contours_of_mask,
    fill_polygons,
    read_contours,
    read_overlays,
)
from dcmturbo.dataset.frame_offsets import FrameOffsets
from dcmturbo.decoding import decode, decode_components, decode_frame, decode_series, probe
from dcmturbo.encoding import encode_frame
from dcmturbo.errors import (
    DecodeError,
    DecodeWarning,
    DeidentificationError,
    EncodeError,
    Error,
    LimitExceeded,
    NoPixelData,
    NotDicom,
    UnsupportedTransferSyntax,
)
from dcmturbo.frames.region import Region
from dcmturbo.frames.status import FrameStatus
from dcmturbo.image import Image, open
from dcmturbo.integrations import prefill, register, to_dask, unregister, zarr_store
from dcmturbo.pictures.rendering import render
from dcmturbo.segmentation import Segment, Segmentation, read_segmentation, write_segmentation
from dcmturbo.slides import Slide, slide
from dcmturbo.transcoding import TranscodeResult, transcode
from dcmturbo.version import __version__
from dcmturbo.volumes import Series, Volume, find_series, read_volume, read_volumes

if TYPE_CHECKING:
    from dcmturbo.archives.deidentification import deidentify_archive
    from dcmturbo.deidentification.api import check_audit, deidentify
    from dcmturbo.deidentification.object import DeidentifyResult

__all__ = [
    "__version__",
    "ArchiveResult",
    "Contour",
    "ContourSet",
    "DecodeError",
    "DecodeWarning",
    "DeidentificationError",
    "DeidentifyResult",
    "EncodeError",
    "Error",
    "FrameOffsets",
    "FrameStatus",
    "Image",
    "LimitExceeded",
    "NoPixelData",
    "NotDicom",
    "Region",
    "Slide",
    "Segment",
    "Segmentation",
    "Series",
    "Structure",
    "TranscodeResult",
    "UnsupportedTransferSyntax",
    "Volume",
    "check_audit",
    "config",
    "contours_of_mask",
    "decode",
    "decode_components",
    "decode_frame",
    "decode_series",
    "deidentify",
    "deidentify_archive",
    "encode_frame",
    "fill_polygons",
    "find_series",
    "open",
    "prefill",
    "probe",
    "read_contours",
    "read_overlays",
    "read_segmentation",
    "read_volume",
    "read_volumes",
    "register",
    "slide",
    "render",
    "to_dask",
    "transcode",
    "transcode_archive",
    "unregister",
    "write_segmentation",
    "zarr_store",
]

# These need pydicom, which is imported only if somebody uses it.
_WITH_PYDICOM = {
    "DeidentifyResult": "dcmturbo.deidentification.object",
    "check_audit": "dcmturbo.deidentification.api",
    "deidentify": "dcmturbo.deidentification.api",
    "deidentify_archive": "dcmturbo.archives.deidentification",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_PYDICOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_WITH_PYDICOM[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
