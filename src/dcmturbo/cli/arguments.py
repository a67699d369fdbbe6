"""The parser of the command line: help at any width, and suggestions for what is mistyped."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

__all__ = ["HelpFormatter", "Parser", "options_of"]

_CLOSE = 0.6
# Options of other programs, and of other commands, by the option that does the same here.
_ELSEWHERE = {
    "--window": ("--voi", "--windowing", "--wl", "--ww", "--wc", "--use-window", "+Wi", "+Ww"),
    "--to": ("--transfer-syntax", "--target", "--syntax", "--compress", "--encoding"),
    "--output": ("--out", "--dest", "--destination", "--outfile"),
    "--threads": ("--jobs", "--workers", "--num-threads", "-j"),
    "--format": ("--type", "--write-png", "--write-jpeg", "--write-tiff", "+on", "+oj", "+ot"),
    "--frames": ("--frame", "--frame-range", "+F", "+Fr"),
    "--force": ("--overwrite", "-f", "-y"),
    "--overwrite": ("--force", "-f", "-y"),
    "--size": ("--scale", "--thumbnail", "--scale-x-size", "+Sxv"),
    "--overlays": ("--overlay", "--display-overlay", "+O"),
    "--raw": ("--stored", "--stored-values"),
    "--quiet": ("--silent",),
    "--html": ("--report",),
    "--json": ("--as-json",),
}


def _wrap(text: str, width: int, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, len(others) + 12),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _hang_of(line: str) -> int:
    """Return the column in which a line continues: that of its second column, or its indent."""
    columns = re.match(r" *\S(?:.*?\S)?( {2,})(?=\S)", line)
    return columns.end() if columns else len(line) - len(line.lstrip())


def rewrapped(text: str, width: int) -> str:
    """Return a text in the given width.

    Lines without an indent are joined to paragraphs. An indented line stays a line; where it has two columns, what
    follows in the second one belongs to it.
    """
    lines: list[tuple[str, int]] = []
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        before, hang = lines[-1] if lines else ("", -1)
        if line.strip() and before.strip() and indent == hang and (indent == 0 or _hang_of(before) > _indent(before)):
            lines[-1] = (f"{before} {line.strip()}", hang)
        else:
            lines.append((line, _hang_of(line)))
    wrapped: list[str] = []
    above = 0
    for line, hang in lines:
        is_below_a_name, above = 0 < above < _indent(line), _indent(line) if line.strip() else 0
        if len(line) <= width:
            wrapped.append(line)
            continue
        first, others = line[:hang], " " * hang
        if hang == _indent(line) > 0 and not is_below_a_name:  # a line on its own, such as a command
            others += "    "
        if hang > width // 2:  # too narrow for columns
            first, hang = line[: _indent(line)], _indent(line) + 4
            wrapped += _wrap(line.strip(), width, first, " " * hang)
        else:
            wrapped += _wrap(line[hang:], width, first, others)
    return "\n".join(wrapped)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


class HelpFormatter(argparse.HelpFormatter):
    """Help whose descriptions keep their lists and tables, and whose words are never broken."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return textwrap.indent(rewrapped(text, width - len(indent)), indent)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrap(" ".join(text.split()), width, "", "")


def options_of(parser: Parser) -> list[str]:
    """Return the options of a parser that are words: ``--threads``."""
    return [name for action in parser.options() for name in action.option_strings if name.startswith("--")]


def _similar(text: str, known: Iterable[str]) -> str:
    """Return a question about a known word that is like a mistyped one; empty if there is none."""
    bare = {word.lstrip("-"): word for word in known}  # the dashes alone are not alike
    close = difflib.get_close_matches(text.lower().lstrip("-+"), bare, 1, _CLOSE)
    return f": did you mean {bare[close[0]]}?" if close else ""


def _elsewhere(text: str, known: Iterable[str]) -> str:
    """Return a question about the option that does what an option of another program or command does."""
    known = set(known)
    names = [name for name, others in _ELSEWHERE.items() if text in others and name in known]
    return f": did you mean {names[0]}?" if names else ""


class Parser(argparse.ArgumentParser):
    """A parser whose errors say what may have been meant."""

    def options(self) -> list[argparse.Action]:
        """Return the options that the help shows."""
        return [action for action in self._actions if action.option_strings and action.help != argparse.SUPPRESS]

    def positionals(self) -> list[argparse.Action]:
        """Return the arguments without a name that the help shows."""
        return [action for action in self._actions if not action.option_strings and action.help != argparse.SUPPRESS]

    def commands(self) -> dict[str, Parser]:
        """Return the parsers of the commands."""
        found = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return dict(found[0]) if found else {}

    def help_of(self, action: argparse.Action) -> str:
        """Return the help text of an argument, in one line."""
        return " ".join(self._get_formatter()._expand_help(action).split()) if action.help else ""

    def brief_usage(self) -> str:
        """Return how to use a command, with the arguments that it needs alone: a page of options hides the error."""
        if self._subparsers is not None:
            return self.format_usage()
        needed = [action for action in self._actions if action.required and action.option_strings]
        formatter = self._get_formatter()
        formatter.add_usage(None, [*needed, *self.positionals()], [], prefix="")
        _, _, arguments = " ".join(formatter.format_help().split()).partition(f"{self.prog} ")
        return f"usage: {self.prog} [OPTION ...] {arguments}".rstrip() + f"\n       {self.prog} --help\n"

    def error(self, message: str) -> NoReturn:
        """Print how to use the command and the error, and exit with 2."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)$", message)
        if choice:
            known = re.findall(r"[\w-]+", choice[2])
            message += _similar(choice[1], [*known, "help"] if self._subparsers is not None else known)
        self.exit(2, f"{self.brief_usage()}{self.prog}: error: {message}\n")

    def refuse(self, arguments: list[str], owners_of: Callable[[str], Sequence[str]] = lambda _: ()) -> NoReturn:
        """Report arguments that the parser does not know; `owners_of` names the commands that have an option."""
        options = options_of(self)
        first = next((text for text in arguments if text.startswith(("-", "+"))), arguments[0]).partition("=")[0]
        hint = _elsewhere(first, options)
        if not hint and first.startswith("--") and (owners := owners_of(first)):
            hint = f": {first} is an option of {', '.join(owners)}"
        self.error(f"unrecognized arguments: {' '.join(arguments)}{hint or _similar(first, options)}")
