"""Short words found by a part of them are followed to their last letter; drawings and edges beside them are not taken."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from deixis.vlm import ink

WORD = "5780"


def page(text: str = WORD) -> tuple[Image.Image, tuple[float, float, float, float]]:
    image = Image.new("RGB", (300, 100), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    draw.text((100, 40), text, "#334455", font)
    return image, draw.textbbox((100, 40), text, font)


@pytest.mark.parametrize("part", [(0.4, 1.0), (0.0, 0.6), (0.3, 0.7)])
def test_a_short_word_is_followed_to_its_ends(part: tuple[float, float]) -> None:
    image, (x0, y0, x1, y1) = page()
    width = x1 - x0
    (found,) = ink.ended([(x0 + part[0] * width, y0 - 2, x0 + part[1] * width, y1 + 2)], np.asarray(image))
    assert abs(found[0] - x0) <= 2 and abs(found[2] - x1) <= 2


def test_the_next_word_and_the_next_line_stay_out() -> None:
    image, (x0, y0, x1, y1) = page(f"{WORD} {WORD}")
    first = ImageDraw.Draw(image).textlength(WORD, ImageFont.load_default(15))
    (found,) = ink.ended([(x0, y0 - 2, x0 + first * 0.6, y1 + 2)], np.asarray(image))
    assert abs(found[2] - x0 - first) <= 2
    half = (x0, y0 - 2, x0 + first / 2, y1 + 2)
    found, _ = ink.ended([half, (x0 + first / 2, y0 - 2, x1, y1 + 2)], np.asarray(image))
    assert found == half


def test_an_edge_beside_a_word_is_not_one_of_its_letters() -> None:
    image, (x0, y0, x1, y1) = page()
    ImageDraw.Draw(image).line([x1 + 2, 20, x1 + 2, 80], "#334455", 1)
    box = (x0, y0 - 2, x1, y1 + 2)
    assert ink.ended([box], np.asarray(image)) == [box]


def test_long_lines_and_specks_stay_as_they_are() -> None:
    image, (x0, y0, x1, y1) = page("A long line of text")
    boxes = [(x0, y0 - 2, x1 - 20, y1 + 2), (0.0, 0.0, 2.0, 20.0), (290.0, 80.0, 298.0, 84.0)]
    assert ink.ended(boxes, np.asarray(image)) == boxes
