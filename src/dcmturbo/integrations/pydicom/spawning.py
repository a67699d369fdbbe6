"""`register` in the processes that multiprocessing starts.

A forked process inherits what `register` has changed. One that is spawned, or forked by a fork server, begins with a
fresh interpreter, where nobody may ever import dcmturbo. But multiprocessing sends it the `Process` object pickled, and
with it a copy of the parent's ``_config`` (its authentication key, whether it is a daemon). An entry of ours in that
dict registers dcmturbo where it is unpickled, and stays there for the processes that the child starts in turn.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

__all__ = ["ENTRY", "enter", "leave"]

_KEY = "dcmturbo"

# What a child evaluates. It names nothing but built-in functions: a child that cannot import dcmturbo, because it runs
# in another environment, has to go on without it, and unpickling a function of ours would end it.
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
    """Have the processes that this one starts from now on register dcmturbo."""
    config = _config()
    if config is not None:
        config[_KEY] = ENTRY


def leave() -> None:
    """Undo `enter`, for processes that are made from now on."""
    config = _config()
    if config is not None:
        config.pop(_KEY, None)


def _config() -> dict[str, Any] | None:
    """Return what is copied into each new Process; None for a multiprocessing that is built differently."""
    config = getattr(multiprocessing.current_process(), "_config", None)
    return config if isinstance(config, dict) else None
