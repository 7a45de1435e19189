"""Pointing with deixis-nano: a screenshot and words in, CSS pixels and a confidence out.

The one place where the model's cells and CSS pixels meet. A page is encoded once and kept until another screenshot
comes, so further targets on it are nearly free. Knows nothing of browsers and tasks.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from deixis.browser.types import Box, Candidate, Point, Pointing, Screenshot
from deixis.vlm import checkpoint
from deixis.vlm.image import css_image, open_image, prepare
from deixis.vlm.model import Encoded, Nano
from deixis.vlm.vit import STRIDE

CANDIDATES = 4
CROP = (336, 192)
"""CSS width and height of the second look's crop."""
ZOOM = 1.5


class Region(NamedTuple):
    """A connected group of likely cells, on the page."""

    point: Point
    box: Box
    mass: float
    """Summed probability."""


class NanoPointer:
    """The embedded model, or weights of the same kind from a file."""

    def __init__(self, weights: Path | None = None, threads: int | None = None) -> None:
        path = weights or checkpoint.embedded()
        self.model: Nano = checkpoint.load(path)
        self.name = "deixis-nano" if weights is None else path.stem
        self.weights_sha256 = checkpoint.sha256(path)
        if threads:
            torch.set_num_threads(threads)
        self._kept: tuple[str, Encoded] | None = None

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        """One Pointing a target, in order, in CSS pixels of the screenshot; the picture is encoded once."""
        start = time.perf_counter()
        page = self.encode(screenshot)
        shared = (time.perf_counter() - start) / max(len(targets), 1)
        return [self._answer(page, target, (screenshot.width, screenshot.height), shared) for target in targets]

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
        with torch.inference_mode():
            page = self.model.encode(prepare(crop, self.model.config.image))
        seen = self._answer(page, target, size, time.perf_counter() - start)
        return _moved(seen, 1 / ZOOM, x0, y0)

    def encode(self, screenshot: Screenshot) -> Encoded:
        """The page as the model sees it; the last one is kept."""
        key = hashlib.sha256(screenshot.png).hexdigest() + f"{screenshot.width}x{screenshot.height}"
        if self._kept is None or self._kept[0] != key:
            image = css_image(open_image(screenshot.png), screenshot.width, screenshot.height)
            with torch.inference_mode():
                self._kept = key, self.model.encode(prepare(image, self.model.config.image))
        return self._kept[1]

    def _answer(self, page: Encoded, target: str, size: tuple[int, int], shared: float) -> Pointing:
        start = time.perf_counter()
        with torch.inference_mode():
            logits = self.model.point(page, [target])[0]
        found = regions(logits, page.text_keys.shape[:2], size, self.model.config.temperature)
        candidates = [Candidate(point=r.point, confidence=self._calibrated(r.mass)) for r in found]
        first = candidates[0]
        return Pointing(
            target=target, point=first.point, box=found[0].box, confidence=first.confidence,
            found=first.confidence >= self.model.config.threshold, alternatives=tuple(candidates[1:]),
            seconds=shared + time.perf_counter() - start, model=self.name,
        )  # fmt: skip

    def _calibrated(self, mass: float) -> float:
        """Raw probability -> estimated probability of a hit, by the line fitted on logits."""
        slope, intercept = self.model.config.calibration
        mass = min(max(mass, 1e-6), 1 - 1e-6)
        return float(1 / (1 + np.exp(-(slope * np.log(mass / (1 - mass)) + intercept))))


def regions(logits: Tensor, shape: Sequence[int], size: tuple[int, int], temperature: float) -> list[Region]:
    """Logits (H * W + 1) -> the likeliest groups of cells, best first, in CSS pixels of a page of the given size."""
    probabilities = (logits / temperature).softmax(0)[:-1].view(shape[0], shape[1]).numpy().copy()
    found = []
    for _ in range(CANDIDATES):
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
