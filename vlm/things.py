"""Things: what was found on a screen, read and named, as the decoder's tokens.

A thing is a line of text or an element, with its box, its text, what it looks like and what is drawn on it. Words of
lines keep their own boxes, since a line may hold several links. All boxes are CSS pixels. Knows nothing of questions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deixis.vlm import meaning, spelling
from deixis.vlm.config import ROLES
from deixis.vlm.finder import Box, Element
from deixis.vlm.reader import Line

LABEL = 48
"""Letters; what is longer is running text, whose meaning is not asked for."""
FLAGS = 6 + len(ROLES)
"""What is said of a thing in numbers: see `flags_of`."""


class Word(NamedTuple):
    """A word of a line, where it stands."""

    text: str
    box: Box


class Things(NamedTuple):
    """T things of one screen: lines first, then elements."""

    boxes: Tensor
    """(T, 4)"""
    looks: Tensor
    """(T, 2 C): the encoder's cells, pooled"""
    flags: Tensor
    """(T, FLAGS)"""
    drawn: Tensor
    """(T, M): what is drawn, of unit length; 0 where nothing is"""
    texts: list[str]
    """T texts; empty where nothing is written"""
    meanings: Tensor
    """(T, 384): what the texts mean; 0 where there is none or too much"""
    words: list[Word]
    """W words of the lines"""
    owners: Tensor
    """(2, P) pairs of a thing and a word in it: each word is in its line, and in the elements around it"""
    lines: int
    """How many of the things are lines."""

    @property
    def word_boxes(self) -> Tensor:
        """(W, 4)"""
        return torch.tensor([word.box for word in self.words]).view(-1, 4)


def words_of(box: Box, line: Line) -> list[Word]:
    """The words of a line that has been read, each with its box: where its letters stand."""
    width, out, start = box[2] - box[0], [], 0
    count = max(len(line.text), 1)
    half = 0.5 * width / count
    for text in line.text.split(" "):
        end = start + len(text)
        if text and end <= len(line.places):
            left, right = (box[0] + width * line.places[i] for i in (start, end - 1))
            out.append(Word(text, (max(left - half, box[0]), box[1], min(right + half, box[2]), box[3])))
        start = end + 1
    return out


def inside(boxes: Tensor, others: Tensor, slack: float = 2.0) -> Tensor:
    """(A, B) bool: the middle of box B lies in box A, and B is not the larger one."""
    x, y = (others[:, 0] + others[:, 2]) / 2, (others[:, 1] + others[:, 3]) / 2
    a = boxes[:, None]
    within = (x > a[..., 0] - slack) & (x < a[..., 2] + slack) & (y > a[..., 1] - slack) & (y < a[..., 3] + slack)
    size, other = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, others))
    return within & (other[None] < 1.6 * size[:, None])


class Written(NamedTuple):
    """A line that has been read."""

    box: Box
    text: str
    sure: float
    """Mean probability of its letters."""
    words: list[Word]


class Sighted(NamedTuple):
    """What was found on a screen, before it becomes tokens."""

    lines: list[Written]
    elements: list[Element]
    drawn: Tensor
    """(E, M) of the elements"""
    looks: Tensor
    """(T, 2 C) of the lines, then the elements"""


def gathered(seen: Sighted, rounded: bool = False) -> Things:
    """Tokens of what was found. rounded: what texts mean is worked out in whole numbers (`int8`)."""
    lines = torch.tensor([line.box for line in seen.lines]).view(-1, 4)
    elements = torch.tensor([element.box for element in seen.elements]).view(-1, 4)
    words: list[Word] = []
    pairs: list[tuple[int, int]] = []
    for number, line in enumerate(seen.lines):
        pairs += [(number, len(words) + k) for k in range(len(line.words))]
        words += line.words
    holding = inside(elements, lines)
    texts = [line.text for line in seen.lines]
    of_line: dict[int, list[int]] = {}
    for owner, word in pairs:
        of_line.setdefault(owner, []).append(word)
    for number, row in enumerate(holding):
        members = torch.nonzero(row)[:, 0].tolist()
        pairs += [(len(lines) + number, word) for member in members for word in of_line.get(member, ())]
        texts.append(" ".join(seen.lines[member].text for member in members))
    flags = [flags_of(line.sure, bool(line.text)) for line in seen.lines]
    flags += [
        flags_of(element.sure, bool(text), element.roles, bool(drawn.any()))
        for element, text, drawn in zip(seen.elements, texts[len(lines) :], seen.drawn, strict=True)
    ]
    drawn = torch.cat([torch.zeros(len(lines), seen.drawn.shape[1]), seen.drawn])
    owners = torch.tensor(pairs, dtype=torch.long).view(-1, 2).T
    return Things(
        torch.cat([lines, elements]), seen.looks, torch.tensor(flags).view(-1, FLAGS), drawn, texts,
        meanings_of(texts, rounded),
        words, owners, len(lines),
    )  # fmt: skip


def flags_of(sure: float, written: bool, roles: Sequence[float] = (), drawn: bool = False) -> list[float]:
    """(FLAGS,): line or element, how sure, whether there are letters and a drawing, the roles."""
    element = bool(roles)
    return [float(not element), float(element), sure, float(written), float(drawn), 1.0, *(roles or [0.0] * len(ROLES))]


REMEMBERED = 60_000
"""Meanings of labels that are kept: 46 MB."""
_MEANT: dict[tuple[bool, str], Tensor] = {}


def meanings_of(texts: Sequence[str], rounded: bool = False) -> Tensor:
    """(T, 384) of unit length; 0 for what is empty or longer than a label. Kept: labels come again on the next screen."""
    keys = [text.lower().strip() if len(text) <= LABEL else "" for text in texts]
    if len(_MEANT) > REMEMBERED:
        _MEANT.clear()
    wanted = {key for key in keys if key}
    kept = {key: _MEANT.get((rounded, key)) for key in wanted}  # another thread may clear them
    known = {key: vector for key, vector in kept.items() if vector is not None}
    new = sorted(wanted - known.keys(), key=len)
    known |= zip(new, meaning.shared(rounded).encode(new).whole.half(), strict=True)
    _MEANT.update(((rounded, key), known[key]) for key in new)
    out = torch.zeros(len(texts), meaning.WIDTH)
    for row, key in enumerate(keys):
        if key:
            out[row] = known[key]
    return out


def codes_of(words: Sequence[str]) -> Tensor:
    """(W, spelling.SIZE) of unit length: how words are spelled, bare of marks; 0 where nothing is left."""
    out = np.zeros((len(words), spelling.SIZE), np.float32)
    for row, word in enumerate(words):
        for bare in spelling.words_of(word)[:1]:
            code = spelling.word_code(bare)
            out[row] = code / max(float(np.linalg.norm(code)), 1e-6)
    return torch.from_numpy(out)
