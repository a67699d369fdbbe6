"""Items and objects with a few attributes, made for tests."""

import pydicom
from pydicom.dataset import FileMetaDataset


def item(**values: object) -> pydicom.Dataset:
    """Return an item with these attributes."""
    ds = pydicom.Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def file_of(**values: object) -> pydicom.Dataset:
    """Return an object that can be written."""
    ds = item(SOPInstanceUID="1.2.3", **values)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return ds
