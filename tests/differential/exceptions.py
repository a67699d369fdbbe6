"""Where dcmturbo and `pydicom.pixels.pixel_array` are not equal, and why: the only place that says so.

``python tests/differential/exceptions.py`` prints docs/equality.md; a test checks that the page is current.
"""

from dataclasses import dataclass

# The plugin that pydicom is told to use, by transfer syntax: its plugins differ from one another.
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
        "Big endian files: pydicom returns arrays in the byte order of the file (`>u2`), dcmturbo in that of the "
        "machine. Values, shape, kind and item size are equal.",
    ),
    (
        "Single bits in big endian words",
        "BitsAllocated 1 with VR OW in a big endian file: dcmturbo exchanges the bytes of each word (PS3.5, 8.1.2 and "
        "annex D), pydicom does not. No file here shows it.",
    ),
    (
        "YBR_FULL to RGB",
        "pydicom computes in single precision; dcmturbo is exact. Of the 3 × 2²⁴ samples of all "
        "triplets at most 50 differ, by one, all of them on an edge of rounding (`tests/unit/test_colour.py`).",
    ),
    (
        "Lossy codecs",
        "8-bit JPEG equals libjpeg-turbo (Pillow) bit for bit. 12-bit JPEG and irreversible JPEG 2000 may differ by 1 "
        "from another right decoder.",
    ),
    (
        "Labels that the data contradict",
        "dcmturbo reads what is there and warns. JPEG and JPEG 2000 with subsampled chroma are YCbCr, also under RGB; "
        "pydicom returns the YCbCr samples as RGB. Native data under YBR_FULL_422 that are as long as three samples a "
        "pixel are read as YBR_FULL, native YBR_FULL or RGB as long as two samples a pixel as YBR_FULL_422; pydicom "
        "refuses both. JPEG 2000 with a component transform is RGB whatever its label; under YBR_FULL pydicom converts "
        "it once more. No file here shows any of these.",
    ),
    (
        "Frames",
        "With more frames in the data than NumberOfFrames says, dcmturbo returns all of them and warns.",
    ),
)


@dataclass(frozen=True)
class Difference:
    """One file: what dcmturbo does with it, and the reason why that is not what pydicom does.

    `outcome` is "decodes", then `instead` says what the pixels are compared with; or the code of the error.
    """

    outcome: str
    reason: str
    instead: str = ""


EXCEPTIONS = {
    "JPEG-lossy.dcm": Difference(
        "decodes",
        "12-bit JPEG: no plugin of pydicom that the tests may install decodes it.",
        "GDCM, called directly, ±1",
    ),
    "JPGExtended.dcm": Difference(
        "decodes",
        "12-bit JPEG: no plugin of pydicom that the tests may install decodes it.",
        "GDCM, called directly, ±1",
    ),
    "badVR.dcm": Difference(
        "decodes",
        "NumberOfFrames is '1A': pydicom cannot read it, dcmturbo takes the number that it begins with.",
        "pydicom with NumberOfFrames 1",
    ),
    "OT-PAL-8-face.dcm": Difference(
        "decodes",
        "The file has no TransferSyntaxUID: dcmturbo finds implicit VR little endian, pydicom wants to be told.",
        "pydicom with that UID set",
    ),
    "emri_small_jpeg_2k_lossless_too_short.dcm": Difference(
        "decodes",
        "The sequence delimiter is missing: pydicom then finds no pixel data, dcmturbo warns and decodes all frames, "
        "which are whole.",
        "emri_small_jpeg_2k_lossless.dcm",
    ),
    "JPEG2000-embedded-sequence-delimiter.dcm": Difference(
        "malformed", "The codestream is damaged on purpose: neither decodes it."
    ),
    "MR_truncated.dcm": Difference(
        "truncated",
        "The only frame is cut short: both refuse it. With `on_error='salvage'` dcmturbo returns what is there.",
    ),
    "rtplan_truncated.dcm": Difference(
        "truncated",
        "The file ends within an element, so nobody knows whether it held pixel data; pydicom says that it has none.",
    ),
    "meta_missing_tsyntax.dcm": Difference("argument", "There is no image: no Rows, no Columns."),
    "nested_priv_SQ.dcm": Difference("argument", "There is no image: no Rows, no Columns."),
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
        "and dtype for every file that pydicom and pydicom-data ship, for either value of `raw`, under these rules:",
        "",
        *(f"- **{name}.** {text}" for name, text in RULES),
        "",
        "pydicom's plugins do not all return the same pixels, so the comparison names one for each transfer syntax",
        "(native data need none):",
        "",
        "| transfer syntax | plugin |",
        "|---|---|",
        *(f"| {uid} | {plugin} |" for uid, plugin in PLUGINS.items()),
        "",
        "The files that are treated in another way, all of them:",
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
