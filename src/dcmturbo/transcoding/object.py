"""Transcode one object: from a source to a verified destination."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from dcmturbo.configuration import resolve_threads
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.dataset.sources import name_source, open_source
from dcmturbo.destinations.destination import Destination
from dcmturbo.destinations.output import Output
from dcmturbo.destinations.permissions import state_of
from dcmturbo.encoding import require_encoder
from dcmturbo.errors import EncodeError, Error, NoPixelData, NotDicom
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.formats.options import asks_for_loss
from dcmturbo.formats.syntaxes import TransferSyntax
from dcmturbo.transcoding.offset_tables import OFFSET_TABLES
from dcmturbo.transcoding.result import TranscodeResult
from dcmturbo.transcoding.writing import ObjectWriter, Settings
from dcmturbo.urls import import_fsspec, is_url

__all__ = ["check_options", "transcode", "transcode_object"]

_SMALL = 16 << 20  # files up to this size are read at once, with one call instead of dozens
_COPIED_AT_ONCE = 4 << 20


def transcode(
    source: Any,
    destination: Any,
    transfer_syntax: str,
    *,
    verify: bool = True,
    threads: int | None = None,
    on_error: Literal["raise", "copy"] = "raise",
    offset_table: str = "auto",
    new_uid: bool = False,
    mask_unused_bits: bool = False,
    fsync: bool = False,
    overwrite: bool = True,
    **options: Any,
) -> TranscodeResult:
    """Write a DICOM object in another transfer syntax.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL or OpenFile, pydicom Dataset
        The object. dcmturbo never writes to it.
    destination : path, fsspec URL or OpenFile, or writable binary file object
        The place of the result, which gets its name when it is complete and verified. It may be the source's own path.
    transfer_syntax : str
        UID, keyword as in ``pydicom.uid``, or a short name of the command line such as "htj2k", which is lossless.
    verify : bool
        Read the result back, decode its frames, and compare them with the source's.
    threads : int, optional
        Number of workers; by default as `dcmturbo.config` says.
    on_error : {"raise", "copy"}
        What to do with a source that is not DICOM or has no pixel data: raise an error, or copy it unchanged. All other
        errors are raised.
    offset_table : {"auto", "basic", "extended", "empty"}
        The offset table of encapsulated results; "auto" is basic, or extended if an offset needs more than 32 bits
        (PS3.5, A.4).
    new_uid : bool
        Give a lossy result its own SOP Instance UID.
    mask_unused_bits : bool
        Overwrite the bits above BitsStored with zeros or the sign, if they are in use and the target cannot keep them.
    fsync : bool
        Return only when the result is on the disk.
    overwrite : bool
        Whether an existing destination is replaced.
    **options
        The options of `encode_frame`. The result is lossless unless one of them allows loss.

    Returns
    -------
    TranscodeResult

    Raises
    ------
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, LimitExceeded
        If the source cannot be read or decoded.
    EncodeError
        If the target cannot store the image, or the verification failed (``.code == "internal"``). Nothing has been
        written.
    FileExistsError
        If the destination exists, and `overwrite` is False.
    OSError
        If the source cannot be opened, has changed in the meantime, or the destination cannot be written.
    TypeError
        If the target does not have an option.

    Notes
    -----
    All elements keep their bytes, except those that describe the encoding of the pixel data: transfer syntax,
    PhotometricInterpretation, PlanarConfiguration, the lossy history and the offset tables (PS3.5, 8.2; PS3.3,
    C.7.6.1.1.5 and C.7.6.3). The memory depends on the number of workers and the size of a frame, not on the size of
    the object.
    """
    return transcode_object(
        source, destination, transfer_syntax, verify=verify, threads=threads, on_error=on_error,
        offset_table=offset_table, new_uid=new_uid, mask_unused_bits=mask_unused_bits, fsync=fsync,
        overwrite=overwrite, **options,
    )  # fmt: skip


def transcode_object(
    source: Any,
    destination: Any,
    transfer_syntax: str,
    *,
    verify: bool,
    threads: int | None,
    offset_table: str,
    new_uid: bool | str,
    mask_unused_bits: bool,
    fsync: bool,
    overwrite: bool,
    on_error: Literal["raise", "copy"] = "raise",
    admit: Callable[[OpenedSource], object] | None = None,
    accept: Callable[[TranscodeResult], object] | None = None,
    **options: Any,
) -> TranscodeResult:
    """Do the work of `transcode`, and call the caller back twice.

    Parameters
    ----------
    source, destination, transfer_syntax, on_error, **options
        As for `transcode`; so are the others.
    new_uid : bool or str
        A str is the new UID itself, so that the same call gives the same bytes.
    admit : callable, optional
        Gets the open source. An exception from it ends the work.
    accept : callable, optional
        Gets the result when it is written and verified, before it gets its name. An exception from it ends the work.
    """
    target = name_transfer_syntax(transfer_syntax)
    require_encoder(target)
    if on_error not in ("raise", "copy"):
        raise ValueError(f"on_error is {on_error!r}; expected 'raise' or 'copy'")
    if offset_table not in OFFSET_TABLES:
        raise ValueError(f"offset_table is {offset_table!r}; expected one of {', '.join(OFFSET_TABLES)}")
    lossy = check_options(target, options)
    if new_uid and not lossy:
        raise EncodeError("new_uid is for lossy encoding only: a lossless result keeps its SOP Instance UID")
    settings = Settings(
        target, verify, resolve_threads(threads), offset_table, new_uid, mask_unused_bits, dict(options)
    )
    in_place = _same_file(source, destination)
    before = _state(source)
    try:
        try:
            opened = _open(source)
        except (NotDicom, NoPixelData) as error:
            if on_error != "copy":
                raise
            return _copy_unread(source, destination, error.reason, verify=verify, fsync=fsync, overwrite=overwrite)
        try:
            if admit is not None:
                admit(opened)
            work = ObjectWriter(opened, settings)
            with _place_for(destination, source, overwrite=overwrite) as place:
                output = Output(place.descriptor, verify=verify)
                result = work.write(output)
                # It is read in parts, so the result could be a mixture of the old and the new file.
                if _state(source) != before:
                    raise OSError(
                        errno.EBUSY, "another program changed the file while it was transcoded", os.fsdecode(source)
                    )
                if accept is not None:
                    accept(result)
                if place is not destination:
                    place.commit(fsync=fsync or in_place)
                    result = replace(result, warnings=(*result.warnings, *place.warnings))
            return result
        finally:
            opened.close()
    except Error as error:
        name_source(error, source)
        raise


def check_options(target: TransferSyntax, options: dict[str, Any]) -> bool:
    """Raise an error for options that the target does not have; return whether they ask for loss."""
    if "photometric_interpretation" in options and not target.encapsulated:
        raise TypeError(f"{target.name} has no option 'photometric_interpretation': it is not encapsulated")
    return asks_for_loss(target, options)


def _place_for(destination: Any, source: Any, *, overwrite: bool) -> contextlib.AbstractContextManager[Destination]:
    """Return the place of the result. A `Destination` of the caller is written into, and the caller commits it."""
    if isinstance(destination, Destination):
        return contextlib.nullcontext(destination)
    return Destination(destination, overwrite=overwrite, source=source)


def _same_file(source: Any, destination: Any) -> bool:
    if isinstance(destination, Destination):
        destination = destination.path
    paths = (str, os.PathLike)
    if not isinstance(source, paths) or not isinstance(destination, paths):
        return False
    try:
        return os.path.samefile(source, destination)
    except OSError:
        return False


def _state(source: Any) -> tuple[int, ...] | None:
    """Return what changes if somebody writes to a local file or replaces it; None for other sources."""
    if not isinstance(source, (str, os.PathLike)):
        return None
    try:
        found = os.stat(source)
    except OSError:
        return None
    return state_of(found) if stat.S_ISREG(found.st_mode) else None


def _open(source: Any) -> OpenedSource:
    if isinstance(source, (str, os.PathLike)) and "://" not in os.fsdecode(source):
        path = os.fsdecode(source)
        if os.path.isfile(path) and os.stat(path).st_size <= _SMALL:
            with open(path, "rb", buffering=0) as file:
                return open_source(file.read())
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "it is a folder: transcode_archive converts folders", path)
        opened = open_source(path)
        opened.path = None  # frames are read and not mapped, because the file may be shortened in the meantime
        return opened
    if hasattr(source, "group_dataset") and hasattr(source, "get_item"):  # pydicom.Dataset
        return open_source(_written_by_pydicom(source))
    return open_source(source)


def _written_by_pydicom(dataset: Any) -> bytes:
    """Return a Dataset as a file, because it has no bytes of its own to copy."""
    buffer = io.BytesIO()
    meta = getattr(dataset, "file_meta", None)
    encoding: dict[str, bool] = {}
    if meta is None or "TransferSyntaxUID" not in meta:
        implicit, little = dataset.original_encoding
        if little is None:
            implicit, little = False, True
        encoding = {"implicit_vr": bool(implicit), "little_endian": bool(little)}
    try:
        dataset.save_as(buffer, enforce_file_format=False, **encoding)
    except RecursionError:
        raise EncodeError(
            "pydicom cannot write the Dataset, because its sequences are nested too deep: pass the file "
            "that it was read from, or call sys.setrecursionlimit()",
            code="unsupported",
        ) from None
    return buffer.getvalue()


def _copy_unread(
    source: Any, destination: Any, why: str, *, verify: bool, fsync: bool, overwrite: bool
) -> TranscodeResult:
    """Copy a source that is not an image."""
    opened: Any = None
    file: Any
    if isinstance(source, str) and is_url(source):
        source = import_fsspec().open(source, mode="rb")
    if isinstance(source, (str, os.PathLike)):
        file = opened = open(source, "rb")  # noqa: SIM115 (closed below)
    elif hasattr(source, "open") and hasattr(source, "fs"):
        file = opened = source.open()
    elif hasattr(source, "group_dataset") and hasattr(source, "get_item"):
        file = io.BytesIO(_written_by_pydicom(source))
    elif hasattr(source, "read"):
        file = source
        file.seek(0)
    else:
        file = io.BytesIO(bytes(source))
    try:
        with _place_for(destination, source, overwrite=overwrite) as place:
            output = Output(place.descriptor, verify=verify)
            while part := file.read(_COPIED_AT_ONCE):
                output.write(part)
            output.flush()
            if place is not destination:
                place.commit(fsync=fsync or _same_file(source, destination))
        size = output.position
    finally:
        if opened is not None:
            opened.close()
    return TranscodeResult("copied", None, None, 0, size, size, 0, None, verify, False, warnings=(why,))
