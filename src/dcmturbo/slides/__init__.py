"""Whole slide images: pyramids of tiled frames, read as windows of a matrix of pixels (PS3.3, A.32.8)."""

from dcmturbo.slides.slide import Level, Slide, slide

__all__ = ["Level", "Slide", "slide"]
