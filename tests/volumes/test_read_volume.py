"""Series to volumes: sorted, in their place, and whatever contradicts a volume is an error or an option."""

import numpy as np
import pydicom
import pytest
from helpers.series import SERIES, slice_dataset, stack_of_slices, write_series
from pydicom.data import get_testdata_file

import dcmturbo as dt

VOXELS = stack_of_slices()
AFFINE = np.array([[0.8, 0, 0, -10.5], [0, 0.7, 0, 20.25], [0, 0, 2.5, -30], [0, 0, 0, 1]])


def datasets(count=6, positions=None, **attributes):
    return [
        slice_dataset(VOXELS[k], k + 1, positions[k] if positions else (0, 0, 2.5 * k), **attributes)
        for k in range(count)
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_slices_are_sorted_along_their_normal(tmp_path, threads):
    paths = write_series(tmp_path, VOXELS)
    (tmp_path / "notes.txt").write_text("no DICOM")
    volume = dt.read_volume(tmp_path, threads=threads)
    assert np.array_equal(volume.array, VOXELS)
    assert volume.array.dtype == np.int16
    assert np.allclose(volume.affine_lps, AFFINE)
    assert np.allclose(volume.affine_ras, np.diag([-1, -1, 1, 1]) @ AFFINE)
    assert np.allclose(volume.spacing, (2.5, 0.7, 0.8))
    assert [str(one.source) for one in volume.slices] == [str(path) for path in paths]
    assert volume.attributes["SeriesInstanceUID"] == SERIES
    assert volume.attributes["Modality"] == "CT"


def test_a_volume_is_shown_in_one_line(tmp_path):
    write_series(tmp_path, VOXELS, SeriesDescription="Thorax")
    shown = repr(dt.read_volume(tmp_path))
    assert shown == "<dcmturbo.Volume shape=(6, 9, 11) dtype=int16 2.5 x 0.7 x 0.8 mm, CT, Thorax>"


def test_sources_may_be_paths_bytes_and_datasets(tmp_path):
    paths = write_series(tmp_path, VOXELS)
    mixed = [paths[0], paths[1].read_bytes(), pydicom.dcmread(paths[2]), *paths[3:]]
    assert np.array_equal(dt.read_volume(mixed).array, VOXELS)


def test_the_normal_may_point_anywhere(tmp_path):
    # Sagittal: rows run to the back, columns to the feet; the normal points to the right.
    positions = [(10.0 - 3 * k, 5.0, 7.0) for k in range(6)]
    made = datasets(positions=positions, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    volume = dt.read_volume(made[::-1])
    assert np.array_equal(volume.array, VOXELS)
    assert np.allclose(volume.affine_lps[:3, 2], [-3, 0, 0])
    index = np.array([2.0, 3.0, 4.0])
    assert np.allclose(volume.to_lps(index), [4.0, 5 + 4 * 0.8, 7 - 3 * 0.7])
    assert np.allclose(volume.to_indices(volume.to_lps(index)), index)


def test_rescaling_is_applied_by_the_workers():
    volume = dt.read_volume(datasets(), apply="rescale")
    assert volume.array.dtype == np.float32
    assert np.array_equal(volume.array, VOXELS.astype(np.float32) * 2 - 1024)


def test_a_result_can_be_given():
    out = np.empty(VOXELS.shape, np.int16)
    assert dt.read_volume(datasets(), out=out).array is out
    assert np.array_equal(out, VOXELS)
    with pytest.raises(ValueError, match="shape"):
        dt.read_volume(datasets(), out=out[:-1])


def test_a_gap_is_an_error_or_an_option():
    made = datasets()
    del made[3]
    with pytest.raises(dt.DecodeError, match=r"2\.5 mm apart.*5 mm apart.*gaps='fill'"):
        dt.read_volume(made)
    with pytest.warns(dt.DecodeWarning, match="1 slices were filled"):
        filled = dt.read_volume(made, gaps="fill", fill_value=-7)
    assert np.array_equal(np.delete(filled.array, 3, 0), np.delete(VOXELS, 3, 0))
    assert (filled.array[3] == -7).all()
    assert filled.slices[3].source is None
    assert np.allclose(filled.spacing[0], 2.5)
    with pytest.warns(dt.DecodeWarning, match="mean distance"):
        kept = dt.read_volume(made, gaps="warn")
    assert len(kept.array) == 5
    assert np.allclose(kept.spacing[0], 12.5 / 4)


def test_a_tilted_gantry_is_an_error_or_an_oblique_matrix():
    made = datasets(positions=[(0, 0.5 * k, 2.5 * k) for k in range(6)])
    with pytest.raises(dt.DecodeError, match="oblique"):
        dt.read_volume(made)
    with pytest.warns(dt.DecodeWarning, match="oblique"):
        volume = dt.read_volume(made, tilt="keep")
    assert np.allclose(volume.affine_lps[:3, 2], [0, 0.5, 2.5])


def test_positions_that_are_not_on_a_line_are_refused():
    made = datasets(positions=[(5.0 * (k == 3), 0, 2.5 * k) for k in range(6)])
    with pytest.raises(dt.DecodeError, match="line"):
        dt.read_volume(made, tilt="keep")


def test_duplicates_are_an_error_or_an_option():
    made = datasets()
    twin = slice_dataset(VOXELS[5], 99, (0, 0, 5.0))
    with pytest.raises(dt.DecodeError, match="same position"):
        dt.read_volume([*made, twin])
    with pytest.warns(dt.DecodeWarning, match="1 of 7 slices were left out"):
        first = dt.read_volume([twin, *made], duplicates="first")
    assert np.array_equal(first.array, VOXELS)
    with pytest.warns(dt.DecodeWarning):
        last = dt.read_volume([twin, *made], duplicates="last")
    assert np.array_equal(last.array[2], VOXELS[5])


def test_mixed_orientations_and_shapes_are_several_volumes():
    others = datasets(3, ImageOrientationPatient=[0, 1, 0, 0, 0, -1], positions=[(3.0 * k, 0, 0) for k in range(3)])
    small = [slice_dataset(VOXELS[k, :4, :5], 50 + k, (0, 0, 2.5 * k)) for k in range(2)]
    made = [*datasets(), *others, *small]
    with pytest.raises(ValueError, match="there are 3 volumes"):
        dt.read_volume(made)
    shapes = [volume.shape for volume in dt.read_volumes(made)]
    assert shapes == [(6, 9, 11), (3, 9, 11), (2, 4, 5)]
    assert dt.read_volume(made, phase=2).shape == (2, 4, 5)


def test_a_series_is_chosen_by_its_uid():
    made = [*datasets(3), *datasets(2, SeriesInstanceUID="1.2.3")]
    with pytest.raises(ValueError, match="there are 2 volumes"):
        dt.read_volume(made)
    assert dt.read_volume(made, series="1.2.3").shape[0] == 2
    with pytest.raises(ValueError, match="no images of the series"):
        dt.read_volume(made, series="9")


def test_images_without_a_position_are_named():
    made = [*datasets(3), slice_dataset(VOXELS[0], 9, (0, 0, 0), ImagePositionPatient=None)]
    with pytest.raises(dt.DecodeError, match="1 image without a position"):
        dt.read_volume(made)
    with pytest.warns(dt.DecodeWarning, match="1 image was left out"):
        assert [volume.shape[0] for volume in dt.read_volumes(made)] == [3]
    with pytest.raises(dt.DecodeError, match="no image has a position"):
        dt.read_volume(made[-1:])


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("TemporalPositionIdentifier", [1, 2, 3]),
        ("EchoTime", [2.5, 5.0, 10.0]),
        ("DiffusionBValue", [0.0, 500.0, 1000.0]),
        ("AcquisitionNumber", [1, 2, 3]),
    ],
)
def test_phases_are_split_by_their_attribute(keyword, values):
    made = [
        slice_dataset(VOXELS[k] + 10 * p, 10 * p + k, (0, 0, 2.5 * k), **{keyword: value})
        for p, value in enumerate(values)
        for k in range(4)
    ]
    volumes = dt.read_volumes(made[::-1])
    assert [volume.phase[keyword] for volume in volumes] == [(float(value),) for value in values]
    for p, volume in enumerate(volumes):
        assert np.array_equal(volume.array, VOXELS[:4] + 10 * p)
    with pytest.raises(ValueError, match="there are 3 volumes"):
        dt.read_volume(made)
    assert np.array_equal(dt.read_volume(made, phase=1).array, VOXELS[:4] + 10)


def test_directions_of_diffusion_are_split():
    directions = [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]
    made = [
        slice_dataset(
            VOXELS[k] + p, 10 * p + k, (0, 0, 2.5 * k), DiffusionBValue=1000.0, DiffusionGradientOrientation=direction
        )
        for p, direction in enumerate(directions)
        for k in range(4)
    ]
    assert len(dt.read_volumes(made)) == 3


def test_phases_are_ranked_by_times_that_differ_in_every_slice():
    made = [
        slice_dataset(VOXELS[k] + p, 10 * p + k, (0, 0, 2.5 * k), TriggerTime=100.0 * p + k)
        for p in range(3)
        for k in range(4)
    ]
    volumes = dt.read_volumes(made[::-1])
    assert [volume.phase["rank"] for volume in volumes] == [0, 1, 2]
    for p, volume in enumerate(volumes):
        assert np.array_equal(volume.array, VOXELS[:4] + p)


def test_a_damaged_slice_is_named(tmp_path):
    paths = write_series(tmp_path, VOXELS)
    data = paths[2].read_bytes()
    paths[2].write_bytes(data[:-40])
    with pytest.raises(dt.DecodeError) as raised, pytest.warns(dt.DecodeWarning, match="ends inside"):
        dt.read_volume(tmp_path)
    assert paths[2].name in str(raised.value)


def test_wrong_words_are_refused():
    for option in ("gaps", "tilt", "duplicates"):
        with pytest.raises(ValueError, match=f"{option} is 'x'"):
            dt.read_volume(datasets(), **{option: "x"})
    with pytest.raises(ValueError, match="tolerance"):
        dt.read_volume(datasets(), tolerance=0.5)


@pytest.mark.parametrize("orientation", [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 1, 0]])
def test_orientations_that_are_none_are_refused(orientation):
    with pytest.raises(dt.DecodeError, match="perpendicular"):
        dt.read_volume(datasets(ImageOrientationPatient=orientation))


def test_a_folder_without_images_says_what_it_has(tmp_path):
    (tmp_path / "notes.txt").write_text("no DICOM")
    with pytest.raises(ValueError, match="1 not DICOM"):
        dt.read_volume(tmp_path)
    with pytest.raises(dt.NotDicom):
        dt.read_volume(tmp_path / "notes.txt")


def enhanced(voxels, order):
    """Return an enhanced object whose frames are in the given order of positions."""
    ds = slice_dataset(
        voxels[0], 1, (0, 0, 0), ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None
    )
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    ds.NumberOfFrames = len(voxels)
    ds.PixelData = voxels[order].tobytes()
    shared, measures, plane = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.7, 0.8], 2.5
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    ds.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for k in order:
        group, position = pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = [1.0, 2.0, 2.5 * k]
        group.PlanePositionSequence = [position]
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = groups
    return ds


@pytest.mark.parametrize("as_file", [False, True])
def test_frames_of_an_enhanced_object_are_sorted(tmp_path, as_file):
    order = [3, 0, 5, 1, 4, 2]
    source = enhanced(VOXELS, order)
    if as_file:
        source.save_as(tmp_path / "enhanced.dcm", enforce_file_format=True)
        source = tmp_path / "enhanced.dcm"
    volume = dt.read_volume(source)
    assert np.array_equal(volume.array, VOXELS)
    assert np.allclose(volume.affine_lps[:3, 3], [1, 2, 0])
    assert [one.frame for one in volume.slices] == [order.index(k) for k in range(6)]


def test_more_frames_than_positions_are_an_error():
    ds = enhanced(VOXELS, list(range(6)))
    ds.NumberOfFrames = 2**31 - 1
    with pytest.raises(dt.DecodeError):
        dt.read_volume(ds)


@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "JPEGLSLossless"])
@pytest.mark.parametrize("number", [None, 0, 1, 3])
@pytest.mark.filterwarnings("ignore:NumberOfFrames is")
def test_a_wrong_number_of_frames_loses_none(tmp_path, number, syntax):
    """The functional groups and the pixel data agree, so NumberOfFrames does not count."""
    order = [3, 0, 5, 1, 4, 2]
    source = tmp_path / "enhanced.dcm"
    dt.transcode(enhanced(VOXELS, order), source, syntax)
    ds = pydicom.dcmread(source)
    ds.NumberOfFrames = number
    if number is None:
        del ds.NumberOfFrames
    ds.save_as(source)
    for one in (source, pydicom.dcmread(source)):
        volume = dt.read_volume(one)
        assert np.array_equal(volume.array, VOXELS)
        assert [one.frame for one in volume.slices] == [order.index(k) for k in range(6)]


@pytest.mark.filterwarnings("ignore:NumberOfFrames is")
def test_missing_frames_of_an_enhanced_object_are_told(tmp_path):
    ds = enhanced(VOXELS, list(range(6)))
    ds.NumberOfFrames, ds.PixelData = 4, VOXELS[:4].tobytes()
    with pytest.warns(dt.DecodeWarning, match="describes 6 frames, but the pixel data have 4.*are frames missing"):
        assert dt.read_volume(ds).shape == (4, 9, 11)
    for number in (None, 2, 5):
        ds.NumberOfFrames = number
        with pytest.raises(dt.DecodeError, match="describes 6 frames, but the pixel data have 4, and"):
            dt.read_volume(ds)
    ds.NumberOfFrames = 6
    with pytest.raises(dt.DecodeError, match="NumberOfFrames is 6, but the pixel data have 4 frames"):
        dt.read_volume(ds)


@pytest.mark.filterwarnings("ignore:NumberOfFrames is")
def test_an_object_of_one_place_and_several_frames_is_named(tmp_path):
    paths = write_series(tmp_path, VOXELS)
    ds = pydicom.dcmread(paths[2])
    ds.PixelData = VOXELS[:3].tobytes()
    ds.save_as(paths[2])
    with pytest.raises(dt.DecodeError, match=rf"{paths[2].name} has one place, but its pixel data have 3 frames"):
        dt.read_volume(tmp_path)


def test_nrrd_has_header_and_voxels(tmp_path):
    volume = dt.read_volume(datasets())
    volume.write_nrrd(tmp_path / "volume.nrrd")
    header, _, data = (tmp_path / "volume.nrrd").read_bytes().partition(b"\n\n")
    assert np.array_equal(np.frombuffer(data, "<i2").reshape(VOXELS.shape), VOXELS)
    lines = header.decode().splitlines()
    assert "sizes: 11 9 6" in lines
    assert "space: left-posterior-superior" in lines
    assert "space directions: (0.8,0.0,0.0) (0.0,0.7,0.0) (0.0,0.0,2.5)" in lines


DOSE = "1.2.840.10008.5.1.4.1.1.481.2"


def dose(offsets, *, orientation=(1, 0, 0, 0, 1, 0), position=(-10.5, 20.25, -30)):
    ds = slice_dataset(VOXELS[0], 1, (0, 0, 0))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = DOSE
    ds.Modality = "RTDOSE"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position), list(orientation)
    del ds.RescaleSlope, ds.RescaleIntercept  # the Modality LUT is not in the module of a dose
    frames = np.abs(VOXELS[: len(offsets)]).astype(np.uint16)
    ds.PixelRepresentation = 0
    ds.NumberOfFrames = len(frames)
    ds.PixelData = frames.tobytes()
    ds.FrameIncrementPointer = 0x3004000C
    ds.GridFrameOffsetVector, ds.DoseGridScaling = list(offsets), 0.25
    return ds, frames


@pytest.mark.parametrize("offsets", [[0, 2.5, 5], [-30, -27.5, -25]], ids=["distances", "z"])
@pytest.mark.parametrize("as_file", [False, True])
def test_frames_of_a_dose_are_in_their_places(tmp_path, offsets, as_file):
    ds, frames = dose(offsets)
    if as_file:
        ds.save_as(tmp_path / "dose.dcm", enforce_file_format=True)
    volume = dt.read_volume(tmp_path / "dose.dcm" if as_file else ds, apply="rescale")
    assert np.array_equal(volume.array, frames * 0.25)
    assert np.allclose(volume.affine_lps, AFFINE)


@pytest.mark.filterwarnings("ignore:NumberOfFrames is")
def test_a_dose_without_its_number_of_frames_loses_none():
    ds, frames = dose([0, 2.5, 5])
    del ds.NumberOfFrames
    assert np.array_equal(dt.read_volume(ds).array, frames)


def test_frames_of_a_dose_follow_the_normal():
    ds, frames = dose([0, 2.5, 5], orientation=(0, 1, 0, 0, 0, -1))
    volume = dt.read_volume(ds)
    assert np.array_equal(volume.array, frames)
    assert np.allclose(volume.affine_lps[:3, 2], (-2.5, 0, 0))
    assert np.allclose(volume.affine_lps[:3, 3], (-10.5, 20.25, -30))


@pytest.mark.parametrize(
    ("offsets", "options", "message"),
    [
        ([0, 2.5], {"frames": 3}, "2 numbers for 3 frames"),
        ([7, 9.5, 12], {}, "begins with 7; expected 0 or"),
        ([-30, -27.5, -25], {"orientation": (1, 0, 0, 0, 0, -1)}, "begins with -30; expected 0 or"),
    ],
)
def test_offsets_of_a_dose_that_contradict_it_are_refused(offsets, options, message):
    frames = options.pop("frames", None)
    ds, _ = dose(offsets, **options)
    if frames:
        ds.NumberOfFrames = frames
        ds.PixelData = np.zeros((frames, *VOXELS.shape[1:]), np.uint16).tobytes()
    with pytest.raises(dt.DecodeError, match=message):
        dt.read_volume(ds)


@pytest.mark.parametrize("which", [0, 3, 5])
def test_a_slice_without_its_end_is_named(tmp_path, which):
    path = write_series(tmp_path, VOXELS)[which]
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(dt.DecodeError, match="before any pixel data") as caught:
        dt.read_volume(tmp_path)
    assert caught.value.code == "truncated"
    assert path.name in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no DICOM"])
def test_files_that_may_have_been_slices_are_named(tmp_path, content):
    paths = write_series(tmp_path, VOXELS)
    paths[-1].write_bytes(content)
    (tmp_path / "notes.txt").write_text("no DICOM")
    with pytest.warns(dt.DecodeWarning, match=paths[-1].name) as caught:
        volume = dt.read_volume(tmp_path)
    assert volume.array.shape[0] == len(VOXELS) - 1
    assert volume.warnings == [str(one.message) for one in caught]
    assert "notes" not in volume.warnings[0]


@pytest.mark.filterwarnings("ignore::dcmturbo.DecodeWarning")
def test_frames_of_a_dose_whose_number_is_no_number_are_read():
    path = get_testdata_file("badVR.dcm")  # NumberOfFrames is "1A", and 15 frames have their places
    volume = dt.read_volume(path)
    assert volume.shape == (15, 10, 10)
    assert np.array_equal(volume.array, dt.decode(path))
