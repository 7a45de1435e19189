"""Names that are written out in full win over labels that only resemble them."""

import numpy as np
import pytest

from deixis.vlm import spans
from deixis.vlm.things import Things, gathered
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
    runs = spans.runs_of(things)
    _, new, _ = spans.settled(spans.likeness(question, runs), runs, things, np.zeros(len(things.texts)), words)
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
    runs = spans.runs_of(things)
    alone = dict(zip(runs.letters, runs.alone.tolist(), strict=True))
    assert alone["previous"] == alone["index"] == 1.0 and 0.3 < alone["next"] <= 1.0


@pytest.mark.parametrize(
    ("question", "names"),
    [("click 'Save as' now", ["saveas"]), ("press sign in", ["presssignin", "signin", "sign"]), ("Email", ["email"])],
)
def test_what_a_question_may_name(question: str, names: list[str]) -> None:
    assert spans.names_of(question) == names
