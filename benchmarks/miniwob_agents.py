"""Who plays MiniWoB++: the scripted solutions, and the agent itself with a pointer and the InstructionPlanner.

The scripted agent acts through the executor alone; the other one runs the agent's own loop in a session, so that it is
the one people use. A goal that the planner does not understand counts as failed. Knows no page.
"""

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from deixis.agent.consent import Consenting, on_this_machine
from deixis.agent.loop import Limits, Loop
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Pointer, Reader
from deixis.agent.state import Step, TaskState
from deixis.benchmarks.baselines import load
from deixis.benchmarks.hand import Hand, Refused
from deixis.benchmarks.miniwob import RULES, Episode, MiniwobTask
from deixis.benchmarks.miniwob_solutions import SOLUTIONS
from deixis.benchmarks.tasks import Goal, Verdict
from deixis.browser.actions import BrowserAction, Finish, GiveUp
from deixis.browser.errors import UsageError
from deixis.browser.executor import Executor
from deixis.browser.session import Session, SessionConfig
from deixis.browser.tabs import Tabs
from deixis.browser.types import Box, Point, Pointing, Reading, Screenshot
from deixis.vlm import finder
from deixis.vlm.pointer import NanoPointer


class Played(NamedTuple):
    """What an agent says of its episode."""

    steps: int
    error: str
    """Why it stopped; empty when it believes to be done."""


class Agent(NamedTuple):
    name: str
    sha256: str
    model: bool
    """Whether it needs a model: then one episode at a time is enough."""
    play: Callable[[Page, MiniwobTask, Goal, Any, "Recorder | None"], Awaitable[Played]]


class Recorder:
    """Writes an episode as a demonstration: a picture before every action, and the action with its points.

    `demonstrations.jsonl` gets one line an episode, written whole when it ends: goal, actions, picture names, reward.
    """

    def __init__(self, page: Page, folder: Path, episode: Episode, goal: Goal) -> None:
        self._page, self._folder, self._episode, self._goal = page, folder, episode, goal
        self._steps: list[dict[str, Any]] = []
        self._pictures = folder / episode.id.replace("/", "-")
        self._pictures.mkdir(parents=True, exist_ok=True)

    async def before(self, action: BrowserAction) -> None:
        path = self._pictures / f"step-{len(self._steps):03d}.png"
        await self._page.screenshot(path=path, scale="device", caret="initial")
        self._steps.append({"image": str(path.relative_to(self._folder)), "action": action.model_dump(mode="json")})

    def end(self, verdict: Verdict) -> None:
        size = dict(self._page.viewport_size or {})
        row = {
            **self._episode.model_dump(),
            "goal": self._goal.text,
            **size,
            "raw": verdict.raw,
            "done": verdict.done,
            "steps": self._steps,
        }
        with (self._folder / "demonstrations.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


async def scripted(page: Page, task: MiniwobTask, goal: Goal, options: Any, recorder: Recorder | None) -> Played:
    """The task's own solution."""
    if task.name not in SOLUTIONS:
        return Played(0, "no solution is written for it")
    tabs = Tabs()
    tabs.add(page)
    executor = Executor(tabs, 30)

    async def act(action: BrowserAction) -> None:
        if recorder:
            await recorder.before(action)
        await executor.perform(action)

    hand = Hand(page, act, goal)
    try:
        await SOLUTIONS[task.name](hand)
    except Refused as error:
        return Played(hand.steps, str(error))
    except (PlaywrightError, LookupError, ValueError, StopIteration, RuntimeError) as error:
        if page.is_closed():
            raise
        return Played(hand.steps, f"{type(error).__name__}: {error}".splitlines()[0])
    return Played(hand.steps, "")


async def planned(
    page: Page, task: MiniwobTask, goal: Goal, options: Any, recorder: Recorder | None, *, pointer: Pointer
) -> Played:
    """The agent's loop, until the page says that it is over or the steps are used up."""
    rules = RULES[options.protocol]
    async with Session.attach(
        page, SessionConfig(width=rules.width, height=rules.height, scale=rules.scale)
    ) as session:
        words = (
            goal.text if options.goal == "text" else await asyncio.to_thread(read_goal, await session.look(), pointer)
        )
        try:
            planner = InstructionPlanner.from_text(words)
        except UsageError as error:
            return Played(0, str(error))
        state = TaskState(goal=words)
        planner.begin(state)
        eyes = pointer if rules.blank else beneath(pointer)
        loop = Loop(planner, eyes, session, Limits(max_steps=rules.steps, gate=options.gate), _Unwritten(recorder))
        loop.consent = Consenting(on_this_machine, users_words=True)
        for _ in range(rules.steps):
            step = await loop.step(state)
            if isinstance(step.planned, Finish | GiveUp):
                return Played(len(state.steps) - 1, step.planned.reason if isinstance(step.planned, GiveUp) else "")
            if (await task.check(page)).done:
                return Played(len(state.steps), "")
        return Played(rules.steps, "the steps are used up")


class _Unwritten:
    """A journal that keeps nothing."""

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder

    def step(self, step: Step, png: bytes) -> Step:
        return step


BAR = (160, 50)
"""Width and height in CSS pixels of the yellow bar at the top left that the goal stands in."""


def read_goal(shot: Screenshot, pointer: Pointer) -> str:
    """The goal as the pointer reads it from the bar at the top of the picture; UsageError when it cannot read."""
    if not isinstance(pointer, Magnifier):
        raise UsageError(f"{pointer.name} cannot read a goal from the picture: use --goal text")
    found = [(box, text) for box, text in pointer.lines(shot) if (box.y0 + box.y1) / 2 < BAR[1]]
    order = finder.reading_order([(box.x0, box.y0, box.x1, box.y1) for box, _ in found])
    return closed(" ".join(found[i][1] for i in order))


def closed(text: str) -> str:
    """With double quotes that are closed as they were opened: half of a small closing mark may be lost, or be read twice."""
    if '"' not in re.sub(r'"(?![\s\'])[^"]+(?<![\s\'])"', "", text):  # they pair up
        return text
    inside = r'((?:[^"\']|(?<=\w)\'(?=\w))+)'
    return re.sub(rf"""(?<!\w)["']{{1,2}}{inside}["']{{1,2}}(?=[\s.,;:?!)]|$)""", _quoted, text)


def _quoted(found: re.Match[str]) -> str:
    whole, inside = found[0], found[1]
    return f'"{inside}"' if '"' in whole else whole


class Beneath:
    """A pointer that does not see the bar with the goal: what it asks for is written there, and would be pointed at."""

    def __init__(self, pointer: Pointer) -> None:
        self._pointer = pointer
        self.name, self.weights_sha256 = pointer.name, pointer.weights_sha256

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        return self._pointer.point_many(_uncaptioned(screenshot), targets)


class ReadingBeneath(Beneath):
    """The same for one that reads."""

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading:
        assert isinstance(self._pointer, Reader)
        return self._pointer.read_at(_uncaptioned(screenshot), point, confidence)


def beneath(pointer: Pointer) -> Beneath:
    """A pointer for pictures with the goal in them."""
    return ReadingBeneath(pointer) if isinstance(pointer, Reader) else Beneath(pointer)


def _uncaptioned(screenshot: Screenshot) -> Screenshot:
    """The picture with the bar painted white."""
    with Image.open(io.BytesIO(screenshot.png)) as picture:
        plain = picture.convert("RGB")
    width, height = (round(side * screenshot.scale) for side in BAR)
    plain.paste((255, 255, 255), (0, 0, width, height))
    file = io.BytesIO()
    plain.save(file, "png", compress_level=1)
    return screenshot.model_copy(update={"png": file.getvalue()})


MAGNIFIED = 2.0
"""Times as large as it is, a screen is shown to the embedded model: letters are as high as on other pages then, and so are
buttons; what is written is read from the picture's own pixels all the same."""


class Magnifier:
    """The embedded model on a screen of tiny letters."""

    def __init__(self, pointer: NanoPointer) -> None:
        self._pointer = pointer
        self.name, self.weights_sha256 = pointer.name, pointer.weights_sha256

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        found = self._pointer.point_many(_large(screenshot), targets)
        return [_shrunk(pointing, MAGNIFIED) for pointing in found]

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading:
        large = Point(x=point.x * MAGNIFIED, y=point.y * MAGNIFIED)
        reading = self._pointer.read_at(_large(screenshot), large, confidence)
        return reading.model_copy(update={"box": _box(reading.box, MAGNIFIED) if reading.box else None})

    def lines(self, screenshot: Screenshot) -> list[tuple[Box, str]]:
        """Every line of text with its box in CSS pixels."""
        things = self._pointer.look(_large(screenshot)).things
        boxes = [
            Box(**dict(zip(("x0", "y0", "x1", "y1"), row, strict=True)))
            for row in things.boxes[: things.lines].tolist()
        ]
        return [(_box(box, MAGNIFIED), text) for box, text in zip(boxes, things.texts, strict=False)]


def _large(screenshot: Screenshot) -> Screenshot:
    width, height = round(screenshot.width * MAGNIFIED), round(screenshot.height * MAGNIFIED)
    return screenshot.model_copy(update={"width": width, "height": height})


def _box(box: Box, scale: float) -> Box:
    return Box(x0=box.x0 / scale, y0=box.y0 / scale, x1=box.x1 / scale, y1=box.y1 / scale)


def _shrunk(pointing: Pointing, scale: float) -> Pointing:
    def small(point: Point) -> Point:
        return Point(x=point.x / scale, y=point.y / scale)

    others = tuple(other.model_copy(update={"point": small(other.point)}) for other in pointing.alternatives)
    place = {
        "point": small(pointing.point) if pointing.point else None,
        "box": _box(pointing.box, scale) if pointing.box else None,
    }
    return pointing.model_copy(update={**place, "alternatives": others})


@lru_cache(maxsize=2)
def agent_named(name: str) -> Agent:
    """`scripted`, `embedded`, or whatever `--model` takes."""
    if name == "scripted":
        return Agent("scripted", "", False, scripted)
    pointer: Pointer = load(None if name == "embedded" else name)
    if isinstance(pointer, NanoPointer):
        pointer = Magnifier(pointer)
    return Agent(pointer.name, pointer.weights_sha256, True, partial(planned, pointer=pointer))
