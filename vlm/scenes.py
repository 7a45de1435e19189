"""A screen as questions are asked about it: elements by their names, lines of text, and how they lie to one another.

Elements and words are those of collect.js; boxes share one frame of coordinates. Knows nothing of sentences.
"""

from collections import defaultdict
from collections.abc import Iterable
from random import Random
from typing import Any, NamedTuple

from deixis.vlm.spelling import fold, words_of

BoxTuple = tuple[float, float, float, float]

LABELLED = {"field", "select", "checkbox", "radio", "switch", "slider", "file"}
"""Roles of controls: their names stand beside them."""

NAMING = ("text", "label", "placeholder", "aria", "title", "alt", "icon")
"""Kinds of names a person could use for an element, as collect.js calls them."""


class Run(NamedTuple):
    """Words on one line that belong together."""

    text: str
    box: BoxTuple


class Scene(NamedTuple):
    """A screen, or the part of it that is asked about."""

    elements: list[dict[str, Any]]
    groups: dict[str, list[dict[str, Any]]]
    """Elements by folded name."""
    runs: list[Run]
    written: set[str]
    """Folded words that stand anywhere."""


def names_of(element: dict[str, Any], kinds: Iterable[str] = NAMING) -> list[str]:
    """The names of an element a person could use, cleaned of marks; those of 1 to 48 characters.

    What nobody sees is left out: a placeholder behind a value, and what only the accessibility tree says of a control.
    """
    known = {how for how, _ in element["names"]}
    unseen = {"placeholder"} if "value" in known else set()
    unseen |= {"aria", "title", "alt"} if element["role"] in LABELLED else set()
    cleaned = [name.strip(" *:\n") for how, name in element["names"] if how in kinds and how not in unseen]
    return [name for name in dict.fromkeys(cleaned) if 0 < len(name) <= 48]


def is_icon(element: dict[str, Any]) -> bool:
    """Nothing is written on it: only a drawing says what it does."""
    kinds = {how for how, _ in element["names"]}
    return "icon" in kinds or (element["role"] in {"button", "link"} and bool(kinds) and not kinds & {"text", "label"})


def by_name(elements: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Elements by each of their names, folded; a name's list holds an element once."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for element in elements:
        for name in dict.fromkeys(fold(name) for name in names_of(element)):
            groups[name].append(element)
    return groups


def runs_of(words: list[Any]) -> list[Run]:
    """Words of a screen (collect.js), in document order, joined while they follow each other on one line."""
    runs: list[Run] = []
    text: list[str] = []
    box: list[float] = []
    for word in words:
        follows = bool(text) and abs(word[2] - box[1]) <= 3 and 0 <= word[1] - box[2] < (box[3] - box[1]) * 0.7
        if text and not follows:
            runs.append(Run(" ".join(text), (box[0], box[1], box[2], box[3])))
            text, box = [], []
        box = (
            [min(box[0], word[1]), min(box[1], word[2]), max(box[2], word[3]), max(box[3], word[4])]
            if text
            else list(word[1:5])
        )
        text.append(word[0])
    if text:
        runs.append(Run(" ".join(text), (box[0], box[1], box[2], box[3])))
    return runs


def scene(elements: list[dict[str, Any]], words: list[Any]) -> Scene:
    """What is asked about: elements and words in one frame of coordinates."""
    written = {fold(bare) for word in words for bare in words_of(word[0])}
    runs = runs_of(words)
    elements = [_labelled(element, elements, runs) for element in elements]
    return Scene(elements, by_name(elements), runs, written)


def _labelled(element: dict[str, Any], elements: list[dict[str, Any]], runs: list[Run]) -> dict[str, Any]:
    """A control without a name of its own is called what the text nearest to it says, when that text is nobody else's."""
    if element["role"] not in LABELLED or names_of(element):
        return element
    ticked = element["role"] in {"checkbox", "radio", "switch"}
    reach = {"left": 60.0, "right": 500.0} if ticked else {"right": 220.0, "below": 28.0}
    taken = {fold(name) for other in elements for name in names_of(other)}
    near = []
    for run in runs:
        if 1 < len(run.text) <= 40 and fold(run.text.strip(" *:")) not in taken:
            gaps = [
                gap
                for way, most in reach.items()
                if (gap := apart(box_of(element), run.box, way)) is not None and gap <= most
            ]
            near += [(min(gaps), run)] if gaps else []
    if not near:
        return element
    gap, run = min(near, key=lambda entry: entry[0])
    rivals = [box_of(other) for other in elements if other is not element and other["role"] in LABELLED]
    if any((g := apart(rival, run.box, way)) is not None and g <= gap for rival in rivals for way in reach):
        return element
    return element | {"names": [*element["names"], ["label", run.text]]}


def box_of(element: dict[str, Any]) -> BoxTuple:
    x0, y0, x1, y1 = element["box"]
    return x0, y0, x1, y1


def apart(target: BoxTuple, anchor: BoxTuple, way: str) -> float | None:
    """How far the target lies from the anchor in a direction, in pixels; None when it does not lie there."""
    height = min(target[3] - target[1], anchor[3] - anchor[1])
    overlap = min(target[3], anchor[3]) - max(target[1], anchor[1])
    middle = (target[1] + target[3]) / 2
    level = overlap > 0.5 * height and abs(middle - (anchor[1] + anchor[3]) / 2) < max(
        18.0, (target[3] - target[1]) / 2
    )
    beside = min(target[2], anchor[2]) - max(target[0], anchor[0]) > -4
    if way == "right" and level and target[0] >= anchor[2] - 2:
        return target[0] - anchor[2]
    if way == "left" and level and target[2] <= anchor[0] + 2:
        return anchor[0] - target[2]
    if way == "below" and beside and target[1] >= anchor[3] - 3:
        return target[1] - anchor[3]
    if way == "above" and beside and target[3] <= anchor[1] + 3:
        return anchor[1] - target[3]
    return None


WAYS = {
    "right": ("to the right of", "right of", "next to", "beside", "in the row of", "for", "after", "on the same line as", "in the line of", "in the row with", "on the right of", "of", "behind"),
    "left": ("to the left of", "left of", "next to", "beside", "before", "in front of", "in the row of", "for", "on the left of"),
    "below": ("under", "below", "beneath", "underneath", "just below", "right under", "in the column of"),
    "above": ("above", "over", "on top of", "just above"),
}  # fmt: skip

REACH = {"right": 900.0, "left": 300.0, "below": 140.0, "above": 90.0}


def neighbour(
    target: BoxTuple, rivals: list[BoxTuple], scene: Scene, rng: Random, own: str = ""
) -> tuple[Run, str] | None:
    """A line of text that stands alone on the screen, and the direction in which the target is the nearest of its kind."""
    counts: dict[str, int] = defaultdict(int)
    for run in scene.runs:
        counts[fold(run.text)] += 1
    order = rng.sample(scene.runs, min(len(scene.runs), 40))
    near = []
    for run in order:
        if (
            counts[fold(run.text)] > 1
            or not 2 < len(run.text) <= 32
            or fold(run.text) == own
            or _inside(run.box, target)
        ):
            continue
        for way in WAYS:
            gap = apart(target, run.box, way)
            if gap is None or gap > REACH[way]:
                continue
            others = [g for rival in rivals if rival != target and (g := apart(rival, run.box, way)) is not None]
            if all(other > gap * 1.5 + 6 for other in others):
                near.append((gap, run, way))
    near.sort(key=lambda entry: entry[0] * (1 if entry[2] in {"right", "below"} else 2))
    if not near:
        return None
    _, run, way = near[min(int(rng.random() ** 2 * len(near)), len(near) - 1)]
    return run, way


def _inside(inner: BoxTuple, outer: BoxTuple) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def label_of(element: dict[str, Any], name: str, scene: Scene) -> tuple[BoxTuple, ...]:
    """Where the name of a control stands written beside it: at most one place, the nearest."""
    if element["role"] not in LABELLED:
        return ()
    x0, y0, x1, y1 = box_of(element)
    near = []
    for run in scene.runs:
        if fold(run.text.strip(" *:")) == fold(name):
            across = max(run.box[0] - x1, x0 - run.box[2], 0.0)
            along = max(run.box[1] - y1, y0 - run.box[3], 0.0)
            near.append((across + along, run.box))
    near.sort()
    return (near[0][1],) if near and near[0][0] < 420 else ()
