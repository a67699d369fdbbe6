"""Label images as segmentation objects: highdicom makes the object, the core encodes its frames."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dcmturbo.destinations.destination import new_file
from dcmturbo.encoding import encode_frame
from dcmturbo.errors import EncodeError
from dcmturbo.formats.names import name_transfer_syntax

__all__ = ["write_segmentation"]


def write_segmentation(
    labels: np.ndarray,
    source_images: Sequence[Any],
    segment_descriptions: Sequence[Any],
    destination: Any,
    *,
    transfer_syntax: str | None = None,
    kind: str = "BINARY",
    **options: Any,
) -> Any:
    """Write a label image or masks as a segmentation object.

    Parameters
    ----------
    labels : numpy.ndarray
        (planes, rows, columns) with numbers of segments, or (planes, rows, columns, segments) with masks or fractions,
        in the order of `source_images`.
    source_images : sequence of pydicom.Dataset
        The images that were segmented.
    segment_descriptions : sequence of highdicom.seg.SegmentDescription
        What the segments are.
    destination : path, fsspec URL or OpenFile, or writable binary file object
        Where to write. A file gets its name when it is complete, and replaces an existing one in one step.
    transfer_syntax : str, optional
        UID or keyword, such as ``"RLELossless"`` or ``"JPEGLSLossless"``; uncompressed by default. Frames of single
        bits (BINARY) can only be uncompressed here.
    kind : {"BINARY", "FRACTIONAL", "LABELMAP"}
        SegmentationType.
    **options
        Further arguments of ``highdicom.seg.Segmentation``, such as ``series_instance_uid``, ``manufacturer`` or
        ``device_serial_number``. Those that it needs and that are missing get values that name dcmturbo.

    Returns
    -------
    highdicom.seg.Segmentation
        The object that was written.

    Raises
    ------
    ImportError
        If highdicom is not installed.
    EncodeError
        If the transfer syntax cannot hold such frames.
    """
    import highdicom
    import pydicom
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, ExplicitVRLittleEndian

    defaults: Mapping[str, Any] = {
        "series_instance_uid": highdicom.UID(),
        "series_number": 1,
        "sop_instance_uid": highdicom.UID(),
        "instance_number": 1,
        "manufacturer": "dcmturbo",
        "manufacturer_model_name": "dcmturbo",
        "software_versions": "1",
        "device_serial_number": "1",
    }
    made = highdicom.seg.Segmentation(
        source_images=source_images,
        pixel_array=labels,
        segmentation_type=kind,
        segment_descriptions=segment_descriptions,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **{**defaults, **options},
    )
    if transfer_syntax is not None:
        syntax = name_transfer_syntax(transfer_syntax)
        if syntax.encapsulated:
            if made.BitsAllocated == 1:
                raise EncodeError(f"frames of single bits cannot be encoded in {syntax.name}: use kind='LABELMAP'")
            made.PixelData = encapsulate(_encoded(made, syntax.uid))
            made["PixelData"].VR = "OB"
            made["PixelData"].is_undefined_length = True
        made.file_meta.TransferSyntaxUID = UID(syntax.uid)
    file = io.BytesIO()
    pydicom.dcmwrite(file, made, enforce_file_format=True)
    with new_file(destination) as target:
        target.write(file.getbuffer())
    return made


def _encoded(made: Any, uid: str) -> list[bytes]:
    cell = np.dtype(f"<u{made.BitsAllocated // 8}")
    count = int(made.NumberOfFrames)
    frames = np.frombuffer(made.PixelData, cell, count * made.Rows * made.Columns).reshape(count, made.Rows, -1)
    return [
        encode_frame(frame, uid, bits_allocated=made.BitsAllocated, bits_stored=made.BitsStored) for frame in frames
    ]
