"""A page for every kind of widget, each with a scripted solution and a check of the page's own state, at three scales.

Solutions find their points from the DOM: this is about what the hands can do, not about where the model points.
"""

import base64
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser

from deixis.browser import actions as do
from deixis.browser.errors import ActionError, PageUnreachable
from deixis.browser.session import Session, SessionConfig
from deixis.browser.types import Change, Point
from deixis.browser.widgets import value_for
from tests.conftest import GatedServer, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
WIDGETS = Path(__file__).parent / "data" / "widgets"
SCALES = (1.0, 1.5, 2.0)
MIDDLE = """(it) => { const box = it.getBoundingClientRect(), view = visualViewport;
  return [(box.left + box.width / 2 - view.offsetLeft) * view.scale, (box.top + box.height / 2 - view.offsetTop) * view.scale] }"""


class Hand:
    """A session on one of the pages, and where things are on it."""

    def __init__(self, session: Session, files: Path) -> None:
        self.session, self.files = session, files

    async def at(self, selector: str = "#it") -> Point:
        x, y = await self.session.page.locator(selector).evaluate(MIDDLE)
        return Point(x=x, y=y)

    async def act(self, action: do.BrowserAction) -> Change:
        return await self.session.act(action)

    async def click(self, selector: str = "#it") -> Change:
        return await self.act(do.Click(target=await self.at(selector)))

    async def type(self, text: str, selector: str = "#it") -> Change:
        return await self.act(do.Type(target=await self.at(selector), text=text))

    async def upload(self, *names: str) -> Change:
        files = tuple(str(self.files / name) for name in names)
        return await self.act(do.Upload(target=await self.at(), files=files))


Solution = Callable[[Hand], Awaitable[object]]
SOLUTIONS: dict[str, Solution] = {}


def solves(name: str) -> Callable[[Solution], Solution]:
    def kept(solution: Solution) -> Solution:
        SOLUTIONS[name] = solution
        return solution

    return kept


def typed(text: str) -> Solution:
    return lambda hand: hand.type(text)


SOLUTIONS |= {
    "date": typed("9 March 2026"), "time": typed("2:35 pm"), "month": typed("March 2026"), "week": typed("2026-W11"),
    "datetime_local": typed("2026-03-09 14:35"), "colour": typed("dodgerblue"), "range": typed("65"), "number": typed("12.5"),
    "datalist": typed("Oslo"), "editable": typed("New words"),
    "canvas": lambda hand: in_canvas(hand), "svg": lambda hand: hand.click("#shape"), "listeners": lambda hand: hand.click(),
    "printing": lambda hand: hand.click(), "permission": lambda hand: hand.click(),
    "file": lambda hand: hand.upload("a.txt"), "files": lambda hand: hand.upload("a.txt", "b.txt"),
    "folder": lambda hand: hand.upload(""), "hidden_file": lambda hand: hand.upload("a.txt"),
}  # fmt: skip


@solves("select")
async def _select(hand: Hand) -> None:
    await hand.act(do.Select(target=await hand.at(), option="Large"))


@solves("select_many")
async def _select_many(hand: Hand) -> None:
    for option in ("Ham", "Olives"):
        await hand.act(do.Select(target=await hand.at(), option=option))


@solves("rich_editor")
async def _rich_editor(hand: Hand) -> None:
    await hand.type("plain ")
    await hand.click("#bold")
    await hand.act(do.Type(text="bold", clear=False))


@solves("drag_html5")
@solves("drag_pointer")
async def _drag(hand: Hand) -> None:
    await hand.act(do.Drag(start=await hand.at(), end=await hand.at("#to")))


@solves("sortable")
async def _sortable(hand: Hand) -> None:
    await hand.act(do.Drag(start=await hand.at("#a"), end=await hand.at("#c")))


@solves("nested_scroll")
async def _nested_scroll(hand: Hand) -> None:
    await hand.act(do.Scroll(target=await hand.at(), dy=2000))
    await hand.click("#deep")


@solves("hover_menu")
async def _hover_menu(hand: Hand) -> None:
    await hand.act(do.Hover(target=await hand.at()))
    await hand.click("#item")


@solves("sticky_header")
async def _sticky_header(hand: Hand) -> None:
    await hand.act(do.Scroll(dy=900))
    await hand.click()
    await hand.click("#head")


@solves("infinite_scroll")
async def _infinite_scroll(hand: Hand) -> None:
    for _ in range(30):
        row = hand.session.page.locator("#n40")
        if await row.count() and (await hand.at("#n40")).y < 700:
            break
        await hand.act(do.Scroll(dy=600))
    await hand.click("#n40")


async def in_canvas(hand: Hand) -> None:
    box = await hand.session.page.locator("#it").bounding_box()
    assert box is not None
    point = Point(x=box["x"] + 301, y=box["y"] + 161)
    seen = await hand.session.hit(point)
    assert seen is not None and seen.interactive
    await hand.act(do.Click(target=point))


@solves("frame")
async def _frame(hand: Hand) -> None:
    inner = hand.session.page.frame_locator("#it")
    outer = await hand.session.page.locator("#it").bounding_box()
    assert outer is not None
    for selector, text in (("#name", "Ada"), ("#send", "")):
        box = await inner.locator(selector).bounding_box()
        assert box is not None
        point = Point(x=box["x"] + box["width"] / 2, y=box["y"] + box["height"] / 2)
        seen = await hand.session.hit(point)
        assert seen is not None and seen.interactive and "localhost" in seen.frame_url
        await hand.act(do.Type(target=point, text=text) if text else do.Click(target=point))


@solves("shadow_open")
@solves("shadow_closed")
async def _shadow(hand: Hand) -> None:
    for name, role in (("input", "textbox"), ("button", "button")):
        x, y = await hand.session.page.evaluate(f"({MIDDLE})(spot('{name}'))")
        seen = await hand.session.hit(Point(x=x, y=y))
        assert seen is not None and seen.role == role
        point = Point(x=x, y=y)
        await hand.act(do.Type(target=point, text="Ada") if name == "input" else do.Click(target=point))


@solves("popup")
async def _popup(hand: Hand) -> None:
    opener = hand.session.page
    assert (await hand.click()).tab
    assert (await hand.click("#done")).tab
    assert hand.session.page is opener


@solves("before_unload")
async def _before_unload(hand: Hand) -> None:
    await hand.type("x", "#name")
    assert (await hand.click()).dialog
    await hand.act(do.AnswerDialog(accept=True))


@solves("dialogs")
async def _dialogs(hand: Hand) -> None:
    assert (await hand.click()).dialog
    for kind, text in (("alert", None), ("confirm", None), ("prompt", "Ada")):
        dialog = (await hand.session.look()).dialog
        assert dialog is not None and dialog.type == kind
        await hand.act(do.AnswerDialog(accept=True, text=text))


@solves("custom_list")
async def _custom_list(hand: Hand) -> None:
    await hand.click()
    await hand.click("#pear")


@solves("accordion")
async def _accordion(hand: Hand) -> None:
    await hand.click()
    await hand.act(do.Check(target=await hand.at("#box")))


@solves("keyboard")
async def _keyboard(hand: Hand) -> None:
    await hand.click()
    for keys in ("ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        await hand.act(do.Press(keys=keys))


@solves("context_menu")
async def _context_menu(hand: Hand) -> None:
    await hand.act(do.Click(target=await hand.at(), button="right"))
    await hand.click("#copy")


@solves("zoomed")
async def _zoomed(hand: Hand) -> None:
    await hand.type("Ada", "#name")
    await hand.click()


@solves("pinched")
async def _pinched(hand: Hand) -> None:
    """Pinched twice as large, and moved: the picture shows another part than the page's own pixels say."""
    page = hand.session.page
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 2})
    await hand.act(do.Scroll(dx=16, dy=20))
    assert await page.evaluate("visualViewport.offsetTop > 0")
    seen = await hand.session.hit(await hand.at("#name"))
    assert seen is not None and seen.name == "Name"
    assert abs(seen.box.centre.y - (await hand.at("#name")).y) < 2
    await _zoomed(hand)


@pytest.fixture(scope="module")
def widgets_url() -> Iterator[str]:
    with serving(WIDGETS) as url:
        yield url


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sessions(browser: Browser) -> AsyncIterator[dict[float, Session]]:
    opened: dict[float, Session] = {}
    for scale in SCALES:
        config = SessionConfig(scale=scale, permissions=("geolocation",), geolocation=(52.5, 13.4))
        opened[scale] = await Session(config, browser).__aenter__()
    yield opened
    for session in opened.values():
        await session.close()


async def test_every_page_has_a_solution() -> None:
    helpers = {"inner", "popup_inner", "left"}
    assert {file.stem for file in WIDGETS.glob("*.html")} - helpers == set(SOLUTIONS)


@pytest.mark.parametrize("scale", [1.0, *(pytest.param(scale, marks=pytest.mark.slow) for scale in SCALES[1:])])
@pytest.mark.parametrize("name", sorted(SOLUTIONS))
async def test_a_widget_is_worked(
    name: str, scale: float, sessions: dict[float, Session], widgets_url: str, files: Path
) -> None:
    session = sessions[scale]
    await session.start(f"{widgets_url}/{name}.html")
    assert (await session.look()).scale == scale
    assert not await session.page.evaluate("solved()")
    await SOLUTIONS[name](Hand(session, files))
    await session.page.wait_for_function("solved()", timeout=15_000)


async def test_a_place_is_told_also_after_a_frame_of_another_origin(
    sessions: dict[float, Session], widgets_url: str, files: Path
) -> None:
    """With which Chromium forgets what place it was given."""
    session = sessions[1.0]
    for name in ("frame", "permission"):
        await session.start(f"{widgets_url}/{name}.html")
        await SOLUTIONS[name](Hand(session, files))
        await session.page.wait_for_function("solved()", timeout=15_000)


async def test_the_gate_knows_what_listens_and_what_does_not(sessions: dict[float, Session], widgets_url: str) -> None:
    session = sessions[1.0]
    await session.start(f"{widgets_url}/listeners.html")
    hand = Hand(session, WIDGETS)
    alive, dead = await session.hit(await hand.at()), await session.hit(await hand.at("#dead"))
    assert alive is not None and alive.interactive
    assert dead is not None and not dead.interactive


async def test_a_folder_goes_only_where_folders_are_taken(
    sessions: dict[float, Session], widgets_url: str, files: Path
) -> None:
    session = sessions[1.0]
    await session.start(f"{widgets_url}/file.html")
    with pytest.raises(ActionError, match="directory|directories"):
        await Hand(session, files).upload("")


async def test_values_that_a_field_cannot_take_are_told(sessions: dict[float, Session], widgets_url: str) -> None:
    session = sessions[1.0]
    await session.start(f"{widgets_url}/range.html")
    with pytest.raises(ActionError, match="outside its limits or steps"):
        await Hand(session, WIDGETS).type("400")
    with pytest.raises(
        ActionError, match="'3/9/2026' is no value for a field of type date: write it as in '2026-03-09'"
    ):
        value_for("date", "3/9/2026")
    # Day and month in numbers: taken where only one can be the month.
    for numbers in ("4/15/2018", "15/4/2018", "15/04/2018"):
        assert value_for("date", numbers) == "2018-04-15"
    assert value_for("date", "5/5/2018") == "2018-05-05"
    assert value_for("datetime-local", "04/15/2018 2:35 PM") == "2018-04-15T14:35"
    for kind, wrong in (("week", "W11"), ("date", "15/15/2018"), ("color", "sea"), ("range", "loud"), ("time", "noon")):
        with pytest.raises(ActionError, match=wrong):
            value_for(kind, wrong)
    assert value_for("week", "week 3 of 2026") == "2026-W03" and value_for("date", "") == ""


async def test_http_authentication_and_a_pdf(browser: Browser, gated: GatedServer, tmp_path: Path) -> None:
    """Chromium has no text of a PDF in the page: its viewer is looked at and left like any other page."""
    png = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(png, "PDF")
    gated.bodies |= {"/": "<a href='/a.pdf'>document</a>", "/locked": "<p>inside</p>"}
    gated.asks["/locked"] = "Basic " + base64.b64encode(b"ada:secret").decode()
    gated.bodies["/a.pdf"], gated.headers["/a.pdf"] = png.getvalue().decode("latin-1"), "Content-Type: application/pdf"
    async with Session(SessionConfig(http_credentials=("ada", "secret"), downloads=tmp_path), browser) as session:
        await session.start(f"{gated.url}/locked")
        assert await session.page.inner_text("p") == "inside"
        await session.start(gated.url)
        change = await session.act(do.Click(target=await Hand(session, WIDGETS).at("a")))
        assert change.any and (await session.look()).png
        if not change.download:
            await session.act(do.Back())
        assert await session.page.inner_text("a") == "document"
    async with Session(SessionConfig(), browser) as session:
        with pytest.raises(PageUnreachable, match="CREDENTIALS"):
            await session.start(f"{gated.url}/locked")
