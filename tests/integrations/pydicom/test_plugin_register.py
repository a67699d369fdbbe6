"""`register`, `unregister` and `prefill`."""

import os
import subprocess
import sys

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
    JPEG,
    JPEG_LOSSLESS,
    JPEG_LS,
    NATIVE,
    RLE,
    SIGNED_TWELVE,
    TWELVE,
    as_array,
    assert_same,
    damaged,
    make,
    quietly,
)
from pydicom.pixels import get_decoder, get_encoder, iter_pixels
from pydicom.pixels.decoders import base as decoding
from pydicom.pixels.encoders import base as encoding
from pydicom.uid import UID

import dcmturbo as dt
from dcmturbo.integrations.pydicom import arrays, plugin
from dcmturbo.integrations.pydicom import registration as host

# --- register and unregister ----------------------------------------------------------------------


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
    path = "dcmturbo.integrations.pydicom.plugin"
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
    assert bytes(plugin.decode_frame(frame, runner)) == COLOUR[0].transpose(2, 0, 1).tobytes()
    expected = {"photometric_interpretation": "RGB", "planar_configuration": 1, "bits_allocated": 8}
    assert told == {(0, name): value for name, value in expected.items()}


def test_importing_dcmturbo_imports_no_pydicom_and_says_nothing():
    code = (
        "import sys, dcmturbo; assert not any(m.split('.')[0] == 'pydicom' for m in sys.modules); "
        "dcmturbo.register(); dcmturbo.register(); dcmturbo.unregister()"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


RELOADED = """
import sys, importlib
import numpy as np, pydicom
from pydicom.pixels.decoders import base
import dcmturbo, dcmturbo.integrations.pydicom.registration
from helpers.pydicom_datasets import COLOUR, GRAY, JPEG_LS, NATIVE, RLE, make

def state():
    coders = [entry[0] for entry in base._PIXEL_DATA_DECODERS.values()]
    hooks = [sorted(name for name, value in coder.__dict__.items() if callable(value)) for coder in coders]
    return [list(coder._available) for coder in coders], hooks, list(base.PROCESSORS), sorted(vars(base))

before = state()
dcmturbo.register()
registered = state()
for again in range(10):
    if sys.argv[1] == "reload":
        importlib.reload(dcmturbo.integrations.pydicom.arrays)
        importlib.reload(dcmturbo.integrations.pydicom.registration)
    else:
        for name in [name for name in sys.modules if name.startswith("dcmturbo.integrations")]:
            del sys.modules[name]
    dcmturbo.register()
for frames, uid in ((GRAY, NATIVE), (GRAY, JPEG_LS), (COLOUR, RLE)):
    ds = make(uid, frames)
    ds.pixel_array_options(decoding_plugin="dcmturbo" if uid != NATIVE else "")
    np.testing.assert_array_equal(ds.pixel_array, frames)
dcmturbo.unregister()
assert state() == before
"""


@pytest.mark.parametrize("how", ["reload", "import"])
def test_reloading_does_not_stack_hook_upon_hook(how):
    done = subprocess.run(
        [sys.executable, "-c", RELOADED, how],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- prefill --------------------------------------------------------------------------------------


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
