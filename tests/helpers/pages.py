"""The code of a page of the documentation, and a reader who follows it from its first block to its last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<kind>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S
)
RUN = ("python", "console", "json")
NOT_CODE = ("mermaid", "{toctree}")  # for the site


class Block(NamedTuple):
    """A block of code, why it cannot run in a test, and the last file that the page names before it."""

    kind: str
    text: str
    reason: str
    named: str


def blocks(page: Path) -> list[Block]:
    """Return all blocks of a page.

    A line ``<!-- not run: REASON -->`` right before a block says that a test cannot run it.
    """
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        names = re.findall(r"`([\w-]+\.\w+)`", text[: match.start()])
        found.append(Block(match["kind"], match["text"], match["reason"] or "", names[-1] if names else ""))
    return found


def run(command: list[str], folder: Path) -> str:
    """Run a command that must succeed; return what it printed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(page: Path, folder: Path, before: str = "") -> list[str]:
    """Do what a page says, in a folder; return the lines that its Python printed.

    Blocks of Python are typed into one session until a command follows. A block that begins with ``# NAME.py`` is
    written to that file, and a block of JSON to the file that the page has just named. `before` is typed at the
    beginning of each session: what the page takes for granted.
    """
    session: list[str] = []
    printed: list[str] = []

    def finish() -> None:
        if session:
            code = "\n".join(session)
            expected = re.findall(r"^(print\(.*\))  # (\S.*)$", code, re.M)
            lines = run([sys.executable, "-c", f"{before}\n{code}"], folder).splitlines()
            told = [text for _, text in expected if not text.startswith("the ")]
            assert [text for text in told if text not in lines] == []
            printed.extend(lines)
            session.clear()

    for block in blocks(page):
        if block.reason or block.kind in NOT_CODE:
            continue
        assert block.kind in RUN, f"a block of {page.name} is neither run nor marked: {block.text}"
        name = re.match(r"# (\w+\.py)\n", block.text)
        if block.kind == "console":
            finish()
            for line in block.text.splitlines():
                assert line.startswith("$ dcmturbo "), line
                command = line.removeprefix("$ dcmturbo ")
                run(["bash", "-c", f"{sys.executable} -m dcmturbo {command}"], folder)
        elif block.kind == "json":
            assert block.named.endswith(".json"), f"the page names no file for {block.text}"
            (folder / block.named).write_text(block.text)
        elif name:
            finish()
            (folder / name[1]).write_text(block.text)
            if "__main__" in block.text:
                first, last = run([sys.executable, name[1]], folder).split("->")
                assert float(last) < float(first)
        else:
            session.append(block.text)
    finish()
    return printed
