"""Reading: the text of one line, from the picture of that line.

A small convolutional network with a CTC output over a strip of 32 pixels' height; letters are read where they stand, no
language is modelled. Where lines are is the business of `finder`. Strips are cut from the picture at its own resolution, which on a scaled screen shows more than CSS pixels.
Source of the loss: Graves et al., "Connectionist Temporal Classification" (2006).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from deixis.vlm.config import ReaderConfig

HEIGHT = 32
STEP = 4
"""Pixels of a strip per output."""
LONGEST = 1280
GAP = 24
"""Pixels that are empty behind each strip on a shelf, at least: the last letter needs some, and neighbours are not to be read into it."""
SHELF = LONGEST + GAP
"""Pixels of a shelf: lines lie on it one behind the other."""
AT_ONCE = 2
"""Shelves that are read at once. All are alike: convolutions' kernels are made anew for every shape that they have not met."""


class Along(nn.Module):
    """Residual depth-wise convolution along the line."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, D)
        # As a picture of one row in the order it has already: the same sums, without copying it twice.
        rows = self.norm(x)[:, None].permute(0, 3, 1, 2)
        weight, bias, reach = self.conv.weight[:, :, None], self.conv.bias, self.conv.kernel_size[0] // 2
        y = F.conv2d(rows, weight, bias, padding=(0, reach), groups=x.shape[-1])
        return x + self.down(F.gelu(self.up(y.permute(0, 2, 3, 1)[:, 0])))


class Strips(nn.Module):
    """(B, 1, 32, W) strips in [-1, 1] -> (B, W / 4, symbols + 1) logits; the last class is CTC's blank."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c = config.channels
        self.stem = nn.Sequential(
            nn.Conv2d(1, a, 3, (2, 2), 1), nn.GELU(), nn.Conv2d(a, b, 3, (2, 2), 1), nn.GELU(),
            nn.Conv2d(b, b, 3, 1, 1), nn.GELU(), nn.Conv2d(b, c, 3, (2, 1), 1), nn.GELU(),
        )  # fmt: skip
        self.flat = nn.Linear(c * HEIGHT // 8, config.width)
        self.blocks = nn.Sequential(*[Along(config.width, config.kernel) for _ in range(config.blocks)])
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, len(config.symbols) + 1)
        for layer in self.stem:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, strips: Tensor) -> Tensor:
        x = self.stem(strips.contiguous(memory_format=torch.channels_last))  # (B, C, 4, W / 4)
        x = self.flat(x.permute(0, 3, 1, 2).flatten(2))
        logits: Tensor = self.out(self.norm(self.blocks(x)))
        return logits


class Line(NamedTuple):
    """What was read, letter by letter."""

    text: str
    places: tuple[float, ...]
    """Where on the strip each letter of the text stands, 0 to 1."""
    sure: tuple[float, ...]
    """Probability of each letter."""

    @property
    def confidence(self) -> float:
        """Geometric mean of the letters' probabilities."""
        return float(np.exp(np.mean(np.log(self.sure)))) if self.sure else 0.0


def shares(values: np.ndarray, of: Sequence[float]) -> list[float]:
    """What such shares of whole numbers from 0 to 255 lie below, as numpy's quantiles, which take ten times as long."""
    below = np.cumsum(np.bincount(values.astype(np.uint8).ravel(), minlength=256))
    found = []
    for share in of:
        place = share * (values.size - 1)
        first, second = (
            int(np.searchsorted(below, at, side="right")) for at in (int(place), min(int(place) + 1, values.size - 1))
        )
        found.append(first + (second - first) * (place - int(place)))
    return found


def strip_of(image: Image.Image) -> Tensor:
    """(1, 32, W) of one line's picture, dark on light or light on dark alike, contrast stretched; W a multiple of 4."""
    grey = image.convert("L")
    width = max(8, min(LONGEST, round(grey.width * HEIGHT / grey.height)))
    values = np.asarray(grey.resize((width, HEIGHT), Image.Resampling.BICUBIC), np.float32)
    low, middle, high = shares(values, (0.01, 0.5, 0.99))
    values = (values - low) / max(high - low, 12.0)
    if (middle - low) / max(high - low, 12.0) > 0.5:  # more paper than ink
        values = 1 - values
    values = np.pad(values.clip(-0.2, 1.2), ((0, 0), (0, -width % STEP)))
    return torch.from_numpy(np.float32(values * 2 - 1))[None]


def decode(logits: Tensor, symbols: str) -> Line:
    """(T, symbols + 1) -> the likeliest letters, runs of one class taken as one."""
    probabilities, classes = logits.softmax(-1).max(-1)
    blank, read, last = len(symbols), [], -1
    for step, (p, k) in enumerate(zip(probabilities.tolist(), classes.tolist(), strict=True)):
        if k not in (blank, last):
            read.append((symbols[k], p, (step + 0.5) / len(classes)))
        last = k
    while read and read[0][0] == " ":
        read.pop(0)
    while read and read[-1][0] == " ":
        read.pop()
    return Line("".join(letter for letter, _, _ in read), tuple(x for _, _, x in read), tuple(p for _, p, _ in read))


def encode(text: str, symbols: str) -> list[int]:
    """Classes of the letters that can be read."""
    index = {symbol: i for i, symbol in enumerate(symbols)}
    return [index[letter] for letter in text if letter in index]


class Shelved(NamedTuple):
    """Strips on shelves."""

    shelves: Tensor
    """(S, 1, 32, SHELF)"""
    places: list[tuple[int, int]]
    """Of each strip the shelf, and the pixel at which it begins: a multiple of STEP."""


def shelved(strips: Sequence[Tensor], at_once: int = 1) -> Shelved:
    """Strips (1, 32, W) on the fewest shelves, or nearly so: the widest first, each where least is left over.

    at_once: there are so many shelves, or a multiple of it.
    """
    left: list[int] = []
    places = [(0, 0)] * len(strips)
    for i in sorted(range(len(strips)), key=lambda i: -strips[i].shape[-1]):
        width = strips[i].shape[-1] + GAP
        room = [(free, shelf) for shelf, free in enumerate(left) if free >= width]
        free, shelf = min(room, default=(SHELF, len(left)))
        if shelf == len(left):
            left.append(SHELF)
        places[i] = shelf, SHELF - free
        left[shelf] -= width
    shelves = torch.full((len(left) + -len(left) % at_once, 1, HEIGHT, SHELF), -1.0)
    for (shelf, start), strip in zip(places, strips, strict=True):
        shelves[shelf, :, :, start : start + strip.shape[-1]] = strip
    return Shelved(shelves, places)


def outputs(logits: Tensor, places: Sequence[tuple[int, int]], strips: Sequence[Tensor]) -> list[Tensor]:
    """(S, SHELF / STEP, K) of shelves -> (W / STEP, K) of each strip."""
    return [
        logits[shelf, start // STEP : (start + strip.shape[-1]) // STEP]
        for (shelf, start), strip in zip(places, strips, strict=True)
    ]


def read(model: Strips, lines: Sequence[Image.Image]) -> list[Line]:
    """The text of each picture of a line."""
    if not lines:
        return []
    strips = [strip_of(line) for line in lines]
    shelves, places = shelved(strips, AT_ONCE)
    with torch.inference_mode():
        logits = torch.cat([model(some).float() for some in torch.split(shelves, AT_ONCE)])
    return [decode(own, model.config.symbols) for own in outputs(logits, places, strips)]
