"""Calls into page.js, which every document gets once: before its own scripts, or on the first call.

Knows frames and names of functions; what the functions mean is written in page.js.
"""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import ElementHandle, Frame

CALL = "([name, argument]) => window.__deixis ? {answer: window.__deixis[name](argument)} : null"
CALL_ASYNC = "async ([name, argument]) => window.__deixis ? {answer: await window.__deixis[name](argument)} : null"
FETCH = "([name, argument]) => window.__deixis[name](argument)"


@cache
def source() -> str:
    """The text of page.js."""
    return (Path(__file__).parent / "page.js").read_text(encoding="utf-8")


async def call(frame: Frame, name: str, argument: Any = None, *, wait: bool = False) -> Any:
    """The answer of a function of page.js, as JSON; `wait` awaits a promise."""
    expression = CALL_ASYNC if wait else CALL
    reply = await frame.evaluate(expression, [name, argument])
    if reply is None:
        await frame.evaluate(source())
        reply = await frame.evaluate(expression, [name, argument])
    return reply["answer"]


async def fetch(frame: Frame, name: str, argument: Any = None) -> ElementHandle | None:
    """The element that a function of page.js answers with, as a handle."""
    handle = await frame.evaluate_handle(FETCH, [name, argument])
    return handle.as_element()
