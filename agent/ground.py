"""From words to a pixel that holds: candidates of the pointer, one after the other, past the gate.

The gate is a hit-test at the pixel: it checks and routes, the point itself always comes from the picture. What it
refuses, and what changes nothing when done, sends us to the next-best point and then to a second look on a crop.
Knows no planner and no plan.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Literal, NamedTuple

from deixis.agent.protocols import Pointer
from deixis.browser.actions import BrowserAction, Check, Click, Drag, Hover, Scroll, Select, Type, Upload
from deixis.browser.types import Box, Change, Hit, Point, Pointing, Screenshot

Source = Literal["first", "control", "beside", "alternative", "second_look"]
WORTH_A_TRY = 0.1
"""Confidence from which a target is tried though it does not count as found, where the gate is strict."""
WORTHLESS = 0.01
"""Confidence below which a next-best point is not tried: where a click changes nothing, one somewhere else may do harm."""
BESIDE = (20.0, 56.0)
"""CSS pixels from the edge of words to the field or box that they may name."""
CHECKABLE = {"checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio", "option"}


CONTROLS = {"type": "field", "check": "checkbox", "select": "dropdown", "upload": "file field"}
"""What an action on a control needs, where its target is named without it."""
_SAYS_WHAT = re.compile(r"\b(?:fields?|box(?:es)?|inputs?|textbox|area|check ?box(?:es)?|radio|switch|toggle|drop-?down|list|menu|select|picker|button)\b", re.I)  # fmt: skip


class Guess(NamedTuple):
    """A point to try, and where it comes from."""

    source: Source
    pointing: Pointing


class Grounding:
    """The guesses for one target on one screenshot, best first, made as they are asked for."""

    def __init__(self, pointer: Pointer, screenshot: Screenshot, target: str, control: str = "") -> None:
        """control: what the target is called if it has its name beside it, if at all: a field, a checkbox."""
        self.pointer, self.screenshot, self.target, self.control = pointer, screenshot, target, control
        self.seconds = 0.0
        self.answer: Pointing | None = None

    async def first(self) -> Pointing:
        """The pointer's answer."""
        self.answer = await self._pointed(self.target)
        return self.answer

    async def _pointed(self, target: str) -> Pointing:
        start = perf_counter()
        answers = await asyncio.to_thread(self.pointer.point_many, self.screenshot, [target])
        self.seconds += perf_counter() - start
        return answers[0]

    async def guesses(self) -> AsyncIterator[Guess]:
        """The first point, the control of that name, what is beside it, a second look around it, then the next-best points."""
        first = await self.first()
        if first.point is None:
            return
        yield Guess("first", first)
        if self.control and not _SAYS_WHAT.search(self.target):  # a heading or a column may have that name too
            other = await self._pointed(f"{self.target} {self.control}")
            if other.found and other.point is not None and not same_place(first, other.point):
                yield Guess("control", other.model_copy(update={"target": self.target}))
        if self.control and first.found and first.box is not None:  # its name or its button may have been taken for it
            for point in beside(first.box, self.screenshot):
                yield Guess("beside", first.model_copy(update={"point": point, "box": None}))
        look = await self._second_look(first)
        if look is not None:
            yield Guess("second_look", look)
        for next_best in first.alternatives:
            if next_best.confidence < WORTHLESS:
                continue
            worse = {"point": next_best.point, "confidence": next_best.confidence, "box": None}
            yield Guess("alternative", first.model_copy(update=worse))

    async def _second_look(self, first: Pointing) -> Pointing | None:
        """Points again on an enlarged crop; None when the pointer cannot, or when it only says the same again."""
        look = getattr(self.pointer, "second_look", None)
        if look is None or first.point is None:
            return None
        start = perf_counter()
        seen: Pointing = await asyncio.to_thread(look, self.screenshot, self.target, first.point)
        self.seconds += perf_counter() - start
        return None if seen.point is None or same_place(first, seen.point) else seen


def same_place(answer: Pointing, point: Point) -> bool:
    """Whether a point lies in what an answer has pointed at."""
    return answer.point == point or (answer.box is not None and answer.box.contains(point))


def beside(box: Box, screenshot: Screenshot) -> list[Point]:
    """Places on the screen where a field or box stands whose name is in this box, the nearest first."""
    x, y = box.centre.x, box.centre.y
    points = []
    for far in BESIDE:
        points += [Point(x=box.x1 + far, y=y), Point(x=x, y=box.y1 + far), Point(x=box.x0 - far, y=y)]
    return [point for point in points if 0 <= point.x < screenshot.width and 0 <= point.y < screenshot.height]


def words_in(action: BrowserAction) -> list[tuple[str, str]]:
    """(field, words) of every target that still has to be found."""
    fields = ("target", "start", "end")
    found = [(name, getattr(action, name, None)) for name in fields]
    return [(name, value) for name, value in found if isinstance(value, str) and action.kind != "wait"]


def at(action: BrowserAction, field: str, point: Point) -> BrowserAction:
    """The action with one target replaced by a point."""
    return action.model_copy(update={field: point})


STATES = {
    "on": True,
    "yes": True,
    "true": True,
    "checked": True,
    "off": False,
    "no": False,
    "false": False,
    "unchecked": False,
}
"""What somebody may set a box or a switch to."""


NATIVE = {"select", "option"}
"""Tags of lists that the browser itself draws."""


def opens(hit: Hit | None, source: Source) -> bool:
    """Whether what lies there is a list of the page's own that opens by a click: by its role, or because it was named.

    In one that stands open, or among radio buttons, a click would choose whatever is under the mouse; a link leads away.
    """
    if hit is None or not hit.interactive or hit.tag in NATIVE:
        return False
    chooses = hit.checked is not None or hit.editable or hit.role in {"listbox", "link", *CHECKABLE}
    return hit.role == "combobox" or (source in {"first", "control"} and not chooses)


def fitting(action: BrowserAction, hit: Hit | None, source: Source = "first") -> BrowserAction:
    """The action as what lies there takes it: what was to be set may be a list to choose from, or a box to tick."""
    if isinstance(action, Select) and opens(hit, source):
        return Click(target=action.target)
    if not isinstance(action, Type) or hit is None or action.target is None or "<secret:" in action.text:
        return action
    state = STATES.get(action.text.strip().lower())
    if hit.tag == "select":
        return Select(target=action.target, option=action.text)
    return Check(target=action.target, checked=state) if hit.checked is not None and state is not None else action


NAMED = Check | Select | Type | Upload
"""Actions on a field, a box or a list: the gate lets nothing else pass."""


def worth_a_try(action: BrowserAction, pointing: Pointing, gate: bool) -> bool:
    """Whether to act on a point: it counts as found, or the gate is strict."""
    strict = gate and isinstance(action, NAMED)
    return pointing.found or (strict and pointing.confidence >= WORTH_A_TRY)


def refusal(action: BrowserAction, hit: Hit | None) -> str | None:
    """Why this action makes no sense at what lies there, or None when it does."""
    if hit is None:
        return "there is nothing at this point"
    if isinstance(action, Hover | Scroll | Drag):
        return None
    what = f"{hit.role or hit.tag} {hit.name[:60]!r}"
    if not hit.enabled:
        return f"{what} is disabled"
    wrong = (
        (isinstance(action, Type) and not hit.editable, "nothing can be typed there"),
        (isinstance(action, Check) and hit.checked is None and hit.role not in CHECKABLE, "it cannot be checked"),
        (isinstance(action, Select | Upload | Click) and not hit.interactive, "it reacts to nothing"),
        (isinstance(action, Select) and hit.tag not in NATIVE, "it is no list that opens: click what is to be chosen"),
    )
    return next((f"{what}: {why}" for applies, why in wrong if applies), None)


def changed(hit: Hit | None, change: Change | None) -> bool:
    """Whether an action did something. Focus alone counts only where one can type: any button takes it."""
    if change is None:
        return False
    typed_into = hit is None or hit.editable
    return change.model_copy(update={"focus": change.focus and typed_into}).any
