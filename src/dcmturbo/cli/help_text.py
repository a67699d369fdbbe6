"""``--help`` at any width: text is wrapped between words, and columns stay columns."""

from __future__ import annotations

import argparse
import re
import textwrap

__all__ = ["HelpFormatter"]


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
    for line, hang in lines:
        if len(line) <= width:
            wrapped.append(line)
            continue
        first, others = line[:hang], " " * hang
        if hang == _indent(line) > 0:  # a line on its own, such as a command
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
