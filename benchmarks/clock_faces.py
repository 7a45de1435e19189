"""Clocks drawn here: 45 styles (5 shapes of dial, 3 ways to mark the hours, 3 looks), any time, or no hands at all.

The same number gives the same clock again. Knows no model.
"""

import math
from itertools import product
from random import Random
from typing import NamedTuple

from PIL import Image, ImageDraw

SIDE = 420
SHAPES = ("round", "square", "octagon", "ring", "soft")
MARKS = ("arabic", "roman", "strokes")
LOOKS = ("paper", "night", "brass")
STYLES = [f"{shape} {marks} {look}" for shape, marks, look in product(SHAPES, MARKS, LOOKS)]
ROMAN = ("XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")
COLOURS = {
    "paper": ("#d9d4c7", "#fffdf7", "#1b1b1b", "#c0281d"),
    "night": ("#3a3f4a", "#11151c", "#f2f4f8", "#ffb02e"),
    "brass": ("#7a4e1d", "#f1dca4", "#3b2410", "#14507a"),
}
"""Wall, dial, marks and hands, second hand."""
NOTHING = 0.1
"""Share of the pictures that show no time: the dial has no hands."""


class Face(NamedTuple):
    """A picture and the time on it; hour (1 to 12) and minute are None where there are no hands."""

    id: str
    style: str
    hour: int | None
    minute: int | None
    image: Image.Image


def face(number: int, seed: int = 0) -> Face:
    """The clock of a number: its style goes round all styles, its time is drawn."""
    random = Random(f"clock {seed}/{number}")
    style = STYLES[number % len(STYLES)]
    hour, minute = random.randint(1, 12), random.randrange(60)
    shown = random.random() >= NOTHING
    image = draw(style, hour if shown else None, minute if shown else None, random)
    return Face(f"clock/{number}", style, hour if shown else None, minute if shown else None, image)


def draw(style: str, hour: int | None, minute: int | None, random: Random) -> Image.Image:
    """A dial of a style, with hands at a time or without any; small things (place, size, a second hand) by chance."""
    shape, marks, look = style.split()
    wall, dial, ink, accent = COLOURS[look]
    image = Image.new("RGB", (2 * SIDE, 2 * SIDE), wall)  # drawn twice as large, for smooth edges
    pen = ImageDraw.Draw(image)
    reach = random.uniform(0.62, 0.88) * SIDE
    x, y = (SIDE + random.uniform(-0.06, 0.06) * SIDE for _ in range(2))
    _dial(pen, shape, (x, y), reach, dial, ink)
    for step in range(12):
        _mark(pen, marks, step, (x, y), reach, ink)
    if hour is not None and minute is not None:
        _hand(pen, (hour % 12 + minute / 60) / 12, (x, y), 0.5 * reach, 0.055 * reach, ink)
        _hand(pen, minute / 60, (x, y), 0.8 * reach, 0.03 * reach, ink)
        if random.random() < 0.4:
            _hand(pen, random.random(), (x, y), 0.85 * reach, 0.012 * reach, accent)
        pen.ellipse((x - 0.05 * reach, y - 0.05 * reach, x + 0.05 * reach, y + 0.05 * reach), fill=accent)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


Place = tuple[float, float]


def _dial(pen: ImageDraw.ImageDraw, shape: str, middle: Place, reach: float, dial: str, ink: str) -> None:
    x, y = middle
    box, line = (x - reach, y - reach, x + reach, y + reach), max(2, round(0.03 * reach))
    if shape == "square":
        pen.rectangle(box, fill=dial, outline=ink, width=line)
    elif shape == "soft":
        pen.rounded_rectangle(box, 0.3 * reach, fill=dial, outline=ink, width=line)
    elif shape == "octagon":
        pen.regular_polygon((x, y, 1.06 * reach), 8, rotation=22, fill=dial, outline=ink)
    else:
        pen.ellipse(box, fill=dial, outline=ink, width=line * (4 if shape == "ring" else 1))


def _at(middle: Place, turn: float, reach: float) -> Place:
    """A place by its part of a turn from twelve o'clock."""
    return middle[0] + reach * math.sin(2 * math.pi * turn), middle[1] - reach * math.cos(2 * math.pi * turn)


def _mark(pen: ImageDraw.ImageDraw, marks: str, step: int, middle: Place, reach: float, ink: str) -> None:
    if marks == "strokes":
        inner = 0.74 if step % 3 == 0 else 0.81
        pen.line(
            [_at(middle, step / 12, inner * reach), _at(middle, step / 12, 0.9 * reach)],
            fill=ink,
            width=max(3, round((0.05 if step % 3 == 0 else 0.025) * reach)),
        )
        return
    text = ROMAN[step] if marks == "roman" else str(step or 12)
    pen.text(_at(middle, step / 12, 0.78 * reach), text, fill=ink, anchor="mm", font_size=0.17 * reach)


def _hand(pen: ImageDraw.ImageDraw, turn: float, middle: Place, length: float, width: float, ink: str) -> None:
    side, tip, tail = turn + 0.25, _at(middle, turn, length), _at(middle, turn + 0.5, 0.15 * length)
    left, right = _at(middle, side, width), _at(middle, side, -width)
    pen.polygon([tail, left, tip, right], fill=ink)
