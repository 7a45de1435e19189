"""Each action does on a page what a person's hand would: the page's own record says so."""

from pathlib import Path

import pytest

from deixis.browser import actions as do
from deixis.browser.errors import ActionError, UsageError
from deixis.browser.session import Session
from deixis.browser.types import Point

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOG = """<script>
  window.log = [];
  for (const kind of ['mousedown', 'mouseup', 'click', 'dblclick', 'contextmenu', 'auxclick', 'mouseover', 'keydown'])
    addEventListener(kind, (e) => log.push([kind, e.button ?? e.key, e.detail, e.ctrlKey, e.shiftKey]), true);
</script>"""


def at(x: float, y: float) -> Point:
    return Point(x=x, y=y)


async def show(session: Session, html: str) -> None:
    await session.page.set_content(f"<!doctype html><style>body {{ margin: 0 }}</style>{html}")


async def kinds(session: Session) -> list[str]:
    return [entry[0] for entry in await session.page.evaluate("log") if entry[0] not in {"mouseover", "keydown"}]


async def test_click_is_down_up_click(browser_session: Session) -> None:
    await show(browser_session, LOG + "<button style='width:100px; height:50px'>Go</button>")
    await browser_session.act(do.Click(target=at(50, 25)))
    assert await kinds(browser_session) == ["mousedown", "mouseup", "click"]


async def test_click_twice_and_three_times(browser_session: Session) -> None:
    await show(browser_session, LOG + "<p id=p>some words here</p>")
    await browser_session.act(do.Click(target=at(10, 25), count=2))
    assert (await kinds(browser_session)).count("dblclick") == 1
    await browser_session.act(do.Click(target=at(10, 25), count=3))
    assert str(await browser_session.page.evaluate("getSelection().toString()")).strip() == "some words here"


@pytest.mark.parametrize(("button", "kind", "number"), [("right", "contextmenu", 2), ("middle", "auxclick", 1)])
async def test_other_buttons(browser_session: Session, button: str, kind: str, number: int) -> None:
    await show(browser_session, LOG + "<p>text</p>")
    await browser_session.act(do.Click.model_validate({"target": at(10, 25), "button": button}))
    log = await browser_session.page.evaluate("log")
    assert kind in [entry[0] for entry in log]
    assert ["mousedown", number] in [entry[:2] for entry in log]


async def test_modifiers_are_held_and_released(browser_session: Session) -> None:
    await show(browser_session, LOG + "<p>text</p>")
    await browser_session.act(do.Click(target=at(10, 25), modifiers=("Control", "Shift")))
    await browser_session.act(do.Click(target=at(10, 25)))
    clicks = [entry[3:] for entry in await browser_session.page.evaluate("log") if entry[0] == "click"]
    assert clicks == [[True, True], [False, False]]


async def test_hover_opens_what_hovering_opens(browser_session: Session) -> None:
    await show(browser_session, "<style>b {display: none} p:hover b {display: block}</style><p>menu <b>inside</b></p>")
    change = await browser_session.act(do.Hover(target=at(10, 25)))
    assert await browser_session.page.evaluate("document.querySelector('b').offsetHeight") > 0
    assert change.pixels_near


BOXES = """<style>div {position: absolute; width: 80px; height: 80px; top: 10px} #a {left: 10px; background: red}
    #b {left: 400px; background: blue}</style><div id=a %s></div><div id=b></div>"""


async def test_drag_of_html5(browser_session: Session) -> None:
    script = """<script>
      a.ondragstart = (e) => e.dataTransfer.setData('text', 'cargo');
      b.ondragover = (e) => e.preventDefault();
      b.ondrop = (e) => { document.title = e.dataTransfer.getData('text'); };
    </script>"""
    await show(browser_session, BOXES % "draggable=true" + script)
    await browser_session.act(do.Drag(start=at(50, 50), end=at(440, 50)))
    assert await browser_session.page.title() == "cargo"


async def test_drag_of_pointer_moves(browser_session: Session) -> None:
    script = """<script>
      let held = false, moves = 0;
      a.onpointerdown = () => { held = true; };
      onpointermove = (e) => { if (held) { moves += 1; a.style.left = e.clientX - 40 + 'px'; } };
      onpointerup = () => { held = false; document.title = `${a.style.left} ${moves > 4}`; };
    </script>"""
    await show(browser_session, BOXES % "" + script)
    change = await browser_session.act(do.Drag(start=at(50, 50), end=at(440, 50)))
    assert await browser_session.page.title() == "400px true"
    assert change.pixels_near and change.mutations


async def test_drag_by_way_of_other_places(browser_session: Session) -> None:
    script = """<script>
      const seen = [];
      onpointermove = (e) => { if (e.buttons) seen.push([e.clientX, e.clientY]); };
      onpointerup = () => { document.title = JSON.stringify(seen.filter(([x, y]) => x === 100 || x === 300)); };
    </script>"""
    await show(browser_session, BOXES % "" + script)
    await browser_session.act(do.Drag(start=at(50, 50), end=at(440, 50), via=(at(100, 150), at(300, 200))))
    assert await browser_session.page.title() == "[[100,150],[300,200]]"


FIELD = "<input id=f value='old' style='width:200px; height:30px'>"


async def value(session: Session) -> str:
    return str(await session.page.evaluate("document.querySelector('#f').value"))


async def test_type_replaces(browser_session: Session) -> None:
    await show(browser_session, FIELD)
    change = await browser_session.act(do.Type(text="new", target=at(50, 15)))
    assert await value(browser_session) == "new"
    assert change.value and change.focus and change.pixels_near


async def test_type_appends(browser_session: Session) -> None:
    await show(browser_session, FIELD)
    await browser_session.act(do.Type(text="er", target=at(190, 15), clear=False))
    assert await value(browser_session) == "older"


async def test_type_nothing_clears(browser_session: Session) -> None:
    await show(browser_session, FIELD)
    await browser_session.act(do.Type(text="", target=at(50, 15)))
    assert await value(browser_session) == ""


@pytest.mark.parametrize("text", ["Zoë, 東京 🙂", "x" * 1000, "a'b\"c<d>&\\"])
async def test_type_any_text(browser_session: Session, text: str) -> None:
    await show(browser_session, FIELD)
    await browser_session.act(do.Type(text=text, target=at(50, 15)))
    assert await value(browser_session) == text


async def test_lines_stay_lines_and_do_not_submit(browser_session: Session) -> None:
    await show(
        browser_session, "<form onsubmit='document.title=1'><textarea id=f style='height:100px'></textarea></form>"
    )
    await browser_session.act(do.Type(text="one\ntwo", target=at(50, 15)))
    assert await value(browser_session) == "one\ntwo"
    assert await browser_session.page.title() == ""


async def test_type_and_submit(browser_session: Session) -> None:
    await show(browser_session, f"<form onsubmit='document.title = f.value; return false'>{FIELD}</form>")
    await browser_session.act(do.Type(text="query", target=at(50, 15), submit=True))
    assert await browser_session.page.title() == "query"


async def test_type_into_a_page_that_edits_itself(browser_session: Session) -> None:
    await show(browser_session, "<div contenteditable style='height:50px'>old <b>words</b></div>")
    await browser_session.act(do.Type(text="new", target=at(5, 10)))
    assert str(await browser_session.page.inner_text("div")).strip() == "new"


async def test_type_where_the_focus_is(browser_session: Session) -> None:
    await show(browser_session, FIELD.replace("<input", "<input autofocus"))
    await browser_session.act(do.Click(target=at(50, 15)))
    await browser_session.act(do.Type(text="here"))
    assert await value(browser_session) == "here"


async def test_type_by_way_of_a_label(browser_session: Session) -> None:
    await show(browser_session, f"<label for=f style='display:block; height:30px'>Name</label>{FIELD}")
    await browser_session.act(do.Type(text="Ada", target=at(10, 10)))
    assert await value(browser_session) == "Ada"


async def test_type_on_a_button_says_what_is_there(browser_session: Session) -> None:
    await show(browser_session, "<button style='width:100px; height:50px'>Save</button>")
    with pytest.raises(ActionError, match="a button 'Save'"):
        await browser_session.act(do.Type(text="x", target=at(50, 25)))


async def test_type_in_a_readonly_field_is_refused(browser_session: Session) -> None:
    await show(browser_session, FIELD.replace("<input", "<input readonly"))
    with pytest.raises(ActionError, match="nothing here takes text"):
        await browser_session.act(do.Type(text="x", target=at(50, 15)))


async def test_press_a_chord(browser_session: Session) -> None:
    await show(browser_session, LOG + "<p>x</p>")
    await browser_session.act(do.Press(keys="Control+K"))
    keys = [entry[1:] for entry in await browser_session.page.evaluate("log") if entry[0] == "keydown"]
    assert keys[-1][0].lower() == "k" and keys[-1][2] is True


async def test_press_an_unknown_key(browser_session: Session) -> None:
    await show(browser_session, "<p>x</p>")
    with pytest.raises(ActionError, match="'Hyper'"):
        await browser_session.act(do.Press(keys="Hyper"))


async def test_scroll_the_page(browser_session: Session) -> None:
    await show(browser_session, "<div style='height:5000px; background:linear-gradient(red, blue)'></div>")
    change = await browser_session.act(do.Scroll(dy=700))
    assert (await browser_session.look()).scroll_y == pytest.approx(700, abs=2)
    assert change.scrolled and change.pixels


async def test_scroll_an_inner_container_at_the_point(browser_session: Session) -> None:
    inner = "<div id=in style='height:200px; width:300px; overflow:auto'><p style='height:2000px'>long</p></div>"
    await show(browser_session, f"{inner}<div style='height:3000px'></div>")
    change = await browser_session.act(do.Scroll(target=at(100, 100), dy=150))
    assert await browser_session.page.evaluate("[document.getElementById('in').scrollTop, scrollY]") == [150, 0]
    assert change.scrolled


async def test_scroll_where_nothing_scrolls_changes_nothing(browser_session: Session) -> None:
    await show(browser_session, "<p>short</p>")
    assert not (await browser_session.act(do.Scroll(dy=500))).any


SELECT = """<select id=f style='width:200px; height:30px' onchange='document.title = value'>
    <option>Red</option><option>Dark Green</option></select>"""


@pytest.mark.parametrize("option", ["Dark Green", " dark green"])
async def test_select_by_label(browser_session: Session, option: str) -> None:
    await show(browser_session, SELECT)
    change = await browser_session.act(do.Select(target=at(50, 15), option=option))
    assert await value(browser_session) == "Dark Green" == await browser_session.page.title()
    assert change.value and change.pixels_near


async def test_select_several_of_a_list_that_takes_many(browser_session: Session) -> None:
    options = "".join(f"<option>{name}</option>" for name in ("Red", "Green", "Blue, dark"))
    await show(browser_session, f"<select id=f multiple style='width:200px; height:90px'>{options}</select>")
    await browser_session.act(do.Select(target=at(60, 20), option="Red, Green"))
    chosen = "[...document.getElementById('f').selectedOptions].map((one) => one.label)"
    assert await browser_session.page.evaluate(chosen) == ["Red", "Green"]
    await browser_session.act(do.Select(target=at(60, 20), option="Blue, dark"))
    assert await browser_session.page.evaluate(chosen) == ["Red", "Green", "Blue, dark"]


async def test_select_an_option_that_is_not_there(browser_session: Session) -> None:
    await show(browser_session, SELECT)
    with pytest.raises(ActionError, match="'Red', 'Dark Green'"):
        await browser_session.act(do.Select(target=at(50, 15), option="Blue"))


async def test_select_on_something_else(browser_session: Session) -> None:
    await show(browser_session, "<div role=combobox tabindex=0 style='height:30px'>Colour</div>")
    with pytest.raises(ActionError, match="a combobox 'Colour'"):
        await browser_session.act(do.Select(target=at(10, 10), option="Blue"))


async def test_check_only_when_it_differs(browser_session: Session) -> None:
    box = "<label style='display:block; height:30px'><input id=f type=checkbox onclick='document.title += 1'>Agree</label>"
    await show(browser_session, box)
    assert (await browser_session.act(do.Check(target=at(40, 10)))).value
    assert not (await browser_session.act(do.Check(target=at(40, 10)))).any
    assert await browser_session.page.title() == "1"
    await browser_session.act(do.Check(target=at(40, 10), checked=False))
    assert await browser_session.page.evaluate("document.querySelector('#f').checked") is False


async def test_check_a_switch_of_the_page_s_own(browser_session: Session) -> None:
    switch = "<div role=switch aria-checked=false style='height:30px' onclick='this.ariaChecked = true'>Dark</div>"
    await show(browser_session, switch)
    await browser_session.act(do.Check(target=at(10, 10)))
    there = await browser_session.hit(at(10, 10))
    assert there is not None and there.checked is True


async def test_check_something_else(browser_session: Session) -> None:
    await show(browser_session, "<a href='#'>Terms</a>")
    with pytest.raises(ActionError, match="a link 'Terms'"):
        await browser_session.act(do.Check(target=at(10, 10)))


async def test_uncheck_a_radio_button(browser_session: Session) -> None:
    await show(browser_session, "<input type=radio checked style='margin:0; width:20px; height:20px'>")
    with pytest.raises(ActionError, match="cannot be unchecked"):
        await browser_session.act(do.Check(target=at(10, 10), checked=False))


UPLOAD = "<input id=f type=file style='width:300px; height:30px' onchange='document.title = files[0].name'>"


async def test_upload(browser_session: Session, tmp_path: Path) -> None:
    (tmp_path / "cv.txt").write_text("words")
    await show(browser_session, UPLOAD)
    await browser_session.act(do.Upload(target=at(40, 15), files=(str(tmp_path / "cv.txt"),)))
    assert await browser_session.page.title() == "cv.txt"


async def test_upload_more_files_than_it_takes(browser_session: Session, tmp_path: Path) -> None:
    (tmp_path / "cv.txt").write_text("words")
    await show(browser_session, UPLOAD)
    with pytest.raises(ActionError, match="takes one file, not 2"):
        await browser_session.act(do.Upload(target=at(40, 15), files=(str(tmp_path / "cv.txt"),) * 2))


async def test_upload_a_file_that_is_not_there(browser_session: Session) -> None:
    await show(browser_session, UPLOAD)
    with pytest.raises(ActionError, match="no file 'nowhere.txt'"):
        await browser_session.act(do.Upload(target=at(40, 15), files=("nowhere.txt",)))


@pytest.mark.parametrize("point", [at(-1, 10), at(1280, 10), at(10, 720), at(5000, 5000)])
async def test_points_outside_the_viewport(browser_session: Session, point: Point) -> None:
    await show(browser_session, "<p>x</p>")
    with pytest.raises(ActionError, match="outside the viewport of 1280x720"):
        await browser_session.act(do.Click(target=point))


async def test_words_are_no_points(browser_session: Session) -> None:
    with pytest.raises(UsageError, match="'Save'"):
        await browser_session.act(do.Click(target="Save"))


async def test_a_dead_button_changes_nothing_but_the_focus(browser_session: Session) -> None:
    """What hovering paints is not what the click changed."""
    style = "<style>button {width: 100px; height: 50px; outline: none} button:hover {background: red}</style>"
    await show(browser_session, f"{style}<button>Dead</button>")
    change = await browser_session.act(do.Click(target=at(50, 25)))
    assert change.model_dump(exclude_defaults=True) == {"focus": True}
    assert not (await browser_session.act(do.Click(target=at(50, 25)))).any


async def test_the_blinking_caret_is_no_change(browser_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deixis.browser.camera.REUSE", 0)
    await show(browser_session, FIELD)
    await browser_session.act(do.Click(target=at(50, 15)))
    pictures = set()
    for _ in range(4):  # a caret blinks every half second
        await browser_session.page.evaluate("new Promise((done) => setTimeout(done, 200))")
        pictures.add((await browser_session.look()).png)
    assert len(pictures) == 1
