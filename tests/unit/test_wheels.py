"""`scripts/wheel_build`: what is compiled for which Python and platform. The compiler here only notes its calls."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from wheel_build.compiling import Compiler  # noqa: E402
from wheel_build.targets import TARGETS  # noqa: E402


class Recorder(Compiler):
    """Writes empty files instead of compiling."""

    def __init__(self, work: Path) -> None:
        zig = work / "zig"
        zig.write_bytes(b"")
        super().__init__(zig, work / "pybind11", work, jobs=2)
        self.calls: list[tuple[str, ...]] = []

    def run(self, *arguments: str) -> None:
        self.calls.append(arguments)
        Path(arguments[arguments.index("-o") + 1]).write_bytes(b"")

    def making(self, name: str) -> list[tuple[str, ...]]:
        return [call for call in self.calls if Path(call[call.index("-o") + 1]).name == name]


@pytest.fixture
def compiler(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


def test_the_core_is_compiled_once_for_all_pythons(compiler: Recorder, tmp_path: Path) -> None:
    target = TARGETS["manylinux-x86_64"]
    core = compiler.core(target)
    assert len(core) == len(set(core)) > 100
    assert not any("bindings" in path.name for path in core)
    compiled = len(compiler.calls)
    assert compiler.core(target) == core
    assert len(compiler.calls) == compiled  # what is there is used again
    assert all("-g0" in call for call in compiler.calls)

    pythons = ["3.14", "3.11", "3.13t"]
    headers = [tmp_path / "headers" / python for python in pythons]
    modules = list(compiler.modules(target, pythons, headers, core))
    assert [module.name for module in modules] == [
        "_core.cpython-314-x86_64-linux-gnu.so",
        "_core.cpython-311-x86_64-linux-gnu.so",
        "_core.cpython-313t-x86_64-linux-gnu.so",
    ]
    for module, of_python in zip(modules, headers, strict=True):
        (bindings,) = (call for call in compiler.making("bindings.new") if f"-I{of_python}" in call)
        assert ("-DPy_GIL_DISABLED=1" in bindings) == module.name.startswith("_core.cpython-313t")
        (link,) = compiler.making(module.name)
        assert str(Path(bindings[bindings.index("-o") + 1]).with_suffix(".o")) in link
        assert set(map(str, core)) <= set(link)
    assert len(compiler.calls) == compiled + 2 * len(pythons)
