"""The engines of ``dcmturbo bench``: each decodes a path to an array as its users do."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

import dcmturbo as dt
from dcmturbo.bench import dcmtk
from dcmturbo.bench.isolation import safe_path
from dcmturbo.bench.peers import Peer, is_lossless, pydicom_peers
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax

__all__ = ["ENGINES", "OURS", "Engine", "RefusedError", "Subject", "Task", "subject_of", "task_of", "tasks_of"]

OURS = "dcmturbo"


class RefusedError(ValueError):
    """An engine cannot decode a file."""


@dataclass(frozen=True)
class Subject:
    """A file to decode, described by its headers."""

    path: str
    syntax: TransferSyntax
    frames: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    photometric: str  # of the file
    lossless: bool  # whether all right decoders return the same samples
    bits_stored: int = 0  # 0: all bits of a cell are used

    @property
    def samples(self) -> int:
        """The number of samples of all frames."""
        return int(np.prod(self.shape, dtype=np.int64))


def subject_of(path: str) -> Subject:
    """Read the headers of a file.

    Raises
    ------
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, OSError
        As `dcmturbo.open` does.
    """
    with dt.open(path) as image:
        syntax = find_transfer_syntax(image.transfer_syntax)
        return Subject(
            path,
            syntax,
            len(image),
            tuple(image.shape),
            np.dtype(image.dtype),
            image.source_photometric_interpretation or "",
            is_lossless(syntax),
            _bits_stored(image),
        )


def _bits_stored(image: dt.Image) -> int:
    opened = image.frame_set.opened
    return opened.bits_stored if opened.bits_stored < opened.bits_allocated else 0


@dataclass
class Task:
    """The call of an engine for a file.

    Attributes
    ----------
    engine : str
        Its name.
    decode : callable
        Takes a number of threads and returns the array of all frames.
    takes_threads : bool
        Whether the engine uses that number; otherwise it is called with 1.
    rescales : bool
        Whether it always applies RescaleSlope and RescaleIntercept.
    modules : list of str
        What its users import.
    """

    engine: str
    decode: Callable[[int], np.ndarray]
    takes_threads: bool = False
    rescales: bool = False
    modules: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Engine:
    """A package that is compared with dcmturbo.

    Attributes
    ----------
    name : str
        As it is shown.
    package : str
        Its name for ``pip install``.
    module : str
        As ``import`` takes it.
    task : callable
        Returns the call for a Subject; raises NotImplementedError, with the reason, if there is none.
    python : (int, int)
        The lowest version of Python for which the package is built.
    """

    name: str
    package: str
    module: str
    task: Callable[[Subject], Task] = field(repr=False)
    python: tuple[int, int] = (3, 11)

    def missing(self) -> str:
        """Return why the package cannot be imported, empty if it can."""
        why = _import_failure(self.module, self.package)
        if why and sys.version_info < self.python:
            major, minor = self.python
            return f"it needs Python {major}.{minor}, and this is {sys.version_info[0]}.{sys.version_info[1]}"
        return why


_IMPORT = "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[1]); importlib.import_module(sys.argv[2])"
_MOST_IMPORT = 60.0  # time limit for an import, in seconds
_MOST_WORDS = 400  # characters of an error that are shown


@cache
def _import_failure(module: str, package: str) -> str:
    """Return why a package cannot be imported. Another process tries it: this one shall survive that."""
    if sys.modules.get(module) is not None:
        return ""
    try:
        if importlib.util.find_spec(module) is None:
            return f"it is not installed (pip install {package})"
    except (ImportError, ValueError):
        return f"it is not installed (pip install {package})"
    command = [sys.executable, "-I", "-c", _IMPORT, json.dumps(safe_path()), module]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_MOST_IMPORT
        )
    except subprocess.TimeoutExpired:
        return f"it is installed, but its import did not end within {_MOST_IMPORT:.3g} s"
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"it is installed, but its import crashed ({signal.Signals(-done.returncode).name})"
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {done.returncode}")
    return f"it is installed but cannot be imported: {said[:_MOST_WORDS]}"


# ---- one function an engine --------------------------------------------------------------------------


def _dcmturbo(subject: Subject) -> Task:
    return Task(OURS, lambda threads: dt.decode(subject.path, threads=threads), True, modules=["dcmturbo"])


def _codestreams(path: str) -> tuple[Any, list[bytes]]:
    """Return a dataset and its encoded frames, both read by pydicom."""
    import pydicom
    from pydicom.encaps import generate_frames

    ds = pydicom.dcmread(path)
    return ds, list(generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames", 1) or 1)))


def _imagecodecs_function(subject: Subject) -> tuple[Callable[[bytes, int], np.ndarray], bool]:
    """Return imagecodecs' decoder for a codestream, and whether it uses threads."""
    import imagecodecs as ic

    form = subject.syntax.format.name
    colour = len(subject.shape) > 2 and subject.shape[-1] == 3
    if form == "rle":

        def rle(data: bytes, threads: int) -> np.ndarray:
            planes = np.frombuffer(ic.dicomrle_decode(data, subject.dtype), subject.dtype)
            if not colour:
                return planes
            return np.ascontiguousarray(planes.reshape(3, -1).T)

        return rle, False
    if form in ("jpeg", "jpeg_lossless"):
        space = "RGB" if colour and subject.photometric == "RGB" else None
        return lambda data, threads: np.asarray(ic.jpeg8_decode(data, colorspace=space, outcolorspace=space)), False
    if form == "jpegls":
        return lambda data, threads: np.asarray(ic.jpegls_decode(data)), False
    if form == "htj2k":
        return lambda data, threads: np.asarray(ic.htj2k_decode(data, planar=False)), False
    if form == "jpeg2000":
        return lambda data, threads: np.asarray(ic.jpeg2k_decode(data, numthreads=threads)), True
    if form == "jpegxl":
        return lambda data, threads: np.asarray(ic.jpegxl_decode(data, numthreads=threads)), True
    raise NotImplementedError("it decodes codestreams, but cannot read files of this transfer syntax")


def _imagecodecs(subject: Subject) -> Task:
    function, takes_threads = _imagecodecs_function(subject)

    def decode(threads: int) -> np.ndarray:
        _, frames = _codestreams(subject.path)
        arrays = [function(frame, threads) for frame in frames]
        array = arrays[0] if len(arrays) == 1 else np.stack(arrays)
        if array.dtype.kind == "u" and subject.dtype.kind == "i" and array.itemsize == subject.dtype.itemsize:
            array = array.view(subject.dtype)  # it returns cells without their sign
        return array.reshape(subject.shape)

    return Task("imagecodecs", decode, takes_threads, modules=["pydicom", "imagecodecs"])


def _gdcm(subject: Subject) -> Task:
    def decode(_: int) -> np.ndarray:
        import gdcm

        reader = gdcm.ImageReader()
        reader.SetFileName(subject.path)
        if not reader.Read():
            raise RefusedError("it cannot read the file")
        image = reader.GetImage()
        buffer = image.GetBuffer()
        if buffer is None:
            raise RefusedError("it can read the headers, but cannot decode the pixel data")
        data = buffer.encode("utf-8", "surrogateescape")
        planar = image.GetPlanarConfiguration() == 1 and len(subject.shape) > 2 and subject.shape[-1] == 3
        array = np.frombuffer(data, subject.dtype)
        if array.size == (subject.samples + 7) // 8 < subject.samples:
            array = np.unpackbits(array, count=subject.samples, bitorder="little")  # it returns packed single bits
        if not planar:
            return array.reshape(subject.shape)
        rows, columns = subject.shape[-3:-1]
        return np.moveaxis(array.reshape(-1, 3, rows, columns), 1, -1).reshape(subject.shape)

    return Task("GDCM", decode, modules=["numpy", "gdcm"])


def _simpleitk(subject: Subject) -> Task:
    def decode(_: int) -> np.ndarray:
        import SimpleITK

        image = SimpleITK.ReadImage(subject.path)
        return np.asarray(SimpleITK.GetArrayFromImage(image))

    return Task("SimpleITK", decode, rescales=True, modules=["numpy", "SimpleITK"])


def _dicomsdl(subject: Subject) -> Task:
    def decode(_: int) -> np.ndarray:
        import dicomsdl

        with contextlib.closing(dicomsdl.open(subject.path)) as ds:
            frames = [ds.pixelData(number, storedvalue=True) for number in range(subject.frames)]
        return frames[0] if len(frames) == 1 else np.stack(frames)

    return Task("dicomsdl", decode, modules=["numpy", "dicomsdl"])


def _dcmtk(subject: Subject) -> Task:
    dcmtk.tool_of(subject.syntax)
    return Task(dcmtk.NAME, lambda _: dcmtk.decode(subject.path, subject.syntax), modules=["dcmturbo"])


def _pydcm(subject: Subject) -> Task:
    def decode(_: int) -> np.ndarray:
        from pydcm import pixels

        return np.asarray(pixels.pixel_array(subject.path))

    return Task("pydcm", decode, modules=["pydcm"])


ENGINES: tuple[Engine, ...] = (
    Engine("imagecodecs", "imagecodecs", "imagecodecs", _imagecodecs),
    Engine("GDCM", "python-gdcm", "gdcm", _gdcm),
    Engine("SimpleITK", "SimpleITK", "SimpleITK", _simpleitk),
    Engine("dicomsdl", "dicomsdl", "dicomsdl", _dicomsdl),
    Engine("pydcm", "pydcm", "pydcm", _pydcm, python=(3, 12)),
)


def _first(peer: Peer, _: int) -> np.ndarray:
    return peer.first()


def _plugins(subject: Subject) -> Iterator[tuple[str, Task | str]]:
    """Yield the ways of pydicom: a task, or the reason why there is none."""
    peers, why = pydicom_peers(subject.path, subject.syntax.uid)
    for peer in peers:
        yield peer.name, Task(peer.name, partial(_first, peer), modules=["pydicom.pixels"])
    if why:
        yield "pydicom", why
    with contextlib.suppress(NotImplementedError, ImportError):
        from pydicom.pixels import get_decoder

        # For instance "gdcm - requires gdcm>=3.0.10": plugins for this transfer syntax that are not installed.
        for text in get_decoder(subject.syntax.uid).missing_dependencies:
            name, _, needs = text.partition(" - ")
            if name != OURS:
                yield f"pydicom+{name}", f"it is not installed ({needs or name})"


def tasks_of(subject: Subject) -> tuple[list[Task], dict[str, str]]:
    """Return the tasks for a file, dcmturbo's first, and the reasons of the engines that have none.

    Returns
    -------
    (list of Task, dict of str to str)
    """
    tasks = [_dcmturbo(subject)]
    reasons: dict[str, str] = {}
    for name, found in _plugins(subject):
        if isinstance(found, str):
            reasons[name] = found
        else:
            tasks.append(found)
    for engine in ENGINES:
        why = engine.missing()
        if not why and "://" in subject.path:
            why = "it cannot open URLs"
        if not why:
            try:
                tasks.append(engine.task(subject))
            except NotImplementedError as error:
                why = str(error)
        if why:
            reasons[engine.name] = why
    return tasks, reasons


def task_of(subject: Subject, name: str) -> Task:
    """Return the task of one engine for a file, without importing other engines.

    Raises
    ------
    LookupError
        If it is not among the `tasks_of` the file.
    """
    if name == OURS:
        return _dcmturbo(subject)
    if name == dcmtk.NAME:
        return _dcmtk(subject)
    for engine in ENGINES:
        if engine.name == name:
            return engine.task(subject)
    for plugin, found in _plugins(subject):
        if plugin == name and isinstance(found, Task):
            return found
    raise LookupError(f"{name} does not decode this file")
