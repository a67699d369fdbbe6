"""The command line: ``dcmturbo info``, ``decode``, ``transcode``, ``verify``, ``demo`` and ``bench``.

One module a command, each with ``add_parser`` and ``run``; `dcmturbo.cli.output` says how they all speak.
Exit codes: 0 all is well, 1 some file failed, 2 usage, 130 interrupted, 141 the reader of a pipe has left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence

import dcmturbo
from dcmturbo.archives.nursery import forks_here
from dcmturbo.cli import bench, decode, demo, info, transcode, verify
from dcmturbo.cli.isolation import isolated
from dcmturbo.cli.output import Output, describe_error, printable
from dcmturbo.errors import Error
from dcmturbo.redaction import without_secrets

__all__ = ["main", "run_command"]

_DESCRIPTION = "Look into DICOM pixel data, decode and transcode them, fast and without a wrong pixel."
_EPILOG = """\
examples:
  dcmturbo demo                             try it on the files that pydicom ships
  dcmturbo info ct.dcm                      what is in a file
  dcmturbo decode ct.dcm -o ct.npy          its pixels as a numpy file
  dcmturbo decode study/ -o png/ --format png --auto-range
  dcmturbo transcode archive/ smaller/ --to HTJ2KLossless
  dcmturbo verify archive/ smaller/         whether both have the same pixels and metadata
  dcmturbo bench study/                     dcmturbo against pydicom, on your own files

exit codes: 0 all is well, 1 some file failed or differs, 2 wrong usage
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
    for module in (info, decode, transcode, verify, demo, bench):
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


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    arguments, behind = parser.parse_known_args(argv)
    # Paths on both sides of an option: argparse takes those before it for all of them.
    paths: list[str] | None = getattr(arguments, getattr(arguments, "rest", ""), None)
    if paths is not None and not any(text.startswith("-") for text in behind):
        paths.extend(behind)
    elif behind:
        parser.error(f"unrecognized arguments: {' '.join(behind)}")
    return arguments


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
    if argv is None:  # a program of our own, not a call within another one
        with forks_here():
            return main(sys.argv[1:])
    try:
        arguments = _parse(_bind_negative_values(argv))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    except BrokenPipeError:
        _leave_pipe()
        return 141
    return run_command(arguments.run, arguments)


def run_command(run: Callable[[argparse.Namespace, Output], int], arguments: argparse.Namespace) -> int:
    """Run a command whose arguments have been parsed; return its exit code."""
    try:
        for stream in (sys.stdout, sys.stderr):
            # A file name of bytes that are no text must not end the program.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        with isolated():
            code = int(run(arguments, Output(json=arguments.json)))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _leave_pipe()
        return 141
    except (MemoryError, RuntimeError) as error:
        # What the machine does not give is no defect of ours, and needs no traceback.
        if isinstance(error, RuntimeError) and "start new thread" not in str(error):
            raise
        lacks = "memory" if isinstance(error, MemoryError) else "threads: the system lets this process have no more"
        sys.stderr.write(f"dcmturbo: error: out of {lacks}\n")
        return 1
    except (Error, OSError, ImportError) as error:
        # A store that does not answer, a package that is missing: what no command has said in its own words.
        sys.stderr.write(f"dcmturbo: error: {printable(without_secrets(describe_error(error)))}\n")
        return 1
