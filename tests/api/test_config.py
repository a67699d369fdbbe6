"""`dt.config`: what it takes, what it refuses, what the environment sets."""

import os
import subprocess
import sys

import pytest

import dcmturbo as dt


def python(code: str, **environment: str) -> subprocess.CompletedProcess:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DCMTURBO_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={**inherited, **environment}, capture_output=True, text=True
    )


def told(code: str, **environment: str) -> str:
    done = python("import dcmturbo as dt\n" + code, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_isa():
    isas = dt.config.available_isas
    assert isas[0] == "scalar"
    assert dt.config.isa in isas
    for isa in isas:
        dt.config.isa = isa
        assert dt.config.isa == isa
    for wrong in ("sse9", "", None, 3):
        with pytest.raises(ValueError, match="isa is"):
            dt.config.isa = wrong
        assert dt.config.isa == isas[-1]


def test_limits():
    for name in ("max_pixels", "max_output", "max_scratch", "max_inflated"):
        setattr(dt.config.limits, name, 12345)
        assert getattr(dt.config.limits, name) == 12345
        for wrong in (0, -1):
            with pytest.raises(ValueError, match=name):
                setattr(dt.config.limits, name, wrong)
        for wrong in (1.5, "1", None):
            with pytest.raises(TypeError):
                setattr(dt.config.limits, name, wrong)
        assert getattr(dt.config.limits, name) == 12345
        assert f"{name}=12345" in repr(dt.config.limits)


def test_threads():
    try:
        dt.config.threads = 3
        assert dt.config.threads == 3
        dt.config.threads = None
        assert dt.config.threads >= 1
        for wrong in (0, -2):
            with pytest.raises(ValueError, match="threads"):
                dt.config.threads = wrong
    finally:
        dt.config.threads = None


def test_there_are_at_most_1024_threads():
    try:
        for many in (1024, 10**6, 2**40):
            dt.config.threads = many
            assert dt.config.threads == 1024
    finally:
        dt.config.threads = None


def test_numbers_that_the_core_cannot_count_to():
    for name in ("max_pixels", "max_output", "max_scratch", "max_inflated", "max_cached"):
        with pytest.raises(ValueError, match=f"{name} is {2**64}; expected at most"):
            setattr(dt.config.limits, name, 2**64)


def test_a_misspelt_name_is_an_error():
    with pytest.raises(AttributeError):
        dt.config.thread = 1
    with pytest.raises(AttributeError):
        dt.config.limits.max_pixel = 1


def test_prefer_and_memory_map():
    dt.config.prefer = "library"
    assert dt.config.prefer == "library"
    with pytest.raises(ValueError, match="prefer is"):
        dt.config.prefer = "gdcm"
    dt.config.memory_map = 0
    assert dt.config.memory_map is False
    assert "memory_map=False" in repr(dt.config)


def test_override_puts_everything_back_whatever_happens():
    before = repr(dt.config)
    with dt.config.override(isa="scalar", prefer="library", memory_map=False, max_pixels=5, threads=2):
        assert (dt.config.isa, dt.config.prefer, dt.config.memory_map) == ("scalar", "library", False)
        assert dt.config.limits.max_pixels == 5
        assert dt.config.threads == 2
    assert repr(dt.config) == before
    with pytest.raises(ZeroDivisionError), dt.config.override(isa="scalar", max_output=9):
        raise ZeroDivisionError
    assert repr(dt.config) == before
    for wrong in (
        {"colour": 1},
        {"max_pixels": 3, "isa": "sse9"},
        {"prefer": "library", "threads": 0},
        {"__init__": 1},
    ):
        with pytest.raises((TypeError, ValueError)), dt.config.override(**wrong):
            pass
        assert repr(dt.config) == before


def test_the_environment_sets_what_it_should():
    assert told("print(dt.config.isa)", DCMTURBO_ISA="scalar") == "scalar"
    assert told("print(dt.config.threads)", DCMTURBO_NUM_THREADS="7") == "7"
    assert told("print(dt.config.limits.max_pixels)", DCMTURBO_MAX_PIXELS="1000") == "1000"


DECODE = "dt.decode_frame(b'', 'RLELossless', rows=1, columns=1, bits_allocated=8)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DCMTURBO_ISA", "sse9"),
        ("DCMTURBO_ISA", "neon" if "neon" not in dt.config.available_isas else "avx2"),
        ("DCMTURBO_NUM_THREADS", "many"),
        ("DCMTURBO_NUM_THREADS", "-1"),
        ("DCMTURBO_NUM_THREADS", "0"),
        ("DCMTURBO_MAX_PIXELS", "1e9"),
    ],
)
def test_an_environment_that_makes_no_sense_is_told(name, value):
    code = f"try:\n    {DECODE}\nexcept dt.Error as error:\n    print(error)"
    assert name in told(code, **{name: value})


def test_the_number_of_threads_is_at_most_what_the_process_may_use():
    assert told("print(dt.config.threads)") == str(dt.config.threads)
    if hasattr(os, "sched_getaffinity"):
        assert dt.config.threads <= len(os.sched_getaffinity(0))
        code = "import os\nos.sched_setaffinity(0, {next(iter(os.sched_getaffinity(0)))})\nprint(dt.config.threads)"
        assert told(code) == "1"
