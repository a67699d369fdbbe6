"""`scripts/host_suites.py`: what it makes of two runs of a suite."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "host_suites.py"


@pytest.fixture
def suites(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("host_suites", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    listed = tmp_path / "expected.txt"
    listed.write_text("# suite | test | reason\npydicom | a::listed | counts the plugins\n")
    monkeypatch.setattr(module, "EXPECTED", listed)
    monkeypatch.setattr(module, "SUITES", {"pydicom": ("3.0.2", 2), "highdicom": ("0.28.2", 1)})
    return module


WITHOUT = {"a::one": "passed", "a::two": "passed", "a::listed": "passed", "a::broken": "failure"}


def test_no_new_failure_is_right(suites, capsys):
    assert suites.compare("pydicom", 2, WITHOUT, {**WITHOUT, "a::listed": "failure"}) == []
    assert "counts the plugins" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["failure", "error", "skipped", None])
def test_a_test_that_no_longer_passes_is_named(suites, end):
    with_us = {**WITHOUT, "a::listed": "failure", "a::two": end}
    assert suites.compare("pydicom", 2, WITHOUT, with_us) == ["a::two passes without dcmturbo only"]


def test_a_listed_test_that_passes_is_to_be_taken_off_the_list(suites):
    assert suites.compare("pydicom", 2, WITHOUT, WITHOUT) == ["a::listed passes: take it off the list"]


def test_a_broken_environment_is_no_success(suites):
    few = {"a::one": "passed"}
    (wrong,) = suites.compare("pydicom", 2, few, few)
    assert "the environment is broken" in wrong


def test_each_listed_test_has_a_suite_and_a_reason():
    text = SCRIPT.with_name("host_suites_expected.txt").read_text()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            suite, test, reason = (part.strip() for part in line.split("|", 2))
            assert suite in ("pydicom", "highdicom")
            assert "::" in test
            assert reason
