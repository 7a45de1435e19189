"""Fields found roughly are fitted to their edges; what has none stays as it was."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deixis.vlm import edges
from deixis.vlm.config import ROLES
from deixis.vlm.finder import Element

FIELD = (100.0, 50.0, 401.0, 83.0)


def page(fill: str = "white", outline: str | None = "#888888", text: str = "", radius: int = 0) -> Image.Image:
    image = Image.new("RGB", (640, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle([100, 50, 400, 82], radius, fill=fill, outline=outline)
    draw.text((110, 58), text, "black")
    return image


def element(box: tuple[float, float, float, float], role: str = "field", sure: float = 0.8) -> Element:
    return Element(box, sure, tuple(float(one == role) for one in ROLES))


@pytest.mark.parametrize(
    "image", [page(), page(radius=6), page(text="Grace Hopper"), page("#eeeeee", None), page("#222222", "#555555")]
)
def test_half_a_field_becomes_the_whole(image: Image.Image) -> None:
    for rough in ((220.0, 48.0, 402.0, 85.0), (90.0, 54.0, 300.0, 80.0), (140.0, 40.0, 460.0, 90.0)):
        (found,) = edges.settled([element(rough)], np.asarray(image))
        assert np.abs(np.array(found.box) - FIELD).max() <= 2


def test_a_field_that_was_found_twice_is_one() -> None:
    halves = [element((100.0, 50.0, 260.0, 83.0), sure=0.6), element((240.0, 50.0, 401.0, 83.0), sure=0.7)]
    (found,) = edges.settled(halves, np.asarray(page()))
    assert found.sure == 0.7


def test_what_has_no_edges_stays() -> None:
    line = Image.new("RGB", (640, 200), "white")
    ImageDraw.Draw(line).line([100, 82, 400, 82], "black")
    noise = Image.effect_noise((640, 200), 80).convert("RGB")
    rough = element((120.0, 48.0, 402.0, 85.0))
    for image in (line, noise, Image.new("RGB", (640, 200), "white")):
        assert edges.settled([rough], np.asarray(image)) == [rough._replace(sure=rough.sure * edges.SEEN)]
    link = element((120.0, 48.0, 402.0, 85.0), "link")
    assert edges.settled([link], np.asarray(page())) == [link]
    outside = element((600.0, 190.0, 700.0, 230.0))
    assert edges.settled([outside], np.asarray(page())) == [outside._replace(sure=outside.sure * edges.SEEN)]


def table(columns: list[int], rows: list[int]) -> Image.Image:
    image = Image.new("RGB", (640, 200), "white")
    draw = ImageDraw.Draw(image)
    for x in columns:
        draw.line([x, rows[0], x, rows[-1]], "#888888")
    for y in rows:
        draw.line([columns[0], y, columns[-1], y], "#888888")
    return image


@pytest.mark.parametrize(
    ("columns", "rows"), [([20, 100, 400, 600], [10, 50, 82, 120]), ([100, 400, 600], [50, 82, 120])]
)
def test_a_cell_of_a_table_is_no_field_to_the_pixel(columns: list[int], rows: list[int]) -> None:
    rough = element((110.0, 54.0, 360.0, 80.0))
    assert edges.settled([rough], np.asarray(table(columns, rows))) == [rough._replace(sure=rough.sure * edges.SEEN)]


def test_a_field_with_a_button_attached_is_a_field() -> None:
    (found,) = edges.settled([element((110.0, 54.0, 360.0, 80.0))], np.asarray(table([100, 400, 460], [50, 82])))
    assert np.abs(np.array(found.box) - FIELD).max() <= 2
