"""Names that are written out in full win over labels that only resemble them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deixis.vlm import inks, spans
from deixis.vlm.names import names_of
from deixis.vlm.places import places_of
from deixis.vlm.runs import runs_of
from deixis.vlm.settled import Manner, settled
from deixis.vlm.things import Box, Things, gathered
from tests.small_nano import sighted


def screen() -> Things:
    texts = ["dump()", "dumps()", "previous | next | index", "Next topic"]
    return gathered(
        sighted(
            [(text, (20.0, 20.0 + 30 * i, 20.0 + 8 * len(text), 36.0 + 30 * i)) for i, text in enumerate(texts)], []
        )
    )


def said(question: str, things: Things, first: int) -> str:
    """The word that a question lands on when the decoder holds for likeliest word number `first`."""
    words = np.full(len(things.words), 0.01)
    words[first] = 0.5
    runs = runs_of(things)
    _, new, _ = settled(spans.likeness(question, runs), runs, things, np.zeros(len(things.texts)), words)
    assert new.sum() == pytest.approx(words.sum())
    return things.words[int(new.argmax())].text


@pytest.mark.parametrize(
    ("question", "word"), [("open dump()", "dump()"), ("the dumps() link", "dumps()"), ("press next", "next")]
)
def test_what_is_written_in_full_is_meant(question: str, word: str) -> None:
    things = screen()
    wrong = {"open dump()": 1, "the dumps() link": 0, "press next": len(things.words) - 2}[question]
    assert said(question, things, wrong) == word


def test_what_is_not_written_stays_where_it_was() -> None:
    things = screen()
    assert said("log me in", things, 1) == things.words[1].text


def test_a_mark_between_words_parts_a_line() -> None:
    things = screen()
    runs = runs_of(things)
    alone = dict(zip(runs.letters, runs.alone.tolist(), strict=True))
    assert alone["previous"] == alone["index"] == 1.0 and 0.3 < alone["next"] <= 1.0


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("click 'Save as' now", ["saveas"]),
        ("press sign in", ["presssignin", "signin", "sign"]),
        ("Email", ["email"]),
        ("go to next page", ["gotonextpage", "nextpage"]),
        ("the Python link please", ["thepythonlinkplease", "pythonlink", "python"]),
        ("Display name (form field)", ["displaynameform", "displayname", "displaynameformfield"]),
    ],
)
def test_what_a_question_may_name(question: str, names: list[str]) -> None:
    assert [name for name in names if name in names_of(question)] == names
    assert names_of(question)[-1] == names[-1]


def test_words_that_only_ask_are_left_out_where_the_rest_is_written() -> None:
    things = screen()
    assert said("just click on the dumps() hyperlink", things, 0) == "dumps()"


def test_a_field_that_says_the_name_itself_wins_over_the_field_below() -> None:
    fields = [(20.0, 20.0, 220.0, 50.0), (20.0, 60.0, 220.0, 90.0)]
    lines = [("Username", (30.0, 27.0, 94.0, 43.0)), ("Email", (30.0, 67.0, 70.0, 83.0))]
    things = gathered(sighted(lines, fields, role="field"))
    elements = np.array([0.0, 0.0, 0.4, 0.6])
    runs = runs_of(things)
    like = spans.likeness("let's click into the Username form field", runs)
    new, words, _ = settled(like, runs, things, elements, np.full(2, 0.01))
    assert new.argmax() == 2 and new[3] == 0 and new.sum() + words.sum() == pytest.approx(1.02)


@pytest.mark.parametrize(
    ("text", "inside"), [((22.0, 22.0, 80.0, 36.0), (120.0, 45.0)), ((180.0, 52.0, 214.0, 66.0), (197.0, 59.0))]
)
def test_the_point_lies_in_the_field_when_its_label_was_found_with_it(text: Box, inside: tuple[float, float]) -> None:
    things = gathered(sighted([("Weight", text)], [(20.0, 20.0, 220.0, 70.0)], role="field"))
    place = places_of(things, np.array([0.0, 0.9]), np.array([0.1]))[0]
    assert (place.point.x, place.point.y) == pytest.approx(inside, abs=1)


def test_a_name_that_holds_a_word_of_place_is_one_name() -> None:
    lines = [
        ("Save for later", (20.0, 20.0, 132.0, 36.0)),
        ("Save", (20.0, 60.0, 52.0, 76.0)),
        ("Chen", (20.0, 90.0, 52.0, 106.0)),
    ]
    runs = runs_of(gathered(sighted(lines, [])))
    assert spans.one_name("click Save for later", "later", runs)
    assert not spans.one_name("the Open in the row of Chen", "Chen", runs)
    assert not spans.one_name("the Save for Chen", "Chen", runs)


def shares(question: str, things: Things, element: int) -> tuple[float, str]:
    """What an element keeps that the decoder held for sure, and the word that is likeliest then."""
    elements, words = np.zeros(len(things.texts)), np.full(len(things.words), 1e-4)
    elements[things.lines + element] = 1.0
    runs = runs_of(things)
    like, plain = spans.likeness(question, runs), spans.plain(question, runs)
    kept, new, _ = settled(like, runs, things, elements, words, Manner(plain))
    return float(kept[things.lines + element]), things.words[int(new.argmax())].text


def test_a_bar_of_links_is_no_field() -> None:
    """What is written on a field may be its label, but not with other words before it."""
    bar = [(0.0, 90.0, 400.0, 126.0)]
    things = gathered(sighted([("3 left Active Done", (20.0, 100.0, 164.0, 116.0))], bar, "field"))
    assert shares("Active", things, 0) == (0.0, "Active")
    labelled = gathered(sighted([("* Active Done", (20.0, 100.0, 124.0, 116.0))], bar, "field"))
    assert shares("Active", labelled, 0)[0] == 1.0


@pytest.mark.parametrize(("gap", "kept"), [(10.0, 1.0), (90.0, 0.0)])
def test_the_box_that_ticks_a_row_is_not_what_stands_in_the_row(gap: float, kept: float) -> None:
    name = ("Leone", (20.0 + gap, 100.0, 60.0 + gap, 116.0))
    things = gathered(sighted([name], [(0.0, 98.0, 20.0, 118.0)], "checkbox"))
    assert shares("Leone", things, 0)[0] == kept


def rows(*texts: str) -> Things:
    return gathered(sighted([(t, (20.0, 20.0 + 30 * i, 20.0 + 8 * len(t), 36.0 + 30 * i)) for i, t in enumerate(texts)], []))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "question", "written"),
    [
        ("Deductions contest al...", "Deductions contest alma", True),
        ("Deductions contest al", "Deductions contest alma", False),  # nothing says that it goes on
        ("Search...", "Search results", False),  # too short to be sure
        ("Deductions...", "Deductions contest of the year", False),
    ],
)
def test_a_label_that_is_cut_off_is_known_by_its_beginning(text: str, question: str, written: bool) -> None:
    runs = runs_of(rows(text, "Something else"))
    like = spans.likeness(question, runs)
    assert bool(like.max() == spans.CUT) is written
    assert spans.plain(question, runs) is written


def test_the_case_decides_between_a_name_and_a_part_of_another() -> None:
    runs = runs_of(rows("All Active Completed", "Clear completed now"))
    case = {runs.texts[i]: like for i, like in enumerate(spans.likeness("Completed", runs))}
    assert case["Completed"] == 1.0 and case["completed"] < 1.0 - spans.SAME
    small = {runs.texts[i]: like for i, like in enumerate(spans.likeness("completed", runs))}
    assert small["Completed"] == small["completed"] == 1.0
    shouted = runs_of(rows("Submit your work", "SUBMIT"))
    alone = {shouted.texts[i]: like for i, like in enumerate(spans.likeness("Submit", shouted))}
    assert alone["SUBMIT"] == 1.0


@pytest.mark.parametrize(
    ("question", "texts", "plain"),
    [
        ("3.11 Documentation", ["3.11 Documentétion", "modules"], True),
        ("3.11 Documentation", ["3.12 Documentation", "modules"], False),  # another number is another thing
        ("Documentation", ["Docunentation", "Documentatian"], False),  # one of two, and nobody knows which
        ("Index", ["Indez", "modules"], False),  # too short to be sure
    ],
)
def test_a_letter_read_wrongly_does_not_make_another_name(question: str, texts: list[str], plain: bool) -> None:
    assert spans.plain(question, runs_of(rows(*texts))) is plain


def test_on_an_empty_screen_no_name_is_written() -> None:
    nothing = runs_of(rows("-"))
    assert not spans.plain("Documentation", nothing) and not spans.best(spans.likeness("Documentation", nothing))


def test_of_equal_names_the_one_in_the_blue_of_links_is_meant() -> None:
    things = rows("read NameError here", "or NameError there", "and more of the text")
    runs = runs_of(things)
    some = spans.best(spans.likeness("NameError", runs))
    picture = Image.new("RGB", (400, 120), "white")
    draw = ImageDraw.Draw(picture)
    for word in things.words:
        x0, y0, x1, y1 = word.box
        linked = word.text == "NameError" and y0 > 30
        for x in range(int(x0), int(x1), 3):  # strokes of letters
            draw.line((x, y0, x, y1), fill=(20, 110, 200) if linked else (40, 40, 40))
    link = inks.as_links(picture, things, runs, some)
    assert sorted(link[some].tolist()) == [0.0, 1.0]
    words = np.full(len(things.words), 0.01)
    words[1] = 0.2  # the decoder rather thinks of the first
    like = spans.likeness("NameError", runs)
    zeros = np.zeros(len(things.texts))
    _, new, _ = settled(like, runs, things, zeros, words, Manner(True, linked=link))
    assert things.words[int(new.argmax())].box[1] > 30
    _, new, _ = settled(like, runs, things, zeros, words, Manner(True))
    assert things.words[int(new.argmax())].box[1] < 30
    blue = Image.new("RGB", (400, 120), "white")
    for word in things.words:  # where all is blue it says nothing
        ImageDraw.Draw(blue).rectangle(
            (word.box[0], word.box[1] + 6, word.box[2], word.box[1] + 8), fill=(20, 110, 200)
        )
    assert not inks.as_links(blue, things, runs, some).any()
