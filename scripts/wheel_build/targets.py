"""The platforms and Pythons that wheels are built for."""

from __future__ import annotations

from dataclasses import dataclass

PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15", "3.13t", "3.14t", "3.15t")


@dataclass(frozen=True)
class Target:
    """A platform: what the compiler and the installers call it."""

    name: str
    zig: str  # the compiler's -target
    tag: str  # the platform of the wheel's name
    suffix: str  # of the extension module, behind _core
    link: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()

    @property
    def is_windows(self) -> bool:
        return "windows" in self.zig

    @property
    def is_macos(self) -> bool:
        return "macos" in self.zig

    @property
    def is_musl(self) -> bool:
        return self.zig.endswith("musl")

    def module_name(self, python: str) -> str:
        """Name the extension module as that Python's importer looks for it."""
        return f"_core.{self.suffix.format(digits=digits(python))}"

    def wheel_tag(self, python: str) -> str:
        plain = digits(python).rstrip("t")
        return f"cp{plain}-cp{digits(python)}-{self.tag}"


def digits(python: str) -> str:
    return python.replace(".", "")


_LINUX = ("-Wl,--gc-sections", "-Wl,-z,relro,-z,now", "-Wl,--build-id=none", "-s")
_MUSL = ("-fPIC",)  # zig takes it for granted everywhere but here, where programs are static unless told otherwise
_MACOS = ("-Wl,-undefined,dynamic_lookup", "-Wl,-dead_strip", "-s")

TARGETS = {
    target.name: target
    for target in (
        Target(
            "manylinux-x86_64",
            "x86_64-linux-gnu.2.17",
            "manylinux2014_x86_64.manylinux_2_17_x86_64",
            "cpython-{digits}-x86_64-linux-gnu.so",
            _LINUX,
        ),
        Target(
            "manylinux-aarch64",
            "aarch64-linux-gnu.2.17",
            "manylinux2014_aarch64.manylinux_2_17_aarch64",
            "cpython-{digits}-aarch64-linux-gnu.so",
            _LINUX,
        ),
        Target(
            "musllinux-x86_64",
            "x86_64-linux-musl",
            "musllinux_1_2_x86_64",
            "cpython-{digits}-x86_64-linux-musl.so",
            (*_LINUX, "-dynamic"),
            _MUSL,
        ),
        Target(
            "musllinux-aarch64",
            "aarch64-linux-musl",
            "musllinux_1_2_aarch64",
            "cpython-{digits}-aarch64-linux-musl.so",
            (*_LINUX, "-dynamic"),
            _MUSL,
        ),
        Target("macos-arm64", "aarch64-macos.11.0", "macosx_11_0_arm64", "cpython-{digits}-darwin.so", _MACOS),
        Target("macos-x86_64", "x86_64-macos.11.0", "macosx_11_0_x86_64", "cpython-{digits}-darwin.so", _MACOS),
        Target("windows-x86_64", "x86_64-windows-gnu", "win_amd64", "cp{digits}-win_amd64.pyd", ("-s",)),
    )
}
