"""Selection: which sources are transcoded, and which are copied unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dcmturbo.archives.operation import KeepOriginal
from dcmturbo.dataset.opened import OpenedSource
from dcmturbo.errors import Error
from dcmturbo.formats.names import name_transfer_syntax
from dcmturbo.formats.options import asks_for_loss
from dcmturbo.formats.syntaxes import TransferSyntax
from dcmturbo.frames.frame_set import QuietFrameSet
from dcmturbo.transcoding.result import TranscodeResult

__all__ = ["Selection", "find_syntaxes", "is_lossless_target", "is_lossy_source"]


def is_lossless_target(target: TransferSyntax, options: dict[str, Any]) -> bool:
    """Whether a transfer syntax is compressed and lossless.

    Uncompressed targets do not count: who chooses one wants nothing to stay compressed.
    """
    return not target.format.holds_native_frames and not asks_for_loss(target, options)


def is_lossy_source(opened: OpenedSource) -> bool:
    """Whether the frames of a source are lossy according to its transfer syntax and codestreams.

    ``LossyImageCompression`` is not used, because it is about the past of pixels, which may be native now.
    """
    if opened.syntax.format.loss == "always":
        return True
    if not opened.encapsulated or not opened.syntax.has_codestream_header:
        return False
    try:
        image = QuietFrameSet(opened, raw=True, unused_bits="keep")
        return any(not image.probe(frame).lossless for frame in range(len(image)))
    except Error:
        return False  # damaged: this is reported when it is decoded


@dataclass(frozen=True)
class Selection:
    """Checks each source and each result, and raises `KeepOriginal`.

    Attributes
    ----------
    target : TransferSyntax
        The target transfer syntax.
    from_syntaxes : tuple of str
        UIDs of the transfer syntaxes to transcode. If empty, all.
    skip_lossy : bool
        Keep lossy sources.
    keep_if_larger : bool
        Keep sources that transcoding would make larger.
    lose_again : bool
        Whether lossy frames in the target syntax may lose more. A killed run may have just made them, without an entry
        in the manifest.
    """

    target: TransferSyntax
    from_syntaxes: tuple[str, ...] = ()
    skip_lossy: bool = False
    keep_if_larger: bool = False
    lose_again: bool = True

    def admit(self, opened: OpenedSource) -> None:
        """Check a source that has been opened."""
        syntax = opened.syntax
        if self.from_syntaxes and syntax.uid not in self.from_syntaxes:
            raise KeepOriginal(
                f"its transfer syntax is {syntax.name}, which is not one of those to transcode",
                syntax.uid,
                "in other transfer syntaxes",
            )
        # For a lossless target, frames in the target syntax are not encoded again. .111 stores the bits of a lossy JPEG
        # exactly.
        wanted = not self.lose_again if syntax.uid == self.target.uid else self.skip_lossy
        if wanted and self.target.made_from is None and is_lossy_source(opened):
            raise KeepOriginal(
                f"it is already compressed with loss ({syntax.name}); to transcode it, use include_lossy=True "
                "(--include-lossy)",
                syntax.uid,
                "compressed with loss already",
            )

    def accept(self, result: TranscodeResult) -> None:
        """Check a complete result."""
        if self.keep_if_larger and result.bytes_after > result.bytes_before:
            raise KeepOriginal(
                f"transcoding would make it larger: {result.bytes_before} bytes would become {result.bytes_after}",
                result.source_transfer_syntax,
                "that would become larger",
            )


def find_syntaxes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the UIDs of transfer syntaxes, sorted.

    Raises
    ------
    UnsupportedTransferSyntax
        If one is not a transfer syntax.
    """
    return tuple(sorted({name_transfer_syntax(name).uid for name in names}))
