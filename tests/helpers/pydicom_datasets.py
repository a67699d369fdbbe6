"""Datasets for pydicom with frames of every kind, and pydicom's ways to decode them."""

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders import base as decoding
from pydicom.uid import UID

import dcmturbo as dt

ROOT = "1.2.840.10008.1.2"
NATIVE, IMPLICIT, BIG_ENDIAN, RLE = f"{ROOT}.1", ROOT, f"{ROOT}.2", f"{ROOT}.5"
JPEG, JPEG_12, JPEG_LOSSLESS, JPEG_LS = f"{ROOT}.4.50", f"{ROOT}.4.51", f"{ROOT}.4.70", f"{ROOT}.4.80"
JPEG_2000, HTJ2K, JPEG_XL, DEFLATED = f"{ROOT}.4.90", f"{ROOT}.4.201", f"{ROOT}.4.110", f"{ROOT}.8.1"
ENCAPSULATED_NATIVE = f"{ROOT}.1.98"
NEW = (ENCAPSULATED_NATIVE, f"{ROOT}.4.92", f"{ROOT}.4.93", JPEG_XL, f"{ROOT}.4.111", f"{ROOT}.4.112", DEFLATED)

WHEEL = Path(pydicom.data.__file__).parent / "test_files"


def image(shape=(48, 40), bits=16, seed=0, signed=False):
    """A gradient with noise, over the whole range."""
    steps = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    values = steps * ((1 << bits) - 20) + np.random.default_rng(seed).integers(0, 16, shape)
    return (values - (1 << (bits - 1)) * signed).astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


def make(uid, frames, *, stored=None, photometric=None, planar=0, allocated=None, table="basic", **options):
    """A dataset of these frames."""
    first = frames[0]
    allocated = allocated or first.itemsize * 8
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(uid)
    ds.SOPInstanceUID = "1.2.3"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.Rows, ds.Columns = first.shape[:2]
    ds.SamplesPerPixel = 1 if first.ndim == 2 else 3
    if first.ndim == 3:
        ds.PlanarConfiguration = planar
    ds.PhotometricInterpretation = photometric or ("MONOCHROME2" if first.ndim == 2 else "RGB")
    ds.BitsAllocated, ds.BitsStored = allocated, stored or allocated
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(first.dtype.kind == "i")
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
    if UID(uid).is_encapsulated:
        encode = {"bits_stored": ds.BitsStored, "photometric_interpretation": ds.PhotometricInterpretation, **options}
        if allocated == 1 or uid in (ENCAPSULATED_NATIVE, DEFLATED):
            encode.update(bits_allocated=allocated, planar_configuration=planar)
        encoded = [dt.encode_frame(frame, uid, **encode) for frame in frames]
        if table == "extended":
            ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(encoded)
        else:
            ds.PixelData = encapsulate(encoded, has_bot=table == "basic")
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    elif allocated == 1:
        bits = np.packbits(np.concatenate([frame.reshape(-1) for frame in frames]), bitorder="little").tobytes()
        ds.PixelData = bits + b"\0" * (len(bits) % 2)
        ds["PixelData"].VR = "OB"
    else:
        order = ">" if uid == BIG_ENDIAN else "<"
        cells = [frame.transpose(2, 0, 1) if planar else frame for frame in frames]
        ds.PixelData = b"".join(frame.astype(frame.dtype.newbyteorder(order)).tobytes() for frame in cells)
        ds["PixelData"].VR = "OB" if allocated <= 8 else "OW"
    return ds


def quietly(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


def as_array(ds, name="dcmturbo", **options):
    return quietly(get_decoder(ds.file_meta.TransferSyntaxUID).as_array, ds, decoding_plugin=name, **options)


def untouched(uid):
    """A decoder with all plugins and none of the hooks: pydicom's own way, with our plugin as one of them."""
    decoder = decoding.Decoder(UID(uid))
    decoder._available = dict(get_decoder(uid)._available)
    return decoder


def assert_same(ours, theirs, tolerance=0):
    (a, properties), (b, expected) = ours, theirs
    assert properties == expected
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.flags.writeable
    if tolerance:
        assert np.abs(a.astype(int) - b.astype(int)).max() <= tolerance
    else:
        np.testing.assert_array_equal(a, b)


GRAY = [image(seed=k) for k in range(5)]
TWELVE = [image(bits=12, seed=k) for k in range(5)]
SIGNED_TWELVE = [image(bits=12, seed=k, signed=True) for k in range(5)]
COLOUR = [image((48, 40, 3), 8, seed=k) for k in range(5)]
BITS = [(image((7, 9), 8, seed=k) & 1) for k in range(5)]


def damaged(uid, frames, which, **options):
    ds = make(uid, frames, **options)
    encoded = list(generate_frames(ds.PixelData, number_of_frames=len(frames)))
    encoded[which] = encoded[which][: len(encoded[which]) // 2]
    ds.PixelData = encapsulate(encoded)
    return ds
