"""JPEG-LS of every depth, both ways, through other software: DCMTK, GDCM, CharLS (imagecodecs, pyjpegls)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.pydicom_datasets import quietly
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

import dcmturbo as dt

DEPTHS = range(2, 17)


def image(bits: int, signed: bool, samples: int = 1) -> np.ndarray:
    """Slopes, flat parts and noise over the whole range."""
    rng = np.random.default_rng(bits)
    most = (1 << bits) - 1
    array = np.cumsum(rng.integers(-1, 2, (30, 37, samples)), 1) * max(1, most // 200) + most // 2
    array[5:12, 10:30] = most // 3
    array[20:] = rng.integers(0, most + 1, array[20:].shape)
    array = array.clip(0, most)
    array[0, 0], array[-1, -1] = 0, most
    if signed:
        array -= 1 << (bits - 1)
    cells = "i" if signed else "u"
    return array.astype(f"{cells}{1 if bits <= 8 else 2}").reshape(30, 37, *((samples,) if samples > 1 else ()))


def write(path: Path, array: np.ndarray, bits: int) -> Path:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{bits}"
    ds.StudyInstanceUID = ds.SeriesInstanceUID = "1.2.3"
    ds.Modality, ds.PatientID = "OT", "1"
    ds.Rows, ds.Columns = array.shape[:2]
    ds.SamplesPerPixel = array.shape[2] if array.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if array.ndim == 3 else "MONOCHROME2"
    if array.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = 8 * array.itemsize
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    data = array.tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB" if array.itemsize == 1 else "OW"
    ds.save_as(path, enforce_file_format=True)
    return path


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def native(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return the stored values of an uncompressed file, without dcmturbo's help."""
    ds = pydicom.dcmread(path)
    return np.frombuffer(ds.PixelData, dtype, int(np.prod(shape))).reshape(shape)


def cases(depths=DEPTHS):
    return pytest.mark.parametrize(("bits", "signed"), [(b, s) for b in depths for s in (False, True)])


# Below 8 bits DCMTK and GDCM write a precision of 8. DCMTK refuses less, GDCM is wrong or ends itself.
@cases(range(8, 17))
def test_dcmtk_reads_ours(tmp_path, bits, signed):
    array = image(bits, signed)
    source = write(tmp_path / "a", array, bits)
    dt.transcode(source, tmp_path / "b", "JPEGLSLossless")
    run(tool("dcmdjpls"), tmp_path / "b", tmp_path / "c")
    found = native(tmp_path / "c", array.dtype, array.shape)
    mask = (1 << bits) - 1
    np.testing.assert_array_equal(found.astype(int) & mask, array.astype(int) & mask)


@cases()
def test_we_read_dcmtks(tmp_path, bits, signed):
    array = image(bits, signed)
    source = write(tmp_path / "a", array, bits)
    run(tool("dcmcjpls"), source, tmp_path / "b")
    np.testing.assert_array_equal(dt.decode(tmp_path / "b", raw=True), array)


@cases(range(8, 17))
def test_gdcm_reads_ours(tmp_path, bits, signed):
    array = image(bits, signed)
    source = write(tmp_path / "a", array, bits)
    dt.transcode(source, tmp_path / "b", "JPEGLSLossless")
    run(tool("gdcmconv"), "--raw", tmp_path / "b", tmp_path / "c")
    found = native(tmp_path / "c", array.dtype, array.shape)
    mask = (1 << bits) - 1
    np.testing.assert_array_equal(found.astype(int) & mask, array.astype(int) & mask)


@cases(range(8, 17))
def test_we_read_gdcms(tmp_path, bits, signed):
    array = image(bits, signed)
    source = write(tmp_path / "a", array, bits)
    run(tool("gdcmconv"), "--jpegls", source, tmp_path / "b")
    np.testing.assert_array_equal(quietly(dt.decode, tmp_path / "b", raw=True), array)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("bits", DEPTHS)
def test_pyjpegls_both_ways(bits, samples):
    jpeg_ls = pytest.importorskip("jpeg_ls")
    array = image(bits, False, samples)
    kw = {"photometric_interpretation": "RGB" if samples == 3 else "MONOCHROME2"}
    ours = dt.encode_frame(array, "JPEGLSLossless", bits_stored=bits, **kw)
    data, _ = jpeg_ls.decode_pixel_data(ours)
    np.testing.assert_array_equal(np.frombuffer(data, array.dtype).reshape(array.shape), array)
    theirs = jpeg_ls.encode_array(array)
    np.testing.assert_array_equal(
        dt.decode_frame(
            theirs,
            "JPEGLSLossless",
            rows=30,
            columns=37,
            samples_per_pixel=samples,
            bits_allocated=8 * array.itemsize,
            bits_stored=bits,
            raw=True,
            **kw,
        ),
        array,
    )


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_colour_through_dcmtk(tmp_path, bits):
    array = image(bits, False, 3)
    source = write(tmp_path / "a", array, bits)
    dt.transcode(source, tmp_path / "b", "JPEGLSLossless")
    assert pydicom.dcmread(tmp_path / "b").file_meta.TransferSyntaxUID == JPEGLSLossless
    run(tool("dcmdjpls"), tmp_path / "b", tmp_path / "c")
    np.testing.assert_array_equal(native(tmp_path / "c", array.dtype, array.shape), array)
    for mode in ("+il", "+is", "+in"):
        done = subprocess.run([tool("dcmcjpls"), mode, source, tmp_path / f"d{mode}"], capture_output=True, check=False)
        if done.returncode == 0:
            np.testing.assert_array_equal(dt.decode(tmp_path / f"d{mode}", raw=True), array)
