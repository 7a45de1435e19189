"""Where names are written on a screen: runs of words compared with what a question names, letter by letter.

The decoder compares words by their spelling codes, to which "dump()" and "dumps()" are nearly the same; here they are not.
Knows nothing of tensors and probabilities.
"""

import re

import numpy as np
from rapidfuzz import fuzz, process

from deixis.browser.types import Box
from deixis.vlm.names import bare, letters_of, names_of
from deixis.vlm.runs import Runs
from deixis.vlm.things import Things

WRITTEN, SAME = 0.84, 0.02
"""Likeness from which a name counts as written, and what the best may be better."""
CLOSE = 0.9
"""Likeness from which something is written that another thing is told apart by."""
CLEAR = 0.06
"""What a name that was read wrongly is better than all others."""
EXACT = 0.97
"""Likeness of what is the same but for a slip."""
CUT = 0.96
"""Likeness of the beginning of a name, where that is all there is room for."""
BEGUN, SHORTEST = 0.6, 8
"""The share of the name's letters that must be there then, and how many."""
WHOLE = 0.75
"""Share of a label from which a name is all of it."""
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


def likeness(question: str, runs: Runs) -> np.ndarray:
    """(R,) 0 to 1: how like each run is to what the question names; of several names the longest that is written out."""
    names = names_of(question)
    if not runs.letters or not names:
        return np.zeros(len(runs.letters))
    written = set(runs.letters)
    names = [next((name for name in names if name in written), names[-1]), names[-1]]
    like = np.asarray(process.cdist(names, runs.letters, scorer=fuzz.ratio)) / 100
    name = 0 if like[0].max() >= EXACT else 1
    return _as_written(question, _cut_off(names[name], like[name], runs), runs)


def _cut_off(name: str, like: np.ndarray, runs: Runs) -> np.ndarray:
    """Likenesses (R,): where a name is written nowhere in full, labels that have no room for more than its beginning are it."""
    if like.max() >= EXACT:
        return like
    like, begun = like.copy(), _begun(name, runs)
    like[begun] = np.maximum(like[begun], CUT)
    return like


def _begun(name: str, runs: Runs) -> list[int]:
    """Numbers of the runs that are the beginning of a name, with dots behind."""
    least = max(SHORTEST, BEGUN * len(name))
    cut = np.nonzero(runs.cut)[0].tolist()
    return [i for i in cut if len(runs.letters[i]) >= least and name.startswith(runs.letters[i])]


def _misread(name: str, runs: Runs) -> bool:
    """Whether a name is written but for a letter that was read wrongly: nothing else on the screen is nearly as like it."""
    if len(name) < SHORTEST or not runs.letters:
        return False
    like = np.asarray(process.cdist([name], runs.letters, scorer=fuzz.ratio))[0] / 100
    best = int(like.argmax())
    others = like[[letters != runs.letters[best] for letters in runs.letters]]
    same_digits = re.sub(r"\D", "", name) == re.sub(r"\D", "", runs.letters[best])
    return bool(like[best] >= CLOSE and same_digits and (not len(others) or others.max() < like[best] - CLEAR))


def _as_written(question: str, like: np.ndarray, runs: Runs) -> np.ndarray:
    """Likenesses (R,): of those that are the same but for their case, what is a part of something else gives way.

    "Completed" is the tab of that name, not "Clear completed", but "Submit" may well be "SUBMIT" on a button. Small letters
    say nothing: people write so.
    """
    same = best(like)
    so = [i for i in same if runs.texts[i] in question and not runs.texts[i].islower()]
    other = [i for i in same if runs.texts[i] not in question and runs.alone[i] <= WHOLE]
    if not so or not other:
        return like
    like = like.copy()
    like[other] -= 2 * SAME
    return like


def best(like: np.ndarray) -> list[int]:
    """Numbers of the runs, of likenesses (R,), that say a name as well as any."""
    return np.nonzero(like >= max(WRITTEN, like.max() - SAME))[0].tolist() if len(like) else []


def plain(question: str, runs: Runs) -> bool:
    """Whether a question is a name that is written, and nothing else of weight."""
    known, names = set(runs.letters), names_of(question)
    name = next((name for name in names if name in known), "")
    name = name or next((name for name in names if _begun(name, runs) or _misread(name, runs)), "")
    words = [bare(word) for word in question.split()]
    return bool(name) and all(word in name or word in _PLAIN for word in words)


def one_name(question: str, part: str, runs: Runs) -> bool:
    """Whether a part of a question belongs to a longer name that is written ("later" in "Save for later")."""
    letters, known = letters_of(part), set(runs.letters)
    name = next((name for name in names_of(question) if name in known), "")
    return letters in name and len(name) > len(letters)


def alone(like: np.ndarray, runs: Runs, things: Things, within: bool = False) -> np.ndarray:
    """(N, 2) middles of the runs that say a question's name and nothing else; like (R,).

    within: where none does, those that say it within other words, as links of one line do ("Repeat Details").
    """
    said = best(like)
    if not said:
        return np.zeros((0, 2))
    by_itself = [run for run in said if runs.alone[run] > WHOLE]
    some = said if within and not by_itself else by_itself
    boxes = np.array([[things.words[i].box for i in (runs.words[run][0], runs.words[run][-1])] for run in some])
    boxes = boxes.reshape(-1, 2, 4)
    return np.stack([(boxes[:, 0, 0] + boxes[:, 1, 2]) / 2, (boxes[:, 0, 1] + boxes[:, 1, 3]) / 2], 1)


def written(name: str, runs: Runs, things: Things) -> list[Box]:
    """Where a name is written, within other words too."""
    like = likeness(name, runs)
    if not len(like) or like.max() < CLOSE:
        return []
    return [around(things, runs.words[run]) for run in np.nonzero(like >= like.max() - SAME)[0]]


def labels(name: str, runs: Runs, things: Things) -> list[Box]:
    """Where just these words, and all of them, stand alone: as a label, no part of a sentence."""
    letters = letters_of(name)
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
