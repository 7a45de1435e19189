"""Colours that are asked for: taken from the words unless they belong to a name, and looked for in the pixels."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from deixis.browser.types import Screenshot
from deixis.vlm import hues
from deixis.vlm.pointer import NanoPointer

PLACES = {"blue": (40, 40), "green": (240, 40), "crimson": (440, 40)}


def page(text: str = "Send") -> Image.Image:
    image = Image.new("RGB", (640, 300), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    for colour, (x, y) in PLACES.items():
        draw.rounded_rectangle([x, y, x + 110, y + 34], 5, colour)
        draw.text((x + 55, y + 17), text, "white", font, anchor="mm")
    return image


@pytest.mark.parametrize(
    ("request_", "rest", "colour"),
    [
        ("the green button", "the button", "green"),
        ("click the dark blue Send button", "click the Send button", "blue"),
        ("the reddish icon", "the icon", "red"),
        ("a violet-coloured link", "a link", "purple"),
        ("the Blue kettle", "the Blue kettle", None),
        ("the 'green' button", "the 'green' button", None),
        ("the button", "the button", None),
        ("the green 'Save' button", "the 'Save' button", "green"),
        ("the bluish button", "the button", "blue"),
        ("the blue kettle's price", "the blue kettle's price", None),
        ("the blue-green button", "the blue-green button", None),
        ("select red from the list", "select red from the list", None),
        ("the pınk button", "the pınk button", None),
        ("Redo the change", "Redo the change", None),
    ],
)
def test_colours_in_words(request_: str, rest: str, colour: str | None) -> None:
    assert hues.asked(request_, lambda words: words.lower() == "blue kettle") == (rest, colour)


def test_what_shows_the_colour_counts_more() -> None:
    boxes = np.array([[x, y, x + 110, y + 34] for x, y in PLACES.values()], dtype=float)
    assert (hues.weights(page(), boxes, "green") > 0.9).tolist() == [False, True, False]
    assert (hues.weights(page(), boxes, "red") > 0.9).tolist() == [False, False, True]
    assert hues.weights(page(), boxes, "yellow").tolist() == [1.0, 1.0, 1.0]
    outside = np.array([[-20.0, -20.0, -5.0, -5.0], [700.0, 10.0, 800.0, 20.0]])
    assert np.isfinite(hues.weights(page(), outside, "blue")).all()


def test_one_of_several_with_the_same_words_is_told_by_its_colour() -> None:
    out = io.BytesIO()
    page().save(out, "PNG")
    shot = Screenshot(png=out.getvalue(), width=640, height=300)
    found = NanoPointer(threads=1).point_many(
        shot, ["the green Send button", "click the red Send button", "the blue Send"]
    )
    lefts = [PLACES[colour][0] for colour in ("green", "crimson", "blue")]
    assert [
        one.point is not None and left < one.point.x < left + 110 for one, left in zip(found, lefts, strict=True)
    ] == [True] * 3
