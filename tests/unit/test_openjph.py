"""OpenJPH makes its tables at the first use: no second thread may come meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from dcmturbo.library import openjph


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
