"""The decoders of the Molmo family: Qwen2, Qwen3, OLMo 2 and 3, OLMoE, as one decoder-only transformer.

Queries, keys and values are one product, so are the two branches of the MLP; the rest is in the config
(`molmo_config.LanguageConfig`). A cache keeps the keys and values of what has been seen; many questions can share one
(`Cache.shared`). Tensors only: knows nothing of images or text. Sources: Yang et al., "Qwen2" (2024) and "Qwen3" (2025);
OLMo team, "2 OLMo 2 Furious" (2025); Muennighoff et al., "OLMoE" (2024).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm.molmo_config import Experts, LanguageConfig, Yarn


class Norm(nn.Module):
    """Root-mean-square norm, computed in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        full = x.float()
        return self.weight * (full * torch.rsqrt(full.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype)


def frequencies(config: LanguageConfig, layer: int) -> tuple[Tensor, float]:
    """(head_dim / 2,) radians a position, and the factor on the tables, of one layer."""
    half = config.head_dim // 2
    base = config.theta ** -(torch.arange(half, dtype=torch.float32) / half)
    yarn = config.yarn
    if yarn is None or (yarn.layers is not None and layer not in yarn.layers):
        return base, 1.0
    return _stretched(base, yarn, config), yarn.attention or 0.1 * math.log(yarn.factor) + 1.0


def _stretched(base: Tensor, yarn: Yarn, config: LanguageConfig) -> Tensor:
    """Slow rotations are divided by the factor, fast ones are kept, those between are mixed."""

    def pair(turns: float) -> float:
        """Number of the pair of dimensions that turns so often over the positions of training."""
        return config.head_dim * math.log(yarn.original / (turns * 2 * math.pi)) / (2 * math.log(config.theta))

    low, high = max(math.floor(pair(yarn.fast)), 0), min(math.ceil(pair(yarn.slow)), config.head_dim - 1)
    ramp = ((torch.arange(len(base)) - low) / max(high - low, 0.001)).clamp(0, 1)
    return base / yarn.factor * ramp + base * (1 - ramp)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(..., L, d) turned by tables (L, d / 2); first half against second half."""
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class Cache:
    """Keys and values of every layer, in memory taken once."""

    def __init__(self, layers: int) -> None:
        self.pairs: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self.length = 0

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Everything so far, (B, kv_heads, T, d) each, with new ones at the end; `length` is moved on by the caller."""
        start, end = self.length, self.length + k.shape[2]
        kept = self.pairs[layer]
        if kept is None or kept[0].shape[2] < end:
            room = max(256, 2 * end) if kept is not None or k.shape[2] == 1 else end + 128
            grown = (k.new_empty(*k.shape[:2], room, k.shape[3]), v.new_empty(*v.shape[:2], room, v.shape[3]))
            if kept is not None:
                for new, old in zip(grown, kept, strict=True):
                    new[:, :, :start] = old[:, :, :start]
            self.pairs[layer] = kept = grown
        kept[0][:, :, start:end], kept[1][:, :, start:end] = k, v
        return kept[0][:, :, :end], kept[1][:, :, :end]

    def shared(self, batch: int) -> "Cache":
        """A copy for `batch` continuations of the one sequence seen so far."""
        copy = Cache(len(self.pairs))
        copy.length = self.length
        for i, pair in enumerate(self.pairs):
            if pair is not None:
                k, v = (t[:, :, : self.length].expand(batch, -1, -1, -1).contiguous() for t in pair)
                copy.pairs[i] = (k, v)
        return copy


class Mlp(nn.Module):
    """Gated: down(silu(gate) * up). `up` holds both branches, the gate last."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(dim, 2 * hidden, bias=False), nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.up(x).chunk(2, -1)
        out: Tensor = self.down(F.silu(gate) * value)
        return out


class MixtureMlp(nn.Module):
    """Experts, of which each token takes the few its router likes best."""

    def __init__(self, dim: int, hidden: int, experts: Experts) -> None:
        super().__init__()
        self.experts = experts
        self.router = nn.Linear(dim, experts.count, bias=False)
        self.up = nn.Parameter(torch.empty(experts.count, 2 * hidden, dim))
        self.down = nn.Parameter(torch.empty(experts.count, dim, hidden))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(0, -2)  # (N, D)
        weights, chosen = self.router(flat).float().softmax(-1).topk(self.experts.chosen, -1)
        if self.experts.normalised:
            weights = weights / weights.sum(-1, keepdim=True)
        out = torch.zeros_like(flat)
        for expert in chosen.unique().tolist():
            rows, place = (chosen == expert).nonzero(as_tuple=True)
            value, gate = (flat[rows] @ self.up[expert].T).chunk(2, -1)
            part = (F.silu(gate) * value) @ self.down[expert].T
            out.index_add_(0, rows, part * weights[rows, place, None].to(part.dtype))
        return out.view_as(x)


class DecoderLayer(nn.Module):
    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.split = (q, kv, kv)
        self.qkv = nn.Linear(config.dim, q + 2 * kv, bias=config.qkv_bias)
        self.out = nn.Linear(q, config.dim, bias=False)
        widths = {"none": None, "full": (q, kv), "head": (config.head_dim, config.head_dim)}[config.qk_norm]
        self.q_norm = Norm(widths[0], config.norm_eps) if widths else None
        self.k_norm = Norm(widths[1], config.norm_eps) if widths else None
        self.attention_norm, self.mlp_norm = Norm(config.dim, config.norm_eps), Norm(config.dim, config.norm_eps)
        self.mlp = (
            MixtureMlp(config.dim, config.hidden, config.experts) if config.experts else Mlp(config.dim, config.hidden)
        )

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor], mask: Tensor | None, past: tuple[Cache, int]) -> Tensor:
        """(B, L, D); tables (L, d / 2); mask (L, T) added to the scores, None: all see everything before them."""
        if self.config.norm_after:
            x = x + self.attention_norm(self.attend(x, tables, mask, past))
            return x + self.mlp_norm(self.mlp(x))
        x = x + self.attend(self.attention_norm(x), tables, mask, past)
        return x + self.mlp(self.mlp_norm(x))

    def attend(self, x: Tensor, tables: tuple[Tensor, Tensor], mask: Tensor | None, past: tuple[Cache, int]) -> Tensor:
        q, k, v = self.qkv(x).split(self.split, -1)
        if self.config.qk_norm == "full" and self.q_norm and self.k_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        shape = (*x.shape[:2], -1, self.config.head_dim)
        q, k, v = (part.view(shape).transpose(1, 2) for part in (q, k, v))  # (B, heads, L, d)
        if self.config.qk_norm == "head" and self.q_norm and self.k_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        cache, layer = past
        k, v = cache.append(layer, rotated(k, *tables), v)
        causal = mask is None and x.shape[1] > 1
        grouped = self.config.heads != self.config.kv_heads
        q = rotated(q, *tables)
        if x.shape[1] == 1:  # heads that share keys stand side by side like positions: no key is copied for them
            q, grouped = q.reshape(k.shape[0], k.shape[1], -1, k.shape[3]), False
        y = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, enable_gqa=grouped)
        y = y.reshape(x.shape[0], -1, x.shape[1], self.config.head_dim)
        out: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return out


class Language(nn.Module):
    """Embeddings in, next-token logits out."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary + config.extra, config.dim)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = Norm(config.dim, config.norm_eps)
        self.head = None if config.tied else nn.Linear(config.dim, config.vocabulary, bias=False)

    def cache(self) -> Cache:
        return Cache(self.config.layers)

    def forward(self, x: Tensor, cache: Cache, mask: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """(B, L, dim) of new tokens -> (B, L, dim) of the last layer, normalised; the cache moves on by L.

        mask (L, T) of bool, True where a token may look; without it each looks at itself and all before it. When there is
        a past, L > 1 needs a mask. positions (L,) are by default those that follow the past.
        """
        if positions is None:
            positions = torch.arange(cache.length, cache.length + x.shape[1], device=x.device)
        tables: dict[bool, tuple[Tensor, Tensor]] = {}
        scores = (
            None
            if mask is None
            else torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(~mask, float("-inf"))
        )
        if mask is None and cache.length and x.shape[1] > 1:
            raise ValueError("several tokens after a past need a mask")
        for i, layer in enumerate(self.layers):
            plain = self.config.yarn is None or (
                self.config.yarn.layers is not None and i not in self.config.yarn.layers
            )
            if plain not in tables:
                turns, factor = frequencies(self.config, i)
                angles = positions[:, None].float() * turns.to(x.device)
                tables[plain] = angles.cos() * factor, angles.sin() * factor
            x = layer(x, tables[plain], scores, (cache, i))
        cache.length += x.shape[1]
        out: Tensor = self.norm(x)
        return out

    def logits(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., vocabulary)"""
        if self.head is not None:
            out: Tensor = self.head(x)
            return out
        weight = self.embed.weight[: self.config.vocabulary]
        return F.linear(x.to(weight.device), weight)
