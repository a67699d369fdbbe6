"""No calls in hot kernels: a template that is instantiated outside its target region compiles without a word,
with a call for every vector, and takes seven times as long."""

import platform
import re
import shutil
import subprocess

import pytest

from dcmturbo import _core

VECTORS = ("merge16", "ybr_full_to_rgb", "lift_low_5_3", "lift_9_7", "inverse_rct", "inverse_ict", "store_row16")
# The coding passes of a code-block: a call in their loops would take the decoder's state out of the registers.
# How many instances each has: propagation is compiled for MQ and raw bits, and clean-up beside them.
PASSES = {"walk": 3, "refine_raw": 1, "decode_list": 1, "decode_two_lists": 1}
MARKED = ("packbits_decode", *VECTORS, *PASSES)
NAMESPACES = ("isa_avx2", "isa_avx512")
# The tail of a segment, and copies whose length is not known.
ALLOWED = ("packbits_decode_bounded", "memcpy", "memset", "memmove")

OBJDUMP = shutil.which("objdump")
pytestmark = [
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the kernels of x86-64"),
    pytest.mark.skipif(OBJDUMP is None, reason="there is no objdump"),
]


@pytest.fixture(scope="module")
def functions() -> dict[str, list[str]]:
    """The functions of the compiled core, and the instructions of each."""
    text = subprocess.run(
        [OBJDUMP, "-d", "-C", "--no-show-raw-insn", _core.__file__], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if match := re.match(r"^[0-9a-f]+ <(.+)>:$", line):
            current = found.setdefault(match.group(1), [])
        elif "\t" in line:
            current.append(line.split("\t", 1)[1].strip())
    return found


def kernels(functions: dict[str, list[str]], namespace: str, name: str) -> dict[str, list[str]]:
    pattern = re.compile(rf"\b{namespace}::{name}(<[^(]*>)?\(")
    return {signature: code for signature, code in functions.items() if pattern.search(signature)}


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("name", MARKED)
def test_a_marked_kernel_calls_nothing(functions, namespace, name):
    found = kernels(functions, namespace, name)
    if not found and not any(namespace in signature for signature in functions):
        pytest.skip("the symbols have been stripped")
    assert found, f"{namespace}::{name} is not there: has it another name?"
    if name in PASSES:
        assert len(found) == PASSES[name]
    for signature, code in found.items():
        calls = [line for line in code if line.split()[0].startswith("call")]
        foreign = [line for line in calls if not any(name in line for name in ALLOWED)]
        own = [line for line in foreign if f"{namespace}::packbits_" not in line]
        assert not own, f"{signature}: {own}"


@pytest.mark.parametrize(("namespace", "register"), [("isa_avx2", "ymm"), ("isa_avx512", "zmm")])
@pytest.mark.parametrize("name", VECTORS)
def test_a_marked_kernel_uses_the_vectors_of_its_isa(functions, namespace, register, name):
    found = kernels(functions, namespace, name)
    if not found:
        pytest.skip("the symbols have been stripped")
    code = "\n".join(line for lines in found.values() for line in lines)
    assert register in code or (register == "zmm" and "ymm" in code)


@pytest.mark.parametrize("name", MARKED)
def test_the_scalar_kernels_need_nothing_beyond_the_baseline(functions, name):
    found = kernels(functions, "isa_scalar", name)
    if not found:
        pytest.skip("the symbols have been stripped")
    for code in found.values():
        assert not any("ymm" in line or "zmm" in line for line in code)
