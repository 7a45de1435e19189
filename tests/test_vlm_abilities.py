"""Counting, clocks and styles: what is asked, and what an answer means."""

import io
import json
from collections.abc import Callable

import pytest
from PIL import Image

from deixis.browser.errors import OutputError, UsageError
from deixis.browser.types import Point, Screenshot
from deixis.vlm.abilities import Clock, Count, clock_in, styles, worded
from deixis.vlm.families import FAMILIES, family_of
from deixis.vlm.prompted import PromptedPointer
from deixis.vlm.remote import Chat, pointer_at
from tests.servers import Server, said, streamed


def shot() -> Screenshot:
    buffer = io.BytesIO()
    Image.new("RGB", (1000, 500), "white").save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=1000, height=500)


def asked(server: Server) -> str:
    content = server.asked[-1]["messages"][-1]["content"]
    return next(str(part["text"]) for part in content if part["type"] == "text")


def model(server: Server, name: str) -> PromptedPointer:
    return PromptedPointer(Chat(server.url, name), family_of(name))


def test_molmo_counts_by_pointing(serve: Callable[..., Server]) -> None:
    tag = '<points x1="10.0" y1="20.0" x2="50.5" y2="80.0" alt="rows">rows</points>'
    server = serve(
        streamed("Counting the ", tag, " shows a total of 2."), streamed("There are none."),
        streamed(f"Counting the {tag} shows a total of 3."), streamed('<points coords="1 1 100 200 2 505 800">rows</points>'),
        streamed("Counting the <points x1="), streamed("many", finish="length"),
    )  # fmt: skip
    points = (Point(x=100, y=100), Point(x=505, y=400))
    molmo = model(server, "allenai/Molmo-7B-D-0924")
    assert molmo.count(shot(), "rows") == Count(number=2, points=points, said=2)
    assert asked(server) == "How many rows are there?"
    assert molmo.count(shot(), "rows") == Count(number=0, said=0)
    lost = molmo.count(shot(), "rows")
    assert (lost.number, lost.said) == (2, 3)  # it lost count: both are told
    assert model(server, "allenai/Molmo2-8B").count(shot(), "rows") == Count(number=2, points=points)
    with pytest.raises(OutputError):
        molmo.count(shot(), "rows")
    with pytest.raises(OutputError, match="cut off while it counted"):
        molmo.count(shot(), "rows")


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("There are 12 rows.", 12), ("12, twelve", 12), ("3 or 4", None), ("many", None), ("2.5", None), ("v3x", None)]
)  # fmt: skip
def test_other_models_name_a_number(serve: Callable[..., Server], text: str, number: int | None) -> None:
    server = serve(said(text))
    other = model(server, "Qwen/Qwen3-VL-8B-Instruct")
    if number is None:
        with pytest.raises(OutputError, match="not one"):
            other.count(shot(), "rows")
    else:
        assert other.count(shot(), "rows") == Count(number=number)
    assert "rows? Answer with one number" in asked(server)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("The time shown is 10:09", Clock(hour=10, minute=9)),
        ("The time shown is 3:07:42 PM", Clock(hour=3, minute=7, second=42, half="PM")),
        ("The time shown is 12:00 AM.", Clock(hour=12, minute=0, half="AM")),
        ("The time shown is 0:30", Clock(hour=0, minute=30)),
        ("23:59", Clock(hour=23, minute=59)),
        ("It is 4:05, so 4:05.", Clock(hour=4, minute=5)),
        ("The time is not shown in the image.", None),
    ],
)
def test_clocks_are_read(text: str, clock: Clock | None) -> None:
    assert clock_in(text) == clock


@pytest.mark.parametrize(
    "text",
    ["", "a quarter past ten", "10:61", "25:00", "13:00 PM", "4:05 or 5:20", "1:2", "10:091", "2024-10-09T10:09:99"],
)
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(OutputError, match="not one"):
        clock_in(text)


def test_clocks_and_styles_are_asked_in_published_words(serve: Callable[..., Server]) -> None:
    server = serve(said("The time shown is 10:09"))
    molmo = model(server, "allenai/Molmo-7B-D-0924")
    assert str(molmo.read_clock(shot())) == "10:09" and asked(server) == "clocks: What time is being shown?"
    molmo.ask(shot(), "what is it?", "vqa2")
    assert asked(server) == "vqa2: what is it?"
    molmo.ask(shot(), "what is {it}?")
    assert asked(server) == "what is {it}?"
    model(server, "allenai/MolmoWeb-8B").ask(shot(), "what is it?")
    assert asked(server) == "screenshot_qa: \n# GOAL\nwhat is it?\n\n# ACTION\n\n"
    model(server, "microsoft/Florence-2-base").ask(shot(), "", "ocr")
    assert asked(server) == "What is the text in the image?"
    pointer_at(f"x=Gemma 3@{server.url}").read_clock(shot())
    assert "HH:MM" in asked(server)
    with pytest.raises(UsageError, match="no style 'poem'"):
        molmo.ask(shot(), "what is it?", "poem")
    with pytest.raises(UsageError, match="needs a question"):
        molmo.count(shot(), " ")


def test_every_style_of_every_family_has_words() -> None:
    for family in FAMILIES:
        for style in styles(family):
            assert worded(family, style, "QUESTION").strip(), (family.name, style)
        assert json.dumps(dict(family.request)) is not None
