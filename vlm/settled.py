"""Names that are written out: a question that says a label in full means that label, not one that only shares words.

The decoder prefers a short label to a link within a line, and takes "dump()" for "dumps()". Here probability that lies on
labels which are only like the name goes to where it is written (`spans`). What shares no letters with the name (a field
beside its label, an icon) keeps what it has. Knows nothing of tensors.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deixis.vlm import spans
from deixis.vlm.config import ROLES
from deixis.vlm.runs import PRESSED_ROLES, Runs
from deixis.vlm.spans import WHOLE, WRITTEN
from deixis.vlm.things import Things

LIKE = 0.45
"""Likeness from which something may have been taken for the name."""
ALONE = 6.0
"""How much a name that stands alone is preferred to one within a line."""
PRESSED = 8.0
"""How much a name is preferred that fills a link or a button to one in running text or a heading."""
LINKED = 3.0
"""The same for one that is written in the colour of links."""
MEANT = 0.1
"""Probability from which a field is meant by the name on its label."""
SURE = 0.4
"""How surely something must have been found to be believed to be a field."""
OWN_TICK = 40.0
"""Pixels from a box to tick to a name on its right, within which the name is its label."""
_FILLED = [ROLES.index(role) for role in ("field", "select")]
_TICKED = [ROLES.index(role) for role in ("checkbox", "radio", "switch")]


class Manner(NamedTuple):
    """How a name is asked for, and what of the screen bears on it."""

    plain: bool = False
    """It is a name and nothing else, so what says something else is not meant; fields and drawings may be."""
    field: bool = False
    """A field is asked for in as many words, so one without a label may be meant ("the search field", beside "Search")."""
    linked: np.ndarray | None = None
    """(R,) which runs are written as links are."""


class _Name(NamedTuple):
    """Where the name of a question is written."""

    best: np.ndarray
    """(N,) numbers of the runs that say it."""
    here: np.ndarray
    """(W,) bool: words of these runs"""
    alone: np.ndarray
    """(W,) bool: of these, words with which nothing else stands"""
    near: np.ndarray
    """(W,) bool: words of all that is only like it, too"""

    @classmethod
    def found(cls, like: np.ndarray, runs: Runs, words: int) -> "_Name":
        best = np.array(spans.best(like), int)

        def of(some: np.ndarray) -> np.ndarray:
            marked = np.zeros(words, bool)
            for run in some:
                marked[runs.words[run]] = True
            return marked

        return cls(best, of(best), of(best[runs.alone[best] > WHOLE]), of(np.nonzero(like >= LIKE)[0]))


class _Shares:
    """Probabilities of elements (T,) and words (W,), and what was taken from some and is to be given to others."""

    def __init__(self, elements: np.ndarray, words: np.ndarray) -> None:
        self.elements, self.words, self.taken = elements.copy(), words.copy(), 0.0

    def take(self, elements: np.ndarray | Sequence[int] = (), words: np.ndarray | Sequence[int] = ()) -> None:
        for shares, some in ((self.elements, elements), (self.words, words)):
            if len(some):
                self.taken += float(shares[some].sum())
                shares[some] = 0

    def give(self, fields: Sequence[int], runs: Sequence[Sequence[int]], weights: np.ndarray) -> None:
        """All of it to fields as they have shares, or to runs of words by their weights."""
        if fields:
            self.elements[fields] += self.taken * self.elements[fields] / self.elements[fields].sum()
        else:
            for run, share in zip(runs, weights / weights.sum(), strict=True):
                self.words[run] += self.taken * share / len(run)
        self.taken = 0.0


def settled(
    like: np.ndarray,
    runs: Runs,
    things: Things,
    elements: np.ndarray,
    words: np.ndarray,
    manner: Manner | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Probabilities of the elements (T,) and words (W,) of one question, like (R,): moved to where its name is written.

    The third value is how surely the name is written out, alone: 0 to 1.
    """
    if not len(like) or like.max() < WRITTEN:
        return elements, words, 0.0
    name = _Name.found(like, runs, len(words))
    plain, field, linked = manner or Manner()
    shares, holds = _Shares(elements, words), _holding(things, name.here)
    shares.take(*_mistaken(things, name, holds, plain))
    best = [runs.words[run] for run in name.best]
    alone, pressed = runs.alone[name.best], runs.pressed[name.best]
    weights = np.array([shares.words[run].sum() + 0.02 for run in best])
    weights *= np.exp(ALONE * (alone - alone.max()) + PRESSED * pressed)
    if linked is not None:
        weights *= np.exp(LINKED * linked[name.best])
    shares.elements = _controls(things, shares.elements, name.near, name.alone)
    shares.elements = _own_words(things, shares.elements, name.here, name.alone)
    if not field:
        shares.take(elements=_unlabelled(things, shares.elements, name.here))
    if plain:
        shares.take(elements=_bars(things, name))
        shares.take(elements=_far_ticks(things, shares.elements, best))
    shares.take(words=name.here)
    shares.give(_meant(things, shares.elements, holds, name.alone), best, weights)
    sure = max(0.0, float(like.max()) - 0.9) * 10 * float(alone.max())
    return shares.elements, shares.words, sure


def _mistaken(things: Things, name: _Name, holds: np.ndarray, plain: bool) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of elements and words that may have been taken for the name; where nothing else is asked for, all that say something else."""
    words, elements = name.near & ~name.here, _holding(things, name.near) & ~holds
    if plain:
        others_say, says_other = _others(things, name.here)
        words, elements = words | (others_say & ~name.here), elements | (says_other & ~holds)
    return np.nonzero(elements)[0], np.nonzero(words)[0]


def _others(things: Things, here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words (W,) that stand on no field, and elements (T,) to press with a text of their own; both bool."""
    roles = things.flags[:, -len(ROLES) :].argmax(1).numpy()
    element = np.arange(len(roles)) >= things.lines
    owners = things.owners.numpy()
    filled = (element & np.isin(roles, _FILLED))[owners[0]]
    words = np.ones(len(here), bool)
    words[owners[1][filled]] = False
    return words, element & np.isin(roles, PRESSED_ROLES) & np.array([bool(text) for text in things.texts], bool)


def _controls(things: Things, elements: np.ndarray, near: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Of fields and boxes without a text of their own, those whose label says the name get what those have whose label
    only resembles it ("Password" and "Password confirmation")."""
    empty = [i for i in range(things.lines, len(things.texts)) if not things.texts[i] and elements[i] > 1e-3]
    labels = {i: _label(things, i) for i in empty}
    right = [i for i in empty if labels[i] and here[labels[i]].any()]
    wrong = [i for i in empty if labels[i] and near[labels[i]].any() and not here[labels[i]].any()]
    if not right or not wrong:
        return elements
    new = elements.copy()
    shares = elements[right] / elements[right].sum()
    new[right] += shares * elements[wrong].sum()
    new[wrong] = 0
    return new


def _own_words(things: Things, elements: np.ndarray, here: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Where the name stands in a field, alone, other fields with words of their own give theirs to it.

    What stands above a field is often its label, but not when it stands in a field itself.
    """
    roles = things.flags[:, -len(ROLES) :].argmax(1).tolist()
    fields = [i for i in range(things.lines, len(things.texts)) if roles[i] in _FILLED and things.texts[i]]
    holding = _holding(things, here)
    owners = things.owners.numpy()
    right = [
        i
        for i in fields
        if holding[i] and alone[owners[1][owners[0] == i]].mean() > WHOLE and things.flags[i, 2] > SURE
    ]
    wrong = [i for i in fields if not holding[i]]
    if not right or not wrong:
        return elements
    new = elements.copy()
    new[right] += elements[wrong].sum() / len(right)
    new[wrong] = 0
    return new


def _meant(things: Things, elements: np.ndarray, holds: np.ndarray, alone: np.ndarray) -> list[int]:
    """Fields whose label says the name and nothing else, where they are meant rather than what else it is written on.

    What helps to fill in a field says its name as well ("Your password must ..."), and is not meant.
    """
    roles = things.flags[:, -len(ROLES) :].argmax(1).numpy()
    likely = np.nonzero(np.isin(roles, _FILLED) & (elements > MEANT / 10) & ~holds)[0].tolist()
    right = [i for i in likely if i >= things.lines and (label := _label(things, i)) and alone[label].all()]
    share = elements[right].sum()
    rivals = elements[holds].max() if holds.any() else 0.0
    return right if share > max(MEANT, rivals) else []


def _unlabelled(things: Things, elements: np.ndarray, here: np.ndarray) -> list[int]:
    """Empty fields whose label does not hold the name, where something that looks like a link or a button says it."""
    roles = things.flags[:, -len(ROLES) :].argmax(1).tolist()
    if not any(roles[i] in PRESSED_ROLES for i in np.nonzero(_holding(things, here))[0]):
        return []
    empty = [i for i in range(things.lines, len(things.texts)) if not things.texts[i] and roles[i] in _FILLED]
    return [i for i in empty if elements[i] > 1e-3 and not here[_label(things, i)].any()]


def _bars(things: Things, name: _Name) -> list[int]:
    """Supposed fields on which other words stand before the name: a bar of links ("3 left All Active") is no field."""
    roles, owners = things.flags[:, -len(ROLES) :].argmax(1).tolist(), things.owners.numpy()
    found = []
    for i in np.nonzero(_holding(things, name.here))[0].tolist():
        own = owners[1][owners[0] == i]
        first = min((things.words[k].box[0] for k in own if name.here[k]), default=0.0)
        before = [things.words[k].text for k in own if things.words[k].box[2] <= first]
        if roles[i] in _FILLED and any(len(text) > 1 for text in before):  # a mark or a bullet is none
            found.append(i)
    return found


def _far_ticks(things: Things, elements: np.ndarray, runs: Sequence[Sequence[int]]) -> list[int]:
    """Boxes to tick before the name, on its line, that are too far away to be its own: those of a row of a table."""
    roles = things.flags[:, -len(ROLES) :].argmax(1).tolist()
    names = [[f(things.words[k].box[side] for k in run) for side, f in enumerate((min, min, max, max))] for run in runs]
    found = []
    for i in np.nonzero(elements > 1e-3)[0].tolist():
        if i < things.lines or roles[i] not in _TICKED or things.texts[i]:
            continue
        x0, y0, x1, y1 = things.boxes[i].tolist()
        gaps = [box[0] - x1 for box in names if box[0] > x1 and abs(box[1] + box[3] - y0 - y1) < y1 - y0]
        if gaps and min(gaps) > OWN_TICK:
            found.append(i)
    return found


def _label(things: Things, number: int) -> list[int]:
    """The words of the line before a control on its row, or right above it; none when there is neither."""
    x0, y0, x1, y1 = things.boxes[number].tolist()
    boxes = things.boxes[: things.lines].numpy()
    level = np.abs((boxes[:, 1] + boxes[:, 3]) / 2 - (y0 + y1) / 2) < max(9.0, (y1 - y0) / 2)
    before = np.where(level & (boxes[:, 2] <= x0 + 4), x0 - boxes[:, 2], np.inf)
    over = (boxes[:, 3] <= y0 + 4) & (boxes[:, 0] < x1) & (boxes[:, 2] > x0)
    above = np.where(over, y0 - boxes[:, 3], np.inf)
    for away, reach in ((before, 260.0), (above, 26.0)):
        if len(away) and away.min() < reach:
            line = int(away.argmin())
            owners = things.owners.numpy()
            return owners[1][owners[0] == line].tolist()
    return []


def _holding(things: Things, words: np.ndarray) -> np.ndarray:
    """(T,) bool: elements with one of these words on them."""
    out = np.zeros(len(things.texts), bool)
    owners = things.owners.numpy()
    own = owners[:, owners[0] >= things.lines]
    out[own[0][words[own[1]]]] = True
    return out
