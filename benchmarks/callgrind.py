"""Instructions of the core's functions, counted by valgrind's callgrind: exact, whatever else the machine does."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).with_name("codec_driver.py")
# The codecs' own doors; what they call is counted with them.
CODEC = re.compile(r"dcmturbo::(\w+)::(decode|encode)\(dcmturbo::(Fragments|FrameIn) const&")

_REQUESTS = """\
#include <valgrind/callgrind.h>
void begin(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void end(const char* name) { CALLGRIND_DUMP_STATS_AT(name); CALLGRIND_STOP_INSTRUMENTATION; }
"""


@dataclass
class Profile:
    """The instructions of one call, by function (demangled)."""

    own: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # without what it calls
    inclusive: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    libraries: dict[str, str] = field(default_factory=dict)  # the file that a function is in

    @property
    def codec(self) -> tuple[str, int]:
        """The codec's function, and its instructions with those of what it calls."""
        found = {name: count for name, count in self.inclusive.items() if CODEC.match(name)}
        if not found:
            raise LookupError("no codec of the core was called")
        name = max(found, key=lambda one: found[one])
        return name, found[name]


def parse(text: str) -> Profile:
    """Read what callgrind writes with --compress-strings=no --compress-pos=no.

    A cost line is "line cost"; the one behind "calls=" is what the callee cost, all in all.
    """
    profile = Profile()
    function, library, called = "", "", False
    for line in text.splitlines():
        if line.startswith("fn="):
            function = line[3:]
            profile.libraries[function] = library
        elif line.startswith("ob="):
            library = line[3:]
        elif line.startswith("calls="):
            called = True
        elif line[:1].isdigit() or line[:1] in "+-*":
            parts = line.split()
            cost = int(parts[1]) if len(parts) > 1 else 0
            profile.inclusive[function] += cost
            if not called:
                profile.own[function] += cost
            called = False
    return profile


def missing() -> str:
    """Return why nothing can be counted here, empty if it can."""
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    if not shutil.which("cc") or not Path("/usr/include/valgrind/callgrind.h").exists():
        return "a C compiler and valgrind/callgrind.h are needed"
    return ""


def count(tree: Path, works: dict[str, Any], isa: str = "avx2") -> dict[str, Profile]:
    """Return the instructions of each work with the build of a tree. valgrind stops at AVX-512."""
    if why := missing():
        raise SystemExit(why)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "requests.c").write_text(_REQUESTS)
        library = folder / "requests.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, folder / "requests.c"], check=True)
        pickled = folder / "works"
        pickled.write_bytes(pickle.dumps({str(k): work for k, work in enumerate(works.values())}))
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--compress-strings=no", "--compress-pos=no"]
        command += [f"--callgrind-out-file={folder}/out", sys.executable, str(DRIVER), str(pickled), "callgrind"]
        command.append(str(library))
        environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONHASHSEED": "0", "DCMTURBO_ISA": isa}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"callgrind failed:\n{done.stderr[-2000:]}")
        profiles = {}
        for out in folder.glob("out.*"):
            text = out.read_text(encoding="utf-8", errors="replace")
            trigger = re.search(r"^desc: Trigger: Client Request: (\d+)$", text, flags=re.MULTILINE)
            if trigger:
                profiles[list(works)[int(trigger[1])]] = parse(text)
        if profiles.keys() != works.keys():
            raise SystemExit("callgrind did not dump every work")
        return profiles
