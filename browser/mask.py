"""Paints over parts of a picture that nobody may see: each becomes its own background with six dots.

Boxes are CSS pixels of the viewport. Knows no browser and no secret.
"""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from deixis.browser.types import Box

DOTS = 6


def paint(png: bytes, boxes: Sequence[Box], scale: float) -> bytes:
    """The picture with the boxes filled and dotted; the same bytes when there is nothing to do."""
    if not boxes:
        return png
    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    draw = ImageDraw.Draw(image)
    painted = [_fill(image, draw, box, scale) for box in boxes]
    if not any(painted):
        return png
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _fill(image: Image.Image, draw: ImageDraw.ImageDraw, box: Box, scale: float) -> bool:
    """Paints one box; False when it is not on the picture."""
    left, top = max(0, int(box.x0 * scale)), max(0, int(box.y0 * scale))
    right, bottom = (
        min(image.width - 1, int(box.x1 * scale + 0.999)),
        min(image.height - 1, int(box.y1 * scale + 0.999)),
    )
    if right < left or bottom < top:
        return False
    ground = image.getpixel((left, top))
    assert isinstance(ground, tuple)
    draw.rectangle([left, top, right, bottom], fill=ground)
    ink = (40, 40, 40) if sum(ground[:3]) > 384 else (220, 220, 220)
    radius, middle = 2.5 * scale, (top + bottom) / 2
    for n in range(DOTS):
        x = left + (6 + 8 * n) * scale
        if x + radius < right and top + radius < middle < bottom - radius:
            draw.ellipse([x - radius, middle - radius, x + radius, middle + radius], fill=ink)
    return True
