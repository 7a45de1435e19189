"""One press: what it is meant for is looked at once more, and the page keeps it from anything else.

The last look is taken in the page, by page.js, where the press arrives: nothing can come in between. A frame that opens
after it is not watched; what the press then missed is told. What a control does cannot be seen, only what it says.
"""

import asyncio
import re
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Page

from deixis.browser import hit as hits
from deixis.browser.script import call
from deixis.browser.types import Hit, Point

PATIENCE = 1.0
"""Seconds for a frame beside the one in question to answer."""
WITHIN = 5.0
"""Seconds from the last look in which a press is kept from anything else."""


class Aim:
    """The watch over one press."""

    def __init__(self, page: Page, point: Point, exact: bool) -> None:
        self._page, self._point = page, point
        self._more = {"exact": exact, "limit": WITHIN * 1000}
        self._armed: list[Frame] = []
        self._known: set[Frame] = set()

    async def take(self) -> Hit | None:
        """What lies there now; from here on a press that meets anything else does nothing."""
        self._known = set(self._page.frames)
        spot, seen = await hits.locate(self._page, self._point, "arm", **self._more)
        line = {spot.frame, *_above(spot.frame)}
        beside = [frame for frame in self._known if frame not in line]
        done = await asyncio.gather(*(_asked(frame, "arm", {"x": None, **self._more}) for frame in beside))
        self._armed = [*line, *(frame for frame, told in zip(beside, done, strict=True) if told is not LOST)]
        return await hits.told(spot, seen)

    async def met(self) -> str | None:
        """What got the press, in words, where that was something else; None when all is well or the page has gone on."""
        there = self._page.frames
        told = await asyncio.gather(*(_asked(frame, "pressed") for frame in self._armed if frame in there))
        answers = [one for one in told if one and one is not LOST]
        other = next((one for one in answers if one["met"] == "other"), None)
        if other is not None:
            return f"{_named(other['other'])} was there instead and was not pressed"
        late = next((frame for frame in there if frame not in self._known), None)
        missed = len(answers) == len(self._armed) and not any(one["met"] for one in answers)
        return f"a frame that had just opened got it ({hits.address(late)[:120]!r})" if late and missed else None


LOST = object()
"""The answer of a frame that gives none."""


async def _asked(frame: Frame, name: str, argument: Any = None) -> Any:
    try:
        return await asyncio.wait_for(call(frame, name, argument, tries=1), PATIENCE)
    except (PlaywrightError, TimeoutError):
        return LOST  # gone, or without a document


def _above(frame: Frame) -> list[Frame]:
    above = frame.parent_frame
    return [] if above is None else [above, *_above(above)]


def _named(seen: dict[str, Any] | None) -> str:
    return hits.words(Hit.model_validate({**seen, "options": tuple(seen["options"])}) if seen else None)


def same(one: Hit, other: Hit, exact: bool) -> bool:
    """Whether two hit-tests saw the same control, by what it says of itself."""
    return _likeness(one, exact) == _likeness(other, exact)


def _likeness(seen: Hit, exact: bool) -> list[str]:
    parts = [
        seen.tag,
        seen.role,
        seen.name,
        seen.says,
        seen.input_type,
        seen.submits,
        seen.frame_url,
        str(seen.enabled),
    ]
    return parts if exact else [re.sub(r"\d+", "#", part) for part in parts]
