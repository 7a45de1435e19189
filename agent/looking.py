"""What only looks: pointing at one thing, reading it, expecting it, waiting for it.

Text is read from the pixels where it is legible; the page is asked only where there is a gate. Nothing is clicked.
"""

import asyncio
from time import perf_counter

from deixis.agent import ground
from deixis.agent.done import Done, not_found
from deixis.agent.protocols import Browser, Pointer, Reader
from deixis.browser.actions import Expect, Read, Wait
from deixis.browser.types import Change, Point, Pointing, Reading, Screenshot

EXPECT_SECONDS = 4.0
LEGIBLE = 0.6
"""Confidence in the letters from which a text read from pixels is taken; below, the page is asked too."""
TABLE_OF = "the table of "


class Looking:
    """Looks at screens for a loop, which has the pointer and the browser."""

    def __init__(self, pointer: Pointer, browser: Browser, gate: bool) -> None:
        self.pointer, self.browser, self.gate = pointer, browser, gate

    async def located(self, target: str, screenshot: Screenshot, done: Done) -> Pointing:
        grounding = ground.Grounding(self.pointer, screenshot, target)
        found = await grounding.first()
        done.seconds["pointing"] += grounding.seconds
        done.pointing = found
        return found

    async def read(self, action: Read, screenshot: Screenshot, done: Done) -> None:
        if action.table:
            await self._read_table(action, screenshot, done)
            return
        found = await self.located(action.question, screenshot, done)
        if not found.found or found.point is None:
            done.error = not_found(action.question, found)
            return
        reading = await self._seen(screenshot, found.point, done)
        if reading is None or reading.confidence < LEGIBLE:
            reading = await self._told(found.point) or reading
        if reading is None:
            done.error = f"nothing is written at {action.question!r}"
            return
        done.reading, done.performed = reading, action

    async def _read_table(self, action: Read, screenshot: Screenshot, done: Done) -> None:
        """Looks for the table itself, then for what it is called: a heading over it, or the head of a column."""
        if not self.gate:
            done.error = "tables are read with the gate only"
            return
        for words in dict.fromkeys([action.question, action.question.removeprefix(TABLE_OF)]):
            found = await self.located(words, screenshot, done)
            reading = await self.browser.read_table(found.point) if found.found and found.point else None
            if reading and reading.text:
                done.reading, done.performed, done.error = reading, action, None
                return
            nothing = f"there is no table at {words!r}" if reading else not_found(action.question, found)
            done.error = done.error or nothing

    async def _seen(self, screenshot: Screenshot, point: Point, done: Done) -> Reading | None:
        """The line of text at a point, from the pixels; None when there is none, or nobody who can read."""
        if not isinstance(self.pointer, Reader):
            return None
        start = perf_counter()
        reading = await asyncio.to_thread(self.pointer.read_at, screenshot, point)
        done.seconds["pointing"] += perf_counter() - start
        return reading if reading.text else None

    async def _told(self, point: Point) -> Reading | None:
        """What the page says is written there; None where the page must not be asked."""
        return await self.browser.read_dom(point) if self.gate else None

    async def expect(self, action: Expect, screenshot: Screenshot, done: Done) -> None:
        """Looks until it holds, for a few seconds at most: a page may still be on its way."""
        start = perf_counter()
        while True:
            problem = await self._unmet(action, screenshot, done)
            if problem is None:
                done.performed, done.error = action, None
                return
            done.error = problem
            if perf_counter() - start > (EXPECT_SECONDS if action.seconds is None else action.seconds):
                return
            await self.browser.act(Wait(seconds=1.0))
            screenshot = await self.browser.look()

    async def _unmet(self, action: Expect, screenshot: Screenshot, done: Done) -> str | None:
        """Why an expectation does not hold, or None when it does."""
        found = await self.located(action.what, screenshot, done)
        if found.unreadable:
            return not_found(action.what, found)
        if action.text is None:
            if found.found == action.absent:
                return f"{action.what!r} is {'still' if action.absent else 'not'} on the screen"
            return None
        points = [p for p in (found.point, *(c.point for c in found.alternatives)) if p is not None]
        readings = [r for p in points for r in (await self._seen(screenshot, p, done), await self._told(p))]
        seen = [reading for reading in readings if reading is not None]
        done.reading = next((r for r in seen if _same(action.text, r.text)), seen[0] if seen else None)
        holds = done.reading is not None and _same(action.text, done.reading.text)
        if holds != action.absent:
            return None
        return f"expected {action.text!r} at {action.what!r}, saw {done.reading.text[:80] if done.reading else ''!r}"

    async def wait(self, action: Wait, screenshot: Screenshot, done: Done) -> None:
        """Looks again and again until the target is there."""
        assert action.target is not None
        start = perf_counter()
        while not (found := await self.located(action.target, screenshot, done)).found:
            if perf_counter() - start > action.seconds:
                done.error = f"{not_found(action.target, found)} after {action.seconds:g} seconds"
                return
            await self.browser.act(Wait(seconds=0.5))
            screenshot = await self.browser.look()
        done.performed, done.change = action, Change(pixels=True)


def _same(wanted: str, text: str) -> bool:
    return " ".join(wanted.casefold().split()) in " ".join(text.casefold().split())
