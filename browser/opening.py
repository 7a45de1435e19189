"""Where a session's tab opens: a context of its own, that of a profile, or that of a Chrome that runs already.

The guard is set before any tab of ours opens, and goes after the context, so that nothing it holds back is let go. Knows no
action; what it starts is ended by the stack it is given.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from deixis.browser.config import SessionConfig
from deixis.browser.domains import Bounds
from deixis.browser.errors import SetupError, UsageError
from deixis.browser.guard import Guard, resolver_rules
from deixis.browser.launch import attached, launch, with_profile


async def shut(what: Browser | BrowserContext) -> None:
    """Closes it; one that is gone already, as when the browser is killed while it closes, is closed."""
    try:
        await what.close()
    except PlaywrightError as error:
        if "closed" not in error.message:
            raise


class Opening:
    """Opens one context; afterwards `guard` and `incoming` say what came with it."""

    def __init__(self, config: SessionConfig, stack: AsyncExitStack, refused: Callable[[], None]) -> None:
        """refused: is called when a document is stopped."""
        self.config, self._stack, self._refused = config, stack, refused
        self.guard: Guard | None = None
        self.incoming: Path | None = None
        """Where the browser keeps what is on its way down; None when that is not ours to say."""

    async def context(self, browser: Browser | None) -> BrowserContext:
        """browser: one that runs already, in which a context of our own is made; None starts one, or takes what the config says."""
        self._check()
        if self.config.cdp:
            return await self._attached(self.config.cdp)
        if self.config.profile:
            return await self._with_profile(self.config.profile)
        browser = browser or await self._launched()
        await self._bound(browser)
        context = await browser.new_context(**self._options())
        self._stack.push_async_callback(shut, context)
        if self.config.geolocation:
            context.on("page", self._stay)
        return context

    def _stay(self, page: Page) -> None:
        """Chromium forgets where it is said to be when a frame of another origin goes; whoever asks then waits for ever."""

        async def again(_: object) -> None:
            latitude, longitude = self.config.geolocation or (0.0, 0.0)
            with suppress(PlaywrightError):  # the tab is closed
                await page.context.set_geolocation({"latitude": latitude, "longitude": longitude})

        page.on("framedetached", again)
        page.on("domcontentloaded", again)
        page.on("load", again)

    def _check(self) -> None:
        """UsageError for options that exclude one another."""
        if self.config.cdp and self.config.profile:
            raise UsageError("--cdp works in a browser that runs, --profile starts one: give one of them")
        if (self.config.cdp or self.config.profile) and self.config.storage_state:
            raise UsageError("a running browser and a profile have cookies of their own: leave out --storage-state")
        if self.config.cdp and self.config.strict_network:
            raise UsageError(
                "--strict-network would hold a person's tabs too: it needs a browser of its own, not --cdp"
            )

    async def _playwright(self) -> Playwright:
        return await self._stack.enter_async_context(async_playwright())

    async def _attached(self, address: str) -> BrowserContext:
        browser = await attached(await self._playwright(), address)
        self._stack.push_async_callback(shut, browser)  # only lets go of it
        await self._bound(browser)
        return browser.contexts[0] if browser.contexts else await browser.new_context()

    async def _with_profile(self, folder: Path) -> BrowserContext:
        options = {name: value for name, value in self._options().items() if name != "storage_state"}
        context = await with_profile(
            await self._playwright(), folder, self.config.executable, self.config.headed, options, self._flags()
        )
        await self._bound(context.browser)
        self._stack.push_async_callback(shut, context)
        if self.config.geolocation:
            context.on("page", self._stay)
        return context

    async def _launched(self) -> Browser:
        playwright = await self._playwright()
        self.incoming = Path(
            self._stack.enter_context(TemporaryDirectory(prefix="deixis-", ignore_cleanup_errors=True))
        )
        browser = await launch(playwright, self.config.executable, self.config.headed, self.incoming, self._flags())
        self._stack.push_async_callback(shut, browser)
        return browser

    def _flags(self) -> list[str]:
        """Flags by which nothing but what is allowed resolves, where every request is bounded."""
        strict = self.config.strict_network and self.config.allow is not None
        return resolver_rules(Bounds.of(self.config.allow or (), self.config.home)) if strict else []

    async def _bound(self, browser: Browser | None) -> None:
        """Sets the guard."""
        if self.config.allow is None:
            return
        if browser is None:
            raise SetupError("this version of Playwright cannot bound a profile: update it, or leave out --profile")
        bounds = Bounds.of(self.config.allow, self.config.home)
        self.guard = Guard(bounds, self.config.strict_network, lambda _: self._refused())
        self.guard.shared = bool(self.config.cdp)
        await self.guard.watch(browser)
        self._stack.push_async_callback(self.guard.close)

    def _options(self) -> dict[str, Any]:
        user, place = self.config.http_credentials, self.config.geolocation
        return {
            "http_credentials": {"username": user[0], "password": user[1]} if user else None,
            "permissions": list(self.config.permissions) or None,
            "geolocation": {"latitude": place[0], "longitude": place[1]} if place else None,
            "viewport": {"width": self.config.width, "height": self.config.height},
            "device_scale_factor": self.config.scale,
            "locale": self.config.locale,
            "storage_state": self.config.storage_state,
            "service_workers": "allow" if self.config.allow is None else "block",
        }
