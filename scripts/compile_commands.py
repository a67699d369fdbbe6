"""Write compile_commands.json for editors and clang-tidy: how each C++ file of this repository is compiled.

Usage::

    python scripts/compile_commands.py [FILE]    (default: compile_commands.json)

The bindings need pybind11 and Python's headers; the core's own tests need doctest.
"""

import json
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLAGS = (
    "-std=c++20 -O2 -ffp-contract=off -Wall -Wextra -Wno-psabi -Wno-missing-field-initializers"
    " -Icsrc -Ifuzz -Itests/core"
)


def commands() -> list[dict[str, str]]:
    """Return an entry for each source file."""
    python = [f"-I{sysconfig.get_path('include')}"]
    try:
        import pybind11

        python.append(f"-I{pybind11.get_include()}")
    except ImportError:
        pass
    entries = []
    for path in sorted(p for folder in ("csrc", "fuzz", "tests/core") for p in (ROOT / folder).rglob("*.cpp")):
        name = path.relative_to(ROOT).as_posix()
        flags = FLAGS.split() + (python if name.startswith("csrc/bindings/") else [])
        entries.append({"directory": str(ROOT), "file": name, "command": f"c++ {' '.join(flags)} -c {name}"})
    return entries


if __name__ == "__main__":
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "compile_commands.json"
    to.write_text(json.dumps(commands(), indent=1) + "\n", encoding="utf-8")
