"""Parts of reports as HTML: the style, text and tables."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = ["STYLE", "amount", "table_of", "escaped"]

STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #ffffff; --ink: #1d2329; --dim: #5b6670;
  --line: #dfe3e6; --before: #9aa7b2; --after: #17705f; --bad: #b3261e; --plot: #2a66b0; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --card: #1c2024; --ink: #e8ebed; --dim: #9aa5ae;
  --line: #30363c; --before: #66727c; --after: #4bb99f; --bad: #f2837b; --plot: #6ea6ea; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 12px; }
p { margin: 0 0 12px; } .dim { color: var(--dim); } .bad { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px; margin-top: 16px; }
.facts { display: grid; grid-template-columns: repeat(2, 1fr); gap: 12px; margin-top: 16px; }
@media (min-width: 700px) { .facts { grid-template-columns: repeat(4, 1fr); } }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
.fact b { display: block; font-size: 22px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 0 16px; }
.scroll { overflow-x: auto; margin: 8px 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 500; white-space: nowrap; } td.n, th.n { text-align: right; white-space: nowrap; }
td.path { overflow-wrap: anywhere; min-width: 180px; } @media (max-width: 600px) { td.path { min-width: 92px; } }
tr:last-child td { border-bottom: 0; }
svg { display: block; width: 100%; height: auto; max-width: 520px; }
svg text { font: 11px system-ui, sans-serif; fill: var(--dim); } svg text.value { fill: var(--ink); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 12px; }
.key:first-child { margin-left: 0; }
"""


def escaped(value: object) -> str:
    """Return text for the page; characters that HTML cannot have are escaped."""
    printable = "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in str(value))
    return html.escape(printable)


def amount(value: int) -> str:
    """Return a number with separated thousands."""
    return f"{value:,}".replace(",", " ")


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. Headings with ``>`` are aligned to the right, headings with ``/`` are for paths."""
    kinds = [" class=n" if column[0] == ">" else " class=path" if column[0] == "/" else "" for column in columns]
    head = "".join(
        f"<th{' class=n' if column[0] == '>' else ''}>{escaped(column.lstrip('>/'))}</th>" for column in columns
    )
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escaped(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>\n"
        for row in rows
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"
