"""The tabs of one session: which is current, who opened whom, what they have asked the network for since when.

Knows no actions. A tab that opens becomes the current one; when a tab closes its opener is current again.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from playwright.async_api import BrowserContext, FileChooser, Page, Request
from playwright.async_api import Error as PlaywrightError

from deixis.browser.errors import ActionError, BrowserDied

Kind = Literal["document", "part"]
RESTLESS = 4  # documents in a row
PARTS = {"document", "fetch", "xhr", "script", "stylesheet"}


class Traffic:
    """Requests in flight that settling waits for: documents, and the parts that pages build themselves from."""

    def __init__(self) -> None:
        self._pending: dict[Request, tuple[Kind, float]] = {}
        self._last_document = 0.0
        self._documents: deque[float] = deque(maxlen=RESTLESS)
        self._tabs_due = 0
        self._stir = asyncio.Event()

    def watch(self, context: BrowserContext) -> None:
        context.on("page", self._on_tab)
        context.on("request", self._on_request)
        context.on("requestfinished", self._on_end)
        context.on("requestfailed", self._on_end)

    def unwatch(self, context: BrowserContext) -> None:
        context.remove_listener("page", self._on_tab)
        context.remove_listener("request", self._on_request)
        context.remove_listener("requestfinished", self._on_end)
        context.remove_listener("requestfailed", self._on_end)

    def pending(self, kind: Kind, since: float) -> bool:
        """Whether a request of this kind, begun since then, is in flight, or a tab on its way."""
        if kind == "document" and self._tabs_due > 0:
            return True
        return any(kind == one and begun >= since for one, begun in self._pending.values())

    @property
    def awaited(self) -> str:
        """Address of the document that is on its way, the last one asked for; empty for a tab that has none yet."""
        return next((request.url for request, (kind, _) in reversed(self._pending.items()) if kind == "document"), "")

    def restless(self, since: float) -> bool:
        """Whether one document after the other has been asked for since then."""
        return len(self._documents) == RESTLESS and self._documents[0] >= since

    def navigated(self, since: float) -> bool:
        """Whether a document has been asked for since then."""
        return self._last_document >= since

    async def stirred(self, seconds: float) -> None:
        """Returns at the next beginning or end of a request, or after the bound."""
        self._stir.clear()
        try:
            await asyncio.wait_for(self._stir.wait(), max(seconds, 0))
        except TimeoutError:
            return

    def expect_tab(self, _: object = None) -> None:
        """A page has asked for a new tab, which on a busy machine takes seconds to come."""
        self._tabs_due += 1
        self._last_document = monotonic()
        self._stir.set()

    def give_up_tabs(self) -> None:
        """Expects no more tabs: none is coming, or it was blocked."""
        self._tabs_due = 0

    def _on_tab(self, _: Page) -> None:
        self._tabs_due = max(0, self._tabs_due - 1)
        self._stir.set()

    def _on_request(self, request: Request) -> None:
        kind = kind_of(request)
        if kind is None:
            return
        self._pending[request] = kind, monotonic()
        if kind == "document":
            self._last_document = monotonic()
            self._documents.append(self._last_document)
        self._stir.set()

    def _on_end(self, request: Request) -> None:
        self._pending.pop(request, None)
        self._stir.set()


def kind_of(request: Request) -> Kind | None:
    """`document` when a tab, also one not yet there, goes somewhere; `part` when a page fetches."""
    if request.resource_type not in PARTS:
        return None
    if not request.is_navigation_request():
        return "part"
    try:
        return "part" if request.frame.parent_frame else "document"
    except PlaywrightError:
        return "document"  # asked for before its tab exists: a new one


def _keep_closed(_: FileChooser) -> None:
    """While anybody listens, file choosers are events and not windows of the desktop."""


@dataclass(eq=False)
class Tab:
    """One tab and the one that was current when it opened."""

    page: Page
    opener: "Tab | None" = None
    crashed: bool = False
    listening: bool = False

    def on_crash(self, _: Page) -> None:
        self.crashed = True

    async def listen(self, traffic: Traffic) -> None:
        """Hears of new tabs when the page asks for them, through the DevTools protocol where there is one."""
        if self.listening:
            return
        self.listening = True
        try:
            devtools = await self.page.context.new_cdp_session(self.page)
        except PlaywrightError:
            return  # not a Chromium: a slow popup is then followed when it comes
        devtools.on("Page.windowOpen", traffic.expect_tab)
        await devtools.send("Page.enable")


class Tabs:
    """The open tabs in the order they opened."""

    def __init__(self) -> None:
        self._all: list[Tab] = []
        self._current: Tab | None = None
        self.opened = 0
        """How many tabs have opened so far."""

    def __len__(self) -> int:
        return len(self._all)

    @property
    def pages(self) -> list[Page]:
        return [tab.page for tab in self._all]

    @property
    def current(self) -> Tab:
        if self._current is None:
            raise BrowserDied("the browser or its last tab is gone: start again")
        return self._current

    @property
    def page(self) -> Page:
        return self.current.page

    def add(self, page: Page) -> None:
        """A tab that has opened, now the current one."""
        if page in self.pages:
            return
        tab = Tab(page, opener=self._current)
        page.on("crash", tab.on_crash)
        page.on("filechooser", _keep_closed)
        page.on("close", lambda _: self._remove(tab))
        self._all.append(tab)
        self._current = tab
        self.opened += 1

    def switch(self, index: int) -> None:
        if index >= len(self._all):
            raise ActionError(f"there is no tab {index}: the tabs are 0 to {len(self._all) - 1}")
        self._current = self._all[index]

    def _remove(self, tab: Tab) -> None:
        if tab in self._all:
            self._all.remove(tab)
        if self._current is tab:
            self._current = tab.opener if tab.opener in self._all else (self._all[-1] if self._all else None)
