"""From rendered screens to training examples: a tile, what is written on it, and questions with their answers.

Names and words are asked as bare spelling codes, very many at once, which is cheap and teaches the encoder; sentences
go through the decoder. Everything is cut to one tile, so what lies outside is absent.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset

from deixis.vlm import ask, spelling
from deixis.vlm.config import NanoConfig
from deixis.vlm.dense import dense_screen
from deixis.vlm.image import Tile, cut, overview_of, tile_plan, to_tensor
from deixis.vlm.vit import STRIDE

IGNORE = -100


class Limits(NamedTuple):
    """How much is asked of one tile."""

    elements: int = 40
    words: int = 40
    spans: int = 24
    questions: int = 12


class Example(NamedTuple):
    """One tile and what is to be learned from it; cells are counted row by row."""

    tile: Tensor
    """(3, H, W)"""
    overview: Tensor
    """(3, h, w), padded to a square of the configured side"""
    origin: Tensor
    """(2,) of the tile, page pixels"""
    scale: float
    letters: Tensor
    """(H/8, W/4) class of the character at each half cell; 0 blank, IGNORE unknown"""
    codes: Tensor
    """(Q, spelling.SIZE) of names and words"""
    places: Tensor
    """(Q, cells) bool: where each of them is"""
    texts: list[str]
    answers: Tensor
    """(A, cells + 1) bool for the sentences; the last column is "absent"."""
    dense: bool = False
    """Nothing but text, drawn for reading."""


def letter_class(letter: str) -> int:
    """Class of a character: 0 is blank, 1-95 printable ASCII, 96 any other."""
    plain = letter if letter.isascii() else (spelling.fold(letter)[:1] or "?")
    plain = plain.upper() if letter.isupper() and len(plain.upper()) == 1 else plain
    return ord(plain) - 31 if " " < plain < "\x7f" else 96


def mask_of(boxes: list[Any], rows: int, columns: int) -> np.ndarray:
    """(rows, columns) bool: cells whose centre lies in one of the boxes (pixels of the tile); at least one a box."""
    mask = np.zeros((rows, columns), bool)
    for x0, y0, x1, y1 in boxes:
        a, b = math.ceil((y0 + 1 - STRIDE / 2) / STRIDE), math.floor((y1 - 1 - STRIDE / 2) / STRIDE) + 1
        c, d = math.ceil((x0 + 1 - STRIDE / 2) / STRIDE), math.floor((x1 - 1 - STRIDE / 2) / STRIDE) + 1
        mask[max(0, a) : max(0, b), max(0, c) : max(0, d)] = True
        row, column = int((y0 + y1) / 2 / STRIDE), int((x0 + x1) / 2 / STRIDE)
        mask[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)] = True
    return mask


def _inside(box: Any, tile: Tile) -> bool:
    return bool(
        box[0] >= tile.x - 1
        and box[1] >= tile.y - 1
        and box[2] <= tile.x + tile.width + 1
        and box[3] <= tile.y + tile.height + 1
    )


def _moved(box: Any, tile: Tile) -> list[float]:
    return [box[0] - tile.x, box[1] - tile.y, box[2] - tile.x, box[3] - tile.y]


def letters_map(screen: dict[str, Any], tile: Tile) -> np.ndarray:
    """(H/8, W/4) classes of the characters, from the edges of every letter."""
    rows, columns = tile.height // STRIDE, tile.width // 4
    out = np.zeros((rows, columns), np.int64)
    for box in screen["skip"]:
        x0, y0, x1, y1 = _moved(box, tile)
        out[max(0, int(y0 // 8)) : max(0, math.ceil(y1 / 8)), max(0, int(x0 // 4)) : max(0, math.ceil(x1 / 4))] = IGNORE
    for text, x0, y0, x1, y1, edges in screen["words"]:
        if x1 < tile.x or y1 < tile.y or x0 > tile.x + tile.width or y0 > tile.y + tile.height:
            continue
        inset = (y1 - y0) * 0.2
        a = math.ceil((y0 + inset - tile.y - 4) / 8)
        b = max(math.floor((y1 - inset - tile.y - 4) / 8), a)
        out[max(0, a - 1) : max(0, b + 2), max(0, (x0 - tile.x) // 4) : max(0, (x1 - tile.x) // 4 + 1)] = IGNORE
        for letter, left, right in zip(text, edges, edges[1:], strict=False):
            c, d = math.ceil((left - tile.x - 2) / 4), math.floor((right - tile.x - 2) / 4)
            if d >= c and d >= 0 and b >= 0:
                out[max(0, a) : b + 1, max(0, c) : d + 1] = letter_class(letter)
    return out


def spans_of(words: list[Any], rng: Random) -> list[tuple[str, list[float]]]:
    """Runs of 2 to 5 consecutive words of one line, each with its box."""
    spans, i = [], 0
    while i < len(words):
        text, box, want, j = [words[i][0]], list(words[i][1:5]), rng.choice([2, 2, 3, 3, 4, 5]), i + 1
        while j < len(words) and len(text) < want:
            word, before = words[j], words[j - 1]
            if abs(word[2] - before[2]) > 3 or not 0 <= word[1] - before[3] < (box[3] - box[1]) * 0.9:
                break
            box = [min(box[0], word[1]), min(box[1], word[2]), max(box[2], word[3]), max(box[3], word[4])]
            text.append(word[0])
            j += 1
        if len(text) > 1:
            spans.append((" ".join(text), box))
        i = max(j, i + 1)
    return spans


class Screens:
    """All screens of a folder, opened when they are needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self.names: list[str] = []
        self.rescan()

    def rescan(self) -> None:
        self.files = sorted(self.folder.glob("*.json"))

    def open(self, file: Path) -> tuple[Image.Image, dict[str, Any]]:
        screen: dict[str, Any] = json.loads(file.read_text())
        return Image.open(file.with_suffix(".png")).convert("RGB"), screen


class Examples(IterableDataset[list[Example]]):
    """Endless lists of tiles: `tiles` of different screens, or all tiles of one."""

    def __init__(
        self, folder: Path, config: NanoConfig, limits: Limits, seed: int, tiles: int = 4, dense: float = 0.0
    ) -> None:
        self.screens, self.config, self.limits, self.seed, self.tiles = Screens(folder), config, limits, seed, tiles
        self.dense = dense
        """Share of tiles that are drawn full of text instead of taken from screens."""
        self.elsewhere: list[str] = []

    def __iter__(self) -> Iterator[list[Example]]:
        rng, n = Random(self.seed), 0
        while True:
            n += 1
            if n % 200 == 0:
                self.screens.rescan()
            yield [self.one(rng) for _ in range(self.tiles)]

    def one(self, rng: Random) -> Example:
        if rng.random() < self.dense:
            size = (self.config.image.tile_width, self.config.image.tile_height)
            return self.example(*dense_screen(rng, *size), Tile(0, 0, *size, (0, 0, 0, 0)), rng)._replace(dense=True)
        while True:
            image, screen = self.screens.open(rng.choice(self.screens.files))
            if len(screen["words"]) + 4 * len(screen["els"]) < 20:
                continue
            plan = [self.random_tile(image, rng) for _ in range(3)]
            density = [
                sum(_inside(w[1:5], t) for w in screen["words"]) + 4 * sum(_inside(e["box"], t) for e in screen["els"])
                for t in plan
            ]
            if max(density) >= 10:
                return self.example(image, screen, plan[int(np.argmax(density))], rng)

    def random_tile(self, image: Image.Image, rng: Random) -> Tile:
        shape = self.config.image
        if rng.random() < 0.3:
            tile = rng.choice(tile_plan(image.width, image.height, shape))
            x, y = tile.x, tile.y
        else:
            x = rng.randrange(0, max(1, image.width - shape.tile_width + 1), STRIDE)
            y = rng.randrange(0, max(1, image.height - shape.tile_height + 1), STRIDE)
        return Tile(x, y, shape.tile_width, shape.tile_height, (0, 0, 0, 0))

    def example(self, image: Image.Image, screen: dict[str, Any], tile: Tile, rng: Random) -> Example:
        rows, columns = tile.height // STRIDE, tile.width // STRIDE
        pixels = cut(np.asarray(image), tile)
        if rng.random() < 0.08:
            pixels = 255 - pixels
        small, scale = overview_of(image, self.config.image)
        side = self.config.image.overview
        overview = np.zeros((side, side, 3), np.uint8) + 127
        overview[: small.shape[0], : small.shape[1]] = small[:side, :side]
        elements = [e for e in screen["els"] if _inside(e["box"], tile)]
        names = self.bare(elements, screen, tile, rng)
        asks = self.sentences(elements, rng)
        codes = np.stack([spelling.phrase_code(name) for name, _ in names])
        places = np.stack([mask_of(boxes, rows, columns).reshape(-1) for _, boxes in names])
        answers = np.stack(
            [np.append(mask_of([_moved(b, tile) for b in q.boxes], rows, columns).reshape(-1), q.absent) for q in asks]
        )
        return Example(
            to_tensor(pixels), to_tensor(overview), torch.tensor([tile.x, tile.y], dtype=torch.float32), scale,
            torch.from_numpy(letters_map(screen, tile)), torch.from_numpy(codes), torch.from_numpy(places),
            [q.text for q in asks], torch.from_numpy(answers),
        )  # fmt: skip

    def bare(
        self, elements: list[dict[str, Any]], screen: dict[str, Any], tile: Tile, rng: Random
    ) -> list[tuple[str, list[list[float]]]]:
        """Names of elements, single words and runs of words, each with all the places it stands at."""
        groups: dict[str, list[list[float]]] = {}
        for element in elements:
            for name in ask.names_of(element, (*ask.NAMING, "value")):
                groups.setdefault(spelling.fold(name), []).append(_moved(element["box"], tile))
        words = [w for w in screen["words"] if _inside(w[1:5], tile)]
        singles: dict[str, list[list[float]]] = {}
        for word in words:
            for bare in spelling.words_of(word[0]):
                if len(bare) > 1:
                    singles.setdefault(spelling.fold(bare), []).append(_moved(word[1:5], tile))
        spans = [(text, [_moved(box, tile)]) for text, box in spans_of(words, rng)]
        chosen = [
            *rng.sample(sorted(groups.items()), min(len(groups), self.limits.elements)),
            *rng.sample(sorted(singles.items()), min(len(singles), self.limits.words)),
            *rng.sample(spans, min(len(spans), self.limits.spans)),
        ]
        return [(name, boxes) for name, boxes in chosen if spelling.words_of(name)] or [
            ("none", [[0.0, 0.0, 8.0, 8.0]])
        ]

    def sentences(self, elements: list[dict[str, Any]], rng: Random) -> list[ask.Ask]:
        groups = ask.by_name(elements)
        present = set(groups)
        asks = [
            q
            for e in rng.sample(elements, min(len(elements), self.limits.questions))
            if (q := ask.about(e, groups, rng))
        ]
        missing = [q for _ in range(2) if rng.random() < 0.8 and (q := ask.absent(present, self.elsewhere, rng))]
        self.elsewhere = (self.elsewhere + [name for e in elements[:3] for name in ask.names_of(e)])[-3000:]
        return (asks + missing)[: self.limits.questions + 1] or [ask.Ask("nothing at all", (), "absent", True)]
