"""`deidentify`: one object, from a source to a destination."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from dcmturbo.configuration import resolve_threads
from dcmturbo.dataset.sources import naming
from dcmturbo.deidentification.audit import AuditLog, read_audit
from dcmturbo.deidentification.boxes import DeviceRule, read_boxes, read_rules
from dcmturbo.deidentification.object import DeidentifyResult, Rules, deidentify_bytes, read_object
from dcmturbo.deidentification.profile import EDITION, OPTIONS, Profile
from dcmturbo.deidentification.pseudonyms import Pseudonyms, digest_of, read_key
from dcmturbo.deidentification.safe_private import parse_safe_list
from dcmturbo.destinations.destination import Destination
from dcmturbo.destinations.output import Output
from dcmturbo.encoding import require_encoder
from dcmturbo.formats.names import name_transfer_syntax

__all__ = [
    *("DeidentifyResult", "audit_log", "audit_record", "check_audit", "deidentify", "make_rules", "write_output"),
]


def make_rules(
    key: Any,
    options: Mapping[str, bool],
    *,
    boxes: Iterable[Iterable[int]],
    device_rules: Any,
    outside_regions: bool,
    burned_in: str,
    transfer_syntax: str | None,
    safe_private: Any,
    words: Any,
) -> Rules:
    """Check the arguments of `deidentify`, and return them as one value."""
    unknown = set(options) - set(OPTIONS)
    if unknown:
        raise TypeError(f"unknown option {', '.join(sorted(unknown))}; there are {', '.join(OPTIONS)}")
    if burned_in not in ("refuse", "keep"):
        raise ValueError(f"burned_in is {burned_in!r}; expected 'refuse' or 'keep'")
    uid = None
    if transfer_syntax is not None:
        syntax = name_transfer_syntax(transfer_syntax)
        require_encoder(syntax)
        uid = syntax.uid
    if isinstance(safe_private, (str, os.PathLike)):
        with open(safe_private, encoding="utf-8") as file:
            safe_private = file.read().splitlines()
    if isinstance(words, (str, os.PathLike)):
        with open(words, encoding="utf-8") as file:
            words = file.read().split()
    return Rules(
        read_key(key),
        Profile(**{name: bool(value) for name, value in options.items()}),
        read_boxes(boxes),
        read_rules(list(device_rules) if isinstance(device_rules, tuple) else device_rules),
        bool(outside_regions),
        burned_in,
        uid,
        parse_safe_list(safe_private),
        frozenset(word.lower() for word in words),
    )


def deidentify(
    source: Any,
    destination: Any,
    *,
    key: bytes | str | os.PathLike[str],
    boxes: Iterable[Iterable[int]] = (),
    device_rules: str | os.PathLike[str] | Iterable[Mapping[str, Any] | DeviceRule] = (),
    outside_regions: bool = False,
    burned_in: Literal["refuse", "keep"] = "refuse",
    transfer_syntax: str | None = None,
    safe_private: str | os.PathLike[str] | Iterable[str] = (),
    words: str | os.PathLike[str] | Iterable[str] = (),
    audit: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    fsync: bool = False,
    overwrite: bool = True,
    **options: bool,
) -> DeidentifyResult:
    """De-identify a DICOM object by PS3.15, annex E: the basic profile, and the options that you choose.

    Before the output gets its name, all identifying strings of the source are looked for in it, in many encodings. An
    object that cannot be de-identified for certain is not written.

    Parameters
    ----------
    source : path, bytes-like, binary file object, fsspec URL, pydicom Dataset
        The object. It is never changed. It is read into memory as a whole.
    destination : path, fsspec URL, or writable binary file object
        The place of the output.
    key : bytes or path
        The secret, or the file that holds it: at least 16 bytes. The same key gives the same pseudonyms, UIDs and
        moved dates. Nobody can compute or undo them without it.
    boxes : sequence of (top, left, height, width)
        Rectangles of pixels that are blanked in every frame. All other samples stay the same; for JPEG, those outside
        of the result's `boxes`, which are grown to the blocks that had to change. Each must be wholly within the
        image. By giving them you say that they cover all texts: BurnedInAnnotation of the output is NO.
    device_rules : path or sequence of dict
        Boxes by device: ``[{"match": {"Manufacturer": "ACME"}, "boxes": [[0, 0, 40, 800]]}]``, or a JSON file of it.
        The first rule that fits counts. ``"outside-regions"`` in place of the boxes is as `outside_regions`.
    outside_regions : bool
        Blank all that is outside of the ultrasound regions (PS3.3, C.8.5.5) of objects that have regions.
    burned_in : {"refuse", "keep"}
        What to do with images that may have texts in their pixels (BurnedInAnnotation is YES, or the modality is one
        such as US, and nothing is stated) when no box is known.
    transfer_syntax : str, optional
        UID or keyword of the output's transfer syntax. By default, it stays the same.
    safe_private : path or sequence of str
        Private attributes that are safe, besides those known to be: lines such as ``(0019,xx0C) SIEMENS MR HEADER``.
    words : path or sequence of str
        Words that are kept in cleaned texts, besides those of the vocabulary.
    audit : path, optional
        An audit log to append a record to. `check_audit` reads it.
    threads : int, optional
        Number of workers for pixels.
    fsync : bool
        Return only when the output is on the disk.
    overwrite : bool
        Whether an existing destination is replaced.
    **options : bool
        The options of the profile: ``retain_uids``, ``retain_device``, ``retain_institution``,
        ``retain_patient_characteristics``, ``retain_full_dates``, ``modify_dates`` (all dates of a patient move by the
        same number of days), ``clean_descriptors``, ``clean_structured_content``, ``clean_graphics``,
        ``retain_safe_private``.

    Returns
    -------
    DeidentifyResult

    Raises
    ------
    DeidentificationError
        If the object cannot be de-identified for certain, or a box is not wholly within the image. Nothing is
        written.
    NotDicom, DecodeError, EncodeError
        If the object cannot be read, or its pixels cannot be processed.
    ValueError, TypeError
        If the arguments are wrong.
    OSError
        If a file cannot be read or written.
    """
    rules = make_rules(
        key, options, boxes=boxes, device_rules=device_rules, outside_regions=outside_regions, burned_in=burned_in,
        transfer_syntax=transfer_syntax, safe_private=safe_private, words=words,
    )  # fmt: skip
    with naming(source):
        data = read_object(source)
        done = deidentify_bytes(data, rules, resolve_threads(threads))
    if audit is not None:
        audit_log(os.fspath(audit), rules).append(**audit_record(data, done.result, rules))
    with Destination(destination, overwrite=overwrite, source=source) as place:
        write_output(done.data, place.descriptor)
        place.commit(fsync=fsync)
    return done.result


def write_output(data: bytes, descriptor: int) -> None:
    """Write an object to the new file of a destination, and read it back."""
    output = Output(descriptor, verify=True)
    output.write(data)
    output.flush()


def audit_log(path: str, rules: Rules) -> AuditLog:
    """Return the audit log at a place, signed with a key that is derived from the one of the pseudonyms."""
    return AuditLog(path, Pseudonyms(rules.key).subkey("audit"))


def check_audit(path: str | os.PathLike[str], *, key: bytes | str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return all records of an audit log, if it is whole.

    Parameters
    ----------
    path : path
        The log.
    key : bytes or path
        The key that the objects were de-identified with.

    Returns
    -------
    list of dict
        The records. Those with the ``action`` "deidentified" have the digests of source and output, the pseudonym, and
        what was done. After an interruption, an output may have several records, all with the same digest.

    Raises
    ------
    DeidentificationError
        If a record was changed, removed or inserted, or the key is another one.
    OSError
        If the log cannot be read.
    """
    return read_audit(path, Pseudonyms(read_key(key)).subkey("audit"))


def audit_record(data: bytes, done: DeidentifyResult, rules: Rules) -> dict[str, Any]:
    """Return what an audit log notes of an object; nothing in it identifies somebody."""
    return {
        "action": "deidentified",
        "profile": EDITION,
        "options": list(rules.profile.names),
        "source_sha256": digest_of(data),
        "output_sha256": done.digest,
        "uid": done.uid,
        "patient": done.patient,
        "counts": done.counts,
        "boxes": [list(box) for box in done.boxes],
        "searched": done.searched,
        "too_short": done.too_short,
    }
