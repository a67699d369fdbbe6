"""The result of transcoding one object."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TranscodeResult"]


@dataclass(frozen=True)
class TranscodeResult:
    """What `transcode` has done.

    Attributes
    ----------
    status : str
        "transcoded", or "copied": byte for byte, because the object already has the target form, or is not an image and
        ``on_error="copy"``.
    source_transfer_syntax, transfer_syntax : str or None
        UIDs before and after; None if the source is not DICOM.
    frames : int
        Frames of the object.
    bytes_before, bytes_after : int
        Size of the whole object.
    pixel_bytes : int
        Size of the decoded frames.
    digest : str or None
        SHA-256, in hexadecimal, of the stored cells as ``decode(raw=True, unused_bits="keep")`` returns them, frame
        after frame, little endian; with ``mask_unused_bits``, of the masked cells. None if nothing was decoded.
    verified : bool
        Whether the result was read back, and its frames decoded and compared.
    lossy : bool
        Whether this encoding was lossy.
    maximum_error, mean_error, psnr : float or None
        For a verified lossy result: largest and mean absolute difference of a sample, and peak signal-to-noise ratio in
        decibel (infinite if nothing differs), over all frames.
    recoded_frames : int
        Frames that were encoded from the wavelet coefficients of the source, between JPEG 2000 and HTJ2K without loss.
        The pixels are the same, it takes less time, and they are verified like all others.
    warnings : tuple of str
        Warnings for the user.
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
    recoded_frames: int = 0
    warnings: tuple[str, ...] = ()
