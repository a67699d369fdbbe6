"""OpenJPEG through its C interface (libopenjp2): every parameter that it has, without files or processes."""

from __future__ import annotations

import contextlib
import ctypes as c
import ctypes.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Int, Uint, Long = c.c_int, c.c_uint32, c.c_int64
PATH = c.c_char * 4096


class _Change(c.Structure):
    _fields_ = [
        *((n, Uint) for n in ("resno0", "compno0", "layno1", "resno1", "compno1", "layno0", "precno0", "precno1")),
        ("prg1", Int),
        ("prg", Int),
        ("progorder", c.c_char * 5),
        ("tile", Uint),
        ("rest", Uint * 24),
    ]


class _EncoderParameters(c.Structure):
    _fields_ = [
        *((n, Int) for n in ("tile_size_on", "cp_tx0", "cp_ty0", "cp_tdx", "cp_tdy")),
        *((n, Int) for n in ("cp_disto_alloc", "cp_fixed_alloc", "cp_fixed_quality")),
        ("cp_matrice", c.c_void_p),
        ("cp_comment", c.c_char_p),
        ("csty", Int),
        ("prog_order", Int),
        ("POC", _Change * 32),
        ("numpocs", Uint),
        ("tcp_numlayers", Int),
        ("tcp_rates", c.c_float * 100),
        ("tcp_distoratio", c.c_float * 100),
        *((n, Int) for n in ("numresolution", "cblockw_init", "cblockh_init", "mode", "irreversible")),
        *((n, Int) for n in ("roi_compno", "roi_shift", "res_spec")),
        ("prcw_init", Int * 33),
        ("prch_init", Int * 33),
        ("infile", PATH),
        ("outfile", PATH),
        ("index_on", Int),
        ("index", PATH),
        *((n, Int) for n in ("image_offset_x0", "image_offset_y0", "subsampling_dx", "subsampling_dy")),
        *((n, Int) for n in ("decod_format", "cod_format", "jpwl_epc_on", "jpwl_hprot_MH")),
        ("jpwl_protection", Int * 16 * 5),
        *((n, Int) for n in ("jpwl_sens_size", "jpwl_sens_addr", "jpwl_sens_range", "jpwl_sens_MH")),
        ("jpwl_sensitivity", Int * 16 * 2),
        *((n, Int) for n in ("cp_cinema", "max_comp_size", "cp_rsiz")),
        *((n, c.c_char) for n in ("tp_on", "tp_flag", "tcp_mct")),
        ("jpip_on", Int),
        ("mct_data", c.c_void_p),
        ("max_cs_size", Int),
        ("rsiz", c.c_uint16),
        ("slack", c.c_ubyte * 1024),
    ]


class _DecoderParameters(c.Structure):
    _fields_ = [
        ("cp_reduce", Uint),
        ("cp_layer", Uint),
        ("infile", PATH),
        ("outfile", PATH),
        ("rest", Int * 14),
        ("slack", c.c_ubyte * 1024),
    ]


class _Component(c.Structure):
    _fields_ = [
        *((n, Uint) for n in ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgn", "resno_decoded", "factor")),
        ("data", c.POINTER(c.c_int32)),
        ("alpha", c.c_uint16),
    ]


class _Image(c.Structure):
    _fields_ = [
        *((n, Uint) for n in ("x0", "y0", "x1", "y1", "numcomps")),
        ("color_space", Int),
        ("comps", c.POINTER(_Component)),
        ("icc_profile_buf", c.c_void_p),
        ("icc_profile_len", Uint),
    ]


class _ComponentParameters(c.Structure):
    _fields_ = [(n, Uint) for n in ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgn")]


_Read = c.CFUNCTYPE(c.c_size_t, c.c_void_p, c.c_size_t, c.c_void_p)
_Skip = c.CFUNCTYPE(Long, Long, c.c_void_p)
_Seek = c.CFUNCTYPE(Int, Long, c.c_void_p)
_Message = c.CFUNCTYPE(None, c.c_char_p, c.c_void_p)
_NONE = c.c_size_t(-1).value


def _load() -> Any:
    name = ctypes.util.find_library("openjp2")
    if name is None:
        return None
    library = c.CDLL(name)
    handles = ("opj_create_compress", "opj_create_decompress", "opj_stream_create", "opj_version")
    for function in (*handles, "opj_image_create"):
        getattr(library, function).restype = c.c_void_p
    library.opj_version.restype = c.c_char_p
    library.opj_image_create.restype = c.POINTER(_Image)
    return library


LIBRARY = _load()
AVAILABLE = LIBRARY is not None


class RefusedError(Exception):
    """OpenJPEG does not encode or decode this; its first message."""


class _Memory:
    """A stream of OpenJPEG in memory."""

    def __init__(self, data: bytes | None) -> None:
        self.data = bytearray(data or b"")
        self.at = 0
        self.is_input = data is not None
        self._functions = (_Read(self._read), _Read(self._write), _Skip(self._skip), _Seek(self._seek))
        stream = LIBRARY.opj_stream_create(c.c_size_t(1 << 16), Int(self.is_input))
        self.handle = c.c_void_p(stream)
        read, write, skip, seek = self._functions
        LIBRARY.opj_stream_set_read_function(self.handle, read)
        LIBRARY.opj_stream_set_write_function(self.handle, write)
        LIBRARY.opj_stream_set_skip_function(self.handle, skip)
        LIBRARY.opj_stream_set_seek_function(self.handle, seek)
        LIBRARY.opj_stream_set_user_data(self.handle, None, None)
        LIBRARY.opj_stream_set_user_data_length(self.handle, c.c_uint64(len(self.data)))

    def _read(self, to: int, size: int, _: Any) -> int:
        part = bytes(self.data[self.at : self.at + size])
        self.at += len(part)
        c.memmove(to, part, len(part))
        return len(part) or _NONE

    def _write(self, source: int, size: int, _: Any) -> int:
        self.data[self.at : self.at + size] = c.string_at(source, size)
        self.at += size
        return size

    def _skip(self, size: int, _: Any) -> int:
        if self.is_input:
            size = min(size, len(self.data) - self.at)
        self.at += size
        return size

    def _seek(self, at: int, _: Any) -> int:
        self.at = at
        return 1


@contextlib.contextmanager
def _codec(create: str, stream: _Memory) -> Iterator[tuple[Any, list[str]]]:
    codec = c.c_void_p(getattr(LIBRARY, create)(Int(0)))
    said: list[str] = []
    message = _Message(lambda text, _: said.append(text.decode(errors="replace").strip()))
    for level in ("info", "warning", "error"):
        listener = message if level == "error" else _Message(0)
        getattr(LIBRARY, f"opj_set_{level}_handler")(codec, listener, None)
    try:
        yield codec, said
    finally:
        LIBRARY.opj_stream_destroy(stream.handle)
        LIBRARY.opj_destroy_codec(codec)


@dataclass
class Plane:
    """A component: its samples, precision, sign and steps on the reference grid."""

    samples: np.ndarray
    precision: int
    is_signed: bool = False
    dx: int = 1
    dy: int = 1


@dataclass
class Options:
    """What `encode` writes; the names are those of opj_cparameters_t."""

    resolutions: int = 6
    block: tuple[int, int] = (64, 64)
    style: int = 0
    irreversible: bool = False
    order: int = 0
    precincts: Sequence[tuple[int, int]] = ()
    tile: tuple[int, int] | None = None
    tile_origin: tuple[int, int] = (0, 0)
    origin: tuple[int, int] = (0, 0)
    rates: Sequence[float] = (0,)
    tile_parts: str = ""
    roi: tuple[int, int] | None = None
    sop: bool = False
    eph: bool = False
    mct: bool = False
    changes: Sequence[dict[str, int]] = field(default_factory=tuple)


def encode(planes: Sequence[Plane], size: tuple[int, int], options: Options) -> bytes:
    """Encode an image of `size` (width, height) to a bare codestream.

    Raises
    ------
    RefusedError
        Where OpenJPEG does not take the parameters.
    """
    p = _EncoderParameters()
    LIBRARY.opj_set_default_encoder_parameters(c.byref(p))
    assert (p.numresolution, p.cblockw_init, p.cblockh_init, p.roi_compno, p.subsampling_dx) == (6, 64, 64, -1, 1)
    assert bytes(p.slack) == bytes(1024)
    p.numresolution, p.mode, p.irreversible = options.resolutions, options.style, int(options.irreversible)
    p.cblockw_init, p.cblockh_init = options.block
    p.prog_order = options.order
    p.csty = (1 if options.precincts else 0) | (2 if options.sop else 0) | (4 if options.eph else 0)
    p.res_spec = len(options.precincts)
    for i, (width, height) in enumerate(options.precincts):
        p.prcw_init[i], p.prch_init[i] = width, height
    p.cp_tx0, p.cp_ty0 = options.tile_origin
    if options.tile is not None:
        p.tile_size_on = 1
        p.cp_tdx, p.cp_tdy = options.tile
    p.cp_disto_alloc = 1
    p.tcp_numlayers = len(options.rates)
    for i, rate in enumerate(options.rates):
        p.tcp_rates[i] = rate
    if options.tile_parts:
        p.tp_on, p.tp_flag = b"\1", options.tile_parts.encode()
    if options.roi is not None:
        p.roi_compno, p.roi_shift = options.roi
    p.tcp_mct = b"\1" if options.mct else b"\0"
    if options.changes:
        p.numpocs = len(options.changes)
        for i, change in enumerate(options.changes):
            for name, value in change.items():
                setattr(p.POC[i], name, value)
            p.POC[i].prg1 = p.POC[i].prg
            p.POC[i].tile = 1  # the first: numbers begin at 1

    described = (_ComponentParameters * len(planes))()
    x0, y0 = options.origin
    for described_plane, plane in zip(described, planes, strict=True):
        height, width = plane.samples.shape
        described_plane.dx, described_plane.dy, described_plane.w, described_plane.h = plane.dx, plane.dy, width, height
        described_plane.x0, described_plane.y0 = x0, y0
        described_plane.prec = described_plane.bpp = plane.precision
        described_plane.sgn = int(plane.is_signed)
    image = LIBRARY.opj_image_create(Uint(len(planes)), described, Int(1 if len(planes) >= 3 else 2))
    if not image:
        raise RefusedError("OpenJPEG has no image of components without samples")
    stream = _Memory(None)
    try:
        image[0].x0, image[0].y0 = x0, y0
        image[0].x1, image[0].y1 = x0 + size[0], y0 + size[1]
        for i, plane in enumerate(planes):
            samples = np.ascontiguousarray(plane.samples, np.int32)
            c.memmove(image[0].comps[i].data, samples.ctypes.data, samples.nbytes)
        with _codec("opj_create_compress", stream) as (codec, said):
            done = (
                LIBRARY.opj_setup_encoder(codec, c.byref(p), image)
                and LIBRARY.opj_start_compress(codec, image, stream.handle)
                and LIBRARY.opj_encode(codec, stream.handle)
                and LIBRARY.opj_end_compress(codec, stream.handle)
            )
        if not done:
            raise RefusedError(said[0] if said else "OpenJPEG does not encode this")
    finally:
        LIBRARY.opj_image_destroy(image)
    return bytes(stream.data)


def decode(data: bytes, reduce: int = 0) -> list[np.ndarray]:
    """Decode a bare codestream into its components, of dtype int32.

    Raises
    ------
    RefusedError
        Where OpenJPEG does not decode it.
    """
    p = _DecoderParameters()
    LIBRARY.opj_set_default_decoder_parameters(c.byref(p))
    p.cp_reduce = reduce
    stream = _Memory(data)
    image = c.POINTER(_Image)()
    try:
        with _codec("opj_create_decompress", stream) as (codec, said):
            done = (
                LIBRARY.opj_setup_decoder(codec, c.byref(p))
                and LIBRARY.opj_read_header(stream.handle, codec, c.byref(image))
                and LIBRARY.opj_decode(codec, stream.handle, image)
                and LIBRARY.opj_end_decompress(codec, stream.handle)
            )
        if not done:
            raise RefusedError(said[0] if said else "OpenJPEG does not decode this")
        found = []
        for component in image[0].comps[: image[0].numcomps]:
            if not component.data:
                raise RefusedError("OpenJPEG gives a component without samples")
            array = np.ctypeslib.as_array(component.data, (component.h, component.w))
            found.append(array.copy())
        return found
    finally:
        if image:
            LIBRARY.opj_image_destroy(image)
