"""Parts of the screen in what people say: taken apart from the name, and what lies elsewhere counts less."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from deixis.browser.types import Box, Screenshot
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.where import LEAST, is_part, weights, where

PAGE = Box(x0=0, y0=0, x1=1000, y1=600)
CORNERS = {"top left": (30, 30), "top right": (970, 30), "bottom left": (30, 570), "bottom right": (970, 570)}


@pytest.mark.parametrize(
    ("request_", "rest", "corners"),
    [
        ("the Cards link in the sidebar", "the Cards link", {*CORNERS}),
        ("Sign in at the top right", "Sign in", {"top right"}),
        ("click Sign in in the upper right-hand corner of the page", "click Sign in", {"top right"}),
        ("the top left icon", "the icon", {"top left"}),
        ("bottom right corner chat bubble", "chat bubble", {"bottom right"}),
        ("in the footer, click Imprint", "click Imprint", {"bottom left", "bottom right"}),
        ("the third Edit on the left-hand side", "the third Edit", {"top left", "bottom left"}),
        ("Save in the dialog at the bottom", "Save", {"bottom left", "bottom right"}),
        ("the search box located in the header.", "the search box", {"top left", "top right"}),
        ("Accept on this page", "Accept", {*CORNERS}),
        ("click Go at the top", "click Go", {"top left", "top right"}),
        ("Settings, top right", "Settings", {"top right"}),
        ("in the footer: Imprint", "Imprint", {"bottom left", "bottom right"}),
        ("in the header click Sign in", "click Sign in", {"top left", "top right"}),
        ("the button in the dialog box labeled x", "the button labeled x", {*CORNERS}),
        ("the link in the footer that says Imprint", "the link that says Imprint", {"bottom left", "bottom right"}),
        ("is Sign in at the bottom left?", "is Sign in", {"bottom left"}),
    ],
)
def test_where_something_is_said_to_be(request_: str, rest: str, corners: set[str]) -> None:
    said = where(request_)
    assert said is not None and said.rest == rest
    counts = dict(zip(CORNERS, weights(said, list(CORNERS.values()), PAGE).tolist(), strict=True))
    assert {name for name, count in counts.items() if count > 0.5} == corners
    assert all(count == LEAST for name, count in counts.items() if name not in corners)


@pytest.mark.parametrize(
    "request_",
    ["Save", "scroll to the top", "Back to top", "go to the bottom of the page", "align left", "the left arrow", "what is in the header", 'the "Pin to the top" button'],
)  # fmt: skip
def test_what_says_nothing_of_where(request_: str) -> None:
    assert where(request_) is None


@pytest.mark.parametrize(
    "request_",
    ["the arrow to the left", "the link to the website", "Dock to left", "the button that takes me to the top"],
)
def test_ways_are_no_places(request_: str) -> None:
    assert where(request_) is None


@pytest.mark.parametrize(
    "name", ["Stay on this page", "Open in app", "Skip in main content", "Top right", "See what is on the left"]
)
def test_a_place_in_a_name_that_is_written_is_none(name: str) -> None:
    for request in (name, f"click {name}", f"the {name} button", f"press {name} link"):
        assert where(request, lambda words: words.lower() == name.lower()) is None
    assert where(f"{name} at the bottom", lambda words: words.lower() == name.lower()) is not None


@pytest.mark.parametrize(
    ("words", "part"),
    [("the sidebar", True), ("the left-hand menu", True), ("the top right corner", True), ("footer", True), ("the menu", False), ("the size list", False), ("the form", False)],
)  # fmt: skip
def test_parts_whose_place_is_known(words: str, part: bool) -> None:
    assert is_part(words) is part


def test_of_a_part_whose_edges_are_not_known_the_rest_counts_as_well() -> None:
    said = where("Continue at the bottom of the form")
    assert said is not None and weights(said, [(500, 200), (500, 590)], PAGE).tolist() == [0.6, 1.0]
    both = where("the text in the middle")
    assert both is not None and np.all(weights(both, [(500, 300), (30, 300)], PAGE) == [1.0, LEAST])


def test_one_of_two_with_the_same_words_is_told_by_where_it_is() -> None:
    image = Image.new("RGB", (900, 600), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    for x, y in ((40, 30), (760, 540)):
        draw.rounded_rectangle([x, y, x + 100, y + 34], 5, "#1d4ed8")
        draw.text((x + 50, y + 17), "Continue", "white", font, anchor="mm")
    for y in range(120, 480, 60):
        draw.text((40, y), "The order of Ada Lovelace was sent on Monday", "black", font)
    out = io.BytesIO()
    image.save(out, "PNG")
    shot = Screenshot(png=out.getvalue(), width=900, height=600)
    targets = [
        "Continue at the top",
        "Continue at the bottom",
        "the bottom right Continue button",
        "click Continue in the header",
    ]
    found = NanoPointer(threads=1).point_many(shot, targets)
    assert [one.point is not None and one.point.y > 300 for one in found] == [False, True, True, False]
    assert all(one.found for one in found)
