"""Proof-reading: what the pointer takes for a name is read letter by letter and compared with the name.

The text keys of a page know a word by its look, not whether a label holds more than the name, nor in which order its
words stand: "Save" and "Save and continue editing" are alike to them, "csv" and "csv.reader" nearly. So the lines at
the likeliest places are read by the line reader, and the expert of names is corrected by what they say. Knows nothing
of pictures: lines come with their text and where it stands.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, zip_longest
from statistics import fmean
from typing import NamedTuple

from rapidfuzz import fuzz
from torch import Tensor

from deixis.browser.types import Box
from deixis.vlm import lexicon, spelling
from deixis.vlm.reader import Line
from deixis.vlm.vit import STRIDE

PLACES = 16
"""Places that are read at most for a question."""
PICKED = (0.3, 0.6)
"""Shares of the heaviest word's weight from which a word counts as part of the name; both are tried."""
PICKABLE = 0.4
"""Weight that the heaviest word of a name has at least."""
MORE = 0.16
"""What a label loses that holds nearly nothing of the name besides it."""
BROKEN = 0.12
"""What it loses for each end of the name that is not the end of a word."""
WIDE = 2.8
"""Usual distances between two letters from which a gap parts a line."""
WRITTEN = 0.58
"""Fit from which the name itself is taken to be written on the page, and labels alike need not be read."""
FULL, NOTHING = 0.8, -0.15
"""The cosine a name read in full stands for, and one of which no letter is right."""
EXACT, LEGIBLE = 0.66, 0.5
"""The fit from which a line says the name, if its letters are that sure."""
SAME = 0.03
"""Fits that differ by less are the same."""
GOOD = 0.65
"""The cosine that the text keys of a name usually have where it stands."""
BETTER = 0.25
"""What a place where the name is read has before any other."""


class Spot(NamedTuple):
    """A piece of a line that fits a name."""

    likeness: float
    """0 to 1"""
    start: float
    end: float
    """Where on the line, 0 to 1."""
    sure: float
    """0 to 1: the mean probability of its letters."""


def names(question: str, picks: Sequence[float], others: Sequence[float] = ()) -> list[str]:
    """What the question may mean by the name: the words picked, joined without spaces, folded; the longest first.

    Words that only ask ("click the ... button") may be part of a name, but are not one if there are others; words that
    `others` picks more may be part of something else. A single letter says too little.
    """
    words = [word.removesuffix("'s").removesuffix("’s") for _, word, _, _ in spelling.word_ends(question)][: len(picks)]
    own = [pick if pick > 0.8 * other else 0.0 for pick, other in zip_longest(picks, others, fillvalue=0.0)]
    found = []
    for some in (picks, own):
        for share in PICKED:
            least = share * max([*some, 1e-6])
            picked = [word for word, pick in zip(words, some, strict=False) if pick >= least]
            telling = [word for word in picked if word.lower() not in lexicon.FRAME]
            found += [picked, telling] if telling else []
    folded = {spelling.fold("".join(some)): None for some in found or [words, words[1:]]}
    return sorted((name for name in folded if len(name) > 1 or name.isdigit()), key=len, reverse=True)


class Letters(NamedTuple):
    """The letters of a line that are compared: no case, accents, spaces, or marks around words."""

    text: str
    places: list[float]
    sure: list[float]
    edges: set[int]
    """Indices where words begin or end."""
    parts: list[int]
    """Indices where parts of the line begin or end, as between "previous | next"."""


@lru_cache(4096)
def letters_of(line: Line) -> Letters:
    """A wide gap parts the line, and so does a mark or letter that stands alone: a divider, or an icon taken for a letter."""
    text, letters, edges, parts = "", [], {0}, [0]
    steps = sorted(after - before for before, after in pairwise(line.places))
    usual, last = steps[len(steps) // 2] if steps else 1.0, 0.0
    for word in re.finditer(r"\S+", line.text):
        if text and line.places[word.start()] - last > WIDE * usual:
            parts.append(len(text))
        last = line.places[word.end() - 1]
        bare = next(iter(spelling.words_of(word[0])), "")
        if len(bare) < 2 and not bare.isdigit():
            parts.append(len(text))
            continue
        first = word.start() + word[0].index(bare)
        for i, letter in enumerate(bare):
            folded = spelling.fold(letter)
            text += folded
            letters += [first + i] * len(folded)
        edges.add(len(text))
    places, sure = [line.places[i] for i in letters], [line.sure[i] for i in letters]
    return Letters(text, places, sure, edges, [*parts, len(text)])


def spot(name: str, letters: Letters) -> Spot:
    """The piece that is most like a name."""
    text = letters.text
    if not name or not text:
        return Spot(0.0, 0.0, 1.0, 1.0)
    if len(text) <= len(name):
        return Spot(fuzz.ratio(name, text) / 100, letters.places[0], letters.places[-1], fmean(letters.sure))
    found = fuzz.partial_ratio_alignment(name, text)
    assert found is not None
    starts = [found.dest_start]
    if found.score == 100:  # there may be several
        starts = [piece.start() for piece in re.finditer(f"(?={re.escape(name)})", text)]
    length = max(found.dest_end - found.dest_start, 1)

    def loss(start: int) -> float:
        end = start + length
        around = min(p for p in letters.parts if p >= end) - max(p for p in letters.parts if p <= start)
        broken = (start not in letters.edges) + (end not in letters.edges)
        return BROKEN * broken + MORE * max(0.0, 1 - len(name) / around)

    least, first = min((loss(start), start) for start in starts)
    likeness = max(found.score / 100 - least, 0.0)
    piece = slice(first, first + length)
    return Spot(likeness, letters.places[piece][0], letters.places[piece][-1], fmean(letters.sure[piece]))


class Finding(NamedTuple):
    """What a line that has been read says of what is looked for."""

    fit: float
    """As a cosine."""
    sure: float
    which: int
    """The name that fits best."""
    cells: tuple[int, int, int, int]
    """(first row, first column, end row, end column) of the cells where it stands."""
    line: tuple[int, int, int, int]
    """The same of the whole line."""

    @property
    def exact(self) -> bool:
        """Whether the line says the name."""
        return self.fit >= EXACT and self.sure > LEGIBLE


def findings(
    wanted: Sequence[str], lines: Sequence[tuple[Box, Line]], bonus: Sequence[float] | None = None
) -> list[Finding]:
    """What each line (boxes in CSS pixels) says of the names that fit it best, the worst first.

    bonus: for each name, what makes it better than the others, as a cosine. Without it the names are readings of one
    question, the longest first: the first of them that some line says is what was meant.
    """
    found = []
    for name in wanted if bonus is None else ():
        if any(NOTHING + (FULL - NOTHING) * spot(name, letters_of(line)).likeness >= EXACT for _, line in lines):
            wanted = [name]
            break
    for box, line in lines:
        letters = letters_of(line)
        spots = [spot(name, letters) for name in wanted]
        which = max(range(len(wanted)), key=lambda i: (FULL - NOTHING) * spots[i].likeness + (bonus[i] if bonus else 0))
        fit = NOTHING + (FULL - NOTHING) * spots[which].likeness
        whole = _cells(box, Spot(0.0, 0.0, 1.0, 1.0))
        found.append(Finding(fit, spots[which].sure, which, _cells(box, spots[which]), whole))
    return sorted(found, key=lambda one: one.fit + (bonus[one.which] if bonus else 0))


def corrected(found: Sequence[Finding], fits: Tensor, unread: float) -> Tensor:
    """(H, W) how well a name fits each cell, corrected by what has been read, the worst first.

    Reading settles what is not the name, and makes places that read alike fit alike; how well a name fits that the text
    keys saw rightly is left as it is, since the rest of the model was trained with that. unread: the best fit that a
    place which has not been read may have; around a line that has been, fits are what words near it make of it.
    """
    exact = [one for one in found if one.exact]
    exact = [one for one in exact if one.fit > max(other.fit for other in exact) - SAME]
    level = max([GOOD, *(float(_piece(fits, one).max()) for one in exact)])
    others = level - BETTER if exact else 1.0
    new = fits.clamp(max=min(unread, others))
    for one in found:
        here, before = _piece(new, one), _piece(fits, one)
        if one in exact:
            here[:] = before + (level - before.max())
        else:
            here[:] = before.clamp(max=min(one.fit, others)) * one.sure + before.clamp(max=others) * (1 - one.sure)
    return new


def doubted(found: Sequence[Finding], fits: Tensor, loss: float) -> Tensor:
    """(H, W) fits of another kind, less on lines that do not say the name, if there are some that do."""
    new, exact = fits.clone(), [one.fit for one in found if one.exact]
    if not exact:
        return new
    least = max(exact) - SAME
    for one in {one.line: one for one in found}.values():
        if one.fit < least:
            top, left, bottom, right = one.line
            new[top:bottom, left:right] = fits[top:bottom, left:right] - loss
    for one in found:  # a line may have been read twice
        if one.fit >= least:
            _piece(new, one)[:] = _piece(fits, one)
    return new


def said(found: Sequence[Finding]) -> float:
    """How well the name is said by what has been read, as a cosine."""
    return max((NOTHING + (one.fit - NOTHING) * one.sure for one in found), default=NOTHING)


def _piece(fits: Tensor, one: Finding) -> Tensor:
    top, left, bottom, right = one.cells
    return fits[top:bottom, left:right]


def _cells(box: Box, spot: Spot) -> tuple[int, int, int, int]:
    """(first row, first column, end row, end column) of the cells in which a piece of a line stands."""
    x0, x1 = (box.x0 + (box.x1 - box.x0) * edge for edge in (spot.start, spot.end))
    rows = int(box.y0 / STRIDE + 0.4), int(box.y1 / STRIDE + 0.6)
    columns = int(x0 / STRIDE), int(x1 / STRIDE) + 1
    return rows[0], columns[0], max(rows[1], rows[0] + 1), columns[1]
