"""Names that people and other software use for transfer syntaxes, and what a mistyped name may mean."""

from __future__ import annotations

import difflib
import re

from dcmturbo.errors import UnsupportedTransferSyntax
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES, TransferSyntax, find_transfer_syntax

__all__ = ["ALIASES", "FLAGS", "name_transfer_syntax", "similar_syntaxes"]

# By keyword: short names, and the names in DCMTK (E_TransferSyntax, dcmdump) and GDCM (TransferSyntax::TSType) where
# they are not the keyword. Letters and digits only, in lower case. What loses information is never a short name.
_NAMES = {
    "ImplicitVRLittleEndian": "implicit implicitvr littleendianimplicit lei",
    "ExplicitVRLittleEndian": "explicit explicitvr littleendianexplicit lee native uncompressed raw none",
    "DeflatedExplicitVRLittleEndian": "deflate deflated deflatedlittleendianexplicit",
    "ExplicitVRBigEndian": "bigendian bigendianexplicit explicitvrbigendianretired bee",
    "JPEGBaseline8Bit": "jpegbaseline jpegprocess1 jpegbaselineprocess1 baseline",
    "JPEGExtended12Bit": "jpegextended jpegprocess24 jpegextendedprocess24",
    "JPEGLossless": "jpegprocess14 jpeglosslessprocess14 jpeglosslessnonhierarchical14",
    "JPEGLosslessSV1": (
        "jpll jpegll ljpeg jpegprocess14sv1 jpeglosslessprocess141 jpeglosslessnonhierarchical1storderprediction"
    ),
    "JPEGLSLossless": "jls jpegls jlsl charls",
    "JPEGLSNearLossless": "jlsn jlslossy jpeglslossy nearlossless",
    "JPEG2000Lossless": "j2k jp2 j2kr openjpeg jpeg2klossless j2klossless jpeg2000losslessonly",
    "JPEG2000": "j2ki j2klossy jpeg2klossy jpeg2000lossy",
    "HTJ2KLossless": "htj2k htj2klosslessonly highthroughputjpeg2000losslessonly jph",
    "HTJ2KLosslessRPCL": "htj2krpcl rpcl highthroughputjpeg2000withrpcloptionslosslessonly",
    "HTJ2K": "htj2klossy highthroughputjpeg2000",
    "JPEGXLLossless": "jxl jxllossless",
    "JPEGXLJPEGRecompression": "jxlrecompression jpegrecompression",
    "JPEGXL": "jxllossy",
    "RLELossless": "rle packbits",
    "DeflatedImageFrameCompression": "deflatedimageframe deflatedframe",
}
ALIASES = {alias: keyword for keyword, names in _NAMES.items() for alias in names.split()}

# Options of DCMTK's tools (dcmconv, dcmdjpeg, dcmcjpeg, dcmcjpls) and of gdcmconv, which stand for transfer syntaxes.
_FLAGS = {
    "ImplicitVRLittleEndian": "+ti --write-xfer-implicit -M --implicit",
    "ExplicitVRLittleEndian": "+te --write-xfer-little -X --explicit -w --raw",
    "DeflatedExplicitVRLittleEndian": "+td --write-xfer-deflated -d --deflated",
    "ExplicitVRBigEndian": "+tb --write-xfer-big",
    "JPEGBaseline8Bit": "+eb --encode-baseline",
    "JPEGExtended12Bit": "+ee --encode-extended",
    "JPEGLosslessSV1": "+e1 --encode-lossless-sv1 -J --jpeg",
    "JPEGLossless JPEGLSLossless": "+el --encode-lossless",  # dcmcjpeg and dcmcjpls mean different ones
    "JPEGLSLossless": "-L --jpegls",
    "JPEGLSNearLossless": "+en --encode-nearlossless",
    "JPEG2000Lossless": "-K --j2k",
    "RLELossless": "-R --rle",
}
FLAGS = {flag: tuple(keywords.split()) for keywords, flags in _FLAGS.items() for flag in flags.split()}

# Names that mean several things.
_UNDECIDED = {
    "jpeg": ("JPEGBaseline8Bit", "JPEGLosslessSV1"),
    "jpg": ("JPEGBaseline8Bit", "JPEGLosslessSV1"),
    "losslessjpeg": ("JPEGLosslessSV1", "JPEGLossless"),
    "lossless": ("HTJ2KLossless", "JPEGLSLossless", "JPEG2000Lossless"),
}
_CLOSE = 0.6
_PREFIX = "1.2.840.10008.1.2"


def _plain(text: str) -> str:
    """Return letters and digits only, in lower case, without the EXS of DCMTK."""
    return re.sub(r"[^a-z0-9]", "", text.removeprefix("EXS_").lower())


_BY_PLAIN = {_plain(name): syntax.keyword for syntax in TRANSFER_SYNTAXES for name in (syntax.name, syntax.keyword)}


def similar_syntaxes(text: str) -> list[str]:
    """Return keywords of transfer syntaxes that a name may mean, the most likely first; at most three."""
    if text in FLAGS:
        return list(FLAGS[text])
    plain = _plain(text)
    if not re.search("[a-z]", plain):
        return []  # a UID
    if plain in _UNDECIDED:
        return list(_UNDECIDED[plain])
    known = ALIASES | _BY_PLAIN
    if plain in known:
        return [known[plain]]
    close = difflib.get_close_matches(plain, known, 6, _CLOSE)
    return list(dict.fromkeys(known[name] for name in close))[:3]


def name_transfer_syntax(text: str) -> TransferSyntax:
    """Return a transfer syntax by any of its names: what people type.

    Parameters
    ----------
    text : str
        A UID (``".4.80"`` stands for ``1.2.840.10008.1.2.4.80``), a keyword or a name of PS3.6 in any case, a name in
        `ALIASES`, or an option in `FLAGS`.

    Raises
    ------
    UnsupportedTransferSyntax
        For any other name; the message suggests similar ones.
    TypeError
        If it is not a str.
    """
    try:
        return find_transfer_syntax(text)
    except UnsupportedTransferSyntax:
        text = text.strip()
        if re.fullmatch(r"(\.\d+)+", text):
            return find_transfer_syntax(_PREFIX + text)
        plain = _plain(text)
        flag = FLAGS.get(text, ())
        keyword = flag[0] if len(flag) == 1 else None if flag else ALIASES.get(plain) or _BY_PLAIN.get(plain)
        if keyword is not None:
            return find_transfer_syntax(keyword)
        similar = similar_syntaxes(text)
        if not similar:
            raise
        raise UnsupportedTransferSyntax(
            f"dcmturbo does not know the transfer syntax {text!r}: did you mean {' or '.join(similar)}?"
        ) from None
