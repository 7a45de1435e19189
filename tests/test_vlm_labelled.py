"""The control that a label belongs to."""

import pytest

from deixis.vlm import labelled
from deixis.vlm.places import Place, place_at
from deixis.vlm.things import Things, gathered
from tests.small_nano import sighted

LABELS = [
    ("Sounds", (20.0, 100.0, 80.0, 116.0)),
    ("Quiet hours", (20.0, 160.0, 110.0, 176.0)),
    ("City", (20.0, 220.0, 50.0, 236.0)),
]


def page(role: str = "field") -> Things:
    controls = [(700.0, 96.0, 740.0, 120.0), (500.0, 150.0, 740.0, 186.0), (20.0, 242.0, 260.0, 276.0)]
    return gathered(sighted(LABELS, controls, role))


def at(things: Things, number: int) -> Place:
    return place_at(things.boxes[number].tolist(), 0.8, number)


@pytest.mark.parametrize(
    ("number", "question", "written"),
    [(0, "turn on Sounds", 0.0), (1, "quiet hours", 1.0), (2, "City", 1.0), (2, "type the city", 0.2)],
)
def test_a_label_stands_for_its_control(number: int, question: str, written: float) -> None:
    things = page()
    found = labelled.control_of(things, at(things, number), question, written)
    assert found is not None and found.thing == things.lines + number and found.mass == 0.8
    assert found.box.contains(found.point)


@pytest.mark.parametrize(
    ("question", "written"), [("the Sounds link", 1.0), ("read Sounds", 1.0), ("make it noisy", 0.1)]
)
def test_it_stands_for_itself_where_no_control_is_meant(question: str, written: float) -> None:
    things = page()
    assert labelled.control_of(things, at(things, 0), question, written) is None


def test_a_button_is_no_control_and_what_stands_between_keeps_a_label_from_it() -> None:
    buttons = page("button")
    assert labelled.control_of(buttons, at(buttons, 0), "turn on Sounds", 1.0) is None
    between = [*LABELS, ("Volume", (400.0, 100.0, 460.0, 116.0))]
    things = gathered(sighted(between, [(700.0, 96.0, 740.0, 120.0)], "switch"))
    assert labelled.control_of(things, at(things, 0), "turn on Sounds", 1.0) is None
    far = labelled.control_of(things, at(things, 3), "turn on Volume", 1.0)
    assert far is not None and far.thing == things.lines


def test_a_field_keeps_the_label_on_its_row() -> None:
    lines = [("Address", (120.0, 100.0, 180.0, 116.0)), ("City", (20.0, 130.0, 50.0, 146.0))]
    things = gathered(sighted(lines, [(120.0, 122.0, 400.0, 154.0)], "field"))
    assert labelled.control_of(things, at(things, 0), "type the Address", 1.0) is None
    found = labelled.control_of(things, at(things, 1), "type the City", 1.0)
    assert found is not None and found.thing == things.lines


def test_a_bare_name_leaves_alone_the_box_of_another_panel() -> None:
    """A box to tick far to the right is a label's own if it ends the row, as a switch in settings does; asked for, it is it."""
    lines, box = [("Overview", (20.0, 100.0, 90.0, 116.0))], [(300.0, 98.0, 320.0, 118.0)]
    ends = gathered(sighted(lines, box, "checkbox"))
    found = labelled.control_of(ends, at(ends, 0), "Overview", 1.0)
    assert found is not None and found.thing == ends.lines
    followed = gathered(sighted([*lines, ("Name", (340.0, 100.0, 380.0, 116.0))], box, "checkbox"))
    assert labelled.control_of(followed, at(followed, 0), "Overview", 1.0) is None
    assert labelled.control_of(followed, at(followed, 0), "tick Overview", 1.0) is not None


def test_a_title_is_not_the_label_of_the_search_field_at_the_other_end() -> None:
    lines = [
        ("The Shop", (20.0, 100.0, 90.0, 116.0)), ("City", (20.0, 160.0, 50.0, 176.0)), ("Quick search", (910.0, 100.0, 990.0, 116.0)),
    ]  # fmt: skip
    fields = [(900.0, 96.0, 1100.0, 120.0), (200.0, 156.0, 400.0, 180.0)]
    things = gathered(sighted(lines, fields, "field"))
    assert labelled.control_of(things, at(things, 0), "The Shop", 1.0) is None
    asked, near = (labelled.control_of(things, at(things, n), q, 1.0) for n, q in ((0, "the Shop field"), (1, "City")))
    assert asked is not None and near is not None
