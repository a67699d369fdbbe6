"""Transcode frames: decode, encode, decode again and compare, each by one worker."""

from __future__ import annotations

import contextlib
import enum
import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import numpy as np

from dcmturbo import _core
from dcmturbo.encoding import encode_frame, frame_encoder
from dcmturbo.errors import CODES, EncodeError, Error, UnsupportedTransferSyntax, make_error
from dcmturbo.formats import library
from dcmturbo.formats.options import asks_for_loss, encoder_options, error_bound, undecided_loss
from dcmturbo.formats.syntaxes import INNER_FORMATS, TransferSyntax, lossless_syntax
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.notes import COLOUR_NOTES, warn_of_notes
from dcmturbo.transcoding.stored_bits import SamplesBeyondBitsStored

__all__ = ["CodedFrame", "Difference", "FrameCoder", "decoded_frames"]


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


@dataclass
class CodedFrame:
    """The result of one frame."""

    data: Any  # bytes-like: the codestream, or native cells
    cells: np.ndarray | None  # as decoded from the source; None if nothing was decoded
    difference: Difference | None  # with loss and verification


class FrameCoder:
    """Decides how the frames of a source get into the target; then the core processes them.

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
        Workers.

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
    recoded_frames : int
        How many of the frames that have been given were encoded from the coefficients of the source.
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
        self.lossy = asks_for_loss(target, options)
        self.planar_configuration = self._settle_planar_configuration()
        self.recoded_frames = 0
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

    def raise_bits_stored(self) -> str:
        """Decode all frames to find out how many bits the samples need, and adjust the result's BitsStored.

        Returns
        -------
        str
            What a user should know of it.
        """
        most = 1
        with closing(transcoding(self.image, self.threads, action="decode", measure_bits=True)) as frames:
            for number, frame in enumerate(frames):
                _check_decoded(self.image, number, frame)
                most = max(most, frame.bits)
        stated, self.bits_stored = self.bits_stored, max(self.bits_stored, most)
        return (
            f"BitsStored is {stated}, but the codestreams have samples of {self.bits_stored} bits; the "
            f"result has BitsStored {self.bits_stored} and HighBit {self.bits_stored - 1}, so that all "
            "samples keep their values"
        )

    # ---- what is to be done -----------------------------------------------------------------------

    def _refuse(self) -> None:
        target, opened = self.target, self._opened
        keyword = opened.dataset.pixel_data["keyword"] if opened.dataset and opened.dataset.pixel_data else "PixelData"
        if keyword != "PixelData" and not target.is_native:
            raise EncodeError(
                f"{keyword} cannot be encapsulated (PS3.5, A.4): use a native transfer syntax",
                code="unsupported",
            )
        if why := undecided_loss(target, lossy=self.lossy):
            raise EncodeError(why, code="argument")
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
        if recompressed and target.format in INNER_FORMATS:
            return partial(_reconstructed, target=target)
        return _same if _core.keeps_promises(target.uid, header) else None

    # ---- the frames -------------------------------------------------------------------------------

    def frames(self) -> Iterator[CodedFrame]:
        """Iterate over what becomes of the frames, in order; the core is at the next ones meanwhile.

        Raises
        ------
        Error
            With ``.frame``.
        SamplesBeyondBitsStored
            A frame has samples of more bits than `bits_stored`.
        """
        with closing(self._transcoding()) as frames:
            for number, frame in enumerate(frames):
                try:
                    coded = self._coded(number, frame)
                    self.recoded_frames += frame.recoded
                except Error as error:
                    error.frame = number
                    raise
                yield coded
            of_source, of_result = frames.notes
        self.image.warn_of_notes(of_source)
        warn_of_notes(of_result)

    def _transcoding(self) -> _core.Transcoding:
        """Return the core's work as it is to be done."""
        compares = self._has_integers and not self.mask
        family_changes = self.target.family != self._opened.syntax.family
        if self.copies:
            return transcoding(
                self.image,
                self.threads,
                action="copy",
                target=self.target.uid,
                attributes=self._attributes(),
                library=self._copy,
                # Under a label of another family the same codestream may be read otherwise.
                bytes_only=not self.verify and not family_changes,
                compare_readings=compares,
            )
        one_kind = self.samples_per_pixel == 3 and self._opened.syntax.has_codestream_header
        common = {
            "verify": self.verify,
            "mask": self.mask,
            "most_bits": self.bits_stored if self._may_exceed and not self.mask else 0,
            "photometric_interpretation": self._decoded_photometric if one_kind else "",
            "compare_readings": compares and self.verify and not self.lossy,
        }
        if self.target.is_native:
            named = {"target": self.target.uid, "attributes": self._attributes()} if compares else {}
            return transcoding(self.image, self.threads, action="decode", **named, **common)
        options = dict(self.options)
        photometric = self._stated_photometric()
        if any(option.name == "from_rgb" for option in encoder_options(self.target)) and photometric.startswith("YBR"):
            options.setdefault("from_rgb", self._decoded_photometric == "RGB")
        encode = frame_encoder(self.target, self.bits_stored, self.image.dtype.kind == "i", photometric, options)
        return transcoding(
            self.image,
            self.threads,
            action="encode",
            target=self.target.uid,
            attributes=self._attributes(),
            library=encode,
            options=options,
            loses=self.lossy,
            # Where the encoder has made YBR of RGB, the two are compared as RGB.
            raw=not self.lossy or self._decoded_photometric != "RGB",
            **common,
        )

    def _attributes(self) -> _core.Attributes:
        """Return what the dataset of the result says of the frames."""
        return _core.Attributes(
            rows=self._shape[0],
            columns=self._shape[1],
            samples_per_pixel=self.samples_per_pixel,
            bits_allocated=self._opened.bits_allocated,
            bits_stored=self.bits_stored,
            pixel_representation=int(self.image.dtype.kind == "i"),
            planar_configuration=self.planar_configuration if self.samples_per_pixel > 1 else 0,
            photometric_interpretation=self._stated_photometric(),
        )

    def _stated_photometric(self) -> str:
        return self.photometric_interpretation or ("MONOCHROME2" if self.samples_per_pixel == 1 else "RGB")

    def _copy(self, cells: np.ndarray) -> Any:
        """Return the bytes of the result for those of an encoded frame."""
        data = cells.data.cast("B")
        how = self._copied(_core.probe(data))
        if how is None:
            raise EncodeError(
                "the frames of the object have different formats: this frame cannot be copied as the first one can",
                code="unsupported",
            )
        return how(data)

    def _coded(self, number: int, frame: _core.Transcoded) -> CodedFrame:
        """Return one frame, or raise why there is none."""
        stage = FrameStage(frame.stage)
        if stage is FrameStage.PHOTOMETRIC:
            raise EncodeError(
                f"this frame decodes to {_colours(frame.photometric_interpretation)}, but the first one to "
                f"{self._decoded_photometric}: a single PhotometricInterpretation cannot describe both",
                code="unsupported",
            )
        if stage is FrameStage.BITS:
            raise SamplesBeyondBitsStored
        if stage is FrameStage.ENCODING:
            self._raise_encoding(frame)
        if stage is FrameStage.CELLS:
            self._raise_other_cells()
        if stage is FrameStage.READING:
            raise EncodeError(
                f"in {self.target.name}, the frame would have the same cells but decode to other pixels, "
                f"because BitsStored {self.bits_stored} or the colour space means something else there",
                code="unsupported" if self.copies else "internal",
            )
        _check_decoded(self.image, number, frame)
        cells = frame.cells
        if self.target.is_native and not self.copies:
            planes = cells.transpose(2, 0, 1) if self.planar_configuration and cells.ndim == 3 else cells
            return CodedFrame(np.ascontiguousarray(planes), cells, None)
        if not self.lossy or not self.verify:
            return CodedFrame(frame.encoded, cells, None)
        lost = Difference(*frame.difference)
        bound = error_bound(self.options)
        if bound is not None and lost.maximum > bound[1]:
            raise EncodeError(
                f"verification failed: the largest difference is {lost.maximum:g}, but {bound[0]} is {bound[1]:g}",
                code="internal",
            )
        return CodedFrame(frame.encoded, cells, lost)

    def _raise_encoding(self, frame: _core.Transcoded) -> NoReturn:
        error = frame.raised
        if error is None:
            error = EncodeError(frame.message, code=CODES[frame.code])
        if not self.copies and isinstance(error, EncodeError):
            self._explain_unused_bits(frame.cells, error)
        raise error

    def _raise_other_cells(self) -> NoReturn:
        if self.copies and self.target.family != self._opened.syntax.family:
            raise EncodeError(
                f"with the label {self.target.name}, this codestream would be decoded differently, because of "
                "PixelRepresentation or BitsStored: choose a transfer syntax that needs encoding",
                code="unsupported",
            )
        what = "copied" if self.copies else "encoded"
        raise EncodeError(f"verification failed: the {what} frame decodes to other pixels", code="internal")

    def _explain_unused_bits(self, cells: np.ndarray, error: EncodeError) -> None:
        opened = self._opened
        spare = opened.bits_allocated - opened.bits_stored
        if spare <= 0 or opened.bits_allocated == 1 or cells.dtype.kind not in "iu":
            return
        shift = cells.dtype.type(spare)
        if np.array_equal((cells << shift) >> shift, cells):
            return
        raise EncodeError(
            f"the bits above BitsStored ({self.bits_stored}) are in use, and {self.target.name} cannot keep them: "
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


def _reconstructed(data: memoryview, target: TransferSyntax) -> bytes:
    jpeg = library.reconstruct_jpeg(data)
    if not _core.keeps_promises(target.uid, _core.probe(jpeg)):
        raise UnsupportedTransferSyntax(f"the JPEG inside the JPEG XL stream is of another process than {target.name}")
    return jpeg


class FrameStage(enum.IntEnum):
    """How far a frame came: the values of ``Transcoded.stage`` (csrc/dcmturbo.h)."""

    DONE = 0
    SOURCE = 1
    PHOTOMETRIC = 2
    BITS = 3
    ENCODING = 4
    RESULT = 5
    CELLS = 6
    READING = 7


def transcoding(image: QuietFrameSet, threads: int, **plan: Any) -> _core.Transcoding:
    """Return the frames of an object as the core works on them; `plan` says what becomes of them."""
    image.check_room(1)
    return _core.Transcoding(image.stream(), len(image), threads=threads, **plan)


def _check_decoded(image: QuietFrameSet, number: int, frame: _core.Transcoded) -> None:
    """Raise why a frame could not be decoded, or what has become of it."""
    if frame.stage != FrameStage.DONE:
        raise _error_of(image, number, frame)


def _error_of(image: QuietFrameSet, number: int, frame: _core.Transcoded) -> Error:
    error = make_error(frame.code, frame.message, frame=number, offset=frame.offset)
    failure = image.opened.source.take_failure() if frame.stage == FrameStage.SOURCE else None
    if failure is not None:
        error.message += f": {failure}"
        error.__cause__ = failure
    return error


def decoded_frames(image: QuietFrameSet, threads: int) -> Iterator[np.ndarray]:
    """Iterate over the cells of all frames, in order; the core decodes the next ones meanwhile."""
    with closing(transcoding(image, threads, action="decode")) as frames:
        for number, frame in enumerate(frames):
            _check_decoded(image, number, frame)
            yield frame.cells
        notes, _ = frames.notes
    image.warn_of_notes(notes)
