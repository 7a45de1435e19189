"""Names that are written out: a question that says a label in full means that label, not one that only shares words.

The decoder compares words by their spelling codes, to which "dump()" and "dumps()" are nearly the same, and prefers a short
label to a link within a line. Here runs of words are compared with the name letter by letter, and probability that lies
on labels which are only like the name goes to where it is written. What shares no letters with the name (a field beside
its label, an icon) keeps what it has. Knows nothing of tensors.
"""

import re
from typing import NamedTuple

import numpy as np
from rapidfuzz import fuzz, process

from deixis.browser.types import Box
from deixis.vlm import questions, spelling
from deixis.vlm.config import ROLES
from deixis.vlm.things import Things

LONGEST = 9
"""Words of a name."""
WRITTEN, SAME = 0.84, 0.02
"""Likeness from which a name counts as written, and what the best may be better."""
CLOSE = 0.9
"""Likeness from which something is written that another thing is told apart by."""
EXACT = 0.97
"""Likeness of what is the same but for a slip."""
LIKE = 0.45
"""Likeness from which something may have been taken for the name."""
ALONE = 6.0
"""How much a name that stands alone is preferred to one within a line."""
PRESSED = 8.0
"""How much a name is preferred that fills a link or a button to one in running text or a heading."""
FITS = 3.5
"""Times a name's area up to which a link or button around it is filled by it: their boxes are found loosely."""
MEANT = 0.1
"""Probability from which a field is meant by the name on its label."""
PRESSABLE = 0.25
"""How surely something must have been found to be believed to be a link or a button."""
NEXT = 0.7
"""Heights of a line between two words at most that were found apart and belong together."""
WHOLE = 0.75
"""Share of a label from which a name is all of it."""
GAP = 1.6
"""Heights of a line between two words that do not belong together."""


_PRESSED = [ROLES.index(role) for role in ("link", "button", "tab", "menuitem")]


class Runs(NamedTuple):
    """All runs of words that follow one another on a line."""

    letters: list[str]
    """Folded, without spaces and marks."""
    words: list[list[int]]
    """Numbers of their words."""
    alone: np.ndarray
    """(R,) how much of the part of the line it stands in each is: 1 when nothing else is written there."""
    pressed: np.ndarray
    """(R,) how surely each fills a link or a button, as those within a sentence; 0 where it fills none."""


def runs_of(things: Things) -> Runs:
    """Runs of 1 to LONGEST words; a mark or letter that stands alone, or a wide gap, ends a part of a line."""
    letters: list[str] = []
    words: list[list[int]] = []
    alone: list[float] = []
    for part in _parts(things):
        folded = [_bare(things.words[i].text) for i in part]
        whole = max(sum(map(len, folded)), 1)
        for start in range(len(part)):
            text = ""
            for end in range(start, min(start + LONGEST, len(part))):
                text += folded[end]
                if folded[start] and folded[end]:
                    letters.append(text)
                    words.append(part[start : end + 1])
                    alone.append(len(text) / whole)
    pressed = _filling(things, words)
    return Runs(letters, words, np.where(pressed > PRESSABLE, 1.0, np.array(alone)), pressed)


def _filling(things: Things, runs: list[list[int]]) -> np.ndarray:
    """(R,) how surely the run is about all that is written on something to press."""
    roles = things.flags[things.lines :, -len(ROLES) :].argmax(1).tolist()
    rows = [things.lines + i for i, role in enumerate(roles) if role in _PRESSED]
    if not rows or not runs:
        return np.zeros(len(runs))
    others = things.boxes[rows].numpy()  # (E, 4)
    own = np.array(
        [
            [
                things.words[run[0]].box[0],
                min(things.words[i].box[1] for i in run),
                things.words[run[-1]].box[2],
                max(things.words[i].box[3] for i in run),
            ]
            for run in runs
        ]
    )
    x, y = (own[:, 0] + own[:, 2]) / 2, (own[:, 1] + own[:, 3]) / 2
    u, v = (others[:, 0] + others[:, 2]) / 2, (others[:, 1] + others[:, 3]) / 2
    area, size = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (own, others))
    near = (np.abs(x[:, None] - u) < (own[:, 2] - own[:, 0])[:, None] / 2) & (
        np.abs(y[:, None] - v) < (own[:, 3] - own[:, 1])[:, None] / 2
    )
    over = np.minimum(own[:, 2][:, None], others[:, 2]) - np.maximum(own[:, 0][:, None], others[:, 0])
    covers = over > 0.8 * (own[:, 2] - own[:, 0])[:, None]
    fills = near & covers & (size < FITS * np.maximum(area[:, None], 1))
    return np.where(fills, things.flags[rows, 2].numpy(), 0.0).max(1)


def _bare(word: str) -> str:
    return "".join(spelling.fold(text) for text in spelling.words_of(word))


def _parts(things: Things) -> list[list[int]]:
    """Numbers of words that belong together, in order."""
    own = things.owners[:, things.owners[0] < things.lines]
    parts: list[list[int]] = []
    last: tuple[int, int] | None = None
    for line, word in sorted(zip(own[0].tolist(), own[1].tolist(), strict=True)):
        bare, box = _bare(things.words[word].text), things.words[word].box
        if len(bare) < 2 and not bare.isdigit():
            last = None
            continue
        follows = last is not None and last[0] == line
        if follows and last is not None:
            before = things.words[last[1]].box
            follows = box[0] - before[2] < GAP * (box[3] - box[1])
        if follows:
            parts[-1].append(word)
        else:
            parts.append([word])
        last = (line, word)
    return _joined(parts, things)


def _joined(parts: list[list[int]], things: Things) -> list[list[int]]:
    """Parts that follow one another on a row, as far apart as words are, are one as well: a line may have been found in pieces."""
    boxes = np.array([things.words[part[0]].box for part in parts]).reshape(-1, 4)
    after_of: dict[int, int] = {}
    for number, part in enumerate(parts):
        box = things.words[part[-1]].box
        height = box[3] - box[1]
        level = np.abs(boxes[:, 1] + boxes[:, 3] - box[1] - box[3]) < 0.4 * height
        after = boxes[:, 0] - box[2]
        follows = [int(i) for i in np.nonzero(level & (after > -2) & (after < NEXT * height))[0] if i != number]
        if len(follows) == 1 and follows[0] not in after_of.values():
            after_of[number] = follows[0]
    out = list(parts)
    for number in sorted(set(after_of) - set(after_of.values())):
        whole = list(parts[number])
        while number in after_of:
            number = after_of[number]
            whole += parts[number]
        out.append(whole)
    return out


_ASKS = questions.FRAME.union(
    ["locate", "switch", "navigate", "move", "turn", "off", "tick", "untick", "check", "uncheck", "enable", "disable", "put"],
    ["write", "come", "look", "one", "form", "text", "textbox", "input", "btn", "hyperlink", "checkmark", "mark", "radio"],
    ["choice", "menu", "caption", "captioned", "labelled", "labeled", "titled", "marked", "saying", "reading", "something"],
)  # fmt: skip
"""Words before a name that may only ask; each may be of a name as well, so the longest name that is written counts."""
_LEADS = frozenset(["just", "first", "next", "finally", "then", "now", "please", "also", "and", "so", "ok"])
"""Words that only lead up to others which ask ("next, click on"); alone they are names ("Next")."""
_TAILS = frozenset(
    ["please", "now", "here", "field", "fields", "box", "link", "button", "tab", "checkbox", "icon", "menu", "item", "entry"]
    + ["option", "radio", "select", "dropdown", "form", "text", "textbox", "input", "btn", "hyperlink", "list", "choice"]
)  # fmt: skip
"""Words after a name that say what it is the name of."""
_SMALL = frozenset(
    ["the", "a", "an", "to", "on", "in", "at", "of", "for", "with", "into", "is", "it", "that", "my", "your"]
)
"""Words no name is compared with in front."""
_POLITE = re.compile(r"( please| now| here| to continue| on this page|[.,;:!])+$")


def names_of(question: str) -> list[str]:
    """The letters of what a question may name, the longest first; the last is the question without all words that ask.

    What stands in quotes; else the question with fewer and fewer of the words that only ask at its ends.
    """
    quoted = re.search(r"['\"“‘«`]([^'\"”’»`]{2,})['\"”’»`]", question)
    if quoted:
        return [_bare_all(quoted[1])]
    lower = question.lower()
    words = _POLITE.sub("", lower).split() or [lower]
    plain = [word.strip(".,;:!?()[]") for word in words]
    starts, ends = [0], [len(words)]
    while starts[-1] < len(words) - 1 and _only_asks(plain, starts[-1]):
        starts.append(starts[-1] + 1)
    while ends[-1] > 1 and plain[ends[-1] - 1] in _TAILS:
        ends.append(ends[-1] - 1)
    starts = [start for start in starts if plain[start] not in _SMALL]
    between = sorted(((end - start, start, end) for start in starts for end in ends if start < end), reverse=True)
    found = dict.fromkeys([_bare_all(lower), *(_bare_all(" ".join(words[start:end])) for _, start, end in between)])
    bare = _bare_all(questions.bare(lower))
    return [name for name in found if name and name != bare] + ([bare] if bare else [])


def _only_asks(words: list[str], number: int) -> bool:
    """Whether a word before a name may be no part of it."""
    word = words[number]
    return word in _ASKS or (word in _LEADS and words[number + 1] in _ASKS | _LEADS)


def _bare_all(text: str) -> str:
    return "".join(_bare(word) for word in text.split())


_PLAIN = frozenset(
    [
        "the",
        "a",
        "an",
        "to",
        "on",
        "at",
        "please",
        "now",
        "then",
        "and",
        "click",
        "press",
        "tap",
        "hit",
        "open",
        "choose",
        "push",
        "go",
        "find",
        "point",
        "use",
        "button",
        "link",
        "tab",
        "item",
    ]
)
"""Words beside a name that say neither what kind of field it belongs to nor what it stands beside."""


def plain(question: str, runs: Runs) -> bool:
    """Whether a question is a name that is written, and nothing else of weight."""
    known = set(runs.letters)
    name = next((name for name in names_of(question) if name in known), "")
    words = [_bare(word) for word in question.split()]
    return bool(name) and all(word in name or word in _PLAIN for word in words)


def likeness(question: str, runs: Runs) -> np.ndarray:
    """(R,) 0 to 1: how like each run is to what the question names; of several names the longest that is written out."""
    names = names_of(question)
    if not runs.letters or not names:
        return np.zeros(len(runs.letters))
    written = set(runs.letters)
    names = [next((name for name in names if name in written), names[-1]), names[-1]]
    like = np.asarray(process.cdist(names, runs.letters, scorer=fuzz.ratio)) / 100
    return like[0 if like[0].max() >= EXACT else 1]


def alone(like: np.ndarray, runs: Runs, things: Things) -> np.ndarray:
    """(N, 2) middles of the runs that say a question's name and nothing else; like (R,)."""
    if not len(like) or like.max() < WRITTEN:
        return np.zeros((0, 2))
    best = np.nonzero((like >= max(WRITTEN, like.max() - SAME)) & (runs.alone > WHOLE))[0]
    boxes = np.array([[things.words[i].box for i in (runs.words[run][0], runs.words[run][-1])] for run in best])
    boxes = boxes.reshape(-1, 2, 4)
    return np.stack([(boxes[:, 0, 0] + boxes[:, 1, 2]) / 2, (boxes[:, 0, 1] + boxes[:, 1, 3]) / 2], 1)


def one_name(question: str, part: str, runs: Runs) -> bool:
    """Whether a part of a question belongs to a longer name that is written ("later" in "Save for later")."""
    letters, known = _bare_all(part), set(runs.letters)
    name = next((name for name in names_of(question) if name in known), "")
    return letters in name and len(name) > len(letters)


def written(name: str, runs: Runs, things: Things) -> list[Box]:
    """Where a name is written, within other words too."""
    like = likeness(name, runs)
    if not len(like) or like.max() < CLOSE:
        return []
    return [around(things, runs.words[run]) for run in np.nonzero(like >= like.max() - SAME)[0]]


def labels(name: str, runs: Runs, things: Things) -> list[Box]:
    """Where just these words, and all of them, stand alone: as a label, no part of a sentence."""
    letters = _bare_all(name)
    found = [i for i, text in enumerate(runs.letters) if text == letters and runs.alone[i] > WHOLE]
    return [around(things, runs.words[run]) for run in found]


def around(things: Things, words: list[int]) -> Box:
    """The box of words, by their numbers."""
    boxes = np.array([things.words[i].box for i in words])
    (x0, y0), (x1, y1) = boxes[:, :2].min(0).tolist(), boxes[:, 2:].max(0).tolist()
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


def shaped(shape: re.Pattern[str], things: Things) -> dict[int, Box]:
    """The lines on which words of a shape stand, one word or two, with the box of these words."""
    found: dict[int, Box] = {}
    own = things.owners[:, things.owners[0] < things.lines]
    line_of = dict(zip(own[1].tolist(), own[0].tolist(), strict=True))
    for i in range(len(things.words)):
        pair = [i, i + 1] if line_of.get(i + 1) == line_of[i] else [i]
        for numbers in ([i], pair):
            if shape.match(" ".join(things.words[k].text for k in numbers)):
                found.setdefault(line_of[i], around(things, numbers))
    return found


def settled(
    like: np.ndarray,
    runs: Runs,
    things: Things,
    elements: np.ndarray,
    words: np.ndarray,
    plain: bool = False,
    field: bool = False,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Probabilities of the elements (T,) and words (W,) of one question, like (R,): moved to where its name is written.

    plain: the question is a name and nothing else, so what says something else is not meant; fields and drawings may be.
    field: a field is asked for in as many words, so one without a label may be meant ("the search field", beside "Search").

    The third value is how surely the name is written out, alone: 0 to 1.
    """
    if not len(like) or like.max() < WRITTEN:
        return elements, words, 0.0
    best = np.nonzero(like >= max(WRITTEN, like.max() - SAME))[0]
    near = np.zeros(len(words), bool)
    for run in np.nonzero(like >= LIKE)[0]:
        near[runs.words[run]] = True
    here = np.zeros(len(words), bool)
    for run in best:
        here[runs.words[run]] = True
    new, others = words.copy(), elements.copy()
    holds = _holding(things, here)
    taken = np.nonzero(_holding(things, near) & ~holds)[0]
    away = near & ~here
    if plain and like.max() >= EXACT:
        others_say, says_other = _others(things, here)
        away, taken = away | (others_say & ~here), np.union1d(taken, np.nonzero(says_other & ~holds)[0])
    moved = float(new[away].sum() + others[taken].sum())
    new[away] = 0
    others[taken] = 0
    shares = np.array([new[runs.words[run]].sum() + 0.02 for run in best]) * np.exp(
        ALONE * (runs.alone[best] - runs.alone[best].max()) + PRESSED * runs.pressed[best]
    )
    alone = np.zeros(len(words), bool)
    for run in best[runs.alone[best] > WHOLE]:
        alone[runs.words[run]] = True
    others = _controls(things, others, near, alone).copy()
    others = _own_words(things, others, here, alone)
    lost = [] if field else _unlabelled(things, others, here)
    moved += float(others[lost].sum())
    others[lost] = 0
    total = moved + float(new[here].sum())
    new[here] = 0
    fields = _meant(things, others, holds, alone)
    if fields:
        others[fields] += total * others[fields] / others[fields].sum()
        total = 0.0
    for run, share in zip(best, shares / shares.sum(), strict=True):
        new[runs.words[run]] += total * share / len(runs.words[run])
    sure = max(0.0, float(like.max()) - 0.9) * 10 * float(runs.alone[best].max())
    return others, new, sure


def _others(things: Things, here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words (W,) that stand on no field, and elements (T,) to press with a text of their own; both bool."""
    roles = things.flags[:, -len(ROLES) :].argmax(1).numpy()
    element = np.arange(len(roles)) >= things.lines
    owners = things.owners.numpy()
    filled = (element & np.isin(roles, _FILLED))[owners[0]]
    words = np.ones(len(here), bool)
    words[owners[1][filled]] = False
    return words, element & np.isin(roles, _PRESSED) & np.array([bool(text) for text in things.texts], bool)


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


_FILLED = [ROLES.index(role) for role in ("field", "select")]


SURE = 0.4
"""How surely something must have been found to be believed to be a field."""


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
    if not any(roles[i] in _PRESSED for i in np.nonzero(_holding(things, here))[0]):
        return []
    empty = [i for i in range(things.lines, len(things.texts)) if not things.texts[i] and roles[i] in _FILLED]
    return [i for i in empty if elements[i] > 1e-3 and not here[_label(things, i)].any()]


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
