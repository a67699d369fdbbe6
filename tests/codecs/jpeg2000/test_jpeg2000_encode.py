"""JPEG 2000 and HTJ2K, encoded by the core: what others decode, how large it is, and what is refused."""

import itertools
import math
import random

import numpy as np
import pytest
from helpers.samples import noise, smooth

import dcmturbo as dt

imagecodecs = pytest.importorskip("imagecodecs")

OPTIONS = {
    "progression_order": ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"],
    "decomposition_levels": [0, 1, 3, 5, 32],
    "code_block_width": [4, 16, 64, 256],
    "code_block_height": [4, 8, 16],
    "precinct_size": [32768, 128, 32],
    "tile_width": [0, 64, 50],
    "tile_height": [0, 33],
    "packet_lengths": [False, True],
    "tile_part_lengths": [False, True],
    "packet_markers": [False, True],
}
MQ_OPTIONS = OPTIONS | {
    "layers": [1, 3],
    "selective_bypass": [False, True],
    "reset_contexts": [False, True],
    "terminate_passes": [False, True],
    "vertically_causal_contexts": [False, True],
    "segmentation_symbols": [False, True],
}


def by_openjpeg(data: bytes, like: np.ndarray) -> np.ndarray:
    return np.asarray(imagecodecs.jpeg2k_decode(data)).reshape(like.shape).astype(like.dtype)


def decoded(data: bytes, syntax: str, like: np.ndarray, bits: int) -> np.ndarray:
    return dt.decode_frame(
        data,
        syntax,
        rows=like.shape[0],
        columns=like.shape[1],
        samples_per_pixel=1 if like.ndim == 2 else like.shape[2],
        bits_allocated=like.dtype.itemsize * 8,
        bits_stored=bits,
        pixel_representation=int(like.dtype.kind == "i"),
        photometric_interpretation="MONOCHROME2" if like.ndim == 2 else "RGB",
    )


def psnr(a: np.ndarray, b: np.ndarray, bits: int) -> float:
    error = np.mean((a.astype(float) - b) ** 2)
    return math.inf if error == 0 else 10 * math.log10((2**bits - 1) ** 2 / error)


def image(rows: int, columns: int, bits: int, *, samples: int = 1, signed: bool = False, seed: int = 0) -> np.ndarray:
    """Waves with some noise: what neither compresses to nothing nor is noise."""
    random_numbers = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    top = 2**bits - 1
    planes = [
        np.clip(
            (np.sin(x / (9 + k)) * np.cos(y / 13) + 1) / 2 * top + random_numbers.normal(0, top / 60, x.shape), 0, top
        )
        for k in range(samples)
    ]
    array = np.rint(np.stack(planes, -1) if samples > 1 else planes[0]).astype(np.int64)
    kind = "i" if signed else "u"
    return (array - (2 ** (bits - 1) if signed else 0)).astype(f"{kind}{1 if bits <= 8 else 2 if bits <= 16 else 4}")


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize(("syntax", "table"), [("JPEG2000Lossless", MQ_OPTIONS), ("HTJ2KLossless", OPTIONS)])
def test_every_option_is_lossless(syntax, table, seed):
    choose = random.Random(seed)
    bits = choose.choice([1, 2, 5, 8, 10, 12, 16])
    signed = bits > 1 and choose.random() < 0.3
    samples = choose.choice([1, 1, 3])
    rows, columns = choose.randint(1, 130), choose.randint(1, 130)
    array = image(rows, columns, bits, samples=samples, signed=signed, seed=seed)
    if choose.random() < 0.2:
        array = np.zeros_like(array)
    options = {name: choose.choice(values) for name, values in table.items() if choose.random() < 0.5}
    if options.get("code_block_width", 64) * options.get("code_block_height", 64) > 4096:
        options["code_block_height"] = 4
    colour = {"photometric_interpretation": choose.choice(["RGB", "YBR_RCT"])} if samples == 3 else {}
    data = dt.encode_frame(array, syntax, bits_stored=bits, **colour, **options)
    np.testing.assert_array_equal(decoded(data, syntax, array, bits), array)
    np.testing.assert_array_equal(by_openjpeg(data, array), array)
    header = dt.probe(data)
    assert header.lossless
    assert header.components[0].precision == bits


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "HTJ2KLossless"])
@pytest.mark.parametrize("bits", [*range(1, 17), 20, 24, 25, 29, 31])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("make", [smooth, noise])
def test_every_depth(syntax, bits, signed, make):
    kind = "i" if signed and bits > 1 else "u"
    array = make((45, 52), f"{kind}{1 if bits <= 8 else 2 if bits <= 16 else 4}", bits=bits, seed=bits)
    data = dt.encode_frame(array, syntax, bits_stored=bits)
    np.testing.assert_array_equal(decoded(data, syntax, array, bits), array)


@pytest.mark.parametrize("syntax", ["JPEG2000", "HTJ2K"])
@pytest.mark.parametrize("options", [{}, {"ratio": 9}, {"psnr": 50}, {"tile_width": 128, "tile_height": 96}], ids=str)
def test_threads_and_instruction_sets_give_the_same_bytes(syntax, options):
    array = image(300, 410, 12)
    expected = dt.encode_frame(array, syntax, bits_stored=12, **options)
    for threads in (2, 4):
        assert dt.encode_frame(array, syntax, bits_stored=12, threads=threads, **options) == expected
    for isa in dt.config.available_isas:
        with dt.config.override(isa=isa):
            assert dt.encode_frame(array, syntax, bits_stored=12, **options) == expected, isa


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "HTJ2KLossless", "JPEG2000"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 4), (3, 1), (2, 5)])
def test_tiles_of_few_samples(syntax, width, height):
    """Most of their lower resolutions are empty: a tile of one odd column has no samples of the level below."""
    array = smooth((7, 9), "u1", bits=8)
    loss = {"psnr": 80} if syntax == "JPEG2000" else {}
    data = dt.encode_frame(array, syntax, tile_width=width, tile_height=height, decomposition_levels=5, **loss)
    for got in (decoded(data, syntax, array, 8), imagecodecs.jpeg2k_decode(data)):
        np.testing.assert_allclose(got.astype(int), array, atol=1 if loss else 0)


@pytest.mark.parametrize("syntax", ["JPEG2000", "HTJ2K"])
@pytest.mark.parametrize("ratio", [4, 8, 10, 25, 60])
@pytest.mark.parametrize(("bits", "samples"), [(8, 1), (8, 3), (12, 1), (16, 1)])
def test_a_ratio_is_reached_and_used(syntax, ratio, bits, samples):
    array = image(400, 380, bits, samples=samples)
    data = dt.encode_frame(array, syntax, bits_stored=bits, ratio=ratio)
    limit = array.nbytes / ratio
    assert len(data) <= limit
    assert len(data) >= limit * (0.98 if syntax == "HTJ2K" else 0.99)
    ours = psnr(decoded(data, syntax, array, bits), array, bits)
    if syntax == "JPEG2000":
        # OpenJPEG at no more bytes.
        sizes = (
            imagecodecs.jpeg2k_encode(
                array, level, codecformat="j2k", reversible=False, bitspersample=bits, mct=samples > 1
            )
            for level in np.arange(ours - 3, ours + 3, 0.25)
        )
        theirs = max(psnr(by_openjpeg(s, array), array, bits) for s in sizes if len(s) <= len(data))
        assert ours > theirs - 0.1


@pytest.mark.parametrize("syntax", ["JPEG2000", "HTJ2K"])
@pytest.mark.parametrize("wanted", [35, 45, 60])
def test_a_psnr_is_reached(syntax, wanted):
    array = image(300, 280, 12)
    data = dt.encode_frame(array, syntax, bits_stored=12, psnr=wanted)
    found = psnr(decoded(data, syntax, array, 12), array, 12)
    assert wanted - 0.05 <= found < wanted + 1.5


def test_reversible_coding_is_cut_for_a_ratio():
    array = image(200, 220, 8, samples=3)
    data = dt.encode_frame(array, "JPEG2000", photometric_interpretation="YBR_RCT", ratio=12)
    assert array.nbytes / 12 * 0.99 <= len(data) <= array.nbytes / 12
    assert psnr(by_openjpeg(data, array), array, 8) > 30


def test_layers_are_prefixes_of_the_best():
    """Whoever reads the first layers only, gets the image of a lower rate."""
    array = image(256, 256, 12)
    data = dt.encode_frame(array, "JPEG2000Lossless", bits_stored=12, layers=4)
    assert dt.probe(data).parameters["layers"] == 4
    np.testing.assert_array_equal(by_openjpeg(data, array), array)


def test_rpcl_and_tlm_where_the_label_promises_them():
    array = image(100, 120, 12)
    for syntax in ("HTJ2KLossless", "HTJ2KLosslessRPCL", "HTJ2K"):
        parameters = dt.probe(dt.encode_frame(array, syntax, bits_stored=12)).parameters
        assert parameters["progression_order"] == 2
        assert parameters["tile_part_lengths"] == 1
    with pytest.raises(TypeError):
        dt.encode_frame(array, "HTJ2KLosslessRPCL", bits_stored=12, progression_order="LRCP")


def test_single_bits_of_noise():
    array = noise((70, 90), "u1", bits=1, seed=3)
    for syntax in ("JPEG2000Lossless", "HTJ2KLossless"):
        data = dt.encode_frame(array.astype(bool), syntax)
        np.testing.assert_array_equal(by_openjpeg(data, array), array)


@pytest.mark.parametrize("syntax", ["JPEG2000", "HTJ2K"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratio": 1e9}, "cannot be reached"),
        ({"code_block_width": 48}, "power of two"),
        ({"code_block_width": 1024, "code_block_height": 64}, "at most 4096"),
        ({"precinct_size": 100}, "power of two"),
    ],
    ids=str,
)
def test_what_cannot_be(syntax, options, words):
    with pytest.raises(dt.EncodeError, match=words):
        dt.encode_frame(image(64, 64, 12), syntax, bits_stored=12, **options)


@pytest.mark.parametrize("syntax", ["JPEG2000", "HTJ2K"])
def test_one_way_to_say_how_much_to_lose(syntax):
    with pytest.raises(TypeError, match="give one"):
        dt.encode_frame(image(64, 64, 12), syntax, bits_stored=12, ratio=4, psnr=40)


def test_values_beyond_bits_stored_are_refused():
    array = np.full((8, 8), 5000, np.uint16)
    for syntax in ("JPEG2000Lossless", "HTJ2KLossless"):
        with pytest.raises(dt.EncodeError, match="BitsStored 12"):
            dt.encode_frame(array, syntax, bits_stored=12)


def test_colours_and_loss_have_to_fit():
    array = image(32, 32, 8, samples=3)
    with pytest.raises(dt.EncodeError, match="YBR_ICT"):
        dt.encode_frame(array, "JPEG2000", photometric_interpretation="YBR_ICT")
    with pytest.raises(dt.EncodeError, match="YBR_RCT"):
        dt.encode_frame(array, "HTJ2K", photometric_interpretation="YBR_RCT", ratio=5)
    with pytest.raises(dt.EncodeError, match="palette"):
        dt.encode_frame(array[..., 0], "JPEG2000", photometric_interpretation="PALETTE COLOR", ratio=5)


def test_arrays_of_any_strides():
    array = image(64, 80, 8, samples=3)
    planes = np.ascontiguousarray(array.transpose(2, 0, 1)).transpose(1, 2, 0)
    for syntax, view in itertools.product(
        ("JPEG2000Lossless", "HTJ2KLossless"), (planes, array[::-1, ::2], array[:, ::-1])
    ):
        data = dt.encode_frame(view, syntax)
        np.testing.assert_array_equal(by_openjpeg(data, view), view)
