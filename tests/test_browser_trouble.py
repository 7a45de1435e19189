"""What goes wrong with browsers and pages: each a clear sentence of the right kind."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Error as PlaywrightError

from deixis.browser import devtools, launch
from deixis.browser.actions import Click, Goto
from deixis.browser.errors import BrowserDied, PageUnreachable, SetupError, UsageError
from deixis.browser.session import Session, SessionConfig
from deixis.browser.types import Point

if TYPE_CHECKING:
    from tests.conftest import GatedServer, SessionFactory

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://nowhere.invalid/", "no url at all", "file:///not/there.html"]
)
async def test_a_url_that_cannot_be_reached(browser_session: Session, url: str) -> None:
    with pytest.raises(PageUnreachable, match="cannot be opened") as raised:
        await browser_session.start(url)
    assert repr(url) in str(raised.value) and "\n" not in str(raised.value)


async def test_after_an_unreachable_url_the_session_goes_on(browser_session: Session, pages_url: str) -> None:
    with pytest.raises(PageUnreachable):
        await browser_session.start("http://127.0.0.1:9/")
    await browser_session.start(f"{pages_url}/recorder.html")
    assert (await browser_session.look()).title == "Where was that?"


async def test_a_picture_the_quick_form_cannot_take_is_taken_the_other_way(
    browser_session: Session, pages_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the page's process was replaced between the question and the picture."""

    class Replaced:
        async def send(self, method: str, wanted: dict[str, object]) -> dict[str, str]:
            raise PlaywrightError(f"Protocol error ({method}): Unable to capture screenshot")

    async def replaced(frame: object) -> Replaced:
        return Replaced()

    await browser_session.start(f"{pages_url}/recorder.html")
    monkeypatch.setattr("deixis.browser.devtools.session", replaced)
    await browser_session.page.evaluate("() => { document.body.style.background = 'red' }")
    assert len((await browser_session.look()).png) > 1000


async def test_a_picture_that_was_forgotten_is_asked_for_again(
    browser_session: Session, pages_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the document went while the picture was taken: that question is never answered."""
    await browser_session.start(f"{pages_url}/recorder.html")
    real = await devtools.session(browser_session.page.main_frame)
    assert real is not None
    asked: list[str] = []

    class Forgetful:
        async def send(self, method: str, wanted: dict[str, object]) -> dict[str, str]:
            asked.append(method)
            if len(asked) == 1:
                await asyncio.Event().wait()
            answer: dict[str, str] = await real.send(method, wanted)
            return answer

    async def forgetful(frame: object) -> Forgetful:
        return Forgetful()

    monkeypatch.setattr("deixis.browser.devtools.session", forgetful)
    await browser_session.page.evaluate("() => { document.body.style.background = 'red' }")
    assert len((await browser_session.look()).png) > 1000
    assert asked == ["Page.captureScreenshot"] * 2


async def test_a_page_that_never_answers(open_session: "SessionFactory", gated: "GatedServer") -> None:
    session = await open_session(SessionConfig(navigation_timeout=0.5))
    gated.gates["/"] = asyncio.Event()
    with pytest.raises(PageUnreachable, match="no answer within 0.5 seconds"):
        await session.start(gated.url + "/")


async def test_what_never_comes_is_stopped_and_the_page_in_view_stays(impatient: Session, gated: "GatedServer") -> None:
    """Chromium holds questions back while another document is on its way: without a stop the page would count as dead."""
    change = await impatient.act(Click(target=Point(x=5, y=5)))
    assert gated.asked["/never"].is_set() and (await impatient.look()).title == "Here"
    assert change.stopped and change.any and not change.url
    (said,) = impatient.stopped
    assert f"the page at '{gated.url}/never' did not come within" in said
    gated.gates["/never?again"] = asyncio.Event()
    await impatient.page.evaluate("() => { setTimeout(() => { location.href = '/never?again' }, 0) }")
    await gated.asked["/never?again"].wait()
    assert (await impatient.look()).title == "Here"


async def test_a_page_whose_load_never_ends_is_usable(
    open_session: "SessionFactory", gated: "GatedServer", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deixis.browser.executor.LOAD_LIMIT", 0.3)
    config = SessionConfig()
    session = await open_session(
        config.model_copy(update={"patience": config.patience.model_copy(update={"load": 0.3})})
    )
    gated.gates["/image"] = asyncio.Event()
    gated.bodies = {
        "/": "<title>Here</title><button style='position:absolute; left:0; top:0'>Go</button><img src='/image'>"
    }
    await session.start(gated.url + "/")
    assert (await session.look()).title == "Here"
    assert (await session.act(Click(target=Point(x=10, y=10)))).focus


@pytest.mark.parametrize(("width", "height"), [(0, 720), (1280, 0), (20_001, 720)])
async def test_a_viewport_of_no_use(width: int, height: int) -> None:
    with pytest.raises(UsageError, match=f"{width}x{height} CSS pixels"):
        async with Session(SessionConfig(width=width, height=height)):
            pytest.fail("it opened")


async def test_an_empty_and_a_very_long_page_are_fine(browser_session: Session) -> None:
    for body in ("<body style='display:none'>", "<div style='width:30000px; height:30000px; background:red'></div>"):
        await browser_session.page.set_content(body)
        assert (await browser_session.look()).image_size == (1280, 720)


async def _process(session: Session) -> int:
    """Of the session's browser."""
    browser = session.page.context.browser
    assert browser is not None
    info = await (await browser.new_browser_cdp_session()).send("SystemInfo.getProcessInfo")
    return int(next(one["id"] for one in info["processInfo"] if one["type"] == "browser"))


async def test_the_browser_killed_while_it_closes() -> None:
    async with Session() as session:
        os.kill(await _process(session), signal.SIGKILL)


async def test_the_browser_killed_in_the_middle() -> None:
    async with Session() as session:
        await session.page.set_content("<button onclick='while (true) {}'>Hang</button>")
        pid = await _process(session)
        acting = asyncio.create_task(session.act(Click(target=Point(x=20, y=20))))
        await asyncio.wait({acting}, timeout=0.5)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(BrowserDied, match="gone"):
            await acting
        with pytest.raises(BrowserDied):
            await session.look()


async def test_a_page_that_crashes(open_session: "SessionFactory") -> None:
    session = await open_session(SessionConfig())
    page = session.page
    crashed = asyncio.create_task(page.wait_for_event("crash"))
    crash = asyncio.create_task((await page.context.new_cdp_session(page)).send("Page.crash"))
    await crashed
    crash.cancel()
    with pytest.raises(BrowserDied):
        await session.look()


async def test_a_page_that_hangs(open_session: "SessionFactory") -> None:
    session = await open_session(SessionConfig(answer_timeout=1, navigation_timeout=1))
    await session.page.set_content(
        "<button onclick='while (true) {}' style='position:absolute; left:0; top:0'>Hang</button>"
    )
    with pytest.raises(BrowserDied, match="not answered for 2 seconds"):
        await session.act(Click(target=Point(x=10, y=10)))


async def test_a_browser_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not start"):
        async with Session(SessionConfig(executable=program(tmp_path, "chrome", "exit 1"))):
            pytest.fail("it opened")


def program(folder: Path, name: str, body: str = "") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


async def test_no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DEIXIS_BROWSER", raising=False)
    with pytest.raises(SetupError, match="run `deixis setup`"):
        launch.find_browser(managed=tmp_path / "not-there")


async def test_the_order_of_looking_for_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explicit, named, managed = (program(tmp_path, name) for name in ("explicit", "named", "managed"))
    on_path = program(tmp_path, "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DEIXIS_BROWSER", str(named))
    assert launch.find_browser(explicit, managed) == explicit
    assert launch.find_browser(None, managed) == named
    monkeypatch.delenv("DEIXIS_BROWSER")
    assert launch.find_browser(None, managed) == managed
    assert launch.find_browser(None, tmp_path / "not-there") == on_path


async def test_a_named_browser_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no program that can be started"):
        launch.find_browser(tmp_path / "nowhere")


@pytest.mark.parametrize("user", [0, 1000])
async def test_the_sandbox_is_off_only_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    recorder = program(tmp_path, "chrome", f"echo $@ > {tmp_path}/arguments; exit 1")
    with pytest.raises(SetupError):
        async with Session(SessionConfig(executable=recorder)):
            pytest.fail("it opened")
    arguments = (tmp_path / "arguments").read_text().split()
    assert ("--no-sandbox" in arguments) is (user == 0)
    assert {"--disable-background-networking", "--disable-quic", "--disable-gpu"} <= set(arguments)


async def test_installing_without_the_right_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "apt-get")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(launch, "is_root", lambda: False)
    assert launch.install_commands()[-1] == ["sudo", "apt-get", "install", "-y", "chromium"]
    assert not launch.may_run(launch.install_commands()[0])


async def test_goto_is_an_action_too(browser_session: Session, pages_url: str) -> None:
    change = await browser_session.act(Goto(url=f"{pages_url}/recorder.html"))
    assert change.url and change.loaded
