"""A browser in use: looks, acts, says what is at a point and what an action changed.

Knows no model and no task. Every point is CSS pixels of the current tab's viewport. Failures stay apart: the page
refuses (`ActionError`), a URL does not open (`PageUnreachable`), the browser is gone (`BrowserDied`).
"""

import asyncio
import re
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from playwright.async_api import Browser, BrowserContext, Download, Page, async_playwright
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout
from pydantic import Field

from deixis.browser import hit as hits
from deixis.browser.actions import AnswerDialog, BrowserAction, Check, Click, Goto, Select, Type, Wait
from deixis.browser.compare import blank, changed
from deixis.browser.dialogs import DialogOpened, Dialogs
from deixis.browser.errors import ActionError, BrowserDied, UsageError
from deixis.browser.executor import Executor, points
from deixis.browser.launch import launch
from deixis.browser.script import call, moved_on, source
from deixis.browser.settle import Patience, Settling, quiet
from deixis.browser.tabs import Tab, Tabs, Traffic
from deixis.browser.types import Change, Frozen, Hit, Point, Reading, Screenshot

T = TypeVar("T")
LARGEST = 20_000  # CSS pixels of a viewport's side
REUSE = 1.0  # seconds for which the picture taken after an action may be the next look's


class SessionConfig(Frozen):
    """How a session's browser is started and how patient it is."""

    width: int = 1280
    """CSS pixels of the viewport."""
    height: int = 720
    scale: float = Field(default=1.0, gt=0, le=8)
    """Image pixels per CSS pixel (the device scale factor)."""
    locale: str | None = None
    headed: bool = False
    executable: Path | None = None
    """The browser's program; None finds one."""
    storage_state: Path | None = None
    """Cookies and local storage to begin with, as Playwright saves them."""
    http_credentials: tuple[str, str] | None = None
    """User and password for HTTP authentication."""
    permissions: tuple[str, ...] = ()
    """What pages may do without asking, as Playwright names it: "geolocation", "clipboard-read", "notifications"."""
    geolocation: tuple[float, float] | None = None
    """Latitude and longitude that pages are told, if they may ask."""
    downloads: Path | None = None
    """Folder that downloads are saved to; None keeps none."""
    navigation_timeout: float = Field(default=30.0, gt=0)
    """Seconds for a URL to answer with a document."""
    answer_timeout: float = Field(default=30.0, gt=0)
    """Seconds after which a page that answers nothing counts as dead."""
    dialog_timeout: float = Field(default=60.0, gt=0)
    """Seconds after which a JavaScript dialog nobody answers is dismissed."""
    patience: Patience = Patience()


@dataclass
class Spent:
    """Seconds of the last `act` by part."""

    acting: float = 0.0
    settling: float = 0.0
    verifying: float = 0.0


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
        self.downloads: Path | None = self.config.downloads
        self.downloaded: list[Path] = []
        """Files saved so far."""
        self._seen_downloads = 0
        self._tabs, self._traffic = Tabs(), Traffic()
        self._dialogs = Dialogs(self.config.dialog_timeout)
        self._hands = Executor(self._tabs, self.config.navigation_timeout)
        self._memory = Memory()
        self._saving: set[asyncio.Task[None]] = set()
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
        browser = self._browser or await self._launched()
        context = await browser.new_context(**self._context_options())
        self._stack.push_async_callback(context.close)
        await context.add_init_script(source())
        self._watch(context)
        context.on("page", self._adopt)
        self._adopt(await context.new_page())

    async def _launched(self) -> Browser:
        playwright = await self._stack.enter_async_context(async_playwright())
        browser = await launch(playwright, self.config.executable, self.config.headed)
        self._stack.push_async_callback(browser.close)
        return browser

    def _context_options(self) -> dict[str, Any]:
        user, place = self.config.http_credentials, self.config.geolocation
        return {
            "http_credentials": {"username": user[0], "password": user[1]} if user else None,
            "permissions": list(self.config.permissions) or None,
            "geolocation": {"latitude": place[0], "longitude": place[1]} if place else None,
            "viewport": {"width": self.config.width, "height": self.config.height},
            "device_scale_factor": self.config.scale,
            "locale": self.config.locale,
            "storage_state": self.config.storage_state,
        }

    def _watch(self, context: BrowserContext) -> None:
        self._context = context
        self._traffic.watch(context)

    def _unwatch(self, context: BrowserContext) -> None:
        self._traffic.unwatch(context)
        for page in self._tabs.pages:
            page.remove_listener("dialog", self._dialogs.on_dialog)
            page.remove_listener("download", self._on_download)
            page.remove_listener("popup", self._adopt)

    def _adopt(self, page: Page) -> None:
        """Follows a tab: one of ours, or one that a page has opened."""
        if page in self._tabs.pages:
            return
        page.on("dialog", self._dialogs.on_dialog)
        page.on("download", self._on_download)
        page.on("popup", self._adopt)
        self._tabs.add(page)

    async def close(self) -> None:
        """Closes the browser, or lets go of an attached page."""
        self._dialogs.close()
        for task in self._saving:
            task.cancel()
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

    async def start(self, url: str) -> None:
        """Opens a URL; PageUnreachable when its document does not come."""
        await self.act(Goto(url=url))

    async def look(self) -> Screenshot:
        """A picture of the viewport at rest; behind a dialog the last one, with the dialog."""
        with self._meaning():
            try:
                return await self._race(self._look())
            except DialogOpened:
                return self._behind_dialog()

    async def hit(self, point: Point) -> Hit | None:
        """What the browser would click at a point; None outside the viewport and behind a dialog."""
        with self._meaning():
            try:
                return await self._race(hits.hit(self.page, point))
            except DialogOpened:
                return None

    async def read_dom(self, point: Point) -> Reading:
        """The visible text at a point, from the DOM."""
        with self._meaning():
            try:
                return await self._race(hits.read(self.page, point))
            except DialogOpened as error:
                raise ActionError("a dialog covers the page: answer it first") from error

    async def act(self, action: BrowserAction) -> Change:
        """Performs an action whose targets are points, waits for rest, and says what changed."""
        with self._meaning():
            if isinstance(action, AnswerDialog):
                return await self._answer(action)
            if self._dialogs.open:
                raise ActionError(f"a dialog is open ({self._dialogs.open.message!r}): answer it first")
            return await self._act(action)

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
        png = await tab.page.screenshot(scale="device", caret="initial", timeout=self.config.answer_timeout * 1000)
        state = view.pop("state")
        self._memory = Memory(Screenshot(png=png, **view), state, monotonic(), tab)
        return self._memory.picture or Screenshot(png=png, **view)

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
        return await self._dialogs.race(work, limit or self.config.answer_timeout)

    # ---- verifying ----

    def _ground(self) -> Before:
        return Before(self._tabs.current, self._tabs.opened, self.page.url, self._seen_downloads)

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
        if self._saving:
            await asyncio.wait(self._saving, timeout=self.config.patience.navigation)
        after = await self._picture()
        near, anywhere = await self._compare(before, after)
        return Change(
            pixels_near=near, pixels=anywhere, url=self.page.url != before.url, tab=tab,
            download=self._seen_downloads > before.downloads, **self._moved(before, tab),
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

    # ---- downloads and errors ----

    def _on_download(self, download: Download) -> None:
        self._seen_downloads += 1
        if self.downloads is None:
            return
        task = asyncio.create_task(self._save(download, self.downloads))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save(self, download: Download, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = unused(folder / safe_name(download.suggested_filename))
        try:
            await download.save_as(path)
        except PlaywrightError:
            return  # cancelled, or the browser is going away: there is no file
        self.downloaded.append(path)

    @contextmanager
    def _meaning(self) -> Iterator[None]:
        """Playwright's errors as ours: a dead browser is BrowserDied, a page that takes too long is ActionError."""
        try:
            yield
        except PlaywrightError as error:
            if self._dead():
                raise BrowserDied("the browser or its page is gone: start again") from error
            if isinstance(error, PlaywrightTimeout):
                raise ActionError(f"the page took too long: {error.message.splitlines()[0]}") from error
            if moved_on(error):
                raise ActionError("the page gave way to another in the middle: look again") from error
            raise

    def _dead(self) -> bool:
        if not len(self._tabs) or self._tabs.current.crashed or self.page.is_closed():
            return True
        browser = self.page.context.browser
        return browser is not None and not browser.is_connected()


def opens_tab(click: Click) -> bool:
    """Whether this click on a link opens it in a new tab, of which the page itself knows nothing."""
    return click.button == "middle" or bool({"Control", "Meta", "ControlOrMeta", "Shift"} & set(click.modifiers))


def safe_name(name: str) -> str:
    """A file name without folders, odd characters or a leading dot."""
    plain = re.sub(r"[^\w.\- ]", "_", Path(name.replace("\\", "/")).name).lstrip(". ")
    return plain[-120:] or "download"


def unused(path: Path) -> Path:
    """The path, numbered if something is there already."""
    stems = (path.with_stem(f"{path.stem}-{number}") for number in range(1, 10_000))
    return next(one for one in [path, *stems] if not one.exists()) if path.exists() else path
