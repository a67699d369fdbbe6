"""Transcode frames: decode, encode, decode again and compare, each by one worker."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from dcmturbo import _core
from dcmturbo.decoding import decode_frame
from dcmturbo.encoding import encode_frame
from dcmturbo.errors import EncodeError, Error, UnsupportedTransferSyntax
from dcmturbo.formats import library
from dcmturbo.formats.library import header_of_colours
from dcmturbo.formats.library.pool import submit
from dcmturbo.formats.options import asks_for_loss, error_bound, lossy_names
from dcmturbo.formats.syntaxes import TransferSyntax, lossless_syntax
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.notes import COLOUR_NOTES
from dcmturbo.transcoding.stored_bits import SamplesBeyondBitsStored, bits_of, same_reading

__all__ = ["CodedFrame", "Difference", "FrameCoder", "in_order"]

Result = TypeVar("Result")


@dataclass
class Difference:
    """The difference between decoded frames before and after."""

    maximum: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    samples: int = 0

    def add(self, other: Difference) -> None:
        """Take in another frame's."""
        self.maximum = max(self.maximum, other.maximum)
        self.total += other.total
        self.squares += other.squares
        self.samples += other.samples

    @property
    def mean(self) -> float:
        """Mean absolute difference."""
        return self.total / max(self.samples, 1)

    def psnr(self, peak: float) -> float:
        """Peak signal-to-noise ratio in decibel; infinite if there is no difference."""
        if self.squares == 0:
            return math.inf
        return 10 * math.log10(peak * peak * self.samples / self.squares)


def difference(before: np.ndarray, after: np.ndarray) -> Difference:
    """Return how two frames differ; a few rows are compared at a time."""
    result = Difference()
    rows = max(1, (1 << 18) // max(1, before[0].size))
    for first in range(0, before.shape[0], rows):
        delta = np.abs(before[first : first + rows].astype(np.float64) - after[first : first + rows])
        result.add(Difference(float(delta.max()), float(delta.sum()), float(np.square(delta).sum()), int(delta.size)))
    return result


@dataclass
class CodedFrame:
    """The result of one frame."""

    data: Any  # bytes-like: the codestream, or native cells
    cells: np.ndarray | None  # as decoded from the source; None if nothing was decoded
    difference: Difference | None  # with loss and verification


class FrameCoder:
    """Decides how the frames of a source get into the target; then processes one frame at a time.

    Parameters
    ----------
    image : QuietFrameSet
        The source.
    target : TransferSyntax
        The syntax to encode in.
    options : dict
        Those of `encode_frame`.
    verify : bool
        Decode what was encoded, and compare.
    mask_unused_bits : bool
        Overwrite the bits above BitsStored before encoding if the target cannot keep them.
    threads : int
        Within a frame.

    Attributes
    ----------
    photometric_interpretation : str
        Of the target dataset.
    planar_configuration : int
        Of the target dataset.
    bits_stored : int
        BitsStored of the target dataset: the source's, unless `raise_bits_stored` has found samples that need more.
    lossy : bool
        Whether this encoding is lossy.
    copies : bool
        Whether frames keep their bits.
    relabels : bool
        Whether they keep their bytes too.
    lossy_source : (str, float) or None
        Format and compression ratio of frames that are already lossy and are not copied.
    """

    def __init__(
        self,
        image: QuietFrameSet,
        target: TransferSyntax,
        options: dict[str, Any],
        *,
        verify: bool,
        mask_unused_bits: bool,
        threads: int,
    ) -> None:
        opened = image.opened
        self.image, self.target, self.options = image, target, dict(options)
        self.verify, self.threads = verify, threads
        self.mask = mask_unused_bits and target.has_codestream_header  # the others keep all bits
        self._opened = opened
        self._shape = image.frame_shape
        self.samples_per_pixel = 1 if len(self._shape) == 2 else self._shape[2]
        self.cell_bytes = math.prod(self._shape) * image.dtype.itemsize
        self.bits_stored = opened.bits_stored
        self._has_integers = image.dtype.kind in "iu" and opened.bits_allocated > 1
        self._may_exceed = (
            self._has_integers and opened.syntax.format.keeps_all_bits and opened.bits_stored < opened.bits_allocated
        )
        self._target_format: _core.Format | None = None
        self._headers: dict[int, _core.Header] = {}
        self.lossy = asks_for_loss(target, options)
        self.planar_configuration = self._settle_planar_configuration()
        self.lossy_source: tuple[str, float] | None = None
        header = image.probe(0) if opened.encapsulated and opened.syntax.has_codestream_header else None
        if header is not None:
            with contextlib.suppress(Error):  # if it cannot be decoded, this is reported when it is decoded
                notes = image.settle(header).notes
                of_colours = image.format_of_first_frame.notes
                image.warn_of_notes([*notes, *(note for note in of_colours if note in COLOUR_NOTES)])
        how = None if header is None or self.lossy else self._copied(header)
        self.copies = how is not None
        self.relabels = how is _same
        stated = opened.photometric_interpretation
        self.format = target.format.name
        if self.copies:
            self.photometric_interpretation = stated
            return
        self._refuse()
        decoded = image.photometric_interpretation
        self._decoded_photometric = _colours(decoded)
        self.photometric_interpretation = self._settle_photometric(stated)
        if header is not None and not header.lossless:
            size = _jpeg_end(memoryview(opened.index.read_frame(0))).nbytes
            form = header.format
            if header.parameters.get("jpeg_reconstruction"):
                form = "jpeg"
            self.lossy_source = (form, self.cell_bytes / max(size, 1))

    def raise_bits_stored(self, workers: int) -> str:
        """Decode all frames to find out how many bits the samples need, and adjust the result's BitsStored.

        Returns
        -------
        str
            What a user should know of it.
        """
        most = max(in_order(len(self.image), self._bits_of_frame, workers))
        stated, self.bits_stored = self.bits_stored, max(self.bits_stored, most)
        self._target_format = None
        return (
            f"BitsStored is {stated}, but the codestreams have samples of {self.bits_stored} bits; the "
            f"result has BitsStored {self.bits_stored} and HighBit {self.bits_stored - 1}, so that all "
            "samples keep their values"
        )

    def _bits_of_frame(self, frame: int) -> int:
        return bits_of(self.image.read(frame, threads=self.threads))

    # ---- what is to be done -----------------------------------------------------------------------

    def _refuse(self) -> None:
        target, opened = self.target, self._opened
        keyword = opened.dataset.pixel_data["keyword"] if opened.dataset and opened.dataset.pixel_data else "PixelData"
        if keyword != "PixelData" and not target.is_native:
            raise EncodeError(
                f"{keyword} cannot be encapsulated (PS3.5, A.4): use a native transfer syntax",
                code="unsupported",
            )
        if target.format.loss == "always" and not self.lossy:
            raise EncodeError(
                f"{target.name} is always lossy: choose the loss with {lossy_names(target)}",
                code="argument",
            )
        if target.made_from is not None:
            inner = target.made_from
            raise EncodeError(
                f"{target.name} can store {inner.least_precision}-bit {inner.title} streams only, but the object is "
                f"{opened.syntax.name}: use {lossless_syntax(target.format).keyword}",
                code="unsupported",
            )
        if self.lossy and opened.photometric_interpretation == "PALETTE COLOR":
            raise EncodeError("indices of a palette cannot be compressed with loss: use a lossless transfer syntax")
        high_bit = opened.dataset.high_bit if opened.dataset else None
        if self.mask and high_bit is not None and high_bit != opened.bits_stored - 1:
            raise EncodeError(
                f"HighBit is {high_bit} and BitsStored is {opened.bits_stored}, so masking would remove bits of pixels",
                code="unsupported",
            )
        if opened.bits_allocated == 1:
            self._refuse_single_bits()

    def _refuse_single_bits(self) -> None:
        """Raise an error for targets that cannot store single bits, and warn about those that few readers support."""
        target = self.target
        if self.lossy:
            raise EncodeError("single-bit data cannot be compressed with loss: use a lossless transfer syntax")
        if target.format.single_bits == "none":
            raise EncodeError(
                f"{target.name} cannot store single bits (BitsAllocated 1): use a native transfer syntax, "
                "which every reader accepts, or JPEG2000Lossless",
                code="unsupported",
            )
        if target.format.single_bits == "rarely_read":
            self.image.warn(
                f"dcmturbo can read single bits (BitsAllocated 1) in {target.name}, but pydicom, pylibjpeg and "
                "GDCM cannot; all of them can read a native transfer syntax or JPEG2000Lossless"
            )

    def _settle_planar_configuration(self) -> int:
        """Return the value for the dataset: colour by plane only if the source has it and the target can store it."""
        source = self._opened
        if source.syntax.has_codestream_header or self.target.has_codestream_header:
            return 0
        return source.planar_configuration

    def _settle_photometric(self, stated: str) -> str:
        """Return the value for the dataset (PS3.5, 8.2)."""
        asked = self.options.pop("photometric_interpretation", None)
        decoded = self._decoded_photometric
        if asked is not None:
            return str(asked)
        if self.samples_per_pixel == 1 or decoded != "RGB":
            return decoded or stated
        return self.target.format.of_rgb_with_loss if self.lossy else self.target.format.of_rgb

    def _copied(self, header: _core.Header) -> Callable[[memoryview], Any] | None:
        """Return how a frame gets into the target without being decoded; None if it cannot."""
        target = self.target
        recompressed = bool(header.parameters.get("jpeg_reconstruction"))
        inner = target.made_from
        if inner is not None and header.format == inner.name:
            # Only what such streams can hold: libjxl takes no JPEG of 12 bits.
            fits = header.components[0].precision == inner.least_precision
            return (lambda data: encode_frame(bytes(_jpeg_end(data)), target.uid)) if fits else None
        if recompressed and target.keyword == "JPEGBaseline8Bit":
            return _reconstructed_baseline
        return _same if _core.keeps_promises(target.uid, header) else None

    # ---- one frame --------------------------------------------------------------------------------

    def __call__(self, frame: int) -> CodedFrame:
        """Return what becomes of a frame.

        Raises
        ------
        Error
            With ``.frame``.
        """
        try:
            return self._copy(frame) if self.copies else self._code(frame)
        except Error as error:
            error.frame = frame
            raise
        finally:
            self._headers.pop(frame, None)

    def _header_of(self, frame: int) -> _core.Header | None:
        """Return the header of a frame of the source; None if its format has none. It is read once."""
        if not self._opened.syntax.has_codestream_header:
            return None
        if frame not in self._headers:
            self._headers[frame] = header_of_colours(self.image.encoded_frame(frame))
        return self._headers[frame]

    def _copy(self, frame: int) -> CodedFrame:
        data = self.image.encoded_frame(frame)
        how = self._copied(_core.probe(data))
        if how is None:
            raise EncodeError(
                "the frames of the object have different formats: this frame cannot be copied as the first one can",
                code="unsupported",
            )
        copied = how(data)
        # Under a label of another family, the same codestream may be decoded differently.
        if not self.verify and self.target.family == self._opened.syntax.family:
            return CodedFrame(copied, None, None)
        cells = self.image.read(frame, threads=self.threads)
        after = self._decode(copied)
        if self.target.family != self._opened.syntax.family and not _core.same_bytes(cells, after):
            raise EncodeError(
                f"with the label {self.target.name}, this codestream would be decoded differently, because of "
                "PixelRepresentation or BitsStored: choose a transfer syntax that needs encoding",
                code="unsupported",
            )
        self._compare(cells, after, "copied")
        self._compare_readings(frame, cells, after, copied, code="unsupported")
        return CodedFrame(copied, cells, None)

    def _code(self, frame: int) -> CodedFrame:
        cells = self.image.read(frame, threads=self.threads)
        if frame > 0 and self.samples_per_pixel == 3 and self._opened.syntax.has_codestream_header:
            self._refuse_other_colours(frame)
        if self.mask:
            cells = self._masked(cells)
        elif self._may_exceed and bits_of(cells) > self.bits_stored:
            raise SamplesBeyondBitsStored
        if self.target.is_native:
            if self.verify:
                self._compare_readings(frame, cells, cells, None)
            planes = cells.transpose(2, 0, 1) if self.planar_configuration and cells.ndim == 3 else cells
            return CodedFrame(np.ascontiguousarray(planes), cells, None)
        try:
            data = self._encode(cells)
        except EncodeError as error:
            self._explain_unused_bits(cells, error)
            raise
        if not self.verify:
            return CodedFrame(data, cells, None)
        if not self.lossy:
            after = self._decode(data)
            self._compare(cells, after, "encoded")
            self._compare_readings(frame, cells, after, data)
            return CodedFrame(data, cells, None)
        # If the encoder has converted RGB to YBR, the two are compared as RGB.
        lost = difference(cells, self._decode(data, raw=self._decoded_photometric != "RGB"))
        bound = error_bound(self.options)
        if bound is not None and lost.maximum > bound[1]:
            raise EncodeError(
                f"verification failed: the largest difference is {lost.maximum:g}, but {bound[0]} is {bound[1]:g}",
                code="internal",
            )
        return CodedFrame(data, cells, lost)

    def _refuse_other_colours(self, frame: int) -> None:
        form = self.image.settle(self._header_of(frame))
        found = _colours(form.photometric_interpretation or self._opened.photometric_interpretation)
        if found != self._decoded_photometric:
            raise EncodeError(
                f"this frame decodes to {found}, but the first one to {self._decoded_photometric}: a single "
                "PhotometricInterpretation cannot describe both",
                code="unsupported",
            )

    def _encode(self, cells: np.ndarray) -> bytes:
        opened = self._opened
        options = dict(self.options)
        photometric = self._stated_photometric()
        if self.lossy and self.target.family == "jpeg" and photometric.startswith("YBR"):
            options.setdefault("from_rgb", self._decoded_photometric == "RGB")
        return encode_frame(
            cells,
            self.target.uid,
            bits_allocated=opened.bits_allocated,
            bits_stored=self.bits_stored,
            photometric_interpretation=photometric,
            planar_configuration=self.planar_configuration,
            threads=self.threads,
            **options,
        )

    def _decode(self, data: Any, *, raw: bool = True) -> np.ndarray:
        opened = self._opened
        return decode_frame(
            data,
            self.target.uid,
            rows=self._shape[0],
            columns=self._shape[1],
            samples_per_pixel=self.samples_per_pixel,
            bits_allocated=opened.bits_allocated,
            bits_stored=self.bits_stored,
            pixel_representation=int(self.image.dtype.kind == "i"),
            photometric_interpretation=self._stated_photometric(),
            planar_configuration=self.planar_configuration,
            raw=raw,
            unused_bits="keep",
            threads=self.threads,
        )

    def _stated_photometric(self) -> str:
        return self.photometric_interpretation or ("MONOCHROME2" if self.samples_per_pixel == 1 else "RGB")

    def _compare_readings(
        self, frame: int, before: np.ndarray, after: np.ndarray, data: Any, code: str = "internal"
    ) -> None:
        """Raise an error for a frame with the same cells that decodes to other pixels by default."""
        if self.mask or not self._has_integers:
            return
        raw = False
        try:
            of_source = self._format_of_source(frame, raw=raw)
        except Error:  # YBR of more than 8 bits can only be decoded with raw=True
            raw = True
            of_source = self._format_of_source(frame, raw=raw)
        if not same_reading(before, of_source, after, self._format_of_target(data, raw=raw)):
            raise EncodeError(
                f"in {self.target.name}, the frame would have the same cells but decode to other pixels, "
                f"because BitsStored {self.bits_stored} or the colour space means something else there",
                code=code,
            )

    def _format_of_source(self, frame: int, *, raw: bool) -> _core.Format:
        opened = self._opened
        header = self._header_of(frame)
        return _core.frame_format(opened.syntax.uid, opened.attributes, header, raw=raw, keep_unused_bits=False)

    def _format_of_target(self, data: Any, *, raw: bool) -> _core.Format:
        header = header_of_colours(data) if self.target.has_codestream_header else None
        if header is None and self._target_format is not None:
            return self._target_format
        attributes = _core.Attributes(
            rows=self._shape[0],
            columns=self._shape[1],
            samples_per_pixel=self.samples_per_pixel,
            bits_allocated=self._opened.bits_allocated,
            bits_stored=self.bits_stored,
            pixel_representation=int(self.image.dtype.kind == "i"),
            planar_configuration=self.planar_configuration,
            photometric_interpretation=self._stated_photometric(),
        )
        form = _core.frame_format(self.target.uid, attributes, header, raw=raw, keep_unused_bits=False)
        if header is None:
            self._target_format = form
        return form

    @staticmethod
    def _compare(before: np.ndarray, after: np.ndarray, what: str) -> None:
        if before.dtype != after.dtype or before.shape != after.shape or not _core.same_bytes(before, after):
            raise EncodeError(f"verification failed: the {what} frame decodes to other pixels", code="internal")

    def _masked(self, cells: np.ndarray) -> np.ndarray:
        opened = self._opened
        spare = opened.bits_allocated - opened.bits_stored
        if spare <= 0 or opened.bits_allocated == 1 or cells.dtype.kind not in "iu":
            return cells
        shift = cells.dtype.type(spare)
        masked: np.ndarray = (cells << shift) >> shift
        return masked

    def _explain_unused_bits(self, cells: np.ndarray, error: EncodeError) -> None:
        if not np.array_equal(self._masked(cells), cells):
            bits = self.bits_stored
            raise EncodeError(
                f"the bits above BitsStored ({bits}) are in use, and {self.target.name} cannot keep them: "
                "choose a native transfer syntax or RLE, or overwrite them with mask_unused_bits=True "
                "(--mask-unused-bits)",
                code="unsupported",
            ) from error


def _colours(photometric: str) -> str:
    """Return a photometric interpretation without the suffix for subsampling."""
    return "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def _same(data: memoryview) -> memoryview:
    return data


def _jpeg_end(data: memoryview) -> memoryview:
    """Return a codestream that ends with EOI or EOC, without its padding byte."""
    return data[:-1] if data.nbytes > 3 and data[-1] == 0 and bytes(data[-3:-1]) == b"\xff\xd9" else data


def _reconstructed_baseline(data: memoryview) -> bytes:
    jpeg = library.reconstruct_jpeg(data)
    if _core.probe(jpeg).parameters.get("process") != 0:
        raise UnsupportedTransferSyntax("the JPEG inside the JPEG XL stream is not a baseline JPEG")
    return jpeg


def in_order(count: int, work: Callable[[int], Result], threads: int) -> Iterator[Result]:
    """Iterate over ``work(0)``, ``work(1)``, ...: several run at the same time, and only a few more than asked for."""
    if threads == 1 or count == 1:
        for i in range(count):
            yield work(i)
        return
    pending = deque(submit(partial(work, i)) for i in range(min(threads + 1, count)))
    started = len(pending)
    try:
        while pending:
            result = pending.popleft().result()
            if started < count:
                pending.append(submit(partial(work, started)))
                started += 1
            yield result
    finally:
        for future in pending:
            future.cancel()
        for future in pending:
            if not future.cancelled():
                future.exception()
