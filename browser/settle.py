"""Waits until a page has come to rest after an action: bounded, driven by events, never by a fixed time.

At rest means: no document on its way, nothing fetched that the action began, no DOM mutation, scrolling or short
animation for `calm` milliseconds, and two frames drawn since. Endless animation and polling end at the bounds.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Literal

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

    def __init__(
        self, page: Callable[[], Page], traffic: Traffic, patience: Patience, since: float,
        nearly: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """nearly: is called when the page seems to be at rest and only has to stay so."""
        self._page, self._traffic, self._patience, self._since, self._nearly = page, traffic, patience, since, nearly
        self._start = monotonic()
        self._loaded = False
        self.rest: Rest | None = None
        """How it ended; None where no page said."""
        self.waited = 0.0
        """Seconds until the page in the end did nothing more, fetching and loading included: its own work, not ours."""

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
            await self._traffic.stirred(self._left())
            return True
        if self._traffic.navigated(self._since) and not self._loaded:
            await load(self._page(), min(self._patience.load, self._left()))
            self._loaded = True
        page = self._page()
        self.rest = await self._rest(page)
        return self.rest is None or page is not self._page() or await self._stirring(leaving=self.rest.leaving)

    async def _rest(self, page: Page) -> "Rest | None":
        """Calm for a frame, then for all of the time: by then what will be looked at can be got ready."""
        calm, begun = self._patience.calm, monotonic()
        first = await quiet(page, calm / 4, self._left(), since="load" if self._loaded else None, frames=1)
        rest = first
        if first and first.still and not first.leaving and not self._traffic.pending("document", self._since):
            self._nearly()
            rest = await quiet(page, calm, self._left(), since=first.since)
        if first and rest:
            self.waited = max(0.0, begun - self._start + (rest.last - first.asked) / 1000)
        return rest

    async def _stirring(self, leaving: bool) -> bool:
        """Whether the network still has to do with what the page shows."""
        if self._traffic.pending("document", self._since):
            return True
        if leaving and not self._traffic.navigated(self._since):
            await self._traffic.stirred(min(LEAVING, self._left()))
            return self._traffic.navigated(self._since)
        if self._traffic.pending("part", self._since) and monotonic() < self._start + self._patience.fetch:
            await self._traffic.stirred(min(self._start + self._patience.fetch - monotonic(), self._left()))
            return True
        return False


class Rest(Frozen):
    """What a document said when it was asked to be calm; moments are milliseconds of its own clock."""

    still: bool
    leaving: bool
    asked: float
    """When it was asked."""
    since: float
    """From when calm was counted."""
    last: float
    """When something last happened; since when calm was counted, if nothing has."""
    document: str


async def quiet(
    page: Page, calm: float, limit: float, since: float | Literal["load"] | None = None, frames: int = 2
) -> Rest | None:
    """Waits for calm in the document, and so many frames; None when it has left or does not say in time.

    Calm counts from now on, from the load event, or from a moment of the document's own clock: from 0, what has been calm
    long enough is at once. A document that is about to give way to another says nothing: Chromium holds questions back
    until the other one is there.
    """
    argument = {"calm": calm * 1000, "limit": max(limit, 0) * 1000, "from": since, "frames": frames}
    try:
        asked = call(page.main_frame, "quiet", argument, wait=True, tries=1)
        rest = await asyncio.wait_for(asked, max(limit, 0) + SLACK)
    except TimeoutError:
        return None
    except PlaywrightError as error:
        if page.is_closed() or moved_on(error):
            return None
        raise
    return Rest(**rest)


async def load(page: Page, limit: float) -> None:
    """Waits for the load event, or the bound: a page whose images never end is usable all the same."""
    try:
        await page.wait_for_load_state("load", timeout=max(limit, 0.001) * 1000)
    except PlaywrightTimeout:
        return


async def stop_late(
    page: Callable[[], Page], traffic: Traffic, seconds: float, told: Callable[[str], object] = lambda _: None
) -> None:
    """Stops every document that is still on its way after that many seconds, until cancelled: the one in view stays.

    `told` hears its address.

    It is what a person does with the browser's stop button. Without it a server that does not answer makes a page that
    is whole and in view answer nothing.
    """
    await asyncio.sleep(seconds)
    while True:
        if traffic.pending("document", 0.0):
            told(traffic.awaited)
            await _stop(page)
        await traffic.stirred(seconds)


async def _stop(page: Callable[[], Page]) -> None:
    try:
        devtools = await page().context.new_cdp_session(page())
        await devtools.send("Page.stopLoading")
        await devtools.detach()
    except (PlaywrightError, BrowserDied):
        return  # gone in the meantime, or not a Chromium: those answer while they load
