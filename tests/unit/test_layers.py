"""A layer of csrc/ includes only what docs/architecture.md allows it."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CSRC = REPOSITORY / "csrc"

ALLOWED = {
    "base": set(),
    "cpu": set(),
    "entropy": {"base"},
    "kernels": {"base", "cpu", "entropy"},
    "codecs": {"base", "cpu", "entropy", "kernels"},
    "dicom": {"base"},
    "sched": {"base", "cpu", "entropy", "kernels", "codecs", "dicom"},
    "abi": {"base", "cpu", "entropy", "kernels", "codecs", "dicom", "sched"},
    "bindings": {"base", "codecs", "dicom", "abi"},
}
FILES = sorted(path for path in CSRC.rglob("*") if path.suffix in {".h", ".cpp", ".inl"})


def own_includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_every_room_is_known():
    assert {path.name for path in CSRC.iterdir() if path.is_dir()} == set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CSRC)))
def test_a_file_includes_only_what_its_layer_may(path):
    room = path.relative_to(CSRC).parts[0] if path.parent != CSRC else None
    for include in own_includes(path):
        if include == "dcmturbo.h":
            assert room in {"abi", "bindings"}, f"{path} includes the C ABI"
            continue
        target = include.split("/")[0]
        assert (CSRC / include).is_file(), f"{path} includes {include}, which is not there"
        assert room is not None, "dcmturbo.h includes nothing of ours"
        assert target == room or target in ALLOWED[room], f"{path}: {room} may not include {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CSRC)))
def test_only_the_bindings_include_python(path):
    text = path.read_text(encoding="utf-8")
    if "bindings" not in path.relative_to(CSRC).parts:
        assert not re.search(r"#\s*include\s*<(pybind11|Python)", text)


def test_the_rooms_stand_in_the_architecture():
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    for room in ALLOWED:
        assert f"| `{room}/` |" in text


def test_no_file_has_become_two_rooms():
    for folder, suffixes in ((CSRC, {".h", ".cpp", ".inl"}), (REPOSITORY / "src", {".py"})):
        for path in folder.rglob("*"):
            if path.suffix in suffixes:
                assert len(path.read_text(encoding="utf-8").splitlines()) <= 620, path
