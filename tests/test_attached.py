"""Working in a Chrome that runs already, and with a profile: what is a person's there is left alone."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.async_api import async_playwright

from deixis.browser.actions import Click, Goto
from deixis.browser.errors import Blocked, SetupError, UsageError
from deixis.browser.launch import find_browser, flags, is_root
from deixis.browser.session import Session, SessionConfig
from deixis.browser.types import Point
from tests.conftest import GatedServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The debugging address of a browser that somebody has started."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(find_browser()), *flags(False), "--headless", f"--remote-debugging-port={port}",
        f"--user-data-dir={tmp_path_factory.mktemp('theirs')}", *(["--no-sandbox"] if is_root() else []), "about:blank",
    ]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    transport = httpx.HTTPTransport(retries=10)  # waits longer each time for the port to open
    with httpx.Client(transport=transport) as client:
        client.get(f"{address}/json/version", timeout=30)
    yield address
    running.terminate()
    running.wait(20)


async def test_a_running_browser_lends_a_tab(chrome: str, gated: GatedServer) -> None:
    gated.bodies |= {"/": "<a href='http://elsewhere.test/'>out</a>", "/theirs": "<p>theirs</p>"}
    async with async_playwright() as playwright:
        theirs = await playwright.chromium.connect_over_cdp(chrome)
        person = theirs.contexts[0]
        await person.add_cookies([{"name": "login", "value": "ada", "url": gated.url}])
        own = await person.new_page()
        config = SessionConfig(cdp=chrome, home=gated.url, allow=(), width=900, height=500)
        async with Session(config) as session:
            await session.start(gated.url)
            assert await session.page.evaluate("document.cookie") == "login=ada"
            assert (await session.look()).width == 900
            with pytest.raises(Blocked, match=r"elsewhere\.test"):
                await session.act(Goto(url="http://elsewhere.test/"))
            with pytest.raises(Blocked, match=r"elsewhere\.test"):
                await session.act(Click(target=Point(x=18, y=18)))
                await session.look()
            later = await person.new_page()  # opened while we work: not ours either
            assert len(session.tabs) == 1
            for tab in (own, later):
                await tab.goto("about:blank")
                assert await tab.evaluate("window.__deixis === undefined && document.adoptedStyleSheets.length === 0")
            await later.close()
            await own.goto(f"{gated.url}/theirs".replace("127.0.0.1", "localhost"))  # a host that is not ours to visit
            assert await own.inner_text("p") == "theirs"
        assert not own.is_closed() and await own.inner_text("p") == "theirs"
        assert len(person.pages) >= 1
        await own.close()


async def test_a_profile_remembers(tmp_path: Path, gated: GatedServer) -> None:
    gated.bodies["/"] = "<p>page</p>"
    config = SessionConfig(profile=tmp_path / "mine", home=gated.url, allow=())
    async with Session(config) as session:
        await session.start(gated.url)
        await session.page.evaluate("document.cookie = 'login=ada; max-age=100000'")
        with pytest.raises(Blocked):
            await session.act(Goto(url="http://elsewhere.test/"))
    async with Session(config) as session:
        await session.start(gated.url)
        assert await session.page.evaluate("document.cookie") == "login=ada"


async def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(SetupError, match="no Chrome answers at 'http://127.0.0.1:1'.*--remote-debugging-port"):
        async with Session(SessionConfig(cdp="http://127.0.0.1:1")):
            pass
    for wrong in (
        SessionConfig(cdp="x", profile=Path("y")),
        SessionConfig(cdp="x", storage_state=Path("z")),
        SessionConfig(cdp="x", allow=(), strict_network=True),
    ):
        with pytest.raises(UsageError):
            async with Session(wrong):
                pass
