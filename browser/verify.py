"""What an action changed: looks before it and after it, and compares.

The picture before is taken when the mouse has arrived, so that what hovering shows is not what the click did. The picture
after is taken while the page only has to stay calm; it counts if nothing happened since, and never for "nothing changed":
that is only said of a picture taken afterwards. Also keeps a press from what the gate has not seen. Knows no model.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from playwright.async_api import Error as PlaywrightError

from deixis.browser import hit as hits
from deixis.browser.actions import BrowserAction, Check, Click, Select, Type, Upload
from deixis.browser.aim import Aim, same
from deixis.browser.camera import Camera, Shot
from deixis.browser.compare import changed, opened
from deixis.browser.downloads import Downloads
from deixis.browser.errors import ActionError, DeixisError, GaveWay
from deixis.browser.executor import Executor, points
from deixis.browser.script import call
from deixis.browser.settle import Rest
from deixis.browser.tabs import Tab, Tabs, Traffic
from deixis.browser.types import Change, Expected, Point, Screenshot

HOVERED = Click | Type | Check | Select
PRESSED = Click | Type | Check | Upload


@dataclass
class Before:
    """What verification compares with."""

    tab: Tab
    opened: int
    url: str
    downloads: int
    state: dict[str, Any] | None = None
    picture: Screenshot | None = None
    points: Sequence[Point] = ()
    aim: Aim | None = None
    met: "asyncio.Task[str | None] | None" = None
    """What the press has met."""
    early: "asyncio.Task[Seen] | None" = None
    """What is got ready while the page only has to stay calm."""

    def drop(self) -> None:
        """Gives up what was got ready."""
        if self.early is not None:
            self.early.cancel()


class Seen(NamedTuple):
    """A picture after an action, and whether it differs near the points and anywhere."""

    shot: Shot
    near: bool
    anywhere: bool


class Verifier:
    """Looks before and after."""

    def __init__(self, tabs: Tabs, traffic: Traffic, hands: Executor, camera: Camera, files: Downloads) -> None:
        self._tabs, self._traffic, self._hands, self._camera, self._files = tabs, traffic, hands, camera, files

    def ground(self) -> Before:
        """Where things stand before anything is touched."""
        return Before(self._tabs.current, self._tabs.opened, self._tabs.page.url, self._files.seen)

    async def prepare(self, action: BrowserAction, before: Before, expected: Expected | None) -> None:
        """Checks the points, brings the mouse to where it will click, and keeps what was there before.

        GaveWay when something else than expected lies there by then.
        """
        before.points = touched = points(action)
        moved, pinch = bool(touched) and isinstance(action, HOVERED), self._camera.pinch
        _, view, *_ = await asyncio.gather(
            before.tab.listen(self._traffic),
            self._camera.view(),
            *([self._hands.bring(pinch.mouse(touched[0]))] if moved else []),
        )
        for point in touched:
            _check_inside(point, view["page"])
        if moved and pinch != self._camera.pinch:  # pinched since it was last looked at
            await self._hands.bring(self._camera.pinch.mouse(touched[0]))
        if isinstance(action, Click) and opens_tab(action):
            there = await hits.hit(self._tabs.page, touched[0])
            if there is not None and there.role == "link":
                self._traffic.expect_tab()
        if moved:  # the picture is of the frame that the browser draws next, with what hovering changes
            before.picture = (await self._camera.take()).picture
        before.state = await self._begun(action, before, expected)
        if not moved:
            before.picture = (self._camera.remembered(before.state) or await self._camera.take()).picture

    async def _begun(self, action: BrowserAction, before: Before, expected: Expected | None) -> dict[str, Any]:
        """The state that counts as before, and the watch over the press."""
        page = self._tabs.page
        begin: Coroutine[Any, Any, dict[str, Any]] = call(page.main_frame, "begin")
        if expected is None or not before.points or not isinstance(action, PRESSED):
            return await begin
        before.aim = Aim(page, before.points[0], expected.exact)
        state, seen = await asyncio.gather(begin, before.aim.take())
        there = self._hands.secrets.discreet(seen)  # as the gate has seen it
        if there is None or not same(expected.hit, there, expected.exact):
            raise GaveWay(f"{hits.words(expected.hit)} gave way to {hits.words(there)} before it was pressed")
        return state

    async def let_go(self, before: Before) -> None:
        """Ends the watch over a press that never came."""
        if before.aim is not None and before.met is None:
            await before.aim.met()

    def nearly(self, before: Before) -> Callable[[], None]:
        """To be called when the page seems to be at rest: gets ready what will be looked at if it stays so."""

        def ready() -> None:
            before.drop()
            before.early = asyncio.ensure_future(self._seen(before))
            before.early.add_done_callback(_taken)

        return ready

    async def _seen(self, before: Before) -> Seen:
        if before.aim and before.met is None:
            before.met = asyncio.ensure_future(before.aim.met())
        if before.picture is None:
            return Seen(await self._camera.take(), False, False)
        shot, _ = await asyncio.gather(self._camera.take(), asyncio.to_thread(opened, before.picture.png))
        near, anywhere = await asyncio.to_thread(changed, before.picture, shot.picture, before.points)
        return Seen(shot, near, anywhere)

    async def after(self, before: Before, rest: Rest | None, patience: float) -> tuple[Change, float]:
        """What changed, and the seconds that its picture took; ActionError when the press met something else.

        patience: seconds for downloads that have begun.
        """
        tab = self._tabs.opened != before.opened or self._tabs.current is not before.tab
        if tab:
            await self._tabs.page.bring_to_front()
        await self._files.settled(patience)
        early = await self._early(before, rest)
        seen = early or await self._seen(before)
        change = self._change(before, seen, tab)
        if early and not change.any:  # something may have come as the picture was taken
            seen = await self._seen(before)
            change = self._change(before, seen, tab)
        met = await before.met if before.met else None
        if met:
            raise ActionError(f"what was to be pressed had gone: {met}")
        return change, seen.shot.seconds

    async def _early(self, before: Before, rest: Rest | None) -> Seen | None:
        """What was got ready, if nothing has happened since."""
        task, before.early = before.early, None
        if task is None:
            return None
        try:
            seen = await task
        except (PlaywrightError, DeixisError):
            return None  # the page went on: looked at again
        shot = seen.shot
        same = rest is not None and rest.still and rest.document == shot.state["document"] and rest.last <= shot.moment
        return seen if same and shot.tab is self._tabs.current else None

    def _change(self, before: Before, seen: Seen, tab: bool) -> Change:
        return Change(
            pixels_near=seen.near, pixels=seen.anywhere, url=self._tabs.page.url != before.url, tab=tab,
            download=self._files.seen > before.downloads, **_moved(before.state, seen.shot.state, tab),
        )  # fmt: skip


def _taken(task: "asyncio.Task[Seen]") -> None:
    if not task.cancelled():
        task.exception()  # whoever waits for it hears of it; nobody may


def _check_inside(point: Point, page: dict[str, Any]) -> None:
    if not (0 <= point.x < page["width"] and 0 <= point.y < page["height"]):
        where = f"({point.x:g}, {point.y:g})"
        raise ActionError(f"{where} is outside the viewport of {page['width']}x{page['height']} CSS pixels")


def _moved(old: dict[str, Any] | None, new: dict[str, Any], tab: bool) -> dict[str, Any]:
    """What page.js counted: focus, values, mutations, scrolling, a new document."""
    if old is None or tab:
        return {}
    if old["document"] != new["document"]:
        return {"loaded": True, "mutations": new["mutations"]}
    return {
        "focus": old["focus"] != new["focus"],
        "value": old["values"] != new["values"],
        "scrolled": old["scrolls"] != new["scrolls"],
        "mutations": new["mutations"] - old["mutations"],
    }


def opens_tab(click: Click) -> bool:
    """Whether this click on a link opens it in a new tab, of which the page itself knows nothing."""
    return click.button == "middle" or bool({"Control", "Meta", "ControlOrMeta", "Shift"} & set(click.modifiers))
