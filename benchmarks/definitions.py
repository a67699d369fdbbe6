"""What is measured: one definition a workload, with the digest of the right answer.

The digests are of the samples, little endian, rows first: of phantoms as made, of real files as pydicom and its plugins
decode them (``python benchmarks/definitions.py --write``, which dcmturbo takes no part in).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from phantoms import PHANTOMS

DIGESTS = Path(__file__).with_name("digests.json")
LOSSLESS = ("RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless")


@dataclass(frozen=True)
class Definition:
    """A workload: what is done (one of engines.KINDS), to which image, in which transfer syntax."""

    kind: str
    source: str  # phantom:NAME, pydicom-data:NAME or wg04:NAME
    keyword: str
    frames: int = 1

    @property
    def name(self) -> str:
        """As it stands in records."""
        return f"{self.source} {self.keyword}" + (f" x{self.frames}" if self.frames > 1 else "")

    @property
    def digest(self) -> str:
        """SHA-256 of the image's samples."""
        return str(json.loads(DIGESTS.read_text(encoding="utf-8"))[self.source])


# By row of run.py.
DEFINITIONS: dict[str, tuple[Definition, ...]] = {
    "codestream-decode": tuple(
        Definition("decode", source, keyword)
        for keyword in LOSSLESS
        for source in ("phantom:ct", "phantom:cr", "phantom:ultrasound", "pydicom-data:693_J2KR.dcm", "wg04:CT1_RLE")
    ),
    "codestream-encode": tuple(
        Definition("encode", source, keyword)
        for keyword in LOSSLESS
        for source in ("phantom:mr", "phantom:cr", "phantom:ultrasound", "wg04:MR2_RLE")
    ),
    "path-to-array": tuple(Definition("path", "phantom:ct", keyword, 64) for keyword in LOSSLESS),
    "series": tuple(Definition("series", "phantom:ct", keyword, 32) for keyword in LOSSLESS),
    "frame-access": tuple(Definition("access", "phantom:slide", keyword, 128) for keyword in LOSSLESS),
    "transcode": (Definition("transcode", "phantom:ct", "JPEGLosslessSV1", 32),),
    "small-frame-decode": tuple(Definition("decode", "phantom:small", keyword) for keyword in LOSSLESS),
    "memory-peak": tuple(Definition("path", "phantom:ct", keyword, 64) for keyword in LOSSLESS),
}


def corpus() -> Path | None:
    """Return the folder of the WG-04 images, None where they are not."""
    default = Path(__file__).parents[2] / "shared" / "corpus"
    folder = Path(os.environ.get("DCMTURBO_CORPUS") or default) / "wg04"
    return folder if folder.is_dir() else None


def file_of(source: str) -> Path | None:
    """Return the file of a source, None where it is not on this machine."""
    collection, _, name = source.partition(":")
    if collection == "wg04":
        folder = corpus()
        return folder / name if folder else None
    found = importlib.util.find_spec("data_store")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "data" / name


def digest(array: np.ndarray) -> str:
    """Return the digest of samples."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


@cache
def image(source: str) -> np.ndarray | None:
    """Return the samples of a source, None where the file is not; raise if they are not those of the digest."""
    array = _made(source) if source.startswith("phantom:") else _read(source)
    if array is not None and digest(array) != json.loads(DIGESTS.read_text(encoding="utf-8"))[source]:
        raise RuntimeError(f"{source} is not what benchmarks/digests.json says")
    return array


def _made(source: str) -> np.ndarray:
    name = source.partition(":")[2]
    return PHANTOMS["ct"].array()[200:264, 200:264].copy() if name == "small" else PHANTOMS[name].array()


def _read(source: str) -> np.ndarray | None:
    import dcmturbo as dt

    place = file_of(source)
    return dt.decode(place, raw=True) if place else None


def _digests() -> dict[str, str]:
    from pydicom.pixels import pixel_array

    sources = sorted({definition.source for row in DEFINITIONS.values() for definition in row})
    found = {}
    for source in sources:
        if source.startswith("phantom:"):
            found[source] = digest(_made(source))
        elif place := file_of(source):
            found[source] = digest(pixel_array(place, raw=True))
        else:
            raise SystemExit(f"{source} is not on this machine")
    return found


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    DIGESTS.write_text(json.dumps(_digests(), indent=2) + "\n", encoding="utf-8")
