"""The complete list of differences between dcmturbo and `pydicom.pixels.pixel_array`, with their reasons.

``python tests/differential/exceptions.py`` prints docs/equality.md; a test checks that the page is current.
"""

from dataclasses import dataclass

# The pydicom plugin to compare with, for each transfer syntax. The plugins do not all return the same pixels.
PLUGINS = {
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": "pillow",
    "1.2.840.10008.1.2.4.57": "gdcm",
    "1.2.840.10008.1.2.4.70": "gdcm",
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
    "1.2.840.10008.1.2.5": "pylibjpeg",
}

RULES = (
    (
        "Byte order",
        "For big endian files, pydicom returns arrays in the byte order of the file (`>u2`), and dcmturbo in the byte "
        "order of the machine. Values, shape, kind and item size are equal.",
    ),
    (
        "Single bits in big endian words",
        "For BitsAllocated 1 with VR OW in a big endian file, dcmturbo exchanges the two bytes of each word (PS3.5, "
        "8.1.2 and annex D), and pydicom does not. None of the compared files has such data.",
    ),
    (
        "YBR_FULL to RGB",
        "pydicom computes in single precision, dcmturbo computes exactly. Of the 3 × 2²⁴ samples of all possible "
        "triplets, at most 50 differ, by one. In all of these the exact value is close to a rounding boundary "
        "(`tests/api/test_colour.py`).",
    ),
    (
        "Lossy codecs",
        "8-bit JPEG equals libjpeg-turbo (Pillow) bit for bit. 12-bit JPEG and irreversible JPEG 2000 may differ by 1 "
        "from another correct decoder.",
    ),
    (
        "Deep samples of JPEG 2000 and HTJ2K",
        "ISO/IEC 15444-1 computes with integers of any size (Annexes F and G). dcmturbo computes in 64 bits where 32 "
        "are too few, and irreversible streams of more than 16 bits in double precision. A decoder of 32 bits or of "
        "single precision can differ there.",
    ),
    (
        "Labels that the data contradict",
        "dcmturbo decodes the data as they are and gives a warning. JPEG and JPEG 2000 with subsampled chroma are "
        "YCbCr even if the label is RGB; pydicom returns the YCbCr samples as RGB. Native data labelled YBR_FULL_422 "
        "with the length of three samples per pixel are read as YBR_FULL. Native data labelled YBR_FULL or RGB with "
        "the length of two samples per pixel are read as YBR_FULL_422. pydicom refuses both. JPEG 2000 with a "
        "component transform is RGB whatever the label is; if the label is YBR_FULL, pydicom converts it again. "
        "None of the compared files has such data.",
    ),
    (
        "Frames",
        "If the data have more frames than NumberOfFrames says, dcmturbo returns all of them and gives a warning.",
    ),
)


@dataclass(frozen=True)
class Difference:
    """What dcmturbo does with one file, and why that differs from what pydicom does.

    `outcome` is "decodes" or the code of an error. If it is "decodes", the pixels are compared with `instead`.
    """

    outcome: str
    reason: str
    instead: str = ""


EXCEPTIONS = {
    "JPEG-lossy.dcm": Difference(
        "decodes",
        "12-bit JPEG. No pydicom plugin that the tests can install decodes it.",
        "GDCM, called directly, ±1",
    ),
    "JPGExtended.dcm": Difference(
        "decodes",
        "12-bit JPEG. No pydicom plugin that the tests can install decodes it.",
        "GDCM, called directly, ±1",
    ),
    "badVR.dcm": Difference(
        "decodes",
        "NumberOfFrames is '1A'. pydicom cannot read it; dcmturbo uses the number at its beginning.",
        "pydicom with NumberOfFrames 1",
    ),
    "OT-PAL-8-face.dcm": Difference(
        "decodes",
        "The file has no TransferSyntaxUID. dcmturbo detects implicit VR little endian; pydicom needs the UID.",
        "pydicom with that UID set",
    ),
    "emri_small_jpeg_2k_lossless_too_short.dcm": Difference(
        "decodes",
        "The sequence delimiter is missing. pydicom then finds no pixel data; dcmturbo gives a warning and decodes all "
        "frames, which are complete.",
        "emri_small_jpeg_2k_lossless.dcm",
    ),
    "JPEG2000-embedded-sequence-delimiter.dcm": Difference(
        "malformed", "The codestream is damaged on purpose. Neither decodes it."
    ),
    "MR_truncated.dcm": Difference(
        "truncated",
        "The only frame is cut short. Both refuse it. With `on_error='salvage'`, dcmturbo returns its first part.",
    ),
    "rtplan_truncated.dcm": Difference(
        "truncated",
        "The file ends within an element, so it may have had pixel data. pydicom says that it has none.",
    ),
    "meta_missing_tsyntax.dcm": Difference("argument", "The file has no image: Rows and Columns are missing."),
    "nested_priv_SQ.dcm": Difference("argument", "The file has no image: Rows and Columns are missing."),
    "no_meta.dcm": Difference("not_dicom", "The file begins with a byte that belongs to no element."),
}


def page() -> str:
    """docs/equality.md."""
    lines = [
        "# Equal to what?",
        "",
        "<!-- Made by `python tests/differential/exceptions.py > docs/equality.md`: edit that file. -->",
        "",
        "`dt.decode(file, raw=...)` and `pydicom.pixels.pixel_array(dataset, raw=...)` return the same values, shape",
        "and dtype for every file in the packages pydicom and pydicom-data, with `raw=False` and `raw=True`. These",
        "rules say what equal means:",
        "",
        *(f"- **{name}.** {text}" for name, text in RULES),
        "",
        "pydicom's plugins do not all return the same pixels. The comparison therefore uses one plugin for each",
        "transfer syntax (native data need none):",
        "",
        "| transfer syntax | plugin |",
        "|---|---|",
        *(f"| {uid} | {plugin} |" for uid, plugin in PLUGINS.items()),
        "",
        "This is the complete list of files for which dcmturbo and pydicom do something different:",
        "",
        "| file | what dcmturbo does | why |",
        "|---|---|---|",
    ]
    for name, difference in sorted(EXCEPTIONS.items()):
        does = f"decodes; compared with {difference.instead}"
        if difference.outcome != "decodes":
            does = f"raises an error with code `{difference.outcome}`"
        lines.append(f"| {name} | {does} | {difference.reason} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
