"""Trains deixis-nano on rendered screens; it stops when the minutes are over and resumes from its last checkpoint.

    python -m deixis.vlm.train --screens DIR --minutes N [--resume] [--out DIR]

    python -m deixis.vlm.train --pages URL|DIR --minutes 20 --rate 3e-4 --out mine   (your own application; then --model mine/nano.safetensors)

Begin with `--tiles 0 --dense 6`: nothing but tiles full of text, which teaches the stem letters and words and is cheap;
then screens, with tiles full of text in every third batch: the stem learns from these batches only. The trainer pauses while the file PAUSE lies in its folder, so that others can take timings on a quiet
machine.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor
from torch.utils.data import DataLoader

from deixis.vlm import ask, checkpoint, match, meaning
from deixis.vlm.collect import pages_of
from deixis.vlm.config import NanoConfig
from deixis.vlm.data import IGNORE, Batch, Dense, Examples, Limits, Names, Part, Sources
from deixis.vlm.model import MEANT_SHARPNESS, Nano
from deixis.vlm.optim import Muon


class Losses(NamedTuple):
    """Losses and rates of one step, for the log."""

    letters: Tensor
    words: Tensor
    names: Tensor
    meant: Tensor
    asked: Tensor
    anchors: Tensor
    letter_rate: float
    word_rate: float
    name_rate: float
    meant_rate: float
    asked_rate: float
    anchor_rate: float = 0.0
    kinds: dict[str, float] = {}
    """How often questions of each kind hit."""


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
    truth = letters.view(*cells.shape[:-1], 2)
    written = truth > 0
    wanted = written.any(-1)
    share = wanted.float().mean().item()
    wanted = wanted | ((truth == 0).all(-1) & (torch.rand(wanted.shape) < share))
    if not written.any():
        return cells.sum() * 0, 0.0
    logits = model.read_head(cells[wanted]).view(-1, 2, model.config.characters)
    loss = F.cross_entropy(logits.flatten(0, 1), truth[wanted].flatten(), ignore_index=IGNORE)
    right = logits.argmax(-1)[written[wanted]] == truth[wanted][written[wanted]]
    return loss, right.float().mean().item()


def words_at(model: Nano, words: Names, keys: Tensor) -> tuple[Tensor, float]:
    """Single words against text keys (H, W, T), some of them nowhere: so a word that is there is told from one that is not."""
    if not len(words.codes):
        return keys.sum() * 0, 0.0
    fits = model.spelled(words.codes[:, 0]) @ keys.flatten(0, 1).T * model.sharpness.exp()
    return placed(torch.cat([fits, model.nowhere.expand(len(fits), 1)], 1), words.places)


def names_at(model: Nano, names: Names, keys: Tensor) -> tuple[Tensor, float]:
    """Names of several words against text keys (H, W, T)."""
    if not len(names.codes):
        return keys.sum() * 0, 0.0
    fit = match.Match(model.spelled(names.codes), names.weights, keys).fit
    return placed(fit * model.sharpness.exp(), names.places)


def text_losses(model: Nano, dense: list[Dense]) -> list[Losses]:
    """Tiles that are nothing but text teach the stem only: layout and questions have nothing to learn from them."""
    if not dense:
        return []
    cells = model.stem(torch.stack([d.tile for d in dense]))
    letters, letter_rate = letter_loss(model, cells, torch.stack([d.written.letters for d in dense]))
    out, zero = [], torch.zeros(())
    for example, keys in zip(dense, model.connector.local(cells), strict=True):
        words, word_rate = words_at(model, example.written.words, keys)
        names, name_rate = names_at(model, example.written.names, keys)
        out.append(Losses(letters, words, names, zero, zero, zero, letter_rate, word_rate, name_rate, 0.0, 0.0))
    return out


def part_losses(model: Nano, part: Part) -> Losses:
    """Everything a part of a screen teaches."""
    page = model.encode(part.page)
    letters, letter_rate = letter_loss(model, page.cells, part.written.letters)
    words, word_rate = words_at(model, part.written.words, page.keys.text)
    names, name_rate = names_at(model, part.written.names, page.keys.text)
    meant, meant_rate = torch.zeros(()), 0.0
    if part.meant:
        meant, meant_rate = placed(
            model.means(meaning.of_names(part.meant)) @ page.keys.meaning.flatten(0, 1).T * MEANT_SHARPNESS,
            part.meant_places,
        )
    # Half of the time the anchors are told, so that where a thing lies from them can be learned before they are found.
    told = part.anchors if torch.rand(()) < 0.5 else None
    scores = model.point(page, [ask.uncounted(q) for q in part.asks], told)
    cells = scores.cells
    asked, _ = placed(cells, part.answers)
    tied = part.anchors.any(1)
    anchors, anchor_rate = placed(scores.anchor[tied], part.anchors[tied]) if tied.any() else (torch.zeros(()), 0.0)
    places, gone = cells[:, :-1].argmax(1, keepdim=True), cells[:, -1] > math.log(0.5)
    right = torch.where(part.answers[:, -1], gone, part.answers.gather(1, places)[:, 0]).tolist()
    by_kind: dict[str, list[bool]] = {}
    for question, hit in zip(part.asks, right, strict=True):
        by_kind.setdefault(question.kind, []).append(hit)
    kinds = {kind: sum(hits) / len(hits) for kind, hits in by_kind.items()}
    return Losses(
        letters, words, names, meant, asked, anchors, letter_rate, word_rate, name_rate, meant_rate,
        sum(right) / len(right), anchor_rate, kinds,
    )  # fmt: skip


WEIGHTS = {"letters": 1.0, "words": 1.0, "names": 0.7, "meant": 0.5, "asked": 1.5, "anchors": 0.3}


def step(model: Nano, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Forward pass over a batch: the loss, and means of its pieces for the log (those of text tiles under `text_`)."""
    parts, dense = [part_losses(model, part) for part in batch.parts], text_losses(model, batch.dense)
    sizes = [len(part.page.plan) for part in batch.parts] + [1] * len(dense)
    total = torch.zeros(())
    for size, losses in zip(sizes, parts + dense, strict=True):
        for name, weight in WEIGHTS.items():
            total = total + weight * size / sum(sizes) * getattr(losses, name)
    log = {}
    for prefix, group in (("", parts), ("text_", dense)):
        for name in (
            Losses._fields[:-1] if group and not prefix else ("letter_rate", "word_rate", "name_rate") if group else ()
        ):
            log[prefix + name] = sum(float(torch.as_tensor(getattr(one, name)).detach()) for one in group) / len(group)
    for losses in parts:
        log |= {f"asked_{kind}": rate for kind, rate in losses.kinds.items()}
    return total, log


class Trainer:
    """Owns model, optimiser and checkpoint of one run."""

    def __init__(self, out: Path, config: NanoConfig, rate: float, hold: Sequence[str] = ()) -> None:
        """`hold`: beginnings of the names of parameters that stay as they are."""
        self.out, self.rate = out, rate
        out.mkdir(parents=True, exist_ok=True)
        self.model = Nano(config)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not name.startswith(tuple(hold)))
        self.optimiser = Muon(self.model, rate)
        self.hold_stem = "stem" in hold
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

    def learn(self, batch: Batch, rate: float) -> dict[str, float]:
        """One step; figures for the log.

        Reading is what the noisy losses of questions cost first: the stem learns only beside tiles full of text, and the
        steps between are twice as fast.
        """
        self.model.stem.requires_grad_(bool(batch.dense) and not self.hold_stem)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        total, figures = step(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        return figures

    def run(self, examples: Examples, minutes: float) -> None:
        """Trains for some minutes: short warm-up, constant, linear fall over the last 60 %."""
        loader = iter(DataLoader(examples, batch_size=None, num_workers=1, prefetch_factor=4))
        mean: dict[str, float]
        start, first, seen, mean = time.monotonic(), self.steps, time.monotonic(), {}
        while (done := (time.monotonic() - start) / (60 * minutes)) < 1:
            while (self.out / "PAUSE").exists():
                time.sleep(1)
                start += 1
            fall = min(1.0, (1 - done) / 0.6) * 0.95 + 0.05
            now = self.learn(next(loader), self.rate * min(1.0, (self.steps - first + 1) / 50) * fall)
            mean |= {name: 0.95 * mean.get(name, value) + 0.05 * value for name, value in now.items()}
            if self.steps % 20 == 0:
                speed = (time.monotonic() - seen) / 20
                seen = time.monotonic()
                print(
                    json.dumps(
                        {
                            "step": self.steps,
                            "min": round((seen - start) / 60, 1),
                            "s": round(speed, 2),
                            **{name: round(value, 3) for name, value in mean.items()},
                        }
                    ),
                    flush=True,
                )
            if self.steps % 50 == 0:
                self.save()
        self.save()
        checkpoint.save(self.model, self.model.config, self.out / checkpoint.EMBEDDED)


def take_over(model: Nano, weights: Path) -> list[str]:
    """Copies every tensor of a weights file that fits the model; returns the names of those that start from nothing."""
    with safe_open(weights, "pt") as file:
        stored = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 -- not a dict
    own = model.state_dict()
    fitting = {name: value for name, value in stored.items() if name in own and own[name].shape == value.shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(set(own) - set(fitting))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, help="folder that `python -m deixis.vlm.collect` filled")
    parser.add_argument("--pages", help="your own site, a URL or a folder: its pages are collected first, then learned")
    parser.add_argument("--count", type=int, default=40, help="with --pages: how many pages")
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--tiles", type=int, default=4, help="tiles of screens in a batch")
    parser.add_argument("--dense", type=int, default=2, help="tiles full of text in every third batch")
    parser.add_argument(
        "--fonts", type=Path, help="folder of unpacked @fontsource packages, for the tiles full of text"
    )
    parser.add_argument("--synonyms", type=Path, help="what `python -m deixis.vlm.synonyms` wrote")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument(
        "--fresh", action="store_true", help="with --resume: keep the weights, forget the optimiser's state"
    )
    parser.add_argument("--start", type=Path, help="weights (.safetensors) to go on from, instead of a checkpoint")
    parser.add_argument(
        "--hold", nargs="*", default=[], help="parts that stay as they are, by the beginning of their names: new heads need a calm encoder"
    )  # fmt: skip
    parser.add_argument("--questions", type=int, default=12, help="questions about a part with one tile")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.pages:
        args.start, args.screens = args.start or checkpoint.embedded(), args.screens or args.out / "pages"
        taken = pages_of(args.pages, args.screens, args.count)
        print(json.dumps({"pages": taken, "screens": len(list(args.screens.glob("*.json")))}), flush=True)
    if not args.screens:
        parser.error("give --screens DIR, or --pages URL|DIR")
    config = checkpoint.load(args.start).config if args.pages else NanoConfig()
    trainer = Trainer(args.out, config, args.rate, args.hold)
    if args.start and not (args.resume and trainer.file.exists()):
        new = take_over(trainer.model, args.start)
        print(json.dumps({"from nothing": new}), flush=True)
    elif args.resume and trainer.file.exists():
        trainer.resume(keep_optimiser=not args.fresh)
    torch.manual_seed(trainer.steps)
    synonyms = json.loads(args.synonyms.read_text()) if args.synonyms else {}
    sources = Sources(args.screens, args.fonts, synonyms)
    limits = Limits(questions=args.questions)
    examples = Examples(sources, config, limits, trainer.steps, tiles=args.tiles, dense=args.dense)
    trainer.run(examples, args.minutes)


if __name__ == "__main__":
    main()
