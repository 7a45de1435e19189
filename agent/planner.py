"""The InstructionPlanner: walks a plan written in plain English or YAML, one action at a time, without a language model.

It looks at the last step to see whether its action worked, scrolls on when a target is not on the screen, tries once
more when the page refuses, and gives up with a sentence that names target and clause. Knows no pixels.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deixis.agent.grammar import Clause, clauses
from deixis.agent.script import read_script
from deixis.agent.state import PlanItem, Step, TaskState, is_not_found
from deixis.browser.actions import (
    Action,
    AnswerDialog,
    Check,
    Click,
    Expect,
    Finish,
    GiveUp,
    Hover,
    Press,
    Read,
    Scroll,
    Select,
    Type,
    Wait,
    describe,
)
from deixis.browser.types import Screenshot

PAGE_SHARE = 0.75
"""Of the viewport's height, one scroll when looking for something."""
MAX_SCROLLS = 24
TOP = 100_000.0
_DIALOG_BUTTON = re.compile(
    r"(?:the )?(?:(?P<yes>ok|okay|yes|accept|confirm|leave)|(?P<no>cancel|no|dismiss|stay))(?: button)?"
    r"(?: (?:in|of|on) the (?:dialog|alert|confirmation|prompt|message))?",
    re.I,
)
"""Words for the buttons of a JavaScript dialog, which is in no picture: clicking them answers it."""


class InstructionPlanner:
    """Follows clauses in order. Make it with `from_text` or `from_script`; both raise UsageError before anything runs."""

    def __init__(self, plan: list[Clause], goal: str, url: str | None = None) -> None:
        self.plan, self.goal, self.url = plan, goal, url
        self.todo: list[tuple[int, Action]] = [
            (i, action) for i, clause in enumerate(plan) for action in clause.actions
        ]
        self.at = 0
        self.retried = False
        self.search: _Search | None = None
        self.answer: str | None = None

    @classmethod
    def from_text(cls, text: str, variables: Mapping[str, str] | None = None) -> Self:
        """A task in plain English."""
        return cls(clauses(text, variables or {}), " ".join(text.split()))

    @classmethod
    def from_script(cls, path: Path, variables: Mapping[str, str] | None = None) -> Self:
        """A YAML file of steps (see `deixis.agent.script`)."""
        script = read_script(path, variables or {})
        return cls(script.clauses, script.goal, script.url)

    def begin(self, state: TaskState) -> None:
        """Writes the plan into the state."""
        state.plan = [PlanItem(text=clause.text) for clause in self.plan]

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action:
        """The next action, after a look at what became of the last one."""
        if state.steps and (verdict := self._judge(state, state.steps[-1], screenshot)):
            return verdict
        if self.at >= len(self.todo):
            return Finish(answer=self.answer)
        item, action = self.todo[self.at]
        if state.plan[item].status != "active":
            state.mark(item, "active")
        if screenshot.dialog is None or isinstance(action, AnswerDialog):
            return action
        if isinstance(action, Click) and (button := _DIALOG_BUTTON.fullmatch(str(action.target))):
            self.todo[self.at] = (item, AnswerDialog(accept=button["no"] is None))
            return self.todo[self.at][1]
        return AnswerDialog(accept=screenshot.dialog.type in {"alert", "beforeunload"})

    def _judge(self, state: TaskState, last: Step, screenshot: Screenshot) -> Action | None:
        """Moves on, or says what to do instead of the next action."""
        item, action = self.todo[self.at]
        if last.planned != action:  # a scroll of our own, or a dialog answered in between
            return self._look_on(state, screenshot) if self.search else None
        if last.error is None and (
            last.changed is not False or isinstance(action, Check | Select | Hover | Scroll | Press | Type | Wait)
        ):
            self._done(state, last)
            return None
        if isinstance(action, Expect):
            return self._give_up(state, last.error or "it did not hold")
        if last.error is not None and is_not_found(last.error) and not isinstance(action, Wait):
            return self._look_on(state, screenshot)
        if not self.retried:
            self.retried = True
            return None
        return self._give_up(state, last.error or f"{describe(action)} changed nothing")

    def _done(self, state: TaskState, last: Step) -> None:
        item, action = self.todo[self.at]
        if isinstance(action, Read) and last.reading:
            self.answer = last.reading.text
            state.notes.append(f"{action.question}: {last.reading.text}")
        self.at, self.retried, self.search = self.at + 1, False, None
        if self.at >= len(self.todo) or self.todo[self.at][0] != item:
            state.mark(item, "done")

    def _give_up(self, state: TaskState, reason: str) -> GiveUp:
        item, _ = self.todo[self.at]
        state.mark(item, "failed", reason)
        return GiveUp(reason=f"in {state.plan[item].text!r}: {reason}")

    def _look_on(self, state: TaskState, screenshot: Screenshot) -> Action | None:
        """The next scroll of the search, None to try again where it has come to, or the end of it."""
        self.search = self.search or _Search()
        if not self.search.over(screenshot):
            return self.search.scroll
        return self._give_up(state, f"{describe(self.todo[self.at][1])}: the target was not found anywhere on the page")


class _Search:
    """Looks for a target over the whole page: down to the end, then once from the top."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.scroll: Scroll | None = None
        self.scrolls = 0
        self.scrolled = False
        self.wrapped = False

    def over(self, screenshot: Screenshot) -> bool:
        """Whether all of the page has been seen; if not, `scroll` is the next scroll, or None to try again here."""
        self.scroll = None
        if self.scrolled and (self.last is None or screenshot.scroll_y != self.last):
            self.scrolled, self.last = False, screenshot.scroll_y
            return False
        stuck = self.scrolled
        if self.last is None:
            self.last = screenshot.scroll_y
            self.began = screenshot.scroll_y
        self.scrolls += 1
        self.scrolled = True
        if self.scrolls > MAX_SCROLLS or (stuck and (self.wrapped or self.began == 0)):
            return True
        self.wrapped = self.wrapped or stuck
        self.scroll = Scroll(dy=-TOP if stuck else round(screenshot.height * PAGE_SHARE))
        return False
