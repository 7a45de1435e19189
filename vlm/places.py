"""Where a target may be: from the decoder's shares of things and words to places to click, and which of several is meant.

What is written on an element, and halves of what was found twice, are one place. Boxes and points are CSS pixels. Knows
nothing of the decoder.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deixis.browser.types import Box, Point
from deixis.vlm import counting
from deixis.vlm.config import ROLES
from deixis.vlm.things import Things

NAMESAKES = 9
"""Places considered for "the second Edit"."""
ALIKE = 0.25
"""Share of the best's probability from which others count as its namesakes."""
FAINT, DRAWN_ALIKE = 0.01, 0.9
"""The same share where the same words stand, and nothing else, or the same is drawn: and from which cosine it is."""
COUNTS = 0.05
"""Share of a place's probability from which what else was found there has a say in where the point lies."""
TOGETHER = 0.3
"""Share of the likeliest word's probability from which its neighbours belong to it."""


class Place(NamedTuple):
    """Where a target may be."""

    point: Point
    box: Box
    mass: float
    """Probability that a click there hits; while places are chosen, the share of all that may be meant."""
    thing: int
    """Number of the element or line."""


def places_of(things: Things, elements: np.ndarray, words: np.ndarray) -> list[Place]:
    """Shares of the things (T,) and of the words (W,) -> the likeliest places, best first.

    Words that stand together are one place; so are an element and what is written on it.
    """
    found = [
        place_at(things.boxes[i].tolist(), float(elements[i]), i)
        for i in np.argsort(-elements)[: 2 * NAMESAKES]
        if i >= things.lines
    ]
    found += _written(things, words)
    found.sort(key=lambda place: -place.mass)
    merged: list[Place] = []
    for place in found[: 4 * NAMESAKES]:
        same = next((i for i, other in enumerate(merged) if one_place(things, place, other)), None)
        if same is None:
            merged.append(place)
            continue
        other = merged[same]
        both = _both(things, other, place) if place.mass > COUNTS * other.mass else other
        merged[same] = both._replace(mass=other.mass + place.mass)
    merged.sort(key=lambda place: -place.mass)
    return [place._replace(mass=min(place.mass, 1.0)) for place in merged[:NAMESAKES]]


def _both(things: Things, first: Place, second: Place) -> Place:
    """Two that are one place.

    What is written on a thing lies within it for sure, its box may be too large; but what is written before the middle of
    a field may be its label.
    """
    element, text = sorted((first, second), key=lambda place: place.thing < things.lines)
    if text.thing >= things.lines:
        return first
    if element.thing < things.lines:
        return first._replace(point=second.point)
    before = text.box.x1 < element.point.x or text.box.y1 < element.point.y
    if before and element.mass > text.mass and things.flags[element.thing, -len(ROLES) :].argmax() in _FILLED:
        return first._replace(point=element.point, box=element.box, thing=element.thing)
    return first._replace(point=text.point)


_FILLED = [ROLES.index(role) for role in ("field", "select", "checkbox", "radio", "switch", "slider", "file")]


def place_at(box: Sequence[float], mass: float, thing: int) -> Place:
    x0, y0, x1, y1 = box
    whole = Box(x0=x0, y0=y0, x1=x1, y1=y1)
    return Place(Point(x=(x0 + x1) / 2, y=(y0 + y1) / 2), whole, mass, thing)


def one_place(things: Things, place: Place, other: Place) -> bool:
    """Whether a click on the one is a click on the other."""
    if other.box.contains(place.point) or place.box.contains(other.point):
        return True
    # A wide field may have been found twice, each time a part of it; of links side by side the boxes may touch.
    least = 0.1 if _wide(things, place) and _wide(things, other) else 0.5
    a, b = place.box, other.box
    shared = min(a.x1, b.x1) - max(a.x0, b.x0)
    level = abs(place.point.y - other.point.y) < 0.3 * min(a.y1 - a.y0, b.y1 - b.y0)
    return level and shared > least * min(a.x1 - a.x0, b.x1 - b.x0)


def _wide(things: Things, place: Place) -> bool:
    """Whether it is something that may be much wider than what stands on it."""
    element = place.thing >= things.lines
    return element and bool(things.flags[place.thing, -len(ROLES) :].argmax() in _FILLED[:2])


def _written(things: Things, words: np.ndarray) -> list[Place]:
    """Runs of likely words of one line."""
    own = things.owners[:, things.owners[0] < things.lines]
    line_of = dict(zip(own[1].tolist(), own[0].tolist(), strict=True))
    found, used = [], set()
    for best in np.argsort(-words)[: 2 * NAMESAKES].tolist():
        if best in used or words[best] <= 0:
            continue
        run = [best]
        for step in (-1, 1):
            k = best + step
            while 0 <= k < len(words) and line_of[k] == line_of[best] and words[k] > TOGETHER * words[best]:
                run.append(k)
                k += step
        used.update(run)
        boxes = [things.words[k].box for k in run]
        whole = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
        shares = words[run] / words[run].sum()
        mean = sum(share * (b[0] + b[2]) / 2 for share, b in zip(shares.tolist(), boxes, strict=True))
        middle = min(boxes, key=lambda b: abs((b[0] + b[2]) / 2 - mean))  # a word, never the gap between two
        point = Point(x=(middle[0] + middle[2]) / 2, y=(middle[1] + middle[3]) / 2)
        found.append(place_at(whole, float(words[run].sum()), line_of[best])._replace(point=point))
    return found


def says_so(place: Place, written: np.ndarray) -> bool:
    """Whether one of the middles (N, 2) of runs of words lies in a place."""
    box = place.box
    return bool(((written > [box.x0, box.y0]) & (written < [box.x1, box.y1])).all(1).any())


def namesakes(things: Things, found: list[Place], written: np.ndarray) -> list[bool]:
    """For each place whether it is of the same kind as the best: as likely, said by the same words, drawn the same.

    written: (N, 2) the middles of the runs of words that say the name and nothing else.
    """
    if not found:
        return []

    best, named = found[0], says_so(found[0], written)

    def same(place: Place) -> bool:
        if place.mass >= ALIKE * best.mass:
            return True
        drawn = float(things.drawn[place.thing] @ things.drawn[best.thing]) > DRAWN_ALIKE
        return place.mass >= FAINT * best.mass and (drawn or (named and says_so(place, written)))

    return [same(place) for place in found]


def in_order(found: list[Place], number: int, same: list[bool] | None = None) -> list[Place]:
    """The number-th (LAST: the last) of the places that may be meant, then the others.

    same: which of them may be; without it those that are about as likely as the best. The model is not told which of
    several is asked for, so the sum of their probabilities says whether they are there at all.
    """
    if not found:
        return found
    same = same or [place.mass >= ALIKE * found[0].mass for place in found]
    alike = [place for place, one in zip(found, same, strict=True) if one]
    total = min(sum(place.mass for place in alike), 1.0)
    ordered = sorted(alike, key=lambda place: (round(place.point.y / 12), place.point.x))
    place = len(ordered) - 1 if number == counting.LAST else min(number, len(ordered)) - 1
    chosen = ordered[place]
    enough = number in (1, counting.LAST) or number <= len(ordered)
    others = [place for place in found if place is not chosen]
    return [chosen._replace(mass=total if enough else chosen.mass), *others]
