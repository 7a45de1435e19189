"""Settling: soon on a still page, long enough on a moving one, bounded on one that never rests."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from deixis.browser.actions import Click, Wait
from deixis.browser.session import Session
from deixis.browser.tabs import Traffic
from deixis.browser.types import Point

if TYPE_CHECKING:
    from tests.conftest import GatedServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

STYLE = "<!doctype html><style>body {margin: 0} button, a {display: block; width: 100px; height: 50px}</style>"
BUTTON = Click(target=Point(x=50, y=25))


async def settled(session: Session, html: str) -> float:
    """Seconds that settling took after a click on the button of the page."""
    await session.page.set_content(STYLE + html)
    await session.act(BUTTON)
    return session.spent.settling


async def test_a_still_page_costs_little(browser_session: Session) -> None:
    times = [await settled(browser_session, "<button>Go</button>") for _ in range(5)]
    assert sorted(times)[1] < 0.3  # 0.07 on a quiet machine


async def test_mutations_are_waited_for(browser_session: Session) -> None:
    script = """<button onclick="let n = 0; const step = () => { out.textContent = ++n; if (n < 40) setTimeout(step, 20) };
        step()">Go</button><p id=out></p>"""
    await settled(browser_session, script)
    assert await browser_session.page.inner_text("#out") == "40"
    spent = browser_session.spent  # what the page did is its own, the calm after it is ours
    assert 0.7 < spent.waiting < spent.settling


async def test_a_page_that_does_nothing_has_no_time_of_its_own(browser_session: Session) -> None:
    assert await settled(browser_session, "<button>Go</button>") > browser_session.spent.waiting + 0.05
    assert browser_session.spent.waiting < 0.02


async def test_a_short_transition_is_waited_for(browser_session: Session) -> None:
    html = """<style>#out {transition: margin-left .5s} .on {margin-left: 300px}</style>
        <button onclick="out.className = 'on'">Go</button><p id=out>x</p>"""
    await settled(browser_session, html)
    assert await browser_session.page.evaluate("getComputedStyle(out).marginLeft") == "300px"


async def test_endless_css_animation_is_not(browser_session: Session) -> None:
    html = """<style>@keyframes k {to {transform: rotate(1turn)}} p {animation: k 1s infinite; width: 50px}</style>
        <button>Go</button><p>x</p>"""
    assert await settled(browser_session, html) < 1


async def test_endless_mutations_end_at_a_bound(browser_session: Session) -> None:
    html = """<button>Go</button><p id=out></p><script>let n = 0;
        const step = () => { out.textContent = ++n; requestAnimationFrame(step) }; step()</script>"""
    assert await settled(browser_session, html) < 5


async def test_what_the_click_fetches_is_waited_for(browser_session: Session, gated: "GatedServer") -> None:
    gated.gates["/data"] = asyncio.Event()
    gated.bodies = {
        "/": STYLE + """<button onclick="fetch('/data').then((r) => r.text()).then((t) => out.textContent = t)">Go</button>
            <p id=out></p>""",
        "/data": "arrived",
    }  # fmt: skip
    await browser_session.start(gated.url + "/")
    acting = asyncio.create_task(browser_session.act(BUTTON))
    await gated.asked["/data"].wait()
    await browser_session.page.evaluate(
        "new Promise((done) => setTimeout(done, 600))"
    )  # longer than calm and a picture
    assert not acting.done()
    gated.gates["/data"].set()
    await acting
    assert await browser_session.page.inner_text("#out") == "arrived"
    assert 0.5 < browser_session.spent.waiting < browser_session.spent.settling


async def test_a_fetch_that_never_ends_is_bounded(browser_session: Session, gated: "GatedServer") -> None:
    gated.gates["/poll"] = asyncio.Event()
    gated.bodies = {"/": STYLE + "<button onclick=\"fetch('/poll')\">Go</button>"}
    await browser_session.start(gated.url + "/")
    start = monotonic()
    await browser_session.act(BUTTON)
    assert 1.5 < monotonic() - start < 6


@pytest.mark.parametrize("leave", ["<a href='/next'>Go</a>", "<form action='/next'><button>Go</button></form>"])
async def test_a_slow_navigation_is_waited_for(browser_session: Session, gated: "GatedServer", leave: str) -> None:
    gated.gates["/next"] = gated.gates["/next?"] = asyncio.Event()
    gated.bodies = {"/": STYLE + leave, "/next": "<title>Next</title>", "/next?": "<title>Next</title>"}
    await browser_session.start(gated.url + "/")
    acting = asyncio.create_task(browser_session.act(BUTTON))
    path = "/next" if "<a" in leave else "/next?"
    await gated.asked[path].wait()
    gated.gates[path].set()
    change = await acting
    assert (await browser_session.look()).title == "Next"
    assert change.url and change.loaded


async def test_a_form_that_posts_to_its_own_url(browser_session: Session, gated: "GatedServer") -> None:
    gated.bodies = {"/": STYLE + "<form method=post><button>Go</button></form>"}
    await browser_session.start(gated.url + "/")
    change = await browser_session.act(BUTTON)
    assert change.loaded and not change.url


async def test_wait_outlasts_what_settling_would_not(browser_session: Session, gated: "GatedServer") -> None:
    gated.gates["/slow"] = asyncio.Event()
    script = "fetch('/slow').then((r) => r.text()).then((t) => { out.textContent = t })"
    gated.bodies = {"/": STYLE + f"<p id=out></p><script>window.go = () => {{ {script} }}</script>", "/slow": "late"}
    await browser_session.start(gated.url + "/")
    waiting = asyncio.create_task(browser_session.act(Wait(seconds=20)))
    await browser_session.page.evaluate("go()")
    await gated.asked["/slow"].wait()
    gated.gates["/slow"].set()
    await waiting
    assert await browser_session.page.inner_text("#out") in {"late", ""}


async def test_a_tab_that_was_asked_for_is_waited_for_until_given_up() -> None:
    traffic = Traffic()
    since = monotonic()
    assert not traffic.pending("document", since)
    traffic.expect_tab()
    assert traffic.pending("document", since) and traffic.navigated(since)
    traffic.give_up_tabs()
    assert not traffic.pending("document", since)
