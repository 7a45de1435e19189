"""Makes confidences mean what they say: fits them on held-out pages of the training families.

    python -m deixis.vlm.calibrate --screens DIR --weights FILE

Asks for elements that are there and for names that are not (one in five), also in people's words for labels that training
has not seen, put in place on the screens; of the screens that are fitted to, once more with elements lost and unsure, as
they are on pages less like training's. Fits the judge of answers (`judge`) and the line that turns what it says into the
rate of hits. The threshold of "found" is what 96.5 % of the hits reach: a wrong
point is caught by the gate and by verification more often than a lost target is found again. Both go into the metadata
of the weights file.
"""

import argparse
import json
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from deixis.browser.types import Box
from deixis.vlm import ask, checkpoint, counting, scenes
from deixis.vlm.judge import Judge, fitted
from deixis.vlm.pointer import NanoPointer, Weighed
from deixis.vlm.sheet import Sheet, Wording, wordings
from deixis.vlm.spelling import fold
from deixis.vlm.things import gathered
from deixis.vlm.train_decoder import findable

ABSENT = 0.2
CALLED = 6
"""Labels of a screen that are changed, and asked for in people's words."""
MEASURED = 3
"""Every so many-th page is measured on, the others are fitted to."""


class Asked(NamedTuple):
    """Confidence and whether a click there would have hit."""

    mass: float
    hit: bool
    there: bool = True
    """Whether it is on the screen at all."""
    signs: tuple[float, ...] = ()
    """What the judge goes by."""


def _some(seen: scenes.Scene, rng: Random) -> list[ask.Ask]:
    """Questions of all kinds about a screen, as training asks them."""
    some = [q for e in rng.sample(seen.elements, min(16, len(seen.elements))) if (q := ask.about(e, seen, rng))]
    some += [q for _ in range(2) if (q := ask.value(seen, rng))]
    some += [q for _ in range(2) if (q := ask.by_kind(seen, rng))]
    return some + [q for _ in range(2) if (q := ask.written(seen, rng))]


def _called(sheet: Sheet, known: list[Wording], rng: Random) -> list[ask.Ask]:
    """Puts labels on a screen that training has not seen, and asks for them in people's words; also for some that are not there."""
    scene = sheet.scene()
    sheet.relabel(scene, known, CALLED, rng)
    there = {*scene.groups, *(fold(name) for e in sheet.els for name in scenes.names_of(e))}
    missing = [w for w in rng.sample(known, len(known)) if fold(w.label) not in there]
    gone = [ask.Ask(rng.choice(w.words), (), "absent", True) for w in missing[: round(CALLED * ABSENT)]]
    return sheet.asks + gone


def asked(pointer: NanoPointer, screens: list[Path], seed: int = 0, rough: bool = False) -> list[Asked]:
    """What the pointer answers to questions about every screen, one of `ABSENT` of them about what is not there.

    rough: once more with elements lost and unsure, as on pages that are less like those of training.
    """
    rng, elsewhere, known = Random(seed), ["Quarterly statistics"], wordings(held_out=True)
    known = [w for w in known if w.role != "icon"]
    found = []
    for file in screens:
        screen = json.loads(file.read_text())
        scene = scenes.scene(screen["els"], screen["words"])
        some = _some(scene, rng)
        some += [q for _ in some if rng.random() < ABSENT / (1 - ABSENT) and (q := ask.absent(scene, elsewhere, rng))]
        elsewhere = [*elsewhere, *scene.groups][-2000:]
        image = Image.open(file.with_suffix(".png")).convert("RGB")
        seen = pointer.sighted(image, image)
        sheet = Sheet(seen, screen)
        called = _called(sheet, known, rng)
        ways = [(gathered(seen), some), (sheet.things(), called)]
        if rough:
            worse = Sheet(seen, screen)
            worse.lose(rng)
            left = worse.things()
            ways.append((left, findable(left, some)))
        for things, asks in ways:
            answers = pointer.weighed(pointer.kept(things), [q.text for q in asks])
            found += [_judged(question, answer) for question, answer in zip(asks, answers, strict=True)]
    return found


def _judged(question: ask.Ask, answer: Weighed) -> Asked:
    """Whether an answer is a hit, and what speaks for it."""
    wanted = question.boxes
    if question.ordinal:
        wanted = (wanted[-1 if question.ordinal == counting.LAST else question.ordinal - 1],)
    boxes = [Box(x0=b[0], y0=b[1], x1=b[2], y1=b[3]) for b in wanted]
    hit = bool(answer.places) and any(box.contains(answer.places[0].point) for box in boxes)
    return Asked(0.0, hit, bool(boxes), tuple(answer.signs))


def judged(items: list[Asked], by: Judge) -> list[Asked]:
    """The same with what a judge says, before the line."""
    said = torch.sigmoid(by.confidence(torch.tensor([item.signs for item in items]))).tolist()
    return [item._replace(mass=mass) for item, mass in zip(items, said, strict=True)]


def fit(items: list[Asked]) -> tuple[float, float]:
    """Slope and intercept on the logit of the mass that make hits likeliest (Newton's method, a little ridge)."""
    mass = np.clip([item.mass for item in items], 1e-6, 1 - 1e-6)
    x = np.stack([np.log(mass / (1 - mass)), np.ones(len(items))], 1)
    y, weights = np.array([float(item.hit) for item in items]), np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(2)
        weights -= np.linalg.solve(hessian, x.T @ (p - y) + 1e-3 * weights)
    return float(weights[0]), float(weights[1])


def apply(items: list[Asked], line: tuple[float, float]) -> list[Asked]:
    mass = np.clip([item.mass for item in items], 1e-6, 1 - 1e-6)
    p = 1 / (1 + np.exp(-(line[0] * np.log(mass / (1 - mass)) + line[1])))
    return [item._replace(mass=float(c)) for c, item in zip(p, items, strict=True)]


def threshold(items: list[Asked], kept: float = 0.965) -> float:
    """The confidence that this share of the hits reaches."""
    return float(np.quantile([item.mass for item in items if item.hit], 1 - kept))


def calibration_error(items: list[Asked], bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass."""
    ordered = sorted((item.mass, item.hit) for item in items)
    parts = [part for part in np.array_split(np.array(ordered, dtype=float), bins) if len(part)]
    return float(sum(len(part) * abs(part[:, 0].mean() - part[:, 1].mean()) for part in parts) / len(ordered))


def page_of(file: Path) -> str:
    """Pictures of one page differ in their last number only."""
    return file.stem.rpartition("-")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=checkpoint.embedded())
    args = parser.parse_args()
    pointer = NanoPointer(args.weights, dtype="float32")  # what is written must not depend on the processor
    files = sorted(args.screens.glob("*.json"))
    pages = sorted({page_of(file) for file in files})
    kept = set(pages[::MEASURED])
    learned = asked(pointer, [file for file in files if page_of(file) not in kept], rough=True)
    items = asked(pointer, [file for file in files if page_of(file) in kept])
    judge = fitted(
        *(np.array(column, float) for column in zip(*((i.signs, i.there, i.hit) for i in learned), strict=True))
    )
    line = fit(judged(learned, judge))
    after = apply(judged(items, judge), line)
    cut = threshold(after)
    was = pointer.model.judge
    pointer.model.judge = judge
    config = pointer.model.config.model_copy(update={"calibration": line, "threshold": round(cut, 3)})
    checkpoint.save(pointer.model, config, args.weights)
    hits = sum(item.hit for item in items)
    print(f"n={len(items)} hits={hits} line={line[0]:.3f} {line[1]:.3f} threshold={cut:.2f}")
    before = apply(judged(items, was), pointer.model.config.calibration)
    print(
        f"expected calibration error {calibration_error(before):.3f} before, {calibration_error(after):.3f} after "
        f"(n={len(learned)} on other pages to fit to)"
    )
    for name, part in (
        ("hits", [i for i in after if i.hit]),
        ("misses", [i for i in after if i.there and not i.hit]),
        ("absent", [i for i in after if not i.there]),
    ):
        print(f"{name}: {np.mean([i.mass >= cut for i in part]):.1%} count as found, n={len(part)}")


if __name__ == "__main__":
    main()
