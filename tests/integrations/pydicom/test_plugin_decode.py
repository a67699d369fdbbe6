"""Decoding inside pydicom, against pydicom and its other plugins."""

import io

import numpy as np
import pydicom
import pydicom.data
import pytest
from helpers.pydicom_datasets import (
    BIG_ENDIAN,
    BITS,
    COLOUR,
    DEFLATED,
    GRAY,
    HTJ2K,
    IMPLICIT,
    JPEG,
    JPEG_12,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    NATIVE,
    RLE,
    SIGNED_TWELVE,
    TWELVE,
    WHEEL,
    as_array,
    assert_same,
    image,
    make,
    quietly,
    untouched,
)
from pydicom.pixels import get_decoder, iter_pixels, pixel_array
from pydicom.pixels.decoders import base as decoding
from pydicom.uid import UID

import dcmturbo as dt

# --- the files that pydicom ships -----------------------------------------------------------------


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
    with pytest.warns(UserWarning, match="5 frames have been found") as ours:
        array, properties = decoder.as_array(ds, decoding_plugin="dcmturbo")
    with pytest.warns(UserWarning, match="5 frames have been found") as theirs:
        untouched(JPEG_LS).as_array(ds, decoding_plugin="pyjpegls")
    assert [str(warning.message) for warning in ours] == [str(warning.message) for warning in theirs]
    np.testing.assert_array_equal(array, TWELVE)
    assert properties["number_of_frames"] == 5
    array, properties = decoder.as_array(ds, decoding_plugin="dcmturbo", allow_excess_frames=False)
    np.testing.assert_array_equal(array, TWELVE[:3])
    assert properties["number_of_frames"] == 3
    assert plans == [True, True]


@pytest.mark.parametrize("frames", [SIGNED_TWELVE, SIGNED_TWELVE[:1]], ids=["frames", "one-frame"])
def test_a_signed_codestream_is_read_alike_whichever_block_coder_it_has(frames):
    """The dataset says unsigned: the sign is the codestream's, and pydicom corrects it."""
    read = []
    for uid in (JPEG_2000, HTJ2K):
        ds = make(uid, frames, stored=12)
        ds.PixelRepresentation = 0
        alone = as_array(ds, "dcmturbo", index=0)[0]
        whole = as_array(ds, "dcmturbo")[0]
        read.append((quietly(get_decoder(uid).as_buffer, ds, decoding_plugin="dcmturbo")[0], whole, alone))
    assert bytes(read[0][0]) == bytes(read[1][0])
    for ours, theirs in zip(read[0][1:], read[1][1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
