"""Transfer syntaxes that pydicom lacks."""

import numpy as np
import pydicom
import pydicom.data
import pytest
from helpers.pydicom_datasets import (
    BITS,
    COLOUR,
    DEFLATED,
    ENCAPSULATED_NATIVE,
    GRAY,
    JPEG,
    JPEG_2000,
    JPEG_XL,
    NATIVE,
    NEW,
    ROOT,
    SIGNED_TWELVE,
    TWELVE,
    as_array,
    assert_same,
    image,
    make,
    quietly,
    untouched,
)
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder, iter_pixels
from pydicom.uid import UID

import dcmturbo as dt

# --- syntaxes that pydicom lacks ------------------------------------------------------------------


def new_cases():
    for uid in (ENCAPSULATED_NATIVE, DEFLATED, JPEG_XL, f"{ROOT}.4.112"):
        keyword = uid.removeprefix(ROOT)
        yield pytest.param(uid, GRAY, {}, id=f"{keyword}-16")
        yield pytest.param(uid, TWELVE, {"stored": 12}, id=f"{keyword}-12")
        yield pytest.param(uid, SIGNED_TWELVE, {"stored": 12}, id=f"{keyword}-signed")
        yield pytest.param(uid, COLOUR, {}, id=f"{keyword}-rgb")
        yield pytest.param(uid, COLOUR[:1], {}, id=f"{keyword}-one-frame")
    for uid in (ENCAPSULATED_NATIVE, DEFLATED):
        keyword = uid.removeprefix(ROOT)
        yield pytest.param(uid, COLOUR, {"planar": 1}, id=f"{keyword}-planar")
        yield pytest.param(uid, BITS, {"allocated": 1}, id=f"{keyword}-bits")


@pytest.mark.parametrize(("uid", "frames", "options"), list(new_cases()))
def test_new_syntaxes(uid, frames, options, tmp_path, plans):
    ds = make(uid, frames, **options)
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    assert ds.file_meta.TransferSyntaxUID.is_encapsulated
    expected = np.stack(frames) if len(frames) > 1 else frames[0]
    array, properties = as_array(ds)
    assert plans == [True]
    np.testing.assert_array_equal(array, expected)
    assert array.dtype == expected.dtype
    floor = quietly(untouched(uid).as_array, ds, decoding_plugin="dcmturbo")
    assert_same((array, properties), floor)
    np.testing.assert_array_equal(ds.pixel_array, expected)
    np.testing.assert_array_equal(list(iter_pixels(ds, decoding_plugin="dcmturbo")), frames)
    buffer, properties = get_decoder(uid).as_buffer(ds, decoding_plugin="dcmturbo")
    assert len(buffer) == expected.size * max(properties["bits_allocated"] // 8, 1)
    if options.get("allocated") != 1:  # pydicom writes bytes where it has said bits
        ds.decompress(decoding_plugin="dcmturbo")
        assert ds.file_meta.TransferSyntaxUID == NATIVE
        np.testing.assert_array_equal(ds.pixel_array, expected)


def test_subsampled_colour_in_new_syntaxes():
    frames = [image((8, 6, 3), 8, seed=k) for k in range(4)]
    native = make(NATIVE, frames)
    native.PhotometricInterpretation = "YBR_FULL_422"
    pairs = np.stack(frames).reshape(4, 8, 3, 2, 3)
    cells = np.concatenate([pairs[..., 0], pairs[..., 0, 1:]], axis=-1)
    native.PixelData = cells.tobytes()
    ds = make(ENCAPSULATED_NATIVE, frames)
    ds.PhotometricInterpretation = "YBR_FULL_422"
    ds.PixelData = encapsulate([frame.tobytes() for frame in cells])
    for raw in (True, False):
        expected = as_array(native, "", raw=raw)[0]
        np.testing.assert_array_equal(as_array(ds, raw=raw)[0], expected)
        np.testing.assert_array_equal(list(iter_pixels(ds, raw=raw, decoding_plugin="dcmturbo")), expected)
        floor = untouched(ENCAPSULATED_NATIVE).as_array(ds, raw=raw, decoding_plugin="dcmturbo")[0]
        np.testing.assert_array_equal(floor, expected)


def test_jpeg_2000_part_2():
    ds = make(JPEG_2000, COLOUR)
    ds.file_meta.TransferSyntaxUID = UID(f"{ROOT}.4.92")
    np.testing.assert_array_equal(as_array(ds)[0], COLOUR)


def test_recompressed_jpeg():
    ds = make(JPEG, COLOUR, photometric="YBR_FULL_422")
    expected = as_array(ds)[0]
    uid = f"{ROOT}.4.111"
    frames = generate_frames(ds.PixelData, number_of_frames=5)
    ds.PixelData = encapsulate([dt.encode_frame(frame, uid) for frame in frames])
    ds.file_meta.TransferSyntaxUID = UID(uid)
    np.testing.assert_array_equal(as_array(ds)[0], expected)


@pytest.mark.parametrize("uid", NEW)
def test_new_syntaxes_are_gone_afterwards(uid):
    assert get_decoder(uid).is_available
    assert UID(uid).is_encapsulated
    assert UID(uid).name
    dt.unregister()
    with pytest.raises(NotImplementedError):
        get_decoder(uid)


def test_the_old_handlers_say_that_they_cannot():
    ds = make(DEFLATED, GRAY)
    quietly(ds.pixel_array_options, use_v2_backend=True)
    with pytest.raises(NotImplementedError):
        quietly(lambda: ds.pixel_array)
