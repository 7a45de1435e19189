"""Calls into page.js, which every document gets once: before its own scripts, or on the first call.

Knows frames and names of functions; what the functions mean is written in page.js.
"""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import ElementHandle, Frame
from playwright.async_api import Error as PlaywrightError

MOVED_ON = (
    "context was destroyed", "Cannot find context", "Frame was detached", "frame was detached", "navigating",
    "promise was garbage collected",  # the wait went with its document, or with a window that draws no frames
)  # fmt: skip
TRIES = 3  # a page may give way to the next one in the middle of a question
CALL = "([name, argument]) => window.__deixis ? {answer: window.__deixis[name](argument)} : null"
CALL_ASYNC = "async ([name, argument]) => window.__deixis ? {answer: await window.__deixis[name](argument)} : null"
FETCH = "([name, argument]) => window.__deixis[name](argument)"


@cache
def source() -> str:
    """The text of page.js."""
    return (Path(__file__).parent / "page.js").read_text(encoding="utf-8")


def moved_on(error: PlaywrightError) -> bool:
    """Whether a call failed only because its document gave way to the next."""
    return any(words in error.message for words in MOVED_ON)


async def call(frame: Frame, name: str, argument: Any = None, *, wait: bool = False, tries: int = TRIES) -> Any:
    """The answer of a function of page.js, as JSON, asked again of the next document if one comes in between.

    `wait` awaits a promise.
    """
    for _ in range(tries - 1):
        try:
            return await _call(frame, CALL_ASYNC if wait else CALL, name, argument)
        except PlaywrightError as error:
            if frame.page.is_closed() or frame.is_detached() or not moved_on(error):
                raise
    return await _call(frame, CALL_ASYNC if wait else CALL, name, argument)


async def _call(frame: Frame, expression: str, name: str, argument: Any) -> Any:
    reply = await frame.evaluate(expression, [name, argument])
    if reply is None:
        await frame.evaluate(source())
        reply = await frame.evaluate(expression, [name, argument])
    return reply["answer"]


async def fetch(frame: Frame, name: str, argument: Any = None) -> ElementHandle | None:
    """The element that a function of page.js answers with, as a handle."""
    handle = await frame.evaluate_handle(FETCH, [name, argument])
    return handle.as_element()
