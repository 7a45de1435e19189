"""What the verbs of plain English are written with: a list of shapes, and small helpers for what is inside a clause.

A shape is a pattern over a whole clause and the actions it stands for. A shape that fits but lacks something raises a
ValueError that says what. Knows no verb.
"""

import re
from collections.abc import Callable

from deixis.agent.quoted import Held
from deixis.browser.actions import Action, Click

Meaning = Callable[[re.Match[str], Held], list[Action]]
NUMBERS = {"once": 1, "one": 1, "a": 1, "half a": 0.5, "twice": 2, "two": 2, "thrice": 3, "three": 3, "four": 4}
NUMBERS |= {"five": 5, "ten": 10}


class Shapes(list[tuple[re.Pattern[str], Meaning]]):
    """Shapes in the order they are tried."""

    def add(self, pattern: str) -> Callable[[Meaning], Meaning]:
        """Registers what a clause of this shape means."""

        def register(meaning: Meaning) -> Meaning:
            self.append((re.compile(pattern + r"$", re.I | re.S), meaning))
            return meaning

        return register


def needed(text: str | None, held: Held, what: str) -> str:
    """The words with quoted text put back; ValueError when there are none."""
    value = held.back(text or "")
    if not value.strip():
        raise ValueError(f"{what} is missing")
    return value


def many(text: str) -> list[str]:
    """`A, B and C` as a list."""
    return [part for part in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", text.strip()) if part]


def path_of(text: str) -> list[str]:
    """`File > Save as` as its steps; one step where there is no path."""
    steps = [step for step in re.split(r"\s*[>›]\s*", text.strip()) if step]
    return steps or [text]


def clicks(words: str, held: Held) -> list[Action]:
    """A click, or one on each step of `File > Save as`."""
    return [Click(target=held.back(step)) for step in path_of(words)]
