"""Build of the compiled core; everything else is in pyproject.toml.

Environment, for developers:

- ``DCMTURBO_WERROR=1``: warnings are errors (``.ci/run`` only).
- ``DCMTURBO_SANITIZE=address,undefined`` or ``thread``: an instrumented build.
- ``DCMTURBO_DEBUG=1``: no optimisation, all assertions.
- ``DCMTURBO_COVERAGE=1``: for gcov.
- ``DCMTURBO_CORE=FOLDER``: only the bindings are compiled; the core is FOLDER/libdcmturbo.a, of
  ``scripts/build_core FOLDER -fPIC ...`` with the same sanitizers.
- ``DCMTURBO_BUILD_JOBS``: how many files are compiled at once (default: as many as there are CPUs).
"""

import os
from glob import glob
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import setup

compile_args = ["-O3", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-psabi", "-Wno-missing-field-initializers"]
link_args = []
if os.environ.get("DCMTURBO_WERROR"):
    compile_args.append("-Werror")
if os.environ.get("DCMTURBO_DEBUG"):
    compile_args += ["-O0", "-g", "-D_GLIBCXX_ASSERTIONS"]
if sanitizers := os.environ.get("DCMTURBO_SANITIZE"):
    compile_args += [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1", "-O1"]
    link_args.append(f"-fsanitize={sanitizers}")
if os.environ.get("DCMTURBO_COVERAGE"):
    compile_args.append("--coverage")
    link_args.append("--coverage")

sources = sorted(glob("csrc/**/*.cpp", recursive=True))
if core := os.environ.get("DCMTURBO_CORE"):
    # The bindings as one unit, as scripts/wheels compiles them: most of the time goes into pybind11's headers.
    unit = Path("build", "bindings.cpp")
    unit.parent.mkdir(exist_ok=True)
    bindings = [Path(source).relative_to("csrc").as_posix() for source in sources if "bindings" in Path(source).parts]
    unit.write_text("".join(f'#include "{source}"\n' for source in bindings), encoding="utf-8")
    sources = [str(unit)]
    link_args += ["-Wl,--whole-archive", f"{core}/libdcmturbo.a", "-Wl,--no-whole-archive"]

ParallelCompile("DCMTURBO_BUILD_JOBS", default=0).install()

setup(
    ext_modules=[
        Pybind11Extension(
            "dcmturbo._core",
            sources,
            depends=sorted(glob("csrc/**/*.h", recursive=True) + glob("csrc/**/*.inl", recursive=True)),
            include_dirs=["csrc"],
            cxx_std=20,
            extra_compile_args=compile_args,
            extra_link_args=link_args,
        )
    ],
    cmdclass={"build_ext": build_ext},
)
