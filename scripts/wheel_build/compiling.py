"""Compiles the core once for each platform, and its bindings once for each Python on it, with the clang of ziglang."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .targets import Target

ROOT = Path(__file__).parents[2]
# -g0: zig writes what debuggers need unless told otherwise. It is stripped from the module, and takes 0.4 of the time.
FLAGS = ["-std=c++20", "-O3", "-g0", "-DNDEBUG", "-ffp-contract=off", "-fvisibility=hidden", "-Icsrc"]
# No path of this machine gets into the result.
FLAGS += ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", f"-ffile-prefix-map={ROOT}=."]
PRECOMPILED = Path(__file__).with_name("precompiled.h")


class Compiler:
    """Ziglang's clang, with a folder for objects."""

    def __init__(self, zig: Path, pybind11: Path, work: Path, jobs: int) -> None:
        self.zig, self.pybind11, self.work, self.jobs = zig, pybind11, work, jobs
        self._environment = {
            **os.environ,
            "ZIG_GLOBAL_CACHE_DIR": str(work / "zig"),
            "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
        }

    def run(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.zig), *arguments], cwd=ROOT, env=self._environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise SystemExit(f"zig {' '.join(arguments)}:\n{done.stderr}")

    def core(self, target: Target) -> list[Path]:
        """Compile everything but the bindings. Objects of the same sources and flags are used again."""
        sources = sorted(p for p in (ROOT / "csrc").rglob("*.cpp") if p.parent.name != "bindings")
        # Of its own folder, so that zig finds what it compiled before when some of the sources have changed.
        precompiled = self.work / "precompiled" / f"{target.name}-{self._digest(target, [PRECOMPILED])}.pch"
        header = PRECOMPILED.relative_to(ROOT).as_posix()
        self._compile(target, precompiled, "-x", "c++-header", header)
        read = sorted(p for p in (ROOT / "csrc").rglob("*") if p.is_file() and p.parent.name != "bindings")
        folder = self.work / "objects" / f"{target.name}-{self._digest(target, [PRECOMPILED, *read])}"

        def compile_one(source: Path) -> Path:
            name = source.relative_to(ROOT).as_posix()
            out = folder / (name.replace("/", "_") + ".o")
            self._compile(target, out, "-include-pch", str(precompiled), "-c", name)
            return out

        with ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(compile_one, sources))

    def _compile(self, target: Target, out: Path, *arguments: str) -> None:
        """Compile unless there is `out`."""
        if out.is_file():
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        new = out.with_suffix(".new")
        self.run("c++", "-target", target.zig, *FLAGS, *target.compile, *arguments, "-o", str(new))
        new.rename(out)

    def modules(self, target: Target, pythons: list[str], headers: list[Path], core: list[Path]) -> Iterator[Path]:
        """Make the extension module of each Python, several at once."""
        with ThreadPoolExecutor(self.jobs) as pool:
            yield from pool.map(lambda python, of_it: self.module(target, python, of_it, core), pythons, headers)

    def module(self, target: Target, python: str, headers: Path, core: list[Path]) -> Path:
        """Compile the bindings for one Python, and link the extension module.

        Objects of the same files are used again, so a run that was stopped goes on where it was.
        """
        read = []
        for place in (ROOT / "csrc", headers, self.pybind11):
            read += sorted(path for path in place.rglob("*") if path.is_file())
        own = ["-DPy_GIL_DISABLED=1"] if python.endswith("t") else []
        folder = self.work / "modules" / f"{target.name}-{python}-{self._digest(target, read, own)}"
        folder.mkdir(parents=True, exist_ok=True)
        # As one unit: most of the time goes into pybind11's headers.
        unit = folder / "bindings.cpp"
        sources = sorted((ROOT / "csrc" / "bindings").glob("*.cpp"))
        unit.write_text("".join(f'#include "{source.relative_to(ROOT / "csrc").as_posix()}"\n' for source in sources))
        flags = [f"-ffile-prefix-map={folder}=.", f"-I{headers}", f"-isystem{self.pybind11}"]
        flags += [f"-ffile-prefix-map={self.pybind11}=pybind11", f"-ffile-prefix-map={headers}=python", *own]
        out = folder / "bindings.o"
        self._compile(target, out, *flags, "-c", str(unit))
        return self._link(target, python, [out, *core], folder)

    def _link(self, target: Target, python: str, objects: list[Path], folder: Path) -> Path:
        module = folder / target.module_name(python)
        command = ["c++", "-target", target.zig, "-O3", "-shared", *target.link, *map(str, objects)]
        if target.is_macos:  # else it is the path, which is this machine's
            command += ["-install_name", module.name]
        if target.is_windows:
            command.append(str(self._import_library(target, python, objects[0], folder)))
        self.run(*command, "-o", str(module))
        if target.is_musl:
            needed = undefined_dynamic_names(module)
            libraries = ["-nodefaultlibs", "-lc++", "-lunwind", str(self._musl_library(target, needed, folder))]
            self.run(*command, *libraries, "-o", str(module))
            if undefined_dynamic_names(module) != needed:
                raise SystemExit(f"{module.name}: linked otherwise than without a stand-in for musl")
        return module

    def _musl_library(self, target: Target, names: list[str], folder: Path) -> Path:
        """Make what stands for musl while linking, under the name that Alpine gives it, which auditwheel expects.

        The loader of musl is musl itself, and takes every name of this kind for its own.
        """
        source = folder / "musl.s"
        source.write_text("".join(f".globl {name}\n{name}:\n" for name in names))
        name = f"libc.musl-{target.zig.split('-')[0]}.so.1"
        out = folder / name
        self.run(
            "cc", "-target", target.zig, "-shared", "-nostdlib", f"-Wl,-soname,{name}", str(source), "-o", str(out)
        )
        return out

    def _import_library(self, target: Target, python: str, bindings: Path, folder: Path) -> Path:
        """Make what stands for python3XX.dll while linking: the names that the bindings need."""
        names = sorted(name.removeprefix("__imp_") for name in undefined_names(bindings) if _is_of_python(name))
        library = f"python{python.replace('.', '')}"
        definition = folder / f"{library}.def"
        definition.write_text(f"LIBRARY {library}.dll\nEXPORTS\n" + "".join(f"  {name}\n" for name in names))
        out = folder / f"{library}.lib"
        self.run("dlltool", "-m", "i386:x86-64", "-d", str(definition), "-l", str(out))
        return out

    def _digest(self, target: Target, read: list[Path], own_flags: Sequence[str] = ()) -> str:
        flags = [*FLAGS, *target.compile, *own_flags]
        digest = hashlib.sha256(repr((target.zig, flags, str(self.zig.stat().st_size))).encode())
        for path in read:
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()[:16]


def _is_of_python(name: str) -> bool:
    return name.removeprefix("__imp_").startswith(("Py", "_Py"))


def undefined_dynamic_names(path: Path) -> list[str]:
    """Read the names that an ELF library needs from others, but not from Python."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym").iter_symbols()
        names = {symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"}
    return sorted(name for name in names if name and not _is_of_python(name))


def undefined_names(path: Path) -> set[str]:
    """Read the names that a COFF object needs from others (Microsoft PE and COFF specification, 4 and 5.4)."""
    data = path.read_bytes()
    table, count = (int.from_bytes(data[k : k + 4], "little") for k in (8, 12))
    strings = table + 18 * count
    names, i = set(), 0
    while i < count:
        entry = data[table + 18 * i : table + 18 * (i + 1)]
        if entry[:4] == b"\0\0\0\0":
            begin = strings + int.from_bytes(entry[4:8], "little")
            name = data[begin : data.index(b"\0", begin)]
        else:
            name = entry[:8].rstrip(b"\0")
        section, external = int.from_bytes(entry[12:14], "little"), entry[16] == 2
        if section == 0 and external:
            names.add(name.decode())
        i += 1 + entry[17]
    return names
