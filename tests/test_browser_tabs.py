"""Tabs, history, dialogs and downloads."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deixis.browser import actions as do
from deixis.browser.downloads import safe_name, unused
from deixis.browser.errors import ActionError
from deixis.browser.session import Session, SessionConfig
from deixis.browser.types import Point

if TYPE_CHECKING:
    from tests.conftest import GatedServer, SessionFactory

pytestmark = pytest.mark.asyncio(loop_scope="session")

STYLE = "<!doctype html><style>body {margin: 0} button, a {display: block; width: 100px; height: 50px}</style>"
BUTTON = do.Click(target=Point(x=50, y=25))


def titled(title: str, body: str = "") -> str:
    return f"{STYLE}<title>{title}</title>{body}"


@pytest.mark.parametrize("rel", ["opener", "noopener"])
async def test_a_new_tab_is_followed(browser_session: Session, gated: "GatedServer", rel: str) -> None:
    link = f"<a target=_blank rel={rel} href='/new'>Go</a>"
    gated.bodies = {"/": titled("Old", link), "/new": titled("New", "<button onclick='window.close()'>Close</button>")}
    gated.gates["/new"] = asyncio.Event()
    await browser_session.start(gated.url + "/")
    acting = asyncio.create_task(browser_session.act(BUTTON))
    await gated.asked["/new"].wait()
    gated.gates["/new"].set()
    change = await acting
    assert change.tab and (await browser_session.look()).title == "New"
    await browser_session.act(do.CloseTab())
    assert (await browser_session.look()).title == "Old"


async def test_a_popup_that_closes_itself_gives_way_to_its_opener(
    browser_session: Session, gated: "GatedServer"
) -> None:
    button = "<button onclick=\"window.open('/new')\">Open</button>"
    gated.bodies = {
        "/": titled("Old", button),
        "/new": titled("New", "<button onclick='window.close()'>Close</button>"),
    }
    await browser_session.start(gated.url + "/")
    await browser_session.act(BUTTON)
    assert (await browser_session.look()).title == "New"
    change = await browser_session.act(BUTTON)
    assert change.tab and (await browser_session.look()).title == "Old"


@pytest.mark.parametrize("how", [{"button": "middle"}, {"modifiers": ("Control",)}])
async def test_a_link_opened_in_a_tab_of_its_own(
    browser_session: Session, gated: "GatedServer", how: dict[str, object]
) -> None:
    gated.bodies = {"/": titled("Old", "<a href='/new'>Go</a>"), "/new": titled("New")}
    await browser_session.start(gated.url + "/")
    change = await browser_session.act(do.Click.model_validate({**BUTTON.model_dump(), **how}))
    assert change.tab and (await browser_session.look()).title == "New"


async def test_tabs_by_number(browser_session: Session, gated: "GatedServer") -> None:
    gated.bodies = {"/": titled("Zero"), "/1": titled("One")}
    await browser_session.start(gated.url + "/")
    await browser_session.act(do.NewTab(url=gated.url + "/1"))
    assert (await browser_session.look()).title == "One"
    change = await browser_session.act(do.SwitchTab(index=0))
    assert change.tab and (await browser_session.look()).title == "Zero"
    with pytest.raises(ActionError, match="no tab 2"):
        await browser_session.act(do.SwitchTab(index=2))


async def test_the_only_tab_stays(browser_session: Session) -> None:
    with pytest.raises(ActionError, match="only tab"):
        await browser_session.act(do.CloseTab())


async def test_back_forward_reload(browser_session: Session, gated: "GatedServer") -> None:
    gated.bodies = {"/": titled("One"), "/2": titled("Two")}
    await browser_session.start(gated.url + "/")
    await browser_session.start(gated.url + "/2")
    assert (await browser_session.act(do.Back())).url
    assert (await browser_session.look()).title == "One"
    await browser_session.act(do.Forward())
    gated.bodies["/2"] = titled("Two again")
    change = await browser_session.act(do.Reload())
    assert (await browser_session.look()).title == "Two again"
    assert change.loaded and not change.url
    with pytest.raises(ActionError, match="no page to go forward to"):
        await browser_session.act(do.Forward())


async def test_a_dialog_interrupts_and_is_answered(browser_session: Session) -> None:
    await browser_session.page.set_content(
        titled("t", "<button onclick=\"document.title = prompt('Name?', 'Bob')\">Go</button>")
    )
    last = await browser_session.look()
    change = await browser_session.act(BUTTON)
    assert change.dialog
    seen = await browser_session.look()
    assert seen.dialog is not None and (seen.title, seen.image_size) == (last.title, last.image_size)
    assert (seen.dialog.type, seen.dialog.message, seen.dialog.default) == ("prompt", "Name?", "Bob")
    with pytest.raises(ActionError, match="'Name\\?'"):
        await browser_session.act(BUTTON)
    await browser_session.act(do.AnswerDialog(accept=True, text="Ada"))
    seen = await browser_session.look()
    assert (seen.dialog, seen.title) == (None, "Ada")


@pytest.mark.parametrize(("accept", "title"), [(True, "Bob"), (False, "null")])
async def test_a_prompt_answered_without_words(browser_session: Session, accept: bool, title: str) -> None:
    await browser_session.page.set_content(
        titled("t", "<button onclick=\"document.title = prompt('Name?', 'Bob')\">Go</button>")
    )
    await browser_session.act(BUTTON)
    await browser_session.act(do.AnswerDialog(accept=accept))
    assert (await browser_session.look()).title == title


async def test_one_dialog_after_the_other(browser_session: Session) -> None:
    await browser_session.page.set_content(titled("t", "<button onclick=\"alert('one'); alert('two')\">Go</button>"))
    await browser_session.act(BUTTON)
    for message in ("one", "two"):
        seen = await browser_session.look()
        assert seen.dialog is not None and seen.dialog.message == message
        await browser_session.act(do.AnswerDialog(accept=True))
    assert (await browser_session.look()).dialog is None


async def test_a_dialog_nobody_answers_is_dismissed(open_session: "SessionFactory") -> None:
    session = await open_session(SessionConfig(dialog_timeout=0.2))
    await session.page.set_content(titled("t", "<button onclick=\"document.title = confirm('Sure?')\">Go</button>"))
    assert (await session.act(BUTTON)).dialog
    await session.page.wait_for_function("document.title === 'false'")
    assert (await session.look()).dialog is None


async def test_a_dialog_before_anything_was_seen(browser_session: Session, gated: "GatedServer") -> None:
    gated.bodies = {"/": titled("t", "<script>alert('Welcome')</script>")}
    await browser_session.start(gated.url + "/")
    seen = await browser_session.look()
    assert seen.dialog is not None and seen.dialog.message == "Welcome"
    await browser_session.act(do.AnswerDialog(accept=True))
    assert (await browser_session.look()).title == "t"


async def test_leaving_a_page_that_asks_first(browser_session: Session, gated: "GatedServer") -> None:
    script = "<script>addEventListener('beforeunload', (event) => event.preventDefault())</script>"
    gated.bodies = {"/": titled("Form", f"<a href='/2'>Go</a>{script}"), "/2": titled("Two")}
    await browser_session.start(gated.url + "/")
    await browser_session.act(BUTTON)
    seen = await browser_session.look()
    assert seen.dialog is not None and seen.dialog.type == "beforeunload"
    await browser_session.act(do.AnswerDialog(accept=False))
    assert (await browser_session.look()).title == "Form"
    await browser_session.act(BUTTON)
    await browser_session.act(do.AnswerDialog(accept=True))
    assert (await browser_session.look()).title == "Two"


async def test_no_dialog_to_answer(browser_session: Session) -> None:
    with pytest.raises(ActionError, match="no dialog"):
        await browser_session.act(do.AnswerDialog(accept=True))


async def test_downloads_are_kept_in_the_folder(
    open_session: "SessionFactory", gated: "GatedServer", tmp_path: Path
) -> None:
    session = await open_session(SessionConfig(downloads=tmp_path / "files"))
    gated.bodies = {"/": titled("t", "<a href='/file'>Get</a>"), "/file": "cargo"}
    gated.headers["/file"] = 'Content-Disposition: attachment; filename="../../evil name.txt"'
    await session.start(gated.url + "/")
    change = await session.act(BUTTON)
    assert change.download
    assert [path.read_text() for path in session.downloaded] == ["cargo"]
    assert session.downloaded[0].parent == tmp_path / "files"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\x\\cv.txt", "cv.txt"),
        (".hidden", "hidden"),
        ("a:b*c", "a_b_c"),
        ("", "download"),
    ],
)
async def test_names_of_downloads(name: str, safe: str) -> None:
    assert safe_name(name) == safe


async def test_downloads_do_not_overwrite(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first")
    assert unused(tmp_path / "a.txt") == tmp_path / "a-1.txt"
    assert unused(tmp_path / "b.txt") == tmp_path / "b.txt"


async def test_a_page_of_somebody_else_s(open_session: "SessionFactory", gated: "GatedServer") -> None:
    """Attached: looks and acts, follows popups, leaves the page open and without listeners."""
    owner = await open_session(SessionConfig())
    gated.bodies = {"/": titled("Theirs", "<a target=_blank href='/new'>Go</a>"), "/new": titled("New")}
    page = await owner.page.context.new_page()
    await page.goto(gated.url + "/")
    async with Session.attach(page) as session:
        assert (await session.look()).title == "Theirs"
        assert (await session.act(BUTTON)).tab
        assert (await session.look()).title == "New"
    assert not page.is_closed()
