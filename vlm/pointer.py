"""Pointing with deixis-nano: a screenshot and words in, CSS pixels and a confidence out.

A screen is looked at once and kept until another screenshot comes, so further targets on it are nearly free. Knows nothing
of browsers and tasks.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from deixis.browser.types import Box, Candidate, Point, Pointing, Reading, Screenshot
from deixis.vlm import checkpoint, counting, judge, precision, questions, sight, spans
from deixis.vlm.config import ROLES
from deixis.vlm.decoder import Screen, shares
from deixis.vlm.image import css_image, open_image
from deixis.vlm.model import Nano
from deixis.vlm.things import Things, gathered

CANDIDATES = 4
NAMESAKES = 9
"""Places considered for "the second Edit"."""
ALIKE = 0.25
"""Share of the best's probability from which others count as its namesakes."""
FAINT, DRAWN_ALIKE = 0.01, 0.9
"""The same share where the same words stand, and nothing else, or the same is drawn: and from which cosine it is."""
AT_ONCE = 32
"""Questions in one pass of the decoder."""
TOGETHER = 0.3
"""Share of the likeliest word's probability from which its neighbours belong to it."""
NEAR = 24.0
"""CSS pixels to a line of text from a point that is asked to be read."""
CROP = (336, 192)
"""CSS width and height of the second look's crop."""
ZOOM = 1.5


class Place(NamedTuple):
    """Where a target may be."""

    point: Point
    box: Box
    mass: float
    """Probability that a click there hits; while places are chosen, the share of all that may be meant."""
    thing: int
    """Number of the element or line."""


class Weighed(NamedTuple):
    """An answer that has not been judged."""

    places: list[Place]
    """The likeliest first, with their shares of what may be meant."""
    signs: list[float]
    """What speaks for the first, `judge.SIGNS`."""


class Kept(NamedTuple):
    """The last screen, and what the model knows of it."""

    key: str
    things: Things
    screen: Screen
    runs: spans.Runs


class NanoPointer:
    """The embedded model, or weights of the same kind from a file."""

    def __init__(self, weights: Path | None = None, threads: int | None = None, dtype: str | None = None) -> None:
        """dtype: "float32" or "bfloat16"; without it, the faster of the two on this processor."""
        path = weights or checkpoint.embedded()
        self.model: Nano = checkpoint.load(path)
        self.name = "deixis-nano" if weights is None else path.stem
        self.weights_sha256 = checkpoint.sha256(path)
        if threads:
            torch.set_num_threads(threads)
        self.dtype = precision.chosen(dtype)
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
        places = self._places(self._seen("", crop, crop), [target])[0]
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
        with torch.inference_mode():
            with precision.running(self.dtype):
                things = gathered(sight.look(self.model, whole, image))
            # The decoder stays in float32: every screen has another shape, and bfloat16 needs new kernels for each.
            return Kept(key, things, self.model.decoder.screen(questions.tokens_of(things)), spans.runs_of(things))

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
        counted = [counting.counted(target) for target in targets]
        said = [
            one.rest if one and not says(kept.things, one.label) else target
            for target, one in zip(targets, counted, strict=True)
        ]
        numbers = [one.number if one and rest == one.rest else 0 for one, rest in zip(counted, said, strict=True)]
        asked = questions.asked(said, kept.things, self.model.config.decoder)
        with torch.inference_mode():
            answers = self.model.answer(kept.screen, asked)
        things, words = (part.exp().numpy() for part in shares(answers, kept.screen.tokens, kept.things.lines))
        found = []
        for row, number in enumerate(numbers):
            like = spans.likeness(said[row], kept.runs)
            alone, written, sure = spans.settled(like, kept.runs, kept.things, things[row], words[row])
            places = places_of(kept.things, alone, written)
            if number:
                said_so = spans.alone(like, kept.runs, kept.things)
                places = in_order(places, number, namesakes(kept.things, places, said_so))
            places = places[:CANDIDATES]
            best = (places[0].thing, places[0].mass) if places else (-1, 0.0)
            answer = judge.Answer(
                said[row], best[0], (best[1], places[1].mass if len(places) > 1 else 0.0), float(answers.absent[row]),
                float(like.max()) if len(like) else 0.0, sure, bool(number),
            )  # fmt: skip
            found.append(Weighed(places, judge.signs(answer, row, asked, kept.screen, kept.things)))
        return found

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


def places_of(things: Things, elements: np.ndarray, words: np.ndarray) -> list[Place]:
    """Shares of the things (T,) and of the words (W,) -> the likeliest places, best first.

    Words that stand together are one place; so are an element and what is written on it.
    """
    found = [
        _place(things.boxes[i].tolist(), float(elements[i]), i)
        for i in np.argsort(-elements)[: 2 * NAMESAKES]
        if i >= things.lines
    ]
    found += _written(things, words)
    found.sort(key=lambda place: -place.mass)
    merged: list[Place] = []
    for place in found[: 4 * NAMESAKES]:
        same = next((i for i, other in enumerate(merged) if _one(place, other)), None)
        if same is None:
            merged.append(place)
        else:
            merged[same] = _both(things, merged[same], place)._replace(mass=merged[same].mass + place.mass)
    merged.sort(key=lambda place: -place.mass)
    return [place._replace(mass=min(place.mass, 1.0)) for place in merged[:NAMESAKES]]


def _both(things: Things, first: Place, second: Place) -> Place:
    """Two that are one place.

    What is written on a thing lies within it for sure, its box may be too large; but what is written before the middle of
    a field may be its label.
    """
    element, text = sorted((first, second), key=lambda place: place.thing < things.lines)
    if text.thing >= things.lines:
        return first
    if element.thing < things.lines:
        return first._replace(point=second.point)
    before = text.box.x1 < element.point.x or text.box.y1 < element.point.y
    if before and element.mass > text.mass and things.flags[element.thing, -len(ROLES) :].argmax() in _FILLED:
        return first._replace(point=element.point, box=element.box, thing=element.thing)
    return first._replace(point=text.point)


_FILLED = [ROLES.index(role) for role in ("field", "select", "checkbox", "radio", "switch", "slider", "file")]


def _place(box: Sequence[float], mass: float, thing: int) -> Place:
    x0, y0, x1, y1 = box
    whole = Box(x0=x0, y0=y0, x1=x1, y1=y1)
    return Place(Point(x=(x0 + x1) / 2, y=(y0 + y1) / 2), whole, mass, thing)


def _one(place: Place, other: Place) -> bool:
    """Whether a click on the one is a click on the other."""
    if other.box.contains(place.point) or place.box.contains(other.point):
        return True
    # A wide field may have been found twice, each time a part of it.
    a, b = place.box, other.box
    shared = min(a.x1, b.x1) - max(a.x0, b.x0)
    level = abs(place.point.y - other.point.y) < 0.3 * min(a.y1 - a.y0, b.y1 - b.y0)
    return level and shared > 0.1 * min(a.x1 - a.x0, b.x1 - b.x0)


def _written(things: Things, words: np.ndarray) -> list[Place]:
    """Runs of likely words of one line."""
    own = things.owners[:, things.owners[0] < things.lines]
    line_of = dict(zip(own[1].tolist(), own[0].tolist(), strict=True))
    found, used = [], set()
    for best in np.argsort(-words)[: 2 * NAMESAKES].tolist():
        if best in used or words[best] <= 0:
            continue
        run = [best]
        for step in (-1, 1):
            k = best + step
            while 0 <= k < len(words) and line_of[k] == line_of[best] and words[k] > TOGETHER * words[best]:
                run.append(k)
                k += step
        used.update(run)
        boxes = [things.words[k].box for k in run]
        whole = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
        shares = words[run] / words[run].sum()
        mean = sum(share * (b[0] + b[2]) / 2 for share, b in zip(shares.tolist(), boxes, strict=True))
        middle = min(boxes, key=lambda b: abs((b[0] + b[2]) / 2 - mean))  # a word, never the gap between two
        point = Point(x=(middle[0] + middle[2]) / 2, y=(middle[1] + middle[3]) / 2)
        found.append(_place(whole, float(words[run].sum()), line_of[best])._replace(point=point))
    return found


def namesakes(things: Things, found: list[Place], written: np.ndarray) -> list[bool]:
    """For each place whether it is of the same kind as the best: as likely, said by the same words, drawn the same.

    written: (N, 2) the middles of the runs of words that say the name and nothing else.
    """
    if not found:
        return []

    def says_so(place: Place) -> bool:
        box = place.box
        inside = (written > [box.x0, box.y0]) & (written < [box.x1, box.y1])
        return bool(inside.all(1).any())

    best, named = found[0], says_so(found[0])

    def same(place: Place) -> bool:
        if place.mass >= ALIKE * best.mass:
            return True
        drawn = float(things.drawn[place.thing] @ things.drawn[best.thing]) > DRAWN_ALIKE
        return place.mass >= FAINT * best.mass and (drawn or (named and says_so(place)))

    return [same(place) for place in found]


def in_order(found: list[Place], number: int, same: list[bool] | None = None) -> list[Place]:
    """The number-th (LAST: the last) of the places that may be meant, then the others.

    same: which of them may be; without it those that are about as likely as the best. The model is not told which of
    several is asked for, so the sum of their probabilities says whether they are there at all.
    """
    if not found:
        return found
    same = same or [place.mass >= ALIKE * found[0].mass for place in found]
    alike = [place for place, one in zip(found, same, strict=True) if one]
    total = min(sum(place.mass for place in alike), 1.0)
    ordered = sorted(alike, key=lambda place: (round(place.point.y / 12), place.point.x))
    place = len(ordered) - 1 if number == counting.LAST else min(number, len(ordered)) - 1
    chosen = ordered[place]
    enough = number in (1, counting.LAST) or number <= len(ordered)
    others = [place for place in found if place is not chosen]
    return [chosen._replace(mass=total if enough else chosen.mass), *others][:CANDIDATES]


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
