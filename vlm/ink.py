"""Short lines of text to their last letter: the encoder finds them roughly, the ink in the picture says where they end.

A short word standing alone ("55" in a cell of a table) may be found by a part of it. From both of its ends the ink is
followed as far as letters stand as close as in one word; what turns out to be no letter (an edge as high as the line,
a drawing without end) leaves the line as it was. Long lines are left alone: a letter more or less loses little, and
beside them stand drawings. CSS pixels. Knows no model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INK = 60
"""Levels of 255 by which a letter differs from its ground at least."""
GAP = 0.2
"""What may be free between two letters of a word, in heights of the line: between words it is more than a quarter."""
SHORT, MOST = 2.0, 1.3
"""How wide a line is at most that is looked after, and what may be missing at one of its ends, in heights."""
STROKE = 0.95
"""The share of the line's height from which ink is an edge and no letter."""
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]


def ended(boxes: Sequence[Box], picture: Pixels) -> list[Box]:
    """The lines, the short ones longer where letters were left out. picture: (height, width, 3) at one pixel per CSS pixel."""
    return [
        _ended(box, [other for other in boxes if other != box and _level(box, other)], picture) if _short(box) else box
        for box in boxes
    ]


def _short(box: Box) -> bool:
    return 3 <= box[2] - box[0] <= SHORT * (box[3] - box[1])


def _level(box: Box, other: Box) -> bool:
    """Whether another line is on the same height and near."""
    high = box[3] - box[1]
    return (
        min(box[3], other[3]) > max(box[1], other[1]) and other[0] < box[2] + 2 * high and other[2] > box[0] - 2 * high
    )


def _ended(box: Box, near: Sequence[Box], picture: Pixels) -> Box:
    """One line to its last letters; near: other lines on its height, which it does not run into."""
    top, bottom = max(0, round(box[1])), min(picture.shape[0], round(box[3]))
    left, right = max(0, round(box[0])), min(picture.shape[1], round(box[2]))
    high = bottom - top
    if high < 5 or right - left < 3:
        return box
    most, gap = round(MOST * high), max(2, round(GAP * high))
    start, end = max(0, left - most), min(picture.shape[1], right + most)
    strip = picture[top:bottom, start:end].astype(np.int16)
    ground = np.median(strip[:, left - start : right - start].reshape(-1, 3), axis=0)
    inked = (np.abs(strip - ground) > INK).any(-1).sum(0)
    before = _more(inked[: right - start][::-1], right - left, gap, high)
    after = _more(inked[left - start :], right - left, gap, high)
    first_free = max((round(other[2]) for other in near if other[2] <= box[0] + 1), default=0)
    last_free = min((round(other[0]) for other in near if other[0] >= box[2] - 1), default=picture.shape[1])
    return (
        float(max(left - before, min(first_free, left))) if before else box[0],
        box[1],
        float(min(right + after, max(last_free, right))) if after else box[2],
        box[3],
    )


def _more(inked: NDArray[np.intp], width: int, gap: int, high: int) -> int:
    """How many columns beyond an end still belong to a line of that width.

    inked: pixels of ink in each column, from the line's other end outwards.
    """
    there = np.flatnonzero(inked)
    within = there[there < width]
    if not len(within):
        return 0
    on = there[there >= within[-1]]
    breaks = np.flatnonzero(np.diff(on) > gap + 1)
    last = int(on[breaks[0]] if len(breaks) else on[-1]) + 1
    if last <= width or last > len(inked) - gap or (inked[width:last] >= STROKE * high).any():
        return 0
    return last - width
