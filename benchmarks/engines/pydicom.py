"""pydicom with the plugin that it takes by itself: ``pydicom.pixels``, dcmturbo not being registered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines import Work

NAME = PACKAGE = MODULE = "pydicom"


def _decodes(work: Work) -> None:
    from pydicom import uid
    from pydicom.pixels import get_decoder

    try:
        decoder = get_decoder(getattr(uid, work.keyword))
    except NotImplementedError as error:
        raise NotImplementedError("it does not know the transfer syntax") from error
    if decoder.is_encapsulated and not [name for name in decoder.available_plugins if name != "dcmturbo"]:
        raise NotImplementedError("no plugin of this transfer syntax is installed")


def path(work: Work) -> Callable[[], np.ndarray]:
    from pydicom.pixels import pixel_array

    _decodes(work)
    return lambda: pixel_array(work.path)


def series(work: Work) -> Callable[[], np.ndarray]:
    from pydicom.pixels import pixel_array

    _decodes(work)
    return lambda: np.stack([pixel_array(path) for path in work.paths])


def access(work: Work) -> Callable[[], np.ndarray]:
    from pydicom.pixels import pixel_array

    _decodes(work)
    return lambda: pixel_array(work.path, index=work.frame)


def transcode(work: Work) -> Callable[[], object]:
    import pydicom

    _decodes(work)
    target = work.path.with_suffix(".transcoded")

    def transcode() -> None:
        ds = pydicom.dcmread(work.path)
        ds.decompress(generate_instance_uid=False)
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        ds.save_as(target)

    return transcode
