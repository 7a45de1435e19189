"""A browser in use: looks, acts, says what is at a point and what an action changed.

Knows no model and no task. Every point is CSS pixels of the current tab's viewport. Failures stay apart: the page
refuses (`ActionError`), a URL does not open (`PageUnreachable`), the browser is gone (`BrowserDied`).
"""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from playwright.async_api import Browser, BrowserContext, Page
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout
from pydantic import BaseModel

from deixis.browser import hiding
from deixis.browser import hit as hits
from deixis.browser.actions import AnswerDialog, BrowserAction, Check, Click, Goto, NewTab, Select, Type, Wait
from deixis.browser.compare import blank, changed
from deixis.browser.config import SessionConfig as SessionConfig  # people import it from here, with the session
from deixis.browser.dialogs import DialogOpened, Dialogs
from deixis.browser.downloads import Downloads
from deixis.browser.errors import ActionError, BrowserDied, DeixisError, PageUnreachable, UsageError
from deixis.browser.executor import Executor, points
from deixis.browser.guard import Guard
from deixis.browser.mask import paint
from deixis.browser.opening import Opening
from deixis.browser.script import call, moved_on, source
from deixis.browser.secrets import Secrets
from deixis.browser.settle import Settling, quiet, stop_late
from deixis.browser.tabs import Tab, Tabs, Traffic
from deixis.browser.types import Change, Hit, Point, Reading, Screenshot, png_size

T = TypeVar("T")
Said = TypeVar("Said", Screenshot, Reading, Hit, Hit | None)
LARGEST = 20_000  # CSS pixels of a viewport's side
REUSE = 1.0  # seconds for which the picture taken after an action may be the next look's


@dataclass
class Spent:
    """Seconds of the last `act` by part."""

    acting: float = 0.0
    settling: float = 0.0
    verifying: float = 0.0
    waiting: float = 0.0
    """Part of the settling: for documents and what they fetch."""
    picturing: float = 0.0
    """Part of the verifying: the picture, which is the next step's own."""


@dataclass
class Before:
    """What verification compares with."""

    tab: Tab
    opened: int
    url: str
    downloads: int
    state: dict[str, Any] | None = None
    picture: Screenshot | None = None
    points: list[Point] = field(default_factory=list)


@dataclass
class Memory:
    """The last picture, when and in which state it was taken, and where the mouse is."""

    picture: Screenshot | None = None
    state: dict[str, Any] = field(default_factory=dict)
    at: float = 0.0
    tab: Tab | None = None


class Session:
    """One browser context: `async with Session() as session: await session.start(url)`, or `Session.attach(page)`.

    With a `browser` that runs already it opens its context there and leaves the browser running.
    """

    def __init__(self, config: SessionConfig | None = None, browser: Browser | None = None) -> None:
        self.config = config or SessionConfig()
        self._browser = browser
        self.spent = Spent()
        self.secrets = Secrets(self.config.secrets)
        self._tabs, self._traffic = Tabs(), Traffic()
        self._dialogs = Dialogs(self.config.dialog_timeout)
        self._hands = Executor(self._tabs, self.config.navigation_timeout, self.secrets)
        self._hands.home = self.config.home
        self._files = Downloads(self.config.downloads, self.config.download_limit)
        self._guard: Guard | None = None
        self._memory = Memory()
        self._stack = AsyncExitStack()
        self._context: BrowserContext | None = None

    # ---- beginning and end ----

    async def __aenter__(self) -> Self:
        if self._context is None:
            try:
                await self._open()
            except BaseException:
                await self._stack.aclose()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @classmethod
    def attach(cls, page: Page, config: SessionConfig | None = None) -> Self:
        """A session on a page of Playwright's async API; closing the session leaves the page open."""
        session = cls(config)
        session._watch(page.context)
        session._adopt(page)
        session._stack.callback(session._unwatch, page.context)
        return session

    async def _open(self) -> None:
        self._check_viewport(self.config.width, self.config.height)
        opening = Opening(self.config, self._stack, self._traffic.give_up_tabs)
        context = await opening.context(self._browser)
        self._guard, self._files.incoming = opening.guard, opening.incoming
        self._watch(context)
        if not self.config.cdp:
            await context.add_init_script(source())
            context.on("page", self._adopt)
        first = await context.new_page()
        if self._guard:
            await self._guard.adopt(context, first)
        self._adopt(first)
        if self.config.cdp:  # the context is a person's: only tabs of ours are touched
            self._stack.push_async_callback(self._close_tabs)
            await first.add_init_script(source())
            await first.set_viewport_size({"width": self.config.width, "height": self.config.height})

    async def _close_tabs(self) -> None:
        for page in self._tabs.pages:
            if not page.is_closed():
                await page.close()

    def _watch(self, context: BrowserContext) -> None:
        self._context = context
        self._traffic.watch(context)

    def _unwatch(self, context: BrowserContext) -> None:
        self._traffic.unwatch(context)
        for page in self._tabs.pages:
            page.remove_listener("dialog", self._dialogs.on_dialog)
            page.remove_listener("download", self._files.on_download)
            page.remove_listener("popup", self._adopt)

    def _adopt(self, page: Page) -> None:
        """Follows a tab: one of ours, or one that a page has opened."""
        if page in self._tabs.pages:
            return
        page.on("dialog", self._dialogs.on_dialog)
        page.on("download", self._files.on_download)
        page.on("popup", self._adopt)
        self._tabs.add(page)

    async def close(self) -> None:
        """Closes the browser, or lets go of an attached page."""
        self._dialogs.close()
        self._files.close()
        await self._stack.aclose()

    # ---- the face ----

    @property
    def page(self) -> Page:
        """The current tab's Playwright page."""
        return self._tabs.page

    @property
    def tabs(self) -> list[Page]:
        """The pages of all tabs, in the order they opened."""
        return self._tabs.pages

    @property
    def downloads(self) -> Path | None:
        """Folder of what is downloaded."""
        return self._files.folder

    @property
    def downloaded(self) -> list[Path]:
        """Files saved so far."""
        return self._files.saved

    async def start(self, url: str) -> None:
        """Opens the URL where the work begins; PageUnreachable when its document does not come."""
        self._hands.home = url
        if self._guard:
            self._guard.bounds = self._guard.bounds.model_copy(update={"home": url})
        await self.act(Goto(url=url))

    async def look(self) -> Screenshot:
        """A picture of the viewport at rest; behind a dialog the last one, with the dialog."""
        with self._meaning():
            self._within_bounds()
            try:
                seen = await self._race(self._look())
            except DialogOpened:
                seen = self._behind_dialog()
            self._within_bounds()
            return self._discreet(seen)

    async def hit(self, point: Point) -> Hit | None:
        """What the browser would click at a point; None outside the viewport and behind a dialog."""
        with self._meaning():
            try:
                return self._discreet(await self._race(hits.hit(self.page, point)))
            except DialogOpened:
                return None

    async def focused(self) -> Hit | None:
        """What keys would go to; None when nothing has the focus, and behind a dialog."""
        with self._meaning():
            try:
                return self._discreet(await self._race(hits.focused(self.page)))
            except DialogOpened:
                return None

    async def read_dom(self, point: Point) -> Reading:
        """The visible text at a point, from the DOM."""
        with self._meaning():
            try:
                return self._discreet(await self._race(hits.read(self.page, point)))
            except DialogOpened as error:
                raise ActionError("a dialog covers the page: answer it first") from error

    async def read_table(self, point: Point) -> Reading:
        """The rows of the table at a point as JSON, from the DOM; empty where there is none."""
        with self._meaning():
            try:
                rows = await self._race(hits.table(self.page, point))
            except DialogOpened as error:
                raise ActionError("a dialog covers the page: answer it first") from error
            text = json.dumps(self.secrets.masked(rows), ensure_ascii=False) if rows is not None else ""
            return Reading(text=text, confidence=1.0 if text else 0.0, source="dom")

    async def act(self, action: BrowserAction) -> Change:
        """Performs an action whose targets are points, waits for rest, and says what changed."""
        with self._meaning():
            if isinstance(action, AnswerDialog):
                return await self._answer(action)
            if self._dialogs.open:
                raise ActionError(f"a dialog is open ({self._dialogs.open.message!r}): answer it first")
            if self._guard and isinstance(action, Goto | NewTab):
                self._guard.ask(action.url)
            change = await self._unless_stopped(self._act(action))
            self._within_bounds()
            return change

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the work, which ends with Blocked as soon as a tab is kept from going where it must not."""
        if self._guard is None:
            return await work
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._guard.stopped.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
                self._within_bounds()
            return task.result()
        finally:
            stop.cancel()
            task.cancel()

    def _within_bounds(self) -> None:
        """Blocked when a tab wanted to go where it must not."""
        if self._guard:
            self._guard.check()

    def _discreet(self, seen: Said) -> Said:
        """What a page says, with the names of secrets where their values stood."""
        if not self.secrets or seen is None:
            return seen
        dump = seen.model_dump()
        masked = {name: value for name, value in self.secrets.masked(dump).items() if value != dump[name]}
        kept = {name: type(getattr(seen, name)) for name in masked}
        return seen.model_copy(update={n: _as(kept[n], value) for n, value in masked.items()})

    async def save_storage_state(self, path: Path) -> None:
        """Writes cookies and local storage to a file that `SessionConfig.storage_state` takes."""
        with self._meaning():
            await self.page.context.storage_state(path=path)

    # ---- looking ----

    async def _look(self) -> Screenshot:
        await quiet(self.page, self.config.patience.calm, self.config.patience.still, fresh=False)
        view = await call(self.page.main_frame, "view")
        return self._remembered(view["state"]) or await self._picture(view)

    async def _picture(self, view: dict[str, Any] | None = None) -> Screenshot:
        """Takes a picture; the view is read in the same turn."""
        tab = self._tabs.current
        view = view or await call(tab.page.main_frame, "view")
        self._check_viewport(view["width"], view["height"])
        hidden = await hiding.boxes(tab.page, self.secrets.marks)
        png = await tab.page.screenshot(scale="device", caret="initial", timeout=self.config.answer_timeout * 1000)
        if hidden or self.secrets.typed:  # and what came in between
            hidden += await hiding.boxes(tab.page, self.secrets.marks)
            png = await asyncio.to_thread(paint, png, hidden, png_size(png)[0] / view["width"])
        state = view.pop("state")
        picture = Screenshot(png=png, **view)
        self._memory = Memory(picture, state, monotonic(), tab)
        return picture

    def _remembered(self, state: dict[str, Any]) -> Screenshot | None:
        """The last picture, if nothing can have changed since."""
        memory = self._memory
        fresh = memory.tab is self._tabs.current and memory.state == state and monotonic() - memory.at < REUSE
        return memory.picture if fresh else None

    def _behind_dialog(self) -> Screenshot:
        width, height = self.config.width, self.config.height
        empty = Screenshot(png=blank(width, height), width=width, height=height, url=self.page.url)
        last = self._memory.picture or empty
        return last.model_copy(update={"dialog": self._dialogs.open})

    def _check_viewport(self, width: float, height: float) -> None:
        if not (0 < width <= LARGEST and 0 < height <= LARGEST):
            raise UsageError(
                f"the viewport is {width:g}x{height:g} CSS pixels: each side has to be between 1 and {LARGEST}"
            )

    # ---- acting ----

    async def _act(self, action: BrowserAction) -> Change:
        before = self._ground()
        since = monotonic()
        self.spent = Spent()
        try:
            await self._race(self._prepare(action, before))
            since = monotonic()
            await self._timed("acting", self._hands.perform(action), self._limit(action))
            return await self._aftermath(action, before, since)
        except DialogOpened:
            return Change(dialog=True, url=not self.page.is_closed() and self.page.url != before.url)

    async def _answer(self, action: AnswerDialog) -> Change:
        before, since = self._ground(), monotonic()
        self.spent = Spent()
        before.picture = self._memory.picture
        try:
            await self._dialogs.answer(action.accept, action.text)
            change = await self._aftermath(action, before, since)
        except DialogOpened:
            change = Change()
        return change.model_copy(update={"dialog": True})

    async def _aftermath(self, action: BrowserAction, before: Before, since: float) -> Change:
        patience = self.config.patience
        if isinstance(action, Wait):
            patience = patience.model_copy(update={"still": action.seconds, "fetch": action.seconds})
        settling = Settling(lambda: self.page, self._traffic, patience, since)
        await self._timed("settling", settling.run(), self._limit(action))
        self.spent.waiting += settling.waited
        return await self._timed("verifying", self._verify(before), self.config.answer_timeout)

    async def _timed(self, part: str, work: Coroutine[Any, Any, T], limit: float) -> T:
        start = monotonic()
        try:
            return await self._race(work, limit)
        finally:
            setattr(self.spent, part, getattr(self.spent, part) + monotonic() - start)

    def _limit(self, action: BrowserAction) -> float:
        """Seconds after which work for this action means that the page is dead."""
        extra = action.seconds if isinstance(action, Wait) else self.config.navigation_timeout
        return self.config.answer_timeout + extra

    async def _race(self, work: Coroutine[Any, Any, T], limit: float | None = None) -> T:
        """The result of work with the page; what is on its way for too long is stopped, with half of the patience left to answer."""
        limit = limit or self.config.answer_timeout
        late = limit - self.config.answer_timeout / 2
        stopping = asyncio.ensure_future(stop_late(lambda: self.page, self._traffic, late))
        try:
            return await self._dialogs.race(work, limit)
        finally:
            stopping.cancel()

    # ---- verifying ----

    def _ground(self) -> Before:
        return Before(self._tabs.current, self._tabs.opened, self.page.url, self._files.seen)

    async def _prepare(self, action: BrowserAction, before: Before) -> None:
        """Checks the points, brings the mouse to where it will click, and keeps what was there before.

        The picture is taken after the mouse has arrived: what hovering changes is not what the click changes.
        """
        await before.tab.listen(self._traffic)
        view = await call(self.page.main_frame, "view")
        touched = points(action)
        for point in touched:
            if not (0 <= point.x < view["width"] and 0 <= point.y < view["height"]):
                where = f"({point.x:g}, {point.y:g})"
                raise ActionError(f"{where} is outside the viewport of {view['width']}x{view['height']} CSS pixels")
        before.points = touched
        if touched and isinstance(action, Click | Type | Check | Select):
            await self._hands.move(touched[0])
        if isinstance(action, Click) and opens_tab(action):
            there = await hits.hit(self.page, touched[0])
            if there is not None and there.role == "link":
                self._traffic.expect_tab()
        before.state = await call(self.page.main_frame, "begin")
        before.picture = self._remembered(before.state) if not touched else None
        before.picture = before.picture or await self._picture()

    async def _verify(self, before: Before) -> Change:
        tab = self._tabs.opened != before.opened or self._tabs.current is not before.tab
        if tab:
            await self.page.bring_to_front()
        await self._files.settled(self.config.patience.navigation)
        start = monotonic()
        after = await self._picture()
        self.spent.picturing += monotonic() - start
        near, anywhere = await self._compare(before, after)
        return Change(
            pixels_near=near, pixels=anywhere, url=self.page.url != before.url, tab=tab,
            download=self._files.seen > before.downloads, **self._moved(before, tab),
        )  # fmt: skip

    async def _compare(self, before: Before, after: Screenshot) -> tuple[bool, bool]:
        if before.picture is None:
            return False, False
        return await asyncio.to_thread(changed, before.picture, after, before.points)

    def _moved(self, before: Before, tab: bool) -> dict[str, Any]:
        """What page.js counted: focus, values, mutations, scrolling, a new document."""
        old, new = before.state, self._memory.state
        if old is None or tab:
            return {}
        if old["document"] != new["document"]:
            return {"loaded": True, "mutations": new["mutations"]}
        return {
            "focus": old["focus"] != new["focus"],
            "value": old["values"] != new["values"],
            "scrolled": old["scrolls"] != new["scrolls"],
            "mutations": new["mutations"] - old["mutations"],
        }

    # ---- errors ----

    @contextmanager
    def _meaning(self) -> Iterator[None]:
        """Playwright's errors as ours: a dead browser is BrowserDied, a page that takes too long is ActionError."""
        try:
            yield
        except DeixisError as error:
            if isinstance(error, PageUnreachable):
                self._within_bounds()  # refused, not unreachable
            said = self.secrets.mask(str(error))
            if said == str(error):
                raise
            raise type(error)(said) from None
        except PlaywrightError as error:
            said = self.secrets.mask(error.message)
            cause = error if said == error.message else None
            if self._dead():
                raise BrowserDied("the browser or its page is gone: start again") from cause
            if isinstance(error, PlaywrightTimeout):
                raise ActionError(f"the page took too long: {said.splitlines()[0]}") from cause
            if moved_on(error):
                raise ActionError("the page gave way to another in the middle: look again") from cause
            if cause is None:
                raise DeixisError(said) from None
            raise

    def _dead(self) -> bool:
        if not len(self._tabs) or self._tabs.current.crashed or self.page.is_closed():
            return True
        browser = self.page.context.browser
        return browser is not None and not browser.is_connected()


def opens_tab(click: Click) -> bool:
    """Whether this click on a link opens it in a new tab, of which the page itself knows nothing."""
    return click.button == "middle" or bool({"Control", "Meta", "ControlOrMeta", "Shift"} & set(click.modifiers))


def _as(kind: type, value: Any) -> Any:
    """A part of a dump as the type it was before."""
    if issubclass(kind, BaseModel):
        return kind.model_validate(value)
    return tuple(value) if kind is tuple else value
