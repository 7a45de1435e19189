"""Lines and elements: what the heads should say comes back as the boxes it was made from."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deixis.vlm import finder
from deixis.vlm.config import ROLES
from deixis.vlm.connector import ELEMENT, LINE, Maps
from deixis.vlm.vit import STRIDE

H, W = 48, 84


def said_of_lines(wanted: finder.LineTargets) -> Maps:
    """Maps of a model that says just what it should."""
    lines = torch.zeros(H, 2 * W, LINE)
    lines[..., 0] = torch.where(wanted.written == 1, 6.0, -6.0)
    lines[..., 1:3] = wanted.edges / finder.REACH
    lines[..., 3] = torch.where(wanted.joined == 1, 6.0, -6.0)
    return Maps(torch.zeros(H, W, 1), lines, torch.full((H, W, ELEMENT), -9.0))


def test_lines_come_back_as_they_are() -> None:
    boxes = [
        (40.0, 30.0, 200.0, 46.0),
        (40.0, 48.0, 160.0, 64.0),
        (300.0, 30.0, 420.0, 66.0),
        (40.0, 200.0, 60.0, 211.0),
    ]
    found = finder.lines(said_of_lines(finder.line_targets(boxes, [], (H, W))))
    assert len(found) == len(boxes)
    for box in boxes:
        near = min(found, key=lambda other: sum(abs(a - b) for a, b in zip(box, other, strict=True)))
        assert all(abs(a - b) <= 4.5 for a, b in zip(box, near, strict=True)), (box, near)


def test_columns_that_are_not_joined_are_two_lines() -> None:
    found = finder.lines(
        said_of_lines(finder.line_targets([(40.0, 32.0, 100.0, 48.0), (104.0, 32.0, 200.0, 48.0)], [], (H, W)))
    )
    assert len(found) == 2


def test_a_piece_of_a_line_is_no_line_of_its_own() -> None:
    maps = said_of_lines(finder.line_targets([(40.0, 32.0, 200.0, 48.0)], [], (H, W)))
    above = torch.tensor([6.0, (28 - 26) / finder.REACH, (42 - 28) / finder.REACH, 6.0])  # six pixels higher
    maps.lines[3, 10:13] = above
    assert [(box[0], box[2]) for box in finder.lines(maps)] == [(40.0, 200.0)]
    maps.lines[3, 10:13, 2] = (36 - 28) / finder.REACH  # a smaller one over it, which only touches it
    assert len(finder.lines(maps)) == 2


def test_lines_of_one_row_are_read_from_the_left_however_their_middles_differ() -> None:
    row = [(64.0, 3.0, 120.0, 14.8), (2.0, 3.0, 60.0, 15.2), (130.0, 1.0, 180.0, 17.5)]
    below = [(300.0, 18.0, 340.0, 30.0), (2.0, 19.0, 60.0, 31.0)]
    heading = (200.0, 0.0, 400.0, 40.0)  # its middle is that of the second row
    assert finder.reading_order([*below, *row, heading]) == [3, 2, 4, 1, 5, 0]
    assert finder.reading_order([]) == []


def test_an_empty_page_has_neither_lines_nor_elements() -> None:
    maps = said_of_lines(finder.line_targets([], [], (H, W)))
    assert finder.lines(maps) == [] and finder.elements(maps) == []


def test_nothing_is_said_of_what_is_not_known() -> None:
    wanted = finder.line_targets([(200.0, 40.0, 260.0, 56.0)], [(0.0, 0.0, 80.0, 80.0)], (H, W))
    assert (wanted.written[:10, :20] == finder.IGNORE).all() and (wanted.written == 1).any()
    loss = finder.line_loss(said_of_lines(wanted), wanted)
    assert loss < 0.05


@settings(max_examples=40, deadline=None)
@given(st.floats(10, 500), st.floats(10, 300), st.floats(12, 160), st.floats(12, 70), st.integers(0, len(ROLES) - 1))
def test_an_element_comes_back_as_it_is(x: float, y: float, width: float, height: float, role: int) -> None:
    box = [x, y, min(x + width, W * STRIDE - 1.0), min(y + height, H * STRIDE - 1.0)]
    wanted = finder.element_targets([{"box": box, "role": ROLES[role]}], (H, W))
    said = torch.zeros(H, W, ELEMENT)
    said[..., 0] = torch.where(wanted.heat == 1, 6.0, -6.0)
    said[wanted.cells[:, 0], wanted.cells[:, 1], 1:5] = wanted.edges
    said[wanted.cells[:, 0], wanted.cells[:, 1], 5 + role] = 9.0
    (found,) = finder.elements(Maps(torch.zeros(H, W, 1), torch.zeros(H, 2 * W, LINE), said))
    assert all(abs(a - b) < 1.0 for a, b in zip(box, found.box, strict=True))
    assert max(found.roles) == found.roles[role] > 0.9


def test_of_two_that_overlap_the_surer_is_kept() -> None:
    said = torch.full((H, W, ELEMENT), 0.0)
    said[..., 0] = -6.0
    for column, sure in ((20, 4.0), (22, 2.0), (60, 3.0)):
        said[10, column, 0] = sure
        said[10, column, 1:5] = torch.tensor([1.6, 0.7, 1.6, 0.7])
    found = finder.elements(Maps(torch.zeros(H, W, 1), torch.zeros(H, 2 * W, LINE), said))
    assert [round((e.box[0] + e.box[2]) / 2 / STRIDE) for e in found] == [20, 60]
