"""What the decoder learns: questions about screens, from what the rest of the model found on them. See `train`.

Encoder, reader and symbols are done by then, so every screen is looked at once and its things are kept in a file; a step
costs a fraction of what it would with pictures. What stands on things is changed in place from step to step: other labels
(with the words people use for them, `wordings.jsonl`), other drawings (by the names of open icon sets), letters read
wrongly. So a few thousand screens serve for millions of questions.
"""

import json
import multiprocessing
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset

from deixis.vlm import ask, checkpoint, phrases, precision, questions, scenes, sight
from deixis.vlm.config import ROLES
from deixis.vlm.decoder import Answers, Asked, Tokens, shares
from deixis.vlm.finder import Element, overlaps
from deixis.vlm.model import RELATING, Nano
from deixis.vlm.spelling import fold
from deixis.vlm.things import Sighted, Things, Word, Written, gathered
from deixis.vlm.train_symbols import Drawings, load

QUESTIONS = 44
"""About one screen."""
KINDS = 3
"""Of them, those that say of what kind a thing is and nothing else."""
RELABELLED, TWINS, REDRAWN, MISREAD = 10, 5, 8, 0.02
"""Labels, labels that come to hold others, and drawings that are changed on a screen at most, and the share of words that are read wrongly on purpose."""
LOST, ROUGH = 0.35, 2.0
"""The share of the elements of a screen at most that are left out, and the pixels by which edges of others are off: the encoder finds more, and better, on screens it was trained on than on those it will see."""
UNSURE = 0.5
"""The share of the screens on which what was found is as unsure as on pages that are new."""
ABSENT, GONE, NEARLY = 5, 1, 3
"""About what is not there: names of other pages, what people say of labels, and (at most) labels that share a word with one that is."""
POOL = 150
"""Examples that come again once more, on average."""
HELD_OUT = 8
"""One label of so many, with what people call it, is left out of training."""
COPIES = 3
"""Vectors of every drawing, each seen a little otherwise."""


# what was found on screens, kept


def keep(seen: Sighted, file: Path) -> None:
    """Writes what was found on a screen; the file appears only when it is complete."""
    stored = {
        "lines": [(line.box, line.text, line.sure, [(w.text, w.box) for w in line.words]) for line in seen.lines],
        "elements": [tuple(element) for element in seen.elements],
        "drawn": seen.drawn.half(),
        "looks": seen.looks.half(),
    }
    torch.save(stored, file.with_suffix(".tmp"))
    file.with_suffix(".tmp").replace(file)


def kept(file: Path) -> Sighted:
    stored = torch.load(file, weights_only=True)
    lines = [Written(box, text, sure, [Word(*word) for word in words]) for box, text, sure, words in stored["lines"]]
    elements = [Element(*element) for element in stored["elements"]]
    return Sighted(lines, elements, stored["drawn"].float(), stored["looks"].float())


def _sight(weights: str, files: list[str], out: str) -> None:
    """Looks at some screens; those that are done are skipped."""
    torch.set_num_threads(1)
    model = checkpoint.load(Path(weights))
    for name in files:
        file = Path(out) / (Path(name).stem + ".pt")
        if not file.exists():
            picture = Image.open(name).convert("RGB")
            with precision.running(precision.fastest()):
                keep(sight.look(model, picture, picture), file)


def look_at_all(screens: Path, weights: Path, out: Path, workers: int = 2) -> None:
    """Looks at every screen of a folder; a second start goes on."""
    out.mkdir(parents=True, exist_ok=True)
    files = sorted(str(p) for p in screens.glob("*.png") if not (out / (p.stem + ".pt")).exists())
    if not files:
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context) as pool:
        for job in [pool.submit(_sight, str(weights), files[k::workers], str(out)) for k in range(workers)]:
            job.result()


# changes in place


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


# examples


class Example(NamedTuple):
    """A screen and questions about it."""

    tokens: Tokens
    asked: Asked
    things: Tensor
    """(Q, T) bool: elements whose middle is in the target"""
    words: Tensor
    """(Q, W) bool: words whose middle is"""
    lines: int
    """How many things are lines; they come first."""
    anchors: Tensor
    """(Q, T) bool: things that tell the target apart; none where the question names none"""
    absent: Tensor
    """(Q,) bool"""
    kinds: list[str]


def middles_in(boxes: Tensor, targets: tuple[scenes.BoxTuple, ...]) -> Tensor:
    """(N,) bool: which of the boxes (N, 4) have their middle in one of the targets."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    hit = torch.zeros(len(boxes), dtype=torch.bool)
    for x0, y0, x1, y1 in targets:
        hit |= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    return hit


def findable(things: Things, asks: Sequence[ask.Ask]) -> list[ask.Ask]:
    """Without what is there and was not found: nobody can point at that, nor say whether it is there."""
    found = (things.boxes[things.lines :], things.word_boxes)
    return [q for q in asks if q.absent or any(middles_in(boxes, q.boxes).any() for boxes in found)]


def example(things: Things, asks: list[ask.Ask], config: Any) -> Example:
    """What the decoder is asked, and what it should say."""
    words = things.word_boxes
    hits = torch.stack([middles_in(things.boxes, q.boxes) for q in asks])
    hits[:, : things.lines] = False  # lines are hit by their words
    return Example(
        questions.tokens_of(things), questions.asked([ask.uncounted(q) for q in asks], things, config), hits,
        torch.stack([middles_in(words, q.boxes) for q in asks]), things.lines,
        torch.stack([middles_in(things.boxes, q.anchor) for q in asks]), torch.tensor([q.absent for q in asks]),
        [q.kind for q in asks],
    )  # fmt: skip


class Source(NamedTuple):
    """What examples are made from."""

    screens: Path
    things: Path
    synonyms: Mapping[str, list[str]]
    drawings: Drawings | None = None
    """None: drawings stay as they are."""
    vectors: Tensor | None = None
    """(COPIES, drawings, M)"""


class Examples(IterableDataset[list[Example]]):
    """Endless batches of so many screens."""

    def __init__(self, source: Source, config: Any, seed: int, size: int) -> None:
        self.source, self.config, self.seed, self.size = source, config, seed, size
        self.files = sorted(source.things.glob("*.pt"))
        self.elsewhere: list[str] = ["Quarterly statistics"]
        known = wordings(held_out=False)
        self.wordings, self.sayings = [w for w in known if w.role != "icon"], sayings(known)
        drawn = source.drawings.names if source.drawings else []
        bank = source.drawings.bank if source.drawings else []
        self.frequent = [i for i, names in enumerate(drawn) if any(fold(bank[name]) in self.sayings for name in names)]
        """Drawings of what people have words for."""
        self.near: dict[str, list[Wording]] = {}
        """Labels by each of their words."""
        # What people say of each label, folded.
        self.said = {label: {fold(words) for words in some} for label, some in self.sayings.items()}
        for wording in self.wordings:
            for word in {fold(part) for part in wording.label.split() if len(part) > 3}:
                self.near.setdefault(word, []).append(wording)

    def __iter__(self) -> Iterator[list[Example]]:
        info = torch.utils.data.get_worker_info()
        rng = Random(self.seed * 1000 + (info.id if info else 0))
        pool: list[Example] = []
        while True:
            batch: list[Example] = []
            self.files = sorted(self.source.things.glob("*.pt"))  # others may be looked at meanwhile
            while len(batch) < max(1, self.size // 2):
                made = self.one(rng.choice(self.files), rng)
                if made is not None:
                    batch.append(made)
            # Making an example takes longer than learning from it: each is learned from twice.
            again = rng.sample(pool, min(len(pool), self.size - len(batch)))
            pool = (pool + batch)[-POOL:]
            yield batch + again

    def one(self, file: Path, rng: Random) -> Example | None:
        screen = json.loads((self.source.screens / f"{file.stem}.json").read_text())
        seen = kept(file)
        if len(seen.lines) + len(seen.elements) < 4:
            return None
        sheet = Sheet(seen, screen)
        if rng.random() < 0.8:
            sheet.relabel(sheet.scene(), self.wordings, RELABELLED, rng)
        if rng.random() < 0.6:
            sheet.twins(sheet.scene(), TWINS, rng)
        if self.source.drawings is not None and self.source.vectors is not None and rng.random() < 0.8:
            sheet.redraw(self.source.drawings, self.source.vectors, self.frequent, REDRAWN, rng)
        scene = sheet.scene()
        sheet.misread(MISREAD, rng)
        if rng.random() < UNSURE:
            sheet.lose(rng)
        things = sheet.things()
        if not things.words:
            return None
        asks = findable(things, sheet.asks + self.asks(scene, rng))
        return example(things, asks, self.config) if asks else None

    def asks(self, scene: scenes.Scene, rng: Random) -> list[ask.Ask]:
        """Questions of all kinds about a screen."""
        chosen = ask.balanced(scene, QUESTIONS * 2 // 3, rng)
        asks = [q for e in chosen if (q := ask.about(e, scene, rng, self.source.synonyms, self.sayings))]
        asks += [q for _ in range(QUESTIONS // 9) if (q := ask.value(scene, rng))]
        asks += [q for _ in range(QUESTIONS // 9) if (q := ask.written(scene, rng))]
        asks += [q for _ in range(KINDS) if (q := ask.by_kind(scene, rng))]
        asks += [q for _ in range(ABSENT) if (q := ask.absent(scene, self.elsewhere, rng))]
        gone = [w for w in rng.sample(self.wordings, 3) if fold(w.label) not in scene.groups]
        asks += [ask.Ask(rng.choice(w.words), (), "absent", True) for w in gone[:GONE]]
        asks += self.nearly(scene, rng)
        self.elsewhere = (self.elsewhere + [name for e in scene.elements[:3] for name in scenes.names_of(e)])[-3000:]
        return asks

    def nearly(self, scene: scenes.Scene, rng: Random) -> list[ask.Ask]:
        """Labels that are not there and share a word with one that is ("Remove filter" beside "Filter"), and people's words for them."""
        there = {word for group in scene.groups for word in group.split()}
        known = sorted(there & self.near.keys())
        asks = []
        for word in rng.sample(known, min(len(known), NEARLY)):
            wording = rng.choice(self.near[word])
            named, calls = fold(wording.label), {fold(words) for words in wording.words}
            if any(named in group or group in calls for group in scene.groups):
                continue
            said = rng.choice(wording.words)
            # What people say must not be what they say of something that is there, nor stand there itself.
            if any(fold(said) in self.said.get(group, ()) for group in scene.groups):
                continue
            if {fold(part) for part in said.split()} <= there:
                continue
            text = phrases.phrase(wording.label, wording.role, False, rng) if rng.random() < 0.5 else said
            asks.append(ask.Ask(text, (), "absent", True))
        return asks


class Relating:
    """Stage `relate`."""

    parts: Sequence[str] = RELATING
    shapes = False

    def __init__(
        self, screens: Path, weights: Path, packages: Path | None, synonyms: Path | None, out: Path, size: int
    ) -> None:
        """weights: those whose encoder, reader and symbols look at the screens."""
        self.size = size
        look_at_all(screens, weights, out / "things")
        model = checkpoint.load(weights)
        self.config = model.config.decoder
        words = json.loads(synonyms.read_text()) if synonyms else {}
        self.source = Source(screens, out / "things", words)
        if packages:
            drawings = load(packages, out)
            vectors = vectors_of(model, drawings, out / "vectors.pt")
            self.source = self.source._replace(drawings=drawings, vectors=vectors)

    def examples(self, seed: int) -> IterableDataset[Any]:
        return Examples(self.source, self.config, seed, self.size)

    def loss(self, model: Nano, batch: list[Example]) -> tuple[Tensor, dict[str, float]]:
        total, hits = torch.zeros(()), dict[str, list[bool]]()
        for one in batch:
            answers = model.answer(model.decoder.screen(one.tokens), one.asked)
            loss, right = loss_of(one, answers)
            total = total + loss / len(batch)
            for kind, hit in zip(one.kinds, right, strict=True):
                hits.setdefault(kind, []).append(hit)
        return total, {kind: sum(row) / len(row) for kind, row in hits.items()}


def loss_of(one: Example, answers: Answers) -> tuple[Tensor, list[bool]]:
    """Where it is, whether it is there, what tells it apart; and which questions were answered rightly."""
    things, words = shares(answers, one.tokens, one.lines)
    both, right = torch.cat([things, words], 1), torch.cat([one.things, one.words], 1)
    seen = right.any(1)
    gone = F.binary_cross_entropy_with_logits(answers.absent, one.absent.float())
    loss = 0.7 * gone
    if seen.any():
        where = -both[seen].masked_fill(~right[seen], -1e4).logsumexp(1)
        loss = loss + where.clamp(max=12).mean() * seen.float().mean() / (~one.absent).float().mean().clamp(min=0.1)
    tied = one.anchors.any(1)
    if tied.any():
        anchors = answers.anchors[tied, 0].masked_fill(~one.anchors[tied], -1e4).logsumexp(1)
        loss = loss - 0.2 * anchors.clamp(min=-12).mean() * tied.float().mean()
    hit = right.gather(1, both.argmax(1, keepdim=True))[:, 0]
    return loss, torch.where(one.absent, answers.absent > 0, hit).tolist()


@torch.no_grad()
def vectors_of(model: Nano, drawings: Drawings, file: Path) -> Tensor:
    """(COPIES, drawings, M) what the symbol network says of every drawing, seen in several ways."""
    from deixis.vlm.symbols import drawing_of
    from deixis.vlm.train_symbols import seen_as

    if file.exists():
        stored: Tensor = torch.load(file, weights_only=True)
        return stored.float()
    rng, out = Random(0), torch.zeros(COPIES, len(drawings.names), model.config.symbols.meaning)
    for copy in range(COPIES):
        for start in range(0, len(drawings.names), 256):
            numbers = range(start, min(start + 256, len(drawings.names)))
            found = [(i, d) for i in numbers if (d := drawing_of(seen_as(drawings.pixels[i], rng))) is not None]
            pictures = torch.from_numpy(np.stack([d for _, d in found]))[:, None]
            out[copy, [i for i, _ in found]] = model.symbols(pictures)
    torch.save(out.half(), file)
    return out
