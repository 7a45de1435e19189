"""Pointing with deixis-nano: a screenshot and words in, CSS pixels and a confidence out.

The one place where the model's cells and CSS pixels meet. A page is encoded once and kept until another screenshot
comes, so further targets on it are nearly free. Knows nothing of browsers and tasks.
"""

import hashlib
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from deixis.browser.types import Box, Candidate, Point, Pointing, Reading, Screenshot
from deixis.vlm import ask, checkpoint, lines, precision, proof
from deixis.vlm.image import css_image, open_image, prepare
from deixis.vlm.model import Encoded, Evidence, Nano, Query, Scores
from deixis.vlm.reader import Line, LineReader
from deixis.vlm.vit import STRIDE

CANDIDATES = 4
NAMESAKES = 8
"""Places considered for "the second Edit"."""
AT_ONCE = 16
"""Questions in one pass of the decoder."""
NEAR = 180.0
"""CSS pixels to each side that are read of a long line."""
SAME = 0.7
"""Shared area of two boxes that hold the same line."""
HIGHEST = 64.0
"""CSS pixels; what is higher is no line of text."""
CROP = (336, 192)
"""CSS width and height of the second look's crop."""
ZOOM = 1.5


class Region(NamedTuple):
    """A connected group of likely cells, on the page."""

    point: Point
    box: Box
    mass: float
    """Summed probability."""


class _Kept:
    """The last picture, what the model sees in it, and the lines that have been read on it."""

    def __init__(self, key: str, image: Image.Image, small: Image.Image, page: Encoded, letters: Tensor) -> None:
        """image: in its own resolution; small: at one pixel per CSS pixel; letters: (H, 2 W, characters) logits."""
        self.key, self.image, self.page = key, image, page
        self.grey = np.asarray(small.convert("L"))
        self.written = lines.written(letters)
        self.read: dict[Box, Line] = {}

    def says(self, label: str) -> bool:
        """Whether a line that has been read holds these letters, folded and without spaces."""
        return any(label in proof.letters_of(line).text for line in self.read.values())

    def likely_lines(self, fits: Tensor) -> tuple[list[Box], float]:
        """The lines of text, or what lies near of long ones, at the best fits (H, W), and the best fit outside of them."""
        left = fits.numpy().copy()
        found: list[Box] = []
        for _ in range(proof.PLACES):
            row, column = divmod(int(left.argmax()), left.shape[1])
            x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
            box = lines.line_at(self.written, self.grey, Point(x=x, y=y), reach=1)
            if box and box.y1 - box.y0 < HIGHEST:
                box = Box(x0=max(box.x0, x - NEAR), y0=box.y0, x1=min(box.x1, x + NEAR), y1=box.y1)
                if not any(_same_place(box, other) for other in found):
                    found.append(box)
                left[
                    int(box.y0 / STRIDE) : int(box.y1 / STRIDE) + 1, int(box.x0 / STRIDE) : int(box.x1 / STRIDE) + 1
                ] = -1
            left[max(0, row - 1) : row + 2, max(0, column - 2) : column + 3] = -1
        return found, float(left.max())


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
        self._kept: _Kept | None = None

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        """One Pointing a target, in order, in CSS pixels of the screenshot; the picture is encoded once."""
        start = time.perf_counter()
        kept = self._look(screenshot)
        shared = (time.perf_counter() - start) / max(len(targets), 1)
        return self._answers(kept, targets, (screenshot.width, screenshot.height), shared)

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
        kept = self._seen("", crop, crop)
        seen = self._answers(kept, [target], size, time.perf_counter() - start)[0]
        return _moved(seen, 1 / ZOOM, x0, y0)

    def read(self, screenshot: Screenshot, question: str) -> Reading:
        """The line of text that the question names, read from the pixels; empty when nothing is written there."""
        found = self.point(screenshot, question)
        return self.read_at(screenshot, found.point, found.confidence) if found.point else Reading(text="")

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading:
        """The line of text at a point; its confidence is that of the letters times the given one."""
        kept = self._look(screenshot)
        box = lines.line_at(kept.written, kept.grey, point)
        if box is None:
            return Reading(text="")
        self._read(kept, [box])
        line = kept.read[box]
        return Reading(text=line.text, confidence=line.confidence * confidence, box=box, source="pixels")

    def _read(self, kept: _Kept, boxes: Sequence[Box]) -> None:
        """Reads the lines in these boxes, CSS pixels, that have not been read yet."""
        new = [box for box in dict.fromkeys(boxes) if box not in kept.read]
        scale = kept.image.width / kept.grey.shape[1]
        crops = [
            kept.image.crop((round(b.x0 * scale), round(b.y0 * scale), round(b.x1 * scale), round(b.y1 * scale)))
            for b in new
        ]
        kept.read |= dict(zip(new, self.reader.read(crops), strict=True))

    def encode(self, screenshot: Screenshot) -> Encoded:
        """The page as the model sees it; the last one is kept."""
        return self._look(screenshot).page

    @cached_property
    def reader(self) -> LineReader:
        return LineReader(checkpoint.embedded().with_name(checkpoint.READER))

    def _look(self, screenshot: Screenshot) -> _Kept:
        key = hashlib.sha256(screenshot.png).hexdigest() + f"{screenshot.width}x{screenshot.height}"
        if self._kept is None or self._kept.key != key:
            whole = open_image(screenshot.png)
            image = css_image(whole, screenshot.width, screenshot.height)
            self._kept = self._seen(key, whole, image)
        return self._kept

    def _seen(self, key: str, whole: Image.Image, image: Image.Image) -> _Kept:
        """whole: the picture in its own resolution; image: at one pixel per CSS pixel."""
        with torch.inference_mode(), precision.running(self.dtype):
            page = self.model.encode(prepare(image, self.model.config.image))
            letters = self.model.read_head(page.cells)
        return _Kept(key, whole, image, page, letters.view(len(letters), -1, self.model.config.characters))

    def _answers(self, kept: _Kept, targets: Sequence[str], size: tuple[int, int], shared: float) -> list[Pointing]:
        answers: list[Pointing] = []
        for first in range(0, len(targets), AT_ONCE):
            some = list(targets[first : first + AT_ONCE])
            start = time.perf_counter()
            counted = [ask.counted(target) for target in some]
            with torch.inference_mode(), precision.running(self.dtype):
                scores = self._scores(kept, some + [one.rest for one in counted if one])
            cells = scores.cells
            extra = iter(range(len(some), len(cells)))
            for i, (target, one) in enumerate(zip(some, counted, strict=True)):
                row, number = (next(extra), one.number) if one else (i, 0)
                if one and one.label and kept.says(one.label):
                    row, number = i, 0
                answers.append(self._answer(kept.page, target, cells[row], number, size))
            each = shared + (time.perf_counter() - start) / len(some)
            answers[first:] = [answer.model_copy(update={"seconds": each}) for answer in answers[first:]]
        return answers

    def scores(self, screenshot: Screenshot, targets: Sequence[str]) -> Scores:
        """What the model says of targets on a page, cell by cell, before a point is chosen; no gradients."""
        with torch.inference_mode(), precision.running(self.dtype):
            return self._scores(self._look(screenshot), targets)

    def _scores(self, kept: _Kept, targets: Sequence[str]) -> Scores:
        query = self.model.ask(kept.page, list(targets))
        found = self._proof_read(kept, targets, query, self.model.evidence(query, kept.page.keys))
        return self.model.scores(query, kept.page.keys, found)

    def _proof_read(self, kept: _Kept, targets: Sequence[str], query: Query, found: Evidence) -> Evidence:
        """Evidence corrected by what is really written at the likeliest places."""
        shape = kept.page.keys.text.shape[:2]
        new = Evidence(*(part.clone() for part in found))
        for i, target in enumerate(targets):
            picked = query.picks[:, i].tolist()
            for part, fits in enumerate((new.name[i], new.beside[i])):
                wanted = proof.names(target, picked[part], picked[1 - part])
                if wanted and max(picked[part]) > proof.PICKABLE:
                    read, unread = self._likely_lines(kept, fits.view(shape))
                    said = proof.findings(wanted, read)
                    fits[:] = proof.corrected(said, fits.view(shape), unread).flatten()
                    if part == 0:
                        new.weakest[i], new.rarest[i], new.said[i] = fits, fits.amax(), proof.said(said)
                        new.meant[i] = proof.doubted(said, new.meant[i].view(shape), proof.BETTER).flatten()
            if new.rarest[i] < proof.WRITTEN:
                self._proof_read_alike(kept, i, query, new)
        return new

    def _proof_read_alike(self, kept: _Kept, i: int, query: Query, new: Evidence) -> None:
        """The same for labels that mean something similar, of one question."""
        shape, count = kept.page.keys.text.shape[:2], query.likeness.shape[1]
        sharp, cost = float(self.model.sharpness.exp()), float(self.model.alike_cost)
        fits, likeness = new.alike[i].view(shape), new.likeness[i].view(shape)
        read, unread = self._likely_lines(kept, fits + likeness * (cost / sharp))
        bonus = [cost / sharp * near for near in query.likeness[i].tolist()]
        found = proof.findings(query.labels[i * count : (i + 1) * count], read, bonus)
        over = (fits + likeness * (cost / sharp) - unread).clamp(min=0)
        fits[:] = proof.corrected(found, fits - over, 1.0)
        for one in found:
            top, left, bottom, right = one.cells
            likeness[top:bottom, left:right] = query.likeness[i, one.which]

    def _likely_lines(self, kept: _Kept, fits: Tensor) -> tuple[list[tuple[Box, Line]], float]:
        """The lines at the best fits (H, W), read, and the best fit outside of them."""
        boxes, unread = kept.likely_lines(fits)
        self._read(kept, boxes)
        return [(box, kept.read[box]) for box in boxes], unread

    def _answer(self, page: Encoded, target: str, logits: Tensor, number: int, size: tuple[int, int]) -> Pointing:
        found = regions(
            logits, page.keys.text.shape[:2], size, self.model.config.temperature, NAMESAKES if number else CANDIDATES
        )
        if number:
            found = in_order(found, number)
        candidates = [Candidate(point=r.point, confidence=self._calibrated(r.mass)) for r in found[:CANDIDATES]]
        first = candidates[0]
        return Pointing(
            target=target, point=first.point, box=found[0].box, confidence=first.confidence,
            found=first.confidence >= self.model.config.threshold, alternatives=tuple(candidates[1:]),
            seconds=0.0, model=self.name,
        )  # fmt: skip

    def _calibrated(self, mass: float) -> float:
        """Raw probability -> estimated probability of a hit, by the line fitted on logits."""
        slope, intercept = self.model.config.calibration
        mass = min(max(mass, 1e-6), 1 - 1e-6)
        return float(1 / (1 + np.exp(-(slope * np.log(mass / (1 - mass)) + intercept))))


def _same_place(one: Box, other: Box) -> bool:
    """Whether two boxes are the same line but for a little."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    whole = max((box.x1 - box.x0) * (box.y1 - box.y0) for box in (one, other))
    return width > 0 and height > 0 and width * height > SAME * whole


def in_order(found: list[Region], number: int) -> list[Region]:
    """The number-th (LAST: the last) of the regions that are about as likely as the best, then the others.

    The model gives namesakes the same probability, so theirs is the sum that says whether they are there at all.
    """
    alike = [region for region in found if region.mass >= 0.25 * found[0].mass]
    total = sum(region.mass for region in alike)
    ordered = sorted(alike, key=lambda region: (round(region.point.y / 12), region.point.x))
    place = len(ordered) - 1 if number == ask.LAST else min(number, len(ordered)) - 1
    chosen = ordered[place]
    enough = number in (1, ask.LAST) or number <= len(ordered)
    return [
        chosen._replace(mass=total if enough else chosen.mass),
        *(region for region in found if region is not chosen),
    ]


def regions(
    logits: Tensor, shape: Sequence[int], size: tuple[int, int], temperature: float, count: int = CANDIDATES
) -> list[Region]:
    """Logits (H * W + 1) -> the likeliest groups of cells, best first, in CSS pixels of a page of the given size."""
    probabilities = (logits.float() / temperature).softmax(0)[:-1].view(shape[0], shape[1]).numpy().copy()
    found = []
    for _ in range(count):
        peak = np.unravel_index(int(probabilities.argmax()), probabilities.shape)
        cells = _grow(probabilities, (int(peak[0]), int(peak[1])))
        found.append(_region(probabilities, cells, size))
        for cell in cells:
            probabilities[cell] = 0
    return sorted(found, key=lambda region: -region.mass)


def _grow(probabilities: np.ndarray, seed: tuple[int, int]) -> list[tuple[int, int]]:
    """Cells connected to the seed that hold at least a twentieth of its probability."""
    floor = probabilities[seed] * 0.05
    inside, edge = {seed}, [seed]
    height, width = probabilities.shape
    while edge and len(inside) < 2000:
        row, column = edge.pop()
        for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            on_page = 0 <= cell[0] < height and 0 <= cell[1] < width
            if on_page and cell not in inside and probabilities[cell] > floor:
                inside.add(cell)
                edge.append(cell)
    return list(inside)


def _region(probabilities: np.ndarray, cells: list[tuple[int, int]], size: tuple[int, int]) -> Region:
    """Box around the cells and the likely cell nearest to their centre of mass."""
    places = np.array(cells)
    weights = probabilities[places[:, 0], places[:, 1]].astype(np.float64)
    mass = float(weights.sum())
    centre = (places * weights[:, None]).sum(0) / max(mass, 1e-12)
    likely = places[weights >= weights.max() * 0.5]
    row, column = likely[np.argmin(((likely - centre) ** 2).sum(1))]
    x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
    (top, left), (bottom, right) = places.min(0), places.max(0) + 1
    box = Box(
        x0=float(left * STRIDE),
        y0=float(top * STRIDE),
        x1=float(min(right * STRIDE, size[0])),
        y1=float(min(bottom * STRIDE, size[1])),
    )
    return Region(Point(x=float(min(x, size[0] - 1)), y=float(min(y, size[1] - 1))), box, mass)


def _moved(pointing: Pointing, scale: float, dx: float, dy: float) -> Pointing:
    """A pointing of a crop, in the frame of the page."""

    def move(point: Point) -> Point:
        return Point(x=point.x * scale + dx, y=point.y * scale + dy)

    box = pointing.box and Box(
        x0=pointing.box.x0 * scale + dx,
        y0=pointing.box.y0 * scale + dy,
        x1=pointing.box.x1 * scale + dx,
        y1=pointing.box.y1 * scale + dy,
    )
    others = tuple(Candidate(point=move(c.point), confidence=c.confidence) for c in pointing.alternatives)
    return pointing.model_copy(
        update={"point": pointing.point and move(pointing.point), "box": box, "alternatives": others}
    )
