"""Drawings: what an icon means, from its picture, as a vector in the space of meanings.

A small convolutional network over one drawing, cut out along its ink and brought to one size, dark on light or light on
dark alike. It learns to say the names and tags under which open icon sets file their drawings, so that a drawing is
found by words that were never said of it. Knows nothing of pages.
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from deixis.vlm import meaning
from deixis.vlm.config import SymbolConfig
from deixis.vlm.finder import groups

SIZE, MARGIN = 40, 3
"""Pixels of a drawing's side, and of the empty edge around it."""
AT_ONCE = 8
"""Drawings."""
LARGEST = 96.0
"""CSS pixels; what is larger is a picture, no symbol."""
INK = 28
"""Difference from the ground, of 255, that is ink."""


class Symbols(nn.Module):
    """(B, 1, 40, 40) drawings in [0, 1] -> (B, M) vectors of unit length."""

    def __init__(self, config: SymbolConfig) -> None:
        super().__init__()
        a, b, c, d = config.channels
        self.body = nn.Sequential(
            nn.Conv2d(1, a, 3, 1, 1), nn.GELU(), nn.Conv2d(a, b, 3, 2, 1), nn.GroupNorm(8, b), nn.GELU(),
            nn.Conv2d(b, b, 3, 1, 1), nn.GELU(), nn.Conv2d(b, c, 3, 2, 1), nn.GroupNorm(8, c), nn.GELU(),
            nn.Conv2d(c, c, 3, 1, 1), nn.GELU(), nn.Conv2d(c, d, 3, 2, 1), nn.GroupNorm(8, d), nn.GELU(),
        )  # fmt: skip
        self.flat = nn.Sequential(nn.Linear(d * 25, 384), nn.GELU(), nn.LayerNorm(384))
        self.out = nn.Linear(384, config.meaning)
        self.words = nn.Linear(meaning.WIDTH, config.meaning, bias=False)
        self.sharpness = nn.Parameter(torch.tensor(2.7))

    def forward(self, drawings: Tensor) -> Tensor:
        x = self.body(drawings.contiguous(memory_format=torch.channels_last))
        return F.normalize(self.out(self.flat(x.flatten(1))).float(), dim=-1)

    def named(self, meanings: Tensor) -> Tensor:
        """(..., 384) meanings of words -> (..., M) of unit length: what a drawing of them would be."""
        return F.normalize(self.words(meanings).float(), dim=-1)


def meant(model: Symbols, drawings: Tensor) -> Tensor:
    """(N, 1, 40, 40) drawings -> (N, M), by so many at once: convolutions' kernels are made anew for every shape."""
    empty = drawings.new_zeros(-len(drawings) % AT_ONCE, *drawings.shape[1:])
    full = torch.cat([drawings, empty])
    parts = [model(full[start : start + AT_ONCE]) for start in range(0, len(full), AT_ONCE)]
    return torch.cat(parts)[: len(drawings)].float()


def drawing_of(picture: Image.Image, around: int = 0) -> np.ndarray | None:
    """(40, 40) float32 ink, 0 to 1, of the one thing drawn on a picture; None when nothing is.

    around: pixels at each edge that lie outside the element. The ground is the colour that is most common inside;
    the frame of a button is left out, and so is what reaches in from outside.
    """
    pixels = np.asarray(picture.convert("RGB"), np.int16)
    height, width = pixels.shape[:2]
    if min(height, width) - 2 * around < 4:
        return None
    down, across = ((around + (size - 2 * around) // 8) for size in (height, width))
    shades = (pixels[down : height - down, across : width - across] // 8) @ np.array([1024, 32, 1], np.int16)
    common = int(np.bincount(shades.ravel()).argmax())
    ground = np.array([common // 1024, common // 32 % 32, common % 32], np.int16) * 8 + 4
    ink = np.abs(pixels - ground).max(2).astype(np.float32)
    inner = _unframed(_own(ink, around) if around else ink)
    rows, columns = np.nonzero(inner.max(1) > INK)[0], np.nonzero(inner.max(0) > INK)[0]
    if len(rows) < 2 or len(columns) < 2:
        return None
    cut = inner[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = (cut / max(float(np.percentile(cut, 99)), 1.0)).clip(0, 1)
    return fitted(cut)


def _own(ink: np.ndarray, around: int) -> np.ndarray:
    """Ink of an element without the button's edge around it: strokes that reach the picture's edge, and thin rings.

    Strokes are connected runs; when nothing else is left, the ink inside the element is.
    """
    height, width = ink.shape
    runs, group = strokes(ink > INK)
    plain = ink.copy()
    plain[:around] = plain[height - around :] = 0
    plain[:, :around] = plain[:, width - around :] = 0
    if not len(runs):
        return plain
    boxes: dict[int, tuple[int, int, int, int]] = {}
    for (row, left, right), owner in zip(runs.tolist(), group, strict=True):
        top, a, _, b = boxes.get(owner, (row, left, row, right))
        boxes[owner] = top, min(a, left), row, max(b, right)
    high, wide = height - 2 * around, width - 2 * around
    outside = {
        owner
        for owner, (top, left, bottom, right) in boxes.items()
        if top == 0 or left == 0 or bottom == height - 1 or right == width
        or (bottom - top > RING * high and right - left > RING * wide and min(high, wide) > SMALLEST_RING / 5 * around)
    }  # fmt: skip
    if len(outside) == len(boxes):
        return plain
    out = ink.copy()
    for (row, left, right), owner in zip(runs.tolist(), group, strict=True):
        if owner in outside:
            out[max(row - 1, 0) : row + 2, max(left - 1, 0) : right + 1] = 0
    return out


RING, SMALLEST_RING = 0.8, 24
"""Share of an element that a ring must span to be the edge of a button; and CSS pixels of the smallest button with one."""
MOST_RUNS = 900
"""A photograph has more; it is no drawing."""


def strokes(mask: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Runs (N, 3) of a mask (row, first column, column after the last), and the number of the stroke each belongs to.

    Runs of neighbouring rows that touch, corners too, are one stroke. Nothing of a mask with too many runs.
    """
    steps = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, first = np.nonzero(steps == 1)
    last = np.nonzero(steps == -1)[1]
    runs = np.stack([rows, first, last], 1)
    if not 0 < len(runs) <= MOST_RUNS:
        return runs[:0], []
    touching = (rows[None] == rows[:, None] + 1) & (first[None] <= last[:, None]) & (first[:, None] <= last[None])
    above, below = np.nonzero(touching)
    return runs, groups(len(runs), [(above, below)])


def fitted(ink: np.ndarray) -> np.ndarray:
    """Ink (h, w) in [0, 1], enlarged or made smaller until it fills a drawing, its shape kept."""
    inner = SIZE - 2 * MARGIN
    scale = inner / max(ink.shape)
    size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
    small = Image.fromarray(np.uint8(ink * 255)).resize(
        size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    )
    out = np.zeros((SIZE, SIZE), np.float32)
    top, left = (SIZE - size[1]) // 2, (SIZE - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = np.asarray(small, np.float32) / 255
    return out


def _unframed(ink: np.ndarray) -> np.ndarray:
    """Without the border or rounded box that lies along the edges of the picture: peeled off while it is drawn there."""
    out = ink.copy()
    height, width = out.shape
    for depth in range(min(height, width) // 5):
        edge = [out[depth, depth : width - depth], out[height - 1 - depth, depth : width - depth]]
        edge += [out[depth : height - depth, depth], out[depth : height - depth, width - 1 - depth]]
        if not any((side > INK).mean() > 0.15 for side in edge):
            if depth:
                return out
            continue
        out[: depth + 1] = out[height - 1 - depth :] = 0
        out[:, : depth + 1] = out[:, width - 1 - depth :] = 0
    return out if (out > INK).any() else ink
