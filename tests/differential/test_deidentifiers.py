"""De-identification against other programs: what becomes of each attribute of table E.1-1 under the basic profile.

Our result must be one that the table allows. A peer is no judge where its own result is not allowed. Where it is, ours
must be the same, or the difference must be a known one.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pydicom
import pytest
from helpers.identified import KEY, image_with, planted_dataset
from pydicom.dataset import Dataset

import dcmturbo as dt
from dcmturbo.deidentification.profile import rows

# PS3.15, table E.1-1a: what may become of an attribute. A dummy value is allowed in place of an empty one.
ALLOWED = {
    "X": {"removed"},
    "Z": {"empty", "changed"},
    "D": {"changed"},
    "U": {"changed"},
    "X/Z": {"removed", "empty", "changed"},
    "X/D": {"removed", "changed"},
    "Z/D": {"empty", "changed"},
    "X/Z/D": {"removed", "empty", "changed"},
    "X/Z/U*": {"removed", "empty", "changed"},
}
A_DUMMY_IS_ALLOWED = "E.1.1, action Z: a value of zero length, or a dummy value"
THE_TYPE_DECIDES = "E.1.1, X/Z, X/D, X/Z/D: removed only if the type in the IOD allows it; ours suits every type"
# By the table's action, ours and the peer's result: right results that differ.
BOTH_RIGHT = {
    ("Z", "empty", "changed"): A_DUMMY_IS_ALLOWED,
    ("X/Z", "empty", "changed"): A_DUMMY_IS_ALLOWED,
    ("X/Z", "empty", "removed"): THE_TYPE_DECIDES,
    ("X/D", "changed", "removed"): THE_TYPE_DECIDES,
    ("X/Z/D", "changed", "removed"): THE_TYPE_DECIDES,
}
# By peer, the table's action and the peer's result: results that the table does not allow.
PEER_WRONG = {
    "dicognito": {
        ("X", "kept"): "E.1-1, X: texts, codes and devices stay; it replaces what identifies people by itself",
        ("X", "changed"): "E.1-1, X: names, addresses and dates are replaced, where the table removes them",
        ("X", "empty"): "E.1-1, X: the department and the place of the patient are emptied, not removed",
        ("D", "kept"): "E.1-1, D: clinical trials and numbers of devices stay",
        ("U", "kept"): "E.1-1, U: the UID of a class of devices stays",
        ("Z", "kept"): "E.1-1, Z: the sex, clinical trials and containers stay",
        ("X/Z", "kept"): "E.1-1, X/Z: descriptions and labels stay",
        ("X/D", "kept"): "E.1-1, X/D: names of protocols and detectors stay",
        ("Z/D", "kept"): "E.1-1, Z/D: the contrast agent stays",
        ("X/Z/D", "kept"): "E.1-1, X/Z/D: the serial number of the device stays",
    },
    "deid": {
        ("X", "kept"): "E.1-1, X: its default recipe has no rule for most of the rows",
        ("X", "changed"): "E.1-1, X: sequences stay, and only some attributes of their items are removed",
        ("D", "kept"): "E.1-1, D: its default recipe has no rule for most of the rows",
        ("D", "removed"): "E.1-1, D: attributes that an object must have are removed",
        ("U", "removed"): "E.1-1, U: its default recipe removes UIDs, also those that an object must have",
        ("Z", "kept"): "E.1-1, Z: its default recipe has no rule for some of the rows",
        ("Z", "removed"): "E.1-1, Z: attributes that an object must have are removed",
        ("Z/D", "kept"): "E.1-1, Z/D: its default recipe has no rule for the contrast agent",
        ("Z/D", "removed"): "E.1-1, Z/D: attributes that an object must have are removed",
        ("X/Z", "kept"): "E.1-1, X/Z: its default recipe has no rule for some of the rows",
        ("X/D", "kept"): "E.1-1, X/D: its default recipe has no rule for some of the rows",
        ("X/Z/D", "kept"): "E.1-1, X/Z/D: its default recipe has no rule for institutions and devices",
    },
}


def by_dicognito(data: bytes) -> Dataset:
    anonymizer = pytest.importorskip("dicognito.anonymizer", reason="dicognito is not installed")
    dataset = pydicom.dcmread(io.BytesIO(data))
    anonymizer.Anonymizer(seed="a seed").anonymize(dataset)
    return dataset


def by_deid(data: bytes, folder) -> Dataset:
    pytest.importorskip("deid", reason="deid is not installed")
    from deid.config import DeidRecipe
    from deid.dicom import replace_identifiers

    place = folder / "image.dcm"
    place.write_bytes(data)
    (dataset,) = replace_identifiers(dicom_files=[str(place)], deid=DeidRecipe(), save=False)
    return dataset


PEERS: dict[str, Callable[..., Dataset]] = {"dicognito": lambda data, _: by_dicognito(data), "deid": by_deid}


def results(before: Dataset, after: Dataset) -> dict[int, str]:
    """Return what became of each attribute of the table."""
    found = {}
    for element in before:
        if element.tag not in rows():
            continue
        if element.tag not in after:
            found[element.tag] = "removed"
        elif after[element.tag].value in (None, "", b"") or (element.VR == "SQ" and not after[element.tag].value):
            found[element.tag] = "empty"
        else:
            found[element.tag] = "kept" if after[element.tag].value == element.value else "changed"
    return found


@pytest.fixture(scope="module")
def planted() -> bytes:
    return image_with(planted_dataset()[0])


@pytest.fixture(scope="module")
def ours(planted) -> dict[int, str]:
    output = io.BytesIO()
    dt.deidentify(planted, output, key=KEY, burned_in="keep")
    return results(pydicom.dcmread(io.BytesIO(planted)), pydicom.dcmread(io.BytesIO(output.getvalue())))


def test_every_result_is_one_that_the_table_allows(ours):
    assert len(ours) > 600
    wrong = {f"{tag:08X}": (rows()[tag][0], what) for tag, what in ours.items() if what not in ALLOWED[rows()[tag][0]]}
    assert wrong == {}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.filterwarnings("ignore")  # of the peers
def test_results_are_those_of_a_peer_where_it_is_right(peer, planted, ours, tmp_path):
    theirs = results(pydicom.dcmread(io.BytesIO(planted)), PEERS[peer](planted, tmp_path))
    assert theirs.keys() == ours.keys()
    unknown, same = [], 0
    for tag, what in theirs.items():
        action = rows()[tag][0]
        if what not in ALLOWED[action]:
            if (action, what) not in PEER_WRONG[peer]:
                unknown.append((f"{tag:08X}", action, ours[tag], what))
        elif what == ours[tag]:
            same += 1
        elif (action, ours[tag], what) not in BOTH_RIGHT:
            unknown.append((f"{tag:08X}", action, ours[tag], what))
    assert unknown == []
    assert same > 100
