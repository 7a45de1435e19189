"""Pointing with deixis-nano: a screenshot and words in, CSS pixels and a confidence out.

A screen is looked at once and kept until another screenshot comes, so further targets on it are nearly free. Knows nothing
of browsers and tasks.
"""

import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from deixis.browser.types import Box, Candidate, Point, Pointing, Reading, Screenshot
from deixis.vlm import (
    beside,
    checkpoint,
    counting,
    hues,
    inks,
    int8,
    judge,
    labelled,
    memory,
    precision,
    questions,
    sight,
    spans,
    where,
)
from deixis.vlm.decoder import Asked, Screen, shares
from deixis.vlm.image import css_image, open_image
from deixis.vlm.model import Nano
from deixis.vlm.names import letters_of
from deixis.vlm.places import Place, in_order, namesakes, one_place, place_at, places_of, says_so
from deixis.vlm.runs import Runs, runs_of
from deixis.vlm.settled import Manner, settled
from deixis.vlm.simpler import simpler, unframed
from deixis.vlm.things import Sighted, Things, gathered

CANDIDATES = 4
AT_ONCE = 32
"""Questions in one pass of the decoder."""
NEAR = 24.0
"""CSS pixels to a line of text from a point that is asked to be read."""
CROP = (336, 192)
"""CSS width and height of the second look's crop."""
ZOOM = 1.5
LONGEST = 300
"""Letters of a request that is looked at for framing, places and colours."""
ELSEWHERE = 0.3
"""What something counts, by where it is said to be and how it is said to look, below which its name counts as not written."""


class Weighed(NamedTuple):
    """An answer that has not been judged."""

    places: list[Place]
    """The likeliest first, with their shares of what may be meant."""
    signs: list[float]
    """What speaks for the first, `judge.SIGNS`."""


class Answered(NamedTuple):
    """What the decoder says to one question."""

    question: str
    places: list[Place]
    """The likeliest first, NAMESAKES at most."""
    like: np.ndarray
    """(R,) how like its name each run of words is."""
    sure: float
    """How surely the name is written out, alone."""
    absent: float
    """Logit of not being there."""


class Apart(NamedTuple):
    """What is meant of several, and what it is judged by."""

    place: Place
    answered: Answered
    judged: tuple[Asked, int] | None
    """The question about its name, and its row; None: the question as it was."""
    told: bool


class Kept(NamedTuple):
    """The last screen, and what the model knows of it."""

    key: str
    things: Things
    screen: Screen
    runs: Runs
    picture: Image.Image | None = None
    """At one pixel per CSS pixel; without it no colours are told."""
    part: bool = False
    """Whether it is a part of a page, on which nothing is at the top or in a side bar."""


class Sought(NamedTuple):
    """What is said of where something is and how it looks, beside its name."""

    place: where.Where | None = None
    colour: str | None = None


class NanoPointer:
    """The embedded model, or weights of the same kind from a file."""

    def __init__(self, weights: Path | None = None, threads: int | None = None, dtype: str | None = None) -> None:
        """dtype: "float32", "bfloat16" or "int8"; without it, the one that is fast on this processor.

        int8 is for answering only: `model` can then neither be saved nor copied. Freed memory is kept in the whole process.
        """
        memory.kept()
        # First: what else this thread does in torch would begin with the one thread of a timing elsewhere.
        self.dtype = precision.chosen(dtype)
        path = weights or checkpoint.embedded()
        self.model: Nano = checkpoint.load(path)
        self.name = "deixis-nano" if weights is None else path.stem
        self.weights_sha256 = checkpoint.sha256(path)
        if threads:
            torch.set_num_threads(threads)
        if self.dtype == "int8":
            int8.rounded(self.model)
        self._kept: Kept | None = None

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        """One Pointing a target, in order, in CSS pixels of the screenshot; the picture is looked at once."""
        start = time.perf_counter()
        kept = self.look(screenshot)
        found = self._places(kept, targets)
        each = (time.perf_counter() - start) / max(len(targets), 1)
        return [self._pointing(target, places, each) for target, places in zip(targets, found, strict=True)]

    def point(self, screenshot: Screenshot, target: str) -> Pointing:
        return self.point_many(screenshot, [target])[0]

    def second_look(self, screenshot: Screenshot, target: str, around: Point) -> Pointing:
        """Points again on an enlarged crop around a point; the answer is in the whole page's CSS pixels."""
        start = time.perf_counter()
        image = open_image(screenshot.png)
        width, height = min(CROP[0], screenshot.width), min(CROP[1], screenshot.height)
        x0 = min(max(around.x - width / 2, 0), screenshot.width - width)
        y0 = min(max(around.y - height / 2, 0), screenshot.height - height)
        edges = tuple(round(v * screenshot.scale) for v in (x0, y0, x0 + width, y0 + height))
        size = (round(width * ZOOM), round(height * ZOOM))
        crop = image.crop(edges).resize(size, Image.Resampling.BICUBIC)  # type: ignore[arg-type]
        places = self._places(self._seen("", crop, crop)._replace(part=True), [target])[0]
        return _moved(self._pointing(target, places, time.perf_counter() - start), 1 / ZOOM, x0, y0)

    def read(self, screenshot: Screenshot, question: str) -> Reading:
        """The text that the question names, read from the pixels; empty when nothing is written there."""
        kept = self.look(screenshot)
        places = self._places(kept, [question])[0]
        if not places:
            return Reading(text="")
        return _reading(kept.things, places[0].thing, places[0].mass)

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading:
        """The line of text at a point or next to it; its confidence is that of the letters times the given one."""
        things = self.look(screenshot).things
        boxes = things.boxes[: things.lines]
        if not len(boxes):
            return Reading(text="")
        across = (boxes[:, 0] - point.x).clamp(min=0) + (point.x - boxes[:, 2]).clamp(min=0)
        down = (boxes[:, 1] - point.y).clamp(min=0) + (point.y - boxes[:, 3]).clamp(min=0)
        nearest = int((across + 2 * down).argmin())
        if float(across[nearest] + down[nearest]) > NEAR:
            return Reading(text="")
        return _reading(things, nearest, confidence)

    def look(self, screenshot: Screenshot) -> Kept:
        """What the model knows of a screen; the last one is kept."""
        key = hashlib.sha256(screenshot.png).hexdigest() + f"{screenshot.width}x{screenshot.height}"
        if self._kept is None or self._kept.key != key:
            whole = open_image(screenshot.png)
            self._kept = self._seen(key, whole, css_image(whole, screenshot.width, screenshot.height))
        return self._kept

    def _seen(self, key: str, whole: Image.Image, image: Image.Image) -> Kept:
        """whole: the picture in its own resolution; image: at one pixel per CSS pixel."""
        things = gathered(self.sighted(whole, image), self.dtype == "int8")
        return self.kept(things, key)._replace(picture=image)

    def sighted(self, whole: Image.Image, image: Image.Image) -> Sighted:
        """What is found on a picture, before anything is asked."""
        with torch.inference_mode(), precision.running(precision.FORMATS[self.dtype]):
            return sight.look(self.model, whole, image)

    def kept(self, things: Things, key: str = "") -> Kept:
        """What questions see of things; key: the picture's, empty for what is no picture."""
        # The decoder stays in float32: every screen has another shape, and bfloat16 needs new kernels for each.
        with torch.inference_mode():
            return Kept(key, things, self.model.decoder.screen(questions.tokens_of(things)), runs_of(things))

    def _places(self, kept: Kept, targets: Sequence[str]) -> list[list[Place]]:
        """For every target where it may be, the likeliest first, with the probability that a click there hits."""
        weighed = self.weighed(kept, targets)
        rows = torch.tensor([one.signs for one in weighed]).view(-1, len(judge.SIGNS))
        slope, intercept = self.model.config.calibration
        sure = torch.sigmoid(slope * self.model.judge.confidence(rows) + intercept).tolist()
        return [_scaled(one.places, confidence) for one, confidence in zip(weighed, sure, strict=True)]

    def weighed(self, kept: Kept, targets: Sequence[str]) -> list[Weighed]:
        """For every target where it may be, and what speaks for that; no gradients."""
        if not kept.things.texts:
            return [Weighed([], [0.0] * len(judge.SIGNS)) for _ in targets]
        found: list[Weighed] = []
        for first in range(0, len(targets), AT_ONCE):
            found += self._some(kept, targets[first : first + AT_ONCE])
        return found

    def _some(self, kept: Kept, targets: Sequence[str]) -> list[Weighed]:
        """The same for as many as one pass of the decoder takes."""
        targets, sought = zip(*(self._plainer(kept, target) for target in targets), strict=True)
        counted = [counting.counted(target) for target in targets]
        counted = [None if one and says(kept.things, one.label) else one for one in counted]
        said = [
            target if one is None else self._counts(kept, one) for target, one in zip(targets, counted, strict=True)
        ]
        numbers = [one.number if one else 0 for one in counted]
        asked, answered = self._answered(kept, said, sought)
        found = []
        for row, (one, number) in enumerate(zip(answered, numbers, strict=True)):
            judged, places, told = (asked, row), one.places, bool(number)
            if number:
                said_so = spans.alone(one.like, kept.runs, kept.things, within=True)
                places = in_order(places, number, namesakes(kept.things, places, said_so))
            elif apart := self._told_apart(kept, one, sought[row]):
                # What tells it apart is written: whether it is there is a question about its own name.
                place, one, judged, told = apart.place, apart.answered, apart.judged or judged, apart.told
                places = [place, *(other for other in places if not one_place(kept.things, place, other))]
            elif places and (control := labelled.control_of(kept.things, places[0], one.question, one.sure)):
                places = [control, *(other for other in places if not one_place(kept.things, control, other))]
            places = places[:CANDIDATES]
            best = (places[0].thing, places[0].mass) if places else (-1, 0.0)
            answer = judge.Answer(
                one.question, best[0], (best[1], places[1].mass if len(places) > 1 else 0.0), one.absent,
                float(one.like.max()) if len(one.like) else 0.0, one.sure, told,
            )  # fmt: skip
            found.append(Weighed(places, judge.signs(answer, judged[1], judged[0], kept.screen, kept.things)))
        return found

    def _plainer(self, kept: Kept, target: str) -> tuple[str, Sought]:
        """A request without framing, without where it is on the screen and its colour, and these two."""
        target = " ".join(target.split())
        known = set(kept.runs.letters)

        def written(words: str) -> bool:
            return letters_of(words) in known

        if len(target) > LONGEST or written(target):
            return target, Sought()
        target, colour = hues.asked(target, written) if kept.picture else (target, None)
        target = unframed(target, written)
        place = where.where(target, written)
        rest = simpler(place.rest if place else target, written)
        return rest, Sought(None if kept.part else place, colour)

    def _counts(self, kept: Kept, one: counting.Counted) -> str:
        """What is counted: the second of several Edits, when the Edit in the second row is asked for."""
        if one.on and not (one.thing and says(kept.things, one.thing)) and questions.names(one.on):
            same = spans.alone(spans.likeness(one.on, kept.runs), kept.runs, kept.things)
            if len(same) >= (2 if one.number == counting.LAST else max(2, one.number)):
                return one.on
        return one.rest

    def _answered(self, kept: Kept, said: Sequence[str], sought: Sequence[Sought] = ()) -> tuple[Asked, list[Answered]]:
        """What the decoder says to questions, with names that are written out moved to where they stand.

        sought: where on the screen each is looked for, and in which colour.
        """
        asked = questions.asked(said, kept.things, self.model.config.decoder)
        with torch.inference_mode():
            answers = self.model.answer(kept.screen, asked)
        things, words = (part.exp().numpy() for part in shares(answers, kept.screen.tokens, kept.things.lines))
        found = []
        for row, question in enumerate(said):
            like = spans.likeness(question, kept.runs)
            if sought and any(sought[row]):
                like, things[row], words[row] = _looked_for(kept, sought[row], like, things[row], words[row])
            plain, field = spans.plain(question, kept.runs), labelled.asks_for_field(question)
            manner = Manner(plain, field, self._linked(kept, like))
            fields = labelled.seen(kept.things, things[row])
            elements, written, sure = settled(like, kept.runs, kept.things, fields, words[row], manner)
            places = places_of(kept.things, elements, written)
            found.append(Answered(question, places, like, sure, float(answers.absent[row])))
        return asked, found

    def _linked(self, kept: Kept, like: np.ndarray) -> np.ndarray | None:
        """(R,) which of the runs that say a name are written as links are; None where there is nothing to choose."""
        some = spans.best(like)
        return inks.as_links(kept.picture, kept.things, kept.runs, some) if kept.picture and len(some) > 1 else None

    def _told_apart(self, kept: Kept, one: Answered, sought: Sought) -> Apart | None:
        """Which of several with one name is meant, when the question says beside what it stands, and that is written."""
        if len(one.question) > LONGEST:  # readings grow with the square of the words
            return None
        likeliest = one.places[0].mass if one.places else 0.0
        if (asked_for := beside.value(one.question)) and (place := self._value(kept, *asked_for)):
            return Apart(place._replace(mass=likeliest), one, None, False)
        for reading in beside.readings(one.question):
            if not spans.one_name(one.question, reading.anchor, kept.runs):
                anchors = spans.written(reading.anchor, kept.runs, kept.things)
                if anchors and (apart := self._nearest(kept, reading, anchors, sought)):
                    return apart
        for reading in beside.splits(one.question):
            anchors = spans.labels(reading.anchor, kept.runs, kept.things)
            named = not anchors or spans.one_name(one.question, reading.anchor, kept.runs)
            if not named and (apart := self._nearest(kept, reading, anchors, sought)):
                return apart
        return None

    def _nearest(self, kept: Kept, reading: beside.Beside, anchors: Sequence[Box], sought: Sought) -> Apart | None:
        """Of several with the name that is wanted, the one that stands by one of the boxes."""
        same = spans.alone(spans.likeness(reading.target, kept.runs), kept.runs, kept.things)
        if len(same) < 2:
            return None
        asked, (named,) = self._answered(kept, [reading.target], [sought])
        alike = namesakes(kept.things, named.places, same)
        rivals = [place for place, so in zip(named.places, alike, strict=True) if so and says_so(place, same)]
        chosen = beside.nearest(reading.way, [place.box for place in rivals], anchors)
        if len(rivals) < 2 or chosen is None:
            return None
        mass = min(sum(place.mass for place in rivals), 1.0)
        return Apart(rivals[chosen]._replace(mass=mass), named, (asked, 0), True)

    def _value(self, kept: Kept, of: str, shape: re.Pattern[str]) -> Place | None:
        """The price (or what else has its own shape) that stands nearest to what it is the price of."""
        anchors, found = spans.written(of, kept.runs, kept.things), spans.shaped(shape, kept.things)
        lines, boxes = list(found), list(found.values())
        chosen = beside.nearest("of", boxes, anchors) if anchors else None
        if chosen is None:
            return None
        box = boxes[chosen]
        return place_at((box.x0, box.y0, box.x1, box.y1), 0.0, lines[chosen])

    def _pointing(self, target: str, places: Sequence[Place], seconds: float) -> Pointing:
        candidates = [Candidate(point=p.point, confidence=p.mass) for p in places]
        if not candidates:
            return Pointing(target=target, point=None, confidence=0.0, found=False, seconds=seconds, model=self.name)
        first = candidates[0]
        return Pointing(
            target=target, point=first.point, box=places[0].box, confidence=first.confidence,
            found=first.confidence >= self.model.config.threshold, alternatives=tuple(candidates[1:]),
            seconds=seconds, model=self.name,
        )  # fmt: skip


def _scaled(places: list[Place], confidence: float) -> list[Place]:
    """The places with probabilities of a hit: the first's is the confidence, the others' go with their shares."""
    first = max(places[0].mass, judge.LEAST) if places else 1.0
    return [place._replace(mass=confidence * min(place.mass / first, 1.0)) for place in places]


def _looked_for(
    kept: Kept, sought: Sought, like: np.ndarray, things: np.ndarray, words: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names (R,), things (T,) and words (W,) of a screen as they count where, and in which colour, something is looked for.

    What is written elsewhere counts half, and the shares sum up to less where the decoder hardly thought of that part.
    """
    boxes = np.concatenate([kept.things.boxes.numpy(), kept.things.word_boxes.numpy().reshape(-1, 4)])
    (x0, y0), (x1, y1) = boxes[:, :2].min(0).tolist(), boxes[:, 2:].max(0).tolist()
    counts = np.ones(len(boxes))
    if sought.place:
        extent = Box(x0=x0, y0=y0, x1=x1, y1=y1)
        counts = where.weights(sought.place, (boxes[:, :2] + boxes[:, 2:]) / 2, extent)
    if sought.colour and kept.picture:
        counts = counts * hues.weights(kept.picture, boxes, sought.colour)
    before = np.concatenate([things, words])
    counted = before * counts
    # All together are as likely as before, if the likeliest lies where it is looked for. The decoder was not told where, so
    # that it hardly thought of what lies there says little.
    there = before[counts > ELSEWHERE].sum() / max(float(before.sum()), 1e-9)
    counted *= before.sum() / max(float(counted.sum()), 1e-9) * max(counts[counted.argmax()], there**0.25)
    written = np.array([counts[len(things) + run[0]] for run in kept.runs.words])
    like = like * np.where(written > ELSEWHERE, 1.0, 0.5) if len(like) else like
    return like, counted[: len(things)], counted[len(things) :]


def says(things: Things, label: str) -> bool:
    """Whether these letters, folded and without spaces, stand on a line of the screen."""
    return bool(label) and any(label in questions.letters(text).replace(" ", "") for text in things.texts)


def _reading(things: Things, number: int, confidence: float) -> Reading:
    """What is written on one thing."""
    sure = float(things.flags[number, 2]) if number < things.lines else 1.0
    x0, y0, x1, y1 = things.boxes[number].tolist()
    return Reading(
        text=things.texts[number], confidence=sure * confidence, box=Box(x0=x0, y0=y0, x1=x1, y1=y1), source="pixels"
    )


def _moved(pointing: Pointing, scale: float, dx: float, dy: float) -> Pointing:
    """A pointing of a crop, in the frame of the page."""

    def move(point: Point) -> Point:
        return Point(x=point.x * scale + dx, y=point.y * scale + dy)

    box = pointing.box and Box(
        x0=pointing.box.x0 * scale + dx, y0=pointing.box.y0 * scale + dy,
        x1=pointing.box.x1 * scale + dx, y1=pointing.box.y1 * scale + dy,
    )  # fmt: skip
    others = tuple(Candidate(point=move(c.point), confidence=c.confidence) for c in pointing.alternatives)
    return pointing.model_copy(
        update={"point": pointing.point and move(pointing.point), "box": box, "alternatives": others}
    )
