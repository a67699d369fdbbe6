#!/usr/bin/env python3
"""Run the test suites of pydicom and highdicom without and with `dcmturbo.register()`, and compare.

No test that passes without dcmturbo may fail with it, but for those in host_suites_expected.txt, each with its reason.
The suites come from the source distributions: the wheels hold no tests. They run in an environment of their own,
which sees the dcmturbo that this Python imports.

    python scripts/host_suites.py --jobs 2

Highdicom's source distribution lacks its data, which most of its tests need. A CT of pydicom stands in for one.
Give a checkout's `data` folder with --highdicom-data to run all. Of pydicom's suite, what needs data that neither
pydicom-data nor the network has fails in both runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

# Name, version, and how many tests have to pass without dcmturbo: fewer show that the environment is broken.
SUITES = {"pydicom": ("3.0.2", 3500), "highdicom": ("0.28.2", 300)}
# Where pydicom's tests of pixel data are, for --pixels, and how many of them have to pass.
PIXELS = {
    "pydicom": (("tests/pixels", "tests/test_encaps.py", "tests/test_dataset.py", "tests/test_handler_util.py"), 1200)
}
PACKAGES = (
    *("numpy", "pydicom-data", "pylibjpeg[openjpeg,rle]", "python-gdcm", "pyjpegls", "pillow"),
    *("imagecodecs>=2026.3.6", "rich", "pytest", "pytest-xdist"),
)
EXPECTED = Path(__file__).with_name("host_suites_expected.txt")

# The plugin for pytest that makes the difference, and one for both runs: without a network, pydicom would wait 21
# seconds for each of its data files that pydicom-data lacks.
PLUGINS = {
    "host_suite_registered": "import dcmturbo\n\ndcmturbo.register()\n",
    "host_suite_impatient": (
        "import types\n\nimport pydicom.data.retry\n\n"
        "pydicom.data.retry.time = types.SimpleNamespace(sleep=lambda seconds: None)\n"
    ),
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, help="a folder for everything, kept for the next time")
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--jobs", type=int, default=2, help="processes for each suite (default: 2)")
    parser.add_argument("--pixels", action="store_true", help="of pydicom, only the tests that are about pixel data")
    parser.add_argument("--highdicom-data", type=Path, metavar="FOLDER", help="`data` of a checkout of highdicom")
    parser.add_argument("--also", nargs="+", default=[], metavar="PACKAGE", help="further packages to install")
    return parser.parse_args()


def prepare(work: Path, packages: list[str]) -> Path:
    """Make the environment; return its Python."""
    python = work / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(work / "venv", with_pip=True)
    hosts = [f"{name}=={version}" for name, (version, _) in SUITES.items()]
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, *hosts, *PACKAGES, *packages], check=True)
    plugins = work / "plugins"
    plugins.mkdir(exist_ok=True)
    for name, text in PLUGINS.items():
        (plugins / f"{name}.py").write_text(text)
    import dcmturbo

    # A link to the package alone: what else lies beside it belongs to another environment.
    link = plugins / "dcmturbo"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(dcmturbo.__file__).parent)
    return python


def unpacked(work: Path, python: Path, name: str) -> Path:
    """Return the folder of a source distribution."""
    version = SUITES[name][0]
    folder = work / f"{name}-{version}"
    if not folder.exists():
        download = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--disable-pip-version-check"]
        subprocess.run([python, "-m", "pip", *download, "-d", work, f"{name}=={version}"], check=True)
        with tarfile.open(next(work.glob(f"{name}-{version}.tar.*"))) as archive:
            archive.extractall(work, filter="data")
    return folder


def give_data(folder: Path, python: Path, data: Path | None) -> None:
    """Put highdicom's data where its tests look for them."""
    if data is not None:
        shutil.copytree(data, folder / "data", dirs_exist_ok=True)
        return
    locate = "from pydicom.data import get_testdata_file as get; print(get('CT_small.dcm'))"
    found = subprocess.run([python, "-c", locate], check=True, capture_output=True, text=True).stdout.strip()
    (folder / "data" / "test_files").mkdir(parents=True, exist_ok=True)
    shutil.copy(found, folder / "data" / "test_files" / "ct_image.dcm")


def run(
    work: Path, python: Path, folder: Path, tests: tuple[str, ...], jobs: int, *, registered: bool
) -> dict[str, str]:
    """Run a suite; return how each test ended."""
    report = work / f"{folder.name}-{'with' if registered else 'without'}.xml"
    report.unlink(missing_ok=True)
    home = work / "home"  # pydicom keeps what it downloads there
    home.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HOME": str(home),
        "PYTHONPATH": str(work / "plugins"),
        "PYTHONHASHSEED": "0",  # parameters of some tests come from sets: each process has to collect the same
    }
    options = ["-q", "-n", str(jobs), "-p", "no:cacheprovider", "-p", "host_suite_impatient", f"--junitxml={report}"]
    if registered:
        options += ["-p", "host_suite_registered"]
    with open(report.with_suffix(".log"), "w") as log:
        subprocess.run([python, "-m", "pytest", *options, *tests], cwd=folder, env=environment, stdout=log, stderr=log)
    if not report.exists():
        sys.exit(f"the tests of {folder.name} did not run: see {report.with_suffix('.log')}")
    ends: dict[str, str] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        end = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        name = f"{case.get('classname')}::{case.get('name')}"
        ends[name] = end if ends.get(name, "passed") == "passed" else ends[name]
    return ends


def expected(suite: str) -> dict[str, str]:
    """Return the tests of a suite that may fail, and why."""
    reasons: dict[str, str] = {}
    for line in EXPECTED.read_text().splitlines():
        if line and not line.startswith("#"):
            name, test, reason = (part.strip() for part in line.split("|", 2))
            if name == suite:
                reasons[test] = reason
    return reasons


def compare(suite: str, least: int, without: dict[str, str], with_us: dict[str, str]) -> list[str]:
    """Print the outcome of a suite; return what is wrong."""
    passed = [name for name, end in without.items() if end == "passed"]
    newly = [name for name in passed if with_us.get(name) != "passed"]
    reasons = expected(suite)
    count = sum(end == "passed" for end in with_us.values())
    print(f"{suite} {SUITES[suite][0]}: {len(passed)} pass without dcmturbo, {count} with it")
    for name in newly:
        if name in reasons:
            print(f"  expected: {name}: {reasons[name]}")
    wrong = [f"{name} passes without dcmturbo only" for name in newly if name not in reasons]
    wrong += [f"{name} passes: take it off the list" for name in reasons if with_us.get(name) == "passed"]
    if len(passed) < least:
        wrong.append(f"only {len(passed)} tests of {suite} pass without dcmturbo: the environment is broken")
    return wrong


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        python = prepare(work, arguments.also)
        wrong: list[str] = []
        for suite in arguments.suites:
            folder = unpacked(work, python, suite)
            if suite == "highdicom":
                give_data(folder, python, arguments.highdicom_data)
            begin = time.monotonic()
            tests, least = PIXELS[suite] if arguments.pixels and suite in PIXELS else (("tests",), SUITES[suite][1])
            without = run(work, python, folder, tests, arguments.jobs, registered=False)
            with_us = run(work, python, folder, tests, arguments.jobs, registered=True)
            wrong += compare(suite, least, without, with_us)
            print(f"  {time.monotonic() - begin:.0f} s")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
