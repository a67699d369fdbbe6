"""`dt.deidentify`: whatever identifies somebody is gone from the bytes, and what is kept is right."""

import io
from datetime import datetime

import numpy as np
import pydicom
import pytest
from helpers.identified import KEY, as_file, image_with, patient, planted_dataset
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import dcmturbo as dt
from dcmturbo.deidentification.profile import OPTIONS, Profile, rows
from dcmturbo.deidentification.safe_private import SAFE, SafeAttribute

ALL_OPTIONS = sorted(OPTIONS)
MODES = [(), *((name,) for name in ALL_OPTIONS), tuple(n for n in ALL_OPTIONS if n.startswith(("clean", "modify")))]


def deidentified(data, **choices):
    output = io.BytesIO()
    result = dt.deidentify(data, output, key=KEY, **choices)
    return result, output.getvalue(), pydicom.dcmread(io.BytesIO(output.getvalue()))


def found_in(data: bytes, strings) -> list[str]:
    """Search as plainly as possible, with no code of the package."""
    lowered = data.lower()
    encodings = ("utf-8", "latin-1", "utf-16-le", "utf-16-be")
    return [s for s in strings if any(s.lower().encode(name) in lowered for name in encodings)]


# ---- the table --------------------------------------------------------------------------------------


# From the text of PS3.15, table E.1-1: tag, basic profile, and options with their actions.
SAMPLES = {
    0x00080050: ("Z", {}),
    0x00100010: ("Z", {}),
    0x00100020: ("Z/D", {}),
    0x00100030: ("Z", {}),
    0x0020000D: ("U", {"uids": "K"}),
    0x00080018: ("U", {"uids": "K"}),
    0x00080080: ("X/Z/D", {"institution": "K"}),
    0x00080081: ("X", {"institution": "K"}),
    0x00080090: ("Z", {}),
    0x00081030: ("X", {"descriptors": "C"}),
    0x0008103E: ("X", {"descriptors": "C"}),
    0x00081010: ("X/Z/D", {"device": "K"}),
    0x00181000: ("X/Z/D", {"device": "K"}),
    0x00080020: ("Z", {"full-dates": "K", "modified-dates": "C"}),
    0x00101010: ("X", {"patient": "K"}),
    0x00100040: ("Z", {"patient": "K"}),
    0x0040A730: ("D", {"structured-content": "C"}),
    0x00700001: ("D", {"graphics": "C"}),
    0x00081140: ("X/Z/U*", {"uids": "K"}),
    0x00104000: ("X", {"descriptors": "C"}),
}


@pytest.mark.parametrize("tag", SAMPLES, ids=lambda tag: f"{tag:08X}")
def test_rows_of_the_table_are_those_of_the_standard(tag):
    assert rows()[tag] == SAMPLES[tag]


def test_the_table_is_whole():
    assert len(rows()) > 640
    assert {action for action, _ in rows().values()} == {
        *("X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"),
    }


@pytest.mark.parametrize("options", MODES, ids=lambda options: "+".join(options) or "basic")
def test_planted_identities_are_gone_from_the_bytes(options):
    dataset, strings = planted_dataset()
    nested, inside = planted_dataset(1)
    dataset.add_new(0x52009229, "SQ", Sequence([nested]))  # a sequence that the table does not have
    block = dataset.private_block(0x0009, "ACME CORP", create=True)
    block.add_new(0x01, "LO", "Zqprivate4711")
    block.add_new(0x02, "UN", b"Zqunknown4711")
    strings += [*inside, "Zqprivate4711", "Zqunknown4711", "Zqpreamble"]
    profile = Profile(**dict.fromkeys(options, True))
    data = image_with(dataset)
    assert len(found_in(data, strings)) == len(strings)
    _, output, cleaned = deidentified(data, **dict.fromkeys(options, True))
    kept = set()
    for level in (dataset, nested):
        for element in level:
            if element.VR not in ("SQ", "OB", "OW", "UN") and profile.action(element.tag, element.VR) == "K":
                kept.update(str(element.value).split("^"))
                kept.add(str(element.value)[:8])
            elif element.VR == "OB" and profile.action(element.tag, "OB") == "K":
                kept.add(element.value.decode())
    # A moved date may be equal to another date of the source.
    kept.update(
        str(element.value)[:8] for element in cleaned if element.VR in ("DA", "DT") and "modify_dates" in options
    )
    kept.update(
        str(element.value)[:8]
        for element in cleaned[0x52009229][0]
        if element.VR in ("DA", "DT") and "modify_dates" in options
    )
    assert found_in(output, set(strings) - kept) == []
    assert cleaned.PatientIdentityRemoved == "YES"
    codes = {item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence}
    assert codes == {"113100", *(OPTIONS[name][1] for name in options)}


@pytest.mark.parametrize("options", MODES, ids=lambda options: "+".join(options) or "basic")
def test_every_attribute_gets_the_action_of_its_row(options):
    dataset, _ = planted_dataset()
    profile = Profile(**dict.fromkeys(options, True))
    before = {element.tag: element for element in dataset}
    _, _, cleaned = deidentified(image_with(dataset), **dict.fromkeys(options, True))
    marks = {0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280303}
    for tag, element in before.items():
        if tag in marks or tag.group >= 0x5000 or tag.group == 0x0028 or element.keyword in ("Rows", "Columns"):
            continue
        action = profile.action(tag, element.VR)
        if action == "X":
            assert tag not in cleaned, element.keyword
        elif action == "K":
            # What repeats a value that has to go elsewhere is emptied.
            assert cleaned[tag].value in (element.value, None, "") or element.VR == "SQ", element.keyword
        else:
            assert tag in cleaned, element.keyword
            if element.VR not in ("SQ", "TM", "IS", "DS", "CS", "AS", "US", "SS"):
                assert cleaned[tag].value != element.value, element.keyword
            if action == "D" and element.VR != "SQ":
                assert cleaned[tag].value not in (None, "", b""), element.keyword
            if action == "U" and element.VR == "UI":
                assert str(cleaned[tag].value).startswith("2.25."), element.keyword


# ---- values -----------------------------------------------------------------------------------------


def test_pseudonyms_depend_on_the_key_and_the_patient_only():
    one = deidentified(image_with(patient()))[2]
    again = deidentified(image_with(patient(study="1.2.826.9")))[2]
    other = deidentified(image_with(patient(number="QX-4711-89")))[2]
    output = io.BytesIO()
    dt.deidentify(image_with(patient()), output, key=KEY + b"!")
    foreign = pydicom.dcmread(io.BytesIO(output.getvalue()))
    assert one.PatientID == again.PatientID == one.PatientName == again.PatientName
    assert len({one.PatientID, other.PatientID, foreign.PatientID}) == 3
    assert one.StudyInstanceUID != foreign.StudyInstanceUID
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID


def test_references_between_objects_stay():
    first = patient()
    second = patient()
    second.SOPInstanceUID = "1.2.826.5.1.2.4"
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", first.SOPInstanceUID
    second.SourceImageSequence = Sequence([item])
    one, two = (deidentified(image_with(dataset))[2] for dataset in (first, second))
    assert two.SourceImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert two.SourceImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_dates_of_a_patient_move_together():
    moved = deidentified(image_with(patient()), modify_dates=True)[2]
    later = patient(study="1.2.826.7")
    later.StudyDate = "20210603"
    other = deidentified(image_with(later), modify_dates=True)[2]

    def day(text):
        return datetime.strptime(text, "%Y%m%d").toordinal()

    assert day(moved.SeriesDate) - day(moved.StudyDate) == 1
    assert day(other.StudyDate) - day(moved.StudyDate) == 31
    assert moved.StudyDate != "20210503"
    assert moved.StudyTime == "101500"
    assert moved.PatientBirthDate == ""
    assert moved.LongitudinalTemporalInformationModified == "MODIFIED"


@pytest.mark.parametrize("text", ["20219999", "2021", "yesterday", "20210503-20210601"])
def test_what_is_no_date_is_emptied(text):
    dataset = patient()
    with pydicom.config.disable_value_validation():
        dataset.add_new(0x00080021, "DA", text)
        data = image_with(dataset)
    try:
        cleaned = deidentified(data, modify_dates=True)[2]
    except dt.DeidentificationError:
        return
    assert text not in str(cleaned.get("SeriesDate", ""))


def test_descriptions_keep_words_that_name_nobody():
    _, _, cleaned = deidentified(image_with(patient()), clean_descriptors=True)
    assert cleaned.StudyDescription == "CT Thorax routine"
    _, _, cleaned = deidentified(image_with(patient()), clean_descriptors=True, words=["Frau"])
    assert cleaned.StudyDescription == "CT Thorax routine Frau"


def test_private_attributes_are_kept_if_they_are_safe():
    dataset = patient()
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x08, "LO", "not listed")
    other = dataset.private_block(0x0021, "ACME", create=True)
    other.add_new(0x01, "DS", "1.5")
    other.add_new(0x02, "LO", "Müller")
    data = image_with(dataset)
    assert not any(tag.is_private for tag in deidentified(data)[2].keys())  # noqa: SIM118
    kept = deidentified(data, retain_safe_private=True)[2]
    assert {tag for tag in kept.keys() if tag.is_private} == {0x00190010, 0x0019100C}  # noqa: SIM118
    more = deidentified(data, retain_safe_private=True, safe_private=["(0021,xx01) ACME", "(0021,xx02) ACME"])[2]
    private = {tag for tag in more.keys() if tag.is_private}  # noqa: SIM118
    assert private == {0x00190010, 0x0019100C, 0x00210010, 0x00211001}


def test_the_safe_private_attributes_are_those_of_the_standard():
    # PS3.15, table E.3.10-1, edition 2026a: its number of rows, and the rows at the ends of some ranges.
    assert len(SAFE) == 479
    philips = {place.element for place in SAFE if place.creator == "Philips Imaging DD 001"}
    assert {0x01, 0x0C, 0x1F, 0x51, 0x5A, 0xFF} <= philips
    assert not {0x00, 0x0D, 0x20, 0x52, 0x5B, 0x6C, 0x70, 0x78, 0xFE} & philips
    assert SafeAttribute("ELSCINT1", 0x00E1, 0x50) in SAFE
    assert SafeAttribute("ELSCINT1", 0x01E1, 0x50) not in SAFE
    assert SafeAttribute("SIEMENS MR HEADER", 0x0019, 0x29) not in SAFE
    assert all(place.group & 1 and 0 <= place.element <= 0xFF for place in SAFE)


def test_what_repeats_an_identity_elsewhere_is_emptied():
    dataset = patient()
    dataset.Manufacturer = "scanner of MÜLLER"
    dataset.ConvolutionKernel = "QX-4711-88"
    dataset.SequenceName = "fl3d"
    _, output, cleaned = deidentified(image_with(dataset))
    assert (cleaned.Manufacturer, cleaned.ConvolutionKernel, cleaned.SequenceName) == ("", None, "fl3d") or (
        cleaned.Manufacturer == "" and not cleaned.ConvolutionKernel
    )
    assert found_in(output, ["Müller", "MÜLLER", "QX-4711-88"]) == []


# ---- refused ------------------------------------------------------------------------------------------


def write_nothing(data, tmp_path, **choices):
    with pytest.raises(dt.Error) as caught:
        dt.deidentify(data, tmp_path / "out.dcm", key=KEY, **choices)
    assert list(tmp_path.iterdir()) == []
    return str(caught.value)


def test_identities_in_binary_values_are_found(tmp_path):
    dataset = patient()
    dataset.add_new(0x00282000, "OB", b"profile of Schwarzkopf and others.")  # ICC Profile
    _, output, _ = deidentified(image_with(dataset))
    assert found_in(output, ["Schwarzkopf"]) == []
    pixels = np.zeros((24, 32), np.uint8)
    pixels.reshape(-1)[100:111] = np.frombuffer(b"Schwarzkopf", np.uint8)
    assert "PersonName" in write_nothing(image_with(patient(), pixels), tmp_path).replace("Physician", "Person")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"BurnedInAnnotation": "YES"}, "BurnedInAnnotation"),
        ({"Modality": "US"}, "modality US"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LABEL"], "BurnedInAnnotation": "NO"}, "label"),
    ],
)
def test_texts_in_pixels_without_boxes_are_refused(changes, why, tmp_path):
    dataset = patient()
    image_with(dataset)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    data = as_file(dataset)
    assert why in write_nothing(data, tmp_path)
    assert deidentified(data, burned_in="keep")[2].PatientIdentityRemoved == "YES"
    blanked = deidentified(data, boxes=[(0, 0, 4, 32)])[2]
    assert blanked.BurnedInAnnotation == "NO"
    assert not blanked.pixel_array[:4].any()


def test_documents_are_refused(tmp_path):
    dataset = patient()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    dataset.EncapsulatedDocument = b"%PDF-1.4 Schwarzkopf"
    assert "encapsulated document" in write_nothing(as_file(dataset), tmp_path)


def test_overlays_in_unused_bits_are_refused(tmp_path):
    dataset = patient()
    image_with(dataset)
    dataset.add_new(0x60000100, "US", 16)
    assert "overlay 0" in write_nothing(as_file(dataset), tmp_path)


@pytest.mark.parametrize("data", [b"", b"not DICOM at all", b"\0" * 200, b"\0" * 128 + b"DICM" + b"\xff" * 40])
def test_what_is_no_object_is_refused(data, tmp_path):
    write_nothing(data, tmp_path)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_cut_objects_are_refused_or_done(tmp_path):
    data = image_with(patient())
    done = 0
    for size in range(1, len(data), 37):
        output = io.BytesIO()
        try:
            dt.deidentify(data[:size], output, key=KEY)
        except dt.Error:
            continue
        done += 1  # cut between two elements
        assert found_in(output.getvalue(), ["Jürgen", "QX-4711-88", "Schwarzkopf", "19630412"]) == []
    assert done < 5


def test_deep_sequences_do_not_recurse(tmp_path):
    data = bytearray(image_with(patient())[:-1544])
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    nested = (b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + item) * 3000
    write_nothing(bytes(data) + nested, tmp_path)


@pytest.mark.parametrize("key", [b"short", b"", "missing-file.key", 5])
def test_keys_must_be_secrets(key, tmp_path):
    with pytest.raises((ValueError, OSError, TypeError)):
        dt.deidentify(image_with(patient()), tmp_path / "out.dcm", key=key)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="retain_everything"):
        dt.deidentify(b"", io.BytesIO(), key=KEY, retain_everything=True)
    with pytest.raises(ValueError, match="exclude each other"):
        dt.deidentify(b"", io.BytesIO(), key=KEY, modify_dates=True, retain_full_dates=True)


def test_the_source_stays_and_the_pixels_too(tmp_path):
    data = image_with(patient())
    (tmp_path / "in.dcm").write_bytes(data)
    result = dt.deidentify(tmp_path / "in.dcm", tmp_path / "out.dcm", key=KEY, transfer_syntax="HTJ2KLossless")
    assert (tmp_path / "in.dcm").read_bytes() == data
    assert result.transfer_syntax == "1.2.840.10008.1.2.4.201"
    assert np.array_equal(dt.decode(tmp_path / "out.dcm"), dt.decode(data))


# ---- wrong arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("boxes", [(0, 0, 10, 10), 5, None, "0 0 1 1", [5]])
def test_boxes_that_are_no_boxes_are_named(boxes):
    with pytest.raises(TypeError, match=r"boxes= is a sequence of boxes, such as \[\(0, 0, 40, 800\)\]"):
        dt.deidentify(b"", io.BytesIO(), key=KEY, boxes=boxes)


def test_a_rule_names_its_wrong_boxes():
    with pytest.raises(ValueError, match="device rule 1: its value of 'boxes' is a sequence of boxes"):
        dt.deidentify(b"", io.BytesIO(), key=KEY, device_rules=[{"match": {"Rows": 1}, "boxes": [0, 0, 9, 9]}])


def test_a_text_as_key_is_a_path():
    with pytest.raises(FileNotFoundError, match="a secret itself must be bytes") as caught:
        dt.deidentify(b"", io.BytesIO(), key="mysecret")
    assert caught.value.filename == "mysecret"


@pytest.mark.parametrize(
    "function", [dt.decode, lambda data, threads: dt.deidentify(data, io.BytesIO(), key=KEY, threads=threads)]
)
@pytest.mark.parametrize("threads", ["2", 1.5])
def test_wrong_threads_are_named(function, threads):
    with pytest.raises(TypeError, match=f"threads is {threads!r}; expected a whole number"):
        function(image_with(patient()), threads=threads)
