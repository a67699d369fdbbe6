"""Which tests the sanitizers see: markers of folders and files, which no list in CI repeats."""

import re

import pytest
from helpers.markers import MARKERS, TESTS, WITHOUT_THE_CORE, markers_of

CI = [TESTS.parent / ".ci" / name for name in ("run", "more")]


def test_every_folder_has_a_decision():
    assert {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")} == set(MARKERS)


def test_what_does_without_the_core_is_there():
    assert {path.name for path in (TESTS / "unit").glob("test_*.py")} >= WITHOUT_THE_CORE


def test_markers_are_registered(pytestconfig):
    registered = {line.split(":")[0] for line in pytestconfig.getini("markers")}
    assert {name for names in MARKERS.values() for name in names} <= registered


def test_a_new_file_of_the_core_is_seen_by_the_sanitizers(request):
    for folder in ("api", "codecs/jpegls", "contract", "dataset", "regress", "sched", "unit"):
        assert "core" in markers_of(TESTS / folder / "test_new.py")
    assert "threads" in markers_of(TESTS / "sched/test_new.py")
    assert not list(request.node.iter_markers("core"))  # this file does without


def test_a_folder_without_a_decision_ends_the_collection():
    with pytest.raises(pytest.UsageError, match="tests/elsewhere"):
        markers_of(TESTS / "elsewhere" / "test_new.py")


@pytest.mark.skipif(not all(file.is_file() for file in CI), reason="the sources are not here")
def test_ci_selects_by_markers_and_names_no_test_file_under_a_sanitizer():
    text = "\n".join(file.read_text(encoding="utf-8") for file in CI)
    lines = [line for line in text.splitlines() if ".ci/sanitized " in line]
    assert len(lines) == 2
    for line in lines:
        assert re.search(r"-m (\"[^\"]+\"|\w+) tests$", line), line
