"""Teaches the encoder of meanings how people speak of what stands on pages.

    python -m deixis.vlm.train_meaning --screens DIR --minutes N --out FILE [--resume]

The published encoder knows what words mean, not that "get me out of here" is "Sign out". What people say
(`wordings.jsonl`) is drawn to the vector that the label has; labels, and all else that is written on screens, stay where
they are, so that what other parts have learned of them holds. Of the labels one in eight is never trained on
(`sheet.wordings`): on these the figures are measured.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from deixis.vlm import meaning, phrases, scenes
from deixis.vlm.sheet import Wording, wordings

SAID, STAYING = 80, 48
"""Requests and texts that are to stay where they are, in one step."""
RIVALS = 600
"""Labels that a request is told from in one step."""
ALIKE = 0.72
"""Cosine from which two labels mean the same, so that neither is a rival of the other."""
SHARP = 0.05
"""Temperature of the choice among labels."""
STAY = 6.0
"""Weight of staying where it was."""
GLANCE = 5
"""Every so many-th label that is held out is looked at while training goes on."""
ON_A_PAGE = 40
"""Labels among which the right one has to be the nearest, in the figures."""


class Speech:
    """What is said and what is meant, with the vectors that labels have before training."""

    def __init__(self, known: Sequence[Wording], texts: Sequence[str], encoder: meaning.MeaningEncoder) -> None:
        self.known, self.texts = list(known), list(texts)
        labels = [wording.label.lower() for wording in self.known]
        self.labels = torch.cat([encoder.encode(labels[i : i + 256]).whole for i in range(0, len(labels), 256)])
        """(N, 384)"""
        self.encoder = encoder

    def requests(self, rng: Random) -> tuple[list[str], list[int]]:
        """What people may say, and the numbers of the labels that are meant."""
        numbers = [rng.randrange(len(self.known)) for _ in range(SAID)]
        return [_said(self.known[number], rng).lower() for number in numbers], numbers


def _said(wording: Wording, rng: Random) -> str:
    k, icon = rng.random(), wording.role == "icon"
    role = "button" if icon else wording.role
    if k < 0.7:
        return rng.choice(wording.words)
    return phrases.phrase(rng.choice(wording.words) if k < 0.82 else wording.label, role, icon, rng)


def loss_of(vectors: Tensor, numbers: Sequence[int], labels: Tensor, rng: Random) -> Tensor:
    """How far requests (N, 384) are from choosing their labels among rivals."""
    rivals = torch.tensor(sorted({*rng.sample(range(len(labels)), min(RIVALS, len(labels))), *numbers}))
    own = labels[torch.tensor(numbers)]
    cosines = vectors @ labels[rivals].T
    same = own @ labels[rivals].T > ALIKE
    right = rivals[None] == torch.tensor(numbers)[:, None]
    return F.cross_entropy((cosines / SHARP).masked_fill(same & ~right, -1e4), right.float().argmax(1))


@torch.no_grad()
def nearest(encoder: meaning.MeaningEncoder, labels: Tensor, known: Sequence[Wording], seed: int = 0) -> float:
    """Share of requests whose label is the nearest of ON_A_PAGE; labels: (N, 384) as screens have them."""
    rng, hits = Random(seed), []
    for number, wording in enumerate(known):
        others = rng.sample(range(len(known)), ON_A_PAGE)
        rivals = [other for other in others if float(labels[other] @ labels[number]) < ALIKE][: ON_A_PAGE - 1]
        vectors = encoder.encode([words.lower() for words in wording.words]).whole
        best = (vectors @ labels[[number, *rivals]].T).argmax(1)
        hits += (best == 0).tolist()
    return sum(hits) / len(hits)


def texts_of(screens: Path, count: int, rng: Random) -> list[str]:
    """Names and lines of so many screens."""
    files = sorted(screens.glob("*.json"))
    found: set[str] = set()
    for file in rng.sample(files, min(len(files), count)):
        screen = json.loads(file.read_text())
        found |= {run.text.lower() for run in scenes.runs_of(screen["words"]) if len(run.text) < 60}
        found |= {name.lower() for element in screen["els"] for name in scenes.names_of(element)}
    return sorted(found)


class Tuning:
    """Owns the encoder in training, its optimiser and its checkpoint."""

    def __init__(self, speech: Speech, out: Path, rate: float) -> None:
        self.speech, self.out, self.rate, self.steps = speech, out, rate, 0
        self.encoder = meaning.MeaningEncoder()
        self.learning = {name: value for name, value in self.encoder.w.items() if name.startswith("encoder.layer.")}
        for value in self.learning.values():
            value.requires_grad_()
        self.optimiser = torch.optim.AdamW(self.learning.values(), rate, betas=(0.9, 0.98), weight_decay=0.01)

    @property
    def file(self) -> Path:
        return self.out.with_suffix(".pt")

    def resume(self) -> None:
        state = torch.load(self.file, weights_only=True)
        with torch.no_grad():
            for name, value in state["learning"].items():
                self.learning[name].copy_(value)
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = state["steps"]

    def save(self) -> None:
        state = {"learning": self.learning, "optimiser": self.optimiser.state_dict(), "steps": self.steps}
        torch.save(state, self.file.with_suffix(".tmp"))
        self.file.with_suffix(".tmp").replace(self.file)
        meaning.write({name: value.detach() for name, value in self.encoder.w.items()}, self.out)

    def step(self, rng: Random, rate: float) -> tuple[float, float]:
        """The losses of saying and of staying."""
        said, numbers = self.speech.requests(rng)
        known = [wording.label.lower() for wording in rng.choices(self.speech.known, k=STAYING // 3)]
        stay = known + rng.choices(self.speech.texts, k=STAYING - len(known))
        before = self.speech.encoder.encode(stay).whole
        now = self.encoder.learned(said + stay)
        choice = loss_of(now[: len(said)], numbers, self.speech.labels, rng)
        moved = (1 - (now[len(said) :] * before).sum(1)).mean()
        self.optimiser.zero_grad(set_to_none=True)
        (choice + STAY * moved).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.learning.values(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.steps += 1
        return choice.item(), moved.item()

    def run(self, minutes: float, held: Sequence[Wording], labels: Tensor) -> None:
        start, rng, mean = time.monotonic(), Random(self.steps), [0.0, 0.0]
        first = self.steps
        while (done := (time.monotonic() - start) / (60 * minutes)) < 1:
            rise = min(1.0, (self.steps - first + 1) / 30)
            losses = self.step(rng, self.rate * rise * min(1.0, (1 - done) / 0.7))
            mean = [0.95 * m + 0.05 * new if m else new for m, new in zip(mean, losses, strict=True)]
            if self.steps % 50 == 0:
                rate = nearest(self.encoder, labels[::GLANCE], held[::GLANCE])
                about = {"step": self.steps, "min": round(done * minutes, 1), "said": round(mean[0], 3)}
                print(json.dumps(about | {"moved": round(mean[1], 4), "held out": round(rate, 4)}), flush=True)
            if self.steps % 200 == 0:
                self.save()
        self.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--out", type=Path, required=True, help="meaning.safetensors")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    before, held = meaning.MeaningEncoder(), wordings(held_out=True)
    speech = Speech(wordings(held_out=False), texts_of(args.screens, 600, Random(0)), before)
    labels = before.encode([wording.label.lower() for wording in held]).whole
    count = sum(len(wording.words) for wording in held)
    print(f"{len(speech.known)} labels, {len(speech.texts)} texts; held out: {nearest(before, labels, held):.4f} of {count}", flush=True)  # fmt: skip
    tuning = Tuning(speech, args.out, args.rate)
    if args.resume and tuning.file.exists():
        tuning.resume()
    tuning.run(args.minutes, held, labels)
    print(f"held out: {nearest(meaning.MeaningEncoder(args.out), labels, held):.4f} of {count}, as written")


if __name__ == "__main__":
    main()
