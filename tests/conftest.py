"""Fixtures that tests of several folders share: one browser for the whole run, a fresh session for each test.

Playwright's objects live on one event loop: a module that uses these fixtures opens with
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from deixis.browser.launch import launch
from deixis.browser.session import Session, SessionConfig

PAGES = Path(__file__).parent / "data" / "pages"
SessionFactory = Callable[[SessionConfig], Awaitable[Session]]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="session")
def pages_url() -> Iterator[str]:
    """Where tests/data/pages is served on 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(PAGES)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One headless browser for the whole run."""
    async with async_playwright() as playwright:
        started = await launch(playwright)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser_session(browser: Browser) -> AsyncIterator[Session]:
    """A session of 1280x720 at scale 1 on a blank page."""
    async with Session(browser=browser) as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session")
async def open_session(browser: Browser) -> AsyncIterator[SessionFactory]:
    """Opens sessions with a config of the test's own; they close after it."""
    async with AsyncExitStack() as stack:

        async def opened(config: SessionConfig) -> Session:
            return await stack.enter_async_context(Session(config, browser))

        yield opened
