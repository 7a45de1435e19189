"""Questions about a picture, in the styles a model knows: answers in words, counting by pointing, reading a clock.

One way in for every kind of pointer: those that answer in words do it all, the embedded model reads the line that a
question names. Knows no words of any family (`vlm.abilities`).
"""

from collections.abc import Callable
from typing import Any

from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen, Point, Screenshot


class Said(Frozen):
    """The answer to a question; empty when there is none to be had."""

    answer: str
    style: str
    number: int | None = None
    """With the style count."""
    points: tuple[Point, ...] = ()
    """With the style count, of a model that counts by pointing: CSS pixels."""
    heard: bool = False
    """Whether the answer has been passed on already, piece by piece."""


def asked(
    pointer: Any,
    screenshot: Screenshot,
    question: str,
    style: str = "answer",
    heard: Callable[[str], object] | None = None,
) -> Said:
    """What a pointer says; OutputError when its answer cannot be read, UsageError for a style it does not have."""
    from deixis.vlm.prompted import PromptedPointer

    if not isinstance(pointer, PromptedPointer):
        return _read(pointer, screenshot, question, style)
    if style == "count":
        count = pointer.count(screenshot, question)
        return Said(answer=str(count.number), style=style, number=count.number, points=count.points)
    if style == "clock":
        clock = pointer.read_clock(screenshot)
        return Said(answer=str(clock) if clock else "no time is shown", style=style)
    return Said(answer=pointer.ask(screenshot, question, style, heard), style=style, heard=heard is not None)


def _read(pointer: Any, screenshot: Screenshot, question: str, style: str) -> Said:
    """The line of text that the question names, from a pointer that reads."""
    if style != "answer" or not question:
        raise UsageError(f"{pointer.name} reads lines of text, nothing else: --model names one that answers questions")
    return Said(answer=pointer.read(screenshot, question).text, style=style)
