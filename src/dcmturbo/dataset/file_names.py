"""What the names of files promise."""

from __future__ import annotations

__all__ = ["is_named_dicom"]


def is_named_dicom(path: str) -> bool:
    """Whether the name of a file, or of the inner file of a chained URL, says that it is DICOM."""
    return path.partition("::")[0].lower().endswith((".dcm", ".dicom", ".ima"))
