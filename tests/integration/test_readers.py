"""What other people's software reads from transcoded objects: the same pixels, and nothing to complain of."""

import shutil
import subprocess
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.shipped import shipped

import dcmturbo as dt

SOURCES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "emri_small.dcm",
    "SC_rgb_2frame.dcm",
    "OBXXXX1A.dcm",
    "examples_ybr_color.dcm",
)
NATIVE = ("ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian")
CLASSIC = ("RLELossless", "JPEGLossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless")
HIGH_THROUGHPUT = ("HTJ2KLossless", "HTJ2KLosslessRPCL", "HTJ2K")


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def transcoded(tmp_path_factory):
    """Makes ``(source, path of the result)`` once each."""
    root = tmp_path_factory.mktemp("transcoded")

    @cache
    def make(name: str, syntax: str, **options) -> tuple[Path, Path]:
        source, path = shipped(name), root / f"{name}.{syntax}.{len(options)}.dcm"
        dt.transcode(source, path, syntax, **options)
        return source, path

    return make


def stored(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dt.decode(path, raw=True, unused_bits="keep")


def cases(*syntaxes):
    return pytest.mark.parametrize(("name", "syntax"), [(n, s) for n in SOURCES for s in syntaxes])


PLUGINS = {
    "RLELossless": "pylibjpeg",
    "JPEG2000Lossless": "pylibjpeg",
    "JPEGLSLossless": "pyjpegls",
    "JPEGLossless": "gdcm",
    "JPEGLosslessSV1": "gdcm",
    "HTJ2KLossless": "pylibjpeg",
    "HTJ2KLosslessRPCL": "pylibjpeg",
    "HTJ2K": "pylibjpeg",
}


@cases(*NATIVE, *CLASSIC, *HIGH_THROUGHPUT)
def test_pydicom(transcoded, name, syntax):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.pixels import pixel_array

    source, path = transcoded(name, syntax)
    ds = pydicom.dcmread(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pixel_array(ds, raw=True, decoding_plugin=PLUGINS.get(syntax, ""))
    assert ds.file_meta.TransferSyntaxUID.keyword == syntax
    assert np.array_equal(found, stored(source))


@cases(*NATIVE, *CLASSIC)
def test_gdcm(transcoded, name, syntax):
    gdcm = pytest.importorskip("gdcm")
    source, path = transcoded(name, syntax)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    image = reader.GetImage()
    change = gdcm.ImageChangePlanarConfiguration()
    change.SetInput(image)
    cells = stored(source)
    raw = image.GetBuffer().encode("utf-8", errors="surrogateescape")
    found = np.frombuffer(raw, cells.dtype)
    assert np.array_equal(found.reshape(cells.shape), cells)


@cases(*NATIVE, *CLASSIC)
def test_simpleitk(transcoded, name, syntax):
    sitk = pytest.importorskip("SimpleITK")
    source, path = transcoded(name, syntax)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    # SimpleITK rescales and converts colour itself: its own reading of the source is the reference.
    native = source.with_name(source.name)
    try:
        expected = sitk.GetArrayFromImage(sitk.ReadImage(str(native), imageIO="GDCMImageIO"))
    except RuntimeError:
        pytest.skip(f"SimpleITK does not read {name} itself")
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO")), expected)


@cases(*NATIVE, *CLASSIC)
def test_dcmdump(transcoded, name, syntax):
    _, path = transcoded(name, syntax)
    done = subprocess.run([tool("dcmdump"), "-q", str(path)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert b"(7fe0,0010)" in done.stdout


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    ("command", "syntax"),
    [
        ("dcmdrle", "RLELossless"),
        ("dcmdjpeg", "JPEGLosslessSV1"),
        ("dcmdjpeg", "JPEGLossless"),
        ("dcmdjpls", "JPEGLSLossless"),
    ],
)
def test_dcmtk_decodes(transcoded, tmp_path, name, command, syntax):
    source, path = transcoded(name, syntax)
    native = tmp_path / "native.dcm"
    options = ["+cn"] if command == "dcmdjpeg" else []  # no colour conversion
    done = subprocess.run([tool(command), *options, str(path), str(native)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(stored(native), stored(source))


@pytest.mark.parametrize("offset_table", ["basic", "extended", "empty"])
def test_offset_tables_for_others(transcoded, offset_table):
    gdcm = pytest.importorskip("gdcm")
    source, path = transcoded("emri_small.dcm", "JPEG2000Lossless", offset_table=offset_table)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    raw = reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")
    assert raw == stored(source).tobytes()


# The US Image Module (PS3.3, C.8.5.6.1) knows YBR_FULL by plane only, which JPEG 4:2:2 without its subsampling is
# not, and no codestream can be.
ULTRASOUND_IN_YBR_FULL = {
    "Error - Unrecognized enumerated value <0> for value 1 of attribute <Planar Configuration>",
    "Error - Unrecognized enumerated value <YBR_FULL> for value 1 of attribute <Photometric Interpretation>",
}


def findings(path: Path) -> Counter[str]:
    """What dciodvfy says of errors, without the places where it says so."""
    done = subprocess.run([tool("dciodvfy"), str(path)], capture_output=True, check=False)
    text = (done.stderr + done.stdout).decode("latin-1")
    return Counter(line for line in text.splitlines() if line.startswith("Error"))


@cases("ExplicitVRLittleEndian", "ImplicitVRLittleEndian", *CLASSIC)
def test_dciodvfy_finds_nothing_new(transcoded, name, syntax):
    source, path = transcoded(name, syntax)
    new = findings(path) - findings(source)
    assert set(new) <= (ULTRASOUND_IN_YBR_FULL if name == "examples_ybr_color.dcm" else set())


@pytest.mark.parametrize(
    ("syntax", "options"),
    [("JPEGBaseline8Bit", {"quality": 90}), ("JPEG2000", {"psnr": 50}), ("JPEGLSNearLossless", {"near_lossless": 2})],
)
def test_dciodvfy_and_loss(transcoded, syntax, options):
    source, path = transcoded(
        "SC_rgb_2frame.dcm" if syntax != "JPEGLSNearLossless" else "CT_small.dcm", syntax, **options
    )
    assert findings(path) - findings(source) == Counter()
