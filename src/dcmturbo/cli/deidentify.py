"""``dcmturbo deidentify``: remove identities from archives, by PS3.15, annex E."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import dcmturbo as dt
from dcmturbo.archives.deidentification import audit_place, deidentify_archive
from dcmturbo.archives.runs import leave_out
from dcmturbo.archives.walk import Filters, absolute, find_files
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_common, thread_count
from dcmturbo.cli.output import Output
from dcmturbo.cli.transcode_progress import follow
from dcmturbo.deidentification.api import make_rules
from dcmturbo.deidentification.object import Rules, deidentify_bytes, read_object
from dcmturbo.deidentification.preview import write_preview
from dcmturbo.deidentification.profile import Profile
from dcmturbo.transcoding.output import make_folders
from dcmturbo.wording import human_bytes, plural, significant

__all__ = ["add_parser", "run"]

_NEW_KEY = 32  # bytes

_EPILOG = """\
SRC is a folder (including all its subfolders) or a file. DST is the folder for the results. Each file is de-identified
by the basic profile of DICOM PS3.15, annex E, with the options that you choose. Before a result gets its name, all
identifying strings of its source are looked for in its bytes. A file that cannot be de-identified for certain is not
written. Names of files and folders become pseudonyms.

--key names the file with the secret (made with --new-key). The same secret gives the same pseudonyms, UIDs and dates.
Whoever has it can recognise patients: keep it, and never give it away. The audit log and the manifest are beside DST
(DST.audit.jsonl, DST.deidentify.sqlite), because the manifest names the sources. After an interruption, run the same
command again.

--box, --device-rules and --outside-regions blank pixels in every frame. The object keeps its transfer syntax, and all
other samples stay the same. Images that may have texts in their pixels, for which no box is known, are not written.

examples:
  dcmturbo deidentify study/ shared/ --key secret.key --new-key
  dcmturbo deidentify study/ shared/ --key secret.key --modify-dates --clean-descriptors --to HTJ2KLossless
  dcmturbo deidentify us/ shared/ --key secret.key --outside-regions --dry-run --preview pictures/
  dcmturbo deidentify us/ shared/ --key secret.key --box 0 0 40 800
  dcmturbo deidentify --check-audit shared.audit.jsonl --key secret.key

exit codes: 0 all files are done, 1 some file was not written (or would not be, with --dry-run), 2 wrong usage,
130 interrupted
"""

_MEANINGS = {
    "retain_uids": "keep UIDs",
    "retain_device": "keep what identifies devices",
    "retain_institution": "keep what identifies the institution",
    "retain_patient_characteristics": "keep age, sex, size, weight and the like",
    "retain_full_dates": "keep dates and times",
    "modify_dates": "move all dates of a patient by the same number of days",
    "clean_descriptors": "keep descriptions, but only words of the vocabulary",
    "clean_structured_content": "keep the content of reports, but only words of the vocabulary",
    "clean_graphics": "keep graphics, without their texts",
    "retain_safe_private": "keep private attributes that are known to be safe",
}


def add_parser(commands: Any) -> None:
    """Add ``deidentify`` to the commands."""
    parser = commands.add_parser(
        "deidentify",
        help="remove identities from an archive (PS3.15, annex E)",
        description="Remove what identifies people from DICOM files, by PS3.15, annex E, and from their pixels.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="SRC [SRC ...] DST", help="the sources, and the destination folder")
    parser.add_argument("--key", metavar="FILE", help="the file with the secret of the pseudonyms")
    parser.add_argument("--new-key", action="store_true", help="make the file of --key, if it does not exist")
    parser.add_argument("--to", metavar="SYNTAX", help="transfer syntax of the results (default: that of each source)")
    add_common(parser, run, paths=False)
    parser.set_defaults(rest="paths")
    profile = parser.add_argument_group("options of the profile")
    for field in fields(Profile):
        profile.add_argument(f"--{field.name.replace('_', '-')}", action="store_true", help=_MEANINGS[field.name])
    profile.add_argument("--safe-private", metavar="FILE", help="more safe attributes: lines '(gggg,xxee) CREATOR'")
    profile.add_argument("--words", metavar="FILE", help="more words to keep in cleaned texts")
    pixels = parser.add_argument_group("pixels")
    pixels.add_argument(
        "--box", dest="boxes", action="append", nargs=4, type=int, metavar=("TOP", "LEFT", "HEIGHT", "WIDTH"),
        help="blank these pixels in every frame (repeatable)",
    )  # fmt: skip
    pixels.add_argument("--device-rules", metavar="FILE", help="a JSON file with boxes for devices")
    pixels.add_argument(
        "--outside-regions", action="store_true", help="blank all that is outside of the ultrasound regions"
    )
    pixels.add_argument(
        "--burned-in", choices=("refuse", "keep"), default="refuse",
        help="images that may have texts in their pixels, if no box is known (default: refuse)",
    )  # fmt: skip
    files = parser.add_argument_group("files")
    files.add_argument("--include", action="append", metavar="PATTERN", help="only files with these names (repeatable)")
    files.add_argument("--exclude", action="append", metavar="PATTERN", help="leave out these names (repeatable)")
    files.add_argument("--keep-names", action="store_true", help="keep the names of files and folders")
    files.add_argument("--on-failure", choices=("fail", "skip"), default="fail", help="of files that are not written")
    files.add_argument("--overwrite", action="store_true", help="replace existing files at DST")
    files.add_argument("--audit", metavar="FILE", help="place of the audit log (default: DST.audit.jsonl)")
    files.add_argument("--manifest", metavar="FILE", help="place of the manifest (default: DST.deidentify.sqlite)")
    files.add_argument("--check-audit", metavar="FILE", help="check an audit log, and do nothing else")
    files.add_argument("--no-resume", dest="resume", action="store_false", help="process done files again")
    files.add_argument("--fsync", action="store_true", help="write each output to disk before it gets its name")
    work = parser.add_argument_group("work")
    work.add_argument("--jobs", type=thread_count, metavar="N", help="number of processes")
    work.add_argument("--threads", type=thread_count, metavar="M", help="threads of each process")
    work.add_argument("--fail-fast", action="store_true", help="stop at the first failure")
    work.add_argument("--dry-run", action="store_true", help="write no results; say what would be done with each file")
    work.add_argument("--preview", metavar="DIR", help="with --dry-run: write pictures that show what would be blanked")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo deidentify``."""
    try:
        if not arguments.key:
            return output.usage("deidentify", "--key FILE is needed: it holds the secret of the pseudonyms")
        if arguments.check_audit:
            return _check_audit(arguments, output)
        if arguments.preview and not arguments.dry_run:
            return output.usage("deidentify", "--preview is for --dry-run")
        if len(arguments.paths) < (1 if arguments.dry_run else 2):
            return output.usage("deidentify", "SRC and DST are needed")
        destination = "" if arguments.dry_run else arguments.paths[-1]
        if destination.lower().endswith(".dcm") and not os.path.isdir(destination):
            why = f"DST is a folder, but {destination} looks like a file: end it with / if you mean a folder"
            return output.usage("deidentify", why)
        if not arguments.new_key and not os.path.lexists(arguments.key):
            return output.usage("deidentify", f"there is no file {arguments.key}: --new-key makes a key")
        if arguments.new_key and not os.path.lexists(arguments.key):
            _make_key(arguments.key)
        return _dry_run(arguments, output) if arguments.dry_run else _archive(arguments, output)
    except NotADirectoryError as error:
        return output.usage("deidentify", error.strerror or str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        filename = getattr(error, "filename", None)
        output.fail("" if filename is None else os.fsdecode(filename), error)
        return 1
    except dt.DeidentificationError as error:
        output.fail(arguments.check_audit or "", error)
        return 1
    except (ValueError, TypeError, dt.UnsupportedTransferSyntax) as error:
        return output.usage("deidentify", str(error))


def _make_key(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(os.urandom(_NEW_KEY).hex() + "\n")


def _choices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `deidentify`."""
    return {
        "key": arguments.key,
        "boxes": arguments.boxes or (),
        "device_rules": arguments.device_rules or (),
        "outside_regions": arguments.outside_regions,
        "burned_in": arguments.burned_in,
        "transfer_syntax": arguments.to,
        "safe_private": arguments.safe_private or (),
        "words": arguments.words or (),
    }


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {field.name: getattr(arguments, field.name) for field in fields(Profile)}


def _archive(arguments: argparse.Namespace, output: Output) -> int:
    *sources, destination = arguments.paths
    with follow(quiet=arguments.silent or arguments.json) as show:
        result = deidentify_archive(
            sources, destination, **_choices(arguments), **_options(arguments), audit=arguments.audit or True,
            keep_names=arguments.keep_names, on_failure=arguments.on_failure, overwrite=arguments.overwrite,
            manifest=arguments.manifest, jobs=arguments.jobs, threads=arguments.threads, include=arguments.include,
            exclude=arguments.exclude, resume=arguments.resume, fail_fast=arguments.fail_fast, fsync=arguments.fsync,
            progress=show,
        )  # fmt: skip
    for path, message in result.warned:
        output.warn(path, message)
    for failure in result.failures:
        output.fail(failure.path, failure.error, failure.type)
    if result.stopped:
        output.fail(destination, result.stopped)
    if not arguments.silent and not arguments.json:
        counts = {name: number for name, number in result.counts.items() if number}
        output.say(", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items()) or "no files")
        output.say(f"{human_bytes(result.bytes_before)} -> {human_bytes(result.bytes_after)}")
        output.say(f"audit log: {arguments.audit or audit_place(absolute(destination))}")
        if result.manifest:
            output.say(f"manifest: {result.manifest}")
    output.result(
        {
            "command": "deidentify",
            "files": result.counts,
            "frames": result.frames,
            "bytes_before": result.bytes_before,
            "bytes_after": result.bytes_after,
            "seconds": significant(result.seconds),
            "manifest": result.manifest,
            "audit": arguments.audit or audit_place(absolute(destination)),
            "stopped": result.stopped,
            "warnings": list(result.warnings),
        }
    )
    return output.exit_code


def _dry_run(arguments: argparse.Namespace, output: Output) -> int:
    """Do everything but write the results."""
    rules = make_rules(options=_options(arguments), **_choices(arguments))
    paths = arguments.paths if len(arguments.paths) == 1 else arguments.paths[:-1]
    filters = Filters(tuple(arguments.include or ()), tuple(arguments.exclude or ()))
    preview = None if arguments.preview is None else Path(arguments.preview)
    documents: list[dict[str, Any]] = []

    def tell(kind: str, path: str, message: str) -> None:
        if kind == "failed":
            output.fail(path, message)
        else:
            output.warn(path, message)

    for found in find_files([absolute(path) for path in paths], filters, tell, leave_out=leave_out(None)):
        try:
            documents.append(_planned(found.path, rules, preview, arguments))
        except (dt.Error, OSError) as error:
            output.fail(found.path, error)
            continue
        _show(documents[-1], output)
    total: Counter[str] = Counter()
    for document in documents:
        total.update(document["counts"])
    output.say(f"{plural(len(documents), 'file')} would be written; nothing was")
    output.result({"command": "deidentify", "dry_run": True, "files": documents, "counts": dict(total)})
    return output.exit_code


def _planned(path: str, rules: Rules, preview: Path | None, arguments: argparse.Namespace) -> dict[str, Any]:
    data = read_object(path)
    done = deidentify_bytes(data, rules, arguments.threads).result
    picture = None
    if preview is not None and done.frames:
        make_folders(preview)
        picture = str(preview / f"{done.digest[:16]}.png")
        write_preview(data, done.boxes, picture)
    return {
        "path": path,
        "patient": done.patient,
        "frames": done.frames,
        "boxes": [list(box) for box in done.boxes],
        "counts": done.counts,
        "searched": done.searched,
        "too_short": done.too_short,
        "preview": picture,
    }


def _show(document: dict[str, Any], output: Output) -> None:
    counts = ", ".join(f"{number} {what}" for what, number in document["counts"].items())
    boxes = f"; boxes blanked: {len(document['boxes'])}" if document["boxes"] else ""
    output.say(f"{document['path']}: {counts}{boxes}")


def _check_audit(arguments: argparse.Namespace, output: Output) -> int:
    records = dt.check_audit(arguments.check_audit, key=arguments.key)
    objects = sum(record.get("action") == "deidentified" for record in records)
    output.say(f"{arguments.check_audit}: whole, {plural(len(records), 'record')} of {plural(objects, 'object')}")
    output.result({"command": "deidentify", "audit": arguments.check_audit, "records": len(records), "whole": True})
    return 0
