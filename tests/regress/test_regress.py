"""Small files that once went wrong, through every door: an error of ours or an array, never anything else."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import dcmturbo as dt

HERE = Path(__file__).parent
FILES = sorted(p for p in HERE.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc", ".md"))
SYNTAXES = ("RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless", "JPEGXLLossless")


OF_FORMAT = {
    "jpeg": "JPEGBaseline8Bit",
    "jpeg_lossless": "JPEGLosslessSV1",
    "jpegls": "JPEGLSLossless",
    "jpeg2000": "JPEG2000Lossless",
    "htj2k": "HTJ2KLossless",
}


def parts_as_the_header_says(data: bytes) -> bool:
    """Regions, and a lower resolution: corners, a row and a column."""
    header = dt.probe(data)
    rows, columns = header.height, header.width
    if header.format not in OF_FORMAT or not 0 < rows * columns <= 1 << 22 or len(header.components) > 4:
        return False
    for reduce in (0, 1):
        height, width = (-(-size >> reduce) for size in (rows, columns))
        for region in (None, (0, 0, height, 1), (height - 1, 0, 1, width), (0, width - 1, min(3, height), 1)):
            for on_error in ("raise", "salvage"):
                try:
                    dt.decode_frame(
                        data,
                        OF_FORMAT[header.format],
                        rows=rows,
                        columns=columns,
                        samples_per_pixel=len(header.components),
                        bits_allocated=8 if header.precision <= 8 else 16 if header.precision <= 16 else 32,
                        reduce=reduce,
                        region=region,
                        on_error=on_error,
                    )
                except dt.Error as error:
                    if error.code == "internal":
                        raise
    return True


def doors(data: bytes, path: Path) -> list:
    """Every way in, for a file or for the bytes of a frame."""
    found = []
    for source in (path, data):
        for on_error in ("raise", "salvage"):
            found.append(lambda s=source, e=on_error: dt.decode(s, raw=True, on_error=e, threads=1))
        found.append(lambda s=source: dt.decode(s, 0))
        found.append(lambda s=source: list(dt.open(s).frames(0)))
    found += [lambda: dt.probe(data), lambda: dt.decode_components(data), lambda: parts_as_the_header_says(data)]
    for keyword in SYNTAXES:
        for bits in (8, 16):
            arguments = {"rows": 16, "columns": 16, "bits_allocated": bits}
            found.append(lambda k=keyword, a=arguments: dt.decode_frame(data, k, **a))
            found.append(lambda k=keyword, a=arguments: dt.decode_frame(data, k, on_error="salvage", **a))
    return found


def through_every_door(data: bytes, path: Path) -> None:
    with warnings.catch_warnings(), dt.config.override(max_output=1 << 28, max_pixels=1 << 26):
        warnings.simplefilter("ignore", dt.DecodeWarning)
        for door in doors(data, path):
            try:
                assert door() is not None
            except dt.Error as error:
                if error.code == "internal":
                    raise


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HERE).as_posix())
def test_a_file_that_once_went_wrong(path):
    through_every_door(path.read_bytes(), path)


def test_a_few_hundred_that_never_did(tmp_path):
    """So that the doors themselves are tested while the folder is empty."""
    random = np.random.default_rng(11)
    path = tmp_path / "a.dcm"
    for start in (b"", b"\0" * 128 + b"DICM", b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x0a", b"\1\0\0\0\x40\0\0\0"):
        for size in (0, 1, 60, 300):
            data = start + random.bytes(size)
            path.write_bytes(data)
            through_every_door(data, path)
