"""How frames decoded by functions of Numba scale, and what a call costs: `dcmturbo.nogil`.

    python benchmarks/compiled_code.py [--rounds 31]

1,000 RLE frames of 64 x 64 pixels are decoded by one function of Numba (`nogil=True`), on one thread and on two that
share the frames. The control hashes, in one call or in two on two threads, so that its scaling is the machine's own;
each round measures it before and after. The overhead of a call is that of `nogil.decode_frame` over the C function
that it calls, with a description that is ready.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
from collections.abc import Callable
from functools import partial
from statistics import median, quantiles

import numpy as np
from measure import seconds, together
from numba import njit

import dcmturbo as dt
from dcmturbo import c_interface as c
from dcmturbo import nogil

FRAMES, SIDE = 1000, 64
_LEAST_CONTROL = 1.7  # the second core of shared machines comes and goes


@njit(nogil=True)
def decode_all(description, data, offsets, first, last):  # type: ignore[no-untyped-def]
    """Decode frames into an array that this function owns; return the sum of a pixel of each, or -1."""
    frame = np.empty((SIDE, SIDE), np.uint16)
    total = 0
    for k in range(first, last):
        if nogil.decode_frame(description, data[offsets[k] : offsets[k + 1]], frame) != 0:
            return -1
        total += frame[SIDE // 2, SIDE // 2]
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    noise = np.random.default_rng(1).integers(-9, 10, (FRAMES, SIDE, SIDE))
    frames = (np.cumsum(noise, 2) + 1000).astype(np.uint16)
    encoded = [dt.encode_frame(frame, "RLELossless") for frame in frames]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)])
    description = nogil.describe_frame("RLELossless", rows=SIDE, columns=SIDE, bits_allocated=16)
    assert decode_all(description, data, offsets, 0, FRAMES) == frames[:, SIDE // 2, SIDE // 2].sum()

    def decode(first: int, last: int) -> None:
        decode_all(description, data, offsets, first, last)

    # As much to hash as takes the time of the frames, so that starting threads costs both the same.
    one = min(seconds(lambda: decode(0, FRAMES)) for _ in range(9))
    rate = (1 << 22) / min(seconds(lambda: hashlib.sha256(bytes(1 << 22)).digest()) for _ in range(9))
    print(f"one thread: {1e3 * one:.1f} ms")
    share = int(one * rate / FRAMES)
    buffer = memoryview(bytes(FRAMES * share))

    def hash_all(first: int, last: int) -> None:
        hashlib.sha256(buffer[share * first : share * last]).digest()

    pairs, counted = [], []
    for _ in range(rounds):
        before, found, after = scaling(hash_all), scaling(decode), scaling(hash_all)
        pairs.append((found, (before + after) / 2))
        if min(before, after) >= _LEAST_CONTROL:
            counted.append(pairs[-1])
    print(f"{len(counted)} of {rounds} rounds had a second core (control at least {_LEAST_CONTROL} before and after)")
    for what, chosen in (("all rounds", pairs), ("rounds that count", counted)):
        if len(chosen) < 3:
            continue
        ours, control = (median(numbers) for numbers in zip(*chosen, strict=True))
        low, middle, high = quantiles([one / other for one, other in chosen], n=4)
        over = f"over it {middle:.2f} ({low:.2f} to {high:.2f})"
        print(f"{what}: two threads {ours:.2f} times one, control {control:.2f}, {over}")
    whole, bare = overheads(rounds)
    print(f"a call: {1e9 * whole:.0f} ns, of the C function {1e9 * bare:.0f} ns: {1e9 * (whole - bare):.0f} ns more")


def scaling(work: Callable[[int, int], None]) -> float:
    """Return how much faster two threads do the work than one, in turn."""
    one = seconds(lambda: work(0, FRAMES))
    halves = [partial(work, first, first + FRAMES // 2) for first in (0, FRAMES // 2)]
    return one / together([lambda half=half: half for half in halves])


def overheads(rounds: int) -> tuple[float, float]:
    """Return the seconds of a call of `nogil.decode_frame`, and of the C function alone, for a frame of four pixels."""
    description = nogil.describe_frame("ExplicitVRLittleEndian", rows=2, columns=2, bits_allocated=16)
    data, out, calls = np.arange(8, dtype=np.uint8), np.empty((2, 2), np.uint16), 20000
    pointer = ctypes.c_size_t
    function = c.core_function(
        "decode_frame", ctypes.c_int32, *[pointer] * 7, ctypes.c_uint32, ctypes.c_int32, ctypes.c_double, *[pointer] * 2
    )
    call = np.zeros(c.CALL_WORDS, np.uint64)
    call[c.BYTES : c.BYTES + 2] = data.ctypes.data, data.size
    call[c.IMAGE : c.IMAGE + 4] = out.ctypes.data, *out.strides, out.itemsize
    call[c.OWN_FORMAT : c.OWN_FORMAT + 3] = description[c.FORMAT : c.FORMAT + 3]
    call[c.ERROR] = c.ERROR_BYTES
    described, at = description.ctypes.data, call.ctypes.data
    places = tuple(described + 8 * word for word in (c.SYNTAX, c.ATTRIBUTES, c.REQUEST)) + tuple(
        at + 8 * word for word in (c.BYTES, c.OWN_FORMAT, c.IMAGE, c.STATUS, c.ERROR)
    )

    @njit(nogil=True)
    def bare(places):  # type: ignore[no-untyped-def]
        syntax, attributes, request, encoded, form, image, status, error = places
        failed = 0
        for _ in range(calls):
            failed += function(syntax, encoded, 1, attributes, form, request, image, 1, 0, 0.0, status, error)
        return failed

    @njit(nogil=True)
    def whole(description, data, out):  # type: ignore[no-untyped-def]
        failed = 0
        for _ in range(calls):
            failed += nogil.decode_frame(description, data, out)
        return failed

    assert bare(places) == whole(description, data, out) == 0
    assert (out.view(np.uint8).ravel() == data).all()
    times: dict[str, list[float]] = {"whole": [], "bare": []}
    for _ in range(rounds):
        for name, work in (("whole", lambda: whole(description, data, out)), ("bare", lambda: bare(places))):
            times[name].append(seconds(work) / calls)
    return median(times["whole"]), median(times["bare"])


if __name__ == "__main__":
    main()
