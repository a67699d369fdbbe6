"""Structure sets: contours as arrays, and their masks on the grid of a volume."""

import warnings

import numpy as np
import pydicom
import pytest
from helpers.series import FRAME_OF_REFERENCE, slice_dataset, stack_of_slices
from helpers.structure_sets import SQUARE, in_patient, structure_set

import dcmturbo as dt


@pytest.fixture
def volume():
    voxels = stack_of_slices()
    return dt.read_volume([slice_dataset(a, k + 1, (-10.5, 20.25, -30 + 2.5 * k)) for k, a in enumerate(voxels)])


def expected(*slices):
    mask = np.zeros((6, 9, 11), np.uint8)
    for k in slices:
        mask[k, 1:5, 1:5] = 1
    return mask


@pytest.mark.parametrize("undefined", [False, True])
def test_contours_are_arrays_with_their_names(volume, tmp_path, undefined):
    made = structure_set([(1, "CLOSED_PLANAR", in_patient(SQUARE, 2, volume)), (1, "POINT", [1.5, -2, 1e1])])
    for element in made.iterall():
        if element.VR == "SQ" and undefined:
            element.is_undefined_length = True
            for one in element.value:
                one.is_undefined_length_sequence_item = True
    made.save_as(tmp_path / "rt.dcm", enforce_file_format=True)
    for source in (made, tmp_path / "rt.dcm", (tmp_path / "rt.dcm").read_bytes()):
        contours = dt.read_contours(source)
        (structure,) = contours.structures
        assert (structure.number, structure.name, structure.kind) == (1, "Liver", "ORGAN")
        assert structure.colour == (255, 0, 255)
        assert structure.frame_of_reference == FRAME_OF_REFERENCE
        assert contours.in_patient
        assert contours.label == "plan"
        closed, point = structure.contours
        assert np.allclose(closed.points.ravel(), in_patient(SQUARE, 2, volume))
        assert point.points.tolist() == [[1.5, -2.0, 10.0]]
        assert not point.is_area
        assert [one.image for one in structure.contours] == ["1.2.3.0", "1.2.3.1"]


def test_masks_lie_on_the_grid_of_the_volume(volume):
    made = structure_set([(1, "CLOSED_PLANAR", in_patient(SQUARE, k, volume)) for k in (1, 4)])
    contours = dt.read_contours(made)
    for threads in (1, 2):
        assert np.array_equal(contours.mask("Liver", volume, threads=threads), expected(1, 4))
    assert np.array_equal(
        contours.mask(1, volume, coverage=4) >= 0.99,
        dt.fill_polygons([np.array(SQUARE, float)] * 2, (6, 9, 11), slices=[1, 4], coverage=4) >= 0.99,
    )
    assert np.array_equal(contours.labels(volume), expected(1, 4))


def test_several_contours_of_a_slice_are_combined_by_xor(volume):
    hole = [(2, 2), (4, 2), (4, 4), (2, 4)]
    made = structure_set([(1, "CLOSEDPLANAR_XOR", in_patient(points, 3, volume)) for points in (SQUARE, hole)])
    mask = dt.read_contours(made).mask(1, volume)
    wanted = expected(3)
    wanted[3, 2:4, 2:4] = 0
    assert np.array_equal(mask, wanted)
    union = dt.read_contours(made).mask(1, volume, rule="non-zero")
    assert np.array_equal(union, expected(3))


def test_open_contours_bound_no_area(volume):
    made = structure_set([(1, "OPEN_PLANAR", in_patient(SQUARE, 3, volume))])
    with pytest.warns(dt.DecodeWarning, match="no area"):
        assert not dt.read_contours(made).mask(1, volume).any()


def test_contours_outside_of_the_volume_are_counted(volume):
    made = structure_set([(1, "CLOSED_PLANAR", in_patient(SQUARE, k, volume)) for k in (1, 9, -3)])
    with pytest.warns(dt.DecodeWarning, match="2 of 3 contours"):
        assert np.array_equal(dt.read_contours(made).mask(1, volume), expected(1))


def test_contours_across_planes_are_refused(volume):
    data = in_patient(SQUARE, 1, volume)
    data[2] += 5
    with pytest.raises(dt.DecodeError, match="does not lie in a plane"):
        dt.read_contours(structure_set([(1, "CLOSED_PLANAR", data)])).mask(1, volume)


def test_another_frame_of_reference_is_refused(volume):
    made = structure_set([(1, "CLOSED_PLANAR", in_patient(SQUARE, 1, volume))], frame_of_reference="1.9")
    with pytest.raises(dt.DecodeError, match="frame of reference"):
        dt.read_contours(made).mask(1, volume)


@pytest.mark.parametrize("place", ["sequence", "object"])
def test_the_frame_of_reference_of_the_object_holds_for_its_structures(volume, place):
    made = structure_set([(1, "CLOSED_PLANAR", in_patient(SQUARE, 1, volume))])
    del made.StructureSetROISequence[0].ReferencedFrameOfReferenceUID
    assert dt.read_contours(made).mask(1, volume).any()
    if place == "sequence":
        item = pydicom.Dataset()
        item.FrameOfReferenceUID = "1.9"
        made.ReferencedFrameOfReferenceSequence = [item]
    else:
        made.FrameOfReferenceUID = "1.9"
    with pytest.raises(dt.DecodeError, match="frame of reference"):
        dt.read_contours(made).mask(1, volume)


def test_damaged_contours_are_named():
    with pytest.raises(dt.DecodeError, match="contour 0 of 'Liver' has 4 coordinates"):
        dt.read_contours(structure_set([(1, "CLOSED_PLANAR", [1, 2, 3, 4])]))
    with pytest.raises(dt.DecodeError, match="refer to structure 7"):
        dt.read_contours(structure_set([(7, "CLOSED_PLANAR", [1, 2, 3])]))
    made = structure_set([(1, "CLOSED_PLANAR", [1, 2, 3])])
    made.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 2
    with pytest.warns(dt.DecodeWarning, match="NumberOfContourPoints is 2"):
        dt.read_contours(made)
    with pytest.raises(KeyError, match=r"no structure 'Heart'; the object has 1 \(Liver\)"):
        dt.read_contours(structure_set([])).structure("Heart")


def test_damage_anywhere_is_an_error_and_no_crash(volume, tmp_path):
    made = structure_set([(1, "CLOSED_PLANAR", in_patient(SQUARE, k, volume)) for k in (1, 2)])
    made.save_as(tmp_path / "rt.dcm", enforce_file_format=True)
    data = (tmp_path / "rt.dcm").read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(data[: rng.integers(140, len(data) + 1)])
        for _ in range(rng.integers(0, 6)):
            damaged[rng.integers(132, len(damaged))] = rng.integers(256)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                contours = dt.read_contours(bytes(damaged))
                for structure in contours.structures:
                    contours.mask(structure.number, volume)
        except (dt.Error, KeyError):
            pass


def test_objects_without_contours_say_so():
    with pytest.raises(dt.DecodeError, match="no contours"):
        dt.read_contours(slice_dataset(stack_of_slices()[0], 1, (0, 0, 0)))
