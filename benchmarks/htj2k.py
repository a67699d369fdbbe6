"""The rows of HTJ2K: one codestream against OpenJPH, as imagecodecs wraps it. The newest release of imagecodecs needs
Python 3.12 or newer. What runs on one thread is measured in processor time of this thread."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from data import attributes, multi_frame, wg04
from measure import interleaved, median, scaling_over_control, with_again
from pydicom.encaps import encapsulate

import dcmturbo as dt

Row = dict[str, Any]
RATIO = 8.0  # of the lossy rows: bytes of the pixels over bytes of the codestream


@dataclass(frozen=True)
class Image:
    """A WG-04 image and what the functions of both need to know of it."""

    name: str
    array: np.ndarray
    bits: int

    @property
    def is_colour(self) -> bool:
        return self.array.ndim == 3

    @property
    def is_signed(self) -> bool:
        return self.array.dtype.kind == "i"

    def openjph(self, **options: Any) -> bytes:
        """Encode with OpenJPH on one thread, with a component transform where there are colours."""
        precision = {} if self.is_signed else {"bitspersample": self.bits}
        return bytes(imagecodecs.htj2k_encode(self.array, rgb=self.is_colour, planar=False, **precision, **options))

    def ours(self, *, threads: int = 1, **options: Any) -> bytes:
        """Encode with dcmturbo, with a component transform where there are colours."""
        photometric = "MONOCHROME2"
        if self.is_colour:
            photometric = "YBR_ICT" if options else "YBR_RCT"
        syntax = "HTJ2K" if options else "HTJ2KLossless"
        return dt.encode_frame(
            self.array,
            syntax,
            bits_stored=self.bits,
            photometric_interpretation=photometric,
            threads=threads,
            **options,
        )

    def decode(self, codestream: bytes, **options: Any) -> np.ndarray:
        """Decode with dcmturbo."""
        return dt.decode_frame(
            codestream,
            "HTJ2K",
            rows=self.array.shape[0],
            columns=self.array.shape[1],
            samples_per_pixel=3 if self.is_colour else 1,
            bits_allocated=8 * self.array.itemsize,
            bits_stored=8 * self.array.itemsize if self.is_signed else self.bits,
            pixel_representation=int(self.is_signed),
            photometric_interpretation="RGB" if self.is_colour else "MONOCHROME2",
            raw=True,
            **options,
        )

    def psnr(self, codestream: bytes) -> float:
        """Return the peak signal-to-noise ratio of what the codestream holds."""
        error = self.decode(codestream).astype(np.float64) - self.array
        return 10 * math.log10((2.0**self.bits - 1) ** 2 / np.mean(error**2))

    def openjph_of_size(self, size: float, tolerance: float) -> tuple[bytes, float, int]:
        """Encode with OpenJPH until the size is at most `size` and not smaller by more than `tolerance` (a share).

        The quantisation step is a straight line of the logarithms through the last two trials, then halves what is
        left.

        Returns
        -------
        (bytes, float, int)
            The codestream, its quantisation step, and how many were made.
        """
        known: list[tuple[float, float]] = []  # logarithms of step and size
        low, high = -14.0 * math.log(2), -2.0 * math.log(2)
        step = -9 * math.log(2)
        best = (b"", 0.0)
        for trial in range(1, 40):
            made = self.openjph(reversible=False, level=math.exp(step))
            share = len(made) / size
            if 1 - tolerance <= share <= 1:
                return made, math.exp(step), trial
            if share > 1:
                low = max(low, step)
            else:
                high = min(high, step)
                best = max(best, (made, math.exp(step)), key=lambda one: len(one[0]))
            known.append((step, math.log(share)))
            aim = math.log(1 - tolerance / 2)
            slope = -0.6
            if len(known) > 1 and known[-1][0] != known[-2][0]:
                slope = (known[-1][1] - known[-2][1]) / (known[-1][0] - known[-2][0])
            step = known[-1][0] + (aim - known[-1][1]) / min(slope, -0.05)
            if not low < step < high:
                step = (low + high) / 2
            if high - low < 1e-7:
                break
        return best[0], best[1], trial


def images() -> list[Image]:
    """Return the WG-04 images."""
    found = []
    for path in wg04("RLE"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        found.append(Image(path.name.split("_")[0], np.ascontiguousarray(dt.decode(path, raw=True)), ds.BitsStored))
    return found


def _row(image: Image, times: dict[str, list[float]], facts: dict[str, Any], **more: Any) -> Row:
    m = {name: median(taken) for name, taken in times.items()}
    least = {name: min(taken) for name, taken in times.items()}
    return {
        "file": image.name,
        "ratio": m["OpenJPH"] / m["ours"],
        "ratio of the fastest runs": least["OpenJPH"] / least["ours"],
        "A/A": m["ours again"] / m["ours"],
        **more,
        **facts,
    }


def _decode(image: Image, codestream: bytes, rounds: int) -> Row:
    works: dict[str, Callable[[], Any]] = {
        "ours": lambda: image.decode(codestream, threads=1),
        "OpenJPH": lambda: imagecodecs.htj2k_decode(codestream, planar=False),
    }
    times, facts = interleaved(with_again(works, "ours"), rounds, clock=time.thread_time)
    return _row(image, times, facts, bits=8 * len(codestream) / image.array.size)


def decode(rounds: int) -> list[Row]:
    """One thread, a lossless codestream of OpenJPH in memory to pixels, against imagecodecs.htj2k_decode."""
    rows = []
    for image in images():
        codestream = image.openjph(reversible=True)
        assert np.array_equal(image.decode(codestream), image.array), image.name
        assert np.array_equal(imagecodecs.htj2k_decode(codestream, planar=False), image.array), image.name
        rows.append(_decode(image, codestream, rounds))
    return rows


def decode_lossy(rounds: int) -> list[Row]:
    """The same of an irreversible codestream of an eighth of the pixels' size."""
    rows = []
    for image in images():
        codestream, _, _ = image.openjph_of_size(image.array.nbytes / RATIO, 0.02)
        ours = image.decode(codestream).astype(np.int64)
        theirs = np.asarray(imagecodecs.htj2k_decode(codestream, planar=False)).astype(np.int64)
        # OpenJPH may wrap around what is beyond the range.
        differs = np.abs(ours - theirs)
        assert np.all((differs <= 1) | (differs > 2 ** (image.bits - 1))), image.name
        rows.append(_decode(image, codestream, rounds))
    return rows


def encode(rounds: int) -> list[Row]:
    """One thread, pixels to a lossless codestream, against imagecodecs.htj2k_encode."""
    rows = []
    for image in images():
        ours, theirs = image.ours(), image.openjph(reversible=True)
        assert np.array_equal(np.asarray(imagecodecs.htj2k_decode(ours, planar=False)), image.array), image.name
        works: dict[str, Callable[[], Any]] = {
            "ours": image.ours,
            "OpenJPH": lambda i=image: i.openjph(reversible=True),  # type: ignore[misc]
        }
        times, facts = interleaved(with_again(works, "ours"), rounds, clock=time.thread_time)
        rows.append(_row(image, times, facts, **{"size against theirs": len(ours) / len(theirs)}))
    return rows


def encode_to_ratio(rounds: int) -> list[Row]:
    """One thread, `encode_frame(ratio=8)`: the PSNR less that of OpenJPH at the same size, and the time of one
    encoding by OpenJPH, times the trials until its size is right within 2 %, over ours."""
    rows = []
    for image in images():
        target = image.array.nbytes / RATIO
        ours = image.ours(ratio=RATIO)
        _, step, trials = image.openjph_of_size(target, 0.02)
        alike, _, _ = image.openjph_of_size(len(ours), 0.001)
        works: dict[str, Callable[[], Any]] = {
            "ours": lambda i=image: i.ours(ratio=RATIO),  # type: ignore[misc]
            "OpenJPH": lambda i=image, s=step: i.openjph(reversible=False, level=s),  # type: ignore[misc]
        }
        times, facts = interleaved(with_again(works, "ours"), rounds, clock=time.thread_time)
        row = _row(image, times, facts, trials=trials)
        for name in ("ratio", "ratio of the fastest runs"):
            row[name] *= trials
        row["size of the target"] = len(ours) / target
        row["dB above theirs"] = image.psnr(ours) - image.psnr(alike)
        row["their size of ours"] = len(alike) / len(ours)
        rows.append(row)
    return rows


def small_frame(rounds: int) -> list[Row]:
    """`decode_frame` of a frame of 64 x 64, bytes in, against imagecodecs.htj2k_decode."""
    rows = []
    for image in images():
        height, width = image.array.shape[:2]
        y, x = height * 2 // 5, width * 2 // 5
        small = Image(image.name, np.ascontiguousarray(image.array[y : y + 64, x : x + 64]), image.bits)
        codestream = small.openjph(reversible=True)
        assert np.array_equal(small.decode(codestream), small.array), image.name
        keywords = {
            "rows": 64,
            "columns": 64,
            "samples_per_pixel": 3 if small.is_colour else 1,
            "bits_allocated": 8 * small.array.itemsize,
            "pixel_representation": int(small.is_signed),
            "photometric_interpretation": "RGB" if small.is_colour else "MONOCHROME2",
        }

        def often(work: Callable[[], Any]) -> Callable[[], None]:
            def repeat() -> None:
                for _ in range(50):
                    work()

            return repeat

        works: dict[str, Callable[[], Any]] = {
            "ours": often(lambda c=codestream, k=keywords: dt.decode_frame(c, "1.2.840.10008.1.2.4.201", **k)),
            "OpenJPH": often(lambda c=codestream: imagecodecs.htj2k_decode(c)),
        }
        times, facts = interleaved(with_again(works, "ours"), rounds, clock=time.thread_time)
        rows.append(_row(small, times, facts))
    return rows


def large_frame(rounds: int, control: float) -> list[Row]:
    """One frame of 2048 x 2487: two threads against one, over the control's; decoded into a warm out=, and encoded."""
    image = next(one for one in images() if one.name == "SC1")
    codestream = image.openjph(reversible=True)
    out = image.decode(codestream)
    assert image.ours(threads=2) == image.ours(threads=1)
    works: dict[str, Callable[[int], Any]] = {
        "decode": lambda threads: image.decode(codestream, threads=threads, out=out),
        "encode": lambda threads: image.ours(threads=threads),
    }
    rows = []
    for name, work in works.items():
        found = scaling_over_control(
            lambda w=work: w(1),  # type: ignore[misc]
            lambda w=work: w(2),  # type: ignore[misc]
            rounds,
            repeat=1,
            most_rounds=4 * rounds,
            control_floor=control,
        )
        rows.append({"file": f"SC1 {name}", **found})
    return rows


def many_frames(rounds: int, control: float) -> list[Row]:
    """64 frames of CT1, path to array, two threads, against the best of pydicom's plugins."""
    image = next(one for one in images() if one.name == "CT1")
    with tempfile.TemporaryDirectory() as folder:
        ds = pydicom.dcmread(next(path for path in wg04("RLE") if path.name == "CT1_RLE"))
        ds.PixelData = encapsulate([image.openjph(reversible=True)])
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.201"
        single = Path(folder) / "single"
        ds.save_as(single)
        path = multi_frame(single, 64, Path(folder) / "frames")
        expected = dt.decode(path)
        assert np.array_equal(expected[0], image.array), attributes(ds)
        decoder = pydicom.pixels.get_decoder(ds.file_meta.TransferSyntaxUID)
        works: dict[str, Callable[[], Any]] = {}
        for plugin in decoder.available_plugins:
            if plugin != "dcmturbo":
                works[plugin] = lambda q=plugin: pydicom.pixels.pixel_array(path, decoding_plugin=q)
        for plugin, work in works.items():
            assert np.array_equal(work(), expected), plugin
        trial, _ = interleaved(works, 3)
        best = min(works, key=lambda plugin: median(trial[plugin]))
        times, facts = interleaved(
            {"ours": lambda: dt.decode(path, threads=2), best: works[best]},
            rounds,
            two_threads=True,
            most_rounds=4 * rounds,
            control_floor=control,
        )
        ratio = median(times[best]) / median(times["ours"])
        return [{"file": "CT1, 64 frames", "ratio": ratio, "best peer": best, **facts}]
