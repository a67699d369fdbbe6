"""``dcmturbo transcode``: convert archives to another transfer syntax; also ``pydicom transcode``."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dcmturbo as dt
from dcmturbo import system
from dcmturbo.archives.archive import make_settings, transcode_archive
from dcmturbo.archives.manifest import default_manifest
from dcmturbo.archives.outcome import Outcome, Task
from dcmturbo.archives.ownership import DestinationExistsError
from dcmturbo.archives.reasons import Reason, group_by_reason
from dcmturbo.archives.report import names_of
from dcmturbo.archives.result import ArchiveResult
from dcmturbo.archives.walk import absolute, has_magic
from dcmturbo.archives.work import ON_FAILURE, do_into
from dcmturbo.archives.workers import close_spare_workers, do_files_apart
from dcmturbo.cli.archive_report import FORMATS, write_report
from dcmturbo.cli.arguments import HelpFormatter
from dcmturbo.cli.inputs import add_filters, missing_sources, thread_count
from dcmturbo.cli.option_help import describe_options, flag_of, lossy_flags
from dcmturbo.cli.output import Output
from dcmturbo.cli.transcode_progress import follow
from dcmturbo.configuration import resolve_threads
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.formats.options import asks_for_loss, encoder_options, undecided_loss
from dcmturbo.formats.syntaxes import TransferSyntax, lossless_syntax
from dcmturbo.transcoding.object import check_options
from dcmturbo.transcoding.offset_tables import OFFSET_TABLES
from dcmturbo.urls import is_url
from dcmturbo.wording import human_bytes, plural, short, significant

__all__ = ["add_parser", "add_pydicom_parser", "run"]

_EPILOG = """\
SRC is a folder (including all its subfolders), a file, a pattern in quotation marks, a DICOMDIR, or an fsspec URL such
as s3://bucket/prefix. DST is the folder or URL for the results, which keep their relative paths. It is created if it
does not exist. Files that are not DICOM or have no pixel data are copied unchanged, but empty files with names such as
x.dcm fail. If SRC is a single file, DST may be a file.

Each result is decoded again and compared with its source before it gets its final name. A file that fails has no
output (see --on-failure), and the run continues. An existing file at DST stays as it is, and the file that would
replace it fails. Files that this archive's manifest lists as written, and that nobody has changed since, are replaced.
--overwrite replaces all files. The manifest has the state of each file. It is DST/.dcmturbo-transcode.sqlite, or a
file in ~/.local/state/dcmturbo if DST is a URL. After Ctrl-C, a full disk or a power failure, run the same command
again: it does what is missing. If a codec crashes on a file, only this file fails. The next run tries it last.

If the target is lossless, lossy files are copied unchanged, because a lossless version would be larger and no better.
If the target is lossy, lossy files that already have its transfer syntax are copied (in place: left unchanged), so
that a second run loses nothing more. Lossy files of other transfer syntaxes are transcoded. --include-lossy transcodes
all lossy files, --skip-lossy none of them. Uncompressed targets accept all files.

{options}
examples:
  dcmturbo transcode archive/ smaller/ --to HTJ2KLossless
  dcmturbo transcode archive/ smaller/ --to HTJ2KLossless --dry-run
  dcmturbo transcode archive/ --in-place --to JPEGXLLossless
  dcmturbo transcode s3://pacs/2019 s3://pacs-htj2k/2019 --to HTJ2KLosslessRPCL --scheduler tcp://10.0.0.1:8786
  dcmturbo transcode --report html smaller/ --output report.html

exit codes: 0 all files are done, 1 some file failed (with --dry-run: of its sample), 2 wrong usage, 130 interrupted.
Failed files are listed with their reasons. Files that --on-failure copies or leaves out are listed too.
"""


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    return name, _value(value)


def _value(text: str) -> Any:
    """Return the value of an option as Python would write it; the encoder checks it."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def add_parser(commands: Any) -> None:
    """Add ``transcode`` to the commands."""
    parser = commands.add_parser(
        "transcode",
        help="convert an archive to another transfer syntax, with verification",
        description=(
            "Convert DICOM files to another transfer syntax: verified, in parallel, and continued after "
            "an interruption."
        ),
        epilog=_EPILOG.replace("{options}", describe_options()),
        formatter_class=HelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="SRC [SRC ...] DST", help="the sources, and the destination")
    parser.add_argument(
        "--to", metavar="SYNTAX", help="the target: a UID or a keyword, such as HTJ2KLossless or 1.2.840.10008.1.2.5"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors and warnings only")
    parser.set_defaults(run=run, rest="paths")
    files = parser.add_argument_group("files")
    add_filters(files)
    files.add_argument(
        "--from",
        dest="from_syntaxes",
        action="extend",
        nargs="+",
        metavar="SYNTAX",
        help="transcode only files of these transfer syntaxes, and copy all others",
    )
    lossy = files.add_mutually_exclusive_group()
    lossy.add_argument(
        "--skip-lossy",
        dest="include_lossy",
        action="store_false",
        default=None,
        help="copy files that are already lossy (default if the target is lossless, or is the file's own "
        "transfer syntax)",
    )
    lossy.add_argument("--include-lossy", action="store_true", default=None, help="transcode lossy files too")
    files.add_argument(
        "--keep-if-larger",
        action="store_true",
        help="copy the original if the result would be larger (for lossless targets)",
    )
    files.add_argument(
        "--on-failure",
        choices=ON_FAILURE,
        default="fail",
        help=(
            "what to do with a file that cannot be transcoded: report a failure (fail, the default), "
            "copy it unchanged (copy), or leave it out (skip)"
        ),
    )
    files.add_argument("--overwrite", action="store_true", help="replace all existing files at DST")
    files.add_argument("--in-place", action="store_true", help="replace the files of SRC; there is no DST")
    files.add_argument("--fsync", action="store_true", help="write each output to disk before it gets its final name")
    files.add_argument(
        "--manifest",
        metavar="FILE",
        help=(
            "place of the manifest (default: DST/.dcmturbo-transcode.sqlite; if DST is a URL: a file in "
            "~/.local/state/dcmturbo)"
        ),
    )
    files.add_argument(
        "--no-resume", dest="resume", action="store_false", help="process files again that are already done"
    )
    work = parser.add_argument_group("work")
    work.add_argument(
        "--jobs", type=thread_count, metavar="N", help="together with --threads: process N x M files at the same time"
    )
    work.add_argument(
        "--threads", type=thread_count, metavar="M", help="see --jobs; if fewer files remain, M threads share"
        " the frames of a file (default: N x M is the number of cores, and never more)",
    )  # fmt: skip
    work.add_argument(
        "--scheduler", metavar="ADDRESS", help="address of a dask.distributed scheduler, which then runs the work"
    )
    work.add_argument("--dry-run", action="store_true", help="write nothing; estimate size and time from a sample")
    work.add_argument("--fail-fast", action="store_true", help="stop at the first failure")
    work.add_argument(
        "--verify",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="decode each result and compare it with its source (default: yes)",
    )
    pixels = parser.add_argument_group("pixels")
    pixels.add_argument(
        "--offset-table",
        choices=OFFSET_TABLES,
        default="auto",
        help=(
            "offset table of encapsulated results (default: auto, which is basic, or extended if an "
            "offset needs more than 32 bits)"
        ),
    )
    pixels.add_argument("--new-uid", action="store_true", help="give lossy results a new SOP Instance UID")
    pixels.add_argument(
        "--mask-unused-bits", action="store_true", help="overwrite the bits above BitsStored with zeros or the sign"
    )
    for flag, option in lossy_flags().items():
        pixels.add_argument(
            flag, type=_value, metavar="X", help=f"{option.meaning} ({option.allowed})".replace("%", "%%")
        )
    pixels.add_argument(
        "--option",
        action="append",
        type=_option,
        default=[],
        metavar="NAME=VALUE",
        help="any option of the encoder; they are listed below (repeatable)",
    )
    report = parser.add_argument_group("report")
    report.add_argument(
        "--report",
        nargs="?",
        const="table",
        metavar="FORMAT",
        help=f"transcode nothing; show the manifest of DST as {', '.join(FORMATS)} (default: table)",
    )
    report.add_argument("--output", metavar="FILE", help="file for the report (default: stdout)")


def add_pydicom_parser(commands: Any) -> None:
    """Add ``transcode`` to the commands of ``pydicom``, through its entry point ``pydicom_subcommands``."""
    add_parser(commands)

    def call(arguments: argparse.Namespace) -> None:
        from dcmturbo.cli.running import run_command

        sys.exit(run_command(run, arguments))

    commands.choices["transcode"].set_defaults(func=call)


# Types of failures that --on-failure settles. Others are not of the file: it cannot be read, or its place is taken.
_OF_THE_FILE = {"DecodeError", "EncodeError", "UnsupportedTransferSyntax", "WorkerDied"}


# ---- arguments --------------------------------------------------------------------------------------


class _UsageError(ValueError):
    """Options that contradict each other."""


def _lossy_options(arguments: argparse.Namespace, syntax: TransferSyntax) -> dict[str, Any]:
    """Return the encoder's options."""
    known = {flag_of(option): option.name for option in encoder_options(syntax) if option.can_lose}
    given = {
        flag: value
        for flag in lossy_flags()
        if (value := getattr(arguments, flag.removeprefix("--").replace("-", "_"))) is not None
    }
    options = dict(arguments.option)
    for flag, value in given.items():
        if flag not in known:
            takes = " or ".join(known) or "none of the --lossy options"
            raise _UsageError(f"{flag} cannot be used with {syntax.keyword}, which accepts {takes}")
        options[known[flag]] = value
    if len(given) > 1:
        raise _UsageError("only one --lossy option can be used at a time")
    # Other options of other transfer syntaxes are checked for each file.
    lossy = syntax.format.loss != "always" or check_options(syntax, options)
    if why := undecided_loss(syntax, lossy=lossy, names=known):
        raise _UsageError(why)
    return options


def _settle_from(arguments: argparse.Namespace) -> None:
    """Return the paths that ``--from`` has swallowed to the paths: those after its transfer syntaxes."""
    given = arguments.from_syntaxes or []
    known = 0
    while known < len(given) and _is_syntax(given[known]):
        known += 1
    if given and not known:
        raise _UsageError(f"--from {given[0]}: dcmturbo does not know this transfer syntax")
    arguments.from_syntaxes = [name_transfer_syntax(name).uid for name in given[:known]] or None
    arguments.paths = [*arguments.paths, *given[known:]]


def _is_syntax(name: str) -> bool:
    try:
        name_transfer_syntax(name)
    except dt.UnsupportedTransferSyntax:
        return False
    return True


def _sources_and_destination(arguments: argparse.Namespace) -> tuple[list[str], str | None]:
    paths = arguments.paths
    if "" in paths:
        raise _UsageError("SRC or DST is an empty string; to name the current folder, use '.'")
    if arguments.in_place:
        if not paths:
            raise _UsageError("--in-place needs SRC")
        return paths, None
    if arguments.dry_run and len(paths) == 1:
        return paths, os.path.join(absolute(os.path.dirname(paths[0]) or "."), ".dcmturbo-nowhere")
    if len(paths) < 2:
        raise _UsageError("SRC and DST are needed")
    return paths[:-1], paths[-1]


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo transcode``."""
    try:
        if arguments.report is not None:
            return _report(arguments, output)
        if not arguments.to:
            raise _UsageError("--to SYNTAX is needed: it names the target transfer syntax")
        _settle_from(arguments)
        sources, destination = _sources_and_destination(arguments)
        syntax = name_transfer_syntax(arguments.to)
        options = _lossy_options(arguments, syntax)
        if missing := missing_sources(sources, every=not arguments.in_place):
            return output.usage("transcode", missing, brief=True)
        if destination is not None and _is_file_to_file(sources, destination, arguments):
            return _one_file(sources[0], destination, syntax, options, arguments, output)
        return _archive(sources, destination, syntax, options, arguments, output)
    except NotADirectoryError as error:
        return output.usage("transcode", error.strerror or str(error))
    except BrokenPipeError:
        raise
    except (OSError, ImportError) as error:
        filename = getattr(error, "filename", None)
        output.fail("" if filename is None else os.fsdecode(filename), error)
        return 1
    except (ValueError, TypeError, dt.UnsupportedTransferSyntax) as error:
        # Errors of the arguments; errors of files are reported for each file.
        return output.usage("transcode", str(error))


def _is_file_to_file(sources: list[str], destination: str, arguments: argparse.Namespace) -> bool:
    """Whether a single file has a file as its destination, as with ``cp``."""
    if len(sources) != 1 or arguments.manifest or arguments.scheduler:
        return False
    if is_url(destination) or is_url(sources[0]) or has_magic(sources[0]):
        return False
    if not os.path.isfile(sources[0]) or os.path.basename(sources[0]) == "DICOMDIR":
        return False
    if arguments.dry_run and not os.path.lexists(destination):
        return False
    return not os.path.isdir(destination) and not destination.endswith(tuple(system.SEPARATORS))


def _one_file(
    source: str,
    destination: str,
    syntax: TransferSyntax,
    options: dict[str, Any],
    arguments: argparse.Namespace,
    output: Output,
) -> int:
    if os.path.exists(destination) and os.path.samefile(source, destination):
        raise _UsageError("SRC and DST are the same file; to replace it, use --in-place")
    settings = make_settings(syntax.uid, options, **_choices(arguments), in_place=False)
    settings = replace(settings, only_dicom=True)
    document: dict[str, Any] = {}
    task = Task(0, absolute(source), absolute(destination))
    if arguments.dry_run:
        if _is_stream(destination):
            output.say(f"{destination} would be written to")
        elif not arguments.overwrite:
            output.fail(source, str(DestinationExistsError(destination)), DestinationExistsError.__name__)
        else:
            output.say(f"{destination} exists and would be replaced")
        output.result({"command": "transcode", "file": None})
        return output.exit_code
    threads = resolve_threads(arguments.threads)
    if _is_stream(destination):
        with open(destination, "wb") as stream:
            outcome = do_into(task, stream, settings, threads)
    else:
        (outcome,) = do_files_apart([task], settings, threads)
        close_spare_workers()
    for warning in outcome.warnings:
        output.warn(source, warning)
    if outcome.status in ("failed", "died"):
        output.fail(source, outcome.error or "", outcome.error_type or "")
    else:
        why = f" ({outcome.error})" if outcome.error and not outcome.error_type else ""
        if not arguments.quiet:
            output.say(
                f"{source} -> {destination}  {outcome.status.replace('_', ' ')}{why}, "
                f"{human_bytes(outcome.bytes_before)} -> "
                f"{human_bytes(outcome.bytes_after)}{', verified' if outcome.verified else ''}"
            )
        document = _document_of_file(source, destination, syntax, outcome)
    output.result({"command": "transcode", "file": document or None})
    return output.exit_code


def _is_stream(destination: str) -> bool:
    """Whether a destination is a pipe or a device, which is written to and not replaced."""
    return os.path.exists(destination) and not os.path.isfile(destination) and not os.path.isdir(destination)


def _choices(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `transcode_archive` that hold for each file."""
    names = (
        "overwrite", "on_failure", "from_syntaxes", "include_lossy", "keep_if_larger", "verify", "fsync",
        "offset_table", "new_uid", "mask_unused_bits",
    )  # fmt: skip
    return {name: getattr(arguments, name) for name in names}


def _document_of_file(source: str, destination: str, syntax: TransferSyntax, outcome: Outcome) -> dict[str, Any]:
    return {
        "path": source,
        "destination": destination,
        "status": outcome.status,
        "source_transfer_syntax": outcome.source_syntax,
        "transfer_syntax": syntax.uid if outcome.status == "transcoded" else outcome.source_syntax,
        **outcome.figures,
        "psnr": _finite(outcome.psnr),
        "warnings": list(outcome.warnings),
        "note": outcome.error,
    }


def _finite(number: float | None) -> float | None:
    """Return a number for JSON, which has no infinite ones."""
    return number if number is not None and math.isfinite(number) else None


@contextlib.contextmanager
def _left_at_once(*, dry_run: bool) -> Iterator[None]:
    """End the process at a second Ctrl-C: Python would wait for the threads, and a large file takes minutes.

    Incomplete files have temporary names; the next run removes them.
    """
    try:
        yield
    except KeyboardInterrupt:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            on = (
                "; nothing was written"
                if dry_run
                else ", and left the files in work; to continue, run the same command"
            )
            sys.stderr.write(f"dcmturbo: interrupted{on}\n")
            sys.stderr.flush()
        os._exit(130)


def _archive(
    sources: list[str],
    destination: str | None,
    syntax: TransferSyntax,
    options: dict[str, Any],
    arguments: argparse.Namespace,
    output: Output,
) -> int:
    interrupted = False
    with _left_at_once(dry_run=arguments.dry_run), follow(quiet=arguments.quiet) as progress:
        try:
            result = transcode_archive(
                sources[0] if len(sources) == 1 else sources,
                destination,
                syntax.uid,
                executor=arguments.scheduler,
                manifest=arguments.manifest,
                jobs=arguments.jobs,
                threads=arguments.threads,
                include=arguments.include,
                exclude=arguments.exclude,
                resume=arguments.resume,
                in_place=arguments.in_place,
                dry_run=arguments.dry_run,
                fail_fast=arguments.fail_fast,
                progress=progress,
                **_choices(arguments),
                **options,
            )
        except KeyboardInterrupt as interrupt:
            found = getattr(interrupt, "result", None)
            if found is None:
                raise
            result, interrupted = found, True
    for group in group_by_reason((path, path, message, "") for path, message in sorted(set(result.warned))):
        output.warn(group.paths[0] if group.files == 1 else _files(group), group.error)
    for reason in group_by_reason(sorted((one.path, one.destination, one.error, one.type) for one in result.failures)):
        output.fail(reason.paths[0] if reason.files == 1 else _files(reason), reason.error, reason.type)
    output.failures = [{"path": one.path, "error": one.error, "type": one.type} for one in result.failures]
    if result.stopped is not None and not interrupted:
        on = "; to continue, run the same command" if result.manifest else ""
        output.fail("", f"stopped: {result.stopped}{_not_done(result)}{on}", "Stopped")
    if not arguments.quiet:
        _say(
            result,
            syntax,
            output,
            overwrite=arguments.overwrite,
            may_copy=arguments.on_failure == "fail" and not arguments.in_place,
            may_lose=asks_for_loss(syntax, options),
        )
    if interrupted:
        sys.stderr.write(
            f"dcmturbo: interrupted{_not_done(result)}; the manifest lists the finished files; to "
            "continue, run the same command\n"
        )
    output.result(_document(result, syntax))
    return 130 if interrupted else output.exit_code


# ---- saying it --------------------------------------------------------------------------------------


def _not_done(result: ArchiveResult) -> str:
    return "" if result.left is None else f"; {plural(result.left, 'file')} not done yet"


def human_seconds(seconds: float) -> str:
    """Return a time for people: ``"3 min 12 s"``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _about(seconds: float) -> str:
    """Return an estimated time: fractions of a second are lost in what starting takes."""
    return "about a second or less" if seconds < 1 else f"about {human_seconds(float(f'{seconds:.2g}'))}"


def _files(reason: Reason) -> str:
    return f"{reason.files} files ({names_of(reason)})"


def _say(
    result: ArchiveResult, syntax: TransferSyntax, output: Output, *, overwrite: bool, may_copy: bool, may_lose: bool
) -> None:
    if result.estimate is not None:
        estimate = result.estimate
        output.say(
            f"{plural(estimate.files, 'file')}, {human_bytes(estimate.bytes_before)}: as {syntax.keyword} about "
            f"{human_bytes(estimate.bytes_after)}, in {_about(estimate.seconds)}"
        )
        output.say(f"estimated from: {estimate.describe()}")
        if estimate.sampled_files + len(result.failures) < estimate.files:
            output.say("only the sampled files were tried: others may fail in the run")
        if estimate.taken:
            would = "would be replaced" if overwrite else "would stay as they are (--overwrite replaces them)"
            output.say(f"{plural(estimate.taken, 'file')} at the destination that the manifest does not list {would}")
        if may_copy and any(one.type in _OF_THE_FILE for one in result.failures):
            output.say("in the run, files that fail get no output: --on-failure copy copies them, skip leaves them out")
        _say_of_loss(result, syntax, output, may_lose=may_lose, will="would be")
        return
    counts = result.counts
    names = ("transcoded", "copied", "unchanged", "left_out", "failed")
    parts = [f"{counts[name]} {name.replace('_', ' ')}" for name in names if counts.get(name)]
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} already done")
    output.say(f"{plural(sum(counts.values()), 'file')}: {', '.join(parts) or 'nothing to do'}")
    if result.kept:
        how = "copied unchanged" if counts.get("copied") else "left unchanged"
        kept = sorted(result.kept.items(), key=lambda item: -item[1])
        output.say(f"{how}: {', '.join(f'{count} {why}' for why, count in kept)}")
    if result.bytes_after:
        rate = result.pixel_bytes / 1e6 / result.seconds if result.seconds else 0.0
        took = f"{plural(result.frames, 'frame')} in {human_seconds(result.seconds)}"
        work = f", {took}, {short(rate)} MB of pixels per second"
        output.say(
            f"{human_bytes(result.bytes_before)} -> {human_bytes(result.bytes_after)} (ratio "
            f"{short(result.bytes_before / result.bytes_after)}){work if result.frames else ''}"
        )
    if may_copy and any(one.type in _OF_THE_FILE for one in result.failures):
        output.say("files that failed have no output: --on-failure copy copies them unchanged, skip leaves them out")
    _say_of_loss(result, syntax, output, may_lose=may_lose, will="was")
    if result.manifest:
        output.say(f"manifest: {result.manifest}")


def _say_of_loss(result: ArchiveResult, syntax: TransferSyntax, output: Output, *, may_lose: bool, will: str) -> None:
    """Say how much was lost, or that nothing was, although the name of the target does not promise it."""
    if result.lossy:
        errors = "" if result.maximum_error is None else f"; largest error of a sample: {result.maximum_error:g}"
        psnr = _finite(result.lowest_psnr)
        errors += "" if psnr is None else f"; lowest PSNR: {psnr:.1f} dB"
        output.say(f"compressed with loss: {plural(result.lossy, 'file')}{errors}")
    elif not may_lose and not syntax.lossless_only and any(option.can_lose for option in encoder_options(syntax)):
        output.say(
            f"nothing {will} lost, because no option asks for it; {lossless_syntax(syntax.format).keyword} stores the "
            "same, and promises readers that nothing was lost"
        )


def _document(result: ArchiveResult, syntax: TransferSyntax) -> dict[str, Any]:
    estimate = result.estimate
    return {
        "command": "transcode",
        "transfer_syntax": {"uid": syntax.uid, "keyword": syntax.keyword},
        "files": result.counts,
        "frames": result.frames,
        "bytes_before": result.bytes_before,
        "bytes_after": result.bytes_after,
        "pixel_bytes": result.pixel_bytes,
        "seconds": significant(result.seconds),
        "manifest": result.manifest,
        "stopped": result.stopped,
        "left": result.left,
        "kept": result.kept,
        "lossy": result.lossy,
        "maximum_error": significant(result.maximum_error),
        "lowest_psnr": significant(_finite(result.lowest_psnr)),
        "warnings": list(result.warnings),
        "estimate": None
        if estimate is None
        else {
            "files": estimate.files,
            "bytes_before": estimate.bytes_before,
            "bytes_after": estimate.bytes_after,
            "standard_error": significant(estimate.standard_error),
            "seconds": significant(estimate.seconds),
            "sampled_files": estimate.sampled_files,
            "sampled_bytes": estimate.sampled_bytes,
            "taken": estimate.taken,
            "how": estimate.describe(),
        },
    }


def _report(arguments: argparse.Namespace, output: Output) -> int:
    form, paths = arguments.report, list(arguments.paths)
    if form not in FORMATS:
        # `--report DST`: the next argument is not a format but the destination to report on.
        form, paths = "table", [*paths, form]
    if arguments.json:
        form = "json"
    if form == "html" and arguments.output is None and sys.stdout.isatty():
        raise _UsageError("--report html writes a page: name its file with --output, such as --output report.html")
    if not arguments.manifest and len(paths) != 1:
        raise _UsageError("--report needs a DST, or --manifest")
    place = arguments.manifest
    if place is None:
        place = paths[0] if os.path.isfile(paths[0]) else default_manifest(absolute(paths[0]))
    write_report(absolute(place), form, arguments.output, output)
    return 0
