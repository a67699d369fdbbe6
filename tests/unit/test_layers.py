"""The map of csrc/: which room may include which. The graph below is the rule; the sources must fit it."""

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "csrc"

# What other programs include.
DOORS = {"dcmturbo.h", "dcmturbo_capsule.h"}
# A layer, and the layers that it may include besides itself.
ALLOWED = {
    "os": set(),
    "cpu": set(),
    "base": {"cpu", "os"},
    "bits": {"base"},
    "entropy": {"base", "cpu", "bits"},
    "image": {"base", "cpu"},
    "codecs": {"base", "cpu", "bits", "entropy", "image"},
    "dicom": {"base", "image", "os"},
    "process": {"base", "cpu", "os"},
    "raster": {"base"},
    "sched": {"base", "cpu", "image", "codecs", "dicom", "process", "os"},
    "abi": {"base", "cpu", "image", "codecs", "dicom", "process", "raster", "sched", *DOORS},
    "bindings": {"base", "abi", "os", *DOORS},
    "interface": set(),
    "dcmturbo.h": {"interface"},
    "dcmturbo_capsule.h": {"dcmturbo.h"},
}
# Headers that are rooms of their own within codecs: one codec does not include another.
SHARED_CODEC_ROOMS = {"jpeg"}  # marker segments, which JPEG-LS shares

pytestmark = pytest.mark.skipif(not SOURCES.is_dir(), reason="the sources are not here")
FILES = sorted(p for p in SOURCES.rglob("*") if p.suffix in (".h", ".cpp", ".inl")) if SOURCES.is_dir() else []


def layer_of(path: str) -> str:
    return path.split("/")[0]


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.M)


def system_includes(path: Path) -> list[str]:
    return re.findall(r"^\s*#\s*include\s+<([^>]+)>", path.read_text(), re.M)


def named(path: Path) -> str:
    return path.relative_to(SOURCES).as_posix()


def test_there_are_sources():
    assert len(FILES) > 50


def test_every_folder_is_a_layer():
    assert {layer_of(named(path)) for path in FILES} <= set(ALLOWED)


def test_the_table_of_the_documentation_is_this_graph():
    text = (SOURCES.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("## The core, room by room") : text.index("## The package, room by room")]
    rows = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]*) \|$", table, re.M)
    assert {room: set(re.findall(r"\w+", below)) for room, below in rows} == {
        layer: below - DOORS for layer, below in ALLOWED.items() if layer not in DOORS
    }


def test_the_graph_has_no_circle():
    done: list[str] = []
    while len(done) < len(ALLOWED):
        free = [layer for layer, below in ALLOWED.items() if layer not in done and below <= set(done)]
        assert free, f"among {set(ALLOWED) - set(done)} each includes another"
        done += free


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_includes_only_what_its_layer_may(path):
    layer = layer_of(named(path))
    for included in includes(path):
        assert (SOURCES / included).is_file(), f"{included} is not given from csrc/"
        assert layer_of(included) in ALLOWED[layer] | {layer}, f"{layer} includes {included}"


@pytest.mark.parametrize("path", [p for p in FILES if layer_of(named(p)) == "codecs"], ids=named)
def test_a_codec_includes_no_other_codec(path):
    parts = named(path).split("/")
    if len(parts) < 3:
        return  # the contract, the registry, probe
    for included in includes(path):
        other = included.split("/")
        if other[0] == "codecs" and len(other) > 2:
            assert other[1] in {parts[1]} | SHARED_CODEC_ROOMS, f"{named(path)} includes {included}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_only_the_bindings_include_python(path):
    python = [name for name in system_includes(path) if name.startswith(("pybind11", "Python", "numpy"))]
    assert not python or layer_of(named(path)) == "bindings"


# Headers of C++20 and of the C library that every platform has in the same form.
PORTABLE_HEADERS = re.findall(
    r"\S+",
    """
    algorithm array atomic bit bitset cassert cerrno charconv chrono cmath compare complex concepts condition_variable
    cstdarg cstddef cstdint cstdio cstdlib cstring deque exception fstream functional future initializer_list iterator
    limits list map memory memory_resource mutex new numeric optional queue set shared_mutex span sstream stdexcept
    string string_view system_error thread tuple type_traits typeinfo unordered_map unordered_set utility variant vector
    stddef.h stdint.h
    """,
)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_only_the_room_of_the_operating_system_includes_its_headers(path):
    if layer_of(named(path)) == "os":
        return
    allowed = set(PORTABLE_HEADERS)
    if path.suffix == ".cpp":
        allowed |= {"immintrin.h"}  # of the compiler, for x86-64
    if layer_of(named(path)) == "bindings":
        allowed |= {name for name in system_includes(path) if name.startswith("pybind11/")}
    assert set(system_includes(path)) <= allowed
    assert not re.search(r"\b(_WIN32|__APPLE__|__linux__|__unix__|_MSC_VER)\b", path.read_text())


@pytest.mark.parametrize("path", FILES, ids=named)
def test_headers_that_old_compilers_lack_are_not_included(path):
    assert not {"format", "print", "ranges", "mdspan", "expected"} & set(system_includes(path))


def test_the_c_header_is_plain_c():
    parts = sorted(named(path) for path in (SOURCES / "interface").iterdir())
    assert includes(SOURCES / "dcmturbo.h") == parts
    assert includes(SOURCES / "dcmturbo_capsule.h") == ["dcmturbo.h"]
    for header in [*DOORS, *parts]:
        assert set(system_includes(SOURCES / header)) <= {"stddef.h", "stdint.h"}


@pytest.mark.parametrize(
    "header", ["dcmturbo_capsule.h", *(named(p) for p in FILES if layer_of(named(p)) == "interface")]
)
def test_the_c_headers_compile_as_c(tmp_path, header):
    import shutil
    import subprocess

    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    program = tmp_path / "door.c"
    program.write_text(f'#include "{header}"\nint main(void) {{ return (int)sizeof(dcmturbo_error) == 0; }}\n')
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{SOURCES}", "-fsyntax-only"]
    done = subprocess.run([compiler, *flags, str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_in_the_core_prints_or_ends_the_process(path):
    if layer_of(named(path)) == "bindings":
        return
    text = re.sub(r"//.*|/\*.*?\*/", "", path.read_text())
    found = re.findall(r"\b(?:std::cout|std::cerr|printf|puts|abort|exit|terminate)\s*(?:\(|<<)", text)
    assert not found


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".inl"], ids=named)
def test_what_is_compiled_for_each_isa_names_none_and_includes_no_header(path):
    text = re.sub(r"//.*", "", path.read_text())
    assert "__AVX" not in text
    # This one takes registers away, and names no instruction set; a pragma holds for lambdas too.
    text = text.replace('#pragma GCC target("general-regs-only")', "")
    assert not re.search(r"\btarget\s*\(|gnu::target", text)  # of a function, which lambdas within it do not get
    # A header within a target region would be compiled for that instruction set alone.
    assert all(included.endswith(".inl") for included in includes(path))
    assert not system_includes(path)


def test_files_are_rooms_not_halls():
    for path in FILES:
        lines = len(path.read_text().splitlines())
        assert lines <= 600, f"{named(path)} has {lines} lines"
