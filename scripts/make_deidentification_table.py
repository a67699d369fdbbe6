#!/usr/bin/env python3
"""Make src/dcmturbo/deidentification/profile_table.py: table E.1-1 of DICOM PS3.15.

    python scripts/make_deidentification_table.py FOLDER            writes the file
    python scripts/make_deidentification_table.py FOLDER --check    fails if it is not what would be written

FOLDER holds two wheels of PyPI, which `pip download --no-deps` gets:

- dicom_anonymizer-2.1.0 (BSD-3-Clause): the actions of the basic profile, edition 2026c.
- dicom_standard-0.1.0 (MIT): the whole table with the columns of all options, edition of April 2020.

Only facts of the standard are taken: tags and action codes. Where both have a row, their actions of the basic profile
must agree, apart from the listed changes between the editions. Rows that only the newer edition has get the option
columns that the standard gives to all attributes of their VR: dates and times K and C, UIDs K. In all other options
the basic profile holds for them, which removes more than the standard asks for, and never less.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
import zipfile
from collections import defaultdict
from pathlib import Path

from pydicom.datadict import dictionary_VR

TARGET = Path(__file__).parents[1] / "src/dcmturbo/deidentification/profile_table.py"
BASIC = ("dicom_anonymizer-2.1.0-py3-none-any.whl", r"/dicomfields_2026c\.py$")
OPTIONS = ("dicom_standard-0.1.0-py3-none-any.whl", r"/confidentiality_profile_attributes\.json$")

# The columns of the table after "Basic Prof.", by their names in the source.
COLUMNS = {
    "rtnUIDsOpt": "uids",
    "rtnDevIdOpt": "device",
    "rtnInstIdOpt": "institution",
    "rtnPatCharsOpt": "patient",
    "rtnLongFullDatesOpt": "full-dates",
    "rtnLongModifDatesOpt": "modified-dates",
    "cleanDescOpt": "descriptors",
    "cleanStructContOpt": "structured-content",
    "cleanGraphOpt": "graphics",
}
# Rows whose action has changed between the editions: (before, now).
CHANGED = {
    "00100020": ("Z", "Z/D"),
    "30080105": ("X", "X/Z"),
    "300A00B2": ("X", "X/Z"),
    "30100077": ("D", "X/D"),
}
# Rows for whole ranges of tags, which the code handles itself: curves, overlays, private elements.
RANGES = {"50XXXXXX", "60XX3000", "60XX4000"}

HEADER = '''"""Table E.1-1 of DICOM PS3.15: actions on attributes, by the basic profile and its options.

Made by scripts/make_deidentification_table.py, which names the sources: do not edit. The basic profile is that of
edition 2026c. A key holds the action of the basic profile, then those of the options; a value the tags. `STATED` has
rows whose option columns are those of the standard. The columns of `DERIVED` follow from the VR.

The actions are: X removes, Z empties, D replaces by a dummy, U replaces a UID, C cleans, K keeps. "X/Z" and the like
depend on the type that the attribute has in its IOD.
"""

EDITION = "2026c"
'''


def member(folder: Path, place: tuple[str, str]) -> str:
    """Return the text of a file in a wheel."""
    with zipfile.ZipFile(folder / place[0]) as wheel:
        name = next(name for name in wheel.namelist() if re.search(place[1], name))
        return wheel.read(name).decode()


def basic_actions(text: str) -> dict[str, str]:
    """Return the action for each tag: the source lists the tags of each action."""
    found: dict[str, str] = {}
    for name, body in re.findall(r"^(\w+)_TAGS = \[\n(.*?)^\]", text, flags=re.MULTILINE | re.DOTALL):
        action = name.replace("_STAR", "*").replace("_", "/")
        for group, element in re.findall(r"\(\s*0x(\w{4}),\s*0x(\w{4}),?\s*\)", body):
            tag = f"{group}{element}".upper()
            if found.setdefault(tag, action) != action:
                raise SystemExit(f"{tag} has two actions")
    return found


def option_columns(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the actions of the basic profile, and those of the options, as the older edition has them."""
    basic, options = {}, {}
    for row in json.loads(text):
        tag = row["tag"].strip("()").replace(",", "").upper()
        if not re.fullmatch(r"[0-9A-FX]{8}", tag):
            continue
        basic[tag] = row["basicProfile"]
        options[tag] = " ".join(f"{name}:{row[key]}" for key, name in COLUMNS.items() if row.get(key))
    return basic, options


def derived(tag: str) -> str:
    """Return the option columns that all attributes of a VR have."""
    try:
        vr = dictionary_VR(int(tag, 16))
    except KeyError:
        return ""
    if vr in ("DA", "TM", "DT"):
        return "full-dates:K modified-dates:C"
    return "uids:K" if vr == "UI" else ""


def dictionary(name: str, rows: dict[str, list[str]]) -> str:
    """Return a table as Python."""
    parts = [f"\n{name}: dict[str, str] = {{\n"]
    for key in sorted(rows):
        tags = " ".join(sorted(rows[key]))
        if len(key) + len(tags) < 108:
            parts.append(f'    "{key}": "{tags}",\n')
            continue
        lines = [tags] if len(tags) <= 110 else textwrap.wrap(tags, 106)
        parts.append(f'    "{key}": (\n')
        parts += [f'        "{line}{" " if line is not lines[-1] else ""}"\n' for line in lines]
        parts.append("    ),\n")
    return "".join(parts) + "}\n"


def make(folder: Path) -> str:
    """Return the text of the module."""
    now = basic_actions(member(folder, BASIC))
    before, options = option_columns(member(folder, OPTIONS))
    missing = set(before) - set(now) - RANGES
    if missing:
        raise SystemExit(f"the newer edition lacks {sorted(missing)}")
    tables: dict[str, dict[str, list[str]]] = {"STATED": defaultdict(list), "DERIVED": defaultdict(list)}
    for tag, action in now.items():
        if tag in before and before[tag] != action and CHANGED.get(tag) != (before[tag], action):
            raise SystemExit(f"{tag}: {before[tag]} has become {action}")
        name = "STATED" if tag in before else "DERIVED"
        columns = options[tag] if tag in before else derived(tag)
        tables[name][f"{action} {columns}".strip()].append(tag)
    return HEADER + "".join(dictionary(name, rows) for name, rows in tables.items())


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = make(arguments.folder)
    if arguments.check:
        if TARGET.read_text() != text:
            print(f"{TARGET} is not what {Path(__file__).name} makes", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
