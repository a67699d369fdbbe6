"""CPython's headers, of every version that wheels are built for.

They do not depend on the platform, but for pyconfig.h, for which this folder has one of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def headers_of(python: str, work: Path) -> Path:
    """Return a folder with the headers of a Python version, without its own pyconfig.h.

    They are those of a Python on this machine (in PATH, or of pyenv), else of Debian's package ``libpythonX.Y-dev``.
    """
    version = python.rstrip("t")
    folder = work / "headers" / version
    if (folder / "pyconfig.h").is_file():
        return folder
    found = _of_this_machine(version) or _of_debian(version, work)
    if found is None:
        raise SystemExit(
            f"Python {version}: there are no headers. Install it (its Python.h is enough), or a Debian source that has "
            f"libpython{version}-dev"
        )
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(found, folder, ignore=shutil.ignore_patterns("pyconfig*.h", "internal"))
    shutil.copy(HERE / "pyconfig.h", folder / "pyconfig.h")
    return folder


def _of_this_machine(version: str) -> Path | None:
    candidates = [shutil.which(f"python{version}"), shutil.which("python3")]
    candidates += sorted(str(p) for p in Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    program = "import sys, sysconfig; print('%d.%d' % sys.version_info[:2], sysconfig.get_path('include'), sep='\\n')"
    for candidate in filter(None, candidates):
        done = subprocess.run([candidate, "-c", program], capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        if done.returncode == 0 and lines[0] == version and Path(lines[1], "Python.h").is_file():
            return Path(lines[1])
    return None


def _of_debian(version: str, work: Path) -> Path | None:
    folder = work / "debian" / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for suite in ("", "trixie", "forky", "sid"):
        options = _options_of(suite, work) if suite else []
        name = f"libpython{version}-dev"
        if subprocess.run(["apt-get", *options, "download", name], cwd=folder, capture_output=True).returncode == 0:
            package = next(folder.glob("*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
            return folder / "usr" / "include" / f"python{version}"
    return None


def _options_of(suite: str, work: Path) -> list[str]:
    """Return options of apt-get for a suite of its own, which the machine's own sources do not have."""
    state = work / "apt" / suite
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    sources = state / "sources.list"
    options = ["-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}/cache"]
    options += [
        "-o",
        f"Dir::Etc::SourceList={sources}",
        "-o",
        "Dir::Etc::SourceParts=-",
        "-o",
        "APT::Sandbox::User=root",
    ]
    if not sources.is_file():
        sources.write_text(f"deb http://deb.debian.org/debian {suite} main\n")
        subprocess.run(["apt-get", *options, "update", "-qq"], check=False, capture_output=True)
    return options
