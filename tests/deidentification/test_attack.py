"""The search for identities in all bytes of an output."""

import io

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

from dcmturbo import _core
from dcmturbo.deidentification.identities import Identities
from dcmturbo.deidentification.object import attack
from dcmturbo.errors import DeidentificationError

EXPLICIT, DEFLATED, RLE = pydicom.uid.ExplicitVRLittleEndian, "1.2.840.10008.1.2.1.99", pydicom.uid.RLELossless
SIZE = 1 << 12


def output(syntax, hidden=b"", **attributes):
    """Return an object with something among its pixels, as bytes and as a Dataset."""
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "2.25.1"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    pixels = bytes(SIZE // 2) + hidden + bytes(SIZE // 2 - len(hidden))
    ds.PixelData = encapsulate([pixels]) if syntax == RLE else pixels
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = syntax == RLE
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue(), pydicom.dcmread(io.BytesIO(file.getvalue()))


def sought():
    identities = Identities()
    identities.add("Quincey Morris", "PatientName")
    identities.add("48151623", "PatientID")
    return identities


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED, RLE])
def test_names_are_found_in_pixels_and_values(syntax):
    attack(*output(syntax), sought())
    with pytest.raises(DeidentificationError, match=r"PatientName is still in element \(7FE0,0010\)"):
        attack(*output(syntax, "Quincey Morris".encode("utf-16-le")), sought())
    with pytest.raises(DeidentificationError, match=r"PatientName is still in element \(0008,1030\)"):
        attack(*output(syntax, StudyDescription="of Quincey Morris"), sought())


def test_numbers_are_found_in_compressed_pixels_only():
    with pytest.raises(DeidentificationError, match=r"PatientID is still in element \(7FE0,0010\)"):
        attack(*output(RLE, b"48151623"), sought())
    for syntax in (EXPLICIT, DEFLATED):  # samples may look like a number
        attack(*output(syntax, b"48151623"), sought())
        with pytest.raises(DeidentificationError, match=r"PatientID is still in element \(0008,1030\)"):
            attack(*output(syntax, b"48151623", StudyDescription="48151623"), sought())


def test_bytes_outside_of_all_elements_are_searched():
    data, ds = output(EXPLICIT)
    with pytest.raises(DeidentificationError, match="PatientName is still in the bytes"):
        attack(b"Quincey Morris".ljust(128, b"\0") + data[128:], ds, sought())


def test_pixels_are_searched_once(monkeypatch):
    sizes = []
    find = _core.find_patterns
    monkeypatch.setattr(_core, "find_patterns", lambda data, patterns: sizes.append(len(data)) or find(data, patterns))
    for syntax in (EXPLICIT, RLE):
        sizes.clear()
        attack(*output(syntax), sought())
        assert sum(size >= SIZE for size in sizes) == 1
