"""What transcoding one object came to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TranscodeResult"]


@dataclass(frozen=True)
class TranscodeResult:
    """What `transcode` has done.

    Attributes
    ----------
    status : str
        "transcoded", or "copied": byte for byte, because the object is in the target form already, or is none that
        could be transcoded and ``on_error="copy"``.
    source_transfer_syntax, transfer_syntax : str or None
        UIDs, before and after; None of what is not DICOM.
    frames : int
        Frames of the object.
    bytes_before, bytes_after : int
        Size of the whole object.
    pixel_bytes : int
        Size of the decoded frames.
    digest : str or None
        SHA-256, in hexadecimal, of the stored cells as ``decode(raw=True, unused_bits="keep")`` gives them, frame after
        frame, little endian; with ``mask_unused_bits``, of the masked cells. None where nothing has been decoded.
    verified : bool
        Whether the result has been read back, and its frames decoded and compared.
    lossy : bool
        Whether this encoding has lost something.
    maximum_error, mean_error, psnr : float or None
        With loss and verification: largest and mean absolute difference of a sample, and peak signal-to-noise ratio in
        decibel (infinite where nothing differs), over all frames.
    warnings : tuple of str
        What a user should know.
    """

    status: str
    source_transfer_syntax: str | None
    transfer_syntax: str | None
    frames: int
    bytes_before: int
    bytes_after: int
    pixel_bytes: int
    digest: str | None
    verified: bool
    lossy: bool
    maximum_error: float | None = None
    mean_error: float | None = None
    psnr: float | None = None
    warnings: tuple[str, ...] = ()
