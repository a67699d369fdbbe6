"""The conformance corpus: what independent decoders agree on, and the ISO reference images."""

import hashlib
import io
import re
import warnings

import numpy as np
import pytest
from helpers.corpus import corpus_entries

import dcmturbo as dt
from dcmturbo.formats.syntaxes import find_transfer_syntax

ENTRIES = corpus_entries()


def of(kind: str, *, codestreams: bool | None = None) -> list:
    chosen = [e for e in ENTRIES if kind in e and codestreams in (None, e["kind"] == "codestream")]
    return [pytest.param(entry, id=entry["file"]) for entry in chosen]


OURS = [p for p in of("exact", codestreams=False) if find_transfer_syntax(p.values[0]["transfer_syntax"]).own]
ENCODED = [p for p in OURS if find_transfer_syntax(p.values[0]["transfer_syntax"]).encodes]
# Without the corpus there is one test of each kind, which is skipped and says so.
NOTHING = [pytest.param(None, id="no corpus")]


def digest(array: np.ndarray) -> str:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


def decode(corpus, entry: dict) -> np.ndarray:
    path = corpus.path(entry["file"])
    if entry["kind"] == "dicom":
        return dt.decode(path, raw=True)
    components = dt.decode_components(path.read_bytes())
    return components[0] if len(components) == 1 else np.stack(components, -1)


@pytest.mark.parametrize("entry", of("exact") or NOTHING)
def test_exact(corpus, entry):
    expected = entry["exact"]
    found = decode(corpus, entry)
    assert list(found.shape) == expected["shape"]
    assert found.dtype == expected["dtype"]
    assert digest(found) == expected["sha256"]


@pytest.mark.parametrize("entry", of("near") or NOTHING)
def test_near(corpus, entry):
    expected = entry["near"]
    found = decode(corpus, entry)
    assert list(found.shape) == expected["shape"]
    assert found.dtype == expected["dtype"]
    reference = np.load(io.BytesIO(corpus.read(expected["ref"])))["pixels"]
    assert np.abs(found.astype(np.int64) - reference).max() <= expected["max_abs"]


def read_pgx(data: bytes) -> np.ndarray:
    """A component of the ISO reference images: ``PG ML + 8 128 128``, then samples."""
    line, _, content = data.partition(b"\n")
    order, sign, bits, width, height = re.fullmatch(rb"PG (ML|LM) ?([+-]?) ?(\d+) (\d+) (\d+)\s*", line).groups()
    size = 1 if int(bits) <= 8 else 2 if int(bits) <= 16 else 4
    dtype = f"{'>' if order == b'ML' else '<'}{'i' if sign == b'-' else 'u'}{size}"
    return np.frombuffer(content, dtype, int(width) * int(height)).reshape(int(height), int(width))


@pytest.mark.parametrize("entry", of("components") or NOTHING)
def test_components(corpus, entry):
    data = corpus.read(entry["file"])
    found = dt.decode_components(data, reduce=entry.get("reduce", 0))
    assert len(found) >= len(entry["components"])  # of one with 257, the references are four
    for component, expected in zip(found, entry["components"], strict=False):
        reference = read_pgx(corpus.read(expected["ref"])).astype(np.int64)
        assert component.shape == reference.shape
        difference = component.astype(np.int64) - reference
        assert np.abs(difference).max() <= expected["peak"]
        assert np.square(difference, dtype=float).mean() <= expected["mse"]


@pytest.mark.parametrize("entry", of("note") or NOTHING)
def test_without_expected_pixels(corpus, entry):
    """O1.JPG: four components of four sizes. The sizes are known; the pixels, no other decoder here returns."""
    data = corpus.read(entry["file"])
    header = dt.probe(data)
    found = dt.decode_components(data)
    assert [c.shape for c in found] == [(c.height, c.width) for c in header.components]


@pytest.mark.parametrize("entry", OURS or NOTHING)
@pytest.mark.parametrize("isa", dt.config.available_isas)
def test_exact_with_every_isa(corpus, entry, isa):
    with dt.config.override(isa=isa):
        assert digest(decode(corpus, entry)) == entry["exact"]["sha256"]


@pytest.mark.parametrize("entry", ENCODED or NOTHING)
def test_encoding_again_loses_nothing(corpus, entry):
    found = decode(corpus, entry)
    allocated = found.dtype.itemsize * 8
    syntax = find_transfer_syntax(entry["transfer_syntax"])
    photometric = "MONOCHROME2" if found.ndim == 2 else "YBR_RCT" if syntax.family == "jpeg2000" else "RGB"
    with dt.open(corpus.path(entry["file"])) as image:
        encoded = bytes(image.encoded_frame(0))
    options = {}
    header = None
    if syntax.family == "jpegls":
        header = dt.probe(encoded)  # the precision decides thresholds, and so the size
        options["bits_stored"] = header.components[0].precision
    data = dt.encode_frame(found, entry["transfer_syntax"], photometric_interpretation=photometric, **options)
    again = dt.decode_frame(
        data,
        entry["transfer_syntax"],
        rows=found.shape[0],
        columns=found.shape[1],
        samples_per_pixel=found.shape[2] if found.ndim == 3 else 1,
        bits_allocated=allocated,
        pixel_representation=int(found.dtype.kind == "i"),
    )
    np.testing.assert_array_equal(again, found)
    if header is None or header.lossless:
        assert len(data) <= len(encoded) * 1.01


def test_the_files_of_the_corpus_are_those_of_the_manifest(corpus):
    for entry in ENTRIES:
        corpus.read(entry["file"])


def test_nothing_in_the_corpus_warns_but_what_is_wrong_with_it(corpus):
    told = {}
    for entry in ENTRIES:
        if entry["kind"] != "dicom":
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with dt.open(corpus.path(entry["file"])) as image:
                assert len(image) == 1
        if caught:
            told[entry["file"]] = [str(w.message) for w in caught]
    assert not told
