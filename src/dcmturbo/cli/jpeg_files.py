"""JPEG files as the frames of a DICOM object, without decoding them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dcmturbo as dt
from dcmturbo.cli.read_pixels import Pixels
from dcmturbo.deidentification.codestream_texts import clean_codestreams
from dcmturbo.formats.syntaxes import TransferSyntax

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["keeps_jpeg", "with_jpeg_frames"]

_BASELINE = 0  # the process of SOF0


def keeps_jpeg(syntax: TransferSyntax) -> bool:
    """Return whether a transfer syntax can hold the bits of JPEG files, and nothing else without loss."""
    return syntax.keyword in ("JPEGBaseline8Bit", "JPEGXLJPEGRecompression")


def with_jpeg_frames(dataset: Dataset, parts: Sequence[Pixels], paths: Sequence[str]) -> bytes:
    """Return a file of a dataset, in JPEG Baseline, whose frames are JPEG files without their metadata.

    Parameters
    ----------
    dataset : Dataset
        The object, with the pixels of the files.
    parts : sequence of Pixels
        What the files hold.
    paths : sequence of str
        The files.

    Raises
    ------
    ValueError
        If the bits of a file cannot be those of a frame.
    """
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    frames, meanings = [], set()
    for part, path in zip(parts, paths, strict=True):
        frame = Path(path).read_bytes()
        header = _header_of(frame, part, path)
        frames.append(frame)
        meanings.add((header.colour, header.subsampled) if part.samples == 3 else None)
    if len(meanings) > 1:
        raise ValueError("the JPEG files differ in their colour model or its sampling, but frames of one object do not")
    if (meaning := meanings.pop()) is not None:
        colour, subsampled = meaning
        ycbcr = "YBR_FULL_422" if subsampled else "YBR_FULL"
        dataset.PhotometricInterpretation = "RGB" if colour == "rgb" else ycbcr
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return clean_codestreams(buffer.getvalue())


def _header_of(frame: bytes, part: Pixels, path: str) -> Any:
    """Return the header of a JPEG file; raise an error if its bits cannot be those of a frame."""
    instead = "use another transfer syntax, such as JPEGLSLossless, which keeps its pixels"
    if frame[:2] != b"\xff\xd8":
        raise ValueError(f"{path} is not a JPEG file, and JPEG would lose some of its pixels: {instead}")
    header = dt.probe(frame)
    if header.format != "jpeg" or header.parameters.get("process") != _BASELINE or header.precision != 8:
        raise ValueError(f"{path} is a JPEG file, but not a baseline one, so its bits cannot be kept: {instead}")
    if part.turned:
        raise ValueError(f"the EXIF data of {path} say that it is to be turned, which its bits cannot be: {instead}")
    return header
