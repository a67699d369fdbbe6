"""Write one transcoded object piece by piece, and check what was written."""

from __future__ import annotations

import hashlib
import io
import math
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dcmturbo import _core, system
from dcmturbo.dataset.elements import (
    PIXEL_DATA_TAGS,
    Changes,
    Element,
    Encoding,
    Piece,
    element_bytes,
    header_bytes,
    splice,
    tag_name,
)
from dcmturbo.dataset.file_meta import file_meta
from dcmturbo.dataset.opened import FileContent, OpenedSource
from dcmturbo.dataset.rewriting import Rewriter
from dcmturbo.dataset.sources import open_source
from dcmturbo.destinations.output import Output
from dcmturbo.errors import DecodeError, EncodeError, Error
from dcmturbo.formats.options import asks_for_loss
from dcmturbo.formats.syntaxes import TransferSyntax
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.transcoding.attributes import RATIO_PLACE, RATIO_TAG, attribute_changes, ratio_text, warn_of
from dcmturbo.transcoding.icons import ICON_IMAGE_SEQUENCE, native_icons
from dcmturbo.transcoding.offset_tables import EncapsulatedWriter
from dcmturbo.transcoding.pixels import CodedFrame, Difference, FrameCoder, decoded_frames
from dcmturbo.transcoding.result import TranscodeResult
from dcmturbo.transcoding.stored_bits import SamplesBeyondBitsStored

__all__ = ["ObjectWriter", "Settings"]

_COPIED_AT_ONCE = 4 << 20
_LARGEST_VALUE = 0xFFFFFFFE
_ENCAPSULATED_PIXEL_DATA = header_bytes(0x7FE00010, "OB", 0xFFFFFFFF)


@dataclass(frozen=True)
class Settings:
    """The arguments of `transcode`."""

    target: TransferSyntax
    verify: bool
    threads: int
    offset_table: str
    new_uid: bool | str  # a str is the UID
    mask_unused_bits: bool
    options: dict[str, Any]


class _Deflater:
    """Writes a deflated dataset (PS3.5, A.5)."""

    def __init__(self, output: Output) -> None:
        self._output, self._begin = output, output.position
        self._stream = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)

    def write(self, data: Any) -> None:
        self._output.write(self._stream.compress(data))

    def finish(self) -> None:
        self._output.write(self._stream.flush())
        if (self._output.position - self._begin) & 1:
            self._output.write(b"\0")


class _BitPacker:
    """Packs single bits of consecutive frames without padding (PS3.5, 8.1.1 and D)."""

    def __init__(self) -> None:
        self._left = np.empty(0, np.uint8)

    def add(self, cells: np.ndarray) -> bytes:
        bits = np.concatenate((self._left, cells.ravel()))
        whole = bits.size // 8 * 8
        self._left = bits[whole:]
        return np.packbits(bits[:whole], bitorder="little").tobytes()

    def finish(self) -> bytes:
        return np.packbits(self._left, bitorder="little").tobytes()


class ObjectWriter:
    """One object that is being transcoded."""

    def __init__(self, opened: OpenedSource, settings: Settings) -> None:
        assert opened.file is not None
        assert opened.dataset is not None
        self.opened, self.settings = opened, settings
        self.file: FileContent = opened.file
        self.dataset = opened.dataset
        self.target = settings.target
        self.image = QuietFrameSet(opened, raw=True, unused_bits="keep")
        self.count = len(self.image)
        self.hash = hashlib.sha256()
        self.lost = Difference()
        self.ratio_at: int | None = None
        self.coder: FrameCoder | None = None
        self.whole = self._is_in_target_form()
        self.verbatim = not self.whole and self._is_native_for_native()
        if self.whole:
            return
        self.image.check_span(range(self.count), salvage=False)
        if not self.verbatim:
            self.coder = FrameCoder(
                self.image,
                self.target,
                settings.options,
                verify=settings.verify,
                mask_unused_bits=settings.mask_unused_bits,
                threads=settings.threads,
            )

    def _is_in_target_form(self) -> bool:
        stated = self.file.dataset
        return (
            self.opened.syntax.uid == self.target.uid
            and stated.transfer_syntax == self.target.uid
            and stated.has_preamble
            and stated.has_meta
            and self.dataset.explicit_vr == self.target.explicit_vr
            and not self.dataset.big_endian
            and not self.opened.mended
            and self.settings.offset_table == "auto"
            and not asks_for_loss(self.settings.target, self.settings.options)
        )

    def _is_native_for_native(self) -> bool:
        return (
            self.target.is_native
            and not self.opened.encapsulated
            and self.opened.syntax.is_native
            and not self.opened.big_endian
        )

    # ---- writing ----------------------------------------------------------------------------------

    def write(self, output: Output) -> TranscodeResult:
        """Write the whole object; nothing is left in buffers."""
        if self.whole:
            return self._copy_whole(output)
        try:
            return self._write(output)
        except SamplesBeyondBitsStored:
            # BitsStored comes before the frames and determines their encoding, so everything is written again.
            assert self.coder is not None
            self.image.warn(self.coder.raise_bits_stored())
            output.restart()
            self.hash, self.lost, self.ratio_at = hashlib.sha256(), Difference(), None
            return self._write(output)

    def _write(self, output: Output) -> TranscodeResult:
        elements, end = self._elements()
        wanted = self.settings.new_uid
        uid = wanted if isinstance(wanted, str) else f"2.25.{uuid.uuid4().int}" if wanted else None
        changes: Changes = {} if self.coder is None else attribute_changes(self.opened, self.coder, elements, uid)
        place = self.dataset.pixel_data
        assert place is not None
        at = next((i for i, e in enumerate(elements) if e.value == place["offset"] and e.tag in PIXEL_DATA_TAGS), None)
        if at is None:
            raise DecodeError(
                "the elements before the pixel data are broken, so they cannot be copied", code="malformed"
            )
        before, pixels, behind = elements[:at], elements[at], elements[at + 1 :]
        icons = self._native_icons(before)
        if icons is not None:
            changes = {**changes, ICON_IMAGE_SEQUENCE: ("SQ", icons)}
        output.write(file_meta(self.file, self.target.uid, uid))
        sink: Any = output
        if self.target.deflated:
            sink = _Deflater(output)
        first = {tag: change for tag, change in changes.items() if tag < pixels.tag}
        for piece in self._pieces(before, self.dataset.dataset_offset, pixels.begin, first):
            self._put(sink, output, piece)
        places = self._write_pixels(sink, output, pixels, place["keyword"])
        for piece in self._pieces(behind, pixels.end, end, {}):
            self._put(sink, output, piece)
        if end < self.opened.source.size:
            self._put(sink, output, (end, self.opened.source.size))  # rubbish, or zeros: kept
        if sink is not output:
            sink.finish()
        output.flush()
        masked = self.coder is not None and self.coder.mask
        messages = warn_of(elements, masked=masked) + self._nested_pixels([*before, *behind], native=icons is not None)
        return self._conclude(output, places, messages)

    def _elements(self) -> tuple[list[Element], int]:
        """Return the positions of the elements, and where they end."""
        opened, dataset = self.opened, self.dataset

        def listed(begin: int) -> tuple[list[Element], int]:
            found, end = _core.list_elements(
                opened.source, begin, explicit_vr=dataset.explicit_vr, big_endian=dataset.big_endian
            )
            return [Element(*one) for one in found], end

        elements, end = listed(dataset.dataset_offset)
        if opened.pixel_data_end is None:
            return elements, end
        # The end of the pixel data, if no length field can hold their length.
        at = next((i for i, element in enumerate(elements) if element.value == opened.pixel_data_offset), len(elements))
        behind, end = listed(opened.pixel_data_end)
        pixels = [element._replace(end=opened.pixel_data_end) for element in elements[at : at + 1]]
        return elements[:at] + pixels + behind, end

    def _pieces(self, elements: list[Element], begin: int, end: int, changes: Changes) -> list[Piece]:
        explicit = self.target.explicit_vr
        encoding = Encoding(self.dataset.explicit_vr, self.dataset.big_endian)
        if encoding == Encoding(explicit, False):
            return splice(elements, begin, end, changes, explicit_vr=explicit)
        rewriter = Rewriter(self._read, encoding, explicit_vr=explicit)
        pieces = rewriter.splice(elements, changes)
        for tag in dict.fromkeys(rewriter.rewritten):
            self.image.warn(
                f"the items in {tag_name(tag)}, of VR UN, were not in implicit VR little endian (PS3.5, "
                "6.2.2); they were rewritten, because otherwise nobody could read them in the result"
            )
        return pieces

    def _native_icons(self, elements: list[Element]) -> bytes | None:
        """Return the items of the icon sequence if they must change (PS3.5, A.4)."""
        if not self.dataset.has_icon or not self.opened.encapsulated or not self.dataset.explicit_vr:
            return None
        if self.coder is None or self.coder.relabels:
            return None
        found = next((e for e in elements if e.tag == ICON_IMAGE_SEQUENCE), None)
        if found is None:
            return None
        place = found._replace(begin=0, value=found.value - found.begin, end=found.end - found.begin)
        items = native_icons(self._read(found.begin, found.end), place, self.opened.syntax)
        if items is None or self.target.explicit_vr:
            return items
        whole = memoryview(element_bytes(ICON_IMAGE_SEQUENCE, "SQ", items))
        rewriter = Rewriter(lambda begin, end: whole[begin:end], Encoding(), explicit_vr=False)
        (rewritten,) = rewriter.splice([Element(ICON_IMAGE_SEQUENCE, "SQ", 0, 12, len(whole), False)], {})
        assert isinstance(rewritten, bytes)
        return rewritten[8:]

    def _nested_pixels(self, elements: list[Element], *, native: bool) -> list[str]:
        """Return warnings about pixel data in sequences that stay in the source's transfer syntax."""
        if not self.opened.encapsulated or self.coder is None or self.coder.relabels:
            return []
        return [
            f"pixel data in {tag_name(element.tag)} are still in {self.opened.syntax.name}, although the "
            "result has another transfer syntax: only icons of the object itself are converted"
            for element in elements
            if element.vr == "SQ"
            and not (native and element.tag == ICON_IMAGE_SEQUENCE)
            and bytes(self._read(element.value, element.end)).find(_ENCAPSULATED_PIXEL_DATA) >= 0
        ]

    def _read(self, begin: int, end: int) -> memoryview:
        if self.opened.buffer is not None:
            return self.opened.buffer[begin:end]
        data = bytearray(end - begin)
        self.opened.source.read_into(begin, data)
        return memoryview(data)

    def _put(self, sink: Any, output: Output, piece: Piece) -> None:
        if isinstance(piece, bytes):
            if self.coder is not None and self.coder.lossy and piece.startswith(RATIO_TAG):
                self.ratio_at = output.position + piece.index(RATIO_PLACE)
            sink.write(piece)
            return
        for begin in range(piece[0], piece[1], _COPIED_AT_ONCE):
            sink.write(self._read(begin, min(begin + _COPIED_AT_ONCE, piece[1])))

    def _write_pixels(self, sink: Any, output: Output, pixels: Element, keyword: str) -> list[tuple[int, int]] | None:
        """Write the pixel data element; return the position of each frame if it is to be checked."""
        if self.coder is None:
            self._write_verbatim(sink, pixels, keyword)
            return None
        frames = self.coder.frames()
        if self.target.encapsulated:
            writer = EncapsulatedWriter(output, self.count, self.settings.offset_table)
            for frame in frames:
                self._take(frame)
                writer.add(frame.data)
            writer.finish()
            return writer.places()
        self._write_native(sink, frames, keyword)
        return None

    def _take(self, frame: CodedFrame) -> None:
        if frame.cells is not None:
            self.hash.update(np.ascontiguousarray(frame.cells).data)
        if frame.difference is not None:
            self.lost.add(frame.difference)

    def _native_header(self, keyword: str, size: int) -> bytes:
        if size > _LARGEST_VALUE:
            raise EncodeError(
                f"the decoded frames have {size} bytes, but native pixel data can have at most "
                f"{_LARGEST_VALUE}: choose an encapsulated transfer syntax",
                code="unsupported",
            )
        tag, vr = {
            "PixelData": (0x7FE00010, "OB" if self.opened.bits_allocated <= 8 else "OW"),  # PS3.5, A.2
            "FloatPixelData": (0x7FE00008, "OF"),
            "DoubleFloatPixelData": (0x7FE00009, "OD"),
        }[keyword]
        return header_bytes(tag, vr, size, explicit_vr=self.target.explicit_vr)

    def _write_native(self, sink: Any, frames: Iterator[CodedFrame], keyword: str) -> None:
        assert self.coder is not None
        bits = self.opened.bits_allocated == 1
        size = self.coder.cell_bytes * self.count
        size = (size + 7) // 8 if bits else size
        sink.write(self._native_header(keyword, size + (size & 1)))
        packer = _BitPacker()
        for frame in frames:
            self._take(frame)
            sink.write(packer.add(frame.data) if bits else frame.data)
        if bits:
            sink.write(packer.finish())
        if size & 1:
            sink.write(b"\0")

    def _write_verbatim(self, sink: Any, pixels: Element, keyword: str) -> None:
        """Native pixel data stay the same; only the element's header may change."""
        explicit = self.target.explicit_vr
        size = pixels.end - pixels.value
        if explicit == self.dataset.explicit_vr and size <= _LARGEST_VALUE:
            sink.write(bytes(self._read(pixels.begin, pixels.value)))
        else:
            sink.write(self._native_header(keyword, size + (size & 1)))
        plain = self.image.is_plain
        frames = self._decoded_bytes()
        if plain and size < frames:
            raise DecodeError(
                f"the pixel data end after {size} of {frames} bytes",
                code="truncated",
                frame=size * self.count // frames,
            )
        for begin in range(pixels.value, pixels.end, _COPIED_AT_ONCE):
            part = self._read(begin, min(begin + _COPIED_AT_ONCE, pixels.end))
            sink.write(part)
            if plain:
                self.hash.update(part[: max(0, pixels.value + frames - begin)])
        if size & 1 and explicit != self.dataset.explicit_vr:
            sink.write(b"\0")
        if not plain:
            for cells in decoded_frames(self.image, self.settings.threads):
                self.hash.update(np.ascontiguousarray(cells).data)

    def _decoded_bytes(self) -> int:
        """Bytes of all decoded frames."""
        return math.prod(self.image.frame_shape) * self.image.dtype.itemsize * self.count

    def _copy_whole(self, output: Output) -> TranscodeResult:
        source, buffer = self.file.source, self.file.buffer
        if buffer is not None:
            output.write(buffer)
        else:
            for begin in range(0, source.size, _COPIED_AT_ONCE):
                data = bytearray(min(_COPIED_AT_ONCE, source.size - begin))
                source.read_into(begin, data)
                output.write(data)
        output.flush()
        digest, messages = None, []
        if self.settings.verify:
            try:
                self.image.check_span(range(self.count), salvage=False)
                for cells in decoded_frames(self.image, self.settings.threads):
                    self.hash.update(np.ascontiguousarray(cells).data)
                digest = self.hash.hexdigest()
            except Error as error:
                messages.append(f"copied unchanged, but it cannot be decoded: {error.reason}")
        return replace(self._result("copied", output.position, messages), digest=digest, verified=digest is not None)

    # ---- the end ----------------------------------------------------------------------------------

    def _conclude(self, output: Output, places: list[tuple[int, int]] | None, messages: list[str]) -> TranscodeResult:
        coder = self.coder
        if self.ratio_at is not None and coder is not None and places:
            encoded = sum(size for _, size in places)
            output.patch(self.ratio_at, ratio_text(coder.cell_bytes * self.count / encoded))
        if self.settings.verify:
            self._check_written(output, places)
        result = self._result("transcoded", output.position, messages)
        decoded = coder is None or not coder.copies or self.settings.verify
        result = replace(result, digest=self.hash.hexdigest() if decoded else None, verified=self.settings.verify)
        if coder is None or not coder.lossy:
            return result if coder is None else replace(result, recoded_frames=coder.recoded_frames)
        result = replace(result, lossy=True)
        if not self.settings.verify:
            return result
        return replace(
            result,
            maximum_error=self.lost.maximum,
            mean_error=self.lost.mean,
            psnr=self.lost.psnr((1 << coder.bits_stored) - 1),
        )

    def _result(self, status: str, size: int, messages: list[str]) -> TranscodeResult:
        index_warnings = list(self.opened.index.warnings)
        return TranscodeResult(
            status,
            self.opened.syntax.uid,
            self.target.uid,
            self.count,
            self.file.source.size,
            size,
            self._decoded_bytes(),
            None,
            False,
            False,
            warnings=tuple(dict.fromkeys(self.image.messages + index_warnings + messages)),
        )

    def _check_written(self, output: Output, places: list[tuple[int, int]] | None) -> None:
        """Open the result as a reader would, and compare its attributes with the expected ones."""
        descriptor = output.descriptor

        def read(offset: int, size: int) -> bytes:
            return system.read_at(descriptor, size, offset)

        try:
            written = open_source(_Readable(read, output.position))
            again = QuietFrameSet(written, raw=True, unused_bits="keep")
        except Error as error:
            raise EncodeError(f"verification failed: the result cannot be opened: {error}", code="internal") from error
        photometric = (
            self.opened.photometric_interpretation if self.coder is None else self.coder.photometric_interpretation
        )
        bits_stored = self.opened.bits_stored if self.coder is None else self.coder.bits_stored
        for what, found, wanted in (
            ("transfer syntax", written.syntax.uid, self.target.uid),
            ("number of frames", len(again), self.count),
            ("frames' shape", again.frame_shape, self.image.frame_shape),
            ("frames' type", again.dtype, self.image.dtype),
            ("BitsStored", written.bits_stored, bits_stored),
            ("photometric interpretation", written.photometric_interpretation, photometric),
        ):
            if found != wanted:
                raise EncodeError(
                    f"verification failed: the {what} of the result is {found}, not {wanted}", code="internal"
                )
        for frame, place in enumerate(places or ()):
            found_places = written.index.ranges(frame)
            if len(found_places) != 1 or found_places[0][0] != place[0] or place[1] - found_places[0][1] not in (0, 1):
                raise EncodeError(
                    f"verification failed: a reader finds frame {frame} at another place", code="internal", frame=frame
                )
        rearranged = self.opened.bits_allocated == 1 or (
            self.coder is not None and self.coder.planar_configuration == 1
        )
        if self.target.deflated or (rearranged and not self.target.encapsulated):
            self._compare_digests(again)

    def _compare_digests(self, again: QuietFrameSet) -> None:
        """Decode the whole result, if its bytes are not those that were already compared."""
        digest = hashlib.sha256()
        for cells in decoded_frames(again, self.settings.threads):
            digest.update(np.ascontiguousarray(cells).data)
        if digest.digest() != self.hash.digest():
            raise EncodeError("verification failed: the result decodes to other pixels", code="internal")


class _Readable(io.RawIOBase):
    """A binary file object over ``read(offset, size)``."""

    def __init__(self, read: Any, size: int) -> None:
        self._read, self._size, self._position = read, size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._read(self._position, self._size - self._position if size < 0 else size)
        self._position += len(data)
        return data
