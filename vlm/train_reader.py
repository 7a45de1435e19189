"""What the line reader learns: drawn lines, and lines cut from rendered screens. See `train`.

Lines are cut with margins that are never quite right, as they are when the model finds them itself.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import IterableDataset

from deixis.vlm.config import ReaderConfig
from deixis.vlm.data import Screens
from deixis.vlm.dense import font_files
from deixis.vlm.model import READING, Nano
from deixis.vlm.reader import LONGEST, Shelved, Strips, decode, encode, outputs, shelved, strip_of
from deixis.vlm.scenes import runs_of
from deixis.vlm.words import Words

LETTERS = 48
"""Longer lines are left out."""
SIZES = (9, 10, 11, 12, 12, 13, 13, 14, 14, 15, 16, 16, 18, 20, 24, 28, 36)


class Lines(NamedTuple):
    """Lines of one batch, on shelves as they are when they are read."""

    strips: list[Tensor]
    """(1, 32, W) each"""
    shelved: Shelved
    texts: list[str]


def line_text(words: Words, rng: Random) -> str:
    """What stands on a line of a page, of at most LETTERS letters."""
    kinds = (
        words.label,
        words.field,
        words.option,
        words.value,
        words.value,
        lambda: words.title(1, 5),
        lambda: words.sentence(3, 9),
        lambda: f"{words.field()}: {words.value()}",
        lambda: identifier(words, rng),
        lambda: quoted(words, rng),
    )
    return str(rng.choice(kinds)())[:LETTERS].strip() or "x"


def identifier(words: Words, rng: Random) -> str:
    """A name as programs, files and addresses have them: "get_state()", "Page.loadAll(...)", "docs/read_me.txt"."""
    parts = [part for _ in range(rng.randint(1, 3)) if (part := "".join(filter(str.isalnum, words.some(1))).lower())]
    parts = parts or ["x"]
    capital = [part.capitalize() for part in parts]
    spelled = rng.choice(
        ["_".join(parts), parts[0] + "".join(capital[1:]), "".join(capital), "_".join(parts).upper(), ".".join(parts)]
    )
    before = rng.choice(["", "", "", f"{capital[0]}.", f"{parts[-1]}/", "self.", "--"])
    return before + spelled + rng.choice(["", "()", "()", "()", "(...)", f"({parts[-1]})", "[0]", ".py", ".txt", "/"])


def quoted(words: Words, rng: Random) -> str:
    """A sentence with something in quotes, or in brackets."""
    marks = rng.choice(['""', '""', "''", "“”", "‘’", "«»", "()", "[]"])
    inside = rng.choice([words.some(1), words.title(1, 2), words.value()])
    return f"{words.sentence(1, 3)[:24].rstrip('.')} {marks[0]}{inside}{marks[1]}{rng.choice(['', '', '.', ',', ' button'])}".strip()


def drawn(rng: Random, words: Words, fonts: list[str]) -> tuple[Image.Image, str]:
    """A line in a random font on a plain ground."""
    text = line_text(words, rng)
    text = text.upper() if rng.random() < 0.06 else text
    text = encoded_only(text)
    font = ImageFont.truetype(rng.choice(fonts), rng.choice(SIZES), layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = font.getbbox(text)
    high = max(bottom, sum(font.getmetrics()))
    margins = [rng.randint(0, 6), rng.randint(-2, 4), rng.randint(0, 8), rng.randint(-2, 4)]
    size = (max(4, int(right - left) + margins[0] + margins[2]), max(6, int(high) + margins[1] + margins[3]))
    dark = rng.random() < 0.3
    grounds, inks = (
        (rng.randint(0, 110), rng.randint(150, 255)) if dark else (rng.randint(170, 255), rng.randint(0, 130))
    )

    def tint(v: int) -> tuple[int, int, int]:
        r, g, b = (min(255, max(0, v + rng.randint(-30, 30))) for _ in range(3))
        return r, g, b

    image = Image.new("RGB", size, tint(grounds))
    ImageDraw.Draw(image).text((margins[0] - left, margins[1]), text, font=font, fill=tint(inks))
    return image, text


def encoded_only(text: str) -> str:
    """The text without what cannot be read, spaces single."""
    symbols = set(ReaderConfig().symbols)
    return " ".join("".join(c if c in symbols else " " for c in text).split()) or "x"


class LineBatches(IterableDataset[Lines]):
    """Endless batches, half drawn, half cut from screens."""

    def __init__(self, folder: Path | None, fonts: Path | None, seed: int, size: int) -> None:
        self.screens = Screens(folder) if folder else None
        self.fonts, self.seed, self.size = fonts, seed, size

    def __iter__(self) -> Iterator[Lines]:
        rng = Random(self.seed)
        pool: list[tuple[Image.Image, str]] = []
        while True:
            while len(pool) < self.size * 8:
                pool += self.cut(rng) if self.screens and rng.random() < 0.4 else self.some(rng)
            pool = [one for one in pool if one[0].width * 32 / one[0].height < LONGEST]
            rng.shuffle(pool)
            yield batch_of(pool[-self.size :])
            del pool[-self.size :]

    def some(self, rng: Random) -> list[tuple[Image.Image, str]]:
        words, fonts = Words(rng), font_files(self.fonts)
        return [drawn(rng, words, fonts) for _ in range(12)]

    def cut(self, rng: Random) -> list[tuple[Image.Image, str]]:
        """Lines of one rendered screen, with margins."""
        assert self.screens
        image, screen = self.screens.open(rng.choice(self.screens.files))
        out = []
        runs = runs_of(screen["words"])
        for run in rng.sample(runs, min(len(runs), 14)):
            x0, y0, x1, y1 = run.box
            text = encoded_only(run.text)
            if text != " ".join(run.text.split()) or len(text) > LETTERS or y1 - y0 < 8:
                continue
            slack = (y1 - y0) * 0.12
            frame = (
                x0 - rng.randint(0, 6),
                y0 + rng.uniform(-slack, slack),
                x1 + rng.randint(0, 6),
                y1 + rng.uniform(-slack, slack),
            )
            out.append((image.crop(tuple(round(v) for v in frame)), text))  # type: ignore[arg-type]
        return out


def batch_of(lines: list[tuple[Image.Image, str]]) -> Lines:
    strips = [strip_of(image) for image, _ in lines]
    return Lines(strips, shelved(strips), [text for _, text in lines])


class Reading:
    """Stage `read`."""

    parts: Sequence[str] = READING
    shapes = True

    def __init__(self, screens: Path | None, fonts: Path | None, lines: int) -> None:
        self.screens, self.fonts, self.lines = screens, fonts, lines

    def examples(self, seed: int) -> IterableDataset[Any]:
        return LineBatches(self.screens, self.fonts, seed, self.lines)

    def loss(self, model: Nano, batch: Lines) -> tuple[Tensor, dict[str, float]]:
        loss, exact = loss_of(model.reader, batch)
        return loss, {"exact": exact}


def loss_of(model: Strips, lines: Lines) -> tuple[Tensor, float]:
    """CTC loss and the share of lines read exactly."""
    symbols = model.config.symbols
    own = outputs(model(lines.shelved.shelves).float(), lines.shelved.places, lines.strips)
    wanted = [encode(text, symbols) for text in lines.texts]
    loss = F.ctc_loss(
        pad_sequence(own).log_softmax(-1), torch.tensor([k for row in wanted for k in row]),
        torch.tensor([len(row) for row in own]), torch.tensor([len(row) for row in wanted]),
        blank=len(symbols), zero_infinity=True,
    )  # fmt: skip
    read = [decode(row.detach(), symbols).text for row in own]
    return loss, sum(a == b for a, b in zip(read, lines.texts, strict=True)) / len(read)
