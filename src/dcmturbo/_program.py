"""Handle Ctrl-C while the command line is being imported: print a sentence instead of a traceback.

The package imports this module before anything else. In programs that only use the package, it changes nothing.
"""

from __future__ import annotations

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


if _is_ours():
    sys.excepthook = _report
