"""Uncompressed pixel data against the oracle, which takes one cell at a time."""

import numpy as np
import pytest
from helpers.dicom_writer import native_file
from oracle import native as oracle

import dcmturbo as dt

ISAS = dt.config.available_isas


def decode(data: bytes, **layout: object) -> np.ndarray:
    names = {
        "samples": "samples_per_pixel",
        "planar": "planar_configuration",
        "photometric": "photometric_interpretation",
    }
    arguments = {names.get(name, name): value for name, value in layout.items()}
    syntax = "ExplicitVRBigEndian" if arguments.pop("big_endian", False) else "ExplicitVRLittleEndian"
    arguments["pixel_representation"] = int(arguments.pop("signed", 0))
    return dt.decode_frame(data, syntax, raw=True, **arguments)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 3), (5, 61)], ids=str)
@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("big_endian", [False, True], ids=["little", "big"])
@pytest.mark.parametrize(("samples", "planar"), [(1, 0), (3, 0), (3, 1), (4, 1)])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_cells_of_every_kind(shape, bits, big_endian, samples, planar, signed):
    rows, columns = shape
    random = np.random.default_rng([rows, columns, bits, samples])
    data = random.bytes(rows * columns * samples * bits // 8)
    layout = {
        "rows": rows,
        "columns": columns,
        "samples": samples,
        "bits_allocated": bits,
        "big_endian": big_endian,
        "planar": planar,
        "signed": signed,
        "photometric": "MONOCHROME2" if samples == 1 else "RGB",
    }
    for stored in sorted({bits, max(bits - 4, 1), bits // 2 + 1, 1}):
        right = oracle.decode(data, bits_stored=stored, **layout)
        kept = oracle.decode(data, bits_stored=stored, keep=True, **layout)
        right, kept = (a[..., 0] if samples == 1 else a for a in (right, kept))
        for isa in ISAS:
            with dt.config.override(isa=isa):
                found = decode(data, bits_stored=stored, **layout)
                assert found.dtype == right.dtype
                np.testing.assert_array_equal(found, right)
                np.testing.assert_array_equal(decode(data, bits_stored=stored, unused_bits="keep", **layout), kept)
                out = np.zeros(right.shape[::-1], right.dtype).T
                np.testing.assert_array_equal(decode(data, bits_stored=stored, out=out, **layout), right)


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 5, 7])
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_data_at_any_address(offset, bits):
    data = np.random.default_rng(1).bytes(30 * 33 * bits // 8)
    moved = memoryview(bytearray(offset) + data)[offset:]
    layout = {"rows": 30, "columns": 33, "bits_allocated": bits}
    for stored in (bits, bits - 3):
        for big_endian in (False, True):
            right = oracle.decode(data, bits_stored=stored, big_endian=big_endian, **layout)[..., 0]
            np.testing.assert_array_equal(decode(moved, bits_stored=stored, big_endian=big_endian, **layout), right)


@pytest.mark.parametrize("shape", [(1, 2), (3, 4), (5, 26), (3, 4096), (2, 4098), (1, 8190)], ids=str)
def test_chroma_for_every_two_pixels(shape):
    rows, columns = shape
    data = np.random.default_rng(columns).bytes(rows * columns * 2)
    layout = {"rows": rows, "columns": columns, "samples": 3, "bits_allocated": 8, "photometric": "YBR_FULL_422"}
    right = oracle.decode(data, **layout)
    for isa in ISAS:
        with dt.config.override(isa=isa):
            np.testing.assert_array_equal(decode(data, **layout), right)
    some = right.reshape(-1, 3)[:200]
    arguments = {"rows": rows, "columns": columns, "samples_per_pixel": 3, "bits_allocated": 8}
    arguments["photometric_interpretation"] = "YBR_FULL_422"
    found = dt.decode_frame(data, "ExplicitVRLittleEndian", **arguments)
    np.testing.assert_array_equal(found.reshape(-1, 3)[:200], [oracle.rgb(*map(int, triplet)) for triplet in some])


def test_chroma_for_every_two_pixels_in_a_file_of_several_frames():
    data = np.random.default_rng(3).bytes(3 * 6 * 8 * 2)
    layout = {"rows": 6, "columns": 8, "samples": 3, "photometric": "YBR_FULL_422"}
    source = native_file(data, bits_allocated=8, frames=3, planar=0, **layout)
    right = np.stack([oracle.decode(data, frame=k, **layout) for k in range(3)])
    np.testing.assert_array_equal(dt.decode(source, raw=True), right)
    with dt.open(source) as image:
        assert image.source_photometric_interpretation == "YBR_FULL_422"
        assert image.photometric_interpretation == "RGB"
    with dt.open(source, raw=True) as image:
        assert image.photometric_interpretation == "YBR_FULL"


def test_an_odd_number_of_columns_has_no_pairs():
    with pytest.raises(dt.DecodeError):
        dt.decode_frame(
            b"\0" * 100,
            "ExplicitVRLittleEndian",
            rows=4,
            columns=5,
            samples_per_pixel=3,
            bits_allocated=8,
            photometric_interpretation="YBR_FULL_422",
        )


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("bits", [8, 16])
def test_planes_in_a_file_of_several_frames(planar, bits):
    data = np.random.default_rng(3).bytes(3 * 5 * 7 * 3 * bits // 8)
    layout = {"rows": 5, "columns": 7, "samples": 3, "bits_allocated": bits, "planar": planar}
    source = native_file(data, frames=3, **layout)
    right = np.stack([oracle.decode(data, frame=k, **layout) for k in range(3)])
    np.testing.assert_array_equal(dt.decode(source), right)
    np.testing.assert_array_equal(dt.decode(source, [2, 0]), right[[2, 0]])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("samples", [1, 3])
def test_encoding_is_what_the_oracle_reads(dtype, planar, samples):
    shape = (5, 7) if samples == 1 else (5, 7, samples)
    kind = np.dtype(dtype)
    array = np.random.default_rng(2).integers(0, 100, (*shape, kind.itemsize), np.uint8).view(dtype)[..., 0]
    if kind.kind == "f" and samples == 3:
        return
    for strange in (array, np.asfortranarray(array), array[::-1, ::-1]):
        data = dt.encode_frame(strange, "ExplicitVRLittleEndian", planar_configuration=planar)
        assert len(data) == array.nbytes + array.nbytes % 2
        if kind.kind == "f":
            assert data == strange.tobytes()
            continue
        layout = {"rows": 5, "columns": 7, "samples": samples, "planar": planar if samples > 1 else 0}
        found = oracle.decode(data, bits_allocated=kind.itemsize * 8, signed=kind.kind == "i", **layout)
        np.testing.assert_array_equal(found.reshape(shape), strange)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (5, 8), (64, 65)])
def test_single_bits_are_packed_from_the_lowest(shape):
    bits = np.random.default_rng(2).integers(0, 2, shape, np.uint8)
    data = dt.encode_frame(bits, "ExplicitVRLittleEndian", bits_allocated=1)
    layout = {"rows": shape[0], "columns": shape[1], "bits_allocated": 1}
    np.testing.assert_array_equal(oracle.decode(data, **layout)[..., 0], bits)
    np.testing.assert_array_equal(decode(data, **layout), bits)
    assert data == dt.encode_frame(bits.astype(bool), "ExplicitVRLittleEndian")
