"""The connector: from the encoder to the two that use it.

For the decoder, tokens are pooled 2 x 2 and projected (pooling and an MLP, as in Molmo). For the pointer, tokens flow
back to the cells, where they meet what the stem saw, and become keys: a text key, in the space of spelling codes, a
meaning key, in the space of meaning vectors, and a context key for everything else.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm.config import NanoConfig
from deixis.vlm.vit import STRIDE


def sinusoids(places: Tensor, dim: int) -> Tensor:
    """(..., 2) page places in pixels -> (..., dim): sines and cosines of x and y at periods from 32 px to 4,000 px."""
    frequencies = 2 * torch.pi / (32 * 125 ** (torch.arange(dim // 4) / (dim // 4 - 1)))
    angles = places[..., None] * frequencies  # (..., 2, dim / 4)
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)


class Keys(NamedTuple):
    """What a question is compared with at every cell: (..., H, W, width) each."""

    text: Tensor
    """Unit length."""
    meaning: Tensor
    """Unit length."""
    context: Tensor


class Connector(nn.Module):
    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        vit, self.config = config.vit, config.connector
        self.patch = vit.patch
        rows, columns = self.config.pool
        self.pool = nn.Sequential(
            nn.Linear(rows * columns * vit.dim, 2 * vit.dim), nn.GELU(), nn.Linear(2 * vit.dim, config.decoder.dim)
        )
        self.whole = nn.Linear(vit.dim, config.decoder.dim)
        self.place = nn.Linear(64, config.decoder.dim)
        self.back = nn.Linear(vit.dim, vit.patch[0] * vit.patch[1] * vit.width)
        self.mix = nn.Sequential(nn.LayerNorm(2 * vit.width), nn.Linear(2 * vit.width, 256), nn.GELU())
        self.text_local = nn.Linear(vit.width, self.config.text_key)
        self.text_mixed = nn.Linear(256, self.config.text_key)
        self.context = nn.Linear(256, self.config.context_key)
        self.meaning_hidden = nn.Linear(256 + self.config.text_key, 512)
        self.meaning = nn.Linear(512, self.config.meaning_key)
        nn.init.zeros_(self.text_mixed.weight)
        nn.init.zeros_(self.text_mixed.bias)

    def prefix(self, tokens: Tensor, origin: Tensor) -> Tensor:
        """(B, H, W, D) tokens of tiles at origin (B, 2) -> (B, M, E) image tokens for the decoder."""
        rows, columns = self.config.pool
        tokens = F.pad(tokens, (0, 0, 0, -tokens.shape[2] % columns, 0, -tokens.shape[1] % rows))
        batch, height, width, dim = tokens.shape
        x = tokens.view(batch, height // rows, rows, width // columns, columns, dim).permute(0, 1, 3, 2, 4, 5)
        pixels = (rows * self.patch[0] * STRIDE, columns * self.patch[1] * STRIDE)
        ys = (torch.arange(height // rows) + 0.5) * pixels[0]
        xs = (torch.arange(width // columns) + 0.5) * pixels[1]
        grid = torch.stack(torch.meshgrid(ys, xs, indexing="ij"), -1).flip(-1).reshape(1, -1, 2) + origin[:, None]
        return self.pool(x.reshape(batch, (height // rows) * (width // columns), -1)) + self.place(sinusoids(grid, 64))

    def local(self, cells: Tensor) -> Tensor:
        """Text keys (B, H, W, T) as the stem alone can say them, for pictures that are nothing but text."""
        return F.normalize(self.text_local(cells), dim=-1)

    def keys(self, cells: Tensor, tokens: Tensor) -> Keys:
        """(B, H, W, C) cells and (B, H/2, W/4, D) tokens -> the keys of every cell."""
        batch, height, width, channels = cells.shape
        rows, columns = self.patch
        spread = self.back(tokens).view(batch, height // rows, width // columns, rows, columns, channels)
        spread = spread.permute(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)
        mixed = self.mix(torch.cat([cells, spread], -1))
        text = F.normalize(self.text_local(cells) + self.text_mixed(mixed), dim=-1)
        # Words are looked up by their spelling: the text key is most of what meaning needs. Half the resolution is
        # enough for what a thing means, and spares a fifth of a training step.
        coarse = torch.cat([mixed, text * 4], -1).view(batch, height // 2, 2, width // 2, 2, -1).mean((2, 4))
        meaning = F.normalize(self.meaning(F.gelu(self.meaning_hidden(coarse))), dim=-1)
        meaning = meaning.repeat_interleave(2, 1).repeat_interleave(2, 2)
        return Keys(text, meaning, self.context(mixed))
