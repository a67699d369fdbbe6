"""Images in notebooks, and on the screen of a desktop."""

from __future__ import annotations

import base64
import builtins
import html
from collections.abc import Sequence

import numpy as np

from dcmturbo.errors import Error
from dcmturbo.pictures.files import encode_picture

__all__ = ["html_of", "show"]


def html_of(facts: Sequence[tuple[str, object]], picture: np.ndarray | None, caption: str) -> str:
    """Return a table of facts beside a picture, as HTML that needs nothing else."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for name, value in facts
    )
    table = f"<table>{rows}</table>"
    if picture is None:
        return f"<div>{table}<p>{html.escape(caption)}</p></div>"
    data = base64.b64encode(encode_picture([picture], "png")).decode()
    image = f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
    figure = f'<figure style="margin:0">{image}<figcaption>{html.escape(caption)}</figcaption></figure>'
    return f'<div style="display:flex;gap:1em;align-items:flex-start">{figure}{table}</div>'


def show(picture: np.ndarray) -> None:
    """Show a picture: in the output of a notebook's cell, or else in the desktop's viewer.

    Raises
    ------
    Error
        If the desktop has no viewer of pictures, as a server.
    """
    from PIL import Image, ImageShow

    image = Image.fromarray(np.ascontiguousarray(picture))
    if _is_notebook():
        from IPython.display import display

        display(image)
    elif not ImageShow.show(image):
        raise Error("no viewer of pictures was found: save the picture with `dcmturbo decode`, or use render()")


def _is_notebook() -> bool:
    """Whether outputs can be pictures. IPython adds its function in a terminal too, where they are texts."""
    if not hasattr(builtins, "get_ipython"):
        return False
    shell = builtins.get_ipython()
    return all(kind.__name__ != "TerminalInteractiveShell" for kind in type(shell).__mro__)
