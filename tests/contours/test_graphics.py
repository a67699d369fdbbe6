"""Graphics of presentation states, shutters, bulk annotations, regions of reports, and overlays."""

import numpy as np
import pytest
from helpers.items import file_of, item
from helpers.series import slice_dataset, stack_of_slices

import dcmturbo as dt


def graphic(kind, data, **values):
    return item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data) // 2,
        GraphicData=data,
        GraphicType=kind,
        **values,
    )


def test_graphics_of_presentation_states():
    annotation = item(
        GraphicLayer="LAYER",
        ReferencedImageSequence=[item(ReferencedSOPInstanceUID="1.9")],
        GraphicObjectSequence=[
            graphic("POLYLINE", [1, 1, 4, 1, 4, 4, 1, 4, 1, 1]),
            graphic("POLYLINE", [0, 0, 3, 3]),
            graphic("CIRCLE", [5, 5, 5, 8]),
            graphic("ELLIPSE", [2, 5, 8, 5, 5, 3, 5, 7]),
            item(GraphicAnnotationUnits="DISPLAY", GraphicType="POINT", GraphicData=[0.5, 0.5]),
        ],
    )
    contours = dt.read_contours(
        file_of(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1", GraphicAnnotationSequence=[annotation])
    )
    (structure,) = contours.structures
    assert structure.name == "LAYER"
    assert not contours.in_patient
    kinds = [one.kind for one in structure.contours]
    assert kinds == ["POLYGON", "POLYLINE", "CIRCLE", "ELLIPSE"]
    assert structure.contours[1].points.tolist() == [[-0.5, -0.5], [2.5, 2.5]]
    assert structure.contours[0].image == "1.9"
    structure.contours = structure.contours[:1]
    mask = contours.mask(1, (6, 6))
    assert np.array_equal(np.argwhere(mask), np.argwhere(np.pad(np.ones((3, 3)), ((1, 2), (1, 2)))))


def test_circles_and_ellipses_have_outlines():
    circle = dt.Contour(np.array([(10.0, 12.0), (10.0, 17.0)]), "CIRCLE").outline(64)
    assert np.allclose(np.hypot(*(circle - (10, 12)).T), 5)
    ellipse = dt.Contour(np.array([(2.0, 5), (8, 5), (5, 3), (5, 7)]), "ELLIPSE").outline(64) - (5, 5)
    assert np.allclose((ellipse[:, 0] / 3) ** 2 + (ellipse[:, 1] / 2) ** 2, 1)


def test_shutters_are_what_they_leave_visible():
    contours = dt.read_contours(
        file_of(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1",
            ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"],
            ShutterLeftVerticalEdge=2,
            ShutterRightVerticalEdge=4,
            ShutterUpperHorizontalEdge=3,
            ShutterLowerHorizontalEdge=5,
            CenterOfCircularShutter=[3, 4],
            RadiusOfCircularShutter=2,
            VerticesOfThePolygonalShutter=[1, 1, 1, 4, 4, 1],
        )
    )
    (structure,) = contours.structures
    rectangle, circle, polygon = structure.contours
    assert structure.kind == "SHUTTER"
    assert np.argwhere(dt.fill_polygons([rectangle.points], (8, 8))).tolist() == [
        [row, column] for row in (2, 3, 4) for column in (1, 2, 3)
    ]
    assert circle.points.tolist() == [[3, 2], [5, 2]]
    assert polygon.points.tolist() == [[0, 0], [3, 0], [0, 3]]


def annotations(kind, points, index=None, **values):
    group = item(
        AnnotationGroupNumber=5,
        AnnotationGroupLabel="nuclei",
        GraphicType=kind,
        PointCoordinatesData=np.array(points, np.float32).tobytes(),
        **values,
    )
    if index is not None:
        group.LongPrimitivePointIndexList = np.array(index, np.uint32).tobytes()
    return file_of(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.91.1", AnnotationCoordinateType="2D", AnnotationGroupSequence=[group]
    )


def test_bulk_annotations_are_divided_by_their_index():
    triangle, square = [(1, 1), (4, 1), (1, 4)], [(5, 5), (7, 5), (7, 7), (5, 7)]
    contours = dt.read_contours(annotations("POLYGON", [*triangle, *square], [1, 7]))
    (structure,) = contours.structures
    assert (structure.number, structure.name) == (5, "nuclei")
    assert [one.points.tolist() for one in structure.contours] == [
        (np.array(triangle) - 0.5).tolist(),
        (np.array(square) - 0.5).tolist(),
    ]
    points = dt.read_contours(annotations("POINT", triangle)).structures[0].contours
    assert [one.points.tolist() for one in points] == [[[x - 0.5, y - 0.5]] for x, y in triangle]


@pytest.mark.parametrize("index", [[2, 7], [1, 1], [1, 99], [7, 1], [0], None])
def test_wrong_indices_of_annotations_are_refused(index):
    with pytest.raises(dt.DecodeError, match="LongPrimitivePointIndexList"):
        dt.read_contours(annotations("POLYGON", [(0, 0)] * 7, index))


def test_regions_of_reports():
    name = [item(CodeValue="1", CodingSchemeDesignator="99", CodeMeaning="Lesion")]
    image = item(ValueType="IMAGE", ReferencedSOPSequence=[item(ReferencedSOPInstanceUID="1.7")])
    region = item(
        ValueType="SCOORD",
        GraphicType="POLYLINE",
        GraphicData=[1, 1, 3, 1, 3, 3, 1, 1],
        ConceptNameCodeSequence=name,
        ContentSequence=[image],
    )
    report = file_of(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33",
        ContentSequence=[item(ValueType="CONTAINER", ContentSequence=[region])],
    )
    (structure,) = dt.read_contours(report).structures
    assert structure.name == "Lesion"
    assert (structure.contours[0].kind, structure.contours[0].image) == ("POLYGON", "1.7")
    region.ValueType, region.GraphicType, region.GraphicData = "SCOORD3D", "POLYGON", [0, 0, 1, 5, 0, 1, 5, 5, 1]
    contours = dt.read_contours(report)
    assert contours.in_patient
    assert contours.structures[0].contours[0].points.shape == (3, 3)
    region.GraphicData = [0, 0, 1, 5]
    with pytest.raises(dt.DecodeError, match="4 coordinates"):
        dt.read_contours(report)


def test_overlays_come_from_their_element_or_from_unused_bits():
    pixels = stack_of_slices()[0].astype(np.uint16) & 0x0FFF
    plane = np.random.default_rng(5).integers(0, 2, (4, 8)).astype(np.uint8)
    bits = np.pad(plane, ((0, 5), (0, 3))).astype(np.uint16) << 13
    ds = slice_dataset(pixels | bits, 1, (0, 0, 0), BitsStored=12, HighBit=11)
    ds.add_new((0x6000, 0x0010), "US", 9)
    ds.add_new((0x6000, 0x0011), "US", 11)
    ds.add_new((0x6000, 0x0050), "SS", [1, 1])
    ds.add_new((0x6000, 0x0100), "US", 16)
    ds.add_new((0x6000, 0x0102), "US", 13)
    ds.add_new((0x6002, 0x0010), "US", 4)
    ds.add_new((0x6002, 0x0011), "US", 8)
    ds.add_new((0x6002, 0x0050), "SS", [3, 2])
    ds.add_new((0x6002, 0x0100), "US", 1)
    ds.add_new((0x6002, 0x0102), "US", 0)
    ds.add_new((0x6002, 0x3000), "OW", np.packbits(plane, bitorder="little").tobytes())
    embedded, own = dt.read_overlays(ds)
    assert np.array_equal(embedded.mask, np.pad(plane, ((0, 5), (0, 3))))
    assert (own.top, own.left) == (2, 1)
    assert np.array_equal(own.mask, plane)
