"""What comes before the package's other imports, which imports this module first.

A subinterpreter is refused. While the command line is being imported, Ctrl-C prints a sentence instead of a traceback.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import TracebackType

__all__: list[str] = []


def _is_ours() -> bool:
    """Whether this process is ``dcmturbo`` or ``python -m dcmturbo``."""
    given = sys.orig_argv[1:]
    named = os.path.basename(sys.argv[0]) if sys.argv else ""
    return named in ("dcmturbo", "dcmturbo.exe") or ("-m" in given and bool({"dcmturbo", "dcmturbo.cli"} & {*given}))


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stderr.write("dcmturbo: interrupted\n")
    sys.stderr.flush()
    os._exit(130)


def _refuse_subinterpreters() -> None:
    """Raise an ImportError if this is not the main interpreter: loading the core there would wait for ever.

    pybind11 takes the lock of the main interpreter, which the caller holds. The interpreters would also share the
    core's threads and settings.
    """
    for name in ("_interpreters", "_xxsubinterpreters"):  # of Python 3.13 and newer; of older ones
        try:
            interpreters = importlib.import_module(name)
        except ImportError:
            continue
        if interpreters.get_current() != interpreters.get_main():
            raise ImportError(
                "dcmturbo works in the main interpreter alone, and this is a subinterpreter: use threads or processes"
            )
        return


_refuse_subinterpreters()
if _is_ours():
    sys.excepthook = _report
