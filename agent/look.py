"""Eyes and hands for people with Playwright tests of their own: `await look(page).click("the Save button")`.

The same pointing, gate and verification as in a run, on a page of the async or the sync API (there without `await`). What is
absent, dead or otherwise than expected is a LookError with one sentence. Knows no plan and no journal.
"""

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, overload

from deixis.agent import ground
from deixis.agent.api import load_pointer
from deixis.agent.colours import colour_in, shows
from deixis.agent.consent import Consenting
from deixis.agent.done import Done
from deixis.agent.grammar import clauses
from deixis.agent.loop import Limits, Loop
from deixis.agent.protocols import Pointer
from deixis.agent.state import Step, TaskState, is_not_found
from deixis.browser.actions import Action, Check, Click, Expect, GiveUp, Hover, Read, Select, Type, Wait, describe
from deixis.browser.errors import DeixisError
from deixis.browser.types import Screenshot

if TYPE_CHECKING:
    from playwright.async_api import Page
    from playwright.sync_api import Page as SyncPage

T = TypeVar("T")
TIMEOUT = 5.0
"""Seconds for something to appear."""
LATE = 1.0
"""Seconds in which a click that changed nothing at once may still do something."""


class LookError(DeixisError, AssertionError):
    """What was looked for is not there, does nothing, or is not as expected."""


class _Nobody:
    """The loop's planner and recorder, where nobody plans and nothing is written down."""

    def begin(self, state: TaskState) -> None:
        """There is no plan."""

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
        return GiveUp(reason="nobody plans here")

    def step(self, step: Step, png: bytes) -> Step:
        return step


class Look:
    """What can be done on one page, in words; make it with `look`."""

    def __init__(self, page: Any, model: str | Pointer | None = None, timeout: float = TIMEOUT) -> None:
        self.page, self.model, self.timeout = page, model, timeout

    async def click(self, target: str) -> None:
        """Clicks what the words name, and makes sure that it did something."""
        await self._done(Click(target=target))

    async def type(self, text: str, into: str, submit: bool = False) -> None:
        """Replaces what is in a field."""
        await self._done(Type(text=text, target=into, submit=submit))

    async def check(self, target: str, checked: bool = True) -> None:
        """Makes a checkbox, radio button or switch checked, or not."""
        await self._done(Check(target=target, checked=checked))

    async def select(self, option: str, source: str) -> None:
        """Chooses from a list."""
        await self._done(Select(target=source, option=option))

    async def hover(self, target: str) -> None:
        """Brings the mouse there."""
        await self._done(Hover(target=target))

    async def read(self, what: str) -> str:
        """The text that stands there."""
        done = await self._done(Read(question=what))
        return done.reading.text if done.reading else ""

    async def expect(self, what: str) -> None:
        """LookError unless it holds, now or soon: `a green message says Saved`, `no spinner`, `'3 items' is visible`."""
        colour, plain = colour_in(what)
        expected = [action for clause in clauses(f"expect {plain}", {}) for action in clause.actions]
        for action in expected:
            await self._done(action, colour if isinstance(action, Expect) and not action.absent else None)

    # ---- how ----

    async def _done(self, action: Action, colour: str | None = None) -> Done:
        """The action carried out, tried again until the bound while its target is not there."""
        from deixis.browser.session import Session

        model = self.model
        pointer = await asyncio.to_thread(load_pointer, model) if model is None or isinstance(model, str) else model
        session = Session.attach(self.page)
        try:
            nobody = _Nobody()
            loop = Loop(nobody, pointer, session, Limits(), nobody)
            loop.consent = Consenting(True)  # who wrote the test wanted it
            return await self._until(loop, action, colour)
        finally:
            await session.close()

    async def _until(self, loop: Loop, action: Action, colour: str | None) -> Done:
        end = time.monotonic() + self.timeout
        while True:
            shot = await loop.browser.look()
            dialogs = getattr(self.page, "dialogs_seen", 0)
            done = await loop.perform(action, shot)
            if getattr(self.page, "dialogs_seen", 0) > dialogs and done.error is None:
                return done
            wrong = _wrong(action, done) or await self._otherwise(loop, done, colour)
            if wrong is None:
                return done
            if (
                done.error is None
                and colour is None
                and await _another(loop, await loop.browser.look(), time.monotonic() + LATE)
            ):
                return done  # it took its time
            absent = is_not_found(done.error or "") or (colour is not None and done.error is None)
            if not absent or not await _another(loop, shot, end):
                raise LookError(wrong)

    async def _otherwise(self, loop: Loop, done: Done, colour: str | None) -> str | None:
        """What is wrong with the colour of what was found."""
        place = done.reading.box if done.reading and done.reading.box else done.pointing.box if done.pointing else None
        if colour is None or place is None or shows(await loop.browser.look(), place, colour):
            return None
        return f"{done.pointing.target if done.pointing else 'it'!r} is there, but nothing about it is {colour}"


def _wrong(action: Action, done: Done) -> str | None:
    """One sentence, or None when all is well."""
    if done.error is not None:
        return f"{describe(action)}: {done.error}"
    if isinstance(action, Click) and not ground.changed(done.hit, done.change):
        there = done.hit
        what = f"the {there.role or there.tag} {there.name[:60]!r}" if there else "what is there"
        return f"{describe(action)}: {what} was clicked, and nothing changed"
    return None


async def _another(loop: Loop, seen: Screenshot, end: float) -> bool:
    """Waits for a picture that differs; False when the time is over."""
    while time.monotonic() < end:
        await loop.browser.act(Wait(seconds=0.3))
        if (await loop.browser.look()).png != seen.png:
            return True
    return False


class SyncLook:
    """`Look` for a page of the sync API: the same names, nothing to await."""

    def __init__(self, page: Any, model: str | Pointer | None = None, timeout: float = TIMEOUT) -> None:
        self.page, self.model, self.timeout = page, model, timeout

    def click(self, target: str) -> None:
        self._do(lambda look: look.click(target))

    def type(self, text: str, into: str, submit: bool = False) -> None:
        self._do(lambda look: look.type(text, into, submit))

    def check(self, target: str, checked: bool = True) -> None:
        self._do(lambda look: look.check(target, checked))

    def select(self, option: str, source: str) -> None:
        self._do(lambda look: look.select(option, source))

    def hover(self, target: str) -> None:
        self._do(lambda look: look.hover(target))

    def read(self, what: str) -> str:
        return self._do(lambda look: look.read(what))

    def expect(self, what: str) -> None:
        self._do(lambda look: look.expect(what))

    def _do(self, work: Callable[[Look], Coroutine[Any, Any, T]]) -> T:
        from deixis.browser.borrowed import in_its_thread

        return in_its_thread(self.page, lambda page: work(Look(page, self.model, self.timeout)))


@overload
def look(page: "Page", model: str | Pointer | None = None, timeout: float = TIMEOUT) -> Look: ...
@overload
def look(page: "SyncPage", model: str | Pointer | None = None, timeout: float = TIMEOUT) -> SyncLook: ...
def look(page: Any, model: str | Pointer | None = None, timeout: float = TIMEOUT) -> Look | SyncLook:
    """Eyes and hands for a Playwright page, of the async API or of the sync one."""
    kind = Look if inspect.iscoroutinefunction(type(page).screenshot) else SyncLook
    return kind(page, model, timeout)
