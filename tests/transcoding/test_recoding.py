"""`transcode` between JPEG 2000 and HTJ2K without loss, from coefficients to coefficients."""

import io

import numpy as np
import pydicom
import pytest
from helpers.samples import smooth
from pydicom.encaps import encapsulate
from pydicom.uid import UID

import dcmturbo as dt

HT, MQ = "HTJ2KLossless", "JPEG2000Lossless"
UIDS = {HT: "1.2.840.10008.1.2.4.201", MQ: "1.2.840.10008.1.2.4.90", "JPEG2000": "1.2.840.10008.1.2.4.91"}


def image(shape: tuple[int, ...], bits: int, *, signed: bool = False, seed: int = 1) -> np.ndarray:
    """Slopes with noise, over all of the range."""
    bytes_ = 1 if bits <= 8 else 2 if bits <= 16 else 4
    random = np.random.default_rng(seed)
    base = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) * 7 % 2**bits
    if len(shape) == 3:
        base = base[..., None] + np.arange(shape[2]) * 5
    values = (base + random.integers(0, 2 ** max(bits - 2, 1), shape)) % 2**bits
    if signed:
        values = values - 2 ** (bits - 1)
    return values.astype(f"{'i' if signed else 'u'}{bytes_}")


def dicom(frames: list[bytes], syntax: str, like: np.ndarray, bits: int, photometric: str, **changes: object) -> bytes:
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(UIDS[syntax])
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID("1.2.3.4")
    ds.Rows, ds.Columns = like.shape[:2]
    ds.SamplesPerPixel = 1 if like.ndim == 2 else 3
    if like.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = like.itemsize * 8, bits, bits - 1
    ds.PixelRepresentation = int(like.dtype.kind == "i")
    ds.PhotometricInterpretation = photometric
    ds.NumberOfFrames = len(frames)
    for key, value in changes.items():
        setattr(ds, key, value)
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    to = io.BytesIO()
    pydicom.dcmwrite(to, ds, enforce_file_format=True)
    return to.getvalue()


def encoded(pixels: np.ndarray, syntax: str, bits: int, photometric: str, **options: object) -> bytes:
    return dt.encode_frame(pixels, syntax, bits_stored=bits, photometric_interpretation=photometric, **options)


def recoded(source: bytes, syntax: str, tmp_path, **options: object) -> tuple[dt.TranscodeResult, bytes]:
    """The result, and the first encoded frame."""
    path = tmp_path / "source.dcm"
    path.write_bytes(source)
    result = dt.transcode(path, tmp_path / "result.dcm", syntax, overwrite=True, **options)
    assert result.verified
    with dt.open(tmp_path / "result.dcm") as made:
        data = bytes(made.encoded_frame(0))
    assert np.array_equal(dt.decode(tmp_path / "result.dcm"), dt.decode(path))
    return result, data


GREY = [((64, 64), 8), ((1, 1), 8), ((61, 130), 12), ((300, 33), 16), ((5, 7), 1)]
COLOUR = [((70, 70, 3), 8), ((33, 50, 3), 12)]
IMAGES = [*((*image, False) for image in GREY + COLOUR), *((*image, True) for image in GREY)]
SOURCES = [
    {},
    {"decomposition_levels": 5, "precinct_size": 64, "progression_order": "RPCL", "packet_markers": True},
    {"code_block_width": 16, "code_block_height": 32, "packet_lengths": True},
]
MQ_SOURCES = [
    {"selective_bypass": True, "terminate_passes": True},
    {"layers": 4, "segmentation_symbols": True, "vertically_causal_contexts": True},
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("shape", "bits", "signed"), IMAGES)
@pytest.mark.parametrize(("before", "after"), [(MQ, HT), (HT, MQ)])
def test_the_same_bytes_as_decoding_and_encoding(before, after, shape, bits, signed, threads, tmp_path):
    pixels = image(shape, bits, signed=signed)
    photometric = "MONOCHROME2" if len(shape) == 2 else "YBR_RCT"
    for options in [*SOURCES, *(MQ_SOURCES if before == MQ else [])]:
        source = dicom([encoded(pixels, before, bits, photometric, **options)], before, pixels, bits, photometric)
        result, data = recoded(source, after, tmp_path, threads=threads)
        assert result.recoded_frames == 1
        assert data.rstrip(b"\0") == encoded(pixels, after, bits, photometric).rstrip(b"\0")
        assert np.array_equal(dt.decode(tmp_path / "result.dcm", raw=True), pixels)


@pytest.mark.parametrize("tile", [{"tile_width": 40, "tile_height": 24}, {"tile_width": 64}])
def test_tiles_of_the_same_size_are_recoded(tile, tmp_path):
    pixels = image((90, 100), 12)
    source = dicom([encoded(pixels, MQ, 12, "MONOCHROME2", **tile)], MQ, pixels, 12, "MONOCHROME2")
    result, data = recoded(source, HT, tmp_path, **tile)
    assert result.recoded_frames == 1
    assert data.rstrip(b"\0") == encoded(pixels, HT, 12, "MONOCHROME2", **tile).rstrip(b"\0")
    assert recoded(source, HT, tmp_path)[0].recoded_frames == 0


def test_large_empty_parts_are_recoded_or_encoded(tmp_path):
    pixels = np.zeros((1100, 1300), "uint16")
    pixels[500:520, 700:730] = image((20, 30), 12)
    source = dicom([encoded(pixels, MQ, 12, "MONOCHROME2")], MQ, pixels, 12, "MONOCHROME2")
    for threads in (1, 2):
        _, data = recoded(source, HT, tmp_path, threads=threads)
        assert data.rstrip(b"\0") == encoded(pixels, HT, 12, "MONOCHROME2").rstrip(b"\0")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"decomposition_levels": 3}, {}),
        ({}, {"decomposition_levels": 2}),
        ({"tile_width": 32}, {}),
    ],
)
def test_other_parameters_are_decoded_and_encoded(source, target, tmp_path):
    pixels = image((80, 90), 12)
    before = dicom([encoded(pixels, MQ, 12, "MONOCHROME2", **source)], MQ, pixels, 12, "MONOCHROME2")
    result, data = recoded(before, HT, tmp_path, **target)
    assert result.recoded_frames == 0
    assert data.rstrip(b"\0") == encoded(pixels, HT, 12, "MONOCHROME2", **target).rstrip(b"\0")


def test_layers_are_made_by_the_encoder(tmp_path):
    pixels = image((80, 90), 12)
    before = dicom([encoded(pixels, HT, 12, "MONOCHROME2")], HT, pixels, 12, "MONOCHROME2")
    result, data = recoded(before, MQ, tmp_path, layers=3)
    assert result.recoded_frames == 0
    assert data.rstrip(b"\0") == encoded(pixels, MQ, 12, "MONOCHROME2", layers=3).rstrip(b"\0")


def test_rgb_without_a_transform_is_encoded(tmp_path):
    pixels = image((40, 50, 3), 8)
    before = dicom([encoded(pixels, MQ, 8, "RGB")], MQ, pixels, 8, "RGB")
    result, _ = recoded(before, HT, tmp_path)
    assert result.recoded_frames == 0
    result, _ = recoded(before, HT, tmp_path, photometric_interpretation="RGB")
    assert result.recoded_frames == 1


def test_an_irreversible_source_is_encoded(tmp_path):
    pixels = image((80, 90), 12)
    data = encoded(pixels, "JPEG2000", 12, "MONOCHROME2", psnr=60)
    before = dicom([data], "JPEG2000", pixels, 12, "MONOCHROME2")
    assert recoded(before, HT, tmp_path)[0].recoded_frames == 0


def test_a_reversible_source_that_lacks_passes_is_recoded(tmp_path):
    """What its decoder makes of the passes that are there, stays: also where it is clamped."""
    pixels = image((80, 90, 3), 8)
    data = encoded(pixels, "JPEG2000", 8, "YBR_RCT", ratio=6)
    before = dicom([data], "JPEG2000", pixels, 8, "YBR_RCT")
    assert recoded(before, HT, tmp_path)[0].recoded_frames == 1


def test_a_precision_unlike_bits_stored_is_encoded(tmp_path):
    pixels = image((40, 50), 10)
    before = dicom([encoded(pixels, MQ, 12, "MONOCHROME2")], MQ, pixels, 10, "MONOCHROME2")
    assert recoded(before, HT, tmp_path)[0].recoded_frames == 0


def test_a_sign_that_the_dataset_denies_is_encoded(tmp_path):
    pixels = image((40, 50), 12, signed=True)
    before = dicom([encoded(pixels, MQ, 12, "MONOCHROME2")], MQ, pixels, 12, "MONOCHROME2", PixelRepresentation=0)
    assert recoded(before, HT, tmp_path)[0].recoded_frames == 0


def test_regions_of_interest_are_encoded(tmp_path):
    pixels = smooth((48, 40), "uint8")
    frame = bytearray(encoded(pixels, MQ, 8, "MONOCHROME2"))
    at = frame.index(b"\xff\x5c")  # QCD; RGN before it shifts by 0 planes first, then by one
    for shift, count in ((0, 1), (1, 0)):
        marked = bytes(frame[:at]) + b"\xff\x5e\0\5\0\0" + bytes([shift]) + bytes(frame[at:])
        before = dicom([marked], MQ, pixels, 8, "MONOCHROME2")
        try:
            result, _ = recoded(before, HT, tmp_path)
        except dt.Error:
            assert shift == 1  # the shift makes bit-planes that the data do not have
            continue
        assert result.recoded_frames == count


def test_masked_bits_are_encoded(tmp_path):
    pixels = image((40, 50), 12)
    before = dicom([encoded(pixels, MQ, 12, "MONOCHROME2")], MQ, pixels, 12, "MONOCHROME2")
    assert recoded(before, HT, tmp_path, mask_unused_bits=True)[0].recoded_frames == 0


def test_every_frame_is_recoded_alone(tmp_path):
    pixels = [image((40, 50), 12, seed=seed) for seed in range(5)]
    frames = [encoded(p, MQ, 12, "MONOCHROME2", decomposition_levels=5 if i != 2 else 1) for i, p in enumerate(pixels)]
    before = dicom(frames, MQ, pixels[0], 12, "MONOCHROME2")
    assert recoded(before, HT, tmp_path, threads=2)[0].recoded_frames == 4


def test_damage_is_reported_as_ever(tmp_path):
    pixels = image((80, 90), 12)
    data = encoded(pixels, MQ, 12, "MONOCHROME2")
    before = dicom([data[: len(data) // 2]], MQ, pixels, 12, "MONOCHROME2")
    with pytest.raises(dt.DecodeError):
        recoded(before, HT, tmp_path)
