"""Hands over to a person where one is needed (a captcha, a second factor), and goes on when they say so.

What to watch for is named in words and looked for on every screen; the same picture serves the step's own pointing. Knows
no terminal: who is called, and how they say that they are done, is the caller's.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence

from deixis.agent.protocols import Browser, Pointer
from deixis.browser.types import Screenshot

HandOver = Callable[[str, Screenshot], Awaitable[None] | None]
"""Is told the words that were found and the screen they are on; returns when the person is done."""


class Pause:
    """Watches for words. `times` counts how often somebody was called."""

    def __init__(self, words: Sequence[str], hand_over: HandOver) -> None:
        self.words, self.hand_over, self.times = list(words), hand_over, 0

    async def over(self, pointer: Pointer, browser: Browser, screenshot: Screenshot) -> Screenshot:
        """The screen to go on with, once nobody is needed; a person who leaves things as they are has decided so."""
        while found := await self._found(pointer, screenshot):
            self.times += 1
            called = self.hand_over(found, screenshot)
            if inspect.isawaitable(called):
                await called
            before, screenshot = screenshot, await browser.look()
            if screenshot.png == before.png:
                return screenshot
        return screenshot

    async def _found(self, pointer: Pointer, screenshot: Screenshot) -> str | None:
        if screenshot.dialog is not None:
            return None
        answers = await asyncio.to_thread(pointer.point_many, screenshot, self.words)
        return next((answer.target for answer in answers if answer.found), None)
