"""The command line: ``dcmturbo info``, ``decode``, ``demo`` and ``bench``.

One module a command, each with ``add_parser`` and ``run``; `dcmturbo.cli.output` says how they all speak.
Exit codes: 0 all is well, 1 some file failed, 2 usage, 130 interrupted, 141 the reader of a pipe has left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Sequence

import dcmturbo
from dcmturbo.cli import bench, decode, demo, info
from dcmturbo.cli.output import Output

__all__ = ["main"]

_DESCRIPTION = "Look into DICOM pixel data and decode them, fast and without a wrong pixel."
_EPILOG = """\
examples:
  dcmturbo demo                             try it on the files that pydicom ships
  dcmturbo info ct.dcm                      what is in a file
  dcmturbo decode ct.dcm -o ct.npy          its pixels as a numpy file
  dcmturbo decode study/ -o png/ --format png --auto-range
  dcmturbo bench study/                     dcmturbo against pydicom, on your own files

exit codes: 0 all is well, 1 some file failed, 2 wrong usage
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dcmturbo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dcmturbo {dcmturbo.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (info, decode, demo, bench):
        module.add_parser(commands)
    return parser


def _bind_negative_values(arguments: Sequence[str]) -> list[str]:
    """Join ``--frames -1,0`` into one argument: argparse takes what begins with a dash for an option."""
    bound: list[str] = []
    for argument in arguments:
        if bound and bound[-1] == "--frames" and re.match(r"-[\d:]", argument):
            bound[-1] += f"={argument}"
        else:
            bound.append(argument)
    return bound


def _leave_pipe() -> None:
    """Point stdout elsewhere, or Python complains of the broken pipe once more when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments behind the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code: 0 all is well, 1 some file failed, 2 wrong usage, 130 interrupted, 141 nobody reads.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            # A file name of bytes that are no text must not end the program.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            arguments = _parser().parse_args(_bind_negative_values(sys.argv[1:] if argv is None else argv))
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 2
        code = int(arguments.run(arguments, Output(json=arguments.json)))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _leave_pipe()
        return 141
