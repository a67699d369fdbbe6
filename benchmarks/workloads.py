"""The rows that come from definitions: every engine's answer compared with the digest, then all timed in turn."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engines
import numpy as np
import pydicom
from definitions import DEFINITIONS, Definition, digest, image
from engines import OURS, Work
from measure import interleaved, median, with_again
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

import dcmturbo as dt

Row = dict[str, Any]
_SMALL = 20_000  # samples below which one call is too short for the clock


def attributes_of(array: np.ndarray) -> dict[str, Any]:
    """Return the attributes of an image, as decode_frame takes them."""
    colour = array.ndim == 3
    largest = int(array.max())
    bits = 16 if array.dtype.kind == "i" else 8 if array.itemsize == 1 else max(12, largest.bit_length())
    return {
        "rows": array.shape[0],
        "columns": array.shape[1],
        "samples_per_pixel": 3 if colour else 1,
        "bits_allocated": 8 * array.itemsize,
        "bits_stored": bits,
        "pixel_representation": int(array.dtype.kind == "i"),
        "photometric_interpretation": "RGB" if colour else "MONOCHROME2",
    }


def encoded(array: np.ndarray, keyword: str) -> bytes:
    """Return a codestream by a library's encoder where there is one, so that it is not made for our decoder."""
    known = attributes_of(array)
    options = {name: known[name] for name in ("bits_stored", "photometric_interpretation")}
    # JPEG-LS leaves an encoder no choice, and the library has only 8 and 16 bits.
    prefer = "own" if keyword in ("RLELossless", "JPEGLSLossless") else "library"
    with dt.config.override(prefer=prefer):
        return bytes(dt.encode_frame(array, keyword, **options))


def write_object(place: Path, work: Work, frames: int) -> None:
    """Write an object that holds the frame many times, with a basic offset table."""
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = getattr(pydicom.uid, work.keyword)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = (
        pydicom.uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    )
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.9.9999.1"
    names = {"bits_allocated": "BitsAllocated", "bits_stored": "BitsStored", "rows": "Rows", "columns": "Columns"}
    names |= {"samples_per_pixel": "SamplesPerPixel", "pixel_representation": "PixelRepresentation"}
    names |= {"photometric_interpretation": "PhotometricInterpretation"}
    for ours, theirs in names.items():
        setattr(ds, theirs, work.attributes[ours])
    ds.HighBit = ds.BitsStored - 1
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    ds.NumberOfFrames = frames
    ds.PixelData = encapsulate([work.codestream] * frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.save_as(place, enforce_file_format=True)


def prepare(definition: Definition, folder: Path) -> Work | None:
    """Return the work of a definition, its files written into a folder; None if its image is not on this machine."""
    array = image(definition.source)
    if array is None:
        return None
    work = Work(definition.keyword, array, attributes_of(array), frames=definition.frames)
    if definition.kind != "encode":
        work.codestream = encoded(array, definition.keyword)
    if definition.kind in ("path", "access", "transcode"):
        work.paths = [folder / f"{definition.kind}-{definition.keyword}.dcm"]
        write_object(work.path, work, definition.frames)
        work.frame = definition.frames * 2 // 3
    if definition.kind in ("path", "transcode"):
        work.threads = dt.config.threads
    if definition.kind == "series":
        work.threads = dt.config.threads
        work.paths = [folder / f"{definition.keyword}-{k:03}.dcm" for k in range(definition.frames)]
        for place in work.paths:
            write_object(place, work, 1)
    return work


def difference_of(definition: Definition, work: Work, answer: Any) -> str:
    """Return how an answer differs from the definition's digest, empty if it does not."""
    if definition.kind == "transcode":
        answer = dt.decode(work.path.with_suffix(".transcoded"))
    if definition.kind == "encode":
        answer = dt.decode_frame(answer, definition.keyword, raw=True, **work.attributes)
    array = np.asarray(answer)
    frames = array.reshape(-1, *work.array.shape) if array.size % work.array.size == 0 else array[np.newaxis]
    several = definition.kind in ("path", "series", "transcode")
    if len(frames) != (definition.frames if several else 1):
        return f"shape {array.shape}"
    for frame in frames:
        cells = (
            frame.view(work.array.dtype) if frame.itemsize == work.array.itemsize else frame.astype(work.array.dtype)
        )
        if digest(cells) != definition.digest:
            return "other samples"
    return ""


def agreeing(definition: Definition, work: Work) -> tuple[dict[str, Callable[[], Any]], dict[str, str]]:
    """Return the engines whose answer has the digest, and why the others take no part. Ours has to have it."""
    works, reasons = engines.functions(definition.kind, work)
    for name in list(works):
        try:
            why = difference_of(definition, work, works[name]())
        except Exception as error:
            lines = str(error).strip().splitlines()
            why = lines[-1] if lines else type(error).__name__
        if why and name == OURS:
            raise RuntimeError(f"{definition.name}: dcmturbo: {why}")
        if why:
            reasons[name] = why
            del works[name]
    return works, reasons


def _often(work: Callable[[], Any], times: int) -> Callable[[], None]:
    def repeat() -> None:
        for _ in range(times):
            work()

    return repeat


def _row(definition: Definition, rounds: int, folder: Path) -> Row | None:
    work = prepare(definition, folder)
    if work is None:
        return None
    works, reasons = agreeing(definition, work)
    if OURS not in works:
        return {"file": definition.name, "not measured": reasons}
    repeat = 50 if definition.kind in ("decode", "encode") and work.array.size < _SMALL else 1
    peers = [name for name in works if name != OURS]
    turns = with_again(works, OURS)
    times, facts = interleaved({name: _often(one, repeat) for name, one in turns.items()}, rounds)
    middle = {name: median(times[name]) / repeat for name in works}
    fastest = min(peers, key=lambda name: middle[name], default=None)
    again = median(times[f"{OURS} again"]) / repeat
    done = definition.frames if definition.kind in ("path", "series", "transcode") else 1
    return {
        "file": definition.name,
        **({"ratio": middle[fastest] / middle[OURS], "best peer": fastest} if fastest else {}),
        "A/A": again / middle[OURS],
        "engines": {
            name: {
                "milliseconds": seconds * 1e3,
                "msamples_per_second": work.array.size * done / seconds / 1e6,
                "low": min(times[name]) / repeat * 1e3,
                "high": max(times[name]) / repeat * 1e3,
            }
            for name, seconds in middle.items()
        },
        "not measured": reasons,
        "threads": work.threads,
        **facts,
    }


def rows(name: str, rounds: int) -> list[Row]:
    """Measure the definitions of a row."""
    found = []
    for definition in DEFINITIONS[name]:
        with tempfile.TemporaryDirectory() as folder:
            row = _row(definition, rounds, Path(folder))
        found.append(row or {"file": definition.name, "not measured": {"all": "its image is not on this machine"}})
    return found


def codestream_decode(rounds: int) -> list[Row]:
    """One thread, a codestream in memory to samples: every engine, against the fastest other one."""
    return rows("codestream-decode", rounds)


def codestream_encode(rounds: int) -> list[Row]:
    """One thread, samples to a codestream; what each engine writes is decoded and compared first."""
    return rows("codestream-encode", rounds)


def path_to_array(rounds: int) -> list[Row]:
    """64 frames, path to array, as users run it: dcmturbo with all its threads."""
    return rows("path-to-array", rounds)


def series(rounds: int) -> list[Row]:
    """32 files to one array, dcmturbo with all its threads."""
    return rows("series", rounds)


def frame_access(rounds: int) -> list[Row]:
    """One tile of 128, path to array, the file opened anew each time."""
    return rows("frame-access", rounds)


def transcode(rounds: int) -> list[Row]:
    """32 frames from JPEG Lossless to RLE, file to file."""
    return rows("transcode", rounds)


def small_frame_decode(rounds: int) -> list[Row]:
    """A codestream of 64 x 64 samples: what a call costs."""
    return rows("small-frame-decode", rounds)


# VmHWM begins anew with a program; ru_maxrss begins with that of the process which started it.
_MEMORY = """\
import re, sys
from pathlib import Path
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.path[:0] = {paths!r}
import engines
from engines import Work
engine = next(e for e in engines.modules() if e.NAME == {engine!r})
import numpy as np
work = Work({keyword!r}, np.zeros(1), dict(), paths=[Path({path!r})], frames={frames}, threads={threads})
run = engine.path(work)
__import__(engine.MODULE)
import pydicom.pixels
before = peak()
array = run()
print(peak() - before, array.nbytes)
"""


def memory_peak(rounds: int) -> list[Row]:
    """64 frames, path to array, in a fresh process: how far its peak memory rises, over the result's size."""
    found: list[Row] = []
    for definition in DEFINITIONS["memory-peak"]:
        with tempfile.TemporaryDirectory() as folder:
            work = prepare(definition, Path(folder))
            assert work is not None
            works, reasons = agreeing(definition, work)
            peaks = {}
            for name in works:
                program = _MEMORY.format(
                    paths=[path for path in sys.path if path],
                    engine=name,
                    keyword=definition.keyword,
                    path=str(work.path),
                    frames=definition.frames,
                    threads=work.threads,
                )
                done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
                rise, size = map(int, done.stdout.split())
                peaks[name] = rise * 1024 / size
        found.append({"file": definition.name, "peak over result": peaks, "not measured": reasons})
    return found


ROWS: dict[str, Callable[[int], list[Row]]] = {
    "codestream-decode": codestream_decode,
    "codestream-encode": codestream_encode,
    "path-to-array": path_to_array,
    "series": series,
    "frame-access": frame_access,
    "transcode": transcode,
    "small-frame-decode": small_frame_decode,
    "memory-peak": memory_peak,
}
