"""Which markers tests have: those of their folder. A file or a test may have more of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

# pyproject.toml says what the markers mean. `core` decides what the sanitizers see, so each folder is here: a new one
# without a decision ends the collection.
MARKERS: dict[str, tuple[str, ...]] = {
    "api": ("core",),
    "archives": ("archives",),
    "cli": (),
    "codecs": ("core",),
    "conformance": (),
    "contours": ("core",),
    "contract": ("core",),
    "dataset": ("core",),
    "deidentification": ("core",),
    "destinations": (),
    "differential": (),
    "integration": (),
    "integrations": (),
    "pictures": (),
    "regress": ("core",),
    "sched": ("core", "threads"),
    "segmentation": ("core",),
    "slides": ("core",),
    "transcoding": (),
    "unit": ("core",),
    "volumes": ("core",),
}

# Of tests/unit, what reads sources and documents instead: a new file there runs the core, unless it is added here.
WITHOUT_THE_CORE = {
    f"test_{name}.py"
    for name in [
        "benchmarks",
        "documentation",
        "host_suites",
        "isa_calls",
        "layers",
        "layers_python",
        "markers",
        "redaction",
    ]
}


def markers_of(path: Path) -> tuple[str, ...]:
    """Return the markers of the tests in a file."""
    if not path.is_relative_to(TESTS):
        return ()
    folder = path.relative_to(TESTS).parts[0]
    if folder not in MARKERS:
        raise pytest.UsageError(
            f"tests/{folder} is not in MARKERS of tests/helpers/markers.py: do its tests run the core?"
        )
    if folder == "unit" and path.name in WITHOUT_THE_CORE:
        return ()
    return MARKERS[folder]
