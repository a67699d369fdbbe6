"""Segmentations of slides: tiles in the total pixel matrix, against highdicom where it is installed."""

import io
import warnings

import numpy as np
import pydicom
import pytest
from helpers.items import item
from helpers.segmentations import SHAPE, binary, descriptions, masks, tiled
from pydicom.encaps import encapsulate

import dcmturbo as dt

TILE = (8, 11)
SIZE = (29, 37)  # the tiles of the last row and column are not full


def label_image(planes=1, dtype=np.uint8, seed=1):
    """Return labels 0, 1 and 2 in patches, with some tiles empty."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (planes, *SIZE)).astype(dtype)
    labels[:, :8, 11:30] = 0
    labels[:, 16:, :11] = 2
    return labels


def fractions(planes=1):
    return np.random.default_rng(5).integers(0, 201, (2, planes, *SIZE)).astype(np.uint8)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("sparse", [False, True])
def test_tiles_are_put_into_the_total_pixel_matrix(tmp_path, threads, kind, sparse):
    made = label_image()
    tiled(made, TILE, kind=kind, sparse=sparse).save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    with dt.read_segmentation(tmp_path / "seg.dcm") as found:
        assert found.shape == (1, *SIZE)
        assert np.array_equal(found.labels(threads=threads), made)
        assert np.array_equal(found.labels("part 2", threads=threads), np.where(made == 2, 2, 0))
        assert np.array_equal(found.mask(1, threads=threads), made == 1)
        assert np.array_equal(found.masks(threads=threads), [made == 1, made == 2])
        assert np.array_equal(found.fractions(2), (made == 2).astype(np.float32))
        out = np.full((1, *SIZE), 7, np.uint8)
        assert found.labels(out=out) is out
        assert np.array_equal(out, made)
        assert found.affine_lps is None
        # Rows go against x, and columns against y, as ImageOrientationSlide says.
        assert np.allclose(found.affine_slide @ [10, 3, 0, 1], [20 - 3 * 0.001, 40 - 10 * 0.0005, 0, 1])


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("region", [(0, 0, 29, 37), (3, 5, 20, 9), (8, 11, 8, 11), (28, 36, 1, 1), (4, 12, 2, 0)])
def test_windows_of_the_matrix(kind, sparse, region):
    made = label_image()
    top, left, height, width = region
    part = made[:, top : top + height, left : left + width]
    with dt.read_segmentation(tiled(made, TILE, kind=kind, sparse=sparse)) as found:
        assert np.array_equal(found.labels(region=region), part)
        assert np.array_equal(found.mask(2, region=region), part == 2)
        assert np.array_equal(found.masks([2, 1], region=region), [part == 2, part == 1])
        slices = slice(top, top + height), slice(left, left + width)
        assert np.array_equal(found.labels(region=slices), part)
        assert np.array_equal(found.fractions(1, region=region), (part == 1).astype(np.float32))


def test_a_window_decodes_only_its_tiles():
    made = label_image()
    source = tiled(made, TILE, kind="LABELMAP")
    frames = [dt.encode_frame(frame, "RLELossless", bits_allocated=8) for frame in dt.decode(source)]
    source.PixelData = encapsulate([*frames[:-1], b"\1\0\0\0"])
    source["PixelData"].VR, source["PixelData"].is_undefined_length = "OB", True
    source.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    with dt.read_segmentation(source) as found:
        assert np.array_equal(found.labels(region=(0, 0, 24, 37)), made[:, :24])
        with pytest.raises(dt.DecodeError, match="frame 15"):
            found.labels()


@pytest.mark.parametrize("sparse", [False, True])
def test_fractions_of_tiles(sparse):
    made = fractions()
    with dt.read_segmentation(tiled(made, TILE, kind="FRACTIONAL", sparse=sparse)) as found:
        for k in (1, 2):
            assert np.allclose(found.fractions(k), made[k - 1] / 200)
            assert np.allclose(found.fractions(k, region=(5, 6, 9, 20)), made[k - 1][:, 5:14, 6:26] / 200)
            assert np.array_equal(found.mask(k), made[k - 1] >= 100)
            assert np.array_equal(found.mask(k, threshold=0.25), made[k - 1] >= 50)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("sparse", [False, True])
def test_runs_go_on_from_tile_to_tile(kind, sparse):
    made = label_image(2)
    made[:, 9, :] = 1
    with dt.read_segmentation(tiled(made, TILE, kind=kind, sparse=sparse, heights=(0.0, 2.0))) as found:
        planes, rows, starts, lengths = found.runs(1)
        again = np.zeros(made.shape, np.uint8)
        for plane, row, start, length in zip(planes, rows, starts, lengths, strict=True):
            again[plane, row, start : start + length] += 1
        assert np.array_equal(again, made == 1)
        of_row = (planes == 1) & (rows == 9)
        assert starts[of_row].tolist() == [0]
        assert lengths[of_row].tolist() == [37]


@pytest.mark.parametrize("sparse", [False, True])
def test_focal_planes_are_planes(sparse):
    made = label_image(3)
    with dt.read_segmentation(tiled(made, TILE, sparse=sparse, heights=(1.0, 3.0, 5.0))) as found:
        assert found.shape == made.shape
        assert np.array_equal(found.labels(), made)
        assert np.isclose(found.affine_slide[2, 2], 0.002)


def test_label_maps_of_16_bits():
    made = label_image(dtype=np.uint16) * 300
    with dt.read_segmentation(tiled(made, TILE, kind="LABELMAP", segments=(300, 600))) as found:
        assert found.labels().dtype == np.uint16
        assert np.array_equal(found.labels(), made)
        assert np.array_equal(found.labels(600), np.where(made == 600, 600, 0))
        assert np.array_equal(found.labels(dtype=np.uint32, region=(1, 2, 3, 4)), made[:, 1:4, 2:6])


def test_segments_of_a_full_object_are_in_the_order_of_their_numbers():
    made = label_image()
    with dt.read_segmentation(tiled(made, TILE, numbers=(2, 1))) as found:
        assert np.array_equal(found.labels(), made)


def test_a_part_of_a_concatenation():
    made = label_image()
    source = tiled(made, TILE)
    whole = source.NumberOfFrames
    bits = np.unpackbits(np.frombuffer(source.PixelData, np.uint8), bitorder="little")
    part = bits[5 * TILE[0] * TILE[1] : whole * TILE[0] * TILE[1]]
    data = np.packbits(part, bitorder="little").tobytes()
    source.PixelData, source.NumberOfFrames = data + b"\0" * (len(data) % 2), whole - 5
    with pytest.raises(dt.DecodeError, match="which makes 32 frames"):
        dt.read_segmentation(source)
    source.ConcatenationFrameOffsetNumber = 5
    with dt.read_segmentation(source) as found:
        assert np.array_equal(found.mask(2), made == 2)
        lost = made.copy()
        lost[:, :8] = np.where(lost[:, :8] == 1, 0, lost[:, :8])
        lost[:, 8:16, :11] = np.where(lost[:, 8:16, :11] == 1, 0, lost[:, 8:16, :11])
        assert np.array_equal(found.labels(), lost)


def test_overlapping_segments_of_tiles():
    made = label_image()
    source = tiled(made, TILE, sparse=True)
    # The frames of both segments of one tile become frames of the place of another one.
    for group in source.PerFrameFunctionalGroupsSequence:
        group.PlanePositionSlideSequence[0].RowPositionInTotalImagePixelMatrix = 1
        group.PlanePositionSlideSequence[0].ColumnPositionInTotalImagePixelMatrix = 1
    frames = dt.decode(source)
    segments = [
        group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for group in source.PerFrameFunctionalGroupsSequence
    ]
    first, last = np.zeros((2, *TILE), np.uint8)
    for frame, number in zip(frames, segments, strict=True):
        first = np.where((first == 0) & (frame != 0), number, first)
        last = np.where(frame != 0, number, last)
    with dt.read_segmentation(source) as found:
        with pytest.raises(dt.DecodeError, match="segments overlap"):
            found.labels()
        assert np.array_equal(found.labels(overlap="first")[0, :8, :11], first)
        assert np.array_equal(found.labels(overlap="last")[0, :8, :11], last)
        assert not found.labels(overlap="last")[0, 8:].any()


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_tiles_that_overlap_in_part_or_lie_outside(kind):
    made = fractions() if kind == "FRACTIONAL" else label_image()
    source = tiled(made, TILE, kind=kind, sparse=True)
    rng = np.random.default_rng(2)
    corners = []
    for group in source.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSlideSequence[0]
        corners.append((int(rng.integers(-12, 40)), int(rng.integers(-12, 50))))
        place.RowPositionInTotalImagePixelMatrix = corners[-1][0] + 1
        place.ColumnPositionInTotalImagePixelMatrix = corners[-1][1] + 1
    frames = dt.decode(source)
    expected = {"first": np.zeros((100, 100), np.uint8), "last": np.zeros((100, 100), np.uint8)}
    largest = np.zeros((100, 100))
    for k, (row, column) in enumerate(corners):
        place = np.s_[row + 20 : row + 28, column + 20 : column + 31]
        if kind == "LABELMAP":
            number = frames[k]
        else:
            of = source.PerFrameFunctionalGroupsSequence[k].SegmentIdentificationSequence[0]
            number = np.where(frames[k] >= (100 if kind == "FRACTIONAL" else 1), of.ReferencedSegmentNumber, 0)
            if of.ReferencedSegmentNumber == 2:
                largest[place] = np.maximum(largest[place], frames[k])
        expected["first"][place] = np.where(expected["first"][place] == 0, number, expected["first"][place])
        expected["last"][place] = np.where(number != 0, number, expected["last"][place])
    inside = np.s_[20 : 20 + SIZE[0], 20 : 20 + SIZE[1]]
    with dt.read_segmentation(source) as found:
        with pytest.raises(dt.DecodeError, match="overlap"):
            found.labels()
        for overlap, labels in expected.items():
            assert np.array_equal(found.labels(overlap=overlap)[0], labels[inside])
            window = found.labels(overlap=overlap, region=(4, 5, 12, 20))
            assert np.array_equal(window[0], labels[inside][4:16, 5:25])
        if kind == "FRACTIONAL":
            assert np.allclose(found.fractions(2)[0], largest[inside] / 200)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("shift", [(-3, -4), (5, 7), (-8, -11), (-9, 0), (0, 30), (1000, -1000)])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_grid_of_tiles_that_reaches_outside(kind, shift, threads):
    """What lies outside of the total pixel matrix is cut off, on each of its sides."""
    made = fractions() if kind == "FRACTIONAL" else label_image()
    source = tiled(made, TILE, kind=kind, sparse=True)
    for group in source.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSlideSequence[0]
        place.RowPositionInTotalImagePixelMatrix += shift[0]
        place.ColumnPositionInTotalImagePixelMatrix += shift[1]
    wanted = np.zeros_like(made)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            if 0 <= row - shift[0] < SIZE[0] and 0 <= column - shift[1] < SIZE[1]:
                wanted[..., row, column] = made[..., row - shift[0], column - shift[1]]
    part = np.s_[:, 2:12, 3:23]
    region = (2, 3, 10, 20)
    with dt.read_segmentation(source) as found:
        assert found.shape == (1, *SIZE)
        if kind == "FRACTIONAL":
            assert np.allclose(found.fractions(2, threads=threads), wanted[1] / 200)
            assert np.allclose(found.fractions(2, region=region), wanted[1][part] / 200)
            of_first = wanted[0] >= 100
        else:
            out = np.full((1, *SIZE), 9, np.uint8)
            assert np.array_equal(found.labels(out=out, threads=threads), wanted)
            assert np.array_equal(found.labels(region=region), wanted[part])
            of_first = wanted == 1
        assert np.array_equal(found.mask(1, threads=threads), of_first)
        again = np.zeros((1, *SIZE), np.uint8)
        for plane, row, start, length in zip(*found.runs(1), strict=True):
            again[plane, row, start : start + length] += 1
        assert np.array_equal(again, of_first)


def test_without_the_size_of_the_matrix_the_tiles_say_it():
    made = label_image()
    source = tiled(made, TILE, sparse=True)
    del source.TotalPixelMatrixRows, source.TotalPixelMatrixColumns
    with dt.read_segmentation(source) as found:
        assert found.shape == (1, 32, 44)
        assert np.array_equal(found.labels()[:, :29, :37], made)


def test_tiles_that_contradict_themselves_are_refused():
    made = label_image()
    source = tiled(made, TILE)
    source.TotalPixelMatrixColumns = 60
    with pytest.raises(dt.DecodeError, match="TILED_FULL with 4 x 6 tiles"):
        dt.read_segmentation(source)
    del source.TotalPixelMatrixRows
    with pytest.raises(dt.DecodeError, match="TotalPixelMatrixRows is 0"):
        dt.read_segmentation(source)
    source = tiled(made, TILE, sparse=True)
    del source.PerFrameFunctionalGroupsSequence[3].PlanePositionSlideSequence
    with pytest.raises(dt.DecodeError, match=r"frame 3: .*does not say where the frame is"):
        dt.read_segmentation(source)
    source = tiled(made, TILE, sparse=True)
    source.TotalPixelMatrixRows = source.TotalPixelMatrixColumns = 2**31
    with dt.read_segmentation(source) as found:
        with pytest.raises(dt.LimitExceeded) as caught:
            found.labels()
        assert "region=" in "".join(caught.value.__notes__)
        assert np.array_equal(found.labels(region=(0, 0, *SIZE)), made)
        with pytest.raises(dt.DecodeError, match="of a slide"):
            found.on(None)
        with pytest.raises(ValueError, match="does not lie within"):
            found.labels(region=(0, -1, 4, 4))


def test_windows_of_planes_that_are_no_tiles():
    made = masks()
    labels = made[0] + 2 * made[1]
    with dt.read_segmentation(binary(made)) as found:
        assert np.array_equal(found.labels(region=(2, 3, 5, 6)), labels[:, 2:7, 3:9])
        assert np.array_equal(found.masks(region=(0, 0, 1, SHAPE[2])), made[:, :, :1])


def test_damage_anywhere_in_tiles_is_an_error_and_no_crash():
    rng = np.random.default_rng(4)
    for sparse in (False, True):
        file = io.BytesIO()
        pydicom.dcmwrite(file, tiled(label_image(), TILE, sparse=sparse), enforce_file_format=True)
        data = file.getvalue()
        header = data.index(b"\xe0\x7f\x10\x00")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(200):
                damaged = bytearray(data)
                for _ in range(rng.integers(1, 6)):
                    damaged[rng.integers(132, header)] = rng.integers(256)
                try:
                    with dt.read_segmentation(bytes(damaged)) as found:
                        if np.prod(found.shape, dtype=float) < 1e7:
                            found.labels(overlap="last")
                            found.runs(found.segments[0].number)
                except (dt.Error, KeyError, ValueError):
                    pass


def slide_dataset(rows, columns):
    """Return an image of a slide without pixels, as highdicom needs it."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.826.0.1.3680043.8.498.9"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3.1", "1.2.3.2", "1.2.3.3"
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        setattr(ds, keyword, "")
    ds.StudyDate = ds.StudyTime = ds.ReferringPhysicianName = ""
    ds.Modality, ds.PositionReferenceIndicator, ds.ContainerIdentifier = "SM", "SLIDE_CORNER", "1"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.IssuerOfTheContainerIdentifierSequence = ds.ContainerTypeCodeSequence = []
    specimen = item(SpecimenIdentifier="1", SpecimenUID="1.2.3.4", IssuerOfTheSpecimenIdentifierSequence=[])
    specimen.SpecimenPreparationSequence = []
    ds.SpecimenDescriptionSequence = [specimen]
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixFocalPlanes = rows, columns, 1
    ds.NumberOfFrames, ds.DimensionOrganizationType = -(-rows // 16) * -(-columns // 16), "TILED_FULL"
    ds.TotalPixelMatrixOriginSequence = [item(XOffsetInSlideCoordinateSystem=20, YOffsetInSlideCoordinateSystem=40)]
    ds.ImageOrientationSlide = [0.0, -1.0, 0.0, -1.0, 0.0, 0.0]
    ds.ImagedVolumeWidth, ds.ImagedVolumeHeight, ds.ImagedVolumeDepth = columns / 2000, rows / 1000, 1.0
    measures = item(PixelSpacing=[0.001, 0.0005], SliceThickness=0.002)
    ds.SharedFunctionalGroupsSequence = [item(PixelMeasuresSequence=[measures])]
    ds.OpticalPathSequence, ds.NumberOfOpticalPaths = [item(OpticalPathIdentifier="1")], 1
    return ds


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("organisation", ["TILED_FULL", "TILED_SPARSE"])
def test_slides_of_highdicom_are_read_as_it_reads_them(tmp_path, kind, organisation):
    highdicom = pytest.importorskip("highdicom")
    described = descriptions(highdicom)
    made = label_image()
    pixels = np.moveaxis(fractions() / np.float32(255), 0, -1) if kind == "FRACTIONAL" else made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written = highdicom.seg.Segmentation(
            source_images=[slide_dataset(*SIZE)],
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=described,
            series_instance_uid="1.2.3.5",
            series_number=1,
            sop_instance_uid="1.2.3.6",
            instance_number=1,
            manufacturer="m",
            manufacturer_model_name="m",
            software_versions="1",
            device_serial_number="1",
            dimension_organization_type=organisation,
            tile_pixel_array=True,
            tile_size=TILE,
            omit_empty_frames=organisation == "TILED_SPARSE",
        )
        written.save_as(tmp_path / "seg.dcm")
        theirs = highdicom.seg.segread(tmp_path / "seg.dcm")
        matrix = theirs.get_total_pixel_matrix(combine_segments=kind != "FRACTIONAL")
        geometry = theirs.get_volume_geometry()
    with dt.read_segmentation(tmp_path / "seg.dcm") as found:
        assert np.allclose(found.affine_slide[:3, 3], geometry.position)
        if kind == "FRACTIONAL":
            assert np.allclose(np.stack([found.fractions(n)[0] for n in (1, 2)], -1), matrix)
        else:
            assert np.array_equal(matrix, made[0])
            assert np.array_equal(found.labels(), made)
            assert np.array_equal(found.labels(region=(7, 9, 15, 20))[0], matrix[7:22, 9:29])
            assert np.array_equal(found.mask(2)[0], matrix == 2)


@pytest.mark.parametrize(
    ("kind", "syntax"),
    [("BINARY", None), ("FRACTIONAL", "JPEGLSLossless"), ("LABELMAP", "RLELossless"), ("LABELMAP", "HTJ2KLossless")],
)
@pytest.mark.parametrize("organisation", ["TILED_FULL", "TILED_SPARSE"])
def test_segmentations_of_slides_are_written(tmp_path, kind, syntax, organisation):
    highdicom = pytest.importorskip("highdicom")
    described = descriptions(highdicom)
    made = label_image()
    pixels = np.moveaxis(fractions() / np.float32(255), 0, -1) if kind == "FRACTIONAL" else made
    path = tmp_path / "seg.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dt.write_segmentation(
            pixels,
            [slide_dataset(*SIZE)],
            described,
            path,
            kind=kind,
            transfer_syntax=syntax,
            dimension_organization_type=organisation,
            tile_pixel_array=True,
            tile_size=TILE,
            omit_empty_frames=organisation == "TILED_SPARSE",
        )
        theirs = highdicom.seg.segread(path)
        if syntax in (None, "RLELossless"):  # what highdicom decodes by itself
            matrix = theirs.get_total_pixel_matrix(combine_segments=kind != "FRACTIONAL")
        else:
            matrix = np.moveaxis(fractions() / np.float32(255), 0, -1)[0] if kind == "FRACTIONAL" else made[0]
    with dt.open(path) as image:
        assert len(image) == int(theirs.NumberOfFrames)
    with dt.read_segmentation(path) as found:
        assert found.shape == (1, *SIZE)
        assert [one.label for one in found.segments][-2:] == ["part 1", "part 2"]  # before them, the background
        if kind == "FRACTIONAL":
            assert np.allclose(np.stack([found.fractions(n)[0] for n in (1, 2)], -1), matrix, atol=0.5 / 255)
        else:
            assert np.array_equal(found.labels(), made)
            assert np.array_equal(matrix, made[0])
