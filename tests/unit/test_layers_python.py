"""The map of src/dcmturbo: which room may import which. The graph below is the rule; the sources must fit it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "dcmturbo"

# A room (a module or a package), and the rooms that it may import besides itself. `_core` is the compiled core.
ALLOWED = {
    "_core": set(),
    "_program": set(),
    "version": set(),
    "system": set(),
    "errors": set(),
    "redaction": set(),
    "urls": {"redaction"},
    "destinations": {"_core", "errors", "system", "urls"},
    "wording": {"errors", "redaction"},
    "notes": {"errors"},
    "configuration": {"_core", "errors"},
    "formats": {"_core", "errors", "system"},
    "dataset": {
        *("_core", "configuration", "destinations", "errors", "formats", "notes", "redaction", "system", "urls"),
    },
    "frames": {"_core", "configuration", "dataset", "errors", "formats", "notes", "system", "wording"},
    "pictures": {"dataset", "errors", "frames"},
    "image": {"_core", "configuration", "dataset", "errors", "frames", "pictures", "steps"},
    "slides": {"configuration", "dataset", "errors", "frames", "image", "notes", "urls"},
    "steps": {"configuration", "errors", "frames", "pictures"},
    "c_interface": {"_core"},
    "nogil": {"c_interface", "errors", "formats", "frames"},
    "decoding": {"_core", "configuration", "dataset", "errors", "formats", "frames", "notes", "steps"},
    "encoding": {"_core", "configuration", "errors", "formats"},
    "transcoding": {
        *("_core", "configuration", "dataset", "decoding", "destinations", "encoding", "errors", "formats", "frames"),
        *("notes", "system", "urls"),
    },
    "deidentification": {
        "_core",
        *("configuration", "dataset", "decoding", "destinations", "encoding", "errors", "formats", "frames"),
        *("pictures", "system", "transcoding", "urls", "version"),
    },
    "archives": {
        *("_core", "configuration", "dataset", "decoding", "deidentification", "destinations", "encoding", "errors"),
        *("formats", "frames", "redaction", "system", "transcoding", "urls", "version", "wording"),
    },
    "volumes": {"dataset", "decoding", "destinations", "errors", "frames", "notes", "steps", "wording"},
    "segmentation": {
        *("configuration", "dataset", "destinations", "encoding", "errors", "formats", "frames", "notes", "volumes"),
    },
    "contours": {"_core", "configuration", "dataset", "errors", "frames", "notes", "pictures"},
    "integrations": {
        *("image", "slides", "volumes"),
        *("_core", "configuration", "dataset", "decoding", "encoding", "errors", "formats", "frames", "notes"),
    },
    # The top: what users import, and what uses it: the command line and benchmarks.
    "dcmturbo": {
        *("_program", "archives", "configuration", "dataset", "decoding", "encoding", "errors", "frames", "image"),
        "deidentification",
        *("contours", "integrations", "pictures", "segmentation", "slides", "transcoding", "version", "volumes"),
    },
    "__main__": {"cli"},
    "bench": {"archives", "dcmturbo", "errors", "formats", "urls", "wording"},
    "cli": {
        *("_core", "archives", "bench", "configuration", "dataset", "dcmturbo", "deidentification", "destinations"),
        *("errors", "formats", "image", "pictures", "redaction", "segmentation", "slides", "system", "transcoding"),
        *("urls", "volumes", "wording"),
    },
}
TOP = {"bench", "cli"}  # rooms that may import the package itself

pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="the sources are not here")


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """What a module imports of the package: also within functions, and for types only."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = {f"{node.module}.{alias.name}": node.module for alias in node.names}
            found |= {name if name in modules() or name == "dcmturbo._core" else base for name, base in names.items()}
    return frozenset(name for name in found if name.split(".")[0] == "dcmturbo")


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def circle(graph: dict[str, set[str]]) -> set[str]:
    """Return nodes of which each needs another of them; none where there is no circle."""
    left = dict(graph)
    while free := {node for node, below in left.items() if not below & set(left)}:
        left = {node: below for node, below in left.items() if node not in free}
    return set(left)


def test_there_are_modules():
    assert len(modules()) > 80


def test_every_room_is_in_the_graph():
    assert {room(module) for module in modules()} | {"_core"} == set(ALLOWED)


@pytest.mark.parametrize("module", modules() if PACKAGE.is_dir() else [])
def test_a_module_imports_only_what_its_room_may(module):
    for imported in imports(module):
        assert room(imported) in ALLOWED[room(module)] | {room(module)}, f"{module} imports {imported}"
        if imported == "dcmturbo":
            assert room(module) in TOP, f"{module} imports the package itself"


def test_what_a_room_may_import_is_imported():
    used = {name: set() for name in ALLOWED}
    for module in modules():
        used[room(module)] |= {room(imported) for imported in imports(module)} - {room(module)}
    assert used == ALLOWED


def test_neither_rooms_nor_modules_go_in_circles():
    assert not circle(ALLOWED)
    assert not circle({module: {name for name in imports(module) if name != module} for module in modules()})


def test_the_check_for_circles_finds_one():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {"a", "b", "c", "d"}
    assert circle({"a": {"b"}, "b": set()}) == set()


def test_the_table_of_the_documentation_is_this_graph():
    text = (PACKAGE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("## The package, room by room") : text.index("## One frame")]
    rows = re.findall(r"^\| `([\w./]+)` \|.*\| ([^|]*) \|$", table, re.M)
    written = {name.removesuffix(".py").removesuffix("/"): set(re.findall(r"\w+", below)) for name, below in rows}
    assert written == {
        name: below for name, below in ALLOWED.items() if name not in ("_core", "_program", "__main__")
    } | {"dcmturbo": ALLOWED["dcmturbo"] - {"_program"}}


def private_uses(module: str) -> list[str]:
    """Return the private members of objects other than its own that a module reaches into."""
    found = []
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
            text = ast.unparse(node)
            if not text.startswith(("self._", "cls._", "os._exit", "sys._getframe")):
                found.append(text)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dcmturbo"):
            found += [alias.name for alias in node.names if re.match("_[a-z]", alias.name)]
    return found


# Of named tuples, whose underscore only keeps their methods apart from their fields.
NAMED_TUPLES = re.compile(r"\._(replace|make|fields|asdict)$")


@pytest.mark.parametrize("module", modules() if PACKAGE.is_dir() else [])
def test_a_module_leaves_private_members_of_others_alone(module):
    if module.startswith("dcmturbo.integrations.pydicom."):
        pytest.skip("pydicom has no public interface for most of what is changed there")
    allowed = {"_core"} | (
        {"type(store)._find", "AsyncFileSystem._find"} if module.endswith("archives.walk") else set()
    )
    assert [text for text in private_uses(module) if text not in allowed and not NAMED_TUPLES.search(text)] == []
