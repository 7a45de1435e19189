"""A browser in use: looks, acts, says what is at a point and what an action changed.

Knows no model and no task. Every point is CSS pixels of the current tab's viewport. Failures stay apart: the page
refuses (`ActionError`), a URL does not open (`PageUnreachable`), the browser is gone (`BrowserDied`).
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from playwright.async_api import Browser, BrowserContext, Page
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from deixis.browser import hit as hits
from deixis.browser.actions import AnswerDialog, BrowserAction, Goto, NewTab, Wait
from deixis.browser.camera import Camera, check_viewport
from deixis.browser.config import SessionConfig as SessionConfig  # people import it from here, with the session
from deixis.browser.dialogs import DialogOpened, Dialogs, Unanswered
from deixis.browser.downloads import Downloads
from deixis.browser.errors import ActionError, BrowserDied, DeixisError, PageUnreachable
from deixis.browser.executor import Executor
from deixis.browser.guard import Guard
from deixis.browser.opening import Opening
from deixis.browser.script import moved_on, source
from deixis.browser.secrets import Secrets
from deixis.browser.settle import Settling, quiet, stop_late
from deixis.browser.tabs import Tabs, Traffic
from deixis.browser.types import Change, Expected, Hit, Point, Reading, Screenshot
from deixis.browser.verify import Before, Verifier

T = TypeVar("T")


@dataclass
class Spent:
    """Seconds of the last `act` by part."""

    preparing: float = 0.0
    """Before acting: the mouse brought there, the picture before, the last hit-test."""
    acting: float = 0.0
    settling: float = 0.0
    verifying: float = 0.0
    waiting: float = 0.0
    """Part of the settling: until the page did nothing more."""
    picturing: float = 0.0
    """The picture after, which is the next step's own; most of it is taken while settling."""


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
        self._camera = Camera(self._tabs, self.secrets, self.config)
        self._verifier = Verifier(self._tabs, self._traffic, self._hands, self._camera, self._files)
        self._guard: Guard | None = None
        self.stopped: list[str] = []
        """What has been stopped because it did not come, each as a sentence, until somebody takes it."""
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
        check_viewport(self.config.width, self.config.height)
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
                seen = self._camera.behind(self._dialogs.open)
            self._within_bounds()
            return self.secrets.discreet(seen)

    async def hit(self, point: Point) -> Hit | None:
        """What the browser would click at a point; None outside the viewport and behind a dialog."""
        with self._meaning():
            try:
                return self.secrets.discreet(await self._race(hits.hit(self.page, point)))
            except DialogOpened:
                return None

    async def focused(self) -> Hit | None:
        """What keys would go to; None when nothing has the focus, and behind a dialog."""
        with self._meaning():
            try:
                return self.secrets.discreet(await self._race(hits.focused(self.page)))
            except DialogOpened:
                return None

    async def read_dom(self, point: Point) -> Reading:
        """The visible text at a point, from the DOM."""
        with self._meaning():
            try:
                return self.secrets.discreet(await self._race(hits.read(self.page, point)))
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

    async def act(self, action: BrowserAction, expected: Expected | None = None) -> Change:
        """Performs an action whose targets are points, waits for rest, and says what changed.

        expected: what the gate has seen at the point; anything else is not pressed, and GaveWay says so.
        """
        with self._meaning():
            if isinstance(action, AnswerDialog):
                return await self._answer(action)
            if self._dialogs.open:
                raise ActionError(f"a dialog is open ({self._dialogs.open.message!r}): answer it first")
            if self._guard and isinstance(action, Goto | NewTab):
                self._guard.ask(action.url)
            change = await self._unless_stopped(self._act(action, expected))
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

    async def save_storage_state(self, path: Path) -> None:
        """Writes cookies and local storage to a file that `SessionConfig.storage_state` takes."""
        with self._meaning():
            await self.page.context.storage_state(path=path)

    # ---- looking ----

    async def _look(self) -> Screenshot:
        view = await self._camera.view()
        if known := self._camera.remembered(view["state"]):
            return known.picture
        await quiet(self.page, self.config.patience.calm, self.config.patience.still, since=0)
        return (await self._camera.take()).picture

    # ---- acting ----

    async def _act(self, action: BrowserAction, expected: Expected | None) -> Change:
        before = self._verifier.ground()
        self.spent, self._hands.expected = Spent(), expected.hit if expected else None
        try:
            limit = self.config.answer_timeout
            await self._timed("preparing", self._verifier.prepare(action, before, expected), limit)
            since = monotonic()
            await self._timed("acting", self._hands.perform(action), self._limit(action))
            return await self._aftermath(action, before, since)
        except DialogOpened:
            return Change(dialog=True, url=not self.page.is_closed() and self.page.url != before.url)
        except ActionError:
            await self._verifier.let_go(before)
            raise

    async def _answer(self, action: AnswerDialog) -> Change:
        before, since = self._verifier.ground(), monotonic()
        self.spent = Spent()
        before.picture = self._camera.last.picture if self._camera.last else None
        try:
            await self._dialogs.answer(action.accept, action.text)
            change = await self._aftermath(action, before, since)
        except DialogOpened:
            change = Change()
        return change.model_copy(update={"dialog": True})

    async def _aftermath(self, action: BrowserAction, before: Before, since: float) -> Change:
        patience, stopped = self.config.patience, len(self.stopped)
        if isinstance(action, Wait):
            patience = patience.model_copy(update={"still": action.seconds, "fetch": action.seconds})
        settling = Settling(lambda: self.page, self._traffic, patience, since, self._verifier.nearly(before))
        try:
            await self._timed("settling", settling.run(), self._limit(action))
            self.spent.waiting += settling.waited
            verified = self._verifier.after(before, settling.rest, patience.navigation)
            change, self.spent.picturing = await self._timed("verifying", verified, self.config.answer_timeout)
        finally:
            before.drop()
        return change.model_copy(update={"stopped": len(self.stopped) > stopped})

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
        """The result of work with the page; what is on its way for too long is stopped, with half of the patience left to answer.

        A page that does not answer is dead; one that goes on loading others is not, but there is nothing to be done on it.
        """
        start, limit = monotonic(), limit or self.config.answer_timeout
        late = limit - self.config.answer_timeout / 2
        told = self._told_of(late)
        stopping = asyncio.ensure_future(stop_late(lambda: self.page, self._traffic, late, told))
        try:
            return await self._dialogs.race(work, limit)
        except Unanswered as error:
            if not self._traffic.restless(start - limit):
                raise
            raise ActionError(f"one page after the other has been loading for {limit:.0f} seconds") from error
        finally:
            stopping.cancel()

    def _told_of(self, seconds: float) -> Callable[[str], None]:
        """Who writes down that a document has been stopped."""

        def told(url: str) -> None:
            what = f"the page at {self.secrets.mask(url)[:200]!r}" if url else "a new tab"
            said = (
                f"{what} did not come within {seconds:g} seconds and was stopped; the page before it is still in view"
            )
            if said not in self.stopped:
                self.stopped.append(said)

        return told

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
