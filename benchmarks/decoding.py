"""What is measured of decoding and encoding: single frames, many frames, scaling, memory and access."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from data import attributes, frame_of, make_series, multi_frame, wg04
from definitions import LOSSLESS
from measure import interleaved, median, scaling_over_control

import dcmturbo as dt

Row = dict[str, Any]
LITTLE = {1: "u1", 2: "<u2"}


def rle_decode(rounds: int) -> list[Row]:
    """One thread, a codestream in memory to pixels, against imagecodecs.dicomrle_decode; fresh and into out=."""
    rows = []
    for path in wg04("RLE"):
        ds = pydicom.dcmread(path)
        frame, kw = frame_of(ds), attributes(ds)
        dtype = np.dtype(LITTLE[ds.BitsAllocated // 8])
        ours = dt.decode_frame(frame, "RLELossless", raw=True, **kw)
        theirs = np.frombuffer(imagecodecs.dicomrle_decode(frame, dtype), dtype)
        planar = theirs.reshape(ds.SamplesPerPixel, ds.Rows, ds.Columns).transpose(1, 2, 0)
        assert np.array_equal(ours.view(dtype), planar.reshape(ours.shape)), path
        out, flat = np.empty_like(ours), np.empty(ours.nbytes, np.uint8)
        times, facts = interleaved(
            {
                "ours": lambda: dt.decode_frame(frame, "RLELossless", raw=True, **kw),
                "imagecodecs": lambda: imagecodecs.dicomrle_decode(frame, dtype),
                "ours out=": lambda: dt.decode_frame(frame, "RLELossless", raw=True, out=out, **kw),
                "imagecodecs out=": lambda: imagecodecs.dicomrle_decode(frame, dtype, out=flat),
                "ours again": lambda: dt.decode_frame(frame, "RLELossless", raw=True, **kw),
                "imagecodecs again": lambda: imagecodecs.dicomrle_decode(
                    frame, dtype
                ),  # as many of theirs: none right after itself
            },
            rounds,
        )
        m = {name: median(taken) for name, taken in times.items()}
        rows.append(
            {
                "file": path.name,
                "ratio": m["imagecodecs"] / m["ours"],
                "ratio into out=": m["imagecodecs out="] / m["ours out="],
                "A/A": m["ours again"] / m["ours"],
                **facts,
            }
        )
    return rows


def rle_encode(rounds: int) -> list[Row]:
    """One thread, pixels to a codestream, against pylibjpeg-rle."""
    from rle.utils import encode_pixel_data

    rows = []
    for path in wg04("RLE"):
        ds = pydicom.dcmread(path)
        array = ds.pixel_array
        source = array.tobytes()
        kw = attributes(ds) | {"number_of_frames": 1}
        ours = dt.encode_frame(array, "RLELossless")
        theirs = encode_pixel_data(source, byteorder="<", **kw)
        assert np.array_equal(dt.decode_frame(ours, "RLELossless", raw=True, **attributes(ds)), array), path
        times, facts = interleaved(
            {
                "ours": lambda: dt.encode_frame(array, "RLELossless"),
                "pylibjpeg-rle": lambda: encode_pixel_data(source, byteorder="<", **kw),
            },
            rounds,
        )
        rows.append(
            {
                "file": path.name,
                "ratio": median(times["pylibjpeg-rle"]) / median(times["ours"]),
                "size against theirs": len(ours) / len(theirs),
                **facts,
            }
        )
    return rows


def small_frame(rounds: int) -> list[Row]:
    """decode_frame of a 64 x 64 RLE frame, bytes in: time over imagecodecs'."""
    ds = pydicom.dcmread(wg04("RLE")[0])
    array = np.ascontiguousarray(ds.pixel_array[200:264, 200:264])
    frame = dt.encode_frame(array, "RLELossless")
    dtype = np.dtype("<i2")

    def ours() -> np.ndarray:
        return dt.decode_frame(
            frame, "1.2.840.10008.1.2.5", rows=64, columns=64, bits_allocated=16, pixel_representation=1
        )

    assert np.array_equal(ours(), array)

    def often(work: Callable[[], Any]) -> Callable[[], None]:
        def repeat() -> None:
            for _ in range(200):
                work()

        return repeat

    times, facts = interleaved(
        {"ours": often(ours), "imagecodecs": often(lambda: imagecodecs.dicomrle_decode(frame, dtype))}, rounds
    )
    return [{"file": "64 x 64 of CT1", "time ratio": median(times["ours"]) / median(times["imagecodecs"]), **facts}]


def _pixels(path: Path, plugin: str) -> np.ndarray:
    return pydicom.pixels.pixel_array(path, decoding_plugin=plugin)


def _sitk(path: Path) -> np.ndarray:
    import SimpleITK

    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))


def multi_frame_files(rounds: int, control: float) -> list[Row]:
    """64 frames, path to array, two threads, against the best of pydicom's plugins and SimpleITK."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CT1_RLE", "CT1_J2KR", "CT1_JPLL", "CT1_JLSL"):
            source = wg04(name.split("_")[1])[0]
            path = multi_frame(source, 64, Path(folder) / name)
            expected = dt.decode(path)
            ds = pydicom.dcmread(path, stop_before_pixels=True)
            # SimpleITK applies the rescale; its time counts all the same.
            works: dict[str, Callable[[], Any]] = {"ours": lambda p=path: dt.decode(p, threads=2)}
            for plugin in pydicom.pixels.get_decoder(ds.file_meta.TransferSyntaxUID).available_plugins:
                if plugin != "dcmturbo":
                    works[plugin] = lambda p=path, q=plugin: _pixels(p, q)
            works["SimpleITK"] = lambda p=path: _sitk(p)
            missing = []
            for peer in list(works):
                try:
                    answer = works[peer]()
                    if peer != "SimpleITK":
                        assert np.array_equal(answer, expected)
                except Exception as error:
                    missing.append(f"{peer}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
                    del works[peer]
            # The peers' order first, on their own; then the best of them against ours, so that a round is short
            # enough for the second core to stay.
            peers = {peer: work for peer, work in works.items() if peer != "ours"}
            trial, _ = interleaved(peers, 3)
            best = min(peers, key=lambda peer: median(trial[peer]))
            times, facts = interleaved(
                {"ours": works["ours"], best: works[best]},
                rounds,
                two_threads=True,
                most_rounds=4 * rounds,
                control_floor=control,
            )
            ratio = median(times[best]) / median(times["ours"])
            rows.append({"file": name, "ratio": ratio, "best peer": best, "not measured": missing} | facts)
    return rows


def scaling(rounds: int, control: float) -> list[Row]:
    """64 frames into a warm out=: two threads against one, over the control's."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CT1_RLE", "CT1_J2KR", "CT1_JPLL", "CT1_JLSL"):
            path = multi_frame(wg04(name.split("_")[1])[0], 64, Path(folder) / name)
            out = dt.decode(path)
            found = scaling_over_control(
                lambda p=path, o=out: dt.decode(p, threads=1, out=o),
                lambda p=path, o=out: dt.decode(p, threads=2, out=o),
                rounds,
                repeat=1,
                most_rounds=4 * rounds,
                control_floor=control,
            )
            rows.append({"file": name, **found})
    return rows


def _peak_memory(path: Path, code: str) -> int:
    """Return how far a fresh interpreter's peak memory rises, in KiB, while it runs `code` after importing pydicom."""
    program = (
        "import re, sys, dcmturbo as dt, pydicom.pixels\n"
        # ru_maxrss would be that of the process that has started this one, where it is more.
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])\n"
        "before = peak()\n"
        f"path = sys.argv[1]\n{code}\n"
        "print(peak() - before)"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    return int(run.stdout)


def _window(stored: np.ndarray) -> np.ndarray:
    """Rescale and window the slices of `make_series`, as one writes it with numpy."""
    hounsfield = stored * np.float32(1) + np.float32(-1024)
    return np.clip((hounsfield - np.float32(39.5)) / np.float32(399) + np.float32(0.5), 0, 1)


def series_window(rounds: int, control: float) -> list[Row]:
    """A CT series, paths to windowed float32, two threads: apply="window" against decoding and then numpy."""
    rows = []
    for syntax in ("ExplicitVRLittleEndian", *LOSSLESS):
        with tempfile.TemporaryDirectory() as folder:
            paths = make_series(Path(folder), 100, 512, syntax)
            levels = dt.decode_series(paths, apply="window")
            assert np.allclose(levels, _window(dt.decode_series(paths)), rtol=0, atol=1e-5)
            times, facts = interleaved(
                {
                    "ours": lambda p=paths: dt.decode_series(p, apply="window", threads=2),
                    "then numpy": lambda p=paths: _window(dt.decode_series(p, threads=2)),
                    "decoded": lambda p=paths: dt.decode_series(p, threads=2),
                },
                rounds,
                two_threads=True,
                most_rounds=4 * rounds,
                control_floor=control,
            )
            code = "import glob\nlevels = dt.decode_series(sorted(glob.glob(path + '/*')), apply='window')"
            rows.append(
                {
                    "file": syntax,
                    "ratio": median(times["then numpy"]) / median(times["ours"]),
                    "decoding alone, of the time of both steps": median(times["decoded"]) / median(times["then numpy"]),
                    "peak memory over the result's": _peak_memory(Path(folder), code) * 1024 / levels.nbytes,
                }
                | facts
            )
    return rows


def large_uncompressed(rounds: int) -> list[Row]:
    """Opening and viewing 1 GB of uncompressed frames against 1 MB: time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        ds = pydicom.dcmread(wg04("RLE")[0])
        ds.decompress()
        frame = ds.PixelData
        paths = {}
        for label, frames in (("1 MB", 2), ("1 GB", 2048)):
            ds.NumberOfFrames = frames
            ds.PixelData = frame * frames
            paths[label] = Path(folder) / f"{frames}.dcm"
            ds.save_as(paths[label])
        works = {label: (lambda p=path: dt.decode(p)) for label, path in paths.items()}
        times, facts = interleaved(works, rounds * 10)
        memory = {label: _peak_memory(path, "a = dt.decode(path)") for label, path in paths.items()}
        return [
            {
                "file": "1 GB against 1 MB",
                "time ratio": median(times["1 GB"]) / median(times["1 MB"]),
                "peak memory above the interpreter, KiB": memory,
                "shares memory with the file": all(dt.decode(p).base is not None for p in paths.values()),
                **facts,
            }
        ]


def random_access(rounds: int) -> list[Row]:
    """One frame of a 2 GB encapsulated object against the frame of a one-frame object; second access."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = wg04("RLE")[0]
        one = multi_frame(source, 1, Path(folder) / "one")
        for table in ("basic", "extended", "none"):
            path = multi_frame(source, 8448, Path(folder) / "many", table=table)
            with dt.open(one) as small, dt.open(path) as large:
                out = small[0]
                large[0]
                works: dict[str, Callable[[], Any]] = {
                    "one": lambda i=small, o=out: i.read(0, out=o, threads=1),
                    "many": lambda i=large, o=out: i.read(4321, out=o, threads=1),
                }
                times, facts = interleaved(works, rounds * 10)
            rows.append(
                {
                    "file": f"frame 4321 of 8448, {path.stat().st_size / 1e9:.2f} GB, {table} table",
                    "time ratio": median(times["many"]) / median(times["one"]),
                    **facts,
                }
            )
            path.unlink()
    return rows


def pixel_array(rounds: int) -> list[Row]:
    """`Dataset.pixel_array` after `register()`: its time over that of `dt.decode(ds)`, 64 frames."""
    # In a process of its own: registering changes what the other rows measure as pydicom.
    command = [sys.executable, str(Path(__file__).with_name("pydicom_overhead.py")), "--json", "--rounds", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(done.stderr)
    return [
        {"file": one["row"], "time ratio": one["ratio"], "A/A": one["self"], "rounds": rounds}
        for one in json.loads(done.stdout)["results"]
    ]
