"""Packages that a library's encoder needs and that may not be installed."""

from __future__ import annotations

from importlib.util import find_spec

from dcmturbo.formats.syntaxes import TransferSyntax

__all__ = ["missing_package"]


def missing_package(syntax: TransferSyntax, bits_stored: int | None = None) -> str:
    """Return the package that has to be installed before frames can be encoded in a transfer syntax.

    Parameters
    ----------
    syntax : TransferSyntax
        The target.
    bits_stored : int, optional
        Of the frames; without it, the package that some frames need.

    Returns
    -------
    str
        As pip calls it; empty if nothing is missing.
    """
    # imagecodecs states the precision of JPEG-LS as 8 or 16.
    needs_it = syntax.format.name == "jpegls" and bits_stored not in (8, 16)
    return "pyjpegls" if needs_it and syntax.encoder == "library" and find_spec("jpeg_ls") is None else ""
