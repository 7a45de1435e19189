"""Performs actions with the browser's own mouse and keyboard at CSS pixels, never through a selector.

Three things are routed through the DOM element under the pixel, because no picture shows them: the options of a native
select, the file chooser, and the value of a date, colour or slider (`widgets`). Knows no model; does not settle and does not judge what an action changed.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import FileChooser, Page, Response
from playwright.async_api import TimeoutError as PlaywrightTimeout

from deixis.browser import actions as do
from deixis.browser import hit
from deixis.browser.domains import same_place
from deixis.browser.errors import ActionError, Blocked, PageUnreachable, UsageError
from deixis.browser.script import call
from deixis.browser.secrets import Secret, Secrets
from deixis.browser.settle import load
from deixis.browser.tabs import Tabs
from deixis.browser.types import Hit, Point
from deixis.browser.widgets import ROUTED, value_for

Button = Literal["left", "right", "middle"]
OWN = "deixis.actions"
LONG = 200  # characters from which text is inserted at once instead of key by key
DRAG_STEPS = 10
SCROLL_LIMIT = 250  # ms for a wheel turn to show as a scroll event
CHOOSER_LIMIT = 5.0  # seconds for a click to open a file chooser
LOAD_LIMIT = 10.0  # seconds for the load event once the document is there


class Executor:
    """Hands on the current tab."""

    def __init__(self, tabs: Tabs, navigation_timeout: float, secrets: Secrets | None = None) -> None:
        self._tabs = tabs
        self.secrets = secrets or Secrets()
        self.expected: Hit | None = None
        """What the gate has seen where the action is aimed."""
        self.home = "about:blank"
        """Where the run began: secrets without a domain are this host's."""
        self._timeout = navigation_timeout * 1000

    @property
    def _page(self) -> Page:
        return self._tabs.page

    async def perform(self, action: do.BrowserAction) -> None:
        """Carries out one action whose targets are points."""
        await HANDLERS[action.kind](self, action)

    async def move(self, point: Point) -> None:
        """Brings the mouse to a point and lets the page draw what that changes."""
        aimed = (await hit.pinched(self._page)).mouse(point)
        await self._page.mouse.move(aimed.x, aimed.y)
        await call(self._page.main_frame, "frame", wait=True)

    async def bring(self, aimed: Point) -> None:
        """Brings the mouse to a place of its own frame; the browser answers when the page has been told, with its next frame."""
        await self._page.mouse.move(aimed.x, aimed.y)

    async def _click(self, point: Point, button: Button = "left", count: int = 1) -> None:
        page = self._page
        aimed = (await hit.pinched(page)).mouse(point)
        try:
            await page.mouse.click(aimed.x, aimed.y, button=button, click_count=count)
        except PlaywrightError:
            if not page.is_closed():
                raise
            # The window closed itself at the press, before the button was released: that is what the click does.

    async def click(self, action: do.Click) -> None:
        async with self._held(action.modifiers):
            await self._click(place(action.target), action.button, action.count)

    @asynccontextmanager
    async def _held(self, keys: tuple[str, ...]) -> AsyncIterator[None]:
        """Modifier keys, released whatever happens."""
        keyboard = self._page.keyboard
        try:
            for key in keys:
                await keyboard.down(key)
            yield
        finally:
            if not self._page.is_closed():
                for key in reversed(keys):
                    await keyboard.up(key)

    async def hover(self, action: do.Hover) -> None:
        await self.move(place(action.target))

    async def drag(self, action: do.Drag) -> None:
        """Presses, moves in steps with a frame between them, so that pages that follow per frame see each, releases."""
        start, end, mouse = place(action.start), place(action.end), self._page.mouse
        await self.move(start)
        await mouse.down()
        steps = max(1, DRAG_STEPS // (1 + len(action.via)))
        try:
            for goal in (*action.via, end):
                for step in range(1, steps + 1):
                    part = step / steps
                    await self.move(Point(x=start.x + (goal.x - start.x) * part, y=start.y + (goal.y - start.y) * part))
                start = goal
            await self.move(end)
        finally:
            await mouse.up()

    async def type(self, action: do.Type) -> None:
        field = await self._into_field(action.target)
        expected = self.expected
        if expected and self.secrets.named(action.text) and expected.input_type != field.input_type:
            kinds = f"of type {field.input_type!r}, not {expected.input_type!r}"
            raise ActionError(f"the keys would go to {hit.words(field)} {kinds}: look again")
        if field.input_type in ROUTED:
            await self._fill(action, field)
            return
        if action.clear:
            await self._page.keyboard.press("ControlOrMeta+A")
            if not action.text:
                await self._page.keyboard.press("Delete")
        await self._enter(action.text)
        if action.submit:
            await self._page.keyboard.press("Enter")

    async def _fill(self, action: do.Type, field: Hit) -> None:
        """Gives a date, colour or slider its value in one piece, as its own widget would."""
        value = value_for(field.input_type, action.text)
        there = field.box.centre if action.target is None else place(action.target)
        element = await hit.element(self._page, there)
        if element is None:
            raise ActionError(f"{hit.words(field)} is gone: look again")
        try:
            await element.fill(value, timeout=CHOOSER_LIMIT * 1000)
        except PlaywrightError as error:
            if "Malformed" not in error.message:
                raise
            raise ActionError(f"{hit.words(field)} does not take {value!r}") from error
        taken = await element.input_value()
        if taken != value:
            raise ActionError(f"{hit.words(field)} took {taken!r} for {value!r}, which is outside its limits or steps")
        if action.submit:
            await self._page.keyboard.press("Enter")

    async def _into_field(self, target: do.Target | None) -> Hit:
        """What takes the text, after a click if there is a target; it has the focus unless its value is routed."""
        there = None
        if target is not None:
            point = place(target)
            there = await hit.hit(self._page, point)
            if there and there.editable and there.enabled and there.input_type in ROUTED:
                return there  # a click would open its widget, or move the slider
            await self._click(point)
        field = await hit.focused(self._page)
        if there and there.editable and there.enabled and field and "-" in field.tag:
            return there  # in a closed shadow root, of which the page tells the host only
        if field is None or not (field.editable and field.enabled):
            where = (
                f"at the point is {hit.words(there)}" if target is not None else f"the focus is on {hit.words(field)}"
            )
            raise ActionError(f"nothing here takes text: {where}")
        return field

    async def _enter(self, text: str) -> None:
        """Text as it stands, secrets by their names."""
        for part in self.secrets.parts(text):
            await (self._write(part) if isinstance(part, str) else self._enter_secret(part))

    async def _enter_secret(self, secret: Secret) -> None:
        """The value in one go, only while the keys go to a frame that may have it; Blocked otherwise."""
        await self._may_have(secret)
        text = self.secrets.reveal(secret)
        if secret.is_code and text.isdigit():
            await self._page.keyboard.type(text)  # fields of one digit each move on by themselves
        else:
            await self._page.keyboard.insert_text(text)
        await self._may_have(secret)

    async def _may_have(self, secret: Secret) -> None:
        frame = await hit.keyboard_frame(self._page)
        where = hit.address(frame) if frame else "nowhere"
        if frame is None or not same_place(where, secret.domain, self.home):
            owner = secret.domain or self.home
            raise Blocked(
                f"the secret {secret.name!r} belongs to {owner!r} and is not typed into {where[:120]!r}: "
                f"--secret {secret.name}=ENV@DOMAIN names another domain"
            )

    async def _write(self, text: str) -> None:
        """Key by key when every character has a key and none is Enter, else inserted at once."""
        if len(text) <= LONG and text.isascii() and text.isprintable():
            await self._page.keyboard.type(text)
        elif text:
            await self._page.keyboard.insert_text(text)

    async def press(self, action: do.Press) -> None:
        try:
            await self._page.keyboard.press(action.keys)
        except PlaywrightError as error:
            if "Unknown key" not in error.message:
                raise
            raise ActionError(
                f"there is no key {action.keys!r}: keys are named as in 'Enter' or 'Control+A'"
            ) from error

    async def scroll(self, action: do.Scroll) -> None:
        """Turns the wheel over the point and waits for the first scroll event, or the bound where nothing scrolls."""
        page = self._page
        await page.mouse.move(*await self._over(action.target))
        armed = call(page.main_frame, "scrolled", {"limit": SCROLL_LIMIT, "dx": action.dx, "dy": action.dy}, wait=True)
        await page.mouse.wheel(action.dx, action.dy)
        await armed

    async def _over(self, target: do.Target | None) -> tuple[float, float]:
        if target is not None:
            aimed = (await hit.pinched(self._page)).mouse(place(target))
            return aimed.x, aimed.y
        view = (await call(self._page.main_frame, "view"))["page"]
        return view["width"] / 2, view["height"] / 2

    async def select(self, action: do.Select) -> None:
        """A native select by the label of an option; for any other list box the loop opens it and clicks."""
        point = place(action.target)
        there = await hit.hit(self._page, point)
        element = await hit.element(self._page, point)
        if there is not None and there.tag == "option" and element is not None:  # of a list that is open all the time
            element = (await element.evaluate_handle("(it) => it.closest('select')")).as_element()
            there = await hit.described(self._page, point, element) if element else there
        if there is None or element is None or there.tag != "select":
            raise ActionError(f"there is no native select at the point but {hit.words(there)}: click it open instead")
        if not there.enabled:
            raise ActionError(f"{hit.words(there)} cannot be chosen from")
        several = there.role == "listbox" and action.option not in there.options
        names = re.split(r",\s*(?:and\s+)?", action.option) if several else [action.option]
        wanted = [choice(name, there.options) for name in names]
        if there.role == "listbox":  # of many: what is chosen stays chosen
            wanted += await element.evaluate(
                "(it) => it.multiple ? [...it.selectedOptions].map((one) => one.index) : []"
            )
        await element.select_option(index=wanted, timeout=CHOOSER_LIMIT * 1000)

    async def check(self, action: do.Check) -> None:
        point = place(action.target)
        there = await hit.hit(self._page, point)
        if there is None or there.checked is None:
            raise ActionError(f"there is nothing to check at the point but {hit.words(there)}")
        if not there.enabled:
            raise ActionError(f"{hit.words(there)} cannot be changed")
        if there.checked == action.checked:
            return
        if there.role in {"radio", "menuitemradio"} and not action.checked:
            raise ActionError(f"{hit.words(there)} cannot be unchecked: choose another of its group")
        await self._click(point)

    async def upload(self, action: do.Upload) -> None:
        point = place(action.target)
        missing = [name for name in action.files if not Path(name).exists()]
        if missing:
            raise ActionError(f"there is no file {missing[0]!r} to upload")
        there = await hit.hit(self._page, point)
        chooser = await self._chooser(point, there)
        if len(action.files) > 1 and not chooser.is_multiple():
            raise ActionError(f"{hit.words(there)} takes one file, not {len(action.files)}")
        try:
            await chooser.set_files(list(action.files))
        except PlaywrightError as error:
            if "directory" not in error.message and "directories" not in error.message:
                raise
            raise ActionError(f"{hit.words(there)} and {action.files[0]!r}: {error.message.splitlines()[0]}") from error

    async def _chooser(self, point: Point, there: Hit | None) -> FileChooser:
        try:
            async with self._page.expect_file_chooser(timeout=CHOOSER_LIMIT * 1000) as opened:
                await self._click(point)
            return await opened.value
        except PlaywrightTimeout as error:
            raise ActionError(f"no file chooser opened: at the point is {hit.words(there)}") from error

    async def goto(self, action: do.Goto) -> None:
        await open_url(self._page, action.url, self._timeout)

    async def back(self, _: do.Back) -> None:
        await self._history(self._page.go_back, "back to")

    async def forward(self, _: do.Forward) -> None:
        await self._history(self._page.go_forward, "forward to")

    async def _history(self, go: Callable[..., Awaitable[Response | None]], way: str) -> None:
        url = self._page.url
        response = await go(timeout=self._timeout, wait_until="commit")
        if response is None and self._page.url == url:
            raise ActionError(f"there is no page to go {way}")

    async def reload(self, _: do.Reload) -> None:
        url = self._page.url
        try:
            await self._page.reload(timeout=self._timeout, wait_until="domcontentloaded")
        except PlaywrightError as error:
            raise unreachable(url, error, self._timeout) from error

    async def new_tab(self, action: do.NewTab) -> None:
        page = await self._page.context.new_page()
        self._tabs.add(page)
        await open_url(page, action.url, self._timeout)

    async def switch_tab(self, action: do.SwitchTab) -> None:
        self._tabs.switch(action.index)
        await self._page.bring_to_front()

    async def close_tab(self, _: do.CloseTab) -> None:
        if len(self._tabs) == 1:
            raise ActionError("this is the only tab: it stays open")
        await self._page.close()
        await self._page.bring_to_front()

    async def own(self, action: do.Own) -> None:
        """An action that another distribution brings: `async def NAME(page, data)`, found by its entry point."""
        found = next(iter(entry_points(group=OWN, name=action.name)), None)
        if found is None:
            known = ", ".join(sorted(one.name for one in entry_points(group=OWN))) or "none"
            raise ActionError(
                f"there is no action {action.name!r} of your own: the entry points in {OWN!r} are {known}"
            )
        await found.load()(self._page, dict(action.data))

    async def wait(self, _: do.Wait) -> None:
        """Nothing to do: settling is the wait."""


Handler = Callable[[Executor, Any], Awaitable[None]]
HANDLERS: dict[str, Handler] = {
    "click": Executor.click,
    "hover": Executor.hover,
    "drag": Executor.drag,
    "type": Executor.type,
    "press": Executor.press,
    "scroll": Executor.scroll,
    "select": Executor.select,
    "check": Executor.check,
    "upload": Executor.upload,
    "goto": Executor.goto,
    "back": Executor.back,
    "forward": Executor.forward,
    "reload": Executor.reload,
    "new_tab": Executor.new_tab,
    "switch_tab": Executor.switch_tab,
    "close_tab": Executor.close_tab,
    "wait": Executor.wait,
    "own": Executor.own,
}


def place(target: do.Target) -> Point:
    """The point of a target that has been grounded."""
    if isinstance(target, Point):
        return target
    raise UsageError(f"the browser takes points, not words: {target!r} has to be pointed at first")


def points(action: do.BrowserAction) -> list[Point]:
    """The points that an action touches, in order."""
    named = [getattr(action, name, None) for name in ("target", "start", "end")]
    return [place(target) for target in named if target is not None and not isinstance(action, do.Wait)]


def choice(option: str, labels: tuple[str, ...]) -> int:
    """Index of the option with this label: exactly, else whatever the case and the space around it."""
    if option in labels:
        return labels.index(option)
    plain = [label.strip().casefold() for label in labels]
    if option.strip().casefold() in plain:
        return plain.index(option.strip().casefold())
    raise ActionError(f"there is no option {option!r}: the options are {', '.join(map(repr, labels))}")


async def open_url(page: Page, url: str, timeout: float) -> None:
    """Opens a URL until its document is there, then its load event for a while; PageUnreachable when it is not."""
    try:
        await page.goto(url, timeout=timeout, wait_until="domcontentloaded")
    except PlaywrightError as error:
        if "Download is starting" in error.message:
            return
        raise unreachable(url, error, timeout) from error
    await load(page, LOAD_LIMIT)


def unreachable(url: str, error: PlaywrightError, timeout: float) -> Exception:
    """PageUnreachable with one sentence; the error itself when it is not the page's fault."""
    if isinstance(error, PlaywrightTimeout):
        return PageUnreachable(f"{url!r} cannot be opened: no answer within {timeout / 1000:g} seconds")
    reason = error.message.splitlines()[0]
    if "net::" in reason or "invalid URL" in reason:
        words = reason.split("net::")[-1].split(" at ")[0] if "net::" in reason else "it is not a URL"
        return PageUnreachable(f"{url!r} cannot be opened: {words}")
    return error
