"""Names compared with lines that have been read."""

import pytest
import torch

from deixis.browser.types import Box
from deixis.vlm import proof
from deixis.vlm.reader import Line


def line(text: str) -> Line:
    return Line(text, tuple((i + 0.5) / len(text) for i in range(len(text))), (1.0,) * len(text))


def likeness(name: str, text: str) -> float:
    return proof.spot(name, proof.letters_of(line(text))).likeness


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("save", "Save", "Save and continue editing"),
        ("addgroup", "Add group +", "Groups + Add"),
        ("csv", "csv", "csv.reader()"),
        ("next", "previous | next | modules", "Next topic"),
        ("messages", "@ Messages", "Message"),
        ("signin", "Sign in", "Design in detail"),
        ("dialectquoting", "Dialect.quoting", "Dialect.quotechar"),
    ],
)
def test_the_line_that_says_the_name_and_nothing_else_is_the_likest(name: str, right: str, wrong: str) -> None:
    name = {"dialectquoting": "dialect.quoting"}.get(name, name)
    assert likeness(name, right) > likeness(name, wrong) + 0.05


def test_a_name_is_found_where_it_stands_in_a_line() -> None:
    found = proof.spot("next", proof.letters_of(line("previous | next | modules")))
    assert 0.42 < found.start < 0.5 and 0.5 < found.end < 0.62
    assert likeness("next", "") == 0.0


def test_names_are_the_words_that_were_picked() -> None:
    assert proof.names("click the Save button", [0.0, 0.1, 2.0, 0.9]) == ["savebutton", "save"]
    assert "go" in proof.names("click Go", [1.5, 0.6])  # nothing but words that ask: one of them is the name
    assert proof.names("Edit in Ada's row", [1.0, 0.1, 0.9, 0.2], [0.1, 0, 2.0, 0])[-1:] == ["edit"]
    assert proof.names("Edit in Ada's row", [0.1, 0, 2.0, 0], [1.0, 0.1, 0.9, 0.2])[-1:] == ["ada"]


def test_the_longest_reading_of_a_question_that_is_written_is_meant() -> None:
    lines = [(Box(x0=0, y0=0, x1=80, y1=8), line("Add")), (Box(x0=0, y0=16, x1=80, y1=24), line("Add user"))]
    assert [one.exact for one in proof.findings(["adduser", "add"], lines)] == [False, True]
    assert proof.findings(["addusers", "add"], lines[:1])[0].exact
    assert proof.names("Über uns!", [1.0, 1.0]) == ["uberuns"]
    assert proof.names("?!", []) == []


def test_what_was_read_replaces_what_was_guessed() -> None:
    fits = torch.full((10, 20), 0.6)
    fits[2, 2] = 0.9  # "Save", guessed, where something else is written
    lines = [
        (Box(x0=8, y0=16, x1=72, y1=24), line("Search")),
        (Box(x0=80, y0=56, x1=112, y1=64), line("Save")),
    ]
    after = proof.corrected(proof.findings(["save"], lines), fits, 0.5)
    assert after[7, 10:13].max() == after.max()
    assert after[2, 2] < 0.5 and after.max() == pytest.approx(proof.GOOD)
    assert after[9, 19] <= proof.GOOD - proof.BETTER + 1e-6  # never read: no better than what else was
