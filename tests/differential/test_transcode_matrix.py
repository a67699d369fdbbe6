"""Every public file into every lossless syntax and back: equal pixels, and nothing else touched.

A sample of it by default, all of it with DCMTURBO_LONG=1.
"""

import contextlib
import io
import os
import random
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from helpers.corpus import corpus_folder
from helpers.shipped import shipped_files
from helpers.transcoding import CHANGING_META, LOSSLESS_TARGETS, kept, meaning, pixels, split

import dcmturbo as dt
from dcmturbo import _core

LONG = os.environ.get("DCMTURBO_LONG") == "1"
SAMPLE = 240
LARGEST = 40_000_000  # bytes: beyond, one file would take as long as all others

FILES = [path for path in shipped_files() if path.stat().st_size <= LARGEST]
FILES += sorted(path for path in (corpus_folder() / "wg04").glob("*") if path.is_file())
CASES = [(path, target) for path in FILES for target in LOSSLESS_TARGETS]
if not LONG:
    CASES = random.Random(20_260_101).sample(CASES, SAMPLE)

# What a syntax cannot hold: the reason that the message gives, by what is refused.
TOO_DEEP = "bits, but BitsStored is|integers of 2 to 16 bits|is encoded from integers of"
NOT_A_JPEG = "8-bit JPEG streams only"
UNUSED_BITS = r"bits above BitsStored \(\d+\) are in use"
UNUSED_BITS_IN_USE = ("mlut_18.dcm",)
JPEG_LIKE = ("JPEGLossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEGLSNearLossless")
KEEPS_ALL = (
    "ImplicitVRLittleEndian",
    "ExplicitVRLittleEndian",
    "DeflatedExplicitVRLittleEndian",
    "EncapsulatedUncompressedExplicitVRLittleEndian",
    "RLELossless",
    "DeflatedImageFrameCompression",
)


def expected_refusal(path: Path, image: dt.Image, target: str) -> str | None:
    """Why transcoding this file is refused; None if it is not."""
    opened = image.frame_set.opened
    if target in KEEPS_ALL:
        return None
    if target == "JPEGXLJPEGRecompression":
        is_jpeg = opened.syntax.has_codestream_header and image.probe().format == "jpeg"
        return None if is_jpeg and opened.bits_stored == 8 else NOT_A_JPEG
    if opened.bits_stored > (20 if target.startswith("JPEG2000") else 16):
        return TOO_DEEP
    if opened.bits_allocated == 1 and target in JPEG_LIKE:
        return TOO_DEEP
    return UNUSED_BITS if path.name in UNUSED_BITS_IN_USE else None


@lru_cache(maxsize=4)
def before(path: Path) -> tuple[bytes, np.ndarray | str]:
    data = path.read_bytes()
    return data, pixels(data)


def equal(a: np.ndarray | str, b: np.ndarray | str) -> bool:
    return (
        isinstance(a, np.ndarray)
        and isinstance(b, np.ndarray)
        and a.dtype == b.dtype
        and a.shape == b.shape
        and a.tobytes() == b.tobytes()
    )


def transcode(data: bytes, target: str) -> bytes:
    to = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what there is to say is in the result
        dt.transcode(data, to, target, threads=1)
    return to.getvalue()


def spliced(data: bytes) -> bool:
    """Whether the dataset is in explicit VR little endian, so that its bytes can stay."""
    found = _core.scan(_core.Source.buffer(data))
    return found.explicit_vr and not found.big_endian and found.has_preamble and found.has_meta


@pytest.mark.parametrize(("path", "target"), CASES, ids=[f"{path.name}-{target}" for path, target in CASES])
def test_there_and_back(path, target):
    data, cells = before(path)
    if isinstance(cells, str):
        # Refused, unless it is in the target form already: then it is copied as it is.
        with contextlib.suppress(dt.Error):
            assert transcode(data, target) == data
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with dt.open(data) as image:
            refusal = expected_refusal(path, image, target)
    if refusal is not None:
        with pytest.raises(dt.EncodeError, match=refusal):
            transcode(data, target)
        return
    there = transcode(data, target)
    back = transcode(there, "ExplicitVRLittleEndian")
    assert equal(cells, pixels(there))
    assert equal(cells, pixels(back))
    if spliced(data):
        preamble, meta, dataset = split(data)
        for other in (there, back):
            if target == "ImplicitVRLittleEndian":
                break
            found_preamble, found_meta, found_dataset = split(other)
            assert found_preamble == preamble
            assert {k: v for k, v in found_meta.items() if k not in CHANGING_META} == {
                k: v for k, v in meta.items() if k not in CHANGING_META
            }
            assert kept(found_dataset) == kept(dataset)
    wanted = meaning(data)
    if wanted:  # pydicom gives up on some
        assert meaning(there) == wanted
        assert meaning(back) == wanted
