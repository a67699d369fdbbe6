"""Codecs of zarr and numcodecs for chunks that are encoded DICOM frames, so that arrays can refer to files (kerchunk).

The entry points of the package register both, so that importing dcmturbo is not needed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from dcmturbo.decoding import decode_frame

__all__ = ["CODEC_NAME", "FrameCodec", "NumcodecsFrame"]

CODEC_NAME = "dcmturbo.frame"

try:
    from numcodecs.abc import Codec
    from zarr.abc.codec import ArrayBytesCodec
except ImportError:
    raise ImportError("codecs for zarr need zarr 3: pip install zarr") from None


def _decoded(data: Any, options: dict[str, Any]) -> np.ndarray:
    arguments = dict(options)
    return decode_frame(bytes(data), arguments.pop("transfer_syntax"), **arguments)


def _refuse() -> Any:
    raise NotImplementedError("dcmturbo.frame only decodes: write DICOM objects with dcmturbo.encode_frame")


class FrameCodec(ArrayBytesCodec):  # type: ignore[misc, unused-ignore]
    """A codec of zarr v3: a chunk is an encoded frame.

    Parameters
    ----------
    **options
        ``transfer_syntax`` and the attributes, as `dcmturbo.decode_frame` takes them.
    """

    is_fixed_size = False

    def __init__(self, **options: Any) -> None:
        self.options = options

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> FrameCodec:
        """Make the codec that the metadata of an array describe."""
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        """Return what stands in the metadata of an array."""
        return {"name": CODEC_NAME, "configuration": dict(self.options)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrameCodec) and other.options == self.options

    def __hash__(self) -> int:
        return hash(tuple(self.options.items()))

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Refuse: encoded frames have any size."""
        return int(_refuse())

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        pixels = await asyncio.to_thread(_decoded, chunk_bytes.to_bytes(), self.options)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(pixels.reshape(chunk_spec.shape))

    async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        _refuse()


class NumcodecsFrame(Codec):  # type: ignore[misc, unused-ignore]
    """A codec of numcodecs, for arrays of zarr v2: the "compressor" of a chunk that is an encoded frame."""

    codec_id = CODEC_NAME

    def __init__(self, **options: Any) -> None:
        self.options = options

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a frame."""
        pixels = _decoded(buf, self.options)
        if out is None:
            return pixels
        np.copyto(np.asarray(out).view(pixels.dtype).reshape(pixels.shape), pixels)
        return out

    def encode(self, buf: Any) -> Any:
        """Refuse: it only decodes."""
        return _refuse()

    def get_config(self) -> dict[str, Any]:
        """Return what stands in the metadata of an array."""
        return {"id": self.codec_id, **self.options}
