"""Call `register` in the processes that multiprocessing starts.

A forked process inherits the changes of `register`. A process that is spawned, or forked by a fork server, has a new
interpreter that may never import dcmturbo. But multiprocessing sends it the pickled `Process` object, including a copy
of the parent's ``_config`` (its authentication key, whether it is a daemon). Our entry in that dict registers dcmturbo
when it is unpickled, and is passed on to the child's own child processes.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

__all__ = ["ENTRY", "enter", "leave"]

_KEY = "dcmturbo"

# What a child process evaluates. It uses only built-in functions: a child that cannot import dcmturbo, because it runs
# in another environment, must continue without it, and unpickling a function of dcmturbo would end it.
_PROGRAM = """
entry = None
try:
    from dcmturbo.integrations.pydicom.registration import register_in_child
    entry = register_in_child()
except Exception as error:
    try:
        import warnings
        warnings.warn(f"dcmturbo is not registered in this process: {error!r}", RuntimeWarning)
    except Warning:
        pass
"""
_EXPRESSION = f"(lambda scope: (exec({_PROGRAM!r}, scope), scope['entry'])[1])({{}})"


class _Entry:
    """Becomes a call of `register` in the process that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (_EXPRESSION,)


ENTRY = _Entry()


def enter() -> None:
    """Register dcmturbo in the processes that this one starts from now on."""
    config = _config()
    if config is not None:
        config[_KEY] = ENTRY


def leave() -> None:
    """Undo `enter` for processes that are started from now on."""
    config = _config()
    if config is not None:
        config.pop(_KEY, None)


def _config() -> dict[str, Any] | None:
    """Return what is copied into each new Process; None if this version of multiprocessing has no such dict."""
    config = getattr(multiprocessing.current_process(), "_config", None)
    return config if isinstance(config, dict) else None
