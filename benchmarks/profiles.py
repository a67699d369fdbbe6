"""Where a codec's instructions go, by stage and by function, for any DICOM file.

    python benchmarks/profiles.py FILE [--frame N] [--isa avx2] [--encode KEYWORD] [--functions N] [--json]

Counts one call on one thread with callgrind (exact, and the same each time): `decode_frame` of the frame, or, with
--encode, `encode_frame` of its samples. Stages are the rooms of csrc/, an inlined function counting for the one that it
is in, and, by name, the libraries that code what the core does not. Instructions are not time: a mispredicted branch
costs as much as fifty of them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import callgrind
import pydicom
from data import attributes

import dcmturbo as dt

SOURCES = Path(__file__).parents[1] / "csrc"
_CODING = re.compile(r"imagecodecs|/libz[-.]|/zlib[-.]")  # files of libraries that code pixels
_ISA = re.compile(r"\bisa_(?:scalar|avx2|avx512|neon)::")


def work_of(path: Path, frame: int, keyword: str | None) -> tuple[Any, ...]:
    """Return the input of the driver for a frame of a file."""
    with dt.open(path, raw=True) as image:
        array = image[frame]
        photometric = image.source_photometric_interpretation
        data, syntax = bytes(image.encoded_frame(frame)), image.transfer_syntax
    known = attributes(pydicom.dcmread(path, stop_before_pixels=True))
    if keyword:
        options = {"bits_stored": known["bits_stored"], "photometric_interpretation": photometric}
        return "encode", array, keyword, options
    return "decode", data, syntax, known


def _name(library: str) -> str:
    """Return the name of a shared object without what wheels and Python add to it."""
    return re.sub(r"-[0-9a-f]{8}$", "", Path(library).name.partition(".")[0])


def room_of(function: str, rooms: dict[str, str], library: str = "") -> str:
    """Return the folder of csrc/ whose function this is, or the library."""
    if "dcmturbo" not in function:
        return _name(library) if _CODING.search(library) else "memory, Python, C library"
    name = re.sub(r"\(.*", "", _ISA.sub("", function.replace("(anonymous namespace)::", "")))
    for part in reversed(name.split("::")):
        part = re.sub(r"<.*", "", part)
        if part in rooms:
            return rooms[part]
    return "core, elsewhere"


def rooms() -> dict[str, str]:
    """Return the folder of each function and class that only one folder defines."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix not in (".h", ".cpp", ".inl"):
            continue
        parts = path.relative_to(SOURCES).parts
        room = "/".join(parts[:2]) if parts[0] == "codecs" and len(parts) > 2 else parts[0]
        for name in re.findall(r"\b([A-Za-z_]\w+)(?:<[^<>]*>)?\s*(?:\(|\{|final|:)", path.read_text(encoding="utf-8")):
            found[name].add(room)
    order = ("entropy", "image", "bits")  # what these define, the codecs call
    chosen = {}
    for name, where in found.items():
        best = next((room for room in order if room in where), None)
        if best or len(where) == 1:
            chosen[name] = best or next(iter(where))
    return chosen


def main() -> int:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--frame", type=int, default=0)
    parser.add_argument("--isa", default="avx2", choices=("scalar", "avx2"), help="valgrind knows no AVX-512")
    parser.add_argument("--encode", metavar="KEYWORD", help="encode the frame instead, in this transfer syntax")
    parser.add_argument("--functions", type=int, default=12, metavar="N", help="how many to list (default 12)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        work = work_of(arguments.file, arguments.frame, arguments.encode)
    except (dt.Error, OSError, ValueError, LookupError, AttributeError, NotImplementedError) as error:
        parser.error(f"{arguments.file}: {error}")
    tree = Path(dt.__file__).parents[2]
    profile = callgrind.count(tree, {"work": work}, arguments.isa)["work"]
    with dt.open(arguments.file, raw=True) as image:
        samples = image[arguments.frame].size
    known = rooms()
    stages: dict[str, int] = defaultdict(int)
    for function, count in profile.own.items():
        stages[room_of(function, known, profile.libraries.get(function, ""))] += count
    everything = sum(stages.values())
    try:
        codec, total = profile.codec
    except LookupError:  # not the core, but a library: all of the call is counted
        used = [room for room in map(_name, filter(_CODING.search, profile.libraries.values())) if room in stages]
        codec, total = max(used, key=stages.__getitem__, default="a library"), everything
    document = {
        "file": str(arguments.file),
        "codec": codec.partition("(")[0],
        "samples": samples,
        "instructions": total,
        "instructions a sample": round(total / samples, 3),
        "stages": {
            room: {"share": round(count / everything, 4), "instructions a sample": round(count / samples, 3)}
            for room, count in sorted(stages.items(), key=lambda one: -one[1])
        },
        "functions": {
            re.sub(r"\(.*", "", function.replace("(anonymous namespace)::", "")): round(count / samples, 3)
            for function, count in sorted(profile.own.items(), key=lambda one: -one[1])[: arguments.functions]
        },
    }
    if arguments.json:
        print(json.dumps(document, indent=1))
        return 0
    print(f"{document['codec']}: {document['instructions a sample']} instructions a sample ({samples} samples)")
    for room, one in document["stages"].items():
        print(f"  {room:28} {one['share']:6.1%} {one['instructions a sample']:9.3f} a sample")
    print("functions, without what they call, instructions a sample:")
    for function, count in document["functions"].items():
        print(f"  {count:9.3f}  {function}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
