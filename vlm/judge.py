"""Teaches the parts that weigh evidence what it looks like in use, where names are proof-read; seconds of training.

    python -m deixis.vlm.judge --screens DIR --weights FILE [--count N]

In training, how well a name fits is what the text keys say of it; in use it is what the line reader read, which is far
more certain. So the gate and the head for "absent" are fitted once more, to questions about whole training screens
answered by the whole pointer, with everything else held. Knows nothing of how places are found.
"""

import argparse
import copy
import json
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from deixis.vlm import ask, checkpoint
from deixis.vlm.calibrate import questions
from deixis.vlm.data import places_of
from deixis.vlm.model import SIGNS, Nano, Scores, Signs
from deixis.vlm.pointer import AT_ONCE, NanoPointer
from deixis.vlm.vit import STRIDE

PARTS = ("gate", "role", "trust", "absent")
"""What is fitted."""
ALIKE = (1.9, -3.3)
"""What the expert of labels alike is trusted more, and how that changes with what was read. Training knows few of the
other words that people use, and would teach the gate to leave that expert alone; chosen on the choosing half."""
CONTROLS = 0.4
"""Share of screens that are full of controls: what is beside a name is the hardest to weigh."""


class Cases:
    """Questions as the judging parts see them."""

    def __init__(self) -> None:
        self.signs: list[Signs] = []
        self.fits: list[Tensor] = []
        self.inside: list[Tensor] = []
        """(Q, EXPERTS) log-probability that each expert gives to the places of the target."""
        self.absent: list[Tensor] = []

    def add(self, scores: Scores, asks: list[ask.Ask], shape: tuple[int, int]) -> None:
        boxes = [list(one.boxes) for one in asks]
        places = places_of(boxes, *shape)
        self.signs.append(scores.signs)
        self.fits.append(scores.fits)
        self.inside.append(scores.placed.masked_fill(~places[:, None], -30.0).logsumexp(2))
        self.absent.append(torch.tensor([float(one.absent) for one in asks]))

    def tensors(self) -> tuple[Signs, Tensor, Tensor, Tensor]:
        signs = Signs(*(torch.cat(parts) for parts in zip(*self.signs, strict=True)))
        return signs, torch.cat(self.fits), torch.cat(self.inside), torch.cat(self.absent)


def losses(model: Nano, cases: tuple[Signs, Tensor, Tensor, Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
    """Minus the log-likelihood of being at the right place (present targets), and of being there at all."""
    signs, fits, inside, absent = cases
    signs = Signs(*(part[rows] for part in signs))
    there = absent[rows] < 0.5
    where = -(model.weights(signs) + inside[rows]).logsumexp(1)[there].mean()
    return where, F.binary_cross_entropy_with_logits(model.gone(signs, fits[rows]), absent[rows])


def fit(model: Nano, cases: tuple[Signs, Tensor, Tensor, Tensor], steps: int = 1500, rate: float = 2e-3) -> None:
    """Adam with weight decay towards where it began, on nine tenths; the best step on the rest is kept."""
    parameters = [p for name, p in model.named_parameters() if name.split(".")[0] in PARTS]
    began = [p.detach().clone() for p in parameters]
    order = torch.randperm(len(cases[3]), generator=torch.Generator().manual_seed(0))
    kept, taught = order[: len(order) // 10], order[len(order) // 10 :]
    optimiser, best = torch.optim.Adam(parameters, rate), (float("inf"), copy.deepcopy(model.state_dict()))
    for step in range(steps + 1):
        if step % 20 == 0:
            with torch.no_grad():
                where, gone = (float(loss) for loss in losses(model, cases, kept))
            if where + gone < best[0]:
                best = where + gone, copy.deepcopy(model.state_dict())
            if step % 100 == 0:
                print(json.dumps({"step": step, "place": round(where, 4), "absent": round(gone, 4)}), flush=True)
        rows = taught[torch.randint(len(taught), (512,))]
        pull = sum(((p - q) ** 2).sum() for p, q in zip(parameters, began, strict=True))
        where_now, gone_now = losses(model, cases, rows)
        loss = where_now + gone_now + 1e-3 * pull
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.load_state_dict(best[1])


def trust_alike(model: Nano) -> None:
    """Gives labels alike what the questions of training cannot: the less of the name was read, the more."""
    with torch.no_grad():
        model.trust.bias[1] += ALIKE[0]
        model.trust.weight[1, SIGNS - 1] += ALIKE[1]


def chosen(folder: Path, count: int, rng: Random) -> list[Path]:
    files = sorted(folder.glob("*.json"))
    controls = [file for file in files if file.name.startswith("controls-")]
    some = rng.sample(controls, min(len(controls), int(count * CONTROLS)))
    return some + rng.sample(files, min(len(files), count - len(some)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150, help="how many screens")
    args = parser.parse_args()
    pointer, cases = NanoPointer(args.weights), Cases()
    for n, (shot, asks) in enumerate(questions(chosen(args.screens, args.count, Random(0)), seed=1), 1):
        for first in range(0, len(asks), AT_ONCE):
            some = asks[first : first + AT_ONCE]
            shape = -(-shot.height // STRIDE), -(-shot.width // STRIDE)
            cases.add(pointer.scores(shot, [ask.uncounted(one) for one in some]), some, shape)
        if n % 10 == 0:
            print(json.dumps({"screens": n, "questions": sum(map(len, cases.absent))}), flush=True)
    fit(pointer.model.requires_grad_(True), cases.tensors())
    trust_alike(pointer.model)
    checkpoint.save(pointer.model, pointer.model.config, args.weights)


if __name__ == "__main__":
    main()
