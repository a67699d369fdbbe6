"""The examples of the pages about dcmturbo itself run: all blocks of a page, one after the other."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.archives import make_archive
from helpers.command_line import CT, MULTI
from helpers.items import item
from helpers.pages import NOT_CODE, RUN, blocks, follow
from helpers.segmentations import masks, segmentation, tiled
from helpers.series import stack_of_slices, write_series
from helpers.slides import instance, tissue
from helpers.structure_sets import SQUARE, in_patient, structure_set
from pydicom.encaps import encapsulate

import dcmturbo as dt

DOCS = Path(__file__).parents[2] / "docs"
# A block that no test can run has this line right before it in its page: <!-- not run: REASON -->
NOT_RUN = {
    ("compiled-code", "it is the setup.py of another package"): 1,
    ("guide", "needs an object store; tutorials/object-stores.md has the same calls, and is run"): 2,
    ("guide", "needs torch; deep-learning.md has the whole program, and is run"): 1,
    ("tutorials/compare", "installs packages"): 1,
    ("tutorials/first-steps", "installs packages"): 1,
    ("tutorials/slides", "needs an object store"): 1,
}

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here")


def write_ultrasound(place: Path) -> None:
    """Write an image with one region, and texts above it."""
    ds = pydicom.dcmread(CT)
    ds.Modality, ds.Manufacturer, ds.SOPClassUID = "US", "ACME", "1.2.840.10008.5.1.4.1.1.6.1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    pixels = np.random.default_rng(3).integers(0, 255, (600, 800)).astype(np.uint8)
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.SequenceOfUltrasoundRegions = [
        item(RegionLocationMinX0=0, RegionLocationMinY0=40, RegionLocationMaxX1=799, RegionLocationMaxY1=599)
    ]
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB"
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue"):
        if keyword in ds:
            del ds[keyword]
    ds.save_as(place)


def write_frames(place: Path, frames: int, shape: tuple[int, int] = (16, 16)) -> None:
    """Write an image of many frames, which are all the same."""
    ds = pydicom.dcmread(CT)
    ds.NumberOfFrames, (ds.Rows, ds.Columns) = frames, shape
    frame = dt.encode_frame(np.add.outer(*map(np.arange, shape)).astype(np.int16), "JPEGLSLossless")
    ds.PixelData = encapsulate([frame] * frames, has_bot=False)
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.80"
    ds.save_as(place)


def for_the_guide(folder: Path) -> None:
    shutil.copy(CT, folder / "ct.dcm")
    write_frames(folder / "cine.dcm", 40)
    write_frames(folder / "slide.dcm", 40_001)
    write_series(folder / "series", stack_of_slices(3, (512, 512)))
    big = np.add.outer(np.arange(3000), np.arange(2000)).astype(np.int16)
    ds = pydicom.dcmread(CT)
    ds.Rows, ds.Columns = big.shape
    ds.PixelData = big.tobytes()
    dt.transcode(ds, folder / "mammo.dcm", "HTJ2KLossless")
    (folder / "frame.j2k").write_bytes(dt.encode_frame(stack_of_slices(1, (300, 300))[0], "JPEG2000Lossless"))
    write_frames(folder / "damaged.dcm", 3)
    (folder / "damaged.dcm").write_bytes((folder / "damaged.dcm").read_bytes()[:-60])
    (folder / "slide").mkdir()
    matrix = tissue(2600, 3600)
    for number, step in enumerate((1, 2, 4)):
        pixels = matrix[::step, ::step]
        every = {(plane, path): pixels for plane in range(4) for path in range(2)}
        names = ("1", "2")
        data = instance(every, (512, 512), "HTJ2KLossless", mpp=0.5 * step, path_names=names)
        (folder / f"slide/{number}.dcm").write_bytes(data)
    label = instance(tissue(60, 80), (60, 80), kind="LABEL")
    (folder / "slide/label.dcm").write_bytes(label)


def for_privacy(folder: Path) -> None:
    shutil.copy(CT, folder / "ct.dcm")
    (folder / "secret.key").write_text("0123456789abcdef" * 4)
    write_ultrasound(folder / "us.dcm")
    (folder / "us").mkdir()
    write_ultrasound(folder / "us/one.dcm")


def for_encoding(folder: Path) -> None:
    """Write the pictures and the template of the page."""
    from PIL import Image

    Image.new("L", (20, 10), 7).save(folder / "scan.png")
    Image.new("RGB", (20, 10), "red").save(folder / "photo.jpg")
    shutil.copy(CT, folder / "ct.dcm")


def for_pydicom(folder: Path) -> None:
    shutil.copy(MULTI, folder / "cine.dcm")
    write_series(folder / "series", stack_of_slices(3))


def for_transcoding(folder: Path) -> None:
    shutil.copy(CT, folder / "ct.dcm")
    (folder / "out").mkdir()
    make_archive(folder / "archive")


def for_volumes(folder: Path) -> None:
    write_series(folder / "series", stack_of_slices(5))
    write_series(folder / "archive/a", stack_of_slices(4), SeriesDescription="Chest")
    write_series(folder / "archive/b", stack_of_slices(3), SeriesInstanceUID="1.2.3", PatientID="2", Modality="MR")
    write_series(
        folder / "archive/b/more", stack_of_slices(2), SeriesInstanceUID="1.2.4", ImagePositionPatient=[0, 0, 0]
    )
    volume = dt.read_volume(folder / "series")
    made = segmentation(list(masks()[0]), [1] * 5, range(5), numbers=(1,))
    made.SegmentSequence[0].SegmentLabel = "Liver"
    for group, one in zip(made.PerFrameFunctionalGroupsSequence, volume.slices, strict=True):
        group.PlanePositionSequence[0].ImagePositionPatient = list(one.position)
    made.save_as(folder / "seg.dcm", enforce_file_format=True)
    of_slide = tiled(np.kron(masks()[0][:1], np.ones((8, 8), np.uint8)), (16, 16), segments=(1,))
    of_slide.SegmentSequence[0].SegmentLabel = "Tumour"
    of_slide.save_as(folder / "slide-seg.dcm", enforce_file_format=True)
    contours = [(1, "CLOSED_PLANAR", in_patient(SQUARE, 2, volume))]
    structure_set(contours, names=("Heart",)).save_as(folder / "structures.dcm", enforce_file_format=True)


def for_pictures(folder: Path) -> None:
    shutil.copy(CT, folder / "ct.dcm")
    write_frames(folder / "cine.dcm", 40)


# No window must open where the tests run.
_NO_WINDOW = "import PIL.ImageShow as s; s._viewers[:] = [type('Viewer', (), {'show': lambda *_, **__: 1})()]"
# By page: what a reader has before the first line, what the page takes for granted in Python, the packages that it
# needs, and what is true at its end.
GIVEN: dict[str, tuple[Callable[[Path], object], str, tuple[str, ...], str]] = {
    "guide": (
        for_the_guide,
        "import dcmturbo as dt, numpy as np; from pathlib import Path; paths = sorted(Path('series').iterdir()); "
        "buffer = np.empty((3, 16, 16), np.int16); data = Path('frame.j2k').read_bytes(); "
        "first_bytes = data[: len(data) // 2]; "
        "attributes = dict(rows=300, columns=300, bits_allocated=16, pixel_representation=1)",
        ("dask", "zarr"),
        "Path('patch.png').stat().st_size > 0 and len(list(Path('viewer/slide_files').iterdir())) == 13",
    ),
    "privacy": (
        for_privacy,
        "",
        (),
        "(dt.decode('shared.dcm')[:40] == 0).all() and len(list(Path('shared').rglob('*.dcm'))) == 1 "
        "and len(list(Path('pictures').iterdir())) == 1",
    ),
    "encoding": (
        for_encoding,
        "import numpy as np; array = np.eye(9, dtype=np.uint8)",
        (),
        "dt.open('scan.dcm').transfer_syntax.endswith('.201') and dt.open('photo.dcm').transfer_syntax.endswith('.50')",
    ),
    "pydicom": (
        for_pydicom,
        "from pathlib import Path; paths = sorted(Path('series').iterdir())",
        (),
        "True",
    ),
    "transcoding": (
        for_transcoding,
        "",
        (),
        "Path('out/ct.dcm').stat().st_size < 33_000 and all(Path(name).stat().st_size > 0 "
        "for name in ('proof.html', 'proof.csv', 'report.html'))",
    ),
    "volumes": (for_volumes, "", ("nibabel",), "Path('labels.nrrd').stat().st_size > 0"),
    "pictures": (for_pictures, _NO_WINDOW, (), "True"),
    "index": (lambda folder: shutil.copy(CT, folder / "ct.dcm"), "", (), "Path('small.dcm').stat().st_size < 33_000"),
}
PRINTED = {
    "volumes": [
        "(5, 9, 11) float32",
        "(2.5, 0.7, 0.8)",
        "1 CT Chest 4",
        "(4, 9, 11)",
        "2 MR  3",
        "(3, 9, 11)",
        "1 CT  2",
        "left out: archive/b/more/0-0.dcm and archive/b/more/5-1.dcm have the same position, and no attribute tells "
        "them apart: use duplicates='first' or 'last' (--duplicates of the command), or leave one of them out",
        "1 Liver",
        "(5, 9, 11) True True",
        "(1, 72, 88)",
        "(1, 24, 32) True",
        "(5, 9, 11) uint8 float32",
        "True",
    ]
}
# Pages whose code is run by other tests, each example in a process of its own.
ELSEWHERE = {"hosts", "deep-learning", "viewers", "compiled-code", "adding-a-codec", "benchmarks", "performance"}


def test_every_page_with_code_is_run():
    with_code = {
        page.stem
        for page in DOCS.glob("*.md")
        if any(block.kind in RUN or block.kind in ("", "text", "sh") for block in blocks(page))
    }
    assert with_code - ELSEWHERE == set(GIVEN)


def test_the_blocks_that_are_not_run_are_listed():
    found: dict[tuple[str, str], int] = {}
    for page in [*DOCS.glob("*.md"), *(DOCS / "tutorials").glob("*.md")]:
        for block in blocks(page):
            if block.reason and block.kind not in NOT_CODE:
                key = (page.relative_to(DOCS).with_suffix("").as_posix(), block.reason)
                found[key] = found.get(key, 0) + 1
    assert found == NOT_RUN


@pytest.mark.slow
@pytest.mark.parametrize("name", GIVEN)
def test_the_page(name, tmp_path, monkeypatch):
    prepare, before, packages, promise = GIVEN[name]
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    prepare(tmp_path)
    printed = follow(DOCS / f"{name}.md", tmp_path, before)
    monkeypatch.chdir(tmp_path)
    assert eval(promise, {"Path": Path, "dt": dt})
    if name in PRINTED:
        assert printed == PRINTED[name]
