"""Subinterpreters, and a Python without a GIL."""

import subprocess
import sys
import sysconfig
import textwrap

import pytest

MODULE = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("module", ["dcmturbo", "dcmturbo._core"])
def test_a_subinterpreter_gets_an_error_that_says_so(module):
    inner = f"""
try:
    import {module}
except ImportError as error:
    import os
    os.write(1, str(error).encode())
"""
    out = run(
        f"""
        import {MODULE} as interpreters
        interpreters.run_string(interpreters.create(), {inner!r})
        import {module}
        """
    )
    assert "works in the main interpreter alone" in out


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL")
def test_the_core_does_not_bring_the_gil_back():
    run(
        """
        import sys
        import dcmturbo
        assert not sys._is_gil_enabled()
        """
    )
