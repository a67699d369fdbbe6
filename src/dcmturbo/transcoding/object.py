"""One object: from a source to a verified destination."""

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
from dcmturbo.dataset.sources import import_fsspec, open_source
from dcmturbo.encoding import option_names, require_encoder
from dcmturbo.errors import EncodeError, Error, NoPixelData, NotDicom
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax
from dcmturbo.redaction import without_secrets
from dcmturbo.transcoding.offset_tables import OFFSET_TABLES
from dcmturbo.transcoding.output import Destination, Output
from dcmturbo.transcoding.permissions import state_of
from dcmturbo.transcoding.pixels import is_lossy
from dcmturbo.transcoding.result import TranscodeResult
from dcmturbo.transcoding.writing import ObjectWriter, Settings

__all__ = ["check_option_names", "transcode", "transcode_object"]

_SMALL = 16 << 20  # a file of this size is read at once: one call instead of dozens
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
        The object. It is never written to.
    destination : path, fsspec URL or OpenFile, or writable binary file object
        Where the result goes, once it is complete and verified; it may be the source's own path.
    transfer_syntax : str
        UID, or keyword as in ``pydicom.uid``.
    verify : bool
        Read the result back, decode its frames and compare them with the source's.
    threads : int, optional
        Workers; by default as `dcmturbo.config` says.
    on_error : {"raise", "copy"}
        What to do with a source that is not DICOM or has no pixel data: raise, or copy it unchanged. All other errors
        are raised.
    offset_table : {"auto", "basic", "extended", "empty"}
        Of encapsulated results; "auto" is basic, and extended where an offset passes 32 bits (PS3.5, A.4).
    new_uid : bool
        With loss: give the result a SOP Instance UID of its own.
    mask_unused_bits : bool
        Overwrite the bits above BitsStored with zeros or the sign, where they are in use and the target cannot keep
        them.
    fsync : bool
        Return only when the result is on the disk.
    overwrite : bool
        Whether the destination may be there already.
    **options
        Those of `encode_frame`. Nothing is lost unless one of them asks for it.

    Returns
    -------
    TranscodeResult

    Raises
    ------
    NotDicom, NoPixelData, UnsupportedTransferSyntax, DecodeError, LimitExceeded
        The source cannot be read or decoded.
    EncodeError
        The target does not hold such an image, or the verification failed (``.code == "internal"``). Nothing has been
        written.
    FileExistsError
        The destination is there, and `overwrite` is False.
    OSError
        The source cannot be opened, or has been changed meanwhile, or the destination not be written.
    TypeError
        For an option that the target does not have.

    Notes
    -----
    All elements keep their bytes, but for those that describe the encoding of the pixel data: transfer syntax,
    PhotometricInterpretation, PlanarConfiguration, the lossy history and the offset tables (PS3.5, 8.2; PS3.3,
    C.7.6.1.1.5 and C.7.6.3). Memory is bounded by workers times frames, not by the object.
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
    """Do what `transcode` does, and ask twice whether to go on.

    Parameters
    ----------
    source, destination, transfer_syntax, on_error, **options
        As of `transcode`, as are the others.
    new_uid : bool or str
        A str is the UID itself: the same call then gives the same bytes.
    admit : callable, optional
        Gets the source when it is open; what it raises ends the work.
    accept : callable, optional
        Gets the result when it is written and verified, and does not have its name yet; likewise.
    """
    target = find_transfer_syntax(transfer_syntax)
    require_encoder(target)
    if on_error not in ("raise", "copy"):
        raise ValueError(f"on_error is {on_error!r}; expected 'raise' or 'copy'")
    if offset_table not in OFFSET_TABLES:
        raise ValueError(f"offset_table is {offset_table!r}; expected one of {', '.join(OFFSET_TABLES)}")
    check_option_names(target, options)
    if new_uid and not is_lossy(options):
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
            return _copy_unread(source, destination, str(error), verify=verify, fsync=fsync, overwrite=overwrite)
        try:
            if admit is not None:
                admit(opened)
            work = ObjectWriter(opened, settings)
            with _place_for(destination, source, overwrite=overwrite) as place:
                output = Output(place.descriptor, verify=verify)
                result = work.write(output)
                # It is read in parts: what came out may be of both the old and the new file.
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
        if isinstance(source, (str, os.PathLike)):
            error.add_note(f"while transcoding {without_secrets(os.fsdecode(source))}")
        raise


def check_option_names(target: TransferSyntax, options: dict[str, Any]) -> None:
    """Refuse what the target does not have before anything is opened."""
    names = option_names(target)
    if target.encapsulated:
        names = (*names, "photometric_interpretation")
    for name in options:
        if name not in names:
            takes = f"its options are {', '.join(names)}" if names else "it has no options"
            raise TypeError(f"{target.name} has no option {name!r}: {takes}")


def _place_for(destination: Any, source: Any, *, overwrite: bool) -> contextlib.AbstractContextManager[Destination]:
    """Return where the result goes. A `Destination` of the caller's is written into, and the caller commits it."""
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
    """Return what changes when somebody writes to a local file or replaces it, None of anything else."""
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
        opened = open_source(path)
        opened.path = None  # frames are read, not mapped: the file may be cut short in the meantime
        return opened
    if hasattr(source, "group_dataset") and hasattr(source, "get_item"):  # pydicom.Dataset
        return open_source(_written_by_pydicom(source))
    return open_source(source)


def _written_by_pydicom(dataset: Any) -> bytes:
    """Return a Dataset as a file: it has no bytes of its own that could be spliced."""
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
    """Copy a source that is no image, whatever it is."""
    opened: Any = None
    file: Any
    if isinstance(source, str) and "://" in source:
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
