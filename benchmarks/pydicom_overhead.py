"""What pydicom costs on top of dcmturbo: ``Dataset.pixel_array`` after ``register()`` against ``dcmturbo.decode(ds)``.

    python benchmarks/pydicom_overhead.py [--rounds 31] [--frames 64] [--row NAME]... [--corpus FOLDER] [--json]

The two are called in turn on the same Dataset in memory, in alternating order, and the ratio of their medians is
reported; `self` is that ratio for `decode` against itself: what the machine's noise makes of 1. Answers are compared
first, dtype and shape included. The CT rows use the WG-04 files where the corpus is, else a made-up image.
"""

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID

import dcmturbo as dt

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
TARGET = 1.3
LINE = "{row:20} {ratio:6.3f}  self {self:6.3f}  {pixel_array_ms:9.2f} {decode_ms:9.2f} ms"


def made_up(bits, shape, seed=0):
    """A smooth image with noise in its lower bits, which compresses about as scans do."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = (np.sin(x / 37) + np.cos(y / 53) + 2) / 4 * ((1 << bits) - 64)
    noise = np.random.default_rng(seed).integers(0, 1 << max(bits - 8, 2), shape)
    image = (smooth[..., np.newaxis] if len(shape) == 3 else smooth) + noise
    return image.astype(np.uint8 if bits <= 8 else np.uint16)


def dataset(uid, data, frames, shape, *, bits_allocated, bits_stored, photometric, pixel_representation=0):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(uid)
    ds.Rows, ds.Columns = shape[:2]
    ds.SamplesPerPixel = shape[2] if len(shape) == 3 else 1
    if len(shape) == 3:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits_allocated, bits_stored, bits_stored - 1
    ds.PixelRepresentation = pixel_representation
    ds.NumberOfFrames = frames
    ds.PixelData = data
    ds["PixelData"].VR = "OB" if ds.file_meta.TransferSyntaxUID.is_encapsulated else "OW"
    return ds


def repeated(corpus, name, uid, frames):
    """The one frame of a WG-04 file, as often as asked for."""
    path = corpus / "wg04" / name
    if path.is_file():
        one = pydicom.dcmread(path)
        frame = get_frame(one.PixelData, 0, number_of_frames=1)
        uid = one.file_meta.TransferSyntaxUID
        shape, stored, sign = (one.Rows, one.Columns), one.BitsStored, one.PixelRepresentation
    else:
        image = made_up(16, (512, 512))
        frame, shape, stored, sign = dt.encode_frame(image, uid), image.shape, 16, 0
    return dataset(
        uid,
        encapsulate([frame] * frames),
        frames,
        shape,
        bits_allocated=16,
        bits_stored=stored,
        photometric="MONOCHROME2",
        pixel_representation=sign,
    )


def twelve_bits(uid, frames):
    image = made_up(12, (512, 512))
    if UID(uid).is_encapsulated:
        data = encapsulate([dt.encode_frame(image, uid, bits_stored=12)] * frames)
    else:
        data = (image | 0x5000).tobytes() * frames  # something to correct above BitsStored
    return dataset(uid, data, frames, image.shape, bits_allocated=16, bits_stored=12, photometric="MONOCHROME2")


def ybr_422(uid, frames):
    image = made_up(8, (512, 512, 3))
    if UID(uid).is_encapsulated:
        data = encapsulate([dt.encode_frame(image, uid, photometric_interpretation="YBR_FULL_422")] * frames)
    else:
        pairs = image.reshape(512, 256, 2, 3)
        data = np.concatenate([pairs[..., 0], pairs[..., 0, 1:]], axis=-1).tobytes() * frames
    return dataset(uid, data, frames, image.shape, bits_allocated=8, bits_stored=8, photometric="YBR_FULL_422")


def plain(uid, frames):
    data = made_up(16, (512, 512)).tobytes() * frames
    return dataset(uid, data, frames, (512, 512), bits_allocated=16, bits_stored=16, photometric="MONOCHROME2")


ROOT = "1.2.840.10008.1.2"
ROWS = {
    "CT1_RLE": lambda corpus, n: repeated(corpus, "CT1_RLE", f"{ROOT}.5", n),
    "CT1_J2KR": lambda corpus, n: repeated(corpus, "CT1_J2KR", f"{ROOT}.4.90", n),
    "CT1_JPLL": lambda corpus, n: repeated(corpus, "CT1_JPLL", f"{ROOT}.4.70", n),
    "CT1_JLSL": lambda corpus, n: repeated(corpus, "CT1_JLSL", f"{ROOT}.4.80", n),
    "12-in-16 native": lambda _, n: twelve_bits(f"{ROOT}.1", n),
    "12-in-16 RLE": lambda _, n: twelve_bits(f"{ROOT}.5", n),
    "YBR_FULL_422 native": lambda _, n: ybr_422(f"{ROOT}.1", n),
    "YBR_FULL_422 JPEG": lambda _, n: ybr_422(f"{ROOT}.4.50", n),
    "16-bit native": lambda _, n: plain(f"{ROOT}.1", n),
}


def through_pydicom(ds):
    ds._pixel_array, ds._pixel_id = None, {}  # pydicom keeps the last
    array = ds.pixel_array
    ds._pixel_array = None
    return array


def seconds(function, ds):
    start = time.perf_counter()
    array = function(ds)
    elapsed = time.perf_counter() - start
    del array
    return elapsed


def measure(ds, rounds):
    if not dt.decode(ds).any():
        raise SystemExit("the image is black: nothing to compare")
    mine, theirs = dt.decode(ds), through_pydicom(ds)
    if mine.dtype != theirs.dtype or not np.array_equal(mine, theirs):
        raise SystemExit("pixel_array and decode differ: nothing is measured")
    del mine, theirs
    times = {"pixel_array": [], "decode": [], "decode again": []}
    gc.collect()
    gc.disable()
    try:
        for k in range(rounds):
            turn = [("pixel_array", through_pydicom), ("decode", dt.decode), ("decode again", dt.decode)]
            for name, function in turn if k % 2 else reversed(turn):
                times[name].append(seconds(function, ds))
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="at least 31 for a claim")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--row", action="append", choices=list(ROWS), help="only this row; may be repeated")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    dt.register()
    results = []
    for name in options.row or ROWS:
        medians = measure(ROWS[name](options.corpus, options.frames), options.rounds)
        results.append(
            {
                "row": name,
                "ratio": round(medians["pixel_array"] / medians["decode"], 3),
                "self": round(medians["decode again"] / medians["decode"], 3),
                "pixel_array_ms": round(1e3 * medians["pixel_array"], 2),
                "decode_ms": round(1e3 * medians["decode"], 2),
            }
        )
        if not options.json:
            print(LINE.format(**results[-1]))
    worst = max(result["ratio"] for result in results)
    if options.json:
        record = {
            "rounds": options.rounds,
            "frames": options.frames,
            "threads": dt.config.threads,
            "isa": dt.config.isa,
            "machine": platform.machine(),
            "versions": {name: version(name) for name in ("dcmturbo", "pydicom", "numpy", "imagecodecs")},
            "target": TARGET,
            "results": results,
        }
        json.dump(record, sys.stdout, indent=2)
        print()
    else:
        print(f"worst {worst:.3f}, to be at most {TARGET}")
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
