"""Options of encoders and decoders: every row of the core's tables through every door, and what each door refuses."""

import contextlib
import math

import numpy as np
import pytest
from helpers.archives import make_archive
from helpers.pydicom_datasets import NATIVE, make
from pydicom.pixels import get_encoder

import dcmturbo as dt
from dcmturbo import _core
from dcmturbo.cli import main
from dcmturbo.cli.option_help import flag_of
from dcmturbo.formats.options import (
    all_encoder_options,
    asks_for_loss,
    decoder_options,
    encoder_options,
    error_bound,
)
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES, find_transfer_syntax
from dcmturbo.integrations.pydicom import plugin

pytestmark = pytest.mark.core

OPTIONS = [(syntax, option) for syntax in TRANSFER_SYNTAXES for option in encoder_options(syntax)]
NAMES = [f"{syntax.keyword}-{option.name}" for syntax, option in OPTIONS]
every_option = pytest.mark.parametrize(("syntax", "option"), OPTIONS, ids=NAMES)


def frame(syntax) -> np.ndarray:
    y, x = np.mgrid[:48, :64]
    return ((3 * x + 2 * y) % 251).astype(np.uint8)


def encode(syntax, options, colour=False) -> bytes:
    array = frame(syntax)
    if colour:
        array = np.stack([array] * 3, axis=-1)
        return dt.encode_frame(array, syntax.keyword, photometric_interpretation="YBR_FULL", **options)
    return dt.encode_frame(array, syntax.keyword, **options)


def allowed_values(option) -> list:
    """Values at the bounds, and all words. The lowest quality of some encoders cannot reach every ratio."""
    if option.type == "flag":
        return [True, False, np.True_, 1, 0]
    if option.type == "choice":
        return list(option.words)
    lowest = option.lowest
    highest = min(option.highest, 3) if option.name == "ratio" else option.highest
    if option.name == "restart_rows":
        highest = 48
    if option.bounds_error:
        highest = 127  # of 8 bits
    if option.name.startswith("code_block"):
        highest = 64  # with 64 in the other direction: 4096 samples
    if option.type == "integer":
        return [np.int16(lowest), int(highest), float(lowest), *option.words]
    return [lowest, np.float32((lowest + highest) / 2), highest, *option.words]


def wrong_values(option) -> list:
    return {
        "flag": [2, -1],
        "choice": ["no such word"],
        "integer": [option.lowest - 1, option.highest + 1, 10**400, -math.inf],
        "number": [option.lowest / 2 if option.lowest > 0 else -1, -(10**400), math.nan],
    }[option.type]


def wrong_types(option) -> list:
    values = [[1], {}, object(), b"1"]
    values += ["text"] if not option.words else []
    values += {"flag": [0.5], "choice": [1, 0.5, True], "integer": [2.5, True], "number": [False]}[option.type]
    return values


# ---- the tables -------------------------------------------------------------------------------------


def test_rows_are_complete():
    assert len({syntax.keyword for syntax, _ in OPTIONS}) > 8
    for _, option in OPTIONS:
        assert option.name.isidentifier()
        assert option.meaning.endswith(".")
        assert option.lowest <= option.highest
        assert option.allowed
        assert option.type != "choice" or option.words


def test_an_option_means_the_same_in_every_format():
    # The command line, and what compares frames that lost something, know an option by its name.
    for _, option in OPTIONS:
        one = all_encoder_options()[option.name]
        assert (one.type, one.can_lose, one.bounds_error) == (option.type, option.can_lose, option.bounds_error)


def test_labels_that_promise_something_leave_no_option():
    assert not any(option.can_lose for syntax, option in OPTIONS if syntax.lossless_only)
    names = {option.name for option in encoder_options(find_transfer_syntax("JPEGLosslessSV1"))}
    assert "restart_rows" in names
    assert "selection_value" not in names
    assert not encoder_options(find_transfer_syntax("JPEGXLJPEGRecompression"))


def test_the_librarys_encoder_has_its_own_options():
    syntax = find_transfer_syntax("JPEGLossless")
    own = {option.name: option.words for option in encoder_options(syntax, prefer_library=False)}
    library = {option.name: option.words for option in encoder_options(syntax, prefer_library=True)}
    assert own["selection_value"] == ("best",)
    assert library["selection_value"] == ()
    assert "restart_rows" in own
    assert "restart_rows" not in library
    with dt.config.override(prefer="library"), pytest.raises(TypeError, match="has no option 'restart_rows'"):
        encode(syntax, {"restart_rows": 4})


def test_loss_is_what_the_table_says():
    near = find_transfer_syntax("JPEGLSNearLossless")
    assert not asks_for_loss(near, {"near_lossless": 0})
    assert asks_for_loss(near, {"near_lossless": 1})
    assert not asks_for_loss(find_transfer_syntax("JPEG2000"), {"psnr": None})
    assert asks_for_loss(find_transfer_syntax("JPEG2000"), {"psnr": 40, "photometric_interpretation": "RGB"})
    assert not asks_for_loss(find_transfer_syntax("JPEGLossless"), {"selection_value": "best"})
    assert error_bound({"ratio": 3, "near_lossless": 2}) == ("near_lossless", 2.0)
    assert error_bound({"ratio": 3}) is None


# ---- encode_frame -----------------------------------------------------------------------------------


@every_option
def test_allowed_values(syntax, option):
    encoded = 0
    for value in allowed_values(option):
        asks_for_loss(syntax, {option.name: value})  # raises what the table does not allow
        with contextlib.suppress(dt.EncodeError):  # a bound that another option's default does not allow
            encoded += len(encode(syntax, {option.name: value}, colour=option.name == "from_rgb"))
    assert encoded


@every_option
def test_the_default_is_what_no_option_gives(syntax, option):
    if option.default is not None:
        colour = option.name == "from_rgb"
        assert encode(syntax, {option.name: option.default}, colour) == encode(syntax, {}, colour)
    assert encode(syntax, {option.name: None}) == encode(syntax, {})


@every_option
def test_values_that_are_not_allowed(syntax, option):
    for value in wrong_values(option):
        with pytest.raises(dt.EncodeError) as caught:
            encode(syntax, {option.name: value})
        assert caught.value.code == "argument"
        assert str(caught.value).startswith(f"{option.name} is ")
        assert str(caught.value).endswith(f"; expected {option.allowed}")


@every_option
def test_values_of_another_type(syntax, option):
    for value in wrong_types(option):
        with pytest.raises(TypeError) as caught:
            encode(syntax, {option.name: value})
        assert str(caught.value).endswith(f"; expected {option.allowed}")


@pytest.mark.parametrize("syntax", [s for s in TRANSFER_SYNTAXES if s.encodable], ids=lambda s: s.keyword)
def test_an_unknown_name_is_told_with_the_known_ones(syntax):
    array = b"" if syntax.made_from is not None else frame(syntax)
    for value in (1, None):
        with pytest.raises(TypeError, match="has no option 'colour_of_the_sky'") as caught:
            dt.encode_frame(array, syntax.keyword, colour_of_the_sky=value)
        assert syntax.name in str(caught.value)
        for option in encoder_options(syntax):
            assert option.name in str(caught.value)


def test_two_options_that_say_how_much_may_be_lost():
    for syntax, option in OPTIONS:
        if option.can_lose and option.name != "ratio" and not option.bounds_error:
            with pytest.raises(TypeError, match="ratio"):
                encode(syntax, {option.name: option.lowest, "ratio": 2})


# ---- transcode, the command line, pydicom -------------------------------------------------------------


@pytest.fixture
def archive(tmp_path):
    make_archive(tmp_path / "in")
    return tmp_path / "in", tmp_path / "out"


@every_option
def test_transcode_refuses_before_it_opens_anything(syntax, option):
    for value in wrong_values(option):
        with pytest.raises(dt.EncodeError, match=f"^{option.name} is "):
            dt.transcode("/nowhere", "/nowhere else", syntax.keyword, **{option.name: value})
    with pytest.raises(TypeError, match=f"^{option.name} is "):
        dt.transcode("/nowhere", "/nowhere else", syntax.keyword, **{option.name: wrong_types(option)[0]})
    with pytest.raises(TypeError, match="has no option 'colour_of_the_sky'"):
        dt.transcode("/nowhere", "/nowhere else", syntax.keyword, colour_of_the_sky=1)


@every_option
def test_the_command_line_refuses(archive, capsys, syntax, option):
    source, target = archive
    command = ["transcode", str(source), str(target), "--to", syntax.keyword]
    wrong = str(next(value for value in wrong_values(option) if len(str(value)) < 30))
    for arguments in (["--option", f"{option.name}={wrong}"], ["--option", f"{option.name}=some text"]):
        assert main([*command, *arguments]) == 2
        assert f"{option.name} is " in (said := capsys.readouterr().err)
        assert f"expected {option.allowed}" in said
    if option.can_lose:
        assert main([*command, f"{flag_of(option)}={wrong}"]) == 2
        assert f"expected {option.allowed}" in capsys.readouterr().err
    assert main([*command, "--option", "colour_of_the_sky=1"]) == 2
    assert "has no option 'colour_of_the_sky'" in capsys.readouterr().err
    assert not target.exists()


def test_the_command_line_passes_options_on(archive, capsys):
    source, target = archive
    command = ["transcode", str(source), str(target), "--to", "JPEGLossless"]
    assert main([*command, "--option", "selection_value=best", "--option", "restart_rows=4"]) == 0, capsys.readouterr()
    coded = []
    for path in target.rglob("*.dcm"):
        with contextlib.suppress(dt.NoPixelData), dt.open(path) as image:
            coded += [bytes(image.encoded_frame(0))] if image.transfer_syntax.endswith(".4.57") else []
    assert len(coded) >= 6
    assert all(b"\xff\xdd\x00\x04" in data for data in coded)  # a DRI marker segment: ISO/IEC 10918-1, B.2.4.4


def test_help_tells_of_every_option(capsys):
    assert main(["transcode", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for syntax, option in OPTIONS:
        assert syntax.keyword in text
        assert (flag_of(option) if option.can_lose else option.name) in text
        # One option of the command line stands for those of all formats that have its name.
        assert option.can_lose or option.meaning in text


@pytest.fixture
def registered():
    dt.register()
    yield
    dt.unregister()


def test_the_plugin_passes_every_option_on():
    assert set(plugin._OPTIONS) == set(all_encoder_options())


@every_option
@pytest.mark.usefixtures("registered")
def test_the_plugin_refuses(syntax, option):
    ds = make(NATIVE, [frame(syntax)])
    encoder = get_encoder(syntax.uid)
    for value in (wrong_values(option)[0], wrong_types(option)[0]):
        with pytest.raises(RuntimeError, match=f"(?s)Unable to encode.*dcmturbo: {option.name} is .*; expected "):
            list(encoder.iter_encode(ds, encoding_plugin="dcmturbo", **{option.name: value}))


@every_option
@pytest.mark.usefixtures("registered")
def test_the_plugin_encodes_as_encode_frame_does(syntax, option):
    value = allowed_values(option)[1] if option.default is None else option.default
    if option.name == "from_rgb":
        return  # pydicom converts colours itself
    ds = make(NATIVE, [frame(syntax)])
    encoded = next(iter(get_encoder(syntax.uid).iter_encode(ds, encoding_plugin="dcmturbo", **{option.name: value})))
    assert encoded.rstrip(b"\0") == encode(syntax, {option.name: value}).rstrip(b"\0")


# ---- decoders ---------------------------------------------------------------------------------------


def test_options_of_decoders_are_settings():
    assert "category_16_has_bits" in {option.name for option in decoder_options()}
    for option in decoder_options():
        assert getattr(dt.config, option.name) == option.default
        for value in wrong_types(option):
            with pytest.raises(TypeError, match=f"^{option.name} is .*; expected "):
                setattr(dt.config, option.name, value)
        for value in wrong_values(option):
            with pytest.raises(ValueError, match=f"^{option.name} is .*; expected "):
                setattr(dt.config, option.name, value)
        assert getattr(dt.config, option.name) == option.default
    with dt.config.override(category_16_has_bits=True):
        assert dt.config.category_16_has_bits is True
        with dt.config.override(threads=1):  # what is set otherwise stays
            assert dt.config.category_16_has_bits is True
    assert dt.config.category_16_has_bits is False
    with pytest.raises(TypeError, match="decoding has no option 'colour_of_the_sky'"):
        _core.set_decode_option("colour_of_the_sky", 1)
    with pytest.raises(AttributeError):
        dt.config.colour_of_the_sky = 1
