"""The core uses the instruction sets that the CPU has: a build that does not find them is right, and slow."""

import platform
from pathlib import Path

import pytest

from dcmturbo import _core

CPUINFO = Path("/proc/cpuinfo")
# As Linux names what the core's code for each set uses; it leaves out what the kernel does not save.
FLAGS = {
    "avx2": {"avx2", "bmi1", "bmi2", "abm", "popcnt"},
    "avx512": {"avx2", "bmi1", "bmi2", "abm", "popcnt", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi"},
}


@pytest.mark.skipif(not CPUINFO.is_file(), reason="only Linux lists them")
def test_what_the_cpu_has_is_used():
    if platform.machine() == "aarch64":
        assert _core.available_isas() == ["scalar", "neon"]
        return
    flags = next((line for line in CPUINFO.read_text().splitlines() if line.startswith("flags")), "").split()
    expected = {"scalar", *(isa for isa, needed in FLAGS.items() if needed <= set(flags))}
    assert set(_core.available_isas()) == expected
