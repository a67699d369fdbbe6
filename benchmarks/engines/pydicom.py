"""pydicom with the quickest of its plugins: ``pydicom.pixels``, dcmturbo not being registered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
from measure import seconds

from engines import Work

NAME = PACKAGE = MODULE = "pydicom"


def _quickest_plugin(work: Work) -> str:
    """Return the plugin that decodes the first frame in the least time: pydicom takes the first in its own order."""
    from pydicom import uid
    from pydicom.pixels import get_decoder, pixel_array

    try:
        decoder = get_decoder(getattr(uid, work.keyword))
    except NotImplementedError as error:
        raise NotImplementedError("it does not know the transfer syntax") from error
    if not decoder.is_encapsulated:
        return ""
    taken: dict[str, float] = {}
    for name in decoder.available_plugins:
        if name != "dcmturbo":
            with contextlib.suppress(Exception):
                taken[name] = min(
                    seconds(lambda n=name: pixel_array(work.path, index=0, decoding_plugin=n)) for _ in "123"
                )
    if not taken:
        raise NotImplementedError("no plugin of this transfer syntax is installed that decodes the file")
    return min(taken, key=taken.__getitem__)


def path(work: Work) -> Callable[[], np.ndarray]:
    from pydicom.pixels import pixel_array

    plugin = _quickest_plugin(work)
    return lambda: pixel_array(work.path, decoding_plugin=plugin)


def series(work: Work) -> Callable[[], np.ndarray]:
    from pydicom.pixels import pixel_array

    plugin = _quickest_plugin(work)
    return lambda: np.stack([pixel_array(path, decoding_plugin=plugin) for path in work.paths])


def access(work: Work) -> Callable[[], np.ndarray]:
    from pydicom.pixels import pixel_array

    plugin = _quickest_plugin(work)
    return lambda: pixel_array(work.path, index=work.frame, decoding_plugin=plugin)


def transcode(work: Work) -> Callable[[], object]:
    import pydicom

    plugin = _quickest_plugin(work)
    target = work.path.with_suffix(".transcoded")

    def transcode() -> None:
        ds = pydicom.dcmread(work.path)
        ds.decompress(generate_instance_uid=False, decoding_plugin=plugin)
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        ds.save_as(target)

    return transcode
