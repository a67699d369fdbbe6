"""dcmturbo inside pydicom: `register`, `unregister`, `prefill`, against pydicom and its other plugins.

pydicom swallows what a plugin raises and asks the next one, so the tests name the plugin, but for those of that.
"""

import io
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.pixels import get_decoder, get_encoder, iter_pixels, pixel_array
from pydicom.pixels.decoders import base as decoding
from pydicom.pixels.encoders import base as encoding
from pydicom.uid import UID

import dcmturbo as dt
from dcmturbo.integrations import pydicom as host
from dcmturbo.integrations import pydicom_arrays as arrays
from dcmturbo.integrations import pydicom_plugin as plugin

ROOT = "1.2.840.10008.1.2"
NATIVE, IMPLICIT, BIG_ENDIAN, RLE = f"{ROOT}.1", ROOT, f"{ROOT}.2", f"{ROOT}.5"
JPEG, JPEG_12, JPEG_LOSSLESS, JPEG_LS = f"{ROOT}.4.50", f"{ROOT}.4.51", f"{ROOT}.4.70", f"{ROOT}.4.80"
JPEG_2000, HTJ2K, JPEG_XL, DEFLATED = f"{ROOT}.4.90", f"{ROOT}.4.201", f"{ROOT}.4.110", f"{ROOT}.8.1"
ENCAPSULATED_NATIVE = f"{ROOT}.1.98"
NEW = (ENCAPSULATED_NATIVE, f"{ROOT}.4.92", f"{ROOT}.4.93", JPEG_XL, f"{ROOT}.4.111", f"{ROOT}.4.112", DEFLATED)

WHEEL = Path(pydicom.data.__file__).parent / "test_files"


@pytest.fixture(autouse=True)
def registered():
    dt.register()
    yield
    dt.unregister()


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


@pytest.fixture
def plans(monkeypatch):
    """What the whole-array path did: True where it made the array, False where it left that to pydicom."""
    seen = []

    def watched(original):
        def prepare(*arguments, **options):
            plan = original(*arguments, **options)
            seen.append(plan is not None)
            return plan

        return prepare

    monkeypatch.setattr(arrays, "prepare", watched(arrays.prepare))
    return seen


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


# --- the files that pydicom ships ---------------------------------------------------------------


def shipped():
    for path in sorted(path for path in WHEEL.rglob("*") if path.is_file()):
        try:
            ds = quietly(pydicom.dcmread, path)
        except pydicom.errors.InvalidDicomError:
            continue
        has_pixels = any(name in ds for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
        if has_pixels and "TransferSyntaxUID" in getattr(ds, "file_meta", {}):
            yield path


FILES = list(shipped())


def reference(uid):
    """The plugin to be equal to; see ARCHITECTURE.md."""
    if not UID(uid).is_encapsulated:
        return ""
    # pylibjpeg decodes these only with a GPL package, which the tests do not install.
    return {JPEG: "pillow", JPEG_LOSSLESS: "gdcm", JPEG_LS: "pyjpegls"}.get(uid, "pylibjpeg")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(WHEEL)))
def test_shipped_files_are_as_with_the_other_plugins(path):
    ds = quietly(pydicom.dcmread, path)
    uid = ds.file_meta.TransferSyntaxUID
    for raw in (True, False):
        try:
            dt.unregister()
            theirs = as_array(ds, reference(uid), raw=raw)
        except Exception:
            theirs = None
        dt.register()
        try:
            ours = as_array(ds, "dcmturbo" if uid.is_encapsulated else "", raw=raw)
        except Exception:
            assert theirs is None
            continue
        lossy_12 = uid == JPEG_12 and ds.BitsStored == 12
        if theirs is not None:
            irreversible = path.name == "JPEG2000.dcm"
            assert_same(ours, theirs, tolerance=1 if lossy_12 or irreversible else 0)
        frames = ours[0] if ours[1]["number_of_frames"] > 1 else ours[0][np.newaxis]
        # The floor beneath, and each frame for itself.
        floor = quietly(untouched(uid).as_array, ds, raw=raw, decoding_plugin="dcmturbo" if uid.is_encapsulated else "")
        assert_same(ours, floor)
        for k, frame in enumerate(quietly(list, iter_pixels(ds, raw=raw))):
            np.testing.assert_array_equal(frame, frames[k])
        assert as_array(ds, raw=raw, index=len(frames) - 1)[0].tolist() == frames[-1].tolist()


def test_the_shipped_files_are_many():
    assert len(FILES) > 80


# --- made-up datasets -----------------------------------------------------------------------------

GRAY = [image(seed=k) for k in range(5)]
TWELVE = [image(bits=12, seed=k) for k in range(5)]
SIGNED_TWELVE = [image(bits=12, seed=k, signed=True) for k in range(5)]
COLOUR = [image((48, 40, 3), 8, seed=k) for k in range(5)]
BITS = [(image((7, 9), 8, seed=k) & 1) for k in range(5)]


def cases():
    for uid in (NATIVE, IMPLICIT, BIG_ENDIAN, RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K):
        name = UID(uid).keyword
        yield pytest.param(uid, GRAY, {}, id=f"{name}-16")
        yield pytest.param(uid, TWELVE, {"stored": 12}, id=f"{name}-12")
        yield pytest.param(uid, SIGNED_TWELVE, {"stored": 12}, id=f"{name}-12-signed")
        yield pytest.param(uid, COLOUR, {}, id=f"{name}-rgb")
        yield pytest.param(uid, COLOUR, {"photometric": "YBR_FULL"}, id=f"{name}-ybr")
        yield pytest.param(uid, TWELVE[:1], {"stored": 12}, id=f"{name}-one-frame")
    for uid in (NATIVE, IMPLICIT):
        yield pytest.param(uid, COLOUR, {"planar": 1}, id=f"{UID(uid).keyword}-planar")
        yield pytest.param(uid, BITS, {"allocated": 1}, id=f"{UID(uid).keyword}-bits")
    yield pytest.param(JPEG_2000, COLOUR, {"photometric": "YBR_RCT"}, id="JPEG2000Lossless-rct")


@pytest.mark.parametrize(("uid", "frames", "options"), list(cases()))
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "rgb"])
def test_generated_datasets_are_as_with_the_other_plugins(uid, frames, options, raw, plans):
    ds = make(uid, frames, **options)
    if uid == NATIVE and options.get("stored") == 12:
        ds.PixelData = (np.frombuffer(ds.PixelData, "<u2") ^ 0xA000).tobytes()  # rubbish above BitsStored
    named = "dcmturbo" if UID(uid).is_encapsulated else ""
    ours = as_array(ds, named, raw=raw)
    assert plans == [uid != BIG_ENDIAN]
    single = [as_array(ds, named, raw=raw, index=k) for k in range(len(frames))]
    iterated = [frame.copy() for frame in iter_pixels(ds, raw=raw, decoding_plugin=named)]
    some = [frame.copy() for frame in iter_pixels(ds, raw=raw, decoding_plugin=named, indices=[len(frames) - 1, 0])]
    buffer = quietly(get_decoder(uid).as_buffer, ds, decoding_plugin=named)
    dt.unregister()
    assert_same(ours, as_array(ds, reference(uid), raw=raw))
    if not options.get("photometric", "").startswith("YBR") or raw:
        expected = np.stack(frames) if len(frames) > 1 else frames[0]
        if uid != NATIVE or "stored" not in options:
            np.testing.assert_array_equal(ours[0], expected)
    for k, frame in enumerate(single):
        if options.get("allocated") == 1:
            # pydicom stumbles over frames that begin and end within a byte.
            np.testing.assert_array_equal(frame[0], frames[k])
        else:
            assert_same(frame, as_array(ds, reference(uid), raw=raw, index=k))
        np.testing.assert_array_equal(iterated[k], frame[0])
        assert iterated[k].dtype == frame[0].dtype
    np.testing.assert_array_equal(some, [single[-1][0], single[0][0]])
    theirs = quietly(get_decoder(uid).as_buffer, ds, decoding_plugin=reference(uid))
    if uid == RLE and len(frames[0].shape) == 3:
        return  # theirs is by planes
    if reference(uid) == "gdcm" and frames[0].dtype.kind == "i":
        return  # it extends the sign in the buffer; as an array the two are equal, above
    assert bytes(buffer[0]) == bytes(theirs[0])
    assert buffer[1] == theirs[1]


@pytest.mark.parametrize("uid", [NATIVE, JPEG])
def test_ybr_full_422(uid, plans):
    frames = [image((48, 40, 3), 8, seed=k) for k in range(4)]
    if uid == JPEG:
        ds = make(uid, frames, photometric="YBR_FULL_422")
    else:
        ds = make(uid, frames)
        ds.PhotometricInterpretation = "YBR_FULL_422"
        pairs = np.stack(frames).reshape(4, 48, 20, 2, 3)
        ds.PixelData = np.concatenate([pairs[..., 0], pairs[..., 0, 1:]], axis=-1).tobytes()
    named = "" if uid == NATIVE else "dcmturbo"
    for raw in (True, False):
        dt.register()
        ours, one = as_array(ds, named, raw=raw), as_array(ds, named, raw=raw, index=2)
        # pydicom itself cannot: it takes the second frame for one that is not subsampled.
        iterated = [frame.copy() for frame in iter_pixels(ds, raw=raw, decoding_plugin=named)]
        dt.unregister()
        assert_same(ours, as_array(ds, "" if uid == NATIVE else "pillow", raw=raw))
        assert_same(one, as_array(ds, "" if uid == NATIVE else "pillow", raw=raw, index=2))
        np.testing.assert_array_equal(iterated, ours[0])
        assert ours[1]["photometric_interpretation"] == (
            "RGB" if not raw else "YBR_FULL" if uid == NATIVE else "YBR_FULL_422"
        )
    assert all(plans)


def test_big_endian_bytes_in_words():
    for shape in ((6, 4), (5, 3)):
        frames = [image(shape, 8, seed=k) for k in range(3)]
        ds = make(BIG_ENDIAN, frames)
        data = ds.PixelData + b"\0" * (len(ds.PixelData) % 2)
        ds.PixelData = np.frombuffer(data, ">u2").byteswap().tobytes()
        ds["PixelData"].VR = "OW"
        np.testing.assert_array_equal(ds.pixel_array, frames)
        np.testing.assert_array_equal(list(iter_pixels(ds)), frames)


def test_float_pixel_data():
    values = image().astype(np.float32)
    ds = make(NATIVE, [image()])
    del ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    ds.FloatPixelData, ds.BitsAllocated = values.tobytes(), 32
    assert ds.pixel_array.dtype == np.float32
    np.testing.assert_array_equal(ds.pixel_array, values)


def test_ybr_of_sixteen_bits_is_left_to_pydicom():
    # Which refuses: PS3.3, C.7.6.3.1.2 defines YBR_FULL for 8 bits.
    frames = [image((16, 12, 3), 16, seed=k) for k in range(2)]
    for uid, name in ((NATIVE, ""), (RLE, "dcmturbo")):
        ds = make(uid, frames, photometric="YBR_FULL")
        with pytest.raises(ValueError, match="uint8"):
            as_array(ds, name)
        np.testing.assert_array_equal(as_array(ds, name, raw=True)[0], frames)


@pytest.mark.parametrize(
    "option",
    [{"force_rgb": True}, {"force_ybr": True}, {"as_rgb": False}, {"correct_unused_bits": False}, {"raw": True}],
)
@pytest.mark.parametrize("uid", [NATIVE, RLE, JPEG_LOSSLESS])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_options_of_colour(uid, photometric, option):
    ds = make(uid, COLOUR, photometric=photometric)
    named = "dcmturbo" if UID(uid).is_encapsulated else ""
    ours = as_array(ds, named, **option)
    floor = quietly(untouched(uid).as_array, ds, decoding_plugin=named, **option)
    dt.unregister()
    theirs = as_array(ds, reference(uid), **option)
    assert_same(ours, theirs)
    assert_same(floor, theirs)


def test_forcing_both_colours_is_refused():
    with pytest.raises(ValueError, match="force_ybr"):
        as_array(make(RLE, COLOUR), force_rgb=True, force_ybr=True)


def test_colour_is_converted_exactly_and_in_place_only_where_the_memory_is_the_decoders():
    grid = np.stack(np.meshgrid(np.arange(0, 256, 5), np.arange(256), np.arange(0, 256, 5), indexing="ij"), -1)
    ybr = grid.reshape(-1, 256, 3).astype(np.uint8)
    ds = make(NATIVE, [ybr], photometric="YBR_FULL")
    writeable = bytearray(ds.PixelData)
    options = {name: value for name, value in decoding.DecodeRunner(UID(NATIVE)).options.items() if name == "nothing"}
    options.update(pydicom.pixels.as_pixel_options(ds), pixel_keyword="PixelData")
    ours = get_decoder(NATIVE).as_array(writeable, **options)[0]
    assert bytes(writeable) == ds.PixelData
    dt.unregister()
    theirs = as_array(ds, "")[0]
    assert np.count_nonzero(ours != theirs) <= 50  # float32 against exact arithmetic
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_a_processor_of_the_user_sees_what_it_always_has(monkeypatch):
    seen = []

    def look(array, runner, changes):
        seen.append((array.copy(), str(runner.photometric_interpretation)))
        return array

    ds = make(RLE, COLOUR, photometric="YBR_FULL")
    monkeypatch.setattr(decoding, "PROCESSORS", [look, *decoding.PROCESSORS])
    ours = as_array(ds)[0]
    np.testing.assert_array_equal(seen[0][0], COLOUR)
    assert seen[0][1] == "YBR_FULL"
    monkeypatch.undo()
    np.testing.assert_array_equal(ours, as_array(ds)[0])


@pytest.mark.parametrize("uid", [JPEG_2000, JPEG_LS])
def test_sign_correction_can_be_switched_off(uid):
    ds = make(uid, SIGNED_TWELVE, stored=12)
    if uid == JPEG_2000:  # coded as unsigned, called signed
        unsigned = [frame.view(np.uint16) & 0xFFF for frame in SIGNED_TWELVE]
        ds = make(uid, unsigned, stored=12)
        ds.PixelRepresentation = 1
    for on in (True, False):
        option = {"apply_j2k_sign_correction": on, "apply_jls_sign_correction": on}
        dt.register()
        ours = as_array(ds, **option)
        dt.unregister()
        assert_same(ours, as_array(ds, reference(uid), **option))
        assert (ours[0] == np.stack(SIGNED_TWELVE)).all() == on


def test_segments_the_wrong_way_round():
    ds = make(RLE, GRAY)
    ours = as_array(ds, rle_segment_order="<")
    np.testing.assert_array_equal(ours[0], np.stack(GRAY).byteswap())
    dt.unregister()
    assert_same(ours, as_array(ds, "pydicom", rle_segment_order="<"))


@pytest.mark.parametrize("table", ["basic", "none", "extended"])
@pytest.mark.parametrize("kind", ["dataset", "buffer", "file"])
def test_sources(kind, table):
    ds = make(JPEG_LS, TWELVE, stored=12, table=table)
    decoder = get_decoder(JPEG_LS)
    options = {"decoding_plugin": "dcmturbo"}
    src = ds
    if kind != "dataset":
        options.update(pydicom.pixels.as_pixel_options(ds))
        src = ds.PixelData if kind == "buffer" else io.BytesIO(b"before" + ds.PixelData)
    if kind == "file":
        src.seek(6)
    for _ in range(2):
        np.testing.assert_array_equal(decoder.as_array(src, **options)[0], TWELVE)
    np.testing.assert_array_equal(decoder.as_array(src, index=3, **options)[0], TWELVE[3])
    np.testing.assert_array_equal([frame for frame, _ in decoder.iter_array(src, **options)], TWELVE)
    np.testing.assert_array_equal(
        [frame for frame, _ in decoder.iter_array(src, indices=[4, 0], **options)], [TWELVE[4], TWELVE[0]]
    )
    if kind == "file":
        assert src.tell() == 6
    assert len(list(decoder.iter_buffer(src, **options))) == len(TWELVE)


@pytest.mark.parametrize("uid", [NATIVE, RLE, DEFLATED])
def test_files(tmp_path, uid):
    make(uid, TWELVE, stored=12).save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(pixel_array(tmp_path / "a.dcm"), TWELVE)
    np.testing.assert_array_equal(pixel_array(tmp_path / "a.dcm", index=2), TWELVE[2])
    np.testing.assert_array_equal(list(iter_pixels(tmp_path / "a.dcm")), TWELVE)
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "a.dcm", defer_size=64).pixel_array, TWELVE)


def test_view_only_gives_a_view():
    ds = make(NATIVE, GRAY)
    ds.pixel_array_options(view_only=True)
    assert not ds.pixel_array.flags.writeable
    assert np.shares_memory(ds.pixel_array, np.frombuffer(ds.PixelData, np.uint8))
    buffer = bytearray(ds.PixelData)
    view, _ = get_decoder(NATIVE).as_array(
        buffer, view_only=True, pixel_keyword="PixelData", **pydicom.pixels.as_pixel_options(ds)
    )
    assert np.shares_memory(view, np.frombuffer(buffer, np.uint8))


def test_native_arrays_are_the_users_own():
    ds = make(NATIVE, GRAY)
    before = bytes(ds.PixelData)
    ds.pixel_array[...] = 0
    assert ds.PixelData == before


def test_too_much_and_too_little_native_data():
    ds = make(NATIVE, GRAY)
    ds.NumberOfFrames = 3
    with pytest.warns(UserWarning, match="5 frames"):
        np.testing.assert_array_equal(ds.pixel_array, GRAY)
    array, properties = quietly(get_decoder(NATIVE).as_array, ds, allow_excess_frames=False)
    np.testing.assert_array_equal(array, GRAY[:3])
    assert properties["number_of_frames"] == 3
    ds.NumberOfFrames = 6
    with pytest.raises(ValueError, match="less than expected"):
        ds.pixel_array  # noqa: B018
    with pytest.raises(ValueError, match="insufficient"):
        get_decoder(NATIVE).as_array(make(NATIVE, GRAY), index=5)


def test_more_encapsulated_frames_than_promised(plans):
    ds = make(JPEG_LS, TWELVE, stored=12)
    ds.NumberOfFrames = 3
    decoder = get_decoder(JPEG_LS)
    with pytest.warns(UserWarning, match="5 frames have been found"):
        array, properties = decoder.as_array(ds, decoding_plugin="dcmturbo")
    np.testing.assert_array_equal(array, TWELVE)
    assert properties["number_of_frames"] == 5
    array, properties = decoder.as_array(ds, decoding_plugin="dcmturbo", allow_excess_frames=False)
    np.testing.assert_array_equal(array, TWELVE[:3])
    assert properties["number_of_frames"] == 3
    assert plans == [True, True]


# --- errors, and the other plugins ----------------------------------------------------------------


def damaged(uid, frames, which, **options):
    ds = make(uid, frames, **options)
    encoded = list(generate_frames(ds.PixelData, number_of_frames=len(frames)))
    encoded[which] = encoded[which][: len(encoded[which]) // 2]
    ds.PixelData = encapsulate(encoded)
    return ds


@pytest.mark.parametrize("uid", [RLE, JPEG_LS, JPEG_LOSSLESS, JPEG_2000, HTJ2K, JPEG_XL, DEFLATED])
def test_a_damaged_frame_is_an_error_of_pydicoms_that_names_us(uid):
    ds = damaged(uid, GRAY, 3)
    decoder = get_decoder(uid)
    for call in (
        lambda: decoder.as_array(ds, decoding_plugin="dcmturbo"),
        lambda: decoder.as_array(ds, index=3, decoding_plugin="dcmturbo"),
        lambda: decoder.as_buffer(ds, decoding_plugin="dcmturbo"),
        lambda: list(decoder.iter_array(ds, decoding_plugin="dcmturbo")),
    ):
        with pytest.raises(RuntimeError, match=r"(?s)exceptions were raised by all.*dcmturbo: "):
            call()
    np.testing.assert_array_equal(decoder.as_array(ds, index=2, decoding_plugin="dcmturbo")[0], GRAY[2])


def test_another_plugin_steps_in():
    ds = make(RLE, GRAY)
    calls = []

    def other(src, runner):
        calls.append(src)
        return bytes(2 * runner.rows * runner.columns)

    decoder = get_decoder(RLE)
    before = dict(decoder._available)
    decoder._available = {"dcmturbo": before["dcmturbo"], "other": other}
    try:
        broken = damaged(RLE, GRAY, 1)
        with pytest.warns(UserWarning, match="plugin has changed"):
            array, _ = decoder.as_array(broken)
        np.testing.assert_array_equal(array[0], GRAY[0])
        assert not array[1].any()
        assert len(calls) == 4  # pydicom stays with the one that worked
        # A plugin that is named is the one that is used.
        del calls[:]
        assert not decoder.as_array(ds, decoding_plugin="other")[0].any()
        assert not decoder.as_array(ds, decoding_plugin="other", index=1)[0].any()
        assert len(calls) == 6
        np.testing.assert_array_equal(decoder.as_array(ds)[0], GRAY)
        assert len(calls) == 6
        # So is one that somebody has put before us.
        decoder._available = {"other": other, "dcmturbo": before["dcmturbo"]}
        assert not ds.pixel_array.any()
    finally:
        decoder._available = before


def test_naming_another_plugin_bypasses_us(plans):
    ds = make(RLE, GRAY)
    ds.pixel_array_options(decoding_plugin="pydicom")
    np.testing.assert_array_equal(ds.pixel_array, GRAY)
    assert plans == []
    with pytest.raises(ValueError, match="No plugin named 'nobody'"):
        get_decoder(RLE).as_array(ds, decoding_plugin="nobody")


def test_other_plugins_are_not_shown_our_option():
    ds = make(RLE, GRAY)
    seen = []
    decoder = get_decoder(RLE)
    before = dict(decoder._available)
    decoder._available["spy"] = lambda src, runner: seen.append(set(runner.options)) or bytes(2 * 48 * 40)
    try:
        decoder.as_array(ds, decoding_plugin="spy")
    finally:
        decoder._available = before
    assert not any(name.startswith("dcmturbo") for options in seen for name in options)


def test_fewer_frames_than_promised():
    ds = make(RLE, GRAY)
    ds.NumberOfFrames = 7
    with pytest.raises((RuntimeError, ValueError, StopIteration)):
        as_array(ds)


def test_a_contradiction_is_warned_of_once():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = make(JPEG_2000, GRAY, table="basic")
    frames = list(generate_frames(wrapped.PixelData, number_of_frames=5))
    ds = make(f"{ROOT}.4.80", GRAY)
    ds.PixelData = encapsulate(frames)  # JPEG 2000 under the label of JPEG-LS
    for call in (
        lambda: get_decoder(JPEG_LS).as_array(ds, decoding_plugin="dcmturbo")[0],
        lambda: [frame for frame, _ in get_decoder(JPEG_LS).iter_array(ds, decoding_plugin="dcmturbo")],
    ):
        with pytest.warns(dt.DecodeWarning, match="another format") as caught:
            np.testing.assert_array_equal(call(), GRAY)
        assert len(caught) == 1


# --- decoding ahead ---------------------------------------------------------------------------------


@pytest.fixture
def two_threads():
    with dt.config.override(threads=2):
        yield


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("uid", [RLE, JPEG_LS, DEFLATED])
def test_frames_are_decoded_ahead_and_few_of_them(uid, monkeypatch):
    frames = [image(seed=k) for k in range(40)]
    ds = make(uid, frames)
    done = []
    original = plugin._decode_coded

    def watched(src, *rest):
        done.append(threading.current_thread())
        return original(src, *rest)

    monkeypatch.setattr(plugin, "_decode_coded", watched)
    iterator = get_decoder(uid).iter_array(ds, decoding_plugin="dcmturbo")
    for k, (frame, _) in enumerate(iterator):
        np.testing.assert_array_equal(frame, frames[k])
        assert len(done) <= k + 1 + 2 * 2 + 1
    assert len(done) == 40  # each once
    assert sum(thread is threading.current_thread() for thread in done) == 1


@pytest.mark.usefixtures("two_threads")
def test_wrong_predictions_are_noticed():
    frames = [image(seed=k) for k in range(8)]
    ds = make(JPEG_LS, frames)
    encoded = list(generate_frames(ds.PixelData, number_of_frames=8))
    runner = decoding.DecodeRunner(UID(JPEG_LS))
    runner.set_source(ds)
    order = [0, 1, 2, 5, 6, 3, 3, 7]
    for k in order:
        decoded = plugin.decode_frame(encoded[k], runner)
        np.testing.assert_array_equal(np.frombuffer(decoded, np.uint16).reshape(48, 40), frames[k])


@pytest.mark.usefixtures("two_threads")
def test_an_iteration_survives_a_fork():
    frames = [image(seed=k) for k in range(12)]
    ds = make(RLE, frames)
    iterator = get_decoder(RLE).iter_array(ds, decoding_plugin="dcmturbo")
    for k in range(3):
        np.testing.assert_array_equal(next(iterator)[0], frames[k])

    def child():
        rest = [frame for frame, _ in iterator]
        whole = get_decoder(RLE).as_array(ds, decoding_plugin="dcmturbo")[0]
        again = [frame for frame, _ in get_decoder(RLE).iter_array(ds, decoding_plugin="dcmturbo")]
        other = make(JPEG_LS, frames).pixel_array
        dt.prefill([ds])
        return all(
            np.array_equal(a, b) for a, b in [(rest, frames[3:]), (whole, frames), (again, frames), (other, frames)]
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, of threads in the parent
        process = os.fork()
    if process == 0:
        code = 1
        try:
            code = 0 if child() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    np.testing.assert_array_equal([frame for frame, _ in iterator], frames[3:])


def test_many_threads_at_once():
    datasets = [make(uid, TWELVE, stored=12) for uid in (RLE, JPEG_LS, NATIVE, DEFLATED) for _ in range(4)]
    wrong = []

    def work(ds):
        for _ in range(5):
            ds._pixel_array = None
            if not np.array_equal(ds.pixel_array, TWELVE) or not np.array_equal(list(iter_pixels(ds)), TWELVE):
                wrong.append(ds)

    threads = [threading.Thread(target=work, args=(ds,)) for ds in datasets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- syntaxes that pydicom lacks ----------------------------------------------------------------------


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
    from dcmturbo import library

    ds = make(JPEG, COLOUR, photometric="YBR_FULL_422")
    expected = as_array(ds)[0]
    uid = f"{ROOT}.4.111"
    frames = generate_frames(ds.PixelData, number_of_frames=5)
    ds.PixelData = encapsulate([library.encode(frame, uid) for frame in frames])
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


# --- encoding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", sorted(plugin._ENCODABLE))
def test_compress(uid):
    lossy = uid in (JPEG, JPEG_12)
    frames = [image(bits=8 if uid == JPEG else 12, seed=k) for k in range(5)]
    ds = make(NATIVE, frames, stored=8 if uid == JPEG else 12)
    ds.compress(uid, encoding_plugin="dcmturbo", generate_instance_uid=False)
    assert ds.file_meta.TransferSyntaxUID == uid
    array = as_array(ds)[0]
    assert array.dtype == frames[0].dtype
    assert np.abs(array.astype(int) - np.stack(frames)).max() <= (250 if lossy else 0)


@pytest.mark.parametrize("uid", sorted(plugin._ENCODABLE - {JPEG_12}))
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("source", ["dataset", "array"])
def test_compress_colour(uid, planar, source):
    ds = make(NATIVE, COLOUR, planar=planar)
    array = np.stack(COLOUR) if source == "array" else None
    ds.compress(uid, array, encoding_plugin="dcmturbo")
    difference = np.abs(as_array(ds)[0].astype(int) - np.stack(COLOUR)).max()
    assert difference <= (60 if uid == JPEG else 0)


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


# --- register and unregister -------------------------------------------------------------------------------


def snapshot():
    """Everything that `register` changes."""

    def coder(one):
        return (
            list(one._available.items()),
            dict(one._unavailable),
            {name: value for name, value in one.__dict__.items() if callable(value)},
        )

    return (
        {str(uid): (entry[0], coder(entry[0])) for uid, entry in decoding._PIXEL_DATA_DECODERS.items()},
        {str(uid): (entry[0], coder(entry[0])) for uid, entry in encoding._PIXEL_DATA_ENCODERS.items()},
        dict(pydicom._uid_dict.UID_dictionary),
        list(decoding.PROCESSORS),
    )


def test_unregister_restores_exactly_and_register_can_be_repeated():
    dt.unregister()
    before = snapshot()
    dt.register()
    once = snapshot()
    dt.register()
    assert snapshot() == once
    assert once != before
    dt.unregister()
    assert snapshot() == before
    dt.unregister()
    assert snapshot() == before
    dt.register()
    assert next(iter(get_decoder(RLE)._available)) == "dcmturbo"
    assert next(iter(get_encoder(RLE)._available)) == "dcmturbo"


def test_plugins_added_and_removed_in_between():
    dt.unregister()
    decoder = get_decoder(RLE)
    labels = list(decoder._available)
    dt.register()
    try:
        decoder.add_plugin("another", ("pydicom.pixels.decoders.rle", "_decode_frame"))
        decoder.remove_plugin("pydicom")
        assert list(decoder._available) == ["dcmturbo", *(label for label in labels if label != "pydicom"), "another"]
        dt.unregister()
        assert list(decoder._available) == [*(label for label in labels if label != "pydicom"), "another"]
        dt.register()
        decoder.remove_plugin("dcmturbo")
        np.testing.assert_array_equal(make(RLE, GRAY).pixel_array, GRAY)
        dt.unregister()
    finally:
        decoder.remove_plugin("another")
        decoder.add_plugin("pydicom", ("pydicom.pixels.decoders.rle", "_decode_frame"))
    assert list(decoder._available) == labels


def test_the_public_way_of_adding_a_plugin_works():
    dt.unregister()
    path = "dcmturbo.integrations.pydicom_plugin"
    decoder, encoder = get_decoder(RLE), get_encoder(RLE)
    decoder.add_plugin("dcmturbo", (path, "decode_frame"))
    encoder.add_plugin("dcmturbo", (path, "encode_frame"))
    try:
        ds = make(RLE, COLOUR, photometric="YBR_FULL")
        theirs = as_array(ds, "pydicom")
        assert_same(as_array(ds), theirs)
        before = list(decoder._available)
        dt.register()
        assert next(iter(decoder._available)) == "dcmturbo"
        dt.unregister()
        assert list(decoder._available) == before
        ds = make(NATIVE, GRAY)
        ds.compress(RLE, encoding_plugin="dcmturbo")
        np.testing.assert_array_equal(as_array(ds)[0], GRAY)
    finally:
        decoder.remove_plugin("dcmturbo")
        encoder.remove_plugin("dcmturbo")


def test_a_pydicom_that_is_built_differently_gets_the_plugin_alone(monkeypatch, plans):
    dt.unregister()
    monkeypatch.setattr(decoding.Decoder, "_as_array_encapsulated", staticmethod(lambda one, two, three: None))
    dt.register()
    assert not any("as_array" in name for name in get_decoder(RLE).__dict__)
    assert arrays.convert_colour not in decoding.PROCESSORS
    np.testing.assert_array_equal(list(iter_pixels(make(RLE, GRAY), decoding_plugin="dcmturbo")), GRAY)
    datasets = [make(NATIVE, GRAY)]
    dt.prefill(datasets)
    assert plans == []
    np.testing.assert_array_equal(datasets[0].pixel_array, GRAY)


def test_the_options_of_single_frames_that_pydicom_will_have():
    class Runner(decoding.DecodeRunner):
        index = 0

        def set_frame_option(self, index, name, value):
            told[index, name] = value

    told = {}
    runner = Runner(UID(RLE))
    runner.set_source(make(RLE, COLOUR))
    frame = dt.encode_frame(COLOUR[0], RLE)
    assert bytes(plugin.decode_frame(frame, runner)) == COLOUR[0].tobytes()
    assert told == {(0, "photometric_interpretation"): "RGB", (0, "planar_configuration"): 0}


def test_importing_dcmturbo_imports_no_pydicom_and_says_nothing():
    code = (
        "import sys, dcmturbo; assert not any(m.split('.')[0] == 'pydicom' for m in sys.modules); "
        "dcmturbo.register(); dcmturbo.register(); dcmturbo.unregister()"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- prefill ------------------------------------------------------------------------------------------------


def series():
    yield make(RLE, GRAY)
    yield make(JPEG_LS, SIGNED_TWELVE[:1], stored=12)
    yield make(NATIVE, TWELVE, stored=12)
    yield make(BIG_ENDIAN, TWELVE, stored=12)
    yield make(RLE, COLOUR, photometric="YBR_FULL")
    yield make(JPEG, COLOUR, photometric="YBR_FULL_422")
    yield make(DEFLATED, BITS, allocated=1)
    ds = make(JPEG_LOSSLESS, TWELVE, stored=12)
    ds.pixel_array_options(index=2)
    yield ds
    ds = make(RLE, COLOUR, photometric="YBR_FULL")
    ds.pixel_array_options(raw=True)
    yield ds
    ds = make(RLE, GRAY)
    ds.pixel_array_options(decoding_plugin="pydicom")
    yield ds
    ds = make(NATIVE, GRAY)
    ds.pixel_array_options(view_only=True)
    yield ds
    ds = make(RLE, GRAY)
    quietly(ds.pixel_array_options, use_v2_backend=True)
    yield ds


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_prefill_leaves_what_pixel_array_would_be(threads, monkeypatch):
    expected = [quietly(lambda ds=ds: ds.pixel_array) for ds in series()]
    kept = []
    quietly(dt.prefill, (kept.append(ds) or ds for ds in series()), threads=threads)
    monkeypatch.setattr(pydicom.dataset, "pixel_array", None)  # so that nothing can be decoded any more
    for ds, array in zip(kept, expected, strict=True):
        assert ds.pixel_array.dtype == array.dtype
        assert ds.pixel_array.flags.writeable == array.flags.writeable
        np.testing.assert_array_equal(ds.pixel_array, array)


def test_prefill_without_registering():
    datasets = list(series())
    dt.unregister()
    quietly(dt.prefill, datasets)
    dt.register()
    for ds, other in zip(datasets, series(), strict=True):
        np.testing.assert_array_equal(ds._pixel_array, quietly(lambda other=other: other.pixel_array))


def test_prefill_does_nothing_twice_and_notices_changes():
    ds = make(RLE, GRAY)
    dt.prefill([ds])
    array = ds.pixel_array
    dt.prefill([ds])
    assert ds.pixel_array is array
    ds.PixelData = make(RLE, TWELVE).PixelData
    dt.prefill([ds])
    np.testing.assert_array_equal(ds.pixel_array, TWELVE)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("how", ["frame", "header", "no pixels"])
def test_prefill_names_the_dataset_that_fails(threads, how):
    datasets = [make(RLE, GRAY) for _ in range(6)]
    datasets[3] = damaged(RLE, GRAY, 2) if how == "frame" else make(RLE, GRAY)
    if how == "header":
        datasets[3] = make(JPEG_LS, GRAY)
        datasets[3].Rows = 47
    elif how == "no pixels":
        del datasets[3].PixelData
    datasets[3].SOPInstanceUID = "1.2.3.4.5"
    with pytest.raises(AttributeError if how == "no pixels" else dt.DecodeError) as caught:
        dt.prefill(datasets, threads=threads)
    assert "dataset 3 of 6" in caught.value.__notes__[0]
    assert "1.2.3.4.5" in caught.value.__notes__[0]
    if how == "frame":
        assert caught.value.frame == 2
    for ds in datasets[:3]:
        assert ds._pixel_array is not None
        np.testing.assert_array_equal(ds.pixel_array, GRAY)
    assert datasets[3]._pixel_array is None


def test_prefill_refuses_what_is_no_dataset():
    with pytest.raises(TypeError, match="Datasets"):
        dt.prefill(["a.dcm"])
    dt.prefill([])


def test_the_public_functions_are_these():
    assert host.__all__ == ["prefill", "register", "unregister"]
