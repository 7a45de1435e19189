"""Where one thing is, seen from another: "in the row of Alice", "under Price", the field beside its label.

An anchor is a place of the page (the words of a question that tell the target apart, found by their spelling); a
question gives a small table of weights over displacements from it, drawn on bumps whose widths grow with distance. All
positions are cells. Tensors only.
"""

import torch
from torch import Tensor

CENTRES = (-130.0, -64.0, -32.0, -16.0, -8.0, -4.0, -1.8, 0.0, 1.8, 4.0, 8.0, 16.0, 32.0, 64.0, 130.0)
SIZE = len(CENTRES) ** 2
ANCHORS = 6
"""Places that are taken into account at once."""


def bumps(displacement: Tensor) -> Tensor:
    """(...) cells -> (..., 15): how near a displacement is to each centre."""
    centres = torch.tensor(CENTRES)
    widths = torch.tensor([max(1.2, abs(c) * 0.45) for c in CENTRES])
    return torch.exp(-(((displacement[..., None] - centres) / widths) ** 2))


def peaks(heat: Tensor, shape: tuple[int, int], count: int) -> tuple[Tensor, Tensor]:
    """(Q, H * W) -> the highest places that are highest around themselves: indices and values (Q, count)."""
    grid = heat.view(-1, 1, *shape)
    top = torch.nn.functional.max_pool2d(grid, (5, 9), 1, (2, 4))
    alone = heat.masked_fill(grid.flatten(1) < top.flatten(1), float("-inf"))
    values, places = alone.topk(min(count, heat.shape[1]), 1)
    return places, values


def bias(table: Tensor, anchor: Tensor, shape: tuple[int, int]) -> Tensor:
    """What a relation adds to every cell.

    table (Q, SIZE): weights of displacements, rows by columns; anchor (Q, H * W): logits of being the anchor.
    Returns (Q, H * W). The gradient reaches the anchor through the weights of its peaks.
    """
    height, width = shape
    with torch.no_grad():
        places, _ = peaks(anchor.detach(), shape, ANCHORS)
    weights = anchor.gather(1, places).nan_to_num(neginf=-1e4).softmax(1)  # (Q, A)
    rows = bumps(torch.arange(height) - (places // width)[..., None].float())  # (Q, A, H, 15)
    columns = bumps(torch.arange(width) - (places % width)[..., None].float())  # (Q, A, W, 15)
    grid = table.view(-1, len(CENTRES), len(CENTRES))
    across = columns * weights[..., None, None]
    return torch.einsum("qahi,qij,qawj->qhw", rows, grid, across).flatten(1)
