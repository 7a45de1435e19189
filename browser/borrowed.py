"""Pages of Playwright's sync API, used by code that is written for its async API.

Such a page may be used from its own thread only: the async code runs on an event loop in another thread, and each of its
calls is carried out, one after the other, by the thread that owns the page. Knows nothing of what is done with a page.
"""

import asyncio
import inspect
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from playwright import async_api
from playwright.sync_api import Error as PlaywrightError

T = TypeVar("T")
IDLE = 4.0
"""Milliseconds for which the owner lets the browser speak while there is nothing to do."""
Job = tuple["Future[Any]", Callable[[], Any]]


class Desk:
    """Where calls are handed over to the thread that owns the page."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.handlers: dict[tuple[int, str, Any], Any] = {}
        self.dialogs = 0
        """JavaScript dialogs so far."""

    def hand(self, call: Callable[[], Any]) -> "asyncio.Future[Any]":
        """The result of a call, once the owner has made it."""
        future: Future[Any] = Future()
        self.jobs.put((future, call))
        return asyncio.wrap_future(future, loop=self.loop)

    def post(self, call: Callable[[], Any]) -> None:
        """A call whose result nobody waits for, in its turn."""
        self.jobs.put((Future(), call))

    def serve(self, page: Any, work: "Future[T]") -> T:
        """Makes the calls that are handed over until the work is done; in the owner's thread."""
        while not work.done() or not self.jobs.empty():
            try:
                future, call = self.jobs.get_nowait()
            except queue.Empty:
                _breathe(page)
                continue
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except PlaywrightError as error:
                    future.set_exception(error)
        return work.result()


def _breathe(page: Any) -> None:
    """Lets events of the browser in."""
    try:
        page.wait_for_timeout(IDLE)
    except PlaywrightError:
        time.sleep(IDLE / 1000)  # the page is closed: there is nothing to hear, and what waits for it ends by itself


class Borrowed:
    """An object of the sync API with the face of its twin in the async API."""

    def __init__(self, desk: Desk, thing: Any) -> None:
        self._desk, self._thing = desk, thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Borrowed) and other._thing is self._thing

    def __hash__(self) -> int:
        return id(self._thing)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        if not callable(value) or not inspect.ismethod(value):
            return self._lent(value)
        if name in {"on", "remove_listener"}:
            return getattr(self, f"_{name}")
        twin = getattr(getattr(async_api, type(self._thing).__name__, None), name, None)
        if inspect.iscoroutinefunction(twin):
            return lambda *a, **k: self._called(value, a, k)
        return lambda *a, **k: self._lent(value(*_own(a), **k))

    async def _called(self, method: Any, words: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return self._lent(await self._desk.hand(lambda: method(*_own(words), **named)))

    def _lent(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._lent(part) for part in value]
        is_ours = type(value).__module__.startswith("playwright.") and not isinstance(value, BaseException)
        return Borrowed(self._desk, value) if is_ours else value

    def _on(self, event: str, handler: Callable[[Any], Any]) -> None:
        heard = self._dialog if event == "dialog" else self._forwarded(handler)
        self._desk.handlers[(id(self._thing), event, handler)] = heard
        self._desk.post(lambda: self._thing.on(event, heard))

    def _forwarded(self, handler: Callable[[Any], Any]) -> Callable[..., Any]:
        return lambda *said: self._desk.loop.call_soon_threadsafe(handler, *[self._lent(one) for one in said])

    def _dialog(self, dialog: Any) -> None:
        """Dismissed at once, as Playwright does where nobody listens: the owner waits in the call that opened it."""
        self._desk.dialogs += 1
        try:
            dialog.dismiss()
        except PlaywrightError:
            return  # the user's own listener was first

    @property
    def dialogs_seen(self) -> int:
        return self._desk.dialogs

    def _remove_listener(self, event: str, handler: Callable[[Any], Any]) -> None:
        heard = self._desk.handlers.pop((id(self._thing), event, handler), None)
        if heard is not None:
            self._desk.post(lambda: self._thing.remove_listener(event, heard))


def _own(words: tuple[Any, ...]) -> list[Any]:
    return [word._thing if isinstance(word, Borrowed) else word for word in words]


def in_its_thread(page: Any, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """The result of async work on a page of the sync API; called from the page's own thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="deixis-look")
    thread.start()
    desk = Desk(loop)
    try:
        return desk.serve(page, asyncio.run_coroutine_threadsafe(work(Borrowed(desk, page)), loop))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
