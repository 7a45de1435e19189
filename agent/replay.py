"""Does a recorded run again without a model: what was clicked is found by its looks, and by words only when they changed.

A planner that plans what was done, and a pointer that remembers: gate, verification, journal and report are the loop's own.
Knows nothing of how things are found on a picture (`finding`).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from deixis.agent.finding import How, Move, Remembered, find
from deixis.agent.protocols import Pointer
from deixis.agent.state import Episode, PlanItem, Step, TaskState
from deixis.browser.actions import Action, Drag, Finish, GiveUp, Select, describe
from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen, Point, Pointing, Screenshot, png_size

MOVES = 3
"""Distances that are tried before a whole picture is searched."""
MARK = "\u2063"
"""Before the words of a target that a recorded run named by pixels only; nobody writes it."""


class Healed(Frozen):
    """A target that was not where it had been."""

    step: int
    """Of the recorded run, from 1."""
    target: str
    how: How
    before: Point
    after: Point


class Replay(Frozen):
    """What came of it."""

    outcome: str
    reason: str
    steps: int
    healed: tuple[Healed, ...]
    seconds_p50: float
    """Of a step, without the page's own time."""
    seconds_p95: float
    seconds: float
    """Of all steps, with the page's own time."""


class Recording:
    """The steps of a run that did something, with their pictures."""

    def __init__(self, folder: Path, episode: Episode) -> None:
        self.folder, self.episode = folder, episode
        self.steps = [step for step in episode.steps if step.performed is not None and step.error is None]
        if not self.steps:
            raise UsageError(f"nothing was done in the run in {str(folder)!r}: there is nothing to do again")

    def planned(self, step: Step) -> Action:
        """The action in words again; pixels that never had words get some that only the pointer knows."""
        action = step.planned
        for name in ("target", "start", "end"):
            if isinstance(getattr(action, name, None), Point):
                action = action.model_copy(update={name: self._words(step, name)})
        return action

    def _words(self, step: Step, name: str) -> str:
        known = step.hit.name if step.hit and name != "end" else ""
        return MARK + (known or f"the place of step {step.index + 1}")

    def remembered(self, step: Step, target: str) -> Remembered | None:
        """What was there, of the target of a step; None without a picture of it."""
        point = _place(step, target, self.planned(step))
        path = self.folder / Path(step.screenshot).name if step.screenshot else None
        if point is None or path is None or not path.is_file() or not step.width:
            return None
        png = _read(path)
        return Remembered(png, png_size(png)[0] / step.width, point, step.hit.box if step.hit else None)


@lru_cache(maxsize=2)
def _read(path: Path) -> bytes:
    return path.read_bytes()


def _place(step: Step, target: str, planned: Action) -> Point | None:
    """The pixel that an action was done at; a drag has two. What a list of the page's own offers has none of its own."""
    done = step.performed
    if isinstance(planned, Select) and target != planned.target:
        return None
    if isinstance(done, Drag):
        name = "end" if getattr(planned, "end", None) == target else "start"
        place = getattr(done, name)
    else:
        place = getattr(done, "target", None)
    if isinstance(place, Point):
        return place
    return step.pointing.point if step.pointing else None


class ReplayPlanner:
    """Plans what was done, one step after the other."""

    users_words = True

    def __init__(self, recording: Recording) -> None:
        self.recording, self.goal = recording, recording.episode.state.goal
        self.at = 0
        self.tried = False

    def begin(self, state: TaskState) -> None:
        state.plan = [PlanItem(text=describe(step.planned)) for step in self.recording.steps]

    @property
    def now(self) -> Step:
        """The recorded step that is done again."""
        return self.recording.steps[min(self.at, len(self.recording.steps) - 1)]

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
        """The next step, the same once more, or the end."""
        if state.steps and (over := self._judged(state, state.steps[-1])):
            return over
        if self.at >= len(self.recording.steps):
            return Finish(answer=state.answer)
        action = self.recording.planned(self.now)
        if isinstance(action, Finish | GiveUp):
            state.mark(self.at, "done")
            return Finish(answer=self._answer(state, action)) if isinstance(action, Finish) else action
        state.mark(self.at, "active")
        return action

    def _answer(self, state: TaskState, recorded: Finish) -> str | None:
        """What was read this time, where the recorded answer was what had been read."""
        read = [step.reading.text for step in state.steps if step.reading and step.planned.kind == "read"]
        return read[-1] if read else recorded.answer

    def _judged(self, state: TaskState, last: Step) -> GiveUp | None:
        expected = self.now.changed
        wrong = last.error or ("it changed nothing, as it did before" if expected and last.changed is False else None)
        if wrong is None:
            state.mark(self.at, "done")
            self.at, self.tried = self.at + 1, False
            return None
        if not self.tried:
            self.tried = True
            return None
        state.mark(self.at, "failed", wrong)
        return GiveUp(
            reason=f"step {self.now.index + 1} ({describe(self.now.planned)}) cannot be done again: {wrong}".replace(
                MARK, ""
            )
        )


class RememberingPointer:
    """Points at what looks as it did; asks a model only when nothing does."""

    name = "replay"
    weights_sha256 = ""

    def __init__(self, planner: ReplayPlanner, fallback: Callable[[], Pointer]) -> None:
        self.planner, self.fallback = planner, fallback
        self.healed: dict[tuple[int, str], Healed] = {}
        self._moves: list[Move] = []
        """How far things have moved so far, the last first."""

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        return [self._point(screenshot, target) for target in targets]

    def second_look(self, screenshot: Screenshot, target: str, around: Point) -> Pointing:
        """By its words, where what looked the same did nothing."""
        return self._pointed(screenshot, target)

    def _point(self, screenshot: Screenshot, target: str) -> Pointing:
        start, step = perf_counter(), self.planner.now
        old = self.planner.recording.remembered(step, target)
        match = find(old, screenshot.png, screenshot.scale, self._moves) if old and not self.planner.tried else None
        if old is None or match is None:
            return self._pointed(screenshot, target)
        if match.how != "same":
            self._note(step, target, match.how, old.point, match.point)
        return Pointing(
            target=target,
            point=match.point,
            confidence=match.score,
            found=True,
            model=self.name,
            seconds=perf_counter() - start,
        )

    def _pointed(self, screenshot: Screenshot, target: str) -> Pointing:
        found = self.fallback().point_many(screenshot, [target.removeprefix(MARK)])[0]
        step = self.planner.now
        old = self.planner.recording.remembered(step, target)
        if found.found and found.point and old and not _near(found.point, old.point):
            self._note(step, target, "pointed", old.point, found.point)
        return found

    def _note(self, step: Step, target: str, how: How, before: Point, after: Point) -> None:
        words = target.removeprefix(MARK)
        self.healed[(step.index, target)] = Healed(
            step=step.index + 1, target=words, how=how, before=before, after=after
        )
        move = (after.x - before.x, after.y - before.y)
        self._moves = [move, *(one for one in self._moves if one != move)][:MOVES]


def _near(one: Point, other: Point) -> bool:
    return abs(one.x - other.x) < 3 and abs(one.y - other.y) < 3


def told(episode: Episode, pointer: RememberingPointer) -> Replay:
    """The figures of a replay."""
    own = [step.timings.total - step.timings.waiting for step in episode.steps] or [0.0]
    spread = quantiles(own, n=20, method="inclusive") if len(own) > 1 else own * 19
    return Replay(
        outcome=episode.outcome.value, reason=episode.reason, steps=len(episode.steps), healed=tuple(pointer.healed.values()),
        seconds_p50=round(spread[9], 4), seconds_p95=round(spread[-1], 4),
        seconds=round(sum(step.timings.total for step in episode.steps), 3),
    )  # fmt: skip
