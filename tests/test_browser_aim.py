"""What is pressed is what the gate has seen: whatever takes its place in between gets no click."""

from pathlib import Path
from urllib.parse import quote

import pytest

from deixis.agent.journal import Journal
from deixis.agent.loop import Limits, Loop
from deixis.agent.state import Outcome, TaskState, is_not_found
from deixis.browser.actions import Action, Check, Click, Type
from deixis.browser.errors import ActionError, GaveWay
from deixis.browser.session import Session
from deixis.browser.types import Expected, Hit, Point
from tests.fakes import FixedPointer, ScriptedPlanner

pytestmark = pytest.mark.asyncio(loop_scope="session")
STYLE = "<!doctype html><style>body{margin:0} button,input,iframe,label{position:absolute;left:0;top:0;width:200px;height:60px;margin:0;border:0}</style>"
AT = Point(x=50, y=30)
LOG = "<script>window.log=[]; function note(what) { log.push(what) }</script>"
NEXT, PAY = "<button id=a onclick='note(\"next\")'>Next</button>", "<button onclick='note(\"pay\")'>Pay now</button>"
SWAP = "a.outerHTML = `<button onclick='note(\"pay\")'>Pay now</button>`"


async def show(session: Session, html: str) -> None:
    """Opened, not written into an open document: that takes away every listener, and a page's own may then come first."""
    await session.page.goto("data:text/html," + quote(STYLE + LOG + html))


async def seen(session: Session) -> Hit:
    hit = await session.hit(AT)
    assert hit is not None
    return hit


async def log(session: Session) -> list[str]:
    return list(await session.page.evaluate("log"))


async def test_what_stays_is_pressed_and_verified(browser_session: Session) -> None:
    await show(browser_session, NEXT)
    expected = Expected(hit=await seen(browser_session), exact=True)
    for action in (Click(target=AT), Click(target=AT, button="right"), Click(target=AT, count=2)):
        assert await browser_session.act(action, expected)
    assert await log(browser_session) == ["next", "next", "next"]


@pytest.mark.parametrize("event", ["mousemove", "pointermove", "mouseover"])
async def test_what_is_swapped_as_the_mouse_comes_is_not_pressed(browser_session: Session, event: str) -> None:
    await show(
        browser_session, NEXT + f"<script>addEventListener('{event}', () => {{ {SWAP} }}, {{once: true}})</script>"
    )
    expected = Expected(hit=await seen(browser_session))
    with pytest.raises(GaveWay, match="a button 'Next' gave way to a button 'Pay now' before it was pressed"):
        await browser_session.act(Click(target=AT), expected)
    assert await log(browser_session) == []
    await browser_session.act(Click(target=AT))  # nothing is kept from a click that nobody watches
    assert await log(browser_session) == ["pay"]


@pytest.mark.parametrize(
    ("other", "said"),
    [(SWAP, "'Pay now'"), ("a.textContent = 'Pay now'; a.onclick = () => note('pay')", "'Pay now'"),
     ("document.body.append(Object.assign(document.createElement('button'), {textContent: 'Next', onclick: () => note('pay')}))", "'Next'"),
     ("document.body.append(Object.assign(document.createElement('div'), {onclick: () => note('pay'), style: 'position:absolute;inset:0'}))", "div")],
    ids=["another element", "other words", "the same words over it", "a cover"],
)  # fmt: skip
async def test_what_is_swapped_at_the_press_is_kept_from_it(
    browser_session: Session, other: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swap comes after every look that we can take from outside, just before the mouse goes down."""
    await show(
        browser_session,
        NEXT
        + "<script>for (const kind of ['pointerdown', 'mousedown', 'mouseup', 'click']) addEventListener(kind, () => note(kind), true)</script>",
    )
    hands = browser_session._hands
    click = type(hands)._click

    async def swapped(self: object, *args: object, **more: object) -> None:
        await browser_session.page.evaluate(f"() => {{ {other} }}")
        await click(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(hands), "_click", swapped)
    expected = Expected(hit=await seen(browser_session))
    with pytest.raises(ActionError, match=f"had gone: .*{said}.* was not pressed"):
        await browser_session.act(Click(target=AT), expected)
    assert await log(browser_session) == []
    monkeypatch.undo()
    await browser_session.act(Click(target=AT))
    assert (await log(browser_session))[-1] == "pay"


async def test_a_frame_that_opens_over_it_is_told(browser_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    await show(browser_session, NEXT)
    hands = browser_session._hands
    click = type(hands)._click

    async def covered(self: object, *args: object, **more: object) -> None:
        await browser_session.page.evaluate(
            "() => new Promise((done) => { const f = document.createElement('iframe'); f.srcdoc = '<button style=\"position:fixed;inset:0\">Pay now</button>'; f.onload = done; document.body.append(f) })"
        )
        await click(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(hands), "_click", covered)
    with pytest.raises(ActionError, match="a frame that had just opened got it"):
        await browser_session.act(Click(target=AT), Expected(hit=await seen(browser_session)))
    assert await log(browser_session) == []


async def test_what_is_drawn_anew_or_counts_is_the_same(browser_session: Session) -> None:
    # As the mouse comes, not by a timer: one that draws it anew between press and release takes the click from anybody.
    again = "addEventListener('mousemove', () => { a.outerHTML = a.outerHTML.replace(/\\d+/, (n) => +n + 1) })"
    await show(browser_session, NEXT.replace("Next", "Next (5)") + f"<script>{again}</script>")
    hit = await seen(browser_session)
    await browser_session.act(Click(target=AT), Expected(hit=hit))
    assert "next" in await log(browser_session)
    with pytest.raises(GaveWay, match=r"'Next \(5\)' gave way"):
        await browser_session.act(
            Click(target=AT), Expected(hit=hit.model_copy(update={"says": "Next (5)", "name": "Next (5)"}), exact=True)
        )


async def test_labels_fields_and_frames_are_pressed_as_before(browser_session: Session) -> None:
    await show(browser_session, "<label id=l>Yes <input type=checkbox id=c style='left:300px;width:20px'></label>")
    await browser_session.act(Check(target=AT), Expected(hit=await seen(browser_session), exact=True))
    assert await browser_session.page.is_checked("#c")
    await show(browser_session, "<input id=a>")
    await browser_session.act(Type(text="Ada", target=AT), Expected(hit=await seen(browser_session), exact=True))
    assert await browser_session.page.input_value("#a") == "Ada"
    await show(
        browser_session,
        '<iframe srcdoc=\'<button style="position:fixed;inset:0" onclick="parent.note(1)">In</button>\'></iframe>',
    )
    await browser_session.page.frames[1].wait_for_selector("button")
    await browser_session.act(Click(target=AT), Expected(hit=await seen(browser_session), exact=True))
    assert await browser_session.page.evaluate("log") == [1]


async def _loop(session: Session, action: Action, folder: Path) -> tuple[Outcome, TaskState]:
    state = TaskState(goal="press")
    with Journal.open(folder) as journal:
        journal.header(state, url="", model="fixed", weights_sha256="", started="")
        loop = Loop(ScriptedPlanner(action), FixedPointer({"it": AT}), session, Limits(), journal)
        return (await loop.run(state))[0], state


async def test_what_hovering_renames_is_gated_once_more(browser_session: Session, tmp_path: Path) -> None:
    """A button that says Unfollow under the mouse is pressed; one that says Delete there needs consent."""
    hovered = "<script>a.onmouseover = () => { a.textContent = 'WORD'; a.onmouseover = null }</script>"
    await show(browser_session, NEXT + hovered.replace("WORD", "Onwards"))
    outcome, state = await _loop(browser_session, Click(target="it"), tmp_path / "a")
    assert outcome is Outcome.FINISHED and await log(browser_session) == ["next"]
    assert state.steps[0].hit is not None and state.steps[0].hit.name == "Onwards"
    await show(browser_session, NEXT + hovered.replace("WORD", "Delete"))
    outcome, _ = await _loop(browser_session, Click(target="it"), tmp_path / "b")
    assert outcome is Outcome.BLOCKED and await log(browser_session) == []


async def test_what_slips_away_at_the_press_is_not_called_missing(browser_session: Session, tmp_path: Path) -> None:
    """A planner looks for what is missing elsewhere, and tries again what only would not be pressed."""
    renamed = "<script>setInterval(() => { a.textContent = 'o'.repeat(a.textContent.length % 40 + 1) }, 4)</script>"
    await show(browser_session, NEXT + renamed)
    _, state = await _loop(browser_session, Click(target="it"), tmp_path)
    error = state.steps[0].error or ""
    assert error.count("gave way to") + error.count("was not pressed") == 1 and not is_not_found(error), error
    assert await log(browser_session) == []


async def test_a_secret_is_not_typed_where_the_focus_is_turned(browser_session: Session) -> None:
    await show(browser_session, "<input type=password id=a onfocus='b.focus()'><input id=b style='top:100px'>")
    expected = Expected(hit=await seen(browser_session), exact=True)
    from pydantic import SecretStr

    from deixis.browser.secrets import Secret, Secrets

    hands, kept = browser_session._hands, browser_session._hands.secrets
    hands.secrets = Secrets([Secret(name="PW", value=SecretStr("correct-horse"))])
    try:
        with pytest.raises(ActionError, match="the keys would go to a textbox of type 'text'"):
            await browser_session.act(Type(text="<secret:PW>", target=AT), expected)
    finally:
        hands.secrets = kept
    assert await browser_session.page.input_value("#b") == ""
