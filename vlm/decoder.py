"""The decoder: a decoder-only transformer over the bytes of a question, with image tokens as its prefix.

Image tokens attend to one another, the bytes of a question to the image and to the bytes before them, never to another
question: so one image encode serves many questions. On the last byte of each word the word's spelling code and its
meaning vector are added, which spares the network from learning to spell and to understand; on the very last byte the
meaning of the whole question too. Knows nothing of what its hidden states are used for.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm import meaning, spelling
from deixis.vlm.config import DecoderConfig
from deixis.vlm.vit import rotary, rotate

PAD, END = 256, 257


class RmsNorm(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-5)


class Layer(nn.Module):
    """Attention over [image prefix, own past], then a gated MLP."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm1, self.norm2 = RmsNorm(config.dim), RmsNorm(config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)
        self.gate = nn.Linear(config.dim, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.dim, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return q, k, v

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        x = x + self.out(y.transpose(1, 2).reshape(x.shape))
        a, b = self.gate(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(a) * b)

    def image(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(1, M, D) image tokens -> their next state, and the keys and values that questions will see."""
        q, k, v = self.project(x)
        return self.finish(x, F.scaled_dot_product_attention(q, k, v)), k, v

    def text(self, x: Tensor, prefix: tuple[Tensor, Tensor], tables: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """(Q, L, D) questions over one image; prefix keys, values (1, heads, M, d); mask (L, M + L)."""
        q, k, v = self.project(x)
        k = torch.cat([prefix[0].expand(len(x), -1, -1, -1), rotate(k, *tables)], 2)
        v = torch.cat([prefix[1].expand(len(x), -1, -1, -1), v], 2)
        # Keys of the image carry no rotation, so a byte sees them the same from wherever it stands.
        scores = rotate(q, *tables) @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        return self.finish(x, (scores + mask).softmax(-1) @ v)


class Decoder(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.dim)
        self.spell = nn.Linear(spelling.SIZE, config.dim, bias=False)
        self.mean = nn.Linear(meaning.WIDTH, config.dim, bias=False)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RmsNorm(config.dim)
        nn.init.normal_(self.embed.weight, std=0.5)

    def stack(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def look(self, image: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(1, M, D) image tokens -> keys and values of every layer, to be shared by all questions."""
        cache, x = [], image
        for layer in self.stack():
            x, k, v = layer.image(x)
            cache.append((k, v))
        return cache

    def forward(self, tokens: Tensor, codes: Tensor, meanings: Tensor, cache: list[tuple[Tensor, Tensor]]) -> Tensor:
        """(Q, L) bytes, (Q, L, spelling.SIZE) codes and (Q, L, 384) meanings, zero but at word ends -> (Q, L, D)."""
        length = tokens.shape[1]
        x = self.embed(tokens) + self.spell(codes) + self.mean(meanings)
        tables = rotary(torch.arange(length), self.config.dim // self.config.heads // 2, 1000.0)
        causal = torch.full((length, length), float("-inf")).triu(1)
        mask = torch.cat([torch.zeros(length, cache[0][0].shape[2]), causal], 1)
        for layer, prefix in zip(self.stack(), cache, strict=True):
            x = layer.text(x, prefix, tables, mask)
        return self.norm(x)
