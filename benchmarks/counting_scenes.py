"""Scenes drawn here to count in: shapes of a kind among others, each with its mask; also kinds that are not there.

The same number gives the same scene again. Knows no model.
"""

import math
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from deixis.benchmarks.molmo_scores import Mask
from deixis.browser.types import Point

SIZE = (640, 480)
KINDS = ("circle", "square", "triangle", "star", "ring", "cross")
COLOURS = {
    "red": "#d32f2f",
    "blue": "#1e5fd0",
    "green": "#2e8b3d",
    "orange": "#f08c1a",
    "purple": "#7b3fb5",
    "black": "#1d1d1d",
}
MOST = 10
ABSENT = 0.12
"""Share of the scenes that ask for what is not there."""
LEAST, LARGEST = 16, 36
"""Pixels from the middle of a shape to its edge."""


class Scene(NamedTuple):
    """A picture, what is to be counted, and where each is."""

    id: str
    what: str
    """In the plural: "red stars"."""
    points: list[Point]
    masks: list[Mask]
    image: Image.Image


def scene(number: int, seed: int = 0) -> Scene:
    """The scene of a number."""
    random = Random(f"count {seed}/{number}")
    kind, colour = random.choice(KINDS), random.choice(sorted(COLOURS))
    wanted = 0 if random.random() < ABSENT else random.randint(1, MOST)
    others = [(k, c) for k in KINDS for c in sorted(COLOURS) if (k, c) != (kind, colour)]
    things = [(kind, colour)] * wanted + [random.choice(others) for _ in range(random.randint(0, 8))]
    image = Image.new("RGB", SIZE, random.choice(["#ffffff", "#f3f0e8", "#e8eef6", "#dfe8df"]))
    pen = ImageDraw.Draw(image)
    points, masks = [], []
    for index, (x, y, reach) in enumerate(_places(len(things), random)):
        turn = random.random()
        _draw(pen, *things[index], (x, y), reach, turn)
        if index < wanted:
            points.append(Point(x=x, y=y))
            masks.append(_mask(things[index][0], (x, y), reach, turn))
    return Scene(f"count/{number}", f"{colour} {kind}{'es' if kind == 'cross' else 's'}", points, masks, image)


def _places(count: int, random: Random) -> list[tuple[float, float, float]]:
    """Places that do not touch, with a reach each."""
    found: list[tuple[float, float, float]] = []
    while len(found) < count:
        reach = random.uniform(LEAST, LARGEST)
        x, y = random.uniform(reach, SIZE[0] - reach), random.uniform(reach, SIZE[1] - reach)
        if all(math.hypot(x - a, y - b) > reach + c + 4 for a, b, c in found):
            found.append((x, y, reach))
    return found


def _corners(kind: str, middle: tuple[float, float], reach: float, turn: float) -> list[tuple[float, float]]:
    count, inner = {"square": (4, 1.0), "triangle": (3, 1.0), "star": (10, 0.42), "cross": (8, 0.3)}[kind]
    radii = [reach if n % 2 == 0 else inner * reach for n in range(count)]
    return [
        (middle[0] + r * math.sin(2 * math.pi * (n / count + turn)), middle[1] - r * math.cos(2 * math.pi * (n / count + turn)))
        for n, r in enumerate(radii)
    ]  # fmt: skip


def _draw(
    pen: ImageDraw.ImageDraw, kind: str, colour: str, middle: tuple[float, float], reach: float, turn: float
) -> None:
    (x, y), fill = middle, COLOURS.get(colour, colour)
    box = (x - reach, y - reach, x + reach, y + reach)
    if kind == "circle":
        pen.ellipse(box, fill=fill)
    elif kind == "ring":
        pen.ellipse(box, outline=fill, width=round(0.35 * reach))
    else:
        pen.polygon(_corners(kind, middle, reach, turn), fill=fill)


def _mask(kind: str, middle: tuple[float, float], reach: float, turn: float) -> Mask:
    """The pixels of a shape; a ring's hole belongs to it, as an outline of the object would have it."""
    image = Image.new("1", SIZE)
    pen = ImageDraw.Draw(image)
    _draw(pen, "circle" if kind == "ring" else kind, "white", middle, reach, turn)
    return np.asarray(image, dtype=bool)
