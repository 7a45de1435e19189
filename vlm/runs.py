"""Runs of words that follow one another on a line of a screen: what a name may be written as.

Knows nothing of questions.
"""

from typing import NamedTuple

import numpy as np

from deixis.vlm.config import ROLES
from deixis.vlm.names import bare
from deixis.vlm.spelling import words_of
from deixis.vlm.things import Things

LONGEST = 9
"""Words of a name."""
FITS = 3.5
"""Times a name's area up to which a link or button around it is filled by it: their boxes are found loosely."""
PRESSABLE = 0.25
"""How surely something must have been found to be believed to be a link or a button."""
NEXT = 0.7
"""Heights of a line between two words at most that were found apart and belong together."""
GAP = 1.6
"""Heights of a line between two words that do not belong together."""
PRESSED_ROLES = [ROLES.index(role) for role in ("link", "button", "tab", "menuitem")]


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
    cut: np.ndarray
    """(R,) bool: all of a part of a line that ends in dots, as labels do that have no room."""
    texts: list[str]
    """As they are written, without marks."""


def runs_of(things: Things) -> Runs:
    """Runs of 1 to LONGEST words; a mark or letter that stands alone, or a wide gap, ends a part of a line."""
    letters: list[str] = []
    words: list[list[int]] = []
    alone: list[float] = []
    cut: list[bool] = []
    texts: list[str] = []
    for part in _parts(things):
        dots = _dots(things, part[-1])
        folded = [bare(things.words[i].text) for i in part]
        whole = max(sum(map(len, folded)), 1)
        for start in range(len(part)):
            text = ""
            for end in range(start, min(start + LONGEST, len(part))):
                text += folded[end]
                if folded[start] and folded[end]:
                    letters.append(text)
                    words.append(part[start : end + 1])
                    alone.append(len(text) / whole)
                    cut.append(dots and end - start + 1 == len(part))
                    texts.append(
                        " ".join(word for i in part[start : end + 1] for word in words_of(things.words[i].text))
                    )
    pressed = _filling(things, words)
    return Runs(
        letters, words, np.where(pressed > PRESSABLE, 1.0, np.array(alone)), pressed, np.array(cut, bool), texts
    )


def _dots(things: Things, word: int) -> bool:
    """Whether a word ends in dots, or dots stand right behind it."""
    (text, box), *after = things.words[word : word + 2]
    if text.endswith((".", "…")):
        return True
    return any(
        set(dots) <= {".", "…"} and abs(y0 - box[1]) < box[3] - box[1] and 0 <= x0 - box[2] < GAP * (box[3] - box[1])
        for dots, (x0, y0, _, _) in after
    )


def _filling(things: Things, runs: list[list[int]]) -> np.ndarray:
    """(R,) how surely the run is about all that is written on something to press."""
    roles = things.flags[things.lines :, -len(ROLES) :].argmax(1).tolist()
    rows = [things.lines + i for i, role in enumerate(roles) if role in PRESSED_ROLES]
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


def _parts(things: Things) -> list[list[int]]:
    """Numbers of words that belong together, in order."""
    own = things.owners[:, things.owners[0] < things.lines]
    parts: list[list[int]] = []
    last: tuple[int, int] | None = None
    for line, word in sorted(zip(own[0].tolist(), own[1].tolist(), strict=True)):
        letters, box = bare(things.words[word].text), things.words[word].box
        if len(letters) < 2 and not letters.isdigit():
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
