"""The hot kernels of each instruction set contain no call: a kernel compiled outside its region would, once a vector."""

import platform
import re
import shutil
import subprocess

import pytest

from dcmturbo import _core

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the disassembly is of x86-64"),
    pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump is not installed"),
]

HOT = (
    "packbits_decode",
    "merge16",
    "correct16",
    "swap16",
    "ybr_full_to_rgb",
    "interleave3",
    "split16",
    "packbits_encode_row",
)
# What a kernel may call: the careful tail of PackBits, and copies of a length that is not known.
TAILS = re.compile(
    r"packbits_decode_bounded|memcpy|memset|memmove|packbits_(two_|three_)?lanes?|packbits_lane|stack_chk|asan|ubsan|tsan"
)


@pytest.fixture(scope="module")
def functions() -> dict[str, str]:
    """The text of every function of the core that is named, by its demangled name."""
    text = subprocess.run(
        ["objdump", "-d", "-C", "--no-show-raw-insn", _core.__file__], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for block in re.split(r"\n\n", text):
        if match := re.match(r"[0-9a-f]+ <(.*)>:\n", block):
            found[match[1]] = block
    return found


@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_hot_kernels_contain_no_calls(functions, isa):
    kernels = {name: text for name, text in functions.items() if f"isa_{isa}::" in name}
    if not kernels:
        pytest.skip("the extension has no symbols: it was stripped")
    for name, text in kernels.items():
        if not any(hot in name for hot in HOT):
            continue
        for call in re.findall(r"\bcall\s+.*", text):
            assert TAILS.search(call), f"{name}: {call}"


@pytest.mark.parametrize(("isa", "register"), [("avx2", "%ymm"), ("avx512", "%zmm")])
def test_kernels_use_the_registers_of_their_instruction_set(functions, isa, register):
    kernels = {name: text for name, text in functions.items() if f"isa_{isa}::" in name}
    if not kernels:
        pytest.skip("the extension has no symbols: it was stripped")
    assert any("packbits" in name and register in text for name, text in kernels.items())


def test_the_baseline_uses_no_wide_registers(functions):
    for name, text in functions.items():
        if "isa_scalar::" in name:
            assert "%ymm" not in text, name
            assert "%zmm" not in text, name
