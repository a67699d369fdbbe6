"""Whether a change makes a codec slower: both commits built and measured on this machine.

    python benchmarks/check.py --against main [--work NAME]... [--rounds 101] [--keep FOLDER] [--json]

Fails (exit code 1) on more than 2 % more instructions in a codec's function (callgrind, AVX2), and on more than 6 %
more time: rounds of two processes in turn, one a build. They are made anew for each twelfth of the rounds, because how
a process lies in memory, and which of the two began first, is worth more than that; the median of the twelve ratios
counts. What seems slower is measured a second time, and fails only if it is again. The candidate is the commit that is
checked out, or what is in the folder of --candidate. Nothing is compared with a record: those of other machines, and
of this one at other times, say nothing here. They are listed, for the eye, with --records.

--candidate may be a wheel of this Python, too. Another compiler has made it, so it is judged by time alone: it fails if
the geometric mean of all works is more than 3 % longer.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import callgrind
from definitions import image
from measure import median
from workloads import attributes_of, encoded

MOST_INSTRUCTIONS = 1.02
MOST_TIME = 1.06
MOST_TIME_OF_WHEEL = 1.03
REPOSITORY = Path(__file__).parent.parent
DRIVER = Path(__file__).with_name("codec_driver.py")
_PARTS = 12  # of the rounds, with processes of their own

# One image of each kind a codec; small enough for 101 rounds, and for valgrind.
WORKS = {
    f"{direction} {keyword} {source}": (direction, keyword, source)
    for direction, keyword, sources in (
        ("decode", "RLELossless", ("phantom:ct", "phantom:ultrasound")),
        ("decode", "JPEGLosslessSV1", ("phantom:ct", "phantom:ultrasound")),
        ("decode", "JPEG2000Lossless", ("phantom:mr",)),
        ("decode", "HTJ2KLossless", ("phantom:ct",)),
        ("decode", "JPEGLSLossless", ("phantom:ct",)),
        ("encode", "RLELossless", ("phantom:ct",)),
        ("encode", "JPEGLosslessSV1", ("phantom:ct",)),
        ("encode", "JPEG2000Lossless", ("phantom:mr",)),
        ("encode", "HTJ2KLossless", ("phantom:ct",)),
        ("encode", "JPEGLSLossless", ("phantom:ct",)),
    )
    for source in sources
}


def works(names: list[str]) -> dict[str, Any]:
    """Return the input of the driver: the same codestreams for both builds."""
    found = {}
    for name in names:
        direction, keyword, source = WORKS[name]
        array = image(source)
        assert array is not None
        known = attributes_of(array)
        if direction == "decode":
            found[name] = (direction, encoded(array, keyword), keyword, known)
        else:
            options = {key: known[key] for key in ("bits_stored", "photometric_interpretation")}
            found[name] = (direction, array, keyword, options)
    return found


# ---- builds -----------------------------------------------------------------------------------------


def export(commit: str, folder: Path) -> Path:
    """Write a commit's files into a folder."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def unpack(wheel: Path, folder: Path) -> Path:
    """Write a wheel's files where those of a built tree are."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "src")
    return folder


def build(tree: Path) -> Path:
    """Build the core in a tree, unless it is built."""
    if not list((tree / "src" / "dcmturbo").glob("_core*.so")):
        if importlib.util.find_spec("pybind11") is None or importlib.util.find_spec("setuptools") is None:
            raise SystemExit("what builds the core is not installed: pip install 'setuptools>=77' 'pybind11>=2.13'")
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{tree} does not build:\n{done.stderr[-2000:]}")
    return tree


# ---- measuring --------------------------------------------------------------------------------------


class Served:
    """A process with one build."""

    def __init__(self, tree: Path, pickled: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONHASHSEED": "0"}
        environment.pop("DCMTURBO_ISA", None)
        command = [sys.executable, str(DRIVER), str(pickled), "serve"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        module = self.process.stdout.readline().strip()
        if not module.startswith(str(tree)):
            raise SystemExit(f"{tree} was to be measured, and {module} was imported")

    def seconds(self, name: str) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def time_both(trees: tuple[Path, Path], given: dict[str, Any], rounds: int) -> dict[str, float]:
    """Return the candidate's median time over the other's, by work: the median of all parts."""
    ratios: dict[str, list[float]] = {name: [] for name in given}
    with tempfile.NamedTemporaryFile() as file:
        file.write(pickle.dumps(given))
        file.flush()
        for part in range(_PARTS):
            # The one that begins first, another one each time.
            begun = [Served(tree, Path(file.name)) for tree in trees[:: -1 if part % 2 else 1]]
            pair = begun[:: -1 if part % 2 else 1]
            try:
                for name in given:
                    times: tuple[list[float], list[float]] = ([], [])
                    for _ in range(3):  # warm
                        for one in begun:
                            one.seconds(name)
                    for done in range(-(-rounds // _PARTS)):
                        for k in (0, 1) if done % 2 else (1, 0):
                            times[k].append(pair[k].seconds(name))
                    ratios[name].append(median(times[1]) / median(times[0]))
            finally:
                for one in pair:
                    one.close()
    return {name: median(found) for name, found in ratios.items()}


def instructions(trees: tuple[Path, Path], given: dict[str, Any]) -> dict[str, tuple[str, float]]:
    """Return the codec's function and the candidate's instructions over the other's, by work."""
    other, candidate = (callgrind.count(tree, given) for tree in trees)
    found = {}
    for name in given:
        try:
            (function, count), (_, before) = candidate[name].codec, other[name].codec
        except LookupError:  # a library did it in one of the commits: there is nothing to compare
            continue
        found[name] = (function.partition("(")[0], count / before)
    return found


def slower(ratios: dict[str, float], most: float) -> list[str]:
    """Return the works that are slower than they may be."""
    return [name for name, ratio in ratios.items() if ratio > most]


def judge_times(trees: tuple[Path, Path], names: list[str], rounds: int) -> dict[str, Any]:
    """Measure a wheel and a build by time alone: another compiler's instructions cannot be compared."""
    times = time_both(trees, works(names), rounds)
    mean = statistics.geometric_mean(times.values())
    return {
        "works": {name: {"time": time} for name, time in times.items()},
        "geometric mean": mean,
        "more time": ["geometric mean"] if mean > MOST_TIME_OF_WHEEL else [],
    }


def judge(trees: tuple[Path, Path], names: list[str], rounds: int) -> dict[str, Any]:
    """Measure two builds; what seems slower, twice."""
    given = works(names)
    first = instructions(trees, given)
    left_out = [name for name in given if name not in first]
    given = {name: given[name] for name in first}
    counts = {name: ratio for name, (_, ratio) in first.items()}
    more = slower(counts, MOST_INSTRUCTIONS)
    if more:
        again = instructions(trees, {name: given[name] for name in more})
        more = slower({name: ratio for name, (_, ratio) in again.items()}, MOST_INSTRUCTIONS)
    times = time_both(trees, given, rounds)
    longer = slower(times, MOST_TIME)
    confirmed = time_both(trees, {name: given[name] for name in longer}, rounds) if longer else {}
    return {
        "works": {
            name: {"function": first[name][0], "instructions": counts[name], "time": times[name]}
            | ({"time again": confirmed[name]} if name in confirmed else {})
            for name in given
        },
        "not in both": left_out,
        "more instructions": more,
        "more time": slower(confirmed, MOST_TIME),
    }


def main() -> int:
    """Check, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, metavar="COMMIT", help="what the candidate is compared with")
    parser.add_argument("--candidate", default="HEAD", metavar="WHAT", help="a commit, folder or wheel (default: HEAD)")
    parser.add_argument("--work", action="append", choices=list(WORKS), help="only this; may be repeated")
    parser.add_argument("--rounds", type=int, default=101, help="at least 101 (default %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the builds here, and use those that are")
    parser.add_argument("--records", action="store_true", help="list the committed records, which are not judged")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if arguments.rounds < 101:
        parser.error("fewer than 101 rounds tell a difference of 6 % from none too rarely")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        trees = []
        for role, what in (("other", arguments.against), ("candidate", arguments.candidate)):
            if role == "candidate" and Path(what).is_dir():
                trees.append(build(Path(what).resolve()))
                continue
            if role == "candidate" and what.endswith(".whl"):
                trees.append(build(unpack(Path(what), Path(scratch).resolve() / "wheel")))
                continue
            command = ["git", "rev-parse", "--verify", "--short=12", f"{what}^{{commit}}"]
            asked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
            if asked.returncode:
                parser.error(f"{what} is no commit of {REPOSITORY}")
            commit = asked.stdout.strip()
            place = folder.resolve() / f"{role:9}".replace(" ", "_") / commit
            trees.append(build(place if place.is_dir() else export(commit, place)))
        is_wheel = arguments.candidate.endswith(".whl")
        judging = judge_times if is_wheel else judge
        found = judging((trees[0], trees[1]), arguments.work or list(WORKS), arguments.rounds)
    failed = bool(found.get("more instructions") or found["more time"])
    if arguments.json:
        print(json.dumps(found | {"passed": not failed}, indent=1))
        return int(failed)
    for name, one in found["works"].items():
        again = f", again {one['time again']:.3f}" if "time again" in one else ""
        count = f"instructions {one['instructions']:.4f}  " if "instructions" in one else ""
        print(f"{name:45} {count}time {one['time']:.3f}{again}  {one.get('function', '')}".rstrip())
    if "geometric mean" in found:
        print(f"{'geometric mean':45} time {found['geometric mean']:.3f}")
    for name in found.get("not in both", ()):
        print(f"not compared: {name}: one of the two commits has no codec of its own for it")
    for name in found.get("more instructions", ()):
        print(f"FAILED: {name}: more than {MOST_INSTRUCTIONS - 1:.0%} more instructions")
    for name in found["more time"]:
        most = f"{MOST_TIME_OF_WHEEL - 1:.0%} more time" if is_wheel else f"{MOST_TIME - 1:.0%} more time, twice"
        print(f"FAILED: {name}: more than {most}")
    if arguments.records:
        import report

        print(report.records_table())
    print("slower" if failed else "not slower")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
