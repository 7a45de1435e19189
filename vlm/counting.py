"""Questions that say which of several they mean: "the second Edit", "the last link".

Numbers are counted out by the pointer, the model is asked for the rest. Knows nothing of screens.
"""

import re
from typing import NamedTuple

from deixis.vlm.spelling import fold, words_of

ORDINALS = ("first", "second", "third", "fourth", "fifth")

ORDINAL_FORMS = (("first", "1st", "topmost"), ("second", "2nd"), ("third", "3rd"), ("fourth", "4th"), ("fifth", "5th"))

LAST = 6

_COUNTED = re.compile(
    r"\b(?:(?P<word>first|1st|topmost|second|2nd|third|3rd|fourth|4th|fifth|5th|last|bottommost)|number (?P<digit>[1-5]))\b",
    re.I,
)

_HELD = re.compile(r"^(?P<on>.+?)(?P<within> (?:of|for|in|on|from|at|under|with|belonging to))?(?: the)? $", re.I)


class Counted(NamedTuple):
    """A question that says which of several it means, and the rest of it."""

    number: int
    """1, 2, ...; LAST: the last."""
    rest: str
    label: str
    """The number's word and the next, folded, in one: where a label reads so ("First name"), it is no number. May be empty."""
    on: str = ""
    """What is wanted of the counted thing: "Edit" of "Edit in the second row", "hide" of "hide the second story". May be empty."""
    thing: str = ""
    """What is counted then, "story"; empty where a little word says that it only holds what is wanted ("in the second row")."""


def counted(question: str) -> Counted | None:
    """ "the second Edit" as (2, "the Edit"); None when no number is said. Words in quotes are names."""
    bare = re.sub(r"['\"“‘«`][^'\"”’»`]*['\"”’»`]", lambda quote: "~" * len(quote[0]), question)
    found = _COUNTED.search(bare)
    if not found:
        return None
    rest = " ".join((question[: found.start()] + question[found.end() :]).split())
    if found["digit"]:
        number = int(found["digit"])
    else:
        word = found["word"].lower()
        places = [i for i, forms in enumerate(ORDINAL_FORMS, 1) if word in forms]
        number = places[0] if places else LAST
    after = words_of(question[found.end() :])
    label = fold(found[0] + after[0]) if after and found["word"] else ""
    if not rest.removeprefix("the ").strip():
        return None
    held = _HELD.match(question[: found.start()])
    if not held or not found["word"] or not 1 <= len(after) <= 2:
        return Counted(number, rest, label)
    return Counted(number, rest, label, held["on"], "" if held["within"] else "".join(map(fold, after)))
