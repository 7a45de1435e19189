"""Trains deixis-nano on rendered screens; it stops when the minutes are over and resumes from its last checkpoint.

    python -m deixis.vlm.train --screens DIR --minutes N [--resume] [--stage read|point] [--out DIR]

Stage `read` teaches the stem letters and words (no transformer yet: it is cheap), stage `point` everything. The trainer
pauses while the file PAUSE lies in its folder, so that others can take timings on a quiet machine.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from deixis.vlm import checkpoint
from deixis.vlm.config import NanoConfig
from deixis.vlm.data import IGNORE, Example, Examples, Limits
from deixis.vlm.model import Nano, questions
from deixis.vlm.optim import Muon


class Losses(NamedTuple):
    """Losses and rates of one step, for the log."""

    letters: Tensor
    names: Tensor
    asked: Tensor
    letter_rate: float
    name_rate: float
    asked_rate: float


def placed(logits: Tensor, places: Tensor) -> tuple[Tensor, float]:
    """Cross-entropy (Q, P) of being anywhere in the places (Q, P) bool, and how often the best cell is in them.

    The loss is minus the log of the summed probability, halved with the mean log over the places: the first lets the
    model choose where in the box it looks, the second keeps it from betting on one cell.
    """
    logp = logits.float().log_softmax(-1)
    inside = logp.masked_fill(~places, float("-inf")).logsumexp(-1)
    spread = (logp * places).sum(-1) / places.sum(-1)
    best = logits.argmax(-1, keepdim=True)
    return -(0.7 * inside + 0.3 * spread).mean(), places.gather(1, best).float().mean().item()


def letter_loss(model: Nano, cells: Tensor, letters: Tensor) -> tuple[Tensor, float]:
    """Cross-entropy of the character at each half cell; of the blank ones, only as many as there are letters."""
    batch, rows, columns, _ = cells.shape
    truth = letters.view(batch, rows, columns, 2)
    written = truth > 0
    wanted = written.any(-1)
    share = wanted.float().mean().item()
    wanted = wanted | ((truth == 0).all(-1) & (torch.rand(batch, rows, columns) < share))
    logits = model.read_head(cells[wanted]).view(-1, 2, model.config.characters)
    loss = F.cross_entropy(logits.flatten(0, 1), truth[wanted].flatten(), ignore_index=IGNORE)
    right = logits.argmax(-1)[written[wanted]] == truth[wanted][written[wanted]]
    return loss, right.float().mean().item()


def step(model: Nano, batch: list[Example], stage: str) -> Losses:
    """Forward pass over a few tiles; the losses are means over tiles.

    Tiles that are nothing but text teach the stem only: layout and questions have nothing to learn from them.
    """
    batch = sorted(batch, key=lambda example: example.dense)
    full = [e for e in batch if not e.dense] if stage == "point" else []
    cells = model.stem(torch.stack([e.tile for e in batch]))
    letters, letter_rate = letter_loss(model, cells, torch.stack([e.letters for e in batch]))
    names, rates = [], []
    text, context, asked, asked_rate = (
        _full(model, full, cells[: len(full)]) if full else (None, None, torch.zeros(()), 0.0)
    )
    local, _ = model.connector.keys(cells[len(full) :], None)
    for i, example in enumerate(batch):
        keys = text[i] if text is not None and i < len(full) else local[i - len(full)]
        loss, rate = placed(model.scores(model.spelled(example.codes), None, keys.flatten(0, 1), None), example.places)
        names.append(loss)
        rates.append(rate)
    return Losses(letters, torch.stack(names).mean(), asked, letter_rate, sum(rates) / len(rates), asked_rate)


def _full(model: Nano, batch: list[Example], cells: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
    """Transformer, connector and decoder on tiles of screens: both kinds of keys, loss and hit rate of sentences."""
    overview, origin = torch.stack([e.overview for e in batch]), torch.stack([e.origin for e in batch])
    scale = torch.tensor([e.scale for e in batch])
    tokens, whole = model.vit(cells, model.stem(overview), origin, scale)
    text, context = model.connector.keys(cells, tokens)
    assert context is not None
    prefix = torch.cat([model.connector.prefix(tokens, origin), model.connector.whole(whole)], 1)
    losses, rates = [], []
    for i, example in enumerate(batch):
        question = questions(example.texts, model.config.decoder.max_bytes)
        query, about, absent = model.queries(question, model.decoder.look(prefix[i : i + 1]))
        logits = model.scores(query, about, text[i].flatten(0, 1), context[i].flatten(0, 1))
        loss, rate = placed(torch.cat([logits, absent[:, None]], 1), example.answers)
        losses.append(loss)
        rates.append(rate)
    return text, context, torch.stack(losses).mean(), sum(rates) / len(rates)


class Trainer:
    """Owns model, optimiser and checkpoint of one run."""

    def __init__(self, out: Path, config: NanoConfig, rate: float) -> None:
        self.out, self.rate = out, rate
        out.mkdir(parents=True, exist_ok=True)
        self.model = Nano(config)
        self.optimiser = Muon(self.model, rate)
        self.steps = 0

    @property
    def file(self) -> Path:
        return self.out / "last.pt"

    def resume(self, keep_optimiser: bool) -> None:
        """Takes up the last checkpoint; a file half written is never seen, since saving renames."""
        state = torch.load(self.file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.steps = state["steps"]
        if keep_optimiser:
            self.optimiser.load_state_dict(state["optimiser"])

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "steps": self.steps}
        torch.save(state, self.file.with_suffix(".tmp"))
        self.file.with_suffix(".tmp").replace(self.file)

    def run(self, examples: Examples, stage: str, minutes: float) -> None:
        """Trains for some minutes: short warm-up, constant, linear fall over the last 40 %."""
        loader = iter(DataLoader(examples, batch_size=None, num_workers=1, prefetch_factor=4))
        start, first, seen, mean = time.monotonic(), self.steps, time.monotonic(), None
        while (done := (time.monotonic() - start) / (60 * minutes)) < 1:
            while (self.out / "PAUSE").exists():
                time.sleep(1)
                start += 1
            fall = min(1.0, (1 - done) / 0.4) * 0.95 + 0.05
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate * min(1.0, (self.steps - first + 1) / 100) * fall
            losses = step(self.model, next(loader), stage)
            total = losses.letters + losses.names + losses.asked
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.steps += 1
            now = [float(torch.as_tensor(value).detach()) for value in losses]
            mean = now if mean is None else [0.95 * a + 0.05 * b for a, b in zip(mean, now, strict=True)]
            if self.steps % 20 == 0:
                speed = (time.monotonic() - seen) / 20
                seen = time.monotonic()
                print(
                    json.dumps(
                        {
                            "step": self.steps,
                            "min": round((seen - start) / 60, 1),
                            "s": round(speed, 2),
                            **dict(zip(Losses._fields, [round(v, 3) for v in mean], strict=True)),
                        }
                    ),
                    flush=True,
                )
            if self.steps % 100 == 0:
                self.save()
        self.save()
        checkpoint.save(self.model, self.model.config, self.out / checkpoint.EMBEDDED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--stage", choices=["read", "point"], default="point")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--tiles", type=int, default=4)
    parser.add_argument("--dense", type=float, default=0.0, help="share of tiles drawn full of text")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument(
        "--fresh", action="store_true", help="with --resume: keep the weights, forget the optimiser's state"
    )
    parser.add_argument("--start", type=Path, help="weights (.safetensors) to go on from, instead of a checkpoint")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = NanoConfig()
    trainer = Trainer(args.out, config, args.rate)
    if args.start:
        trainer.model.load_state_dict(checkpoint.load(args.start).state_dict())
    if args.resume:
        trainer.resume(keep_optimiser=not args.fresh)
    torch.manual_seed(trainer.steps)
    trainer.run(
        Examples(args.screens, config, Limits(), seed=trainer.steps, tiles=args.tiles, dense=args.dense),
        args.stage,
        args.minutes,
    )


if __name__ == "__main__":
    main()
