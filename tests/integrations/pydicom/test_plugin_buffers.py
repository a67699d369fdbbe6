"""`as_buffer`, `iter_buffer`, `as_array` and `iter_array`: samples and properties as with pydicom's other plugins."""

import numpy as np
import pytest
from helpers.pydicom_datasets import (
    COLOUR,
    GRAY,
    HTJ2K,
    JPEG,
    JPEG_12,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    NATIVE,
    RLE,
    ROOT,
    SIGNED_TWELVE,
    TWELVE,
    image,
    make,
    quietly,
)
from pydicom.pixels import get_decoder
from pydicom.uid import UID

import dcmturbo as dt

SIGNED = [image(bits=16, seed=k, signed=True) for k in range(3)]
FEW_BITS = [image(bits=7, seed=k).astype(np.uint16) for k in range(3)]
WIDE = [np.arange(48 * 40, dtype=np.uint32).reshape(48, 40) * 2_000_003 + k for k in range(3)]
WIDE_COLOUR = [frame.astype(np.uint16) * 257 for frame in COLOUR[:3]]
NEAR = f"{ROOT}.4.81"
IRREVERSIBLE = f"{ROOT}.4.91"

# The plugins of pydicom that each syntax is compared with.
REFERENCES = {
    RLE: ("pydicom", "pylibjpeg"),
    JPEG: ("pillow",),
    JPEG_LOSSLESS: ("gdcm",),
    JPEG_LS: ("pyjpegls",),
    NEAR: ("pyjpegls",),
    JPEG_2000: ("pylibjpeg", "pillow"),
    IRREVERSIBLE: ("pylibjpeg",),
    HTJ2K: ("pylibjpeg",),
    NATIVE: ("",),
}


def cases():
    for uid in REFERENCES:
        if uid != JPEG:
            yield uid, "16", GRAY, {}
            yield uid, "12", TWELVE, {"stored": 12}
            yield uid, "12-signed", SIGNED_TWELVE, {"stored": 12}
            yield uid, "16-signed", SIGNED, {}
            yield uid, "7-in-16", FEW_BITS, {"stored": 8}
        yield uid, "8", [image(bits=8, seed=k) for k in range(3)], {}
        yield uid, "rgb", COLOUR, {}
        if uid in (JPEG_LS, NEAR, JPEG_2000, IRREVERSIBLE, HTJ2K):
            yield uid, "12-in-32", [frame.astype(np.uint32) for frame in TWELVE], {"stored": 12}
        yield uid, "ybr", COLOUR, {"photometric": "YBR_FULL"}
        yield uid, "one-frame", COLOUR[:1], {}
    yield RLE, "32", WIDE, {}
    yield RLE, "rgb-16", WIDE_COLOUR, {}
    yield RLE, "palette", [image(bits=8)], {"photometric": "PALETTE COLOR"}
    yield JPEG_2000, "rct", COLOUR, {"photometric": "YBR_RCT"}
    yield IRREVERSIBLE, "ict", COLOUR, {"photometric": "YBR_ICT", "psnr": 45}
    yield NATIVE, "planar", COLOUR, {"planar": 1}


def parameters():
    for uid, name, frames, options in cases():
        for plugin in REFERENCES[uid]:
            if plugin == "pillow" and uid == JPEG_2000 and name not in ("8", "rgb", "one-frame"):
                continue  # pillow gives other bits back, or converts
            yield pytest.param(
                uid, plugin, frames, options, id="-".join(filter(None, (UID(uid).keyword, name, plugin)))
            )


def results(ds, plugin, how, **options):
    """Frames as bytes or arrays, and the properties told with each, by one of pydicom's four ways."""
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
    found = quietly(getattr(decoder, how), ds, decoding_plugin=plugin, **options)
    return quietly(list, found) if how.startswith("iter") else [found]


def assert_same_results(ours, theirs, tolerance=0):
    assert len(ours) == len(theirs)
    for (a, ours_told), (b, theirs_told) in zip(ours, theirs, strict=True):
        assert ours_told == theirs_told
        if not isinstance(a, np.ndarray):
            assert len(a) == len(b)
            if tolerance == 0:
                assert bytes(a) == bytes(b)
            continue
        assert (a.dtype, a.shape, a.flags.writeable) == (b.dtype, b.shape, b.flags.writeable)
        assert np.abs(a.astype(np.int64) - b.astype(np.int64)).max() <= tolerance


def ways(count):
    for index in (None, *{0, count - 1}):
        yield "as_buffer", {"index": index}
        for raw in (True, False):
            yield "as_array", {"index": index, "raw": raw}
    for indices in (None, [count - 1, 0]):
        yield "iter_buffer", {"indices": indices}
        for raw in (True, False):
            yield "iter_array", {"indices": indices, "raw": raw}


@pytest.mark.parametrize(("uid", "plugin", "frames", "options"), list(parameters()))
def test_every_way_gives_what_another_plugin_gives(uid, plugin, frames, options):
    ds = make(uid, frames, **options)
    for how, arguments in ways(len(frames)):
        dt.unregister()
        theirs = results(ds, plugin, how, **arguments)
        dt.register()
        ours = results(ds, "dcmturbo" if UID(uid).is_encapsulated else "", how, **arguments)
        assert_same_results(ours, theirs, tolerance=1 if "ICT" in options.get("photometric", "") else 0)


def test_rle_comes_in_planes_as_from_pydicoms_own_plugin():
    ds = make(RLE, COLOUR)
    for how in ("as_buffer", "iter_buffer"):
        for buffer, properties in results(ds, "dcmturbo", how):
            assert properties["planar_configuration"] == 1
            assert bytes(buffer)[: 48 * 40] == COLOUR[0][..., 0].tobytes() or how == "iter_buffer"


def test_twelve_bit_jpeg_keeps_the_properties_of_the_dataset():
    ds = make(JPEG_12, TWELVE, stored=12)
    (buffer, told), *_ = results(ds, "dcmturbo", "as_buffer")
    assert len(buffer) == sum(frame.nbytes for frame in TWELVE)
    assert (told["bits_allocated"], told["bits_stored"], told["number_of_frames"]) == (16, 12, 5)
