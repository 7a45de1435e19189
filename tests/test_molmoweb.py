"""MolmoWeb as a planner: recorded answers, replayed in a real browser."""

import json
from pathlib import Path
from typing import Any

import pytest

from deixis.agent import Agent, Run
from deixis.agent.molmoweb import MolmoWebPlanner, Said, action_of, prompt, read
from deixis.agent.state import Outcome
from deixis.browser.actions import (
    Back,
    Click,
    Drag,
    Finish,
    GiveUp,
    Hover,
    NewTab,
    Press,
    Scroll,
    SwitchTab,
    Type,
    Wait,
)
from deixis.browser.errors import OutputError
from deixis.browser.types import Point, Screenshot
from deixis.vlm.prompted import SHORT, Completion, Heard, Turn
from tests.fakes import FixedPointer

SHOT = Screenshot(png=b"", width=1000, height=500, url="http://x/" + "a" * 200, title="T" * 200)


class Recorded:
    """A model that gives its recorded answers."""

    model, weights_sha256, at_once = "recorded", "", 1

    def __init__(self, *answers: str) -> None:
        self.answers, self.turns = list(answers), list[Turn]()

    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion:
        self.turns.append(turn)
        return Completion(self.answers.pop(0), True, 10)


def said(thought: str, name: str, **fields: Any) -> str:
    return json.dumps({"thought": thought, "action": {"name": name, **fields}})


def test_recorded_answers_work_a_page(tmp_path: Path) -> None:
    talker = Recorded(
        said("The field is below its label.", "click", x=12.0, y=23.9),
        said("It has the focus.", "keyboard_type", text="Ada"),
        said("Now I save.", "mouse_click", x=7.5, y=32.2, button="left", click_type="single"),
        said("It is saved.", "send_msg_to_user", msg="[ANSWER] saved Ada"),
    )
    planner = MolmoWebPlanner(talker, "save Ada")
    agent = Agent(FixedPointer({}), run=Run(out=tmp_path / "run"))
    episode = agent.run_sync(planner, "tests/data/pages/form.html")
    assert episode.outcome is Outcome.FINISHED and episode.answer == "saved Ada", episode.reason
    assert [step.changed for step in episode.steps] == [True, True, True, None]  # focus, value, message
    assert episode.state.plan[0].status == "done"
    assert "ACTION: {'name': 'keyboard_type', 'text': 'Ada'}" in talker.turns[2].text
    assert "Page 0: A small form | file://" in talker.turns[0].text and all(turn.png for turn in talker.turns)


def test_the_prompt_is_the_one_it_was_trained_with() -> None:
    past = [Said(f"thought {i}", {"name": "noop"}) for i in range(1, 6)]
    assert prompt("buy tea", past, SHOT) == (
        "molmo_web_think: \n# GOAL\nbuy tea\n\n# PREVIOUS STEPS\n"
        + "".join(f"## Step {i}\nTHOUGHT: thought {i}\nACTION: {{'name': 'noop'}}\n\n" for i in (3, 4, 5))
        + f"# CURRENTLY ACTIVE PAGE\nPage 0: {'T' * 100} | {SHOT.url[:100]}\n\n# NEXT STEP\n\n"
    )


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"name": "click", "x": 50, "y": 50}, Click(target=Point(x=500, y=250))),
        ({"name": "click", "x": 100, "y": -3}, Click(target=Point(x=998, y=1))),
        ({"name": "dblclick", "x": 10, "y": 10}, Click(target=Point(x=100, y=50), count=2)),
        (
            {"name": "mouse_click", "x": 10, "y": 10, "button": "right"},
            Click(target=Point(x=100, y=50), button="right"),
        ),
        ({"name": "hover_at", "x": 10, "y": 10}, Hover(target=Point(x=100, y=50))),
        (
            {"name": "drag_and_drop", "from_x": 10, "from_y": 10, "to_x": 20, "to_y": 20},
            Drag(start=Point(x=100, y=50), end=Point(x=200, y=100)),
        ),
        ({"name": "scroll", "delta_x": 0, "delta_y": 60}, Scroll(dy=300)),
        ({"name": "scroll_at", "x": 10, "y": 10, "delta_y": -20}, Scroll(target=Point(x=100, y=50), dy=-100)),
        ({"name": "keyboard_press", "key": "ControlOrMeta+a"}, Press(keys="ControlOrMeta+a")),
        ({"name": "browser_nav", "nav_type": "go_back"}, Back()),
        ({"name": "browser_nav", "nav_type": "new_tab"}, NewTab()),
        ({"name": "browser_nav", "nav_type": "tab_focus", "index": 1}, SwitchTab(index=1)),
        ({"name": "send_msg_to_user", "msg": "[EXIT]"}, Finish()),
        ({"name": "noop"}, Wait(seconds=1.0)),
        ({"name": "report_infeasible", "reason": "no tea"}, GiveUp(reason="no tea")),
        (
            {"name": "gemini_type_text_at", "x": 500, "y": 500, "text": "tea", "press_enter": True},
            Type(text="tea", target=Point(x=500, y=250), submit=True),
        ),
    ],
)
def test_its_actions_become_ours(fields: dict[str, Any], action: object) -> None:
    assert action_of(fields, SHOT) == action


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "eval", "code": "1"}, {"name": "click", "x": 5}, {"name": "click", "x": "left", "y": 3}, {"name": "goto", "url": "file:///etc/passwd"},
        {"name": "goto", "url": "javascript:alert(1)"}, {"name": "mouse_click", "x": 1, "y": 1, "button": "fourth"}, {"name": "browser_nav", "nav_type": "home"}, {},
    ],
)  # fmt: skip
def test_what_is_no_action_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(OutputError):
        action_of(fields, SHOT)


def test_an_answer_that_cannot_be_read_ends_the_run(tmp_path: Path) -> None:
    for text in ("I will click the button", said("a", "noop") + said("b", "noop"), '{"thought": "no action"}'):
        with pytest.raises(OutputError):
            read(text)
    agent = Agent(FixedPointer({}), run=Run(out=tmp_path / "run"))
    episode = agent.run_sync(MolmoWebPlanner(Recorded("gibberish"), "save Ada"), "tests/data/pages/form.html")
    assert episode.outcome is Outcome.GAVE_UP and "MolmoWeb named 0 actions" in episode.reason
