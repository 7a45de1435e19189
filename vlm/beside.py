"""Targets told apart by what stands beside them: "the Delete in the row of Alice", "the checkbox left of Terms".

A request is taken apart into what is wanted, what it stands beside, and how; which of several is meant then follows from
where they lie. It says nothing where the words can be a name, where what it stands beside is not written on the screen, or
where two places fit about as well: there the decoder's answer stands. Boxes are CSS pixels. Knows nothing of tensors.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from deixis.browser.types import Box


class Beside(NamedTuple):
    """A request taken apart."""

    target: str
    way: str
    """A name in COSTS."""
    anchor: str


_JUST = r"(?:just |right |directly |immediately )?"
_FORMS = tuple(
    (re.compile(form, re.I), way)
    for form, way in (
        (r"^(?:in|on|for|at) the (?:row|line) (?:of|with|for|containing) (?P<a>.+?), (?P<x>.+)$", "row"),
        (r"^(?:in|on|at) (?P<a>.+?)(?:'s|’s) (?:row|line), ?(?P<x>.+)$", "row"),
        (r"^(?P<x>.+?) (?:in|on|from|of) the (?:same )?(?:row|line) (?:of|with|for|as|containing) (?P<a>.+)$", "row"),
        (r"^(?P<x>.+?) (?:in|on|from|for) (?:the )?(?P<a>.+?)(?:'s|’s)? (?:row|line)$", "row"),
        (r"^(?P<x>.+?) in the (?:same )?column (?:of|with|as) (?P<a>.+)$", "column"),
        (rf"^(?P<x>.+?) {_JUST}(?:below|under|beneath|underneath) (?P<a>.+)$", "below"),
        (rf"^(?P<x>.+?) {_JUST}(?:above|over|on top of) (?P<a>.+)$", "above"),
        (r"^(?P<x>.+?) (?:(?:on|to) the )?right of (?P<a>.+)$", "right"),
        (r"^(?P<x>.+?) (?:(?:on|to) the )?left of (?P<a>.+)$", "left"),
        (r"^(?P<x>.+?) (?:after|behind) (?P<a>.+)$", "right"),
        (r"^(?P<x>.+?) (?:before|in front of) (?P<a>.+)$", "left"),
        (r"^(?P<x>.+?) (?:next to|beside|near|close to|alongside) (?P<a>.+)$", "near"),
        (r"^(?P<x>.+?) (?P<a>\S+)(?:'s|’s) (?:entry|row|line|record|item)$", "row"),
        (r"^(?P<a>.+?)(?:'s|’s) (?P<x>.+)$", "of"),
        (r"^for (?P<a>.+?), (?P<x>.+)$", "of"),
        (r"^where (?P<a>.+?) is, (?P<x>.+)$", "of"),
        (r"^(?P<x>.+?) (?:for|of|belonging to|that goes with) (?P<a>.+)$", "of"),
    )
)
_MARKS = " .,;:!?\"'“”‘’«»`"


def _name(words: str) -> str:
    return re.sub(r"^(the|a|an) ", "", words.strip(_MARKS), flags=re.I)


def readings(request: str) -> Iterator[Beside]:
    """The ways to take a request apart, the most telling words first; quotation marks around names are left out."""
    for form, way in _FORMS:
        if found := form.match(request.strip()):
            target, anchor = found["x"].strip(_MARKS), _name(found["a"])
            if target and anchor:
                yield Beside(target, way, anchor)


def splits(request: str) -> Iterator[Beside]:
    """The ways in which a request may be two names one after the other: "Compare Blue kettle", "Blue kettle compare"."""
    words = request.split()
    for k in range(1, len(words)):
        first, second = " ".join(words[:k]).strip(_MARKS), _name(" ".join(words[k:]))
        if first and second:
            yield Beside(first, "of", second)
            yield Beside(second, "of", _name(first))


PRICE = re.compile(r"^(?:from )?[$€£¥] ?\d[\d.,]*$|^\d[\d.,]* ?(?:[€$£]|USD|EUR)$")
_VALUES = tuple(
    (re.compile(form, re.I), shape)
    for words, shape in (
        (r"prices?|costs?|amount", PRICE),
        (r"e-?mail(?: address)?|address", re.compile(r"^\S+@\S+\.\w+$")),
        (r"dates?|day", re.compile(r"^\d{4}-\d\d-\d\d$|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$")),
        (r"percentage|share|percent", re.compile(r"^\d+(?:[.,]\d+)? ?%$")),
        (r"time|hour", re.compile(r"^\d{1,2}:\d{2}$")),
    )
    for form in (
        rf"^(?:read |find |show |what is |where is )?(?:the )?(?:{words}) (?:of|for|under|below|beneath|next to|beside|after|in the row of) (?P<a>.+)$",
        rf"^(?P<a>.+?)(?:'s|’s) (?:{words})$",
    )
) + (
    (re.compile(r"^how much (?:is|are|does|do) (?P<a>.+?)(?: costs?)?\??$", re.I), PRICE),
    (re.compile(r"^what (?:does|do) (?P<a>.+?) cost\??$", re.I), PRICE),
)  # fmt: skip


def value(request: str) -> tuple[str, re.Pattern[str]] | None:
    """What a value is asked of, and what such values look like: "how much is the teapot"; None when none is asked for."""
    for form, shape in _VALUES:
        if found := form.match(request.strip()):
            return _name(found["a"]), shape
    return None


# how far something lies from what it is said to stand beside, in pixels; None where it does not


def _level(box: Box, anchor: Box) -> bool:
    return min(box.y1, anchor.y1) - max(box.y0, anchor.y0) > 0.3 * min(box.y1 - box.y0, anchor.y1 - anchor.y0)


def _over(box: Box, anchor: Box) -> bool:
    return min(box.x1, anchor.x1) - max(box.x0, anchor.x0) > -12


def _right(box: Box, anchor: Box) -> float | None:
    return max(box.x0 - anchor.x1, 0.0) if _level(box, anchor) and _x(box) > _x(anchor) else None


def _left(box: Box, anchor: Box) -> float | None:
    return max(anchor.x0 - box.x1, 0.0) if _level(box, anchor) and _x(box) < _x(anchor) else None


def _below(box: Box, anchor: Box) -> float | None:
    return max(box.y0 - anchor.y1, 0.0) if _over(box, anchor) and _y(box) > anchor.y1 else None


def _above(box: Box, anchor: Box) -> float | None:
    return max(anchor.y0 - box.y1, 0.0) if _over(box, anchor) and _y(box) < anchor.y0 else None


def _least(*ways: tuple[Callable[[Box, Box], float | None], float]) -> Callable[[Box, Box], float | None]:
    """The nearest of several ways, each with the pixels it counts more."""

    def cost(box: Box, anchor: Box) -> float | None:
        return min(
            (far + more for way, more in ways if (far := way(box, anchor)) is not None), default=None
        )  # fmt: skip

    return cost


def _x(box: Box) -> float:
    return (box.x0 + box.x1) / 2


def _y(box: Box) -> float:
    return (box.y0 + box.y1) / 2


COSTS: dict[str, Callable[[Box, Box], float | None]] = {
    "right": _right, "left": _left, "below": _below, "above": _above, "row": _least((_right, 0), (_left, 0)),
    "column": _least((_below, 0), (_above, 300)), "near": _least((_right, 0), (_left, 0), (_below, 40), (_above, 60)),
    "of": _least((_right, 0), (_left, 60), (_below, 20), (_above, 120)),
}  # fmt: skip
CLEARLY, BY = 1.25, 4.0
"""Times and pixels by which the next-best place must be farther away."""


def nearest(way: str, boxes: Sequence[Box], anchors: Sequence[Box]) -> int | None:
    """Number of the box that lies that way from one of the anchors; None where none does, or two do as well."""
    far = []
    for box in boxes:
        costs = [cost for anchor in anchors if (cost := COSTS[way](box, anchor)) is not None]
        far.append(min(costs, default=np.inf))
    order = np.argsort(far)
    if not len(order) or not np.isfinite(far[order[0]]):
        return None
    if len(order) > 1 and far[order[1]] < CLEARLY * far[order[0]] + BY:
        return None
    return int(order[0])
