"""DCMTK's command line tools as a decoder: they convert a compressed file to a native one, which dcmturbo reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import dcmturbo as dt
from dcmturbo.formats.syntaxes import TransferSyntax

__all__ = ["NAME", "decode", "tool_of"]

NAME = "DCMTK"
_TIMEOUT = 600.0

# By the format of the label: the tool, and the option that prevents a conversion of colours.
_TOOLS = {
    "jpeg": ["dcmdjpeg", "--conv-never"],
    "jpeg_lossless": ["dcmdjpeg", "--conv-never"],
    "jpegls": ["dcmdjpls"],
    "rle": ["dcmdrle"],
    "native": ["dcmconv", "--write-xfer-little"],
}


def tool_of(syntax: TransferSyntax) -> str:
    """Return the tool for a transfer syntax.

    Raises
    ------
    NotImplementedError
        If DCMTK has none, or it is not in PATH.
    """
    if syntax.format.name not in _TOOLS:
        raise NotImplementedError("DCMTK has no tool for this transfer syntax")
    (name, *_) = _TOOLS[syntax.format.name]
    found = shutil.which(name)
    if found is None:
        raise NotImplementedError(f"{name} is not in PATH (it is part of DCMTK)")
    return os.path.abspath(found)


def decode(path: str, syntax: TransferSyntax) -> np.ndarray:
    """Return all frames as the tool has decoded them, with colours converted to RGB.

    Raises
    ------
    ValueError
        If the tool fails; the message is the tool's.
    """
    options = _TOOLS[syntax.format.name][1:]
    with tempfile.TemporaryDirectory(prefix="dcmturbo-dcmtk-") as folder:
        place = Path(folder) / "native.dcm"
        command = [tool_of(syntax), *options, os.path.abspath(path), str(place)]
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=False)
        if done.returncode or not place.exists():
            said = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise ValueError(
                f"{Path(command[0]).name} failed with exit code {done.returncode}: "
                f"{said[-300:] or 'it printed nothing'}"
            )
        return np.array(dt.decode(place))
