"""Keeps a browser within bounds: every document it asks for is stopped before it leaves, whoever wants it.

The browser's own DevTools session pauses each request for a document in every tab and frame, also after a redirect and in
a window that is only just opening; what is not allowed is answered with "no content", so that the page stays where it is.
Service workers are off while bounded. In strict mode every request is looked at, names that are not allowed do not
resolve, and what could go around both is taken away. Knows no action; what was refused is told to whoever asked.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Frame, Page, WebSocketRoute
from playwright.async_api import Error as PlaywrightError

from deixis.browser.domains import EVERYTHING, Bounds, host
from deixis.browser.errors import Blocked
from deixis.browser.types import Frozen

NO_WAY_AROUND = (
    "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'WebTransport']) delete window[name];"
)
"""Connections that no request stands for."""
NO_SPECULATION = """(() => {
  const options = { subtree: true, childList: true, attributes: true, attributeFilter: ["type"] };
  const all = Element.prototype.querySelectorAll, remove = Element.prototype.remove, apply = Reflect.apply;
  const off = (element) => {
    if (element.shadowRoot) watch(element.shadowRoot);
    if (element.localName === "script" && /speculationrules/i.test(element.type)) apply(remove, element, []);
  };
  const look = (element) => { off(element); for (const inner of apply(all, element, ["*"])) off(inner); };
  const heard = (records) => {
    for (const record of records) {
      if (record.type === "attributes") off(record.target);
      for (const node of record.addedNodes) if (node.nodeType === 1) look(node);
    }
  };
  const observer = new MutationObserver(heard);
  const watch = (root) => { observer.observe(root, options); for (const one of root.children) look(one); };
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (...given) {
    const root = apply(attach, this, given);
    observer.observe(root, options);
    return root;
  };
  watch(document);
})();"""
"""Takes away rules for pages to be fetched in advance, before the browser reads them: such requests cannot be paused."""


KEPT = 1000
"""Refusals that are remembered."""


class Refusal(Frozen):
    """A document, or with strict bounds any request, that was not let through."""

    url: str
    top: bool
    """For a whole tab, not for a frame or a part of a page."""


class Guard:
    """One context's bounds. `refused` keeps what was stopped until it is taken."""

    def __init__(self, bounds: Bounds, strict: bool, told: Callable[[Refusal], None] | None = None) -> None:
        self.bounds, self.strict, self.told = bounds, strict, told
        self.refused: deque[Refusal] = deque(maxlen=KEPT)
        self.history: deque[Refusal] = deque(maxlen=KEPT)
        """What was stopped, the last of it."""
        self._known: dict[str, dict[str, Any]] = {}
        self.stopped = asyncio.Event()
        """Set while a whole tab has been refused and nobody has been told."""
        self._devtools: CDPSession | None = None
        self._context_id = ""
        self._first_target = ""
        self.shared = False
        """Whether the context has tabs of a person's, which are left alone."""
        self._own: dict[str, CDPSession] = {}
        """Our tabs in a shared context, by the id of their target."""
        self._work: set[asyncio.Task[None]] = set()

    async def watch(self, browser: Browser) -> None:
        """Begins to stop requests; before the first tab of the context opens."""
        self._devtools = await browser.new_browser_cdp_session()
        self._devtools.on("Fetch.requestPaused", lambda event: self._spawn(self._paused(event)))
        pattern = {"urlPattern": "*"} if self.strict else {"urlPattern": "*", "resourceType": "Document"}
        await self._devtools.send("Fetch.enable", {"patterns": [pattern]})

    async def adopt(self, context: BrowserContext, first: Page) -> None:
        """Learns which tabs are its own."""
        devtools = await context.new_cdp_session(first)
        info = (await devtools.send("Target.getTargetInfo"))["targetInfo"]
        self._context_id, self._first_target = info.get("browserContextId", ""), info["targetId"]
        first.on("framenavigated", self._arrived)
        if self.shared:
            self._own[self._first_target] = devtools
            await devtools.send("Network.setBypassServiceWorker", {"bypass": True})
            first.on("popup", lambda page: self._spawn(self._share(context, page)))
        else:
            await devtools.detach()
            context.on("page", lambda page: page.on("framenavigated", self._arrived))
        await (first if self.shared else context).add_init_script(NO_SPECULATION)
        if self.strict:
            await context.add_init_script(NO_WAY_AROUND)
            await context.route_web_socket("**/*", self._socket)

    async def close(self) -> None:
        """Lets go of the browser."""
        for task in self._work:
            task.cancel()
        if self._devtools is not None:
            try:
                await self._devtools.detach()
            except PlaywrightError:
                return  # the browser is gone already

    def ask(self, url: str) -> None:
        """Blocked when a URL must not be opened on purpose."""
        if not self.bounds.permits(url):
            raise Blocked(self._sentence("opening", url))

    def check(self) -> None:
        """Blocked when a whole tab wanted to go where it must not; said once."""
        top = next((one for one in self.refused if one.top), None)
        self.refused.clear()
        self.stopped.clear()
        if top is not None:
            raise Blocked(self._sentence("the page wanted to open", top.url))

    def _sentence(self, what: str, url: str) -> str:
        web = url.removeprefix("blob:").startswith(("http:", "https:"))
        name = host(url.removeprefix("blob:")) if web else ""
        remedy = f"--allow {name} lets it" if name else "such addresses are never opened"
        return f"{what} {url[:200]!r} is not allowed, only {self.bounds.words}: {remedy}"

    # ---- requests ----

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _paused(self, event: dict[str, Any]) -> None:
        url, document = event["request"]["url"], event["resourceType"] == "Document"
        try:
            if self.bounds.permits(url, top=False) or (not document and not self._bounded_part(url)):
                await self._send("Fetch.continueRequest", event)
                return
            target = await self._target(event["frameId"])
            if not await self._mine(event["frameId"], target):
                await self._send("Fetch.continueRequest", event)
                return
            self._note(
                Refusal(url=url, top=document and target is not None)
            )  # also if the page has tried again meanwhile
            await self._stop(event, document)
            if target and document:
                await self._close_empty(target)
        except PlaywrightError:
            return  # the tab or the browser went away in the middle

    async def _share(self, context: BrowserContext, page: Page) -> None:
        """A window that one of our tabs has opened is ours too."""
        try:
            devtools = await context.new_cdp_session(page)
            info = (await devtools.send("Target.getTargetInfo"))["targetInfo"]
            await page.add_init_script(NO_SPECULATION)
        except PlaywrightError:
            return  # closed meanwhile
        self._own[info["targetId"]] = devtools
        page.on("framenavigated", self._arrived)
        page.on("popup", lambda other: self._spawn(self._share(context, other)))

    async def _mine(self, frame: str, target: dict[str, Any] | None) -> bool:
        """Whether what asks is in one of our tabs: all of a context of our own, else those we have opened."""
        if not self.shared:
            return not (target and self._context_id and target.get("browserContextId") != self._context_id)
        if target:
            return target["targetId"] in self._own or target.get("openerId") in self._own
        for devtools in list(self._own.values()):
            try:
                tree = (await devtools.send("Page.getFrameTree"))["frameTree"]
            except PlaywrightError:
                continue  # that tab is closed
            if frame in _frames(tree):
                return True
        return False

    @staticmethod
    def _bounded_part(url: str) -> bool:
        """Parts of a page that go over the network; blob: and data: do not."""
        return url.startswith(("http:", "https:", "ws:", "wss:"))

    async def _stop(self, event: dict[str, Any], document: bool) -> None:
        if document:
            await self._send("Fetch.fulfillRequest", event, responseCode=204)
        else:
            await self._send("Fetch.failRequest", event, errorReason="BlockedByClient")

    async def _send(self, method: str, event: dict[str, Any], **more: Any) -> None:
        assert self._devtools is not None
        await self._devtools.send(method, {"requestId": event["requestId"], **more})

    async def _target(self, frame: str) -> dict[str, Any] | None:
        """The tab whose main frame this is, or None for a frame within one."""
        assert self._devtools is not None
        if frame not in self._known:  # asked once a tab: a page may try a thousand times a second
            targets = (await self._devtools.send("Target.getTargets"))["targetInfos"]
            self._known |= {one["targetId"]: one for one in targets if one["targetId"] == frame}
        return self._known.get(frame)

    async def _close_empty(self, target: dict[str, Any]) -> None:
        """Closes a window that was opened for what has been refused."""
        assert self._devtools is not None
        if target["targetId"] != self._first_target and target["url"] in {"", "about:blank"}:
            await self._devtools.send("Target.closeTarget", {"targetId": target["targetId"]})

    def _note(self, refusal: Refusal) -> None:
        self.refused.append(refusal)
        self.history.append(refusal)
        if refusal.top:
            self.stopped.set()
        if self.told:
            self.told(refusal)

    # ---- behind the requests ----

    def _arrived(self, frame: Frame) -> None:
        """The backstop: a document that is there without having been asked for."""
        top = frame.parent_frame is None
        if not self.bounds.permits(frame.url, top):
            self._note(Refusal(url=frame.url, top=top))
            if top:
                self._spawn(_emptied(frame.page))

    async def _socket(self, route: WebSocketRoute) -> None:
        if self.bounds.permits(route.url):
            route.connect_to_server()
            return
        self._note(Refusal(url=route.url, top=False))
        await route.close()


def _frames(tree: dict[str, Any]) -> set[str]:
    """Ids of a tab's frames."""
    below: set[str] = set().union(*map(_frames, tree.get("childFrames", ())))
    return {tree["frame"]["id"]} | below


async def _emptied(page: Page) -> None:
    try:
        await page.goto("about:blank")
    except PlaywrightError:
        return  # closed meanwhile


def resolver_rules(bounds: Bounds) -> list[str]:
    """The browser's flag by which no other name resolves, whatever asks for it."""
    if EVERYTHING in bounds.allow:
        return []
    names = [name for one in bounds.allow for name in (one, f"*.{one}")]
    kept = [name for name in [host(bounds.home), *names] if name]
    rules = ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {name}" for name in kept)])
    return [f"--host-resolver-rules={rules}"]
