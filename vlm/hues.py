"""Colours in words and in pixels: "the green button", "the red Delete". What shows the colour counts more.

Black, white and grey are on every page and tell nothing apart, so they are not looked for. Boxes are CSS pixels. Knows no
model and no question.
"""

import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deixis.vlm.simpler import Written

HUES = {
    "red": ((345, 360), (0, 15)), "orange": ((15, 45),), "yellow": ((45, 68),), "green": ((75, 175),), "blue": ((190, 255),),
    "purple": ((255, 300),), "pink": ((300, 345),),
}  # fmt: skip
"""Degrees on the circle of colours."""
ALSO = {
    "bluish": "blue",
    "purplish": "purple",
    "violet": "purple",
    "magenta": "pink",
    "navy": "blue",
    "crimson": "red",
    "lime": "green",
}
SHOWN = 0.12
"""Share of a thing's pixels from which it is of a colour for sure: letters and thin drawings have no more."""
LEAST = 0.03
"""What counts of a thing that shows nothing of the colour."""
_WORD = re.compile(
    rf"(?<![\w/-])(?:(?:light|dark|bright|deep|pale) )?(?P<colour>{'|'.join([*HUES, *ALSO])})(?:d?ish)?(?:[ -]colou?red)? "
    r"(?!(?:in|on|at|from|below|above|under|and|or|as|for|to|next|with|of|now|please)\b)(?=[\w'\"“‘«`])",
    re.I | re.A,
)


def asked(request: str, written: Written) -> tuple[str, str | None]:
    """The request without the colour it asks for, and that colour; None where there is none, or it is part of a name."""
    outside = re.sub(r"['\"“‘«`].*['\"”’»`]", lambda m: m[0][0] + " " * (len(m[0]) - 2) + m[0][-1], request)
    found = _WORD.search(outside)
    if found is None:
        return request, None
    colour, shown = found["colour"].lower(), found[0].strip()
    next_word = re.sub(r"['’]s$", "", request[found.end() :].split()[0])
    if any(map(written, (colour, shown, f"{colour} {next_word}", f"{shown} {next_word}"))):
        return request, None
    return request[: found.start()] + request[found.end() :], ALSO.get(colour, colour)


def coloured(image: Image.Image, colour: str) -> NDArray[np.bool_]:
    """(height, width): which pixels of a picture have that colour."""
    hue, saturation, value = (np.asarray(plane, dtype=np.float32) for plane in image.convert("HSV").split())
    degrees = hue * 360 / 255
    fits = np.zeros(degrees.shape, dtype=bool)
    for low, high in HUES[colour]:
        fits |= (degrees >= low) & (degrees <= high)
    return fits & (saturation * value > 255 * 20) & (value > 40)


def weights(image: Image.Image, boxes: NDArray[np.floating], colour: str) -> NDArray[np.float64]:
    """(N,) how much boxes (N, 4) count where that colour is asked for, LEAST to 1; all 1 where nothing has it.

    image: at one pixel per CSS pixel.
    """
    fits = coloured(image, colour)
    sums = np.zeros((fits.shape[0] + 1, fits.shape[1] + 1))
    sums[1:, 1:] = fits.cumsum(0).cumsum(1)
    edges = boxes.reshape(-1, 4).round().astype(int)
    x0, x1 = (edges[:, k].clip(0, fits.shape[1]) for k in (0, 2))
    y0, y1 = (edges[:, k].clip(0, fits.shape[0]) for k in (1, 3))
    inside = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    counts = (inside / np.maximum((x1 - x0) * (y1 - y0), 1) / SHOWN).clip(LEAST, 1.0)
    return counts if len(counts) and counts.max() > 2 * LEAST else np.ones(len(counts))
