"""The scripts that build wheels and releases."""

import importlib.machinery
import importlib.util
import re
import struct
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import dcmturbo
from dcmturbo import _core

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"

pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the scripts are not here")


@pytest.fixture(scope="module")
def release():
    loader = importlib.machinery.SourceFileLoader("release", str(SCRIPTS / "release"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("release", loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture(scope="module")
def build():
    sys.path.insert(0, str(SCRIPTS))
    try:
        from wheel_build import archive, checking, compiling, targets
    finally:
        sys.path.remove(str(SCRIPTS))
    return {"archive": archive, "checking": checking, "compiling": compiling, "targets": targets}


CHANGELOG = """# Changelog

## [Unreleased]

### Added

- Something.

## [0.1.0] - 2026-01-01

- First.
"""


def test_a_release_dates_what_was_unreleased(release):
    text = release.released(CHANGELOG, "0.2.0", "2026-02-03")
    assert "## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n\n### Added\n\n- Something.\n\n## [0.1.0]" in text
    assert release.section_of(text, "0.2.0") == "### Added\n\n- Something."
    assert release.section_of(text, "0.1.0") == "- First."
    with pytest.raises(SystemExit, match="says nothing"):
        release.released(text, "0.3.0", "2026-02-04")
    with pytest.raises(SystemExit, match="no section"):
        release.section_of(text, "9.9.9")


def test_every_place_of_the_version_has_it(release):
    for name, pattern in release.VERSIONS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.search(pattern, text)[1] == dcmturbo.__version__, name
        assert re.search(pattern, release.with_version(text, pattern, "7.8.9rc1"))[1] == "7.8.9rc1"


def test_every_list_of_dependencies_is_the_one_of_the_package():
    with (ROOT / "pyproject.toml").open("rb") as file:
        expected = {normal(dependency) for dependency in tomllib.load(file)["project"]["dependencies"]}
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    run = re.search(r"\n  run:\n((?:    - .+\n)+)", recipe)[1].splitlines()
    assert {normal(line.removeprefix("    - ")) for line in run} - {"python"} == expected
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) and newer(?:, below (\d+))? \|", page, re.MULTILINE)
    assert {f"{name}>={low}" + (f",<{high}" if high else "") for name, low, high in rows} == expected


def normal(dependency: str) -> str:
    return dependency.replace(" ", "")


def test_a_release_is_refused_where_files_do_not_agree(release, tmp_path, monkeypatch):
    monkeypatch.setattr(release, "DIST", tmp_path)
    with pytest.raises(SystemExit, match="empty"):
        release.check()
    wheel = tmp_path / "dcmturbo-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("dcmturbo-0.dist-info/METADATA", f"Name: dcmturbo\nVersion: {dcmturbo.__version__}\n")
    release.write_sums()
    monkeypatch.setattr(release, "run", lambda *_, **__: "")
    release.check()
    monkeypatch.setattr(release, "run", lambda *_, **__: "v9.9.9")
    with pytest.raises(SystemExit, match=r"v9\.9\.9"):
        release.check()
    monkeypatch.setattr(release, "run", lambda *_, **__: "")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("more", "")
    with pytest.raises(SystemExit, match="is not the file"):
        release.check()
    wheel.unlink()
    (tmp_path / "other.tar.gz").write_bytes(b"")
    with pytest.raises(SystemExit, match="is not the file"):
        release.check()


def test_the_version_of_a_source_distribution_is_read(release, tmp_path):
    (tmp_path / "PKG-INFO").write_text("Name: dcmturbo\nVersion: 1.2.3\n")
    path = tmp_path / "dcmturbo-1.2.3.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "PKG-INFO", "dcmturbo-1.2.3/PKG-INFO")
    assert release.metadata_version(path) == "1.2.3"


def test_wheels_have_the_names_that_installers_and_importers_look_for(build):
    targets = build["targets"].TARGETS
    assert targets["windows-x86_64"].module_name("3.13t") == "_core.cp313t-win_amd64.pyd"
    assert targets["windows-x86_64"].wheel_tag("3.13t") == "cp313-cp313t-win_amd64"
    assert targets["manylinux-aarch64"].module_name("3.11") == "_core.cpython-311-aarch64-linux-gnu.so"
    assert targets["macos-arm64"].wheel_tag("3.14") == "cp314-cp314-macosx_11_0_arm64"


def test_bindings_are_compiled_once_from_the_same_files(build, tmp_path, monkeypatch):
    target = build["targets"].TARGETS["manylinux-x86_64"]
    zig, pybind11, headers = tmp_path / "zig", tmp_path / "pybind11", tmp_path / "headers"
    zig.write_bytes(b"a compiler")
    for folder in (pybind11, headers):
        folder.mkdir()
        (folder / "file.h").write_text("int x;")
    compiled = []

    def run(*arguments):
        if "-c" in arguments:
            compiled.append(arguments)
        Path(arguments[arguments.index("-o") + 1]).write_bytes(b"a result")

    def module():
        compiler = build["compiling"].Compiler(zig, pybind11, tmp_path / "work", 1)
        monkeypatch.setattr(compiler, "run", run)
        return compiler.module(target, "3.13", headers, [])

    first = module()
    assert first.name == target.module_name("3.13")
    assert first.read_bytes() == b"a result"
    assert len(compiled) == 1
    assert module() == first
    assert len(compiled) == 1
    for folder in (pybind11, headers):
        (folder / "file.h").write_text("int y;")
        assert module() != first
    assert len(compiled) == 3


def test_a_module_that_was_not_linked_to_its_end_is_made_again(build, tmp_path, monkeypatch):
    target = build["targets"].TARGETS["manylinux-x86_64"]
    (tmp_path / "zig").write_bytes(b"a compiler")
    compiler = build["compiling"].Compiler(tmp_path / "zig", tmp_path / "none", tmp_path / "work", 1)

    def run(*arguments):
        Path(arguments[arguments.index("-o") + 1]).write_bytes(b"a part" if stopped else b"all")
        if stopped and "-shared" in arguments:
            raise KeyboardInterrupt

    monkeypatch.setattr(compiler, "run", run)
    stopped = True
    with pytest.raises(KeyboardInterrupt):
        compiler.module(target, "3.13", tmp_path / "none", [])
    stopped = False
    assert compiler.module(target, "3.13", tmp_path / "none", []).read_bytes() == b"all"


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF")
def test_what_a_module_needs_is_read_from_it(build):
    needed = build["checking"].needed_of(Path(_core.__file__).read_bytes())
    assert "libc.so.6" in needed
    assert all(re.fullmatch(r"[\w+-]+\.so\.\d+", name) for name in needed)


def wheel_of(folder, target, module):
    path = folder / f"dcmturbo-0.1.0-{target.wheel_tag('3.13')}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"dcmturbo/{target.module_name('3.13')}", module)
    return path


def mach_o(version, libraries):
    """Make the head of a Mach-O file (loader.h): its oldest macOS, and the libraries that it loads."""
    commands = [(0x32, struct.pack("<4I", 1, version[0] << 16 | version[1] << 8, 0, 0))]
    for name in libraries:
        text = name.encode() + b"\0" * (8 - len(name) % 8)
        commands.append((0x0C, struct.pack("<4I", 24, 0, 0, 0) + text))
    body = b"".join(struct.pack("<2I", kind, 8 + len(content)) + content for kind, content in commands)
    return struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 6, len(commands), len(body), 0, 0) + body


def pe(libraries):
    """Make the head of a PE file for x86-64 with an import table (Microsoft PE and COFF specification, 3 and 6.4)."""
    first, size = 0x200, 0x1000
    table, names = b"", b""
    for name in libraries:
        table += struct.pack("<5I", 0, 0, 0, size + 20 * (len(libraries) + 1) + len(names), 0)
        names += name.encode() + b"\0"
    content = table + bytes(20) + names
    optional = bytes(120) + struct.pack("<2I", size, len(table)) + bytes(112)
    section = b".idata\0\0" + struct.pack("<4I", len(content), size, len(content), first) + bytes(16)
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", 0x40)
    head += b"PE\0\0" + struct.pack("<2H12xH", 0x8664, 1, len(optional)) + bytes(2) + optional + section
    return head.ljust(first, b"\0") + content


def test_a_wheel_for_macos_needs_its_system_alone_and_no_newer_one(build, tmp_path):
    target, check = build["targets"].TARGETS["macos-arm64"], build["checking"].check
    system = "/usr/lib/libSystem.B.dylib"
    assert check(wheel_of(tmp_path, target, mach_o((11, 0), [system]))) == f"needs {system}"
    with pytest.raises(SystemExit, match=r"needs /opt/lib/libc\+\+.dylib"):
        check(wheel_of(tmp_path, target, mach_o((11, 0), [system, "/opt/lib/libc++.dylib"])))
    with pytest.raises(SystemExit, match=r"macOS \(12, 3\), its tag \(11, 0\)"):
        check(wheel_of(tmp_path, target, mach_o((12, 3), [system])))


def test_a_wheel_for_windows_needs_its_python_and_its_system_alone(build, tmp_path):
    target, check = build["targets"].TARGETS["windows-x86_64"], build["checking"].check
    allowed = ["python313.dll", "KERNEL32.dll", "api-ms-win-crt-heap-l1-1-0.dll"]
    assert "python313.dll" in check(wheel_of(tmp_path, target, pe(allowed)))
    for strange in ("python312.dll", "libstdc++-6.dll"):
        with pytest.raises(SystemExit, match=re.escape(f"needs {strange}")):
            check(wheel_of(tmp_path, target, pe([*allowed, strange])))


def test_a_wheel_has_no_path_of_the_machine_that_built_it(build, tmp_path):
    target, check = build["targets"].TARGETS["macos-x86_64"], build["checking"].check
    wheel = wheel_of(tmp_path, target, mach_o((11, 0), []) + b"\0/home/somebody/dcmturbo/csrc/os/file.h\0")
    assert check(wheel, [Path("/home/another")]) == "needs nothing"
    with pytest.raises(SystemExit, match="the path /home/somebody of this machine"):
        check(wheel, [Path("/home/somebody")])


@pytest.mark.skipif(sys.platform != "linux", reason="of a module of this system")
def test_two_wheels_of_the_same_content_are_the_same_bytes(build, tmp_path):
    target = build["targets"].TARGETS["manylinux-x86_64"]
    tools = tmp_path / "tools" / "lib" / "python3.13" / "site-packages"
    for name in ("libcxx", "libcxxabi", "libunwind"):
        (tools / "ziglang" / "lib" / name).mkdir(parents=True)
        (tools / "ziglang" / "lib" / name / "LICENSE.TXT").write_text("a licence")
    (tools / "ziglang" / "LICENSE").write_text("a licence")
    (tools / "ziglang-0.17.1.dist-info").mkdir()
    (tools / "pybind11-3.1.0.dist-info" / "licenses").mkdir(parents=True)
    (tools / "pybind11-3.1.0.dist-info" / "licenses" / "LICENSE").write_text("a licence")
    module = tmp_path / target.module_name("3.13")
    module.write_bytes(Path(_core.__file__).read_bytes())
    info = {"METADATA": b"Metadata-Version: 2.4\nName: dcmturbo\nVersion: 0.1.0\n", "entry_points.txt": b""}
    made = [
        build["archive"].write_wheel(tmp_path / name, target, "3.13", module, info, tmp_path / "tools", 1764400000)
        for name in ("a", "b")
    ]
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as archive:
        names = archive.namelist()
        record = archive.read("dcmturbo-0.1.0.dist-info/RECORD").decode()
    assert sorted(line.split(",")[0] for line in record.splitlines()) == sorted(names)
    assert {"dcmturbo/py.typed", "dcmturbo/cli/demo.json", "dcmturbo-0.1.0.dist-info/sboms/dcmturbo.cdx.json"} <= set(
        names
    )
    assert not [name for name in names if "__pycache__" in name]
    assert build["checking"].target_of(made[0]) is target
