"""Texts of models become the marks, refusals or errors they ought to: golden lines, round trips, cuts and garbage."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deixis.browser.errors import DeixisError, OutputError, UsageError
from deixis.browser.types import Point
from deixis.vlm.families import FAMILIES, SUFFIXES, family_of, read
from deixis.vlm.frames import (
    AsIs,
    Crop,
    Fit,
    Mark,
    ModelBox,
    ModelPoint,
    Resize,
    Size,
    SmartResize,
    planned,
    smart_size,
)
from deixis.vlm.points import FORMS, Form, parse, write, written_kinds

GOLDEN = [json.loads(line) for line in (Path(__file__).parent / "data" / "points.jsonl").read_text().splitlines()]
ERRORS: dict[str, type[DeixisError]] = {"OutputError": OutputError, "UsageError": UsageError}
GARBAGE = 200_000
"""Characters of a hostile text."""


def on_screen(fit: Fit, scale: float) -> Resize:
    """1280x720 CSS pixels as a family has them sent, with limits that do not bite where none are known."""
    if isinstance(fit, SmartResize) and fit.min_pixels is None:
        fit = SmartResize(factor=fit.factor, min_pixels=4 * 28 * 28, max_pixels=16384 * 28 * 28)
    image = Size(round(1280 * scale), round(720 * scale))
    content, sent = planned(image, fit)
    resized = smart_size(sent, fit) if isinstance(fit, SmartResize) else sent
    crop = Crop(0, 0, *image)
    return Resize(css=Size(1280, 720), image=image, crop=crop, content=content, sent=sent, resized=resized)


def numbers(mark: Mark) -> list[float]:
    return [mark.x, mark.y] if isinstance(mark, ModelPoint) else [mark.x0, mark.y0, mark.x1, mark.y1]


@pytest.mark.parametrize("line", GOLDEN, ids=lambda line: line["id"])
def test_golden(line: dict[str, Any]) -> None:
    family = family_of(line["model"])
    resize = on_screen(family.fit, line.get("scale", 1))
    if "marks" in line:
        assert family.form is not None and family.frame is not None
        marks = parse(line["says"], family.form, family.frame.order).marks
        assert [numbers(mark) for mark in marks] == line["marks"]
        for key, name in (("labels", "label"), ("ids", "id"), ("images", "image")):
            assert key not in line or [getattr(mark, name) for mark in marks] == line[key]
    if "error" in line:
        with pytest.raises(ERRORS[line["error"]]):
            read(line["says"], family, resize)
        return
    found = read(line["says"], family, resize)
    assert found.refused == line.get("refused", False)
    places = [[p.x, p.y] if isinstance(p, Point) else [p.x0, p.y0, p.x1, p.y1] for p in found.places]
    assert len(places) == len(line.get("css", []))
    for place, expected in zip(places, line.get("css", []), strict=True):
        assert place == pytest.approx(expected, abs=0.001)


def test_golden_lines_have_names_of_their_own() -> None:
    assert len({line["id"] for line in GOLDEN}) == len(GOLDEN) >= 70
    for line in GOLDEN:
        assert ("error" in line) + ("css" in line) + ("refused" in line) == 1, line["id"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_has_a_golden_line(family: Any) -> None:
    lines = [line for line in GOLDEN if family_of(line["model"]) == family]
    assert lines
    if family.frame and family.form not in (None, "pointer_head"):
        assert any("css" in line for line in lines), "no line shows where this family points"


def test_every_form_has_a_family() -> None:
    assert {family.form for family in FAMILIES} - {None} == set(FORMS)


def test_an_id_belongs_to_one_family() -> None:
    for model in {line["model"] for line in GOLDEN}:
        last = model.rpartition("/")[2].lower()
        assert [f.name for f in FAMILIES if re.fullmatch(f"(?:{f.pattern}){SUFFIXES}", last)] == [family_of(model).name]


@pytest.mark.parametrize(
    "model", ["", "someone/Qwen2.5-VL-7B-GUI-Grounding", "someone/my-molmo-7b-d", "gpt-4o", "Qwen/Qwen3-4B"]
)
def test_an_id_that_only_looks_like_a_family_is_not_known(model: str) -> None:
    with pytest.raises(UsageError, match="give the family"):
        family_of(model)


def test_a_family_can_be_named() -> None:
    assert [family_of(family.name) for family in FAMILIES] == list(FAMILIES)


def test_the_same_digits_mean_different_places() -> None:
    per_mille, pixels = family_of("Qwen3-VL"), family_of("Qwen2.5-VL")
    says = '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [512, 300]}}'
    first = read(says, per_mille, on_screen(per_mille.fit, 1)).points[0]
    second = read(says, pixels, on_screen(pixels.fit, 1)).points[0]
    assert (round(first.x), round(first.y)) == (655, 216) and (round(second.x), round(second.y)) == (509, 297)


def test_boxes_are_clicked_in_the_middle() -> None:
    found = read("[[500,400,600,500]]", family_of("OS-Atlas"), on_screen(AsIs(), 1))
    assert found.points == (Point(x=704.0, y=324.0),)


def wholes(form: Form) -> st.SearchStrategy[float]:
    """Numbers that a form can write: small whole ones fit every form's notation."""
    return st.integers(0, 31 if form == "patch_index" else 999).map(float)


@st.composite
def marks_of(draw: st.DrawFn, form: Form) -> list[Mark]:
    kind = draw(st.sampled_from(sorted(written_kinds(form))))
    number = wholes(form)
    if kind == "box":
        boxes = draw(st.lists(st.tuples(number, number, number, number), min_size=1, max_size=5))
        return [ModelBox(x0=a, y0=b, x1=c, y1=d) for a, b, c, d in boxes]
    points = draw(st.lists(st.tuples(number, number), min_size=1, max_size=5))
    return [ModelPoint(x=x, y=y) for x, y in points]


WRITTEN: list[Form] = [form for form in FORMS if written_kinds(form)]


@pytest.mark.parametrize("order", ["xy", "yx"])
@pytest.mark.parametrize("form", WRITTEN)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read_back(form: Form, order: Any, data: st.DataObject) -> None:
    marks = data.draw(marks_of(form))
    answer = parse(write(marks, form, order), form, order)
    assert [numbers(mark) for mark in answer.marks] == [numbers(mark) for mark in marks]


@pytest.mark.parametrize("form", [form for form in WRITTEN if form != "colon_point"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_text_that_breaks_off_never_moves_a_point(form: Form, data: st.DataObject) -> None:
    """Cut anywhere, it is an error or the whole marks before the cut. (`point:x,y` has no end that could be missed.)"""
    marks = data.draw(marks_of(form))
    text = write(marks, form)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        answer = parse(cut, form)
    except OutputError:
        return
    assert [numbers(mark) for mark in answer.marks] == [numbers(mark) for mark in marks][: len(answer.marks)]


def test_positional_numbers_follow_the_order_and_named_ones_do_not() -> None:
    assert parse("(1, 2)", "paren_point", "yx").marks == (ModelPoint(x=2, y=1),)
    assert parse('{"x": 1, "y": 2}', "xy_json", "yx").marks == (ModelPoint(x=1, y=2),)


def test_a_form_does_not_write_what_it_has_no_words_for() -> None:
    with pytest.raises(ValueError, match="paren_point"):
        write([ModelBox(x0=1, y0=2, x1=3, y1=4)], "paren_point")
    with pytest.raises(ValueError, match="pointer_head"):
        write([ModelPoint(x=1, y=2)], "pointer_head")
    with pytest.raises(ValueError, match="molmo_xml"):
        write([], "molmo_xml")


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(max_size=200))
@settings(max_examples=30, deadline=None)
def test_any_text_is_read_or_an_output_error(form: Form, text: str) -> None:
    try:
        answer = parse(text, form)
    except OutputError:
        return
    assert answer.refused != bool(answer.marks)


SEEDS = (
    "(", "[", "[[", "{", '{"', '{"a":', '{"x":1,', '"\\', "\\", "<point", '<point x="', '<point x="1.0" y="2.0"', "<points",
    '<points coords="', "1 1 523 410 ", "<point>", "<point>1 ", "<box>", "<box>[[1,2,3,4],", "<loc_1>", "<loc", "<loc0001>",
    "<patch_index_0001>", "(1, ", "(1, 2), ", "[1,2,3,4],", "[[1,2,3,4],", "1", "1 ", " ", "\n", "-", ".", "Action:",
    "click(x=0.5, ", "click(", "pyautogui.click(x=1, ", "start_box='(1,", "_box=", "point:", "point:1,", "a", "a_", "a(",
    "<think>", "</think>", "/>", "'", '">', 'x1="1" y1="2" ', ' coords="', "\u0661", "]]", "}", "</point", "</points>",
)  # fmt: skip


@pytest.mark.parametrize("left, right", [('{"x":', "}"), ('{"x":[', "]}"), ('{"arguments":{"coordinate":[[', "]]}}")])
@pytest.mark.parametrize("form", ["xy_json", "computer_use", "molmoweb_json", "point_2d"])
def test_json_that_is_nested_too_deeply_is_an_output_error(form: Form, left: str, right: str) -> None:
    with pytest.raises(OutputError, match="nests JSON too deeply"):
        parse(left * 30_000 + "1" + right * 30_000, form)


@pytest.mark.parametrize("form", FORMS)
def test_hostile_text_takes_linear_time(form: Form) -> None:
    """A reader that started over at every character would need minutes, not hundredths of a second, for each."""
    template = write([ModelBox(x0=1, y0=2, x1=3, y1=4)], form) if written_kinds(form) == {"box"} else ""
    seeds = [*SEEDS, template or (write([ModelPoint(x=1, y=2)], form) if written_kinds(form) else "x")]
    begun = [seed for seed in seeds if seed[-1] in '([<_=", :1']
    texts = [seed * (GARBAGE // len(seed)) for seed in seeds]
    for text in texts + [seed + filler * GARBAGE for seed in begun for filler in " 9"]:
        start = time.process_time()
        try:
            parse(text, form)
        except OutputError as error:
            assert len(str(error)) < 1000
        assert time.process_time() - start < 3, text[:60]
