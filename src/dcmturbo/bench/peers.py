"""Compare dcmturbo with pydicom and its plugins on the same files, and time them in turn."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from dcmturbo.formats.syntaxes import TransferSyntax

__all__ = [
    "Peer",
    "compare",
    "corrected",
    "geometric_mean",
    "is_lossless",
    "machine",
    "pydicom_peers",
    "quiet",
    "read_every_page",
    "reason",
    "time_in_turn",
    "times_in_turn",
    "versions",
]

Decode = Callable[[], np.ndarray]

# The engines, and the packages behind the plugins of pydicom, for the list of versions.
_PACKAGES = (
    "numpy",
    "pydicom",
    "imagecodecs",
    "pylibjpeg",
    "pylibjpeg-libjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "pyjpegls",
    "python-gdcm",
    "pillow",
    "SimpleITK",
    "dicomsdl",
    "pydcm",
)


@dataclass
class Peer:
    """A way to decode a file with pydicom.

    Attributes
    ----------
    name : str
        For people: ``"pydicom+gdcm"``.
    path : str
    plugin : str
        Name of the plugin in ``pydicom.pixels``; empty for pydicom's own reading of native data.
    whole : bool
        Whether the file is first read into a Dataset. Reading from the path is quicker, but fails for deflated datasets
        and for some that contradict their file meta information.
    """

    name: str
    path: str
    plugin: str
    whole: bool = False

    def decode(self) -> np.ndarray:
        """Return all frames, colour converted to RGB."""
        import pydicom
        from pydicom.pixels import pixel_array

        source: Any = pydicom.dcmread(self.path) if self.whole else self.path
        decoded: np.ndarray = pixel_array(source, decoding_plugin=self.plugin)
        return decoded

    def first(self) -> np.ndarray:
        """Decode for the first time, and find out whether reading from the path works."""
        try:
            return self.decode()
        except Exception:
            if self.whole:
                raise
        self.whole = True
        return self.decode()


def pydicom_peers(path: str, transfer_syntax: str) -> tuple[list[Peer], str]:
    """Return the ways in which installed plugins of pydicom decode a file, and a reason if there is none.

    Parameters
    ----------
    path : str
        The file.
    transfer_syntax : str
        UID, as the file has it.

    Returns
    -------
    (list of Peer, str)
        One for each plugin that claims to decode the file (it may still fail). The reason is empty if there are any.
    """
    if "://" in path:
        return [], "pydicom cannot open URLs"
    from pydicom.pixels import get_decoder

    try:
        decoder = get_decoder(transfer_syntax)
    except NotImplementedError:
        return [], "pydicom does not know the transfer syntax"
    if not decoder.is_encapsulated:
        return [Peer("pydicom", path, "")], ""
    names = [name for name in decoder.available_plugins if name != "dcmturbo"]
    if not names:
        return [], "no installed plugin of pydicom decodes this transfer syntax"
    return [Peer("pydicom" if name == "pydicom" else f"pydicom+{name}", path, name) for name in names], ""


def reason(error: Exception) -> str:
    """Return why a plugin failed: if pydicom says that all plugins failed, the last line is the plugin's own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings of pydicom, and what libraries print to stderr."""
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def compare(ours: np.ndarray, theirs: np.ndarray, *, lossless: bool) -> str:
    """Return how another decoder's array differs; empty if it counts as equal.

    Lossless data must be equal in every sample. Results of right decoders of lossy data may differ by 1, because the
    standards allow this for the inverse transforms.
    """
    if ours.shape != theirs.shape:
        return f"shape {theirs.shape} instead of {ours.shape}"
    if ours.dtype != theirs.dtype.newbyteorder("="):
        return f"dtype {theirs.dtype} instead of {ours.dtype}"
    if np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
        return ""
    differing = int(np.count_nonzero(ours != theirs))
    low, high = np.minimum(ours, theirs), np.maximum(ours, theirs)
    largest = (high.astype(np.float64) - low.astype(np.float64)).max()
    if not lossless and largest <= 1:
        return ""
    return f"{differing} of {ours.size} samples {'differs' if differing == 1 else 'differ'}, by up to {largest:g}"


def corrected(array: np.ndarray, dtype: np.dtype[Any], bits_stored: int) -> np.ndarray:
    """Return samples as integers of a type, with sign extension, and without the bits above BitsStored.

    Some engines return cells as they are in the file. This belongs to their interface and is not a wrong answer.
    """
    if array.dtype.kind not in "iu" or dtype.kind not in "iu" or array.dtype.itemsize != dtype.itemsize:
        return array
    cells = array.view(dtype)
    unused = 8 * dtype.itemsize - bits_stored
    return (cells << unused) >> unused if 0 < unused < 8 * dtype.itemsize and bits_stored else cells


def is_lossless(syntax: TransferSyntax) -> bool:
    """Return whether all right decoders of a transfer syntax return the same samples."""
    return syntax.lossless_only or syntax.format.exact


def read_every_page(array: np.ndarray) -> None:
    """Read a byte of every page of an array, because a memory map has not read anything yet."""
    if array.flags.c_contiguous and array.size:
        array.reshape(-1).view(np.uint8)[::4096].max()


def times_in_turn(
    functions: Mapping[str, Decode], *, rounds: int, seconds: float | None = None, at_least: int = 3
) -> tuple[dict[str, list[float]], int]:
    """Time functions in turn, so that other load of the machine affects all of them.

    Parameters
    ----------
    functions : mapping of str to callable
        Each returns an array. Every page of it is read before the clock stops.
    rounds : int
        How often each function is called.
    seconds : float, optional
        Stop before that many rounds if this time is over and `at_least` rounds are done.

    Returns
    -------
    (dict of str to list of float, int)
        The seconds of each call of each function, and the number of rounds.
    """
    names = list(functions)
    times: dict[str, list[float]] = {name: [] for name in names}
    begin = time.perf_counter()
    done = 0
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        while done < rounds and (seconds is None or done < at_least or time.perf_counter() - begin < seconds):
            first = done % len(names)
            for name in names[first:] + names[:first]:
                start = time.perf_counter()
                array = functions[name]()
                read_every_page(array)
                times[name].append(time.perf_counter() - start)
                del array
            done += 1
    finally:
        if collecting:
            gc.enable()
    return times, done


def time_in_turn(
    functions: Mapping[str, Decode], *, rounds: int, seconds: float | None = None, at_least: int = 3
) -> tuple[dict[str, float], int]:
    """Return the median seconds of each function, and the number of rounds; otherwise as `times_in_turn`."""
    times, done = times_in_turn(functions, rounds=rounds, seconds=seconds, at_least=at_least)
    return {name: statistics.median(of) for name, of in times.items()}, done


def geometric_mean(values: list[float]) -> float | None:
    """Return the geometric mean; None for an empty list."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def versions() -> dict[str, str]:
    """Return the versions of dcmturbo, Python, and the installed packages."""
    import dcmturbo

    found = {"dcmturbo": dcmturbo.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def machine() -> dict[str, Any]:
    """Return a description of the machine: processor, system and the instruction set in use."""
    import dcmturbo

    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": name, "cpus": usable, "isa": dcmturbo.config.isa, "system": platform.system()}
