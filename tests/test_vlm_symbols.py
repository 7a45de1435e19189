"""Drawings are cut out along their ink, and look the same on light and dark, small and large, framed or not."""

from random import Random

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from deixis.vlm.symbols import MARGIN, SIZE, Symbols, drawing_of, meant
from deixis.vlm.train_symbols import LARGE, seen_as
from tests.small_nano import SMALL


def cross(size: int, ink: str, ground: str, frame: str = "") -> Image.Image:
    image = Image.new("RGB", (size + 20, size + 12), ground)
    draw = ImageDraw.Draw(image)
    if frame:
        draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=frame)
    for ends in ((10, 6, 9 + size, 5 + size), (10, 5 + size, 9 + size, 6)):
        draw.line(ends, fill=ink, width=max(2, size // 8))
    return image


@pytest.mark.parametrize(
    ("size", "ink", "ground", "frame"),
    [(16, "white", "black", ""), (48, "#07c", "#fff", ""), (24, "black", "#eee", "#999")],
)
def test_a_drawing_is_the_same_wherever_it_stands(size: int, ink: str, ground: str, frame: str) -> None:
    plain, other = drawing_of(cross(24, "black", "white")), drawing_of(cross(size, ink, ground, frame))
    assert plain is not None and other is not None and plain.shape == (SIZE, SIZE)
    assert float((plain * other).sum()) / float(np.sqrt((plain**2).sum() * (other**2).sum())) > 0.8
    assert plain[:MARGIN].max() == 0


def test_where_nothing_is_drawn_there_is_no_drawing() -> None:
    assert drawing_of(Image.new("RGB", (30, 30), "teal")) is None
    assert drawing_of(Image.new("RGB", (2, 30), "teal")) is None


def test_examples_are_seen_as_drawings_again() -> None:
    ink = np.zeros((LARGE, LARGE), np.uint8)
    ink[20:44, 28:36] = ink[28:36, 20:44] = 255  # a plus
    found = [drawing_of(seen_as(ink, Random(k))) for k in range(30)]
    middles = [
        drawing[SIZE // 2 - 4 : SIZE // 2 + 4, SIZE // 2 - 4 : SIZE // 2 + 4].mean()
        for drawing in found
        if drawing is not None
    ]
    assert len(middles) >= 28 and np.mean(middles) > 0.7


@pytest.mark.parametrize("off", [(-3, -3), (0, 0), (3, 2)])
def test_neither_the_edge_of_a_button_nor_what_is_beside_it_belongs_to_a_drawing(off: tuple[int, int]) -> None:
    page = Image.new("RGB", (90, 70), "white")
    draw = ImageDraw.Draw(page)
    draw.rounded_rectangle((25, 15, 60, 50), 4, outline="#888")
    draw.line((68, 10, 68, 60), fill="black", width=3)
    page.paste(cross(16, "black", "white").crop((8, 4, 28, 24)), (33, 23))
    left, top = 25 + off[0] - 5, 15 + off[1] - 5
    found = drawing_of(page.crop((left, top, left + 46, top + 46)), around=5)
    plain = drawing_of(cross(24, "black", "white"))
    assert plain is not None and found is not None
    assert float((plain * found).sum()) / float(np.sqrt((plain**2).sum() * (found**2).sum())) > 0.8


@pytest.mark.parametrize("count", [1, 8, 19])
def test_drawings_are_understood_by_few_at_once(count: int) -> None:
    torch.manual_seed(0)
    model, drawings = Symbols(SMALL.symbols).eval(), torch.rand(count, 1, SIZE, SIZE)
    with torch.inference_mode():
        assert torch.allclose(meant(model, drawings), model(drawings), atol=1e-4)
