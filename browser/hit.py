"""What the browser would really click at a point: through open shadow roots and frames of any origin.

The point always comes from pixels; this only checks it and routes the action. The DevTools protocol (`devtools`) sees into
closed shadow roots; in a frame that shares its parent's process they show as their host.
"""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import ElementHandle, Frame, Page

from deixis.browser import devtools
from deixis.browser.script import call, fetch
from deixis.browser.types import Box, Hit, Point, Reading

DEEPEST = 8  # frames within frames


@dataclass(frozen=True)
class Spot:
    """A point in one frame, and how that frame's CSS pixels become the viewport's."""

    frame: Frame
    point: Point
    left: float = 0
    top: float = 0
    scale: float = 1

    @property
    def local(self) -> dict[str, float]:
        return self.point.model_dump()

    def into(self, child: Frame, inner: dict[str, float]) -> "Spot":
        """The same point in a frame whose content starts at `inner` in this one."""
        x, y = (self.point.x - inner["left"]) / inner["scale"], (self.point.y - inner["top"]) / inner["scale"]
        left, top = self.left + inner["left"] * self.scale, self.top + inner["top"] * self.scale
        return Spot(child, Point(x=x, y=y), left, top, self.scale * inner["scale"])

    def outer(self, box: dict[str, float]) -> Box:
        """A box of this frame in the viewport's CSS pixels."""
        x0, x1 = (self.left + box[side] * self.scale for side in ("x0", "x1"))
        y0, y1 = (self.top + box[side] * self.scale for side in ("y0", "y1"))
        return Box(x0=x0, y0=y0, x1=x1, y1=y1)


@dataclass(frozen=True)
class Pinch:
    """How far a page is pinched larger, and where its enlarged part begins, in CSS pixels of the page."""

    scale: float
    left: float
    top: float

    def mouse(self, point: Point) -> Point:
        """A point of the picture -> where the mouse goes: counted from the visible part's corner, in the page's pixels."""
        return Point(x=point.x / self.scale, y=point.y / self.scale)


async def pinched(page: Page) -> Pinch:
    """1 and no offset unless a person (or a test) has pinched."""
    return Pinch(**await call(page.main_frame, "pinch"))


async def locate(page: Page, point: Point, ask: str = "hit", **more: Any) -> tuple[Spot, dict[str, Any] | None]:
    """The innermost frame under a point and what page.js says is there; `ask` is its function that tells."""
    seen = await call(page.main_frame, ask, {**point.model_dump(), "outer": True, **more})
    pinch = Pinch(**seen["pinch"])
    there = pinch.mouse(point)
    inner = Point(x=there.x + pinch.left, y=there.y + pinch.top)
    spot = Spot(page.main_frame, inner, -pinch.left * pinch.scale, -pinch.top * pinch.scale, pinch.scale)
    for _ in range(DEEPEST):
        child = await _child(spot, seen)
        if child is None:
            break
        spot = spot.into(child, seen["frame"])
        seen = await call(spot.frame, ask, {**spot.local, **more})
    return spot, seen if seen["hit"] else None


async def _child(spot: Spot, seen: dict[str, Any]) -> Frame | None:
    if not seen["hit"] or not seen["frame"]:
        return None
    handle = await fetch(spot.frame, "find", spot.local)
    return await handle.content_frame() if handle else None


async def hit(page: Page, point: Point) -> Hit | None:
    """What lies at the point; None when nothing does, as outside the viewport."""
    return await told(*await locate(page, point))


async def told(spot: Spot, seen: dict[str, Any] | None) -> Hit | None:
    """What `locate` has found, as a Hit, closed shadow roots included."""
    if not seen:
        return None
    within = await devtools.inside(spot.frame, spot.point.x, spot.point.y) if seen["closed"] else None
    found = _hit(spot, within or seen["hit"])
    if not found.interactive and await devtools.listens(spot.frame, spot.point.x, spot.point.y):
        return found.model_copy(update={"interactive": True})
    return found


def _hit(spot: Spot, seen: dict[str, Any]) -> Hit:
    known = {"box": spot.outer(seen["box"]), "options": tuple(seen["options"]), "frame_url": spot.frame.url}
    return Hit.model_validate({**seen, **known})


async def element(page: Page, point: Point) -> ElementHandle | None:
    """The control, or what else lies at the point, as a handle for routed actions."""
    spot, seen = await locate(page, point)
    if not seen:
        return None
    if seen["closed"] and await devtools.inside(spot.frame, spot.point.x, spot.point.y):
        return await fetch(spot.frame, "held")
    return await fetch(spot.frame, "find", spot.local)


async def described(page: Page, point: Point, element: ElementHandle) -> Hit:
    """What page.js says of an element at the point, which is of the innermost frame there."""
    spot, _ = await locate(page, point)
    return _hit(spot, await element.evaluate("(it) => window.__deixis.about(it)"))


async def focused(page: Page) -> Hit | None:
    """What has the keyboard focus, through frames; None when nothing has."""
    spot = Spot(page.main_frame, Point(x=0, y=0))
    for _ in range(DEEPEST):
        seen = await call(spot.frame, "focus")
        if not seen or not seen["frame"]:
            return _hit(spot, seen["hit"]) if seen else None
        handle = await fetch(spot.frame, "focused")
        child = await handle.content_frame() if handle else None
        if child is None:
            return _hit(spot, seen["hit"])
        spot = spot.into(child, seen["frame"])
    return None


async def keyboard_frame(page: Page) -> Frame | None:
    """The frame that keys go to, as the browser has it and not as a page's scripts may tell; None when nobody knows."""
    frame = page.main_frame
    for _ in range(DEEPEST):
        element = await fetch(frame, "keyboard")
        child = await element.content_frame() if element else None
        if child is None:
            return frame
        frame = child
    return None


def address(frame: Frame) -> str:
    """Whose a frame is: its address, or for a blank one that of the frame which made it."""
    above = frame
    while above.url in {"about:blank", "about:srcdoc", ""} and above.parent_frame is not None:
        above = above.parent_frame
    return above.url


async def read(page: Page, point: Point) -> Reading:
    """The text a person would read at the point, from the DOM; empty when there is none."""
    spot, _ = await locate(page, point)
    found = await call(spot.frame, "text", spot.local)
    if not found:
        return Reading(text="", source="dom")
    return Reading(text=found["text"], confidence=1.0, box=spot.outer(found["box"]), source="dom")


async def table(page: Page, point: Point) -> list[dict[str, str]] | None:
    """The rows of the table at the point, from the DOM, by the names of their columns; None where there is none."""
    spot, _ = await locate(page, point)
    found = await call(spot.frame, "table", spot.local)
    if not found or not found["rows"]:
        return None
    header, *rows = found["rows"]
    names = [name or f"column {n}" for n, name in enumerate(header, 1)]
    return [dict(zip(names, row, strict=False)) for row in rows if any(row)]


def words(seen: Hit | None) -> str:
    """What was there, for an error message: `a disabled button 'Save'`."""
    if seen is None:
        return "nothing"
    state = "" if seen.enabled else "disabled "
    kind = f"{state}{seen.role or seen.tag}"
    name = f" {seen.name[:60]!r}" if seen.name else ""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}{name}"
