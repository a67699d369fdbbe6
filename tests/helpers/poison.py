"""Poisoned files: images that end the process that decodes them, in a library's codec that is changed for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import dcmturbo as dt
from helpers.archives import numbered
from helpers.dicom_writer import encapsulated_file

# Imported by every Python that has it on its path: a codec of a library that ends the process at a marked image.
SITE = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "imagecodecs":
            sys.meta_path.remove(self)
            import imagecodecs
            real = imagecodecs.jpegxl_decode

            def jpegxl_decode(data, *arguments, **options):
                decoded = real(data, *arguments, **options)
                mark = int(decoded.flat[0])
                if mark == 0xDEAE:
                    os._exit(3)
                if mark in (0xDEAD, 0xDEAF):
                    os.kill(os.getpid(), signal.SIGSEGV if mark == 0xDEAD else signal.SIGKILL)
                return decoded

            imagecodecs.jpegxl_decode = jpegxl_decode
        return None

sys.meta_path.insert(0, Finder())
"""
MARKS = {"SIGSEGV": 0xDEAD, "exit status 3": 0xDEAE, "SIGKILL": 0xDEAF}


def write_site(folder: Path) -> str:
    """Write the module, and return the folder, for PYTHONPATH."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITE)
    return str(folder)


def marked(mark: int | None = None) -> bytes:
    """A JPEG XL image of 16 bits; one with a mark ends the process that decodes it."""
    cells = np.arange(32 * 32, dtype="u2").reshape(32, 32)
    if mark is not None:
        cells[0, 0] = mark
    encoded = dt.encode_frame(cells, "JPEGXLLossless")
    syntax = "1.2.840.10008.1.2.4.110"
    return encapsulated_file([encoded], syntax, rows=32, columns=32, bits_allocated=16, bits_stored=16)


def make_poisoned(folder: Path, files: int, poisoned: set[int], mark: int = MARKS["SIGSEGV"]) -> None:
    """Write images, some of them poisoned."""
    good, bad = marked(), marked(mark)
    numbered(folder, (bad if i in poisoned else good for i in range(files)))
