"""Selection: which sources are transcoded, and which go into the new archive as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import Error
from dcmturbo.formats.syntaxes import TransferSyntax, find_transfer_syntax
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.transcoding.pixels import is_lossy
from dcmturbo.transcoding.result import TranscodeResult

__all__ = ["KeepOriginal", "Selection", "find_syntaxes", "is_lossless_target", "is_lossy_source"]

# Every frame of these has lost something, whatever its header says: the DCT rounds.
_ALWAYS_LOSSY = {"JPEGBaseline8Bit", "JPEGExtended12Bit"}


class KeepOriginal(Exception):  # noqa: N818 (nothing is wrong)
    """A file is not transcoded but copied unchanged; the message says why.

    Parameters
    ----------
    why : str
        A sentence.
    source_syntax : str or None
        The UID of its transfer syntax, where that is known.
    """

    def __init__(self, why: str, source_syntax: str | None = None) -> None:
        super().__init__(why)
        self.source_syntax = source_syntax


def is_lossless_target(target: TransferSyntax, options: dict[str, Any]) -> bool:
    """Whether pixels are compressed, and nothing is lost.

    Uncompressed targets are none of these: they are asked for where nothing may be left compressed.
    """
    return target.family not in ("native", "deflated_frame") and not is_lossy(options)


def is_lossy_source(opened: OpenedSource) -> bool:
    """Whether the frames of a source are compressed with loss, as its transfer syntax and codestreams say.

    ``LossyImageCompression`` is not asked: it tells of the past of pixels that may be native now.
    """
    if opened.syntax.keyword in _ALWAYS_LOSSY:
        return True
    if not opened.encapsulated or not opened.syntax.has_codestream_header:
        return False
    try:
        image = QuietFrameSet(opened, raw=True, unused_bits="keep")
        return any(not image.probe(frame).lossless for frame in range(len(image)))
    except Error:
        return False  # damaged: that is told when it is decoded


@dataclass(frozen=True)
class Selection:
    """What is asked of each source, and of what became of it; raises `KeepOriginal`.

    Attributes
    ----------
    target : TransferSyntax
        What sources are transcoded to.
    from_syntaxes : tuple of str
        UIDs; sources in others are kept. Empty takes all.
    skip_lossy : bool
        Keep sources that are compressed with loss.
    keep_if_larger : bool
        Keep sources that transcoding would make larger.
    lose_again : bool
        Whether frames that are in the target syntax and have lost something already may lose more. A run that was
        killed may have made them so a moment ago, and nobody has noted it.
    """

    target: TransferSyntax
    from_syntaxes: tuple[str, ...] = ()
    skip_lossy: bool = False
    keep_if_larger: bool = False
    lose_again: bool = True

    def admit(self, opened: OpenedSource) -> None:
        """Look at a source that has been opened."""
        syntax = opened.syntax
        if self.from_syntaxes and syntax.uid not in self.from_syntaxes:
            raise KeepOriginal(
                f"its transfer syntax is {syntax.name}, which is not one of those to transcode", syntax.uid
            )
        # Without loss, frames in the target syntax are not encoded again; .111 holds the very bits of a lossy JPEG.
        wanted = not self.lose_again if syntax.uid == self.target.uid else self.skip_lossy
        if wanted and self.target.keyword != "JPEGXLJPEGRecompression" and is_lossy_source(opened):
            raise KeepOriginal(
                f"it is already compressed with loss ({syntax.name}); to transcode it, use include_lossy=True "
                "(--include-lossy)",
                syntax.uid,
            )

    def accept(self, result: TranscodeResult) -> None:
        """Look at a result that is complete."""
        if self.keep_if_larger and result.bytes_after > result.bytes_before:
            raise KeepOriginal(
                f"transcoding would make it larger: {result.bytes_before} bytes would become {result.bytes_after}",
                result.source_transfer_syntax,
            )


def find_syntaxes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the UIDs of transfer syntaxes, sorted.

    Raises
    ------
    UnsupportedTransferSyntax
        If one is not a transfer syntax.
    """
    return tuple(sorted({find_transfer_syntax(name).uid for name in names}))
