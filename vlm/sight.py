"""From a picture to the things on it: the encoder finds them, the line reader reads them, drawings are named.

The one place where the model's parts meet pixels; boxes that leave it are CSS pixels. Knows nothing of questions.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from deixis.vlm import connector, edges, finder, ink, reader, symbols
from deixis.vlm.finder import Box, Element
from deixis.vlm.image import prepare
from deixis.vlm.model import Nano
from deixis.vlm.things import Sighted, Written, inside, words_of

SURE = 0.35
"""What a line's letters must have on average to be taken for letters."""

AROUND = 5
"""CSS pixels around an element that its drawing is cut out with: boxes are a few pixels off, edges of buttons run on them."""


def look(model: Nano, picture: Image.Image, css: Image.Image) -> Sighted:
    """Everything on a screen. picture: in its own resolution; css: the same at one pixel per CSS pixel."""
    with torch.inference_mode():
        maps = model.see(prepare(css, model.config.image))
        scale = picture.width / css.width
        pixels = np.asarray(css.convert("RGB"))
        found = read(model, picture, ink.ended(finder.lines(maps), pixels), scale)
        elements = edges.settled(finder.elements(maps), pixels)
        lines = torch.tensor([line.box for line in found]).view(-1, 4)
        drawn = draw(model, picture, elements, lines, scale)
        boxes = torch.cat([lines, torch.tensor([element.box for element in elements]).view(-1, 4)])
        return Sighted(found, elements, drawn, connector.pool(maps.mixed, boxes))


def read(model: Nano, picture: Image.Image, boxes: Sequence[Box], scale: float) -> list[Written]:
    """What is written in boxes (CSS pixels), where letters are."""
    grey = picture.convert("L")  # once: every strip is grey
    lines = reader.read(model.reader, [grey.crop(margined(box, scale)) for box in boxes])
    return [
        Written(box, line.text, line.confidence, words_of(box, line))
        for box, line in zip(boxes, lines, strict=True)
        if line.text and line.confidence > SURE
    ]


def margined(box: Box, scale: float) -> tuple[int, int, int, int]:
    """The pixels of a line, with the little around it that the reader is used to."""
    x0, y0, x1, y1 = box
    left, top = round((x0 - 3) * scale), round((y0 - 1) * scale)
    return left, top, max(round((x1 + 3) * scale), left + 1), max(round((y1 + 1) * scale), top + 1)


def draw(
    model: Nano, picture: Image.Image, elements: Sequence[Element], lines: torch.Tensor, scale: float
) -> torch.Tensor:
    """(E, M) what is drawn on elements on which nothing, or next to nothing, is written; 0 on the others."""
    out = torch.zeros(len(elements), model.config.symbols.meaning)
    boxes = torch.tensor([element.box for element in elements]).view(-1, 4)
    wide = (
        (lines[:, 2] - lines[:, 0] > 1.6 * (lines[:, 3] - lines[:, 1]))
        if len(lines)
        else torch.zeros(0, dtype=torch.bool)
    )
    written = (inside(boxes, lines) & wide).any(1).tolist() if len(lines) else [False] * len(elements)
    places, drawings = [], []
    for number, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        if written[number] or min(x1 - x0, y1 - y0) > symbols.LARGEST or max(x1 - x0, y1 - y0) > 3 * symbols.LARGEST:
            continue
        around = round(AROUND * scale)
        edges = [round(edge * scale) for edge in (x0 - AROUND, y0 - AROUND, x1 + AROUND, y1 + AROUND)]
        drawing = symbols.drawing_of(picture.crop(edges), around)  # type: ignore[arg-type]
        if drawing is not None:
            places.append(number)
            drawings.append(drawing)
    if drawings:
        out[places] = symbols.meant(model.symbols, torch.from_numpy(np.stack(drawings))[:, None])
    return out
