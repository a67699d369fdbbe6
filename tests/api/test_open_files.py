"""No call leaves a file open that it has opened: on Windows, such a file cannot be replaced or removed."""

import contextlib
import gc
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.segmentations import binary, masks
from helpers.series import slice_dataset, stack_of_slices, write_series
from helpers.slides import instance, tissue

import dcmturbo as dt
from dcmturbo.archives.comparison import compare_objects
from dcmturbo.cli import main

LISTED = Path("/proc/self/fd")
pytestmark = pytest.mark.skipif(not LISTED.is_dir(), reason="only Linux lists the files that a process has open")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open")
    pixels = np.arange(99, dtype=np.int16).reshape(9, 11)
    names = {name: folder / f"{name}.dcm" for name in ("image", "rle", "cut", "slide", "segmentation", "no_pixels")}
    ds = slice_dataset(pixels, 1, (0.0, 0.0, 0.0))
    ds.save_as(names["image"], enforce_file_format=True)
    dt.transcode(names["image"], names["rle"], "RLELossless")
    names["cut"].write_bytes(names["rle"].read_bytes()[:-40])
    del ds.PixelData
    ds.save_as(names["no_pixels"], enforce_file_format=True)
    names["slide"].write_bytes(instance(tissue(20, 20), (8, 8)))
    binary(masks()).save_as(names["segmentation"], enforce_file_format=True)
    (folder / "series").mkdir()
    names["series"] = folder / "series"
    write_series(names["series"], stack_of_slices())
    return names


def closed(thing):
    """Close what stays open until it is closed."""
    thing.close()


CALLS = {
    "decode": lambda files, new: dt.decode(files["rle"]),
    "decode, cut": lambda files, new: dt.decode(files["cut"]),
    "decode, without pixels": lambda files, new: dt.decode(files["no_pixels"]),
    "decode, salvaged": lambda files, new: dt.decode(files["cut"], on_error="salvage"),
    "decode_series": lambda files, new: dt.decode_series(sorted(files["series"].iterdir())),
    "open": lambda files, new: closed(dt.open(files["rle"])),
    "render": lambda files, new: dt.render(files["rle"]),
    "transcode": lambda files, new: dt.transcode(files["image"], new / "a.dcm", "JPEGLSLossless"),
    "transcode, cut": lambda files, new: dt.transcode(files["cut"], new / "b.dcm", "JPEGLSLossless"),
    "transcode_archive": lambda files, new: dt.transcode_archive(files["series"], new / "c", "RLELossless", jobs=1),
    "compare": lambda files, new: compare_objects(str(files["image"]), str(files["rle"])),
    "compare, cut": lambda files, new: compare_objects(str(files["image"]), str(files["cut"])),
    "compare, without pixels": lambda files, new: compare_objects(str(files["image"]), str(files["no_pixels"])),
    "find_series": lambda files, new: dt.find_series(files["series"]),
    "read_volume": lambda files, new: dt.read_volume(files["series"]),
    "read_segmentation": lambda files, new: closed(dt.read_segmentation(files["segmentation"])),
    "read_overlays": lambda files, new: dt.read_overlays(files["image"]),
    "slide": lambda files, new: closed(dt.slide(files["slide"])),
    "deidentify": lambda files, new: dt.deidentify(files["rle"], new / "d.dcm", key=b"k" * 32),
    "info": lambda files, new: main(["info", str(files["rle"])]),
    "info of a folder": lambda files, new: main(["info", str(files["series"].parent)]),
    "verify": lambda files, new: main(["verify", str(files["image"]), str(files["rle"])]),
    "decode to a picture": lambda files, new: main(["decode", str(files["rle"]), "-o", str(new / "e.png")]),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_no_call_leaves_a_file_open(files, tmp_path, name):
    def opened():
        found = set()
        for descriptor in LISTED.iterdir():
            with contextlib.suppress(OSError):
                found.add(os.readlink(descriptor))
        mapped = {line.split(maxsplit=5)[-1].strip() for line in Path("/proc/self/maps").read_text().splitlines()}
        return {path for path in found | mapped if ".dcm" in path}

    before = opened()
    error = None  # is kept, with all that its traceback holds
    gc.disable()  # what refers to itself stays, too
    try:
        CALLS[name](files, tmp_path)
    except dt.Error as caught:
        error = caught
    finally:
        gc.enable()
    assert opened() <= before, error
