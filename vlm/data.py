"""From rendered screens to training examples: a part of a screen, what is written on it, questions with their answers.

Words and names are asked as bare spelling codes and meaning vectors, very many at once, which is cheap and teaches the
encoder; sentences go through the decoder. A part is cut from a screen like a small page of its own, one to four tiles;
what lies outside it is absent. Beside them, tiles drawn full of text (`dense`).
"""

import json
import math
from collections.abc import Iterator, Mapping
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
from deixis.vlm.image import Prepared, prepare, to_tensor
from deixis.vlm.vit import STRIDE

IGNORE = -100
PARTS = ((4, 1312, 736), (4, 1312, 736), (2, 1312, 384), (2, 672, 736), (1, 672, 384))
"""Sizes of parts: number of tiles, largest width and height."""


TEXT_EVERY = 3
"""Batches from one with tiles full of text to the next."""


class Limits(NamedTuple):
    """How much is asked of a part with one tile; of larger ones, more."""

    elements: int = 16
    words: int = 50
    spans: int = 8
    questions: int = 10


class Names(NamedTuple):
    """Bare names and where they stand."""

    codes: Tensor
    """(Q, N, spelling.SIZE): their words"""
    weights: Tensor
    """(Q, N)"""
    places: Tensor
    """(Q, cells) bool, row by row."""


class Written(NamedTuple):
    """What is written on a picture."""

    letters: Tensor
    """(H/8, W/4) class of the character at each half cell; 0 blank, IGNORE unknown"""
    words: Names
    """Single words; the last of their cells means "nowhere"."""
    names: Names
    """Names of elements and runs of words."""


class Part(NamedTuple):
    """A part of a screen and what is to be learned from it."""

    page: Prepared
    written: Written
    meant: list[str]
    """Names of elements, for the meaning keys."""
    meant_places: Tensor
    """(len(meant), cells) bool"""
    asks: list[ask.Ask]
    answers: Tensor
    """(A, cells + 1) bool; the last column is "absent"."""
    anchors: Tensor
    """(A, cells) bool: where the words stand that tell the target apart; nowhere when there are none."""


class Dense(NamedTuple):
    """A tile that is nothing but text."""

    tile: Tensor
    """(3, H, W)"""
    written: Written


class Batch(NamedTuple):
    parts: list[Part]
    dense: list[Dense]


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


def _inside(box: Any, frame: tuple[int, int, int, int]) -> bool:
    return bool(box[0] >= frame[0] - 1 and box[1] >= frame[1] - 1 and box[2] <= frame[2] + 1 and box[3] <= frame[3] + 1)


def _moved(box: Any, frame: tuple[int, int, int, int]) -> list[float]:
    return [box[0] - frame[0], box[1] - frame[1], box[2] - frame[0], box[3] - frame[1]]


def places_of(groups: list[list[Any]], rows: int, columns: int) -> Tensor:
    """(len(groups), cells) bool: where the boxes of each group lie."""
    masks = [mask_of(boxes, rows, columns).reshape(-1) for boxes in groups]
    return torch.from_numpy(np.stack(masks)) if masks else torch.zeros(0, rows * columns, dtype=torch.bool)


def names_at(named: list[tuple[str, list[Any]]], rows: int, columns: int) -> Names:
    """Codes of names and their places; there may be none."""
    codes, weights = spelling.phrase_codes([name for name, _ in named])
    places = places_of([boxes for _, boxes in named], rows, columns)
    return Names(torch.from_numpy(codes), torch.from_numpy(weights), places)


def misspelt(word: str, rng: Random) -> str:
    """The word with another letter or digit in one place, so that every letter counts."""
    i = rng.randrange(len(word))
    alphabet = "0123456789" if word[i].isdigit() else "abcdefghijklmnopqrstuvwxyz"
    return word[:i] + rng.choice(alphabet) + word[i + 1 :]


def letters_map(words: list[Any], skip: list[Any], rows: int, columns: int) -> np.ndarray:
    """(rows, 2 * columns) classes of the characters at each half cell, from the edges of every letter."""
    out = np.zeros((rows, 2 * columns), np.int64)
    for x0, y0, x1, y1 in skip:
        out[max(0, int(y0 // 8)) : max(0, math.ceil(y1 / 8)), max(0, int(x0 // 4)) : max(0, math.ceil(x1 / 4))] = IGNORE
    for text, x0, y0, x1, y1, edges in words:
        if x1 < 0 or y1 < 0 or x0 > columns * STRIDE or y0 > rows * STRIDE:
            continue
        inset = (y1 - y0) * 0.2
        a = math.ceil((y0 + inset - 4) / 8)
        b = max(math.floor((y1 - inset - 4) / 8), a)
        out[max(0, a - 1) : max(0, b + 2), max(0, int(x0 // 4)) : max(0, int(x1 // 4) + 1)] = IGNORE
        for letter, left, right in zip(text, edges, edges[1:], strict=False):
            c, d = math.ceil((left - 2) / 4), math.floor((right - 2) / 4)
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


RARE = 0.2
"""Share of parts that are cut from screens full of controls."""


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


class Sources(NamedTuple):
    """What examples are made from."""

    screens: Path
    """Folder that `collect` filled."""
    fonts: Path | None = None
    """Folder of unpacked font packages, for tiles full of text."""
    synonyms: Mapping[str, list[str]] = {}
    """Folded label -> other words for it."""


class Examples(IterableDataset[Batch]):
    """Endless batches: parts of screens of so many tiles altogether, and tiles full of text."""

    def __init__(
        self, sources: Sources, config: NanoConfig, limits: Limits, seed: int, tiles: int = 4, dense: int = 0
    ) -> None:
        self.screens, self.config, self.limits, self.seed = Screens(sources.screens), config, limits, seed
        self.tiles, self.dense, self.fonts, self.synonyms = tiles, dense, sources.fonts, sources.synonyms
        self.elsewhere: list[str] = []
        """Names of other screens."""
        self.vocabulary: list[str] = []
        """Words of other screens."""

    def __iter__(self) -> Iterator[Batch]:
        rng, n = Random(self.seed), 0
        while True:
            n += 1
            if n % 25 == 0:
                self.screens.rescan()
            parts, left = [], self.tiles
            while left > 0:
                part = self.part(rng, left)
                parts.append(part)
                left -= len(part.page.plan)
            yield Batch(parts, [self.text(rng) for _ in range(self.dense)] if n % TEXT_EVERY == 0 or not parts else [])

    def part(self, rng: Random, most: int) -> Part:
        """A part of a random screen with at most so many tiles and enough on it to ask about."""
        while True:
            image, screen = self.screens.open(self.screens.draw(rng))
            if len(screen["words"]) + 4 * len(screen["els"]) < 12:
                continue
            _, width, height = rng.choice([size for size in PARTS if size[0] <= most])
            frames = [self.frame(image, width, height, rng) for _ in range(3)]
            filled = [
                sum(_inside(w[1:5], f) for w in screen["words"]) + 4 * sum(_inside(e["box"], f) for e in screen["els"])
                for f in frames
            ]
            if max(filled) >= 10:
                return self.made(image, screen, frames[int(np.argmax(filled))], rng)

    def frame(self, image: Image.Image, width: int, height: int, rng: Random) -> tuple[int, int, int, int]:
        """A window on a screen, at the edges as often as anywhere."""
        width, height = min(width, image.width), min(height, image.height)
        x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
        x, y = (rng.choice([0, image.width - width]) if rng.random() < 0.4 else x), (0 if rng.random() < 0.3 else y)
        return x, y, x + width, y + height

    def made(self, image: Image.Image, screen: dict[str, Any], frame: tuple[int, int, int, int], rng: Random) -> Part:
        cropped = image.crop(frame)
        if rng.random() < 0.08:
            cropped = Image.eval(cropped, lambda v: 255 - v)
        page = prepare(cropped, self.config.image)
        rows, columns = math.ceil(cropped.height / STRIDE), math.ceil(cropped.width / STRIDE)
        elements = [e | {"box": _moved(e["box"], frame)} for e in screen["els"] if _inside(e["box"], frame)]
        words = [_shifted(w, frame) for w in screen["words"] if _inside(w[1:5], frame)]
        skip = [_moved(box, frame) for box in screen["skip"]]
        # Words that are cut off at the edge are there to be seen, but not to be asked for.
        cut_off = [_moved(w[1:5], frame) for w in screen["words"] if not _inside(w[1:5], frame)]
        seen = ask.scene(elements, words)
        factor = (len(page.plan) + 2) / 3

        def masks(boxes: list[Any]) -> np.ndarray:
            return mask_of(boxes, rows, columns).reshape(-1)

        written = self.written(seen, words, letters_map(words, skip + cut_off, rows, columns), factor, rng)
        named = [(name, boxes) for name, boxes in named_places(seen).items() if len(boxes) < 4]
        drawn = sum(map(ask.is_icon, elements)) > 30
        named = rng.sample(named, min(len(named), int(self.limits.elements * factor * (2 if drawn else 1))))
        asks = self.sentences(seen, factor, rng)
        answers = np.stack([np.append(masks(list(q.boxes)), q.absent) for q in asks])
        anchors = np.stack([masks(list(q.anchor)) for q in asks])
        return Part(
            page, written, [name for name, _ in named], places_of([boxes for _, boxes in named], rows, columns), asks,
            torch.from_numpy(answers), torch.from_numpy(anchors),
        )  # fmt: skip

    def text(self, rng: Random) -> Dense:
        width, height = self.config.image.tile_width, self.config.image.tile_height
        image, screen = dense_screen(rng, width, height, self.fonts)
        pixels = np.asarray(image)
        if rng.random() < 0.08:
            pixels = 255 - pixels
        rows, columns = height // STRIDE, width // STRIDE
        letters = letters_map(screen["words"], [], rows, columns)
        return Dense(to_tensor(pixels), self.written(ask.scene([], []), screen["words"], letters, 3, rng))

    def written(self, seen: ask.Scene, words: list[Any], letters: np.ndarray, factor: float, rng: Random) -> Written:
        """Single words, some of them nowhere; names of elements and runs of words, each with all its places."""
        rows, columns = letters.shape[0], letters.shape[1] // 2
        places: dict[str, list[list[float]]] = {}
        for word in words:
            for bare in spelling.words_of(word[0]):
                if len(bare) > 1 or bare.isdigit():
                    places.setdefault(spelling.fold(bare), []).append(word[1:5])
        singles = rng.sample(sorted(places.items()), min(len(places), int(self.limits.words * factor)))
        absent = [misspelt(word, rng) for word, _ in singles[: len(singles) // 6]]
        absent += rng.sample(self.vocabulary, min(len(self.vocabulary), len(singles) // 6))
        absent = [word for word in absent if word not in places]
        self.vocabulary = (self.vocabulary + [word for word, _ in singles])[-2000:]
        at = names_at([*singles, *((word, []) for word in absent)], rows, columns)
        nowhere = torch.arange(len(at.places)) >= len(singles)
        groups = named_places(seen, (*ask.NAMING[:3], "value"))
        spans = [(text, [box]) for text, box in spans_of(words, rng)]
        named = rng.sample(sorted(groups.items()), min(len(groups), int(self.limits.elements * factor)))
        named += rng.sample(spans, min(len(spans), int(self.limits.spans * factor)))
        return Written(
            torch.from_numpy(letters), at._replace(places=torch.cat([at.places, nowhere[:, None]], 1)),
            names_at([(name, boxes) for name, boxes in named if spelling.words_of(name)], rows, columns),
        )  # fmt: skip

    def sentences(self, seen: ask.Scene, factor: float, rng: Random) -> list[ask.Ask]:
        wanted = int(self.limits.questions * factor)
        asks = [q for e in balanced(seen, wanted, rng) if (q := ask.about(e, seen, rng, self.synonyms))]
        asks += [q for _ in range(1 + wanted // 8) if (q := ask.value(seen, rng))]
        asks += [q for _ in range(1 + wanted // 8) if (q := ask.written(seen, rng))]
        asks += [q for _ in range(1 + wanted // 5) if (q := ask.absent(seen, self.elsewhere, rng))]
        self.elsewhere = (self.elsewhere + [name for e in seen.elements[:3] for name in ask.names_of(e)])[-3000:]
        return asks or [ask.Ask("nothing at all", (), "absent", True)]


def balanced(seen: ask.Scene, count: int, rng: Random) -> list[dict[str, Any]]:
    """Elements to ask about; rare roles and icons are preferred to the many links and buttons."""
    weights = {"link": 1.0, "button": 1.2, "menuitem": 1.0}
    keyed = [
        (rng.random() ** (1 / (3.0 if ask.is_icon(e) else weights.get(e["role"], 3.0))), i)
        for i, e in enumerate(seen.elements)
    ]
    return [seen.elements[i] for _, i in sorted(keyed, reverse=True)[:count]]


def named_places(seen: ask.Scene, kinds: tuple[str, ...] = ask.NAMING) -> dict[str, list[list[float]]]:
    """Every folded name of elements with the boxes of all that have it."""
    groups: dict[str, list[list[float]]] = {}
    for element in seen.elements:
        for name in dict.fromkeys(map(spelling.fold, ask.names_of(element, kinds))):
            groups.setdefault(name, []).append(element["box"])
    return groups


def _shifted(word: list[Any], frame: tuple[int, int, int, int]) -> list[Any]:
    text, *box, edges = word
    return [text, *_moved(box, frame), [edge - frame[0] for edge in edges]]
