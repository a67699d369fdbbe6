"""Segmentations, made for tests."""

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset

from helpers.items import item

SHAPE = (5, 9, 11)
POSITIONS = [(-3.0, 4.0, 10 + 2.5 * k) for k in range(SHAPE[0])]


def segmentation(frames, segment_of, plane_of, kind="BINARY", numbers=(1, 2), bits=None, shared_segment=None):
    """Return a segmentation; `frames` are arrays of its frames."""
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3"
    ds.SegmentationType, ds.NumberOfFrames = kind, len(frames)
    ds.Rows, ds.Columns = frames[0].shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated = ds.BitsStored = bits or (1 if kind == "BINARY" else 8)
    ds.HighBit = ds.BitsAllocated - 1
    if kind == "FRACTIONAL":
        ds.SegmentationFractionalType, ds.MaximumFractionalValue = "PROBABILITY", 200
    ds.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.2"
    ds.SegmentSequence = [
        item(SegmentNumber=n, SegmentLabel=f"part {n}", SegmentAlgorithmType="MANUAL") for n in numbers
    ]
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.7, 0.8], SliceThickness=2.5, SpacingBetweenSlices=2.5)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    )
    if shared_segment:
        shared.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=shared_segment)]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = []
    for segment, plane in zip(segment_of, plane_of, strict=True):
        group = item(
            PlanePositionSequence=[item(ImagePositionPatient=list(POSITIONS[plane]))],
            FrameContentSequence=[item(DimensionIndexValues=[max(segment, 1), plane + 1])],
            DerivationImageSequence=[item(SourceImageSequence=[item(ReferencedSOPInstanceUID=f"1.9.{plane}")])],
        )
        if kind != "LABELMAP" and not shared_segment:
            group.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=segment)]
        ds.PerFrameFunctionalGroupsSequence.append(group)
    stack = np.stack(frames)
    if ds.BitsAllocated == 1:
        data = np.packbits(stack.ravel(), bitorder="little").tobytes()
    else:
        data = stack.astype(f"u{ds.BitsAllocated // 8}").tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    return ds


def masks(seed=1, overlap=False):
    """Return the masks of two segments: (2, planes, rows, columns)."""
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, *SHAPE)) < 0.3
    return np.stack([first, second if overlap else second & ~first]).astype(np.uint8)


def binary(made, planes=range(SHAPE[0])):
    """Return a segmentation with the frames of both segments, in mixed order."""
    which = [(s, k) for k in reversed(planes) for s in (2, 1)]
    return segmentation([made[s - 1, k] for s, k in which], [s for s, _ in which], [k for _, k in which])


def tiled(labels, tile, *, kind="BINARY", sparse=False, segments=(1, 2), numbers=None, heights=(0.0,), maximum=200):
    """Return a segmentation of a slide.

    `labels` is (focal planes, rows, columns): numbers of segments, or for FRACTIONAL (segments, focal planes, rows,
    columns) from 0 to `maximum`. A sparse object has only the tiles that are not empty, in mixed order.
    """
    high, wide = tile
    rows, columns = labels.shape[-2:]
    planes = labels.shape[-3]
    frames, about = [], []
    for segment in [0] if kind == "LABELMAP" else segments:
        for plane in range(planes):
            for top in range(0, rows, high):
                for left in range(0, columns, wide):
                    if kind == "FRACTIONAL":
                        part = labels[segment - 1, plane, top : top + high, left : left + wide]
                    else:
                        part = labels[plane, top : top + high, left : left + wide]
                        part = part == segment if kind == "BINARY" else part
                    frame = np.zeros(tile, labels.dtype)
                    frame[: part.shape[0], : part.shape[1]] = part
                    frames.append(frame)
                    about.append((segment, plane, top, left))
    if sparse:
        kept = [k for k, frame in enumerate(frames) if frame.any()][::-1]
        frames, about = [frames[k] for k in kept], [about[k] for k in kept]
    bits = None if kind == "BINARY" else 8 * labels.dtype.itemsize
    ds = segmentation(frames, [one[0] for one in about], [0] * len(frames), kind, numbers or segments, bits)
    if kind == "FRACTIONAL":
        ds.MaximumFractionalValue = maximum
    ds.DimensionOrganizationType = "TILED_SPARSE" if sparse else "TILED_FULL"
    ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns = rows, columns
    ds.TotalPixelMatrixFocalPlanes = planes
    ds.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    ds.TotalPixelMatrixOriginSequence = [
        item(XOffsetInSlideCoordinateSystem=20, YOffsetInSlideCoordinateSystem=40),
    ]
    ds.SharedFunctionalGroupsSequence = [
        item(PixelMeasuresSequence=[item(PixelSpacing=[0.001, 0.0005], SliceThickness=0.002)])
    ]
    if len(heights) > 1:
        ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = (
            heights[1] - heights[0]
        ) / 1000
    del ds.PerFrameFunctionalGroupsSequence
    if sparse:
        ds.PerFrameFunctionalGroupsSequence = []
        for segment, plane, top, left in about:
            group = item(
                PlanePositionSlideSequence=[
                    item(
                        RowPositionInTotalImagePixelMatrix=top + 1,
                        ColumnPositionInTotalImagePixelMatrix=left + 1,
                        XOffsetInSlideCoordinateSystem=20 - 0.001 * top,
                        YOffsetInSlideCoordinateSystem=40 - 0.0005 * left,
                        ZOffsetInSlideCoordinateSystem=heights[plane],
                    )
                ]
            )
            if segment:
                group.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=segment)]
            ds.PerFrameFunctionalGroupsSequence.append(group)
    return ds


def descriptions(highdicom):
    """Return what highdicom wants to know of the segments 1 and 2."""
    tissue = highdicom.sr.CodedConcept("85756007", "SCT", "Tissue")
    manual = highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
    return [highdicom.seg.SegmentDescription(n, f"part {n}", tissue, tissue, manual) for n in (1, 2)]
