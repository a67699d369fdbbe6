"""Errors inside pydicom and the other plugins that step in; frames that are decoded ahead."""

import io
import os
import threading
import warnings

import numpy as np
import pytest
from helpers.pydicom_datasets import (
    DEFLATED,
    GRAY,
    HTJ2K,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_XL,
    NATIVE,
    RLE,
    ROOT,
    TWELVE,
    as_array,
    damaged,
    image,
    make,
)
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder, iter_pixels
from pydicom.pixels.decoders import base as decoding
from pydicom.uid import UID

import dcmturbo as dt
from dcmturbo.integrations.pydicom import plugin

# --- errors, and the other plugins ----------------------------------------------------------------


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


# --- decoding ahead -------------------------------------------------------------------------------


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


def test_a_dataset_that_nests_deep_is_decoded_and_never_a_recursion_error():
    nested = Dataset()
    for _ in range(2000):
        outer = Dataset()
        outer.ReferencedStudySequence = [nested]
        nested = outer
    ds = make(JPEG_LS, GRAY)
    ds.ReferencedStudySequence = [nested]
    np.testing.assert_array_equal(as_array(ds)[0], GRAY)
    np.testing.assert_array_equal(dt.decode(ds), GRAY)
    dt.prefill([ds])
    np.testing.assert_array_equal(ds.pixel_array, GRAY)
    with pytest.raises(dt.Error, match="nested too deep"):
        dt.transcode(ds, io.BytesIO(), "RLELossless")
