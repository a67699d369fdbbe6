"""Renders the table of transfer syntaxes in docs/reference/formats.md from the core's own table.

``python scripts/render_syntaxes.py`` rewrites it; with ``--check`` it fails if it is not current.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from dcmturbo.encoding import can_encode
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES, TransferSyntax

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "formats.md"
PREFIX = "1.2.840.10008.1.2"


def table() -> str:
    """Return the Markdown table."""
    lines = ["| UID 1.2.840.10008.1.2… | keyword | decode | encode |", "|---|---|---|---|"]
    for syntax in TRANSFER_SYNTAXES:
        if not syntax.decodable or not syntax.uid.startswith(PREFIX):  # the table lists those of PS3.6
            continue
        suffix = syntax.uid.removeprefix(PREFIX)
        by = "own" if syntax.own else "library"
        lines.append(f"| {suffix or '(none)'} | `{syntax.keyword}` | {by} | {_encoder(syntax)} |")
    return "\n".join(lines)


def _encoder(syntax: TransferSyntax) -> str:
    if not can_encode(syntax):
        return "–"
    return "own" if syntax.encodes else "library"


def main() -> int:
    """Rewrite or check the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the table is not current")
    check = parser.parse_args().check
    before = PAGE.read_text(encoding="utf-8")
    after = re.sub(
        r"(<!-- syntaxes -->\n).*?(\n<!-- /syntaxes -->)", lambda m: m[1] + table() + m[2], before, flags=re.DOTALL
    )
    if check:
        if before != after:
            print("docs/reference/formats.md: the table is not current: python scripts/render_syntaxes.py")
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
