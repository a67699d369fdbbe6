"""Writes a wheel: the package, one extension module, metadata, licences and a bill of materials."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from time import gmtime

from .compiling import ROOT
from .targets import Target

GENERATOR = "dcmturbo scripts/wheels"
# Text, types and tables; what setuptools would take too (package-data of pyproject.toml).
PACKAGED = {".py", ".pyi", ".pxd", ".typed", ".json"}


def metadata(work: Path) -> dict[str, bytes]:
    """Return METADATA and entry_points.txt as setuptools makes them, from a copy of the sources."""
    copy = work / "metadata"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info"))
    program = (
        "import sys; from setuptools import build_meta as b; print(b.prepare_metadata_for_build_wheel(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(copy)], cwd=copy, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    info = copy / done.stdout.splitlines()[-1]
    return {name: (info / name).read_bytes() for name in ("METADATA", "entry_points.txt", "top_level.txt")}


def version_of(info: dict[str, bytes]) -> str:
    return next(line.split(": ")[1] for line in info["METADATA"].decode().splitlines() if line.startswith("Version: "))


def write_wheel(
    folder: Path, target: Target, python: str, module: Path, info: dict[str, bytes], materials: Path, epoch: int
) -> Path:
    """Write a wheel that has the same bytes whenever its content is the same."""
    version = version_of(info)
    tag = target.wheel_tag(python)
    files: dict[str, bytes] = {}
    package = ROOT / "src" / "dcmturbo"
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix in PACKAGED and "__pycache__" not in path.parts:
            files[f"dcmturbo/{path.relative_to(package).as_posix()}"] = path.read_bytes()
    files[f"dcmturbo/{module.name}"] = module.read_bytes()

    dist = f"dcmturbo-{version}.dist-info"
    for name, content in info.items():
        files[f"{dist}/{name}"] = content
    interpreter, abi, platforms = tag.split("-")
    tags = [f"Tag: {interpreter}-{abi}-{platform}" for platform in platforms.split(".")]
    header = ["Wheel-Version: 1.0", f"Generator: {GENERATOR}", "Root-Is-Purelib: false", *tags]
    files[f"{dist}/WHEEL"] = ("\n".join(header) + "\n").encode()
    licences = licences_of(target, materials)
    for name, path in licences.items():
        files[f"{dist}/licenses/{name}"] = path.read_bytes()
    files[f"{dist}/sboms/dcmturbo.cdx.json"] = bill_of_materials(target, python, version, materials, epoch, module)

    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{dist}/RECORD"] = ("\n".join([*lines, f"{dist}/RECORD,,"]) + "\n").encode()
    out = folder / f"dcmturbo-{version}-{tag}.whl"
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, gmtime(max(epoch, 315532800))[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if name.endswith((".so", ".pyd")) else 0o100644) << 16
            archive.writestr(entry, content)
    return out


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def licences_of(target: Target, tools: Path) -> dict[str, Path]:
    """Return the licences of all that is linked into a wheel; `tools` is the environment with ziglang and pybind11."""
    zig = next(tools.glob("lib/python*/site-packages/ziglang"))
    result = {
        "LICENSE": ROOT / "LICENSE",
        "pybind11/LICENSE": next(p for p in tools.glob("lib/python*/site-packages/pybind11-*/**/LICENSE")),
        "libcxx/LICENSE.TXT": zig / "lib" / "libcxx" / "LICENSE.TXT",
        "libcxxabi/LICENSE.TXT": zig / "lib" / "libcxxabi" / "LICENSE.TXT",
        "libunwind/LICENSE.TXT": zig / "lib" / "libunwind" / "LICENSE.TXT",
        "zig/LICENSE": zig / "LICENSE",
    }
    if target.is_windows:
        result["mingw-w64/COPYING"] = zig / "lib" / "libc" / "mingw" / "COPYING"
    return result


def bill_of_materials(target: Target, python: str, version: str, tools: Path, epoch: int, module: Path) -> bytes:
    """Return the bill of materials in CycloneDX 1.6: what is compiled into the extension module."""

    def version_in_tools(name: str) -> str:
        found = next(tools.glob(f"lib/python*/site-packages/{name}-*.dist-info")).name
        return found.split("-")[1].removesuffix(".dist")

    zig = version_in_tools("ziglang").removesuffix(".dist")
    apache_llvm = [{"expression": "Apache-2.0 WITH LLVM-exception"}]
    parts = [
        ("pybind11", version_in_tools("pybind11"), [{"license": {"id": "BSD-3-Clause"}}], "headers"),
        ("libc++", f"of ziglang {zig}", apache_llvm, "linked statically"),
        ("libc++abi", f"of ziglang {zig}", apache_llvm, "linked statically"),
        ("libunwind", f"of ziglang {zig}", apache_llvm, "linked statically"),
        ("zig compiler-rt", zig, [{"license": {"id": "MIT"}}], "linked statically"),
    ]
    if target.is_windows:
        parts.append(
            ("mingw-w64", f"of ziglang {zig}", [{"license": {"id": "ZPL-2.1"}}], "start-up code, linked statically")
        )
    components = []
    for name, of, licences, how in parts:
        component = {
            "type": "library",
            "bom-ref": name,
            "name": name,
            "version": of,
            "description": how,
            "licenses": licences,
        }
        if name == "pybind11":
            component["purl"] = f"pkg:pypi/pybind11@{of}"
        components.append(component)
    made = gmtime(epoch)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*made[:6]),
            "tools": {"components": [{"type": "application", "name": "ziglang", "version": zig}]},
            "component": {
                "type": "library",
                "bom-ref": "dcmturbo",
                "name": "dcmturbo",
                "version": version,
                "purl": f"pkg:pypi/dcmturbo@{version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "properties": [
                    {"name": "dcmturbo:python", "value": python},
                    {"name": "dcmturbo:target", "value": target.zig},
                    {"name": "dcmturbo:module", "value": module.name},
                ],
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(module.read_bytes()).hexdigest()}],
            },
        },
        "components": components,
        "dependencies": [{"ref": "dcmturbo", "dependsOn": [name for name, *_ in parts]}],
    }
    return (json.dumps(document, indent=2) + "\n").encode()
