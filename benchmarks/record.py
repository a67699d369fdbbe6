"""Records: what run.py measured, with the machine, the versions and the commit, as JSON in benchmarks/record/."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import engines

from dcmturbo.bench.peers import machine, versions

FOLDER = Path(__file__).with_name("record")
REPOSITORY = Path(__file__).parent.parent


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def commit() -> str:
    """Return the commit of the code that is measured, with "+" if the core or the package differ from it."""
    changed = _git("status", "--porcelain", "--", "csrc", "src", "setup.py")
    return _git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def heading() -> dict[str, Any]:
    """Return what is not measured: machine, versions, commit and date."""
    return {
        "machine": machine() | {"kernel": platform.release(), "load": round(os.getloadavg()[0], 1)},
        "versions": versions() | engines.versions(),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def read(place: Path) -> dict[str, Any]:
    """Return a record."""
    found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return found


def add(place: Path, rows: dict[str, Any], options: str) -> None:
    """Put rows into a record: each says of which commit it is, and with what options of run.py."""
    found = read(place) if place.exists() else {"rows": {}}
    now = heading()
    same = {key: value for key, value in found.get("machine", now["machine"]).items() if key not in ("load",)}
    if same != {key: value for key, value in now["machine"].items() if key != "load"}:
        raise SystemExit(f"{place} is of another machine: records are of one each")
    found |= now
    for name, result in rows.items():
        found["rows"][name] = {
            "commit": now["commit"],
            "date": now["date"],
            "command": f"python benchmarks/run.py {name} {options}",
            "results": result,
        }
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(_short(found), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _short(value: Any) -> Any:
    """Return the same with floats of four digits."""
    if isinstance(value, dict):
        return {key: _short(of) for key, of in value.items()}
    if isinstance(value, list):
        return [_short(of) for of in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def all_records() -> list[tuple[Path, dict[str, Any]]]:
    """Return the committed records, the newest last."""
    found = [(place, read(place)) for place in sorted(FOLDER.glob("*.json"))]
    return sorted(found, key=lambda one: (one[1]["date"], one[0].name))
