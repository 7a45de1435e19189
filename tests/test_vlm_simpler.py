"""Requests without framing: what only asks goes, what may be a name stays."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deixis.vlm.simpler import simpler


def screen(*texts: str) -> Callable[[str], bool]:
    """Whether words stand on a screen with these texts."""
    words = [text.lower().split() for text in texts]
    runs = {" ".join(w[i:j]) for w in words for i in range(len(w)) for j in range(i + 1, len(w) + 1)}
    return lambda said: " ".join(said.lower().split()) in runs


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ("could you please click on Billing for me?", "click on Billing"),
        ("I'd like to open Billing", "open Billing"),
        ("go ahead and hit the big blue Billing button now please", "press the Billing button now"),
        ("find Billing and click it", "Billing"),
        ("bring up Billing", "open Billing"),
        ("the thing called Billing", "Billing"),
        ("press the one that reads Billing", "press Billing"),
        ("element labelled 'Billing'", "'Billing'"),
        ("the Billing nav item", "the Billing link"),
        ("Billing (the button)", "Billing button"),
        ("take me to the Billing page", "go to the Billing link"),
        ("the icon that looks like a gear", "the gear icon"),
        ("gear-shaped icon", "gear icon"),
        ("the little gear picture", "the gear icon"),
        ("the gear thingy", "the gear"),
        ("now click Billing", "click Billing"),
    ],
)
def test_framing_goes(request_: str, name: str) -> None:
    assert simpler(request_, screen("Billing", "Save")) == name


@pytest.mark.parametrize(
    "request_",
    ["Save", "OK", "next page", "the second checkbox", "the fourth one", "let me in", "help me", "the text field", "the option field"]
    + ["log me in", "the dark mode toggle", "the word", "the only button", "the last item", "the blue button", "", "?"],
)  # fmt: skip
def test_what_is_no_framing_stays(request_: str) -> None:
    assert simpler(request_, screen()) == request_


NAMES = [
    "Red Delicious",
    "Back to home page",
    "Find in page",
    "I want to sell",
    "Gear symbol",
    "Find my device",
    "Now open",
    "Option 2",
    "Word count",
]
NAMES += ["Control panel", "Text with us", "Move to trash", "Small", "Full screen", "Terms section", "Let me know"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_with_the_name_stays(name: str) -> None:
    for request in (
        name,
        f"click {name}",
        f"the {name} button",
        f"{name} link",
        f"the {name} size option"[: None if name == "Small" else 0],
    ):
        assert name.lower() in simpler(request, screen(name, "Home")).lower() or not request


@pytest.mark.parametrize(
    "request_",
    ["full screen", "share this page", "expand the section", "10 per page", "change the logo", "remove this widget", "Add widget", "Imprimer la page"]
    + ["enter the title", "change the caption", "push notifications", "show me the password", "the bold text button", "the black color swatch"],
)  # fmt: skip
def test_deeds_of_the_page_stay(request_: str) -> None:
    assert simpler(request_, screen()) == request_


def test_a_name_may_be_written_with_a_hyphen() -> None:
    assert simpler("the Round trip option", screen("Round-trip", "One-way")) == "the Round trip option"


@given(st.text(max_size=50) | st.lists(st.sampled_from(["please", "the", "big", "blue", "icon", "that", "says", "go", "to", "up", "find", "page", "a", "Save", "(the", "button)", "and", "click", "it"]), max_size=9).map(" ".join))  # fmt: skip
def test_something_is_left_of_any_request(request_: str) -> None:
    found = simpler(request_, screen("Save"))
    assert bool(found.strip()) == bool(request_.strip()) and simpler(found, screen("Save")) == found
