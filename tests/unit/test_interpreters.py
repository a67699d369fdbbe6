"""Subinterpreters, a Python without a GIL, and the end of an interpreter."""

import ctypes
import subprocess
import sys
import sysconfig
import textwrap

import pytest
from helpers.command_line import CT

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


def test_the_first_calls_of_a_process_may_be_on_several_threads():
    """A thread that makes what the core keeps must not give the GIL to one that waits for it: both wait for ever.

    The profiler gives the GIL away at every function, so that such a process never ended.
    """
    run(
        f"""
        import threading, time
        import dcmturbo as dt

        begin = threading.Barrier(4)

        def work():
            begin.wait()
            dt.decode({str(CT)!r})

        threading.setprofile(lambda frame, event, argument: time.sleep(0.0002))
        threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        """
    )


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "on_exit"), reason="this C library has no on_exit"
)
def test_a_daemon_thread_that_finishes_after_the_interpreter_does_not_end_the_process():
    """The interpreter is gone, but the process still waits one second when the frame is encoded."""
    program = """
        import ctypes, sys, threading, time
        import numpy as np
        import dcmturbo as dt

        libc = ctypes.CDLL(None)
        libc.on_exit(libc.sleep, None)  # calls sleep with the exit code
        frame = np.random.default_rng(5).integers(0, 65536, (2048, 2048), np.uint16)

        def encode():
            while True:
                dt.encode_frame(frame, "JPEG2000Lossless")

        threading.Thread(target=encode, daemon=True).start()
        time.sleep(0.1)
        sys.exit(1)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
