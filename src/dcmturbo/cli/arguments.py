"""The parser of the command line: help at any width, and suggestions for what is mistyped."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Iterable
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


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options of a parser that are words: ``--threads``."""
    return list(dict.fromkeys(re.findall(r"(?<![\w-])--[a-z][\w-]*", parser.format_usage())))


def _similar(text: str, known: Iterable[str]) -> str:
    """Return a question about a known word that is like a mistyped one; empty if there is none."""
    known = list(known)
    for name, others in _ELSEWHERE.items():
        if text in others and name in known:
            return f": did you mean {name}?"
    close = difflib.get_close_matches(text.lower(), known, 1, _CLOSE)
    return f": did you mean {close[0]}?" if close else ""


class Parser(argparse.ArgumentParser):
    """A parser whose errors say what may have been meant."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error, and exit with 2."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)$", message)
        if choice:
            message += _similar(choice[1], re.findall(r"[\w-]+", choice[2]))
        super().error(message)

    def refuse(self, arguments: list[str]) -> NoReturn:
        """Report arguments that the parser does not know."""
        options = options_of(self)
        first = next((text for text in arguments if text.startswith(("-", "+"))), arguments[0]).partition("=")[0]
        self.error(f"unrecognized arguments: {' '.join(arguments)}{_similar(first, options)}")
