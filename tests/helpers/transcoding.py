"""What transcoding must leave as it is, checked without the code that does it."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom

import dcmturbo as dt
from helpers.dicom_writer import native_file
from helpers.samples import smooth

LOSSLESS_TARGETS = (
    "ImplicitVRLittleEndian",
    "ExplicitVRLittleEndian",
    "DeflatedExplicitVRLittleEndian",
    "EncapsulatedUncompressedExplicitVRLittleEndian",
    "RLELossless",
    "JPEGLossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEGLSNearLossless",
    "JPEG2000Lossless",
    "JPEG2000",
    "HTJ2KLossless",
    "HTJ2KLosslessRPCL",
    "HTJ2K",
    "JPEGXLLossless",
    "JPEGXLJPEGRecompression",
    "JPEGXL",
    "DeflatedImageFrameCompression",
)

# What transcoding may change, besides (0002,0000), (0002,0010), (0002,0012), (0002,0013) and group lengths.
CHANGING = frozenset(
    [
        *(0x00080001, 0x00280004, 0x00280006, 0x00282110, 0x00282112, 0x00282114, 0x00880200),
        *(0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010),
    ]
)
CHANGING_META = frozenset((0x00020000, 0x00020010, 0x00020012, 0x00020013))
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


def pixels(source: object) -> np.ndarray | str:
    """All stored cells, or why there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dt.decode(source, raw=True, unused_bits="keep", threads=1)
        except (dt.Error, OSError) as error:
            return f"{type(error).__name__}: {error}"


def split(data: bytes) -> tuple[bytes, dict[int, bytes], bytes]:
    """Preamble and prefix, the elements of group 2 (as bytes, header included), and the dataset."""
    position = 132
    meta = {}
    while data[position : position + 2] == b"\2\0":
        group, element = struct.unpack_from("<HH", data, position)
        if data[position + 4 : position + 6] in LONG_VRS:
            end = position + 12 + struct.unpack_from("<I", data, position + 8)[0]
        else:
            end = position + 8 + struct.unpack_from("<H", data, position + 6)[0]
        meta[group << 16 | element] = data[position:end]
        position = end
    dataset = data[position:]
    if b"1.2.840.10008.1.2.1.99" in meta.get(0x00020010, b""):
        dataset = zlib.decompressobj(wbits=-15).decompress(dataset)
    return data[:132], meta, dataset


def elements(dataset: bytes) -> list[tuple[int, bytes]]:
    """The elements of the top level of a dataset in explicit VR little endian, each with its bytes."""
    found = []
    position = 0
    while position + 8 <= len(dataset):
        end = _element_end(dataset, position)
        group, element = struct.unpack_from("<HH", dataset, position)
        found.append((group << 16 | element, dataset[position:end]))
        position = end
    if position < len(dataset):
        found.append((0xFFFFFFFF, dataset[position:]))
    return found


def _element_end(data: bytes, position: int) -> int:
    vr = data[position + 4 : position + 6]
    group = data[position : position + 2]
    if group == b"\xfe\xff":
        return position + 8
    if vr in LONG_VRS:
        length = struct.unpack_from("<I", data, position + 8)[0]
        position += 12
    elif vr.isalpha() and vr.isupper():
        return position + 8 + struct.unpack_from("<H", data, position + 6)[0]
    else:  # an element of implicit VR among the others
        length = struct.unpack_from("<I", data, position + 4)[0]
        position += 8
    if length != 0xFFFFFFFF:
        return position + length
    return _items_end(data, position, explicit=vr != b"UN")


def _items_end(data: bytes, position: int, *, explicit: bool) -> int:
    while position + 8 <= len(data):
        tag, length = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        position += 8
        if tag == b"\xfe\xff\xdd\xe0":
            return position
        if length != 0xFFFFFFFF:
            position += length
            continue
        while position + 8 <= len(data) and data[position : position + 4] != b"\xfe\xff\x0d\xe0":
            position = _element_end(data, position) if explicit else _implicit_end(data, position)
        position += 8
    return len(data)


def _implicit_end(data: bytes, position: int) -> int:
    length = struct.unpack_from("<I", data, position + 4)[0]
    if length != 0xFFFFFFFF:
        return position + 8 + length
    return _items_end(data, position + 8, explicit=False)


def kept(dataset: bytes) -> list[tuple[int, bytes]]:
    """What of a dataset transcoding must not touch."""
    return [(tag, data) for tag, data in elements(dataset) if tag not in CHANGING and tag & 0xFFFF]


def meaning(data: bytes) -> dict[str, object]:
    """All values by pydicom's reader, whatever the encoding: equal where all of them are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(io.BytesIO(data), force=True)
        big_endian = ds.original_encoding[1] is False
        found: dict[str, object] = {}
        _collect(ds, "", big_endian, found)
    return found


def _collect(ds: pydicom.Dataset, path: str, big_endian: bool, found: dict[str, object]) -> None:
    for tag in list(ds.keys()):
        # Without a VR, a private element is bytes to one and a number to another.
        if int(tag) in CHANGING or int(tag) & 0xFFFF == 0 or int(tag) >> 16 & 1:
            continue
        element = ds[tag]
        name = f"{path}{int(tag):08X}"
        if element.VR == "SQ":
            for k, item in enumerate(element.value):
                _collect(item, f"{name}[{k}].", big_endian, found)
            continue
        value = element.value
        if isinstance(value, bytes):
            swapped = big_endian and element.VR == "OW"  # pydicom leaves these words as they are
            numbers = np.frombuffer(value[: len(value) // 2 * 2], ">u2" if swapped else "<u2")
            value = [int(number) for number in numbers] if len(value) % 2 == 0 else value
        elif isinstance(value, (list, pydicom.multival.MultiValue)):
            value = list(value)
        if element.VR in ("US", "SS") and value is not None and not isinstance(value, bytes):
            # US or SS, US or OW: the one who guesses guesses otherwise.
            value = [number & 0xFFFF for number in (value if isinstance(value, list) else [value])]
        found[name] = value


def read(path: Path | str) -> bytes:
    return Path(path).read_bytes()


def grey(shape=(12, 10), dtype="uint16", bits=12, frames=None, **module) -> bytes:
    """A native object of smooth frames."""
    array = np.stack([smooth(shape, dtype, bits=bits, seed=k) for k in range(frames or 1)])
    size = np.dtype(dtype).itemsize * 8
    module = {
        "rows": shape[0],
        "columns": shape[1],
        "bits_allocated": size,
        "bits_stored": bits,
        "frames": frames,
    } | module
    module.setdefault("signed", int(np.dtype(dtype).kind == "i"))
    if len(shape) == 3:
        module |= {"samples": 3, "planar": module.get("planar", 0)}
    return native_file(array.tobytes(), **module)


def transcoded(source, syntax, **options) -> tuple[bytes, dt.TranscodeResult]:
    to = io.BytesIO()
    options.setdefault("threads", 1)
    result = dt.transcode(source, to, syntax, **options)
    return to.getvalue(), result


def same_cells(a, b) -> bool:
    one, other = pixels(a), pixels(b)
    return not isinstance(one, str) and one.dtype == other.dtype and np.array_equal(one, other)


def value(data: bytes, tag: int) -> bytes | None:
    """The value of an element of the top level, explicit VR."""
    for found, whole in elements(split(data)[2]):
        if found == tag:
            return whole[12:] if whole[4:6] in (b"OB", b"OW", b"OV", b"SQ", b"UN") else whole[8:]
    return None
