"""Whether small frames that are decoded by eight Python threads scale as a control does: for a Python without a GIL.

    python benchmarks/free_threads.py [--threads 8] [--rounds 7]

Each thread calls `decode_frame` with `threads=1`. The control hashes 16 KB in each call. `hashlib` needs no GIL for so
much, so that its scaling is the machine's own. Rounds with one thread and with several follow one another in turn.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
from measure import seconds, together

import dcmturbo as dt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    built = "without" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with"
    print(f"Python {sys.version.split()[0]}, built {built} a GIL, which is now {'on' if gil else 'off'}")
    works: dict[str, Callable[[], Callable[[], object]]] = {"control": hashing}
    for keyword in ("RLELossless", "JPEG2000Lossless", "JPEGLSLossless", "HTJ2KLossless"):
        for side in (64, 256):
            works[f"{keyword} {side}x{side}"] = partial(decoding, keyword, side)
    of_control = 0.0
    for name, work in works.items():
        found = scaling(work, arguments.threads, arguments.rounds)
        of_control = of_control or found
        print(f"{name:28} {arguments.threads} threads: {found:.2f} times one, {found / of_control:.2f} of the control")


# Each thread makes a function of its own: without a GIL, threads that read one variable of a closure, or one dict of
# keywords, wait for one another.
def hashing() -> Callable[[], object]:
    data = bytes(16384)
    return lambda: hashlib.sha256(data).digest()


def decoding(keyword: str, side: int) -> Callable[[], object]:
    steps = np.random.default_rng(1).integers(-9, 10, (side, side))
    array = np.cumsum(steps, 1).astype(np.int16)
    frame = dt.encode_frame(array, keyword)
    return lambda: dt.decode_frame(
        frame, keyword, rows=side, columns=side, bits_allocated=16, pixel_representation=1, threads=1
    )


def scaling(make: Callable[[], Callable[[], object]], threads: int, rounds: int) -> float:
    """Return the median of calls in a second by several threads over those by one."""
    work = make()
    work()
    calls = max(threads, int(0.2 / seconds(work)) // threads * threads)
    ratios = []
    for _ in range(rounds):
        one = together([partial(repeated, make, calls)])
        ratios.append(one / together([partial(repeated, make, calls // threads)] * threads))
    return median(ratios)


def repeated(make: Callable[[], Callable[[], object]], calls: int) -> Callable[[], object]:
    work = make()

    def run() -> None:
        for _ in range(calls):
            work()

    return run


if __name__ == "__main__":
    main()
