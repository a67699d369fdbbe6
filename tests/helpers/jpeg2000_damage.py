"""Changes to a codestream of JPEG 2000 by name: segment, byte, value. And what any stream may cost."""

from __future__ import annotations

import os
import resource
import struct
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import dcmturbo as dt
from dcmturbo.notes import NOTES

SIZ, COD, COC, QCD, QCC, RGN, POC, TLM, PLT, PPM, PPT = (
    *(0xFF51, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E),
    *(0xFF5F, 0xFF55, 0xFF58, 0xFF60, 0xFF61),
)
CRG, COM, SOT, SOD, EOC = 0xFF63, 0xFF64, 0xFF90, 0xFF93, 0xFFD9

# What is decoded all the same.
TOLD = {NOTES[name] for name in ("missing_end", "excess_data", "transform_ignored", "capabilities")}

SECONDS = 30 if os.environ.get("DCMTURBO_SANITIZED") else 3  # of the processor: the machine may be busy
# Of memory, beyond what the process had. None of these streams needs more than 20 MiB at once, but the heap may grow by
# every piece that was outgrown on the way there.
BYTES = 128 << 20


@dataclass(frozen=True)
class Place:
    code: int
    at: int  # of the marker
    size: int  # of its parameters


def places(data: bytes) -> Iterator[Place]:
    """The segments of all headers (A.2), in order."""
    at, end = 2, 0
    while (code := struct.unpack_from(">H", data, at)[0]) != EOC:
        if code == SOD:
            yield Place(code, at, 0)
            at = end
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        yield Place(code, at, length - 2)
        if code == SOT:
            end = at + (struct.unpack_from(">I", data, at + 6)[0] or len(data) - 2 - at)
        at += 2 + length


def find(data: bytes, code: int, index: int = 0) -> Place:
    return [place for place in places(data) if place.code == code][index]


def patched(data: bytes, code: int, at: int, form: str, *values: int, index: int = 0) -> bytes:
    """With other values at byte `at` of a segment's parameters; -2 is its length."""
    start = find(data, code, index).at + 4 + at
    content = struct.pack(">" + form, *values)
    return data[:start] + content + data[start + len(content) :]


def without(data: bytes, code: int, index: int = 0) -> bytes:
    """A segment less, and in a tile-part's header that much off Psot."""
    place = find(data, code, index)
    return data[: place.at] + data[place.at + (4 + place.size if place.code != SOD else 2) :]


def inserted(data: bytes, before: int, code: int, content: bytes, index: int = 0) -> bytes:
    """A segment more in the main header (before its COD, say), or in a tile-part's (before SOD), whose Psot grows."""
    segment = struct.pack(">HH", code, 2 + len(content)) + content
    at = find(data, before, index).at
    if before == SOD:
        length = struct.unpack_from(">I", data, find(data, SOT, index).at + 6)[0]
        data = patched(data, SOT, 2, "I", length + len(segment), index=index)
    return data[:at] + segment + data[at:]


@contextmanager
def bounded_memory(more: int) -> Iterator[None]:
    """The process gets so many bytes beyond what it has, and a MemoryError past them.

    The resident set is no measure: it also grows by what comes back from swap, or from a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    status = Path("/proc/self/status").read_text()
    has = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (has + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def outcome(data: bytes, on_error: str = "raise", **options) -> dt.DecodeError | list[np.ndarray]:
    """What `decode_components` raises, or returns, at a bounded cost in time and memory."""
    counts = sys.platform == "linux" and "DCMTURBO_SANITIZED" not in os.environ
    start = time.process_time()
    with (
        warnings.catch_warnings(record=True) as said,
        # Two threads: each that must be started takes 8 MiB for its stack.
        dt.config.override(max_pixels=1 << 20, max_output=1 << 22, threads=2),
        bounded_memory(BYTES) if counts else nullcontext(),
    ):
        warnings.simplefilter("always")
        try:
            found = dt.decode_components(data, on_error=on_error, **options)
        except dt.DecodeError as error:
            found = error
    assert time.process_time() - start < SECONDS
    if isinstance(found, dt.DecodeError):
        assert not said
        assert found.code in ("truncated", "malformed", "unsupported", "limit"), found.code
        assert isinstance(found, dt.LimitExceeded) == (found.code == "limit")
        assert found.offset is not None or found.code in ("limit", "unsupported"), str(found)
        assert found.offset is None or found.offset <= len(data)
    else:
        assert {w.category for w in said} <= {dt.DecodeWarning}
        assert on_error == "salvage" or {str(w.message) for w in said} <= TOLD
    return found
