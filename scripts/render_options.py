"""Renders the tables of options in docs/ from the core's own tables.

``python scripts/render_options.py`` rewrites them; with ``--check`` it fails if one is not current.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from dcmturbo.formats.options import Option, decoder_options, encoder_options
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES, TransferSyntax

DOCS = Path(__file__).parent.parent / "docs"


def encoding() -> str:
    """Return the table of the encoders' options."""
    rows: dict[tuple[str, Option], list[TransferSyntax]] = {}
    for syntax in TRANSFER_SYNTAXES:
        for option in encoder_options(syntax, prefer_library=False):
            rows.setdefault((syntax.format.title, option), []).append(syntax)
    lines = ["| transfer syntax | option | value | default | loss | meaning |", "|---|---|---|---|---|---|"]
    for (title, option), syntaxes in rows.items():
        suffixes = ", ".join(f"`{_suffix(syntax.uid)}`" for syntax in syntaxes)
        lines.append(f"| {title} {suffixes} | {_cells(option)} |")
    return "\n".join(lines)


def decoding() -> str:
    """Return the table of the decoders' options."""
    lines = ["| option | value | default | loss | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {_cells(option)} |" for option in decoder_options())])


def _cells(option: Option) -> str:
    loss = "no"
    if option.can_lose:
        loss = f"from {option.loses_from:g}" if option.loses_from > option.lowest else "yes"
    return f"`{option.name}` | {option.allowed} | {option.default_text} | {loss} | {option.meaning}"


def _suffix(uid: str) -> str:
    for root in ("1.2.840.10008.1.2.4", "1.2.840.10008.1.2"):
        if uid.startswith(root + "."):
            return uid.removeprefix(root)
    return uid


def main() -> int:
    """Rewrite or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a table is not current")
    check = parser.parse_args().check
    stale = 0
    for name, marker, table in (
        ("encoding.md", "encoder options", encoding()),
        ("guide.md", "decoder options", decoding()),
    ):
        page = DOCS / name
        before = page.read_text(encoding="utf-8")
        pattern = rf"(<!-- {marker} -->\n).*?(\n<!-- /{marker} -->)"
        after, count = re.subn(pattern, lambda m, table=table: m[1] + table + m[2], before, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"docs/{name} has {count} places for the table of {marker}, expected 1")
        if not check:
            page.write_text(after, encoding="utf-8")
        elif before != after:
            print(f"docs/{name}: the table of {marker} is not current: python scripts/render_options.py")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
