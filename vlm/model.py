"""deixis-nano: pre-processor, image encoder, connector and decoder fused, with a pointer and a reading head.

Late fusion: the picture is encoded once, whatever is asked. Four experts say which cell is meant: one by the spelling of
the question's words that matter (`match`), one by the spelling of labels that mean the same (`lexicon`), one by the
meaning of what is drawn, one by none of these; a gate mixes their distributions. All of them take into account how well a cell's
context key fits the rest of the question, and where it lies from the place of the words that tell the target apart
(`relation`). One more probability stands for "not on this screen". "The second Edit" is asked as "the Edit": the pointer
counts. Tensors only: pictures and pixels are the business of `pointer`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deixis.vlm import lexicon, match, meaning, relation, spelling
from deixis.vlm.config import NanoConfig
from deixis.vlm.connector import Connector, Keys
from deixis.vlm.decoder import PAD, Decoder
from deixis.vlm.image import Prepared
from deixis.vlm.vit import STRIDE, Stem, Vit


class Encoded(NamedTuple):
    """A page as the model sees it."""

    keys: Keys
    """(H, W, width) each."""
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
    meanings: Tensor
    """(Q, L, 384), zero but at the last byte of a word."""
    core: Tensor
    """(Q, 384) of unit length: what the question means, most of all its words that do not only ask."""
    last: Tensor
    """(Q,) index of the last byte."""
    ends: Tensor
    """(Q, N) index of the last byte of every word, 0 after the last word."""
    sizes: Tensor
    """(Q, N) how much a word says by its length, 0 after the last."""


class Words(NamedTuple):
    """Words to be looked for, and how much each matters."""

    codes: Tensor
    """(Q, N, T) of unit length."""
    weights: Tensor
    """(Q, N) not negative."""


class Query(NamedTuple):
    """What questions look for."""

    name: Words
    """The words of the target."""
    beside: Words
    """The words that stand beside it."""
    meaning: Tensor
    """(Q, M) of unit length."""
    alike: Words
    """(Q * K, A) words of labels that mean something similar."""
    likeness: Tensor
    """(Q, K) how similar."""
    labels: list[str]
    """Q * K, folded: the labels that mean something similar."""
    context: Tensor
    """(Q, C)"""
    relation: Tensor
    """(Q, relation.SIZE)"""
    end: Tensor
    """(Q, D): the question's last state."""
    picks: Tensor
    """(2, Q, N): how much each word of the question, in the order of `Question.ends`, belongs to `name` and `beside`."""


class Evidence(NamedTuple):
    """What is written and drawn on a page of what questions look for; cosines, (Q, P) each but for two."""

    name: Tensor
    """The target's name."""
    weakest: Tensor
    """The worst of the important words of the name."""
    rarest: Tensor
    """(Q,) the worst of these anywhere."""
    said: Tensor
    """(Q,) how well what has been read says the name; the same as `rarest` where nothing has been."""
    beside: Tensor
    """The words that stand beside the target."""
    alike: Tensor
    """The label alike that fits best: how it is spelled."""
    likeness: Tensor
    """How alike that label is."""
    meant: Tensor
    """The meaning."""


class Signs(NamedTuple):
    """What the gate and the head for "absent" judge by; no gradient reaches what it comes from."""

    end: Tensor
    """(Q, D): the question's last state."""
    best: Tensor
    """(Q, SIGNS): how well each expert's evidence fits at best."""
    seen: Tensor
    """(Q, EXPERTS + 2): how sure each expert is; rows and columns from the place of the name to that of no evidence."""
    context: Tensor
    """(Q, 2, C): context keys at these two places."""


class Scores(NamedTuple):
    placed: Tensor
    """(Q, EXPERTS, P) log-probabilities of the cells of the page, row by row, as each expert sees them."""
    gate: Tensor
    """(Q, EXPERTS) log-probabilities of the experts."""
    absent: Tensor
    """(Q,) logits of not being on the screen."""
    anchor: Tensor
    """(Q, P) logits of being the anchor."""
    signs: Signs
    fits: Tensor
    """(Q, ABSENT_FITS): how well what is at the likeliest cell fits, for the head for "absent"."""

    @property
    def cells(self) -> Tensor:
        """(Q, P + 1) log-probabilities of the cells of the page and of "absent", last."""
        # Whether it is there and where it is are two questions: one must not drown the other.
        there = (self.placed + self.gate[..., None]).logsumexp(1)
        return torch.cat([there + F.logsigmoid(-self.absent)[:, None], F.logsigmoid(self.absent)[:, None]], 1)


def questions(texts: list[str], max_bytes: int) -> Question:
    """Texts as tensors; what is longer than max_bytes is cut at the end."""
    data = [text.encode()[:max_bytes] or b"?" for text in texts]
    length = max(map(len, data))
    tokens = torch.full((len(texts), length), PAD)
    codes = torch.zeros(len(texts), length, spelling.SIZE)
    meanings = torch.zeros(len(texts), length, meaning.WIDTH)
    lower = [text.lower() for text in texts]
    meant = meaning.shared().encode(lower + [lexicon.bare(text) for text in lower])
    found = [
        [word for word in spelling.word_ends(text) if word[0] < len(row)] for text, row in zip(texts, data, strict=True)
    ]
    ends = torch.zeros(len(texts), max(1, *map(len, found)), dtype=torch.long)
    sizes = torch.zeros(ends.shape)
    for i, row in enumerate(data):
        tokens[i, : len(row)] = torch.tensor(list(row))
        for k, (end, word, start, stop) in enumerate(found[i]):
            codes[i, end] = torch.from_numpy(spelling.word_code(word))
            meanings[i, end] = meaning.word_vectors(meant, i, start, stop)
            ends[i, k], sizes[i, k] = end, spelling.weight(word)
    last = torch.tensor([len(row) - 1 for row in data])
    core = F.normalize(meant.whole[: len(texts)] + meant.whole[len(texts) :], dim=-1)
    return Question(tokens, codes, meanings, core, last, ends, sizes)


class Nano(nn.Module):
    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        self.stem, self.vit = Stem(config.vit), Vit(config.vit)
        self.connector, self.decoder = Connector(config), Decoder(config.decoder)
        dim, text = config.decoder.dim, config.connector.text_key
        self.spell = nn.Linear(spelling.SIZE, text, bias=False)
        self.pick_query, self.pick_key = nn.Linear(dim, 64), nn.Linear(dim, 64)
        self.anchor_query, self.anchor_key = nn.Linear(dim, 64), nn.Linear(dim, 64)
        self.meant = nn.Linear(meaning.WIDTH, config.connector.meaning_key, bias=False)
        self.role = nn.Linear(config.connector.context_key, ROLES)
        self.gate = nn.Sequential(
            nn.Linear(dim + SIGNS + EXPERTS + 2 * ROLES + 2, 64), nn.GELU(), nn.Linear(64, EXPERTS)
        )
        self.trust = nn.Linear(SIGNS, EXPERTS)
        self.alike_cost = nn.Parameter(torch.tensor(8.0))
        self.context_query = nn.Linear(dim, config.connector.context_key)
        self.relation = nn.Linear(dim, relation.SIZE)
        self.absent = nn.Sequential(nn.Linear(dim + SIGNS + ABSENT_FITS, 64), nn.GELU(), nn.Linear(64, 1))
        self.nowhere = nn.Parameter(torch.tensor(11.0))
        self.sharpness = nn.Parameter(torch.tensor(2.5))
        self.read_head = nn.Linear(config.vit.width, 2 * config.characters)
        for layer in (self.context_query, self.relation, self.gate[2]):
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.trust.weight.copy_(torch.tensor(TRUST))
            self.trust.bias.copy_(torch.tensor(TRUST_BIAS))

    # the image

    def encode(self, page: Prepared) -> Encoded:
        """A whole page; the work is done once, whatever is asked of it afterwards."""
        origin = torch.tensor([[tile.x, tile.y] for tile in page.plan], dtype=torch.float32)
        n = len(page.plan)
        scale = torch.full((n,), page.overview_scale)
        cells, small = self.stem(page.tiles), self.stem(page.overview)
        tokens, whole = self.vit(cells, small.expand(n, -1, -1, -1), origin, scale)
        keys = self.connector.keys(cells, tokens)
        prefix = torch.cat(
            [self.connector.prefix(tokens, origin).flatten(0, 1), self.connector.whole(whole.mean(0))]
        )  # (M, D)
        stitched = Keys(*(_stitch(part, page) for part in keys))
        return Encoded(stitched, _stitch(cells, page), self.decoder.look(prefix[None]))

    # the question

    def spelled(self, codes: Tensor) -> Tensor:
        """(..., spelling.SIZE) -> (..., T) of unit length: the query of a bare name."""
        return F.normalize(self.spell(codes), dim=-1)

    def means(self, whole: Tensor) -> Tensor:
        """(..., 384) -> (..., M) of unit length: the meaning query of a bare name."""
        return F.normalize(self.meant(whole), dim=-1)

    def queries(self, question: Question, cache: list[tuple[Tensor, Tensor]]) -> Query:
        hidden = self.decoder(question.tokens, question.codes, question.meanings, cache)  # (Q, L, D)
        rows = torch.arange(len(hidden))
        end, words = hidden[rows, question.last], hidden[rows[:, None], question.ends]  # (Q, D), (Q, N, D)
        codes = self.spelled(question.codes[rows[:, None], question.ends])  # (Q, N, T)

        def picked(key: nn.Linear, query: nn.Linear) -> Tensor:
            """(Q, N): which words one of the two heads picks."""
            return ((key(words) @ query(end)[..., None])[..., 0] / 4.0).sigmoid() * (question.sizes > 0)

        def some(picks: Tensor) -> Words:
            """The words that matter most."""
            weights, place = (picks * question.sizes).topk(min(LOOKED_FOR, picks.shape[1]), 1)
            return Words(codes[rows[:, None], place], weights)

        name, beside = picked(self.pick_key, self.pick_query), picked(self.anchor_key, self.anchor_query)
        with torch.no_grad():
            labels = lexicon.shared().near(question.core, NEIGHBOURS[self.training])
            alike = Words(self.spelled(labels.codes), labels.weights)
        return Query(
            some(name), some(beside), self.means(question.core), alike, labels.similarity, labels.labels,
            self.context_query(end), self.relation(end), end, torch.stack([name, beside]) * question.sizes,
        )  # fmt: skip

    def evidence(self, query: Query, keys: Keys) -> Evidence:
        """What a page with keys (H, W, width) holds of what is looked for."""
        name, beside = match.Match(*query.name, keys.text), match.Match(*query.beside, keys.text)
        alike, likeness = _alike(query, keys.text, self.sharpness.exp(), self.alike_cost)
        meant = query.meaning @ keys.meaning.flatten(0, 1).T
        rarest = name.rarest().detach()
        return Evidence(name.fit, name.weakest().detach(), rarest, rarest, beside.fit, alike, likeness, meant)

    def scores(self, query: Query, keys: Keys, found: Evidence, told: Tensor | None = None) -> Scores:
        """Where the targets are, from the evidence of a page with keys (H, W, width).

        told (Q, P) bool: where the anchors are, for training; a question without any finds its own.
        """
        sharp = self.sharpness.exp()
        anchor = found.beside * sharp if told is None else found.beside * sharp + 30.0 * told
        rest = query.context @ keys.context.flatten(0, 1).T / query.context.shape[-1] ** 0.5
        rest = rest + relation.bias(query.relation, anchor, (keys.text.shape[0], keys.text.shape[1]))
        # A label alike is where it is written: what else the words ask for was not said of it.
        alike = found.alike * sharp + found.likeness * self.alike_cost
        experts = (found.name * sharp + rest, alike, found.meant * MEANT_SHARPNESS + rest, rest)
        placed = torch.stack([expert.log_softmax(1) for expert in experts], 1)  # (Q, EXPERTS, P)
        looked_at = (found.name, found.alike * found.likeness, found.meant)
        best = [looked_at[0].amax(1), found.rarest, looked_at[1].amax(1), looked_at[2].amax(1), found.said]
        signs = Signs(query.end, _even(best), *_seen(placed, keys))
        gate = self.weights(signs)
        at = (placed + gate[..., None]).logsumexp(1).argmax(1, keepdim=True)
        fits = _even([part.gather(1, at)[:, 0] for part in (*looked_at, found.weakest)] + [found.beside.amax(1)])
        return Scores(placed, gate, self.gone(signs, fits), found.beside * sharp, signs, fits)

    def weights(self, signs: Signs) -> Tensor:
        """(Q, EXPERTS) log-probabilities of the experts."""
        roles = self.role(signs.context).tanh().flatten(1)
        gate = self.gate(torch.cat([signs.end, signs.best, signs.seen[:, :EXPERTS], roles, signs.seen[:, EXPERTS:]], 1))
        return (gate + self.trust(signs.best)).log_softmax(1)

    def gone(self, signs: Signs, fits: Tensor) -> Tensor:
        """(Q,) logits of not being on the screen."""
        return self.absent(torch.cat([signs.end, signs.best, fits], 1))[:, 0]

    def ask(self, page: Encoded, texts: list[str]) -> Query:
        """Q questions about an encoded page."""
        return self.queries(questions(texts, self.config.decoder.max_bytes), page.cache)

    def point(self, page: Encoded, texts: list[str], told: Tensor | None = None) -> Scores:
        """Scores of Q questions about an encoded page, without reading it letter by letter."""
        query = self.ask(page, texts)
        return self.scores(query, page.keys, self.evidence(query, page.keys), told)


EXPERTS = 4
ROLES = 8
"""What is told of a cell's context when experts are weighed."""
SIGNS = 5
"""What tells which expert to trust: the best fit of name, of its rarest word, of a label alike, of meaning; what was read."""
TRUST = ((1.0, 2.0, 0.0, 0.0, 2.0), (0.0, 0.0, 0.5, 0.0, 0.0), (0.0, 0.0, 0.0, 1.5, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0))
TRUST_BIAS = (0.0, 2.2, -0.2, 1.0)
"""What the gate begins with: a name that is written somewhere is taken at its word; a label alike is trusted more than the
few synonyms of training would teach."""
MEANT_SHARPNESS = 16.0
ABSENT_FITS = 5
"""The signs, the fits at the likeliest cell, the weakest word there, and the anchor at best."""
LOOKED_FOR = 6
"""Words of a question that are looked for."""
NEIGHBOURS = {True: 16, False: 40}
"""Labels of the lexicon that a question is widened by, in training and in use."""


def _even(cosines: list[Tensor]) -> Tensor:
    """Cosines (Q,) each as features (Q, n) of about unit size, without a gradient: judging must not change the keys."""
    return (torch.stack(cosines, 1).detach() - 0.5) * 5


@torch.no_grad()
def _seen(placed: Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
    """`seen` and `context` of Signs: what stands where two experts look, and whether they agree.

    A name that is written beside a control, and not on one, is the business of the expert that reads nothing.
    """
    sure, peaks = placed.max(2)  # (Q, EXPERTS)
    width, ends = keys.text.shape[1], peaks[:, [0, EXPERTS - 1]]
    apart = torch.stack([ends[:, 1] // width - ends[:, 0] // width, ends[:, 1] % width - ends[:, 0] % width], 1)
    return torch.cat([sure / 4 + 1, (apart / 8).tanh()], 1), keys.context.flatten(0, 1)[ends]


@torch.no_grad()
def _alike(query: Query, text: Tensor, sharp: Tensor, cost: Tensor) -> tuple[Tensor, Tensor]:
    """The label alike that fits best at each cell (H, W, T): how well it is spelled there and how alike it is, (Q, P) each.

    No gradient: reading is taught by names, meaning is frozen; only what they weigh is learned. Every other column is
    enough.
    """
    spelled, likeness, count, width = [], [], query.likeness.shape[1], text.shape[1]
    for i, near in enumerate(query.likeness):
        mine = slice(i * count, (i + 1) * count)
        fits = match.Match(query.alike.codes[mine], query.alike.weights[mine], text[:, ::2], 2).fit
        fits = fits.view(count, len(text), -1).repeat_interleave(2, 2)[..., :width].flatten(1)  # (K, P)
        best = (fits * sharp + near[:, None] * cost).argmax(0)
        spelled.append(fits.gather(0, best[None])[0])
        likeness.append(near[best])
    return torch.stack(spelled), torch.stack(likeness)


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
