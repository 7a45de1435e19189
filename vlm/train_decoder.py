"""What the decoder learns: questions about screens, from what the rest of the model found on them. See `train`.

Encoder, reader and symbols are done by then, so every screen is looked at once and its things are kept in a file; a step
costs a fraction of what it would with pictures. What stands on things is changed in place from step to step (`sheet`): other
labels, other drawings, letters read wrongly. So a few thousand screens serve for millions of questions.
"""

import json
import multiprocessing
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
from deixis.vlm.decoder import Answers, Asked, Tokens, shares
from deixis.vlm.finder import Element
from deixis.vlm.model import RELATING, Nano
from deixis.vlm.sheet import COPIES, Sheet, Wording, sayings, wordings
from deixis.vlm.spelling import fold
from deixis.vlm.things import Sighted, Things, Word, Written
from deixis.vlm.train_symbols import Drawings, load

QUESTIONS = 44
"""About one screen."""
KINDS = 3
"""Of them, those that say of what kind a thing is and nothing else."""
RELABELLED, TWINS, REDRAWN, MISREAD = 10, 5, 8, 0.02
"""Labels, labels that come to hold others, and drawings that are changed on a screen at most, and the share of words that are read wrongly on purpose."""
UNSURE = 0.5
"""The share of the screens on which what was found is as unsure as on pages that are new."""
ABSENT, GONE, NEARLY = 5, 1, 3
"""About what is not there: names of other pages, what people say of labels, and (at most) labels that share a word with one that is."""
POOL = 150
"""Examples that come again once more, on average."""


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
