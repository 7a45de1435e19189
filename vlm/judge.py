"""How sure an answer is: what speaks for and against it, weighed by a small network that `calibrate` fits.

The decoder says whether a target is there and where; but a name of which one word is nowhere on the screen, a label that
says more than was asked, or a drawing without letters are reasons of their own. Fitted on held-out pages of the training
families to two questions at once: is the target there at all, and would a click at the point hit it. Their mean is the
confidence: the second alone ranks what is absent too high, the first alone says little of points beside the target.
"""

from typing import NamedTuple

import numpy as np
import torch
from rapidfuzz import fuzz
from torch import Tensor, nn

from deixis.vlm import kinds, questions, spelling
from deixis.vlm.decoder import Asked, Screen
from deixis.vlm.things import Things, codes_of

SIGNS = (
    "absent", "mass", "next", "like", "written", "ratio", "part", "set", "rarest", "words", "rarest_here", "words_here",
    "meant_here", "meant", "bare", "length", "counted", "line", "kind",
)  # fmt: skip
"""What `signs` says, in order."""
HIDDEN = 12
STEPS, RATE, DECAY = 400, 0.02, 1e-3
LEAST = 1e-6


class Answer(NamedTuple):
    """What is known of a question's answer before it is judged."""

    question: str
    thing: int
    """Number of the best thing, -1 when there is none."""
    masses: tuple[float, float]
    """Probability of the best place and of the next."""
    absent: float
    """The decoder's logit of not being there."""
    like: float
    """How like the name is to what is written anywhere, 0 to 1."""
    written: float
    """How surely the name is written out, alone."""
    counted: bool
    """Whether one of several was asked for by its number."""


def logit(probability: float) -> float:
    bounded = min(max(probability, LEAST), 1 - LEAST)
    return float(np.log(bounded / (1 - bounded)))


def signs(answer: Answer, row: int, asked: Asked, screen: Screen, things: Things) -> list[float]:
    """The SIGNS of an answer; row: that of its question in `asked`."""
    bare = questions.bare(answer.question.lower())
    letters = questions.letters(bare)
    there = answer.thing >= 0
    text = questions.letters(things.texts[answer.thing]) if there else ""
    words = [word for _, word, _, _ in spelling.word_ends(bare)][:HIDDEN]
    anywhere, here = _found(words, answer.thing, screen, things)
    weights = np.array([len(word) for word in words], float) if words else np.ones(1)
    meant = (screen.tokens.meanings @ asked.whole[row].T).amax(1).numpy()  # (T,)
    return [
        answer.absent, logit(answer.masses[0]), logit(answer.masses[1]), answer.like, answer.written,
        fuzz.ratio(letters, text) / 100, fuzz.partial_ratio(letters, text) / 100 if text else 0.0,
        fuzz.token_set_ratio(letters, text) / 100 if text else 0.0,
        float(anywhere.min()), float(np.average(anywhere, weights=weights)), float(here.min()), float(np.average(here, weights=weights)),
        float(meant[answer.thing]) if there else 0.0, float(meant.max()), float(not text), float(len(words)), float(answer.counted),
        float(there and answer.thing < things.lines), float(kinds.only_a_kind(answer.question)),
    ]  # fmt: skip


def _found(words: list[str], thing: int, screen: Screen, things: Things) -> tuple[np.ndarray, np.ndarray]:
    """(N,) how like each word is to the likest on the screen, and on the thing: cosines of spelling."""
    if not words or not len(screen.tokens.codes):
        return np.zeros(max(len(words), 1)), np.zeros(max(len(words), 1))
    cosines = (codes_of(words) @ screen.tokens.codes.T).numpy()  # (N, W)
    owners = things.owners.numpy()
    own = owners[1][owners[0] == thing]
    return cosines.max(1), cosines[:, own].max(1) if len(own) else np.zeros(len(words))


class Judge(nn.Module):
    """Signs to confidence; before it is fitted, the probability that decoder and place give."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(SIGNS)))
        self.register_buffer("spread", torch.ones(len(SIGNS)))
        self.inner, self.outer = nn.Linear(len(SIGNS), HIDDEN), nn.Linear(HIDDEN, 2)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, rows: Tensor) -> Tensor:
        """(N, SIGNS) -> (N, 2) logits: is it there, would a click hit it."""
        known = (torch.sigmoid(-rows[:, 0]) * torch.sigmoid(rows[:, 1])).clamp(LEAST, 1 - LEAST)
        base = torch.log(known / (1 - known))
        inner = torch.tanh(self.inner(((rows - self.mean) / self.spread).clamp(-4, 4)))
        return base[:, None] + self.outer(inner)

    def confidence(self, rows: Tensor) -> Tensor:
        """(N,) logits of the confidence, before the calibration line."""
        return self(rows).mean(1)


def fitted(rows: np.ndarray, there: np.ndarray, hit: np.ndarray) -> Judge:
    """A judge for (N, SIGNS) signs and what was true; the same whenever it is run."""
    torch.manual_seed(0)
    judge = Judge()
    nn.init.normal_(judge.outer.weight, std=0.1)
    judge.mean.copy_(torch.from_numpy(rows.mean(0)))
    judge.spread.copy_(torch.from_numpy(rows.std(0)).clamp(min=0.05))
    told, wanted = torch.from_numpy(rows).float(), torch.from_numpy(np.stack([there, hit], 1)).float()
    optimiser = torch.optim.Adam(judge.parameters(), RATE)
    for _ in range(STEPS):
        loss = nn.functional.binary_cross_entropy_with_logits(judge(told), wanted)
        loss = loss + DECAY * sum((p**2).sum() for p in judge.parameters())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return judge.eval().requires_grad_(False)
