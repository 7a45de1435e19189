"""The loop: look, decide, ground, gate, act, verify, write down; until the planner ends it or a limit does.

Three failures stay apart: the planner gives up (an outcome), the page refuses (the step's error, shown to the planner),
and a bug or a dead browser (an exception, after the journal has been closed properly). Knows planner, pointer and
browser by their protocols only.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import Any, Protocol

from deixis.agent import ground
from deixis.agent.consent import Consenting
from deixis.agent.form import Form
from deixis.agent.pause import Pause
from deixis.agent.protocols import Browser, Planner, Pointer, Reader
from deixis.agent.state import NOT_FOUND, Attempt, Outcome, Step, TaskState, Timings
from deixis.browser.actions import (
    Action,
    AnswerDialog,
    BrowserAction,
    Check,
    Drag,
    Expect,
    Finish,
    GiveUp,
    Hover,
    Press,
    Read,
    Select,
    Type,
    Wait,
)
from deixis.browser.errors import ActionError, Blocked
from deixis.browser.types import Change, Frozen, Hit, Point, Pointing, Reading, Screenshot

MAX_ATTEMPTS = 4
"""Places tried for a target; what is beside one of them costs no more than a hit-test."""
SETTLED = Check | Drag | Hover | Select | Type
"""Actions that may rightly change nothing: trying them elsewhere would type the same text into another field."""
EXPECT_SECONDS = 4.0
LEGIBLE = 0.6
"""Confidence in the letters from which a text read from pixels is taken; below, the page is asked too."""
TABLE_OF = "the table of "
MAX_FAULTS = 2
"""Answers that do not fit the schema before the task has failed."""
MAX_BLOCKED = 20
"""So many times a planner is told what was blocked."""
SPENT = ("acting", "settling", "verifying", "waiting", "picturing")
"""Parts of an action's time that the browser tells."""
CYCLE = 6
"""So many equal steps in a row that change nothing end the run."""


class Limits(Frozen):
    """When a run ends by itself."""

    max_steps: int = 60
    max_seconds: float = 900.0
    gate: bool = True
    """Hit-test before acting; off for benchmarks that forbid any access to the DOM."""
    tell_blocked: bool = False
    """Tell the planner what was blocked and go on, instead of ending the run."""


class Recorder(Protocol):
    """Where steps are written down as they happen."""

    def step(self, step: Step, png: bytes) -> Step: ...


@dataclass
class Done:
    """What came of one action."""

    performed: Action | None = None
    pointing: Pointing | None = None
    hit: Hit | None = None
    attempts: list[Attempt] = field(default_factory=list)
    change: Change | None = None
    reading: Reading | None = None
    error: str | None = None
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("pointing", "gating", *SPENT), 0.0))


class Loop:
    """Runs one task; `on_step` is called after each step has been written down."""

    def __init__(
        self, planner: Planner, pointer: Pointer, browser: Browser, limits: Limits, recorder: Recorder
    ) -> None:
        self.planner, self.pointer, self.browser = planner, pointer, browser
        self.limits, self.recorder = limits, recorder
        self.on_step: Callable[[Step], Any] | None = None
        self.consent = Consenting()
        self.pause: Pause | None = None
        """When a person is needed."""
        self.form: Form | None = None
        """What the answer has to fit."""
        self._states: Counter[str] = Counter()
        self._blocked: list[str] = []
        """What was not allowed so far."""
        self._url = ""

    async def run(self, state: TaskState) -> tuple[Outcome, str]:
        """Works until there is an outcome; returns it with a sentence, empty when finished."""
        start, faults = perf_counter(), 0
        while True:
            if over := self._over(state, perf_counter() - start):
                return over
            before = len(self._blocked)
            step = await self._step(state)
            if len(self._blocked) > before and (not self.limits.tell_blocked or len(self._blocked) > MAX_BLOCKED):
                return Outcome.BLOCKED, self._blocked[-1]
            if step is None:
                continue
            if isinstance(step.planned, Finish) and step.error:
                faults += 1
                if faults > MAX_FAULTS:
                    return Outcome.FAILED, step.error
            elif isinstance(step.planned, Finish):
                state.answer = step.planned.answer if step.planned.answer is not None else state.answer
                return Outcome.FINISHED, ""
            if isinstance(step.planned, GiveUp):
                failed = isinstance(_before_last(state), Expect)
                return (Outcome.FAILED if failed else Outcome.GAVE_UP), step.planned.reason

    def _over(self, state: TaskState, seconds: float) -> tuple[Outcome, str] | None:
        if len(state.steps) >= self.limits.max_steps:
            return Outcome.STEP_LIMIT, f"the task was not done after {self.limits.max_steps} steps"
        if seconds >= self.limits.max_seconds:
            return Outcome.BUDGET, f"the task was not done after {self.limits.max_seconds:g} seconds"
        last = state.steps[-CYCLE:]
        if (
            len(last) == CYCLE
            and not any(s.changed for s in last)
            and len({s.planned.model_dump_json() for s in last}) == 1
        ):
            return Outcome.CYCLE, f"the same step was tried {CYCLE} times and changed nothing"
        if self._states and (again := self._states.most_common(1)[0][1]) >= CYCLE:
            return Outcome.CYCLE, f"the same was done {again} times on the same screen"
        return None

    async def _step(self, state: TaskState) -> Step | None:
        """One round; None when the page wanted to go where it must not before anything was decided."""
        try:
            return await self.step(state)
        except Blocked as error:
            self._blocked.append(str(error))
            state.notes.append(f"blocked: {error}")
            return None

    async def step(self, state: TaskState) -> Step:
        """One round of the loop."""
        start = perf_counter()
        screenshot = await self.browser.look()
        if self.pause:
            screenshot = await self.pause.over(self.pointer, self.browser, screenshot)
        looked, self._url = perf_counter(), screenshot.url
        action = await asyncio.to_thread(self.planner.decide, state, screenshot)
        decided = perf_counter()
        done = await self.perform(action, screenshot)
        thinks = isinstance(action, Read | Expect | Finish | GiveUp)
        step = Step(
            index=len(state.steps), item=state.active, planned=action, performed=done.performed, pointing=done.pointing, hit=done.hit,
            attempts=tuple(done.attempts), changed=None if thinks else ground.changed(done.hit, done.change), change=done.change,
            reading=done.reading, url=screenshot.url, title=screenshot.title, width=screenshot.width, height=screenshot.height, error=done.error,
            timings=Timings(screenshot=looked - start, deciding=decided - looked, total=perf_counter() - start, **done.seconds),
        )  # fmt: skip
        if not getattr(self.planner, "users_words", False):  # a user's loops are their own
            seen = sha256(screenshot.png).hexdigest()
            self._states[f"{seen} {screenshot.url} {action.model_dump_json()}"] += 1
        step = self.recorder.step(step, screenshot.png)
        state.steps.append(step)
        if self.on_step:
            self.on_step(step)
        return step

    async def perform(self, action: Action, screenshot: Screenshot) -> Done:
        """Carries out one action; what the page refuses is in `error`."""
        done = Done()
        try:
            if isinstance(action, Finish | GiveUp):
                done.performed = action
                done.error = self.form.fault(action.answer) if self.form and isinstance(action, Finish) else None
            elif isinstance(action, Read):
                await self._read(action, screenshot, done)
            elif isinstance(action, Expect):
                await self._expect(action, screenshot, done)
            elif isinstance(action, Wait) and action.target:
                await self._wait(action, screenshot, done)
            elif words := ground.words_in(action):
                await self._point_and_act(action, words, screenshot, done)
            else:
                await self._ask(action, screenshot)
                await self._act(action, done)
        except ActionError as error:
            done.error = str(error)
        except Blocked as error:
            done.error = str(error)
            self._blocked.append(str(error))
        return done

    async def _ask(self, action: BrowserAction, screenshot: Screenshot) -> None:
        """Consent to what is done without words to point at; Blocked without it."""
        point = getattr(action, "target", None)
        keys = isinstance(action, Press) or (isinstance(action, Type) and point is None)
        hit = None
        if self.limits.gate and (keys or isinstance(point, Point)):
            hit = await (self.browser.hit(point) if isinstance(point, Point) else self.browser.focused())
        if hit is not None or isinstance(action, AnswerDialog):
            message = screenshot.dialog.message if screenshot.dialog else ""
            await self.consent.ask(action, hit, screenshot.url, message)

    # what needs a point

    async def _point_and_act(
        self, action: BrowserAction, words: list[tuple[str, str]], screenshot: Screenshot, done: Done
    ) -> None:
        """Tries the guesses for the first target until one passes the gate and changes something."""
        for name, target in words[1:]:  # a drag's end: its best point only
            found = await self._located(target, screenshot, done)
            if not found.found or found.point is None:
                done.error = not_found(target, found)
                return
            action = ground.at(action, name, found.point)
        named = self.limits.gate and isinstance(action, ground.NAMED)
        grounding = ground.Grounding(self.pointer, screenshot, words[0][1], named)
        async for guess in grounding.guesses():
            done.seconds["pointing"] += grounding.seconds
            grounding.seconds = 0.0
            if guess.source == "first" and not ground.worth_a_try(action, guess.pointing, self.limits.gate):
                done.pointing, done.error = guess.pointing, not_found(words[0][1], guess.pointing)
                return
            if await self._attempt(action, words[0][0], guess, done) or _places(done.attempts) >= MAX_ATTEMPTS:
                break
        if done.performed is None:
            nowhere = not_found(words[0][1], grounding.answer)
            done.error = done.error or (no_point(words[0][1], done.attempts) if done.attempts else nowhere)

    async def _attempt(self, action: BrowserAction, field: str, guess: ground.Guess, done: Done) -> bool:
        """One guess through gate, act and verify; True when nothing more has to be tried."""
        point = guess.pointing.point
        assert point is not None
        start = perf_counter()
        hit = await self.browser.hit(point) if self.limits.gate else None
        done.seconds["gating"] += perf_counter() - start
        refused = ground.refusal(action, hit) if self.limits.gate else None
        change, aimed = None, ground.at(action, field, point)
        if refused is None:
            if hit is not None:
                done.pointing, done.hit = guess.pointing, hit
                await self.consent.ask(action, hit, self._url)
            try:
                change = await self._act(aimed, done)
                done.pointing, done.hit = guess.pointing, hit
            except ActionError as error:
                refused = str(error)
        done.attempts.append(
            Attempt(source=guess.source, pointing=guess.pointing, hit=hit, refused=refused, change=change)
        )
        if done.pointing is None:
            done.pointing, done.hit = guess.pointing, hit
        return ground.changed(hit, change) or (change is not None and isinstance(action, SETTLED))

    async def _act(self, action: BrowserAction, done: Done) -> Change:
        change = await self.browser.act(action)
        done.performed, done.change = action, change
        for part in SPENT:
            done.seconds[part] += getattr(self.browser.spent, part)
        return change

    async def _located(self, target: str, screenshot: Screenshot, done: Done) -> Pointing:
        grounding = ground.Grounding(self.pointer, screenshot, target)
        found = await grounding.first()
        done.seconds["pointing"] += grounding.seconds
        done.pointing = found
        return found

    # what only looks

    async def _read(self, action: Read, screenshot: Screenshot, done: Done) -> None:
        if action.table:
            await self._read_table(action, screenshot, done)
            return
        found = await self._located(action.question, screenshot, done)
        if not found.found or found.point is None:
            done.error = not_found(action.question, found)
            return
        reading = await self._seen(screenshot, found.point, done)
        if reading is None or reading.confidence < LEGIBLE:
            reading = await self._told(found.point) or reading
        if reading is None:
            done.error = f"nothing is written at {action.question!r}"
            return
        done.reading, done.performed = reading, action

    async def _read_table(self, action: Read, screenshot: Screenshot, done: Done) -> None:
        """Looks for the table itself, then for what it is called: a heading over it, or the head of a column."""
        if not self.limits.gate:
            done.error = "tables are read with the gate only"
            return
        for words in dict.fromkeys([action.question, action.question.removeprefix(TABLE_OF)]):
            found = await self._located(words, screenshot, done)
            reading = await self.browser.read_table(found.point) if found.found and found.point else None
            if reading and reading.text:
                done.reading, done.performed, done.error = reading, action, None
                return
            nothing = f"there is no table at {words!r}" if reading else not_found(action.question, found)
            done.error = done.error or nothing

    async def _seen(self, screenshot: Screenshot, point: Point, done: Done) -> Reading | None:
        """The line of text at a point, from the pixels; None when there is none, or nobody who can read."""
        if not isinstance(self.pointer, Reader):
            return None
        start = perf_counter()
        reading = await asyncio.to_thread(self.pointer.read_at, screenshot, point)
        done.seconds["pointing"] += perf_counter() - start
        return reading if reading.text else None

    async def _told(self, point: Point) -> Reading | None:
        """What the page says is written there; None where the page must not be asked."""
        return await self.browser.read_dom(point) if self.limits.gate else None

    async def _expect(self, action: Expect, screenshot: Screenshot, done: Done) -> None:
        """Looks until it holds, for a few seconds at most: a page may still be on its way."""
        start = perf_counter()
        while True:
            problem = await self._unmet(action, screenshot, done)
            if problem is None:
                done.performed, done.error = action, None
                return
            done.error = problem
            if perf_counter() - start > (EXPECT_SECONDS if action.seconds is None else action.seconds):
                return
            await self.browser.act(Wait(seconds=1.0))
            screenshot = await self.browser.look()

    async def _unmet(self, action: Expect, screenshot: Screenshot, done: Done) -> str | None:
        """Why an expectation does not hold, or None when it does."""
        found = await self._located(action.what, screenshot, done)
        if found.unreadable:
            return not_found(action.what, found)
        if action.text is None:
            if found.found == action.absent:
                return f"{action.what!r} is {'still' if action.absent else 'not'} on the screen"
            return None
        points = [p for p in (found.point, *(c.point for c in found.alternatives)) if p is not None]
        readings = [r for p in points for r in (await self._seen(screenshot, p, done), await self._told(p))]
        seen = [reading for reading in readings if reading is not None]
        done.reading = next((r for r in seen if _same(action.text, r.text)), seen[0] if seen else None)
        holds = done.reading is not None and _same(action.text, done.reading.text)
        if holds != action.absent:
            return None
        return f"expected {action.text!r} at {action.what!r}, saw {done.reading.text[:80] if done.reading else ''!r}"

    async def _wait(self, action: Wait, screenshot: Screenshot, done: Done) -> None:
        """Looks again and again until the target is there."""
        assert action.target is not None
        start = perf_counter()
        while not (found := await self._located(action.target, screenshot, done)).found:
            if perf_counter() - start > action.seconds:
                done.error = f"{not_found(action.target, found)} after {action.seconds:g} seconds"
                return
            await self.browser.act(Wait(seconds=0.5))
            screenshot = await self.browser.look()
        done.performed, done.change = action, Change(pixels=True)


def not_found(target: str, pointing: Pointing | None) -> str:
    """The error that planners know a missing target by; an answer nobody can read says nothing about the screen."""
    if pointing and pointing.unreadable:
        return f"{target!r}: {pointing.unreadable}"
    sure = f" (confidence {pointing.confidence:.2f})" if pointing else ""
    return f"{NOT_FOUND} {target!r} is not on the screen{sure}"


def no_point(target: str, attempts: list[Attempt]) -> str:
    """The error when no guess passed the gate: the target is elsewhere, unless what was there is only disabled."""
    first = attempts[0] if attempts else None
    if first is None or first.hit is None:
        return not_found(target, first.pointing if first else None)
    if not first.hit.enabled and first.refused:
        return first.refused
    return f"{not_found(target, first.pointing)}: {first.refused}"


def _places(attempts: list[Attempt]) -> int:
    return sum(attempt.source != "beside" for attempt in attempts)


def _same(wanted: str, text: str) -> bool:
    return " ".join(wanted.casefold().split()) in " ".join(text.casefold().split())


def _before_last(state: TaskState) -> Action | None:
    return state.steps[-2].planned if len(state.steps) > 1 else None
