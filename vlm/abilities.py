"""What models can do beside pointing at one thing: count by pointing, read a clock, answer in the styles of their makers.

A family's published words for each are in `families` (`styles`); a family without any is asked in plain words. An answer
that cannot be read is an `OutputError`, never a zero and never a guessed time. Source of counting and of clocks:
allenai/molmo, olmo/data/data_formatter.py and olmo/data/pixmo_datasets.py.
"""

import re
from collections.abc import Mapping
from typing import Literal

from deixis.browser.errors import OutputError, UsageError
from deixis.browser.types import Frozen, Point
from deixis.vlm.families import Family, read
from deixis.vlm.frames import Resize

COUNT, CLOCK, ANSWER = "count", "clock", "answer"
PLAIN: Mapping[str, str] = {
    ANSWER: "{question}",
    COUNT: "How many of these are on the picture: {question}? Answer with one number and nothing else.",
    CLOCK: "What time does the clock on this picture show? Answer as HH:MM and nothing else. If no time is shown, answer: not shown",
}
"""Words for a family that has none of its own."""
_TOTAL = re.compile(r"(?:total of|there (?:are|is))\s{1,4}([0-9]{1,5})\b", re.I)
_NUMBER = re.compile(r"(?<![\w.,-])[0-9]{1,5}(?![\w]|[.,][0-9])")
_TIME = re.compile(r"(?<![\d:])([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?![\d:])(?:\s{0,2}([AP])\.?M\b)?", re.I)
_NOT_SHOWN = re.compile(r"\bnot shown\b|\bno (?:clock|time)\b", re.I)


class Count(Frozen):
    """How many there are of something."""

    number: int
    points: tuple[Point, ...] = ()
    """Where each is, in CSS pixels, when the model counts by pointing."""
    said: int | None = None
    """The total that the model wrote; another one than `number` when it lost count of its own points."""


class Clock(Frozen):
    """What a clock shows."""

    hour: int
    """0 to 23 as the model wrote it; without `half`, a dial leaves open which half of the day it is."""
    minute: int
    second: int | None = None
    half: Literal["AM", "PM"] | None = None

    def __str__(self) -> str:
        seconds = "" if self.second is None else f":{self.second:02d}"
        return f"{self.hour}:{self.minute:02d}{seconds}{f' {self.half}' if self.half else ''}"


def styles(family: Family) -> dict[str, str]:
    """Every style that a family can be asked in, with the words around the question."""
    return {**PLAIN, **family.styles}


def worded(family: Family, style: str, question: str) -> str:
    """The words of a question in a style; UsageError for a style the family does not have, or one that lacks a question."""
    known = styles(family)
    if style not in known:
        raise UsageError(f"{family.name} has no style {style!r}: {', '.join(known)}")
    if "{question}" in known[style] and not question.strip():
        raise UsageError(f"the style {style!r} needs a question")
    return known[style].format(question=question)


def count_in(text: str, family: Family, resize: Resize) -> Count:
    """A model's answer -> how many; OutputError when it names neither places nor one number."""
    if COUNT not in family.styles:
        return Count(number=_one_number(text))
    found = read(text, family, resize)
    total = _TOTAL.search(text)
    if found.refused:
        return Count(number=0, said=0)
    return Count(number=len(found.points), points=found.points, said=int(total[1]) if total else None)


def _one_number(text: str) -> int:
    numbers = {int(number) for number in _NUMBER.findall(text)}
    if len(numbers) != 1:
        raise OutputError(f"the model's text names {len(numbers)} numbers, not one: {text[:120]!r}")
    return numbers.pop()


def clock_in(text: str) -> Clock | None:
    """A model's answer -> the time; None when it says that no time is shown. OutputError for anything else."""
    found = [_clock(match) for match in _TIME.finditer(text)]
    if not found and _NOT_SHOWN.search(text):
        return None
    times = {clock for clock in found if clock is not None}
    if len(times) != 1 or None in found:
        raise OutputError(f"the model's text names {len(times)} times of day, not one: {text[:120]!r}")
    return times.pop()


def _clock(match: re.Match[str]) -> Clock | None:
    """None for numbers that are no time of day."""
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if minute > 59 or second > 59 or hour > (12 if match[4] else 23):
        return None
    half: Literal["AM", "PM"] | None = None if not match[4] else "AM" if match[4].upper() == "A" else "PM"
    return Clock(hour=hour, minute=minute, second=second if match[3] else None, half=half)
