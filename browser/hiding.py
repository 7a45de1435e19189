"""Where on a page something stands that no picture may show: filled password fields, and secrets that were typed.

page.js finds them, in every frame, by hashes and not by values. Boxes are CSS pixels of the viewport.
"""

import asyncio
from collections.abc import Sequence

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Page

from deixis.browser.script import call
from deixis.browser.types import Box

PATIENCE = 1.0
"""Seconds for a frame to answer; one that has no document yet shows nothing either."""
SLACK = 4.0
"""CSS pixels added around what is found in a frame, for the frame's own border."""


async def boxes(page: Page, marks: Sequence[Sequence[int]]) -> list[Box]:
    """All of them."""
    first = await call(page.main_frame, "masked", list(marks))
    return [Box(x0=x0, y0=y0, x1=x1, y1=y1) for x0, y0, x1, y1 in first] + await within(page, marks)


async def within(page: Page, marks: Sequence[Sequence[int]]) -> list[Box]:
    """Those in the frames of the page."""
    inner = [frame for frame in page.frames if frame is not page.main_frame]
    return [box for boxes in await asyncio.gather(*(_within(frame, marks) for frame in inner)) for box in boxes]


async def _within(frame: Frame, marks: Sequence[Sequence[int]]) -> list[Box]:
    try:
        return await asyncio.wait_for(_found(frame, marks), PATIENCE)
    except (PlaywrightError, TimeoutError):
        return []  # gone, or without a document


async def _found(frame: Frame, marks: Sequence[Sequence[int]]) -> list[Box]:
    there = await call(frame, "masked", list(marks), tries=1)
    element = await frame.frame_element() if there else None
    outer = await element.bounding_box() if element else None
    if not outer:
        return []
    left, top = outer["x"], outer["y"]
    return [
        Box(x0=left + x0 - SLACK, y0=top + y0 - SLACK, x1=left + x1 + SLACK, y1=top + y1 + SLACK)
        for x0, y0, x1, y1 in there
    ]
