"""The core's table of formats, a row a format."""

from __future__ import annotations

from typing import NamedTuple

from dcmturbo import _core

__all__ = ["FORMATS", "Format"]


class Format(NamedTuple):
    """What encoded frames of one format are. ``csrc/codecs/formats.h`` says where each value comes from.

    Attributes
    ----------
    name : str
        As a codestream's header says it: ``"jpeg_lossless"``.
    title : str
        For people.
    family : str
        Formats of one family are told apart by their headers only.
    frame_start : str
        What shows where a frame begins, where no offset table says so: a grouping of the core's index.
    single_bits : str
        Whether it holds BitsAllocated 1: ``"none"``, ``"held"`` or, where other readers do not decode them,
        ``"rarely_read"``.
    sign : str
        Where the sign of a sample is: ``"in_cells"``, ``"unsigned_only"``, ``"none"`` (two's complement is stored as
        unsigned samples), ``"stated"`` or ``"stated_unsigned"``.
    loss : str
        Whether encoding loses something: ``"never"``, ``"possible"`` or ``"always"``.
    lossy_method : str
        Its code in Lossy Image Compression Method (PS3.3, C.7.6.1.1.5.1), empty where nothing is ever lost.
    of_rgb, of_rgb_with_loss : str
        Photometric Interpretation of what was RGB before it was encoded (PS3.5, 8.2).
    colours : tuple of str
        The values that three samples a pixel may have.
    least_precision, most_precision : int
        Bits of a sample.
    most_samples : int
        Samples a pixel.
    has_header : bool
        True if frames carry a header, which says what they are; each is then probed before decoding.
    is_recognised : bool
        True if a frame's first bytes show the format: a header, or one of RLE.
    container_allowed : bool
        False where boxes around the codestream are a fault.
    keeps_all_bits : bool
        True if decoding gives samples beyond BitsStored as they are; otherwise what lies above is masked.
    stored_in_planes : bool
        True if all samples of the first component come before those of the next.
    has_grid : bool
        True if components may take every other point of a reference grid.
    most_reduce : int
        Largest `reduce`; 0 if no smaller image can be decoded.
    has_components : bool
        True if `decode_components` returns its components.
    exact : bool
        True if the standard defines every decoded sample; otherwise decoders may differ by rounding.
    holds_native_frames : bool
        True if frames are those of native pixel data (PS3.5, 8.2), deflated or not.
    is_deflated : bool
        True if each frame is a raw deflate stream.
    holds_float : bool
        True if it holds Float Pixel Data and Double Float Pixel Data.
    own, library : bool
        Whether the core decodes it, and a library.
    own_encodes, library_encodes : bool
        Whether the core encodes it, and a library.
    """

    name: str
    title: str
    family: str
    frame_start: str
    single_bits: str
    sign: str
    loss: str
    lossy_method: str
    of_rgb: str
    of_rgb_with_loss: str
    colours: tuple[str, ...]
    least_precision: int
    most_precision: int
    most_samples: int
    has_header: bool
    is_recognised: bool
    container_allowed: bool
    keeps_all_bits: bool
    stored_in_planes: bool
    has_grid: bool
    most_reduce: int
    has_components: bool
    exact: bool
    holds_native_frames: bool
    is_deflated: bool
    holds_float: bool
    own: bool
    library: bool
    own_encodes: bool
    library_encodes: bool

    @property
    def has_rle_header(self) -> bool:
        """Whether frames begin with an RLE header (PS3.5, G.5)."""
        return self.frame_start == "rle"


FORMATS: dict[str, Format] = {row["name"]: Format(**row) for row in _core.formats()}
