"""OpenJPH makes its tables at the first use: no second thread may come meanwhile."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dcmturbo.formats.library import openjph


class Library:
    """An `imagecodecs` that notes who is in it."""

    def __init__(self):
        self.inside = set()
        self.uses = []

    def htj2k_encode(self, samples, level=None, *, rgb, planar, reversible):
        self._use(("encode", samples.ndim, reversible))
        return b""

    def htj2k_decode(self, data, *, planar):
        self._use(("decode",))

    def _use(self, what):
        self.inside.add(threading.get_ident())
        time.sleep(0.002)  # a second thread would come in here
        assert self.inside == {threading.get_ident()}
        self.inside.clear()
        self.uses.append(what)


def test_one_thread_uses_it_once_before_others_get_it(monkeypatch):
    library = Library()
    monkeypatch.setattr(openjph, "load_imagecodecs", lambda: library)
    monkeypatch.setattr(openjph, "_ready", False)
    uses_at_return = []

    def first_use(_):
        assert openjph.load_openjph() is library
        uses_at_return.append(len(library.uses))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(first_use, range(4)))
    encodings = {use[1:] for use in library.uses if use[0] == "encode"}
    assert encodings == {(2, True), (2, False), (3, True), (3, False)}
    assert library.uses.count(("decode",)) == 4
    assert uses_at_return == [8] * 4


# Two threads that meet by chance show a race once in a hundred processes. So: whatever the library keeps for the
# process has been made when `load_openjph` returns, and no use of any kind writes to it again.
_WATCH = """
import ctypes, itertools, struct, sys
import numpy as np
import imagecodecs._htj2k
from dcmturbo.formats.library.openjph import load_openjph

mapped = [line.split() for line in open("/proc/self/maps") if "/libopenjph" in line]
if not mapped:
    sys.exit(3)
base, path = int(mapped[0][0].split("-")[0], 16), mapped[0][-1]
head = open(path, "rb").read(4096)
(at,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<HH", head, 54)
loaded = []  # writable segments (PT_LOAD, PF_W), with what the file does not hold: .bss
for i in range(count):
    kind, flags, _, address, _, _, length, _ = struct.unpack_from("<IIQQQQQQ", head, at + i * size)
    if kind == 1 and flags & 2:
        loaded.append((base + address, length))

def state():
    return b"".join(ctypes.string_at(address, length) for address, length in loaded)

cold = state()
library = load_openjph()
warm = state()
assert warm != cold
random = np.random.default_rng(1)
shapes = (1, 1), (3, 200), (130, 70), (64, 64, 3), (70, 70, 4)
for dtype, shape, step in itertools.product(("u1", "i1", "u2", "i2", "u4", "i4"), shapes, (None, 0.001, 0.1)):
    bits = min(25, 8 * np.dtype(dtype).itemsize - (dtype[0] == "i"))
    samples = random.integers(0, 1 << bits, shape).astype(dtype)
    for rgb in {False, shape[2:] == (3,)}:
        data = library.htj2k_encode(samples, step, rgb=rgb, planar=False, reversible=step is None)
        library.htj2k_decode(data, planar=False)
changed = [i for i, (before, after) in enumerate(zip(warm, state())) if before != after]
assert not changed, changed
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_nothing_is_made_later():
    run = subprocess.run([sys.executable, "-c", _WATCH], capture_output=True, text=True, check=False)
    if run.returncode == 3:
        pytest.skip("OpenJPH is not a shared library of its own here")
    assert run.returncode == 0, run.stderr
