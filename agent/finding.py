"""Finds again on a new picture what was clicked on an old one, by its looks alone: crop, perceptual hash, surroundings.

Points and boxes are CSS pixels of each picture's own viewport. Knows no words, no model and no browser.
"""

import io
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deixis.browser.types import Box, Point

Grey = NDArray[np.float32]
Move = tuple[float, float]
How = Literal["same", "moved", "pointed"]
SIZE = (120.0, 36.0)
"""CSS pixels of the crop around a point of which nothing more is known."""
LARGEST = (420.0, 160.0)
"""CSS pixels of an element that is looked for as a whole."""
AROUND = (260.0, 40.0)
"""CSS pixels to each side of what is looked for with its surroundings."""
NEAR, ROW, COLUMN = (140.0, 4.0), (600.0, 4.0), (12.0, 40.0)
"""CSS pixels to each side that tell one of several equal things from the others: its label, its row, what is above it."""
SAME, ALIKE, HASH = 5.0, 0.9, 14
"""Mean difference (of 255) of what has not changed; least correlation, and most different bits of 64, of what has moved."""
BESIDE = ((NEAR, 0.97), (ROW, 0.9))
"""Least correlation of what is beside a thing that is still the same."""
SHARP = 8
"""Power of a correlation: surroundings that are the same count for more than several that are only alike."""
PLAIN = 6.0
"""Deviation of grey below which a crop has no looks of its own, and is looked for with its surroundings."""
PEAKS = 24
"""Places that are looked at closely; as many equal rows are told apart."""
FULL = 1_500_000
"""Pixels of a picture that is searched at its full size; thin lines that moved by an odd pixel are lost at half of it."""
WORTH = 0.35
"""Correlation at half size from which a place is: thin letters that moved by an odd pixel correlate badly there."""


class Remembered(NamedTuple):
    """What was there when it was recorded."""

    png: bytes
    scale: float
    point: Point
    box: Box | None = None


class Match(NamedTuple):
    """Where it is now."""

    point: Point
    how: How
    score: float
    """Correlation, 1 for the same pixels."""


class Cut(NamedTuple):
    """A part of a picture: left, top, right, bottom in image pixels."""

    x0: int
    y0: int
    x1: int
    y1: int

    def of(self, picture: Grey) -> Grey:
        return picture[self.y0 : self.y1, self.x0 : self.x1]


@lru_cache(maxsize=4)
def grey(png: bytes) -> Grey:
    """The picture's brightness, height x width, 0 to 255."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("L"), dtype=np.float32)


def find(old: Remembered, png: bytes, scale: float, moves: Sequence[Move] = ()) -> Match | None:
    """The place that looks like the old one; None when nothing does, or the pictures are of another scale.

    moves: how far other things of the run have moved, in CSS pixels: what stands there just as it did is not searched for.
    """
    before, now = grey(old.png), grey(png)
    if abs(old.scale - scale) > 0.01:
        return None
    cut = _cut(old, before.shape)
    crop = cut.of(before)
    if min(crop.shape) < 4:
        return None
    if _unmoved(cut, before, now, scale):
        return Match(old.point, "same", 1.0)
    for dx, dy in moves:
        if _carried(cut, before, now, (round(dx * scale), round(dy * scale)), scale):
            return Match(Point(x=old.point.x + dx, y=old.point.y + dy), "moved", 1.0)
    if crop.std() < PLAIN:
        cut = _grown(cut, before.shape, scale)
        crop = cut.of(before)
    if crop.std() < PLAIN or crop.shape[0] > now.shape[0] or crop.shape[1] > now.shape[1]:
        return None
    return _best(old, cut, before, now)


def _best(old: Remembered, cut: Cut, before: Grey, now: Grey) -> Match | None:
    """The best of the places that correlate, judged by looks, surroundings and how far it went."""
    scale, crop = old.scale, cut.of(before)
    places = [_grown(cut, before.shape, scale, by) for by in (NEAR, ROW, COLUMN)]
    found: list[tuple[float, float, int, int]] = []
    for x, y in _peaks(crop, now):
        x, y, score = _refined(crop, now, x, y)
        there = now[y : y + crop.shape[0], x : x + crop.shape[1]]
        if score < ALIKE or bits(crop, there) > HASH:
            continue
        far = float(np.hypot(x - cut.x0, y - cut.y0)) / max(now.shape)
        around = sum(_surroundings(before, now, cut, wide, x, y) ** SHARP for wide in places) / len(places)
        found.append((score + around - 0.05 * far, score, x, y))
    if not found:
        return None
    _, score, x, y = max(found)
    point = Point(x=old.point.x + (x - cut.x0) / scale, y=old.point.y + (y - cut.y0) / scale)
    return Match(point, "same" if (x, y) == (cut.x0, cut.y0) else "moved", score)


def _cut(old: Remembered, shape: tuple[int, ...]) -> Cut:
    """The element that was clicked, or what lies around the point."""
    box = old.box
    if box is None or box.x1 - box.x0 > LARGEST[0] or box.y1 - box.y0 > LARGEST[1] or not box.contains(old.point):
        x, y = old.point.x, old.point.y
        box = Box(x0=x - SIZE[0] / 2, y0=y - SIZE[1] / 2, x1=x + SIZE[0] / 2, y1=y + SIZE[1] / 2)
    edges = [round(edge * old.scale) for edge in (box.x0, box.y0, box.x1, box.y1)]
    return _inside(Cut(edges[0] - 2, edges[1] - 2, edges[2] + 2, edges[3] + 2), shape)


def _inside(cut: Cut, shape: tuple[int, ...]) -> Cut:
    return Cut(max(0, cut.x0), max(0, cut.y0), min(shape[1], cut.x1), min(shape[0], cut.y1))


def _grown(cut: Cut, shape: tuple[int, ...], scale: float, by: tuple[float, float] = AROUND) -> Cut:
    x, y = round(by[0] * scale), round(by[1] * scale)
    return _inside(Cut(cut.x0 - x, cut.y0 - y, cut.x1 + x, cut.y1 + y), shape)


def _unmoved(cut: Cut, before: Grey, now: Grey, scale: float) -> bool:
    """Whether it is where it was, and so is what stands beside it: equal things may have changed places."""
    if before.shape != now.shape or _difference(cut.of(before), cut.of(now)) > SAME:
        return False
    return all(_still(before, now, cut, _grown(cut, before.shape, scale, by), least) for by, least in BESIDE)


def _carried(cut: Cut, before: Grey, now: Grey, by: tuple[int, int], scale: float) -> bool:
    """Whether it stands as far away as others have moved, and so does all of what is beside it."""
    x, y = cut.x0 + by[0], cut.y0 + by[1]
    there = Cut(x, y, x + cut.x1 - cut.x0, y + cut.y1 - cut.y0)
    if there != _inside(there, now.shape) or _difference(cut.of(before), there.of(now)) > SAME:
        return False
    return all(
        _surroundings(before, now, cut, _grown(cut, before.shape, scale, wide), x, y) >= least for wide, least in BESIDE
    )


def _still(before: Grey, now: Grey, cut: Cut, wide: Cut, least: float) -> bool:
    if _difference(wide.of(before), wide.of(now)) < 0.2:
        return True
    return _surroundings(before, now, cut, wide, cut.x0, cut.y0) >= least


def _difference(one: Grey, other: Grey) -> float:
    return float(np.abs(one - other).mean())


def _peaks(crop: Grey, now: Grey) -> Iterator[tuple[int, int]]:
    """(x, y) of the places that correlate best; on large pictures found at half their size."""
    by = 1 if now.size <= FULL else 2
    small, field = (crop, now) if by == 1 else (_half(crop), _half(now))
    if small.shape[0] > field.shape[0] or small.shape[1] > field.shape[1] or min(small.shape) < 2:
        return
    scores = correlation(small, field)
    for _ in range(PEAKS):
        y, x = np.unravel_index(int(scores.argmax()), scores.shape)
        if scores[y, x] < (ALIKE if by == 1 else WORTH):
            return
        yield int(x) * by, int(y) * by
        scores[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5] = -1


def _half(picture: Grey) -> Grey:
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    return picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def correlation(crop: Grey, field: Grey) -> Grey:
    """Normalised correlation of a crop at every place of a picture where it fits, -1 to 1."""
    height, width = crop.shape
    shape = (field.shape[0], field.shape[1])
    template = crop - crop.mean()
    spectrum = np.fft.rfft2(field) * np.conj(np.fft.rfft2(template, s=shape))
    product = np.fft.irfft2(spectrum, s=shape)[: shape[0] - height + 1, : shape[1] - width + 1]
    total, squares = _windows(field, height, width), _windows(field.astype(np.float64) ** 2, height, width)
    variance = np.maximum(squares - total**2 / (height * width), 1e-6)
    norm = np.sqrt(variance * float((template**2).sum()))
    scores = np.where(variance / (height * width) > 1.0, product / np.maximum(norm, 1e-6), -1.0)
    return scores.astype(np.float32)


def _windows(picture: NDArray[np.floating], height: int, width: int) -> NDArray[np.float64]:
    """Sums over every window of a picture."""
    sums = np.zeros((picture.shape[0] + 1, picture.shape[1] + 1))
    sums[1:, 1:] = picture.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]


def _refined(crop: Grey, now: Grey, x: int, y: int) -> tuple[int, int, float]:
    """The best place within two pixels, at full size."""
    places = [(x + dx, y + dy) for dx in range(-2, 3) for dy in range(-2, 3)]
    scored = [(_alike(crop, now, px, py), px, py) for px, py in places]
    score, best_x, best_y = max(scored)
    return best_x, best_y, score


def _alike(crop: Grey, now: Grey, x: int, y: int) -> float:
    height, width = crop.shape
    if x < 0 or y < 0 or y + height > now.shape[0] or x + width > now.shape[1]:
        return -1.0
    there = now[y : y + height, x : x + width]
    one, other = crop - crop.mean(), there - there.mean()
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / norm if norm > 1e-6 else -1.0


def _surroundings(before: Grey, now: Grey, cut: Cut, wide: Cut, x: int, y: int) -> float:
    """How alike what lies around is, 0 to 1, as far as it is on both pictures."""
    left, top = min(cut.x0 - wide.x0, x), min(cut.y0 - wide.y0, y)
    right = min(wide.x1 - cut.x0, now.shape[1] - x)
    bottom = min(wide.y1 - cut.y0, now.shape[0] - y)
    one = before[cut.y0 - top : cut.y0 + bottom, cut.x0 - left : cut.x0 + right]
    score = _alike(one, now, x - left, y - top)
    return max(0.0, score)


def bits(one: Grey, other: Grey) -> int:
    """Different bits of two perceptual hashes (64 bits: is each cell of 8x8 brighter than the one to its left)."""
    return int((_hash(one) != _hash(other)).sum())


def _hash(picture: Grey) -> NDArray[np.bool_]:
    small = np.asarray(
        Image.fromarray(picture.astype(np.uint8)).resize((9, 8), Image.Resampling.BILINEAR), dtype=np.int16
    )
    return np.asarray(small[:, 1:] > small[:, :-1])
