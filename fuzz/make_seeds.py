"""Writes the seeds of fuzz_ht_block and fuzz_htj2k_encode into tests/regress.

They are code-blocks of our own encoder, and requests that choose each kind of loss, image and layout.

    python fuzz/make_seeds.py
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

import dcmturbo as dt

REGRESS = Path(__file__).resolve().parent.parent / "tests" / "regress"


def write(target: str, seed: bytes) -> None:
    """Write a seed under the name of its digest."""
    folder = REGRESS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()[:12]).write_bytes(seed)


def block(width: int, height: int, bits: int, seed: int) -> bytes:
    """Return a cleanup segment: what follows EPH in the only packet of an image without wavelet levels."""
    random = np.random.default_rng(seed)
    array = np.clip(random.laplace(2 ** (bits - 1), 2 ** (bits / 3), (height, width)), 0, 2**bits - 1)
    array = array.astype(np.uint16 if bits > 8 else np.uint8)
    stream = dt.encode_frame(array, "HTJ2K", bits_stored=bits, decomposition_levels=0, packet_markers=True)
    return stream[stream.index(b"\xff\x92") + 2 : -2]


def main() -> None:
    """Write all seeds."""
    refinement = bytes(range(1, 40, 3))
    for number, (width, height, bits) in enumerate([(8, 8, 8), (64, 4, 12), (5, 7, 4), (33, 31, 12), (16, 16, 16)]):
        cleanup = block(width, height, bits, number)
        for passes in range(3):
            # Sizes, causal or not, planes of the sub-band and of the block, bytes and passes of refinement.
            more = refinement if passes else b""
            causal = 8 if number % 2 else 0
            head = bytes([width - 1, height - 1, causal, bits + 5, 2 if passes else 0, len(more), passes, 0])
            write("ht_block", head + cleanup + more)
    for loss in range(4):
        for layout in range(5):
            # The kind of loss and its size, progression order, levels, code-blocks; what follows is drawn from these.
            write(
                "htj2k_encode", bytes([loss, 0, 40 + 20 * layout, layout, layout + 1, 4 - layout % 3, 4, layout % 2, 3])
            )


if __name__ == "__main__":
    main()
