"""Gyms: deixis as an agent in BrowserGym, and its tasks as a Gymnasium environment."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from deixis.benchmarks.browsergym_agent import GymAgent, action_set, code
from deixis.benchmarks.miniwob import RULES, tasks
from deixis.browser import actions as do
from deixis.browser.errors import ActionError
from deixis.browser.types import Point
from tests.fakes import FixedPointer, ScriptedPlanner

gymnasium = pytest.importorskip("gymnasium", reason="extra deixis[gym]")


def at(x: float, y: float) -> Point:
    return Point(x=x, y=y)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (do.Click(target=at(1, 2.25)), "mouse_click(1.0, 2.2, 'left')"),
        (do.Click(target=at(1, 2), count=2), "mouse_dblclick(1.0, 2.0, 'left')"),
        (do.Click(target=at(1, 2), modifiers=("Control",)), "keyboard_down('Control')\nmouse_click(1.0, 2.0, 'left')\nkeyboard_up('Control')"),
        (do.Type(text="it's", target=at(1, 2), submit=True), "mouse_click(1.0, 2.0, 'left')\nkeyboard_press('ControlOrMeta+a')\nkeyboard_type(\"it's\")\nkeyboard_press('Enter')"),
        (do.Type(text="x", clear=False), "keyboard_type('x')"),
        (do.Drag(start=at(1, 2), end=at(5, 6), via=(at(3, 4),)), "mouse_move(1.0, 2.0)\nmouse_down(1.0, 2.0)\nmouse_move(3.0, 4.0)\nmouse_move(5.0, 6.0)\nmouse_up(5.0, 6.0)"),
        (do.Scroll(target=at(1, 2), dy=100), "scroll_at(1, 2, 0, 100)"),
        (do.SwitchTab(index=1), "tab_focus(1)"),
        (do.Back(), "go_back()"),
    ],
)  # fmt: skip
def test_actions_become_browsergyms(action: Any, expected: str) -> None:
    assert code(action) == expected


def test_what_browsergym_has_nothing_for() -> None:
    with pytest.raises(ActionError, match="answer dialog"):
        code(do.AnswerDialog(accept=True))
    with pytest.raises(ActionError, match="no place yet"):
        code(do.Click(target="Save"))


def picture(colour: int = 255) -> dict[str, Any]:
    return {
        "screenshot": np.full((60, 80, 3), colour, np.uint8),
        "goal": "press Save",
        "url": "about:blank",
        "last_action_error": "",
        "dom_object": {},
    }


def test_the_loop_runs_between_observations() -> None:
    pointer = FixedPointer({"Save": at(30, 40)})
    agent = GymAgent(pointer, lambda goal: ScriptedPlanner(do.Click(target="Save"), do.Finish(answer="it is done")))
    agent.reset()
    seen = agent.obs_preprocessor(picture())
    assert "dom_object" not in seen, "pixels only"
    assert agent.get_action(seen)[0] == "mouse_click(30.0, 40.0, 'left')" and pointer.asked == ["Save"]
    assert agent.get_action(picture(0))[0] == "send_msg_to_user('it is done')"
    agent.reset()
    again = GymAgent(pointer)
    assert "report_infeasible" in (again.get_action(picture() | {"goal": "stand on your head"})[0] or "")


def test_browsergyms_own_miniwob(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real environment of BrowserGym's: the agent sees its picture and its action is carried out."""
    pytest.importorskip("browsergym.miniwob", reason="browsergym-miniwob")
    from deixis.benchmarks.miniwob import folder

    monkeypatch.setenv("MINIWOB_URL", folder().as_uri() + "/")
    from playwright.sync_api import BrowserType

    from deixis.browser.launch import find_browser

    plain, path = BrowserType.launch, str(find_browser())
    monkeypatch.setattr(
        BrowserType, "launch", lambda self, **more: plain(self, **(more | {"executable_path": path, "headless": True}))
    )
    env = gymnasium.make(
        "browsergym/miniwob.click-test", action_mapping=action_set().to_python_code, headless=True,
    )  # fmt: skip
    try:
        obs, _ = env.reset(seed=1)
        place = env.unwrapped.page.evaluate(
            "() => { const r = document.getElementById('subbtn').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }"
        )
        scale = obs["screenshot"].shape[1] / env.unwrapped.page.viewport_size["width"]
        agent = GymAgent(
            FixedPointer({"the button": at(place[0] * scale, place[1] * scale)}),
            lambda goal: ScriptedPlanner(do.Click(target="the button")),
        )
        agent.reset()
        action, _ = agent.get_action(agent.obs_preprocessor(obs))
        obs, reward, terminated, _, info = env.step(action)
        assert reward == 1 and terminated, (action, obs["last_action_error"], info)
    finally:
        env.close()
        import browsergym.core

        browsergym.core._get_global_playwright().stop()
        browsergym.core._set_global_playwright(None)


@pytest.fixture(scope="module")
def env() -> Iterator[Any]:
    from deixis.benchmarks.gym_env import miniwob

    made = miniwob("click-test-2")
    yield made
    made.close()


def click(x: float, y: float) -> str:
    return json.dumps({"kind": "click", "target": {"x": x, "y": y}})


def button(env: Any, name: str) -> tuple[float, float]:
    box = env._wait(
        env._page.evaluate(
            f"() => {{ const r = document.getElementById('{name}').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }}"
        )
    )
    return box[0], box[1]


def test_an_environment_of_ours(env: Any) -> None:
    obs, info = env.reset(seed=3)
    assert env.observation_space.contains(obs) and "Click button ONE" in obs["goal"] and info["seed"] == 3
    again, _ = env.reset(seed=3)
    assert np.array_equal(obs["screenshot"], again["screenshot"]), "the same seed gives the same task"
    other, _ = env.reset(seed=4)
    assert not np.array_equal(obs["screenshot"], other["screenshot"])
    right = click(*button(env, "subbtn"))
    assert env.action_space.contains(right)
    _, reward, terminated, truncated, info = env.step(right)
    assert reward > 0.9 and terminated and not truncated and info["error"] == ""


def test_a_wrong_action_and_too_many(env: Any) -> None:
    env.reset(seed=3)
    for text, said in (
        ("{half", "no action"),
        (json.dumps({"kind": "finish"}), "no action of a browser"),
        (json.dumps({"kind": "click", "target": "ONE"}), "in words"),
    ):
        _, reward, terminated, _, info = env.step(text)
        assert reward == 0 and not terminated and said in info["error"], info
    for _ in range(RULES["browsergym"].steps - 3):
        _, _, terminated, truncated, _ = env.step(json.dumps({"kind": "hover", "target": {"x": 5, "y": 200}}))
    assert truncated and not terminated


def test_gymnasium_knows_the_tasks() -> None:
    from deixis.benchmarks.gym_env import DeixisEnv, register

    register()
    known = [name for name in gymnasium.registry if name.startswith("deixis/")]
    assert len(known) == len(tasks()) == 130
    made = gymnasium.make("deixis/click-button-v0")
    assert isinstance(made.unwrapped, DeixisEnv)
    made.close()
