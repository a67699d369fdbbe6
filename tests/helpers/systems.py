"""What tests need of the system that they run on."""

import sys

import pytest

posix = pytest.mark.skipif(sys.platform == "win32", reason="it is about permissions, links or devices of POSIX")
