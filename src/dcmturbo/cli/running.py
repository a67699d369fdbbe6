"""Run a command from its parsed arguments to its exit code; errors of the machine or the user give no traceback."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Callable

from dcmturbo.bench.isolation import isolated
from dcmturbo.cli.output import Output
from dcmturbo.configuration import check_environment
from dcmturbo.errors import Error
from dcmturbo.redaction import without_secrets
from dcmturbo.wording import describe_error, printable

__all__ = ["leave_pipe", "run_command"]


def leave_pipe() -> None:
    """Redirect stdout. Otherwise Python complains about the broken pipe again when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _output(arguments: argparse.Namespace) -> Output:
    parser = getattr(arguments, "parser", None)  # pydicom's command line has its own
    usage = parser.brief_usage() if parser is not None else ""
    return Output(json=arguments.json, silent=getattr(arguments, "silent", False), usage_text=usage)


def _lost_its_reader(error: Exception) -> bool:
    """Whether nobody reads a pipe any more, which Windows calls an invalid argument."""
    return isinstance(error, OSError) and (sys.platform, error.errno, error.filename) == ("win32", errno.EINVAL, None)


def _open_missing_streams() -> None:
    """Give a program whose stdout or stderr was closed (``>&-``) one that nobody reads, as Python has None there."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def run_command(run: Callable[[argparse.Namespace, Output], int], arguments: argparse.Namespace) -> int:
    """Run a command whose arguments have been parsed; return its exit code."""
    _open_missing_streams()
    try:
        for stream in (sys.stdout, sys.stderr):
            # A file name that is not valid text must not end the program.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            check_environment()
        except ValueError as error:
            sys.stderr.write(f"dcmturbo: error: {printable(error)}\n")
            return 2
        with isolated():
            code = int(run(arguments, _output(arguments)))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        sys.stderr.write("dcmturbo: interrupted\n")
        return 130
    except BrokenPipeError:
        leave_pipe()
        return 141
    except (MemoryError, RuntimeError) as error:
        # If the machine lacks a resource, that is not a bug of dcmturbo and needs no traceback.
        if isinstance(error, RuntimeError) and "start new thread" not in str(error):
            raise
        lacks = (
            "memory"
            if isinstance(error, MemoryError)
            else "threads: the system does not allow this process more of them"
        )
        sys.stderr.write(f"dcmturbo: error: out of {lacks}\n")
        return 1
    except (Error, OSError, ImportError) as error:
        if _lost_its_reader(error):
            leave_pipe()
            return 141
        # A store that does not answer, or a missing package: errors that no command has handled.
        what = str(error) if isinstance(error, Error) else describe_error(error)
        sys.stderr.write(f"dcmturbo: error: {printable(without_secrets(what))}\n")
        return 1
