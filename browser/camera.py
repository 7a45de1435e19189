"""Pictures of the current tab: what goes with each, what nobody may see painted over, the last one kept.

Chromium takes them through the DevTools protocol in its quick form (the same pixels, less compressed) where one CSS pixel is
one of the picture; elsewhere Playwright takes them. Knows no action.
"""

import asyncio
import base64
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from playwright.async_api import CDPSession, Page
from playwright.async_api import Error as PlaywrightError

from deixis.browser import devtools, hiding
from deixis.browser.compare import blank
from deixis.browser.config import SessionConfig
from deixis.browser.errors import UsageError
from deixis.browser.hit import Pinch
from deixis.browser.mask import paint
from deixis.browser.script import call
from deixis.browser.secrets import Secrets
from deixis.browser.tabs import Tab, Tabs
from deixis.browser.types import Box, Dialog, Screenshot, png_size

LARGEST = 20_000  # CSS pixels of a viewport's side
AGAIN = 1.0  # seconds after which a picture is asked for anew: Chromium forgets it when its document goes meanwhile
REUSE = 1.0  # seconds for which the picture taken after an action may be the next look's
UNABLE = "Unable to capture screenshot"  # what Chromium says while there is no document to picture


@dataclass
class Shot:
    """A picture and what the page said of itself when it was taken."""

    picture: Screenshot
    state: dict[str, Any]
    """What verification compares."""
    moment: float
    """Milliseconds of the document's own clock, before the picture was taken."""
    tab: Tab
    seconds: float = 0.0
    """That it took."""
    at: float = field(default_factory=monotonic)


class Camera:
    """Takes pictures and keeps the last."""

    def __init__(self, tabs: Tabs, secrets: Secrets, config: SessionConfig) -> None:
        self._tabs, self._secrets, self._config = tabs, secrets, config
        self.last: Shot | None = None
        self.pinch = Pinch(1, 0, 0)
        """How far the page was pinched when it was last asked."""

    async def view(self) -> dict[str, Any]:
        """What the current tab's document says of itself."""
        seen: dict[str, Any] = await call(self._tabs.page.main_frame, "view", list(self._secrets.marks))
        self.pinch = Pinch(**seen["pinch"])
        return seen

    async def take(self) -> Shot:
        """A picture; what the page says of itself is read just before."""
        start, tab = monotonic(), self._tabs.current
        view = await self.view()
        page = view["page"]
        check_viewport(page["width"], page["height"])
        hidden = [Box(x0=x0, y0=y0, x1=x1, y1=y1) for x0, y0, x1, y1 in view["masked"]]
        hidden += await hiding.within(tab.page, self._secrets.marks)
        png = await self._png(tab.page, quick=view["density"] == 1 and view["pinch"]["scale"] == 1)
        if hidden or self._secrets.typed:  # and what came in between
            hidden += await hiding.boxes(tab.page, self._secrets.marks)
            png = await asyncio.to_thread(paint, png, hidden, png_size(png)[0] / page["width"])
        shot = Shot(Screenshot(png=png, **page), view["state"], view["at"], tab, monotonic() - start)
        self.last = shot
        return shot

    async def _png(self, page: Page, quick: bool) -> bytes:
        """quick: of a page at its plain size; for others Playwright knows how large they are drawn."""
        if quick and (session := await devtools.session(page.main_frame)):
            wanted = {"format": "png", "optimizeForSpeed": True, "captureBeyondViewport": False}
            # A page that crashed or was replaced just now cannot be pictured so; Playwright waits, or says what became of it.
            with suppress(PlaywrightError):
                return base64.b64decode((await _asked(session, "Page.captureScreenshot", wanted))["data"])
        until = monotonic() + self._config.answer_timeout
        while True:
            try:
                return await page.screenshot(
                    scale="device", caret="initial", timeout=self._config.answer_timeout * 1000
                )
            except PlaywrightError as error:  # replaced at the very moment: a page that reloads again and again
                if UNABLE not in str(error) or monotonic() > until:
                    raise
                await asyncio.sleep(AGAIN / 10)  # no event says that there is something to picture again

    def remembered(self, state: dict[str, Any]) -> Shot | None:
        """The last picture, if nothing can have changed since."""
        last = self.last
        if last is None or last.tab is not self._tabs.current:
            return None
        return last if last.state == state and monotonic() - last.at < REUSE else None

    def behind(self, dialog: Dialog | None) -> Screenshot:
        """The last picture, with the dialog that is open."""
        width, height = self._config.width, self._config.height
        if self.last is not None:
            return self.last.picture.model_copy(update={"dialog": dialog})
        return Screenshot(png=blank(width, height), width=width, height=height, url=self._tabs.page.url, dialog=dialog)


async def _asked(session: CDPSession, method: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The first answer; asked again, less and less often, while none comes."""
    asked: set[asyncio.Task[dict[str, Any]]] = set()
    patience = AGAIN
    try:
        while True:
            asked.add(asyncio.ensure_future(session.send(method, wanted)))
            done, _ = await asyncio.wait(asked, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return done.pop().result()
            patience *= 2
    finally:
        for task in asked:
            task.cancel()


def check_viewport(width: float, height: float) -> None:
    """UsageError for a size that cannot be pictured."""
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise UsageError(
            f"the viewport is {width:g}x{height:g} CSS pixels: each side has to be between 1 and {LARGEST}"
        )
