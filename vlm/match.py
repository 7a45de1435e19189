"""Where a name is written: each of its words is looked for by itself, and the name stands where they meet.

A cell's text key says which word is written there. A name of several words fits a cell when one of the words is at the
cell and the others are near, the nearer the better, most of all on the same line (late interaction, after Khattab and
Zaharia, "ColBERT", 2020, with a distance). So keys need not say which phrases a word is part of, and any part of a label
is found as well as the whole. Tensors only; positions are cells.
"""

from typing import Any

import torch
from torch import Tensor

ALONG, ACROSS = (1, 2, 4, 8, 16), (1, 2)
"""Steps by which words are looked for on the line and over lines: 31 cells to each side, 3 up and down."""
COST_ALONG, COST_ACROSS = 0.006, 0.03
"""What a cell of distance costs, in cosine."""
OWN = 0.5
"""Weight of the word at the cell itself, beside all words near it."""


class Match:
    """How well names fit every cell of a page."""

    def __init__(self, words: Tensor, weights: Tensor, text: Tensor, stride: int = 1) -> None:
        """words (Q, N, T) of unit length; weights (Q, N) not negative, 0 for padding; text (H, W, T) of unit length.

        stride: columns of the page from one column of `text` to the next.
        """
        self.share = weights / weights.sum(1, keepdim=True).clamp(min=1e-6)
        self.important = weights / weights.amax(1, keepdim=True).clamp(min=1e-6)
        self.at = words @ text.flatten(0, 1).T  # (Q, N, P): each word at each cell
        self.near = near(self.at, (text.shape[0], text.shape[1]), stride)  # (Q, N, P): each word near each cell
        own = (self.at * self.important[..., None]).amax(1)
        self.fit = ((self.near * self.share[..., None]).sum(1) + OWN * own) / (1 + OWN)
        """(Q, P), about 1 where the whole name stands."""

    def weakest(self) -> Tensor:
        """(Q, P) how well the worst of the important words fits near each cell."""
        return (self.near + 1 - self.important[..., None]).amin(1)

    def rarest(self) -> Tensor:
        """(Q,) how well the worst of the important words fits anywhere."""
        return (self.at.amax(2) + 1 - self.important).amin(1)


def near(at: Tensor, shape: tuple[int, int], stride: int = 1) -> Tensor:
    """(..., P) -> (..., P): the largest of the values around each cell, less their distance. The gradient reaches it."""
    value = at.reshape(-1, *shape)
    spread: Tensor = _Spread.apply(value, stride) if value.requires_grad else _spread(value, stride)  # type: ignore[no-untyped-call]
    return spread.view_as(at)


def _stages(stride: int) -> list[tuple[int, int, float]]:
    """Axis, cells and cost of every stage."""
    along = [(2, step // stride, COST_ALONG * step) for step in ALONG if step >= stride]
    return along + [(1, step, COST_ACROSS * step) for step in ACROSS]


def _spread(value: Tensor, stride: int) -> Tensor:
    """(M, H, W) -> (M, H, W): in every stage each cell may take over what stands some cells before or after it."""
    for axis, step, cost in _stages(stride):
        length = value.shape[axis] - step
        if length > 0:
            new, less = value.clone(), value - cost
            for here, there in ((step, 0), (0, step)):
                mine = new.narrow(axis, here, length)
                torch.maximum(mine, less.narrow(axis, there, length), out=mine)
            value = new
    return value


class _Spread(torch.autograd.Function):
    """`_spread` with the gradient of each result given to the one cell it comes from."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, stride: int) -> Tensor:
        index = (
            torch.arange(value[0].numel(), dtype=torch.int32).view(1, *value.shape[1:]).expand_as(value).contiguous()
        )
        for axis, step, cost in _stages(stride):
            length = value.shape[axis] - step
            if length > 0:
                new, place, less = value.clone(), index.clone(), value - cost
                for here, there in ((step, 0), (0, step)):
                    mine, others = new.narrow(axis, here, length), less.narrow(axis, there, length)
                    spot = place.narrow(axis, here, length)
                    torch.where(others > mine, index.narrow(axis, there, length), spot, out=spot)
                    torch.maximum(mine, others, out=mine)
                value, index = new, place
        ctx.save_for_backward(index)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        out = torch.zeros_like(grads[0]).flatten(1)
        return out.scatter_add_(1, index.flatten(1).long(), grads[0].flatten(1)).view_as(grads[0]), None
