"""The loop with a real browser and a pointer that knows its answers: gate, verify, second looks, limits, journal."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deixis.agent.ground import Grounding
from deixis.agent.journal import Journal, read_journal
from deixis.agent.loop import Limits, Loop
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Planner, Pointer
from deixis.agent.state import Outcome, Step, TaskState
from deixis.agent.vlm_planner import prompt
from deixis.browser.actions import Action, Click, Expect, Press, Read, Type
from deixis.browser.session import Session
from deixis.browser.types import Box, Candidate, Point, Pointing, Reading, Screenshot
from tests.fakes import FixedPointer, LookingPointer, ReadingPointer, ScriptedPlanner

if TYPE_CHECKING:
    from tests.conftest import GatedServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = """<!doctype html><body style="margin:0"><style>*{position:absolute;width:100px;height:30px;box-sizing:border-box}
body,html,style,script{position:static;width:auto;height:auto}</style>
<p style="left:0;top:0;margin:0">plain text</p>
<button style="left:200px;top:0" onclick="out.textContent='saved'">Save</button>
<button style="left:400px;top:0" disabled>Off</button>
<button style="left:600px;top:0" onclick="">Dead</button>
<input style="left:0;top:100px" id=name><input style="left:200px;top:100px" id=pw type=password>
<input type=checkbox style="left:400px;top:100px" id=box>
<select style="left:600px;top:100px" id=size><option>Small</option><option>Large</option></select>
<div style="left:0;top:200px" id=out></div>
<a style="left:0;top:1500px" href="#" onclick="out.textContent='far'">Far</a></body>"""
TEXT, SAVE, OFF, DEAD = Point(x=40, y=15), Point(x=250, y=15), Point(x=450, y=15), Point(x=650, y=15)
NAME, BOX, OUT = Point(x=50, y=115), Point(x=450, y=115), Point(x=20, y=208)


async def work(
    session: Session, folder: Path, planner: Planner, pointer: Pointer, limits: Limits | None = None
) -> tuple[Outcome, TaskState]:
    await session.page.set_content(PAGE)
    state = TaskState(goal="test")
    with Journal.open(folder / "run") as journal:
        planner.begin(state)
        journal.header(state, url="about:blank", model="fixed", weights_sha256="", started="")
        outcome, _ = await Loop(planner, pointer, session, limits or Limits(), journal).run(state)
    assert [s.index for s in read_journal(folder / "run").steps] == list(range(len(state.steps)))
    return outcome, state


async def test_words_become_a_click_that_is_verified(browser_session: Session, tmp_path: Path) -> None:
    outcome, state = await work(
        browser_session, tmp_path, ScriptedPlanner(Click(target="Save")), FixedPointer({"Save": SAVE})
    )
    step = state.steps[0]
    assert outcome is Outcome.FINISHED and step.changed and step.performed == Click(target=SAVE)
    assert step.hit is not None and step.hit.name == "Save" and step.timings.total > step.timings.acting > 0
    assert await browser_session.page.inner_text("#out") == "saved"


async def test_what_the_gate_refuses_leads_to_the_next_best_point(browser_session: Session, tmp_path: Path) -> None:
    _, state = await work(
        browser_session, tmp_path, ScriptedPlanner(Click(target="Save")), FixedPointer({"Save": [TEXT, OFF, SAVE]})
    )
    refused = [a.refused for a in state.steps[0].attempts]
    assert "reacts to nothing" in (refused[0] or "") and "disabled" in (refused[1] or "") and refused[2] is None
    assert state.steps[0].performed == Click(target=SAVE)


async def test_what_is_set_is_typed_chosen_or_ticked_as_it_lies_there(browser_session: Session, tmp_path: Path) -> None:
    planner = InstructionPlanner.from_text("set Name to Ada, set Size to Large, set Box to on")
    points = FixedPointer({"Name": NAME, "Size": Point(x=650, y=115), "Box": BOX})
    outcome, state = await work(browser_session, tmp_path, planner, points)
    held = "[document.getElementById('name').value, size.value, box.checked]"
    assert outcome is Outcome.FINISHED and await browser_session.page.evaluate(held) == ["Ada", "Large", True]
    assert [step.performed.kind for step in state.steps if step.performed] == ["type", "select", "check", "finish"]


async def test_a_click_that_changes_nothing_leads_to_a_second_look(browser_session: Session, tmp_path: Path) -> None:
    _, state = await work(
        browser_session, tmp_path, ScriptedPlanner(Click(target="Save")), LookingPointer({"Save": DEAD}, SAVE)
    )
    assert [a.source for a in state.steps[0].attempts] == ["first", "second_look"]
    assert state.steps[0].changed and state.steps[0].performed == Click(target=SAVE)


async def test_all_refused_is_an_error_that_says_what_was_there(browser_session: Session, tmp_path: Path) -> None:
    _, state = await work(
        browser_session, tmp_path, ScriptedPlanner(Type(text="x", target="Name")), FixedPointer({"Name": SAVE})
    )
    assert state.steps[0].performed is None and "'Save': nothing can be typed there" in (state.steps[0].error or "")


@pytest.mark.parametrize(
    ("words", "field"),
    [(Point(x=340, y=115), "#pw"), (Point(x=-30, y=115), "#name"), (Point(x=50, y=80), "#name")],
)
async def test_a_field_is_found_beside_the_words_that_name_it(
    browser_session: Session, tmp_path: Path, words: Point, field: str
) -> None:
    class Wordy(FixedPointer):
        def _answer(self, target: str) -> Pointing:
            box = Box(x0=words.x - 40, y0=words.y - 8, x1=words.x + 40, y1=words.y + 8)
            return super()._answer(target).model_copy(update={"box": box})

    pointer, page = Wordy({"Name": TEXT}), browser_session.page
    _, state = await work(browser_session, tmp_path, ScriptedPlanner(Type(text="Ada", target="Name")), pointer)
    assert state.steps[0].attempts[-1].source == "beside" and await page.input_value(field) == "Ada"
    _, state = await work(browser_session, tmp_path / "click", ScriptedPlanner(Click(target="Name")), pointer)
    assert "beside" not in {attempt.source for attempt in state.steps[0].attempts}


async def test_a_name_that_something_else_has_too_is_asked_for_with_what_is_needed(
    browser_session: Session, tmp_path: Path
) -> None:
    """A column or a heading called as the field is."""
    pointer = FixedPointer({"Name": SAVE, "Name field": NAME, "the Name field": SAVE})
    _, state = await work(browser_session, tmp_path, ScriptedPlanner(Type(text="Ada", target="Name")), pointer)
    tried = state.steps[0].attempts
    assert [a.source for a in tried] == ["first", "control"] and tried[1].pointing.target == "Name"
    assert await browser_session.page.input_value("#name") == "Ada"
    # Where the words say what it is, they are not made to say so twice; a click may be on anything.
    pointer.asked.clear()
    for action in (Type(text="Bob", target="the Name field"), Click(target="Name")):
        await work(browser_session, tmp_path / action.kind, ScriptedPlanner(action), pointer)
    assert {*pointer.asked} == {"the Name field", "Name"}


async def test_without_the_gate_the_first_point_is_clicked_whatever_is_there(
    browser_session: Session, tmp_path: Path
) -> None:
    _, state = await work(
        browser_session, tmp_path, ScriptedPlanner(Click(target="x")), FixedPointer({"x": OFF}), Limits(gate=False)
    )
    assert state.steps[0].attempts[0].refused is None and state.steps[0].attempts[0].hit is None


async def test_an_absent_target_is_looked_for_by_scrolling_and_then_given_up(
    browser_session: Session, tmp_path: Path
) -> None:
    outcome, state = await work(
        browser_session, tmp_path, InstructionPlanner.from_text("click 'Nowhere'"), FixedPointer({})
    )
    assert outcome is Outcome.GAVE_UP and "Nowhere" in state.steps[-1].planned.reason  # type: ignore[union-attr]
    assert {s.planned.kind for s in state.steps} == {"click", "scroll", "give_up"}


async def test_an_answer_that_cannot_be_read_is_not_an_absence(browser_session: Session, tmp_path: Path) -> None:
    class Mumbling(FixedPointer):
        def _answer(self, target: str) -> Pointing:
            return Pointing(target=target, point=None, unreadable="the model's text cannot be read")

    _, state = await work(browser_session, tmp_path, ScriptedPlanner(Click(target="Save")), Mumbling({}))
    assert state.steps[0].error == "'Save': the model's text cannot be read" and state.steps[0].performed is None
    gone = ScriptedPlanner(Expect(what="Save", absent=True))
    _, state = await work(browser_session, tmp_path / "gone", gone, Mumbling({}))
    assert "cannot be read" in (state.steps[0].error or "") and state.steps[0].performed is None


async def test_reading_and_expecting(browser_session: Session, tmp_path: Path) -> None:
    planner = InstructionPlanner.from_text("click Save, expect the result to say 'saved', read the result")
    outcome, state = await work(browser_session, tmp_path, planner, FixedPointer({"Save": SAVE, "the result": OUT}))
    assert outcome is Outcome.FINISHED and state.answer == "saved"
    assert (
        state.steps[2].reading is not None and state.steps[2].reading.source == "dom" and state.steps[2].changed is None
    )


@pytest.mark.parametrize(
    ("seen", "gate", "text", "source"),
    [
        (Reading(text="saved!", confidence=0.9), True, "saved!", "pixels"),
        (Reading(text="5aved", confidence=0.3), True, "saved", "dom"),  # not legible: the page is asked
        (Reading(text="5aved", confidence=0.3), False, "5aved", "pixels"),  # and must not be asked
        (Reading(text=""), True, "saved", "dom"),
    ],
)
async def test_text_is_read_from_pixels_where_it_is_legible(
    browser_session: Session, tmp_path: Path, seen: Reading, gate: bool, text: str, source: str
) -> None:
    planner = ScriptedPlanner(Click(target="Save"), Read(question="the result"))
    pointer = ReadingPointer({"Save": SAVE, "the result": OUT}, seen)
    _, state = await work(browser_session, tmp_path, planner, pointer, Limits(gate=gate))
    reading = state.steps[1].reading
    assert reading is not None and (reading.text, reading.source) == (text, source)


async def test_without_the_gate_what_cannot_be_read_is_an_error(browser_session: Session, tmp_path: Path) -> None:
    pointer = ReadingPointer({"it": OUT}, Reading(text=""))
    _, state = await work(browser_session, tmp_path, ScriptedPlanner(Read(question="it")), pointer, Limits(gate=False))
    assert state.steps[0].reading is None and "nothing is written at 'it'" in (state.steps[0].error or "")


async def test_an_expectation_that_does_not_hold_fails_the_task(browser_session: Session, tmp_path: Path) -> None:
    planner = InstructionPlanner.from_text("expect the result to say 'saved'")
    outcome, state = await work(browser_session, tmp_path, planner, FixedPointer({"the result": OUT}))
    assert outcome is Outcome.FAILED and state.plan[0].status == "failed"


async def test_checking_twice_leaves_it_checked(browser_session: Session, tmp_path: Path) -> None:
    planner = InstructionPlanner.from_text("check Box, check Box")
    outcome, _ = await work(browser_session, tmp_path, planner, FixedPointer({"Box": BOX}))
    assert outcome is Outcome.FINISHED and await browser_session.page.is_checked("#box")


async def test_typing_what_is_there_already_touches_no_other_field(browser_session: Session, tmp_path: Path) -> None:
    planner = InstructionPlanner.from_text("type Ada into Name, type Ada into Name")
    pointer = FixedPointer({"Name": [NAME, Point(x=250, y=115)]})
    outcome, state = await work(browser_session, tmp_path, planner, pointer)
    assert outcome is Outcome.FINISHED and len(state.steps[1].attempts) == 1
    assert await browser_session.page.input_value("#name") == "Ada"
    assert await browser_session.page.input_value("#pw") == ""


async def test_limits_end_a_run(browser_session: Session, tmp_path: Path) -> None:
    many = [Press(keys="Tab") if k % 2 else Click(target="Save") for k in range(40)]
    outcome, state = await work(
        browser_session, tmp_path, ScriptedPlanner(*many), FixedPointer({"Save": SAVE}), Limits(max_steps=5)
    )
    assert outcome is Outcome.STEP_LIMIT and len(state.steps) == 5


async def test_the_same_step_over_and_over_is_a_cycle(browser_session: Session, tmp_path: Path) -> None:
    outcome, state = await work(browser_session, tmp_path, ScriptedPlanner(*[Click(target="x")] * 40), FixedPointer({}))
    assert outcome is Outcome.CYCLE and len(state.steps) == 6


async def test_cancelling_in_the_middle_keeps_the_journal(browser_session: Session, tmp_path: Path) -> None:
    await browser_session.page.set_content(PAGE)
    state, seen = TaskState(goal="test"), asyncio.Event()
    with Journal.open(tmp_path / "run") as journal:
        planner = ScriptedPlanner(
            Click(target="Save"), Read(question="never"), Expect(what="never"), Click(target="Save")
        )
        loop = Loop(planner, FixedPointer({"Save": SAVE}), browser_session, Limits(), journal)

        def note(step: Step) -> None:
            seen.set()

        loop.on_step = note
        task = asyncio.create_task(loop.run(state))
        await seen.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    episode = read_journal(tmp_path / "run")
    assert episode.outcome is Outcome.INTERRUPTED and len(episode.steps) == len(state.steps) >= 1


async def test_the_planner_is_told_of_a_page_that_never_came(
    impatient: Session, gated: "GatedServer", tmp_path: Path
) -> None:
    """It stands in the notes that a planner reads, with the step that asked for it; the step counts as done."""
    state, prompts = TaskState(goal="go"), []

    class Listening(ScriptedPlanner):
        def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
            prompts.append(prompt("go", state, screenshot, None))
            return super().decide(state, screenshot)

    with Journal.open(tmp_path / "run") as journal:
        journal.header(state, url=gated.url, model="fixed", weights_sha256="", started="")
        loop = Loop(Listening(Click(target="Go")), FixedPointer({"Go": Point(x=5, y=5)}), impatient, Limits(), journal)
        outcome, _ = await loop.run(state)
    assert outcome is Outcome.FINISHED and state.steps[0].change is not None and state.steps[0].change.stopped
    said = f"step 1: the page at '{gated.url}/never' did not come within"
    assert len(state.notes) == 1 and state.notes[0].startswith(said) and said in prompts[1] and said not in prompts[0]


async def test_next_best_points_that_nothing_speaks_for_are_not_tried() -> None:
    class Doubtful:
        name = weights_sha256 = ""

        def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
            rest = [Candidate(point=Point(x=x, y=9), confidence=sure) for x, sure in ((20, 0.3), (30, 2e-9))]
            return [
                Pointing(
                    target=targets[0], point=Point(x=10, y=9), confidence=0.9, found=True, alternatives=tuple(rest)
                )
            ]

    shot = Screenshot(png=b"", width=100, height=100)
    tried = [guess.pointing.point async for guess in Grounding(Doubtful(), shot, "Continue").guesses()]
    assert [point.x for point in tried if point] == [10, 20]
