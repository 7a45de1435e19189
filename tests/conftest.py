"""Fixtures that tests of several folders share: one browser for the whole run, a fresh session for each test.

Playwright's objects live on one event loop: a module that uses these fixtures opens with
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import asyncio
import signal
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from deixis.browser.actions import AnswerDialog
from deixis.browser.launch import launch
from deixis.browser.session import Session, SessionConfig
from tests.servers import Handler, Server, Told

PAGES = Path(__file__).parent / "data" / "pages"
SessionFactory = Callable[[SessionConfig], Awaitable[Session]]

# A shell's background job ignores Ctrl-C and its children inherit that, so tests that send one would wait for ever; what is
# handled, not ignored, is reset to its default in children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers of models that answer as told (`tests.servers`)."""
    servers: list[Server] = []

    def start(*replies: Told) -> Server:
        server = Server(("127.0.0.1", 0), Handler)
        server.replies, server.asked, server.heard = list(replies), [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address on 127.0.0.1 where a folder is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def pages_url() -> Iterator[str]:
    """Where tests/data/pages is served on 127.0.0.1."""
    with serving(PAGES) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One headless browser for the whole run."""
    async with async_playwright() as playwright:
        started = await launch(playwright)
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _shared_session(browser: Browser) -> AsyncIterator[Session]:
    """Opening a context takes longer than most tests: they take turns with one."""
    async with Session(browser=browser) as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session")
async def browser_session(_shared_session: Session) -> AsyncIterator[Session]:
    """A session of 1280x720 at scale 1 on a blank page; a test that breaks its browser uses `open_session`."""
    session = _shared_session
    await session.page.goto("about:blank")
    await session.page.mouse.move(1279, 719)
    yield session
    if (await session.look()).dialog:
        await session.act(AnswerDialog(accept=True))
    for page in session.tabs[1:]:
        await page.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_session(browser: Browser) -> AsyncIterator[SessionFactory]:
    """Opens sessions with a config of the test's own; they close after it."""
    async with AsyncExitStack() as stack:

        async def opened(config: SessionConfig) -> Session:
            return await stack.enter_async_context(Session(config, browser))

        yield opened


async def _head(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    """The lines of a request's head after the first."""
    while line := (await reader.readline()).decode().strip():
        yield line


class GatedServer:
    """Serves text on 127.0.0.1; a path in `gates` is answered only once its event is set, `asked` says who waits."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        """The Authorization that a path asks for."""
        self.gates: dict[str, asyncio.Event] = {}
        self.asked: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._handlers: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        first = (await reader.readline()).decode().split(" ")
        if len(first) < 2:  # a connection that was opened in advance
            writer.close()
            return
        path = first[1]
        lines = [line async for line in _head(reader)]
        self.asked[path].set()
        if path in self.gates:
            await self.gates[path].wait()
        body = self.bodies.get(path)
        status = "200 OK" if body is not None else "404 Not Found"
        header = self.headers.get(path, "Content-Type: text/html; charset=utf-8")
        if path in self.asks and f"Authorization: {self.asks[path]}" not in lines:
            status, header, body = "401 Unauthorized", 'WWW-Authenticate: Basic realm="test"', ""
        writer.write(
            f"HTTP/1.1 {status}\r\n{header}\r\nConnection: close\r\n\r\n".encode()
            + (body or "").encode(self.coding(header))
        )
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    @staticmethod
    def coding(header: str) -> str:
        """Bytes are kept as latin-1."""
        return "utf-8" if "text/" in header else "latin-1"

    def release(self) -> None:
        """Ends every request that still waits."""
        for task in self._handlers:
            task.cancel()


@pytest_asyncio.fixture(loop_scope="session")
async def gated() -> AsyncIterator[GatedServer]:
    """A server whose answers the test holds back at will."""
    site = GatedServer()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield site
    site.release()
    server.close()


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(open_session: SessionFactory, gated: GatedServer) -> Session:
    """A session that waits half a second for a document, on a page whose link (at 5, 5) leads to one that never comes."""
    patience = SessionConfig().patience.model_copy(update={"still": 0.5, "navigation": 0.5})
    session = await open_session(SessionConfig(answer_timeout=6, patience=patience))
    gated.gates["/never"] = asyncio.Event()
    gated.bodies["/"] = "<title>Here</title><a href='/never' style='position:absolute; left:0; top:0'>Go</a>"
    await session.start(gated.url + "/")
    return session
