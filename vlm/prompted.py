"""Any model that answers in words, as a pointer: the picture is prepared, the question asked, the answer read.

What a model is asked and how its answer is read goes by its family (`families`); who runs it, a server (`remote`) or
this process (`local`), is behind `Talker`. Knows no frame (`frames`) and no syntax (`points`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, runtime_checkable

from deixis.browser.errors import OutputError, UsageError
from deixis.browser.types import Box, Candidate, Pointing, Screenshot
from deixis.vlm.abilities import ANSWER, CLOCK, COUNT, Clock, Count, clock_in, count_in, worded
from deixis.vlm.families import Family, read
from deixis.vlm.frames import Frame, ModelBox, ModelPoint, Relative, Resize, prepare
from deixis.vlm.points import Form, write, written_kinds

SAID = 0.8
"""Confidence of a place that a model names without telling how sure it is."""
SHORT, LONG = 512, 1024
"""Tokens at most of an answer that names a place, and of one in free words."""


FALLBACK: tuple[Frame, Form] = (Relative(whole=1000, decimals=0), "xy_json")
"""What a model is asked for that was not trained to point, or of which no source says how it does."""


Heard = Callable[[str], object]
"""Is told the pieces of an answer while they come in."""


class Turn(NamedTuple):
    """What a model is asked: words, mostly about a picture."""

    text: str
    png: bytes | None = None
    image_first: bool = True
    system: str | None = None
    request: Mapping[str, object] | None = None
    """More fields for a server's request, as the family's makers run it."""
    past: tuple[bytes, ...] = ()
    """Older pictures, the oldest first, for models on servers."""


class Completion(NamedTuple):
    """What a model answered."""

    text: str
    whole: bool
    """False when it was cut off at the most tokens."""
    tokens: int
    sure: float | None = None
    """0 to 1: the mean probability of its tokens, where that is known."""
    written: int = 0
    """Of the tokens, those that it wrote itself, where that is known."""


class Talker(Protocol):
    """A model that answers."""

    model: str
    weights_sha256: str
    at_once: int
    """Requests that it takes at the same time."""

    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion: ...


@runtime_checkable
class Packer(Talker, Protocol):
    """A talker that answers several questions on one picture in less time than one after the other."""

    def answer_many(self, turns: Sequence[Turn], most: int = SHORT) -> list[Completion]: ...


class PromptedPointer:
    """Points, and answers questions, with a model that answers in words."""

    def __init__(self, talker: Talker, family: Family) -> None:
        self.talker, self.family = talker, askable(family)
        self.name, self.weights_sha256 = talker.model, talker.weights_sha256

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        """One question a target, in order of the targets; an answer that cannot be read costs the others nothing."""
        if isinstance(self.talker, Packer) and len(targets) > 1:
            return self._together(self.talker, screenshot, targets)

        def one(target: str) -> Pointing:
            try:
                return self.point(screenshot, target)
            except OutputError as error:
                return self._unreadable(target, error)

        with ThreadPoolExecutor(min(self.talker.at_once, max(1, len(targets)))) as pool:
            return list(pool.map(one, targets))

    def _together(self, talker: Packer, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        start = time.perf_counter()
        sent = prepare(screenshot, self.family.fit)
        turns = [self._turn(sent.png, question_for(self.family, target)) for target in targets]
        answers = talker.answer_many(turns)
        seconds = (time.perf_counter() - start) / len(targets)
        out = []
        for target, answer in zip(targets, answers, strict=True):
            try:
                out.append(self._pointing(target, answer, sent.resize, seconds))
            except OutputError as error:
                out.append(self._unreadable(target, error))
        return out

    def point(self, screenshot: Screenshot, target: str) -> Pointing:
        """One target; OutputError when the answer cannot be read."""
        start = time.perf_counter()
        sent = prepare(screenshot, self.family.fit)
        answer = self.talker.answer(self._turn(sent.png, question_for(self.family, target)))
        return self._pointing(target, answer, sent.resize, time.perf_counter() - start)

    def _pointing(self, target: str, answer: Completion, resize: Resize, seconds: float) -> Pointing:
        try:
            found = read(answer.text, self.family, resize)
        except OutputError as error:
            raise (
                error if answer.whole else OutputError(f"{self.name!r} was cut off before it named a place: {error}")
            ) from error
        points, sure = found.points, SAID if answer.sure is None else answer.sure
        box = found.places[0] if found.places and isinstance(found.places[0], Box) else None
        return Pointing(
            target=target, point=points[0] if points else None, box=box, confidence=sure if points else 0.0, found=bool(points),
            alternatives=tuple(Candidate(point=p, confidence=sure / 2) for p in points[1:4]), seconds=seconds, model=self.name,
        )  # fmt: skip

    def _unreadable(self, target: str, error: OutputError) -> Pointing:
        return Pointing(target=target, point=None, model=self.name, unreadable=str(error))

    def ask(self, screenshot: Screenshot, question: str, style: str = ANSWER, heard: Heard | None = None) -> str:
        """What the model says about a picture, in its own words; `heard` is told them as they come."""
        turn = self._turn(prepare(screenshot, self.family.fit).png, worded(self.family, style, question))
        return self.talker.answer(turn, LONG, heard).text.strip()

    def count(self, screenshot: Screenshot, what: str) -> Count:
        """How many there are of something, and where each is (CSS pixels) if the model counts by pointing.

        OutputError when the answer cannot be read.
        """
        sent = prepare(screenshot, self.family.fit)
        answer = self.talker.answer(self._turn(sent.png, worded(self.family, COUNT, what)), LONG)
        if not answer.whole:
            raise OutputError(f"{self.name!r} was cut off while it counted: {answer.text[-80:]!r}")
        return count_in(answer.text, self.family, sent.resize)

    def read_clock(self, screenshot: Screenshot) -> Clock | None:
        """The time that a clock shows; None when the model says that none does. OutputError for an unreadable answer."""
        turn = self._turn(prepare(screenshot, self.family.fit).png, worded(self.family, CLOCK, ""))
        return clock_in(self.talker.answer(turn, SHORT).text)

    def _turn(self, png: bytes, text: str) -> Turn:
        return Turn(text, png, self.family.image_first, request=self.family.request)


def askable(family: Family) -> Family:
    """The family, with a frame and a form to ask for where no source says which it has."""
    if family.form == "pointer_head":
        raise UsageError(
            f"{family.name} points with a head of its own ({family.source}), which cannot be asked in words"
        )
    frame, form = FALLBACK
    return family.model_copy(update={"frame": family.frame or frame, "form": family.form or form})


def question_for(family: Family, target: str) -> str:
    """The words by which a family is asked to point: its published ones, else with an example of its own syntax."""
    if family.prompt:
        return family.prompt.format(target=target)
    return (
        f"On this screenshot of a web page, find: {target}\nAnswer with its place and nothing else, in this form: {example(family)}\n"
        f"{_measure(family.frame)}If it is not on the picture, answer: not found"
    )


def _measure(frame: Frame | None) -> str:
    """What the numbers count, for a model that may not know."""
    if not isinstance(frame, Relative):
        return ""
    return f"x goes from 0 at the left edge to {frame.whole:g} at the right, y from 0 at the top to {frame.whole:g} at the bottom.\n"


def example(family: Family) -> str:
    """How the family writes the middle of the picture."""
    assert family.form is not None and family.frame is not None, "only askable families are asked"
    whole = getattr(family.frame, "whole", getattr(family.frame, "count", 800))
    low, high = whole * 0.4, whole * 0.6
    if whole > 10:
        low, high = float(int(low)), float(int(high))
    kinds = written_kinds(family.form)
    mark = ModelPoint(x=low, y=high) if "point" in kinds else ModelBox(x0=low, y0=low, x1=high, y1=high)
    return write([mark], family.form, family.frame.order)
