"""What was found on a screen, changed in place before the decoder learns from it: other labels, other drawings, things lost.

The screen's description (collect.js) is changed alike, so that questions about it stay true. With it the words that people
use instead of labels (`wordings.jsonl`). Knows nothing of how the decoder learns.
"""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from deixis.vlm import ask, phrases, scenes
from deixis.vlm.config import ROLES
from deixis.vlm.finder import Element, overlaps
from deixis.vlm.spelling import fold
from deixis.vlm.things import Sighted, Things, Word, gathered
from deixis.vlm.train_symbols import Drawings

LOST, ROUGH = 0.35, 2.0
"""The share of the elements of a screen at most that are left out, and the pixels by which edges of others are off: the encoder finds more, and better, on screens it was trained on than on those it will see."""
HELD_OUT = 8
"""One label of so many, with what people call it, is left out of training."""
COPIES = 3
"""Vectors of every drawing, each seen a little otherwise."""


class Wording(NamedTuple):
    """A label, and what people say instead of it."""

    label: str
    role: str
    words: list[str]


def wordings(held_out: bool) -> list[Wording]:
    """Those that are trained on, or those that confidences are fitted to."""
    file = Path(__file__).with_name("wordings.jsonl")
    known = [Wording(**json.loads(line)) for line in file.read_text().splitlines()]
    return [w for w in known if (zlib.crc32(w.label.encode()) % HELD_OUT == 0) == held_out]


def sayings(known: Sequence[Wording]) -> dict[str, list[str]]:
    """What people say, by folded label: also for drawings that are called so."""
    found: dict[str, list[str]] = {}
    for wording in known:
        if wording.role in {"icon", "button", "link"}:
            found.setdefault(fold(wording.label), []).extend(wording.words)
    return found


class Sheet:
    """A screen's things and its description (collect.js), both about to be changed alike."""

    def __init__(self, seen: Sighted, screen: dict[str, Any]) -> None:
        self.lines, self.elements, self.drawn, self.looks = (
            list(seen.lines),
            list(seen.elements),
            seen.drawn.clone(),
            seen.looks,
        )
        self.els = [dict(element) for element in screen["els"]]
        self.words: list[Any] = list(screen["words"])
        self.asks: list[ask.Ask] = []

    def scene(self) -> scenes.Scene:
        return scenes.scene(self.els, self.words)

    def things(self) -> Things:
        return gathered(Sighted(self.lines, self.elements, self.drawn, self.looks))

    def relabel(self, scene: scenes.Scene, known: list[Wording], count: int, rng: Random) -> None:
        """Puts other labels in the place of some, and asks for what carries them in people's words."""
        if not self.lines or not scene.runs:
            return
        boxes = np.array([line.box for line in self.lines])
        taken = {fold(run.text) for run in scene.runs}
        for element in rng.sample(self.els, len(self.els)):
            if count <= 0:
                return
            names = scenes.names_of(element, ("text", "label"))
            runs = [run for run in scene.runs if names and run.text.strip(" *:") == names[0]]
            if len(runs) != 1 or len(scene.groups.get(fold(names[0]), ())) != 1 or len(names[0].split()) > 5:
                continue
            fit = overlaps(np.array(runs[0].box), boxes)
            choice = rng.choice(
                [w for w in rng.sample(known, min(12, len(known))) if matching(w.role, element["role"])] or [known[0]]
            )
            if fit.max() < 0.4 or fold(choice.label) in taken or not matching(choice.role, element["role"]):
                continue
            taken.add(fold(choice.label))
            self.rename(int(fit.argmax()), runs[0], choice.label)
            element["names"] = [["text" if element["role"] not in scenes.LABELLED else "label", choice.label]]
            said = rng.choice(choice.words)
            if rng.random() < 0.25:
                said = phrases.phrase(said, element["role"], False, rng)
            x0, y0, x1, y1 = element["box"]
            self.asks.append(ask.Ask(said, ((x0, y0, x1, y1),), "people"))
            count -= 1

    def twins(self, scene: scenes.Scene, count: int, rng: Random) -> None:
        """Makes some labels hold others ("Save" and "Save as draft"), and asks for the shorter ones."""
        boxes = np.array([line.box for line in self.lines]).reshape(-1, 4)
        short = [run for run in scene.runs if len(run.text.split()) <= 3 and 2 < len(run.text) < 24]
        once = [run for run in short if sum(fold(run.text) in fold(other.text) for other in scene.runs) == 1]
        for run, other in zip(once[::2], once[1::2], strict=False) if len(once) > 3 else ():
            if count <= 0 or rng.random() < 0.4 or not len(boxes):
                continue
            fit = overlaps(np.array(other.box), boxes)
            if fit.max() < 0.4:
                continue
            word = rng.choice(rng.choice(short).text.split())
            label = f"{run.text} {word.lower()}" if rng.random() < 0.5 else f"{word} {run.text.lower()}"
            self.rename(int(fit.argmax()), other, label)
            for element in self.els:
                if within(other.box, element["box"]) or other.text.strip(" *:") in scenes.names_of(element):
                    element["names"] = [
                        [how, label if text.strip(" *:") == other.text.strip(" *:") else text]
                        for how, text in element["names"]
                    ]
            named = [e for e in self.els if run.text.strip(" *:") in scenes.names_of(e, ("text", "label"))]
            role = named[0]["role"] if len(named) == 1 else "link"
            x0, y0, x1, y1 = named[0]["box"] if len(named) == 1 else run.box
            self.asks.append(
                ask.Ask(phrases.phrase(run.text.strip(" *:"), role, False, rng), ((x0, y0, x1, y1),), "twin")
            )
            count -= 1

    def rename(self, number: int, run: scenes.Run, label: str) -> None:
        """Line `number`, which shows `run`, shows another text."""
        line = self.lines[number]
        x0, y0, x1, y1 = line.box
        words, width, start = [], (x1 - x0) / max(len(label), 1), 0
        for text in label.split():
            start = label.index(text, start)
            words.append(Word(text, (x0 + start * width, y0, x0 + (start + len(text)) * width, y1)))
            start += len(text)
        self.lines[number] = line._replace(text=label, words=words)
        inside = [i for i, w in enumerate(self.words) if within(w[1:5], run.box)]
        for i in inside[1:]:
            self.words[i] = None
        if inside:
            self.words[inside[0]] = [label, *run.box, []]
        self.words = [word for word in self.words if word is not None]

    def redraw(self, drawings: Drawings, vectors: Tensor, frequent: Sequence[int], count: int, rng: Random) -> None:
        """Puts other drawings in the place of some, every other one of those that people speak of, and renames what carries them."""
        places = [i for i, row in enumerate(self.drawn) if row.any()]
        boxes = np.array([element["box"] for element in self.els]).reshape(-1, 4)
        taken: set[str] = set()
        for i in rng.sample(places, min(len(places), count)):
            fit = overlaps(np.array(self.elements[i].box), boxes) if len(boxes) else np.zeros(1)
            if fit.max() < 0.45:
                continue
            element = self.els[int(fit.argmax())]
            if element["role"] not in {"button", "link", "menuitem", "tab"} or scenes.names_of(
                element, ("text", "label")
            ):
                continue
            number = rng.choice(frequent) if frequent and rng.random() < 0.5 else rng.randrange(len(drawings.names))
            names = [drawings.bank[name] for name in drawings.names[number]]
            if taken & set(names):
                continue
            taken |= set(names)
            self.drawn[i] = vectors[rng.randrange(COPIES), number]
            element["names"] = [["icon", name] for name in names]

    def lose(self, rng: Random) -> None:
        """Elements that are not found, all links or all buttons among them at times, and others that are found roughly."""
        share = rng.random() * LOST
        gone = ROLES.index(rng.choice(["link", "button", "menuitem", "tab"])) if rng.random() < 0.3 else -1
        kept = [
            i
            for i, element in enumerate(self.elements)
            if rng.random() > share and (gone < 0 or int(np.argmax(element.roles)) != gone or rng.random() < 0.2)
        ]
        flat, less = 0.5 + 0.5 * rng.random(), 0.4 + 0.6 * rng.random()
        self.elements = [self.rougher(self.elements[i], flat, less, rng) for i in kept]
        self.drawn = self.drawn[kept]
        self.looks = torch.cat([self.looks[: len(self.lines)], self.looks[[len(self.lines) + i for i in kept]]])

    @staticmethod
    def rougher(element: Element, flat: float, less: float, rng: Random) -> Element:
        """Found less surely, as several things, with edges that are off."""
        roles = np.array(element.roles) ** flat
        x0, y0, x1, y1 = (edge + rng.gauss(0, ROUGH) for edge in element.box)
        box = element.box if x1 - x0 < 4 or y1 - y0 < 4 else (x0, y0, x1, y1)
        return Element(box, element.sure * less, tuple((roles / roles.sum()).tolist()))

    def misread(self, share: float, rng: Random) -> None:
        """Letters that are read wrongly now and then."""
        for i, line in enumerate(self.lines):
            if rng.random() < share * len(line.words) and line.text:
                k = rng.randrange(len(line.words))
                words = list(line.words)
                words[k] = words[k]._replace(text=phrases.slip(words[k].text, rng))
                self.lines[i] = line._replace(text=" ".join(word.text for word in words), words=words)


def within(box: Any, outer: Any) -> bool:
    return bool(box[0] >= outer[0] - 1 and box[2] <= outer[2] + 1 and box[1] >= outer[1] - 1 and box[3] <= outer[3] + 1)


def matching(wording: str, role: str) -> bool:
    """Whether a label of one role may stand on a thing of another."""
    kinds = ({"field", "select"}, {"checkbox", "radio", "switch"}, {"button", "link", "tab", "menuitem"})
    return any(wording in kind and role in kind for kind in kinds)
