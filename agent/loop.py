"""The loop: look, decide, ground, gate, act, verify, write down; until the planner ends it or a limit does.

Three failures stay apart: the planner gives up (an outcome), the page refuses (the step's error, shown to the planner),
and a bug or a dead browser (an exception, after the journal has been closed properly). Knows planner, pointer and
browser by their protocols only.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from time import perf_counter
from typing import Any, Protocol

from deixis.agent import ground
from deixis.agent.consent import Consenting
from deixis.agent.done import SPENT, Done, no_point, not_found
from deixis.agent.form import Form
from deixis.agent.looking import Looking
from deixis.agent.pause import Pause
from deixis.agent.protocols import Browser, Planner, Pointer
from deixis.agent.state import Attempt, Outcome, Step, TaskState, Timings
from deixis.browser.actions import (
    Action,
    AnswerDialog,
    BrowserAction,
    Check,
    Click,
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
from deixis.browser.compare import changed
from deixis.browser.errors import ActionError, Blocked, GaveWay
from deixis.browser.types import Change, Expected, Frozen, Hit, Point, Screenshot

MAX_ATTEMPTS = 4
"""Places tried for a target; what is beside one of them costs no more than a hit-test."""
SETTLED = Check | Drag | Hover | Select | Type
"""Actions that may rightly change nothing: trying them elsewhere would type the same text into another field."""
CAME_UP = (40.0, 20.0)
"""Width and height around a point in which a list that has opened shows."""
MAX_FAULTS = 2
"""Answers that do not fit the schema before the task has failed."""
MAX_BLOCKED = 20
"""So many times a planner is told what was blocked."""
LOOK_SECONDS = 5.0
"""After which a page that gives way each time it is looked at is given up."""
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


class Loop:
    """Runs one task; `on_step` is called after each step has been written down."""

    def __init__(
        self, planner: Planner, pointer: Pointer, browser: Browser, limits: Limits, recorder: Recorder
    ) -> None:
        self.planner, self.pointer, self.browser = planner, pointer, browser
        self.limits, self.recorder = limits, recorder
        self._looking = Looking(pointer, browser, limits.gate)
        self.on_step: Callable[[Step], Any] | None = None
        self.consent = Consenting()
        self.pause: Pause | None = None
        """When a person is needed."""
        self.form: Form | None = None
        """What the answer has to fit."""
        self._states: Counter[str] = Counter()
        self._faults = 0
        """Answers so far that did not fit."""
        self._blocked: list[str] = []
        """What was not allowed so far."""
        self._url = ""

    async def run(self, state: TaskState) -> tuple[Outcome, str]:
        """Works until there is an outcome; returns it with a sentence, empty when finished."""
        start = perf_counter()
        while True:
            if over := self._over(state, perf_counter() - start):
                return over
            before = len(self._blocked)
            try:
                step = await self._step(state)
            except ActionError as error:  # of looking: what is done on a page is told to the planner
                return Outcome.GAVE_UP, f"the page cannot be looked at: {error}"
            if len(self._blocked) > before and (not self.limits.tell_blocked or len(self._blocked) > MAX_BLOCKED):
                return Outcome.BLOCKED, self._blocked[-1]
            if step is not None and (end := self._end(state, step)):
                return end

    def _end(self, state: TaskState, step: Step) -> tuple[Outcome, str] | None:
        """The outcome, if the planner has ended it."""
        if isinstance(step.planned, Finish) and step.error:
            self._faults += 1
            return (Outcome.FAILED, step.error) if self._faults > MAX_FAULTS else None
        if isinstance(step.planned, Finish):
            state.answer = step.planned.answer if step.planned.answer is not None else state.answer
            return Outcome.FINISHED, ""
        if isinstance(step.planned, GiveUp):
            failed = isinstance(_before_last(state), Expect)
            return (Outcome.FAILED if failed else Outcome.GAVE_UP), step.planned.reason
        return None

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
        screenshot = await self._looked()
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
        while self.browser.stopped:
            state.notes.append(f"step {step.index + 1}: {self.browser.stopped.pop(0)}")
        step = self.recorder.step(step, screenshot.png)
        state.steps.append(step)
        if self.on_step:
            self.on_step(step)
        return step

    async def _looked(self) -> Screenshot:
        """A picture of a page that may give way to another in the middle."""
        end = perf_counter() + LOOK_SECONDS
        while True:
            try:
                return await self.browser.look()
            except ActionError:
                if perf_counter() > end:
                    raise

    async def perform(self, action: Action, screenshot: Screenshot) -> Done:
        """Carries out one action; what the page refuses is in `error`."""
        done = Done()
        try:
            if isinstance(action, Finish | GiveUp):
                done.performed = action
                done.error = self.form.fault(action.answer) if self.form and isinstance(action, Finish) else None
            elif isinstance(action, Read):
                await self._looking.read(action, screenshot, done)
            elif isinstance(action, Expect):
                await self._looking.expect(action, screenshot, done)
            elif isinstance(action, Wait) and action.target:
                await self._looking.wait(action, screenshot, done)
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
            found = await self._looking.located(target, screenshot, done)
            if not found.found or found.point is None:
                done.error = not_found(target, found)
                return
            action = ground.at(action, name, found.point)
        control = ground.CONTROLS.get(action.kind, "") if self.limits.gate else ""
        grounding = ground.Grounding(self.pointer, screenshot, words[0][1], control)
        async for guess in grounding.guesses():
            done.seconds["pointing"] += grounding.seconds
            grounding.seconds = 0.0
            if guess.source == "first" and not ground.worth_a_try(action, guess.pointing, self.limits.gate):
                done.pointing, done.error = guess.pointing, not_found(words[0][1], guess.pointing)
                return
            if await self._attempt(action, words[0][0], guess, done) or _places(done.attempts) >= MAX_ATTEMPTS:
                break
        if isinstance(action, Select) and isinstance(done.performed, Click):
            await self._choose(action, done.performed, screenshot, done)
        elif isinstance(action, Select) and done.performed is None and self.limits.gate and not _native(done.attempts):
            await self._tick(action, screenshot, done)
        if done.performed is None:
            nowhere = not_found(words[0][1], grounding.answer)
            done.error = done.error or (no_point(words[0][1], done.attempts) if done.attempts else nowhere)

    async def _tick(self, action: Select, screenshot: Screenshot, done: Done) -> None:
        """One of several radio buttons, or an option of a list that stands open: where there is no list to open."""
        grounding = ground.Grounding(self.pointer, screenshot, action.option)
        found = await grounding.first()
        done.seconds["pointing"] += grounding.seconds
        pointing, hit = done.pointing, done.hit
        if found.found and found.point is not None:
            await self._attempt(Check(target=action.option), "target", ground.Guess("first", found), done)
        if done.performed is None:
            done.pointing, done.hit = pointing, hit

    async def _choose(self, action: Select, opened: Click, before: Screenshot, done: Done) -> None:
        """The option of a list of the page's own, which a click has opened.

        A list that can be typed into is told the option when it does not show it at once.
        """
        hit, pointing = done.hit, done.pointing
        chosen = await self._option(action.option, before, done)
        if not chosen and hit is not None and hit.editable:
            await self._act(Type(text=action.option), done)
            chosen = await self._option(action.option, before, done)
        done.hit, done.pointing, done.performed = hit, pointing, None
        if chosen:
            done.performed = Select(target=opened.target, option=action.option)
            return
        await self.browser.act(Press(keys="Escape"))
        done.error = f"{action.option!r} is not seen in the list that {action.target!r} opens"

    async def _option(self, option: str, before: Screenshot, done: Done) -> bool:
        """Clicks an option where a list came up; whether it was there. The same words elsewhere are something else."""
        screenshot = await self._looked()
        grounding = ground.Grounding(self.pointer, screenshot, option)
        async for guess in grounding.guesses():
            first = guess.source == "first"
            if first and not guess.pointing.found:
                break
            if _came_up(guess, before, screenshot) and (first or await self._says(guess, option)):
                done.seconds["pointing"] += grounding.seconds
                return await self._attempt(Click(target=option), "target", guess, done)
        done.seconds["pointing"] += grounding.seconds
        return False

    async def _says(self, guess: ground.Guess, words: str) -> bool:
        """Whether the page says these words where a guess lies."""
        hit, _ = await self._gated(Click(target=words), guess, Done())
        return hit is not None and words.casefold() in f"{hit.says} {hit.name}".casefold()

    async def _attempt(self, action: BrowserAction, field: str, guess: ground.Guess, done: Done) -> bool:
        """One guess through gate, act and verify; True when nothing more has to be tried.

        What gives way while the mouse comes is gated once more as it is under the mouse: names change by hovering.
        """
        point = guess.pointing.point
        assert point is not None
        change, hit, refused, late = None, None, None, False
        for last in (False, True):
            (hit, refused), late = await self._gated(action, guess, done), False
            action = ground.fitting(action, hit, guess.source)
            if refused is not None:
                break
            try:
                change = await self._aimed(action, ground.at(action, field, point), hit, guess, done)
            except ActionError as error:
                refused, late = str(error), True
                if isinstance(error, GaveWay) and not last:
                    continue
            break
        done.attempts.append(
            Attempt(source=guess.source, pointing=guess.pointing, hit=hit, refused=refused, late=late, change=change)
        )
        if done.pointing is None:
            done.pointing, done.hit = guess.pointing, hit
        return ground.changed(hit, change) or (change is not None and isinstance(action, SETTLED))

    async def _gated(self, action: BrowserAction, guess: ground.Guess, done: Done) -> tuple[Hit | None, str | None]:
        """What the hit-test sees, and why the action makes no sense there."""
        if not self.limits.gate or guess.pointing.point is None:
            return None, None
        start = perf_counter()
        hit = await self.browser.hit(guess.pointing.point)
        done.seconds["gating"] += perf_counter() - start
        return hit, ground.refusal(ground.fitting(action, hit, guess.source), hit)

    async def _aimed(
        self, action: BrowserAction, aimed: BrowserAction, hit: Hit | None, guess: ground.Guess, done: Done
    ) -> Change:
        """Consent, then the action at a point, on nothing but what the gate has seen."""
        expected = None
        if hit is not None:
            done.pointing, done.hit = guess.pointing, hit
            asked = await self.consent.ask(action, hit, self._url)
            expected = Expected(hit=hit, exact=asked or "<secret:" in getattr(action, "text", ""))
        change = await self._act(aimed, done, expected)
        done.pointing, done.hit = guess.pointing, hit
        return change

    async def _act(self, action: BrowserAction, done: Done, expected: Expected | None = None) -> Change:
        try:
            change = await self.browser.act(action, expected)
        finally:
            for part in SPENT:
                done.seconds[part] += getattr(self.browser.spent, part)
        done.performed, done.change = action, change
        return change


def _came_up(guess: ground.Guess, before: Screenshot, after: Screenshot) -> bool:
    """Whether the screen has changed right where a guess lies."""
    point = guess.pointing.point
    return point is not None and changed(before, after, [point], CAME_UP)[0]


def _native(attempts: list[Attempt]) -> bool:
    """Whether one of the places was a native list: what it refuses is not looked for elsewhere."""
    return any(attempt.hit is not None and attempt.hit.tag in ground.NATIVE for attempt in attempts)


def _places(attempts: list[Attempt]) -> int:
    return sum(attempt.source != "beside" for attempt in attempts)


def _before_last(state: TaskState) -> Action | None:
    return state.steps[-2].planned if len(state.steps) > 1 else None
