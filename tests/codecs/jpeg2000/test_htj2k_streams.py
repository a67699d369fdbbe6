"""HTJ2K streams out of the oracle, of which the core's decoder must make the same samples on every instruction set:
several HT sets, placeholder passes, refinement passes, blocks of both kinds."""

import warnings

import numpy as np
import pytest
from helpers.jpeg2000 import check, component, of_full_range
from oracle.jpeg2000_block import BYPASS, CAUSAL, TERMINATE
from oracle.jpeg2000_stream import Image, write
from oracle.jpeg2000_tile import CPRL, HIGH_THROUGHPUT, LRCP, MIXED, PCRL, RLCP, RPCL, Change, Coding

import dcmturbo as dt

AWAY = (3, 5, 40, 38)
SMALL = (0, 0, 24, 20)
TILES = (13, 11, 1, 2)
BLOCKS = ((4, 4), (3, 5), (6, 2), (2, 6), (3, 3), (2, 10), (10, 2), (6, 6))
STYLES = {"HT": HIGH_THROUGHPUT, "mixed": HIGH_THROUGHPUT | MIXED}
ORDERS = {"LRCP": LRCP, "RLCP": RLCP, "RPCL": RPCL, "PCRL": PCRL, "CPRL": CPRL}
every_style = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)


def check_here(image: Image) -> bytes:
    """Without OpenJPEG, which refuses placeholder passes and more than one HT set."""
    return check(image, by_openjpeg=False)


@every_style
@pytest.mark.parametrize("block", BLOCKS, ids=str)
@pytest.mark.parametrize("causal", [0, CAUSAL], ids=["", "causal"])
def test_every_shape_of_block(style, block, causal):
    for seed, levels in enumerate((0, 2)):
        coding = Coding(style=style | causal, block=block, levels=levels)
        check_here(Image([component(AWAY)], AWAY, coding=coding, layers=3, seed=seed))


@every_style
@pytest.mark.parametrize("reversible", [True, False], ids=["5/3", "9/7"])
@pytest.mark.parametrize("keep", [1, 0.5], ids=["", "cut"])
@pytest.mark.parametrize("layers", [1, 2, 5])
def test_sets_in_layers(style, reversible, keep, layers):
    for seed, causal in enumerate((0, CAUSAL)):
        coding = Coding(style=style | causal, reversible=reversible)
        image = Image([component(AWAY, 12)], AWAY, coding=coding, layers=layers, keep=keep, seed=seed)
        check_here(image)


@pytest.mark.parametrize("of_others", [BYPASS, TERMINATE, BYPASS | TERMINATE], ids=["bypass", "terminate", "both"])
@pytest.mark.parametrize("layers", [1, 3])
def test_blocks_of_both_kinds_where_the_others_have_several_segments(of_others, layers):
    for seed, block in enumerate(((2, 2), (3, 3), (4, 4), (2, 2))):
        coding = Coding(style=HIGH_THROUGHPUT | MIXED | of_others, block=block)
        check_here(Image([component(AWAY, 12)], AWAY, coding=coding, layers=layers, seed=seed))


@every_style
@pytest.mark.parametrize("reversible", [True, False], ids=["5/3", "9/7"])
def test_regions_of_interest(style, reversible):
    coding = Coding(style=style, reversible=reversible)
    for seed, keep in enumerate((1, 0.7)):
        check_here(Image([component(AWAY, roi=12)], AWAY, coding=coding, layers=2, keep=keep, seed=seed))


@pytest.mark.parametrize("is_signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("precision", range(1, 39))
def test_every_precision(precision, is_signed):
    planes, quantisation = of_full_range(SMALL, precision, is_signed)
    check_here(Image([planes], SMALL, coding=Coding(style=HIGH_THROUGHPUT), quantisation=quantisation))


@every_style
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("packed", ["", "main", "tile"])
def test_every_order_with_tiles_and_packed_headers(style, order, packed):
    components = [component(AWAY), component(AWAY, 12, dx=2)]
    coding = Coding(style=style, precincts=((3, 3), (3, 3), (4, 4)))
    image = Image(components, AWAY, TILES, coding=coding, order=order, layers=2, parts=2, packed=packed)
    image.sop = image.eph = order % 2 == 0
    check_here(image)


@every_style
def test_progression_changes(style):
    changes = [Change(RPCL, (0, 2), layers=2), Change(LRCP, layers=1), Change(CPRL)]
    image = Image([component(AWAY), component(AWAY, dy=2)], AWAY, TILES, layers=4, coding=Coding(style=style))
    image.changes = changes
    check_here(image)


def test_each_component_and_tile_with_a_coder_of_its_own():
    """HTDECLARED: all blocks of a tile-component are of one kind."""
    components = [
        component(AWAY, coding=Coding(style=style)) for style in (0, HIGH_THROUGHPUT, HIGH_THROUGHPUT | MIXED)
    ]
    image = Image(components, AWAY, TILES, layers=2)
    check_here(image)
    image.tile_coding = {1: Coding(style=HIGH_THROUGHPUT), 2: Coding(style=0, levels=1)}
    check_here(image)


@every_style
@pytest.mark.parametrize("reversible", [True, False], ids=["RCT", "ICT"])
def test_component_transforms(style, reversible):
    components = [component(AWAY, seed=seed) for seed in range(3)]
    for block in components[1:]:
        block.samples = np.roll(block.samples, 7, 1)
    check_here(Image(components, AWAY, coding=Coding(style=style, reversible=reversible), transform=True))


@pytest.mark.parametrize("syntax", ["HTJ2KLossless", "HTJ2KLosslessRPCL"])
@pytest.mark.parametrize("order", [LRCP, RPCL], ids=["LRCP", "RPCL"])
@pytest.mark.parametrize("tlm", [False, True], ids=["", "TLM"])
def test_a_label_that_names_options_warns_where_they_are_missing(syntax, order, tlm):
    image = Image([component(SMALL)], SMALL, coding=Coding(style=HIGH_THROUGHPUT), order=order, extras=tlm)
    data, _ = write(image)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = dt.decode_frame(data, syntax, rows=20, columns=24, bits_allocated=8)
    np.testing.assert_array_equal(found, image.components[0].samples)
    is_missing = syntax == "HTJ2KLosslessRPCL" and not (order == RPCL and tlm)
    assert [("RPCL" in str(w.message)) for w in caught] == [True] * is_missing


NO_PART_15 = "00004000 0000"  # Part 18
CAPABILITIES = {  # of code-blocks: CAP, and the styles that it announces
    "none": ("", {0, HIGH_THROUGHPUT, HIGH_THROUGHPUT | MIXED}),
    "of another part": (NO_PART_15, {0}),
    "all HT": ("00020000 0003", {HIGH_THROUGHPUT}),
    "one kind each": ("00020000 8003", {0, HIGH_THROUGHPUT}),
    "mixed": ("00020000 C003", {0, HIGH_THROUGHPUT, HIGH_THROUGHPUT | MIXED}),
    "mixed, behind another part": ("80020000 0000 C003", {0, HIGH_THROUGHPUT, HIGH_THROUGHPUT | MIXED}),
}


@pytest.mark.parametrize("style", [0, *STYLES.values()], ids=["others", *STYLES])
@pytest.mark.parametrize("name", CAPABILITIES)
def test_capabilities_that_contradict_the_coding_styles_warn(name, style):
    image = Image([component(SMALL)], SMALL, coding=Coding(style=style))
    data, _ = write(image)
    marker, announced = CAPABILITIES[name]
    if marker:
        parameters = bytes.fromhex(marker)
        behind_siz = 4 + int.from_bytes(data[4:6], "big")
        cap = b"\xff\x50" + (2 + len(parameters)).to_bytes(2, "big") + parameters
        data = data[:behind_siz] + cap + data[behind_siz:]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (found,) = dt.decode_components(data)
    np.testing.assert_array_equal(found, image.components[0].samples)
    assert ["CAP" in str(w.message) for w in caught] == [True] * (style not in announced)
