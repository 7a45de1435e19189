"""JavaScript dialogs. While one is open its page answers nothing, so all work on a page is raced against it.

Knows no actions: it keeps the open dialog, the work it interrupted, and dismisses it after a bound.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from playwright.async_api import Dialog as PlaywrightDialog
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from deixis.browser.errors import ActionError, BrowserDied
from deixis.browser.types import Dialog

T = TypeVar("T")
AFTER_ANSWER = 2.0  # seconds that interrupted work gets to end once its dialog is answered


class Unanswered(BrowserDied):
    """The page says nothing any more, or is never there long enough to say it."""


class DialogOpened(Exception):
    """Work was interrupted by a dialog; it goes on in the background once the dialog is answered."""


class Dialogs:
    """The dialog that is open, if any, and the work that waits for it."""

    def __init__(self, bound: float) -> None:
        self._bound = bound
        self._handle: PlaywrightDialog | None = None
        self._opened = asyncio.Event()
        self._parked: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None

    @property
    def open(self) -> Dialog | None:
        if self._handle is None:
            return None
        handle = self._handle
        return Dialog.model_validate({"type": handle.type, "message": handle.message, "default": handle.default_value})

    def on_dialog(self, handle: PlaywrightDialog) -> None:
        """Playwright's `dialog` event."""
        self._handle = handle
        self._opened.set()
        self._watch = asyncio.create_task(self._outlast(handle))

    async def race(self, work: Coroutine[Any, Any, T], limit: float) -> T:
        """The result of the work; DialogOpened when a dialog comes in between, Unanswered after `limit` seconds."""
        if self._handle:
            work.close()
            raise DialogOpened
        task = asyncio.create_task(work)
        await self._first(task, limit)
        if task.done():
            return task.result()
        if self._handle is None:
            task.cancel()
            raise Unanswered(f"the page has not answered for {limit:.0f} seconds: reload it or start again")
        self._park(task)
        raise DialogOpened

    async def answer(self, accept: bool, text: str | None) -> None:
        """Accepts or dismisses the open dialog and lets the interrupted work end."""
        if self._handle is None:
            raise ActionError("there is no dialog to answer")
        handle, parked = self._handle, set(self._parked)
        self._clear(handle)
        given = handle.default_value if text is None else text
        await (handle.accept(given) if accept else handle.dismiss())
        if parked:
            await self.race(_finished(parked), AFTER_ANSWER * 2)

    def close(self) -> None:
        """Forgets everything: the browser is going away."""
        for task in [*self._parked, *filter(None, [self._watch])]:
            task.cancel()

    async def _first(self, task: asyncio.Task[T], limit: float) -> None:
        opened = asyncio.create_task(self._opened.wait())
        try:
            await asyncio.wait({task, opened}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            opened.cancel()

    async def _outlast(self, handle: PlaywrightDialog) -> None:
        """Waits until the dialog is gone, by whoever's hand, and dismisses it after the bound."""
        try:
            await asyncio.wait_for(_answered(handle.page), self._bound)
        except TimeoutError:
            await _dismiss(handle)
        self._clear(handle)

    def _clear(self, handle: PlaywrightDialog) -> None:
        if self._handle is handle:
            self._handle = None
            self._opened.clear()

    def _park(self, task: asyncio.Task[Any]) -> None:
        self._parked.add(task)
        task.add_done_callback(self._unpark)

    def _unpark(self, task: asyncio.Task[Any]) -> None:
        self._parked.discard(task)
        if not task.cancelled():
            task.exception()  # taken: what a dialog interrupted may fail in its own way


async def _finished(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks, timeout=AFTER_ANSWER)


async def _answered(page: Page | None) -> None:
    """Returns when the page runs script again, which it cannot while a dialog is open."""
    if page is None:
        await asyncio.Event().wait()
        return
    try:
        await page.evaluate("0")
    except PlaywrightError:
        return  # the page moved on or is gone, and the dialog with it


async def _dismiss(handle: PlaywrightDialog) -> None:
    try:
        await handle.dismiss()
    except PlaywrightError:
        return  # somebody was faster
