"""The command line: one module for each command, such as ``dcmturbo info`` and ``dcmturbo decode``.

Each command is a module with ``add_parser`` and ``run``. `dcmturbo.cli.output` prints for all of them. Exit codes: 0
all is well, 1 a file failed, 2 wrong usage, 130 interrupted, 141 the reader of the pipe has ended.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence

import dcmturbo
from dcmturbo.archives.nursery import forks_here
from dcmturbo.cli.arguments import HelpFormatter, Parser, options_of
from dcmturbo.cli.running import leave_pipe, run_command

__all__ = ["build_parser", "main"]

# Modules of this package, in the order of the help.
_COMMANDS = (
    "info", "decode", "encode", "slide", "volume", "masks", "transcode", "deidentify", "verify", "demo", "bench",
    "completion",
)  # fmt: skip

# Those whose paths are all read.
_OF_SOURCES = ("info", "decode", "encode", "slide", "volume", "masks", "bench")

_DESCRIPTION = "Inspect, decode, encode, transcode, de-identify and verify the pixel data of DICOM files."
_EPILOG = """\
examples:
  dcmturbo demo                             decode and check sample files
  dcmturbo info ct.dcm                      describe a file
  dcmturbo decode ct.dcm -o ct.npy          write its pixels to a numpy file
  dcmturbo decode ct.dcm -o ct.png          write a picture of it
  dcmturbo encode scan.png -o scan.dcm --template ct.dcm
  dcmturbo slide slide/ -o overview.png --thumbnail 1024
  dcmturbo volume series/ -o series.nii.gz  write a series as one volume
  dcmturbo masks seg.dcm -o labels.npy      write segments as a label image
  dcmturbo transcode archive/ smaller/ --to HTJ2KLossless
  dcmturbo deidentify study/ shared/ --key secret.key --new-key
  dcmturbo verify archive/ smaller/         compare pixels and metadata
  dcmturbo bench study/                     compare the speed of decoders

exit codes: 0 all is well, 1 a file failed or differs, 2 wrong usage
"""


def build_parser(names: Sequence[str] = _COMMANDS) -> Parser:
    """Return the parser of all commands, or of some; only their modules are imported."""
    parser = Parser(prog="dcmturbo", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=HelpFormatter)
    parser.add_argument("-V", "--version", action="version", version=f"dcmturbo {dcmturbo.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        importlib.import_module(f"dcmturbo.cli.{name}").add_parser(commands)
    for name, command in commands.choices.items():
        command.set_defaults(parser=command, command=name)
    return parser


def _bind_negative_values(arguments: Sequence[str]) -> list[str]:
    """Join ``--frames -1,0`` into one argument: argparse takes an argument that begins with a dash for an option.

    ``--window 40 400`` becomes ``--window=40,400``, and ``--to --j2k`` becomes ``--to=--j2k``.
    """
    bound: list[str] = []
    for argument in arguments:
        is_negative = bound and bound[-1] in ("--frames", "--window") and re.match(r"-[\d:.]", argument)
        if is_negative or (bound and bound[-1] == "--to" and _meant_by_flag(argument)):
            bound[-1] += f"={argument}"
        elif len(bound) > 1 and bound[-2] == "--window" and _is_number(bound[-1]) and _is_number(argument):
            bound[-2:] = [f"--window={bound[-1]},{argument}"]
        elif bound and bound[-1].startswith("--window=") and _is_number(bound[-1][9:]) and _is_number(argument):
            bound[-1] += f",{argument}"
        else:
            bound.append(argument)
    return bound


def _meant_by_flag(argument: str) -> str:
    """Return the transfer syntaxes for which an option of DCMTK or GDCM stands; empty for other arguments."""
    if argument[:1] not in ("-", "+"):
        return ""
    from dcmturbo.formats.names import FLAGS

    return " or ".join(FLAGS.get(argument, ()))


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text))


def _needed(argv: Sequence[str]) -> Sequence[str]:
    """Return the commands whose parsers the arguments need: a command does not wait for what others import."""
    first = argv[0] if argv else ""
    if first in ("-V", "--version"):
        return ()
    # The help and the completion of a shell list all commands.
    return (first,) if first in _COMMANDS and first != "completion" else _COMMANDS


def _owners_of(option: str) -> list[str]:
    """Return the commands that have an option."""
    return [name for name, command in build_parser().commands().items() if option in options_of(command)]


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    if argv[:1] == ["help"]:  # dcmturbo help decode
        argv = [*(word for word in argv[1:2] if word != "help"), "--help"]
    parser = build_parser(_needed(argv))
    if not argv:
        parser.print_help(sys.stderr)
        parser.exit(2, "\ndcmturbo: error: expected a COMMAND\n")
    if re.match(r"-[^hV-]|--(?!h|v)\w", argv[0]):
        parser.error(f"the command comes before its options: dcmturbo COMMAND {argv[0]}")
    arguments, behind = parser.parse_known_args(argv)
    if hasattr(arguments, "to"):  # dcmturbo transcode a.dcm b.dcm --j2k
        unknown = [text for text in argv if text in behind or text.startswith("+")]
        for text in unknown:
            if (meant := _meant_by_flag(text)) and not (text.startswith("+") and os.path.exists(text)):
                arguments.parser.error(f"{text} is an option of another program: did you mean --to {meant}?")
    # Paths may be before and after an option, but argparse only collects those before it.
    paths: list[str] | None = getattr(arguments, getattr(arguments, "rest", ""), None)
    if paths is not None and not any(text.startswith("-") for text in behind):
        paths.extend(behind)
    elif behind:
        arguments.parser.refuse(behind, _owners_of)
    if arguments.command in _OF_SOURCES:
        from dcmturbo.cli.inputs import expanded

        arguments.paths = expanded(arguments.paths)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        The exit code: 0 all is well, 1 a file failed, 2 wrong usage, 130 interrupted, 141 the reader has ended.
    """
    if argv is None:  # this is the program itself, not a call from another one
        with forks_here():
            return main(sys.argv[1:])
    try:
        arguments = _parse(_bind_negative_values(argv))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    except BrokenPipeError:
        leave_pipe()
        return 141
    return run_command(arguments.run, arguments)
