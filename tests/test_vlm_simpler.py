"""Requests without framing: what only asks goes, what may be a name stays."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deixis.vlm.simpler import simpler


def screen(*texts: str) -> Callable[[str], bool]:
    """Whether words stand on a screen with these texts."""
    letters = ["".join(text.lower().split()) for text in texts]
    return lambda words: any("".join(words.lower().split()) in text for text in letters)


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


@pytest.mark.parametrize(
    ("request_", "text"),
    [("the Red Delicious link", "Red Delicious"), ("home page", "Back to home page"), ("find in page", "Find in page"), ("let's chat", "Let's chat"), ("the gear symbol", "Gear symbol"), ("I want to sell", "I want to sell")],
)  # fmt: skip
def test_what_is_written_with_the_name_stays(request_: str, text: str) -> None:
    assert simpler(request_, screen(text, "Home")) == request_


@given(st.text(max_size=50) | st.lists(st.sampled_from(["please", "the", "big", "blue", "icon", "that", "says", "go", "to", "up", "find", "page", "a", "Save", "(the", "button)", "and", "click", "it"]), max_size=9).map(" ".join))  # fmt: skip
def test_something_is_left_of_any_request(request_: str) -> None:
    found = simpler(request_, screen("Save"))
    assert bool(found.strip()) == bool(request_.strip()) and simpler(found, screen("Save")) == found
