"""Trains deixis-nano part by part; each part stops when its minutes are over and resumes from its last checkpoint.

    python -m deixis.vlm.train see    --screens DIR --fonts DIR --minutes N --out DIR     encoder and connector: where things are
    python -m deixis.vlm.train read   --screens DIR --fonts DIR --minutes N --out DIR     the line reader
    python -m deixis.vlm.train draw   --packages DIR --minutes N --out DIR                what drawings mean
    python -m deixis.vlm.train relate --screens DIR --packages DIR --minutes N --out DIR  the decoder

`--start FILE` takes over weights that are there already, `--resume` goes on from the folder's own checkpoint; the result is
`nano.safetensors` in the folder, with all parts in it. The trainer pauses while the file PAUSE lies in its folder, so
that others can take timings on a quiet machine.

    python -m deixis.vlm.train --pages URL|DIR --minutes 20 --out DIR                     your own application

collects pages of a running site (or of a folder of HTML), adapts encoder and decoder of the embedded weights (or of
`--start`) to them, and leaves a file that `--model` takes.
"""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from deixis.browser.errors import UsageError
from deixis.vlm import checkpoint, precision
from deixis.vlm.collect import pages_of
from deixis.vlm.config import NanoConfig
from deixis.vlm.model import Nano
from deixis.vlm.optim import Muon
from deixis.vlm.train_decoder import Relating
from deixis.vlm.train_reader import Reading
from deixis.vlm.train_sight import Sight
from deixis.vlm.train_symbols import Drawing

FALL, WARM = 0.6, 50
"""The learning rate falls over the last part of the time, and rises over the first steps."""
PARTS = 3
"""Weights are kept at the end of each of so many parts of the time, the last ones as `nano.safetensors`, to be averaged (`average`)."""


class Stage(Protocol):
    """One part of the model and what it learns from."""

    parts: Sequence[str]
    """Beginnings of the names of the parameters that learn."""
    shapes: bool
    """Whether few shapes come again and again: bfloat16 has its kernels made anew for every shape it has not met."""

    def examples(self, seed: int) -> IterableDataset[Any]: ...

    def loss(self, model: Nano, batch: Any) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and figures for the log."""
        ...


class Trainer:
    """Owns model, optimiser and checkpoint of one run."""

    def __init__(self, out: Path, model: Nano, stage: Stage, rate: float) -> None:
        self.out, self.model, self.stage, self.rate, self.steps = out, model, stage, rate, 0
        out.mkdir(parents=True, exist_ok=True)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith(tuple(stage.parts)))
        self.optimiser = Muon(model, rate)

    @property
    def file(self) -> Path:
        return self.out / "last.pt"

    def resume(self) -> None:
        """Takes up the last checkpoint; a file half written is never seen, since saving renames."""
        state = torch.load(self.file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = state["steps"]

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "steps": self.steps}
        torch.save(state, self.file.with_suffix(".tmp"))
        self.file.with_suffix(".tmp").replace(self.file)
        checkpoint.save(self.model, self.model.config, self.out / checkpoint.EMBEDDED)

    def learn(self, batch: Any, rate: float) -> dict[str, float]:
        """One step; figures for the log."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with precision.running(precision.fastest() if self.stage.shapes else torch.float32):
            loss, figures = self.stage.loss(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.grad is not None], 1.0)
        self.optimiser.step()
        self.steps += 1
        return {"loss": loss.item()} | figures

    def run(self, minutes: float, workers: int = 1) -> None:
        """Trains for some minutes: short warm-up, constant, linear fall."""
        loader = iter(
            DataLoader(self.stage.examples(self.steps), batch_size=None, num_workers=workers, prefetch_factor=4)
        )
        mean: dict[str, float] = {}
        start = seen = time.monotonic()
        first, kept = self.steps, 0
        self.model.train()
        while (done := (time.monotonic() - start) / (60 * minutes)) < 1:
            while (self.out / "PAUSE").exists():
                time.sleep(1)  # a person's file: nothing tells when it goes
                start += 1
            fall = min(1.0, (1 - done) / FALL) * 0.97 + 0.03
            now = self.learn(next(loader), self.rate * min(1.0, (self.steps - first + 1) / WARM) * fall)
            mean |= {name: 0.96 * mean.get(name, value) + 0.04 * value for name, value in now.items()}
            if self.steps % 20 == 0:
                spent, seen = time.monotonic() - seen, time.monotonic()
                about = {"step": self.steps, "min": round((seen - start) / 60, 1), "s": round(spent / 20, 3)}
                print(json.dumps(about | {name: round(value, 4) for name, value in mean.items()}), flush=True)
            if self.steps % 200 == 0:
                self.save()
            if int(done * PARTS) > kept:
                kept = int(done * PARTS)
                checkpoint.save(self.model, self.model.config, self.out / f"part-{kept}.safetensors")
        self.save()
        self.model.eval()


def take_over(model: Nano, weights: Path) -> list[str]:
    """Copies every tensor of a weights file that fits the model; returns the names of those that start from nothing."""
    with safe_open(weights, "pt") as file:
        stored = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 -- not a dict
    own = model.state_dict()
    fitting = {name: value for name, value in stored.items() if name in own and own[name].shape == value.shape}
    model.load_state_dict(fitting, strict=False)
    return sorted({name.split(".")[0] for name in set(own) - set(fitting)})


SEEING_SHARE, CALM = 0.3, 0.3
"""Of the time for one's own pages, what the encoder gets; and the learning rate there, in that of a training from nothing."""


def adapt(pages: str, start: Path, out: Path, minutes: float, count: int, rate: float) -> int:
    """Collects pages and adapts weights to them, in as many minutes altogether; returns how many pages there were."""
    began = time.monotonic()
    screens = out / "pages"
    taken = pages_of(pages, screens, count)
    if not any(screens.glob("*.json")):
        raise UsageError(
            f"no page of {pages!r} could be opened: is the server running, and may it be read without logging in?"
        )
    left = minutes - (time.monotonic() - began) / 60
    if left < 0.05:
        raise UsageError(
            f"{minutes:g} minutes went by while pages were collected: give --minutes more, or --count less"
        )
    run(Sight(screens, None, 8), start, out / "see", left * SEEING_SHARE, rate * CALM)
    seen = out / "see" / checkpoint.EMBEDDED
    stage = Relating(screens, seen, None, None, out, 6)
    left = minutes - (time.monotonic() - began) / 60
    run(stage, seen, out, max(left, 0.02), rate * CALM)
    return taken


def run(stage: Stage, start: Path | None, out: Path, minutes: float, rate: float, resume: bool = False) -> None:
    """One stage, from weights or from nothing."""
    model = Nano(checkpoint.load(start).config if start else NanoConfig())
    if start:
        print(json.dumps({"from nothing": take_over(model, start)}), flush=True)
    trainer = Trainer(out, model, stage, rate)
    if resume and trainer.file.exists():
        trainer.resume()
    torch.manual_seed(trainer.steps)
    trainer.run(minutes)


def stage_of(args: argparse.Namespace) -> Stage:
    """The stage of that name, with what it learns from."""
    if args.stage == "see":
        return Sight(args.screens, args.fonts, args.size or 8)
    if args.stage == "read":
        return Reading(args.screens, args.fonts, args.size or 64)
    if args.stage == "draw":
        return Drawing(args.packages, args.out, args.size or 256)
    return Relating(args.screens, args.start, args.packages, args.synonyms, args.out, args.size or 6)


NEEDS = {"see": ("screens",), "read": ("screens",), "draw": ("packages",), "relate": ("screens", "packages", "start")}
"""What each stage cannot do without."""


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", nargs="?", choices=sorted(NEEDS), help="without it, --pages")
    parser.add_argument("--pages", help="your own site, a URL or a folder of HTML files")
    parser.add_argument("--count", type=int, default=40, help="with --pages: how many pages")
    parser.add_argument("--screens", type=Path, help="folder that `python -m deixis.vlm.collect` filled")
    parser.add_argument("--fonts", type=Path, help="folder of unpacked @fontsource packages")
    parser.add_argument("--packages", type=Path, help="folder that `python -m deixis.vlm.packages` filled")
    parser.add_argument("--synonyms", type=Path, help="what `python -m deixis.vlm.synonyms` wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--size", type=int, help="tiles, lines, drawings or screens of a batch")
    parser.add_argument("--start", type=Path, help="weights (.safetensors) to go on from")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int, help="without it, as many as torch takes by itself")
    args = parser.parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        if args.stage:
            for name in NEEDS[args.stage]:
                if getattr(args, name) is None:
                    parser.error(f"{args.stage} needs --{name}")
            run(stage_of(args), args.start, args.out, args.minutes, args.rate, args.resume)
        elif args.pages:
            start = args.start or checkpoint.embedded()
            taken = adapt(args.pages, start, args.out, args.minutes, args.count, args.rate)
            print(json.dumps({"pages": taken, "weights": str(args.out / checkpoint.EMBEDDED)}))
        else:
            parser.error("name a stage, or give --pages URL|DIR")
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
