"""``dcmturbo deidentify``: remove identities from archives, by PS3.15, annex E."""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import dcmturbo as dt
from dcmturbo import system
from dcmturbo.archives.deidentification import audit_place, deidentify_archive
from dcmturbo.archives.runs import leave_out
from dcmturbo.archives.walk import absolute, find_files
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_common, add_filters, filters_of, missing_sources, thread_count
from dcmturbo.cli.output import Output
from dcmturbo.cli.transcode_progress import follow
from dcmturbo.deidentification.api import make_rules
from dcmturbo.deidentification.boxes import Box, DeviceRule, read_boxes
from dcmturbo.deidentification.object import Rules, deidentify_bytes, given_boxes, parse, read_object
from dcmturbo.deidentification.preview import preview_of
from dcmturbo.deidentification.profile import Profile
from dcmturbo.deidentification.pseudonyms import digest_of
from dcmturbo.destinations.destination import make_folders
from dcmturbo.wording import describe_error, human_bytes, plural, significant

__all__ = ["add_parser", "run"]

_NEW_KEY = 32  # bytes
_BOXES_SHOWN = 4
# The options that do what arguments of Python do, which messages name as ``argument=`` or ``argument='value'``.
_OPTIONS_OF = {
    "boxes": "--box",
    "transfer_syntax": "--to",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in ("device_rules", "outside_regions", "burned_in", "safe_private", "words", "key", "threads")
    },
    **{field.name: f"--{field.name.replace('_', '-')}" for field in fields(Profile)},
}
_ARGUMENT = re.compile(rf"\b({'|'.join(_OPTIONS_OF)})=(?:True|'(\w+)')?")

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
--box is blanked in every image, whether it needs it or not, and an image in which it does not fit is not written: it is
for files of one kind. With --box-for, it is for images of one size only. For files of several kinds, use
--device-rules. Nobody looks for texts: with a box you say that it covers all of them, and the result then says that
BurnedInAnnotation is NO. Look with --dry-run --preview first.

examples:
  dcmturbo deidentify study/ shared/ --key secret.key --new-key
  dcmturbo deidentify study/ shared/ --key secret.key --modify-dates --clean-descriptors --to HTJ2KLossless
  dcmturbo deidentify us/ shared/ --key secret.key --outside-regions --dry-run --preview pictures/
  dcmturbo deidentify us/ shared/ --key secret.key --box 0 0 40 800 --box-for 600x800
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
    parser.add_argument(
        "--new-key", action="store_true", help="make the file of --key, if it does not exist (a dry run makes none)"
    )
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
        help="blank these pixels in every frame of every image (repeatable)",
    )  # fmt: skip
    pixels.add_argument(
        "--box-for", type=_size, metavar="ROWSxCOLUMNS", help="--box is only for images of this size, such as 480x640"
    )
    pixels.add_argument("--device-rules", metavar="FILE", help="a JSON file with boxes for devices")
    pixels.add_argument(
        "--outside-regions", action="store_true", help="blank all that is outside of the ultrasound regions"
    )
    pixels.add_argument(
        "--burned-in", choices=("refuse", "keep"), default="refuse",
        help="images that may have texts in their pixels, if no box is known (default: refuse)",
    )  # fmt: skip
    files = parser.add_argument_group("files")
    add_filters(files)
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
    work.add_argument(
        "--preview", metavar="DIR", help="with --dry-run: write a picture of each image, with what would be blanked"
    )


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
        if arguments.box_for and not arguments.boxes:
            return output.usage("deidentify", "--box-for needs --box")
        if arguments.box_for and arguments.device_rules:
            why = "--box-for is not for --device-rules: match Rows and Columns in a rule"
            return output.usage("deidentify", why)
        destination = "" if arguments.dry_run else arguments.paths[-1]
        if destination.lower().endswith(".dcm") and not os.path.isdir(destination):
            why = f"DST is a folder, but {destination} looks like a file: end it with / if you mean a folder"
            return output.usage("deidentify", why)
        if not arguments.new_key and not os.path.lexists(arguments.key):
            return output.usage("deidentify", f"there is no file {arguments.key}: --new-key makes a key")
        if missing := missing_sources(_sources(arguments), every=True):  # a run lists single ones itself
            return output.usage("deidentify", missing, brief=True)
        if arguments.new_key and not os.path.lexists(arguments.key):
            # A dry run writes no key either, and one for the moment shows the same.
            arguments.key = os.urandom(_NEW_KEY) if arguments.dry_run else _make_key(arguments.key)
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
        return output.usage("deidentify", _in_options(str(error)))


def _size(text: str) -> tuple[int, int]:
    """Return the value of ``--box-for``."""
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected ROWSxCOLUMNS, such as 480x640, found {text!r}")
    return int(found[1]), int(found[2])


def _in_options(message: str) -> str:
    """Return a message with the options of the command in place of the arguments of Python."""
    return _ARGUMENT.sub(lambda found: " ".join([_OPTIONS_OF[found[1]], *([found[2]] if found[2] else [])]), message)


def _sources(arguments: argparse.Namespace) -> list[str]:
    paths: list[str] = arguments.paths
    return paths if len(paths) == 1 else paths[:-1]


def _make_key(path: str) -> str:
    descriptor = system.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(os.urandom(_NEW_KEY).hex() + "\n")
    return path


def _choices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `deidentify`."""
    boxes, rules = arguments.boxes or (), arguments.device_rules or ()
    if arguments.box_for:
        rows, columns = arguments.box_for
        rules, boxes = (DeviceRule({"Rows": str(rows), "Columns": str(columns)}, read_boxes(boxes)),), ()
    return {
        "key": arguments.key,
        "boxes": boxes,
        "device_rules": rules,
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
        output.warn(path, _in_options(message))
    for failure in result.failures:
        output.fail(failure.path, _in_options(failure.error), failure.type)
    if result.stopped:
        output.fail(destination, result.stopped)
    if not arguments.silent and not arguments.json:
        counts = {name: number for name, number in result.counts.items() if number}
        output.say(", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items()) or "no files")
        if result.blanked:
            output.say(_blanked(result.blanked))
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
            "blanked": {
                "files": len(result.blanked),
                "least_share": significant(min(result.blanked, default=0.0)),
                "largest_share": significant(max(result.blanked, default=0.0)),
            },
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
    filters = filters_of(arguments)
    preview = None if arguments.preview is None else Path(arguments.preview)
    documents: list[dict[str, Any]] = []
    pictures: list[dict[str, str]] = []

    def tell(kind: str, path: str, message: str) -> None:
        if kind == "failed":
            output.fail(path, message)
        else:
            output.warn(path, message)

    for found in find_files([absolute(path) for path in _sources(arguments)], filters, tell, leave_out=leave_out(None)):
        try:
            data = read_object(found.path)
        except OSError as error:
            output.fail(found.path, error)
            continue
        try:
            document = _planned(found.path, data, rules, arguments)
        except (dt.Error, OSError) as error:
            picture = None if preview is None else _picture(data, _boxes_of(data, rules), preview, "refused-")
            hint = "" if picture is None else f"picture: {picture}"
            output.fail(found.path, _in_options(describe_error(error)), type(error).__name__, hint)
        else:
            picture = None
            if preview is not None and document["frames"]:
                picture = _picture(data, document["boxes"], preview)
            document["preview"] = picture
            documents.append(document)
            for text in document["warnings"]:
                output.warn(found.path, text)
            _show(document, output)
        if picture is not None:
            pictures.append({"picture": picture, "path": found.path})
    total: Counter[str] = Counter()
    for document in documents:
        total.update(document["counts"])
    if shares := [document["blanked"] for document in documents if document["blanked"]]:
        output.say(_blanked(shares))
    output.say(f"{plural(len(documents), 'file')} would be written; nothing was")
    output.result(
        {"command": "deidentify", "dry_run": True, "files": documents, "counts": dict(total), "pictures": pictures}
    )
    return output.exit_code


def _boxes_of(data: bytes, rules: Rules) -> Sequence[Box]:
    """Return the boxes that a refused image was to get, as far as anything says it."""
    try:
        return given_boxes(parse(data), rules) or ()
    except dt.Error:
        return ()


def _picture(data: bytes, boxes: Iterable[Any], folder: Path, prefix: str = "") -> str | None:
    """Write the picture of an image, under a name that identifies nobody; None if there is nothing to see."""
    path = folder / f"{prefix}{digest_of(data)[:16]}.png"
    try:
        content = preview_of(data, [Box(*box) for box in boxes])
    except (dt.Error, NotImplementedError, ValueError):
        return None
    make_folders(folder)
    path.write_bytes(content)
    return str(path)


def _planned(path: str, data: bytes, rules: Rules, arguments: argparse.Namespace) -> dict[str, Any]:
    done = deidentify_bytes(data, rules, arguments.threads).result
    return {
        "path": path,
        "patient": done.patient,
        "frames": done.frames,
        "boxes": [list(box) for box in done.boxes],
        "blanked": done.blanked,
        "counts": done.counts,
        "searched": done.searched,
        "too_short": done.too_short,
        "warnings": list(done.warnings),
    }


def _show(document: dict[str, Any], output: Output) -> None:
    counts = ", ".join(f"{number} {what}" for what, number in document["counts"].items())
    text = f"{document['path']}: {counts}"
    if document["boxes"]:
        shown = document["boxes"][:_BOXES_SHOWN]
        sizes = ", ".join(f"{height}x{width} at {top},{left}" for top, left, height, width in shown)
        more = len(document["boxes"]) - len(shown)
        text += f"; blank: {sizes}{f' and {more} more' if more else ''} ({_percent(document['blanked'])} of the pixels)"
    if document["preview"]:
        text += f"; picture: {document['preview']}"
    output.say(text)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.1f} %"


def _blanked(shares: Sequence[float]) -> str:
    """Return the line of a report that says how much was blanked."""
    least, largest = _percent(min(shares)), _percent(max(shares))
    share = least if least == largest else f"{least} to {largest}"
    return f"boxes blanked in {plural(len(shares), 'file')}: {share} of the pixels"


def _check_audit(arguments: argparse.Namespace, output: Output) -> int:
    records = dt.check_audit(arguments.check_audit, key=arguments.key)
    done = [record for record in records if record.get("action") == "deidentified"]
    sources = len({record["source_sha256"] for record in done})
    runs = sum(record.get("action") == "run" for record in records)
    output.say(
        f"{arguments.check_audit}: whole, {plural(len(records), 'record')}: {plural(runs, 'run')}, and "
        f"{plural(len(done), 'result')} of {plural(sources, 'source file')}"
    )
    output.result(
        {
            "command": "deidentify", "audit": arguments.check_audit, "records": len(records), "runs": runs,
            "results": len(done), "sources": sources, "whole": True,
        }
    )  # fmt: skip
    return 0
