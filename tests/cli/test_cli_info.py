"""``dcmturbo info``."""

from __future__ import annotations

import pydicom
from helpers.command_line import CT, DATA, MULTI, REPORT, RLE, TRUNCATED

import dcmturbo as dt


def test_info_for_people(call):
    code, out, err = call("info", DATA / "693_J2KI.dcm")
    assert (code, err) == (0, "")
    for text in (
        "JPEG 2000 Image Compression (1.2.840.10008.1.2.4.91)",
        "CT Image Storage",
        "512 rows x 512 columns",
        "14 stored of 16 allocated",
        "512 x 512 int16 MONOCHROME2",
        "jpeg2000, 512 x 512",
        "16 bits signed",
        "1548",
        "a scan of the items",
    ):
        assert text in out


def test_info_json(call_json):
    code, document = call_json("info", MULTI)
    assert code == 0
    assert document["command"] == "info"
    assert document["failed"] == []
    (found,) = document["files"]
    assert found["transfer_syntax"]["uid"] == "1.2.840.10008.1.2.4.50"
    assert found["decoded"] == {"shape": [30, 240, 320, 3], "dtype": "uint8", "photometric_interpretation": "RGB"}
    assert found["image"]["photometric_interpretation"] == "YBR_FULL_422"
    assert found["image"]["number_of_frames"] == 30
    assert found["frames"]["index"] == "basic"
    assert found["frames"]["found"] == 30
    assert found["codestream"]["format"] == "jpeg"
    assert [c["horizontal_step"] for c in found["codestream"]["components"]] == [1, 2, 2]
    assert len(found["frames"]["table"]) == 8
    with dt.open(MULTI) as image, open(MULTI, "rb") as file:
        for row in found["frames"]["table"]:
            file.seek(row["offset"])
            assert file.read(row["bytes"]) == bytes(image.encoded_frame(row["frame"]))


def test_info_frame_table_lengths(call, call_json):
    assert len(call_json("info", MULTI, "--frames", "3")[1]["files"][0]["frames"]["table"]) == 3
    assert len(call_json("info", MULTI, "--all")[1]["files"][0]["frames"]["table"]) == 30
    assert "the first 3 of 30 frames" in call("info", MULTI, "--frames", "3")[1]


def test_info_without_pixel_data(call, call_json):
    code, out, err = call("info", REPORT)
    assert (code, err) == (0, "")
    assert "no Pixel Data" in out
    (found,) = call_json("info", REPORT)[1]["files"]
    assert found["sop_class"]["name"] == "Basic Text SR Storage"
    assert found["pixel_data"] is None
    assert found["frames"] is None


def test_info_of_unsupported_transfer_syntax(call_json, tmp_path):
    dataset = pydicom.dcmread(DATA / "MR_small_RLE.dcm")
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.save_as(tmp_path / "video.dcm")
    code, document = call_json("info", tmp_path / "video.dcm")
    (found,) = document["files"]
    assert code == 0
    assert found["transfer_syntax"]["decoded_here"] is False
    assert "1.2.840.10008.1.2.4.102" in found["remark"]
    assert found["image"]["rows"] == 64


def test_info_of_deflated_dataset(call_json):
    (found,) = call_json("info", DATA / "image_dfl.dcm")[1]["files"]
    assert found["file"]["deflated"]
    assert found["file"]["preamble"]
    assert found["sop_class"]["name"] == "Secondary Capture Image Storage"
    assert found["decoded"]["shape"] == [512, 512]


def test_info_of_damaged_file_shows_what_there_is(call, call_json):
    code, out, err = call("info", TRUNCATED)
    assert code == 0  # the header is whole
    assert "cut short" in out
    assert "dcmturbo: warning: " in err
    code, document = call_json("info", DATA / "JPEG2000-embedded-sequence-delimiter.dcm")
    assert code == 1
    assert document["files"][0]["image"]["rows"] == 1024
    assert document["failed"][0]["type"] == "DecodeError"


def test_info_of_a_folder(call, call_json):
    code, out, _ = call("info", DATA / "dicomdirtests")
    assert code == 0
    assert "77654033" in out
    assert "skipped in folders: 2 that are not DICOM" in out
    document = call_json("info", DATA / "dicomdirtests")[1]
    assert document["skipped"]["not_dicom"] == 2
    assert sum(found["decoded"] is not None for found in document["files"]) == 31


def test_info_counts_empty_files(call, call_json, tmp_path):
    (tmp_path / "image.dcm").write_bytes(CT.read_bytes())
    (tmp_path / "lost.dcm").touch()
    assert "skipped in folders: 1 that is not DICOM (1 empty)" in call("info", tmp_path)[1]
    assert call_json("info", tmp_path)[1]["skipped"]["empty"] == 1


def test_info_full(call):
    out = call("info", CT, RLE, "--full")[1]
    assert out.count("SOP class") == 2


def test_info_of_url(call_json):
    (found,) = call_json("info", f"file://{CT}")[1]["files"]
    assert found["decoded"]["shape"] == [128, 128]
    assert found["sop_class"]["name"] == "CT Image Storage"
