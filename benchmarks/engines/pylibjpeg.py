"""pylibjpeg's plugins by themselves: pylibjpeg-rle and pylibjpeg-openjpeg, one codestream a call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines import Work

NAME = PACKAGE = "pylibjpeg"
MODULE = "openjpeg"


def decode(work: Work) -> Callable[[], np.ndarray]:
    if work.keyword == "JPEG2000Lossless":
        import openjpeg

        return lambda: openjpeg.decode(work.codestream)
    if work.keyword == "RLELossless":
        from rle.utils import decode_frame

        # It returns bytes, planes after planes.
        def planes() -> np.ndarray:
            array = work.array
            data = decode_frame(work.codestream, array.shape[0] * array.shape[1], array.itemsize * 8, "<")
            cells = np.frombuffer(data, work.cells)
            return (
                cells.reshape(array.shape)
                if array.ndim == 2
                else np.moveaxis(cells.reshape(3, *array.shape[:2]), 0, -1)
            )

        return planes
    raise NotImplementedError("it has no permissively licensed decoder of this transfer syntax")


def encode(work: Work) -> Callable[[], bytes]:
    if work.keyword == "JPEG2000Lossless":
        import openjpeg
        from openjpeg.utils import PhotometricInterpretation

        # Without it, colours are coded without the transform that the other encoders apply.
        colour = PhotometricInterpretation.RGB if work.array.ndim == 3 else PhotometricInterpretation.MONOCHROME2
        bits = work.attributes["bits_stored"]
        return lambda: openjpeg.encode(work.array, bits_stored=bits, photometric_interpretation=colour)
    if work.keyword == "RLELossless":
        from rle.utils import encode_pixel_data

        source = work.array.tobytes()
        options = work.attributes | {"number_of_frames": 1}
        return lambda: encode_pixel_data(source, byteorder="<", **options)
    raise NotImplementedError("it has no encoder of this transfer syntax")
