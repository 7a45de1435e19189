"""Waits until a page has come to rest after an action: bounded, driven by events, never by a fixed time.

At rest means: no document on its way, nothing fetched that the action began, no DOM mutation, scrolling or short
animation for `calm` milliseconds, and two frames drawn since. Endless animation and polling end at the bounds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from playwright.async_api import TimeoutError as PlaywrightTimeout
from pydantic import Field

from deixis.browser.errors import BrowserDied
from deixis.browser.script import call, moved_on
from deixis.browser.tabs import Traffic
from deixis.browser.types import Frozen

LEAVING = 0.5  # seconds for a document that says it leaves to be seen asking for the next
SLACK = 1.0  # seconds for the answer of a page that has counted to its own limit


class Patience(Frozen):
    """How long settling may take, in seconds."""

    calm: float = Field(default=0.06, gt=0)
    """Without any mutation, scrolling or short animation."""
    still: float = Field(default=3.0, gt=0)
    """In all, on a page that stays."""
    fetch: float = Field(default=2.0, ge=0)
    """For what the action fetches."""
    navigation: float = Field(default=10.0, gt=0)
    """In all, when a new document is on its way."""
    load: float = Field(default=5.0, ge=0)
    """For the load event of a document that is there already."""


class Settling:
    """One wait for rest, since a moment of `time.monotonic`."""

    def __init__(self, page: Callable[[], Page], traffic: Traffic, patience: Patience, since: float) -> None:
        self._page, self._traffic, self._patience, self._since = page, traffic, patience, since
        self._start = monotonic()
        self._loaded = False
        self.waited = 0.0
        """Seconds for documents and what they fetch: the page's own work, not ours."""

    async def run(self) -> None:
        """Returns when the page is at rest or the bound is reached."""
        while self._left() > 0 and await self._busy():
            pass
        self._traffic.give_up_tabs()

    def _left(self) -> float:
        moving = self._traffic.navigated(self._since)
        bound = self._patience.navigation if moving else self._patience.still
        return self._start + bound - monotonic()

    async def _busy(self) -> bool:
        """Waits for one thing; whether to look again."""
        if self._traffic.pending("document", self._since):
            await self._for_page(self._traffic.stirred(self._left()))
            return True
        if self._traffic.navigated(self._since) and not self._loaded:
            await self._for_page(load(self._page(), min(self._patience.load, self._left())))
            self._loaded = True
        page = self._page()
        rest = await quiet(page, self._patience.calm, self._left())
        return rest is None or page is not self._page() or await self._stirring(leaving=rest)

    async def _stirring(self, leaving: bool) -> bool:
        """Whether the network still has to do with what the page shows."""
        if self._traffic.pending("document", self._since):
            return True
        if leaving and not self._traffic.navigated(self._since):
            await self._traffic.stirred(min(LEAVING, self._left()))
            return self._traffic.navigated(self._since)
        if self._traffic.pending("part", self._since) and monotonic() < self._start + self._patience.fetch:
            limit = min(self._start + self._patience.fetch - monotonic(), self._left())
            await self._for_page(self._traffic.stirred(limit))
            return True
        return False

    async def _for_page(self, work: Awaitable[object]) -> None:
        start = monotonic()
        await work
        self.waited += monotonic() - start


async def quiet(page: Page, calm: float, limit: float, fresh: bool = True) -> bool | None:
    """Waits for calm in the document: whether it is about to leave, None when it has left or does not say in time.

    `fresh` counts calm from now on; otherwise a document that has been calm long enough is at once. A document that is
    about to give way to another says nothing: Chromium holds questions back until the other one is there.
    """
    argument = {"calm": calm * 1000, "limit": max(limit, 0) * 1000, "fresh": fresh}
    try:
        asked = call(page.main_frame, "quiet", argument, wait=True, tries=1)
        rest = await asyncio.wait_for(asked, max(limit, 0) + SLACK)
    except TimeoutError:
        return None
    except PlaywrightError as error:
        if page.is_closed() or moved_on(error):
            return None
        raise
    return bool(rest["leaving"])


async def load(page: Page, limit: float) -> None:
    """Waits for the load event, or the bound: a page whose images never end is usable all the same."""
    try:
        await page.wait_for_load_state("load", timeout=max(limit, 0.001) * 1000)
    except PlaywrightTimeout:
        return


async def stop_late(page: Callable[[], Page], traffic: Traffic, seconds: float) -> None:
    """Stops every document that is still on its way after that many seconds, until cancelled: the one in view stays.

    It is what a person does with the browser's stop button. Without it a server that does not answer makes a page that
    is whole and in view answer nothing.
    """
    await asyncio.sleep(seconds)
    while True:
        if traffic.pending("document", 0.0):
            await _stop(page)
        await traffic.stirred(seconds)


async def _stop(page: Callable[[], Page]) -> None:
    try:
        devtools = await page().context.new_cdp_session(page())
        await devtools.send("Page.stopLoading")
        await devtools.detach()
    except (PlaywrightError, BrowserDied):
        return  # gone in the meantime, or not a Chromium: those answer while they load
