"""MolmoWeb as a planner: it looks at every screenshot, thinks, and names the next action with its pixels.

Its prompt, its JSON actions and its percent coordinates are those it was trained with; they become our own actions, so
that gate, verification and journal are the same for every planner. Nothing it writes is evaluated, and it may open web
addresses only. Knows no weights: any `Talker` that serves them will do. Source: allenai/molmoweb, agent/actions.py, and
olmo/models/molmo/data_formatter.py.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from deixis.agent.state import PlanItem, TaskState
from deixis.browser.actions import (
    Action,
    Back,
    Click,
    Drag,
    Finish,
    GiveUp,
    Goto,
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
from deixis.vlm.points import objects
from deixis.vlm.prompted import LONG, Talker, Turn

STYLE = "molmo_web_think: "
REMEMBERED = 3
"""Steps of which it is told; more were not in its training."""
SHOWN = 100
"""Letters of a page's title and address."""
ANSWER, EXIT = "[ANSWER]", "[EXIT]"
Fields = dict[str, Any]


class Said(NamedTuple):
    """One answer of the model."""

    thought: str
    action: Fields


class MolmoWebPlanner:
    """Works towards a goal in plain words."""

    def __init__(self, talker: Talker, goal: str) -> None:
        self.talker, self.goal = talker, goal
        self.said: list[Said] = []

    def begin(self, state: TaskState) -> None:
        state.plan = [PlanItem(text=self.goal, status="active")]

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
        """The next action; GiveUp when the model's answer cannot be read."""
        answer = self.talker.answer(Turn(prompt(self.goal, self.said, screenshot), screenshot.png), LONG)
        try:
            said = read(answer.text)
            action = action_of(said.action, screenshot)
        except OutputError as error:
            return GiveUp(reason=str(error))
        self.said.append(said)
        state.notes.append(said.thought)
        if isinstance(action, Finish):
            state.answer = action.answer
        if isinstance(action, Finish | GiveUp):
            state.mark(0, "done" if isinstance(action, Finish) else "failed")
        return action


def prompt(goal: str, said: list[Said], screenshot: Screenshot) -> str:
    """What it is told before each step: the goal, its last steps in its own words, the page it is on."""
    before = "".join(
        f"## Step {i}\nTHOUGHT: {one.thought}\nACTION: {one.action!r}\n\n"
        for i, one in list(enumerate(said, 1))[-REMEMBERED:]
    )
    title, url = screenshot.title[:SHOWN], screenshot.url[:SHOWN]
    return (
        f"{STYLE}\n# GOAL\n{goal}\n\n# PREVIOUS STEPS\n{before}"
        f"# CURRENTLY ACTIVE PAGE\nPage 0: {title} | {url}\n\n# NEXT STEP\n\n"
    )


def read(text: str) -> Said:
    """Thought and action of an answer; OutputError when there is not exactly one action in it."""
    found = [one for one in objects(text) if isinstance(one.get("action"), dict)]
    if len(found) != 1:
        raise OutputError(f"MolmoWeb named {len(found)} actions, not one, in {text[:120]!r}")
    action: Fields = found[0]["action"]  # type: ignore[assignment]
    return Said(str(found[0].get("thought") or ""), action)


def action_of(fields: Fields, screenshot: Screenshot) -> Action:
    """One of its actions as one of ours; OutputError for an unknown one, or one that lacks something."""
    name = fields.get("name")
    make = _ACTIONS.get(str(name))
    if make is None:
        raise OutputError(f"MolmoWeb has no action {name!r} that is known here")
    try:
        return make(fields, screenshot)
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(f"MolmoWeb's {name!r} lacks or garbles something: {json.dumps(fields)[:120]}") from error


def _at(fields: Fields, screenshot: Screenshot, x: str = "x", y: str = "y", whole: float = 100.0) -> Point:
    """Percent of the picture -> CSS pixels, kept off the edges as the reference does."""

    def pixel(part: Any, size: int) -> float:
        return min(max(float(part) / whole * size, 1.0), size - 2.0)

    return Point(x=pixel(fields[x], screenshot.width), y=pixel(fields[y], screenshot.height))


def _click(fields: Fields, screenshot: Screenshot) -> Action:
    double = fields["name"] == "dblclick" or fields.get("click_type") == "double"
    data = {"target": _at(fields, screenshot), "button": fields.get("button") or "left", "count": 2 if double else 1}
    return Click.model_validate(data)


def _scroll(fields: Fields, screenshot: Screenshot) -> Action:
    dx, dy = (float(fields.get(key) or 0) / 100 for key in ("delta_x", "delta_y"))
    target = _at(fields, screenshot) if "x" in fields else None
    return Scroll(target=target, dx=dx * screenshot.width, dy=dy * screenshot.height)


def _navigate(fields: Fields, screenshot: Screenshot) -> Action:
    where = fields.get("nav_type") or fields.get("action") or fields.get("type")
    if where == "tab_focus":
        return SwitchTab(index=int(fields["index"]))
    return {"go_back": Back, "new_tab": NewTab}[str(where)]()


def _goto(fields: Fields, screenshot: Screenshot) -> Action:
    url = str(fields["url"])
    if not url.startswith(("http://", "https://")):
        raise OutputError(f"MolmoWeb may open web addresses only, not {url[:80]!r}")
    return Goto(url=url)


def _tell(fields: Fields, screenshot: Screenshot) -> Action:
    text = str(fields.get("msg") or fields.get("text") or fields.get("message") or "").strip()
    if text.startswith(EXIT):
        return Finish()
    return Finish(answer=text.removeprefix(ANSWER).strip() or None)


def _type_at(fields: Fields, screenshot: Screenshot) -> Action:
    # This one old action counts in per mille where the others count in percent.
    target = _at(fields, screenshot, whole=1000.0)
    clear = bool(fields.get("clear_before_typing", True))
    return Type(text=str(fields["text"]), target=target, clear=clear, submit=bool(fields.get("press_enter", False)))


_ACTIONS: dict[str, Callable[[Fields, Screenshot], Action]] = {
    "click": _click, "dblclick": _click, "mouse_click": _click, "scroll": _scroll, "scroll_at": _scroll, "goto": _goto,
    "browser_nav": _navigate, "send_msg_to_user": _tell, "gemini_type_text_at": _type_at,
    "hover_at": lambda fields, shot: Hover(target=_at(fields, shot)),
    "drag_and_drop": lambda fields, shot: Drag(start=_at(fields, shot, "from_x", "from_y"), end=_at(fields, shot, "to_x", "to_y")),
    "keyboard_type": lambda fields, shot: Type(text=str(fields["text"]), clear=False),
    "keyboard_press": lambda fields, shot: Press(keys=str(fields["key"])),
    "noop": lambda fields, shot: Wait(seconds=1.0),
    "report_infeasible": lambda fields, shot: GiveUp(reason=str(fields.get("infeasibility_reason") or fields.get("reason") or "MolmoWeb says it cannot be done")),
}  # fmt: skip
