"""Every file of the conformance corpus decodes to what its manifest says.

What no library returns yet is a strict, listed xfail: it fails the day a codec of our own decodes it, and is removed.
"""

import hashlib
import io
import warnings

import numpy as np
import pytest

import dcmturbo as dt
from conformance.pgx import read_pgx
from conftest import corpus_entries

# file -> why nothing here returns its components as they are coded
NOT_YET = {
    "iso15444/p0_02.j2k": "one subsampled component",
    "iso15444/p0_05.j2k": "subsampled components: OpenJPEG through imagecodecs upsamples them",
    "iso15444/p0_06.j2k": "subsampled components",
    "iso15444/p0_08.j2k": "reduce= needs our own decoder",
    "iso15444/p0_10.j2k": "subsampled components",
    "iso15444/p1_01.j2k": "one subsampled component",
    "iso15444/p1_03.j2k": "subsampled components",
    "iso15444/p1_07.j2k": "subsampled components",
    "htj2k/ds0_ht_03_b11.j2k": "OpenJPH refuses it",
    "htj2k/ds0_ht_05_b11.j2k": "subsampled components",
    "htj2k/ds0_ht_15_b11.j2k": "OpenJPH refuses it",
    "jpeg_lossless/O1.JPG": "subsampled components: libjpeg-turbo refuses them in lossless JPEG",
}

ENTRIES = corpus_entries()
DICOM = [entry for entry in ENTRIES if entry["kind"] == "dicom"]
CODESTREAMS = [entry for entry in ENTRIES if entry["kind"] == "codestream"]


def identifier(entry: dict) -> str:
    return entry["file"]


def check_exact(array: np.ndarray, exact: dict) -> None:
    assert list(array.shape) == exact["shape"]
    assert array.dtype == np.dtype(exact["dtype"])
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    assert hashlib.sha256(little.tobytes()).hexdigest() == exact["sha256"]


def test_the_corpus_is_used(corpus):
    assert DICOM
    assert CODESTREAMS


@pytest.mark.parametrize("entry", DICOM, ids=identifier)
def test_dicom(corpus, entry):
    path = corpus.path(entry["file"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DecodeWarning)
        array = dt.decode(path, raw=True)
    if "exact" in entry:
        check_exact(array, entry["exact"])
    else:
        near = entry["near"]
        expected = np.load(io.BytesIO(corpus.read(near["ref"])))["pixels"]
        assert array.shape == expected.shape
        assert array.dtype == np.dtype(near["dtype"])
        assert np.abs(array.astype(np.int64) - expected.astype(np.int64)).max() <= near["max_abs"]


@pytest.mark.parametrize("isa", dt.config.available_isas)
@pytest.mark.parametrize("entry", [entry for entry in DICOM if entry["file"].endswith("_RLE")], ids=identifier)
def test_own_codecs_on_every_instruction_set(corpus, entry, isa):
    with dt.config.override(isa=isa):
        check_exact(dt.decode(corpus.path(entry["file"]), raw=True), entry["exact"])


def codestream_cases() -> list:
    return [
        pytest.param(
            entry,
            id=identifier(entry),
            marks=pytest.mark.xfail(reason=NOT_YET[entry["file"]], strict=True) if entry["file"] in NOT_YET else (),
        )
        for entry in CODESTREAMS
    ]


@pytest.mark.parametrize("entry", codestream_cases())
def test_codestream(corpus, entry):
    data = corpus.read(entry["file"])
    components = dt.decode_components(data, reduce=entry.get("reduce", 0))
    if "exact" in entry:
        check_exact(components[0] if len(components) == 1 else np.stack(components, axis=-1), entry["exact"])
        return
    if "components" not in entry:
        import imagecodecs

        # Four components, each as it is: no colour space is guessed.
        expected = imagecodecs.jpeg8_decode(data, colorspace="CMYK", outcolorspace="CMYK")
        assert np.array_equal(np.stack(components, axis=-1), expected)
        return
    for component, expected in zip(components, entry["components"], strict=False):
        reference = read_pgx(corpus.read(expected["ref"]))
        difference = np.abs(component.astype(np.int64) - reference)
        assert component.shape == reference.shape
        assert difference.max() <= expected["peak"]
        assert np.mean(difference.astype(float) ** 2) <= expected["mse"]


@pytest.mark.parametrize("entry", CODESTREAMS, ids=identifier)
def test_what_is_not_returned_is_refused_and_never_wrong(corpus, entry):
    if entry["file"] not in NOT_YET:
        pytest.skip("it is decoded: see test_codestream")
    with pytest.raises(dt.DecodeError):
        dt.decode_components(corpus.read(entry["file"]), reduce=entry.get("reduce", 0))


@pytest.mark.parametrize("entry", CODESTREAMS, ids=identifier)
def test_probe_says_what_is_in_it(corpus, entry):
    header = dt.probe(corpus.read(entry["file"]))
    folder = entry["file"].split("/")[0]
    expected = {"iso15444": "jpeg2000", "htj2k": "htj2k", "jpegls": "jpegls", "jpeg_lossless": "jpeg_lossless"}
    assert header.format == expected[folder]
    if "exact" in entry:
        assert (header.height, header.width) == tuple(entry["exact"]["shape"][:2])
    for component, reference in zip(header.components, entry.get("components", []), strict=False):
        if "reduce" not in entry:
            shape = read_pgx(corpus.read(reference["ref"])).shape
            assert (component.height, component.width) == shape
