"""The hand of a scripted solution: it reads boxes from the DOM and acts with the project's actions at their pixels.

Every action goes through `deixis.browser.executor`, as an agent's do, and is counted; none goes through a selector.
What it waits for are states of the page, each with a bound. Knows no task.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from playwright.async_api import Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from deixis.benchmarks.tasks import Goal
from deixis.browser.actions import BrowserAction, Click, Drag, Hover, Press, Scroll, Select, Type
from deixis.browser.errors import ActionError, DeixisError
from deixis.browser.types import Box, Frozen, Point

PATIENCE = 3.0
"""Seconds for something to appear, or to come to rest."""
TURNS = 30
"""Turns of the wheel to bring something into view."""
_CLIPBOARDS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
Acted = Callable[[BrowserAction], Awaitable[None]]

FIND = """(selector) => [...document.querySelectorAll(selector)].map((e) => {
  const r = e.getBoundingClientRect(), style = getComputedStyle(e);
  const attributes = Object.fromEntries([...e.attributes].map((a) => [a.name, a.value]));
  return {x0: r.left, y0: r.top, x1: r.right, y1: r.bottom, tag: e.tagName.toLowerCase(), text: e.textContent.trim(),
          value: e.value === undefined || e.value === null ? "" : String(e.value), checked: e.checked === true, attributes,
          shown: r.width > 0 && r.height > 0 && style.visibility !== "hidden" && style.display !== "none"};
})"""
STILL = """async () => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const boxes = () => [...document.querySelectorAll("body *")].map((e) => {
    const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height].map(Math.round).join(" "); }).join("|");
  for (let frames = 0, before = "", same = 0; frames < 120 && same < 3; frames++) {
    const now = boxes(); same = now === before ? same + 1 : 0; before = now; await frame();
  }
}"""
COVERED = """([selector, nth]) => {
  const e = document.querySelectorAll(selector)[nth], r = e.getBoundingClientRect();
  const mine = (there) => there && (e === there || e.contains(there) || there === e.parentElement);
  for (const [across, down] of [[.5, .5], [.2, .2], [.8, .8], [.2, .8], [.8, .2], [.5, .1], [.5, .9], [.05, .5], [.95, .5]]) {
    const x = r.left + r.width * across, y = r.top + r.height * down;
    if (mine(document.elementFromPoint(x, y))) return {free: {x, y}};
  }
  const x = r.left + r.width / 2, y = r.top + r.height / 2;
  for (let p = e.parentElement; p; p = p.parentElement) {
    const style = getComputedStyle(p), box = p.getBoundingClientRect();
    if (p.scrollHeight > p.clientHeight + 1 && /auto|scroll/.test(style.overflowY) && box.height > 0 && (y < box.top || y > box.bottom))
      return {over: {x: box.left + box.width / 2, y: (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2}};
  }
  return y >= 0 && y < innerHeight ? {free: {x, y}} : {over: {x: innerWidth / 2, y: innerHeight / 2}};
}"""
TEXT_BOX = """([selector, nth, words]) => {
  const root = document.querySelectorAll(selector)[nth], walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange(); let node, first = null, last = null;
  while ((node = walk.nextNode())) {
    if (!node.data.trim()) continue;
    const at = words === null ? 0 : node.data.indexOf(words);
    if (at < 0) continue;
    first = first || [node, words === null ? node.data.search(/\\S/) : at];
    last = [node, words === null ? node.data.trimEnd().length : at + words.length];
    if (words !== null) break;
  }
  if (!first) return null;
  range.setStart(...first); range.setEnd(...last);
  const boxes = [...range.getClientRects()].filter((r) => r.width > 0), a = boxes[0], b = boxes[boxes.length - 1];
  return {start: {x: a.left, y: (a.top + a.bottom) / 2}, end: {x: b.right, y: (b.top + b.bottom) / 2}};
}"""


class Unsolved(DeixisError):
    """The page is not as the solution expects it."""


class Element(Frozen):
    """What the DOM says of an element."""

    box: Box
    """CSS pixels of the viewport."""
    tag: str
    text: str
    value: str
    checked: bool
    shown: bool
    attributes: dict[str, str]
    nth: int
    """Its place among all that the selector names."""

    @property
    def centre(self) -> Point:
        return self.box.centre


class Hand:
    """Reads and acts on one page; `steps` counts the actions."""

    def __init__(self, page: Page, act: Acted, goal: Goal) -> None:
        self.page, self._act, self.goal = page, act, goal
        self.steps = 0

    # reading

    async def all(self, selector: str, shown: bool = True) -> list[Element]:
        """Every element that a selector names, hidden ones only when asked for."""
        rows = await self.page.evaluate(FIND, selector)
        found = [
            Element(box=Box(**{name: row.pop(name) for name in ("x0", "y0", "x1", "y1")}), nth=nth, **row)
            for nth, row in enumerate(rows)
        ]
        return [element for element in found if element.shown or not shown]

    async def one(self, selector: str, text: str | None = None) -> Element:
        """The first shown element with this text (if any), as soon as there is one; Unsolved when none comes."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            found = [e for e in await self.all(selector) if text is None or e.text == text]
            if found:
                return found[0]
            if asyncio.get_running_loop().time() > end:
                raise Unsolved(f"nothing on the page is {selector!r}" + (f" with {text!r}" if text is not None else ""))
            await self.page.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")

    async def still(self) -> None:
        """Waits until no box on the page moves any more."""
        await self.page.evaluate(STILL)

    async def read(self, expression: str) -> Any:
        """What the page answers to an expression."""
        return await self.page.evaluate(expression)

    async def until(self, expression: str, seconds: float = PATIENCE) -> None:
        """Waits until an expression holds; Unsolved when it does not in time."""
        try:
            await self.page.wait_for_function(expression, timeout=seconds * 1000)
        except PlaywrightTimeout as error:
            raise Unsolved(f"{expression!r} does not hold after {seconds:g} seconds") from error

    # acting

    async def do(self, action: BrowserAction) -> None:
        """One action of the project's, carried out and counted."""
        self.steps += 1
        await self._act(action)

    async def reach(self, selector: str, element: Element) -> Point:
        """A point of the element that can be hit, after turning the wheel over what hides it."""
        for _ in range(TURNS):
            seen = await self.page.evaluate(COVERED, [selector, element.nth])
            if "free" in seen:
                return Point(**seen["free"])
            over = Point(**seen["over"])
            far = element.centre.y - over.y
            await self.do(Scroll(target=over, dy=far if abs(far) > 1 else 20))
            await self.still()
            now = (await self.all(selector, shown=False))[element.nth]
            if now.box == element.box:
                break
            element = now
        return element.centre

    async def click(self, selector: str, text: str | None = None, **more: Any) -> Element:
        """Clicks the middle of an element, brought into view; `more` as `Click` takes it."""
        element = await self.one(selector, text)
        await self.do(Click(target=await self.reach(selector, element), **more))
        return element

    async def click_at(self, x: float, y: float, **more: Any) -> None:
        await self.do(Click(target=Point(x=x, y=y), **more))

    async def click_this(self, selector: str, element: Element, **more: Any) -> None:
        """Clicks an element that was read before, brought into view."""
        await self.do(Click(target=await self.reach(selector, element), **more))

    async def type(self, selector: str, text: str, **more: Any) -> None:
        """Types into a field; `more` as `Type` takes it."""
        await self.do(Type(text=text, target=await self.reach(selector, await self.one(selector)), **more))

    async def type_into(self, field: Element, text: str) -> None:
        """Types into a field that was read before."""
        await self.do(Type(text=text, target=field.centre))

    async def enter(self, text: str, submit: bool = False) -> None:
        """Types where the focus is, after what is there."""
        await self.do(Type(text=text, clear=False, submit=submit))

    @asynccontextmanager
    async def clipboard(self) -> AsyncIterator[None]:
        """The clipboard, which all pages of a browser share, for this one alone."""
        async with _CLIPBOARDS.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            yield

    async def press(self, keys: str) -> None:
        await self.do(Press(keys=keys))

    async def hover(self, selector: str, text: str | None = None) -> None:
        await self.do(Hover(target=(await self.one(selector, text)).centre))

    async def drag(self, start: Point, end: Point, via: tuple[Point, ...] = ()) -> None:
        await self.do(Drag(start=start, end=end, via=via))

    async def select(self, selector: str, option: str) -> None:
        await self.do(Select(target=(await self.one(selector)).centre, option=option))

    async def scroll(self, selector: str, dy: float) -> None:
        await self.do(Scroll(target=(await self.one(selector)).centre, dy=dy))

    async def mark(self, selector: str, nth: int = 0, words: str | None = None) -> None:
        """Drags over the text of an element, all of it or these words, so that it is selected."""
        ends = await self.page.evaluate(TEXT_BOX, [selector, nth, words])
        if ends is None:
            raise Unsolved(f"no text {words!r} in {selector!r}")
        await self.drag(
            Point(x=ends["start"]["x"] + 0.2, y=ends["start"]["y"]), Point(x=ends["end"]["x"] + 0.5, y=ends["end"]["y"])
        )

    async def double_click(self, selector: str, word: str) -> None:
        """Selects a word of an element's text as people do."""
        ends = await self.page.evaluate(TEXT_BOX, [selector, 0, word])
        if ends is None:
            raise Unsolved(f"no text {word!r} in {selector!r}")
        x = (ends["start"]["x"] + ends["end"]["x"]) / 2
        await self.click_at(x, ends["start"]["y"], count=2)


Refused = (ActionError, Unsolved)
"""Why a solution may stop."""
