"""deixis as an agent in BrowserGym: its observations in, its actions out, the agent's own loop between.

    env = gymnasium.make("browsergym/miniwob.click-test", action_mapping=action_set().to_python_code)
    agent = GymAgent(); obs, _ = env.reset(); agent.reset()
    action, info = agent.get_action(agent.obs_preprocessor(obs))

The loop (`deixis.agent.loop`) thinks it has a browser: its looks are the observations' pictures, its actions become code of
BrowserGym's coordinate actions. It has pixels only, no hit-test. Coordinates are pixels of the picture, as BrowserGym's are.
Needs `browsergym-core`; knows no benchmark of it.
"""

import asyncio
import io
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from deixis.agent.consent import Consenting, on_this_machine
from deixis.agent.loop import Limits, Loop
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Planner, Pointer
from deixis.agent.state import Step, TaskState
from deixis.browser import actions as do
from deixis.browser.compare import changed
from deixis.browser.errors import ActionError, DeixisError, SetupError
from deixis.browser.types import Change, Expected, Hit, Point, Reading, Screenshot

SUBSETS = ("coord", "nav", "tab", "chat", "infeas")
"""BrowserGym's own names for what the agent uses."""
LONGEST = 300.0
"""Seconds to think about one action."""


def action_set() -> Any:
    """The actions that an environment must take: several to a step, by coordinates."""
    try:
        from browsergym.core.action.highlevel import HighLevelActionSet
    except ImportError as error:
        raise SetupError(f"{error.name!r} is missing: pip install browsergym-core") from error
    return HighLevelActionSet(subsets=list(SUBSETS), multiaction=True, strict=False)


def code(action: do.BrowserAction) -> str:
    """An action of ours as BrowserGym's; ActionError for one that it has nothing for."""
    match action:
        case do.Click() | do.Hover() | do.Drag() | do.Scroll() | do.Check() | do.Upload():
            return _mouse(action)
        case do.Type():
            clicked = [_click(action.target)] if isinstance(action.target, Point) else []
            cleared = ["keyboard_press('ControlOrMeta+a')"] if action.clear else []
            entered = ["keyboard_press('Enter')"] if action.submit else []
            return "\n".join([*clicked, *cleared, f"keyboard_type({action.text!r})", *entered])
        case do.Select(target=Point() as p):
            return f"{_click(p)}\nkeyboard_type({action.option!r})\nkeyboard_press('Enter')"
        case do.Press():
            return f"keyboard_press({action.keys!r})"
        case do.Goto():
            return f"goto({action.url!r})"
        case do.Wait():
            return f"noop({min(action.seconds, 10) * 1000:.0f})"
        case _:
            return _plain(action)


def _click(point: Point, button: str = "left") -> str:
    return f"mouse_click({point.x:.1f}, {point.y:.1f}, {button!r})"


def _mouse(action: do.BrowserAction) -> str:
    match action:
        case do.Click(target=Point() as p, count=2):
            return f"mouse_dblclick({p.x:.1f}, {p.y:.1f}, {action.button!r})"
        case do.Click(target=Point() as p):
            held = [f"keyboard_down({key!r})" for key in action.modifiers]
            freed = [f"keyboard_up({key!r})" for key in action.modifiers]
            return "\n".join([*held, *[_click(p, action.button)] * action.count, *freed])
        case do.Drag(start=Point() as a, end=Point() as b):
            moves = [f"mouse_move({p.x:.1f}, {p.y:.1f})" for p in (*action.via, b)]
            return "\n".join(
                [
                    f"mouse_move({a.x:.1f}, {a.y:.1f})",
                    f"mouse_down({a.x:.1f}, {a.y:.1f})",
                    *moves,
                    f"mouse_up({b.x:.1f}, {b.y:.1f})",
                ]
            )
        case do.Hover(target=Point() as p):
            return f"mouse_move({p.x:.1f}, {p.y:.1f})"
        case do.Scroll(target=Point() as p):
            return f"scroll_at({p.x:.0f}, {p.y:.0f}, {action.dx:.0f}, {action.dy:.0f})"
        case do.Check(target=Point() as p):
            return _click(p)
        case do.Upload(target=Point() as p):
            return f"mouse_upload_file({p.x:.1f}, {p.y:.1f}, {list(action.files)!r})"
    raise ActionError(f"{do.describe(action)!r} has no place yet")


def _plain(action: do.BrowserAction) -> str:
    fixed = {
        "back": "go_back()",
        "forward": "go_forward()",
        "new_tab": "new_tab()",
        "close_tab": "tab_close()",
        "reload": "keyboard_press('F5')",
    }
    if isinstance(action, do.SwitchTab):
        return f"tab_focus({action.index})"
    if action.kind in fixed:
        return fixed[action.kind]
    raise ActionError(f"BrowserGym has no action for {do.describe(action)!r}")


def screenshot(obs: dict[str, Any]) -> Screenshot:
    """The picture of an observation; its pixels are the frame."""
    buffer = io.BytesIO()
    image = Image.fromarray(obs["screenshot"])
    image.save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=image.width, height=image.height, url=str(obs.get("url", "")))


class _Ended(Exception):
    """Nobody waits for the next action any more."""


class _Seen:
    """The loop's browser: what was observed, and a place for what is to be done."""

    downloads: Path | None = None

    def __init__(self) -> None:
        self.observed: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.wanted: queue.Queue[str | None] = queue.Queue()
        """Code of actions; None when the loop broke down."""
        self._shot: Screenshot | None = None
        self.preparing = self.acting = self.settling = self.verifying = self.waiting = self.picturing = 0.0
        self.stopped: list[str] = []

    @property
    def spent(self) -> "_Seen":
        return self

    async def _next(self) -> dict[str, Any]:
        obs = self.observed.get()  # nothing else runs on this loop; a pool's thread that waits would hold up the exit
        if obs is None:
            raise _Ended
        return obs

    async def look(self) -> Screenshot:
        if self._shot is None:
            self._shot = screenshot(await self._next())
        return self._shot

    async def hit(self, point: Point) -> Hit | None:
        return None

    async def act(self, action: do.BrowserAction, expected: Expected | None = None) -> Change:
        before = await self.look()
        self.wanted.put(code(action))
        obs = await self._next()
        self._shot = screenshot(obs)
        if obs.get("last_action_error"):
            raise ActionError(str(obs["last_action_error"]).splitlines()[0])
        target = getattr(action, "target", None)
        near, anywhere = changed(before, self._shot, [target] if isinstance(target, Point) else [])
        return Change(pixels_near=near, pixels=anywhere, url=before.url != self._shot.url)

    async def read_dom(self, point: Point) -> Reading:
        return Reading(text="")

    async def read_table(self, point: Point) -> Reading:
        return Reading(text="")

    async def focused(self) -> Hit | None:
        return None

    async def close(self) -> None:
        """There is nothing to close."""


class _Unwritten:
    def step(self, step: Step, png: bytes) -> Step:
        return step


class GymAgent:
    """An agent as BrowserGym's experiments and AgentLab call it."""

    def __init__(
        self, pointer: Pointer | None = None, plan: Callable[[str], Planner] = InstructionPlanner.from_text, max_steps: int = 30
    ) -> None:  # fmt: skip
        """pointer: by default the embedded model. plan: makes a planner of a goal in words."""
        if pointer is None:
            from deixis.agent.api import load_pointer

            pointer = load_pointer()
        self._pointer, self._plan, self._max_steps = pointer, plan, max_steps
        self._seen: _Seen | None = None

    @property
    def action_set(self) -> Any:
        return action_set()

    def reset(self, seed: int | None = None) -> None:
        """Forgets the task; the next observation begins another."""
        if self._seen:
            self._seen.observed.put(None)
        self._seen = None

    def obs_preprocessor(self, obs: dict[str, Any]) -> dict[str, Any]:
        """Keeps what the agent looks at: pixels, goal, address and error, nothing of the DOM."""
        return {name: obs[name] for name in ("screenshot", "goal", "url", "last_action_error") if name in obs}

    def get_action(self, obs: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """The code of the next action; None and why, when the agent gives up."""
        if self._seen is None:
            self._seen = _Seen()
            threading.Thread(target=self._work, args=(self._seen, str(obs["goal"])), daemon=True, name="deixis").start()
        self._seen.observed.put(obs)
        try:
            wanted = self._seen.wanted.get(timeout=LONGEST)
        except queue.Empty:
            return None, {"think": f"no action in {LONGEST:g} seconds"}
        return wanted, {"think": "" if wanted is not None else "the agent broke down: its error is on standard error"}

    def _work(self, seen: _Seen, goal: str) -> None:
        """Runs the loop until it ends, and tells the environment how."""
        answer: str | None = None
        try:
            answer = asyncio.run(self._run(seen, goal))
        except _Ended:
            return
        except DeixisError as error:
            answer = f"report_infeasible({str(error)!r})"
        finally:
            seen.wanted.put(answer)

    async def _run(self, seen: _Seen, goal: str) -> str:
        planner = self._plan(goal)
        state = TaskState(goal=goal)
        planner.begin(state)
        loop = Loop(planner, self._pointer, seen, Limits(max_steps=self._max_steps, gate=False), _Unwritten())
        loop.consent = Consenting(on_this_machine)
        outcome, reason = await loop.run(state)
        if outcome.value == "finished":
            return f"send_msg_to_user({state.answer or 'done'!r})"
        return f"report_infeasible({f'{outcome.value}: {reason}'!r})"
