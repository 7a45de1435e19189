"""Trains the line reader on drawn lines and on lines cut from rendered screens; resumes from its last checkpoint.

    python -m deixis.vlm.train_reader --screens DIR --fonts DIR --minutes N [--resume] [--out DIR]

Lines are cut with margins that are never quite right, as they are when the model finds them itself.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from deixis.vlm import checkpoint
from deixis.vlm.ask import runs_of
from deixis.vlm.data import Screens
from deixis.vlm.dense import font_files
from deixis.vlm.optim import Muon
from deixis.vlm.reader import LONGEST, STEP, ReaderConfig, Strips, decode, encode, strip_of
from deixis.vlm.words import Words

LETTERS = 48
"""Longer lines are left out."""
SIZES = (9, 10, 11, 12, 12, 13, 13, 14, 14, 15, 16, 16, 18, 20, 24, 28, 36)


class Lines(NamedTuple):
    """Lines of one batch, padded to the longest."""

    strips: Tensor
    """(B, 1, 32, W)"""
    widths: Tensor
    """(B,) outputs that belong to each line"""
    texts: list[str]


def line_text(words: Words, rng: Random) -> str:
    """What stands on a line of a page, of at most LETTERS letters."""
    kinds = (
        words.label,
        words.field,
        words.option,
        words.value,
        words.value,
        lambda: words.title(1, 5),
        lambda: words.sentence(3, 9),
        lambda: f"{words.field()}: {words.value()}",
    )
    return str(rng.choice(kinds)())[:LETTERS].strip() or "x"


def drawn(rng: Random, words: Words, fonts: list[str]) -> tuple[Image.Image, str]:
    """A line in a random font on a plain ground."""
    text = line_text(words, rng)
    text = text.upper() if rng.random() < 0.06 else text
    text = encoded_only(text)
    font = ImageFont.truetype(rng.choice(fonts), rng.choice(SIZES), layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = font.getbbox(text)
    high = max(bottom, sum(font.getmetrics()))
    margins = [rng.randint(0, 6), rng.randint(-2, 4), rng.randint(0, 8), rng.randint(-2, 4)]
    size = (max(4, int(right - left) + margins[0] + margins[2]), max(6, int(high) + margins[1] + margins[3]))
    dark = rng.random() < 0.3
    grounds, inks = (
        (rng.randint(0, 110), rng.randint(150, 255)) if dark else (rng.randint(170, 255), rng.randint(0, 130))
    )

    def tint(v: int) -> tuple[int, int, int]:
        r, g, b = (min(255, max(0, v + rng.randint(-30, 30))) for _ in range(3))
        return r, g, b

    image = Image.new("RGB", size, tint(grounds))
    ImageDraw.Draw(image).text((margins[0] - left, margins[1]), text, font=font, fill=tint(inks))
    return image, text


def encoded_only(text: str) -> str:
    """The text without what cannot be read, spaces single."""
    symbols = set(ReaderConfig().symbols)
    return " ".join("".join(c if c in symbols else " " for c in text).split()) or "x"


class LineBatches(IterableDataset[Lines]):
    """Endless batches, half drawn, half cut from screens."""

    def __init__(self, folder: Path | None, fonts: Path | None, seed: int, size: int) -> None:
        self.screens = Screens(folder) if folder else None
        self.fonts, self.seed, self.size = fonts, seed, size

    def __iter__(self) -> Iterator[Lines]:
        rng = Random(self.seed)
        pool: list[tuple[Image.Image, str]] = []
        while True:
            while len(pool) < self.size * 8:
                pool += self.cut(rng) if self.screens and rng.random() < 0.25 else self.some(rng)
            pool = [one for one in pool if one[0].width * 32 / one[0].height < LONGEST]
            pool.sort(key=lambda one: one[0].width / one[0].height)  # alike widths together: less padding
            start = rng.randrange(max(1, len(pool) - self.size))
            chosen = pool[start : start + self.size]
            del pool[start : start + self.size]
            yield batch_of(chosen)

    def some(self, rng: Random) -> list[tuple[Image.Image, str]]:
        words, fonts = Words(rng), font_files(self.fonts)
        return [drawn(rng, words, fonts) for _ in range(12)]

    def cut(self, rng: Random) -> list[tuple[Image.Image, str]]:
        """Lines of one rendered screen, with margins."""
        assert self.screens
        image, screen = self.screens.open(rng.choice(self.screens.files))
        out = []
        runs = runs_of(screen["words"])
        for run in rng.sample(runs, min(len(runs), 14)):
            x0, y0, x1, y1 = run.box
            text = encoded_only(run.text)
            if text != " ".join(run.text.split()) or len(text) > LETTERS or y1 - y0 < 8:
                continue
            slack = (y1 - y0) * 0.12
            frame = (
                x0 - rng.randint(0, 6),
                y0 + rng.uniform(-slack, slack),
                x1 + rng.randint(0, 6),
                y1 + rng.uniform(-slack, slack),
            )
            out.append((image.crop(tuple(round(v) for v in frame)), text))  # type: ignore[arg-type]
        return out


def batch_of(lines: list[tuple[Image.Image, str]]) -> Lines:
    strips = [strip_of(image) for image, _ in lines]
    widest = max(strip.shape[-1] for strip in strips)
    padded = torch.stack([F.pad(strip, (0, widest - strip.shape[-1]), value=-1.0) for strip in strips])
    widths = torch.tensor([strip.shape[-1] // STEP for strip in strips])
    return Lines(padded, widths, [text for _, text in lines])


def loss_of(model: Strips, lines: Lines) -> tuple[Tensor, float]:
    """CTC loss and the share of lines read exactly."""
    symbols = model.config.symbols
    logits = model(lines.strips)
    wanted = [encode(text, symbols) for text in lines.texts]
    loss = F.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1), torch.tensor([k for row in wanted for k in row]), lines.widths,
        torch.tensor([len(row) for row in wanted]), blank=len(symbols), zero_infinity=True,
    )  # fmt: skip
    read = [
        decode(row[:width], symbols).text for row, width in zip(logits.detach(), lines.widths.tolist(), strict=True)
    ]
    return loss, sum(a == b for a, b in zip(read, lines.texts, strict=True)) / len(read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path)
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "reader.pt"
    torch.manual_seed(0)
    model = Strips(ReaderConfig())
    optimiser = Muon(model, args.rate)
    steps = 0
    if args.resume and file.exists():
        state = torch.load(file, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        steps = state["steps"]

    def save() -> None:
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "steps": steps}
        torch.save(state, file.with_suffix(".tmp"))
        file.with_suffix(".tmp").replace(file)
        checkpoint.save_reader(model, args.out / checkpoint.READER)

    loader = iter(
        DataLoader(
            LineBatches(args.screens, args.fonts, steps, args.size), batch_size=None, num_workers=1, prefetch_factor=4
        )
    )
    start, mean, first = time.monotonic(), [0.0, 0.0], steps
    while (done := (time.monotonic() - start) / (60 * args.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1.0, (steps - first + 1) / 100) * (min(1.0, (1 - done) / 0.4) * 0.97 + 0.03)
        loss, rate = loss_of(model, next(loader))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        steps += 1
        mean = (
            [0.97 * a + 0.03 * b for a, b in zip(mean, (loss.item(), rate), strict=True)]
            if steps > first + 1
            else [loss.item(), rate]
        )
        if steps % 50 == 0:
            print(
                json.dumps(
                    {
                        "step": steps,
                        "min": round((time.monotonic() - start) / 60, 1),
                        "loss": round(mean[0], 4),
                        "exact": round(mean[1], 3),
                    }
                ),
                flush=True,
            )
        if steps % 400 == 0:
            save()
    save()


if __name__ == "__main__":
    main()
