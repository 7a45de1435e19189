"""What the encoder and the connector learn: where lines of text and elements are. See `train`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from deixis.vlm import finder
from deixis.vlm.config import NanoConfig
from deixis.vlm.connector import Maps
from deixis.vlm.data import Part, Parts
from deixis.vlm.model import SEEING, Nano

STEM_EVERY = 4
"""Steps from one in which the stem learns to the next: it is half of the work, and knows letters already."""


class Sight:
    """Stage `see`."""

    parts: Sequence[str] = SEEING
    shapes = True

    def __init__(self, screens: Path, fonts: Path | None, tiles: int) -> None:
        self.screens, self.fonts, self.tiles, self.count = screens, fonts, tiles, 0

    def examples(self, seed: int) -> IterableDataset[Any]:
        return Parts(self.screens, self.fonts, NanoConfig(), seed, self.tiles)

    def loss(self, model: Nano, batch: list[Part]) -> tuple[Tensor, dict[str, float]]:
        tiles = sum(len(part.page.plan) for part in batch)
        self.count += 1
        total, figures = torch.zeros(()), {"lines": 0.0, "elements": 0.0}
        for part in batch:
            share = len(part.page.plan) / tiles
            maps = model.see(part.page, held=self.count % STEM_EVERY > 0)
            lines = finder.line_loss(maps, part.lines)
            total = total + share * lines
            figures["lines"] += share * lines.item()
            if part.elements is not None:
                elements = finder.element_loss(maps, part.elements)
                total = total + share * elements
                figures["elements"] += share * elements.item()
        with torch.no_grad():
            figures |= rates(maps, part)
        return total, figures


def rates(maps: Maps, part: Part) -> dict[str, float]:
    """How many of the elements of one part are found: a middle within the box's own cells; roles right at middles."""
    if part.elements is None or not len(part.elements.cells):
        return {}
    said = maps.elements.float()
    middles = part.elements.heat == 1
    cells = part.elements.cells
    here = said[cells[:, 0], cells[:, 1]]
    right = (here[:, 5:].argmax(1) == part.elements.roles).float().mean().item()
    return {"middles": (said[..., 0].sigmoid()[middles] > finder.MIDDLE).float().mean().item(), "roles": right}
