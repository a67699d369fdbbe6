"""Fixtures of all tests: the conformance corpus, and settings that no test leaves behind."""

import re
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from helpers.corpus import Corpus, corpus_folder
from helpers.markers import markers_of

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.configuration import DECODE_OPTIONS

# A shell that starts a test run behind "&" has it ignore Ctrl-C, and all commands that the tests start inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by the folder that it is in."""
    for name in markers_of(item.path):
        item.add_marker(name)


# What a test may use and Windows does not have.
_POSIX = re.compile(
    r"\b(resource|pwd|termios|fcntl|fork|mkfifo|killpg|getuid|geteuid|getgid|pwritev|sync|sysconf|SIGALRM|SIGKILL|SIGUSR1|"
    r"setitimer|pthread_sigmask|AF_UNIX|send_fds|chown|setxattr|listxattr|openpty|getpgid|WNOHANG|SIGSTOP)\b"
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Skip a test that itself uses what Windows does not have, or that needs imagecodecs where it has no wheel."""
    report = yield
    error = call.excinfo
    if error is None or not error.errisinstance((AttributeError, ModuleNotFoundError)):
        return report
    place = error.traceback[-1]
    if getattr(error.value, "name", "") == "imagecodecs":
        missing = "imagecodecs is not installed"
    elif sys.platform == "win32" and Path(place.path).is_relative_to(Path(__file__).parent):
        found = _POSIX.search(error.exconly().split("Did you mean")[0])
        missing = f"Windows has no {found[1]}" if found else ""
    else:
        missing = ""
    if missing:
        report.outcome = "skipped"
        report.longrepr = (str(place.path), place.lineno + 1, missing)
    return report


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    folder = corpus_folder()
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no conformance corpus at {folder} (set DCMTURBO_CORPUS)")
    return Corpus(folder)


@pytest.fixture(autouse=True)
def same_settings_after_each_test():
    places = [(dt.config.limits, n) for n in ("max_pixels", "max_output", "max_scratch", "max_inflated", "max_cached")]
    places += [(dt.config, n) for n in ("isa", "prefer", "memory_map", *DECODE_OPTIONS)]
    before = [getattr(*place) for place in places]
    threads = _core.get_settings()["threads"]
    yield
    for place, value in zip(places, before, strict=True):
        setattr(*place, value)
    dt.config.threads = threads or None
