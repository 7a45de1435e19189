"""The decoder: a decoder-only transformer over the words of questions, with the things on the screen as its prefix.

Things attend to one another, and what they see of one another depends on how they lie: above, in the same row, inside.
The words of a question attend to the things and to the words before them, never to another question, so one screen serves
many questions; a word sees at once which things have it written on them. The last state of a question says which things
it means: what their tokens are, how their text and drawing match, and how they lie to other things that it names
("in the row of Alice"). Knows nothing of pixels.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm import meaning, spelling
from deixis.vlm.config import DecoderConfig, NanoConfig
from deixis.vlm.things import FLAGS

PAIR = 14
"""Numbers that say how two things lie to each other."""
MATCH = 11
"""Numbers that say how a thing's text and drawing match a question."""
ANCHORS = 2
"""Other things that a question may name to tell its target apart."""
LAST_PLACE = 19
"""Position of a question's last token, which is no word."""
SHARP = 0.55
"""Likeness of two spelling codes from which words count as the same with a slip."""


class Tokens(NamedTuple):
    """A screen as the decoder takes it."""

    boxes: Tensor
    """(T, 4) CSS pixels"""
    looks: Tensor
    """(T, 2 C)"""
    flags: Tensor
    """(T, FLAGS)"""
    drawn: Tensor
    """(T, M)"""
    meanings: Tensor
    """(T, 384)"""
    spelled: Tensor
    """(T, spelling.SIZE) of unit length: the words of each thing, summed"""
    codes: Tensor
    """(W, spelling.SIZE) of unit length: words"""
    owners: Tensor
    """(2, P) things and the words in them"""


class Asked(NamedTuple):
    """Q questions of at most N words, and how they match a screen's things."""

    codes: Tensor
    """(Q, N, spelling.SIZE) of unit length, 0 after the last word"""
    meanings: Tensor
    """(Q, N, 384)"""
    hashes: Tensor
    """(Q, N) buckets of the words; 0 after the last"""
    whole: Tensor
    """(Q, 2, 384) of unit length: what the question means, and what it means without the words that only ask"""
    ratios: Tensor
    """(Q, T): likeness of the letters of the bare question and of each thing's text, 0 to 1"""


class Screen(NamedTuple):
    """What questions see of a screen."""

    cache: list[tuple[Tensor, Tensor]]
    """Keys and values (heads, T, d) of the things in every layer"""
    states: Tensor
    """(T, D) the things' last states"""
    pairs: Tensor
    """(T, T, R) how things lie to each other"""
    tokens: Tokens


class Answers(NamedTuple):
    """What Q questions mean."""

    things: Tensor
    """(Q, T) logits"""
    absent: Tensor
    """(Q,) logits of not being on the screen"""
    words: Tensor
    """(Q, W) logits of the words within their line"""
    anchors: Tensor
    """(Q, ANCHORS, T) log-probabilities of the things that tell the target apart"""


class RmsNorm(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), 1e-5)


class Layer(nn.Module):
    """Attention, then a gated MLP; what lies how and what is written where comes in as biases of the attention."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm1, self.norm2 = RmsNorm(config.dim), RmsNorm(config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)
        self.gate = nn.Linear(config.dim, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.dim, bias=False)
        self.lie = nn.Linear(config.relation, config.heads, bias=False)
        self.written = nn.Linear(3, config.heads, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(..., L, D) -> queries, keys, values (..., heads, L, d)."""
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).movedim(-3, 0).transpose(-3, -2)
        return q, k, v

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        x = x + self.out(y.transpose(-3, -2).flatten(-2))
        a, b = self.gate(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(a) * b)

    def things(self, x: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(T, D) things and pairs (T, T, R) -> their next state, and the keys and values that questions will see."""
        q, k, v = self.project(x)
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + self.lie(pairs).movedim(-1, 0)
        return self.finish(x, scores.softmax(-1).to(v.dtype) @ v), k, v

    def question(self, x: Tensor, prefix: tuple[Tensor, Tensor], mask: Tensor, written: Tensor) -> Tensor:
        """(Q, N, D) questions over things (heads, T, d); mask (N, N); written (Q, N, T, 3): words on things."""
        q, k, v = self.project(x)
        scale = q.shape[-1] ** -0.5
        to_things = q @ prefix[0].transpose(-1, -2) * scale + self.written(written).movedim(-1, 1)
        to_words = q @ k.transpose(-1, -2) * scale + mask
        weights = torch.cat([to_things, to_words], -1).softmax(-1).to(v.dtype)
        count = prefix[0].shape[1]
        return self.finish(x, weights[..., :count] @ prefix[1] + weights[..., count:] @ v)


def pairs_of(boxes: Tensor) -> Tensor:
    """(T, 4) boxes -> (T, T, PAIR): how box j (second) lies to box i (first)."""
    x0, y0, x1, y1 = boxes.unbind(1)
    cx, cy, w, h = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0).clamp(min=1), (y1 - y0).clamp(min=1)

    def gap(low: Tensor, high: Tensor) -> Tensor:
        """Signed distance from i's interval to j's: 0 where they overlap."""
        after, before = low[None] - high[:, None], low[:, None] - high[None]
        return after.clamp(min=0) - before.clamp(min=0)

    def shared(low: Tensor, high: Tensor, size: Tensor) -> Tensor:
        over = torch.minimum(high[:, None], high[None]) - torch.maximum(low[:, None], low[None])
        return over.clamp(min=0) / torch.minimum(size[:, None], size[None])

    def squash(v: Tensor, unit: float) -> Tensor:
        return v.sign() * (v.abs() / unit).log1p()

    dx, dy = cx[None] - cx[:, None], cy[None] - cy[:, None]
    across, down = gap(x0, x1), gap(y0, y1)
    rows, columns = shared(y0, y1, h), shared(x0, x1, w)
    within = rows * columns
    bigger = ((w * h)[None] / (w * h)[:, None]).log() / 4
    near = torch.exp(-(across.abs() + down.abs()) / 60)
    same = torch.eye(len(boxes), device=boxes.device)
    return torch.stack([
        squash(dx, 20), squash(dy, 10), squash(across, 10), squash(down, 5), rows, columns, within, bigger, near, same,
        (dy.abs() < 8).float(), (x0[None] - x0[:, None]).abs().lt(6).float(), rows * torch.exp(-across.abs() / 200),
        columns * torch.exp(-down.abs() / 60),
    ], -1)  # fmt: skip


def sinusoids(values: Tensor, dim: int) -> Tensor:
    """(..., K) pixels -> (..., K * dim): sines and cosines at periods from 16 to 4,000 pixels."""
    frequencies = 2 * torch.pi / (16 * 250 ** (torch.arange(dim // 2) / (dim // 2 - 1)))
    angles = values[..., None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)


class Decoder(nn.Module):
    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        own, self.config = config.decoder, config.decoder
        dim, drawn = own.dim, config.symbols.meaning
        self.look, self.flag = nn.Linear(2 * config.connector.width, dim), nn.Linear(FLAGS, dim)
        self.place, self.drawing = nn.Linear(6 * 32, dim), nn.Linear(drawn, dim, bias=False)
        self.text = nn.Linear(meaning.WIDTH, dim, bias=False)
        self.spell = nn.Linear(spelling.SIZE, dim, bias=False)
        self.pair = nn.Sequential(nn.Linear(PAIR, own.relation), nn.GELU(), nn.Linear(own.relation, own.relation))
        self.embed = nn.Embedding(own.buckets, dim)
        self.position = nn.Embedding(own.max_words + 1, dim)
        self.word, self.word_spell = (
            nn.Linear(meaning.WIDTH, dim, bias=False),
            nn.Linear(spelling.SIZE, dim, bias=False),
        )
        self.wholes = nn.Linear(2 * meaning.WIDTH, dim)
        self.layers = nn.ModuleList(Layer(own) for _ in range(own.layers))
        self.norm, self.thing_norm = RmsNorm(dim), RmsNorm(dim)
        self.query, self.key = nn.Linear(dim, 128, bias=False), nn.Linear(dim, 128, bias=False)
        self.name_pick, self.anchor_pick = nn.Linear(dim, 1), nn.Linear(dim, ANCHORS)
        self.anchor_query, self.anchor_key = nn.Linear(dim, 64 * ANCHORS), nn.Linear(dim, 64)
        self.relation = nn.Linear(dim, own.relation * ANCHORS)
        self.match = nn.Sequential(nn.Linear(MATCH, 48), nn.GELU(), nn.Linear(48, 32))
        self.trust = nn.Linear(dim, 32)
        self.gone = nn.Sequential(nn.Linear(dim + 3 * MATCH + 3, 96), nn.GELU(), nn.Linear(96, 1))
        self.anchor_sharp, self.word_sharp = nn.Parameter(torch.tensor(4.0)), nn.Parameter(torch.tensor(6.0))
        nn.init.normal_(self.embed.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)
        nn.init.zeros_(self.relation.weight)
        nn.init.zeros_(self.relation.bias)

    def stack(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def screen(self, tokens: Tokens) -> Screen:
        """What questions will see of the things on a screen; done once."""
        boxes = tokens.boxes
        size = torch.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], 1)
        x = self.look(tokens.looks) + self.flag(tokens.flags) + self.drawing(tokens.drawn) + self.text(tokens.meanings)
        x = x + self.place(sinusoids(torch.cat([boxes, size], 1), 32)) + self.spell(tokens.spelled)
        pairs = self.pair(pairs_of(boxes))
        cache = []
        for layer in self.stack():
            x, k, v = layer.things(x, pairs)
            cache.append((k, v))
        return Screen(cache, self.thing_norm(x), pairs, tokens)

    def forward(self, screen: Screen, asked: Asked, named: Tensor) -> Answers:
        """named (Q, 2, M): the drawings that the questions would be."""
        count = asked.codes.shape[1]
        there = asked.hashes > 0
        x = self.embed(asked.hashes) + self.word(asked.meanings) + self.word_spell(asked.codes)
        # The last token has one place, however many words the longest question among them has.
        places = torch.cat([self.position.weight[:count], self.position.weight[LAST_PLACE : LAST_PLACE + 1]])
        x = torch.cat([x, self.wholes(asked.whole.flatten(1))[:, None]], 1) + places
        written_words = len(screen.tokens.codes)
        codes = screen.tokens.codes if written_words else torch.zeros(1, spelling.SIZE)  # a screen without a word
        likeness = asked.codes @ codes.T  # (Q, N, W)
        written = self._written(likeness, screen.tokens, len(screen.states))  # (Q, N, T)
        signs = torch.stack(
            [written, ((written - SHARP) / (1 - SHARP)).clamp(min=0) ** 2, (written > 0.97).float()], -1
        )
        signs = F.pad(signs, (0, 0, 0, 0, 0, 1))  # the last token is no word
        mask = torch.full((count + 1, count + 1), float("-inf")).triu(1)[None, None]
        mask = mask + F.pad(~there * -1e4, (0, 1))[:, None, None]
        for layer, prefix in zip(self.stack(), screen.cache, strict=True):
            x = layer.question(x, prefix, mask, signs)
        x = self.norm(x)
        answers = self._answers(screen, asked, x, there, likeness, signs[:, :count, :, 1], named)
        return answers._replace(words=answers.words[:, :written_words])

    def _written(self, likeness: Tensor, tokens: Tokens, things: int) -> Tensor:
        """(Q, N, W) likeness of words -> (Q, N, T): how well each word stands on each thing."""
        out = likeness.new_zeros(*likeness.shape[:2], things)
        if tokens.owners.shape[1]:
            index = tokens.owners[0].expand(*likeness.shape[:2], -1)
            out = out.scatter_reduce(2, index, likeness[..., tokens.owners[1]], "amax")
        return out

    def _answers(
        self, screen: Screen, asked: Asked, x: Tensor, there: Tensor, likeness: Tensor, sharp: Tensor, named: Tensor
    ) -> Answers:
        end, words = x[:, -1], x[:, :-1]
        picks = self.name_pick(words)[..., 0].float().sigmoid() * there  # (Q, N)
        fits = self.matches(screen.tokens, asked, picks, likeness, sharp, named)  # (Q, T, MATCH)
        trust = self.trust(end)
        scores = self.query(end) @ self.key(screen.states).T / 128**0.5 + (self.match(fits) * trust[:, None]).sum(-1)
        anchors = self._anchors(screen, end, words, there, sharp)
        ways = self.relation(end).unflatten(-1, (ANCHORS, -1))  # (Q, A, R)
        away = torch.einsum("qas,str->qatr", anchors.exp().to(screen.pairs.dtype), screen.pairs)
        scores = (scores + torch.einsum("qatr,qar->qt", away, ways)).float()
        share = scores.softmax(-1).detach()
        seen = [(share[..., None] * fits).sum(1), fits.amax(1), (sharp * picks[..., None]).amax(2).amax(1)[:, None]]
        best = [share.amax(1)[:, None], torch.logsumexp(scores, 1)[:, None].detach() / 8]
        mean = (sharp.amax(2) * picks).sum(1) / picks.sum(1).clamp(min=0.1)
        missing = torch.cat([(sharp.amax(2) + 1 - there.float()).amin(1)[:, None], mean[:, None]], 1)
        extra = torch.zeros_like(fits[:, 0])
        extra[:, :2] = missing
        absent = self.gone(torch.cat([end.float(), *seen, *best, extra], 1).to(end.dtype))[:, 0].float()
        return Answers(scores, absent, self.word_scores(likeness, picks), anchors)

    def _anchors(self, screen: Screen, end: Tensor, words: Tensor, there: Tensor, sharp: Tensor) -> Tensor:
        """(Q, ANCHORS, T) log-probabilities: things that the question names beside its target."""
        picks = self.anchor_pick(words).float().sigmoid() * there[..., None]  # (Q, N, A)
        share = picks / picks.sum(1, keepdim=True).clamp(min=0.3)
        written = torch.einsum("qna,qnt->qat", share, sharp.float())
        key = self.anchor_key(screen.states)
        scores = torch.einsum("qak,tk->qat", self.anchor_query(end).unflatten(-1, (ANCHORS, -1)), key) / 8.0
        return (scores.float() + self.anchor_sharp * written).log_softmax(-1)

    def matches(
        self, tokens: Tokens, asked: Asked, picks: Tensor, likeness: Tensor, sharp: Tensor, named: Tensor
    ) -> Tensor:
        """(Q, T, MATCH) how each thing's text and drawing match each question."""
        share = picks / picks.sum(1, keepdim=True).clamp(min=0.2)
        covered = torch.einsum("qn,qnt->qt", share, sharp)  # of the name, how much is written on the thing
        best = likeness.amax(1)  # (Q, W) of each word on the screen, how well the question says it
        best = ((best - SHARP) / (1 - SHARP)).clamp(min=0) ** 2
        said = best.new_zeros(len(best), len(tokens.boxes))
        count = best.new_zeros(len(tokens.boxes))
        if tokens.owners.shape[1]:
            said = said.index_add(1, tokens.owners[0], best[:, tokens.owners[1]])
            count = count.index_add(0, tokens.owners[0], torch.ones_like(tokens.owners[0], dtype=count.dtype))
        said = said / count.clamp(min=1)  # of the thing's text, how much the question says
        meant = asked.whole @ tokens.meanings.T  # (Q, 2, T)
        drawn = named @ tokens.drawn.T
        flags = tokens.flags.expand(len(said), -1, -1)
        return torch.stack([
            covered, said, asked.ratios, covered * said, sharp.amax(1), meant[:, 0], meant[:, 1], drawn[:, 0], drawn[:, 1],
            flags[..., 3], flags[..., 4],
        ], -1).float()  # fmt: skip

    def word_scores(self, likeness: Tensor, picks: Tensor) -> Tensor:
        """(Q, W) logits of words within their line: the words of the name, the more so beside one another."""
        sharp = ((likeness - SHARP) / (1 - SHARP)).clamp(min=0) ** 2
        own = (sharp * picks[..., None]).amax(1)
        beside = F.max_pool1d(own[:, None], 5, 1, 2)[:, 0]
        return (own + 0.5 * beside * (own > 0.05)) * self.word_sharp


def shares(answers: Answers, tokens: Tokens, count: int) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the things that are no lines (Q, T), and of the words (Q, W).

    The first `count` things are lines; what a line gets is shared out among its words.
    """
    things, words = answers.things.log_softmax(1), answers.words
    own = tokens.owners[:, tokens.owners[0] < count]
    line = torch.zeros(words.shape[1], dtype=torch.long)
    line[own[1]] = own[0]
    index = line.expand(len(words), -1)
    top = words.new_full((len(words), max(count, 1)), -1e9)
    top = top.scatter_reduce(1, index, words.detach(), "amax")
    shifted = (words - top.gather(1, index)).exp()
    sums = torch.zeros_like(top).scatter_add(1, index, shifted)
    within = shifted.clamp(min=1e-9).log() - sums.clamp(min=1e-9).log().gather(1, index)
    alone = torch.cat([torch.full_like(things[:, :count], -1e4), things[:, count:]], 1)
    return alone, things.gather(1, index) + within
