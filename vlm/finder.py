"""Where lines of text and elements are: from what the connector says of every cell to boxes, and back, for training.

Boxes are CSS pixels. A line of text is a connected run of half cells (4 x 8 pixels) whose middles are level; an
element is a cell that is more of a middle than its neighbours, with the distances to its edges. Knows nothing of
letters and names.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deixis.vlm.config import ROLES
from deixis.vlm.connector import Maps
from deixis.vlm.vit import STRIDE

HALF = STRIDE // 2
REACH = 16.0
"""Pixels that stand for 1 in what is said of tops and bottoms."""
WRITTEN, SURELY = 0.3, 0.5
"""Probability from which a half cell belongs to a line, and that of the surest of a line at least: ends are less sure than the rest."""
JOINED = -2.5
"""Logit from which a half cell is joined to the next; breaks weigh more in the loss, which is made up for here."""
LEVEL = 5.0
"""Pixels by which the middles of two half cells of one line may differ."""
SHARED, ALIKE = 0.45, 1.4
"""The share of the smaller one's area in which two lines are one, when the higher one is less than so many times as high."""
MIDDLE = 0.16
"""Probability from which a cell is taken for the middle of an element."""
MOST_LINES, MOST_ELEMENTS = 320, 200
APART = 0.55
"""Overlap (intersection over union) above which two elements are one."""
IGNORE = -1


Box = tuple[float, float, float, float]


class Element(NamedTuple):
    """Something that can be acted on."""

    box: Box
    sure: float
    roles: tuple[float, ...]
    """Probabilities, in the order of ROLES."""


class LineTargets(NamedTuple):
    """What the line head should say of a page."""

    written: Tensor
    """(H, 2 W) 1, 0, or IGNORE"""
    edges: Tensor
    """(H, 2 W, 2): pixels from the half cell's middle up to the top and down to the bottom"""
    joined: Tensor
    """(H, 2 W): the line goes on to the right; IGNORE where nothing is written"""


class ElementTargets(NamedTuple):
    """What the element head should say of a page."""

    heat: Tensor
    """(H, W) 1 at middles, less around them"""
    cells: Tensor
    """(N, 2) row and column of the cells that answer for an element"""
    edges: Tensor
    """(N, 4) logarithms, as the head gives them"""
    roles: Tensor
    """(N,)"""


# reading the maps


def lines(maps: Maps) -> list[Box]:
    """Boxes of the lines of text on one page (H, W, ...), in reading order."""
    said = maps.lines.float().numpy()
    written, surely = (said[..., 0] > math.log(share / (1 - share)) for share in (WRITTEN, SURELY))
    rows, columns = np.nonzero(written)
    if not len(rows):
        return []
    y = (rows + 0.5) * STRIDE
    tops, bottoms = (y - said[rows, columns, 1] * REACH), (y + said[rows, columns, 2] * REACH)
    group = _joined(said, written, rows, columns, (tops + bottoms) / 2)
    order = group.argsort(kind="stable")
    counts = np.unique(group, return_counts=True)[1]
    starts = np.cumsum(counts) - counts

    def middles(values: np.ndarray) -> np.ndarray:
        """The median of each group."""
        ordered = values[np.lexsort((values, group))]
        return (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2

    left = np.minimum.reduceat(columns[order], starts) * HALF
    right = (np.maximum.reduceat(columns[order], starts) + 1) * HALF
    top, bottom = middles(tops), middles(bottoms)
    sure = np.logical_or.reduceat(surely[rows, columns][order], starts)
    line = (counts > 1) & (bottom - top > 5) & (bottom - top < 200) & sure
    boxes = np.stack([left, top.clip(0), right, bottom], 1)[line]
    share = np.add.reduceat(1 / (1 + np.exp(-said[rows, columns, 0][order])), starts)[line]
    found: list[Box] = [(x0, y0, x1, y1) for x0, y0, x1, y1 in boxes[_single(boxes, share)].tolist()]
    return [found[i] for i in reading_order(found)][:MOST_LINES]


def reading_order(boxes: Sequence[Box]) -> list[int]:
    """Which of some lines comes first, second and so on: row by row, from the left.

    A row is of lines whose middles are within half a line's height of the highest one's.
    """
    rows: list[list[int]] = []
    middles = [(y0 + y1) / 2 for _, y0, _, y1 in boxes]
    for i in sorted(range(len(boxes)), key=lambda i: (middles[i], boxes[i][0])):
        first = rows[-1][0] if rows else i
        lower = min(boxes[k][3] - boxes[k][1] for k in (i, first)) / 2
        if rows and middles[i] - middles[first] < lower:
            rows[-1].append(i)
        else:
            rows.append([i])
    return [i for row in rows for i in sorted(row, key=lambda i: boxes[i][0])]


def _single(boxes: np.ndarray, share: np.ndarray) -> list[int]:
    """Which of some lines (N, 4) are no piece of another, and none that was seen between two others.

    share: (N,) how many half cells speak for each; of two that lie on each other the one with more is kept.
    """
    x0, y0, x1, y1 = boxes.T
    wide = (np.minimum(x1, x1[:, None]) - np.maximum(x0, x0[:, None])).clip(0)
    high = (np.minimum(y1, y1[:, None]) - np.maximum(y0, y0[:, None])).clip(0)
    size, height = (x1 - x0) * (y1 - y0), y1 - y0
    shared = wide * high > SHARED * np.minimum(size, size[:, None])
    alike = np.maximum(height, height[:, None]) < ALIKE * np.minimum(height, height[:, None])
    same, kept = shared & alike, list[int]()
    for i in np.argsort(-share, kind="stable"):
        if not same[i, kept].any():
            kept.append(int(i))
    return kept


def _joined(
    said: np.ndarray, written: np.ndarray, rows: np.ndarray, columns: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    """The group of every written half cell: neighbours on a row that are said to be joined, rows that agree on the middle."""
    near = (np.diff(rows) == 0) & (np.diff(columns) == 1) & (np.abs(np.diff(middle)) < LEVEL)
    goes_on = near & (said[rows[:-1], columns[:-1], 3] > JOINED)
    run = np.concatenate([[0], np.cumsum(~goes_on)])
    number = np.full(written.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    below = np.nonzero(written[:-1] & written[1:])
    some, others = number[below], number[below[0] + 1, below[1]]
    level = np.abs(middle[some] - middle[others]) < LEVEL
    pairs = np.unique(np.stack([run[some[level]], run[others[level]]]), axis=1)
    return np.array(groups(int(run[-1]) + 1, [(pairs[0], pairs[1])]))[run]


def groups(count: int, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[int]:
    """The group of each of so many things, named by one of its members; pairs of things belong together."""
    parents = list(range(count))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for some, others in pairs:
        for a, b in zip(some.tolist(), others.tolist(), strict=True):
            parents[root(a)] = root(b)
    return [root(i) for i in range(count)]


def elements(maps: Maps) -> list[Element]:
    """The elements of one page (H, W, ...), the surest first."""
    said = maps.elements.float()
    heat = said[..., 0].sigmoid()
    top = F.max_pool2d(heat[None, None], 3, 1, 1)[0, 0]
    rows, columns = torch.nonzero((heat == top) & (heat > MIDDLE), as_tuple=True)
    order = heat[rows, columns].argsort(descending=True)[: 2 * MOST_ELEMENTS]
    rows, columns = rows[order], columns[order]
    here = said[rows, columns]
    away = here[:, 1:5].clamp(-4, 6).exp() * STRIDE - HALF
    middle = torch.stack([columns, rows, columns, rows], 1) * STRIDE + HALF
    boxes = (middle + away * torch.tensor([-1.0, -1.0, 1.0, 1.0])).numpy()
    boxes = boxes.clip(0, [heat.shape[1] * STRIDE, heat.shape[0] * STRIDE] * 2)
    roles, sure = here[:, 5:].softmax(1).tolist(), heat[rows, columns].tolist()
    kept: list[int] = []
    for i, box in enumerate(boxes):
        if len(kept) < MOST_ELEMENTS and (not kept or overlaps(box, boxes[kept]).max() < APART):
            kept.append(i)
    return [Element(tuple(boxes[i].tolist()), sure[i], tuple(roles[i])) for i in kept]


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with others (N, 4)."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = width.clip(0) * height.clip(0)
    sizes = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return shared / ((box[2] - box[0]) * (box[3] - box[1]) + sizes - shared + 1e-6)


# what they should say


def line_targets(runs: Sequence[Sequence[float]], skip: Sequence[Any], shape: tuple[int, int]) -> LineTargets:
    """Boxes of the lines of a page, boxes of which nothing is known, and the page's cells (H, W)."""
    height, width = shape[0], 2 * shape[1]
    owner, written = np.full((height, width), -1), np.zeros((height, width), np.int64)
    edges = np.zeros((height, width, 2), np.float32)
    for x0, y0, x1, y1 in skip:
        written[_span(y0, y1, STRIDE, height), _span(x0, x1, HALF, width)] = IGNORE
    for number, (x0, y0, x1, y1) in enumerate(runs):
        inset = 0.22 * (y1 - y0)
        a = math.ceil((y0 + inset - HALF) / STRIDE)
        b = max(math.floor((y1 - inset - HALF) / STRIDE), a)
        if a == b:
            a = b = int((y0 + y1) / 2 // STRIDE)
        c, d = math.ceil((x0 - 2) / HALF), math.floor((x1 - 2) / HALF)
        if d < c or b < 0 or a >= height:
            continue
        written[_span(y0 - 1, y1 + 1, STRIDE, height), _span(x0 - 2, x1 + 2, HALF, width)] = IGNORE
        rows, columns = slice(max(0, a), b + 1), slice(max(0, c), d + 1)
        written[rows, columns], owner[rows, columns] = 1, number
        middles = ((np.arange(height) + 0.5) * STRIDE)[rows, None]
        edges[rows, columns, 0], edges[rows, columns, 1] = middles - y0, y1 - middles
    written[(owner >= 0) & (written == IGNORE)] = 1
    joined = np.full((height, width), IGNORE, np.int64)
    joined[:, :-1] = np.where(owner[:, :-1] < 0, IGNORE, owner[:, :-1] == owner[:, 1:])
    return LineTargets(torch.from_numpy(written), torch.from_numpy(edges), torch.from_numpy(joined))


def _span(low: float, high: float, step: int, most: int) -> slice:
    return slice(min(max(0, int(low // step)), most), min(max(0, math.ceil(high / step)), most))


def element_targets(found: Sequence[dict[str, Any]], shape: tuple[int, int]) -> ElementTargets:
    """Elements as collect.js gives them, in the frame of a page of so many cells (H, W)."""
    height, width = shape
    heat = np.zeros(shape, np.float32)
    answers: dict[tuple[int, int], tuple[float, list[float], int]] = {}
    ys, xs = (np.arange(height) + 0.5) * STRIDE, (np.arange(width) + 0.5) * STRIDE
    for element in found:
        x0, y0, x1, y1 = element["box"]
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        spread = [min(max(size / 6, 3.5), 20.0) for size in (x1 - x0, y1 - y0)]
        bump = np.exp(-((ys - y) ** 2)[:, None] / (2 * spread[1] ** 2) - ((xs - x) ** 2)[None] / (2 * spread[0] ** 2))
        row, column = min(int(y // STRIDE), height - 1), min(int(x // STRIDE), width - 1)
        bump[row, column] = 1.0
        heat = np.maximum(heat, bump)
        for r, c in zip(*np.nonzero(bump > 0.6), strict=True):
            area = (x1 - x0) * (y1 - y0) - (r == row and c == column) * 1e6  # a middle answers for its own element
            if (r, c) not in answers or area < answers[r, c][0]:
                away = [xs[c] - x0, ys[r] - y0, x1 - xs[c], y1 - ys[r]]
                logs = [math.log(max(a + HALF, 1.0) / STRIDE) for a in away]
                answers[int(r), int(c)] = (area, logs, ROLES.index(element["role"]))
    edges = torch.tensor([logs for _, logs, _ in answers.values()]).view(-1, 4)
    return ElementTargets(
        torch.from_numpy(heat.astype(np.float32)), torch.tensor(list(answers), dtype=torch.long).view(-1, 2), edges,
        torch.tensor([role for _, _, role in answers.values()], dtype=torch.long),
    )  # fmt: skip


def line_loss(maps: Maps, wanted: LineTargets) -> Tensor:
    """Of one page (H, W, ...): is something written, where are the edges, does it go on."""
    said = maps.lines.float()
    known = wanted.written != IGNORE
    written = F.binary_cross_entropy_with_logits(said[..., 0][known], wanted.written[known].float())
    there = wanted.written == 1
    if not there.any():
        return written
    edges = F.smooth_l1_loss(said[there][:, 1:3], wanted.edges[there] / REACH, beta=0.05)
    tied = wanted.joined != IGNORE
    truth = wanted.joined[tied].float()
    joined = F.binary_cross_entropy_with_logits(said[..., 3][tied], truth, weight=1 + 4 * (1 - truth))
    return 2 * written + 2 * edges + joined


def element_loss(maps: Maps, wanted: ElementTargets) -> Tensor:
    """Of one page: focal loss of the middles (Zhou et al., "Objects as Points", 2019), edges and roles at them."""
    said = maps.elements.float()
    count = max(int((wanted.heat == 1).sum()), 1)
    logits = said[..., 0]
    p = logits.sigmoid()
    middle = wanted.heat == 1
    right = F.logsigmoid(logits) * (1 - p) ** 2 * middle
    wrong = F.logsigmoid(-logits) * p**2 * (1 - wanted.heat) ** 4 * ~middle
    loss = -(right.sum() + wrong.sum()) / count
    if len(wanted.cells):
        here = said[wanted.cells[:, 0], wanted.cells[:, 1]]
        loss = loss + 2 * F.smooth_l1_loss(here[:, 1:5], wanted.edges, beta=0.1)
        loss = loss + F.cross_entropy(here[:, 5:], wanted.roles)
    return loss
