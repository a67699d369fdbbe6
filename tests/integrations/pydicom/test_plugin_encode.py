"""Encoding inside pydicom."""

import threading

import numpy as np
import pytest
from helpers.pydicom_datasets import (
    COLOUR,
    DEFLATED,
    ENCAPSULATED_NATIVE,
    GRAY,
    JPEG,
    JPEG_12,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    NATIVE,
    RLE,
    ROOT,
    as_array,
    image,
    make,
)
from pydicom.pixels import get_encoder

import dcmturbo as dt
from dcmturbo.integrations.pydicom import plugin

# --- encoding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", sorted(plugin._ENCODABLE))
def test_compress(uid):
    lossy = uid in (JPEG, JPEG_12)
    frames = [image(bits=8 if uid == JPEG else 12, seed=k) for k in range(5)]
    ds = make(NATIVE, frames, stored=8 if uid == JPEG else 12)
    ds.compress(uid, encoding_plugin="dcmturbo", generate_instance_uid=False)
    assert ds.file_meta.TransferSyntaxUID == uid
    array = as_array(ds)[0]
    assert array.dtype == frames[0].dtype
    assert np.abs(array.astype(int) - np.stack(frames)).max() <= (20 if lossy else 0)


@pytest.mark.parametrize("uid", sorted(plugin._ENCODABLE - {JPEG_12}))
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("source", ["dataset", "array"])
def test_compress_colour(uid, planar, source):
    ds = make(NATIVE, COLOUR, planar=planar)
    array = np.stack(COLOUR) if source == "array" else None
    ds.compress(uid, array, encoding_plugin="dcmturbo")
    difference = np.abs(as_array(ds)[0].astype(int) - np.stack(COLOUR)).max()
    assert difference <= (20 if uid == JPEG else 0)


@pytest.mark.parametrize(
    ("uid", "other", "options"),
    [
        (RLE, "pydicom", {}),
        (JPEG_LS, "pyjpegls", {}),
        (f"{ROOT}.4.81", "pyjpegls", {"jls_error": 2}),
        (JPEG_2000, "pylibjpeg", {}),
        (f"{ROOT}.4.91", "pylibjpeg", {"j2k_psnr": [50]}),
    ],
)
@pytest.mark.parametrize("kind", ["gray", "colour", "planar", "ybr"])
def test_compress_leaves_the_dataset_that_another_plugin_leaves(uid, other, options, kind):
    frames = GRAY if kind == "gray" else COLOUR
    photometric = "YBR_FULL" if kind == "ybr" else None

    def compressed(plugin):
        ds = make(NATIVE, frames, planar=int(kind == "planar"), photometric=photometric)
        ds.compress(uid, encoding_plugin=plugin, generate_instance_uid=False, **options)
        described = (ds["PixelData"].VR, ds["PixelData"].is_undefined_length, ds.file_meta.to_json_dict())
        del ds.PixelData
        return ds.to_json_dict(), described

    assert compressed("dcmturbo") == compressed(other)


@pytest.mark.parametrize("uid", [RLE, DEFLATED, ENCAPSULATED_NATIVE, JPEG_LS, JPEG_2000, JPEG_LOSSLESS])
def test_compress_few_bits_in_wide_cells(uid):
    # pydicom hands such frames over in bytes.
    frames = [image(bits=7, seed=k).astype(np.uint16) for k in range(3)]
    signed = [(frame.astype(np.int16) - 64) for frame in frames]
    for wide in (frames, signed):
        ds = make(NATIVE, wide, stored=8)
        ds.compress(uid, encoding_plugin="dcmturbo")
        array = as_array(ds)[0]
        assert array.dtype == wide[0].dtype
        np.testing.assert_array_equal(array, wide)


def test_options_of_encoders():
    frames = [image((128, 96), 8, seed=k) for k in range(3)]

    def size(uid, **options):
        ds = make(NATIVE, frames)
        ds.compress(uid, encoding_plugin="dcmturbo", **options)
        return len(ds.PixelData), np.abs(as_array(ds)[0].astype(int) - np.stack(frames)).max()

    lossless, exact = size(f"{ROOT}.4.81")
    assert exact == 0
    near, error = size(f"{ROOT}.4.81", jls_error=3)
    assert near < lossless
    assert 0 < error <= 3
    for uid in (f"{ROOT}.4.91", f"{ROOT}.4.203"):
        total, error = size(uid, **({"j2k_cr": [8]} if uid.endswith("91") else {"ratio": 8}))
        assert error > 0
        assert total < sum(frame.nbytes for frame in frames) / 8 + 100
    _, better = size(f"{ROOT}.4.91", j2k_psnr=[60])
    _, worse = size(f"{ROOT}.4.91", j2k_psnr=[30])
    assert better < worse
    assert size(JPEG, quality=20)[0] < size(JPEG, quality=95)[0]
    for uid, options in [
        (JPEG_LS, {"jls_error": 2}),
        (JPEG_2000, {"ratio": 4}),
        (f"{ROOT}.4.91", {"j2k_cr": [20, 5]}),
        (RLE, {"quality": 3}),
    ]:
        ds = make(NATIVE, frames)
        with pytest.raises(RuntimeError, match=r"(?s)Unable to encode.*dcmturbo: "):
            list(get_encoder(uid).iter_encode(ds, encoding_plugin="dcmturbo", **options))


def test_other_encoders_step_in():
    ds = make(NATIVE, [image((64, 64), 8, seed=k) for k in range(3)])
    ds.compress(f"{ROOT}.4.91", j2k_cr=[20, 5])  # layers: pylibjpeg writes them
    assert ds.file_meta.TransferSyntaxUID == f"{ROOT}.4.91"


@pytest.mark.usefixtures("two_threads")
def test_frames_are_encoded_ahead(monkeypatch):
    frames = [image(seed=k) for k in range(20)]
    done = []
    original = plugin._encode

    def watched(src, runner):
        done.append(threading.current_thread())
        return original(src, runner)

    monkeypatch.setattr(plugin, "_encode", watched)
    encoded = list(get_encoder(RLE).iter_encode(make(NATIVE, frames), encoding_plugin="dcmturbo"))
    assert encoded == [dt.encode_frame(frame, RLE) for frame in frames]
    assert len(done) == 20
    assert sum(thread is threading.current_thread() for thread in done) == 1


def test_encoding_one_frame_of_many():
    ds = make(NATIVE, GRAY)
    encoded = get_encoder(RLE).encode(ds, index=3, encoding_plugin="dcmturbo")
    assert encoded == dt.encode_frame(GRAY[3], RLE)
