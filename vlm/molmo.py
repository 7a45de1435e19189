"""Molmo, all generations: crops, vision encoder, connector and decoder fused by adding image features to image tokens.

Late fusion: the decoder is a language model, and an image is a run of its tokens. `prefill` reads image and prompt once;
`generate` goes on from there, one token after the other, `Packed` many questions over one image at the same time. Shapes
are in
`molmo_config`, weights in `molmo_files`. Tensors only: prompts, text and points are the business of `molmo_chat`.
Sources: Deitke et al., "Molmo and PixMo" (2024); "Molmo2" (2025); "MolmoWeb" (2026).
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm.crops import Patches
from deixis.vlm.language import Cache, Language
from deixis.vlm.molmo_config import MolmoConfig
from deixis.vlm.towers import VisionTower


class Pool(nn.Module):
    """Four patches to one token: attention whose query is their mean, then a gated projection."""

    def __init__(self, config: MolmoConfig) -> None:
        super().__init__()
        self.config = config.pool
        source = config.tower.width * len(config.tower.features)
        inner = config.pool.heads * config.pool.head_dim
        self.q, self.k, self.v = nn.Linear(source, inner), nn.Linear(source, inner), nn.Linear(source, inner)
        self.out = nn.Linear(inner, config.pool.width)
        self.up = nn.Linear(config.pool.width, 2 * config.pool.hidden, bias=False)
        self.down = nn.Linear(config.pool.hidden, config.language.dim, bias=False)
        self.padding = nn.Parameter(torch.zeros(2, source)) if config.pool.padding else None

    def forward(self, features: Tensor, pooling: Tensor, real: Tensor | None) -> Tensor:
        """(crops, patches, source), (T, 4) places of which -1 are none, shares of picture -> (T, dim)."""
        if self.padding is not None and real is not None:
            # The row without a share (-1, see `crops`) counts as partly filled: published weights learned it so.
            empty, partial = (real == 0), (real != 0) & (real < 1)
            features = features + empty[..., None] * self.padding[0] + partial[..., None] * self.padding[1]
        there = pooling >= 0  # (T, 4)
        four = features.flatten(0, 1)[pooling.clamp(min=0)] * there[..., None]  # (T, 4, source)
        mean = four.sum(1, keepdim=True) / there.sum(1).clamp(min=1)[:, None, None]
        shape = (len(four), -1, self.config.heads, self.config.head_dim)
        q, k, v = self.q(mean).view(shape), self.k(four).view(shape), self.v(four).view(shape)
        # In float32, as the reference does: four scores decide what a token shows.
        scores = torch.einsum("tqhd,tkhd->thqk", q.float(), k.float()) / self.config.head_dim**0.5
        share = scores.masked_fill(~there[:, None, None], float("-inf")).softmax(-1).to(v.dtype)
        pooled = self.out(torch.einsum("thqk,tkhd->tqhd", share, v).flatten(1))
        value, gate = self.up(pooled).chunk(2, -1)
        out: Tensor = self.down(F.silu(gate) * value)
        return out


class Molmo(nn.Module):
    def __init__(self, config: MolmoConfig) -> None:
        super().__init__()
        self.config = config
        self.tower, self.pool, self.language = VisionTower(config.tower), Pool(config), Language(config.language)

    @property
    def dtype(self) -> torch.dtype:
        return self.language.embed.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.language.embed.weight.device

    def look(self, image: Patches) -> Tensor:
        """The features of an image, one a token of its part of the prompt: (T, dim)."""
        features = self.tower(image.pixels.to(self.device, self.dtype))
        real = None if image.real is None else image.real.to(self.device)
        out: Tensor = self.pool(features, image.pooling.to(self.device), real)
        return out

    def embedded(self, ids: Tensor, features: Tensor | None) -> Tensor:
        """(B, L) -> (B, L, dim); features are added, in their order, to the image patches among the tokens."""
        x: Tensor = self.language.embed(ids)
        if features is None:
            return x
        places = ids == self.config.tokens.patch
        if int(places.sum()) != len(features):
            raise ValueError(f"{int(places.sum())} image tokens in the prompt, but {len(features)} image features")
        return x.masked_scatter(places[..., None], x[places] + features.to(x))

    def mask(self, ids: Tensor) -> Tensor | None:
        """(L, L) of one prompt: causal, and image tokens see one another where the model learned it so."""
        if not self.config.bidirectional:
            return None
        tokens = self.config.tokens
        marks = torch.tensor(
            [tokens.start, tokens.end, tokens.patch, tokens.column, tokens.small_start], device=ids.device
        )
        image = torch.isin(ids[0], marks)
        causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).tril()
        return causal | (image[:, None] & image[None])

    @torch.inference_mode()
    def read(self, ids: Sequence[int], images: Sequence[Patches] = ()) -> tuple[Tensor, Cache]:
        """Reads a prompt: (L, dim) of the last layer, and the cache to go on from."""
        batch = torch.tensor([list(ids)], device=self.device)
        features = torch.cat([self.look(image) for image in images]) if images else None
        cache = self.language.cache()
        return self.language(self.embedded(batch, features), cache, self.mask(batch))[0], cache

    @torch.inference_mode()
    def prefill(self, ids: Sequence[int], images: Sequence[Patches] = ()) -> tuple[Tensor, Cache]:
        """Reads a prompt: (L, vocabulary) logits of what follows each token, and the cache to go on from."""
        hidden, cache = self.read(ids, images)
        return self.language.logits(hidden), cache

    @torch.inference_mode()
    def follow(self, ids: Sequence[int], cache: Cache) -> Tensor:
        """Reads more text after a cache: (L, vocabulary)."""
        batch = torch.tensor([list(ids)], device=self.device)
        length, past = batch.shape[1], cache.length
        mask = (
            torch.ones(length, past + length, dtype=torch.bool, device=self.device).tril(past) if length > 1 else None
        )
        return self.language.logits(self.language(self.language.embed(batch), cache, mask))[0]

    @torch.inference_mode()
    def generate(self, logits: Tensor, cache: Cache, most: int, stops: Sequence[int]) -> Iterator[int]:
        """Tokens after a prompt, the likeliest each time, until a stop or so many; `logits` are those of its last token."""
        for _ in range(most):
            token = int(logits.argmax())
            if token in stops:
                return
            yield token
            logits = self.follow([token], cache)[-1]


class Packed:
    """Several questions after one prompt, side by side in one cache: each sees the prompt and itself, not the others.

    Their positions all go on from the prompt, as in training on pictures with many annotations; weights are read once for
    all of them. Source: Deitke et al. (2024), section 3 (multi-annotation packing).
    """

    def __init__(self, molmo: Molmo, cache: Cache, count: int) -> None:
        self.molmo, self.cache, self.start = molmo, cache, cache.length
        self.owner = torch.zeros(cache.length, dtype=torch.long, device=molmo.device)  # (T,) 0 is the prompt's
        self.lengths = [0] * count

    @torch.inference_mode()
    def follow(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Reads more of every question, at least one token of it, none of those that have ended: (questions read, vocabulary)."""
        ids: list[int] = []
        owner: list[int] = []
        positions: list[int] = []
        ends: list[int] = []
        for i, more in enumerate(tokens):
            ids += more
            owner += [i + 1] * len(more)
            positions += range(self.start + self.lengths[i], self.start + self.lengths[i] + len(more))
            self.lengths[i] += len(more)
            if more:
                ends.append(len(ids) - 1)
        device, molmo = self.molmo.device, self.molmo
        mine = torch.tensor(owner, device=device)
        past, self.owner = len(self.owner), torch.cat([self.owner, mine])
        before = torch.ones(len(ids), len(self.owner), dtype=torch.bool, device=device).tril(past)
        mask = before & ((self.owner == 0)[None] | (self.owner[None] == mine[:, None]))  # (L, T)
        x = molmo.language.embed(torch.tensor([ids], device=device))
        hidden = molmo.language(x, self.cache, mask, torch.tensor(positions, device=device))
        return molmo.language.logits(hidden[0, ends])
