"""Colours in words, looked for in pixels: is anything about this place green? Knows no model."""

import io
import re

from PIL import Image

from deixis.browser.types import Box, Screenshot
from deixis.vlm.hues import HUES, coloured

AROUND = 14.0
"""CSS pixels around words that still belong to them: a coloured box, its border, its icon."""
ENOUGH = 0.01
"""Share of the pixels that make a thing coloured: its letters are enough."""
_WORD = re.compile(rf"\b(?P<colour>{'|'.join(HUES)})\s+(?=\w)", re.I)


def colour_in(words: str) -> tuple[str | None, str]:
    """The colour that words ask for, and the words without it: `a green message` is a message that is green."""
    quoted = re.sub(r"'[^']*'|\"[^\"]*\"|\bsays?\b.*", lambda m: " " * len(m[0]), words)
    found = _WORD.search(quoted)
    if found is None:
        return None, words
    return found["colour"].lower(), words[: found.start()] + words[found.end() :]


def shows(screenshot: Screenshot, box: Box, colour: str) -> bool:
    """Whether a place on a picture, in CSS pixels, shows a colour."""
    scale = screenshot.scale
    with Image.open(io.BytesIO(screenshot.png)) as image:
        edges = (box.x0 - AROUND, box.y0 - AROUND, box.x1 + AROUND, box.y1 + AROUND)
        left, top, right, bottom = (round(edge * scale) for edge in edges)
        part = image.convert("RGB").crop(
            (max(0, left), max(0, top), min(image.width, right), min(image.height, bottom))
        )
    if 0 in part.size:
        return False
    return bool(coloured(part, colour).mean() >= ENOUGH)
