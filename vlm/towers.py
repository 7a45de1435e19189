"""The vision encoders of the Molmo family: CLIP and SigLIP2, over patches that are already cut out.

Both are the same pre-norm transformer; what differs is in the config (`molmo_config.ClipTower`, `SiglipTower`). Returned
are the outputs of the blocks that the connector asks for, not the last one. Tensors only. Sources: Radford et al., "CLIP"
(2021); Tschannen et al., "SigLIP 2" (2025).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm.molmo_config import ClipTower, Tower


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


class TowerBlock(nn.Module):
    """Attention and MLP, each on normalised input."""

    def __init__(self, config: Tower) -> None:
        super().__init__()
        self.heads, self.quick = config.heads, isinstance(config, ClipTower)
        inner = config.heads * config.head_dim
        self.norm1 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.qkv, self.out = nn.Linear(config.width, 3 * inner), nn.Linear(inner, config.width)
        self.norm2 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.up, self.down = nn.Linear(config.width, config.hidden), nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:  # (B, N, D)
        batch, length, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)  # (B, heads, N, d)
        x = self.out(y.transpose(1, 2).flatten(2)).add_(x)
        hidden = self.up(self.norm2(x))
        out: Tensor = self.down(quick_gelu(hidden) if self.quick else F.gelu(hidden, approximate="tanh"))
        return out.add_(x)


class VisionTower(nn.Module):
    """Patches of crops to features."""

    def __init__(self, config: Tower) -> None:
        super().__init__()
        self.config = config
        clip = isinstance(config, ClipTower)
        self.embed = nn.Linear(config.patch * config.patch * 3, config.width, bias=not clip)
        self.positions = nn.Parameter(torch.zeros(config.positions, config.width))
        self.token = nn.Parameter(torch.zeros(config.width)) if clip else None
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps) if clip else None
        self.blocks = nn.ModuleList(TowerBlock(config) for _ in range(config.blocks))

    def forward(self, patches: Tensor) -> Tensor:
        """(B, N, patch * patch * 3) -> (B, N, width * features): outputs of the blocks the config names, joined."""
        if patches.device.type == "cpu" and len(patches) > 1:  # one crop's numbers stay in the processor's cache
            return torch.cat([self._seen(crop[None]) for crop in patches])
        return self._seen(patches)

    def _seen(self, patches: Tensor) -> Tensor:
        x = self.embed(patches)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), 1, -1), x], 1)
        x = x + self.positions
        if self.norm is not None:
            x = self.norm(x)
        outputs = []
        for block in self.blocks[: max(self.config.features) + 1]:  # the published weights have one more
            x = block(x)
            outputs.append(x if self.token is None else x[:, 1:])
        return torch.cat([outputs[i] for i in self.config.features], -1)
