"""What a wheel may need of its platform, read from the extension modules themselves."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from .targets import TARGETS, Target

LARGEST = 5_000_000  # bytes
# What each kind of system always has.
ALLOWED = {
    "manylinux": {
        "libc.so.6",
        "libm.so.6",
        "libpthread.so.0",
        "libdl.so.2",
        "librt.so.1",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    },
    "musllinux": {"libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"},
    "macos": {"/usr/lib/libSystem.B.dylib"},
    "windows": {"kernel32.dll", "advapi32.dll", "ntdll.dll"},
}


def check(wheel: Path, private: Iterable[Path] = ()) -> str:
    """Return how a wheel was checked. End the program if it needs what its tag does not promise.

    `private` are folders of this machine. Their names must not be in the module: the bytes of a wheel depend on its
    commit alone.
    """
    target = target_of(wheel)
    if wheel.stat().st_size > LARGEST:
        raise SystemExit(f"{wheel.name}: {wheel.stat().st_size} bytes; at most {LARGEST} are allowed")
    with zipfile.ZipFile(wheel) as archive:
        module = next(name for name in archive.namelist() if name.endswith((".so", ".pyd")))
        data = archive.read(module)
    needed = needed_of(data)
    for path in private:
        if str(path).encode() in data:
            raise SystemExit(f"{wheel.name}: {module} contains the path {path} of this machine")
    kind = target.name.split("-")[0]
    python = re.search(r"-cp\d+-cp(\d+t?)-", wheel.name)
    allowed = ALLOWED[kind] | ({f"python{python[1]}.dll"} if python and target.is_windows else set())
    # The parts of Windows' C library, of Windows 10 and newer.
    strange = {name for name in needed if name.lower() not in allowed and name not in allowed}
    strange = {name for name in strange if not name.lower().startswith("api-ms-win-crt-")}
    if strange:
        raise SystemExit(f"{wheel.name} needs {', '.join(sorted(strange))}")
    how = f"needs {', '.join(sorted(needed, key=str.lower)) or 'nothing'}"
    if kind == "macos":
        _check_macos_version(wheel, target, data)
    if kind.endswith("linux"):
        how = f"{_auditwheel(wheel)}; {how}"
    return how


def target_of(wheel: Path) -> Target:
    return next(target for target in TARGETS.values() if wheel.name.endswith(f"-{target.tag}.whl"))


def _auditwheel(wheel: Path) -> str:
    done = subprocess.run([sys.executable, "-m", "auditwheel", "show", str(wheel)], capture_output=True, text=True)
    text = " ".join(done.stdout.split())
    found = re.search(r'consistent with the following platform tag: "([^"]+)"', text)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"auditwheel show {wheel.name}:\n{done.stdout}{done.stderr}")
    if not re.fullmatch(r"manylinux_2_(\d|1[0-7])_\w+|musllinux_1_[0-2]_\w+", found[1]):
        raise SystemExit(f"{wheel.name}: auditwheel says {found[1]}")
    return f"auditwheel: {found[1]}"


def needed_of(data: bytes) -> set[str]:
    """Return the libraries that a module of any platform needs."""
    if data[:4] == b"\x7fELF":
        return _needed_elf(data)
    if data[:4] == b"\xcf\xfa\xed\xfe":
        return _needed_macho(data)
    return _needed_pe(data)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()


def _needed_elf(data: bytes) -> set[str]:
    sections, size, count = _number(data, 0x28, 8), _number(data, 0x3A, 2), _number(data, 0x3C, 2)
    needed = set()
    for i in range(count):
        header = sections + i * size
        if _number(data, header + 4, 4) != 6:  # SHT_DYNAMIC
            continue
        begin, length = _number(data, header + 0x18, 8), _number(data, header + 0x20, 8)
        strings = _number(data, sections + _number(data, header + 0x28, 4) * size + 0x18, 8)
        for at in range(begin, begin + length, 16):
            if _number(data, at, 8) == 1:  # DT_NEEDED
                needed.add(_text(data, strings + _number(data, at + 8, 8)))
    return needed


def _needed_macho(data: bytes) -> set[str]:
    needed, at = set(), 32
    for _ in range(_number(data, 16, 4)):
        command, size = _number(data, at, 4), _number(data, at + 4, 4)
        if command & 0x7FFFFFFF in (0x0C, 0x18, 0x1F):  # LC_LOAD_DYLIB, _WEAK_, _REEXPORT_
            needed.add(_text(data, at + _number(data, at + 8, 4)))
        at += size
    return needed


def _check_macos_version(wheel: Path, target: Target, data: bytes) -> None:
    """End the program unless the module loads on the macOS that the tag names."""
    expected = tuple(int(number) for number in re.findall(r"macosx_(\d+)_(\d+)_", target.tag)[0])
    found, at = None, 32
    for _ in range(_number(data, 16, 4)):
        if _number(data, at, 4) == 0x32:  # LC_BUILD_VERSION: platform, then the oldest version as xxxx.yy.zz
            version = _number(data, at + 12, 4)
            found = (version >> 16, version >> 8 & 0xFF)
        at += _number(data, at + 4, 4)
    if found is None or found > expected:
        raise SystemExit(f"{wheel.name}: the module says macOS {found}, its tag {expected}")


def _needed_pe(data: bytes) -> set[str]:
    header = _number(data, 0x3C, 4)
    count, optional = _number(data, header + 6, 2), _number(data, header + 20, 2)
    sections = [header + 24 + optional + 40 * i for i in range(count)]

    def place(address: int) -> int:
        for section in sections:
            begin, size = _number(data, section + 12, 4), _number(data, section + 16, 4)
            if begin <= address < begin + size:
                return address - begin + _number(data, section + 20, 4)
        raise ValueError("an address outside of all sections")

    at = place(_number(data, header + 24 + 120, 4))
    needed = set()
    while (name := _number(data, at + 12, 4)) != 0:
        needed.add(_text(data, place(name)))
        at += 20
    return needed
