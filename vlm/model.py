"""deixis-nano: pre-processor, image encoder, connector and decoder fused, with a pointer and a reading head.

Late fusion: the picture is encoded once, whatever is asked; a question becomes one query per place it could point at.
The score of a cell is how well its text key fits the spelling of the question's words that matter, plus how well its
context key fits the rest. One more logit stands for "not on this screen". Tensors only: pictures and pixels are the
business of `pointer`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm import spelling
from deixis.vlm.config import NanoConfig
from deixis.vlm.connector import Connector
from deixis.vlm.decoder import PAD, Decoder
from deixis.vlm.image import Prepared
from deixis.vlm.vit import STRIDE, Stem, Vit


class Encoded(NamedTuple):
    """A page as the model sees it."""

    text_keys: Tensor
    """(H, W, T) of unit length, one per cell of the page."""
    context_keys: Tensor
    """(H, W, C)"""
    cells: Tensor
    """(H, W, width): what the stem saw, for reading."""
    cache: list[tuple[Tensor, Tensor]]
    """The decoder's keys and values of the image, a pair per layer."""


class Question(NamedTuple):
    """Questions as tensors: Q of them, padded to L bytes."""

    tokens: Tensor
    """(Q, L) bytes, PAD after the end."""
    codes: Tensor
    """(Q, L, spelling.SIZE), zero but at the last byte of a word."""
    last: Tensor
    """(Q,) index of the last byte."""


def questions(texts: list[str], max_bytes: int) -> Question:
    """Texts as tensors; what is longer than max_bytes is cut at the end."""
    data = [text.encode()[:max_bytes] or b"?" for text in texts]
    length = max(map(len, data))
    tokens = torch.full((len(texts), length), PAD)
    codes = torch.zeros(len(texts), length, spelling.SIZE)
    for i, (text, row) in enumerate(zip(texts, data, strict=True)):
        tokens[i, : len(row)] = torch.tensor(list(row))
        for end, word in spelling.word_ends(text):
            if end < len(row):
                codes[i, end] = torch.from_numpy(spelling.word_code(word))
    return Question(tokens, codes, torch.tensor([len(row) - 1 for row in data]))


class Nano(nn.Module):
    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        self.stem, self.vit = Stem(config.vit), Vit(config.vit)
        self.connector, self.decoder = Connector(config), Decoder(config.decoder)
        dim, text = config.decoder.dim, config.connector.text_key
        self.spell = nn.Linear(spelling.SIZE, text, bias=False)
        self.pick_query, self.pick_key = nn.Linear(dim, 64), nn.Linear(dim, 64)
        self.extra = nn.Linear(dim, text)
        self.context_query = nn.Linear(dim, config.connector.context_key)
        self.absent = nn.Linear(dim, 1)
        self.sharpness = nn.Parameter(torch.tensor(2.5))
        self.read_head = nn.Linear(config.vit.width, 2 * config.characters)
        for layer in (self.extra, self.context_query):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    # the image

    def encode(self, page: Prepared) -> Encoded:
        """A whole page; the work is done once, whatever is asked of it afterwards."""
        origin = torch.tensor([[tile.x, tile.y] for tile in page.plan], dtype=torch.float32)
        n = len(page.plan)
        scale = torch.full((n,), page.overview_scale)
        cells, small = self.stem(page.tiles), self.stem(page.overview)
        tokens, whole = self.vit(cells, small.expand(n, -1, -1, -1), origin, scale)
        text, context = self.connector.keys(cells, tokens)
        assert context is not None
        prefix = torch.cat(
            [self.connector.prefix(tokens, origin).flatten(0, 1), self.connector.whole(whole.mean(0))]
        )  # (M, D)
        maps = [_stitch(part, page) for part in (text, context, cells)]
        return Encoded(maps[0], maps[1], maps[2], self.decoder.look(prefix[None]))

    # the question

    def spelled(self, codes: Tensor) -> Tensor:
        """(..., spelling.SIZE) -> (..., T) of unit length: the query of a bare name."""
        return F.normalize(self.spell(codes), dim=-1)

    def queries(self, question: Question, cache: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        """Text queries (Q, T) of unit length, context queries (Q, C), logits of "absent" (Q,)."""
        hidden = self.decoder(question.tokens, question.codes, cache)  # (Q, L, D)
        end = hidden[torch.arange(len(hidden)), question.last]  # (Q, D)
        match = (self.pick_key(hidden) @ self.pick_query(end)[..., None])[..., 0] / 8.0  # (Q, L)
        picked = (match.sigmoid()[..., None] * question.codes).sum(1)
        text = F.normalize(self.spell(picked) + self.extra(end), dim=-1)
        return text, self.context_query(end), self.absent(end)[:, 0]

    def scores(self, text: Tensor, context: Tensor | None, keys: Tensor, context_keys: Tensor | None) -> Tensor:
        """(Q, T), (Q, C) against keys (P, T), (P, C) -> logits (Q, P)."""
        logits = text @ keys.T * self.sharpness.exp()
        if context is not None and context_keys is not None:
            logits = logits + context @ context_keys.T / context.shape[-1] ** 0.5
        return logits

    def point(self, page: Encoded, texts: list[str]) -> Tensor:
        """Logits (Q, H * W + 1) over the cells of the page, row by row, and over "absent", last."""
        question = questions(texts, self.config.decoder.max_bytes)
        text, context, absent = self.queries(question, page.cache)
        cells = self.scores(text, context, page.text_keys.flatten(0, 1), page.context_keys.flatten(0, 1))
        return torch.cat([cells, absent[:, None]], 1)


def _stitch(parts: Tensor, page: Prepared) -> Tensor:
    """(N, h, w, D) of tiles -> (H, W, D) of the page, every cell from the tile that owns it."""
    width = max(tile.own[2] for tile in page.plan) // STRIDE
    height = max(tile.own[3] for tile in page.plan) // STRIDE
    out = parts.new_empty(height, width, parts.shape[-1])
    for tile, part in zip(page.plan, parts, strict=True):
        x0, y0, x1, y1 = (edge // STRIDE for edge in tile.own)
        dx, dy = tile.x // STRIDE, tile.y // STRIDE
        out[y0:y1, x0:x1] = part[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    return out
