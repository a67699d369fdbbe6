"""``dcmturbo encode``: pictures and arrays as DICOM files."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from helpers.command_line import CT, DATA, INVERTED, PALETTE
from PIL import Image

import dcmturbo as dt

MR = DATA / "MR_small.dcm"
NOISE = np.random.default_rng(3)


def pictures() -> dict[str, np.ndarray]:
    return {
        "grey.png": NOISE.integers(0, 256, (31, 17), dtype=np.uint8),
        "rgb.png": NOISE.integers(0, 256, (31, 17, 3), dtype=np.uint8),
        "deep.png": NOISE.integers(0, 1 << 16, (31, 17), dtype=np.uint16),
        "deep.tiff": NOISE.integers(0, 1 << 16, (31, 17), dtype=np.uint16),
        "rgb.tiff": NOISE.integers(0, 256, (31, 17, 3), dtype=np.uint8),
        "ct.npy": NOISE.integers(-1024, 3072, (31, 17), dtype=np.int16),
        "frames.npy": NOISE.integers(0, 256, (4, 31, 17), dtype=np.uint8),
        "colours.npy": NOISE.integers(0, 256, (4, 31, 17, 3), dtype=np.uint8),
        "wide.npy": NOISE.integers(0, 1 << 32, (31, 17), dtype=np.uint32),
        "mask.npy": NOISE.integers(0, 2, (31, 17), dtype=np.uint8).astype(bool),
        "big.npy": NOISE.integers(0, 1 << 16, (31, 17), dtype=np.uint16).astype(">u2"),
    }


@pytest.mark.parametrize("name", list(pictures()))
@pytest.mark.parametrize("syntax", ["explicit", "rle", "JPEGLSLossless"])
def test_what_is_encoded_is_decoded(call, tmp_path, name, syntax):
    array = pictures()[name]
    if name == "wide.npy" and syntax == "JPEGLSLossless":
        pytest.skip("JPEG-LS has at most 16 bits")
    if name.endswith(".npy"):
        np.save(tmp_path / name, array)
    else:
        Image.fromarray(array).save(tmp_path / name)
    code, out, err = call("encode", tmp_path / name, "-o", tmp_path / "x.dcm", "--to", syntax)
    assert (code, err) == (0, "")
    assert "verified" in out
    np.testing.assert_array_equal(dt.decode(tmp_path / "x.dcm"), array)
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert ds.SOPClassUID.name.endswith("Secondary Capture Image Storage")
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert ("NumberOfFrames" in ds) == (array.ndim - (array.shape[-1] == 3) == 3)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
def test_floats_are_for_parametric_maps(call, tmp_path, dtype):
    """PS3.3, A.75: no other object has Float Pixel Data."""
    template = pydicom.dcmread(CT)
    template.SOPClassUID = "1.2.840.10008.5.1.4.1.1.30"
    template.save_as(tmp_path / "map.dcm")
    array = NOISE.normal(size=(8, 9)).astype(dtype)
    array[0, 0] = np.nan
    np.save(tmp_path / "x.npy", array)
    arguments = ("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--template")
    assert call(*arguments, CT)[0] == 1
    assert call(*arguments, tmp_path / "map.dcm")[0] == 0
    np.testing.assert_array_equal(dt.decode(tmp_path / "x.dcm"), array)


def test_a_template_gives_what_is_around_the_pixels(call, call_json, tmp_path):
    np.save(tmp_path / "ct.npy", dt.decode(CT) + np.int16(5))
    code, document = call_json(
        "encode", tmp_path / "ct.npy", "-o", tmp_path / "x.dcm", "--template", CT, "--to", "htj2k"
    )
    assert code == 0
    assert document["file"]["verified"]
    before, after = pydicom.dcmread(CT), pydicom.dcmread(tmp_path / "x.dcm")
    np.testing.assert_array_equal(dt.decode(tmp_path / "x.dcm"), dt.decode(CT) + 5)
    for keyword in ("PatientName", "StudyInstanceUID", "SeriesInstanceUID", "RescaleIntercept", "PixelSpacing"):
        assert after[keyword].value == before[keyword].value
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.SOPClassUID == before.SOPClassUID
    assert after.ImageType[0] == "DERIVED"
    arguments = ("encode", tmp_path / "ct.npy", "-o", tmp_path / "y.dcm", "--template", CT, "--new-series")
    assert call(*arguments)[0] == 0
    assert pydicom.dcmread(tmp_path / "y.dcm").SeriesInstanceUID != before.SeriesInstanceUID


def test_pixels_of_another_type_lose_what_described_the_old_ones(call, tmp_path):
    array = NOISE.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", array)
    for template in (CT, PALETTE, INVERTED):
        code, _, err = call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--template", template, "--force")
        assert (code, err) == (0, "")
        ds = pydicom.dcmread(tmp_path / "x.dcm")
        assert ds.PhotometricInterpretation == "RGB"
        gone = ("RescaleSlope", "WindowCenter", "PixelPaddingValue", "RedPaletteColorLookupTableDescriptor")
        assert not [keyword for keyword in gone if keyword in ds]
        assert "PixelSpacing" not in ds  # another size
        np.testing.assert_array_equal(dt.decode(tmp_path / "x.dcm"), array)


def test_what_gives_values_a_meaning_is_named_where_it_stays(call, tmp_path):
    """The new pixels may have other values: RescaleSlope and the like would lie about them."""
    ds = pydicom.dcmread(CT)
    mapping = pydicom.Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.5, 0.0
    ds.RescaleSlope, ds.RescaleIntercept, ds.RealWorldValueMappingSequence = 1, -1024, [mapping]
    ds.HistogramSequence = [pydicom.Dataset()]
    ds.save_as(tmp_path / "t.dcm")
    np.save(tmp_path / "same.npy", dt.decode(CT))
    np.save(tmp_path / "other.npy", dt.decode(CT).astype(np.uint8))
    arguments = ("--template", tmp_path / "t.dcm", "-o", tmp_path / "x.dcm", "--force")
    code, _, err = call("encode", tmp_path / "same.npy", *arguments)
    assert code == 0
    assert "kept from the template: RescaleIntercept -1024" in err
    assert "RealWorldValueMappingSequence; if the new pixels have other values, use --set" in err
    assert "HistogramSequence" not in pydicom.dcmread(tmp_path / "x.dcm")
    code, _, err = call("encode", tmp_path / "same.npy", *arguments, "--set", "RescaleIntercept=0")
    assert "kept from the template: RealWorldValueMappingSequence;" in err
    code, _, err = call("encode", tmp_path / "other.npy", *arguments)
    assert (code, err) == (0, "")
    gone = ("RescaleSlope", "RescaleIntercept", "RealWorldValueMappingSequence")
    assert not [keyword for keyword in gone if keyword in pydicom.dcmread(tmp_path / "x.dcm")]


def test_mappings_in_functional_groups(call, tmp_path):
    ds = pydicom.dcmread(CT)
    group, values = pydicom.Dataset(), pydicom.Dataset()
    values.RescaleSlope, values.RescaleIntercept = 2, -7
    group.PixelValueTransformationSequence = [values]
    ds.SharedFunctionalGroupsSequence = [group]
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    ds.save_as(tmp_path / "t.dcm")
    np.save(tmp_path / "same.npy", dt.decode(CT))
    np.save(tmp_path / "other.npy", dt.decode(CT).astype(np.uint8))
    arguments = ("--template", tmp_path / "t.dcm", "-o", tmp_path / "x.dcm", "--force")
    assert (
        "kept from the template: PixelValueTransformationSequence;"
        in call("encode", tmp_path / "same.npy", *arguments)[2]
    )
    assert call("encode", tmp_path / "other.npy", *arguments)[2] == ""
    assert (
        "PixelValueTransformationSequence" not in pydicom.dcmread(tmp_path / "x.dcm").SharedFunctionalGroupsSequence[0]
    )


def test_a_dose_as_template(call, tmp_path):
    ds = pydicom.dcmread(DATA / "rtdose.dcm")
    old = dt.decode(DATA / "rtdose.dcm")
    assert ds.DoseGridScaling
    np.save(tmp_path / "same.npy", old // 2)
    np.save(tmp_path / "other.npy", (old >> 8).astype(np.uint16))
    np.save(tmp_path / "fewer.npy", old[:3])
    arguments = ("--template", DATA / "rtdose.dcm", "-o", tmp_path / "x.dcm", "--force")
    code, _, err = call("encode", tmp_path / "same.npy", *arguments)
    assert code == 0
    assert f"kept from the template: DoseGridScaling {ds.DoseGridScaling}" in err
    made = pydicom.dcmread(tmp_path / "x.dcm")
    assert made.FrameIncrementPointer == 0x3004000C
    assert "DVHSequence" not in made
    code, _, err = call("encode", tmp_path / "other.npy", *arguments)
    assert code == 1
    assert "--set DoseGridScaling=VALUE" in err
    code, _, err = call("encode", tmp_path / "other.npy", *arguments, "--set", "DoseGridScaling=0.25")
    assert (code, err) == (0, "")
    volume = dt.read_volume(tmp_path / "x.dcm", apply="rescale")
    assert np.array_equal(volume.array, (old >> 8) * np.float32(0.25))
    code, _, err = call("encode", tmp_path / "fewer.npy", *arguments)
    assert code == 1
    assert "GridFrameOffsetVector of the template has the places of 15 frames, but there are 3" in err


def test_monochrome1_stays(call, tmp_path):
    np.save(tmp_path / "x.npy", dt.decode(INVERTED))
    assert call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--template", INVERTED)[0] == 0
    np.testing.assert_array_equal(dt.render(tmp_path / "x.dcm"), dt.render(INVERTED))


def test_several_inputs_are_frames(call, tmp_path):
    frames = NOISE.integers(0, 256, (3, 20, 30), dtype=np.uint8)
    names = []
    for k, frame in enumerate(frames):
        names.append(tmp_path / f"{k}.png")
        Image.fromarray(frame).save(names[-1])
    assert (
        call("encode", *names, "-o", tmp_path / "x.dcm", "--set", "PatientID=42", "--set", "PatientName=Doe^J")[0] == 0
    )
    np.testing.assert_array_equal(dt.decode(tmp_path / "x.dcm"), frames)
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert (ds.PatientID, str(ds.PatientName)) == ("42", "Doe^J")
    Image.fromarray(frames[0][:5]).save(tmp_path / "small.png")
    code, _, err = call("encode", names[0], tmp_path / "small.png", "-o", tmp_path / "y.dcm")
    assert code == 1
    assert "one shape and type" in err


def test_pages_are_frames(call, tmp_path):
    assert call("decode", DATA / "examples_ybr_color.dcm", "-o", tmp_path / "x.tiff", "--frames", "0-2")[0] == 0
    assert call("encode", tmp_path / "x.tiff", "-o", tmp_path / "x.dcm")[0] == 0
    np.testing.assert_array_equal(dt.decode(tmp_path / "x.dcm"), dt.decode(DATA / "examples_ybr_color.dcm", [0, 1, 2]))


def test_jpeg_is_lossy(call, tmp_path):
    Image.fromarray(pictures()["rgb.png"]).save(tmp_path / "x.jpg")
    assert call("encode", tmp_path / "x.jpg", "-o", tmp_path / "x.dcm")[0] == 0
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert (ds.LossyImageCompression, ds.LossyImageCompressionMethod) == ("01", "ISO_10918_1")


def test_a_lossy_history_is_kept(call, tmp_path):
    template = pydicom.dcmread(MR)
    template.LossyImageCompression, template.LossyImageCompressionMethod = "01", "ISO_14495_1"
    template.save_as(tmp_path / "t.dcm")
    np.save(tmp_path / "x.npy", dt.decode(MR))
    assert call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--template", tmp_path / "t.dcm")[0] == 0
    assert pydicom.dcmread(tmp_path / "x.dcm").LossyImageCompression == "01"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("{text}",), 1, "no picture that Pillow can read"),
        (("{absent}",), 1, "No such file"),
        (("{folder}",), 1, "is a folder"),
        (("{complex}",), 1, "no pixels of type complex"),
        (("{line}",), 1, "shape (7,)"),
        (("{good}", "--to", "jsl"), 2, "did you mean JPEGLSLossless"),
        (("{good}", "--to", "JPEGExtended12Bit"), 2, "always lossy"),
        (("{good}", "--to", "JPEGBaseline8Bit"), 1, "is not a JPEG file, and JPEG would lose some of its pixels"),
        (("{good}", "--to", "JPEGXLJPEGRecompression"), 1, "is not a JPEG file"),
        (("{floats}",), 1, "float32, which only Parametric Map objects can have"),
        (("{objects}",), 1, "dcmturbo loads no objects"),
        (("{empty}",), 1, "shape (0, 5)"),
        (("{opacity}",), 1, "leave out the opacity"),
        (("{signed}",), 1, "colours are unsigned integers"),
        (("{good}", "--background", "blueish"), 2, "expected a colour"),
        (("{good}", "--to", "bee"), 2, "does not encode"),
        (("{good}", "--set", "PatientNam=x"), 2, "not the keyword"),
        (("{good}", "--template", "{text}"), 1, "DICOM"),
    ],
)
def test_what_cannot_be_encoded(call, tmp_path, arguments, code, words):
    (tmp_path / "notes.txt").write_text("no picture\n" * 100)
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "complex.npy", np.zeros((2, 2), np.complex64))
    np.save(tmp_path / "line.npy", np.zeros(7, np.uint8))
    np.save(tmp_path / "floats.npy", np.zeros((4, 4), np.float32))
    np.save(tmp_path / "objects.npy", np.array([[1, None]], object), allow_pickle=True)
    np.save(tmp_path / "empty.npy", np.zeros((0, 5), np.uint8))
    np.save(tmp_path / "opacity.npy", np.zeros((8, 9, 4), np.uint8))
    np.save(tmp_path / "signed.npy", np.zeros((8, 9, 3), np.int16))
    np.save(tmp_path / "good.npy", np.zeros((7, 7), np.uint8))
    names = ("complex", "line", "good", "absent", "floats", "objects", "empty", "opacity", "signed")
    places = {name: tmp_path / f"{name}.npy" for name in names}
    places |= {"text": tmp_path / "notes.txt", "folder": tmp_path / "folder"}
    before = sorted(os.listdir(tmp_path))
    found, _, err = call("encode", *(text.format(**places) for text in arguments), "-o", tmp_path / "x.dcm")
    assert found == code
    assert words in err
    assert "Traceback" not in err
    assert sorted(os.listdir(tmp_path)) == before


def test_nothing_is_overwritten(call, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((7, 7), np.uint8))
    (tmp_path / "x.dcm").write_bytes(b"precious")
    code, _, err = call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm")
    assert code == 1
    assert "--force" in err
    assert (tmp_path / "x.dcm").read_bytes() == b"precious"
    assert call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--force")[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PatientNme=x", "did you mean PatientName?"),
        ("Rows=5", "Rows follows from the pixels"),
        ("PatientAge=abc", "PatientAge cannot be 'abc'"),
        ("SeriesNumber=one", "SeriesNumber cannot be 'one'"),
        ("RecommendedDisplayFrameRateInFloat=fast", "RecommendedDisplayFrameRateInFloat cannot be 'fast'"),
        ("RedPaletteColorLookupTableData=abc", "cannot be given as a text"),
        ("TransferSyntaxUID=1.2", "follows from --to"),
        ("FileMetaInformationGroupLength=2", "follows from --to"),
        ("CommandGroupLength=2", "belongs to messages"),
        ("0010,0000=4", "is a group length"),
        ("(0009,1001)=x", "is private"),
        ("0010,0011=x", "is not the tag of an attribute"),
        ("ReferencedStudySequence=x", "a sequence cannot be given as a text"),
    ],
)
def test_values_that_cannot_be_set(call, tmp_path, text, words):
    np.save(tmp_path / "x.npy", np.zeros((4, 4), np.uint8))
    code, _, err = call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--set", text)
    assert code == 2
    assert words in " ".join(err.split())
    assert "Traceback" not in err
    assert not (tmp_path / "x.dcm").exists()


@pytest.mark.filterwarnings("error")
def test_values_have_the_type_of_their_attribute(call, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 4), np.uint8))
    options = ("RepresentativeFrameNumber=1", "ImageType=ORIGINAL\\PRIMARY", "PatientWeight=71.5", "InstanceNumber=7")
    settings = [part for text in options for part in ("--set", text)]
    assert call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", *settings)[0] == 0
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert (ds.RepresentativeFrameNumber, ds.PatientWeight, ds.InstanceNumber) == (1, 71.5, 7)
    assert list(ds.ImageType) == ["ORIGINAL", "PRIMARY"]


def test_one_hyphen_is_stdout(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(16, dtype=np.uint8).reshape(4, 4))
    command = [sys.executable, "-m", "dcmturbo", "encode", "x.npy", "-o", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    np.testing.assert_array_equal(dt.decode(done.stdout), np.load(tmp_path / "x.npy"))
    assert os.listdir(tmp_path) == ["x.npy"]


def test_a_picture_is_no_dicom_file_and_the_other_way_round(call, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 4), np.uint8))
    code, _, err = call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.png")
    assert code == 2
    assert "named as a picture" in " ".join(err.split())
    code, _, err = call("encode", CT, "-o", tmp_path / "x.dcm")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "it is a DICOM file already" in err


def test_attributes_by_their_tags(call, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 4), np.uint8))
    settings = ("--set", "0010,0020=7", "--set", "(0010,0010)=Doe", "--set", "00080060=MR")
    assert call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", *settings)[0] == 0
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert (ds.PatientID, ds.PatientName, ds.Modality) == ("7", "Doe", "MR")
    code, _, err = call(
        "encode", tmp_path / "x.npy", "-o", tmp_path / "y.dcm", "--set", "PhotometricInterpretation=RGB"
    )
    assert code == 1
    assert "these pixels are MONOCHROME1 or MONOCHROME2" in err


@pytest.mark.parametrize("with_template", [False, True])
def test_names_of_all_languages_are_kept(call, tmp_path, with_template):
    np.save(tmp_path / "x.npy", np.zeros((4, 4), np.uint8))
    ds = pydicom.dcmread(CT)
    ds.SpecificCharacterSet, ds.PatientComments = "ISO_IR 100", "für später"
    ds.save_as(tmp_path / "template.dcm")
    options = ("--template", tmp_path / "template.dcm") if with_template else ()
    name = "山田^太郎"
    assert (
        call("encode", tmp_path / "x.npy", "-o", tmp_path / "x.dcm", "--set", f"PatientName={name}", *options)[0] == 0
    )
    made = pydicom.dcmread(tmp_path / "x.dcm")
    assert made.PatientName == name
    assert made.get("PatientComments") == ("für später" if with_template else None)
