"""The image encoder: a convolution stem down to cells of 8 x 8 pixels, then a vision transformer over patches of cells.

The stem sees letters, rows of cells see words, the transformer sees layout: it relates a field to its label across a
tile, with the overview's tokens as a view of the whole page. Positions are rotary in two dimensions, in page pixels, so
that tile and overview share one frame. No batch norm: light and dark pages in one batch would disturb its statistics.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm.config import VitConfig

STRIDE = 8


class LocalBlock(nn.Module):
    """Residual 3 x 3 convolution: letters and strokes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        y = self.conv(self.norm(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x + self.out(F.gelu(y))


class RowBlock(nn.Module):
    """Residual depth-wise convolution along the row: words and short lines."""

    def __init__(self, width: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv2d(width, width, kernel, padding=(kernel[0] // 2, kernel[1] // 2), groups=width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        y = self.conv(self.norm(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x + self.down(F.gelu(self.up(y)))


class Stem(nn.Module):
    """Pixels to stride-8 cells that know what is written in and around them."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        a, b = config.stem
        self.conv1 = nn.Conv2d(3, a, 3, 2, 1)
        self.conv2 = nn.Conv2d(a, b, 3, 2, 1)
        self.conv3 = nn.Conv2d(b, config.width, 3, 2, 1)
        self.local = nn.ModuleList(LocalBlock(config.width) for _ in range(config.local_blocks))
        self.rows = nn.ModuleList(RowBlock(config.width, config.row_kernel) for _ in range(config.row_blocks))
        for conv in (self.conv1, self.conv2, self.conv3):  # torch's default is too small: the bias would drown strokes
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 3, H, W) -> (B, H/8, W/8, C)
        x = pixels.contiguous(memory_format=torch.channels_last)
        x = self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))).permute(0, 2, 3, 1)
        for block in [*self.local, *self.rows]:
            x = block(x)
        return x


def rotary(positions: Tensor, half: int, longest: float) -> tuple[Tensor, Tensor]:
    """cos and sin (N, half) of positions (N,) for `half` frequencies whose periods grow from 2 pi to 2 pi x longest."""
    frequencies = longest ** -(torch.arange(half, dtype=torch.float32) / half)
    angles = positions[:, None].float() * frequencies[None]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates pairs of the last dimension, first half against second half."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class Block(nn.Module):
    """Pre-norm transformer block; rotary tables come from outside."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # (B, N, D); cos, sin (B, 1, N, D/heads/2)
        batch, length, dim = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, dim))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Vit(nn.Module):
    """Tokens of tiles, each tile with the overview of its page."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = config.patch
        self.embed = nn.Linear(rows * columns * config.width, config.dim)
        self.kind = nn.Embedding(2, config.dim)
        self.blocks = nn.ModuleList(Block(config.dim, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim)

    def patches(self, cells: Tensor) -> Tensor:
        """(B, H, W, C) cells -> (B, H/rows, W/columns, D) tokens."""
        batch, height, width, channels = cells.shape
        rows, columns = self.config.patch
        x = cells.view(batch, height // rows, rows, width // columns, columns, channels)
        return self.embed(x.permute(0, 1, 3, 2, 4, 5).reshape(batch, height // rows, width // columns, -1))

    def positions(self, shape: tuple[int, int], origin: Tensor, scale: float) -> Tensor:
        """(B, N, 2) page coordinates (x, y) of patch centres, in units of 8 CSS pixels; origin (B, 2) in pixels."""
        rows, columns = self.config.patch
        ys = (torch.arange(shape[0]) + 0.5) * rows / scale
        xs = (torch.arange(shape[1]) + 0.5) * columns / scale
        grid = torch.stack(torch.meshgrid(ys, xs, indexing="ij"), -1).flip(-1).reshape(1, -1, 2)
        return grid + origin[:, None] / STRIDE

    def tables(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin (B, 1, N, D/heads/2): half of the frequencies for x, half for y."""
        quarter = self.config.dim // self.config.heads // 4
        batch = positions.shape[0]
        parts = [rotary(positions[..., axis].reshape(-1), quarter, 100.0) for axis in (0, 1)]
        cos, sin = (torch.cat([part[i] for part in parts], -1).view(batch, 1, -1, 2 * quarter) for i in (0, 1))
        return cos, sin

    def forward(self, tiles: Tensor, overview: Tensor, origin: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Cells of tiles (B, H, W, C) and of their overviews (B, h, w, C) -> tokens of both.

        origin (B, 2): the tiles' left top corners in page pixels; scale: overview pixels per page pixel, (B,).
        Returns (B, H/2, W/4, D) and (B, n, D).
        """
        fine, coarse = self.patches(tiles), self.patches(overview)
        batch, height, width, dim = fine.shape
        places = [self.positions((height, width), origin, 1.0)]
        small = self.positions((coarse.shape[1], coarse.shape[2]), torch.zeros_like(origin), 1.0)
        places.append(small / scale[:, None, None])
        cos, sin = self.tables(torch.cat(places, 1))
        x = torch.cat([fine.flatten(1, 2) + self.kind.weight[0], coarse.flatten(1, 2) + self.kind.weight[1]], 1)
        for block in self.blocks:
            x = block(x, cos, sin)
        x = self.norm(x)
        return x[:, : height * width].view(batch, height, width, dim), x[:, height * width :]
