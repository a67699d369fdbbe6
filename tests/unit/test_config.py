"""`dt.config`, and the environment variables behind it."""

import os
import subprocess
import sys

import numpy as np
import pytest

import dcmturbo as dt


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_threads_are_read_and_set():
    before = dt.config.threads
    assert before >= 1
    with dt.config.override(threads=3) as config:
        assert config.threads == 3
    assert dt.config.threads == before


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_at_least_one(threads):
    with pytest.raises(ValueError, match="at least 1"):
        dt.config.threads = threads


def test_the_environment_says_how_many_threads():
    result = run("import dcmturbo as dt; print(dt.config.threads)", DCMTURBO_NUM_THREADS="5")
    assert result.stdout.strip() == "5"


def test_the_environment_limits_pixels():
    result = run("import dcmturbo as dt; print(dt.config.limits.max_pixels)", DCMTURBO_MAX_PIXELS="1234")
    assert result.stdout.strip() == "1234"


@pytest.mark.parametrize("isa", dt.config.available_isas)
def test_the_environment_names_the_instruction_set(isa):
    assert run("import dcmturbo as dt; print(dt.config.isa)", DCMTURBO_ISA=isa).stdout.strip() == isa


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DCMTURBO_NUM_THREADS", "many"),
        ("DCMTURBO_NUM_THREADS", "0"),
        ("DCMTURBO_MAX_PIXELS", "-4"),
        ("DCMTURBO_ISA", "sse9"),
    ],
)
def test_a_bad_variable_is_an_error_that_names_it(variable, value):
    code = "import dcmturbo as dt; dt.decode_frame(bytes(4), 'ExplicitVRLittleEndian', rows=2, columns=2, bits_allocated=8)"
    result = run(code, **{variable: value})
    assert result.returncode != 0
    assert variable in result.stderr


def test_an_instruction_set_that_the_cpu_lacks_is_refused():
    with pytest.raises(ValueError, match="isa"):
        dt.config.isa = "neon" if "avx2" in dt.config.available_isas else "avx2"


def test_prefer_takes_two_words():
    with pytest.raises(ValueError, match="prefer"):
        dt.config.prefer = "fastest"


def test_prefer_library_gives_the_same():
    array = np.random.default_rng(2).integers(0, 4000, (33, 47, 3)).astype(np.uint16)
    frame = dt.encode_frame(array, "RLELossless")
    arguments = {"rows": 33, "columns": 47, "samples_per_pixel": 3, "bits_allocated": 16, "bits_stored": 12}
    with dt.config.override(prefer="library"):
        assert np.array_equal(dt.decode_frame(frame, "RLELossless", **arguments), array)


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="colour"), dt.config.override(colour=1):
        pass


def test_settings_return_after_an_exception():
    before = dt.config.limits.max_pixels
    with pytest.raises(RuntimeError), dt.config.override(max_pixels=7):
        raise RuntimeError
    assert dt.config.limits.max_pixels == before


@pytest.mark.parametrize("name", ["max_pixels", "max_output"])
@pytest.mark.parametrize(
    "syntax", ["ExplicitVRLittleEndian", "RLELossless", "JPEG2000Lossless", "DeflatedImageFrameCompression"]
)
def test_limits_hold_for_every_codec(syntax, name):
    array = np.zeros((64, 64), np.uint8)
    frame = dt.encode_frame(array, syntax)
    arguments = {"rows": 64, "columns": 64, "bits_allocated": 8}
    with dt.config.override(**{name: 64 * 64 - 1}), pytest.raises(dt.LimitExceeded, match=name):
        dt.decode_frame(frame, syntax, **arguments)
    with dt.config.override(**{name: 64 * 64}):
        assert not dt.decode_frame(frame, syntax, **arguments).any()


def test_the_configuration_shows_itself():
    assert "threads=" in repr(dt.config)
    assert "max_pixels=" in repr(dt.config.limits)
