"""What a codestream that was cut short has in full: the resolutions that are reported are those of the whole one."""

import pickle
import warnings

import numpy as np
import pytest
from helpers.samples import smooth

import dcmturbo as dt

ARRAY = smooth((300, 280), "u2", bits=12)
ARGUMENTS = {"rows": 300, "columns": 280, "bits_allocated": 16, "bits_stored": 12}
LEVELS = 5


def salvaged(data, syntax, **options):
    """The frame, and the error that the warning has."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        frame = dt.decode_frame(data, syntax, on_error="salvage", **ARGUMENTS, **options)
    return frame, given[0].message.errors[0] if given else None


@pytest.mark.parametrize(
    ("syntax", "options"),
    [
        ("HTJ2KLosslessRPCL", {}),
        ("HTJ2KLossless", {"precinct_size": 64}),
        ("JPEG2000Lossless", {}),
        ("JPEG2000Lossless", {"progression_order": "RPCL", "precinct_size": 64, "layers": 3}),
        ("JPEG2000Lossless", {"progression_order": "PCRL", "precinct_size": 64}),
        ("JPEG2000Lossless", {"layers": 4}),
        ("JPEG2000Lossless", {"tile_width": 128, "tile_height": 128, "progression_order": "RLCP"}),
    ],
)
def test_cuts(syntax, options):
    data = dt.encode_frame(ARRAY, syntax, bits_stored=12, **options)
    whole = {reduce: dt.decode_frame(data, syntax, reduce=reduce, **ARGUMENTS) for reduce in range(LEVELS + 1)}
    rng = np.random.default_rng(len(options))
    seen = set()
    for cut in sorted(rng.integers(200, len(data), 60)):
        try:
            _, error = salvaged(data[:cut], syntax)
        except dt.DecodeError:
            continue
        if error is None or error.whole is None:  # nothing of it could be decoded, or only its end marker is missing
            continue
        resolutions, layers = error.whole
        assert 0 <= resolutions <= LEVELS + 1
        assert f"{resolutions} resolutions" in error.message
        seen.add(error.whole)
        if resolutions:
            reduce = LEVELS + 1 - resolutions
            lower, left = salvaged(data[:cut], syntax, reduce=reduce)
            np.testing.assert_array_equal(lower, whole[reduce])
            assert left.whole == (resolutions, options.get("layers", 1))
        assert layers <= options.get("layers", 1)
    in_order = options.get("progression_order") != "PCRL" and "tile_width" not in options
    assert not in_order or max(resolutions for resolutions, _ in seen) >= 4
    assert options.get("layers") != 4 or max(layers for _, layers in seen) == 3


def test_every_cut_of_a_small_frame():
    array = smooth((33, 29), "u1")
    arguments = {"rows": 33, "columns": 29, "bits_allocated": 8}
    for syntax in ("HTJ2KLosslessRPCL", "JPEG2000Lossless"):
        data = dt.encode_frame(array, syntax)
        levels = dt.probe(data).parameters["decomposition_levels"]
        whole = [dt.decode_frame(data, syntax, reduce=reduce, **arguments) for reduce in range(levels + 1)]
        told = []
        for cut in range(80, len(data) - 2):
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always")
                try:
                    dt.decode_frame(data[:cut], syntax, on_error="salvage", **arguments)
                except dt.DecodeError:
                    continue
            error = given[0].message.errors[0] if given and given[0].message.errors else None
            if error is None or error.whole is None:
                continue
            told.append(error.whole[0])
            if not error.whole[0]:
                continue
            reduce = levels + 1 - error.whole[0]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = dt.decode_frame(data[:cut], syntax, on_error="salvage", reduce=reduce, **arguments)
            np.testing.assert_array_equal(found, whole[reduce])
        assert told == sorted(told)


def test_a_cut_that_was_filled_with_zeros_reports_no_more():
    data = dt.encode_frame(ARRAY, "JPEG2000Lossless", bits_stored=12)
    cut = len(data) // 10
    _, plain = salvaged(data[:cut], "JPEG2000Lossless")
    _, filled = salvaged(data[:cut] + bytes(len(data) - cut), "JPEG2000Lossless")
    assert filled.whole is None or filled.whole[0] <= plain.whole[0]


def test_the_error_keeps_it_when_it_is_pickled():
    data = dt.encode_frame(ARRAY, "JPEG2000Lossless", bits_stored=12)
    _, error = salvaged(data[: len(data) // 2], "JPEG2000Lossless")
    assert error.whole[0] > 0
    assert pickle.loads(pickle.dumps(error)).whole == error.whole


def test_components_say_so_too():
    data = dt.encode_frame(ARRAY, "HTJ2KLosslessRPCL", bits_stored=12)
    with pytest.warns(dt.DecodeWarning, match="resolutions from the lowest") as given:
        dt.decode_components(data[: len(data) // 2], on_error="salvage")
    assert given[0].message.errors[0].whole[0] == LEVELS


@pytest.mark.parametrize("options", [{"layers": 1}, {"layers": 3, "progression_order": "RPCL"}])
def test_half_a_marker_is_no_data(options):
    """A cut within the marker behind a packet's header leaves FF, which was taken for the data of a code-block."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        array = np.full((16, 16), 128, np.uint8)
        array[rng.integers(16), rng.integers(16)] += np.uint8(rng.integers(1, 120))
        arguments = {"rows": 16, "columns": 16, "bits_allocated": 8}
        data = dt.encode_frame(array, "JPEG2000Lossless", packet_markers=True, **options)
        levels = dt.probe(data).parameters["decomposition_levels"]
        for cut in range(80, len(data) - 2):
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always")
                try:
                    dt.decode_frame(data[:cut], "JPEG2000Lossless", on_error="salvage", **arguments)
                except dt.DecodeError:
                    continue
                error = given[0].message.errors[0]
                if not error.whole or not error.whole[0]:
                    continue
                reduce = levels + 1 - error.whole[0]
                lower = dt.decode_frame(data[:cut], "JPEG2000Lossless", on_error="salvage", reduce=reduce, **arguments)
            whole = dt.decode_frame(data, "JPEG2000Lossless", reduce=reduce, **arguments)
            np.testing.assert_array_equal(lower, whole, f"{seed} {cut}")
