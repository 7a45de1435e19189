"""The hit-test says what the browser would click: through labels, shadow roots and frames, and never more than it knows."""

from typing import TYPE_CHECKING

import pytest

from deixis.browser.actions import Click, Select, Type
from deixis.browser.session import Session
from deixis.browser.types import Hit, Point

if TYPE_CHECKING:
    from tests.conftest import GatedServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

STYLE = "<!doctype html><style>* {margin: 0} body > * {position: absolute; left: 0; top: 0}</style>"


async def there(session: Session, html: str, x: float = 10, y: float = 10) -> Hit:
    await session.page.set_content(STYLE + html)
    found = await session.hit(Point(x=x, y=y))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("html", "tag", "role", "name"),
    [
        ("<button><span>Save</span> all</button>", "button", "button", "Save all"),
        ("<a href='#x'><img alt='Home' width=50 height=50></a>", "a", "link", "Home"),
        ("<input placeholder='Your name'>", "input", "textbox", "Your name"),
        ("<input type=submit value='Log in'>", "input", "button", "Log in"),
        ("<input type=checkbox aria-label='Agree' style='width:30px; height:30px'>", "input", "checkbox", "Agree"),
        ("<input type=file title='Your photo'>", "input", "file", "Your photo"),
        ("<input type=number aria-label=Age>", "input", "spinbutton", "Age"),
        ("<textarea title=Notes></textarea>", "textarea", "textbox", "Notes"),
        ("<div role=tab tabindex=0>Settings</div>", "div", "tab", "Settings"),
        ("<div contenteditable aria-label=Body>text</div>", "div", "textbox", "Body"),
        ("<details><summary>More</summary></details>", "summary", "button", "More"),
        (
            "<div><b id=l hidden>Colour</b><select aria-labelledby=l><option>Red</select></div>",
            "select",
            "combobox",
            "Colour",
        ),
        ("<h2>Title</h2>", "h2", "heading", "Title"),
    ],
)
async def test_roles_and_names(browser_session: Session, html: str, tag: str, role: str, name: str) -> None:
    found = await there(browser_session, html)
    assert (found.tag, found.role, found.name) == (tag, role, name)
    assert found.interactive is (tag != "h2")


async def test_a_name_is_at_most_200_characters(browser_session: Session) -> None:
    found = await there(browser_session, f"<button style='width:600px'>{'long ' * 100}</button>")
    assert len(found.name) == 200


@pytest.mark.parametrize(
    "html",
    [
        "<button disabled>No</button>",
        "<fieldset disabled style='padding:0; border:0; margin:0'><button>No</button></fieldset>",
        "<div aria-disabled=true><button>No</button></div>",
    ],
)
async def test_disabled_in_every_way(browser_session: Session, html: str) -> None:
    assert not (await there(browser_session, html)).enabled


async def test_a_label_stands_for_its_control(browser_session: Session) -> None:
    html = "<label for=c style='width:200px; height:40px'>Agree</label><input id=c type=checkbox checked style='left:300px'>"
    found = await there(browser_session, html)
    assert (found.tag, found.input_type, found.checked, found.name) == ("input", "checkbox", True, "Agree")
    assert found.interactive and found.box.x1 == 200


async def test_a_covered_button_is_not_what_is_there(browser_session: Session) -> None:
    found = await there(browser_session, "<button>Under</button><div id=veil style='width:500px; height:500px'></div>")
    assert (found.tag, found.interactive) == ("div", False)


async def test_options_of_a_select(browser_session: Session) -> None:
    html = "<select><option>Red</option><optgroup label=x><option label='Deep blue'>b</option></optgroup></select>"
    assert (await there(browser_session, html)).options == ("Red", "Deep blue")


async def test_editable_or_not(browser_session: Session) -> None:
    assert (await there(browser_session, "<input type=email>")).editable
    assert not (await there(browser_session, "<input readonly>")).editable
    assert not (await there(browser_session, "<input type=file>")).editable
    assert (await there(browser_session, "<input type=range>")).editable  # its value is set in one piece


async def test_outside_and_empty(browser_session: Session) -> None:
    await browser_session.page.set_content("<p>x</p>")
    assert await browser_session.hit(Point(x=-5, y=10)) is None
    assert await browser_session.hit(Point(x=5000, y=10)) is None
    empty = await browser_session.hit(Point(x=600, y=600))
    assert empty is not None and (empty.name, empty.interactive) == ("", False)


async def test_open_shadow_roots(browser_session: Session) -> None:
    html = "<x-card></x-card><script>document.querySelector('x-card').attachShadow({mode: 'open'}).innerHTML = '%s'</script>"
    found = await there(browser_session, html % "<button>Deep</button>")
    assert (found.tag, found.name) == ("button", "Deep")


FRAME = (
    "<iframe style='left:100px; top:50px; border:7px solid red; padding:5px; width:300px; height:200px' %s></iframe>"
)
INNER = (
    "<body style='margin:0'><button style='position:absolute; left:30px; top:20px'>In</button>"
    "<input style='position:absolute; left:30px; top:80px'><select style='position:absolute; left:30px; top:120px'>"
    "<option>a<option>b</select>"
)


async def test_frames_of_the_same_origin(browser_session: Session) -> None:
    found = await there(browser_session, FRAME % f'srcdoc="{INNER}"', 150, 90)
    assert (found.tag, found.name, found.frame_url) == ("button", "In", "about:srcdoc")
    assert (found.box.x0, found.box.y0) == (142, 82)


async def test_frames_magnified_by_zoom(browser_session: Session) -> None:
    found = await there(
        browser_session, FRAME.replace("left:100px", "zoom:2; left:100px") % f'srcdoc="{INNER}"', 300, 180
    )
    assert found.name == "In"
    assert (found.box.x0, found.box.y0) == pytest.approx((284, 164), abs=1)


async def test_frames_of_another_origin(browser_session: Session, gated: "GatedServer") -> None:
    gated.bodies = {"/in": INNER, "/out": STYLE + FRAME % f"src='{gated.url.replace('127.0.0.1', 'localhost')}/in'"}
    await browser_session.start(f"{gated.url}/out")
    found = await browser_session.hit(Point(x=150, y=90))
    assert found is not None
    assert (found.name, found.box.x0) == ("In", 142)
    assert found.frame_url.startswith("http://localhost:")
    await browser_session.act(Type(text="typed", target=Point(x=150, y=150)))
    await browser_session.act(Select(target=Point(x=150, y=190), option="b"))
    inner = browser_session.page.frames[1]
    values = "['input', 'select'].map((tag) => document.querySelector(tag).value)"
    assert await inner.evaluate(values) == ["typed", "b"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>The group <b>Editors</b> was added.</p>", "The group Editors was added."),
        ("<input value='Ada'>", "Ada"),
        ("<select><option>Red<option selected>Blue</select>", "Blue"),
        ("<input type=password value=secret>", ""),
        ("<table><tr><td>£12.50</td><td>other</td></tr></table>", "£12.50"),
        ("<img alt='A cat' width=50 height=50>", "A cat"),
    ],
)
async def test_reading_the_dom(browser_session: Session, html: str, text: str) -> None:
    await browser_session.page.set_content(STYLE + html)
    reading = await browser_session.read_dom(Point(x=8, y=10))
    assert (reading.text, reading.source) == (text, "dom")


async def test_a_page_cannot_fool_it_by_patching(browser_session: Session) -> None:
    """The natives are taken before the page's own scripts run."""
    html = "<script>window.requestAnimationFrame = window.setTimeout = performance.now = () => 0</script><button>Go</button>"
    assert (await there(browser_session, html)).name == "Go"
    assert (await browser_session.act(Click(target=Point(x=10, y=10)))).focus
