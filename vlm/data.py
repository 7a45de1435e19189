"""From rendered screens to what the encoder learns from: parts of screens with their lines and elements.

A part is cut from a screen like a small page of its own, one to four tiles. Beside them, tiles drawn full of text
(`dense`), where every place is a line. What the other parts of the model learn from is in `train_reader`,
`train_symbols` and `train_decoder`.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from torch.utils.data import IterableDataset

from deixis.vlm import finder, scenes
from deixis.vlm.config import NanoConfig
from deixis.vlm.dense import dense_screen
from deixis.vlm.image import Prepared, prepare
from deixis.vlm.vit import STRIDE

PARTS = ((4, 1312, 736), (4, 1312, 736), (4, 1312, 736), (2, 1312, 384), (2, 672, 736), (1, 672, 384))
"""Sizes of parts: number of tiles, largest width and height."""
RARE, DENSE = 0.2, 0.12
"""Shares of parts that are cut from screens full of controls, and of those that are drawn full of text."""
LARGE = 0.15
"""Share of parts that are seen magnified, as by somebody who zooms in."""
ZOOMS = (1.25, 1.5, 1.75, 2.0, 2.5)
Frame = tuple[int, int, int, int]


class Part(NamedTuple):
    """A part of a screen and what is where on it."""

    page: Prepared
    lines: finder.LineTargets
    elements: finder.ElementTargets | None
    """None where there is nothing but text."""


class Screens:
    """All screens of a folder, opened when they are needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self.rare: list[Path] = []
        """Screens full of controls, of which others have too few."""
        self.rescan()

    def rescan(self) -> None:
        self.files = sorted(self.folder.glob("*.json"))
        self.rare = [file for file in self.files if file.name.startswith("controls-")]

    def draw(self, rng: Random) -> Path:
        """One of them, one of the rare ones more often."""
        return rng.choice(self.rare if self.rare and rng.random() < RARE else self.files)

    def open(self, file: Path) -> tuple[Image.Image, dict[str, Any]]:
        screen: dict[str, Any] = json.loads(file.read_text())
        return Image.open(file.with_suffix(".png")).convert("RGB"), screen


class Parts(IterableDataset[list[Part]]):
    """Endless batches of parts, of so many tiles altogether."""

    def __init__(self, folder: Path, fonts: Path | None, config: NanoConfig, seed: int, tiles: int = 8) -> None:
        self.screens, self.fonts, self.config, self.seed, self.tiles = Screens(folder), fonts, config, seed, tiles

    def __iter__(self) -> Iterator[list[Part]]:
        rng, n = Random(self.seed), 0
        while True:
            n += 1
            if n % 25 == 0:
                self.screens.rescan()
            parts, left = [], self.tiles
            while left > 0:
                part = self.text(rng) if rng.random() < DENSE else self.part(rng, left)
                parts.append(part)
                left -= len(part.page.plan)
            yield parts

    def part(self, rng: Random, most: int) -> Part:
        """A part of a random screen with at most so many tiles and enough on it."""
        while True:
            image, screen = self.screens.open(self.screens.draw(rng))
            _, width, height = rng.choice([size for size in PARTS if size[0] <= most])
            zoom = rng.choice(ZOOMS) if rng.random() < LARGE else 1.0
            frames = [frame_of(image, int(width / zoom), int(height / zoom), rng) for _ in range(3)]
            filled = [
                sum(inside(w[1:5], f) for w in screen["words"]) + 4 * sum(inside(e["box"], f) for e in screen["els"])
                for f in frames
            ]
            if max(filled) >= 6:
                return made(image, screen, frames[int(np.argmax(filled))], self.config, rng, zoom)

    def text(self, rng: Random) -> Part:
        """A tile that is nothing but text."""
        image, screen = dense_screen(rng, self.config.image.tile_width, self.config.image.tile_height, self.fonts)
        return made(image, screen, (0, 0, *image.size), self.config, rng)._replace(elements=None)


def frame_of(image: Image.Image, width: int, height: int, rng: Random) -> Frame:
    """A window on a screen, at the edges as often as anywhere."""
    width, height = min(width, image.width), min(height, image.height)
    x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    x, y = (rng.choice([0, image.width - width]) if rng.random() < 0.4 else x), (0 if rng.random() < 0.3 else y)
    return x, y, x + width, y + height


def made(
    image: Image.Image, screen: dict[str, Any], frame: Frame, config: NanoConfig, rng: Random, zoom: float = 1.0
) -> Part:
    """One part of a screen, so many times as large; now and then with its colours turned round."""
    cropped = image.crop(frame)
    if zoom != 1:
        size = round(cropped.width * zoom), round(cropped.height * zoom)
        cropped = cropped.resize(size, Image.Resampling.BICUBIC)
    if rng.random() < 0.08:
        cropped = Image.eval(cropped, lambda v: 255 - v)
    shape = math.ceil(cropped.height / STRIDE), math.ceil(cropped.width / STRIDE)
    # What is cut off at the edge is there to be seen, but nothing is said of it.
    whole = [word for word in screen["words"] if inside(word[1:5], frame)]
    skip = [*screen["skip"], *(word[1:5] for word in screen["words"] if not inside(word[1:5], frame))]
    runs = [moved(run.box, frame, zoom) for run in scenes.runs_of(whole)]
    elements = [e | {"box": moved(e["box"], frame, zoom)} for e in screen["els"] if inside(e["box"], frame)]
    lines = finder.line_targets(runs, [moved(box, frame, zoom) for box in skip], shape)
    return Part(prepare(cropped, config.image), lines, finder.element_targets(elements, shape))


def inside(box: Any, frame: Frame) -> bool:
    return bool(box[0] >= frame[0] - 1 and box[1] >= frame[1] - 1 and box[2] <= frame[2] + 1 and box[3] <= frame[3] + 1)


def moved(box: Any, frame: Frame, zoom: float) -> list[float]:
    """A box of the screen in the pixels of a part."""
    return [zoom * (v - start) for v, start in zip(box, frame[:2] * 2, strict=True)]
