"""The connector: from the encoder's cells and tokens to the things on the screen that the decoder is told of.

Tokens flow back to the cells, where they meet what the stem saw. Two heads say of each cell whether a line of text runs
through it and how high it is, and whether it is the middle of an element, of which kind and how far its edges are. The
cells of each line and element are pooled into one vector. Positions are cells or CSS pixels; knows nothing of letters.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from deixis.vlm.config import ROLES, NanoConfig
from deixis.vlm.vit import STRIDE, RowBlock

LINE = 4
"""What is said of half a cell (4 x 8 pixels): a line is here, its top, its bottom, it goes on to the right."""
ELEMENT = 5 + len(ROLES)
"""What is said of a cell: it is a middle; left, top, right, bottom; the role."""


class Maps(NamedTuple):
    """What is on a page, cell by cell."""

    mixed: Tensor
    """(..., H, W, C): what is pooled."""
    lines: Tensor
    """(..., H, 2 W, LINE): logit, pixels to the top and to the bottom (see `edges`), logit."""
    elements: Tensor
    """(..., H, W, ELEMENT): logit, distances to the edges as logarithms, logits of the roles."""


class Connector(nn.Module):
    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        vit, own = config.vit, config.connector
        self.patch, self.width = vit.patch, own.width
        self.back = nn.Linear(vit.dim, vit.patch[0] * vit.patch[1] * vit.width)
        self.mix = nn.Sequential(nn.LayerNorm(2 * vit.width), nn.Linear(2 * vit.width, own.width), nn.GELU())
        self.tower = RowBlock(own.width, (own.kernel, own.kernel))
        self.lines = nn.Linear(own.width, 2 * LINE)
        self.elements = nn.Linear(own.width, ELEMENT)
        with torch.no_grad():  # middles are rare: begin by saying so
            self.elements.bias[0] = -4.0

    def forward(self, cells: Tensor, tokens: Tensor) -> Maps:
        """(B, H, W, C) cells and (B, H / rows, W / columns, D) tokens."""
        batch, height, width, channels = cells.shape
        rows, columns = self.patch
        spread = self.back(tokens).view(batch, height // rows, width // columns, rows, columns, channels)
        spread = spread.permute(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)
        mixed = self.tower(self.mix(torch.cat([cells, spread], -1)))
        return Maps(mixed, self.lines(mixed).view(batch, height, 2 * width, LINE), self.elements(mixed))


def pool(mixed: Tensor, boxes: Tensor) -> Tensor:
    """(H, W, C) and boxes (N, 4) in CSS pixels -> (N, 2 C): the mean of each box's cells, and the cell at its middle."""
    height, width, channels = mixed.shape
    x0, x1 = ((boxes[:, k] / STRIDE).round().long() for k in (0, 2))
    y0, y1 = ((boxes[:, k] / STRIDE).round().long() for k in (1, 3))
    column = ((boxes[:, 0] + boxes[:, 2]) / 2 / STRIDE).long().clamp(0, width - 1)
    row = ((boxes[:, 1] + boxes[:, 3]) / 2 / STRIDE).long().clamp(0, height - 1)
    x0, y0 = torch.minimum(x0, column).clamp(min=0), torch.minimum(y0, row).clamp(min=0)
    x1 = torch.maximum(x1, column + 1).clamp(max=width)
    y1 = torch.maximum(y1, row + 1).clamp(max=height)
    # Most boxes are few cells: their means cost less than running sums over the whole map.
    parts = zip(*(edge.tolist() for edge in (x0, y0, x1, y1)), strict=True)
    means = [mixed[top:bottom, left:right].float().mean((0, 1)) for left, top, right, bottom in parts]
    mean = torch.stack(means) if means else torch.zeros(0, channels)
    return torch.cat([mean, mixed[row, column].float()], 1)
