"""Transcoding: objects into another transfer syntax, verified, with every other byte kept."""

from dcmturbo.transcoding.object import transcode
from dcmturbo.transcoding.result import TranscodeResult

__all__ = ["TranscodeResult", "transcode"]
