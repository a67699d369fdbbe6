"""Encoding of frames: `encode_frame`."""

from __future__ import annotations

import operator
import textwrap
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from dcmturbo import _core
from dcmturbo.configuration import resolve_threads
from dcmturbo.errors import EncodeError, Error, UnsupportedTransferSyntax
from dcmturbo.formats import library
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.formats.options import check_library_options, options_by_format
from dcmturbo.formats.syntaxes import TransferSyntax

__all__ = ["can_encode", "encode_frame", "frame_encoder", "require_encoder"]


def encode_frame(
    array: np.ndarray | bytes,
    transfer_syntax: str,
    *,
    bits_allocated: int | None = None,
    bits_stored: int | None = None,
    photometric_interpretation: str | None = None,
    planar_configuration: int = 0,
    threads: int | None = 1,
    **options: Any,
) -> bytes:
    """Encode one frame.

    Parameters
    ----------
    array : numpy.ndarray
        Shape (rows, columns) or (rows, columns, samples), any strides; integers of 8 to 64 bits, bool, or (native only)
        float32 and float64. A signed dtype means PixelRepresentation 1.
    transfer_syntax : str
        UID, keyword as in ``pydicom.uid`` (``"RLELossless"``, ``"JPEGLosslessSV1"``, ``"HTJ2KLossless"``), or a short
        name of the command line such as ``"htj2k"``, which is lossless.
    bits_allocated : int, optional
        By default, the size of the array's items, or 1 for bool. 1 packs an array of 0 and 1.
    bits_stored : int, optional
        By default `bits_allocated`. Native and RLE keep the bits above it. Other formats refuse values that do not fit.
    photometric_interpretation : str, optional
        The value for the dataset; by default MONOCHROME2 or RGB. YBR_RCT and YBR_ICT apply the transform of that name
        to RGB input in JPEG 2000 and HTJ2K; RGB applies none.
    planar_configuration : int
        1 writes native frames with one plane per sample. Other formats have their own layout.
    threads : int, optional
        Workers; 1 by default, which makes no thread. JPEG Lossless and RLE share a large frame among them; the bytes
        are the same with any number.
    **options
        The options of the format: {options}.
        Encoding is lossless unless an option allows loss, except for 8- and 12-bit JPEG. ``docs/encoding.md`` has a
        table.

    Returns
    -------
    bytes
        The codestream without padding, so its length can be odd. If you put it into an item, add a zero byte to an odd
        length (PS3.5, A.4), as ``pydicom.encaps.encapsulate`` does. Native frames (PS3.5, 8.1.1 and 8.2) and RLE frames
        (PS3.5, G.3.1) always have an even length.

    Raises
    ------
    EncodeError
        If the format cannot store the array.
    UnsupportedTransferSyntax
        If dcmturbo cannot encode the transfer syntax.
    TypeError
        If the format does not have an option.
    """
    syntax = name_transfer_syntax(transfer_syntax)
    if syntax.made_from is not None and isinstance(array, (bytes, bytearray, memoryview)):
        return library.encode(array, syntax.uid, options=check_library_options(syntax.uid, options))
    frame = np.asarray(array)
    if frame.ndim not in (2, 3):
        raise EncodeError(f"expected a frame of shape (rows, columns) or (rows, columns, samples), found {frame.shape}")
    if frame.ndim == 3 and frame.shape[2] == 1:
        frame = frame[..., 0]
    if 0 in frame.shape:
        raise EncodeError(f"the frame is empty: its shape is {frame.shape}")
    if frame.dtype == bool:
        frame = frame.view(np.uint8)
        bits_allocated = 1 if bits_allocated is None else bits_allocated
    if frame.dtype.kind not in "iuf" or frame.dtype == np.float16:
        raise EncodeError(f"DICOM pixel data cannot store samples of dtype {frame.dtype}")
    frame = frame.astype(frame.dtype.newbyteorder("="), copy=False)
    workers = threads if threads == 1 else resolve_threads(threads)
    samples = 1 if frame.ndim == 2 else frame.shape[2]
    allocated = frame.dtype.itemsize * 8 if bits_allocated is None else bits_allocated
    if allocated != 1 and allocated != frame.dtype.itemsize * 8:
        raise EncodeError(
            f"BitsAllocated {allocated} cannot store samples of dtype {frame.dtype}: convert the array first"
        )
    if allocated == 1 and frame.dtype != np.uint8:
        raise EncodeError(f"BitsAllocated 1 needs an array of bool or uint8, found {frame.dtype}")
    if allocated == 1 and frame.max() > 1:
        raise EncodeError(f"BitsAllocated 1 can store 0 and 1 only, found {frame.max()}")
    stored = allocated if bits_stored is None else bits_stored
    for name, value, most in (("bits_stored", stored, 0xFFFF), ("planar_configuration", planar_configuration, 1)):
        if not 0 <= operator.index(value) <= most:
            raise EncodeError(f"{name} is {value}; expected 0 to {most}")
    photometric = photometric_interpretation or ("MONOCHROME2" if samples == 1 else "RGB")
    if not isinstance(photometric, str):
        raise TypeError(f"photometric_interpretation is {photometric!r}; expected a str")
    keyword = {"f4": "FloatPixelData", "f8": "DoubleFloatPixelData"}.get(frame.dtype.str[1:], "PixelData")
    if keyword != "PixelData" and not syntax.format.holds_float:
        raise EncodeError(f"{syntax.name} cannot store floating point samples")
    attributes = _core.Attributes(
        rows=frame.shape[0],
        columns=frame.shape[1],
        samples_per_pixel=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        pixel_representation=int(frame.dtype.kind == "i"),
        planar_configuration=planar_configuration if samples > 1 else 0,
        photometric_interpretation=photometric,
        keyword=keyword,
    )
    require_encoder(syntax)
    encoder = frame_encoder(syntax, stored, frame.dtype.kind == "i", photometric, options)
    try:
        return _core.encode_frames(syntax.uid, [frame], attributes, options=options, library=encoder, threads=workers)[
            0
        ]
    except EncodeError:
        raise
    except Error as error:
        raise EncodeError(error.message, code=error.code) from None


if encode_frame.__doc__:
    _names = textwrap.fill(f"The options of the format: {options_by_format()}.", 116, subsequent_indent=" " * 8)
    encode_frame.__doc__ = encode_frame.__doc__.replace("The options of the format: {options}.", _names)


def frame_encoder(
    syntax: TransferSyntax, bits_stored: int, is_signed: bool, photometric: str, options: dict[str, Any]
) -> Callable[[np.ndarray], bytes] | None:
    """Return the function of a library if that encodes the frame; None if the core does."""
    if syntax.encoder == "own":
        return None
    checked = check_library_options(syntax.uid, options)
    if syntax.format.is_deflated:
        return partial(library.deflate, options=checked)
    return partial(
        library.encode,
        transfer_syntax_uid=syntax.uid,
        bits_stored=bits_stored,
        pixel_representation=int(is_signed),
        photometric_interpretation=photometric,
        options=checked,
    )


def can_encode(syntax: TransferSyntax) -> bool:
    """Whether anything here encodes a transfer syntax."""
    return syntax.encodable


def require_encoder(syntax: TransferSyntax) -> None:
    """Raise UnsupportedTransferSyntax, with the reason, if dcmturbo cannot encode a transfer syntax."""
    if syntax.retired:
        raise UnsupportedTransferSyntax(
            f"{syntax.name} ({syntax.uid}) is retired (PS3.6, annex A): it is decoded, not encoded"
        )
    if not syntax.encodable:
        raise UnsupportedTransferSyntax(f"dcmturbo cannot encode {syntax.name} ({syntax.uid})")
