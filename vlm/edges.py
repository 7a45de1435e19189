"""Fields to the pixel: the encoder finds them roughly, their edges in the picture say where they end.

Wide fields are found by a part of them, or twice. From within the box that was found, an even surface is followed to
where its colour ends on all four sides; if that is a rectangle with an edge all around, it is the field. What has no such
edge (a line under the letters only, a picture behind it) keeps the box it has, and so does a cell of a table, whose edges
run on beyond its corners. CSS pixels. Knows no model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deixis.vlm.config import ROLES
from deixis.vlm.finder import Element

EDGED = frozenset(ROLES.index(role) for role in ("field", "select"))
SEEN = 0.5
"""How surely a field is found at least whose edges are seen."""
EVEN = 10
"""Levels of 255 by which the surface may differ from itself."""
EDGE, WHOLE = 4, 0.9
"""Levels by which an edge differs from the surface at least, and the share of each side where it has to."""
CORNER = 3
"""Pixels at the ends of a side that are not looked at: corners may be round."""
ON = 5
"""Pixels beyond a corner on which the lines of a table are looked for."""
ACROSS, DOWN = (0.5, 2.0), (0.5, 1.8)
"""Widths and heights, in those of the box that was found, between which a rectangle is believed."""
COLUMNS, ROWS = (0.5, 0.7, 0.3, 0.85), (0.5, 0.35, 0.65, 0.22, 0.78)
"""Places in the box to begin from: letters stand in the way of some."""
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]


def settled(elements: Sequence[Element], picture: Pixels) -> list[Element]:
    """The elements with the fields among them as large as they are; of those that turn out to be one, the surest.

    A field with an edge all around counts as found with `SEEN` at least, one without with less than that.
    picture: (height, width, 3) at one pixel per CSS pixel.
    """
    found: dict[Box, Element] = {}
    for element in elements:
        new = element
        if int(np.argmax(element.roles)) in EDGED:
            box = rectangle(picture, element.box)
            new = (
                element._replace(sure=element.sure * SEEN)
                if box is None
                else element._replace(box=box, sure=max(element.sure, SEEN))
            )
        if new.box not in found or found[new.box].sure < new.sure:
            found[new.box] = new
    return list(found.values())


def rectangle(picture: Pixels, box: Box) -> Box | None:
    """The edged rectangle that a box lies on most, or None."""
    best: tuple[int, int, int, int] | None = None
    for row in ROWS:
        for column in COLUMNS:
            x, y = round(box[0] + column * (box[2] - box[0])), round(box[1] + row * (box[3] - box[1]))
            if not (0 <= x < picture.shape[1] and 0 <= y < picture.shape[0]):
                continue
            left, right = _run(picture[y], x)
            top, bottom = _run(picture[:, x], y)
            sides = (left, top, right, bottom)
            if _likely(sides, box, picture) and (best is None or _area(sides) > _area(best)):
                best = sides
    if best is None or not _edged(picture, best) or _cell(picture, best):
        return None
    left, top, right, bottom = best
    return float(left - 1), float(top - 1), float(right + 2), float(bottom + 2)


def _run(line: Pixels, at: int) -> tuple[int, int]:
    """First and last pixel of the even part of a line (N, 3) around one of its pixels."""
    even = (np.abs(line.astype(np.int16) - line[at].astype(np.int16)) <= EVEN).all(-1)
    before, after = np.flatnonzero(~even[:at]), np.flatnonzero(~even[at:])
    return int(before[-1]) + 1 if len(before) else 0, at + int(after[0]) - 1 if len(after) else len(line) - 1


def _likely(sides: tuple[int, int, int, int], box: Box, picture: Pixels) -> bool:
    """Whether it lies on the box, is about as large, and ends before the picture does."""
    left, top, right, bottom = sides
    width, height = box[2] - box[0], box[3] - box[1]
    inside = left > 0 and top > 0 and right < picture.shape[1] - 1 and bottom < picture.shape[0] - 1
    fits = (
        ACROSS[0] * width < right - left + 1 < ACROSS[1] * width
        and DOWN[0] * height < bottom - top + 1 < DOWN[1] * height
    )
    over = min(right + 1, box[2]) - max(left, box[0]) >= width / 2
    return inside and fits and over and min(bottom + 1, box[3]) - max(top, box[1]) >= height / 2


def _area(sides: tuple[int, int, int, int]) -> int:
    return (sides[2] - sides[0] + 1) * (sides[3] - sides[1] + 1)


def _edged(picture: Pixels, sides: tuple[int, int, int, int]) -> bool:
    """Whether all four sides end at something else than the surface."""
    left, top, right, bottom = sides
    surface = np.median(picture[top : bottom + 1, left : right + 1].reshape(-1, 3), axis=0)
    across, down = slice(left + CORNER, right - CORNER + 1), slice(top + CORNER, bottom - CORNER + 1)
    around = (picture[top - 1, across], picture[bottom + 1, across], picture[down, left - 1], picture[down, right + 1])
    return all(len(side) and (np.abs(side - surface) > EDGE).any(-1).mean() >= WHOLE for side in around)


def _cell(picture: Pixels, sides: tuple[int, int, int, int]) -> bool:
    """Whether its edges are lines of a table: at least three of their eight ends run on beyond a corner, some across, some down.

    Fields joined into a grid look the same, and count as cells.
    """
    left, top, right, bottom = sides
    across = sum(
        _on(picture[row - 3 : row + 4], before, after)
        for row in (top - 1, bottom + 1)
        for before, after in ((left - 1 - ON, left - 1), (right + 2, right + 2 + ON))
    )
    turned = picture.transpose(1, 0, 2)
    down = sum(
        _on(turned[column - 3 : column + 4], before, after)
        for column in (left - 1, right + 1)
        for before, after in ((top - 1 - ON, top - 1), (bottom + 2, bottom + 2 + ON))
    )
    return across > 0 and down > 0 and across + down >= 3


def _on(band: Pixels, start: int, stop: int) -> bool:
    """Whether the middle row of a band (7, N, 3) is a line from `start` to `stop`: even, and other than what is above and below."""
    if len(band) < 7 or start < 0 or stop > band.shape[1]:
        return False
    part = band[:, start:stop].astype(np.int16)
    line = part[3]
    even = (np.abs(line - line[0]) <= EVEN).all()
    other = [(np.abs(part[row] - line) > EDGE).any(-1).all() for row in (0, 6)]
    return bool(even and all(other))
