"""Targets told apart by what stands beside them, by values' shapes, and by number."""

import numpy as np
import pytest

from deixis.browser.types import Box
from deixis.vlm import beside, counting, spans
from deixis.vlm.places import Place, in_order, namesakes, place_at
from deixis.vlm.runs import runs_of
from deixis.vlm.things import Things, gathered
from tests.small_nano import sighted


@pytest.mark.parametrize(
    ("request_", "target", "way", "anchor"),
    [
        ("the Delete in the row of Alice", "the Delete", "row", "Alice"),
        ("in Chen's row, the Edit button", "the Edit button", "row", "Chen"),
        ("Open next to 'Chen Wei'", "Open", "near", "Chen Wei"),
        ("Save below the Address heading", "Save", "below", "Address heading"),
        ("the Edit to the left of Bob", "the Edit", "left", "Bob"),
        ("Alice's Remove button", "Remove button", "of", "Alice"),
        ("the Buy button for the Blue kettle", "the Buy button", "of", "Blue kettle"),
    ],
)
def test_a_request_is_taken_apart(request_: str, target: str, way: str, anchor: str) -> None:
    assert beside.Beside(target, way, anchor) in list(beside.readings(request_))


@pytest.mark.parametrize("request_", ["Save", "the Sign in button", "log me in"])
def test_a_plain_name_is_not(request_: str) -> None:
    assert not list(beside.readings(request_))


def test_two_names_one_after_the_other() -> None:
    found = list(beside.splits("Compare the Blue kettle"))
    assert beside.Beside("Compare", "of", "Blue kettle") in found and not list(beside.splits("Compare"))
    assert beside.Beside("Delete", "of", "Blue kettle") in list(beside.splits("Blue kettle Delete"))


def test_a_label_is_nothing_but_its_words() -> None:
    things = gathered(
        sighted([("Blue kettle", (20.0, 20.0, 100.0, 36.0)), ("the Blue kettle boils", (20.0, 60.0, 200.0, 76.0))], [])
    )
    assert [box.y0 for box in spans.labels("blue kettle", runs_of(things), things)] == [20.0]


@pytest.mark.parametrize(
    ("request_", "of", "example"),
    [
        ("how much is the Walnut desk", "Walnut desk", "$129.00"),
        ("the price of Garden hose", "Garden hose", "24,90 €"),
        ("what does the teapot cost?", "teapot", "£5"),
        ("Ada's email address", "Ada", "ada@example.org"),
        ("the date under Created", "Created", "2026-03-01"),
    ],
)
def test_what_a_value_is_asked_of(request_: str, of: str, example: str) -> None:
    found = beside.value(request_)
    assert found is not None and found[0] == of and found[1].match(example) and not found[1].match("Walnut desk")


def at(x: float, y: float, width: float = 60, height: float = 20) -> Box:
    return Box(x0=x, y0=y, x1=x + width, y1=y + height)


def test_the_nearest_that_way_is_meant_when_it_is_clearly_so() -> None:
    rows = [at(400, 100), at(400, 140), at(400, 180)]
    assert beside.nearest("row", rows, [at(20, 141)]) == 1
    assert beside.nearest("below", [at(0, 0), at(0, 100), at(0, 200)], [at(5, 60)]) == 1
    assert beside.nearest("above", [at(0, 0), at(0, 100), at(0, 200)], [at(5, 60)]) == 0
    assert beside.nearest("right", [at(0, 0), at(200, 0)], [at(100, 0)]) == 1
    assert beside.nearest("column", [at(0, 100), at(300, 100)], [at(310, 20)]) == 1
    assert beside.nearest("near", [at(0, 0), at(200, 0)], [at(100, 0)]) is None  # as near on either side
    assert beside.nearest("row", rows, [at(20, 400)]) is None and beside.nearest("row", [], [at(0, 0)]) is None


def shelf() -> Things:
    texts = [
        ("Walnut desk", 20.0, 20.0),
        ("$129.00", 20.0, 50.0),
        ("Blue kettle", 320.0, 20.0),
        ("$24.50", 320.0, 50.0),
    ]
    return gathered(sighted([(text, (x, y, x + 8.0 * len(text), y + 16)) for text, x, y in texts], []))


def test_prices_are_found_by_their_shape_and_what_they_stand_under() -> None:
    things = shelf()
    found = beside.value("how much is the Blue kettle")
    assert found is not None
    of, shape = found
    prices = spans.shaped(shape, things)
    anchors = spans.written(of, runs_of(things), things)
    chosen = beside.nearest("of", list(prices.values()), anchors)
    assert len(prices) == 2 and chosen is not None and things.texts[list(prices)[chosen]] == "$24.50"


def test_all_that_say_the_same_are_counted_however_likely_each_is() -> None:
    lines = [("Edit", (20.0, 20.0 + 40 * i, 52.0, 36.0 + 40 * i)) for i in range(4)]
    things = gathered(sighted([*lines, ("Editor", (200.0, 20.0, 248.0, 36.0))], []))
    runs = runs_of(things)
    masses = [0.9, 0.05, 0.03, 0.02, 0.04]
    places: list[Place] = [place_at(things.boxes[i].tolist(), mass, i) for i, mass in enumerate(masses)]
    places.sort(key=lambda place: -place.mass)
    same = namesakes(things, places, spans.alone(spans.likeness("the Edit button", runs), runs, things))
    assert [place.thing for place, one in zip(places, same, strict=True) if one] == [0, 1, 2, 3]
    assert [in_order(places, number, same)[0].thing for number in (1, 2, 3, 4)] == [0, 1, 2, 3]
    assert namesakes(things, [], np.zeros((0, 2))) == []


@pytest.mark.parametrize(
    ("request_", "number", "on", "thing"),
    [
        ("Repeat in the second row", 2, "Repeat", ""),
        ("Add to bag of the first product", 1, "Add to bag", ""),
        ("hide the third story", 3, "hide", "story"),
        ("the last Edit", counting.LAST, "the", "edit"),
        ("2nd result", 2, "", ""),
    ],
)
def test_what_is_wanted_of_a_counted_thing(request_: str, number: int, on: str, thing: str) -> None:
    found = counting.counted(request_)
    assert found is not None and (found.number, found.on, found.thing) == (number, on, thing)
