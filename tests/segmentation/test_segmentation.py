"""Segmentations as label images, masks, fractions and runs, against highdicom where it is installed."""

import io
import os
import types
import warnings

import numpy as np
import pydicom
import pytest
from helpers.full_disk import full_disk
from helpers.segmentations import POSITIONS, SHAPE, binary, descriptions, masks, segmentation
from helpers.series import slice_dataset, stack_of_slices
from pydicom.encaps import encapsulate

import dcmturbo as dt


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("as_file", [False, True])
def test_segments_of_bits_across_bytes(tmp_path, threads, as_file):
    made = masks()
    source = binary(made)
    if as_file:
        source.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
        source = tmp_path / "seg.dcm"
    with dt.read_segmentation(source) as found:
        assert found.shape == SHAPE
        assert found.kind == "BINARY"
        assert [(one.number, one.label, one.algorithm) for one in found.segments] == [
            (1, "part 1", "MANUAL"),
            (2, "part 2", "MANUAL"),
        ]
        labels = found.labels(threads=threads)
        assert labels.dtype == np.uint8
        assert np.array_equal(labels, made[0] + 2 * made[1])
        assert np.array_equal(found.mask("part 2", threads=threads), made[1])
        assert np.array_equal(found.masks(), made)
        assert np.array_equal(found.labels(2), 2 * made[1])
        assert np.array_equal(found.fractions(1), made[0].astype(np.float32))
        runs = found.runs(1)
        again = np.zeros(SHAPE, np.uint8)
        for plane, row, start, length in zip(*runs, strict=True):
            assert not again[plane, row, start : start + length].any()
            again[plane, row, start : start + length] = 1
        assert np.array_equal(again, made[0])
        assert np.allclose(found.affine_lps[:3, 3], POSITIONS[0])
        assert np.allclose(np.diag(found.affine_lps)[:3], [0.8, 0.7, 2.5])
        assert np.allclose(found.positions, POSITIONS)
        assert found.references[0] == (0, "1.9.4", 1)
        assert found.dimension_index[0].tolist() == [2, 5]


def test_planes_without_frames_are_empty():
    made = masks()
    made[:, [1, 3]] = 0
    with dt.read_segmentation(binary(made, [0, 2, 4])) as found:
        assert found.shape == SHAPE
        assert np.array_equal(found.labels(), made[0] + 2 * made[1])


@pytest.mark.filterwarnings("ignore:NumberOfFrames is")
def test_a_wrong_number_of_frames_loses_no_labels():
    made = masks()
    source = binary(made)
    for number in (1, 7, None):
        source.NumberOfFrames = number
        with dt.read_segmentation(source) as found:
            assert np.array_equal(found.labels(), made[0] + 2 * made[1])
    source.PixelData = source.PixelData[:80]
    for number in (1, 7):
        source.NumberOfFrames = number
        with pytest.raises(dt.DecodeError, match="describes 10 frames, but the pixel data have"):
            dt.read_segmentation(source)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_damaged_frame_is_named_and_the_others_are_drawn(tmp_path, threads):
    made = masks()
    frames = [200 * made[segment, plane] for segment in (0, 1) for plane in range(SHAPE[0])]
    planes = [*range(SHAPE[0])] * 2
    ds = segmentation(frames, [1] * SHAPE[0] + [2] * SHAPE[0], planes, kind="FRACTIONAL")
    encoded = [dt.encode_frame(frame, "RLELossless") for frame in frames]
    ds.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    for damaged in (None, SHAPE[0] + 1):
        stored = [frame[:66] if k == damaged else frame for k, frame in enumerate(encoded)]
        ds.PixelData = encapsulate(stored)
        ds["PixelData"].VR = "OB"
        ds.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
        with dt.read_segmentation(tmp_path / "seg.dcm") as found:
            if damaged is None:
                assert np.array_equal(found.labels(threads=threads), made[0] + 2 * made[1])
                continue
            assert np.array_equal(found.mask(1, threads=threads), made[0])
            with pytest.raises(dt.DecodeError) as caught:
                found.labels(threads=threads)
            assert caught.value.frame == damaged


def test_overlapping_segments_are_an_error_or_an_option():
    made = masks(overlap=True)
    with dt.read_segmentation(binary(made)) as found:
        with pytest.raises(dt.DecodeError, match="segments overlap"):
            found.labels()
        # In each plane, the frame of segment 2 is before that of segment 1.
        assert np.array_equal(found.labels(overlap="last"), np.where(made[0], 1, 2 * made[1]))
        assert np.array_equal(found.labels(overlap="first"), np.where(made[1], 2, made[0]))
        assert np.array_equal(found.masks(), made)


def test_fractions():
    values = np.random.default_rng(2).integers(0, 201, (SHAPE[0], *SHAPE[1:]))
    source = segmentation(list(values), [1] * 5, range(5), "FRACTIONAL", numbers=(1,))
    with dt.read_segmentation(source) as found:
        assert np.allclose(found.fractions(1), values / 200)
        assert np.array_equal(found.mask(1), values >= 100)
        assert np.array_equal(found.labels(threshold=0.25), values >= 50)


@pytest.mark.parametrize("bits", [8, 16])
def test_label_maps(tmp_path, bits):
    top = 255 if bits == 8 else 1000
    labels = np.random.default_rng(3).choice([0, 3, top], SHAPE)
    order = [2, 0, 4, 1, 3]
    source = segmentation(list(labels[order]), [0] * 5, order, "LABELMAP", numbers=(3, top), bits=bits)
    source.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    for one in (source, tmp_path / "seg.dcm"):
        with dt.read_segmentation(one) as found:
            assert np.array_equal(found.labels(), labels)
            assert found.labels().dtype == np.dtype(f"u{bits // 8}")
            assert np.array_equal(found.labels(3), np.where(labels == 3, 3, 0))
            assert np.array_equal(found.mask(top), labels == top)
            assert found.runs(top).lengths.sum() == (labels == top).sum()
    assert np.array_equal(pydicom.dcmread(tmp_path / "seg.dcm").pixel_array, labels[order])


@pytest.mark.parametrize("syntax", ["RLELossless", "JPEGLSLossless", "JPEG2000Lossless"])
def test_label_maps_in_other_syntaxes(tmp_path, syntax):
    labels = np.random.default_rng(3).choice([0, 3, 200], SHAPE)
    segmentation(list(labels), [0] * 5, range(5), "LABELMAP", numbers=(3, 200)).save_as(
        tmp_path / "seg.dcm", enforce_file_format=True
    )
    dt.transcode(tmp_path / "seg.dcm", tmp_path / "other.dcm", syntax)
    with dt.read_segmentation(tmp_path / "other.dcm") as found:
        assert np.array_equal(found.labels(), labels)


def test_the_segment_of_all_frames_may_be_shared():
    made = masks()[0]
    with dt.read_segmentation(segmentation(list(made), [1] * 5, range(5), shared_segment=2)) as found:
        assert np.array_equal(found.labels(), 2 * made)


def test_labels_on_the_grid_of_a_volume():
    made = masks()
    voxels = stack_of_slices(7)
    volume = dt.read_volume([slice_dataset(a, k + 1, (-3.0, 4.0, 5 + 2.5 * k)) for k, a in enumerate(voxels)])
    wanted = np.zeros((7, 9, 11), np.uint8)
    wanted[2:] = made[0] + 2 * made[1]
    with dt.read_segmentation(binary(made)) as found:
        assert np.array_equal(found.on(volume), wanted)
        part = types.SimpleNamespace(shape=(2, 4, 5), affine_lps=volume.affine_lps @ _moved(1, 2, 2))
        with pytest.warns(dt.DecodeWarning, match="outside"):
            assert np.array_equal(found.on(part), wanted[2:4, 2:6, 1:6])
        fine = types.SimpleNamespace(shape=(14, 9, 11), affine_lps=volume.affine_lps @ np.diag([1, 1, 0.5, 1]))
        with pytest.raises(dt.DecodeError, match="resample=True"):
            found.on(fine)
        assert np.array_equal(found.on(fine, resample=True)[::2], wanted)
        flipped = types.SimpleNamespace(
            shape=(7, 9, 11), affine_lps=volume.affine_lps @ _moved(0, 0, 6) @ np.diag([1, 1, -1, 1])
        )
        assert np.array_equal(found.on(flipped, resample=True), wanted[::-1])
        volume.attributes["FrameOfReferenceUID"] = "1.9"
        with pytest.raises(dt.DecodeError, match="frames of reference differ"):
            found.on(volume)


def _moved(column, row, plane):
    matrix = np.eye(4)
    matrix[:3, 3] = column, row, plane
    return matrix


def test_what_is_no_segmentation_is_refused():
    with pytest.raises(dt.DecodeError, match="no segmentation"):
        dt.read_segmentation(slice_dataset(stack_of_slices()[0], 1, (0, 0, 0)))
    made = masks()
    source = binary(made)
    source.PerFrameFunctionalGroupsSequence[3].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9
    with pytest.raises(dt.DecodeError, match="segment 9, which SegmentSequence does not list") as raised:
        dt.read_segmentation(source)
    assert raised.value.frame == 3
    source = binary(made)
    source.NumberOfFrames = 2**31 - 1
    with pytest.raises(dt.DecodeError):
        dt.read_segmentation(source)
    with dt.read_segmentation(binary(made)) as found, pytest.raises(KeyError, match="no segment 'x'"):
        found.mask("x")


def test_distances_that_a_file_claims_are_limited():
    made = masks()
    source = binary(made)
    source.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 1e-9
    with dt.read_segmentation(source) as found:
        assert found.shape == SHAPE
    source.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient = [-3, 4, 1e12]
    with dt.read_segmentation(source) as found:
        assert found.shape[0] == 6
        assert found.affine_lps is None


def test_damage_anywhere_is_an_error_and_no_crash():
    file = io.BytesIO()
    pydicom.dcmwrite(file, binary(masks()), enforce_file_format=True)
    data = file.getvalue()
    rng = np.random.default_rng(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(300):
            damaged = bytearray(data[: rng.integers(140, len(data) + 1)])
            for _ in range(rng.integers(0, 6)):
                damaged[rng.integers(132, len(damaged))] = rng.integers(256)
            try:
                with dt.read_segmentation(bytes(damaged)) as found:
                    if np.prod(found.shape, dtype=float) < 1e7:
                        found.labels(overlap="last")
            except (dt.Error, KeyError, ValueError):
                pass


def to_write():
    """Return labels, the images that they are for, and descriptions of two segments."""
    highdicom = pytest.importorskip("highdicom")
    made = masks()
    labels = (made[0] + 2 * made[1]).astype(np.uint8)
    images = [slice_dataset(a, k + 1, POSITIONS[k]) for k, a in enumerate(stack_of_slices(5))]
    return labels, images, descriptions(highdicom)


@pytest.mark.filterwarnings("ignore")
def test_a_segmentation_that_cannot_be_completed_leaves_the_old_one(tmp_path):
    arguments = to_write()
    place = tmp_path / "s.dcm"
    dt.write_segmentation(*arguments, place, kind="LABELMAP")
    whole = place.read_bytes()
    with full_disk(500), pytest.raises(OSError, match=r"large|space"):
        dt.write_segmentation(*arguments, place, kind="LABELMAP")
    assert place.read_bytes() == whole
    assert os.listdir(tmp_path) == ["s.dcm"]


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_written_objects_are_read_by_highdicom_and_back(tmp_path, kind):
    highdicom = pytest.importorskip("highdicom")
    labels, images, described = to_write()
    syntax = "JPEGLSLossless" if kind == "LABELMAP" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dt.write_segmentation(labels, images, described, tmp_path / "s.dcm", kind=kind, transfer_syntax=syntax)
        theirs = highdicom.seg.segread(tmp_path / "s.dcm")
        expected = theirs.get_volume(combine_segments=True)
    with dt.read_segmentation(tmp_path / "s.dcm") as found:
        ours = found.labels(out=np.empty(SHAPE, np.uint8))
        assert np.array_equal(ours, labels)
        same_way = expected.array if expected.affine[2, 0] > 0 else expected.array[::-1]
        assert np.array_equal(ours, same_way)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(dt.EncodeError, match="single bits"):
            dt.write_segmentation(labels, images, described, tmp_path / "t.dcm", transfer_syntax="RLELossless")
