"""Where a line of text begins and ends on a page, from what the encoder says of every half cell and from the pixels.

Boxes are CSS pixels. Knows nothing of letters' names: only that there are some.
"""

import numpy as np
from torch import Tensor

from deixis.browser.types import Box, Point
from deixis.vlm.vit import STRIDE

HALF = STRIDE // 2
INK = 40
"""Difference from the ground, of 255 greys, that is ink."""
GAP = 0.85
"""Heights of a line that lie between two columns of text; between words there is less."""
LEAST = 14.0
"""A line's box is at least this high, CSS pixels: words without tall letters are read at the size of others."""
AROUND = 40
"""CSS pixels to each side of a point whose ink says how high its line is."""


def written(letters: Tensor) -> np.ndarray:
    """(H, 2 W, classes) logits of characters -> (H, 2 W) bool: something is written here."""
    return (letters.softmax(-1)[..., 0] < 0.5).numpy()


def line_at(mask: np.ndarray, pixels: np.ndarray, point: Point, reach: int = 3) -> Box | None:
    """The line of text at a point or within `reach` cells above, below or beside it; None when nothing is written there.

    mask (H, 2 W); pixels (height, width) grey values of the page at one pixel per CSS pixel.
    """
    near = _nearest(mask, int(point.y // STRIDE), int(point.x // HALF), reach)
    if near is None:
        return None
    x, y = int((near[1] + 0.5) * HALF), min(int((near[0] + 0.5) * STRIDE), len(pixels) - 1)
    local = _lettered(mask[near[0]], near[1])
    ground = float(np.median(pixels[max(0, y - 6) : y + 7, local]))
    top, bottom = _rows(_ink(pixels[:, local], ground), y, 40)
    left, right = _columns(
        _ink(pixels[top:bottom], ground) & _letters(mask, top, bottom, pixels.shape[1]), x, bottom - top
    )
    # Other letters of the line may be taller than those at the point, but not much: what is more is a box or a border.
    more = max(3, 10 - (bottom - top) // 3)
    whole = _rows(_ink(pixels[:, left:right], ground), y, max(y - top, bottom - y) + more)
    top, bottom = max(whole[0], top - more), min(whole[1], bottom + more)
    short = max(0.0, LEAST - (bottom - top + 5)) / 2
    return Box(
        x0=max(0.0, left - 3.0), y0=max(0.0, top - 2.0 - short),
        x1=min(float(pixels.shape[1]), right + 3.0), y1=min(float(len(pixels)), bottom + 3.0 + short),
    )  # fmt: skip


def _nearest(mask: np.ndarray, row: int, column: int, reach: int) -> tuple[int, int] | None:
    """The half cell nearest to a place on which something is written."""
    first, start = max(0, row - reach), max(0, column - 6 * reach)
    rows, columns = np.nonzero(mask[first : row + reach + 1, start : column + 6 * reach + 1])
    if not len(rows):
        return None
    rows, columns = rows + first, columns + start
    nearest = int(np.argmin(((rows - row) * 2.0) ** 2 + ((columns - column) * 0.5) ** 2))
    return int(rows[nearest]), int(columns[nearest])


def _lettered(row: np.ndarray, column: int) -> slice:
    """Pixels around a half cell, at most AROUND to each side, over which letters go on: beside them a button may end."""
    left, right, most = column, column, AROUND // HALF
    while left > max(0, column - most) and row[max(0, left - 2) : left].any():
        left -= 1
    while right < min(len(row) - 1, column + most) and row[right + 1 : right + 3].any():
        right += 1
    return slice(left * HALF, (right + 1) * HALF)


def _ink(pixels: np.ndarray, ground: float) -> np.ndarray:
    return np.abs(pixels.astype(np.float32) - ground) > INK


def _letters(mask: np.ndarray, top: int, bottom: int, width: int) -> np.ndarray:
    """(width,) bool: columns in which letters stand in these rows, and a half cell to each side; not borders and icons."""
    band = mask[top // STRIDE : max(-(-bottom // STRIDE), top // STRIDE + 1)].any(0)
    wide = band | np.roll(band, 1) | np.roll(band, -1)
    out = np.zeros(width, bool)
    repeated = wide.repeat(HALF)[:width]
    out[: len(repeated)] = repeated
    return out


def _rows(ink: np.ndarray, y: int, most: int) -> tuple[int, int]:
    """First and end of the rows around y, at most so far from it, on which something is drawn; holes of a row are none."""
    drawn: np.ndarray = np.asarray(ink.any(1))
    low, high = max(0, y - most), min(len(drawn), y + most + 1)
    if not drawn[y]:
        near = np.nonzero(drawn[low:high])[0]
        if not len(near):
            return max(0, y - 6), min(len(drawn), y + 7)
        y = int(near[np.argmin(np.abs(near + low - y))]) + low
    top = bottom = y
    while top > low and drawn[max(low, top - 2) : top].any():
        top -= 1
    while bottom < high - 1 and drawn[bottom + 1 : min(high, bottom + 3)].any():
        bottom += 1
    return top, bottom + 1


def _columns(ink: np.ndarray, x: int, high: int) -> tuple[int, int]:
    """First and end of the columns around x on which letters stand, until a gap that is wider than between words."""
    drawn: np.ndarray = np.nonzero(np.asarray(ink.any(0)))[0]
    gap = max(7.0, GAP * high)
    at = int(np.argmin(np.abs(drawn - x))) if len(drawn) else -1
    if at < 0 or abs(drawn[at] - x) > AROUND:
        return max(0, x - HALF), min(ink.shape[1], x + HALF)
    apart = np.nonzero(np.diff(drawn) > gap)[0]
    before, after = apart[apart < at], apart[apart >= at]
    first = int(before[-1]) + 1 if len(before) else 0
    last = int(after[0]) if len(after) else len(drawn) - 1
    return int(drawn[first]), int(drawn[last]) + 1
