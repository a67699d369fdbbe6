"""Make the documentation as a site: ``sphinx-build -W -b html docs FOLDER``, with ``pip install 'dcmturbo[docs]'``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

import dcmturbo
from dcmturbo.cli import build_parser

project = "dcmturbo"
author = "the authors of dcmturbo"
release = version = dcmturbo.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
templates_path: list[str] = []
nitpicky = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_typehints = "none"  # the docstrings have the types in words
autodoc_member_order = "groupwise"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes are described once, where the class is

html_theme = "pydata_sphinx_theme"
html_title = "dcmturbo"
html_static_path: list[str] = []
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "navbar_center": [],  # the sections have many pages: all are in the sidebar
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"**": ["globaltoc.html"]}
# The page of results has its own contents: a link to the source of a page would need a network.
html_show_sourcelink = False
html_copy_source = False

_COMMANDS = Path(__file__).parent / "reference" / "commands.md"


def _helps() -> Iterator[tuple[str, str]]:
    """Yield the commands, and the help of each as a terminal of 100 columns shows it."""
    os.environ["COLUMNS"] = "100"
    parser = build_parser()
    yield "dcmturbo", parser.format_help()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        yield f"dcmturbo {name}", command.format_help()


def _write_commands(_: Any) -> None:
    """Write the page of the commands from their own help, so that it is never out of date."""
    parts = ["# Commands\n\nThis page is what `dcmturbo COMMAND --help` prints.\n"]
    parts += [f"## {name}\n\n```text\n{text.rstrip()}\n```\n" for name, text in _helps()]
    text = "\n".join(parts)
    if not _COMMANDS.exists() or _COMMANDS.read_text(encoding="utf-8") != text:
        _COMMANDS.write_text(text, encoding="utf-8")


def _stay_inside(_: Any, page: str, source: list[str]) -> None:
    """Let links to files beside the folder of the documentation lead to their pages."""
    source[0] = source[0].replace("](../CHANGELOG.md", "](/reference/changelog.md")


def setup(app: Any) -> None:
    """Write generated pages before sources are read."""
    app.connect("builder-inited", _write_commands)
    app.connect("source-read", _stay_inside)
    app.add_lexer("mermaid", TextLexer)  # diagrams stay readable as text, and need no network
