"""YAML becomes the right actions, and a plan is walked as it should be."""

import contextlib
from pathlib import Path
from time import process_time

import pytest

from deixis.agent.planner import InstructionPlanner
from deixis.agent.state import NOT_FOUND, Step, TaskState
from deixis.browser.actions import (
    Action,
    AnswerDialog,
    Back,
    Check,
    Click,
    Expect,
    Finish,
    GiveUp,
    Read,
    Scroll,
    Select,
    Type,
    Upload,
    Wait,
)
from deixis.browser.errors import UsageError
from deixis.browser.types import Dialog, Reading, Screenshot

LOG_IN: list[Action] = [Type(text="ada", target="username"), Type(text="x", target="password"), Click(target="log in")]

SCRIPT = """
url: http://127.0.0.1/
vars: {name: ada}
steps:
  - log_in: {name: "{name}", password: "{password}"}
  - click: "Add, then go"
  - type: {text: Editors, into: Name, submit: true}
  - fill: {First: Grace, Last: Hopper}
  - select: {option: Blue, in: Colour}
  - check: Staff
  - expect: {what: the message, text: was added}
  - scroll: bottom
  - wait: 2
  - back
  - open Users, click 'Add user'
  - read: the message
"""


def test_script(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(SCRIPT)
    planner = InstructionPlanner.from_script(path, {"password": "x"})
    assert planner.url == "http://127.0.0.1/"
    assert [op.action for op in planner.todo] == [
        *LOG_IN, Click(target="Add, then go"), Type(text="Editors", target="Name", submit=True), Type(text="Grace", target="First"),
        Type(text="Hopper", target="Last"), Select(target="Colour", option="Blue"), Check(target="Staff"), Expect(what="the message", text="was added"),
        Scroll(dy=100_000), Wait(seconds=2), Back(), Click(target="Users"), Click(target="Add user"), Read(question="the message"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: [", "not valid YAML"),
        ("click: Save", "no list of steps"),
        ("steps: []", "no steps"),
        ("steps: [{clck: Save}]", "unknown verb 'clck'"),
        ("steps: [{type: {into: Name}}]", "lacks 'text'"),
        ("steps: [{click: }]", "has no value"),
        ("steps: [{click: '{who}'}]", "{who}"),
        ("steps: [{type: {text: a, in: Name}}]", "unknown part 'in'"),
        ("steps: [{type: {text: a, into: Name, submit: maybe}}]", "submit takes true or false"),
        ("steps: [{type: {text: [a], into: Name}}]", "text takes words"),
        ("steps: [{click: [a, b]}]", "click takes words"),
        ("steps: [{fill: Name}]", "not understood"),
        ("steps: [[click, a]]", "a sentence or one verb"),
        ("steps: [click Save, frobnicate]", "'frobnicate'"),
        ("vars: [a]\nsteps: [click A]", "no mapping"),
        ("url: [a]\nsteps: [click A]", "must be words"),
        ("steps: [{scroll: sideways}]", "scroll takes"),
        ("steps: [go on]\ncolour: red", "unknown keys ['colour']"),
    ],
)
def test_bad_scripts_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        InstructionPlanner.from_script(path)
    assert words in str(error.value)


def test_scripts_take_values_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(
        "vars: {code: 007}\nsteps:\n"
        "  - click: Yes\n  - fill: {Number: 007, Time: 12:30, Empty: }\n  - upload: {to: Photo, files: a.txt}\n"
        "  - type: {text: '{code}', into: On, clear: false}\n"
    )
    assert [op.action for op in InstructionPlanner.from_script(path).todo] == [
        Click(target="Yes"), Type(text="007", target="Number"), Type(text="12:30", target="Time"), Type(text="", target="Empty"),
        Upload(target="Photo", files=("a.txt",)), Type(text="007", target="On", clear=False),
    ]  # fmt: skip


def shot(scroll: float = 0, dialog: Dialog | None = None) -> Screenshot:
    return Screenshot(png=b"", width=1280, height=720, scroll_y=scroll, dialog=dialog)


class Walk:
    """Plays the loop's part: takes decisions and says what came of them."""

    def __init__(self, text: str) -> None:
        self.planner, self.state, self.scroll, self.spare = (
            InstructionPlanner.from_text(text),
            TaskState(goal=text),
            0.0,
            0.0,
        )
        self.planner.begin(self.state)

    def go(
        self, error: str | None = None, changed: bool = True, reading: str | None = None, dialog: Dialog | None = None
    ) -> Action:
        """One decision; the outcome given is what the next decision will see of it."""
        action = self.planner.decide(self.state, shot(self.scroll, dialog))
        if isinstance(action, Scroll):
            self.scroll = min(max(self.scroll + action.dy, 0), self.spare)
            error = None
        read = Reading(text=reading, source="dom") if reading is not None else None
        self.state.steps.append(
            Step(index=len(self.state.steps), planned=action, changed=changed, error=error, reading=read)
        )
        return action


def test_a_plan_is_walked_and_ticked_off() -> None:
    walk = Walk("log in as ada with password x, read the total")
    assert [walk.go() for _ in range(3)] == LOG_IN
    assert [item.status for item in walk.state.plan] == ["active", "pending"]
    assert walk.go(reading="42") == Read(question="the total")
    assert walk.go() == Finish(answer="42")
    assert [item.status for item in walk.state.plan] == ["done", "done"] and walk.state.notes == ["the total: 42"]


def test_what_is_not_found_is_looked_for_down_the_page() -> None:
    walk = Walk("click Far")
    walk.spare = 700
    lost = f"{NOT_FOUND} 'Far' is not on the screen"
    kinds = [walk.go(lost).kind for _ in range(6)]
    assert kinds == ["click", "scroll", "click", "scroll", "click", "scroll"] and walk.scroll == 700
    assert isinstance(end := walk.go(lost), GiveUp) and "Far" in end.reason and walk.state.plan[0].text in end.reason
    assert walk.state.plan[0].status == "failed" and "not found" in walk.state.plan[0].note


def test_a_target_found_after_scrolling_goes_on() -> None:
    walk = Walk("click Far, click Near")
    walk.spare = 2000
    walk.go(f"{NOT_FOUND} 'Far'")
    assert walk.go().kind == "scroll"
    assert walk.go() == Click(target="Far")
    assert walk.go() == Click(target="Near")


def test_a_search_that_began_in_the_middle_looks_from_the_top_too() -> None:
    walk = Walk("click Far")
    walk.scroll, walk.spare = 300, 300
    lost = f"{NOT_FOUND} 'Far'"
    steps = [walk.go(lost) for _ in range(4)]
    assert [s.kind for s in steps] == ["click", "scroll", "scroll", "click"] and walk.scroll == 0


def test_a_refusal_is_tried_once_more_then_given_up() -> None:
    walk = Walk("click Save")
    assert walk.go("'Save' is disabled") == walk.go("'Save' is disabled") == Click(target="Save")
    end = walk.go()
    assert isinstance(end, GiveUp) and "disabled" in end.reason and walk.state.plan[0].status == "failed"


def test_a_click_that_changes_nothing_is_given_up_but_a_check_is_not() -> None:
    walk = Walk("click Save")
    walk.go(changed=False), walk.go(changed=False)
    assert isinstance(walk.go(), GiveUp)
    for idle in ("check Active", "select Blue in Colour", "press Tab", "scroll down"):
        walk = Walk(idle)
        walk.go(changed=False)
        assert isinstance(walk.go(), Finish), idle


def test_an_expectation_that_does_not_hold_ends_the_task_at_once() -> None:
    walk = Walk("expect 'Saved', click Next")
    assert walk.go("'Saved' is not on the screen") == Expect(what="Saved", text="Saved")
    assert isinstance(end := walk.go(), GiveUp) and "'Saved' is not on the screen" in end.reason
    assert [item.status for item in walk.state.plan] == ["failed", "pending"]


def test_one_retry_for_each_action() -> None:
    walk = Walk("click A, click B")
    refused = "it is disabled"
    assert [walk.go(refused), walk.go(), walk.go(refused), walk.go()] == [
        *[Click(target="A")] * 2,
        *[Click(target="B")] * 2,
    ]
    assert isinstance(walk.go(), Finish)


def test_dialogs_are_answered() -> None:
    walk = Walk("click Delete, click Next")
    walk.go()
    assert walk.go(dialog=Dialog(type="alert", message="hi")) == AnswerDialog(accept=True)
    assert walk.go() == Click(target="Next")
    walk = Walk("click Delete, accept the dialog")
    walk.go()
    assert walk.go(dialog=Dialog(type="confirm", message="sure?")) == AnswerDialog(accept=True)
    walk = Walk("click Delete, click Next")
    walk.go()
    assert walk.go(dialog=Dialog(type="confirm", message="sure?")) == AnswerDialog(accept=False)


@pytest.mark.parametrize(("words", "accept"), [("click OK", True), ("press the Cancel button in the dialog", False)])
def test_a_click_on_the_button_of_a_dialog_answers_it(words: str, accept: bool) -> None:
    walk = Walk(f"click Delete, {words}, click Next")
    walk.go()
    assert walk.go(dialog=Dialog(type="confirm", message="sure?")) == AnswerDialog(accept=accept)
    assert walk.go() == Click(target="Next")
    assert [item.status for item in walk.state.plan] == ["done", "done", "active"]


@pytest.mark.parametrize(
    "text", ["click a" + " " * 5000 + "b", "and " * 400, "please, " * 400 + "x", "click " + "'a " * 400]
)
def test_long_tasks_are_read_quickly(text: str) -> None:
    start = process_time()
    with contextlib.suppress(UsageError):
        InstructionPlanner.from_text(text)
    assert process_time() - start < 5
