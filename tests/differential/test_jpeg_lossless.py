"""JPEG Lossless against other people's codecs, both ways: libjpeg-turbo (imagecodecs), GDCM, and DCMTK where it is."""

import io
import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from helpers.samples import noise, smooth
from pydicom.pixels import pixel_array

import dcmturbo as dt

UID = {"JPEGLossless": "1.2.840.10008.1.2.4.57", "JPEGLosslessSV1": "1.2.840.10008.1.2.4.70"}
MAKERS = {"smooth": smooth, "noise": noise}


def sample(shape: tuple[int, ...], bits: int, kind: str) -> np.ndarray:
    return MAKERS[kind](shape, np.uint8 if bits <= 8 else np.uint16, bits=bits)


def space(array: np.ndarray) -> dict[str, str]:
    return {"colorspace": "RGB", "outcolorspace": "RGB"} if array.ndim == 3 else {}


def arguments(array: np.ndarray, bits: int) -> dict:
    return {
        "rows": array.shape[0],
        "columns": array.shape[1],
        "samples_per_pixel": array.shape[2] if array.ndim == 3 else 1,
        "bits_allocated": array.itemsize * 8,
        "bits_stored": bits,
        "raw": True,
    }


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("selection_value", range(1, 8))
@pytest.mark.parametrize("bits", [*range(2, 17)])
def test_libjpeg_turbo(bits, selection_value, kind):
    for shape in ((31, 45), (1, 1), (200, 3)):
        array = sample(shape, bits, kind)
        theirs = imagecodecs.jpeg8_encode(array, lossless=True, predictor=selection_value, bitspersample=bits)
        np.testing.assert_array_equal(dt.decode_frame(theirs, "JPEGLossless", **arguments(array, bits)), array)
        ours = dt.encode_frame(array, "JPEGLossless", bits_stored=bits, selection_value=selection_value)
        np.testing.assert_array_equal(imagecodecs.jpeg8_decode(ours), array)
        assert len(ours) <= len(theirs) * 1.005 + 2


@pytest.mark.parametrize("selection_value", range(1, 8))
def test_libjpeg_turbo_in_colour(selection_value):
    for kind in MAKERS:
        array = sample((60, 70, 3), 8, kind)
        theirs = imagecodecs.jpeg8_encode(array, lossless=True, predictor=selection_value, **space(array))
        np.testing.assert_array_equal(dt.decode_frame(theirs, "JPEGLossless", **arguments(array, 8)), array)
        ours = dt.encode_frame(array, "JPEGLossless", selection_value=selection_value)
        np.testing.assert_array_equal(imagecodecs.jpeg8_decode(ours, **space(array)), array)
        assert len(ours) <= len(theirs) * 1.005 + 2


@pytest.mark.parametrize(("bits", "sign"), [(8, 0), (10, 0), (12, 0), (12, 1), (16, 0), (16, 1)])
@pytest.mark.parametrize("selection_value", range(1, 8))
def test_gdcm_reads_what_is_encoded(bits, sign, selection_value):
    dtype = np.dtype(f"{'ui'[sign]}{1 if bits == 8 else 2}")
    array = smooth((40, 52), dtype, bits=bits)
    data = dt.encode_frame(array, "JPEGLossless", bits_stored=bits, selection_value=selection_value)
    module = {"rows": 40, "columns": 52, "bits_allocated": dtype.itemsize * 8, "bits_stored": bits, "signed": sign}
    file = encapsulated_file([data], UID["JPEGLossless"], **module)
    found = pixel_array(pydicom.dcmread(io.BytesIO(file)), decoding_plugin="gdcm")
    np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(dt.decode(file), array)


@pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="DCMTK is not on this machine")
@pytest.mark.parametrize(
    "options", [["+e1"], *(["+el", "+sv", str(value)] for value in range(1, 8)), ["+e1", "+pt", "2"], ["+e1", "+ua"]]
)
@pytest.mark.parametrize("case", ["12 bits", "16 bits", "colour"])
def test_dcmtk(tmp_path: Path, options, case):
    bits = {"12 bits": 12, "16 bits": 16, "colour": 8}[case]
    array = sample((50, 64, 3) if case == "colour" else (50, 64), bits, "smooth")
    module = {
        "rows": 50,
        "columns": 64,
        "bits_allocated": array.itemsize * 8,
        "bits_stored": bits,
        "samples": array.shape[2] if array.ndim == 3 else 1,
        "photometric": "RGB" if array.ndim == 3 else "MONOCHROME2",
        "planar": 0 if array.ndim == 3 else None,
    }
    plain, theirs = tmp_path / "plain.dcm", tmp_path / "theirs.dcm"
    plain.write_bytes(native_file(array.tobytes(), "explicit", **module))
    run = subprocess.run(["dcmcjpeg", *options, plain, theirs], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        pytest.skip(f"dcmcjpeg does not write it: {run.stderr.strip()[:100]}")
    back = tmp_path / "back.dcm"
    subprocess.run(["dcmdjpeg", theirs, back], check=True, capture_output=True)
    if "+pt" in options:
        with pytest.warns(dt.DecodeWarning, match="codestream is lossy, but the transfer syntax"):
            found = dt.decode(theirs)
    else:
        found = dt.decode(theirs)
    np.testing.assert_array_equal(found, dt.decode(back))
    # And the other way.
    name = "JPEGLosslessSV1"
    data = dt.encode_frame(array, name, bits_stored=bits, photometric_interpretation=module["photometric"])
    ours = tmp_path / "ours.dcm"
    ours.write_bytes(encapsulated_file([data], UID[name], **module))
    subprocess.run(["dcmdjpeg", ours, back], check=True, capture_output=True)
    np.testing.assert_array_equal(dt.decode(back), array)
