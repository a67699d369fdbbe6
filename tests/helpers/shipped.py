"""The files that pydicom and pydicom-data ship, found in the installed packages: nothing is downloaded."""

from importlib.util import find_spec
from pathlib import Path

_NOT_DICOM = (".py", ".pyc", ".json", ".txt", ".md", ".icc", ".gz", ".dump", ".hashes", "")


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent / "data" if spec and spec.origin else None


def shipped_files() -> list[Path]:
    found = []
    for package in ("pydicom", "data_store"):
        folder = _folder(package)
        if folder is not None:
            found += [p for p in folder.rglob("*") if p.is_file() and not p.name.endswith(_NOT_DICOM[:-1])]
    return sorted(p for p in found if p.name != "README")


def shipped(name: str) -> Path:
    return next(p for p in shipped_files() if p.name == name)
