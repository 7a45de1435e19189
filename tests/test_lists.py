"""Lists of a page's own, which are no native select: opened, and the option clicked where it came up."""

from pathlib import Path
from typing import Any

import pytest

from deixis.agent.journal import Journal, read_journal
from deixis.agent.loop import Limits, Loop
from deixis.agent.replay import Recording
from deixis.agent.state import Outcome, TaskState
from deixis.browser.actions import Select
from deixis.browser.session import Session
from deixis.browser.types import Point
from tests.fakes import Answer, FixedPointer, ScriptedPlanner

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAGE = """<!doctype html><style>* {margin:0; font:16px sans-serif} .it {position:absolute;left:20px;width:200px;height:30px}
li {list-style:none; height:30px} ul {position:absolute;top:90px;left:20px;width:200px;background:#def}</style>
<h1 class=it style="top:0">Suite</h1><p class=it style="top:35px">Room type</p>
<LIST class=it id=list style="top:60px;border:1px solid" role=combobox tabindex=0 aria-label="Room type"></LIST>
<ul role=listbox id=options hidden></ul>
<script>
const rooms = ['Single', 'Double', 'Suite'];
const show = (some) => { options.innerHTML = some.map((r) => `<li role=option tabindex=-1>${r}</li>`).join(''); options.hidden = false; };
list.addEventListener('click', () => show(SHOWN));
list.addEventListener('input', () => show(rooms.filter((r) => r.includes(list.value))));
list.addEventListener('keydown', (e) => { if (e.key === 'Escape') options.hidden = true; });
options.addEventListener('click', (e) => { document.body.dataset.chosen = e.target.textContent; options.hidden = true; });
</script>"""
LABEL, LIST, HEADING = Point(x=60, y=45), Point(x=60, y=75), Point(x=60, y=15)


def option(number: int) -> Point:
    return Point(x=60, y=105 + 30 * number)


async def chosen(
    session: Session, folder: Path, answers: dict[str, Answer], tag: str = "div", shown: str = "rooms"
) -> tuple[str | None, TaskState]:
    """What the page says was chosen when Suite is to be chosen as room type."""
    await session.page.set_content(PAGE.replace("LIST", tag).replace("SHOWN", shown))
    state = TaskState(goal="choose")
    with Journal.open(folder) as journal:
        journal.header(state, url="", model="fixed", weights_sha256="", started="")
        planner = ScriptedPlanner(Select(target="room type", option="Suite"))
        outcome, _ = await Loop(planner, FixedPointer(answers), session, Limits(), journal).run(state)
        assert outcome is Outcome.FINISHED
    found: Any = await session.page.evaluate("document.body.dataset.chosen ?? null")
    return found, state


async def test_the_option_that_came_up_is_clicked_not_the_same_word_elsewhere(
    browser_session: Session, tmp_path: Path
) -> None:
    answers: dict[str, Answer] = {"room type": LIST, "Suite": [HEADING, option(2)]}
    found, state = await chosen(browser_session, tmp_path, answers)
    assert found == "Suite"
    step = state.steps[0]
    assert step.error is None and step.performed == Select(target=LIST, option="Suite")
    assert step.hit is not None and step.hit.role == "combobox"


async def test_the_label_of_a_list_leads_to_it(browser_session: Session, tmp_path: Path) -> None:
    """Words beside a list react to nothing; beside them only what is a list by its role is opened."""
    answers: dict[str, Answer] = {"room type": LABEL, "Suite": option(2)}
    found, _ = await chosen(browser_session, tmp_path / "a", answers | {"room type dropdown": LIST})
    assert found == "Suite"


async def test_a_list_that_does_not_show_it_is_told_the_option(browser_session: Session, tmp_path: Path) -> None:
    """Where nothing came up nothing is clicked; what is typed brings it."""
    answers: dict[str, Answer] = {"room type": LIST, "Suite": option(0)}
    found, state = await chosen(browser_session, tmp_path, answers, tag="input", shown="[]")
    assert found == "Suite", state.steps[0].error


async def test_what_is_not_in_the_list_is_said_and_the_list_is_closed(browser_session: Session, tmp_path: Path) -> None:
    found, state = await chosen(browser_session, tmp_path, {"room type": LIST})
    assert found is None and state.steps[0].performed is None
    assert state.steps[0].error == "'Suite' is not seen in the list that 'room type' opens"
    assert await browser_session.page.is_hidden("#options")


async def test_a_replay_knows_the_list_and_asks_for_the_option(browser_session: Session, tmp_path: Path) -> None:
    """The place that was written down is the list's: an option has moved since, or it is not there."""
    answers: dict[str, Answer] = {"room type": LIST, "Suite": option(2)}
    await chosen(browser_session, tmp_path, answers)
    episode = read_journal(tmp_path)
    recording = Recording(tmp_path, episode)
    assert recording.remembered(recording.steps[0], "room type") is not None
    assert recording.remembered(recording.steps[0], "Suite") is None


async def test_another_option_is_not_taken_for_one_that_is_not_there(browser_session: Session, tmp_path: Path) -> None:
    """The word stands on the page, and the next best point lies in the list, on something else."""
    answers: dict[str, Answer] = {"room type": LIST, "Suite": [HEADING, option(0)]}
    found, state = await chosen(browser_session, tmp_path, answers, shown="['Single']")
    assert found is None and state.steps[0].error is not None


RADIOS = """<style>* {margin:0; font:16px sans-serif} label {position:absolute;left:20px;height:30px}</style><p>Shipping</p>
<label style="top:40px"><input type=radio name=s id=slow>Standard</label><label style="top:80px"><input type=radio name=s id=fast>Express</label>"""
OPEN = """<style>* {margin:0; font:16px sans-serif} div {height:30px}</style><p>Shipping</p>
<div role=listbox tabindex=0 style="height:80px"><div role=option tabindex=-1 aria-selected=false onclick="this.ariaSelected=true" id=slow>Standard</div>
<div role=option tabindex=-1 aria-selected=false onclick="this.ariaSelected=true" id=fast>Express</div></div>"""


@pytest.mark.parametrize(
    ("html", "group", "standard", "express"),
    [
        (RADIOS, Point(x=30, y=8), Point(x=30, y=48), Point(x=30, y=88)),
        (OPEN, Point(x=30, y=8), Point(x=30, y=35), Point(x=30, y=68)),
    ],
)
@pytest.mark.parametrize("named", ["the group", "one of them"])
async def test_of_what_stands_open_only_the_option_is_chosen(
    browser_session: Session, tmp_path: Path, html: str, group: Point, standard: Point, express: Point, named: str
) -> None:
    """Radio buttons, and a list that shows its options: whether their name is pointed at or, wrongly, one of them."""
    answers: dict[str, Answer] = {"shipping": group if named == "the group" else standard, "Express": express}
    await browser_session.page.set_content(html)
    state = TaskState(goal="choose")
    with Journal.open(tmp_path) as journal:
        journal.header(state, url="", model="fixed", weights_sha256="", started="")
        planner = ScriptedPlanner(Select(target="shipping", option="Express"))
        await Loop(planner, FixedPointer(answers), browser_session, Limits(), journal).run(state)
    assert state.steps[0].error is None
    on = "(id) => document.getElementById(id).checked || document.getElementById(id).ariaSelected === 'true'"
    assert [await browser_session.page.evaluate(on, one) for one in ("slow", "fast")] == [False, True]


async def test_what_a_native_list_lacks_is_not_ticked_elsewhere(browser_session: Session, tmp_path: Path) -> None:
    html = RADIOS.replace("<p>Shipping</p>", "<select style='width:200px;height:30px'><option>Slow</option></select>")
    await browser_session.page.set_content(html)
    state = TaskState(goal="choose")
    answers: dict[str, Answer] = {"shipping": Point(x=60, y=15), "Express": Point(x=30, y=88)}
    with Journal.open(tmp_path) as journal:
        journal.header(state, url="", model="fixed", weights_sha256="", started="")
        planner = ScriptedPlanner(Select(target="shipping", option="Express"))
        await Loop(planner, FixedPointer(answers), browser_session, Limits(), journal).run(state)
    assert "Slow" in (state.steps[0].error or "") and not await browser_session.page.is_checked("#fast")
