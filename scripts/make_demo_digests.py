#!/usr/bin/env python3
"""Make src/dcmturbo/cli/demo.json: digests of the pixels of pydicom's files, by decoders that are not ours.

    python scripts/make_demo_digests.py            writes the file
    python scripts/make_demo_digests.py --check    fails if it is not what would be written

Needs what the extra ``test`` installs. A digest is the SHA-256 of
the stored values (``raw=True``): all frames, C order, little endian. The decoders are the plugins of pydicom, by
name, and GDCM's own reader ("gdcm-reader"), which takes files that pydicom's plugin for it does not. What most of
them agree on is taken; for lossy JPEG what libjpeg says: Pillow (libjpeg-turbo), and GDCM where that cannot. Where
right decoders may differ by 1 (12-bit JPEG, irreversible JPEG 2000), the digests of those that do are in "also".
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import pickle
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.pixels import get_decoder, pixel_array

from dcmturbo.bench.peers import quiet

DIGESTS = Path(__file__).parents[1] / "src/dcmturbo/cli/demo.json"
PACKAGES = (
    "pydicom",
    "numpy",
    "pillow",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "pyjpegls",
    "python-gdcm",
)
# Where no decoder's reading of a file is one to measure others by.
UNSETTLED = {
    "badVR.dcm": "NumberOfFrames is '1A': pydicom refuses that, GDCM reads one of the 15 frames that are there"
}
MAY_DIFFER_BY_1 = {"1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"}
LOSSY_JPEG = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}
Result = tuple[tuple[int, ...], str, str]  # shape, dtype, SHA-256


def digest(array: np.ndarray) -> Result:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return array.shape, little.dtype.str, hashlib.sha256(little.tobytes()).hexdigest()


def read_with_gdcm(path: Path) -> np.ndarray:
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError("GDCM does not read it")
    image = reader.GetImage()
    frames = image.GetDimension(2) if image.GetNumberOfDimensions() == 3 else 1
    samples = image.GetPixelFormat().GetSamplesPerPixel()
    shape = (frames, image.GetDimension(1), image.GetDimension(0), samples)
    if samples == 3 and image.GetPlanarConfiguration() == 1:
        raise ValueError("GDCM gives planes")
    scalar = image.GetPixelFormat().GetScalarTypeAsString()
    dtype = {"UINT": "u", "INT": "i"}[scalar.rstrip("0123456789")] + str(int(scalar.lstrip("UINT")) // 8)
    content = image.GetBuffer().encode("utf-8", "surrogateescape")
    array = np.frombuffer(content, dtype).reshape(shape)
    array = array[0] if frames == 1 else array
    return array[..., 0] if samples == 1 else array


def in_child(function: Callable[[Path], np.ndarray], path: Path) -> np.ndarray:
    """Call a function in a process of its own: GDCM ends the process on three of pydicom's dose files."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), open(writing, "wb") as pipe:
            pickle.dump(function(path), pipe)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    array: np.ndarray = pickle.loads(content)  # EOFError where the child made nothing
    return array


def decode_with_all(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    with quiet():
        dataset = pydicom.dcmread(path)
    uid = dataset.file_meta.TransferSyntaxUID
    decoder = get_decoder(uid)
    arrays = {}
    for name in decoder.available_plugins if decoder.is_encapsulated else ("",):
        with quiet(), contextlib.suppress(Exception):
            arrays[name or "pydicom"] = pixel_array(dataset, raw=True, decoding_plugin=name)
    with quiet(), contextlib.suppress(Exception):
        arrays["gdcm-reader"] = in_child(read_with_gdcm, path)
    return str(uid), arrays


def describe_difference(array: np.ndarray, chosen: np.ndarray) -> str:
    if array.shape != chosen.shape or array.dtype.newbyteorder("=") != chosen.dtype.newbyteorder("="):
        return f"gives {array.shape} {array.dtype.name}"
    different = np.count_nonzero(array != chosen)
    largest = np.abs(array.astype(np.float64) - chosen.astype(np.float64)).max()
    return f"differs in {different} samples by up to {largest:g}"


def settle(name: str, uid: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    groups: dict[Result, list[str]] = {}
    for decoder, array in arrays.items():
        groups.setdefault(digest(array), []).append(decoder)
    libjpeg = next((name for name in ("pillow", "gdcm-reader") if name in arrays), None)
    if uid in LOSSY_JPEG and libjpeg:
        chosen = digest(arrays[libjpeg])
    else:
        votes = sorted((len(decoders) for decoders in groups.values()), reverse=True)
        # One against one: GDCM's reader swaps no bytes in big endian doses and 16-bit RLE colour.
        countable = [
            result for result in groups if len(groups[result]) == votes[0] and groups[result] != ["gdcm-reader"]
        ]
        if len(countable) > 1:
            raise SystemExit(f"{name}: the decoders do not agree: {groups}")
        chosen = countable[0] if countable else next(iter(groups))
    shape, dtype, sha256 = chosen
    reference = arrays[groups[chosen][0]]
    others = {
        decoder: describe_difference(array, reference)
        for decoder, array in arrays.items()
        if decoder not in groups[chosen]
    }
    also = [
        digest(array)[2]
        for decoder, array in arrays.items()
        if uid in MAY_DIFFER_BY_1 and others.get(decoder, "").endswith("by up to 1")
    ]
    return {
        "transfer_syntax": uid,
        "shape": list(shape),
        "dtype": dtype,
        "sha256": sha256,
        "decoders": sorted(groups[chosen]),
        **({"also": also} if also else {}),
        **({"others": others} if others else {}),
    }


def make() -> dict[str, Any]:
    folder = Path(pydicom.__file__).parent / "data/test_files"
    files: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in UNSETTLED:
            continue
        try:
            uid, arrays = decode_with_all(path)
        except Exception:
            continue  # not DICOM, or without a transfer syntax that has pixels
        if not arrays:
            continue  # no pixel data, or none that any of them decodes
        name = path.relative_to(folder).as_posix()
        entry = settle(name, uid, arrays)
        files[name] = {"file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **entry}
    return {
        "about": "SHA-256 of the stored values (raw=True, C order, little endian) of the files in "
        "pydicom/data/test_files; made by scripts/make_demo_digests.py, never by dcmturbo",
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "unsettled": UNSETTLED,
        "files": files,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    arguments = parser.parse_args()
    made = make()
    if not arguments.check:
        DIGESTS.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        print(f"{DIGESTS}: {len(made['files'])} files")
        return 0
    committed = json.loads(DIGESTS.read_text(encoding="utf-8"))
    differing = sorted(
        name
        for name in made["files"].keys() | committed["files"].keys()
        if made["files"].get(name) != committed["files"].get(name)
    )
    for name in differing:
        print(f"{name}: committed {committed['files'].get(name)}, made {made['files'].get(name)}", file=sys.stderr)
    if differing:
        print(f"versions: committed {committed['versions']}, here {made['versions']}", file=sys.stderr)
    print(f"{DIGESTS.name}: {len(differing)} of {len(made['files'])} files differ")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
