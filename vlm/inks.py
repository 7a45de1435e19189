"""Which words are written in blue where other text is black, grey or white: as links are, by custom.

Where a name stands twice, in running text and as a link that was not found as one, this tells which can be clicked.
Boxes are CSS pixels, colours RGB. Knows no model and no question.
"""

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deixis.vlm.finder import Box
from deixis.vlm.runs import Runs
from deixis.vlm.things import Things

COLOURED, GREY = 60.0, 40.0
"""Levels between the strongest and the weakest channel: from which a colour is one, and up to which it is none."""
BLUES = (190 / 360, 260 / 360)
INK = 0.12
"""The share of a word's pixels, those least like its ground, that are its ink."""
MANY = 60
"""Words that are looked at to know what text looks like."""


def ink(picture: Image.Image, box: Box) -> NDArray[np.float32]:
    """(3,) the colour of what is written in a box; NaN where it is too small."""
    x0, y0, x1, y1 = (round(v) for v in box)
    part = np.asarray(picture.crop((x0, y0, max(x1, x0), max(y1, y0))), np.float32).reshape(-1, 3)
    if len(part) < 20:
        return np.full(3, np.nan, np.float32)
    far = np.abs(part - np.median(part, 0)).sum(1)
    colour: NDArray[np.float32] = part[np.argsort(-far)[: max(4, int(INK * len(part)))]].mean(0)
    return colour


def as_links(picture: Image.Image, things: Things, runs: Runs, some: Sequence[int]) -> NDArray[np.float64]:
    """(R,) 1 for those of some runs that are written in blue, else 0; all 0 where text has colours anyway.

    picture: at one pixel per CSS pixel.
    """
    out = np.zeros(len(runs.letters))
    words = things.words[:: max(1, len(things.words) // MANY)]
    texts = np.array([ink(picture, word.box) for word in words])
    texts = texts[~np.isnan(texts).any(1)]
    if not len(texts) or np.ptp(np.median(texts, 0)) > GREY:
        return out
    for run in some:
        inks = np.array([ink(picture, things.words[word].box) for word in runs.words[run]])
        inks = inks[~np.isnan(inks).any(1)]
        if len(inks):
            colour = inks.mean(0)
            hue, *_ = colorsys.rgb_to_hsv(*(colour / 255).tolist())
            out[run] = float(np.ptp(colour) > COLOURED and BLUES[0] <= hue <= BLUES[1])
    return out
