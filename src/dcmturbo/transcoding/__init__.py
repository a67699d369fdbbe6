"""Transcoding: convert objects to another transfer syntax, verified, and keep every other byte."""

from dcmturbo.transcoding.object import transcode
from dcmturbo.transcoding.result import TranscodeResult

__all__ = ["TranscodeResult", "transcode"]
