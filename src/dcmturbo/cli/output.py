"""The output of all commands: tables, JSON, progress, errors and warnings."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dcmturbo
from dcmturbo.errors import DecodeWarning
from dcmturbo.redaction import without_secrets
from dcmturbo.wording import describe_error, printable

__all__ = ["Output"]

# Tables that do not go to a terminal are as wide as they need to be.
_WIDTH_OF_FILES = 1000
_PROGRESS_AFTER = 1.0  # seconds: shorter work needs no progress bar


def _text_of(warning: Warning | str, path: str) -> str:
    """Return the text of a warning, without the path that is printed before it."""
    is_named = isinstance(warning, DecodeWarning) and warning.source == without_secrets(path)
    return warning.reason if is_named else str(warning)  # type: ignore[union-attr]


class Output:
    """Prints what a command has to say: results on stdout, errors and warnings on stderr.

    Parameters
    ----------
    json : bool
        Whether stdout gets one JSON document and nothing else.
    silent : bool
        Whether stdout gets nothing for people.
    usage_text : str
        What is printed before an error of usage.

    Attributes
    ----------
    failures : list of dict
        The failures so far: ``path``, ``error`` (a sentence) and ``type`` (the name of an exception).
    """

    def __init__(self, *, json: bool, silent: bool = False, usage_text: str = "") -> None:
        self.json, self.silent, self.usage_text = json, silent, usage_text
        self.failures: list[dict[str, str]] = []
        self._warned: set[tuple[str, str]] = set()
        self._consoles: dict[str, Any] = {}

    @property
    def exit_code(self) -> int:
        """1 if something failed, else 0."""
        return 1 if self.failures else 0

    # ---- results ----------------------------------------------------------------------------------

    def _console(self, name: str) -> Any:
        from rich.console import Console

        class Screen(Console):
            def on_broken_pipe(self) -> None:
                raise BrokenPipeError  # for `main`; rich would exit with 1

        if name not in self._consoles:
            stream = getattr(sys, name)
            width = None if stream.isatty() else _WIDTH_OF_FILES
            self._consoles[name] = Screen(file=stream, width=width, highlight=False, markup=False, emoji=False)
        return self._consoles[name]

    def say(self, text: str = "", style: str | None = None) -> None:
        """Print a line of any length for people; nothing with ``--json`` or ``--quiet``."""
        if not (self.json or self.silent):
            self._console("stdout").print(printable(text), style=style, soft_wrap=True)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        *,
        drop: Sequence[str] = (),
        styles: Callable[[Any], str | None] | None = None,
    ) -> None:
        """Print a table for people; nothing with ``--json`` or ``--quiet``.

        Parameters
        ----------
        title : str
            The line above it.
        columns : sequence of str
            The headings. Columns whose heading begins with ``>`` are aligned to the right.
        rows : sequence of sequences
            The cells; None is an empty one.
        drop : sequence of str
            Headings of columns that may be left out on a narrow terminal, the least important first.
        styles : callable, optional
            Returns the style of a cell.
        """
        if self.json or self.silent:
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        console = self._console("stdout")
        cells = [["" if cell is None else printable(cell) for cell in row] for row in rows]
        widths = [
            max(len(text) for text in column) for column in zip([c.lstrip(">") for c in columns], *cells, strict=True)
        ]
        shown = list(range(len(columns)))
        for heading in drop:
            if sum(widths[i] + 2 for i in shown) - 2 > console.width:
                shown.remove(columns.index(heading))
        self.say(title, style="bold")
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for i in shown:
            right = columns[i].startswith(">")
            table.add_column(columns[i].lstrip(">"), justify="right" if right else "left", overflow="fold")
        for row in cells:
            table.add_row(*(Text(row[i], style=(styles(row[i]) if styles else None) or "") for i in shown))
        console.print(table)

    def facts(self, rows: Sequence[tuple[str, Any]]) -> None:
        """Print names and values, one pair a line; nothing with ``--json`` or ``--quiet``."""
        if self.json or self.silent:
            return
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(Text(f"  {name}", style="dim"), Text(printable(value)))
        self._console("stdout").print(grid)

    def result(self, document: dict[str, Any]) -> None:
        """Print the JSON document of a command, with the version and the failures; nothing without ``--json``."""
        if self.json:
            whole = {"dcmturbo": dcmturbo.__version__, **document, "failed": self.failures}
            sys.stdout.write(without_secrets(json.dumps(whole, indent=2, allow_nan=False)) + "\n")

    # ---- warnings and errors ----------------------------------------------------------------------

    def _complain(self, kind: str, path: str, message: str) -> None:
        sys.stdout.flush()
        where = f"{printable(path)}: " if path else ""
        one_line = printable(re.sub(r"\s+", " ", message))
        sys.stderr.write(f"dcmturbo: {kind}: {where}{one_line}\n")
        sys.stderr.flush()

    def fail(self, path: str, error: BaseException | str, kind: str = "OSError", hint: str = "") -> None:
        """Report a failure on stderr and remember it for the exit code; `kind` is the type of a plain message."""
        if isinstance(error, BrokenPipeError):
            raise error  # nobody reads the output any more, which is no failure of a file
        source = getattr(error, "source", None)
        path = without_secrets(path or source or "")
        message = without_secrets(error if isinstance(error, str) else describe_error(error))
        if source not in (None, path):
            message = f"{source}: {message}"  # a file in a folder that the user named
        kind = kind if isinstance(error, str) else type(error).__name__
        self.failures.append({"path": path, "error": message, "type": kind})
        self._complain("error", path, f"{message} ({without_secrets(hint)})" if hint else message)

    def fail_in(self, path: str, error: BaseException) -> None:
        """Report a failure of a command with several inputs, in the one that the error is about."""
        notes = [note[3:] for note in getattr(error, "__notes__", ()) if note.startswith("in ")]
        filename = getattr(error, "source", None) or getattr(error, "filename", None)
        self.fail(notes[0] if notes else path if filename is None else os.fsdecode(filename), error)

    def usage(self, command: str, message: str, *, brief: bool = False) -> int:
        """Report wrong usage on stderr, if not `brief` below how to use it; return the exit code of wrong usage."""
        text = "" if brief else self.usage_text
        sys.stderr.write(f"{text}dcmturbo {command}: error: {printable(message)}\n")
        return 2

    def warn(self, path: str, message: str) -> None:
        """Print a warning on stderr, once."""
        if (path, message) not in self._warned:
            self._warned.add((path, message))
            self._complain("warning", path, message)

    @contextmanager
    def warnings_of(self, path: str) -> Iterator[list[str]]:
        """Print each DecodeWarning of a block as one line, once; hide the warnings of other packages.

        Yields
        ------
        list of str
            Receives the messages at the end of the block.
        """
        messages: list[str] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", DecodeWarning)
            try:
                yield messages
            finally:
                messages += dict.fromkeys(_text_of(warning.message, path) for warning in caught)
                for message in messages:
                    self.warn(path, message)

    # ---- progress ---------------------------------------------------------------------------------

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a progress bar on stderr if that is a terminal and the block takes more than a second.

        Yields
        ------
        callable
            To be called when one of `total` things is done.
        """
        if not sys.stderr.isatty() or total < 2:
            yield lambda: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        # It has its own descriptor, because stderr may be silenced in the meantime.
        screen = open(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, errors="replace")  # noqa: SIM115
        bar = Progress(*columns, console=Console(file=screen), transient=True)
        task = bar.add_task(what, total=total)
        begin = time.monotonic()
        running = False

        def advance() -> None:
            nonlocal running
            bar.advance(task)
            if not running and time.monotonic() - begin > _PROGRESS_AFTER:
                running = True
                bar.start()

        try:
            yield advance
        finally:
            if running:
                bar.stop()
            screen.close()
